//! Staff, devices and sign-ins for programs and pages: JSON, without an idempotency key, as each act may be repeated.

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use machiai_core::envelope::By;
use machiai_core::ids::{DeviceId, PlaceId, StaffId};
use machiai_core::people::{DeviceKind, Pairing, Role, Staff};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::acts;
use super::caller::{Caller, Via, not_paired};
use crate::app::{App, Shared};
use crate::problem::{Problem, Told};

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/me", get(me))
        .route("/api/v1/staff", get(list_staff).post(set_staff))
        .route("/api/v1/staff/{staff}/remove", post(remove_staff))
        .route("/api/v1/sign-ins/end", post(end_sign_ins))
        .route("/api/v1/devices", get(list_devices))
        .route("/api/v1/devices/pair", post(open_pairing))
        .route("/api/v1/devices/unpair", post(unpair))
}

/// A body of JSON in which nothing unknown may stand.
pub(crate) struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequest<Shared> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let refuse = |status, code| Problem::request(app.panel.words(), status, code, None);
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => refuse(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            status => refuse(status, "body_broken"),
        })?;
        // What was wrong is not repeated: it may be half a password.
        let not_understood = |_| refuse(StatusCode::UNPROCESSABLE_ENTITY, "body_not_understood");
        serde_json::from_slice(&bytes).map(Self).map_err(not_understood)
    }
}

/// Who asks, as the box sees it.
#[derive(Serialize)]
pub(crate) struct Me {
    /// Whether at the box itself.
    at_the_box: bool,
    /// The paired device.
    device: Option<Pairing>,
    /// The room or counter at which it stands.
    counter: Option<String>,
    /// Who is signed in.
    person: Option<Staff>,
    /// Who may take over here by a touch on the name and a PIN.
    others: Vec<Staff>,
}

/// Who asks: the device, its place, and the person signed in.
#[utoipa::path(get, path = "/api/v1/me", tag = "access", responses((status = 200, body = Object)))]
pub(crate) async fn me(State(app): State<Shared>, Extension(caller): Extension<Caller>) -> Json<Me> {
    let counter = caller.pairing.as_ref().map(|pairing| pairing.counter().to_owned());
    let others = acts::who_may_switch(&app, &caller);
    Json(Me { at_the_box: caller.via == Via::Box, device: caller.pairing, counter, person: caller.person, others })
}

/// Everybody who works here.
#[utoipa::path(get, path = "/api/v1/staff", tag = "access", responses((status = 200, body = Object)))]
pub(crate) async fn list_staff(State(app): State<Shared>) -> Json<Vec<Staff>> {
    Json(app.gate.read(|clinic| clinic.standing.staff.values().cloned().collect()))
}

/// A member of staff to be added or changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaffBody {
    /// What is typed to sign in.
    #[schema(value_type = String)]
    staff: StaffId,
    /// How colleagues read it.
    name: String,
    /// `reception`, `nurse`, `doctor` or `manager`.
    #[schema(value_type = String)]
    role: Role,
    /// A new password: signs that person out everywhere. Without it the old one stays.
    #[serde(default)]
    password: Option<String>,
}

/// What happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Happened {
    /// The kinds of the facts, in order.
    happened: Vec<String>,
}

type Answer = Result<Json<Happened>, Problem>;

/// Adds or changes a member of staff; a new password signs that person out everywhere.
#[utoipa::path(post, path = "/api/v1/staff", request_body = StaffBody, tag = "access",
    responses((status = 200, body = Happened), (status = "4XX", body = Told)))]
pub(crate) async fn set_staff(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Asked(body): Asked<StaffBody>,
) -> Answer {
    let staff = Staff { staff: body.staff, name: body.name, role: body.role };
    answer(&acts::set_staff(&app, by(&app, &caller)?, staff, body.password).await?)
}

