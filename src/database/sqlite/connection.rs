//! The SQLite connection.

use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;

use super::capabilities::CAPABILITIES;
use super::cell::{Cell, SqliteRow, from_sqlite};
use super::failure::{may_be_of_a_rule, missing_name, of_rule, translate};
use super::insert::{SqliteInserter, has_triggers, is_huge};
use super::read::{self, ReadGuard};
use super::{add, check, copy, cursors, insert, layout, references};
use crate::database::affinity::Affinity;
use crate::database::capabilities::Capabilities;
use crate::database::column::{ColumnLayout, Storage};
use crate::database::connection::{
    Change, Connection, Copied, Depth, Inserter, Next, Query, Row, RowCounts, Transaction, WithCursors, Write,
};
use crate::database::guard;
use crate::database::layout::{Layout, TableLayout};
use crate::database::mentions::mentions;
use crate::database::one_file::{OneFile, replaced};
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::unsteady::Unsteady;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::process::Process;
use crate::progress::Job;
use crate::schema::{Table, create_statement, quote};
use crate::values::{Value, ValueRef};

/// How many steps of SQLite's virtual machine pass between two ticks: a millisecond or so.
const STEPS_PER_TICK: i32 = 20_000;
/// How long to sleep between two tries to get a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
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

/// How long a connection waits for the locks of others, and who wants to know meanwhile.
#[derive(Clone)]
pub(super) struct Waits {
    pub path: PathBuf,
    busy_timeout: Duration,
    pub watched: Arc<Watched>,
    /// Who opened it.
    pub process: Process,
    /// What the path has to name; `None` for a file that nobody else knows of.
    file: Option<OneFile>,
    /// How long reading may keep writers of a database in rollback-journal mode waiting; `None` for as long as it takes.
    pub read_limit: Option<Duration>,
}

impl Waits {
    /// Sleeps a little because of a lock. Fails with its error if the busy timeout has passed since `since`.
    pub fn pause(&self, since: Instant, error: rusqlite::Error) -> Result<()> {
        if since.elapsed() >= self.busy_timeout {
            return Err(self.wrap(error).detail("busy_timeout_ms", self.busy_timeout.as_millis()));
        }
        if let Some(job) = self.watched.job() {
            job.check()?;
        }
        std::thread::sleep(LOCK_PAUSE);
        Ok(())
    }

    /// Adds where the database is to an error.
    pub fn name_in(&self, error: Error) -> Error {
        error.detail("path", self.path.display())
    }

    /// The job that wants to know.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.watched.job()
    }

    /// Fails if the path names another file than the one that is open, or none, and in a child of the process that opened it.
    pub fn check_file(&self) -> Result<()> {
        self.process.check(Domain::Database)?;
        self.file.as_ref().map_or(Ok(()), OneFile::check)
    }

    /// An error of SQLite as ours; an interrupted statement as what interrupted it, and what a file meets that was replaced as that.
    pub fn wrap(&self, error: rusqlite::Error) -> Error {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
            && let Some(stop) = self.watched.job().and_then(|job| job.stop_error())
        {
            return stop;
        }
        let error = translate(error, &self.path);
        match self.check_file() {
            Err(moved) if matches!(error.status(), Status::Io | Status::Corrupt | Status::Mismatch) => {
                moved.caused_by(error)
            }
            _ => error,
        }
    }
}

/// One open SQLite database.
pub struct SqliteConnection {
    pub(super) inner: rusqlite::Connection,
    pub(super) waits: Waits,
    pub(super) immutable: bool,
    recovers: bool,
    /// `None` where other people's statements cannot be guarded.
    pub(super) reads: Option<Arc<ReadGuard>>,
    probe: RefCell<Option<rusqlite::Connection>>,
    /// Dropped after `inner`, being declared after it.
    registration: guard::Registration,
}

