//! What is seen beside films: notices, an emergency, the board's own still, and a monitor that is dark by the hours.

use std::path::PathBuf;
use std::time::Duration;

use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::demo::stage::Stage;
use machiai_hw_tests::films::{Seen, luma_at, read};
use serde_json::{Value, json};

use super::monitor::Monitor;
use super::press;
use super::program::{DAY, MIDNIGHT, facts, film};

/// How long a fact may take to light a dark monitor.
const LIT_WITHIN: Duration = Duration::from_secs(1);

/// Luma of a notice's paper, of its strip and the band of caution, of ink, and of indigo.
const PAPER: std::ops::RangeInclusive<u8> = 215..=235;
const BAND: std::ops::RangeInclusive<u8> = 205..=218;
const INK: std::ops::RangeInclusive<u8> = 35..=50;
const INDIGO: std::ops::RangeInclusive<u8> = 51..=62;

fn is_film(frame: &[u8]) -> bool {
    matches!(read(frame, 1920), Seen::Picture { .. })
}

/// Whether the film's region has a notice's paper at its lower edge, and ink at the left of its band.
fn is_urgent(frame: &[u8]) -> bool {
    BAND.contains(&luma_at(frame, 1920, (1200, 20)))
        && INK.contains(&luma_at(frame, 1920, (10, 50)))
        && PAPER.contains(&luma_at(frame, 1920, (640, 714)))
}

fn is_plain(frame: &[u8]) -> bool {
    BAND.contains(&luma_at(frame, 1920, (1200, 20)))
        && INDIGO.contains(&luma_at(frame, 1920, (10, 50)))
        && PAPER.contains(&luma_at(frame, 1920, (640, 714)))
}

/// Whether an emergency lies over all: its foot, and its ground beside the film's region.
fn is_emergency(frame: &[u8]) -> bool {
    INK.contains(&luma_at(frame, 1920, (1900, 1070)))
        && INK.contains(&luma_at(frame, 1920, (10, 10)))
        && BAND.contains(&luma_at(frame, 1920, (1900, 540)))
}

fn is_black(frame: &[u8]) -> bool {
    frame.get(..1920 * 1080).is_some_and(|luma| !luma.is_empty() && luma.iter().step_by(97).all(|value| *value < 24))
}

/// Puts the clinic's own films, of ten seconds each, on the disk and in a table; returns their names.
pub(super) async fn airing_films(stage: &mut Stage, made: &std::path::Path, clips: &[u8]) -> Vec<String> {
    airing_films_of(300, (stage, made), clips).await
}

