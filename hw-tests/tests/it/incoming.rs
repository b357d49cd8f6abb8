//! What the clinic brings, through a whole daemon with the real preparing process: it airs, or comes back with the reason.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai::link::on_this_machine;
use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, Setting};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::films::{Film, Odd, jpeg_size};
use machiai_panel::link::{Decoding, FromScreen, Item, ToScreen, line, read};
use machiai_panel::{FontPaths, Layout, Panel};
use serde_json::{Value, json};
use tempfile::TempDir;

const SETTINGS: &str =
    "[site]\nname = { ja = \"さくら台クリニック\" }\n[[lines]]\nline = 1\nname = { ja = \"内科\" }\n";

/// How long films may take to be prepared.
const PREPARED_WITHIN: Duration = Duration::from_secs(100);

/// How long the screen may wait for its cue.
const CUED_WITHIN: Duration = Duration::from_secs(20);

/// 2026-11-24T00:00:00+09:00, and a day, in milliseconds.
const MIDNIGHT: i64 = 1_795_446_000_000;
const DAY: i64 = 86_400_000;

/// A clinic's box, on an ordinary Tuesday at 9:10.
struct Clinic {
    folder: TempDir,
    program: Program,
}

impl Clinic {
    fn new(program: Program) -> Self {
        let clinic = Self { folder: TempDir::new().unwrap(), program };
        fs::create_dir_all(clinic.incoming()).unwrap();
        clinic
    }

    /// A box whose films are prepared by this package's own program.
    fn preparing() -> Self {
        Self::new(own().preparing_by(Path::new(env!("CARGO_BIN_EXE_films-prepared"))))
    }

    async fn start(&self) -> Daemon {
        let setting = Setting {
            program: &self.program,
            folder: self.folder.path(),
            settings: SETTINGS,
            rehearsal: ("2026-11-24T09:10:00+09:00".to_owned(), 1),
            has_lan: false,
            hub: None,
            log: &self.folder.path().join("machiai.log"),
        };
        Daemon::start(&setting).await.unwrap()
    }

    fn content(&self) -> PathBuf {
        self.folder.path().join("state").join("content")
    }

    fn incoming(&self) -> PathBuf {
        self.content().join("incoming")
    }

    /// Makes a film beside the box and returns its bytes.
    fn film(&self, clip: u8, n_frames: u16) -> Vec<u8> {
        let path = self.folder.path().join("made.mp4");
        Film { sounds: false, ..Film::of(clip, n_frames) }.write(&path).unwrap();
        fs::read(&path).unwrap()
    }

    /// Brings a file as a stick does.
    fn bring(&self, name: &str, bytes: &[u8]) {
        fs::File::create(self.incoming().join(name)).unwrap().write_all(bytes).unwrap();
    }
}

fn own() -> Program {
    Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")))
}

/// Asks the box until what it tells of its content is as wanted, and returns it.
async fn until(daemon: &Daemon, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
    let mut told = Value::Null;
    let looked = tokio::time::timeout(PREPARED_WITHIN, async {
        let mut look = tokio::time::interval(Duration::from_millis(100));
        while !is(&told) {
            look.tick().await;
            told = api.get("status").await.unwrap()["content"].clone();
        }
    });
    let is_seen = looked.await.is_ok();
    assert!(is_seen, "never told: {what}; the last was {told}");
    told
}

async fn press(daemon: &Daemon, path: &str, body: Value) {
    let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
    let press = Press { device: format!("scene/{path}"), path: path.to_owned(), body };
    let answered = api.press(press, path.replace('/', "-")).await.unwrap();
    assert_eq!(answered.code(), None, "{}", answered.answer);
}

