//! The command line of what is published: `content`, `program`, `message` and `hours`, and what each answers.

use std::error::Error;
use std::num::ParseIntError;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use machiai_core::ids::{AdvertClass, AdvertiserId, SiteId};
use machiai_core::program::airs::What;
use machiai_core::program::content::{AdvertTerms, Content, ContentHash, ContentKind};
use machiai_core::program::outlook::{Outlook, TableOutlook};
use machiai_core::program::table::Table;
use machiai_core::time::{AtMs, Day, DayTime};
use serde::de::DeserializeOwned;

use super::Publisher;
use crate::blobs::Blobs;

/// The largest document that is read, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// A file to be kept.
#[derive(Debug, Args)]
pub struct Add {
    /// The file.
    file: PathBuf,
    /// Where it comes from.
    #[arg(long)]
    kind: Kind,
    /// Its title for staff.
    #[arg(long)]
    title: String,
    /// How long it runs, or a still is shown, in milliseconds.
    #[arg(long)]
    duration_ms: u32,
    /// Who pays for an advert.
    #[arg(long, requires = "class")]
    advertiser: Option<AdvertiserId>,
    /// What an advert is for.
    #[arg(long, requires = "advertiser")]
    class: Option<AdvertClass>,
    /// No other advertiser of the class airs beside it.
    #[arg(long, requires = "advertiser")]
    exclusive: bool,
    /// The most airings of an advert in any 60 minutes.
    #[arg(long, requires = "advertiser")]
    most_per_hour: Option<u16>,
    /// A site; may be given again.
    #[arg(long = "site", required = true, value_parser = read_site)]
    sites: Vec<SiteId>,
}

/// Where content with a file comes from.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The vendor's health films.
    Provided,
    /// Adverts.
    Advert,
    /// Relaxation films for what was not approved.
    Substitute,
    /// The clinic's, from a template and photos.
    Introduction,
    /// The clinic's, from a presentation.
    Own,
}

/// Content to be withdrawn: it airs no longer.
#[derive(Debug, Args)]
pub struct Withdraw {
    /// Its hash, as it was said when it was kept.
    content: ContentHash,
    /// A site; may be given again.
    #[arg(long = "site", required = true, value_parser = read_site)]
    sites: Vec<SiteId>,
}

/// A program table, or its next revision, for a site.
#[derive(Debug, Args)]
pub struct SendTable {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The table, TOML or JSON.
    file: PathBuf,
}

/// The program of a site: which tables it has, whether they are approved, and what airs at an instant.
#[derive(Debug, Args)]
pub struct ShowProgram {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The instant in Asia/Tokyo, such as 2026-11-24T09:00; now by default.
    #[arg(long, value_parser = read_instant)]
    at: Option<AtMs>,
}

/// The i-message of a site.
#[derive(Debug, Args)]
pub struct Message {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The message; an empty one withdraws what stands.
    text: String,
}

/// The hours of a site.
#[derive(Debug, Args)]
pub struct HoursOrder {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The hours to be set, TOML or JSON; without them those that stand are written.
    file: Option<PathBuf>,
}

impl Withdraw {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        for site in &self.sites {
            publisher.withdraw(*site, self.content).await?;
        }
        Ok(format!("{} withdrawn from {} sites", self.content, self.sites.len()))
    }
}

impl Add {
    /// Carries it out, and returns the hash that the content is known by.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher, blobs: &Blobs) -> Result<String, Box<dyn Error>> {
        let advert = self.advertiser.zip(self.class).map(|(advertiser, class)| AdvertTerms {
            advertiser,
            class,
            exclusive: self.exclusive,
            most_per_hour: self.most_per_hour,
        });
        // The bytes first: a box that knows of content fetches it.
        let content = Content {
            content: blobs.put(&self.file).await?,
            kind: self.kind.into(),
            title: self.title,
            duration_ms: self.duration_ms,
            advert,
            lease_until: None,
            scene: None,
        };
        for site in &self.sites {
            publisher.content(*site, &content).await?;
        }
        Ok(content.content.to_string())
    }
}

impl From<Kind> for ContentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Provided => Self::Provided,
            Kind::Advert => Self::Advert,
            Kind::Substitute => Self::Substitute,
            Kind::Introduction => Self::Introduction,
            Kind::Own => Self::Own,
        }
    }
}

