//! A browser's board: every frame that comes over the event stream, with the instant at which it was whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use super::api::Api;

/// What an event ends with.
const END: &[u8] = b"\n\n";

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
        let mut received: Vec<u8> = Vec::new();
        // A stream that breaks ends here: the checks miss the frames.
        while let Ok(Some(bytes)) = stream.chunk().await {
            received.extend_from_slice(&bytes);
            if !received.ends_with(END) {
                continue;
            }
            let at = api.elapsed();
            let text = String::from_utf8_lossy(&received);
            for event in text.split_terminator("\n\n") {
                if let Some(n_facts) = n_facts(event) {
                    seen.add(Frame { n_facts, at, size_bytes: event.len() + END.len() });
                }
            }
            received.clear();
        }
    });
    Ok((frames, looking))
}

/// Returns the id of a board's event; none for a sign of life.
fn n_facts(event: &str) -> Option<u64> {
    event.strip_prefix("id: ")?.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_told_from_a_sign_of_life() {
        assert_eq!(n_facts("id: 42\nevent: board\ndata: <svg/>"), Some(42));
        assert_eq!(n_facts("event: alive\ndata: 1"), None);
    }
}
