//! Somebody pulls the monitor's plug: the program goes on, what airs meanwhile is not said to have been seen, and staff
//! are told.

use std::fs;

use machiai_hw_tests::demo::daemon::write;
use machiai_screen::lamp::Lamp;
use machiai_screen::voice::VoicePaths;

use super::deaths::until_written;
use super::monitor::Monitor;
use super::program::until_said_to_be_gone;
use super::scenes::airing_films_of;

#[tokio::test(flavor = "multi_thread")]
async fn what_airs_while_the_plug_is_pulled_is_not_said_to_be_seen() {
    let folder = super::pictures("lamp");
    let made = tempfile::tempdir().unwrap();
    let connector = made.path().join("drm/card1-HDMI-A-1");
    fs::create_dir_all(&connector).unwrap();
    write(&connector.join("dpms"), "On\n").unwrap();
    let plug = |status: &str| write(&connector.join("status"), format!("{status}\n")).unwrap();
    plug("connected");

    let mut stage = super::stage(&folder).await;
    airing_films_of(120, (&mut stage, made.path()), &[51, 52]).await;
    let socket = stage.daemon.state().join("screen.sock");
    let lamp = Lamp { connectors: Some(made.path().join("drm")), name: Some("HDMI-A-1".to_owned()) };
    let mut monitor = Monitor::start_with(socket, VoicePaths::default(), lamp);
    let begun = until_written(&stage, "AiringBegun", 1).await;
    assert_eq!(begun[0]["body"]["seen"], "lit");
    until_said_to_be_gone(&stage, false).await;

    plug("disconnected");
    until_said_to_be_gone(&stage, true).await;
    let ended = until_written(&stage, "AiringEnded", 1).await;
    assert_eq!((&ended[0]["body"]["seen"], ended[0]["body"].get("cut")), (&"dark".into(), None), "it aired to its end");
    let begun = until_written(&stage, "AiringBegun", 2).await;
    assert_eq!(begun[1]["body"]["seen"], "dark");
    let status = stage.api.get("status").await.unwrap();
    assert_eq!(status["screens"]["monitor1"]["seen"], "dark", "{status:#}");

    plug("connected");
    until_said_to_be_gone(&stage, false).await;
    // It was dark for a part of it, so nobody says that it was seen.
    let ended = until_written(&stage, "AiringEnded", 2).await;
    assert_eq!(ended[1]["body"]["seen"], "dark");
    let begun = until_written(&stage, "AiringBegun", 3).await;
    assert_eq!(begun[2]["body"]["seen"], "lit");
    let ended = until_written(&stage, "AiringEnded", 3).await;
    assert_eq!(ended[2]["body"]["seen"], "lit");
    let csv = stage.daemon.ask(&["airings", "export", "--month", "2026-11"]).await.unwrap();
    let head: Vec<&str> = csv.lines().next().unwrap().trim_start_matches('\u{FEFF}').split(',').collect();
    let at = head.iter().position(|name| *name == "lit_seconds").unwrap_or_else(|| panic!("{head:?}"));
    let lit: Vec<&str> = csv.lines().skip(1).take(3).map(|row| row.split(',').nth(at).unwrap()).collect();
    assert_eq!((&lit[..2], lit[2] == "0.000"), (&["0.000", "0.000"][..], false), "{csv}");
    monitor.end();
}
