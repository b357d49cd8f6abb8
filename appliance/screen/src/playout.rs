//! What is cued is shown in order, and what was shown is told once.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use gstreamer::ClockTime;
use machiai_panel::link::End;
use machiai_panel::{DrawError, Pixels};

use crate::item::{Item, ItemError};
use crate::output::Output;
use crate::pump::{Turn, carry_pictures, carry_sounds};

/// What became true on the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An item's first picture is seen.
    Begun {
        /// Which, as it was cued.
        id: u64,
        /// When, on the output's clock.
        at: ClockTime,
    },
    /// The running item goes on.
    Shown {
        /// Which.
        id: u64,
        /// Pictures of it that were shown so far.
        n_frames: u64,
    },
    /// An item is over.
    Ended {
        /// Which.
        id: u64,
        /// When.
        at: ClockTime,
        /// Pictures of it that were shown.
        n_frames: u64,
        /// Pictures that came too late.
        n_late: u64,
        /// How.
        end: End,
    },
}

/// A turn with what has been told of it.
struct Watched {
    turn: Arc<Turn>,
    begun: bool,
    n_frames: u64,
}

/// Shows items one after the other.
pub struct Playout {
    output: Arc<Output>,
    to_pictures: Option<Sender<Arc<Turn>>>,
    to_sounds: Option<Sender<Arc<Turn>>>,
    pumps: Vec<JoinHandle<()>>,
    watched: Mutex<VecDeque<Watched>>,
}

impl Playout {
    /// Starts the pumps of an output.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(output: Arc<Output>) -> std::io::Result<Self> {
        let (to_pictures, pictures) = channel();
        let (to_sounds, sounds) = channel();
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let (shown, heard) = (Arc::clone(&output), Arc::clone(&output));
        let pumps = vec![
            thread("pictures").spawn(move || carry_pictures(&pictures, &shown))?,
            thread("sounds").spawn(move || carry_sounds(&sounds, &heard))?,
        ];
        Ok(Self {
            output,
            to_pictures: Some(to_pictures),
            to_sounds: Some(to_sounds),
            pumps,
            watched: Mutex::default(),
        })
    }

    /// Opens a file and shows it after those cued before; decoding begins now.
    ///
    /// `play_for` cuts a film, and is how long a still is shown.
    ///
    /// # Errors
    /// [`ItemError`]: cue another.
    pub fn cue(&self, id: u64, path: &Path, play_for: Option<Duration>) -> Result<(), ItemError> {
        self.cue_item(id, Item::open(path, self.output.canvas().film)?, play_for);
        Ok(())
    }

    /// Shows what is drawn now, on a thread of its own, after those cued before and for so long; the picture must be as
    /// large as the film's region.
    ///
    /// # Errors
    /// [`ItemError`]: cue another.
    pub fn cue_drawn(
        &self,
        id: u64,
        draw: impl FnOnce() -> Result<Pixels, DrawError> + Send + 'static,
        play_for: Duration,
    ) -> Result<(), ItemError> {
        self.cue_item(id, Item::draw(draw, self.output.canvas().film)?, Some(play_for));
        Ok(())
    }

    fn cue_item(&self, id: u64, item: Item, play_for: Option<Duration>) {
        let play_for =
            play_for.map(|span| ClockTime::from_nseconds(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)));
        let turn = Arc::new(Turn::new(id, item, play_for));
        for to in [&self.to_pictures, &self.to_sounds].into_iter().flatten() {
            if to.send(Arc::clone(&turn)).is_err() {
                tracing::warn!(id, "an item was cued after the end");
            }
        }
        self.watched(|watched| watched.push_back(Watched { turn, begun: false, n_frames: 0 }));
    }

    /// Returns how many items are cued and not over.
    #[must_use]
    pub fn n_cued(&self) -> usize {
        self.watched(|watched| watched.len())
    }

    /// Ends all that is cued, as soon as can be.
    pub fn replace_all(&self) {
        self.watched(|watched| watched.iter().for_each(|one| one.turn.replace()));
    }

    /// Returns how much of the running item was shown, if one runs.
    #[must_use]
    pub fn running(&self) -> Option<Told> {
        self.watched(|watched| {
            let one = watched.iter().find(|one| one.begun)?;
            Some(Told::Shown { id: one.turn.id, n_frames: one.n_frames })
        })
    }

    /// Returns what became true since the last question.
    pub fn told(&self) -> Vec<Told> {
        let now = self.output.now();
        self.watched(|watched| {
            let mut told = Vec::new();
            for one in watched.iter_mut() {
                one.look(now, &mut told);
            }
            watched.retain(|one| !one.is_over(now));
            told
        })
    }

    fn watched<T>(&self, act: impl FnOnce(&mut VecDeque<Watched>) -> T) -> T {
        act(&mut self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watched {
    fn look(&mut self, now: ClockTime, told: &mut Vec<Told>) {
        let id = self.turn.id;
        let is_over = self.is_over(now);
        let (begun, n_frames) = (&mut self.begun, &mut self.n_frames);
        self.turn.span(|span| {
            if let Some(at) = span.begins.filter(|at| !*begun && *at <= now) {
                *begun = true;
                told.push(Told::Begun { id, at });
            }
            while span.ahead.pop_front_if(|at| *at <= now).is_some() {
                *n_frames = n_frames.saturating_add(1);
            }
            if let Some((at, end)) = span.ended.clone().filter(|_| is_over) {
                told.push(Told::Ended { id, at, n_frames: *n_frames, n_late: span.n_late, end });
            }
        });
    }

    fn is_over(&self, now: ClockTime) -> bool {
        self.turn.span(|span| span.ended.as_ref().is_some_and(|(at, _)| *at <= now))
    }
}

impl Drop for Playout {
    fn drop(&mut self) {
        self.replace_all();
        // A pump that waits for a place in the output waits no longer.
        self.output.stop();
        // Without senders the pumps come to their end.
        self.to_pictures = None;
        self.to_sounds = None;
        for pump in self.pumps.drain(..) {
            if pump.join().is_err() {
                tracing::error!("a pump ended badly");
            }
        }
    }
}
