//! Random presses: any button of any device, on anybody, at any time, with any clock.

use machiai_core::command::{Basis, Command, Showing, Take};
use machiai_core::envelope::Trust;
use machiai_core::facts::{CancelReason, Channel, Fact, Lang, OpenedAfter, PrintOutcome};
use machiai_core::ids::{Label, LineNo, Number, RoomId, VisitId};
use machiai_core::queue::visit::{OPEN_STATES, State, Visit};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::play::Play;
use crate::play::steps::{sealed, setting};

/// One press; what it means depends on who is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Press {
    verb: u8,
    who: prop::sample::Index,
    other: prop::sample::Index,
    n: u8,
    device: u8,
    after_ms: u32,
}

impl Arbitrary for Press {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Self> {
        let times = prop_oneof![2 => 0_u32..3_000, 20 => 3_000_u32..120_000, 1 => 120_000_u32..20_000_000];
        let parts =
            (0_u8..100, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0_u8..4, times);
        parts.prop_map(|(verb, who, other, n, device, after_ms)| Self { verb, who, other, n, device, after_ms }).boxed()
    }
}

/// Random presses after a line was opened.
pub(super) fn presses(most: usize) -> impl Strategy<Value = Vec<Press>> {
    vec(any::<Press>(), 1..most)
}

const SETTINGS: [&str; 6] = [
    r#"{"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"keep_every":3,"skip_endings":[4,9]}}"#,
    r#"{"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"interleave":{"booked":1,"walk_in":2}}}"#,
    r#"{"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"}}}"#,
    r#"{"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"},"prefix":"B","last_number":9}}"#,
    r#"{"kind":"RulesSet","body":{"absent_back":0,"late_back":null,"absent_again_min":0}}"#,
    r#"{"kind":"RoomSet","body":{"room":"room2","name":{"ja":"第2診察室"},"lines":[1,2,3]}}"#,
];

impl Press {
    /// Presses, and lets whatever is refused be refused.
    pub(super) fn on(&self, play: &mut Play) -> Option<(Command, Vec<Fact>)> {
        play.pass_ms(i64::from(self.after_ms));
        self.turn_clock(play);
        let command = self.command(play)?;
        let before = play.clinic.clone();
        match play.ask(&self.device(), &command) {
            Ok(facts) => Some((command, facts)),
            Err(_) => {
                assert_eq!(play.clinic, before, "a refusal changed something");
                None
            }
        }
    }

    /// Presses and, where that did something to patients, undoes it: everybody stands as before.
    pub(super) fn with_undo(&self, play: &mut Play) {
        play.pass_ms(5_000);
        let Some(command) = self.command(play) else { return };
        let before = play.clone();
        let Ok(facts) = play.ask(&self.device(), &command) else { return };
        let undoable = facts.iter().all(|fact| is_act(fact) || matches!(fact, Fact::NobodyCalled(_)));
        let Some(visit) = facts.iter().find_map(|fact| fact.visits().first()).filter(|_| undoable) else { return };
        play.pass_ms(5_000);
        play.ask(&self.device(), &Command::Undo { visit: *visit }).unwrap();
        assert_eq!(before.shows(), play.shows(), "undo of {command:?}");
        for (id, visit) in &before.clinic.visits {
            let after = &play.clinic.visits[id];
            assert_eq!((&visit.turn, &visit.acts), (&after.turn, &after.acts), "undo of {command:?}");
        }
    }

    fn device(&self) -> String {
        format!("tablet{}", self.device)
    }

    /// Sometimes the clock is corrected, the machine starts anew, or time is not known.
    fn turn_clock(&self, play: &mut Play) {
        match self.verb {
            99 if self.n < 128 => play.now = play.now.plus_ms(i64::from(self.n) * 86_400_000),
            96 => play.restart(),
            0 => play.trust = [Trust::Synced, Trust::Free, Trust::Lost][usize::from(self.n) % 3],
            _ => {}
        }
    }

    fn line(&self) -> LineNo {
        LineNo([1, 1, 1, 2, 2, 3, 9, 77][usize::from(self.n) % 8])
    }

    /// A room: for what is done to those in it, one that has somebody, if any has.
    fn room(&self, play: &Play) -> RoomId {
        let all = || play.clinic.standing.rooms.keys();
        let used: Vec<&RoomId> = all().filter(|room| !play.clinic.in_room(room).is_empty()).collect();
        let is_for_used = (57..=69).contains(&self.verb) && !used.is_empty();
        let rooms: Vec<&RoomId> = if is_for_used { used } else { all().chain(all().take(2)).collect() };
        rooms[self.other.index(rooms.len())].clone()
    }

    /// Somebody in one of these states, now and then anybody.
    fn somebody(&self, play: &Play, states: &[State]) -> Option<VisitId> {
        let fits = |visit: &&Visit| self.n.is_multiple_of(8) || states.contains(&visit.turn.state);
        let fitting: Vec<VisitId> = play.clinic.visits.values().filter(fits).map(|visit| visit.visit).collect();
        (!fitting.is_empty()).then(|| fitting[self.who.index(fitting.len())])
    }

