//! SQLite's VFS over a simulated disk (sqlite.org/vfs.html, "sqlite3_io_methods").
//!
//! It says of itself what SQLite's own VFS says on Linux: sectors of 4,096 bytes, powersafe overwrite; and it syncs
//! the folder with the first sync of a new log. Locks and shared memory work between connections of one thread.
#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers; nothing else here needs it")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

use super::disk::{Machine, Refusal, Shared};
use super::platter::{Change, FileNo};

/// Locks and shared memory of one file, by the connection that holds them.
#[derive(Debug, Default)]
pub(super) struct Locks {
    levels: BTreeMap<u64, c_int>,
    shared: BTreeMap<(c_int, u64), ()>,
    exclusive: BTreeMap<c_int, u64>,
    mapped: BTreeSet<u64>,
    regions: Vec<Region>,
}

/// A part of a log's shared memory. SQLite writes to it through the pointer, so it must not move or be borrowed.
#[derive(Debug)]
struct Region {
    start: *mut u8,
    n_bytes: usize,
}

// SAFETY: the pointer is only handed to SQLite, whose connections to one disk are used by one thread at a time.
unsafe impl Send for Region {}

impl Region {
    fn new(n_bytes: usize) -> Self {
        Self { start: Box::into_raw(vec![0_u8; n_bytes].into_boxed_slice()).cast(), n_bytes }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let whole = std::ptr::slice_from_raw_parts_mut(self.start, self.n_bytes);
        // SAFETY: made by `Box::into_raw` of a slice of this length and freed only here.
        drop(unsafe { Box::from_raw(whole) });
    }
}

/// What SQLite keeps per open file: its own part first, then ours.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    ours: *mut Ours,
}

struct Ours {
    shared: Shared,
    file: FileNo,
    holder: u64,
    must_sync_names: bool,
    delete_on_close: Option<String>,
}

/// A VFS that SQLite knows by name, until this is dropped.
#[derive(Debug)]
pub(super) struct Registered {
    name: String,
    raw: *mut ffi::sqlite3_vfs,
}

// SAFETY: after registration the structure is only read, by SQLite, and freed once, when this is dropped.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

static N_NAMES: AtomicU64 = AtomicU64::new(0);
static N_HOLDERS: AtomicU64 = AtomicU64::new(0);

impl Registered {
    pub(super) fn new(shared: Shared) -> io::Result<Self> {
        let name = format!("machiai-power-{}", N_NAMES.fetch_add(1, Ordering::Relaxed));
        let c_name = CString::new(name.clone())?;
        let raw = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: c_int::try_from(size_of::<OpenFile>()).unwrap_or(c_int::MAX),
            mxPathname: 512,
            pNext: std::ptr::null_mut(),
            zName: c_name.into_raw(),
            pAppData: Box::into_raw(Box::new(shared)).cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: `raw` is a whole VFS that lives until it is unregistered in `drop`.
        let code = unsafe { ffi::sqlite3_vfs_register(raw, 0) };
        let registered = Self { name, raw };
        if code == ffi::SQLITE_OK { Ok(registered) } else { Err(io::Error::other("SQLite refused the VFS")) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: registered in `new`; no connection is open any more, as each holds the disk that holds this.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.raw);
            let vfs = Box::from_raw(self.raw);
            drop(CString::from_raw(vfs.zName.cast_mut()));
            drop(Box::from_raw(vfs.pAppData.cast::<Shared>()));
        }
    }
}

/// Returns the disk of a VFS.
///
/// # Safety
/// `vfs` is the pointer that SQLite was given in [`Registered::new`].
unsafe fn disk<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Shared {
    // SAFETY: the caller's promise; `pAppData` lives as long as the VFS.
    unsafe { &*(*vfs).pAppData.cast::<Shared>() }
}

/// Returns our part of an open file.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed yet.
unsafe fn ours<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Ours {
    // SAFETY: the caller's promise; SQLite uses an open file from one thread at a time.
    unsafe { &mut *(*file.cast::<OpenFile>()).ours }
}

/// Returns a file name that SQLite passed.
///
/// # Safety
/// `name` is null or ends with a zero byte.
unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

fn code(outcome: Result<(), Refusal>, failed: c_int) -> c_int {
    match outcome {
        Ok(()) => ffi::SQLITE_OK,
        Err(Refusal::Full) => ffi::SQLITE_FULL,
        Err(Refusal::Failed) => failed,
    }
}

