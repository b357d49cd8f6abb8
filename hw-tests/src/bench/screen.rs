//! The monitor: what a film beside the queue costs against a bare player and a browser, and how soon a call is seen.
//!
//! All of them play the same film, twenty seconds of 1080p30 H.264 with sound, one after the other in each of three rounds.

mod heal;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Bench;
use super::child::Talker;
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::tree::{Cost, cost};
use crate::demo::api::Press;
use crate::demo::daemon::write;
use crate::demo::progress::out;
use crate::demo::screen::{table, until};
use crate::demo::stage::{Clinic, Stage, Wanted};
use crate::films::Odd;
use crate::glass::child::GlassChild;
use crate::glass::ears::Noise;
use crate::glass::{Sight, monotonic};

/// The page that a browser shows in place of the monitor.
const PAGE: &str = include_str!("../../data/bench/kiosk.html");

/// How often each is measured; the median counts.
const N_ROUNDS: usize = 3;

/// How long each plays before it is looked at, and how long it is looked at.
const SETTLES_FOR: Duration = Duration::from_secs(4);
const LOOKED_AT_FOR: Duration = Duration::from_secs(10);

/// Pictures of the film, and how long it is, in milliseconds.
const N_FRAMES: u32 = 600;
const FILM_MS: u32 = 20_000;

/// How long the film may take to be made, and to be prepared.
const MADE_WITHIN: ClockTime = ClockTime::from_seconds(600);
const PREPARED_WITHIN: Duration = Duration::from_secs(600);

/// Calls that are looked for, those that are listened for, and starts of a screen.
const N_CALLS: usize = 120;
const N_CHIMES: usize = 100;
const N_STARTS: usize = 5;

/// What the monitor plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// The film, prepared for the region.
    Prepared,
    /// The film as it came.
    AsItCame,
    /// A still.
    Still,
}

/// Measures the monitor.
///
/// # Errors
/// The daemon or the screen fails, or there is no bare player.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let film = film(&bench.work)?;
    let folder = bench.folder()?;
    let prepared = Shop::open(bench, Content::Prepared, &film)?;
    let as_it_came = Shop::open(bench, Content::AsItCame, &film)?;
    let still = Shop::open(bench, Content::Still, &film)?;
    let mut costs: [Vec<Cost>; 4] = Default::default();
    for _ in 0..N_ROUNDS {
        let [ours, raw, bare, idle] = &mut costs;
        ours.push(prepared.cost()?);
        raw.push(as_it_came.cost()?);
        bare.push(playbin(&film)?);
        idle.push(still.cost()?);
    }
    let [ours, raw, bare, idle] = costs.map(|costs| median(&costs));
    let told = |cost: Cost| {
        let (cpu, mib) = (shown(cost.cpu_s_per_s), shown(cost.pss_mib));
        format!("{cpu} s/s and {mib} MiB, playbin {} s/s", shown(bare.cpu_s_per_s))
    };
    let ratio = |cost: Cost| (cost.cpu_s_per_s / bare.cpu_s_per_s, "x");
    report.add("processor of a prepared film beside the queue over playbin", ratio(ours), AtMost(1.2), told(ours));
    report.add("processor of a film as it came over playbin", ratio(raw), AtMost(1.6), told(raw));
    let told = format!("{} MiB", shown(idle.pss_mib));
    report.add("processor of a still beside the queue", (idle.cpu_s_per_s, "core"), AtMost(0.03), told);
    let daemon_mib = prepared.stage.daemon.pss_kib()? / 1_024.0;
    let told = format!("{} MiB of the daemon, {} MiB of the screen", shown(daemon_mib), shown(ours.pss_mib));
    report.add("memory of daemon and screen with a film", (daemon_mib + ours.pss_mib, "MiB"), AtMost(512.0), told);
    others(&film, folder.path(), ours, report);
    prepared.calls(bench, report)?;
    still.chimes(bench, report)?;
    prepared.starts(bench, report)?;
    heal::measure(folder.path(), report)?;
    [prepared, as_it_came, still].into_iter().try_for_each(Shop::close)
}

