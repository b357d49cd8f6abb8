//! What this machine's kernel says of its network: which links carry, which addresses it has, and who its gateway is.
//!
//! Linux: `/sys/class/net`, and the tables of proc(5) under `/proc/net`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

use super::{Fault, KNOCKED};

/// A route leads somewhere by a gateway (`RTF_GATEWAY`).
const BY_GATEWAY: u32 = 0x2;

/// A route out of the own network.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WayOut {
    link: String,
    metric: u32,
    /// None where whoever is at the other end of the link is the only one there.
    gateway: Option<IpAddr>,
}

/// A link, whether it carries, and its number, by which an address of its own is named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    name: String,
    is_device: bool,
    carries: bool,
    number: u32,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Machine {
    links: Vec<Link>,
    has_address: bool,
    /// The likeliest first.
    ways: Vec<WayOut>,
}

impl Machine {
    /// Reads it; what cannot be read is not there.
    pub(super) fn read() -> Self {
        let read = |name: &str| fs::read_to_string(Path::new("/proc/net").join(name)).unwrap_or_default();
        let mut ways: Vec<WayOut> = read("route").lines().skip(1).filter_map(way_v4).collect();
        ways.sort_by_key(|way| way.metric);
        let mut by_v6: Vec<WayOut> = read("ipv6_route").lines().filter_map(way_v6).collect();
        by_v6.sort_by_key(|way| way.metric);
        ways.extend(by_v6);
        let has_address = has_v4(&read("fib_trie")) || has_v6(&read("if_inet6"));
        Self { links: links(Path::new("/sys/class/net")), has_address, ways }
    }

    /// Returns what is wrong with it; `knows_way` where it knows a way to the goal without a way out.
    pub(super) fn fault(&self, knows_way: bool) -> Option<Fault> {
        let carries = |name: &str| self.links.iter().any(|link| link.name == name && link.carries);
        // Links within the machine carry whatever becomes of the cable.
        let has_device = self.links.iter().any(|link| link.is_device);
        let mut real = self.links.iter().filter(|link| link.is_device || !has_device);
        if !self.ways.is_empty() {
            return (!self.ways.iter().any(|way| carries(&way.link))).then_some(Fault::NoCarrier);
        }
        if !real.any(|link| link.carries) {
            return Some(Fault::NoCarrier);
        }
        if !self.has_address {
            return Some(Fault::NoAddress);
        }
        (!knows_way).then_some(Fault::NoGateway)
    }

    /// Returns where the gateway of the likeliest way out is knocked at; none where there is none.
    pub(super) fn gateway(&self) -> Option<SocketAddr> {
        let way = self.ways.first()?;
        match way.gateway? {
            IpAddr::V4(ip) => Some(SocketAddr::from((ip, KNOCKED))),
            IpAddr::V6(ip) => {
                let number = self.links.iter().find(|link| link.name == way.link).map_or(0, |link| link.number);
                Some(SocketAddrV6::new(ip, KNOCKED, 0, number).into())
            }
        }
    }
}

fn links(folder: &Path) -> Vec<Link> {
    let read = |path: &Path, name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let link = |entry: fs::DirEntry| {
        let (path, name) = (entry.path(), entry.file_name().into_string().ok()?);
        let number = read(&path, "ifindex").trim().parse().unwrap_or(0);
        let (is_device, carries) = (path.join("device").exists(), read(&path, "carrier").trim() == "1");
        Some(Link { name, is_device, carries, number })
    };
    entries.filter_map(link).filter(|link| link.name != "lo").collect()
}

/// Reads a row of `/proc/net/route`: link, destination, gateway, flags, three numbers of which the last is the metric,
/// mask; addresses as the machine has their bytes.
fn way_v4(row: &str) -> Option<WayOut> {
    let cells: Vec<&str> = row.split_whitespace().collect();
    let [link, "00000000", gateway, flags, _, _, metric, "00000000", ..] = cells.as_slice() else { return None };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let gateway = u32::from_str_radix(gateway, 16).ok()?;
    let gateway = (flags & BY_GATEWAY != 0).then(|| Ipv4Addr::from(gateway.to_ne_bytes()).into());
    Some(WayOut { link: (*link).to_owned(), metric: metric.parse().ok()?, gateway })
}

/// Reads a row of `/proc/net/ipv6_route`: destination, its length, source, its length, gateway, metric, two counts,
/// flags, link.
fn way_v6(row: &str) -> Option<WayOut> {
    let cells: Vec<&str> = row.split_whitespace().collect();
    let [to, "00", _, _, gateway, metric, _, _, flags, link] = cells.as_slice() else { return None };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let is_way_out = to.bytes().all(|byte| byte == b'0') && *link != "lo" && flags & BY_GATEWAY != 0;
    let gateway = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
    let metric = u32::from_str_radix(metric, 16).ok()?;
    is_way_out.then(|| WayOut { link: (*link).to_owned(), metric, gateway: Some(gateway.into()) })
}

