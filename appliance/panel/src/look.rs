//! How a board is drawn: which way its monitor hangs, and whether a film runs beside the numbers.

use serde::{Deserialize, Serialize};

/// How the monitor hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// 1920×1080.
    Landscape,
    /// 1080×1920.
    Portrait,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Landscape, Self::Portrait];

    /// Returns width and height of the region that films play in.
    #[must_use]
    pub const fn film_px(self) -> (u32, u32) {
        match self {
            Self::Landscape => (1280, 720),
            Self::Portrait => (1080, 608),
        }
    }

    /// How wide the frame is that lies along the edges of a call over the whole board (`call-*.svg`).
    pub const CALL_FRAME_PX: u32 = 24;

    /// Returns width and height of the drawing.
    #[must_use]
    pub const fn size_px(self) -> (u32, u32) {
        match self {
            Self::Landscape => (1920, 1080),
            Self::Portrait => (1080, 1920),
        }
    }
}

/// Whether a part of the board is kept for films.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Film {
    /// As long as there are 6 rooms at most; with more there is no room for a film.
    Beside,
    /// The whole board is rooms and lines.
    Off,
}

/// A way to draw the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// How the monitor hangs.
    pub layout: Layout,
    /// Whether a part is kept for films.
    pub film: Film,
}

impl Look {
    /// Every way to draw the board.
    pub const ALL: [Self; 4] = [
        Self { layout: Layout::Landscape, film: Film::Beside },
        Self { layout: Layout::Portrait, film: Film::Beside },
        Self { layout: Layout::Landscape, film: Film::Off },
        Self { layout: Layout::Portrait, film: Film::Off },
    ];
}

impl From<Layout> for Look {
    /// Returns the board with its film.
    fn from(layout: Layout) -> Self {
        Self { layout, film: Film::Beside }
    }
}
