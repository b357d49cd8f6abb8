//! The content store on a real disk, with real films and the real preparing process.

mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai::content::watched::{Taken, Watched};
use machiai::content::{ChildError, ImportError, Imported, Keep, Setup, Store, Verdict, trouble};
use machiai_core::facts::Lang;
use machiai_core::program::content::{ContentHash, ContentTrouble};
use machiai_core::time::AtMs;
use machiai_hw_tests::films::Film;
use machiai_panel::Words;
use machiai_panel::film::Reason;
use rustix::process::{Pid, Signal, kill_process};

/// The landscape's film region.
const REGION: (u32, u32) = (1280, 720);

/// What the tests' films must not come near.
const PLENTY: u64 = 1 << 30;

fn setup(folder: &Path) -> Setup {
    Setup {
        folder: folder.join("content"),
        program: PathBuf::from(env!("CARGO_BIN_EXE_films-prepared")),
        regions: vec![REGION],
        most_ms: 600_000,
        most_bytes: PLENTY,
        quota_bytes: PLENTY,
        silent_for: Duration::from_secs(20),
    }
}

fn film(folder: &Path, clip: u8) -> PathBuf {
    let path = folder.join(format!("film{clip}.mp4"));
    Film { sounds: false, ..Film::of(clip, 10) }.write(&path).unwrap();
    path
}

fn put(path: &Path, bytes: &[u8]) {
    fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn prepared(imported: &Imported) -> ContentHash {
    assert!(matches!(imported.verdict, Verdict::Prepared(_)), "{imported:?}");
    imported.content.unwrap()
}

fn reason(imported: &Imported) -> Reason {
    match &imported.verdict {
        Verdict::Refused(refused) => refused.reason,
        Verdict::Prepared(_) => panic!("{imported:?}"),
    }
}

/// Lists the names in a folder of the store.
fn names(folder: &Path, place: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.join("content").join(place)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the hash of a file as another program would tell it.
fn hash_of(path: &Path) -> ContentHash {
    ContentHash::from_bytes(*blake3::hash(&fs::read(path).unwrap()).as_bytes())
}

#[test]
fn a_film_airs_by_its_hash_and_is_known_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let mut store = Store::open(setup(folder.path())).unwrap();
    let imported = store.import(&path, None, &Keep::default()).unwrap();
    let hash = prepared(&imported);
    assert_eq!(hash, hash_of(&path));

    let again = Store::open(setup(folder.path())).unwrap();
    for store in [&store, &again] {
        let on_disk = store.on_disk(REGION).unwrap();
        let one = &on_disk[&hash];
        assert!(one.is_prepared && one.path.ends_with(format!("prepared/{hash}-1280x720")), "{one:?}");
        assert_eq!(one.findings.as_ref().unwrap().duration_ms, 333);
        // Nothing was prepared for the portrait: there it airs as it came.
        let other = &store.on_disk((1080, 608)).unwrap()[&hash];
        assert!(!other.is_prepared && other.path.ends_with(format!("originals/{hash}")), "{other:?}");
        assert_eq!(store.waiting().unwrap(), BTreeSet::new());
    }
}

#[test]
fn bytes_that_are_not_those_of_the_hash_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let mut store = Store::open(setup(folder.path())).unwrap();
    let expected = ContentHash::from_bytes([7; 32]);
    let refused = store.import(&path, Some(expected), &Keep::default());
    assert!(matches!(refused, Err(ImportError::WrongBytes { content, .. }) if content == expected), "{refused:?}");
    assert_eq!(names(folder.path(), "originals"), Vec::<String>::new());
}

#[test]
fn what_came_from_the_hub_waits_as_an_original_and_what_is_no_film_is_gone_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(setup(folder.path())).unwrap();
    let came = film(folder.path(), 1);
    let hash = hash_of(&came);
    assert_eq!(store.adopt(&came, hash, &Keep::default()).unwrap(), None);
    assert!(!came.exists(), "it goes from where it was");
    assert_eq!(store.waiting().unwrap(), BTreeSet::from([hash]));
    prepared(&store.prepare(hash, &Keep::default()).unwrap());

    let came = folder.path().join("letter");
    put(&came, b"A letter to the clinic.");
    let hash = hash_of(&came);
    let refused = store.adopt(&came, hash, &Keep::default()).unwrap();
    assert!(matches!(&refused, Some(Verdict::Refused(refused)) if refused.reason == Reason::NotAFilm), "{refused:?}");
    assert!(!came.exists());
    let again = Store::open(setup(folder.path())).unwrap();
    assert_eq!(again.quarantined().map(|(hash, _)| hash).collect::<Vec<_>>(), [hash], "it is never fetched again");
}

