//! Writes what the package brings beside the program: a manual page for each command, and completions for shells.
//!
//! `cargo run -p machiai --example handbook -- FOLDER`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("name the folder to write to")?);
    let pages = folder.join("man");
    std::fs::create_dir_all(&pages).with_context(|| format!("cannot make {}", pages.display()))?;
    let mut command = machiai::cli::Cli::command();
    clap_mangen::generate_to(command.clone(), &pages).context("cannot write the manual pages")?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "machiai", &folder)
            .with_context(|| format!("cannot write what {shell} completes"))?;
    }
    Ok(())
}
