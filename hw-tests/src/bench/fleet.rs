//! Many boxes on one hub: what each of them holds there, what they cost while nothing happens, how soon a change reaches
//! one, and whether all are served that come back together.

mod boxes;
mod held;
pub mod node;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use machiai_core::ids::{Origin, SiteId};
use machiai_hub::door::authority::Authority;
use machiai_hub::door::draw_code;
use machiai_hub::serve::now_s;
use machiai_hub::store::Store;
use machiai_hub::store::devices::Replaces;
use machiai_wire::enrol::Code;
use machiai_wire::said::Failure;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::Bench;
use super::child::Talker;
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::machine;
use super::relay::Relay;
use crate::demo::progress::out;
use boxes::{Fleet, Idle, Tells, in_clear};
use held::Held;

/// Boxes, each of a site of its own.
const N_BOXES: u32 = 10_000;

/// For how long nothing happens, and how often something changes then for one site.
const QUIET_FOR: Duration = Duration::from_secs(90);
const N_CHANGES: u32 = 500;

/// Boxes that come back together, and what each holds: the facts of 14 days.
const N_BACK: u32 = 1_000;
const N_FACTS: u64 = 45_000;

/// Openings of a journal that a site has behind it.
const N_ORIGINS: u64 = 5_000;

/// How long boxes may say nothing; those that come back together are done together, after all that time.
const SAY_WITHIN: Duration = Duration::from_secs(120);
const EVEN_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How boxes speak to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    InClear,
    Tls,
}

/// Measures a fleet.
///
/// # Errors
/// A hub fails, or boxes are not served.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    for (speaks, name, most_kib) in [(Speaks::InClear, "without TLS", 24.0), (Speaks::Tls, "over TLS", 48.0)] {
        out(&format!("{N_BOXES} boxes {name}\n"));
        connected(bench, (speaks, name, most_kib), report).with_context(|| format!("boxes {name}"))?;
    }
    idle(bench, report).context("a site with many origins")?;
    out(&format!("{N_BACK} boxes with {N_FACTS} facts each\n"));
    back_together(bench, report).context("boxes that come back")
}

/// A hub of some sites, whose boxes may be enrolled.
struct Hub {
    talker: Talker,
    address: String,
    codes: Vec<Code>,
    _folder: TempDir,
}

impl Hub {
    /// Starts a hub of so many sites.
    fn start(bench: &Bench, n_sites: u32, speaks: Speaks) -> Result<Self> {
        let folder = bench.folder()?;
        let store = format!("sqlite:{}", folder.path().join("hub.db").display());
        let codes = open_sites((&store, folder.path()), n_sites, speaks)?;
        let mut command = Command::new(&bench.this);
        command.arg(node::WORD).arg("--state").arg(folder.path()).args(["--store", &store]);
        if speaks == Speaks::InClear {
            command.arg("--in-clear");
        }
        let mut talker = Talker::start(command.stderr(Stdio::null()))?;
        let scheme = if speaks == Speaks::Tls { "https" } else { "http" };
        let address = format!("{scheme}://{}", talker.ready()?);
        Ok(Self { talker, address, codes, _folder: folder })
    }

    /// Returns boxes that it knows, one of each site.
    fn boxes(&self, fleet: &Fleet, n_sites: u32) -> Result<Vec<Idle>> {
        if self.codes.is_empty() {
            in_clear((1..=n_sites).map(SiteId))
        } else {
            fleet.enrol(&self.address, &self.codes)
        }
    }

    fn pss_kib(&self) -> Result<f64> {
        machine::pss_kib(self.talker.pid())
    }

    fn used(&self) -> Result<Duration> {
        machine::used_by(self.talker.pid())
    }
}

/// Makes a store of so many sites, and draws a code for each where boxes are to be enrolled.
fn open_sites((store, state): (&str, &Path), n_sites: u32, speaks: Speaks) -> Result<Vec<Code>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let store = Store::open(store).await.context("cannot open the store")?;
        if speaks == Speaks::Tls {
            // Codes name the authority, which is made once.
            Authority::open(state).context("no authority")?;
        }
        let mut opening = JoinSet::new();
        for site in (1..=n_sites).map(SiteId) {
            let (store, state) = (store.clone(), state.to_owned());
            opening.spawn(async move {
                store.add_site(site).await?;
                if speaks == Speaks::InClear {
                    return Ok::<_, anyhow::Error>(None);
                }
                draw_code((&store, &state), (site, Replaces::Nothing), now_s()).await.map(Some).map_err(Into::into)
            });
        }
        opening.join_all().await.into_iter().filter_map(Result::transpose).collect()
    })
}

/// A box that holds nothing.
fn new_box(site: SiteId) -> Result<(Vec<Origin>, Held)> {
    let own = origin((u64::from(site.0) << 32) | 1);
    Ok((vec![own], Held::new(site, [])?))
}

fn origin(nth: u64) -> Origin {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&nth.to_be_bytes());
    Origin::from_bytes(bytes)
}

