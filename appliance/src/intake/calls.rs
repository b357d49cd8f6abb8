//! Consultation calls: what the doctor's browser tells of its end, and what staff say of reservations.
//!
//! A heartbeat makes no fact: it renews what is known of a connection that runs.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use machiai_core::call::decide::CallCommand;
use machiai_core::call::told::{CallAssigned, CallKey, EndReason, Mark, Reservation, Side, TariffSet};
use machiai_core::command::Command;
use machiai_core::ids::{ConnectionId, DeviceId, RecordingPlace, ReservationId};
use machiai_core::time::AtMs;
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::{Answer, ask, carry};
use super::body::Order;
use crate::answer::Answered;
use crate::app::Shared;
use crate::problem::Told;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/calls/connect", post(connect))
        .route("/api/v1/calls/test", post(test))
        .route("/api/v1/calls/heartbeat", post(heartbeat))
        .route("/api/v1/calls/disconnect", post(disconnect))
        .route("/api/v1/calls/mark", post(mark))
        .route("/api/v1/calls/assign", post(assign))
        .route("/api/v1/calls/reservations", post(reserve))
        .route("/api/v1/calls/tariff", post(set_tariff))
}

/// Makes the bodies of requests about one connection: each names it alike and knows no field that is not its own.
macro_rules! bodies {
    ($($(#[$about:meta])* $body:ident { $($(#[$more:meta])* $field:ident: $of:ty,)+ })+) => {$(
        $(#[$about])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $body {
            /// The reservation; left out while nobody knows, and then for the whole of the connection.
            #[serde(default)]
            #[schema(value_type = Option<String>)]
            reservation: Option<ReservationId>,
            /// The connection, drawn by whoever connects; left out only by hand and with a reservation.
            #[serde(default)]
            #[schema(value_type = Option<String>)]
            connection: Option<ConnectionId>,
            /// The end of the call; the device that asks where it is left out.
            #[serde(default)]
            #[schema(value_type = Option<String>)]
            endpoint: Option<DeviceId>,
            $($(#[$more])* $field: $of,)+
        }

        impl OfConnection for $body {
            fn key(&self, device: &DeviceId) -> CallKey {
                let endpoint = self.endpoint.as_ref().unwrap_or(device).clone();
                CallKey { reservation: self.reservation.clone(), endpoint, connection: self.connection.clone() }
            }
        }
    )+};
}

/// A body that names a connection.
trait OfConnection {
    /// Returns which, as asked by a device.
    fn key(&self, device: &DeviceId) -> CallKey;
}

bodies! {
    /// A connection that begins.
    ConnectBody {
        /// Whether staff note it by hand, so that no heartbeats come.
        #[serde(default)]
        by_hand: bool,
    }
    /// A connection that is alive.
    HeartbeatBody {
        /// The browser's clock, milliseconds of UTC.
        #[serde(default)]
        #[schema(value_type = Option<i64>)]
        sent_ms: Option<AtMs>,
    }
    /// A connection that ends.
    DisconnectBody {
        /// Why: `left`, `page_closed` or `by_hand`.
        #[serde(default)]
        reason: Option<Leaving>,
    }
    /// What happened to a recording.
    MarkBody {
        /// `started`, `paused` or `stopped`.
        #[schema(value_type = String)]
        mark: Mark,
        /// Where the recording lies.
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        place: Option<RecordingPlace>,
    }
}

/// Why an end was left.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leaving {
    /// Somebody left the call.
    Left,
    /// The page was closed.
    PageClosed,
    /// Staff ended it by hand.
    ByHand,
}

impl From<Leaving> for EndReason {
    fn from(leaving: Leaving) -> Self {
        match leaving {
            Leaving::Left => Self::Left,
            Leaving::PageClosed => Self::PageClosed,
            Leaving::ByHand => Self::ByHand,
        }
    }
}

/// The clinic's end of a call connects.
#[utoipa::path(post, path = "/api/v1/calls/connect", request_body = ConnectBody, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn connect(State(app): State<Shared>, order: Order<ConnectBody>) -> Answer {
    begin(&app, order, false).await
}

/// The clinic's end of a test connects: it is recorded and never billed.
#[utoipa::path(post, path = "/api/v1/calls/test", request_body = ConnectBody, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn test(State(app): State<Shared>, order: Order<ConnectBody>) -> Answer {
    begin(&app, order, true).await
}

async fn begin(app: &Shared, order: Order<ConnectBody>, test: bool) -> Answer {
    let by_hand = order.body.by_hand;
    let command = CallCommand::Connect { call: key(&order), side: Side::Clinic, test, by_hand };
    consult(app, order, command).await
}

/// A connection is alive; at most 15 seconds apart.
#[utoipa::path(post, path = "/api/v1/calls/heartbeat", request_body = HeartbeatBody, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn heartbeat(State(app): State<Shared>, order: Order<HeartbeatBody>) -> Answer {
    let command = CallCommand::Beat { call: key(&order), sent: order.body.sent_ms };
    consult(&app, order, command).await
}

/// The clinic's end of a call disconnects.
#[utoipa::path(post, path = "/api/v1/calls/disconnect", request_body = DisconnectBody, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn disconnect(State(app): State<Shared>, order: Order<DisconnectBody>) -> Answer {
    let command = CallCommand::Disconnect { call: key(&order), reason: order.body.reason.map(EndReason::from) };
    consult(&app, order, command).await
}

/// A call's recording started, paused or stopped; the recording itself never comes here.
#[utoipa::path(post, path = "/api/v1/calls/mark", request_body = MarkBody, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn mark(State(app): State<Shared>, order: Order<MarkBody>) -> Answer {
    let command = CallCommand::Mark { call: key(&order), mark: order.body.mark, place: order.body.place.clone() };
    consult(&app, order, command).await
}

/// Gives a connection without a reservation to one, or takes it back.
#[utoipa::path(post, path = "/api/v1/calls/assign", request_body = Object, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn assign(State(app): State<Shared>, order: Order<CallAssigned>) -> Answer {
    let command = CallCommand::Assign { assigned: order.body.clone() };
    consult(&app, order, command).await
}

/// Makes, moves or cancels a reservation, with the version of the cancellation policy that was shown.
#[utoipa::path(post, path = "/api/v1/calls/reservations", request_body = Object, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn reserve(State(app): State<Shared>, order: Order<Reservation>) -> Answer {
    let command = CallCommand::Reserve { reservation: order.body.clone() };
    consult(&app, order, command).await
}

/// Sets the tariff of reservations that start on a date or later.
#[utoipa::path(post, path = "/api/v1/calls/tariff", request_body = Object, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn set_tariff(State(app): State<Shared>, order: Order<TariffSet>) -> Answer {
    let command = CallCommand::SetTariff { set: order.body.clone() };
    consult(&app, order, command).await
}

async fn consult<T>(app: &Shared, order: Order<T>, command: CallCommand) -> Answer {
    carry(app, ask(order, Command::Consultation { command })).await
}

fn key(order: &Order<impl OfConnection>) -> CallKey {
    order.body.key(&order.by.device)
}
