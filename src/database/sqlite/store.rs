//! A SQLite file behind a handle: its connections, which are opened when they are needed.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value as Json, json};

use super::capabilities::CAPABILITIES;
use super::connection::{Access, SqliteConnection};
use super::copy::{self, in_wal_mode};
use super::copy_file::open_immutable;
use super::failure::needs_recovery;
use super::one_file::OneFile;
use super::path_check::check_path;
use super::private_copy::{Spare, free_bytes, is_needed, size_of};
use super::state::{Copying, SqliteState};
use super::unwritable;
use super::wal_files;
use crate::database::capabilities::Capabilities;
use crate::database::connection::{Catalog, Connection, Copied, Reading, Reads, Writes};
use crate::database::creating::has_no_experiment;
use crate::database::file_id::file_id;
use crate::database::identity::Identity;
use crate::database::options::OpenOptions;
use crate::database::read::{EachRow, QueryRow};
use crate::database::rows::Next;
use crate::database::state::State;
use crate::database::store::Store;
use crate::database::transaction::Transaction;
use crate::database::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::process::{self, Process};
use crate::progress::Job;
use crate::schema::create_statement;
use crate::spill::CellBuffer;
use crate::spill::Spool;
use crate::spill::temporary;
use crate::values::{Value, ValueRef};

/// What a row that is put aside keeps of its memory.
const MOST_BYTES: usize = 1 << 16;

/// A SQLite file.
pub struct SqliteFile {
    path: PathBuf,
    options: OpenOptions,
    process: Process,
    /// The file that was there first, or that was created.
    file: OnceCell<OneFile>,
    created: bool,
    reader: OnceCell<SqliteConnection>,
    writer: OnceCell<SqliteConnection>,
    spare: Spare,
}

impl SqliteFile {
    /// Looks for the file; creates it and its tables when the options say so. `path` is absolute.
    pub fn open(path: PathBuf, options: &OpenOptions) -> Result<SqliteFile> {
        let exists = check_path(&path, options.creates())?;
        let (file, reader, writer) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        // As the path: of the working directory at this moment.
        let temp_dir = options.temp_dir.as_ref().map(std::path::absolute).transpose().map_err(|error| {
            Error::argument(Domain::Database, "temp_dir", format!("the folder cannot be used: {error}"))
                .hint("leave temp_dir out, or pass the path of a folder")
        })?;
        let options = OpenOptions { temp_dir, ..options.clone() };
        let (process, spare) = (Process::current(), Spare::default());
        let mut file = SqliteFile { path, options, process, file, created: false, reader, writer, spare };
        if let Some(found) = &exists {
            file.file.get_or_init(|| OneFile::new(&file.path, found));
        }
        if file.options.creates() {
            file.created = file.create_schema(exists.is_some())?;
        }
        Ok(file)
    }

    /// Creates what is missing, all tables in one transaction; whether there are only tables without any experiment then. They
    /// can also be what is left of a call that created them and was cut off before it wrote a row.
    fn create_schema(&self, exists: bool) -> Result<bool> {
        let allowed = self.options.create_beside;
        let named = |error: Error| error.at(&self.path);
        if exists {
            let reader = self.reading()?;
            let _state = Transaction::read(reader)?;
            let layout = reader.layout()?;
            let used = layout.root().is_ok() && !has_no_experiment(reader, &layout)?;
            if used || layout.to_create(allowed).map_err(named)?.is_empty() {
                return has_no_experiment(reader, &layout);
            }
        }
        let access = if exists { Access::Write } else { Access::Create };
        let connection = self.connect(access, None)?;
        let transaction = Transaction::write(&connection)?;
        // Another process may have been faster.
        let layout = connection.layout()?;
        for table in layout.to_create(allowed).map_err(named)? {
            refuse_index(&connection, table.name).map_err(named)?;
            connection.execute(&create_statement(table), &[])?;
        }
        let empty = has_no_experiment(&connection, &connection.layout()?)?;
        transaction.commit()?;
        self.writer.get_or_init(|| connection);
        Ok(empty)
    }

    fn connect(&self, access: Access, job: Option<&Arc<Job>>) -> Result<SqliteConnection> {
        self.check_file()?;
        if self.is_aside() {
            let message = "the database is in WAL mode and can only be read here";
            return Err(Error::new(Status::Io, Domain::Database, message).at(&self.path).hint(
                "check the permissions of the file and of its folder, and whether their file system can be written to",
            ));
        }
        let options = &self.options;
        let mut connection =
            SqliteConnection::open(&self.path, access, options.busy_timeout, options.guard, job.cloned())?;
        let opened = connection.keep_to(self.file.get())?;
        self.file.get_or_init(|| opened);
        connection.limit_reading(options.max_read_lock);
        Ok(connection)
    }

    /// Fails if the path names another file than the one that was opened, or none, and in a child of the process that opened it.
    fn check_file(&self) -> Result<()> {
        self.process.check(Domain::Database)?;
        self.file.get().map_or(Ok(()), OneFile::check)
    }

