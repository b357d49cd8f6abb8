//! A hostile client on the clinic's network: it sees nothing and learns nothing, and what it replays fails. Beside it,
//! what paired devices and people signed in may do.

mod clinic;
mod limits;
mod support;

use axum::http::{Method, StatusCode};
use machiai_core::people::{DeviceKind, Role};
use rstest::rstest;
use serde_json::json;

use super::{PAIRING_MS, acts};
use clinic::{Browser, Clinic, PASSWORD, SETTINGS, Told};

/// What a device that is not paired may see.
const OPEN: [&str; 6] =
    ["/pair", "/trust", "/trust/machiai-ca.crt", "/assets/style.css", "/assets/call.js", "/call/open?reservation=R001"];

/// Pages, and addresses that are not in the contract or not anywhere.
const PAGES: [&str; 23] = [
    "/",
    "/board",
    "/board?layout=portrait",
    "/desk",
    "/desk?place=room1",
    "/kiosk",
    "/manager",
    "/desk/program",
    "/sign-in",
    "/sign-in/switch",
    "/sign-out",
    "/set-up",
    "/assets/desk.js",
    "/assets/style.css/",
    "/assets/../desk",
    "/assets/%73tyle.css",
    "/fonts/BIZUDPGothic-Regular.ttf",
    "/healthz",
    "/api/v1/openapi.json",
    "/api/v1/nothing",
    "/pair/",
    "/trust/lan-ca.key",
    "//pair",
];

#[tokio::test]
async fn a_device_that_is_not_paired_learns_nothing_on_any_route() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Manager).await;
    let stranger = Browser::lan();
    let expected = stranger.get(&clinic, "/no/such/address").await;
    expected.is_refusal(StatusCode::UNAUTHORIZED, "not_paired");
    let n_facts = clinic.n_facts();
    let mut n_asked = 0;
    for path in clinic.every_path().await.iter().map(String::as_str).chain(PAGES) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            for browser in [&stranger, &Browser { device: Some("ab".repeat(32)), ..Browser::lan() }] {
                let told = browser.ask(&clinic, method.clone(), path, "{}").await;
                assert_eq!(told.plain(&method), expected.plain(&method), "{method} {path}");
                n_asked += 1;
            }
        }
    }
    assert!(n_asked > 500, "{n_asked} requests");
    assert_eq!(clinic.n_facts(), n_facts);
}

