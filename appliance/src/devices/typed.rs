//! What is typed on an input device, as the kernel tells it: `struct input_event` in, lines out (Linux,
//! `input/input.rst` and `input-event-codes.h`). A reader that plays a keyboard types its codes in the same way.
//!
//! Figures and letters are taken by the place of their key on a US keyboard, which readers play unless told otherwise.

/// The size of one event on a machine of 64 bits: seconds, microseconds, type, code, value.
pub const EVENT_BYTES: usize = 24;

/// The longest line: the address of a patient's page with its token is shorter.
pub const MAX_LINE: usize = 256;

/// What is typed and not ended by Enter is forgotten after this time, in milliseconds: the next person types anew.
pub const FORGOTTEN_AFTER_MS: u64 = 10_000;

const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
/// The kernel had no room: keys were lost.
const SYN_DROPPED: u16 = 3;
const PRESSED: i32 = 1;
const RELEASED: i32 = 0;

const KEY_ESC: u16 = 1;
const KEY_BACKSPACE: u16 = 14;
const KEY_ENTER: u16 = 28;
const KEY_KPENTER: u16 = 96;
const SHIFTS: [u16; 2] = [42, 54];

/// The keys that write something: the code of the first of a row, and what the row writes, plain and with shift.
const ROWS: [(u16, &str, &str); 4] = [
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop", "QWERTYUIOP"),
    (30, "asdfghjkl;'", "ASDFGHJKL:\""),
    (44, "zxcvbnm,./", "ZXCVBNM<>?"),
];

/// The keys of the block of figures, which knows no shift.
const BLOCK: (u16, &str) = (71, "789-456+1230.");

/// Reads what is typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    held: Vec<u8>,
    line: String,
    is_shifted: bool,
    /// Keys were lost, or too many came: the line is none.
    is_spoilt: bool,
    came_at_ms: u64,
}

impl Typed {
    /// Takes bytes that came at an instant of any clock that never steps back; returns the lines that Enter ended.
    pub fn take(&mut self, bytes: &[u8], now_ms: u64) -> Vec<String> {
        if bytes.is_empty() {
            return Vec::new();
        }
        if now_ms.saturating_sub(self.came_at_ms) > FORGOTTEN_AFTER_MS {
            self.forget();
        }
        self.came_at_ms = now_ms;
        let mut lines = Vec::new();
        // The kernel hands events over whole; a pipe may split them.
        for byte in bytes {
            self.held.push(*byte);
            if self.held.len() == EVENT_BYTES {
                let held = std::mem::take(&mut self.held);
                lines.extend(event(&held).and_then(|event| self.happened(event)));
            }
        }
        lines
    }

    fn forget(&mut self) {
        self.line.clear();
        self.is_spoilt = false;
    }

    fn happened(&mut self, event: Event) -> Option<String> {
        match (event.kind, event.code, event.value) {
            (EV_SYN, SYN_DROPPED, _) => {
                self.is_spoilt = true;
                self.is_shifted = false;
                None
            }
            (EV_KEY, code, PRESSED | RELEASED) if SHIFTS.contains(&code) => {
                self.is_shifted = event.value == PRESSED;
                None
            }
            // A key that is held repeats itself by another value, which types nothing: a key that hangs is one figure.
            (EV_KEY, code, PRESSED) => self.pressed(code),
            _ => None,
        }
    }

    fn pressed(&mut self, code: u16) -> Option<String> {
        match code {
            KEY_ENTER | KEY_KPENTER => {
                let line = std::mem::take(&mut self.line);
                let is_whole = !std::mem::take(&mut self.is_spoilt);
                return (is_whole && !line.is_empty()).then_some(line);
            }
            KEY_ESC => self.forget(),
            KEY_BACKSPACE => drop(self.line.pop()),
            _ => {
                if let Some(letter) = letter_of(code, self.is_shifted) {
                    self.is_spoilt |= self.line.len() >= MAX_LINE;
                    if !self.is_spoilt {
                        self.line.push(letter);
                    }
                }
            }
        }
        None
    }
}

/// One event, without its time.
#[derive(Clone, Copy)]
struct Event {
    kind: u16,
    code: u16,
    value: i32,
}

fn event(bytes: &[u8]) -> Option<Event> {
    let (_, rest) = bytes.split_at_checked(EVENT_BYTES.checked_sub(8)?)?;
    let (kind, rest) = rest.split_first_chunk()?;
    let (code, rest) = rest.split_first_chunk()?;
    let value = rest.first_chunk()?;
    let (kind, code) = (u16::from_ne_bytes(*kind), u16::from_ne_bytes(*code));
    Some(Event { kind, code, value: i32::from_ne_bytes(*value) })
}

