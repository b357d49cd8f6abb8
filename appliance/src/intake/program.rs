//! The program's commands: what staff decide of it, and what the vendor sends while there is no other way in.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use machiai_core::command::Command;
use machiai_core::facts::Fact;
use machiai_core::program::content::Content;
use machiai_core::program::decide::ProgramCommand;
use machiai_core::program::table::Table;

use super::api::{Answer, ask, carry};
use super::body::Order;
use crate::answer::Answered;
use crate::app::Shared;
use crate::problem::{Problem, Told};
use crate::scene;

/// The largest table: what one fact can hold.
const MAX_TABLE_BYTES: usize = 64 * 1024;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/program", post(change))
        .route("/api/v1/program/tables", post(receive_table).layer(DefaultBodyLimit::max(MAX_TABLE_BYTES)))
        .route("/api/v1/program/contents", post(set_content))
}

/// Does something about the program: approves, replaces, withdraws, sets a notice; `do` says what.
#[utoipa::path(post, path = "/api/v1/program", request_body = Object, tag = "program",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn change(State(app): State<Shared>, order: Order<ProgramCommand>) -> Answer {
    scene::refuse_unreadable(&app, &order.body)?;
    let command = Command::Program { command: order.body.clone() };
    carry(&app, ask(order, command)).await
}

/// Takes a program table, or its next revision.
#[utoipa::path(post, path = "/api/v1/program/tables", request_body = Object, tag = "program",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn receive_table(State(app): State<Shared>, order: Order<Table>) -> Answer {
    let facts = vec![Fact::TableReceived(order.body.clone())];
    carry(&app, ask(order, Command::NoteProgram { facts })).await
}

/// Makes a piece of content known: what it is, and for how long it may air.
#[utoipa::path(post, path = "/api/v1/program/contents", request_body = Object, tag = "program",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn set_content(State(app): State<Shared>, order: Order<Content>) -> Answer {
    if let Some(scene) = &order.body.scene {
        let photo = scene::photo_of(&app.contents, scene.photo);
        scene::refuse_notice(&app.panel, &scene::notice_of(scene, photo.as_deref()))?;
        // What is drawn is known by what it says: another hash would be another's.
        if scene.hash() != order.body.content {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::of_field(app.panel.words(), status, "bad_value", "content"));
        }
    }
    let facts = vec![Fact::ContentSet(order.body.clone())];
    carry(&app, ask(order, Command::NoteProgram { facts })).await
}
