//! The public conformance suite of the Durable Streams protocol, run under vitest against a hub on a free port, over each of its stores.
//!
//! What is skipped stands by name in `data/conformance/skipped.txt`, each under the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use machiai_hub::nodes::Nodes;
use machiai_hub::serve::open_streams;
use rstest::rstest;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Home;

/// How long a long poll of the hub waits here, and how long the suite is told that it may.
const LONG_POLL_FOR: Duration = Duration::from_millis(1_500);

/// The suite's tests, of which the profile keeps so many.
const N_TESTS: usize = 338;
const N_KEPT: usize = 186;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/conformance")
}

/// Where `make conformance` put the suite.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("conformance")
}

/// Runs the suite against an address; returns how each of its tests ended, and why those failed that did.
fn run(address: &str, folder: &Path) -> (BTreeMap<String, String>, Vec<String>) {
    let report = folder.join("report.json");
    let mut vitest = Command::new(installed().join("node_modules/.bin/vitest"));
    // One of its tests makes 100,000 checks: on a busy machine that takes longer than the five seconds that it has unless
    // it is said; where time is what is judged, a test names its own.
    vitest.args(["run", "--testTimeout=60000", "--reporter=json", "--outputFile"]).arg(&report).arg("streams.test.js");
    vitest.current_dir(installed()).env("HUB_URL", format!("http://{address}")).env("HUB_LONG_POLL_MS", "2000");
    let ended = vitest.stdin(Stdio::null()).output();
    let ended = ended.expect("vitest does not start: `make conformance` installs it");
    let report = fs::read(report).unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&ended.stderr)));
    let report: Value = serde_json::from_slice(&report).unwrap();
    let results = report["testResults"][0]["assertionResults"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let failed = results.iter().filter(|one| one["status"] == "failed");
    let why = failed.map(|one| one["failureMessages"].to_string()).collect();
    (results.iter().map(|one| (text(&one["fullName"]), text(&one["status"]))).collect(), why)
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
fn the_public_suite_finds_nothing_in_the_profile_that_is_kept(#[case] home: Home) {
    for file in ["streams.test.js", "skipped.txt"] {
        fs::copy(data().join(file), installed().join(file)).expect("`make conformance` makes the folder");
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stopping, (tell, told)) = (CancellationToken::new(), oneshot::channel());
    let (store, stop) = (home.name(), stopping.clone());
    let hub = runtime.spawn(async move {
        let listen = ("127.0.0.1:0".parse().unwrap(), store.as_str());
        open_streams(listen, (LONG_POLL_FOR, Nodes::LOOKING), stop, |address| tell.send(address.to_string()).unwrap())
            .await
    });
    let (ended, why) = run(&runtime.block_on(told).unwrap(), folder.path());
    stopping.cancel();
    runtime.block_on(hub).unwrap().unwrap();

    let skipped = fs::read_to_string(data().join("skipped.txt")).unwrap();
    let skipped: BTreeSet<&str> = skipped.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let that = |status: &str| -> BTreeSet<&str> {
        ended.iter().filter(|(_, ended)| *ended == status).map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!(that("failed"), BTreeSet::new(), "{why:?}");
    assert_eq!(that("skipped"), skipped, "what is skipped is named, and nothing else is");
    assert_eq!((ended.len(), that("passed").len()), (N_TESTS, N_KEPT));
}
