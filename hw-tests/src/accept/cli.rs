//! The command line of `machiai-hw-tests`: what is tried, and trying it.

use std::io::{stdin, stdout};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use machiai_core::ids::SiteId;
use machiai_hub::support::key::SigningKey;

use super::person::{AtTerminal, Person as _};
use super::report::{is_accepted, signed};
use super::{OnLine, Site, now, walk};
use crate::demo::api::Api;
use crate::demo::stopwatch::Stopwatch;

/// Tries the devices of a site.
#[derive(Debug, Parser)]
#[command(name = "machiai-hw-tests", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Walks through the devices that are named; what each did is confirmed on standard input, by nobody else.
    ///
    /// The daemon must not have the serial and input devices that are tried: name them in its configuration afterwards.
    Run(Box<Run>),
}

#[derive(Debug, Parser)]
struct Run {
    /// The number of the facility.
    #[arg(long)]
    site: u32,
    /// A ticket printer: tcp://HOST:PORT, serial:PATH:BAUD or file:PATH.
    #[arg(long)]
    printer: Option<String>,
    /// The kind of printer, as the settings name it.
    #[arg(long, default_value = "epson-80")]
    profile: String,
    /// A button box: PATH=PROTOCOL.
    #[arg(long)]
    serial: Option<OnLine>,
    /// A number display: PATH=PROTOCOL.
    #[arg(long)]
    display: Option<OnLine>,
    /// A reader: PATH, or PATH=PROTOCOL on a serial line.
    #[arg(long)]
    reader: Option<OnLine>,
    /// A keypad.
    #[arg(long)]
    keypad: Option<PathBuf>,
    /// A monitor, by its name at the box: monitor1.
    #[arg(long, requires = "at")]
    screen: Option<String>,
    /// The box, to which the report is handed: http://127.0.0.1:8110.
    #[arg(long = "box")]
    at: Option<String>,
    /// The key that signs the report, of `machiai-hub support key`.
    #[arg(long)]
    key: PathBuf,
    /// The report's file, JSON.
    #[arg(long)]
    out: PathBuf,
}

impl Cli {
    /// Does what the command line says; returns whether the site is accepted.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn carry_out(self) -> Result<bool> {
        let Action::Run(run) = self.action;
        carry_out(&run)
    }
}

fn carry_out(run: &Run) -> Result<bool> {
    let key = SigningKey::read(&run.key).context("cannot sign the report")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let api = run.at.as_deref().map(|at| Api::new(at.trim_end_matches('/'), Stopwatch::start())).transpose()?;
    let site = Site {
        printer: run.printer.clone(),
        profile: run.profile.clone(),
        serial: run.serial.clone(),
        display: run.display.clone(),
        reader: run.reader.clone(),
        keypad: run.keypad.clone(),
        screen: run.screen.clone(),
    };
    let mut person = AtTerminal::new(stdin().lock(), stdout());
    let began_ms = now();
    let scenes = runtime.block_on(walk(&site, api.as_ref(), &mut person))?;
    let accepted = is_accepted(&scenes);
    let report = signed(SiteId(run.site), (began_ms, now()), scenes, &key)?;
    report.keep(&run.out)?;
    person.tell(&format!("report: {}", run.out.display()))?;
    match (accepted, api) {
        (true, Some(api)) => {
            runtime.block_on(report.hand_over(&api))?;
            person.tell("the box has the report: the site is accepted")?;
        }
        (true, None) => person.tell("no box was named: the report is in the file alone")?,
        (false, _) => person.tell("NOT ACCEPTED: the report is in the file alone")?,
    }
    Ok(accepted)
}
