//! Who waits for a stream to grow, on this node; and whom else to tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{mpsc, watch};

/// Streams that other nodes are still to be told of; what comes when so many wait is found by their next look.
const MOST_UNTOLD: usize = 4_096;

/// The streams that somebody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waited_for: Mutex<BTreeMap<String, watch::Sender<u64>>>,
    others: OnceLock<mpsc::Sender<String>>,
}

/// Waits for one stream; to be made before its tail is read, so that nothing is missed between the two.
#[derive(Debug)]
pub(crate) struct Waiter {
    wakes: Wakes,
    path: String,
    /// None only while it is dropped.
    grown: Option<watch::Receiver<u64>>,
}

impl Wakes {
    /// Begins to wait for a stream.
    pub(crate) fn wait_for(&self, path: &str) -> Waiter {
        let mut waited_for = self.lock();
        let grown = match waited_for.get(path) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, grown) = watch::channel(0);
                waited_for.insert(path.to_owned(), sender);
                grown
            }
        };
        Waiter { wakes: self.clone(), path: path.to_owned(), grown: Some(grown) }
    }

    /// Returns the streams that somebody waits for.
    pub(crate) fn waited_for(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Returns the streams that other nodes are to be told of, as they grow here; none when somebody tells them already.
    pub(crate) fn untold(&self) -> Option<mpsc::Receiver<String>> {
        let (sender, untold) = mpsc::channel(MOST_UNTOLD);
        self.0.others.set(sender).is_ok().then_some(untold)
    }

    /// Wakes whoever waits for a stream that grew here, and lets other nodes be told.
    pub(crate) fn wake(&self, path: &str) {
        self.wake_here(path);
        // A node that is not told looks by itself.
        if let Some(others) = self.0.others.get() {
            drop(others.try_send(path.to_owned()));
        }
    }

    /// Wakes whoever waits on this node for a stream that grew on another.
    pub(crate) fn wake_here(&self, path: &str) {
        if let Some(sender) = self.lock().get(path) {
            sender.send_modify(|n_times| *n_times = n_times.wrapping_add(1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<u64>>> {
        self.0.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Waits until the stream has grown since the last question.
    pub(crate) async fn grown(&mut self) {
        if let Some(grown) = &mut self.grown
            && grown.changed().await.is_ok()
        {
            return;
        }
        // The sender lives as long as a waiter does.
        std::future::pending::<()>().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waited_for = self.wakes.lock();
        self.grown = None;
        if waited_for.get(&self.path).is_some_and(|sender| sender.receiver_count() == 0) {
            waited_for.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_and_leaves_nothing_behind() {
        let wakes = Wakes::default();
        let (mut one, mut other) = (wakes.wait_for("a"), wakes.wait_for("b"));
        wakes.wake("a");
        tokio::select! {
            biased;
            () = other.grown() => panic!("another stream grew"),
            () = one.grown() => {}
        }
        drop((one, other));
        assert!(wakes.lock().is_empty());
    }

    #[test]
    fn other_nodes_are_told_of_what_grew_here_alone() {
        let wakes = Wakes::default();
        wakes.wake("before anybody tells them");
        let mut untold = wakes.untold().unwrap();
        assert!(wakes.untold().is_none());
        wakes.wake_here("elsewhere");
        wakes.wake("here");
        assert_eq!(untold.try_recv(), Ok("here".to_owned()));
        assert!(untold.try_recv().is_err());
    }
}
