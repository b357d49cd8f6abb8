//! Consultation calls of a month, read from the journal: for the desk's page and for the command line.

use std::collections::{BTreeMap, BTreeSet};

use machiai_core::call::connection::Connection;
use machiai_core::call::rate::{Invoice, Rated};
use machiai_core::call::tariff::Rule;
use machiai_core::call::why::HowAmount;
use machiai_core::call::witness::Difference;
use machiai_core::call::{BOOKING_KINDS, CALL_KINDS, Calls, Leases};
use machiai_core::facts::Lang;
use machiai_core::ids::ReservationId;
use machiai_core::time::{AtMs, Month};
use machiai_journal::open::Disk;
use machiai_journal::{Kept, Reader, StoreError};
use machiai_panel::{Words, fill};

use crate::cli::{CliError, Encoding};
use crate::clock::Source;
use crate::config::Config;
use crate::sheet;

/// How many days before and after a month its calls may have been written under: those of a long closure stand under
/// the last day that was opened, and a call may be a day later than its reservation.
const DAYS_AROUND: i32 = 31;

/// The columns of the list.
const HEAD: &str = "予約,予約の時刻,キャンセルポリシー,接続の回数,最初の接続,接続の合計（秒）,料金,版,単位,金額（税別）,請求する額,説明,確認事項";

/// Folds the calls of a month from a journal.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn of_month(reader: &Reader, month: Month) -> Result<Calls, StoreError> {
    let days = (month.first().plus_days(-DAYS_AROUND), month.last().plus_days(DAYS_AROUND));
    let mut calls = Calls::default();
    let mut take =
        |kept: Vec<Kept>| kept.iter().filter_map(|kept| kept.envelope().ok()).for_each(|it| calls.after(&it));
    take(reader.facts_of_kinds(&BOOKING_KINDS)?);
    take(reader.facts_of_kinds_in(&CALL_KINDS, days)?);
    Ok(calls)
}

/// Says how an amount came about.
pub(crate) fn how(words: &Words, lang: Lang, how: &HowAmount) -> String {
    let values: Vec<(&str, &str)> = how.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    words.get(lang, "call_amount", how.code).map(|text| fill(text, &values)).unwrap_or_default()
}

/// Says why something is not billed, if it is not, and what should be known of it.
pub(crate) fn remarks(words: &Words, lang: Lang, rated: &Rated) -> Vec<String> {
    let unbilled = rated.unbilled.and_then(|why| words.get(lang, "call_unbilled", why.code()));
    let flags = rated.flags.iter().filter_map(|flag| words.get(lang, "call_flag", flag.code()));
    unbilled.into_iter().chain(flags).map(str::to_owned).collect()
}

/// Says where a vendor saw something else.
fn differs(words: &Words, lang: Lang, it: &Difference) -> Vec<String> {
    let say = |key: &str, values: &[(&str, &str)]| {
        words.get(lang, "call_differs", key).map(|text| fill(text, values)).unwrap_or_default()
    };
    let vendor = say(it.vendor.code(), &[]);
    let (ours, theirs, n) = (seconds(it.ours_ms), seconds(it.theirs_ms), it.n_half.to_string());
    let length = it.is_apart().then(|| say("length", &[("vendor", &vendor), ("ours", &ours), ("theirs", &theirs)]));
    let half = (it.n_half > 0).then(|| say("half", &[("vendor", &vendor), ("n", &n)]));
    length.into_iter().chain(half).collect()
}

/// Returns the name of each tariff that is built in.
pub(crate) fn tariffs(words: &Words, lang: Lang) -> BTreeMap<String, String> {
    let name = |rule: Rule| words.get(lang, "tariff", rule.code()).unwrap_or_default().to_owned();
    Rule::ALL.into_iter().map(|rule| (rule.code().replace('_', "-"), name(rule))).collect()
}

/// Writes the calls of a month as a table for spreadsheets.
///
/// # Errors
/// [`CliError`]: no such month, a journal that cannot be read, or a character that the encoding lacks.
pub(crate) fn export(config: &Config, month: Option<&str>, encoding: Encoding) -> Result<Vec<u8>, CliError> {
    let now = Source::start(config.rehearsal.as_ref()).read().wall;
    let month = match month {
        Some(month) => month.parse().map_err(|_other| {
            CliError::Refused(format!("\"{month}\" is no month: see `machiai calls export --help`"))
        })?,
        None => Month::holding(now),
    };
    let reader = Reader::open(&Disk::real(), &config.journal()).map_err(CliError::Journal)?;
    let calls = of_month(&reader, month).map_err(CliError::Journal)?;
    let leases = reader.leases().map_err(CliError::Journal)?;
    let words = Words::built_in().map_err(|cause| failed(cause.into()))?;
    write(&words, &calls.invoice(month, &leases), encoding)
}

