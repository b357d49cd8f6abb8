//! The demo's monitor: a real screen beside a real daemon in real time, pictured at the moments that matter.
//!
//! It shows the built-in card, films that were brought and approved, a call, an urgent notice and a substitute. What it
//! costs is measured while films air and nobody takes pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::api::Press;
use super::checks::Check;
use super::daemon::{Program, write};
use super::facts::{self, Fact};
use super::progress::out;
use super::reel::{STILL_MS, SUBSTITUTE, make_bad, make_good};
use super::stage::{Clinic, Stage, Wanted, furnish};
use super::{instant_ms, starts};
use crate::glass::child::GlassChild;
use crate::glass::{Sight, Tally, monotonic};

/// The hour of the monitor's part: reception is open.
const SHOW_S: u32 = 9 * 3_600 + 600;

/// How long films may take to be prepared, and anything else to come true.
const PREPARED_WITHIN: Duration = Duration::from_secs(600);
const TRUE_WITHIN: Duration = Duration::from_secs(60);

/// How often it is looked whether something came true.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// How long the cost of films is measured.
const MEASURED_FOR: Duration = Duration::from_secs(10);

/// What takes a notice's place is mixed with it for nine frames; so many later it is seen alone.
const N_MIXED: usize = 20;

const DAY_MS: i64 = 86_400_000;

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Show<'a> {
    /// The daemon's program.
    pub program: &'a Program,
    /// The demo's own program, which is the screen and prepares films too.
    pub this: &'a Path,
    /// The folder of films that are played in place of those made here.
    pub films: Option<&'a Path>,
    /// Where pictures and airings are left.
    pub out: &'a Path,
}

/// The monitor's figures, as `report.json` holds them.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// What was counted of the frames.
    #[serde(flatten)]
    pub tally: Tally,
    /// Films and stills that began after another one.
    pub switches: usize,
    /// Seconds of processor in a second of films beside the queue.
    pub cpu_s_per_s: f64,
    /// Its memory, in mebibytes, what it shares counted by its share.
    pub pss_mib: f64,
    /// From the answer to a call until it was on a frame, in milliseconds; 0 when the frame was first.
    pub call_ms: f64,
    /// Files that were prepared.
    pub prepared: usize,
    /// Files that were refused, with the reason in a letter beside each.
    pub refused: usize,
}

/// Lets the monitor show everything once; returns its figures and what must hold of them.
///
/// # Errors
/// Something could not be started, or never came true.
pub async fn show(show: Show<'_>) -> Result<(Figures, Vec<Check>)> {
    out("the monitor, in real time\n");
    let program = show.program.clone().preparing_by(show.this);
    let wanted = Wanted {
        program: &program,
        clinic: Clinic::Small,
        out: show.out,
        rehearsal: (starts(SHOW_S), 1),
        papers: None,
        has_lan: false,
        hub: None,
    };
    let stage = Stage::set(wanted).await?;
    furnish(&stage.api).await?;
    let socket = stage.daemon.state().join("screen.sock");
    let glass = block_in_place(|| GlassChild::start(show.this, &socket))?;
    let mut monitor = Monitor { stage, glass, out: show.out, n_pressed: 0 };

    // Nothing is on the disk yet: the card.
    monitor.see(Sight::Board, "card")?;
    let made = tempfile::tempdir().context("cannot make a folder")?;
    let n_bad = monitor.bring(show.films, &made).await?;
    let films = monitor.known().await?;
    let n_items = monitor.air(&films).await?;
    monitor.until_begun(1, &films).await?;
    monitor.see(Sight::Any, "film")?;
    let call_ms = monitor.call().await?;
    let cpu_s_per_s = monitor.cost().await?;
    let pss_mib = monitor.glass.pss_mib()?;
    monitor.until_begun(n_items, &films).await?;
    monitor.announce().await?;
    monitor.stand_in(&films).await?;
    let refused = monitor.refused()?;
    let tally = block_in_place(|| monitor.glass.tally())?;
    let n_begun = monitor.end().await?;
    let figures = Figures {
        tally,
        switches: n_begun.saturating_sub(1),
        cpu_s_per_s: rounded(cpu_s_per_s),
        pss_mib: rounded(pss_mib),
        call_ms: rounded(call_ms),
        prepared: films.len(),
        refused,
    };
    // A film of somebody's may be black itself; beside it the panel never is.
    let n_black = if show.films.is_some() { tally.dark_frames } else { tally.black_frames };
    let checks = checks(&figures, n_black, n_bad);
    Ok((figures, checks))
}

/// Says what must hold; how many files were made to be refused is known where the demo made them.
fn checks(figures: &Figures, n_black: u64, n_bad: Option<usize>) -> Vec<Check> {
    let Figures { tally, prepared, refused, .. } = figures;
    let named = n_bad.unwrap_or(*refused);
    vec![
        Check {
            name: "no frame of the monitor is black",
            held: tally.frames > 0 && n_black == 0,
            detail: format!("{n_black} of {} frames", tally.frames),
        },
        Check {
            name: "every film that was brought is prepared or refused",
            held: *prepared > 0 && *refused == named,
            detail: format!("{prepared} prepared, {refused} refused, {named} of them to be"),
        },
    ]
}

