//! The events of a board's stream, told apart as they come in.

/// An event as far as the bench cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The facts behind the board that it shows; none for a sign of life.
    pub n_facts: Option<u64>,
    /// Its length, blank line included.
    pub n_bytes: usize,
}

/// Takes whole events off the front of what was received.
///
/// Chunked transfer puts lengths between the events and never into one, because the daemon sends each in one piece
/// whose lines have no other line breaks; a length reads as a line of its own before the event.
pub fn take_events(received: &mut Vec<u8>) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(end) = received.windows(2).position(|bytes| bytes == b"\n\n") {
        let rest = received.split_off(end + 2);
        let whole = std::mem::replace(received, rest);
        let text = String::from_utf8_lossy(&whole);
        let begins = ["id: ", "event: "].iter().filter_map(|field| text.find(field)).min().unwrap_or(0);
        let n_facts = text.lines().find_map(|line| line.strip_prefix("id: ")?.parse().ok());
        events.push(Event { n_facts, n_bytes: whole.len() - begins });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart_however_they_come_in_pieces() {
        let board = "id: 12\nevent: board\ndata: <svg/>\n\n";
        let alive = "event: alive\ndata: 1\n\n";
        let wire = format!("HTTP/1.1 200 OK\r\nx: y\r\n\r\n21\r\n{board}\r\n16\r\n{alive}\r\n");
        let wanted = [Event { n_facts: Some(12), n_bytes: board.len() }, Event { n_facts: None, n_bytes: alive.len() }];
        for size in [1, 7, 1_000] {
            let (mut received, mut events) = (Vec::new(), Vec::new());
            for piece in wire.as_bytes().chunks(size) {
                received.extend_from_slice(piece);
                events.extend(take_events(&mut received));
            }
            assert_eq!(events, wanted, "in pieces of {size}");
        }
    }
}
