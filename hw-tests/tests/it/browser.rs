//! The pages in a real Chromium: what patients and staff press, and what they see then.
//!
//! Each scene has a daemon, a printer and a browser of its own. Pictures are left under `target/browser`.

mod access;
mod axe;
mod beside;
mod board;
mod calls;
mod day;
mod desk;
mod files;
mod kiosk;
mod lan;
mod manager;
mod morning;
mod odd;
mod program;
mod rehearsal;
mod report;
mod stale;

use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai_hw_tests::browser::{Browser, Window};
use machiai_hw_tests::demo::api::Press;
use machiai_hw_tests::demo::daemon::{Program, SITE};
use machiai_hw_tests::demo::progress::out;
use machiai_hw_tests::demo::stage::{Clinic, Stage, Wanted};
use serde_json::{Value, json};

/// How long a ticket may take to come out.
const PAPER_FOR: Duration = Duration::from_secs(10);

/// A scene: everything that a page needs around it.
struct Scene {
    stage: Stage,
    browser: Browser,
    folder: PathBuf,
    n_presses: u32,
}

impl Scene {
    /// When the stage's clock starts, milliseconds of UTC.
    const BEGINS_MS: i64 = 1_795_479_000_000;

    /// Sets the stage on an ordinary Tuesday at 9:10, both lines open, and starts a browser.
    async fn set(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
        let starts = "2026-11-24T09:10:00+09:00".to_owned();
        let wanted = Wanted {
            program: &program,
            clinic: Clinic::Small,
            out: &folder,
            rehearsal: (starts, 1),
            papers: None,
            has_lan: false,
            hub: None,
        };
        let (stage, browser) = tokio::join!(Stage::set(wanted), Browser::start());
        Self::begin(stage.unwrap(), browser.unwrap(), folder.clone()).await
    }

    /// Begins a scene with both lines open.
    async fn begin(stage: Stage, browser: Browser, folder: PathBuf) -> Self {
        let mut scene = Self { stage, browser, folder, n_presses: 0 };
        for line in 1..=2 {
            scene.tell(&format!("lines/{SITE}-{line}/open"), json!({"session": "morning"})).await;
        }
        scene
    }

    /// Sends a command as some other device would, and returns its answer.
    async fn tell(&mut self, path: &str, body: Value) -> Value {
        self.n_presses += 1;
        let press = Press { device: format!("scene/{}", self.n_presses), path: path.to_owned(), body };
        let answered = self.stage.api.press(press, format!("scene-{}", self.n_presses)).await.unwrap();
        assert_eq!(answered.code(), None, "the daemon refused {path}");
        answered.answer
    }

    /// Takes a ticket at another kiosk and returns its label.
    async fn ticket(&mut self, line: u16) -> String {
        let answer = self.tell(&format!("lines/{SITE}-{line}/tickets"), json!({"channel": "kiosk"})).await;
        answer["tickets"][0]["label"].as_str().unwrap().to_owned()
    }

    /// Opens a page of the daemon in the window in front.
    async fn open(&self, page: &str) {
        self.browser.open(&format!("{}{page}", self.stage.daemon.address())).await.unwrap();
    }

    /// Opens a page in a window of its own.
    async fn open_beside(&self, page: &str) -> Window {
        let window = self.browser.new_window().await.unwrap();
        self.open(page).await;
        window
    }

    /// Returns how many people wait in a line.
    async fn waiting(&self, line: u64) -> u64 {
        let board = self.stage.api.get("board").await.unwrap();
        let lines = board["lines"].as_array().unwrap().iter();
        lines.filter(|of| of["line"] == line).map(|of| of["n_waiting"].as_u64().unwrap()).sum()
    }

    /// Waits until an expression is true of the page, and returns its value.
    async fn until(&self, expression: &str) -> Value {
        self.browser.until(expression).await.unwrap()
    }

    /// Runs a script in the page and returns what it returns.
    async fn run(&self, script: &str) -> Value {
        self.browser.run(script).await.unwrap()
    }

    /// Presses what a selector names.
    async fn press(&self, selector: &str) {
        self.browser.press(selector).await.unwrap();
    }

    /// Takes the box away from its pages.
    async fn cut(&mut self) {
        assert!(self.stage.daemon.stop().await.unwrap().success());
    }

    /// Leaves a picture of the page.
    async fn picture(&self, name: &str) {
        let path = self.folder.join(format!("{name}.png"));
        self.browser.picture(&path).await.unwrap();
        out(&format!("picture {}\n", path.display()));
    }

    /// Fails if the page in front weighs too much over the wire for a tablet's line, or asked anybody but its box.
    async fn is_light(&self) {
        let weigh = "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];\
            const sum = (some) => some.reduce((n, at) => n + at.transferSize, 0);\
            return [sum(all), sum(all.filter((at) => at.name.endsWith('.js'))), all.filter((at) => !at.name.startsWith(location.origin)).length]";
        let weighed = self.browser.run(weigh).await.unwrap();
        let [all, scripts, foreign] = [0, 1, 2].map(|nth| weighed[nth].as_u64().unwrap());
        assert!(all > 1_000 && all <= 60_000, "{all} bytes over the wire");
        assert!(scripts <= 15_000, "{scripts} bytes of scripts");
        assert_eq!(foreign, 0, "somebody outside the box was asked");
    }

    /// Fails if the desk's card cuts anything off: its number, above all.
    async fn card_is_whole(&self) {
        let cut = "const edge = document.querySelector('.card').getBoundingClientRect();\
            return [...document.querySelectorAll('.card *')].map((at) => [at, at.getBoundingClientRect()])\
                .filter(([, is]) => is.bottom > edge.bottom || is.right > edge.right).map(([at]) => at.outerHTML)";
        assert_eq!(self.browser.run(cut).await.unwrap(), json!([]), "cut off");
    }

    /// Fails if the console of the window in front complained of anything.
    async fn is_quiet(&self) {
        assert_eq!(self.browser.complaints().await.unwrap(), Vec::<String>::new());
    }
}
