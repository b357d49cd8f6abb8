//! Whether a time server has set the machine's clock: systemd's time client leaves a mark, chrony is asked.
//!
//! The kernel knows it of either, but a unit that may not set the clock may not ask it (`ProtectClock`), and chrony's
//! folders are closed to others. What `chronyc tracking` asks, chrony answers to whoever is on this machine; the layout
//! is that of its `candm.h`, version 6, since chrony 1.30. Its port is one that only root can take.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// systemd's time client makes this file once a time server has set the clock.
const MARK: &str = "/run/systemd/timesync/synchronized";

/// Where chrony answers.
const CHRONY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 323);

/// One that is there answers at once.
const PATIENCE: Duration = Duration::from_millis(50);

/// `REQ_TRACKING`: version and kind of packet, then the command; the rest is nought.
const ASKED: [u8; 6] = [6, 1, 0, 0, 0, 33];

/// What is asked is as long as the answer, so that nobody is sent more than he sent.
const N_ASKED: usize = 104;

/// `RPY_TRACKING` to that, and its status: success.
const ANSWERED: [u8; 10] = [6, 2, 0, 0, 0, 33, 0, 5, 0, 0];

/// Whom the clock follows: nobody, or itself (`local` in chrony's configuration).
const NOBODY: [[u8; 4]; 2] = [[0; 4], [127, 127, 1, 1]];

/// Whether a time server has set the clock since the machine's start, as the mark of systemd's client says it too.
#[derive(Clone, Debug, Default)]
pub(super) struct Synced {
    by_chrony: Arc<AtomicBool>,
}

impl Synced {
    /// Asks chrony, until it says yes.
    pub(super) fn ask(&self) {
        if !self.stands() && chrony_follows(CHRONY).unwrap_or(false) {
            self.by_chrony.store(true, Ordering::Relaxed);
        }
    }

    /// Returns what is known.
    pub(super) fn stands(&self) -> bool {
        self.by_chrony.load(Ordering::Relaxed) || Path::new(MARK).exists()
    }
}

/// Asks a chrony whether its clock follows a server.
fn chrony_follows(at: SocketAddr) -> io::Result<bool> {
    let door = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    door.connect(at)?;
    door.set_read_timeout(Some(PATIENCE))?;
    let mut packet = [0; N_ASKED];
    packet.iter_mut().zip(ASKED).for_each(|(byte, asked)| *byte = asked);
    door.send(&packet)?;
    let n_bytes = door.recv(&mut packet)?;
    Ok(packet.get(..n_bytes).is_some_and(follows))
}

/// Reads an answer: whom the clock follows, and its leap status, of which 3 is "not synchronised".
fn follows(answer: &[u8]) -> bool {
    let (whom, leap) = (answer.get(28..32), answer.get(54..56));
    answer.starts_with(&ANSWERED)
        && whom.is_some_and(|whom| NOBODY.iter().all(|nobody| whom != nobody))
        && leap.is_some_and(|leap| matches!(leap, [0, 0..=2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What chrony 4.3 of Debian 12 answers, up to its leap status: a server that is there, or nobody so far.
    fn answer(whom: [u8; 4], stratum: u8, leap: u8) -> Vec<u8> {
        let head = [&ANSWERED[..], &[0; 18], &whom, &whom, &[0; 12], &[0, 1, 0, 0]].concat();
        [&head[..], &[0, stratum, 0, leap], &[0; 48]].concat()
    }

    /// Has a chrony answer whoever asks it once; returns what is made of it.
    fn told(answer: Option<Vec<u8>>) -> Option<bool> {
        let chrony = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = chrony.local_addr().unwrap();
        let is_there = answer.is_some();
        let chrony = std::thread::spawn(move || {
            let mut asked = [0; 200];
            let (n_bytes, from) = chrony.recv_from(&mut asked).unwrap();
            answer.map(|answer| chrony.send_to(&answer, from).unwrap());
            (n_bytes, asked[..6].to_vec())
        });
        let follows = chrony_follows(at);
        assert_eq!(chrony.join().unwrap(), (104, vec![6, 1, 0, 0, 0, 33]));
        assert_eq!(follows.is_ok(), is_there);
        follows.ok()
    }

    #[test]
    fn chrony_is_believed_when_it_follows_a_server_and_only_then() {
        let server = [192, 0, 2, 7];
        assert_eq!(told(Some(answer(server, 2, 0))), Some(true));
        assert_eq!(told(Some(answer(server, 2, 1))), Some(true), "a leap second to come");
        assert_eq!(told(Some(answer(server, 2, 3))), Some(false), "lost");
        assert_eq!(told(Some(answer([0; 4], 0, 3))), Some(false), "just started");
        assert_eq!(told(Some(answer([127, 127, 1, 1], 10, 0))), Some(false), "its own clock");
        let refused = [&[6, 2, 0, 0, 0, 33, 0, 1, 0, 2][..], &answer(server, 2, 0)[10..]].concat();
        assert_eq!(told(Some(refused)), Some(false));
        assert_eq!(told(Some(answer(server, 2, 0)[..55].to_vec())), Some(false), "cut off");
        assert_eq!(told(Some(vec![])), Some(false));
        assert_eq!(told(None), None, "one that hangs");
    }

    #[test]
    fn where_there_is_no_chrony_nobody_waits() {
        let at = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert_eq!(chrony_follows(at).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
