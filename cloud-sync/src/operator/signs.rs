//! How a site does, judged from its row of the fleet: what is wrong comes first, and is a word, never a colour alone.

use machiai_core::envelope::{Envelope, Trust};
use machiai_core::facts::Fact;
use machiai_core::health::{Disk, HealthReported, Line, PrinterHealth, ScreenHealth};
use machiai_core::ids::SiteId;
use machiai_core::settings::Text;
use machiai_core::time::AtMs;

use crate::store::fleet::FleetRow;

/// A box that was not heard of for so long is in trouble, in seconds: it speaks each half minute at the least.
const SILENT_AFTER_S: u64 = 5 * 60;

/// Free space below which a box is in trouble, or soon may be: mebibytes, and per cent.
const LITTLE: (u64, u64) = (500, 5);
const FEW: (u64, u64) = (2_000, 10);

/// Days before its end at which a certificate should long be renewed, and at which the box will soon be shut out.
const UNRENEWED_DAYS: i64 = 25;
const ENDS_DAYS: i64 = 7;

const DAY_S: i64 = 24 * 60 * 60;

/// Troubles that a column of their own says already.
const SAID: [&str; 3] = ["disk_full", "clock_lost", "monitor_gone"];

/// How bad something is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// Somebody has to act.
    Trouble,
    /// Somebody should look.
    Care,
    /// A box that was never here.
    Coming,
    /// As it should be.
    Good,
}

impl Grade {
    pub(super) const ALL: [Self; 4] = [Self::Trouble, Self::Care, Self::Coming, Self::Good];

    /// Returns its code, by which words, looks and addresses know it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Care => "care",
            Self::Coming => "coming",
            Self::Good => "good",
        }
    }
}

/// One thing that is said of a site: the key of its words, and what is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    pub(super) grade: Grade,
    pub(super) key: String,
    pub(super) values: Vec<(&'static str, String)>,
}

impl Sign {
    fn new(grade: Grade, key: &str) -> Self {
        Self { grade, key: key.to_owned(), values: Vec::new() }
    }

    fn with(self, name: &'static str, value: impl ToString) -> Self {
        Self { values: self.values.into_iter().chain([(name, value.to_string())]).collect(), ..self }
    }
}

/// The columns, in their order on the page.
pub(super) const COLUMNS: [&str; 7] = ["seen", "printer", "screen", "clock", "disk", "line", "certificate"];

/// A site as the page shows it.
#[derive(Clone, Debug)]
pub(super) struct SiteSigns {
    pub(super) site: SiteId,
    /// The clinic's name; none before the first settings came.
    pub(super) name: Option<Text>,
    pub(super) version: Option<String>,
    pub(super) grade: Grade,
    /// Seconds since it was heard of; none when it never was.
    pub(super) age_s: Option<u64>,
    /// When the box last told how it does.
    pub(super) told_at: Option<AtMs>,
    /// What is said in each of [`COLUMNS`].
    pub(super) columns: [Vec<Sign>; 7],
    /// What else is wrong.
    pub(super) others: Vec<Sign>,
}

impl SiteSigns {
    /// Whether what the box told is old, as nothing was heard of it since.
    pub(super) fn is_stale(&self) -> bool {
        self.age_s.is_none_or(|age_s| age_s > SILENT_AFTER_S)
    }
}

