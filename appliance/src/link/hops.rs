//! Which hop on the way to the hub failed: the link, the gateway, names, the clinic's proxy, TLS, or the hub.
//!
//! What lies on this machine is read from the kernel's own files, so that nothing is asked of a network that may not be
//! there, and no right is needed that the daemon has not. Nothing but the opening of a connection leaves the machine.

mod machine;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, lookup_host};

use machine::Machine;

/// How long a name may take.
const NAME_FOR: Duration = Duration::from_secs(10);

/// How long the gateway may take: a neighbour that is gone is known to be so after eight seconds (Linux, arp(7)).
const GATEWAY_FOR: Duration = Duration::from_secs(10);

/// How long a connection to the hub may take to stand.
const HUB_FOR: Duration = Duration::from_secs(8);

/// The port at which a gateway is knocked: that of names, where most answer. A refusal is an answer too.
const KNOCKED: u16 = 53;

/// A hop on the way to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hop {
    /// The cable, or the radio.
    Link,
    /// The router.
    Gateway,
    /// The name of the hub.
    Dns,
    /// The clinic's proxy.
    Proxy,
    /// That the hub is who it says.
    Tls,
    /// The hub, and the way there behind the router.
    Hub,
}

/// What is wrong on the way to the hub, by code: the words stand under the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// No cable is plugged in, or no radio network joined.
    NoCarrier,
    /// The router gave no address.
    NoAddress,
    /// There is no way out of the own network.
    NoGateway,
    /// The router does not answer.
    GatewaySilent,
    /// The name cannot be found.
    NoName,
    /// The proxy does not answer.
    ProxySilent,
    /// The proxy does not let through.
    ProxyRefused,
    /// Somebody else answers in the hub's stead.
    NotTheHub,
    /// TLS does not come about.
    TlsFailed,
    /// The hub does not answer.
    HubSilent,
    /// The hub cannot now.
    Busy,
    /// The hub does not serve this box.
    Fenced,
    /// The hub does not understand this box.
    Refused,
    /// This box has no certificate that counts.
    NoCertificate,
    /// The line broke in the middle.
    Broke,
}

impl Fault {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 15] = [
        Self::NoCarrier,
        Self::NoAddress,
        Self::NoGateway,
        Self::GatewaySilent,
        Self::NoName,
        Self::ProxySilent,
        Self::ProxyRefused,
        Self::NotTheHub,
        Self::TlsFailed,
        Self::HubSilent,
        Self::Busy,
        Self::Fenced,
        Self::Refused,
        Self::NoCertificate,
        Self::Broke,
    ];

    /// Returns its code, under which its words stand.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NoCarrier => "no_carrier",
            Self::NoAddress => "no_address",
            Self::NoGateway => "no_gateway",
            Self::GatewaySilent => "gateway_silent",
            Self::NoName => "no_name",
            Self::ProxySilent => "proxy_silent",
            Self::ProxyRefused => "proxy_refused",
            Self::NotTheHub => "not_the_hub",
            Self::TlsFailed => "tls_failed",
            Self::HubSilent => "hub_silent",
            Self::Busy => "busy",
            Self::Fenced => "fenced",
            Self::Refused => "refused",
            Self::NoCertificate => "no_certificate",
            Self::Broke => "broke",
        }
    }

    /// Returns the hop that it is at.
    pub(crate) const fn hop(self) -> Hop {
        match self {
            Self::NoCarrier | Self::NoAddress => Hop::Link,
            Self::NoGateway | Self::GatewaySilent => Hop::Gateway,
            Self::NoName => Hop::Dns,
            Self::ProxySilent | Self::ProxyRefused => Hop::Proxy,
            Self::NotTheHub | Self::TlsFailed => Hop::Tls,
            Self::HubSilent | Self::Busy | Self::Fenced | Self::Refused | Self::NoCertificate | Self::Broke => Hop::Hub,
        }
    }
}

/// Where connections go to: the hub, or the proxy before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    host: String,
    port: u16,
    is_proxy: bool,
}

