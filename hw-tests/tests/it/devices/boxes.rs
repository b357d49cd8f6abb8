//! Button boxes: what a key does, what a bad line does not, and what happens when the cable is pulled.

use machiai::devices::protocol::Key;
use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::serial::Plugged;
use rstest::rstest;

use super::*;

const FRAMED: &str = r#"
[[devices.buttons]]
name = "box1"
path = "{folder}/box1"
protocol = "framed-box"
room = "room1"
"#;

const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
const AGAIN: u8 = 0x18;

fn frame(key: Key, nth: u8) -> Vec<u8> {
    let (protocol, nth) = (protocol("framed-box"), b'0' + nth);
    protocol.frame.around(&protocol.buttons.as_ref().unwrap().word(key, nth).unwrap())
}

/// Says a frame as a hand does, not at once after the last one, and returns what comes back.
fn ask(device: &mut Plugged, bytes: &[u8]) -> Vec<u8> {
    wait_ms(150);
    let before = device.heard().len();
    device.say(bytes).unwrap();
    let heard = device.wait(WITHIN, |heard| heard.len() > before).expect("the box hears nothing");
    heard[before..].to_vec()
}

/// Lets real time pass, for what two presses have between them.
fn wait_ms(ms: u64) {
    Stopwatch::start().wait_until(Duration::from_millis(ms));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_does_what_the_desk_does_and_is_acknowledged() {
    let clinic = Clinic::with(FRAMED);
    let socket = clinic.socket("box1");
    let mut device = socket.plug().unwrap();
    let running = clinic.start().await;
    running.ticket("1001-1", "a", json!({})).await;
    running.ticket("1001-1", "b", json!({})).await;
    running.until_there("box1").await;
    assert_eq!(ask(&mut device, &frame(Key::Again, 1)), [NAK], "nobody is called who could be called again");
    let told = running.until_device("box1", "refused", |told| told["refused"]["code"] == "room_empty").await;
    assert!(told["refused"]["ja"].as_str().unwrap().contains("第1診察室"), "{told}");
    assert_eq!(ask(&mut device, &frame(Key::Next, 2)), [ACK]);
    assert_eq!(running.in_room("room1").await, called("1"));
    assert_eq!(ask(&mut device, &frame(Key::Again, 3)), [ACK]);
    assert_eq!(ask(&mut device, &frame(Key::Absent, 4)), [ACK]);
    assert_eq!(running.in_room("room1").await, []);
    assert_eq!(ask(&mut device, &frame(Key::Undo, 5)), [ACK]);
    assert_eq!(running.in_room("room1").await, called("1"));
    assert_eq!(ask(&mut device, &frame(Key::Enter, 6)), [ACK]);
    assert_eq!(running.in_room("room1").await, [("1".to_owned(), "in_room".to_owned())]);
    assert_eq!(ask(&mut device, &frame(Key::Finish, 7)), [ACK]);
    assert_eq!(running.in_room("room1").await, []);
    let desk = running.api.get("desk").await.unwrap();
    assert_eq!(desk["lines"][0]["waiting"][0]["label"], "2");
    running.until_device("box1", "no refusal any more", |told| told["refused"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_is_sent_again_or_spoilt_counts_once_and_the_next_one_is_another() {
    let clinic = Clinic::with(FRAMED);
    let mut device = clinic.socket("box1").plug().unwrap();
    let running = clinic.start().await;
    for who in ["a", "b", "c"] {
        running.ticket("1001-1", who, json!({})).await;
    }
    running.until_there("box1").await;
    let mut spoilt = frame(Key::Next, 1);
    spoilt[1] ^= 0x20;
    assert_eq!(ask(&mut device, &spoilt), [AGAIN]);
    assert_eq!(running.in_room("room1").await, [], "what is spoilt does nothing");
    assert_eq!(ask(&mut device, &frame(Key::Next, 1)), [ACK]);
    // The acknowledgement was lost: the box says it again, longer than a contact bounces.
    for _ in 0..2 {
        wait_ms(250);
        assert_eq!(ask(&mut device, &frame(Key::Next, 1)), [ACK]);
    }
    assert_eq!(running.in_room("room1").await, called("1"));
    // Another press of the key within two seconds is one of a hand that pressed twice; after them it is a press.
    assert_eq!(ask(&mut device, &frame(Key::Next, 2)), [NAK]);
    running.until_device("box1", "pressed twice", |told| told["refused"]["code"] == "pressed_twice").await;
    wait_ms(2_100);
    assert_eq!(ask(&mut device, &frame(Key::Next, 3)), [ACK]);
    assert_eq!(running.in_room("room1").await, called("2"));
    let damaged = running.api.get("status").await.unwrap()["devices"]["box1"]["n_damaged"].clone();
    assert!(damaged.as_u64().unwrap() >= 1, "{damaged}");
}

#[rstest]
#[case::seed_1(1)]
#[case::seed_2(2)]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_floods_noise_presses_nothing_and_keeps_nobody_waiting(#[case] seed: u64) {
    let clinic = Clinic::with(FRAMED);
    let mut device = clinic.socket("box1").plug().unwrap();
    let running = clinic.start().await;
    running.ticket("1001-1", "a", json!({})).await;
    running.until_there("box1").await;
    let before = facts(&running).await.len();
    let (mut chance, mut longest) = (Chance::new(seed), Duration::ZERO);
    for _ in 0..100 {
        // No key of the box has its highest bit set, so that no chance makes a frame of this.
        let noise: Vec<u8> = (0..400).map(|_| chance.below(255_u8) | 0x80).collect();
        device.say(&noise).unwrap();
        device.say(&[0x02]).unwrap();
        let asked = Stopwatch::start();
        running.api.get("desk").await.unwrap();
        longest = longest.max(asked.read());
    }
    assert!(longest < Duration::from_secs(2), "the desk waited {longest:?}");
    assert_eq!(running.in_room("room1").await, []);
    assert_eq!(ask(&mut device, &frame(Key::Next, 1)).last(), Some(&ACK), "a true press is heard behind it");
    assert_eq!(running.in_room("room1").await, called("1"));
    assert_eq!(facts(&running).await.len(), before + 1, "noise wrote facts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_is_unplugged_is_told_and_works_again_by_its_own_name_whatever_the_system_calls_it() {
    let clinic = Clinic::with(FRAMED);
    let socket = clinic.socket("box1");
    let running = clinic.start().await;
    let away = |status: &Value| status["troubles"].as_array().unwrap().contains(&json!("device_away"));
    running.until("status", "away from the beginning", away).await;
    running.ticket("1001-1", "a", json!({})).await;
    for _ in 0..2 {
        let device = socket.plug().unwrap();
        running.until("status", "there", |status| !away(status)).await;
        drop(device);
        running.until("status", "away", away).await;
    }
    let mut device = socket.plug().unwrap();
    let (plugged, mut nth) = (Stopwatch::start(), 0);
    running.until_there("box1").await;
    assert!(plugged.read() < Duration::from_secs(2), "back after {:?}", plugged.read());
    nth += 1;
    assert_eq!(ask(&mut device, &frame(Key::Next, nth)), [ACK]);
    assert_eq!(running.in_room("room1").await, called("1"));
    assert_eq!(found(&running).await, "device_ok");
    drop(device);
    running.until("status", "away at the end", away).await;
    assert_eq!(found(&running).await, "device_away");
}

/// What the doctor finds of the box.
async fn found(running: &Running) -> String {
    let report = running.api.get("health").await.unwrap();
    let findings = report["findings"].as_array().unwrap().clone();
    let of_box = findings.into_iter().find(|finding| finding["values"]["device"] == "box1").unwrap();
    assert!(of_box["ja"]["what"].as_str().unwrap().contains("box1"), "{of_box}");
    of_box["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_of_each_device_whether_it_is_there_and_which_room_the_settings_lack() {
    let clinic = Clinic::with(&FRAMED.replace("room1", "room9"));
    let running = clinic.start().await;
    let told = running.daemon.ask(&["check"]).await.unwrap_err().to_string();
    assert!(told.contains("1 of the above to be mended"), "{told}");
    // A press of a box of no room is refused, and nothing else happens.
    let mut device = clinic.socket("box1").plug().unwrap();
    running.until_there("box1").await;
    assert_eq!(ask(&mut device, &frame(Key::Next, 1)), [NAK]);
    running.until_device("box1", "refused", |told| told["refused"]["code"] == "unknown_room").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_of_text_that_bounces_and_gets_stuck_calls_one_patient() {
    let clinic = Clinic::with(&FRAMED.replace("framed-box", "text-box"));
    let mut device = clinic.socket("box1").plug().unwrap();
    let running = clinic.start().await;
    for who in ["a", "b"] {
        running.ticket("1001-1", who, json!({})).await;
    }
    running.until_there("box1").await;
    // The contact hangs: it says the same for longer than anybody presses.
    let watch = Stopwatch::start();
    while watch.read() < Duration::from_secs(11) {
        device.say(b"K1\r\n").unwrap();
        wait_ms(100);
    }
    running
        .until("status", "stuck", |status| status["troubles"].as_array().unwrap().contains(&json!("key_stuck")))
        .await;
    assert_eq!(running.in_room("room1").await, called("1"));
    // Its lamp was lit for what was done, and a line that echoes it is not answered.
    assert!(device.heard().starts_with(b"L1\r\n"));
    let n_heard = device.heard().len();
    device.say(b"L1\r\nL1\r\nK9\r\n").unwrap();
    running.until_device("box1", "counted", |told| told["n_damaged"].as_u64() >= Some(3)).await;
    assert_eq!(device.heard().len(), n_heard);
}
