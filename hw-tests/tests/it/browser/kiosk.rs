//! The kiosk when something is amiss: nothing ends silently.

use serde_json::json;

use super::{SITE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_says_what_is_amiss_and_never_gives_two_numbers_for_one_touch() {
    let mut scene = Scene::set("kiosk").await;
    scene.browser.size(1280, 800).await.unwrap();

    // Out of paper: the number stays until it has been noted, and the desk lists it.
    scene.stage.printer.turn(|knobs| knobs.paper_out = true);
    scene.open("/kiosk").await;
    scene.until("document.querySelectorAll('.line').length === 2").await;
    scene.press("[data-people='2']").await;
    scene.press(".line[data-line='2']").await;
    scene
        .until("document.querySelector('#over').textContent.includes('この番号を控えるか、写真をお撮りください')")
        .await;
    scene
        .until("[...document.querySelectorAll('#over img')].filter((code) => code.complete && code.naturalWidth).length === 2")
        .await;
    let numbers = scene.run("return document.querySelector('.big').textContent").await;
    scene.picture("no-paper").await;
    assert!(numbers.as_str().unwrap().contains('–'), "two people hold {numbers}");
    scene.press("#over .main").await;
    scene.until("document.querySelector('#over').hidden").await;
    assert_eq!(scene.until("document.querySelector('[data-people=\"1\"]').getAttribute('aria-pressed')").await, "true");

    // Two touches at once are one ticket.
    let n_before = scene.waiting(1).await;
    let touch = "const line = document.querySelector(\".line[data-line='1']\"); line.click(); line.click()";
    // Another ticket is given 2 s after the one before.
    scene.until(&format!("(() => {{ {touch}; return !document.querySelector('#over').hidden }})()")).await;
    scene.until("document.querySelector('.big').textContent").await;
    assert_eq!(scene.waiting(1).await, n_before + 1);
    scene.until("document.querySelector('#over .main')").await;
    scene.press("#over .main").await;

    // A closed line says when it opens, in the patient's language, and gives nothing.
    scene.tell(&format!("lines/{SITE}-2/close"), json!({})).await;
    scene.press("[data-lang='zh']").await;
    scene.until("document.querySelector(\".line[data-line='2']\").getAttribute('aria-disabled') === 'true'").await;
    scene.picture("closed-zh").await;
    scene.press(".line[data-line='2']").await;
    scene.until("document.querySelector('#over .fault').textContent.includes('请到前台')").await;
    scene.press("#over .main").await;

    // A booked patient types the number.
    let booked = json!({"channel": "booked", "booked_for_ms": 1_795_481_400_000_i64});
    let answer = scene.tell(&format!("lines/{SITE}-1/tickets"), booked).await;
    let label = answer["tickets"][0]["label"].as_str().unwrap().to_owned();
    scene.press("#come").await;
    let typed = format!(
        "for (const key of '{label}') [...document.querySelectorAll('#keys button')].find((at) => at.textContent === key).click()"
    );
    scene.run(&typed).await;
    scene.picture("keys").await;
    scene.press("#over .choice .main:not(.quiet)").await;
    scene.until("document.querySelector('#over').textContent.includes('已登记您的到达')").await;
    // A telephone's code read by a scanner at the kiosk, which types.
    let far = scene.tell(&format!("lines/{SITE}-1/tickets"), json!({"channel": "remote"})).await;
    let address = far["tickets"][0]["url"].as_str().unwrap().to_owned();
    let scan = format!(
        "for (const key of [...'{address}', 'Enter']) dispatchEvent(new KeyboardEvent('keydown', {{ key, cancelable: true }}))"
    );
    scene.run(&scan).await;
    let label = far["tickets"][0]["label"].as_str().unwrap();
    scene.until(&format!("document.querySelector('#over .big').textContent === '{label}'")).await;
    let desk = scene.stage.api.get("desk").await.unwrap();
    assert_eq!(desk["lines"][0]["not_arrived"], json!([]), "nobody is still on the way");
    scene.is_quiet().await;

    // Without its box the kiosk says so, in words.
    scene.cut().await;
    scene.until("!document.querySelector('#off').hidden").await;
    scene.picture("off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_whose_script_never_loads_still_gives_a_number() {
    let scene = Scene::set("plain").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.browser.block(&["*/assets/*.js"]).await.unwrap();
    scene.open("/kiosk").await;
    scene.until("document.querySelectorAll('#lines form').length === 2").await;
    scene.picture("buttons").await;
    let n_before = scene.waiting(1).await;
    let key = scene.run("return document.querySelector('[name=key]').value").await;
    scene.press(".line[value='1']").await;
    scene.until("document.querySelector('.over.given .big').textContent.length > 0").await;
    scene.picture("number").await;
    assert_eq!(scene.waiting(1).await, n_before + 1);

    // The same form sent once more is the same number.
    let first = scene.run("return document.querySelector('.big').textContent").await;
    let again = format!(
        "return fetch('/kiosk/take', {{ method: 'POST', body: new URLSearchParams({{ line: '1', key: {key} }}) }})\
            .then((response) => response.text()).then((page) => page.match(/class=\"big\">(.*?)</)[1])"
    );
    assert_eq!(scene.run(&again).await, first);
    assert_eq!(scene.waiting(1).await, n_before + 1);

    scene.open("/kiosk/number").await;
    scene.until("document.querySelector('.over.refused h2').offsetHeight === 0").await;
    scene.picture("refused").await;
}
