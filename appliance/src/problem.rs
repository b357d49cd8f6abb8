//! What a caller is told when something was not done: problem+json (RFC 9457) with a code, in English and Japanese.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use machiai_core::facts::Lang;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_journal::JournalError;
use machiai_panel::{Words, fill};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::gate::GateError;

/// A refusal as it is written: nothing was changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Told {
    /// `/problems/` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What happened, in English.
    title: String,
    /// What happened and what to do, in Japanese.
    title_ja: String,
    /// The status of the answer.
    status: u16,
    /// The code, as the guide lists it.
    code: String,
    /// Values the sentence was made of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, String>,
    /// Where in the request, for requests that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A refusal on its way out; boxed, because it travels through every result.
#[derive(Debug)]
pub(crate) struct Problem(Box<Told>);

impl Problem {
    /// Makes the answer to a refusal.
    pub(crate) fn refused(words: &Words, refusal: &Refusal) -> Self {
        let code = refusal.code.as_str();
        let mut problem = Self::coded(words, status_of(refusal.code), code, &refusal.values);
        problem.0.values.clone_from(&refusal.values);
        problem
    }

    /// Makes the answer to a command that the gate did not carry out.
    pub(crate) fn gate(words: &Words, error: &GateError) -> Self {
        let none = BTreeMap::new();
        let (status, code) = match error {
            GateError::Refused(refusal) => return Self::refused(words, refusal),
            GateError::Aside(aside) => (StatusCode::CONFLICT, aside.code()),
            GateError::Unreadable(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_read"),
            GateError::Seal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_sealed"),
            GateError::Journal(JournalError::Conflict) => (StatusCode::CONFLICT, "key_conflict"),
            GateError::Journal(JournalError::Unwritable(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "too_long"),
            GateError::Journal(JournalError::DiskFull) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            GateError::Journal(JournalError::Unknown(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "outcome_unknown"),
            GateError::Journal(JournalError::NotKept(_) | JournalError::Damaged(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not_kept")
            }
            GateError::Journal(JournalError::Busy | JournalError::Stopped) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        };
        Self::coded(words, status, code, &none)
    }

    /// Makes the answer to a request that is no command.
    pub(crate) fn request(words: &Words, status: StatusCode, code: &str, detail: Option<String>) -> Self {
        let mut problem = Self::coded(words, status, code, &BTreeMap::new());
        problem.0.detail = detail;
        problem
    }

    /// Makes the answer to a request one of whose texts cannot be used.
    pub(crate) fn of_field(words: &Words, status: StatusCode, code: &str, field: &str) -> Self {
        Self::of_value(words, status, code, ("field", field.to_owned()))
    }

    /// Makes the answer to a request whose sentence has one value.
    pub(crate) fn of_value(words: &Words, status: StatusCode, code: &str, (name, value): (&str, String)) -> Self {
        let values = BTreeMap::from([(name.to_owned(), value)]);
        let mut problem = Self::coded(words, status, code, &values);
        problem.0.values = values;
        problem
    }

    /// Makes the answer to a request for what is not there.
    pub(crate) fn unknown_address(words: &Words) -> Self {
        Self::request(words, StatusCode::NOT_FOUND, "unknown_address", None)
    }

    /// Returns what happened, in Japanese and in English, for a page.
    pub(crate) fn titles(&self) -> (&str, &str) {
        (&self.0.title_ja, &self.0.title)
    }

    /// Returns its code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn coded(words: &Words, status: StatusCode, code: &str, values: &BTreeMap<String, String>) -> Self {
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let say = |lang| words.get(lang, "refusal", code).map_or_else(|| code.to_owned(), |text| fill(text, &values));
        Self(Box::new(Told {
            kind: format!("/problems/{code}"),
            title: say(Lang::En),
            title_ja: say(Lang::Ja),
            status: status.as_u16(),
            code: code.to_owned(),
            values: BTreeMap::new(),
            detail: None,
        }))
    }
}

const fn status_of(code: RefusalCode) -> StatusCode {
    match code {
        RefusalCode::UnknownLine
        | RefusalCode::UnknownRoom
        | RefusalCode::UnknownVisit
        | RefusalCode::UnknownSession
        | RefusalCode::UnknownPrint
        | RefusalCode::UnknownStaff
        | RefusalCode::UnknownDevice
        | RefusalCode::UnknownTable
        | RefusalCode::UnknownItem
        | RefusalCode::UnknownContent
        | RefusalCode::UnknownCall
        | RefusalCode::UnknownOrder
        | RefusalCode::UnknownReservation => StatusCode::NOT_FOUND,
        RefusalCode::BadSettings
        | RefusalCode::TooLong
        | RefusalCode::BadValue
        | RefusalCode::FromTheFuture
        | RefusalCode::FamilySize => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalCode::LineClosed
        | RefusalCode::LineOpen
        | RefusalCode::RemoteClosed
        | RefusalCode::FullForNow
        | RefusalCode::NumbersUsedUp
        | RefusalCode::NumberGiven
        | RefusalCode::LeaseUsedUp
        | RefusalCode::PressedTwice
        | RefusalCode::RoomEmpty
        | RefusalCode::AlreadyInRoom
        | RefusalCode::NotWhileInRoom
        | RefusalCode::ScreenWasOld
        | RefusalCode::NotInThisState
        | RefusalCode::NobodyAbsent
        | RefusalCode::NothingToUndo
        | RefusalCode::ActedSince
        | RefusalCode::SameLine
        | RefusalCode::SettingsChanged
        | RefusalCode::PrintRunning
        | RefusalCode::NoPrinter
        | RefusalCode::LastManager
        | RefusalCode::TooMany
        | RefusalCode::TableChanged
        | RefusalCode::NotApproved
        | RefusalCode::DeadlinePassed
        | RefusalCode::CallRunning
        | RefusalCode::CallNotRunning
        | RefusalCode::OrderOver
        | RefusalCode::OutsideWindow => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
