//! Importing experiments from documents.

use std::ffi::{c_char, c_void};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::args::{clear, opened, required, store, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::migration::{
    EXPMIG_CONFLICT_ERROR, EXPMIG_DUPLICATE_COPY, EXPMIG_NAME_SUFFIX, on_duplicate, text_key_options,
};
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{UserData, expmig_progress_fn, flow, sink, token};
use super::status::expmig_status;
use super::text::give;
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::{ImportOptions, ImportResult};

/// Give every row the id that it has in the document. Fails with EXPMIG_ALREADY_EXISTS if one of these ids is taken.
pub const EXPMIG_IMPORT_PRESERVE_IDS: u32 = 0x1;
/// Import values as they are, without checking timestamps, numbers and per-label values. The structure of the document is always checked.
pub const EXPMIG_IMPORT_SKIP_VALIDATION: u32 = 0x2;
/// Add the extra columns that the database's tables do not have. In a database that the handle created this is always done. A server
/// would end the transaction for that; there the call returns EXPMIG_UNSUPPORTED, and its hint has the ALTER statements.
pub const EXPMIG_IMPORT_ADD_COLUMNS: u32 = 0x4;
/// Import what a document of the older command-line tool has. Such a document does not say what its metrics belong to, so they are imported
/// without links. Without this flag the call returns EXPMIG_UNSUPPORTED.
pub const EXPMIG_IMPORT_ALLOW_UNLINKED: u32 = 0x8;
/// Allow losses where the database cannot hold values: values are changed, or extra columns are left out with their values; the result
/// lists them. The digest of the document then cannot equal that of what was written, and only the rows are counted. Foreign keys of
/// extra columns that name rows which are not in the document become NULL; where the database refuses NULL there, their rows are left
/// out, with everything that belongs to them.
pub const EXPMIG_IMPORT_ALLOW_LOSSY: u32 = 0x10;

/// Gives the next bytes of a document: writes at most `capacity` bytes into `buffer`, and their number into `length`; 0 means the end.
/// Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a failure (EXPMIG_CALLBACK). Called on the thread that
/// made the call; after the end, or a result other than 0, it is not called again. It must not unwind or longjmp, and must not use the
/// handles of the running call.
pub type expmig_read_fn = Option<
    unsafe extern "C" fn(buffer: *mut c_void, capacity: usize, length: *mut usize, user_data: *mut c_void) -> i32,
>;

/// What a caller can ask of an import. Fill with expmig_import_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_import_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_IMPORT_PRESERVE_IDS and so on, or'ed; default 0.
    pub flags: u32,
    /// What to do if the database already has the same experiment: EXPMIG_DUPLICATE_COPY (the default), EXPMIG_DUPLICATE_SKIP,
    /// EXPMIG_DUPLICATE_ERROR.
    pub on_duplicate: i32,
    /// 0.
    pub reserved: u32,
    /// The maximum number of bytes of a single value, as it is written in the document; at least 1; default 64 MiB.
    pub max_value_bytes: i64,
    /// Receives progress; NULL for none. The total is the number of rows that the document gives at its beginning, or else in its metadata,
    /// which are usually at its end. Until it is known, the total is 0.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
    /// Of MLflow's stores: what becomes of a run, model, trace, ... whose id the database has already. EXPMIG_CONFLICT_ERROR (the default) and so on.
    pub on_conflict: i32,
    /// Of MLflow's stores: what becomes of a name that an experiment of the database has already. EXPMIG_NAME_SUFFIX (the default) and so on.
    pub on_name: i32,
    /// Of MLflow's stores: the workspace of the experiment, which the database has to have, UTF-8; NULL for that of the document.
    pub workspace: *const c_char,
    /// Of MLflow's stores: locations of artifacts that begin with `artifacts_from` begin with `artifacts_to` in the database, UTF-8; both NULL for as
    /// they are. The files are not moved. The result lists what was changed.
    pub artifacts_from: *const c_char,
    /// See `artifacts_from`.
    pub artifacts_to: *const c_char,
    /// Of MLflow's stores: points to the id of an experiment of the database, to which the rows are added; NULL (the default) makes a new experiment.
    pub target_experiment_id: *const i64,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_import_options {
    const FIRST_SIZE: usize = std::mem::offset_of!(expmig_import_options, on_conflict);

    fn defaults() -> expmig_import_options {
        expmig_import_options {
            struct_size: size_of::<expmig_import_options>() as u32,
            flags: 0,
            on_duplicate: EXPMIG_DUPLICATE_COPY,
            reserved: 0,
            max_value_bytes: i64::try_from(ImportOptions::default().max_value_bytes).unwrap_or(i64::MAX),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
            on_conflict: EXPMIG_CONFLICT_ERROR,
            on_name: EXPMIG_NAME_SUFFIX,
            workspace: std::ptr::null(),
            artifacts_from: std::ptr::null(),
            artifacts_to: std::ptr::null(),
            target_experiment_id: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
pub(super) unsafe fn import_options(options: *const expmig_import_options) -> Result<ImportOptions> {
    const KNOWN: u32 = EXPMIG_IMPORT_PRESERVE_IDS
        | EXPMIG_IMPORT_SKIP_VALIDATION
        | EXPMIG_IMPORT_ADD_COLUMNS
        | EXPMIG_IMPORT_ALLOW_UNLINKED
        | EXPMIG_IMPORT_ALLOW_LOSSY;
    let domain = Domain::ImportExport;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, KNOWN, domain)?;
    if options.reserved != 0 {
        return Err(Error::argument(domain, "reserved", "reserved must be 0")
            .hint("fill the options with expmig_import_options_init"));
    }
    let Ok(max_value_bytes) = usize::try_from(options.max_value_bytes) else {
        return Err(Error::argument(domain, "max_value_bytes", "max_value_bytes must be at least 1"));
    };
    let ways = (options.on_conflict, options.on_name);
    let texts = (options.workspace, options.artifacts_from, options.artifacts_to);
    Ok(ImportOptions {
        preserve_ids: options.flags & EXPMIG_IMPORT_PRESERVE_IDS != 0,
        validate_before_import: options.flags & EXPMIG_IMPORT_SKIP_VALIDATION == 0,
        on_duplicate: on_duplicate(options.on_duplicate, domain)?,
        add_columns: options.flags & EXPMIG_IMPORT_ADD_COLUMNS != 0,
        allow_lossy: options.flags & EXPMIG_IMPORT_ALLOW_LOSSY != 0,
        allow_unlinked: options.flags & EXPMIG_IMPORT_ALLOW_UNLINKED != 0,
        text_keys: unsafe { text_key_options(ways, texts, domain) }?,
        target_experiment: unsafe { options.target_experiment_id.as_ref() }.copied(),
        max_value_bytes,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// A document that a C callback gives.
pub(super) struct Callback {
    read: unsafe extern "C" fn(*mut c_void, usize, *mut usize, *mut c_void) -> i32,
    user_data: UserData,
}

impl Read for Callback {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut length = 0;
        // SAFETY: the caller gave a function of this type; the buffer has this many writable bytes.
        let answer =
            unsafe { (self.read)(buffer.as_mut_ptr().cast(), buffer.len(), &raw mut length, self.user_data.get()) };
        let stopped = flow(answer).stop(Domain::ImportExport, "read").or_else(|| {
            let message = "the read callback says that it gave more than was asked for; nothing was changed";
            let error = Error::new(Status::Callback, Domain::ImportExport, message);
            (length > buffer.len()).then(|| error.detail("callback", "read").detail("callback_result", answer))
        });
        match stopped {
            None => Ok(length),
            Some(error) => Err(std::io::Error::other(error)),
        }
    }
}

/// What reads such a document.
pub(super) fn reader(read_fn: expmig_read_fn, user_data: *mut c_void) -> Result<Callback> {
    let read = read_fn.ok_or_else(|| Error::argument(Domain::ImportExport, "read_fn", "read_fn is NULL"))?;
    Ok(Callback { read, user_data: UserData(user_data) })
}

/// A document in memory.
///
/// # Safety
/// `document` points to `length` readable bytes that outlive the call.
pub(super) unsafe fn bytes<'a>(document: *const c_char, length: usize) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    required(document, "document", Domain::ImportExport)?;
    // SAFETY: not NULL, and as long as the caller says.
    Ok(unsafe { std::slice::from_raw_parts(document.cast(), length) })
}

/// # Safety
/// The outputs may be written.
unsafe fn answer(done: &ImportResult, experiment_id: *mut i64, result_json: *mut *mut c_char) {
    // SAFETY: as the caller promises.
    unsafe {
        store(experiment_id, done.experiment_id);
        if !result_json.is_null() {
            store(result_json, give(&done.to_json().to_string()));
        }
    }
}

/// Fills in the defaults. `size` is sizeof(expmig_import_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_options_init(options: *mut expmig_import_options, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::ImportExport, || init(options, size, Domain::ImportExport)) }
}

/// Imports the experiment of a document (docs/export-format.md), with everything below it, while it reads the document, in one
/// transaction: a failure, a cancel or a crash leaves the database as it was. What was written is read back: its digest and its row
/// counts must be those in the document. Other connections cannot write meanwhile. Memory grows with the largest value of the document,
/// not with the document.
///
/// `read_fn`, `user_data`: give the document; `user_data` is passed to `read_fn`.
/// `options`: NULL for the defaults.
/// `experiment_id`: receives the id of the imported experiment, or of the one that was there already.
/// `result_json`: receives a JSON object, schema "expmig.import/1", which the caller frees with expmig_string_free; NULL if it is not
/// wanted.
///
/// Errors about the document have the details "json_path" and "offset" (in bytes). Returns EXPMIG_CORRUPT (not JSON, or cut off),
/// EXPMIG_VALIDATION (the document breaks a rule of the format, or values are not what their columns are for), EXPMIG_UNSUPPORTED (a
/// newer format; a document of the older tool without EXPMIG_IMPORT_ALLOW_UNLINKED), EXPMIG_LIMIT (a value too large, nested too deep, no
/// free ids), EXPMIG_LOSSY (the database cannot hold something, without EXPMIG_IMPORT_ALLOW_LOSSY), EXPMIG_CONSTRAINT, EXPMIG_MISMATCH
/// (counts or digest), EXPMIG_ALREADY_EXISTS (a duplicate, or ids that are taken), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY,
/// EXPMIG_SHARED_PROCESS, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. After each of them nothing was changed.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_experiment(
    manager: *const expmig_manager,
    read_fn: expmig_read_fn,
    user_data: *mut c_void,
    options: *const expmig_import_options,
    experiment_id: *mut i64,
    result_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(experiment_id, 0);
        clear(result_json, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let mut document = reader(read_fn, user_data)?;
            required(experiment_id, "experiment_id", Domain::ImportExport)?;
            let options = import_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            let done = shared.manager(&entered).import_experiment(&mut document, options)?;
            answer(&done, experiment_id, result_json);
            Ok(())
        })
    }
}