#[test]
fn what_came_and_finds_no_room_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (came, mut store) = narrow(folder.path(), 1_000);
    let kept = ContentHash::from_bytes([9; 32]);
    put(&folder.path().join(format!("content/originals/{kept}")), &[0; 2_000]);
    let keep = Keep { hashes: BTreeSet::from([kept]), ..Keep::default() };
    let n_bytes = fs::metadata(&came).unwrap().len();
    assert_eq!(store.room_bytes(&keep).unwrap(), n_bytes - 1_000);
    let waits = store.adopt(&came, hash_of(&came), &keep);
    assert!(matches!(waits, Err(ImportError::NoRoom { .. })), "{waits:?}");
    assert!(came.exists());
}

#[test]
fn a_refused_film_is_in_quarantine_and_is_not_decoded_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let bytes = fs::read(&path).unwrap();
    put(&path, &bytes[..bytes.len() / 2]);
    let mut store = Store::open(setup(folder.path())).unwrap();
    let imported = store.import(&path, None, &Keep::default()).unwrap();
    assert_eq!(reason(&imported), Reason::Damaged);
    let hash = imported.content.unwrap();

    // Were it tried again, this program could not be started.
    let nobody = Setup { program: PathBuf::from("/there/is/none"), ..setup(folder.path()) };
    let mut again = Store::open(nobody).unwrap();
    assert_eq!(again.quarantined().map(|(hash, _)| hash).collect::<Vec<_>>(), [hash]);
    assert_eq!(again.import(&path, None, &Keep::default()).unwrap().verdict, imported.verdict);
    assert_eq!(again.on_disk(REGION).unwrap(), BTreeMap::new());
    assert_eq!(names(folder.path(), "originals"), Vec::<String>::new());
    assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
}

#[test]
fn what_is_no_film_at_first_sight_is_not_even_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Setup { program: PathBuf::from("/there/is/none"), most_bytes: 1_000, ..setup(folder.path()) };
    let mut store = Store::open(nobody).unwrap();
    let path = folder.path().join("film.mp4");
    for (bytes, expected, fact) in [
        (b"".to_vec(), Reason::Empty, ContentTrouble::Empty),
        (b"A letter to the clinic.".to_vec(), Reason::NotAFilm, ContentTrouble::Undecodable),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://10.0.0.1/\n".to_vec(), Reason::NotAFilm, ContentTrouble::Undecodable),
        (vec![0x47; 1_001], Reason::TooManyBytes, ContentTrouble::TooLarge),
    ] {
        put(&path, &bytes);
        let imported = store.import(&path, None, &Keep::default()).unwrap();
        assert_eq!((imported.content, reason(&imported)), (None, expected));
        assert_eq!(trouble(expected), fact);
    }
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.mp4")).unwrap();
    let link = store.import(&folder.path().join("link.mp4"), None, &Keep::default());
    assert!(matches!(link, Err(ImportError::Read { .. })), "{link:?}");
}

#[test]
fn a_crash_leaves_nothing_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), 1);
    let mut store = Store::open(setup(folder.path())).unwrap();
    let hash = prepared(&store.import(&path, None, &Keep::default()).unwrap());
    drop(store);
    // As a power cut would leave it: the original is whole, the rest is not.
    let content = folder.path().join("content");
    fs::remove_file(content.join(format!("prepared/{hash}-1280x720"))).unwrap();
    for place in ["originals", "prepared", "verdicts"] {
        put(&content.join(place).join(".aside"), b"half");
    }
    put(&content.join(format!("verdicts/{hash}.json")), b"{");

    let mut store = Store::open(setup(folder.path())).unwrap();
    assert_eq!(names(folder.path(), "originals"), [hash.to_string()]);
    assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
    // Until it is decoded again it airs as it came.
    assert!(!store.on_disk(REGION).unwrap()[&hash].is_prepared);
    assert_eq!(store.waiting().unwrap(), BTreeSet::from([hash]));
    prepared(&store.prepare(hash, &Keep::default()).unwrap());
    assert!(store.on_disk(REGION).unwrap()[&hash].is_prepared);
}

