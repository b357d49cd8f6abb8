//! Consultation calls on both sides: a box that dies in the middle of one, and a clock that steps in the middle of one.
//! What the hub's command says is what the box's list says.

use clap::Parser;
use machiai_core::ids::SiteId;
use machiai_core::time::AtMs;
use machiai_hub::calls::{ShowCalls, invoice};
use machiai_hub::door::limits::Limits;
use machiai_hub::store::Store;
use machiai_hub::store::devices::Replaces;
use machiai_hw_tests::demo::daemon::write;
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::soon;
use serde_json::{Value, json};
use std::time::Duration;

use super::Home;
use super::cloud::Cloud;
use crate::faults::Clinic;

const MONTH: &str = "2026-11";

/// How long the box goes on after the last heartbeat, before it dies.
const AFTER_THE_LAST: Duration = Duration::from_millis(400);

/// What is typed behind `machiai-hub calls`.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    show: ShowCalls,
}

/// What both sides say of a reservation: seconds, units, yen, tariff, version, and what is billed.
type Row = (String, [String; 6]);

/// Returns what the hub's command says, and the flags beside it.
async fn at_the_hub(store: &Store) -> Vec<(Row, String)> {
    let typed = Typed::try_parse_from(["calls", "1001", "--month", MONTH]).unwrap();
    let text = typed.show.carry_out(store, AtMs(0)).await.unwrap();
    let rows = text.lines().skip(1).filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let [site, reservation, seconds, units, yen, tariff, version, billed, flags] = cells.try_into().unwrap();
        assert_eq!(site, "1001");
        ((reservation, [seconds, units, yen, tariff, version, billed]), flags)
    };
    rows.map(row).collect()
}

/// Returns what the box's list says, by its columns, and the remarks beside it.
fn in_the_list(text: &str) -> Vec<(Row, String)> {
    let mut list = csv::Reader::from_reader(text.trim_start_matches('\u{FEFF}').as_bytes());
    let row = |row: csv::StringRecord| {
        let cell = |idx: usize| row.get(idx).unwrap().to_owned();
        ((cell(0), [cell(5), cell(8), cell(9), cell(6), cell(7), cell(10)]), cell(12))
    };
    list.records().map(|read| row(read.unwrap())).collect()
}

fn rows(said: &[(Row, String)]) -> Vec<&Row> {
    said.iter().map(|(row, _)| row).collect()
}

/// Waits until both sides say the same of every reservation, and returns what each says.
async fn alike(cloud: &Cloud, clinic: &Clinic) -> [Vec<(Row, String)>; 2] {
    let told = async || {
        let here = in_the_list(&clinic.carry_out(&["calls", "export", "--month", MONTH]));
        [here, at_the_hub(&cloud.store).await]
    };
    let same = async || {
        let [here, there] = told().await;
        (!here.is_empty() && rows(&here) == rows(&there)).then_some([here, there])
    };
    if let Ok(same) = soon("box and hub say the same", same).await {
        return same;
    }
    let [here, there] = told().await;
    panic!("the box says {here:?}, and the hub {there:?}")
}

/// Sets a box on a wall clock of its own, enrolled at a hub.
async fn enrolled(cloud: &Cloud) -> Clinic {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let config = clinic.folder.path().join("machiai.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    write(&config, format!("hub = \"https://{}\"\n{text}", cloud.address)).unwrap();
    clinic.carry_out(&["enrol", &cloud.code(1001, Replaces::Nothing).await]);
    clinic
}

