//! Who waits for a stream to grow, on this node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The streams that somebody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakes(Arc<Mutex<BTreeMap<String, watch::Sender<u64>>>>);

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

    /// Wakes whoever waits for a stream.
    pub(crate) fn wake(&self, path: &str) {
        if let Some(sender) = self.lock().get(path) {
            sender.send_modify(|n_times| *n_times = n_times.wrapping_add(1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
}