/// Whether `/proc/net/fib_trie` has an address that somebody gave the machine.
fn has_v4(trie: &str) -> bool {
    let mut last = None;
    trie.lines().any(|line| {
        let line = line.trim_start();
        if let Some(ip) = line.strip_prefix("|-- ") {
            last = ip.parse::<Ipv4Addr>().ok();
        }
        line.starts_with("/32 host LOCAL") && last.is_some_and(|ip| !ip.is_loopback() && !ip.is_link_local())
    })
}

/// Whether `/proc/net/if_inet6` has one: address, link, length, scope (00 is global), flags, name.
fn has_v6(table: &str) -> bool {
    table.lines().any(|row| row.split_whitespace().nth(3) == Some("00"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        wwan0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0\n";

    #[test]
    fn the_ways_out_are_read_from_the_kernels_tables() {
        let ways: Vec<WayOut> = ROUTES.lines().skip(1).filter_map(way_v4).collect();
        let of = |link: &str, metric, gateway| WayOut { link: link.to_owned(), metric, gateway };
        assert_eq!(ways, [of("eth0", 100, Some(Ipv4Addr::new(192, 168, 0, 1).into())), of("wwan0", 700, None)]);
        let zeros = "0".repeat(32);
        let v6 =
            format!("{zeros} 00 {zeros} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0");
        let way = way_v6(&v6).unwrap();
        assert_eq!((way.metric, way.gateway), (1_024, Some("fe80::1".parse().unwrap())));
        let nowhere = format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo");
        assert_eq!(way_v6(&nowhere), None);
        for other in ["", "eth0", "eth0\tx\ty"] {
            assert_eq!((way_v4(other), way_v6(other)), (None, None));
        }
    }

    #[test]
    fn an_address_counts_that_somebody_gave() {
        let trie = |ip: &str| format!("Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- {ip}\n        /32 host LOCAL\n");
        assert!(has_v4(&trie("10.77.0.2")));
        for own in ["127.0.0.1", "169.254.3.4"] {
            assert!(!has_v4(&trie(own)), "{own}");
        }
        assert!(!has_v4("     |-- 10.77.0.0\n        /24 link UNICAST\n"));
        assert!(has_v6("20010db8000000000000000000000001 02 40 00 80     eth0\n"));
        assert!(!has_v6("fe800000000000000000000000000001 02 40 20 80     eth0\n"));
    }

    fn machine(links: &[(&str, bool, bool)], has_address: bool, ways: &[&str]) -> Machine {
        let link = |(name, is_device, carries): &(&str, bool, bool)| Link {
            name: (*name).to_owned(),
            is_device: *is_device,
            carries: *carries,
            number: 2,
        };
        let way =
            |link: &&str| WayOut { link: (*link).to_owned(), metric: 0, gateway: Some("fe80::1".parse().unwrap()) };
        Machine { links: links.iter().map(link).collect(), has_address, ways: ways.iter().map(way).collect() }
    }

    #[test]
    fn the_first_thing_that_is_missing_is_named() {
        let (up, down, bridge) = (("eth0", true, true), ("eth0", true, false), ("docker0", false, true));
        let fault = |links: &[_], has_address, ways: &[&str]| machine(links, has_address, ways).fault(false);
        assert_eq!(fault(&[up], true, &["eth0"]), None);
        assert_eq!(fault(&[down, bridge], true, &["eth0"]), Some(Fault::NoCarrier), "the way leads over a dead cable");
        assert_eq!(fault(&[down, bridge], true, &[]), Some(Fault::NoCarrier), "what carries is within the machine");
        assert_eq!(fault(&[bridge], true, &["docker0"]), None, "a machine that is one itself");
        assert_eq!(fault(&[], false, &[]), Some(Fault::NoCarrier));
        assert_eq!(fault(&[up], false, &[]), Some(Fault::NoAddress));
        assert_eq!(fault(&[up], true, &[]), Some(Fault::NoGateway));
        assert_eq!(machine(&[up], true, &[]).fault(true), None, "the hub is in the own network");
        let gateway = machine(&[up], true, &["eth0"]).gateway().unwrap();
        assert_eq!(gateway.to_string(), "[fe80::1%2]:53");
        assert_eq!(machine(&[up], true, &[]).gateway(), None);
    }

    #[test]
    fn links_are_read_and_the_machines_own_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, carrier) in [("eth0", "1\n"), ("lo", "1\n"), ("wlan0", "0\n")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join("device")).unwrap();
            for (file, text) in [("carrier", carrier), ("ifindex", "7\n")] {
                fs::File::create(path.join(file)).unwrap().write_all(text.as_bytes()).unwrap();
            }
        }
        let mut found = links(folder.path());
        found.sort_by_key(|link| link.name.clone());
        let told: Vec<_> = found.iter().map(|link| (link.name.as_str(), link.carries, link.number)).collect();
        assert_eq!(told, [("eth0", true, 7), ("wlan0", false, 7)]);
        assert_eq!(links(&folder.path().join("none")), []);
    }
}
