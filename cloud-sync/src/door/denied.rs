//! Why somebody is not let in, as the box reads it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use machiai_wire::enrol::{BadCode, reason};
use serde_json::json;

use super::authority::AuthorityError;
use crate::store::StoreError;
use crate::stream::answers::{Refused, set};

/// Why not.
#[derive(Debug)]
pub(crate) enum Denied {
    /// No certificate.
    NoCertificate,
    /// A certificate for another site.
    OtherSite,
    /// The certificate was revoked.
    Revoked,
    /// The box was replaced.
    Fenced,
    /// The certificate is over, and may only be renewed.
    Expired,
    /// The certificate has been over for too long.
    TooOld,
    /// The code is mistyped.
    Mistyped(BadCode),
    /// The code was drawn by another hub.
    OtherHub,
    /// No such code was drawn.
    UnknownCode,
    /// The code was used.
    UsedCode,
    /// The code is too old.
    OldCode,
    /// The site has a box.
    HasABox,
    /// What was sent cannot be read.
    Malformed,
    /// The request for a certificate cannot be read.
    BadRequest,
    /// More than is served at once.
    TooMany { after_s: u64 },
    /// The authority cannot sign.
    Authority(AuthorityError),
    /// As the site's routes refuse.
    Refused(Refused),
}

impl From<StoreError> for Denied {
    fn from(cause: StoreError) -> Self {
        Self::Refused(Refused::Store(cause))
    }
}

impl From<Refused> for Denied {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Denied {
    fn words(&self) -> (StatusCode, &'static str, String) {
        let (no, bad) = (StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST);
        let (status, code, says) = match self {
            Self::NoCertificate => (no, reason::NO_CERTIFICATE, "enrol this box first"),
            Self::OtherSite => (no, reason::OTHER_SITE, "the certificate is another site's"),
            Self::Revoked => (no, reason::REVOKED, "the certificate was revoked"),
            Self::Fenced => (no, reason::FENCED, "another box has taken this one's place"),
            Self::Expired => (no, reason::EXPIRED, "the certificate is over: it can only be renewed"),
            Self::TooOld => (no, reason::TOO_OLD, "the certificate has been over for too long: enrol this box again"),
            Self::Mistyped(cause) => return (bad, reason::MISTYPED, cause.to_string()),
            Self::OtherHub => (no, reason::OTHER_HUB, "the code was drawn by another hub"),
            Self::UnknownCode => (no, reason::UNKNOWN_CODE, "no such code was drawn"),
            Self::UsedCode => (no, reason::USED_CODE, "the code was used: draw another"),
            Self::OldCode => (no, reason::OLD_CODE, "the code is too old: draw another"),
            Self::HasABox => (no, reason::HAS_A_BOX, "the site has a box: draw a code that replaces it"),
            Self::Malformed => (bad, "malformed", "cannot read what was sent"),
            Self::BadRequest => (bad, reason::BAD_REQUEST, "cannot read the request for a certificate"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, reason::TOO_MANY, "too much at once"),
            Self::Authority(_) => (StatusCode::SERVICE_UNAVAILABLE, "authority", "the hub cannot sign, ask again"),
            Self::Refused(refused) => return refused.words(),
        };
        (status, code, says.to_owned())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        if let Self::Refused(refused) = self {
            return refused.into_response();
        }
        if let Self::Authority(cause) = &self {
            tracing::error!(error = %cause, "the authority failed");
        }
        let (status, code, says) = self.words();
        let mut response = (status, Json(json!({"code": code, "detail": says}))).into_response();
        if let Self::TooMany { after_s } = self {
            set(&mut response, "retry-after", &after_s.to_string());
        }
        response
    }
}
