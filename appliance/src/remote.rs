//! Commands of the command line: through the daemon where it runs, else on the journal itself.

use std::collections::BTreeMap;

use machiai_core::command::{Basis, Command};
use machiai_core::facts::{Fact, Lang};
use machiai_core::health::HealthReported;
use machiai_core::ids::{DeviceId, PrinterId};
use machiai_core::time::AtMs;
use machiai_journal::OpenError;
use machiai_panel::words::{Words, fill};
use serde::Deserialize;

use crate::access::api::{Opened, PlaceBody};
use crate::chance::Chance;
use crate::cli::CliError;
use crate::config::Config;
use crate::daemon::{self, DaemonError};
use crate::devices::known::Known;
use crate::doctor::devices::PrinterRead;
use crate::doctor::told::Daemon;
use crate::gate::Gate;
use crate::health::TestAnswer;
use crate::link::told::HubStatus;
use crate::settings::Settings;

/// Takes settings in and returns how many changed.
///
/// # Errors
/// [`CliError::Refused`] when they contradict themselves; nothing of them is kept then.
pub(crate) async fn import(config: &Config, settings: &Settings) -> Result<usize, CliError> {
    let (gate, _) = match daemon::open(config, None, Box::new(|| ())) {
        Ok(opened) => opened,
        Err(DaemonError::Journal(OpenError::InUse { .. })) => return through_daemon(config, settings).await,
        Err(cause) => return Err(CliError::Daemon(cause)),
    };
    let facts: Vec<Fact> = gate.read(|clinic| settings.changes(&clinic.standing));
    let n_changes = facts.len();
    let asked = gate.ask(Gate::by(device(), None, Command::ChangeSettings { facts, basis: Basis::Any })).await;
    let has_stopped = daemon::close(&gate).await;
    asked.map_err(|cause| CliError::Refused(cause.to_string()))?;
    if has_stopped { Ok(n_changes) } else { Err(CliError::Refused("the journal did not stop as it should".to_owned())) }
}

fn device() -> DeviceId {
    "command-line".parse().unwrap_or_else(|_| unreachable!("a fixed word of twelve letters"))
}

async fn through_daemon(config: &Config, settings: &Settings) -> Result<usize, CliError> {
    let body = post(config, "settings", settings).await?;
    Ok(body.get("happened").and_then(serde_json::Value::as_array).map_or(0, Vec::len))
}

/// Opens a place to a device of the network; the daemon must run.
///
/// # Errors
/// [`CliError`]: no daemon, no such room, or a box that is not open to the network.
pub(crate) async fn pair(config: &Config, place: &PlaceBody) -> Result<Opened, CliError> {
    let body = post(config, "devices/pair", place).await?;
    serde_json::from_value(body).map_err(|source| CliError::Work { what: "read the answer", source: source.into() })
}

fn client() -> Result<reqwest::Client, CliError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CliError::Work { what: "make a client", source };
    let client = crate::link::on_this_machine().map_err(|source| failed(source.into()))?;
    client.build().map_err(|source| failed(source.into()))
}

async fn post(config: &Config, path: &str, body: &impl serde::Serialize) -> Result<serde_json::Value, CliError> {
    let failed = |source: reqwest::Error| CliError::Work { what: "reach the daemon", source: source.into() };
    let key = Chance::system().origin().map_err(|cause| CliError::Refused(cause.to_string()))?;
    let answer = client()?
        .post(format!("http://{}/api/v1/{path}", config.listen))
        .header("idempotency-key", key.to_string())
        .header("machiai-device", device().as_str())
        .json(body)
        .send()
        .await
        .map_err(failed)?;
    let (status, body) = (answer.status(), answer.json::<serde_json::Value>().await.map_err(failed)?);
    if status.is_success() {
        return Ok(body);
    }
    let title = body.get("title").and_then(serde_json::Value::as_str).unwrap_or("the daemon refused");
    Err(CliError::Refused(title.to_owned()))
}

/// Asks the daemon how it does; none where it does not answer.
pub(crate) async fn daemon(config: &Config) -> Option<Daemon> {
    /// What is read of how it does, beside the rest.
    #[derive(Deserialize)]
    struct Vitals {
        lacks: Option<String>,
        #[serde(flatten)]
        health: HealthReported,
    }
    let client = client().ok()?;
    let ask = async |path: &str| {
        let asked = client.get(format!("http://{}{path}", config.listen)).timeout(DAEMON_FOR);
        asked.send().await.ok()?.bytes().await.ok()
    };
    let vitals: Vitals = serde_json::from_slice(&ask("/healthz?verbose").await?).ok()?;
    let status: Status = serde_json::from_slice(&ask("/api/v1/status").await?).ok()?;
    let line = crate::quality::figures_of(&ask("/api/v1/line").await?);
    Some(Daemon { health: vitals.health, hub: status.hub, lacks: vitals.lacks, devices: status.devices, line })
}

