//! What airs, when and why, from outside: facts in, what airs out.
//!
//! A step is a line of text, `MM-DD H:MM verb arguments… [@trust]`, in 2026 in Asia/Tokyo; what airs is `content reason`.
//! Content is a letter of its kind and a figure: `P1` provided, `A1` advert, `I1` introduction, `N1` notice, `O1` own,
//! `S1` substitute.

mod advertising;
mod cases;
pub(crate) mod decisions;
mod hours;
mod keep;
mod lists;
mod outlook;
mod properties;
mod publish;
mod recorded;
pub(crate) mod words;

use std::collections::BTreeSet;

use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, ItemId, Origin, Seq, SiteId};
use machiai_core::program::Program;
use machiai_core::program::aired::Aired;
use machiai_core::program::airs::{Ask, OnAir, What};
use machiai_core::program::content::{
    AdvertTerms, Content, ContentHash, ContentKind, ContentQuarantined, ContentTrouble, LeasesRenewed, OfContent,
    OwnAiring,
};
use machiai_core::program::table::{
    AdvertRules, ApprovalReopened, EmergencyBegun, Item, ItemReplaced, OfTable, Replaced, Revision, Slot, Table,
    TableApproved, UrgentNotice,
};
use machiai_core::settings::Text;
use machiai_core::standing::Standing;
use machiai_core::time::{AtMs, Day, DayTime};

/// The monday of the table's week is the 23rd of November; it is to be approved until the 20th at 24:00.
const TABLE: &str = "w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";

/// The content that every test has.
const CONTENTS: [&str; 11] = ["P1", "P2", "P3", "A1", "A2", "A3", "O1", "O2", "N1", "S1", "S2"];

/// A table's line with a change.
fn table_with(from: &str, to: &str) -> String {
    format!("11-10 9:00 table {}", TABLE.replace(from, to))
}

/// The hash of a letter and a figure.
fn hash(name: &str) -> ContentHash {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    ContentHash::from_bytes(bytes)
}

