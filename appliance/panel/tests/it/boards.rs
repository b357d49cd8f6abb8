//! Boards and calls: every sample in both layouts.

use std::collections::BTreeSet;
use std::error::Error;

use machiai_core::facts::Lang;
use machiai_core::ids::Label;
use machiai_core::time::AtMs;
use machiai_core::view::{BoardView, NumberFace, Phase, TileState};
use machiai_panel::rhythm::PAGE_MS;
use machiai_panel::{DrawError, Film, Layout, Look, samples};

use resvg::usvg::Rect;
use resvg::usvg::roxmltree::Document;
use rstest::rstest;

use crate::looker::{PANEL, overlap, sizes, texts, words};

const LAYOUTS: [Layout; 2] = [Layout::Landscape, Layout::Portrait];

const LOOKS: [Look; 4] = Look::ALL;

/// Draws every sample in one way, with its labels in one language, and hands each to a check.
fn each(look: Look, lang: Lang, mut check: impl FnMut(&str, &BoardView, &str)) {
    let boards = samples::boards().into_iter();
    // A call lies over all of the board, film or not.
    let calls = if look.film == Film::Beside { samples::calls() } else { Vec::new() };
    for (name, view) in boards.chain(calls) {
        let view = BoardView { as_of: view.as_of.plus_ms(turn_ms(lang)), ..view };
        let svg = PANEL.board_svg(&view, look).unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        check(name, &view, &svg);
    }
}

/// When the labels of a sample are in a language, in milliseconds after its instant.
const fn turn_ms(lang: Lang) -> i64 {
    match lang {
        Lang::Ja => 0,
        Lang::En => 12_000,
        Lang::Zh => 18_000,
        Lang::Ko => 24_000,
    }
}

