//! What support is handed: made of what is named here, and of nothing else.

use machiai_core::health::HealthReported;
use serde::Serialize;

use crate::app::App;
use crate::health;

/// How the box does, in counts and codes.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnostics {
    /// What the vendor's fleet is told.
    health: HealthReported,
    /// Facts folded in, and those that could not be followed.
    n_facts: u64,
    n_remarks: usize,
    /// Lines, rooms and printers of the settings.
    n_lines: usize,
    n_rooms: usize,
    n_printers: usize,
    /// Attempts to print under way.
    n_printing: usize,
    /// Films that can be played, the room that they take, and those that cannot be.
    n_contents: usize,
    contents_bytes: u64,
    n_refused: usize,
}

/// Looks how the box does.
pub(crate) fn diagnostics(app: &App) -> Diagnostics {
    let content = app.contents.status();
    let health = health::look(app, app.access.state());
    app.gate.read(|clinic| Diagnostics {
        health,
        n_facts: clinic.n_facts,
        n_remarks: clinic.remarks.len(),
        n_lines: clinic.standing.lines.len(),
        n_rooms: clinic.standing.rooms.len(),
        n_printers: clinic.standing.printers.len(),
        n_printing: clinic.printing.len(),
        n_contents: content.n_contents,
        contents_bytes: content.size_bytes,
        n_refused: content.refused.len(),
    })
}
