//! The number display: what it is told is seen on it, and after its plug was pulled it shows what it is told then.

use std::time::Duration;

use machiai::devices::protocol::{Picture, Protocol};
use machiai::node::Node;

use super::person::Person;
use super::touch::{back, gone, open, protocol_of};
use super::{OnLine, Step};

/// How long it may take to be told.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

fn tell(node: &mut Node, protocol: &Protocol, picture: &Picture) -> Step {
    let bytes = protocol.shown(picture).ok_or("its protocol shows no number")?;
    node.write(&bytes, TOLD_WITHIN).map_err(|cause| format!("it takes nothing: {cause}"))
}

fn seen(node: &mut Node, protocol: &Protocol, (picture, what): (&Picture, &str), person: &mut dyn Person) -> Step {
    tell(node, protocol, picture)?;
    let question = format!("Does the display show {what}?");
    if person.confirms(&question) { Ok(()) } else { Err(format!("nobody saw {what} on it")) }
}

/// It shows figures, steady and blinking, and nothing.
pub(super) fn shows(device: &OnLine, person: &mut dyn Person) -> Step {
    let protocol = protocol_of(device)?;
    let mut node = open(device, &protocol)?;
    let pictures = [
        (Picture::Steady("88".to_owned()), "88, not blinking"),
        (Picture::Blinking("12".to_owned()), "12, blinking"),
        (Picture::Blank, "nothing"),
    ];
    pictures.iter().try_for_each(|(picture, what)| seen(&mut node, &protocol, (picture, what), person))
}

/// Unplugged and plugged in again, it shows what is true then.
pub(super) fn comes_back(device: &OnLine, person: &mut dyn Person) -> Step {
    let protocol = protocol_of(device)?;
    let mut node = open(device, &protocol)?;
    tell(&mut node, &protocol, &Picture::Steady("12".to_owned()))?;
    person.please("Pull the display's plug.");
    gone(&mut node)?;
    drop(node);
    person.please("Plug the display in again.");
    let mut node = back(device, &protocol)?;
    seen(&mut node, &protocol, (&Picture::Steady("34".to_owned()), "34, not blinking"), person)?;
    tell(&mut node, &protocol, &Picture::Blank)
}
