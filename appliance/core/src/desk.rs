//! The desk view: what staff see. It names no patient; the edge adds what is sealed, for those who may read it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use crate::decide::room::next_label;
use crate::decide::visit::place_on_coming;
use crate::decide::who;
use crate::estimate;
use crate::facts::{Channel, Lang, PrintOutcome, PrintTrouble};
use crate::ids::{DeviceId, Label, LineNo, Number, RoomId, VisitId};
use crate::queue::Clinic;
use crate::queue::line::{LineDay, Reception};
use crate::queue::visit::{ActKind, State, Visit};
use crate::settings::{LineColor, Text};
use crate::time::{AtMs, Day};
use crate::view::{FamilyPlace, Wait};

/// One visit as staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskRow {
    /// Its id, for commands.
    pub visit: VisitId,
    /// What is called.
    pub label: Label,
    /// Its line.
    pub line: LineNo,
    /// Where it stands.
    pub state: State,
    /// Minutes since the ticket was taken.
    pub waited_min: i64,
    /// How it came about.
    pub channel: Channel,
    /// The booked time, `10:00`.
    pub booked_for: Option<String>,
    /// Whether a booked patient has let the time pass.
    pub overdue: bool,
    /// Whether the turn had passed when the patient came.
    pub late: bool,
    /// Its place among a family.
    pub family: Option<FamilyPlace>,
    /// The patient's language.
    pub lang: Lang,
    /// Whether to call in writing.
    pub text_call: bool,
    /// When it was called, `10:21`.
    pub called_at: Option<String>,
    /// When it went in.
    pub entered_at: Option<String>,
    /// The newest attempt to print it; none while there is none or it runs.
    pub print: Option<PrintOutcome>,
    /// Why it is not printed.
    pub print_trouble: Option<PrintTrouble>,
    /// What an undo would take back.
    pub last_act: Option<ActKind>,
    /// Who did that.
    pub last_by: Option<DoneBy>,
    /// Where it would stand on coming now; none unless it is absent or has not come.
    pub on_coming: Option<OnComing>,
    /// Whether something is sealed with it.
    pub has_personal: bool,
    /// Whether that was erased: 消去済.
    pub erased: bool,
}

/// Who did something, as staff are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoneBy {
    /// The device.
    pub device: DeviceId,
    /// The name of whoever was signed in there.
    pub person: Option<String>,
}

/// Where a patient who is not here would stand on coming now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OnComing {
    /// How many would be called before.
    pub n_ahead: usize,
    /// Who would be called just before; none for nobody.
    pub after: Option<Label>,
    /// Whether the turn has passed.
    pub late: bool,
}

/// One room as staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskRoom {
    /// Its id, for commands.
    pub room: RoomId,
    /// Its name.
    pub name: Text,
    /// The lines it calls.
    pub lines: Vec<LineNo>,
    /// Who is called or in it.
    pub now: Vec<DeskRow>,
    /// Who the main button would call.
    pub next: Option<Label>,
}

/// One line as staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskLine {
    /// Its number.
    pub line: LineNo,
    /// Its name.
    pub name: Text,
    /// Its colour.
    pub color: LineColor,
    /// Whether it gives numbers.
    pub reception: Reception,
    /// The session it was opened for.
    pub session: Option<String>,
    /// Whether consultation has paused.
    pub paused: bool,
    /// The highest number known, 0 for none, where others may have been given that the box does not know of.
    pub unsure: Option<Number>,
    /// What is said of the wait.
    pub wait: Wait,
    /// Who waits, in the order they will be called.
    pub waiting: Vec<DeskRow>,
    /// Who is absent, longest first.
    pub absent: Vec<DeskRow>,
    /// Who has not come.
    pub not_arrived: Vec<DeskRow>,
    /// Who is set aside.
    pub on_hold: Vec<DeskRow>,
}

/// Everything the desk shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskView {
    /// The business day.
    pub day: Option<Day>,
    /// How many facts it is folded from.
    pub n_facts: u64,
    /// Rooms in door order.
    pub rooms: Vec<DeskRoom>,
    /// Lines by number.
    pub lines: Vec<DeskLine>,
    /// Tickets whose paper is not known to be out.
    pub unprinted: Vec<DeskRow>,
    /// Labels left over from the day before.
    pub left_over: Vec<Label>,
    /// The i-message.
    pub message: Option<String>,
    /// The sessions there are.
    pub sessions: Vec<(String, Text)>,
}

