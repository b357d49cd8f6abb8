//! The daemon's pulse: whether the journal's writer answers, a page is served and the clock goes on.
//!
//! The service manager hears of it only when all three have happened since the last time, and starts the daemon again
//! when it hears nothing: a loop that only says that it runs would go on saying so while the clinic stands still.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, Shared};
use crate::gate::GateError;
use crate::service;
use crate::surface::status_line;

/// How often it is felt: well within half of any watchdog's time that makes sense for a box.
const EVERY: Duration = Duration::from_secs(2);

/// How long each part may take: a disk that is at its end takes seconds for a commit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// What must be at the start of the answer.
const SERVED: &[u8] = b"HTTP/1.1 200 ";

/// What stands still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stall {
    /// The journal's writer.
    #[error("the journal's writer does not answer")]
    Writer(#[source] GateError),
    /// The journal's writer, which says nothing at all.
    #[error("the journal's writer has not answered in time")]
    WriterSilent,
    /// The pages.
    #[error("no page is served")]
    Pages(#[source] std::io::Error),
    /// The pages answer something else.
    #[error("pages are not served as they should be")]
    PagesWrong,
    /// The pages, which say nothing at all.
    #[error("no page was served in time")]
    PagesSilent,
    /// The clock.
    #[error("the clock stands still")]
    Clock,
}

/// Feels the pulse, and tells the service manager of it and how the box does, until the app stops.
pub(crate) async fn feel(app: Shared, address: SocketAddr) {
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut pulse, mut told) = (Pulse { address, patience: PATIENCE, clock_ms: None }, String::new());
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = due.tick() => {}
        }
        match pulse.beat(&app).await {
            Ok(()) => service::goes_on(),
            // The journal goes last in a stop, and says so.
            Err(_) if app.stop.is_cancelled() => return,
            Err(stall) => {
                tracing::error!(error = %crate::causes::with_causes(&stall), "the service manager is not fed")
            }
        }
        let line = status_line::line(&app);
        if line != told {
            service::does(&line);
            told = line;
        }
    }
}

/// What is felt.
struct Pulse {
    /// Where the box's own pages are.
    address: SocketAddr,
    /// How long each part may take.
    patience: Duration,
    /// What the clock said at the last beat.
    clock_ms: Option<u64>,
}

impl Pulse {
    /// One beat: every part has gone on since the last one.
    async fn beat(&mut self, app: &App) -> Result<(), Stall> {
        let now_ms = app.gate.clock.mono_ms();
        if self.clock_ms.replace(now_ms).is_some_and(|before_ms| now_ms <= before_ms) {
            return Err(Stall::Clock);
        }
        writer(app, self.patience).await?;
        pages(self.address, self.patience).await
    }
}

/// Whether the journal's writer answers; a full disk is no standstill.
///
/// # Errors
/// [`Stall::Writer`], [`Stall::WriterSilent`].
pub(crate) async fn writer(app: &App, patience: Duration) -> Result<(), Stall> {
    match tokio::time::timeout(patience, app.gate.knock()).await {
        Ok(answered) => answered.map_err(Stall::Writer),
        Err(_) => Err(Stall::WriterSilent),
    }
}

/// Whether a page is served, by the way on which every other one comes.
async fn pages(address: SocketAddr, patience: Duration) -> Result<(), Stall> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut start = [0; SERVED.len()];
        stream.read_exact(&mut start).await.map(|_| start)
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(start)) if start == SERVED => Ok(()),
        Ok(Ok(_)) => Err(Stall::PagesWrong),
        Ok(Err(cause)) => Err(Stall::Pages(cause)),
        Err(_) => Err(Stall::PagesSilent),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::config::Config;
    use crate::{daemon, http};

    const SHORT: Duration = Duration::from_millis(300);

    fn open(folder: &std::path::Path) -> Shared {
        let text = format!("site = 1\nstate = \"{}\"\nballast_mib = 0", folder.display());
        let config: Config = toml::from_str(&text).unwrap();
        let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
        daemon::assemble(&config, gate, after).unwrap()
    }

    /// Listens on loopback, and answers nothing by itself.
    fn listen() -> (tokio::net::TcpListener, SocketAddr) {
        let listener = http::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_pulse_beats_only_while_writer_pages_and_clock_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let app = open(folder.path());
        let (silent, unserved) = listen();
        let (listener, address) = listen();
        let serving = tokio::spawn(http::serve(listener, Arc::clone(&app)));
        let mut pulse = Pulse { address, patience: SHORT, clock_ms: None };
        pulse.beat(&app).await.unwrap();

        let ahead = Some(app.gate.clock.mono_ms() + 3_600_000);
        let mut stopped = Pulse { address, patience: SHORT, clock_ms: ahead };
        assert!(matches!(stopped.beat(&app).await, Err(Stall::Clock)));

        let mut deaf = Pulse { address: unserved, patience: SHORT, clock_ms: None };
        assert!(matches!(deaf.beat(&app).await, Err(Stall::PagesSilent)));
        drop(silent);
        let mut closed = Pulse { address: unserved, patience: SHORT, clock_ms: None };
        assert!(matches!(closed.beat(&app).await, Err(Stall::Pages(_))));

        let (let_go, held) = channel::<()>();
        app.gate.hold_writer(held);
        let mut stuck = Pulse { address, patience: SHORT, clock_ms: None };
        assert!(matches!(stuck.beat(&app).await, Err(Stall::WriterSilent)));
        drop(let_go);
        stuck.patience = PATIENCE;
        stuck.beat(&app).await.unwrap();

        app.stop.cancel();
        serving.await.unwrap().unwrap();
        assert!(daemon::close(&app.gate).await);
        assert!(matches!(stuck.beat(&app).await, Err(Stall::Writer(_))));
    }
}
