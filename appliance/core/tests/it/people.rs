//! Staff, paired devices and sign-ins: facts that stand, and acts that carry a person's name.

use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::people::{DeviceKind, Means, Role, Staff};
use rstest::rstest;

use crate::play::Play;

/// Returns what stands of staff and devices, as one line.
fn stands(play: &Play) -> String {
    let staff = play.clinic.standing.staff.values().map(|staff| format!("{}:{}", staff.staff, staff.role.as_str()));
    let devices = play.clinic.standing.devices.values().map(|device| format!("{}@{}", device.device, device.counter()));
    staff.chain(devices).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case::staff_come_and_change(&["staff sato nurse", "staff sato doctor"], "sato:doctor")]
#[case::staff_leave(&["staff sato nurse", "leave sato"], "")]
#[case::a_second_manager_lets_the_first_go(&["staff sato manager", "staff ito manager", "leave sato"], "ito:manager")]
#[case::a_manager_may_be_renamed(&["staff sato manager", "staff sato manager name=伊藤"], "sato:manager")]
#[case::a_new_tablet_takes_a_place_over(&["pair desk room1", "pair desk room1"], "desk/room1@room1")]
#[case::two_tablets_in_a_room(&["pair desk room1", "pair desk room1/2"], "desk/room1@room1 desk/room1/2@room1")]
#[case::reception_is_no_room(&["pair desk reception"], "desk/reception@reception")]
#[case::a_kiosk_stands_anywhere(&["pair kiosk entrance", "pair board hall"], "board/hall@hall kiosk/entrance@entrance")]
#[case::a_device_is_let_go(&["pair board hall", "unpair board/hall"], "")]
#[case::sign_ins_change_nothing_that_stands(
    &["staff sato nurse", "sign_in sato", "sign_out sato", "end_sign_ins"],
    "sato:nurse"
)]
fn what_stands(#[case] steps: &[&str], #[case] expected: &str) {
    assert_eq!(stands(&Play::new().run(steps)), expected);
}

#[rstest]
#[case::nobody("", "bad_value")]
#[case::blanks("  ", "bad_value")]
#[case::a_line_break("佐\n藤", "bad_value")]
#[case::twenty_one_characters("あいうえおかきくけこさしすせそたちつてとな", "too_long")]
fn a_name_fits_a_desks_bar(#[case] name: &str, #[case] code: &str) {
    let mut play = Play::new();
    let staff = Staff { staff: "sato".parse().unwrap(), name: name.to_string(), role: Role::Nurse };
    let refusal = play.ask("desk", &Command::SetStaff { staff }).unwrap_err();
    assert_eq!(refusal.code.as_str(), code);
}

#[test]
fn a_place_too_long_for_a_devices_name_is_refused() {
    let place = "x".repeat(40).parse().unwrap();
    let refusal = Play::new().ask("desk", &Command::Pair { kind: DeviceKind::Kiosk, place }).unwrap_err();
    assert_eq!(refusal.code.as_str(), "bad_value");
}

#[test]
fn whoever_signs_in_at_a_device_signs_the_one_before_out() {
    let mut play = Play::new().run(&["staff sato nurse", "staff ito doctor"]);
    let kinds = |facts: Vec<Fact>| facts.iter().map(|fact| fact.kind().to_string()).collect::<Vec<_>>();
    let mut sign_in = |staff: &str, before: Option<&str>| {
        let command = Command::SignIn {
            staff: staff.parse().unwrap(),
            means: Means::Pin,
            before: before.map(|before| before.parse().unwrap()),
        };
        kinds(play.ask("desk/room1", &command).unwrap())
    };
    assert_eq!(sign_in("sato", None), ["SignedIn"]);
    assert_eq!(sign_in("ito", Some("sato")), ["SignedOut", "SignedIn"]);
    assert_eq!(sign_in("ito", Some("ito")), ["SignedIn"], "the same person again");
}

#[test]
fn staff_and_devices_do_not_come_in_with_settings() {
    let mut play = Play::new().run(&["staff sato nurse", "pair board hall"]);
    let facts: Vec<Fact> = play.written.iter().rev().take(2).map(|envelope| envelope.fact.clone()).collect();
    for fact in facts {
        let refusal = play.ask("desk", &Command::ChangeSettings { facts: vec![fact], basis: Basis::Any }).unwrap_err();
        assert_eq!(refusal.code.as_str(), "bad_value");
    }
}

#[test]
fn a_refusal_names_the_person_who_was_quicker() {
    let mut play = Play::new().run(&["staff sato doctor name=佐藤", "8:30 open 1 morning", "take 1"]);
    play.person = Some("sato".to_string());
    play.step("call room1 @desk/room1");
    play.person = None;
    let refusal = play.refused("call room1 now= @desk/reception");
    assert_eq!((refusal.code.as_str(), refusal.values["who"].as_str()), ("screen_was_old", "佐藤"));
}
