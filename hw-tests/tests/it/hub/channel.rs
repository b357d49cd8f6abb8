//! A box's journal on real SQLite and the hub on each of its stores, over HTTP: facts' bytes survive every path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use machiai::link::on_this_machine;
use machiai_core::facts::OpenedAfter;
use machiai_core::ids::BootId;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_core::time::AtMs;
use machiai_hub::clock::Clock;
use machiai_hub::hub::Hub as Node;
use machiai_hub::serve::{LONG_POLL_FOR, hub_on_loopback, now_s};
use machiai_hub::store::{Before, Store as HubStore};
use machiai_hub::stream::routes::Streams;
use machiai_journal::open::{Disk, Open};
use machiai_journal::store::Batch;
use machiai_journal::{NewFact, Store};
use machiai_wire::box_side::{Action, Facts, Input, Machine, Most, Who};
use machiai_wire::chain::Hash;
use machiai_wire::http::{self, Answer, Events};
use machiai_wire::run::{Head, Heads};
use machiai_wire::said::{Ask, Came, Failure, Mode};
use rstest::rstest;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Home;

const SITE: SiteId = SiteId(1001);

/// How long the two sides may take to come even.
const EVEN_WITHIN: Duration = Duration::from_secs(20);

fn origin(of: u8) -> Origin {
    Origin::from_bytes([of; 16])
}

/// A fact as a later version might write it: spaces, escapes, numbers and fields that no parser of today would write
/// again as they stand.
fn odd(origin: Origin, seq: u64) -> Vec<u8> {
    let boot = Origin::from_bytes([9; 16]);
    format!(
        r#"{{ "kind":"Sn\u006fwed", "body":{{"depth_mm" : 1.50, "n":12345678901234567890123}},"site":1001,"origin":"{origin}","seq":{seq},"at_ms":{seq},"at_n":0,"boot":"{boot}","mono_ms":0,"clock":"free","by":{{"device":"roof"}}, "later":[1e3,"髙",[]] }}"#
    )
    .into_bytes()
}

/// What a journal holds, as the machine asks for it.
struct Held<'a>(&'a Store, Heads);

impl<'a> Held<'a> {
    fn of(store: &'a Store) -> Self {
        let heads = store.reader().unwrap().heads().unwrap();
        let head = |newest: machiai_journal::reader::Newest| Head { seq: newest.seq, hash: newest.hash };
        Self(store, heads.into_iter().map(|(origin, newest)| (origin, head(newest))).collect())
    }
}

impl Facts for Held<'_> {
    fn heads(&self) -> &Heads {
        &self.1
    }

    fn hash_at(&self, origin: Origin, seq: Seq) -> Option<Hash> {
        let kept = self.lines(origin, Seq(0), Most { lines: usize::MAX, bytes: usize::MAX });
        let first = kept.get(..usize::try_from(seq.0).unwrap())?;
        Some(first.iter().fold(Hash::START, |hash, line| hash.after(line)))
    }

    fn lines(&self, origin: Origin, after: Seq, most: Most) -> Vec<Vec<u8>> {
        let limit = u32::try_from(most.lines).unwrap_or(u32::MAX);
        let kept = self.0.reader().unwrap().facts_of_origin(origin, after, limit).unwrap();
        kept.into_iter().map(|kept| kept.line).collect()
    }
}

/// A box with its journal and its end of the channel.
struct Box {
    store: Store,
    machine: Machine,
    client: reqwest::Client,
    hub: String,
    tell: mpsc::UnboundedSender<Input>,
    told: mpsc::UnboundedReceiver<Input>,
    asked: BTreeMap<u64, tokio::task::AbortHandle>,
    started: Instant,
}

impl Box {
    fn open(folder: &Path, own: Origin, hub: &str) -> Self {
        let about = Open {
            path: folder.join("journal.db"),
            disk: Disk::real(),
            origin: own,
            at: AtMs(1),
            ballast_bytes: 0,
            backups: Vec::new(),
        };
        let store = Store::open(about).unwrap();
        assert!(matches!(store.opened().after, OpenedAfter::Nothing | OpenedAfter::Run));
        let (tell, told) = mpsc::unbounded_channel();
        let machine = Machine::new(Who { site: SITE, own: vec![own], late: BTreeSet::new() });
        let client = on_this_machine().unwrap().build().unwrap();
        let (hub, asked, started) = (hub.to_owned(), BTreeMap::new(), now());
        Self { store, machine, client, hub, tell, told, asked, started }
    }

