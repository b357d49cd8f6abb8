//! The units as systemd reads them: nothing in them that it does not know, and no more exposure than was decided.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use super::put;

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("systemd")
}

/// Every unit's name, in order.
fn names() -> Vec<String> {
    let all = fs::read_dir(units()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_unit = |name: &String| [".service", ".timer", ".socket"].iter().any(|kind| name.ends_with(kind));
    let mut units: Vec<String> = all.filter(is_unit).collect();
    units.sort();
    units
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Asks systemd how exposed a unit is, in tenths: whether it is at most so much, and what it says.
fn exposure(unit: &Path, most_tenths: u32) -> (bool, String) {
    // The threshold counts in hundredths of the whole, which is ten.
    let asked = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", &format!("--threshold={most_tenths}")])
        .arg(unit)
        .output()
        .unwrap();
    (asked.status.success(), said(&asked))
}

#[rstest]
#[case("machiai.service", 15)]
#[case("machiai-screen@.service", 5)]
#[case("machiai-prepare@.service", 3)]
#[case("machiai-backup.service", 5)]
#[case("machiai-key.service", 10)]
#[case("machiai-key-draw.service", 15)]
#[case("machiai-hub.service", 15)]
fn a_unit_is_exposed_no_more_than_was_decided(#[case] unit: &str, #[case] most_tenths: u32) {
    let unit = units().join(unit);
    let (is_below, told) = exposure(&unit, most_tenths);
    println!("{}", told.lines().last().unwrap_or_default());
    assert!(is_below, "{told}");

    // The same without one of its walls is too much, so that the question means something.
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join(unit.file_name().unwrap());
    let text = fs::read_to_string(&unit).unwrap();
    let fallen = text.replace("SystemCallFilter=", "#").replace("CapabilityBoundingSet=\n", "");
    assert_ne!(text, fallen);
    put(&open, &fallen);
    assert!(!exposure(&open, most_tenths).0, "a unit without its filters would pass");
}

/// Has systemd read all units, with programs that are installed in the stead of ours; returns whether it found nothing.
fn verify(spoil: impl Fn(&str) -> String) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = Vec::new();
    for name in names() {
        let text = fs::read_to_string(units().join(&name)).unwrap();
        // The packages' programs are not installed where tests run.
        let text =
            text.replace("/usr/bin/machiai-screen ", "/bin/true ").replace("/usr/bin/machiai-hub ", "/bin/true ");
        let text = text.replace("/usr/bin/machiai ", "/bin/true ").replace("/usr/lib/machiai/draw-key", "/bin/true");
        put(&folder.path().join(&name), &spoil(&text));
        asked.push(folder.path().join(name.replace("@.", "@monitor1.")));
    }
    let looked = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(asked)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .output()
        .unwrap();
    let told = said(&looked);
    (looked.status.success() && told.trim().is_empty(), told)
}

#[test]
fn systemd_finds_nothing_wrong_in_any_unit() {
    assert!(names().len() >= 7, "{:?}", names());
    let (is_good, told) = verify(str::to_owned);
    assert!(is_good, "{told}");
    let (is_good, told) = verify(|text| text.replace("ProtectHome=yes", "ProtectHomes=yes"));
    assert!(!is_good && told.contains("ProtectHomes"), "a key that systemd does not know passes:\n{told}");
}

/// Returns what a unit may open of devices, each with how.
fn devices_of(text: &str) -> Vec<&str> {
    assert!(text.lines().any(|line| line == "DevicePolicy=closed"), "devices are open to it");
    text.lines().filter_map(|line| line.strip_prefix("DeviceAllow=")).collect()
}

#[test]
fn the_daemon_may_open_printers_serial_lines_and_keypads_and_no_other_device() {
    let unit = fs::read_to_string(units().join("machiai.service")).unwrap();
    let serial = ["char-ttyUSB rw", "char-ttyACM rw", "char-ttyS rw"];
    let expected = [["char-usb rw"].as_slice(), &serial, &["char-input r"]].concat();
    assert_eq!(devices_of(&unit), expected);
    // It is in the group of no input device: a keyboard is let to it by a rule that names it.
    let groups = unit.lines().find_map(|line| line.strip_prefix("SupplementaryGroups=")).unwrap();
    assert_eq!(groups.split(' ').collect::<Vec<_>>(), ["lp", "dialout"]);
    let rules = fs::read_to_string(units().join("60-machiai.rules")).unwrap();
    let gives = rules.lines().filter(|line| !line.starts_with('#') && line.contains("SUBSYSTEM==\"input\""));
    let gives: Vec<&str> = gives.collect();
    assert_eq!(gives.len(), 1, "{gives:?}");
    assert!(gives[0].contains("ENV{MACHIAI_KEYPAD}==\"1\"") && gives[0].contains("MODE=\"0640\""), "{gives:?}");
}

/// Which directives restrict a unit, or let it do something.
fn is_wall(line: &str) -> bool {
    let walls =
        ["Protect", "Private", "Restrict", "Device", "SystemCall", "Capability", "NoNewPrivileges", "Memory", "Lock"];
    walls.iter().any(|wall| line.starts_with(wall))
}

/// Returns a paragraph of a unit that restricts or allows and says nowhere why.
fn without_reason(text: &str) -> Option<&str> {
    let mut paragraphs = text.split("\n\n");
    paragraphs.find(|paragraph| paragraph.lines().any(is_wall) && !paragraph.lines().any(|line| line.starts_with('#')))
}

#[test]
fn what_restricts_a_unit_says_why() {
    assert!(without_reason("[Service]\nProtectHome=yes\n").is_some());
    for name in names() {
        let text = fs::read_to_string(units().join(&name)).unwrap();
        assert_eq!(without_reason(&text), None, "{name}");
    }
}

/// Kinds of devices by the modules that know them; the kernel knows the other ones by itself.
const OF_MODULES: &[(&str, &str)] = &[
    ("char-ttyUSB", "usbserial"),
    ("char-ttyACM", "cdc_acm"),
    ("char-drm", "drm"),
    ("char-alsa", "snd"),
    ("char-tpm", "tpm_tis"),
];
const OF_THE_KERNEL: &[&str] = &["char-usb", "char-ttyS", "char-input"];

/// A kind that is not known when a unit starts is not let in: an adapter that is the first to be plugged in would be
/// refused until the next start.
#[test]
fn every_kind_of_device_that_is_let_in_is_known_before_the_unit_starts() {
    let mut n_kinds = 0;
    for name in names() {
        let text = fs::read_to_string(units().join(&name)).unwrap();
        let of = |key: &str| text.lines().filter_map(|line| line.strip_prefix(key)).collect::<Vec<_>>();
        for kind in of("DeviceAllow=") {
            let kind = kind.split(' ').next().unwrap();
            n_kinds += 1;
            let Some((_, module)) = OF_MODULES.iter().find(|(known, _)| *known == kind) else {
                assert!(OF_THE_KERNEL.contains(&kind), "{name}: which module knows {kind}?");
                continue;
            };
            let wanted = format!("modprobe@{module}.service");
            for key in ["Wants=", "After="] {
                assert!(
                    of(key).iter().any(|units| units.split(' ').any(|unit| unit == wanted)),
                    "{name}: {key}{wanted}"
                );
            }
        }
    }
    assert!(n_kinds >= 7, "{n_kinds}");
}
