//! Whether the hub lives, is ready and how its sites do, for whoever watches machines: on a listener of its own, in clear.
//!
//! Its labels are fixed words: no clinic, no person.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use machiai_wire::exposition::{MEDIA_TYPE, measure, one, size, truth};
use tokio::time::timeout;

use crate::causes::with_causes;
use crate::operator::{Operators, Tally};
use crate::service::Announced;
use crate::site::seen::Seen;
use crate::store::{Store, StoreError};

/// How long the store may take: whoever watches waits ten seconds, if nobody told it otherwise.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is watched of a node.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) store: Store,
    pub(crate) operators: Operators,
    pub(crate) announced: Announced,
    pub(crate) seen: Seen,
}

/// Returns the routes of whoever watches.
pub(crate) fn routes(watched: Watched) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watched)
}

/// Whether the store answers. A pause is no failure: whoever comes is told until when.
async fn readyz(State(watched): State<Watched>) -> Response {
    match answered(watched.store.service()).await {
        Ok(_) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(watched): State<Watched>) -> Response {
    let tally = answered(watched.operators.tally()).await;
    let mut page = String::new();
    let mut put = |name: &str, help: &str, samples| page.push_str(&measure(name, help, &samples));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    put("hub_build_info", "The program's version.", vec![(vec![("version", version)], 1.0)]);
    put("hub_store_up", "Whether the store answers.", one(truth(tally.is_ok())));
    put("hub_paused", "Whether a pause runs that was announced.", one(truth(watched.announced.pausing().is_some())));
    put("hub_sites_open", "Sites whose boxes listen at this node.", one(size(watched.seen.n_open())));
    let labelled = |name, all: Vec<(&str, usize)>| {
        all.into_iter().map(|(word, n)| (vec![(name, word.to_owned())], size(n))).collect()
    };
    if let Ok(Tally { by_grade, in_trouble }) = tally {
        put("hub_sites", "Sites, by how they do at the worst.", labelled("grade", by_grade));
        put("hub_sites_in_trouble", "Sites in trouble, by what is wrong.", labelled("about", in_trouble));
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], page).into_response()
}

/// Waits for what the store is asked; where it does not say, returns why.
async fn answered<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|cause| with_causes(&cause)),
        Err(_late) => Err("the store has not answered in time".to_owned()),
    }
}
