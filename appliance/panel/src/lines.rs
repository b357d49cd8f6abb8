//! Breaking text into lines: where Japanese rules allow it (kinsoku), between phrases if possible, never elsewhere
//! unless one unbroken word is wider than the line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use budoux::models::default_japanese_model;
use icu_segmenter::LineSegmenter;
use icu_segmenter::options::{LineBreakOptions, LineBreakStrictness};

use crate::fonts::{Family, Fonts, Weight};

/// Texts whose breaks are remembered; a clinic's names and words are some tens.
const MOST_KNOWN: usize = 64;

/// A line may be so much wider than the mean before a break within a compound is preferred.
const MOST_UNEVEN: f32 = 1.4;

/// Where a text may be broken when there is no better place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Only between words: a word wider than the line is refused.
    BetweenWords,
    /// Within words too.
    Anywhere,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// The family; glyphs that it lacks come from the others.
    pub(crate) family: Family,
    /// The weight.
    pub(crate) weight: Weight,
}

/// Where a text may be broken, in bytes.
#[derive(Debug)]
struct Breaks {
    /// Between phrases and where a reader pauses.
    phrases: BTreeSet<usize>,
    /// Not within a word of katakana.
    words: BTreeSet<usize>,
    /// Wherever the rules allow it.
    allowed: BTreeSet<usize>,
}

/// Breaks texts into lines and remembers where texts can be broken, which is most of the work.
#[derive(Debug)]
pub(crate) struct Setter {
    fonts: Arc<Fonts>,
    known: Mutex<BTreeMap<String, Arc<Breaks>>>,
}

impl Setter {
    /// Makes a setter that knows these fonts.
    pub(crate) fn new(fonts: Arc<Fonts>) -> Self {
        Self { fonts, known: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the fonts.
    pub(crate) fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    /// Breaks a text into lines no wider than `width_em`; none if a single character is wider.
    pub(crate) fn wrap(&self, text: &str, style: Style, width_em: f32) -> Option<Vec<String>> {
        let measure = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight);
        fill_lines(&self.pieces(text, style, width_em, Cut::Anywhere), &measure, width_em)
    }

    /// Breaks a text into as few lines as it needs, of nearly equal width.
    pub(crate) fn wrap_evenly(&self, text: &str, style: Style, width_em: f32, cut: Cut) -> Option<Vec<String>> {
        let measure = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight);
        let phrases = self.pieces(text, style, width_em, cut);
        let n_lines = fill_lines(&phrases, &measure, width_em)?.len();
        let even_em = measure(text) / u16::try_from(n_lines).map_or(f32::INFINITY, f32::from);
        let by_phrase = even_lines(&phrases, &measure, (even_em, width_em), n_lines);
        let widest = |lines: &[String]| lines.iter().map(|line| measure(line)).fold(0.0, f32::max);
        if by_phrase.as_ref().is_some_and(|lines| widest(lines) <= even_em * MOST_UNEVEN) {
            return by_phrase;
        }
        // A short word alone beside a long line reads worse than a break within a compound.
        let by_word = even_lines(&self.words(text, style, width_em, cut), &measure, (even_em, width_em), n_lines);
        by_word.or(by_phrase)
    }

    /// Cuts a text into the largest pieces that fit a line: phrases, then words of one script, then if allowed
    /// wherever a break may be, then characters.
    fn pieces(&self, text: &str, style: Style, width_em: f32, cut: Cut) -> Vec<String> {
        if self.fonts.width_em(text.trim_end(), style.family, style.weight) <= width_em {
            return vec![text.to_owned()];
        }
        let breaks = self.breaks(text);
        let parts = self.cut_wide(vec![(0, text)], &breaks.phrases, style, width_em);
        let parts = self.cut_wide(parts, &breaks.words, style, width_em);
        self.finish(parts, &breaks, style, (width_em, cut))
    }

    /// Cuts a text wherever the rules allow it but within words of katakana.
    fn words(&self, text: &str, style: Style, width_em: f32, cut: Cut) -> Vec<String> {
        let breaks = self.breaks(text);
        self.finish(cut_at(text, 0, &breaks.words), &breaks, style, (width_em, cut))
    }

