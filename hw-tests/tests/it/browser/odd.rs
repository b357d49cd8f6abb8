//! Odd tablets: asleep, slow, with a wrong clock, with two windows, with somebody at the back button.

use serde_json::json;

use super::Scene;

/// Whether the page shows the same order as the box.
const ORDER: &str = "[...document.querySelectorAll('#list .row b')].map((at) => at.textContent).join()";

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_that_slept_shows_what_is_true_when_it_wakes() {
    let mut scene = Scene::set("asleep").await;
    let first = scene.ticket(1).await;
    scene.open("/desk?place=room1").await;
    scene.until(&format!("{ORDER} === '{first}'")).await;
    scene.browser.sleep(true).await.unwrap();
    let second = scene.ticket(1).await;
    scene.tell("rooms/room1/call", json!({})).await;
    scene.browser.sleep(false).await.unwrap();
    scene.until(&format!("{ORDER} === '{second}' && document.querySelector('#now').textContent === '{first}'")).await;

    // What its button meant before it slept is not done to somebody else.
    let said = scene.run("return document.querySelector('#next small').textContent").await;
    assert_eq!(said, format!("{first} は未入室：\n不在にして {second} を呼びます"));
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_with_a_wrong_clock_shows_the_time_of_its_box() {
    let mut scene = Scene::set("clock").await;
    scene.ticket(1).await;
    let wrong = "const Right = Date; Date = class extends Right { constructor(...of) { super(...(of.length ? of : [Right.now() - 3e11])) } \
        static now() { return Right.now() - 3e11 } }";
    scene.browser.run_first(wrong).await.unwrap();
    scene.open("/desk?place=room1").await;
    scene.until("new Date().getFullYear() < 2020 && /^9:1/.test(document.querySelector('#clock').textContent)").await;
    scene.press("#next").await;
    scene.until("document.querySelector('#now').textContent === '101'").await;
    scene.open("/kiosk").await;
    scene.until("/^9:1/.test(document.querySelector('#clock').textContent)").await;
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_of_one_place_and_the_back_button_do_nothing_twice() {
    let mut scene = Scene::set("windows").await;
    let count = "window.sent = 0; const real = window.fetch; \
        window.fetch = (path, options) => { sent += options?.method === 'POST'; return real(path, options) }";
    scene.browser.run_first(count).await.unwrap();
    let labels = [scene.ticket(1).await, scene.ticket(1).await];
    scene.open("/desk").await;
    scene.until("document.querySelectorAll('.choose button').length > 2").await;
    scene.press(".choose button:nth-of-type(2)").await;
    scene.until(&format!("{ORDER} === '{}'", labels.join(","))).await;
    let first = scene.browser.window().await.unwrap();
    let second = scene.open_beside("/desk?place=room1").await;
    scene.until(&format!("{ORDER} === '{}'", labels.join(","))).await;
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{}'", labels[0])).await;
    scene.browser.turn_to(&first).await.unwrap();
    scene.until(&format!("document.querySelector('#now').textContent === '{}'", labels[0])).await;

    // Back to the choice of place and forth again: a page that is opened anew presses nothing.
    scene.browser.back().await.unwrap();
    scene.until("document.querySelectorAll('.choose button').length > 2").await;
    scene.press(".choose button:nth-of-type(2)").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{}'", labels[0])).await;
    // Whatever the page does at its opening it has done once it shows who came after.
    let third = scene.ticket(1).await;
    scene.until(&format!("{ORDER}.endsWith('{third}')")).await;
    assert_eq!(scene.run(&format!("return {ORDER}")).await, format!("{},{third}", labels[1]));
    assert_eq!(scene.run("return sent").await, 0, "the page pressed by itself");
    assert_eq!(scene.waiting(1).await, 2);
    scene.browser.turn_to(&second).await.unwrap();
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_six_times_slower_goes_through_a_morning() {
    let mut scene = Scene::set("slow").await;
    let labels = [scene.ticket(1).await, scene.ticket(1).await];
    scene.browser.slow_down(6).await.unwrap();
    scene.open("/desk?place=room1").await;
    for label in &labels {
        scene.until(&format!("document.querySelector('#next small').textContent.includes('{label} を呼びます')")).await;
        scene.press("#next").await;
        scene.until(&format!("document.querySelector('#now').textContent === '{label}'")).await;
        scene.press("#enter").await;
        scene.until("document.querySelector('#enter').textContent === '入室 ✓'").await;
    }
    let late = scene.run("return document.querySelectorAll('.late').length").await;
    assert_eq!(late, json!(0), "a press was taken for lost");
    assert_eq!(scene.stage.api.get("desk").await.unwrap()["lines"][0]["waiting"], json!([]));
    scene.is_quiet().await;
}