    fn keep(&mut self, lines: Vec<Vec<u8>>) {
        let facts = lines.into_iter().map(|line| NewFact::received(line, None).unwrap()).collect();
        self.store.append(&Batch { facts, ..Batch::default() }).unwrap();
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let held = Held::of(&self.store);
        let all = Most { lines: usize::MAX, bytes: usize::MAX };
        held.heads().keys().flat_map(|origin| held.lines(*origin, Seq(0), all)).collect()
    }

    /// Goes on until a question about it is answered with yes.
    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let by = now() + EVEN_WITHIN;
        let mut input = Input::Look;
        loop {
            self.step(input);
            if is_so(self) {
                return;
            }
            let wait = Duration::from_millis(self.machine.look_at_ms()).saturating_sub(self.started.elapsed());
            input = tokio::select! {
                told = self.told.recv() => told.unwrap(),
                () = tokio::time::sleep(wait.min(EVEN_WITHIN)) => Input::Look,
            };
            assert!(now() < by, "{:?}", self.machine.told(&Held::of(&self.store)));
        }
    }

    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap();
            for action in self.machine.step((now_ms, 0), &Held::of(&self.store), input) {
                match action {
                    Action::Ask(nth, ask) => self.ask(nth, ask),
                    Action::GiveUp(nth) => drop(self.asked.remove(&nth).map(|task| task.abort())),
                    Action::TakeIn(lines) => {
                        self.keep(lines);
                        inputs.push(Input::Look);
                    }
                }
            }
        }
    }

    fn ask(&mut self, nth: u64, ask: Ask) {
        let request = http::write(SITE, &ask);
        let method = if request.method == "POST" { reqwest::Method::POST } else { reqwest::Method::GET };
        let mut sent = self.client.request(method, format!("http://{}{}", self.hub, request.path)).body(request.body);
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        let tell = self.tell.clone();
        let task = tokio::spawn(async move {
            let input = match carry_out(sent, &ask, |came| drop(tell.send(Input::Came(nth, came)))).await {
                Ok(came) => Input::Came(nth, came),
                Err(failure) => Input::Failed(nth, failure),
            };
            drop(tell.send(input));
        });
        self.asked.insert(nth, task.abort_handle());
    }
}

async fn carry_out(sent: reqwest::RequestBuilder, ask: &Ask, hear: impl Fn(Came)) -> Result<Came, Failure> {
    let mut answered = sent.send().await.map_err(|_cause| Failure::NoLine)?;
    let status = answered.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers: Vec<_> =
        answered.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    if matches!(ask, Ask::Listen(_, Mode::Events)) && status == 200 {
        let mut events = Events::default();
        while let Some(bytes) = answered.chunk().await.map_err(|_cause| Failure::NoLine)? {
            events.take(&bytes)?.into_iter().for_each(&hear);
        }
        return Ok(Came::ListenedOut);
    }
    let body = answered.bytes().await.map_err(|_cause| Failure::NoLine)?;
    http::read(ask, Answer { status, headers: &headers, body: &body })
}

#[expect(clippy::disallowed_methods, reason = "the line between box and hub runs in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A hub on a free port, with one site.
struct Hub {
    address: String,
    streams: Streams,
    stopping: CancellationToken,
}

impl Hub {
    async fn start(home: &Home) -> Self {
        let store = HubStore::open(&home.name()).await.unwrap();
        store.add_site(SITE).await.unwrap();
        let (stopping, (tell, told)) = (CancellationToken::new(), oneshot::channel());
        let streams = Streams::new(store, now_s, LONG_POLL_FOR, stopping.clone());
        let clock = Clock::new(BootId::from_bytes([3; 16]), machiai_hub::serve::reading());
        let (served, stop) = (Node::begin(streams.clone(), clock).await.unwrap(), stopping.clone());
        tokio::spawn(async move {
            let listen = ("127.0.0.1:0".parse().unwrap(), served);
            hub_on_loopback(listen, stop, |address| tell.send(address.to_string()).unwrap()).await.unwrap();
        });
        Self { address: told.await.unwrap(), streams, stopping }
    }

