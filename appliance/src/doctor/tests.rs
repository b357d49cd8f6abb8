//! Every finding, from the world in which it is found, and the words of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use machiai_core::envelope::Trust;
use machiai_core::facts::PrintTrouble;
use machiai_core::health::{HealthReported, ScreenHealth};
use machiai_core::time::AtMs;
use machiai_panel::words::Words;

use super::devices::{DeviceRead, PrinterRead};
use super::eye::Eye;
use super::look::{World, examine};
use super::machine::{CopyRead, DiskRead};
use super::network::{CertificateRead, WayOut};
use super::probe::Hop;
use super::told::Daemon;
use super::{Check, Finding, Grade, report};
use crate::app::Trouble;
use crate::link::told::{HubStatus, Wrong};
use crate::link::trial::Figures;
use crate::surface::printer::Outcome;
use crate::vault::{Keeper, Vault};

/// A Tuesday morning in November 2026.
const NOW: AtMs = AtMs(1_795_471_200_000);

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A machine on which all is well, in a folder, and what else is known of it.
struct Machine {
    root: tempfile::TempDir,
    world: World,
}

impl Machine {
    fn well() -> Self {
        let root = tempfile::tempdir().unwrap();
        let world = World {
            eye: Eye::at(root.path()),
            now: NOW,
            is_synced: true,
            told: Some(daemon()),
            disk: Some(DiskRead { free_mib: 50_000, size_mib: 100_000, is_read_only: false }),
            copies: CopyRead { is_due: true, last: Some(NOW.plus_ms(-3_600_000)) },
            vault: sealed_by(Keeper::Tpm),
            printers: BTreeMap::from([("kiosk".parse().unwrap(), PrinterRead::Well)]),
            devices: BTreeMap::from([("box1".parse().unwrap(), DeviceRead::Well)]),
            way: WayOut {
                has_hub: true,
                needs_certificate: true,
                proxy: None,
                names_proxy: false,
                reached: Some(Ok(())),
            },
            certificate: CertificateRead::Until(NOW.plus_ms(60 * DAY_MS)),
            lan: None,
        };
        let machine = Self { root, world };
        for (path, text) in [
            ("sys/class/rtc/rtc0/since_epoch", "1795471201"),
            ("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable:    2048000 kB\n"),
            ("proc/vmstat", "nr_free_pages 1\noom_kill 0\n"),
            ("proc/asound/cards", " 0 [PCH   ]: HDA-Intel - HDA Intel PCH\n             HDA Intel PCH at 0xf\n"),
            ("proc/net/tcp", "  sl  local_address\n   0: 0100007F:1FAE 00000000:0000 0A 0\n"),
            ("sys/class/drm/card0-HDMI-A-1/status", "connected\n"),
            ("sys/class/drm/card0-HDMI-A-1/dpms", "On\n"),
            ("sys/module/kernel/parameters/consoleblank", "0\n"),
            ("etc/systemd/logind.conf", "[Login]\nHandleLidSwitch=suspend\n"),
            ("etc/systemd/logind.conf.d/10-clinic.conf", "[Login]\nHandleLidSwitch=ignore\n"),
            ("proc/acpi/button/lid/LID0/state", "open\n"),
            ("usr/lib/udev/rules.d/85-brltty.rules", ""),
            ("usr/lib/udev/rules.d/99-machiai-braille.rules", ""),
            ("usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Regular.ttf", ""),
            ("usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf", ""),
            ("usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", ""),
        ] {
            machine.write(path, text);
        }
        for plugin in super::machine::PLUGINS {
            machine.write(&format!("usr/lib/x86_64-linux-gnu/gstreamer-1.0/{}", plugin.0), "");
        }
        for target in ["sleep.target", "suspend.target"] {
            std::os::unix::fs::symlink("/dev/null", machine.path(&format!("etc/systemd/system/{target}"))).unwrap();
        }
        machine
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path(path), text).unwrap();
    }

    fn remove(&self, path: &str) {
        let path = self.root.path().join(path);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    fn told(&mut self) -> &mut Daemon {
        self.world.told.as_mut().unwrap()
    }

    fn device(&mut self, read: DeviceRead) {
        self.world.devices.values_mut().for_each(|device| *device = read);
    }

    fn printer(&mut self, read: PrinterRead) {
        self.world.printers.values_mut().for_each(|printer| *printer = read.clone());
    }
}

