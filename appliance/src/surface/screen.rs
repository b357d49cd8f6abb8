//! The screens: each monitor's process connects over a unix socket, is told what to show, and says what it showed.

mod airing;

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use machiai_core::board::is_call_over;
use machiai_core::facts::Lang;
use machiai_core::ids::PlaceId;
use machiai_core::program::as_run::{Cut, Seen};
use machiai_panel::Layout;
use machiai_panel::link::{self, Decoding, FromScreen, Heard, LineError, MAX_LINE_BYTES, Speech, ToScreen};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::board;
use crate::app::{Call, Frame, Shared};
use airing::Airing;

/// How long a screen may take to say which it is.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// How long a screen may say nothing before its connection is given up: it says each second that it lives.
const SILENT_FOR: Duration = Duration::from_secs(5);

/// How long a screen may take to take a line.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// Monitors at once; a clinic has one or two.
const MOST_SCREENS: usize = 8;

/// Most announcements that may still be taken back; a screen keeps no more waiting.
const MOST_ANNOUNCED: usize = 16;

/// The access of the socket: its owner, and the group in which the screens are.
const SOCKET_MODE: u32 = 0o660;

/// The longest reason of a screen that shows nothing, in characters.
const MOST_WHY_CHARS: usize = 400;

/// What is known of the monitors that are connected, or were, or could not show anything.
#[derive(Debug, Default)]
pub(crate) struct Screens(Mutex<BTreeMap<PlaceId, Known>>);

/// A monitor that was heard of since the start.
#[derive(Clone, Debug)]
enum Known {
    /// It is connected, and can be told to start anew.
    Here(ScreenState, Arc<Notify>),
    /// It is not, and why where it said so.
    Gone(Option<String>),
}

/// What is known of a monitor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScreenState {
    /// How it hangs.
    layout: Layout,
    /// Frames composed since it started.
    n_frames: u64,
    /// The languages in which it can speak.
    voices: Vec<Lang>,
    /// With what it decodes films.
    decoding: Decoding,
    /// Whether it is lit.
    seen: Seen,
    /// Whether it is heard.
    heard: Heard,
}

impl Screens {
    /// Returns the monitors that are connected, by their places.
    pub(crate) fn now(&self) -> BTreeMap<PlaceId, ScreenState> {
        self.with(|screens| {
            let here = screens.iter().filter_map(|(at, known)| match known {
                Known::Here(state, _) => Some((at.clone(), state.clone())),
                Known::Gone(_) => None,
            });
            here.collect()
        })
    }

    /// Returns the monitors of which was heard since the start and that are not connected, with why where they said so.
    pub(crate) fn gone(&self) -> BTreeMap<PlaceId, Option<String>> {
        self.with(|screens| {
            let gone = screens.iter().filter_map(|(at, known)| match known {
                Known::Here(..) => None,
                Known::Gone(why) => Some((at.clone(), why.clone())),
            });
            gone.collect()
        })
    }

    /// Whether a monitor of which was heard since the start is not connected, or dark.
    pub(crate) fn lack_one(&self) -> bool {
        let is_missed = |known: &Known| match known {
            Known::Here(state, _) => state.seen == Seen::Dark,
            Known::Gone(_) => true,
        };
        self.with(|screens| screens.values().any(is_missed))
    }

    /// Whether a screen that could be heard is not any more.
    pub(crate) fn lack_sound(&self) -> bool {
        let is_missed = |known: &Known| matches!(known, Known::Here(state, _) if state.heard == Heard::Gone);
        self.with(|screens| screens.values().any(is_missed))
    }

    /// Tells a monitor's screen to start anew; returns by what its connection is known, if there is one.
    pub(crate) fn restart(&self, monitor: &PlaceId) -> Option<Arc<Notify>> {
        self.with(|screens| match screens.get(monitor) {
            Some(Known::Here(_, restart)) => {
                restart.notify_one();
                Some(Arc::clone(restart))
            }
            Some(Known::Gone(_)) | None => None,
        })
    }

    /// Whether a monitor's screen is connected by another connection than one before.
    pub(crate) fn is_back(&self, monitor: &PlaceId, before: &Arc<Notify>) -> bool {
        self.with(|screens| match screens.get(monitor) {
            Some(Known::Here(_, now)) => !Arc::ptr_eq(now, before),
            Some(Known::Gone(_)) | None => false,
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<PlaceId, Known>) -> T) -> T {
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
                    // The end is not waited for.
                    app.stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100))).await;
                }
            },
            Some(_ended) = talks.join_next() => {}
        }
    }
    while talks.join_next().await.is_some() {}
}

/// A screen's place among those connected, given back at the end.
struct Place<'a> {
    app: &'a Shared,
    monitor: PlaceId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.app.screens.with(|screens| screens.insert(self.monitor.clone(), Known::Gone(None)));
    }
}

