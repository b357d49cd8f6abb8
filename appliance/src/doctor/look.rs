//! Looks at everything and finds what there is to find: for the command line, and for the daemon's own page.

use std::collections::BTreeMap;
use std::path::Path;

use machiai_core::ids::{DeviceId, PrinterId};
use machiai_core::standing::Standing;
use machiai_core::time::AtMs;
use machiai_journal::Reader;
use machiai_journal::open::Disk;
use machiai_panel::{FontPaths, Panel};

use super::devices::{DeviceRead, MonitorsRead, PrinterRead, devices, monitors, printers};
use super::eye::Eye;
use super::machine::{self, ClockRead, CopyRead, DiskRead, MemoryRead};
use super::network::{CertificateRead, WayOut, certificate, hub, line, open_ports, ports, proxy};
use super::told::{Daemon, daemon};
use super::{Check, Finding, Grade, Report, probe, report};
use crate::app::Shared;
use crate::cli::CliError;
use crate::clock::Source;
use crate::config::Config;
use crate::health;
use crate::link::identity::Identity;
use crate::surface::paper::{carry_out, test_page};
use crate::surface::printer::clock::RealTime;
use crate::vault::Vault;

/// Everything that was read.
pub(crate) struct World {
    pub(crate) eye: Eye,
    pub(crate) now: AtMs,
    /// Whether a time server has set the clock.
    pub(crate) is_synced: bool,
    pub(crate) told: Option<Daemon>,
    pub(crate) disk: Option<DiskRead>,
    pub(crate) copies: CopyRead,
    /// What seals the box's keys.
    pub(crate) vault: Vault,
    pub(crate) printers: BTreeMap<PrinterId, PrinterRead>,
    pub(crate) devices: BTreeMap<DeviceId, DeviceRead>,
    pub(crate) way: WayOut,
    pub(crate) certificate: CertificateRead,
    /// The port on which the clinic's network may come in.
    pub(crate) lan: Option<u16>,
}

/// Finds what there is to find.
pub(crate) fn examine(world: &World) -> Vec<Finding> {
    let World { eye, now, told, way, .. } = world;
    let health = told.as_ref().map(|told| &told.health);
    let clock = ClockRead::look(eye, (*now, world.is_synced), health.map(|health| health.clock));
    let screens = health.map(|health| health.screens.clone()).unwrap_or_default();
    let hub_told = told.as_ref().and_then(|told| told.hub.as_ref());
    let mut findings = daemon(told.as_ref());
    findings.extend(machine::clock(&clock));
    findings.push(machine::disk(world.disk));
    findings.push(machine::copies(world.copies, *now));
    findings.push(machine::keys(&world.vault, machine::has_unit(eye, "machiai-key.service")));
    findings.extend(printers(&world.printers));
    findings.extend(monitors(&MonitorsRead::look(eye, screens)));
    findings.push(machine::fonts(eye));
    findings.push(machine::codecs(eye));
    findings.extend(proxy(way));
    findings.extend(hub(way, hub_told));
    findings.extend(line(way, told.as_ref()));
    findings.push(certificate(world.certificate, way, *now));
    findings.extend(machine::power(eye));
    findings.push(machine::serial(eye));
    findings.extend(devices(&world.devices));
    // Within its unit the daemon sees nothing of the machine's own list of what there is: nothing is guessed from that.
    if eye.is_there("/proc/meminfo") {
        findings.extend(machine::memory(&MemoryRead::look(eye)));
        findings.push(machine::sound(eye));
        findings.extend(ports(&open_ports(eye), world.lan));
    } else {
        findings.push(Finding::new(Check::Daemon, Grade::Ok, "unseen"));
    }
    findings
}

