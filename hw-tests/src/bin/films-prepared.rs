//! `machiai-screen prepare` out of this package: a test's store can start it wherever the tests are built.

use std::process::ExitCode;

use clap::Parser;
use machiai_screen::prepare;

/// Prepares one film.
#[derive(Debug, Parser)]
enum Cli {
    /// As `machiai-screen prepare`.
    Prepare(prepare::Args),
    /// As `machiai-screen prepare-served`.
    PrepareServed,
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Prepare(args) => args.carry_out(),
        Cli::PrepareServed => prepare::served::carry_out(),
    };
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
