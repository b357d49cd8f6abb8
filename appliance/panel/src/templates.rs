//! The SVG templates: those built in, and a clinic's own in their place once they have been checked.
//!
//! A template with an error is reported and the last good one stays, so that no mistake in a file darkens a board.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, escape_formatter};
use thiserror::Error;

use crate::clean::clean;
use crate::fonts::Fonts;

mod functions;
pub(crate) mod lint;

/// Instructions that one drawing may take; the largest board takes a twentieth.
const FUEL: u64 = 400_000;
/// Longest ticket, in rows: half a metre of paper would be a mistake.
const MOST_ROWS: f32 = 4_000.0;
/// Most bytes of a template.
const MOST_BYTES: u64 = 256 * 1024;

/// A drawing that has a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateName {
    /// The board, 1920×1080.
    BoardLandscape,
    /// The board, 1080×1920.
    BoardPortrait,
    /// A call over the whole board, 1920×1080.
    CallLandscape,
    /// A call over the whole board, 1080×1920.
    CallPortrait,
    /// A notice in the film's region, 1280×720.
    NoticeLandscape,
    /// A notice in the film's region, 1080×608.
    NoticePortrait,
    /// An emergency over the whole monitor, 1920×1080.
    EmergencyLandscape,
    /// An emergency over the whole monitor, 1080×1920.
    EmergencyPortrait,
    /// The ticket on 80 mm paper, 576 dots.
    Ticket576,
    /// The ticket on 80 mm paper, 512 dots.
    Ticket512,
    /// The ticket on 58 mm paper, 384 dots.
    Ticket384,
}

impl TemplateName {
    /// Every template.
    pub const ALL: [Self; 11] = [
        Self::BoardLandscape,
        Self::BoardPortrait,
        Self::CallLandscape,
        Self::CallPortrait,
        Self::NoticeLandscape,
        Self::NoticePortrait,
        Self::EmergencyLandscape,
        Self::EmergencyPortrait,
        Self::Ticket576,
        Self::Ticket512,
        Self::Ticket384,
    ];

    /// Returns the name of its file.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::BoardLandscape => "board-landscape.svg",
            Self::BoardPortrait => "board-portrait.svg",
            Self::CallLandscape => "call-landscape.svg",
            Self::CallPortrait => "call-portrait.svg",
            Self::NoticeLandscape => "notice-landscape.svg",
            Self::NoticePortrait => "notice-portrait.svg",
            Self::EmergencyLandscape => "emergency-landscape.svg",
            Self::EmergencyPortrait => "emergency-portrait.svg",
            Self::Ticket576 => "ticket-576.svg",
            Self::Ticket512 => "ticket-512.svg",
            Self::Ticket384 => "ticket-384.svg",
        }
    }

    /// Returns the name of the one that is built in.
    const fn built_in(self) -> &'static str {
        match self {
            Self::BoardLandscape => "built-in/board-landscape.svg",
            Self::BoardPortrait => "built-in/board-portrait.svg",
            Self::CallLandscape => "built-in/call-landscape.svg",
            Self::CallPortrait => "built-in/call-portrait.svg",
            Self::NoticeLandscape => "built-in/notice-landscape.svg",
            Self::NoticePortrait => "built-in/notice-portrait.svg",
            Self::EmergencyLandscape => "built-in/emergency-landscape.svg",
            Self::EmergencyPortrait => "built-in/emergency-portrait.svg",
            Self::Ticket576 => "built-in/ticket-576.svg",
            Self::Ticket512 => "built-in/ticket-512.svg",
            Self::Ticket384 => "built-in/ticket-384.svg",
        }
    }

    /// Tells whether a drawing of this size is one of this name; tickets may be of any length.
    pub(crate) fn takes(self, width: f32, height: f32) -> bool {
        match self {
            Self::BoardLandscape | Self::CallLandscape | Self::EmergencyLandscape => {
                (width, height) == (1920.0, 1080.0)
            }
            Self::BoardPortrait | Self::CallPortrait | Self::EmergencyPortrait => (width, height) == (1080.0, 1920.0),
            Self::NoticeLandscape => (width, height) == (1280.0, 720.0),
            Self::NoticePortrait => (width, height) == (1080.0, 608.0),
            Self::Ticket576 => (width, height <= MOST_ROWS) == (576.0, true),
            Self::Ticket512 => (width, height <= MOST_ROWS) == (512.0, true),
            Self::Ticket384 => (width, height <= MOST_ROWS) == (384.0, true),
        }
    }

    /// Returns the source that is built in; some serve two sizes: 512 dots are the drawing of 576 with other margins.
    const fn source(self) -> &'static str {
        match self {
            Self::BoardLandscape => include_str!("../../../kiosk-assets/board-landscape.svg"),
            Self::BoardPortrait => include_str!("../../../kiosk-assets/board-portrait.svg"),
            Self::CallLandscape => include_str!("../../../kiosk-assets/call-landscape.svg"),
            Self::CallPortrait => include_str!("../../../kiosk-assets/call-portrait.svg"),
            Self::NoticeLandscape | Self::NoticePortrait => include_str!("../../../kiosk-assets/notice.svg"),
            Self::EmergencyLandscape | Self::EmergencyPortrait => include_str!("../../../kiosk-assets/emergency.svg"),
            Self::Ticket576 | Self::Ticket512 => include_str!("../../../kiosk-assets/ticket-576.svg"),
            Self::Ticket384 => include_str!("../../../kiosk-assets/ticket-384.svg"),
        }
    }
}

