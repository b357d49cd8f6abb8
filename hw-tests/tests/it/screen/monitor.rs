//! A monitor without glass: a whole screen in a thread, whose composed frames are read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use machiai_hw_tests::films::{Seen, read};
use machiai_panel::Layout;
use machiai_screen::lamp::Lamp;
use machiai_screen::output::{Composed, Sink};
use machiai_screen::run::{ScreenError, Setting, run};
use machiai_screen::voice::VoicePaths;

/// How long anything may take to be seen.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// The latest frame, and how many there were.
#[derive(Default)]
pub(super) struct Latest {
    pub(super) frame: Mutex<(u64, Vec<u8>)>,
    pub(super) came: Condvar,
}

impl Latest {
    /// Waits for a frame of which something is true, and returns it.
    pub(super) fn until(&self, what: &str, is: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.within(SEEN_WITHIN, what, is)
    }

    /// Waits so long for a frame of which something is true, and returns it.
    pub(super) fn within(&self, wait: Duration, what: &str, is: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let frame = self.frame.lock().unwrap();
        let (frame, late) = self.came.wait_timeout_while(frame, wait, |(n, frame)| *n == 0 || !is(frame)).unwrap();
        assert!(!late.timed_out(), "never seen: {what}, in {} frames", frame.0);
        frame.1.clone()
    }

    /// Looks at frames as they come, until so many were composed.
    pub(super) fn after(&self, n_frames: u64, look: impl Fn(&[u8])) {
        let frame = self.frame.lock().unwrap();
        let goes_on = |(n, frame): &mut (u64, Vec<u8>)| {
            look(frame);
            *n < n_frames
        };
        let (_frame, late) = self.came.wait_timeout_while(frame, SEEN_WITHIN, goes_on).unwrap();
        assert!(!late.timed_out(), "no {n_frames} frames");
    }
}

/// A screen in a thread of this process.
pub(super) struct Monitor {
    pub(super) latest: Arc<Latest>,
    /// The films' pictures that were composed, in order.
    pub(super) pictures: Arc<Mutex<Vec<Seen>>>,
    /// The loudest that was heard, of full scale.
    pub(super) louder: Arc<Mutex<f32>>,
    /// What was heard, of the left.
    pub(super) heard: Arc<Mutex<Vec<f32>>>,
    stop: Arc<AtomicBool>,
    running: Option<std::thread::JoinHandle<Result<(), ScreenError>>>,
}

impl Monitor {
    pub(super) fn start(socket: PathBuf) -> Self {
        Self::start_with(socket, VoicePaths::default(), Lamp::default())
    }

    pub(super) fn start_with(socket: PathBuf, voices: VoicePaths, lamp: Lamp) -> Self {
        Self::start_at(Vec::new(), socket, voices, lamp)
    }

    /// Starts one that is heard at the first of some devices that opens.
    pub(super) fn start_at(devices: Vec<String>, socket: PathBuf, voices: VoicePaths, lamp: Lamp) -> Self {
        let (latest, stop) = (Arc::<Latest>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&latest), Arc::clone(&stop));
        let pictures = Arc::<Mutex<Vec<Seen>>>::default();
        let read_by = Arc::clone(&pictures);
        let louder = Arc::<Mutex<f32>>::default();
        let heard = Arc::<Mutex<Vec<f32>>>::default();
        let (heard_by, kept_by) = (Arc::clone(&louder), Arc::clone(&heard));
        let take = move |composed: Composed<'_>| match composed {
            Composed::Frame(_, i420) => {
                read_by.lock().unwrap().push(read(i420, 1920));
                let mut latest = kept.frame.lock().unwrap();
                latest.0 += 1;
                latest.1.clear();
                latest.1.extend_from_slice(i420);
                drop(latest);
                kept.came.notify_all();
            }
            Composed::Sound(_, bytes) => {
                let samples = bytes.chunks_exact(4).map(|sample| f32::from_le_bytes(sample.try_into().unwrap()));
                let loudest = samples.clone().map(f32::abs).fold(0.0, f32::max);
                kept_by.lock().unwrap().extend(samples.step_by(2));
                let mut louder = heard_by.lock().unwrap();
                *louder = louder.max(loudest);
            }
        };
        let sink = Sink::Handed(Arc::new(take));
        let setting =
            Setting { socket, monitor: "monitor1".to_owned(), layout: Layout::Landscape, sink, devices, lamp, voices };
        let running = std::thread::spawn(move || run(&setting, &stopped));
        Self { latest, pictures, louder, heard, stop, running: Some(running) }
    }

    pub(super) fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            running.join().unwrap().unwrap();
        }
    }
}
