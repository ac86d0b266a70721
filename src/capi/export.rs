//! Exporting experiments as documents.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use super::args::{clear, opened, optional_text, required, store, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{UserData, expmig_progress_fn, flow, sink, token};
use super::status::expmig_status;
use super::text::give_owned;
use crate::error::{Domain, Error, Result};
use crate::exchange::ExportOptions;
use crate::manager::FileOptions;

/// Leave out metrics, and also epochs, batches and results that have no artifacts.
pub const EXPMIG_EXPORT_NO_METRICS: u32 = 0x1;
/// Leave artifacts out.
pub const EXPMIG_EXPORT_NO_ARTIFACTS: u32 = 0x2;
/// Leave out unsound rows (docs/validation.md), and say in the document how many, instead of returning EXPMIG_VALIDATION.
pub const EXPMIG_EXPORT_SKIP_UNSOUND: u32 = 0x4;
/// Replace an existing file of that name.
pub const EXPMIG_EXPORT_REPLACE: u32 = 0x8;

/// Receives the next `length` bytes of a document. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a
/// failure (EXPMIG_CALLBACK). Called on the thread that made the call; after a result other than 0 it is not called again. It must not
/// unwind or longjmp, and must not use the handles of the running call.
pub type expmig_write_fn =
    Option<unsafe extern "C" fn(bytes: *const c_void, length: usize, user_data: *mut c_void) -> i32>;

/// What a caller can ask of an export. Fill with expmig_export_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_export_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_EXPORT_NO_METRICS and so on, or'ed; default 0.
    pub flags: u32,
    /// Spaces per level, at most 16; default 0: all in one line.
    pub indent: u32,
    /// Permissions of the file, at most 0777 (octal); default 0600: only the owner can read and write it. For
    /// expmig_export_experiment_to_file.
    pub file_mode: u32,
    /// The format of the document, UTF-8: "json", the only one so far; NULL means "json".
    pub format: *const c_char,
    /// Receives progress; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_export_options {
    const FIRST_SIZE: usize = size_of::<expmig_export_options>();

    fn defaults() -> expmig_export_options {
        expmig_export_options {
            struct_size: size_of::<expmig_export_options>() as u32,
            flags: 0,
            indent: ExportOptions::default().indent,
            file_mode: FileOptions::default().mode,
            format: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn export_options(options: *const expmig_export_options) -> Result<(ExportOptions, FileOptions)> {
    const KNOWN: u32 =
        EXPMIG_EXPORT_NO_METRICS | EXPMIG_EXPORT_NO_ARTIFACTS | EXPMIG_EXPORT_SKIP_UNSOUND | EXPMIG_EXPORT_REPLACE;
    let domain = Domain::ImportExport;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, KNOWN, domain)?;
    let has = |flag: u32| options.flags & flag != 0;
    let export = ExportOptions {
        include_metrics: !has(EXPMIG_EXPORT_NO_METRICS),
        include_artifacts: !has(EXPMIG_EXPORT_NO_ARTIFACTS),
        indent: options.indent,
        format: unsafe { optional_text(options.format, "format", domain) }?.map(str::to_owned),
        skip_unsound: has(EXPMIG_EXPORT_SKIP_UNSOUND),
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    };
    Ok((export, FileOptions { replace: has(EXPMIG_EXPORT_REPLACE), mode: options.file_mode }))
}

/// Fills in the defaults. `size` is sizeof(expmig_export_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_export_options_init(options: *mut expmig_export_options, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::ImportExport, || init(options, size, Domain::ImportExport)) }
}

/// Writes an experiment and everything below it as one JSON document, every value unchanged (docs/export-format.md), from one consistent
/// state of the database, in constant memory. Reads only.
///
/// `write_fn`: receives the document in pieces of some 64 KiB; a piece is larger if a single value is. After a failure, the pieces that
/// it received are not a complete document.
/// `user_data`: passed to `write_fn`.
/// `options`: NULL for the defaults.
///
/// Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_VALIDATION (unsound rows; the details name them),
/// EXPMIG_UNSUPPORTED (an unknown `format`), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA,
/// EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_export_experiment(
    manager: *const expmig_manager,
    experiment_id: i64,
    options: *const expmig_export_options,
    write_fn: expmig_write_fn,
    user_data: *mut c_void,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let Some(write_fn) = write_fn else {
                return Err(Error::argument(Domain::ImportExport, "write_fn", "write_fn is NULL"));
            };
            let (options, _) = export_options(options)?;
            let user_data = UserData(user_data);
            let mut take = |bytes: &[u8]| flow(write_fn(bytes.as_ptr().cast(), bytes.len(), user_data.get()));
            let entered = shared.database.enter(Domain::ImportExport)?;
            shared.manager(&entered).export_pieces(experiment_id, &mut take, options)?;
            Ok(())
        })
    }
}

/// Like expmig_export_experiment, but into a file. The file gets its name only when it is complete and flushed to the device; before
/// that, and after a failure, there is no file.
///
/// `path`: UTF-8; the folder must exist. Names of the database's own files are refused.
/// `options`: NULL for the defaults: an existing file is not replaced, and only the owner can read the new one.
///
/// Also returns EXPMIG_ALREADY_EXISTS (a file of this name). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_export_experiment_to_file(
    manager: *const expmig_manager,
    experiment_id: i64,
    path: *const c_char,
    options: *const expmig_export_options,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let path = Path::new(text(path, "path", Domain::ImportExport)?);
            let (options, file) = export_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            shared.manager(&entered).export_to_file(experiment_id, path, file, options)?;
            Ok(())
        })
    }
}

/// Like expmig_export_experiment, but into one string.
///
/// `document`: receives the document, which the caller frees with expmig_string_free.
///
/// Also returns EXPMIG_LIMIT (no memory for it). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_export_experiment_to_string(
    manager: *const expmig_manager,
    experiment_id: i64,
    options: *const expmig_export_options,
    document: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(document, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            required(document, "document", Domain::ImportExport)?;
            let (options, _) = export_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            store(document, give_owned(shared.manager(&entered).export_to_string(experiment_id, options)?));
            Ok(())
        })
    }
}
