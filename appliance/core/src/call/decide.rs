//! Decisions about calls: what is asked of them becomes facts, or is refused with the reason.

use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::open::{Loose, Lost, MAX_OPEN, OpenCall, OpenCalls};
use super::rate::is_in_window;
use super::told::{
    CallAssigned, CallEnd, CallKey, CallWitnessed, EndReason, Mark, RecordingMarked, Reservation, Side, TariffSet,
};
use crate::facts::Fact;
use crate::ids::RecordingPlace;
use crate::refusal::{Refusal, RefusalCode};
use crate::time::{AtMs, MINUTE_MS};

/// How far ahead of the box's clock a browser's may be before its heartbeat is refused.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// The most events of a vendor that come at once: a month's list.
pub const MAX_WITNESSED: usize = 20_000;

/// What can be asked of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum CallCommand {
    /// An end of a call connects.
    Connect {
        /// Which.
        call: CallKey,
        /// Whose end.
        side: Side,
        /// Whether it is a test.
        test: bool,
        /// Whether staff note it by hand.
        by_hand: bool,
    },
    /// A connection is alive: no fact, its lease is renewed.
    Beat {
        /// Which.
        call: CallKey,
        /// What the browser's clock says.
        sent: Option<AtMs>,
    },
    /// An end of a call disconnects.
    Disconnect {
        /// Which.
        call: CallKey,
        /// Why.
        reason: Option<EndReason>,
    },
    /// Something happened to a call's recording.
    Mark {
        /// Of which connection.
        call: CallKey,
        /// What.
        mark: Mark,
        /// Where the recording lies.
        place: Option<RecordingPlace>,
    },
    /// Gives a connection without a reservation to one, or takes it back.
    Assign {
        /// Which, and to which.
        assigned: CallAssigned,
    },
    /// A reservation was made, moved or cancelled.
    Reserve {
        /// What it is now.
        reservation: Reservation,
    },
    /// Sets the tariff; whether it can be is judged with the settings.
    SetTariff {
        /// Which, and from when on.
        set: TariffSet,
    },
    /// Notes what the vendor saw.
    Witness {
        /// Its events.
        seen: Vec<CallWitnessed>,
    },
    /// Ends what is over by itself and renews what staff noted by hand; by the box alone, which knows the leases.
    Keep,
    /// Ends connections that are over without anybody's having said so; by the box alone.
    End {
        /// Which, and where.
        lost: Vec<Lost>,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] says why nothing is to be done.
pub fn decide(calls: &OpenCalls, command: &CallCommand, now: AtMs) -> Result<Vec<Fact>, Refusal> {
    match command {
        CallCommand::Connect { call, side, test, by_hand } => connect(calls, call, (*side, *test, *by_hand)),
        CallCommand::Beat { call, sent } => {
            if sent.is_some_and(|sent| sent.since(now) > AHEAD_MS) {
                return Err(Refusal::new(RefusalCode::FromTheFuture));
            }
            running(calls, call).map(|_| Vec::new())
        }
        CallCommand::Disconnect { call, reason } => {
            Ok(vec![Fact::CallDisconnected(running(calls, call)?.end(*reason, None))])
        }
        CallCommand::Mark { call, mark, place } => {
            let key = running(calls, call)?.key.clone();
            Ok(vec![Fact::RecordingMarked(RecordingMarked { key, mark: *mark, place: place.clone() })])
        }
        CallCommand::Assign { assigned } => assign(calls, assigned),
        CallCommand::Reserve { reservation } => Ok(vec![Fact::ReservationSet(reservation.clone())]),
        CallCommand::SetTariff { set } => Ok(vec![Fact::TariffSet(set.clone())]),
        CallCommand::Witness { seen } if seen.len() > MAX_WITNESSED => {
            Err(Refusal::new(RefusalCode::TooMany).with("most", &MAX_WITNESSED))
        }
        CallCommand::Witness { seen } => Ok(seen.iter().cloned().map(Fact::CallWitnessed).collect()),
        CallCommand::Keep => Ok(Vec::new()),
        CallCommand::End { lost } => Ok(lost.iter().filter_map(|lost| end(calls, lost)).collect()),
    }
}

fn connect(calls: &OpenCalls, key: &CallKey, about: (Side, bool, bool)) -> Result<Vec<Fact>, Refusal> {
    if calls.running(key).is_some() {
        return Err(Refusal::new(RefusalCode::CallRunning));
    }
    if key.reservation.is_none() && key.connection.is_none() {
        // Nobody could ever say to which reservation it belongs.
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"connection"));
    }
    if calls.open.len() >= MAX_OPEN {
        return Err(Refusal::new(RefusalCode::TooMany).with("most", &MAX_OPEN));
    }
    let (side, test, by_hand) = about;
    let by_hand = by_hand || key.connection.is_none();
    let end = CallEnd { key: key.clone(), side, test, by_hand, reason: None, evidence: None };
    Ok(vec![Fact::CallConnected(end)])
}

fn running<'a>(calls: &'a OpenCalls, key: &CallKey) -> Result<&'a OpenCall, Refusal> {
    calls.running(key).ok_or_else(|| Refusal::new(RefusalCode::CallNotRunning))
}

fn assign(calls: &OpenCalls, assigned: &CallAssigned) -> Result<Vec<Fact>, Refusal> {
    let is_it = |loose: &&Loose| loose.endpoint == assigned.endpoint && loose.connection == assigned.connection;
    let loose = calls.loose.iter().find(is_it);
    let loose = loose.ok_or_else(|| Refusal::new(RefusalCode::UnknownCall))?;
    if let Some(to) = &assigned.to {
        let unknown = || Refusal::new(RefusalCode::UnknownReservation).with("reservation", to);
        let booked = calls.reservations.get(to).ok_or_else(unknown)?;
        if !is_in_window(booked, loose.from) {
            return Err(Refusal::new(RefusalCode::OutsideWindow).with("reservation", to));
        }
    }
    Ok(vec![Fact::CallAssigned(assigned.clone())])
}

/// Ends a connection at its last evidence; nothing where it has ended meanwhile.
fn end(calls: &OpenCalls, lost: &Lost) -> Option<Fact> {
    let call = calls.open.iter().find(|call| call.begun == lost.begun)?;
    Some(Fact::CallDisconnected(call.end(Some(lost.reason), Some(lost.evidence))))
}