/// A template that is not used, and why.
#[derive(Debug, Error)]
#[error("template {} is not used", path.display())]
pub struct TemplateFault {
    /// Which drawing.
    pub name: TemplateName,
    /// Its file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: TemplateError,
}

/// What is wrong with a template.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// It cannot be read.
    #[error("cannot read it")]
    Read {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is too large.
    #[error("it is larger than {most_bytes} bytes")]
    TooLarge {
        /// The most there may be.
        most_bytes: u64,
    },
    /// It does not parse or cannot be filled with a sample.
    #[error("it cannot be filled")]
    Fill {
        /// Why, with the line.
        #[source]
        source: minijinja::Error,
    },
    /// What it draws is not acceptable.
    #[error("what it draws is refused")]
    Drawing {
        /// Why.
        #[source]
        source: lint::LintError,
    },
}

/// One of the two templates that a drawing may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The clinic's own.
    Own,
    /// The one built in.
    BuiltIn,
}

/// The templates in use.
#[derive(Debug)]
pub(crate) struct Templates {
    env: Environment<'static>,
    /// The good sources of the clinic's own templates.
    own: BTreeMap<TemplateName, Arc<str>>,
}

impl Templates {
    /// Compiles the built-in templates, and a clinic's own that have been checked.
    pub(crate) fn compile(fonts: &Arc<Fonts>, own: BTreeMap<TemplateName, Arc<str>>) -> Result<Self, minijinja::Error> {
        let mut env = Environment::new();
        // Text stays escaped whatever a template says.
        env.remove_filter("safe");
        env.set_auto_escape_callback(|_| AutoEscape::Html);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_formatter(write_value);
        functions::add(&mut env, fonts);
        for name in TemplateName::ALL {
            env.add_template(name.built_in(), name.source())?;
            if let Some(source) = own.get(&name) {
                env.add_template_owned(name.file(), source.to_string())?;
            }
        }
        Ok(Self { env, own })
    }

    /// Fills a template: the clinic's own, or the one built in.
    pub(crate) fn fill(&self, name: TemplateName, whose: Whose, values: &Value) -> Result<String, minijinja::Error> {
        let file = match whose {
            Whose::Own => name.file(),
            Whose::BuiltIn => name.built_in(),
        };
        let filled = self.env.get_template(file)?.render(values)?;
        Ok(squeeze(&filled))
    }

    /// Returns the clinic's own templates.
    pub(crate) fn own(&self) -> &BTreeMap<TemplateName, Arc<str>> {
        &self.own
    }
}

/// Reads a clinic's own template; none where the folder has none.
pub(crate) fn read_own(folder: &Path, name: TemplateName) -> Result<Option<Arc<str>>, TemplateError> {
    let file = match File::open(folder.join(name.file())) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TemplateError::Read { source }),
    };
    let mut text = String::new();
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|source| TemplateError::Read { source })?;
    if text.len() as u64 > MOST_BYTES {
        return Err(TemplateError::TooLarge { most_bytes: MOST_BYTES });
    }
    Ok(Some(Arc::from(text)))
}

/// Writes a value into a drawing: text cleaned and escaped, numbers with at most two decimals.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    if value.kind() == ValueKind::String && !value.is_safe() {
        let text = value.as_str().map(clean).unwrap_or_default();
        escape_formatter(out, state, &Value::from(&*text))
    } else if value.kind() == ValueKind::Number && !value.is_integer() {
        let number = format!("{:.2}", f64::try_from(value.clone())?);
        out.write_str(number.trim_end_matches('0').trim_end_matches('.')).map_err(minijinja::Error::from)
    } else {
        escape_formatter(out, state, value)
    }
}

/// Takes out the line breaks and indents of the template, so that a drawing is one line.
fn squeeze(filled: &str) -> String {
    let mut line = String::with_capacity(filled.len());
    for part in filled.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() && !line.ends_with('>') && !part.starts_with(['<', '/', '>']) {
            line.push(' ');
        }
        line.push_str(part);
    }
    line
}
