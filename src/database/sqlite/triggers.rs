//! Whether writing to a table fires triggers.

use super::connection::SqliteConnection;
use crate::database::layout::TableLayout;
use crate::error::Result;

/// Whether any table has a trigger.
pub fn has_any(connection: &SqliteConnection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger')";
    connection.inner.query_row(sql, [], |row| row.get(0)).map_err(|error| connection.wrap(error))
}

/// Whether the table has a trigger.
pub fn has(connection: &SqliteConnection, table: &TableLayout) -> Result<bool> {
    connection
        .inner
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
            [&table.name],
            |row| row.get::<_, i64>(0),
        )
        .map(|count| count > 0)
        .map_err(|error| connection.wrap(error))
}