/// Compares with what shows pictures under an X server; what is not installed is left out by its name.
fn others(film: &Path, folder: &Path, ours: Cost, report: &mut Report) {
    let film_name = film.display().to_string();
    let player = ["--no-config", "--vo=x11", "--no-audio", "--loop", "--fullscreen", "--really-quiet", &film_name];
    match under_x("mpv", &player) {
        Ok(mpv) => {
            let told = format!("{} s/s and {} s/s", shown(ours.cpu_s_per_s), shown(mpv.cpu_s_per_s));
            let ratio = ours.cpu_s_per_s / mpv.cpu_s_per_s;
            report.add("processor of a prepared film over mpv under X", (ratio, "x"), AtMost(1.0), told);
        }
        Err(cause) => report.leave_out("mpv showing the film alone", &cause),
    }
    match kiosk(film, folder) {
        Ok(browser) => {
            let told = format!("{} s/s and {} s/s", shown(ours.cpu_s_per_s), shown(browser.cpu_s_per_s));
            let ratio = ours.cpu_s_per_s / browser.cpu_s_per_s;
            report.add("processor of a prepared film over a Chromium kiosk", (ratio, "x"), AtMost(0.7), told);
            let told = format!("{} MiB and {} MiB", shown(ours.pss_mib), shown(browser.pss_mib));
            let ratio = ours.pss_mib / browser.pss_mib;
            report.add("memory of a prepared film over a Chromium kiosk", (ratio, "x"), AtMost(0.4), told);
        }
        Err(cause) => report.leave_out("a Chromium kiosk page with the film and the queue", &cause),
    }
}

/// A clinic with a daemon that airs one thing all day.
struct Shop {
    runtime: Runtime,
    stage: Stage,
    screen: PathBuf,
    _folder: TempDir,
}

impl Shop {
    fn open(bench: &Bench, content: Content, film: &Path) -> Result<Self> {
        let screen = bench.this.with_file_name("machiai-screen");
        ensure!(screen.is_file(), "there is no {}: build it first", screen.display());
        let folder = bench.folder()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let preparing = if content == Content::Prepared { &screen } else { Path::new("/there/is/none") };
        let program = bench.program.clone().preparing_by(preparing);
        let wanted = Wanted {
            program: &program,
            clinic: Clinic::Small,
            out: folder.path(),
            rehearsal: ("2026-11-24T09:10:00+09:00".to_owned(), 1),
            papers: None,
            has_lan: false,
            hub: None,
        };
        let stage = runtime.block_on(Stage::set(wanted))?;
        let shop = Self { runtime, stage, screen, _folder: folder };
        shop.bring(content, film)?;
        Ok(shop)
    }

    /// Brings the film or a still, and a table with nothing else.
    fn bring(&self, content: Content, film: &Path) -> Result<()> {
        let store = self.stage.daemon.state().join("content");
        let still = self._folder.path().join("still.png");
        let file = if content == Content::Still {
            Odd::Png.write(&still)?;
            &still
        } else {
            film
        };
        let bytes = std::fs::read(file).context("cannot read the film")?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        if content == Content::Prepared {
            out("preparing the film\n");
            write(&store.join("incoming").join("film.mp4"), bytes)?;
            let done = store.join("incoming").join("processed").join("film.mp4");
            let prepared = until(PREPARED_WITHIN, "the film is prepared", async || Ok(done.exists().then_some(())));
            self.runtime.block_on(prepared)?;
        } else {
            let originals = store.join("originals");
            std::fs::create_dir_all(&originals).context("cannot make the store")?;
            write(&originals.join(&hash), bytes)?;
        }
        let told = json!({"content": hash, "kind": "own", "title": "film", "duration_ms": FILM_MS});
        self.press("program/contents", told)?;
        self.press("program/tables", table(1, vec![json!({"item": "i1", "content": hash})])?)?;
        self.press("lines/1001-1/open", json!({"session": "morning"})).map(drop)
    }