/// Reads what is read alike by whoever asks; printers and the daemon's word are added by each.
async fn look(config: &Config, (now, is_synced): (AtMs, bool), told: Option<Daemon>) -> World {
    let mut way = WayOut::of(config);
    way.reached = probe::reach(config).await;
    let certificate = match Identity::read(&config.private()) {
        Ok(Some(own)) => CertificateRead::Until(own.not_after()),
        Ok(None) => CertificateRead::None,
        Err(_) => CertificateRead::Unreadable,
    };
    let lan = config.lan.map(|lan| lan.port());
    let eye = Eye::open();
    let devices = match &told {
        Some(told) => told.devices.iter().map(|(name, known)| (name.clone(), DeviceRead::of_daemon(known))).collect(),
        None => {
            let look = |path: &Path| if path.exists() { DeviceRead::Untried } else { DeviceRead::Away };
            config.devices.all().map(|(name, path)| (name.clone(), look(path))).collect()
        }
    };
    let copies = CopyRead::look(&eye, &config.state);
    World {
        eye,
        devices,
        now,
        is_synced,
        told,
        disk: DiskRead::look(&config.state),
        copies,
        vault: config.vault.clone(),
        printers: BTreeMap::new(),
        way,
        certificate,
        lan,
    }
}

/// Looks from within the daemon.
pub(crate) async fn within(app: &Shared) -> Vec<Finding> {
    let config = app.configured();
    let health = health::look(app, &config.state);
    let printers = health.printers.iter().map(|(printer, health)| (printer.clone(), PrinterRead::of_daemon(*health)));
    let printers = printers.collect();
    let told = Daemon {
        health,
        hub: app.linked.status(),
        lacks: crate::surface::vitals::lack(app).await,
        devices: app.devices.now(),
        line: app.quality.figures(),
    };
    let clock = &app.gate.clock;
    let world = look(&config, (clock.shown().0, clock.is_synced()), Some(told)).await;
    examine(&World { printers, ..world })
}

/// Looks from the command line: asks the daemon where it runs, and looks itself where it does not.
///
/// # Errors
/// [`CliError`]: the words cannot be read, or a test page cannot be drawn.
pub(crate) fn from_outside(config: &Config, tests: bool) -> Result<Report, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let source = Source::start(config.rehearsal.as_ref());
    source.ask();
    let clock = source.read();
    let told = runtime.block_on(crate::remote::daemon(config));
    let mut printers = match &told {
        Some(told) => {
            let known = told.health.printers.iter();
            known.map(|(printer, health)| (printer.clone(), PrinterRead::of_daemon(*health))).collect()
        }
        None => asked(&standing(config)),
    };
    if tests {
        printers = match &told {
            Some(_) => runtime.block_on(crate::remote::test_pages(config, printers.into_keys().collect()))?,
            None => tested(config, &standing(config))?,
        };
    }
    let world = World { printers, ..runtime.block_on(look(config, (clock.wall, clock.synced), told)) };
    let words = machiai_panel::words::Words::built_in()
        .map_err(|source| CliError::Work { what: "read the words", source: source.into() })?;
    Ok(report(&words, examine(&world)))
}

/// Returns the settings as the journal has them; none where there is no journal, or it cannot be read.
fn standing(config: &Config) -> Standing {
    let reader = Reader::open(&Disk::real(), &config.journal());
    reader.and_then(|reader| crate::rules::standing(&reader)).unwrap_or_default()
}

/// Asks the printers themselves: nobody else prints while the daemon is dead.
fn asked(standing: &Standing) -> BTreeMap<PrinterId, PrinterRead> {
    let printers = standing.printers.values();
    printers.map(|printer| (printer.printer.clone(), PrinterRead::ask(printer))).collect()
}

/// Prints a test page on each printer.
fn tested(config: &Config, standing: &Standing) -> Result<BTreeMap<PrinterId, PrinterRead>, CliError> {
    let (panel, _) = Panel::open(&FontPaths::debian(), config.assets.as_deref())
        .map_err(|source| CliError::Work { what: "draw a test page", source: source.into() })?;
    let page = test_page(&standing.site.name);
    let clock = RealTime::start();
    let printed = standing.printers.values().map(|printer| {
        let outcome = carry_out((&panel, printer), Some(&page), &clock, None);
        (printer.printer.clone(), PrinterRead::Tested(outcome))
    });
    Ok(printed.collect())
}
