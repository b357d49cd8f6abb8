//! The board is drawn on a thread of its own: a call, which is drawn at once, waits for no board.

use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use gstreamer::ClockTime;
use machiai_panel::{DrawError, Panel, Pixels};

use crate::canvas::Canvas;
use crate::output::{Output, OutputError};

/// How long a call takes to go.
const FADE_OUT: ClockTime = ClockTime::from_mseconds(400);

/// What draws, and where it is shown.
struct Easel {
    panel: Arc<Panel>,
    canvas: Canvas,
    output: Arc<Output>,
    /// The newest drawing that was shown as a call: an older board that is ready later must not take it away.
    newest_call: Mutex<u64>,
}

impl Easel {
    fn draw(&self, svg: &str) -> Result<Pixels, DrawError> {
        self.panel.pixels(svg, self.canvas.width_px, self.canvas.height_px)
    }

    fn newest_call(&self) -> MutexGuard<'_, u64> {
        self.newest_call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a board, and lets a call go that came before it.
    fn show_board(&self, nth: u64, picture: &Pixels) -> Result<(), OutputError> {
        let newest_call = self.newest_call();
        if nth > *newest_call {
            self.output.fade_call(FADE_OUT);
        }
        self.output.show_panel(picture)
    }

    /// Draws boards, the newest of those that wait, until there are no more.
    fn draw_boards(&self, boards: &Receiver<(u64, String)>) {
        for board in boards {
            let (nth, svg) = boards.try_iter().last().unwrap_or(board);
            let shown = match self.draw(&svg) {
                Ok(picture) => self.show_board(nth, &picture),
                Err(cause) => {
                    tracing::warn!(error = %cause, "cannot draw the board, the last picture stays");
                    continue;
                }
            };
            if let Err(cause) = shown {
                // Whoever watches the output says so, and ends the screen.
                tracing::debug!(error = %cause, "a board was not shown");
            }
        }
    }
}

/// The drawings of a screen.
pub(super) struct Drawing {
    easel: Arc<Easel>,
    /// None only while it is dropped.
    boards: Option<Sender<(u64, String)>>,
    thread: Option<JoinHandle<()>>,
    n_drawings: u64,
}

impl Drawing {
    /// Starts the thread.
    pub(super) fn start(panel: Arc<Panel>, canvas: Canvas, output: Arc<Output>) -> std::io::Result<Self> {
        let easel = Arc::new(Easel { panel, canvas, output, newest_call: Mutex::default() });
        let (boards, waiting) = channel();
        let draws = Arc::clone(&easel);
        let thread = std::thread::Builder::new().name("board".to_owned()).spawn(move || draws.draw_boards(&waiting))?;
        Ok(Self { easel, boards: Some(boards), thread: Some(thread), n_drawings: 0 })
    }

    /// Draws what fills the canvas.
    pub(super) fn draw(&self, svg: &str) -> Result<Pixels, DrawError> {
        self.easel.draw(svg)
    }

    /// Shows a call now, or a board as soon as it is drawn.
    pub(super) fn show(&mut self, svg: String, is_over: bool) -> Result<(), OutputError> {
        self.n_drawings = self.n_drawings.saturating_add(1);
        let nth = self.n_drawings;
        if !is_over {
            let sent = self.boards.as_ref().map_or(Ok(()), |boards| boards.send((nth, svg)));
            if let Err(SendError(_)) = sent {
                tracing::error!("nothing draws boards any more");
            }
            return Ok(());
        }
        match self.draw(&svg) {
            Ok(picture) => {
                let mut newest_call = self.easel.newest_call();
                *newest_call = nth;
                self.easel.output.show_call(&picture)
            }
            Err(cause) => {
                tracing::warn!(error = %cause, "cannot draw a call, the last picture stays");
                Ok(())
            }
        }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.boards = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that draws boards ended badly");
        }
    }
}