const LINE: Figures = Figures { latency_ms: 18, up_kbit_s: 20_000, down_kbit_s: 90_000 };

fn daemon() -> Daemon {
    let health = HealthReported {
        version: "0.1.0".into(),
        clock: Trust::Synced,
        disk: None,
        line: None,
        n_unsent: 0,
        printers: BTreeMap::new(),
        screens: BTreeMap::from([("monitor1".parse().unwrap(), ScreenHealth::Shown)]),
        troubles: Vec::new(),
    };
    Daemon { health, hub: Some(hub(None)), lacks: None, devices: BTreeMap::new(), line: Some(LINE) }
}

fn hub(wrong: Option<Wrong>) -> HubStatus {
    HubStatus { mode: None, n_pending: 0, n_missing: 0, came_at_ms: None, wrong, why: None, pause: None }
}

/// Breaks a machine that is well.
type Broken = fn(&mut Machine);

/// Each finding that is not as it should be, with what makes it so.
const BROKEN: &[(&str, Grade, Broken)] = &[
    ("daemon_down", Grade::Broken, |it| it.world.told = None),
    ("daemon_stuck", Grade::Broken, |it| it.told().lacks = Some("the writer does not answer".into())),
    ("disk_full", Grade::Broken, |it| {
        it.told().health.troubles = vec!["disk_full".into()];
        it.told().lacks = Some("the disk is full".into());
    }),
    ("config_refused", Grade::Note, |it| it.told().health.troubles = vec!["config_refused".into()]),
    ("clock_impossible", Grade::Broken, |it| it.world.now = AtMs(0)),
    ("clock_stepped", Grade::Broken, |it| it.told().health.clock = Trust::Lost),
    ("clock_unsynced", Grade::Note, |it| it.world.is_synced = false),
    ("rtc_absent", Grade::Note, |it| it.remove("sys/class/rtc")),
    ("rtc_off", Grade::Note, |it| it.write("sys/class/rtc/rtc0/since_epoch", "1795467600")),
    ("disk_unknown", Grade::Note, |it| it.world.disk = None),
    ("disk_low", Grade::Note, |it| it.world.disk.as_mut().unwrap().free_mib = 2_047),
    ("disk_nearly_full", Grade::Broken, |it| it.world.disk.as_mut().unwrap().free_mib = 63),
    ("disk_read_only", Grade::Broken, |it| it.world.disk.as_mut().unwrap().is_read_only = true),
    ("memory_unknown", Grade::Note, |it| it.write("proc/meminfo", "MemAvailable: lots kB\n")),
    ("memory_low", Grade::Note, |it| it.write("proc/meminfo", "MemAvailable: 262143 kB\n")),
    ("memory_killed", Grade::Note, |it| it.write("proc/vmstat", "oom_kill 3\n")),
    ("printer_none", Grade::Note, |it| it.world.printers.clear()),
    ("printer_settings", Grade::Broken, |it| it.printer(PrinterRead::BadSettings)),
    ("printer_paper_out", Grade::Broken, |it| it.printer(PrinterRead::Wrong(PrintTrouble::PaperOut))),
    ("printer_cover_open", Grade::Broken, |it| it.printer(PrinterRead::Wrong(PrintTrouble::CoverOpen))),
    ("printer_unreachable", Grade::Broken, |it| it.printer(PrinterRead::Wrong(PrintTrouble::Unreachable))),
    ("printer_mechanism", Grade::Broken, |it| it.printer(PrinterRead::Wrong(PrintTrouble::Mechanism))),
    ("printer_silent", Grade::Broken, |it| it.printer(PrinterRead::Wrong(PrintTrouble::Silent))),
    ("printer_unconfirmed", Grade::Broken, |it| {
        it.printer(PrinterRead::Tested(Outcome::Unconfirmed(PrintTrouble::Broken)));
    }),
    ("monitor_none", Grade::Note, |it| {
        it.remove("sys/class/drm");
        it.told().health.screens.clear();
    }),
    ("monitor_quiet", Grade::Broken, |it| set_screens(it, ScreenHealth::Gone)),
    ("monitor_failed", Grade::Broken, |it| set_screens(it, ScreenHealth::Failed)),
    ("monitor_unplugged", Grade::Broken, |it| it.write("sys/class/drm/card0-HDMI-A-1/status", "disconnected\n")),
    ("monitor_dark", Grade::Note, |it| it.write("sys/class/drm/card0-HDMI-A-1/dpms", "Off\n")),
    ("sound_none", Grade::Note, |it| it.write("proc/asound/cards", "--- no soundcards ---\n")),
    ("fonts_missing", Grade::Broken, |it| it.remove("usr/share/fonts/opentype")),
    ("codecs_missing", Grade::Broken, |it| {
        it.remove("usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstlibav.so");
    }),
    ("port_others", Grade::Note, |it| {
        it.write("proc/net/tcp", "   0: 00000000:0016 00000000:0000 0A 0\n   1: 0100007F:0277 00000000:0000 0A 0\n");
    }),
    ("copy_none", Grade::Note, |it| it.world.copies.last = None),
    ("copy_old", Grade::Broken, |it| it.world.copies.last = Some(NOW.plus_ms(-3 * 3_600_000))),
    ("keys_on_disk", Grade::Note, |it| it.world.vault = sealed_by(Keeper::Disk)),
    ("secrets_locked", Grade::Broken, |it| {
        // The daemon's own word of it says less.
        it.told().health.troubles = vec!["secrets_locked".into()];
        it.world.vault = Vault::Locked;
    }),
    ("line_short", Grade::Note, |it| it.told().line = Some(Figures { down_kbit_s: 2_000, ..LINE })),
    ("network_shut", Grade::Broken, |it| it.told().health.troubles = vec!["network_shut".into()]),
    ("proxy_gone", Grade::Broken, |it| {
        it.world.way.proxy = Some("proxy.clinic.example:3128".into());
        it.world.way.reached = Some(Err(Hop::Proxy));
    }),
    ("hub_no_proxy", Grade::Broken, |it| reach(it, Hop::Proxy)),
    ("proxy_only_named", Grade::Note, |it| it.world.way.names_proxy = true),
    ("hub_no_name", Grade::Broken, |it| reach(it, Hop::Name { host: "hub.example".into() })),
    ("hub_no_line", Grade::Broken, |it| reach(it, Hop::Line { host: "hub.example".into() })),
    ("hub_no_tls", Grade::Broken, |it| reach(it, Hop::Tls { why: "UnknownIssuer".into() })),
    ("hub_no_answer", Grade::Broken, |it| reach(it, Hop::Answer { why: "nothing came in time".into() })),
    ("no_line", Grade::Broken, |it| it.told().hub = Some(hub(Some(Wrong::NoLine)))),
    ("resting", Grade::Note, |it| it.told().hub = Some(hub(Some(Wrong::Resting)))),
    ("certificate_ends", Grade::Note, |it| {
        it.world.certificate = CertificateRead::Until(NOW.plus_ms(14 * DAY_MS - 1));
    }),
    ("certificate_over", Grade::Broken, |it| it.world.certificate = CertificateRead::Until(NOW)),
    ("certificate_none", Grade::Broken, |it| it.world.certificate = CertificateRead::None),
    ("certificate_unreadable", Grade::Broken, |it| it.world.certificate = CertificateRead::Unreadable),
    ("sleep_allowed", Grade::Note, |it| it.remove("etc/systemd/system/suspend.target")),
    ("lid_sleeps", Grade::Note, |it| it.remove("etc/systemd/logind.conf.d")),
    ("console_blanks", Grade::Note, |it| it.write("sys/module/kernel/parameters/consoleblank", "600\n")),
    ("braille_takes", Grade::Note, |it| it.remove("usr/lib/udev/rules.d/99-machiai-braille.rules")),
    ("device_away", Grade::Broken, |it| {
        // The daemon's own word of it says less.
        it.told().health.troubles = vec!["device_away".into()];
        it.device(DeviceRead::Away);
    }),
    ("key_stuck", Grade::Broken, |it| it.device(DeviceRead::Stuck)),
];

