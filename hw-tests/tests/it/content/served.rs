//! Films prepared behind a door, as systemd keeps one: each connection starts a process that has it as standard input.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use super::*;

/// What waits at a door and serves so many films.
struct Door {
    at: PathBuf,
    waits: JoinHandle<()>,
}

impl Door {
    fn open(folder: &Path, n_films: usize) -> Self {
        let at = folder.join("door");
        let listener = UnixListener::bind(&at).unwrap();
        let waits = std::thread::spawn(move || {
            for _ in 0..n_films {
                let (came, _) = listener.accept().unwrap();
                let served = Command::new(env!("CARGO_BIN_EXE_films-prepared"))
                    .arg("prepare-served")
                    .env("GST_REGISTRY", "/proc/no-registry")
                    .stdin(Stdio::from(OwnedFd::from(came)))
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn();
                served.unwrap().wait().unwrap();
            }
        });
        Self { at, waits }
    }

    /// Opens a store that has its films prepared behind the door.
    fn store(&self, folder: &Path) -> Store {
        Store::open(Setup { program: self.at.clone(), ..setup(folder) }).unwrap()
    }

    /// Waits until all that was served is over: nothing may be left of a film that nobody waits for.
    fn close(self) {
        self.waits.join().unwrap();
        assert_eq!(children(), "");
    }
}

/// Returns the process that prepares, and the one that watches it.
fn both(path: &Path) -> [Pid; 2] {
    let watches = preparing(path);
    let pid = watches.as_raw_nonzero();
    let prepares = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    [Pid::from_raw(prepares.trim().parse().unwrap()).unwrap(), watches]
}

/// Imports a long film and sends one of its two processes a signal once something of it is written.
fn import_and_kill(which: usize, signal: Signal, folder: &Path) -> Result<Imported, ImportError> {
    let path = folder.join("long.mp4");
    Film { sounds: false, ..Film::of(9, 900) }.write(&path).unwrap();
    let door = Door::open(folder, 1);
    let mut store = door.store(folder);
    let imported = std::thread::scope(|scope| {
        let aside = folder.join("content/prepared/.aside");
        scope.spawn(move || kill_process(both(&aside)[which], signal).unwrap());
        store.import(&path, None, &Keep::default())
    });
    door.close();
    imported
}

#[test]
fn a_film_is_prepared_behind_a_door_as_well_and_one_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let door = Door::open(folder.path(), 2);
    let mut store = door.store(folder.path());
    let hash = prepared(&store.import(&path, None, &Keep::default()).unwrap());
    let on_disk = store.on_disk(REGION).unwrap();
    assert!(on_disk[&hash].is_prepared);
    assert_eq!(on_disk[&hash].findings.as_ref().unwrap().duration_ms, 333);
    let cut = folder.path().join("cut.mp4");
    put(&cut, &fs::read(&path).unwrap()[..2_000]);
    assert_eq!(reason(&store.import(&cut, None, &Keep::default()).unwrap()), Reason::Damaged);
    door.close();
}

#[test]
fn a_decoder_that_dies_of_a_film_behind_a_door_brings_the_film_into_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let imported = import_and_kill(0, Signal::ABORT, folder.path()).unwrap();
    assert_eq!(reason(&imported), Reason::Crashed);
}

#[test]
fn one_that_was_killed_behind_a_door_is_not_the_films_fault() {
    let folder = tempfile::tempdir().unwrap();
    let imported = import_and_kill(0, Signal::KILL, folder.path());
    assert!(matches!(imported, Err(ImportError::Child { source: ChildError::Killed, .. })), "{imported:?}");
    assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
}

#[test]
fn a_door_that_answers_nothing_is_the_machines_fault_and_never_the_films() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let at = folder.path().join("door");
    let listener = UnixListener::bind(&at).unwrap();
    let mut store = Store::open(Setup { program: at, ..setup(folder.path()) }).unwrap();
    for _ in 0..4 {
        std::thread::scope(|scope| {
            // It hears the order out, and goes.
            scope.spawn(|| assert!(listener.accept().unwrap().0.read(&mut [0; 1_024]).unwrap() > 0));
            let imported = store.import(&path, None, &Keep::default());
            assert!(
                matches!(imported, Err(ImportError::Child { source: ChildError::Failed { .. }, .. })),
                "{imported:?}"
            );
        });
    }
    assert_eq!(store.quarantined().count(), 0);
}

#[test]
fn nothing_is_prepared_on_for_a_store_that_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    Film { sounds: false, ..Film::of(9, 900) }.write(&path).unwrap();
    let door = Door::open(folder.path(), 1);
    let mut store = door.store(folder.path());
    let stop = store.stopper();
    let imported = std::thread::scope(|scope| {
        let aside = folder.path().join("content/prepared/.aside");
        scope.spawn(move || {
            both(&aside);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        store.import(&path, None, &Keep::default())
    });
    assert!(matches!(imported, Err(ImportError::Child { source: ChildError::Stopped, .. })), "{imported:?}");
    door.close();
}
