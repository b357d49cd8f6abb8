//! Text from outside made safe to draw: what XML forbids, what breaks a line and what turns the order of reading
//! round never reaches a template.

use std::borrow::Cow;

/// Returns the text without control characters, bidirectional overrides and non-characters; blanks stand for breaks.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter_map(|c| match c {
        c if is_plain(c) => Some(c),
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        _ => None,
    });
    Cow::Owned(kept.collect())
}

fn is_plain(c: char) -> bool {
    let code = u32::from(c);
    let marks_direction = matches!(code, 0x200E | 0x200F | 0x061C | 0x202A..=0x202E | 0x2066..=0x2069);
    let breaks_line = matches!(code, 0x2028 | 0x2029);
    let is_no_character = code & 0xFFFE == 0xFFFE || matches!(code, 0xFDD0..=0xFDEF | 0xFEFF | 0xFFF9..=0xFFFB);
    !c.is_control() && !marks_direction && !breaks_line && !is_no_character
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_become_blanks_and_what_xml_forbids_goes() {
        assert_eq!(clean("a\nb\u{0}c\u{1b}\u{FFFE}"), "a bc");
        assert_eq!(clean("\u{202E}山田\u{2066}"), "山田");
    }

    #[test]
    fn markup_emoji_and_rare_kanji_are_left_to_the_escaping() {
        assert_eq!(clean("<&\"'>髙﨑𠮷🦄"), "<&\"'>髙﨑𠮷🦄");
    }
}
