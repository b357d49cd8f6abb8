//! The screens: each monitor's process connects over a unix socket, is told what to show, and says what it showed.

mod airing;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use machiai_core::ids::PlaceId;
use machiai_core::time::AtMs;
use machiai_panel::Layout;
use machiai_panel::link::{self, FromScreen, LineError, MAX_LINE_BYTES, ToScreen};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;

use super::board;
use crate::app::{Frame, Shared};
use airing::Airing;

/// How long a screen may take to say which it is.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// How long a screen may say nothing before its connection is given up: it says each second that it lives.
const SILENT_FOR: Duration = Duration::from_secs(5);

/// How long a screen may take to take a line.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// Monitors at once; a clinic has one or two.
const MOST_SCREENS: usize = 8;

/// The access of the socket: its owner, and the group in which the screens are.
const SOCKET_MODE: u32 = 0o660;

/// What is known of the monitors that are connected, or were; none of one that is gone.
#[derive(Debug, Default)]
pub(crate) struct Screens(Mutex<BTreeMap<PlaceId, Option<ScreenState>>>);

/// What is known of a monitor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScreenState {
    /// How it hangs.
    layout: Layout,
    /// Frames composed since it started.
    n_frames: u64,
}

impl Screens {
    /// Returns the monitors that are connected, by their places.
    pub(crate) fn now(&self) -> BTreeMap<PlaceId, ScreenState> {
        self.with(|screens| screens.iter().filter_map(|(at, state)| Some((at.clone(), state.clone()?))).collect())
    }

    /// Whether a monitor that was connected since the start is not.
    pub(crate) fn lack_one(&self) -> bool {
        self.with(|screens| screens.values().any(Option::is_none))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<PlaceId, Option<ScreenState>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a connection to a screen ended.
#[derive(Debug, thiserror::Error)]
enum TalkError {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] std::io::Error),
    /// It said something that is none of ours.
    #[error("it said something else")]
    Foreign(#[source] LineError),
    /// It did not begin with which monitor it is.
    #[error("it did not say which monitor it is")]
    NoHello,
    /// A screen of that place is connected, or there are too many.
    #[error("there is no place for it")]
    NoPlace,
    /// It said nothing, or took nothing, for too long.
    #[error("it did not answer in time")]
    Silent,
    /// Nothing is drawn any more.
    #[error("there is nothing to show")]
    NoFrames,
}

/// Listens for screens; a socket that a killed daemon left is replaced.
///
/// # Errors
/// The socket cannot be made.
pub(crate) fn listen(at: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(at) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
    }
    let listener = UnixListener::bind(at)?;
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

/// Returns where the screens of a state folder connect, unless the configuration says another place.
pub(crate) fn usual_socket(state: &Path) -> PathBuf {
    state.join("screen.sock")
}

/// Serves screens until the app stops.
pub(crate) async fn serve(listener: UnixListener, app: Shared) {
    let mut talks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = app.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let app = Shared::clone(&app);
                    talks.spawn(async move {
                        if let Err(cause) = talk(stream, &app).await {
                            tracing::warn!(error = %cause, "a screen's connection ended");
                        }
                    });
                }
                Err(cause) => {
                    tracing::warn!(error = %cause, "a screen could not connect");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_ended) = talks.join_next() => {}
        }
    }
    while talks.join_next().await.is_some() {}
}

/// A screen's place among those connected, given back at the end.
struct Place<'a> {
    screens: &'a Screens,
    monitor: PlaceId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.screens.with(|screens| screens.insert(self.monitor.clone(), None));
    }
}

async fn talk(stream: UnixStream, app: &Shared) -> Result<(), TalkError> {
    let (from, mut to) = stream.into_split();
    let mut from = Lines { from: BufReader::new(from), line: Vec::new() };
    let hello = tokio::time::timeout(HELLO_WITHIN, from.next()).await.map_err(|_late| TalkError::NoHello)??;
    let Some(FromScreen::Hello { monitor, layout }) = hello else { return Err(TalkError::NoHello) };
    let monitor: PlaceId = monitor.parse().map_err(|_bad| TalkError::NoHello)?;
    let place = take_place(&app.screens, monitor, layout)?;
    tracing::info!(monitor = %place.monitor, "a screen is connected");
    let mut frames = board::frames(app, layout.into());
    let mut changes = app.gate.changes();
    let mut shown = Shown::default();
    let mut airing = Airing::begin(app, place.monitor.clone(), layout);
    let silence = tokio::time::sleep(SILENT_FOR);
    tokio::pin!(silence);
    loop {
        let is_called = frames.borrow().is_over_film;
        for said in airing.plan(is_called).await {
            say(&mut to, &said).await?;
        }
        tokio::select! {
            () = app.stop.cancelled() => {
                airing.stop().await;
                return Ok(());
            }
            () = tokio::time::sleep(airing.look_again_in()) => {}
            changed = changes.changed() => changed.map_err(|_none| TalkError::NoFrames)?,
            () = &mut silence => return Err(TalkError::Silent),
            changed = frames.changed() => {
                changed.map_err(|_none| TalkError::NoFrames)?;
                let told = shown.after(&frames.borrow_and_update());
                for said in told.into_iter().flatten() {
                    say(&mut to, &said).await?;
                }
            }
            heard = from.next() => match heard? {
                Some(said) => {
                    hear(&place, &said);
                    airing.hear(said).await;
                    silence.as_mut().reset(Instant::now() + SILENT_FOR);
                }
                None => return Ok(()),
            }
        }
    }
}

