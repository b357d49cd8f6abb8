//! The manager's page: what is changed is seen before it is kept, kept only on what was seen, and taken back.

use serde_json::{Value, json};

use super::{SITE, Scene};

/// A name that would be markup, with letters that few fonts have.
const NAME: &str = "<b>髙𠮷&\"内科 🩺";

impl Scene {
    /// Types into a field of a part, as a person does.
    async fn fill(&self, part: &str, name: &str, value: &str) {
        let at = format!("document.querySelector('[data-part={part}] [name=\"{name}\"]')");
        self.until(&format!("!!{at}")).await;
        let value = json!(value);
        self.run(&format!(
            "const at = {at}; at.value = {value}; at.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        ))
        .await;
    }

    /// Asks for the preview and returns what it says.
    async fn preview(&self) -> String {
        self.press("#check").await;
        self.until("document.querySelector('#preview').open").await;
        self.run("return document.querySelector('#preview').innerText").await.as_str().unwrap().to_owned()
    }

    /// Keeps what the preview shows and waits for the answer, which is not the one before.
    async fn keep(&self) {
        self.run("document.querySelector('#note span').textContent = ''").await;
        self.press("#keep").await;
        self.until("document.querySelector('#note').textContent.includes('設定を変更しました')").await;
    }

    async fn settings(&self) -> Value {
        self.stage.api.get("settings").await.unwrap()
    }

    /// Presses what may lie under the bar at the foot, as a person does who scrolls it up first.
    async fn reach(&self, selector: &str) {
        self.run(&format!("document.querySelector(`{selector}`).scrollIntoView({{ block: 'center' }})")).await;
        self.press(selector).await;
    }

    async fn go(&self, part: &str) {
        self.reach(&format!("nav a[data-part={part}]")).await;
        self.until(&format!("!document.querySelector('.part[data-part={part}]').hidden")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_looked_at_kept_and_taken_back() {
    let mut scene = Scene::set("manager").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/manager#rules").await;
    scene.fill("rules", "absent_back", "5").await;
    let said = scene.preview().await;
    assert!(said.contains("戻られた方を何人後に") && said.contains("3 → 5"), "{said}");
    assert_eq!(scene.settings().await["rules"]["absent_back"], 3, "a preview writes nothing");
    scene.picture("preview").await;
    scene.keep().await;
    scene.picture("kept").await;
    assert_eq!(scene.settings().await["rules"]["absent_back"], 5);
    scene.press("#back").await;
    scene.until("document.querySelector('#note').textContent.includes('元に戻しました')").await;
    assert_eq!(scene.settings().await["rules"]["absent_back"], 3);
    scene.go("history").await;
    scene.picture("history").await;
    scene.is_light().await;

    // Somebody else was quicker: what was typed stays, and goes on top of what stands now.
    scene.go("rules").await;
    scene.fill("rules", "family_most", "4").await;
    let mut settings = scene.settings().await;
    settings["rules"]["booked_grace_min"] = json!(20);
    scene.tell("settings", settings).await;
    let said = scene.preview().await;
    assert!(said.contains("ほかの方が設定を変えました") && said.contains("scene/"), "{said}");
    scene.picture("stale").await;
    scene.press("#keep").await;
    scene.until("document.querySelector('#preview').innerText.includes('次のように変わります')").await;
    scene.keep().await;
    let rules = scene.settings().await["rules"].clone();
    assert_eq!((rules["family_most"].as_u64(), rules["booked_grace_min"].as_u64()), (Some(4), Some(20)));
    a_voice_is_told_how_to_say_a_room(&scene).await;
    scene.is_quiet().await;
}

async fn a_voice_is_told_how_to_say_a_room(scene: &Scene) {
    scene.go("rooms").await;
    scene.run("document.querySelector('[data-kind=rooms] > details').open = true").await;
    scene.fill("rooms", "say.en", "Consultation room one").await;
    scene.press("#check").await;
    assert_eq!(scene.run("return document.activeElement.name").await, "say.ja", "it is said in Japanese first");
    scene.fill("rooms", "say.ja", "だいいちしんさつしつ").await;
    scene.picture("said").await;
    let said = scene.preview().await;
    assert!(said.contains("だいいちしんさつしつ"), "{said}");
    scene.keep().await;
    let said = json!({"ja": "だいいちしんさつしつ", "en": "Consultation room one"});
    assert_eq!(scene.settings().await["rooms"][0]["say"], said);
    for name in ["say.en", "say.ja"] {
        scene.fill("rooms", name, "").await;
    }
    scene.preview().await;
    scene.keep().await;
    assert_eq!(scene.settings().await["rooms"][0]["say"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_and_a_line_in_use_stays() {
    let mut scene = Scene::set("manager-bad").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.ticket(2).await;
    scene.open("/manager#lines").await;
    scene.fill("lines", "name.ja", NAME).await;
    assert!(scene.preview().await.contains(NAME));
    scene.keep().await;
    assert_eq!(scene.settings().await["lines"][0]["name"]["ja"], NAME);
    assert_eq!(scene.run("return document.querySelectorAll('.part b b').length").await, 0, "a name became markup");

    // An empty name is not even sent.
    scene.fill("lines", "name.ja", "").await;
    scene.press("#check").await;
    scene.until("document.querySelector('#note').textContent.includes('名前（日本語）')").await;
    assert_eq!(scene.run("return document.activeElement.name").await, "name.ja");
    scene.picture("empty-name").await;
    scene.press("#drop").await;

    // A second line with the first one's number, and a line taken away under its patient.
    scene.reach("[data-add=lines]").await;
    scene.until("document.querySelectorAll('[data-kind=lines] > details').length === 3").await;
    let last = "[...document.querySelectorAll('[data-kind=lines] > details')].at(-1)";
    let input = "at.dispatchEvent(new Event('input', { bubbles: true }))";
    for (name, value) in [("line", "1"), ("name.ja", "皮膚科"), ("prefix", "")] {
        scene
            .run(&format!("const at = {last}.querySelector('[name=\"{name}\"]'); at.value = '{value}'; {input}"))
            .await;
    }
    let said = scene.preview().await;
    assert!(said.contains("このままでは変更できません") && said.contains("同じ番号や記号が2つ"), "{said}");
    assert_eq!(scene.run("return document.querySelector('#keep').hidden").await, true);
    scene.picture("twice").await;
    scene.press("#leave").await;
    scene.press("#drop").await;
    scene.run("[...document.querySelectorAll('[data-kind=lines] .gone')][1].click()").await;
    let said = scene.preview().await;
    assert!(said.contains("まだ患者さまがいます"), "{said}");
    scene.picture("in-use").await;
    scene.press("#leave").await;
    assert_eq!(scene.settings().await["lines"].as_array().unwrap().len(), 2);
    scene.press("#drop").await;
    scene.is_quiet().await;

    // Every part, on a narrow screen too, runs over no edge.
    for (width, name) in [(1280, "wide"), (320, "narrow")] {
        scene.browser.size(width, 800).await.unwrap();
        for part in ["site", "lines", "rooms", "hours", "closed", "rules", "printers", "tariffs", "history"] {
            scene.go(part).await;
            scene.run("for (const at of document.querySelectorAll('details')) at.open = true").await;
            let over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(scene.run(over).await, 0, "{part} at {width}");
            scene.picture(&format!("{name}-{part}")).await;
        }
    }
    let unlabelled = "return [...document.querySelectorAll('input, select')].filter((at) => !at.labels?.length).length";
    assert_eq!(scene.run(unlabelled).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_closed_at_once_says_so_until_it_is_withdrawn() {
    let mut scene = Scene::set("manager-closed").await;
    scene.browser.size(1280, 800).await.unwrap();
    let label = scene.ticket(1).await;
    scene.open("/manager#closed").await;
    scene.until("!!document.querySelector('#shut')").await;
    scene.reach("#shut").await;
    scene.until("document.querySelector('#preview').open").await;
    let said = scene.run("return document.querySelector('#preview').innerText").await;
    assert!(said.as_str().unwrap().contains("いま受付中です（1 人）"), "{said}");
    scene.picture("preview").await;
    scene.keep().await;
    scene.picture("closed").await;
    let phase = async |scene: &Scene| scene.stage.api.get("board").await.unwrap()["phase"]["phase"].clone();
    assert_eq!(phase(&scene).await, "open", "{label} still waits");
    let visit = scene.stage.api.get(&format!("visits?label={label}")).await.unwrap()["visit"].clone();
    scene.tell(&format!("visits/{}/cancel", visit.as_str().unwrap()), json!({"reason": "patient"})).await;
    assert_eq!(phase(&scene).await, "suspended");
    let manager = scene.browser.window().await.unwrap();
    scene.open_beside("/board").await;
    scene.until("document.body.textContent.includes('本日は休診いたします')").await;
    scene.picture("board").await;
    scene.open("/kiosk").await;
    scene.until("[...document.querySelectorAll('.line')].every((at) => at.textContent.includes('本日は休診いたします') && at.ariaDisabled === 'true')").await;
    scene.picture("kiosk").await;
    scene.browser.turn_to(&manager).await.unwrap();
    scene.reach("#unshut").await;
    scene.until("!!document.querySelector('#shut')").await;
    assert_eq!(phase(&scene).await, "open");
    assert_eq!(scene.settings().await["hours"]["closures"].as_array().unwrap().len(), 0);
    assert!(scene.stage.api.get("board").await.unwrap()["lines"][0]["open"].as_bool().unwrap(), "{SITE}-1 is open");
    scene.is_quiet().await;
}

/// What the page says that a price would give for a call that broke off for five minutes.
const SHORT_BREAK: &str = "(document.querySelector('.tried li:nth-child(3)')?.innerText ?? '')";

#[tokio::test(flavor = "multi_thread")]
async fn a_price_of_calls_is_tried_while_it_is_typed_kept_and_taken_back() {
    let scene = Scene::set("manager-prices").await;
    scene.browser.size(1280, 800).await.unwrap();
    scene.open("/manager#tariffs").await;
    scene.until("!!document.querySelector('[data-add=tariffs]')").await;
    scene.picture("none").await;
    scene.reach("[data-add=tariffs]").await;
    scene.until(&format!("{SHORT_BREAK}.includes('15〜25分') && {SHORT_BREAK}.endsWith('100円')")).await;
    // The kind decides, and with it go the name and the field that only one kind has.
    let choose = |rule: &str| {
        format!(
            "const at = document.querySelector('[name=\"tariff.rule\"]'); at.value = '{rule}';\
             for (const told of ['input', 'change']) at.dispatchEvent(new Event(told, {{ bubbles: true }}))"
        )
    };
    let has_gap = "return document.querySelector('[name=\"tariff.gap_min\"]').checkVisibility()";
    scene.run(&choose("merge_gap")).await;
    assert_eq!(scene.run(has_gap).await, true);
    scene.run(&choose("per_connection")).await;
    assert_eq!(scene.run(has_gap).await, false);
    scene
        .until(&format!("{SHORT_BREAK}.includes('1回ごとに30分単位で切り上げ') && {SHORT_BREAK}.endsWith('200円')"))
        .await;
    scene.fill("tariffs", "tariff.unit_yen", "150").await;
    scene.until(&format!("{SHORT_BREAK}.endsWith('300円')")).await;
    scene.is_light().await;
    scene.picture("new").await;
    scene.run("document.querySelector('.tried').scrollIntoView()").await;
    scene.picture("new-tried").await;

    what_cannot_be_is_told_beside_its_field(&scene).await;
    let kept = kept_with_a_word_about_days_that_are_past(&scene).await;
    other_numbers_are_another_version(&scene, &kept).await;
    scene.is_quiet().await;
    everybody_can_use_it(&scene).await;
}

/// Returns what stands beside a field of the price.
fn beside(name: &str) -> String {
    format!(
        "const at = document.querySelector('[name=\"{name}\"]');\
         return [at.ariaInvalid, document.getElementById(at.getAttribute('aria-describedby')).innerText]"
    )
}

async fn what_cannot_be_is_told_beside_its_field(scene: &Scene) {
    scene.fill("tariffs", "tariff.unit_min", "0").await;
    scene.fill("tariffs", "tariff.tax_permille", "8.25").await;
    scene.press("#check").await;
    assert_eq!(scene.run(&beside("tariff.unit_min")).await, json!(["true", "1 以上にしてください。"]));
    assert_eq!(scene.run(&beside("tariff.tax_permille")).await, json!(["true", "0.1 きざみの数字にしてください。"]));
    assert_eq!(scene.run("return document.activeElement.name").await, "tariff.unit_min");
    scene.picture("beside").await;
    scene.fill("tariffs", "tariff.unit_min", "30").await;
    assert_eq!(scene.run(&beside("tariff.unit_min")).await, json!([null, ""]));
    scene.fill("tariffs", "tariff.tax_permille", "8.5").await;
}

async fn kept_with_a_word_about_days_that_are_past(scene: &Scene) -> Value {
    scene.fill("tariffs", "from", "2026-11-01").await;
    let said = scene.preview().await;
    assert!(said.contains("2026年11月1日から　接続ごとに切り上げ　30分 150円"), "{said}");
    assert!(said.contains("すでに過ぎた日の通話の金額も"), "{said}");
    scene.picture("preview").await;
    scene.keep().await;
    let price = json!({"name": "per-connection", "version": 2, "rule": "per_connection", "unit_min": 30,
        "unit_yen": 150, "gap_min": 10, "tax_permille": 85});
    let kept = json!([{"from": "2026-11-01", "tariff": price}]);
    assert_eq!(scene.settings().await["tariffs"], kept);
    kept
}

/// Told in the dialog, and then beside the version; what was kept so is taken back, and what was removed too.
async fn other_numbers_are_another_version(scene: &Scene, kept: &Value) {
    scene.run("document.querySelector('[data-kind=tariffs] > details').open = true").await;
    scene.fill("tariffs", "tariff.unit_yen", "120").await;
    let said = scene.preview().await;
    assert!(said.contains("このままでは変更できません") && said.contains("版を大きくしてください"), "{said}");
    scene.press("#leave").await;
    scene.until("document.activeElement.name === 'tariff.version'").await;
    let told = scene.run(&beside("tariff.version")).await;
    assert!(told[1].as_str().unwrap().contains("版を大きくしてください"), "{told}");
    scene.picture("same-version").await;
    scene.fill("tariffs", "tariff.version", "3").await;
    let said = scene.preview().await;
    assert!(said.contains("1単位の料金") && said.contains("150 → 120") && said.contains("2 → 3"), "{said}");
    scene.keep().await;
    // What the box said of this price is there with the form, which does not grow under the finger that comes next.
    scene
        .run(
            "window.drawn = []; const seen = () => drawn.push(document.querySelectorAll('.tried li').length);\
             new MutationObserver(seen).observe(document.querySelector('#form'), { childList: true })",
        )
        .await;
    scene.press("#back").await;
    scene.until("document.querySelector('#note').textContent.includes('元に戻しました')").await;
    assert_eq!(scene.settings().await["tariffs"], *kept);
    assert_eq!(scene.run("return drawn").await, json!([4]));
    scene.reach("[data-kind=tariffs] .gone").await;
    assert!(scene.preview().await.contains("削除"));
    scene.keep().await;
    assert_eq!(scene.settings().await["tariffs"], json!([]));
    scene.press("#back").await;
    scene.until("document.querySelector('#note').textContent.includes('元に戻しました')").await;
    assert_eq!(scene.settings().await["tariffs"], *kept);
}

/// Whoever cannot see it, has a tablet or reads English.
async fn everybody_can_use_it(scene: &Scene) {
    let mut found = Vec::new();
    for (width, name) in [(1280, "desktop"), (780, "tablet"), (320, "narrow")] {
        scene.browser.size(width, 1000).await.unwrap();
        scene.open("/manager?lang=ja#tariffs").await;
        scene.until("!!document.querySelector('[data-kind=tariffs] > details')").await;
        scene.run("document.querySelector('[data-kind=tariffs] > details').open = true").await;
        scene.until("document.querySelectorAll('.tried li').length === 4").await;
        scene.fill("tariffs", "tariff.unit_min", "").await;
        scene.press("#check").await;
        scene.judge(name, &mut found).await;
        assert_eq!(scene.beyond().await, json!([]), "{name}");
        scene.picture(&format!("{name}-ja")).await;
        scene.press("#lang").await;
        scene.until("document.querySelector('[data-part=tariffs] h2').textContent === 'Call prices'").await;
        scene.run("document.querySelector('[data-kind=tariffs] > details').open = true").await;
        scene.fill("tariffs", "tariff.unit_min", "30").await;
        scene.until("document.querySelectorAll('.tried li').length === 4").await;
        let text = "return document.querySelector('.part[data-part=tariffs]').innerText";
        let text = scene.run(text).await.as_str().unwrap().to_owned();
        let japanese = text.chars().filter(|c| ('\u{3041}'..='\u{9FFF}').contains(c)).collect::<String>();
        assert_eq!(japanese, "", "{text}");
        scene.picture(&format!("{name}-en")).await;
        scene.run("document.querySelector('.tried').scrollIntoView()").await;
        scene.picture(&format!("{name}-en-tried")).await;
        scene.press("#lang").await;
    }
    assert_eq!(found, Vec::<String>::new());
}
