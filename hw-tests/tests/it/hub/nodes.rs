//! Several nodes on one PostgreSQL server: what they append at once, and who hears of it where.

use std::collections::BTreeSet;
use std::time::Duration;

use machiai::link::on_this_machine;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_hub::nodes::{LOOK_EVERY, Nodes};
use machiai_hub::serve::{LONG_POLL_FOR, open_streams};
use machiai_hub::store::{SentBy, Store, StoreError};
use machiai_hub::stream::{Append, Appended, Made, Read, Wanted};
use machiai_hw_tests::servers::nats::Nats;
use machiai_hw_tests::servers::postgres::Postgres;
use machiai_wire::box_side::Most;
use machiai_wire::chain::Hash;
use machiai_wire::hub_side::Judged;
use machiai_wire::offset::{From, Offset};
use machiai_wire::producer::Turn;
use machiai_wire::said::Run;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

const SITE: SiteId = SiteId(1001);
const ALL: Most = Most { lines: usize::MAX, bytes: usize::MAX };

/// Longer than any scene here.
const NEVER: Duration = Duration::from_secs(3_600);

/// How long a wake-up may take: many looks, less than a reader's sign of life.
const WOKEN_WITHIN: Duration = Duration::from_secs(10);

async fn open(server: &Postgres) -> Store {
    Store::open(&server.name("")).await.unwrap()
}

fn text(messages: &[String]) -> Append {
    let messages = messages.iter().map(|message| message.clone().into()).collect();
    Append { content_type: "text/plain".to_owned(), messages, producer: None, stream_seq: None }
}

