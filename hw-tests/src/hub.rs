//! The hub from outside: lines to its nodes that can be cut, patients' telephones, and how a test waits for what comes
//! about by itself.

pub mod house;
pub mod phone;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where a line leads.
#[derive(Clone, Debug, Default)]
struct Leads {
    /// To the first of these that answers.
    to: Vec<SocketAddr>,
    /// Not at all.
    is_cut: bool,
}

/// A line that can be led to the first of several addresses that answers, cut, and mended: what goes through it is not
/// looked at.
pub struct Line {
    address: SocketAddr,
    leads: watch::Sender<Leads>,
    stopping: CancellationToken,
}

impl Line {
    /// Lays a line that leads nowhere yet.
    ///
    /// # Errors
    /// No free port.
    pub async fn lay() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot lay a line")?;
        let address = listener.local_addr().context("a line without an address")?;
        let (leads, watched) = watch::channel(Leads::default());
        let stopping = CancellationToken::new();
        let stop = stopping.clone();
        tokio::spawn(async move {
            loop {
                let Some(Ok((from, _))) = stop.run_until_cancelled(listener.accept()).await else { return };
                tokio::spawn(stop.clone().run_until_cancelled_owned(carry(from, watched.clone())));
            }
        });
        Ok(Self { address, leads, stopping })
    }

    /// Returns where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads what comes about from now on to the first of some addresses that answers; what is open stays as it is.
    pub fn lead_to(&self, to: Vec<SocketAddr>) {
        self.leads.send_modify(|leads| leads.to = to);
    }

    /// Cuts it: what is open breaks, and nothing comes about.
    pub fn cut(&self) {
        self.leads.send_modify(|leads| leads.is_cut = true);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.leads.send_modify(|leads| leads.is_cut = false);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn carry(mut from: TcpStream, mut watched: watch::Receiver<Leads>) {
    let leads = watched.borrow().clone();
    if leads.is_cut {
        return;
    }
    for to in leads.to {
        let Ok(mut onward) = TcpStream::connect(to).await else { continue };
        tokio::select! {
            // How a carried connection ends is the business of those who speak over it.
            _ended = tokio::io::copy_bidirectional(&mut from, &mut onward) => {}
            _cut = watched.wait_for(|leads| leads.is_cut) => {}
        }
        return;
    }
}

/// How long anything here may take to come about.
const SOON: Duration = Duration::from_secs(30);

/// Waits until a question is answered with something.
///
/// # Errors
/// It was not within half a minute.
pub async fn soon<T>(what: &str, question: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    within(SOON, what, question).await
}

/// Waits so long until a question is answered with something.
///
/// # Errors
/// It was not.
pub async fn within<T>(most: Duration, what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let asked = async {
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(most, asked).await.with_context(|| format!("{what}: not within {most:?}"))
}
