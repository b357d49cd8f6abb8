//! What airs at an instant, and why: one pure function of the program, the settings, the disk, what aired before, who
//! waits and the instant. It always has an answer; the last one is the built-in card.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::adverts::{Beside, forbids};
use super::aired::Aired;
use super::approval;
use super::content::{Content, ContentHash, ContentKind};
use super::table::{ItemPlace, Slot};
use super::why::{Frame, Why};
use super::window::{Light, Period, light_at, slot_at};
use super::{ContentState, Program, Received, TableState};
use crate::ids::ItemId;
use crate::settings::Text;
use crate::standing::Standing;
use crate::time::{AtMs, HOUR_MS};

/// How long the built-in card stands before anything else is looked for.
pub const CARD_MS: u32 = 15_000;

/// The shortest time for which a film counts as airing: one without a length must not spin.
const MIN_FILM_MS: u32 = 1_000;

/// What is on the screen beside the queue panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A piece of content.
    Film {
        /// Which.
        content: ContentHash,
        /// What kind it is.
        kind: ContentKind,
        /// How long it runs, in milliseconds.
        duration_ms: u32,
    },
    /// An urgent notice in the place of films.
    Notice {
        /// What it says.
        text: Text,
    },
    /// An emergency over the whole screen.
    Emergency {
        /// What it says.
        text: Text,
    },
    /// The built-in card: the clinic's name, hours and clock.
    Card,
    /// Nothing, as scheduled.
    Dark,
}

impl What {
    /// Returns the content that airs; none for what the screen draws by itself.
    #[must_use]
    pub const fn content(&self) -> Option<ContentHash> {
        match self {
            Self::Film { content, .. } => Some(*content),
            Self::Notice { .. } | Self::Emergency { .. } | Self::Card | Self::Dark => None,
        }
    }
}

/// An item that was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Where it stands.
    pub place: ItemPlace,
    /// What would have aired.
    pub content: ContentHash,
    /// Why it does not.
    pub why: Why,
}

/// What airs, until when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnAir {
    /// What.
    pub what: What,
    /// The place in the table it airs at or stands in for; none where no table is in force.
    pub place: Option<ItemPlace>,
    /// Since when.
    pub from: AtMs,
    /// Until when nothing else airs unless a fact, the disk or the queue says so; excluded.
    pub until: AtMs,
    /// Why this, or why not what the table says.
    pub why: Why,
    /// The items passed over to come to it.
    pub passed: Vec<Passed>,
}

impl OnAir {
    /// Returns the sentence into which the reason is put; none where the reason is a whole one.
    #[must_use]
    pub const fn frame(&self) -> Option<Frame> {
        match self.what {
            What::Card => Some(Frame::Card),
            What::Film { .. } if self.why.is_clause() => Some(Frame::Substitute),
            What::Film { .. } | What::Notice { .. } | What::Emergency { .. } | What::Dark => None,
        }
    }
}

/// What the answer depends on beside the program.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The settings.
    pub standing: &'a Standing,
    /// The content that lies prepared on the disk.
    pub on_disk: &'a BTreeSet<ContentHash>,
    /// What this monitor aired before.
    pub aired: &'a Aired,
    /// How many people wait.
    pub n_waiting: usize,
    /// The instant.
    pub now: AtMs,
}

/// One turn of a loop.
struct Entry {
    /// The item; none for what joined the loop.
    item: Option<ItemId>,
    content: ContentHash,
    /// Whether the clinic put it in the item's stead.
    is_replaced: bool,
    /// Why the item is not approved.
    lacks: Option<Why>,
}

/// Why an entry does not air.
enum Against {
    /// A substitute stands in its place.
    StandIn(Why),
    /// The next entry airs.
    Skip(Why),
}

impl Program {
    /// Tells what airs.
    #[must_use]
    pub fn airs(&self, ask: &Ask<'_>) -> OnAir {
        let now = ask.now;
        if let Some(text) = self.emergency.value.clone() {
            return on_air(What::Emergency { text }, Why::Emergency, now, now.plus_ms(HOUR_MS));
        }
        if let Some(notice) = self.notice.value.as_ref().filter(|notice| now < notice.until) {
            return on_air(What::Notice { text: notice.text.clone() }, Why::UrgentNotice, now, notice.until);
        }
        if let Some(running) = self.runs_on(ask) {
            return running.clone();
        }
        match light_at(&ask.standing.hours, self.monitor.value, now) {
            Light::Dark { until, opens } if ask.n_waiting == 0 => {
                on_air(What::Dark, Why::Closed { opens: opens.then_some(until) }, now, until)
            }
            Light::Dark { .. } | Light::Lit => self.scheduled(ask),
        }
    }

