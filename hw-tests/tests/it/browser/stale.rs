//! Pages cut from their box: a board says how old it is, a desk sends nothing later.

use serde_json::json;

use super::Scene;

/// What the board says where its message was, once it is old.
const BAND: &str = "document.querySelector('#board [data-stale] text').textContent";
/// The ink of numbers by day, and the paler one of old numbers.
const INK: &str = "#17212B";
const SECOND: &str = "#3F4B57";

/// Lets the page believe that so many milliseconds have gone by.
fn later(ms: u32) -> String {
    format!("const now = performance.now.bind(performance); performance.now = () => now() + {ms}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_cut_from_its_box_says_how_old_it_is() {
    let mut scene = Scene::set("stale").await;
    let label = scene.ticket(1).await;
    scene.tell("message", json!({"text": "本日は大変混み合っております"})).await;
    scene.tell("rooms/room1/call", json!({})).await;
    scene.tell("rooms/room1/enter", json!({})).await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.open("/board?layout=landscape").await;
    let number = format!("[...document.querySelectorAll('#board text')].find((at) => at.textContent === '{label}')");
    scene.until(&number).await;
    assert_eq!(scene.run(&format!("return {number}.getAttribute('fill')")).await, INK);

    scene.cut().await;
    let said = scene.until(BAND).await;
    let said = said.as_str().unwrap();
    assert!(said.starts_with("9:1") && said.ends_with(" 現在の表示です（更新が止まっています）"), "{said}");
    assert_eq!(scene.run(&format!("return {number}.getAttribute('fill')")).await, INK);
    scene.picture("after-seconds").await;

    // The band lies over the whole message, wherever the drawing has it.
    let covers = "(() => { const box = (at) => at.getBoundingClientRect(); const band = box(document.querySelector('#board [data-stale] rect'));\
        const text = box([...document.querySelectorAll('#board text')].find((at) => at.textContent === '本日は大変混み合っております'));\
        return band.left <= text.left && band.right >= text.right && band.top <= text.top + 16 && band.bottom >= text.bottom - 16 })()";
    assert_eq!(scene.run(&format!("return {covers}")).await, true, "the message is still to be read");
    let clock = "[...document.querySelectorAll('#board text')].some((at) => /^\\d+:\\d\\d$/.test(at.textContent))";
    assert_eq!(scene.run(&format!("return {clock}")).await, false, "a clock stands still");
    let ink = format!("{number}.getAttribute('fill')");
    scene.run(&later(60_000)).await;
    scene.until(&format!("{ink} === '{SECOND}'")).await;
    scene.picture("after-a-minute").await;

    scene.run(&later(300_000)).await;
    scene.until("document.querySelector('#board').textContent.includes('受付でご確認ください')").await;
    assert_eq!(scene.run(&format!("return {number} === undefined")).await, true, "an old number stays");
    scene.picture("after-five-minutes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_cut_off_by_a_broken_line_is_not_begun_again() {
    let mut scene = Scene::set("cut").await;
    let label = scene.ticket(1).await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.open("/board?layout=landscape").await;
    scene.until("document.querySelector('#board svg')").await;
    scene.tell("rooms/room1/call", json!({})).await;
    scene.until("!document.querySelector('#call').hidden").await;

    // The line breaks and is silent for five seconds: the call goes, and what stays is marked.
    let watch = "window.n_calls = 0; new MutationObserver(() => { n_calls += !document.querySelector('#call').hidden })\
        .observe(document.querySelector('#call'), { attributes: true })";
    scene.run(watch).await;
    scene.run(&format!("hangUp(); {}", later(5_000))).await;
    scene.until(BAND).await;
    assert_eq!(scene.run("return document.querySelector('#call').hidden").await, true);
    scene.picture("cut-off").await;

    // The line is back while the box still calls: the board waits for what comes after, then shows the room.
    scene.run("connect()").await;
    scene.until("document.documentElement.dataset.stale === '0'").await;
    let shown = scene.run("return document.querySelector('#board').textContent").await;
    assert!(shown.as_str().unwrap().contains(&label), "the board shows {shown}");
    assert_eq!(scene.run("return n_calls").await, 0, "the call was begun again");
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_does_not_arrive_is_said_and_never_sent_later() {
    let mut scene = Scene::set("late").await;
    let label = scene.ticket(1).await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/desk?place=room1").await;
    scene.until(&format!("document.querySelector('#next').innerText.includes('{label} を呼びます')")).await;

    // A line that swallows commands and still answers questions, as a tired access point does.
    let swallow = "window.sent = 0; const real = window.fetch; window.fetch = (path, options) => {\
        if (options?.method !== 'POST') return real(path, options);\
        window.sent++;\
        return new Promise((_, no) => options.signal.addEventListener('abort', () => no(options.signal.reason))) };\
        window.mend = () => { window.fetch = real }";
    scene.run(swallow).await;
    // What the button said is seen before the page has come back to the truth.
    let watch = "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('#next').innerText))\
        .observe(document.querySelector('#next'), { childList: true, subtree: true })";
    scene.run(watch).await;
    scene.press("#next").await;
    scene.until("seen.some((text) => text.includes('届いていません'))").await;
    scene.run("mend()").await;
    // The desk has asked again and shows the truth: nobody was called.
    scene.until("!document.querySelector('#next').disabled && document.querySelector('#off').hidden").await;
    assert_eq!(scene.run("return sent").await, 1);
    assert_eq!(scene.run("return document.querySelector('#now').textContent").await, "–");

    // Somebody else was quicker: nothing happens, and the page says why.
    let other = scene.ticket(1).await;
    scene.until(&format!("document.querySelector('#list').innerText.includes('{other}')")).await;
    scene
        .run("document.querySelector('#next').dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))")
        .await;
    scene.tell("rooms/room2/call", json!({})).await;
    scene.until(&format!("!document.querySelector('#list').innerText.includes('{label}')")).await;
    scene.picture("told").await;
    scene.run("document.querySelector('#next').click()").await;
    scene.until("!document.querySelector('#note').hidden && document.querySelector('#note').textContent").await;
    scene.picture("quicker").await;
    assert_eq!(scene.run("return document.querySelector('#now').textContent").await, "–");

    scene.cut().await;
    scene.until("!document.querySelector('#off').hidden && document.querySelector('#main').inert").await;
    scene.picture("off").await;
}
