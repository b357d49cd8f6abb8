//! A hub under strangers and under boxes that ask for too much: whoever asks for little is served all the same.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use machiai::link::enrol::EnrolError;
use machiai::link::hub_clock::HubClock;
use machiai_core::ids::{Origin, SiteId};
use machiai_hub::door::limits::Limits;
use machiai_hub::store::devices::Replaces;
use machiai_wire::buckets::Rate;
use machiai_wire::chain::Hash;
use machiai_wire::enrol::reason;
use machiai_wire::http::{Request, write};
use machiai_wire::producer::Turn;
use machiai_wire::said::{Ask, Came, Failure, Run};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::task::spawn_blocking;

use super::Home;
use super::cloud::{Box, Cloud, question, send};

/// How long a line may be silent before a test gives it up.
const ANSWER_FOR: Duration = Duration::from_secs(20);

type Line = StreamOwned<ClientConnection, TcpStream>;

/// Opens a line as a box, on which anything can be said.
fn line(cloud: &Cloud, own: &Box) -> Line {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cloud.authority()).unwrap()).unwrap();
    let file = own.state().join("hub-identity.pem");
    let chain = vec![CertificateDer::pem_file_iter(&file).unwrap().next().unwrap().unwrap()];
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(ring, Arc::new(HubClock::new(|| 0)));
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_root_certificates(roots);
    let config = config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&file).unwrap()).unwrap();
    let tcp = TcpStream::connect(&cloud.address).unwrap();
    tcp.set_read_timeout(Some(ANSWER_FOR)).unwrap();
    tcp.set_write_timeout(Some(ANSWER_FOR)).unwrap();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    StreamOwned::new(client, tcp)
}

