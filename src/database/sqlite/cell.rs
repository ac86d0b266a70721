//! Converts values to SQLite's, and back.

use rusqlite::types;

use crate::database::rows::Row;
use crate::error::{Domain, Error, Result};
use crate::values::ValueRef;

/// A cell on its way into a statement.
pub(super) struct Cell<'a>(pub(super) ValueRef<'a>);

impl types::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<types::ToSqlOutput<'_>> {
        Ok(types::ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => types::ValueRef::Null,
            ValueRef::Integer(value) => types::ValueRef::Integer(value),
            ValueRef::Real(value) => types::ValueRef::Real(value),
            ValueRef::Text(value) => types::ValueRef::Text(value),
            ValueRef::Blob(value) => types::ValueRef::Blob(value),
        }))
    }
}

/// The current row of a statement.
pub(super) struct SqliteRow<'a, 's>(pub(super) &'a rusqlite::Row<'s>);

impl Row for SqliteRow<'_, '_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        cell(self.0, index)
    }

    fn values<'r>(&'r self, cells: &mut [ValueRef<'r>]) -> Result<()> {
        all_cells(self.0, cells)
    }
}

/// A cell of the current row.
#[inline(always)]
pub(super) fn cell<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<ValueRef<'r>> {
    match row.get_ref(index) {
        Ok(value) => Ok(from_sqlite(value)),
        Err(error) => Err(Error::internal(Domain::Database, format!("SQLite: {error}"))),
    }
}

/// The first cells of the current row.
pub(super) fn all_cells<'r>(row: &'r rusqlite::Row<'_>, cells: &mut [ValueRef<'r>]) -> Result<()> {
    for (at, place) in cells.iter_mut().enumerate() {
        *place = cell(row, at)?;
    }
    Ok(())
}

#[inline]
pub(super) fn from_sqlite(value: types::ValueRef<'_>) -> ValueRef<'_> {
    match value {
        types::ValueRef::Null => ValueRef::Null,
        types::ValueRef::Integer(value) => ValueRef::Integer(value),
        types::ValueRef::Real(value) => ValueRef::Real(value),
        types::ValueRef::Text(value) => ValueRef::Text(value),
        types::ValueRef::Blob(value) => ValueRef::Blob(value),
    }
}
