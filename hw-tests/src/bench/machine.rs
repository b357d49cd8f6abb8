//! The machine of a run, and what the kernel tells of a process on it.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// The kernel counts processor time in hundredths of a second, whatever its own clock does (proc(5), `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Where a report was made.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them this program may use.
    pub n_cores: usize,
    /// The kernel.
    pub kernel: String,
    /// Programs that wanted a processor in the minute before: other work makes every time longer.
    pub load: f64,
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()));
        Self {
            processor: processor.unwrap_or_else(|| "unknown".to_owned()),
            n_cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }
}

/// Returns the processor time that a process has used, with that of its threads that have ended.
///
/// # Errors
/// There is no such process.
pub fn used_by(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot ask for the processor's time")?;
    ticks(&stat).map(|ticks| TICK * ticks).context("cannot read the processor's time")
}

/// Returns user and system time of a line of proc(5)'s `stat`: its fields 14 and 15, counted behind the name.
fn ticks(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ').skip(11).map_while(|field| field.parse::<u32>().ok());
    Some(fields.next()? + fields.next()?)
}

/// Returns the memory of a process in KiB, what it shares counted by its share.
///
/// # Errors
/// There is no such process.
pub fn pss_kib(pid: u32) -> Result<f64> {
    let told = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("cannot ask for the memory")?;
    let pss = told.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok());
    pss.context("cannot read the memory")
}

/// Lets this program and what it starts hold as many connections as the system allows.
///
/// # Errors
/// The system refuses.
pub fn allow_many_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("cannot have more files open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_a_name_with_blanks_and_brackets() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 900 0 3 0 17 5 0 0 20 0 9 0 1234 5678 90";
        assert_eq!(ticks(stat), Some(22));
        assert_eq!(ticks("42 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_has_used_the_processor() {
        let pid = std::process::id();
        assert!(pss_kib(pid).unwrap() > 100.0);
        assert!(used_by(pid).is_ok());
        assert!(used_by(u32::MAX).is_err());
    }
}