fn chain(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

fn draw(view: &BoardView, look: impl Into<Look>) -> String {
    PANEL.board_svg(view, look).unwrap()
}

#[rstest]
fn every_board_is_one_short_line_in_type_that_can_be_read(
    #[values(0, 1, 2, 3)] look: usize,
    #[values(Lang::Ja, Lang::En, Lang::Zh, Lang::Ko)] lang: Lang,
) {
    each(LOOKS[look], lang, |name, view, svg| {
        assert!(!svg.contains(['\n', '\r']), "{name} has a line break");
        let most = if view.rooms.len() <= 4 && view.lines.len() <= 2 { 8_000 } else { 11_500 };
        assert!(svg.len() <= most, "{name} takes {} bytes", svg.len());
        let least = sizes(svg).into_iter().fold(f32::INFINITY, f32::min);
        assert!(least >= 30.0, "{name} has type of {least} px");
    });
}

#[rstest]
fn every_text_is_whole_and_none_touches_another(
    #[values(0, 1, 2, 3)] look: usize,
    #[values(Lang::Ja, Lang::En, Lang::Zh, Lang::Ko)] lang: Lang,
) {
    let look = LOOKS[look];
    let (width, height) = look.layout.size_px();
    each(look, lang, |name, _, svg| {
        let seen = texts(svg);
        assert!(seen.len() >= 3, "{name} says nothing");
        for (at, one) in seen.iter().enumerate() {
            let inside = one.ink.left() >= 24.0
                && one.ink.top() >= 6.0
                && one.ink.right() <= width as f32 - 24.0
                && one.ink.bottom() <= height as f32 - 4.0;
            assert!(inside, "{name}: {} leaves the board: {:?}", one.text, one.ink);
            for other in seen.iter().skip(at + 1) {
                let touches = overlap(&one.ink, &other.ink);
                assert!(!touches, "{name}: {} {:?} touches {} {:?}", one.text, one.ink, other.text, other.ink);
            }
        }
    });
}

#[test]
fn what_the_specification_places_stands_where_it_places_it() {
    let svg = draw(&samples::board(3, 2), Layout::Landscape);
    for part in [
        r##"<g data-part="tile" data-room="room1" data-right="600" transform="translate(1280 120)"><rect width="640" height="320" fill="#16325C"/>"##,
        r##"<text x="48" y="88" font-size="64" font-weight="700" fill="#FFFFFF">第1診察室</text>"##,
        r#"<text x="235 381 527" y="291" font-size="208" font-weight="700" text-anchor="middle""#,
        r#"<g data-part="card" data-line="1" transform="translate(660 744)"><rect width="12" height="136""#,
        r#"<text x="40" y="1054" font-size="52""#,
        r#"<text x="1880" y="88" font-size="72""#,
    ] {
        assert!(svg.contains(part), "no {part}");
    }
    let svg = draw(&samples::board(3, 2), Layout::Portrait);
    for part in [
        r#"<text x="592 768 944" y="233" font-size="248""#,
        r#"<text x="56" y="96" font-size="72""#,
        r#"<text x="48" y="1284" font-size="52""#,
        "内科　Room 1",
    ] {
        assert!(svg.contains(part), "no {part}");
    }
    let (_, call) = samples::calls().swap_remove(0);
    let svg = draw(&call, Layout::Landscape);
    for part in [
        r#"<text x="363 758 1153" y="692" font-size="560""#,
        r#"<text x="104" y="896" font-size="144""#,
        r#"<text x="1376" y="692" font-size="160""#,
    ] {
        assert!(svg.contains(part), "no {part}");
    }
}

#[test]
fn ninety_nine_to_a_hundred_moves_nothing_else_on_the_board() {
    for layout in LAYOUTS {
        let with = |label: &str| {
            let mut view = samples::board(3, 2);
            view.rooms[1].label = Some(label.to_owned());
            let svg = draw(&view, layout);
            let (before, rest) =
                svg.split_once(&format!(">{label}</text>")).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            let (before, number) = before.rsplit_once("<text x=\"").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            let (centres, style) = number.split_once('"').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            let centres: Vec<String> = centres.split(' ').map(str::to_owned).collect();
            (before, centres, style, rest)
        };
        let (two, three) = (with("99"), with("100"));
        assert_eq!((&two.0, &two.2, &two.3), (&three.0, &three.2, &three.3));
        assert_eq!(two.1, three.1[1..]);
        assert_eq!(with("110").1, with("111").1);
    }
}

#[rstest]
fn numbers_are_set_in_the_face_of_the_view_and_in_no_other(#[values(0, 1, 2, 3)] look: usize) {
    each(LOOKS[look], Lang::Ja, |name, view, svg| {
        let fixed = svg.contains(r#"font-family="BIZ UDGothic""#);
        assert_eq!(fixed, view.face == NumberFace::Letters, "{name}");
    });
}

#[test]
fn every_region_of_a_board_has_its_name() {
    let named = |view: &BoardView, layout| -> BTreeSet<String> {
        let svg = draw(view, layout);
        let document = Document::parse(&svg).unwrap();
        document.descendants().filter_map(|node| node.attribute("data-part").map(str::to_owned)).collect()
    };
    let sample = |name: &str| samples::boards().into_iter().chain(samples::calls()).find(|(known, _)| *known == name);
    for layout in LAYOUTS {
        for (name, wanted) in [
            (
                "three-rooms",
                "absent board card clock count film hands head message number numbers state strip tile today wait",
            ),
            (
                "one-room",
                "absent board card clock count film hands head message next number numbers state strip tile today wait",
            ),
            ("undone", "band board tile"),
            ("undone-twelve-rooms", "band board tile"),
            ("closed", "board clock rest"),
            ("suspended", "board clock notice"),
            ("call-two", "call"),
        ] {
            let named = named(&sample(name).unwrap().1, layout);
            let missing: Vec<&str> = wanted.split(' ').filter(|part| !named.contains(*part)).collect();
            assert!(missing.is_empty(), "{name} {layout:?} has no {missing:?}, only {named:?}");
        }
    }
}

#[test]
fn a_state_is_said_in_words() {
    let said = |name: &str, layout| {
        let view = samples::boards().into_iter().find(|(known, _)| *known == name).unwrap().1;
        words(&draw(&view, layout)).join("|")
    };
    for layout in LAYOUTS {
        let has = |name: &str, wanted: &[&str]| {
            let said = said(name, layout);
            wanted.iter().for_each(|wanted| assert!(said.contains(wanted), "{name} {layout:?}: no {wanted} in {said}"));
        };
        has(
            "three-rooms",
            &[
                "呼出中",
                "診察中",
                "12人待ち",
                "およそ 40〜50 分",
                "お呼びしました",
                "受付へお声がけください",
                "98101",
                "10:24",
            ],
        );
        has("before", &["午前の受付", "8:30 から", "3人待ち"]);
        has("between", &["午前の受付は終了しました", "午後は 15:00 から", "月|火|水|木|金|土|日", "9:00〜12:30"]);
        has("closed", &["本日の受付は終了しました", "次の診療日は 11月25日（水）", "19:20", "△ の曜日は"]);
        has("closed-some-absent", &["本日の受付は終了しました", "–", "98"]);
        has("suspended", &["本日は休診いたします", "We are closed today", "次の診療日は 11月25日（水）"]);
        has("suspended-eight-rooms", &["本日は休診いたします", "98", "院長急病のため"]);
        has("waits", &["計算中", "中断", "15 分"]);
        has("undone", &["105・107番の方", "もう少しお待ちください", "please wait a little longer"]);
        has("rehearsal", &["練習"]);
        has("one-room", &["このあと", "106107109"]);
        has("crowded", &["1/3"]);
        has("family", &["112–114"]);
        has("twelve-rooms", &["第10診察室", "520"]);
        assert!(!said("untrusted-clock", layout).contains("10:24"), "a clock that is not trusted is not shown");
        assert!(!said("no-message", layout).contains("お呼びしました"), "nobody is absent");
    }
}

#[rstest]
fn a_line_for_which_nobody_waits_after_closing_says_the_end_of_the_session_and_counts_nobody(
    #[values(0, 1, 2, 3)] look: usize,
) {
    let sample = |name: &str| samples::boards().into_iter().find(|(known, _)| *known == name).unwrap().1;
    for (name, wanted) in [
        ("between-some-absent", ["午前の受付は終了しました", "午後は 15:00 から"]),
        ("between-some-absent-twelve-rooms", ["午前の受付は終了しました", "午後は 15:00 から"]),
        ("between-some-absent-one-line", ["午前の受付は終了しました", "午後は 15:00 から"]),
        ("closed-some-absent", ["本日の受付は終了しました", "次の診療日は 11月25日（水）"]),
    ] {
        let mut view = sample(name);
        let svg = draw(&view, LOOKS[look]);
        let document = Document::parse(&svg).unwrap();
        let cards = document.descendants().filter(|node| node.attribute("data-part") == Some("card"));
        let cards: Vec<String> = cards
            .map(|card| card.descendants().filter(|part| part.is_text()).filter_map(|part| part.text()).collect())
            .collect();
        assert!(!cards.is_empty(), "{name}: no card");
        for card in cards {
            assert!(wanted.iter().all(|wanted| card.contains(wanted)), "{name}: {card}");
            assert!(!card.contains("人待ち"), "{name}: {card}");
        }
        view.lines[0].n_waiting = 3;
        assert!(words(&draw(&view, LOOKS[look])).join("|").contains("3人待ち"), "{name}: who waits is not counted");
    }
}

#[rstest]
fn without_a_film_the_board_is_rooms_from_edge_to_edge_and_lines_below(
    #[values(1, 2, 3, 4, 5, 6)] n_rooms: usize,
    #[values(Layout::Landscape, Layout::Portrait)] layout: Layout,
) {
    let view = samples::board(n_rooms, 2);
    let with = draw(&view, layout);
    let svg = draw(&view, Look { layout, film: Film::Off });
    assert!(with.contains("data-part=\"film\"") && !svg.contains("data-part=\"film\""));
    let document = Document::parse(&svg).unwrap();
    let named =
        |part: &'static str| document.descendants().filter(move |node| node.attribute("data-part") == Some(part));
    assert_eq!(named("tile").count(), n_rooms);
    assert_eq!(named("card").count(), 2);
    let number = |drawn: &str| {
        let document = Document::parse(drawn).unwrap();
        let node = document.descendants().find(|node| node.attribute("data-part") == Some("number")).unwrap();
        node.attribute("font-size").unwrap().parse::<f32>().unwrap()
    };
    // Whoever gives up films gets larger numbers for it.
    assert!(number(&svg) > number(&with) && number(&svg) >= 208.0, "{} and {}", number(&svg), number(&with));
    let strip = named("strip").next().unwrap();
    assert_eq!(strip.attribute("y"), Some(if layout == Layout::Landscape { "920" } else { "1536" }));
}

#[test]
fn without_a_film_tiles_stand_where_the_specification_places_them() {
    let svg = draw(&samples::board(6, 2), Look { layout: Layout::Landscape, film: Film::Off });
    for part in [
        r#"data-room="room2" data-right="600" transform="translate(640 120)""#,
        r##"transform="translate(0 120)"><rect width="640" height="400" fill="#16325C"/>"##,
        r#"transform="translate(1280 520)""#,
        r##"font-size="72" font-weight="700" fill="#FFFFFF">第1診察室</text>"##,
        r#"y="360" font-size="232" font-weight="700""#,
        r#"<g data-part="card" data-line="1" transform="translate(660 932)">"#,
        r#"<g data-part="message"><text x="420" y="84""#,
    ] {
        assert!(svg.contains(part), "no {part}");
    }
    let svg = draw(&samples::board(3, 2), Look { layout: Layout::Portrait, film: Film::Off });
    for part in [
        r#"transform="translate(0 120)"><rect width="1080" height="400""#,
        r#"transform="translate(0 520)""#,
        r#"transform="translate(0 920)""#,
        "11月24日（火）",
        "午前の診療",
    ] {
        assert!(svg.contains(part), "no {part}");
    }
}

#[test]
fn an_empty_room_shows_a_dash_and_never_a_number() {
    let mut view = samples::board(2, 1);
    (view.rooms[0].state, view.rooms[0].label) = (TileState::Empty, None);
    for layout in LAYOUTS {
        let words = words(&draw(&view, layout));
        assert!(words.contains(&"–".to_owned()) && !words.contains(&"105".to_owned()), "{words:?}");
    }
}

#[test]
fn two_or_three_calls_share_the_frame_and_of_more_the_oldest_two_come_first() {
    let numbers = |name: &str| {
        let view = samples::calls().into_iter().find(|(known, _)| *known == name).unwrap().1;
        LAYOUTS.map(|layout| {
            let words = words(&draw(&view, layout));
            words.into_iter().filter(|word| word.chars().all(|c| c.is_ascii_digit() || c == '〜')).collect::<Vec<_>>()
        })
    };
    for (name, wanted) in [
        ("call-two", vec!["105", "512"]),
        ("call-three", vec!["105", "112〜114", "97"]),
        ("call-four", vec!["105", "103"]),
    ] {
        numbers(name).into_iter().for_each(|seen| assert_eq!(seen, wanted, "{name}"));
    }
}

#[test]
fn a_call_says_where_to_go_and_a_payment_is_asked_to_come() {
    let said = |name: &str| {
        let view = samples::calls().into_iter().find(|(known, _)| *known == name).unwrap().1;
        words(&draw(&view, Layout::Landscape)).join("|")
    };
    assert!(said("call").contains("第1診察室へお入りください"));
    assert!(said("call").contains("Please go to Room 1"));
    assert!(said("call-payment").contains("会計窓口へお越しください"));
    assert!(said("call-again").contains("もう一度お呼びします"));
    assert!(said("call-family").contains("112〜114"));
}

#[test]
fn a_long_message_takes_turns_in_whole_lines() {
    let view = samples::boards().into_iter().find(|(name, _)| *name == "message").unwrap().1;
    let message = view.message.clone().unwrap();
    for layout in LAYOUTS {
        let n_pages = PANEL.board_page(&view, layout, 0).unwrap().n_pages;
        assert!(n_pages > 1, "{layout:?}");
        let parts: Vec<String> = (0..n_pages)
            .map(|page| {
                let words = words(&PANEL.board_page(&view, layout, page).unwrap().svg);
                let mark = words.iter().position(|word| *word == format!("{}/{n_pages}", page + 1)).unwrap();
                words[mark - 1].clone()
            })
            .collect();
        assert_eq!(parts.concat(), message, "{layout:?}");
        let page = |page| PANEL.board_page(&view, layout, page).unwrap().svg;
        assert_eq!(page(n_pages), page(0));
        let later = |pages: i64| {
            let as_of = view.as_of.plus_ms(pages * PAGE_MS);
            draw(&BoardView { as_of, ..view.clone() }, layout)
        };
        assert_ne!(later(0), later(1), "the board does not turn its pages by itself");
    }
}

#[test]
fn lines_that_do_not_fit_at_once_take_turns() {
    let view = samples::board(12, 5);
    let seen: Vec<String> = (0..PANEL.board_page(&view, Layout::Landscape, 0).unwrap().n_pages)
        .flat_map(|page| words(&PANEL.board_page(&view, Layout::Landscape, page).unwrap().svg))
        .collect();
    for line in &view.lines {
        let card = format!("{}人待ち", line.n_waiting);
        assert!(seen.contains(&card), "{} is never shown", line.name.ja);
    }
}

#[test]
fn everybody_absent_is_shown_in_pages_of_four_or_three() {
    let mut view = samples::board(3, 2);
    view.absent = (101..=109).map(|number| Label(number.to_string())).collect();
    for (layout, most) in [(Layout::Landscape, 4), (Layout::Portrait, 3)] {
        let n_pages = PANEL.board_page(&view, layout, 0).unwrap().n_pages;
        assert_eq!(n_pages, 9_usize.div_ceil(most), "{layout:?}");
        let shown: Vec<String> = (0..n_pages)
            .map(|page| {
                let svg = PANEL.board_page(&view, layout, page).unwrap().svg;
                let document = Document::parse(&svg).unwrap();
                let row = document.descendants().find(|node| node.attribute("data-part") == Some("numbers")).unwrap();
                row.descendants().filter_map(|node| node.is_text().then(|| node.text())?).collect()
            })
            .collect();
        assert!(shown.iter().all(|page| page.len() <= most * 3), "{layout:?}: {shown:?}");
        assert_eq!(shown.concat(), "101102103104105106107108109", "{layout:?}");
    }
}

#[test]
fn the_ring_moves_everything_but_the_film_and_nothing_out_of_the_frame() {
    let minutes = |n: i64| n * 60_000;
    for layout in LAYOUTS {
        let (width, height) = layout.size_px();
        let seen: Vec<_> = (0..8)
            .map(|step| {
                let view = BoardView { as_of: AtMs(minutes(3 * step)), ..samples::board(3, 2) };
                texts(&draw(&view, layout))
            })
            .collect();
        for step in &seen {
            let moved = |nth: usize| (step[nth].ink.left() - seen[0][nth].ink.left()).abs();
            let (title, clinic) = (0, step.iter().rposition(|text| text.text == "さくら台クリニック").unwrap());
            assert!(moved(title) <= 4.0 && moved(clinic) < 0.01, "{layout:?}: the film moves");
            for text in step {
                let (right, bottom) = (text.ink.right(), text.ink.bottom());
                assert!(right <= width as f32 - 24.0 && bottom <= height as f32, "{layout:?}: {} is cut", text.text);
            }
        }
        let place = |ink: &Rect| format!("{:.0} {:.0}", ink.left(), ink.top());
        let places: BTreeSet<String> = seen.iter().map(|step| place(&step[0].ink)).collect();
        assert_eq!(places.len(), 8, "{layout:?}: the title rests");
    }
}

#[test]
fn text_from_outside_is_escaped_and_cleaned() {
    let hostile = "<&\"'>髙﨑𠮷\u{202E}\u{0}\n</text><script>";
    let mut view = samples::board(3, 2);
    view.clinic.ja = hostile.to_owned();
    view.message = Some(hostile.to_owned());
    view.rooms[0].name.ja = "<&\"'>".to_owned();
    view.rooms[1].line_name.ja = "]]>&amp;".to_owned();
    view.rooms[2].label = Some("<b>".to_owned());
    view.absent = vec![Label("<&>".to_owned())];
    view.phase = Phase::Open { session: None };
    for layout in LAYOUTS {
        let svg = draw(&view, layout);
        let words = words(&svg);
        for wanted in ["<&\"'>", "]]>&amp;", "<b>", "<&>", "<&\"'>髙﨑𠮷 </text><script>"] {
            assert!(words.iter().any(|word| word.contains(wanted)), "{layout:?}: no {wanted} in {words:?}");
        }
        assert!(!svg.contains("<script"), "{layout:?}");
    }
}

#[test]
fn a_name_that_cannot_be_shown_whole_is_refused_with_its_field() {
    let mut view = samples::board(3, 2);
    view.rooms[1].name.ja = "長い".repeat(30);
    for layout in LAYOUTS {
        let error = PANEL.board_svg(&view, layout).unwrap_err();
        let DrawError::DoesNotFit { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.field, "rooms.name");
    }
    let mut view = samples::board(3, 2);
    view.clinic.ja = "さくら".repeat(20);
    for layout in LAYOUTS {
        draw(&view, layout);
    }
}

#[test]
fn more_rooms_than_one_board_shows_are_refused() {
    let mut view = samples::board(12, 2);
    view.rooms.push(view.rooms[0].clone());
    assert!(matches!(PANEL.board_svg(&view, Layout::Landscape), Err(DrawError::TooManyRooms { n: 13 })));
}

#[test]
fn the_drawings_are_as_they_were_approved() {
    let board = samples::board(3, 2);
    let (_, call) = samples::calls().swap_remove(0);
    let drawings = [
        ("board-landscape", draw(&board, Layout::Landscape)),
        ("board-portrait", draw(&board, Layout::Portrait)),
        ("call-landscape", draw(&call, Layout::Landscape)),
        ("call-portrait", draw(&call, Layout::Portrait)),
    ];
    for (name, svg) in drawings {
        insta::assert_snapshot!(name, svg.replace("><", ">\n<"));
    }
}
