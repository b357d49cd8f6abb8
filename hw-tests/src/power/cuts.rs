//! Cutting the power at every change of a recorded run, and starting the real journal from what is left.

use std::io;

use super::disk::Disk;
use super::platter::{Change, Keep, Platter};
use crate::chance::Chance;

/// A run of the journal on a simulated disk: what the disk held first, every change, and what was promised when.
#[derive(Clone, Debug)]
pub struct Recording {
    start: Platter,
    changes: Vec<Change>,
    promises: Vec<(usize, u64)>,
}

/// A promise made outside at a moment of a run: so many numbers were answered.
#[derive(Clone, Debug, Default)]
pub struct Promises(Vec<(usize, u64)>);

impl Promises {
    /// Notes that everything up to a number is promised from now on.
    pub fn note(&mut self, disk: &Disk, n_given: u64) {
        self.0.push((disk.n_changes(), n_given));
    }
}

impl Recording {
    /// Runs something on a disk and keeps every change it made.
    ///
    /// # Errors
    /// When SQLite does not take the VFS.
    pub fn of(start: Platter, run: impl FnOnce(&Disk, &mut Promises)) -> io::Result<Self> {
        let disk = Disk::new(start.clone(), 7)?;
        disk.keep_changes();
        let mut promises = Promises::default();
        run(&disk, &mut promises);
        Ok(Self { start, changes: disk.changes(), promises: promises.0 })
    }

    /// Returns how many changes the run made.
    #[must_use]
    pub fn n_changes(&self) -> usize {
        self.changes.len()
    }

    /// Returns what the disk holds after an orderly end.
    #[must_use]
    pub fn end(&self) -> Platter {
        let mut platter = self.start.clone();
        self.changes.iter().for_each(|change| platter.apply(change));
        platter.after_cut(Keep::Everything, &mut Chance::new(1))
    }

    fn promised(&self, n_changes: usize) -> u64 {
        let made = self.promises.iter().filter(|(after, _)| *after <= n_changes);
        made.map(|(_, n_given)| *n_given).max().unwrap_or(0)
    }
}

/// What many cuts came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often the power was cut.
    pub n_cuts: u64,
    /// How often something promised was missing, or the journal did not start as it should.
    pub n_failed: u64,
    /// The first failures, in words.
    pub failures: Vec<String>,
}

/// Failures that are kept in words.
const MAX_WORDS: usize = 5;

/// How often to cut, and with which random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many cuts to make at least.
    pub n_cuts: u64,
    /// Plans of other seeds keep other sectors.
    pub seed: u64,
}

/// Cuts a run at every change, again and again with other sectors kept, as often as planned.
///
/// `check` starts the journal from the disk, is told what was promised before the cut, and a number of its own.
///
/// # Errors
/// When SQLite does not take the VFS.
pub fn cut_everywhere(
    recording: &Recording,
    plan: Plan,
    check: &dyn Fn(&Disk, u64, u64) -> Result<(), String>,
) -> io::Result<Tally> {
    let disk = Disk::new(Platter::default(), 1)?;
    let mut tally = Tally::default();
    for round in 0_u64.. {
        let keep = match round {
            0 => Keep::Nothing,
            1 => Keep::Everything,
            _ if round.is_multiple_of(2) => Keep::Some,
            _ => Keep::Garbage,
        };
        let mut platter = recording.start.clone();
        for n_changes in 0..=recording.changes.len() {
            if tally.n_cuts >= plan.n_cuts && round >= 2 {
                return Ok(tally);
            }
            tally.n_cuts += 1;
            let seed = plan.seed.wrapping_mul(1 << 32).wrapping_add(tally.n_cuts);
            disk.replace(platter.after_cut(keep, &mut Chance::new(seed)), seed);
            if let Err(failure) = check(&disk, recording.promised(n_changes), tally.n_cuts) {
                tally.n_failed += 1;
                if tally.failures.len() < MAX_WORDS {
                    tally.failures.push(format!("{keep:?} after {n_changes} changes: {failure}"));
                }
            }
            if let Some(change) = recording.changes.get(n_changes) {
                platter.apply(change);
            }
        }
    }
    Ok(tally)
}

/// Returns a count multiplied by `MACHIAI_TORTURE`, the factor that `make torture` sets.
#[must_use]
pub fn times_torture(count: u64) -> u64 {
    let factor = std::env::var("MACHIAI_TORTURE").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    count.saturating_mul(factor)
}
