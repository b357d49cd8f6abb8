//! Taking facts into the queue, one by one, in canonical order.

use alloc::vec::Vec;

use super::{
    Clinic, LastSet, MAX_MOMENTS, MAX_MONITORS, MAX_REMARKS, Moment, Press, Remark, RemarkKind, Taken, Told, Touch,
};
use crate::envelope::{Envelope, Head, Trust};
use crate::facts::{
    Called, Fact, Family, FamilyJoined, Gap, GapReason, MovedTo, NumbersLeased, PersonalErased, Placed, PrintBegun,
    PrintEnded, TicketIssued, Undone,
};
use crate::ids::{Number, SessionId, VisitId};
use crate::queue::line::{LineDay, Reception};
use crate::queue::visit::{Act, ActKind, State, Turn, Visit};
use crate::settings::MAX_NUMBER;
use crate::time::Day;

impl Clinic {
    /// Takes in a fact.
    ///
    /// [`Taken::Late`] leaves everything as it was: the caller folds again from a point before the fact.
    pub fn after(&mut self, envelope: &Envelope) -> Taken {
        let (head, fact) = (&envelope.head, &envelope.fact);
        if self.knows(head.id()) {
            return Taken::Known;
        }
        if self.newest.is_some_and(|newest| newest > head.canonical()) {
            return Taken::Late;
        }
        self.heads.insert(head.origin, head.seq);
        self.newest = Some(head.canonical());
        self.n_facts = self.n_facts.saturating_add(1);
        self.rehearsal |= head.clock == Trust::Rehearsal;
        self.note_time(head, fact);
        self.standing.after(fact);
        self.program.after(envelope);
        self.air(envelope);
        self.calls.after(envelope);
        self.support.after(envelope);
        if fact.is_setting() {
            self.last_set = Some(LastSet { id: head.id(), by: head.by.clone(), at: head.at_ms });
        }
        self.fold(head, fact);
        if let Some(cmd) = &head.cmd {
            self.presses.insert(head.by.device.clone(), Press { digest: cmd.digest.clone(), at: head.at_ms });
        }
        Taken::InOrder
    }