/// Has the daemon print a test page on each of some printers.
///
/// # Errors
/// [`CliError`]: it does not answer, or refuses.
pub(crate) async fn test_pages(
    config: &Config,
    printers: Vec<PrinterId>,
) -> Result<BTreeMap<PrinterId, PrinterRead>, CliError> {
    let mut read = BTreeMap::new();
    for printer in printers {
        let answer = post(config, &format!("printers/{printer}/test"), &serde_json::json!({})).await?;
        let answer: TestAnswer = serde_json::from_value(answer)
            .map_err(|source| CliError::Work { what: "read the answer", source: source.into() })?;
        read.insert(printer, PrinterRead::Tested(answer.into()));
    }
    Ok(read)
}

/// How long the daemon may take to say how it does, before it is taken for dead.
const DAEMON_FOR: std::time::Duration = std::time::Duration::from_secs(10);

/// What the command line reads of the daemon's status.
#[derive(Deserialize)]
struct Status {
    now_ms: AtMs,
    n_waiting: usize,
    hub: Option<HubStatus>,
    devices: BTreeMap<DeviceId, Known>,
    troubles: Vec<String>,
}

/// Says how the box and its channel to the hub do, in Japanese and in English.
///
/// # Errors
/// [`CliError`]: no daemon.
pub(crate) async fn status(config: &Config) -> Result<String, CliError> {
    let failed = |source: reqwest::Error| CliError::Work { what: "reach the daemon", source: source.into() };
    let asked = client()?.get(format!("http://{}/api/v1/status", config.listen)).send().await.map_err(failed)?;
    let status: Status = asked.json().await.map_err(failed)?;
    let words = Words::built_in().map_err(|source| CliError::Work { what: "read the words", source: source.into() })?;
    Ok([Lang::Ja, Lang::En].map(|lang| told(&words, lang, &status)).concat())
}

/// Says it in one language, a sentence a line.
fn told(words: &Words, lang: Lang, status: &Status) -> String {
    let say = |key: &str, values: &[(&str, &str)]| {
        words.get(lang, "status", key).map_or_else(|| key.to_owned(), |text| fill(text, values))
    };
    let mut lines = vec![say("waiting", &[("n", &status.n_waiting.to_string())])];
    lines.extend(about_hub(status, say));
    lines.extend(status.troubles.iter().map(|trouble| say(trouble, &[])));
    lines.into_iter().map(|line| line + "\n").collect()
}

fn about_hub(status: &Status, say: impl Fn(&str, &[(&str, &str)]) -> String) -> Vec<String> {
    let Some(hub) = &status.hub else { return vec![say("alone", &[])] };
    let mode = hub.mode.as_ref().map_or_else(|| "offline".to_owned(), |mode| format!("mode_{mode}"));
    let mut lines = vec![say(&mode, &[]), say("pending", &[("n", &hub.n_pending.to_string())])];
    if hub.n_missing > 0 {
        lines.push(say("missing", &[("n", &hub.n_missing.to_string())]));
    }
    lines.push(match hub.came_at_ms {
        Some(at) => {
            let ago_s = status.now_ms.since(at).max(0) / 1_000;
            let (unit, n) = if ago_s < 120 { ("ago_s", ago_s) } else { ("ago_min", ago_s / 60) };
            say(unit, &[("n", &n.to_string())])
        }
        None => say("never", &[]),
    });
    lines.extend(hub.wrong.map(|wrong| say(wrong.code(), &[("why", hub.why.as_deref().unwrap_or_default())])));
    lines.extend(hub.pause.as_ref().map(|pause| say("pause", &[("when", pause)])));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Trouble;
    use crate::link::told::Wrong;

    #[test]
    fn everything_that_can_be_wrong_has_words_in_both_languages() {
        let words = Words::built_in().unwrap();
        for lang in [Lang::Ja, Lang::En] {
            for wrong in Wrong::ALL {
                assert!(words.get(lang, "status", wrong.code()).is_some(), "{wrong:?} in {lang:?}");
            }
            for trouble in Trouble::ALL {
                let code = serde_json::to_value(trouble).unwrap();
                assert!(words.get(lang, "status", code.as_str().unwrap()).is_some(), "{trouble:?} in {lang:?}");
            }
        }
    }

    #[test]
    fn a_line_that_is_down_is_told_with_what_waits_and_since_when() {
        let words = Words::built_in().unwrap();
        let hub = HubStatus {
            mode: None,
            n_pending: 12,
            n_missing: 0,
            came_at_ms: Some(AtMs(1_000)),
            wrong: Some(Wrong::NoLine),
            why: None,
            pause: Some("12/1 2:00–12/1 4:00 点検".to_owned()),
        };
        let status = Status {
            now_ms: AtMs(601_000),
            n_waiting: 3,
            hub: Some(hub),
            devices: BTreeMap::new(),
            troubles: Vec::new(),
        };
        let (ja, en) = (told(&words, Lang::Ja, &status), told(&words, Lang::En, &status));
        assert!(ja.contains("点検の予定") && ja.contains("12/1 2:00"), "{ja}");
        assert!(ja.contains("12") && ja.contains("10分前") && ja.contains("受付"), "{ja}");
        assert!(en.contains("12 facts") && en.contains("10 minutes ago"), "{en}");
    }
}