async fn talk(stream: UnixStream, app: &Shared) -> Result<(), TalkError> {
    let (from, to) = stream.into_split();
    let mut from = Lines { from: BufReader::new(from), line: Vec::new() };
    let hello = tokio::time::timeout(HELLO_WITHIN, from.next()).await.map_err(|_late| TalkError::NoHello)??;
    let Some(said) = hello else { return Err(TalkError::NoHello) };
    let (monitor, state) = match said {
        FromScreen::Hello { monitor, layout, decoding } => {
            let state = ScreenState {
                layout,
                n_frames: 0,
                voices: Vec::new(),
                decoding,
                seen: Seen::Unknown,
                heard: Heard::Never,
            };
            (monitor, Known::Here(state, Arc::default()))
        }
        FromScreen::Fails { monitor, why } => (monitor, Known::Gone(Some(why.chars().take(MOST_WHY_CHARS).collect()))),
        FromScreen::Alive { .. } | FromScreen::Begun { .. } | FromScreen::Shown { .. } | FromScreen::Ended { .. } => {
            return Err(TalkError::NoHello);
        }
    };
    let monitor: PlaceId = monitor.parse().map_err(|_bad| TalkError::NoHello)?;
    let (layout, restart) = match &state {
        Known::Here(state, restart) => (state.layout, Arc::clone(restart)),
        Known::Gone(why) => {
            tracing::warn!(%monitor, why, "a screen can show nothing");
            return take_place(&app.screens, monitor, state);
        }
    };
    take_place(&app.screens, monitor.clone(), state)?;
    app.contents.hangs(layout);
    let place = Place { app, monitor };
    tracing::info!(monitor = %place.monitor, "a screen is connected");
    let mut airing = Airing::begin(app, place.monitor.clone(), layout);
    let mut wires = Wires { from, to };
    let ended = show((&place, &restart), layout, &mut airing, &mut wires).await;
    airing.end(if app.stop.is_cancelled() { Cut::Stopped } else { Cut::ScreenGone }).await;
    ended
}

/// Both directions of a connection.
struct Wires {
    from: Lines,
    to: OwnedWriteHalf,
}

