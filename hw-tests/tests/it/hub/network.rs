//! Box and hub over a network of their own that is slow, loses packets, or falls silent: real sockets in a namespace of
//! the kernel, whose loopback is slowed by `tc` and swallows what `nft` says.

use std::process::Command;
use std::time::Duration;

use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::hub::within;
use serde_json::json;

use super::Home;
use super::scene::Scene;

/// Set where a scene runs within its namespace.
const INSIDE: &str = "MACHIAI_IN_NAMESPACE";

/// Whoever says nothing for so long is given up by the box, and more.
const SILENT_FOR: Duration = Duration::from_secs(90);

/// Runs a scene of this file in a network namespace, and fails as it does; returns whether this is within it.
fn is_inside(scene: &str) -> bool {
    is_within(&format!("hub::network::{scene}"))
}

/// Runs a scene in a network namespace, by its full name.
pub(super) fn is_within(named: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        tool("ip", "link set lo up");
        return true;
    }
    // Whoever is not root becomes so within the namespace alone.
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net"]).arg(std::env::current_exe().unwrap());
    let done = unshare.args([named, "--exact", "--nocapture"]).env(INSIDE, "1").output().unwrap();
    let told = [done.stdout, done.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(done.status.success(), "{told}");
    assert!(told.contains("1 passed"), "{told}");
    false
}

/// Runs a tool of the network, and returns what it says.
pub(super) fn tool(program: &str, arguments: &str) -> String {
    let done = Command::new(program).args(arguments.split(' ')).output();
    let done = done.unwrap_or_else(|cause| panic!("{program}: {cause}"));
    assert!(done.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Returns the numbers that stand behind a word in what a tool says.
fn counts(told: &str, word: &str) -> Vec<u64> {
    let word = format!("{word} ");
    let after = told.split(word.as_str()).skip(1);
    after.filter_map(|rest| rest.split([' ', ')', '\n']).next()?.parse().ok()).collect()
}

/// Which packets a line loses, as nft says it.
const THREE_OF_TEN: &str = "numgen random mod 10 < 3 counter drop";
const ALL: &str = "counter drop";

/// Has packets swallowed that go to a port, or come from there.
fn swallow(port: u16, which: &str) {
    tool("nft", "flush ruleset");
    tool("nft", "add table inet line");
    tool("nft", "add chain inet line in { type filter hook input priority 0 ; }");
    for way in ["dport", "sport"] {
        tool("nft", &format!("add rule inet line in tcp {way} {port} {which}"));
    }
}

/// Opens the line, takes tickets here and there, and waits after each until the hub is known to hold all facts.
async fn a_morning(scene: &Scene) {
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    let (ticket, _) = scene.take().await;
    for nth in 0..12 {
        let kiosk = format!("kiosk/{nth}");
        scene.press(&kiosk, &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
        scene.until_even().await;
    }
    assert!(scene.page(&ticket).await.contains("ご来院をお待ちしています"));
}

#[test]
fn a_line_of_64_kbit_s_carries_a_morning() {
    if is_inside("a_line_of_64_kbit_s_carries_a_morning") {
        in_scene(async |scene| {
            tool("tc", "qdisc add dev lo root tbf rate 64kbit burst 16kb latency 2000ms");
            a_morning(&scene).await;
            let told = tool("tc", "-s qdisc show dev lo");
            assert!(counts(&told, "overlimits").iter().sum::<u64>() > 10, "nothing had to wait: {told}");
            scene.alike().await;
        });
    }
}

#[test]
fn a_line_that_loses_three_packets_of_ten_carries_a_morning() {
    if is_inside("a_line_that_loses_three_packets_of_ten_carries_a_morning") {
        in_scene(async |scene| {
            swallow(scene.hub.boxes.address().port(), THREE_OF_TEN);
            a_morning(&scene).await;
            // What is lost is drawn: the morning goes on until enough was.
            let n_lost = || counts(&tool("nft", "list ruleset"), "packets").iter().sum::<u64>();
            for nth in 0..100 {
                if n_lost() > 10 {
                    break;
                }
                scene
                    .press(&format!("late/{nth}"), &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"}))
                    .await;
                scene.until_even().await;
            }
            assert!(n_lost() > 10, "the line loses nothing");
            tool("nft", "flush ruleset");
            scene.alike().await;
        });
    }
}

#[test]
fn a_line_that_falls_silent_while_it_stands_open_is_noticed_and_left() {
    if is_inside("a_line_that_falls_silent_while_it_stands_open_is_noticed_and_left") {
        in_scene(async |scene| {
            scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
            scene.until_even().await;
            // Nothing is reset and nothing ends: packets are gone, as behind a router that was switched off.
            swallow(scene.hub.boxes.address().port(), ALL);
            scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
            let is_lost = async || (scene.status().await["wrong"] == "no_line").then_some(());
            within(SILENT_FOR, "the box notices", is_lost).await.unwrap();
            tool("nft", "flush ruleset");
            scene.until_even().await;
            scene.alike().await;
        });
    }
}

/// Sets a scene whose box is enrolled, and plays it.
fn in_scene(play: impl AsyncFnOnce(Scene)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let scene = Scene::set(Home::folder(), 1).await;
        scene.enrol().await;
        scene.until_even().await;
        play(scene).await;
    });
}
