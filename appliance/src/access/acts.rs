//! What changes who may come in: each act is decided by core, and its hashes go to disk with its facts.

use axum::http::{HeaderValue, StatusCode};
use machiai_core::command::Command;
use machiai_core::decide::may_pair;
use machiai_core::envelope::By;
use machiai_core::ids::{DeviceId, PlaceId, StaffId};
use machiai_core::people::{DeviceKind, Means, Pairing, Role, Staff};
use machiai_core::time::AtMs;
use machiai_journal::SecretChange;

use super::book::{self, Book};
use super::caller::{Caller, Peer, Via, today};
use super::cookies::Cookie;
use super::secret::{self, Hashed, code_digest, draw_code, draw_token};
use super::{Opening, PAIRING_MS, setup};
use crate::app::Shared;
use crate::gate::{Gate, GateError};
use crate::problem::Problem;
use crate::rules::Done;

/// Misses after which a PIN is worth nothing until the next full sign-in: four figures are soon tried out.
const MOST_PIN_MISSES: u32 = 5;

/// What proves who somebody is.
pub(crate) enum Proof {
    /// The password, and a PIN for switching at this device today, if one is wanted.
    Password(String, Option<String>),
    /// The PIN.
    Pin(String),
}

/// Signs somebody in at the caller's device and returns the cookie.
///
/// # Errors
/// One answer for every wrong name, password and PIN; another for too many tries.
pub(crate) async fn sign_in(app: &Shared, caller: &Caller, staff: &str, proof: Proof) -> Result<HeaderValue, Problem> {
    let device = caller.device().ok_or_else(|| refused(app, StatusCode::FORBIDDEN, "not_for_this_device"))?;
    let wanted_pin = match &proof {
        Proof::Password(_, pin) => pin.clone().filter(|pin| !pin.is_empty()),
        Proof::Pin(_) => None,
    };
    if wanted_pin.as_deref().is_some_and(|pin| !secret::is_good_pin(pin)) {
        return Err(refused(app, StatusCode::UNPROCESSABLE_ENTITY, "bad_pin"));
    }
    let staff = proved(app, &device, staff, &proof).await?;
    let day = today(app);
    let token = draw(app, draw_token)?;
    let hashed_pin = match wanted_pin {
        Some(pin) => {
            let _turn = turn(app).await?;
            Some(hash(app, pin).await?)
        }
        None => None,
    };
    let mut kept = vec![book::keep_sign_in(&device, (&staff, day), &token)];
    kept.extend(hashed_pin.map(|hashed| book::keep_pin(&device, (&staff, day), &hashed)));
    let means = match proof {
        Proof::Password(..) => Means::Password,
        Proof::Pin(_) => Means::Pin,
    };
    let before = caller.person.as_ref().map(|person| person.staff.clone());
    let by = By { device, person: Some(staff.to_string()) };
    let secrets = |book: &Book| book.forget(|_, _, of| of != day).into_iter().chain(kept).collect();
    change(app, by, Command::SignIn { staff, means, before }, secrets).await?;
    Cookie::Person.set(caller.via, &token).ok_or_else(|| unknown_outcome(app))
}

