//! Database handles.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Opened, clear, opened, optional_text, required, store, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::gate::Gate;
use super::guard::guard;
use super::host;
use super::options::{SizedOptions, init, known_flags, read};
use super::panics::shielded;
use super::progress::{expmig_progress_fn, sink, token};
use super::status::expmig_status;
use super::text::give;
use crate::database::{Database, OpenOptions, Password, Secret};
use crate::error::{Domain, Error, Result, Status};
use crate::manager::{JobOptions, Manager};
use crate::progress::Job;

/// Refuse every call that writes through this handle.
pub const EXPMIG_OPEN_READONLY: u32 = 0x1;
/// Create the file or the schema if it does not exist, and the tables of the newest generation if it is empty. If it has other tables or
/// views, the call returns EXPMIG_SCHEMA, and the details name them; for a server's own schemas (mysql, sys and the like) it always does
/// so.
pub const EXPMIG_OPEN_CREATE: u32 = 0x2;
/// Open although this process has the file open through another copy of SQLite. The locks of that other copy will be lost.
pub const EXPMIG_OPEN_ALLOW_SHARED_PROCESS: u32 = 0x4;
/// Like EXPMIG_OPEN_CREATE, but create the tables also beside other tables, which are not changed. Since 0.1.0.
pub const EXPMIG_OPEN_CREATE_BESIDE: u32 = 0x8;

/// Returns the password for a server: UTF-8 that must live until expmig_database_open returns. If it returns NULL, opening fails with
/// EXPMIG_CALLBACK. Called once, on the thread that opens. It must not unwind or longjmp.
pub type expmig_password_fn = Option<unsafe extern "C" fn(user_data: *mut c_void) -> *const c_char>;

/// An open database. May be used from any thread; calls wait for each other. Close it with expmig_database_close; managers that were made
/// of it keep what they need.
pub struct expmig_database(pub(crate) Arc<Gate<Database>>);

impl Opened for expmig_database {
    fn check_process(&self, domain: Domain) -> Result<()> {
        self.0.check_process(domain)
    }
}

