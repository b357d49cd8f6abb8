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

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_day_is_one_sheet_without_buttons_and_nothing_is_cut() {
    let mut scene = Scene::set("report-print").await;
    for nth in 0..24 {
        let label = scene.ticket(1 + nth % 2).await;
        if nth % 8 == 7 {
            let visit = scene.stage.api.get(&format!("visits?label={label}")).await.unwrap()["visit"].clone();
            let path = format!("visits/{}/cancel", visit.as_str().unwrap());
            scene.tell(&path, json!({"reason": "patient"})).await;
        }
    }
    // All but a few are seen.
    for (room, n_called) in [("room1", 9), ("room3", 7)] {
        for _ in 0..n_called {
            scene.tell(&format!("rooms/{room}/call"), json!({})).await;
            scene.tell(&format!("rooms/{room}/finish"), json!({})).await;
        }
    }
    scene.open("/report").await;
    scene.until("document.querySelectorAll('.left tbody tr').length === 5").await;
    let pdf = scene.browser.print().await.unwrap();
    let text = String::from_utf8_lossy(&pdf);
    assert_eq!(text.matches("/Type /Page\n").count(), 1, "an ordinary day is one sheet");
    let sheet = text.split("/MediaBox [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let edges: Vec<f64> = sheet.split_whitespace().map(|edge| edge.parse().unwrap()).collect();
    assert!((edges[2] - 595.3).abs() < 1.5 && (edges[3] - 841.9).abs() < 1.5, "{sheet} is not A4");

    // The sheet within its margins of 14 mm, as it is laid out on paper.
    scene.browser.size(688, 1017).await.unwrap();
    scene.browser.medium("print").await.unwrap();
    let seen = "return [...document.querySelectorAll('button, select, .bar, a')].filter((at) => at.offsetParent)\
        .map((at) => at.outerHTML.slice(0, 80))";
    assert_eq!(scene.run(seen).await, json!([]), "a button on paper");
    let cut = "return [...document.querySelectorAll('main *')].filter((at) => at.getBoundingClientRect().right > innerWidth + 1\
        || (at.scrollWidth > at.clientWidth + 1 && getComputedStyle(at).overflowX !== 'visible')).map((at) => at.outerHTML.slice(0, 80))";
    assert_eq!(scene.run(cut).await, json!([]), "cut off on paper");
    scene.until("document.querySelector('.sign').offsetParent").await;
    scene.picture("paper").await;
    scene.is_quiet().await;
}