    fn command(&self, play: &Play) -> Option<Command> {
        let (line, room) = (self.line(), self.room(play));
        let showing = self.showing(play, &room);
        let here = |states: &[State]| self.somebody(play, states);
        Some(match self.verb {
            0..=6 => {
                Command::OpenLine { line, session: ["morning", "afternoon"][usize::from(self.n) % 2].parse().ok()? }
            }
            7..=27 => Command::Take(self.take(play, Channel::Kiosk)),
            28..=30 => Command::Take(self.take(play, Channel::Desk)),
            31..=34 => Command::Take(self.take(play, Channel::Remote)),
            35..=37 => Command::Take(self.take(play, Channel::Booked)),
            38..=39 => Command::Emergency { line, note: Some(sealed(self.n)) },
            40..=56 => Command::Call { room, showing },
            57..=58 => Command::Recall { room, showing },
            59..=62 => Command::MarkAbsent { room, showing },
            63..=66 => Command::Enter { room, showing },
            67..=69 => Command::Finish { room, showing },
            70..=73 => Command::Arrive { visit: here(&[State::NotArrived])? },
            74..=76 => Command::Return { visit: here(&[State::Absent])? },
            77 => Command::Cancel { visit: here(&OPEN_STATES)?, reason: CancelReason::Patient, note: None },
            78..=79 => Command::Hold { visit: here(&[State::Waiting, State::NotArrived, State::Called])? },
            80..=81 => Command::Release { visit: here(&[State::OnHold])? },
            82 => Command::Move { visit: here(&OPEN_STATES)?, to: line },
            83..=84 => Command::SendOn { visit: here(&[State::InRoom, State::Finished])?, to: line },
            85 => Command::PutFirst { visit: here(&[State::Waiting])?, note: None },
            86..=87 => Command::JoinFamily {
                visits: vec![here(&[State::Waiting])?, play.clinic.visits.keys().copied().next()?],
            },
            88..=90 => Command::Undo { visit: here(&OPEN_STATES)? },
            _ => self.rare(play, line)?,
        })
    }

    fn rare(&self, play: &Play, line: LineNo) -> Option<Command> {
        let anybody = self.somebody(play, &OPEN_STATES);
        Some(match self.verb {
            91 => Command::Print { visit: anybody? },
            92 => self.end_print(play)?,
            93 => Command::CloseLine { line },
            94 => Command::JumpNumbers { line, to: Number(u32::from(self.n)) },
            95 => Command::ChangeSettings {
                facts: vec![setting(SETTINGS[usize::from(self.n) % SETTINGS.len()])],
                basis: Basis::Any,
            },
            96 => Command::NoteOpening {
                version: "1".into(),
                after: [OpenedAfter::Run, OpenedAfter::Restore][usize::from(self.n) % 2],
            },
            97 if self.n.is_multiple_of(2) => Command::Erase { visit: anybody? },
            97 => Command::ReturnFirst { line },
            98 => [Command::PauseLine { line }, Command::ResumeLine { line }][usize::from(self.n) % 2].clone(),
            _ => Command::KeepHouse,
        })
    }

    /// Many presses say what the screen showed; some of those screens are old.
    fn showing(&self, play: &Play, room: &RoomId) -> Showing {
        let now = play.clinic.in_room(room).first().map_or_else(|| Label(String::new()), |visit| visit.label.clone());
        match self.n % 8 {
            0..=3 => Showing::default(),
            4..=6 => Showing { now: Some(now), next: None },
            _ => Showing { now: Some(Label("1".into())), next: Some(Label("2".into())) },
        }
    }

    fn take(&self, play: &Play, channel: Channel) -> Take {
        let booked_for = (channel == Channel::Booked).then(|| play.now.plus_ms(i64::from(self.n) * 60_000 - 3_600_000));
        Take {
            line: self.line(),
            channel,
            family: if self.n.is_multiple_of(5) { self.n % 7 } else { 1 },
            lang: Lang::Ja,
            text_call: self.n.is_multiple_of(9),
            name_shown: false,
            booked_for,
            interrupt: self.n % 6 == 1,
            personal: self.n.is_multiple_of(4).then(|| sealed(self.n)),
        }
    }

    fn end_print(&self, play: &Play) -> Option<Command> {
        let begun = play.clinic.printing.values().next()?;
        Some(Command::EndPrint {
            visit: begun.visit,
            attempt: begun.attempt,
            outcome: PrintOutcome::Printed,
            trouble: None,
        })
    }
}

fn is_act(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Arrived(_)
            | Fact::Called(_)
            | Fact::Entered(_)
            | Fact::MarkedAbsent(_)
            | Fact::Returned(_)
            | Fact::Finished(_)
            | Fact::Cancelled(_)
            | Fact::Held(_)
            | Fact::Released(_)
            | Fact::Moved(_)
            | Fact::StageEntered(_)
            | Fact::Reordered(_)
            | Fact::FamilyJoined(_)
    )
}
