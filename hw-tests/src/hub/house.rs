//! A hub of one or more nodes, with the line of the box and that of patients, which lead to whichever node answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use machiai::link::hub_clock::HubClock;
use machiai::link::identity::Identity;
use machiai::vault::Private;
use machiai_core::call::rate::Invoice;
use machiai_core::ids::SiteId;
use machiai_core::time::Month;
use machiai_hub::blobs::Blobs;
use machiai_hub::calls::invoice;
use machiai_hub::publish::Publisher;
use machiai_hub::store::Store;

use super::Line;
use crate::demo::api::Api;
use crate::demo::daemon::{Daemon, SITE};
use crate::servers::hub::{Node, Serve, real_ms};

/// What nodes share: a store, and the folder of their authority.
#[derive(Clone, Debug)]
pub struct Shared {
    /// This project's own program, of which nodes are made.
    pub program: PathBuf,
    /// The folder of the authority.
    pub state: PathBuf,
    /// The store, as `machiai-hub` names it.
    pub store: String,
}

/// The hub; its nodes are killed when it is dropped.
pub struct House {
    shared: Shared,
    /// How many times faster than real time its clock runs.
    speed: u32,
    nodes: Vec<Node>,
    /// The line of the box.
    pub boxes: Line,
    /// The line of patients.
    pub patients: Line,
}

impl House {
    /// Lays the lines; there is no node yet.
    ///
    /// # Errors
    /// No free port.
    pub async fn lay(shared: Shared, speed: u32) -> Result<Self> {
        let (boxes, patients) = (Line::lay().await?, Line::lay().await?);
        Ok(Self { shared, speed, nodes: Vec::new(), boxes, patients })
    }

    /// Returns where operators reach its first node; none where there is none.
    #[must_use]
    pub fn operators(&self) -> Option<SocketAddr> {
        self.nodes.first().map(Node::operators)
    }

    /// Returns how the box's configuration names it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("https://{}", self.boxes.address())
    }

    /// Starts another node, whose clock shows what the daemon's does.
    ///
    /// # Errors
    /// It does not start, or the daemon does not answer.
    pub async fn add_node(&mut self, api: &Api) -> Result<()> {
        let before_ms = real_ms();
        let showed_ms = api.status().await?.now_ms;
        // When the clock was read, as nearly as can be told.
        let serve = self.serve(showed_ms, before_ms.midpoint(real_ms()));
        let program = self.shared.program.clone();
        let node = tokio::task::spawn_blocking(move || Node::start(&program, &serve)).await??;
        self.nodes.push(node);
        self.lead();
        Ok(())
    }

    /// Begins to publish, by a clock that shows what the daemon's does, and opens the folder of content.
    ///
    /// # Errors
    /// The store cannot be used, or the daemon does not answer.
    pub async fn publisher(&self, api: &Api) -> Result<(Publisher, Blobs)> {
        let before_ms = real_ms();
        let showed_ms = api.status().await?.now_ms;
        let serve = self.serve(showed_ms, before_ms.midpoint(real_ms()));
        Ok((serve.publisher().await?, serve.blobs()?))
    }

    /// Kills the node to which the lines lead first.
    pub fn kill_first(&mut self) {
        drop(self.nodes.remove(0));
        self.lead();
    }

    /// Leads the lines to its nodes.
    pub fn lead(&self) {
        let of = |address: fn(&Node) -> SocketAddr| self.nodes.iter().map(address).collect();
        self.boxes.lead_to(of(Node::boxes));
        self.patients.lead_to(of(Node::patients));
    }

    /// Returns what the site's consultation calls of a month come to, as the hub has them.
    ///
    /// # Errors
    /// The store cannot be used, or there is no such month.
    pub async fn calls(&self, month: &str) -> Result<Invoice> {
        let store = Store::open(&self.shared.store).await.context("cannot open the hub's store")?;
        let month: Month = month.parse().with_context(|| format!("{month} is no month"))?;
        invoice(&store, SiteId(SITE), month).await.context("the hub does not rate")?.context("the hub has no such site")
    }

    fn serve(&self, showed_ms: i64, at_ms: i64) -> Serve {
        let Shared { state, store, .. } = self.shared.clone();
        Serve { state, store, site: SITE, showed_ms, at_ms, speed: self.speed }
    }

    /// Has the box enrolled, by the command that staff type.
    ///
    /// # Errors
    /// It says why not.
    pub async fn enrol(&self, daemon: &Daemon) -> Result<()> {
        let code = self.serve(0, 0).enrol_code().await?;
        daemon.ask(&["enrol", &code.to_string()]).await.map(drop)
    }

    /// Shuts the site's box out, and enrols another one as if there had been none.
    ///
    /// # Errors
    /// It says why not.
    pub async fn enrol_after_revoking(&self, daemon: &Daemon) -> Result<()> {
        let code = self.serve(0, 0).enrol_code_after_revoking().await?;
        daemon.ask(&["enrol", &code.to_string()]).await.map(drop)
    }

    /// Has a box take the place of the one that the site has, by the command that staff type.
    ///
    /// # Errors
    /// It says why not.
    pub async fn replace(&self, daemon: &Daemon) -> Result<()> {
        let code = self.serve(0, 0).enrol_code().await?;
        daemon.ask(&["enrol", &code.to_string(), "--replace"]).await.map(drop)
    }

    /// Returns the facts that the hub holds of the site, those of the box and its own, by their bytes; asked for with
    /// the identity that lies in the box's state folder.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn facts(&self, state: &Path) -> Result<BTreeSet<String>> {
        let identity = Identity::read(&Private::bare(state.to_owned()))
            .context("cannot read who the box is")?
            .context("the box is nobody")?;
        let clock = HubClock::new(|| u64::try_from(real_ms() / 1_000).unwrap_or_default());
        let client = identity.client(&clock, None).context("no client of the box's")?;
        let mut facts = BTreeSet::new();
        for stream in ["up", "down"] {
            let mut offset = "-1".to_owned();
            loop {
                let path = format!("{}/v1/sites/{SITE}/{stream}?offset={offset}", self.name());
                let answer = client.get(path).send().await?.error_for_status()?;
                let is_tail = answer.headers().contains_key("stream-up-to-date");
                let next = answer.headers().get("stream-next-offset").context("no place to go on from")?;
                next.to_str()?.clone_into(&mut offset);
                let body = answer.bytes().await?;
                if let Ok(lines) = machiai_wire::json::cut(&body) {
                    facts.extend(lines.into_iter().map(|line| String::from_utf8_lossy(line).into_owned()));
                }
                if is_tail {
                    break;
                }
            }
        }
        Ok(facts)
    }
}
