//! Keypads, and readers of the codes on tickets: "I have arrived", or a number that is called to a room.
//!
//! Whoever holds a paper says nothing but that it came. What nobody knows is refused, and kept nowhere.

use std::io;
use std::time::Duration;

use machiai_core::command::{Command, Showing};
use machiai_core::ids::{DeviceId, Label, LineNo, RoomId, VisitId};
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::Visit;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_wire::token::{digest_of, is_token};
use tokio_util::sync::CancellationToken;

use super::buttons::{carry_out, told};
use crate::app::{App, Shared};
use crate::config::devices::{Keypad, Reader};
use crate::devices::frames::{Came, Frames};
use crate::devices::kept_open::{HEARD_WITHIN, keep_open};
use crate::devices::known::Kind;
use crate::devices::protocol::Protocol;
use crate::devices::typed::Typed;
use crate::gate::GateError;
use crate::node::{Node, Stopwatch};

/// How long a reader may take to hear its answer.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);

/// Attends to a keypad until it is to be let go, on a thread of its own.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn attend_keypad(
    (app, stop): (&Shared, &CancellationToken),
    keypad: &Keypad,
) -> io::Result<std::thread::JoinHandle<()>> {
    let (app, stop, own) = (Shared::clone(app), stop.clone(), keypad.clone());
    app.devices.expect(&own.name, Kind::Keypad);
    let attend = move || {
        keep_open(
            (&app, &stop),
            &own.name,
            || Node::input(&own.path),
            |node| type_on(&stop, node, |line| entered(&app, &own, line)),
        );
    };
    std::thread::Builder::new().name("keypad".to_owned()).spawn(attend)
}

/// Attends to a reader until it is to be let go, on a thread of its own.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn attend_reader(
    (app, stop): (&Shared, &CancellationToken),
    reader: &Reader,
) -> io::Result<std::thread::JoinHandle<()>> {
    let (app, stop, own) = (Shared::clone(app), stop.clone(), reader.clone());
    app.devices.expect(&own.name, Kind::Reader);
    let attend = move || match &own.protocol {
        None => keep_open(
            (&app, &stop),
            &own.name,
            || Node::input(&own.path),
            |node| {
                type_on(&stop, node, |line| {
                    arrived(&app, &own.name, line);
                })
            },
        ),
        Some(protocol) => {
            let protocol = || Protocol::named(protocol).map_err(io::Error::other);
            let open = || Node::serial(&own.path, protocol()?.serial);
            keep_open((&app, &stop), &own.name, open, |node| read_on((&app, &stop), &own.name, node, &protocol()?));
        }
    };
    std::thread::Builder::new().name("reader".to_owned()).spawn(attend)
}

/// Takes what is typed on an input device until it goes or is to be let go.
fn type_on(stop: &CancellationToken, node: &mut Node, mut act: impl FnMut(&str)) -> io::Result<()> {
    let (clock, mut typed, mut portion) = (Stopwatch::start(), Typed::default(), [0; 1_024]);
    while !stop.is_cancelled() {
        let n = node.read(&mut portion, HEARD_WITHIN)?;
        typed.take(portion.get(..n).unwrap_or_default(), clock.ms()).iter().for_each(|line| act(line));
    }
    Ok(())
}

/// Takes what a reader says on a serial line until it goes or is to be let go, and tells it what came of that.
fn read_on(
    (app, stop): (&App, &CancellationToken),
    reader: &DeviceId,
    node: &mut Node,
    protocol: &Protocol,
) -> io::Result<()> {
    let (clock, mut frames, mut portion) = (Stopwatch::start(), Frames::new(protocol.frame.clone()), [0; 256]);
    while !stop.is_cancelled() {
        let n = node.read(&mut portion, HEARD_WITHIN)?;
        let came = frames.take(portion.get(..n).unwrap_or_default(), clock.ms());
        for came in came {
            let answer = match came {
                Came::Damaged => &protocol.answer.damaged,
                // A reader may end its lines in more ways than one.
                Came::Word(word) => match String::from_utf8_lossy(&word).trim() {
                    "" => continue,
                    line if arrived(app, reader, line) => &protocol.answer.accepted,
                    _ => &protocol.answer.refused,
                },
            };
            match node.write(answer, ANSWERED_WITHIN) {
                Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// Does what Enter asks after a number was typed.
fn entered(app: &App, own: &Keypad, line: &str) {
    match &own.room {
        None => arrived(app, &own.name, line),
        Some(room) => told(app, &own.name, call(app, &own.name, room, line)),
    };
}

/// Says of whoever holds a code that they have come; returns whether that was new.
fn arrived(app: &App, device: &DeviceId, line: &str) -> bool {
    let visit = app.gate.read(|clinic| visit_of(clinic, line, &[]));
    let done = visit
        .map_err(GateError::Refused)
        .and_then(|visit| carry_out(app, device, Command::Arrive { visit }, &format!("arrive/{visit}")));
    told(app, device, done.map(drop))
}

/// Calls a number to a room before its turn: it is put first, which staff see, and then called.
fn call(app: &App, device: &DeviceId, room: &RoomId, line: &str) -> Result<(), GateError> {
    let (visit, label, is_next) = app
        .gate
        .read(|clinic| {
            let settings = clinic.standing.rooms.get(room);
            let settings = settings.ok_or_else(|| Refusal::new(RefusalCode::UnknownRoom).with("room", room))?;
            let visit = visit_of(clinic, line, &settings.lines)?;
            let label = clinic.visits.get(&visit).map(|visit| visit.label.clone());
            let view = machiai_core::desk::desk(clinic, app.gate.clock.now().0);
            let next = view.rooms.into_iter().find(|known| known.room == *room).and_then(|room| room.next);
            Ok((visit, label.clone(), next.is_some() && next == label))
        })
        .map_err(GateError::Refused)?;
    if !is_next {
        carry_out(app, device, Command::PutFirst { visit, note: None }, &format!("{room}/first/{visit}"))?;
    }
    // Should somebody more urgent have come meanwhile, nobody is called in the stead of whoever was typed.
    let showing = Showing { now: None, next: label };
    carry_out(app, device, Command::Call { room: room.clone(), showing }, &format!("{room}/call/{visit}")).map(drop)
}

/// Returns today's visit of a ticket's code: the address on its QR code, the label, or the number alone where only one
/// line of those that count gave it; all lines count where none is named.
fn visit_of(clinic: &Clinic, line: &str, lines: &[LineNo]) -> Result<VisitId, Refusal> {
    let unknown = || Refusal::new(RefusalCode::UnknownVisit);
    let tail = line.rsplit('/').next().unwrap_or_default();
    if is_token(tail) {
        let digest = digest_of(tail);
        let visit = clinic.visits.values().find(|visit| visit.token_hash.as_ref() == Some(&digest));
        return visit.map(|visit| visit.visit).ok_or_else(unknown);
    }
    let is_one_of = |visit: &&Visit| lines.is_empty() || lines.contains(&visit.turn.line);
    if let Some(visit) = clinic.by_label(&Label(line.to_uppercase())).filter(is_one_of) {
        return Ok(visit.visit);
    }
    let number: u32 = line.parse().ok().ok_or_else(unknown)?;
    let mut of_number = clinic.visits.values().filter(is_one_of).filter(|visit| visit.number.0 == number);
    match (of_number.next(), of_number.next()) {
        (Some(visit), None) => Ok(visit.visit),
        (None | Some(_), _) => Err(unknown()),
    }
}
