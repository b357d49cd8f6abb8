//! Where things stand on a monitor.

use machiai_panel::Layout;

/// A rectangle in pixels, its corner from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// From the left edge.
    pub x_px: u32,
    /// From the upper edge.
    pub y_px: u32,
    /// Its width.
    pub width_px: u32,
    /// Its height.
    pub height_px: u32,
}

/// A monitor's picture and the part of it that films have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// The width of the whole.
    pub width_px: u32,
    /// The height of the whole.
    pub height_px: u32,
    /// Where films play.
    pub film: Region,
}

impl Canvas {
    /// Returns the canvas of a layout with its usual film region.
    #[must_use]
    pub const fn of(layout: Layout) -> Self {
        let (width_px, height_px) = layout.size_px();
        let (film_width_px, film_height_px) = layout.film_px();
        let y_px = match layout {
            Layout::Landscape => 0,
            Layout::Portrait => 1312,
        };
        let film = Region { x_px: 0, y_px, width_px: film_width_px, height_px: film_height_px };
        Self { width_px, height_px, film }
    }
}