#[tokio::test]
async fn whoever_opens_a_page_on_a_device_that_is_not_paired_is_led_to_pairing_whatever_it_was() {
    let clinic = Clinic::open().await;
    let stranger = Browser::lan();
    let expected = stranger.open(&clinic, "/no/such/address").await;
    assert_eq!(expected.status, StatusCode::SEE_OTHER);
    assert_eq!(expected.headers.get("location").unwrap(), "/pair");
    for path in clinic.every_path().await.iter().map(String::as_str).chain(PAGES) {
        let told = stranger.open(&clinic, path).await;
        assert_eq!(told.plain(&Method::GET), expected.plain(&Method::GET), "{path}");
    }
    // Where pairing is, nobody is led in a circle, and a foreign name is refused all the same.
    assert_eq!(stranger.open(&clinic, "/pair").await.status, StatusCode::OK);
    let rebound = Browser { host: "evil.example", ..Browser::lan() };
    rebound.open(&clinic, "/pair").await.is_refusal(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
    assert_eq!(Browser::at_the_box().open(&clinic, "/desk").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_a_device_that_is_not_paired_may_see_says_nothing_of_the_clinic() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Manager).await;
    for path in OPEN {
        let told = Browser::lan().get(&clinic, path).await;
        assert_eq!(told.status, StatusCode::OK, "{path}");
        for secret in ["1001", "待合内科", "内科", "room1", "診察室", "sato", "佐藤"] {
            // The authority's certificate names its site: a tablet's list of certificates must tell clinics apart.
            let is_named = path.ends_with(".crt") && secret == "1001";
            assert!(is_named || !told.text.contains(secret), "{path} tells {secret}");
        }
    }
    let told = Browser::lan().get(&clinic, "/trust").await;
    assert!(told.text.contains(&clinic.app.access.lan.get().unwrap().authority().fingerprint()));
}

#[tokio::test]
async fn a_stranger_who_comes_by_another_name_learns_no_more() {
    let clinic = Clinic::open().await;
    let expected = Browser::lan().get(&clinic, "/desk").await;
    let rebound = Browser { host: "evil.example", ..Browser::lan() };
    assert_eq!(rebound.get(&clinic, "/desk").await.plain(&Method::GET), expected.plain(&Method::GET));
    rebound.get(&clinic, "/pair").await.is_refusal(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
}

#[tokio::test]
async fn every_wrong_name_password_and_pin_gets_the_same_answer() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    clinic.staff_without_password("ito").await;
    let wrong = [("sato", "wrong-password-1"), ("nobody", PASSWORD), ("ito", PASSWORD), ("", ""), ("佐藤 <&\">", "x")];
    let mut answers = Vec::new();
    for (nth, (staff, password)) in wrong.iter().enumerate() {
        // A desk each, so that none has to wait.
        let desk = clinic.paired(DeviceKind::Desk, &format!("reception/{nth}")).await;
        answers.push(desk.form(&clinic, "/sign-in", &[("staff", staff), ("password", password)]).await);
        answers.push(desk.form(&clinic, "/sign-in/switch", &[("staff", staff), ("pin", "1357")]).await);
    }
    for told in &answers {
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{}", told.text);
        assert_eq!(told.plain(&Method::POST), answers[0].plain(&Method::POST));
        assert!(told.cookies.is_empty());
    }
}

#[tokio::test]
async fn whoever_tries_too_often_waits_even_with_the_right_password() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let desk = clinic.paired(DeviceKind::Desk, "room1").await;
    let other = clinic.paired(DeviceKind::Desk, "room2").await;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&StatusCode::TOO_MANY_REQUESTS) && statuses.len() < 20 {
        statuses.push(desk.form(&clinic, "/sign-in", &[("staff", "sato"), ("password", "wrong")]).await.status);
    }
    assert_eq!(statuses.pop(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(statuses.len() >= 4 && statuses.iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    for waiting in [&desk, &other] {
        let told = waiting.form(&clinic, "/sign-in", &[("staff", "sato"), ("password", PASSWORD)]).await;
        assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS, "{}", told.text);
    }
}

#[tokio::test]
async fn a_cookie_replayed_after_the_end_everywhere_fails() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    clinic.staff("mori", Role::Manager).await;
    let desk = clinic.signed_in("room1", "sato").await;
    let manager = clinic.signed_in("reception", "mori").await;
    assert_eq!(desk.press(&clinic, "rooms/room1/call", json!({})).await.status, StatusCode::OK);
    desk.press(&clinic, "sign-ins/end", json!({})).await.is_refusal(StatusCode::FORBIDDEN, "manager_only");
    assert_eq!(manager.press(&clinic, "sign-ins/end", json!({})).await.status, StatusCode::OK);
    for replayed in [&desk, &manager] {
        let told = replayed.press(&clinic, "rooms/room2/call", json!({})).await;
        told.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    }
    let told = desk.form(&clinic, "/sign-in/switch", &[("staff", "sato"), ("pin", "2468")]).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED, "a PIN outlived the end");
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_after_signing_out_on_another_device_or_after_the_person_left() {
    let clinic = Clinic::open().await;
    for (staff, role) in [("sato", Role::Nurse), ("ito", Role::Nurse), ("mori", Role::Manager)] {
        clinic.staff(staff, role).await;
    }
    let sato = clinic.signed_in("room1", "sato").await;
    let elsewhere = clinic.paired(DeviceKind::Desk, "room2").await;
    let stolen = Browser { person: sato.person.clone(), ..elsewhere };
    let expected = stolen.press(&clinic, "rooms/room1/call", json!({})).await;
    expected.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    let at_the_box = Browser { person: sato.person.clone(), ..Browser::at_the_box() };
    assert!(at_the_box.get(&clinic, "/api/v1/me").await.body["person"].is_null());

    assert_eq!(sato.form(&clinic, "/sign-out", &[]).await.status, StatusCode::SEE_OTHER);
    sato.press(&clinic, "rooms/room1/call", json!({})).await.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");

    let ito = clinic.signed_in("room1", "ito").await;
    let manager = clinic.signed_in("reception", "mori").await;
    assert_eq!(manager.press(&clinic, "staff/ito/remove", json!({})).await.status, StatusCode::OK);
    ito.press(&clinic, "rooms/room1/call", json!({})).await.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
}

