//! Draws every sample view as PNG into a folder, to be looked at: `cargo run -p machiai-panel --example looks DIR [WORD…]`.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use machiai_panel::{Film, FontPaths, Layout, Look, Panel, Paper, samples};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("give the folder to draw into")?);
    let wanted: Vec<String> = words.collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    fs::create_dir_all(&folder)?;
    let (panel, _) = Panel::open(&FontPaths::debian(), None)?;
    for (sample, view) in samples::boards().into_iter().chain(samples::calls()) {
        for look in Look::ALL {
            let film = if look.film == Film::Off { "-alone" } else { "" };
            let name = format!("board-{sample}-{:?}{film}", look.layout).to_lowercase();
            if is_wanted(&name) {
                let (width, height) = look.layout.size_px();
                let svg = panel.board_svg(&view, look).map_err(|error| format!("{name}: {}", chain(&error)))?;
                write(&folder, &format!("{name}.svg"), svg.as_bytes())?;
                write(&folder, &format!("{name}.png"), &panel.pixels(&svg, width, height)?.png()?)?;
            }
        }
    }
    for sample in samples::notices() {
        for layout in [Layout::Landscape, Layout::Portrait] {
            let name = format!("{}-{layout:?}", sample.name).to_lowercase();
            if is_wanted(&name) {
                let (width, height) = sample.look.size_px(layout);
                let svg = panel.notice_svg(&sample.notice(), layout);
                let svg = svg.map_err(|error| format!("{name}: {}", chain(&error)))?;
                write(&folder, &format!("{name}.png"), &panel.pixels(&svg, width, height)?.png()?)?;
            }
        }
    }
    for (sample, view) in samples::tickets() {
        for paper in [Paper::W576, Paper::W512, Paper::W384] {
            let name = format!("ticket-{}-{sample}", paper.dots());
            if is_wanted(&name) {
                let dots = panel.ticket_dots(&view, paper).map_err(|error| format!("{name}: {}", chain(&error)))?;
                write(&folder, &format!("{name}.png"), &dots.png()?)?;
            }
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    Ok(File::create(folder.join(name))?.write_all(bytes)?)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
