//! Cutting a picture into strips that a printer can take.

use proptest::prelude::*;

use super::*;

fn profile(name: &str) -> Profile {
    Profile::named(name).unwrap().clone()
}

fn dots(width: u32, rows: Vec<u8>) -> Dots {
    Dots { width, height: u32::try_from(rows.len()).unwrap() * 8 / width, rows, number_rows: None }
}

/// Lays the pieces out again, each row as wide as the head.
fn laid_out(pieces: &[Piece], width: u32) -> Vec<Vec<u8>> {
    let width = usize::try_from(width).unwrap();
    let mut rows = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Feed { rows: blank } => rows.extend((0..*blank).map(|_| vec![0; width / 8])),
            Piece::Strip(strip) => {
                let row_bytes = usize::try_from(strip.row_bytes).unwrap();
                assert_eq!(strip.bytes.len(), row_bytes * usize::try_from(strip.rows).unwrap());
                for row in strip.bytes.chunks(row_bytes) {
                    rows.extend(printed(strip, row, width));
                }
            }
        }
    }
    rows
}

fn printed(strip: &Strip, row: &[u8], width: usize) -> Vec<Vec<u8>> {
    let scale = if strip.doubled { 2 } else { 1 };
    let mut out = vec![0; width / 8];
    for dot in 0..row.len() * 8 * scale {
        let to = usize::try_from(strip.left_dots).unwrap() + dot;
        if dot_of(row, dot / scale) == 1 && to < width {
            out[to / 8] |= 0x80 >> (to % 8);
        }
    }
    vec![out; scale]
}

fn strips(pieces: &[Piece]) -> Vec<&Strip> {
    pieces.iter().filter_map(|piece| if let Piece::Strip(strip) = piece { Some(strip) } else { None }).collect()
}

/// A black square of a size at a place.
fn square(width: u32, height: u32, (left, top, side): (u32, u32, u32)) -> Dots {
    let mut rows = vec![0_u8; usize::try_from(width / 8 * height).unwrap()];
    for row in top..top + side {
        for dot in left..left + side {
            rows[usize::try_from(row * width / 8 + dot / 8).unwrap()] |= 0x80 >> (dot % 8);
        }
    }
    Dots { width, height, rows, number_rows: None }
}

#[test]
fn a_square_in_much_white_is_one_strip_between_two_feeds() {
    let pieces = cut(&square(576, 400, (201, 100, 79)), &profile("epson-80")).unwrap();
    let [Piece::Feed { rows: 100 }, Piece::Strip(strip), Piece::Feed { rows: 221 }] = &pieces[..] else {
        panic!("{pieces:?}")
    };
    assert_eq!((strip.left_dots, strip.row_bytes, strip.rows), (200, 10, 79));
}

#[test]
fn what_is_drawn_two_by_two_dots_goes_out_at_half_resolution() {
    for profile in Profile::all() {
        let pieces = cut(&square(384, 400, (32, 101, 160)), profile).unwrap();
        let [Piece::Feed { rows: 101 }, Piece::Strip(strip), Piece::Feed { rows: 139 }] = &pieces[..] else {
            panic!("{pieces:?}")
        };
        let left_bytes = if profile.left_margin { 0 } else { 2 };
        let shape = (strip.doubled, strip.left_dots, strip.row_bytes, strip.rows);
        assert_eq!(shape, (true, 32 - left_bytes * 16, 10 + left_bytes, 80), "{}", profile.name);
    }
}

#[test]
fn a_single_dot_anywhere_is_never_sent_at_half_resolution() {
    for dot in 0..16 {
        let row = (0x8000_u16 >> dot).to_be_bytes();
        for profile in Profile::all() {
            let pieces = cut(&dots(16, [row; 80].concat()), profile).unwrap();
            assert!(strips(&pieces).iter().all(|strip| !strip.doubled), "{} dot {dot}", profile.name);
        }
    }
}

#[test]
fn a_printer_without_margin_gets_the_left_edge_too() {
    let pieces = cut(&square(384, 100, (201, 0, 79)), &profile("58mm-clone")).unwrap();
    let [strip, ..] = strips(&pieces)[..] else { panic!("{pieces:?}") };
    assert_eq!((strip.left_dots, strip.row_bytes), (0, 35));
}

#[test]
fn heights_of_48_rows_are_avoided_where_they_break() {
    for side in [48, 96, 144, 240] {
        let picture = square(384, side, (9, 0, side));
        for (name, breaks) in [("58mm", true), ("58mm-clone", true), ("epson-80", false)] {
            let pieces = cut(&picture, &profile(name)).unwrap();
            let has_48 = strips(&pieces).iter().any(|strip| strip.rows % 48 == 0);
            assert_eq!(has_48, !breaks && side <= 240, "{name} {side}");
        }
    }
}