#[tokio::test]
async fn a_sign_in_lasts_through_a_restart_and_until_the_business_day_ends() {
    let mut clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let desk = clinic.signed_in("room1", "sato").await;
    clinic = clinic.again("2026-11-25T03:59:00+09:00").await;
    assert_eq!(desk.get(&clinic, "/api/v1/me").await.body["person"]["staff"], "sato");
    clinic = clinic.again("2026-11-25T04:01:00+09:00").await;
    let me = desk.get(&clinic, "/api/v1/me").await;
    assert_eq!((&me.body["person"], &me.body["counter"]), (&json!(null), &json!("room1")), "the device stays paired");
    let told = desk.form(&clinic, "/sign-in/switch", &[("staff", "sato"), ("pin", "2468")]).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED, "yesterday's PIN");
}

#[tokio::test]
async fn a_code_that_is_wrong_used_or_late_gets_one_answer() {
    let clinic = Clinic::open().await;
    let stranger = Browser::lan();
    let unopened = stranger.form(&clinic, "/pair", &[("code", "ABCD-EFGH-JKLM")]).await;
    assert_eq!(unopened.status, StatusCode::UNAUTHORIZED);
    let (code, _) = acts::open_pairing(&clinic.app, DeviceKind::Desk, &"room1".parse().unwrap()).unwrap();
    let wrong = stranger.form(&clinic, "/pair", &[("code", "ABCD-EFGH-JKLM")]).await;
    let right = stranger.form(&clinic, "/pair", &[("code", &code.to_lowercase())]).await;
    assert_eq!((right.status, right.cookies.len()), (StatusCode::SEE_OTHER, 1), "{}", right.text);
    let used = stranger.form(&clinic, "/pair", &[("code", &code)]).await;
    for told in [&wrong, &used] {
        assert_eq!(told.plain(&Method::POST), unopened.plain(&Method::POST));
    }
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_whatever_others_try() {
    let clinic = Clinic::open().await;
    let place = "room1".parse().unwrap();
    let now = clinic.app.gate.clock.now().0;
    for (late_ms, n_wrong, is_taken) in [(0, 50, true), (PAIRING_MS - 60_000, 0, true), (PAIRING_MS + 60_000, 0, false)]
    {
        let (code, _) = acts::open_pairing(&clinic.app, DeviceKind::Desk, &place).unwrap();
        for _ in 0..n_wrong {
            assert!(acts::claim(&clinic.app, "ABCD-EFGH-JKLM", now).is_none());
        }
        let claimed = acts::claim(&clinic.app, &code, now.plus_ms(late_ms));
        assert_eq!(claimed.is_some(), is_taken, "{late_ms} ms late after {n_wrong} wrong tries");
    }
}

#[tokio::test]
async fn a_new_tablet_takes_the_place_and_the_old_one_is_a_stranger() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let old = clinic.signed_in("room1", "sato").await;
    let board = clinic.paired(DeviceKind::Board, "hall").await;
    let mut stream = board.stream(&clinic, "/api/v1/board/events").await;
    assert!(stream.next().await.is_some_and(|first| first.contains("event: board")));
    let new = clinic.paired(DeviceKind::Desk, "room1").await;
    while stream.next().await.is_some() {}
    let strangers = Browser::lan().get(&clinic, "/desk").await;
    assert_eq!(old.get(&clinic, "/desk").await.plain(&Method::GET), strangers.plain(&Method::GET));
    let with_old_person = Browser { person: old.person.clone(), ..new };
    let told = with_old_person.press(&clinic, "rooms/room1/call", json!({})).await;
    told.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    assert_eq!(board.get(&clinic, "/board").await.status, StatusCode::OK);
    assert_eq!(clinic.app.gate.read(|clinic| clinic.standing.devices.len()), 2);
}

#[tokio::test]
async fn an_unpaired_device_is_a_stranger_at_once() {
    let clinic = Clinic::open().await;
    clinic.staff("mori", Role::Manager).await;
    let manager = clinic.signed_in("reception", "mori").await;
    let board = clinic.paired(DeviceKind::Board, "hall").await;
    let mut stream = board.stream(&clinic, "/api/v1/board/events").await;
    let told = manager.press(&clinic, "devices/unpair", json!({"device": "board/hall"})).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    while stream.next().await.is_some() {}
    board.get(&clinic, "/board").await.is_refusal(StatusCode::UNAUTHORIZED, "not_paired");
}

