//! The command line of the hub's hours and pauses, and what each answers.

use std::error::Error;

use clap::Args;
use machiai_core::time::AtMs;
use machiai_wire::service::{Hours, MAX_WHY, MOST_PAUSES, Pause, Service};

use crate::store::Store;

/// The hub's hours of each day.
#[derive(Debug, Args)]
pub struct SetHours {
    /// In Asia/Tokyo, as 06:00-24:00; `always` for a hub without hours.
    hours: String,
}

/// A pause to be announced.
#[derive(Debug, Args)]
pub struct AddPause {
    /// When it begins, in Asia/Tokyo: 2026-12-01T02:00.
    #[arg(long, value_parser = read_at)]
    from: AtMs,
    /// When the hub serves again.
    #[arg(long, value_parser = read_at)]
    until: AtMs,
    /// What for: clinics read it.
    #[arg(long)]
    why: String,
}

/// A pause to be taken back, or to be ended.
#[derive(Debug, Args)]
pub struct EndPause {
    /// When it begins, as it was announced.
    #[arg(long, value_parser = read_at)]
    from: AtMs,
}

fn read_at(text: &str) -> Result<AtMs, String> {
    text.parse().map(AtMs::from_tokyo).map_err(|_bad| "an instant is written as 2026-12-01T02:00".to_owned())
}

fn shown(at: AtMs) -> String {
    at.in_tokyo().strftime("%Y-%m-%dT%H:%M").to_string()
}

/// Says when the hub serves, a line each.
#[must_use]
pub fn show(service: &Service) -> String {
    let hours = service.hours.map_or_else(|| "always".to_owned(), |hours| hours.to_string());
    let pause =
        |pause: &Pause| format!("\npause {} until {}: {}", shown(pause.from_ms), shown(pause.until_ms), pause.why);
    format!("hours {hours}") + &service.pauses.iter().map(pause).collect::<String>()
}

impl SetHours {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// It is not hours, or the store failed.
    pub async fn carry_out(&self, store: &Store) -> Result<String, Box<dyn Error>> {
        let hours: Option<Hours> = if self.hours == "always" { None } else { Some(self.hours.parse()?) };
        let service = Service { hours, ..store.service().await? };
        store.say_service(&service).await?;
        Ok(show(&service))
    }
}

impl AddPause {
    /// Carries it out at an instant, and returns what is said; pauses that are over are forgotten.
    ///
    /// # Errors
    /// It is none, too many are announced, or the store failed.
    pub async fn carry_out(&self, store: &Store, now: AtMs) -> Result<String, Box<dyn Error>> {
        let Self { from, until, why } = self;
        if from >= until || *until <= now {
            return Err("a pause ends after it begins, and is not over".into());
        }
        let is_line = !why.is_empty() && why.chars().count() <= MAX_WHY && !why.chars().any(char::is_control);
        if !is_line {
            return Err(format!("a reason is one line of 1 to {MAX_WHY} characters").into());
        }
        let mut service = store.service().await?;
        service.pauses.retain(|pause| pause.until_ms > now && pause.from_ms != *from);
        if service.pauses.len() >= MOST_PAUSES {
            return Err(format!("{MOST_PAUSES} pauses are announced already").into());
        }
        service.pauses.push(Pause { from_ms: *from, until_ms: *until, why: why.clone() });
        service.pauses.sort_by_key(|pause| pause.from_ms);
        store.say_service(&service).await?;
        Ok(show(&service))
    }
}

impl EndPause {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// There is none that begins then, or the store failed.
    pub async fn carry_out(&self, store: &Store) -> Result<String, Box<dyn Error>> {
        let mut service = store.service().await?;
        let n_before = service.pauses.len();
        service.pauses.retain(|pause| pause.from_ms != self.from);
        if service.pauses.len() == n_before {
            return Err(format!("no pause begins at {}", shown(self.from)).into());
        }
        store.say_service(&service).await?;
        Ok(show(&service))
    }
}
