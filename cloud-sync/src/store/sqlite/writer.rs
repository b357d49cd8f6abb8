//! The one thread that writes: all changes that wait go to disk in one transaction, each all or nothing.

use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{StoreError, Tried as _};

/// Changes that one transaction takes at most.
const MOST_AT_ONCE: usize = 256;

/// Makes a change within the open transaction, and returns what is to be said of it once that ended.
type Change = Box<dyn FnOnce(&Connection) -> Say + Send>;

/// Says what came of a change, told whether the transaction was committed.
type Say = Box<dyn FnOnce(bool) + Send>;

/// The way to the thread, which ends with the last of these.
#[derive(Clone)]
pub(super) struct Writer(Sender<Change>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(db: Connection) -> Result<Self, StoreError> {
        let (sender, changes) = channel();
        let thread = std::thread::Builder::new().name("store".to_owned());
        thread.spawn(move || write_all(&db, &changes)).map_err(StoreError::Thread)?;
        Ok(Self(sender))
    }

    /// Makes a change; when it returns, the change is on disk, or there is none.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (say, said) = oneshot::channel();
        let job: Change = Box::new(move |db| {
            let done = all_or_nothing(db, change);
            Box::new(move |is_committed| {
                let told = if is_committed { done } else { done.and(Err(StoreError::NotCommitted)) };
                // Nobody listens any more when the request was given up.
                drop(say.send(told));
            })
        });
        self.0.send(job).map_err(|_unsent| StoreError::Stopped)?;
        said.await.unwrap_or(Err(StoreError::Stopped))
    }
}

fn write_all(db: &Connection, changes: &Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        let waiting = changes.try_iter().take(MOST_AT_ONCE.saturating_sub(1));
        let jobs: Vec<Change> = std::iter::once(first).chain(waiting).collect();
        let is_open = db.execute_batch("BEGIN IMMEDIATE");
        let says: Vec<Say> = jobs.into_iter().map(|job| job(db)).collect();
        let committed = is_open.and_then(|()| db.execute_batch("COMMIT"));
        if let Err(cause) = &committed {
            tracing::error!(error = %cause, "a transaction was not committed, its changes are refused");
            if !db.is_autocommit()
                && let Err(cause) = db.execute_batch("ROLLBACK")
            {
                tracing::error!(error = %cause, "a transaction was not taken back");
            }
        }
        for say in says {
            say(committed.is_ok());
        }
    }
}

fn all_or_nothing<T>(
    db: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if db.is_autocommit() {
        // No transaction could be begun.
        return Err(StoreError::NotCommitted);
    }
    db.execute_batch("SAVEPOINT change").tried("begin a change")?;
    let done = change(db);
    let end = if done.is_ok() { "RELEASE change" } else { "ROLLBACK TO change; RELEASE change" };
    db.execute_batch(end).tried("end a change")?;
    done
}