    /// Follows what monitors air.
    fn air(&mut self, envelope: &Envelope) {
        if let Fact::AiringBegun(begun) = &envelope.fact
            && (self.aired.len() < MAX_MONITORS || self.aired.contains_key(&begun.monitor))
        {
            self.aired.entry(begun.monitor.clone()).or_default();
        }
        for (monitor, aired) in &mut self.aired {
            aired.after(monitor, envelope);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact, each one call")]
    fn fold(&mut self, head: &Head, fact: &Fact) {
        match fact {
            Fact::DayOpened(opened) if self.day.is_none_or(|day| day < opened.day) => self.open_day(opened.day),
            Fact::DayOpened(_) => self.remark(head, RemarkKind::DayBegun),
            Fact::DayRedated(redated) => self.redate(redated.from, redated.to),
            Fact::LineOpened(opened) => self.on_line(head, |line| {
                line.reception = Reception::Open;
                line.session = Some(opened.session.clone());
                line.opened_at = Some(head.at_ms);
                line.paused = false;
            }),
            Fact::LineClosed(_) => self.on_line(head, |line| line.reception = Reception::Closed),
            Fact::LinePaused => self.on_line(head, |line| line.paused = true),
            Fact::LineResumed => self.on_line(head, |line| line.paused = false),
            Fact::NumbersJumped(jump) => self.on_line(head, |line| line.jump(jump)),
            Fact::NumbersLeased(leased) => self.lease(head, leased),
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
                turn.again_at = None;
            }),
            Fact::Returned(placed) => self.place(head, placed, ActKind::Returned, |turn| turn.state = State::Waiting),
            Fact::Finished(called) => self.act_all(head, called, ActKind::Finished, |turn| {
                turn.state = State::Finished;
            }),
            Fact::Cancelled(cancelled) => {
                self.remember_key(cancelled.visit, cancelled.note.as_ref());
                self.act(head, cancelled.visit, ActKind::Cancelled, |turn| turn.state = State::Cancelled);
            }
            Fact::LeftLine(left) => self.leave(head, left.visit),
            Fact::Held(held) => self.act(head, held.visit, ActKind::Held, |turn| turn.state = State::OnHold),
            Fact::Released(placed) => self.place(head, placed, ActKind::Released, |turn| {
                turn.state = if turn.arrived { State::Waiting } else { State::NotArrived };
            }),
            Fact::Moved(moved) => self.go_to(head, moved, ActKind::Moved),
            Fact::StageEntered(moved) => self.go_to(head, moved, ActKind::SentOn),
            Fact::Reordered(placed) => self.place(head, placed, ActKind::Reordered, |_| {}),
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
            | Fact::CallDisconnected(_)
            | Fact::StaffSet(_)
            | Fact::StaffRemoved(_)
            | Fact::DevicePaired(_)
            | Fact::DeviceUnpaired(_)
            | Fact::SignedIn(_)
            | Fact::SignedOut(_)
            | Fact::SignInsEnded
            | Fact::TableReceived(_)
            | Fact::TableWithdrawn(_)
            | Fact::ItemReplaced(_)
            | Fact::TableApproved(_)
            | Fact::ApprovalWithdrawn(_)
            | Fact::ApprovalReopened(_)
            | Fact::ContentSet(_)
            | Fact::LeasesRenewed(_)
            | Fact::ContentWithdrawn(_)
            | Fact::ContentPrepared(_)
            | Fact::ContentQuarantined(_)
            | Fact::OwnAiringSet(_)
            | Fact::OwnAiringEnded(_)
            | Fact::UrgentNoticeSet(_)
            | Fact::UrgentNoticeWithdrawn
            | Fact::EmergencyBegun(_)
            | Fact::EmergencyEnded
            | Fact::MonitorHoursSet(_)
            | Fact::ItemSkipped(_)
            | Fact::AiringBegun(_)
            | Fact::AiringContinued(_)
            | Fact::AiringEnded(_)
            | Fact::HealthReported(_)
            | Fact::ReservationSet(_)
            | Fact::CallAssigned(_)
            | Fact::RecordingMarked(_)
            | Fact::TariffSet(_)
            | Fact::CallWitnessed(_)
            | Fact::SupportOrdered(_)
            | Fact::SupportAnswered(_)
            | Fact::SupportBegun(_)
            | Fact::SupportReported(_)
            | Fact::Commissioned(_)
            | Fact::TariffRemoved(_) => {}
        }
    }

    /// Begins a day: whoever was left over ends, and only personal data to be erased is carried on.
    pub(crate) fn open_day(&mut self, day: Day) {
        let mut left_over: Vec<_> = self.open_visits().map(|visit| visit.label.clone()).collect();
        left_over.sort_unstable();
        self.left_over = left_over;
        self.day = Some(day);
        self.lines.clear();
        self.rooms.clear();
        self.visits.clear();
        self.labels.clear();
        self.moments.clear();
    }

    /// Gives the running day its true date, also for what is to be erased after it.
    pub(crate) fn redate(&mut self, from: Day, to: Day) {
        self.day = Some(to);
        for (day, _) in self.to_erase.values_mut().filter(|(day, _)| *day == from) {
            *day = to;
        }
    }

