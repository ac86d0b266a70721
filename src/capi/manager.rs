//! Managers: one database and what can be done with it.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use super::args::{Opened, clear, opened, optional_text, required, store};
use super::database::expmig_database;
use super::error::expmig_error;
use super::gate::{Entered, Gate, enter_both};
use super::guard::guard;
use super::options::{SizedOptions, init, known_flags, read_known};
use super::panics::shielded;
use super::progress::UserData;
use super::status::expmig_status;
use super::text::c_string;
use crate::database::Database;
use crate::error::{Domain, Error, Result};
use crate::manager::{LogLevel, LogSink, Manager, ManagerOptions, Settings};
use crate::snapshot::Folder;

/// No log records.
pub const EXPMIG_LOG_OFF: i32 = 0;
/// A call failed.
pub const EXPMIG_LOG_ERROR: i32 = 1;
/// A call succeeded, but somebody should look at something.
pub const EXPMIG_LOG_WARNING: i32 = 2;
/// What calls do.
pub const EXPMIG_LOG_INFO: i32 = 3;
/// How calls do it.
pub const EXPMIG_LOG_DEBUG: i32 = 4;

/// Receives log records: a level, EXPMIG_LOG_ERROR and so on, and one line, UTF-8, that lives for the call. Called on the thread
/// that made the call. It must not unwind or longjmp, and must not use the handles of the running call.
pub type expmig_log_fn = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user_data: *mut c_void)>;

/// Frees user data: called exactly once, when the data is no longer needed.
pub type expmig_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Options of a manager. Fill with expmig_manager_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_manager_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// None are defined yet: 0.
    pub flags: u32,
    /// Folder for snapshots, UTF-8; NULL for "snapshots". A relative path starts at the working directory at the time when the manager is
    /// made. The first snapshot creates the folder.
    pub snapshot_dir: *const c_char,
    /// The least important level that is logged: EXPMIG_LOG_OFF to EXPMIG_LOG_DEBUG; default EXPMIG_LOG_INFO.
    pub log_level: i32,
    /// 0.
    pub reserved: u32,
    /// Receives log records; NULL for none. The library logs nowhere else.
    pub log_fn: expmig_log_fn,
    /// Passed to `log_fn`.
    pub log_user_data: *mut c_void,
    /// Called with `log_user_data` when the manager no longer needs it; NULL for none. Also called if expmig_manager_new fails, unless
    /// `struct_size` is impossible, which means that no field of this struct was filled in.
    pub log_destroy: expmig_destroy_fn,
}

// SAFETY: repr(C), size first, integers, pointers and optional function pointers.
unsafe impl SizedOptions for expmig_manager_options {
    const FIRST_SIZE: usize = size_of::<expmig_manager_options>();

    fn defaults() -> expmig_manager_options {
        expmig_manager_options {
            struct_size: size_of::<expmig_manager_options>() as u32,
            flags: 0,
            snapshot_dir: std::ptr::null(),
            log_level: EXPMIG_LOG_INFO,
            reserved: 0,
            log_fn: None,
            log_user_data: std::ptr::null_mut(),
            log_destroy: None,
        }
    }
}

/// A database, with all functions that work on it. May be used from any thread; calls wait for each other. Free it with
/// expmig_manager_free.
pub struct expmig_manager(pub(crate) Arc<Shared>);

impl Opened for expmig_manager {
    fn check_process(&self, domain: Domain) -> Result<()> {
        self.0.database.check_process(domain)
    }
}

/// What outlives the handle while a call runs.
pub struct Shared {
    pub database: Arc<Gate<Database>>,
    settings: Arc<Settings>,
}

impl Shared {
    /// The engine's manager, while the database is entered.
    pub fn manager<'e>(&self, entered: &'e Entered<'_, Database>) -> Manager<&'e Database> {
        Manager::sharing(&**entered, Arc::clone(&self.settings))
    }
}

/// Calls with the engine's managers of two handles while both databases are entered; the second manager is `None` if both are of one database.
pub fn with_both<T>(
    (first, second): (&Shared, &Shared),
    domain: Domain,
    act: impl FnOnce(&Manager<&Database>, Option<&Manager<&Database>>) -> Result<T>,
) -> Result<T> {
    let (of_first, of_second) = enter_both(&first.database, &second.database, domain)?;
    let other = of_second.as_ref().map(|entered| second.manager(entered));
    act(&first.manager(&of_first), other.as_ref())
}

