//! Removes `-wal` and `-shm`, the files beside a database in WAL mode, if reading created them.
//!
//! SQLite does not remove them when a read-only connection closes. It does when a connection that may write closes as the last one.

use std::path::Path;
use std::time::Duration;

use super::connection::{Access, SqliteConnection};
use super::one_file::OneFile;
use super::process_guard;
use super::still::beside;
use crate::database::transaction::Transaction;
use crate::error::Result;

/// Runs `open`, which opens the file for reading, and remembers whether that made a log.
pub fn remembering<T>(path: &Path, file: Option<&OneFile>, open: impl FnOnce() -> T) -> T {
    let log = beside(path, "-wal");
    let before = log.exists();
    let opened = open();
    if !before
        && log.exists()
        && let Some(file) = file
    {
        process_guard::note_log(file.id(), true);
    }
    opened
}

/// Removes what was made, if nobody has the database open and nobody has written anything into the log. Called when a handle has closed
/// its connections. `check` looks for another copy of SQLite in this process first.
pub fn tidy(path: &Path, file: &OneFile, check: bool) {
    if !process_guard::made_log(file.id()) || file.check().is_err() {
        return;
    }
    let log = beside(path, "-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() == 0) {
        let close = || -> Result<()> {
            let connection = SqliteConnection::open(path, Access::Write, Duration::ZERO, check, None)?;
            // Only who has read something takes part in the log.
            drop(Transaction::read(&connection)?);
            Ok(())
        };
        // If it fails, somebody else is at it, who removes them.
        let _stay = close();
    }
    if !log.exists() {
        process_guard::note_log(file.id(), false);
    }
}
