//! The packages under a real systemd: installed, started, killed, hung, upgraded, refused a downgrade, purged.
//!
//! They are made of the debug programs, so that nothing is built for this alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use machiai_hw_tests::demo::stopwatch::Stopwatch;

use super::machine::Machine;
use super::put;

/// After so long a board is right, from the moment in which the service is told to start.
const BOARD_WITHIN: Duration = Duration::from_secs(8);

/// After so long a daemon that was killed is ready again. Debug programs on a busy machine; the clinic's are quicker.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// Asks the daemon for a page, as a browser on the box itself would.
const ASK: &str = r#"exec 3<>/dev/tcp/127.0.0.1/8110
printf 'GET %s HTTP/1.1\r\nhost: 127.0.0.1:8110\r\nconnection: close\r\n\r\n' "$1" >&3
cat <&3"#;

/// Answers as chrony does once it follows a server.
const CHRONY: &str = "import socket
door = socket.socket(type=socket.SOCK_DGRAM)
door.bind(('127.0.0.1', 323))
while True:
    _, asker = door.recvfrom(200)
    tracking = b'\\xc0\\0\\2\\7' * 2 + bytes(12) + b'\\0\\1\\0\\0' + b'\\0\\2' + bytes(50)
    door.sendto(b'\\6\\2\\0\\0\\0\\x21\\0\\5' + bytes(20) + tracking, asker)
";

/// Shows in the test's log what was seen.
#[expect(clippy::print_stdout, reason = "a person reads in the log what clinics will see")]
fn tell(seen: &str) {
    println!("{seen}");
}

/// Runs a program in the repository's root, without what the cargo around this test says of itself.
fn tool(program: &Path, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut tool = Command::new(program);
    tool.args(arguments).current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_") && name != "CARGO_HOME") {
            tool.env_remove(name);
        }
    }
    let done = tool.output().unwrap_or_else(|cause| panic!("{}: {cause}", program.display()));
    assert!(done.status.success(), "{program:?} {arguments:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

/// Makes the packages of both versions in a folder, of what was built before.
fn packages(folder: &Path) {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap();
    for program in ["machiai", "machiai-screen", "machiai-hub", "machiai-hw-tests", "examples/handbook"] {
        assert!(built.join(program).exists(), "no {program}, type: cargo build --locked --workspace --bins --examples");
    }
    tool(&built.join("examples/handbook"), &["target/handbook"]);
    let of_each = ["machiai", "machiai-hub", "machiai-hw-tests"].map(|package| (package, "0.1.0-1"));
    for (package, version) in of_each.into_iter().chain([("machiai", "0.1.1-1"), ("machiai-hub", "0.1.1-1")]) {
        let to = folder.join(format!("{package}-{version}.deb"));
        let how =
            ["deb", "--quiet", "--locked", "--offline", "--no-build", "--fast", "--profile", "dev", "-p", package];
        tool(Path::new(env!("CARGO")), &[&how[..], &["--deb-version", version, "-o", to.to_str().unwrap()]].concat());
    }
}

#[test]
fn a_package_is_installed_killed_hung_upgraded_and_purged_and_keeps_what_the_clinic_did() {
    assert!(rustix::process::geteuid().is_root(), "a machine of its own needs root: run this test as root");
    let scene = tempfile::tempdir().unwrap();
    packages(scene.path());
    let settings = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/walk-settings.toml")).unwrap();
    put(&scene.path().join("settings.toml"), &settings);
    put(&scene.path().join("ask"), ASK);
    put(&scene.path().join("chrony.py"), CHRONY);
    still(&scene.path().join("still.png"));
    let machine = Machine::boot(scene.path());
    for (package, pages) in [
        ("machiai", "machiai machiai-doctor machiai-screen-run"),
        ("machiai-hub", "machiai-hub-serve"),
        ("machiai-hw-tests", "machiai-hw-tests-run"),
    ] {
        let contents = machine.must(&format!("dpkg --contents /scene/{package}-0.1.0-1.deb"));
        for page in pages.split(' ') {
            assert!(contents.contains(&format!("/man1/{page}.1")), "no page {page}: {contents}");
        }
    }

    installed_it_says_what_it_lacks(&machine);
    started_it_shows_a_board(&machine);
    the_network_is_open_to_paired_devices_alone(&machine);
    a_clock_that_chrony_sets_is_followed(&machine);
    a_configuration_is_read_again(&machine);
    what_is_kept_encrypted_is_read(&machine);
    keys_lie_sealed_and_without_what_seals_them_the_queue_goes_on(&machine);
    killed_or_hung_it_is_back(&machine);
    a_copy_is_made(&machine);
    a_monitor_is_shown_and_sees_no_journal(&machine);
    a_still_is_prepared_by_a_user_of_its_own(&machine);
    upgraded_it_keeps_everything(&machine);
    removed_and_installed_again_it_shows_what_it_did(&machine);
    the_hub_serves(&machine);
    a_site_is_walked_through(&machine);
    purged_it_asks(&machine);
}

/// Leaves a picture that a clinic may bring.
fn still(path: &Path) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 320, 180);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[160; 320 * 180]).unwrap();
}