#[test]
fn a_full_store_lets_go_of_what_aired_longest_ago_and_never_of_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (1..=4).map(|clip| film(folder.path(), clip)).collect();
    let mut measured = Store::open(setup(&folder.path().join("measured"))).unwrap();
    prepared(&measured.import(&paths[0], None, &Keep::default()).unwrap());
    let files = ["originals", "prepared"].map(|place| {
        let place = folder.path().join("measured/content").join(place);
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum::<u64>()
    });
    // Room for two and a half of them.
    let quota_bytes = (files[0] + files[1]) * 5 / 2;
    let mut store = Store::open(Setup { quota_bytes, ..setup(folder.path()) }).unwrap();
    let mut keep = Keep::default();
    let first = prepared(&store.import(&paths[0], None, &keep).unwrap());
    let second = prepared(&store.import(&paths[1], None, &keep).unwrap());
    keep.aired = BTreeMap::from([(first, AtMs(10)), (second, AtMs(20))]);
    keep.hashes.insert(first);
    let third = store.import(&paths[2], None, &keep).unwrap();
    assert_eq!(third.evicted, [second], "the older one is kept");
    let third = prepared(&third);
    assert_eq!(store.on_disk(REGION).unwrap().into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([first, third]));

    keep.hashes.insert(third);
    let fourth = store.import(&paths[3], None, &keep);
    assert!(matches!(fourth, Err(ImportError::NoRoom { .. })), "{fourth:?}");
    assert_eq!(store.on_disk(REGION).unwrap().into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([first, third]));
    assert_eq!(names(folder.path(), "originals").len(), 2);
}

/// Lists the processes that this test has started and not ended.
fn children() -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("children"));
    tasks.filter_map(|children| fs::read_to_string(children).ok()).collect()
}

/// Waits for the preparing process of this test, and returns its id: each test is a process of its own.
fn preparing(path: &Path) -> Pid {
    for _ in 0..3_000 {
        let children = children();
        let has_begun = fs::metadata(path).is_ok_and(|meta| meta.len() > 0);
        if let Some(pid) = children.split_whitespace().find_map(|pid| pid.parse().ok()).filter(|_| has_begun) {
            return Pid::from_raw(pid).unwrap();
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("no film was being prepared");
}

/// Imports a long film and sends its process a signal once something of it is written.
fn import_and(signal: Signal, store: &mut Store, folder: &Path) -> Result<Imported, ImportError> {
    let path = folder.join("long.mp4");
    Film { sounds: false, ..Film::of(9, 900) }.write(&path).unwrap();
    std::thread::scope(|scope| {
        let aside = folder.join("content/prepared/.aside");
        scope.spawn(move || kill_process(preparing(&aside), signal).unwrap());
        store.import(&path, None, &Keep::default())
    })
}

#[test]
fn a_killed_process_is_not_the_films_fault_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(setup(folder.path())).unwrap();
    let imported = import_and(Signal::KILL, &mut store, folder.path());
    assert!(matches!(imported, Err(ImportError::Child { source: ChildError::Killed, .. })), "{imported:?}");
    assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
    assert_eq!(store.quarantined().count(), 0);
    assert_eq!(store.waiting().unwrap().len(), 1, "it is tried again");
}

#[test]
fn a_decoder_that_dies_of_a_film_brings_the_film_into_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(setup(folder.path())).unwrap();
    let imported = import_and(Signal::ABORT, &mut store, folder.path()).unwrap();
    assert_eq!(reason(&imported), Reason::Crashed);
    assert_eq!(store.on_disk(REGION).unwrap(), BTreeMap::new());
}

