//! Decisions about the program: a command and what is true now give the facts to be written, or a refusal that changes
//! nothing.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::approval;
use super::content::{Content, ContentHash, ContentKind, OfContent, OwnAiring, Scene};
use super::table::{
    EmergencyBegun, ItemReplaced, MonitorHours, OfTable, Replaced, Revision, TableApproved, UrgentNotice,
};
use super::why::Why;
use super::{Program, TableState};
use crate::envelope::Trust;
use crate::facts::Fact;
use crate::ids::{ItemId, SlotId, TableId};
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Text;
use crate::time::AtMs;

/// The longest notice in one language, in characters: what a scene of the screen holds in letters read from afar.
const MAX_NOTICE_CHARS: usize = 120;

/// The longest title of content, in characters: a row of a list.
pub(super) const MAX_TITLE_CHARS: usize = 60;

/// How long a notice stands: long enough to be read from afar, and short enough that nobody waits for the next item.
const NOTICE_MS: core::ops::RangeInclusive<u32> = 5_000..=120_000;

/// The longest time before or after hours for which a monitor is lit, in minutes: half a day.
const MAX_LIT_MIN: u16 = 720;

/// What can be asked about the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ProgramCommand {
    /// Approves a table with the replacements that stand.
    Approve {
        /// Which.
        table: TableId,
        /// The revision that was seen.
        revision: Revision,
        /// The replacements that were seen.
        replaced: Vec<Replaced>,
    },
    /// Takes an approval back.
    WithdrawApproval {
        /// Of which table.
        table: TableId,
    },
    /// Puts other content in an item's stead.
    Replace {
        /// In which table.
        table: TableId,
        /// In which slot.
        slot: SlotId,
        /// Which item.
        item: ItemId,
        /// With what; none puts the vendor's back.
        with: Option<ContentHash>,
    },
    /// Gives the clinic's content an airing period.
    AirOwn(OwnAiring),
    /// Takes that period back.
    RestOwn {
        /// Of which content.
        content: ContentHash,
    },
    /// Keeps a notice as content of the clinic; it airs when it is given a period.
    KeepNotice {
        /// What is drawn.
        scene: Scene,
        /// How long it stands, in milliseconds.
        duration_ms: u32,
        /// Its title for staff.
        title: String,
    },
    /// Sets the urgent notice.
    SetNotice(UrgentNotice),
    /// Withdraws it.
    WithdrawNotice,
    /// Takes the screen over.
    BeginEmergency {
        /// What it says.
        text: Text,
    },
    /// Gives the screen back.
    EndEmergency,
    /// Sets when the monitor is lit.
    SetMonitorHours(MonitorHours),
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The facts to be written.
    pub facts: Vec<Fact>,
    /// Why they will change nothing that airs; none when they do.
    pub without_effect: Option<Why>,
}

impl From<Fact> for Decided {
    /// A fact that has its effect.
    fn from(fact: Fact) -> Self {
        Self { facts: vec![fact], without_effect: None }
    }
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] says why nothing is to be done.
pub fn decide(program: &Program, command: &ProgramCommand, now: AtMs, trust: Trust) -> Result<Decided, Refusal> {
    match command {
        ProgramCommand::Approve { table, revision, replaced } => {
            let approved = TableApproved { table: table.clone(), revision: *revision, replaced: replaced.clone() };
            approve(program, approved, now, trust)
        }
        ProgramCommand::WithdrawApproval { table } => withdraw(program, table, now),
        ProgramCommand::Replace { table, slot, item, with } => {
            let replaced = ItemReplaced { table: table.clone(), slot: slot.clone(), item: item.clone(), with: *with };
            replace(program, replaced, now)
        }
        ProgramCommand::AirOwn(own) => air_own(program, *own),
        ProgramCommand::RestOwn { content } => rest_own(program, *content),
        ProgramCommand::KeepNotice { scene, duration_ms, title } => keep_notice(scene, *duration_ms, title),
        ProgramCommand::SetNotice(notice) => set_notice(notice, now),
        ProgramCommand::WithdrawNotice => Ok(Fact::UrgentNoticeWithdrawn.into()),
        ProgramCommand::BeginEmergency { text } => {
            refuse_text("text", text)?;
            Ok(Fact::EmergencyBegun(EmergencyBegun { text: text.clone() }).into())
        }
        ProgramCommand::EndEmergency => Ok(Fact::EmergencyEnded.into()),
        ProgramCommand::SetMonitorHours(hours) => {
            if hours.before_min.max(hours.after_min) > MAX_LIT_MIN {
                return Err(Refusal::new(RefusalCode::BadValue).with("field", &"minutes"));
            }
            Ok(Fact::MonitorHoursSet(*hours).into())
        }
    }
}

/// Nobody approves what they have not seen. What comes too late is recorded all the same.
fn approve(program: &Program, approved: TableApproved, now: AtMs, trust: Trust) -> Result<Decided, Refusal> {
    let state = table(program, &approved.table)?;
    if state.current().is_none_or(|current| current.table.revision != approved.revision) {
        return Err(Refusal::new(RefusalCode::TableChanged).with("table", &approved.table));
    }
    for it in &approved.replaced {
        item(state, &it.slot, &it.item)?;
        replacement(program, it.with)?;
    }
    let without_effect = approval::would_count(state, now, trust).err();
    Ok(Decided { facts: vec![Fact::TableApproved(approved)], without_effect })
}

