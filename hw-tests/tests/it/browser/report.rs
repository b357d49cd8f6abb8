//! The day's report: it counts everybody, names who is left with what to do, and fits a sheet of paper.

use serde_json::json;

use super::{SITE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_report_counts_everybody_and_names_who_is_left() {
    let mut scene = Scene::set("report").await;
    scene.browser.size(1280, 900).await.unwrap();
    let first = scene.ticket(1).await;
    let mut labels = vec![first.clone()];
    for line in [1, 1, 2] {
        labels.push(scene.ticket(line).await);
    }
    scene.tell("rooms/room1/call", json!({})).await;
    scene.tell("rooms/room1/enter", json!({})).await;
    scene.tell("rooms/room1/finish", json!({})).await;
    scene.tell("rooms/room1/call", json!({})).await;
    scene.tell("rooms/room1/absent", json!({})).await;
    let visit = scene.stage.api.get(&format!("visits?label={}", labels[3])).await.unwrap()["visit"].clone();
    scene.tell(&format!("visits/{}/cancel", visit.as_str().unwrap()), json!({"reason": "no_show"})).await;
    scene.tell(&format!("lines/{SITE}-1/close"), json!({})).await;

    scene.open("/report").await;
    scene.until("document.querySelectorAll('.left tbody tr').length === 2").await;
    let said = scene.run("return document.querySelector('main').innerText").await;
    let said = said.as_str().unwrap();
    for wanted in [
        labels[1].as_str(),
        "不在",
        "お戻りがなければ取り消します",
        "来られなかった",
        "2026年11月24日",
        "診療中の途中の記録です",
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    let sums = scene.run("return [...document.querySelectorAll('.sums b')].map((at) => Number(at.textContent))").await;
    assert_eq!(sums, json!([4, 1, 1, 2]), "given, finished, cancelled, left");
    scene.picture("report").await;
    scene.is_light().await;
    scene.press("#lang").await;
    scene.until("document.querySelector('main').innerText.includes('Cancel if they do not come back.')").await;
    scene.picture("report-en").await;
    scene.browser.size(320, 900).await.unwrap();
    scene.until("document.documentElement.scrollWidth === document.documentElement.clientWidth").await;
    scene.picture("report-narrow").await;
    scene.is_quiet().await;
}
