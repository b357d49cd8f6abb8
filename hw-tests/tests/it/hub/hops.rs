//! The line to the hub, tried from a clinic's network of its own: what it carries, and which hop fails when exactly that
//! one is broken. The clinic is a namespace of the kernel with one link to the world, where its gateway and the hub are.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use machiai_hub::door::limits::Limits;
use machiai_hub::store::devices::Replaces;
use machiai_hw_tests::demo::daemon::write;
use machiai_wire::buckets::Rate;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::Home;
use super::cloud::{Box, Cloud};
use super::network::{is_within, tool};

/// Where the hub is in the world, and its name.
const HUB: ([u8; 4], &str) = ([10, 99, 0, 1], "hub.example");

/// How far what is measured may be from what the line carries.
const WITHIN: f64 = 0.25;

/// A clinic's network, with a box that is enrolled.
struct Clinic {
    /// Whoever keeps the namespace open.
    keeper: Child,
    folder: TempDir,
    own: Box,
    port: u16,
}

impl Clinic {
    /// Lays it: `box0` in the clinic, `world0` at the other end, which is the clinic's gateway.
    async fn lay(cloud: &Cloud) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = cloud.enrol(1001, Replaces::Nothing).await;
        let port = cloud.address.parse::<SocketAddr>().unwrap().port();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            write(&path, text).unwrap();
            path.display().to_string()
        };
        let hosts = file("hosts", &format!("127.0.0.1 localhost\n{} {}\n", dotted(HUB.0), HUB.1));
        // Names that are not in the file are asked of the gateway, which knows none.
        let resolver = file("resolv.conf", "nameserver 10.77.0.1\noptions timeout:1 attempts:1\n");
        let lay = format!(
            "mount -t sysfs sysfs /sys && mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf \
             && echo laid && exec cat"
        );
        let mut keep = Command::new("unshare");
        keep.args(["--net", "--mount", "sh", "-c", &lay]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keep.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "laid\n");
        tool("ip", &format!("link add world0 type veth peer name box0 netns {}", keeper.id()));
        tool("ip", "link set world0 up");
        tool("ip", "addr add 10.77.0.1/24 dev world0");
        let clinic = Self { keeper, folder, own, port };
        clinic.joins();
        clinic
    }

    /// Gives the box its address and its way out.
    fn joins(&self) {
        self.within("ip", "link set lo up");
        self.within("ip", "link set box0 up");
        self.within("ip", "addr replace 10.77.0.2/24 dev box0");
        self.within("ip", "route replace default via 10.77.0.1");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.keeper.id().to_string(), "--net", "--mount", "--", program]);
        command.args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a tool of the network in the clinic.
    fn within(&self, program: &str, arguments: &str) {
        let done = self.run(program, &arguments.split(' ').collect::<Vec<_>>());
        assert!(done.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn config(&self, more: &str) -> PathBuf {
        let path = self.folder.path().join("machiai.toml");
        let state = self.own.state().display();
        write(&path, format!("site = 1001\nstate = \"{state}\"\n{more}\n")).unwrap();
        path
    }

    /// Tries the line to a name and port.
    fn tries(&self, name: &str, port: u16) -> Value {
        let config = self.config(&format!("hub = \"https://{name}:{port}\""));
        let config = config.to_str().unwrap();
        let done = self.run(env!("CARGO_BIN_EXE_machiai-demo"), &["machiai", "-c", config, "line", "--json"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Returns the hop and what is wrong there.
    fn fault(&self) -> (String, String) {
        self.fault_at(HUB.1, self.port)
    }

    fn fault_at(&self, name: &str, port: u16) -> (String, String) {
        let tried = self.tries(name, port);
        let text = |key: &str| tried[key].as_str().unwrap_or("none").to_owned();
        assert!(tried["up_kbit_s"].is_null() || tried["hop"].is_null(), "figures of a line that fails: {tried}");
        (text("hop"), text("fault"))
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

fn dotted(ip: [u8; 4]) -> String {
    ip.map(|byte| byte.to_string()).join(".")
}

/// Sets a world with a hub, and a clinic in it, and plays a scene.
fn in_clinic(scene: &str, limits: Limits, play: impl AsyncFnOnce(Cloud, Clinic)) {
    if !is_within(&format!("hub::hops::{scene}")) {
        return;
    }
    tool("ip", &format!("addr add {}/32 dev lo", dotted(HUB.0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let names = vec![HUB.1.to_owned(), dotted(HUB.0)];
        let cloud = Cloud::start_at((HUB.0, names), Home::folder(), limits).await;
        let clinic = Clinic::lay(&cloud).await;
        play(cloud, clinic).await;
    });
}

/// Has the gateway say nothing to whoever knocks.
fn swallow_knocks() {
    tool("nft", "add table inet gateway");
    tool("nft", "add chain inet gateway in { type filter hook input priority 0 ; }");
    tool("nft", "add rule inet gateway in tcp dport 53 drop");
}

fn fault(hop: &str, what: &str) -> (String, String) {
    (hop.to_owned(), what.to_owned())
}

#[test]
fn each_hop_is_named_when_exactly_that_one_is_broken() {
    // It is tried more often than anybody does by hand.
    let limits = Limits { trial: Rate { per_minute: 1 << 30, at_once: 1 << 30 }, ..Limits::USUAL };
    in_clinic("each_hop_is_named_when_exactly_that_one_is_broken", limits, async |cloud, clinic| {
        let whole = || assert_eq!(clinic.fault(), fault("none", "none"), "the line is whole");
        whole();
        // The link: the cable, and then the address.
        tool("ip", "link set world0 down");
        assert_eq!(clinic.fault(), fault("link", "no_carrier"));
        tool("ip", "link set world0 up");
        clinic.within("ip", "addr flush dev box0 scope global");
        assert_eq!(clinic.fault(), fault("link", "no_address"));
        clinic.joins();
        whole();
        // The gateway: no way there, and nobody there, though it was heard of a moment ago or was not.
        clinic.within("ip", "route del default");
        assert_eq!(clinic.fault(), fault("gateway", "no_gateway"));
        clinic.joins();
        whole();
        tool("ip", "addr del 10.77.0.1/24 dev world0");
        assert_eq!(clinic.fault(), fault("gateway", "gateway_silent"));
        clinic.within("ip", "neigh flush dev box0");
        assert_eq!(clinic.fault(), fault("gateway", "gateway_silent"));
        tool("ip", "addr add 10.77.0.1/24 dev world0");
        whole();
        // Names.
        assert_eq!(clinic.fault_at("other.example", clinic.port), fault("dns", "no_name"));
        // TLS: a hub of another authority, and somebody who speaks no TLS at all.
        let other = Cloud::start_at((HUB.0, vec![HUB.1.to_owned()]), Home::folder(), Limits::USUAL).await;
        let port = other.address.parse::<SocketAddr>().unwrap().port();
        assert_eq!(clinic.fault_at(HUB.1, port), fault("tls", "not_the_hub"));
        other.stop().await;
        let hangs_up = TcpListener::bind(SocketAddr::from((HUB.0, 0))).await.unwrap();
        let port = hangs_up.local_addr().unwrap().port();
        let hanging_up = tokio::spawn(async move { while hangs_up.accept().await.is_ok() {} });
        assert_eq!(clinic.fault_at(HUB.1, port), fault("tls", "tls_failed"));
        // A gateway that swallows what it does not serve is no fault of its own.
        swallow_knocks();
        assert_eq!(clinic.fault_at(HUB.1, port), fault("tls", "tls_failed"));
        tool("nft", "flush ruleset");
        hanging_up.abort();
        // The hub: it does not serve this box any more, and then nobody is there.
        let successor = cloud.enrol(1001, Replaces::TheBox).await;
        assert_eq!(clinic.fault(), fault("hub", "fenced"));
        drop(successor);
        cloud.stop().await;
        assert_eq!(clinic.fault(), fault("hub", "hub_silent"));
    });
}

#[test]
fn a_thin_line_is_measured_each_way_within_a_quarter_and_not_filled_for_long() {
    let scene = "a_thin_line_is_measured_each_way_within_a_quarter_and_not_filled_for_long";
    in_clinic(scene, Limits::USUAL, async |cloud, clinic| {
        for (up_kbit_s, down_kbit_s) in [(64_u32, 64_u32), (2_000, 8_000)] {
            // A line hands over one packet at a time.
            let thin =
                |link, kbit_s| format!("qdisc replace dev {link} root tbf rate {kbit_s}kbit burst 1600b latency 400ms");
            clinic.within("tc", &thin("box0", up_kbit_s));
            tool("tc", &thin("world0", down_kbit_s));
            let [sent_before, came_before] = n_bytes();
            let tried = clinic.tries(HUB.1, clinic.port);
            let [sent, came] = n_bytes();
            for (key, carries) in [("up_kbit_s", up_kbit_s), ("down_kbit_s", down_kbit_s)] {
                let found = tried[key].as_f64().unwrap_or_else(|| panic!("{tried}"));
                let off = found / f64::from(carries) - 1.0;
                assert!(off.abs() <= WITHIN, "{key} of a line that carries {carries}: {tried}");
            }
            // Two and a half seconds each way, and what is asked and said beside.
            let most = |kbit_s: u64| kbit_s * 1_000 / 8 * 5 / 2 * 5 / 4 + 40_000;
            assert!(sent - sent_before <= most(u64::from(down_kbit_s)), "{} bytes down", sent - sent_before);
            assert!(came - came_before <= most(u64::from(up_kbit_s)), "{} bytes up", came - came_before);
        }
        cloud.stop().await;
    });
}

/// Returns how many bytes went to the clinic over its link, and came from there.
fn n_bytes() -> [u64; 2] {
    let told = tool("ip", "-j -s link show world0");
    let told: Value = serde_json::from_str(&told).unwrap();
    ["tx", "rx"].map(|way| told[0]["stats64"][way]["bytes"].as_u64().unwrap())
}

#[test]
fn a_box_that_tries_its_line_again_and_again_is_told_to_wait_and_its_facts_are_not() {
    let scene = "a_box_that_tries_its_line_again_and_again_is_told_to_wait_and_its_facts_are_not";
    in_clinic(scene, Limits::USUAL, async |cloud, clinic| {
        let tried = || clinic.fault();
        let mut n_tried = 0;
        while tried() == fault("none", "none") {
            n_tried += 1;
            assert!(n_tried < 12, "nobody stops it");
        }
        assert_eq!(tried(), fault("hub", "busy"));
        assert!(n_tried >= 1);
        clinic.own.ask(1001).await.unwrap();
        cloud.stop().await;
    });
}
