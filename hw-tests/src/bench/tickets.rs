//! Tickets over HTTP, answered after the commit: against a bare commit, against express, and by the processor's time.

use anyhow::{Context, Result};

use super::Bench;
use super::client::{Client, Presses, Storm, storm};
use super::commits::RawCommits;
use super::daemon::{Daemon, With};
use super::express::Express;
use super::figures::Limit::{AtLeast, AtMost};
use super::figures::{Report, Samples, shown};

/// Rounds in which all that is compared takes turns, so that what else the machine does hits all alike.
const N_ROUNDS: usize = 12;

/// Tickets or commits of one round by one client, one after the other.
const N_EACH: usize = 200;

/// Clients that press at the same time, and how many tickets each takes in a round.
const N_CLIENTS: usize = 8;
const N_EACH_OF_MANY: usize = 100;

/// Tickets per client over which the processor's time is taken, which is told in hundredths of a second.
const N_EACH_FOR_TIME: usize = 1_000;

/// What takes tickets: one client, then several.
struct Counter {
    presses: Presses,
    one: Vec<Client>,
    many: Vec<Client>,
    by_one: Storm,
    by_many: Storm,
}

impl Counter {
    fn new(presses: Presses) -> Result<Self> {
        let (mut one, mut many) =
            (Client::several(presses.address(), 1)?, Client::several(presses.address(), N_CLIENTS)?);
        // The first tickets find nothing ready: they are not counted.
        storm(&mut one, &presses, N_EACH / 4)?;
        storm(&mut many, &presses, N_EACH_OF_MANY / 4)?;
        Ok(Self { presses, one, many, by_one: Storm::default(), by_many: Storm::default() })
    }

    fn round(&mut self) -> Result<()> {
        self.by_one.add(&storm(&mut self.one, &self.presses, N_EACH)?);
        self.by_many.add(&storm(&mut self.many, &self.presses, N_EACH_OF_MANY)?);
        Ok(())
    }
}

/// Measures tickets on the disk of the bench's folder.
///
/// # Errors
/// The daemon or the raw commits fail.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    let (daemon, presses) = Daemon::open(&bench.program, folder.path(), With::default())?;
    let mut ours = Counter::new(presses).context("machiai")?;
    let mut raw = RawCommits::start(bench, folder.path(), None)?;
    raw.round(N_EACH)?;
    // Dropped in the end, the server ends.
    let (mut rival, server) = match Express::start(&bench.work.join("express"), folder.path()) {
        Ok(Express { presses, talker }) => (Some(Counter::new(presses).context("express")?), Some(talker)),
        Err(cause) => {
            report.leave_out("tickets against express 5 + better-sqlite3", &cause);
            (None, None)
        }
    };
    let mut commits = Samples::default();
    for _ in 0..N_ROUNDS {
        commits.extend(raw.round(N_EACH)?.times());
        ours.round().context("machiai")?;
        if let Some(rival) = &mut rival {
            rival.round().context("express")?;
        }
    }
    drop((server, raw));
    let told = format!(
        "ticket {} ms, raw insert and commit {} ms, {} of each",
        shown(ours.by_one.answers.p50_ms()),
        shown(commits.p50_ms()),
        commits.n()
    );
    let ratio = ours.by_one.answers.p50_ms() / commits.p50_ms();
    report.add("ticket over raw commit, p50", (ratio, "x"), AtMost(4.0), told);
    if let Some(rival) = &rival {
        compare(&ours, rival, report);
    }
    processor_time(&daemon, &mut ours, report)?;
    daemon.stop()
}

fn compare(ours: &Counter, rival: &Counter, report: &mut Report) {
    let (our_one, their_one) = (&ours.by_one.answers, &rival.by_one.answers);
    let both = |ours: f64, theirs: f64, unit: &str| {
        (ours / theirs, format!("machiai {} {unit}, express {} {unit}", shown(ours), shown(theirs)))
    };
    let (ratio, told) = both(our_one.p50_ms(), their_one.p50_ms(), "ms");
    report.add("ticket over express + better-sqlite3, p50", (ratio, "x"), AtMost(1.0), told);
    let (ratio, told) = both(our_one.p99_ms(), their_one.p99_ms(), "ms");
    report.add("ticket over express + better-sqlite3, p99", (ratio, "x"), AtMost(1.0), told);
    let (ratio, told) = both(ours.by_many.per_s(), rival.by_many.per_s(), "tickets/s");
    let what = format!("throughput of {N_CLIENTS} clients over express + better-sqlite3");
    report.add(&what, (ratio, "x"), AtLeast(1.0), told);
}

/// Takes the daemon's processor time over many tickets, while no board looks.
fn processor_time(daemon: &Daemon, ours: &mut Counter, report: &mut Report) -> Result<()> {
    let before = daemon.used()?;
    let storm = storm(&mut ours.many, &ours.presses, N_EACH_FOR_TIME)?;
    let used = daemon.used()?.saturating_sub(before);
    let n_tickets = storm.answers.n();
    let each_ms = used.as_secs_f64() * 1e3 / n_tickets as f64;
    let told = format!(
        "{} ms over {n_tickets} tickets of {N_CLIENTS} clients, {} tickets/s, no board open",
        used.as_millis(),
        shown(storm.per_s())
    );
    report.add("processor time per ticket", (each_ms, "ms"), AtMost(0.1), told);
    Ok(())
}
