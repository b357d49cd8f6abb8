//! A virtual machine: no network, a clock of 1970, devices that are plugged in and out, and a line on which it is told
//! what to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::images::Images;
use crate::demo::stopwatch::Stopwatch;

/// How long it may take to start, or a command in it: every instruction is translated, where the processor helps not.
const WITHIN: Duration = Duration::from_secs(180);

/// How often what is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A running machine; it ends with this.
pub(super) struct Guest {
    qemu: Child,
    tpm: Child,
    line: BufReader<UnixStream>,
    control: BufReader<UnixStream>,
    folder: TempDir,
}

impl Guest {
    /// Starts one from a disk, to which nothing is ever written back.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(images: &Images, disk: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let socket =
            |name: &str| format!("socket,id={name},path={},server=on,wait=off", folder.path().join(name).display());
        let drive = format!("file={},if=virtio,format=raw,snapshot=on", disk.display());
        let console = format!("file:{}", folder.path().join("console").display());
        let control = folder.path().join("tpm");
        let mut tpm = Command::new("swtpm");
        tpm.args(["socket", "--tpm2", "--tpmstate"]).arg(format!("dir={}", folder.path().display()));
        tpm.arg("--ctrl").arg(format!("type=unixio,path={}", control.display()));
        tpm.arg("--log").arg(format!("file={}", folder.path().join("tpm-log").display()));
        let mut tpm = tpm.stdin(Stdio::null()).spawn().context("no swtpm")?;
        let tpm_socket = format!("socket,id=tpm,path={}", control.display());
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-nodefaults", "-display", "none"])
            .arg("-kernel")
            .arg(&images.kernel)
            .arg("-initrd")
            .arg(&images.initrd);
        for (option, value) in [
            ("-machine", "q35,i8042=off"),
            ("-accel", "tcg,thread=multi"),
            ("-cpu", "max"),
            ("-smp", "2"),
            ("-m", "2048"),
            ("-rtc", "base=1970-01-01"),
            ("-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0"),
            ("-serial", console.as_str()),
            ("-drive", drive.as_str()),
            ("-chardev", socket("line").as_str()),
            ("-chardev", socket("control").as_str()),
            ("-chardev", socket("box").as_str()),
            ("-chardev", tpm_socket.as_str()),
            ("-tpmdev", "emulator,id=tpm,chardev=tpm"),
            ("-device", "tpm-crb,tpmdev=tpm"),
            ("-mon", "chardev=control,mode=control"),
            ("-device", "virtio-rng-pci"),
            ("-device", "virtio-vga,xres=1920,yres=1080"),
            ("-device", "virtio-serial-pci"),
            ("-device", "virtserialport,chardev=line,name=lab"),
            ("-device", "qemu-xhci,id=usb"),
            ("-device", "usb-serial,id=box,chardev=box,serial=lab,bus=usb.0"),
        ] {
            qemu.args([option, value]);
        }
        let opened = made(&control, &mut tpm).and_then(|()| {
            let mut qemu = qemu.stdin(Stdio::null()).spawn().context("no qemu-system-x86_64")?;
            let opened = connect(&folder.path().join("line"), &mut qemu)
                .and_then(|line| Ok((line, connect(&folder.path().join("control"), &mut qemu)?)));
            match opened {
                Ok((line, control)) => Ok((qemu, line, control)),
                Err(cause) => {
                    end(&mut qemu);
                    Err(cause)
                }
            }
        });
        let (qemu, line, control) = match opened {
            Ok(opened) => opened,
            Err(cause) => {
                end(&mut tpm);
                return Err(cause);
            }
        };
        let mut guest = Self { qemu, tpm, line: BufReader::new(line), control: BufReader::new(control), folder };
        // It says what it is first.
        next(&mut guest.control)?;
        guest.order("qmp_capabilities", json!({}))?;
        guest.ready()?;
        Ok(guest)
    }

    /// Waits until it can be told something.
    fn ready(&mut self) -> Result<()> {
        let said = next(&mut self.line).context("the machine does not start")?;
        ensure!(said == "ready", "the machine says {said}");
        Ok(())
    }

    /// Cuts its power; it starts again.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn cut_power(&mut self) -> Result<()> {
        self.order("system_reset", json!({}))?;
        self.ready()
    }

    /// Runs a command of the shell in it; returns whether it went well, and what it said.
    ///
    /// # Errors
    /// The machine does not answer.
    pub(super) fn run(&mut self, command: &str) -> Result<(bool, String)> {
        writeln!(self.line.get_mut(), "{}", BASE64.encode(command)).context("cannot tell the machine")?;
        let answered = next(&mut self.line).with_context(|| format!("no answer to: {command}"))?;
        // What said nothing has no second word.
        let (status, said) = answered.split_once(' ').unwrap_or((&answered, ""));
        let said = BASE64.decode(said.trim()).context("an answer that cannot be read")?;
        Ok((status == "0", String::from_utf8_lossy(&said).trim().to_owned()))
    }

    /// Runs a command that must go well; returns what it said.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn must(&mut self, command: &str) -> Result<String> {
        let (is_done, said) = self.run(command)?;
        ensure!(is_done, "{command}: {said}");
        Ok(said)
    }

    /// Runs a command until what it says is as it should be; returns that.
    ///
    /// # Errors
    /// It never is.
    pub(super) fn until(&mut self, command: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let watch = Stopwatch::start();
        loop {
            let (is_done, said) = self.run(command)?;
            if is_done && is_so(&said) {
                return Ok(said);
            }
            let end: Vec<&str> = said.lines().rev().take(12).collect();
            ensure!(watch.read() < WITHIN / 3, "{command}: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
            watch.wait_until(watch.read() + LOOK_EVERY);
        }
    }

    /// Plugs a keypad in.
    ///
    /// # Errors
    /// The machine refuses it.
    pub(super) fn plug_keypad(&mut self) -> Result<()> {
        self.order("device_add", json!({"driver": "usb-kbd", "id": "keypad", "bus": "usb.0", "serial": "lab"}))
            .map(drop)
    }

    /// Pulls it.
    ///
    /// # Errors
    /// The machine has none.
    pub(super) fn pull_keypad(&mut self) -> Result<()> {
        self.order("device_del", json!({"id": "keypad"})).map(drop)
    }

    /// Types on it: figures, and a line's end for Enter.
    ///
    /// # Errors
    /// The machine refuses a key.
    pub(super) fn type_in(&mut self, text: &str) -> Result<()> {
        for typed in text.chars() {
            let code = if typed == '\n' { "ret".to_owned() } else { typed.to_string() };
            self.order("send-key", json!({"keys": [{"type": "qcode", "data": code}], "hold-time": 60}))?;
            let watch = Stopwatch::start();
            watch.wait_until(LOOK_EVERY);
        }
        Ok(())
    }

    /// Plugs the button box in, for as long as what is returned is kept.
    ///
    /// # Errors
    /// Somebody holds it.
    pub(super) fn plug_box(&mut self) -> Result<UnixStream> {
        connect(&self.folder.path().join("box"), &mut self.qemu)
    }

    /// Leaves what its monitor shows, a PNG.
    ///
    /// # Errors
    /// The machine refuses.
    pub(super) fn photograph(&mut self, to: &Path) -> Result<()> {
        self.order("screendump", json!({"filename": to, "format": "png"})).map(drop)
    }

    fn order(&mut self, order: &str, arguments: Value) -> Result<Value> {
        let text = json!({"execute": order, "arguments": arguments});
        writeln!(self.control.get_mut(), "{text}").with_context(|| format!("cannot order {order}"))?;
        loop {
            let told: Value =
                serde_json::from_str(&next(&mut self.control)?).context("an answer that cannot be read")?;
            if let Some(error) = told.get("error") {
                bail!("{order}: {error}");
            }
            // What happens meanwhile is told on the same line.
            if let Some(done) = told.get("return") {
                return Ok(done.clone());
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        end(&mut self.qemu);
        end(&mut self.tpm);
    }
}

fn end(qemu: &mut Child) {
    // It may have ended by itself.
    drop(qemu.kill());
    drop(qemu.wait());
}

fn next(from: &mut BufReader<UnixStream>) -> Result<String> {
    let mut said = String::new();
    let n_bytes = from.read_line(&mut said).context("nothing comes any more")?;
    ensure!(n_bytes > 0, "the machine has ended");
    Ok(said.trim_end().to_owned())
}

/// Waits until a program that is starting has made its socket.
fn made(socket: &Path, of: &mut Child) -> Result<()> {
    let watch = Stopwatch::start();
    while !socket.exists() {
        let ended = of.try_wait().context("cannot look at what makes a socket")?;
        ensure!(ended.is_none() && watch.read() < WITHIN, "no {}: {ended:?}", socket.display());
        watch.wait_until(watch.read() + LOOK_EVERY);
    }
    Ok(())
}

/// Opens a way to a machine that is starting.
fn connect(at: &Path, qemu: &mut Child) -> Result<UnixStream> {
    let watch = Stopwatch::start();
    loop {
        if let Ok(stream) = UnixStream::connect(at) {
            stream.set_read_timeout(Some(WITHIN)).context("cannot bound a wait")?;
            return Ok(stream);
        }
        let ended = qemu.try_wait().context("cannot look at the machine")?;
        ensure!(ended.is_none() && watch.read() < WITHIN, "no way to the machine: {ended:?}");
        watch.wait_until(watch.read() + LOOK_EVERY);
    }
}
