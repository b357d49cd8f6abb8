//! Pictures of the board at the moments that matter, taken as any browser would see them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use machiai_core::facts::Lang;
use machiai_panel::{Layout, Panel};

use super::api::Api;
use super::daemon::write;

/// How often a picture is tried before the next row: a call in the way is over soon, or it is not.
const TRIES: u32 = 3;

/// A moment worth a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before the lines open.
    Before,
    /// A call stands over the board.
    Call,
    /// Halfway through, with no call in the way.
    Busy,
    /// An urgent patient has come.
    Emergency,
    /// Somebody was called and did not come.
    Absent,
    /// After everything.
    Closed,
}

impl Moment {
    /// Every moment, in the order of their pictures.
    pub const ALL: [Self; 6] = [Self::Before, Self::Call, Self::Busy, Self::Emergency, Self::Absent, Self::Closed];

    const fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Call => "call",
            Self::Busy => "busy",
            Self::Emergency => "emergency",
            Self::Absent => "absent",
            Self::Closed => "closed",
        }
    }
}

/// Every layout with its word.
const LAYOUTS: [(Layout, &str); 2] = [(Layout::Landscape, "landscape"), (Layout::Portrait, "portrait")];

/// Takes pictures.
pub struct Camera {
    api: Api,
    /// What stands over every call, and on no other board.
    call_words: Vec<String>,
    shots: BTreeMap<Moment, [String; 2]>,
}

impl Camera {
    /// Makes a camera that knows a call by its words.
    #[must_use]
    pub fn new(api: Api, panel: &Panel) -> Self {
        let words = ["title", "again"].iter().filter_map(|key| panel.words().get(Lang::Ja, "call", key));
        Self { api, call_words: words.map(str::to_owned).collect(), shots: BTreeMap::new() }
    }

    /// Returns whether there is a picture of a moment.
    #[must_use]
    pub fn has(&self, moment: Moment) -> bool {
        self.shots.contains_key(&moment)
    }

    /// Takes a picture in both layouts if the board shows what it should; a newer picture takes an older one's place.
    ///
    /// # Errors
    /// The daemon does not draw its board.
    pub async fn shoot(&mut self, moment: Moment) -> Result<bool> {
        for _ in 0..TRIES {
            let ask = |layout: &'static str| {
                let api = self.api.clone();
                async move { api.text(&format!("board.svg?layout={layout}")).await }
            };
            let (landscape, portrait) = tokio::join!(ask("landscape"), ask("portrait"));
            let svgs = [landscape?, portrait?];
            let shows_call = svgs.each_ref().map(|svg| self.call_words.iter().any(|words| svg.contains(words)));
            if shows_call == [moment == Moment::Call; 2] {
                self.shots.insert(moment, svgs);
                return Ok(true);
            }
            if moment == Moment::Call {
                break;
            }
        }
        Ok(false)
    }

    /// Draws the pictures into a folder and returns the moments and how many files there are.
    ///
    /// # Errors
    /// A picture cannot be drawn or written.
    pub fn develop(&self, panel: &Panel, folder: &Path) -> Result<(Vec<&'static str>, usize)> {
        let mut n_files = 0;
        for (nth, (moment, svgs)) in (1..).zip(&self.shots) {
            for ((layout, word), svg) in LAYOUTS.into_iter().zip(svgs) {
                let (width, height) = layout.size_px();
                let name = format!("board-{nth}-{}-{word}.png", moment.word());
                let pixels = panel.pixels(svg, width, height).with_context(|| format!("cannot draw {name}"))?;
                write(&folder.join(&name), pixels.png().with_context(|| format!("cannot write {name}"))?)?;
                n_files += 1;
            }
        }
        Ok((self.shots.keys().map(|moment| moment.word()).collect(), n_files))
    }
}
