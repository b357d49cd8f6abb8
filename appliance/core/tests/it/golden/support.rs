//! The values of the golden lines of remote support.

use machiai_core::envelope::By;
use machiai_core::facts::Fact;
use machiai_core::ids::{FactId, OrderId, Origin, Seq};
use machiai_core::support::commission::Commissioned;
use machiai_core::support::order::{Act, Purpose};
use machiai_core::support::{
    Answer, Outcome, Picture, SupportAnswered, SupportBegun, SupportOrdered, SupportReported, Why,
};
use machiai_core::time::AtMs;

/// The newest kind of support, whose line is the last.
pub(super) fn commissioned() -> Fact {
    let report = r#"{"site":1001,"version":"0.1.0","began_ms":1,"ended_ms":2,"scenes":[{"scene":"ticket","device":"tcp:192.0.2.7:9100","came":"passed"}]}"#;
    Fact::Commissioned(Commissioned { report: report.into(), signature: "AAAA".into(), operator: "山田".into() })
}

pub(super) fn support() -> Vec<Fact> {
    let asked = FactId { origin: Origin::from_bytes([0xd4; 16]), seq: Seq(7) };
    let order = OrderId::from_bytes([0xe5; 16]);
    let refused = SupportReported {
        asked,
        order: None,
        ordered: None,
        purpose: None,
        operator: None,
        consented: None,
        outcome: Outcome::Refused(Why::Forged),
        ran_ms: None,
        done: Vec::new(),
        found: None,
        picture: None,
    };
    let done = SupportReported {
        order: Some(order),
        ordered: Some(Act::UpdateConfiguration {
            printer: "p1".parse().unwrap(),
            address: "tcp://192.0.2.7:9100".into(),
            profile: "epson-80".into(),
        }),
        purpose: Some(Purpose::Printer),
        operator: Some("山田".into()),
        consented: Some(By { device: "desk-1".parse().unwrap(), person: Some("sato".into()) }),
        outcome: Outcome::Done,
        ran_ms: Some((AtMs(1_795_471_200_000), AtMs(1_795_471_201_000))),
        done: vec!["set printer p1".into()],
        found: Some("{}".into()),
        picture: Some(Picture { kind: "image/png".into(), base64: "iVBORw0=".into() }),
        ..refused.clone()
    };
    vec![
        Fact::SupportOrdered(SupportOrdered { order: r#"{"do":"<&>"}"#.into(), signature: "AAAA".into() }),
        Fact::SupportAnswered(SupportAnswered { asked, said: Answer::Withdrawn, mark: "0f1e".into() }),
        Fact::SupportBegun(SupportBegun { asked, order }),
        Fact::SupportReported(refused),
        Fact::SupportReported(done),
    ]
}
