//! `machiai airings`: what was aired as CSV, UTF-8 with a byte-order mark, in the order in which it began.

use crate::sheet::{instant, table};
use machiai_core::program::Program;
use machiai_core::program::as_run::{AsRun, Cut, End};
use machiai_core::program::content::ContentKind;
use machiai_core::program::lists::{AiredFacility, ScheduledFacility};

/// Writes the as-run rows: one for each airing and hour.
///
/// # Errors
/// There is no memory for them.
pub(crate) fn of_rows(program: &Program, rows: &[AsRun]) -> Result<Vec<u8>, csv::Error> {
    let head = "airing,part,monitor,content,kind,title,table,revision,slot,item,from,to,seconds,frames,lit_seconds,end,rehearsal";
    table(head, rows.iter().map(|row| cells_of(program, row)))
}

fn cells_of(program: &Program, row: &AsRun) -> Vec<String> {
    let place = row.place.as_ref();
    let title = program.content(row.content).map(|(_, told)| told.title.clone());
    vec![
        format!("{}-{}", row.begun.origin, row.begun.seq.0),
        row.part.to_string(),
        row.monitor.to_string(),
        row.content.to_string(),
        kind_word(row.kind).to_owned(),
        title.unwrap_or_default(),
        place.map(|place| place.table.to_string()).unwrap_or_default(),
        place.map(|place| place.revision.0.to_string()).unwrap_or_default(),
        place.and_then(|place| Some(place.slot.as_ref()?.to_string())).unwrap_or_default(),
        place.and_then(|place| Some(place.item.as_ref()?.to_string())).unwrap_or_default(),
        instant(row.from),
        instant(row.to),
        seconds(row.to.since(row.from)),
        row.frames.to_string(),
        seconds(row.lit_ms.into()),
        end_word(row.end).to_owned(),
        if row.rehearsal { "yes" } else { "" }.to_owned(),
    ]
}

/// Writes where adverts were aired (放映施設): ids, instants and numbers alone.
///
/// # Errors
/// There is no memory for them.
pub(crate) fn of_aired(rows: &[AiredFacility]) -> Result<Vec<u8>, csv::Error> {
    let cells = |row: &AiredFacility| {
        vec![
            row.site.to_string(),
            row.advertiser.to_string(),
            row.content.to_string(),
            instant(row.from),
            instant(row.to),
            row.frames.to_string(),
            seconds(row.lit_ms.into()),
        ]
    };
    table("site,advertiser,content,from,to,frames,lit_seconds", rows.iter().map(cells))
}

/// Writes where adverts are to be aired (放映予定施設).
///
/// # Errors
/// There is no memory for them.
pub(crate) fn of_scheduled(rows: &[ScheduledFacility]) -> Result<Vec<u8>, csv::Error> {
    let cells = |row: &ScheduledFacility| {
        vec![
            row.site.to_string(),
            row.advertiser.to_string(),
            row.content.to_string(),
            row.table.to_string(),
            row.revision.0.to_string(),
            row.slot.to_string(),
            row.item.to_string(),
            instant(row.from),
            instant(row.to),
        ]
    };
    table("site,advertiser,content,table,revision,slot,item,from,to", rows.iter().map(cells))
}

/// Writes milliseconds as seconds with three figures behind the point.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000))
}

const fn kind_word(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Provided => "provided",
        ContentKind::Advert => "advert",
        ContentKind::Introduction => "introduction",
        ContentKind::Notice => "notice",
        ContentKind::Own => "own",
        ContentKind::Substitute => "substitute",
    }
}

const fn end_word(end: End) -> &'static str {
    match end {
        End::Whole => "whole",
        End::LastEvidence => "last_evidence",
        End::Cut(Cut::Emergency) => "cut_emergency",
        End::Cut(Cut::UrgentNotice) => "cut_urgent_notice",
        End::Cut(Cut::Withdrawn) => "cut_withdrawn",
        End::Cut(Cut::Broken) => "cut_broken",
        End::Cut(Cut::Stopped) => "cut_stopped",
        End::Cut(Cut::ScreenGone) => "cut_screen_gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_keeps_its_milliseconds() {
        assert_eq!([0, 61_005].map(seconds), ["0.000", "61.005"]);
    }
}
