//! Boxes: the channel's own machine and line, many times over, in one program.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use machiai::link::enrol::identity_for;
use machiai::link::hub_clock::HubClock;
use machiai::link::line::Line;
use machiai::link::on_this_machine;
use machiai_core::ids::{Origin, SiteId};
use machiai_hub::serve::now_s;
use machiai_wire::box_side::{Action, Input, Machine, Who};
use machiai_wire::enrol::Code;
use machiai_wire::said::{Came, Failure};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};

use super::held::Held;
use crate::demo::stopwatch::Stopwatch;

/// Boxes that shake hands and ask at the same time while a fleet is built up.
const AT_ONCE: usize = 64;

/// What a box tells.
#[derive(Clone, Debug)]
pub(super) enum Tells {
    /// It hears the hub.
    Listens,
    /// Facts of the hub's reached it, at this time of the fleet's watch.
    Heard(SiteId, Duration),
    /// The hub holds all its facts.
    IsEven,
    /// A question was not answered as it should.
    Failed(SiteId, Failure),
    /// A question was given up unanswered.
    GaveUp(SiteId),
}

/// One box that does not run yet.
#[derive(Debug)]
pub(super) struct Idle {
    /// Its site.
    pub(super) site: SiteId,
    client: reqwest::Client,
}

/// Boxes that run; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Fleet {
    runtime: Runtime,
    watch: Stopwatch,
    running: BTreeMap<SiteId, AbortHandle>,
    tell: UnboundedSender<Tells>,
    told: UnboundedReceiver<Tells>,
}

/// Makes the clients of boxes that nobody asks who they are.
///
/// # Errors
/// TLS cannot be set up.
pub(super) fn in_clear(sites: impl Iterator<Item = SiteId>) -> Result<Vec<Idle>> {
    let client = on_this_machine()?.build().context("no client")?;
    Ok(sites.map(|site| Idle { site, client: client.clone() }).collect())
}

impl Fleet {
    /// Begins without a box.
    ///
    /// # Errors
    /// No threads.
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let (tell, told) = unbounded_channel();
        let runtime = runtime.context("no runtime")?;
        Ok(Self { runtime, watch: Stopwatch::start(), running: BTreeMap::new(), tell, told })
    }

    /// Enrols boxes at a hub, each by its code.
    ///
    /// # Errors
    /// The hub says why not.
    pub(super) fn enrol(&self, hub: &str, codes: &[Code]) -> Result<Vec<Idle>> {
        let hub = hub.to_owned();
        self.runtime.block_on(async {
            let (mut enrolling, mut enrolled, mut codes) = (JoinSet::new(), Vec::new(), codes.iter().cloned());
            loop {
                while enrolling.len() < AT_ONCE
                    && let Some(code) = codes.next()
                {
                    let hub = hub.clone();
                    enrolling.spawn(async move {
                        let clock = HubClock::new(now_s);
                        let (identity, _) = identity_for((&hub, None), &code, &clock).await?;
                        Ok::<_, anyhow::Error>(Idle { site: code.site, client: identity.client(&clock, None)? })
                    });
                }
                let Some(done) = enrolling.join_next().await else { return Ok(enrolled) };
                enrolled.push(done.context("a box broke")??);
            }
        })
    }

    /// Returns the watch by which boxes tell when something reached them.
    #[must_use]
    pub(super) const fn watch(&self) -> Stopwatch {
        self.watch
    }

    /// Lets boxes speak to a hub; `held` says what each of them holds.
    ///
    /// # Errors
    /// What a box holds cannot be made.
    pub(super) fn run(
        &mut self,
        hub: &str,
        boxes: &[Idle],
        held: impl Fn(SiteId) -> Result<(Vec<Origin>, Held)>,
    ) -> Result<()> {
        for idle in boxes {
            let (own, held) = held(idle.site)?;
            let running = Running {
                site: idle.site,
                line: Line::over(idle.client.clone(), hub, idle.site),
                machine: Machine::new(Who { site: idle.site, own, late: [].into() }),
                held,
                tell: self.tell.clone(),
                watch: self.watch,
            };
            let task = self.runtime.spawn(running.run());
            if let Some(before) = self.running.insert(idle.site, task.abort_handle()) {
                before.abort();
            }
        }
        Ok(())
    }

    /// Waits for what the next box tells.
    ///
    /// # Errors
    /// Nobody tells anything for so long.
    pub(super) fn next(&mut self, within: Duration) -> Result<Tells> {
        let told = &mut self.told;
        let next = self.runtime.block_on(async { tokio::time::timeout(within, told.recv()).await });
        match next {
            Ok(Some(told)) => Ok(told),
            Ok(None) | Err(_) => bail!("no box says anything for {within:?}"),
        }
    }

    /// Waits until so many boxes hear the hub.
    ///
    /// # Errors
    /// A question fails, or nobody tells anything for so long.
    pub(super) fn listen(&mut self, n_boxes: usize, within: Duration) -> Result<()> {
        let mut n_listening = 0;
        while n_listening < n_boxes {
            match self.next(within).with_context(|| format!("{n_listening} of {n_boxes} boxes hear the hub"))? {
                Tells::Listens => n_listening += 1,
                Tells::Failed(site, failure) => bail!("site {site}: {failure:?}"),
                Tells::GaveUp(site) => bail!("site {site} is not answered"),
                Tells::Heard(..) | Tells::IsEven => {}
            }
        }
        Ok(())
    }
}

