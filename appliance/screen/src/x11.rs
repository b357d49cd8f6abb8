//! What an X server is asked beside ximagesink, which opens a window of its picture's size and asks for nothing else: how
//! large the server is, no pointer over the picture, no blanking, and white where a screen that died was.
//!
//! It speaks to a server of this machine only, and waits for no answer but two. Requests are numbered as in "X Window
//! System Protocol", X Version 11, release 6.8, and "X Display Power Management Signaling (DPMS) Extension", 1.0.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// Where the servers of this machine listen, by their numbers.
const SOCKETS: &str = "/tmp/.X11-unix";

/// How long a server may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Errors and events that may come before an answer.
const MOST_BEFORE: usize = 16;

/// The one way of proving access that servers of one machine use.
const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// Why an X server cannot be used.
#[derive(Debug, Error)]
pub enum X11Error {
    /// `DISPLAY` names none of this machine.
    #[error("DISPLAY is {display:?}, which names no X server of this machine")]
    NoDisplay {
        /// What it says.
        display: String,
    },
    /// Nobody listens there.
    #[error("cannot speak to the X server at {}", at.display())]
    Silent {
        /// Where.
        at: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It lets nobody in whom it does not know, or speaks otherwise.
    #[error("the X server at {} refuses this program: check XAUTHORITY", at.display())]
    Refused {
        /// Where.
        at: PathBuf,
    },
}

/// A server that shows no pointer and does not blank as long as this is kept.
pub(crate) struct Display {
    wire: UnixStream,
    root: Root,
    /// The first of the numbers that this client may give to what it makes.
    first_id: u32,
}

/// The server's ground, under every window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    id: u32,
    width_px: u16,
    height_px: u16,
    /// The pixel of white.
    white: u32,
}

impl Display {
    /// Asks the server that the environment names, and sets it up for a picture over all of it.
    ///
    /// # Errors
    /// [`X11Error`]: try again when there is a server.
    pub(crate) fn open() -> Result<Self, X11Error> {
        let display = std::env::var("DISPLAY").unwrap_or_default();
        let number = number_of(&display).ok_or(X11Error::NoDisplay { display: display.clone() })?;
        let at = Path::new(SOCKETS).join(format!("X{number}"));
        let cookie = authority().and_then(|path| cookie_of(&std::fs::read(path).ok()?, number)).unwrap_or_default();
        let silent = |source| X11Error::Silent { at: at.clone(), source };
        let mut wire = UnixStream::connect(&at).map_err(silent)?;
        wire.set_read_timeout(Some(ANSWERED_WITHIN)).map_err(silent)?;
        wire.set_write_timeout(Some(ANSWERED_WITHIN)).map_err(silent)?;
        wire.write_all(&greeting(&cookie)).map_err(silent)?;
        let mut head = [0; 8];
        wire.read_exact(&mut head).map_err(silent)?;
        let mut told = vec![0; usize::from(u16_at(&head, 6).unwrap_or_default()).saturating_mul(4)];
        wire.read_exact(&mut told).map_err(silent)?;
        let (root, first_id) = welcome(&head, &told).ok_or(X11Error::Refused { at: at.clone() })?;
        let mut display = Self { wire, root, first_id };
        display.set_up().map_err(silent)?;
        Ok(display)
    }

    /// Returns its width and height in pixels.
    pub(crate) const fn size_px(&self) -> (u16, u16) {
        (self.root.width_px, self.root.height_px)
    }

    fn set_up(&mut self) -> io::Result<()> {
        let Root { id: root, white, .. } = self.root;
        let (pixmap, pen, pointer) = (self.first_id, self.first_id.wrapping_add(1), self.first_id.wrapping_add(2));
        let one_pixel = 1 | 1 << 16;
        // What a screen left that died is given up, and this one's is left should it die: else a server without clients
        // begins anew, black.
        self.ask(113, 0, &[0])?;
        self.ask(112, 2, &[])?;
        // A pointer of one pixel, of which none is drawn: a pixmap is whatever it is until it is cleared.
        self.ask(53, 1, &[pixmap, root, one_pixel])?;
        self.ask(55, 0, &[pen, pixmap, 1, 0])?;
        self.ask(70, 0, &[pixmap, pen, 0, one_pixel])?;
        self.ask(93, 0, &[pointer, pixmap, pixmap, 0, 0, 0, 0])?;
        // The ground is white, its pointer is that one, and it is drawn anew.
        self.ask(2, 0, &[root, 1 << 1 | 1 << 14, white, pointer])?;
        self.ask(61, 0, &[root, 0, 0])?;
        // A saver that waits for ever.
        self.ask(107, 0, &[0, 0])?;
        self.ask(98, 0, &[4, u32::from_le_bytes(*b"DPMS")])?;
        if let Some(saves_power) = self.answered()? {
            // Disable.
            self.ask(saves_power, 5, &[])?;
        }
        Ok(())
    }

    /// Sends a request: its number, its one byte, and the rest in words.
    fn ask(&mut self, number: u8, byte: u8, words: &[u32]) -> io::Result<()> {
        let n_words = u16::try_from(words.len().saturating_add(1)).unwrap_or(u16::MAX);
        let mut request = vec![number, byte];
        request.extend(n_words.to_le_bytes());
        request.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.wire.write_all(&request)
    }