fn installed_it_says_what_it_lacks(machine: &Machine) {
    tell(&machine.must("dpkg --install /scene/machiai-0.1.0-1.deb"));
    // Whatever device is asked about, udev reads all rules and says what it cannot.
    let rules = machine.must("udevadm test /class/net/lo 2>&1 | grep machiai");
    let (read, complaints): (Vec<_>, Vec<_>) = rules.lines().partition(|line| line.starts_with("Reading rules file"));
    assert!(read.len() == 2 && complaints.is_empty(), "{rules}");
    // The clinic's number is not known yet: systemd does not try again and again.
    machine.until("systemctl show --value -p ExecMainStatus machiai.service", |status| status == "64");
    assert_eq!(machine.of_daemon("NRestarts"), "0");
    machine.must("journalctl --no-pager -u machiai.service | grep -q 'missing field .site.'");
}

fn started_it_shows_a_board(machine: &Machine) {
    machine.must("printf 'site = 1001\\n' > /etc/machiai/conf.d/10-site.toml");
    let watch = Stopwatch::start();
    machine.must("systemctl start machiai.service");
    let board = machine.must("bash /scene/ask /api/v1/board.svg");
    let taken = watch.read();
    assert!(board.starts_with("HTTP/1.1 200 ") && board.contains("<svg"), "{board}");
    assert!(taken <= BOARD_WITHIN, "a board after {taken:?}");
    machine.must("machiai settings import /scene/settings.toml");
    let status =
        machine.until("systemctl status --no-pager --lines=5 machiai.service", |status| status.contains("待ち0人"));
    tell(&status);
    for (unit, most_tenths) in [("machiai.service", 15), ("machiai-screen@monitor1.service", 5)] {
        is_exposed_at_most(machine, unit, most_tenths);
    }
    nobody_listens_but_on_the_machine_itself(machine);
    machine.must("runuser -u machiai-screen -- test ! -r /var/lib/machiai/journal.db");
}

fn nobody_listens_but_on_the_machine_itself(machine: &Machine) {
    let listening = machine.must("ss --no-header --listening --tcp --numeric");
    assert!(listening.contains("127.0.0.1:8110"), "{listening}");
    assert!(listening.lines().all(|line| line.contains(" 127.0.0.1:")), "{listening}");
}

/// The clinic's network is served from the first place on that is opened to a tablet, and a start for which its address
/// is not there shows the board all the same; one that nobody can ask anything says so and rests.
fn the_network_is_open_to_paired_devices_alone(machine: &Machine) {
    let lan = |at: &str| {
        machine.must(&format!("printf 'lan = \"{at}:8443\"\n' > /etc/machiai/conf.d/20-lan.toml"));
        machine.must("systemctl restart machiai.service");
    };
    lan("0.0.0.0");
    nobody_listens_but_on_the_machine_itself(machine);
    machine.must("machiai pair --kind desk --place room1");
    let listening = machine.must("ss --no-header --listening --tcp --numeric");
    assert!(listening.contains("0.0.0.0:8443"), "{listening}");
    lan("192.0.2.7");
    let (is_paired, said) = machine.run("machiai pair --kind desk --place room1");
    assert!(!is_paired, "{said}");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("network_shut"));
    assert!(machine.must("bash /scene/ask /api/v1/board.svg").starts_with("HTTP/1.1 200 "));
    machine.must("rm /etc/machiai/conf.d/20-lan.toml && systemctl stop machiai.service");

    let taker = "systemd-run --quiet --unit=taker -p StandardOutput=null";
    machine.must(&format!("{taker} python3 -m http.server --bind 127.0.0.1 8110"));
    machine.until("ss --no-header --listening --tcp --numeric", |listening| listening.contains("127.0.0.1:8110"));
    let n_facts = "machiai journal export | wc -l";
    let before = machine.must(n_facts);
    machine.run("systemctl start --no-block machiai.service");
    let why = machine.until("systemctl show --value -p StatusText machiai.service", |why| why.contains("8110"));
    tell(&why);
    assert_eq!(machine.must(n_facts), before, "an opening that served nobody is written down");
    machine.must("systemctl stop taker");
    machine.until("systemctl show --value -p ActiveState machiai.service", |state| state == "active");
}