    fn finish(
        &self,
        parts: Vec<(usize, &str)>,
        breaks: &Breaks,
        style: Style,
        (width_em, cut): (f32, Cut),
    ) -> Vec<String> {
        if cut == Cut::BetweenWords {
            return parts.into_iter().map(|(_, part)| part.to_owned()).collect();
        }
        let is_wide = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight) > width_em;
        let split_if_wide = |(_, part): (usize, &str)| {
            if is_wide(part) { part.chars().map(String::from).collect() } else { vec![part.to_owned()] }
        };
        self.cut_wide(parts, &breaks.allowed, style, width_em).into_iter().flat_map(split_if_wide).collect()
    }

    /// Cuts those parts that are too wide.
    fn cut_wide<'t>(
        &self,
        parts: Vec<(usize, &'t str)>,
        places: &BTreeSet<usize>,
        style: Style,
        width_em: f32,
    ) -> Vec<(usize, &'t str)> {
        let is_wide = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight) > width_em;
        let cut_if_wide = |(from, part)| if is_wide(part) { cut_at(part, from, places) } else { vec![(from, part)] };
        parts.into_iter().flat_map(cut_if_wide).collect()
    }

    fn breaks(&self, text: &str) -> Arc<Breaks> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaks) = known.get(text) {
            return Arc::clone(breaks);
        }
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        let breaks = Arc::new(find_breaks(text));
        known.insert(text.to_owned(), Arc::clone(&breaks));
        breaks
    }
}

/// Fills so many lines as evenly as the pieces allow, none wider than the second width.
fn even_lines(
    pieces: &[String],
    measure: &dyn Fn(&str) -> f32,
    (mut narrow_em, width_em): (f32, f32),
    n_lines: usize,
) -> Option<Vec<String>> {
    while narrow_em < width_em {
        if let Some(lines) = fill_lines(pieces, measure, narrow_em).filter(|lines| lines.len() <= n_lines) {
            return Some(lines);
        }
        narrow_em += 0.5;
    }
    fill_lines(pieces, measure, width_em)
}

fn fill_lines(pieces: &[String], measure: &dyn Fn(&str) -> f32, width_em: f32) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces {
        if measure(piece) > width_em {
            return None;
        }
        let longer = format!("{line}{piece}");
        if measure(&longer) <= width_em {
            line = longer;
        } else {
            lines.push(line.trim().to_owned());
            line.clone_from(piece);
        }
    }
    lines.push(line.trim().to_owned());
    lines.retain(|line| !line.is_empty());
    Some(lines)
}

fn find_breaks(text: &str) -> Breaks {
    let allowed = allowed_breaks(text);
    let between_phrases = phrase_breaks(text);
    let phrases = allowed.iter().copied().filter(|at| between_phrases.contains(at) || is_pause(text, *at)).collect();
    let words = allowed.iter().copied().filter(|at| !is_inside_katakana(text, *at)).collect();
    Breaks { phrases, words, allowed }
}

fn is_inside_katakana(text: &str, at: usize) -> bool {
    let is_katakana = |c: char| matches!(c, 'ァ'..='ヺ' | 'ー');
    text.split_at_checked(at)
        .is_some_and(|(before, after)| before.ends_with(is_katakana) && after.starts_with(is_katakana))
}

/// Tells whether a reader pauses at a place: after a blank or a mark, before a bracket.
fn is_pause(text: &str, at: usize) -> bool {
    text.split_at_checked(at).is_some_and(|(before, after)| {
        before.ends_with([' ', '\u{3000}', '・', '、', '。', '）', '」']) || after.starts_with(['（', '「'])
    })
}

/// Cuts a part that begins at byte `from` of the whole text, at the places given as bytes of the whole.
fn cut_at<'t>(part: &'t str, from: usize, places: &BTreeSet<usize>) -> Vec<(usize, &'t str)> {
    let mut cut = Vec::new();
    let (mut rest, mut start) = (part, from);
    for at in places.iter().filter(|at| **at > from && **at < from.saturating_add(part.len())) {
        if let Some((before, after)) = rest.split_at_checked(at.saturating_sub(start)) {
            cut.push((start, before));
            (rest, start) = (after, *at);
        }
    }
    cut.push((start, rest));
    cut
}

