//! The ticket view: what one patient holds in the hand.

use alloc::string::String;

use crate::estimate;
use crate::ids::VisitId;
use crate::queue::Clinic;
use crate::queue::visit::{State, Visit};
use crate::time::AtMs;
use crate::view::{FamilyPlace, TicketView, Wait};

/// What the edge adds to a ticket: secrets that no fold holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// The patient's page with the token, if there is one.
    pub url: Option<String>,
    /// The name, opened from its seal, where the patient allowed it to be printed.
    pub name: Option<String>,
}

/// Returns a visit's ticket as it is printed at `now`; none when there is no such visit.
#[must_use]
pub fn ticket(clinic: &Clinic, visit: VisitId, now: AtMs, reprint: bool, added: Added) -> Option<TicketView> {
    let visit = clinic.visits.get(&visit)?;
    let line = clinic.standing.lines.get(&visit.turn.line)?;
    let ahead = estimate::ahead_of(clinic, visit);
    Some(TicketView {
        visit: visit.visit,
        clinic: clinic.standing.site.name.clone(),
        day: clinic.day.filter(|_| visit.issued_in_time),
        era_years: clinic.standing.site.era_years,
        session: visit
            .session
            .as_ref()
            .and_then(|session| clinic.standing.session(session))
            .map(|session| session.name.clone()),
        line: line.name.clone(),
        label: visit.label.clone(),
        face: clinic.standing.number_face(),
        taken: visit.issued_in_time.then(|| hour_minute(visit.issued.at)),
        n_ahead: count(ahead.n_here),
        n_ahead_not_arrived: count(ahead.n_not_arrived),
        wait: wait(clinic, visit, now),
        url: added.url,
        family: visit.turn.family.map(|family| FamilyPlace { idx: family.idx, of: family.of }),
        lang: visit.lang,
        text_call: visit.text_call,
        name: added.name.filter(|_| visit.name_shown),
        reprinted: reprint.then(|| hour_minute(now)),
        rehearsal: clinic.rehearsal,
    })
}

fn wait(clinic: &Clinic, visit: &Visit, now: AtMs) -> Wait {
    match visit.turn.state {
        State::NotArrived | State::Waiting => estimate::wait_of_visit(clinic, visit, now),
        State::Called
        | State::InRoom
        | State::Absent
        | State::OnHold
        | State::Finished
        | State::Cancelled
        | State::LeftOver => Wait::Unknown,
    }
}

/// Returns hour and minute in Asia/Tokyo.
fn hour_minute(at: AtMs) -> (u8, u8) {
    let wall = at.in_tokyo();
    (wall.hour().unsigned_abs(), wall.minute().unsigned_abs())
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
