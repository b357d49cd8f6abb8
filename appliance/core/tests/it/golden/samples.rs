//! The values that the golden lines stand for.

use std::collections::BTreeMap;

use machiai_core::envelope::{By, Cmd, Head, Trust};
use machiai_core::facts::{
    Arrived, Called, CancelReason, Cancelled, Channel, DayOpened, DayRedated, Fact, Family, FamilyJoined, Gap,
    GapReason, InRoom, JournalOpened, JumpReason, Lang, Lease, LineClosed, LineOpened, LineRemoved, MessageSet,
    MovedTo, NumbersJumped, NumbersLeased, OfVisit, OpenedAfter, PersonalErased, Placed, PrintBegun, PrintEnded,
    PrintOutcome, PrintTrouble, PrinterRemoved, Rank, RoomRemoved, TicketIssued, Undone,
};
use machiai_core::health::{Disk, HealthReported, Line as HubLine, PrinterHealth, ScreenHealth};
use machiai_core::ids::{BootId, FactId, KeyId, Label, LineNo, Number, Origin, Seq, SiteId, StaffId, VisitId};
use machiai_core::people::{DeviceKind, Means, OfDevice, OfStaff, Pairing, Role, SignedIn, SignedOut, Staff};
use machiai_core::seal::Sealed;
use machiai_core::settings::{
    Arrow, Break, Closure, HolidayChange, Hours, Interleave, Line, LineColor, Opening, Printer, Room, Rules, Session,
    Site, StageKind, Text, WeekDay, WeekRule, Window,
};
use machiai_core::time::{AtMs, DayTime};

fn visit(n: u8) -> VisitId {
    VisitId::from_bytes([n; 16])
}

fn key(n: u8) -> KeyId {
    KeyId::from_bytes([n; 16])
}

fn sealed() -> Sealed {
    Sealed { key_id: key(0xc1), nonce: "0102030405060708090a0b0c".into(), ct: "d2e1f0".into() }
}

pub(super) fn text(ja: &str) -> Text {
    Text { ja: ja.into(), en: Some("Name <&\">".into()), zh: Some("名称".into()), ko: Some("이름".into()) }
}

/// The envelope of the `nth` line.
pub(super) fn head(nth: usize) -> Head {
    let seq = u64::try_from(nth).unwrap() + 1;
    Head {
        site: SiteId(1001),
        line: nth.is_multiple_of(2).then_some(LineNo(1)),
        origin: Origin::from_bytes([0xa1; 16]),
        seq: Seq(seq),
        at_ms: AtMs(1_795_471_200_000 + i64::try_from(seq / 2).unwrap()),
        at_n: u32::try_from(seq % 2).unwrap(),
        boot: BootId::from_bytes([0xb2; 16]),
        mono_ms: 9_007_199_254_740_993,
        clock: [Trust::Synced, Trust::Free, Trust::Lost, Trust::Rehearsal][nth % 4],
        by: By { device: "desk-1".parse().unwrap(), person: nth.is_multiple_of(3).then(|| "sato".into()) },
        cmd: (nth % 2 == 1).then(|| Cmd { key: format!("key-{nth}"), digest: "0011223344556677".into() }),
    }
}

