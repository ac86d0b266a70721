//! How a column converts a value, which an in-memory database of SQLite decides.

use super::cell::{Cell, from_sqlite};
use super::connection::SqliteConnection;
use crate::database::affinity::Affinity;
use crate::database::column::{ColumnLayout, Storage};
use crate::error::{Domain, Error, Result};
use crate::values::{Value, ValueRef};

/// What is read back if a value is stored; `None` if the column refuses it.
pub fn stored_as(connection: &SqliteConnection, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
    if column.certainly_keeps(value) {
        return Ok(Some(value.to_owned()));
    }
    // Asking SQLite itself is the one sure way to know how it converts. The declared type is somebody else's text, so
    // only what it means goes into the statement.
    let (affinity, table, strict) = match &column.storage {
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
    let mut probe = connection.probe.borrow_mut();
    let probe = match probe.as_ref() {
        Some(open) => open,
        None => probe.insert(rusqlite::Connection::open_in_memory().map_err(|error| connection.wrap(error))?),
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
        stored => stored.map(Some).map_err(|error| connection.wrap(error)),
    }
}
