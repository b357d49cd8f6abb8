//! A new box for a dead one: the day comes back from the hub, the desk goes on, and the old one wakes to hand over what
//! it had not sent.

use std::collections::BTreeSet;

use machiai_hw_tests::demo::api::{Answered, Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, SITE};
use machiai_hw_tests::hub::soon;
use rstest::rstest;
use serde_json::{Value, json};

use super::Home;
use super::scene::Scene;

async fn press(api: &Api, path: &str, body: Value) -> Answered {
    let key = format!("{path}-{}", api.elapsed().as_nanos());
    // Each press comes from a device of its own: two of one device within two seconds are one.
    let device = format!("desk/{}", api.elapsed().as_nanos());
    api.press(Press { device, path: path.to_owned(), body }, key).await.unwrap()
}

async fn take(api: &Api) -> Answered {
    press(api, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk"})).await
}

async fn number(api: &Api) -> String {
    let taken = take(api).await;
    assert!(taken.is_done(), "{}", taken.answer);
    taken.answer["tickets"][0]["label"].as_str().unwrap().to_owned()
}

async fn facts(daemon: &Daemon) -> BTreeSet<String> {
    daemon.ask(&["journal", "export"]).await.unwrap().lines().map(str::to_owned).collect()
}

async fn has_trouble(api: &Api, trouble: &str) -> bool {
    api.get("status").await.unwrap()["troubles"].as_array().unwrap().contains(&json!(trouble))
}

/// The numbers that facts give, each as often as they do.
fn given(facts: &BTreeSet<String>) -> Vec<String> {
    let facts = facts.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let issued = facts.filter(|fact| fact["kind"] == "TicketIssued");
    issued.map(|fact| fact["body"]["label"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[case::past_a_gap(false, Home::folder())]
#[case::from_the_last_number_on_paper(true, Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_died_is_replaced_and_loses_nothing_when_it_wakes(#[case] is_typed: bool, #[case] home: Home) {
    let mut scene = Scene::set(home, 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    for expected in ["101", "102", "103", "104"] {
        assert_eq!(number(&scene.api).await, expected);
    }
    scene.press("room1", "rooms/room1/call", json!({})).await;
    scene.press("room1", "rooms/room1/enter", json!({})).await;
    scene.until_even().await;
    let settings = scene.daemon.ask(&["settings", "export"]).await.unwrap();

    // It gives numbers that nobody hears of, and dies.
    scene.hub.boxes.cut();
    let unsent = [number(&scene.api).await, number(&scene.api).await, number(&scene.api).await];
    let last: u32 = unsent[2].parse().unwrap();
    scene.keep_clock().await;
    let folder = tempfile::tempdir().unwrap();
    let (new, api) = scene.another(folder.path()).await;
    scene.daemon.kill().unwrap();

    // The new one takes nothing in before it holds what the hub does.
    scene.hub.boxes.mend();
    scene.hub.replace(&new).await.unwrap();
    let is_there = async || {
        let desk = api.get("desk").await.ok()?;
        (!has_trouble(&api, "day_coming").await && desk["lines"][0]["reception"] == "open").then_some(desk)
    };
    let desk = soon("the day is back", is_there).await.unwrap();
    assert_eq!(desk["rooms"][0]["now"][0]["label"], "101", "{desk}");
    assert_eq!(desk["rooms"][0]["now"][0]["state"], "in_room");
    assert_eq!(new.ask(&["settings", "export"]).await.unwrap(), settings);
    // The highest that it knows of: what is leased to the hub is known.
    let known = desk["lines"][0]["unsure"].as_u64().unwrap();
    assert!((104..u64::from(last)).contains(&known), "{desk}");
    if is_typed {
        let typed = press(&api, &format!("lines/{SITE}-1/numbers"), json!({"to": last + 1})).await;
        assert!(typed.is_done(), "{}", typed.answer);
    }
    let goes_on = number(&api).await;
    // Beyond the gap some may have been leased by then.
    let expected = if is_typed { u64::from(last) + 1..=u64::from(last) + 1 } else { known + 51..=known + 61 };
    assert!(expected.contains(&goes_on.parse::<u64>().unwrap()), "{goes_on} {expected:?}");
    assert_eq!(api.get("desk").await.unwrap()["lines"][0]["unsure"], json!(null));

    // The old one wakes: it serves nobody, shows nobody, and what it knew comes to the other two.
    scene.restart().await;
    let is_fenced = async || has_trouble(&scene.api, "box_replaced").await.then_some(());
    soon("the old box hears that it was replaced", is_fenced).await.unwrap();
    let refused = take(&scene.api).await;
    assert_eq!(refused.answer["code"], "box_replaced", "{}", refused.answer);
    let boards = [scene.api.text("board").await.unwrap(), api.text("board").await.unwrap()];
    assert_eq!(boards.each_ref().map(|board| board.contains("\"101\"")), [false, true], "{boards:?}");
    let handed_over = async || (scene.status().await["n_pending"] == 0).then_some(());
    soon("the old box has handed over what it had", handed_over).await.unwrap();
    assert_eq!(scene.status().await["wrong"], "fenced");
    let left = facts(&scene.daemon).await;
    let is_alike = async || {
        let (here, there) = (facts(&new).await, scene.hub.facts(new.state()).await.ok()?);
        (here == there && here.is_superset(&left)).then_some(here)
    };
    let all = soon("the new box and the hub hold the same", is_alike).await.unwrap();
    let labels = given(&all);
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len(), "a number was given twice: {labels:?}");
    for label in unsent.iter().chain([&goes_on]) {
        assert!(labels.contains(label), "{label} is lost: {labels:?}");
    }
    let found = api.get(&format!("visits?label={last}")).await.unwrap();
    assert_eq!(found["state"], "waiting", "whoever holds one of them is in the queue: {found}");

    // It remembers, also where nobody tells it again.
    scene.hub.boxes.cut();
    scene.daemon.kill().unwrap();
    scene.restart().await;
    assert_eq!(take(&scene.api).await.answer["code"], "box_replaced");
    assert!(new.ask(&["journal", "verify"]).await.unwrap().contains("whole"));

    // Mended it may come back, and takes nothing before it knows what the other one gave.
    scene.hub.boxes.mend();
    let given_last: u32 = number(&api).await.parse().unwrap();
    scene.hub.enrol(&scene.daemon).await.unwrap();
    let goes_on = async || take(&scene.api).await.is_done().then_some(());
    soon("it serves again", goes_on).await.unwrap();
    assert!(number(&scene.api).await.parse::<u32>().unwrap() > given_last + 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_box_whose_line_breaks_takes_nothing_until_the_day_is_there() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    for _ in 0..40 {
        number(&scene.api).await;
    }
    scene.until_even().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut new, _) = scene.another(folder.path()).await;
    scene.daemon.kill().unwrap();
    new.kill().unwrap();
    scene.hub.replace(&new).await.unwrap();
    // Handshake and vector pass, the facts do not.
    scene.hub.boxes.cut_after(6_000);
    new.run().await.unwrap();
    let api = Api::new(new.address(), machiai_hw_tests::demo::stopwatch::Stopwatch::start()).unwrap();
    let is_cut = async || scene.hub.boxes.is_cut().then_some(());
    soon("the line breaks", is_cut).await.unwrap();
    assert!(has_trouble(&api, "day_coming").await);
    assert_eq!(take(&api).await.answer["code"], "day_coming");
    let told = new.ask(&["status"]).await.unwrap();
    assert!(
        told.contains("ハブからきょうの記録を取り戻しています") && told.contains("coming back from the hub"),
        "{told}"
    );
    // What takes another one's place begins empty, and this one does not any more.
    scene.hub.boxes.mend();
    let serves = async || (!has_trouble(&api, "day_coming").await).then_some(());
    soon("the day is there", serves).await.unwrap();
    assert!(number(&api).await.parse::<u32>().unwrap() > 190);
    let refused = scene.hub.replace(&new).await.unwrap_err();
    assert!(format!("{refused:#}").contains("begins empty"), "{refused:#}");
}

#[rstest]
#[case::after_the_one_before_was_revoked(true, false)]
#[case::with_a_code_that_replaces(false, false)]
#[case::with_settings_of_its_own(false, true)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_box_of_a_site_that_had_one_takes_its_place_whatever_was_typed(
    #[case] is_revoked: bool,
    #[case] has_settings: bool,
) {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    for expected in ["101", "102", "103"] {
        assert_eq!(number(&scene.api).await, expected);
    }
    scene.until_even().await;
    let folder = tempfile::tempdir().unwrap();
    let (new, api) = scene.another(folder.path()).await;
    if has_settings {
        let settings = scene.daemon.ask(&["settings", "export"]).await.unwrap();
        new.ask(&["settings", "import", &scene.home_file("clinic.toml", &settings)]).await.unwrap();
    }
    scene.daemon.kill().unwrap();
    // Nobody says `--replace`.
    if is_revoked {
        scene.hub.enrol_after_revoking(&new).await.unwrap();
    } else {
        scene.hub.enrol(&new).await.unwrap();
    }
    let is_there = async || {
        let desk = api.get("desk").await.ok()?;
        (!has_trouble(&api, "day_coming").await && desk["lines"][0]["reception"] == "open").then_some(desk)
    };
    let desk = soon("the day is back", is_there).await.unwrap();
    assert!(desk["lines"][0]["unsure"].as_u64().unwrap() >= 103, "{desk}");
    let goes_on: u32 = number(&api).await.parse().unwrap();
    assert!(goes_on > 150, "{goes_on} may have been given by the one before");
    // Two do not give numbers of one clinic.
    scene.restart().await;
    let stands_aside = async || (take(&scene.api).await.answer["code"] == "box_replaced").then_some(());
    soon("the one before hears that it was replaced", stands_aside).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_came_back_from_a_backup_gives_no_number_again_and_is_no_twin_of_itself() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    assert_eq!(number(&scene.api).await, "101");
    let copy = scene.home_file("copy.db", "");
    std::fs::remove_file(&copy).unwrap();
    scene.daemon.ask(&["journal", "backup", &copy]).await.unwrap();
    for _ in 0..2 {
        number(&scene.api).await;
    }
    scene.until_even().await;
    let [held, _] = scene.facts().await;
    scene.keep_clock().await;
    scene.daemon.kill().unwrap();
    scene.daemon.ask(&["journal", "restore", &copy]).await.unwrap();
    scene.restart().await;
    // Before it hears of the hub as after it.
    assert!(number(&scene.api).await.parse::<u32>().unwrap() > 150);
    scene.until_even().await;
    let here = scene.alike().await;
    assert!(here.is_superset(&held), "what came after the backup is back");
    let labels = given(&here);
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len(), "{labels:?}");
    assert_eq!(scene.api.get("status").await.unwrap()["troubles"], json!(["journal_restored"]));
}