    /// Counts how long ago somebody did something to the queue.
    fn note_time(&mut self, head: &Head, fact: &Fact) {
        let told = Told::by(head);
        let since_ms = self.told.map_or(0, |before| told.since_ms(&before));
        if touches_queue(fact) {
            self.touched = Some(Touch { at: head.at_ms, ago_ms: 0 });
        } else if let Some(touch) = &mut self.touched {
            touch.ago_ms = touch.ago_ms.saturating_add(since_ms);
        }
        self.told = Some(told);
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
        if self.visits.contains_key(&ticket.visit) {
            return self.remark(head, RemarkKind::Taken);
        }
        if self.labels.contains_key(&ticket.label) {
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
        day.put(&visit);
        self.labels.entry(ticket.label.clone()).or_insert(ticket.visit);
        self.visits.insert(ticket.visit, visit);
    }

    /// Sets numbers apart that the hub alone gives.
    fn lease(&mut self, head: &Head, leased: &NumbersLeased) {
        let Some(line) = head.line else {
            return self.remark(head, RemarkKind::NoLine);
        };
        let first = self.first_number(line, leased.session.as_ref());
        let numbers = || leased.leased.iter().map(|lease| lease.number).filter(|number| *number <= MAX_NUMBER);
        let Some(last) = numbers().max() else { return };
        let day = self.lines.entry(line).or_default();
        let given = numbers().map(|number| Gap { from: number, to: number, reason: GapReason::Kept });
        let gaps: Vec<Gap> = leased.skipped.iter().copied().chain(given).collect();
        count_up_to(day, (last, first), (leased.session.as_ref(), &leased.skipped), &gaps);
        let of_it = leased.leased.iter().filter(|lease| lease.number <= MAX_NUMBER);
        day.leased.extend(of_it.map(|lease| (lease.number, lease.clone())));
    }

    /// Ends a visit whose holder left the line from afar, unless it was called before.
    fn leave(&mut self, head: &Head, of: VisitId) {
        match self.visits.get(&of).map(|visit| visit.turn.state) {
            Some(State::NotArrived | State::Waiting) => {
                self.act(head, of, ActKind::Cancelled, |turn| turn.state = State::Cancelled);
            }
            Some(_) => self.remark(head, RemarkKind::ActedSince),
            None => self.remark(head, RemarkKind::UnknownVisit),
        }
    }

    /// Changes one visit's turn, keeping every index true and remembering how it stood.
    fn act(&mut self, head: &Head, of: VisitId, kind: ActKind, change: impl FnOnce(&mut Turn)) {
        let Some(visit) = self.visits.get_mut(&of) else {
            return self.remark(head, RemarkKind::UnknownVisit);
        };
        // Who is done in one stage may well go on to the next.
        let was_over = visit.turn.state.is_over() && kind != ActKind::SentOn;
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

    /// Gives a visit a place, and keeps the key of what was said about it.
    fn place(&mut self, head: &Head, placed: &Placed, kind: ActKind, change: impl FnOnce(&mut Turn)) {
        self.remember_key(placed.visit, placed.note.as_ref());
        self.act(head, placed.visit, kind, |turn| {
            turn.rank = placed.rank;
            change(turn);
        });
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
            day.take(visit);
        }
        if let Some(room) = visit.turn.room.as_ref().and_then(|room| self.rooms.get_mut(room)) {
            room.now.retain(|other| *other != of);
        }
        visit.turn = turn;
        self.lines.entry(visit.turn.line).or_default().put(visit);
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
                self.note_rank(head, *visit);
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
                visit.turn.again_at = Some(head.at_ms);
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
    fn note_rank(&mut self, head: &Head, of: VisitId) {
        if let Some(visit) = self.visits.get(&of).filter(|visit| !visit.is_urgent()) {
            self.lines.entry(visit.turn.line).or_default().note_called(visit.turn.rank, head.id());
        }
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
            return self.remark(head, RemarkKind::ActedSince);
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
            if let (ActKind::Called, Some(day)) = (act.kind, self.lines.get_mut(&act.before.line)) {
                day.forget_called(act.before.rank, act.id);
            }
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
        let was_running = self.printing.get(&ended.visit).is_some_and(|begun| begun.attempt == ended.attempt);
        if was_running {
            self.printing.remove(&ended.visit);
        }
        match self.visits.get_mut(&ended.visit) {
            Some(visit) if visit.paper.n_attempts == ended.attempt => {
                visit.paper.outcome = Some(ended.outcome);
                visit.paper.trouble = ended.trouble;
            }
            Some(_) => {}
            // The day may have ended before the paper came out.
            None if was_running => {}
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
        let (Some(sealed), Some(day)) = (note, self.day) else {
            return;
        };
        // A note on a visit of another day is erased like any other.
        let keys = &mut self.to_erase.entry(of).or_insert_with(|| (day, Vec::new())).1;
        for keys in self.visits.get_mut(&of).map(|visit| &mut visit.keys).into_iter().chain([keys]) {
            if !keys.contains(&sealed.key_id) {
                keys.push(sealed.key_id);
            }
        }
    }

    fn remark(&mut self, head: &Head, what: RemarkKind) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(Remark { id: head.id(), what });
        }
    }
}

/// Whether a fact is something that somebody did to the queue; what the program does by itself is not.
const fn touches_queue(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::LineOpened(_)
            | Fact::LineClosed(_)
            | Fact::LinePaused
            | Fact::LineResumed
            | Fact::TicketIssued(_)
            | Fact::Arrived(_)
            | Fact::Called(_)
            | Fact::NobodyCalled(_)
            | Fact::Entered(_)
            | Fact::MarkedAbsent(_)
            | Fact::Returned(_)
            | Fact::Finished(_)
            | Fact::Cancelled(_)
            | Fact::LeftLine(_)
            | Fact::Held(_)
            | Fact::Released(_)
            | Fact::Moved(_)
            | Fact::StageEntered(_)
            | Fact::Reordered(_)
            | Fact::FamilyJoined(_)
            | Fact::Undone(_)
    )
}

