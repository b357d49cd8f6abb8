//! Remote support from end to end: an operator orders, the clinic is asked at the desk, the box does it once and tells
//! back what was ordered against what was done; whatever is not as it should be is refused, and that is told as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use machiai_core::ids::{OrderId, SiteId};
use machiai_core::support::order::{Act, LogLevel, Order, Purpose};
use machiai_core::support::{Answer, Ordered, Outcome, SupportOrdered, SupportReported, Why};
use machiai_core::time::AtMs;
use machiai_hub::publish::Publisher;
use machiai_hub::support::key::SigningKey;
use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::daemon::{SITE, write};
use machiai_hw_tests::hub::soon;
use machiai_hw_tests::printer::{Emulator, Line, Setup};
use serde_json::{Value, json};

use super::Home;
use super::scene::Scene;
use crate::screen::windows::{Process, Xvfb};

/// An hour of the clinic's clock.
const HOUR_MS: i64 = 3_600_000;

/// A hub and a box that knows one operator's key.
struct Office {
    scene: Scene,
    publisher: Publisher,
    key: SigningKey,
    _folder: tempfile::TempDir,
    n_orders: u8,
}

impl Office {
    async fn open(home: Home) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::draw(&folder.path().join("yamada.pem")).unwrap();
        let mut scene = Scene::set(home, 1).await;
        scene.enrol().await;
        scene.until_even().await;
        let (publisher, _) = scene.hub.publisher(&scene.api).await.unwrap();
        let config = scene.config();
        let known = format!("\n[[support.operators]]\nname = \"山田\"\nkey = \"{}\"\n", key.public());
        let text = std::fs::read_to_string(&config).unwrap();
        write(&config, text + &known).unwrap();
        scene.daemon.kill().unwrap();
        scene.restart().await;
        scene.until_even().await;
        Self { scene, publisher, key, _folder: folder, n_orders: 0 }
    }

    async fn now(&self) -> AtMs {
        AtMs(self.scene.api.get("status").await.unwrap()["now_ms"].as_i64().unwrap())
    }

    /// Makes an order of its own id that counts from now on for some hours.
    async fn order(&mut self, purpose: Purpose, act: Act) -> Order {
        self.n_orders += 1;
        let now = self.now().await;
        Order {
            order: OrderId::from_bytes([self.n_orders; 16]),
            site: SiteId(SITE),
            act,
            purpose,
            why: "受付のプリンターから番号札が出ないとのお電話をいただいたため".to_owned(),
            not_before_ms: now,
            not_after_ms: now.plus_ms(8 * HOUR_MS),
        }
    }

    async fn send(&self, signed: &SupportOrdered) {
        self.publisher.support(SiteId(SITE), signed).await.unwrap();
    }

    async fn send_signed(&self, order: &Order) {
        self.send(&self.key.sign(order).unwrap()).await;
    }

    /// Returns what the desk shows of the newest order, once there are so many that it shows.
    async fn shown(&self, n_shown: usize) -> Value {
        let comes = async || {
            let shown = self.scene.api.get("support").await.ok()?;
            let shown = shown.as_array()?.clone();
            (shown.len() == n_shown).then(|| shown[0].clone())
        };
        soon("the desk shows the order", comes).await.unwrap()
    }

    async fn answer(&self, shown: &Value, said: &str) {
        let path = format!("support/{}/{said}", shown["asked"].as_str().unwrap());
        self.scene.press("reception", &path, json!({})).await;
    }

    /// Returns an order as the hub has it, once so many of its id have their reports.
    async fn reported(&self, signed: &SupportOrdered, n_reports: usize) -> Vec<(Ordered, SupportReported)> {
        let comes = async || {
            let orders = self.publisher.supported(SiteId(SITE)).await.unwrap();
            let mut of_it: Vec<Ordered> = orders.into_iter().filter(|known| known.order == *signed).collect();
            of_it.sort_by_key(|ordered| ordered.at);
            let told: Vec<_> = of_it.into_iter().filter_map(|it| Some((it.clone(), it.report?))).collect();
            (told.len() == n_reports).then_some(told)
        };
        soon("the report comes to the hub", comes).await.unwrap()
    }

    /// Sends an order and returns how the box says that it refused it.
    async fn refused(&self, signed: &SupportOrdered) -> Why {
        self.send(signed).await;
        let (_, report) = self.reported(signed, 1).await.remove(0);
        assert_eq!((report.ran_ms, report.done.len()), (None, 0), "nothing was done");
        let Outcome::Refused(why) = report.outcome else { panic!("{report:?}") };
        why
    }
}