fn letter_of(code: u16, is_shifted: bool) -> Option<char> {
    let in_row = |first: u16, row: &str| {
        let nth = usize::from(code.checked_sub(first)?);
        row.as_bytes().get(nth).copied().map(char::from)
    };
    let of_rows =
        ROWS.iter().find_map(|(first, plain, shifted)| in_row(*first, if is_shifted { shifted } else { plain }));
    of_rows.or_else(|| in_row(BLOCK.0, BLOCK.1))
}

/// Returns the events by which a text and Enter are typed, for whoever plays a keyboard.
#[must_use]
pub fn events_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |kind: u16, code: u16, value: i32| {
        bytes.extend([0; EVENT_BYTES - 8]);
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
    };
    let mut key = |code: u16, value: i32| {
        put(EV_KEY, code, value);
        put(EV_SYN, 0, 0);
    };
    for letter in text.chars() {
        let of = |is_shifted| (0..128_u16).find(|code| letter_of(*code, is_shifted) == Some(letter));
        let (code, is_shifted) = of(false).map_or_else(|| (of(true), true), |code| (Some(code), false));
        let Some(code) = code else { continue };
        if is_shifted {
            key(SHIFTS[0], PRESSED);
        }
        key(code, PRESSED);
        key(code, RELEASED);
        if is_shifted {
            key(SHIFTS[0], RELEASED);
        }
    }
    key(KEY_ENTER, PRESSED);
    key(KEY_ENTER, RELEASED);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(code: u16, value: i32) -> Vec<u8> {
        let mut bytes = vec![7; 16];
        bytes.extend(EV_KEY.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        bytes
    }

    #[test]
    fn the_kernels_bytes_are_read_as_they_lie() {
        // From a keypad: 1 and 2 of its block, and its Enter, pressed and let go.
        let pressed = [(79, 1), (79, 0), (80, 1), (80, 2), (80, 2), (80, 0), (96, 1), (96, 0)];
        let bytes: Vec<u8> = pressed.into_iter().flat_map(|(code, value)| key(code, value)).collect();
        assert_eq!(Typed::default().take(&bytes, 0), ["12"]);
    }

    #[test]
    fn what_is_not_ended_is_forgotten_and_what_is_wrong_is_rubbed_out() {
        let (one, two, enter) = (key(2, 1), key(3, 1), key(KEY_ENTER, 1));
        let mut typed = Typed::default();
        assert!(typed.take(&one, 0).is_empty());
        assert_eq!(typed.take(&[two.clone(), enter.clone()].concat(), FORGOTTEN_AFTER_MS + 1), ["2"]);
        let rubbed = [one.clone(), key(KEY_BACKSPACE, 1), two.clone(), enter.clone()].concat();
        assert_eq!(typed.take(&rubbed, FORGOTTEN_AFTER_MS + 2), ["2"]);
        let let_go = [one, key(KEY_ESC, 1), two, enter.clone()].concat();
        assert_eq!(typed.take(&let_go, FORGOTTEN_AFTER_MS + 3), ["2"]);
        assert!(typed.take(&enter, FORGOTTEN_AFTER_MS + 4).is_empty(), "Enter alone is no line");
    }

    #[test]
    fn a_line_of_which_keys_were_lost_or_that_never_ends_is_none() {
        let dropped = [vec![0; 16], vec![0, 0, 3, 0, 0, 0, 0, 0]].concat();
        let mut typed = Typed::default();
        assert!(typed.take(&[key(2, 1), dropped, key(3, 1), key(KEY_ENTER, 1)].concat(), 0).is_empty());
        let endless: Vec<u8> = std::iter::repeat_with(|| key(2, 1)).take(MAX_LINE + 1).flatten().collect();
        assert!(typed.take(&[endless, key(KEY_ENTER, 1)].concat(), 0).is_empty());
        assert_eq!(typed.take(&events_of("A012"), 0), ["A012"]);
    }

    proptest! {
        #[test]
        fn what_is_typed_comes_out_however_it_is_split(
            text in "[0-9A-Za-z:/.?=_-]{1,60}",
            splits in prop::collection::vec(1_usize..60, 1..20),
        ) {
            let (bytes, mut typed, mut lines) = (events_of(&text), Typed::default(), Vec::new());
            let mut rest = bytes.as_slice();
            for n in splits.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*n).min(rest.len()));
                lines.extend(typed.take(now, 0));
                rest = later;
            }
            prop_assert_eq!(lines, [text]);
        }
    }
}
