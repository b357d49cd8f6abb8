//! `machiai check`: explains the configuration, and says in plain words what is wrong and what to do.

use std::io::Write;
use std::path::Path;

use machiai_core::standing::Standing;
use machiai_journal::Reader;
use machiai_journal::open::Disk;
use machiai_panel::{FontPaths, Panel};

use crate::cli::{CliError, read};
use crate::config::Config;
use crate::config::devices::Devices;
use crate::link::identity::Identity;
use crate::settings::Settings;

/// One line of the explanation.
enum Line {
    /// As it should be.
    Good(String),
    /// To be mended, and how.
    Bad(String),
}

/// Explains a configuration.
///
/// # Errors
/// The configuration cannot be read, or something in it is to be mended.
pub fn check(path: &Path, to: &mut dyn Write) -> Result<(), CliError> {
    let config = read(path)?;
    let mut lines = about(&config);
    match Reader::open(&Disk::real(), &config.journal()).and_then(|reader| crate::rules::standing(&reader)) {
        Ok(standing) => {
            lines.extend(about_settings(&standing));
            lines.extend(about_devices(&config.devices, &standing));
        }
        Err(_) if !config.journal().exists() => {
            lines.push(Line::Good("journal: none yet; the first start makes it".to_owned()));
        }
        Err(cause) => lines.push(Line::Bad(format!("journal: {cause}; run `machiai journal verify`"))),
    }
    let n_bad = lines.iter().filter(|line| matches!(line, Line::Bad(_))).count();
    for line in &lines {
        let told = match line {
            Line::Good(text) => format!("  ok   {text}\n"),
            Line::Bad(text) => format!("  MEND {text}\n"),
        };
        let written = to.write_all(told.as_bytes());
        written.map_err(|source| CliError::File { path: "standard output".into(), source })?;
    }
    if n_bad == 0 { Ok(()) } else { Err(CliError::Unhealthy(n_bad)) }
}

fn about(config: &Config) -> Vec<Line> {
    let mut lines = vec![
        Line::Good(format!(
            "site: {}; lines are addressed {}-1, {}-2 and so on",
            config.site, config.site, config.site
        )),
        Line::Good(format!("listen: http://{}/ on this machine only", config.listen)),
        Line::Good(format!("ballast: {} MiB kept back for a full disk", config.ballast_mib)),
    ];
    lines.push(Line::Good(match config.lan {
        Some(at) => format!("lan: https, port {}, for devices paired with `machiai pair`", at.port()),
        None => "lan: closed; boards, kiosks and tablets of the network need `lan = \"0.0.0.0:8443\"`".to_owned(),
    }));
    lines.push(match (&config.hub, Identity::read(&config.private())) {
        (None, _) => Line::Good("hub: none; the box works alone".to_owned()),
        (Some(hub), Ok(Some(own))) => Line::Good(format!("hub: {hub}, enrolled as {}", own.name())),
        (Some(hub), Ok(None)) => Line::Bad(format!("hub: {hub}, not enrolled yet; run `machiai enrol CODE`")),
        (Some(hub), Err(cause)) => Line::Bad(format!("hub: {hub}, but {cause}; run `machiai enrol CODE` again")),
    });
    lines.push(match crate::daemon::make_folder(&config.state) {
        Ok(()) => Line::Good(format!("state: {}", config.state.display())),
        Err(cause) => Line::Bad(format!("state: cannot make {}: {cause}", config.state.display())),
    });
    match Panel::open(&FontPaths::debian(), config.assets.as_deref()) {
        Ok((_, faults)) => {
            lines.push(Line::Good("fonts and built-in templates".to_owned()));
            lines.extend(faults.iter().map(|fault| Line::Bad(format!("template: {fault}"))));
        }
        Err(cause) => lines.push(Line::Bad(format!("fonts: {cause}"))),
    }
    if let Some(rehearsal) = &config.rehearsal {
        lines.push(Line::Good(format!("rehearsal: from {}, {} times as fast", rehearsal.starts, rehearsal.speed)));
    }
    lines
}

/// Says of each device whether it is there now, and where the settings lack its room or line.
fn about_devices(devices: &Devices, standing: &Standing) -> Vec<Line> {
    let mut lines: Vec<Line> = devices
        .all()
        .map(|(name, path)| {
            let is = if path.exists() { "is there" } else { "is not there now; it is opened when it is plugged in" };
            Line::Good(format!("device {name}: {} {is}", path.display()))
        })
        .collect();
    let buttons = devices.buttons.iter().map(|it| (&it.name, &it.room));
    let displays = devices.displays.iter().filter_map(|it| Some((&it.name, it.room.as_ref()?)));
    let keypads = devices.keypads.iter().filter_map(|it| Some((&it.name, it.room.as_ref()?)));
    let unknown = buttons.chain(displays).chain(keypads).filter(|(_, room)| !standing.rooms.contains_key(*room));
    lines.extend(unknown.map(|(name, room)| Line::Bad(format!("device {name}: the settings have no room {room}"))));
    let of_lines = devices.displays.iter().filter_map(|it| Some((&it.name, it.line?)));
    let unknown = of_lines.filter(|(_, line)| !standing.lines.contains_key(line));
    lines.extend(unknown.map(|(name, line)| Line::Bad(format!("device {name}: the settings have no line {line}"))));
    lines
}

fn about_settings(standing: &Standing) -> Vec<Line> {
    let mut lines = vec![Line::Good(format!(
        "settings: {} lines, {} rooms, {} printers, {} sessions",
        standing.lines.len(),
        standing.rooms.len(),
        standing.printers.len(),
        standing.hours.sessions.len()
    ))];
    if standing.lines.is_empty() {
        lines
            .push(Line::Bad("settings: no line yet; bring settings in with `machiai settings import FILE`".to_owned()));
    }
    if let Err(cause) = Settings::of(standing).check() {
        lines.push(Line::Bad(cause.to_string()));
    }
    for room in standing.rooms.values() {
        let shown = room.short.as_ref().unwrap_or(&room.name.ja);
        if shown.chars().count() > 8 {
            lines.push(Line::Bad(format!(
                "room {}: \"{shown}\" is too long for the board; give it a `short` of 7",
                room.room
            )));
        }
    }
    lines
}
