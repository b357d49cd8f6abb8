//! A patient's way through the pages: a number at the kiosk, called at the desk, seen on the board, taken back.

use serde_json::json;

use super::Scene;

/// What the board says in a room: the texts of the tile that holds the room's name, joined.
fn tile(room: &str) -> String {
    format!(
        "[...document.querySelectorAll('#board svg g')].filter((at) => [...at.children].some((text) => text.textContent === '{room}'))\
         .map((at) => [...at.children].map((text) => text.textContent).join(' ')).join()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_from_the_kiosk_is_called_at_the_desk_and_seen_on_the_board() {
    let mut scene = Scene::set("morning").await;
    scene.browser.size(1280, 800).await.unwrap();

    // The patient touches once; the paper comes; the page goes back to the beginning by itself.
    scene.open("/kiosk").await;
    scene.browser.until("document.querySelectorAll('.line').length === 2").await.unwrap();
    scene.picture("kiosk").await;
    scene.is_light().await;
    scene.browser.press(".line[data-line='1']").await.unwrap();
    let label = scene.browser.until("document.querySelector('.big').textContent").await.unwrap();
    let label = label.as_str().unwrap().to_owned();
    scene
        .browser
        .until("document.querySelector('#over').textContent.includes('番号札をお取りください')")
        .await
        .unwrap();
    scene.picture("kiosk-number").await;
    assert_eq!(scene.stage.printer.wait_for_papers(1, super::PAPER_FOR).unwrap().len(), 1);
    let next = scene.ticket(1).await;

    // The doctor's tablet says what its button will do, and does it.
    let kiosk = scene.browser.window().await.unwrap();
    let desk = scene.open_beside("/desk?place=room1").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene
        .browser
        .until(&format!("document.querySelector('#next').innerText.includes('{label} を呼びます')"))
        .await
        .unwrap();
    scene.browser.press("#next").await.unwrap();
    scene.browser.until(&format!("document.querySelector('#now').textContent === '{label}'")).await.unwrap();
    let promise = format!("document.querySelector('#next').innerText.includes('{label} は未入室')");
    scene.browser.until(&promise).await.unwrap();

    // The board shows the call, then the room.
    let board = scene.open_beside("/board?layout=landscape").await;
    scene.browser.size(1920, 1080).await.unwrap();
    let called = format!(
        "{{const call = document.querySelector('#call'); return !call.hidden && call.textContent.includes('{label}')}}"
    );
    scene.browser.until(&format!("(() => {called})()")).await.unwrap();
    scene.picture("board-call").await;
    let seen =
        scene.browser.until(&format!("document.querySelector('#call').hidden && {}", tile("第1診察室"))).await.unwrap();
    let seen = seen.as_str().unwrap().to_owned();
    assert!(seen.contains(&label) && seen.contains("呼出中"), "the tile says {seen}");
    scene.picture("board").await;
    scene.is_light().await;
    scene.is_quiet().await;

    // Another tablet marks that the patient went in; the first says so without being touched, and goes on.
    let other = scene.open_beside("/desk?place=room1&lang=en").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.browser.until("!document.querySelector('#enter').disabled").await.unwrap();
    scene.browser.press("#enter").await.unwrap();
    scene.browser.until("document.querySelector('#enter').disabled").await.unwrap();
    scene.picture("desk-en").await;
    scene.is_quiet().await;
    scene.browser.turn_to(&desk).await.unwrap();
    let promise = format!("document.querySelector('#next').innerText.includes('{label} を終えて {next} を呼びます')");
    scene.browser.until(&promise).await.unwrap();
    scene.picture("desk").await;
    scene.is_light().await;
    scene.browser.press("#next").await.unwrap();
    scene.browser.until(&format!("document.querySelector('#now').textContent === '{next}'")).await.unwrap();

    // Taken back, everything is as it was, on every tablet and on the board.
    scene
        .browser
        .until(&format!("document.querySelector('#room .undo').textContent.includes('{next} の呼出')"))
        .await
        .unwrap();
    scene.browser.press("#room .undo").await.unwrap();
    scene.browser.until(&format!("document.querySelector('#now').textContent === '{label}'")).await.unwrap();
    scene.is_quiet().await;
    scene.browser.turn_to(&other).await.unwrap();
    scene.browser.until(&format!("document.querySelector('#list').innerText.includes('{next}')")).await.unwrap();
    scene.browser.turn_to(&board).await.unwrap();
    scene
        .browser
        .until(&format!("{}.includes('{label}') && document.querySelector('#call').hidden", tile("第1診察室")))
        .await
        .unwrap();
    scene.open("/board?layout=portrait").await;
    scene.browser.size(1080, 1920).await.unwrap();
    scene
        .browser
        .until(&format!("document.querySelector('#call').hidden && {}.includes('{label}')", tile("第1診察室")))
        .await
        .unwrap();
    scene.picture("board-portrait").await;
    scene.is_quiet().await;
    scene.browser.turn_to(&kiosk).await.unwrap();
    scene.browser.until("document.querySelector('#over').hidden").await.unwrap();
    scene.open("/").await;
    scene.browser.until("document.querySelectorAll('a').length === 4").await.unwrap();
    scene.is_light().await;
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_stays_text_on_every_page() {
    const TRAP: &str = "<img src=x onerror=document.title='caught'>髙橋 & \"𠮷\"";
    let mut scene = Scene::set("hostile").await;
    scene.browser.size(1280, 800).await.unwrap();
    let path = format!("lines/{}-1/tickets", super::SITE);
    scene.tell(&path, json!({"channel": "desk", "name": TRAP})).await;

    // Typed by staff, through the pages themselves.
    scene.open("/desk?place=reception").await;
    scene.browser.until("document.querySelectorAll('#list .row').length === 1").await.unwrap();
    scene.browser.press("#message").await.unwrap();
    scene.browser.write("#saying textarea", "<b>お知らせ</b><script>x</script>").await.unwrap();
    scene.browser.press("#saying .go").await.unwrap();
    scene.browser.until("!document.querySelector('#saying').open").await.unwrap();
    scene.browser.press("#list .row button").await.unwrap();
    let said = scene
        .browser
        .until("document.querySelector('#menu').open && document.querySelector('#menu-text').textContent")
        .await
        .unwrap();
    assert!(said.as_str().unwrap().contains(TRAP), "{said}");
    scene.picture("menu").await;
    assert_eq!(
        scene.browser.run("return document.querySelectorAll('img, #menu b, svg script').length").await.unwrap(),
        0
    );
    scene.is_quiet().await;

    scene.open("/board?layout=landscape").await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.browser.until("document.querySelector('#board').textContent.includes('<b>お知らせ</b>')").await.unwrap();
    scene.picture("board").await;
    assert_eq!(
        scene.browser.run("return document.querySelectorAll('#board b, script:not([src])').length").await.unwrap(),
        0
    );
    assert_ne!(scene.browser.run("return document.title").await.unwrap(), "caught");
    scene.is_quiet().await;
}
