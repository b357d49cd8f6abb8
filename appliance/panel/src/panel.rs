//! Fonts, words and templates tied together: a view goes in, a drawing comes out.
//!
//! A panel is shared by everything that draws; templates can be read again while it is in use.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use machiai_core::time::AtMs;
use machiai_core::view::{BoardView, TicketView};
use minijinja::Value;
use thiserror::Error;

use crate::dots::Dots;
use crate::fit::DoesNotFit;
use crate::fonts::{FontError, FontPaths, Fonts};
use crate::look::{Film, Layout, Look};
use crate::notice::{Notice, NoticeLook};
use crate::raster::{Pixels, Raster, RasterError};
use crate::rhythm;
use crate::samples;
use crate::templates::lint::{self, LintError};
use crate::templates::{TemplateError, TemplateFault, TemplateName, Templates, Whose, read_own};
use crate::values::{AssetError, Assets, Pager};
use crate::words::Words;

pub use machiai_core::settings::MOST_ROOMS;

/// The width of a ticket in printers' dots of 1/8 mm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paper {
    /// 80 mm paper, 576 dots.
    W576,
    /// 80 mm paper, 512 dots.
    W512,
    /// 58 mm paper, 384 dots.
    W384,
}

impl Paper {
    /// Returns the paper of a printer's dots; none for a width that no drawing was made for.
    #[must_use]
    pub const fn of_dots(n_dots: u32) -> Option<Self> {
        match n_dots {
            576 => Some(Self::W576),
            512 => Some(Self::W512),
            384 => Some(Self::W384),
            _ => None,
        }
    }

    /// Returns the dots in a row.
    #[must_use]
    pub const fn dots(self) -> u32 {
        match self {
            Self::W576 => 576,
            Self::W512 => 512,
            Self::W384 => 384,
        }
    }

    const fn template(self) -> TemplateName {
        match self {
            Self::W576 => TemplateName::Ticket576,
            Self::W512 => TemplateName::Ticket512,
            Self::W384 => TemplateName::Ticket384,
        }
    }
}

/// A panel that cannot be opened.
#[derive(Debug, Error)]
pub enum PanelError {
    /// A font is missing.
    #[error("cannot load the fonts")]
    Fonts {
        /// Which, and the package that brings it.
        #[source]
        source: FontError,
    },
    /// A built-in asset is broken.
    #[error("cannot read what is built in")]
    Assets {
        /// Which.
        #[source]
        source: AssetError,
    },
    /// A built-in template is broken.
    #[error("cannot compile what is built in")]
    Templates {
        /// Which.
        #[source]
        source: minijinja::Error,
    },
}

/// A view that cannot be drawn.
#[derive(Debug, Error)]
pub enum DrawError {
    /// A text cannot be shown whole: it must be shortened in the settings.
    #[error("cannot draw {}", name.file())]
    DoesNotFit {
        /// Which drawing.
        name: TemplateName,
        /// Which text.
        #[source]
        source: DoesNotFit,
    },
    /// A text has a character that no font draws.
    #[error("no font draws all of {field}")]
    NoGlyph {
        /// Which text.
        field: &'static str,
    },
    /// There are more rooms than one board shows legibly.
    #[error("{n} rooms do not fit one board, which shows {MOST_ROOMS}: use two monitors")]
    TooManyRooms {
        /// How many there are.
        n: usize,
    },
    /// No QR code can hold the patient's address.
    #[error("the patient's address is too long for a QR code")]
    AddressTooLong,
    /// The template fails.
    #[error("cannot fill {}", name.file())]
    Template {
        /// Which drawing.
        name: TemplateName,
        /// Why.
        #[source]
        source: minijinja::Error,
    },
    /// The drawing cannot become a picture.
    #[error("cannot draw the picture")]
    Raster {
        /// Why.
        #[source]
        source: RasterError,
    },
}

/// One page of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPage {
    /// The drawing, without a line break.
    pub svg: String,
    /// How many pages the message, the lines and the absent take; a page of lines is shown 10 s, another 8 s.
    pub n_pages: usize,
    /// When time alone changes the drawing: a page, the labels' language, its place on the ring, or dusk.
    pub changes_at: AtMs,
}

/// Everything that draws.
#[derive(Debug)]
pub struct Panel {
    fonts: Arc<Fonts>,
    raster: Raster,
    assets: Assets,
    overrides: Option<PathBuf>,
    templates: RwLock<Arc<Templates>>,
}

