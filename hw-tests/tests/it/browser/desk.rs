//! The desk through a day: what opens, who comes back where, and who is left when a line closes.

use serde_json::json;

use super::{SITE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_says_where_somebody_is_put_and_who_is_left_at_the_close() {
    let mut scene = Scene::set("desk-day").await;
    scene.browser.size(1280, 800).await.unwrap();
    let labels = [scene.ticket(1).await, scene.ticket(1).await, scene.ticket(1).await];
    let [first, second, third] = &labels;
    scene.tell("rooms/room1/call", json!({})).await;
    scene.tell("rooms/room1/absent", json!({"now": first})).await;
    let far = scene.tell(&format!("lines/{SITE}-1/tickets"), json!({"channel": "remote"})).await;
    let far = far["tickets"][0]["label"].as_str().unwrap().to_owned();

    // The absent patient is back: the place is said before and after, and can be changed with a reason.
    scene.open("/desk?place=reception").await;
    scene.until(&format!("document.querySelector('#absent-list').textContent.includes('{third} の次')")).await;
    scene.picture("absent").await;
    scene.press("#absent-list button").await;
    let said = format!("{first} は {third} の次です");
    scene.until(&format!("document.querySelector('#note').textContent.includes('{said}')")).await;
    let order = "[...document.querySelectorAll('#list .row b')].map((at) => at.textContent).join()";
    scene.until(&format!("{order} === '{second},{third},{first}'")).await;
    scene.press("#list .row:nth-child(3) button").await;
    scene.press_word("先に呼ぶ").await;
    scene.until("document.querySelector('#menu-title').textContent.includes('先に呼ぶ理由')").await;
    scene.picture("why-first").await;
    scene.press_word("具合が悪い").await;
    scene.until(&format!("{order} === '{first},{second},{third}'")).await;

    // What should be right before the first patient stands where lines are opened.
    scene.press("#sessions").await;
    scene.until("document.querySelector('#menu-text').textContent.includes('✓ プリンター')").await;
    scene
        .until("document.querySelector('#menu-text').textContent.includes('✕ 待合の画面を見ている機械がありません')")
        .await;
    scene.picture("checks").await;

    // A line that closes says who is left, and drops nobody.
    scene.press_word("内科：受付を終える").await;
    for said in [format!("{first} {second} {third}"), format!("来院前 1 人　{far}")] {
        scene.until(&format!("document.querySelector('#menu-text').textContent.includes('{said}')")).await;
    }
    scene.picture("closing").await;
    scene.press_word("受付を終える").await;
    scene.until("document.querySelector('#sessions').textContent.includes('受付終了')").await;
    assert_eq!(scene.waiting(1).await, 3);
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_desk_asks_for_the_last_number_on_paper_and_goes_on_from_it() {
    let mut scene = Scene::set("unsure").await;
    assert_eq!(scene.ticket(1).await, "101");
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.db").display().to_string();
    scene.stage.daemon.ask(&["journal", "backup", &copy]).await.unwrap();
    scene.stage.daemon.kill().unwrap();
    scene.stage.daemon.ask(&["journal", "restore", &copy]).await.unwrap();
    scene.stage.daemon.run().await.unwrap();

    scene.open("/desk?place=reception").await;
    scene.until("document.querySelector('#unsure').textContent === '最後の番号札は？'").await;
    scene.press("#unsure").await;
    scene.until("document.querySelector('#numbering').open").await;
    scene.picture("unsure").await;
    // A number that is known is refused, in sight and with the question left open; each line is asked about by itself.
    let type_in = |last: &str| format!("document.querySelector('#numbering [name=last]').value = '{last}'; return ''");
    scene.run(&type_in("100")).await;
    scene.press("#numbering .go").await;
    scene
        .until(
            "document.querySelector('#note').checkVisibility() && !document.querySelector('#numbering .go').disabled",
        )
        .await;
    scene.picture("refused").await;
    for (line, last) in [(1, "107"), (2, "503")] {
        if line == 2 {
            scene.press("#unsure").await;
        }
        scene.until(&format!("document.querySelector('#numbering [name=line]').value === '{line}'")).await;
        scene.run(&type_in(last)).await;
        scene.press("#numbering .go").await;
        scene.until("!document.querySelector('#numbering').open").await;
        scene.until(&format!("!view.lines.some((at) => at.line === {line} && at.unsure !== null)")).await;
    }
    scene.until("document.querySelector('#unsure').hidden").await;
    assert_eq!(scene.ticket(1).await, "108");
    assert_eq!(scene.ticket(2).await, "504");
}

impl Scene {
    /// Presses the button of the menu that begins with a word.
    pub(super) async fn press_word(&self, word: &str) {
        let mark = format!(
            "(() => {{ const at = [...document.querySelectorAll('#menu[open] button')].find((at) => at.textContent.startsWith('{word}'));\
                at?.setAttribute('data-pressed', '{word}'); return at; }})()"
        );
        self.until(&mark).await;
        self.press(&format!("#menu button[data-pressed='{word}']")).await;
    }
}
