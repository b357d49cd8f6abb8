//! The command line of `machiai-screen`: one monitor from start to stop, and one film prepared.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand, ValueEnum};
use machiai_panel::Layout;

use crate::lamp::{self, Lamp};
use crate::output::{Sink, Turn};
use crate::prepare;
use crate::run::{Setting, chain, run};
use crate::voice::VoicePaths;

/// The program and the queue panel on a monitor.
#[derive(Debug, Parser)]
#[command(name = "machiai-screen", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Shows the program and the queue until it is told to stop.
    Run(Monitor),
    /// Prepares the film on standard input for a region, onto standard output; says what came of it on standard error.
    Prepare(prepare::Args),
    /// Prepares the film that the daemon hands over a socket on standard input; systemd starts it.
    PrepareServed,
}

/// The monitor.
#[derive(Debug, Args)]
pub struct Monitor {
    /// Where the daemon listens.
    #[arg(long, default_value = "/run/machiai/screen.sock")]
    pub socket: PathBuf,
    /// Which monitor this is, by the place where it hangs.
    #[arg(long, default_value = "monitor1")]
    pub monitor: String,
    /// Whether it stands upright.
    #[arg(long)]
    pub portrait: bool,
    /// How the picture is turned onto an upright monitor without a desktop: the other way where it is upside down.
    #[arg(long, value_enum, default_value_t = Turn::Clockwise)]
    pub turn: Turn,
    /// Where the picture goes.
    #[arg(long, value_enum, default_value_t = To::Kms)]
    pub sink: To,
    /// At which connector it hangs, `HDMI-A-1`, where there is more than one: which card is used, and whether it is lit, is
    /// told by that one.
    #[arg(long)]
    pub connector: Option<String>,
    /// The ALSA device at which it is heard, `hdmi:CARD=PCH,DEV=0`, where the machine's default is not the right one.
    #[arg(long, value_parser = device)]
    pub sound_device: Option<String>,
    /// Recorded speech: a folder of `ja/HASH.wav` and `en/HASH.wav`, named by the blake3 hash of the text.
    #[arg(long)]
    pub clips: Option<PathBuf>,
    /// A folder with a voice for Open JTalk, `*.htsvoice`, before those of Debian.
    #[arg(long)]
    pub voice: Option<PathBuf>,
}

/// Where the picture goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum To {
    /// The monitor itself, without a desktop.
    Kms,
    /// A window of a Wayland compositor.
    Wayland,
    /// A window of an X server.
    X11,
    /// Nowhere: for measurements.
    Null,
}

impl Cli {
    /// Does what the command line says; returns whether all went well.
    #[must_use]
    pub fn carry_out(self) -> bool {
        match self.action {
            Action::Run(monitor) => show(monitor),
            Action::Prepare(args) => args.carry_out().is_ok(),
            Action::PrepareServed => serve(),
        }
    }
}

/// Prepares one film for the daemon.
fn serve() -> bool {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let done = prepare::served::carry_out();
    if let Err(error) = &done {
        tracing::error!(error = %chain(error), "no film is prepared");
    }
    done.is_ok()
}

/// Shows what the daemon says; a signal ends the process, as nothing is kept here that an orderly end would save.
fn show(monitor: Monitor) -> bool {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let sink = match monitor.sink {
        To::Kms => Sink::Kms { connector: monitor.connector.clone(), turn: monitor.turn },
        To::Wayland => Sink::Wayland,
        To::X11 => Sink::X11,
        To::Null => Sink::Null,
    };
    let layout = if monitor.portrait { Layout::Portrait } else { Layout::Landscape };
    let mut voices = VoicePaths { clips: monitor.clips, ..VoicePaths::debian() };
    voices.voices.splice(0..0, monitor.voice);
    // What goes nowhere is at no monitor.
    let connectors = (!matches!(monitor.sink, To::Null)).then(|| lamp::CONNECTORS.into());
    let lamp = Lamp { connectors, name: monitor.connector };
    let devices = devices(monitor.sink, monitor.sound_device.as_deref());
    let setting = Setting { socket: monitor.socket, monitor: monitor.monitor, layout, sink, devices, lamp, voices };
    let done = run(&setting, &AtomicBool::new(false));
    if let Err(error) = &done {
        tracing::error!(error = %chain(error), "the screen ended");
    }
    done.is_ok()
}

/// Returns where sound is heard, as GStreamer describes sinks, the first that opens first. A desktop's sound server has
/// the devices to itself.
fn devices(to: To, alsa: Option<&str>) -> Vec<String> {
    let plain = || alsa.map_or_else(|| "alsasink".to_owned(), |device| format!("alsasink device=\"{device}\""));
    match to {
        To::Null => Vec::new(),
        To::Kms => vec![plain()],
        To::Wayland | To::X11 if alsa.is_none() => vec!["pulsesink".to_owned(), plain()],
        To::Wayland | To::X11 => vec![plain()],
    }
}

/// Reads the name of an ALSA device: what is more than a name would be read as more of the pipeline.
fn device(name: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:,=".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        Ok(name.to_owned())
    } else {
        Err("not the name of an ALSA device")
    }
}
