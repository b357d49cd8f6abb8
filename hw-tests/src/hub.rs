//! The hub from outside: lines to its nodes that can be cut, patients' telephones, and how a test waits for what comes
//! about by itself.

pub mod between;
pub mod house;
pub mod phone;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
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
    /// How often it was cut: what was open then breaks, even if it is mended at once.
    n_cuts: u64,
    /// When so many bytes have come down it in all, it cuts itself.
    cuts_at_bytes: Option<u64>,
}

impl Leads {
    const fn cut(&mut self) {
        (self.is_cut, self.n_cuts) = (true, self.n_cuts.saturating_add(1));
    }
}

/// A line that can be led to the first of several addresses that answers, cut, and mended: what goes through it is not
/// looked at.
pub struct Line {
    address: SocketAddr,
    leads: watch::Sender<Leads>,
    came_bytes: Arc<AtomicU64>,
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
        let (leads, _) = watch::channel(Leads::default());
        let came_bytes = Arc::new(AtomicU64::new(0));
        let stopping = CancellationToken::new();
        let (stop, carried) = (stopping.clone(), (leads.clone(), Arc::clone(&came_bytes)));
        tokio::spawn(async move {
            loop {
                let Some(Ok((from, _))) = stop.run_until_cancelled(listener.accept()).await else { return };
                tokio::spawn(stop.clone().run_until_cancelled_owned(carry(from, carried.clone())));
            }
        });
        Ok(Self { address, leads, came_bytes, stopping })
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
        self.leads.send_modify(Leads::cut);
    }

    /// Has it cut itself once so many bytes more have come down it; nothing beyond them does.
    pub fn cut_after(&self, n_bytes: u64) {
        let cuts_at_bytes = Some(self.came_bytes().saturating_add(n_bytes));
        self.leads.send_modify(|leads| leads.cuts_at_bytes = cuts_at_bytes);
    }

    /// Whether it is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.leads.borrow().is_cut
    }

    /// Returns how many bytes have come down it.
    #[must_use]
    pub fn came_bytes(&self) -> u64 {
        self.came_bytes.load(Ordering::SeqCst)
    }

    /// Mends it.
    pub fn mend(&self) {
        self.leads.send_modify(|leads| (leads.is_cut, leads.cuts_at_bytes) = (false, None));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn carry(mut from: TcpStream, (cutting, came_bytes): (watch::Sender<Leads>, Arc<AtomicU64>)) {
    let mut watched = cutting.subscribe();
    let leads = watched.borrow().clone();
    if leads.is_cut {
        return;
    }
    for to in &leads.to {
        let Ok(mut onward) = TcpStream::connect(to).await else { continue };
        let ((mut up_from, mut down_to), (mut down_from, mut up_to)) = (from.split(), onward.split());
        tokio::select! {
            // How a carried connection ends is the business of those who speak over it.
            _ended = async {
                let up = async {
                    tokio::io::copy(&mut up_from, &mut up_to).await?;
                    up_to.shutdown().await
                };
                tokio::try_join!(up, carry_down((&mut down_from, &mut down_to), (&cutting, &came_bytes)))
            } => {}
            _cut = watched.wait_for(|now| now.n_cuts > leads.n_cuts) => {}
        }
        // What had come down is at its end, and not thrown away with the connection.
        drop(from.shutdown().await);
        return;
    }
}

/// Carries what comes down, and counts it, until the line is to cut itself.
async fn carry_down(
    (from, to): (&mut ReadHalf<'_>, &mut WriteHalf<'_>),
    (cutting, came_bytes): (&watch::Sender<Leads>, &AtomicU64),
) -> std::io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let n_read = from.read(&mut piece).await?;
        if n_read == 0 {
            return to.shutdown().await;
        }
        let n_more = u64::try_from(n_read).unwrap_or(u64::MAX);
        let n_before = came_bytes.fetch_add(n_more, Ordering::SeqCst);
        let ends_at = cutting.borrow().cuts_at_bytes.unwrap_or(u64::MAX);
        let n_left = usize::try_from(ends_at.saturating_sub(n_before)).unwrap_or(usize::MAX);
        to.write_all(piece.get(..n_read.min(n_left)).unwrap_or_default()).await?;
        if n_read > n_left {
            cutting.send_modify(Leads::cut);
            // Whoever carries is cut off there.
            std::future::pending::<()>().await;
        }
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
