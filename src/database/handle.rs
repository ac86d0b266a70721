//! The database handle: an address, the options, and the store of the engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::capabilities::Capabilities;
use super::connection::{Connection, Copied, Reading};
use super::layout::Layout;
use super::options::OpenOptions;
use super::read::EachRow;
use super::state::State;
use super::store::Store;
use super::transaction::{Transaction, Watches};
use super::url;
use super::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::files::occupy_low_descriptors;
use crate::progress::Job;
use crate::schema::{Call, Family, default_family};
use crate::values::Value;

/// An open database. Reading uses a connection that cannot write. The first write opens a second connection, which can.
pub struct Database {
    store: Box<dyn Store + Send>,
    options: OpenOptions,
    family: &'static Family,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Database")
            .field("place", &self.place())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database that exists, or creates it when the options say so. Checks that it has the tables it needs.
    pub fn open(url: &str, options: OpenOptions) -> Result<Database> {
        Database::open_in(url, options, &Job::unwatched(Domain::Database))
    }

    /// Like [`Database::open`], but reports progress and can be cancelled.
    pub fn open_in(url: &str, mut options: OpenOptions, job: &Arc<Job>) -> Result<Database> {
        occupy_low_descriptors();
        job.begin("opening the database")?;
        let address = url::parse(url)?;
        options.read_only |= address.is_read_only();
        if options.creates() && options.read_only {
            return Err(Error::argument(
                Domain::Database,
                "flags",
                "a database cannot be created and read-only at once",
            )
            .hint("give either EXPMIG_OPEN_CREATE or EXPMIG_OPEN_READONLY"));
        }
        let store = address.open(&options, job)?;
        let mut database = Database { store, options, family: default_family() };
        // A transaction waits for locks; a lone statement would not.
        let reader = database.reader()?;
        let watches = Watches::new(job, [reader, reader]);
        let state = Transaction::read(reader)?;
        let family = database.layout()?.family;
        database.store.check_whole()?;
        drop(state);
        drop(watches);
        job.finish();
        database.family = family;
        Ok(database)
    }

