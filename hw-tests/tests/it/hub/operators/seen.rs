//! An operator at a desk: a real browser on the operators' pages, a real box, and a fleet around it.

use std::path::{Path, PathBuf};

use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::health::{Disk, HealthReported, PrinterHealth, ScreenHealth};
use machiai_core::ids::SiteId;
use machiai_hub::operator::account::make;
use machiai_hub::operator::totp::{code, step_of};
use machiai_hub::serve::now_s;
use machiai_hub::store::Store;
use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::hub::soon;
use machiai_hw_tests::printer::{Emulator, Line, Setup};
use serde_json::json;

use super::super::scene::Scene;
use super::fleet::{film, health, named, send, table};
use super::{Home, PASSWORD};

/// A laptop's screen, in the pixels of pages.
const SCREEN_PX: (u32, u32) = (1440, 900);

/// Whether nothing stands beyond the right edge.
const FITS: &str = "document.documentElement.scrollWidth <= innerWidth";

/// Where a picture of the page is left, to be looked at.
fn picture(of: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join("operators");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{of}.png"))
}

/// Adds other clinics, one of them long silent, the others heard of just now on the hub's clock.
async fn add_neighbours(store: &Store, now_ms: i64) {
    let fine = || health(PrinterHealth::Ok);
    let neighbours: [(&str, HealthReported); 7] = [
        ("みどり台内科小児科クリニック", health(PrinterHealth::PaperOut)),
        ("<b>さくら</b>皮膚科", fine()),
        ("駅前整形外科", HealthReported { screens: [("hall".parse().unwrap(), ScreenHealth::Gone)].into(), ..fine() }),
        ("南町耳鼻咽喉科", HealthReported { clock: Trust::Free, ..fine() }),
        ("丘の上こどもクリニック", HealthReported { disk: Some(Disk::of(300 << 20, 100 << 30)), ..fine() }),
        ("川辺眼科", HealthReported { troubles: vec!["backup_failed".into()], ..fine() }),
        ("北里医院", fine()),
    ];
    for (nth, (name, health)) in (1_u32..).zip(neighbours) {
        let site = 2_000 + nth;
        store.add_site(SiteId(site)).await.unwrap();
        send(store, site, 1, vec![(now_ms, named(name)), (now_ms, Fact::HealthReported(health))]).await;
        let ago_ms = if nth == 7 { 26 * 3_600_000 } else { 0 };
        store.note_seen([(SiteId(site), now_ms - ago_ms)].into()).await.unwrap();
    }
    store.add_site(SiteId(2_100)).await.unwrap();
}

/// Opens the operators' pages in a browser and signs in.
async fn sign_in(scene: &Scene, totp: &[u8; 20]) -> (Browser, String) {
    let browser = Browser::start().await.unwrap();
    browser.size(SCREEN_PX.0, SCREEN_PX.1).await.unwrap();
    let base = format!("http://{}", scene.hub.operators().unwrap());
    browser.open(&base).await.unwrap();
    browser.until("location.pathname === '/sign-in'").await.unwrap();
    browser.picture(&picture("sign-in")).await.unwrap();
    browser.write("input[name=name]", "sato").await.unwrap();
    browser.write("input[name=password]", PASSWORD).await.unwrap();
    browser.write("input[name=code]", &code(totp, step_of(now_s()))).await.unwrap();
    browser.press("button.go").await.unwrap();
    browser.until("location.pathname === '/fleet'").await.unwrap();
    (browser, base)
}

/// Lets the box's printer run out of paper, which the box tells by itself, and then lets the box die.
async fn fall_into_trouble(scene: &mut Scene, (browser, base): (&Browser, &str)) {
    let printer = Emulator::start(Setup::new(Line::Tcp, 576)).unwrap();
    printer.turn(|knobs| knobs.paper_out = true);
    scene.connect(&printer).await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    let row = format!("document.querySelector('tr.trouble a[href=\"/fleet/{SITE}\"]')?.closest('tr')");
    // What is wrong is said as such, in the row of the box.
    let comes_to = async |expected: &str| {
        let signs = format!("[...({row}?.querySelectorAll('.sign.trouble') ?? [])]");
        let question = format!("return {signs}.some((sign) => sign.textContent.includes('{expected}'))");
        let comes = async || {
            browser.open(&format!("{base}/fleet")).await.unwrap();
            browser.run(&question).await.unwrap().as_bool().filter(|comes| *comes)
        };
        soon(expected, comes).await.unwrap();
    };
    comes_to("kiosk 用紙切れ").await;
    scene.daemon.kill().unwrap();
    comes_to("分前").await;
    browser.picture(&picture("silent")).await.unwrap();
}

