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
        fill_lines(&self.pieces(text, style, width_em), &measure, width_em)
    }

    /// Breaks a text into as few lines as `wrap` needs, of nearly equal width.
    pub(crate) fn wrap_evenly(&self, text: &str, style: Style, width_em: f32) -> Option<Vec<String>> {
        let measure = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight);
        let pieces = self.pieces(text, style, width_em);
        let lines = fill_lines(&pieces, &measure, width_em)?;
        let n_lines = u16::try_from(lines.len()).map_or(f32::INFINITY, f32::from);
        let mut narrow_em = measure(text) / n_lines;
        while narrow_em < width_em {
            // The pieces stay those of the full width: evenness never cuts a word.
            match fill_lines(&pieces, &measure, narrow_em).filter(|even| even.len() == lines.len()) {
                Some(even) => return Some(even),
                None => narrow_em += 0.5,
            }
        }
        Some(lines)
    }

    /// Cuts a text into the largest pieces that fit a line: phrases, then words of one script, then where a break is
    /// allowed at all, then characters.
    fn pieces(&self, text: &str, style: Style, width_em: f32) -> Vec<String> {
        let is_wide = |part: &str| self.fonts.width_em(part.trim_end(), style.family, style.weight) > width_em;
        if !is_wide(text) {
            return vec![text.to_owned()];
        }
        let breaks = self.breaks(text);
        let mut parts = vec![(0, text)];
        for places in [&breaks.phrases, &breaks.words, &breaks.allowed] {
            let cut_if_wide = |(from, part)| {
                if is_wide(part) { cut(part, from, places) } else { vec![(from, part)] }
            };
            parts = parts.into_iter().flat_map(cut_if_wide).collect();
        }
        let split_if_wide = |(_, part): (usize, &str)| {
            if is_wide(part) { part.chars().map(String::from).collect() } else { vec![part.to_owned()] }
        };
        parts.into_iter().flat_map(split_if_wide).collect()
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
fn cut<'t>(part: &'t str, from: usize, places: &BTreeSet<usize>) -> Vec<(usize, &'t str)> {
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
    fn an_endless_word_is_broken_and_a_line_narrower_than_a_character_is_refused() {
        let setter = setter();
        let lines = setter.wrap(&"W".repeat(60), REGULAR, 20.0).unwrap();
        assert!(lines.len() > 1, "{lines:?}");
        assert_eq!(setter.wrap("診察", REGULAR, 0.5), None);
    }

    #[test]
    fn a_word_of_katakana_stays_whole_where_it_fits_a_line() {
        let setter = setter();
        let lines = setter.wrap_evenly("さくら台会ファミリークリニック", REGULAR, 11.0).unwrap();
        assert_eq!(lines, ["さくら台会", "ファミリークリニック"]);
    }

    #[test]
    fn two_lines_of_a_name_are_of_nearly_equal_width() {
        let setter = setter();
        let lines = setter.wrap_evenly("さくら台ファミリークリニック小児科内科診療所", REGULAR, 20.0).unwrap();
        assert_eq!(lines.len(), 2);
        let width = |line: &String| setter.fonts().width_em(line, REGULAR.family, REGULAR.weight);
        assert!((width(&lines[0]) - width(&lines[1])).abs() < 8.0, "{lines:?}");
    }
}
