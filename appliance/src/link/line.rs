//! One question to the hub, over HTTP: what is asked goes out, and what comes back is told as it comes.

use std::error::Error;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use machiai_core::ids::SiteId;
use machiai_wire::http::{self, Answer, Events, MAX_ANSWER_BYTES, Request};
use machiai_wire::said::{Ask, Came, Failure, Mode};
use reqwest::header::HeaderMap;
use rustls::CertificateError;

use super::clients::Clients;
use crate::causes::with_causes;

/// Bodies below this gain nothing by being compressed.
const WORTH_COMPRESSING: usize = 512;

/// The way to a hub.
#[derive(Clone)]
pub struct Line {
    clients: Clients,
    /// The hub's address, without a path.
    hub: String,
    site: SiteId,
    /// Whether something on the way refused a compressed body.
    is_plain: Arc<AtomicBool>,
}

impl Line {
    /// Makes the way to a hub; nothing is sent yet.
    pub(super) fn new((clients, hub): (Clients, &str), site: SiteId) -> Self {
        let hub = hub.trim_end_matches('/').to_owned();
        Self { clients, hub, site, is_plain: Arc::default() }
    }

    /// Makes the way to a hub over one client, whoever that speaks as.
    #[must_use]
    pub fn over(client: reqwest::Client, hub: &str, site: SiteId) -> Self {
        Self::new((Clients::One(client), hub), site)
    }

    /// Asks, and returns what came last; on a line of events, everything before that is told by `hear`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask(&self, ask: &Ask, hear: impl Fn(Came)) -> Result<Came, Failure> {
        let request = http::write(self.site, ask);
        let packed = Some(request.body.as_slice()).filter(|body| body.len() >= WORTH_COMPRESSING);
        let packed = packed.filter(|_| !self.is_plain.load(Ordering::Relaxed)).and_then(gzip);
        let is_packed = packed.is_some();
        let mut answered = self.send(&request, packed).await?;
        if is_packed && answered.status().as_u16() == 415 {
            self.is_plain.store(true, Ordering::Relaxed);
            answered = self.send(&request, None).await?;
        }
        let headers = texts(answered.headers());
        let status = answered.status().as_u16();
        let head = Answer { status, headers: &headers, body: &[] };
        if head.is_hubs()
            && let Some(date) = head.header("date")
        {
            self.clients.heard(date);
        }
        if matches!(ask, Ask::Listen(_, Mode::Events)) && status == 200 && head.is_hubs() {
            let mut events = Events::default();
            while let Some(bytes) = answered.chunk().await.map_err(no_line)? {
                events.take(&bytes)?.into_iter().for_each(&hear);
            }
            return Ok(Came::ListenedOut);
        }
        let mut body = Vec::new();
        while let Some(bytes) = answered.chunk().await.map_err(no_line)? {
            body.extend_from_slice(&bytes);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(Failure::NotTheHub);
            }
        }
        http::read(ask, Answer { body: &body, ..head })
    }

    async fn send(&self, request: &Request, packed: Option<Vec<u8>>) -> Result<reqwest::Response, Failure> {
        let method = if request.method == "POST" { reqwest::Method::POST } else { reqwest::Method::GET };
        let mut sent = self.clients.client()?.request(method, format!("{}{}", self.hub, request.path));
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        sent = match packed {
            Some(packed) => sent.header("content-encoding", "gzip").body(packed),
            None => sent.body(request.body.clone()),
        };
        sent.send().await.map_err(no_line)
    }
}

/// Why a line failed is for the log; the machine does the same whatever it was, but for whoever speaks in the hub's stead:
/// a proxy that opens TLS, or a page to sign in at.
fn no_line(cause: reqwest::Error) -> Failure {
    tracing::debug!(error = %with_causes(&cause), "the hub is not reached");
    if is_somebody_else(&cause) { Failure::NotTheHub } else { Failure::NoLine }
}

/// Whether TLS failed because of who answered.
pub(super) fn is_somebody_else(cause: &(dyn Error + 'static)) -> bool {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    match tls_of(cause) {
        Some(InvalidMessage(_)) => true,
        Some(InvalidCertificate(bad)) => matches!(
            bad,
            CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
        ),
        Some(_) | None => false,
    }
}

/// Returns what TLS said where a line failed because of it; nothing of whose line it is.
pub(crate) fn tls_trouble(cause: &(dyn Error + 'static)) -> Option<String> {
    tls_of(cause).map(ToString::to_string)
}

/// Finds what TLS said among the causes of an error.
pub(super) fn tls_of<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(said) = cause.downcast_ref() {
        return Some(said);
    }
    // What the operating system's error wraps is not among its sources.
    match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => tls_of(wrapped),
        None => tls_of(cause.source()?),
    }
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).ok()
}

/// Returns the headers that are text, by their names in lower case.
pub(super) fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}