fn size(n: impl TryInto<usize>) -> usize {
    n.try_into().unwrap_or(0)
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with our VFS and a name or null.
    let (shared, name) = unsafe { (disk(vfs), text(name)) };
    let mut machine = shared.lock();
    let name = name.unwrap_or_else(|| {
        machine.n_temporary += 1;
        format!("temporary-{}", machine.n_temporary)
    });
    let found = machine.platter.file(&name);
    let made = match found {
        Some(file) => Ok(file),
        None if flags & ffi::SQLITE_OPEN_CREATE != 0 => machine.create(&name),
        None => Err(Refusal::Failed),
    };
    drop(machine);
    let (methods, ours, outcome) = match made {
        Ok(file) => {
            let is_log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
            let ours = Box::new(Ours {
                shared: shared.clone(),
                file,
                holder: N_HOLDERS.fetch_add(1, Ordering::Relaxed),
                must_sync_names: is_log && flags & ffi::SQLITE_OPEN_CREATE != 0,
                delete_on_close: (flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).then_some(name),
            });
            (std::ptr::from_ref(&METHODS), Box::into_raw(ours), ffi::SQLITE_OK)
        }
        Err(_) => (std::ptr::null(), std::ptr::null_mut(), ffi::SQLITE_CANTOPEN),
    };
    // SAFETY: SQLite hands a buffer of `szOsFile` bytes for the file, and a place for the flags or null.
    unsafe {
        file.cast::<OpenFile>().write(OpenFile { base: ffi::sqlite3_file { pMethods: methods }, ours });
        if let Some(out_flags) = out_flags.as_mut() {
            *out_flags = flags;
        }
    }
    outcome
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file that `open` opened once, and does not use it afterwards.
    let ours = unsafe { Box::from_raw((*file.cast::<OpenFile>()).ours) };
    let mut machine = ours.shared.lock();
    if let Some(locks) = machine.locks.get_mut(&ours.file) {
        locks.levels.remove(&ours.holder);
    }
    if let Some(name) = &ours.delete_on_close {
        machine.make(Change::Remove(name.clone()));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, to: *mut c_void, n_bytes: c_int, at: i64) -> c_int {
    // SAFETY: SQLite hands an open file and a buffer of `n_bytes`.
    let (ours, to) = unsafe { (ours(file), std::slice::from_raw_parts_mut(to.cast::<u8>(), size(n_bytes))) };
    let machine = ours.shared.lock();
    let bytes = machine.platter.bytes(ours.file);
    let from = bytes.get(size(at)..).unwrap_or_default();
    let n_there = from.len().min(to.len());
    to[..n_there].copy_from_slice(&from[..n_there]);
    to[n_there..].fill(0);
    if n_there < to.len() { ffi::SQLITE_IOERR_SHORT_READ } else { ffi::SQLITE_OK }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, n_bytes: c_int, at: i64) -> c_int {
    // SAFETY: SQLite hands an open file and a buffer of `n_bytes`.
    let (ours, from) = unsafe { (ours(file), std::slice::from_raw_parts(from.cast::<u8>(), size(n_bytes))) };
    code(ours.shared.lock().write(ours.file, size(at), from), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, n_bytes: i64) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    ours.shared.lock().make(Change::Resize(ours.file, size(n_bytes)));
    ffi::SQLITE_OK
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    let mut machine = ours.shared.lock();
    let synced = machine.sync(ours.file);
    if synced.is_ok() && ours.must_sync_names {
        machine.make(Change::SyncNames);
        ours.must_sync_names = false;
    }
    code(synced, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, to: *mut i64) -> c_int {
    // SAFETY: SQLite hands an open file and a place for the size.
    let (ours, to) = unsafe { (ours(file), &mut *to) };
    *to = i64::try_from(ours.shared.lock().platter.bytes(ours.file).len()).unwrap_or(i64::MAX);
    ffi::SQLITE_OK
}

fn with_locks<T>(ours: &Ours, act: impl FnOnce(&mut Locks) -> T) -> T {
    let mut machine: std::sync::MutexGuard<'_, Machine> = ours.shared.lock();
    act(machine.locks.entry(ours.file).or_default())
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    with_locks(ours, |locks| {
        let highest = locks.levels.iter().filter(|(holder, _)| **holder != ours.holder).map(|(_, level)| *level).max();
        let highest = highest.unwrap_or(ffi::SQLITE_LOCK_NONE);
        let most = match level {
            ffi::SQLITE_LOCK_SHARED => ffi::SQLITE_LOCK_RESERVED,
            ffi::SQLITE_LOCK_RESERVED => ffi::SQLITE_LOCK_SHARED,
            _ => ffi::SQLITE_LOCK_NONE,
        };
        if highest > most {
            return ffi::SQLITE_BUSY;
        }
        locks.levels.insert(ours.holder, level);
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    with_locks(ours, |locks| locks.levels.insert(ours.holder, level));
    ffi::SQLITE_OK
}

unsafe extern "C" fn is_reserved(file: *mut ffi::sqlite3_file, to: *mut c_int) -> c_int {
    // SAFETY: SQLite hands an open file and a place for the answer.
    let (ours, to) = unsafe { (ours(file), &mut *to) };
    let reserved = |locks: &mut Locks| locks.levels.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED);
    *to = c_int::from(with_locks(ours, reserved));
    ffi::SQLITE_OK
}

unsafe extern "C" fn control(_file: *mut ffi::sqlite3_file, _what: c_int, _with: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4_096
}

unsafe extern "C" fn characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    idx: c_int,
    n_bytes: c_int,
    must_extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite hands an open file and a place for the pointer.
    let (ours, to) = unsafe { (ours(file), &mut *to) };
    with_locks(ours, |locks| {
        locks.mapped.insert(ours.holder);
        while locks.regions.len() <= size(idx) && must_extend != 0 {
            locks.regions.push(Region::new(size(n_bytes)));
        }
        *to = locks.regions.get(size(idx)).map_or(std::ptr::null_mut(), |region| region.start.cast());
    });
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, n: c_int, flags: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    let holder = ours.holder;
    with_locks(ours, |locks| {
        let slots = first..first.saturating_add(n);
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            for slot in slots {
                locks.shared.remove(&(slot, holder));
                locks.exclusive.retain(|of, by| (*of, *by) != (slot, holder));
            }
            return ffi::SQLITE_OK;
        }
        let is_exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        let is_taken = |slot: c_int| {
            let by_writer = locks.exclusive.get(&slot).is_some_and(|by| *by != holder);
            let by_reader = locks.shared.keys().any(|(of, by)| *of == slot && *by != holder);
            by_writer || (is_exclusive && by_reader)
        };
        if slots.clone().any(is_taken) {
            return ffi::SQLITE_BUSY;
        }
        for slot in slots {
            if is_exclusive {
                locks.exclusive.insert(slot, holder);
            } else {
                locks.shared.insert((slot, holder), ());
            }
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, must_delete: c_int) -> c_int {
    // SAFETY: SQLite hands an open file.
    let ours = unsafe { ours(file) };
    let holder = ours.holder;
    with_locks(ours, |locks| {
        locks.shared.retain(|(_, by), ()| *by != holder);
        locks.exclusive.retain(|_, by| *by != holder);
        locks.mapped.remove(&holder);
        // The first to come back finds the shared memory empty, as on Linux.
        if must_delete != 0 || locks.mapped.is_empty() {
            locks.regions.clear();
        }
    });
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, must_sync: c_int) -> c_int {
    // SAFETY: SQLite calls with our VFS and a name.
    let (shared, name) = unsafe { (disk(vfs), text(name).unwrap_or_default()) };
    let mut machine = shared.lock();
    if machine.platter.file(&name).is_none() {
        return ffi::SQLITE_IOERR_DELETE_NOENT;
    }
    machine.make(Change::Remove(name));
    if must_sync != 0 {
        machine.make(Change::SyncNames);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, _flags: c_int, to: *mut c_int) -> c_int {
    // SAFETY: SQLite calls with our VFS, a name and a place for the answer.
    let (shared, name, to) = unsafe { (disk(vfs), text(name).unwrap_or_default(), &mut *to) };
    let machine = shared.lock();
    *to = c_int::from(machine.platter.file(&name).is_some_and(|file| !machine.platter.bytes(file).is_empty()));
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    n_bytes: c_int,
    to: *mut c_char,
) -> c_int {
    // SAFETY: SQLite hands a name that ends with a zero byte.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > size(n_bytes) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite hands a buffer of `n_bytes`, which holds the name.
    unsafe { std::ptr::copy_nonoverlapping(name.as_ptr().cast(), to, name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(vfs: *mut ffi::sqlite3_vfs, n_bytes: c_int, to: *mut c_char) -> c_int {
    // SAFETY: SQLite calls with our VFS and a buffer of `n_bytes`.
    let (shared, to) = unsafe { (disk(vfs), std::slice::from_raw_parts_mut(to.cast::<u8>(), size(n_bytes))) };
    if let Some(chance) = shared.lock().chance.as_mut() {
        to.iter_mut().for_each(|byte| *byte = chance.draw().to_le_bytes()[4]);
    }
    n_bytes
}

unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, n_us: c_int) -> c_int {
    n_us
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, to: *mut f64) -> c_int {
    // SAFETY: SQLite hands a place for the time.
    unsafe { *to = 2_461_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_vfs: *mut ffi::sqlite3_vfs, to: *mut i64) -> c_int {
    // SAFETY: SQLite hands a place for the time.
    unsafe { *to = 212_630_443_200_000 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_vfs: *mut ffi::sqlite3_vfs, _n_bytes: c_int, _to: *mut c_char) -> c_int {
    ffi::SQLITE_OK
}
