//! Files that hold a copy of a database: those of snapshots.

use std::path::Path;
use std::time::Duration;

use super::connection::{Access, SqliteConnection};
use crate::database::connection::Connection;
use crate::error::Result;

/// Opens one that nobody changes.
pub fn open_immutable(path: &Path) -> Result<SqliteConnection> {
    SqliteConnection::open(path, Access::Immutable, Duration::ZERO, false, None)
}

/// Opens an empty file that is nobody else's, to write a copy of another database into it, which is thrown away if that does not succeed.
pub fn create_copy(path: &Path) -> Result<Box<dyn Connection>> {
    let connection = SqliteConnection::open(path, Access::Write, Duration::ZERO, false, None)?;
    connection.waiting(|inner| inner.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"))?;
    Ok(Box::new(connection))
}

/// Opens a copy that [`Reads::copy_into`](crate::database::Reads::copy_into) made. Nobody may change it meanwhile.
pub fn open_copy(path: &Path) -> Result<Box<dyn Connection>> {
    Ok(Box::new(open_immutable(path)?))
}
