//! The commands of the API, version 1: each becomes one command of core and is answered after its facts are on disk.

use std::str::FromStr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use machiai_core::call::decide::CallCommand;
use machiai_core::call::told::{CallKey, EndReason, Side};
use machiai_core::command::{Command, Showing, Take};
use machiai_core::facts::{CancelReason, Channel, Lang};
use machiai_core::ids::{DeviceId, Label, LineAddress, LineNo, Number, ReservationId, RoomId, SessionId, VisitId};
use machiai_core::people::DeviceKind;
use machiai_core::seal::{Personal, Sealed};
use machiai_core::time::AtMs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::body::{Order, read};
use super::support::CommissionBody;
use crate::answer::{Answered, answer};
use crate::app::{App, Shared};
use crate::gate::Gate;
use crate::problem::{Problem, Told};
use crate::rules::Ask;
use crate::settings::Settings;

pub(super) type Answer = Result<Answered, Problem>;

/// Returns the routes of every command.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/lines/{address}/open", post(open_line))
        .route("/api/v1/lines/{address}/{act}", post(on_line))
        .route("/api/v1/lines/{address}/tickets", post(take_ticket))
        .route("/api/v1/lines/{address}/emergency", post(emergency))
        .route("/api/v1/lines/{address}/numbers", post(jump_numbers))
        .route("/api/v1/rooms/{room}/{act}", post(in_room))
        .route("/api/v1/visits/{visit}/{act}", post(on_visit))
        .route("/api/v1/visits/{visit}/cancel", post(cancel))
        .route("/api/v1/visits/{visit}/move", post(move_visit))
        .route("/api/v1/visits/{visit}/send", post(send_on))
        .route("/api/v1/visits/{visit}/first", post(put_first))
        .route("/api/v1/families", post(join_family))
        .route("/api/v1/message", post(set_message))
        .route("/api/v1/consultations/{reservation}/{act}", post(consultation))
}

/// No fields: a body may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Opens a line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenBody {
    /// For which session: `morning`.
    #[schema(value_type = String)]
    session: SessionId,
}

/// Takes a ticket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketBody {
    /// `kiosk`, `desk`, `remote` or `booked`.
    #[serde(default = "kiosk")]
    #[schema(value_type = String)]
    channel: Channel,
    /// How many people; each gets a number.
    #[serde(default = "one")]
    family: u8,
    /// `ja`, `en`, `zh` or `ko`.
    #[serde(default)]
    #[schema(value_type = String)]
    lang: Lang,
    /// Whether to call in writing.
    #[serde(default)]
    text_call: bool,
    /// The booked time, milliseconds of UTC.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    booked_for_ms: Option<AtMs>,
    /// Whether to use a number kept for interrupts.
    #[serde(default)]
    interrupt: bool,
    /// Whether the name may stand on the paper.
    #[serde(default)]
    name_shown: bool,
    /// The patient's name: sealed.
    #[serde(default)]
    name: Option<String>,
    /// The patient's telephone number: sealed.
    #[serde(default)]
    phone: Option<String>,
    /// A note: sealed.
    #[serde(default)]
    note: Option<String>,
}

/// Reads a body as each command does, for nobody.
pub(crate) fn taste(bytes: &[u8]) {
    drop((read::<OpenBody>(bytes), read::<TicketBody>(bytes), read::<NoteBody>(bytes), read::<CancelBody>(bytes)));
    drop((read::<ToBody>(bytes), read::<NumbersBody>(bytes), read::<ShowingBody>(bytes), read::<FamilyBody>(bytes)));
    drop((read::<MessageBody>(bytes), read::<EndpointBody>(bytes), read::<Settings>(bytes)));
    drop(read::<CommissionBody>(bytes));
}

const fn kiosk() -> Channel {
    Channel::Kiosk
}
const fn one() -> u8 {
    1
}

/// A reason in the clinic's own words: sealed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteBody {
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

