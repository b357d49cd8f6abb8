//! Content in an S3-compatible store: kept in parts, and given to its site from any byte on.

use std::io::Write as _;
use std::process::Command;

use machiai_core::ids::{BootId, SiteId};
use machiai_core::program::content::{Content, ContentHash, ContentKind};
use machiai_hub::blobs::Blobs;
use machiai_hub::clock::Clock;
use machiai_hub::door::limits::Limits;
use machiai_hub::publish::Publisher;
use machiai_hub::serve::reading;
use machiai_hub::store::devices::Replaces;
use machiai_hw_tests::servers::s3::S3;
use reqwest::header::RANGE;

use super::Home;
use super::cloud::Cloud;

/// Where the store is, set where the scene runs with credentials in its environment: a program has one environment.
const PLACE: &str = "MACHIAI_BUCKET";

const SCENE: &str = "hub::bucket::content_in_an_s3_store_is_kept_whole_and_given_from_any_byte_on";

/// Two whole parts of an upload, and a piece of a third.
const N_BYTES: u32 = 20_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_in_an_s3_store_is_kept_whole_and_given_from_any_byte_on() {
    if let Ok(place) = std::env::var(PLACE) {
        return play(&place).await;
    }
    let server = S3::start().unwrap();
    server.make_bucket("films").await.unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([SCENE, "--exact", "--nocapture"]).env(PLACE, server.url());
    again.env("AWS_ACCESS_KEY_ID", "clinic").env("AWS_SECRET_ACCESS_KEY", "sakura");
    let done = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
    let told = [done.stdout, done.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(done.status.success() && told.contains("1 passed"), "{told}");
}

async fn play(place: &str) {
    let blobs = Blobs::open(&format!("s3://films/of/clinics?endpoint={place}&region=ap-northeast-1")).unwrap();
    let cloud = Cloud::giving(([127, 0, 0, 1], Vec::new()), (Home::folder(), Some(blobs.clone())), Limits::USUAL).await;
    let own = cloud.enrol(1001, Replaces::Nothing).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film");
    let bytes: Vec<u8> = (0..N_BYTES).map(|nth| (nth % 251).to_le_bytes()[0]).collect();
    std::fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
    let content = ContentHash::from_bytes(*blake3::hash(&bytes).as_bytes());
    for _ in 0..2 {
        assert_eq!(blobs.put(&path).await.unwrap(), content);
    }
    assert_eq!(blobs.size(content).await.unwrap(), Some(u64::from(N_BYTES)));
    let absent = ContentHash::from_bytes([9; 32]);
    assert_eq!(blobs.size(absent).await.unwrap(), None);

    let clock = Clock::new(BootId::from_bytes([1; 16]), reading());
    let publisher = Publisher::new(cloud.store.clone(), clock).await.unwrap();
    for content in [content, absent] {
        publisher.content(SiteId(1001), &described(content)).await.unwrap();
    }
    assert_eq!(ask(&own, absent, None).await.status(), 404, "described, and not there");
    assert!(ask(&own, content, None).await.bytes().await.unwrap() == bytes.as_slice(), "other bytes");
    for (from, to) in [(0, 0), (8_388_607, 8_388_610), (19_999_999, 19_999_999)] {
        let part = ask(&own, content, Some(&format!("bytes={from}-{to}"))).await;
        assert_eq!((part.status().as_u16(), &part.bytes().await.unwrap()[..]), (206, &bytes[from..=to]), "{from}");
    }

    // Nothing half made lies beside it, and no name but its hash.
    let listed = format!("{place}/films?list-type=2");
    let listed = machiai::link::on_this_machine().unwrap().build().unwrap().get(listed).send().await.unwrap();
    let listed = listed.text().await.unwrap();
    let keys: Vec<&str> = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
    assert_eq!(keys, [format!("of/clinics/{content}")], "{listed}");
    cloud.stop().await;
}

fn described(content: ContentHash) -> Content {
    let title = "健康体操".to_owned();
    let kind = ContentKind::Provided;
    Content { content, kind, title, duration_ms: 2_000, advert: None, lease_until: None, scene: None }
}

async fn ask(own: &super::cloud::Box, content: ContentHash, range: Option<&str>) -> reqwest::Response {
    let address = format!("{}/v1/sites/1001/content/{content}", own.config.hub.as_ref().unwrap());
    let asked = own.client().get(address);
    let asked = if let Some(range) = range { asked.header(RANGE, range) } else { asked };
    asked.send().await.unwrap()
}
