//! The hub's pulse: whether its store answers and somebody who comes to its door is answered.
//!
//! The service manager hears of it only when both have happened since the last time. A store that says that it cannot
//! has answered: a hub that is started again for it would not be any better off.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::causes::with_causes;
use crate::hub::Hub;

/// How often it is felt, and how long each part may take: within half of the unit's watchdog together.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(12);

/// What nobody says who speaks TLS: whoever serves the door says so, or hangs up.
const NO_TLS: &[u8] = b"is anybody there?\n";

/// What stands still.
#[derive(Debug, Error)]
pub enum Stall {
    /// The store says nothing at all.
    #[error("the store has not answered in time")]
    Store,
    /// The door cannot be reached.
    #[error("nobody opens the door")]
    Door(#[source] io::Error),
    /// Nobody answers there.
    #[error("nobody has answered at the door in time")]
    DoorSilent,
}

/// Feels the pulse for ever, and tells of each beat.
pub async fn feel(door: SocketAddr, hub: Hub, beat: impl Fn()) {
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match felt(door, hub.streams().store.service(), PATIENCE).await {
            Ok(()) => beat(),
            Err(stall) => tracing::error!(error = %with_causes(&stall), "the service manager is not fed"),
        }
    }
}

/// Feels it once.
async fn felt(door: SocketAddr, asked: impl Future, patience: Duration) -> Result<(), Stall> {
    // Whatever it answers, it answers.
    timeout(patience, asked).await.map(drop).map_err(|_late| Stall::Store)?;
    timeout(patience, answered(door)).await.map_err(|_late| Stall::DoorSilent)?.map_err(Stall::Door)
}

/// Comes to the door, and waits until somebody says something or hangs up.
async fn answered(door: SocketAddr) -> io::Result<()> {
    // Where it listens everywhere, it listens here.
    let here = if door.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { door.ip() };
    let mut line = TcpStream::connect((here, door.port())).await?;
    line.write_all(NO_TLS).await?;
    match line.read(&mut [0; 64]).await {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use tokio::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn the_pulse_beats_only_while_store_and_door_answer() {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = door.local_addr().unwrap();
        assert!(matches!(felt(at, pending::<()>(), SHORT).await, Err(Stall::Store)));
        // The system takes whoever comes; nobody serves them.
        assert!(matches!(felt(at, ready(()), SHORT).await, Err(Stall::DoorSilent)));
        let serving = tokio::spawn(async move {
            while let Ok((line, _)) = door.accept().await {
                drop(line);
            }
        });
        felt(at, ready(()), SHORT).await.unwrap();
        felt(SocketAddr::from(([0, 0, 0, 0], at.port())), ready(()), SHORT).await.unwrap();
        serving.abort();
        assert!(serving.await.is_err());
        assert!(matches!(felt(at, ready(()), SHORT).await, Err(Stall::Door(_))));
    }
}
