//! `machiai doctor` and `/desk/health`: what was looked at, what was found, and what to do about it.
//!
//! Each check is a pure function of what was read; [`eye`] reads, and the daemon adds what it alone knows. A finding
//! holds codes and values, never a secret and nothing of a patient; its sentences stand among the words.

pub(crate) mod devices;
pub(crate) mod eye;
pub(crate) mod look;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod probe;
pub(crate) mod told;

use std::collections::BTreeMap;

use machiai_core::facts::Lang;
use machiai_panel::words::{Words, fill};
use serde::{Deserialize, Serialize};

/// How bad a finding is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// Worth knowing: the clinic works, and somebody should look.
    Note,
    /// Broken: something does not work until somebody mends it.
    Broken,
}

impl Grade {
    /// Returns the status with which `machiai doctor` ends when this is the worst; 1 stands for a doctor that failed.
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Note => 2,
            Self::Broken => 3,
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// The daemon itself, and what it says is wrong.
    Daemon,
    /// Time.
    Clock,
    /// The journal's disk.
    Disk,
    /// The hourly copy of the journal in a second place.
    Copies,
    /// What seals the box's keys.
    Keys,
    /// Memory.
    Memory,
    /// Ticket printers.
    Printers,
    /// Monitors.
    Monitors,
    /// Sound.
    Sound,
    /// Fonts.
    Fonts,
    /// What films are decoded with.
    Codecs,
    /// Who listens on the network.
    Ports,
    /// The clinic's proxy.
    Proxy,
    /// The hub.
    Hub,
    /// What the line to it carries.
    Line,
    /// The box's certificate.
    Certificates,
    /// Sleep, lid and blanking.
    Power,
    /// What takes serial adapters away.
    Serial,
    /// Button boxes, number displays, keypads and readers.
    Devices,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: Check,
    /// What was found: its sentences stand among the words under this name.
    pub(crate) code: String,
    /// How bad it is.
    pub(crate) grade: Grade,
    /// What its sentences are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, String>,
}

impl Finding {
    /// Makes a finding.
    pub(crate) fn new(check: Check, grade: Grade, code: &str) -> Self {
        Self { check, code: code.to_owned(), grade, values: BTreeMap::new() }
    }

    /// Returns it with one more value.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// Says it in a language: what is, and what to do about it; nothing is to be done about what is as it should be.
    pub(crate) fn said(&self, words: &Words, lang: Lang) -> Said {
        let values: Vec<(&str, &str)> =
            self.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let say = |key: &str| words.get(lang, "doctor", key).map(|text| fill(text, &values));
        // What the daemon itself finds wrong has its sentence there already.
        let of_status = || words.get(lang, "status", &self.code).map(|text| fill(text, &values));
        let what = say(&self.code).or_else(of_status).unwrap_or_else(|| self.code.clone());
        let asks = self.grade != Grade::Ok;
        let then = if asks { say(&format!("{}_do", self.code)).or_else(|| say("trouble_do")) } else { None };
        Said { what, then: then.unwrap_or_default() }
    }
}

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    /// What is.
    pub(crate) what: String,
    /// What to do; empty where nothing is.
    pub(crate) then: String,
}

/// A finding as programs and pages read it: with its sentences.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    finding: Finding,
    ja: Said,
    en: Said,
}

/// All findings, the worst first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The worst.
    pub(crate) worst: Grade,
    /// The findings.
    pub(crate) findings: Vec<Told>,
}

/// Puts findings in order, the worst first, and gives them their words.
pub(crate) fn report(words: &Words, mut findings: Vec<Finding>) -> Report {
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.grade), finding.check));
    let worst = findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Ok);
    let told = |finding: Finding| {
        let [ja, en] = [Lang::Ja, Lang::En].map(|lang| finding.said(words, lang));
        Told { finding, ja, en }
    };
    Report { worst, findings: findings.into_iter().map(told).collect() }
}

/// Values that somebody typed, or another machine said.
const TYPED: [&str; 3] = ["why", "host", "proxy"];

impl Report {
    /// Returns the findings without their sentences, for whoever is not of the clinic: codes, and values that no text
    /// of anybody's can be in.
    pub(crate) fn coarse(&self) -> Vec<Finding> {
        let told = |told: &Told| {
            let values = told.finding.values.clone().into_iter().filter(|(name, _)| !TYPED.contains(&name.as_str()));
            Finding { values: values.collect(), ..told.finding.clone() }
        };
        self.findings.iter().map(told).collect()
    }

    /// Writes it for a terminal: a line each in Japanese and in English, and what to do below.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Told { finding, ja, en } in &self.findings {
            let mark = match finding.grade {
                Grade::Ok => "  ok    ",
                Grade::Note => "  LOOK  ",
                Grade::Broken => "  MEND  ",
            };
            for (mark, Said { what, then }) in [(mark, ja), ("        ", en)] {
                text.push_str(&format!("{mark}{what}\n"));
                if !then.is_empty() {
                    text.push_str(&format!("          -> {then}\n"));
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
