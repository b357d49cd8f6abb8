//! The worked cases of the terms: what each tariff makes of connections.

use machiai_core::call::rate::Given;
use machiai_core::call::tariff::{Rule, Stretch, Tariff};
use machiai_core::call::told::{TariffRemoved, TariffSet};
use machiai_core::facts::Fact;

use super::{MINUTE_MS, START, Stage, nothing_open};

/// Connections in minutes, and the units of each rule, in the order of [`Rule::ALL`].
const CASES: &str = "
| 0-45 | 2 | 2 | 2 | 2 | 2 |
| 0-20, 25-45 | 2 | 2 | 2 | 2 | 2 |
| 0-10, 15-25 | 1 | 1 | 2 | 1 | 1 |
| 0-10, 35-45 | 1 | 2 | 2 | 2 | 2 |
| 0-20, 45-65 | 2 | 3 | 2 | 3 | 2 |
| 0-12, 24-36 | 1 | 2 | 2 | 2 | 2 |
| 0-30 | 1 | 1 | 1 | 1 | 1 |
| 0-30:01 | 2 | 2 | 2 | 2 | 2 |
| 0-0:05 | 1 | 1 | 1 | 1 | 1 |
| 0-20, 0-20 | 1 | 1 | 1 | 1 | 1 |
";

/// Reads `30:01`, minutes and seconds.
fn minutes(text: &str) -> i64 {
    let (minutes, seconds) = text.split_once(':').unwrap_or((text, "0"));
    minutes.parse::<i64>().unwrap() * MINUTE_MS + seconds.parse::<i64>().unwrap() * 1_000
}

fn spans(text: &str) -> Vec<(i64, i64)> {
    let span = |span: &str| span.trim().split_once('-').map(|(from, to)| (minutes(from), minutes(to))).unwrap();
    text.split(',').map(span).collect()
}

/// Connections, and the units of each rule.
type Row = (Vec<(i64, i64)>, Vec<i64>);

fn rows() -> Vec<Row> {
    let row = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (spans(cells[0]), cells[1..].iter().map(|units| units.parse().unwrap()).collect())
    };
    CASES.lines().filter(|row| !row.is_empty()).map(row).collect()
}

#[test]
fn every_tariff_gives_the_units_of_the_worked_cases() {
    let rows = rows();
    assert_eq!(rows.len(), 10);
    for (spans, expected) in rows {
        for (rule, expected) in Rule::ALL.into_iter().zip(expected) {
            let tariff = Tariff::built_in(rule);
            let mut stage = Stage::new();
            stage.reserve("R1", START);
            stage.write(Fact::TariffSet(TariffSet { from: "2026-11-01".parse().unwrap(), tariff: tariff.clone() }));
            stage.connections("R1", &spans);
            let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
            let rated = &invoice.reservations[0];
            let units = (rated.given.tariff.as_str(), rated.given.units, rated.given.yen, invoice.yen);
            assert_eq!(
                units,
                (tariff.name.as_str(), expected, expected * 100, expected * 100),
                "{rule:?} of {spans:?}"
            );
        }
    }
}

#[test]
fn a_reservation_says_what_every_other_tariff_would_give() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connections("R1", &spans("0-20, 45-65"));
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.given.tariff.as_str(), rated.given.version), ("reservation-total", 1));
    let others: Vec<(&str, i64)> = rated.others.iter().map(|given| (given.tariff.as_str(), given.units)).collect();
    assert_eq!(others, [("span", 3), ("per-connection", 2), ("windows", 3), ("merge-gap", 2)]);

    // One that the clinic set for other days is another tariff too; the one that counts is not.
    let own = |from: &str, unit_yen| {
        let tariff = Tariff { version: unit_yen, unit_yen, ..Tariff::built_in(Rule::Span) };
        Fact::TariffSet(TariffSet { from: from.parse().unwrap(), tariff })
    };
    stage.write(own("2026-11-01", 120));
    stage.write(own("2027-01-01", 150));
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    let yen = |given: &Given| (given.tariff.as_str().to_owned(), given.version, given.yen);
    assert_eq!(yen(&rated.given), ("span".to_owned(), 120, 360));
    let others: Vec<_> = rated.others.iter().map(yen).collect();
    let named = |name: &str, version, yen| (name.to_owned(), version, yen);
    let expected = [
        named("reservation-total", 1, 200),
        named("span", 1, 300),
        named("per-connection", 1, 200),
        named("windows", 1, 300),
        named("merge-gap", 1, 200),
        named("span", 150, 450),
    ];
    assert_eq!(others, expected);
}

#[test]
fn two_reservations_are_rated_each_alone_and_taxed_together_once() {
    let mut stage = Stage::new();
    // 100 x 3 and 33 yen: 9.9 % of tax is cut off once, not three times.
    let odd = Tariff { unit_yen: 33, version: 2, ..Tariff::built_in(Rule::ReservationTotal) };
    stage.write(Fact::TariffSet(TariffSet { from: "2026-11-01".parse().unwrap(), tariff: odd }));
    for nth in 0..3 {
        let name = format!("R{nth}");
        stage.reserve(&name, START);
        stage.connections(&name, &[(nth * 60 * MINUTE_MS, (nth * 60 + 10) * MINUTE_MS)]);
    }
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
    let given: Vec<i64> = invoice.reservations.iter().map(|rated| rated.given.yen).collect();
    assert_eq!(given, [33, 33, 33]);
    assert_eq!((invoice.yen, invoice.taxes.len(), invoice.taxes[0].tax_yen, invoice.total_yen), (99, 1, 9, 108));
}