/// Within its unit the daemon may not ask the kernel, nor look into chrony's folders.
fn a_clock_that_chrony_sets_is_followed(machine: &Machine) {
    let shown = "bash /scene/ask '/healthz?verbose'";
    assert!(machine.must(shown).contains("\"clock\":\"free\""));
    machine.must("systemd-run --quiet --unit=chrony python3 /scene/chrony.py");
    machine.until(shown, |vitals| vitals.contains("\"clock\":\"synced\""));
    machine.must("systemctl stop chrony && systemctl restart machiai.service");
    assert!(machine.must(shown).contains("\"clock\":\"free\""));
}

fn a_configuration_is_read_again(machine: &Machine) {
    let pid = machine.of_daemon("MainPID");
    machine.must("printf 'sight = 1\\n' > /etc/machiai/conf.d/20-more.toml && systemctl reload machiai.service");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("config_refused"));
    machine.must("journalctl --no-pager -u machiai | grep -q 'unknown field .sight.'");
    machine.must("printf 'ballast_mib = 16\\n' > /etc/machiai/conf.d/20-more.toml && systemctl reload machiai.service");
    machine.until("bash /scene/ask /api/v1/status", |status| !status.contains("config_refused"));
    machine.must("journalctl --no-pager -u machiai | grep 'wait for a restart' | grep -q ballast_mib");
    // The channel and the content store are made anew while the daemon runs on.
    let more =
        "printf 'hub = \"http://127.0.0.1:1\"\\n[content]\\nquota_mib = 100\\n' > /etc/machiai/conf.d/20-more.toml";
    machine.must(&format!("{more} && systemctl reload machiai.service"));
    let follows =
        |status: &str| status.contains("\"quota_bytes\":104857600") && status.contains("\"wrong\":\"no_line\"");
    machine.until("bash /scene/ask /api/v1/status", follows);
    machine.must("rm /etc/machiai/conf.d/20-more.toml && systemctl reload machiai.service");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("\"hub\":null"));
    assert_eq!(machine.of_daemon("MainPID"), pid, "it was started again");
    assert_eq!(machine.of_daemon("ActiveState"), "active");
}

fn what_is_kept_encrypted_is_read(machine: &Machine) {
    let secret = "printf 'hub = \"http://127.0.0.1:1\"\nhub_proxy = \"http://it:hush@127.0.0.1:2\"\n'";
    let encrypt = "systemd-creds encrypt --with-key=host --name=secrets.toml - /etc/machiai/secrets.toml.cred";
    machine.must(&format!("{secret} | {encrypt} && ! grep -q hush /etc/machiai/secrets.toml.cred"));
    machine.must("systemctl restart machiai.service");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("\"hub\":{"));
    machine.must("rm /etc/machiai/secrets.toml.cred && systemctl restart machiai.service");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("\"hub\":null"));
}

