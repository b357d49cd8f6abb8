//! The fonts, loaded from the paths given and from nowhere else, and the widths of their characters.
//!
//! Letter forms differ between Japanese, Chinese and Korean, so the face follows the language of the text.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use machiai_core::facts::Lang;
use resvg::usvg::fontdb::{Database, FaceInfo, ID, Source};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use thiserror::Error;

/// Where the font files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FontPaths {
    /// The folder of `BIZUDPGothic-{Regular,Bold}.ttf` and `BIZUDGothic-{Regular,Bold}.ttf`.
    pub bizud: PathBuf,
    /// The folder of `NotoSansCJK-{Regular,Bold}.ttc`.
    pub noto: PathBuf,
}

impl FontPaths {
    /// Returns the folders of Debian's packages.
    #[must_use]
    pub fn debian() -> Self {
        Self {
            bizud: PathBuf::from("/usr/share/fonts/truetype/bizud-gothic"),
            noto: PathBuf::from("/usr/share/fonts/opentype/noto"),
        }
    }
}

/// A font that cannot be had.
#[derive(Debug, Error)]
pub enum FontError {
    /// A file is missing or cannot be read.
    #[error("cannot open font {}: install the Debian package {package}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The Debian package that brings it.
        package: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not hold the family it should.
    #[error("font {} holds no {family}: install the Debian package {package} again", path.display())]
    Family {
        /// The file.
        path: PathBuf,
        /// The family looked for.
        family: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
}

/// A family of faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// BIZ UDPGothic: all Japanese and Latin text, and numbers of up to three figures.
    Proportional,
    /// BIZ UDGothic: numbers with a letter or of four glyphs.
    Fixed,
    /// Noto Sans CJK JP: what BIZ UD lacks.
    Japanese,
    /// Noto Sans CJK SC.
    Chinese,
    /// Noto Sans CJK KR.
    Korean,
}

impl Family {
    /// Every family, in the order in which a missing glyph is looked for.
    pub(crate) const ALL: [Self; 5] = [Self::Proportional, Self::Japanese, Self::Chinese, Self::Korean, Self::Fixed];

    /// Returns the family for text of a language.
    pub(crate) const fn of(lang: Lang) -> Self {
        match lang {
            Lang::Ja | Lang::En => Self::Proportional,
            Lang::Zh => Self::Chinese,
            Lang::Ko => Self::Korean,
        }
    }

    /// Returns the name by which templates call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Proportional => "BIZ UDPGothic",
            Self::Fixed => "BIZ UDGothic",
            Self::Japanese => "Noto Sans CJK JP",
            Self::Chinese => "Noto Sans CJK SC",
            Self::Korean => "Noto Sans CJK KR",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Proportional | Self::Fixed => "fonts-morisawa-bizud-gothic",
            Self::Japanese | Self::Chinese | Self::Korean => "fonts-noto-cjk",
        }
    }

    fn file(self, paths: &FontPaths, weight: Weight) -> PathBuf {
        let weight = match weight {
            Weight::Regular => "Regular",
            Weight::Bold => "Bold",
        };
        match self {
            Self::Proportional => paths.bizud.join(format!("BIZUDPGothic-{weight}.ttf")),
            Self::Fixed => paths.bizud.join(format!("BIZUDGothic-{weight}.ttf")),
            Self::Japanese | Self::Chinese | Self::Korean => paths.noto.join(format!("NotoSansCJK-{weight}.ttc")),
        }
    }
}

/// One of the two weights in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// All but numbers and names.
    Regular,
    /// Numbers and names.
    Bold,
}

/// A stretch of code points with one advance.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    last: u32,
    advance_em: f32,
}

/// A face and, once asked for, its widths.
#[derive(Debug)]
struct Face {
    family: Family,
    weight: Weight,
    id: ID,
    widths: OnceLock<Vec<Run>>,
}

/// The fonts.
#[derive(Debug)]
pub struct Fonts {
    db: Arc<Database>,
    faces: Vec<Face>,
}