    /// The connection for reading.
    fn reading(&self) -> Result<&SqliteConnection> {
        self.check_file()?;
        if let Some(open) = self.reader.get() {
            return Ok(open);
        }
        let connection = self.open_for_reading()?;
        Ok(self.reader.get_or_init(|| connection))
    }

    fn open_for_reading(&self) -> Result<SqliteConnection> {
        let Some(file) = self.file.get().filter(|_| unwritable::would_leave_files(&self.path)) else {
            let access = if self.options.read_only { Access::ReadOnly } else { Access::Read };
            let open = || match self.connect(access, None) {
                Err(error) if needs_recovery(&error) && !self.options.read_only => {
                    self.connect(Access::ReadAfterRecovery, None)
                }
                other => other,
            };
            return match (wal_files::remembering(&self.path, self.file.get(), open), self.file.get()) {
                (Err(error), Some(file)) if unwritable::lacks_files(&error, &self.path) => self.open_aside(file),
                (opened, _) => opened,
            };
        };
        self.open_aside(file)
    }

    /// A private copy, for reading where the file cannot be read in place.
    fn open_aside(&self, file: &OneFile) -> Result<SqliteConnection> {
        let (copy, still) = unwritable::copy(&self.path, &self.copy_folder(), self.options.busy_timeout)?;
        SqliteConnection::of_copy(copy, self.path.clone(), Some(file.copied(still)))
    }

    /// Whether a private copy is read in place of the file, which can only be read.
    fn is_aside(&self) -> bool {
        self.reader.get().is_some_and(SqliteConnection::is_of_copy)
    }

    /// What `read` makes of one state, read in place; `None` if that would keep writers waiting for too long.
    fn attempt<T>(&self, read: impl FnOnce(&SqliteConnection) -> Result<T>) -> Result<Option<T>> {
        let reader = self.reading()?;
        let _state = Transaction::read(reader)?;
        let needed = is_needed(reader)?;
        let limit = reader.waits.read_limit.filter(|_| needed);
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        reader.waits.watched.stop_at(until);
        let result = read(reader);
        let late = reader.waits.watched.is_late();
        reader.waits.watched.stop_at(None);
        match result {
            Err(_) if late => Ok(None),
            other => other.map(Some),
        }
    }

    /// Where a private copy goes.
    fn copy_folder(&self) -> PathBuf {
        temporary::folder(self.options.temp_dir.as_deref())
    }
}

impl Store for SqliteFile {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn was_created(&self) -> bool {
        self.created
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn describe(&self) -> Result<Map<String, Json>> {
        Ok(Map::from_iter([("path".to_owned(), json!(self.path.to_string_lossy()))]))
    }

    fn identity(&self) -> Option<Identity> {
        let (device, inode) = self.file.get()?.id();
        Some(Identity::new(CAPABILITIES.engine, [Some(format!("{device}:{inode}"))]))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn has_file(&self, path: &Path) -> bool {
        let there = file_id(path);
        let named = std::path::absolute(path).ok();
        ["", "-wal", "-shm", "-journal"].iter().any(|suffix| {
            let mut own = self.path.clone().into_os_string();
            own.push(suffix);
            let own = PathBuf::from(own);
            named.as_ref() == Some(&own) || (there.is_some() && file_id(&own) == there)
        })
    }

    fn check_whole(&self) -> Result<()> {
        // SQLite reads zeros for what is missing, which may be somebody's values.
        let reader: &dyn Connection = self.reader()?;
        let page = reader.query_integer("PRAGMA page_size", &[])?.and_then(|size| u64::try_from(size).ok());
        let mut in_wal_mode = false;
        reader.query("PRAGMA journal_mode", &[], &mut |row| {
            in_wal_mode = row.value(0)? == ValueRef::Text(b"wal");
            Ok(Next::Stop)
        })?;
        let Ok(meta) = std::fs::metadata(&self.path) else { return Ok(()) };
        // In WAL mode the log may still have the page whole.
        if in_wal_mode || self.is_aside() || page.is_none_or(|page| meta.len().checked_rem(page).unwrap_or(0) == 0) {
            return Ok(());
        }
        Err(Error::new(Status::Corrupt, Domain::Database, "the database is truncated: it ends in the middle of a page")
            .at(&self.path)
            .hint("copy the file again, or restore a backup"))
    }

    fn check_same(&self) -> Result<()> {
        self.check_file()
    }

    fn reader(&self) -> Result<&dyn Connection> {
        Ok(self.reading()?)
    }

    fn state(&self, reading: Reading, job: &Arc<Job>) -> Result<State<'_>> {
        let access = if self.options.read_only { Access::ReadOnly } else { Access::Read };
        let connect = Box::new(move || self.connect(access, None));
        let copying = Copying { folder: self.copy_folder(), spare: &self.spare, connect };
        Ok(State::of(SqliteState::open(self.reading()?, copying, reading, job)?))
    }