/// One fact of every kind, and a second one of those with much to leave out.
pub(super) fn samples() -> Vec<Fact> {
    let called = Called { visits: vec![visit(1), visit(2)], room: "room1".parse().unwrap() };
    let placed = Placed { visit: visit(1), rank: Rank(-1_048_576), note: Some(sealed()) };
    let moved = MovedTo { visit: visit(1), to: LineNo(2), rank: Rank(3_145_728) };
    let call = super::calls::by_hand();
    let day = "2026-11-24".parse().unwrap();
    let mut facts = settings();
    facts.extend([
        Fact::JournalOpened(JournalOpened { version: "0.1.0".into(), after: OpenedAfter::Restore }),
        Fact::DayOpened(DayOpened { day, left: vec![visit(9)] }),
        Fact::DayOpened(DayOpened { day, left: Vec::new() }),
        Fact::DayRedated(DayRedated { from: "1970-01-01".parse().unwrap(), to: day }),
        Fact::LineOpened(LineOpened { session: "morning".parse().unwrap() }),
        Fact::LineClosed(LineClosed { left: vec![visit(3), visit(4)] }),
        Fact::LineClosed(LineClosed { left: Vec::new() }),
        Fact::LinePaused,
        Fact::LineResumed,
        Fact::NumbersJumped(NumbersJumped { to: Number(93), reason: JumpReason::Restored }),
        Fact::MessageSet(MessageSet { text: "髙﨑𠮷 <&\"> 本日は混み合います".into() }),
        full_ticket(),
        plain_ticket(),
        Fact::Arrived(Arrived { visit: visit(1), rank: Rank(5), late: true }),
        Fact::Called(called.clone()),
        Fact::NobodyCalled(InRoom { room: "room1".parse().unwrap() }),
        Fact::Recalled(called.clone()),
        Fact::Entered(called.clone()),
        Fact::MarkedAbsent(called.clone()),
        Fact::Returned(placed.clone()),
        Fact::Finished(called),
        Fact::Cancelled(Cancelled { visit: visit(1), reason: CancelReason::NoShow, note: Some(sealed()) }),
        Fact::Cancelled(Cancelled { visit: visit(1), reason: CancelReason::Patient, note: None }),
        Fact::Held(OfVisit { visit: visit(1) }),
        Fact::Released(Placed { note: None, ..placed.clone() }),
        Fact::Moved(moved.clone()),
        Fact::StageEntered(moved),
        Fact::Reordered(placed),
        Fact::FamilyJoined(FamilyJoined { visits: vec![visit(1), visit(2)] }),
        Fact::Undone(Undone { acts: vec![FactId { origin: Origin::from_bytes([0xa1; 16]), seq: Seq(7) }] }),
        Fact::PrintBegun(PrintBegun { visit: visit(1), printer: "p1".parse().unwrap(), attempt: 2, reprint: true }),
        Fact::PrintEnded(PrintEnded {
            visit: visit(1),
            attempt: 2,
            outcome: PrintOutcome::Unconfirmed,
            trouble: Some(PrintTrouble::Silent),
        }),
        Fact::PersonalErased(PersonalErased { visits: vec![visit(1)], keys: vec![key(0xc1)] }),
        Fact::CallConnected(call.clone()),
        Fact::CallDisconnected(call),
    ]);
    facts.extend(people());
    facts.extend(super::program::tables());
    facts.extend(super::program::airings());
    facts.push(super::program::scene());
    facts.extend(from_afar());
    facts.extend(health());
    facts.extend(super::calls::calls());
    facts.extend(super::support::support());
    facts.extend(super::calls::later());
    facts.push(super::support::commissioned());
    facts
}

fn health() -> [Fact; 2] {
    let quiet = HealthReported {
        version: "0.1.0".into(),
        clock: Trust::Free,
        disk: None,
        line: None,
        n_unsent: 0,
        printers: BTreeMap::new(),
        screens: BTreeMap::new(),
        troubles: Vec::new(),
    };
    let full = HealthReported {
        disk: Some(Disk::of(3 << 30, 100 << 30)),
        line: Some(HubLine::LongPoll),
        n_unsent: 1_000,
        printers: BTreeMap::from([("p1".parse().unwrap(), PrinterHealth::PaperOut)]),
        screens: BTreeMap::from([("hall".parse().unwrap(), ScreenHealth::Failed)]),
        troubles: vec!["backup_failed".into()],
        ..quiet.clone()
    };
    [Fact::HealthReported(full), Fact::HealthReported(quiet)]
}

fn from_afar() -> [Fact; 4] {
    let lease = |number: u32| Lease {
        number: Number(number),
        label: Label(format!("A{number:03}")),
        visit: visit(u8::try_from(number).unwrap()),
    };
    let gap = Gap { from: Number(4), to: Number(4), reason: GapReason::Unlucky };
    let session = Some("morning".parse().unwrap());
    [
        Fact::NumbersLeased(NumbersLeased { leased: vec![lease(3), lease(5)], session, skipped: vec![gap] }),
        Fact::NumbersLeased(NumbersLeased { leased: vec![lease(6)], session: None, skipped: Vec::new() }),
        Fact::LeftLine(OfVisit { visit: visit(1) }),
        Fact::RulesSet(Rules { remote_lease: 9, ..Rules::default() }),
    ]
}

fn people() -> [Fact; 8] {
    let staff: StaffId = "sato".parse().unwrap();
    let pairing = Pairing::of(DeviceKind::Desk, &"room1/2".parse().unwrap()).unwrap();
    let device = pairing.device.clone();
    [
        Fact::StaffSet(Staff { staff: staff.clone(), name: "佐藤 <&\">".into(), role: Role::Manager }),
        Fact::StaffRemoved(OfStaff { staff: staff.clone() }),
        Fact::DevicePaired(pairing),
        Fact::DeviceUnpaired(OfDevice { device: device.clone() }),
        Fact::SignedIn(SignedIn { staff: staff.clone(), device: device.clone(), means: Means::Password }),
        Fact::SignedIn(SignedIn { staff: staff.clone(), device: device.clone(), means: Means::Pin }),
        Fact::SignedOut(SignedOut { staff, device }),
        Fact::SignInsEnded,
    ]
}

