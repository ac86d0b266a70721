//! The database handle: an address, how it may be used, and what is behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::connection::{Connection, Copied, Engine, Reading, Transaction, Watches};
use super::layout::Layout;
#[cfg(feature = "mysql")]
use super::mysql::MysqlServer;
use super::read::EachRow;
use super::secret::Password;
use super::sqlite::SqliteFile;
use super::state::State;
use super::url::Url;
use super::widening::Widening;
use crate::error::{Domain, Error, Result, Status};
use crate::files::occupy_low_descriptors;
use crate::progress::Job;
use crate::schema::{Entity, quote};
use crate::values::Value;

/// How a database may be used.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Refuse everything that writes.
    pub read_only: bool,
    /// Create the file or the schema if it is missing, and the tables of generation 2 in one that is empty.
    pub create: bool,
    /// As `create`, and create the tables also where others stand, which are left alone.
    pub create_beside: bool,
    /// How long to wait for other connections' locks.
    pub busy_timeout: Duration,
    /// Refuse if this process has the file open through another copy of SQLite. For hosts that are not Rust programs.
    pub guard: bool,
    /// The password for a server, instead of one in the URL.
    pub password: Option<Password>,
    /// The longest time for which reading keeps writers of a SQLite file in rollback-journal mode waiting: what takes longer is read from a
    /// private copy. `None` reads in place, for as long as it takes.
    pub max_read_lock: Option<Duration>,
    /// The folder for private copies; `None` for the one where SQLite puts its temporary files.
    pub temp_dir: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            read_only: false,
            create: false,
            create_beside: false,
            busy_timeout: Duration::from_secs(5),
            guard: false,
            password: None,
            max_read_lock: Some(Duration::from_secs(2)),
            temp_dir: None,
        }
    }
}

impl OpenOptions {
    /// Whether what is missing is created.
    pub(super) fn creates(&self) -> bool {
        self.create || self.create_beside
    }
}

/// What is behind a handle.
enum Backend {
    Sqlite(Box<SqliteFile>),
    #[cfg(feature = "mysql")]
    Mysql(Box<MysqlServer>),
}

/// An open database. Reading uses a connection that cannot write; the one that can is opened by the first write.
pub struct Database {
    backend: Backend,
    options: OpenOptions,
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

    /// As [`Database::open`], with progress, and to be cancelled.
    pub fn open_in(url: &str, mut options: OpenOptions, job: &Arc<Job>) -> Result<Database> {
        occupy_low_descriptors();
        job.begin("opening the database")?;
        let url = Url::parse(url)?;
        options.read_only |= matches!(&url, Url::Sqlite(address) if address.read_only);
        if options.creates() && options.read_only {
            return Err(Error::argument(
                Domain::Database,
                "flags",
                "a database cannot be created and read-only at once",
            )
            .hint("give either EXPMIG_OPEN_CREATE or EXPMIG_OPEN_READONLY"));
        }
        let backend = match url {
            Url::Sqlite(address) => Backend::Sqlite(Box::new(SqliteFile::open(address.path, &options)?)),
            #[cfg(feature = "mysql")]
            Url::Mysql(address) => Backend::Mysql(Box::new(MysqlServer::open(*address, &options, job)?)),
        };
        let database = Database { backend, options };
        // A transaction waits for locks; a lone statement would not.
        let reader = database.reader()?;
        let watches = Watches::new(job, [reader, reader]);
        let state = Transaction::read(reader)?;
        database.layout()?;
        database.check_size()?;
        drop(state);
        drop(watches);
        job.finish();
        Ok(database)
    }

