//! The command line of what an earlier hub wrote and this one is to take in.

use std::error::Error;

use clap::Args;
use machiai_core::ids::SiteId;
use machiai_core::time::AtMs;

use crate::publish::orders::read_site;
use crate::store::Store;
use crate::store::operators::{CONSOLE, Entry};

/// The longest that facts of an earlier hub are taken in, in hours: every box has called by then.
const MOST_HOURS: i64 = 24 * 14;

/// Sites whose facts of an earlier hub are to be taken in.
#[derive(Debug, Args)]
pub struct Adopt {
    /// The sites.
    #[arg(required = true, value_parser = read_site)]
    sites: Vec<SiteId>,
    /// For how long; 0 ends it.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=MOST_HOURS))]
    hours: i64,
}

impl Adopt {
    /// Carries it out at an instant, and returns what is said.
    ///
    /// # Errors
    /// A site is not known, or the store failed.
    pub async fn carry_out(&self, store: &Store, now: AtMs) -> Result<String, Box<dyn Error>> {
        let until = now.plus_ms(self.hours.saturating_mul(3_600_000));
        for site in &self.sites {
            if !store.adopt(*site, until).await? {
                return Err(format!("site {site} is not known here: enrol its box first").into());
            }
            let at_s = u64::try_from(now.0 / 1_000)?;
            let detail = format!("for {} h", self.hours);
            let (operator, what) = (CONSOLE.to_owned(), "adopted".to_owned());
            store.note_audit(Entry { at_s, operator, what, site: Some(*site), detail }).await?;
        }
        let until = until.in_tokyo().strftime("%Y-%m-%d %H:%M");
        Ok(format!("facts of an earlier hub are taken in until {until}"))
    }
}