#[test]
fn the_three_calls_of_the_recorded_morning_are_rated_as_the_terms_say() {
    let mut stage = Stage::new();
    // By hand, from one device, as the morning has them; the clock is a day ahead from the second call's first end on.
    let at = |time: &str| minutes(time) - minutes("780");
    for (time, name, is_start) in [
        ("780", "R001 doctor-pc -", true),
        ("825", "R001 doctor-pc -", false),
        ("830", "R002 doctor-pc -", true),
        ("841:40", "R002 doctor-pc -", false),
        ("845", "R002 doctor-pc -", true),
        ("863:20", "R002 doctor-pc -", false),
        ("880", "R003 doctor-pc -", true),
        ("890", "R003 doctor-pc -", false),
    ] {
        stage.until(at(time));
        if time == "841:40" {
            stage.step_clock(24 * 60 * MINUTE_MS);
        }
        if is_start {
            stage.connect(name)
        } else {
            stage.disconnect(name)
        };
    }
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
    let told: Vec<(&str, i64, i64)> = invoice
        .reservations
        .iter()
        .map(|rated| (rated.reservation.as_str(), rated.connected_ms / 1_000, rated.given.units))
        .collect();
    assert_eq!(told, [("R001", 2_700, 2), ("R002", 1_800, 1), ("R003", 600, 1)]);
    assert_eq!((invoice.yen, invoice.total_yen), (400, 440));
}

#[test]
fn another_rate_of_tax_is_rounded_alone() {
    let mut stage = Stage::new();
    let reduced = Tariff { unit_yen: 99, tax_permille: 80, ..Tariff::built_in(Rule::ReservationTotal) };
    stage.write(Fact::TariffSet(TariffSet { from: "2026-11-25".parse().unwrap(), tariff: reduced }));
    stage.reserve("R1", START);
    stage.reserve("R2", START.plus_ms(24 * 60 * MINUTE_MS));
    stage.connections("R1", &spans("0-10"));
    stage.connections("R2", &[(1_440 * MINUTE_MS, 1_450 * MINUTE_MS)]);
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
    let taxes: Vec<(u16, i64, i64)> = invoice.taxes.iter().map(|tax| (tax.permille, tax.yen, tax.tax_yen)).collect();
    assert_eq!(taxes, [(80, 99, 7), (100, 100, 10)]);
    assert_eq!(invoice.total_yen, 216);
}

#[test]
fn a_tariff_that_is_taken_back_leaves_the_one_before_it() {
    let mut stage = Stage::new();
    let day = |day: &str| day.parse().unwrap();
    let dear = |unit_yen| Tariff { unit_yen, ..Tariff::built_in(Rule::ReservationTotal) };
    for (from, unit_yen) in [("2026-11-01", 120), ("2026-11-24", 150)] {
        stage.write(Fact::TariffSet(TariffSet { from: day(from), tariff: dear(unit_yen) }));
    }
    stage.reserve("R1", START);
    stage.connections("R1", &spans("0-10"));
    let mut yen = |gone: Option<&str>| {
        if let Some(from) = gone {
            stage.write(Fact::TariffRemoved(TariffRemoved { from: day(from) }));
        }
        stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open()).yen
    };
    assert_eq!([None, Some("2026-11-24"), Some("2026-11-01")].map(&mut yen), [150, 120, 100]);
}

#[test]
fn the_month_is_that_of_the_reservations_start_in_tokyo() {
    let mut stage = Stage::new();
    // 23:50 on the last of November in Tokyo; the call runs into December.
    let late: machiai_core::time::AtMs = machiai_core::time::AtMs(1_796_050_200_000);
    stage.at = late.plus_ms(5 * MINUTE_MS);
    stage.reserve("R1", late);
    stage.connections("R1", &spans("0-20"));
    let calls = stage.calls();
    let month = |month: &str| calls.invoice(month.parse().unwrap(), &nothing_open()).reservations.len();
    assert_eq!((month("2026-11"), month("2026-12")), (1, 0));
    // Nobody told of this one: it is of the month in which it was made.
    stage.connections("R2", &[(20 * MINUTE_MS, 25 * MINUTE_MS)]);
    let december = stage.calls().invoice("2026-12".parse().unwrap(), &nothing_open());
    assert_eq!(december.reservations[0].reservation.as_str(), "R2");
}

#[test]
fn stretches_of_no_length_cost_nothing() {
    for rule in Rule::ALL {
        let tariff = Tariff::built_in(rule);
        assert_eq!(tariff.units(&[]), 0, "{rule:?}");
        assert_eq!(tariff.units(&[Stretch { from_ms: 5, to_ms: 5 }, Stretch { from_ms: 9, to_ms: 2 }]), 0, "{rule:?}");
    }
}
