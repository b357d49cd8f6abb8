//! What is found of the machine itself: clock, disk, memory, sound, fonts, codecs, power, and what takes serial lines.

use std::path::Path;

use machiai_core::envelope::Trust;
use machiai_core::time::{AtMs, HOUR_MS};

use super::eye::Eye;
use super::{Check, Finding, Grade};
use crate::clock::FLOOR;
use crate::vault::{Keeper, Vault};

/// A clock of the machine's board that is off by more than this is worth knowing, in seconds.
const RTC_OFF_S: i64 = 60;

/// Less free than this is worth knowing, and this is broken, in mebibytes.
const DISK_LOW_MIB: u64 = 2_048;
/// See [`DISK_LOW_MIB`].
const DISK_FULL_MIB: u64 = 64;

/// Less memory to spare than this is worth knowing, in mebibytes: the daemon, a screen and a film to prepare.
const MEMORY_LOW_MIB: u64 = 256;

/// What is read of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockRead {
    /// The wall clock.
    pub(crate) wall: AtMs,
    /// Whether a time server has set it.
    pub(crate) is_synced: bool,
    /// The clock of the machine's board, in seconds since 1970; none where there is none.
    pub(crate) rtc_s: Option<i64>,
    /// How far the daemon trusts its clock; none while it does not run.
    pub(crate) trust: Option<Trust>,
}

impl ClockRead {
    /// Reads the clock of the board beside the wall clock, of which is known whether a time server has set it.
    pub(crate) fn look(eye: &Eye, (wall, is_synced): (AtMs, bool), trust: Option<Trust>) -> Self {
        let rtc_s = eye.word("/sys/class/rtc/rtc0/since_epoch").and_then(|text| text.parse().ok());
        Self { wall, is_synced, rtc_s, trust }
    }
}

/// Judges time.
pub(crate) fn clock(read: &ClockRead) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Clock, grade, code);
    let shown = read.wall.in_tokyo().strftime("%Y-%m-%d %H:%M").to_string();
    if read.wall < FLOOR {
        return vec![found(Grade::Broken, "clock_impossible").with("shown", shown)];
    }
    if read.trust == Some(Trust::Lost) {
        return vec![found(Grade::Broken, "clock_stepped").with("shown", shown)];
    }
    let mut findings = Vec::new();
    if !read.is_synced {
        findings.push(found(Grade::Note, "clock_unsynced").with("shown", &shown));
    }
    match read.rtc_s.map(|rtc_s| rtc_s.saturating_sub(read.wall.0 / 1_000)) {
        None => findings.push(found(Grade::Note, "rtc_absent")),
        Some(off_s) if off_s.abs() > RTC_OFF_S => findings.push(found(Grade::Note, "rtc_off").with("n", off_s.abs())),
        Some(_) => {}
    }
    if findings.is_empty() {
        findings.push(found(Grade::Ok, "clock_ok").with("shown", shown));
    }
    findings
}

/// What is read of the disk that holds the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskRead {
    /// What is free for us.
    pub(crate) free_mib: u64,
    /// All of it.
    pub(crate) size_mib: u64,
    /// Whether nothing can be written.
    pub(crate) is_read_only: bool,
}

impl DiskRead {
    /// Reads the disk that holds a folder.
    pub(crate) fn look(folder: &Path) -> Option<Self> {
        let told = rustix::fs::statvfs(folder).ok()?;
        let mib = |n_blocks: u64| n_blocks.saturating_mul(told.f_frsize) >> 20;
        let is_read_only = told.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
        Some(Self { free_mib: mib(told.f_bavail), size_mib: mib(told.f_blocks), is_read_only })
    }
}

/// Judges the disk; none where the folder is not there yet.
pub(crate) fn disk(read: Option<DiskRead>) -> Finding {
    let found = |grade, code| Finding::new(Check::Disk, grade, code);
    let Some(read) = read else { return found(Grade::Note, "disk_unknown") };
    let judged = match read {
        DiskRead { is_read_only: true, .. } => found(Grade::Broken, "disk_read_only"),
        DiskRead { free_mib, .. } if free_mib < DISK_FULL_MIB => found(Grade::Broken, "disk_nearly_full"),
        DiskRead { free_mib, .. } if free_mib < DISK_LOW_MIB => found(Grade::Note, "disk_low"),
        DiskRead { .. } => found(Grade::Ok, "disk_ok"),
    };
    judged.with("free", read.free_mib).with("size", read.size_mib)
}

/// What is read of the hourly copy of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyRead {
    /// Whether one is to be made here: the package's timer is there.
    pub(crate) is_due: bool,
    /// When the last one was whole; none where there never was one.
    pub(crate) last: Option<AtMs>,
}

