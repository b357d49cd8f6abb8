//! What a web programmer would sync with instead: PouchDB, which pushes to pouchdb-server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::child::Talker;
use super::npm::Script;
use super::relay::until_open;

const SCRIPT: Script = Script {
    package: include_str!("../../data/bench/pouch-package.json"),
    script: include_str!("../../data/bench/pouch.js"),
    probe: "require('pouchdb'); require.resolve('pouchdb-server/bin/pouchdb-server')",
    named: "PouchDB and pouchdb-server",
};

/// How long a load or a push may take.
const WORK_FOR: Duration = Duration::from_secs(600);

/// Brings a file of facts from an edge to a hub, batches of 1,000; returns how many in a second.
///
/// # Errors
/// It is not there, or does not come to its end.
pub fn facts_per_s(bench: &Bench, lines: &Path) -> Result<f64> {
    let script = SCRIPT.install(&bench.work.join("pouch"))?;
    let folder = bench.folder()?;
    let modules = script.with_file_name("node_modules");
    let node = |arguments: &[&str]| -> Result<Talker> {
        let mut command = Command::new("node");
        command.arg(&script).args(arguments).current_dir(folder.path()).stderr(Stdio::null());
        Talker::start(&mut command)
    };
    let lines = lines.to_string_lossy();
    let n_facts: f64 = node(&["load", &lines])?.ready_within(WORK_FOR)?.parse().context("PouchDB counts nothing")?;
    let port = super::relay::free_port()?;
    let at_hub = bench.folder()?;
    let mut command = Command::new("node");
    command.arg(modules.join("pouchdb-server/bin/pouchdb-server")).args(["--host", "127.0.0.1", "--port"]);
    command.arg(port.to_string()).args(["--no-stdout-logs", "--dir"]).arg(at_hub.path());
    let server = Talker::start(command.current_dir(at_hub.path()).stderr(Stdio::null()))?;
    until_open(port)?;
    let told = node(&["push", &format!("http://127.0.0.1:{port}/facts")])?.ready_within(WORK_FOR)?;
    drop(server);
    let (n_pushed, took_s) = told.split_once(' ').context("PouchDB says nothing")?;
    let n_pushed: f64 = n_pushed.parse().context("how many is no number")?;
    ensure!(n_pushed >= n_facts, "PouchDB pushed {n_pushed} of {n_facts}");
    Ok(n_pushed / took_s.parse::<f64>().context("how long is no number")?)
}