/// Has calls made at the box, one of which the vendor saw for longer, and looks at the site's month.
async fn sees_a_month_of_calls(scene: &Scene, (browser, base): (&Browser, &str)) {
    let of = |reservation: &str| json!({"reservation": reservation, "endpoint": "doctor-pc"});
    let booked = json!({"reservation": "R001", "starts_at_ms": 1_795_478_400_000_i64, "policy": "2026-04"});
    scene.press("reception", "calls/reservations", booked).await;
    for reservation in ["R001", "R002"] {
        scene.press("reception", "calls/connect", of(reservation)).await;
        scene.press("reception", "calls/disconnect", of(reservation)).await;
    }
    let list =
        "reservation,identity,connection,joined,left\nR001,clinic-1,PA_1,2026-11-24T09:10:00,2026-11-24T09:25:00\n";
    scene.api.bring("calls/vendor/list", list).await.unwrap();
    let comes = async || {
        browser.open(&format!("{base}/fleet/{SITE}/calls?month=2026-11")).await.unwrap();
        let question = "return document.querySelectorAll('.months tbody tr').length === 3 && Boolean(document.getElementById('differences'))";
        browser.run(question).await.unwrap().as_bool().filter(|comes| *comes)
    };
    soon("the month comes to the hub", comes).await.unwrap();
    // What the witnesses disagree on comes first.
    browser.until("document.querySelector('section h2').textContent.includes('提供元の記録との違い')").await.unwrap();
    browser.until("document.querySelector('section tbody').textContent.includes('15分0秒')").await.unwrap();
    for wanted in ["R001", "reservation-total", "第1版", "予約の登録がありません", "請求なし"] {
        browser.until(&format!("document.querySelector('main').innerText.includes('{wanted}')")).await.unwrap();
    }
    browser.until(FITS).await.unwrap();
    browser.picture(&picture("calls")).await.unwrap();
    browser.open(&format!("{base}/fleet/{SITE}/calls?month=2026-10&lang=en")).await.unwrap();
    browser.until("document.querySelector('main').innerText.includes('No calls in this month.')").await.unwrap();
    browser.size(390, 844).await.unwrap();
    browser.open(&format!("{base}/fleet/{SITE}/calls?month=2026-11")).await.unwrap();
    browser.until(FITS).await.unwrap();
    browser.picture(&picture("calls-narrow")).await.unwrap();
    browser.size(SCREEN_PX.0, SCREEN_PX.1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_who_is_in_trouble_publishes_a_table_that_the_box_gets_and_is_gone_after_signing_out() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.until_even().await;
    let (publisher, _) = scene.hub.publisher(&scene.api).await.unwrap();
    publisher.content(SiteId(SITE), &film("健康のために歩こう")).await.unwrap();
    let store = Store::open(&scene.home.name()).await.unwrap();
    let account = make(PASSWORD).unwrap();
    let totp = account.totp;
    assert!(store.add_operator("sato", account, now_s()).await.unwrap());
    let now_ms = scene.api.get("status").await.unwrap()["now_ms"].as_i64().unwrap();
    add_neighbours(&store, now_ms + 3_600_000).await;

    let (browser, base) = sign_in(&scene, &totp).await;
    // The box has told of itself by its own, and is well; how full the disk of the machine that tests is, is not its affair.
    let told = async || {
        browser.open(&format!("{base}/fleet")).await.unwrap();
        let told = format!(
            "const row = document.querySelector('tr a[href=\"/fleet/{SITE}\"]')?.closest('tr');\
             const bad = [...(row?.querySelectorAll('.sign:not(.good)') ?? [])];\
             return Boolean(row?.textContent.includes('{}')) && bad.every((sign) => sign.closest('td')?.dataset.head === 'ディスク')",
            env!("CARGO_PKG_VERSION")
        );
        browser.run(&told).await.unwrap().as_bool().filter(|is_told| *is_told)
    };
    soon("the box tells how it does", told).await.unwrap();
    browser.until(FITS).await.unwrap();
    browser.until("document.querySelector('tbody tr').className === 'trouble'").await.unwrap();
    browser.until("document.body.textContent.includes('<b>さくら</b>皮膚科')").await.unwrap();
    browser.until("document.body.textContent.includes('用紙切れ')").await.unwrap();
    browser.picture(&picture("fleet")).await.unwrap();
    browser.open(&format!("{base}/fleet?lang=en&show=trouble")).await.unwrap();
    browser.until("document.querySelectorAll('tbody tr').length === 5").await.unwrap();
    browser.picture(&picture("fleet-en")).await.unwrap();
    for narrow_px in [1024, 390] {
        browser.size(narrow_px, 844).await.unwrap();
        browser.until(FITS).await.unwrap();
    }
    browser.picture(&picture("fleet-narrow")).await.unwrap();
    browser.size(SCREEN_PX.0, SCREEN_PX.1).await.unwrap();
    browser.open(&format!("{base}/fleet/2001")).await.unwrap();
    browser.picture(&picture("site-in-trouble")).await.unwrap();

    // A table goes to the box.
    let file = scene.home_file("table.json", &table(1, super::fleet::FILM));
    browser.open(&format!("{base}/fleet/{SITE}")).await.unwrap();
    browser.write("input[type=file]", &file).await.unwrap();
    browser.press("form[action$='/table'] button").await.unwrap();
    browser.until("document.querySelector('.told').textContent.includes('配信しました')").await.unwrap();
    browser.until(FITS).await.unwrap();
    browser.picture(&picture("site")).await.unwrap();
    let has_come = async || {
        let program = scene.api.get("program").await.ok()?;
        program["tables"].as_array()?.iter().any(|table| table["table"] == "w1").then_some(())
    };
    soon("the box has the table", has_come).await.unwrap();

    sees_a_month_of_calls(&scene, (&browser, &base)).await;
    fall_into_trouble(&mut scene, (&browser, &base)).await;

    // Nobody is in any more, whatever page is gone back to.
    browser.open(&format!("{base}/audit")).await.unwrap();
    browser.until("document.body.textContent.includes('番組表の配信')").await.unwrap();
    browser.picture(&picture("audit")).await.unwrap();
    browser.press(".bar form button").await.unwrap();
    browser.until("location.pathname === '/sign-in'").await.unwrap();
    browser.open(&format!("{base}/fleet")).await.unwrap();
    browser.until("location.pathname === '/sign-in'").await.unwrap();
    assert_eq!(browser.complaints().await.unwrap(), Vec::<String>::new());
}