    /// Writes facts of its own.
    async fn write(&self, own: Origin, n_facts: u64) {
        let lines = move |before: Before| (1..=n_facts).map(|nth| odd(own, before.head.seq.0 + nth)).collect();
        assert!(self.streams.write_own(SITE, own, std::boxed::Box::new(lines)).await.unwrap());
    }

    async fn get(&self, path: &str) -> Vec<u8> {
        let client = on_this_machine().unwrap().build().unwrap();
        let got = client.get(format!("http://{}{path}", self.address)).send().await.unwrap();
        assert_eq!(got.status(), 200, "{path}");
        got.bytes().await.unwrap().to_vec()
    }
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test]
async fn facts_keep_their_bytes_from_a_journal_to_the_hub_and_into_another_journal(#[case] cloud: Home) {
    let (here, there) = (folder(), folder());
    let hub = Hub::start(&cloud).await;
    hub.write(origin(200), 3).await;
    let written: Vec<Vec<u8>> = (1..=1_200).map(|seq| odd(origin(1), seq)).collect();
    let mut one = Box::open(here.path(), origin(1), &hub.address);
    one.keep(written.clone());
    let is_even = |one: &Box| one.machine.told(&Held::of(&one.store)).n_pending == 0 && one.lines().len() == 1_203;
    one.until(is_even).await;

    // What is read as one stream is what was written, byte for byte.
    let read = hub.get("/v1/sites/1001/up").await;
    let (first, rest) = written.split_at(1_200);
    assert!(rest.is_empty());
    let joined = machiai_wire::json::join(first.iter().map(Vec::as_slice));
    assert!(
        joined.starts_with(&read[..read.len() - 1]),
        "the stream's first chunk is the beginning of what was written"
    );

    // A new journal comes to the same bytes, those of the hub's own facts too.
    let mut other = Box::open(there.path(), origin(2), &hub.address);
    other.until(|other| other.lines() == one.lines()).await;
    let hashes = |one: &Box| Held::of(&one.store).1;
    assert_eq!(hashes(&one), hashes(&other));

    // What the hub writes is heard on a line that listens.
    hub.write(origin(200), 1).await;
    other.until(|other| other.lines().len() == 1_204).await;
    assert!(other.lines().contains(&odd(origin(200), 4)));
    hub.stopping.cancel();
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test]
async fn facts_in_the_hubs_name_that_it_did_not_write_are_refused_and_all_others_go_on(#[case] cloud: Home) {
    let folder = folder();
    let hub = Hub::start(&cloud).await;
    let forged = |seq: u64| {
        let line = String::from_utf8(odd(origin(5), seq)).unwrap();
        line.replace(r#""device":"roof""#, r#""device":"h\u0075b""#).into_bytes()
    };
    let mut one = Box::open(folder.path(), origin(1), &hub.address);
    one.keep((1..=3).map(|seq| odd(origin(1), seq)).collect());
    one.keep((1..=2).map(forged).collect());
    // Behind the forged ones in the order in which origins are sent.
    one.keep((1..=4).map(|seq| odd(origin(6), seq)).collect());
    one.until(|one| one.machine.told(&Held::of(&one.store)).n_pending == 2).await;
    let told = one.machine.told(&Held::of(&one.store));
    let left_out: Vec<_> = told.diverged.iter().map(|(origin, diverged)| (*origin, diverged.why.as_str())).collect();
    assert_eq!(left_out, [(origin(5), "line 0 says that the hub wrote it, and it did not")]);
    let held = hub.get("/v1/sites/1001/up").await;
    assert_eq!(serde_json::from_slice::<Vec<serde_json::Value>>(&held).unwrap().len(), 7);
    drop(one);

    // What a hub before this one wrote it takes in when it is told to.
    assert!(!hub.streams.store().adopt(SiteId(7), AtMs(i64::MAX)).await.unwrap());
    assert!(hub.streams.store().adopt(SITE, AtMs(i64::MAX)).await.unwrap());
    let mut again = Box::open(folder.path(), origin(2), &hub.address);
    again.until(|one| one.machine.told(&Held::of(&one.store)).n_pending == 0).await;
    hub.stopping.cancel();
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
