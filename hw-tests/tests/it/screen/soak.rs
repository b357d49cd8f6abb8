//! Switches over films of every kind, good and bad, with calls over them.

use machiai_hw_tests::demo::progress::out;
use machiai_hw_tests::power::cuts::times_torture;
use machiai_hw_tests::soak::soak;

#[test]
fn no_switch_shows_a_black_or_wrong_picture_whatever_the_file() {
    let n_switches = if times_torture(1) > 1 { 1_000 } else { 30 };
    let figures = soak(n_switches, 1).unwrap();
    out(&format!("{figures:?}\n"));
    assert_eq!(figures.faults(), Vec::<String>::new());
    assert_eq!(figures.switches, n_switches);
    assert!(figures.bad > 0 && figures.calls > 0, "{figures:?}");
    assert!(figures.judged.compared > 10 * n_switches as u64, "{figures:?}");
}
