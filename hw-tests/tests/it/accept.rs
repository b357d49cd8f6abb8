//! The acceptance of a site: every scene on emulators with a person who looks at them, and the report that comes of it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::Result;
use machiai::devices::protocol::{Key, Picture, Protocol};
use machiai::devices::typed::events_of;
use machiai_core::ids::SiteId;
use machiai_core::support::commission::{Came, Report, Scene};
use machiai_core::time::AtMs;
use machiai_hub::support::key::SigningKey;
use machiai_hw_tests::accept::person::Person;
use machiai_hw_tests::accept::report::{Signed, is_accepted, signed};
use machiai_hw_tests::accept::{OnLine, SCENES, Site, line_of, walk};
use machiai_hw_tests::demo::api::Api;
use machiai_hw_tests::demo::daemon::{Daemon, Program, Setting, write};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::printer::{Emulator, Line, Setup};
use machiai_hw_tests::serial::{Plugged, Socket};
use machiai_panel::Layout;
use machiai_panel::link::{Decoding, FromScreen, line};
use rstest::rstest;
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

/// How long an emulated device may take to be told something.
const WITHIN: Duration = Duration::from_secs(20);

/// Who did not do or see what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum But {
    /// Everything was done and seen.
    Nothing,
    /// Whatever is asked by this word is answered no.
    SaysNo(&'static str),
    /// The wrong button is pressed.
    PressesAnother,
}

/// Somebody who stands before emulated devices: does what is asked, and says yes only to what the emulators show.
struct Hands {
    but: But,
    printer: Emulator,
    n_papers: usize,
    box_at: Socket,
    in_box: Option<Plugged>,
    display_at: Socket,
    in_display: Option<Plugged>,
    reader: Plugged,
    keypad: File,
    presses: u8,
    told: Vec<String>,
}

impl Hands {
    fn before(folder: &Path, but: But) -> Self {
        let [box_at, display_at, reader_at] = ["box", "display", "reader"].map(|name| Socket::new(folder, name));
        let keypad = folder.join("keypad");
        mkfifoat(CWD, &keypad, Mode::RUSR | Mode::WUSR).unwrap();
        Self {
            but,
            printer: Emulator::start(Setup::new(Line::Tcp, 576)).unwrap(),
            n_papers: 0,
            in_box: Some(box_at.plug().unwrap()),
            box_at,
            in_display: Some(display_at.plug().unwrap()),
            display_at,
            reader: reader_at.plug().unwrap(),
            keypad: OpenOptions::new().read(true).write(true).open(keypad).unwrap(),
            presses: b'0',
            told: Vec::new(),
        }
    }

    fn site(&self, folder: &Path) -> Site {
        let on = |name: &str, protocol: &str| {
            Some(format!("{}={protocol}", folder.join(name).display()).parse::<OnLine>().unwrap())
        };
        Site {
            printer: Some(self.printer.address().replace("tcp:", "tcp://")),
            profile: "epson-80".to_owned(),
            serial: on("box", "framed-box"),
            display: on("display", "four-digits"),
            reader: on("reader", "text-reader"),
            keypad: Some(folder.join("keypad")),
            screen: Some("monitor1".to_owned()),
        }
    }

    fn press(&mut self, key: &str) {
        let protocol = Protocol::named("framed-box").unwrap();
        let key = [Key::Next, Key::Again, Key::Absent, Key::Enter, Key::Finish, Key::Undo]
            .into_iter()
            .find(|known| key.contains(&format!("{:?}", known.as_str())))
            .unwrap();
        let key = if self.but == But::PressesAnother { Key::Undo } else { key };
        self.presses += 1;
        let word = protocol.buttons.as_ref().unwrap().word(key, self.presses).unwrap();
        self.in_box.as_mut().unwrap().say(&protocol.frame.around(&word)).unwrap();
    }

    fn shows(&self, picture: &Picture) -> bool {
        let bytes = Protocol::named("four-digits").unwrap().shown(picture).unwrap();
        self.in_display.as_ref().unwrap().wait(WITHIN, |heard| heard.ends_with(&bytes)).is_some()
    }
}

impl Person for Hands {
    fn tell(&mut self, what: &str) -> Result<()> {
        self.told.push(what.to_owned());
        Ok(())
    }

    fn confirms(&mut self, question: &str) -> bool {
        if let But::SaysNo(to) = self.but
            && question.contains(to)
        {
            return false;
        }
        match question {
            _ if question.contains("black bars") => {
                self.n_papers += 1;
                let papers = self.printer.wait_for_papers(self.n_papers, WITHIN).unwrap();
                papers.len() == self.n_papers && papers.last().unwrap().garbage == 0
            }
            _ if question.contains("taken (a lamp") => self.in_box.as_ref().unwrap().heard() == [0x06; 6],
            _ if question.contains("88, not") => self.shows(&Picture::Steady("88".to_owned())),
            _ if question.contains("12, blinking") => self.shows(&Picture::Blinking("12".to_owned())),
            _ if question.contains("34, not") => self.shows(&Picture::Steady("34".to_owned())),
            _ if question.contains("show nothing") => self.shows(&Picture::Blank),
            _ if question.contains("code says") => question.contains("\"B001\""),
            _ if question.contains("monitor1") => true,
            _ => panic!("nobody knows how to answer {question}"),
        }
    }

