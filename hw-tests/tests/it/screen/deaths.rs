//! The screen or the daemon is killed in the middle of an item. A picture stays, what was seen is written once with the
//! reason, staff are told, and the loop goes on.

use std::time::Duration;

use machiai_hw_tests::demo::daemon::write;
use machiai_hw_tests::demo::stage::Stage;
use machiai_hw_tests::films::{Seen, luma_at, read};
use machiai_hw_tests::glass::Sight;
use rstest::rstest;
use serde_json::{Value, json};

use super::monitor::{Latest, Monitor};
use super::program::{facts, until_said_to_be_gone};
use super::scenes::airing_films;
use super::windows::{Grab, Process, Xvfb};

/// How long a fact may take to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// Returns the film and the picture of it that a frame shows.
fn film(frame: &[u8]) -> Option<(u8, u16)> {
    if let Seen::Picture { clip, frame } = read(frame, 1920) { Some((clip, frame)) } else { None }
}

/// Whether a frame is in the middle of a film, of ten seconds each here: a second is past, and most is to come.
fn is_amid(frame: &[u8], wanted: u8) -> bool {
    film(frame).is_some_and(|(clip, nth)| clip == wanted && (40..100).contains(&nth))
}

/// Waits until so many facts of a kind are written.
pub(super) async fn until_written(stage: &Stage, kind: &str, n_facts: usize) -> Vec<Value> {
    let looked = tokio::time::timeout(WRITTEN_WITHIN, async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let written = facts(stage, kind).await;
            if written.len() >= n_facts {
                return written;
            }
        }
    });
    looked.await.unwrap_or_else(|_| panic!("never {n_facts} of {kind}"))
}

/// Whether the board's clock is seen on its paper, in whatever language the rest is.
fn is_beside_queue(frame: &[u8]) -> bool {
    luma_at(frame, 1920, (1900, 20)) > 215 && (1700..1880).step_by(3).any(|x| luma_at(frame, 1920, (x, 64)) < 120)
}

/// Waits for the end of a film that plays on without a daemon: its last picture stays, the board beside it.
fn holds_its_picture(latest: &Latest) {
    let held = latest.until("the film's end", |frame| film(frame) == Some((41, 299)));
    assert!(is_beside_queue(&held), "no queue beside the film");
    let n_frames = latest.frame.lock().unwrap().0;
    latest.after(n_frames + 30, |frame| {
        assert!(is_beside_queue(frame), "the queue went away");
        assert_eq!(film(frame), Some((41, 299)), "the picture went away");
    });
}

/// Returns the ends of an airing.
fn ends_of<'a>(begun: &Value, ended: &'a [Value]) -> Vec<&'a Value> {
    let is_its = |end: &&Value| {
        let of = &end["body"]["begun"];
        (&of["origin"], &of["seq"]) == (&begun["origin"], &begun["seq"])
    };
    ended.iter().filter(is_its).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_is_killed_leaves_a_picture_a_fact_and_a_line_on_the_desk() {
    let folder = super::pictures("deaths");
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    let films = airing_films(&mut stage, made.path(), &[41, 42]).await;
    let server = Xvfb::start("1280x720");
    let grab = Grab::of_x11(&server.display);
    let socket = stage.daemon.state().join("screen.sock");
    let start = || Process::screen(&socket, "x11", &[("DISPLAY", server.display.as_str())]);
    let mut screen = start();
    grab.latest.until("the middle of a film", |frame| is_amid(frame, 41));
    until_said_to_be_gone(&stage, false).await;

    screen.kill();
    until_said_to_be_gone(&stage, true).await;
    // Nothing of a window is left on an X server: white, not black.
    let left = grab.latest.until("what is left", |frame| film(frame).is_none() && !Sight::Board.is_in(frame));
    super::picture(&folder.join("left.png"), (1920, 1080), &left);
    assert!(left[..1920 * 1080].iter().all(|luma| *luma > 200), "dark where the screen was");
    let (begun, ended) = (facts(&stage, "AiringBegun").await, until_written(&stage, "AiringEnded", 1).await);
    assert_eq!((begun.len(), ended.len()), (1, 1), "{begun:?} {ended:?}");
    assert_eq!(ends_of(&begun[0], &ended)[0]["body"]["cut"], "screen_gone");
    // It says once a second how much was seen.
    let n_frames = ended[0]["body"]["frames"].as_u64().unwrap();
    assert!((15..240).contains(&n_frames), "{n_frames} pictures were seen");

    // The loop goes on with what comes after it.
    let mut again = start();
    until_said_to_be_gone(&stage, false).await;
    let next = grab.latest.until("a film", |frame| film(frame).is_some());
    assert_eq!(film(&next).map(|(clip, _)| clip), Some(42));
    let begun = until_written(&stage, "AiringBegun", 2).await;
    assert_eq!([&begun[0], &begun[1]].map(|fact| &fact["body"]["content"]), [&films[0], &films[1]]);
    assert_eq!(facts(&stage, "AiringEnded").await.len(), 1, "one end, written once");
    again.kill();
}

#[rstest]
#[case::in_the_middle(false)]
#[case::after_the_end(true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_leaves_the_picture_and_each_airing_written_once(#[case] is_late: bool) {
    let folder = super::pictures("deaths");
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    airing_films(&mut stage, made.path(), &[41, 42]).await;
    let mut monitor = Monitor::start(stage.daemon.state().join("screen.sock"));
    monitor.latest.until("the middle of a film", |frame| is_amid(frame, 41));
    let begun = until_written(&stage, "AiringBegun", 1).await;

    stage.daemon.kill().unwrap();
    if is_late {
        holds_its_picture(&monitor.latest);
    }

    // A daemon that comes back five minutes later goes on with what comes after it.
    let config = stage.daemon.state().with_file_name("machiai.toml");
    let told = std::fs::read_to_string(&config).unwrap();
    assert!(told.contains("T09:10:00"), "{told}");
    write(&config, told.replace("T09:10:00", "T09:15:00")).unwrap();
    stage.daemon.run().await.unwrap();
    monitor.latest.until("the other film", |frame| film(frame).is_some_and(|(clip, _)| clip == 42));
    let all = until_written(&stage, "AiringBegun", 2).await;
    assert_eq!(all[0], begun[0]);
    let ended = until_written(&stage, "AiringEnded", 1).await;
    assert_eq!(ends_of(&all[0], &ended), Vec::<&Value>::new(), "no end is made up for what nobody saw the end of");
    let end = ends_of(&all[1], &ended)[0];
    assert_eq!((&end["body"]["frames"], end["body"].get("cut")), (&json!(300), None), "{end}");
    let csv = stage.daemon.ask(&["airings", "export", "--month", "2026-11"]).await.unwrap();
    let name = format!("{}-{},", begun[0]["origin"].as_str().unwrap(), begun[0]["seq"]);
    let rows: Vec<&str> = csv.lines().filter(|line| line.starts_with(&name)).collect();
    assert!(rows.len() == 1 && rows[0].contains("last_evidence"), "{csv}");
    monitor.end();
}
