//! Taking facts into the queue, one by one, in canonical order.

use alloc::vec::Vec;

use super::{Clinic, MAX_MOMENTS, MAX_REMARKS, Moment, Press, Remark, RemarkKind, Taken};
use crate::envelope::{Envelope, Head, Trust};
use crate::facts::{
    Called, Fact, Family, FamilyJoined, Gap, GapReason, MovedTo, PersonalErased, PrintBegun, PrintEnded, TicketIssued,
    Undone,
};
use crate::ids::{Number, VisitId};
use crate::queue::line::{LineDay, Reception};
use crate::queue::visit::{Act, ActKind, State, Turn, Visit};
use crate::time::Day;

impl Clinic {
    /// Takes in a fact.
    ///
    /// [`Taken::Late`] leaves everything as it was: the caller folds again from a point before the fact.
    pub fn after(&mut self, envelope: &Envelope) -> Taken {
        let (head, fact) = (&envelope.head, &envelope.fact);
        if self.heads.get(&head.origin).is_some_and(|seq| *seq >= head.seq) {
            return Taken::Known;
        }
        if self.newest.is_some_and(|newest| newest > head.canonical()) {
            return Taken::Late;
        }
        self.heads.insert(head.origin, head.seq);
        self.newest = Some(head.canonical());
        self.n_facts = self.n_facts.saturating_add(1);
        self.rehearsal |= head.clock == Trust::Rehearsal;
        self.standing.after(fact);
        self.fold(head, fact);
        if let Some(cmd) = &head.cmd {
            self.presses.insert(head.by.device.clone(), Press { digest: cmd.digest.clone(), at: head.at_ms });
        }
        Taken::InOrder
    }

    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact, each one call")]
    fn fold(&mut self, head: &Head, fact: &Fact) {
        match fact {
            Fact::DayOpened(opened) => self.open_day(opened.day),
            Fact::DayRedated(redated) => self.day = Some(redated.to),
            Fact::LineOpened(opened) => self.on_line(head, |line| {
                line.reception = Reception::Open;
                line.session = Some(opened.session.clone());
                line.paused = false;
            }),
            Fact::LineClosed(_) => self.on_line(head, |line| line.reception = Reception::Closed),
            Fact::LinePaused => self.on_line(head, |line| line.paused = true),
            Fact::LineResumed => self.on_line(head, |line| line.paused = false),
            Fact::NumbersJumped(jump) => self.on_line(head, |line| {
                let below = Number(jump.to.0.saturating_sub(1));
                line.top = line.top.max(Some(below));
            }),
            Fact::TicketIssued(ticket) => self.issue(head, ticket),
            Fact::Arrived(arrived) => self.act(head, arrived.visit, ActKind::Arrived, |turn| {
                turn.state = State::Waiting;
                turn.rank = arrived.rank;
                turn.arrived = true;
                turn.late = arrived.late;
            }),
            Fact::Called(called) => self.call(head, called, false),
            Fact::Recalled(called) => self.call(head, called, true),
            Fact::Entered(called) => self.act_all(head, called, ActKind::Entered, |turn| {
                turn.state = State::InRoom;
                turn.entered_at = Some(head.at_ms);
            }),
            Fact::MarkedAbsent(called) => self.act_all(head, called, ActKind::MarkedAbsent, |turn| {
                turn.state = State::Absent;
                turn.n_again = 0;
            }),
            Fact::Returned(placed) => self.act(head, placed.visit, ActKind::Returned, |turn| {
                turn.state = State::Waiting;
                turn.rank = placed.rank;
            }),
            Fact::Finished(called) => self.act_all(head, called, ActKind::Finished, |turn| {
                turn.state = State::Finished;
            }),
            Fact::Cancelled(cancelled) => {
                self.remember_key(cancelled.visit, cancelled.note.as_ref());
                self.act(head, cancelled.visit, ActKind::Cancelled, |turn| turn.state = State::Cancelled);
            }
            Fact::Held(held) => self.act(head, held.visit, ActKind::Held, |turn| turn.state = State::OnHold),
            Fact::Released(placed) => self.act(head, placed.visit, ActKind::Released, |turn| {
                turn.state = State::Waiting;
                turn.rank = placed.rank;
            }),
            Fact::Moved(moved) => self.go_to(head, moved, ActKind::Moved),
            Fact::StageEntered(moved) => self.go_to(head, moved, ActKind::SentOn),
            Fact::Reordered(placed) => {
                self.remember_key(placed.visit, placed.note.as_ref());
                self.act(head, placed.visit, ActKind::Reordered, |turn| turn.rank = placed.rank);
            }
            Fact::FamilyJoined(joined) => self.join(head, joined),
            Fact::Undone(undone) => self.undo(head, undone),
            Fact::PrintBegun(begun) => self.begin_print(head, begun),
            Fact::PrintEnded(ended) => self.end_print(head, ended),
            Fact::PersonalErased(erased) => self.erase(erased),
            Fact::Unknown(_) => self.remark(head, RemarkKind::UnknownKind),
            Fact::JournalOpened(_)
            | Fact::SiteSet(_)
            | Fact::LineSet(_)
            | Fact::LineRemoved(_)
            | Fact::RoomSet(_)
            | Fact::RoomRemoved(_)
            | Fact::HoursSet(_)
            | Fact::RulesSet(_)
            | Fact::PrinterSet(_)
            | Fact::PrinterRemoved(_)
            | Fact::MessageSet(_)
            | Fact::NobodyCalled(_)
            | Fact::CallConnected(_)
            | Fact::CallDisconnected(_) => {}
        }
    }