/// How a database may be used. Fill with expmig_open_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_open_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_OPEN_READONLY and so on, or'ed; default 0.
    pub flags: u32,
    /// How long to wait for other connections' locks, in milliseconds; default 5000. 0 does not wait.
    pub busy_timeout_ms: i64,
    /// The password for a server, UTF-8, instead of one in the URL; NULL for none. It need not outlive the call. Since 0.1.0.
    pub password: *const c_char,
    /// Called for the password if `password` is NULL; NULL for none. Since 0.1.0.
    pub password_fn: expmig_password_fn,
    /// Passed to `password_fn`. Since 0.1.0.
    pub password_user_data: *mut c_void,
    /// The longest time, in milliseconds, for which reading makes the writers of a SQLite file in rollback-journal mode wait; default
    /// 2000. A call that would take longer reads a private copy (docs/threading.md). 0 means no limit and no copy: calls read in place,
    /// however long that takes. Since 0.1.0.
    pub max_read_lock_ms: i64,
    /// The folder for private copies, UTF-8; NULL for the folder of SQLite's temporary files. It need not outlive the call. Since 0.1.0.
    pub temp_dir: *const c_char,
    /// Stops the call when triggered; NULL for none. It must live until the call has begun. Since 0.1.0.
    pub cancel: *const expmig_cancel,
    /// Receives progress; NULL for none. Since 0.1.0.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`. Since 0.1.0.
    pub progress_user_data: *mut c_void,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_open_options {
    const FIRST_SIZE: usize = std::mem::offset_of!(expmig_open_options, password);

    fn defaults() -> expmig_open_options {
        expmig_open_options {
            struct_size: size_of::<expmig_open_options>() as u32,
            flags: 0,
            busy_timeout_ms: milliseconds(OpenOptions::default().busy_timeout),
            password: std::ptr::null(),
            password_fn: None,
            password_user_data: std::ptr::null_mut(),
            max_read_lock_ms: OpenOptions::default().max_read_lock.map_or(0, milliseconds),
            temp_dir: std::ptr::null(),
            cancel: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// # Safety
/// The pointers are what the header asks for.
unsafe fn password(url: &str, options: &expmig_open_options) -> Result<Option<Password>> {
    // SAFETY: as the caller promises.
    if let Some(password) = unsafe { optional_text(options.password, "password", Domain::Database) }? {
        return Ok(Some(Password::Is(Secret::new(password))));
    }
    let Some(ask) = options.password_fn.filter(|_| Database::is_on_a_server(url)) else { return Ok(None) };
    // SAFETY: as the caller promises, here and below.
    let answer = unsafe { ask(options.password_user_data) };
    match unsafe { optional_text(answer, "password_fn", Domain::Database) }? {
        Some(password) => Ok(Some(Password::Is(Secret::new(password)))),
        None => Err(Error::new(Status::Callback, Domain::Database, "the password callback gave no password")
            .detail("callback", "password")),
    }
}

/// # Safety
/// The pointers are what the header asks for.
unsafe fn open_options(options: &expmig_open_options) -> Result<OpenOptions> {
    const KNOWN: u32 =
        EXPMIG_OPEN_READONLY | EXPMIG_OPEN_CREATE | EXPMIG_OPEN_ALLOW_SHARED_PROCESS | EXPMIG_OPEN_CREATE_BESIDE;
    known_flags(options.flags, KNOWN, Domain::Database)?;
    let time = |milliseconds: i64, name: &'static str| match u64::try_from(milliseconds) {
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        Err(_) => Err(Error::argument(Domain::Database, name, format!("{name} is negative"))),
    };
    let max_read_lock = time(options.max_read_lock_ms, "max_read_lock_ms")?;
    // SAFETY: as the caller promises.
    let temp_dir = unsafe { optional_text(options.temp_dir, "temp_dir", Domain::Database) }?;
    Ok(OpenOptions {
        read_only: options.flags & EXPMIG_OPEN_READONLY != 0,
        create: options.flags & EXPMIG_OPEN_CREATE != 0,
        create_beside: options.flags & EXPMIG_OPEN_CREATE_BESIDE != 0,
        busy_timeout: time(options.busy_timeout_ms, "busy_timeout_ms")?,
        guard: options.flags & EXPMIG_OPEN_ALLOW_SHARED_PROCESS == 0,
        password: None,
        max_read_lock: Some(max_read_lock).filter(|limit| !limit.is_zero()),
        temp_dir: temp_dir.map(PathBuf::from),
    })
}

/// Fills in the defaults. `size` is sizeof(expmig_open_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_open_options_init(options: *mut expmig_open_options, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Database, || init(options, size, Domain::Database)) }
}

/// Opens a database that exists.
///
/// `url`: one of these:
/// - the path of a SQLite file. Also "sqlite:" and the path, SQLAlchemy's "sqlite:///RELATIVE" and "sqlite:////ABSOLUTE", and SQLite's
///   own "file:PATH" (percent-encoded; with "?mode=ro" for EXPMIG_OPEN_READONLY). Relative paths start at the current working directory.
/// - a schema of a MySQL or MariaDB server: "mysql://USER:PASSWORD@HOST:PORT/SCHEMA" with parameters (docs/servers.md). The driver in
///   SQLAlchemy's "mysql+pymysql://" is ignored.
/// - a schema of a PostgreSQL database: "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME" with parameters (docs/postgresql.md).
///
/// A text that begins with a scheme, or contains "://", is never taken as a path; put "./" before it to make it one.
///
/// `options`: NULL for the defaults.
/// `database`: receives the handle; the caller closes it with expmig_database_close.
///
/// Returns EXPMIG_NOT_FOUND (no such file; nothing is created unless EXPMIG_OPEN_CREATE is set), EXPMIG_CORRUPT (not a SQLite database,
/// encrypted, damaged), EXPMIG_SCHEMA (a table or column is missing, or is not a plain one; the details name it), EXPMIG_BUSY (locked),
/// EXPMIG_SHARED_PROCESS (see docs/threading.md), EXPMIG_MISUSE (the parent of this process had the file open at the fork; see
/// docs/threading.md), EXPMIG_IO (permissions, no descriptor left), EXPMIG_UNSUPPORTED (a server that is too old, or a build without
/// servers), EXPMIG_LIMIT (no thread can be started to connect), EXPMIG_CANCELLED, EXPMIG_CALLBACK (`password_fn` returned NULL, or
/// `progress_fn` failed), EXPMIG_INVALID_ARGUMENT; for servers also EXPMIG_CONNECTION, EXPMIG_TIMEOUT, EXPMIG_AUTH.
///
/// On a server, every function that uses the handle, or a manager of it, can also return EXPMIG_CONNECTION, EXPMIG_TIMEOUT, EXPMIG_AUTH
/// (a right is missing), EXPMIG_LIMIT and EXPMIG_UNSUPPORTED (docs/servers.md); the functions do not name them again. See
/// expmig_error_retryable for a connection that is lost during a commit.
///
/// A handle belongs to one file. If its path later names another file, or none, every function that uses the handle, or a manager of it,
/// returns EXPMIG_MISMATCH and changes nothing (docs/threading.md). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_database_open(
    url: *const c_char,
    options: *const expmig_open_options,
    database: *mut *mut expmig_database,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(database, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            required(database, "database", Domain::Database)?;
            let url = text(url, "url", Domain::Database)?;
            let options = read(options, Domain::Database)?;
            let mut asked = open_options(&options)?;
            // Who is asked for a password is asked last.
            asked.password = password(url, &options)?;
            host::prepare();
            #[cfg(feature = "servers")]
            super::pipe::lend();
            let job = Job::new(
                Domain::Database,
                sink(options.progress_fn, options.progress_user_data),
                token(options.cancel),
            );
            let opened = Database::open_in(url, asked, &job)?;
            store(database, Box::into_raw(Box::new(expmig_database(Arc::new(Gate::new(opened))))));
            Ok(())
        })
    }
}

