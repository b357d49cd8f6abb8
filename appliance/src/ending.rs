//! Streams that end: without this, an open stream holds up every stop for its whole time-out.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// A stream that ends when its token is cancelled.
pub(crate) struct Until<S> {
    stream: Pin<Box<S>>,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Ends a stream when the token is cancelled.
pub(crate) fn until<S: Stream>(stream: S, end: WaitForCancellationFutureOwned) -> Until<S> {
    Until { stream: Box::pin(stream), end: Box::pin(end) }
}

impl<S: Stream> Stream for Until<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        self.stream.as_mut().poll_next(context)
    }
}