/// Returns who it is, if the proof is good; the work and the answer are the same for a name that nobody has.
async fn proved(app: &Shared, device: &DeviceId, typed: &str, proof: &Proof) -> Result<StaffId, Problem> {
    let typed = typed.trim();
    let (kept, text, keys) = match proof {
        Proof::Password(password, _) => ("password", password, [device_key(device), person_key(typed)]),
        Proof::Pin(pin) => ("pin", pin, [device_key(device), pin_key(device, typed)]),
    };
    if text.len() > secret::MAX_PASSWORD_BYTES {
        return Err(failed(app));
    }
    let _turn = turn(app).await?;
    let now = app.gate.clock.now().0;
    refuse_too_soon(app, &keys, now)?;
    let staff: Option<StaffId> = typed.parse().ok();
    let staff = staff.filter(|staff| app.gate.read(|clinic| clinic.standing.staff.contains_key(staff)));
    let day = today(app);
    let hashed = app.access.book(|book| {
        let staff = staff.as_ref()?;
        if kept == "pin" { book.pin(device, staff, day) } else { book.password(staff).cloned() }
    });
    let is_worn_out = kept == "pin"
        && app.access.limiter(|limiter| limiter.n_misses(&pin_key(device, typed), now)) >= MOST_PIN_MISSES;
    let is_known = hashed.is_some() && !is_worn_out;
    let (hashed, text) = (hashed.unwrap_or_else(|| app.access.nobody.clone()), text.clone());
    let fits = tokio::task::spawn_blocking(move || hashed.fits(&text)).await.unwrap_or(false);
    match staff {
        Some(staff) if is_known && fits => {
            let mut hit = keys.to_vec();
            hit.push(pin_key(device, typed));
            app.access.limiter(|limiter| limiter.hit(&hit));
            Ok(staff)
        }
        Some(_) | None => {
            app.access.limiter(|limiter| limiter.miss(&keys, now));
            tracing::warn!(%device, by = kept, "sign-in failed");
            Err(failed(app))
        }
    }
}

/// Signs the caller out.
///
/// # Errors
/// The journal could not keep it.
pub(crate) async fn sign_out(app: &Shared, caller: &Caller) -> Result<(), Problem> {
    let (Some(device), Some(person)) = (caller.device(), &caller.person) else { return Ok(()) };
    let by = By { device: device.clone(), person: Some(person.staff.to_string()) };
    let command = Command::SignOut { staff: person.staff.clone() };
    change(app, by, command, |_| vec![book::drop_sign_in(&device)]).await.map(drop)
}

/// Signs everybody out everywhere; PINs go too.
///
/// # Errors
/// The journal could not keep it: nobody is signed out.
pub(crate) async fn end_sign_ins(app: &Shared, by: By) -> Result<Done, Problem> {
    change(app, by, Command::EndSignIns, |book| book.forget(|_, _, _| true)).await
}

/// Adds or changes a member of staff; a new password signs that person out everywhere.
///
/// # Errors
/// A weak password, or core's refusal.
pub(crate) async fn set_staff(app: &Shared, by: By, staff: Staff, password: Option<String>) -> Result<Done, Problem> {
    let Some(password) = password else {
        return change(app, by, Command::SetStaff { staff }, |_| Vec::new()).await;
    };
    if !secret::is_good_password(&password) {
        return Err(refused(app, StatusCode::UNPROCESSABLE_ENTITY, "weak_password"));
    }
    let hashed = {
        let _turn = turn(app).await?;
        hash(app, password).await?
    };
    let of = staff.staff.clone();
    let secrets = |book: &Book| {
        let kept = book::keep_password(&of, &hashed);
        book.forget(|_, staff, _| *staff == of).into_iter().chain([kept]).collect()
    };
    change(app, by, Command::SetStaff { staff }, secrets).await
}

/// Takes a member of staff out, with password, sign-ins and PINs.
///
/// # Errors
/// Core's refusal.
pub(crate) async fn remove_staff(app: &Shared, by: By, staff: StaffId) -> Result<Done, Problem> {
    let of = staff.clone();
    let secrets =
        |book: &Book| book.forget(|_, staff, _| *staff == of).into_iter().chain([book::drop_password(&of)]).collect();
    change(app, by, Command::RemoveStaff { staff }, secrets).await
}

/// Makes a manager with the box's set-up code, which is then used up.
///
/// # Errors
/// One answer for every wrong code; a weak password.
pub(crate) async fn set_up(
    app: &Shared,
    caller: &Caller,
    (code, password): (&str, String),
    staff: Staff,
) -> Result<Done, Problem> {
    let device = caller.device().ok_or_else(|| refused(app, StatusCode::FORBIDDEN, "not_for_this_device"))?;
    if !secret::is_good_password(&password) {
        return Err(refused(app, StatusCode::UNPROCESSABLE_ENTITY, "weak_password"));
    }
    let keys = ["set-up".to_owned(), device_key(&device)];
    let now = app.gate.clock.now().0;
    refuse_too_soon(app, &keys, now)?;
    let is_right = setup::code(&app.access.state).is_some_and(|right| code_digest(&right) == code_digest(code));
    if !is_right {
        app.access.limiter(|limiter| limiter.miss(&keys, now));
        tracing::warn!(%device, "wrong set-up code");
        return Err(failed(app));
    }
    // Used up before it works: a code that worked twice would be worse than one that did not work.
    setup::forget(&app.access.state).map_err(|_kept| unknown_outcome(app))?;
    app.access.limiter(|limiter| limiter.hit(&keys));
    let by = By { device, person: Some(staff.staff.to_string()) };
    set_staff(app, by, Staff { role: Role::Manager, ..staff }, Some(password)).await
}

