//! What a patient's page shows, taken from the clinic's facts: numbers only, and how old they are.

use machiai_core::board::board;
use machiai_core::calendar::Calendar;
use machiai_core::command::{Command, Take};
use machiai_core::decide::{Context, Edge, decide};
use machiai_core::envelope::{By, Trust};
use machiai_core::estimate;
use machiai_core::facts::{Channel, Lang};
use machiai_core::ids::{LineNo, VisitId};
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::{State, Visit};
use machiai_core::refusal::Refusal;
use machiai_core::settings::Text;
use machiai_core::time::AtMs;
use machiai_core::view::Wait;

/// A line as a patient sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineView {
    pub(crate) line: LineNo,
    pub(crate) name: Text,
    pub(crate) is_open: bool,
    pub(crate) n_waiting: u32,
    pub(crate) wait: Wait,
    /// Labels that are called or being seen, in door order.
    pub(crate) now: Vec<String>,
    /// Whether a ticket can be taken from afar, and why not.
    pub(crate) may_take: Result<(), Refusal>,
}

/// A clinic as a patient sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteView {
    pub(crate) name: Text,
    pub(crate) address: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) lines: Vec<LineView>,
    /// Today's consultation hours, by the names of their sessions.
    pub(crate) today: Vec<(Text, String, String)>,
    pub(crate) is_rehearsal: bool,
}

/// A visit as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TicketView {
    pub(crate) clinic: Text,
    pub(crate) line: Text,
    pub(crate) visit: VisitId,
    pub(crate) label: String,
    pub(crate) state: State,
    pub(crate) room: Option<Text>,
    pub(crate) n_ahead: usize,
    pub(crate) n_not_arrived: usize,
    pub(crate) wait: Wait,
    pub(crate) may_leave: bool,
    pub(crate) is_rehearsal: bool,
}

/// Draws nothing: for asking whether something could be done.
struct Nothing;

impl Edge for Nothing {
    fn draw_visit(&mut self) -> VisitId {
        VisitId::from_bytes([0; 16])
    }

    fn token_hash(&mut self, _: VisitId) -> Option<String> {
        None
    }
}

/// Returns the command that takes a ticket from afar.
pub(crate) fn taking(line: LineNo, lang: Lang) -> Command {
    Command::TakeLeased(Take {
        line,
        channel: Channel::Remote,
        family: 1,
        lang,
        text_call: false,
        name_shown: false,
        booked_for: None,
        interrupt: false,
        personal: None,
    })
}

/// Returns a clinic as a patient sees it.
pub(crate) fn site(clinic: &Clinic, now: AtMs, by: &By) -> SiteView {
    let board = board(clinic, now, Trust::Synced);
    let entrances = board.lines.into_iter().filter(|card| card.kind.is_entrance());
    let context = Context { now, trust: Trust::Synced, quiet_ms: 0, by: by.clone(), cmd: None };
    let lines = entrances.map(|card| {
        let rooms = clinic.standing.rooms_in_order();
        let seen =
            rooms.iter().filter(|room| room.lines.contains(&card.line)).flat_map(|room| clinic.in_room(&room.room));
        let now_in = seen.filter(|visit| visit.turn.line == card.line && !visit.is_urgent());
        LineView {
            line: card.line,
            name: card.name,
            is_open: card.open,
            n_waiting: card.n_waiting,
            wait: card.wait,
            now: now_in.map(|visit| visit.label.to_string()).collect(),
            may_take: decide(clinic, &taking(card.line, Lang::Ja), &context, &mut Nothing).map(drop),
        }
    });
    let day = clinic.standing.rules.day_at(now);
    let held = Calendar::new(&clinic.standing.hours).sessions_on(day);
    let today = held.iter().map(|held| (held.session.name.clone(), held.from.clock_face(), held.to.clock_face()));
    SiteView {
        name: board.clinic,
        address: clinic.standing.site.address.clone(),
        message: board.message,
        lines: lines.collect(),
        today: today.collect(),
        is_rehearsal: clinic.rehearsal,
    }
}

/// Returns today's visit of a token's digest.
pub(crate) fn visit_of<'a>(clinic: &'a Clinic, digest: &str) -> Option<&'a Visit> {
    clinic.visits.values().find(|visit| visit.token_hash.as_deref() == Some(digest))
}

/// Returns a visit as its holder sees it; none when its business day is over.
pub(crate) fn ticket(clinic: &Clinic, digest: &str, now: AtMs) -> Option<TicketView> {
    let visit = visit_of(clinic, digest).filter(|_| clinic.day == Some(clinic.standing.rules.day_at(now)))?;
    let room = visit.turn.room.as_ref().and_then(|room| clinic.standing.rooms.get(room));
    let ahead = estimate::ahead_of(clinic, visit);
    let waits = matches!(visit.turn.state, State::NotArrived | State::Waiting);
    Some(TicketView {
        clinic: clinic.standing.site.name.clone(),
        line: clinic.standing.lines.get(&visit.turn.line).map(|line| line.name.clone()).unwrap_or_default(),
        visit: visit.visit,
        label: visit.label.to_string(),
        state: visit.turn.state,
        room: room.map(|room| room.name.clone()),
        n_ahead: ahead.n_here,
        n_not_arrived: ahead.n_not_arrived,
        wait: if waits { estimate::wait_of_visit(clinic, visit, now) } else { Wait::Unknown },
        may_leave: waits,
        is_rehearsal: clinic.rehearsal,
    })
}
