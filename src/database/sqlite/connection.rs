//! A connection: opening it, and converting its errors.

use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;

use super::cell::{Cell, from_sqlite};
use super::failure::{locked, may_be_of_a_rule, missing_name, of_rule, translate};
use super::one_file::{OneFile, replaced};
use super::process_guard;
use super::read_guard::{self, ReadGuard};
use super::waits::Waits;
use crate::database::connection::Reads;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::process::Process;
use crate::progress::Job;
use crate::values::Value;

/// How many steps of SQLite's virtual machine pass between two ticks: a millisecond or so.
const STEPS_PER_TICK: i32 = 20_000;
/// Page caches, in KiB: the writer's has to hold the hot pages of every index. A sort may take as much again.
pub(super) const READ_CACHE_KIB: i32 = 8 * 1024;
const WRITE_CACHE_KIB: i32 = 16 * 1024;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read an existing file, and never touch it.
    ReadOnly,
    /// Read an existing file. If a crash leaves it in need of recovery later on, another connection does that.
    Read,
    /// Read an existing file that may need recovery after a crash first, which only a connection that may write can do.
    ReadAfterRecovery,
    /// Read and write an existing file.
    Write,
    /// As `Write`, and create the file if it is missing.
    Create,
    /// Read a file that nobody changes, whatever journal stands beside it.
    Immutable,
}

/// One open SQLite database.
pub struct SqliteConnection {
    pub(super) inner: rusqlite::Connection,
    pub(super) waits: Waits,
    pub(super) immutable: bool,
    pub(super) recovers: bool,
    /// `None` where other people's statements cannot be guarded.
    pub(super) reads: Option<Arc<ReadGuard>>,
    pub(super) probe: RefCell<Option<rusqlite::Connection>>,
    /// Dropped after `inner`, being declared after it.
    registration: process_guard::Registration,
}

