//! What a drawing may consist of. SVG can run scripts, open files and burn minutes of processor time; a template of a
//! clinic's own may do none of that, and may name no font that would make its text vanish.

use resvg::usvg::roxmltree::{self, Document, Node, ParsingOptions};
use thiserror::Error;

use crate::fonts::{Family, Fonts};

/// Most bytes of a drawing: a board takes 6 kB, a picture of a clinic's logo some tens.
const MOST_BYTES: usize = 512 * 1024;
/// Most elements and texts of a drawing.
const MOST_NODES: usize = 4_000;
/// Elements that only draw. No filter, script, style, foreign content, gradient, mask, pattern or reuse.
const ELEMENTS: [&str; 15] = [
    "svg", "g", "defs", "title", "desc", "rect", "circle", "ellipse", "line", "polyline", "polygon", "path", "text",
    "tspan", "image",
];
/// The only pictures: in the drawing itself.
const PICTURES: [&str; 3] = ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,"];

/// Why a drawing is refused.
#[derive(Debug, Error)]
pub enum LintError {
    /// It is too large.
    #[error("{n} bytes are more than {MOST_BYTES}")]
    Bytes {
        /// Its bytes.
        n: usize,
    },
    /// It is not XML, or has a document type.
    #[error("not plain XML")]
    Xml {
        /// Why.
        #[source]
        source: roxmltree::Error,
    },
    /// It has too many nodes.
    #[error("{n} nodes are more than {MOST_NODES}")]
    Nodes {
        /// How many.
        n: usize,
    },
    /// It uses an element that is not allowed.
    #[error("element <{name}> is not allowed")]
    Element {
        /// Its name.
        name: String,
    },
    /// It uses an attribute that is not allowed.
    #[error("attribute {name} is not allowed")]
    Attribute {
        /// Its name.
        name: String,
    },
    /// It refers to something outside itself.
    #[error("{name} must be a PNG or JPEG given as data:")]
    Reference {
        /// The attribute.
        name: String,
    },
    /// It names a font that is not loaded: the text would vanish.
    #[error("font family {family} is not known")]
    Font {
        /// The family.
        family: String,
    },
    /// No font draws one of its characters.
    #[error("no font draws {glyph:?}")]
    Glyph {
        /// The character.
        glyph: char,
    },
    /// It is not of the size its place needs.
    #[error("it is {width}×{height}")]
    Size {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// The renderer refuses it.
    #[error("it cannot be drawn")]
    Raster {
        /// Why.
        #[source]
        source: crate::raster::RasterError,
    },
}

/// Checks a filled drawing.
///
/// # Errors
/// The first thing in it that is not allowed.
pub(crate) fn check(svg: &str, fonts: &Fonts) -> Result<(), LintError> {
    if svg.len() > MOST_BYTES {
        return Err(LintError::Bytes { n: svg.len() });
    }
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(svg, options).map_err(|source| LintError::Xml { source })?;
    let n = document.descendants().count();
    if n > MOST_NODES {
        return Err(LintError::Nodes { n });
    }
    document.descendants().try_for_each(|node| check_node(node, fonts))
}

fn check_node(node: Node<'_, '_>, fonts: &Fonts) -> Result<(), LintError> {
    if node.is_pi() {
        return Err(LintError::Element { name: "?".to_owned() });
    }
    if let Some(text) = node.text().filter(|_| node.is_text()) {
        return match fonts.missing_glyphs(text).first() {
            Some(glyph) => Err(LintError::Glyph { glyph: *glyph }),
            None => Ok(()),
        };
    }
    if !node.is_element() {
        return Ok(());
    }
    let name = node.tag_name().name();
    if !ELEMENTS.contains(&name) {
        return Err(LintError::Element { name: name.to_owned() });
    }
    node.attributes().try_for_each(|attribute| check_attribute(attribute.name(), attribute.value()))
}

fn check_attribute(name: &str, value: &str) -> Result<(), LintError> {
    let refused = matches!(name, "style" | "filter" | "mask" | "clip-path" | "class") || name.starts_with("on");
    if refused || value.contains("url(") {
        return Err(LintError::Attribute { name: name.to_owned() });
    }
    if matches!(name, "href" | "src") && !PICTURES.iter().any(|picture| value.starts_with(picture)) {
        return Err(LintError::Reference { name: name.to_owned() });
    }
    if name == "font-family" {
        let families = value.split(',').map(|family| family.trim().trim_matches(['\'', '"']));
        for family in families {
            if Family::ALL.iter().all(|known| known.name() != family) {
                return Err(LintError::Font { family: family.to_owned() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fonts::FontPaths;

    fn refusal(inside: &str) -> String {
        let fonts = Fonts::open(&FontPaths::debian()).unwrap();
        let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{inside}</svg>"#);
        check(&svg, &fonts).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn drawings_that_only_draw_are_accepted() {
        assert_eq!(refusal(r#"<g><text font-family="'BIZ UDPGothic','Noto Sans CJK JP'">内科</text></g>"#), "");
        assert_eq!(refusal(r#"<image href="data:image/png;base64,iVBORw0KGgo="/>"#), "");
    }

    #[test]
    fn files_scripts_filters_and_styles_are_refused() {
        for inside in [
            r#"<image href="/etc/passwd"/>"#,
            r#"<image href="file:///etc/passwd"/>"#,
            r#"<image href="data:image/svg+xml;base64,AAAA"/>"#,
            r#"<image xmlns:x="http://www.w3.org/1999/xlink" x:href="../secret.png"/>"#,
            "<filter/>",
            "<script/>",
            "<style/>",
            "<foreignObject/>",
            "<use/>",
            "<linearGradient/>",
            r#"<rect filter="url(#f)"/>"#,
            r#"<rect fill="url(#g)"/>"#,
            r#"<rect style="filter:blur(900px)"/>"#,
            r#"<rect onclick="x()"/>"#,
            "<?xml-stylesheet href='x'?>",
        ] {
            assert_ne!(refusal(inside), "", "{inside} was accepted");
        }
    }

    #[test]
    fn an_unknown_font_and_a_glyph_that_nobody_draws_are_refused() {
        assert_eq!(refusal(r#"<text font-family="Comic Sans MS">a</text>"#), "font family Comic Sans MS is not known");
        assert_eq!(refusal("<text>🦄</text>"), "no font draws '🦄'");
    }

    #[test]
    fn bombs_are_refused() {
        let fonts = Fonts::open(&FontPaths::debian()).unwrap();
        let bomb = r#"<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>"#;
        assert!(matches!(check(bomb, &fonts), Err(LintError::Xml { .. })));
        assert!(refusal(&"<g/>".repeat(MOST_NODES)).contains("nodes"));
        assert!(refusal(&" ".repeat(MOST_BYTES)).contains("bytes"));
    }
}
