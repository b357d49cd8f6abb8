//! A patient's telephone: the pages of the hub, without scripts, as a browser asks for them.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use machiai::link::on_this_machine;
use reqwest::redirect::Policy;

use crate::demo::daemon::SITE;

/// A telephone of somebody new: it has no cookie, and keeps none.
#[derive(Clone)]
pub struct Phone {
    client: reqwest::Client,
    base: String,
}

/// What the clinic's page offers in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The key of the form by which a ticket is taken, or why there is none, in the page's words.
    pub key: Result<String, String>,
    /// Whether the page says that the clinic cannot be reached.
    pub is_out_of_reach: bool,
}

/// What came of a press on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The path of the ticket's page.
    Ticket(String),
    /// The page that says why not.
    Refused(String),
}

impl Phone {
    /// Makes a telephone that reaches the hub at an address.
    ///
    /// # Errors
    /// No client.
    pub fn new(hub: SocketAddr) -> Result<Self> {
        let client = on_this_machine()?.redirect(Policy::none()).build().context("cannot make a client")?;
        Ok(Self { client, base: format!("http://{hub}") })
    }

    /// Opens a page.
    ///
    /// # Errors
    /// The hub does not answer with one.
    pub async fn page(&self, path: &str) -> Result<String> {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await?.error_for_status()?;
        answer.text().await.with_context(|| format!("no whole page at {path}"))
    }

    /// Opens the clinic's page, and returns the keys of the forms by which a ticket is taken there, by their lines.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn keys(&self) -> Result<Vec<(u64, String)>> {
        let page = self.page(&format!("/s/{SITE}")).await?;
        Ok(page.split("<form").skip(1).filter_map(key).collect())
    }

    /// Opens the clinic's page and looks at the part of a line, whose name stands over it in Japanese.
    ///
    /// # Errors
    /// The hub does not answer, or the line does not stand on the page.
    pub async fn offer(&self, name: &str) -> Result<Offer> {
        let page = self.page(&format!("/s/{SITE}")).await?;
        let head = format!("<h2>{name}</h2>");
        let part = page.split("<section>").find(|part| part.contains(&head));
        let part = part.with_context(|| format!("{name} is not on the page"))?;
        let key = part.split("<form").skip(1).find_map(key).map(|(_, key)| key);
        let why = || between(part, "<p class=\"why\">").unwrap_or_default().to_owned();
        Ok(Offer { key: key.ok_or_else(why), is_out_of_reach: page.contains("<p class=\"far\"") })
    }

    /// Presses the button of a line under the key of its form.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn take(&self, line: u64, key: &str) -> Result<Taken> {
        let sent = self.client.post(format!("{}/s/{SITE}/take", self.base));
        let form = format!("line={line}&key={key}&lang=ja");
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = sent.send().await?;
        let Some(location) = answer.headers().get("location").filter(|_| answer.status() == 303) else {
            return Ok(Taken::Refused(answer.text().await?));
        };
        let location = location.to_str()?.split('?').next().unwrap_or_default().to_owned();
        Ok(Taken::Ticket(location))
    }
}

/// Reads line and key out of a form; none of one that takes no ticket.
fn key(form: &str) -> Option<(u64, String)> {
    let form = form.split("</form>").next()?;
    let value = |name: &str| {
        let (_, rest) = form.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    };
    Some((value("line")?.parse().ok()?, value("key")?.to_owned()))
}

/// Returns the label that a ticket's page shows.
#[must_use]
pub fn label(page: &str) -> Option<&str> {
    between(page, "<p class=\"big\">")
}

/// Returns why a page says that nothing was done.
#[must_use]
pub fn told(page: &str) -> Option<&str> {
    between(page, "<p class=\"told\" role=\"alert\">")
}

/// Returns the text between an opening tag and the next one.
fn between<'a>(page: &'a str, tag: &str) -> Option<&'a str> {
    page.split_once(tag)?.1.split('<').next()
}
