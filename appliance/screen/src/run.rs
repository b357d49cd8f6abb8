//! One monitor from start to stop: what the daemon says is shown, what was shown is said.
//!
//! While the daemon is away the last picture stays and what was cued plays on; the connection is tried again for ever.

mod drawing;
mod names;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use gstreamer::ClockTime;
use machiai_panel::link::{Cover, End, FromScreen, Item, ToScreen};
use machiai_panel::{FontPaths, Layout, Panel, PanelError, Pixels};
use sd_notify::NotifyState;
use thiserror::Error;

use crate::canvas::Canvas;
use crate::decoding;
use crate::item::ItemError;
use crate::lamp::Lamp;
use crate::output::{Output, OutputError, Sink};
use crate::playout::Playout;
use crate::voice::{Voice, VoicePaths};
use drawing::Drawing;
use names::{Calls, Names};
use wire::{Heard, Wire};

/// How often the screen looks at what became true.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often it says that it shows frames, and how much of the running item was seen.
const ALIVE_EVERY: ClockTime = ClockTime::SECOND;

/// The colour of paper, and of a monitor that is dark by the hours.
const PAPER: [u8; 4] = [0xF7, 0xF4, 0xED, 0xFF];
const BLACK: [u8; 4] = [0, 0, 0, 0xFF];

/// How long no frame may be composed before the output is built anew.
const FROZEN_AFTER: ClockTime = ClockTime::from_seconds(3);

/// What a screen is started with.
#[derive(Clone)]
pub struct Setting {
    /// Where the daemon listens.
    pub socket: PathBuf,
    /// Which monitor it is, by the place where it hangs.
    pub monitor: String,
    /// How it hangs.
    pub layout: Layout,
    /// Where the picture goes.
    pub sink: Sink,
    /// Where it is heard, as GStreamer describes sinks: at the first that opens; nowhere if there are none.
    pub devices: Vec<String>,
    /// Where it looks whether its monitor is lit.
    pub lamp: Lamp,
    /// Where its voices may be found.
    pub voices: VoicePaths,
}