/// Whether nobody can sign in to change anything: there is no manager with a password.
pub(crate) fn lacks_manager(app: &crate::app::App) -> bool {
    let has_password = |staff: &Staff| app.access.book(|book| book.password(&staff.staff).is_some());
    !app.gate.read(|clinic| clinic.standing.managers().any(has_password))
}

/// Whether the page offers to make a manager: there is none, or somebody drew a code because a password was forgotten.
pub(crate) fn can_set_up(app: &crate::app::App) -> bool {
    lacks_manager(app) || setup::code(&app.access.state).is_some()
}

/// Opens a place for ten minutes to the device that brings the code; an earlier opening ends.
///
/// # Errors
/// Core's refusal: no such room.
pub(crate) fn open_pairing(app: &Shared, kind: DeviceKind, place: &PlaceId) -> Result<(String, Pairing), Problem> {
    let pairing = app.gate.read(|clinic| may_pair(clinic, kind, place));
    let pairing = pairing.map_err(|refusal| Problem::refused(app.panel.words(), &refusal))?;
    let code = draw(app, draw_code)?;
    let until = app.gate.clock.now().0.plus_ms(PAIRING_MS);
    let opening = Opening { code: code_digest(&code), pairing: pairing.clone(), until };
    *app.access.opening.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(opening);
    tracing::info!(device = %pairing.device, "pairing is open for ten minutes");
    Ok((code, pairing))
}

/// Pairs the device that brings the code, and returns its cookie.
///
/// # Errors
/// One answer for a wrong, used or expired code, and for one that nobody opened; another for too many tries of one
/// address.
pub(crate) async fn pair(app: &Shared, code: &str, from: Option<Peer>) -> Result<(HeaderValue, Pairing), Problem> {
    let now = app.gate.clock.now().0;
    // Whoever guesses waits; the tablet whose code it is comes from elsewhere, and does not.
    let keys = [from.map_or_else(|| "pair".to_owned(), |Peer(address)| format!("pair/{address}"))];
    refuse_too_soon(app, &keys, now)?;
    let Some(pairing) = claim(app, code, now) else {
        tracing::warn!(from = %keys.concat(), "wrong pairing code");
        app.access.limiter(|limiter| limiter.miss(&keys, now));
        return Err(refused(app, StatusCode::UNAUTHORIZED, "pairing_failed"));
    };
    app.access.limiter(|limiter| limiter.hit(&keys));
    let token = draw(app, draw_token)?;
    let device = pairing.device.clone();
    let by = By { device: device.clone(), person: None };
    let secrets = |book: &Book| {
        let kept = book::keep_device(&device, &token);
        book.forget(|at, _, _| *at == device).into_iter().chain([kept]).collect()
    };
    let command = Command::Pair { kind: pairing.kind, place: pairing.place.clone() };
    change(app, by, command, secrets).await?;
    app.access.end_streams();
    let cookie = Cookie::Device.set(Via::Lan, &token).ok_or_else(|| unknown_outcome(app))?;
    Ok((cookie, pairing))
}

/// Takes the opening out if this is its code: 60 bits, which ten minutes of guessing do not find.
pub(super) fn claim(app: &Shared, code: &str, now: AtMs) -> Option<Pairing> {
    let mut opening = app.access.opening.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    opening.take_if(|open| open.until <= now);
    let is_its = |open: &mut Opening| open.code == code_digest(code);
    Some(opening.take_if(is_its)?.pairing)
}

