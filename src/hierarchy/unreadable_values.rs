//! Values that a query does not return completely, such as numbers that only a server's JSON has, or characters of its character sets.

use std::collections::HashSet;

use super::rows_once::{Look, RowsOnce};
use super::selection::Selection;
use super::shape::Shape;
use super::walk::walk;
use crate::database::{Connection, Layout, Next, Row};
use crate::error::Result;
use crate::progress::Job;
use crate::values::ValueRef;

/// What tells a value from others, without keeping it.
pub fn mark(value: ValueRef<'_>) -> u64 {
    let hash = match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => blake3::hash(bytes),
        // No other values are read from types that do not take them back.
        _ => return 0,
    };
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// One column that has such values, in whatever row.
struct Column {
    table: &'static str,
    name: String,
    marks: HashSet<u64>,
    /// How many the selection has.
    values: u64,
}

/// Such values of a selection: table, column, and how many.
pub fn untold(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
) -> Result<Vec<(&'static str, String, u64)>> {
    let mut columns = Vec::new();
    for table in &layout.tables {
        for column in &table.columns {
            let mut marks = HashSet::new();
            connection.each_not_taken_back(table, column, &mut |value| {
                marks.insert(mark(value));
                Ok(Next::Row)
            })?;
            if !marks.is_empty() {
                columns.push(Column { table: table.schema.name, name: column.name.clone(), marks, values: 0 });
            }
        }
    }
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = RowsOnce::new(Found(columns), selection);
    walk(connection, layout, selection, job, &mut found)?;
    let found = found.look.0.into_iter().filter(|column| column.values > 0);
    Ok(found.map(|column| (column.table, column.name, column.values)).collect())
}

struct Found(Vec<Column>);

impl Look for Found {
    fn look(&mut self, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        for column in self.0.iter_mut().filter(|column| column.table == shape.table.schema.name) {
            let Some(at) = shape.columns.iter().position(|there| there.name == column.name) else { continue };
            let value = row.value(shape.first + at)?;
            if value != ValueRef::Null && column.marks.contains(&mark(value)) {
                column.values += 1;
            }
        }
        Ok(())
    }
}
