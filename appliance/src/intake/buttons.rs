//! Button boxes: a key does what the same button of the room does at the desk, and the box is told what came of it.
//!
//! A press that nobody could act on is refused, never kept for later; what a line says that is no press changes nothing.

use std::io;
use std::time::Duration;

use machiai_core::command::{Command, Showing};
use machiai_core::envelope::Cmd;
use machiai_core::ids::{DeviceId, VisitId};
use machiai_core::queue::Clinic;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_journal::JournalError;
use tokio_util::sync::CancellationToken;

use super::body::digest;
use crate::app::{App, Shared};
use crate::config::devices::ButtonBox;
use crate::devices::bounce::{Bounce, Touch};
use crate::devices::frames::{Came, Frames};
use crate::devices::kept_open::{HEARD_WITHIN, keep_open};
use crate::devices::known::{Kind, Refused};
use crate::devices::protocol::{Key, Protocol};
use crate::gate::{Gate, GateError};
use crate::node::{Node, Stopwatch};
use crate::problem::Problem;

/// How long a box may take to hear its answer: a line that takes nothing is no reason to wait.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);

/// How often a command is asked again of which the journal cannot tell whether it was kept.
const TRIES: usize = 3;

/// Attends to a box until it is to be let go, on a thread of its own.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn attend(
    (app, stop): (&Shared, &CancellationToken),
    button_box: &ButtonBox,
) -> io::Result<std::thread::JoinHandle<()>> {
    let (app, stop, own) = (Shared::clone(app), stop.clone(), button_box.clone());
    app.devices.expect(&own.name, Kind::Buttons);
    let attend = move || {
        // It was read when the configuration was checked; a file that was changed since is told like a box that is away.
        let protocol = || Protocol::named(&own.protocol).map_err(io::Error::other);
        let open = || Node::serial(&own.path, protocol()?.serial);
        keep_open((&app, &stop), &own.name, open, |node| match protocol()? {
            Protocol { buttons: None, .. } => Err(io::ErrorKind::InvalidData.into()),
            protocol => Attending::of(&app, &own, protocol).listen(node, &stop),
        });
    };
    std::thread::Builder::new().name("buttons".to_owned()).spawn(attend)
}

/// What came of the last press.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Accepted,
    Refused,
}

/// One box that is open.
struct Attending<'a> {
    app: &'a App,
    own: &'a ButtonBox,
    frames: Frames,
    bounce: Bounce<Key>,
    protocol: Protocol,
    last: Last,
}

impl<'a> Attending<'a> {
    fn of(app: &'a App, own: &'a ButtonBox, protocol: Protocol) -> Self {
        let (debounce_ms, stuck_ms) =
            protocol.buttons.as_ref().map_or((0, 0), |buttons| (buttons.debounce_ms, buttons.stuck_ms));
        let frames = Frames::new(protocol.frame.clone());
        Self { app, own, frames, bounce: Bounce::new(debounce_ms, stuck_ms), protocol, last: Last::Nothing }
    }