/// Describes the database as a JSON object, schema "expmig.database/1": engine, path or server, generation, tables, extra columns and
/// extra tables.
///
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_SCHEMA, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_database_info(
    database: *const expmig_database,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            let gate = Arc::clone(&opened(database, "database", Domain::Database)?.0);
            required(json, "json", Domain::Database)?;
            let entered = gate.enter(Domain::Database)?;
            let info = Manager::from(&*entered).database_info()?;
            store(json, give(&info.to_string()));
            Ok(())
        })
    }
}

/// Run the statements, instead of only naming them.
pub const EXPMIG_WIDEN_APPLY: u32 = 0x1;

/// Names the columns of a server's tables that are too narrow to hold everything (docs/fidelity.md), and the statements that widen them,
/// as a JSON object, schema "expmig.widening/1". For a SQLite file the lists are empty.
///
/// `flags`: EXPMIG_WIDEN_APPLY or 0. On PostgreSQL everything is done in one transaction, or nothing. On MySQL and MariaDB each statement
/// is committed by itself; after a failure, call the function again for the rest. It drops the foreign keys of the columns and adds the
/// same ones again. If a widening is cut off in between, the error names the foreign keys that are missing. The table EXPMIG_WIDENING
/// records them, and the next call adds them.
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_SCHEMA, EXPMIG_AUTH (a right is missing), EXPMIG_CONNECTION, EXPMIG_IO, EXPMIG_CONSTRAINT (a foreign key
/// cannot be added again, because rows refer to missing rows), EXPMIG_UNSUPPORTED (something on the table does not go with the new type),
/// EXPMIG_MISMATCH (the rows would not be the same afterwards: nothing was changed), EXPMIG_MISUSE (the handle is read-only),
/// EXPMIG_INVALID_ARGUMENT.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_schema_widen(
    database: *const expmig_database,
    flags: u32,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            let gate = Arc::clone(&opened(database, "database", Domain::Database)?.0);
            required(json, "json", Domain::Database)?;
            known_flags(flags, EXPMIG_WIDEN_APPLY, Domain::Database)?;
            let entered = gate.enter(Domain::Database)?;
            let apply = flags & EXPMIG_WIDEN_APPLY != 0;
            let widened = Manager::from(&*entered).widen_schema(apply, JobOptions::default())?;
            store(json, give(&widened.to_string()));
            Ok(())
        })
    }
}

/// Closes a handle. What managers still need stays open until they are freed. NULL is fine. In a child after a fork, closing a handle of
/// the parent changes nothing for the parent; every other function returns EXPMIG_MISUSE there for such a handle, and for a manager of
/// it. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_database_close(database: *mut expmig_database) {
    if !database.is_null() {
        // SAFETY: it came from Box::into_raw, and the caller passes it once.
        shielded((), || drop(unsafe { Box::from_raw(database) }));
    }
}
