//! Writes what the packages bring beside their programs: a manual page for each command, and completions for shells.
//!
//! `cargo run -p machiai-hw-tests --example handbook -- FOLDER`: `FOLDER/machiai/man`, and so for each program.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("name the folder to write to")?);
    let programs = [
        machiai::cli::Cli::command(),
        machiai_screen::cli::Cli::command(),
        machiai_hub::cli::Cli::command(),
        machiai_hw_tests::accept::cli::Cli::command(),
    ];
    programs.into_iter().try_for_each(|program| write(program, &folder))
}

fn write(mut program: Command, folder: &Path) -> anyhow::Result<()> {
    let name = program.get_name().to_owned();
    let folder = folder.join(&name);
    let pages = folder.join("man");
    std::fs::create_dir_all(&pages).with_context(|| format!("cannot make {}", pages.display()))?;
    clap_mangen::generate_to(program.clone(), &pages).context("cannot write the manual pages")?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut program, &name, &folder)
            .with_context(|| format!("cannot write what {shell} completes"))?;
    }
    Ok(())
}