    fn please(&mut self, what: &str) {
        match what {
            _ if what.contains("Press the button") => self.press(what),
            _ if what.contains("take the roll") => self.printer.turn(|knobs| knobs.paper_out = true),
            _ if what.contains("Put the paper in") => self.printer.turn(|knobs| knobs.paper_out = false),
            _ if what.contains("Pull the box") => self.in_box = None,
            _ if what.contains("Plug the box") => self.in_box = Some(self.box_at.plug().unwrap()),
            _ if what.contains("Pull the display") => self.in_display = None,
            _ if what.contains("Plug the display") => self.in_display = Some(self.display_at.plug().unwrap()),
            _ if what.contains("before the reader") => self.reader.say(b"B001\r").unwrap(),
            _ if what.contains("Type 12") => self.keypad.write_all(&events_of("12")).unwrap(),
            _ => panic!("nobody knows how to do {what}"),
        }
    }
}

/// A box whose configuration names whose key counts.
struct Clinic {
    folder: TempDir,
    daemon: Daemon,
    api: Api,
    key: PathBuf,
}

impl Clinic {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let key = folder.path().join("installer.pem");
        let public = SigningKey::draw(&key).unwrap().public();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        let operators = format!("[[support.operators]]\nname = \"山田\"\nkey = \"{public}\"\n");
        write(&folder.path().join("conf.d/support.toml"), operators).unwrap();
        let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
        let setting = Setting {
            program: &program,
            folder: folder.path(),
            settings: include_str!("../../data/devices/settings.toml"),
            rehearsal: ("2026-11-24T09:10:00+09:00".to_owned(), 1),
            has_lan: false,
            hub: None,
            log: &folder.path().join("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
        Self { folder, api, daemon, key }
    }

    /// Says hello as a monitor does, and stays.
    async fn monitor(&self) -> UnixStream {
        let mut screen = UnixStream::connect(self.daemon.state().join("screen.sock")).unwrap();
        let monitor = "monitor1".to_owned();
        let hello = FromScreen::Hello { monitor, layout: Layout::Landscape, decoding: Decoding::Software };
        screen.write_all(&line(&hello)).unwrap();
        while self.api.get("status").await.unwrap()["screens"].get("monitor1").is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        screen
    }
}

fn failed(scenes: &[Scene]) -> Vec<&str> {
    scenes.iter().filter(|scene| scene.came == Came::Failed).map(|scene| scene.scene.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scene_passes_on_emulators_and_its_signed_report_is_a_fact() {
    let clinic = Clinic::start().await;
    let _monitor = clinic.monitor().await;
    let mut hands = Hands::before(clinic.folder.path(), But::Nothing);
    let site = hands.site(clinic.folder.path());
    let scenes = walk(&site, Some(&clinic.api), &mut hands).await.unwrap();
    assert!(scenes.iter().all(|scene| scene.came == Came::Passed), "{scenes:#?}");
    assert_eq!(scenes.iter().map(|scene| scene.scene.as_str()).collect::<Vec<_>>(), SCENES);

    let key = SigningKey::read(&clinic.key).unwrap();
    let report = signed(SiteId(1001), (AtMs(1), AtMs(2)), scenes, &key).unwrap();
    for _ in 0..2 {
        // Handed over twice, it is taken in once.
        report.hand_over(&clinic.api).await.unwrap();
    }
    let told = clinic.api.get("status").await.unwrap()["accepted"].clone();
    assert_eq!((&told["operator"], &told["n_passed"]), (&"山田".into(), &SCENES.len().into()), "{told}");
    let facts = clinic.daemon.ask(&["journal", "export"]).await.unwrap();
    assert_eq!(facts.matches("\"kind\":\"Commissioned\"").count(), 1);
}

#[rstest]
#[case::no_page(But::SaysNo("black bars"), &["ticket_is_printed"])]
#[case::dark_display(But::SaysNo("88"), &["display_shows_numbers"])]
#[case::wrong_code(But::SaysNo("code says"), &["code_is_read"])]
#[case::another_button(But::PressesAnother, &["buttons_are_heard"])]
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_saw_fails_and_the_site_is_not_accepted(#[case] but: But, #[case] expected: &[&str]) {
    let folder = TempDir::new().unwrap();
    let mut hands = Hands::before(folder.path(), but);
    let site = Site { screen: None, ..hands.site(folder.path()) };
    let scenes = walk(&site, None, &mut hands).await.unwrap();
    assert_eq!(failed(&scenes), expected, "{scenes:#?}");
    assert!(!is_accepted(&scenes));
    assert!(hands.told.iter().any(|told| told.starts_with("skipped monitor_shows_the_board")), "{:?}", hands.told);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_real_devices_is_skipped_by_name() {
    struct Nobody;
    impl Person for Nobody {
        fn tell(&mut self, _: &str) -> Result<()> {
            Ok(())
        }
        fn confirms(&mut self, question: &str) -> bool {
            panic!("{question}")
        }
        fn please(&mut self, what: &str) {
            panic!("{what}")
        }
    }
    let scenes = walk(&Site::default(), None, &mut Nobody).await.unwrap();
    for scene in &scenes {
        println!("on real devices: {}", line_of(scene));
    }
    assert_eq!(scenes.iter().map(|scene| scene.scene.as_str()).collect::<Vec<_>>(), SCENES);
    assert!(scenes.iter().all(|scene| scene.came == Came::Skipped), "{scenes:?}");
    assert!(!is_accepted(&scenes), "a site of which nothing was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_forged_changed_of_another_site_or_failed_is_refused_and_no_fact() {
    let clinic = Clinic::start().await;
    let own = SigningKey::read(&clinic.key).unwrap();
    let other = SigningKey::draw(&clinic.folder.path().join("other.pem")).unwrap();
    let scene = |came| Scene { scene: "ticket_is_printed".to_owned(), device: String::new(), came, why: String::new() };
    let report =
        |site, came, key: &SigningKey| signed(SiteId(site), (AtMs(1), AtMs(2)), vec![scene(came)], key).unwrap();
    let good = report(1001, Came::Passed, &own);
    let changed = Signed { report: good.report.replace("passed", "skipped"), ..good.clone() };
    let refused = [
        (report(1001, Came::Passed, &other), "nobodys_signature"),
        (changed, "nobodys_signature"),
        (Signed { signature: "AAAA".to_owned(), ..good.clone() }, "nobodys_signature"),
        (report(1002, Came::Passed, &own), "bad_value"),
        (report(1001, Came::Failed, &own), "bad_value"),
        (report(1001, Came::Skipped, &own), "bad_value"),
    ];
    let n_commissioned = async || {
        let facts = clinic.daemon.ask(&["journal", "export"]).await.unwrap();
        facts.matches("\"kind\":\"Commissioned\"").count()
    };
    for (report, code) in refused {
        let told = report.hand_over(&clinic.api).await.unwrap_err().to_string();
        assert!(told.contains(code), "{told} in place of {code}");
    }
    assert_eq!(n_commissioned().await, 0);
    good.hand_over(&clinic.api).await.unwrap();
    assert_eq!(n_commissioned().await, 1);
}

/// Runs the program with what is typed on its standard input.
fn run(folder: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-hw-tests"));
    let (key, out) = (folder.join("installer.pem"), folder.join("report.json"));
    command.args(["run", "--site", "1001", "--key"]).arg(key).arg("--out").arg(out).args(arguments);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A program that refuses its arguments reads nothing.
    drop(child.stdin.take().unwrap().write_all(typed.as_bytes()));
    child.wait_with_output().unwrap()
}

#[test]
fn the_program_hears_confirmations_on_its_standard_input_and_nowhere_else() {
    let folder = TempDir::new().unwrap();
    SigningKey::draw(&folder.path().join("installer.pem")).unwrap();
    let socket = Socket::new(folder.path(), "display");
    let display = socket.plug().unwrap();
    let named = format!("{}=four-digits", socket.path().display());
    let printer = Emulator::start(Setup::new(Line::Tcp, 576)).unwrap();
    let report = || {
        let kept: Signed = serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
        serde_json::from_str::<Report>(&kept.report).unwrap()
    };

    let refused = run(folder.path(), &["--display", &named, "--assume", "yes"], "yes\nyes\nyes\n");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--assume"));
    assert!(!folder.path().join("report.json").exists());

    // Nobody answers: what was printed is no proof.
    let silent = run(folder.path(), &["--printer", printer.address()], "");
    assert!(!silent.status.success());
    assert_eq!(failed(&report().scenes)[0], "ticket_is_printed");
    assert!(String::from_utf8_lossy(&silent.stdout).contains("NOT ACCEPTED"));
    printer.wait_for_papers(1, WITHIN).unwrap();

    // Somebody pulls the display's cable when it shows 12, and plugs it in again.
    let unplugged = std::thread::spawn(move || {
        let twelve = Protocol::named("four-digits").unwrap().shown(&Picture::Steady("12".to_owned())).unwrap();
        assert!(display.wait(WITHIN, |heard| heard.ends_with(&twelve)).is_some());
        drop(display);
        socket.plug().unwrap()
    });
    let done = run(folder.path(), &["--display", &named], "yes\nyes\nyes\nyes\n");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stderr));
    drop(unplugged.join().unwrap());
    let came = |name: &str| report().scenes.iter().find(|scene| scene.scene == name).unwrap().came;
    assert_eq!(came("display_shows_numbers"), Came::Passed);
    assert_eq!(came("display_comes_back"), Came::Passed);
    assert_eq!(came("buttons_are_heard"), Came::Skipped);
    assert!(told.contains("skipped buttons_are_heard") && told.contains("the report is in the file alone"), "{told}");
}
