//! What operators see of the fleet, from what its boxes sent.

use machiai_core::call::told::{CallEnd, CallKey, Side};
use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::health::{Disk, HealthReported, Line, PrinterHealth};
use machiai_core::ids::{BootId, FactId, Origin, Seq, SiteId};
use machiai_core::program::as_run::{AiringBegun, AiringEnded, Seen};
use machiai_core::program::content::{Content, ContentKind};
use machiai_core::settings::{Site, Text};
use machiai_core::time::AtMs;
use machiai_hub::clock::Clock;
use machiai_hub::publish::Publisher;
use machiai_hub::serve::reading;
use machiai_hub::store::{SentBy, Store};
use machiai_wire::chain::Hash;
use machiai_wire::hub_side::Judged;
use machiai_wire::producer::Turn;
use machiai_wire::said::Run;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::json;

use super::{Home, Office};

fn line(site: SiteId, origin: u8, (seq, at_ms): (u64, i64), fact: Fact) -> Vec<u8> {
    let head = Head {
        site,
        line: None,
        origin: Origin::from_bytes([origin; 16]),
        seq: Seq(seq),
        at_ms: AtMs(at_ms),
        at_n: 0,
        boot: BootId::from_bytes([1; 16]),
        mono_ms: 0,
        clock: Trust::Synced,
        by: By { device: "machiai".parse().unwrap(), person: None },
        cmd: None,
    };
    Envelope { head, fact }.write().unwrap()
}

/// Has a site's box send facts of a new origin: pairs of an instant and what happened.
pub(super) async fn send(store: &Store, site: u32, origin: u8, facts: Vec<(i64, Fact)>) {
    let site = SiteId(site);
    let lines: Vec<Vec<u8>> =
        (1..).zip(facts).map(|(seq, (at_ms, fact))| line(site, origin, (seq, at_ms), fact)).collect();
    let hash = lines.iter().fold(Hash::START, |hash, line| hash.after(line));
    let run = Run { origin: Origin::from_bytes([origin; 16]), turn: Turn { epoch: 1, seq: 0 }, hash, lines };
    assert!(matches!(store.keep(site, (run, SentBy::TheBox)).await.unwrap(), Some(Judged::Keep(_))));
}

pub(super) fn named(name: &str) -> Fact {
    let name = Text { ja: name.into(), en: None, zh: None, ko: None };
    Fact::SiteSet(Site { name, address: None, patient_url: None, era_years: false })
}

pub(super) fn told(printer: PrinterHealth) -> Fact {
    Fact::HealthReported(health(printer))
}

