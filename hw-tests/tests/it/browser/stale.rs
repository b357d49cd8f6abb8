//! Pages cut from their box: a board says how old it is, a desk sends nothing later.

use serde_json::json;

use super::Scene;

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
    let second = scene.ticket(1).await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.open("/board?layout=landscape").await;
    let number = format!("[...document.querySelectorAll('#board text')].find((at) => at.textContent === '{label}')");
    scene.browser.until(&number).await.unwrap();
    // A call is on the screen when the line breaks: it goes, and does not come back.
    scene.tell("rooms/room2/call", json!({})).await;
    let called = format!(
        "!document.querySelector('#call').hidden && document.querySelector('#call').textContent.includes('{second}')"
    );
    scene.browser.until(&called).await.unwrap();
    scene.is_quiet().await;

    drop(scene.stage.daemon);
    let band = "document.querySelector('[data-stale] text').textContent";
    let said = scene.browser.until(band).await.unwrap();
    assert_eq!(said, "9:10 現在の表示です（更新が止まっています）");
    assert_eq!(scene.browser.run("return document.querySelector('#call').hidden").await.unwrap(), true);
    let picture = |name: &str| scene.folder.join(format!("{name}.png"));
    scene.browser.picture(&picture("after-a-call")).await.unwrap();

    // The band lies over the whole message, wherever the drawing has it.
    let covers = "(() => { const box = (at) => at.getBoundingClientRect(); const band = box(document.querySelector('[data-stale] rect'));\
        const text = box([...document.querySelectorAll('#board text')].find((at) => at.textContent === '本日は大変混み合っております'));\
        return band.left <= text.left && band.right >= text.right && band.top <= text.top + 16 && band.bottom >= text.bottom - 16 })()";
    assert_eq!(scene.browser.run(&format!("return {covers}")).await.unwrap(), true, "the message is still to be read");
    assert_eq!(
        scene.browser.run("return /^\\d+:\\d\\d$/m.test(document.querySelector('#board').textContent)").await.unwrap(),
        false
    );
    let ink = format!("{number}.getAttribute('fill')");
    scene.browser.run(&later(60_000)).await.unwrap();
    scene.browser.until(&format!("{ink} === '#3F4B57'")).await.unwrap();
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
