//! Which boxes may speak for a site, as every store keeps it: generations, enrolment codes, certificates.

use machiai_core::ids::SiteId;
use machiai_wire::enrol::Generation;

use super::{Store, StoreError};

/// An enrolment code as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// The facility whose box it enrols.
    pub site: SiteId,
    /// What it is known by.
    pub hash: [u8; 32],
    /// Whether the box takes the place of another one, which is fenced then.
    pub replaces: Replaces,
    /// The last second at which it may be used, since 1970.
    pub until_s: u64,
}

/// Whether a box takes another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// The site has no box.
    Nothing,
    /// The box that the site has is fenced.
    TheBox,
}

/// How long a code that is over is remembered, so that whoever types it learns why it fails: 30 days, in seconds.
pub(super) const CODES_REMEMBERED_S: u64 = 30 * 24 * 60 * 60;

/// The serial number of a certificate: 16 bytes.
pub type Serial = [u8; 16];

/// A certificate that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    /// Its serial number.
    pub serial: Serial,
    /// Its last second, since 1970.
    pub not_after_s: u64,
}

/// What came of a code's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeUse {
    /// The certificate may be made, for this generation of the site.
    Enrolled(Generation),
    /// No such code was drawn.
    Unknown,
    /// It was used before.
    Used,
    /// It is too old.
    Old,
    /// The site has a box, whose place the code does not take.
    HasABox,
}

/// A code as it was drawn and stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) site: SiteId,
    /// Whether its use raises the site's generation.
    pub(super) replaces: bool,
    pub(super) until_s: u64,
    pub(super) is_used: bool,
}

impl Drawn {
    /// Says why it cannot be used; none where it can. `now_s` is in seconds since 1970.
    pub(super) const fn refused(&self, now_s: u64) -> Option<CodeUse> {
        if self.is_used {
            return Some(CodeUse::Used);
        }
        if self.until_s < now_s { Some(CodeUse::Old) } else { None }
    }

    /// Returns what comes of it at a site that stands at a generation, of which boxes have certificates or had: one that
    /// follows another is of the next, also where that one was revoked, so that only one ever has the site's place.
    pub(super) const fn enrols(&self, current: Generation, boxes: Boxes) -> CodeUse {
        match (self.replaces, boxes) {
            (false, Boxes::None) => CodeUse::Enrolled(current),
            (false, Boxes::Good) => CodeUse::HasABox,
            (true, _) | (false, Boxes::Revoked) => CodeUse::Enrolled(Generation(current.0.saturating_add(1))),
        }
    }
}

/// Of whom certificates of a site's generation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boxes {
    /// There are none.
    None,
    /// One counts.
    Good,
    /// None counts any more.
    Revoked,
}

impl Boxes {
    /// Of what a store knows: whether each is revoked, the good ones first.
    pub(super) fn of(first_is_revoked: Option<bool>) -> Self {
        first_is_revoked.map_or(Self::None, |is_revoked| if is_revoked { Self::Revoked } else { Self::Good })
    }
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The generation of its site that may speak.
    pub generation: Generation,
    /// Whether it was revoked.
    pub is_revoked: bool,
}

impl Store {
    /// Keeps an enrolment code; returns whether its site is known.
    ///
    /// # Errors
    /// [`StoreError`]: draw another.
    pub async fn keep_code(&self, code: NewCode) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.keep_code(code).await,
            Self::Postgres(postgres) => postgres.keep_code(code).await,
        }
    }

    /// Uses a code for a certificate, once, all or nothing; `now_s` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`]: ask again; the code may have been used.
    pub async fn use_code(
        &self,
        hash: [u8; 32],
        now_s: u64,
        certificate: NewCertificate,
    ) -> Result<CodeUse, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.use_code(hash, now_s, certificate).await,
            Self::Postgres(postgres) => postgres.use_code(hash, now_s, certificate).await,
        }
    }

    /// Keeps a certificate that takes another's place, for a generation of its site.
    ///
    /// # Errors
    /// [`StoreError`]: hand nothing out.
    pub async fn keep_certificate(
        &self,
        (site, generation): (SiteId, Generation),
        certificate: NewCertificate,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.keep_certificate((site, generation), certificate).await,
            Self::Postgres(postgres) => postgres.keep_certificate((site, generation), certificate).await,
        }
    }

    /// Says how a certificate stands; none for a site that is not known.
    ///
    /// One that is not known is not revoked: a store that came back from a backup has forgotten it, and its signature
    /// proves that it was made here.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn admission(&self, site: SiteId, serial: Serial) -> Result<Option<Admission>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.admission(site, serial).await,
            Self::Postgres(postgres) => postgres.admission(site, serial).await,
        }
    }

    /// Raises a site's generation to one that a certificate proves, which a store that came back from a backup lacks.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn raise(&self, site: SiteId, generation: Generation) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.raise(site, generation).await,
            Self::Postgres(postgres) => postgres.raise(site, generation).await,
        }
    }

    /// Revokes the certificates of a site's generation that may speak; returns how many, none for a site that is not
    /// known.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn revoke(&self, site: SiteId) -> Result<Option<usize>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.revoke(site).await,
            Self::Postgres(postgres) => postgres.revoke(site).await,
        }
    }
}