    fn describe_reading(&self) -> Result<Json> {
        let reader = self.reading()?;
        if self.is_aside() {
            // It is made already, and keeps nobody waiting.
            return Ok(json!({"way": "private_copy", "copy_bytes": size_of(reader)?}));
        }
        if in_wal_mode(reader)? {
            return Ok(json!({"way": "write_ahead_log"}));
        }
        let Some(limit) = self.options.max_read_lock else { return Ok(json!({"way": "in_place"})) };
        let (bytes, folder) = (size_of(reader)?, self.copy_folder());
        let free = free_bytes(&folder);
        Ok(json!({
            "way": "private_copy",
            "max_read_lock_ms": u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            "copy_bytes": bytes,
            "copy_folder": folder.to_string_lossy(),
            "free_bytes": free,
            "enough": free.map(|free| free >= bytes),
        }))
    }

    fn read_in_place(&self, read: &mut dyn FnMut(&dyn Connection) -> Result<()>) -> Result<bool> {
        Ok(self.attempt(|reader| read(reader))?.is_some())
    }

    fn lets_readers_in(&self) -> Result<bool> {
        in_wal_mode(self.reading()?)
    }

    fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        // Nobody knows how long `each` takes, so no lock is held meanwhile: the rows are put aside, or read from a copy.
        let reader = self.reading()?;
        // Inside of another query's callback it is that one's state.
        let state = if reader.inner.is_autocommit() { Some(Transaction::read(reader)?) } else { None };
        if state.is_none() || !is_needed(reader)? {
            return reader.prepare_read(sql)?.run(params, each);
        }
        drop(state);
        let mut columns = Vec::new();
        let aside = self.attempt(|reader| {
            let (mut rows, mut cells) = (Spool::default(), CellBuffer::default());
            reader.prepare_read(sql)?.run(params, &mut |row| {
                if columns.is_empty() {
                    columns = row.columns.to_vec();
                }
                cells.clear(MOST_BYTES);
                row.values.iter().for_each(|value| cells.push(*value));
                rows.push(&cells)?;
                Ok(Next::Row)
            })?;
            Ok(rows)
        })?;
        let Some(mut rows) = aside else {
            let job = Job::unwatched(Domain::Database);
            let state = self.state(Reading::Beside, &job)?;
            return state.connection().prepare_read(sql)?.run(params, each);
        };
        let mut cells = CellBuffer::default();
        while rows.pop(&mut cells)? {
            let values: Vec<ValueRef<'_>> = cells.iter().collect();
            if each(&QueryRow { columns: &columns, values: &values })? == Next::Stop {
                break;
            }
            cells.clear(MOST_BYTES);
        }
        Ok(())
    }

    fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        self.check_file()?;
        if let Some(open) = self.writer.get() {
            return Ok(open);
        }
        let connection = self.connect(Access::Write, Some(job))?;
        connection.watch(None);
        Ok(self.writer.get_or_init(|| connection))
    }

    fn replace_content(
        &self,
        from: &Path,
        keep: Option<&mut dyn FnMut() -> Result<()>>,
        job: &Arc<Job>,
        copied: Copied<'_>,
    ) -> Result<()> {
        let source = open_immutable(from)?;
        // Not the connection for writing: SQLite wants one of which it knows that nobody else uses it meanwhile.
        let mut target = self.connect(Access::Write, Some(job))?;
        let replaced = copy::replace(&mut target, &source, self.reading()?, keep, copied);
        if !self.process.is_current() {
            leave(target);
        }
        replaced
    }

    fn widen(&self, _: bool, job: &Arc<Job>) -> Result<Widening> {
        // Its columns hold everything.
        job.check()?;
        self.check_file()?;
        Ok(Widening::default())
    }
}

impl Drop for SqliteFile {
    fn drop(&mut self) {
        if !self.process.is_current() {
            let spare = self.spare.take();
            [self.reader.take(), self.writer.take(), spare].into_iter().flatten().for_each(leave);
            return;
        }
        drop((self.reader.take(), self.writer.take(), std::mem::take(&mut self.spare)));
        if let Some(file) = self.file.get() {
            wal_files::tidy(&self.path, file, self.options.guard);
        }
    }
}

/// Leaves a connection as it is, in a child after a fork: closing it would roll the parent's transaction back, and clean up its log.
fn leave(connection: SqliteConnection) {
    process::keep(connection);
}

/// Fails if an index has the name: tables and indexes share one space of names.
fn refuse_index(connection: &dyn Connection, name: &str) -> Result<()> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ?1 COLLATE NOCASE";
    if connection.query_integer(sql, &[Value::Text(name.as_bytes().to_vec())])? == Some(0) {
        return Ok(());
    }
    Err(Error::new(Status::Schema, Domain::Database, format!("an index has the name of the table {name}"))
        .detail("index", name)
        .hint("give the index another name, or create the tables in a new file"))
}