fn sealed_by(by: Keeper) -> Vault {
    Vault::Open { key: [0x5e; 32], by }
}

fn set_screens(it: &mut Machine, health: ScreenHealth) {
    it.told().health.screens.values_mut().for_each(|screen| *screen = health);
}

fn reach(it: &mut Machine, hop: Hop) {
    it.world.way.reached = Some(Err(hop));
}

/// What else may be found as it should be.
const WELL: &[(&str, Broken)] = &[
    ("unseen", |it| {
        // What the kernel hides within a unit: no device is missing for that.
        it.remove("proc");
        it.world.lan = Some(8443);
    }),
    ("monitor_connected", |it| it.told().health.screens.clear()),
    ("printer_untried", |it| it.printer(PrinterRead::Untried)),
    ("printer_mute", |it| it.printer(PrinterRead::Mute)),
    ("printer_tested", |it| it.printer(PrinterRead::Tested(Outcome::Printed))),
    ("device_untried", |it| it.device(DeviceRead::Untried)),
    ("proxy_ok", |it| it.world.way.proxy = Some("proxy.clinic.example:3128".into())),
    ("hub_none", |it| it.world.way.has_hub = false),
    ("copy_unused", |it| it.world.copies = CopyRead { is_due: false, last: None }),
    ("keys_bare", |it| it.world.vault = Vault::Bare),
    ("keys_unseen", |it| {
        it.write("usr/lib/systemd/system/machiai-key.service", "");
        it.world.vault = Vault::Bare;
    }),
    ("line_untried", |it| it.told().line = None),
    ("hub_untried", |it| it.world.way.reached = None),
    ("certificate_unneeded", |it| it.world.way.needs_certificate = false),
    ("ports_ok", |it| {
        // The box's own door, and this machine's own addresses in both notations.
        it.world.lan = Some(8443);
        let own = "   0: 00000000000000000000000000000000:20FB 0:0 0A 0\n\
             \u{20}  1: 00000000000000000000000001000000:1F90 0:0 0A 0\n\
             \u{20}  2: 0000000000000000FFFF00000100007F:1F91 0:0 0A 0\n\
             \u{20}  3: 0000000000000000FFFF00000100000A:1F92 0:0 01 0\n";
        it.write("proc/net/tcp6", own);
    }),
];