impl Panel {
    /// Loads fonts and templates; `overrides` is a folder with templates of the clinic's own.
    ///
    /// A template of the clinic's own that has an error is returned, and the one built in is used.
    ///
    /// # Errors
    /// A missing font, named with its Debian package.
    pub fn open(paths: &FontPaths, overrides: Option<&Path>) -> Result<(Self, Vec<TemplateFault>), PanelError> {
        let fonts = Arc::new(Fonts::open(paths).map_err(|source| PanelError::Fonts { source })?);
        let assets = Assets::read().map_err(|source| PanelError::Assets { source })?;
        let templates =
            Templates::compile(&fonts, BTreeMap::new()).map_err(|source| PanelError::Templates { source })?;
        let raster = Raster::new(&fonts);
        let overrides = overrides.map(Path::to_owned);
        let panel = Self { fonts, raster, assets, overrides, templates: RwLock::new(Arc::new(templates)) };
        let faults = panel.reload();
        Ok((panel, faults))
    }

    /// Reads the clinic's own templates again; those with an error are returned and the last good ones stay.
    pub fn reload(&self) -> Vec<TemplateFault> {
        let Some(folder) = &self.overrides else { return Vec::new() };
        let mut own = self.templates().own().clone();
        let mut faults = Vec::new();
        for name in TemplateName::ALL {
            let fault = match read_own(folder, name) {
                Ok(None) => {
                    own.remove(&name);
                    continue;
                }
                Ok(Some(source)) => match self.check(name, &source) {
                    Ok(()) => {
                        own.insert(name, source);
                        continue;
                    }
                    Err(cause) => cause,
                },
                Err(cause) => cause,
            };
            faults.push(TemplateFault { name, path: folder.join(name.file()), cause: fault });
        }
        // Every source compiled alone just now, and those built in at the start: this cannot fail, and if it does
        // the templates in use stay.
        if let Ok(templates) = Templates::compile(&self.fonts, own) {
            *self.templates.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(templates);
        }
        faults
    }

    /// Draws the board, or the calls over it while there are any; what takes several pages turns with the view's time.
    ///
    /// # Errors
    /// A text that cannot be shown whole, or too many rooms.
    pub fn board_svg(&self, view: &BoardView, look: impl Into<Look>) -> Result<String, DrawError> {
        self.board_now(view, look).map(|page| page.svg)
    }

    /// Draws the board as [`Panel::board_svg`] does, and says until when the drawing holds.
    ///
    /// # Errors
    /// As [`Panel::board_svg`].
    pub fn board_now(&self, view: &BoardView, look: impl Into<Look>) -> Result<BoardPage, DrawError> {
        self.paged(view, look.into(), &Pager::at(view.as_of))
    }

    /// Draws a page of the board, from 0: a long message and many lines take turns.
    ///
    /// # Errors
    /// As [`Panel::board_svg`].
    pub fn board_page(&self, view: &BoardView, look: impl Into<Look>, page: usize) -> Result<BoardPage, DrawError> {
        self.paged(view, look.into(), &Pager::new(page))
    }

    fn paged(&self, view: &BoardView, look: Look, pager: &Arc<Pager>) -> Result<BoardPage, DrawError> {
        if view.rooms.len() > MOST_ROOMS {
            return Err(DrawError::TooManyRooms { n: view.rooms.len() });
        }
        let name = match (look.layout, view.calls.is_empty()) {
            (Layout::Landscape, true) => TemplateName::BoardLandscape,
            (Layout::Portrait, true) => TemplateName::BoardPortrait,
            (Layout::Landscape, false) => TemplateName::CallLandscape,
            (Layout::Portrait, false) => TemplateName::CallPortrait,
        };
        let svg = self.draw(name, &self.assets.board(view, pager, look.film))?;
        let (n_pages, n_card_pages) = (pager.n_pages(), pager.n_card_pages());
        let changes_at = rhythm::changes_at(view, n_pages, n_card_pages);
        Ok(BoardPage { svg, n_pages: n_pages.max(n_card_pages), changes_at })
    }

    /// Draws a notice for the film's region, or an emergency for the whole monitor.
    ///
    /// # Errors
    /// A text that cannot be shown whole in letters that are read from afar, or that no font draws.
    pub fn notice_svg(&self, notice: &Notice<'_>, layout: Layout) -> Result<String, DrawError> {
        let name = notice.look.template(layout);
        for (field, text) in notice.texts() {
            if !self.missing_glyphs(text).is_empty() {
                return Err(DrawError::NoGlyph { field });
            }
        }
        self.draw(name, &self.assets.notice(notice, layout))
    }

    /// Draws a ticket, one unit per dot.
    ///
    /// # Errors
    /// A text that cannot be shown whole, or an address that no QR code can hold.
    pub fn ticket_svg(&self, view: &TicketView, paper: Paper) -> Result<String, DrawError> {
        let values = self.assets.ticket(view, paper.dots()).ok_or(DrawError::AddressTooLong)?;
        self.draw(paper.template(), &values)
    }

