//! Sites, codes, certificates and what is published by the command line, on the store of a hub that serves.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use machiai_core::ids::SiteId;
use machiai_hub::door::authority::Authority;
use machiai_wire::enrol::Code;

fn hub(arguments: &[&str], state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-hub"));
    command.args(arguments).arg("--state").arg(state).stdin(Stdio::null());
    command
}

fn done(arguments: &[&str], state: &Path) -> Output {
    hub(arguments, state).output().unwrap()
}

fn said(arguments: &[&str], state: &Path) -> String {
    let done = done(arguments, state);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A hub that serves; it ends with this.
struct Serving(Child);

impl Serving {
    fn start(state: &Path) -> (Self, SocketAddr) {
        let mut command = hub(&["serve", "--listen", "127.0.0.1:0", "--name", "hub.example"], state);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        // Ends with the hub if it never is ready.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().strip_prefix("listening on ").expect("the hub ended before it was ready");
        (Self(child), address.parse().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn operators_add_a_site_and_draw_codes_while_the_hub_serves() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("hub");
    let (_serving, address) = Serving::start(&state);
    assert!(address.ip().is_loopback() && address.port() > 0);
    assert_eq!(said(&["site", "add", "1001"], &state), "site 1001 added");
    assert_eq!(said(&["site", "add", "1001"], &state), "site 1001 was there");
    let drawn = [(); 2].map(|()| said(&["enrol-code", "1001"], &state).parse::<Code>().unwrap());
    let fingerprint = Authority::open(&state).unwrap().fingerprint();
    for code in &drawn {
        assert_eq!((code.site, code.fingerprint), (SiteId(1001), fingerprint));
    }
    assert_ne!(drawn[0].secret, drawn[1].secret);
    said(&["enrol-code", "1001", "--replace"], &state).parse::<Code>().unwrap();
    assert_eq!(said(&["revoke", "1001"], &state), "0 certificates of site 1001 revoked");
    for unknown in [["enrol-code", "7"], ["revoke", "7"]] {
        let refused = done(&unknown, &state);
        assert!(!refused.status.success());
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains("there is no site 7"), "{told}");
    }
}

#[test]
fn operators_accounts_are_made_listed_and_removed_and_the_audit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("hub");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name).display().to_string();
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    };
    let (good, short) = (file("good", "sakura-no-hana\nsecond line\n"), file("short", "sakura\n"));
    let added = said(&["operator", "add", "sato", "--password-file", &good], &state);
    assert!(added.contains("otpauth://totp/Machiai:sato?secret=") && !added.contains("sakura"), "{added}");
    for bad in [["sato", &good], ["suzuki", &short], ["console", &good], ["../x", &good], ["suzuki", "/nowhere"]] {
        let refused = done(&["operator", "add", bad[0], "--password-file", bad[1]], &state);
        assert!(!refused.status.success(), "{bad:?}");
    }
    assert_eq!(said(&["operator", "list"], &state), "sato");
    assert_eq!(said(&["operator", "remove", "sato"], &state), "operator sato removed");
    assert!(!done(&["operator", "remove", "sato"], &state).status.success());
    assert_eq!(said(&["operator", "list"], &state), "");
    let audit = said(&["audit"], &state);
    let told: Vec<&str> = audit.lines().map(|line| line.split_once(" console ").unwrap().1).collect();
    assert_eq!(told, ["operator_added \"sato\"", "operator_removed \"sato\""]);
    assert_eq!(said(&["audit", "--since", "2999-01-01"], &state), "");
    let open = done(&["serve", "--listen", "127.0.0.1:0", "--operators", "0.0.0.0:0"], &state);
    assert!(!open.status.success() && String::from_utf8_lossy(&open.stderr).contains("TLS in front"), "{open:?}");
}

#[test]
fn facts_of_an_earlier_hub_are_adopted_for_sites_that_are_known_and_the_audit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("hub");
    said(&["site", "add", "1001"], &state);
    assert!(said(&["adopt", "1001"], &state).starts_with("facts of an earlier hub are taken in until "));
    for bad in [["adopt", "7"].as_slice(), &["adopt"], &["adopt", "1001", "--hours", "1000"]] {
        assert!(!done(bad, &state).status.success(), "{bad:?}");
    }
    assert!(said(&["audit"], &state).contains(" console adopted site 1001 \"for 24 h\""));
}

