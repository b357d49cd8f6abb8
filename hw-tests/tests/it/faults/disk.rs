//! A file system of its own under the box's state, by the kernel's own ext4: it is filled, and it fails.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Clinic, Running};

/// More tickets than the space kept back for a full disk holds.
const MOST_TICKETS: usize = 5_000;

/// A file system in a file, in place until its test ends.
struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// Makes one that goes read-only when something is wrong with it, as Debian's installer makes that of a machine.
    fn make(image: PathBuf, at: PathBuf) -> Self {
        std::fs::create_dir(&at).unwrap();
        File::create_new(&image).unwrap().set_len(64 * 1024 * 1024).unwrap();
        carried_out(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        let disk = Self { image, at };
        disk.mount();
        disk
    }

    fn mount(&self) {
        carried_out(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(&self.image).arg(&self.at));
    }

    /// Lets the kernel find an error in it.
    fn fail(&self) {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let at = self.at.to_str().unwrap();
        let device = mounts.lines().find_map(|line| {
            let (device, rest) = line.split_once(' ')?;
            rest.starts_with(&format!("{at} ")).then(|| device.trim_start_matches("/dev/").to_owned())
        });
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", device.expect("it is mounted"));
        File::options().write(true).open(trigger).unwrap().write_all(b"1").unwrap();
    }

    /// Mends it as a start of the machine does.
    fn mend(&self) {
        carried_out(Command::new("umount").arg(&self.at));
        // Its first figure says that errors were mended.
        let checked = Command::new("e2fsck").arg("-p").arg(&self.image).output().unwrap();
        assert!(matches!(checked.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&checked.stdout));
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, as a test that failed leaves its daemon behind for a moment.
        let _status = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

fn carried_out(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn clinic() -> (Clinic, Disk) {
    let folder = TempDir::new().unwrap();
    let disk = Disk::make(folder.path().join("disk.ext4"), folder.path().join("state"));
    (Clinic::within(folder, "2026-11-24 00:00:00"), disk)
}

/// Fills what is left of a folder's disk, and returns the file that does.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("others");
    let mut file = File::create_new(&path).unwrap();
    let full = loop {
        if let Err(full) = file.write_all(&[0x5a; 4_096]) {
            break full;
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    path
}

#[tokio::test]
async fn a_full_disk_takes_numbers_for_a_while_and_then_refuses_them_in_words_until_there_is_room() {
    let (clinic, disk) = clinic();
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    let mut labels = vec![running.take().await["label"].clone()];
    let others = fill(&disk.at);
    let refused = loop {
        let (is_given, told) = running.ask("lines/1001-1/tickets", json!({})).await;
        if !is_given {
            break told;
        }
        labels.push(told["tickets"][0]["label"].clone());
        assert!(labels.len() < MOST_TICKETS, "the disk is not full");
    };
    assert_eq!(refused["code"], "disk_full");
    assert!(labels.len() > 30, "{}: what is kept back for a full disk was not used", labels.len());
    assert_eq!(running.refused("rooms/room1/call", json!({"now": "", "next": "101"})).await, "disk_full");
    let (board, status) = (running.get("board").await, running.get("status").await);
    assert_eq!((&board["lines"][0]["n_waiting"], &board["calls"]), (&json!(labels.len()), &json!([])));
    assert_eq!(status["troubles"], json!(["disk_full", "ballast_gone"]));

    std::fs::remove_file(others).unwrap();
    labels.push(running.take().await["label"].clone());
    let counted: Vec<Value> = (101..).take(labels.len()).map(|number| json!(number.to_string())).collect();
    assert_eq!(labels, counted, "each once, and none is missing");
    assert!(!running.get("status").await["troubles"].as_array().unwrap().contains(&json!("disk_full")));
    running.stop();
    assert!(clinic.carry_out(&["journal", "verify"]).contains("whole"));
}

#[tokio::test]
async fn a_disk_that_turns_read_only_leaves_the_board_right_and_after_its_repair_nothing_is_lost_or_given_twice() {
    let (clinic, disk) = clinic();
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    for label in ["101", "102", "103"] {
        assert_eq!(running.take().await["label"], label);
    }
    running.press("rooms/room1/call", json!({"now": "", "next": "101"})).await;
    disk.fail();

    let first = running.refused("lines/1001-1/tickets", json!({})).await;
    assert!(["outcome_unknown", "not_kept"].contains(&first.as_str()), "{first}");
    assert_eq!(running.refused("lines/1001-1/tickets", json!({})).await, "not_kept");
    assert_eq!(running.get("status").await["troubles"], json!(["disk_refuses"]));
    let shown = async |running: &Running| {
        let board = running.get("board").await;
        (board["rooms"][0]["label"].clone(), board["lines"][0]["next"].clone())
    };
    let right = (json!("101"), json!(["102", "103"]));
    assert_eq!(shown(&running).await, right);
    running.kill();
    let told = clinic.command().arg("run").output().unwrap();
    let words = String::from_utf8_lossy(&told.stderr);
    assert!(!told.status.success() && words.contains("Read-only file system"), "{words}");

    disk.mend();
    let mut running = clinic.start();
    let (called, next) = shown(&running).await;
    // The number of which nobody knew whether it was kept may have been.
    let number_at_hand = 102 + next.as_array().unwrap().len();
    assert_eq!((called, &next[0], &next[1]), (right.0, &right.1[0], &right.1[1]));
    assert!((104..=105).contains(&number_at_hand), "{next}");
    assert_eq!(running.take().await["label"], number_at_hand.to_string());
    assert_eq!(running.get("status").await["troubles"], json!([]));
    running.stop();
    assert!(clinic.carry_out(&["journal", "verify"]).contains("whole"));
}
