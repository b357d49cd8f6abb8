//! Tickets: every sample on every paper.

use machiai_core::facts::Lang;
use machiai_core::ids::Label;
use machiai_core::view::TicketView;
use machiai_panel::dots::Dots;
use machiai_panel::{DrawError, Paper, samples};
use resvg::usvg::roxmltree::Document;

use crate::looker::{PANEL, overlap, sizes, texts, words};

const PAPERS: [Paper; 3] = [Paper::W576, Paper::W512, Paper::W384];

fn each(mut check: impl FnMut(&str, &TicketView, Paper, &str)) {
    for (name, view) in samples::tickets() {
        for paper in PAPERS {
            let name = format!("{name} {paper:?}");
            let svg = PANEL.ticket_svg(&view, paper).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            check(&name, &view, paper, &svg);
        }
    }
}

fn sample(wanted: &str) -> TicketView {
    samples::tickets().into_iter().find(|(name, _)| *name == wanted).unwrap().1
}

fn said(name: &str, paper: Paper) -> String {
    words(&PANEL.ticket_svg(&sample(name), paper).unwrap()).concat()
}

#[test]
fn type_is_large_enough_for_paper_and_lines_are_two_dots_or_more() {
    each(|name, _, _, svg| {
        let least = sizes(svg).into_iter().fold(f32::INFINITY, f32::min);
        assert!(least >= 22.0, "{name} has type of {least} dots");
        let document = Document::parse(svg).unwrap();
        for rect in document.descendants().filter(|node| node.has_tag_name("rect")) {
            for side in ["width", "height"] {
                let dots: f32 = rect.attribute(side).unwrap().parse().unwrap();
                assert!(dots >= 2.0, "{name}: a rule of {dots} dots");
            }
        }
    });
}

#[test]
fn every_text_is_whole_and_none_touches_another() {
    each(|name, _, paper, svg| {
        let seen = texts(svg);
        for (at, one) in seen.iter().enumerate() {
            let inside = one.ink.left() >= 8.0 && one.ink.top() >= 6.0 && one.ink.right() <= paper.dots() as f32 - 8.0;
            assert!(inside, "{name}: {} leaves the paper: {:?}", one.text, one.ink);
            for other in seen.iter().skip(at + 1) {
                let touches = overlap(&one.ink, &other.ink);
                assert!(!touches, "{name}: {} {:?} touches {} {:?}", one.text, one.ink, other.text, other.ink);
            }
        }
    });
}

#[test]
fn paper_stays_cool_and_the_number_alone_fills_its_rows() {
    each(|name, view, paper, svg| {
        let dots = PANEL.ticket_dots(view, paper).unwrap();
        assert_eq!(dots.rows.len(), (dots.width / 8 * dots.height) as usize, "{name}");
        assert_eq!((dots.width, dots.width % 8), (paper.dots(), 0), "{name}");
        let area = (dots.width * dots.height) as f32;
        let share = dots.n_black() as f32 / area;
        assert!(share < 0.22, "{name} is {share} black");
        let bands = Document::parse(svg).unwrap().descendants().filter_map(|node| black_band(&node)).sum::<f32>();
        assert!(bands / area < 0.15, "{name} has bands of {} of it", bands / area);
        let rows = dots.number_rows.clone().unwrap();
        assert!(rows.start.is_multiple_of(2) && rows.end.is_multiple_of(2), "{name}: {rows:?} cannot be halved");
        let (before, rest) = svg.split_once("<g id=\"number\">").unwrap();
        let (_, after) = rest.split_once("</g>").unwrap();
        let without = PANEL.pixels(&format!("{before}{after}"), dots.width, dots.height).unwrap();
        let is_white = |row: u32| {
            let stride = dots.width as usize * 4;
            without.rgba[row as usize * stride..][..stride].iter().all(|part| *part == 255)
        };
        assert!(rows.clone().all(is_white), "{name}: something else stands beside the number");
        let has_ink = |row: u32| (0..dots.width).any(|column| dots.is_black(column, row));
        assert!(has_ink(rows.start + 2) && has_ink(rows.end - 3), "{name}: {rows:?} is more than the number");
        assert!(!has_ink(rows.start - 1) && !has_ink(rows.end), "{name}: {rows:?} cuts the number");
    });
}

