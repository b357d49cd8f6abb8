//! What comes down from the hub: films over a line that breaks, known by their bytes alone and nobody's but their
//! site's; message and hours.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai_core::ids::SiteId;
use machiai_core::program::content::{Content, ContentHash, ContentKind};
use machiai_core::program::table::Table;
use machiai_core::time::AtMs;
use machiai_hub::blobs::Blobs;
use machiai_hub::clock::Clock;
use machiai_hub::door::limits::Limits;
use machiai_hub::publish::{PublishError, Publisher};
use machiai_hub::serve::reading;
use machiai_hub::store::devices::Replaces;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, SITE, Setting, write};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::films::Film;
use machiai_hw_tests::hub::house::{House, Shared};
use machiai_hw_tests::hub::phone::Phone;
use machiai_hw_tests::hub::soon;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Home;
use super::cloud::{Box, Cloud};

const SETTINGS: &str = include_str!("../../../data/morning-settings.toml");

/// When the scenes begin: an ordinary Tuesday.
const STARTS: &str = "2026-11-24T09:10:00+09:00";

/// 2026-11-24T00:00:00+09:00, and a day, in milliseconds.
const MIDNIGHT: i64 = 1_795_446_000_000;
const DAY: i64 = 86_400_000;

/// At which pace a film comes that takes its time.
const KBIT_S: u32 = 4_000;

/// How far the clocks of box and hub are apart at most, on a machine that is busy, in milliseconds.
const APART_MS: i64 = 3_000;

/// How much of a film nobody sees: enough that a line can break in the middle, in bytes.
const UNSEEN: u32 = 3_000_000;

/// What else comes down a line meanwhile, in bytes: handshakes, facts, signs of life.
const BESIDE: u64 = 200_000;

/// A box that prepares films, a hub, and the line between them.
struct Scene {
    hub: House,
    daemon: Daemon,
    api: Api,
    folder: TempDir,
    _home: Home,
}

impl Scene {
    async fn set(home: Home) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
        let state = folder.path().join("hub");
        fs::create_dir(&state).unwrap();
        let shared = Shared { program: this.to_owned(), state, store: home.name() };
        let mut hub = House::lay(shared, 1).await.unwrap();
        let setting = Setting {
            program: &Program::own(this).preparing_by(Path::new(env!("CARGO_BIN_EXE_films-prepared"))),
            folder: folder.path(),
            settings: SETTINGS,
            rehearsal: (STARTS.to_owned(), 1),
            has_lan: false,
            hub: Some(&hub.name()),
            log: &folder.path().join("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
        hub.add_node(&api).await.unwrap();
        hub.enrol(&daemon).await.unwrap();
        let scene = Self { hub, daemon, api, folder, _home: home };
        scene.until("the hub hears the box", |told| told["hub"]["mode"] == "events").await;
        scene
    }

    /// Waits until the box's status is as wanted.
    async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) {
        let told = async || self.api.get("status").await.ok().filter(|told| is(told));
        if soon(what, told).await.is_err() {
            let told = self.api.get("status").await;
            panic!("never told: {what}; the last was {told:#?}");
        }
    }

    /// Has the box start again and take its time over films; returns what counts since that start.
    async fn restart_at_pace(&mut self) -> Stopwatch {
        self.daemon.kill().unwrap();
        let config = self.folder.path().join("machiai.toml");
        let paced = format!("hub_kbit_s = {KBIT_S}\n{}", fs::read_to_string(&config).unwrap());
        write(&config, paced).unwrap();
        let watch = Stopwatch::start();
        self.daemon.run().await.unwrap();
        watch
    }

    async fn publisher(&self) -> (Publisher, Blobs) {
        self.hub.publisher(&self.api).await.unwrap()
    }

    fn place(&self, place: &str) -> PathBuf {
        self.daemon.state().join("content").join(place)
    }
}

/// Makes a film with a part that no player shows.
fn film(folder: &Path, clip: u8) -> PathBuf {
    let path = folder.join(format!("film{clip}.mp4"));
    Film { sounds: false, ..Film::of(clip, 60) }.write(&path).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&UNSEEN.to_be_bytes()).unwrap();
    file.write_all(b"free").unwrap();
    file.write_all(&vec![clip; UNSEEN as usize - 8]).unwrap();
    path
}

fn provided(content: ContentHash) -> Content {
    let title = "糖尿病のおはなし".to_owned();
    Content {
        content,
        kind: ContentKind::Provided,
        title,
        duration_ms: 2_000,
        advert: None,
        lease_until: None,
        scene: None,
    }
}

