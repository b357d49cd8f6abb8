//! A hub that serves over TLS on a clock that the test sets, and boxes that are enrolled there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use machiai::config::Config;
use machiai::link::enrol::{Begins, EnrolError, enrol};
use machiai::link::hub_clock::HubClock;
use machiai::link::identity::Identity;
use machiai::vault::Private;
use machiai_core::ids::{BootId, SiteId};
use machiai_hub::blobs::Blobs;
use machiai_hub::clock::Clock;
use machiai_hub::door::draw_code;
use machiai_hub::door::limits::Limits;
use machiai_hub::hub::Hub;
use machiai_hub::serve::{Desk, LONG_POLL_FOR, Listening, Open, ServeError, reading, sites};
use machiai_hub::store::Store;
use machiai_hub::store::devices::Replaces;
use machiai_hub::stream::routes::Streams;
use machiai_wire::http::{Answer, Request, read, write};
use machiai_wire::said::{Ask, Came, Failure};
use machiai_wire::vector::{Question, VERSION};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Home;

/// When the scenes begin, in seconds since 1970: 2026-09-21.
pub(super) const BEGINS_S: u64 = 1_790_000_000;

/// A day, in seconds.
pub(super) const DAY_S: u64 = 24 * 60 * 60;

pub(super) struct Cloud {
    pub(super) address: String,
    /// Where it listens for everybody else, and for operators.
    pub(super) public: SocketAddr,
    pub(super) desk: SocketAddr,
    /// Where it answers whoever watches machines.
    pub(super) watch: SocketAddr,
    pub(super) store: Store,
    pub(super) blobs: Blobs,
    pub(super) now_s: Arc<AtomicU64>,
    folder: TempDir,
    pub(super) home: Home,
    stopping: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Cloud {
    /// Starts a hub on a free port, with the sites 1001 and 1002.
    pub(super) async fn start(home: Home, limits: Limits) -> Self {
        Self::start_at(([127, 0, 0, 1], Vec::new()), home, limits).await
    }

    /// Starts a hub on a free port of an address, which boxes reach by so many names.
    pub(super) async fn start_at(at: ([u8; 4], Vec<String>), home: Home, limits: Limits) -> Self {
        Self::giving(at, (home, None), limits).await
    }

    /// Starts it with content in a place of the test's own, or in a folder.
    pub(super) async fn giving(
        (ip, names): ([u8; 4], Vec<String>),
        (home, blobs): (Home, Option<Blobs>),
        limits: Limits,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&home.name()).await.unwrap();
        for site in [1001, 1002] {
            assert!(store.add_site(SiteId(site)).await.unwrap());
        }
        let now_s = Arc::new(AtomicU64::new(BEGINS_S));
        let (clock, stopping) = (Arc::clone(&now_s), CancellationToken::new());
        let clock = move || clock.load(Ordering::SeqCst);
        let streams = Streams::new(store.clone(), clock, LONG_POLL_FOR, stopping.clone());
        let (listen, state) = (SocketAddr::from((ip, 0)), folder.path().to_owned());
        let (tell, told) = oneshot::channel();
        let desk = SocketAddr::from(([127, 0, 0, 1], 0));
        let operators = Some(Desk { listen: desk, is_behind_proxy: false });
        let open = Open { listen, public: Some(listen), operators, watch: Some(desk), state, names, limits };
        let hub = Hub::begin(streams, Clock::new(BootId::from_bytes([0x4b; 16]), reading())).await.unwrap();
        let in_folder = || Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
        let blobs = blobs.unwrap_or_else(in_folder);
        let hub = hub.giving(blobs.clone());
        let serving = tokio::spawn(sites(open, hub, stopping.clone(), |at| tell.send(at).unwrap()));
        let Listening { boxes, public, operators, watch } = told.await.unwrap();
        let (address, public, desk) = (boxes.to_string(), public.unwrap(), operators.unwrap());
        let watch = watch.unwrap();
        Self { address, public, desk, watch, store, blobs, now_s, folder, home, stopping, serving }
    }

    /// Draws a code.
    pub(super) async fn code(&self, site: u32, replaces: Replaces) -> String {
        let now_s = self.now_s.load(Ordering::SeqCst);
        let of = (SiteId(site), replaces);
        draw_code((&self.store, self.folder.path()), of, now_s).await.unwrap().to_string()
    }

    /// Enrols a new box of a site.
    pub(super) async fn enrol(&self, site: u32, replaces: Replaces) -> Box {
        let new = Box::new(site, self);
        new.enrol(&self.code(site, replaces).await).await.unwrap();
        new
    }

    /// Lets so many days pass.
    pub(super) fn pass_days(&self, n_days: u64) {
        self.now_s.fetch_add(n_days * DAY_S, Ordering::SeqCst);
    }

    /// The file of its authority's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("hub-ca.crt")
    }

    pub(super) async fn stop(self) {
        self.stopping.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

/// A box whose clock is lost.
pub(super) struct Box {
    pub(super) config: Config,
    pub(super) clock: HubClock,
    folder: TempDir,
}

impl Box {
    pub(super) fn new(site: u32, cloud: &Cloud) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (state, hub) = (folder.path().display(), &cloud.address);
        let config = toml::from_str(&format!("site = {site}\nstate = \"{state}\"\nhub = \"https://{hub}\"")).unwrap();
        Self { config, clock: HubClock::new(|| 0), folder }
    }

    pub(super) fn state(&self) -> &Path {
        self.folder.path()
    }

    pub(super) async fn enrol(&self, code: &str) -> Result<Identity, EnrolError> {
        enrol(&self.config, (code, Begins::AsItIs), &self.clock).await
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::read(&Private::bare(self.state().to_owned())).unwrap().unwrap()
    }

    pub(super) fn client(&self) -> reqwest::Client {
        self.identity().client(&self.clock, None).unwrap()
    }

    /// Asks as a box does that knows that it was replaced.
    pub(super) async fn ask_left(&self, site: u32, ask: Ask) -> Result<Came, Failure> {
        let ask = Ask::Left(std::boxed::Box::new(ask));
        send(&self.client(), &self.config, (&ask, write(SiteId(site), &ask))).await
    }

    /// Asks what each side lacks of a site.
    pub(super) async fn ask(&self, site: u32) -> Result<Came, Failure> {
        let ask = question();
        send(&self.client(), &self.config, (&ask, write(SiteId(site), &ask))).await
    }
}

/// Asks what each side lacks, as a box that holds nothing.
pub(super) fn question() -> Ask {
    Ask::Vector(Question { v: VERSION, open: Vec::new(), closed: Vec::new() })
}

/// Sends a request and reads its answer as a box does.
pub(super) async fn send(
    client: &reqwest::Client,
    config: &Config,
    (ask, request): (&Ask, Request),
) -> Result<Came, Failure> {
    let address = format!("{}{}", config.hub.as_ref().unwrap(), request.path);
    let mut sent = client.request(request.method.parse().unwrap(), address).body(request.body);
    for (name, value) in request.headers {
        sent = sent.header(name, value);
    }
    let answered = sent.send().await.map_err(|_cause| Failure::NoLine)?;
    let (status, headers) = (answered.status().as_u16(), answered.headers().clone());
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = answered.bytes().await.map_err(|_cause| Failure::NoLine)?;
    read(ask, Answer { status, headers: &headers, body: &body })
}
