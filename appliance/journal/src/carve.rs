//! Reading rows out of a damaged file without SQLite: every leaf page is looked at by itself.
//!
//! Follows "Database File Format" of SQLite's documentation, sections 1.6 and 2.1. Whatever does not look like a row
//! of ours is passed over; whether a fact is genuine, its hash chain says.

use std::io;
use std::path::Path;

use crate::files::Files;
use crate::kept::Position;
use crate::log::{Log, PAGE_BYTES};
use crate::open::beside;
use machiai_wire::chain::Hash;

/// A fact's row as carved; all but the bytes' own hash is still to be doubted.
#[derive(Debug)]
pub(crate) struct CarvedFact {
    pub(crate) position: Position,
    pub(crate) day: i64,
    pub(crate) line: Vec<u8>,
    pub(crate) hash: Hash,
}

/// A secret's row as carved.
#[derive(Debug)]
pub(crate) struct CarvedSecret {
    pub(crate) key_id: Vec<u8>,
    pub(crate) purpose: String,
    pub(crate) value: Vec<u8>,
}

/// What a damaged file still gives.
#[derive(Debug)]
pub(crate) enum Carved {
    Fact(CarvedFact),
    Secret(CarvedSecret),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

const LEAF_OF_TABLE: u8 = 0x0d;
const FILE_HEADER_BYTES: usize = 100;
/// Longest row that can be ours: the largest fact, and the columns beside it.
const MAX_ROW_BYTES: usize = 128 * 1024;

/// Hands every row that can still be read to `take`, which may see the same fact more than once.
pub(crate) fn carve<E>(
    files: &dyn Files,
    path: &Path,
    take: &mut dyn FnMut(Carved) -> Result<(), E>,
) -> Result<(), CarveError<E>> {
    let log_path = beside(path, "-wal");
    let log = Log::read(files, &log_path).map_err(CarveError::Read)?;
    let size =
        if files.exists(path).map_err(CarveError::Read)? { files.size(path).map_err(CarveError::Read)? } else { 0 };
    let pages = Pages { files, path, log_path: &log_path, log: &log };
    let n_pages = u32::try_from(size.div_ceil(4_096)).unwrap_or(u32::MAX);
    // A page that cannot be read is lost; the others are not.
    for number in 1..=n_pages {
        if let Some(page) = pages.in_file(number) {
            let age = if log.pages.contains_key(&number) { Age::Overtaken } else { Age::Newest };
            pages.rows(number, &page, age, take)?;
        }
    }
    for (number, offset) in &log.copies {
        if let Ok(page) = files.read(&log_path, *offset, PAGE_BYTES) {
            let age = if log.pages.get(number) == Some(offset) { Age::Newest } else { Age::InLog };
            pages.rows(*number, &page, age, take)?;
        }
    }
    Ok(())
}

/// Which copy of a page is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// The newest there is.
    Newest,
    /// An older one in the log.
    InLog,
    /// The one in the file, when the log has another.
    Overtaken,
}

/// Why carving stopped.
#[derive(Debug)]
pub(crate) enum CarveError<E> {
    /// The damaged file cannot be read at all.
    Read(io::Error),
    /// What was carved could not be taken.
    Take(E),
}

struct Pages<'a> {
    files: &'a dyn Files,
    path: &'a Path,
    log_path: &'a Path,
    log: &'a Log,
}