#[tokio::test]
async fn on_the_network_the_device_of_a_command_is_the_paired_one_and_the_person_is_stamped() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let desk = clinic.signed_in("room1", "sato").await;
    let lying = Browser { named: Some("desk/room2"), ..desk.clone() };
    assert_eq!(lying.press(&clinic, "rooms/room1/call", json!({})).await.status, StatusCode::OK);
    let by = clinic.newest().head.by;
    assert_eq!((by.device.as_str(), by.person.as_deref()), ("desk/room1", Some("sato")));
    let unnamed = Browser { named: None, ..desk };
    assert_eq!(unnamed.press(&clinic, "rooms/room2/call", json!({})).await.status, StatusCode::OK);
    assert_eq!(clinic.newest().head.by.device.as_str(), "desk/room1");
}

#[tokio::test]
async fn at_the_box_the_header_names_the_device_and_a_person_is_stamped_where_there_is_one() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let mut at_the_box = Browser { named: Some("kiosk/1"), ..Browser::at_the_box() };
    assert_eq!(at_the_box.press(&clinic, "rooms/room1/call", json!({})).await.status, StatusCode::OK);
    let by = clinic.newest().head.by;
    assert_eq!((by.device.as_str(), by.person), ("kiosk/1", None));
    at_the_box.sign_in(&clinic, "sato").await;
    assert_eq!(at_the_box.press(&clinic, "rooms/room2/call", json!({})).await.status, StatusCode::OK);
    let by = clinic.newest().head.by;
    assert_eq!((by.device.as_str(), by.person.as_deref()), ("kiosk/1", Some("sato")));
}

#[rstest]
#[case::a_board_looks(DeviceKind::Board, "/api/v1/board", 200, "")]
#[case::a_board_opens_its_page(DeviceKind::Board, "/board", 200, "")]
#[case::a_board_is_no_desk(DeviceKind::Board, "/api/v1/desk", 403, "not_for_this_device")]
#[case::a_board_is_no_kiosk(DeviceKind::Board, "/kiosk", 403, "not_for_this_device")]
#[case::a_board_learns_of_no_address(DeviceKind::Board, "/nothing", 403, "not_for_this_device")]
#[case::a_kiosk_opens_its_page(DeviceKind::Kiosk, "/kiosk", 200, "")]
#[case::a_kiosk_is_no_desk(DeviceKind::Kiosk, "/desk", 403, "not_for_this_device")]
#[case::a_kiosk_signs_nobody_in(DeviceKind::Kiosk, "/sign-in", 403, "not_for_this_device")]
#[case::a_desk_looks(DeviceKind::Desk, "/api/v1/desk", 200, "")]
#[case::a_desk_looks_at_the_board(DeviceKind::Desk, "/api/v1/board", 200, "")]
#[case::a_desk_signs_in(DeviceKind::Desk, "/sign-in", 200, "")]
#[case::a_desk_alone_lists_no_staff(DeviceKind::Desk, "/api/v1/staff", 401, "sign_in_first")]
#[tokio::test]
async fn what_each_kind_may_see(#[case] kind: DeviceKind, #[case] path: &str, #[case] status: u16, #[case] code: &str) {
    let clinic = Clinic::open().await;
    let told = clinic.paired(kind, "reception").await.get(&clinic, path).await;
    assert_eq!((told.status.as_u16(), told.body["code"].as_str().unwrap_or_default()), (status, code), "{}", told.text);
}

#[tokio::test]
async fn a_kiosk_gives_a_number_to_whoever_stands_before_it_and_reads_no_names() {
    let clinic = Clinic::open().await;
    let kiosk = clinic.paired(DeviceKind::Kiosk, "entrance").await;
    let told = kiosk.press(&clinic, "lines/1001-1/tickets", json!({"name": "山田", "channel": "kiosk"})).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    assert_eq!(clinic.newest().head.by.device.as_str(), "kiosk/entrance");
    let found = kiosk.get(&clinic, "/api/v1/visits?label=1").await;
    assert_eq!((found.status, &found.body["personal"]), (StatusCode::OK, &json!(null)), "{}", found.text);
    for staffs in
        [json!({"channel": "desk"}), json!({"interrupt": true}), json!({"channel": "booked", "booked_for_ms": 0})]
    {
        let told = kiosk.press(&clinic, "lines/1001-1/tickets", staffs).await;
        told.is_refusal(StatusCode::FORBIDDEN, "not_for_this_device");
    }
    let visit = found.body["visit"].as_str().unwrap();
    let told = kiosk.press(&clinic, &format!("visits/{visit}/cancel"), json!({"reason": "patient"})).await;
    told.is_refusal(StatusCode::FORBIDDEN, "not_for_this_device");
}

