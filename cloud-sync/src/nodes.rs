//! Other nodes on the same store: what is appended there wakes whoever waits here.
//!
//! A node looks at the tails of the streams that are waited for, again and again. A NATS server, if there is one, makes
//! it quicker and is never relied on: what it loses costs one look, never a fact.

mod bus;

use std::collections::BTreeMap;
use std::time::Duration;

use machiai_wire::offset::Offset;
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::causes::with_causes;
use crate::stream::routes::Streams;
use bus::Bus;

/// How often a node looks unless it is told otherwise: nobody notices a quarter of a second, and one question of ten
/// thousand tails takes a server some ten milliseconds.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How nodes hear of each other.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// How often to look what others have appended.
    pub look_every: Duration,
    /// Where a NATS server listens, `nats://HOST:PORT`.
    pub nats: Option<String>,
}

impl Nodes {
    /// Looks, and has no NATS server.
    pub const LOOKING: Self = Self { look_every: LOOK_EVERY, nats: None };
}

/// Why nodes cannot wake each other.
#[derive(Debug, Error)]
pub enum NodesError {
    /// What was given names no NATS server.
    #[error("cannot read where the NATS server is")]
    Nats(#[source] async_nats::ConnectError),
}

/// What is heard of other nodes.
pub(crate) struct Ears(Option<Bus>);

impl Ears {
    /// Connects to the NATS server, if there is one.
    pub(crate) async fn open(nodes: &Nodes) -> Result<Self, NodesError> {
        match &nodes.nats {
            Some(url) => Bus::connect(url).await.map(Some).map(Self),
            None => Ok(Self(None)),
        }
    }
}

/// Wakes whoever waits here for what other nodes append, until the hub is to stop.
pub(crate) async fn hear(streams: &Streams, Ears(bus): Ears) {
    let look = look_on(streams);
    let hear = async {
        match bus {
            Some(bus) => {
                tokio::join!(look, bus.carry(&streams.wakes));
            }
            None => look.await,
        }
    };
    streams.stopping.run_until_cancelled(hear).await;
}

/// Looks again and again what others have appended.
async fn look_on(streams: &Streams) {
    let every = streams.nodes.look_every;
    let mut due = interval_at(Instant::now() + every, every);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut is_blind, mut is_changed) = (Known::default(), false, true);
    loop {
        due.tick().await;
        let waited_for = streams.wakes.waited_for();
        if waited_for.is_empty() {
            known = Known::default();
            continue;
        }
        let tails = async {
            is_changed |= streams.store.is_changed_elsewhere().await?;
            if is_changed { streams.store.tails(waited_for.clone()).await.map(Some) } else { Ok(None) }
        };
        match tails.await {
            Ok(None) => is_blind = false,
            Ok(Some(tails)) => {
                (is_blind, is_changed) = (false, false);
                known.grown(waited_for, &tails).iter().for_each(|path| streams.wakes.wake_here(path));
            }
            Err(error) => {
                if !is_blind {
                    tracing::error!(error = %with_causes(&error), "cannot look what other nodes append, looking on");
                }
                is_blind = true;
            }
        }
    }
}

/// Where the streams stood that somebody waits for; none for one that is not there.
#[derive(Debug, Default)]
struct Known(BTreeMap<String, Option<Offset>>);

impl Known {
    /// Returns the streams that do not stand where they did. One that was not waited for at the last look is among them:
    /// it may have grown since its reader read.
    fn grown(&mut self, waited_for: Vec<String>, tails: &BTreeMap<String, Offset>) -> Vec<String> {
        let now = waited_for.into_iter().map(|path| (path.clone(), tails.get(&path).copied())).collect();
        let before = std::mem::replace(&mut self.0, now);
        let has_grown = |(path, tail): &(&String, &Option<Offset>)| before.get(*path) != Some(*tail);
        self.0.iter().filter(has_grown).map(|(path, _)| path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machiai_wire::offset::Incarnation;

    #[test]
    fn a_stream_that_does_not_stand_where_it_did_is_seen_once() {
        let mut known = Known::default();
        let mut look = |paths: &[&str], tails: &[(&str, u64, u64)]| {
            let tail = |&(path, life, after): &(&str, u64, u64)| {
                (path.to_owned(), Offset { incarnation: Incarnation(life), after })
            };
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            known.grown(paths, &tails.iter().map(tail).collect())
        };
        assert_eq!(look(&["a", "b"], &[("a", 1, 5)]), ["a", "b"], "nobody knows since when they stand there");
        assert!(look(&["a", "b"], &[("a", 1, 5)]).is_empty());
        assert_eq!(look(&["a", "b"], &[("a", 1, 6)]), ["a"], "it has grown");
        assert_eq!(look(&["a", "b"], &[("a", 1, 6), ("b", 1, 0)]), ["b"], "it was made");
        assert_eq!(look(&["a", "b"], &[("a", 2, 6), ("b", 1, 0)]), ["a"], "it was made anew");
        assert_eq!(look(&["b"], &[]), ["b"], "it was removed");
        assert_eq!(look(&["a", "b"], &[("a", 2, 6)]), ["a"], "it is waited for again");
    }
}
