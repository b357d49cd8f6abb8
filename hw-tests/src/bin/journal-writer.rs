//! Appends to a real journal and says after each answer which number is on disk, until it is killed.
//!
//! `journal-writer FILE OPENING`: one line per answer on standard output, nothing else.
#![expect(clippy::print_stdout, reason = "its lines are what the test reads")]

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use machiai_hw_tests::power::desk::{Give, about, ask, turns};
use machiai_journal::{Disk, Store};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("no file named")?;
    let opening = arguments.next().context("no opening named")?.parse()?;
    let store = Store::open(about(Disk::real(), Path::new(&path), opening))?;
    let mut turns = turns(store).map_err(|torn| anyhow!("{torn:?}"))?;
    loop {
        let number = turns.rules().n_given() + 1;
        let n_facts = if number.is_multiple_of(4) { 3 } else { 1 };
        for answer in ask(&mut turns, &[Give { n_facts, n_bytes: 200, secret: None }]) {
            println!("{}", answer?);
            std::io::stdout().flush()?;
        }
        turns.after_answers();
        if number.is_multiple_of(10) {
            turns.idle();
        }
    }
}
