//! New staff learn at the desk: the same page on a copy of the day, marked, and the waiting room hears nothing of it.

use super::{PAPER_FOR, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn new_staff_press_every_button_on_a_copy_and_the_real_day_goes_on() {
    let mut scene = Scene::set("rehearsal").await;
    scene.browser.size(1280, 800).await.unwrap();
    let labels = [scene.ticket(1).await, scene.ticket(1).await];
    let [first, second] = &labels;
    scene.stage.printer.wait_for_papers(2, PAPER_FOR).unwrap();

    // From the desk to its copy; without a rehearsal the page begins none by itself.
    scene.open("/desk?place=room1").await;
    scene.until("document.querySelectorAll('#list .row').length === 2").await;
    scene.press("#person").await;
    scene.picture("person").await;
    scene.press_word("練習する").await;
    scene.until("location.pathname === '/rehearsal/desk' && document.querySelector('.choose h1').textContent === 'いまは練習していません'").await;
    scene.picture("none").await;
    scene.press(".choose button").await;
    scene
        .until("document.querySelectorAll('#list .row').length === 2 && !document.querySelector('#rehearsal').hidden")
        .await;

    // Every act works on the copy.
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{first}'")).await;
    scene.press("#enter").await;
    scene.until("document.querySelector('#state').textContent === '在室'").await;
    scene.press("#take").await;
    scene.press("#taking .go").await;
    scene.until("document.querySelectorAll('#list .row').length === 2").await;
    scene.until("document.querySelector('#paper').className === 'ok'").await;
    scene.picture("desk").await;
    assert_eq!(scene.beyond().await, serde_json::json!([]));
    scene.until("document.querySelector('#room .undo').getBoundingClientRect().bottom <= innerHeight").await;

    let copy = scene.browser.window().await.unwrap();
    // The real desk stands beside it as it was; no paper came out and nobody was called.
    scene.open_beside("/desk?place=room1").await;
    scene.until(&format!("document.querySelectorAll('#list .row').length === 2 && document.querySelector('#next small').textContent.includes('{first}')")).await;
    assert!(scene.run("return document.querySelector('#rehearsal').hidden").await.as_bool().unwrap());
    assert_eq!(scene.stage.printer.papers().len(), 2);
    assert_eq!(scene.waiting(1).await, 2);

    // A real call is not seen in the copy, and a rehearsal that ended says so: the page never becomes the real desk.
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{first}'")).await;
    let ended = "return fetch('/api/v1/rehearsal/end', { method: 'POST' }).then((told) => told.status)";
    assert_eq!(scene.run(ended).await, 204);
    scene.browser.turn_to(&copy).await.unwrap();
    scene.until("document.querySelector('.choose h1')?.textContent === 'いまは練習していません'").await;
    scene.press(".choose button:last-child").await;
    scene
        .until(&format!(
            "location.pathname === '/desk' && document.querySelector('#next small').textContent.includes('{second}')"
        ))
        .await;
}
