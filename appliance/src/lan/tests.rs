//! Real TLS on a real socket: the site's authority is all that a device needs to trust, and plain HTTP learns nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use machiai_core::people::DeviceKind;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Authority, names};
use crate::app::Shared;
use crate::config::Config;
use crate::vault::{Keeper, Private, Vault};
use crate::{daemon, lan};

/// How long an answer may take.
const ANSWER_FOR: Duration = Duration::from_secs(20);

struct Served {
    app: Shared,
    at: SocketAddr,
    state: std::path::PathBuf,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

/// Opens a place to a device, and waits for the door to be open.
async fn open_a_place(app: &Shared) {
    crate::access::acts::open_pairing(app, DeviceKind::Board, &"board".parse().unwrap()).unwrap();
    assert!(app.access.lan.get().unwrap().opens().await);
}

async fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let text =
        format!("site = 1001\nstate = \"{}\"\nballast_mib = 0\nlan_names = [\"machiai.local\"]\n", state.display());
    let config: Config = toml::from_str(&text).unwrap();
    let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
    let app = daemon::assemble(&config, gate, after).unwrap();
    let (lan, door) = lan::open(&app, &config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let at = lan.address;
    app.access.lan.set(lan).unwrap();
    let serving = tokio::spawn(lan::serve(Some(door), Arc::clone(&app)));
    TcpStream::connect(at).expect_err("nobody is expected");
    open_a_place(&app).await;
    Served { app, at, state, serving, _folder: folder }
}

/// Asks over TLS, trusting one certificate, and returns the answer.
async fn ask(
    at: SocketAddr,
    trusted: Vec<u8>,
    name: &'static str,
    path: &'static str,
) -> Result<String, std::io::Error> {
    say((at, trusted), name, format!("GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n").into_bytes())
        .await
}

/// Says something over TLS, and returns all that is answered until the other end has closed.
async fn say(
    (at, trusted): (SocketAddr, Vec<u8>),
    name: &'static str,
    said: Vec<u8>,
) -> Result<String, std::io::Error> {
    let talk = move || {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(trusted)).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
        let mut stream = StreamOwned::new(client, connected(at));
        stream.write_all(&said)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

fn connected(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(ANSWER_FOR)).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_is_served_over_tls_of_the_sites_own_authority_and_to_nobody_in_clear() {
    let served = serve().await;
    let authority = served.app.access.lan.get().unwrap().authority().certificate().to_vec();
    for name in ["127.0.0.1", "machiai.local"] {
        let page = ask(served.at, authority.clone(), name, "/pair").await.unwrap();
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("action=\"/pair\""), "{page}");
        let desk = ask(served.at, authority.clone(), name, "/desk").await.unwrap();
        assert!(desk.starts_with("HTTP/1.1 401") && desk.contains("not_paired"), "{desk}");
    }
    ask(served.at, authority.clone(), "evil.example", "/pair").await.expect_err("a name that is not its own");
    let other = tempfile::tempdir().unwrap();
    let other = Authority::open(&bare(other.path()), 1001).unwrap().certificate().to_vec();
    ask(served.at, other, "127.0.0.1", "/pair").await.expect_err("another site's authority");

    let at = served.at;
    let plain = tokio::task::spawn_blocking(move || {
        let mut stream = connected(at);
        stream.write_all(b"GET /pair HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // Whether the end is told or the line is cut makes no difference.
        drop(stream.read_to_end(&mut answer));
        answer
    });
    let plain = String::from_utf8_lossy(&plain.await.unwrap()).into_owned();
    assert!(!plain.contains("HTTP") && plain.len() < 16, "{plain:?}");

    served.app.stop.cancel();
    let stopped = tokio::time::timeout(ANSWER_FOR, served.serving).await;
    assert!(stopped.unwrap().unwrap().is_ok());
    assert!(daemon::close(&served.app.gate).await);
    let key = std::fs::metadata(served.state.join("lan-ca.key")).unwrap().permissions().mode();
    assert_eq!(key & 0o777, 0o600);
}

/// What a stranger may send who looks for a way in; each ends the connection by itself.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let smuggled = "GET /desk HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let to = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}connection: close\r\n\r\n")
    };
    let post =
        |headers: &str, body: &str| format!("POST /desk HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n{body}{smuggled}");
    let chunked = "transfer-encoding: chunked\r\n";
    let said = [
        ("a length and chunks", post(&format!("content-length: 4\r\n{chunked}"), "0\r\n\r\n")),
        ("two lengths", post("content-length: 4\r\ncontent-length: 8\r\n", "abcd")),
        ("a length with a sign", post("content-length: +4\r\n", "abcd")),
        ("chunks under another name", post("content-length: 4\r\ntransfer-encoding: xchunked\r\n", "abcd")),
        ("a chunk without an end", post(chunked, "ffffffffffffffff\r\n")),
        ("a header that goes on in the next line", to("/desk", "x-a: b\r\n c\r\n")),
        ("a header with a nought", to("/desk", "x-a: \0\r\n")),
        ("a space before a colon", to("/desk", "host : 127.0.0.1:8110\r\n")),
        ("two hosts", to("/desk", "host: 127.0.0.1:8110\r\n")),
        ("the box's own address", to("http://127.0.0.1:8110/desk", "")),
        (
            "somebody else's word for the address",
            to("/desk", "x-forwarded-for: 127.0.0.1\r\nforwarded: for=127.0.0.1\r\n"),
        ),
        ("a header of a mebibyte", to("/desk", &format!("x-a: {}\r\n", "a".repeat(1 << 20)))),
        ("ten thousand headers", to("/desk", &"x-a: b\r\n".repeat(10_000))),
        ("an address of a mebibyte", to(&format!("/{}", "a".repeat(1 << 20)), "")),
        ("a way up", to("/assets/../../../../etc/passwd", "")),
        ("a way up that is spelt", to("/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "")),
        ("a way up with spelt strokes", to("/assets/..%2f..%2f..%2fetc%2fpasswd", "")),
        ("a way up with a nought", to("/assets/..%00/etc/passwd", "")),
        ("no version", "GET /desk\r\n\r\n".to_owned()),
        ("a tunnel", "CONNECT 127.0.0.1:8110 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".to_owned()),
        ("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ];
    said.into_iter().map(|(what, said)| (what, said.into_bytes())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_stranger_sends_opens_nothing_and_keeps_nobody_waiting() {
    let served = serve().await;
    let authority = served.app.access.lan.get().unwrap().authority().certificate().to_vec();
    let mut strangers = tokio::task::JoinSet::new();
    for (what, said) in hostile() {
        let to = (served.at, authority.clone());
        strangers.spawn(async move { (what, say(to, "127.0.0.1", said).await) });
    }
    let page = ask(served.at, authority.clone(), "127.0.0.1", "/pair").await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let mut n_answered = 0;
    while let Some(came) = strangers.join_next().await {
        // Whoever is cut off while they still speak hears nothing.
        let (what, Ok(answer)) = came.unwrap() else { continue };
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)).collect();
        assert!(statuses.iter().all(|status| status.starts_with('4')), "{what}: {statuses:?}");
        assert!(!answer.contains("root:"), "{what}");
        n_answered += usize::from(!statuses.is_empty());
    }
    assert!(n_answered > 15, "{n_answered} heard why not");
    served.app.stop.cancel();
    assert!(tokio::time::timeout(ANSWER_FOR, served.serving).await.is_ok());
    assert!(daemon::close(&served.app.gate).await);
}

fn bare(folder: &Path) -> Private {
    Private::bare(folder.to_owned())
}

#[test]
fn the_authority_is_made_once_and_a_key_without_its_certificate_is_not_replaced() {
    let state = tempfile::tempdir().unwrap();
    let first = Authority::open(&bare(state.path()), 1001).unwrap();
    let again = Authority::open(&bare(state.path()), 1001).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.fingerprint().len(), 32 * 3 - 1);
    std::fs::remove_file(state.path().join("lan-ca.crt")).unwrap();
    Authority::open(&bare(state.path()), 1001).expect_err("every device trusts the certificate that was");
    std::fs::remove_file(state.path().join("lan-ca.key")).unwrap();
    assert_ne!(Authority::open(&bare(state.path()), 1001).unwrap().fingerprint(), first.fingerprint());
}

#[test]
fn the_authoritys_key_lies_sealed_and_where_it_cannot_be_opened_it_is_not_replaced() {
    let state = tempfile::tempdir().unwrap();
    let of = |vault| Private::new(state.path().to_owned(), vault);
    let under = |byte| of(Vault::Open { key: [byte; 32], by: Keeper::Disk });
    // One from before the machine had its key.
    let first = Authority::open(&bare(state.path()), 1001).unwrap().fingerprint();
    assert_eq!(Authority::open(&under(0x5e), 1001).unwrap().fingerprint(), first);
    let lies = std::fs::read(state.path().join("lan-ca.key")).unwrap();
    assert!(!String::from_utf8_lossy(&lies).contains("PRIVATE KEY"), "in clear");
    Authority::open(&of(Vault::Locked), 1001).expect_err("every device trusts the one that was");
    assert_eq!(Authority::open(&under(0x5e), 1001).unwrap().fingerprint(), first);
    let other = Authority::open(&under(0xa7), 1001).unwrap().fingerprint();
    assert_ne!(other, first, "the key that sealed it is gone for good");
}

#[test]
fn a_start_cut_off_between_certificate_and_key_makes_both_anew() {
    let state = tempfile::tempdir().unwrap();
    let first = Authority::open(&bare(state.path()), 1001).unwrap().fingerprint();
    std::fs::remove_file(state.path().join("lan-ca.key")).unwrap();
    assert_ne!(Authority::open(&bare(state.path()), 1001).unwrap().fingerprint(), first);
}

#[test]
fn the_box_goes_by_where_it_listens_and_by_what_it_is_called() {
    let names = names("192.168.1.10".parse().unwrap(), &["machiai.clinic.example".to_owned()]);
    assert!(names.contains("192.168.1.10") && names.contains("machiai.clinic.example"), "{names:?}");
    assert!(!names.contains("localhost") && !names.contains("127.0.0.1"), "{names:?}");
}

/// Connects from another address of loopback, says nothing, and returns when the other end has closed.
async fn say_nothing(at: SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(at).await.unwrap();
    stream.readable().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_that_takes_all_the_connections_it_can_leaves_room_for_the_others() {
    let served = serve().await;
    let authority = served.app.access.lan.get().unwrap().authority().certificate().to_vec();
    let mut silent = tokio::task::JoinSet::new();
    for _ in 0..=super::MOST_OF_ONE {
        silent.spawn(say_nothing(served.at));
    }
    silent.join_next().await.unwrap().unwrap();
    assert!(silent.try_join_next().is_none(), "one is turned away, the others wait to shake hands");
    let page = ask(served.at, authority, "127.0.0.1", "/pair").await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");

    silent.abort_all();
    served.app.stop.cancel();
    assert!(tokio::time::timeout(ANSWER_FOR, served.serving).await.is_ok());
    assert!(daemon::close(&served.app.gate).await);
}
