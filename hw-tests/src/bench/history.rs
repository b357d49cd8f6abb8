//! The journal of a clinic that has been open for years: business days of tickets printed, called, seen and done with, and
//! what its monitor showed.

use std::path::Path;

use anyhow::{Context, Result};
use machiai::settings::Settings;
use machiai_core::envelope::{By, Cmd, Envelope, Head, Trust};
use machiai_core::facts::{
    Called, Channel, DayOpened, Fact, Lang, LineOpened, PrintBegun, PrintEnded, PrintOutcome, Rank, TicketIssued,
};
use machiai_core::ids::{BootId, FactId, Label, LineNo, Number, Origin, RoomId, Seq, SiteId, VisitId};
use machiai_core::program::as_run::{AiringBegun, AiringEnded, Seen};
use machiai_core::program::content::{ContentHash, ContentKind};
use machiai_core::standing::Standing;
use machiai_core::time::{AtMs, Day};
use machiai_journal::open::{Disk, Open};
use machiai_journal::store::Batch;
use machiai_journal::{NewFact, Store};
use machiai_wire::run::of_airings;

use super::daemon::{SETTINGS, journal};
use crate::demo::daemon::SITE;

/// Facts of a patient who was seen: ticket, print begun and ended, called, in the room, done.
const PER_PATIENT: usize = 6;

/// Patients of a usual day, and of the last one, which is not over: so many more still wait.
const N_PATIENTS: usize = 66;
const N_LAST_SEEN: usize = 70;
const N_LAST_WAITING: usize = 27;

/// Facts of one commit while the journal is written.
const PER_COMMIT: usize = 5_000;

/// Milliseconds between two facts, and of a day.
const STEP_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// A day begins at four in the morning.
const DAY_STARTS_MIN: u16 = 4 * 60;

/// Facts on their way into a journal.
struct Scribe {
    store: Store,
    origin: Origin,
    at: AtMs,
    day: Option<Day>,
    n_visits: u64,
    pending: Vec<NewFact>,
    n_facts: u64,
    /// Facts under the origin of airings.
    n_aired: u64,
}

/// Writes a journal of at least so many facts into a daemon's folder, the last of them at `now`; returns how many.
///
/// # Errors
/// The journal cannot be written.
pub fn write(folder: &Path, n_facts: usize, now: AtMs) -> Result<u64> {
    let usual_day = 2 + N_PATIENTS * PER_PATIENT;
    let last_day = 2 + N_LAST_SEEN * PER_PATIENT + N_LAST_WAITING * 3;
    let n_days = n_facts.saturating_sub(last_day).div_ceil(usual_day);
    write_days(folder, (n_days, 0), now).map(|(n_queue, _)| n_queue)
}

/// Writes a journal of so many business days before the one of `now`, on each of which so many items aired; returns how
/// many facts are the queue's, and how many tell of airings.
///
/// # Errors
/// The journal cannot be written.
pub fn write_days(folder: &Path, (n_days, n_items): (usize, usize), now: AtMs) -> Result<(u64, u64)> {
    let path = journal(folder);
    std::fs::create_dir_all(path.parent().unwrap_or(folder)).context("cannot make the state folder")?;
    let origin = Origin::from_bytes(bytes_of("origin", 0));
    let about = Open { path, disk: Disk::real(), origin, at: now, ballast_bytes: 0, backups: Vec::new() };
    let store = Store::open(about).context("cannot make a journal")?;
    let usual_day = 2 + N_PATIENTS * PER_PATIENT + 2 * n_items;
    let last_day = 2 + N_LAST_SEEN * PER_PATIENT + N_LAST_WAITING * 3;
    let n_days = i64::try_from(n_days)?;
    let begins = |days_ago: i64, n_facts: usize| -> Result<AtMs> {
        Ok(now.plus_ms(-days_ago * DAY_MS - i64::try_from(n_facts)? * STEP_MS))
    };
    let mut scribe = Scribe {
        store,
        origin,
        at: begins(n_days + 1, usual_day)?,
        day: None,
        n_visits: 0,
        pending: Vec::with_capacity(PER_COMMIT),
        n_facts: 0,
        n_aired: 0,
    };
    for fact in Settings::read(SETTINGS).context("bad settings")?.changes(&Standing::default()) {
        scribe.keep(None, fact, None)?;
    }
    for days_ago in (1..=n_days).rev() {
        scribe.at = begins(days_ago, usual_day)?;
        scribe.day(N_PATIENTS, 0)?;
        (0..n_items).try_for_each(|nth| scribe.aired(nth))?;
    }
    scribe.at = begins(0, last_day)?;
    scribe.day(N_LAST_SEEN, N_LAST_WAITING)?;
    scribe.commit()?;
    scribe.store.tidy().context("cannot tidy the journal")?;
    scribe.store.end();
    Ok((scribe.n_facts, scribe.n_aired))
}

impl Scribe {
    fn day(&mut self, n_seen: usize, n_waiting: usize) -> Result<()> {
        let day = Day::holding(self.at, DAY_STARTS_MIN);
        self.day = Some(day);
        let line = LineNo(1);
        self.press(None, Fact::DayOpened(DayOpened { day, left: Vec::new() }))?;
        self.press(Some(line), Fact::LineOpened(LineOpened { session: "day".parse().context("session")? }))?;
        for nth in 1..=n_seen + n_waiting {
            let visit = self.ticket(line, nth, day)?;
            if nth <= n_seen {
                self.seen(line, visit)?;
            }
        }
        Ok(())
    }

