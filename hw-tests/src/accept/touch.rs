//! What people touch: buttons, a reader, a keypad. Each is heard, answered where it hears, and found again by its path.

use std::io;
use std::time::Duration;

use machiai::devices::frames::{Came, Frames};
use machiai::devices::protocol::{Key, Protocol};
use machiai::devices::typed::Typed;
use machiai::node::{Node, Stopwatch as Watch};

use super::person::Person;
use super::{DONE_WITHIN, OnLine, Step};
use crate::demo::stopwatch::Stopwatch;

/// How long a device is waited for at once.
const LOOK: Duration = Duration::from_millis(200);

/// The keys that every box must have; the others are tried where it has them.
const KEYS: [Key; 6] = [Key::Next, Key::Again, Key::Absent, Key::Enter, Key::Finish, Key::Undo];

pub(super) fn protocol_of(device: &OnLine) -> Result<Protocol, String> {
    let name = device.protocol.as_deref().ok_or("its protocol was not named: PATH=PROTOCOL")?;
    Protocol::named(name).map_err(|cause| cause.to_string())
}

pub(super) fn open(device: &OnLine, protocol: &Protocol) -> Result<Node, String> {
    let opened = Node::serial(&device.path, protocol.serial);
    opened.map_err(|cause| format!("it cannot be opened ({cause}): is it plugged in, and the daemon stopped?"))
}

/// Each key is heard as itself, and its answer seen.
pub(super) fn buttons(device: &OnLine, person: &mut dyn Person) -> Step {
    let protocol = protocol_of(device)?;
    let buttons = protocol.buttons.as_ref().ok_or("its protocol has no keys")?;
    let mut node = open(device, &protocol)?;
    for key in KEYS.into_iter().filter(|key| buttons.word(*key, 0).is_some()) {
        person.please(&format!("Press the button {:?} once.", key.as_str()));
        let heard = hear(&mut node, &protocol)?;
        if heard != key {
            return Err(format!("{:?} was pressed and {:?} was heard", key.as_str(), heard.as_str()));
        }
    }
    if protocol.answer.refused.is_empty() {
        return Ok(());
    }
    let question = "Did the box show each time that the press was taken (a lamp, a tone)?";
    if person.confirms(question) { Ok(()) } else { Err("nobody saw the box's answers".to_owned()) }
}

/// Waits for a press, and answers it.
fn hear(node: &mut Node, protocol: &Protocol) -> Result<Key, String> {
    let (watch, clock) = (Stopwatch::start(), Watch::start());
    let (mut frames, mut portion) = (Frames::new(protocol.frame.clone()), [0; 256]);
    while watch.read() < DONE_WITHIN {
        let n = node.read(&mut portion, LOOK).map_err(|cause| format!("it went away: {cause}"))?;
        for came in frames.take(portion.get(..n).unwrap_or_default(), clock.ms()) {
            let Came::Word(word) = came else { continue };
            let Some((key, _)) = protocol.buttons.as_ref().and_then(|buttons| buttons.read(&word)) else { continue };
            node.write(&protocol.answer.accepted, LOOK).map_err(|cause| format!("it takes no answer: {cause}"))?;
            // What bounces belongs to this press.
            settle(node, protocol).map_err(|cause| format!("it went away: {cause}"))?;
            return Ok(key);
        }
    }
    Err(format!("no press was heard within {} s", DONE_WITHIN.as_secs()))
}

/// Lets what a contact still says pass.
fn settle(node: &mut Node, protocol: &Protocol) -> io::Result<()> {
    let quiet = protocol.buttons.as_ref().map_or(LOOK, |buttons| Duration::from_millis(buttons.debounce_ms));
    let mut portion = [0; 256];
    let watch = Stopwatch::start();
    while watch.read() < DONE_WITHIN && node.read(&mut portion, quiet)? > 0 {}
    Ok(())
}

