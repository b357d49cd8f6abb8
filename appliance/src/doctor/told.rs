//! What the daemon alone knows: read over its own listener by the command line, or taken from the app by its pages.

use std::collections::BTreeMap;

use machiai_core::health::HealthReported;
use machiai_core::ids::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Check, Finding, Grade};
use crate::devices::known::Known;
use crate::link::told::HubStatus;
use crate::link::trial::Figures;

/// What the daemon says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Daemon {
    /// How it does, as the vendor's fleet is told.
    pub(crate) health: HealthReported,
    /// How the channel to the hub does; none where there is no hub.
    pub(crate) hub: Option<HubStatus>,
    /// Why no command can be kept; none while they can.
    pub(crate) lacks: Option<String>,
    /// How the devices on lines of their own do.
    pub(crate) devices: BTreeMap<DeviceId, Known>,
    /// What the line to the hub carried when it was last tried; none where nobody tried it since the start.
    pub(crate) line: Option<Figures>,
}

/// What the daemon finds wrong that other checks find as well, with more to say.
const ELSEWHERE: [&str; 5] = ["clock_lost", "monitor_gone", "device_away", "key_stuck", "secrets_locked"];

/// What it finds wrong and works all the same: the rest keeps something from working.
const NOTES: [&str; 5] = ["journal_damaged", "journal_restored", "template_fault", "content_wrong", "config_refused"];

/// Judges whether the daemon runs, and what it says is wrong.
pub(crate) fn daemon(told: Option<&Daemon>) -> Vec<Finding> {
    let found = |grade, code: &str| Finding::new(Check::Daemon, grade, code);
    let Some(told) = told else { return vec![found(Grade::Broken, "daemon_down")] };
    let troubles = told.health.troubles.iter().filter(|code| !ELSEWHERE.contains(&code.as_str()));
    let grade = |code: &str| if NOTES.contains(&code) { Grade::Note } else { Grade::Broken };
    let mut findings: Vec<Finding> = troubles.map(|code| found(grade(code), code)).collect();
    if told.lacks.is_some() && findings.iter().all(|finding| finding.code != "disk_full") {
        findings.push(found(Grade::Broken, "daemon_stuck"));
    }
    if findings.is_empty() {
        findings.push(found(Grade::Ok, "daemon_ok").with("version", &told.health.version));
    }
    findings
}