    fn ticket(&mut self, line: LineNo, nth: usize, day: Day) -> Result<VisitId> {
        self.n_visits += 1;
        let visit = VisitId::from_bytes(bytes_of("visit", self.n_visits));
        let number = Number(u32::try_from(nth)?);
        let issued = TicketIssued {
            visit,
            day,
            session: Some("day".parse().context("session")?),
            number,
            label: Label::new("A", number, 1),
            rank: Rank(i64::from(number.0) << 20),
            channel: Channel::Kiosk,
            arrived: true,
            booked_for: None,
            family: None,
            lang: Lang::Ja,
            text_call: false,
            name_shown: false,
            token_hash: Some(blake3::hash(visit.bytes()).to_hex().chars().take(32).collect()),
            personal: None,
            skipped: Vec::new(),
        };
        self.press(Some(line), Fact::TicketIssued(issued))?;
        let begun = PrintBegun { visit, printer: "kiosk".parse().context("printer")?, attempt: 1, reprint: false };
        self.keep(Some(line), Fact::PrintBegun(begun), None)?;
        let ended = PrintEnded { visit, attempt: 1, outcome: PrintOutcome::Printed, trouble: None };
        self.keep(Some(line), Fact::PrintEnded(ended), None)?;
        Ok(visit)
    }

    fn seen(&mut self, line: LineNo, visit: VisitId) -> Result<()> {
        let room: RoomId = "room1".parse().context("room")?;
        let called = || Called { visits: vec![visit], room: room.clone() };
        for fact in [Fact::Called(called()), Fact::Entered(called()), Fact::Finished(called())] {
            self.press(Some(line), fact)?;
        }
        Ok(())
    }

    /// Keeps what a press of a button made, under a key of its own.
    fn press(&mut self, line: Option<LineNo>, fact: Fact) -> Result<()> {
        let [a, b, ..] = bytes_of("key", self.n_facts);
        let cmd = Cmd { key: format!("kept-{}", self.n_facts), digest: format!("{a:02x}{b:02x}c0ffee123456") };
        self.keep(line, fact, Some(cmd))
    }

    /// Keeps what the monitor showed: one of ten items, to its end.
    fn aired(&mut self, nth: usize) -> Result<()> {
        let origin = of_airings(self.origin);
        let begun = AiringBegun {
            monitor: "main".parse().context("monitor")?,
            content: blake3::hash(&[u8::try_from(nth % 10)?]).to_hex().parse::<ContentHash>().context("content")?,
            kind: ContentKind::Own,
            duration_ms: 15_000,
            place: None,
            seen: Seen::Lit,
        };
        self.n_aired += 1;
        let of = FactId { origin, seq: Seq(self.n_aired) };
        self.put((None, of), Fact::AiringBegun(begun), None)?;
        self.n_aired += 1;
        let ended = AiringEnded { begun: of, frames: 450, seen: Seen::Lit, cut: None };
        self.put((None, FactId { origin, seq: Seq(self.n_aired) }), Fact::AiringEnded(ended), None)
    }

    fn keep(&mut self, line: Option<LineNo>, fact: Fact, cmd: Option<Cmd>) -> Result<()> {
        self.n_facts += 1;
        self.put((line, FactId { origin: self.origin, seq: Seq(self.n_facts) }), fact, cmd)
    }

    fn put(&mut self, (line, of): (Option<LineNo>, FactId), fact: Fact, cmd: Option<Cmd>) -> Result<()> {
        self.at = self.at.plus_ms(STEP_MS);
        let head = Head {
            site: SiteId(SITE),
            line,
            origin: of.origin,
            seq: of.seq,
            at_ms: self.at,
            at_n: 0,
            boot: BootId::from_bytes(bytes_of("boot", 0)),
            mono_ms: (self.n_facts + self.n_aired) * 1_000,
            clock: Trust::Synced,
            by: By { device: "kiosk/1".parse().context("device")?, person: None },
            cmd,
        };
        self.pending.push(NewFact::made(&Envelope { head, fact }, self.day).context("a bad fact")?);
        if self.pending.len() < PER_COMMIT { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> Result<()> {
        let batch = Batch { facts: std::mem::take(&mut self.pending), ..Batch::default() };
        self.store.append(&batch).context("cannot write the journal")?;
        self.store.write_back().context("cannot write the journal back")
    }
}

/// Returns bytes that look drawn at random and are the same in every run.
fn bytes_of(what: &str, nth: u64) -> [u8; 16] {
    let digest = blake3::hash(format!("{what} {nth}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.as_bytes().split_at(16).0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use machiai_core::queue::Clinic;
    use machiai_core::queue::visit::State;
    use machiai_journal::Reader;
    use machiai_journal::kept::Position;

    #[test]
    fn the_history_is_whole_can_be_followed_and_ends_with_people_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let now = AtMs(1_795_483_440_000);
        let n_facts = write(folder.path(), 2_000, now).unwrap();
        assert!((2_000..2_500).contains(&n_facts), "{n_facts}");
        let report = machiai_journal::verify(&Disk::real(), &journal(folder.path())).unwrap();
        assert!(report.is_good() && report.n_facts == n_facts, "{report:?}");
        let reader = Reader::open(&Disk::real(), &journal(folder.path())).unwrap();
        let mut clinic = Clinic::default();
        for kept in reader.facts_after(Position(0), u32::MAX).unwrap() {
            clinic.after(&kept.envelope().unwrap());
        }
        assert_eq!(clinic.remarks, []);
        assert_eq!(clinic.count(State::Waiting), N_LAST_WAITING);
        assert_eq!(clinic.count(State::Finished), N_LAST_SEEN);
        assert_eq!(clinic.newest().map(|newest| newest.stamp.at), Some(now));
    }
}