/// Why a screen ends by itself; its supervisor starts it again.
#[derive(Debug, Error)]
pub enum ScreenError {
    /// Fonts are missing.
    #[error("cannot draw anything")]
    Panel(#[source] PanelError),
    /// There is no output.
    #[error("cannot show anything")]
    Output(#[source] OutputError),
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Somebody wants it to start anew.
    #[error("it was told to start anew")]
    StartsAnew,
    /// The output failed while it ran.
    #[error("the output failed: {what}")]
    Failed {
        /// How.
        what: String,
    },
}

/// Shows what the daemon says until it is told to stop.
///
/// # Errors
/// [`ScreenError`]: start again.
pub fn run(setting: &Setting, stop: &AtomicBool) -> Result<(), ScreenError> {
    let shown = show(setting, stop);
    if let Err(error @ (ScreenError::Output(_) | ScreenError::Panel(_))) = &shown {
        let (monitor, why) = (setting.monitor.clone(), chain(error));
        wire::say_alone(&setting.socket, &FromScreen::Fails { monitor, why });
    }
    shown
}

/// Writes an error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn show(setting: &Setting, stop: &AtomicBool) -> Result<(), ScreenError> {
    let canvas = Canvas::of(setting.layout);
    let output = Arc::new(Output::start(canvas, &setting.sink).map_err(ScreenError::Output)?);
    let (width, height) = (canvas.width_px, canvas.height_px);
    // Something is seen before fonts are read and the daemon answers.
    output.show_panel(&plain(width, height, PAPER)).map_err(ScreenError::Output)?;
    let (panel, _no_templates_of_its_own) = Panel::open(&FontPaths::debian(), None).map_err(ScreenError::Panel)?;
    if !setting.devices.is_empty() {
        output.be_heard_at(setting.devices.clone()).map_err(ScreenError::Output)?;
    }
    output.speak_with(Voice::start(setting.voices.clone()).map_err(ScreenError::Thread)?);
    let playout = Playout::start(Arc::clone(&output)).map_err(ScreenError::Thread)?;
    let (to_us, heard) = channel();
    let (monitor, layout, decoding) = (setting.monitor.clone(), setting.layout, decoding::choose());
    let hello = FromScreen::Hello { monitor, layout, decoding };
    let wire = Wire::open(setting.socket.clone(), hello, to_us).map_err(ScreenError::Thread)?;
    let panel = Arc::new(panel);
    let drawing = Drawing::start(Arc::clone(&panel), canvas, Arc::clone(&output)).map_err(ScreenError::Thread)?;
    let mut screen = Screen {
        canvas,
        output,
        panel,
        drawing,
        playout,
        wire,
        connection: 0,
        names: Names::default(),
        calls: Calls::default(),
        uncovers: false,
        alive_at: None,
        lamp: setting.lamp.clone(),
    };
    let mut watchdog = Watchdog::default();
    while !stop.load(Ordering::Relaxed) {
        screen.listen(&heard)?;
        screen.tell();
        watchdog.look(&screen.output)?;
    }
    screen.wire.close();
    Ok(())
}

/// Returns a picture of one colour, RGBA.
fn plain(width: u32, height: u32, rgba: [u8; 4]) -> Pixels {
    let n_pixels = usize::try_from(u64::from(width).saturating_mul(u64::from(height))).unwrap_or_default();
    Pixels { width, height, rgba: rgba.repeat(n_pixels) }
}

/// A running screen.
struct Screen {
    canvas: Canvas,
    output: Arc<Output>,
    panel: Arc<Panel>,
    drawing: Drawing,
    playout: Playout,
    wire: Wire,
    /// The connection whose daemon is spoken to.
    connection: u64,
    names: Names,
    calls: Calls,
    /// Whether the board is to be seen in the film's region when nothing is cued any more.
    uncovers: bool,
    /// When the daemon last heard how it does; none before it did.
    alive_at: Option<ClockTime>,
    lamp: Lamp,
}

impl Screen {
    /// Does what the daemon says, all that has come by now.
    fn listen(&mut self, heard: &Receiver<Heard>) -> Result<(), ScreenError> {
        match heard.recv_timeout(LOOK_EVERY) {
            Ok(said) => {
                // Of several drawings that wait, the last one alone is worth drawing.
                let mut all = vec![said];
                all.extend(heard.try_iter());
                let last_board = all.iter().rposition(|said| matches!(said, Heard::Said(ToScreen::Board { .. })));
                for (nth, said) in all.into_iter().enumerate() {
                    self.hear(said, last_board.is_some_and(|last| nth < last))?;
                }
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(ScreenError::Failed { what: "its wire ended".to_owned() }),
        }
    }

    fn hear(&mut self, said: Heard, is_old: bool) -> Result<(), ScreenError> {
        match said {
            Heard::Said(ToScreen::Board { .. }) if is_old => Ok(()),
            Heard::Said(ToScreen::Board { svg, is_over }) => {
                self.drawing.show(svg, is_over).map_err(ScreenError::Output)
            }
            Heard::Said(ToScreen::Cue { id, item }) => {
                self.cue(id, item);
                Ok(())
            }
            Heard::Said(ToScreen::Uncover) => {
                self.uncovers = true;
                Ok(())
            }
            Heard::Said(ToScreen::Cover { with }) => self.cover(&with),
            Heard::Said(ToScreen::Announce { id, speech }) => {
                self.output.announce(self.calls.of(id), &speech);
                Ok(())
            }
            Heard::Said(ToScreen::Hush { id }) => {
                self.output.hush(self.calls.of(id));
                Ok(())
            }
            Heard::Said(ToScreen::Restart) => Err(ScreenError::StartsAnew),
            Heard::Said(ToScreen::Clear) => {
                self.playout.replace_all();
                Ok(())
            }
            Heard::Connected { nth } => {
                // What another daemon cued is not this one's.
                (self.connection, self.alive_at) = (nth, None);
                self.names.forget_all();
                self.calls.begin_anew();
                self.playout.replace_all();
                Ok(())
            }
        }
    }

    fn cue(&mut self, id: u64, item: Item) {
        self.uncovers = false;
        let turn = self.names.take(id);
        let cued = match item {
            Item::File { file, play_for_ms } => {
                self.playout.cue(turn, &file, play_for_ms.map(|ms| Duration::from_millis(u64::from(ms))))
            }
            Item::Scene { svg, play_for_ms } => self.cue_scene(turn, svg.into(), play_for_ms.ms()),
        };
        if let Err(cause) = cued {
            tracing::warn!(id, error = %cause, "an item is passed over");
            let why = std::error::Error::source(&cause).map_or_else(|| cause.to_string(), ToString::to_string);
            self.names.give_back(turn);
            self.say(&FromScreen::Ended { id, n_frames: 0, end: End::Broken { why } });
        }
    }

    fn cue_scene(&self, turn: u64, svg: String, play_for_ms: u32) -> Result<(), ItemError> {
        let (panel, region) = (Arc::clone(&self.panel), self.canvas.film);
        let draw = move || panel.pixels(&svg, region.width_px, region.height_px);
        self.playout.cue_drawn(turn, draw, Duration::from_millis(u64::from(play_for_ms)))
    }

    fn cover(&self, with: &Cover) -> Result<(), ScreenError> {
        let (width, height) = (self.canvas.width_px, self.canvas.height_px);
        let shown = match with {
            Cover::Nothing => self.output.cover(None),
            Cover::Dark => self.output.cover(Some(&plain(width, height, BLACK))),
            Cover::Drawn { svg } => match self.drawing.draw(svg.svg()) {
                Ok(picture) => self.output.cover(Some(&picture)),
                Err(cause) => {
                    tracing::warn!(error = %cause, "cannot draw what is to cover all, the last picture stays");
                    Ok(())
                }
            },
        };
        shown.map_err(ScreenError::Output)
    }

    /// Lets calls be heard, and says what became true.
    fn tell(&mut self) {
        let now = self.output.now();
        self.output.sound();
        // What was handed in is seen to its end before the board comes out.
        if self.uncovers && self.playout.n_cued() == 0 {
            self.uncovers = false;
            self.output.uncover();
        }
        for told in self.playout.told() {
            if let Some(said) = self.names.said(told) {
                self.say(&said);
            }
        }
        if self.alive_at.is_none_or(|at| now.saturating_sub(at) >= ALIVE_EVERY) {
            self.alive_at = Some(now);
            let (n_frames, voices) = (self.output.n_composed(), self.output.voices());
            let (seen, heard) = (self.lamp.look(), self.output.heard());
            self.say(&FromScreen::Alive { n_frames, voices, seen, heard });
            if let Some(shown) = self.playout.running().and_then(|shown| self.names.said(shown)) {
                self.say(&shown);
            }
        }
    }

    fn say(&self, said: &FromScreen) {
        self.wire.say(self.connection, said);
    }
}

/// Looks whether frames are really composed, and lets the service manager know while they are.
#[derive(Default)]
struct Watchdog {
    n_frames: u64,
    moved_at: ClockTime,
    /// When the service manager last heard of it; none before the first frame.
    fed_at: Option<ClockTime>,
}

impl Watchdog {
    fn look(&mut self, output: &Output) -> Result<(), ScreenError> {
        if let Some(fault) = output.fault() {
            return Err(ScreenError::Failed { what: fault.to_string() });
        }
        let (now, n_frames) = (output.now(), output.n_composed());
        if n_frames != self.n_frames {
            (self.n_frames, self.moved_at) = (n_frames, now);
            self.feed(now);
        } else if now.saturating_sub(self.moved_at) > FROZEN_AFTER {
            return Err(ScreenError::Failed { what: "no frame was composed".to_owned() });
        }
        Ok(())
    }

    /// Says that frames are composed: the first time that the screen is ready too.
    fn feed(&mut self, now: ClockTime) {
        let states: &[NotifyState<'_>] = match self.fed_at {
            None => &[NotifyState::Ready, NotifyState::Watchdog],
            Some(at) if now.saturating_sub(at) < ALIVE_EVERY => return,
            Some(_) => &[NotifyState::Watchdog],
        };
        self.fed_at = Some(now);
        // Without a service manager, as in a person's own run, nobody listens and nothing is lost.
        if let Err(cause) = sd_notify::notify(states) {
            tracing::debug!(error = %cause, "the service manager does not listen");
        }
    }
}