/// As [`airing_films`], of so many pictures each.
pub(super) async fn airing_films_of(
    n_pictures: u16,
    (stage, made): (&mut Stage, &std::path::Path),
    clips: &[u8],
) -> Vec<String> {
    let mut items = Vec::new();
    let mut hashes = Vec::new();
    for clip in clips {
        let content = film(stage, made, (*clip, n_pictures), "own").await;
        items.push(json!({"item": format!("i{clip}"), "content": content.clone()}));
        hashes.push(content);
    }
    let table = json!({"table": "week48", "revision": 1, "from": MIDNIGHT, "to": MIDNIGHT + 7 * DAY,
        "deadline": MIDNIGHT + DAY, "slots": [{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]});
    press(stage, "program/tables", table).await;
    hashes
}

async fn ask(stage: &mut Stage, body: Value) -> Value {
    press(stage, "program", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_notice_and_an_emergency_cut_a_film_and_the_board_comes_out_when_nothing_airs() {
    let folder = super::pictures("scenes");
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    let socket: PathBuf = stage.daemon.state().join("screen.sock");
    let films = airing_films(&mut stage, made.path(), &[21]).await;
    let mut monitor = Monitor::start(socket);
    let see = |what: &str, is: &dyn Fn(&[u8]) -> bool| {
        let frame = monitor.latest.until(what, is);
        super::picture(&folder.join(format!("{what}.png")), (1920, 1080), &frame);
    };
    see("film", &is_film);

    let text = json!({"ja": "本日の午後は休診いたします。", "en": "The clinic is closed this afternoon."});
    ask(&mut stage, json!({"do": "set_notice", "text": text, "until": MIDNIGHT + DAY})).await;
    see("urgent", &is_urgent);
    let text = json!({"ja": "地震です。頭を守ってください。", "en": "Earthquake. Protect your head."});
    ask(&mut stage, json!({"do": "begin_emergency", "text": text})).await;
    see("emergency", &is_emergency);
    // Nothing lies over an emergency, not even a call.
    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    press(&mut stage, "rooms/room1/call", json!({})).await;
    let n_before = monitor.latest.frame.lock().unwrap().0;
    monitor.latest.after(n_before + 30, |frame| assert!(is_emergency(frame), "a call lies over it"));
    ask(&mut stage, json!({"do": "end_emergency"})).await;
    see("urgent again", &is_urgent);
    ask(&mut stage, json!({"do": "withdraw_notice"})).await;
    see("film again", &is_film);

    // With its last film withdrawn and the next one not here, the board's own still comes out: no film, and no notice.
    ask(&mut stage, json!({"do": "rest_own", "content": films[0]})).await;
    let missing = "ee".repeat(32);
    let told = json!({"content": missing, "kind": "own", "title": "not here", "duration_ms": 10_000});
    press(&mut stage, "program/contents", told).await;
    let items = [json!({"item": "gone", "content": missing})];
    let none = json!({"table": "week48", "revision": 2, "from": MIDNIGHT, "to": MIDNIGHT + 7 * DAY,
        "deadline": MIDNIGHT + DAY, "slots": [{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]});
    press(&mut stage, "program/tables", none).await;
    see("card", &|frame| {
        read(frame, 1920) == Seen::Other && !is_urgent(frame) && luma_at(frame, 1920, (640, 714)) > 200
    });
    assert!(monitor.pictures.lock().unwrap().iter().all(|seen| *seen != Seen::Black), "black between them");

    let cuts: Vec<Value> = facts(&stage, "AiringEnded").await.iter().map(|end| end["body"]["cut"].clone()).collect();
    assert!(cuts.contains(&json!("urgent_notice")), "{cuts:?}");
    let skipped = facts(&stage, "ItemSkipped").await;
    let of_it = skipped.iter().filter(|fact| fact["body"]["content"] == missing);
    assert_eq!(of_it.map(|fact| &fact["body"]["why"]).collect::<Vec<_>>(), ["content_missing"], "said once");
    monitor.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_notice_takes_its_turn_among_films_and_is_written_down() {
    let folder = super::pictures("notices");
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    let socket: PathBuf = stage.daemon.state().join("screen.sock");
    airing_films(&mut stage, made.path(), &[22]).await;
    let scene = json!({"template": "notice", "headline": {"ja": "年末年始の休診", "en": "Closed over the New Year"},
        "text": {"ja": "12月29日（火）から1月3日（日）まで休診いたします。"}});
    ask(&mut stage, json!({"do": "keep_notice", "scene": scene, "duration_ms": 5_000, "title": "年末年始"})).await;
    let kept = facts(&stage, "ContentSet").await;
    let content = kept.iter().find(|fact| fact["body"]["kind"] == "notice").unwrap()["body"]["content"].clone();
    let own =
        json!({"do": "air_own", "content": content, "from": "2026-11-20", "until": "2026-12-31", "every_loop": true});
    ask(&mut stage, own).await;
    let mut monitor = Monitor::start(socket);
    let frame = monitor.latest.until("a notice", is_plain);
    super::picture(&folder.join("notice.png"), (1920, 1080), &frame);
    monitor.latest.until("a film after it", is_film);
    monitor.latest.until("the notice again", is_plain);
    let begun = facts(&stage, "AiringBegun").await;
    assert!(begun.iter().any(|fact| fact["body"]["content"] == content), "{begun:?}");
    assert!(monitor.pictures.lock().unwrap().iter().all(|seen| *seen != Seen::Black));
    monitor.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_is_dark_by_the_hours_and_whoever_comes_lights_it_within_a_second() {
    let folder = super::pictures("dark");
    let mut stage = super::stage_at(&folder, "2026-11-24T03:00:00+09:00").await;
    let mut monitor = Monitor::start(stage.daemon.state().join("screen.sock"));
    monitor.latest.until("the dark", is_black);
    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await;
    monitor.latest.within(LIT_WITHIN, "light for who waits", |frame| !is_black(frame));
    press(&mut stage, "rooms/room1/call", json!({})).await;
    monitor.latest.until("the call", |frame| {
        assert!(!is_black(frame), "it went dark before the call");
        // Indigo, which is lighter than the paper of the night.
        (48..=70).contains(&luma_at(frame, 1920, (1860, 600)))
    });
    monitor.end();
}