    /// Listens until the box goes or is to be let go.
    fn listen(mut self, node: &mut Node, stop: &CancellationToken) -> io::Result<()> {
        let (clock, mut portion) = (Stopwatch::start(), [0; 256]);
        while !stop.is_cancelled() {
            let n = node.read(&mut portion, HEARD_WITHIN)?;
            // Told when it is heard, not when it was sent: what lay in the line while the box was busy is one touch.
            let came = self.frames.take(portion.get(..n).unwrap_or_default(), clock.ms());
            let Some(answer) = self.heard(came, clock.ms()) else { continue };
            match node.write(&answer, ANSWERED_WITHIN) {
                Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Acts on what came at once, and returns what the box is to hear.
    fn heard(&mut self, came: Vec<Came>, now_ms: u64) -> Option<Vec<u8>> {
        let mut answer = None;
        for came in came {
            let Came::Word(word) = came else {
                self.count_damaged();
                answer = Some(self.protocol.answer.damaged.clone());
                continue;
            };
            let meant = self.protocol.buttons.as_ref().and_then(|buttons| buttons.read(&word));
            // A word that no key means is not answered: a line that echoes would answer the answer.
            let Some((key, nth)) = meant else {
                self.count_damaged();
                continue;
            };
            let touch = self.bounce.take(key, nth, now_ms);
            self.app.devices.note(&self.own.name, |known| known.is_stuck = touch == Touch::Stuck);
            if touch == Touch::Press {
                self.last = if self.press(key) { Last::Accepted } else { Last::Refused };
            }
            answer = Some(match self.last {
                Last::Nothing => Vec::new(),
                Last::Accepted => self.protocol.answer.accepted.clone(),
                Last::Refused => self.protocol.answer.refused.clone(),
            });
        }
        answer.filter(|bytes| !bytes.is_empty())
    }

    fn count_damaged(&self) {
        self.app.devices.note(&self.own.name, |known| known.n_damaged = known.n_damaged.saturating_add(1));
    }

    /// Carries a press out, and says whether that was done.
    fn press(&self, key: Key) -> bool {
        let command = self.app.gate.read(|clinic| command(clinic, self.own, key));
        let what = format!("{}/{}", self.own.room, key.as_str());
        let done =
            command.map_err(GateError::Refused).and_then(|command| carry_out(self.app, &self.own.name, command, &what));
        told(self.app, &self.own.name, done.map(drop))
    }
}

/// Returns what a key asks of the clinic as it stands.
fn command(clinic: &Clinic, own: &ButtonBox, key: Key) -> Result<Command, Refusal> {
    // A box shows nothing, so that nothing it showed can be old.
    let (room, showing) = (own.room.clone(), Showing::default());
    Ok(match key {
        Key::Next => Command::Call { room, showing },
        Key::Again => Command::Recall { room, showing },
        Key::Absent => Command::MarkAbsent { room, showing },
        Key::Enter => Command::Enter { room, showing },
        Key::Finish => Command::Finish { room, showing },
        Key::Undo => {
            let visit = last_done_by(clinic, &own.name);
            Command::Undo {
                visit: visit.ok_or_else(|| Refusal::new(RefusalCode::NothingToUndo).with("label", &"–"))?
            }
        }
    })
}

/// Returns the visit on which a device acted last, if nobody did since.
fn last_done_by(clinic: &Clinic, device: &DeviceId) -> Option<VisitId> {
    let own = clinic.visits.values().filter_map(|visit| Some((visit.acts.last()?, visit.visit)));
    let own = own.filter(|(act, _)| act.by.device == *device);
    own.max_by_key(|(act, _)| (act.at, act.id)).map(|(_, visit)| visit)
}

/// Carries out a command of a device, with a key drawn for it: `what` is what was pressed.
pub(super) fn carry_out(
    app: &App,
    device: &DeviceId,
    command: Command,
    what: &str,
) -> Result<crate::rules::Done, GateError> {
    let cmd = Cmd { key: app.gate.draw_key(), digest: digest(device, what, b"") };
    let mut tries = TRIES;
    loop {
        tries = tries.saturating_sub(1);
        match app.gate.press_waiting(Gate::by(device.clone(), Some(cmd.clone()), command.clone())) {
            // With the same key nothing happens twice.
            Err(GateError::Journal(JournalError::Unknown(_))) if tries > 0 => {}
            other => return other,
        }
    }
}

/// Notes what came of a press for staff, and says whether it was carried out.
pub(super) fn told(app: &App, device: &DeviceId, came: Result<(), GateError>) -> bool {
    let refused = came.err().map(|cause| {
        let problem = Problem::gate(app.panel.words(), &cause);
        let (ja, en) = problem.titles();
        let at_ms = app.gate.clock.now().0;
        Refused { code: problem.code().to_owned(), ja: ja.to_owned(), en: en.to_owned(), at_ms }
    });
    let is_done = refused.is_none();
    app.devices.note(device, |known| known.refused = refused);
    is_done
}
