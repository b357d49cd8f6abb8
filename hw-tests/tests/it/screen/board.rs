//! The queue on a monitor: a real daemon says what is drawn, a real output composes it.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use machiai_hw_tests::demo::daemon::{Program, SITE};
use machiai_hw_tests::demo::stage::{Clinic, Stage, Wanted};
use machiai_hw_tests::films::luma_at;
use machiai_panel::Layout;
use machiai_screen::output::{Frame, Sink};
use machiai_screen::run::{ScreenError, Setting, run};
use serde_json::json;

use super::press;

/// How long anything may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// The latest frame, and how many there were.
#[derive(Default)]
struct Latest {
    frame: Mutex<(u64, Vec<u8>)>,
    came: Condvar,
}

impl Latest {
    /// Waits for a frame of which something is true, and returns it.
    fn until(&self, what: &str, is: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let frame = self.frame.lock().unwrap();
        let (frame, late) =
            self.came.wait_timeout_while(frame, SEEN_WITHIN, |(n, frame)| *n == 0 || !is(frame)).unwrap();
        assert!(!late.timed_out(), "never seen: {what}, in {} frames", frame.0);
        frame.1.clone()
    }
}

/// A screen in a thread of this process.
struct Screen {
    latest: Arc<Latest>,
    stop: Arc<AtomicBool>,
    running: Option<std::thread::JoinHandle<Result<(), ScreenError>>>,
}

impl Screen {
    fn start(socket: PathBuf) -> Self {
        let (latest, stop) = (Arc::<Latest>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&latest), Arc::clone(&stop));
        let take = move |frame: Frame<'_>| {
            let mut latest = kept.frame.lock().unwrap();
            latest.0 += 1;
            latest.1.clear();
            latest.1.extend_from_slice(frame.i420);
            drop(latest);
            kept.came.notify_all();
        };
        let sink = Sink::Frames(Arc::new(take));
        let setting = Setting { socket, monitor: "monitor1".to_owned(), layout: Layout::Landscape, sink };
        let running = std::thread::spawn(move || run(&setting, &stopped));
        Self { latest, stop, running: Some(running) }
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            running.join().unwrap().unwrap();
        }
    }
}

/// Luma of paper, and of the indigo of a call.
const PAPER: std::ops::RangeInclusive<u8> = 215..=255;
const INDIGO: std::ops::RangeInclusive<u8> = 30..=90;

/// A place that a call's ground covers and paper or the still otherwise: beside the frame's edge, at half height.
fn ground(frame: &[u8]) -> u8 {
    luma_at(frame, 1920, (1860, 600))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_shows_the_queue_and_a_call_over_all_and_survives_its_daemon() {
    let folder = super::pictures("board");
    let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
    let starts = "2026-11-24T09:10:00+09:00".to_owned();
    let mut stage = Stage::set(Wanted {
        program: &program,
        clinic: Clinic::of(&[]),
        out: &folder,
        rehearsal: (starts, 1),
        papers: None,
        has_lan: false,
    })
    .await
    .unwrap();
    let socket = stage.daemon.state().join("screen.sock");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let mut screen = Screen::start(socket);
    let see = |what: &str, is: &dyn Fn(&[u8]) -> bool| {
        let frame = screen.latest.until(what, is);
        super::picture(&folder.join(format!("{what}.png")), (1920, 1080), &frame);
    };
    see("board", &|frame| PAPER.contains(&ground(frame)) && luma_at(frame, 1920, (1288, 300)) < 120);

    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    press(&mut stage, "rooms/room1/call", json!({})).await;
    see("call", &|frame| INDIGO.contains(&ground(frame)));
    // It is over by itself, and fades.
    see("after", &|frame| PAPER.contains(&ground(frame)));
    let status = stage.api.get("status").await.unwrap();
    assert!(status["screens"]["monitor1"]["n_frames"].as_u64().unwrap() > 0, "{status}");

    // Without its daemon the monitor keeps its picture, and goes on composing.
    assert!(stage.daemon.stop().await.unwrap().success());
    let n_frames = screen.latest.frame.lock().unwrap().0;
    let kept = screen.latest.until("frames without a daemon", |_| true);
    let waited = screen.latest.frame.lock().unwrap();
    let (goes_on, late) =
        screen.latest.came.wait_timeout_while(waited, SEEN_WITHIN, |(n, _)| *n < n_frames + 30).unwrap();
    assert!(!late.timed_out() && PAPER.contains(&ground(&goes_on.1)) && !kept.is_empty());
    drop(goes_on);
    screen.end();
}
