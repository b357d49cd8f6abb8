//! The `machiai-screen` program: reads the command line and turns errors into an exit status.

use std::process::ExitCode;

use clap::Parser;
use machiai_screen::cli::Cli;

fn main() -> ExitCode {
    if Cli::parse().carry_out() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
