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
    scene.browser.until(&number).await.unwrap();
    assert_eq!(scene.browser.run(&format!("return {number}.getAttribute('fill')")).await.unwrap(), INK);

    drop(scene.stage.daemon);
    let said = scene.browser.until(BAND).await.unwrap();
    let said = said.as_str().unwrap();
    assert!(said.starts_with("9:1") && said.ends_with(" 現在の表示です（更新が止まっています）"), "{said}");
    assert_eq!(scene.browser.run(&format!("return {number}.getAttribute('fill')")).await.unwrap(), INK);
    let picture = |name: &str| scene.folder.join(format!("{name}.png"));
    scene.browser.picture(&picture("after-seconds")).await.unwrap();

    // The band lies over the whole message, wherever the drawing has it.
    let covers = "(() => { const box = (at) => at.getBoundingClientRect(); const band = box(document.querySelector('#board [data-stale] rect'));\
        const text = box([...document.querySelectorAll('#board text')].find((at) => at.textContent === '本日は大変混み合っております'));\
        return band.left <= text.left && band.right >= text.right && band.top <= text.top + 16 && band.bottom >= text.bottom - 16 })()";
    assert_eq!(scene.browser.run(&format!("return {covers}")).await.unwrap(), true, "the message is still to be read");
    let clock = "[...document.querySelectorAll('#board text')].some((at) => /^\\d+:\\d\\d$/.test(at.textContent))";
    assert_eq!(scene.browser.run(&format!("return {clock}")).await.unwrap(), false, "a clock stands still");
    let ink = format!("{number}.getAttribute('fill')");
    scene.browser.run(&later(60_000)).await.unwrap();
    scene.browser.until(&format!("{ink} === '{SECOND}'")).await.unwrap();
    scene.browser.picture(&picture("after-a-minute")).await.unwrap();

    scene.browser.run(&later(300_000)).await.unwrap();
    scene.browser.until("document.querySelector('#board').textContent.includes('受付でご確認ください')").await.unwrap();
    assert_eq!(
        scene.browser.run(&format!("return {number} === undefined")).await.unwrap(),
        true,
        "an old number stays"
    );
    scene.browser.picture(&picture("after-five-minutes")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_cut_off_by_a_broken_line_is_not_begun_again() {
    let mut scene = Scene::set("cut").await;
    let label = scene.ticket(1).await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.open("/board?layout=landscape").await;
    scene.browser.until("document.querySelector('#board svg')").await.unwrap();
    scene.tell("rooms/room1/call", json!({})).await;
    scene.browser.until("!document.querySelector('#call').hidden").await.unwrap();

    // The line breaks and is silent for five seconds: the call goes, and what stays is marked.
    let watch = "window.n_calls = 0; new MutationObserver(() => { n_calls += !document.querySelector('#call').hidden })\
        .observe(document.querySelector('#call'), { attributes: true })";
    scene.browser.run(watch).await.unwrap();
    scene.browser.run(&format!("hangUp(); {}", later(5_000))).await.unwrap();
    scene.browser.until(BAND).await.unwrap();
    assert_eq!(scene.browser.run("return document.querySelector('#call').hidden").await.unwrap(), true);
    scene.picture("cut-off").await;

    // The line is back while the box still calls: the board waits for what comes after, then shows the room.
    scene.browser.run("connect()").await.unwrap();
    scene.browser.until("document.documentElement.dataset.stale === '0'").await.unwrap();
    let shown = scene.browser.run("return document.querySelector('#board').textContent").await.unwrap();
    assert!(shown.as_str().unwrap().contains(&label), "the board shows {shown}");
    assert_eq!(scene.browser.run("return n_calls").await.unwrap(), 0, "the call was begun again");
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_does_not_arrive_is_said_and_never_sent_later() {
    let mut scene = Scene::set("late").await;
    let label = scene.ticket(1).await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/desk?place=room1").await;
    scene
        .browser
        .until(&format!("document.querySelector('#next').innerText.includes('{label} を呼びます')"))
        .await
        .unwrap();

    // A line that swallows commands and still answers questions, as a tired access point does.
    let swallow = "window.sent = 0; const real = window.fetch; window.fetch = (path, options) => {\
        if (options?.method !== 'POST') return real(path, options);\
        window.sent++;\
        return new Promise((_, no) => options.signal.addEventListener('abort', () => no(options.signal.reason))) };\
        window.mend = () => { window.fetch = real }";
    scene.browser.run(swallow).await.unwrap();
    // What the button said is seen before the page has come back to the truth.
    let watch = "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('#next').innerText))\
        .observe(document.querySelector('#next'), { childList: true, subtree: true })";
    scene.browser.run(watch).await.unwrap();
    scene.browser.press("#next").await.unwrap();
    scene.browser.until("seen.some((text) => text.includes('届いていません'))").await.unwrap();
    scene.browser.run("mend()").await.unwrap();
    // The desk has asked again and shows the truth: nobody was called.
    scene
        .browser
        .until("!document.querySelector('#next').disabled && document.querySelector('#off').hidden")
        .await
        .unwrap();
    assert_eq!(scene.browser.run("return sent").await.unwrap(), 1);
    assert_eq!(scene.browser.run("return document.querySelector('#now').textContent").await.unwrap(), "–");

    // Somebody else was quicker: nothing happens, and the page says why.
    let other = scene.ticket(1).await;
    scene.browser.until(&format!("document.querySelector('#list').innerText.includes('{other}')")).await.unwrap();
    scene
        .browser
        .run("document.querySelector('#next').dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))")
        .await
        .unwrap();
    scene.tell("rooms/room2/call", json!({})).await;
    scene.browser.until(&format!("!document.querySelector('#list').innerText.includes('{label}')")).await.unwrap();
    scene.picture("told").await;
    scene.browser.run("document.querySelector('#next').click()").await.unwrap();
    scene
        .browser
        .until("!document.querySelector('#note').hidden && document.querySelector('#note').textContent")
        .await
        .unwrap();
    scene.picture("quicker").await;
    assert_eq!(scene.browser.run("return document.querySelector('#now').textContent").await.unwrap(), "–");

    drop(scene.stage.daemon);
    scene
        .browser
        .until("!document.querySelector('#off').hidden && document.querySelector('#main').inert")
        .await
        .unwrap();
    scene.browser.picture(&scene.folder.join("off.png")).await.unwrap();
}
