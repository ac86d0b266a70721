//! Several queries at once, each read as far as the reader likes.

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Rows, Statement};

use super::connection::{Cursor, Query, Row, WithCursors};
use super::sqlite::{SqliteConnection, from_sqlite};
use crate::error::{Domain, Error, Result};
use crate::schema::ValueRef;

struct SqliteCursor<'c, 's> {
    connection: &'c SqliteConnection,
    rows: Rows<'s>,
}

impl Row for SqliteCursor<'_, '_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        let internal = |message: String| Error::internal(Domain::Database, format!("SQLite: {message}"));
        let Some(row) = self.rows.get() else { return Err(internal("a cell of no row".to_owned())) };
        row.get_ref(index).map(from_sqlite).map_err(|error| internal(error.to_string()))
    }
}

impl Cursor for SqliteCursor<'_, '_> {
    fn advance(&mut self) -> Result<bool> {
        self.rows.advance().map_err(|error| self.connection.wrap(error))?;
        Ok(self.rows.get().is_some())
    }
}

/// Hands over a cursor for each query.
pub fn read_together(connection: &SqliteConnection, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
    let prepare = |query: &Query| -> rusqlite::Result<Statement<'_>> {
        let mut statement = connection.inner.prepare(&query.sql)?;
        SqliteConnection::bind(&mut statement, &query.params)?;
        Ok(statement)
    };
    let mut statements: Vec<Statement<'_>> =
        queries.iter().map(prepare).collect::<rusqlite::Result<_>>().map_err(|error| connection.wrap(error))?;
    let cursor = |statement| Box::new(SqliteCursor { connection, rows: Statement::raw_query(statement) });
    body(statements.iter_mut().map(|statement| cursor(statement) as Box<dyn Cursor + '_>).collect())
}