fn full_ticket() -> Fact {
    Fact::TicketIssued(TicketIssued {
        visit: visit(1),
        day: "2026-11-24".parse().unwrap(),
        session: Some("morning".parse().unwrap()),
        number: Number(12),
        label: Label("A012".into()),
        rank: Rank(1_048_576),
        channel: Channel::Booked,
        arrived: true,
        booked_for: Some(AtMs(1_795_474_800_000)),
        family: Some(Family { first: visit(1), idx: 1, of: 2 }),
        lang: Lang::Zh,
        text_call: true,
        name_shown: true,
        token_hash: Some("00ff".into()),
        personal: Some(sealed()),
        skipped: vec![Gap { from: Number(9), to: Number(11), reason: GapReason::FamilyTogether }],
    })
}

fn plain_ticket() -> Fact {
    Fact::TicketIssued(TicketIssued {
        visit: visit(2),
        day: "2026-11-24".parse().unwrap(),
        session: None,
        number: Number(13),
        label: Label("13".into()),
        rank: Rank(2_097_152),
        channel: Channel::Kiosk,
        arrived: false,
        booked_for: None,
        family: None,
        lang: Lang::Ja,
        text_call: false,
        name_shown: false,
        token_hash: None,
        personal: None,
        skipped: Vec::new(),
    })
}

fn settings() -> Vec<Fact> {
    let site = Site {
        name: text("待合内科"),
        address: Some("東京都".into()),
        patient_url: Some("https://example.jp/t/".into()),
        era_years: true,
    };
    vec![
        Fact::SiteSet(site),
        Fact::LineSet(full_line()),
        Fact::LineRemoved(LineRemoved { line: LineNo(8) }),
        Fact::RoomSet(Room {
            room: "room1".parse().unwrap(),
            name: text("第1診察室"),
            short: Some("第1".into()),
            say: None,
            lines: vec![LineNo(1)],
            order: 1,
            arrow: Arrow::Left,
        }),
        Fact::RoomRemoved(RoomRemoved { room: "room8".parse().unwrap() }),
        Fact::HoursSet(hours()),
        Fact::RulesSet(Rules::default()),
        Fact::PrinterSet(Printer {
            printer: "p1".parse().unwrap(),
            address: "tcp:10.0.0.9:9100".into(),
            profile: "tm-m30iii".into(),
            lines: vec![LineNo(1)],
        }),
        Fact::PrinterRemoved(PrinterRemoved { printer: "p8".parse().unwrap() }),
    ]
}

fn full_line() -> Line {
    Line {
        line: LineNo(1),
        name: text("内科"),
        color: LineColor::Plum,
        kind: StageKind::Consultation,
        prefix: "A".into(),
        figures: 3,
        first: BTreeMap::from([("morning".parse().unwrap(), Number(1)), ("afternoon".parse().unwrap(), Number(201))]),
        first_number: Number(1),
        last_number: Number(999),
        skip_endings: vec![4, 9, 42],
        keep_every: Some(6),
        minutes: 7,
        desk: Window { opens_min: -30, closes_min: 30, predicted_end_min: None },
        remote: Window { opens_min: -30, closes_min: -30, predicted_end_min: Some(0) },
        interleave: Some(Interleave { booked: 1, walk_in: 2 }),
        breaks: vec![Break { from: DayTime(720), to: DayTime(900) }],
    }
}

fn hours() -> Hours {
    let morning: machiai_core::ids::SessionId = "morning".parse().unwrap();
    Hours {
        sessions: vec![Session {
            session: morning.clone(), name: text("午前"), from: DayTime(510), to: DayTime(1440)
        }],
        week: vec![WeekRule { days: vec![WeekDay::Thu], nth: vec![2, 4], sessions: vec![morning.clone()] }],
        open_on_holidays: true,
        closures: vec![Closure {
            from: "2026-12-29".parse().unwrap(),
            to: "2027-01-03".parse().unwrap(),
            why: text("年末年始"),
        }],
        openings: vec![Opening { day: "2026-12-30".parse().unwrap(), sessions: vec![morning] }],
        holidays: vec![HolidayChange { day: "2026-09-22".parse().unwrap(), holiday: true }],
    }
}
