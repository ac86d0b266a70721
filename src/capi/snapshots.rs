//! Snapshots as objects: the list of a folder, and what one says about itself.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::args::{clear, opened, optional_text, required, store, text};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::object::{Document, NO_JSON, owned, read_of, release};
use super::progress::EXPMIG_TIME_UNKNOWN;
use super::status::expmig_status;
use super::text::c_string;
use crate::error::Domain;
use crate::snapshot::{Snapshot, SnapshotList};

/// What a snapshot says about itself. Immutable; may be read from any thread. Texts are UTF-8 and live as long as it does.
pub struct expmig_snapshot {
    snapshot: Snapshot,
    id: CString,
    description: CString,
    metadata: CString,
    engine: CString,
    database_name: CString,
    blake3: CString,
    version: CString,
    tables: Vec<(CString, u64)>,
    json: Document,
}

impl expmig_snapshot {
    fn new(snapshot: Snapshot) -> expmig_snapshot {
        expmig_snapshot {
            id: c_string(&snapshot.id),
            description: c_string(&snapshot.description),
            metadata: c_string(snapshot.metadata.get()),
            engine: c_string(&snapshot.database.engine),
            database_name: c_string(&snapshot.database.file_name),
            blake3: c_string(&snapshot.blake3),
            version: c_string(&snapshot.expmig_version),
            tables: snapshot.statistics.tables.iter().map(|(name, rows)| (c_string(name), *rows)).collect(),
            snapshot,
            json: Document::default(),
        }
    }
}

/// A snapshot that cannot be used.
struct Broken {
    id: CString,
    error: expmig_error,
}

/// The snapshots of a folder, the newest first. Immutable; may be read from any thread. Free it with expmig_snapshots_free.
pub struct expmig_snapshots {
    list: SnapshotList,
    snapshots: Vec<expmig_snapshot>,
    broken: Vec<Broken>,
    json: Document,
}

impl expmig_snapshots {
    fn new(list: SnapshotList) -> expmig_snapshots {
        let snapshots = list.snapshots.iter().cloned().map(expmig_snapshot::new).collect();
        let broken =
            |one: &crate::snapshot::Broken| Broken { id: c_string(&one.id), error: expmig_error::new(&one.error) };
        let broken = list.broken.iter().map(broken).collect();
        expmig_snapshots { list, snapshots, broken, json: Document::default() }
    }
}

/// Lists the snapshots in the manager's folder, like expmig_snapshot_list, as an object.
///
/// `since_us`, `pattern`: as for expmig_snapshot_list.
/// `snapshots`: receives the list; the caller frees it with expmig_snapshots_free.
///
/// Returns EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_read(
    manager: *const expmig_manager,
    since_us: i64,
    pattern: *const c_char,
    snapshots: *mut *mut expmig_snapshots,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in the next function.
    unsafe {
        clear(snapshots, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            required(snapshots, "snapshots", Domain::Snapshot)?;
            let pattern = optional_text(pattern, "pattern", Domain::Snapshot)?;
            let since = (since_us != EXPMIG_TIME_UNKNOWN).then_some(since_us);
            let entered = shared.database.enter(Domain::Snapshot)?;
            let list = shared.manager(&entered).list_snapshots(since, pattern)?;
            store(snapshots, owned(expmig_snapshots::new(list)));
            Ok(())
        })
    }
}

/// What a snapshot's manifest says, like expmig_snapshot_details, as an object.
///
/// `snapshot_id`: with or without "snapshot_" before it.
/// `snapshot`: receives what it says; the caller frees it with expmig_snapshot_free.
///
/// Returns as expmig_snapshot_details. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_read(
    manager: *const expmig_manager,
    snapshot_id: *const c_char,
    snapshot: *mut *mut expmig_snapshot,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(snapshot, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let id = text(snapshot_id, "snapshot_id", Domain::Snapshot)?;
            required(snapshot, "snapshot", Domain::Snapshot)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            store(snapshot, owned(expmig_snapshot::new(shared.manager(&entered).snapshot_details(id)?)));
            Ok(())
        })
    }
}

/// The id of a snapshot. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_id(snapshot: *const expmig_snapshot) -> *const c_char {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.id.as_ptr()) }
}

/// When it was made, in microseconds since 1970-01-01, UTC. EXPMIG_TIME_UNKNOWN for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_created_us(snapshot: *const expmig_snapshot) -> i64 {
    unsafe {
        read_of(snapshot, EXPMIG_TIME_UNKNOWN, |snapshot| snapshot.snapshot.created_us().unwrap_or(EXPMIG_TIME_UNKNOWN))
    }
}

