//! The lab's disks: Debian as it is installed, with the package and without, each with a line for the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::demo::daemon::write;

/// What both have.
const PACKAGES: &str = "systemd,systemd-sysv,udev,kmod,linux-image-amd64,initramfs-tools";

/// What is put into both, and where; programs are what lies in `bin`.
const PUT: &[(&str, &str)] = &[
    ("usr/local/bin/lab-shell", include_str!("../../data/lab/lab-shell")),
    ("usr/local/bin/lab-board", include_str!("../../data/lab/lab-board")),
    ("usr/local/bin/lab-printer", include_str!("../../data/lab/lab-printer")),
    ("usr/local/bin/ask", include_str!("../../data/lab/ask")),
    ("etc/systemd/system/lab-shell.service", include_str!("../../data/lab/lab-shell.service")),
    ("etc/systemd/system/lab-board.service", include_str!("../../data/lab/lab-board.service")),
    ("srv/settings.toml", include_str!("../../data/lab/settings.toml")),
];

/// What the package is told, as a clinic's IT does.
const TOLD: &[(&str, &str)] = &[
    ("etc/machiai/conf.d/10-lab.toml", include_str!("../../data/lab/devices.toml")),
    ("etc/udev/rules.d/59-machiai-keypads.rules", include_str!("../../data/lab/59-machiai-keypads.rules")),
];

/// Of what the package recommends: what its TPM is spoken to with.
const FOR_TPM: &str = "libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0 libtss2-tcti-device0";

/// Makes a newer one of the package, of which nothing differs but its version.
const NEWER: &str = "cd /srv && dpkg-deb --raw-extract machiai.deb newer && sed -i '/^Version:/s/$/+newer/' newer/DEBIAN/control && \
                     dpkg-deb -Zgzip --build newer newer.deb && rm -r newer";

/// The disks, and what is started from them.
pub(super) struct Images {
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
    /// The system without the package.
    pub(super) bare: PathBuf,
    /// The system with it.
    pub(super) with: PathBuf,
}

impl Images {
    /// Makes what is missing in a folder, which keeps it: the system takes minutes.
    ///
    /// # Errors
    /// Something is missing on this machine, or Debian's packages cannot be had.
    pub(super) fn make(folder: &Path, package: &Path) -> Result<Self> {
        let (base, bare, with) = (folder.join("base"), folder.join("bare.img"), folder.join("with.img"));
        fs::create_dir_all(folder).context("cannot make the lab's folder")?;
        // What lies in them may have changed since.
        let (stamp, made_of) =
            (folder.join("made-of"), PUT.iter().chain(TOLD).flat_map(|(to, text)| [*to, *text]).collect::<String>());
        if fs::read_to_string(&stamp).ok().as_ref() != Some(&made_of) {
            for old in [&bare, &with, &stamp].into_iter().filter(|old| old.exists()) {
                fs::remove_file(old).context("cannot remove an old disk")?;
            }
        }
        if !bare.exists() {
            // One that was cut short is of no use.
            shell("rm -rf \"$0\" && debootstrap --variant=minbase --include=\"$1\" bookworm \"$0\"", &base, PACKAGES)?;
            put(&base, PUT)?;
            shell("chroot \"$0\" systemctl --quiet enable $1", &base, "lab-shell.service lab-board.service")?;
            disk(&base, &bare)?;
        }
        let is_old = |image: &Path| {
            Some(fs::metadata(image).ok()?.modified().ok()? < fs::metadata(package).ok()?.modified().ok()?)
        };
        if is_old(&with).unwrap_or(true) {
            let tree = folder.join("with");
            shell("rm -rf \"$0\" && cp -a \"$1\" \"$0\"", &tree, &base.to_string_lossy())?;
            fs::copy(package, tree.join("srv/machiai.deb"))
                .with_context(|| format!("no package {}", package.display()))?;
            put(&tree, TOLD)?;
            let install = "unshare --mount --fork sh -c 'mount -t proc proc \"$0/proc\" && chroot \"$0\" sh -c \"$1\"' \"$0\" \"$1\"";
            let apt = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get -qq install -y \
                       --no-install-recommends -o Dpkg::Options::=--force-confold /srv/machiai.deb";
            shell(install, &tree, &format!("{apt} {FOR_TPM} && apt-get -qq clean"))?;
            shell(install, &tree, NEWER)?;
            disk(&tree, &with)?;
            fs::remove_dir_all(&tree).context("cannot remove the tree of a disk")?;
        }
        write(&stamp, &made_of)?;
        Ok(Self { kernel: newest(&base, "vmlinuz-")?, initrd: newest(&base, "initrd.img-")?, bare, with })
    }
}

/// Runs a command of the shell with two arguments; what it says is kept for its failure.
fn shell(command: &str, first: &Path, second: &str) -> Result<()> {
    let mut sh = Command::new("sh");
    sh.arg("-ec").arg(command).arg(first).arg(second).stdin(Stdio::null());
    let done = sh.output().context("no shell")?;
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let end: Vec<&str> = said.lines().rev().take(20).collect();
    ensure!(done.status.success(), "{command}: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn put(tree: &Path, files: &[(&str, &str)]) -> Result<()> {
    for (to, text) in files {
        let to = tree.join(to);
        fs::create_dir_all(to.parent().context("a file without a folder")?).context("cannot make a folder")?;
        write(&to, text)?;
        if to.parent().is_some_and(|folder| folder.ends_with("bin")) {
            shell("chmod 755 \"$0\"", &to, "")?;
        }
    }
    Ok(())
}

/// Makes a disk of a tree, whole or not at all.
fn disk(tree: &Path, image: &Path) -> Result<()> {
    let half = image.with_extension("half");
    shell("rm -f \"$0\" && truncate -s 4G \"$0\" && mkfs.ext4 -q -F -d \"$1\" \"$0\"", &half, &tree.to_string_lossy())?;
    fs::rename(&half, image).context("cannot name a disk")
}

fn newest(base: &Path, begins: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(base.join("boot")).context("no kernel")?.filter_map(Result::ok);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
    named.map(|entry| entry.path()).max().with_context(|| format!("no {begins} in the lab's system"))
}