/// Reads what is answered until the line ends; a line that falls silent fails the test.
fn rest(line: &mut Line) -> String {
    let mut answer = Vec::new();
    if let Err(cause) = line.read_to_end(&mut answer) {
        let is_silent = matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!is_silent, "nobody ends the line: {}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const HEAD: &str = "POST /v1/sites/1001/vector HTTP/1.1\r\nhost: hub\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_never_ends_a_request_is_cut_off_while_others_are_served() {
    let cloud = Cloud::start(Home::folder(), Limits { head_for: Duration::from_millis(300), ..Limits::USUAL }).await;
    let (own, other) = (cloud.enrol(1001, Replaces::Nothing).await, cloud.enrol(1002, Replaces::Nothing).await);
    let mut slow = line(&cloud, &own);
    let slow = spawn_blocking(move || {
        slow.write_all(HEAD.as_bytes()).unwrap();
        rest(&mut slow)
    });
    assert!(matches!(other.ask(1002).await, Ok(Came::Vector(_))));
    let said = slow.await.unwrap();
    assert!(!said.contains("200 OK"), "{said}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_a_gibibyte_is_refused_announced_or_not_while_others_are_served() {
    const GIB: usize = 1 << 30;
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let (own, other) = (cloud.enrol(1001, Replaces::Nothing).await, cloud.enrol(1002, Replaces::Nothing).await);
    let mut announced = line(&cloud, &own);
    let said = spawn_blocking(move || {
        announced.write_all(format!("{HEAD}content-length: {GIB}\r\n\r\n").as_bytes()).unwrap();
        rest(&mut announced)
    });
    let said = said.await.unwrap();
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("too_large"), "{said}");

    let mut unannounced = line(&cloud, &own);
    let n_sent = spawn_blocking(move || {
        unannounced.write_all(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes()).unwrap();
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        (0..GIB >> 20).take_while(|_| unannounced.write_all(&chunk).is_ok()).count()
    });
    assert!(matches!(other.ask(1002).await, Ok(Came::Vector(_))));
    let n_sent = n_sent.await.unwrap();
    assert!(n_sent < 200, "{n_sent} MiB were taken");
    assert!(matches!(other.ask(1002).await, Ok(Came::Vector(_))));
    cloud.stop().await;
}

/// Facts to append, packed.
fn packed(lines: Vec<Vec<u8>>, n_blanks: usize) -> (Ask, Request) {
    let hash = lines.iter().fold(Hash::START, |hash, line| hash.after(line));
    let run = Run { origin: Origin::from_bytes([1; 16]), turn: Turn { epoch: 1, seq: 0 }, hash, lines };
    let ask = Ask::Append(run);
    let mut request = write(SiteId(1001), &ask);
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&request.body).unwrap();
    packer.write_all(&vec![b' '; n_blanks]).unwrap();
    request.body = packer.finish().unwrap();
    request.headers.push(("content-encoding", "gzip".to_owned()));
    (ask, request)
}

fn fact() -> Vec<u8> {
    let origin = Origin::from_bytes([1; 16]);
    format!(
        r#"{{"site":1001,"origin":"{origin}","seq":1,"at_ms":1,"at_n":0,"boot":"{origin}","mono_ms":0,"clock":"free","by":{{"device":"roof"}},"kind":"Snowed","body":{{}}}}"#
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_may_come_packed_and_a_bomb_is_refused() {
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let own = cloud.enrol(1001, Replaces::Nothing).await;
    let (ask, bomb) = packed(vec![fact()], 64 << 20);
    assert!(bomb.body.len() < 128 * 1024);
    assert_eq!(send(&own.client(), &own.config, (&ask, bomb)).await, Err(Failure::TooLarge));
    let (ask, mut other) = packed(vec![fact()], 0);
    *other.headers.last_mut().unwrap() = ("content-encoding", "br".to_owned());
    let came = send(&own.client(), &own.config, (&ask, other)).await;
    assert!(matches!(came, Err(Failure::Refused { .. })), "{came:?}");
    let (ask, small) = packed(vec![fact()], 0);
    assert_eq!(send(&own.client(), &own.config, (&ask, small)).await, Ok(Came::Kept));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_asks_too_much_hears_why_and_for_how_long_and_the_others_are_served() {
    let requests = Rate { per_minute: 1, at_once: 3 };
    let cloud = Cloud::start(Home::folder(), Limits { requests, ..Limits::USUAL }).await;
    let (own, other) = (cloud.enrol(1001, Replaces::Nothing).await, cloud.enrol(1002, Replaces::Nothing).await);
    for _ in 0..3 {
        assert!(matches!(own.ask(1001).await, Ok(Came::Vector(_))));
    }
    let Err(Failure::Busy { after_ms: Some(after_ms) }) = own.ask(1001).await else { panic!("not busy") };
    assert!((1_000..=60_000).contains(&after_ms), "{after_ms}");
    let ask = write(SiteId(1001), &question());
    let address = format!("{}{}", own.config.hub.as_ref().unwrap(), ask.path);
    let answer = own.client().post(address).body(ask.body).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert!(answer.text().await.unwrap().contains(reason::TOO_MANY));
    assert!(matches!(other.ask(1002).await, Ok(Came::Vector(_))));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_codes_has_to_wait() {
    let tries = Rate { per_minute: 1, at_once: 2 };
    let cloud = Cloud::start(Home::folder(), Limits { tries, ..Limits::USUAL }).await;
    let new = Box::new(1001, &cloud);
    let drawn = cloud.code(1001, Replaces::Nothing).await.parse::<machiai_wire::enrol::Code>().unwrap();
    let guessed = machiai_wire::enrol::Code { secret: [7; 10], ..drawn }.to_string();
    for expected in [reason::UNKNOWN_CODE, reason::UNKNOWN_CODE, reason::TOO_MANY] {
        let came = new.enrol(&guessed).await;
        let Err(EnrolError::Denied { code, .. }) = came else { panic!("{came:?}") };
        assert_eq!(code, expected);
    }
    assert!(fs::metadata(new.state().join("hub-identity.pem")).is_err());
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_address_are_bounded() {
    let cloud = Cloud::start(Home::folder(), Limits { connections_of_one: 3, ..Limits::USUAL }).await;
    let own = cloud.enrol(1001, Replaces::Nothing).await;
    // A connection that is over gives its place back a little later: each of these takes one.
    let mut silent = Vec::new();
    while let Ok(came) = own.ask(1001).await {
        assert!(matches!(came, Came::Vector(_)) && silent.len() < 20, "{} are held open", silent.len());
        silent.push(TcpStream::connect(&cloud.address).unwrap());
    }
    assert!(silent.len() >= 2, "one and another leave room for a third: {}", silent.len());
    drop(silent);
    cloud.stop().await;
}
