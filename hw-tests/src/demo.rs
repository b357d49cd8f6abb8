//! The demo: the whole appliance on one machine, for a visitor to try, or playing a recorded morning by itself.
//!
//! Everything it starts listens on 127.0.0.1, and it ends it again by process id.

pub mod api;
pub mod camera;
pub mod checks;
pub mod clock;
pub mod cloud;
pub mod consultations;
pub mod daemon;
pub mod facts;
pub mod far;
pub mod frames;
pub mod model;
pub mod outage;
pub mod player;
pub mod press;
pub mod progress;
pub mod random;
pub mod reel;
pub mod report;
pub mod row;
pub mod screen;
pub mod stage;
pub mod stopwatch;
pub mod telling;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result};
use clap::ValueEnum;
use machiai_panel::{FontPaths, Panel};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::hub::house::House;
use crate::hub::phone::Phone;
use crate::printer;
use api::Api;
use camera::Camera;
use checks::{Check, Evidence, Paper};
use cloud::HERE;
use consultations::Calls;
use daemon::{Program, write};
use facts::Fact;
use far::Telephones;
use outage::Span;
use player::{Played, Player, Score};
use progress::out;
use random::Plan;
use report::Report;
use row::Row;
use screen::Show;
use stage::{Clinic, Stage, Wanted};

/// The day on which mornings are rehearsed, an ordinary Tuesday, in the time of Asia/Tokyo.
const DAY: &str = "2026-11-24";
/// How fast a morning is played unless told.
const USUAL_SPEED: u32 = 600;
/// Real time from the start of the rehearsal's clock until the first row, so that the daemon is ready for it, and has
/// found the hub: it rests for a second or three where it found nobody there.
const LEAD_MS: u32 = 5_000;
/// A business day begins at 4:00, and no rehearsal before it.
const EARLIEST_S: u32 = 4 * 3_600 + 600;
/// The hour that a visitor finds on the clock.
const VISIT_S: u32 = 8 * 3_600 + 20 * 60;

/// A morning to be played.
#[derive(Clone, Debug)]
pub enum Morning {
    /// One that was recorded in a file.
    Recorded(PathBuf),
    /// One that is drawn.
    Drawn(Plan),
}

impl Morning {
    /// Returns the morning of a name: `random` is drawn, everything else a file.
    #[must_use]
    pub fn named(file: PathBuf, plan: Plan) -> Self {
        if file.as_os_str() == "random" { Self::Drawn(plan) } else { Self::Recorded(file) }
    }

    /// Returns its rows, and its file where it was drawn.
    fn rows(&self) -> Result<(Vec<Row>, Option<String>)> {
        match self {
            Self::Recorded(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
                let rows = row::read(&text).with_context(|| format!("cannot play {}", file.display()))?;
                Ok((rows, None))
            }
            Self::Drawn(plan) => {
                let rows = random::morning(*plan);
                let text = row::write(&rows);
                Ok((rows, Some(text)))
            }
        }
    }
}

/// When the monitor is shown, which runs in real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Monitor {
    /// After the morning.
    After,
    /// Without a morning.
    Alone,
    /// Not at all.
    Never,
}

/// What to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// The daemon's program.
    pub program: Program,
    /// The demo's own program, which is the monitor too.
    pub this: PathBuf,
    /// When the monitor is shown.
    pub monitor: Monitor,
    /// The folder of films that the monitor plays in place of those made for it.
    pub films: Option<PathBuf>,
    /// The morning; none lets a visitor try.
    pub morning: Option<Morning>,
    /// How many times faster than real time.
    pub speed: Option<u32>,
    /// When the line between box and hub is cut in a morning.
    pub offline: Option<Span>,
    /// Where everything is left.
    pub out: Option<PathBuf>,
}

/// Plays a morning, or serves a visitor, until its end or until the demo is told to stop.
///
/// Returns whether every check held.
///
/// # Errors
/// Something could not be started, or the daemon could not be reached.
pub async fn run(options: &Options) -> Result<bool> {
    // From here on a signal is an orderly end.
    let mut stop = Stop::listen()?;
    let done = async {
        match (&options.morning, options.monitor) {
            (_, Monitor::Alone) => show(options).await.map(Some),
            (Some(morning), Monitor::After | Monitor::Never) => play(options, morning).await.map(Some),
            (None, Monitor::After | Monitor::Never) => Ok(None),
        }
    };
    let done = tokio::select! {
        done = done => done?,
        () = stop.asked_for() => Some(false),
    };
    match done {
        Some(held) => Ok(held),
        None => visit(options, &mut stop).await,
    }
}

/// The signals that end the demo.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for a signal");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn asked_for(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        out("\nstopping\n");
    }
}