fn keys_lie_sealed_and_without_what_seals_them_the_queue_goes_on(machine: &Machine) {
    let (key, sealed) = ("/var/lib/machiai/lan-ca.key", "/var/lib/machiai-key/machine.key.cred");
    let troubles = || machine.must("bash /scene/ask /api/v1/status");
    let start = || machine.must("systemctl stop machiai-key.service; systemctl restart machiai.service");
    let trusted = "sha256sum /var/lib/machiai/lan-ca.crt";
    machine.must("printf 'lan = \"0.0.0.0:8443\"\n' > /etc/machiai/conf.d/20-lan.toml");
    machine.must(&format!("test -s {key} && ! grep -q PRIVATE {key}"));
    let before = machine.must(trusted);
    start();
    assert!(!troubles().contains("secrets_locked"));
    let (_, found) = machine.run("machiai doctor");
    assert!(found.contains("sealed by a key on the same disk"), "{found}");

    // Another machine's, or a TPM that was cleared.
    machine.must(&format!("cp -a {sealed} {sealed}.own && echo other > {sealed}"));
    start();
    assert!(troubles().contains("secrets_locked"), "{}", troubles());
    machine.must("! systemctl is-active machiai-key.service");
    assert!(machine.must("bash /scene/ask /api/v1/board.svg").starts_with("HTTP/1.1 200 "));
    machine.must("! machiai pair --kind desk --place room1");
    machine.must("! ss --no-header --listening --tcp --numeric | grep 8443");
    let (_, found) = machine.run("machiai doctor");
    assert!(found.contains("The key of this machine does not open"), "{found}");
    tell(&machine.must("systemctl status --no-pager --lines=0 machiai.service"));

    // It comes back, as from a TPM that rested: the daemon has it, and tablets trust the authority that they trusted.
    machine.must(&format!("mv {sealed}.own {sealed}"));
    machine.must("systemctl restart machiai-key.service");
    machine.until("bash /scene/ask /api/v1/status", |status| {
        status.contains("now_ms") && !status.contains("secrets_locked")
    });
    machine.must("machiai pair --kind desk --place room1");
    machine.must("ss --no-header --listening --tcp --numeric | grep 8443");
    assert_eq!(machine.must(trusted), before);

    // It is gone for good, and somebody says so: what it sealed is set aside, and the box has another.
    machine.must(&format!("rm {sealed}"));
    start();
    machine.must(&format!("test -s {sealed} -a -s {key}.lost -a -s {key} && ! grep -q PRIVATE {key}"));
    assert_ne!(machine.must(trusted), before);
    assert!(!troubles().contains("secrets_locked"));
    machine.must("rm /etc/machiai/conf.d/20-lan.toml && systemctl restart machiai.service");
}

/// Waits until the daemon is ready again as another process, and says how long that took.
fn back_after(machine: &Machine, pid: &str) -> Duration {
    let watch = Stopwatch::start();
    machine.until("systemctl show --value -p ActiveState -p MainPID machiai.service", |shown| {
        shown.lines().any(|line| line == "active") && !shown.lines().any(|line| line == pid)
    });
    watch.read()
}

fn killed_or_hung_it_is_back(machine: &Machine) {
    let pid = machine.of_daemon("MainPID");
    machine.must("systemctl kill --signal=KILL --kill-who=main machiai.service");
    let taken = back_after(machine, &pid);
    tell(&format!("back {taken:?} after a kill"));
    assert!(taken <= BACK_WITHIN, "back after {taken:?}");

    // A shorter patience, so that the scene is not longer than need be.
    machine.must("mkdir -p /run/systemd/system/machiai.service.d");
    let shorter = "/run/systemd/system/machiai.service.d/shorter.conf";
    machine.must(&format!("printf '[Service]\\nWatchdogSec=6s\\n' > {shorter} && systemctl daemon-reload"));
    machine.must("systemctl restart machiai.service");
    let (pid, restarts) = (machine.of_daemon("MainPID"), machine.of_daemon("NRestarts"));
    // One that is fed is let alone for longer than its patience.
    let watch = Stopwatch::start();
    watch.wait_until(Duration::from_secs(7));
    assert_eq!((machine.of_daemon("MainPID"), machine.of_daemon("NRestarts")), (pid.clone(), restarts));
    machine.must("systemctl kill --signal=STOP --kill-who=main machiai.service");
    tell(&format!("back {:?} after a standstill", back_after(machine, &pid)));
    machine.must("journalctl --no-pager -u machiai.service | grep -q 'Watchdog timeout'");
    machine.must(&format!("rm {shorter} && systemctl daemon-reload"));
}

