//! Snapshots.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{clear, opened, optional_text, required, store, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{EXPMIG_TIME_UNKNOWN, expmig_job_options, expmig_progress_fn, job_options, sink, token};
use super::status::expmig_status;
use super::text::give;
use crate::error::{Domain, Result};
use crate::manager::{JobOptions, RestoreOptions, SnapshotOptions};

/// Restore even a snapshot of another database: everything in this database is replaced.
pub const EXPMIG_RESTORE_FORCE: u32 = 0x1;
/// Take no snapshot of what is overwritten.
pub const EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT: u32 = 0x2;
/// Clean up also the snapshots of a database that only resembles this one: for a database that was moved to another machine together with
/// its snapshots. Do not use it if this database is a copy whose original uses the same folder: the snapshots may be those of the
/// original.
pub const EXPMIG_CLEANUP_CLAIM: u32 = 0x1;

/// What a caller can say about a new snapshot. Fill with expmig_snapshot_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_snapshot_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// None are defined yet: 0.
    pub flags: u32,
    /// A JSON object that is kept with the snapshot as it is, UTF-8, at most 1 MiB; NULL for an empty one.
    pub metadata_json: *const c_char,
    /// Receives progress, of which one item is one page; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_snapshot_options {
    const FIRST_SIZE: usize = size_of::<expmig_snapshot_options>();

    fn defaults() -> expmig_snapshot_options {
        expmig_snapshot_options {
            struct_size: size_of::<expmig_snapshot_options>() as u32,
            flags: 0,
            metadata_json: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// What a caller can ask of a restore. Fill with expmig_restore_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_restore_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_RESTORE_FORCE and so on, or'ed; default 0.
    pub flags: u32,
    /// Receives progress, of which one item is one page; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_restore_options {
    const FIRST_SIZE: usize = size_of::<expmig_restore_options>();

    fn defaults() -> expmig_restore_options {
        expmig_restore_options {
            struct_size: size_of::<expmig_restore_options>() as u32,
            flags: 0,
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn snapshot_options<'a>(options: *const expmig_snapshot_options) -> Result<SnapshotOptions<'a>> {
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, Domain::Snapshot) }?;
    known_flags(options.flags, 0, Domain::Snapshot)?;
    Ok(SnapshotOptions {
        metadata: unsafe { optional_text(options.metadata_json, "metadata_json", Domain::Snapshot) }?,
        job: JobOptions {
            progress: sink(options.progress_fn, options.progress_user_data),
            cancel: unsafe { token(options.cancel) },
        },
    })
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn restore_options(options: *const expmig_restore_options) -> Result<RestoreOptions> {
    const KNOWN: u32 = EXPMIG_RESTORE_FORCE | EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, Domain::Snapshot) }?;
    known_flags(options.flags, KNOWN, Domain::Snapshot)?;
    Ok(RestoreOptions {
        force: options.flags & EXPMIG_RESTORE_FORCE != 0,
        no_safety_snapshot: options.flags & EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT != 0,
        job: JobOptions {
            progress: sink(options.progress_fn, options.progress_user_data),
            cancel: unsafe { token(options.cancel) },
        },
    })
}

/// Fills in the defaults. `size` is sizeof(expmig_snapshot_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_options_init(
    options: *mut expmig_snapshot_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Snapshot, || init(options, size, Domain::Snapshot)) }
}

/// Fills in the defaults. `size` is sizeof(expmig_restore_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_restore_options_init(
    options: *mut expmig_restore_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Snapshot, || init(options, size, Domain::Snapshot)) }
}