impl Pages<'_> {
    fn newest(&self, number: u32) -> Option<Vec<u8>> {
        match self.log.pages.get(&number) {
            Some(&offset) => self.files.read(self.log_path, offset, PAGE_BYTES).ok(),
            None => self.in_file(number),
        }
    }

    fn in_file(&self, number: u32) -> Option<Vec<u8>> {
        let offset = u64::from(number.checked_sub(1)?).checked_mul(4_096)?;
        self.files.read(self.path, offset, PAGE_BYTES).ok()
    }

    /// Reads the rows of a page; secrets only from its newest copy, as an older one may hold what was erased.
    fn rows<E>(
        &self,
        number: u32,
        page: &[u8],
        age: Age,
        take: &mut dyn FnMut(Carved) -> Result<(), E>,
    ) -> Result<(), CarveError<E>> {
        let start = if number == 1 { FILE_HEADER_BYTES } else { 0 };
        let Some((&LEAF_OF_TABLE, header)) = page.get(start..).and_then(<[u8]>::split_first) else {
            return Ok(());
        };
        let n_cells = usize::from(u16_at(header, 2));
        for pointer in header.get(7..).unwrap_or_default().chunks_exact(2).take(n_cells) {
            let row = self.row(page, usize::from(u16_at(pointer, 0)), age).and_then(|(id, values)| carved(id, values));
            match row {
                Some(row @ Carved::Fact(_)) => take(row).map_err(CarveError::Take)?,
                Some(row @ Carved::Secret(_)) if age == Age::Newest => take(row).map_err(CarveError::Take)?,
                Some(Carved::Secret(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Reads a row, following it into other pages, which are written once and of the same age.
    fn row(&self, page: &[u8], at: usize, age: Age) -> Option<(i64, Vec<Value>)> {
        let mut cell = page.get(at..)?;
        let n_bytes = usize::try_from(varint(&mut cell)?).ok().filter(|n_bytes| *n_bytes <= MAX_ROW_BYTES)?;
        let row_id = varint(&mut cell)?.cast_signed();
        let n_local = local_bytes(n_bytes);
        let mut record = cell.get(..n_local)?.to_vec();
        let mut next = if n_local < n_bytes { u32_at(cell.get(n_local..)?)? } else { 0 };
        while record.len() < n_bytes {
            let overflow = match age {
                Age::Newest | Age::InLog => self.newest(next)?,
                Age::Overtaken => self.in_file(next)?,
            };
            let (link, content) = overflow.split_at_checked(4)?;
            let n_left = n_bytes.saturating_sub(record.len()).min(content.len());
            record.extend(content.get(..n_left).filter(|content| !content.is_empty())?);
            next = u32_at(link)?;
        }
        Some((row_id, values(&record)?))
    }
}

/// Returns how much of a row lies in its leaf page (section 1.6, with U = 4096).
fn local_bytes(n_bytes: usize) -> usize {
    const MOST: usize = PAGE_BYTES - 35;
    const LEAST: usize = (PAGE_BYTES - 12) * 32 / 255 - 23;
    if n_bytes <= MOST {
        return n_bytes;
    }
    let fitting = LEAST.saturating_add(n_bytes.saturating_sub(LEAST) % (PAGE_BYTES - 4));
    if fitting <= MOST { fitting } else { LEAST }
}

fn values(record: &[u8]) -> Option<Vec<Value>> {
    let mut after_length = record;
    let header_bytes = usize::try_from(varint(&mut after_length)?).ok()?;
    let n_length = record.len().checked_sub(after_length.len())?;
    let mut types = record.get(n_length..header_bytes)?;
    let mut body = record.get(header_bytes..)?;
    let mut values = Vec::new();
    while !types.is_empty() {
        values.push(value(varint(&mut types)?, &mut body)?);
    }
    Some(values)
}

fn value(serial_type: u64, body: &mut &[u8]) -> Option<Value> {
    let n_bytes = match serial_type {
        0 | 8 | 9 => 0,
        1..=4 => serial_type,
        5 => 6,
        6 => 8,
        7 | 10 | 11 => return None,
        _ => serial_type.checked_sub(12)? / 2,
    };
    let (bytes, rest) = body.split_at_checked(usize::try_from(n_bytes).ok()?)?;
    *body = rest;
    Some(match serial_type {
        0 => Value::Null,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => Value::Integer(integer(bytes)),
        _ if serial_type & 1 == 0 => Value::Blob(bytes.to_vec()),
        _ => Value::Text(bytes.to_vec()),
    })
}

fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1_i64 } else { 0 };
    bytes.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte))
}

/// Recognises a row of ours by the number and types of its columns; columns may have been added behind.
fn carved(row_id: i64, values: Vec<Value>) -> Option<Carved> {
    let position = Position(u64::try_from(row_id).ok()?);
    let mut values = values.into_iter();
    let mut next = || values.next();
    match (next()?, next()?, next()?, next()?) {
        (Value::Null, Value::Blob(key_id), Value::Text(purpose), Value::Blob(value)) => {
            let purpose = String::from_utf8(purpose).ok()?;
            Some(Carved::Secret(CarvedSecret { key_id, purpose, value }))
        }
        (Value::Null, Value::Integer(_origin_id), Value::Integer(_seq), Value::Integer(_at_ms)) => {
            let (Value::Integer(_at_n), Value::Integer(day)) = (next()?, next()?) else {
                return None;
            };
            let (_kind, _cmd, _cmd_digest) = (next()?, next()?, next()?);
            match (next()?, next()?) {
                (Value::Blob(line), Value::Blob(hash)) => {
                    let hash = Hash(hash.try_into().ok()?);
                    Some(Carved::Fact(CarvedFact { position, day: day.max(0), line, hash }))
                }
                (Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_), _) => None,
            }
        }
        (Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_), _, _, _) => None,
    }
}

/// Reads a variable-length integer (section 1.6) and moves past it.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for idx in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if idx == 8 {
            return Some((number << 8) | u64::from(byte));
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let pair = bytes.get(at..at.saturating_add(2)).and_then(|pair| pair.try_into().ok());
    pair.map_or(0, u16::from_be_bytes)
}

fn u32_at(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.try_into().ok().map(u32::from_be_bytes)
}
