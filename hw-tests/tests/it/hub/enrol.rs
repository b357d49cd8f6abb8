//! Enrolment and what follows from it: a box speaks for its own site, by its certificate, until another takes its place.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use machiai::link::enrol::{EnrolError, renew};
use machiai::link::hub_clock::HubClock;
use machiai_core::ids::SiteId;
use machiai_hub::door::limits::Limits;
use machiai_hub::store::devices::Replaces;
use machiai_wire::enrol::{Generation, reason};
use machiai_wire::http::write;
use machiai_wire::said::{Ask, Came, Failure, Mode};
use rstest::rstest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::Home;
use super::cloud::{BEGINS_S, Box, Cloud, DAY_S, question, send};

#[track_caller]
fn assert_fenced(came: Result<Came, Failure>, expected: &str) {
    let Err(Failure::Fenced { why }) = came else { panic!("{came:?}") };
    assert!(why.contains(expected), "{why}");
}

#[track_caller]
fn assert_replaced(came: Result<Came, Failure>) {
    let Err(Failure::Replaced { why }) = came else { panic!("{came:?}") };
    assert!(why.contains("taken this one's place"), "{why}");
}

#[track_caller]
fn assert_without(came: Result<Came, Failure>, expected: &str) {
    let Err(Failure::NoCertificate { why }) = came else { panic!("{came:?}") };
    assert!(why.contains(expected), "{why}");
}

#[track_caller]
fn assert_denied<T: std::fmt::Debug>(came: Result<T, EnrolError>, expected: &str) {
    let Err(EnrolError::Denied { code, .. }) = came else { panic!("{came:?}") };
    assert_eq!(code, expected);
}

#[track_caller]
fn assert_heard(came: Result<Came, Failure>) {
    assert!(matches!(came, Ok(Came::Vector(_))), "{came:?}");
}