#[test]
fn a_backup_is_made_while_the_hub_serves_and_brought_back_while_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (state, backup) = (folder.path().join("state"), folder.path().join("backup"));
    let backup_path = backup.to_str().unwrap();
    said(&["site", "add", "1001"], &state);
    let (serving, _) = Serving::start(&state);
    said(&["backup", backup_path], &state);
    for name in ["hub.db", "hub-ca.key", "hub-ca.crt"] {
        let mode = std::fs::metadata(backup.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let over_another = done(&["backup", backup_path], &state);
    assert!(!over_another.status.success(), "a backup was written over");
    said(&["site", "add", "1002"], &state);

    let refused = done(&["restore", backup_path], &state);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"), "{refused:?}");
    drop(serving);
    let authority = Authority::open(&state).unwrap().fingerprint();
    assert!(said(&["restore", backup_path], &state).starts_with("restored; what was there lies in "));
    assert_eq!(said(&["site", "add", "1001"], &state), "site 1001 was there");
    assert_eq!(said(&["site", "add", "1002"], &state), "site 1002 added", "it came after the backup");
    assert_eq!(Authority::open(&state).unwrap().fingerprint(), authority);

    // A backup that is no store, or was cut short, takes nobody's place.
    let whole = std::fs::read(backup.join("hub.db")).unwrap();
    for bad in [&b"no store"[..], &whole[..whole.len() / 2]] {
        File::create(backup.join("hub.db")).unwrap().write_all(bad).unwrap();
        assert!(!done(&["restore", backup_path], &state).status.success());
        assert_eq!(said(&["site", "add", "1002"], &state), "site 1002 was there");
    }
}

#[test]
fn operators_publish_a_film_and_its_table_and_a_bad_one_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (state, path) = (folder.path().join("hub"), |name: &str| folder.path().join(name).display().to_string());
    let write = |name: &str, text: &str| {
        File::create(path(name)).unwrap().write_all(text.as_bytes()).unwrap();
        path(name)
    };
    said(&["site", "add", "1001"], &state);
    let film = write("film.mp4", "no film, which the box finds out");
    let add =
        ["content", "add", &film, "--kind", "provided", "--title", "健康", "--duration-ms", "15000", "--site", "1001"];
    let hash = said(&add, &state);
    assert_eq!(hash, blake3::hash(b"no film, which the box finds out").to_hex().as_str());
    assert!(state.join("blobs").join(&hash).is_file());

    // Years ahead, so that it is to come whenever this runs.
    let table = |revision: u32, deadline: &str, content: &str| {
        let [from, to] = ["4102412400000", "4103017200000"];
        format!(
            "table = \"w1\"\nrevision = {revision}\nfrom = {from}\nto = {to}\ndeadline = {deadline}\n\
             [[slots]]\nslot = \"day\"\nfrom = \"0:00\"\nto = \"24:00\"\n\
             items = [{{ item = \"a\", content = \"{content}\" }}]\n"
        )
    };
    let deadline = "4102326000000";
    let refused = |text: &str, expected: &str| {
        let file = write("bad.toml", text);
        let refused = done(&["program", "publish", "1001", &file], &state);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains(expected), "{told}");
    };
    refused(&table(1, "4103017200000", &hash), "deadline");
    refused(&table(1, deadline, &"0".repeat(64)), "unknown_content");
    refused(&table(1, deadline, "../../hub-ca.key"), "content hash");
    let good = write("good.toml", &table(1, deadline, &hash));
    assert_eq!(said(&["program", "publish", "1001", &good], &state), "table w1 revision 1 sent to site 1001");
    refused(&table(1, deadline, &hash), "table_changed");
    let shown = said(&["program", "show", "1001", "--at", "2100-01-02T12:00"], &state);
    assert!(shown.starts_with("table w1 revision 1: 2100-01-01 00:00 to 2100-01-08 00:00"), "{shown}");
    assert!(shown.contains("not_approved") && shown.contains("at 2100-01-02 12:00: "), "{shown}");

    let hours = write(
        "hours.json",
        r#"{"sessions": [{"session": "am", "name": {"ja": "午前"}, "from": "9:00", "to": "12:00"}]}"#,
    );
    assert_eq!(said(&["hours", "1001", &hours], &state), "hours of site 1001 set");
    assert!(said(&["hours", "1001"], &state).contains("session = \"am\""));
    assert_eq!(said(&["message", "1001", "本日混み合っています"], &state), "message of site 1001 set");
    let long = "あ".repeat(81);
    for unkept in [&["message", "1001", long.as_str()][..], &["message", "7", "x"], &["program", "show", "7"]] {
        assert!(!done(unkept, &state).status.success(), "{unkept:?}");
    }
    assert_eq!(
        said(&["content", "withdraw", &hash, "--site", "1001"], &state),
        format!("{hash} withdrawn from 1 sites")
    );
}