/// Lets a device speak to this box no longer.
///
/// # Errors
/// Core's refusal.
pub(crate) async fn unpair(app: &Shared, by: By, device: DeviceId) -> Result<Done, Problem> {
    let of = device.clone();
    let secrets = |book: &Book| book.forget(|at, _, _| *at == of).into_iter().chain([book::drop_device(&of)]).collect();
    let done = change(app, by, Command::Unpair { device }, secrets).await?;
    app.access.end_streams();
    Ok(done)
}

/// Carries a change out and reads the book anew, one change at a time.
///
/// The ask has no key: its digest would stand in the facts, and a password could be guessed from it.
async fn change(
    app: &Shared,
    by: By,
    command: Command,
    secrets: impl FnOnce(&Book) -> Vec<SecretChange>,
) -> Result<Done, Problem> {
    let _alone = app.access.changing.lock().await;
    let mut ask = Gate::by(by, None, command);
    ask.secrets = app.access.book(secrets);
    let asked = app.gate.ask(ask).await;
    app.access.read_again(&app.gate);
    asked.map_err(|cause: GateError| Problem::gate(app.panel.words(), &cause))
}

/// Waits for the turn to hash; where too many wait, one is turned away.
async fn turn(app: &Shared) -> Result<[tokio::sync::SemaphorePermit<'_>; 2], Problem> {
    let busy = || refused(app, StatusCode::SERVICE_UNAVAILABLE, "busy");
    let waits = app.access.waiting.try_acquire().map_err(|_full| busy())?;
    let works = app.access.hashing.acquire().await.map_err(|_closed| busy())?;
    Ok([waits, works])
}

async fn hash(app: &Shared, text: String) -> Result<Hashed, Problem> {
    let chance = app.access.chance.clone();
    let hashed = tokio::task::spawn_blocking(move || Hashed::new(&text, &chance)).await;
    hashed.ok().and_then(Result::ok).ok_or_else(|| refused(app, StatusCode::INTERNAL_SERVER_ERROR, "not_sealed"))
}

fn draw<T>(
    app: &Shared,
    drawn: impl FnOnce(&crate::chance::Chance) -> Result<T, crate::chance::NoChance>,
) -> Result<T, Problem> {
    drawn(&app.access.chance).map_err(|_none| refused(app, StatusCode::INTERNAL_SERVER_ERROR, "not_sealed"))
}

fn refuse_too_soon(app: &Shared, keys: &[String], now: AtMs) -> Result<(), Problem> {
    if app.access.limiter(|limiter| limiter.wait_ms(keys, now)) > 0 {
        return Err(refused(app, StatusCode::TOO_MANY_REQUESTS, "too_many_tries"));
    }
    Ok(())
}

/// The one answer to whatever was wrong.
fn failed(app: &Shared) -> Problem {
    refused(app, StatusCode::UNAUTHORIZED, "sign_in_failed")
}

fn unknown_outcome(app: &Shared) -> Problem {
    refused(app, StatusCode::INTERNAL_SERVER_ERROR, "not_kept")
}

fn refused(app: &Shared, status: StatusCode, code: &str) -> Problem {
    Problem::request(app.panel.words(), status, code, None)
}

fn device_key(device: &DeviceId) -> String {
    format!("device {device}")
}

/// Names are counted by their digest: whatever was typed, the memory is the same.
fn person_key(typed: &str) -> String {
    format!("person {}", secret::digest(typed).to_hex())
}

pub(super) fn pin_key(device: &DeviceId, typed: &str) -> String {
    format!("pin {device} {}", secret::digest(typed).to_hex())
}

/// Returns those who may switch at a device by a touch and a PIN, in the order of their ids.
pub(crate) fn who_may_switch(app: &Shared, caller: &Caller) -> Vec<Staff> {
    let Some(device) = caller.device() else { return Vec::new() };
    let day = today(app);
    let here = app.access.book(|book: &Book| book.pins_at(&device, day));
    app.gate.read(|clinic| here.iter().filter_map(|staff| clinic.standing.staff.get(staff).cloned()).collect())
}