fn withdraw(program: &Program, id: &TableId, now: AtMs) -> Result<Decided, Refusal> {
    let state = table(program, id)?;
    if !approval::stands(state) {
        return Err(Refusal::new(RefusalCode::NotApproved).with("table", id));
    }
    refuse_late(state, now)?;
    Ok(Fact::ApprovalWithdrawn(OfTable { table: id.clone() }).into())
}

/// A replacement is part of what is approved: after the deadline nobody could approve it.
fn replace(program: &Program, replaced: ItemReplaced, now: AtMs) -> Result<Decided, Refusal> {
    let state = table(program, &replaced.table)?;
    item(state, &replaced.slot, &replaced.item)?;
    refuse_late(state, now)?;
    if let Some(with) = replaced.with {
        replacement(program, with)?;
    }
    Ok(Fact::ItemReplaced(replaced).into())
}

fn air_own(program: &Program, own: OwnAiring) -> Result<Decided, Refusal> {
    own_content(program, own.content)?;
    if own.until < own.from {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"until"));
    }
    Ok(Fact::OwnAiringSet(own).into())
}

fn rest_own(program: &Program, content: ContentHash) -> Result<Decided, Refusal> {
    own_content(program, content)?;
    Ok(Fact::OwnAiringEnded(OfContent { content }).into())
}

fn keep_notice(scene: &Scene, duration_ms: u32, title: &str) -> Result<Decided, Refusal> {
    refuse_text("headline", &scene.headline)?;
    refuse_text("text", &scene.text)?;
    refuse_words("title", title, MAX_TITLE_CHARS)?;
    if !NOTICE_MS.contains(&duration_ms) {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"duration_ms"));
    }
    let content = Content {
        content: scene.hash(),
        kind: ContentKind::Notice,
        title: title.into(),
        duration_ms,
        advert: None,
        lease_until: None,
        scene: Some(scene.clone()),
    };
    Ok(Fact::ContentSet(content).into())
}

fn set_notice(notice: &UrgentNotice, now: AtMs) -> Result<Decided, Refusal> {
    refuse_text("text", &notice.text)?;
    if notice.until <= now {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"until"));
    }
    Ok(Fact::UrgentNoticeSet(notice.clone()).into())
}

fn refuse_text(field: &str, text: &Text) -> Result<(), Refusal> {
    let others = [&text.en, &text.zh, &text.ko].into_iter().flatten();
    core::iter::once(&text.ja).chain(others).try_for_each(|words| refuse_words(field, words, MAX_NOTICE_CHARS))
}

pub(super) fn refuse_words(field: &str, words: &str, most: usize) -> Result<(), Refusal> {
    if words.chars().count() > most {
        return Err(Refusal::new(RefusalCode::TooLong).with("field", &field).with("most", &most));
    }
    if words.trim().is_empty() || words.chars().any(char::is_control) {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &field));
    }
    Ok(())
}

fn refuse_late(state: &TableState, now: AtMs) -> Result<(), Refusal> {
    match approval::deadline_of(state) {
        Some(deadline) if deadline < now => {
            let values = Why::NotApproved { deadline }.values();
            Err(Refusal { code: RefusalCode::DeadlinePassed, values })
        }
        Some(_) | None => Ok(()),
    }
}

fn table<'a>(program: &'a Program, id: &TableId) -> Result<&'a TableState, Refusal> {
    let state = program.tables.get(id).filter(|state| state.current().is_some() && !state.is_withdrawn());
    state.ok_or_else(|| Refusal::new(RefusalCode::UnknownTable).with("table", id))
}

fn item(state: &TableState, slot: &SlotId, item: &ItemId) -> Result<(), Refusal> {
    let slot = state.current().and_then(|current| current.table.slot(slot));
    let known = slot.is_some_and(|slot| slot.items.iter().any(|it| it.item == *item));
    if known { Ok(()) } else { Err(Refusal::new(RefusalCode::UnknownItem).with("item", item)) }
}

/// Anything but an advert may stand in an item's stead: adverts air where the vendor agreed on it.
fn replacement(program: &Program, with: ContentHash) -> Result<(), Refusal> {
    match kind_of(program, with)? {
        ContentKind::Advert => Err(Refusal::new(RefusalCode::BadValue).with("field", &"with")),
        ContentKind::Provided
        | ContentKind::Introduction
        | ContentKind::Notice
        | ContentKind::Own
        | ContentKind::Substitute => Ok(()),
    }
}

fn own_content(program: &Program, content: ContentHash) -> Result<(), Refusal> {
    if kind_of(program, content)?.is_clinics() {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::BadValue).with("field", &"content"))
}

fn kind_of(program: &Program, content: ContentHash) -> Result<ContentKind, Refusal> {
    let known = program.content(content).filter(|(state, _)| !state.withdrawn.value);
    let known = known.map(|(_, told)| told.kind);
    known.ok_or_else(|| Refusal::new(RefusalCode::UnknownContent).with("content", &content))
}
