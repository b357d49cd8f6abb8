//! What every handler holds: the gate, the panel with its words, and what the program knows of itself.

use std::sync::Arc;

use machiai_core::ids::{DeviceId, SiteId};
use machiai_panel::Panel;
use tokio::sync::watch;

use crate::gate::Gate;

/// A board frame ready to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Counts frames: a client that has this one needs only a sign of life.
    pub(crate) nth: u64,
    /// The event as it goes over the wire.
    pub(crate) event: axum::body::Bytes,
}

/// What every handler holds.
pub(crate) struct App {
    /// The facility.
    pub(crate) site: SiteId,
    /// The way in.
    pub(crate) gate: Gate,
    /// What draws.
    pub(crate) panel: Panel,
    /// Board frames, landscape and portrait.
    pub(crate) frames: [watch::Sender<Frame>; 2],
    /// The device that stands for the program itself.
    pub(crate) own_device: DeviceId,
    /// Ends every stream and loop.
    pub(crate) stop: tokio_util::sync::CancellationToken,
    /// What went wrong at the start or since, for the status page, by code.
    pub(crate) troubles: std::sync::Mutex<Vec<String>>,
}

/// The app as handlers share it.
pub(crate) type Shared = Arc<App>;