/// What its maker said about it. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_description(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.description.as_ptr()) }
}

/// The JSON object that its maker gave, as it was. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_metadata_json(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.metadata.as_ptr()) }
}

/// The engine of the database that it was made of: "sqlite" and so on. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_engine(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.engine.as_ptr()) }
}

/// The name of the file or of the schema that it was made of. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_database_name(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.database_name.as_ptr()) }
}

/// The version of the library that made it. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_library_version(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.version.as_ptr()) }
}

/// The size of the snapshot's file in bytes. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_size(snapshot: *const expmig_snapshot) -> u64 {
    unsafe { read_of(snapshot, 0, |snapshot| snapshot.snapshot.size) }
}

/// The BLAKE3 of the snapshot's file, in hexadecimal. Borrowed from the snapshot; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_blake3(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe { read_of(snapshot, std::ptr::null(), |snapshot| snapshot.blake3.as_ptr()) }
}

/// How many rows it has in all tables. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_row_count(snapshot: *const expmig_snapshot) -> u64 {
    unsafe { read_of(snapshot, 0, |snapshot| snapshot.snapshot.statistics.rows) }
}

/// How many tables it has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_table_count(snapshot: *const expmig_snapshot) -> usize {
    unsafe { read_of(snapshot, 0, |snapshot| snapshot.tables.len()) }
}

/// The name of a table. `index` counts from 0. Borrowed from the snapshot; NULL if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_table_name(snapshot: *const expmig_snapshot, index: usize) -> *const c_char {
    unsafe {
        read_of(snapshot, std::ptr::null(), |snapshot| {
            snapshot.tables.get(index).map_or(std::ptr::null(), |(name, _)| name.as_ptr())
        })
    }
}

/// How many rows a table has. 0 if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_table_rows(snapshot: *const expmig_snapshot, index: usize) -> u64 {
    unsafe { read_of(snapshot, 0, |snapshot| snapshot.tables.get(index).map_or(0, |(_, rows)| *rows)) }
}

/// The whole as a JSON object, schema "expmig.snapshot/1". Borrowed from the snapshot. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_to_json(snapshot: *const expmig_snapshot) -> *const c_char {
    unsafe {
        read_of(snapshot, NO_JSON, |snapshot| snapshot.json.text(|| snapshot.snapshot.to_json().unwrap_or_default()))
    }
}

/// Frees what expmig_snapshot_read gave and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_free(snapshot: *mut expmig_snapshot) {
    unsafe { release(snapshot) };
}

/// How many snapshots are listed. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_count(snapshots: *const expmig_snapshots) -> usize {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(snapshots, 0, |snapshots| snapshots.snapshots.len()) }
}

/// A snapshot of the list. `index` counts from 0. Borrowed from the list; do not free it. NULL if there is no such snapshot. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_at(
    snapshots: *const expmig_snapshots,
    index: usize,
) -> *const expmig_snapshot {
    unsafe {
        read_of(snapshots, std::ptr::null(), |snapshots| {
            snapshots.snapshots.get(index).map_or(std::ptr::null(), std::ptr::from_ref)
        })
    }
}

/// How many snapshots cannot be used. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_broken_count(snapshots: *const expmig_snapshots) -> usize {
    unsafe { read_of(snapshots, 0, |snapshots| snapshots.broken.len()) }
}

/// The id of a snapshot that cannot be used; they are ordered by id. `index` counts from 0. Borrowed from the list; NULL if there is no
/// such snapshot. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_broken_id(snapshots: *const expmig_snapshots, index: usize) -> *const c_char {
    unsafe {
        read_of(snapshots, std::ptr::null(), |snapshots| {
            snapshots.broken.get(index).map_or(std::ptr::null(), |one| one.id.as_ptr())
        })
    }
}

/// Why a snapshot cannot be used. Borrowed from the list; do not free it. NULL if there is no such snapshot. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_broken_error(
    snapshots: *const expmig_snapshots,
    index: usize,
) -> *const expmig_error {
    unsafe {
        read_of(snapshots, std::ptr::null(), |snapshots| {
            snapshots.broken.get(index).map_or(std::ptr::null(), |one| &raw const one.error)
        })
    }
}

/// The whole list as a JSON object, schema "expmig.snapshots/1". Borrowed from the list. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_to_json(snapshots: *const expmig_snapshots) -> *const c_char {
    unsafe {
        read_of(snapshots, NO_JSON, |snapshots| snapshots.json.text(|| snapshots.list.to_json().unwrap_or_default()))
    }
}

/// Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshots_free(snapshots: *mut expmig_snapshots) {
    unsafe { release(snapshots) };
}
