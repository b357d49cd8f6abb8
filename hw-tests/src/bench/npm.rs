//! What others wrote in JavaScript, installed by npm into the build's own folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::demo::daemon::write;
use crate::demo::progress::out;

/// A script with the packages that it needs.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What npm installs, a `package.json`.
    pub package: &'static str,
    /// The script.
    pub script: &'static str,
    /// A script that fails unless the packages are there and work; some are partly C++.
    pub probe: &'static str,
    /// What is installed, in words.
    pub named: &'static str,
}

impl Script {
    /// Installs the packages into a folder, once, and returns the script there.
    ///
    /// # Errors
    /// node or npm is missing, or the packages cannot be installed: the comparison is left out.
    pub fn install(self, kept: &Path) -> Result<PathBuf> {
        for program in ["node", "npm"] {
            run(Command::new(program).arg("--version")).with_context(|| format!("{program} is missing"))?;
        }
        std::fs::create_dir_all(kept).with_context(|| format!("cannot make {}", kept.display()))?;
        let (package, script) = (kept.join("package.json"), kept.join("script.js"));
        let is_current = std::fs::read_to_string(&package).is_ok_and(|there| there == self.package);
        let works = || run(Command::new("node").args(["-e", self.probe]).current_dir(kept));
        if !is_current || works().is_err() {
            out(&format!("installing {} with npm; what must be compiled takes minutes\n", self.named));
            write(&package, self.package)?;
            let flags = ["install", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"];
            run(Command::new("npm").args(flags).current_dir(kept)).context("npm cannot install them")?;
            works().context("what npm installed does not work")?;
        }
        write(&script, self.script)?;
        Ok(script)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().context("cannot be started")?;
    if status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    bail!("{}", stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("failed without a word"))
}
