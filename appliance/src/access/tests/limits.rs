//! What one address of the network may do, and how often.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse as _;
use machiai_core::people::DeviceKind;
use tower::ServiceExt as _;

use super::super::acts;
use super::super::caller::{Peer, Via};
use super::clinic::Clinic;
use crate::http;

#[tokio::test]
async fn whoever_guesses_codes_waits_and_the_tablet_whose_code_it_is_does_not() {
    let clinic = Clinic::open().await;
    let (code, _) = acts::open_pairing(&clinic.app, DeviceKind::Desk, &"room1".parse().unwrap()).unwrap();
    let [stranger, tablet] = [7, 8].map(|last| Some(Peer([192, 0, 2, last].into())));
    let mut statuses = Vec::new();
    while statuses.last() != Some(&StatusCode::TOO_MANY_REQUESTS) && statuses.len() < 20 {
        statuses.push(acts::pair(&clinic.app, "ABCD-EFGH-JKLM", stranger).await.unwrap_err().into_response().status());
    }
    assert_eq!(statuses.pop(), Some(StatusCode::TOO_MANY_REQUESTS), "it may guess for ever");
    assert!(statuses.iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    let told = acts::pair(&clinic.app, &code, stranger).await.unwrap_err().into_response();
    assert_eq!(told.status(), StatusCode::TOO_MANY_REQUESTS, "what comes too soon is not looked at");
    assert!(acts::pair(&clinic.app, &code, tablet).await.is_ok(), "the stranger keeps the tablet out");
}

#[tokio::test]
async fn an_address_that_asks_without_end_waits_and_nobody_else_does() {
    let clinic = Clinic::open().await;
    let router = http::router(Arc::clone(&clinic.app), Via::Lan);
    let ask = async |last: u8| {
        let mut request = Request::get("/desk").header("host", "127.0.0.1:8443").body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer([192, 0, 2, last].into()));
        router.clone().oneshot(request).await.unwrap()
    };
    let mut n_answered = 0;
    let told = loop {
        let told = ask(7).await;
        if told.status() == StatusCode::TOO_MANY_REQUESTS {
            break told;
        }
        assert_eq!(told.status(), StatusCode::UNAUTHORIZED, "as whoever is not paired");
        n_answered += 1;
        assert!(n_answered < 10_000, "it may ask for ever");
    };
    assert!(n_answered >= 600, "a clinic's tablets behind one router open their pages: {n_answered}");
    let wait: u64 = told.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(told.headers()["content-type"], "application/problem+json");
    assert_eq!(ask(8).await.status(), StatusCode::UNAUTHORIZED, "another address waits as well");
}
