//! The report of an acceptance: signed where it was made, kept in a file, and handed to the box.

use std::path::Path;

use anyhow::{Context, Result, bail};
use machiai_core::ids::SiteId;
use machiai_core::support::commission::{Came, REPORT_SIGNED_UNDER, Report, Scene};
use machiai_core::time::AtMs;
use machiai_hub::support::key::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::demo::api::{Api, Press};

/// A signed report, as its file has it and as the box takes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signed {
    /// What was signed, byte for byte.
    pub report: String,
    /// The signature, in base64.
    pub signature: String,
}

/// Signs the report of a walk.
///
/// # Errors
/// It cannot be written.
pub fn signed(
    site: SiteId,
    (began_ms, ended_ms): (AtMs, AtMs),
    scenes: Vec<Scene>,
    key: &SigningKey,
) -> Result<Signed> {
    let report = Report { site, version: env!("CARGO_PKG_VERSION").to_owned(), began_ms, ended_ms, scenes };
    let report = serde_json::to_string(&report).context("cannot write the report")?;
    let signature = key.sign_under(REPORT_SIGNED_UNDER, &report);
    Ok(Signed { report, signature })
}

impl Signed {
    /// Keeps it in a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, path: &Path) -> Result<()> {
        crate::demo::daemon::write(path, serde_json::to_string_pretty(self).context("cannot write the report")?)
    }

    /// Hands it to the box.
    ///
    /// # Errors
    /// The box refuses it, with its reason, or does not answer.
    pub async fn hand_over(&self, api: &Api) -> Result<()> {
        let body = json!({"report": self.report, "signature": self.signature});
        let press = Press { device: "hw-tests".to_owned(), path: "commission".to_owned(), body };
        // The same report is handed over once, however often it is tried.
        let key = blake3::hash(self.report.as_bytes()).to_hex();
        let answered = api.press(press, key.chars().take(32).collect()).await?;
        match answered.code() {
            None => Ok(()),
            Some(code) => bail!("the box refuses the report: {code}: {}", answered.answer["title"]),
        }
    }
}

/// Whether a walk makes the site accepted: something passed and nothing failed.
#[must_use]
pub fn is_accepted(scenes: &[Scene]) -> bool {
    let has = |came: Came| scenes.iter().any(|scene| scene.came == came);
    has(Came::Passed) && !has(Came::Failed)
}
