//! The screen on a real clock, its composed frames read one by one. Pictures are left under `target/screen`.

mod alone;
mod board;
mod deaths;
mod demo;
mod joins;
mod kills;
mod lamp;
mod monitor;
mod prepare;
mod program;
mod rings;
mod scenes;
mod soak;
mod speaker;
mod voices;
pub(crate) mod windows;

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use machiai_hw_tests::demo::api::Press;
use machiai_hw_tests::demo::daemon::Program;
use machiai_hw_tests::demo::progress::out;
use machiai_hw_tests::demo::stage::{Clinic, Stage, Wanted};
use machiai_hw_tests::films::rgb;
use serde_json::Value;

/// Returns the folder in which a scene leaves its pictures.
fn pictures(scene: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("screen").join(scene);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Leaves a picture of a composed frame.
fn picture(path: &Path, (width, height): (u32, u32), i420: &[u8]) {
    let mut encoder = png::Encoder::new(BufWriter::new(std::fs::File::create(path).unwrap()), width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = rgb(i420, (width as usize, height as usize));
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    out(&format!("picture {}\n", path.display()));
}

/// Sets a stage on an ordinary Tuesday at 9:10.
async fn stage(folder: &Path) -> Stage {
    stage_at(folder, "2026-11-24T09:10:00+09:00").await
}

/// Sets a stage at an instant.
async fn stage_at(folder: &Path, when: &str) -> Stage {
    let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
    let wanted = Wanted {
        program: &program,
        clinic: Clinic::of(&[]),
        out: folder,
        rehearsal: (when.to_owned(), 1),
        papers: None,
        has_lan: false,
        hub: None,
    };
    Stage::set(wanted).await.unwrap()
}

/// Sends a command as a desk would, and returns its answer.
async fn press(stage: &mut Stage, path: &str, body: Value) -> Value {
    let key = blake3::hash(format!("{path}{body}").as_bytes()).to_hex().chars().take(16).collect::<String>();
    let press = Press { device: format!("scene/{key}"), path: path.to_owned(), body };
    let answered = stage.api.press(press, key).await.unwrap();
    assert_eq!(answered.code(), None, "the daemon refused {path}: {}", answered.answer);
    answered.answer
}