pub(super) fn health(printer: PrinterHealth) -> HealthReported {
    HealthReported {
        version: "0.1.0".into(),
        clock: Trust::Synced,
        disk: Some(Disk::of(60 << 30, 100 << 30)),
        line: Some(Line::Events),
        n_unsent: 0,
        printers: [("p1".parse().unwrap(), printer)].into(),
        screens: [].into(),
        troubles: Vec::new(),
    }
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fleet_shows_who_is_in_trouble_first_and_a_name_is_text_alone(#[case] home: Home) {
    let mut office = Office::open(home).await;
    let store = office.cloud.store.clone();
    send(&store, 1001, 1, vec![(1, named("<script>alert(1)</script>")), (2, told(PrinterHealth::PaperOut))]).await;
    send(&store, 1002, 2, vec![(1, named("みどり医院")), (2, told(PrinterHealth::PaperOut))]).await;
    // The newest on the clock of facts counts, whatever came last and in whichever order.
    send(&store, 1002, 3, vec![(9, told(PrinterHealth::Ok)), (10, Fact::LinePaused)]).await;
    send(&store, 1002, 4, vec![(5, told(PrinterHealth::Silent)), (5, named("むかし医院"))]).await;
    store.add_site(SiteId(1003)).await.unwrap();
    let now_ms = i64::try_from(machiai_hub::serve::now_s()).unwrap() * 1_000;
    store.note_seen([(SiteId(1001), now_ms), (SiteId(1002), now_ms)].into()).await.unwrap();

    office.sign_in().await;
    let page = office.page("/fleet").await;
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    let rows: Vec<&str> = page.split("<tr class=").skip(1).collect();
    let told = [("1001", "p1 用紙切れ"), ("1003", "登録コードなし"), ("1002", "p1 正常")];
    assert_eq!(rows.len(), told.len());
    for (row, (site, says)) in rows.iter().zip(told) {
        assert!(row.contains(&format!("/fleet/{site}\"")) && row.contains(says), "{site}, the worst first: {row}");
    }
    assert!(page.contains("むかし医院") && !page.contains("みどり医院"), "the newer name is not shown");
    let some = office.page("/fleet?show=trouble&lang=en").await;
    assert!(some.contains("out of paper") && !some.contains("むかし医院"), "{some}");
    let found = office.page("/fleet?q=1003").await;
    assert!(!found.contains("/fleet/1001\"") && found.contains("/fleet/1003\""), "{found}");
    let hostile = office.page("/fleet?q=%22%3E%3Cscript%3E&show=%22%3Ex").await;
    assert!(!hostile.contains("\"><script"), "{hostile}");
}

pub(super) const FILM: &str = "3217beb492efa6ed8ec048662ac4f98ae65686a45f0f194c32dc3761739516b3";

pub(super) fn film(title: &str) -> Content {
    Content {
        content: FILM.parse().unwrap(),
        kind: ContentKind::Provided,
        title: title.into(),
        duration_ms: 15_000,
        advert: None,
        lease_until: None,
        scene: None,
    }
}

/// A table of a week years ahead, so that it is to come whenever this runs.
pub(super) fn table(revision: u32, content: &str) -> String {
    let items = json!([{"item": "a", "content": content}]);
    let slots = json!([{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]);
    let [from, to, deadline] = [4_102_412_400_000_i64, 4_103_017_200_000, 4_102_326_000_000];
    json!({"table": "w1", "revision": revision, "from": from, "to": to, "deadline": deadline, "slots": slots})
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_taken_from_a_file_and_a_bad_one_is_refused_with_the_reason() {
    let mut office = Office::open(Home::folder()).await;
    let clock = Clock::new(BootId::from_bytes([2; 16]), reading());
    Publisher::new(office.cloud.store.clone(), clock)
        .await
        .unwrap()
        .content(SiteId(1001), &film("健康<b>"))
        .await
        .unwrap();
    office.sign_in().await;
    let token = office.token().await;
    let send = async |token: &str, table: &str| {
        let disposition = "--x1\r\nContent-Disposition: form-data; name=";
        let body = format!(
            "{disposition}\"token\"\r\n\r\n{token}\r\n{disposition}\"table\"; filename=\"t.json\"\r\n\
             Content-Type: application/json\r\n\r\n{table}\r\n--x1--\r\n"
        );
        let sent = office.client.post(format!("http://{}/fleet/1001/table", office.cloud.desk)).body(body);
        let sent = office.with_cookie(sent).header("content-type", "multipart/form-data; boundary=x1");
        let answer = sent.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    for (bad, why) in [
        ("no table at all", "番組表として読めません"),
        (&table(1, &"0".repeat(64)), "そのコンテンツはありません"),
        (&table(1, "../../hub-ca.key"), "番組表として読めません"),
    ] {
        let (status, page) = send(&token, bad).await;
        assert!(status == StatusCode::CONFLICT && page.contains(why), "{bad}: {status} {page}");
    }
    let (status, _) = send("0", &table(1, FILM)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let before = office.page("/fleet/1001").await;
    assert!(before.contains("番組表はありません") && before.contains("健康&lt;b&gt;"), "{before}");
    let (status, _) = send(&token, &table(1, FILM)).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let page = office.page("/fleet/1001?done=table_sent").await;
    assert!(page.contains("番組表を配信しました") && page.contains("w1") && page.contains("承認待ち"), "{page}");
    let (status, page) = send(&token, &table(1, FILM)).await;
    assert!(status == StatusCode::CONFLICT && page.contains("番組表が新しくなっています"), "{page}");
    // Each order stands in the audit before it is carried out, and after it when nothing came of it.
    let orders: Vec<String> = office.audited().await.into_iter().map(|(_, what)| what).skip(2).collect();
    assert_eq!(orders, ["refused", "table_sent", "refused", "refused", "table_sent", "table_sent", "refused"]);
    let form = format!("token={token}&content={FILM}");
    let withdrawn = office.post("/fleet/1001/withdraw", &form).send().await.unwrap();
    assert_eq!(withdrawn.status(), StatusCode::SEE_OTHER);
    let bad = office.post("/fleet/1001/withdraw", &format!("token={token}&content=../x")).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let long =
        office.post("/fleet/1001/message", &format!("token={token}&text={}", "x".repeat(81))).send().await.unwrap();
    assert_eq!(long.status(), StatusCode::CONFLICT);
    let nowhere = office.post("/fleet/7/message", &format!("token={token}&text=x")).send().await.unwrap();
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
}

/// A consultation call of a reservation, from its connection to its end where it has one.
fn call(reservation: &str, has_ended: bool) -> Vec<Fact> {
    let (reservation, endpoint) = (reservation.parse().ok(), "room1".parse().unwrap());
    let key = CallKey { reservation, endpoint, connection: None };
    let end = CallEnd { key, side: Side::Clinic, test: false, by_hand: false, reason: None, evidence: None };
    let ended = has_ended.then(|| Fact::CallDisconnected(end.clone()));
    [Fact::CallConnected(end)].into_iter().chain(ended).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_shows_what_aired_and_who_called_today_and_nothing_of_the_day_before() {
    let mut office = Office::open(Home::folder()).await;
    let store = office.cloud.store.clone();
    let clock = Clock::new(BootId::from_bytes([2; 16]), reading());
    let now_ms = clock.now().0;
    Publisher::new(store.clone(), clock).await.unwrap().content(SiteId(1001), &film("健康体操")).await.unwrap();
    let begun = |seq| FactId { origin: Origin::from_bytes([1; 16]), seq: Seq(seq) };
    let begins = Fact::AiringBegun(AiringBegun {
        monitor: "hall".parse().unwrap(),
        content: FILM.parse().unwrap(),
        kind: ContentKind::Provided,
        duration_ms: 15_000,
        place: None,
        seen: Seen::Lit,
    });
    let ends = |seq| Fact::AiringEnded(AiringEnded { begun: begun(seq), frames: 450, seen: Seen::Lit, cut: None });
    let before_ms = now_ms - 48 * 3_600_000;
    let mut facts = vec![(before_ms, begins.clone()), (before_ms + 15_000, ends(1))];
    facts.extend([(now_ms, begins.clone()), (now_ms, ends(3)), (now_ms + 1, begins), (now_ms + 1, Fact::LinePaused)]);
    facts.extend(call("r-old", true).into_iter().map(|fact| (before_ms, fact)));
    facts.extend([call("r-1", true), call("r-2", false)].concat().into_iter().map(|fact| (now_ms + 2, fact)));
    send(&store, 1001, 1, facts).await;

    office.sign_in().await;
    let page = office.page("/fleet/1001").await;
    assert!(page.contains("<th scope=\"row\">健康体操</th><td class=\"n\">2</td>"), "{page}");
    assert_eq!(page.matches("最後まで").count(), 1, "{page}");
    let calls = page.split_once("id=\"calls\"").unwrap().1;
    assert!(calls.contains("r-1") && calls.contains("r-2") && !calls.contains("r-old"), "{calls}");
    assert_eq!(calls.matches("終了の記録なし").count(), 1, "{calls}");
    let other = office.page("/fleet/1002").await;
    assert!(!other.contains("健康体操") && !other.contains("r-1"), "one clinic's day on another's page");
}
