//! A vendor's list: CSV in UTF-8 with the columns `reservation,identity,connection,joined,left`, instants with their
//! offset or in Asia/Tokyo. A line that cannot be read refuses the list.

use jiff::civil::DateTime;
use machiai_core::call::told::Seen;
use machiai_core::time::AtMs;

use super::{Bad, Event};
use crate::seal::hex;

/// The columns.
const HEAD: [&str; 5] = ["reservation", "identity", "connection", "joined", "left"];

/// Reads a list: two events a line, one where the other instant is left out.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Event>, Bad> {
    let text = std::str::from_utf8(bytes).map_err(|_broken| Bad::Line(1))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    if rows.headers().map_err(|_broken| Bad::Line(1))?.iter().ne(HEAD) {
        return Err(Bad::Line(1));
    }
    let mut events = Vec::new();
    for (idx, row) in rows.records().enumerate() {
        let bad = || Bad::Line(idx.saturating_add(2));
        let row = row.map_err(|_broken| bad())?;
        let cells: Vec<&str> = row.iter().collect();
        let [room, identity, connection, joined, left] = cells[..] else { return Err(bad()) };
        for (seen, instant) in [(Seen::Joined, joined), (Seen::Left, left)] {
            if instant.is_empty() {
                continue;
            }
            let at = read_instant(instant).ok_or_else(bad)?;
            let named = format!("{room}\n{identity}\n{connection}\n{seen:?}\n{}", at.0);
            let event = hex(blake3::hash(named.as_bytes()).as_bytes().get(..16).unwrap_or_default());
            let [room, identity, connection] = [room, identity, connection].map(str::to_owned);
            events.push(Event { event, room, identity, connection, seen, at });
        }
    }
    Ok(events)
}

fn read_instant(text: &str) -> Option<AtMs> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(AtMs(at.as_millisecond()));
    }
    text.parse::<DateTime>().ok().map(AtMs::from_tokyo)
}