fn codes(findings: &[Finding], worse: Grade) -> Vec<(&str, Grade)> {
    let wanted = findings.iter().filter(|finding| finding.grade >= worse);
    wanted.map(|finding| (finding.code.as_str(), finding.grade)).collect()
}

#[test]
fn a_machine_on_which_all_is_well_has_one_good_finding_of_each_kind() {
    let machine = Machine::well();
    let findings = examine(&machine.world);
    assert_eq!(codes(&findings, Grade::Note), []);
    let checks: BTreeSet<Check> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks.len(), 19, "{findings:?}");
}

#[test]
fn each_broken_world_has_its_finding_and_no_other() {
    for (code, grade, broken) in BROKEN {
        let mut machine = Machine::well();
        broken(&mut machine);
        let findings = examine(&machine.world);
        let mut expected = vec![(*code, *grade)];
        // Without the proxy nobody comes further.
        if *code == "proxy_gone" {
            expected.push(("hub_no_proxy", Grade::Broken));
        }
        assert_eq!(codes(&findings, Grade::Note), expected, "{code}");
    }
    for (code, otherwise) in WELL {
        let mut machine = Machine::well();
        otherwise(&mut machine);
        let findings = examine(&machine.world);
        assert_eq!(codes(&findings, Grade::Note), [], "{code}");
        assert!(findings.iter().any(|finding| finding.code == *code), "{code}: {findings:?}");
    }
}

#[test]
fn the_worst_comes_first_and_says_with_which_status_the_program_ends() {
    let words = Words::built_in().unwrap();
    let mut machine = Machine::well();
    assert_eq!(report(&words, examine(&machine.world)).worst.exit_status(), 0);
    machine.remove("usr/lib/udev/rules.d/99-machiai-braille.rules");
    assert_eq!(report(&words, examine(&machine.world)).worst.exit_status(), 2);
    machine.printer(PrinterRead::Wrong(PrintTrouble::PaperOut));
    let report = report(&words, examine(&machine.world));
    assert_eq!(report.worst.exit_status(), 3);
    let first: Vec<&str> = report.findings.iter().take(2).map(|told| told.finding.code.as_str()).collect();
    assert_eq!(first, ["printer_paper_out", "braille_takes"]);
    let text = report.text();
    assert!(
        text.starts_with("  MEND  プリンター kiosk の用紙がありません。\n          -> 用紙を入れてください。"),
        "{text}"
    );
    assert!(text.contains("        Printer kiosk is out of paper.\n          -> Put in paper."), "{text}");
}

