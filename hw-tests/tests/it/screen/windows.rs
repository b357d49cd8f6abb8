//! The screen as a process of its own, in a window of a real display server that has no glass, read back from the server.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::films::{Seen, luma_at, read};
use machiai_hw_tests::glass::{Sight, monotonic};
use rstest::rstest;
use serde_json::json;

use super::monitor::{Latest, SEEN_WITHIN};
use super::press;
use super::program::until_said_to_be_gone;
use super::scenes::airing_films;

/// How long a screen may take to end that has nothing to show any more.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// A process that is ended with its test.
pub(crate) struct Process(Child);

impl Process {
    /// Starts the screen.
    pub(crate) fn screen(socket: &Path, sink: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-demo"));
        command.args(["screen", "run", "--sink", sink, "--socket"]).arg(socket).stdin(Stdio::null());
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").envs(environment.iter().copied());
        Self(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Kills it, as a crash would.
    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end; returns how it ended and what it said.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let said = self.0.stderr.take().unwrap();
        let reading = tokio::task::spawn_blocking(move || std::io::read_to_string(said).unwrap());
        // What it says ends when it does.
        let said = tokio::time::timeout(ENDED_WITHIN, reading).await.expect("it goes on").unwrap();
        (self.0.wait().unwrap(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended when the test went well.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// An X server without glass.
pub(crate) struct Xvfb {
    pub(super) process: Process,
    pub(crate) display: String,
}

impl Xvfb {
    pub(crate) fn start(size: &str) -> Self {
        let screen = format!("{size}x24");
        let arguments = ["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &screen];
        let mut child = Command::new("Xvfb").args(arguments).stdout(Stdio::piped()).spawn().expect("Xvfb");
        let mut number = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { process: Process(child), display: format!(":{}", number.trim()) }
    }
}

/// A Wayland compositor without glass.
pub(super) struct Weston {
    _process: Process,
    folder: tempfile::TempDir,
}

impl Weston {
    fn start(width: u32, height: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("weston");
        command.args(["--backend=headless-backend.so", "--use-pixman", "--no-config", "--idle-time=0"]);
        // It lets a picture of it be taken only when it is told that it is looked into.
        command.args(["--debug", "--socket=glass", &format!("--width={width}"), &format!("--height={height}")]);
        command.env("XDG_RUNTIME_DIR", folder.path()).env_remove("DISPLAY");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("weston");
        Self { _process: Process(child), folder }
    }

    fn environment(&self) -> [(&str, &str); 2] {
        [("XDG_RUNTIME_DIR", self.folder.path().to_str().unwrap()), ("WAYLAND_DISPLAY", "glass")]
    }

    /// Waits until it listens.
    async fn listens(&self) {
        let looked = tokio::time::timeout(SEEN_WITHIN, async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            while UnixStream::connect(self.folder.path().join("glass")).is_err() {
                look.tick().await;
            }
        });
        looked.await.expect("weston does not listen");
    }

    /// Takes pictures of it until something is true of one, and leaves that.
    fn until(&self, file: &Path, is: impl Fn(&[u8]) -> bool) {
        let since = monotonic();
        while monotonic().saturating_sub(since) < SEEN_WITHIN {
            let taken = self.taken();
            let frame = taken.as_deref().and_then(i420);
            if let Some(frame) = frame.filter(|frame| is(frame)) {
                super::picture(file, (1920, 1080), &frame);
                return;
            }
        }
        panic!("never seen: {}", file.display());
    }

    /// Takes one picture; none while nothing is drawn there.
    fn taken(&self) -> Option<PathBuf> {
        let taking = self.folder.path().join("taken");
        // The picture before, if there was one.
        let _gone = std::fs::remove_dir_all(&taking);
        std::fs::create_dir(&taking).unwrap();
        let mut command = Command::new("weston-screenshooter");
        let done = command.envs(self.environment()).current_dir(&taking).output().expect("weston-screenshooter");
        let taken = std::fs::read_dir(&taking).unwrap().next();
        taken.filter(|_| done.status.success()).map(|file| file.unwrap().path())
    }
}

/// Reads a picture, and makes it as large as the screen's own.
fn i420(file: &Path) -> Option<Vec<u8>> {
    gst::init().unwrap();
    let description = format!("filesrc location={} ! pngdec", file.display());
    let pipeline = as_frames(&description);
    let sink = pipeline.by_name("frames").unwrap().downcast::<AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.pull_sample().ok();
    let frame = sample.and_then(|sample| Some(sample.buffer()?.map_readable().ok()?.to_vec()));
    pipeline.set_state(gst::State::Null).unwrap();
    frame
}

/// Builds what makes pictures as large as the screen's own, and hands them over.
fn as_frames(source: &str) -> gst::Pipeline {
    let description = format!(
        "{source} ! videoconvert ! videoscale add-borders=false \
         ! video/x-raw,format=I420,width=1920,height=1080,colorimetry=bt709 ! appsink name=frames sync=false"
    );
    gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap()
}

/// A display server's picture, read back and made as large as the screen's own.
pub(super) struct Grab {
    pipeline: gst::Pipeline,
    pub(super) latest: Arc<Latest>,
}

impl Grab {
    pub(super) fn of_x11(display: &str) -> Self {
        Self::start(&format!("ximagesrc display-name={display} use-damage=false show-pointer=true"))
    }

    fn start(source: &str) -> Self {
        gst::init().unwrap();
        let pipeline = as_frames(&format!("{source} ! video/x-raw,framerate=10/1"));
        let latest = Arc::<Latest>::default();
        let kept = Arc::clone(&latest);
        let take = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_ended| gst::FlowError::Eos)?;
            let map = sample.buffer().unwrap().map_readable().unwrap();
            let mut latest = kept.frame.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = (latest.0 + 1, map.to_vec());
            drop(latest);
            kept.came.notify_all();
            Ok(gst::FlowSuccess::Ok)
        };
        let sink = pipeline.by_name("frames").unwrap().downcast::<AppSink>().unwrap();
        sink.set_callbacks(AppSinkCallbacks::builder().new_sample(take).build());
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, latest }
    }
}

impl Drop for Grab {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

/// Whether a film is on its region, and the queue beside it.
fn is_film_and_queue(frame: &[u8]) -> bool {
    matches!(read(frame, 1920), Seen::Picture { clip: 31, .. }) && Sight::Board.is_in(frame)
}

#[rstest]
#[case::smaller("1280x720")]
#[case::as_large("1920x1080")]
#[case::larger("3840x2160")]
#[tokio::test(flavor = "multi_thread")]
async fn a_window_covers_an_x_server_of_any_size_without_a_pointer(#[case] size: &str) {
    let folder = super::pictures("x11").join(size);
    std::fs::create_dir_all(&folder).unwrap();
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    airing_films(&mut stage, made.path(), &[31]).await;
    let server = Xvfb::start(size);
    let grab = Grab::of_x11(&server.display);
    let _screen =
        Process::screen(&stage.daemon.state().join("screen.sock"), "x11", &[("DISPLAY", server.display.as_str())]);
    let see = |what: &str, is: &dyn Fn(&[u8]) -> bool| {
        let frame = grab.latest.until(what, is);
        super::picture(&folder.join(format!("{what}.png")), (1920, 1080), &frame);
        frame
    };
    let film = see("film", &is_film_and_queue);
    // The pointer stands in the middle of the server, where a film is grey all over.
    let around = (940..980).flat_map(|x| (520..560).map(move |y| (x, y)));
    let grey = around.map(|at| luma_at(&film, 1920, at)).collect::<Vec<_>>();
    assert!(grey.iter().all(|luma| (110..=130).contains(luma)), "a pointer is drawn");

    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    press(&mut stage, "rooms/room1/call", json!({})).await;
    see("call", &|frame| Sight::Call.is_in(frame));
}

#[rstest]
#[case::smaller(1280, 720)]
#[case::as_large(1920, 1080)]
#[tokio::test(flavor = "multi_thread")]
async fn a_window_covers_a_wayland_compositor_of_any_size(#[case] width: u32, #[case] height: u32) {
    let folder = super::pictures("wayland").join(format!("{width}x{height}"));
    std::fs::create_dir_all(&folder).unwrap();
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    airing_films(&mut stage, made.path(), &[31]).await;
    let server = Weston::start(width, height);
    server.listens().await;
    let _screen = Process::screen(&stage.daemon.state().join("screen.sock"), "wayland", &server.environment());
    let see = |what: &str, is: &dyn Fn(&[u8]) -> bool| server.until(&folder.join(format!("{what}.png")), is);
    see("film", &is_film_and_queue);
    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    press(&mut stage, "rooms/room1/call", json!({})).await;
    see("call", &|frame| Sight::Call.is_in(frame));
}

#[rstest]
#[case::no_x_server("x11", &[], "cannot open a window: DISPLAY is \"\"")]
#[case::a_dead_x_server("x11", &[("DISPLAY", ":65000")], "cannot speak to the X server at /tmp/.X11-unix/X65000")]
#[case::no_compositor("wayland", &[], "cannot open the output")]
#[case::no_monitor("kms", &[], "no monitor is connected")]
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_without_a_monitor_ends_and_says_so(
    #[case] sink: &str,
    #[case] environment: &[(&str, &str)],
    #[case] why: &str,
) {
    assert!(!Path::new("/dev/dri/card0").exists(), "this machine has a monitor");
    let folder = super::pictures("no-monitor");
    let stage = super::stage(&folder).await;
    let screen = Process::screen(&stage.daemon.state().join("screen.sock"), sink, environment);
    let (status, said) = screen.ended().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
    // Staff are told to call by voice, and whoever looks after the box why.
    until_said_to_be_gone(&stage, true).await;
    let told = stage.api.get("status").await.unwrap();
    assert!(told["screens_gone"]["monitor1"].as_str().is_some_and(|told| told.contains(why)), "{told}");
    assert_eq!(told["screens"], json!({}), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_whose_x_server_dies_ends_and_comes_back_with_it() {
    let folder = super::pictures("x11");
    let stage = super::stage(&folder).await;
    let socket = stage.daemon.state().join("screen.sock");
    for _ in 0..2 {
        let mut server = Xvfb::start("1280x720");
        let screen = Process::screen(&socket, "x11", &[("DISPLAY", server.display.as_str())]);
        {
            let grab = Grab::of_x11(&server.display);
            grab.latest.until("the board", |frame| Sight::Board.is_in(frame));
        }
        until_said_to_be_gone(&stage, false).await;
        server.process.kill();
        let (status, said) = screen.ended().await;
        assert!(!status.success(), "{said}");
        until_said_to_be_gone(&stage, true).await;
    }
}
