//! How good the line to the hub is: how long a question takes, what the line carries each way, or which hop fails.
//!
//! Bytes are moved for five seconds and 8 MiB at most, and only when somebody asks for it.

use std::time::{Duration, Instant};

use machiai_core::ids::SiteId;
use machiai_wire::http::{Answer, MAX_ANSWER_BYTES};
use machiai_wire::said::Failure;
use machiai_wire::trial::{RECOMMENDED_KBIT_S, Trial, down_path, read_given, read_taken, up_path};
use reqwest::{Client, RequestBuilder, Response};
use serde::{Deserialize, Serialize};

use super::LinkError;
use super::clients::Clients;
use super::hops::{Fault, Goal, walk};
use super::line::{texts, tls_of};
use crate::causes::with_causes;
use crate::config::Config;

/// How many questions without bytes are asked on the open line: the one in the middle tells.
const N_QUESTIONS: usize = 5;

/// How long the first question may take, TLS and all; a line that takes longer to stand is given up before.
const FIRST_FOR: Duration = Duration::from_secs(30);

/// How long each of the others may take.
const QUESTION_FOR: Duration = Duration::from_secs(5);

/// How long nothing may be answered until the way there is walked, hop by hop.
const WALKED_AFTER: Duration = Duration::from_secs(3);

/// How good the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// How long a question to the hub and its answer take, in milliseconds.
    pub(crate) latency_ms: u32,
    /// What it carries to the hub, in kilobits a second.
    pub(crate) up_kbit_s: u32,
    /// What it carries from the hub.
    pub(crate) down_kbit_s: u32,
}

impl Figures {
    /// Whether it carries what is recommended each way.
    pub(crate) fn is_enough(self) -> bool {
        self.up_kbit_s.min(self.down_kbit_s) >= RECOMMENDED_KBIT_S
    }
}

/// Why a question was not answered.
enum Unanswered {
    /// It did not get there.
    Sent(reqwest::Error),
    /// It was, with no.
    Said(Failure),
    /// It took too long.
    Late,
}

/// What tries the line.
#[derive(Clone)]
pub(crate) struct Prober {
    clients: Clients,
    /// The hub's address, without a path.
    hub: String,
    goal: Option<Goal>,
    site: SiteId,
}

impl Prober {
    /// Makes what tries the line of a configuration; none where it has no hub.
    ///
    /// # Errors
    /// [`LinkError::Client`].
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, LinkError> {
        let Some(hub) = &config.hub else { return Ok(None) };
        Ok(Some(Self::over(Clients::of(config, hub)?, config, hub)))
    }

    /// Makes what tries the line with the channel's own clients.
    pub(super) fn over(clients: Clients, config: &Config, hub: &str) -> Self {
        let goal = Goal::of(hub, config.hub_proxy.as_deref());
        Self { clients, hub: hub.trim_end_matches('/').to_owned(), goal, site: config.site_id() }
    }

    /// Tries the line.
    ///
    /// # Errors
    /// The [`Fault`] at the first hop that fails.
    pub(crate) async fn try_line(&self) -> Result<Figures, Fault> {
        let client = match self.clients.client() {
            Ok(client) => client,
            Err(failure) => return Err(self.walked().await.unwrap_or_else(|| said(&failure))),
        };
        self.reach(&client).await?;
        let measured = self.measure(&client).await;
        match measured {
            Ok(figures) => Ok(figures),
            Err(Unanswered::Said(failure)) => Err(said(&failure)),
            Err(Unanswered::Sent(_) | Unanswered::Late) => Err(self.walked().await.unwrap_or(Fault::Broke)),
        }
    }

    /// Opens the line, and finds where it does not come about.
    async fn reach(&self, client: &Client) -> Result<(), Fault> {
        let asked = self.down(client, 0, FIRST_FOR);
        tokio::pin!(asked);
        let first = tokio::select! {
            came = &mut asked => came,
            // Whoever waits is told as soon as it is known; what is slow and comes through is waited for.
            fault = async {
                tokio::time::sleep(WALKED_AFTER).await;
                match self.walked().await {
                    Some(fault) => fault,
                    None => std::future::pending().await,
                }
            } => return Err(fault),
        };
        match first {
            Ok(()) => Ok(()),
            Err(unanswered) => Err(self.walked().await.unwrap_or_else(|| self.beyond(&unanswered))),
        }
    }

    async fn walked(&self) -> Option<Fault> {
        walk(self.goal.as_ref()?).await
    }

    /// Says what is wrong where a connection stands and no answer comes.
    fn beyond(&self, unanswered: &Unanswered) -> Fault {
        match unanswered {
            Unanswered::Said(failure) => said(failure),
            Unanswered::Late => Fault::HubSilent,
            Unanswered::Sent(cause) => {
                tracing::debug!(error = %with_causes(cause), "the line to the hub does not come about");
                match tls_of(cause) {
                    Some(_) if super::line::is_somebody_else(cause) => Fault::NotTheHub,
                    Some(_) => Fault::TlsFailed,
                    None if !cause.is_connect() => Fault::HubSilent,
                    None if self.goal.as_ref().is_some_and(Goal::is_proxy) => Fault::ProxyRefused,
                    None => Fault::TlsFailed,
                }
            }
        }
    }