/// Takes a member of staff out: signed out everywhere at once.
#[utoipa::path(post, path = "/api/v1/staff/{staff}/remove", tag = "access", params(("staff" = String, Path)),
    responses((status = 200, body = Happened), (status = "4XX", body = Told)))]
pub(crate) async fn remove_staff(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(staff): Path<String>,
) -> Answer {
    let unknown = || Problem::unknown_address(app.panel.words());
    let staff = staff.parse().ok().ok_or_else(unknown)?;
    answer(&acts::remove_staff(&app, by(&app, &caller)?, staff).await?)
}

/// Signs everybody out everywhere.
#[utoipa::path(post, path = "/api/v1/sign-ins/end", tag = "access",
    responses((status = 200, body = Happened), (status = "4XX", body = Told)))]
pub(crate) async fn end_sign_ins(State(app): State<Shared>, Extension(caller): Extension<Caller>) -> Answer {
    answer(&acts::end_sign_ins(&app, by(&app, &caller)?).await?)
}

/// Every paired device.
#[utoipa::path(get, path = "/api/v1/devices", tag = "access", responses((status = 200, body = Object)))]
pub(crate) async fn list_devices(State(app): State<Shared>) -> Json<Vec<Pairing>> {
    Json(app.gate.read(|clinic| clinic.standing.devices.values().cloned().collect()))
}

/// A place for a device.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceBody {
    /// `board`, `kiosk` or `desk`.
    #[schema(value_type = String)]
    pub(crate) kind: DeviceKind,
    /// A room, `reception`, or another word for a kiosk or board; `room1/2` is a second tablet in a room.
    #[schema(value_type = String)]
    pub(crate) place: PlaceId,
}

/// How to pair the device.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Opened {
    /// The device's name from then on.
    #[schema(value_type = String)]
    pub(crate) device: DeviceId,
    /// What is typed on it, once.
    pub(crate) code: String,
    /// For how many minutes.
    pub(crate) minutes: i64,
    /// The pages to open on it, any of them.
    pub(crate) addresses: Vec<String>,
    /// SHA-256 of the certificate to trust.
    pub(crate) fingerprint: String,
}

/// Opens a place to the device that brings the code; the one that stands there goes on until then.
#[utoipa::path(post, path = "/api/v1/devices/pair", request_body = PlaceBody, tag = "access",
    responses((status = 200, body = Opened), (status = "4XX", body = Told)))]
pub(crate) async fn open_pairing(
    State(app): State<Shared>,
    Asked(body): Asked<PlaceBody>,
) -> Result<Json<Opened>, Problem> {
    let closed = || Problem::request(app.panel.words(), StatusCode::CONFLICT, "network_closed", None);
    let lan = app.access.lan.get().ok_or_else(closed)?;
    let (code, pairing) = acts::open_pairing(&app, body.kind, &body.place)?;
    if !lan.opens().await {
        return Err(closed());
    }
    Ok(Json(Opened {
        device: pairing.device,
        code,
        minutes: super::PAIRING_MS / 60_000,
        addresses: lan.addresses().into_iter().map(|address| format!("{address}/pair")).collect(),
        fingerprint: lan.authority().fingerprint(),
    }))
}

/// A device to be let go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceBody {
    /// Which.
    #[schema(value_type = String)]
    device: DeviceId,
}

/// Lets a device speak to this box no longer.
#[utoipa::path(post, path = "/api/v1/devices/unpair", request_body = DeviceBody, tag = "access",
    responses((status = 200, body = Happened), (status = "4XX", body = Told)))]
pub(crate) async fn unpair(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Asked(body): Asked<DeviceBody>,
) -> Answer {
    answer(&acts::unpair(&app, by(&app, &caller)?, body.device).await?)
}

fn by(app: &App, caller: &Caller) -> Result<By, Problem> {
    caller.by(caller.device()).ok_or_else(|| not_paired(app))
}

fn answer(done: &crate::rules::Done) -> Answer {
    Ok(Json(Happened { happened: done.kinds() }))
}
