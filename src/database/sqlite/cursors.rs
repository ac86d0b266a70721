//! Several queries at the same time, each read at its own pace.

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Rows, Statement};

use super::cell::{all_cells, cell};
use super::connection::{READ_CACHE_KIB, SqliteConnection};
use crate::database::rows::{Cursor, Query, Row, WithCursors};
use crate::error::{Domain, Error, Result};
use crate::values::ValueRef;

struct SqliteCursor<'c, 's> {
    connection: &'c SqliteConnection,
    rows: Rows<'s>,
}

impl SqliteCursor<'_, '_> {
    fn row(&self) -> Result<&rusqlite::Row<'_>> {
        self.rows.get().ok_or_else(|| Error::internal(Domain::Database, "SQLite: a cell of no row"))
    }
}

impl Row for SqliteCursor<'_, '_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        cell(self.row()?, index)
    }

    fn values<'r>(&'r self, cells: &mut [ValueRef<'r>]) -> Result<()> {
        all_cells(self.row()?, cells)
    }
}

impl Cursor for SqliteCursor<'_, '_> {
    fn advance(&mut self) -> Result<bool> {
        self.rows.advance().map_err(|error| self.connection.wrap(error))?;
        Ok(self.rows.get().is_some())
    }
}

/// A sort takes as much memory as the page cache has, and keeps it. More sorts than this have to do with less.
const SORTS_AT_FULL_SIZE: usize = 2;

/// A smaller page cache, until it is dropped.
struct SmallCache<'c>(&'c SqliteConnection);

impl<'c> SmallCache<'c> {
    fn new(connection: &'c SqliteConnection) -> Result<SmallCache<'c>> {
        SmallCache::set(connection, READ_CACHE_KIB / 2).map_err(|error| connection.wrap(error))?;
        Ok(SmallCache(connection))
    }

    fn set(connection: &SqliteConnection, kib: i32) -> rusqlite::Result<()> {
        connection.inner.execute_batch(&format!("PRAGMA cache_size = -{kib}"))
    }
}

impl Drop for SmallCache<'_> {
    fn drop(&mut self) {
        // If this fails, reading is slower and takes less memory.
        let _smaller = SmallCache::set(self.0, READ_CACHE_KIB);
    }
}

/// Hands over a cursor for each query.
pub fn read_together(connection: &SqliteConnection, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
    let sorts = queries.iter().filter(|query| query.sorts).count();
    let _cache = if sorts > SORTS_AT_FULL_SIZE { Some(SmallCache::new(connection)?) } else { None };
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