/// Makes a snapshot of the whole database: one consistent state, while other processes may use it. The snapshot exists only after it was
/// read back, checked and flushed to the device; before that, and after a failure, there is none (docs/snapshots.md).
///
/// `description`: UTF-8, at most 64 KiB; NULL for an empty one.
/// `options`: NULL for the defaults.
/// `snapshot_id`: receives the id, which the caller frees with expmig_string_free; NULL if it is not wanted.
///
/// Returns EXPMIG_BUSY (locked), EXPMIG_CORRUPT (the database is damaged), EXPMIG_IO (a full disk, permissions), EXPMIG_CANCELLED,
/// EXPMIG_CALLBACK, EXPMIG_LIMIT, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_create(
    manager: *const expmig_manager,
    description: *const c_char,
    options: *const expmig_snapshot_options,
    snapshot_id: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(snapshot_id, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let description = optional_text(description, "description", Domain::Snapshot)?.unwrap_or_default();
            let options = snapshot_options(options)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            let id = shared.manager(&entered).create_snapshot(description, options)?;
            if !snapshot_id.is_null() {
                store(snapshot_id, give(&id));
            }
            Ok(())
        })
    }
}

/// Lists the snapshots in the manager's folder, as a JSON object, schema "expmig.snapshots/1": "snapshots", the newest first; and
/// "broken", those that cannot be used, each with its "error". It also lists snapshots of other databases.
///
/// `since_us`: only snapshots that were made then or later, microseconds since 1970-01-01, UTC; EXPMIG_TIME_UNKNOWN for all.
/// `pattern`: only snapshots of which the id or the description matches this glob (`*`, `?`, `[...]`), UTF-8; NULL for all.
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_list(
    manager: *const expmig_manager,
    since_us: i64,
    pattern: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            required(json, "json", Domain::Snapshot)?;
            let pattern = optional_text(pattern, "pattern", Domain::Snapshot)?;
            let since = (since_us != EXPMIG_TIME_UNKNOWN).then_some(since_us);
            let entered = shared.database.enter(Domain::Snapshot)?;
            store(json, give(&shared.manager(&entered).list_snapshots(since, pattern)?.to_json()?));
            Ok(())
        })
    }
}

/// What a snapshot's manifest says, as a JSON object, schema "expmig.snapshot/1": "id", "created_at", "description", "metadata" (the
/// caller's), "statistics" (rows per table), "database", "size", "blake3". Looks at the size of the snapshot's file, not into it.
///
/// `snapshot_id`: with or without "snapshot_" before it.
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_NOT_FOUND, EXPMIG_CORRUPT (the manifest or the file is missing or altered), EXPMIG_UNSUPPORTED (a newer format),
/// EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_details(
    manager: *const expmig_manager,
    snapshot_id: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let id = text(snapshot_id, "snapshot_id", Domain::Snapshot)?;
            required(json, "json", Domain::Snapshot)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            store(json, give(&shared.manager(&entered).snapshot_details(id)?.to_json()?));
            Ok(())
        })
    }
}

/// Checks whether a snapshot is still as it was made, and fails if not: its size, its checksum, every page, row and index, and its
/// statistics.
///
/// `snapshot_id`: with or without "snapshot_" before it.
/// `options`: progress, of which one item is one page of 4096 bytes, and cancel; NULL for none.
///
/// Returns as expmig_snapshot_details, and EXPMIG_CANCELLED, EXPMIG_CALLBACK. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_verify(
    manager: *const expmig_manager,
    snapshot_id: *const c_char,
    options: *const expmig_job_options,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let id = text(snapshot_id, "snapshot_id", Domain::Snapshot)?;
            let options = job_options(options, Domain::Snapshot)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            shared.manager(&entered).verify_snapshot(id, options)
        })
    }
}

