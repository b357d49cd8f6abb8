//! A machine to install on: this system's own files under a layer that is thrown away, booted by systemd in a container.
//!
//! Mounts, processes and network are its own and end with it. It needs root; systemd's memory bounds are not enforced in
//! it, and it has no devices.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use machiai_hw_tests::demo::stopwatch::Stopwatch;

/// Lays the layers and boots; the first argument is an empty folder, the second one what lies at `/scene`.
///
/// The system's basic services are started and nothing of what this one has enabled. Where programs are built, packages
/// may be forbidden to start services; where they are installed, they are not. The index of manual pages, which takes
/// seconds for each package, is not made.
const BOOT: &str = r#"set -e
mount -t tmpfs -o mode=755 layers "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
cp -r "$1" "$0/root/scene"
rm -f "$0/root/usr/sbin/policy-rc.d" "$0/root/var/lib/man-db/auto-update"
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/nspawn
exec systemd-nspawn --register=no --keep-unit --quiet --directory="$0/root" --private-network --boot \
    --console=read-only -- systemd.unit=sysinit.target"#;

/// How long it may take to boot, or a command in it: both are done in seconds.
const SOON: Duration = Duration::from_secs(60);

/// A running machine.
pub(super) struct Machine {
    nspawn: Child,
    /// Its first process, as this system counts.
    first: String,
    _layers: tempfile::TempDir,
}

impl Machine {
    /// Boots one in which a folder's files lie at `/scene`; what it says while it boots goes to `console` there.
    pub(super) fn boot(scene: &std::path::Path) -> Self {
        let layers = tempfile::tempdir().unwrap();
        let nspawn = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--", "sh", "-c", BOOT])
            .args([layers.path(), scene])
            .stdin(Stdio::null())
            .stdout(fs::File::create(scene.join("console")).unwrap())
            .spawn()
            .unwrap();
        let children = PathBuf::from(format!("/proc/{0}/task/{0}/children", nspawn.id()));
        let mut machine = Self { nspawn, first: String::new(), _layers: layers };
        let watch = Stopwatch::start();
        loop {
            let over = machine.nspawn.try_wait().unwrap();
            assert!(over.is_none() && watch.read() < SOON, "the machine does not boot: {over:?}");
            machine.first = fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
            // The first children are those of the shell that lays the layers.
            if !machine.first.is_empty() && machine.run("systemctl is-active --quiet sysinit.target").0 {
                return machine;
            }
            watch.wait_until(watch.read() + Duration::from_millis(50));
        }
    }

    /// Runs a command of the shell in it; returns whether it went well, and what it said.
    pub(super) fn run(&self, command: &str) -> (bool, String) {
        let mut entered = Command::new("nsenter");
        entered.args(["--target", &self.first, "--all", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        entered.args(["LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "timeout", "60", "sh", "-c", command]);
        let done = entered.stdin(Stdio::null()).output().unwrap();
        (
            done.status.success(),
            [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat(),
        )
    }

    /// Runs a command that must go well, and returns what it said.
    #[track_caller]
    pub(super) fn must(&self, command: &str) -> String {
        let (is_done, said) = self.run(command);
        assert!(is_done, "{command}\n{said}\n{}", self.log());
        said.trim().to_owned()
    }

    /// Runs a command until it goes well and what it says is as it should be; returns that.
    #[track_caller]
    pub(super) fn until(&self, command: &str, is_so: impl Fn(&str) -> bool) -> String {
        let watch = Stopwatch::start();
        loop {
            let (is_done, said) = self.run(command);
            if is_done && is_so(said.trim()) {
                return said.trim().to_owned();
            }
            assert!(watch.read() < SOON, "{command}\n{said}\n{}", self.log());
            watch.wait_until(watch.read() + Duration::from_millis(50));
        }
    }

    /// Returns a property of the daemon's unit.
    #[track_caller]
    pub(super) fn of_daemon(&self, property: &str) -> String {
        self.must(&format!("systemctl show --value -p {property} machiai.service"))
    }

    fn log(&self) -> String {
        self.run("journalctl --no-pager -o cat -n 60 -u 'machiai*'").1
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process dies with what watches it, and all others with that.
        drop(self.nspawn.kill());
        drop(self.nspawn.wait());
    }
}
