//! A way between two programs on which bytes are counted, and may be slow.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::demo::stopwatch::Stopwatch;

/// How much is passed on at once; on a slow way what a packet holds.
const PIECE_BYTES: usize = 64 * 1024;
const PACKET_BYTES: usize = 1_400;

/// How long a program may take until it listens, and how often it is looked.
const OPEN_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A way to an address; it ends with the program.
#[derive(Clone, Debug)]
pub struct Relay {
    address: SocketAddr,
    n_bytes: Arc<AtomicU64>,
}

impl Relay {
    /// Opens a way that passes so many bits in a second each way, or as many as come.
    ///
    /// # Errors
    /// No free port.
    pub fn open(to: SocketAddr, bits_per_s: Option<u32>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot open a way")?;
        let relay = Self { address: listener.local_addr().context("no address")?, n_bytes: Arc::default() };
        let counted = Arc::clone(&relay.n_bytes);
        std::thread::spawn(move || {
            for from in listener.incoming().flatten() {
                let Ok(onward) = TcpStream::connect(to) else { continue };
                let pass = |from: &TcpStream, to: &TcpStream| {
                    let (from, to, counted) = (from.try_clone(), to.try_clone(), Arc::clone(&counted));
                    std::thread::spawn(move || pass((from.ok()?, to.ok()?), bits_per_s, &counted));
                };
                pass(&from, &onward);
                pass(&onward, &from);
            }
        });
        Ok(relay)
    }

    /// Returns where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many bytes have passed, both ways.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }
}

/// Returns a port that nobody listens on, for a program that must be told one.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr().context("no address")?.port())
}

/// Waits until somebody listens on a port of this machine.
///
/// # Errors
/// Nobody does within a minute.
pub fn until_open(port: u16) -> Result<()> {
    let watch = Stopwatch::start();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(watch.read() < OPEN_WITHIN, "nobody listens on port {port}");
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}

/// Passes bytes on until the sender ends, then ends towards the other.
fn pass((mut from, mut to): (TcpStream, TcpStream), bits_per_s: Option<u32>, counted: &AtomicU64) -> Option<()> {
    let mut piece = vec![0; if bits_per_s.is_some() { PACKET_BYTES } else { PIECE_BYTES }];
    let watch = Stopwatch::start();
    // When the way is free again.
    let mut free_at = Duration::ZERO;
    while let Some(n_read) = from.read(&mut piece).ok().filter(|n_read| *n_read > 0) {
        counted.fetch_add(n_read as u64, Ordering::Relaxed);
        if let Some(bits_per_s) = bits_per_s {
            let takes = Duration::from_secs_f64(n_read as f64 * 8.0 / f64::from(bits_per_s));
            free_at = free_at.max(watch.read()) + takes;
            watch.wait_until(free_at);
        }
        to.write_all(piece.get(..n_read)?).ok()?;
    }
    to.shutdown(Shutdown::Write).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_counted_and_takes_the_time_that_the_way_needs() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = echo.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut from, _) = echo.accept().unwrap();
            std::io::copy(&mut from.try_clone().unwrap(), &mut from).unwrap();
        });
        let relay = Relay::open(to, Some(400_000)).unwrap();
        let watch = Stopwatch::start();
        let mut sender = TcpStream::connect(relay.address()).unwrap();
        sender.write_all(&[7; 10_000]).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        sender.read_to_end(&mut back).unwrap();
        assert_eq!((back.len(), relay.n_bytes()), (10_000, 20_000));
        // One way alone takes 0.2 s.
        assert!(watch.read() >= Duration::from_millis(200), "{:?}", watch.read());
    }
}