    /// Returns the table in force at an instant: of two, an approved one; of two such, the one that came last.
    ///
    /// # Errors
    /// Why there is none.
    pub fn table_at(&self, now: AtMs) -> Result<(&TableState, &Received), Why> {
        let covering = self.tables.values().filter_map(|state| Some((state, state.current()?)));
        let covering = covering.filter(|(_, received)| received.table.period().holds(now));
        let (gone, there): (Vec<_>, Vec<_>) = covering.partition(|(state, _)| state.is_withdrawn());
        let found = there.into_iter().max_by_key(|(state, received)| (approval::stands(state), received.at));
        found.ok_or(if gone.is_empty() { Why::NoTable } else { Why::TableWithdrawn })
    }

    /// Returns what runs to its end: also past its slot, its period and the clinic's hours.
    fn runs_on<'a>(&self, ask: &Ask<'a>) -> Option<&'a OnAir> {
        let running = ask.aired.running().filter(|running| running.from <= ask.now && ask.now < running.until)?;
        let goes_on = match &running.what {
            What::Film { content, .. } => {
                let state = self.contents.get(content);
                let is_gone = state.is_some_and(|state| state.withdrawn.value || state.trouble.value.is_some());
                !is_gone && is_at_hand(*content, state.and_then(|state| state.told.value.as_ref()), ask)
            }
            What::Card => true,
            What::Notice { .. } | What::Emergency { .. } | What::Dark => false,
        };
        goes_on.then_some(running)
    }

    fn scheduled(&self, ask: &Ask<'_>) -> OnAir {
        let (state, received) = match self.table_at(ask.now) {
            Ok(found) => found,
            Err(why) => return self.stand_in(ask, None, why, Vec::new()),
        };
        let slot = received.table.slots.iter().rfind(|slot| slot_at(slot, ask.now).is_some());
        let entries = self.entries(state, slot, ask.now);
        let contents: Vec<ContentHash> = entries.iter().map(|entry| entry.content).collect();
        let may = |entry: &&Entry| entry.lacks.is_none() && self.is_ready(entry.content, ask);
        let ready: Vec<ContentHash> = entries.iter().filter(may).map(|entry| entry.content).collect();
        let beside = Beside { contents: &contents, ready: &ready, rules: received.table.adverts };
        let place = |item: Option<ItemId>| ItemPlace {
            table: received.table.table.clone(),
            revision: received.table.revision,
            slot: slot.map(|slot| slot.slot.clone()),
            item,
        };
        let first = next_entry(&entries, ask.aired.last_of(&received.table.table, slot.map(|slot| &slot.slot)));
        let mut passed: Vec<Passed> = Vec::new();
        for entry in entries.iter().cycle().skip(first).take(entries.len()) {
            match self.weigh(entry, beside, ask) {
                Ok((content, why)) => {
                    return OnAir { place: Some(place(entry.item.clone())), passed, ..film(content, why, ask.now) };
                }
                Err(Against::StandIn(why)) => {
                    return self.stand_in(ask, Some(place(entry.item.clone())), why, passed);
                }
                Err(Against::Skip(why)) => {
                    passed.push(Passed { place: place(entry.item.clone()), content: entry.content, why });
                }
            }
        }
        let empty = if slot.is_some() { Why::NoItems } else { Why::NoSlot };
        let why = passed.first().map_or(empty, |first| first.why.clone());
        self.stand_in(ask, Some(place(None)), why, passed)
    }

    /// Lists a loop: the slot's items as the clinic approved them, and what the clinic lets join every loop.
    fn entries(&self, state: &TableState, slot: Option<&Slot>, now: AtMs) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(slot) = slot {
            let approved = approval::of_slot(state, slot, now);
            for item in &slot.items {
                let with = match &approved {
                    Ok(replaced) => {
                        replaced.iter().rfind(|it| it.slot == slot.slot && it.item == item.item).map(|it| it.with)
                    }
                    Err(_) => self.drafted_own(state, slot, &item.item),
                };
                entries.push(Entry {
                    item: Some(item.item.clone()),
                    content: with.unwrap_or(item.content),
                    is_replaced: with.is_some(),
                    lacks: approved.as_ref().err().cloned(),
                });
            }
        }
        let joined = self.contents.iter().filter(|(_, state)| state.own.value.is_some_and(|own| own.every_loop));
        let joined = joined.filter(|(_, state)| state.told.value.as_ref().is_some_and(|told| told.kind.is_clinics()));
        entries.extend(joined.map(|(content, _)| Entry {
            item: None,
            content: *content,
            is_replaced: false,
            lacks: None,
        }));
        entries
    }

    /// Returns the clinic's own content that somebody put in an item's stead: it airs without approval.
    fn drafted_own(&self, state: &TableState, slot: &Slot, item: &ItemId) -> Option<ContentHash> {
        let with = state.draft.get(&slot.slot).and_then(|items| items.get(item)).and_then(|with| with.value)?;
        self.content(with).is_some_and(|(_, told)| told.kind.is_clinics()).then_some(with)
    }

    /// Tells whether an entry may air now.
    fn weigh(&self, entry: &Entry, beside: Beside<'_>, ask: &Ask<'_>) -> Result<(&Content, Why), Against> {
        let known = self.content(entry.content);
        let needs_approval = known.is_none_or(|(_, told)| told.kind.needs_approval());
        if let Some(why) = entry.lacks.clone().filter(|_| needs_approval) {
            return Err(Against::StandIn(why));
        }
        let (state, told) = known.ok_or(Against::Skip(Why::ContentUnknown))?;
        if let Some(why) = rests(state, told, ask) {
            return Err(Against::Skip(why));
        }
        if let Some(why) = forbids(self, told, beside, ask.aired, ask.now) {
            return Err(Against::Skip(why));
        }
        let own = if told.kind.is_clinics() { Why::Own } else { Why::Scheduled };
        Ok((told, if entry.is_replaced { Why::Replaced } else { own }))
    }

    fn is_ready(&self, content: ContentHash, ask: &Ask<'_>) -> bool {
        self.content(content).is_some_and(|(state, told)| rests(state, told, ask).is_none())
    }

    /// Puts a substitute, or else the card, in the place of what does not air.
    fn stand_in(&self, ask: &Ask<'_>, place: Option<ItemPlace>, why: Why, passed: Vec<Passed>) -> OnAir {
        let usable = |content: &&Content| self.is_ready(content.content, ask);
        let substitutes: Vec<&Content> = self.of_kind(ContentKind::Substitute).filter(usable).collect();
        let after = |content: &&&Content| ask.aired.substitute().is_none_or(|last| content.content > last);
        let on_air = match substitutes.iter().find(after).or(substitutes.first()) {
            Some(substitute) => film(substitute, why, ask.now),
            None => on_air(What::Card, why, ask.now, ask.now.plus_ms(i64::from(CARD_MS))),
        };
        OnAir { place, passed, ..on_air }
    }
}