    /// Draws a ticket in black and white at the printer's own pitch.
    ///
    /// # Errors
    /// As [`Panel::ticket_svg`].
    pub fn ticket_dots(&self, view: &TicketView, paper: Paper) -> Result<Dots, DrawError> {
        let svg = self.ticket_svg(view, paper)?;
        self.raster.dots(&svg).map_err(|source| DrawError::Raster { source })
    }

    /// Draws an SVG in colour, whole and centred in the given size.
    ///
    /// # Errors
    /// An SVG that does not parse, or a size beyond 7,680 pixels on a side.
    pub fn pixels(&self, svg: &str, width: u32, height: u32) -> Result<Pixels, DrawError> {
        self.raster.pixels(svg, width, height).map_err(|source| DrawError::Raster { source })
    }

    /// Returns the characters of a text that no loaded font can draw.
    #[must_use]
    pub fn missing_glyphs(&self, text: &str) -> Vec<char> {
        self.fonts.missing_glyphs(text)
    }

    /// Returns the words.
    #[must_use]
    pub fn words(&self) -> &Words {
        self.assets.words()
    }

    /// Fills the clinic's own template, or the one built in where there is none or it fails.
    fn draw(&self, name: TemplateName, values: &Value) -> Result<String, DrawError> {
        let templates = self.templates();
        if templates.own().contains_key(&name)
            && let Ok(svg) = templates.fill(name, Whose::Own, values)
        {
            return Ok(svg);
        }
        templates.fill(name, Whose::BuiltIn, values).map_err(|source| draw_error(name, source))
    }

    fn templates(&self) -> Arc<Templates> {
        Arc::clone(&self.templates.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks a template of the clinic's own with every sample of its drawing.
    fn check(&self, name: TemplateName, source: &Arc<str>) -> Result<(), TemplateError> {
        let alone = BTreeMap::from([(name, Arc::clone(source))]);
        let templates = Templates::compile(&self.fonts, alone).map_err(|source| TemplateError::Fill { source })?;
        for values in self.samples(name) {
            let svg = templates.fill(name, Whose::Own, &values).map_err(|source| TemplateError::Fill { source })?;
            self.check_drawing(name, &svg).map_err(|source| TemplateError::Drawing { source })?;
        }
        Ok(())
    }

    fn check_drawing(&self, name: TemplateName, svg: &str) -> Result<(), LintError> {
        lint::check(svg, &self.fonts)?;
        let tree = self.raster.tree(svg).map_err(|source| LintError::Raster { source })?;
        let (width, height) = (tree.size().width(), tree.size().height());
        if name.takes(width, height) { Ok(()) } else { Err(LintError::Size { width, height }) }
    }

    fn samples(&self, name: TemplateName) -> Vec<Value> {
        let boards = |views: Vec<(&str, BoardView)>| {
            views.iter().map(|(_, view)| self.assets.board(view, &Pager::new(0), Film::Beside)).collect()
        };
        let tickets = |paper: Paper| {
            let views = samples::tickets();
            views.iter().filter_map(|(_, view)| self.assets.ticket(view, paper.dots())).collect()
        };
        let notices = |layout, looks: &[NoticeLook]| {
            let samples = samples::notices().into_iter().filter(|sample| looks.contains(&sample.look));
            samples.map(|sample| self.assets.notice(&sample.notice(), layout)).collect()
        };
        match name {
            TemplateName::BoardLandscape | TemplateName::BoardPortrait => boards(samples::boards()),
            TemplateName::CallLandscape | TemplateName::CallPortrait => boards(samples::calls()),
            TemplateName::NoticeLandscape => notices(Layout::Landscape, &[NoticeLook::Plain, NoticeLook::Urgent]),
            TemplateName::NoticePortrait => notices(Layout::Portrait, &[NoticeLook::Plain, NoticeLook::Urgent]),
            TemplateName::EmergencyLandscape => notices(Layout::Landscape, &[NoticeLook::Emergency]),
            TemplateName::EmergencyPortrait => notices(Layout::Portrait, &[NoticeLook::Emergency]),
            TemplateName::Ticket576 => tickets(Paper::W576),
            TemplateName::Ticket512 => tickets(Paper::W512),
            TemplateName::Ticket384 => tickets(Paper::W384),
        }
    }
}

fn draw_error(name: TemplateName, source: minijinja::Error) -> DrawError {
    let mut cause: Option<&(dyn StdError + 'static)> = source.source();
    while let Some(error) = cause {
        if let Some(why) = error.downcast_ref::<DoesNotFit>() {
            return DrawError::DoesNotFit { name, source: why.clone() };
        }
        cause = error.source();
    }
    DrawError::Template { name, source }
}
