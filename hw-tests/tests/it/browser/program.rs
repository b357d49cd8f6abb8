//! The program's page: what airs and why, a table approved with something else in an item's stead, an urgent notice.

use serde_json::{Value, json};

use super::Scene;

/// 2026-11-23T00:00:00+09:00, the Monday of the scene's week, and a day, in milliseconds.
const MONDAY: i64 = 1_795_359_600_000;
const DAY: i64 = 86_400_000;

/// What the vendor and the clinic have.
const CONTENTS: [(&str, &str, &str, i64); 4] = [
    ("a1", "provided", "かぜの予防", 60_000),
    ("b2", "advert", "ひまわり薬局", 15_000),
    ("c3", "own", "院長のごあいさつ", 30_000),
    ("d4", "substitute", "海と波の音", 120_000),
];

fn table(name: &str, (from, deadline): (i64, i64)) -> Value {
    let item = |item: &str, of: &str| json!({"item": item, "content": of.repeat(32)});
    let slots = json!([{"slot": "day", "days": ["mon", "tue", "wed"], "from": "8:00", "to": "19:00",
        "items": [item("first", "a1"), item("second", "b2")]}]);
    json!({"table": name, "revision": 1, "from": from, "to": from + 7 * DAY, "deadline": deadline, "slots": slots})
}

impl Scene {
    /// Makes the content known.
    async fn bring_contents(&mut self) {
        for (of, kind, title, duration_ms) in CONTENTS {
            let content = json!({"content": of.repeat(32), "kind": kind, "title": title, "duration_ms": duration_ms});
            self.tell("program/contents", content).await;
        }
    }

    /// Types a text into a field of the notice that is being written.
    async fn write(&self, field: &str, text: &str) {
        let typed = format!(
            "const at = document.querySelector('#saying [name={field}]'); at.value = {}; \
            at.dispatchEvent(new Event('input', {{ bubbles: true }}))",
            json!(text)
        );
        self.run(&typed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_what_airs_and_approve_a_table_with_their_own_film_in_it() {
    let mut scene = Scene::set("program").await;
    scene.bring_contents().await;
    scene.tell("program/tables", table("week48", (MONDAY, MONDAY - 2 * DAY))).await;
    scene.tell("program/tables", table("week49", (MONDAY + 7 * DAY, MONDAY + 5 * DAY))).await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/desk?place=reception").await;
    scene.until("document.querySelector('#program').textContent === '番組表：ご確認を（6）'").await;
    scene.picture("desk").await;
    scene.press("#program").await;
    scene.until("document.querySelectorAll('.table').length === 2").await;
    let late = "document.querySelector('.table.late').textContent";
    let why =
        "番組表が期限（11月20日）を過ぎて届いたため（医院の承認の遅れではありません）、医院のご案内を表示しています。";
    scene.until(&format!("{late}.includes('{why}')")).await;
    scene.until(&format!("{late}.includes('コンテンツがまだこの機械に届いていないため')")).await;
    scene.until("!document.querySelector('.table.late button')").await;
    let mut found = Vec::new();
    scene.judge("program", &mut found).await;

    scene.press(".table.open li button").await;
    scene.until("document.querySelectorAll('#choices button').length === 2").await;
    scene.judge("program, choice", &mut found).await;
    scene.picture("choice").await;
    scene
        .run("[...document.querySelectorAll('#choices button')].find((at) => at.textContent.includes('院長')).click()")
        .await;
    scene.until("document.querySelector('.table.open li.changed b').textContent === '院長のごあいさつ'").await;
    scene.picture("changed").await;
    scene.press(".table.open .go").await;
    scene.until("document.querySelector('.table.approved li b').textContent === '院長のごあいさつ'").await;
    scene.until("!document.querySelector('li.changed') && !document.querySelector('.table.approved .go')").await;
    scene.picture("approved").await;
    scene.is_quiet().await;
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_notice_a_notice_and_the_hours_of_the_monitor_are_set_on_the_page() {
    let mut scene = Scene::set("notices").await;
    scene.bring_contents().await;
    let mut found = Vec::new();
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/desk/program").await;
    scene.until("document.querySelectorAll('#own li').length === 1").await;
    scene.press("#notice").await;
    scene.write("ja", "本日の午後は休診いたします <b>&").await;
    scene
        .until("document.querySelector('#preview img').complete && document.querySelector('#preview img').naturalWidth")
        .await;
    scene.picture("preview").await;
    scene.until("document.querySelector('#photo').offsetHeight === 0").await;
    scene.judge("program, notice", &mut found).await;
    scene.press("#saying .go").await;
    scene.until("document.querySelector('#what').textContent.includes('午後は休診いたします <b>&')").await;
    scene.picture("notice").await;
    scene.press("#lang").await;
    scene.until("document.querySelector('#why').textContent === 'An urgent notice is shown.'").await;
    scene.picture("english").await;
    scene.press("#unnotice").await;
    scene.until("document.querySelector('#urgent').hidden && document.querySelector('#unnotice').hidden").await;
    // A refusal is a complaint of the console too.
    scene.is_quiet().await;

    scene.press("#write").await;
    scene.write("headline_ja", "年末年始の休診").await;
    scene.write("ja", &"とても長いお知らせです。".repeat(10)).await;
    scene.until("!document.querySelector('#preview p').hidden && document.querySelector('#saying .go').disabled").await;
    scene.picture("too-long").await;
    scene.write("ja", "12月29日（火）から1月3日（日）まで休診いたします。").await;
    scene.until("document.querySelector('#preview p').hidden && !document.querySelector('#saying .go').disabled").await;
    let offers_photos = "document.querySelector('#photo').offsetHeight > 0 && document.querySelector('#photo option').textContent === 'No photo'";
    scene.until(offers_photos).await;
    scene.judge("program, writing", &mut found).await;
    scene.press("#saying .go").await;
    scene.until("document.querySelector('#airing[open] h2').textContent === '年末年始の休診'").await;
    scene.judge("program, days", &mut found).await;
    scene.picture("days").await;
    scene.press("#airing .go").await;
    let is_to_air = "[...document.querySelectorAll('#own li')].some((at) => at.textContent.includes('年末年始の休診') && at.textContent.includes('in every slot'))";
    scene.until(is_to_air).await;
    scene.run("document.querySelector('#lit [name=after_min]').value = 90").await;
    scene.press("#lit button").await;
    scene.until("document.querySelector('#note').textContent === 'Changed.'").await;
    assert_eq!(scene.stage.api.get("program").await.unwrap()["monitor"], json!({"before_min": 30, "after_min": 90}));
    scene.picture("end").await;
    scene.browser.size(320, 640).await.unwrap();
    assert_eq!(scene.beyond().await, json!([]));
    scene.picture("narrow").await;
    assert_eq!(found, Vec::<String>::new());
}
