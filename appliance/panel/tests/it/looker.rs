//! Finds out where the texts of a drawing stand, what they stand on, and how large they are.

use std::sync::{Arc, LazyLock};

use machiai_panel::{FontPaths, Panel};
use resvg::usvg::roxmltree::Document;
use resvg::usvg::{Group, Node, Options, Paint, Rect, Tree, fontdb::Database};

/// The panel with the built-in templates.
pub(crate) static PANEL: LazyLock<Panel> = LazyLock::new(|| {
    let (panel, faults) = Panel::open(&FontPaths::debian(), None).unwrap();
    assert!(faults.is_empty());
    panel
});

static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut db = Database::new();
    for folder in ["truetype/bizud-gothic", "opentype/noto"] {
        db.load_fonts_dir(format!("/usr/share/fonts/{folder}"));
    }
    Options { fontdb: Arc::new(db), font_family: "BIZ UDPGothic".to_owned(), ..Options::default() }
});

/// A text on a drawing.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What it says.
    pub(crate) text: String,
    /// Where its ink is.
    pub(crate) ink: Rect,
    /// Its colour.
    pub(crate) color: [u8; 3],
    /// The colour of the rectangle that it stands on.
    pub(crate) ground: [u8; 3],
}

/// Reads a drawing with every font there is.
pub(crate) fn tree(svg: &str) -> Tree {
    Tree::from_str(svg, &OPTIONS).unwrap()
}

/// Returns the texts of a drawing in drawing order.
pub(crate) fn texts(svg: &str) -> Vec<Seen> {
    let tree = tree(svg);
    let (mut grounds, mut seen) = (Vec::new(), Vec::new());
    walk(tree.root(), &mut grounds, &mut seen);
    seen
}

/// Returns every size of type in a drawing.
pub(crate) fn sizes(svg: &str) -> Vec<f32> {
    let document = Document::parse(svg).unwrap();
    document.descendants().filter_map(|node| node.attribute("font-size")?.parse().ok()).collect()
}

/// Returns the words of a drawing, text by text.
pub(crate) fn words(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| node.descendants().filter(|part| part.is_text()).filter_map(|part| part.text()).collect())
        .collect()
}

/// Tells whether two inks share more than a hair.
pub(crate) fn overlap(one: &Rect, other: &Rect) -> bool {
    let wide = one.right().min(other.right()) - one.left().max(other.left());
    let high = one.bottom().min(other.bottom()) - one.top().max(other.top());
    wide > 1.0 && high > 1.0
}

/// Returns the contrast of two colours by WCAG 2.
pub(crate) fn contrast(one: [u8; 3], other: [u8; 3]) -> f32 {
    let light = |color: [u8; 3]| {
        let [red, green, blue] = color.map(|part| {
            let part = f32::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

fn walk(group: &Group, grounds: &mut Vec<(Rect, [u8; 3])>, seen: &mut Vec<Seen>) {
    for node in group.children() {
        match node {
            Node::Group(group) => walk(group, grounds, seen),
            Node::Path(path) => {
                let is_box = path.data().points().len() == 4 && !path.abs_transform().has_skew();
                if let Some(fill) = path.fill().filter(|_| is_box) {
                    grounds.push((path.abs_bounding_box(), paint(fill.paint())));
                }
            }
            Node::Text(text) => seen.extend(see(text, grounds)),
            Node::Image(_) => panic!("a picture in a drawing of ours"),
        }
    }
}

fn see(text: &resvg::usvg::Text, grounds: &[(Rect, [u8; 3])]) -> Option<Seen> {
    let mut inks: Vec<(Rect, [u8; 3])> = Vec::new();
    collect(text.flattened(), &mut inks);
    let ink = inks.iter().map(|(ink, _)| *ink).reduce(|one, other| {
        let (left, top) = (one.left().min(other.left()), one.top().min(other.top()));
        Rect::from_ltrb(left, top, one.right().max(other.right()), one.bottom().max(other.bottom())).unwrap()
    })?;
    let (x, y) = (f32::midpoint(ink.left(), ink.right()), f32::midpoint(ink.top(), ink.bottom()));
    let is_under =
        |ground: &Rect| ground.left() <= x && x <= ground.right() && ground.top() <= y && y <= ground.bottom();
    let (_, ground) = grounds.iter().rev().find(|(ground, _)| is_under(ground))?;
    let said = text.chunks().iter().map(|chunk| chunk.text()).collect();
    Some(Seen { text: said, ink, color: inks.first()?.1, ground: *ground })
}

fn collect(group: &Group, inks: &mut Vec<(Rect, [u8; 3])>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect(group, inks),
            Node::Path(path) => {
                inks.push((path.abs_bounding_box(), path.fill().map_or([0; 3], |fill| paint(fill.paint()))));
            }
            Node::Text(_) | Node::Image(_) => {}
        }
    }
}

fn paint(paint: &Paint) -> [u8; 3] {
    match paint {
        Paint::Color(color) => [color.red, color.green, color.blue],
        Paint::LinearGradient(_) | Paint::RadialGradient(_) | Paint::Pattern(_) => panic!("only plain colours"),
    }
}
