//! A patient with a telephone: a real browser, the size of one, on the hub's pages.

use std::path::{Path, PathBuf};

use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::hub::soon;
use serde_json::json;

use super::Home;
use super::scene::Scene;

/// A telephone's screen, in the pixels of pages.
const SCREEN_PX: (u32, u32) = (390, 844);

/// Whether nothing stands beyond the right edge, and every button is as large as a finger.
const FITS: &str = "document.documentElement.scrollWidth <= innerWidth &&
    [...document.querySelectorAll('button, .button')].every((one) => one.getBoundingClientRect().height >= 44)";

/// Where a picture of the page is left, to be looked at.
fn picture(of: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join("phone");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{of}.png"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_takes_a_ticket_on_a_phone_while_the_clinic_is_cut_off_and_is_called_once_it_is_back() {
    let scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;
    scene.hub.boxes.cut();
    let far = async || scene.page(&format!("/s/{SITE}")).await.contains("クリニックと通信できません").then_some(());
    soon("the page says that the clinic is out of reach", far).await.unwrap();

    let browser = Browser::start().await.unwrap();
    let (width_px, height_px) = SCREEN_PX;
    browser.size(width_px, height_px).await.unwrap();
    browser.open(&format!("http://{}/s/{SITE}?lang=ja", scene.hub.patients.address())).await.unwrap();
    browser.until("document.querySelector('.far').textContent.includes('クリニックと通信できません')").await.unwrap();
    browser.until(FITS).await.unwrap();
    browser.picture(&picture("site")).await.unwrap();
    browser.press("button[name='line'][value='1']").await.unwrap();
    browser.until("document.querySelector('.state').textContent.includes('ご来院をお待ちしています')").await.unwrap();
    browser.until(FITS).await.unwrap();
    browser.picture(&picture("ticket")).await.unwrap();
    let label = browser.run("return document.querySelector('.big').textContent").await.unwrap();
    let label = label.as_str().unwrap();
    let ticket = browser.run("return location.pathname").await.unwrap();
    let ticket = ticket.as_str().unwrap();

    // A second one is not to be had: whoever presses again is shown the first.
    browser.press("main > a.quiet").await.unwrap();
    browser.until("location.pathname.startsWith('/s/')").await.unwrap();
    browser.press("button[name='line'][value='1']").await.unwrap();
    browser.until(&format!("location.pathname === '{ticket}'")).await.unwrap();

    // The clinic is back: it knows of the ticket, and calls.
    scene.hub.boxes.mend();
    let visit = scene.visit(label).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    scene.press("room1/a", "rooms/room1/call", json!({})).await;
    let is_told = async || scene.page(ticket).await.contains("お呼びしています").then_some(());
    soon("the phone's page hears of the call", is_told).await.unwrap();
    browser.open(&format!("http://{}{ticket}?lang=ja", scene.hub.patients.address())).await.unwrap();
    browser.until("document.querySelector('.called .state').textContent.includes('お呼びしています')").await.unwrap();
    browser.picture(&picture("called")).await.unwrap();
    assert_eq!(browser.complaints().await.unwrap(), Vec::<String>::new());
}
