//! Signing in and switching, as staff do it on a tablet: plain forms, no script.

use super::Scene;

const PASSWORD: &str = "sakura-2026!";

#[tokio::test(flavor = "multi_thread")]
async fn staff_sign_in_once_and_switch_by_a_touch_and_a_pin() {
    let scene = Scene::set("access").await;
    scene.browser.size(1280, 800).await.unwrap();
    let fill = async |form: &str, fields: &[(&str, &str)]| {
        for (name, text) in fields {
            scene.browser.write(&format!("form[action='{form}'] [name='{name}']"), text).await.unwrap();
        }
        scene.press(&format!("form[action='{form}'] button")).await;
    };

    // A clinic without a manager offers to make the first; a wrong code is told in both languages.
    scene.open("/sign-in").await;
    let made = [("staff", "mori"), ("name", "森 <b>&"), ("password", PASSWORD)];
    let with_code = |code| [&[("code", code)], made.as_slice()].concat();
    fill("/set-up", &with_code("ABCD-EFGH-JKLM")).await;
    scene.until("!document.querySelector('.told').hidden && document.querySelector('.told small').textContent").await;
    scene.picture("wrong").await;
    let code = scene.stage.daemon.ask(&["setup-code"]).await.unwrap();
    fill("/set-up", &with_code(code.trim())).await;
    scene.until("document.querySelector('.told').hidden && document.querySelector('form[action=\"/set-up\"]').parentElement.hidden").await;

    // A full sign-in leads to work, and from then on the name and a PIN will do.
    fill("/sign-in", &[("staff", "mori"), ("password", PASSWORD), ("pin", "2468")]).await;
    scene.until("location.pathname === '/desk'").await;
    scene.open("/sign-in").await;
    scene.until("document.querySelector('h2').textContent.includes('森 <b>&')").await;
    scene.picture("signed-in").await;
    scene.press("form[action='/sign-out'] button").await;
    scene.until("document.querySelector('form[action=\"/sign-out\"]').parentElement.hidden").await;
    scene.press("fieldset label").await;
    fill("/sign-in/switch", &[("pin", "2468")]).await;
    scene.until("location.pathname === '/desk'").await;

    // A manager brings a colleague in, who is then known; a weak password is refused in words.
    scene.open("/people").await;
    scene.until("document.querySelectorAll('#staff li').length === 1").await;
    let colleague = |password: &'static str| [("staff", "sato"), ("name", "佐藤"), ("password", password)];
    let keep = async |fields: &[(&str, &str)]| {
        for (name, text) in fields {
            scene.browser.write(&format!("#person [name='{name}']"), text).await.unwrap();
        }
        scene.press("#person button").await;
    };
    keep(&colleague("short")).await;
    scene
        .until("!document.querySelector('#note').hidden && document.querySelector('#note').textContent.length > 9")
        .await;
    scene.run("document.querySelector('#person').reset()").await;
    keep(&colleague("tsubaki-77!")).await;
    scene.until("document.querySelectorAll('#staff li').length === 2").await;
    scene.picture("people").await;

    // Both have a PIN at this desk today: they change places without leaving the page, and a wrong PIN changes nobody.
    scene.open("/sign-in").await;
    fill("/sign-in", &[("staff", "sato"), ("password", "tsubaki-77!"), ("pin", "13579")]).await;
    scene.until("location.pathname === '/desk'").await;
    scene.open("/desk?place=reception").await;
    let is_here = |name: &str| format!("document.querySelector('#person').textContent === '{name}　交代'");
    scene.until(&is_here("佐藤")).await;
    let switch = async |pin: &str| {
        scene.press("#person").await;
        scene.press_word("森 <b>& に交代").await;
        scene.until("document.querySelector('#switching').open").await;
        scene.browser.write("#switching input", pin).await.unwrap();
        scene.press("#switching .go").await;
        scene.until("!document.querySelector('#switching').open").await;
    };
    switch("1111").await;
    scene.until("document.querySelector('#note').textContent.includes('交代できませんでした')").await;
    scene.until(&is_here("佐藤")).await;
    scene.press("#note").await;
    switch("2468").await;
    scene.until(&is_here("森 <b>&")).await;
    scene.picture("switched").await;

    // Nothing runs off the side of a narrow tablet, and every target is large enough.
    scene.browser.size(600, 900).await.unwrap();
    scene.open("/sign-in").await;
    scene.until("document.documentElement.scrollWidth <= innerWidth").await;
    scene.until("[...document.querySelectorAll('button, input:not([type=radio]), fieldset label, a.go')].every((at) => at.offsetParent === null || at.offsetHeight >= 52)").await;
    scene.picture("narrow").await;
}
