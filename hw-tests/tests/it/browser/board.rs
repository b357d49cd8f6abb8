//! The board's geometry in a real browser: every number of rooms, both ways up, with a film and without, by day and by
//! night.
//!
//! The drawings are the panel's samples, handed to the page as its box would send them.

use std::sync::LazyLock;

use machiai_core::board::NIGHT_FROM_MIN;
use machiai_core::time::Day;
use machiai_core::view::BoardView;
use machiai_panel::{Film, FontPaths, Layout, Look, MOST_ROOMS, Panel, samples};
use serde_json::{Value, json};

use super::Scene;

static PANEL: LazyLock<Panel> = LazyLock::new(|| Panel::open(&FontPaths::debian(), None).unwrap().0);

/// Names whatever leaves the frame or lies over something else: regions by their boxes, texts of one row by their ends.
const FAULTS: &str = r#"
    const svg = document.querySelector('#board svg'), faults = [];
    const box = (at) => at.getBoundingClientRect(), name = (at) => `${at.dataset.part ?? 'text'} ${at.dataset.room ?? at.textContent}`;
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const among = (...names) => {
        const all = [...svg.querySelectorAll(names.map((part) => `[data-part=${part}]`).join())];
        all.forEach((one, at) => all.slice(at + 1).forEach((other) => {
            if (meet(box(one), box(other))) faults.push(`${name(one)} lies over ${name(other)}`);
        }));
    };
    among('tile', 'strip', 'film', 'message', 'head', 'clock');
    among('card', 'absent', 'tile', 'film', 'message', 'head', 'clock');
    const texts = [...svg.querySelectorAll('text')].filter((at) => at.textContent.trim());
    for (const at of texts) {
        const { left, right, top, bottom } = box(at);
        if (left < 24 || right > innerWidth - 24 || top < 0 || bottom > innerHeight) faults.push(`${name(at)} leaves the frame`);
    }
    texts.forEach((one, at) => texts.slice(at + 1).forEach((other) => {
        const [a, b] = [box(one), box(other)];
        if (Math.abs(a.bottom - b.bottom) < 8 && meet(a, b)) faults.push(`${name(one)} runs into ${name(other)}`);
    }));
    return [texts.length, faults];"#;

/// Where the middle of every glyph of every text is drawn.
const GLYPHS: &str = r#"
    return [...document.querySelectorAll('#board svg text')].map((at) => {
        const n = at.getNumberOfChars();
        const glyphs = [...Array(n).keys()].map((nth) => at.getExtentOfChar(nth)).map(({ x, y, width }) => [x + width / 2, y]);
        return [at.textContent, glyphs.map((pair) => pair.map(Math.round))];
    });"#;

/// Counts how many drawings lie over each other at most from now on.
const COUNT_DRAWINGS: &str = "window.most = 0; window.counting?.disconnect();\
    window.counting = new MutationObserver(() => { most = Math.max(most, document.querySelectorAll('#board svg').length) });\
    counting.observe(document.querySelector('#board'), { childList: true })";

/// How many rooms a way to draw the board is tried with: of more than six, every board is alone.
fn most_rooms(look: Look) -> usize {
    match look.film {
        Film::Beside => MOST_ROOMS,
        Film::Off => 6,
    }
}

/// Opens a board that hears nothing more from its box.
async fn open(scene: &Scene, look: Look) {
    let (width_px, height_px) = look.layout.size_px();
    scene.browser.size(width_px, height_px).await.unwrap();
    scene.open(&format!("/board?layout={:?}&film={:?}", look.layout, look.film).to_lowercase()).await;
    scene.until("document.querySelector('#board svg')").await;
    // The box drew it as it was asked to: without a film, no part is kept for one.
    let has_film = scene.run("return Boolean(document.querySelector('#board [data-part=film]'))").await;
    assert_eq!(has_film, json!(look.film == Film::Beside));
    scene.run("hangUp(); alive = () => {}; life = { mono: 0, wall: 0 }").await;
}

/// Hands a view to the page in front, as if its box had sent it.
async fn hand(scene: &Scene, view: &BoardView, look: Look) {
    let svg = PANEL.board_svg(view, look).unwrap();
    scene.run(&format!("take({{ data: {} }})", json!(svg))).await;
}