/// Whether the package's unit of a name is there.
pub(crate) fn has_unit(eye: &Eye, unit: &str) -> bool {
    ["/usr", ""].iter().any(|at| eye.is_there(&format!("{at}/lib/systemd/system/{unit}")))
}

impl CopyRead {
    /// Reads the mark that each copy leaves in the state folder.
    pub(crate) fn look(eye: &Eye, state: &Path) -> Self {
        let modified = std::fs::metadata(state.join("copied")).and_then(|mark| mark.modified()).ok();
        let since = modified.and_then(|at| at.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
        Self {
            is_due: has_unit(eye, "machiai-backup.timer"),
            last: since.and_then(|since| i64::try_from(since.as_millis()).ok()).map(AtMs),
        }
    }

    /// Returns the instant that whoever watches machines is told: 1970 where a copy is due and there never was one.
    pub(crate) fn told(self) -> Option<AtMs> {
        self.last.or_else(|| self.is_due.then_some(AtMs(0)))
    }
}

/// Judges the copies, at an instant.
pub(crate) fn copies(read: CopyRead, now: AtMs) -> Finding {
    let found = |grade, code| Finding::new(Check::Copies, grade, code);
    match read.last.map(|last| now.since(last) / HOUR_MS) {
        None if read.is_due => found(Grade::Note, "copy_none"),
        None => found(Grade::Ok, "copy_unused"),
        Some(hours) if read.is_due && hours >= COPY_OLD_HOURS => found(Grade::Broken, "copy_old").with("n", hours),
        Some(_) => found(Grade::Ok, "copy_ok"),
    }
}

/// After so many hours a copy that is made every hour has failed.
const COPY_OLD_HOURS: i64 = 3;

/// Judges what seals the box's keys, where the package's own unit is there or not.
pub(crate) fn keys(vault: &Vault, is_due: bool) -> Finding {
    let found = |grade, code| Finding::new(Check::Keys, grade, code);
    match vault {
        Vault::Open { by: Keeper::Tpm, .. } => found(Grade::Ok, "keys_ok"),
        Vault::Open { by: Keeper::Disk, .. } => found(Grade::Note, "keys_on_disk"),
        Vault::Locked => found(Grade::Broken, "secrets_locked"),
        // Root alone finds the key.
        Vault::Bare if is_due => found(Grade::Ok, "keys_unseen"),
        Vault::Bare => found(Grade::Ok, "keys_bare"),
    }
}

/// What is read of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryRead {
    /// What can be had, in mebibytes; none where the kernel does not say.
    pub(crate) available_mib: Option<u64>,
    /// How many processes were ended for want of it since the machine started.
    pub(crate) n_killed: u64,
}

impl MemoryRead {
    /// Reads what the kernel says of memory.
    pub(crate) fn look(eye: &Eye) -> Self {
        let available_kib = number_after(&eye.text("/proc/meminfo").unwrap_or_default(), "MemAvailable:");
        let n_killed = number_after(&eye.text("/proc/vmstat").unwrap_or_default(), "oom_kill");
        Self { available_mib: available_kib.map(|kib| kib / 1_024), n_killed: n_killed.unwrap_or(0) }
    }
}

/// Returns the number that follows a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|first| *first == name)?;
        words.next()?.parse().ok()
    })
}

/// Judges memory.
pub(crate) fn memory(read: &MemoryRead) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Memory, grade, code);
    let mut findings = Vec::new();
    if read.n_killed > 0 {
        findings.push(found(Grade::Note, "memory_killed").with("n", read.n_killed));
    }
    findings.push(match read.available_mib {
        None => found(Grade::Note, "memory_unknown"),
        Some(mib) if mib < MEMORY_LOW_MIB => found(Grade::Note, "memory_low").with("free", mib),
        Some(mib) => found(Grade::Ok, "memory_ok").with("free", mib),
    });
    findings
}

/// Judges sound, by the list of cards.
pub(crate) fn sound(eye: &Eye) -> Finding {
    let cards = eye.text("/proc/asound/cards").unwrap_or_default();
    let is_card = |line: &&str| line.trim_start().starts_with(|first: char| first.is_ascii_digit());
    match cards.lines().filter(is_card).count() {
        0 => Finding::new(Check::Sound, Grade::Note, "sound_none"),
        n => Finding::new(Check::Sound, Grade::Ok, "sound_ok").with("n", n),
    }
}

/// The files without which nothing is drawn, and the Debian packages that bring them.
const FONTS: [(&str, &str); 3] = [
    ("/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Regular.ttf", "fonts-morisawa-bizud-gothic"),
    ("/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf", "fonts-morisawa-bizud-gothic"),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "fonts-noto-cjk"),
];