/// Has all boxes listen, and changes something for one after the other.
fn connected(bench: &Bench, (speaks, name, most_kib): (Speaks, &str, f64), report: &mut Report) -> Result<()> {
    let mut hub = Hub::start(bench, N_BOXES, speaks)?;
    let before_kib = hub.pss_kib()?;
    let mut fleet = Fleet::new()?;
    let (watch, boxes) = (fleet.watch(), hub.boxes(&fleet, N_BOXES)?);
    let enrolled_in = watch.read();
    fleet.run(&hub.address, &boxes, new_box)?;
    fleet.listen(boxes.len(), SAY_WITHIN)?;
    let listening_in = watch.read().saturating_sub(enrolled_in);

    let used = hub.used()?;
    let quiet_from = watch.read();
    watch.wait_until(quiet_from + QUIET_FOR);
    let used = hub.used()?.saturating_sub(used).as_secs_f64();
    let quiet_s = watch.read().saturating_sub(quiet_from).as_secs_f64();
    let kib = hub.pss_kib()?;
    let told = format!(
        "{} MiB before, {} MiB with {N_BOXES}, all listening after {} s",
        shown(before_kib / 1_024.0),
        shown(kib / 1_024.0),
        shown(listening_in.as_secs_f64())
    );
    let each = (kib - before_kib) / f64::from(N_BOXES);
    report.add(&format!("memory of the hub for a box {name}"), (each, "KiB"), AtMost(most_kib), told);
    let told = format!("{} s of processor in {} s", shown(used), shown(quiet_s));
    let percent = 100.0 * used / quiet_s;
    report.add(&format!("signs of life of {N_BOXES} boxes {name}, of one core"), (percent, "%"), AtMost(5.0), told);

    let changes = change(&mut hub, &mut fleet)?;
    let told = format!("p50 {} ms, worst {} ms of {N_CHANGES}", shown(changes.p50_ms()), shown(changes.worst_ms()));
    report.add(&format!("a change at a box {name}, p99"), (changes.p99_ms(), "ms"), AtMost(100.0), told);
    drop(fleet);
    hub.talker.finish()
}

/// Changes something for one box after the other, and waits until it has it.
fn change(hub: &mut Hub, fleet: &mut Fleet) -> Result<Samples> {
    let mut samples = Samples::default();
    for nth in 0..N_CHANGES {
        // One after the other, far apart.
        let site = SiteId(1 + (nth * 7_919) % N_BOXES);
        let from = fleet.watch().read();
        hub.talker.say(&site.to_string())?;
        let heard_at = loop {
            match fleet.next(SAY_WITHIN)? {
                Tells::Heard(of, at) if of == site => break at,
                Tells::Failed(site, failure) => bail!("site {site}: {failure:?}"),
                Tells::GaveUp(site) => bail!("site {site} is not answered"),
                Tells::Heard(..) | Tells::Listens | Tells::IsEven => {}
            }
        };
        samples.extend([heard_at.saturating_sub(from)]);
    }
    Ok(samples)
}

/// Lets a box with many origins behind it ask what each side lacks, when neither lacks anything.
fn idle(bench: &Bench, report: &mut Report) -> Result<()> {
    let hub = Hub::start(bench, 1, Speaks::Tls)?;
    let mut fleet = Fleet::new()?;
    let boxes = hub.boxes(&fleet, 1)?;
    let line = Relay::open(hub.address.trim_start_matches("https://").parse()?, None)?;
    let address = format!("https://{}", line.address());
    let held = |site| Ok((vec![origin(0)], Held::new(site, (0..N_ORIGINS).map(|nth| (origin(nth), 1)))?));
    fleet.run(&address, &boxes, held)?;
    even(&mut fleet, 1)?;
    // A second session over the line that stands: the machine begins anew, what it holds does not.
    let before = line.n_bytes();
    fleet.run(&address, &boxes, held)?;
    even(&mut fleet, 1)?;
    let n_bytes = line.n_bytes() - before;
    let told = format!("{before} bytes when the hub had none of them");
    report.add("an idle sync of a site with 5,000 origins", (n_bytes as f64, "B"), AtMost(2_000.0), told);
    drop(fleet);
    hub.talker.finish()
}

/// Waits until the hub holds what boxes hold; counts what was not answered, and what was put off.
fn even(fleet: &mut Fleet, n_boxes: u32) -> Result<(u32, u32)> {
    let (mut n_even, mut n_unanswered, mut n_put_off) = (0, 0, 0);
    while n_even < n_boxes {
        match fleet.next(EVEN_WITHIN).with_context(|| format!("{n_even} of {n_boxes} boxes are even"))? {
            Tells::IsEven => n_even += 1,
            Tells::GaveUp(_) | Tells::Failed(_, Failure::NoLine) => n_unanswered += 1,
            Tells::Failed(_, Failure::Busy { .. }) => n_put_off += 1,
            Tells::Failed(site, failure) => bail!("site {site}: {failure:?}"),
            Tells::Listens | Tells::Heard(..) => {}
        }
    }
    Ok((n_unanswered, n_put_off))
}

/// Lets many boxes send the facts of two weeks at once.
fn back_together(bench: &Bench, report: &mut Report) -> Result<()> {
    let hub = Hub::start(bench, N_BACK, Speaks::Tls)?;
    let mut fleet = Fleet::new()?;
    let boxes = hub.boxes(&fleet, N_BACK)?;
    let (watch, used) = (fleet.watch(), hub.used()?);
    let from = watch.read();
    let held = |site: SiteId| {
        let own = origin((u64::from(site.0) << 32) | 1);
        Ok((vec![own], Held::new(site, [(own, N_FACTS)])?))
    };
    fleet.run(&hub.address, &boxes, held)?;
    let (n_unanswered, n_put_off) = even(&mut fleet, N_BACK)?;
    let took = watch.read().saturating_sub(from);
    ensure!(took > Duration::ZERO, "no time passed");
    let told = format!(
        "{} million facts in {} s, {} s of the hub's processor, {} MiB of memory, {n_put_off} put off",
        shown(f64::from(N_BACK) * N_FACTS as f64 / 1e6),
        shown(took.as_secs_f64()),
        shown(hub.used()?.saturating_sub(used).as_secs_f64()),
        shown(hub.pss_kib()? / 1_024.0)
    );
    let what = format!("questions of {N_BACK} boxes that came back together without an answer");
    report.add(&what, (f64::from(n_unanswered), ""), AtMost(0.0), told);
    drop(fleet);
    hub.talker.finish()
}