/// Cancels a ticket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelBody {
    /// `patient`, `no_show`, `mistake` or `other`.
    #[schema(value_type = String)]
    reason: CancelReason,
    /// What was said: sealed.
    #[serde(default)]
    note: Option<String>,
}

/// Names another line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToBody {
    /// Its number within the site.
    #[schema(value_type = u16)]
    to: LineNo,
}

/// Lets numbering go on from the last number on paper.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumbersBody {
    /// The next number is at least this one.
    #[schema(value_type = u32)]
    to: Number,
}

/// What the screen showed when the button was pressed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowingBody {
    /// The label in the room, empty for nobody.
    #[serde(default)]
    now: Option<String>,
    /// The label that was to be called next, empty for nobody.
    #[serde(default)]
    next: Option<String>,
}

/// Joins tickets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamilyBody {
    /// The visits, the first of them first.
    #[schema(value_type = Vec<String>)]
    visits: Vec<VisitId>,
}

/// Sets the i-message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageBody {
    /// The message; empty withdraws it.
    text: String,
}

/// The clinic's end of a video consultation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointBody {
    /// The device that connects or disconnects.
    #[schema(value_type = String)]
    endpoint: DeviceId,
}

#[utoipa::path(post, path = "/api/v1/lines/{address}/open", request_body = OpenBody, tag = "lines",
    params(("address" = String, Path, description = "Line address such as 1001-1")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn open_line(State(app): State<Shared>, Path(address): Path<String>, order: Order<OpenBody>) -> Answer {
    let line = line_of(&app, &address)?;
    let command = Command::OpenLine { line, session: order.body.session.clone() };
    carry(&app, ask(order, command)).await
}

/// What is done to a line without further words: `close`, `pause`, `resume`, `return` (the longest absent is back).
#[utoipa::path(post, path = "/api/v1/lines/{address}/{act}", request_body = Nothing, tag = "lines",
    params(("address" = String, Path), ("act" = String, Path, description = "close, pause, resume or return")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn on_line(
    State(app): State<Shared>,
    Path((address, act)): Path<(String, String)>,
    order: Order<Nothing>,
) -> Answer {
    let line = line_of(&app, &address)?;
    let command = match act.as_str() {
        "close" => Command::CloseLine { line },
        "pause" => Command::PauseLine { line },
        "resume" => Command::ResumeLine { line },
        "return" => Command::ReturnFirst { line },
        _ => return Err(unknown(&app)),
    };
    carry(&app, ask(order, command)).await
}

#[utoipa::path(post, path = "/api/v1/lines/{address}/tickets", request_body = TicketBody, tag = "tickets",
    params(("address" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn take_ticket(State(app): State<Shared>, Path(address): Path<String>, order: Order<TicketBody>) -> Answer {
    let line = line_of(&app, &address)?;
    let Order { body, cmd, by, kind } = order;
    // A kiosk gives numbers to whoever stands before it; the rest is staff's.
    let is_staffs = body.channel != Channel::Kiosk || body.interrupt || body.booked_for_ms.is_some();
    if kind == Some(DeviceKind::Kiosk) && is_staffs {
        return Err(Problem::request(app.panel.words(), StatusCode::FORBIDDEN, "not_for_this_device", None));
    }
    let personal = Personal {
        name: checked(&app, body.name, 60)?,
        phone: checked(&app, body.phone, 20)?,
        note: checked(&app, body.note, 200)?,
    };
    let mut ask = Gate::by(by, Some(cmd), Command::KeepHouse);
    let personal = sealed(&app, &personal, &mut ask)?;
    ask.command = Command::Take(Take {
        line,
        channel: body.channel,
        family: body.family,
        lang: body.lang,
        text_call: body.text_call,
        name_shown: body.name_shown,
        booked_for: body.booked_for_ms,
        interrupt: body.interrupt,
        personal,
    });
    carry(&app, ask).await
}

#[utoipa::path(post, path = "/api/v1/lines/{address}/emergency", request_body = NoteBody, tag = "tickets",
    params(("address" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn emergency(State(app): State<Shared>, Path(address): Path<String>, order: Order<NoteBody>) -> Answer {
    let line = line_of(&app, &address)?;
    carry_noted(&app, order.map(|body| body.note), |note| Command::Emergency { line, note }).await
}

#[utoipa::path(post, path = "/api/v1/lines/{address}/numbers", request_body = NumbersBody, tag = "lines",
    params(("address" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn jump_numbers(State(app): State<Shared>, Path(address): Path<String>, order: Order<NumbersBody>) -> Answer {
    let line = line_of(&app, &address)?;
    let command = Command::JumpNumbers { line, to: order.body.to };
    carry(&app, ask(order, command)).await
}

/// A room's buttons: `call` (next), `recall`, `absent`, `enter`, `finish`.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/{act}", request_body = ShowingBody, tag = "rooms",
    params(("room" = String, Path), ("act" = String, Path, description = "call, recall, absent, enter or finish")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn in_room(
    State(app): State<Shared>,
    Path((room, act)): Path<(String, String)>,
    order: Order<ShowingBody>,
) -> Answer {
    let room: RoomId = parsed(&app, &room)?;
    let showing = Showing { now: order.body.now.clone().map(Label), next: order.body.next.clone().map(Label) };
    let command = match act.as_str() {
        "call" => Command::Call { room, showing },
        "recall" => Command::Recall { room, showing },
        "absent" => Command::MarkAbsent { room, showing },
        "enter" => Command::Enter { room, showing },
        "finish" => Command::Finish { room, showing },
        _ => return Err(unknown(&app)),
    };
    carry(&app, ask(order, command)).await
}

/// What is done to a visit without further words: `arrive`, `hold`, `release`, `return`, `undo`, `reprint`, `erase`.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/{act}", request_body = Nothing, tag = "visits",
    params(("visit" = String, Path),
        ("act" = String, Path, description = "arrive, hold, release, return, undo, reprint or erase")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn on_visit(
    State(app): State<Shared>,
    Path((visit, act)): Path<(String, String)>,
    order: Order<Nothing>,
) -> Answer {
    let visit = visit_of(&app, &visit)?;
    let command = match act.as_str() {
        "arrive" => Command::Arrive { visit },
        "hold" => Command::Hold { visit },
        "release" => Command::Release { visit },
        "return" => Command::Return { visit },
        "undo" => Command::Undo { visit },
        "reprint" => Command::Print { visit },
        "erase" => Command::Erase { visit },
        _ => return Err(unknown(&app)),
    };
    carry(&app, ask(order, command)).await
}

#[utoipa::path(post, path = "/api/v1/visits/{visit}/cancel", request_body = CancelBody, tag = "visits",
    params(("visit" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn cancel(State(app): State<Shared>, Path(visit): Path<String>, order: Order<CancelBody>) -> Answer {
    let visit = visit_of(&app, &visit)?;
    let reason = order.body.reason;
    carry_noted(&app, order.map(|body| body.note), |note| Command::Cancel { visit, reason, note }).await
}

/// Moves a visit received in the wrong line.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/move", request_body = ToBody, tag = "visits",
    params(("visit" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn move_visit(State(app): State<Shared>, Path(visit): Path<String>, order: Order<ToBody>) -> Answer {
    let command = Command::Move { visit: visit_of(&app, &visit)?, to: order.body.to };
    carry(&app, ask(order, command)).await
}

/// Sends a patient on to the next stage: a test, a second consultation, payment.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/send", request_body = ToBody, tag = "visits",
    params(("visit" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn send_on(State(app): State<Shared>, Path(visit): Path<String>, order: Order<ToBody>) -> Answer {
    let command = Command::SendOn { visit: visit_of(&app, &visit)?, to: order.body.to };
    carry(&app, ask(order, command)).await
}

/// Lets a waiting patient be called first.
#[utoipa::path(post, path = "/api/v1/visits/{visit}/first", request_body = NoteBody, tag = "visits",
    params(("visit" = String, Path)),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn put_first(State(app): State<Shared>, Path(visit): Path<String>, order: Order<NoteBody>) -> Answer {
    let visit = visit_of(&app, &visit)?;
    carry_noted(&app, order.map(|body| body.note), |note| Command::PutFirst { visit, note }).await
}

#[utoipa::path(post, path = "/api/v1/families", request_body = FamilyBody, tag = "visits",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn join_family(State(app): State<Shared>, order: Order<FamilyBody>) -> Answer {
    let command = Command::JoinFamily { visits: order.body.visits.clone() };
    carry(&app, ask(order, command)).await
}

#[utoipa::path(post, path = "/api/v1/message", request_body = MessageBody, tag = "clinic",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn set_message(State(app): State<Shared>, order: Order<MessageBody>) -> Answer {
    let command = Command::SetMessage { text: order.body.text.clone() };
    carry(&app, ask(order, command)).await
}

/// The clinic's side of a video consultation: `connect`, `disconnect`.
#[utoipa::path(post, path = "/api/v1/consultations/{reservation}/{act}", request_body = EndpointBody, tag = "clinic",
    params(("reservation" = String, Path), ("act" = String, Path, description = "connect or disconnect")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
async fn consultation(
    State(app): State<Shared>,
    Path((reservation, act)): Path<(String, String)>,
    order: Order<EndpointBody>,
) -> Answer {
    let reservation: ReservationId = parsed(&app, &reservation)?;
    let call = CallKey { reservation: Some(reservation), endpoint: order.body.endpoint.clone(), connection: None };
    let command = match act.as_str() {
        "connect" => CallCommand::Connect { call, side: Side::Clinic, test: false, by_hand: true },
        "disconnect" => CallCommand::Disconnect { call, reason: Some(EndReason::ByHand) },
        _ => return Err(unknown(&app)),
    };
    carry(&app, ask(order, Command::Consultation { command })).await
}

pub(super) fn ask<T>(order: Order<T>, command: Command) -> Ask {
    Gate::by(order.by, Some(order.cmd), command)
}

pub(super) async fn carry(app: &Shared, ask: Ask) -> Answer {
    match app.gate.ask(ask).await {
        Ok(done) => Ok(answer(app, &done)),
        Err(cause) => Err(Problem::gate(app.panel.words(), &cause)),
    }
}

async fn carry_noted(
    app: &Shared,
    order: Order<Option<String>>,
    command: impl FnOnce(Option<Sealed>) -> Command,
) -> Answer {
    let note = checked(app, order.body, 200)?;
    let mut ask = Gate::by(order.by, Some(order.cmd), Command::KeepHouse);
    let note = sealed(app, &Personal { note, ..Personal::default() }, &mut ask)?;
    ask.command = command(note);
    carry(app, ask).await
}

fn sealed(app: &App, personal: &Personal, ask: &mut Ask) -> Result<Option<Sealed>, Problem> {
    app.gate.seal(personal, ask).map_err(|cause| Problem::gate(app.panel.words(), &cause))
}

/// Returns a text without blanks around it, none when nothing is left; control characters are refused.
fn checked(app: &App, text: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Problem::request(app.panel.words(), StatusCode::UNPROCESSABLE_ENTITY, "text_too_long", None));
    }
    Ok(Some(text))
}

fn line_of(app: &App, address: &str) -> Result<LineNo, Problem> {
    let address: LineAddress = parsed(app, address)?;
    if address.site == app.site { Ok(address.line) } else { Err(unknown(app)) }
}

fn visit_of(app: &App, visit: &str) -> Result<VisitId, Problem> {
    parsed(app, visit)
}

fn parsed<T: FromStr>(app: &App, text: &str) -> Result<T, Problem> {
    text.parse().ok().ok_or_else(|| unknown(app))
}

fn unknown(app: &App) -> Problem {
    Problem::unknown_address(app.panel.words())
}

impl<T: DeserializeOwned> Order<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Order<U> {
        Order { body: change(self.body), cmd: self.cmd, by: self.by, kind: self.kind }
    }
}
