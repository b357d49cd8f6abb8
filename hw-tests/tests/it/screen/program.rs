//! The program on a monitor: what the table says airs when it is approved, each airing is a fact, and a loop goes on
//! after its screen died.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use machiai_hw_tests::demo::stage::Stage;
use machiai_hw_tests::films::{Film, Seen};
use serde_json::{Value, json};

use super::monitor::Monitor;
use super::press;

/// How long a part of the program may take to be seen.
const AIRED_WITHIN: Duration = Duration::from_secs(60);

/// 2026-11-24T00:00:00+09:00, and a day, in milliseconds.
pub(super) const MIDNIGHT: i64 = 1_795_446_000_000;
pub(super) const DAY: i64 = 86_400_000;

/// Makes a film, puts it where the daemon keeps its content, and makes it known.
pub(super) async fn film(
    stage: &mut Stage,
    folder: &std::path::Path,
    (clip, n_frames): (u8, u16),
    kind: &str,
) -> String {
    let path = folder.join(format!("{clip}.mp4"));
    Film { sounds: false, ..Film::of(clip, n_frames) }.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let originals = stage.daemon.state().join("content").join("originals");
    std::fs::create_dir_all(&originals).unwrap();
    std::fs::File::create(originals.join(&hash)).unwrap().write_all(&bytes).unwrap();
    let content = json!({"content": hash, "kind": kind, "title": format!("film {clip}"),
        "duration_ms": u32::from(n_frames) * 1_000 / 30});
    press(stage, "program/contents", content).await;
    hash
}

/// Returns the films seen so far, each once for every time that it began.
fn clips(pictures: &[Seen]) -> Vec<u8> {
    let mut clips: Vec<u8> = Vec::new();
    let mut last = None;
    for seen in pictures {
        if let Seen::Picture { clip, frame } = *seen {
            if last.is_none_or(|(before, at)| before != clip || frame < at) {
                clips.push(clip);
            }
            last = Some((clip, frame));
        }
    }
    clips
}

/// Waits until films were seen to begin so often.
async fn until_begun(monitor: &Monitor, n_clips: usize) -> Vec<u8> {
    let looked = tokio::time::timeout(AIRED_WITHIN, async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let clips = clips(&monitor.pictures.lock().unwrap());
            if clips.len() >= n_clips {
                return clips;
            }
        }
    });
    let seen = looked.await;
    seen.unwrap_or_else(|_| panic!("only {:?}", clips(&monitor.pictures.lock().unwrap())))
}