    fn check_size(&self) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(file) => file.check_size(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Ok(()),
        }
    }

    /// Whether a URL names a schema of a server.
    pub fn is_on_a_server(url: &str) -> bool {
        Url::is_server(url)
    }

    /// One consistent state, to be read for as long as that takes: writers of a file in rollback-journal mode are not kept waiting.
    pub fn state(&self, reading: Reading, job: &Arc<Job>) -> Result<State<'_>> {
        match &self.backend {
            Backend::Sqlite(file) => Ok(State::of_file(file.state(reading, job)?)),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => {
                let reader = server.reader()?;
                let _watches = Watches::new(job, [reader, reader]);
                Ok(State::of_server(reader, Transaction::read(reader)?))
            }
        }
    }

    /// How long jobs read it, and what that means for those who write: `way`, and what a private copy takes.
    pub fn describe_reading(&self) -> Result<Json> {
        match &self.backend {
            Backend::Sqlite(file) => file.describe_reading(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Ok(json!({"way": "consistent_snapshot"})),
        }
    }

    /// How a job that writes through this connection keeps others waiting: `way`, and where that is one lock for all for how long about, as
    /// `percent` of the time that it took to `read` what it works on; whether readers wait, and whether it looks at every row.
    pub fn describe_writing(&self, connection: &dyn Connection, read: Duration, percent: u64) -> Result<Json> {
        let read = u64::try_from(read.as_millis()).unwrap_or(u64::MAX);
        let writes = !connection.has_other_writers();
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
        match &self.backend {
            Backend::Sqlite(file) => file.lets_readers_in(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Ok(true),
        }
    }

    /// Reads something short of one consistent state; twice, if it takes longer than writers may be kept waiting.
    pub fn read_briefly<T>(&self, job: &Arc<Job>, read: impl Fn(&dyn Connection) -> Result<T>) -> Result<T> {
        match &self.backend {
            Backend::Sqlite(file) => {
                let reader = file.reader()?;
                let _watches = Watches::new(job, [reader, reader]);
                if let Some(done) = file.attempt(|reader| read(reader))? {
                    return Ok(done);
                }
            }
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => {}
        }
        let state = self.state(Reading::Beside, job)?;
        let _watches = Watches::new(job, [state.connection(), state.connection()]);
        read(state.connection())
    }

    /// The connection for reading.
    pub fn reader(&self) -> Result<&dyn Connection> {
        match &self.backend {
            Backend::Sqlite(file) => Ok(file.reader()?),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.reader(),
        }
    }

    /// The connection for writing. Opening it may have to wait for a lock, which ticks the job.
    pub fn writer(&self, job: &Arc<Job>) -> Result<&dyn Connection> {
        self.refuse_read_only(Domain::Database)?;
        match &self.backend {
            Backend::Sqlite(file) => file.writer(job),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.writer(job),
        }
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
        match &self.backend {
            Backend::Sqlite(file) => file.check_file(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Ok(()),
        }
    }

    /// Replaces everything in the database by what is in the SQLite file at `from`, a copy that [`Connection::copy_into`] made. One
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
        match &self.backend {
            Backend::Sqlite(file) => file.replace_content(from, keep, job, copied),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => {
                Err(Error::internal(Domain::Snapshot, "a server's content is replaced row by row, not by a file"))
            }
        }
    }

    /// What would make the tables hold everything that expmig can; done, if that is asked for. A SQLite file holds everything.
    pub fn widen(&self, apply: bool, job: &Arc<Job>) -> Result<Widening> {
        if apply {
            self.refuse_read_only(Domain::Database)?;
        }
        match &self.backend {
            Backend::Sqlite(file) => {
                job.check()?;
                file.check_file()?;
                Ok(Widening::default())
            }
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.widen(apply, job),
        }
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

    /// Runs one SELECT with bound parameters, and hands over row after row. Whatever the SQL, it can only read: anything else is MISUSE.
    pub fn query(&self, sql: &str, params: &[Value], each: EachRow<'_>) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(file) => file.query(sql, params, each),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.reader()?.prepare_read(sql)?.run(params, each),
        }
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        match &self.backend {
            Backend::Sqlite(_) => Engine::Sqlite,
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Engine::Mysql,
        }
    }

    /// The file; `None` for a schema of a server.
    pub fn path(&self) -> Option<&Path> {
        match &self.backend {
            Backend::Sqlite(file) => Some(file.path()),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => None,
        }
    }

    /// Where it is, for a person: the file, or the URL without the password.
    pub fn place(&self) -> String {
        match &self.backend {
            Backend::Sqlite(file) => file.path().display().to_string(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.place(),
        }
    }

    /// The name of the file or of the schema, without the way to it.
    pub fn name(&self) -> String {
        match &self.backend {
            Backend::Sqlite(file) => file.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.name().to_owned(),
        }
    }

    /// Where the server and the schema are; `None` for a file. Two servers can say the same.
    pub fn server_identity(&self) -> Option<String> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.identity(),
        }
    }

    /// What the server calls itself, which no other does, and the schema; `None` for a file, and where the server has no such name.
    pub fn server_name(&self) -> Option<String> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.unique_name(),
        }
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
        let mut members = Map::from_iter([("engine".to_owned(), json!(self.engine().name()))]);
        match &self.backend {
            Backend::Sqlite(file) => drop(members.insert("path".to_owned(), json!(file.path().to_string_lossy()))),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => {
                members.insert("url".to_owned(), json!(server.place()));
                members.insert("server".to_owned(), server.info()?);
            }
        }
        Ok(members)
    }

    /// Whether this handle created the tables, or found them without any experiment when it was asked to.
    pub fn was_created(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(file) => file.was_created(),
            #[cfg(feature = "mysql")]
            Backend::Mysql(server) => server.was_created(),
        }
    }

    /// Whether the path names the database's file, or one that SQLite puts beside it, be it there or not.
    pub fn has_file(&self, path: &Path) -> bool {
        match &self.backend {
            Backend::Sqlite(file) => file.has_file(path),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => false,
        }
    }

    /// Whether both handles are of the same database, by whatever names.
    pub fn is_same_as(&self, other: &Database) -> bool {
        match (&self.backend, &other.backend) {
            (Backend::Sqlite(here), Backend::Sqlite(there)) => here.is_same_as(there),
            #[cfg(feature = "mysql")]
            (Backend::Mysql(here), Backend::Mysql(there)) => here.is_same_as(there),
            #[cfg(feature = "mysql")]
            _ => false,
        }
    }
}

/// Whether the tables are there and hold no experiment.
pub(super) fn has_no_experiment(connection: &dyn Connection, layout: &Layout) -> Result<bool> {
    let Ok(experiments) = layout.entity(Entity::Experiment) else { return Ok(false) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quote(&experiments.name));
    Ok(connection.query_integer(&sql, &[])? == Some(0))
}
