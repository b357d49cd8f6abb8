//! What may stand between a box and its hub: a proxy that lets TLS through, and a page to sign in at that answers in
//! everybody's stead.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a head may be, in bytes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// What a page to sign in at says to whoever asks anything (a head with status 200, as such pages have it).
const PORTAL: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 47\r\nConnection: close\r\n\r\n\
                      <!doctype html><title>Wi-Fi</title><h1>Sign in.";

/// Something that listens in between; it ends when dropped.
pub struct Between {
    address: SocketAddr,
    n_passed: Arc<AtomicUsize>,
    _stopping: DropGuard,
}

impl Between {
    /// Opens a proxy that passes on what it is asked to by `CONNECT` (RFC 9110, 9.3.6), to whoever shows a word in
    /// `Proxy-Authorization`.
    ///
    /// # Errors
    /// No free port.
    pub async fn proxy(word: &'static str) -> Result<Self> {
        Self::open(move |from, n_passed| async move {
            // How a passed connection ends is the business of those who speak over it.
            drop(pass(from, word, &n_passed).await);
        })
        .await
    }

    /// Opens a page to sign in at, in clear, whatever it is asked and however.
    ///
    /// # Errors
    /// No free port.
    pub async fn portal() -> Result<Self> {
        Self::open(|mut from, n_passed| async move {
            let mut asked = vec![0; MAX_HEAD_BYTES];
            if from.read(&mut asked).await.is_ok() && from.write_all(PORTAL.as_bytes()).await.is_ok() {
                n_passed.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await
    }

    async fn open<F>(serve: impl Fn(TcpStream, Arc<AtomicUsize>) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let (address, n_passed) = (listener.local_addr().context("no address")?, Arc::default());
        let (stop, counted) = (CancellationToken::new(), Arc::clone(&n_passed));
        let stopping = stop.clone().drop_guard();
        tokio::spawn(async move {
            while let Some(Ok((from, _))) = stop.run_until_cancelled(listener.accept()).await {
                tokio::spawn(stop.clone().run_until_cancelled_owned(serve(from, Arc::clone(&counted))));
            }
        });
        Ok(Self { address, n_passed, _stopping: stopping })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections it passed on, or answered.
    #[must_use]
    pub fn n_passed(&self) -> usize {
        self.n_passed.load(Ordering::SeqCst)
    }
}

async fn pass(mut from: TcpStream, word: &str, n_passed: &AtomicUsize) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        head.push(from.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(' ')).map(|(to, _)| to);
    let shows = |line: &str| line.to_ascii_lowercase().starts_with("proxy-authorization:") && line.ends_with(word);
    if !head.lines().any(shows) {
        from.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    }
    let mut onward = TcpStream::connect(to.context("nothing to connect to")?).await?;
    from.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?;
    n_passed.fetch_add(1, Ordering::SeqCst);
    copy_bidirectional(&mut from, &mut onward).await?;
    Ok(())
}