/// Reads what stands after a place, and the place after that.
async fn read(store: &Store, from: From) -> (Vec<Vec<u8>>, Offset) {
    match store.read("/s", Wanted { from, most_bytes: 2_000 }).await.unwrap() {
        Read::Chunk(chunk) => (chunk.messages, chunk.next),
        other @ (Read::NoStream | Read::Gone) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_append_to_one_stream_at_once_leave_no_hole_and_no_number_twice() {
    const N_WRITERS: u64 = 6;
    const N_APPENDS: u64 = 40;
    let server = Postgres::start().unwrap();
    let nodes = [open(&server).await, open(&server).await];
    assert!(matches!(nodes[0].make("/s", "text/plain", Vec::new()).await.unwrap(), Made::New(_)));
    let mut writers = JoinSet::new();
    for writer in 0..N_WRITERS {
        let node = nodes[usize::from(writer % 2 == 0)].clone();
        writers.spawn(async move {
            let mut tails = BTreeSet::new();
            for nth in 0..N_APPENDS {
                let three = [0, 1, 2].map(|part| format!("{writer} {nth} {part}"));
                let Appended::New(tail) = node.append("/s", text(&three)).await.unwrap() else { panic!() };
                assert!(tails.insert(tail.after));
            }
            tails
        });
    }
    // A reader who goes on while they write passes nothing that comes later.
    let (mut seen, mut from) = (Vec::new(), From::Start);
    let mut tails = BTreeSet::new();
    while !writers.is_empty() {
        while let Some(done) = writers.try_join_next() {
            tails.append(&mut done.unwrap());
        }
        let (mut messages, next) = read(&nodes[0], from).await;
        seen.append(&mut messages);
        from = From::At(next);
    }
    while let (mut messages, next) = read(&nodes[0], from).await
        && !messages.is_empty()
    {
        seen.append(&mut messages);
        from = From::At(next);
    }

    let n_appends = N_WRITERS * N_APPENDS;
    assert_eq!(tails, (1..=n_appends).map(|nth| 3 * nth).collect());
    let appends: Vec<Vec<String>> =
        seen.chunks(3).map(|three| three.iter().map(|one| String::from_utf8(one.clone()).unwrap()).collect()).collect();
    let whole = |three: &Vec<String>| {
        let first = three[0].strip_suffix(" 0").unwrap();
        three[1..] == [format!("{first} 1"), format!("{first} 2")]
    };
    assert!(appends.iter().all(whole), "an append stands in one piece");
    assert_eq!(u64::try_from(appends.iter().collect::<BTreeSet<_>>().len()).unwrap(), n_appends);
}

const ORIGIN: Origin = Origin::from_bytes([7; 16]);

fn line(seq: u64) -> Vec<u8> {
    format!(r#"{{"site":{SITE},"origin":"{ORIGIN}","seq":{seq},"kind":"Any"}}"#).into_bytes()
}

/// Facts of the origin from one number to another, as one append of a session.
fn run((first, last): (u64, u64), epoch: u64) -> Run {
    let lines: Vec<Vec<u8>> = (first..=last).map(line).collect();
    let hash = (1..=last).fold(Hash::START, |hash, seq| hash.after(&line(seq)));
    Run { origin: ORIGIN, turn: Turn { epoch, seq: 0 }, hash, lines }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_append_that_comes_to_two_nodes_at_once_is_kept_once() {
    let server = Postgres::start().unwrap();
    let nodes = [open(&server).await, open(&server).await];
    assert!(nodes[0].add_site(SITE).await.unwrap());
    assert!(!nodes[1].add_site(SITE).await.unwrap());
    for nth in 0..20 {
        let again = || (run((3 * nth + 1, 3 * nth + 3), nth), SentBy::TheBox);
        let judged = tokio::join!(nodes[0].keep(SITE, again()), nodes[1].keep(SITE, again()));
        let judged = [judged.0.unwrap().unwrap(), judged.1.unwrap().unwrap()];
        assert!(
            matches!(judged, [Judged::Keep(_), Judged::Seen(_)] | [Judged::Seen(_), Judged::Keep(_)]),
            "{judged:?}"
        );
    }
    let all: Vec<Vec<u8>> = (1..=60).map(line).collect();
    let after = |seq| nodes[1].facts((SITE, ORIGIN), Seq(seq), ALL);
    assert_eq!(after(0).await.unwrap().unwrap(), all);
    assert_eq!(after(31).await.unwrap().unwrap(), all[31..]);
    let few = nodes[1].facts((SITE, ORIGIN), Seq(5), Most { lines: 4, bytes: usize::MAX }).await.unwrap().unwrap();
    assert_eq!(few, all[5..9]);
    let standing = nodes[1].standing(SITE).await.unwrap().unwrap();
    assert_eq!((standing.heads[&ORIGIN].seq, standing.epoch), (Seq(60), 19));
}

#[tokio::test]
async fn what_was_answered_outlives_the_server_and_the_node_finds_it_again() {
    let mut server = Postgres::start().unwrap();
    let node = open(&server).await;
    node.make("/s", "text/plain", Vec::new()).await.unwrap();
    for nth in 0..5_u64 {
        for part in 0..20_u64 {
            let appended = node.append("/s", text(&[format!("{nth} {part}")])).await.unwrap();
            assert!(matches!(appended, Appended::New(tail) if tail.after == nth * 20 + part + 1), "{appended:?}");
        }
        server.crash().unwrap();
        // A connection of the dead server may be taken for a good one until it is used.
        let found = async { while node.about("/s").await.is_err() {} };
        timeout(WOKEN_WITHIN, found).await.expect("the node does not find the server again");
    }
    assert_eq!(node.about("/s").await.unwrap().unwrap().tail.after, 100);
}

#[tokio::test]
async fn a_server_that_answers_before_its_disk_is_refused() {
    let server = Postgres::start().unwrap();
    let hasty = Store::open(&server.name("options='-c synchronous_commit=off'")).await;
    let told = machiai_hub::causes::with_causes(&hasty.unwrap_err());
    assert!(told.contains("synchronous_commit off"), "{told}");
    assert!(matches!(Store::open("mysql:host=db").await, Err(StoreError::Name)));
}

/// A hub's node with streams open to this machine.
struct Node {
    address: String,
    _stop: DropGuard,
}

impl Node {
    async fn start(server: &Postgres, nodes: Nodes) -> Self {
        let (stopping, (tell, told), store) = (CancellationToken::new(), oneshot::channel(), server.name(""));
        let stop = stopping.clone();
        tokio::spawn(async move {
            let listen = ("127.0.0.1:0".parse().unwrap(), store.as_str());
            let ready = |address: std::net::SocketAddr| tell.send(address.to_string()).unwrap();
            open_streams(listen, (LONG_POLL_FOR, nodes), stop, ready).await.unwrap();
        });
        Self { address: told.await.unwrap(), _stop: stopping.drop_guard() }
    }

    async fn ask(&self, method: reqwest::Method, query: &str, body: &'static str) -> reqwest::Response {
        let client = on_this_machine().unwrap().build().unwrap();
        let asked = client.request(method, format!("http://{}/v1/stream/s{query}", self.address));
        let answered = asked.header("content-type", "text/plain").body(body).send().await.unwrap();
        answered.error_for_status().unwrap()
    }
}

/// Reads events until a word comes.
async fn until(events: &mut reqwest::Response, word: &str) {
    let mut said = String::new();
    while !said.contains(word) {
        let chunk = events.chunk().await.unwrap();
        said.push_str(&String::from_utf8_lossy(&chunk.expect("the events end")));
    }
}

/// Lets a reader wait on one node while another node appends, and waits until the reader hears of it.
async fn reader_is_woken(server: &Postgres, nodes: Nodes, before_it_grows: impl FnOnce()) {
    let here = Node::start(server, nodes.clone()).await;
    let there = Node::start(server, nodes).await;
    there.ask(reqwest::Method::PUT, "", "").await;
    let mut events = here.ask(reqwest::Method::GET, "?offset=-1&live=sse", "").await;
    // From here on the reader waits.
    until(&mut events, "upToDate").await;
    before_it_grows();
    there.ask(reqwest::Method::POST, "", "news").await;
    timeout(WOKEN_WITHIN, until(&mut events, "data:news")).await.expect("nobody woke the reader");
}

#[tokio::test]
async fn a_reader_hears_what_another_node_appends() {
    let server = Postgres::start().unwrap();
    reader_is_woken(&server, Nodes::LOOKING, || {}).await;
}

#[tokio::test]
async fn a_nats_server_wakes_readers_of_other_nodes() {
    let (server, nats) = (Postgres::start().unwrap(), Nats::start().unwrap());
    reader_is_woken(&server, Nodes { look_every: NEVER, nats: Some(nats.url()) }, || {}).await;
}

#[tokio::test]
async fn without_the_nats_server_readers_hear_all_the_same() {
    let (server, nats) = (Postgres::start().unwrap(), Nats::start().unwrap());
    let nodes = Nodes { look_every: LOOK_EVERY, nats: Some(nats.url()) };
    reader_is_woken(&server, nodes, || drop(nats)).await;
}
