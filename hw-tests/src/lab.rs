//! The lab: the package in a virtual machine, with devices that its kernel drives itself: a monitor without a desktop, a
//! printer, a keypad and a button box on USB, a TPM, and the plug of the machine.
//!
//! There is no network in it, and its clock begins at 1970. Where every instruction is translated it is ten times slower
//! than a clinic's machine.

mod guest;
mod images;

use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use machiai::devices::protocol::{Key, Protocol};
use serde_json::Value;

use crate::bench::figures::Limit::AtMost;
use crate::bench::figures::Report;
use crate::bench::machine::Machine;
use crate::demo::progress::out;
use guest::Guest;
use images::Images;

/// How soon the board is right after the service starts, and over the same machine without it, in seconds.
const BOARD_WITHIN_S: f64 = 8.0;

/// How often the power is cut.
const N_CUTS: usize = 5;

/// How often the monitor is photographed before it counts as wrong.
const N_PHOTOGRAPHS: usize = 60;

/// What lies over the whole board changes so much of it at the least: everything but the ground that both may have.
const OVER_ALL: f64 = 0.5;

/// Below so much light, of 255, a point is black.
const BLACK: u8 = 8;

/// Makes the machine, if need be, and walks through its devices; pictures of its monitor are left in `out`.
///
/// # Errors
/// Something does not go as it must, or the machine cannot be made.
pub fn walk(package: &Path, folder: &Path, pictures: &Path) -> Result<Report> {
    let mut report = Report::on(Machine::here());
    std::fs::create_dir_all(pictures).context("cannot make the folder of pictures")?;
    // What runs in it knows nothing of the folder from which it was started.
    let pictures = pictures.canonicalize().context("no folder of pictures")?;
    let images = Images::make(folder, package)?;
    let mut bare = [Since::default(); N_CUTS];
    {
        let mut guest = Guest::start(&images, &images.bare)?;
        settled(&mut guest)?;
        for up in &mut bare {
            // As the other one: after a cut the disk is looked over.
            guest.cut_power()?;
            *up = settled(&mut guest)?;
        }
    }
    let mut guest = Guest::start(&images, &images.with)?;
    let walked = through(&mut guest, &bare, &pictures, &mut report);
    // What the daemon says of it is gone with the machine.
    let log =
        if walked.is_err() { guest.run("journalctl --no-pager -o cat -n 20 -u 'machiai*'")?.1 } else { String::new() };
    walked.with_context(|| log)?;
    Ok(report)
}

/// Walks through all of it.
fn through(guest: &mut Guest, bare: &[Since; N_CUTS], pictures: &Path, report: &mut Report) -> Result<()> {
    settled(guest)?;
    prepare(guest)?;
    printer(guest).context("the printer")?;
    keypad(guest).context("the keypad")?;
    button_box(guest).context("the button box")?;
    monitor(guest, pictures).context("the monitor")?;
    upgrade(guest).context("an upgrade cut by power")?;
    power(guest, bare, report).context("the power cut")?;
    tpm(guest).context("the TPM")
}

fn shown(what: &str) {
    out(&format!("shown  {what}\n"));
}

/// When something was so, in seconds.
///
/// What the kernel takes by itself has nothing to do with the package, and varied from 7 to 20 s in five starts where its
/// instructions are translated on a machine that others use too: what is judged counts from its end, on both machines.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    /// Since the kernel started.
    start_s: f64,
    /// Since it was done.
    kernel_s: f64,
}

impl Since {
    fn of(guest: &mut Guest, start_s: f64) -> Result<Self> {
        Ok(Self { start_s, kernel_s: start_s - kernel_done(guest)? })
    }
}

/// Waits until a machine has started; returns when it had.
fn settled(guest: &mut Guest) -> Result<Since> {
    guest.until("systemctl is-system-running --wait", |state| state == "running")?;
    let up_s = seconds(&guest.must("systemctl show --value -p ActiveEnterTimestampMonotonic multi-user.target")?)?;
    Since::of(guest, up_s)
}

/// Returns when the kernel was done, in seconds since it started.
fn kernel_done(guest: &mut Guest) -> Result<f64> {
    seconds(&guest.must("systemctl show --value -p UserspaceTimestampMonotonic")?)
}

/// Reads microseconds.
fn seconds(micros: &str) -> Result<f64> {
    let micros: f64 = micros.parse().with_context(|| format!("no time: {micros}"))?;
    Ok(micros / 1e6)
}