    /// Waits for the answer to `QueryExtension`; returns the extension's number where there is one.
    fn answered(&mut self) -> io::Result<Option<u8>> {
        for _ in 0..MOST_BEFORE {
            let mut told = [0; 32];
            self.wire.read_exact(&mut told)?;
            // An error or an event is not what was asked for: the picture is shown without it.
            if let [1, _, _, _, _, _, _, _, is_there, number, ..] = told {
                return Ok((is_there == 1).then_some(number));
            }
        }
        Ok(None)
    }
}

/// Returns the number of a server of this machine out of `:0`, `:0.0` or `unix:0`.
fn number_of(display: &str) -> Option<u16> {
    let (host, rest) = display.split_once(':')?;
    let number = rest.split_once('.').map_or(rest, |(number, _screen)| number);
    if ["", "unix"].contains(&host) { number.parse().ok() } else { None }
}

/// Returns where the cookies are.
fn authority() -> Option<PathBuf> {
    let told = std::env::var_os("XAUTHORITY").map(PathBuf::from);
    told.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".Xauthority")))
}

/// Reads the cookie of a server of this machine out of a file as `xauth` writes it: each entry a family, and four texts
/// with their lengths before them (address, number, name, data), numbers with their larger byte first.
fn cookie_of(file: &[u8], number: u16) -> Option<Vec<u8>> {
    let mut rest = file;
    loop {
        let (_family, after) = rest.split_first_chunk::<2>()?;
        let (_address, after) = text(after)?;
        let (of, after) = text(after)?;
        let (name, after) = text(after)?;
        let (cookie, after) = text(after)?;
        // An entry without a number is every server's.
        let is_its = of.is_empty() || of == number.to_string().as_bytes();
        if is_its && name == COOKIE {
            return Some(cookie.to_vec());
        }
        rest = after;
    }
}

fn text(from: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = from.split_first_chunk::<2>()?;
    after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Writes how a client begins: the order of its bytes, the protocol's version, and what lets it in.
fn greeting(cookie: &[u8]) -> Vec<u8> {
    let name = if cookie.is_empty() { &[][..] } else { COOKIE };
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
    let mut said = vec![b'l', 0, 11, 0, 0, 0];
    said.extend(length(name));
    said.extend(length(cookie));
    said.extend([0, 0]);
    for bytes in [name, cookie] {
        said.extend(bytes);
        said.resize(said.len().next_multiple_of(4), 0);
    }
    said
}

/// Reads a server's welcome: its first ground, and the client's first number. None is a refusal.
fn welcome(head: &[u8], told: &[u8]) -> Option<(Root, u32)> {
    if *head.first()? != 1 {
        return None;
    }
    let vendor = usize::from(u16_at(told, 16)?).next_multiple_of(4);
    let formats = usize::from(*told.get(21)?).saturating_mul(8);
    let screen = told.get(32_usize.saturating_add(vendor).saturating_add(formats)..)?;
    let root = Root {
        id: u32_at(screen, 0)?,
        white: u32_at(screen, 8)?,
        width_px: u16_at(screen, 20)?,
        height_px: u16_at(screen, 22)?,
    };
    Some((root, u32_at(told, 4)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_this_machine_have_a_number() {
        for (display, number) in [(":0", 0), (":12.1", 12), ("unix:3", 3)] {
            assert_eq!(number_of(display), Some(number), "{display}");
        }
        for display in ["", "0", ":", ":x", "elsewhere:0", "elsewhere:0.0"] {
            assert_eq!(number_of(display), None, "{display}");
        }
    }

    fn entry(number: &[u8], name: &[u8], cookie: &[u8]) -> Vec<u8> {
        let mut entry = vec![1, 0];
        for text in [b"waiting-room", number, name, cookie] {
            entry.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            entry.extend(text);
        }
        entry
    }

    #[test]
    fn a_cookie_is_the_servers_own_or_every_servers() {
        let file =
            [entry(b"7", COOKIE, b"seven"), entry(b"0", b"XDM", b"other"), entry(b"0", COOKIE, b"zero")].concat();
        assert_eq!(cookie_of(&file, 0).as_deref(), Some(&b"zero"[..]));
        assert_eq!(cookie_of(&file, 7).as_deref(), Some(&b"seven"[..]));
        assert_eq!(cookie_of(&file, 1), None);
        assert_eq!(cookie_of(&entry(b"", COOKIE, b"all"), 5).as_deref(), Some(&b"all"[..]));
        for length in 0..file.len() {
            assert_eq!(cookie_of(&file[..length], 0), None, "a file cut at {length}");
        }
    }

    #[test]
    fn a_greeting_is_padded_and_a_torn_welcome_is_a_refusal() {
        assert_eq!(greeting(&[]), [b'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let with = greeting(&[9; 16]);
        assert_eq!((with.len(), &with[6..10], &with[32..]), (12 + 20 + 16, &[18, 0, 16, 0][..], &[9; 16][..]));
        let mut told = vec![0; 32 + 4 + 8 + 40];
        (told[4], told[16], told[21]) = (2, 3, 1);
        told[44..48].copy_from_slice(&77_u32.to_le_bytes());
        told[52..56].copy_from_slice(&0xFF_FFFF_u32.to_le_bytes());
        told[64..68].copy_from_slice(&[0, 5, 0xD0, 2]);
        let root = Root { id: 77, width_px: 1280, height_px: 720, white: 0xFF_FFFF };
        assert_eq!(welcome(&[1], &told), Some((root, 2)));
        assert_eq!(welcome(&[0], &told), None, "failed");
        assert_eq!(welcome(&[2], &told), None, "wants to know more");
        assert_eq!(welcome(&[1], &told[..60]), None);
    }
}