/// Makes a table of one film for a week that has begun, which can be approved for a day.
fn table(content: ContentHash) -> Table {
    let items = [json!({"item": "a", "content": content})];
    let slots = [json!({"slot": "day", "from": "0:00", "to": "24:00", "items": items})];
    let (to, deadline) = (MIDNIGHT + 7 * DAY, MIDNIGHT + DAY);
    let table =
        json!({"table": "week48", "revision": 1, "from": MIDNIGHT, "to": to, "deadline": deadline, "slots": slots});
    serde_json::from_value(table).unwrap()
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_from_the_hub_comes_over_a_line_that_breaks_and_is_fetched_once(#[case] home: Home) {
    let mut scene = Scene::set(home).await;
    let path = film(scene.folder.path(), 1);
    let size = fs::metadata(&path).unwrap().len();
    let (publisher, blobs) = scene.publisher().await;
    let content = blobs.put(&path).await.unwrap();

    // Line and box break in the middle.
    scene.hub.boxes.cut_after(size / 2);
    publisher.content(SiteId(SITE), &provided(content)).await.unwrap();
    publisher.table(SiteId(SITE), &table(content)).await.unwrap();
    soon("the line breaks", async || scene.hub.boxes.is_cut().then_some(())).await.unwrap();
    scene.until("the box lets the line be", |told| told["coming"]["content"] == Value::Null).await;
    scene.daemon.kill().unwrap();
    let part = scene.place("coming").join(format!("{content}.part"));
    let has = fs::metadata(part).unwrap().len();
    assert!(has > size / 4 && has < size, "{has} of {size} bytes came");
    assert_eq!(fs::read_dir(scene.place("originals")).unwrap().count(), 0);

    // It goes on where it was, and what came is prepared as any film.
    let came = scene.hub.boxes.came_bytes();
    scene.hub.boxes.mend();
    scene.daemon.run().await.unwrap();
    let is_there = |told: &Value| told["content"]["n_contents"] == 1 && told["coming"]["n_missing"] == 0;
    scene.until("the film comes", is_there).await;
    let more = scene.hub.boxes.came_bytes() - came;
    assert!(more < size - has + BESIDE, "{has} of {size} bytes were there, and {more} came");
    scene.until("the film is prepared", |told| told["content"]["n_waiting"] == 0).await;
    assert_eq!(fs::read(scene.place("originals").join(content.to_string())).unwrap(), fs::read(&path).unwrap());
    assert_eq!(fs::read_dir(scene.place("coming")).unwrap().count(), 0);

    // The clinic approves it, and the cloud sees it air.
    let approve = json!({"do": "approve", "table": "week48", "revision": 1, "replaced": []});
    let press = Press { device: "desk".to_owned(), path: "program".to_owned(), body: approve };
    assert!(scene.api.press(press, "approve".to_owned()).await.unwrap().is_done());
    let shown = scene.api.get("program").await.unwrap();
    assert_eq!(shown["on_air"]["content"], json!(content), "{shown}");
    soon("the cloud hears that it is approved", async || {
        let outlook = publisher.outlook(SiteId(SITE), AtMs(MIDNIGHT + DAY / 2)).await.unwrap();
        (outlook.tables[0].is_approved && outlook.on_air.what.content() == Some(content)).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_waits_while_somebody_consults_by_video() {
    let scene = Scene::set(Home::folder()).await;
    let path = film(scene.folder.path(), 3);
    let (publisher, blobs) = scene.publisher().await;
    let content = blobs.put(&path).await.unwrap();
    let call = |act: &str| {
        let body = json!({"reservation": "R1", "endpoint": "doctor-pc", "connection": "c1"});
        Press { device: "doctor-pc".to_owned(), path: format!("calls/{act}"), body }
    };
    let by_hand = json!({"reservation": "R1", "endpoint": "doctor-pc", "by_hand": true});
    let begin = Press { body: by_hand, ..call("connect") };
    assert!(scene.api.press(begin, "begin".to_owned()).await.unwrap().is_done());
    publisher.content(SiteId(SITE), &provided(content)).await.unwrap();
    publisher.table(SiteId(SITE), &table(content)).await.unwrap();
    scene.until("the film is missed", |told| told["coming"]["n_missing"] == 1).await;
    let came = scene.hub.boxes.came_bytes();
    // Longer than it takes to look for what is missing, several times.
    let watch = Stopwatch::start();
    let is_over = async || (watch.read() > Duration::from_secs(5)).then_some(());
    soon("a while goes by", is_over).await.unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert!(scene.hub.boxes.came_bytes() - came < size / 2, "the film comes beside the call");

    let end = Press { body: json!({"reservation": "R1", "endpoint": "doctor-pc"}), ..call("disconnect") };
    assert!(scene.api.press(end, "end".to_owned()).await.unwrap().is_done());
    scene.until("the film comes", |told| told["content"]["n_contents"] == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_that_is_under_way_stands_still_from_a_calls_beginning_to_its_end() {
    let mut scene = Scene::set(Home::folder()).await;
    scene.restart_at_pace().await;
    let path = film(scene.folder.path(), 4);
    let size = fs::metadata(&path).unwrap().len();
    let (publisher, blobs) = scene.publisher().await;
    let content = blobs.put(&path).await.unwrap();
    publisher.content(SiteId(SITE), &provided(content)).await.unwrap();
    publisher.table(SiteId(SITE), &table(content)).await.unwrap();
    scene.until("the film comes", |told| told["coming"]["n_bytes"].as_u64() > Some(size / 8)).await;

    let call = json!({"reservation": "R1", "endpoint": "doctor-pc", "connection": "c1"});
    let press = |act: &str| Press { device: "pc".to_owned(), path: format!("calls/{act}"), body: call.clone() };
    assert!(scene.api.press(press("connect"), "begin".to_owned()).await.unwrap().is_done());
    scene.until("the film is let be", |told| told["coming"]["content"] == Value::Null).await;
    let part = scene.place("coming").join(format!("{content}.part"));
    let has = fs::metadata(&part).unwrap().len();
    assert!(has < size, "it was there before the call");
    // At its pace a good part of it would come meanwhile.
    let watch = Stopwatch::start();
    let is_over = async || (watch.read() > Duration::from_secs(3)).then_some(());
    soon("a while goes by", is_over).await.unwrap();
    assert_eq!(fs::metadata(&part).unwrap().len(), has, "it went on beside the call");

    assert!(scene.api.press(press("disconnect"), "end".to_owned()).await.unwrap().is_done());
    scene.until("the rest comes", |told| told["content"]["n_contents"] == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_that_was_tampered_with_at_the_hub_is_thrown_away_and_told_and_comes_when_it_is_whole() {
    let mut scene = Scene::set(Home::folder()).await;
    let path = film(scene.folder.path(), 2);
    let (publisher, blobs) = scene.publisher().await;
    let content = blobs.put(&path).await.unwrap();
    let lies = scene.folder.path().join("hub/blobs").join(content.to_string());
    let mut blob = fs::OpenOptions::new().write(true).open(lies).unwrap();
    blob.seek(SeekFrom::End(-1)).unwrap();
    blob.write_all(b"!").unwrap();
    publisher.content(SiteId(SITE), &provided(content)).await.unwrap();
    publisher.table(SiteId(SITE), &table(content)).await.unwrap();

    let is_told = |told: &Value| told["coming"]["held_up"][content.to_string()] == "wrong_bytes";
    scene.until("the box says so", is_told).await;
    let told = scene.api.get("status").await.unwrap();
    assert_eq!(told["troubles"], json!(["content_wrong"]));
    assert!(scene.daemon.ask(&["status"]).await.unwrap().contains("was not the one that was sent for"));
    for place in ["originals", "prepared", "coming"] {
        assert_eq!(fs::read_dir(scene.place(place)).unwrap().count(), 0, "something lies in {place}");
    }

    // The same film again heals what lies at the hub; a box that starts asks at once, and at its pace.
    assert_eq!(blobs.put(&path).await.unwrap(), content);
    let watch = scene.restart_at_pace().await;
    scene.until("the film comes", |told| told["content"]["n_contents"] == 1 && told["troubles"] == json!([])).await;
    let least_ms = fs::metadata(&path).unwrap().len() * 8 / u64::from(KBIT_S) - 250;
    assert!(watch.read() >= Duration::from_millis(least_ms), "it came in {:?}", watch.read());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_and_hours_of_the_cloud_come_down_and_of_two_messages_the_later_stands_on_both_sides() {
    let scene = Scene::set(Home::folder()).await;
    let (publisher, _) = scene.publisher().await;
    scene.until("the hub knows the clinic", |told| told["hub"]["n_pending"] == 0).await;
    let mut hours = publisher.hours_of(SiteId(SITE)).await.unwrap();
    hours.sessions[0].name.ja = "朝".to_owned();
    publisher.hours(SiteId(SITE), hours.clone()).await.unwrap();
    hours.sessions.clear();
    let refused = publisher.hours(SiteId(SITE), hours).await;
    assert!(matches!(&refused, Err(PublishError::Refused(_))), "lines number by their sessions: {refused:?}");
    publisher.message(SiteId(SITE), "雲から").await.unwrap();
    let stands = async |expected: &str| {
        let is_so = async || (scene.api.get("desk").await.ok()?["message"] == *expected).then_some(());
        soon(expected, is_so).await.unwrap();
    };
    stands("雲から").await;
    let settings = scene.api.get("settings").await.unwrap();
    assert_eq!(settings["hours"]["sessions"][0]["name"]["ja"], "朝", "{settings}");

    // The cloud speaks while the clinic is out of reach, and the clinic speaks after it.
    scene.hub.boxes.cut();
    publisher.message(SiteId(SITE), "雲からもう一度").await.unwrap();
    let later_ms = scene.api.status().await.unwrap().now_ms + APART_MS;
    scene.until("the clinic's clock is past the cloud's", |told| told["now_ms"].as_i64() > Some(later_ms)).await;
    let press = Press { device: "desk".to_owned(), path: "message".to_owned(), body: json!({"text": "窓口から"}) };
    assert!(scene.api.press(press, "message".to_owned()).await.unwrap().is_done());
    scene.hub.boxes.mend();
    let phone = Phone::new(scene.hub.patients.address()).unwrap();
    let shown = async || phone.page(&format!("/api/v1/sites/{SITE}")).await.ok()?.contains("窓口から").then_some(());
    soon("the clinic's message comes to the cloud", shown).await.unwrap();
    let all_came = async || (n_from_cloud(&scene).await >= 2).then_some(());
    soon("the cloud's message comes to the clinic", all_came).await.unwrap();
    stands("窓口から").await;
}

/// Counts the messages of the cloud among the facts of the clinic.
async fn n_from_cloud(scene: &Scene) -> usize {
    let exported = scene.daemon.ask(&["journal", "export"]).await.unwrap();
    exported.lines().filter(|line| line.contains("MessageSet") && line.contains("雲から")).count()
}

/// Asks for content as a box.
async fn ask(own: &Box, (site, named): (u32, &str), headers: &[(&str, &str)]) -> reqwest::Response {
    let address = format!("{}/v1/sites/{site}/content/{named}", own.config.hub.as_ref().unwrap());
    let asked = headers.iter().fold(own.client().get(address), |asked, (name, value)| asked.header(*name, *value));
    asked.send().await.unwrap()
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_is_its_sites_alone_and_is_given_from_any_byte_on(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let (own, other) = (cloud.enrol(1001, Replaces::Nothing).await, cloud.enrol(1002, Replaces::Nothing).await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film");
    fs::File::create(&path).unwrap().write_all(b"0123456789").unwrap();
    let content = cloud.blobs.put(&path).await.unwrap();
    let named = content.to_string();
    assert_eq!(ask(&own, (1001, &named), &[]).await.status(), 404, "nobody has told the site of it");
    let clock = Clock::new(machiai_core::ids::BootId::from_bytes([1; 16]), reading());
    let publisher = Publisher::new(cloud.store.clone(), clock).await.unwrap();
    publisher.content(SiteId(1001), &provided(content)).await.unwrap();

    let whole = ask(&own, (1001, &named), &[]).await;
    let tag = whole.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!((whole.status().as_u16(), tag.as_str()), (200, format!("\"{named}\"").as_str()));
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.unwrap(), "0123456789");
    for (range, status, expected, is) in [
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=10-", 416, "", "bytes */10"),
    ] {
        let part = ask(&own, (1001, &named), &[(RANGE.as_str(), range), (IF_RANGE.as_str(), &tag)]).await;
        assert_eq!((part.status().as_u16(), part.headers()[CONTENT_RANGE].to_str().unwrap()), (status, is), "{range}");
        assert_eq!(part.bytes().await.unwrap(), expected);
    }
    let others = ask(&own, (1001, &named), &[(RANGE.as_str(), "bytes=7-"), (IF_RANGE.as_str(), "\"else\"")]).await;
    assert_eq!((others.status().as_u16(), others.bytes().await.unwrap().len()), (200, 10));

    assert_eq!(ask(&other, (1002, &named), &[]).await.status(), 404, "another clinic's content");
    assert_eq!(ask(&other, (1001, &named), &[]).await.status(), 403, "in another clinic's name");
    let tricks = ["..%2Fhub.db", "%2e%2e%2f%2e%2e%2fhub-ca.key", "..%5C..", &named.to_uppercase(), "%00", "*"];
    for trick in tricks.into_iter().chain([format!("{named}%2f..").as_str(), format!("{named}.part").as_str()]) {
        let refused = ask(&own, (1001, trick), &[]).await;
        let status = refused.status().as_u16();
        assert!((400..500).contains(&status), "{trick}: {status}");
        let said = refused.text().await.unwrap();
        assert!(!said.contains('/') && said.len() < 200, "{trick}: {said}");
    }
    publisher.withdraw(SiteId(1001), content).await.unwrap();
    assert_eq!(ask(&own, (1001, &named), &[]).await.status(), 404, "it was withdrawn");
    cloud.stop().await;
}