impl Fonts {
    /// Loads the fonts from the given folders.
    ///
    /// # Errors
    /// A file that is missing or holds something else; the message names the Debian package to install.
    pub fn open(paths: &FontPaths) -> Result<Self, FontError> {
        let mut db = Database::new();
        let mut faces: Vec<Face> = Vec::new();
        for weight in [Weight::Regular, Weight::Bold] {
            load_file(&mut db, Family::Proportional, &Family::Proportional.file(paths, weight))?;
            load_file(&mut db, Family::Fixed, &Family::Fixed.file(paths, weight))?;
            load_file(&mut db, Family::Japanese, &Family::Japanese.file(paths, weight))?;
            for family in Family::ALL {
                let Some(face) = db.faces().find(|face| is_face(face, family, weight)) else {
                    let path = family.file(paths, weight);
                    return Err(FontError::Family { path, family: family.name(), package: family.package() });
                };
                faces.push(Face { family, weight, id: face.id, widths: OnceLock::new() });
            }
        }
        // Faces that no text uses (monospaced and traditional ones) only make each search longer.
        let unused: Vec<ID> =
            db.faces().map(|face| face.id).filter(|id| faces.iter().all(|face| face.id != *id)).collect();
        for id in unused {
            db.remove_face(id);
        }
        db.set_serif_family(Family::Proportional.name());
        db.set_sans_serif_family(Family::Proportional.name());
        Ok(Self { db: Arc::new(db), faces })
    }

    /// Returns the characters of a text that no loaded font can draw, each once, in order of appearance.
    #[must_use]
    pub fn missing_glyphs(&self, text: &str) -> Vec<char> {
        let mut missing = Vec::new();
        for c in text.chars().filter(|c| !c.is_control()) {
            let drawn = Family::ALL.iter().any(|family| self.advance_in(*family, Weight::Regular, c).is_some());
            if !drawn && !missing.contains(&c) {
                missing.push(c);
            }
        }
        missing
    }

    /// Returns the database for the renderer.
    pub(crate) fn db(&self) -> Arc<Database> {
        Arc::clone(&self.db)
    }

    /// Returns the width of a text set in one line, in em.
    pub(crate) fn width_em(&self, text: &str, family: Family, weight: Weight) -> f32 {
        text.chars().map(|c| self.advance_em(c, family, weight)).sum()
    }

    /// Returns the face that draws a character when `base` lacks it: same weight first.
    pub(crate) fn fallback(&self, c: char, tried: &[ID]) -> Option<ID> {
        let weight = tried.first().and_then(|id| self.face_of(*id)).map_or(Weight::Regular, |face| face.weight);
        let other = match weight {
            Weight::Regular => Weight::Bold,
            Weight::Bold => Weight::Regular,
        };
        [weight, other].into_iter().find_map(|weight| {
            Family::ALL.iter().find_map(|family| {
                let face = self.face(*family, weight)?;
                let draws = !tried.contains(&face.id) && self.advance_in(*family, weight, c).is_some();
                draws.then_some(face.id)
            })
        })
    }

    /// Returns the advance of a character in em; one that nobody draws is a full em wide.
    fn advance_em(&self, c: char, family: Family, weight: Weight) -> f32 {
        self.advance_in(family, weight, c)
            .or_else(|| Family::ALL.iter().find_map(|family| self.advance_in(*family, weight, c)))
            .unwrap_or(1.0)
    }

    fn advance_in(&self, family: Family, weight: Weight, c: char) -> Option<f32> {
        let runs = self.face(family, weight)?.widths.get_or_init(|| self.measure(family, weight));
        let at = runs.partition_point(|run| run.last < u32::from(c));
        runs.get(at).filter(|run| run.first <= u32::from(c)).map(|run| run.advance_em)
    }

    fn face(&self, family: Family, weight: Weight) -> Option<&Face> {
        self.faces.iter().find(|face| face.family == family && face.weight == weight)
    }

    fn face_of(&self, id: ID) -> Option<&Face> {
        self.faces.iter().find(|face| face.id == id)
    }