#[test]
fn whatever_is_looked_at_has_its_name_on_the_page_of_health() {
    let page = include_str!("../../../kiosk-assets/pages/health.html");
    let tables: Vec<&str> = page.lines().filter(|line| line.trim_start().starts_with("\"checks\"")).collect();
    assert_eq!(tables.len(), 2);
    let mut machine = Machine::well();
    machine.device(DeviceRead::Well);
    for finding in examine(&machine.world) {
        let check = serde_json::to_string(&finding.check).unwrap();
        assert!(tables.iter().all(|table| table.contains(&format!("{check}: "))), "{check}");
    }
}

#[test]
fn every_finding_has_its_words_and_whoever_is_asked_to_act_is_told_how() {
    let words = Words::built_in().unwrap();
    let good = examine(&Machine::well().world).into_iter().map(|finding| finding.code);
    let good: BTreeSet<String> = good.chain(WELL.iter().map(|(code, _)| (*code).to_owned())).collect();
    let bad: BTreeSet<&str> = BROKEN.iter().map(|(code, ..)| *code).collect();
    for lang in [machiai_core::facts::Lang::Ja, machiai_core::facts::Lang::En] {
        let table = words.table(lang, "doctor");
        let known = |code: &str| table.contains_key(code) || words.get(lang, "status", code).is_some();
        assert!(good.iter().all(|code| table.contains_key(code.as_str())), "{lang:?}: {good:?}");
        assert!(bad.iter().all(|code| known(code)), "{lang:?}");
        for (code, grade, _) in BROKEN {
            let said = Finding::new(Check::Daemon, *grade, code).said(&words, lang);
            assert!(!said.then.is_empty() && said.what != *code, "{code} in {lang:?}");
        }
        // No sentence stands there for what is never found.
        let asked = |key: &str| key.strip_suffix("_do").unwrap_or(key).to_owned();
        let spare: Vec<&&str> = table
            .keys()
            .filter(|key| **key != "trouble_do" && !good.contains(&asked(key)) && !bad.contains(asked(key).as_str()))
            .collect();
        assert!(spare.is_empty(), "{lang:?}: {spare:?}");
    }
    for trouble in Trouble::ALL {
        let code = serde_json::to_value(trouble).unwrap();
        assert!(words.get(machiai_core::facts::Lang::Ja, "status", code.as_str().unwrap()).is_some());
    }
}

#[test]
fn a_box_that_should_copy_and_never_did_is_told_apart_from_one_that_need_not() {
    let machine = Machine::well();
    let look = || CopyRead::look(&machine.world.eye, machine.root.path());
    assert_eq!((look(), look().told()), (CopyRead { is_due: false, last: None }, None));
    machine.write("usr/lib/systemd/system/machiai-backup.timer", "");
    assert_eq!((look(), look().told()), (CopyRead { is_due: true, last: None }, Some(AtMs(0))));
    let mark = std::fs::File::create(machine.path("copied")).unwrap();
    mark.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0.cast_unsigned())).unwrap();
    assert_eq!((look(), look().told()), (CopyRead { is_due: true, last: Some(NOW) }, Some(NOW)));
}

#[test]
fn a_file_that_is_not_text_or_endless_is_unknown_and_no_more() {
    let machine = Machine::well();
    machine.write("proc/meminfo", "MemAvailable: lots kB");
    machine.write("proc/vmstat", "oom_kill");
    machine.write("sys/class/rtc/rtc0/since_epoch", "soon");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(machine.path("proc/net/tcp"), [0xff, 0xfe, b'\n', b':', b' ', b'0', b'A']).unwrap();
    let findings = examine(&machine.world);
    assert_eq!(codes(&findings, Grade::Note), [("rtc_absent", Grade::Note), ("memory_unknown", Grade::Note)]);
    assert!(Eye::at(Path::new("/nowhere")).text("proc/meminfo").is_none());
}