    /// Begins a day: whoever was left over ends, and only personal data to be erased is carried on.
    pub(crate) fn open_day(&mut self, day: Day) {
        self.left_over =
            self.visits.values().filter(|visit| !visit.turn.state.is_over()).map(|visit| visit.label.clone()).collect();
        self.day = Some(day);
        self.lines.clear();
        self.rooms.clear();
        self.visits.clear();
        self.labels.clear();
        self.moments.clear();
        self.printing.clear();
    }

    fn on_line(&mut self, head: &Head, change: impl FnOnce(&mut LineDay)) {
        match head.line {
            Some(line) => change(self.lines.entry(line).or_default()),
            None => self.remark(head, RemarkKind::NoLine),
        }
    }

    fn issue(&mut self, head: &Head, ticket: &TicketIssued) {
        let Some(line) = head.line else {
            return self.remark(head, RemarkKind::NoLine);
        };
        if self.visits.contains_key(&ticket.visit) || self.labels.contains_key(&ticket.label) {
            self.remark(head, RemarkKind::Taken);
        }
        if self.day.is_none() {
            self.day = Some(ticket.day);
        }
        let visit = Visit::of_ticket(ticket, line, head);
        if !visit.keys.is_empty() {
            self.to_erase.insert(visit.visit, (ticket.day, visit.keys.clone()));
        }
        let first = self.first_number(line, ticket.session.as_ref());
        let day = self.lines.entry(line).or_default();
        count_numbers(day, ticket, first);
        day.put(visit.turn.state, visit.place());
        self.labels.insert(ticket.label.clone(), ticket.visit);
        self.visits.insert(ticket.visit, visit);
    }

    /// Changes one visit's turn, keeping every index true and remembering how it stood.
    fn act(&mut self, head: &Head, of: VisitId, kind: ActKind, change: impl FnOnce(&mut Turn)) {
        let Some(visit) = self.visits.get_mut(&of) else {
            return self.remark(head, RemarkKind::UnknownVisit);
        };
        let was_over = visit.turn.state.is_over();
        let before = visit.turn.clone();
        let mut turn = before.clone();
        turn.since = head.at_ms;
        change(&mut turn);
        visit.acts.push(Act {
            id: head.id(),
            press: head.cmd.as_ref().map(|cmd| cmd.key.clone()),
            kind,
            by: head.by.clone(),
            at: head.at_ms,
            before,
        });
        self.turn_to(of, turn);
        if was_over {
            self.remark(head, RemarkKind::VisitOver);
        }
    }

