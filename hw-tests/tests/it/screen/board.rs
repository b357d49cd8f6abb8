//! The queue on a monitor: a real daemon says what is drawn, a real output composes it.

use std::os::unix::fs::FileTypeExt as _;

use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::films::luma_at;
use serde_json::json;

use super::monitor::{Monitor, SEEN_WITHIN};
use super::press;

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
    let mut stage = super::stage(&folder).await;
    let socket = stage.daemon.state().join("screen.sock");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let mut screen = Monitor::start(socket);
    let see = |what: &str, is: &dyn Fn(&[u8]) -> bool| {
        let frame = screen.latest.until(what, is);
        super::picture(&folder.join(format!("{what}.png")), (1920, 1080), &frame);
    };
    see("board", &|frame| PAPER.contains(&ground(frame)) && luma_at(frame, 1920, (1288, 300)) < 120);

    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    assert!(*screen.louder.lock().unwrap() < 0.001, "silence before the first call");
    press(&mut stage, "rooms/room1/call", json!({})).await;
    see("call", &|frame| INDIGO.contains(&ground(frame)));
    // It is over by itself, and fades.
    see("after", &|frame| PAPER.contains(&ground(frame)));
    let louder = *screen.louder.lock().unwrap();
    assert!((0.2..1.0).contains(&louder), "the chime was heard at {louder}");
    let status = stage.api.get("status").await.unwrap();
    assert!(status["screens"]["monitor1"]["n_frames"].as_u64().unwrap() > 0, "{status}");
    // No machine on which this runs has a decoder of its own.
    assert_eq!(status["screens"]["monitor1"]["decoding"], "software", "{status}");

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
