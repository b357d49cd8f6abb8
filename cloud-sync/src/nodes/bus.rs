//! The NATS server between nodes: the name of each stream that grows, and nothing else, since what it carries is neither
//! kept nor trusted.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subscriber};
use futures_util::StreamExt as _;

use super::NodesError;
use crate::wake::Wakes;

/// What nodes talk about.
const SUBJECT: &str = "machiai.hub.grown";

/// What nobody answers.
const NOBODY: &str = "machiai.hub.nobody";

/// How long a node waits at its start for the server to know it.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// The way to the server and from it.
pub(super) struct Bus {
    client: Client,
    heard: Option<Subscriber>,
}

impl Bus {
    /// Connects to a server; one that is away is waited for later.
    pub(super) async fn connect(url: &str) -> Result<Self, NodesError> {
        let options = ConnectOptions::new().name("machiai-hub").no_echo().retry_on_initial_connect();
        let client = options.event_callback(async |event| tell(&event)).connect(url).await.map_err(NodesError::Nats)?;
        let heard = client.subscribe(SUBJECT).await;
        let heard = heard.inspect_err(|cause| tracing::warn!(error = %cause, "other nodes are not heard")).ok();
        // The server answers that nobody does, and has taken all that was said before.
        let known = tokio::time::timeout(KNOWN_WITHIN, client.request(NOBODY, Vec::new().into())).await;
        if known.is_err() {
            tracing::warn!("the NATS server is not there yet, other nodes' appends are found by looking");
        }
        Ok(Self { client, heard })
    }

    /// Tells other nodes what grows here, and wakes whoever waits here for what they tell.
    pub(super) async fn carry(self, wakes: &Wakes) {
        let (client, mut untold) = (self.client, wakes.untold());
        let tell = async {
            while let Some(untold) = &mut untold
                && let Some(path) = untold.recv().await
            {
                if let Err(cause) = client.publish(SUBJECT, path.into()).await {
                    tracing::debug!(error = %cause, "other nodes are not told, they look");
                }
            }
        };
        let hear = async {
            let Some(mut heard) = self.heard else { return };
            while let Some(message) = heard.next().await {
                if let Ok(path) = str::from_utf8(&message.payload) {
                    wakes.wake_here(path);
                }
            }
        };
        tokio::join!(tell, hear);
    }
}

fn tell(event: &Event) {
    match event {
        Event::Disconnected => tracing::warn!("the NATS server is gone, other nodes' appends are found by looking"),
        Event::Connected => tracing::info!("the NATS server is there"),
        Event::LameDuckMode
        | Event::Draining
        | Event::Closed
        | Event::SlowConsumer(_)
        | Event::ServerError(_)
        | Event::ClientError(_) => tracing::info!(%event, "from the NATS client"),
    }
}