    /// Measures the line, which is open.
    async fn measure(&self, client: &Client) -> Result<Figures, Unanswered> {
        let mut took = Vec::with_capacity(N_QUESTIONS);
        for _ in 0..N_QUESTIONS {
            let since = now();
            self.down(client, 0, QUESTION_FOR).await?;
            took.push(since.elapsed());
        }
        took.sort_unstable();
        let latency = took.get(N_QUESTIONS / 2).copied().unwrap_or_default();
        let down = self.one_way(client, Trial::new(latency), Way::Down).await?;
        let up = self.one_way(client, Trial::new(latency), Way::Up).await?;
        let latency_ms = u32::try_from(latency.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX);
        Ok(Figures { latency_ms, up_kbit_s: up.kbit_s(), down_kbit_s: down.kbit_s() })
    }

    async fn one_way(&self, client: &Client, mut trial: Trial, way: Way) -> Result<Trial, Unanswered> {
        while let Some(n_bytes) = trial.next() {
            let since = now();
            let moved = match way {
                Way::Up => self.up(client, n_bytes, trial.left()).await,
                Way::Down => self.down(client, n_bytes, trial.left()).await,
            };
            match moved {
                Ok(()) => trial.took(n_bytes, since.elapsed()),
                Err(Unanswered::Late) => {
                    trial.gave_up(n_bytes);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(trial)
    }

    /// Has so many bytes come down.
    async fn down(&self, client: &Client, n_bytes: u32, most: Duration) -> Result<(), Unanswered> {
        let asked = client.get(format!("{}{}", self.hub, down_path(self.site, n_bytes)));
        let given = async {
            let (mut answered, status, headers) = send(asked).await?;
            let head = Answer { status, headers: &headers, body: &[] };
            let (mut body, mut n_came) = (Vec::new(), 0_u32);
            while let Some(bytes) = answered.chunk().await.map_err(Unanswered::Sent)? {
                n_came = n_came.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                if status != 200 && body.len() < MAX_ANSWER_BYTES {
                    body.extend_from_slice(&bytes);
                }
                if n_came > n_bytes && status == 200 {
                    return Err(Unanswered::Said(Failure::NotTheHub));
                }
            }
            read_given(Answer { body: &body, ..head }).map_err(Unanswered::Said)?;
            if n_came == n_bytes { Ok(()) } else { Err(Unanswered::Said(Failure::NotTheHub)) }
        };
        tokio::time::timeout(most, given).await.unwrap_or(Err(Unanswered::Late))
    }

    /// Sends so many bytes up.
    async fn up(&self, client: &Client, n_bytes: u32, most: Duration) -> Result<(), Unanswered> {
        let nothing = vec![0; usize::try_from(n_bytes).unwrap_or_default()];
        let asked = client.post(format!("{}{}", self.hub, up_path(self.site))).body(nothing);
        let taken = async {
            let (mut answered, status, headers) = send(asked).await?;
            let mut body = Vec::new();
            while let Some(bytes) = answered.chunk().await.map_err(Unanswered::Sent)? {
                body.extend_from_slice(&bytes);
                if body.len() > MAX_ANSWER_BYTES {
                    return Err(Unanswered::Said(Failure::NotTheHub));
                }
            }
            read_taken(n_bytes, Answer { status, headers: &headers, body: &body }).map_err(Unanswered::Said)
        };
        tokio::time::timeout(most, taken).await.unwrap_or(Err(Unanswered::Late))
    }
}

/// Which way bytes go.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

async fn send(asked: RequestBuilder) -> Result<(Response, u16, Vec<(String, String)>), Unanswered> {
    let answered = asked.send().await.map_err(Unanswered::Sent)?;
    let (status, headers) = (answered.status().as_u16(), texts(answered.headers()));
    Ok((answered, status, headers))
}

/// Says what is wrong where whoever answered says no.
const fn said(failure: &Failure) -> Fault {
    match failure {
        Failure::NotTheHub => Fault::NotTheHub,
        Failure::Busy { .. } => Fault::Busy,
        Failure::Fenced { .. } | Failure::Replaced { .. } => Fault::Fenced,
        Failure::NoCertificate { .. } => Fault::NoCertificate,
        Failure::NoLine => Fault::Broke,
        Failure::Stale { .. } | Failure::Behind | Failure::Diverged { .. } => Fault::Refused,
        Failure::TooLarge | Failure::Unfit { .. } | Failure::Refused { .. } => Fault::Refused,
    }
}

#[expect(clippy::disallowed_methods, reason = "the line to the hub runs in real time")]
fn now() -> Instant {
    Instant::now()
}
