//! The acceptance of a site: what was tried on its real devices, as whoever installed it signed.
//!
//! The report is kept as it was signed, byte for byte. A site is accepted when something was tried and nothing failed;
//! what was left out is named.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::envelope::Head;
use crate::ids::SiteId;
use crate::refusal::{Refusal, RefusalCode};
use crate::time::AtMs;

/// What is signed begins with this, so that no signature under anything else is one under a report.
pub const REPORT_SIGNED_UNDER: &str = "machiai acceptance report 1\n";

/// The longest report, in bytes: a site with devices in every room takes a quarter of it.
pub const MAX_REPORT_BYTES: usize = 12 * 1024;

/// How a scene came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// As it must, and whoever stood there said so.
    Passed,
    /// Otherwise.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One scene, and how it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Its name.
    pub scene: String,
    /// The device it was tried on, as it was named; empty where there was none.
    #[serde(default)]
    pub device: String,
    /// How.
    pub came: Came,
    /// Why not otherwise; empty where it passed.
    #[serde(default)]
    pub why: String,
}

/// The report of an acceptance, as it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Of which facility.
    pub site: SiteId,
    /// The version of what tried it.
    pub version: String,
    /// When it began, by the clock of the machine.
    pub began_ms: AtMs,
    /// When it ended.
    pub ended_ms: AtMs,
    /// The scenes, in order.
    pub scenes: Vec<Scene>,
}

/// See [`crate::facts::Fact::Commissioned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commissioned {
    /// What was signed, byte for byte: the JSON of a [`Report`].
    pub report: String,
    /// The signature of those bytes by an operator's key (Ed25519), in base64.
    pub signature: String,
    /// Whose key it is, by the name in the box's configuration.
    pub operator: String,
}

/// The newest acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// When the box took it in.
    pub at: AtMs,
    /// Whose.
    pub operator: String,
    /// Scenes that passed.
    pub n_passed: usize,
    /// What was not tried.
    pub skipped: Vec<String>,
}

impl Acceptance {
    /// Reads an acceptance of a fact; none where its report is none.
    pub(super) fn of(head: &Head, fact: &Commissioned) -> Option<Self> {
        let report: Report = serde_json::from_str(&fact.report).ok()?;
        let of = |came: Came| report.scenes.iter().filter(move |scene| scene.came == came);
        Some(Self {
            at: head.at_ms,
            operator: fact.operator.clone(),
            n_passed: of(Came::Passed).count(),
            skipped: of(Came::Skipped).map(|scene| scene.scene.clone()).collect(),
        })
    }
}

/// Judges whether a report makes a site accepted.
///
/// # Errors
/// A [`Refusal`] says what is wrong with it; nothing is written.
pub fn accept(fact: &Commissioned, site: SiteId) -> Result<(), Refusal> {
    let bad = |field: &str| Refusal::new(RefusalCode::BadValue).with("field", &field);
    if fact.report.len() > MAX_REPORT_BYTES {
        return Err(Refusal::new(RefusalCode::TooLong).with("field", &"report").with("most", &MAX_REPORT_BYTES));
    }
    let report: Report = serde_json::from_str(&fact.report).map_err(|_no_report| bad("report"))?;
    if report.site != site {
        return Err(bad("site"));
    }
    let has = |came: Came| report.scenes.iter().any(|scene| scene.came == came);
    if has(Came::Failed) || !has(Came::Passed) { Err(bad("scenes")) } else { Ok(()) }
}
