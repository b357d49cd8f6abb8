//! What a device of the network may do by its kind, and by who is signed in. What is not named here is for staff alone.

use axum::http::Method;
use machiai_core::people::{DeviceKind, Role};

/// What a request asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: pairing, and the certificate.
    Nothing,
    /// Any paired device.
    Paired,
    /// A kiosk, or a desk.
    KioskOrDesk,
    /// A kiosk, or somebody signed in at a desk.
    KioskOrPerson,
    /// A desk.
    Desk,
    /// Somebody signed in at a desk.
    Person,
    /// A manager signed in at a desk.
    Manager,
}

/// What a caller lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is not paired: it is told nothing else.
    Pairing,
    /// It is a device of another kind.
    Kind,
    /// Nobody is signed in.
    Person,
    /// Whoever is signed in is no manager.
    Manager,
}

/// Returns what a request needs, by the route it takes (none for an address there is not) and its path.
pub(crate) fn need(method: &Method, route: Option<&str>, path: &str) -> Need {
    let route = route.unwrap_or_default();
    if is_reading(method) { need_to_read(route, path) } else { need_to_act(route, path) }
}

/// Whether a method changes nothing.
pub(crate) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn need_to_read(route: &str, path: &str) -> Need {
    match route {
        "/pair" | "/trust" | "/trust/machiai-ca.crt" => Need::Nothing,
        // Both say nothing of the clinic, and a page beside a call has no cookie of ours.
        "/assets/{name}" if matches!(path, "/assets/style.css" | "/assets/call.js") => Need::Nothing,
        "/call/open" => Need::Nothing,
        "/board" | "/assets/{name}" | "/fonts/{name}" => Need::Paired,
        "/api/v1/board" | "/api/v1/board.svg" | "/api/v1/board/events" => Need::Paired,
        "/kiosk" | "/kiosk/number" | "/api/v1/settings" | "/api/v1/visits" => Need::KioskOrDesk,
        "/api/v1/visits/{visit}/ticket.svg" | "/api/v1/visits/{visit}/qr.svg" => Need::KioskOrDesk,
        "/api/v1/staff" | "/api/v1/devices" | "/api/v1/manager" => Need::Manager,
        "/livez" | "/readyz" | "/healthz" | "/metrics" => Need::Manager,
        // Each look asks the network: it is for whoever is known by name.
        "/api/v1/health" => Need::Person,
        _ => Need::Desk,
    }
}

fn need_to_act(route: &str, path: &str) -> Need {
    match route {
        "/pair" => Need::Nothing,
        "/sign-in" | "/sign-in/switch" | "/sign-out" | "/set-up" => Need::Desk,
        "/api/v1/lines/{address}/tickets" | "/kiosk/take" => Need::KioskOrPerson,
        "/api/v1/visits/{visit}/{act}" if path.ends_with("/arrive") => Need::KioskOrPerson,
        _ if is_for_managers(route) => Need::Manager,
        _ => Need::Person,
    }
}

fn is_for_managers(route: &str) -> bool {
    let is_under = |root: &str| route.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    [
        "/api/v1/program/tables",
        "/api/v1/program/contents",
        "/api/v1/settings",
        "/api/v1/staff",
        "/api/v1/devices",
        "/api/v1/sign-ins",
        "/api/v1/calls/tariff",
        "/api/v1/commission",
    ]
    .into_iter()
    .any(is_under)
}

/// Returns what a caller at the box itself lacks: only whoever makes others managers must be one there too.
///
/// # Errors
/// A [`Lack`].
pub(crate) fn lacks_at_the_box(route: Option<&str>, role: Option<Role>) -> Result<(), Lack> {
    let route = route.unwrap_or_default();
    let is_guarded = route.starts_with("/api/v1/staff") || route.starts_with("/api/v1/sign-ins");
    match role {
        _ if !is_guarded => Ok(()),
        None => Err(Lack::Person),
        Some(Role::Manager) => Ok(()),
        Some(Role::Reception | Role::Nurse | Role::Doctor) => Err(Lack::Manager),
    }
}