/// Returns the desk as it is at `now`.
#[must_use]
pub fn desk(clinic: &Clinic, now: AtMs) -> DeskView {
    let rooms = clinic.standing.rooms_in_order().into_iter().map(|room| DeskRoom {
        room: room.room.clone(),
        name: room.name.clone(),
        lines: room.lines.clone(),
        now: clinic.in_room(&room.room).into_iter().map(|visit| row(clinic, visit, now)).collect(),
        next: next_label(clinic, room).map(|visit| visit.label.clone()),
    });
    let is_unprinted =
        |visit: &&Visit| visit.paper.outcome.is_some_and(|o| o != PrintOutcome::Printed) && !visit.turn.state.is_over();
    DeskView {
        day: clinic.day,
        n_facts: clinic.n_facts,
        rooms: rooms.collect(),
        lines: clinic.standing.lines.keys().filter_map(|line| desk_line(clinic, *line, now)).collect(),
        unprinted: clinic.visits.values().filter(is_unprinted).map(|visit| row(clinic, visit, now)).collect(),
        left_over: clinic.left_over.clone(),
        message: clinic.standing.message.clone(),
        sessions: clinic
            .standing
            .hours
            .sessions
            .iter()
            .map(|session| (session.session.to_string(), session.name.clone()))
            .collect(),
    }
}

fn desk_line(clinic: &Clinic, line: LineNo, now: AtMs) -> Option<DeskLine> {
    let settings = clinic.standing.lines.get(&line)?;
    let empty = LineDay::default();
    let day = clinic.lines.get(&line).unwrap_or(&empty);
    let rows = |state: State| -> Vec<DeskRow> {
        let visits = day.in_state(state).filter_map(|place| clinic.visits.get(&place.visit));
        visits.map(|visit| row(clinic, visit, now)).collect()
    };
    let mut absent: Vec<&Visit> =
        day.in_state(State::Absent).filter_map(|place| clinic.visits.get(&place.visit)).collect();
    absent.sort_by_key(|visit| (visit.turn.since, visit.place()));
    Some(DeskLine {
        line,
        name: settings.name.clone(),
        color: settings.color,
        reception: day.reception,
        session: day.session.as_ref().map(ToString::to_string),
        paused: day.paused,
        unsure: day.unsure,
        wait: estimate::wait_of_line(clinic, line, now),
        waiting: rows(State::Waiting),
        absent: absent.into_iter().map(|visit| row(clinic, visit, now)).collect(),
        not_arrived: rows(State::NotArrived),
        on_hold: rows(State::OnHold),
    })
}

/// Returns one visit as staff see it.
#[must_use]
pub fn row(clinic: &Clinic, visit: &Visit, now: AtMs) -> DeskRow {
    let waited_ms = now.since(visit.issued.at);
    DeskRow {
        visit: visit.visit,
        label: visit.label.clone(),
        line: visit.turn.line,
        state: visit.turn.state,
        waited_min: waited_ms.checked_div(crate::time::MINUTE_MS).unwrap_or(0).max(0),
        channel: visit.channel,
        booked_for: visit.booked_for.map(AtMs::clock_face),
        overdue: visit.is_overdue(&clinic.standing.rules, now),
        late: visit.turn.late,
        family: visit.turn.family.map(|family| FamilyPlace { idx: family.idx, of: family.of }),
        lang: visit.lang,
        text_call: visit.text_call,
        called_at: visit.turn.called_at.map(AtMs::clock_face),
        entered_at: visit.turn.entered_at.map(AtMs::clock_face),
        print: visit.paper.outcome,
        print_trouble: visit.paper.trouble,
        last_act: visit.acts.last().map(|act| act.kind),
        last_by: visit.acts.last().map(|act| DoneBy {
            device: act.by.device.clone(),
            person: act.by.person.as_ref().map(|_| who(clinic, &act.by).to_string()),
        }),
        on_coming: on_coming(clinic, visit, now),
        has_personal: visit.personal.is_some(),
        erased: visit.erased,
    }
}

/// Returns the row of somebody who comes with a leased number while the hub's own fact of the ticket is not here yet.
#[must_use]
pub fn leased_row(clinic: &Clinic, label: &Label) -> Option<DeskRow> {
    let of_line = |(line, day): (&LineNo, &LineDay)| {
        let lease = day.leased.values().find(|lease| lease.label == *label)?;
        Some((*line, lease.visit))
    };
    let (line, visit) = clinic.lines.iter().find_map(of_line)?;
    Some(DeskRow {
        visit,
        label: label.clone(),
        line,
        state: State::NotArrived,
        waited_min: 0,
        channel: Channel::Remote,
        booked_for: None,
        overdue: false,
        late: false,
        family: None,
        lang: Lang::Ja,
        text_call: false,
        called_at: None,
        entered_at: None,
        print: None,
        print_trouble: None,
        last_act: None,
        last_by: None,
        on_coming: None,
        has_personal: false,
        erased: false,
    })
}

fn on_coming(clinic: &Clinic, visit: &Visit, now: AtMs) -> Option<OnComing> {
    let (rank, late) = place_on_coming(clinic, visit, now)?;
    let ahead = clinic.lines.get(&visit.turn.line).into_iter().flat_map(|day| day.in_state(State::Waiting));
    let ahead = ahead.take_while(|place| place.rank < rank);
    let (n_ahead, last) = ahead.fold((0_usize, None), |(n, _), place| (n.saturating_add(1), Some(place)));
    let after = last.and_then(|place| clinic.visits.get(&place.visit)).map(|visit| visit.label.clone());
    Some(OnComing { n_ahead, after, late })
}
