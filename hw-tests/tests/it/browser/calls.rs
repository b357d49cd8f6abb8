//! Consultation calls in a browser: the doctor's page beats and disconnects by itself, the desk's page tells amounts.

use std::time::Duration;

use machiai_hw_tests::demo::stopwatch::Stopwatch;
use serde_json::json;

use super::Scene;

/// Of the rehearsal's clock, which runs as fast as the real one.
const A_WHILE: Duration = Duration::from_millis(2_500);

/// How long the end of a page may take to be told.
const ENDS_FOR: Duration = Duration::from_secs(10);

fn call(reservation: &str, connection: &str) -> serde_json::Value {
    json!({"reservation": reservation, "endpoint": "doctor-pc", "connection": connection})
}

/// Fails unless the page shows today first, each reservation with its line, and no line to a hub that there is not.
async fn shows_today(scene: &Scene) {
    assert_eq!(scene.run("return document.getElementById('day').value").await, "2026-11-24");
    scene.until("getComputedStyle(document.querySelector('.calls summary')).display === 'grid'").await;
    scene.until("document.querySelectorAll('summary .strip[aria-label] .at').length === 2").await;
    scene.until("document.getElementById('quality').hidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_tells_what_runs_each_amount_and_how_it_came_about() {
    let mut scene = Scene::set("calls").await;
    scene.browser.size(1280, 900).await.unwrap();
    let starts = Scene::BEGINS_MS;
    scene.tell("calls/reservations", json!({"reservation": "R001", "starts_at_ms": starts, "policy": "2026-04"})).await;
    scene.tell("calls/connect", call("R001", "c1")).await;
    scene.tell("calls/mark", json!({"reservation": "R001", "endpoint": "doctor-pc", "connection": "c1", "mark": "started", "place": "s3://box/1.mp4"})).await;
    Stopwatch::start().wait_until(A_WHILE);
    scene
        .tell(
            "calls/disconnect",
            json!({"reservation": "R001", "endpoint": "doctor-pc", "connection": "c1", "reason": "left"}),
        )
        .await;
    scene.tell("calls/test", call("R002", "t1")).await;
    scene.tell("calls/connect", json!({"endpoint": "doctor-pc", "connection": "c7"})).await;

    scene.open("/desk/calls").await;
    scene.until("document.querySelectorAll('#open li button').length === 2").await;
    shows_today(&scene).await;
    scene.press("#month-of details summary").await;
    scene.until("document.querySelector('.details .how')?.textContent.includes('予約ごとに30分単位で切り上げ、1単位 × 100円 = 100円（税別）です。')").await;
    let said = scene.run("return document.querySelector('main').innerText").await;
    let said = said.as_str().unwrap();
    for wanted in [
        "R001",
        "2026-04",
        "録画",
        "s3://box/1.mp4",
        "練習の記録のため、請求しません。",
        "予約の決まっていない通話",
        "区切りごと",
        "第1版",
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    scene.picture("calls").await;
    scene.run("document.querySelector('#month-of details').scrollIntoView()").await;
    scene.picture("calls-details").await;
    scene.is_light().await;

    // By hand: begun and ended on this page.
    scene.run("document.querySelector('#begin [name=reservation]').value = 'R009'").await;
    scene.press("#begin button").await;
    scene.until("[...document.querySelectorAll('#open li')].some((at) => at.textContent.includes('R009') && at.textContent.includes('手で記録'))").await;
    scene.run("[...document.querySelectorAll('#open li')].find((at) => at.textContent.includes('R009')).querySelector('button').click()").await;
    scene.until("[...document.querySelectorAll('#open li')].every((at) => !at.textContent.includes('R009'))").await;
    // What nobody booked is given to a reservation.
    scene.run("document.querySelector('.assign input').value = 'R001'").await;
    scene.press(".assign button").await;
    scene.until("!document.querySelector('.assign')").await;

    // The vendor saw another length: it is listed before any invoice.
    let list =
        "reservation,identity,connection,joined,left\\nR001,clinic-1,PA_1,2026-11-24T09:10:00,2026-11-24T09:20:00\\n";
    scene
        .run(&format!(
            "return fetch('/api/v1/calls/vendor/list', {{ method: 'POST', body: '{list}' }}).then((it) => it.ok)"
        ))
        .await;
    scene.press("#newer").await;
    scene.press("#older").await;
    scene.until("document.querySelector('main').innerText.includes('提供元の記録との違い')").await;
    scene.until("[...document.querySelectorAll('td')].some((at) => at.textContent === '10分0秒')").await;
    scene.run("scrollTo(0, 0)").await;
    scene.picture("calls-differences").await;

    scene.press("#lang").await;
    scene.until("document.querySelector('main').innerText.includes('How the amount came about')").await;
    scene.press("#lang").await;
    scene.browser.size(320, 900).await.unwrap();
    scene.until("document.documentElement.scrollWidth === document.documentElement.clientWidth").await;
    scene.picture("calls-narrow").await;
    scene.run("document.querySelector('#month-of details').scrollIntoView()").await;
    scene.picture("calls-narrow-details").await;
    scene.browser.size(1180, 820).await.unwrap();
    scene.picture("calls-tablet").await;
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctors_page_connects_beats_and_ends_the_call_when_it_is_closed() {
    let scene = Scene::set("call").await;
    // The doctor's clock is right by the box's, whatever today is.
    let right = format!("Date.now = () => {} + Math.floor(performance.now())", Scene::BEGINS_MS);
    scene.browser.run_first(&right).await.unwrap();
    scene.open("/call?reservation=R001&auto=1").await;
    scene.until("document.getElementById('said').textContent.startsWith('接続中')").await;
    scene.picture("call").await;
    let open = scene.stage.api.get("calls").await.unwrap()["open"].clone();
    assert_eq!(
        (open.as_array().unwrap().len(), &open[0]["by_hand"], &open[0]["reservation"]),
        (1, &json!(false), &json!("R001"))
    );
    // The second heartbeat comes after ten seconds of the page: its text counts on by itself only then.
    scene.until("/接続中 0分1[0-9]秒/.test(document.getElementById('said').textContent)").await;
    scene.is_quiet().await;
    // A clock of the doctor's that is years ahead costs the call nothing: the box counts by its own.
    scene.run("Date.now = () => 4102444800000").await;
    scene.until("/接続中 0分2[0-9]秒/.test(document.getElementById('said').textContent)").await;
    // Whoever turns to another page has left the call.
    scene.open("/report").await;
    let since = Stopwatch::start();
    while scene.stage.api.get("calls").await.unwrap()["open"] != json!([]) {
        assert!(since.read() < ENDS_FOR, "the call goes on without its page");
    }
    let told = scene.stage.api.get("calls").await.unwrap();
    let of = &told["reservations"][0]["connections"][0];
    assert_eq!(of["standing"], json!({"ended": "page_closed"}));
    assert!(of["length_ms"].as_i64().unwrap() >= 20_000, "{of}");
}