#[test]
fn a_process_that_hangs_is_ended_and_its_film_refused_only_the_third_time() {
    let folder = tempfile::tempdir().unwrap();
    let (path, program) = (film(folder.path(), 1), folder.path().join("hangs"));
    put(&program, b"#!/bin/sh\nexec sleep 600\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let hasty = Setup { program, silent_for: Duration::from_secs(1), ..setup(folder.path()) };
    let mut store = Store::open(hasty).unwrap();
    for nth in 1..=3 {
        let imported = store.import(&path, None, &Keep::default());
        assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
        assert_eq!(children(), "", "one is left of the {nth}. time");
        match imported {
            Err(ImportError::Child { source: ChildError::Stuck, .. }) if nth < 3 => {}
            Ok(imported) if nth == 3 => assert_eq!(reason(&imported), Reason::Stalled),
            Ok(_) | Err(_) => panic!("the {nth}. time: {imported:?}"),
        }
    }
}

/// Writes a film and opens a store that holds so many bytes more than the film has.
fn narrow(folder: &Path, more_bytes: u64) -> (PathBuf, Store) {
    let path = folder.join("film.mp4");
    Film { sounds: false, size: (320, 180), ..Film::of(1, 120) }.write(&path).unwrap();
    let quota_bytes = fs::metadata(&path).unwrap().len() + more_bytes;
    (path, Store::open(Setup { quota_bytes, ..setup(folder) }).unwrap())
}

#[test]
fn a_film_that_no_empty_store_would_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = narrow(folder.path(), 1_000);
    let imported = store.import(&path, None, &Keep::default()).unwrap();
    assert_eq!(reason(&imported), Reason::TooManyBytes);
    assert_eq!(names(folder.path(), "prepared"), Vec::<String>::new());
}

#[test]
fn a_film_that_only_what_is_kept_leaves_no_room_for_waits_and_comes_in_when_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = narrow(folder.path(), 40_000_000);
    // What is kept is not played here: only its bytes count.
    let kept = ContentHash::from_bytes([9; 32]);
    let original = folder.path().join(format!("content/originals/{kept}"));
    put(&original, &vec![0; 39_990_000]);
    let mut keep = Keep { hashes: BTreeSet::from([kept]), ..Keep::default() };
    let waits = store.import(&path, None, &keep);
    assert!(matches!(waits, Err(ImportError::NoRoom { .. })), "{waits:?}");
    assert_eq!(names(folder.path(), "originals"), [kept.to_string()]);
    assert_eq!(store.quarantined().count(), 0, "it is not the film's fault");

    keep.hashes.clear();
    let imported = store.import(&path, None, &keep).unwrap();
    prepared(&imported);
    assert_eq!(imported.evicted, [kept]);
}

#[test]
fn what_its_player_does_not_let_go_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = narrow(folder.path(), 40_000_000);
    let (played, other) = (ContentHash::from_bytes([8; 32]), ContentHash::from_bytes([9; 32]));
    let mut store = store.asking(Box::new(move |hash| hash != played));
    for hash in [played, other] {
        put(&folder.path().join(format!("content/originals/{hash}")), &vec![0; 19_995_000]);
    }
    let imported = store.import(&path, None, &Keep::default()).unwrap();
    assert_eq!(imported.evicted, [other], "the other one goes, though it would be the later");
}

#[test]
fn the_process_has_its_own_open_files_and_no_environment() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let program = root.join("tells");
    let script = "#!/bin/sh\nfiles=$(for file in /proc/$$/fd/*; do readlink $file; done)\n\
                  files=$(echo \"$files\" | sort | tr '\\n' ' ')$(tr '\\0' ' ' </proc/$$/environ)\n\
                  echo \"{\\\"failed\\\":\\\"$files\\\"}\" >&2\n";
    put(&program, script.as_bytes());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = film(&root, 1);
    let _journal = fs::File::create(root.join("journal.db")).unwrap();
    let mut store = Store::open(Setup { program, ..setup(&root) }).unwrap();
    let imported = store.import(&path, None, &Keep::default());
    let Err(ImportError::Child { source: ChildError::Failed { said }, .. }) = imported else { panic!("{imported:?}") };
    // What the tests' own shell left open beside is none of ours; the script is held by its interpreter.
    let ours: Vec<&str> = said.split(' ').filter_map(|file| file.strip_prefix(root.to_str().unwrap())).collect();
    let original = format!("/content/originals/{}", hash_of(&path));
    assert_eq!(ours, [original.as_str(), "/content/prepared/.aside", "/tells"]);
    assert_eq!(
        said.split(' ').filter(|part| part.contains('=')).collect::<Vec<_>>(),
        ["GST_REGISTRY=/proc/no-registry", "MALLOC_ARENA_MAX=2"]
    );
}

fn look(watched: &mut Watched, store: &mut Store, now_ms: u64) -> Vec<Taken> {
    watched.look(store, &Keep::default(), now_ms).unwrap()
}

