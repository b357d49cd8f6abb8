//! The values of the golden lines of consultation calls.

use machiai_core::call::tariff::{Rule, Tariff};
use machiai_core::call::told::{
    CallAssigned, CallEnd, CallKey, CallWitnessed, EndReason, Evidence, Mark, RecordingMarked, Reservation, Seen, Side,
    TariffRemoved, TariffSet, Vendor,
};
use machiai_core::facts::Fact;
use machiai_core::ids::BootId;
use machiai_core::time::AtMs;

fn key(reservation: Option<&str>, connection: Option<&str>) -> CallKey {
    CallKey {
        reservation: reservation.map(|it| it.parse().unwrap()),
        endpoint: "cam_1".parse().unwrap(),
        connection: connection.map(|it| it.parse().unwrap()),
    }
}

fn end(key: CallKey) -> CallEnd {
    CallEnd { key, side: Side::Clinic, test: false, by_hand: false, reason: None, evidence: None }
}

/// An end that somebody noted, as the first version wrote it.
pub(super) fn by_hand() -> CallEnd {
    end(key(Some("r-2026/11"), None))
}

pub(super) fn calls() -> Vec<Fact> {
    let reservation = "r-2026/11".parse().unwrap();
    let known = || key(Some("r-2026/11"), Some("c-1"));
    let evidence = Evidence { boot: BootId::from_bytes([0xb2; 16]), mono_ms: 15_000, at_ms: AtMs(1_795_471_200_000) };
    let tariff = Tariff { version: 3, tax_permille: 80, ..Tariff::built_in(Rule::MergeGap) };
    let starts_at_ms = AtMs(1_795_492_800_000);
    vec![
        Fact::CallConnected(CallEnd { side: Side::Patient, test: true, by_hand: true, ..end(key(None, Some("c-1"))) }),
        Fact::CallDisconnected(CallEnd {
            reason: Some(EndReason::Restarted),
            evidence: Some(evidence),
            ..end(known())
        }),
        Fact::ReservationSet(Reservation {
            reservation,
            starts_at_ms,
            cancelled: true,
            policy: Some("2026-04".parse().unwrap()),
        }),
        Fact::CallAssigned(CallAssigned {
            endpoint: "cam_1".parse().unwrap(),
            connection: "c-1".parse().unwrap(),
            to: Some("r-2026/11".parse().unwrap()),
        }),
        Fact::RecordingMarked(RecordingMarked {
            key: known(),
            mark: Mark::Paused,
            place: Some("https://store.example/rec/1.mp4".parse().unwrap()),
        }),
        Fact::TariffSet(TariffSet { from: "2026-11-01".parse().unwrap(), tariff }),
        Fact::CallWitnessed(CallWitnessed {
            vendor: Vendor::Livekit,
            event: "EV_1".parse().unwrap(),
            key: known(),
            side: Side::Patient,
            seen: Seen::Left,
            seen_at_ms: starts_at_ms,
        }),
    ]
}

/// Returns facts of calls of a kind that came later.
pub(super) fn later() -> Vec<Fact> {
    vec![Fact::TariffRemoved(TariffRemoved { from: "2026-11-01".parse().unwrap() })]
}
