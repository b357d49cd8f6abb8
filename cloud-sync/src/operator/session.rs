//! How operators come in, and what keeps them in: a password and a code, then a cookie of 256 random bits, of which the
//! store keeps the hash. Nothing is kept on a node.
//!
//! Every failure looks alike, and is written into the audit.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use machiai_wire::buckets::{Buckets, Rate};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::account::{OperatorName, fits};
use super::totp::read_step;
use crate::chance;
use crate::store::operators::{Account, Entry, SignIn, Try, Use};
use crate::store::{Store, StoreError};

/// The cookie's name: browsers take one of this prefix from the host itself alone, and over TLS.
const COOKIE: &str = "__Host-machiai-operator";

/// Tries of everybody together on this node: who they are, nobody knows behind a proxy. It bounds what the audit takes.
const TRIES: Rate = Rate { per_minute: 60, at_once: 20 };

/// What a form's token is derived for.
const FORM_CONTEXT: &str = "machiai hub 2026 operator form token";

/// Who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) operator: String,
    pub(super) hash: [u8; 32],
    /// What every form of this sign-in carries, and no other page knows.
    pub(super) form_token: String,
}

/// What is typed to sign in.
#[derive(Deserialize)]
pub(super) struct Typed {
    name: String,
    password: String,
    code: String,
}

/// What came of a try to sign in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Signed in, by this cookie.
    In(String),
    /// Not signed in.
    Out,
    /// Too many try.
    Busy {
        /// For so many seconds.
        after_s: u64,
    },
}

/// Reads the wall clock, in seconds since 1970.
pub(crate) type NowS = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Lets operators in.
pub(super) struct Gate {
    store: Store,
    now_s: NowS,
    tries: Mutex<Buckets<()>>,
    /// One hashing at a time: each takes 19 MiB.
    hashing: Semaphore,
}

impl Gate {
    pub(super) const fn new(store: Store, now_s: NowS) -> Self {
        Self { store, now_s, tries: Mutex::new(Buckets::of(TRIES)), hashing: Semaphore::const_new(1) }
    }

    /// Judges a try to sign in.
    ///
    /// # Errors
    /// [`StoreError`]: try again with the next code.
    pub(super) async fn sign_in(&self, typed: Typed) -> Result<Came, StoreError> {
        let now_s = (self.now_s)();
        if let Err(after_s) =
            self.tries.lock().unwrap_or_else(PoisonError::into_inner).take((), now_s.saturating_mul(1_000))
        {
            return Ok(Came::Busy { after_s });
        }
        let name = typed.name.trim().parse::<OperatorName>().ok();
        let judged = match &name {
            Some(name) => self.store.count_try(name.as_str(), now_s).await?,
            None => Try::Nobody,
        };
        let (account, known, why) = match judged {
            Try::By(account) => (Some(account), true, ""),
            Try::Rests => (None, true, "locked"),
            Try::Nobody => (None, false, ""),
        };
        let step = self.step(account, typed.password, &typed.code, now_s).await;
        let operator = name.filter(|_| known).map(|name| name.as_str().to_owned()).unwrap_or_default();
        if let Some(step) = step {
            let cookie: [u8; 32] = chance::bytes().map_err(StoreError::Chance)?;
            let cookie = blake3::Hash::from_bytes(cookie).to_hex().to_string();
            let sign_in = SignIn { operator: operator.clone(), hash: hash_of(&cookie), step, at_s: now_s };
            if self.store.sign_in(sign_in).await? {
                return Ok(Came::In(format!("{COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Strict")));
            }
        }
        let detail = if step.is_some() { "code used before" } else { why }.to_owned();
        let what = "sign_in_failed".to_owned();
        self.store.note_audit(Entry { at_s: now_s, operator, what, site: None, detail }).await?;
        Ok(Came::Out)
    }

    /// Returns the step of the code if password and code are right; takes as long whatever is wrong.
    async fn step(&self, account: Option<Account>, password: String, code: &str, now_s: u64) -> Option<u64> {
        let _one = self.hashing.acquire().await.ok()?;
        let hashed = tokio::task::spawn_blocking(move || {
            let is_right = fits(account.as_ref(), &password);
            account.filter(|_| is_right)
        });
        let account = hashed.await.ok()??;
        read_step(&account.totp, code, now_s)
    }

    /// Returns who is signed in by the cookie of a request.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub(super) async fn session(&self, headers: &HeaderMap, how: Use) -> Result<Option<Session>, StoreError> {
        let Some(cookie) = crate::patient::read_cookie(headers, COOKIE) else { return Ok(None) };
        let hash = hash_of(cookie);
        let operator = self.store.signed_in(hash, how, (self.now_s)()).await?;
        let form_token = || blake3::Hash::from_bytes(blake3::derive_key(FORM_CONTEXT, cookie.as_bytes())).to_string();
        Ok(operator.map(|operator| Session { operator, hash, form_token: form_token() }))
    }
}

fn hash_of(cookie: &str) -> [u8; 32] {
    *blake3::hash(cookie.as_bytes()).as_bytes()
}

/// Returns what ends the cookie in the browser.
pub(super) fn no_cookie() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

/// Whether a browser says that a request comes from a page of another site; one that says nothing is judged by what else
/// it carries.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let says = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let from = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or_default());
    if from.is_some_and(|from| !matches!(from, "same-origin" | "none")) {
        return true;
    }
    let (origin, host) = (says(header::ORIGIN), says(header::HOST));
    // A proxy that passes the host on lets the origin be compared; else the browser's word above counts.
    from.is_none() && origin.is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != host)
}

/// Whether a form's token is the session's.
pub(super) fn is_own_form(session: &Session, token: &str) -> bool {
    // Compared as hashes, so that the time it takes tells nothing.
    blake3::hash(session.form_token.as_bytes()) == blake3::hash(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_request_of_another_site_is_known_by_what_its_browser_says() {
        for own in [
            headers(&[]),
            headers(&[("sec-fetch-site", "same-origin"), ("origin", "https://desk.example"), ("host", "inner:1")]),
            headers(&[("sec-fetch-site", "none")]),
            headers(&[("origin", "http://desk.example:8"), ("host", "desk.example:8")]),
        ] {
            assert!(!is_foreign(&own), "{own:?}");
        }
        for foreign in [
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[("sec-fetch-site", "same-site")]),
            headers(&[("sec-fetch-site", "Same-Origin")]),
            headers(&[("origin", "null"), ("host", "desk.example")]),
            headers(&[("origin", "https://desk.example.evil"), ("host", "desk.example")]),
            headers(&[("origin", "https://desk.example")]),
        ] {
            assert!(is_foreign(&foreign), "{foreign:?}");
        }
    }
}