/// Replaces everything in the database, in the existing file, by the content of a snapshot, in one step: other processes see the old
/// state or the new one, and after a failure or a crash it is the old one. Before that it verifies the snapshot, and takes a safety
/// snapshot of what it will overwrite (unless EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT). What others have committed since the snapshot was made
/// is no longer in the database afterwards.
///
/// `snapshot_id`: with or without "snapshot_" before it.
/// `options`: NULL for the defaults.
/// `result_json`: receives a JSON object, schema "expmig.restore/1", with "safety_snapshot_id", which the caller frees with
/// expmig_string_free; NULL if it is not wanted.
///
/// Returns EXPMIG_NOT_FOUND, EXPMIG_CORRUPT (the snapshot is damaged or altered), EXPMIG_UNSUPPORTED (a newer format, or pages of another
/// size in WAL mode), EXPMIG_MISMATCH (the snapshot belongs to another database, or it is not certain that it belongs to this one, as
/// after a copy; EXPMIG_RESTORE_FORCE restores it all the same), EXPMIG_BUSY (another process reads or writes for longer than the busy
/// timeout), EXPMIG_MISUSE (the database was opened read-only), EXPMIG_IO, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_SHARED_PROCESS,
/// EXPMIG_SCHEMA, EXPMIG_LIMIT, EXPMIG_INVALID_ARGUMENT. After each of them the database is unchanged, but there can be a safety
/// snapshot. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_restore(
    manager: *const expmig_manager,
    snapshot_id: *const c_char,
    options: *const expmig_restore_options,
    result_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(result_json, std::ptr::null_mut());
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let id = text(snapshot_id, "snapshot_id", Domain::Snapshot)?;
            let options = restore_options(options)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            let result = shared.manager(&entered).restore_snapshot(id, options)?;
            if !result_json.is_null() {
                store(result_json, give(&result.to_json().to_string()));
            }
            Ok(())
        })
    }
}

/// Deletes a snapshot of any database; also a broken one.
///
/// `snapshot_id`: with or without "snapshot_" before it.
///
/// Returns EXPMIG_NOT_FOUND, EXPMIG_BUSY (another process is making or deleting it), EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_delete(
    manager: *const expmig_manager,
    snapshot_id: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let id = text(snapshot_id, "snapshot_id", Domain::Snapshot)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            shared.manager(&entered).delete_snapshot(id)
        })
    }
}

/// Keeps the newest snapshots of this database and deletes its other ones. It keeps snapshots of other databases, broken snapshots, and
/// snapshots of a database that only resembles this one; expmig_snapshot_cleanup_with tells how many those are.
///
/// `keep_count`: how many to keep; 0 deletes all.
/// `deleted`: receives how many were deleted; NULL if it is not wanted.
///
/// Returns EXPMIG_INVALID_ARGUMENT (also for a negative `keep_count`), EXPMIG_BUSY, EXPMIG_IO, EXPMIG_CORRUPT, EXPMIG_SCHEMA,
/// EXPMIG_MISUSE. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_cleanup(
    manager: *const expmig_manager,
    keep_count: i64,
    deleted: *mut u64,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(deleted, 0);
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            let entered = shared.database.enter(Domain::Snapshot)?;
            store(deleted, shared.manager(&entered).cleanup_snapshots(keep_count)?);
            Ok(())
        })
    }
}

/// Like expmig_snapshot_cleanup, but also says how many snapshots it kept because it is not certain that they belong to this database.
/// Their database has the same name and experiments, but is another file or server. Either database may be a copy of the other.
///
/// `keep_count`: how many to keep; 0 deletes all.
/// `flags`: EXPMIG_CLEANUP_CLAIM, or 0.
/// `deleted`: receives how many were deleted; NULL if it is not wanted.
/// `left`: receives how many were kept because it is not certain to which database they belong; 0 with EXPMIG_CLEANUP_CLAIM; NULL if it is
/// not wanted.
///
/// Returns as expmig_snapshot_cleanup. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_snapshot_cleanup_with(
    manager: *const expmig_manager,
    keep_count: i64,
    flags: u32,
    deleted: *mut u64,
    left: *mut u64,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(deleted, 0);
        clear(left, 0);
        guard(error, Domain::Snapshot, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Snapshot)?.0);
            known_flags(flags, EXPMIG_CLEANUP_CLAIM, Domain::Snapshot)?;
            let entered = shared.database.enter(Domain::Snapshot)?;
            let claim = flags & EXPMIG_CLEANUP_CLAIM != 0;
            let done = shared.manager(&entered).cleanup_snapshots_with(keep_count, claim)?;
            store(deleted, done.deleted);
            store(left, done.left);
            Ok(())
        })
    }
}
