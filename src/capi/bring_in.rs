//! Bringing runs in from the files of other trackers.

use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{clear, opened, optional_text, required, store, text};
use super::bring_in_result::expmig_brought;
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::migration::{EXPMIG_CONFLICT_ERROR, EXPMIG_NAME_SUFFIX, on_conflict, on_name};
use super::object::owned;
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{expmig_progress_fn, sink, token};
use super::status::expmig_status;
use crate::database::Database;
use crate::error::{Domain, Result};
use crate::manager::Manager;
use crate::readers::{BringInOptions, BringInResult, View};

/// Leave out what the database has no place for, if no file is given for it. Without this flag that is EXPMIG_LOSSY.
pub const EXPMIG_BRING_IN_LEAVE_OUT: u32 = 0x4;
/// Bring along the names of hosts, users and programs, and console lines.
pub const EXPMIG_BRING_IN_MACHINE: u32 = 0x8;
/// Of a TensorBoard log, bring in only the points that TensorBoard's server would show after a restart.
pub const EXPMIG_BRING_IN_SERVER_VIEW: u32 = 0x10;
/// Take runs of which the source does not say that they have ended for ended.
pub const EXPMIG_BRING_IN_ENDED: u32 = 0x20;

/// What a caller can ask. Fill with expmig_bring_in_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_bring_in_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_BRING_IN_LEAVE_OUT and so on, or'ed; default 0.
    pub flags: u32,
    /// What becomes of a run whose id another run of the database has: EXPMIG_CONFLICT_ERROR (the default), or EXPMIG_CONFLICT_SKIP, which leaves it
    /// out and counts it. EXPMIG_CONFLICT_NEW is refused: ids are kept.
    pub on_conflict: i32,
    /// What becomes of the name of an experiment that another one of the database has. EXPMIG_NAME_SUFFIX (the default) and so on.
    pub on_name: i32,
    /// The reader (docs/bring-in.md): "mlflow-files", "tensorboard", "wandb", "neptune", "optuna"; NULL to find out from the files.
    pub kind: *const c_char,
    /// The name of the experiment; NULL for the one that the source gives.
    pub experiment: *const c_char,
    /// The user of runs that do not say one; NULL for "unknown".
    pub user: *const c_char,
    /// A new file for what the database has no place for, as JSON lines; NULL for none.
    pub sidecar: *const c_char,
    /// The folder for the scratch database; NULL for the system's.
    pub temp_dir: *const c_char,
    /// Receives progress; NULL for none. The total is not known.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
    /// Where the writer's clock was, for times that do not say it (Optuna's before 5.0): "+09:00", "-0330" or "UTC"; NULL for what the format means, or UTC.
    pub zone: *const c_char,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_bring_in_options {
    const FIRST_SIZE: usize = size_of::<expmig_bring_in_options>();

    fn defaults() -> expmig_bring_in_options {
        expmig_bring_in_options {
            struct_size: size_of::<expmig_bring_in_options>() as u32,
            flags: 0,
            on_conflict: EXPMIG_CONFLICT_ERROR,
            on_name: EXPMIG_NAME_SUFFIX,
            kind: std::ptr::null(),
            experiment: std::ptr::null(),
            user: std::ptr::null(),
            sidecar: std::ptr::null(),
            temp_dir: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
            zone: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn bring_in_options(options: *const expmig_bring_in_options) -> Result<BringInOptions> {
    const KNOWN: u32 =
        EXPMIG_BRING_IN_LEAVE_OUT | EXPMIG_BRING_IN_MACHINE | EXPMIG_BRING_IN_SERVER_VIEW | EXPMIG_BRING_IN_ENDED;
    let domain = Domain::ImportExport;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, KNOWN, domain)?;
    let has = |flag: u32| options.flags & flag != 0;
    let given = |pointer: *const c_char, name: &'static str| -> Result<Option<String>> {
        Ok(unsafe { optional_text(pointer, name, domain) }?.map(str::to_owned))
    };
    Ok(BringInOptions {
        kind: given(options.kind, "kind")?,
        experiment: given(options.experiment, "experiment")?,
        on_conflict: on_conflict(options.on_conflict, domain)?,
        on_name: on_name(options.on_name, domain)?,
        user: given(options.user, "user")?,
        with_machine: has(EXPMIG_BRING_IN_MACHINE),
        sidecar: given(options.sidecar, "sidecar")?.map(PathBuf::from),
        leave_out: has(EXPMIG_BRING_IN_LEAVE_OUT),
        view: if has(EXPMIG_BRING_IN_SERVER_VIEW) { View::Server } else { View::All },
        ended: has(EXPMIG_BRING_IN_ENDED),
        zone: given(options.zone, "zone")?,
        temp_dir: given(options.temp_dir, "temp_dir")?.map(PathBuf::from),
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// Fills in the defaults. `size` is sizeof(expmig_bring_in_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_bring_in_options_init(
    options: *mut expmig_bring_in_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::ImportExport, || init(options, size, Domain::ImportExport)) }
}

/// Does it, or says what would be done.
///
/// # Safety
/// The pointers are as the header says.
unsafe fn run(
    (manager, path): (*const expmig_manager, *const c_char),
    options: *const expmig_bring_in_options,
    result: *mut *mut expmig_brought,
    error: *mut *mut expmig_error,
    call: impl FnOnce(&Manager<&Database>, &Path, BringInOptions) -> Result<BringInResult>,
) -> expmig_status {
    // SAFETY: as the caller promises.
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            let path = Path::new(text(path, "path", Domain::ImportExport)?);
            required(result, "result", Domain::ImportExport)?;
            let options = bring_in_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            store(result, owned(expmig_brought::new(call(&shared.manager(&entered), path, options)?)));
            Ok(())
        })
    }
}

/// Brings the runs of a file or folder that another tracker wrote into the manager's database, a store of MLflow on any engine (docs/bring-in.md), in one
/// transaction: a failure, a cancel or a crash leaves the database as it was. What was written is read back and compared. Everything that was
/// read is accounted for. What the database has already is left as it is, so that the call can be repeated. The source is only read.
///
/// `path`: of the file or folder, UTF-8; of Optuna's tables on a server the URL (expmig_database_open).
/// `options`: NULL for the defaults.
/// `result`: receives what was done; the caller frees it with expmig_brought_free.
///
/// Returns EXPMIG_NOT_FOUND if there is nothing, EXPMIG_UNSUPPORTED if no reader knows what is there, or the database is none into which runs can be
/// brought, EXPMIG_CORRUPT if the source cannot be read, EXPMIG_ALREADY_EXISTS if ids or the sidecar are taken, EXPMIG_LOSSY or EXPMIG_CONSTRAINT if
/// the database has no place for values, EXPMIG_MISMATCH, EXPMIG_BUSY, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_INVALID_ARGUMENT, EXPMIG_IO.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_bring_in(
    manager: *const expmig_manager,
    path: *const c_char,
    options: *const expmig_bring_in_options,
    result: *mut *mut expmig_brought,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { run((manager, path), options, result, error, |manager, path, options| manager.bring_in(path, options)) }
}

/// Says what expmig_bring_in would do. Writes nothing, and makes no sidecar; what has no place is counted, and is no error.
///
/// Parameters and statuses as for expmig_bring_in. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_bring_in_plan(
    manager: *const expmig_manager,
    path: *const c_char,
    options: *const expmig_bring_in_options,
    result: *mut *mut expmig_brought,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        run((manager, path), options, result, error, |manager, path, options| manager.bring_in_plan(path, options))
    }
}
