//! SVG to pixels and dots. Pictures come only from `data:` addresses: no drawing can make the renderer open a file.

use std::ops::Range;
use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{FontResolver, ImageHrefResolver, ImageKind, Node, Options, Tree};
use thiserror::Error;

use crate::dots::Dots;
use crate::fonts::Fonts;

/// Most pixels on a side of a picture: twice a 4K monitor.
const MOST_SIDE_PX: u32 = 7_680;
/// Below this sum of red, green and blue (of 765) a dot is burnt: exactly half.
const BLACK_BELOW: u16 = 383;
/// The id of the group that holds the large number of a ticket.
const NUMBER_ID: &str = "number";

/// A drawing that cannot become a picture.
#[derive(Debug, Error)]
pub enum RasterError {
    /// The SVG does not parse.
    #[error("cannot read the drawing")]
    Svg {
        /// Why.
        #[source]
        source: resvg::usvg::Error,
    },
    /// The size asked for is none, or beyond what is sensible.
    #[error("no picture of {width}×{height} pixels")]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// A picture that cannot be written as PNG.
#[derive(Debug, Error)]
#[error("cannot write a PNG of {width}×{height}")]
pub struct PngError {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Why.
    #[source]
    source: png::EncodingError,
}

/// An opaque picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// RGBA, `height × width × 4` bytes, top row first; every alpha is 255.
    pub rgba: Vec<u8>,
}

impl Pixels {
    /// Writes the picture as PNG.
    ///
    /// # Errors
    /// Pixels whose size and bytes do not agree.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        write_png((self.width, self.height), (png::ColorType::Rgba, png::BitDepth::Eight), &self.rgba)
    }
}

/// Writes a PNG.
pub(crate) fn write_png(
    (width, height): (u32, u32),
    (color, depth): (png::ColorType, png::BitDepth),
    bytes: &[u8],
) -> Result<Vec<u8>, PngError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(bytes));
    written.map_err(|source| PngError { width, height, source })?;
    Ok(file)
}

/// The renderer with its fonts.
#[derive(Debug)]
pub(crate) struct Raster {
    options: Options<'static>,
}

impl Raster {
    /// Makes a renderer that knows these fonts and no other file.
    pub(crate) fn new(fonts: &Arc<Fonts>) -> Self {
        let font_resolver = FontResolver {
            select_font: FontResolver::default_font_selector(),
            select_fallback: {
                let fonts = Arc::clone(fonts);
                Box::new(move |c, tried, _| fonts.fallback(c, tried))
            },
        };
        let image_href_resolver = ImageHrefResolver {
            resolve_data: Box::new(|mime, bytes, _| match mime {
                "image/png" => Some(ImageKind::PNG(bytes)),
                "image/jpeg" | "image/jpg" => Some(ImageKind::JPEG(bytes)),
                _ => None,
            }),
            resolve_string: Box::new(|_, _| None),
        };
        let font_family = crate::fonts::Family::Proportional.name().to_owned();
        let options =
            Options { font_resolver, image_href_resolver, font_family, fontdb: fonts.db(), ..Options::default() };
        Self { options }
    }

    /// Reads a drawing.
    pub(crate) fn tree(&self, svg: &str) -> Result<Tree, RasterError> {
        Tree::from_str(svg, &self.options).map_err(|source| RasterError::Svg { source })
    }

    /// Draws in colour, as large as fits, with bands of the drawing's own corner colour where the shape differs.
    pub(crate) fn pixels(&self, svg: &str, width: u32, height: u32) -> Result<Pixels, RasterError> {
        let tree = self.tree(svg)?;
        let mut pixmap = paper(width, height)?;
        pixmap.fill(Color::WHITE);
        resvg::render(&tree, into(&tree, width, height), &mut pixmap.as_mut());
        Ok(Pixels { width, height, rgba: pixmap.take() })
    }

    /// Draws in black and white, one dot per unit of the drawing.
    pub(crate) fn dots(&self, svg: &str) -> Result<Dots, RasterError> {
        let tree = self.tree(svg)?;
        let (width, height) = (whole(tree.size().width()), whole(tree.size().height()));
        let mut pixmap = paper(width, height)?;
        pixmap.fill(Color::WHITE);
        resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
        let rows = pixmap.data().chunks_exact(32).map(burn).collect();
        Ok(Dots { width, height, rows, number_rows: number_rows(&tree, height) })
    }
}

/// Packs eight RGBA pixels into a byte, the first highest; black is 1.
fn burn(eight: &[u8]) -> u8 {
    // Most of a paper is white.
    if eight == [u8::MAX; 32] {
        return 0;
    }
    let (pixels, _) = eight.as_chunks::<4>();
    pixels.iter().fold(0, |byte, [red, green, blue, _]| {
        let light = u16::from(*red) + u16::from(*green) + u16::from(*blue);
        byte << 1 | u8::from(light < BLACK_BELOW)
    })
}

fn paper(width: u32, height: u32) -> Result<Pixmap, RasterError> {
    let fits = width <= MOST_SIDE_PX && height <= MOST_SIDE_PX;
    Pixmap::new(width, height).filter(|_| fits).ok_or(RasterError::Size { width, height })
}

#[expect(clippy::cast_precision_loss, reason = "sides are at most 7680, which f32 holds exactly")]
fn into(tree: &Tree, width: u32, height: u32) -> Transform {
    let (wide, high) = (width as f32 / tree.size().width(), height as f32 / tree.size().height());
    let scale = wide.min(high);
    let left = (width as f32 - tree.size().width() * scale) / 2.0;
    let top = (height as f32 - tree.size().height() * scale) / 2.0;
    Transform::from_row(scale, 0.0, 0.0, scale, left, top)
}

/// Rounds a side to whole dots; the casts saturate, and `paper` refuses what is too large.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
fn whole(side: f32) -> u32 {
    side.round() as u32
}

/// Finds the rows of the large number, from an even row on and even in count, so that they can be halved.
fn number_rows(tree: &Tree, height: u32) -> Option<Range<u32>> {
    let mut bounds = None;
    ink_bounds(tree.node_by_id(NUMBER_ID)?, &mut bounds);
    let (top, bottom) = bounds?;
    let top = whole(top.floor().max(0.0)) / 2 * 2;
    let bottom = whole(bottom.ceil()).next_multiple_of(2).min(height);
    (top < bottom).then_some(top..bottom)
}

/// Widens the bounds by the rows that a node's paths cover.
fn ink_bounds(node: &Node, bounds: &mut Option<(f32, f32)>) {
    match node {
        Node::Group(group) => group.children().iter().for_each(|child| ink_bounds(child, bounds)),
        Node::Text(text) => text.flattened().children().iter().for_each(|child| ink_bounds(child, bounds)),
        Node::Path(path) => {
            let ink = path.abs_bounding_box();
            let (top, bottom) = bounds.unwrap_or((ink.top(), ink.bottom()));
            *bounds = Some((top.min(ink.top()), bottom.max(ink.bottom())));
        }
        Node::Image(_) => {}
    }
}
