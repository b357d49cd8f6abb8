//! A sound device that was never there, comes, dies and comes again, in a real sound server: calls are heard whenever
//! there is one, and the picture goes on whatever it does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_panel::Layout;
use machiai_panel::link::{Heard, Speech};
use machiai_screen::canvas::Canvas;
use machiai_screen::lamp::Lamp;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::voice::VoicePaths;

use super::monitor::Monitor;
use super::program::until_told;

/// How long anything may take: a device is tried every two seconds.
const WITHIN: Duration = Duration::from_secs(20);

/// The longest time for which the picture may stand, whatever a sound device does; on a busy machine it stands a little.
const MOST_STANDSTILL: Duration = Duration::from_millis(500);

/// The most power, of samples a second, that is silence; and how long it is silent after a chime, in samples of both
/// channels.
const QUIET: f64 = 1e-6;
const AFTER: usize = 48_000;

#[test]
fn a_sound_device_that_comes_is_heard_and_one_that_dies_stops_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("door");
    let frames = Arc::<Mutex<Frames>>::default();
    let mixed = Arc::<Mutex<Loudness>>::default();
    let (seen, sounded) = (Arc::clone(&frames), Arc::clone(&mixed));
    let take = move |composed: Composed<'_>| match composed {
        Composed::Frame(..) => seen.lock().unwrap().see(),
        Composed::Sound(_, samples) => sounded.lock().unwrap().hear(samples),
    };
    let output = Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap();
    output.be_heard_at(vec!["no-such-sink".to_owned(), device(&socket)]).unwrap();
    until("a picture", || frames.lock().unwrap().n > 30);
    assert_eq!(output.heard(), Heard::Never);

    let server = Server::start(folder.path(), &socket);
    until("a device that came", || output.heard() == Heard::Yes);
    a_call_is_heard((&output, &mixed), 1, &socket);
    server.kill();
    until("a device that died", || output.heard() == Heard::Gone);
    let n_frames = frames.lock().unwrap().n;
    until("the picture", || frames.lock().unwrap().n > n_frames + 30);

    let _server = Server::start(folder.path(), &socket);
    until("a device that came again", || output.heard() == Heard::Yes);
    a_call_is_heard((&output, &mixed), 2, &socket);
    assert!(output.fault().is_none());
    let longest = frames.lock().unwrap().longest;
    assert!(longest < MOST_STANDSTILL, "the picture stood for {longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_told_when_calls_are_not_heard_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let door = folder.path().join("door");
    let mut stage = super::stage(folder.path()).await;
    let (devices, socket) = (vec![device(&door)], stage.daemon.state().join("screen.sock"));
    let mut monitor = Monitor::start_at(devices, socket, VoicePaths::default(), Lamp::default());
    let heard = async |is: &str| {
        let status = async || stage.api.get("status").await.unwrap()["screens"]["monitor1"]["heard"] == is;
        let mut look = tokio::time::interval(Duration::from_millis(50));
        let looked = tokio::time::timeout(WITHIN, async {
            while !status().await {
                look.tick().await;
            }
        });
        looked.await.unwrap_or_else(|_| panic!("never said: {is}"));
    };
    heard("never").await;
    until_told(&stage, "sound_gone", false).await;
    let server = Server::start(folder.path(), &door);
    heard("yes").await;
    until_told(&stage, "sound_gone", false).await;
    server.kill();
    until_told(&stage, "sound_gone", true).await;
    heard("gone").await;
    let _server = Server::start(folder.path(), &door);
    until_told(&stage, "sound_gone", false).await;
    heard("yes").await;
    monitor.end();
    assert!(stage.daemon.stop().await.unwrap().success());
}