#[test]
fn hours_and_pauses_are_said_shown_and_taken_back_and_nonsense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("hub");
    assert_eq!(said(&["service", "show"], &state), "hours always");
    assert_eq!(said(&["service", "hours", "06:00-24:00"], &state), "hours 06:00-24:00");
    let pause = ["service", "pause", "--from", "2099-12-01T02:00", "--until", "2099-12-01T04:00", "--why", "点検"];
    let expected = "hours 06:00-24:00\npause 2099-12-01T02:00 until 2099-12-01T04:00: 点検";
    assert_eq!(said(&pause, &state), expected);
    assert_eq!(said(&pause, &state), expected, "the same pause once more is one pause");
    let at = |from, until, why| ["service", "pause", "--from", from, "--until", until, "--why", why];
    for bad in [
        at("2099-12-01T04:00", "2099-12-01T02:00", "x"),
        at("2001-12-01T02:00", "2001-12-01T04:00", "x"),
        at("2099-12-02T02:00", "2099-12-02T04:00", ""),
        at("2099-12-02T02:00", "2099-12-02T04:00", "two\nlines"),
        at("tomorrow", "2099-12-02T04:00", "x"),
    ] {
        assert!(!done(&bad, &state).status.success(), "{bad:?}");
    }
    assert!(!done(&["service", "hours", "22:00-06:00"], &state).status.success());
    assert!(!done(&["service", "resume", "--from", "2099-12-02T02:00"], &state).status.success());
    assert_eq!(said(&["service", "show"], &state), expected, "what is refused changes nothing");
    assert_eq!(said(&["service", "resume", "--from", "2099-12-01T02:00"], &state), "hours 06:00-24:00");
    assert_eq!(said(&["service", "hours", "always"], &state), "hours always");
}

#[test]
fn an_operator_orders_support_with_a_key_that_the_hub_never_sees() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("hub");
    let key = folder.path().join("yamada.pem");
    let key = key.to_str().unwrap();
    let alone = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_machiai-hub")).args(arguments).output().unwrap();
    let drawn = alone(&["support", "key", key]);
    assert!(drawn.status.success());
    let drawn = String::from_utf8(drawn.stdout).unwrap();
    assert!(drawn.starts_with("[[support.operators]]\n") && drawn.contains("\nkey = \""), "{drawn}");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!alone(&["support", "key", key]).status.success(), "a key was drawn over another");

    said(&["site", "add", "1001"], &state);
    let wanted = ["1001", "--key", key, "--do", "test-page", "--why", "紙が出ない"];
    let with = |verb: &'static str, more: &[&'static str]| [&["support", verb][..], &wanted[..], more].concat();
    for (more, why) in [
        (&["--purpose", "printer"][..], "--printer is missing"),
        (&["--purpose", "checkup", "--printer", "kiosk"][..], "its purpose does not ask for it"),
        (&["--purpose", "printer", "--printer", "kiosk", "--minutes", "1441"][..], "longer than a day"),
        (&["--purpose", "printer", "--printer", "kiosk", "--from", "2026-01-01T10:00"][..], "its time is over"),
    ] {
        let refused = done(&with("order", more), &state);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains(why), "{more:?}: {told}");
    }
    assert_eq!(said(&["support", "list", "1001"], &state), "");

    let good = ["--purpose", "printer", "--printer", "kiosk"];
    let sent = said(&with("order", &good), &state);
    assert!(sent.ends_with("sent to site 1001: the clinic is asked"), "{sent}");
    // Signed where the key is, and sent from where it is not.
    let signed = alone(&with("sign", &good));
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let document = folder.path().join("order.json");
    File::create(&document).unwrap().write_all(&signed.stdout).unwrap();
    said(&["support", "send", "1001", document.to_str().unwrap()], &state);
    let listed = said(&["support", "list", "1001"], &state);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.lines().all(|line| line.contains("test_page for printer") && line.ends_with("has not answered")));
    let id = listed.split_whitespace().next().unwrap();
    let shown = said(&["support", "show", "1001", id], &state);
    assert!(shown.contains("ordered    {\"order\":\"") && shown.contains("紙が出ない"), "{shown}");
    assert!(!done(&["support", "show", "1001", &"0".repeat(32)], &state).status.success());
    let audit = said(&["audit"], &state);
    assert_eq!(audit.matches("console support_ordered site 1001").count(), 2, "{audit}");

    // Nothing of the private half lies with the hub.
    let pem = std::fs::read_to_string(key).unwrap();
    let secret = pem.lines().nth(1).unwrap().as_bytes().to_vec();
    for file in std::fs::read_dir(&state).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(secret.len()).any(|at| at == secret), "{}", file.display());
    }
}