fn call(connection: &str) -> Value {
    json!({"reservation": "R1", "endpoint": "doctor-pc", "connection": connection})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_which_the_box_is_killed_ends_once_and_flagged_at_its_last_heartbeat_here_and_at_the_hub() {
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let clinic = enrolled(&cloud).await;
    let mut running = clinic.start();
    let whole = Stopwatch::start();
    running.press("calls/connect", call("c1")).await;
    let since_connected = Stopwatch::start();
    Stopwatch::start().wait_until(Duration::from_millis(1_500));
    let least = since_connected.read();
    running.press("calls/heartbeat", call("c1")).await;
    let most = whole.read();
    // While it runs the hub knows that it does, and no more.
    let comes = async || at_the_hub(&cloud.store).await.pop();
    let ((_, [seconds, ..]), flags) = soon("the call comes to the hub", comes).await.unwrap();
    assert_eq!((seconds.as_str(), flags.as_str()), ("0", "running running unknown_reservation"));
    Stopwatch::start().wait_until(AFTER_THE_LAST);
    running.kill();

    // It dies again before it has told anybody, and again.
    for _ in 0..2 {
        clinic.start().kill();
    }
    let running = clinic.start();
    let [here, there] = alike(&cloud, &clinic).await;
    let [(_, flags)] = &there[..] else { panic!("{there:?}") };
    assert_eq!(flags, "restarted unknown_reservation");
    assert!(here[0].1.contains("途中で装置が再起動"), "{here:?}");

    // Once, and as long as it was seen to stand.
    let told = invoice(&cloud.store, SiteId(1001), MONTH.parse().unwrap()).await.unwrap().unwrap();
    let connections: Vec<_> = told.reservations.iter().flat_map(|rated| &rated.connections).collect();
    assert_eq!(connections.len(), 1, "{connections:?}");
    let length = Duration::from_millis(u64::try_from(connections[0].length_ms).unwrap());
    let tick = Duration::from_millis(2);
    assert!(least <= length + tick && length <= most + tick, "{length:?} is not within {least:?} and {most:?}");

    // What the vendor saw otherwise is listed at the hub, too, before what it all comes to.
    let list =
        "reservation,identity,connection,joined,left\nR1,clinic-1,PA_1,2026-11-24T04:00:00,2026-11-24T04:10:00\n";
    running.bring("calls/vendor/list", list).await;
    let listed = async || {
        let typed = Typed::try_parse_from(["calls", "1001", "--month", MONTH]).unwrap();
        let text = typed.show.carry_out(&cloud.store, AtMs(0)).await.unwrap();
        text.contains("\n# R1 differs: csv has 600 s, the box 1 s; 0 with one end only\n# 1 reservations, ")
            .then_some(())
    };
    soon("the difference comes to the hub", listed).await.unwrap();
    running.stop();
    cloud.stop().await;
}

/// The consultations of the morning, in seconds from the first one's start: when the clinic connects and disconnects.
///
/// The second one's later stretch ends three minutes early, so that no slow machine makes a begun unit of it.
const MORNING: [(u64, &str, &str); 8] = [
    (0, "connect", "R001"),
    (2_700, "disconnect", "R001"),
    (3_000, "connect", "R002"),
    (3_700, "disconnect", "R002"),
    (3_900, "connect", "R002"),
    (4_820, "disconnect", "R002"),
    (6_000, "connect", "R003"),
    (6_600, "disconnect", "R003"),
];

/// How much faster than real time that is, and how far a press may be from its moment then, in seconds.
const SPEED: u64 = 300;
const PRESS_S: u64 = 90;

/// Plays the morning's consultations with steps of the box's wall clock, and returns what both sides say then.
async fn played(steps: &str) -> Vec<Row> {
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let clinic = enrolled(&cloud).await;
    let config = clinic.folder.path().join("machiai.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let rehearsal =
        format!("[rehearsal]\nstarts = \"2026-11-24T13:00:00+09:00\"\nspeed = {SPEED}\nsteps = [{steps}]\n");
    write(&config, format!("{text}\n{rehearsal}")).unwrap();
    let mut running = clinic.start();
    for (nth, reservation) in ["R001", "R002", "R003"].into_iter().enumerate() {
        let starts_at_ms = 1_795_492_800_000_i64 + i64::try_from(nth).unwrap() * 3_000_000;
        running.press("calls/reservations", json!({"reservation": reservation, "starts_at_ms": starts_at_ms})).await;
    }
    let since = Stopwatch::start();
    for (at_s, act, reservation) in MORNING {
        since.wait_until(Duration::from_millis(at_s * 1_000 / SPEED));
        let body = json!({"reservation": reservation, "endpoint": "doctor-pc"});
        running.press(&format!("calls/{act}"), body).await;
    }
    let [here, _] = alike(&cloud, &clinic).await;
    // Over the whole of the first call the facts' clock went on by what was stepped too.
    let facts = clinic.carry_out(&["journal", "export"]);
    let facts: Vec<Value> = facts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_first =
        facts.iter().filter(|fact| fact["body"]["reservation"] == "R001" && fact["kind"] != "ReservationSet");
    let at_ms: Vec<i64> = of_first.map(|fact| fact["at_ms"].as_i64().unwrap()).collect();
    let stepped_s = if steps.is_empty() { 0 } else { 86_400 };
    let off_s = (at_ms[1] - at_ms[0]) / 1_000 - 2_700 - stepped_s;
    assert!(off_s.unsigned_abs() <= PRESS_S, "the step was not within the call: {at_ms:?}");
    running.stop();
    cloud.stop().await;
    here.into_iter().map(|(row, _)| row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_steps_by_a_day_in_the_middle_of_a_call_changes_nothing_here_or_at_the_hub() {
    let step = "{ at = \"2026-11-24T13:25:00+09:00\", by_s = 86400 }";
    let ([stepped, steady], lengths) = ([played(step).await, played("").await], [2_700, 1_620, 600]);
    for told in [&stepped, &steady] {
        let units: Vec<_> =
            told.iter().map(|(of, [_, units, yen, ..])| (of.as_str(), units.as_str(), yen.as_str())).collect();
        assert_eq!(units, [("R001", "2", "200"), ("R002", "1", "100"), ("R003", "1", "100")]);
        for ((of, [seconds, ..]), length) in told.iter().zip(lengths) {
            let seconds: u64 = seconds.parse().unwrap();
            assert!(seconds.abs_diff(length) <= PRESS_S, "{of} lasted {seconds} s, and {length} s were played");
        }
    }
    let amounts = |told: &[Row]| told.iter().map(|(of, [_, more @ ..])| (of.clone(), more.clone())).collect::<Vec<_>>();
    assert_eq!(amounts(&stepped), amounts(&steady));
}
