//! What people see: a view and an SVG template become SVG, and SVG becomes pixels for a monitor or dots for paper.
//!
//! Nothing here reads a clock, the network or the journal; files are read only when fonts and templates are loaded.

mod clean;
pub mod dots;
pub mod film;
mod fit;
mod fonts;
mod lines;
pub mod link;
mod look;
pub mod notice;
mod number;
mod palette;
mod panel;
mod qr;
mod raster;
pub mod rhythm;
pub mod samples;
mod templates;
mod values;
pub mod words;

pub use fit::DoesNotFit;
pub use fonts::{FontError, FontPaths, Fonts};
pub use look::{Film, Layout, Look};
/// What is said aloud, and in which language: a screen knows core by what it is told alone.
pub use machiai_core::{facts::Lang, program::as_run::Seen, speech::Spoken};
pub use panel::{BoardPage, DrawError, MOST_ROOMS, Panel, PanelError, Paper};
pub use qr::qr_svg;
pub use raster::{Pixels, PngError, RasterError};
pub use templates::lint::LintError;
pub use templates::{TemplateError, TemplateFault, TemplateName};
pub use values::AssetError;
pub use words::{Words, WordsError, fill};
