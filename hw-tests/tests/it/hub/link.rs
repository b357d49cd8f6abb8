//! A whole box and a hub: a patient takes a ticket from afar, also while the line between the two is cut.

use std::collections::BTreeSet;

use machiai_core::time::AtMs;
use machiai_hub::backup::{back_up, restore};
use machiai_hub::store::Store;
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::hub::phone::{Taken, label};
use machiai_hw_tests::hub::soon;
use serde_json::json;

use super::Home;
use super::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_taken_from_afar_is_called_and_a_cut_line_loses_and_doubles_nothing() {
    let scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;

    // Taken on a phone, known at the desk; the same press sent again takes nothing.
    let (ticket, key) = scene.take().await;
    assert_eq!(scene.send(&key).await, ticket);
    let page = scene.page(&ticket).await;
    let first = label(&page).unwrap().to_owned();
    assert!(page.contains("ご来院をお待ちしています"), "{page}");
    let visit = scene.visit(&first).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    let has_arrived = async || scene.page(&ticket).await.contains("受付がお済みです").then_some(());
    soon("the phone hears of the arrival", has_arrived).await.unwrap();

    // The line is cut: the desk goes on, the hub gives what was leased and says how old its data is.
    scene.hub.boxes.cut();
    let lost = async || (scene.status().await["wrong"] == "no_line").then_some(());
    soon("the box notices", lost).await.unwrap();
    assert!(scene.daemon.ask(&["status"]).await.unwrap().contains("ハブとつながっていません"));
    let taken = scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    let far = async || scene.page(&format!("/s/{SITE}")).await.contains("クリニックと通信できません").then_some(());
    soon("the page says that the clinic is out of reach", far).await.unwrap();
    let (other, _) = scene.take().await;
    let second = label(&scene.page(&other).await).unwrap().to_owned();
    let at_kiosk = taken["tickets"][0]["label"].as_str().unwrap().to_owned();
    assert_eq!(BTreeSet::from([&first, &second, &at_kiosk]).len(), 3, "{first} {second} {at_kiosk}");

    // Back again: both know everything, and whoever took a ticket meanwhile is called.
    scene.hub.boxes.mend();
    let visit = scene.visit(&second).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    for device in ["room1/a", "room1/b", "room1/c"] {
        scene.press(device, "rooms/room1/call", json!({})).await;
        scene.press(device, "rooms/room1/enter", json!({})).await;
    }
    let is_seen = async || scene.page(&other).await.contains("でお伺いしています").then_some(());
    soon("the phone hears of the call", is_seen).await.unwrap();
    scene.until_even().await;
    scene.alike().await;
    assert!(scene.daemon.ask(&["journal", "verify"]).await.unwrap().contains("whole"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_takes_no_fact_and_no_ticket_with_it() {
    let mut scene = Scene::set(Home::server(), 2).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;
    let (mut pages, mut at_kiosk) = (Vec::new(), Vec::new());
    for nth in 0..12 {
        pages.push(scene.take().await);
        let kiosk = format!("kiosk/{nth}");
        let taken = scene.press(&kiosk, &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
        at_kiosk.push(taken["tickets"][0]["label"].as_str().unwrap().to_owned());
        if nth == 5 {
            // What it answered it has kept.
            scene.hub.kill_first();
            let (path, key) = &pages[0];
            assert_eq!(scene.send(key).await, *path);
        }
    }
    scene.until_even().await;
    let mut labels = at_kiosk;
    for (path, _) in &pages {
        let label = label(&scene.page(path).await).unwrap().to_owned();
        scene.visit(&label).await;
        labels.push(label);
    }
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), 24, "{labels:?}");
    scene.alike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_came_back_from_an_older_backup_is_given_back_what_it_lost_and_gives_no_number_again() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;
    let Home::Folder(home) = &scene.home else { unreachable!("a store in a file") };
    let (state, backup) = (home.path().to_owned(), home.path().join("backup"));
    let store = Store::open(&scene.home.name()).await.unwrap();
    back_up(&store, &state, &backup).await.unwrap();
    drop(store);

    // What came after the backup: the hub's own tickets, and the clinic's.
    let ((first, key), (second, _)) = (scene.take().await, scene.take().await);
    scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    for path in [&first, &second] {
        let label = label(&scene.page(path).await).unwrap().to_owned();
        scene.visit(&label).await;
    }
    scene.until_even().await;
    let [held, _] = scene.facts().await;

    // While the hub serves nothing is brought back over it.
    let now = AtMs(scene.api.status().await.unwrap().now_ms);
    let lock = machiai_hub::backup::hold(&state).unwrap();
    assert!(restore(&backup, &state, now).unwrap_err().to_string().contains("stop it first"));
    drop(lock);
    scene.hub.kill_first();
    let aside = restore(&backup, &state, now).unwrap();
    assert!(aside.join("hub.db").is_file());
    scene.hub.add_node(&scene.api).await.unwrap();

    // The box gives it all back, the hub's own facts too; nobody presses a button for it.
    scene.until_even().await;
    let is_back = async || {
        let there = scene.hub.facts(scene.daemon.state()).await.ok()?;
        there.is_superset(&held).then_some(())
    };
    soon("the hub holds again what it lost", is_back).await.unwrap();
    scene.alike().await;
    assert!(scene.page(&second).await.contains("ご来院をお待ちしています"));
    // The same press is the same ticket; another one has none today, for it might be somebody's already.
    assert_eq!(scene.send(&key).await, first);
    assert!(scene.phone.keys().await.unwrap().is_empty(), "tickets are offered");
    let Taken::Refused(page) = scene.phone.take(1, "0000000000000000").await.unwrap() else { panic!("a ticket") };
    assert!(page.contains("内科では、今お取りいただける番号がなくなりました"), "{page}");
}