impl SqliteConnection {
    /// Opens the file at `path`, an absolute path. `check` looks for another copy of SQLite in this process first. Waiting for a
    /// lock ticks `job`, which watches until [`Connection::watch`] says otherwise.
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
        let way = if access == Access::Immutable { guard::Use::Immutable } else { guard::Use::Shared };
        let (inner, registration) = guard::open(path, check, way, || {
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
        let registration = guard::Registration::of_none();
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
    fn begin(&self, begin: impl FnOnce() -> Result<()>) -> Result<()> {
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
        if self.waiting(read::can_guard)? {
            self.reads = Some(read::install(&mut self.inner).map_err(|error| self.wrap(error))?);
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

    fn integer(&self, sql: &str) -> Result<Option<i64>> {
        self.inner.query_row(sql, [], |row| row.get(0)).map_err(|error| self.wrap(error))
    }

    /// The highest id that the table has or had.
    pub(super) fn high_water(&self, table: &TableLayout) -> Result<i64> {
        let (id, name) = (table.quoted("id"), quote(&table.name));
        let highest = match (self as &dyn Connection).query_integer(&format!("SELECT max({id}) FROM {name}"), &[])? {
            Some(highest) => highest,
            // There is none, or one that is no integer, which is above them all.
            None => self.integer(&format!("SELECT max(CAST({id} AS INTEGER)) FROM {name}"))?.unwrap_or(0),
        };
        let has_sequence =
            self.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'")? == Some(1);
        if !has_sequence {
            return Ok(highest.max(0));
        }
        let text = table.name.replace('\'', "''");
        let sequence = self.integer(&format!(
            "SELECT max(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = '{text}' COLLATE NOCASE"
        ))?;
        Ok(highest.max(sequence.unwrap_or(0)).max(0))
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

/// Whether somebody else's lock is in the way.
fn locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

/// Whether a read-only connection met a file that a crash left in need of recovery.
pub fn needs_recovery(error: &Error) -> bool {
    const READONLY_RECOVERY: i32 = 264;
    const READONLY_ROLLBACK: i32 = 776;
    const READONLY_CANTINIT: i32 = 1288;
    matches!(error.vendor_code(), Some(READONLY_RECOVERY | READONLY_ROLLBACK | READONLY_CANTINIT))
}

/// The error of a commit. One that could not be flushed is undecided: in a write-ahead log it stands complete all the same, and will be found by the
/// next open unless this connection can still clean up.
pub(super) fn of_commit(cause: Error) -> Error {
    if cause.vendor_code() != Some(rusqlite::ffi::SQLITE_IOERR_FSYNC) {
        return cause;
    }
    undecided(cause)
}

/// The error of a commit of which nobody can tell whether it was made.
pub(super) fn undecided(cause: Error) -> Error {
    let message = "the commit could not be flushed to the device; its changes will be there wholly or not at all";
    Error::undecided(Status::Io, Domain::Database, message).caused_by(cause)
}

struct SqliteChange<'c> {
    connection: &'c SqliteConnection,
    statement: rusqlite::Statement<'c>,
}

impl SqliteChange<'_> {
    /// Runs the statement with what is bound to it, which it then forgets if that is huge.
    fn run_bound(&mut self, bound: rusqlite::Result<bool>) -> Result<u64> {
        let run = || -> rusqlite::Result<usize> {
            let forgets = bound?;
            let changed = self.statement.raw_execute()?;
            if forgets {
                self.statement.clear_bindings();
            }
            Ok(changed)
        };
        let error = match run() {
            Ok(changed) => return Ok(changed as u64),
            Err(error) => self.connection.wrap(error),
        };
        // After an error of the device SQLite itself undoes everything.
        if error.status() == Status::Constraint && self.connection.inner.is_autocommit() {
            // Whoever goes on after it would write for good.
            let message = "a trigger, or a rule of a table, has undone the whole transaction; nothing was changed";
            return Err(Error::new(Status::Mismatch, Domain::Database, message)
                .hint("RAISE(ROLLBACK) or OR ROLLBACK in a trigger does that; remove the trigger")
                .caused_by(error));
        }
        Err(error)
    }
}

impl Change for SqliteChange<'_> {
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64> {
        let mut bind = || -> rusqlite::Result<bool> {
            for (index, value) in params.iter().enumerate() {
                self.statement.raw_bind_parameter(index + 1, Cell(*value))?;
            }
            Ok(params.iter().any(is_huge))
        };
        let bound = bind();
        self.run_bound(bound)
    }

    fn run_owned(&mut self, params: Vec<Value>) -> Result<u64> {
        let bind = || -> rusqlite::Result<bool> {
            let mut forgets = false;
            for (index, value) in params.into_iter().enumerate() {
                self.statement.raw_bind_parameter(index + 1, Cell(value.borrow()))?;
                forgets |= is_huge(&value.borrow());
            }
            Ok(forgets)
        };
        let bound = bind();
        self.run_bound(bound)
    }
}

impl Connection for SqliteConnection {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn layout(&self) -> Result<Layout> {
        // Outside of a transaction: wait for a lock, and read one state.
        let _state = if self.inner.is_autocommit() { Some(Transaction::read(self)?) } else { None };
        layout::read(&self.inner, &|error| self.wrap(error)).map_err(|error| {
            let named = error.details().iter().any(|detail| detail.key == "path");
            if named { error } else { error.at(&self.waits.path) }
        })
    }

    fn watch(&self, job: Option<Arc<Job>>) {
        self.waits.watched.set(job);
    }

    fn begin_read(&self) -> Result<()> {
        let begin = |inner: &rusqlite::Connection| {
            inner.execute_batch("BEGIN")?;
            // BEGIN alone reads nothing; the first read fixes the state.
            let first = inner.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            if first.is_err() {
                inner.execute_batch("ROLLBACK")?;
            }
            first
        };
        self.begin(|| match self.waiting(begin) {
            Err(error) if self.recovers && needs_recovery(&error) => {
                // A writer was cut off since this connection was opened. Opening for writing undoes what it left.
                let (access, job) = (Access::ReadAfterRecovery, self.waits.watched.job());
                drop(SqliteConnection::open(&self.waits.path, access, self.waits.busy_timeout, false, job)?);
                self.waiting(begin)
            }
            begun => begun,
        })
    }

    fn begin_write(&self) -> Result<()> {
        self.begin(|| self.waiting(|inner| inner.execute_batch("BEGIN IMMEDIATE")))
    }

    fn commit(&self) -> Result<()> {
        self.waits.check_file()?;
        // A commit that meets a reader leaves the transaction open and can be tried again.
        self.waiting(|inner| inner.execute_batch("COMMIT")).map_err(of_commit)
    }

    fn rollback(&self) {
        // In a child it is the parent's transaction.
        if self.inner.is_autocommit() || !self.waits.process.is_current() {
            return;
        }
        // Rolling back must not be interrupted by the request that caused it.
        let job = self.waits.watched.set(None);
        // If this fails the transaction ends with the connection or with the process: SQLite's journal undoes it.
        let _ended_later = self.inner.execute_batch("ROLLBACK");
        self.waits.watched.set(job);
    }

    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        let mut statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        Self::bind(&mut statement, params).map_err(|error| self.wrap(error))?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.wrap(error))? {
            if each(&SqliteRow(row))? == Next::Stop {
                break;
            }
        }
        Ok(())
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    fn references(&self, layout: &Layout) -> Result<References> {
        references::read(&self.inner, layout).map_err(|error| self.wrap(error))
    }

    fn suspend_foreign_keys(&self) -> Result<bool> {
        // Our connections never enforce them.
        Ok(false)
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        cursors::read_together(self, queries, body)
    }

    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
        read::prepare(self, sql)
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        Self::bind(&mut statement, params).map_err(|error| self.wrap(error))?;
        let changed = statement.raw_execute().map_err(|error| self.wrap(error))?;
        Ok(changed as u64)
    }

    fn prepare_change<'c>(&'c self, sql: &str) -> Result<Box<dyn Change + 'c>> {
        let statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        Ok(Box::new(SqliteChange { connection: self, statement }))
    }

    fn opening(&self, write: Write, table: &TableLayout) -> Result<String> {
        insert::opening(self, write, table)
    }

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(SqliteInserter::new(self, table, columns)?))
    }

    fn check_undoes(&self, _: &TableLayout) -> Result<()> {
        Ok(())
    }

    fn unsteady_tables(&self, _: &Layout) -> Result<Vec<Unsteady>> {
        Ok(Vec::new())
    }

    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool> {
        for table in self.layout()?.missing(tables)? {
            self.execute(&create_statement(table), &[])?;
        }
        Ok(false)
    }

    fn delete_all(&self, table: &TableLayout) -> Result<()> {
        self.execute(&format!("DELETE FROM {}", quote(&table.name)), &[]).map(drop)
    }

    fn allocate_ids(&self, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)> {
        let used = self.high_water(table)?.max(above);
        let room = i64::MAX.abs_diff(used);
        if count <= room {
            return Ok((used.saturating_add(1), false));
        }
        // The ids above are spent. Take the first gap among those in use or mentioned that is wide enough, or what is above them all.
        let own = format!("SELECT CAST({} AS INTEGER) AS id FROM {}", table.quoted("id"), quote(&table.name));
        let mentions = mentions(self, &self.layout()?)?;
        let of_this = mentions.iter().filter(|mention| mention.of == table.schema.name);
        let used = of_this.fold(own, |used, mention| {
            format!("{used} UNION SELECT CAST({} AS INTEGER) FROM {}", mention.column, mention.table)
        });
        let sql = format!(
            "WITH used AS ({used}) SELECT previous + 1 FROM (
               SELECT id, lag(id, 1, 0) OVER (ORDER BY id) AS previous FROM used WHERE id > 0
             ) WHERE id - previous - 1 >= ?1
             UNION ALL SELECT highest + 1 FROM (SELECT max(0, coalesce(max(id), 0)) AS highest FROM used)
               WHERE {} - highest >= ?1 LIMIT 1",
            i64::MAX
        );
        let wanted = i64::try_from(count).unwrap_or(i64::MAX);
        match (self as &dyn Connection).query_integer(&sql, &[Value::Integer(wanted)])? {
            Some(first) => Ok((first, true)),
            None => Err(Error::new(
                Status::Limit,
                Domain::Database,
                format!("{} has no {count} free ids in a row", table.schema.name),
            )
            .detail("table", table.schema.name)
            .hint("migrate into another database")),
        }
    }

    fn has_triggers(&self, table: &TableLayout) -> Result<bool> {
        has_triggers(self, table)
    }

    fn can_be_meddled_with(&self) -> Result<bool> {
        // Every statement of ours says what becomes of rows that are in each other's way, but those of triggers.
        insert::has_any_trigger(self)
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        if column.certainly_keeps(value) {
            return Ok(Some(value.to_owned()));
        }
        // Asking SQLite itself is the one sure way to know how it converts. The declared type is somebody else's text, so
        // only what it means goes into the statement.
        let (affinity, table, strict) = match &column.storage {
            Storage::Affinity(Affinity::Blob) => return Ok(Some(value.to_owned())),
            Storage::Strict(affinity) => (*affinity, "strict_probe", " STRICT"),
            Storage::Affinity(affinity) => (*affinity, "probe", ""),
            Storage::Own(_) => return Err(Error::internal(Domain::Database, "a column of another engine")),
        };
        let declared = match affinity {
            Affinity::Blob => "BLOB",
            Affinity::Text => "TEXT",
            Affinity::Numeric => "NUMERIC",
            Affinity::Integer => "INTEGER",
            Affinity::Real => "REAL",
        };
        let mut probe = self.probe.borrow_mut();
        let probe = match probe.as_ref() {
            Some(open) => open,
            None => probe.insert(rusqlite::Connection::open_in_memory().map_err(|error| self.wrap(error))?),
        };
        let stored = || -> rusqlite::Result<Value> {
            let create = format!("CREATE TABLE IF NOT EXISTS {table}_{declared} (v {declared}){strict}");
            probe.execute_batch(&create)?;
            let mut statement = probe.prepare(&format!("INSERT INTO {table}_{declared} VALUES (?1) RETURNING v"))?;
            let read = statement.query_row([Cell(value)], |row| Ok(from_sqlite(row.get_ref(0)?).to_owned()))?;
            probe.execute_batch(&format!("DELETE FROM {table}_{declared}"))?;
            Ok(read)
        };
        match stored() {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => Ok(None),
            stored => stored.map(Some).map_err(|error| self.wrap(error)),
        }
    }

    fn add_column(&self, table: &TableLayout, column: &ColumnLayout) -> Result<()> {
        add::add_column(self, table, column)
    }

    fn same(&self, left: &str, right: &str) -> String {
        format!("{left} IS {right}")
    }

    fn exactly(&self, expression: &str) -> String {
        format!("{expression} COLLATE BINARY")
    }

    fn identical(&self, left: &str, right: &str) -> String {
        format!("({} AND typeof({left}) = typeof({right}))", self.same(left, &self.exactly(right)))
    }

    fn byte_length(&self, expression: &str) -> String {
        format!("length(CAST({expression} AS BLOB))")
    }

    fn copy_into(&self, into: &Path, copied: Copied<'_>) -> Result<()> {
        copy::copy_out(self, into, copied)
    }

    fn check_integrity(&self, depth: Depth) -> Result<RowCounts> {
        check::check(self, depth)
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.waits.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
