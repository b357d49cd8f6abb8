//! A film's bytes out of an open file: the decoder seeks in it, and no path is ever opened.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer_app::{AppSrc, AppSrcCallbacks, AppStreamType};

/// The most that is read at once, in bytes: no picture of 4K has more, whatever a file says of itself.
const MOST_AT_ONCE: usize = 64 << 20;

/// What is read where the decoder leaves it open, in bytes.
const USUALLY: usize = 1 << 16;

/// Lets an appsrc read a file; what was read is counted, so that it is seen to go on.
pub(super) fn feed(source: &AppSrc, film: File, n_bytes: u64, n_read: &Arc<AtomicU64>) {
    source.set_stream_type(AppStreamType::RandomAccess);
    source.set_format(gst::Format::Bytes);
    source.set_size(i64::try_from(n_bytes).unwrap_or(i64::MAX));
    let position = Arc::new(AtomicU64::new(0));
    let sought = Arc::clone(&position);
    let n_read = Arc::clone(n_read);
    let give = move |source: &AppSrc, n_wanted: u32| {
        let n_wanted = match n_wanted {
            0 | u32::MAX => USUALLY,
            n_wanted => usize::try_from(n_wanted).unwrap_or(USUALLY).min(MOST_AT_ONCE),
        };
        let mut bytes = vec![0; n_wanted];
        // A file that cannot be read on is cut short, and is told so like any other.
        let n_bytes = film.read_at(&mut bytes, position.load(Ordering::Relaxed)).unwrap_or(0);
        bytes.truncate(n_bytes);
        let given = if n_bytes == 0 {
            source.end_of_stream().map(drop)
        } else {
            let n_bytes = u64::try_from(n_bytes).unwrap_or(0);
            position.fetch_add(n_bytes, Ordering::Relaxed);
            n_read.fetch_add(n_bytes, Ordering::Relaxed);
            source.push_buffer(gst::Buffer::from_slice(bytes)).map(drop)
        };
        if given.is_err() {
            tracing::debug!("the decoder wants no more");
        }
    };
    let seek = move |_: &AppSrc, offset: u64| {
        sought.store(offset, Ordering::Relaxed);
        true
    };
    source.set_callbacks(AppSrcCallbacks::builder().need_data(give).seek_data(seek).build());
}