    fn press(&self, path: &str, body: Value) -> Result<Duration> {
        let key = format!("screen-{}", monotonic().as_nanos());
        let press = Press { device: key.clone(), path: path.to_owned(), body };
        let answered = self.runtime.block_on(self.stage.api.press(press, key))?;
        match answered.code() {
            Some(code) => bail!("the daemon refused {path}: {code}, {}", answered.answer),
            None => Ok(monotonic()),
        }
    }

    fn socket(&self) -> PathBuf {
        self.stage.daemon.state().join("screen.sock")
    }

    /// Measures a screen of its own.
    fn cost(&self) -> Result<Cost> {
        let mut command = Command::new(&self.screen);
        command.args(["run", "--sink", "null", "--socket"]).arg(self.socket()).stderr(Stdio::null());
        // As the unit has it.
        command.env("MALLOC_ARENA_MAX", "2");
        let screen = Talker::start(&mut command)?;
        settled(screen.pid()).context("the screen")
    }

    /// Measures how long after its answer a call is on a frame.
    fn calls(&self, bench: &Bench, report: &mut Report) -> Result<()> {
        let mut glass = GlassChild::start(&bench.this.with_file_name("machiai-demo"), &self.socket())?;
        let mut seen = Samples::default();
        for _ in 0..N_CALLS {
            self.press("lines/1001-1/tickets", json!({"channel": "desk"}))?;
            glass.want(Sight::Board)?;
            glass.found(None)?;
            glass.want(Sight::Call)?;
            let answered = self.press("rooms/room1/call", json!({}))?;
            seen.extend([glass.found(None)?.saturating_sub(answered)]);
            self.press("rooms/room1/enter", json!({}))?;
            self.press("rooms/room1/finish", json!({}))?;
        }
        let tally = glass.tally()?;
        let told = format!(
            "p50 {} ms of {N_CALLS} calls, worst {} ms; {} frames, {} dropped, {} ms between two at most",
            shown(seen.p50_ms()),
            shown(seen.worst_ms()),
            tally.frames,
            tally.dropped,
            shown(tally.gap_ms_max)
        );
        report.add("from a call's answer to its first frame, p99", (seen.p99_ms(), "ms"), AtMost(100.0), told);
        glass.end()
    }

    /// Measures how long after its answer a call's chime is heard; nothing else may sound.
    fn chimes(&self, bench: &Bench, report: &mut Report) -> Result<()> {
        let mut glass = GlassChild::start(&bench.this.with_file_name("machiai-demo"), &self.socket())?;
        let mut heard = Samples::default();
        for _ in 0..N_CHIMES {
            self.press("lines/1001-1/tickets", json!({"channel": "desk"}))?;
            glass.listen(Noise::Silence)?;
            glass.heard()?;
            glass.listen(Noise::Sound)?;
            let answered = self.press("rooms/room1/call", json!({}))?;
            // A call that was over before its chime began would not be heard at all.
            heard.extend([glass.heard()?.saturating_sub(answered)]);
            // What is not said yet is taken back with the call.
            self.press("rooms/room1/enter", json!({}))?;
            self.press("rooms/room1/finish", json!({}))?;
        }
        let told =
            format!("p50 {} ms of {N_CHIMES} calls, worst {} ms", shown(heard.p50_ms()), shown(heard.worst_ms()));
        report.add("from a call's answer to its chime, p99", (heard.p99_ms(), "ms"), AtMost(150.0), told);
        glass.end()
    }

    /// Measures how long after its start a screen shows the queue.
    fn starts(&self, bench: &Bench, report: &mut Report) -> Result<()> {
        let (mut first, mut board) = (Samples::default(), Samples::default());
        for _ in 0..N_STARTS {
            let started = monotonic();
            let mut glass = GlassChild::start(&bench.this.with_file_name("machiai-demo"), &self.socket())?;
            glass.want(Sight::Board)?;
            board.extend([glass.found(None)?.saturating_sub(started)]);
            first.extend([glass.first_at().saturating_sub(started)]);
            glass.end()?;
        }
        let told = format!("median of {N_STARTS}, first frame after {} ms", shown(first.p50_ms()));
        report.add("from a screen's start to the queue", (board.p50_ms(), "ms"), AtMost(1_000.0), told);
        Ok(())
    }

