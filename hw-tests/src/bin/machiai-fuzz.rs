//! Searches for bytes that break one door: `MACHIAI_DOOR` names it, the rest of the command line is libFuzzer's.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use machiai_hw_tests::hostile::Door;

static DOOR: LazyLock<Option<Door>> = LazyLock::new(|| {
    let name = std::env::var("MACHIAI_DOOR").ok()?;
    Door::ALL.into_iter().find(|door| door.name() == name)
});

fuzz_target!(|bytes: &[u8]| {
    let Some(door) = *DOOR else { std::process::abort() };
    door.knock(bytes);
});
