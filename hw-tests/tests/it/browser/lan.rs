//! A stranger's tablet on the clinic's network: led to pairing, paired, signed in, and at work, over real TLS.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use jiff::tz::Offset;
use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::daemon::Program;
use machiai_hw_tests::demo::stage::{Clinic, Stage, Wanted};
use machiai_hw_tests::servers::hub::real_ms;

use super::Scene;

const PASSWORD: &str = "sakura-2026!";

/// Connects as a client that knows the site's authority alone, by the box's address, and prints the pin of the key that
/// it met.
const CONNECT: &str = "
import base64, hashlib, socket, ssl, sys
port, ca = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(ca)
with socket.create_connection(('127.0.0.1', int(port)), 10) as plain:
    with context.wrap_socket(plain, server_hostname='127.0.0.1') as tls:
        der = tls.getpeercert(True)
def part(at):
    size, head = der[at + 1], 2
    if size & 0x80:
        head += size & 0x7f
        size = int.from_bytes(der[at + 2:at + head], 'big')
    return at + head, at + head + size
at = part(part(0)[0])[0]
for _ in range(6):  # version, serial, algorithm, issuer, validity, subject
    at = part(at)[1]
print(base64.b64encode(hashlib.sha256(der[at:part(at)[1]]).digest()).decode())
";

/// What `machiai pair` told.
pub(super) struct Told {
    pub(super) port: String,
    code: String,
    fingerprint: String,
}

async fn pairing(stage: &Stage) -> Told {
    let said = stage.daemon.ask(&["pair", "--kind", "desk", "--place", "room1"]).await.unwrap();
    let after = |mark: &str| {
        let (_, rest) = said.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {said}"));
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let port = after("https://127.0.0.1:").split('/').next().unwrap().to_owned();
    Told { port, code: after("code  "), fingerprint: after("fingerprint ") }
}

/// Ten past nine of the day before: whoever comes over the network judges a certificate by a clock that no rehearsal sets.
fn yesterday_morning() -> String {
    let yesterday = Timestamp::from_millisecond(real_ms() - 24 * 60 * 60 * 1_000).unwrap();
    format!("{}T09:10:00+09:00", Offset::constant(9).to_datetime(yesterday).date())
}

/// Sets a scene whose browser comes over the network.
pub(super) async fn set() -> (Scene, Told) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join("lan");
    std::fs::create_dir_all(&folder).unwrap();
    let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
    let wanted = Wanted {
        program: &program,
        clinic: Clinic::Small,
        out: &folder,
        rehearsal: (yesterday_morning(), 1),
        papers: None,
        has_lan: true,
        hub: None,
    };
    let stage = Stage::set(wanted).await.unwrap();
    let told = pairing(&stage).await;
    let authority = stage.daemon.state().join("lan-ca.crt");
    let connected = Command::new("python3").args(["-c", CONNECT, &told.port]).arg(authority).output().unwrap();
    assert!(connected.status.success(), "{}", String::from_utf8_lossy(&connected.stderr));
    let pin = String::from_utf8(connected.stdout).unwrap();
    let browser = Browser::start_trusting(pin.trim()).await.unwrap();
    (Scene::begin(stage, browser, folder.clone()).await, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_of_the_network_is_paired_signed_in_and_calls_the_next() {
    let (mut scene, told) = set().await;
    let label = scene.ticket(1).await;
    let mut found = Vec::new();
    scene.browser.size(1280, 800).await.unwrap();
    led_to_pairing(&scene, &told, &mut found).await;
    signed_in(&scene, &mut found).await;

    scene.until("location.pathname === '/desk' && location.search === '?place=room1'").await;
    scene.until(&format!("document.querySelector('#next small').textContent.includes('{label} を呼びます')")).await;
    scene.press("#next").await;
    scene.until(&format!("document.querySelector('#now').textContent === '{label}'")).await;
    scene.until("document.querySelector('#person').textContent.includes('森')").await;
    scene.judge("desk", &mut found).await;
    scene.picture("desk").await;
    assert_eq!(scene.waiting(1).await, 0);
    assert_eq!(scene.run("return isSecureContext && location.protocol").await, "https:");
    assert_eq!(found, Vec::<String>::new());
}

/// A stranger sees nothing of the desk, learns by the fingerprint how to trust the box, and is paired by the right code.
pub(super) async fn led_to_pairing(scene: &Scene, told: &Told, found: &mut Vec<String>) {
    scene.browser.open(&format!("https://127.0.0.1:{}/desk?place=room1", told.port)).await.unwrap();
    scene.until("location.pathname === '/pair' && document.querySelector('h1')").await;
    scene.judge("pair", found).await;
    scene.picture("pair").await;
    scene.press("a[href='/trust']").await;
    scene.until(&format!("document.querySelector('.print').innerText.includes('{}')", told.fingerprint)).await;
    scene.judge("trust", found).await;
    scene.picture("trust").await;

    scene.press("a[href='/pair']").await;
    scene.browser.write("[name='code']", "AAAA-BBBB-CCCC").await.unwrap();
    scene.press("form button").await;
    scene.until("!document.querySelector('.told').hidden && document.querySelector('.told small').textContent").await;
    scene.judge("pair, wrong code", found).await;
    scene.picture("wrong-code").await;
    scene.browser.write("[name='code']", &told.code).await.unwrap();
    scene.press("form button").await;
    scene.until("location.pathname === '/sign-in'").await;
    scene.judge("sign-in, nobody yet", found).await;
    scene.picture("sign-in").await;
}

/// The first manager is made with the box's own code, and signs in.
pub(super) async fn signed_in(scene: &Scene, found: &mut Vec<String>) {
    let code = scene.stage.daemon.ask(&["setup-code"]).await.unwrap();
    let fill = async |form: &str, fields: &[(&str, &str)]| {
        for (name, text) in fields {
            scene.browser.write(&format!("form[action='{form}'] [name='{name}']"), text).await.unwrap();
        }
        scene.press(&format!("form[action='{form}'] button")).await;
    };
    let made = [("code", code.trim()), ("staff", "mori"), ("name", "森"), ("password", PASSWORD)];
    fill("/set-up", &made).await;
    scene.until("document.querySelector('form[action=\"/set-up\"]').parentElement.hidden").await;
    scene.judge("sign-in", found).await;
    fill("/sign-in", &[("staff", "mori"), ("password", PASSWORD), ("pin", "2468")]).await;
}
