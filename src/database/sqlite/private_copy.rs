//! A private copy of a SQLite file, for reading one state of it for any length of time.
//!
//! A reader of a database in rollback-journal mode blocks its writers' commits, and they give up after a while. So the file is copied, which takes
//! a fraction of the time of any job, and the copy is read. Only this process can open the copy, and it has no name in any folder. It is gone when it
//! is closed, or when the process ends.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::OpenFlags;

use super::connection::SqliteConnection;
use super::copy::{copy_pages, in_wal_mode, of_writing};
use super::failure::translate;
use crate::error::{Domain, Error, Result, Status};
use crate::files::{create_new, hidden_name, remove};
use crate::progress::Job;
use crate::threads;

/// Nothing of a copy is worth more than reading it once: no journal, no flushing, no lock for others.
const COPY_PRAGMAS: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE";
/// Copying touches each page once: what is kept of them is memory that the thread has to get from the system, page by page.
const SMALL_CACHE: &str = "PRAGMA cache_size = -256";

/// How many bytes the file system of a folder can still take; `None` where that cannot be known.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The size of the database, as its header says, and so of its copy.
pub fn size_of(source: &SqliteConnection) -> Result<u64> {
    let number = |pragma: &str| -> Result<u64> {
        let sql = format!("PRAGMA {pragma}");
        let found: i64 = source.waiting(|inner| inner.query_row(&sql, [], |row| row.get(0)))?;
        Ok(u64::try_from(found).unwrap_or(0))
    };
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}

/// Whether reading keeps writers waiting, so that it has to end or to go on with a copy.
pub fn is_needed(source: &SqliteConnection) -> Result<bool> {
    Ok(source.waits.read_limit.is_some() && !in_wal_mode(source)?)
}

/// An empty copy, which has no name any more.
pub struct Empty {
    inner: rusqlite::Connection,
    /// For messages.
    folder: PathBuf,
    database: PathBuf,
    bytes: u64,
}

impl Empty {
    /// Fails if the folder has no room for a copy of `source`.
    pub fn create(source: &SqliteConnection, folder: &Path) -> Result<Empty> {
        let bytes = size_of(source)?;
        let database = source.waits.path.clone();
        if free_bytes(folder).is_some_and(|free| free < bytes) {
            return Err(no_room(folder, &database, bytes, ways_out(MORE_ROOM)));
        }
        let path = hidden_name(&folder.join("copy"));
        let cannot = |error: &std::io::Error| {
            let what = "a private copy of the database cannot be created";
            match Error::of_descriptors(Domain::Database, what, error) {
                Some(named) => named.at(folder),
                None => Error::from_io(Domain::Database, what, folder, error).hint(ways_out("another folder")),
            }
            .detail("database", database.display())
        };
        drop(create_new(&path).map_err(|error| cannot(&error))?);
        let open = || -> rusqlite::Result<rusqlite::Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let inner = rusqlite::Connection::open_with_flags(&path, flags)?;
            inner.execute_batch(COPY_PRAGMAS)?;
            inner.execute_batch(SMALL_CACHE)?;
            Ok(inner)
        };
        let opened = open().map_err(|error| translate(error, &path));
        // From here on only the connection knows it.
        remove(Domain::Database, &path)?;
        Ok(Empty { inner: opened?, folder: folder.to_owned(), database, bytes })
    }

    /// Copies one state. Also returns how often somebody's commit made it begin again.
    pub fn fill(
        self,
        source: &SqliteConnection,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<(SqliteConnection, u32)> {
        let Empty { mut inner, folder, database, bytes } = self;
        let failed = |error: rusqlite::Error| match of_writing(&error) {
            true => no_room(&folder, &database, bytes, ways_out(MORE_ROOM)).caused_by(translate(error, &folder)),
            false => translate(error, &folder),
        };
        let restarts = copy_pages(source, (&mut inner, &failed), &mut |_, _| go_on())?;
        Ok((SqliteConnection::of_copy(inner, source.waits.path.clone(), None)?, restarts))
    }
}

const MORE_ROOM: &str = "a folder with more room";

/// There is no room for a private copy.
pub fn no_room(folder: &Path, database: &Path, bytes: u64, hint: String) -> Error {
    let message = format!(
        "a private copy of the database, of {bytes} bytes, cannot be written in {}: there is no room, or a limit on the size of files",
        folder.display()
    );
    let error = Error::new(Status::Io, Domain::Database, message)
        .detail("path", folder.display())
        .detail("needed_bytes", bytes)
        .detail("database", database.display());
    let error = match free_bytes(folder) {
        Some(free) => error.detail("free_bytes", free),
        None => error,
    };
    error.hint(hint)
}

fn ways_out(folder: &str) -> String {
    format!(
        "name {folder} (temp_dir, or the variable TMPDIR); or put the database into WAL mode, which needs no copy; or set \
         max_read_lock_ms to 0, which reads in place and keeps those who write waiting until the call is done"
    )
}

/// What the thread gives back: the copy, how often somebody's commit made it begin again, and the connection that read the file.
type Made = (Result<(SqliteConnection, u32)>, SqliteConnection);

/// A copy that is being made on a thread of its own, while its source is read.
pub struct Making<'f> {
    thread: Option<JoinHandle<Made>>,
    begun: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    spare: &'f Spare,
}

/// The connection for such threads, kept for the next: closing one could drop locks that another copy of SQLite in this process holds.
#[derive(Default)]
pub struct Spare(Cell<Option<SqliteConnection>>);

impl Spare {
    /// The connection, if there is one.
    pub fn take(&self) -> Option<SqliteConnection> {
        self.0.take()
    }
}

impl<'f> Making<'f> {
    /// Begins. `connect` opens a connection to the file, if there is none to spare.
    pub fn start(empty: Empty, spare: &'f Spare, connect: &dyn Fn() -> Result<SqliteConnection>) -> Result<Making<'f>> {
        let source = match spare.take() {
            Some(source) => source,
            None => connect()?,
        };
        source.waiting(|inner| inner.execute_batch(SMALL_CACHE))?;
        let (begun, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (began, stopped) = (Arc::clone(&begun), Arc::clone(&stop));
        let make = move || {
            let made = empty.fill(&source, &mut || {
                began.store(true, Ordering::Release);
                match stopped.load(Ordering::Relaxed) {
                    true => Err(Error::new(Status::Cancelled, Domain::Database, "the copy is not wanted any more")),
                    false => Ok(()),
                }
            });
            source.shrink();
            (made, source)
        };
        let spawned = threads::spawn("expmig-copy", make);
        let thread = spawned.map_err(|error| {
            Error::new(Status::Limit, Domain::Database, format!("no thread can be started: {error}"))
                .hint("raise the limit on processes and threads")
        })?;
        Ok(Making { thread: Some(thread), begun, stop, spare })
    }

    /// Whether it is done, or failed.
    pub fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether the state that it copies is fixed, as long as nobody commits.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire) || self.is_done()
    }

    /// Waits for its end, as long as the job is not stopped.
    pub fn finish(mut self, job: Option<&Job>) -> Result<(SqliteConnection, u32)> {
        while !self.is_done() {
            job.map_or(Ok(()), Job::check)?;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let lost = || Error::internal(Domain::Database, "the thread that copies the database is lost");
        self.join().ok_or_else(lost)?
    }

    fn join(&mut self) -> Option<Result<(SqliteConnection, u32)>> {
        let (made, source) = self.thread.take()?.join().ok()?;
        self.spare.0.set(Some(source));
        Some(made)
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends after its step, and what it has made goes with it.
        let _unwanted = self.join();
    }
}
