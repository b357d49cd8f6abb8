//! `kill -9` at random moments of a busy morning, of the daemon and of the screen: each is back within a second, nothing
//! that was answered is lost, no number is given twice, and no ticket is printed twice by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::demo::progress::out;
use machiai_hw_tests::demo::stage::{Stage, furnish};
use machiai_hw_tests::glass::child::GlassChild;
use machiai_hw_tests::hub::{soon, within};
use machiai_hw_tests::power::cuts::times_torture;
use machiai_hw_tests::printer::Paper;
use machiai_panel::dots::Dots;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

/// Kills of one morning: more would use up its numbers.
const N_OF_MORNING: usize = 30;

/// Within which each is back: the daemon when it answers, the screen when it has composed a frame.
const BACK_WITHIN: Duration = Duration::from_secs(1);

/// Kiosks and rooms at which somebody presses without rest.
const N_KIOSKS: usize = 3;
const ROOMS: [&str; 3] = ["room1", "room2", "room3"];

/// What presses got for an answer.
#[derive(Debug, Default)]
struct Answered {
    /// Labels of tickets.
    labels: Vec<String>,
    /// Keys of presses that were carried out.
    keys: Vec<String>,
}

/// Presses one button after the other; each is sent again with its key until it is answered.
async fn press_on(
    api: Api,
    kiosk: Option<usize>,
    (n_answered, stop): (Arc<AtomicUsize>, CancellationToken),
) -> Answered {
    let (mut answered, mut nth) = (Answered::default(), 0_usize);
    while !stop.is_cancelled() {
        let (device, path, body) = match kiosk {
            Some(kiosk) => {
                let line = 1 + nth % 2;
                (format!("kiosk/{kiosk}-{nth}"), format!("lines/{SITE}-{line}/tickets"), json!({"channel": "kiosk"}))
            }
            None => {
                let (room, act) = (ROOMS[nth / 3 % 3], ["call", "enter", "finish"][nth % 3]);
                (format!("{room}/{nth}"), format!("rooms/{room}/{act}"), json!({}))
            }
        };
        let key = format!("{device}-{path}");
        let told = loop {
            match api.press(Press { device: device.clone(), path: path.clone(), body: body.clone() }, key.clone()).await
            {
                Ok(told) => break told,
                // Nobody is there for a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        n_answered.fetch_add(1, Ordering::SeqCst);
        if told.is_done() {
            let tickets = told.answer["tickets"].as_array().into_iter().flatten();
            answered.labels.extend(tickets.map(|ticket| ticket["label"].as_str().unwrap().to_owned()));
            answered.keys.push(key);
        }
        nth += 1;
        // A morning's presses last for all its kills.
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    answered
}

/// How long each took to come back.
#[derive(Debug, Default)]
struct Back {
    daemon: Vec<Duration>,
    screen: Vec<Duration>,
}

impl Back {
    fn say(&self) {
        for (who, took) in [("daemon", &self.daemon), ("screen", &self.screen)] {
            let mut sorted = took.clone();
            sorted.sort();
            let ms = |took: Option<&Duration>| took.map_or(0, Duration::as_millis);
            let (median, worst) = (ms(sorted.get(sorted.len() / 2)), ms(sorted.last()));
            out(&format!("{who}: {} kills, back after {median} ms in the median, {worst} ms at worst\n", sorted.len()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a real process takes")]
fn now() -> Instant {
    Instant::now()
}

async fn kill_daemon(stage: &mut Stage) -> Duration {
    let killed = now();
    stage.daemon.kill().unwrap();
    stage.daemon.run().await.unwrap();
    stage.api.status().await.unwrap();
    killed.elapsed()
}

fn kill_screen(glass: &mut Option<GlassChild>, socket: &Path) -> Duration {
    let killed = now();
    // It is killed as it is let go of.
    drop(glass.take());
    *glass = Some(GlassChild::start(Path::new(env!("CARGO_BIN_EXE_machiai-demo")), socket).unwrap());
    killed.elapsed()
}

/// Lives through a morning with so many kills.
async fn morning(seed: u64, n_kills: usize, back: &mut Back) {
    let folder = super::pictures("kills");
    let mut stage = super::stage(&folder).await;
    furnish(&stage.api).await.unwrap();
    let socket = stage.daemon.state().join("screen.sock");
    let mut glass = None;
    block_in_place(|| kill_screen(&mut glass, &socket));
    let (n_answered, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let kiosks = (0..N_KIOSKS).map(Some).chain([None]);
    let pressing: Vec<JoinHandle<Answered>> = kiosks
        .map(|kiosk| tokio::spawn(press_on(stage.api.clone(), kiosk, (Arc::clone(&n_answered), stop.clone()))))
        .collect();
    let mut chance = Chance::new(seed);
    for nth in 0..n_kills {
        // Somewhere between two answers: some of them, and a random span of the machine's time.
        let enough = n_answered.load(Ordering::SeqCst) + chance.below(10_usize);
        let is_amid = async || (n_answered.load(Ordering::SeqCst) >= enough).then_some(());
        soon("people press on", is_amid).await.unwrap();
        (0..chance.below(2_000_000_u64)).for_each(|n| {
            std::hint::black_box(n);
        });
        if nth % 4 == 3 {
            back.screen.push(block_in_place(|| kill_screen(&mut glass, &socket)));
        } else {
            back.daemon.push(kill_daemon(&mut stage).await);
        }
    }
    stop.cancel();
    let mut answered = Vec::new();
    for one in pressing {
        answered.push(one.await.unwrap());
    }
    judge(&stage, &answered).await;
}

/// Judges what is in the journal and on paper by what was answered.
async fn judge(stage: &Stage, answered: &[Answered]) {
    let is_printed = async || (stage.api.status().await.ok()?.n_printing == 0).then_some(());
    within(Duration::from_secs(120), "all tickets are printed", is_printed).await.unwrap();
    let facts = stage.daemon.ask(&["journal", "export"]).await.unwrap();
    let facts: Vec<Value> = facts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| -> Vec<&Value> { facts.iter().filter(|fact| fact["kind"] == kind).collect() };

    let labels: Vec<&str> = of("TicketIssued").iter().map(|fact| fact["body"]["label"].as_str().unwrap()).collect();
    let given: BTreeSet<&str> = labels.iter().copied().collect();
    assert_eq!(given.len(), labels.len(), "a number was given twice: {labels:?}");
    let told: Vec<&str> = answered.iter().flat_map(|one| one.labels.iter().map(String::as_str)).collect();
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "a number was answered twice");
    let lost: Vec<_> = told.iter().filter(|label| !given.contains(*label)).collect();
    assert!(lost.is_empty() && told.len() > 50, "answered and lost: {lost:?} of {}", told.len());
    let kept = facts.iter().filter_map(|fact| fact["cmd"].as_str()?.split_once('#'));
    let kept: BTreeSet<&str> = kept.map(|(key, _)| key).collect();
    let lost: Vec<_> = answered.iter().flat_map(|one| &one.keys).filter(|key| !kept.contains(key.as_str())).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");

    // Each attempt ended once, and is on paper at most once.
    let name = |fact: &Value| (fact["body"]["visit"].as_str().unwrap().to_owned(), fact["body"]["attempt"].to_string());
    let mut ends: BTreeMap<(String, String), usize> = of("PrintBegun").iter().map(|fact| (name(fact), 0)).collect();
    let n_begun = of("PrintBegun").len();
    assert_eq!(ends.len(), n_begun, "an attempt began twice");
    of("PrintEnded").iter().for_each(|fact| *ends.get_mut(&name(fact)).unwrap() += 1);
    assert!(ends.values().all(|n| *n == 1), "an attempt ended not once: {ends:?}");
    let n_printed = of("PrintEnded").iter().filter(|fact| fact["body"]["outcome"] == "printed").count();
    // What was half printed when the daemon died hangs out until it is torn off.
    stage.printer.tear();
    let papers = stage.printer.papers();
    assert!((n_printed..=n_begun + 1).contains(&papers.len()), "{n_printed} {} {n_begun}", papers.len());
    assert_eq!(twice(&papers), Vec::<(usize, usize)>::new(), "papers that bear the same ticket");
}

/// Finds papers that end with a whole other one: a scrap of an attempt that was cut short may hang before it.
fn twice(papers: &[Paper]) -> Vec<(usize, usize)> {
    let ends_with = |long: &Paper, short: &Paper| {
        long.number != short.number && !short.dots.rows.is_empty() && long.dots.rows.ends_with(&short.dots.rows)
    };
    let pairs = papers.iter().flat_map(|long| papers.iter().map(move |short| (long, short)));
    pairs.filter(|(long, short)| ends_with(long, short)).map(|(long, short)| (long.number, short.number)).collect()
}

#[test]
fn a_paper_that_ends_with_a_whole_other_one_is_found() {
    let paper = |number: usize, rows: &[u8]| {
        let height = u32::try_from(rows.len()).unwrap();
        let dots = Dots { width: 8, height, rows: rows.to_vec(), number_rows: None };
        Paper { number, dots, raw: Vec::new(), garbage: 0 }
    };
    let papers = [paper(1, &[1, 2, 3]), paper(2, &[1, 2, 4]), paper(3, &[9, 1, 2, 3])];
    assert_eq!(twice(&papers), [(3, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_is_back_within_a_second_and_nothing_answered_is_lost_or_given_twice() {
    let n_mornings = if times_torture(1) > 1 { 34 } else { 1 };
    let mut back = Back::default();
    for seed in 0..n_mornings {
        morning(seed, N_OF_MORNING, &mut back).await;
        back.say();
    }
    let slow: Vec<_> = back.daemon.iter().chain(&back.screen).filter(|took| **took > BACK_WITHIN).collect();
    assert!(slow.is_empty(), "back too late: {slow:?}");
}