/// Calls the caller's destroy function once, when it is dropped.
pub struct Destroy(pub expmig_destroy_fn, pub UserData);

impl Drop for Destroy {
    fn drop(&mut self) {
        if let Some(destroy) = self.0 {
            // SAFETY: the caller gave the function for just this, and this is the one time.
            unsafe { destroy(self.1.get()) };
        }
    }
}

fn log_sink(options: &expmig_manager_options, destroy: Destroy) -> Option<LogSink> {
    let log_fn = options.log_fn?;
    Some(Box::new(move |level, message| {
        let line = c_string(&message.replace(['\n', '\r'], " "));
        // SAFETY: the caller gave a function of this type; the line lives for the call.
        unsafe { log_fn(level as i32, line.as_ptr(), destroy.1.get()) };
    }))
}

/// # Safety
/// The pointers of `options` are live.
unsafe fn manager_options(options: &expmig_manager_options, destroy: Destroy) -> Result<ManagerOptions> {
    known_flags(options.flags, 0, Domain::Database)?;
    if options.reserved != 0 {
        return Err(Error::argument(Domain::Database, "reserved", "reserved must be 0")
            .hint("fill the options with expmig_manager_options_init"));
    }
    let level = LogLevel::from_code(options.log_level);
    if level.is_none() && options.log_level != EXPMIG_LOG_OFF {
        let message = format!("{} is not a log level", options.log_level);
        return Err(Error::argument(Domain::Database, "log_level", message));
    }
    let log = log_sink(options, destroy).filter(|_| level.is_some());
    // SAFETY: as the caller promises.
    let snapshot_dir = unsafe { optional_text(options.snapshot_dir, "snapshot_dir", Domain::Database) }?;
    // Now, not when it is used: the working directory may be another one then.
    let folder = Folder::at(snapshot_dir.map(Path::new))?;
    Ok(ManagerOptions { log, log_level: level, snapshot_dir: Some(folder.path().to_owned()) })
}

/// Fills in the defaults. `size` is sizeof(expmig_manager_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_manager_options_init(
    options: *mut expmig_manager_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Database, || init(options, size, Domain::Database)) }
}

/// Makes a manager of a database. Touches no file.
///
/// `database`: stays the caller's; it may be closed at any time.
/// `options`: NULL for the defaults.
/// `manager`: receives the handle; the caller frees it with expmig_manager_free.
///
/// Returns EXPMIG_IO (a relative `snapshot_dir` and no working directory), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_manager_new(
    database: *const expmig_database,
    options: *const expmig_manager_options,
    manager: *mut *mut expmig_manager,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear(manager, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            let (options, complete) = read_known(options, Domain::Database)?;
            // From here on the user data is destroyed whatever happens.
            let destroy = Destroy(options.log_destroy, UserData(options.log_user_data));
            complete?;
            let database = Arc::clone(&opened(database, "database", Domain::Database)?.0);
            required(manager, "manager", Domain::Database)?;
            let settings = Arc::new(Settings::new(manager_options(&options, destroy)?));
            let shared = Shared { database, settings };
            store(manager, Box::into_raw(Box::new(expmig_manager(Arc::new(shared)))));
            Ok(())
        })
    }
}

/// Frees a manager. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_manager_free(manager: *mut expmig_manager) {
    if !manager.is_null() {
        // SAFETY: it came from Box::into_raw, and the caller passes it once.
        shielded((), || drop(unsafe { Box::from_raw(manager) }));
    }
}

/// Panics inside the engine's gate: for the tests of what happens then. Only in debug builds, and in no header.
#[cfg(debug_assertions)]
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig__test_panic(
    manager: *const expmig_manager,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says of other functions.
    unsafe {
        guard(error, Domain::Database, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Database)?.0);
            let _entered = shared.database.enter(Domain::Database)?;
            std::panic::resume_unwind(Box::new("a test asked for it"));
        })
    }
}
