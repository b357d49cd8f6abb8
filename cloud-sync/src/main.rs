//! The `machiai-hub` program: reads the command line, sets logging up, and turns errors into an exit status.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use machiai_hub::causes::with_causes;
use machiai_hub::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    match Cli::parse().carry_out().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %with_causes(error.as_ref()), "the hub ended");
            ExitCode::FAILURE
        }
    }
}