#[test]
fn a_blank_picture_is_fed_and_an_empty_one_is_nothing() {
    assert_eq!(cut(&dots(64, vec![0; 800]), &profile("epson-80")).unwrap(), [Piece::Feed { rows: 100 }]);
    assert_eq!(cut(&dots(64, vec![]), &profile("epson-80")).unwrap(), []);
}

#[test]
fn two_of_four_dots_make_a_black_one() {
    let mut picture = dots(16, vec![0b1100_1000, 0b0001_0010, 0b0000_0100, 0b0001_0000]);
    picture.number_rows = Some(0..2);
    let pieces = cut(&picture, &profile("58mm-serial")).unwrap();
    let [strip] = strips(&pieces)[..] else { panic!("{pieces:?}") };
    assert!(strip.doubled);
    assert_eq!(strip.bytes, [0b1010_0100]);
}

#[test]
fn an_odd_last_row_of_the_number_stays_whole() {
    let mut picture = dots(16, vec![0xff; 10]);
    picture.number_rows = Some(0..5);
    let pieces = cut(&picture, &profile("58mm-serial")).unwrap();
    let shape: Vec<_> = strips(&pieces).iter().map(|strip| (strip.doubled, strip.rows)).collect();
    assert_eq!(shape, [(true, 2), (false, 1)]);
}

#[test]
fn only_slow_profiles_halve_the_number() {
    let mut picture = square(384, 100, (9, 0, 90));
    picture.number_rows = Some(0..90);
    for profile in Profile::all() {
        let halved = strips(&cut(&picture, profile).unwrap()).iter().any(|strip| strip.doubled);
        assert_eq!(halved, profile.name == "58mm-serial", "{}", profile.name);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let too_wide = cut(&dots(576, vec![0; 72]), &profile("epson-80-512"));
    assert_eq!(too_wide, Err(Misfit::TooWide { width: 576, dots: 512 }));
    for (width, height, bytes) in [(0, 0, 0), (12, 1, 1), (16, 2, 3), (16, u32::MAX, 4)] {
        let picture = Dots { width, height, rows: vec![0; bytes], number_rows: None };
        assert_eq!(cut(&picture, &profile("epson-80")), Err(Misfit::NotAPicture { width, height, bytes }));
    }
}

/// Pictures of rows that are mostly runs, as drawings are; of some each dot is two by two.
fn pictures() -> impl Strategy<Value = Dots> {
    (fine_pictures(), any::<bool>()).prop_map(|(fine, is_coarse)| if is_coarse { coarse(&fine) } else { fine })
}

fn coarse(fine: &Dots) -> Dots {
    let row_bytes = usize::try_from(fine.width / 8).unwrap();
    let wide = |row: &[u8]| -> Vec<u8> {
        let bit = |dot: usize| u8::try_from(dot_of(row, dot)).unwrap() * 3;
        (0..row_bytes * 2).map(|idx| (0..4).fold(0, |byte, two| byte << 2 | bit(idx * 4 + two))).collect()
    };
    let rows = fine.rows.chunks(row_bytes).flat_map(|row| [wide(row), wide(row)].concat()).collect();
    Dots { number_rows: fine.number_rows.clone(), ..dots(fine.width * 2, rows) }
}

fn fine_pictures() -> impl Strategy<Value = Dots> {
    let byte = prop_oneof![3 => Just(0), 1 => Just(0xff), 1 => any::<u8>()];
    (1_u32..9, 0_usize..300).prop_flat_map(move |(row_bytes, height)| {
        let bytes = usize::try_from(row_bytes).unwrap() * height;
        let number = proptest::option::of((0..300_u32, 0..300_u32));
        (prop::collection::vec(byte.clone(), bytes), number).prop_map(move |(rows, number)| Dots {
            number_rows: number.map(|(from, to)| from.min(to)..from.max(to)),
            ..dots(row_bytes * 8, rows)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_laid_out_again_are_the_picture(picture in pictures()) {
        let row_bytes = usize::try_from(picture.width / 8).unwrap();
        let drawn: Vec<_> = picture.rows.chunks(row_bytes).map(<[u8]>::to_vec).collect();
        for profile in Profile::all() {
            let pieces = cut(&picture, profile).unwrap();
            let rows = laid_out(&pieces, picture.width);
            prop_assert_eq!(rows.len(), drawn.len());
            let half = half_rows(&picture, profile);
            for (idx, (printed, drawn)) in (0_u32..).zip(rows.iter().zip(&drawn)) {
                prop_assert!(half.contains(&idx) || printed == drawn, "{} row {}", profile.name, idx);
            }
            for strip in strips(&pieces) {
                prop_assert!(strip.rows > 0 && strip.rows <= profile.strip_rows);
                prop_assert!(!profile.avoids_48 || strip.rows % 48 != 0);
            }
        }
    }
}
