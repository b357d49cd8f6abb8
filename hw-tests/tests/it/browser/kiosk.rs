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
    scene.browser.until("document.querySelectorAll('.line').length === 2").await.unwrap();
    scene.browser.press("[data-people='2']").await.unwrap();
    scene.browser.press(".line[data-line='2']").await.unwrap();
    scene
        .browser
        .until("document.querySelector('#over').textContent.includes('この番号を控えるか、写真をお撮りください')")
        .await
        .unwrap();
    scene.picture("no-paper").await;
    let numbers = scene.browser.run("return document.querySelector('.big').textContent").await.unwrap();
    assert!(numbers.as_str().unwrap().contains('–'), "two people hold {numbers}");
    scene.browser.press("#over .main").await.unwrap();
    scene.browser.until("document.querySelector('#over').hidden").await.unwrap();
    assert_eq!(
        scene
            .browser
            .until("document.querySelector('[data-people=\"1\"]').getAttribute('aria-pressed')")
            .await
            .unwrap(),
        "true"
    );

    // Two touches at once are one ticket.
    let n_before = scene.waiting(1).await;
    let touch = "const line = document.querySelector(\".line[data-line='1']\"); line.click(); line.click()";
    // The lock of the touch before lasts 2 s.
    scene
        .browser
        .until(&format!("(() => {{ {touch}; return !document.querySelector('#over').hidden }})()"))
        .await
        .unwrap();
    scene.browser.until("document.querySelector('.big').textContent").await.unwrap();
    assert_eq!(scene.waiting(1).await, n_before + 1);
    scene.browser.until("document.querySelector('#over .main')").await.unwrap();
    scene.browser.press("#over .main").await.unwrap();

    // A closed line says when it opens, in the patient's language, and gives nothing.
    scene.tell(&format!("lines/{SITE}-2/close"), json!({})).await;
    scene.browser.press("[data-lang='zh']").await.unwrap();
    scene
        .browser
        .until("document.querySelector(\".line[data-line='2']\").getAttribute('aria-disabled') === 'true'")
        .await
        .unwrap();
    scene.picture("closed-zh").await;
    scene.browser.press(".line[data-line='2']").await.unwrap();
    scene.browser.until("document.querySelector('#over .fault').textContent.includes('请到前台')").await.unwrap();
    scene.browser.press("#over .main").await.unwrap();

    // A booked patient types the number.
    let booked = json!({"channel": "booked", "booked_for_ms": 1_795_481_400_000_i64});
    let answer = scene.tell(&format!("lines/{SITE}-1/tickets"), booked).await;
    let label = answer["tickets"][0]["label"].as_str().unwrap().to_owned();
    scene.browser.press("#come").await.unwrap();
    let typed = format!(
        "for (const key of '{label}') [...document.querySelectorAll('#keys button')].find((at) => at.textContent === key).click()"
    );
    scene.browser.run(&typed).await.unwrap();
    scene.picture("keys").await;
    scene.browser.press("#over .choice .main:not(.quiet)").await.unwrap();
    scene.browser.until("document.querySelector('#over').textContent.includes('已登记您的到达')").await.unwrap();
    scene.is_quiet().await;

    // Without its box the kiosk says so, in words.
    drop(scene.stage.daemon);
    scene.browser.until("!document.querySelector('#off').hidden").await.unwrap();
    scene.browser.picture(&scene.folder.join("off.png")).await.unwrap();
}
