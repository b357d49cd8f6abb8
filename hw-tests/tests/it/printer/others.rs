//! A ticket's bytes as others read them: an ESC/POS decoder and a QR decoder that are not ours.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use machiai::surface::printer::{Limits, Outcome};
use machiai_hw_tests::printer::Line;
use machiai_panel::dots::Dots;
use rstest::rstest;

use super::drawn::as_shown;
use super::pictures::{QR_TEXT, qr_text, ticket};
use super::{SOON, print_on, printer_for, profile};

/// Where `make test` puts emupos.
fn decoder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/escpos-decoder");
    assert!(folder.join("emupos").exists(), "there is no ESC/POS decoder in target/escpos-decoder: run make test");
    folder.canonicalize().unwrap()
}

/// Decodes a ticket's bytes.
fn decoded(raw: &[u8], width: u32) -> Dots {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/printer/read_ticket.py");
    let mut python = Command::new("python3")
        .arg(script)
        .arg(decoder())
        .arg(width.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(raw).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "the decoder refused the ticket");
    read_pbm(&output.stdout)
}

/// Reads a raw PBM: `P4`, width, height, and one bit a dot.
fn read_pbm(bytes: &[u8]) -> Dots {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    assert_eq!(lines.next(), Some(&b"P4"[..]));
    let size = std::str::from_utf8(lines.next().unwrap()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    Dots { width, height, rows: lines.next().unwrap().to_vec(), number_rows: None }
}

#[rstest]
fn another_decoder_reads_the_same_ticket(#[values("epson-80", "epson-80-512", "58mm", "58mm-serial")] name: &str) {
    let dots = ticket(profile(name).dots);
    let printer = printer_for(name, Line::Tcp);
    assert_eq!(print_on(&printer, name, &dots, &Limits::USUAL), Outcome::Printed);
    let raw = printer.wait_for_papers(1, SOON).unwrap().remove(0).raw;
    let read = decoded(&raw, dots.width);
    // It does not draw the blank rows at the end.
    let shown = as_shown(&dots, name);
    assert!(read.width == dots.width && read.height <= dots.height);
    assert_eq!(read.rows, shown.rows[..read.rows.len()]);
    assert!(shown.rows[read.rows.len()..].iter().all(|byte| *byte == 0));
    assert_eq!(qr_text(&read), [QR_TEXT]);
}
