//! What is found of the network: who listens, the proxy, the hub, and the certificate by which the hub knows the box.

use std::collections::BTreeSet;

use machiai_core::time::AtMs;

use super::eye::Eye;
use super::probe::Hop;
use super::told::Daemon;
use super::{Check, Finding, Grade};
use crate::config::Config;
use crate::link::told::HubStatus;
use crate::quality::mbps;

/// A certificate that ends within this many days should have been renewed long before.
const CERTIFICATE_LOW_DAYS: i64 = 14;

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The state of a socket that listens, as the kernel writes it.
const LISTENING: &str = "0A";

/// Returns the ports on which somebody listens for the network, this machine's own addresses left out.
pub(crate) fn open_ports(eye: &Eye) -> BTreeSet<u16> {
    let texts = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|path| eye.text(path));
    texts.flat_map(|text| text.lines().filter_map(port_of).collect::<Vec<_>>()).collect()
}

/// Reads a line of the kernel's list: `0: 0100007F:1FAE 00000000:0000 0A ...`, addresses in hexadecimal.
fn port_of(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    let (address, port) = words.nth(1)?.split_once(':')?;
    let state = words.nth(1)?;
    let is_loopback = match address.len() {
        8 => address.ends_with("7F"),
        // ::1, and 127.0.0.0/8 within IPv6; each word of four bytes is written backwards.
        32 => {
            address == "00000000000000000000000001000000"
                || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == LISTENING && !is_loopback).then_some(port)
}

/// Judges who listens: the clinic's network may reach the box's own door and nothing else. The door is shut where nobody is
/// expected at it; the daemon itself says where it cannot be opened.
pub(crate) fn ports(open: &BTreeSet<u16>, lan: Option<u16>) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Ports, grade, code);
    let others: Vec<String> = open.iter().filter(|port| Some(**port) != lan).map(u16::to_string).collect();
    if others.is_empty() {
        vec![found(Grade::Ok, "ports_ok")]
    } else {
        vec![found(Grade::Note, "port_others").with("ports", others.join(", "))]
    }
}

/// What is read of the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WayOut {
    /// Whether there is a hub to be reached.
    pub(crate) has_hub: bool,
    /// Whether it is reached over TLS: a hub on this machine itself is not.
    pub(crate) needs_certificate: bool,
    /// The proxy's host and port, without what is said to it; none where there is no proxy.
    pub(crate) proxy: Option<String>,
    /// Whether the environment names a proxy, which the box does not look at.
    pub(crate) names_proxy: bool,
    /// How far one came; none where nobody tried.
    pub(crate) reached: Option<Result<(), Hop>>,
}

impl WayOut {
    /// Reads the configuration; nobody has tried yet.
    pub(crate) fn of(config: &Config) -> Self {
        let host_of = |proxy: &String| {
            let url = reqwest::Url::parse(proxy).ok()?;
            Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
        };
        let named = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        Self {
            has_hub: config.hub.is_some(),
            needs_certificate: config.hub.as_ref().is_some_and(|hub| hub.starts_with("https://")),
            proxy: config.hub_proxy.as_ref().and_then(host_of),
            names_proxy: named.iter().any(|name| std::env::var_os(name).is_some_and(|it| !it.is_empty())),
            reached: None,
        }
    }
}

/// Judges the proxy.
pub(crate) fn proxy(way: &WayOut) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Proxy, grade, code);
    match &way.proxy {
        Some(proxy) => {
            let is_lost = matches!(way.reached, Some(Err(Hop::Proxy)));
            let judged = if is_lost { found(Grade::Broken, "proxy_gone") } else { found(Grade::Ok, "proxy_ok") };
            vec![judged.with("proxy", proxy)]
        }
        None if way.has_hub && way.names_proxy => vec![found(Grade::Note, "proxy_only_named")],
        None => vec![found(Grade::Ok, "proxy_none")],
    }
}

/// Judges the hub: how far one comes, and what the daemon says of the channel.
pub(crate) fn hub(way: &WayOut, told: Option<&HubStatus>) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Hub, grade, code);
    if !way.has_hub {
        return vec![found(Grade::Ok, "hub_none")];
    }
    // What the daemon says stands in the words of `status`: it has tried for longer than anybody who asks once.
    if let Some((wrong, why)) = told.and_then(|told| Some((told.wrong?, told.why.clone().unwrap_or_default()))) {
        let grade = if wrong.is_announced() { Grade::Note } else { Grade::Broken };
        let mut findings = vec![found(grade, wrong.code()).with("why", why)];
        findings.extend(way.reached.as_ref().and_then(|reached| reached.as_ref().err()).map(of_hop));
        return findings;
    }
    vec![match &way.reached {
        Some(Err(hop)) => of_hop(hop),
        Some(Ok(())) => found(Grade::Ok, "hub_ok"),
        None => found(Grade::Ok, "hub_untried"),
    }]
}

/// Judges what the line to the hub carries, by what was found when somebody last tried it; nothing where there is no hub.
pub(crate) fn line(way: &WayOut, told: Option<&Daemon>) -> Option<Finding> {
    let found = |grade, code| Finding::new(Check::Line, grade, code);
    let finding = match told.and_then(|told| told.line) {
        None => found(Grade::Ok, "line_untried"),
        Some(line) => {
            let (grade, code) = if line.is_enough() { (Grade::Ok, "line_ok") } else { (Grade::Note, "line_short") };
            found(grade, code).with("up", mbps(line.up_kbit_s)).with("down", mbps(line.down_kbit_s))
        }
    };
    way.has_hub.then_some(finding)
}

fn of_hop(hop: &Hop) -> Finding {
    let found = |code| Finding::new(Check::Hub, Grade::Broken, code);
    match hop {
        Hop::Name { host } => found("hub_no_name").with("host", host),
        Hop::Proxy => found("hub_no_proxy"),
        Hop::Line { host } => found("hub_no_line").with("host", host),
        Hop::Tls { why } => found("hub_no_tls").with("why", why),
        Hop::Answer { why } => found("hub_no_answer").with("why", why),
    }
}

/// What is read of the box's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateRead {
    /// There is none.
    None,
    /// It cannot be read.
    Unreadable,
    /// It counts until an instant.
    Until(AtMs),
}

/// Judges the certificate.
pub(crate) fn certificate(read: CertificateRead, way: &WayOut, now: AtMs) -> Finding {
    let found = |grade, code| Finding::new(Check::Certificates, grade, code);
    if !way.needs_certificate {
        return found(Grade::Ok, "certificate_unneeded");
    }
    match read {
        CertificateRead::None => found(Grade::Broken, "certificate_none"),
        CertificateRead::Unreadable => found(Grade::Broken, "certificate_unreadable"),
        CertificateRead::Until(until) => {
            let left_ms = until.since(now);
            let judged = match left_ms {
                ..=0 => found(Grade::Broken, "certificate_over"),
                left_ms if left_ms < CERTIFICATE_LOW_DAYS * DAY_MS => found(Grade::Note, "certificate_ends"),
                _ => found(Grade::Ok, "certificate_ok"),
            };
            judged.with("until", until.in_tokyo().date()).with("n", left_ms.max(0) / DAY_MS)
        }
    }
}
