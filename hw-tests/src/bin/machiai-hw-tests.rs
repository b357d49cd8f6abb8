//! `machiai-hw-tests run`: the acceptance of a real site, confirmed by whoever stands before its devices.

use std::io::{Write as _, stderr};
use std::process::ExitCode;

use clap::Parser as _;
use machiai_hw_tests::accept::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().carry_out() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody may listen any more.
            drop(writeln!(stderr(), "machiai-hw-tests: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