/// A client that trusts a hub, and shows the identity of a box or none.
pub(super) fn client(cloud: &Cloud, shown: Option<&Box>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cloud.authority()).unwrap()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(ring, Arc::new(HubClock::new(|| 0)));
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_root_certificates(roots);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some(shown) => {
            let file = shown.state().join("hub-identity.pem");
            let chain = vec![CertificateDer::pem_file_iter(&file).unwrap().next().unwrap().unwrap()];
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&file).unwrap()).unwrap()
        }
    };
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config).build().unwrap()
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_with_a_code_speaks_for_its_own_site_and_nobody_else_does(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let own = cloud.enrol(1001, Replaces::Nothing).await;
    let name = own.identity().name();
    assert_eq!((name.site, name.generation), (SiteId(1001), Generation(1)));
    assert_eq!(own.identity().not_after().0, i64::try_from((BEGINS_S + 90 * DAY_S) * 1_000).unwrap());
    assert_heard(own.ask(1001).await);
    assert_fenced(own.ask(1002).await, "another site's");

    let ask = question();
    let stranger = send(&client(&cloud, None), &own.config, (&ask, write(SiteId(1001), &ask))).await;
    assert_without(stranger, "enrol this box");
    let elsewhere = Cloud::start(Home::folder(), Limits::USUAL).await;
    let foreign = elsewhere.enrol(1001, Replaces::Nothing).await;
    let came = send(&client(&cloud, Some(&foreign)), &own.config, (&ask, write(SiteId(1001), &ask))).await;
    assert_eq!(came, Err(Failure::NoLine), "TLS refuses what another authority signed");
    let came = send(&foreign.client(), &own.config, (&ask, write(SiteId(1001), &ask))).await;
    assert_eq!(came, Err(Failure::NoLine), "a box refuses a hub of another authority");
    cloud.stop().await;
    elsewhere.stop().await;
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_good_once_for_a_day_at_its_own_hub_and_for_its_own_site(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let new = Box::new(1001, &cloud);
    let code = cloud.code(1001, Replaces::Nothing).await;
    let (whole, last) = code.split_at(code.len() - 1);
    let typo = format!("{whole}{}", if last == "7" { "8" } else { "7" });
    assert!(matches!(new.enrol(&typo).await, Err(EnrolError::Code(_))), "{typo} is not even sent");
    let other_site = Box::new(1002, &cloud).enrol(&code).await;
    assert!(matches!(other_site, Err(EnrolError::OtherSite { .. })), "{other_site:?}");

    // A hub that is not the one that drew the code gets nothing to know.
    let elsewhere = Cloud::start(Home::folder(), Limits::USUAL).await;
    let foreign = elsewhere.code(1001, Replaces::Nothing).await;
    assert!(matches!(new.enrol(&foreign).await, Err(EnrolError::Hub { .. })));
    elsewhere.stop().await;

    cloud.now_s.fetch_add(DAY_S + 1, Ordering::SeqCst);
    assert_denied(new.enrol(&code).await, reason::OLD_CODE);
    assert!(!new.state().join("hub-identity.pem").exists(), "nothing was kept");
    let code = cloud.code(1001, Replaces::Nothing).await;
    new.enrol(&code.to_lowercase().replace('-', " ")).await.unwrap();
    assert_denied(Box::new(1001, &cloud).enrol(&code).await, reason::USED_CODE);
    let second = cloud.code(1001, Replaces::Nothing).await;
    assert_denied(Box::new(1001, &cloud).enrol(&second).await, reason::HAS_A_BOX);
    assert_heard(new.ask(1001).await);
    cloud.stop().await;
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_race_with_one_code_one_is_enrolled(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    for _ in 0..3 {
        let code = cloud.code(1001, Replaces::TheBox).await;
        let (one, other) = (Box::new(1001, &cloud), Box::new(1001, &cloud));
        let (came, of_other) = tokio::join!(one.enrol(&code), other.enrol(&code));
        let (winner, lost) = if came.is_ok() { (one, of_other) } else { (other, came) };
        assert_denied(lost, reason::USED_CODE);
        assert_heard(winner.ask(1001).await);
    }
    cloud.stop().await;
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_was_replaced_is_fenced_and_a_revoked_one_shut_out(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let old = cloud.enrol(1001, Replaces::Nothing).await;
    let code = cloud.code(1001, Replaces::TheBox).await;
    assert_heard(old.ask(1001).await);
    let new = Box::new(1001, &cloud);
    new.enrol(&code).await.unwrap();
    assert_replaced(old.ask(1001).await);
    assert_denied(renew(&old.config, &old.identity(), &old.clock).await, reason::FENCED);
    assert_eq!(new.identity().name().generation, Generation(2));
    assert_heard(new.ask(1001).await);
    // It may hand over what it had not sent, also with a certificate that is over, and read nothing.
    assert_heard(old.ask_left(1001, question()).await);
    assert_fenced(old.ask_left(1002, question()).await, "another site's");
    let listens = Ask::Listen("0000000000000001_00000000000000000000".parse().unwrap(), Mode::Poll);
    assert!(matches!(old.ask_left(1001, listens).await, Err(Failure::Replaced { .. })), "it is asked elsewhere");
    cloud.pass_days(100);
    assert_heard(old.ask_left(1001, question()).await);
    cloud.pass_days(90 + 365 - 99);
    assert_fenced(old.ask_left(1001, question()).await, "for too long");

    assert_eq!(cloud.store.revoke(SiteId(1001)).await.unwrap(), Some(1));
    assert_fenced(new.ask(1001).await, "revoked");
    assert_denied(renew(&new.config, &new.identity(), &new.clock).await, reason::REVOKED);
    // Whichever comes after it has the place alone, and what a revoked one says is worth nothing.
    let third = cloud.enrol(1001, Replaces::Nothing).await;
    assert_eq!(third.identity().name().generation, Generation(3));
    assert_replaced(new.ask(1001).await);
    assert_fenced(new.ask_left(1001, question()).await, "revoked");
    cloud.stop().await;
}

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_over_only_renews_and_not_after_a_year(#[case] home: Home) {
    let cloud = Cloud::start(home, Limits::USUAL).await;
    let (own, late) = (cloud.enrol(1001, Replaces::Nothing).await, cloud.enrol(1002, Replaces::Nothing).await);
    let before = own.identity();
    cloud.pass_days(89);
    assert_heard(own.ask(1001).await);
    cloud.pass_days(2);
    assert_without(own.ask(1001).await, "only be renewed");
    let after = renew(&own.config, &before, &own.clock).await.unwrap();
    assert_eq!(after.name(), before.name());
    assert_heard(own.ask(1001).await);
    let years = i64::try_from((BEGINS_S + (91 + 90) * DAY_S) * 1_000).unwrap();
    assert_eq!(own.identity().not_after().0, years);

    cloud.pass_days(90 + 365 - 91);
    assert_without(late.ask(1002).await, "only be renewed");
    cloud.pass_days(1);
    assert_denied(renew(&late.config, &late.identity(), &late.clock).await, reason::TOO_OLD);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_came_back_from_a_backup_learns_of_a_replacement_from_the_new_box() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("hub.db");
    let cloud = Cloud::start(Home::Folder(home), Limits::USUAL).await;
    let old = cloud.enrol(1001, Replaces::Nothing).await;
    let new = cloud.enrol(1001, Replaces::TheBox).await;
    // What the store was before either came.
    let db = rusqlite::Connection::open(file).unwrap();
    db.execute_batch("UPDATE sites SET generation = 1; DELETE FROM certificates; DELETE FROM codes").unwrap();
    assert_heard(old.ask(1001).await);
    assert_heard(new.ask(1001).await);
    assert_replaced(old.ask(1001).await);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_enrol_a_box_by_one_command_and_are_told_why_it_fails() {
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let new = Box::new(1001, &cloud);
    let config = new.state().join("machiai.toml");
    let text = format!("site = 1001\nstate = \"{}\"\nhub = \"https://{}\"\n", new.state().display(), cloud.address);
    machiai_hw_tests::demo::daemon::write(&config, &text).unwrap();
    let code = cloud.code(1001, Replaces::Nothing).await;
    let enrol = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-demo"));
        command.arg("machiai").arg("-c").arg(&config).args(["enrol", &code]);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let done = enrol().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(told.starts_with("enrolled as machiai:site/1001/generation/1/box/"), "{told}");
    assert!(told.contains("certificate until 2026-12-"), "{told}");
    assert_heard(new.ask(1001).await);
    let kept = fs::read(new.state().join("hub-identity.pem")).unwrap();

    let again = enrol().await.unwrap();
    assert!(!again.status.success());
    let told = format!("{}{}", String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
    assert!(told.contains("the code was used"), "{told}");
    assert_eq!(fs::read(new.state().join("hub-identity.pem")).unwrap(), kept, "the box is who it was");
    cloud.stop().await;
}
