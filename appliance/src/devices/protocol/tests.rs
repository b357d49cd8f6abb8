//! Protocol files: those built in are as they should be, and what contradicts itself is refused with words.

use rstest::rstest;

use super::*;
use crate::causes::with_causes;

#[test]
fn every_built_in_protocol_reads_its_own_keys_and_shows_a_number() {
    for (name, _) in BUILT_IN {
        let protocol = Protocol::named(name).unwrap_or_else(|cause| panic!("{name}: {}", with_causes(&cause)));
        for key in [Key::Next, Key::Again, Key::Absent, Key::Undo] {
            let Some(buttons) = &protocol.buttons else { continue };
            let word = buttons.word(key, 9).unwrap();
            assert_eq!(buttons.read(&word).map(|(key, _)| key), Some(key), "{name}");
            assert_eq!(buttons.read(&[word.as_slice(), b"x"].concat()), None, "{name}");
        }
    }
    let digits = Protocol::named("four-digits").unwrap();
    let shown = |picture| digits.shown(&picture).unwrap();
    assert_eq!(shown(Picture::Steady("12".to_owned())), b"\x01S  12\x04\xfa");
    assert_eq!(shown(Picture::Blinking("1203".to_owned()))[..6], *b"\x01B1203");
    assert_eq!(shown(Picture::Blank)[..2], *b"\x01C");
}

#[rstest]
#[case::letters("A12")]
#[case::too_long("12345")]
#[case::nothing("")]
#[case::other_figures("１２")]
fn a_number_that_cannot_be_shown_whole_is_not_shown(#[case] text: &str) {
    let digits = Protocol::named("four-digits").unwrap();
    assert_eq!(digits.shown(&Picture::Steady(text.to_owned())), digits.shown(&Picture::Blank));
}

const SOUND: &str = r###"
about = "x"
[line]
baud = 9600
[frame]
start = "02"
length = 2
[buttons]
debounce_ms = 80
nth_at = 1
[buttons.keys]
next = "'N' ??"
again = "'R' ??"
[display]
pad = "20"
steady = "##"
blinking = "##"
blank = "2020"
"###;

#[rstest]
#[case("baud = 9600", "baud = 96", "300 to 921600")]
#[case("baud = 9600", "baud = 9600\nbits = 9", "unknown field")]
#[case("baud = 9600", "baud = 9600\nstop_bits = 3", "neither 1 nor 2")]
#[case("start = \"02\"", "start = \"2\"", "frame.start")]
#[case("start = \"02\"", "", "needs a frame.start")]
#[case("length = 2", "length = 0", "1 to 256")]
#[case("length = 2", "length = 2\nend = \"03\"", "needs one of")]
#[case("length = 2", "", "needs one of")]
#[case("length = 2", "end = \"\"", "empty frame.end")]
#[case("length = 2", "length = 3", "not as long")]
#[case("debounce_ms = 80", "debounce_ms = 1", "20 to 2000")]
#[case("debounce_ms = 80", "debounce_ms = 80\nstuck_ms = 80", "stuck_ms above")]
#[case("'R' ??", "'N' ??", "two keys")]
#[case("'R' ??", "'R' 01", "nth_at")]
#[case("'R' ??", "", "needs keys")]
#[case("again", "burn", "unknown variant")]
#[case("pad = \"20\"", "pad = \"\"", "one byte")]
#[case(r###"steady = "##""###, "steady = \"41 42\"", "needs # for the number")]
fn a_protocol_that_contradicts_itself_is_refused(#[case] from: &str, #[case] to: &str, #[case] words: &str) {
    let sound = SOUND.replace("2020", "20 20");
    assert!(Protocol::read(&sound).is_ok());
    let text = sound.replacen(from, to, 1);
    assert_ne!(text, sound);
    let told = with_causes(&Protocol::read(&text).unwrap_err());
    assert!(told.contains(words), "{told}");
}

#[test]
fn a_protocol_that_nobody_knows_is_refused_with_those_there_are() {
    let told = Protocol::named("no-box").unwrap_err().to_string();
    assert!(told.contains("framed-box") && told.contains("no-box"), "{told}");
    assert!(Protocol::named("/there/is/none.toml").unwrap_err().to_string().contains("/there/is/none.toml"));
}
