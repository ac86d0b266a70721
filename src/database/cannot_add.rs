//! The error for columns that a database cannot add within a transaction, with the statements that its owner has to run.

use super::connection::Connection;
use super::layout::TableLayout;
use super::missing_column::{Kinds, MissingColumn};
use super::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::ValueRef;

/// So many values tell what a column holds.
const MOST_VALUES: usize = 10_000;

impl Kinds {
    /// Of the values that the column has.
    pub fn of(source: &dyn Connection, table: &TableLayout, column: &str) -> Result<Kinds> {
        let (mut kinds, mut count) = (Kinds::default(), 0);
        let name = quote(column);
        let sql = format!("SELECT {name} FROM {} WHERE {name} IS NOT NULL", quote(&table.name));
        source.query(&sql, &[], &mut |row| {
            match row.value(0)? {
                ValueRef::Null => {}
                ValueRef::Integer(_) => kinds.integer = true,
                ValueRef::Real(_) => kinds.real = true,
                ValueRef::Text(_) => kinds.text = true,
                ValueRef::Blob(_) => kinds.blob = true,
            }
            count += 1;
            Ok(if count < MOST_VALUES { Next::Row } else { Next::Stop })
        })?;
        Ok(kinds)
    }
}

/// The error of columns that the engine cannot add within a transaction, with the statements that add them.
pub fn cannot_add(domain: Domain, target: &dyn Connection, missing: &[MissingColumn<'_>]) -> Error {
    let Some(first) = missing.first() else { return Error::internal(domain, "no column is missing") };
    let (table, column) = (first.table.schema.name, &first.name);
    let more = match missing.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!(
        "the target has no column {table}.{column}{more}, and a server cannot add it without ending the transaction"
    );
    let mut statements = Vec::new();
    let mut rest = missing;
    while let [first, ..] = rest {
        let of_table = rest.iter().take_while(|column| column.table.name == first.table.name).count();
        let (these, others) = rest.split_at(of_table);
        statements.extend(target.statement_to_add(first.table, these));
        rest = others;
    }
    let hint = format!("run this on the target, and call again; nothing was changed: {}", statements.join("; "));
    let error = Error::new(Status::Unsupported, domain, message).detail("table", table).detail("column", column);
    statements.into_iter().fold(error, |error, statement| error.detail("statement", statement)).hint(hint)
}