fn take_place(screens: &Screens, monitor: PlaceId, layout: Layout) -> Result<Place<'_>, TalkError> {
    screens.with(|all| {
        let is_taken = all.get(&monitor).is_some_and(Option::is_some);
        let is_new = !all.contains_key(&monitor);
        if is_taken || (is_new && all.len() >= MOST_SCREENS) {
            return Err(TalkError::NoPlace);
        }
        all.insert(monitor.clone(), Some(ScreenState { layout, n_frames: 0 }));
        Ok(())
    })?;
    Ok(Place { screens, monitor })
}

fn hear(place: &Place<'_>, said: &FromScreen) {
    match said {
        FromScreen::Alive { n_frames } => place.screens.with(|screens| {
            if let Some(Some(state)) = screens.get_mut(&place.monitor) {
                state.n_frames = *n_frames;
            }
        }),
        FromScreen::Hello { .. } | FromScreen::Begun { .. } | FromScreen::Shown { .. } | FromScreen::Ended { .. } => {}
    }
}

/// The drawing that a screen has.
#[derive(Default)]
struct Shown {
    svg: Bytes,
    calls: Option<Vec<(String, AtMs, bool)>>,
}

impl Shown {
    /// Returns what a screen does not have yet of a frame: the chime for a new call first, as it is heard late enough.
    fn after(&mut self, frame: &Frame) -> [Option<ToScreen>; 2] {
        // A call that was made before the screen came has been heard, or is too late.
        let is_new = |call| self.calls.as_ref().is_some_and(|known| !known.contains(call));
        let rings = frame.calls.iter().any(is_new);
        self.calls = Some(frame.calls.clone());
        let is_drawn = frame.svg != self.svg;
        self.svg = frame.svg.clone();
        let board = || {
            let svg = String::from_utf8_lossy(&frame.svg).into_owned();
            ToScreen::Board { svg, is_over: frame.is_over_film }
        };
        [rings.then_some(ToScreen::Ring), is_drawn.then(board)]
    }
}

async fn say(to: &mut OwnedWriteHalf, said: &ToScreen) -> Result<(), TalkError> {
    let line = link::line(said);
    let sent = tokio::time::timeout(SENT_WITHIN, to.write_all(&line)).await;
    sent.map_err(|_late| TalkError::Silent)?.map_err(TalkError::Broken)
}

/// Lines of a bounded length. A wait that is given up loses nothing of a line.
struct Lines {
    from: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<FromScreen>, TalkError> {
        let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
        let mut most = (&mut self.from).take(u64::try_from(room).unwrap_or(u64::MAX));
        let n_read = most.read_until(b'\n', &mut self.line).await.map_err(TalkError::Broken)?;
        if n_read == 0 && self.line.is_empty() {
            return Ok(None);
        }
        let said = link::read(&self.line).map_err(TalkError::Foreign);
        self.line.clear();
        said.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_call_rings_once_and_a_drawing_is_sent_once() {
        let frame = |svg: &'static str, calls: &[(&str, i64)]| Frame {
            svg: svg.into(),
            calls: calls.iter().map(|(label, at)| ((*label).to_owned(), AtMs(*at), false)).collect(),
            ..Frame::default()
        };
        let mut shown = Shown::default();
        let mut told = |frame: &Frame| shown.after(frame).map(|said| said.is_some());
        assert_eq!(told(&frame("a", &[("101", 1)])), [false, true], "the screen has just come");
        assert_eq!(told(&frame("a", &[("101", 1)])), [false, false]);
        assert_eq!(told(&frame("b", &[("101", 1), ("102", 2)])), [true, true]);
        assert_eq!(told(&frame("c", &[("102", 2)])), [false, true]);
        assert_eq!(told(&frame("d", &[])), [false, true]);
        assert_eq!(told(&frame("e", &[("101", 9)])), [true, true], "called again");
    }
}
