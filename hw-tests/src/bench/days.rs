//! The daemon's memory through simulated days: a clinic whose clock runs fast, the same load each day, a board that looks.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use machiai_core::time::{AtMs, Day};
use serde_json::{Value, json};

use super::Bench;
use super::daemon::SETTINGS;
use super::figures::Limit::AtMost;
use super::figures::{Report, shown};
use crate::demo::api::{Api, Press};
use crate::demo::daemon::{Daemon, SITE, Setting};
use crate::demo::stopwatch::Stopwatch;
use crate::hub::within;

/// Days that pass.
const N_DAYS: i32 = 24;

/// How many times faster than real time they pass: a day is twenty seconds. What the house does every ten seconds is then
/// done between the last patient and the look, the day's copy of the journal too: each day is a whole one.
const SPEED: u32 = 4_320;

/// Patients of a day: each takes a ticket, is called, comes in and is done.
const N_PATIENTS: u32 = 40;

/// When a day begins, and when it is looked at, in minutes.
const BEGINS_MIN: i32 = 9 * 60;
const ENDS_MIN: i32 = 23 * 60;

/// The most that the daemon may hold, in MiB, and how far its last day may lie from its first.
const MOST_MIB: f64 = 64.0;
const MOST_GROWTH: f64 = 1.05;

/// How long a day may take to come.
const COMES_WITHIN: Duration = Duration::from_secs(120);

/// Measures the daemon.
///
/// # Errors
/// It fails, or a day never comes.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(pass(bench, report))
}

async fn pass(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    let setting = Setting {
        program: &bench.program,
        folder: folder.path(),
        settings: SETTINGS,
        rehearsal: ("2026-11-24T08:00:00+09:00".to_owned(), SPEED),
        has_lan: false,
        hub: None,
        log: &folder.path().join("machiai.log"),
    };
    let mut daemon = Daemon::start(&setting).await?;
    let api = Api::new(daemon.address(), Stopwatch::start())?;
    let mut board = api.events("board/events").await?;
    let looking = tokio::spawn(async move { while let Ok(Some(_)) = board.chunk().await {} });
    let first = Day::holding(AtMs(api.status().await?.now_ms), 0);
    let mut mib = Vec::new();
    for nth in 0..N_DAYS {
        let day = first.plus_days(nth);
        until(&api, day.at_min(BEGINS_MIN)).await?;
        live(&api, nth).await?;
        until(&api, day.at_min(ENDS_MIN)).await?;
        let copy = daemon.state().join("backups").join(format!("journal-{day}.db"));
        ensure!(copy.exists(), "the journal was not copied on {day}: it was no whole day");
        mib.push(daemon.pss_kib()? / 1_024.0);
    }
    let n_facts = api.status().await?.n_facts;
    looking.abort();
    daemon.stop().await?;
    let (before, after) = (mib.first().copied().unwrap_or_default(), mib.last().copied().unwrap_or_default());
    let most = mib.iter().copied().fold(0.0, f64::max);
    let each = mib.iter().map(|mib| shown(*mib)).collect::<Vec<_>>().join(" ");
    let told = format!("{n_facts} facts; MiB at each day's end: {each}");
    report.add("the daemon's memory at most, through 24 days", (most, "MiB"), AtMost(MOST_MIB), told.clone());
    report.add("the daemon's memory after 24 days over the first", (after / before, "x"), AtMost(MOST_GROWTH), told);
    Ok(())
}

/// Lives through a day's patients.
async fn live(api: &Api, day: i32) -> Result<()> {
    for line in 1..=4 {
        press(api, (day, line), &format!("lines/{SITE}-{line}/open"), json!({"session": "day"})).await?;
    }
    for nth in 0..N_PATIENTS {
        let (line, room) = (1 + nth % 3, 1 + nth % 3);
        let ticket = json!({"channel": "desk", "name": "山田太郎"});
        press(api, (day, 10 + nth), &format!("lines/{SITE}-{line}/tickets"), ticket).await?;
        for act in ["call", "enter", "finish"] {
            press(api, (day, 10 + nth), &format!("rooms/room{room}/{act}"), json!({})).await?;
        }
    }
    Ok(())
}

async fn press(api: &Api, (day, nth): (i32, u32), path: &str, body: Value) -> Result<()> {
    // A device of its own each, so that no press is taken for a double one; the same every day.
    let key = format!("{day}-{nth}-{path}");
    let press = Press { device: format!("desk/{nth}"), path: path.to_owned(), body };
    let answered = api.press(press, key).await?;
    match answered.code() {
        Some(code) => bail!("the daemon refused {path}: {code}"),
        None => Ok(()),
    }
}

/// Waits until the daemon's clock shows an instant.
async fn until(api: &Api, at: AtMs) -> Result<()> {
    let is_there = async || (api.status().await.ok()?.now_ms >= at.0).then_some(());
    within(COMES_WITHIN, "the next day comes", is_there).await
}
