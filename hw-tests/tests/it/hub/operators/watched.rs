//! What whoever watches machines is told of a hub: how many sites do how, and no more of them.

use machiai::link::on_this_machine;
use machiai_core::health::PrinterHealth;
use machiai_core::ids::SiteId;
use machiai_hub::door::limits::Limits;
use reqwest::{Response, StatusCode};
use rstest::rstest;

use super::fleet::{named, send, told};
use super::{Cloud, Home};

async fn asked(address: String) -> Response {
    on_this_machine().unwrap().build().unwrap().get(address).send().await.unwrap()
}

async fn ask(cloud: &Cloud, path: &str) -> (StatusCode, String) {
    let answer = asked(format!("http://{}{path}", cloud.watch)).await;
    (answer.status(), answer.text().await.unwrap())
}

fn has(page: &str, lines: &[&str]) {
    for line in lines {
        assert!(page.lines().any(|told| told == *line), "no {line} in\n{page}");
    }
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_a_hub_is_told_how_many_sites_do_how_and_nothing_that_names_one(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let store = &cloud.store;
    let now_ms = i64::try_from(machiai_hub::serve::now_s()).unwrap() * 1_000;
    send(store, 1001, 1, vec![(1, named("さくら医院")), (2, told(PrinterHealth::PaperOut))]).await;
    send(store, 1002, 2, vec![(1, named("みどり医院")), (2, told(PrinterHealth::Ok))]).await;
    store.add_site(SiteId(1003)).await.unwrap();
    store.note_seen([(SiteId(1001), now_ms), (SiteId(1002), now_ms)].into()).await.unwrap();
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(&cloud, path).await, (StatusCode::OK, "ok\n".to_owned()), "{path}");
    }
    let (status, page) = ask(&cloud, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    has(&page, &["machiai_hub_store_up 1", "machiai_hub_paused 0", "machiai_hub_sites_open 0"]);
    for (grade, n) in [("trouble", 1), ("care", 0), ("coming", 1), ("good", 1)] {
        has(&page, &[&format!("machiai_hub_sites{{grade=\"{grade}\"}} {n}")]);
    }
    for (about, n) in [("seen", 0), ("printer", 1), ("screen", 0), ("other", 0)] {
        has(&page, &[&format!("machiai_hub_sites_in_trouble{{about=\"{about}\"}} {n}")]);
    }
    assert!(!page.contains("1001") && !page.contains("医院"), "{page}");
    // Nothing of it stands where patients or operators come.
    for elsewhere in [cloud.public, cloud.desk] {
        let answer = asked(format!("http://{elsewhere}/metrics")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{elsewhere}");
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_without_its_store_lives_is_not_ready_and_says_so() {
    let mut cloud = Cloud::start(Home::server(), Limits::USUAL).await;
    drop(std::mem::replace(&mut cloud.home, Home::folder()));
    assert_eq!(ask(&cloud, "/livez").await.0, StatusCode::OK);
    let (status, why) = ask(&cloud, "/readyz").await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && why.len() > 10, "{status} {why}");
    let (status, page) = ask(&cloud, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    has(&page, &["machiai_hub_store_up 0"]);
    assert!(!page.contains("machiai_hub_sites{"), "what is not known is not told: {page}");
}