    fn close(mut self) -> Result<()> {
        let status = self.runtime.block_on(self.stage.daemon.stop())?;
        if status.success() { Ok(()) } else { bail!("the daemon ended with {status}") }
    }
}

/// Lets a program settle and looks at it.
fn settled(pid: u32) -> Result<Cost> {
    std::thread::park_timeout(SETTLES_FOR);
    cost(pid, LOOKED_AT_FOR)
}

/// Measures the bare player on the film, into sinks that show nothing in real time.
fn playbin(film: &Path) -> Result<Cost> {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "playbin", "video-sink=fakesink sync=true", "audio-sink=fakesink sync=true"]);
    let player = Talker::start(command.arg(format!("uri=file://{}", film.display())).stderr(Stdio::null()))?;
    settled(player.pid()).context("gst-launch-1.0 of gstreamer1.0-tools")
}

/// Measures a program on an X server of its own.
fn under_x(program: &str, arguments: &[&str]) -> Result<Cost> {
    let mut server = Command::new("Xvfb");
    server.args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]).stderr(Stdio::null());
    let mut server = Talker::start(&mut server)?;
    let display = format!(":{}", server.line()?.trim());
    let mut command = Command::new(program);
    let player = Talker::start(command.args(arguments).env("DISPLAY", display).stderr(Stdio::null()))?;
    let cost = settled(player.pid()).with_context(|| program.to_owned());
    // What it started ends with it; how it takes that is its own.
    drop(player.stop());
    server.stop()?;
    cost
}

/// Measures a browser that shows the film beside the queue's words.
fn kiosk(film: &Path, folder: &Path) -> Result<Cost> {
    write(&folder.join("kiosk.html"), PAGE)?;
    std::fs::copy(film, folder.join("film.mp4")).context("cannot copy the film")?;
    let page = format!("file://{}", folder.join("kiosk.html").display());
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let arguments = [
        "--no-sandbox",
        "--kiosk",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-component-update",
        "--disable-background-networking",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        "--window-size=1920,1080",
        &profile,
        &page,
    ];
    under_x("chromium", &arguments)
}

/// Returns the median of each.
fn median(costs: &[Cost]) -> Cost {
    let of = |one: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(one).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Cost { cpu_s_per_s: of(|cost| cost.cpu_s_per_s), pss_mib: of(|cost| cost.pss_mib) }
}

/// Returns the film, which is made once for all runs: fine moving detail at six megabits a second, as cameras write it.
fn film(work: &Path) -> Result<PathBuf> {
    let path = work.join("film-1080p30.mp4");
    if path.is_file() {
        return Ok(path);
    }
    out("making a film\n");
    gst::init().context("cannot start GStreamer")?;
    let aside = work.join("film-1080p30.aside");
    let n_sounds = u64::from(FILM_MS) * 48 / 1_024;
    let described = format!(
        "videotestsrc num-buffers={N_FRAMES} pattern=zone-plate kx2=14 ky2=14 kt=3 \
         ! video/x-raw,format=I420,width=1920,height=1080,framerate=30/1 \
         ! x264enc speed-preset=veryfast bitrate=6000 key-int-max=60 ! video/x-h264,profile=high ! h264parse \
         ! queue ! mp4mux name=mux faststart=true ! filesink location={} \
         audiotestsrc num-buffers={n_sounds} samplesperbuffer=1024 freq=330 volume=0.2 \
         ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! queue ! mux.",
        aside.display()
    );
    let pipeline = gst::parse::launch(&described)?.downcast::<gst::Pipeline>().ok().context("no pipeline")?;
    pipeline.set_state(gst::State::Playing)?;
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let told = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(MADE_WITHIN, &wanted));
    pipeline.set_state(gst::State::Null)?;
    if let gst::MessageView::Error(error) = told.context("the film was not made in time")?.view() {
        return Err(error.error()).context("cannot make the film");
    }
    std::fs::rename(&aside, &path).context("cannot keep the film")?;
    Ok(path)
}