#[tokio::test]
async fn a_name_is_read_by_a_person_and_not_by_a_desk_left_alone() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Reception).await;
    let mut desk = clinic.paired(DeviceKind::Desk, "reception").await;
    let told = desk.press(&clinic, "lines/1001-1/tickets", json!({"channel": "desk", "name": "山田"})).await;
    told.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    desk.sign_in(&clinic, "sato").await;
    let told = desk.press(&clinic, "lines/1001-1/tickets", json!({"channel": "desk", "name": "山田"})).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    assert_eq!(desk.get(&clinic, "/api/v1/visits?label=1").await.body["personal"]["name"], "山田");
    let alone = Browser { person: None, ..desk };
    assert!(alone.get(&clinic, "/api/v1/visits?label=1").await.body["personal"].is_null());
}

#[tokio::test]
async fn settings_staff_and_devices_are_a_managers() {
    let clinic = Clinic::open().await;
    let roles = [("sato", Role::Reception), ("ito", Role::Nurse), ("abe", Role::Doctor), ("mori", Role::Manager)];
    let settings: serde_json::Value = serde_json::from_str(SETTINGS).unwrap();
    let asks = [
        ("settings", settings),
        ("staff", json!({"staff": "new", "name": "新人", "role": "nurse", "password": PASSWORD})),
        ("devices/pair", json!({"kind": "board", "place": "hall"})),
    ];
    for (staff, role) in roles {
        clinic.staff(staff, role).await;
        let desk = clinic.signed_in("room1", staff).await;
        for (path, body) in &asks {
            let told = desk.press(&clinic, path, body.clone()).await;
            match role {
                Role::Manager => assert_eq!(told.status, StatusCode::OK, "{path}: {}", told.text),
                Role::Reception | Role::Nurse | Role::Doctor => told.is_refusal(StatusCode::FORBIDDEN, "manager_only"),
            }
        }
    }
    assert_eq!(clinic.newest().head.by.person.as_deref(), Some("mori"));
}

