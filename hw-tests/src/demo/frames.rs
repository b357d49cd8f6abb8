//! A browser's board: every frame that comes over the event stream, with the instant at which it was whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use super::api::Api;

/// A frame as it came.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// How many facts it was drawn from.
    pub n_facts: u64,
    /// When it was whole, in real time since the demo's start.
    pub at: Duration,
    /// Bytes of its event.
    pub size_bytes: usize,
}

/// Frames that have come so far.
#[derive(Clone, Default)]
pub struct Frames(Arc<Mutex<Vec<Frame>>>);

impl Frames {
    /// Returns those that have come so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, frame: Frame) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
    }
}

/// Looks at the board until the daemon stops.
///
/// # Errors
/// The stream cannot be opened.
pub async fn look(api: &Api) -> Result<(Frames, JoinHandle<()>)> {
    let mut stream = api.events("board/events?layout=landscape").await?;
    let (frames, api) = (Frames::default(), api.clone());
    let seen = frames.clone();
    let looking = tokio::spawn(async move {
        let mut event: Vec<u8> = Vec::new();
        // A stream that breaks ends here: the checks miss the frames.
        while let Ok(Some(bytes)) = stream.chunk().await {
            event.extend_from_slice(&bytes);
            while let Some(end) = event.windows(2).position(|two| two == b"\n\n") {
                let rest = event.split_off(end + 2);
                if let Some(n_facts) = n_facts(&event) {
                    seen.add(Frame { n_facts, at: api.elapsed(), size_bytes: event.len() });
                }
                event = rest;
            }
        }
    });
    Ok((frames, looking))
}

/// Returns the id of a board's event; none for a sign of life.
fn n_facts(event: &[u8]) -> Option<u64> {
    let head = event.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(head).ok()?.strip_prefix("id: ")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_told_from_a_sign_of_life() {
        assert_eq!(n_facts(b"id: 42\nevent: board\ndata: <svg/>\n\n"), Some(42));
        assert_eq!(n_facts(b"event: alive\ndata: 1\n\n"), None);
    }
}
