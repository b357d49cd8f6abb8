//! Fifteen tablets that press any button at random, at the same time: the queue stays right, whatever crosses, and
//! every tablet's page shows it.

mod buttons;
#[path = "../../../appliance/core/tests/it/properties/sound.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "most facts give no number")]
mod sound;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machiai_core::desk::desk;
use machiai_core::envelope::Envelope;
use machiai_core::queue::Clinic;
use machiai_core::time::AtMs;
use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::demo::api::Api;
use machiai_hw_tests::demo::daemon::{Daemon, Program, Setting};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::buttons::{PLACES, Tablet};

const SETTINGS: &str = include_str!("../../data/walk-settings.toml");
const N_TABLETS: usize = 15;
/// Presses of all tablets in all rounds, and the rounds, after each of which all pages are compared.
const N_PRESSES: usize = 10_000;
const N_ROUNDS: usize = 10;
/// How long a page may take to show what it was told of.
const PAGE_FOR: Duration = Duration::from_secs(20);

/// A tablet's page, drawn again whenever the daemon says that something changed.
struct Page {
    seen: watch::Receiver<Value>,
}

impl Page {
    /// Opens the page and lets it follow the daemon until the test ends.
    async fn open(api: &Api, following: &mut JoinSet<()>) -> Self {
        let (show, seen) = watch::channel(api.get("desk").await.unwrap());
        let mut events = api.events("desk/events").await.unwrap();
        let api = api.clone();
        following.spawn(async move {
            // Ends with the daemon.
            while let Ok(Some(_event)) = events.chunk().await {
                let Ok(view) = api.get("desk").await else { return };
                show.send_replace(view);
            }
        });
        Self { seen }
    }

    /// Waits until the page shows so many facts, and returns what stands on it.
    async fn showing(&mut self, n_facts: u64) -> Value {
        let shown = self.seen.wait_for(|view| view["n_facts"].as_u64() >= Some(n_facts));
        let shown = tokio::time::timeout(PAGE_FOR, shown).await;
        shown.expect("a page has not heard of the last fact").unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifteen_tablets_at_random_leave_the_queue_right_and_see_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
    let setting = Setting {
        program: &program,
        folder: folder.path(),
        settings: SETTINGS,
        rehearsal: ("2026-11-24T09:00:00+09:00".to_owned(), 1),
        has_lan: false,
        hub: None,
        log: &folder.path().join("machiai.log"),
    };
    let mut daemon = Daemon::start(&setting).await.unwrap();
    let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
    let mut following = JoinSet::new();
    let mut tablets = Vec::new();
    for nth in 0..N_TABLETS {
        let page = Page::open(&api, &mut following).await;
        tablets.push((Tablet::new(nth, PLACES[nth % PLACES.len()], Chance::new(20_261_124 + nth as u64)), page));
    }
    tablets[0].0.open_lines(&api).await;

    let said = Arc::new(Mutex::new(std::collections::BTreeMap::<String, usize>::new()));
    let mut compared = Vec::new();
    for _ in 0..N_ROUNDS {
        let mut pressing = JoinSet::new();
        for (mut tablet, page) in tablets.drain(..) {
            let (api, said) = (api.clone(), Arc::clone(&said));
            pressing.spawn(async move {
                for _ in 0..N_PRESSES.div_ceil(N_TABLETS * N_ROUNDS) {
                    let view = page.seen.borrow().clone();
                    let told = tablet.press_any(&api, &view).await;
                    *said.lock().unwrap_or_else(PoisonError::into_inner).entry(told).or_default() += 1;
                }
                (tablet, page)
            });
        }
        tablets = pressing.join_all().await;
        let status = api.status().await.unwrap();
        let first = tablets[0].1.showing(status.n_facts).await;
        for (_, page) in &mut tablets {
            assert_eq!(timeless(page.showing(status.n_facts).await), timeless(first.clone()), "two pages differ");
        }
        compared.push((first, AtMs(status.now_ms)));
    }
    assert!(daemon.stop().await.unwrap().success());
    assert!(daemon.ask(&["journal", "verify"]).await.unwrap().contains("whole"));
    let exported = folder.path().join("facts.ndjson");
    daemon.ask(&["journal", "export", &exported.to_string_lossy()]).await.unwrap();
    let facts = std::fs::read(&exported).unwrap();
    let facts: Vec<Envelope> = facts
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| Envelope::read(line).unwrap())
        .collect();

    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{} facts; {said:?}", facts.len());
    assert_eq!(hold(&facts, &compared), N_ROUNDS, "not every page was compared with its facts");
    for must in ["done", "undone", "acted_since", "screen_was_old", "pressed_twice", "replayed"] {
        assert!(said.get(must).copied().unwrap_or(0) >= 5, "the walk hardly ever met {must}: {said:?}");
    }
    assert!(!said.contains_key("internal"), "{said:?}");
}

/// Folds the facts one by one, holds after each what is always true of a queue, and compares the pages with the fold;
/// returns how many were compared.
fn hold(facts: &[Envelope], pages: &[(Value, AtMs)]) -> usize {
    let mut clinic = Clinic::default();
    let mut n_compared = 0;
    for envelope in facts {
        clinic.after(envelope);
        sound::assert_structure(&clinic);
        assert_eq!(clinic.remarks.len(), 0, "a fact decided here could not be followed: {:?}", clinic.remarks);
        for (page, now) in pages.iter().filter(|(page, _)| page["n_facts"].as_u64() == Some(clinic.n_facts)) {
            sound::assert_sound(&clinic, *now);
            assert_eq!(timeless(serde_json::to_value(desk(&clinic, *now)).unwrap()), timeless(page.clone()));
            n_compared += 1;
        }
    }
    sound::assert_numbers(facts);
    n_compared
}

/// Takes out what time alone changes.
fn timeless(mut view: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["waited_min", "wait", "overdue", "n_facts", "print", "print_trouble"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut view);
    view
}
