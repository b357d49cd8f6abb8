//! The demo's monitor by itself: every picture, the airings, and figures that can be judged.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_demos_monitor_leaves_its_pictures_its_airings_and_its_figures() {
    let folder = super::pictures("demo");
    let done = Command::new(env!("CARGO_BIN_EXE_machiai-demo"))
        .args(["--own-daemon", "--screen", "alone", "--out", folder.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    for picture in ["card", "film", "call", "notice", "substitute"] {
        let path = folder.join(format!("screen-{picture}.png"));
        let reader =
            png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
        assert_eq!(reader.info().size(), (1920, 1080));
    }
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["held"], true, "{check}");
    }
    let screen = &report["screen"];
    assert_eq!((&screen["prepared"], &screen["refused"]), (&Value::from(7), &Value::from(3)), "{screen}");
    assert_eq!(screen["black_frames"], 0);
    for figure in ["frames", "switches", "cpu_s_per_s", "pss_mib"] {
        assert!(screen[figure].as_f64().is_some_and(|value| value > 0.0), "{figure}: {screen}");
    }
    for figure in ["dropped", "gap_frames_max", "gap_ms_max", "call_ms"] {
        assert!(screen[figure].is_number(), "{figure}: {screen}");
    }
    aired(&folder, screen["switches"].as_u64().unwrap());
}

/// Shows that the rows of what aired name every film, and that each row is rehearsed time.
fn aired(folder: &Path, n_switches: u64) {
    let airings = std::fs::read_to_string(folder.join("airings.csv")).unwrap();
    let n_rows = airings.lines().count() as u64 - 1;
    assert!(n_rows > n_switches && n_switches >= 6, "{n_rows} rows, {n_switches} switches");
    let real: Vec<&str> = airings.lines().skip(1).filter(|row| !row.ends_with(",yes")).collect();
    assert!(real.is_empty(), "told as if it had been real: {real:?}");
    for title in ["1080p30", "720p25", "vp9-opus", "silent", "still", "ten-bits", "substitute"] {
        assert!(airings.contains(&format!(",{title},")), "{title} did not air: {airings}");
    }
    for bad in ["damaged", "truncated", "empty"] {
        assert!(!airings.contains(bad), "{bad} aired: {airings}");
    }
}
