//! Opening a journal for writing: lock, finish what a power cut interrupted, migrate, verify the tail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use machiai_core::envelope::Stamp;
use machiai_core::facts::OpenedAfter;
use machiai_core::ids::Origin;
use machiai_core::time::AtMs;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::error::{BadFact, OnFile, OpenError, Step, StoreError, told};
use crate::files::{Files, Lock, RealFiles};
use crate::kept::Position;
use crate::log::Log;
use crate::reader::Reader;
use crate::schema::{self, Synchronous};
use crate::store::Store;
use crate::suspicion::{self, Suspicion};
use crate::write::{Tips, checkpoint};
use crate::{anchor, check, copy, salvage, swap};

/// Size of the ballast that a full disk gets back, unless configured otherwise.
pub const BALLAST_BYTES: u64 = 32 * 1024 * 1024;

/// The disk a journal lies on: SQLite's way to it, and the file operations beside SQLite.
#[derive(Clone, Debug)]
pub struct Disk {
    vfs: Option<String>,
    files: Arc<dyn Files>,
}

impl Disk {
    /// Returns this machine's disk.
    #[must_use]
    pub fn real() -> Self {
        Self { vfs: None, files: Arc::new(RealFiles) }
    }

    /// Returns a disk behind a VFS registered with SQLite, as the fault harnesses make them.
    #[must_use]
    pub fn behind(vfs: &str, files: Arc<dyn Files>) -> Self {
        Self { vfs: Some(vfs.to_owned()), files }
    }

    pub(crate) fn files(&self) -> &dyn Files {
        self.files.as_ref()
    }

    pub(crate) fn connect(&self, path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
        match &self.vfs {
            None => Connection::open_with_flags(path, flags),
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        }
        .step("open the file")
    }
}

/// What opening a journal for writing needs.
#[derive(Clone, Debug)]
pub struct Open {
    /// The journal's file; its log, ballast and anchor lie beside it.
    pub path: PathBuf,
    /// The disk it lies on.
    pub disk: Disk,
    /// The origin of this opening, drawn at random for it and never used before.
    pub origin: Origin,
    /// The instant of opening: it names a damaged file that is set aside.
    pub at: AtMs,
    /// Size of the ballast, 0 for none: see [`BALLAST_BYTES`].
    pub ballast_bytes: u64,
    /// Backups from which a damaged journal may come back, the newest first.
    pub backups: Vec<PathBuf>,
}

/// What an opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What came before: the daemon says so in its first fact.
    pub after: OpenedAfter,
    /// The newest stamp of any fact: the clock goes on from it.
    pub newest: Option<Stamp>,
    /// The newest position, 0 when there is no fact.
    pub position: Position,
    /// Where the file lies that was set aside by this opening.
    pub aside: Option<PathBuf>,
}

/// Opens a journal for writing.
pub(crate) fn open(about: Open, synchronous: Synchronous) -> Result<Store, OpenError> {
    let version = rusqlite::version_number();
    if version < schema::OLDEST_SQLITE {
        return Err(OpenError::OldSqlite { found: version });
    }
    let lock = take_lock(&about)?;
    let failed = |source| OpenError::Store { path: about.path.clone(), source };
    let mut aside = swap::finish(&about).map_err(failed)?;
    renew_log(&about).map_err(failed)?;
    let found = match look(&about, synchronous) {
        Err(error) if error.is_damage() => {
            tracing::error!(error = told(&error), "journal is damaged: set aside and salvaged");
            salvage::salvage(&about)?;
            aside = swap::finish(&about).map_err(failed)?;
            look(&about, synchronous)?
        }
        found => found?,
    };
    suspicion::clear(&about, Suspicion::Damaged).map_err(failed)?;
    let Found { reader, tips, newest, came_from } = found;
    let must_clear_mark = came_from.is_some();
    let after = match came_from {
        Some(after) => after,
        None if tips.position == Position(0) => OpenedAfter::Nothing,
        None => OpenedAfter::Run,
    };
    let opened = Opened { after, newest, position: tips.position, aside };
    Ok(Store {
        reader: Some(reader),
        given_up: None,
        about,
        synchronous,
        opened,
        tips,
        must_clear_mark,
        log_pages: 0,
        // A log left by a kill may hold what was destroyed just before.
        must_scrub: true,
        anchored: Position(0),
        _lock: lock,
    })
}