/// Has a film air all week.
async fn air(daemon: &Daemon, hash: &str) {
    let items = [json!({"item": "a", "content": hash})];
    let table = json!({"table": "week48", "revision": 1, "from": MIDNIGHT, "to": MIDNIGHT + 7 * DAY,
        "deadline": MIDNIGHT + DAY, "slots": [{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]});
    press(daemon, "program/tables", table).await;
}

/// Returns the bodies of the facts of a kind.
async fn facts(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let exported = daemon.ask(&["journal", "export"]).await.unwrap();
    let facts = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    facts.filter(|fact| fact["kind"] == kind).map(|fact| fact["body"].clone()).collect()
}

/// Lists the names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Says hello as a monitor does, and returns the file of the first cue; the item is said to have begun.
fn first_cue(socket: &Path) -> PathBuf {
    first_cue_of(socket, ("monitor1", Layout::Landscape))
}

fn first_cue_of(socket: &Path, (monitor, layout): (&str, Layout)) -> PathBuf {
    let mut screen = UnixStream::connect(socket).unwrap();
    screen.set_read_timeout(Some(CUED_WITHIN)).unwrap();
    let hello = FromScreen::Hello { monitor: monitor.to_owned(), layout, decoding: Decoding::Software };
    screen.write_all(&line(&hello)).unwrap();
    let mut lines = BufReader::new(screen.try_clone().unwrap());
    loop {
        let mut bytes = Vec::new();
        assert!(lines.read_until(b'\n', &mut bytes).unwrap() > 0, "the daemon hung up");
        if let ToScreen::Cue { id, item: Item::File { file, .. } } = read(&bytes).unwrap() {
            screen.write_all(&line(&FromScreen::Begun { id })).unwrap();
            return file;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_that_the_clinic_brings_airs_as_it_was_prepared_and_a_broken_one_comes_back_with_the_reason() {
    let clinic = Clinic::preparing();
    let daemon = clinic.start().await;
    let (good, other) = (clinic.film(1, 60), clinic.film(2, 30));
    let broken = &other[..other.len() / 2];
    clinic.bring("院内のご案内.mp4", &good);
    clinic.bring("again.mp4", &good);
    clinic.bring("broken.mp4", broken);
    clinic.bring("letter.mp4", b"A letter to the clinic.");
    let is_done = |told: &Value| {
        told["n_contents"] == 1 && told["n_waiting"] == 0 && told["refused"].as_array().is_some_and(|it| it.len() == 2)
    };
    let told = until(&daemon, "one film and two refused", is_done).await;

    assert_eq!(told["can_prepare"], true);
    assert!(told["size_bytes"].as_u64().unwrap() > good.len() as u64, "{told}");
    assert!(told["quota_bytes"].as_u64().unwrap() > 1 << 30, "{told}");
    let refused = |name: &str| told["refused"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(refused("broken.mp4")["code"], "film-damaged");
    assert_eq!(refused("broken.mp4")["content"], hash_of(broken));
    assert_eq!(refused("letter.mp4")["code"], "film-not_a_film");
    assert!(refused("letter.mp4")["ja"].as_str().unwrap().starts_with("動画や画像のファイルではありません"), "{told}");
    assert!(refused("letter.mp4")["en"].as_str().unwrap().starts_with("It is neither a film"), "{told}");
    assert_eq!(names(&clinic.incoming().join("processed")), ["again.mp4", "院内のご案内.mp4"]);
    assert_eq!(
        names(&clinic.incoming().join("error")),
        ["broken.mp4", "broken.mp4.txt", "letter.mp4", "letter.mp4.txt"]
    );

    let hash = hash_of(&good);
    let set = facts(&daemon, "ContentSet").await;
    // Two files of the same bytes are one piece of content, under the name of the one that was taken in first.
    assert_eq!(set, [json!({"content": hash, "kind": "own", "title": "again", "duration_ms": 2_000})]);
    assert_eq!(facts(&daemon, "ContentPrepared").await, [json!({"content": hash})]);
    let quarantined = json!({"content": hash_of(broken), "trouble": "undecodable"});
    assert_eq!(facts(&daemon, "ContentQuarantined").await, [quarantined]);

    let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
    assert_eq!(api.get("program").await.unwrap()["pictures"], json!([hash]));
    assert_eq!(api.get("status").await.unwrap()["program"], json!(["file_refused", "file_refused"]));
    let client = on_this_machine().unwrap().build().unwrap();
    let picture =
        |hash: &str| client.get(format!("{}/api/v1/program/contents/{hash}/picture", daemon.address())).send();
    let shown = picture(&hash).await.unwrap();
    assert_eq!((shown.status().as_u16(), shown.headers()["content-type"].as_bytes()), (200, b"image/jpeg".as_slice()));
    assert!(shown.bytes().await.unwrap().starts_with(&[0xFF, 0xD8]));
    assert_eq!(picture(&hash_of(broken)).await.unwrap().status(), 404);

    air(&daemon, &hash).await;
    let file = first_cue(&daemon.state().join("screen.sock"));
    assert_eq!(file, clinic.content().join(format!("prepared/{hash}-1280x720")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_dies_while_it_prepares_a_film_prepares_it_once_more_and_tells_of_it_once() {
    let clinic = Clinic::preparing();
    let daemon = clinic.start().await;
    let film = clinic.film(3, 300);
    clinic.bring("long.mp4", &film);
    let aside = clinic.content().join("prepared/.aside");
    let has_begun = || fs::metadata(&aside).is_ok_and(|meta| meta.len() > 0);
    until(&daemon, "a film that is being prepared", |_| has_begun()).await;
    // Dropped, a daemon is killed.
    drop(daemon);
    assert!(aside.exists(), "the film was prepared before the box died");

    let daemon = clinic.start().await;
    until(&daemon, "the film", |told| told["n_contents"] == 1 && told["n_waiting"] == 0).await;
    let hash = hash_of(&film);
    assert_eq!(names(&clinic.content().join("prepared")), [format!("{hash}-1280x720")]);
    assert_eq!(names(&clinic.content().join("originals")), std::slice::from_ref(&hash));
    assert_eq!(names(&clinic.incoming().join("processed")), ["long.mp4"]);
    let set = json!({"content": hash, "kind": "own", "title": "long", "duration_ms": 10_000});
    assert_eq!(facts(&daemon, "ContentSet").await, [set]);
    assert_eq!(facts(&daemon, "ContentPrepared").await, [json!({"content": hash})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_prepared_for_each_way_in_which_a_monitor_hangs_and_for_no_other() {
    let clinic = Clinic::preparing();
    let daemon = clinic.start().await;
    let film = clinic.film(5, 60);
    let hash = hash_of(&film);
    let prepared = |region: &str| clinic.content().join(format!("prepared/{hash}-{region}"));
    clinic.bring("film.mp4", &film);
    let told = until(&daemon, "the film", |told| told["n_contents"] == 1 && told["n_waiting"] == 0).await;
    let size_bytes = told["size_bytes"].as_u64();
    assert!(prepared("1280x720").exists() && !prepared("1080x608").exists());
    air(&daemon, &hash).await;

    // An upright monitor comes: until the film is prepared for it, it plays as it came.
    let socket = daemon.state().join("screen.sock");
    let upright = ("monitor2", Layout::Portrait);
    assert_eq!(first_cue_of(&socket, upright), clinic.content().join("originals").join(&hash));
    // What is told of the store's size changes with what can be played.
    until(&daemon, "the film again", |told| told["size_bytes"].as_u64() > size_bytes).await;
    assert_eq!(first_cue_of(&socket, upright), prepared("1080x608"));
    assert_eq!(first_cue(&socket), prepared("1280x720"));

    // After a restart it is known before any monitor has come.
    drop(daemon);
    let other = clinic.film(6, 30);
    clinic.bring("other.mp4", &other);
    let daemon = clinic.start().await;
    until(&daemon, "both", |told| told["n_contents"] == 2 && told["n_waiting"] == 0).await;
    let of_other = ["1080x608", "1280x720"].map(|region| format!("{}-{region}", hash_of(&other)));
    let all = names(&clinic.content().join("prepared"));
    assert!(of_other.iter().all(|name| all.contains(name)), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_the_clinic_brings_is_the_photo_of_a_notice() {
    let clinic = Clinic::preparing();
    let daemon = clinic.start().await;
    let path = clinic.folder.path().join("photo.jpg");
    Odd::Jpeg.write(&path).unwrap();
    let photo = fs::read(&path).unwrap();
    clinic.bring("院長.jpg", &photo);
    until(&daemon, "the photo", |told| told["n_contents"] == 1 && told["n_waiting"] == 0).await;

    // 2,400 × 1,600 pixels, as it came: without borders, and no longer than 640.
    let client = on_this_machine().unwrap().build().unwrap();
    let at = |content: &str| format!("{}/api/v1/program/contents/{content}/picture", daemon.address());
    let small = client.get(at(&hash_of(&photo))).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(jpeg_size(&small), Some((640, 427)));

    let text = json!({"ja": "4月から内科を担当します。"});
    let headline = json!({"ja": "新しい医師です", "en": "Our new doctor"});
    let scene = |photo: &str| json!({"template": "notice", "headline": headline, "text": text, "photo": photo});
    let keep =
        |photo: &str| json!({"do": "keep_notice", "title": "医師", "duration_ms": 15_000, "scene": scene(photo)});
    let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
    let ask = async |nth: u8, body: Value| {
        let press = Press { device: "desk".to_owned(), path: "program".to_owned(), body };
        api.press(press, format!("notice-{nth}")).await.unwrap()
    };
    let refused = ask(1, keep(&hash_of(b"nobody brought it"))).await;
    assert_eq!((refused.code(), &refused.answer["values"]["field"]), (Some("bad_value"), &json!("photo")));
    assert_eq!(ask(2, keep(&hash_of(&photo))).await.code(), None);

    let set = facts(&daemon, "ContentSet").await;
    let notice = set.iter().find(|set| set["kind"] == "notice").unwrap();
    assert_eq!(notice["scene"]["photo"], hash_of(&photo));
    let drawn = client.get(at(notice["content"].as_str().unwrap())).send().await.unwrap().text().await.unwrap();
    let (panel, _) = Panel::open(&FontPaths::debian(), None).unwrap();
    let pixels = panel.pixels(&drawn, 1280, 720).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("screen/photo");
    fs::create_dir_all(&folder).unwrap();
    fs::File::create(folder.join("notice.png")).unwrap().write_all(&pixels.png().unwrap()).unwrap();
    // The test picture's colours are on the right, where paper is on a notice without a photo.
    let is_paper = |x: usize| pixels.rgba[(400 * 1280 + x) * 4..][..3].iter().all(|part| *part > 225);
    assert!((850..1210).filter(|x| is_paper(*x)).count() < 60, "no photo is seen");
    assert!((1240..1280).all(is_paper), "it is not within the margin");
    chosen_on_the_page(&daemon, &folder).await;
    let set = facts(&daemon, "ContentSet").await;
    let written = set.iter().find(|set| set["title"] == "夏休みのお知らせ").unwrap();
    assert_eq!(written["scene"]["photo"], hash_of(&photo));
}

/// Has somebody write a notice on the page with the photo that was brought, which the preview shows.
async fn chosen_on_the_page(daemon: &Daemon, pictures: &Path) {
    let browser = Browser::start().await.unwrap();
    browser.size(1280, 800).await.unwrap();
    browser.open(&format!("{}/desk/program?lang=ja", daemon.address())).await.unwrap();
    browser.until("!!document.querySelector('#write')?.offsetHeight").await.unwrap();
    browser.press("#write").await.unwrap();
    for (field, text) in [("headline_ja", "夏休みのお知らせ"), ("ja", "8月13日から16日まで休診いたします。")]
    {
        browser.write(&format!("#saying [name={field}]"), text).await.unwrap();
    }
    let preview = "document.querySelector('#preview img')";
    let shows = |photo: bool| {
        format!(
            "!{preview}.hidden && {preview}.naturalWidth > 0 && {preview}.src.includes('data-part%3D%22photo') === {photo}"
        )
    };
    browser.until(&shows(false)).await.unwrap();
    let choose = "const at = document.querySelector('#saying [name=photo]');\
        at.value = [...at.options].find((option) => option.textContent.includes('院長')).value;\
        at.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.run(choose).await.unwrap();
    browser.until(&shows(true)).await.unwrap();
    browser.picture(&pictures.join("page.png")).await.unwrap();
    browser.press("#saying .go").await.unwrap();
    browser.until("document.querySelector('#airing[open] h2').textContent === '夏休みのお知らせ'").await.unwrap();
    assert_eq!(browser.complaints().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_without_the_preparing_program_airs_films_as_they_came_and_says_so() {
    let clinic = Clinic::new(own());
    let daemon = clinic.start().await;
    let film = clinic.film(4, 30);
    let hash = hash_of(&film);
    let original = clinic.content().join("originals").join(&hash);
    fs::File::create(&original).unwrap().write_all(&film).unwrap();
    press(
        &daemon,
        "program/contents",
        json!({"content": hash, "kind": "substitute", "title": "sea", "duration_ms": 1_000}),
    )
    .await;
    let told = until(&daemon, "the original", |told| told["n_contents"] == 1).await;
    assert_eq!((&told["can_prepare"], &told["n_waiting"]), (&json!(false), &json!(1)));
    assert_eq!(first_cue(&daemon.state().join("screen.sock")), original);
}
