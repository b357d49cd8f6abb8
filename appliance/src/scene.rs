//! Scenes: notices as they are drawn for a monitor, and whether they can be read from afar at all.

use axum::http::StatusCode;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use machiai_core::facts::Lang;
use machiai_core::program::content::{ContentHash, Scene, SceneTemplate};
use machiai_core::program::decide::ProgramCommand;
use machiai_core::settings::Text;
use machiai_panel::link::{BoundError, Drawing};
use machiai_panel::notice::{Notice, NoticeLook};
use machiai_panel::{DrawError, Layout, Panel};
use thiserror::Error;

use crate::app::App;
use crate::content::picture_in;
use crate::contents::Contents;
use crate::problem::Problem;

/// The ways in which a monitor hangs: a notice must fit both, as a clinic may have one of each.
const LAYOUTS: [Layout; 2] = [Layout::Landscape, Layout::Portrait];

/// Why a scene is not drawn.
#[derive(Debug, Error)]
pub(crate) enum SceneError {
    /// The panel does not draw it.
    #[error("cannot draw a scene")]
    Draw(#[source] DrawError),
    /// The drawing is larger than a screen takes.
    #[error("cannot send a scene")]
    Bound(#[source] BoundError),
}

/// Returns how a scene is to be drawn, with its photo if that is here.
pub(crate) const fn notice_of<'a>(scene: &'a Scene, photo: Option<&'a str>) -> Notice<'a> {
    match scene.template {
        SceneTemplate::Notice => {
            Notice { look: NoticeLook::Plain, headline: Some(&scene.headline), text: &scene.text, photo }
        }
    }
}

/// Returns the photo that a notice names, as the address of data; none where none is named, or it is not here any more.
pub(crate) fn photo_of(contents: &Contents, photo: Option<ContentHash>) -> Option<String> {
    let jpeg = picture_in(contents.folder(), photo?)?;
    Some(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)))
}

/// Returns the photo of a notice that is being written.
///
/// # Errors
/// The refusal: there is no such picture here.
pub(crate) fn known_photo(app: &App, photo: Option<ContentHash>) -> Result<Option<String>, Problem> {
    let found = photo_of(&app.contents, photo);
    if found.is_some() == photo.is_some() {
        return Ok(found);
    }
    Err(Problem::of_field(app.panel.words(), StatusCode::UNPROCESSABLE_ENTITY, "bad_value", "photo"))
}

/// Returns how an urgent notice or an emergency is to be drawn.
pub(crate) const fn of_text(look: NoticeLook, text: &Text) -> Notice<'_> {
    Notice { look, headline: None, text, photo: None }
}

/// Draws a notice as a screen takes it.
///
/// # Errors
/// A text that does not fit, or a drawing that is too large.
pub(crate) fn draw(panel: &Panel, notice: &Notice<'_>, layout: Layout) -> Result<Drawing, SceneError> {
    let svg = panel.notice_svg(notice, layout).map_err(SceneError::Draw)?;
    Drawing::try_from(svg).map_err(SceneError::Bound)
}

/// Draws an emergency; one whose own words cannot be drawn tells whom to follow.
///
/// # Errors
/// A template that fails: those words fit.
pub(crate) fn draw_emergency(panel: &Panel, text: &Text, layout: Layout) -> Result<Drawing, SceneError> {
    draw(panel, &of_text(NoticeLook::Emergency, text), layout).or_else(|_cannot| {
        let say = |lang| panel.words().get(lang, "scene", "follow").unwrap_or_default().to_owned();
        let follow = Text { ja: say(Lang::Ja), en: Some(say(Lang::En)), ..Text::default() };
        draw(panel, &of_text(NoticeLook::Emergency, &follow), layout)
    })
}

/// Checks that what a command wants to be seen can be drawn whole on every monitor.
///
/// # Errors
/// The refusal, which names the text that is too long or cannot be written.
pub(crate) fn refuse_unreadable(app: &App, command: &ProgramCommand) -> Result<(), Problem> {
    let panel = &app.panel;
    match command {
        ProgramCommand::KeepNotice { scene, .. } => {
            let photo = known_photo(app, scene.photo)?;
            refuse_notice(panel, &notice_of(scene, photo.as_deref()))
        }
        ProgramCommand::SetNotice(notice) => refuse_notice(panel, &of_text(NoticeLook::Urgent, &notice.text)),
        ProgramCommand::BeginEmergency { text } => refuse_notice(panel, &of_text(NoticeLook::Emergency, text)),
        ProgramCommand::Approve { .. }
        | ProgramCommand::WithdrawApproval { .. }
        | ProgramCommand::Replace { .. }
        | ProgramCommand::AirOwn(_)
        | ProgramCommand::RestOwn { .. }
        | ProgramCommand::WithdrawNotice
        | ProgramCommand::EndEmergency
        | ProgramCommand::SetMonitorHours(_) => Ok(()),
    }
}

/// Checks that a notice can be drawn whole on every monitor.
///
/// # Errors
/// As [`refuse_unreadable`].
pub(crate) fn refuse_notice(panel: &Panel, notice: &Notice<'_>) -> Result<(), Problem> {
    LAYOUTS.into_iter().try_for_each(|layout| draw(panel, notice, layout).map(drop)).map_err(|why| refusal(panel, &why))
}

/// Returns what is said of a scene that is not drawn.
pub(crate) fn refusal(panel: &Panel, why: &SceneError) -> Problem {
    let unreadable = |code, field: &str| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::of_field(panel.words(), status, code, field)
    };
    match why {
        SceneError::Draw(DrawError::DoesNotFit { source, .. }) => unreadable("does_not_fit", &source.field),
        SceneError::Draw(DrawError::NoGlyph { field }) => unreadable("no_glyph", field),
        SceneError::Draw(
            DrawError::TooManyRooms { .. }
            | DrawError::AddressTooLong
            | DrawError::Template { .. }
            | DrawError::Raster { .. },
        )
        | SceneError::Bound(_) => Problem::request(panel.words(), StatusCode::INTERNAL_SERVER_ERROR, "not_drawn", None),
    }
}
