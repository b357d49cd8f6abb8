//! Secrets and what could be a patient's are put into every place of a box, and nothing of them is in the bundle.

use std::io::Read as _;

use machiai_core::call::decide::CallCommand;
use machiai_core::call::told::Reservation;
use machiai_core::command::{Command, Take};
use machiai_core::facts::{Channel, Lang};
use machiai_core::ids::LineNo;
use machiai_core::people::{Role, Staff};
use machiai_core::seal::Personal;

use super::*;
use crate::access::acts;
use crate::app::Shared;
use crate::gate::Gate;
use crate::{daemon, support};

/// What a patient, a member of staff or somebody who attacks would hope to find, or not to.
const CANARIES: [&str; 17] = [
    "山田花子",
    "ヤマダハナコ",
    "Yamada Hanako",
    "090-1234-5678",
    "0312345678",
    "r-2026/canary",
    "canary-livekit-secret",
    "canary-livekit-key",
    "canary-twilio-token",
    "canary-twilio-path",
    "canary-proxy-password",
    "canary-proxy-user",
    "canary-folder",
    "canary-lan-name",
    "sakura-canary-2026!",
    "カナリア内科",
    "花粉症のかたへ",
];

/// Writes an archive's bytes as they are unpacked.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

/// A box with canaries wherever something can be typed.
async fn full(folder: &Path) -> (Config, Shared) {
    let state = folder.join("state");
    let text = format!(
        "site = 1001\nstate = \"{}\"\nballast_mib = 0\nlan_names = [\"canary-lan-name\"]\nhub = \"https://hub.invalid\"\n\
         hub_proxy = \"http://canary-proxy-user:canary-proxy-password@127.0.0.1:9\"\n\
         [content]\nwatched = \"/canary-folder\"\n\
         [calls.livekit]\nkey = \"canary-livekit-key\"\nsecret = \"canary-livekit-secret\"\n\
         [calls.twilio]\ntoken = \"canary-twilio-token\"\nurl = \"https://clinic.example/canary-twilio-path\"\n",
        state.display()
    );
    let config: Config = toml::from_str(&text).unwrap();
    let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
    let app = daemon::assemble(&config, gate, after).unwrap();
    let settings: crate::settings::Settings = serde_json::from_str(
        r#"{"site": {"name": {"ja": "カナリア内科"}}, "lines": [{"line": 1, "name": {"ja": "カナリア内科"}}],
            "hours": {"sessions": [{"session": "morning", "name": {"ja": "午前"}, "from": "0:00", "to": "24:00"}]},
            "rooms": [{"room": "room1", "name": {"ja": "山田花子"}, "lines": [1]}]}"#,
    )
    .unwrap();
    let facts = app.gate.read(|clinic| settings.changes(&clinic.standing));
    let ask = async |command| app.ask_itself(command).await.unwrap();
    ask(Command::ChangeSettings { facts, basis: machiai_core::command::Basis::Any }).await;
    ask(Command::OpenLine { line: LineNo(1), session: "morning".parse().unwrap() }).await;
    ask(Command::SetMessage { text: "花粉症のかたへ 山田花子".into() }).await;
    let personal = Personal {
        name: Some("山田花子 ヤマダハナコ Yamada Hanako".into()),
        phone: Some("090-1234-5678".into()),
        note: Some("0312345678".into()),
    };
    let mut take = Gate::by(app.own_device.clone(), None, Command::EndSignIns);
    let sealed = app.gate.seal(&personal, &mut take).unwrap();
    take.command = Command::Take(Take {
        line: LineNo(1),
        channel: Channel::Desk,
        family: 1,
        lang: Lang::Ja,
        text_call: false,
        name_shown: true,
        booked_for: None,
        interrupt: false,
        personal: sealed,
    });
    app.gate.ask(take).await.unwrap();
    let reservation = Reservation {
        reservation: "r-2026/canary".parse().unwrap(),
        starts_at_ms: AtMs(1_795_492_800_000),
        cancelled: false,
        policy: None,
    };
    ask(Command::Consultation { command: CallCommand::Reserve { reservation } }).await;
    let staff = Staff { staff: "hanako".parse().unwrap(), name: "山田花子".into(), role: Role::Manager };
    let by = app.own_device.clone().into();
    acts::set_staff(&app, by, staff, Some("sakura-canary-2026!".to_owned())).await.unwrap();
    (config, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_secret_or_of_what_could_be_a_patients_is_in_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (config, app) = full(folder.path()).await;
    let line = |canary: &str| {
        format!(
            "2026-11-24T09:10:00+0900 {canary} machiai[1]: WARN machiai::gate: {canary} said error=no {canary} there\n"
        )
    };
    let log: String = CANARIES.iter().map(|canary| line(canary)).collect();
    let words = Words::built_in().unwrap();
    let report = crate::doctor::report(&words, crate::doctor::look::within(&app).await);
    let bundle = unpacked(&made((&config, &words), &report, (Some(&log), AtMs(1_795_471_200_000))).unwrap());
    let text = String::from_utf8_lossy(&bundle);
    for part in ["versions.json", "doctor.json", "configuration.json", "journal.json", "log.txt", "TicketIssued"] {
        assert!(text.contains(part), "no {part}");
    }
    assert!(text.contains("machiai WARN machiai::gate: … said error= no … there"), "{text}");
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} is in the bundle");
    }
    // What is secret in the journal, as bytes and as figures.
    for purpose in [crate::token::TOKEN_PURPOSE, "personal"] {
        for (_, secret) in app.gate.secrets_for(purpose).unwrap() {
            let figures = crate::seal::hex(&secret);
            assert!(!text.contains(&figures) && !bundle.windows(secret.len()).any(|at| at == secret), "{purpose}");
        }
    }
    // What an order of support tells is made of the same.
    let diagnostics = serde_json::to_string(&diagnostics(&app)).unwrap();
    let doctor = serde_json::to_string(&report.coarse()).unwrap();
    for canary in CANARIES {
        assert!(!diagnostics.contains(canary) && !doctor.contains(canary), "{canary}");
    }
    let view = support::acts::redacted(crate::surface::board::view_now(&app));
    let board = serde_json::to_string(&view).unwrap();
    let labels = app.gate.read(|clinic| clinic.labels.keys().map(ToString::to_string).collect::<Vec<_>>());
    assert!(!board.contains("花粉症") && !labels.is_empty(), "{board}");
    assert!(labels.iter().all(|label| !board.contains(&format!("\"{label}\""))), "{board}");
}

#[test]
fn an_archive_is_read_by_whoever_reads_archives() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [("a/one.txt", b"hello\n".to_vec()), ("a/two.txt", vec![b'x'; 1_024])];
    let bytes = tar::packed(&texts, 1_795_471_200).unwrap();
    let file = folder.path().join("a.tar.gz");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&file, bytes).unwrap();
    let done = std::process::Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(std::fs::read(folder.path().join("a/one.txt")).unwrap(), b"hello\n");
    assert_eq!(std::fs::read(folder.path().join("a/two.txt")).unwrap().len(), 1_024);
    assert!(tar::packed(&[("あ", Vec::new())], 0).is_err());
}