fn a_copy_is_made(machine: &Machine) {
    machine.must("systemctl start machiai-backup.service && systemctl start machiai-backup.service");
    machine.must("test -s /var/backups/machiai/journal.db -a -s /var/backups/machiai/journal-before.db");
    machine.must("systemctl is-active machiai-backup.timer");
    let (told, at) = ("machiai_journal_last_copy_timestamp_seconds", "$(stat -c %Y /var/lib/machiai/copied)");
    machine.must(&format!("bash /scene/ask /metrics | tr -d '\\r' | grep -x \"{told} {at}\""));
    let (_, found) = machine.run("machiai doctor");
    assert!(found.contains("Copies of the journal are made"), "{found}");
}

fn a_monitor_is_shown_and_sees_no_journal(machine: &Machine) {
    machine.must("printf 'MACHIAI_SCREEN_OPTIONS=--sink null\\n' > /etc/machiai/screen-monitor1.env");
    machine.must("systemctl start machiai-screen@monitor1.service");
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("\"screens\":{\"monitor1\""));
    // One that stands still is ended, and another takes its place.
    let pid = machine.must("systemctl show --value -p MainPID machiai-screen@monitor1.service");
    machine.must("systemctl kill --signal=STOP --kill-who=main machiai-screen@monitor1.service");
    machine.until("systemctl show --value -p ActiveState -p MainPID machiai-screen@monitor1.service", |shown| {
        shown.lines().any(|line| line == "active") && !shown.lines().any(|line| line == pid)
    });
    machine.until("bash /scene/ask /api/v1/status", |status| status.contains("\"screens\":{\"monitor1\""));
    let seen = "nsenter --target $(systemctl show --value -p MainPID machiai-screen@monitor1.service) --mount";
    machine.must(&format!("{seen} test -d /var/lib/machiai/content"));
    let (is_seen, _) = machine.run(&format!("{seen} test -e /var/lib/machiai/journal.db"));
    assert!(!is_seen, "a screen sees the journal");
}

fn a_still_is_prepared_by_a_user_of_its_own(machine: &Machine) {
    let incoming = "/var/lib/machiai/content/incoming";
    machine.must(&format!(
        "cp /scene/still.png /tmp/still.png && chmod 644 /tmp/still.png && mv /tmp/still.png {incoming}"
    ));
    let prepared = format!("ls {incoming}/processed/still.png && ls /var/lib/machiai/content/prepared");
    machine.until(&prepared, |listed| listed.contains("-1280x720"));
    let by =
        machine.must("journalctl --no-pager -u 'machiai-prepare@*' -o json | grep 'is being prepared' | tail -n 1");
    let by: serde_json::Value = serde_json::from_str(&by).unwrap();
    let by = by["_UID"].as_str().unwrap();
    for other in ["root", "machiai", "machiai-screen"] {
        assert_ne!(machine.must(&format!("id -u {other}")), by, "it is prepared by {other}");
    }
    // Nothing is left of it.
    machine.until("systemctl list-units --all --no-legend 'machiai-prepare@*'", str::is_empty);
}

fn upgraded_it_keeps_everything(machine: &Machine) {
    let before = machine.must("machiai settings export");
    assert!(before.contains("さくら台クリニック"), "{before}");
    let pid = machine.of_daemon("MainPID");
    tell(&machine.must("dpkg --install /scene/machiai-0.1.1-1.deb"));
    assert_ne!(machine.of_daemon("MainPID"), pid, "the new version does not run");
    assert_eq!(machine.must("machiai settings export"), before);
    machine.must("systemctl is-active machiai.service machiai-screen@monitor1.service");
    refuses_the_one_before(machine, "machiai", &["machiai", "machiai-screen@monitor1"]);
}

/// What runs goes on meanwhile.
fn refuses_the_one_before(machine: &Machine, package: &str, units: &[&str]) {
    let running = || {
        let pid = |unit: &&str| machine.must(&format!("systemctl show --value -p ActiveState -p MainPID {unit}"));
        units.iter().map(pid).collect::<Vec<_>>()
    };
    let before = running();
    assert!(before.iter().all(|state| state.contains("active") && !state.contains("inactive")), "{before:?}");
    let (is_done, said) = machine.run(&format!("dpkg --install /scene/{package}-0.1.0-1.deb"));
    assert!(!is_done && said.contains("is older than"), "{said}");
    let stands = machine.must(&format!("dpkg-query --show --showformat='${{Status}} ${{Version}}' {package}"));
    assert_eq!(stands, "install ok installed 0.1.1-1");
    assert_eq!(running(), before, "it was started anew");
}

