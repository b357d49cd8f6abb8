//! Tries the way to the hub once, hop by hop: its name, the proxy, the line, TLS, and an answer.
//!
//! Nothing is sent that the hub would keep, and no secret comes into what is found.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::Config;
use crate::link::hub_clock::hub_clock;
use crate::link::identity::Identity;
use crate::link::line::tls_trouble;
use crate::link::on_this_machine;

/// How long one hop may take: somebody waits for it at a terminal or a desk.
const HOP_FOR: Duration = Duration::from_secs(5);

/// Where the way ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// Nobody knows the hub's name.
    Name {
        /// The name.
        host: String,
    },
    /// The proxy is not reached.
    Proxy,
    /// Nobody answers at the hub's address.
    Line {
        /// The name.
        host: String,
    },
    /// Whoever answers is not trusted, or does not speak TLS.
    Tls {
        /// Why.
        why: String,
    },
    /// TLS stands, and no answer comes.
    Answer {
        /// Why.
        why: String,
    },
}

/// Tries the way to the hub of a configuration; none where there is no hub.
pub(crate) async fn reach(config: &Config) -> Option<Result<(), Hop>> {
    let url = reqwest::Url::parse(config.hub.as_ref()?).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default()?;
    Some(hops(config, &url, (&host, port)).await)
}

async fn hops(config: &Config, url: &reqwest::Url, (host, port): (&str, u16)) -> Result<(), Hop> {
    let proxy = config.hub_proxy.as_ref().and_then(|proxy| reqwest::Url::parse(proxy).ok());
    match proxy.as_ref().and_then(|proxy| Some((proxy.host_str()?.to_owned(), proxy.port_or_known_default()?))) {
        // Behind a proxy names are the proxy's business.
        Some((host, port)) => connect(&host, port).await.map_err(|_lost| Hop::Proxy)?,
        None => connect(host, port).await.map_err(|lost| match lost {
            Lost::Name => Hop::Name { host: host.to_owned() },
            Lost::Line => Hop::Line { host: host.to_owned() },
        })?,
    }
    ask(config, url).await
}

/// What a connection lacked.
enum Lost {
    Name,
    Line,
}

async fn connect(host: &str, port: u16) -> Result<(), Lost> {
    let found = timeout(HOP_FOR, lookup_host((host, port))).await;
    let Ok(Ok(found)) = found else { return Err(Lost::Name) };
    for address in found {
        if matches!(timeout(HOP_FOR, TcpStream::connect(address)).await, Ok(Ok(_))) {
            return Ok(());
        }
    }
    Err(Lost::Line)
}

/// Asks the hub for anything: whatever a hub answers, it answers.
async fn ask(config: &Config, url: &reqwest::Url) -> Result<(), Hop> {
    let client = if url.scheme() == "http" {
        on_this_machine().ok().and_then(|client| client.build().ok())
    } else {
        let identity = Identity::read(&config.private()).ok().flatten();
        // Without a certificate nothing is asked: that is found under its own name.
        let Some(identity) = identity else { return Ok(()) };
        identity.client(&hub_clock(), config.hub_proxy.as_deref()).ok()
    };
    let Some(client) = client else { return Err(Hop::Tls { why: "no client can be made".to_owned() }) };
    match timeout(HOP_FOR, client.get(url.clone()).send()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(cause)) => Err(match tls_trouble(&cause) {
            Some(why) => Hop::Tls { why },
            None if cause.is_connect() => Hop::Line { host: url.host_str().unwrap_or_default().to_owned() },
            None => Hop::Answer { why: kind_of(&cause).to_owned() },
        }),
        Err(_late) => Err(Hop::Answer { why: "nothing came in time".to_owned() }),
    }
}

/// Says what kind of failure it was; its own text may hold an address with a password.
fn kind_of(cause: &reqwest::Error) -> &'static str {
    if cause.is_timeout() { "nothing came in time" } else { "the line broke" }
}
