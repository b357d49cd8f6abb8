//! What a program and all that it started cost: players fork, browsers do more so.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::machine::{pss_kib, used_by};
use crate::demo::stopwatch::Stopwatch;

/// What a program took while it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds of processor in a second.
    pub cpu_s_per_s: f64,
    /// Memory in MiB, what is shared counted by its share.
    pub pss_mib: f64,
}

/// Looks at a program and its children for so long.
///
/// # Errors
/// It ended meanwhile.
pub fn cost(pid: u32, looked_for: Duration) -> Result<Cost> {
    let (before, watch) = (used_by_all(&family(pid)?), Stopwatch::start());
    watch.wait_until(looked_for);
    let members = family(pid)?;
    let (after, took) = (used_by_all(&members), watch.read());
    // Who has ended meanwhile is counted up to the first look, who has come since from its start.
    let used: Duration =
        after.iter().map(|(pid, used)| used.saturating_sub(before.get(pid).copied().unwrap_or_default())).sum();
    let pss_kib: f64 = members.iter().filter_map(|pid| pss_kib(*pid).ok()).sum();
    Ok(Cost { cpu_s_per_s: used.as_secs_f64() / took.as_secs_f64(), pss_mib: pss_kib / 1_024.0 })
}

fn used_by_all(members: &[u32]) -> BTreeMap<u32, Duration> {
    members.iter().filter_map(|pid| Some((*pid, used_by(*pid).ok()?))).collect()
}

/// Returns a process and its children, and theirs.
fn family(pid: u32) -> Result<Vec<u32>> {
    let entries = std::fs::read_dir("/proc").context("cannot look at processes")?.flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: BTreeMap<u32, u32> = processes.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    ensure!(parents.contains_key(&pid), "the program has ended");
    let mut members = vec![pid];
    let mut n_seen = 0;
    while let Some(of) = members.get(n_seen).copied() {
        n_seen += 1;
        members.extend(parents.iter().filter(|(_, parent)| **parent == of).map(|(pid, _)| *pid));
    }
    Ok(members)
}

/// Returns the parent that proc(5)'s `stat` names second behind the name.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::bench::child::Talker;

    #[test]
    fn a_child_that_works_is_counted_with_its_parent() {
        let script = "(while :; do :; done) & worker=$!; echo ready $worker; read line; kill $worker";
        let mut shell = Talker::start(Command::new("sh").args(["-c", script]).stderr(Stdio::null())).unwrap();
        let worker: u32 = shell.ready().unwrap().parse().unwrap();
        assert_eq!(family(shell.pid()).unwrap(), [shell.pid(), worker]);
        let cost = cost(shell.pid(), Duration::from_secs(1)).unwrap();
        assert!(cost.cpu_s_per_s > 0.1, "{cost:?}");
        shell.say("enough").unwrap();
        drop(shell.finish());
        assert!(family(u32::MAX).is_err());
    }
}
