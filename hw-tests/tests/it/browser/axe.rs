//! Pages for whoever cannot see them, has no mouse or a small screen: axe-core finds nothing, and nothing is cut off.

use std::path::Path;

use serde_json::{Value, json};

use super::{SITE, Scene};

impl Scene {
    /// Adds what axe-core finds in the page in front.
    pub(super) async fn judge(&self, name: &str, found: &mut Vec<String>) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target/axe/axe_playwright_python/axe.min.js");
        let rules = std::fs::read_to_string(&file).expect("`make test` fetches axe-core");
        self.run(&rules).await;
        let judge = "return axe.run(document, { resultTypes: ['violations'] }).then((found) => \
            found.violations.map((rule) => rule.id + ': ' + rule.nodes.map((node) => node.html.slice(0, 120)).join(' | ')))";
        let violations = self.run(judge).await;
        found.extend(violations.as_array().unwrap().iter().map(|rule| format!("{name}: {rule}")));
    }

    /// Returns what stands beyond the page's right edge, if anything.
    pub(super) async fn beyond(&self) -> Value {
        let beyond = "return document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]\
            .filter((at) => at.getBoundingClientRect().right > innerWidth + 1).map((at) => at.outerHTML.slice(0, 80))";
        self.run(beyond).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_see_a_page_can_use_it() {
    let mut scene = Scene::set("access").await;
    scene.browser.size(1280, 800).await.unwrap();
    let (first, _second) = (scene.ticket(1).await, scene.ticket(1).await);
    scene.tell(&format!("lines/{SITE}-2/tickets"), json!({"channel": "remote"})).await;

    let mut found = Vec::new();
    scene.open("/").await;
    scene.judge("index", &mut found).await;
    scene.open("/kiosk").await;
    scene.until("document.querySelectorAll('.line').length === 2").await;
    scene.judge("kiosk", &mut found).await;
    scene.press("#come").await;
    scene.until("document.querySelectorAll('#keys button').length > 9").await;
    scene.judge("kiosk, keys", &mut found).await;
    scene.open("/kiosk/number").await;
    scene.judge("number", &mut found).await;
    scene.open("/board").await;
    scene.until("document.querySelector('svg')").await;
    scene.judge("board", &mut found).await;
    for page in ["/sign-in", "/manager", "/people", "/report", "/desk/calls", "/desk/health", "/call"] {
        scene.open(page).await;
        scene.until("document.querySelector('h1') && document.querySelectorAll('button').length > 0").await;
        scene.judge(page, &mut found).await;
    }
    scene.open("/desk").await;
    scene.until("document.querySelectorAll('.choose button').length > 2").await;
    scene.judge("desk, choice of place", &mut found).await;
    for place in ["reception", "room1"] {
        scene.open(&format!("/desk?place={place}")).await;
        scene.until("document.querySelectorAll('#list .row').length === 2").await;
        scene.judge(place, &mut found).await;
    }
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{first}'")).await;
    scene.judge("room, called", &mut found).await;
    for button in ["#take", "#find", "#urgent", "#message", "#aside", "#person"] {
        scene.press(button).await;
        scene.until("document.querySelector('dialog[open]')").await;
        scene.judge(&format!("desk, {button}"), &mut found).await;
        scene.run("document.querySelector('dialog[open]').close()").await;
    }
    scene.open("/rehearsal/desk?place=room1").await;
    scene.until("document.querySelectorAll('.choose button').length === 2").await;
    scene.judge("rehearsal, none", &mut found).await;
    scene.press(".choose button").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{first}'")).await;
    scene.judge("rehearsal", &mut found).await;
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_screen_and_large_letters_cut_nothing_off() {
    let mut scene = Scene::set("small").await;
    for _ in 0..3 {
        scene.ticket(1).await;
    }
    let mut cut_off = Vec::new();
    // 320 px is also what a tablet of 640 px shows at 200 %.
    for (width, height) in [(320, 640), (640, 400), (800, 1280)] {
        scene.browser.size(width, height).await.unwrap();
        for (page, there) in [
            ("/kiosk", "document.querySelectorAll('.line').length === 2"),
            ("/desk?place=room1", "document.querySelectorAll('#list .row').length === 3"),
            ("/desk?place=reception", "document.querySelectorAll('#list .row').length === 3"),
            ("/sign-in", "document.querySelectorAll('form').length > 1"),
            ("/board", "document.querySelector('svg')"),
        ] {
            scene.open(page).await;
            scene.until(there).await;
            let name = format!("{}-{width}", page.trim_start_matches('/').replace("?place=", "-"));
            scene.picture(&name).await;
            let beyond = scene.beyond().await;
            if beyond != json!([]) {
                cut_off.push(format!("{name}: {beyond}"));
            }
        }
    }
    assert_eq!(cut_off, Vec::<String>::new());
}
