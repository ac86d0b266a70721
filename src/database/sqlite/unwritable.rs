//! Reads a database in WAL mode where SQLite cannot: on a read-only medium, or in a folder of another user.
//!
//! Readers of such a database share two files beside it, `-wal` and `-shm`. If they are missing and cannot be created, SQLite cannot open the
//! database. If they can be created although the database cannot be written, its owner could not write to them. At each moment the database and the
//! log together are one state, as after a crash. So both are copied, with a check before and after that nothing changed, and SQLite recovers the copy.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, ffi};
use rustix::fs::Access;

use super::failure::translate;
use super::private_copy::{free_bytes, no_room};
use super::process_guard;
use super::still::{Still, TICK, beside};
use crate::error::{Domain, Error, Result, Status};
use crate::files::{NewFile, hidden_name, remove};

/// Where the header of a file says which journal its readers and writers use, and what stands for a write-ahead log.
const LOG_VERSIONS: (u64, [u8; 2]) = (18, [2, 2]);
/// The log goes into the copy, which is ours alone and is never written to again.
const TAKE_IN: &str = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF";

/// Whether reading in place would leave files beside the database that those who may write to it could not use.
pub fn would_leave_files(path: &Path) -> bool {
    let all_there = ["-wal", "-shm"].iter().all(|suffix| beside(path, suffix).exists());
    !all_there && !may_write(path) && is_in_wal_mode(path)
}

/// Whether SQLite failed because the files beside a database in WAL mode are missing, or can only be read, and not for want of space.
pub fn lacks_files(error: &Error, path: &Path) -> bool {
    let primary = error.vendor_code().map(|code| code & 0xff);
    let folder = path.parent().unwrap_or(path);
    matches!(primary, Some(ffi::SQLITE_CANTOPEN | ffi::SQLITE_READONLY))
        && !(may_write(path) && may_write(folder))
        && is_in_wal_mode(path)
}

fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

/// What somebody else can do about it.
fn ways_out(path: &Path) -> String {
    let quoted = path.display().to_string().replace('\'', "'\\''");
    format!(
        "copy the file and its -wal, if there is one, together into a folder of your own while nobody writes, and open the copy; or let \
         its owner run this in a shell, when no program has it open: sqlite3 '{quoted}' 'PRAGMA journal_mode=DELETE'"
    )
}

/// Whether the header says so. Nothing is opened that this process has open: closing it would drop its locks.
fn is_in_wal_mode(path: &Path) -> bool {
    let (offset, versions) = LOG_VERSIONS;
    let mut found = [0; 2];
    !process_guard::is_open_here(path)
        && File::open(path).is_ok_and(|file| file.read_exact_at(&mut found, offset).is_ok())
        && found == versions
}

/// A copy of the database in `folder`, without a name any more, with what the log has; and of which state it is. Tries for as long as
/// somebody writes, and no longer than `patience`.
pub fn copy(path: &Path, folder: &Path, patience: Duration) -> Result<(Connection, Still)> {
    make(path, folder, patience).map_err(|cause| {
        let message = format!(
            "the database is in WAL mode and can only be read here: SQLite's files beside it cannot be made, and a copy cannot be \
             made either: {}",
            cause.message()
        );
        let hint = match cause.status() {
            Status::Busy => "try again when nobody writes to it".to_owned(),
            _ => cause.hint_text().map_or_else(|| ways_out(path), str::to_owned),
        };
        Error::new(cause.status(), Domain::Database, message).at(path).hint(hint).caused_by(cause)
    })
}

fn make(path: &Path, folder: &Path, patience: Duration) -> Result<(Connection, Still)> {
    let since = Instant::now();
    loop {
        let before = Still::look(path)?;
        if before.is_recent() {
            std::thread::sleep(TICK);
        }
        if before == Still::look(path)? {
            let copy = Copy::of(path, folder, &before)?;
            if before == Still::look(path)? {
                return Ok((copy.open(path)?, before));
            }
        }
        if since.elapsed() >= patience {
            return Err(Error::new(Status::Busy, Domain::Database, "somebody is writing to it")
                .at(path)
                .detail("busy_timeout_ms", patience.as_millis()));
        }
    }
}

/// Files that have no names yet.
struct Copy {
    name: PathBuf,
    database: NewFile,
    log: Option<NewFile>,
}

impl Copy {
    fn of(path: &Path, folder: &Path, still: &Still) -> Result<Copy> {
        let room = format!("name a folder with more room (temp_dir, or the variable TMPDIR); or {}", ways_out(path));
        let bytes = still.size();
        if free_bytes(folder).is_some_and(|free| free < bytes) {
            return Err(no_room(folder, path, bytes, room));
        }
        let name = hidden_name(&folder.join("copy"));
        let copied =
            |suffix: &str| -> Result<NewFile> {
                let (from, to) = (beside(path, suffix), beside(&name, suffix));
                let mut file = NewFile::create(Domain::Database, &to, 0o600)?;
                match file.copy(&from) {
                    Ok(()) => Ok(file),
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                        Err(no_room(folder, path, bytes, room.clone()))
                    }
                    Err(error) => Err(Error::from_io(Domain::Database, "the file cannot be copied", &from, &error)
                        .hint(ways_out(path))),
                }
            };
        let (database, log) = (copied("")?, still.has_log().then(|| copied("-wal")).transpose()?);
        Ok(Copy { name, database, log })
    }

    fn open(self, path: &Path) -> Result<Connection> {
        let Copy { name, database, log } = self;
        let opened = database.name(false).and_then(|()| log.map_or(Ok(()), |log| log.name(false))).and_then(|()| {
            let open = || -> rusqlite::Result<Connection> {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&name, flags)?;
                connection.execute_batch(TAKE_IN)?;
                Ok(connection)
            };
            open().map_err(|error| translate(error, path))
        });
        // From here on only the connection knows it. SQLite leaves its journal, and the log if it failed.
        for suffix in ["", "-wal", "-shm", "-journal"] {
            remove(Domain::Database, &beside(&name, suffix))?;
        }
        opened
    }
}