/// Like expmig_import_experiment, but from a file.
///
/// `path`: of the document, UTF-8.
///
/// Returns as expmig_import_experiment, and EXPMIG_NOT_FOUND (no such file). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_experiment_from_file(
    manager: *const expmig_manager,
    path: *const c_char,
    options: *const expmig_import_options,
    experiment_id: *mut i64,
    result_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(experiment_id, 0);
        clear(result_json, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let path = text(path, "path", Domain::ImportExport)?;
            required(experiment_id, "experiment_id", Domain::ImportExport)?;
            let options = import_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            let done = shared.manager(&entered).import_from_file(Path::new(path), options)?;
            answer(&done, experiment_id, result_json);
            Ok(())
        })
    }
}

/// Like expmig_import_experiment, but from memory.
///
/// `document`, `length`: its bytes, UTF-8. It need not end with a NUL; if it does, do not count the NUL.
///
/// Returns as expmig_import_experiment. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_experiment_from_string(
    manager: *const expmig_manager,
    document: *const c_char,
    length: usize,
    options: *const expmig_import_options,
    experiment_id: *mut i64,
    result_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(experiment_id, 0);
        clear(result_json, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let document = bytes(document, length)?;
            required(experiment_id, "experiment_id", Domain::ImportExport)?;
            let options = import_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            let done = shared.manager(&entered).import_from_string(document, options)?;
            answer(&done, experiment_id, result_json);
            Ok(())
        })
    }
}
