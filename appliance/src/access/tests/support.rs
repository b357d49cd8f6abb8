//! Who may agree to what support orders.

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use machiai_core::command::Command;
use machiai_core::ids::{OrderId, SiteId};
use machiai_core::people::{DeviceKind, Role};
use machiai_core::support::SupportOrdered;
use machiai_core::support::decide::SupportCommand;
use machiai_core::support::order::{Act, Order, Purpose, SIGNED_UNDER};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::clinic::{Browser, Clinic};
use crate::config::Config;

/// Has an operator whom the box knows order something, and returns by what it is answered.
async fn ordered(clinic: &Clinic, nth: u8, act: Act) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = STANDARD.encode(key.public_key().as_ref());
    let text =
        format!("site = 1001\nstate = \"/nowhere\"\n[[support.operators]]\nname = \"山田\"\nkey = \"{public}\"\n");
    clinic.app.follow(&toml::from_str::<Config>(&text).unwrap());
    let now = clinic.app.gate.clock.now().0;
    let order = Order {
        order: OrderId::from_bytes([nth; 16]),
        site: SiteId(1001),
        act,
        purpose: Purpose::Printer,
        why: "紙が出ない".into(),
        not_before_ms: now,
        not_after_ms: now.plus_ms(3_600_000),
    };
    let order = serde_json::to_string(&order).unwrap();
    let signature = STANDARD.encode(key.sign(&[SIGNED_UNDER.as_bytes(), order.as_bytes()].concat()));
    let command = SupportCommand::Order { order: SupportOrdered { order, signature } };
    clinic.app.ask_itself(Command::Support { command }).await.unwrap();
    let shown = Browser::at_the_box().ask(clinic, Method::GET, "/api/v1/support", "").await;
    shown.body[0]["asked"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_is_signed_in_at_a_desk_may_agree_and_a_manager_alone_to_other_settings() {
    let clinic = Clinic::open().await;
    clinic.staff("mori", Role::Manager).await;
    clinic.staff("sato", Role::Reception).await;
    let test_page = ordered(&clinic, 1, Act::TestPage { printer: "kiosk".parse().unwrap() }).await;
    let yes = |asked: &str| format!("support/{asked}/yes");

    Browser::lan().press(&clinic, &yes(&test_page), json!({})).await.is_refusal(StatusCode::UNAUTHORIZED, "not_paired");
    let kiosk = clinic.paired(DeviceKind::Kiosk, "entrance").await;
    kiosk.press(&clinic, &yes(&test_page), json!({})).await.is_refusal(StatusCode::FORBIDDEN, "not_for_this_device");
    let nobody = clinic.paired(DeviceKind::Desk, "room1").await;
    nobody.press(&clinic, &yes(&test_page), json!({})).await.is_refusal(StatusCode::UNAUTHORIZED, "sign_in_first");
    let sato = clinic.signed_in("reception", "sato").await;
    let shown = sato.ask(&clinic, Method::GET, "/api/v1/support", "").await;
    assert_eq!(
        (&shown.body[0]["stands"], &shown.body[0]["ja"]["who"]),
        (&json!("asks"), &json!("サポート担当の 山田"))
    );
    sato.press(&clinic, "support/a-1/yes", json!({})).await.is_refusal(StatusCode::NOT_FOUND, "unknown_order");
    let maybe = format!("support/{test_page}/maybe");
    sato.press(&clinic, &maybe, json!({})).await.is_refusal(StatusCode::NOT_FOUND, "unknown_address");
    let told = sato.press(&clinic, &yes(&test_page), json!({})).await;
    assert_eq!((told.status, &told.body["happened"]), (StatusCode::OK, &json!(["SupportAnswered"])));
    let said = clinic
        .app
        .gate
        .read(|clinic| clinic.support.orders.values().find_map(|ordered| ordered.said.as_ref()?.by.person.clone()));
    assert_eq!(said.as_deref(), Some("sato"), "who agreed stands in the fact");
    sato.press(&clinic, &format!("support/{test_page}/no"), json!({}))
        .await
        .is_refusal(StatusCode::CONFLICT, "order_over");

    let act = Act::UpdateConfiguration {
        printer: "kiosk".parse().unwrap(),
        address: "tcp://192.0.2.7:9100".into(),
        profile: "epson-80".into(),
    };
    let settings = ordered(&clinic, 2, act).await;
    sato.press(&clinic, &yes(&settings), json!({})).await.is_refusal(StatusCode::FORBIDDEN, "manager_only");
    let mori = clinic.signed_in("room2", "mori").await;
    assert_eq!(mori.press(&clinic, &yes(&settings), json!({})).await.status, StatusCode::OK);
    // Whoever is at the desk may take it back.
    let withdrawn = sato.press(&clinic, &format!("support/{settings}/withdrawn"), json!({})).await;
    assert_eq!(withdrawn.status, StatusCode::OK);
}
