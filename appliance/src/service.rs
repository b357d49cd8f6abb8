//! What the service manager is told: that the daemon is ready, reads its configuration again, goes on, and how it does.
//!
//! Without one, as in a person's own run, nobody listens and nothing is lost.

use sd_notify::NotifyState;

/// Whether one listens.
pub(crate) fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Says that requests are answered.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the configuration is read again; [`ready`] follows, whatever comes of it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Says that the daemon stops.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says that what the clinic cannot do without has gone on since the last time.
pub(crate) fn goes_on() {
    tell(&[NotifyState::Watchdog]);
}

/// Says how the box does, in one line.
pub(crate) fn does(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        tracing::debug!(error = %cause, "the service manager does not listen");
    }
}
