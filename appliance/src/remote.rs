//! Commands of the command line: through the daemon where it runs, else on the journal itself.

use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::ids::DeviceId;
use machiai_journal::OpenError;

use crate::access::api::{Opened, PlaceBody};
use crate::chance::Chance;
use crate::cli::CliError;
use crate::config::Config;
use crate::daemon::{self, DaemonError};
use crate::gate::Gate;
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

async fn post(config: &Config, path: &str, body: &impl serde::Serialize) -> Result<serde_json::Value, CliError> {
    let failed = |source: reqwest::Error| CliError::Work { what: "reach the daemon", source: source.into() };
    let key = Chance::system().origin().map_err(|cause| CliError::Refused(cause.to_string()))?;
    let client = crate::link::on_this_machine()
        .map_err(|source| CliError::Work { what: "make a client", source: source.into() })?;
    let answer = client
        .build()
        .map_err(failed)?
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
