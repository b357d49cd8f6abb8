//! The `machiai` program: reads the command line, sets logging up, and turns errors into an exit status.

use std::process::ExitCode;

use clap::Parser;
use machiai::cli::{Cli, CliError};

/// Bad configuration (sysexits `EX_USAGE`): systemd must not start the daemon again.
const BAD_CONFIGURATION: u8 = 64;

fn main() -> ExitCode {
    let cli = Cli::parse();
    machiai::cli::set_up_logging();
    match machiai::cli::carry_out(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            machiai::cli::say_error(&error);
            ExitCode::from(if matches!(error, CliError::Config(_)) {
                BAD_CONFIGURATION
            } else if let CliError::Found { exit_status } = error {
                exit_status
            } else {
                1
            })
        }
    }
}
