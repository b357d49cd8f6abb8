//! How much the log says: changed while the daemon runs, and put back as it was.

use std::sync::OnceLock;

use machiai_core::support::order::LogLevel;
use tracing_subscriber::EnvFilter;

/// What the log says as a rule, and how that is changed; none where somebody else has the log.
static LOG: OnceLock<(String, Change)> = OnceLock::new();

/// Changes what the log says; returns whether it could.
type Change = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// Keeps how the log is changed; the first to say so stays.
pub(crate) fn keep(usual: String, change: impl Fn(EnvFilter) -> bool + Send + Sync + 'static) {
    // A second log, in tests, is not followed.
    drop(LOG.set((usual, Box::new(change))));
}

/// Has the log say so much; returns whether it does.
pub(crate) fn set(level: LogLevel) -> bool {
    let filter = match level {
        LogLevel::Info => "info",
        LogLevel::Debug => "info,machiai=debug",
    };
    LOG.get().is_some_and(|(_, change)| EnvFilter::try_new(filter).is_ok_and(change))
}

/// Has the log say what it says as a rule.
pub(crate) fn put_back() {
    let Some((usual, change)) = LOG.get() else { return };
    if !EnvFilter::try_new(usual).is_ok_and(change) {
        tracing::warn!("the log could not be put back to what it says as a rule");
    }
}
