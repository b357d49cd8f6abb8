//! The command line of operators' accounts and of the audit, and what each answers.

use std::error::Error;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use machiai_core::time::{AtMs, Day};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::account::{MAX_PASSWORD_BYTES, OperatorName, make};
use super::totp::{uri, written};
use crate::serve::now_s;
use crate::store::operators::Entry;
use crate::store::{Store, StoreError};

/// The most entries of the audit that are printed at once.
const MOST_ENTRIES: u32 = 100_000;

/// An account to be added.
#[derive(Debug, Args)]
pub struct AddOperator {
    /// By what the operator signs in.
    name: OperatorName,
    /// A file whose first line is the password; the standard input by default.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

/// An account to be removed.
#[derive(Debug, Args)]
pub struct RemoveOperator {
    /// By what the operator signs in.
    name: OperatorName,
}

/// The audit: who signed in, tried to, and did what.
#[derive(Debug, Args)]
pub struct ShowAudit {
    /// Only what was done since a day in Asia/Tokyo, such as 2026-11-24.
    #[arg(long)]
    since: Option<Day>,
}

/// Lists the accounts, a line each.
///
/// # Errors
/// [`StoreError`]: ask again.
pub async fn list(store: &Store) -> Result<String, StoreError> {
    let line = |(name, locked_until_s): (String, u64)| {
        if locked_until_s > now_s() { format!("{name} (locked)") } else { name }
    };
    Ok(store.operators().await?.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

impl RemoveOperator {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, store: &Store) -> Result<String, Box<dyn Error>> {
        let name = self.name.as_str();
        if !store.remove_operator(name, now_s()).await? {
            return Err(format!("there is no operator {name}").into());
        }
        Ok(format!("operator {name} removed"))
    }
}

impl AddOperator {
    /// Carries it out, and returns what is said: the only time that what the codes follow from is.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, store: &Store) -> Result<String, Box<dyn Error>> {
        let name = self.name.as_str();
        let account = make(&read_password(self.password_file)?)?;
        let (uri, secret) = (uri(name, &account.totp), written(&account.totp));
        if !store.add_operator(name, account, now_s()).await? {
            return Err(format!("there is an operator {name} already").into());
        }
        let picture = QrCode::new(&uri)?.render::<Dense1x2>().quiet_zone(true).build();
        Ok(format!("operator {name} added; this is said once\n{uri}\nsecret {secret}\n{picture}"))
    }
}

/// Reads the first line of a file, or of the standard input.
fn read_password(file: Option<PathBuf>) -> Result<String, Box<dyn Error>> {
    let most = u64::try_from(MAX_PASSWORD_BYTES).unwrap_or(u64::MAX).saturating_add(2);
    let mut text = String::new();
    match file {
        Some(path) => std::fs::File::open(&path)
            .and_then(|file| file.take(most).read_to_string(&mut text))
            .map_err(|cause| format!("cannot read {}: {cause}", path.display()))?,
        None => std::io::stdin().take(most).read_to_string(&mut text)?,
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl ShowAudit {
    /// Carries it out, and returns the entries, the oldest first, a line each.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, store: &Store) -> Result<String, Box<dyn Error>> {
        let since_s = self.since.map_or(0, |day| u64::try_from(day.at_min(0).0 / 1_000).unwrap_or(0));
        let entries = store.audit(since_s, MOST_ENTRIES).await?;
        Ok(entries.iter().rev().map(line).collect::<Vec<_>>().join("\n"))
    }
}

/// Writes an entry as a line: nothing that anybody typed can make two of it.
fn line(entry: &Entry) -> String {
    let Entry { at_s, operator, what, site, detail } = entry;
    let at = AtMs(i64::try_from(at_s.saturating_mul(1_000)).unwrap_or(i64::MAX));
    let (at, site) = (at.in_tokyo().strftime("%Y-%m-%d %H:%M:%S"), site.map(|site| format!("site {site}")));
    let operator = if operator.is_empty() { "?" } else { operator };
    let detail = (!detail.is_empty()).then(|| format!("{detail:?}"));
    let parts = [Some(at.to_string()), Some(operator.to_owned()), Some(what.clone()), site, detail];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