#[test]
fn a_watched_folder_takes_whole_films_and_answers_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let watched_folder = folder.path().join("in");
    fs::create_dir(&watched_folder).unwrap();
    let mut store = Store::open(setup(folder.path())).unwrap();
    let mut watched = Watched::new(watched_folder.clone(), Words::built_in().unwrap());
    film(&watched_folder, 1);
    put(&watched_folder.join("手紙.mp4"), b"A letter to the clinic.");
    put(&watched_folder.join("copying.mp4.part"), b"half");

    assert!(look(&mut watched, &mut store, 10_000).is_empty(), "nobody knows yet whether they stand still");
    assert!(look(&mut watched, &mut store, 11_999).is_empty());
    let taken = look(&mut watched, &mut store, 12_000);
    assert_eq!(taken.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["film1.mp4", "手紙.mp4"]);
    prepared(taken[0].result.as_ref().unwrap());
    assert_eq!(reason(taken[1].result.as_ref().unwrap()), Reason::NotAFilm);
    assert!(watched_folder.join("processed/film1.mp4").exists());
    assert!(watched_folder.join("error/手紙.mp4").exists());
    let letter = fs::read_to_string(watched_folder.join("error/手紙.mp4.txt")).unwrap();
    for part in ["このファイルは放映できません：手紙.mp4", "This file cannot be shown: 手紙.mp4", "film-not_a_film"]
    {
        assert!(letter.contains(part), "{letter}");
    }
    assert!(watched_folder.join("copying.mp4.part").exists());
    assert!(look(&mut watched, &mut store, 99_000).is_empty(), "nothing is taken twice");

    // The same name again stands beside the first one.
    film(&watched_folder, 1);
    assert!(look(&mut watched, &mut store, 100_000).is_empty());
    assert_eq!(look(&mut watched, &mut store, 103_000)[0].path, watched_folder.join("processed/2-film1.mp4"));
}

#[test]
fn a_film_that_is_still_being_copied_waits() {
    let folder = tempfile::tempdir().unwrap();
    let watched_folder = folder.path().join("in");
    fs::create_dir(&watched_folder).unwrap();
    let mut store = Store::open(setup(folder.path())).unwrap();
    let mut watched = Watched::new(watched_folder.clone(), Words::built_in().unwrap());
    let bytes = fs::read(film(folder.path(), 1)).unwrap();
    let mut copied = fs::File::create(watched_folder.join("film.mp4")).unwrap();
    let pieces: Vec<&[u8]> = bytes.chunks(bytes.len() / 5 + 1).collect();
    for (nth, piece) in (0_u64..).zip(&pieces) {
        copied.write_all(piece).unwrap();
        assert!(look(&mut watched, &mut store, nth * 3_000).is_empty(), "piece {nth}");
    }
    // Some programs claim the whole length first: the time of change gives them away.
    copied.seek(SeekFrom::Start(0)).unwrap();
    copied.write_all(pieces[0]).unwrap();
    copied.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    assert!(look(&mut watched, &mut store, 30_000).is_empty(), "its time of change is another");
    assert_eq!(look(&mut watched, &mut store, 32_000).len(), 1);
}

#[test]
fn a_film_that_cannot_be_tried_now_stays_and_is_tried_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let watched_folder = folder.path().join("in");
    fs::create_dir(&watched_folder).unwrap();
    let program = folder.path().join("screen");
    let mut store = Store::open(Setup { program: program.clone(), ..setup(folder.path()) }).unwrap();
    let mut watched = Watched::new(watched_folder.clone(), Words::built_in().unwrap());
    film(&watched_folder, 1);
    look(&mut watched, &mut store, 0);
    assert!(look(&mut watched, &mut store, 2_000)[0].result.is_err(), "there is no such program");
    assert!(look(&mut watched, &mut store, 61_999).is_empty());
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_films-prepared"), &program).unwrap();
    prepared(look(&mut watched, &mut store, 62_000)[0].result.as_ref().unwrap());
    assert!(watched_folder.join("processed/film1.mp4").exists());
}

#[test]
fn every_reason_has_its_words() {
    let words = Words::built_in().unwrap();
    for reason in Reason::ALL {
        for lang in [Lang::Ja, Lang::En, Lang::Zh, Lang::Ko] {
            let told = words.table(lang, "film");
            assert!(told.contains_key(reason.as_str()), "{reason:?} has no words in {lang:?}");
        }
    }
}