/// Lets a visitor try: two open lines, a few patients, and the addresses to open.
async fn visit(options: &Options, stop: &mut Stop) -> Result<bool> {
    let folder = options.out.clone().unwrap_or_else(|| PathBuf::from("out"));
    prepare(&folder)?;
    let papers = folder.join("tickets");
    let wanted = Wanted {
        program: &options.program,
        clinic: Clinic::Small,
        out: &folder,
        rehearsal: (starts(VISIT_S), options.speed.unwrap_or(1)),
        papers: Some(papers.clone()),
        has_lan: false,
        hub: None,
    };
    let mut stage = Stage::set(wanted).await?;
    stage::furnish(&stage.api).await?;
    let address = stage.daemon.address();
    let rooms = ["room1", "room2", "room3"].map(|room| format!("  a room's desk      {address}/desk?place={room}\n"));
    out(&format!(
        "Machiai is running; stop it with Ctrl-C.\n\n  the board          {address}/board\n  \
         the board, upright {address}/board?layout=portrait\n  the kiosk          {address}/kiosk\n  \
         reception          {address}/desk\n{}\n  tickets come out in {}\n",
        rooms.concat(),
        papers.display(),
    ));
    tokio::select! {
        ended = stage.daemon.ended() => ended.map(|()| false),
        () = stop.asked_for() => stage.daemon.stop().await.map(|status| status.success()),
    }
}

/// Shows the monitor alone.
async fn show(options: &Options) -> Result<bool> {
    let folder = options.out.clone().unwrap_or_else(|| PathBuf::from("out"));
    prepare(&folder)?;
    let (screen, checks) = shown(options, &folder).await?;
    checks.iter().for_each(say_check);
    let held = checks.iter().all(|check| check.held);
    let report = serde_json::json!({"screen": screen, "checks": checks});
    write(&folder.join("report.json"), serde_json::to_vec_pretty(&report).context("cannot write the report")?)?;
    Ok(held)
}

async fn shown(options: &Options, folder: &Path) -> Result<(screen::Figures, Vec<Check>)> {
    let films = options.films.as_deref();
    screen::show(Show { program: &options.program, this: &options.this, films, out: folder }).await
}

/// Plays a morning and checks what it left behind.
async fn play(options: &Options, morning: &Morning) -> Result<bool> {
    let (rows, drawn) = morning.rows()?;
    let folder = options.out.clone().unwrap_or_else(|| PathBuf::from("out"));
    prepare(&folder)?;
    drawn.map(|drawn| write(&folder.join("morning.csv"), drawn)).transpose()?;
    let (panel, _) = Panel::open(&FontPaths::debian(), None).context("cannot draw")?;
    let speed = options.speed.unwrap_or(USUAL_SPEED);
    let first_s = rows.first().map_or(VISIT_S, |row| row.at_s);
    let starts_s = first_s.saturating_sub(LEAD_MS.saturating_mul(speed) / 1_000).max(EARLIEST_S.min(first_s));
    let wanted = Wanted {
        program: &options.program,
        clinic: Clinic::of(&rows),
        out: &folder,
        rehearsal: (starts(starts_s), speed),
        papers: None,
        has_lan: false,
        hub: Some(&options.this),
    };
    let mut stage = Stage::set(wanted).await?;
    let cloud = stage.cloud.take().context("a stage without the hub that was wanted")?;
    let (frames, looking) = frames::look(&stage.api).await?;
    let mut camera = Camera::new(stage.api.clone(), &panel);
    let midnight_ms = instant_ms(&starts(0))?;
    let score = Score { rows: &rows, speed, midnight_ms, offline: options.offline };
    let played = perform((&stage.api, &cloud.house), &panel, &mut camera, score).await?;
    let n_even = cloud.until_even(&stage.api, stage.daemon.state()).await?;

    let memory = stage.daemon.memory().unwrap_or_default();
    let last = stage.api.status().await?;
    let status = stage.daemon.stop().await;
    looking.await.context("the watcher of the board broke off")?;
    let both = cloud.reconcile(&mut stage.daemon, n_even, &folder).await?;
    let calls = Calls::of(&stage.daemon, &cloud.house, &folder).await?;
    let verified = stage.daemon.ask(&["journal", "verify"]).await.map_err(|cause| format!("{cause:#}"));
    let facts = facts::read(&both.here)?;
    let papers = name_papers(&facts, &stage.printer.papers());
    keep_papers(&papers, &folder.join("tickets"))?;
    let (moments, n_pictures) = camera.develop(&panel, &folder)?;
    out(&format!("{n_pictures} pictures of the board: {}\n", moments.join(", ")));

    let evidence = Evidence {
        rows: &rows,
        played: &played,
        facts: &facts,
        places: facts::by_key(&facts),
        both: &both,
        calls: &calls,
        speed,
        papers: &papers,
        panel: &panel,
        span_ms: (midnight_ms + i64::from(starts_s) * 1_000, last.now_ms),
        verified,
        ended: how_it_ended(status),
        memory,
        places_to_search: vec![
            stage.daemon.state().to_owned(),
            cloud.folder().to_owned(),
            folder.join(HERE),
            folder.join(stage::LOG),
        ],
    };
    let mut report = Report::of(&evidence, &frames.so_far(), checks::all(&evidence));
    if options.monitor == Monitor::After {
        let (screen, checks) = shown(options, &folder).await?;
        report.screen = Some(screen);
        report.checks.extend(checks);
    }
    write(&folder.join("report.json"), serde_json::to_vec_pretty(&report).context("cannot write the report")?)?;
    say(&report, &folder, &played);
    Ok(report.failed().next().is_none())
}

