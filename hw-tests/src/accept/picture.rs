//! The monitor: the box says that it shows frames, and whoever stands before it sees the board.

use super::Step;
use super::person::Person;
use crate::demo::api::Api;

/// The monitor shows the board.
pub(super) async fn shows(monitor: &str, api: &Api, person: &mut dyn Person) -> Step {
    let status = api.get("status").await.map_err(|cause| format!("the box does not answer: {cause:#}"))?;
    if status["screens"].get(monitor).is_none() {
        let gone = &status["screens_gone"];
        return Err(format!("the box has no monitor {monitor:?} that shows frames; gone are {gone}"));
    }
    let question =
        format!("Does the monitor {monitor} show the clinic's board, upright, whole and with the right time?");
    if person.confirms(&question) { Ok(()) } else { Err("nobody saw the board on it".to_owned()) }
}
