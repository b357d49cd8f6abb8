//! The hub of a morning: a node of its own with a store that goes with the demo, and whether it holds what the box does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::api::Api;
use super::daemon::{Daemon, write};
use super::stopwatch::Stopwatch;
use crate::hub::house::{House, Shared};

/// The box's facts and the hub's, within the folder of what is left.
pub const HERE: &str = "facts.ndjson";
const THERE: &str = "hub-facts.ndjson";
/// How long box and hub may take to come even: the longest rest of a box that lost its line, which is five minutes give
/// or take a half.
const EVEN_WITHIN: Duration = Duration::from_secs(480);
/// How often it is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often the box is started again for what it wrote in its last moment.
const MOST_STARTS: usize = 3;

/// A hub of one node.
pub struct Cloud {
    /// Its node and lines.
    pub house: House,
    folder: PathBuf,
}

impl Cloud {
    /// Lays the lines to a hub whose folder lies in `within`, and whose nodes are made of this project's own program.
    ///
    /// # Errors
    /// No folder, or no free port.
    pub async fn lay(program: &Path, within: &Path, speed: u32) -> Result<Self> {
        let folder = within.join("hub");
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let store = format!("sqlite:{}", folder.join("hub.db").display());
        let shared = Shared { program: program.to_owned(), state: folder.clone(), store };
        Ok(Self { house: House::lay(shared, speed).await?, folder })
    }

    /// Starts the node, has the box enrolled, and waits until the two are even.
    ///
    /// # Errors
    /// One of them is not to be had.
    pub async fn open(&mut self, api: &Api, daemon: &Daemon) -> Result<()> {
        self.house.add_node(api).await?;
        self.house.enrol(daemon).await?;
        self.until_even(api, daemon.state()).await.map(drop)
    }

    /// Returns the folder of all that it keeps.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the box listens to the hub, and both hold as many facts; returns how many.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn until_even(&self, api: &Api, state: &Path) -> Result<u64> {
        let even = async {
            loop {
                if let Some(n_facts) = self.is_even(api, state).await? {
                    return Ok(n_facts);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(EVEN_WITHIN, even).await {
            Ok(even) => even,
            Err(_) => bail!("box and hub did not come even within {EVEN_WITHIN:?}"),
        }
    }

    async fn is_even(&self, api: &Api, state: &Path) -> Result<Option<u64>> {
        let status = api.status().await?;
        if !status.hub.is_some_and(|channel| channel.mode.is_some() && channel.n_pending == 0) {
            return Ok(None);
        }
        // What the channel says may be a moment old: they are counted.
        let n_there = self.house.facts(state).await?.len() as u64;
        Ok((n_there == status.n_facts).then_some(n_there))
    }

    /// Returns what both hold once the box has stopped, and leaves it in a folder.
    ///
    /// Both held the same `n_even` facts shortly before. A box that wrote another one in its last moment is started
    /// again, so that this, too, reaches the hub.
    ///
    /// # Errors
    /// Something cannot be started, stopped or read.
    pub async fn reconcile(&self, daemon: &mut Daemon, mut n_even: u64, folder: &Path) -> Result<Both> {
        let mut both = self.export(daemon, folder).await?;
        for n_starts in 1..=MOST_STARTS {
            if both.are_identical() || !both.lacks_the_last_alone(n_even) {
                break;
            }
            daemon.run().await?;
            let api = Api::new(daemon.address(), Stopwatch::start())?;
            n_even = self.until_even(&api, daemon.state()).await?;
            daemon.stop().await?;
            both = Both { n_starts, ..self.export(daemon, folder).await? };
        }
        Ok(both)
    }

    async fn export(&self, daemon: &Daemon, folder: &Path) -> Result<Both> {
        let exported = folder.join(HERE);
        daemon.ask(&["journal", "export", &exported.to_string_lossy()]).await?;
        let here = std::fs::read_to_string(&exported).context("cannot read the export")?;
        let mut rest: BTreeSet<String> = self.house.facts(daemon.state()).await?;
        let mut there: Vec<String> = here.lines().filter_map(|line| rest.take(line)).collect();
        there.extend(rest);
        write(&folder.join(THERE), there.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>())?;
        Ok(Both { here, there, n_starts: 0 })
    }
}

/// What a box and its hub hold at the end.
#[derive(Clone, Debug, Default)]
pub struct Both {
    /// The box's facts, in the order in which it came to know them.
    pub here: String,
    /// The hub's facts, in the same order where the box has them, and behind them the others.
    pub there: Vec<String>,
    /// How often the box was started again.
    pub n_starts: usize,
}

impl Both {
    /// Whether they hold the same facts, by their bytes.
    #[must_use]
    pub fn are_identical(&self) -> bool {
        self.here.lines().eq(self.there.iter().map(String::as_str))
    }

    /// Whether the hub lacks nothing but facts of the box behind the first so many.
    fn lacks_the_last_alone(&self, n_even: u64) -> bool {
        let n_same = self.here.lines().zip(&self.there).take_while(|(here, there)| here == there).count();
        n_same == self.there.len() && n_same as u64 >= n_even
    }
}
