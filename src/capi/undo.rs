//! Undoing transformations.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{clear, opened, required, store};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{expmig_job_options, expmig_progress_fn, job_options, sink, token};
use super::status::expmig_status;
use super::text::give;
use crate::error::{Domain, Result};
use crate::transformation::{UndoOptions, list_json};

/// Skip metrics that were changed since the transformation, or no longer exist, and restore the others.
pub const EXPMIG_UNDO_SKIP_CHANGED: u32 = 0x1;

/// What a caller can ask of an undo. Fill with expmig_undo_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_undo_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_UNDO_SKIP_CHANGED; default 0.
    pub flags: u32,
    /// Receives progress, in which one item is one metric to restore; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_undo_options {
    const FIRST_SIZE: usize = size_of::<expmig_undo_options>();

    fn defaults() -> expmig_undo_options {
        expmig_undo_options {
            struct_size: size_of::<expmig_undo_options>() as u32,
            flags: 0,
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
pub(super) unsafe fn undo_options(options: *const expmig_undo_options) -> Result<UndoOptions> {
    let domain = Domain::Transformation;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, EXPMIG_UNDO_SKIP_CHANGED, domain)?;
    Ok(UndoOptions {
        skip_changed: options.flags & EXPMIG_UNDO_SKIP_CHANGED != 0,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// Fills in the defaults. `size` is sizeof(expmig_undo_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_options_init(options: *mut expmig_undo_options, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Transformation, || init(options, size, Domain::Transformation)) }
}

/// Restores the metrics that a transformation changed, byte for byte, in one transaction. Links that were moved to copies lead to the
/// originals again, and copies to which nothing else is linked are removed. A transformation can be undone once.
///
/// `transform_id`: an id from expmig_transformation_transform_id or expmig_transform_list.
/// `options`: NULL for the defaults.
/// `result_json`: receives a JSON object, schema "expmig.undo/1": "transform_id", "metrics_restored", "copies_undone", "copies_kept",
/// "metrics_skipped" and "skipped" (with EXPMIG_UNDO_SKIP_CHANGED), "duration_ns". The caller frees it with expmig_string_free.
///
/// Returns EXPMIG_NOT_FOUND (there is no such transformation, or it was undone or forgotten), EXPMIG_MISMATCH (metrics were changed since, or
/// are gone; the details name them, and as newer_transform_id the transformations to undo first), EXPMIG_CANCELLED, EXPMIG_CALLBACK,
/// EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
/// EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH (a right is missing), EXPMIG_UNSUPPORTED (METRIC is of an engine without
/// transactions), EXPMIG_CONSTRAINT (a value does not fit its column any more), EXPMIG_CONNECTION, EXPMIG_TIMEOUT. After each of them nothing
/// was changed. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_undo(
    manager: *const expmig_manager,
    transform_id: i64,
    options: *const expmig_undo_options,
    result_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(result_json, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(result_json, "result_json", Domain::Transformation)?;
            let options = undo_options(options)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            let undone = shared.manager(&entered).undo_transform(transform_id, options)?;
            store(result_json, give(&undone.to_json().to_string()));
            Ok(())
        })
    }
}

/// Lists the transformations that can be undone, the newest first, as a JSON object, schema "expmig.transforms/1": {"transforms": [{"id",
/// "created_at", "rules", "metrics", "copied"}, ...]}; times are UTC.
///
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
/// EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_list(
    manager: *const expmig_manager,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(json, "json", Domain::Transformation)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            let list = list_json(&shared.manager(&entered).list_transforms()?);
            store(json, give(&list.to_string()));
            Ok(())
        })
    }
}

/// Keeps the undo log of the newest transformations and removes that of the older ones. Metrics stay as they are.
///
/// `keep_count`: how many can still be undone; 0 for none.
/// `options`: progress and cancel; NULL for none.
/// `forgotten_count`: receives how many transformations can no longer be undone; can be NULL.
///
/// Returns EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT,
/// EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT (a negative count); on a server also EXPMIG_AUTH, EXPMIG_CONNECTION,
/// EXPMIG_TIMEOUT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_forget(
    manager: *const expmig_manager,
    keep_count: i64,
    options: *const expmig_job_options,
    forgotten_count: *mut u64,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(forgotten_count, 0);
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            let options = job_options(options, Domain::Transformation)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            store(forgotten_count, shared.manager(&entered).forget_transforms(keep_count, options)?);
            Ok(())
        })
    }
}
