//! Number displays: what they show is what the facts say, and after a cable was pulled it is nothing old.

use machiai::devices::protocol::Picture;

use super::*;

const DISPLAYS: &str = r#"
[[devices.displays]]
name = "number1"
path = "{folder}/number1"
protocol = "four-digits"
room = "room1"

[[devices.displays]]
name = "number2"
path = "{folder}/number2"
protocol = "four-digits"
line = 2

[[devices.displays]]
name = "number3"
path = "{folder}/number3"
protocol = "four-digits"
room = "room2"
"#;

fn shown(picture: &Picture) -> Vec<u8> {
    protocol("four-digits").shown(picture).unwrap()
}

fn blinking(text: &str) -> Vec<u8> {
    shown(&Picture::Blinking(text.to_owned()))
}

fn steady(text: &str) -> Vec<u8> {
    shown(&Picture::Steady(text.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_shows_who_is_called_and_blank_where_the_number_cannot_be_shown_whole() {
    let clinic = Clinic::with(DISPLAYS);
    let [one, two, three] = ["number1", "number2", "number3"].map(|name| clinic.socket(name).plug().unwrap());
    let running = clinic.start().await;
    for (line, who) in [("1001-1", "a"), ("1001-2", "b")] {
        running.ticket(line, who, json!({})).await;
    }
    let first = one.wait(WITHIN, |heard| !heard.is_empty()).unwrap();
    assert_eq!(first, shown(&Picture::Blank));
    running.press("rooms/room1/call", json!({})).await;
    running.press("rooms/room2/call", json!({})).await;
    assert!(one.wait(WITHIN, |heard| heard.ends_with(&blinking("1"))).is_some());
    assert!(two.wait(WITHIN, |heard| heard.ends_with(&blinking("001"))).is_some(), "{:?}", two.heard());
    running.press("rooms/room1/enter", json!({})).await;
    assert!(one.wait(WITHIN, |heard| heard.ends_with(&steady("1"))).is_some());
    running.press("rooms/room1/finish", json!({})).await;
    assert!(one.wait(WITHIN, |heard| heard.ends_with(&shown(&Picture::Blank))).is_some());
    // B001 beside a room's name is not 001.
    let heard = three.heard();
    let blank = shown(&Picture::Blank);
    assert!(heard.chunks(blank.len()).all(|frame| frame == blank), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_that_was_away_is_told_what_is_true_now_and_is_blank_when_the_box_stops() {
    let clinic = Clinic::with(DISPLAYS);
    let socket = clinic.socket("number1");
    let device = socket.plug().unwrap();
    let mut running = clinic.start().await;
    running.ticket("1001-1", "a", json!({})).await;
    running.ticket("1001-1", "b", json!({})).await;
    running.press("rooms/room1/call", json!({})).await;
    assert!(device.wait(WITHIN, |heard| heard.ends_with(&blinking("1"))).is_some());
    drop(device);
    running.until_device("number1", "away", |told| told["standing"] == "away").await;
    running.press("rooms/room1/finish", json!({})).await;
    let press = Press { device: "scene/other".to_owned(), path: "rooms/room1/call".to_owned(), body: json!({}) };
    assert!(running.api.press(press, "again".to_owned()).await.unwrap().is_done());
    let device = socket.plug().unwrap();
    let first = device.wait(WITHIN, |heard| heard.len() >= blinking("2").len()).unwrap();
    assert_eq!(first, blinking("2"), "it was told something else first");
    // It may have been switched off and on without anybody noticing: it is told again.
    let n = first.len();
    assert!(device.wait(WITHIN, |heard| heard.len() >= 2 * n && heard.ends_with(&blinking("2"))).is_some());
    running.daemon.stop().await.unwrap();
    assert!(device.wait(WITHIN, |heard| heard.ends_with(&shown(&Picture::Blank))).is_some());
}
