//! A patient's way through the pages: a number at the kiosk, called at the desk, seen on the board, taken back.

use serde_json::json;

use super::{PAPER_FOR, SITE, Scene};

/// What the board says in a room: the texts of the tile that holds the room's name, joined.
fn tile(room: &str) -> String {
    format!(
        "[...document.querySelectorAll('#board svg g')].filter((at) => [...at.children].some((text) => text.textContent === '{room}'))\
         .map((at) => [...at.children].map((text) => text.textContent).join(' ')).join()"
    )
}

/// Returns an expression for an element's text, as it is seen, holding another.
fn says(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}').innerText.includes('{text}')")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_from_the_kiosk_is_called_at_the_desk_and_seen_on_the_board() {
    let mut scene = Scene::set("morning").await;
    scene.browser.size(1280, 800).await.unwrap();
    let label = take_at_the_kiosk(&scene).await;
    let next = scene.ticket(1).await;
    let kiosk = scene.browser.window().await.unwrap();

    // The doctor's tablet says what its button will do, and does it.
    let desk = scene.open_beside("/desk?place=room1").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.until(&says("#next", &format!("{label} を呼びます"))).await;
    scene.press("#next").await;
    scene.until(&says("#next", &format!("{label} は未入室"))).await;

    let board = scene.open_beside("/board?layout=landscape").await;
    see_on_the_board(&scene, &label).await;

    // Another tablet marks that the patient went in; the first says so without being touched, and goes on.
    let other = scene.open_beside("/desk?place=room1&lang=en").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.until("!document.querySelector('#enter').disabled").await;
    scene.press("#enter").await;
    scene.until("document.querySelector('#enter').disabled").await;
    scene.picture("desk-en").await;
    scene.card_is_whole().await;
    scene.is_quiet().await;
    scene.browser.turn_to(&desk).await.unwrap();
    scene.until(&says("#next", &format!("{label} を終えて {next} を呼びます"))).await;
    scene.picture("desk").await;
    scene.card_is_whole().await;
    scene.is_light().await;
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{next}'")).await;

    // Taken back, everything is as it was, on every tablet and on the board.
    scene.until(&says("#room .undo", &format!("{next} の呼出"))).await;
    scene.press("#room .undo").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{label}'")).await;
    // A press that leaves the room empty can be taken back too.
    scene.press("#finish").await;
    scene.until(&says("#room .undo", &format!("{label} の終了"))).await;
    scene.press("#room .undo").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{label}'")).await;
    scene.is_quiet().await;
    scene.browser.turn_to(&other).await.unwrap();
    scene.until(&says("#list", &next)).await;
    scene.browser.turn_to(&board).await.unwrap();
    see_it_stands(&scene, &label, "landscape").await;
    see_it_stands(&scene, &label, "portrait").await;

    scene.browser.turn_to(&kiosk).await.unwrap();
    scene.until("document.querySelector('#over').hidden").await;
    scene.open("/").await;
    scene.until("document.querySelectorAll('a').length === 8").await;
    scene.is_light().await;
    scene.is_quiet().await;
}

/// Touches once, sees the number, and gets the paper.
async fn take_at_the_kiosk(scene: &Scene) -> String {
    scene.open("/kiosk").await;
    scene.until("document.querySelectorAll('.line').length === 2").await;
    scene.picture("kiosk").await;
    scene.is_light().await;
    scene.press(".line[data-line='1']").await;
    let label = scene.until("document.querySelector('.big').textContent").await;
    scene.until(&says("#over", "番号札をお取りください")).await;
    scene.picture("kiosk-number").await;
    assert_eq!(scene.stage.printer.wait_for_papers(1, PAPER_FOR).unwrap().len(), 1);
    label.as_str().unwrap().to_owned()
}

/// Sees the call over the board, then the number in its room.
async fn see_on_the_board(scene: &Scene, label: &str) {
    scene.browser.size(1920, 1080).await.unwrap();
    let call = "document.querySelector('#call')";
    scene.until(&format!("!{call}.hidden && {call}.textContent.includes('{label}')")).await;
    scene.picture("board-call").await;
    let seen = scene.until(&format!("{call}.hidden && {}", tile("第1診察室"))).await;
    let seen: String = seen.as_str().unwrap().split_whitespace().collect();
    // The labels take turns in two languages, of which one takes two lines.
    let is_called = ["呼出中", "Pleasecomein"].iter().any(|words| seen.contains(words));
    assert!(seen.contains(label) && is_called, "the tile says {seen}");
    scene.picture("board").await;
    scene.is_light().await;
    scene.is_quiet().await;
}

/// Sees the number in its room, and no call, on a board that has just been opened.
async fn see_it_stands(scene: &Scene, label: &str, layout: &str) {
    let (width_px, height_px) = if layout == "landscape" { (1920, 1080) } else { (1080, 1920) };
    scene.open(&format!("/board?layout={layout}")).await;
    scene.browser.size(width_px, height_px).await.unwrap();
    let tile = tile("第1診察室");
    scene.until(&format!("document.querySelector('#call').hidden && {tile}.includes('{label}')")).await;
    scene.picture(&format!("board-{layout}")).await;
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_stays_text_on_every_page() {
    const TRAP: &str = "<img src=x onerror=document.title='caught'>髙橋 & \"𠮷\"";
    let mut scene = Scene::set("hostile").await;
    scene.browser.size(1280, 800).await.unwrap();
    let path = format!("lines/{}-1/tickets", SITE);
    scene.tell(&path, json!({"channel": "desk", "name": TRAP})).await;

    // Typed by staff, through the pages themselves.
    scene.open("/desk?place=reception").await;
    scene.until("document.querySelectorAll('#list .row').length === 1").await;
    scene.press("#message").await;
    scene.browser.write("#saying textarea", "<b>お知らせ</b><script>x</script>").await.unwrap();
    scene.press("#saying .go").await;
    scene.until("!document.querySelector('#saying').open").await;
    scene.press("#list .row button").await;
    let said =
        scene.until("document.querySelector('#menu').open && document.querySelector('#menu-text').textContent").await;
    assert!(said.as_str().unwrap().contains(TRAP), "{said}");
    scene.picture("menu").await;
    assert_eq!(scene.run("return document.querySelectorAll('img, #menu b, svg script').length").await, 0);
    scene.is_quiet().await;

    scene.open("/board?layout=landscape").await;
    scene.browser.size(1920, 1080).await.unwrap();
    scene.until("document.querySelector('#board').textContent.includes('<b>お知らせ</b>')").await;
    scene.picture("board").await;
    assert_eq!(scene.run("return document.querySelectorAll('#board b, script:not([src])').length").await, 0);
    assert_ne!(scene.run("return document.title").await, "caught");
    scene.is_quiet().await;
}