/// The letter and figure of a hash.
fn name(content: ContentHash) -> String {
    content.bytes().iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

fn day(text: &str) -> Day {
    format!("2026-{text}").parse().unwrap()
}

/// Reads `11-24 9:00`; 24:00 is the next day's midnight, and seconds may follow.
fn at(text: &str) -> AtMs {
    let (date, time) = text.split_once([' ', '/']).unwrap();
    let (time, seconds) = if time.matches(':').count() == 2 { time.rsplit_once(':').unwrap() } else { (time, "0") };
    let minutes = time.parse::<DayTime>().unwrap().minutes();
    day(date).at_min(minutes).plus_ms(1_000 * seconds.parse::<i64>().unwrap())
}

fn items(list: &str) -> Vec<Item> {
    let contents = list.split(',').filter(|content| !content.is_empty());
    contents.enumerate().map(|(nth, it)| Item { item: item_id(nth + 1), content: hash(it) }).collect()
}

fn item_id(nth: usize) -> ItemId {
    format!("i{nth}").parse().unwrap()
}

/// Reads `r1`.
fn revision(word: &str) -> Revision {
    Revision(word.strip_prefix('r').unwrap().parse().unwrap())
}

/// Reads a table: id, revision, first day, the day after the last, deadline, slots.
fn table(words: &[&str]) -> Table {
    let [id, revision, from, to, deadline, slots @ ..] = words else { panic!("no table: {words:?}") };
    let slots = slots.iter().map(|slot| {
        let parts: Vec<&str> = slot.split('/').collect();
        let [slot, from, to, list] = parts[..] else { panic!("no slot: {slot}") };
        let (slot, days) = slot.split_once('~').unwrap_or((slot, ""));
        let days = days.split('+').filter(|day| !day.is_empty());
        let days = days.map(|day| serde_json::from_value(day.into()).unwrap()).collect();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Slot { slot: slot.parse().unwrap(), days, from, to, items: items(list) }
    });
    Table {
        table: id.parse().unwrap(),
        revision: self::revision(revision),
        from: day(from).at_min(0),
        to: day(to).at_min(0),
        deadline: at(deadline.strip_prefix("D=").unwrap()),
        slots: slots.collect(),
        adverts: AdvertRules { apart_min: 0, most_per_hour: None },
    }
}

/// A piece of content: provided and substitute run a minute, adverts 15 seconds, the clinic's half a minute.
fn content(name: &str) -> Content {
    let (kind, duration_ms) = match name.split_at(1).0 {
        "P" => (ContentKind::Provided, 60_000),
        "A" => (ContentKind::Advert, 15_000),
        "I" => (ContentKind::Introduction, 30_000),
        "N" => (ContentKind::Notice, 30_000),
        "O" => (ContentKind::Own, 30_000),
        _ => (ContentKind::Substitute, 60_000),
    };
    let advert = (kind == ContentKind::Advert).then(|| AdvertTerms {
        advertiser: format!("firm-{name}").parse().unwrap(),
        class: "pharmacy".parse().unwrap(),
        exclusive: false,
        most_per_hour: None,
    });
    let lease_until = Some(day("12-31").at_min(0));
    Content { content: hash(name), kind, title: format!("film {name}"), duration_ms, advert, lease_until, scene: None }
}

fn text(ja: &str) -> Text {
    Text { ja: ja.into(), ..Text::default() }
}

/// Reads `i1=P2`.
fn replaced(word: &str) -> Replaced {
    let (item, with) = word.split_once('=').unwrap();
    Replaced { slot: "day".parse().unwrap(), item: item.parse().unwrap(), with: hash(with) }
}

/// Reads what a step writes.
fn fact(words: &[&str]) -> Fact {
    let w48 = || "w48".parse().unwrap();
    match words {
        ["table", rest @ ..] => Fact::TableReceived(table(rest)),
        ["pull", table] => Fact::TableWithdrawn(OfTable { table: table.parse().unwrap() }),
        ["approve", revision, rest @ ..] => Fact::TableApproved(TableApproved {
            table: w48(),
            revision: self::revision(revision),
            replaced: rest.iter().map(|word| replaced(word)).collect(),
        }),
        ["unapprove"] => Fact::ApprovalWithdrawn(OfTable { table: w48() }),
        ["reopen", deadline] => Fact::ApprovalReopened(ApprovalReopened { table: w48(), deadline: at(deadline) }),
        ["replace", word] => {
            let Replaced { slot, item, with } = replaced(word);
            Fact::ItemReplaced(ItemReplaced { table: w48(), slot, item, with: Some(with) })
        }
        ["content", name] => Fact::ContentSet(content(name)),
        ["leased", name] => Fact::ContentSet(Content { lease_until: None, ..content(name) }),
        ["renew", name, until] => Fact::LeasesRenewed(LeasesRenewed { contents: vec![hash(name)], until: at(until) }),
        ["gone", name] => Fact::ContentWithdrawn(OfContent { content: hash(name) }),
        ["broken", name] => {
            Fact::ContentQuarantined(ContentQuarantined { content: hash(name), trouble: ContentTrouble::Undecodable })
        }
        ["mended", name] => Fact::ContentPrepared(OfContent { content: hash(name) }),
        ["own", name, from, until, rest @ ..] => Fact::OwnAiringSet(OwnAiring {
            content: hash(name),
            from: day(from),
            until: day(until),
            every_loop: rest == ["every"],
        }),
        ["rest", name] => Fact::OwnAiringEnded(OfContent { content: hash(name) }),
        ["notice", until] => Fact::UrgentNoticeSet(UrgentNotice { text: text("本日休診"), until: at(until) }),
        ["unnotice"] => Fact::UrgentNoticeWithdrawn,
        ["emergency"] => Fact::EmergencyBegun(EmergencyBegun { text: text("避難してください") }),
        ["all_clear"] => Fact::EmergencyEnded,
        other => panic!("no such step: {other:?}"),
    }
}

/// A monitor and all it depends on.
struct Stage {
    program: Program,
    standing: Standing,
    on_disk: BTreeSet<ContentHash>,
    aired: Aired,
    n_waiting: usize,
    written: Vec<Envelope>,
}

impl Stage {
    /// A machine that has all content on its disk, and no hours to be dark outside of.
    fn new() -> Self {
        let mut stage = Self {
            program: Program::default(),
            standing: Standing::default(),
            on_disk: CONTENTS.into_iter().map(hash).collect(),
            aired: Aired::default(),
            n_waiting: 0,
            written: Vec::new(),
        };
        for name in CONTENTS {
            stage.step(&format!("11-01 9:00 content {name}"));
        }
        stage
    }

    fn run(mut self, steps: &[&str]) -> Self {
        for step in steps {
            self.step(step);
        }
        self
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.on_disk.retain(|content| !names.contains(&name(*content).as_str()));
        self
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let (words, trust) = match words[..] {
            [ref words @ .., "@free"] => (words, Trust::Free),
            ref words => (words, Trust::Synced),
        };
        self.write(at(&words[..2].join(" ")), trust, fact(&words[2..]));
    }

    fn write(&mut self, at_ms: AtMs, trust: Trust, fact: Fact) {
        let seq = Seq(u64::try_from(self.written.len()).unwrap() + 1);
        let envelope = Envelope { head: head(at_ms, trust, seq), fact };
        self.program.after(&envelope);
        self.written.push(envelope);
    }

    fn ask(&self, now: AtMs) -> Ask<'_> {
        let Self { standing, on_disk, aired, n_waiting, .. } = self;
        Ask { standing, on_disk, aired, n_waiting: *n_waiting, now }
    }

    /// What airs, and begins to.
    fn airs(&mut self, now: AtMs) -> OnAir {
        let on_air = self.program.airs(&self.ask(now));
        self.aired.begin(&on_air);
        on_air
    }

    /// The next so many things that air.
    fn shows(&mut self, from: &str, n: usize) -> String {
        let mut now = at(from);
        let mut lines = Vec::new();
        for _ in 0..n {
            let on_air = self.airs(now);
            now = on_air.until;
            lines.push(line(&on_air));
        }
        lines.join(", ")
    }
}

fn head(at_ms: AtMs, clock: Trust, seq: Seq) -> Head {
    Head {
        site: SiteId(1001),
        line: None,
        origin: Origin::from_bytes([0xa1; 16]),
        seq,
        at_ms,
        at_n: 0,
        boot: BootId::from_bytes([1; 16]),
        mono_ms: u64::try_from(at_ms.0).unwrap(),
        clock,
        by: By { device: "desk".parse().unwrap(), person: None },
        cmd: None,
    }
}

/// What airs as a line.
fn line(on_air: &OnAir) -> String {
    let what = match &on_air.what {
        What::Film { content, .. } => name(*content),
        What::Notice { .. } => "notice".into(),
        What::Emergency { .. } => "emergency".into(),
        What::Card => "card".into(),
        What::Dark => "dark".into(),
    };
    format!("{what} {}", on_air.why.code())
}

/// Writes the steps and looks at the next things that air.
fn check(steps: &[&str], from: &str, expected: &str) {
    let n = expected.split(", ").count();
    assert_eq!(Stage::new().run(steps).shows(from, n), expected, "after {steps:?}");
}
