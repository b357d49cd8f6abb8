//! The steps of a script, and the commands they stand for.

use machiai_core::command::{Basis, Command, Showing, Take};
use machiai_core::facts::{CancelReason, Channel, Fact, Lang, PrintOutcome};
use machiai_core::ids::{KeyId, Label, LineNo, Number, RoomId};
use machiai_core::people::{Means, Staff};
use machiai_core::refusal::Refusal;
use machiai_core::seal::Sealed;

use super::{Play, at};

/// A note as it comes from the edge: sealed.
pub(crate) fn sealed(key: u8) -> Sealed {
    Sealed { key_id: KeyId::from_bytes([key; 16]), nonce: "00".repeat(12), ct: "ff".repeat(20) }
}

/// The words of one step.
struct Words<'a> {
    verb: &'a str,
    words: Vec<&'a str>,
}

impl Words<'_> {
    fn word(&self, nth: usize) -> &str {
        self.words.get(nth).unwrap_or_else(|| panic!("`{}` lacks an argument", self.verb))
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn line(&self, nth: usize) -> LineNo {
        LineNo(self.word(nth).parse().unwrap())
    }

    fn room(&self) -> RoomId {
        self.word(0).parse().unwrap()
    }

    fn showing(&self) -> Showing {
        let label = |name| self.value(name).map(|label| Label(label.to_string()));
        Showing { now: label("now"), next: label("next") }
    }

    fn key(&self) -> Option<Sealed> {
        self.value("note").map(|key| sealed(key.parse().unwrap()))
    }
}

impl Play {
    /// Plays one step.
    #[track_caller]
    pub(crate) fn step(&mut self, step: &str) {
        let (step, refusal) = step.split_once('!').map_or((step, None), |(step, code)| (step, Some(code.trim())));
        let mut words: Vec<&str> = step.split_whitespace().collect();
        self.pass(&mut words);
        if words.is_empty() {
            return;
        }
        let device = device(&mut words);
        let verb = words.remove(0);
        let command = self.command(&Words { verb, words });
        let outcome = self.ask(device, &command);
        match (refusal, outcome) {
            (None, Ok(_)) => {}
            (Some(code), Err(refusal)) => assert_eq!(refusal.code.as_str(), code, "`{step}` {refusal:?}"),
            (None, Err(refusal)) => panic!("`{step}` was refused: {refusal:?}; {}", self.shows()),
            (Some(code), Ok(facts)) => panic!("`{step}` was not refused with {code}: {facts:?}"),
        }
    }

    /// Plays a step that may be refused.
    pub(crate) fn may(&mut self, step: &str) {
        let mut words: Vec<&str> = step.split_whitespace().collect();
        self.pass(&mut words);
        let verb = words.remove(0);
        let command = self.command(&Words { verb, words });
        drop(self.ask("hub", &command));
    }

    /// Plays a step that must be refused, and must change nothing.
    #[track_caller]
    pub(crate) fn refused(&mut self, step: &str) -> Refusal {
        let mut words: Vec<&str> = step.split_whitespace().collect();
        self.pass(&mut words);
        let device = device(&mut words);
        let verb = words.remove(0);
        let command = self.command(&Words { verb, words });
        let before = self.clinic.clone();
        let refusal = self.ask(device, &command).expect_err(step);
        assert_eq!(self.clinic, before, "`{step}` changed something");
        refusal
    }

    /// Lets time pass until the step: to a time of day, by seconds, or by ten.
    fn pass(&mut self, words: &mut Vec<&str>) {
        let first = words.first().copied().unwrap_or_default();
        let ms = if let Some(seconds) = first.strip_prefix('+') {
            words.remove(0);
            seconds.strip_suffix('s').unwrap().parse::<i64>().unwrap() * 1_000
        } else if first.contains(':') && first.as_bytes()[0].is_ascii_digit() {
            words.remove(0);
            at(first).since(self.now)
        } else {
            10_000
        };
        assert!(ms >= 0, "a step goes back in time: {words:?}");
        self.pass_ms(ms);
    }

