//! Copies of a whole SQLite database, by SQLite's online backup: from a database that is in use, and back into it.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{OpenFlags, ffi};

use super::backup_pages::{PAGES_PER_STEP, pages};
use super::connection::SqliteConnection;
use super::copy_pace::{Hold, Pace};
use super::failure::{of_commit, translate, undecided};
use super::id_counters::{Content, Counters};
use crate::database::connection::Copied;
use crate::database::transaction::Transaction;
use crate::error::{Domain, Error, Result, Status};

/// How often somebody may commit in the gap between what is kept and what is overwritten.
const MOST_GAPS: u32 = 5;
/// A copy is written in pages of the largest size, whatever the size of its own: fewer calls of the system. The first page fixes it.
const WRITE_PRAGMAS: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -2048; PRAGMA page_size = 65536; PRAGMA user_version = 1";
/// Where the header of a file says which journal its readers and writers use, and what stands for a rollback journal.
const JOURNAL_VERSIONS: (u64, [u8; 2]) = (18, [1, 1]);

/// What a journal begins with as long as it counts.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Whether readers and writers are in nobody's way.
pub fn in_wal_mode(connection: &SqliteConnection) -> Result<bool> {
    let mode: String = connection.waiting(|inner| inner.query_row("PRAGMA journal_mode", [], |row| row.get(0)))?;
    Ok(mode == "wal")
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)
}

/// Codes that only the file being written can raise.
pub fn of_writing(error: &rusqlite::Error) -> bool {
    const CODES: [i32; 5] = [
        ffi::SQLITE_FULL,
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_DELETE,
    ];
    error.sqlite_error().is_some_and(|failure| CODES.contains(&failure.extended_code))
}

/// Writes one consistent state into the file at `into`, which is ours and empty. Does not flush it.
pub fn copy_out(source: &SqliteConnection, into: &Path, copied: Copied<'_>) -> Result<()> {
    let at_target = |error| translate(error, into);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = rusqlite::Connection::open_with_flags(into, flags).map_err(at_target)?;
    target.execute_batch(WRITE_PRAGMAS).map_err(at_target)?;
    copy_pages(source, (&mut target, &at_target), copied)?;
    target.close().map_err(|(_, error)| at_target(error))?;
    use_rollback_journal(into)
}

/// An empty database that a copy is written into, and how its errors are told.
pub type CopyTarget<'t> = (&'t mut rusqlite::Connection, &'t dyn Fn(rusqlite::Error) -> Error);

/// Writes one consistent state into another database. Returns how often somebody's commit made it begin again.
///
/// With a write-ahead log, reading keeps nobody from writing. With a rollback journal writers cannot commit while a step is made, nor
/// between two steps of a copy that is made in one hold; so they first get their turn between the steps, and no hold is longer than
/// the connection's limit. While it lasts `copied` is not called: nobody knows how long that takes.
pub fn copy_pages(source: &SqliteConnection, (target, at_target): CopyTarget<'_>, copied: Copied<'_>) -> Result<u32> {
    let wal = in_wal_mode(source)?;
    let mut held = if wal { Some(Transaction::read(source)?) } else { None };
    let mut pace = Pace::new(source.waits.read_limit);
    let backup = Backup::new(&source.inner, target).map_err(at_target)?;
    let mut since = Instant::now();
    loop {
        let began = Instant::now();
        match backup.step(PAGES_PER_STEP) {
            Ok(StepResult::Done) => break,
            Ok(StepResult::More) => {
                let (done, total) = pages(&backup);
                since = Instant::now();
                pace.step(done, total, (PAGES_PER_STEP.unsigned_abs().into(), began.elapsed()));
                if !wal {
                    match pace.next().map_err(|error| source.waits.name_in(error))? {
                        Hold::Begin => held = Some(Transaction::read(source)?),
                        Hold::End => held = None,
                        Hold::AsItIs => {}
                    }
                }
                if wal || held.is_none() || source.waits.read_limit.is_none() {
                    copied(done, total)?;
                }
            }
            Ok(_) => source.waits.pause(since, busy())?,
            Err(error) if of_writing(&error) => return Err(at_target(error)),
            Err(error) => return Err(source.wrap(error)),
        }
    }
    let (_, total) = pages(&backup);
    pace.step(total, total, (0, Duration::ZERO));
    drop(backup);
    drop(held);
    copied(total, total)?;
    Ok(pace.restarts())
}

/// Makes a copy a plain file, to be opened without a write-ahead log, as `PRAGMA journal_mode = DELETE` would.
fn use_rollback_journal(path: &Path) -> Result<()> {
    let (offset, versions) = JOURNAL_VERSIONS;
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.write_all_at(&versions, offset))
        .map_err(|error| Error::from_io(Domain::Database, "the copy cannot be written", path, &error))
}

