//! The command line: `machiai run`, and what the clinic's IT does beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use machiai_core::people::DeviceKind;
use machiai_journal::open::Disk;
use machiai_journal::{Reader, StoreError};

use crate::access::api::PlaceBody;
use crate::causes::with_causes;
use crate::config::{Config, ConfigError};
use crate::daemon::{self, DaemonError};
use crate::devices::record::Recording;
use crate::link::enrol::{Begins, EnrolError};
use crate::link::hub_clock::hub_clock;
use crate::link::identity::Stands;
use crate::service;
use crate::settings::{Settings, SettingsError};

/// The waiting-room appliance.
#[derive(Debug, Parser)]
#[command(name = "machiai", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, default_value = "/etc/machiai/machiai.toml")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Runs the daemon.
    Run,
    /// Explains the configuration and what is wrong with it.
    Check,
    /// Says how the box and its channel to the hub do, in Japanese and in English.
    Status,
    /// Looks at machine, devices and network, and says what is wrong and what to do; ends with 0, 2 or 3 by the worst.
    Doctor {
        /// Writes the findings as JSON.
        #[arg(long)]
        json: bool,
        /// Prints a test page on every printer.
        #[arg(long)]
        test_page: bool,
    },
    /// Makes what support is handed when it cannot be reached otherwise.
    Support {
        /// What.
        #[command(subcommand)]
        work: SupportWork,
    },
    /// Tries the line to the hub: what it carries, or which hop fails, in Japanese and in English. Five seconds, 8 MiB.
    Line {
        /// Writes it as JSON.
        #[arg(long)]
        json: bool,
        /// Tries it although a consultation call is up.
        #[arg(long)]
        during_call: bool,
    },
    /// Brings the clinic's settings in, or writes them out.
    Settings {
        /// Which way.
        #[command(subcommand)]
        way: SettingsWay,
    },
    /// Opens a place for ten minutes to a board, kiosk or tablet of the clinic's network.
    Pair {
        /// Where it stands: a room, reception, or another word for a kiosk or board.
        #[arg(long, default_value = "reception")]
        place: String,
        /// What it is for: board, kiosk or desk.
        #[arg(long, default_value = "desk")]
        kind: String,
    },
    /// Tells the code by which a manager is made, on the page /sign-in; it works once.
    SetupCode,
    /// Makes this box known to its hub, with the code that the hub's operators drew for the site.
    Enrol {
        /// The code, with or without its hyphens.
        code: String,
        /// Takes the place of the box that the site had: the day comes back from the hub before this one serves.
        #[arg(long)]
        replace: bool,
    },
    /// Says what happens at an instant, and why.
    Explain {
        /// What is to be explained.
        #[command(subcommand)]
        what: ExplainWhat,
    },
    /// Writes what monitors aired, as CSV.
    Airings {
        /// Which rows.
        #[command(subcommand)]
        which: AiringsWhich,
    },
    /// Writes the consultation calls of a month with their amounts, as CSV.
    Calls {
        /// What is written.
        #[command(subcommand)]
        which: CallsWhich,
    },
    /// Writes down what a button box, reader or keypad says, for whoever plays it later; the daemon must not have it.
    RecordDevice(Recording),
    /// Looks into the journal.
    Journal {
        /// What to do with it.
        #[command(subcommand)]
        work: JournalWork,
    },
}