/// A film or still that was prepared.
#[derive(Clone, Debug)]
struct Known {
    content: String,
    duration_ms: u64,
}

/// The monitor while it is shown.
struct Monitor<'a> {
    stage: Stage,
    glass: GlassChild,
    out: &'a Path,
    n_pressed: u32,
}

impl Monitor<'_> {
    /// Brings films into the watched folder and waits until each is prepared or refused; returns how many are to be
    /// refused, where that is known.
    async fn bring(&self, films: Option<&Path>, made: &TempDir) -> Result<Option<usize>> {
        let (folder, n_bad) = match films {
            Some(folder) => (folder.to_owned(), None),
            None => {
                out("making films\n");
                let n_bad = block_in_place(|| make_good(made.path()).and_then(|()| make_bad(made.path())))?;
                (made.path().to_owned(), Some(n_bad))
            }
        };
        let watched = self.watched();
        let files = files(&folder)?;
        for file in &files {
            let name = file.file_name().context("a film without a name")?;
            std::fs::copy(file, watched.join(name)).with_context(|| format!("cannot bring {}", file.display()))?;
        }
        out(&format!("{} files are being prepared\n", files.len()));
        until(PREPARED_WITHIN, "the films are prepared", async || Ok(self::files(&watched)?.is_empty().then_some(())))
            .await?;
        Ok(n_bad)
    }

    fn watched(&self) -> PathBuf {
        self.stage.daemon.state().join("content").join("incoming")
    }

    fn refused(&self) -> Result<usize> {
        let error = self.watched().join("error");
        if !error.exists() {
            return Ok(0);
        }
        // Each lies beside its letter; a file that was brought may be called like one.
        let has_letter = |path: &&PathBuf| {
            let mut letter = path.as_os_str().to_owned();
            letter.push(".txt");
            Path::new(&letter).exists()
        };
        Ok(files(&error)?.iter().filter(has_letter).count())
    }

    /// Returns what was prepared, by its title.
    async fn known(&self) -> Result<BTreeMap<String, Known>> {
        let known = self.facts("ContentSet").await?.into_iter().map(|fact| {
            let known = Known { content: fact.text("content").to_owned(), duration_ms: fact.number("duration_ms") };
            (fact.text("title").to_owned(), known)
        });
        Ok(known.collect())
    }

    /// Sends films as the vendor's, with a table that names them all, and approves it; returns how many it names.
    async fn air(&mut self, films: &BTreeMap<String, Known>) -> Result<usize> {
        let mut items = Vec::new();
        for (nth, (title, known)) in films.iter().enumerate() {
            let stands_in = title == SUBSTITUTE;
            let kind = if stands_in { "substitute" } else { "provided" };
            // A still has no length of its own.
            let duration_ms = if title == "still" { STILL_MS } else { known.duration_ms };
            let content = json!({"content": known.content, "kind": kind, "title": title, "duration_ms": duration_ms});
            self.press("program/contents", content).await?;
            if !stands_in {
                items.push(json!({"item": format!("i{nth}"), "content": known.content}));
            }
        }
        if items.is_empty() {
            bail!("none of the films can be played");
        }
        let n_items = items.len();
        self.press("program/tables", table(1, items)?).await?;
        let approve = json!({"do": "approve", "table": "week48", "revision": 1, "replaced": []});
        self.press("program", approve).await?;
        Ok(n_items)
    }

    /// Waits until so many different films of the table have begun.
    async fn until_begun(&self, n_films: usize, films: &BTreeMap<String, Known>) -> Result<()> {
        let longest_ms = films.values().map(|known| known.duration_ms.max(STILL_MS)).sum::<u64>();
        let within = TRUE_WITHIN + Duration::from_millis(longest_ms);
        until(within, "films air", async || {
            let begun = self.facts("AiringBegun").await?;
            let substitute = films.get(SUBSTITUTE).map_or("", |known| known.content.as_str());
            let mut contents: Vec<&str> = begun.iter().map(|fact| fact.text("content")).collect();
            contents.retain(|content| *content != substitute);
            contents.sort_unstable();
            contents.dedup();
            Ok((contents.len() >= n_films).then_some(()))
        })
        .await
    }

    /// Calls somebody; returns how long after the answer the call was on a frame, in milliseconds.
    async fn call(&mut self) -> Result<f64> {
        block_in_place(|| self.glass.want(Sight::Call))?;
        self.press("rooms/room3/call", json!({})).await?;
        let answered = monotonic();
        let seen = block_in_place(|| self.glass.found(Some(&self.out.join("screen-call.png"))))?;
        out("screen-call.png\n");
        block_in_place(|| self.glass.want(Sight::Board))?;
        block_in_place(|| self.glass.found(None))?;
        Ok(seen.saturating_sub(answered).as_secs_f64() * 1e3)
    }

    /// Returns the seconds of processor in a second, while films air and nothing else happens.
    async fn cost(&self) -> Result<f64> {
        let (before, since) = (self.glass.used()?, monotonic());
        tokio::time::sleep(MEASURED_FOR).await;
        let (used, took) = (self.glass.used()?.saturating_sub(before), monotonic().saturating_sub(since));
        Ok(used.as_secs_f64() / took.as_secs_f64())
    }

    /// Sets an urgent notice and withdraws it.
    async fn announce(&mut self) -> Result<()> {
        let text = json!({"ja": "本日の午後は休診いたします。", "en": "The clinic is closed this afternoon."});
        let until = instant_ms(&starts(0))? + DAY_MS;
        self.press("program", json!({"do": "set_notice", "text": text, "until": until})).await?;
        self.see(Sight::Urgent, "notice")?;
        self.press("program", json!({"do": "withdraw_notice"})).await.map(drop)
    }

    /// Sends a revision of the table that nobody approves, so that what stands in for its films is seen.
    async fn stand_in(&mut self, films: &BTreeMap<String, Known>) -> Result<()> {
        let Some(known) = films.get(SUBSTITUTE) else {
            out("no film is called substitute: there is no picture of one\n");
            return Ok(());
        };
        // It may have stood in before the first approval.
        let n_before = self.n_begun(&known.content).await?;
        let items = films.values().filter(|film| film.content != known.content).enumerate();
        let items = items.map(|(nth, film)| json!({"item": format!("i{nth}"), "content": film.content})).collect();
        self.press("program/tables", table(2, items)?).await?;
        let this = &*self;
        let begun_again = async || {
            let n_now = this.n_begun(&known.content).await?;
            Ok((n_now > n_before).then_some(()))
        };
        until(TRUE_WITHIN, "the substitute airs", begun_again).await?;
        block_in_place(|| {
            (0..N_MIXED).try_for_each(|_| {
                self.glass.want(Sight::Any)?;
                self.glass.found(None).map(drop)
            })
        })?;
        self.see(Sight::Any, "substitute")
    }

    /// Returns how often a piece of content has begun.
    async fn n_begun(&self, content: &str) -> Result<usize> {
        let begun = self.facts("AiringBegun").await?;
        Ok(begun.iter().filter(|fact| fact.text("content") == content).count())
    }

    /// Ends everything, leaves what aired as CSV, and returns how many airings there were.
    async fn end(self) -> Result<usize> {
        let Self { mut stage, glass, out: folder, .. } = self;
        block_in_place(|| glass.end())?;
        let begun = kind(&stage, "AiringBegun").await?.len();
        let airings = stage.daemon.ask(&["airings", "export"]).await?;
        write(&folder.join("airings.csv"), airings)?;
        let status = stage.daemon.stop().await?;
        if status.success() { Ok(begun) } else { bail!("the monitor's daemon ended with {status}") }
    }

    /// Waits for a sight and leaves its picture.
    fn see(&mut self, sight: Sight, name: &str) -> Result<()> {
        let file = format!("screen-{name}.png");
        block_in_place(|| {
            self.glass.want(sight)?;
            self.glass.found(Some(&self.out.join(&file)))
        })?;
        out(&format!("{file}\n"));
        Ok(())
    }

    async fn facts(&self, of: &str) -> Result<Vec<Fact>> {
        kind(&self.stage, of).await
    }

    async fn press(&mut self, path: &str, body: Value) -> Result<()> {
        self.n_pressed += 1;
        // A device of its own each, so that no press is taken for a double one.
        let press = Press { device: format!("show/{}", self.n_pressed), path: path.to_owned(), body };
        let answered = self.stage.api.press(press, format!("show-{}", self.n_pressed)).await?;
        match answered.code() {
            Some(code) => bail!("the daemon refused {path}: {code}, {}", answered.answer),
            None => Ok(()),
        }
    }
}

/// Returns the facts of a kind, as they were exported.
async fn kind(stage: &Stage, of: &str) -> Result<Vec<Fact>> {
    let facts = facts::read(&stage.daemon.ask(&["journal", "export"]).await?)?;
    Ok(facts.into_iter().filter(|fact| fact.kind == of).collect())
}

/// Waits until something is true.
pub(crate) async fn until<T>(within: Duration, what: &str, is: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let looking = async {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            if let Some(found) = is().await? {
                return Ok(found);
            }
        }
    };
    tokio::time::timeout(within, looking).await.with_context(|| format!("it never came true that {what}"))?
}

/// Returns the files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot look into {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Returns a revision of a table for the demo's day, whole days long.
pub(crate) fn table(revision: u32, items: Vec<Value>) -> Result<Value> {
    let midnight = instant_ms(&starts(0))?;
    let slots = json!([{"slot": "day", "from": "0:00", "to": "24:00", "items": items}]);
    Ok(json!({"table": "week48", "revision": revision, "from": midnight, "to": midnight + 7 * DAY_MS,
        "deadline": midnight + DAY_MS, "slots": slots}))
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