/// Writes the log anew when an earlier process left it unsettled after a failed sync.
///
/// What such a log shows may not be on disk, and everything appended behind it would be lost with it.
fn renew_log(about: &Open) -> Result<(), StoreError> {
    let (files, folder) = (about.disk.files(), swap::folder_of(&about.path));
    let (log, part) = (beside(&about.path, "-wal"), beside(&about.path, "-wal.part"));
    if !suspicion::is_raised(about, Suspicion::Unsettled) {
        return Ok(());
    }
    if files.exists(&log).on("look for", &log)? {
        files.copy(&log, &part).on("copy", &log)?;
        files.rename(&part, &log).on("rename", &part)?;
        files.sync_folder(folder).on("sync", folder)?;
    }
    suspicion::clear(about, Suspicion::Unsettled)
}

/// Takes the lock of the one process that writes a journal.
pub(crate) fn take_lock(about: &Open) -> Result<Lock, OpenError> {
    let path = beside(&about.path, ".lock");
    let lock = about.disk.files().lock(&path).on("lock", &path);
    let lock = lock.map_err(|source| OpenError::Store { path: about.path.clone(), source })?;
    lock.ok_or_else(|| OpenError::InUse { path: about.path.clone() })
}

/// Returns the name of a file that lies beside the journal.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What a healthy journal tells at its opening.
struct Found {
    reader: Reader,
    tips: Tips,
    newest: Option<Stamp>,
    came_from: Option<OpenedAfter>,
}

/// Opens the file and checks whatever a start relies on.
fn look(about: &Open, synchronous: Synchronous) -> Result<Found, OpenError> {
    let failed = |source| OpenError::Store { path: about.path.clone(), source };
    let carved = look_at_log(about).map_err(failed)?;
    let mut reader = connect_writer(about, synchronous).map_err(failed)?;
    let found = schema::found(&reader.db).map_err(failed)?;
    if found > schema::NEWEST {
        return Err(OpenError::Newer { path: about.path.clone(), found, known: schema::NEWEST });
    }
    // Making tables in what was a journal would overwrite what can still be salvaged.
    let known = carved.max(anchor::position(about));
    if found == 0 && known > Position(0) {
        return Err(failed(StoreError::BadFact { at: known, source: BadFact::Gone }));
    }
    if found < schema::NEWEST {
        schema::migrate(&mut reader.db)
            .map_err(|source| OpenError::Migrate { path: about.path.clone(), source: Box::new(source) })?;
        checkpoint(&reader.db, "TRUNCATE").map_err(failed)?;
    }
    let tips = Tips::read(&reader).map_err(failed)?;
    if carved > tips.position {
        return Err(failed(StoreError::BadFact { at: carved, source: BadFact::Gone }));
    }
    anchor::check(about, &reader).map_err(failed)?;
    check::check_tail(&reader).map_err(failed)?;
    if suspicion::is_raised(about, Suspicion::Damaged) {
        let report = check::verify_open(&reader);
        if let Some(fault) = report.into_fault(&about.path) {
            return Err(failed(fault));
        }
    }
    let newest = reader.heads().map_err(failed)?.into_values().map(|newest| newest.stamp).max();
    let came_from = came_from(&reader).map_err(failed)?;
    Ok(Found { reader, tips, newest, came_from })
}

/// Looks at the log before SQLite does, which passes over whatever it cannot read there.
///
/// Returns the newest position that the file must have then, as far as the log tells.
fn look_at_log(about: &Open) -> Result<Position, StoreError> {
    let (files, path) = (about.disk.files(), beside(&about.path, "-wal"));
    let log = Log::read(files, &path).on("read", &path)?;
    if log.pages.is_empty() {
        return Ok(Position(0));
    }
    let is_empty = !files.exists(&about.path).on("look for", &about.path)?
        || files.size(&about.path).on("measure", &about.path)? == 0;
    // A power cut can tear the last transaction only, since each is on disk before the next begins.
    let is_torn_inside = !log.is_headless && log.n_ignored >= 2;
    if is_empty || is_torn_inside {
        return Err(StoreError::BadLog { path });
    }
    if log.is_headless { copy::newest_carved(about) } else { Ok(Position(0)) }
}

fn came_from(reader: &Reader) -> Result<Option<OpenedAfter>, StoreError> {
    let step = "read where the journal came from";
    let query = "SELECT value FROM meta WHERE name = 'came_from'";
    let word: Option<String> = reader.db.query_row(query, [], |row| row.get(0)).optional().step(step)?;
    Ok(word.map(|word| if word == "restore" { OpenedAfter::Restore } else { OpenedAfter::Damage }))
}

/// Opens the writer's connection.
pub(crate) fn connect_writer(about: &Open, synchronous: Synchronous) -> Result<Reader, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let db = about.disk.connect(&about.path, flags)?;
    schema::set_writer(&db, synchronous)?;
    Ok(Reader { db })
}
