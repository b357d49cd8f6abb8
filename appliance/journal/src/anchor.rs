//! The anchor: a note beside the journal of a fact it holds for certain.
//!
//! A log that was deleted, or swapped for another's, leaves a file that looks whole and is too old; the anchor tells.
//! It is written after the fact is on disk and without waiting, so it can only be older than the journal.

use rusqlite::OptionalExtension;

use crate::error::{BadFact, OnFile, Step, StoreError};
use crate::kept::Position;
use crate::open::{Open, beside};
use crate::reader::Reader;
use machiai_wire::chain::Hash;

/// Position, hash and check: 8 + 32 + 8 bytes.
const ANCHOR_BYTES: usize = 48;

/// Notes the newest fact.
pub(crate) fn write(about: &Open, reader: &Reader, position: Position) -> Result<(), StoreError> {
    let Some(hash) = hash_at(reader, position)? else {
        return Ok(());
    };
    let mut bytes = position.0.to_be_bytes().to_vec();
    bytes.extend(hash.0);
    bytes.extend(check_of(&bytes));
    let path = beside(&about.path, ".anchor");
    about.disk.files().note(&path, &bytes).on("write", &path)
}

/// Checks that the journal holds the fact that was noted; a note that cannot be read says nothing.
pub(crate) fn check(about: &Open, reader: &Reader) -> Result<(), StoreError> {
    match read(about) {
        Some((position, hash)) if hash_at(reader, position)? != Some(hash) => {
            Err(StoreError::BadFact { at: position, source: BadFact::Gone })
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns the position that was noted, 0 for none.
pub(crate) fn position(about: &Open) -> Position {
    read(about).map_or(Position(0), |(position, _)| position)
}

fn read(about: &Open) -> Option<(Position, Hash)> {
    let bytes = about.disk.files().read(&beside(&about.path, ".anchor"), 0, ANCHOR_BYTES).ok()?;
    let (noted, check) = bytes.split_at_checked(40)?;
    let (position, hash) = noted.split_at_checked(8)?;
    if check != check_of(noted) {
        return None;
    }
    Some((Position(u64::from_be_bytes(position.try_into().ok()?)), Hash(hash.try_into().ok()?)))
}

fn check_of(noted: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(noted).as_bytes();
    [a, b, c, d, e, f, g, h]
}

fn hash_at(reader: &Reader, position: Position) -> Result<Option<Hash>, StoreError> {
    let mut query =
        reader.db.prepare_cached("SELECT hash FROM facts WHERE position = ?1").step("read the anchor's fact")?;
    let hash = query.query_row([position.0], |row| row.get(0)).optional().step("read the anchor's fact")?;
    Ok(hash.map(Hash))
}
