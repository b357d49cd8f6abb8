//! The worst start: the box does not know the time, and there is no network. The monitor shows the queue within a second.

use std::process::Command;
use std::time::Duration;

use machiai_hw_tests::glass::child::{GlassChild, WORD};
use machiai_hw_tests::glass::{Sight, monotonic};

use crate::faults::Clinic;

/// How long a screen may take from its start to the queue: a second, and more where nothing is optimised.
const SHOWN_WITHIN: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 1 });

/// Puts a command where there is no network but, if it listens there, its own loopback.
fn without_network(inner: &Command, has_loopback: bool) -> Command {
    let mut command = Command::new("unshare");
    let brought_up = if has_loopback { "ip link set lo up && exec \"$@\"" } else { "exec \"$@\"" };
    command.args(["--map-root-user", "--net", "sh", "-c", brought_up, "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn without_a_network_or_the_time_the_queue_is_on_the_monitor_at_once() {
    let folder = super::pictures("alone");
    let clinic = Clinic::new("1970-01-01 00:00:10");
    let daemon = clinic.start_by(|command| without_network(&command, true));
    // The screen never asks for the time of day; libfaketime would make its short waits endless (0.9.10, clock_nanosleep).
    let mut screen = Command::new(env!("CARGO_BIN_EXE_machiai-demo"));
    screen.arg(WORD).arg(clinic.folder.path().join("state").join("screen.sock"));
    let started = monotonic();
    let mut glass = GlassChild::of(&mut without_network(&screen, false)).unwrap();
    glass.want(Sight::Timeless).unwrap();
    let shown = glass.found(Some(&folder.join("timeless.png"))).unwrap();
    let took = shown.saturating_sub(started);
    assert!(took < SHOWN_WITHIN, "the queue came after {took:?}");
    glass.end().unwrap();
    daemon.stop();
}