fn removed_and_installed_again_it_shows_what_it_did(machine: &Machine) {
    machine.must("systemctl enable machiai-screen@monitor1.service");
    machine.must("dpkg --remove machiai && test -s /var/lib/machiai/journal.db");
    machine.must("! systemctl is-active machiai.service machiai-screen@monitor1.service");
    machine.must("dpkg --install /scene/machiai-0.1.1-1.deb");
    machine.must("systemctl is-active machiai.service machiai-screen@monitor1.service");
}

/// As the units beside the programs; systemd has the last word on those that are installed.
fn is_exposed_at_most(machine: &Machine, unit: &str, most_tenths: u32) {
    let told = machine.must(&format!("systemd-analyze security --no-pager --threshold={most_tenths} {unit}"));
    tell(told.lines().last().unwrap_or_default());
}

fn the_hub_serves(machine: &Machine) {
    machine.must("dpkg --install /scene/machiai-hub-0.1.0-1.deb");
    assert_eq!(machine.must("systemctl is-active machiai-hub.service"), "active");
    is_exposed_at_most(machine, "machiai-hub.service", 15);
    machine.must("machiai-hub support key /etc/machiai/support.pem");
    machine.must("dpkg --install /scene/machiai-hub-0.1.1-1.deb");
    refuses_the_one_before(machine, "machiai-hub", &["machiai-hub"]);
    // Nobody can be asked: what it holds is kept, and one that is installed anew goes on with it.
    machine.must("dpkg --purge machiai-hub && test -s /var/lib/machiai-hub/hub.db");
    machine.must("dpkg --install /scene/machiai-hub-0.1.1-1.deb && systemctl is-active machiai-hub.service");
    // Whoever was asked said yes.
    machine.must("echo 'machiai-hub machiai-hub/purge-data boolean true' | debconf-set-selections");
    machine.must("dpkg --purge machiai-hub && test ! -e /var/lib/machiai-hub");
}

/// With a printer that is a file, whose paper nobody sees: the walk says so, and the report is signed.
fn a_site_is_walked_through(machine: &Machine) {
    machine.must("dpkg --install /scene/machiai-hw-tests-0.1.0-1.deb");
    let key = "/etc/machiai/support.pem";
    let walk = format!("machiai-hw-tests run --site 1001 --printer file:/run/paper --key {key} --out /run/report.json");
    let (is_accepted, said) = machine.run(&format!("touch /run/paper; yes n | {walk}"));
    tell(&said);
    assert!(!is_accepted && said.contains("FAILED  ticket_is_printed"), "{said}");
    assert!(said.contains("skipped buttons_are_heard: no such device was named"), "{said}");
    machine.must("test -s /run/paper -a -s /run/report.json && dpkg --purge machiai-hw-tests");
}

fn purged_it_asks(machine: &Machine) {
    // Nobody can be asked: it is kept.
    tell(&machine.must("dpkg --purge machiai"));
    machine.must("test -s /var/lib/machiai/journal.db -a -s /var/backups/machiai/journal.db");
    machine.must("! systemctl is-active machiai.service machiai-screen@monitor1.service");
    // Installed anew it goes on with it.
    machine.must("mkdir -p /etc/machiai/conf.d && printf 'site = 1001\\n' > /etc/machiai/conf.d/10-site.toml");
    machine.must("dpkg --install /scene/machiai-0.1.1-1.deb");
    assert!(machine.must("machiai settings export").contains("さくら台クリニック"));
    // Whoever was asked said yes.
    machine.must("echo 'machiai machiai/purge-data boolean true' | debconf-set-selections");
    machine.must("dpkg --purge machiai");
    machine.must("test ! -e /var/lib/machiai -a ! -e /var/lib/machiai-key -a ! -e /var/backups/machiai");
    machine.must("test ! -e /run/machiai-key");
}