#[tokio::test]
async fn a_page_left_open_at_the_box_makes_no_managers() {
    let clinic = Clinic::open().await;
    let body = json!({"staff": "eve", "name": "Eve", "role": "manager", "password": PASSWORD});
    let told = Browser::at_the_box().press(&clinic, "staff", body.clone()).await;
    told.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    clinic.staff("mori", Role::Manager).await;
    let mut manager = Browser::at_the_box();
    manager.sign_in(&clinic, "mori").await;
    assert_eq!(manager.press(&clinic, "staff", body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_sites_page_can_do_nothing_with_a_tablets_cookies() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let desk = clinic.signed_in("room1", "sato").await;
    let n_facts = clinic.n_facts();
    for origin in [None, Some("https://evil.example"), Some("http://127.0.0.1:8443"), Some("null")] {
        let told = Browser { origin, ..desk.clone() }.press(&clinic, "rooms/room1/call", json!({})).await;
        told.is_refusal(StatusCode::FORBIDDEN, "foreign_origin");
    }
    for site in ["cross-site", "same-site"] {
        let told = Browser { site: Some(site), ..desk.clone() }.press(&clinic, "rooms/room1/call", json!({})).await;
        told.is_refusal(StatusCode::FORBIDDEN, "foreign_origin");
    }
    let rebound = Browser { host: "evil.example", origin: Some("https://evil.example"), ..desk.clone() };
    rebound.get(&clinic, "/api/v1/desk").await.is_refusal(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
    assert_eq!(clinic.n_facts(), n_facts);
    let by_name = Browser { host: "machiai.local:8443", origin: Some("https://machiai.local:8443"), ..desk };
    assert_eq!(by_name.press(&clinic, "rooms/room1/call", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_set_up_code_makes_one_manager_and_is_used_up() {
    let clinic = Clinic::open().await;
    let desk = clinic.paired(DeviceKind::Desk, "reception").await;
    let set_up = async |code: &str, password: &str| {
        let form = [("code", code), ("staff", "mori"), ("name", "森"), ("password", password)];
        desk.form(&clinic, "/set-up", &form).await
    };
    let none = set_up("ABCD-EFGH-JKLM", PASSWORD).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED, "there is no code before one is drawn");
    let code = super::setup::code_or_new(&clinic.app.access.state).unwrap();
    assert_eq!(set_up("ABCD-EFGH-JKLM", PASSWORD).await.plain(&Method::POST), none.plain(&Method::POST));
    assert_eq!(set_up(&code, "password").await.status, StatusCode::UNPROCESSABLE_ENTITY, "a weak password");
    assert_eq!(set_up(&code, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert!(!acts::lacks_manager(&clinic.app));
    assert_eq!(set_up(&code, PASSWORD).await.status, StatusCode::UNAUTHORIZED, "a used code");
    let manager = clinic.signed_in("room1", "mori").await;
    assert_eq!(manager.get(&clinic, "/api/v1/me").await.body["person"]["role"], "manager");
}

#[tokio::test]
async fn a_manager_who_forgot_the_password_is_helped_by_whoever_owns_the_box() {
    let clinic = Clinic::open().await;
    clinic.staff("mori", Role::Manager).await;
    let desk = clinic.signed_in("reception", "mori").await;
    let is_offered = async || {
        let page = desk.get(&clinic, "/sign-in").await.text;
        !page.contains("<section hidden>\n<h2>管理者をつくる")
    };
    assert!(!is_offered().await, "there is a manager and no code");
    let code = super::setup::code_or_new(&clinic.app.access.state).unwrap();
    assert!(is_offered().await);
    let form = [("code", code.as_str()), ("staff", "mori"), ("name", "森"), ("password", "tsubaki-2027!")];
    assert_eq!(desk.form(&clinic, "/set-up", &form).await.status, StatusCode::SEE_OTHER);
    assert!(desk.get(&clinic, "/api/v1/me").await.body["person"].is_null(), "a sign-in outlived its password");
    let with_old = desk.form(&clinic, "/sign-in", &[("staff", "mori"), ("password", PASSWORD)]).await;
    let with_new = desk.form(&clinic, "/sign-in", &[("staff", "mori"), ("password", "tsubaki-2027!")]).await;
    assert_eq!((with_old.status, with_new.status), (StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER));
}

#[tokio::test]
async fn people_switch_by_a_pin_that_is_good_on_their_own_device_alone() {
    let clinic = Clinic::open().await;
    for staff in ["sato", "ito"] {
        clinic.staff(staff, Role::Nurse).await;
    }
    let sato = clinic.signed_in("room1", "sato").await;
    let mut desk = Browser { person: None, ..sato.clone() };
    desk.sign_in(&clinic, "ito").await;
    let page = desk.get(&clinic, "/sign-in").await;
    assert!(page.text.contains("value=\"sato\"") && page.text.contains("value=\"ito\""), "{}", page.text);
    let mut told = desk.form(&clinic, "/sign-in/switch", &[("staff", "sato"), ("pin", "2468")]).await;
    assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.text);
    let kinds: Vec<String> = clinic.facts().iter().rev().take(2).map(|fact| fact.fact.kind().to_owned()).collect();
    assert_eq!(kinds, ["SignedIn", "SignedOut"]);
    let switched = Browser { person: told.cookies.pop(), ..desk.clone() };
    assert_eq!(switched.get(&clinic, "/api/v1/me").await.body["person"]["staff"], "sato");
    desk.press(&clinic, "rooms/room1/call", json!({})).await.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    let elsewhere = clinic.paired(DeviceKind::Desk, "room2").await;
    let told = elsewhere.form(&clinic, "/sign-in/switch", &[("staff", "sato"), ("pin", "2468")]).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_pin_missed_five_times_is_worth_nothing_until_the_next_full_sign_in() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let mut desk = clinic.signed_in("room1", "sato").await;
    clinic.miss_pin("desk/room1", "sato", 5);
    let switch = async |desk: &Browser| {
        desk.form(&clinic, "/sign-in/switch", &[("staff", "sato"), ("pin", "2468")]).await.status
    };
    assert_eq!(switch(&desk).await, StatusCode::UNAUTHORIZED);
    desk.sign_in(&clinic, "sato").await;
    assert_eq!(switch(&desk).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_weak_password_or_pin_is_refused() {
    let clinic = Clinic::open().await;
    clinic.staff("mori", Role::Manager).await;
    let mut manager = clinic.paired(DeviceKind::Desk, "reception").await;
    let form = [("staff", "mori"), ("password", PASSWORD), ("pin", "0000")];
    assert_eq!(manager.form(&clinic, "/sign-in", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    manager.sign_in(&clinic, "mori").await;
    let body = json!({"staff": "sato", "name": "佐藤", "role": "nurse", "password": "password1"});
    manager.press(&clinic, "staff", body).await.is_refusal(StatusCode::UNPROCESSABLE_ENTITY, "weak_password");
}

#[tokio::test]
async fn no_password_pin_code_or_token_stands_in_a_fact_or_in_clear_among_the_secrets() {
    let clinic = Clinic::open().await;
    clinic.staff("sato", Role::Nurse).await;
    let desk = clinic.signed_in("room1", "sato").await;
    let tokens = [desk.device.clone().unwrap(), desk.person.clone().unwrap()];
    let digests = tokens.each_ref().map(|token| blake3::hash(token.as_bytes()).to_hex().to_string());
    for fact in clinic.lines() {
        for secret in [PASSWORD, "2468"].into_iter().chain(tokens.iter().chain(&digests).map(String::as_str)) {
            assert!(!fact.contains(secret), "{fact}");
        }
        // The digest of a body with a password in it could be used to guess that password.
        assert!(!fact.contains("Staff") && !fact.contains("Sign") || !fact.contains("\"cmd\""), "{fact}");
    }
    for purpose in ["password", "device", "sign-in", "pin"] {
        let kept = clinic.app.gate.secrets_for(purpose).unwrap();
        assert_eq!(kept.len(), 1, "{purpose}");
        let value = String::from_utf8_lossy(&kept[0].1).into_owned();
        assert!(!value.contains(PASSWORD) && !tokens.iter().any(|token| value.contains(token)), "{purpose}: {value}");
    }
}

#[tokio::test]
async fn hostile_names_on_the_sign_in_page_are_text() {
    let clinic = Clinic::open().await;
    let name = "<script>&\"'{work}";
    clinic.staff_named("eve", name, Role::Nurse).await;
    let desk = clinic.signed_in("room1", "eve").await;
    let page = desk.get(&clinic, "/sign-in").await;
    assert!(!page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains("&lt;script&gt;&amp;&quot;&#39;{work}"), "{}", page.text);
}

#[tokio::test]
async fn a_form_or_body_with_anything_unknown_is_refused_without_repeating_it() {
    let clinic = Clinic::open().await;
    clinic.staff("mori", Role::Manager).await;
    let manager = clinic.signed_in("room1", "mori").await;
    let unknown = |told: Told| {
        told.is_refusal(StatusCode::UNPROCESSABLE_ENTITY, "body_not_understood");
        assert!(!told.text.contains("hush"), "{}", told.text);
    };
    unknown(manager.form(&clinic, "/sign-in", &[("staff", "mori"), ("password", "hush"), ("admin", "1")]).await);
    unknown(manager.form(&clinic, "/sign-in", &[("password", "hush")]).await);
    let body = json!({"staff": "x", "name": "x", "role": "nurse", "password": "hush", "admin": true});
    unknown(manager.press(&clinic, "staff", body).await);
    unknown(manager.press(&clinic, "staff", json!("hush")).await);
    let huge = "x".repeat(20_000);
    let told = manager.press(&clinic, "staff", json!({"staff": huge})).await;
    told.is_refusal(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
}

#[tokio::test]
async fn a_place_that_there_is_not_is_refused_before_a_code_is_given() {
    let clinic = Clinic::open().await;
    let told = Browser::at_the_box().press(&clinic, "devices/pair", json!({"kind": "desk", "place": "cellar"})).await;
    told.is_refusal(StatusCode::NOT_FOUND, "unknown_room");
    let told = Browser::at_the_box().press(&clinic, "devices/pair", json!({"kind": "desk", "place": "room1/2"})).await;
    assert_eq!(told.body["device"], "desk/room1/2");
    assert!(
        told.body["addresses"].as_array().unwrap().contains(&json!("https://machiai.local:8443/pair")),
        "{}",
        told.text
    );
}