impl SendTable {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        let table: Table = read_document(&self.file)?;
        publisher.table(self.site, &table).await?;
        Ok(format!("table {} revision {} sent to site {}", table.table, table.revision.0, self.site))
    }
}

impl ShowProgram {
    /// Carries it out, and returns what is said; `now` is what the hub's clock shows.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher, now: AtMs) -> Result<String, Box<dyn Error>> {
        let at = self.at.unwrap_or(now);
        Ok(shown(&publisher.outlook(self.site, at).await?, at))
    }
}

impl Message {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        publisher.message(self.site, &self.text).await?;
        Ok(format!("message of site {} {}", self.site, if self.text.trim().is_empty() { "withdrawn" } else { "set" }))
    }
}

impl HoursOrder {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        let Some(file) = self.file else {
            return Ok(toml::to_string(&publisher.hours_of(self.site).await?)?.trim_end().to_owned());
        };
        publisher.hours(self.site, read_document(&file)?).await?;
        Ok(format!("hours of site {} set", self.site))
    }
}

/// Reads a document's file: JSON where it begins with a brace, and TOML else.
pub(crate) fn read_document<T: DeserializeOwned>(path: &Path) -> Result<T, Box<dyn Error>> {
    let cannot = |cause: &dyn Error| format!("cannot read {}: {cause}", path.display());
    let n_bytes = std::fs::metadata(path).map_err(|cause| cannot(&cause))?.len();
    if n_bytes > MAX_DOCUMENT_BYTES {
        return Err(format!("{} is too large", path.display()).into());
    }
    let text = std::fs::read_to_string(path).map_err(|cause| cannot(&cause))?;
    parse_document(&text).map_err(|cause| cannot(cause.as_ref()).into())
}

/// Reads a document's text.
///
/// # Errors
/// Where it is not one.
pub(crate) fn parse_document<T: DeserializeOwned>(text: &str) -> Result<T, Box<dyn Error>> {
    if text.trim_start().starts_with('{') { Ok(serde_json::from_str(text)?) } else { Ok(toml::from_str(text)?) }
}

/// Says which tables there are and what airs, a sentence a line.
fn shown(outlook: &Outlook, at: AtMs) -> String {
    let title = |content: &ContentHash| {
        let known = outlook.contents.iter().find(|known| known.content == *content);
        known.map_or_else(|| content.to_string(), |known| known.title.clone())
    };
    let what = match &outlook.on_air.what {
        What::Film { content, .. } => title(content),
        What::Notice { text } | What::Emergency { text } => text.ja.clone(),
        What::Card => "the clinic's card".to_owned(),
        What::Dark => "nothing: the monitor is dark".to_owned(),
    };
    let airs = format!("at {}: {what} ({})", written(at), outlook.on_air.why.code);
    outlook.tables.iter().map(stands).chain([airs]).collect::<Vec<_>>().join("\n")
}

/// Says how one table stands.
fn stands(table: &TableOutlook) -> String {
    let stands = match (&table.lacks, table.is_approved) {
        (None, _) => "approved".to_owned(),
        (Some(lacks), true) => format!("approved but for {}", lacks.code),
        (Some(lacks), false) => lacks.code.to_owned(),
    };
    let (from, to, deadline) = (written(table.from), written(table.to), written(table.deadline));
    format!("table {} revision {}: {from} to {to}, deadline {deadline}, {stands}", table.table, table.revision.0)
}

fn written(at: AtMs) -> String {
    at.in_tokyo().strftime("%Y-%m-%d %H:%M").to_string()
}

/// Reads the number of a site.
///
/// # Errors
/// It is none.
pub fn read_site(text: &str) -> Result<SiteId, ParseIntError> {
    text.parse().map(SiteId)
}

/// Reads an instant in Asia/Tokyo.
fn read_instant(text: &str) -> Result<AtMs, String> {
    let read = text.split_once('T').and_then(|(day, time)| day.parse::<Day>().ok().zip(time.parse::<DayTime>().ok()));
    read.map(|(day, time)| day.at_min(time.minutes())).ok_or_else(|| "write it as 2026-11-24T09:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_one_of_tokyo() {
        assert_eq!(read_instant("2026-11-24T09:00").map(|at| at.0), Ok(1_795_478_400_000));
        for bad in ["", "2026-11-24", "09:00", "2026-11-24T99:00", "../T09:00"] {
            assert!(read_instant(bad).is_err(), "{bad}");
        }
    }
}
