//! A stream's row, and what it says of an append or a read: the same in every store.

use machiai_wire::box_side::Most;
use machiai_wire::offset::{From, Incarnation, Offset};
use machiai_wire::producer::{Turn, Verdict, judge};

use crate::stream::{About, Append, Appended, Chunk};

/// A stream's row.
pub(super) struct Stream {
    pub(super) stream_id: i64,
    pub(super) content_type: String,
    pub(super) incarnation: Incarnation,
    pub(super) n_messages: u64,
    pub(super) stream_seq: Option<String>,
}

impl Stream {
    pub(super) fn about(self) -> About {
        About { tail: self.tail(), content_type: self.content_type }
    }

    const fn at(&self, after: u64) -> Offset {
        Offset { incarnation: self.incarnation, after }
    }

    pub(super) const fn tail(&self) -> Offset {
        self.at(self.n_messages)
    }

    /// Returns why an append is not kept, if it is not, by where its producer stands.
    pub(super) fn refuses(&self, append: &Append, newest: Option<Turn>) -> Option<Appended> {
        if self.content_type != append.content_type {
            return Some(Appended::OtherType);
        }
        if let Some((_, claimed)) = &append.producer {
            match judge(newest, *claimed) {
                Verdict::New => {}
                Verdict::Seen { newest } => return Some(Appended::Seen(self.tail(), newest)),
                Verdict::Gap { expected } => return Some(Appended::Gap { expected }),
                Verdict::Stale { epoch } => return Some(Appended::Stale { epoch }),
                Verdict::BeginsLate => return Some(Appended::BeginsLate),
            }
        }
        let is_late = append.stream_seq.is_some() && append.stream_seq <= self.stream_seq;
        is_late.then_some(Appended::NotAfter)
    }

    /// Returns the place that a reader names; none when it is not in this life of the stream.
    pub(super) fn place(&self, from: From) -> Option<Offset> {
        match from {
            From::Start => Some(self.at(0)),
            From::Now => Some(self.tail()),
            From::At(place) => {
                (place.incarnation == self.incarnation && place.after <= self.n_messages).then_some(place)
            }
        }
    }

    /// Says what was read from a place on.
    pub(super) fn chunk(self, from: Offset, messages: Vec<Vec<u8>>) -> Chunk {
        let n_messages = u64::try_from(messages.len()).unwrap_or(u64::MAX);
        let next = self.at(from.after.saturating_add(n_messages));
        let is_tail = next == self.tail();
        Chunk { content_type: self.content_type, from, messages, next, is_tail }
    }
}

/// Messages that are taken until there are enough; the first is taken whatever its size.
pub(super) struct Taken {
    pub(super) messages: Vec<Vec<u8>>,
    most: Most,
    n_bytes: usize,
}

impl Taken {
    pub(super) const fn at_most(most: Most) -> Self {
        Self { messages: Vec::new(), most, n_bytes: 0 }
    }

    /// Takes one more; returns false, and takes nothing, when there were enough.
    pub(super) fn takes(&mut self, message: Vec<u8>) -> bool {
        self.n_bytes = self.n_bytes.saturating_add(message.len());
        let is_long = self.n_bytes > self.most.bytes && !self.messages.is_empty();
        if is_long || self.messages.len() >= self.most.lines {
            return false;
        }
        self.messages.push(message);
        true
    }
}
