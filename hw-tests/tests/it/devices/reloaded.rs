//! Devices that the configuration comes to name while the daemon runs.

use machiai::devices::protocol::Picture;

use super::*;

const ONE: &str = r#"
[[devices.displays]]
name = "number1"
path = "{folder}/number1"
protocol = "four-digits"
room = "room1"
"#;

const OTHERS: &str = r#"
[[devices.displays]]
name = "number2"
path = "{folder}/number1"
protocol = "four-digits"
line = 2

[[devices.keypads]]
name = "keypad1"
path = "{folder}/nowhere"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_taken_on_and_let_go_without_a_restart_and_a_bad_file_changes_nothing() {
    let clinic = Clinic::with(ONE);
    let device = clinic.socket("number1").plug().unwrap();
    let running = clinic.start().await;
    running.until_there("number1").await;
    running.ticket("1001-1", "a", json!({})).await;
    running.ticket("1001-2", "b", json!({})).await;
    running.press("rooms/room1/call", json!({})).await;
    let shows = |picture: Picture| {
        let wanted = protocol("four-digits").shown(&picture).unwrap();
        device.wait(WITHIN, |heard| heard.ends_with(&wanted)).unwrap_or_else(|| panic!("never shown: {picture:?}"));
    };
    shows(Picture::Blinking("1".to_owned()));

    // The same display on the same line, for another place; and a keypad that is not there.
    clinic.name(OTHERS);
    running.daemon.reload().unwrap();
    running.until_there("number2").await;
    running.press("rooms/room2/call", json!({})).await;
    shows(Picture::Blinking("001".to_owned()));
    let away = running.until_device("keypad1", "away", |told| told["standing"] == "away").await;
    assert_eq!(away["kind"], "keypad");
    let status = running.api.get("status").await.unwrap();
    assert_eq!(status["devices"]["number1"], Value::Null, "what the configuration does not name any more");

    // One that names a line twice is refused whole.
    clinic.name(&format!("{OTHERS}{ONE}"));
    running.daemon.reload().unwrap();
    let refused = |status: &Value| status["troubles"].to_string().contains("config_refused");
    let status = running.until("status", "a configuration that is refused", refused).await;
    assert_eq!(status["devices"]["number2"]["standing"], "there");
    running.press("rooms/room2/enter", json!({})).await;
    shows(Picture::Steady("001".to_owned()));

    clinic.name("");
    running.daemon.reload().unwrap();
    running.until("status", "no devices", |status| status["devices"] == json!({})).await;
    shows(Picture::Blank);
}