/// Tells why content cannot air wherever it stands; none when it can.
#[must_use]
pub fn rests(state: &ContentState, told: &Content, ask: &Ask<'_>) -> Option<Why> {
    if state.withdrawn.value {
        return Some(Why::ContentWithdrawn);
    }
    if let Some(trouble) = state.trouble.value {
        return Some(Why::ContentBroken { trouble });
    }
    if let Some(at) = state.rests_at().filter(|at| *at <= ask.now) {
        return Some(Why::LeaseLapsed { at });
    }
    let own = state.own.value.filter(|_| told.kind.is_clinics());
    if own.is_some_and(|own| !Period::of_days(own.from, own.until).holds(ask.now)) {
        return Some(Why::OutsideOwnPeriod);
    }
    (!is_at_hand(told.content, Some(told), ask)).then_some(Why::ContentMissing)
}

/// Whether content can be shown from this machine: what is drawn needs no file.
fn is_at_hand(content: ContentHash, told: Option<&Content>, ask: &Ask<'_>) -> bool {
    told.is_some_and(|told| told.scene.is_some()) || ask.on_disk.contains(&content)
}

/// Returns where a loop goes on: after what aired last, or at its first entry where that is gone.
fn next_entry(entries: &[Entry], last: Option<(Option<&ItemId>, Option<ContentHash>)>) -> usize {
    let Some((item, content)) = last else {
        return 0;
    };
    let is_last = |entry: &Entry| match item {
        Some(item) => entry.item.as_ref() == Some(item),
        None => entry.item.is_none() && Some(entry.content) == content,
    };
    entries.iter().position(is_last).map_or(0, |idx| idx.saturating_add(1))
}

fn film(content: &Content, why: Why, now: AtMs) -> OnAir {
    let duration_ms = content.duration_ms.max(MIN_FILM_MS);
    let what = What::Film { content: content.content, kind: content.kind, duration_ms };
    on_air(what, why, now, now.plus_ms(i64::from(duration_ms)))
}

const fn on_air(what: What, why: Why, from: AtMs, until: AtMs) -> OnAir {
    OnAir { what, place: None, from, until, why, passed: Vec::new() }
}