/// Returns what a caller lacks for a need.
///
/// # Errors
/// A [`Lack`]; a caller that is not paired lacks nothing else.
pub(crate) fn lacks(need: Need, kind: Option<DeviceKind>, role: Option<Role>) -> Result<(), Lack> {
    if need == Need::Nothing {
        return Ok(());
    }
    let kind = kind.ok_or(Lack::Pairing)?;
    let fits = match need {
        Need::Nothing | Need::Paired => true,
        Need::KioskOrDesk | Need::KioskOrPerson => kind != DeviceKind::Board,
        Need::Desk | Need::Person | Need::Manager => kind == DeviceKind::Desk,
    };
    if !fits {
        return Err(Lack::Kind);
    }
    let needs_person = match need {
        Need::Nothing | Need::Paired | Need::KioskOrDesk | Need::Desk => false,
        Need::KioskOrPerson => kind == DeviceKind::Desk,
        Need::Person | Need::Manager => true,
    };
    match role {
        None if needs_person => Err(Lack::Person),
        Some(Role::Reception | Role::Nurse | Role::Doctor) if need == Need::Manager => Err(Lack::Manager),
        None | Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;

    #[test]
    fn what_each_request_needs() {
        let rows: [(Method, &str, &str, Need); 34] = [
            (GET, "/pair", "/pair", Need::Nothing),
            (POST, "/pair", "/pair", Need::Nothing),
            (GET, "/trust", "/trust", Need::Nothing),
            (GET, "/assets/{name}", "/assets/style.css", Need::Nothing),
            (GET, "/assets/{name}", "/assets/desk.js", Need::Paired),
            (GET, "/api/v1/board/events", "/api/v1/board/events", Need::Paired),
            (GET, "/kiosk", "/kiosk", Need::KioskOrDesk),
            (POST, "/api/v1/lines/{address}/tickets", "/api/v1/lines/1001-1/tickets", Need::KioskOrPerson),
            (POST, "/api/v1/visits/{visit}/{act}", "/api/v1/visits/0/arrive", Need::KioskOrPerson),
            (POST, "/api/v1/visits/{visit}/{act}", "/api/v1/visits/0/hold", Need::Person),
            (POST, "/api/v1/rooms/{room}/{act}", "/api/v1/rooms/room1/call", Need::Person),
            (POST, "/sign-in", "/sign-in", Need::Desk),
            (GET, "/api/v1/desk", "/api/v1/desk", Need::Desk),
            (GET, "/api/v1/staff", "/api/v1/staff", Need::Manager),
            (GET, "/metrics", "/metrics", Need::Manager),
            (GET, "/desk/health", "/desk/health", Need::Desk),
            (GET, "/api/v1/health", "/api/v1/health", Need::Person),
            (GET, "/api/v1/support", "/api/v1/support", Need::Desk),
            (POST, "/api/v1/support/{asked}/{said}", "/api/v1/support/a-1/yes", Need::Person),
            (POST, "/api/v1/printers/{printer}/test", "/api/v1/printers/kiosk/test", Need::Person),
            (POST, "/api/v1/settings", "/api/v1/settings", Need::Manager),
            (POST, "/api/v1/settings/anything/new", "/api/v1/settings/anything/new", Need::Manager),
            (POST, "/api/v1/program/notice/preview", "/api/v1/program/notice/preview", Need::Person),
            (GET, "/rehearsal/desk", "/rehearsal/desk", Need::Desk),
            (GET, "/rehearsal/api/{*rest}", "/rehearsal/api/v1/visits", Need::Desk),
            (POST, "/rehearsal/api/{*rest}", "/rehearsal/api/v1/visits/0/arrive", Need::Person),
            (POST, "/api/v1/rehearsal/start", "/api/v1/rehearsal/start", Need::Person),
            (POST, "/api/v1/calls/heartbeat", "/api/v1/calls/heartbeat", Need::Person),
            (POST, "/api/v1/calls/tariff", "/api/v1/calls/tariff", Need::Manager),
            (POST, "/api/v1/commission", "/api/v1/commission", Need::Manager),
            (GET, "/api/v1/line", "/api/v1/line", Need::Desk),
            (POST, "/api/v1/line/try", "/api/v1/line/try", Need::Person),
            (GET, "/anything/new", "/anything/new", Need::Desk),
            (POST, "/anything/new", "/anything/new", Need::Person),
        ];
        for (method, route, path, expected) in rows {
            assert_eq!(need(&method, Some(route), path), expected, "{method} {path}");
        }
        assert_eq!(need(&GET, None, "/assets/style.css"), Need::Desk, "an address there is not");
        assert_eq!(need(&Method::DELETE, None, "/pair"), Need::Person);
    }

    #[test]
    fn what_each_kind_of_device_and_person_lacks() {
        let kinds = [None, Some(DeviceKind::Board), Some(DeviceKind::Kiosk), Some(DeviceKind::Desk)];
        let table = |need: Need, role: Option<Role>| {
            kinds.map(|kind| match lacks(need, kind, role) {
                Ok(()) => "ok",
                Err(Lack::Pairing) => "pairing",
                Err(Lack::Kind) => "kind",
                Err(Lack::Person) => "person",
                Err(Lack::Manager) => "manager",
            })
        };
        assert_eq!(table(Need::Nothing, None), ["ok"; 4]);
        assert_eq!(table(Need::Paired, None), ["pairing", "ok", "ok", "ok"]);
        assert_eq!(table(Need::KioskOrDesk, None), ["pairing", "kind", "ok", "ok"]);
        assert_eq!(table(Need::KioskOrPerson, None), ["pairing", "kind", "ok", "person"]);
        assert_eq!(table(Need::KioskOrPerson, Some(Role::Nurse)), ["pairing", "kind", "ok", "ok"]);
        assert_eq!(table(Need::Desk, None), ["pairing", "kind", "kind", "ok"]);
        assert_eq!(table(Need::Person, None), ["pairing", "kind", "kind", "person"]);
        assert_eq!(table(Need::Manager, None), ["pairing", "kind", "kind", "person"]);
        for role in Role::ALL {
            assert_eq!(table(Need::Person, Some(role))[3], "ok");
            assert_eq!(table(Need::Manager, Some(role))[3], if role == Role::Manager { "ok" } else { "manager" });
        }
    }
}
