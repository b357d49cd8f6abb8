//! Settings: what contradicts itself is refused whole, and nothing of it is kept.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Draft, who};
use crate::command::Basis;
use crate::facts::{Fact, MessageSet};
use crate::queue::Clinic;
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::problems::{Problem, problems_of_change};

/// The longest i-message, in characters: two pages of the board's message row.
const MAX_MESSAGE_CHARS: usize = 80;

/// Decides the i-message.
pub(super) fn message(text: &str) -> Result<Vec<Draft>, Refusal> {
    let text = text.trim();
    if text.chars().count() > MAX_MESSAGE_CHARS {
        return Err(Refusal::new(RefusalCode::TooLong).with("field", &"message").with("most", &MAX_MESSAGE_CHARS));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"message"));
    }
    Ok(alloc::vec![Draft::of_site(Fact::MessageSet(MessageSet { text: text.to_string() }))])
}

/// Decides a change of settings: what it makes of the whole must hold together.
pub(super) fn change(clinic: &Clinic, facts: &[Fact], basis: Basis) -> Result<Vec<Draft>, Refusal> {
    refuse_unseen(clinic, basis)?;
    let mut standing = clinic.standing.clone();
    for fact in facts {
        if !fact.is_setting() {
            return Err(Refusal::new(RefusalCode::BadValue).with("field", &fact.kind()));
        }
        standing.after(fact);
    }
    match problems_of_change(clinic, &standing).into_iter().next() {
        Some(Problem { place, what }) => Err(Refusal::new(RefusalCode::BadSettings)
            .with("where", &place)
            .with("code", &what.code())
            .with("why", &what)),
        None => Ok(facts.iter().cloned().map(Draft::of_site).collect()),
    }
}

/// Nobody overwrites what they have not seen.
fn refuse_unseen(clinic: &Clinic, basis: Basis) -> Result<(), Refusal> {
    let newest = clinic.last_set.as_ref();
    match basis {
        Basis::Any => Ok(()),
        Basis::Seen(seen) if seen == newest.map(|last| last.id) => Ok(()),
        Basis::Seen(_) => {
            let (by, at) = newest.map(|last| (who(clinic, &last.by), last.at.clock_face())).unwrap_or_default();
            Err(Refusal::new(RefusalCode::SettingsChanged).with("who", &by).with("at", &at))
        }
    }
}