/// Judges fonts.
pub(crate) fn fonts(eye: &Eye) -> Finding {
    let missing = missing(&FONTS, |font| eye.is_there(font));
    if missing.is_empty() {
        return Finding::new(Check::Fonts, Grade::Ok, "fonts_ok");
    }
    Finding::new(Check::Fonts, Grade::Broken, "fonts_missing").with("packages", missing)
}

/// Plugins without which a film, a call or the monitor's picture lacks something, and the Debian packages of them.
pub(super) const PLUGINS: [(&str, &str); 9] = [
    ("libgstvideoconvertscale.so", "gstreamer1.0-plugins-base"),
    ("libgstplayback.so", "gstreamer1.0-plugins-base"),
    ("libgstcompositor.so", "gstreamer1.0-plugins-base"),
    ("libgstaudiomixer.so", "gstreamer1.0-plugins-base"),
    ("libgstisomp4.so", "gstreamer1.0-plugins-good"),
    ("libgstvideoparsersbad.so", "gstreamer1.0-plugins-bad"),
    ("libgstopenh264.so", "gstreamer1.0-plugins-bad"),
    ("libgstlibav.so", "gstreamer1.0-libav"),
    ("libgstalsa.so", "gstreamer1.0-alsa"),
];

/// Judges what films are decoded with.
pub(crate) fn codecs(eye: &Eye) -> Finding {
    let folders: Vec<String> =
        eye.names("/usr/lib").into_iter().map(|name| format!("/usr/lib/{name}/gstreamer-1.0")).collect();
    let has = |plugin: &str| folders.iter().any(|folder| eye.is_there(&format!("{folder}/{plugin}")));
    let missing = missing(&PLUGINS, has);
    if missing.is_empty() {
        return Finding::new(Check::Codecs, Grade::Ok, "codecs_ok");
    }
    Finding::new(Check::Codecs, Grade::Broken, "codecs_missing").with("packages", missing)
}

/// Lists the packages of the files that are not there, each once.
fn missing(files: &[(&str, &str)], is_there: impl Fn(&str) -> bool) -> String {
    let mut packages: Vec<&str> =
        files.iter().filter(|(file, _)| !is_there(file)).map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages.join(" ")
}

/// Targets by which a machine goes to sleep.
const SLEEPS: [&str; 4] = ["sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target"];

/// Judges whether the machine may sleep, or a console go dark.
pub(crate) fn power(eye: &Eye) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Power, grade, code);
    let is_masked = |target: &str| {
        ["/etc/systemd/system", "/run/systemd/system"]
            .iter()
            .any(|folder| eye.leads_to(&format!("{folder}/{target}"), "/dev/null"))
    };
    let mut findings = Vec::new();
    if !SLEEPS.iter().take(2).all(|target| is_masked(target)) {
        findings.push(found(Grade::Note, "sleep_allowed").with("targets", SLEEPS.join(" ")));
    }
    if !eye.names("/proc/acpi/button/lid").is_empty() && lid_act(eye).as_deref() != Some("ignore") {
        findings.push(found(Grade::Note, "lid_sleeps"));
    }
    let blank = eye.word("/sys/module/kernel/parameters/consoleblank");
    if let Some(after_s) = blank.filter(|after_s| !matches!(after_s.as_str(), "0" | "")) {
        findings.push(found(Grade::Note, "console_blanks").with("n", after_s));
    }
    if findings.is_empty() {
        findings.push(found(Grade::Ok, "power_ok"));
    }
    findings
}

/// Returns what happens when the lid is closed, as the last file that says so has it.
fn lid_act(eye: &Eye) -> Option<String> {
    let beside =
        eye.names("/etc/systemd/logind.conf.d").into_iter().map(|name| format!("/etc/systemd/logind.conf.d/{name}"));
    let files = std::iter::once("/etc/systemd/logind.conf".to_owned()).chain(beside);
    let act = |file: String| {
        let text = eye.text(&file)?;
        let line = text.lines().rev().find_map(|line| line.trim().strip_prefix("HandleLidSwitch="));
        line.map(|act| act.trim().to_owned())
    };
    files.filter_map(act).next_back()
}

/// Judges whether a program for braille terminals would take serial adapters for its own.
pub(crate) fn serial(eye: &Eye) -> Finding {
    let is_braille = |name: &String| name.contains("brltty");
    let folders = ["/usr/lib/udev/rules.d", "/lib/udev/rules.d"];
    let has_braille = folders.iter().any(|folder| eye.names(folder).iter().any(is_braille));
    let has_ours = folders.iter().any(|folder| eye.is_there(&format!("{folder}/99-machiai-braille.rules")));
    if has_braille && !has_ours {
        return Finding::new(Check::Serial, Grade::Note, "braille_takes");
    }
    Finding::new(Check::Serial, Grade::Ok, "serial_ok")
}