fn allowed_breaks(text: &str) -> BTreeSet<usize> {
    let mut options = LineBreakOptions::default();
    options.strictness = Some(LineBreakStrictness::Strict);
    LineSegmenter::new_for_non_complex_scripts(options).segment_str(text).collect()
}

fn phrase_breaks(text: &str) -> BTreeSet<usize> {
    let phrases = budoux::parse(default_japanese_model(), text);
    phrases
        .iter()
        .scan(0_usize, |end, phrase| {
            *end = end.saturating_add(phrase.len());
            Some(*end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fonts::FontPaths;

    const REGULAR: Style = Style { family: Family::Proportional, weight: Weight::Regular };

    fn setter() -> Setter {
        Setter::new(Arc::new(Fonts::open(&FontPaths::debian()).unwrap()))
    }

    #[test]
    fn lines_break_between_phrases_and_never_before_a_closing_mark() {
        let setter = setter();
        let text = "インフルエンザの予防接種は、十一月一日から始めます。ご希望の方は受付へどうぞ。";
        for width in [8.0_f32, 9.5, 12.0, 16.0, 23.0] {
            let lines = setter.wrap(text, REGULAR, width).unwrap();
            assert_eq!(lines.concat(), text, "at {width}");
            for line in &lines {
                assert!(setter.fonts().width_em(line, REGULAR.family, REGULAR.weight) <= width, "{line} at {width}");
                assert!(!line.starts_with(['、', '。', 'ー', 'ょ', 'ン', 'ん', '」']), "{line} at {width}");
            }
        }
        let lines = setter.wrap(text, REGULAR, 16.0).unwrap();
        assert_eq!(lines[0], "インフルエンザの予防接種は、");
    }

    #[test]
    fn no_line_may_begin_with_a_closing_mark_or_end_with_an_opening_one() {
        let text = "「ちょっと待って、ジュースはダメ。」（検査・採血・注射のあと）ですって！";
        for at in allowed_breaks(text) {
            let (before, after) = text.split_at(at);
            let forbidden = ['、', '。', '」', '）', '！', '・', 'ー', 'っ', 'ょ', 'ュ'];
            assert!(!after.starts_with(forbidden), "{before}|{after}");
            assert!(!before.ends_with(['「', '（']), "{before}|{after}");
        }
    }

    #[test]
    fn an_endless_word_is_broken_and_a_line_narrower_than_a_character_is_refused() {
        let setter = setter();
        let lines = setter.wrap(&"W".repeat(60), REGULAR, 20.0).unwrap();
        assert!(lines.len() > 1, "{lines:?}");
        assert_eq!(setter.wrap("診察", REGULAR, 0.5), None);
    }

    #[test]
    fn a_word_of_katakana_stays_whole_where_it_fits_a_line() {
        let setter = setter();
        let lines = setter.wrap_evenly("さくら台会ファミリークリニック", REGULAR, 11.0, Cut::BetweenWords).unwrap();
        assert!(lines.len() > 1 && lines.iter().any(|line| line.contains("ファミリークリニック")), "{lines:?}");
    }

    #[test]
    fn a_word_wider_than_the_line_is_cut_only_where_that_is_allowed() {
        let setter = setter();
        let set = |cut| setter.wrap_evenly("ファミリークリニック", REGULAR, 6.0, cut);
        assert_eq!(set(Cut::BetweenWords), None);
        assert_eq!(set(Cut::Anywhere).map(|lines| lines.len()), Some(2));
    }

    #[test]
    fn two_lines_of_a_name_are_of_nearly_equal_width() {
        let setter = setter();
        let lines = setter
            .wrap_evenly("さくら台ファミリークリニック小児科内科診療所", REGULAR, 20.0, Cut::BetweenWords)
            .unwrap();
        assert_eq!(lines.len(), 2);
        let width = |line: &String| setter.fonts().width_em(line, REGULAR.family, REGULAR.weight);
        assert!((width(&lines[0]) - width(&lines[1])).abs() < 8.0, "{lines:?}");
    }
}