/// Where a picture of the page is left, to be looked at.
fn picture(of: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join("support");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{of}.png"))
}

fn test_page() -> Act {
    Act::TestPage { printer: "kiosk".parse().unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_asked_at_the_desk_done_once_and_told_back() {
    let mut office = Office::open(Home::server()).await;
    let printer = Emulator::start(Setup::new(Line::Tcp, 576)).unwrap();
    office.scene.connect(&printer).await;
    let order = office.order(Purpose::Printer, test_page()).await;
    let signed = office.key.sign(&order).unwrap();
    office.send(&signed).await;

    // The desk asks in plain words, and nothing is done before somebody says yes.
    let browser = Browser::start().await.unwrap();
    browser.size(1280, 800).await.unwrap();
    browser.open(&format!("{}/desk?place=reception", office.scene.daemon.address())).await.unwrap();
    browser.until("document.querySelector('#support .order.asks summary')").await.unwrap();
    let fits = "return [...document.querySelectorAll('#main .grid button')].every((at) => at.getBoundingClientRect().bottom <= innerHeight)";
    assert_eq!(browser.run(fits).await.unwrap(), true, "the order keeps the desk's buttons from sight");
    browser.picture(&picture("folded")).await.unwrap();
    browser.press("#support summary").await.unwrap();
    let asks = "document.querySelector('#support .order[open]')?.innerText";
    let said = browser.until(asks).await.unwrap();
    for word in [
        "サポート担当の 山田",
        "プリンター kiosk で試し印刷",
        "プリンターの不具合",
        "お電話をいただいた",
        "同意する",
        "断る",
    ] {
        assert!(said.as_str().unwrap().contains(word), "no {word} in {said}");
    }
    browser.picture(&picture("asks")).await.unwrap();
    assert_eq!(printer.papers().len(), 0, "something was printed before anybody agreed");
    browser.press("#support .go").await.unwrap();
    browser.until("document.querySelector('#support').hidden").await.unwrap();

    let (ordered, report) = office.reported(&signed, 1).await.remove(0);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(
        (report.order, report.ordered, report.purpose),
        (Some(order.order), Some(order.act), Some(order.purpose))
    );
    assert_eq!(report.operator.as_deref(), Some("山田"));
    assert_eq!(report.done, ["a test page was printed on kiosk"]);
    let (from, until) = report.ran_ms.unwrap();
    assert!(order.not_before_ms <= from && from <= until && until < order.not_after_ms);
    assert_eq!(ordered.last_said(), Some(Answer::Yes));
    assert_eq!(printer.papers().len(), 1);

    browser.open(&format!("{}/desk/health", office.scene.daemon.address())).await.unwrap();
    let told = "document.querySelector('.orders .came')?.textContent === '頼まれたとおりに済みました。'";
    browser.until(told).await.unwrap();
    // When it was looked is said by the box's own clock, whatever the tablet's is.
    browser.until("/^11\\/24 0?9:0\\d/.test(document.querySelector('.sheet-head p').textContent)").await.unwrap();
    browser.picture(&picture("health")).await.unwrap();

    // The same order again, as whoever recorded it could send it, is refused; so it is after a restart of the box.
    office.send(&signed).await;
    let again = office.reported(&signed, 2).await.remove(1).1;
    assert_eq!(again.outcome, Outcome::Refused(Why::Replayed));
    office.scene.daemon.kill().unwrap();
    office.scene.restart().await;
    office.scene.until_even().await;
    office.send(&signed).await;
    let again = office.reported(&signed, 3).await.remove(2).1;
    assert_eq!(again.outcome, Outcome::Refused(Why::Replayed));
    assert_eq!(printer.papers().len(), 1, "it was printed again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forged_late_not_on_the_list_or_outside_its_purpose_is_refused_and_told() {
    let mut office = Office::open(Home::folder()).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let nobodys = SigningKey::draw(&elsewhere.path().join("nobody.pem")).unwrap();
    let order = office.order(Purpose::Checkup, Act::Doctor {}).await;
    assert_eq!(office.refused(&nobodys.sign(&order).unwrap()).await, Why::Forged, "a key that the box does not know");

    // A signature under another text, under this text without what orders are signed under, and none at all.
    let signed = office.key.sign(&order).unwrap();
    let longer = signed.order.replace(&order.not_after_ms.0.to_string(), &order.not_after_ms.plus_ms(1).0.to_string());
    assert_ne!(longer, signed.order);
    for forged in [
        SupportOrdered { order: longer, ..signed.clone() },
        SupportOrdered { order: signed.order.clone() + " ", ..signed.clone() },
        SupportOrdered { signature: String::new(), ..signed.clone() },
    ] {
        assert_eq!(office.refused(&forged).await, Why::Forged);
    }

    let outside = office.order(Purpose::Checkup, test_page()).await;
    assert_eq!(office.refused(&office.key.sign(&outside).unwrap()).await, Why::OutsidePurpose);
    let other = office.order(Purpose::Checkup, Act::Doctor {}).await;
    let other = Order { site: SiteId(SITE + 1), ..other };
    assert_eq!(office.refused(&office.key.sign(&other).unwrap()).await, Why::AnotherSite);
    let late = office.order(Purpose::Checkup, Act::Doctor {}).await;
    let late =
        Order { not_before_ms: late.not_before_ms.plus_ms(-2), not_after_ms: late.not_before_ms.plus_ms(-1), ..late };
    assert_eq!(office.refused(&office.key.sign(&late).unwrap()).await, Why::Late);
    let long = office.order(Purpose::Checkup, Act::Doctor {}).await;
    let long = Order { not_after_ms: long.not_before_ms.plus_ms(25 * HOUR_MS), ..long };
    assert_eq!(office.refused(&office.key.sign(&long).unwrap()).await, Why::TooLong);

    // Orders that are over are listed; what nobody known signed is not shown to the clinic at all.
    let shown = office.scene.api.get("support").await.unwrap();
    let stands: Vec<&str> = shown.as_array().unwrap().iter().map(|it| it["stands"].as_str().unwrap()).collect();
    assert_eq!(stands, ["over"; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_without_the_clinics_yes_and_a_yes_can_be_taken_back() {
    let mut office = Office::open(Home::folder()).await;
    // No answer until its time is over.
    let mut unanswered = office.order(Purpose::Checkup, Act::Diagnostics {}).await;
    unanswered.not_after_ms = unanswered.not_before_ms.plus_ms(10 * 60_000);
    let signed = office.key.sign(&unanswered).unwrap();
    office.send(&signed).await;
    office.shown(1).await;
    let (_, report) = office.reported(&signed, 1).await.remove(0);
    assert_eq!(report.outcome, Outcome::Refused(Why::NotConsented));

    // A no.
    let declined = office.order(Purpose::Checkup, Act::Diagnostics {}).await;
    office.send_signed(&declined).await;
    let shown = office.shown(2).await;
    office.answer(&shown, "no").await;
    let (_, report) = office.reported(&office.key.sign(&declined).unwrap(), 1).await.remove(0);
    assert_eq!((report.outcome, report.consented), (Outcome::Refused(Why::Declined), None));

    // A yes before its time, taken back before it.
    let mut early = office.order(Purpose::Checkup, Act::Diagnostics {}).await;
    early.not_before_ms = early.not_before_ms.plus_ms(6 * HOUR_MS);
    early.not_after_ms = early.not_before_ms.plus_ms(HOUR_MS);
    office.send_signed(&early).await;
    let shown = office.shown(3).await;
    office.answer(&shown, "yes").await;
    let shown = office.shown(3).await;
    assert_eq!((&shown["stands"], &shown["can_withdraw"]), (&json!("waits"), &json!(true)));
    office.answer(&shown, "withdrawn").await;
    let (_, report) = office.reported(&office.key.sign(&early).unwrap(), 1).await.remove(0);
    assert_eq!((report.outcome, report.ran_ms), (Outcome::Refused(Why::Withdrawn), None));

    // What lasts ends when the yes is taken back, and says so.
    let lasting = office.order(Purpose::Fault, Act::LogLevel { level: LogLevel::Debug }).await;
    office.send_signed(&lasting).await;
    let shown = office.shown(4).await;
    office.answer(&shown, "yes").await;
    let runs = async || {
        let shown = office.scene.api.get("support").await.ok()?[0].clone();
        (shown["stands"] == "runs").then_some(shown)
    };
    let shown = soon("the log says more", runs).await.unwrap();
    assert_eq!(shown["can_withdraw"], true);
    office.answer(&shown, "withdrawn").await;
    let (_, report) = office.reported(&office.key.sign(&lasting).unwrap(), 1).await.remove(0);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.done, ["the log said Debug", "it was put back, as the clinic took its yes back"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_act_does_what_was_ordered_or_says_why_not() {
    let mut office = Office::open(Home::folder()).await;
    let printer = Emulator::start(Setup::new(Line::Tcp, 576)).unwrap();
    office.scene.connect(&printer).await;
    let (socket, server) = (office.scene.daemon.state().join("screen.sock"), Xvfb::start("1280x720"));
    let start_screen = || Process::screen(&socket, "x11", &[("DISPLAY", server.display.as_str())]);
    let mut screen = start_screen();
    let connected = async || {
        let screens = office.scene.api.get("status").await.ok()?["screens"].clone();
        screens.get("monitor1").is_some().then_some(())
    };
    soon("the screen connects", connected).await.unwrap();
    let update = |profile: &str| Act::UpdateConfiguration {
        printer: "kiosk".parse().unwrap(),
        address: printer.address().to_string(),
        profile: profile.to_owned(),
    };
    let acts = [
        (Purpose::Checkup, Act::Diagnostics {}, Outcome::Done),
        (Purpose::Checkup, Act::Doctor {}, Outcome::Done),
        (Purpose::Monitor, Act::Screenshot {}, Outcome::Done),
        (Purpose::Program, Act::PullProgram {}, Outcome::Done),
        (Purpose::Monitor, Act::RestartScreen { monitor: "monitor1".parse().unwrap() }, Outcome::Done),
        (Purpose::Monitor, Act::RestartScreen { monitor: "monitor9".parse().unwrap() }, Outcome::Failed),
        (Purpose::Printer, Act::TestPage { printer: "nowhere".parse().unwrap() }, Outcome::Failed),
        (Purpose::Printer, update("no-such-kind"), Outcome::Failed),
        (Purpose::Printer, update("58mm"), Outcome::Done),
    ];
    for (nth, (purpose, act, outcome)) in acts.into_iter().enumerate() {
        let order = office.order(purpose, act).await;
        office.send_signed(&order).await;
        let shown = office.shown(nth + 1).await;
        office.answer(&shown, "yes").await;
        if matches!((&order.act, outcome), (Act::RestartScreen { .. }, Outcome::Done)) {
            // It ends, and whatever keeps it starts it again: its unit, at a clinic.
            let (status, said) = screen.ended().await;
            assert!(!status.success() && said.contains("told to start anew"), "{status}: {said}");
            screen = start_screen();
        }
        let (_, report) = office.reported(&office.key.sign(&order).unwrap(), 1).await.remove(0);
        assert_eq!(report.outcome, outcome, "{report:?}");
        assert!(!report.done.is_empty() && report.ordered == Some(order.act.clone()), "{report:?}");
        match order.act {
            Act::Diagnostics {} => assert!(report.found.unwrap().contains("\"n_facts\"")),
            Act::Doctor {} => assert!(report.found.unwrap().contains("\"check\":\"disk\"")),
            Act::Screenshot {} => assert_eq!(report.picture.unwrap().kind, "image/png"),
            Act::RestartScreen { .. }
            | Act::TestPage { .. }
            | Act::LogLevel { .. }
            | Act::PullProgram {}
            | Act::UpdateConfiguration { .. } => assert_eq!((report.found, report.picture), (None, None)),
        }
    }
    let settings = office.scene.api.get("settings").await.unwrap();
    assert_eq!(settings["printers"][0]["profile"], "58mm");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_asks_a_daemon_that_runs_and_looks_itself_when_it_is_dead() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    let mut printer = Some(Emulator::start(Setup::new(Line::Tcp, 576)).unwrap());
    scene.connect(printer.as_ref().unwrap()).await;
    let config = scene.config();
    let doctor = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-demo"));
        command.args(["machiai", "--config"]).arg(&config).arg("doctor").arg("--json").args(more);
        let done = command.output().unwrap();
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        let codes = report["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned());
        assert!(!done.status.success(), "a box that is not enrolled is not well");
        (codes.collect::<Vec<_>>(), report)
    };
    let has = |(codes, report): &(Vec<String>, Value), code: &str| {
        assert!(codes.iter().any(|known| known == code), "no {code}: {report}");
    };
    let alive = doctor(&["--test-page"]);
    for code in ["daemon_ok", "printer_tested", "certificate_none"] {
        has(&alive, code);
    }
    assert_eq!(alive.1["worst"], "broken");
    assert_eq!(printer.as_ref().unwrap().papers().len(), 1);

    scene.daemon.kill().unwrap();
    let dead = doctor(&[]);
    for code in ["daemon_down", "printer_ok", "disk_ok", "certificate_none"] {
        has(&dead, code);
    }
    has(&doctor(&["--test-page"]), "printer_tested");
    assert_eq!(printer.as_ref().unwrap().papers().len(), 2);
    drop(printer.take());
    has(&doctor(&[]), "printer_unreachable");
}
