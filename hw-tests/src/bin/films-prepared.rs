//! `machiai-screen prepare` out of this package: a test's store can start it wherever the tests are built.

use std::process::ExitCode;

use clap::Parser;
use machiai_screen::prepare;

/// Prepares one film.
#[derive(Debug, Parser)]
enum Cli {
    /// As `machiai-screen prepare`.
    Prepare(prepare::Args),
}

fn main() -> ExitCode {
    let Cli::Prepare(args) = Cli::parse();
    if args.carry_out().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