/// How many sites do how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Sites of each [`Grade`], by its code.
    pub(crate) by_grade: Vec<(&'static str, usize)>,
    /// Sites of which something is a trouble, by the column that says so; what has no column is `other`.
    pub(crate) in_trouble: Vec<(&'static str, usize)>,
}

impl Tally {
    /// Counts sites that were judged. One of which several things are wrong counts for each of them.
    pub(super) fn of(sites: &[SiteSigns]) -> Self {
        let by_grade = Grade::ALL.map(|grade| (grade.code(), sites.iter().filter(|site| site.grade == grade).count()));
        let is_bad = |signs: &[Sign]| signs.iter().any(|sign| sign.grade == Grade::Trouble);
        let in_column =
            |nth: usize| sites.iter().filter(|site| site.columns.get(nth).is_some_and(|all| is_bad(all))).count();
        let columns = COLUMNS.iter().enumerate().map(|(nth, column)| (*column, in_column(nth)));
        let n_others = sites.iter().filter(|site| is_bad(&site.others)).count();
        Self { by_grade: by_grade.to_vec(), in_trouble: columns.chain([("other", n_others)]).collect() }
    }
}

/// Judges a site; `age_s` is how many seconds ago it was heard of, `now_s` in seconds since 1970.
pub(super) fn judge(row: &FleetRow, age_s: Option<u64>, now_s: u64) -> SiteSigns {
    let name = row.clinic.as_deref().and_then(|line| {
        let Envelope { fact, .. } = Envelope::read(line).ok()?;
        if let Fact::SiteSet(site) = fact { Some(site.name) } else { None }
    });
    let health = row.health.as_deref().and_then(|line| {
        let Envelope { head, fact } = Envelope::read(line).ok()?;
        if let Fact::HealthReported(health) = fact { Some((head.at_ms, health)) } else { None }
    });
    let (told_at, health) = health.unzip();
    let is_coming = age_s.is_none() && row.not_after_s.is_none();
    let of_health = |signs: fn(&HealthReported) -> Vec<Sign>| health.as_ref().map(signs).unwrap_or_default();
    let columns = [
        vec![if is_coming { enrolment(row, now_s) } else { heard(age_s) }],
        of_health(printers),
        of_health(screens),
        of_health(clock),
        of_health(disk),
        of_health(line),
        certificate(row, now_s).into_iter().collect(),
    ];
    let others = of_health(others);
    let worst = columns.iter().flatten().chain(&others).map(|sign| sign.grade).min();
    let grade = if is_coming { Grade::Coming } else { worst.unwrap_or(Grade::Good) };
    let version = health.map(|health| health.version);
    SiteSigns { site: row.site, name, version, grade, age_s, told_at, columns, others }
}

fn heard(age_s: Option<u64>) -> Sign {
    let Some(age_s) = age_s else { return Sign::new(Grade::Trouble, "never_heard") };
    let (unit, n) = match age_s {
        0..60 => ("ago_s", age_s),
        60..7_200 => ("ago_min", age_s / 60),
        7_200..172_800 => ("ago_h", age_s / 3_600),
        _ => ("ago_d", age_s / 86_400),
    };
    Sign::new(if age_s > SILENT_AFTER_S { Grade::Trouble } else { Grade::Good }, unit).with("n", n)
}

fn enrolment(row: &FleetRow, now_s: u64) -> Sign {
    match row.code_until_s.filter(|until_s| *until_s >= now_s) {
        Some(until_s) => {
            let until = AtMs(i64::try_from(until_s.saturating_mul(1_000)).unwrap_or(i64::MAX)).in_tokyo();
            Sign::new(Grade::Coming, "code_until").with("at", until.strftime("%-m/%-d %-H:%M"))
        }
        None => Sign::new(Grade::Coming, "no_code"),
    }
}

fn printers(health: &HealthReported) -> Vec<Sign> {
    if health.printers.is_empty() {
        return vec![Sign::new(Grade::Good, "no_printer")];
    }
    let sign = |health: PrinterHealth| match health {
        PrinterHealth::Untried => Sign::new(Grade::Good, "printer_untried"),
        PrinterHealth::Ok => Sign::new(Grade::Good, "printer_ok"),
        PrinterHealth::PaperOut => Sign::new(Grade::Trouble, "printer_paper_out"),
        PrinterHealth::CoverOpen => Sign::new(Grade::Trouble, "printer_cover_open"),
        PrinterHealth::Unreachable => Sign::new(Grade::Trouble, "printer_unreachable"),
        PrinterHealth::Mechanism => Sign::new(Grade::Trouble, "printer_mechanism"),
        PrinterHealth::Silent => Sign::new(Grade::Trouble, "printer_silent"),
        PrinterHealth::Unconfirmed => Sign::new(Grade::Care, "printer_unconfirmed"),
    };
    health.printers.iter().map(|(printer, health)| sign(*health).with("which", printer)).collect()
}

fn screens(health: &HealthReported) -> Vec<Sign> {
    if health.screens.is_empty() {
        return vec![Sign::new(Grade::Good, "no_screen")];
    }
    let sign = |health: ScreenHealth| match health {
        ScreenHealth::Shown => Sign::new(Grade::Good, "screen_shown"),
        ScreenHealth::Gone => Sign::new(Grade::Trouble, "screen_gone"),
        ScreenHealth::Failed => Sign::new(Grade::Trouble, "screen_failed"),
    };
    health.screens.iter().map(|(at, health)| sign(*health).with("which", at)).collect()
}

fn clock(health: &HealthReported) -> Vec<Sign> {
    vec![match health.clock {
        Trust::Synced => Sign::new(Grade::Good, "clock_synced"),
        Trust::Free => Sign::new(Grade::Care, "clock_free"),
        Trust::Lost => Sign::new(Grade::Trouble, "clock_lost"),
        Trust::Rehearsal => Sign::new(Grade::Good, "clock_rehearsal"),
    }]
}

fn disk(health: &HealthReported) -> Vec<Sign> {
    let is_full = health.troubles.iter().any(|trouble| trouble == "disk_full");
    let Some(Disk { free_mib, free_percent }) = health.disk else {
        return is_full.then(|| Sign::new(Grade::Trouble, "disk_full")).into_iter().collect();
    };
    let is_below = |(mib, percent): (u64, u64)| free_mib < mib || free_percent < percent;
    let grade = match (is_full || is_below(LITTLE), is_below(FEW)) {
        (true, _) => Grade::Trouble,
        (false, true) => Grade::Care,
        (false, false) => Grade::Good,
    };
    let key = if is_full { "disk_full" } else { "disk_free" };
    let free = if free_mib < 1_000 { format!("{free_mib} MB") } else { format!("{} GB", free_mib / 1_000) };
    vec![Sign::new(grade, key).with("free", free).with("percent", free_percent)]
}

fn line(health: &HealthReported) -> Vec<Sign> {
    let mode = health.line.map(|line| match line {
        Line::Events => Sign::new(Grade::Good, "line_events"),
        Line::LongPoll => Sign::new(Grade::Good, "line_long_poll"),
        Line::Poll => Sign::new(Grade::Care, "line_poll"),
    });
    let waits = (health.n_unsent > 0).then(|| Sign::new(Grade::Care, "line_unsent").with("n", health.n_unsent));
    mode.into_iter().chain(waits).collect()
}

fn certificate(row: &FleetRow, now_s: u64) -> Option<Sign> {
    let not_after_s = i64::try_from(row.not_after_s?).unwrap_or(i64::MAX);
    let days = not_after_s.saturating_sub(i64::try_from(now_s).unwrap_or(i64::MAX)).div_euclid(DAY_S);
    if days < 0 {
        return Some(Sign::new(Grade::Trouble, "certificate_over"));
    }
    let grade = match days {
        ..ENDS_DAYS => Grade::Trouble,
        ENDS_DAYS..UNRENEWED_DAYS => Grade::Care,
        _ => Grade::Good,
    };
    Some(Sign::new(grade, "certificate_days").with("n", days))
}

fn others(health: &HealthReported) -> Vec<Sign> {
    let troubles = health.troubles.iter().filter(|trouble| !SAID.contains(&trouble.as_str()));
    // The journal's past is told until the next start: somebody should know, and can do nothing about it.
    let grade = |trouble: &str| if trouble.starts_with("journal_") { Grade::Care } else { Grade::Trouble };
    troubles.map(|trouble| Sign::new(grade(trouble), &format!("trouble_{trouble}"))).collect()
}

#[cfg(test)]
mod tests;