fn write(words: &Words, invoice: &Invoice, encoding: Encoding) -> Result<Vec<u8>, CliError> {
    let of = |reservation: &ReservationId| -> Vec<String> {
        let all = invoice.differences.iter().filter(|it| it.reservation == *reservation);
        all.flat_map(|it| differs(words, Lang::Ja, it)).collect()
    };
    let rated = invoice.reservations.iter().map(|rated| row(words, rated, of(&rated.reservation)));
    let theirs_alone: BTreeSet<&ReservationId> = invoice.differences.iter().map(|it| &it.reservation).collect();
    let is_ours = |wanted: &ReservationId| invoice.reservations.iter().any(|rated| rated.reservation == *wanted);
    let theirs_alone = theirs_alone.into_iter().filter(|wanted| !is_ours(wanted));
    let theirs_alone = theirs_alone.map(|reservation| vendors_row(reservation, &of(reservation)));
    let rows = rated.chain(invoice.unassigned.iter().map(loose_row)).chain(theirs_alone);
    match encoding {
        Encoding::Utf8 => sheet::table(HEAD, rows).map_err(|cause| failed(cause.into())),
        Encoding::ShiftJis => sheet::table_in_shift_jis(HEAD, rows)
            .map_err(|cause| failed(cause.into()))?
            .ok_or_else(|| CliError::Refused("a character has no place in Shift_JIS: use --encoding utf-8".to_owned())),
    }
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> CliError {
    CliError::Work { what: "write the list of calls", source }
}

fn row(words: &Words, rated: &Rated, differs: Vec<String>) -> Vec<String> {
    let booked = rated.booked.as_ref();
    let first = rated.connections.first().map(|first| sheet::instant(first.from_ms));
    let billed = if rated.unbilled.is_none() { rated.given.yen } else { 0 };
    vec![
        rated.reservation.to_string(),
        booked.map(|booked| sheet::instant(booked.starts_at_ms)).unwrap_or_default(),
        booked.and_then(|booked| Some(booked.policy.as_ref()?.to_string())).unwrap_or_default(),
        rated.connections.len().to_string(),
        first.unwrap_or_default(),
        seconds(rated.connected_ms),
        rated.given.tariff.to_string(),
        rated.given.version.to_string(),
        rated.given.units.to_string(),
        rated.given.yen.to_string(),
        billed.to_string(),
        how(words, Lang::Ja, &rated.how),
        [differs, remarks(words, Lang::Ja, rated)].concat().join(" "),
    ]
}

/// A reservation of which the vendor told, and of which nothing is known here.
fn vendors_row(reservation: &ReservationId, differs: &[String]) -> Vec<String> {
    let mut cells = vec![String::new(); HEAD.split(',').count()];
    if let [first, .., last] = cells.as_mut_slice() {
        (*first, *last) = (reservation.to_string(), differs.join(" "));
    }
    cells
}

/// A connection that belongs to no reservation yet: kept, and unrated.
fn loose_row(connection: &Connection) -> Vec<String> {
    let mut cells = vec![String::new(); HEAD.split(',').count()];
    let told = [(3, "1".to_owned()), (4, sheet::instant(connection.from_ms)), (5, seconds(connection.length_ms))];
    for (idx, told) in told {
        cells[idx] = told;
    }
    cells
}

fn seconds(ms: i64) -> String {
    ms.div_euclid(1_000).to_string()
}

/// Returns the month that is asked for, or the running one; none for what is no month.
pub(crate) fn wanted(month: Option<&str>, now: AtMs) -> Option<Month> {
    month.map_or_else(|| Some(Month::holding(now)), |month| month.parse().ok())
}

/// Returns a month's invoice.
///
/// # Errors
/// As [`of_month`].
pub(crate) fn invoice(reader: &Reader, month: Month, leases: &Leases) -> Result<(Calls, Invoice), StoreError> {
    let calls = of_month(reader, month)?;
    let invoice = calls.invoice(month, leases);
    Ok((calls, invoice))
}
