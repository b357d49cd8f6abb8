//! Orders of support, from what comes to what is told.

use base64::Engine as _;
use machiai_core::envelope::{Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, OrderId, Origin, Seq, SiteId};
use machiai_core::support::SupportBegun;
use machiai_core::support::order::Purpose;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::daemon;

/// A box that knows one operator, and what comes to it.
struct Clinic {
    app: Shared,
    key: Ed25519KeyPair,
    n_came: u64,
    _folder: tempfile::TempDir,
}

impl Clinic {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let text = format!(
            "site = 1001\nstate = \"{}\"\nballast_mib = 0\n[rehearsal]\nstarts = \"2026-11-24T08:31:00+09:00\"\nspeed = 1\n\
             [[support.operators]]\nname = \"鈴木\"\nkey = \"{}\"\n[[support.operators]]\nname = \"山田\"\nkey = \"{}\"\n",
            folder.path().join("state").display(),
            STANDARD.encode([1; 32]),
            STANDARD.encode(key.public_key().as_ref()),
        );
        let config: Config = toml::from_str(&text).unwrap();
        let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
        let app = daemon::assemble(&config, gate, after).unwrap();
        Self { app, key, n_came: 0, _folder: folder }
    }

    fn order(&self) -> Order {
        let now = self.app.gate.clock.now().0;
        Order {
            order: OrderId::from_bytes([1; 16]),
            site: SiteId(1001),
            act: Act::Diagnostics {},
            purpose: Purpose::Checkup,
            why: "定期の点検".into(),
            not_before_ms: now.plus_ms(-60_000),
            not_after_ms: now.plus_ms(3_600_000),
        }
    }

    fn signed(&self, order: &Order) -> SupportOrdered {
        let order = serde_json::to_string(order).unwrap();
        let signature = self.key.sign(&[SIGNED_UNDER.as_bytes(), order.as_bytes()].concat());
        SupportOrdered { order, signature: STANDARD.encode(signature) }
    }

    /// Takes in a fact as the hub would send it, and returns its identity.
    async fn comes(&mut self, fact: Fact) -> FactId {
        self.n_came += 1;
        let head = Head {
            site: SiteId(1001),
            line: None,
            origin: Origin::from_bytes([0xd0; 16]),
            seq: Seq(self.n_came),
            at_ms: self.app.gate.clock.now().0,
            at_n: 0,
            boot: BootId::from_bytes([0xd0; 16]),
            mono_ms: 0,
            clock: Trust::Synced,
            by: "hub".parse::<machiai_core::ids::DeviceId>().unwrap().into(),
            cmd: None,
        };
        let id = head.id();
        let line = Envelope { head, fact }.write().unwrap();
        let app = Shared::clone(&self.app);
        tokio::task::spawn_blocking(move || app.gate.receive_waiting(vec![line])).await.unwrap().unwrap();
        id
    }

    async fn says(&self, asked: FactId, said: Answer) {
        let order = look(&self.app).into_iter().find(|seen| seen.asked == asked).unwrap().ordered.order;
        let answer = marked(&self.app, (asked, &order), said);
        self.app.ask_itself(Command::Support { command: SupportCommand::Answer { answer } }).await.unwrap();
    }

    fn stands(&self, asked: FactId) -> Stands {
        look(&self.app).into_iter().find(|seen| seen.asked == asked).unwrap().stands
    }

    /// Lets the box work until it has told of an order.
    async fn report(&self, asked: FactId) -> SupportReported {
        let serving = tokio::spawn(serve(Shared::clone(&self.app)));
        let report = self.told(asked).await;
        serving.abort();
        report
    }

    /// Waits until it has told of an order.
    async fn told(&self, asked: FactId) -> SupportReported {
        let mut changes = self.app.gate.changes();
        loop {
            let known = self.app.gate.read(|clinic| clinic.support.orders.get(&asked)?.report.clone());
            match known {
                Some(report) => return report,
                None => tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap(),
            }
        }
    }

    /// Has an order come that is agreed to and begun, and returns it.
    async fn begun(&mut self) -> Seen {
        let order = self.order();
        let asked = self.comes(Fact::SupportOrdered(self.signed(&order))).await;
        self.says(asked, Answer::Yes).await;
        assert!(begin(&self.app, &look(&self.app).remove(0), &order).await.unwrap());
        look(&self.app).remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_order_it_is_follows_from_the_signature_and_from_nothing_else() {
    let clinic = Clinic::open();
    let config = clinic.app.configured();
    let good = clinic.signed(&clinic.order());
    assert_eq!(signer(&config, &good), Ok("山田".to_owned()));
    let other = SupportOrdered { order: good.order.replace("checkup", "monitor"), ..good.clone() };
    let bare = SupportOrdered { signature: STANDARD.encode(clinic.key.sign(good.order.as_bytes())), ..good.clone() };
    let none = SupportOrdered { signature: String::new(), ..good.clone() };
    let half = SupportOrdered { signature: good.signature.chars().take(44).collect(), ..good };
    for forged in [other, bare, none, half] {
        assert_eq!(signer(&config, &forged), Err(Why::Forged), "{forged:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_that_the_hub_sends_is_no_yes() {
    let mut clinic = Clinic::open();
    let order = clinic.order();
    let asked = clinic.comes(Fact::SupportOrdered(clinic.signed(&order))).await;
    assert_eq!(clinic.stands(asked), Stands::Asks);
    let answer = SupportAnswered { asked, said: Answer::Yes, mark: "0".repeat(64) };
    clinic.comes(Fact::SupportAnswered(answer)).await;
    assert_eq!(clinic.stands(asked), Stands::Refused(Why::NotConsented));
    let report = clinic.report(asked).await;
    assert_eq!((report.outcome, report.ran_ms), (Outcome::Refused(Why::NotConsented), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_for_one_order_is_none_for_another() {
    let mut clinic = Clinic::open();
    let order = clinic.order();
    let asked = clinic.comes(Fact::SupportOrdered(clinic.signed(&order))).await;
    let mark = marked(&clinic.app, (asked, &clinic.signed(&order)), Answer::No).mark;
    let yes = marked(&clinic.app, (asked, &clinic.signed(&order)), Answer::Yes).mark;
    let other = Order { order: OrderId::from_bytes([2; 16]), ..order };
    let again = clinic.comes(Fact::SupportOrdered(clinic.signed(&other))).await;
    for mark in [mark, yes] {
        clinic.comes(Fact::SupportAnswered(SupportAnswered { asked: again, said: Answer::Yes, mark })).await;
        assert_eq!(clinic.stands(again), Stands::Refused(Why::NotConsented));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_to_here_is_done_once_and_told() {
    let mut clinic = Clinic::open();
    let signed = clinic.signed(&clinic.order());
    let asked = clinic.comes(Fact::SupportOrdered(signed.clone())).await;
    clinic.says(asked, Answer::Yes).await;
    assert_eq!(clinic.stands(asked), Stands::Due);
    let report = clinic.report(asked).await;
    assert_eq!((report.outcome, report.operator.as_deref()), (Outcome::Done, Some("山田")));
    assert!(report.found.unwrap().contains("\"version\""));
    let again = clinic.comes(Fact::SupportOrdered(signed)).await;
    assert_eq!(clinic.report(again).await.outcome, Outcome::Refused(Why::Replayed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_when_the_box_stopped_is_not_begun_again() {
    let mut clinic = Clinic::open();
    let order = clinic.order();
    let asked = clinic.comes(Fact::SupportOrdered(clinic.signed(&order))).await;
    clinic.says(asked, Answer::Yes).await;
    let seen = look(&clinic.app).remove(0);
    assert!(begin(&clinic.app, &seen, &order).await.unwrap());
    // Whoever asks the journal again, as after an answer that was lost, is told that it had begun.
    assert!(!begin(&clinic.app, &seen, &order).await.unwrap());
    let report = clinic.report(asked).await;
    assert_eq!((report.outcome, report.done.len()), (Outcome::Unknown, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_box_had_begun_is_told_while_this_one_runs() {
    let mut clinic = Clinic::open();
    let serving = tokio::spawn(serve(Shared::clone(&clinic.app)));
    let order = clinic.order();
    let asked = clinic.comes(Fact::SupportOrdered(clinic.signed(&order))).await;
    clinic.comes(Fact::SupportBegun(SupportBegun { asked, order: order.order })).await;
    assert_eq!(clinic.told(asked).await.outcome, Outcome::Unknown);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_an_order_is_kept_until_it_can_be_told() {
    let mut clinic = Clinic::open();
    let seen = clinic.begun().await;
    let came = (Outcome::Done, Ran { is_done: true, steps: vec!["looked".to_owned()], ..Ran::default() });
    let mut doing = Doing { untold: BTreeMap::from([(seen.asked, came.clone())]), ..Doing::default() };
    end(&clinic.app, &seen, &mut doing).await;
    let report = clinic.told(seen.asked).await;
    assert_eq!((report.outcome, report.done), (Outcome::Done, vec!["looked".to_owned()]));
    assert!(doing.untold.is_empty());
    // Nothing is written down any more.
    assert!(daemon::close(&clinic.app.gate).await);
    doing.tell(&clinic.app, &seen, came).await;
    assert!(doing.untold.contains_key(&seen.asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_ends_with_its_time() {
    let mut clinic = Clinic::open();
    let seen = clinic.begun().await;
    let now = clinic.app.gate.clock.now().0;
    for (until, is_over) in [(now.plus_ms(60_000), false), (now, true)] {
        let running = Lasting { asked: seen.asked, until, began: now, done: "the log said more".to_owned() };
        let mut doing = Doing { lasting: Some(running), ..Doing::default() };
        end(&clinic.app, &seen, &mut doing).await;
        assert_eq!(doing.lasting.is_none(), is_over);
    }
    let report = clinic.told(seen.asked).await;
    assert_eq!(
        (report.outcome, report.done.last().unwrap().as_str()),
        (Outcome::Done, "it was put back, as its time was over")
    );
}
