//! Switches over films of every kind, good and bad, with calls over them.

use std::path::Path;
use std::process::Command;

use machiai_hw_tests::power::cuts::times_torture;
use machiai_hw_tests::soak::Figures;

#[test]
fn no_switch_shows_a_black_or_wrong_picture_whatever_the_file() {
    let n_switches = if times_torture(1) > 1 { 1_000 } else { 30 };
    let folder = tempfile::tempdir().unwrap();
    let figures = folder.path().join("soak.json");
    // In a process of its own, with as few arenas as the screen's unit gives it: more would count as memory that grows.
    let ended = Command::new(Path::new(env!("CARGO_BIN_EXE_machiai-demo")))
        .args(["soak", "--switches", &n_switches.to_string(), "--out"])
        .arg(&figures)
        .env("MALLOC_ARENA_MAX", "2")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    let figures: Figures = serde_json::from_slice(&std::fs::read(&figures).expect("figures")).unwrap();
    assert_eq!(figures.faults(), Vec::<String>::new(), "{told}");
    assert_eq!(figures.switches, n_switches);
    assert!(figures.bad > 0 && figures.calls > 0, "{figures:?}");
    assert!(figures.judged.compared > 10 * n_switches as u64, "{figures:?}");
}