/// Has the clinic begin its day.
fn prepare(guest: &mut Guest) -> Result<()> {
    let links = guest.must("ls /sys/class/net")?;
    ensure!(links == "lo", "there is a network: {links}");
    guest.until("ask GET status", |status| status.contains("now_ms"))?;
    guest.must("machiai settings import /srv/settings.toml")?;
    tell_tpm(guest, AS_OF_A_PC)?;
    press(guest, "lines/1001-1/open", r#"{"session":"day"}"#).map(drop)
}

/// Presses something on the desk; returns what is answered.
fn press(guest: &mut Guest, path: &str, body: &str) -> Result<Value> {
    // A device of its own each, so that no press is taken for a double one.
    let said = guest.must(&format!("DEVICE=desk/$RANDOM$RANDOM ask POST {path} '{body}'"))?;
    let answer: Value = serde_json::from_str(&said).with_context(|| format!("{path} answers {said}"))?;
    ensure!(answer.get("code").is_none(), "{path} is refused: {answer}");
    Ok(answer)
}

/// Takes a ticket; returns its number and its visit.
fn ticket(guest: &mut Guest) -> Result<(String, String)> {
    let answer = press(guest, "lines/1001-1/tickets", r#"{"channel":"desk"}"#)?;
    let of = |what: &str| Some(answer["tickets"][0][what].as_str()?.to_owned());
    of("label").zip(of("visit")).with_context(|| format!("no ticket: {answer}"))
}

/// Waits until something stands in what the daemon tells.
fn told(guest: &mut Guest, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let is_so = |said: &str| serde_json::from_str(said).is_ok_and(|told: Value| is_so(&told));
    let said = guest.until(&format!("ask GET {what}"), is_so)?;
    serde_json::from_str(&said).context("what cannot be read")
}

/// Who is called to the room or in it.
fn in_room(desk: &Value) -> Option<&str> {
    desk["rooms"][0]["now"][0]["label"].as_str()
}

/// Whether a device is there, or is not, by the daemon's status.
fn stands(device: &'static str, there: bool) -> impl Fn(&Value) -> bool {
    move |status| (status["devices"][device]["standing"] == "there") == there
}

/// A ticket comes out of a USB printer by its serial number, and after its plug was pulled.
fn printer(guest: &mut Guest) -> Result<()> {
    guest.must("lab-printer in")?;
    let node = "stat -c '%G %a' -L /dev/machiai/printer-LAB1";
    guest.until(node, |mode| mode == "lp 660")?;
    let length = "stat -c %s /run/printed 2> /dev/null || echo 0";
    let n_bytes = |said: &str| said.parse::<u64>().unwrap_or_default();
    ticket(guest)?;
    let first = n_bytes(&guest.until(length, |said| n_bytes(said) > 1_000)?);
    // A silent printer that took everything counts as having printed, some seconds later.
    told(guest, "desk", |desk| !desk["lines"][0]["waiting"][0]["print"].is_null())?;
    guest.must("lab-printer out")?;
    let (_, visit) = ticket(guest)?;
    told(guest, "desk", |desk| desk.to_string().contains(r#""print_trouble":"unreachable""#))?;
    guest.must("lab-printer in")?;
    guest.until(node, |mode| mode == "lp 660")?;
    press(guest, &format!("visits/{visit}/reprint"), "{}")?;
    guest.until(length, |said| n_bytes(said) > first + 1_000)?;
    shown(
        "a USB printer by its serial number prints, staff are told that it is gone, and it prints again when it is back",
    );
    Ok(())
}

/// A number that is typed on a keypad is called; nobody else hears the keys.
fn keypad(guest: &mut Guest) -> Result<()> {
    let there = |there| stands("keypad1", there);
    // What is typed comes to whoever reads the console, unless somebody has the keypad alone.
    guest.must("systemctl stop getty@tty1 machiai")?;
    guest.must(
        "systemd-run --quiet --unit=lab-typed -p StandardInput=tty -p TTYPath=/dev/tty1 bash -c 'cat > /run/typed'",
    )?;
    guest.plug_keypad()?;
    guest.until("ls /dev/input/by-id", |listed| listed.contains("lab-event-kbd"))?;
    guest.type_in("7\n")?;
    guest.until("cat /run/typed", |typed| typed == "7")?;
    guest.must("systemctl start machiai")?;
    told(guest, "status", there(true))?;
    let (number, _) = ticket(guest)?;
    guest.type_in(&format!("{number}\n"))?;
    told(guest, "desk", |desk| in_room(desk) == Some(&number))?;
    let typed = guest.must("cat /run/typed")?;
    ensure!(typed == "7", "the console heard {typed}");
    guest.must("systemctl stop lab-typed")?;
    press(guest, "rooms/room1/enter", "{}")?;
    press(guest, "rooms/room1/finish", "{}")?;
    guest.pull_keypad()?;
    told(guest, "status", there(false))?;
    guest.plug_keypad()?;
    told(guest, "status", there(true))?;
    shown("a keypad calls a number, the console hears none of it, and one that was pulled is heard again");
    Ok(())
}

/// A press of a button calls, and the lamp says so; also after the cable was pulled.
fn button_box(guest: &mut Guest) -> Result<()> {
    let there = |there| stands("box1", there);
    let protocol = Protocol::named("framed-box").context("no protocol")?;
    let buttons = protocol.buttons.as_ref().context("a box without buttons")?;
    let frame = |key, nth| Some(protocol.frame.around(&buttons.word(key, nth)?));
    for (nth, key) in [(b'1', Key::Next), (b'2', Key::Finish)] {
        let mut plugged = guest.plug_box()?;
        told(guest, "status", there(true))?;
        plugged.write_all(&frame(key, nth).context("no such key")?).context("the box cannot speak")?;
        let mut lamp = [0];
        plugged.read_exact(&mut lamp).context("the box hears nothing")?;
        ensure!(lamp == [0x06], "the box hears {lamp:02x?}");
        told(guest, "desk", |desk| in_room(desk).is_some() == (nth == b'1'))?;
        drop(plugged);
        told(guest, "status", there(false))?;
    }
    shown("a button box on a converter calls and is acknowledged, and is heard again after it was pulled");
    Ok(())
}

/// The board and a call are on a monitor without a desktop, landscape and upright.
fn monitor(guest: &mut Guest, pictures: &Path) -> Result<()> {
    guest.must("systemctl start machiai-screen@monitor1")?;
    told(guest, "status", |status| !status["screens"]["monitor1"].is_null())?;
    let board = seen(guest, &pictures.join("board.png"), Picture::is_drawn)?;
    ticket(guest)?;
    press(guest, "rooms/room1/call", "{}")?;
    seen(guest, &pictures.join("call.png"), |call| call.is_drawn() && call.differs(&board) > OVER_ALL)?;
    press(guest, "rooms/room1/enter", "{}")?;
    press(guest, "rooms/room1/finish", "{}")?;
    guest.must("echo 'MACHIAI_SCREEN_OPTIONS=--portrait' > /etc/machiai/screen-monitor1.env")?;
    guest.must("systemctl restart machiai-screen@monitor1")?;
    told(guest, "status", |status| !status["screens"]["monitor1"].is_null())?;
    seen(guest, &pictures.join("upright.png"), |upright| {
        // Turned it has no borders.
        upright.is_drawn() && upright.lit() > 0.99 && upright.differs(&board) > 0.02
    })?;
    shown("a board, a call and an upright board on a monitor without a desktop: board.png, call.png, upright.png");
    Ok(())
}

/// An upgrade that the power was cut in, at each half of it, leaves a box that serves; installed again it is whole.
fn upgrade(guest: &mut Guest) -> Result<()> {
    let (mut last, _) = ticket(guest)?;
    // It is half configured twice: also before its files are put in place.
    for halves in [&["half-installed"][..], &["half-installed", "half-configured"]] {
        let install = "dpkg --install /srv/newer.deb";
        let begin = "systemd-run --quiet --collect --unit=lab-upgrade --setenv=DEBIAN_FRONTEND=noninteractive";
        guest.must(&format!("{begin} {install}"))?;
        let stands = "dpkg-query --show --showformat='${db:Status-Status}' machiai";
        for half in halves {
            guest.until(stands, |stands| stands == *half)?;
        }
        guest.cut_power()?;
        let after = guest.must(stands)?;
        ensure!(after != "installed", "the power was cut after the upgrade, not in it");
        settled(guest)?;
        told(guest, "desk", |desk| desk.to_string().contains(&format!("\"{last}\"")))?;
        let (next, _) = ticket(guest)?;
        ensure!(follows(&last, &next), "after {last} comes {next}, where the package is {after}");
        last = next;
        // As the README has it.
        let again = "dpkg --configure -a && apt-get -qq install -y /srv/newer.deb";
        guest.must(&format!("export DEBIAN_FRONTEND=noninteractive; {again}"))?;
        let version = guest.must("dpkg-query --show --showformat='${db:Status-Status} ${Version}' machiai")?;
        ensure!(version.starts_with("installed ") && version.ends_with("+newer"), "the package is {version}");
        told(guest, "desk", |desk| desk.to_string().contains(&format!("\"{last}\"")))?;
        shown(&format!("an upgrade whose power is cut at {after}: numbers go on, and installed again it is whole"));
    }
    Ok(())
}

/// Whether a number is the next one.
fn follows(before: &str, after: &str) -> bool {
    let [before, after] = [before, after].map(str::parse::<u32>);
    before.is_ok_and(|before| after == Ok(before + 1))
}

/// After a power cut the board is right in time, and numbers go on.
fn power(guest: &mut Guest, bare: &[Since; N_CUTS], report: &mut Report) -> Result<()> {
    guest.must("rm /etc/machiai/screen-monitor1.env; systemctl disable --now --quiet machiai-screen@monitor1")?;
    let (waiting, _) = ticket(guest)?;
    let called = press(guest, "rooms/room1/call", "{}")?;
    let desk = told(guest, "desk", |desk| in_room(desk).is_some())?;
    let number = in_room(&desk).with_context(|| format!("nobody is called: {called}"))?.to_owned();
    // The lab's own file is to outlive the cut; the clinic's facts do by themselves.
    guest.must(&format!("echo {number} > /etc/lab-number && sync /etc/lab-number"))?;
    let (last, _) = ticket(guest)?;
    let up_s = median(bare.map(|up| up.kernel_s));
    let (mut started, mut right) = ([0.0; N_CUTS], [Since::default(); N_CUTS]);
    for (started_s, right) in started.iter_mut().zip(&mut right) {
        guest.cut_power()?;
        let since_boot_s: f64 =
            guest.until("cat /run/lab-board", |said| !said.is_empty())?.parse().context("no time of the board")?;
        settled(guest)?;
        *right = Since::of(guest, since_boot_s)?;
        let started = "systemctl show --value -p ExecMainStartTimestampMonotonic machiai.service";
        *started_s = seconds(&guest.must(started)?)?;
        let after_s = since_boot_s - *started_s;
        out(&format!("cut    the board is right {after_s:.1} s after the service starts: {right:.1?}\n"));
        if right.kernel_s - up_s > BOARD_WITHIN_S {
            let why = "systemd-analyze --no-pager critical-chain machiai.service; systemd-analyze --no-pager blame | head -n 6";
            out(&format!("{}\n", guest.must(why)?));
        }
    }
    let (next, _) = ticket(guest)?;
    ensure!(follows(&last, &next), "after {last} comes {next}, and {waiting} waits");
    told(guest, "desk", |desk| desk.to_string().contains(&format!("\"{waiting}\"")) && in_room(desk) == Some(&number))?;
    shown("after a power cut everybody who was there is, and numbers go on");
    let year = guest.must("date +%Y")?;
    let after_s = median(std::array::from_fn(|nth| right[nth].start_s - started[nth]));
    let [whole_s, bare_whole_s] = [&right, bare].map(|times| median(times.map(|of| of.start_s)));
    let right_s = median(right.map(|of| of.kernel_s));
    let how = format!(
        "medians of {N_CUTS} power cuts; no network, RTC at 1970 (the system says {year}); the board is right {right_s:.1} s \
         after the kernel is done, and the machine without the package is up {up_s:.1} s after that; with the kernel \
         {whole_s:.1} s and {bare_whole_s:.1} s"
    );
    report.add("a right board after the service starts", (after_s, "s"), AtMost(BOARD_WITHIN_S), how.clone());
    report.add("a right board over the same machine without it", (right_s - up_s, "s"), AtMost(BOARD_WITHIN_S), how);
    Ok(())
}

/// Clears the TPM, as an update of the firmware may.
const CLEAR_TPM: &str = r"\x80\x02\0\0\0\x1b\0\0\x01\x26\x40\0\0\x0a\0\0\0\x09\x40\0\0\x09\0\0\0\0\0";

/// Has the TPM rest after 32 power cuts or guesses, and forget one in ten minutes, as those of PCs do: this one would
/// rest after three.
const AS_OF_A_PC: &str =
    r"\x80\x02\0\0\0\x27\0\0\x01\x3a\x40\0\0\x0a\0\0\0\x09\x40\0\0\x09\0\0\0\0\0\0\0\0\x20\0\0\x02\x58\0\0\x02\x58";

/// Gives the TPM one command, as its own bytes, with an empty password.
fn tell_tpm(guest: &mut Guest, command: &str) -> Result<()> {
    let answered = guest.must(&format!(
        "bash -c \"exec 3<>/dev/tpm0 && printf '{command}' | dd bs=64 iflag=fullblock status=none >&3 && \
         dd bs=64 count=1 status=none <&3 | od -An -v -tx1 -j6 -N4\""
    ))?;
    ensure!(answered == "00 00 00 00", "the TPM answers {answered}");
    Ok(())
}

/// The key that seals the box's own opens with this TPM and with no other; without it the queue goes on.
fn tpm(guest: &mut Guest) -> Result<()> {
    let found = guest.run("machiai doctor")?.1;
    ensure!(found.contains("sealed by this machine's own chip"), "no TPM seals anything: {found}");
    let (before, _) = ticket(guest)?;
    tell_tpm(guest, CLEAR_TPM)?;
    guest.cut_power()?;
    guest.until("ask GET status", |status| status.contains("secrets_locked"))?;
    told(guest, "desk", |desk| desk.to_string().contains(&format!("\"{before}\"")))?;
    let (after, _) = ticket(guest)?;
    ensure!(follows(&before, &after), "after {before} comes {after}");
    shown("a key that another TPM sealed does not open: the queue goes on without it, and says so");
    // As the README has it.
    guest.must("rm /var/lib/machiai-key/machine.key.cred && systemctl restart machiai-key machiai")?;
    guest.until("ask GET status", |status| status.contains("now_ms") && !status.contains("secrets_locked"))?;
    let found = guest.run("machiai doctor")?.1;
    ensure!(found.contains("sealed by this machine's own chip"), "no TPM seals anything: {found}");
    shown("another key is drawn for a machine whose own is lost");
    Ok(())
}

fn median(mut times: [f64; N_CUTS]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[N_CUTS / 2]
}

/// What a monitor shows.
struct Picture {
    rgb: Vec<u8>,
}

impl Picture {
    fn read(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).context("no picture")?;
        let mut decoder = png::Decoder::new(std::io::BufReader::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().context("no picture yet")?;
        let mut rgb = vec![0; reader.output_buffer_size().context("a picture without an end")?];
        reader.next_frame(&mut rgb).context("a picture that is cut short")?;
        Ok(Self { rgb })
    }

    /// Returns the share of it that is not black.
    fn lit(&self) -> f64 {
        share(self.rgb.chunks_exact(3).map(|point| point.iter().any(|of| *of > BLACK)))
    }

    /// Whether something is drawn on all of it: it is not of one colour, and no console.
    fn is_drawn(&self) -> bool {
        let first = self.rgb.get(..3).unwrap_or_default();
        self.lit() > 0.5 && share(self.rgb.chunks_exact(3).map(|point| point != first)) > 0.01
    }

    /// Returns the share of it that is not as in another one.
    fn differs(&self, other: &Self) -> f64 {
        share(self.rgb.iter().zip(&other.rgb).map(|(one, other)| one.abs_diff(*other) > BLACK))
    }
}

fn share(of: impl Iterator<Item = bool>) -> f64 {
    let (mut n_all, mut n_so) = (0.0, 0.0);
    for is_so in of {
        n_all += 1.0;
        n_so += if is_so { 1.0 } else { 0.0 };
    }
    if n_all > 0.0 { n_so / n_all } else { 0.0 }
}

/// Photographs the monitor until it shows what it should.
fn seen(guest: &mut Guest, file: &Path, is_so: impl Fn(&Picture) -> bool) -> Result<Picture> {
    let mut last = None;
    for _ in 0..N_PHOTOGRAPHS {
        guest.photograph(file)?;
        let picture = Picture::read(file)?;
        if is_so(&picture) {
            return Ok(picture);
        }
        last = Some(picture.lit());
        guest.must("sleep 0.5")?;
    }
    anyhow::bail!("the monitor does not show {}: of its light {last:?}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(points: &[[u8; 3]]) -> Picture {
        Picture { rgb: points.concat() }
    }

    #[test]
    fn a_board_and_a_call_are_drawn_and_an_empty_monitor_and_a_console_are_not() {
        let (paper, ink, yellow, black) = ([240, 240, 235], [23, 33, 43], [255, 209, 102], [0, 0, 0]);
        let mut board = [paper; 100];
        board[40..60].fill(ink);
        // Its first point is one of few.
        let mut call = [ink; 100];
        call[..5].fill(yellow);
        let mut console = [black; 100];
        console[10..30].fill(paper);
        let [board, call, console] = [board, call, console].map(|points| picture(&points));
        assert!(board.is_drawn() && call.is_drawn() && !console.is_drawn());
        assert!(!picture(&[paper; 100]).is_drawn() && !picture(&[black; 100]).is_drawn());
        assert!(call.differs(&board) > OVER_ALL && board.differs(&board) < OVER_ALL);
    }
}