/// Shows a view at once, whatever was shown before.
async fn show(scene: &Scene, view: &BoardView, look: Look) {
    scene.run("document.querySelector('#board').replaceChildren(); drawn = ''").await;
    hand(scene, view, look).await;
    scene.until("document.querySelectorAll('#board svg').length === 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_a_board_overlaps_or_leaves_the_frame() {
    let scene = Scene::set("geometry").await;
    for look in Look::ALL {
        open(&scene, look).await;
        for (n_rooms, night) in (1..=most_rooms(look)).flat_map(|n| [(n, false), (n, true)]) {
            let view = BoardView { night, ..samples::board(n_rooms, n_rooms.div_ceil(2).min(5)) };
            show(&scene, &view, look).await;
            let seen = scene.run(FAULTS).await;
            assert!(seen[0].as_u64().unwrap() > 8, "{n_rooms} rooms {look:?} say nothing");
            assert_eq!(seen[1], json!([]), "{n_rooms} rooms {look:?}, night {night}");
            if night {
                let film = if look.film == Film::Off { "-alone" } else { "" };
                scene.picture(&format!("{n_rooms}-rooms-{:?}{film}", look.layout).to_lowercase()).await;
            }
        }
    }
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_nine_to_a_hundred_shifts_no_other_glyph_in_a_browser() {
    let scene = Scene::set("hundred").await;
    for look in Look::ALL {
        open(&scene, look).await;
        for n_rooms in 1..=most_rooms(look) {
            let mut drawn = Vec::new();
            for label in ["99", "100"] {
                let mut view = samples::board(n_rooms, 2);
                view.rooms[0].label = Some(label.to_owned());
                show(&scene, &view, look).await;
                drawn.push(scene.run(GLYPHS).await);
            }
            let [two, three] = [&drawn[0], &drawn[1]].map(|texts| texts.as_array().unwrap());
            // Other rooms of the samples show 99 and 100 too: what is not the same is the first room's number alone.
            let changed: Vec<(&Value, &Value)> = two.iter().zip(three).filter(|(two, three)| two != three).collect();
            let [(two, three)] = changed[..] else { panic!("{n_rooms} rooms {look:?}: {changed:?}") };
            assert_eq!((&two[0], &three[0]), (&json!("99"), &json!("100")));
            let (two, three) = (two[1].as_array().unwrap(), three[1].as_array().unwrap());
            assert_eq!(two[..], three[1..], "{n_rooms} rooms {look:?}");
        }
    }
    scene.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_dusk_comes_in_softly_and_an_old_board_at_dusk_can_be_read() {
    let scene = Scene::set("dusk").await;
    let look = Look::from(Layout::Landscape);
    open(&scene, look).await;
    let paper = "document.querySelector('#board svg:last-child rect').getAttribute('fill')";
    let at = |after_ms: i64| {
        let view = samples::board(3, 2);
        let five = Day::holding(view.as_of, 0).at_min(NIGHT_FROM_MIN);
        BoardView { as_of: five.plus_ms(after_ms), night: true, ..view }
    };
    show(&scene, &at(0), look).await;
    let mut papers = vec![scene.until(paper).await];
    for step in 1..=12 {
        scene.run(COUNT_DRAWINGS).await;
        hand(&scene, &at(step * 5_000), look).await;
        let last = papers.last().unwrap().as_str().unwrap().to_owned();
        papers.push(
            scene
                .until(&format!(
                    "document.querySelectorAll('#board svg').length === 1 && {paper} !== '{last}' && {paper}"
                ))
                .await,
        );
        assert_eq!(scene.run("return most").await, json!(2), "step {step} came at once");
        if step == 5 || step == 6 {
            scene.picture(&format!("step-{step}")).await;
        }
    }
    assert_eq!((papers[0].as_str(), papers[12].as_str()), (Some("#F7F4ED"), Some("#101822")));

    // Cut from its box in the dark half, it writes in light ink.
    hand(&scene, &at(32_000), look).await;
    scene.run("life = { mono: performance.now() - 400_000, wall: Date.now() - 400_000 }; drawSoon()").await;
    let ink = "[...document.querySelectorAll('#board text')].find((at) => at.textContent === '受付でご確認ください')?.getAttribute('fill')";
    assert_eq!(scene.until(ink).await, json!("#F1ECE1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_language_comes_in_softly_and_moves_no_number() {
    let scene = Scene::set("languages").await;
    let look = Look::from(Layout::Landscape);
    open(&scene, look).await;
    let japanese = samples::board(3, 2);
    let english = BoardView { as_of: japanese.as_of.plus_ms(12_000), ..japanese.clone() };
    show(&scene, &japanese, look).await;
    let numbers = "[...document.querySelectorAll('#board svg:last-child [data-part=number]')]\
        .map((at) => [at.textContent, at.getAttribute('x')].join()).join(' ')";
    let before = scene.until(numbers).await;
    scene.run(COUNT_DRAWINGS).await;
    hand(&scene, &english, look).await;
    let drawn = "document.querySelectorAll('#board svg').length === 1 && document.querySelector('#board svg').dataset.lang === 'en'";
    scene.until(drawn).await;
    assert_eq!(scene.run("return most").await, json!(2), "the drawing was changed at once");
    assert_eq!(scene.until(numbers).await, before);
    scene.until("document.querySelector('#board').textContent.includes('About 40–50 min')").await;
    scene.picture("english").await;
    scene.is_quiet().await;
}
