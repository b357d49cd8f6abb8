//! Number displays: each shows who is called to its room or line, as the facts have it, and nothing otherwise.
//!
//! A display is told again every few seconds and whenever it is plugged in: what it showed before may be anything.

use std::io;
use std::time::Duration;

use machiai_core::queue::Clinic;
use machiai_core::queue::visit::{State, Visit};
use tokio_util::sync::CancellationToken;

use crate::app::{App, Shared};
use crate::config::devices::NumberDisplay;
use crate::devices::kept_open::{HEARD_WITHIN, keep_open};
use crate::devices::known::Kind;
use crate::devices::protocol::{Picture, Protocol};
use crate::node::{Node, Stopwatch};

/// How long a display may take to be told.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Shows a number on a display until it is to be let go, on a thread of its own; then it is blank.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn show(
    (app, stop): (&Shared, &CancellationToken),
    display: &NumberDisplay,
) -> io::Result<std::thread::JoinHandle<()>> {
    let (app, stop, own) = (Shared::clone(app), stop.clone(), display.clone());
    app.devices.expect(&own.name, Kind::Display);
    let show = move || {
        let protocol = || Protocol::named(&own.protocol).map_err(io::Error::other);
        let open = || Node::serial(&own.path, protocol()?.serial);
        keep_open((&app, &stop), &own.name, open, |node| tell((&app, &stop), &own, node, &protocol()?));
    };
    std::thread::Builder::new().name("display".to_owned()).spawn(show)
}

/// Tells a display what to show whenever that changes or is due, until it goes or is to be let go.
fn tell(
    (app, stop): (&App, &CancellationToken),
    own: &NumberDisplay,
    node: &mut Node,
    protocol: &Protocol,
) -> io::Result<()> {
    let rewrite_ms = protocol.display.as_ref().map_or(u64::MAX, |display| display.rewrite_ms);
    let (clock, mut told, mut portion) = (Stopwatch::start(), None, [0; 64]);
    while !stop.is_cancelled() {
        let wanted = picture_now(app, own);
        let is_due = told.as_ref().is_none_or(|(picture, at_ms): &(Picture, u64)| {
            *picture != wanted || clock.ms().saturating_sub(*at_ms) >= rewrite_ms
        });
        if is_due {
            node.write(&protocol.shown(&wanted).unwrap_or_default(), TOLD_WITHIN)?;
            told = Some((wanted, clock.ms()));
        }
        // A display says nothing that counts, but that it is gone is read.
        node.read(&mut portion, HEARD_WITHIN)?;
    }
    node.write(&protocol.shown(&Picture::Blank).unwrap_or_default(), TOLD_WITHIN)
}

fn picture_now(app: &App, own: &NumberDisplay) -> Picture {
    // What a box that stands aside knows of the queue is not what is true of it.
    if app.gate.aside().is_some() {
        return Picture::Blank;
    }
    app.gate.read(|clinic| picture(clinic, own))
}

/// Returns what a display is to show: who was called last of those who are called or in, blinking until they go in.
fn picture(clinic: &Clinic, own: &NumberDisplay) -> Picture {
    let is_here = |visit: &&Visit| {
        let turn = &visit.turn;
        let is_ours = own.room.as_ref().is_none_or(|room| turn.room.as_ref() == Some(room))
            && own.line.is_none_or(|line| turn.line == line);
        is_ours && matches!(turn.state, State::Called | State::InRoom)
    };
    // Of a family that is called together, the first.
    let newest = clinic.visits.values().filter(is_here).min_by_key(|visit| {
        (std::cmp::Reverse(visit.turn.called_at), visit.turn.family.map(|family| family.idx), visit.number)
    });
    let Some(visit) = newest else { return Picture::Blank };
    let label = visit.label.as_str();
    // Beside the name of a line its letters say nothing; beside a room's they tell whose number it is.
    let text = if own.line.is_some() { label.trim_start_matches(|it: char| it.is_ascii_alphabetic()) } else { label };
    if visit.turn.state == State::Called {
        Picture::Blinking(text.to_owned())
    } else {
        Picture::Steady(text.to_owned())
    }
}