/// Returns the area of a black rectangle.
fn black_band(node: &resvg::usvg::roxmltree::Node<'_, '_>) -> Option<f32> {
    let is_black = node.has_tag_name("rect") && node.attribute("fill").is_none();
    let side = |name| node.attribute(name).and_then(|side| side.parse::<f32>().ok());
    is_black.then(|| Some(side("width")? * side("height")?)).flatten()
}

#[test]
fn the_ticket_has_the_measures_of_its_specification() {
    let dots = PANEL.ticket_dots(&sample("ja"), Paper::W576).unwrap();
    assert_eq!((dots.width, dots.height), (576, 856));
    let svg = PANEL.ticket_svg(&sample("ja"), Paper::W576).unwrap();
    for part in [
        r#"<text x="288" y="48" font-size="38" text-anchor="middle" font-weight="700">さくら台クリニック</text>"#,
        ">2026年11月24日（火）　午前の部<",
        r#"<rect x="24" y="108" width="528" height="4"/>"#,
        r#"<text x="112 288 464" y="388" font-size="250""#,
        r#"<rect x="24" y="424" width="528" height="2"/>"#,
        r#"y="478" font-size="40""#,
        r#"y="528" font-size="40""#,
        r#"<rect x="24" y="584" width="528" height="2"/>"#,
        r#"translate(24 612) scale(6)"#,
        r#"<text x="288" y="832" font-size="24""#,
    ] {
        assert!(svg.contains(part), "no {part} in {svg}");
    }
    let svg = PANEL.ticket_svg(&sample("ja"), Paper::W384).unwrap();
    assert!(svg.contains(r#"<text x="72 192 312" y="322" font-size="172""#), "{svg}");
    assert!(svg.contains(r#"height="864""#), "{}", &svg[..200]);
}

#[test]
fn what_is_not_known_is_left_out_and_what_is_known_is_said() {
    for paper in PAPERS {
        let has = |name: &str, wanted: &[&str], unwanted: &[&str]| {
            let said = said(name, paper);
            wanted.iter().for_each(|word| assert!(said.contains(word), "{name} {paper:?}: no {word} in {said}"));
            unwanted.iter().for_each(|word| assert!(!said.contains(word), "{name} {paper:?}: {word} in {said}"));
        };
        has(
            "ja",
            &[
                "前にお待ちの方",
                "5人",
                "20〜30分",
                "受付 8時42分",
                "番号と声でお呼びします",
                "本日かぎり有効Valid today only",
            ],
            &["再発行", "練習", "様"],
        );
        has("unknown", &["5人"], &["目安", "〜"]);
        has("paused", &["診察が中断しています"], &["〜"]);
        has("soon", &["まもなくお呼びします"], &["前にお待ちの方", "目安"]);
        has("not-arrived", &["5人", "（ほかに来院前 3人）"], &[]);
        has("reprint", &["再発行 9:12Reissued"], &[]);
        has("reprint-en", &["Reissued 9:12再発行"], &[]);
        has("family", &["3人のうち 1人目", "112"], &[]);
        has("text-call", &["文字でお呼びします"], &["番号と声で"]);
        has("name", &["髙橋 𠮷子 様"], &[]);
        has("rehearsal", &["練習"], &[]);
        has("untrusted-clock", &["午前の部", "105"], &["年", "受付 "]);
        has("era", &["令和8年11月24日（火）"], &["2026"]);
        has("no-address", &["番号と声でお呼びします"], &["スマートフォン"]);
    }
}

#[test]
fn a_language_comes_first_and_the_japanese_line_and_the_number_stay() {
    for paper in PAPERS {
        for (name, wanted) in [
            ("en", ["Sakuradai Clinic", "Internal Medicine", "People ahead of you"]),
            ("zh", ["内科", "前面等候人数", "仅限当日有效"]),
            ("ko", ["내과", "앞에 기다리는 분", "당일에만 유효"]),
        ] {
            let words = words(&PANEL.ticket_svg(&sample(name), paper).unwrap());
            for wanted in wanted.iter().chain(&["内科", "105"]) {
                assert!(words.iter().any(|word| word.contains(wanted)), "{name} {paper:?}: no {wanted} in {words:?}");
            }
        }
    }
    let svg = |lang| PANEL.ticket_svg(&samples::ticket(lang), Paper::W576).unwrap();
    assert!(svg(Lang::Zh).contains(r#"font-family="'Noto Sans CJK SC'""#));
    assert!(svg(Lang::Ko).contains(r#"font-family="'Noto Sans CJK KR'""#));
    let japanese_line = r#"font-family="BIZ UDPGothic">内科</text>"#;
    assert!(svg(Lang::Zh).contains(japanese_line) && svg(Lang::Ko).contains(japanese_line));
}

#[test]
fn the_qr_code_reads_back_on_every_paper() {
    for name in ["ja", "en", "long-address", "everything"] {
        for paper in PAPERS {
            let view = sample(name);
            let dots = PANEL.ticket_dots(&view, paper).unwrap();
            assert_eq!(read_qr(&dots), view.url.unwrap(), "{name} {paper:?}");
        }
    }
}

fn read_qr(dots: &Dots) -> String {
    let (width, height) = (dots.width as usize, dots.height as usize);
    let at = |place: usize| u32::try_from(place).unwrap();
    let light = |x: usize, y: usize| if dots.is_black(at(x), at(y)) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, light);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    let (about, address) = grids[0].decode().unwrap();
    // 0 is level M in the code's own numbering.
    assert_eq!(about.ecc_level, 0);
    address
}

#[test]
fn an_address_that_no_code_holds_is_refused() {
    let view = TicketView { url: Some("x".repeat(3_000)), ..sample("ja") };
    assert!(matches!(PANEL.ticket_svg(&view, Paper::W576), Err(DrawError::AddressTooLong)));
}

#[test]
fn sixty_characters_of_anything_are_printed_whole() {
    for text in ["長い名前の".repeat(12), "W".repeat(60), "<&\"'>".repeat(12), "𠮷".repeat(60), "リハビリ".repeat(15)]
    {
        for (paper, lang) in [(Paper::W576, Lang::Ja), (Paper::W384, Lang::Ja), (Paper::W384, Lang::En)] {
            let mut view = samples::ticket(lang);
            view.clinic.ja.clone_from(&text);
            view.line.ja.clone_from(&text);
            view.name = Some(text.clone());
            let said = words(&PANEL.ticket_svg(&view, paper).unwrap()).concat();
            assert_eq!(said.matches(&text).count(), 3, "{paper:?}: {said}");
        }
    }
}

#[test]
fn paper_has_three_widths_and_no_other() {
    assert_eq!([576, 512, 384].map(Paper::of_dots), PAPERS.map(Some));
    assert_eq!([0, 575, 640].map(Paper::of_dots), [None; 3]);
}

#[test]
fn dots_are_written_as_a_picture() {
    let view = TicketView { label: Label("7".to_owned()), ..sample("ja") };
    let png = PANEL.ticket_dots(&view, Paper::W384).unwrap().png().unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    assert_eq!(reader.info().size(), (384, 864));
}

#[test]
fn the_tickets_are_as_they_were_approved() {
    for (name, paper) in [("no-address", Paper::W576), ("no-address", Paper::W512), ("no-address", Paper::W384)] {
        let svg = PANEL.ticket_svg(&sample(name), paper).unwrap();
        insta::assert_snapshot!(format!("ticket-{}", paper.dots()), svg.replace("><", ">\n<"));
    }
}