/// Notes a ticket's number and the reasons of the gap before it.
fn count_numbers(day: &mut LineDay, ticket: &TicketIssued, first: Number) {
    if day.kept.remove(&ticket.number) || day.leased.remove(&ticket.number).is_some() {
        day.begun.extend(ticket.session.clone());
        return;
    }
    day.unsure = None;
    count_up_to(day, (ticket.number, first), (ticket.session.as_ref(), &ticket.skipped), &ticket.skipped);
}

/// Notes that numbering has come to a number, and which of those before it nobody gave a reason for.
fn count_up_to(
    day: &mut LineDay,
    (number, first): (Number, Number),
    (session, skipped): (Option<&SessionId>, &[Gap]),
    gaps: &[Gap],
) {
    day.begun.extend(session.cloned());
    let kept = skipped.iter().filter(|gap| gap.reason == GapReason::Kept && gap.to <= MAX_NUMBER);
    day.kept.extend(kept.flat_map(|gap| gap.from.0..=gap.to.0).map(Number));
    let expected = match day.top {
        Some(top) => Number(top.0.saturating_add(1)),
        None => first,
    };
    if let Some(run) = unexplained(expected, number, gaps) {
        day.unexplained.push(run);
    }
    day.top = day.top.max(Some(number));
}

/// Returns the first run of numbers from `expected` up to `number` that no gap explains.
fn unexplained(expected: Number, number: Number, gaps: &[Gap]) -> Option<(Number, Number)> {
    let mut from = expected.0;
    // Each round steps over a gap that holds `from`; no gap is stepped over twice.
    for _ in gaps {
        let past = gaps.iter().filter(|gap| (gap.from.0..=gap.to.0).contains(&from)).map(|gap| gap.to.0).max();
        from = past.map_or(from, |to| to.saturating_add(1));
    }
    if from >= number.0 {
        return None;
    }
    let next_gap = gaps.iter().map(|gap| gap.from.0).filter(|gap| *gap > from).min();
    let to = next_gap.map_or(number.0, |gap| gap.min(number.0)).saturating_sub(1);
    Some((Number(from), Number(to)))
}