    fn act_all(&mut self, head: &Head, called: &Called, kind: ActKind, change: impl Fn(&mut Turn)) {
        for visit in &called.visits {
            self.act(head, *visit, kind, &change);
        }
    }

    /// Puts a visit where `turn` says, in its line's and its room's lists.
    fn turn_to(&mut self, of: VisitId, turn: Turn) {
        let Some(visit) = self.visits.get_mut(&of) else {
            return;
        };
        if let Some(day) = self.lines.get_mut(&visit.turn.line) {
            day.take(visit.turn.state, &visit.place());
        }
        if let Some(room) = visit.turn.room.as_ref().and_then(|room| self.rooms.get_mut(room)) {
            room.now.retain(|other| *other != of);
        }
        visit.turn = turn;
        self.lines.entry(visit.turn.line).or_default().put(visit.turn.state, visit.place());
        if let (State::Called | State::InRoom, Some(room)) = (visit.turn.state, &visit.turn.room) {
            let now = &mut self.rooms.entry(room.clone()).or_default().now;
            now.push(of);
            let visits = &self.visits;
            now.sort_by_key(|visit| visits.get(visit).map(Visit::place));
        }
    }

    fn call(&mut self, head: &Head, called: &Called, again: bool) {
        if !again {
            for visit in &called.visits {
                self.note_rank(*visit);
            }
            self.act_all(head, called, ActKind::Called, |turn| {
                turn.state = State::Called;
                turn.room = Some(called.room.clone());
                turn.called_at = turn.called_at.or(Some(head.at_ms));
            });
        }
        for visit in called.visits.iter().filter(|_| again) {
            if let Some(visit) = self.visits.get_mut(visit).filter(|visit| visit.turn.state == State::Absent) {
                visit.turn.n_again = visit.turn.n_again.saturating_add(1);
            }
        }
        self.moments.push(Moment {
            id: head.id(),
            visits: called.visits.clone(),
            room: called.room.clone(),
            at: head.at_ms,
            again,
            undone_at: None,
        });
        let n_over = self.moments.len().saturating_sub(MAX_MOMENTS);
        self.moments.drain(..n_over);
    }

    /// Remembers how far the order of a line has been called.
    fn note_rank(&mut self, of: VisitId) {
        let Some(visit) = self.visits.get(&of) else {
            return;
        };
        let (line, rank) = (visit.turn.line, visit.turn.rank);
        if visit.channel == crate::facts::Channel::Emergency {
            return;
        }
        let day = self.lines.entry(line).or_default();
        day.called_rank = day.called_rank.max(Some(rank));
    }

    fn go_to(&mut self, head: &Head, moved: &MovedTo, kind: ActKind) {
        self.act(head, moved.visit, kind, |turn| {
            turn.line = moved.to;
            turn.rank = moved.rank;
            turn.state = if turn.arrived { State::Waiting } else { State::NotArrived };
            turn.room = None;
            turn.called_at = None;
            turn.entered_at = None;
            turn.late = false;
            if kind == ActKind::SentOn {
                turn.stage = turn.stage.saturating_add(1);
            }
        });
    }

    fn join(&mut self, head: &Head, joined: &FamilyJoined) {
        let Some(first) = joined.visits.first().copied() else {
            return;
        };
        let of = u8::try_from(joined.visits.len()).unwrap_or(u8::MAX);
        for (idx, visit) in (1_u8..).zip(&joined.visits) {
            self.act(head, *visit, ActKind::Joined, |turn| turn.family = Some(Family { first, idx, of }));
        }
    }

