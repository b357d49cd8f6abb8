//! Keeps a device open: whatever it is called by the kernel today, it is opened by the path that stays, again and again.

use std::io;
use std::time::Duration;

use machiai_core::ids::DeviceId;
use tokio_util::sync::CancellationToken;

use super::known::Standing;
use crate::app::App;
use crate::causes::with_causes;
use crate::node::{Node, pause};

/// How often a device that is away is looked for: plugged in again, it works within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a thread waits for a device to say something before it looks whether it is to stop.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_millis(200);

/// Opens a device whenever it is there and lets `serve` speak with it until it goes, until it is to be let go.
pub(crate) fn keep_open(
    (app, stop): (&App, &CancellationToken),
    device: &DeviceId,
    open: impl Fn() -> io::Result<Node>,
    mut serve: impl FnMut(&mut Node) -> io::Result<()>,
) {
    let mut was_away = false;
    while !stop.is_cancelled() {
        let gone = open().and_then(|mut node| {
            app.devices.note(device, |known| known.standing = Standing::There);
            tracing::info!(%device, "device is open");
            was_away = false;
            serve(&mut node)
        });
        app.devices.note(device, |known| known.is_stuck = false);
        let Err(cause) = gone else { continue };
        app.devices.note(device, |known| known.standing = Standing::Away);
        if !was_away {
            tracing::warn!(%device, error = with_causes(&cause), "device is away, it is looked for");
            was_away = true;
        }
        // The system's clock can be waited for by whoever runs on it.
        pause(LOOK_EVERY).unwrap_or_default();
    }
}
