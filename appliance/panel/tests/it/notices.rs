//! Notices: drawn whole in letters that are read from afar, or refused with the text that is too long.

use machiai_core::settings::Text;
use machiai_panel::notice::{Notice, NoticeLook};
use machiai_panel::{DrawError, Layout, samples};
use proptest::prelude::*;
use rstest::rstest;

use crate::looker::{PANEL, contrast, overlap, sizes, texts, words};

const LAYOUTS: [Layout; 2] = [Layout::Landscape, Layout::Portrait];

fn text(ja: &str, en: Option<&str>) -> Text {
    Text { ja: ja.to_owned(), en: en.map(str::to_owned), ..Text::default() }
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Draws a notice, and checks that all of it is on the drawing, within it, apart and large enough; tells whether it fits.
fn check(notice: &Notice<'_>, layout: Layout) -> Result<(), String> {
    let svg = match PANEL.notice_svg(notice, layout) {
        Ok(svg) => svg,
        Err(DrawError::DoesNotFit { source, .. }) => return Err(source.field),
        Err(other) => panic!("{other:?}"),
    };
    let all = bare(&words(&svg).concat());
    let parts = [notice.headline, Some(notice.text)].into_iter().flatten();
    for said in parts.flat_map(|text| [Some(&text.ja), text.en.as_ref()]).flatten() {
        assert!(all.contains(&bare(said)), "{said} is not whole in {all}");
    }
    let (width, height) = notice.look.size_px(layout);
    let seen = texts(&svg);
    for (nth, one) in seen.iter().enumerate() {
        let (right, bottom) = (one.ink.right(), one.ink.bottom());
        assert!(one.ink.left() >= 24.0 && right <= width as f32 - 24.0, "{one:?} touches the edge");
        assert!(one.ink.top() >= 8.0 && bottom <= height as f32 - 8.0, "{one:?} touches the edge");
        assert!(contrast(one.color, one.ground) >= 7.0, "{one:?} is pale");
        for other in &seen[nth + 1..] {
            assert!(!overlap(&one.ink, &other.ink), "{one:?} lies on {other:?}");
        }
    }
    assert!(sizes(&svg).iter().all(|size| *size >= 36.0));
    Ok(())
}

#[test]
fn every_sample_is_drawn_whole_on_both_monitors() {
    for sample in samples::notices() {
        for layout in LAYOUTS {
            assert_eq!(check(&sample.notice(), layout), Ok(()), "{} {layout:?}", sample.name);
        }
    }
}

#[rstest]
#[case::a_headline("headline", &"長い見出し".repeat(16), None, "本日休診")]
#[case::a_text("text", "見出し", None, &"長い文です。".repeat(20))]
#[case::a_text_without_a_headline_s_room("text", "", None, &"とても長い文です。".repeat(13))]
fn what_does_not_fit_in_large_letters_is_refused_by_name(
    #[case] field: &str,
    #[case] headline: &str,
    #[case] en: Option<&str>,
    #[case] said: &str,
) {
    let (headline, said) = (text(headline, en), text(said, en));
    let headline = (!headline.ja.is_empty()).then_some(&headline);
    let notice = Notice { look: NoticeLook::Plain, headline, text: &said, photo: None };
    assert_eq!(check(&notice, Layout::Portrait), Err(field.to_owned()));
}

#[test]
fn a_character_that_no_font_draws_is_refused_with_its_text() {
    let (headline, said) = (text("休診", Some("Closed 🦄")), text("本日", None));
    let notice = Notice { look: NoticeLook::Plain, headline: Some(&headline), text: &said, photo: None };
    let refused = PANEL.notice_svg(&notice, Layout::Landscape);
    assert!(matches!(refused, Err(DrawError::NoGlyph { field: "headline.en" })), "{refused:?}");
}

#[test]
fn essential_words_are_64_at_least_and_an_emergency_96() {
    let said = text("診察が遅れています。", Some("We are late."));
    for (look, least) in [(NoticeLook::Plain, 64.0), (NoticeLook::Urgent, 64.0), (NoticeLook::Emergency, 96.0)] {
        for layout in LAYOUTS {
            let svg = PANEL.notice_svg(&Notice { look, headline: None, text: &said, photo: None }, layout).unwrap();
            assert!(sizes(&svg).into_iter().fold(0.0, f32::max) >= least, "{look:?} {layout:?}");
        }
    }
}

/// Texts as people write them, and worse: kanji, kana, Latin words, figures, marks.
fn written() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("診察".to_owned()),
        Just("インフルエンザ".to_owned()),
        Just("（火）".to_owned()),
        Just("、".to_owned()),
        Just("。".to_owned()),
        "[ぁ-ん]{1,4}",
        "[a-zA-Z]{1,20} ",
        "[0-9]{1,6}",
        "[<&\"'!]",
    ];
    proptest::collection::vec(piece, 1..30).prop_map(|pieces| {
        let text: String = pieces.concat().chars().take(120).collect();
        if text.trim().is_empty() { "休診".to_owned() } else { text.trim().to_owned() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_text_of_120_characters_is_drawn_whole_or_refused(
        ja in written(),
        en in proptest::option::of(written()),
        headline in proptest::option::of(written()),
        look in prop::sample::select(NoticeLook::ALL.to_vec()),
        layout in prop::sample::select(LAYOUTS.to_vec()),
    ) {
        let said = text(&ja, en.as_deref());
        let headline = headline.filter(|_| look == NoticeLook::Plain).map(|ja| text(&ja, None));
        let _is_refused = check(&Notice { look, headline: headline.as_ref(), text: &said, photo: None }, layout).is_err();
    }
}