/// What is made for support.
#[derive(Debug, Subcommand)]
pub enum SupportWork {
    /// Writes how the box does, its log, its configuration and its journal's counts into one file: nothing of a patient,
    /// and no secret.
    Bundle {
        /// The file, which is not there yet: a name that ends with `.tar.gz`.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Which way settings go.
#[derive(Debug, Subcommand)]
pub enum SettingsWay {
    /// Takes settings from a file, through the daemon where it runs.
    Import {
        /// The file, TOML.
        file: PathBuf,
    },
    /// Writes the settings that stand to standard output, or to a file.
    Export {
        /// The file, TOML.
        file: Option<PathBuf>,
    },
}

/// What can be explained.
#[derive(Debug, Subcommand)]
pub enum ExplainWhat {
    /// What airs on a monitor.
    Program {
        /// When: 2026-11-24T09:00, in Asia/Tokyo where no offset is named; now where there is none.
        #[arg(long)]
        at: Option<String>,
        /// Which monitor, by the place where it hangs.
        #[arg(long, default_value = "monitor1")]
        monitor: String,
    },
}

/// Which rows of airings are written.
#[derive(Debug, Subcommand)]
pub enum AiringsWhich {
    /// All that aired, a row for each airing and hour.
    Export(OfMonth),
    /// Adverts that aired here, for their advertisers: ids, instants and numbers alone.
    Aired(OfMonth),
    /// Adverts that are approved to air here, for their advertisers.
    Scheduled {
        /// The file; standard output where none is named.
        file: Option<PathBuf>,
    },
}

/// What is written of consultation calls.
#[derive(Debug, Subcommand)]
pub enum CallsWhich {
    /// Every reservation of a month with its amount, and the connections that belong to none.
    Export {
        /// The file; standard output where none is named.
        file: Option<PathBuf>,
        /// Which month, in Asia/Tokyo: 2026-11; the running one where none is named.
        #[arg(long)]
        month: Option<String>,
        /// How characters are written: utf-8, or shift-jis for spreadsheets of old.
        #[arg(long, value_parser = encoding, default_value = "utf-8")]
        encoding: Encoding,
    },
}

/// How the characters of a list are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 with a byte-order mark.
    Utf8,
    /// `Shift_JIS` as Windows has it.
    ShiftJis,
}

fn encoding(name: &str) -> Result<Encoding, String> {
    match name {
        "utf-8" => Ok(Encoding::Utf8),
        "shift-jis" => Ok(Encoding::ShiftJis),
        _ => Err("it is utf-8 or shift-jis".to_owned()),
    }
}

/// The rows of one month.
#[derive(Debug, Args)]
pub struct OfMonth {
    /// The file; standard output where none is named.
    pub file: Option<PathBuf>,
    /// Which month, in Asia/Tokyo: 2026-11; all that is known where none is named.
    #[arg(long)]
    pub month: Option<String>,
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalWork {
    /// Writes every fact, one a line, to standard output or to a file.
    Export {
        /// The file, NDJSON.
        file: Option<PathBuf>,
    },
    /// Checks every fact and every running hash.
    Verify,
    /// Copies the journal, without secrets, while the daemon runs.
    Backup {
        /// The copy.
        file: PathBuf,
    },
    /// Puts a copy in the journal's place; the daemon must not run.
    Restore {
        /// The copy.
        file: PathBuf,
    },
}

/// Why a command of the line did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error("cannot use the configuration")]
    Config(#[source] ConfigError),
    /// The daemon did not start, or ended.
    #[error("the daemon ended")]
    Daemon(#[source] DaemonError),
    /// The runtime did not start.
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    /// A file cannot be read or written.
    #[error("cannot use the file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Settings cannot be used.
    #[error("cannot use the settings")]
    Settings(#[source] SettingsError),
    /// The journal cannot be read.
    #[error("cannot read the journal")]
    Journal(#[source] StoreError),
    /// The work on the journal failed.
    #[error("cannot {what}")]
    Work {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The box could not be enrolled.
    #[error("this box is not enrolled")]
    Enrol(#[source] EnrolError),
    /// The journal is not as it should be.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// The daemon refused.
    #[error("refused: {0}")]
    Refused(String),
    /// Something was found that is not as it should be.
    #[error("not all is as it should be: see above")]
    Found {
        /// With which status the program ends.
        exit_status: u8,
    },
    /// Something is to be mended first.
    #[error("{0} of the above to be mended")]
    Unhealthy(usize),
}

/// Sets logging up: plain lines on standard error, as journald takes them; `MACHIAI_LOG` chooses what.
pub fn set_up_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("MACHIAI_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let usual = filter.to_string();
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time();
    let lines = lines.with_env_filter(filter).with_filter_reloading();
    let handle = lines.reload_handle();
    // A second call, in tests, changes nothing.
    if lines.try_init().is_ok() {
        crate::support::log::keep(usual, move |filter| handle.reload(filter).is_ok());
    }
}

/// Writes an error with its causes to standard error, one a line.
pub fn say_error(error: &dyn std::error::Error) {
    let mut line = format!("machiai: {error}\n");
    let mut cause = error.source();
    while let Some(next) = cause {
        line.push_str(&format!("  because: {}\n", next.to_string().trim_end().replace('\n', "\n           ")));
        cause = next.source();
    }
    // Nobody is left to tell when standard error is closed.
    drop(std::io::stderr().write_all(line.as_bytes()));
}

/// Does what the command line says.
///
/// # Errors
/// [`CliError`], to be told with its causes.
pub fn carry_out(cli: &Cli) -> Result<(), CliError> {
    match &cli.action {
        Action::Run => run(&cli.config),
        Action::Check => crate::check::check(&cli.config, &mut std::io::stdout()),
        Action::Status => status(&read(&cli.config)?),
        Action::Support { work: SupportWork::Bundle { out } } => {
            crate::support::bundle::write(&read(&cli.config)?, out)?;
            say(None, format!("{}\n", out.display()).as_bytes())
        }
        Action::Line { json, during_call } => line(&read(&cli.config)?, *during_call, *json),
        Action::Doctor { json, test_page } => doctor(&read(&cli.config)?, *json, *test_page),
        Action::Settings { way: SettingsWay::Import { file } } => in_state(cli, |config| import(config, file)),
        Action::Settings { way: SettingsWay::Export { file } } => export_settings(&read(&cli.config)?, file.as_deref()),
        Action::Pair { place, kind } => pair(&read(&cli.config)?, kind, place),
        Action::SetupCode => in_state(cli, set_up_code),
        Action::Enrol { code, replace } => in_state(cli, |config| enrol(config, code, *replace)),
        Action::Explain { what: ExplainWhat::Program { at, monitor } } => {
            say(None, crate::program::explain(&read(&cli.config)?, at.as_deref(), monitor)?.as_bytes())
        }
        Action::Airings { which } => {
            let file = match which {
                AiringsWhich::Export(of) | AiringsWhich::Aired(of) => of.file.as_deref(),
                AiringsWhich::Scheduled { file } => file.as_deref(),
            };
            say(file, &crate::program::airings(&read(&cli.config)?, which)?)
        }
        Action::Calls { which: CallsWhich::Export { file, month, encoding } } => {
            say(file.as_deref(), &crate::calls::export(&read(&cli.config)?, month.as_deref(), *encoding)?)
        }
        Action::RecordDevice(recording) => {
            let n_said = crate::devices::record::record(recording)?;
            say(None, format!("{n_said} times something came; see {}\n", recording.out.display()).as_bytes())
        }
        Action::Journal { work } => in_state(cli, |config| on_journal(config, work)),
    }
}

/// Does what may leave files in the state folder, and gives them to whom the folder is.
fn in_state(cli: &Cli, work: impl FnOnce(&Config) -> Result<(), CliError>) -> Result<(), CliError> {
    let config = read(&cli.config)?;
    let done = work(&config);
    // There is nothing to give where the folder was never made.
    if config.state.exists() {
        let failed = |source| CliError::File { path: config.state.clone(), source };
        crate::owner::hand_over(&config.state).map_err(failed)?;
    }
    done
}

pub(crate) fn read(path: &Path) -> Result<Config, CliError> {
    Config::read(path).map_err(CliError::Config)
}

fn run(path: &Path) -> Result<(), CliError> {
    let config = read(path)?;
    // One thread serves pages, for handing a task to another costs more than the task; the journal and each printer
    // have their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let mut was_ready = false;
    let ready = |address: std::net::SocketAddr| {
        was_ready = true;
        // The line that scripts wait for; nobody is harmed when it cannot be written.
        drop(writeln!(std::io::stdout(), "ready http://{address}/"));
    };
    let runtime = runtime.map_err(CliError::Runtime)?;
    let done = runtime.block_on(daemon::run(&config, ready));
    if let Err(cause) = &done
        && !was_ready
        && service::is_there()
    {
        // Whoever killed it has it back at once; what cannot start is not tried five times a second for a night.
        service::does(&with_causes(cause));
        runtime.block_on(async { tokio::time::sleep(REST_AFTER_NO_START).await });
    }
    done.map_err(CliError::Daemon)
}

/// How long a start that failed rests before the service manager tries another.
const REST_AFTER_NO_START: std::time::Duration = std::time::Duration::from_secs(5);

fn import(config: &Config, file: &Path) -> Result<(), CliError> {
    let text = std::fs::read_to_string(file).map_err(|source| CliError::File { path: file.to_owned(), source })?;
    let settings = Settings::read(&text).map_err(CliError::Settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let n_changes = runtime.block_on(crate::remote::import(config, &settings))?;
    say(None, format!("{n_changes} settings changed\n").as_bytes())
}

fn export_settings(config: &Config, file: Option<&Path>) -> Result<(), CliError> {
    let reader = Reader::open(&Disk::real(), &config.journal()).map_err(CliError::Journal)?;
    let standing = crate::rules::standing(&reader).map_err(CliError::Journal)?;
    let text = Settings::of(&standing).write().map_err(CliError::Settings)?;
    say(file, text.as_bytes())
}

fn pair(config: &Config, kind: &str, place: &str) -> Result<(), CliError> {
    let bad = |what: &str| CliError::Refused(format!("\"{what}\" is not what it should be: see `machiai pair --help`"));
    let kind = DeviceKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| bad(kind))?;
    let place = place.parse().ok().ok_or_else(|| bad(place))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let opened = runtime.block_on(crate::remote::pair(config, &PlaceBody { kind, place }))?;
    let mut told = format!("Open one of these on the device, and type the code within {} minutes:\n", opened.minutes);
    for address in &opened.addresses {
        told.push_str(&format!("  {address}\n"));
    }
    told.push_str(&format!("code         {}\ndevice       {}\n", opened.code, opened.device));
    told.push_str(&format!("fingerprint  {}\n", opened.fingerprint));
    told.push_str(
        "A device that does not trust the box yet opens /trust in place of /pair, and compares the fingerprint.\n",
    );
    say(None, told.as_bytes())
}

fn status(config: &Config) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    say(None, runtime.block_on(crate::remote::status(config))?.as_bytes())
}

fn doctor(config: &Config, is_json: bool, tests: bool) -> Result<(), CliError> {
    let report = crate::doctor::look::from_outside(config, tests)?;
    let text = if is_json { serde_json::to_string_pretty(&report).map(|text| text + "\n") } else { Ok(report.text()) };
    let text = text.map_err(|source| CliError::Work { what: "write the findings", source: source.into() })?;
    say(None, text.as_bytes())?;
    match report.worst.exit_status() {
        0 => Ok(()),
        exit_status => Err(CliError::Found { exit_status }),
    }
}

fn line(config: &Config, during_call: bool, as_json: bool) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    say(None, runtime.block_on(crate::quality::tried(config, during_call, as_json))?.as_bytes())
}

fn set_up_code(config: &Config) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: config.state.clone(), source };
    let code = crate::access::setup::code_or_new(&config.state).map_err(failed)?;
    say(None, format!("{code}\n").as_bytes())
}

fn enrol(config: &Config, code: &str, replaces: bool) -> Result<(), CliError> {
    daemon::make_folder(&config.state).map_err(CliError::Daemon)?;
    if replaces && has_a_clinic(config)? {
        let why = "this box has a clinic's settings of its own, and whatever takes another one's place by --replace \
                   begins empty: enrol it without, and it waits for what the hub has";
        return Err(CliError::Refused(why.to_owned()));
    }
    let begins = if replaces { Begins::InPlace } else { Begins::AsItIs };
    let clock = hub_clock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let enrolled = runtime.block_on(crate::link::enrol::enrol(config, (code, begins), &clock));
    let identity = enrolled.map_err(CliError::Enrol)?;
    let until = identity.not_after().in_tokyo().date();
    let mut told = format!("enrolled as {}\ncertificate until {until}\n", identity.name());
    if identity.stands() == Stands::Fills {
        if !replaces {
            told.push_str(
                "The hub has facts of this site that this box may lack: it takes the place of the one before.\n",
            );
        }
        told.push_str(
            "The day comes back from the hub while the daemon runs; `machiai status` says how far it is.\n\
             Passwords and paired devices do not: `machiai setup-code` and `machiai pair` make them anew.\n",
        );
    }
    say(None, told.as_bytes())
}

/// Whether settings of a clinic stand in the journal.
fn has_a_clinic(config: &Config) -> Result<bool, CliError> {
    if !config.journal().exists() {
        return Ok(false);
    }
    let reader = Reader::open(&Disk::real(), &config.journal()).map_err(CliError::Journal)?;
    let standing = crate::rules::standing(&reader).map_err(CliError::Journal)?;
    Ok(!standing.lines.is_empty())
}

fn on_journal(config: &Config, work: &JournalWork) -> Result<(), CliError> {
    let failed = |what| move |source| CliError::Work { what, source };
    match work {
        JournalWork::Export { file } => {
            let reader = Reader::open(&Disk::real(), &config.journal()).map_err(CliError::Journal)?;
            let mut out: Box<dyn Write> = match file {
                None => Box::new(std::io::stdout().lock()),
                Some(path) => Box::new(std::io::BufWriter::new(
                    std::fs::File::create(path).map_err(|source| CliError::File { path: path.clone(), source })?,
                )),
            };
            machiai_journal::export(&reader, &mut out).map_err(|e| failed("export the facts")(e.into()))?;
            Ok(())
        }
        JournalWork::Verify => {
            let report = machiai_journal::verify(&Disk::real(), &config.journal()).map_err(CliError::Journal)?;
            if report.is_good() {
                let told = format!("{} facts of {} origins are whole\n", report.n_facts, report.heads.len());
                return say(None, told.as_bytes());
            }
            let fault = report.fault.map(|fault| with_causes(&fault));
            Err(CliError::Damaged(fault.or_else(|| report.integrity.into_iter().next()).unwrap_or_default()))
        }
        JournalWork::Backup { file } => {
            let n_facts = machiai_journal::backup(&Disk::real(), &config.journal(), file)
                .map_err(|e| failed("back the journal up")(e.into()))?;
            say(None, format!("{n_facts} facts backed up to {}\n", file.display()).as_bytes())
        }
        JournalWork::Restore { file } => {
            let about = daemon::opening(config).map_err(CliError::Daemon)?;
            machiai_journal::restore(&about, file).map_err(|e| failed("restore the journal")(e.into()))?;
            say(None, b"restored; the journal that was there is kept beside it\n")
        }
    }
}

/// Writes to a file, or to standard output.
fn say(file: Option<&Path>, bytes: &[u8]) -> Result<(), CliError> {
    let (path, written) = match file {
        None => (PathBuf::from("standard output"), std::io::stdout().write_all(bytes)),
        Some(path) => (
            path.to_owned(),
            std::fs::File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all())),
        ),
    };
    written.map_err(|source| CliError::File { path, source })
}
