//! Removes `-wal` and `-shm`, the files beside a database in WAL mode, if reading created them.
//!
//! SQLite does not remove them when a read-only connection closes. It does when a connection that may write closes as the last one.

use std::path::Path;
use std::time::Duration;

use super::connection::{Access, SqliteConnection};
use crate::database::guard;
use crate::database::one_file::OneFile;
use crate::database::still::beside;
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
        guard::note_log(file.id(), true);
    }
    opened
}

/// Removes what was made, if nobody has the database open and nobody has written anything into the log. Called when a handle has closed
/// its connections. `check` looks for another copy of SQLite in this process first.
pub fn tidy(path: &Path, file: &OneFile, check: bool) {
    if !guard::made_log(file.id()) || file.check().is_err() {
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
        guard::note_log(file.id(), false);
    }
}
