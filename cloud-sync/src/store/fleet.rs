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

/// A fact that is copied into a site's row: its kind as it stands in a line, and the column.
const COPIED: [(&str, Column); 2] =
    [("\"kind\":\"HealthReported\"", Column::Health), ("\"kind\":\"SiteSet\"", Column::Clinic)];

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
    COPIED.into_iter().filter_map(|(mark, column)| last(lines, mark, column)).collect()
}

fn last<'a>(lines: &'a [Vec<u8>], mark: &str, column: Column) -> Option<Copied<'a>> {
    let bears = |line: &&Vec<u8>| core::str::from_utf8(line).is_ok_and(|text| text.contains(mark));
    let read = |line: &'a Vec<u8>| {
        let Envelope { head, fact } = Envelope::read(line).ok()?;
        let is_it = match column {
            Column::Clinic => matches!(fact, Fact::SiteSet(_)),
            Column::Health => matches!(fact, Fact::HealthReported(_)),
        };
        is_it.then(|| Copied { column, stamp: head.canonical().stamp, line })
    };
    lines.iter().rev().filter(bears).find_map(read)
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