/// Tells a screen what to show until it goes or the app stops.
async fn show(
    (place, restart): (&Place<'_>, &Notify),
    layout: Layout,
    airing: &mut Airing<'_>,
    wires: &mut Wires,
) -> Result<(), TalkError> {
    let app = place.app;
    let mut frames = board::frames(app, layout.into());
    let mut changes = app.gate.changes();
    let mut shown = Shown::default();
    let silence = tokio::time::sleep(SILENT_FOR);
    tokio::pin!(silence);
    loop {
        let is_called = frames.borrow().is_over_film;
        for said in airing.plan(is_called).await {
            say(&mut wires.to, &said).await?;
        }
        tokio::select! {
            () = app.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(airing.look_again_in()) => {}
            changed = changes.changed() => changed.map_err(|_none| TalkError::NoFrames)?,
            () = &mut silence => return Err(TalkError::Silent),
            () = restart.notified() => return say(&mut wires.to, &ToScreen::Restart).await,
            changed = frames.changed() => {
                changed.map_err(|_none| TalkError::NoFrames)?;
                let (now, _) = app.gate.clock.now();
                let is_over = |call: &Call| {
                    app.gate.read(|clinic| is_call_over(clinic, &call.label, call.at, now))
                };
                let told = shown.after(&frames.borrow_and_update(), is_over);
                for said in told {
                    say(&mut wires.to, &said).await?;
                }
            }
            heard = wires.from.next() => match heard? {
                Some(said) => {
                    hear(place, &said);
                    airing.hear(said).await;
                    silence.as_mut().reset(Instant::now() + SILENT_FOR);
                }
                None => return Ok(()),
            }
        }
    }
}

/// Takes note of a monitor, unless its place is taken or there are too many.
fn take_place(screens: &Screens, monitor: PlaceId, state: Known) -> Result<(), TalkError> {
    screens.with(|all| {
        let is_taken = matches!(all.get(&monitor), Some(Known::Here(..)));
        let is_new = !all.contains_key(&monitor);
        if is_taken || (is_new && all.len() >= MOST_SCREENS) {
            return Err(TalkError::NoPlace);
        }
        all.insert(monitor, state);
        Ok(())
    })
}

fn hear(place: &Place<'_>, said: &FromScreen) {
    match said {
        FromScreen::Alive { n_frames, voices, seen, heard } => place.app.screens.with(|screens| {
            if let Some(Known::Here(state, _)) = screens.get_mut(&place.monitor) {
                state.n_frames = *n_frames;
                state.voices.clone_from(voices);
                (state.seen, state.heard) = (*seen, *heard);
            }
        }),
        FromScreen::Hello { .. }
        | FromScreen::Fails { .. }
        | FromScreen::Begun { .. }
        | FromScreen::Shown { .. }
        | FromScreen::Ended { .. } => {}
    }
}

/// The drawing that a screen has, and what it was told of calls.
#[derive(Default)]
struct Shown {
    svg: Bytes,
    calls: Option<Vec<Call>>,
    /// What was announced and may still wait to be heard, oldest first.
    announced: VecDeque<(u64, Call)>,
    n_announced: u64,
}

impl Shown {
    /// Returns what a screen does not have yet of a frame: new calls first, as they are heard late enough.
    fn after(&mut self, frame: &Frame, is_over: impl Fn(&Call) -> bool) -> Vec<ToScreen> {
        let mut told = self.hushed(is_over);
        // A call that was made before the screen came has been heard, or is too late.
        if let Some(known) = self.calls.take() {
            for call in frame.calls.iter().filter(|call| !known.contains(call)) {
                told.push(self.announced(call));
            }
        }
        self.calls = Some(frame.calls.clone());
        if frame.svg != self.svg {
            self.svg = frame.svg.clone();
            let svg = String::from_utf8_lossy(&frame.svg).into_owned();
            told.push(ToScreen::Board { svg, is_over: frame.is_over_film });
        }
        told
    }

    /// Takes back what was announced and is over.
    fn hushed(&mut self, is_over: impl Fn(&Call) -> bool) -> Vec<ToScreen> {
        let (over, rest) = std::mem::take(&mut self.announced).into_iter().partition(|(_, call)| is_over(call));
        self.announced = rest;
        let over: VecDeque<(u64, Call)> = over;
        over.into_iter().map(|(id, _)| ToScreen::Hush { id }).collect()
    }

    fn announced(&mut self, call: &Call) -> ToScreen {
        self.n_announced = self.n_announced.saturating_add(1);
        if self.announced.len() >= MOST_ANNOUNCED {
            self.announced.pop_front();
        }
        self.announced.push_back((self.n_announced, call.clone()));
        ToScreen::Announce { id: self.n_announced, speech: Speech::of(&call.speech) }
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
    use machiai_core::speech::Spoken;
    use machiai_core::time::AtMs;

    use super::*;

    fn call(label: &str, at: i64) -> Call {
        let spoken = Spoken { lang: Lang::Ja, text: format!("{label}番のかた") };
        Call { label: label.to_owned(), at: AtMs(at), again: false, speech: vec![spoken] }
    }

    fn frame(svg: &'static str, calls: &[Call]) -> Frame {
        Frame { svg: svg.into(), calls: calls.to_vec(), ..Frame::default() }
    }

    /// Says what a screen was told, in short.
    fn told(shown: &mut Shown, frame: &Frame, over: &[Call]) -> String {
        let said = shown.after(frame, |call| over.contains(call)).into_iter().map(|said| match said {
            ToScreen::Announce { id, speech } => {
                let texts: Vec<&str> = speech.pieces().iter().map(|spoken| spoken.text.as_str()).collect();
                format!("{id} {}", texts.join(" "))
            }
            ToScreen::Hush { id } => format!("hush {id}"),
            ToScreen::Board { svg, .. } => svg,
            ToScreen::Cue { .. } | ToScreen::Clear | ToScreen::Uncover | ToScreen::Cover { .. } | ToScreen::Restart => {
                "else".to_owned()
            }
        });
        said.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_new_call_is_announced_once_and_a_drawing_is_sent_once() {
        let (a, b) = (call("101", 1), call("102", 2));
        let mut shown = Shown::default();
        let mut told = |frame: &Frame| told(&mut shown, frame, &[]);
        assert_eq!(told(&frame("a", std::slice::from_ref(&a))), "a", "the screen has just come");
        assert_eq!(told(&frame("a", std::slice::from_ref(&a))), "");
        assert_eq!(told(&frame("b", &[a, b.clone()])), "1 102番のかた, b");
        assert_eq!(told(&frame("c", &[b])), "c");
        assert_eq!(told(&frame("d", &[])), "d");
        let (first, second) = (call("101", 9), call("103", 9));
        assert_eq!(told(&frame("e", &[first, second])), "2 101番のかた, 3 103番のかた, e", "called again, in order");
    }

    #[test]
    fn a_call_that_is_over_is_hushed_once_and_one_whose_frame_is_gone_is_not() {
        let (a, b) = (call("101", 1), call("102", 2));
        let mut shown = Shown::default();
        assert_eq!(told(&mut shown, &frame("a", &[]), &[]), "a");
        assert_eq!(told(&mut shown, &frame("a", &[a.clone(), b.clone()]), &[]), "1 101番のかた, 2 102番のかた");
        assert_eq!(told(&mut shown, &frame("a", std::slice::from_ref(&a)), std::slice::from_ref(&b)), "hush 2");
        assert_eq!(told(&mut shown, &frame("a", &[]), std::slice::from_ref(&b)), "", "the first may still be said");
        assert_eq!(told(&mut shown, &frame("a", &[]), &[a, b]), "hush 1");
        for at in 0..40 {
            told(&mut shown, &frame("a", &[call("7", at)]), &[]);
        }
        assert_eq!(shown.announced.len(), MOST_ANNOUNCED);
    }
}
