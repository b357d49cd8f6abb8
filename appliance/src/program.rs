//! The program on the command line: what airs at an instant and why, and what was aired, as tables for spreadsheets.
//!
//! Both are read from the journal, whether the daemon runs or not.

mod airings;
mod explain;

use jiff::civil::DateTime;
use machiai_core::envelope::Envelope;
use machiai_core::ids::{PlaceId, SiteId};
use machiai_core::program::AIRING_KINDS;
use machiai_core::program::as_run::{AsRun, as_run};
use machiai_core::program::window::Period;
use machiai_core::time::{AtMs, Day};
use machiai_journal::Reader;
use machiai_journal::open::Disk;
use machiai_panel::Words;

use crate::cli::{AiringsWhich, CliError};
use crate::clock::Source;
use crate::config::Config;
use crate::rules::clinic_at;

/// How many days before a month its first airings may have been written under: those of a long closure stand under the
/// last day that was opened.
const DAYS_BEFORE: i32 = 31;

/// Says what airs on a monitor at an instant, and why.
///
/// # Errors
/// [`CliError`]: no such instant or place, or a journal that cannot be read.
pub(crate) fn explain(config: &Config, at: Option<&str>, monitor: &str) -> Result<String, CliError> {
    let at = match at {
        Some(at) => instant(at).ok_or_else(|| bad(at))?,
        None => Source::start(None).read().wall,
    };
    let monitor: PlaceId = monitor.parse().map_err(|_unknown| bad(monitor))?;
    let clinic = clinic_at(&open(config)?, at).map_err(CliError::Journal)?;
    let words = Words::built_in().map_err(|cause| failed("read the words", cause))?;
    let on_disk = crate::content::hashes_in(&config.contents());
    let on_air = explain::airs_at(&clinic, &on_disk, &monitor, at);
    Ok(explain::told(&clinic, &words, &on_air, at))
}

/// Writes rows of what aired, or is to air, as CSV.
///
/// # Errors
/// [`CliError`]: no such month, or a journal that cannot be read.
pub(crate) fn airings(config: &Config, which: &AiringsWhich) -> Result<Vec<u8>, CliError> {
    let reader = open(config)?;
    let now = Source::start(config.rehearsal.as_ref()).read().wall;
    let clinic = clinic_at(&reader, AtMs(i64::MAX)).map_err(CliError::Journal)?;
    let site = SiteId(config.site);
    let written = match which {
        AiringsWhich::Export(of) => airings::of_rows(&clinic.program, &rows(&reader, of.month.as_deref())?),
        AiringsWhich::Aired(of) => {
            airings::of_aired(&clinic.program.aired_at(site, &rows(&reader, of.month.as_deref())?))
        }
        AiringsWhich::Scheduled { .. } => airings::of_scheduled(&clinic.program.scheduled_at(site, now)),
    };
    written.map_err(|cause| failed("write the rows", cause))
}

/// Returns the as-run rows that begin in a month.
fn rows(reader: &Reader, month: Option<&str>) -> Result<Vec<AsRun>, CliError> {
    let period = match month {
        Some(month) => Some(days_of(month).ok_or_else(|| bad(month))?),
        None => None,
    };
    let kept = match period {
        Some((first, last)) => {
            reader.facts_of_kinds_in(&AIRING_KINDS, (first.plus_days(-DAYS_BEFORE), last.plus_days(1)))
        }
        None => reader.facts_of_kinds(&AIRING_KINDS),
    };
    let facts: Vec<Envelope> =
        kept.map_err(CliError::Journal)?.iter().filter_map(|kept| kept.envelope().ok()).collect();
    let mut rows = as_run(&facts);
    if let Some((first, last)) = period {
        let period = Period::of_days(first, last);
        rows.retain(|row| period.holds(row.from));
    }
    Ok(rows)
}

/// Returns the first and last day of `2026-11`.
fn days_of(month: &str) -> Option<(Day, Day)> {
    let first: jiff::civil::Date = format!("{month}-01").parse().ok()?;
    Some((Day(first), Day(first.last_of_month())))
}

/// Reads an instant, in Asia/Tokyo where it has no offset.
fn instant(text: &str) -> Option<AtMs> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(AtMs(at.as_millisecond()));
    }
    text.parse::<DateTime>().ok().map(AtMs::from_tokyo)
}

fn open(config: &Config) -> Result<Reader, CliError> {
    Reader::open(&Disk::real(), &config.journal()).map_err(CliError::Journal)
}

fn bad(what: &str) -> CliError {
    CliError::Refused(format!("\"{what}\" is not what it should be: see `machiai --help`"))
}

fn failed(what: &'static str, cause: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::Work { what, source: Box::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_without_an_offset_is_one_of_tokyo() {
        let nine = Some(AtMs(1_795_478_400_000));
        for text in ["2026-11-24T09:00", "2026-11-24T09:00:00", "2026-11-24T09:00:00+09:00", "2026-11-24T00:00:00Z"] {
            assert_eq!(instant(text), nine, "{text}");
        }
        assert_eq!(["", "9:00", "yesterday"].map(instant), [None; 3]);
    }

    #[test]
    fn a_month_is_all_of_its_days() {
        let written = |month| days_of(month).map(|(first, last)| (first.to_string(), last.to_string()));
        assert_eq!(written("2028-02"), Some(("2028-02-01".to_owned(), "2028-02-29".to_owned())));
        assert_eq!(["2026-13", "2026", "x"].map(written), [None, None, None]);
    }
}