impl SqliteConnection {
    /// Opens the file at `path`, an absolute path. `check` looks for another copy of SQLite in this process first. Waiting for a
    /// lock ticks `job`, which watches until [`Reads::watch`](crate::database::Reads::watch) says otherwise.
    pub fn open(
        path: &Path,
        access: Access,
        busy_timeout: Duration,
        check: bool,
        job: Option<Arc<Job>>,
    ) -> Result<SqliteConnection> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match access {
                Access::ReadOnly | Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
                Access::Immutable => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                Access::ReadAfterRecovery | Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
                Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            };
        let wrap = |error| translate(error, path);
        let name = if access == Access::Immutable { immutable(path) } else { path.to_owned() };
        let watched = Arc::new(Watched::new(job));
        let handler = Arc::clone(&watched);
        let way = if access == Access::Immutable { process_guard::Use::Immutable } else { process_guard::Use::Shared };
        let (inner, registration) = process_guard::open(path, check, way, || {
            let mut inner = rusqlite::Connection::open_with_flags(&name, flags).map_err(wrap)?;
            let_tick(&mut inner, handler).map_err(wrap)?;
            Ok(inner)
        })?;
        let writes = matches!(access, Access::Write | Access::Create);
        let mut connection = SqliteConnection {
            inner,
            waits: Waits {
                path: path.to_owned(),
                busy_timeout,
                watched,
                process: Process::current(),
                file: None,
                read_limit: None,
            },
            immutable: access == Access::Immutable,
            recovers: access == Access::Read,
            reads: None,
            probe: RefCell::new(None),
            registration,
        };
        connection.configure(writes)?;
        if writes && connection.inner.is_readonly("main").map_err(wrap)? {
            return Err(Error::new(Status::Io, Domain::Database, "the database can only be read")
                .at(path)
                .hint("check the permissions of the file and of its folder"));
        }
        Ok(connection)
    }

    /// A private copy of the database at `path`, which goes in its place: for reading. `file` is what has to be there, if that matters.
    pub fn of_copy(mut inner: rusqlite::Connection, path: PathBuf, file: Option<OneFile>) -> Result<SqliteConnection> {
        let watched = Arc::new(Watched::default());
        let (process, watching) = (Process::current(), Arc::clone(&watched));
        let busy_timeout = Duration::ZERO;
        let waits = Waits { path, busy_timeout, watched: watching, process, file, read_limit: None };
        let_tick(&mut inner, watched).map_err(|error| waits.wrap(error))?;
        let (immutable, recovers, reads, probe) = (false, false, None, RefCell::new(None));
        let registration = process_guard::Registration::of_none();
        let mut connection = SqliteConnection { inner, waits, immutable, recovers, reads, probe, registration };
        connection.configure(false)?;
        Ok(connection)
    }

    /// Whether it is of a copy that was made because the file itself cannot be read in place.
    pub fn is_of_copy(&self) -> bool {
        self.waits.file.as_ref().is_some_and(OneFile::is_copied)
    }

    /// Reading is going to keep no writer of a database in rollback-journal mode waiting for longer than this.
    pub fn limit_reading(&mut self, limit: Option<Duration>) {
        self.waits.read_limit = limit;
    }

    /// Gives back what memory it can.
    pub fn shrink(&self) {
        // If this fails, it has a little more than it needs.
        let _more = self.inner.execute_batch("PRAGMA shrink_memory");
    }

    /// From now on no transaction begins or commits once the path names another file than this one, which it has to be of. `None` is
    /// the file that was opened, whichever that is. Returns the file.
    pub fn keep_to(&mut self, file: Option<&OneFile>) -> Result<OneFile> {
        let opened = OneFile::opened(&self.waits.path, self.registration.file())?;
        if file.is_some_and(|file| !file.is(&opened)) {
            return Err(replaced(&self.waits.path));
        }
        self.waits.file = Some(opened.clone());
        Ok(opened)
    }

    /// Begins a transaction, if the path names the file that is open: before, so that nothing is made for another one, and after, so
    /// that what is read now is what the path names.
    pub(super) fn begin(&self, begin: impl FnOnce() -> Result<()>) -> Result<()> {
        self.waits.check_file()?;
        begin()?;
        self.waits.check_file().inspect_err(|_| self.rollback())
    }

    fn configure(&mut self, writes: bool) -> Result<()> {
        let cache = if writes { WRITE_CACHE_KIB } else { READ_CACHE_KIB };
        // Our rows are checked before they are written; enforcing would look every parent up a second time.
        let mut pragmas = format!("PRAGMA cache_size = -{cache}; PRAGMA foreign_keys = OFF; PRAGMA temp_store = FILE;");
        pragmas.push_str(if writes { "PRAGMA synchronous = FULL;" } else { "PRAGMA query_only = ON;" });
        // The first look at the file: waits for a lock, and says if it is not a database.
        self.waiting(|inner| inner.execute_batch(&pragmas))?;
        if self.waiting(read_guard::can_guard)? {
            self.reads = Some(read_guard::install(&mut self.inner).map_err(|error| self.wrap(error))?);
        }
        Ok(())
    }

    /// Runs what may meet a lock, again and again until the busy timeout passes.
    pub(super) fn waiting<T>(&self, mut act: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T> {
        let since = Instant::now();
        loop {
            match act(&self.inner) {
                Ok(value) => return Ok(value),
                Err(error) if locked(&error) => self.waits.pause(since, error)?,
                Err(error) => return Err(self.wrap(error)),
            }
        }
    }

    /// An error of SQLite as ours.
    pub(super) fn wrap(&self, error: rusqlite::Error) -> Error {
        let wrapped = self.waits.wrap(error);
        if may_be_of_a_rule(&wrapped) {
            // If they cannot be read, it is not known that there are any.
            let rules = self.rules(wrapped.message()).unwrap_or_default();
            if !rules.is_empty() {
                return rules.into_iter().fold(of_rule(&wrapped), |error, rule| error.detail("object", rule));
            }
        }
        if !matches!(wrapped.status(), Status::Schema | Status::Unsupported) {
            return wrapped;
        }
        // If they cannot be read, the error names what is missing all the same.
        let objects = missing_name(wrapped.message()).map(|name| self.objects_with(name).unwrap_or_default());
        objects.unwrap_or_default().into_iter().fold(wrapped, |error, object| error.detail("object", object))
    }

    /// What in the schema is computed when something is written, as far as it can be what a message is about.
    fn rules(&self, message: &str) -> rusqlite::Result<Vec<String>> {
        let part = if message.contains("JSON") { "json" } else { "" };
        let sql = "SELECT type || ' ' || name FROM sqlite_schema
            WHERE instr(lower(sql), ?1) > 0 AND (type = 'trigger' OR type = 'index' AND (sql LIKE '%(%(%' OR sql LIKE '%WHERE%')
                OR type = 'table' AND (sql LIKE '%CHECK%(%' OR sql LIKE '%AS%(%' OR sql LIKE '%DEFAULT%(%'))
            ORDER BY type = 'table', type LIMIT ?2";
        self.named_in_schema(sql, part)
    }

    /// What in the schema has this name in its statement: `index NAME`.
    fn objects_with(&self, name: &str) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT type || ' ' || name FROM sqlite_schema
            WHERE type <> 'view' AND instr(lower(sql), lower(?1)) > 0 LIMIT ?2";
        self.named_in_schema(sql, name)
    }

    fn named_in_schema(&self, sql: &str, name: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.inner.prepare(sql)?;
        let limit = i64::try_from(NAMED).unwrap_or(i64::MAX);
        let rows = statement
            .query_map((name, limit), |row| Ok(from_sqlite(row.get_ref(0)?).readable().unwrap_or_default()))?;
        rows.collect()
    }

    pub(super) fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value]) -> rusqlite::Result<()> {
        for (index, value) in params.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Cell(value.borrow()))?;
        }
        Ok(())
    }
}

/// Waiting is done here, so that it can be cancelled and reported; SQLite itself must not wait.
fn let_tick(inner: &mut rusqlite::Connection, watched: Arc<Watched>) -> rusqlite::Result<()> {
    inner.busy_timeout(Duration::ZERO)?;
    inner.progress_handler(STEPS_PER_TICK, Some(move || watched.tick()))
}

/// The URI by which SQLite opens a file that nobody changes.
fn immutable(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

/// The version of the SQLite that is linked.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
