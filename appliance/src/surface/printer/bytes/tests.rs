//! The bytes of a ticket: strips, feeds, margins, the cut.

use super::*;

fn picture(width: u32, rows: &[u8]) -> Dots {
    let height = u32::try_from(rows.len()).unwrap() * 8 / width;
    Dots { width, height, rows: rows.to_vec(), number_rows: None }
}

fn bytes_on(name: &str, dots: &Dots) -> Vec<u8> {
    ticket(dots, Profile::named(name).unwrap()).unwrap()
}

#[test]
fn a_ticket_is_set_up_fed_printed_and_cut() {
    let dots = picture(16, &[&[0, 0, 0, 0, 0, 0x81, 0, 0x42][..], &[0; 120]].concat());
    let expected = [
        &[ESC, b'@', GS, b'P', 203, 203, GS, b'a', 14, ESC, b'J', 2, GS, b'L', 8, 0][..],
        &[GS, b'v', b'0', 0, 1, 0, 2, 0, 0x81, 0x42],
        &[ESC, b'J', 60, GS, b'V', 66, 0],
    ];
    assert_eq!(bytes_on("epson-80", &dots), expected.concat());
}

#[test]
fn a_clone_gets_neither_margin_nor_units_nor_cut() {
    let dots = picture(16, &[0, 0x81]);
    let expected = [&[ESC, b'@', GS, b'v', b'0', 0, 2, 0, 1, 0, 0, 0x81][..], &[ESC, b'd', 4]];
    assert_eq!(bytes_on("58mm-clone", &dots), expected.concat());
}

#[test]
fn long_feeds_are_parted_at_what_one_command_moves() {
    let dots = picture(16, &[0; 1200]);
    let expected = [&[ESC, b'@'][..], &[ESC, b'J', 255, ESC, b'J', 255, ESC, b'J', 90, GS, b'V', 66, 0]];
    assert_eq!(bytes_on("58mm", &dots), expected.concat());
}

#[test]
fn getting_back_into_step_fills_the_largest_strip_and_cuts() {
    let profile = Profile::named("58mm").unwrap();
    let bytes = resync(profile).unwrap();
    let filled = bytes.iter().take_while(|byte| **byte == 0).count();
    assert_eq!(filled, 128 * 384 / 8);
    assert!(bytes.ends_with(&[ESC, b'@', GS, b'V', 66, 0]));
}

#[test]
fn what_is_wrong_with_a_picture_is_the_source() {
    let error = ticket(&picture(576, &[0; 72]), Profile::named("58mm").unwrap()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "picture of 576 dots on a head of 384");
}
