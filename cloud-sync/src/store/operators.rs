//! Who may look after the fleet, as every store keeps it: accounts, sign-ins, and the audit, to which is only ever added.

use machiai_core::ids::SiteId;

use super::{Store, StoreError};

/// The longest a sign-in lasts, and how long it may be idle, in seconds.
pub const SIGNED_IN_FOR_S: u64 = 8 * 60 * 60;
/// See [`SIGNED_IN_FOR_S`].
pub const IDLE_FOR_S: u64 = 30 * 60;

/// Tries that an account takes, and how long it rests after them, in seconds.
pub const MOST_TRIES: u64 = 5;
/// See [`MOST_TRIES`].
pub const LOCKED_FOR_S: u64 = 15 * 60;

/// A use of a sign-in is written down this many seconds after the one before at the soonest.
const NOTED_EVERY_S: u64 = 60;

/// An account as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Form, salt and hash of the password.
    pub password: [u8; 49],
    /// What the codes follow from.
    pub totp: [u8; 20],
}

/// By what a try to sign in is judged.
#[derive(Clone, PartialEq, Eq)]
pub enum Try {
    /// Nobody has the name.
    Nobody,
    /// Its account rests after too many tries.
    Rests,
    /// This account.
    By(Account),
}

/// An account's name, and until which second since 1970 nobody signs in by it.
pub type Listed = (String, u64);

/// What was done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// Who; empty for a name that nobody has.
    pub operator: String,
    /// What, by code.
    pub what: String,
    /// Whose box it concerns.
    pub site: Option<SiteId>,
    /// What more is to be said.
    pub detail: String,
}

/// A sign-in that is to begin.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Who.
    pub operator: String,
    /// blake3 of the cookie.
    pub hash: [u8; 32],
    /// The step whose code was given.
    pub step: u64,
    /// When, in seconds since 1970.
    pub at_s: u64,
}

/// A sign-in as it stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) operator: String,
    pub(super) began_s: u64,
    pub(super) used_s: u64,
}

impl Standing {
    /// Whether it counts at a second.
    pub(super) const fn counts(&self, now_s: u64) -> bool {
        now_s < self.began_s.saturating_add(SIGNED_IN_FOR_S) && now_s < self.used_s.saturating_add(IDLE_FOR_S)
    }

    /// Whether its use at a second is to be written down.
    pub(super) const fn is_to_be_noted(&self, now_s: u64) -> bool {
        now_s >= self.used_s.saturating_add(NOTED_EVERY_S)
    }
}

/// Whether something is the operator's own doing, or happens by itself, as when a page is loaded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Somebody sits there.
    Own,
    /// Nobody need be there: it keeps no sign-in alive.
    ByItself,
}

impl Store {
    /// Adds an account; returns whether the name was free.
    ///
    /// # Errors
    /// [`StoreError`]: look who is there before doing it again.
    pub async fn add_operator(&self, name: &str, account: Account, now_s: u64) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.add_operator(name, account, now_s).await,
            Self::Postgres(postgres) => postgres.add_operator(name, account, now_s).await,
        }
    }

    /// Removes an account, and ends its sign-ins; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]: do it again.
    pub async fn remove_operator(&self, name: &str, now_s: u64) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.remove_operator(name, now_s).await,
            Self::Postgres(postgres) => postgres.remove_operator(name, now_s).await,
        }
    }

    /// Lists the accounts by name.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn operators(&self) -> Result<Vec<Listed>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.operators().await,
            Self::Postgres(postgres) => postgres.operators().await,
        }
    }

    /// Counts a try to sign in before it is judged, so that no two nodes together let more through; returns by what it is
    /// judged.
    ///
    /// # Errors
    /// [`StoreError`]: ask again; the try may have been counted.
    pub async fn count_try(&self, name: &str, now_s: u64) -> Result<Try, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.count_try(name, now_s).await,
            Self::Postgres(postgres) => postgres.count_try(name, now_s).await,
        }
    }

    /// Begins a sign-in unless the code of its step, or a later one, was used before; returns whether it began.
    ///
    /// # Errors
    /// [`StoreError`]: sign in again with the next code.
    pub async fn sign_in(&self, sign_in: SignIn) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.sign_in(sign_in).await,
            Self::Postgres(postgres) => postgres.sign_in(sign_in).await,
        }
    }

    /// Returns who is signed in by a cookie of this hash.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn signed_in(&self, hash: [u8; 32], how: Use, now_s: u64) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.signed_in(hash, how, now_s).await,
            Self::Postgres(postgres) => postgres.signed_in(hash, how, now_s).await,
        }
    }

    /// Ends a sign-in; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]: do it again.
    pub async fn sign_out(&self, hash: [u8; 32], now_s: u64) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.sign_out(hash, now_s).await,
            Self::Postgres(postgres) => postgres.sign_out(hash, now_s).await,
        }
    }

    /// Adds to the audit.
    ///
    /// # Errors
    /// [`StoreError`]: what it would tell of is not to be done.
    pub async fn note_audit(&self, entry: Entry) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.note_audit(entry).await,
            Self::Postgres(postgres) => postgres.note_audit(entry).await,
        }
    }

    /// Returns the newest entries of the audit since a second since 1970, at most so many, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn audit(&self, since_s: u64, most: u32) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.audit(since_s, most).await,
            Self::Postgres(postgres) => postgres.audit(since_s, most).await,
        }
    }
}

/// Returns what the audit says of something that concerns an account alone.
pub(super) fn entry(at_s: u64, operator: &str, (what, detail): (&str, &str)) -> Entry {
    let (operator, what, detail) = (operator.to_owned(), what.to_owned(), detail.to_owned());
    Entry { at_s, operator, what, site: None, detail }
}

/// By what name the command line stands in the audit.
pub const CONSOLE: &str = "console";
