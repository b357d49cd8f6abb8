//! What is kept of each site so that the whole fleet is seen in one question: nobody folds a thousand clinics for that.
//!
//! Two kinds of fact are copied into a row of the site's own when they are appended, in the same transaction: no row can
//! be behind its facts. Which lines those are is found by their bytes, as every box of ours writes them; only what is
//! found so is read. That is one search of bytes that were hashed and written anyway; a cursor for each site would have
//! the first look of a morning read all facts of the night instead.

use machiai_core::envelope::{Envelope, Stamp};
use machiai_core::facts::Fact;
use machiai_core::ids::SiteId;

use super::{Store, StoreError};

/// A site as it stands in the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetRow {
    /// Which.
    pub site: SiteId,
    /// When it was last heard of, as far as the store knows, in milliseconds of UTC; 0 for never.
    pub seen_ms: i64,
    /// The newest fact that says what the clinic is called.
    pub clinic: Option<Vec<u8>>,
    /// The newest fact that says how the box does.
    pub health: Option<Vec<u8>>,
    /// The end of the newest certificate of the box that may speak, in seconds since 1970; none for a site without one.
    pub not_after_s: Option<u64>,
    /// Until when a code that nobody has used enrols a box, in seconds since 1970.
    pub code_until_s: Option<u64>,
}

/// What stands before a fact's kind in its line.
const MARK: &[u8] = b"\"kind\":\"";

/// What stands before that at the least: site, origin, number, instant, start, clocks and device, in bytes.
const HEAD_BYTES: usize = 150;

/// The facts that are copied into a site's row: what follows [`MARK`] in their lines, and the column.
const COPIED: [(&[u8], Column); 2] = [(b"HealthReported\"", Column::Health), (b"SiteSet\"", Column::Clinic)];

/// Where it is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Clinic,
    Health,
}

/// A fact that is to be copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied<'a> {
    pub(super) column: Column,
    pub(super) stamp: Stamp,
    pub(super) line: &'a [u8],
}

/// Finds the newest fact of each kind that is copied among lines of one origin, in order.
pub(super) fn copied(lines: &[Vec<u8>]) -> Vec<Copied<'_>> {
    let mut found: Vec<Copied<'_>> = Vec::new();
    for line in lines.iter().rev() {
        let Some(column) = column(line) else { continue };
        if found.iter().all(|known| known.column != column) {
            found.extend(read(line, column));
        }
    }
    found
}

/// Returns where a line's fact is copied to, by its bytes alone.
fn column(line: &[u8]) -> Option<Column> {
    let rest = line.get(HEAD_BYTES..)?;
    let at = rest.windows(MARK.len()).position(|bytes| bytes == MARK)?;
    let kind = rest.get(at.saturating_add(MARK.len())..)?;
    COPIED.into_iter().find(|(word, _)| kind.starts_with(word)).map(|(_, column)| column)
}

fn read(line: &[u8], column: Column) -> Option<Copied<'_>> {
    let Envelope { head, fact } = Envelope::read(line).ok()?;
    let is_it = match column {
        Column::Clinic => matches!(fact, Fact::SiteSet(_)),
        Column::Health => matches!(fact, Fact::HealthReported(_)),
    };
    is_it.then(|| Copied { column, stamp: head.canonical().stamp, line })
}

impl Store {
    /// Returns the rows of all sites, or of one, by number.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn fleet(&self, site: Option<SiteId>) -> Result<Vec<FleetRow>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.fleet(site).await,
            Self::Postgres(postgres) => postgres.fleet(site).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, seq: u64, body: &str) -> Vec<u8> {
        let (origin, boot) = ("a1".repeat(16), "b2".repeat(16));
        format!(
            r#"{{"site":1001,"origin":"{origin}","seq":{seq},"at_ms":{seq},"at_n":0,"boot":"{boot}","mono_ms":1,"clock":"free","by":{{"device":"desk-1"}},"kind":"{kind}","body":{body}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn the_newest_report_and_name_are_found_among_other_facts_and_nothing_that_only_looks_so() {
        let health = |seq, version: &str| {
            line("HealthReported", seq, &format!(r#"{{"version":"{version}","clock":"free","n_unsent":0}}"#))
        };
        let named = line("SiteSet", 2, r#"{"name":{"ja":"待合"},"era_years":false}"#);
        // Words that a person typed, and a report of a version that says it otherwise.
        let typed = line("MessageSet", 4, r#"{"text":"\"kind\":\"HealthReported\""}"#);
        let newer = line("HealthReported", 5, r#"{"mood":"fine"}"#);
        let lines = [health(1, "1"), named.clone(), health(3, "3"), typed, newer];
        let found = copied(&lines);
        let expected = [(Column::Health, 3, &lines[2]), (Column::Clinic, 2, &named)];
        let of = |copied: &Copied<'_>| (copied.column, copied.stamp.at.0, copied.line.to_vec());
        let wanted = expected.map(|(column, at, line)| (column, at, line.clone()));
        assert_eq!(found.iter().map(of).collect::<Vec<_>>(), wanted);
        let mut torn = named.clone();
        torn.truncate(torn.len() - 3);
        assert_eq!(copied(&[torn, b"\"kind\":\"SiteSet\"".to_vec(), vec![0xff; 400]]), []);
        let least = r#"{"site":0,"origin":"","seq":1,"at_ms":0,"at_n":0,"boot":"","mono_ms":0,"clock":"free","by":{"device":"x"},"#;
        assert!(least.len() + 64 >= HEAD_BYTES, "the shortest head is passed over whole");
    }
}