    fn command(&self, step: &Words<'_>) -> Command {
        let visit = |nth| self.id(step.word(nth));
        match step.verb {
            "open" => Command::OpenLine { line: step.line(0), session: step.word(1).parse().unwrap() },
            "close" => Command::CloseLine { line: step.line(0) },
            "pause" => Command::PauseLine { line: step.line(0) },
            "resume" => Command::ResumeLine { line: step.line(0) },
            "jump" => Command::JumpNumbers { line: step.line(0), to: Number(step.word(1).parse().unwrap()) },
            "message" => Command::SetMessage { text: step.words.join(" ") },
            "take" => Command::Take(take(step, if step.has("desk") { Channel::Desk } else { Channel::Kiosk })),
            "remote" => Command::Take(take(step, Channel::Remote)),
            "book" => Command::Take(Take { booked_for: Some(at(step.word(1))), ..take(step, Channel::Booked) }),
            "emergency" => Command::Emergency { line: step.line(0), note: step.key() },
            "arrive" => Command::Arrive { visit: visit(0) },
            "call" => Command::Call { room: step.room(), showing: step.showing() },
            "recall" => Command::Recall { room: step.room(), showing: step.showing() },
            "absent" => Command::MarkAbsent { room: step.room(), showing: step.showing() },
            "enter" => Command::Enter { room: step.room(), showing: step.showing() },
            "finish" => Command::Finish { room: step.room(), showing: step.showing() },
            "return" => Command::Return { visit: visit(0) },
            "return_first" => Command::ReturnFirst { line: step.line(0) },
            "cancel" => Command::Cancel { visit: visit(0), reason: CancelReason::Patient, note: step.key() },
            "hold" => Command::Hold { visit: visit(0) },
            "release" => Command::Release { visit: visit(0) },
            "move" => Command::Move { visit: visit(0), to: step.line(1) },
            "send" => Command::SendOn { visit: visit(0), to: step.line(1) },
            "first" => Command::PutFirst { visit: visit(0), note: step.key() },
            "join" => Command::JoinFamily { visits: (0..step.words.len()).map(visit).collect() },
            "undo" => Command::Undo { visit: visit(0) },
            "print" => Command::Print { visit: visit(0) },
            "printed" => Command::EndPrint {
                visit: visit(0),
                attempt: step.word(1).parse().unwrap(),
                outcome: PrintOutcome::Printed,
                trouble: None,
            },
            "erase" => Command::Erase { visit: visit(0) },
            "house" => Command::KeepHouse,
            "opened" => Command::NoteOpening { version: "1".into(), after: word(step.word(0)) },
            "set" => Command::ChangeSettings { facts: vec![setting(&step.words.join(" "))], basis: Basis::Any },
            "staff" => Command::SetStaff { staff: staff(step) },
            "leave" => Command::RemoveStaff { staff: step.word(0).parse().unwrap() },
            "pair" => Command::Pair { kind: word(step.word(0)), place: step.word(1).parse().unwrap() },
            "unpair" => Command::Unpair { device: step.word(0).parse().unwrap() },
            "sign_in" => Command::SignIn {
                staff: step.word(0).parse().unwrap(),
                means: Means::Pin,
                before: step.value("before").map(|before| before.parse().unwrap()),
            },
            "sign_out" => Command::SignOut { staff: step.word(0).parse().unwrap() },
            "lease" => Command::LeaseNumbers,
            "phone" => Command::TakeLeased(take(step, Channel::Remote)),
            "go" => Command::LeaveLine { visit: visit(0) },
            "place" => Command::PlaceRemote,
            "end_sign_ins" => Command::EndSignIns,
            other => panic!("no such step: {other}"),
        }
    }
}

/// Takes the device out of a step's words; the desk where none is named.
fn device<'a>(words: &mut Vec<&'a str>) -> &'a str {
    let named = words.iter().position(|word| word.starts_with('@'));
    named.map_or("desk", |idx| words.remove(idx).trim_start_matches('@'))
}

fn take(step: &Words<'_>, channel: Channel) -> Take {
    Take {
        line: step.line(0),
        channel,
        family: step.value("family").map_or(1, |n| n.parse().unwrap()),
        lang: Lang::Ja,
        text_call: step.has("text"),
        name_shown: step.has("name"),
        booked_for: step.value("booked").map(at),
        interrupt: step.has("interrupt"),
        personal: step.key(),
    }
}

fn staff(step: &Words<'_>) -> Staff {
    let name = step.value("name").unwrap_or("佐藤").to_string();
    Staff { staff: step.word(0).parse().unwrap(), name, role: word(step.word(1)) }
}

/// Reads one of a few words, as JSON has them.
fn word<T: serde::de::DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(word.into()).unwrap()
}

/// A settings fact as JSON, such as `{"kind":"RulesSet","body":{…}}`.
pub(crate) fn setting(json: &str) -> Fact {
    serde_json::from_str(json).unwrap_or_else(|cause| panic!("{json}: {cause}"))
}