/// Replaces everything in `target` by what is in `source`, in one transaction of the target; only its counters of AUTOINCREMENT are kept
/// where they are higher. `keep`, if there is one, is called when nobody but us can change the target any more, and again if somebody
/// did all the same; `reader` is another connection to the target.
pub fn replace(
    target: &mut SqliteConnection,
    source: &SqliteConnection,
    reader: &SqliteConnection,
    mut keep: Option<&mut dyn FnMut() -> Result<()>>,
    copied: Copied<'_>,
) -> Result<()> {
    let wal = in_wal_mode(target)?;
    if wal {
        same_page_size(target, source)?;
    }
    let mut content = Content::new(source)?;
    // What takes long, before others have to wait for it.
    content.raise(counters(target)?, copied)?;
    for _ in 0..MOST_GAPS {
        let held = if wal { Some(Transaction::write(target)?) } else { None };
        let version = match &held {
            Some(_) => Some(data_version(reader)?),
            None => {
                lock_out_writers(target)?;
                None
            }
        };
        if let Some(keep) = keep.as_mut() {
            keep()?;
        }
        content.raise(counters(target)?, copied)?;
        // With a write-ahead log a lock cannot be kept from one transaction to the next.
        drop(held);
        let unchanged = || match version {
            Some(version) => Ok(data_version(reader)? == version),
            None => Ok(true),
        };
        if overwrite(target, content.source(), &unchanged, copied)? {
            tidy_up(target, wal);
            return Ok(());
        }
    }
    Err(target.wrap(busy()).hint("others commit all the time; try again when there is less to do"))
}

/// A number that changes when another connection commits.
fn data_version(connection: &SqliteConnection) -> Result<i64> {
    connection.waiting(|inner| inner.query_row("PRAGMA data_version", [], |row| row.get(0)))
}

/// The counters of AUTOINCREMENT, inside the transaction that is running or in one of its own. A database that is so damaged that it
/// cannot say them has to be restored all the same.
fn counters(target: &SqliteConnection) -> Result<Option<Counters>> {
    let _state = if target.inner.is_autocommit() { Some(Transaction::read(target)?) } else { None };
    match Counters::of(target) {
        Err(error) if error.status() == Status::Corrupt => Ok(None),
        counters => counters,
    }
}

/// In exclusive mode a lock outlives its transaction. This one lets others read; committing would take the one that does not.
fn lock_out_writers(target: &SqliteConnection) -> Result<()> {
    target.waiting(|inner| inner.execute_batch("PRAGMA locking_mode = EXCLUSIVE"))?;
    drop(Transaction::write(target)?);
    Ok(())
}

/// A number that becomes another when everything is replaced.
fn schema_version(connection: &SqliteConnection) -> Result<i64> {
    connection.waiting(|inner| inner.query_row("PRAGMA schema_version", [], |row| row.get(0)))
}

/// Whether it was done: not if `unchanged`, asked when the target is locked, says no.
fn overwrite(
    target: &mut SqliteConnection,
    source: &rusqlite::Connection,
    unchanged: &dyn Fn() -> Result<bool>,
    copied: Copied<'_>,
) -> Result<bool> {
    // A damaged database need not have one.
    let before = schema_version(target);
    let done = write_over(target, source, unchanged, copied);
    // In exclusive mode what makes the commit is a write into the journal, which can fail when it has happened.
    match done {
        Err(error) if error.status() == Status::Io && !error.is_undecided() => match (before, schema_version(target)) {
            (Ok(before), Ok(now)) if before == now => Err(error),
            // What cannot be taken back now is taken back by the next who opens it.
            (_, Err(_)) if has_journal(target) => Err(error),
            _ => Err(undecided(error)),
        },
        done => done,
    }
}

/// Whether there is a journal from which everything can be taken back.
fn has_journal(target: &SqliteConnection) -> bool {
    let mut path = target.waits.path.clone().into_os_string();
    path.push("-journal");
    let mut start = [0; JOURNAL_MAGIC.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == JOURNAL_MAGIC
}

fn write_over(
    target: &mut SqliteConnection,
    source: &rusqlite::Connection,
    unchanged: &dyn Fn() -> Result<bool>,
    copied: Copied<'_>,
) -> Result<bool> {
    let waits = target.waits.clone();
    let backup = Backup::new(source, &mut target.inner).map_err(|error| waits.wrap(error))?;
    let since = Instant::now();
    // The first step copies nothing, but locks. Dropping the backup before its last step undoes it.
    let mut step = 0;
    loop {
        // The last step commits.
        waits.check_file()?;
        match backup.step(step).map_err(|error| of_commit(waits.wrap(error)))? {
            StepResult::Done => break,
            StepResult::More if step == 0 => {
                if !unchanged()? {
                    return Ok(false);
                }
                step = PAGES_PER_STEP;
            }
            StepResult::More => {
                let (done, total) = pages(&backup);
                copied(done, total)?;
            }
            _ => waits.pause(since, busy())?,
        }
    }
    let (_, total) = pages(&backup);
    drop(backup);
    // It is committed: stopping comes too late.
    let _too_late = copied(total, total);
    Ok(true)
}

fn same_page_size(target: &SqliteConnection, source: &SqliteConnection) -> Result<()> {
    let size = |connection: &SqliteConnection| -> Result<i64> {
        connection.waiting(|inner| inner.query_row("PRAGMA page_size", [], |row| row.get(0)))
    };
    let (there, here) = (size(target)?, size(source)?);
    if there == here {
        return Ok(());
    }
    let message = format!("pages of {here} bytes cannot replace pages of {there} bytes in a database in WAL mode");
    Err(Error::new(Status::Unsupported, Domain::Database, message)
        .at(&target.waits.path)
        .hint("run PRAGMA journal_mode = DELETE on it, do this again, then PRAGMA journal_mode = WAL"))
}

/// Everything is committed. What is left over would only be in the way of others: a long log, or a journal that the exclusive mode
/// has kept. If this fails, the next connection does it.
fn tidy_up(target: &SqliteConnection, wal: bool) {
    let statements =
        if wal { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA locking_mode = NORMAL; BEGIN IMMEDIATE; COMMIT" };
    let _later = target.inner.execute_batch(statements);
}