/// A box that runs.
struct Running {
    site: SiteId,
    line: Line,
    machine: Machine,
    held: Held,
    tell: UnboundedSender<Tells>,
    watch: Stopwatch,
}

impl Running {
    async fn run(mut self) {
        let (say, mut said) = unbounded_channel();
        let (mut asked, mut input) = (BTreeMap::<u64, AbortHandle>::new(), Input::Look);
        let mut asking = JoinSet::new();
        let (mut listens, mut is_even) = (false, false);
        loop {
            for action in self.machine.step((self.now_ms(), u64::from(self.site.0)), &self.held, input) {
                match action {
                    Action::Ask(nth, ask) => {
                        let (line, say) = (self.line.clone(), say.clone());
                        let task = asking.spawn(async move {
                            // The box may have ended: nobody is left to hear it.
                            let tell = |input| drop(say.send(input));
                            tell(match line.ask(&ask, |came| tell(Input::Came(nth, came))).await {
                                Ok(came) => Input::Came(nth, came),
                                Err(failure) => Input::Failed(nth, failure),
                            });
                        });
                        asked.retain(|_, task| !task.is_finished());
                        asked.insert(nth, task);
                    }
                    Action::GiveUp(nth) => {
                        if let Some(task) = asked.remove(&nth)
                            && !task.is_finished()
                        {
                            task.abort();
                            self.tells(Tells::GaveUp(self.site));
                        }
                    }
                    Action::TakeIn(lines) => match self.held.take(&lines) {
                        Ok(()) => drop(say.send(Input::Look)),
                        Err(cause) => return self.tells(Tells::Failed(self.site, bad(&cause))),
                    },
                }
            }
            while asking.try_join_next().is_some() {}
            let told = self.machine.told(&self.held);
            if told.mode.is_some() && told.n_pending == 0 && !is_even {
                is_even = true;
                self.tells(Tells::IsEven);
            }
            let wait = Duration::from_millis(self.machine.look_at_ms().saturating_sub(self.now_ms()));
            input = tokio::time::timeout(wait, said.recv()).await.ok().flatten().unwrap_or(Input::Look);
            match &input {
                Input::Came(_, Came::Heard(lines, _)) => {
                    if !listens {
                        listens = true;
                        self.tells(Tells::Listens);
                    }
                    if !lines.is_empty() {
                        self.tells(Tells::Heard(self.site, self.watch.read()));
                    }
                }
                Input::Failed(_, failure) => self.tells(Tells::Failed(self.site, failure.clone())),
                Input::Came(..) | Input::Look => {}
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.watch.read().as_millis()).unwrap_or(u64::MAX)
    }

    fn tells(&self, what: Tells) {
        // The fleet may have ended.
        drop(self.tell.send(what));
    }
}

fn bad(cause: &anyhow::Error) -> Failure {
    Failure::Refused { why: cause.to_string() }
}