/// Unplugged and plugged in again, it is found by its path and heard.
pub(super) fn comes_back(device: &OnLine, person: &mut dyn Person) -> Step {
    let protocol = protocol_of(device)?;
    let mut node = open(device, &protocol)?;
    person.please("Pull the box's plug.");
    gone(&mut node)?;
    drop(node);
    person.please("Plug the box in again, into another socket if there is one.");
    let mut node = back(device, &protocol)?;
    person.please(&format!("Press the button {:?} once.", Key::Next.as_str()));
    let heard = hear(&mut node, &protocol)?;
    if heard == Key::Next { Ok(()) } else { Err(format!("\"next\" was pressed and {:?} was heard", heard.as_str())) }
}

/// Waits until a device is gone.
pub(super) fn gone(node: &mut Node) -> Step {
    let (watch, mut portion) = (Stopwatch::start(), [0; 256]);
    while watch.read() < DONE_WITHIN {
        if node.read(&mut portion, LOOK).is_err() {
            return Ok(());
        }
    }
    Err("it was never seen to go".to_owned())
}

/// Waits until a device is there again by its path.
pub(super) fn back(device: &OnLine, protocol: &Protocol) -> Result<Node, String> {
    let watch = Stopwatch::start();
    loop {
        match open(device, protocol) {
            Ok(node) => return Ok(node),
            Err(why) if watch.read() > DONE_WITHIN => return Err(why),
            Err(_) => watch.wait_until(watch.read().saturating_add(LOOK)),
        }
    }
}

/// A reader reads a code.
pub(super) fn reads(device: &OnLine, person: &mut dyn Person) -> Step {
    const ASKED: &str = "Hold the code of any ticket before the reader.";
    let line = match &device.protocol {
        None => typed(device, ASKED, person)?,
        Some(_) => framed(device, ASKED, person)?,
    };
    let question = format!("Is {line:?} what the ticket's code says (its address, or its number)?");
    if person.confirms(&question) { Ok(()) } else { Err("what was read is not what the ticket says".to_owned()) }
}

/// A number is typed.
pub(super) fn types(device: &OnLine, person: &mut dyn Person) -> Step {
    match typed(device, "Type 12 on the keypad, and Enter.", person)?.as_str() {
        "12" => Ok(()),
        other => Err(format!("12 was typed and {other:?} came")),
    }
}

/// Waits for a line that is typed.
fn typed(device: &OnLine, asked: &str, person: &mut dyn Person) -> Result<String, String> {
    let mut node = Node::input(&device.path).map_err(|cause| format!("it cannot be opened ({cause})"))?;
    person.please(asked);
    let (watch, clock, mut typed, mut portion) = (Stopwatch::start(), Watch::start(), Typed::default(), [0; 1_024]);
    while watch.read() < DONE_WITHIN {
        let n = node.read(&mut portion, LOOK).map_err(|cause| format!("it went away: {cause}"))?;
        if let Some(line) = typed.take(portion.get(..n).unwrap_or_default(), clock.ms()).into_iter().next() {
            return Ok(line);
        }
    }
    Err("nothing came".to_owned())
}

/// Waits for a line of a reader on a serial line.
fn framed(device: &OnLine, asked: &str, person: &mut dyn Person) -> Result<String, String> {
    let protocol = protocol_of(device)?;
    let mut node = open(device, &protocol)?;
    person.please(asked);
    let (watch, clock) = (Stopwatch::start(), Watch::start());
    let (mut frames, mut portion) = (Frames::new(protocol.frame.clone()), [0; 256]);
    while watch.read() < DONE_WITHIN {
        let n = node.read(&mut portion, LOOK).map_err(|cause| format!("it went away: {cause}"))?;
        for came in frames.take(portion.get(..n).unwrap_or_default(), clock.ms()) {
            let Came::Word(word) = came else { continue };
            return Ok(String::from_utf8_lossy(&word).trim().to_owned());
        }
    }
    Err("nothing came".to_owned())
}