/// Plays the acts of a morning, those of patients from afar on telephones.
async fn perform((api, house): (&Api, &House), panel: &Panel, camera: &mut Camera, score: Score<'_>) -> Result<Played> {
    let phone = Phone::new(house.patients.address())?;
    let telephones = Telephones::new(phone, api.clone(), panel, score.speed).await?;
    Player::new(api.clone(), (&house.boxes, telephones), camera, score).await?.play().await
}

fn how_it_ended(status: Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(cause) => Err(format!("{cause:#}")),
    }
}

fn say(report: &Report, folder: &Path, played: &Played) {
    report.checks.iter().for_each(say_check);
    out(&format!(
        "{} tickets, {} printed, {} called, {} finished, {} facts, {} presses; all of it is in {}\n",
        report.tickets,
        report.printed,
        report.called,
        report.finished,
        report.facts,
        played.sent.len(),
        folder.display()
    ));
}

fn say_check(check: &Check) {
    out(&format!("{} {}: {}\n", if check.held { "held  " } else { "FAILED" }, check.name, check.detail));
}

/// Makes the folder, and clears away what an earlier morning left in it.
fn prepare(folder: &Path) -> Result<()> {
    let tickets = folder.join("tickets");
    std::fs::create_dir_all(&tickets).with_context(|| format!("cannot make {}", tickets.display()))?;
    let tickets = tickets.as_path();
    for (folder, starts, ends) in
        [(tickets, "", ".png"), (tickets, "", ".bin"), (folder, "board-", ".png"), (folder, "screen-", ".png")]
    {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot look into {}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(starts) && name.ends_with(ends) {
                std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Returns a time of the rehearsed day as configurations write it.
fn starts(at_s: u32) -> String {
    format!("{DAY}T{:02}:{:02}:{:02}+09:00", at_s / 3_600, at_s % 3_600 / 60, at_s % 60)
}

fn instant_ms(time: &str) -> Result<i64> {
    let at: jiff::Timestamp = time.parse().map_err(anyhow::Error::msg).context("there is no such time")?;
    Ok(at.as_millisecond())
}

/// Names each paper after the ticket that the facts say came out: the printer prints one after the other.
fn name_papers(facts: &[Fact], papers: &[printer::Paper]) -> Vec<Paper> {
    let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
    let mut n_papers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut named = Vec::new();
    let mut papers = papers.iter();
    for fact in facts {
        let visit = fact.text("visit");
        if fact.kind == "TicketIssued" {
            labels.insert(visit, fact.text("label"));
        }
        if fact.kind != "PrintEnded" || fact.text("outcome") != "printed" {
            continue;
        }
        let Some(paper) = papers.next() else { break };
        let nth = n_papers.entry(visit).or_default();
        *nth += 1;
        let label = labels.get(visit).copied().unwrap_or("unknown");
        let name = if *nth == 1 { label.to_owned() } else { format!("{label}-{nth}") };
        named.push(Paper { name, visit: visit.to_owned(), paper: paper.clone() });
    }
    let nameless = papers.map(|paper| Paper {
        name: format!("unknown-{}", paper.number),
        visit: String::new(),
        paper: paper.clone(),
    });
    named.extend(nameless);
    named
}

fn keep_papers(papers: &[Paper], folder: &Path) -> Result<()> {
    for Paper { name, paper, .. } in papers {
        let png = paper.dots.png().with_context(|| format!("cannot draw the paper {name}"))?;
        write(&folder.join(format!("{name}.png")), png)?;
        write(&folder.join(format!("{name}.bin")), &paper.raw)?;
    }
    Ok(())
}
