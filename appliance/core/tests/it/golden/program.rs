//! The values of the golden lines of the program.

use machiai_core::facts::Fact;
use machiai_core::ids::{FactId, Origin, Seq};
use machiai_core::program::as_run::{AiringBegun, AiringContinued, AiringEnded, Cut, ItemSkipped, Seen};
use machiai_core::program::content::{
    AdvertTerms, Content, ContentHash, ContentKind, ContentQuarantined, ContentTrouble, LeasesRenewed, OfContent,
    OwnAiring, Scene, SceneTemplate,
};
use machiai_core::program::table::{
    AdvertRules, ApprovalReopened, EmergencyBegun, Item, ItemPlace, ItemReplaced, MonitorHours, OfTable, Replaced,
    Revision, Slot, Table, TableApproved, UrgentNotice,
};
use machiai_core::settings::Text;
use machiai_core::settings::WeekDay;
use machiai_core::time::{AtMs, DayTime};

use super::samples::text;

fn hash(n: u8) -> ContentHash {
    ContentHash::from_bytes([n; 32])
}

fn full_table() -> Table {
    Table {
        table: "2026-w48".parse().unwrap(),
        revision: Revision(2),
        from: AtMs(1_795_359_600_000),
        to: AtMs(1_795_964_400_000),
        deadline: AtMs(1_795_186_800_000),
        slots: vec![Slot {
            slot: "night".parse().unwrap(),
            days: vec![WeekDay::Mon, WeekDay::Sat],
            from: DayTime(1_320),
            to: DayTime(360),
            items: vec![Item { item: "i1".parse().unwrap(), content: hash(0x11) }],
        }],
        adverts: AdvertRules { apart_min: 15, most_per_hour: Some(6) },
    }
}

fn place() -> ItemPlace {
    ItemPlace {
        table: "2026-w48".parse().unwrap(),
        revision: Revision(2),
        slot: Some("night".parse().unwrap()),
        item: Some("i1".parse().unwrap()),
    }
}

/// What the vendor and the clinic do about tables and content.
pub(super) fn tables() -> Vec<Fact> {
    let table = full_table().table;
    let (slot, item) = ("night".parse().unwrap(), "i1".parse().unwrap());
    let replaced = Replaced { slot, item, with: hash(0x22) };
    let (slot, item) = (replaced.slot.clone(), replaced.item.clone());
    let advert = Content {
        content: hash(0x11),
        kind: ContentKind::Advert,
        title: "薬局 <&\">".into(),
        duration_ms: 15_000,
        advert: Some(AdvertTerms {
            advertiser: "yakkyoku".parse().unwrap(),
            class: "pharmacy".parse().unwrap(),
            exclusive: true,
            most_per_hour: Some(4),
        }),
        lease_until: Some(AtMs(1_796_569_200_000)),
        scene: None,
    };
    let own = Content {
        content: hash(0x22),
        kind: ContentKind::Introduction,
        title: "院内のご紹介".into(),
        duration_ms: 30_000,
        advert: None,
        lease_until: None,
        scene: None,
    };
    let days = ("2026-11-24".parse().unwrap(), "2026-12-31".parse().unwrap());
    vec![
        Fact::TableReceived(full_table()),
        Fact::TableReceived(Table {
            revision: Revision(0),
            slots: Vec::new(),
            adverts: AdvertRules::default(),
            ..full_table()
        }),
        Fact::TableWithdrawn(OfTable { table: table.clone() }),
        Fact::ItemReplaced(ItemReplaced {
            table: table.clone(),
            slot: slot.clone(),
            item: item.clone(),
            with: Some(hash(0x22)),
        }),
        Fact::ItemReplaced(ItemReplaced { table: table.clone(), slot, item, with: None }),
        Fact::TableApproved(TableApproved { table: table.clone(), revision: Revision(2), replaced: vec![replaced] }),
        Fact::TableApproved(TableApproved { table: table.clone(), revision: Revision(2), replaced: Vec::new() }),
        Fact::ApprovalWithdrawn(OfTable { table: table.clone() }),
        Fact::ApprovalReopened(ApprovalReopened { table, deadline: AtMs(1_795_273_200_000) }),
        Fact::ContentSet(advert),
        Fact::ContentSet(own),
        Fact::LeasesRenewed(LeasesRenewed { contents: vec![hash(0x11)], until: AtMs(1_797_778_800_000) }),
        Fact::ContentWithdrawn(OfContent { content: hash(0x11) }),
        Fact::ContentPrepared(OfContent { content: hash(0x11) }),
        Fact::ContentQuarantined(ContentQuarantined { content: hash(0x11), trouble: ContentTrouble::Undecodable }),
        Fact::OwnAiringSet(OwnAiring { content: hash(0x22), from: days.0, until: days.1, every_loop: true }),
        Fact::OwnAiringEnded(OfContent { content: hash(0x22) }),
        Fact::UrgentNoticeSet(UrgentNotice { text: text("本日休診"), until: AtMs(1_795_532_400_000) }),
        Fact::UrgentNoticeWithdrawn,
        Fact::EmergencyBegun(EmergencyBegun { text: text("地震です") }),
        Fact::EmergencyEnded,
        Fact::MonitorHoursSet(MonitorHours { before_min: 45, after_min: 60 }),
    ]
}

/// Content without a file.
pub(super) fn scene() -> Fact {
    let headline = Text { en: Some("Closed".into()), ..text("年末年始の休診") };
    let scene =
        Scene { template: SceneTemplate::Notice, headline, text: text("29日から休みます。"), photo: None };
    Fact::ContentSet(Content {
        content: scene.hash(),
        kind: ContentKind::Notice,
        title: "年末年始".into(),
        duration_ms: 15_000,
        advert: None,
        lease_until: None,
        scene: Some(scene),
    })
}

/// What was shown.
pub(super) fn airings() -> Vec<Fact> {
    let begun = FactId { origin: Origin::from_bytes([0xa1; 16]), seq: Seq(77) };
    let whole = AiringBegun {
        monitor: "hall/2".parse().unwrap(),
        content: hash(0x11),
        kind: ContentKind::Advert,
        duration_ms: 15_000,
        place: Some(place()),
        seen: Seen::Lit,
    };
    vec![
        Fact::ItemSkipped(ItemSkipped { place: place(), content: hash(0x11), why: "content_missing".into() }),
        Fact::AiringBegun(AiringBegun { place: None, seen: Seen::Unknown, ..whole.clone() }),
        Fact::AiringBegun(whole),
        Fact::AiringContinued(AiringContinued { begun, frames: 150, seen: Seen::Dark }),
        Fact::AiringEnded(AiringEnded { begun, frames: 449, seen: Seen::Lit, cut: Some(Cut::Emergency) }),
        Fact::AiringEnded(AiringEnded { begun, frames: 450, seen: Seen::Lit, cut: None }),
    ]
}