impl Goal {
    /// Finds it in the addresses of hub and proxy; none where they are not addresses.
    pub(super) fn of(hub: &str, proxy: Option<&str>) -> Option<Self> {
        let address = reqwest::Url::parse(proxy.unwrap_or(hub)).ok()?;
        let host = address.host_str()?.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: address.port_or_known_default()?, is_proxy: proxy.is_some() })
    }

    pub(super) const fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// Returns the address, where it is no name.
    fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether it is on this machine, so that no network is needed to get there.
    fn is_here(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

/// Walks to a goal, hop by hop, and returns what is wrong at the first one that fails; none when a connection stands.
pub(super) async fn walk(goal: &Goal) -> Option<Fault> {
    if !goal.is_here() {
        let machine = Machine::read();
        if let Some(fault) = machine.fault(goal.ip().is_some_and(has_way)) {
            return Some(fault);
        }
        if let Some(gateway) = machine.gateway() {
            return match knock(gateway).await {
                Knock::NobodyThere => Some(Fault::GatewaySilent),
                Knock::Answered => beyond(goal).await,
                // Some swallow what they do not serve; then what is behind them tells.
                Knock::Nothing => beyond(goal).await.map(|_| Fault::GatewaySilent),
            };
        }
    }
    beyond(goal).await
}

/// Walks on behind the gateway.
async fn beyond(goal: &Goal) -> Option<Fault> {
    let named = tokio::time::timeout(NAME_FOR, lookup_host((goal.host.as_str(), goal.port))).await;
    let Ok(Ok(addresses)) = named else { return Some(Fault::NoName) };
    for address in addresses {
        if let Ok(Ok(_stands)) = tokio::time::timeout(HUB_FOR, TcpStream::connect(address)).await {
            return None;
        }
    }
    Some(if goal.is_proxy { Fault::ProxySilent } else { Fault::HubSilent })
}

/// Whether the machine knows a way to an address; nothing is sent.
fn has_way(to: IpAddr) -> bool {
    let any: IpAddr = if to.is_ipv4() { [0, 0, 0, 0].into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((to, KNOCKED))).is_ok()
}

/// What came of a knock.
enum Knock {
    /// Somebody opened, or refused to.
    Answered,
    /// The network says that nobody is there.
    NobodyThere,
    /// Nothing: for half a minute after it was last heard of, a gateway that is gone cannot be told from a silent one.
    Nothing,
}

/// Knocks at a gateway.
async fn knock(gateway: SocketAddr) -> Knock {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable};
    match tokio::time::timeout(GATEWAY_FOR, TcpStream::connect(gateway)).await {
        Ok(Err(cause)) if matches!(cause.kind(), HostUnreachable | NetworkUnreachable) => Knock::NobodyThere,
        Ok(Ok(_) | Err(_)) => Knock::Answered,
        Err(_) => Knock::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn goal(hub: &str, proxy: Option<&str>) -> Option<(String, u16, bool)> {
        Goal::of(hub, proxy).map(|goal| (goal.host, goal.port, goal.is_proxy))
    }

    #[test]
    fn connections_go_to_the_hub_or_to_the_proxy_before_it() {
        let of = |host: &str, port, is_proxy| Some((host.to_owned(), port, is_proxy));
        assert_eq!(goal("https://hub.example/", None), of("hub.example", 443, false));
        assert_eq!(goal("https://[2001:db8::1]:8443", None), of("2001:db8::1", 8443, false));
        let proxy = Some("http://clinic:secret@proxy.example:3128");
        assert_eq!(goal("https://hub.example", proxy), of("proxy.example", 3128, true));
        assert_eq!(goal("hub", None), None);
    }

    #[tokio::test]
    async fn on_this_machine_nothing_but_the_hub_can_fail() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = format!("https://{}", listener.local_addr().unwrap());
        let walked = async |proxy| walk(&Goal::of(&hub, proxy).unwrap()).await;
        assert_eq!(walked(None).await, None);
        drop(listener);
        assert_eq!(walked(None).await, Some(Fault::HubSilent));
        assert_eq!(walked(Some(hub.as_str())).await, Some(Fault::ProxySilent));
    }
}