/// Shows that the whole of a call's chime comes out of the server, and that before it there was silence.
fn a_call_is_heard((output, mixed): (&Output, &Mutex<Loudness>), id: u64, socket: &Path) {
    let ear = Ear::open(socket);
    until("sound from the server", || ear.heard.lock().unwrap().n_pieces > 20);
    *mixed.lock().unwrap() = Loudness::default();
    assert!(ear.heard.lock().unwrap().power < QUIET, "it was loud before the call");
    output.announce(id, &Speech::default());
    let is_over = |heard: &Mutex<Loudness>| heard.lock().unwrap().is_over();
    until("the chime to its end", || {
        output.sound();
        is_over(mixed) && is_over(&ear.heard)
    });
    let (sent, came) = (mixed.lock().unwrap().power, ear.heard.lock().unwrap().power);
    assert!((0.9..1.1).contains(&(came / sent)), "{came} of {sent} was heard");
}

/// Waits until something is true.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !is() {
        assert!(watch.read() < WITHIN, "never came: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// What was seen of the picture.
#[derive(Default)]
struct Frames {
    n: u64,
    last: Option<Stopwatch>,
    longest: Duration,
}

impl Frames {
    fn see(&mut self) {
        self.n += 1;
        let stood = self.last.replace(Stopwatch::start()).map(|last| last.read());
        // The first picture of all may take as long as it likes.
        self.longest = self.longest.max(stood.filter(|_| self.n > 10).unwrap_or_default());
    }
}

/// A sound server with one device, which nobody hears.
struct Server(Child);

impl Server {
    fn start(folder: &Path, socket: &PathBuf) -> Self {
        drop(std::fs::remove_file(socket));
        let load = ["module-null-sink sink_name=room norewinds=1".to_owned(), unix(socket)]
            .map(|module| format!("--load={module}"));
        let server = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit=no"])
            .args(load)
            .env("HOME", folder)
            .env("XDG_RUNTIME_DIR", folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(server.unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Names the device as GStreamer describes it.
fn device(door: &Path) -> String {
    format!("pulsesink server=unix:{}", door.display())
}

/// Names the module that lets programs in.
fn unix(socket: &Path) -> String {
    format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display())
}

/// What comes out of the server.
struct Ear {
    heard: Arc<Mutex<Loudness>>,
    pipeline: gstreamer::Pipeline,
}

/// All that was heard of both channels.
#[derive(Default)]
struct Loudness {
    n_pieces: u64,
    /// The sum of all squares.
    power: f64,
    /// Samples since the last that was not silent.
    n_silent: usize,
}

impl Loudness {
    fn hear(&mut self, bytes: &[u8]) {
        let samples = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        self.n_pieces += 1;
        for sample in samples {
            let square = f64::from(sample) * f64::from(sample);
            self.power += square;
            self.n_silent = if square < QUIET { self.n_silent + 1 } else { 0 };
        }
    }

    /// Whether there was something, and silence after it.
    fn is_over(&self) -> bool {
        self.power > QUIET && self.n_silent > AFTER
    }
}

impl Ear {
    fn open(socket: &Path) -> Self {
        let described = format!(
            "pulsesrc server=unix:{} device=room.monitor ! audioconvert ! audioresample ! audio/x-raw,format=F32LE,rate=48000,channels=2 ! appsink name=heard sync=false",
            socket.display()
        );
        let pipeline = gstreamer::parse::launch(&described).unwrap().downcast::<gstreamer::Pipeline>().unwrap();
        let heard = Arc::<Mutex<Loudness>>::default();
        let hears = Arc::clone(&heard);
        let hear = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_ended| gstreamer::FlowError::Eos)?;
            let bytes = sample.buffer().unwrap().map_readable().unwrap();
            hears.lock().unwrap().hear(bytes.as_slice());
            Ok(gstreamer::FlowSuccess::Ok)
        };
        let sink = pipeline.by_name("heard").unwrap().downcast::<AppSink>().unwrap();
        sink.set_callbacks(AppSinkCallbacks::builder().new_sample(hear).build());
        pipeline.set_state(gstreamer::State::Playing).unwrap();
        Self { heard, pipeline }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.pipeline.set_state(gstreamer::State::Null).unwrap();
    }
}