    fn measure(&self, family: Family, weight: Weight) -> Vec<Run> {
        let Some(face) = self.face(family, weight) else { return Vec::new() };
        self.db.with_face_data(face.id, read_widths).unwrap_or_default()
    }
}

fn load_file(db: &mut Database, family: Family, path: &Path) -> Result<(), FontError> {
    let failed = |source| FontError::Open { path: path.to_owned(), package: family.package(), source };
    // Nearly every glyph comes from the two proportional faces: in memory (9 MB) they make a ticket three times
    // quicker than mapped anew for each glyph. The others are mapped when they are needed.
    let source = match family {
        Family::Proportional => Source::Binary(Arc::new(fs::read(path).map_err(failed)?)),
        Family::Fixed | Family::Japanese | Family::Chinese | Family::Korean => {
            File::open(path).map_err(failed)?;
            Source::File(path.to_owned())
        }
    };
    db.load_font_source(source);
    Ok(())
}

fn is_face(face: &FaceInfo, family: Family, weight: Weight) -> bool {
    let wanted = match weight {
        Weight::Regular => 400,
        Weight::Bold => 700,
    };
    face.weight.0 == wanted && face.families.iter().any(|(name, _)| name == family.name())
}

/// Reads the advances of a face, joined into stretches of equal ones.
fn read_widths(bytes: &[u8], index: u32) -> Vec<Run> {
    let Ok(font) = FontRef::from_index(bytes, index) else { return Vec::new() };
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let mut advances: Vec<(u32, f32)> = font
        .charmap()
        .mappings()
        .filter_map(|(c, glyph)| metrics.advance_width(glyph).map(|advance_em| (c, advance_em)))
        .collect();
    advances.sort_by_key(|(c, _)| *c);
    let mut runs: Vec<Run> = Vec::new();
    for (c, advance_em) in advances {
        match runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(c) && run.advance_em.total_cmp(&advance_em).is_eq() => {
                run.last = c;
            }
            Some(_) | None => runs.push(Run { first: c, last: c, advance_em }),
        }
    }
    runs.shrink_to_fit();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fonts() -> Fonts {
        Fonts::open(&FontPaths::debian()).unwrap()
    }

    #[test]
    fn a_missing_font_names_the_package_that_brings_it() {
        let nowhere = FontPaths { bizud: PathBuf::from("/nowhere"), ..FontPaths::debian() };
        let error = Fonts::open(&nowhere).unwrap_err().to_string();
        assert!(error.contains("fonts-morisawa-bizud-gothic"), "{error}");
        let nowhere = FontPaths { noto: PathBuf::from("/nowhere"), ..FontPaths::debian() };
        let error = Fonts::open(&nowhere).unwrap_err().to_string();
        assert!(error.contains("fonts-noto-cjk"), "{error}");
    }

    #[test]
    fn figures_and_kanji_have_the_widths_of_the_face() {
        let fonts = fonts();
        let width = |text, family| fonts.width_em(text, family, Weight::Bold);
        assert!((width("105", Family::Fixed) - 1.5).abs() < 0.01, "half-width figures");
        assert!((width("診察室", Family::Proportional) - 3.0).abs() < 0.2, "full-width kanji");
        assert!(width("000", Family::Proportional) > width("000", Family::Fixed));
    }

    #[test]
    fn rare_kanji_are_drawn_and_an_unknown_glyph_is_reported() {
        let fonts = fonts();
        assert_eq!(fonts.missing_glyphs("髙﨑 𠮷野 请 한국"), Vec::<char>::new());
        assert_eq!(fonts.missing_glyphs("山田🦄🦄\u{1F9FF}"), vec!['🦄', '\u{1F9FF}']);
    }

    #[test]
    fn a_glyph_that_the_face_lacks_comes_from_noto_in_the_same_weight() {
        let fonts = fonts();
        let bold = fonts.face(Family::Proportional, Weight::Bold).unwrap().id;
        let noto = fonts.face(Family::Japanese, Weight::Bold).unwrap().id;
        assert_eq!(fonts.fallback('𠮷', &[bold]), Some(noto));
        assert_eq!(fonts.fallback('🦄', &[bold]), None);
    }
}
