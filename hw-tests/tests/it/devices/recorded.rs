//! What was recorded of a device is played to the daemon, and answered as it was then.

use std::io::BufReader;

use machiai::devices::protocol::Key;
use machiai::devices::transcript::{self, Passed, Way};
use machiai_hw_tests::serial::Plugged;

use super::*;

const BOX: &str = r#"
[[devices.buttons]]
name = "box1"
path = "{folder}/box1"
protocol = "framed-box"
room = "room1"
"#;

fn transcript_of(text: &[u8]) -> Vec<Passed> {
    transcript::read(BufReader::new(text)).unwrap()
}

/// A clinic in which two wait, with its box.
async fn with_two(device: &mut Option<Plugged>) -> (Clinic, Running) {
    let clinic = Clinic::with(BOX);
    *device = Some(clinic.socket("box1").plug().unwrap());
    let running = clinic.start().await;
    for who in ["a", "b"] {
        running.ticket("1001-1", who, json!({})).await;
    }
    running.until_there("box1").await;
    (clinic, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_box_calls_goes_on_and_is_answered_as_it_was_recorded() {
    let mut device = None;
    let (_clinic, running) = with_two(&mut device).await;
    let recorded = transcript_of(include_bytes!("../../../data/devices/framed-box.txt"));
    let device = device.as_mut().unwrap();
    assert_eq!(device.play(&recorded, WITHIN).unwrap(), None, "heard {:02x?}", device.heard());
    assert_eq!(running.in_room("room1").await, called("2"));
    // Played to a clinic in which nobody waits it is answered otherwise, so that the comparison means something.
    let went = recorded.iter().filter(|passed| passed.way == Way::Went).count();
    assert!(went >= 4, "{went} answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_record_device_writes_down_is_what_was_said_and_can_be_played() {
    let clinic = Clinic::with("");
    let socket = clinic.socket("other");
    let mut device = socket.plug().unwrap();
    let running = clinic.start().await;
    let out = clinic.path("transcript.txt");
    let (path, file) = (socket.path().to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    let arguments = ["record-device", &path, "--protocol", "framed-box", "--for", "6", "--out", &file];
    let press = |nth: u8| {
        let protocol = protocol("framed-box");
        protocol.frame.around(&protocol.buttons.as_ref().unwrap().word(Key::Next, nth).unwrap())
    };
    let said = async {
        // The recorder throws away what came before it listened: it is said until it answers.
        while !file_has_head(&out) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::task::spawn_blocking(move || {
            for nth in [b'1', b'2'] {
                let before = device.heard().len();
                device.say(&press(nth)).unwrap();
                assert!(device.wait(WITHIN, |heard| heard.len() > before).is_some(), "no answer");
            }
            device
        })
        .await
        .unwrap()
    };
    let (told, device) = tokio::join!(running.daemon.ask(&arguments), said);
    assert!(told.unwrap().contains("times something came"));
    drop(device);
    let recorded = transcript_of(&std::fs::read(&out).unwrap());
    let all = |way: Way| recorded.iter().filter(|it| it.way == way).flat_map(|it| it.bytes.clone()).collect::<Vec<_>>();
    assert_eq!(all(Way::Came), [press(b'1'), press(b'2')].concat());
    assert_eq!(all(Way::Went), [0x06, 0x06]);
    assert!(recorded.windows(2).all(|two| two[0].at_ms <= two[1].at_ms));
    // It overwrites nothing.
    let refused = running.daemon.ask(&arguments).await.unwrap_err().to_string();
    assert!(refused.contains("other"), "{refused}");
}

fn file_has_head(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))
}
