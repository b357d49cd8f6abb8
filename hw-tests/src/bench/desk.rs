//! Tablets at the desk: how soon a press on one is seen on every other.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Bench;
use super::boards::open;
use super::client::{Client, get};
use super::daemon::{Daemon, With};
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::stream::take_events;
use super::wire;
use crate::demo::daemon::SITE;
use crate::demo::stopwatch::Stopwatch;

/// Tablets of a large clinic.
const N_TABLETS: usize = 15;

/// Patients who take a ticket, are called, enter and leave.
const N_PATIENTS: usize = 60;

/// People who wait all the while: a page of an ordinary morning.
const N_WAITING: usize = 40;

/// How long a tablet may take to show something.
const SHOW_FOR: Duration = Duration::from_secs(10);

/// What a tablet reads of the desk's view.
#[derive(Deserialize)]
struct Seen {
    n_facts: u64,
}

/// A tablet that shows the facts up to one, since an instant.
struct Shown {
    tablet: usize,
    at: Duration,
    n_facts: u64,
}

/// Measures tablets.
///
/// # Errors
/// The daemon fails, or a tablet shows nothing.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    let (daemon, presses) = Daemon::open(&bench.program, folder.path(), With::default())?;
    let watch = Stopwatch::start();
    let (tell, told) = channel();
    for tablet in 0..N_TABLETS {
        follow(presses.address(), tablet, watch, tell.clone())?;
    }
    drop(tell);
    let mut desk = Client::connect(presses.address())?;
    let mut press = |request: &[u8]| -> Result<(Duration, u64)> {
        let began = watch.read();
        desk.ask(request)?;
        let seen: Seen = serde_json::from_slice(desk.ask(&get(presses.address(), "/api/v1/desk"))?)?;
        Ok((began, seen.n_facts))
    };
    for _ in 0..N_WAITING {
        let (_, n_facts) = press(&presses.ticket())?;
        wait(&told, n_facts)?;
    }
    let mut shown_after = Samples::default();
    for _ in 0..N_PATIENTS {
        let room = |act: &str| presses.press(&format!("rooms/room1/{act}"), "{}");
        let ticket = presses.press(&format!("lines/{SITE}-1/tickets"), r#"{"channel":"kiosk"}"#);
        for request in [ticket, room("call"), room("enter"), room("finish")] {
            let (began, n_facts) = press(&request)?;
            let all = wait(&told, n_facts)?;
            shown_after.extend(all.into_iter().map(|at| at.saturating_sub(began)));
        }
    }
    let told = format!(
        "p50 {} ms, worst {} ms, {N_TABLETS} tablets that ask for their page after each change, {N_WAITING} people on it",
        shown(shown_after.p50_ms()),
        shown(shown_after.worst_ms())
    );
    report.add("from a press to every other tablet, p99", (shown_after.p99_ms(), "ms"), AtMost(100.0), told);
    wire::weigh(presses.address(), report)?;
    if let Err(cause) = wire::press_slowly(&presses, report) {
        report.leave_out("a press on a slow tablet", &cause);
    }
    daemon.stop()
}

/// Lets a tablet follow the desk as its page does: told that something changed, it asks for what it shows.
fn follow(address: SocketAddr, tablet: usize, watch: Stopwatch, tell: Sender<Shown>) -> Result<()> {
    let mut events = open(address, "/api/v1/desk/events")?;
    let mut page = Client::connect(address)?;
    // Ends with the stream, or when nobody listens any more.
    std::thread::spawn(move || -> Result<()> {
        let (mut received, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
        loop {
            let n_bytes = events.read(&mut chunk).context("the stream broke")?;
            received.extend_from_slice(chunk.get(..n_bytes).unwrap_or_default());
            if n_bytes == 0 {
                return Ok(());
            }
            if take_events(&mut received).is_empty() {
                continue;
            }
            let seen: Seen = serde_json::from_slice(page.ask(&get(address, "/api/v1/desk"))?)?;
            tell.send(Shown { tablet, at: watch.read(), n_facts: seen.n_facts })?;
        }
    });
    Ok(())
}

/// Waits until every tablet shows so many facts, and returns since when each does.
fn wait(told: &Receiver<Shown>, n_facts: u64) -> Result<Vec<Duration>> {
    let mut since = vec![None; N_TABLETS];
    while since.iter().any(Option::is_none) {
        let shown = told.recv_timeout(SHOW_FOR).context("a tablet shows nothing new")?;
        if let Some(at) = since.get_mut(shown.tablet).filter(|at| at.is_none() && shown.n_facts >= n_facts) {
            *at = Some(shown.at);
        }
    }
    Ok(since.into_iter().flatten().collect())
}