/// Returns the facts of a kind, as they were exported.
pub(super) async fn facts(stage: &Stage, kind: &str) -> Vec<Value> {
    let exported = stage.daemon.ask(&["journal", "export"]).await.unwrap();
    let facts = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    facts.filter(|fact| fact["kind"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_table_airs_in_order_and_goes_on_where_it_was_after_the_screen_died() {
    let folder = super::pictures("program");
    let made = tempfile::tempdir().unwrap();
    let mut stage = super::stage(&folder).await;
    let socket: PathBuf = stage.daemon.state().join("screen.sock");
    let health = film(&mut stage, made.path(), (11, 60), "provided").await;
    let advert = film(&mut stage, made.path(), (12, 45), "provided").await;
    let own = film(&mut stage, made.path(), (13, 30), "own").await;
    film(&mut stage, made.path(), (19, 40), "substitute").await;
    let items: Vec<Value> = [("a", &health), ("b", &advert), ("c", &own)]
        .map(|(item, content)| json!({"item": item, "content": content}))
        .to_vec();
    let table = json!({"table": "week48", "revision": 1, "from": MIDNIGHT, "to": MIDNIGHT + 7 * DAY,
        "deadline": MIDNIGHT + DAY, "slots": [{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]});
    press(&mut stage, "program/tables", table).await;

    // Before anybody approved it, the vendor's films rest and the clinic's own airs.
    let mut monitor = Monitor::start(socket.clone());
    let before = until_begun(&monitor, 3).await;
    assert!(before.iter().all(|clip| [13, 19].contains(clip)), "{before:?}");
    super::picture(&folder.join("substitute.png"), (1920, 1080), &monitor.latest.until("a film", |_| true));

    let approve = json!({"do": "approve", "table": "week48", "revision": 1, "replaced": []});
    press(&mut stage, "program", approve).await;
    let n_before = clips(&monitor.pictures.lock().unwrap()).len();
    let aired = until_begun(&monitor, n_before + 8).await;
    // One more may have been cued before the approval.
    let after = &aired[n_before + 2..];
    let follows = |pair: &[u8]| matches!(pair, [11, 12] | [12, 13] | [13, 11]);
    assert!(after.windows(2).all(follows), "{aired:?}");
    assert!(monitor.pictures.lock().unwrap().iter().all(|seen| *seen != Seen::Black));
    super::picture(&folder.join("film.png"), (1920, 1080), &monitor.latest.until("a film", |_| true));

    // Each airing is written once, with its pictures.
    let (begun, ended) = (facts(&stage, "AiringBegun").await, facts(&stage, "AiringEnded").await);
    assert!(
        begun.len() >= ended.len() && begun.len() <= ended.len() + 1,
        "{} begun, {} ended",
        begun.len(),
        ended.len()
    );
    for end in &ended {
        let of = &end["body"]["begun"];
        let of = begun.iter().find(|begun| (&begun["origin"], &begun["seq"]) == (&of["origin"], &of["seq"]));
        let duration_ms = of.unwrap_or_else(|| panic!("{end} ends nothing"))["body"]["duration_ms"].as_u64().unwrap();
        assert_eq!(end["body"]["frames"], (duration_ms * 30).div_ceil(1_000), "{end}");
        assert_eq!(end["body"].get("cut"), None, "{end}");
    }

    // The screen dies and comes back: the loop goes on with the next item, not with its first.
    let last = *clips(&monitor.pictures.lock().unwrap()).last().unwrap();
    until_said_to_be_gone(&stage, false).await;
    monitor.end();
    until_said_to_be_gone(&stage, true).await;
    let again = Monitor::start(socket);
    let first = until_begun(&again, 1).await[0];
    until_said_to_be_gone(&stage, false).await;
    let next = match last {
        11 => 12,
        12 => 13,
        _ => 11,
    };
    let airs = facts(&stage, "AiringBegun").await;
    assert!(first == next || first == last, "{last}, then {first}, of {} airings", airs.len());
    assert_ne!((last, first), (11, 11), "it began anew");
    let mut again = again;
    again.end();
    assert_eq!(facts(&stage, "ContentQuarantined").await, Vec::<Value>::new());
    told_on_the_command_line(&stage, (&health, &begun)).await;
}

/// Waits until staff are told, or no longer, that a monitor is gone and patients are to be called by voice.
pub(super) async fn until_said_to_be_gone(stage: &Stage, is_gone: bool) {
    until_told(stage, "monitor_gone", is_gone).await;
}

/// Waits until staff are told of a trouble, or no longer.
pub(super) async fn until_told(stage: &Stage, trouble: &str, is_told: bool) {
    let looked = tokio::time::timeout(AIRED_WITHIN, async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let status = stage.api.get("status").await.unwrap();
            if status["troubles"].as_array().unwrap().contains(&json!(trouble)) == is_told {
                return;
            }
        }
    });
    looked.await.unwrap_or_else(|_| panic!("{trouble} is never told: {is_told}"));
}

/// Asks the command line what aired and why, while the daemon runs.
async fn told_on_the_command_line(stage: &Stage, (health, begun): (&str, &[Value])) {
    let csv = stage.daemon.ask(&["airings", "export", "--month", "2026-11"]).await.unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert!(csv.starts_with("\u{FEFF}airing,part,monitor,content,kind,title,table,"), "{csv}");
    for fact in begun {
        let name = format!("{}-{}", fact["origin"].as_str().unwrap(), fact["seq"]);
        let row: Vec<&Vec<&str>> = rows.iter().filter(|row| row[0] == name).collect();
        assert_eq!(row.len(), 1, "{name} in {csv}");
        assert_eq!((row[0][2], row[0][3]), ("monitor1", fact["body"]["content"].as_str().unwrap()));
    }
    let shown = rows.iter().find(|row| row[3] == health && row[15] == "whole").expect("the film, whole");
    assert_eq!((shown[4], shown[5], shown[6], shown[9], shown[13]), ("provided", "film 11", "week48", "a", "60"));
    assert_eq!(stage.daemon.ask(&["airings", "export", "--month", "2026-10"]).await.unwrap().lines().count(), 1);

    let on_its_day = stage.daemon.ask(&["explain", "program", "--at", "2026-11-27T10:00"]).await.unwrap();
    let is_approved = on_its_day.contains("番組表のとおりに流しています。") || on_its_day.contains("医院のコンテンツ");
    assert!(on_its_day.starts_with("2026-11-27 10:00:00\nfilm ") && is_approved, "{on_its_day}");
    let long_before = stage.daemon.ask(&["explain", "program", "--at", "2026-11-01T10:00"]).await.unwrap();
    assert!(long_before.contains("この期間の番組表がないため、医院のご案内を表示しています。"), "{long_before}");
    assert!(stage.daemon.ask(&["explain", "program", "--at", "yesterday"]).await.is_err());
}