    fn undo(&mut self, head: &Head, undone: &Undone) {
        let concerned: Vec<VisitId> = self
            .visits
            .values()
            .filter(|visit| match visit.acts.last() {
                Some(act) => undone.acts.contains(&act.id),
                None => undone.acts.contains(&visit.issued_by) && visit.turn.state != State::Cancelled,
            })
            .map(|visit| visit.visit)
            .collect();
        if concerned.is_empty() {
            self.remark(head, RemarkKind::ActedSince);
        }
        for of in concerned {
            self.undo_on(of, undone);
        }
        for moment in &mut self.moments {
            if undone.acts.contains(&moment.id) {
                moment.undone_at = Some(head.at_ms);
            }
        }
    }

    /// Takes back the newest acts of one visit that are named; a ticket never acted on is cancelled.
    fn undo_on(&mut self, of: VisitId, undone: &Undone) {
        let Some(visit) = self.visits.get_mut(&of) else {
            return;
        };
        let mut before = None;
        while let Some(act) = visit.acts.pop_if(|act| undone.acts.contains(&act.id)) {
            before = Some(act.before);
        }
        let turn = before.unwrap_or_else(|| Turn { state: State::Cancelled, ..visit.turn.clone() });
        self.turn_to(of, turn);
    }

    fn begin_print(&mut self, head: &Head, begun: &PrintBegun) {
        match self.visits.get_mut(&begun.visit) {
            Some(visit) => {
                visit.paper.n_attempts = visit.paper.n_attempts.max(begun.attempt);
                visit.paper.outcome = None;
                visit.paper.trouble = None;
                self.printing.insert(begun.visit, begun.clone());
            }
            None => self.remark(head, RemarkKind::UnknownVisit),
        }
    }

    fn end_print(&mut self, head: &Head, ended: &PrintEnded) {
        match self.visits.get_mut(&ended.visit) {
            Some(visit) => {
                if ended.attempt == visit.paper.n_attempts {
                    visit.paper.outcome = Some(ended.outcome);
                    visit.paper.trouble = ended.trouble;
                    self.printing.remove(&ended.visit);
                }
            }
            None => self.remark(head, RemarkKind::UnknownVisit),
        }
    }

    fn erase(&mut self, erased: &PersonalErased) {
        for of in &erased.visits {
            self.to_erase.remove(of);
            if let Some(visit) = self.visits.get_mut(of) {
                visit.personal = None;
                visit.erased = true;
                visit.keys.retain(|key| !erased.keys.contains(key));
            }
        }
    }

    fn remember_key(&mut self, of: VisitId, note: Option<&crate::seal::Sealed>) {
        let (Some(sealed), Some(visit)) = (note, self.visits.get_mut(&of)) else {
            return;
        };
        visit.keys.push(sealed.key_id);
        if let Some(day) = self.day {
            self.to_erase.insert(of, (day, visit.keys.clone()));
        }
    }

    fn remark(&mut self, head: &Head, what: RemarkKind) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(Remark { id: head.id(), what });
        }
    }
}

/// Notes a ticket's number and the reasons of the gap before it.
fn count_numbers(day: &mut LineDay, ticket: &TicketIssued, first: Number) {
    if let Some(session) = &ticket.session {
        day.begun.insert(session.clone());
    }
    if day.kept.remove(&ticket.number) {
        return;
    }
    for gap in &ticket.skipped {
        if gap.reason == GapReason::Kept {
            day.kept.extend((gap.from.0..=gap.to.0).map(Number));
        }
    }
    let expected = match day.top {
        Some(top) => Number(top.0.saturating_add(1)),
        None => first,
    };
    if let Some(run) = unexplained(expected, ticket.number, &ticket.skipped) {
        day.unexplained.push(run);
    }
    day.top = day.top.max(Some(ticket.number));
}

/// Returns the first run of numbers from `expected` up to `number` that no gap explains.
fn unexplained(expected: Number, number: Number, gaps: &[Gap]) -> Option<(Number, Number)> {
    let explains = |candidate: u32| gaps.iter().any(|gap| (gap.from.0..=gap.to.0).contains(&candidate));
    let from = (expected.0..number.0).find(|candidate| !explains(*candidate))?;
    let to = (from..number.0).take_while(|candidate| !explains(*candidate)).last().unwrap_or(from);
    Some((Number(from), Number(to)))
}