    /// The family of its tables, as they were when it was opened.
    pub fn family(&self) -> &'static Family {
        self.family
    }

    /// Whether a URL names a schema of a server.
    pub fn is_on_a_server(url: &str) -> bool {
        url::is_on_a_server(url)
    }

    /// One consistent state, to be read for as long as that takes: writers of a file in rollback-journal mode are not kept waiting.
    pub fn state(&self, reading: Reading, job: &Arc<Job>) -> Result<State<'_>> {
        self.store.state(reading, job)
    }

    /// How long jobs read it, and what that means for those who write: `way`, and what a private copy takes.
    pub fn describe_reading(&self) -> Result<Json> {
        self.store.describe_reading()
    }

    /// How a job that writes through this connection keeps others waiting: `way`, and where that is one lock for all for how long about, as
    /// `percent` of the time that it took to `read` what it works on; whether readers wait, and whether it looks at every row.
    pub fn describe_writing(&self, connection: &dyn Connection, read: Duration, percent: u64) -> Result<Json> {
        let read = u64::try_from(read.as_millis()).unwrap_or(u64::MAX);
        let writes = !connection.capabilities().other_writers;
        let basis =
            || format!("{}.{:02} times the {read} ms that it took to read for this", percent / 100, percent % 100);
        Ok(json!({
            "way": if writes { "write_lock" } else { "row_locks" },
            "write_lock_ms": writes.then(|| read.saturating_mul(percent).div_ceil(100)),
            "basis": writes.then(basis),
            "readers_wait": writes && !self.lets_readers_in()?,
            "read_whole": connection.can_be_meddled_with()?,
        }))
    }

    /// Whether others can read while a transaction writes, its commit included.
    pub fn lets_readers_in(&self) -> Result<bool> {
        Ok(!self.capabilities().locks_for_readers || self.store.lets_readers_in()?)
    }

    /// Reads something short of one consistent state; twice, if it takes longer than writers may be kept waiting.
    pub fn read_briefly<T>(&self, job: &Arc<Job>, read: impl Fn(&dyn Connection) -> Result<T>) -> Result<T> {
        if self.capabilities().locks_for_readers {
            let reader = self.reader()?;
            let _watches = Watches::new(job, [reader, reader]);
            let mut done = None;
            let in_time = self.store.read_in_place(&mut |reader| {
                done = Some(read(reader)?);
                Ok(())
            })?;
            if let Some(done) = done.filter(|_| in_time) {
                return Ok(done);
            }
        }
        let state = self.state(Reading::Beside, job)?;
        let _watches = Watches::new(job, [state.connection(), state.connection()]);
        read(state.connection())
    }

    /// The connection for reading.
    pub fn reader(&self) -> Result<&dyn Connection> {
        self.store.reader()
    }

    /// The connection for writing. Opening it may have to wait for a lock, which ticks the job.
    pub fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        self.refuse_read_only(Domain::Database)?;
        self.store.writer(job)
    }

    /// Fails unless the handle may write.
    pub fn refuse_read_only(&self, domain: Domain) -> Result<()> {
        if !self.options.read_only {
            return Ok(());
        }
        let error = Error::new(Status::Misuse, domain, "the database was opened read-only");
        Err(self.name_in(error).hint("open it without EXPMIG_OPEN_READONLY"))
    }

    /// Fails if what was opened is not what is there any more: the path of a file names another one, or none.
    pub fn refuse_replaced(&self) -> Result<()> {
        self.store.check_same()
    }

    /// Replaces everything in the database by what is in the SQLite file at `from`, a copy that [`Reads::copy_into`](super::Reads::copy_into) made. One
    /// transaction: others see the old state or the new one. `keep`, if there is one, is called before, when only this call can
    /// change the database any more; again, if somebody did all the same.
    pub fn replace_content(
        &self,
        from: &Path,
        keep: Option<&mut dyn FnMut() -> Result<()>>,
        job: &Arc<Job>,
        copied: Copied<'_>,
    ) -> Result<()> {
        self.refuse_read_only(Domain::Database)?;
        self.store.replace_content(from, keep, job, copied)
    }

    /// What would make the tables hold everything that expmig can; done, if that is asked for. A SQLite file holds everything.
    pub fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening> {
        self.layout()?.require(Call::Widen, Domain::Database)?;
        if apply {
            self.refuse_read_only(Domain::Database)?;
        }
        self.store.widen(apply, job)
    }

    /// The tables and columns that exist now, checked.
    pub fn layout(&self) -> Result<Layout> {
        self.checked(self.reader()?.layout()?)
    }

    /// A layout of this database, unless something is missing in it.
    pub fn checked(&self, layout: Layout) -> Result<Layout> {
        layout.check().map_err(|error| self.name_in(error))?;
        Ok(layout)
    }

    /// Runs one SELECT with bound parameters, and hands over row after row. SQL that does more than read is MISUSE.
    pub fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        self.store.query(sql, params, each)
    }

    /// What its engine can do.
    pub fn capabilities(&self) -> &'static Capabilities {
        self.store.capabilities()
    }

    /// The file; `None` for a schema of a server.
    pub fn path(&self) -> Option<&Path> {
        self.store.path()
    }

    /// Where it is, for a person: the file, or the URL without the password.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// The name of the file or of the schema, without the way to it.
    pub fn name(&self) -> String {
        self.store.name()
    }

    /// Where the server and the schema are; `None` for a file. Two servers can say the same.
    pub fn server_identity(&self) -> Option<String> {
        self.store.server_identity()
    }

    /// What the server calls itself, which no other does, and the schema; `None` for a file, and where the server has no such name.
    pub fn server_name(&self) -> Option<String> {
        self.store.server_name()
    }

    /// Adds where it is to an error.
    pub fn name_in(&self, error: Error) -> Error {
        match self.path() {
            Some(path) => error.at(path),
            None => error.detail("database", self.place()),
        }
    }

    /// Which engine and where, for documents: members of an object.
    pub fn describe(&self) -> Result<Map<String, Json>> {
        let mut members = Map::from_iter([("engine".to_owned(), json!(self.capabilities().engine))]);
        members.extend(self.store.describe()?);
        Ok(members)
    }

    /// Whether this handle created the tables, or found them without any experiment when it was asked to.
    pub fn was_created(&self) -> bool {
        self.store.was_created()
    }

    /// Whether the path names the database's file, or one that SQLite puts beside it, be it there or not.
    pub fn has_file(&self, path: &Path) -> bool {
        self.store.has_file(path)
    }

    /// Whether both handles are of the same database, by whatever names.
    pub fn is_same_as(&self, other: &Database) -> bool {
        self.store.identity().is_some_and(|here| other.store.identity() == Some(here))
    }
}
