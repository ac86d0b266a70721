//! Writing rows into a table by `COPY`.

use std::sync::Arc;

use super::coercion::store;
use super::column_type::ColumnType;
use super::connection::PostgresConnection;
use super::copy_data::{HEADER, append_bytes, append_text, begin_row, has_bytes};
use super::tables::sent;
use crate::database::any_cell;
use crate::database::column::ColumnLayout;
use crate::database::connection::{Catalog, Inserter};
use crate::database::layout::TableLayout;
use crate::database::stored::Stored;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Role, quote};
use crate::values::{Value, ValueRef};

/// What the rows keep of their memory.
const MOST_KEPT: usize = 1 << 18;

/// Writes rows into some columns of one table.
pub struct PostgresInserter<'c> {
    connection: &'c PostgresConnection,
    table: &'static str,
    columns: Vec<(ColumnLayout, ColumnType)>,
    /// The statements for rows in the server's own bytes, if every column has such, and for rows as text.
    binary: Option<Arc<str>>,
    text: Arc<str>,
    /// Rows on their way, kept for the memory.
    data: Vec<u8>,
}

impl<'c> PostgresInserter<'c> {
    pub fn new(
        connection: &'c PostgresConnection,
        table: &TableLayout,
        columns: &[&str],
    ) -> Result<PostgresInserter<'c>> {
        connection.refuse_unlogged(table)?;
        let find = |name: &&str| {
            let found = table.columns.iter().find(|column| column.name == *name)?;
            Some((found.clone(), found.own_type::<ColumnType>()?.clone()))
        };
        let Some(found) = columns.iter().map(find).collect::<Option<Vec<_>>>() else {
            return Err(Error::internal(Domain::Database, format!("{} has other columns", table.schema.name)));
        };
        let is_id = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role == Role::Id);
        if let Some((id, _)) = found.iter().find(|(column, _)| is_id(column)) {
            connection.numbered.borrow_mut().push((table.name.clone(), id.name.clone()));
        }
        let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let sql = format!("COPY {} ({}) FROM STDIN", quote(&table.name), names.join(", "));
        let binary = found.iter().all(|(_, kind)| has_bytes(kind));
        Ok(PostgresInserter {
            connection,
            table: table.schema.name,
            binary: binary.then(|| format!("{sql} WITH (FORMAT binary)").into()),
            text: sql.into(),
            columns: found,
            data: Vec::new(),
        })
    }

    /// What has to be sent; `None` for the value itself.
    fn converted(&self, (column, kind): &(ColumnLayout, ColumnType), value: ValueRef<'_>) -> Result<Option<Value>> {
        if *kind == ColumnType::Cell {
            return Ok(any_cell::encode(value).map(Value::Blob));
        }
        let stored = match store(kind, value) {
            Stored::Same => return Ok(sent(kind, value)),
            Stored::As(value) => Some(value),
            Stored::Refused => None,
            // Here nothing is decided that the server could decide otherwise.
            Stored::Ask if !matches!(kind, ColumnType::Numeric(_)) => return Ok(None),
            Stored::Ask => self.connection.stored_as(column, value)?,
        };
        match stored {
            Some(stored) => Ok(sent(kind, stored.borrow()).or(Some(stored))),
            None => Err(Error::new(
                Status::Constraint,
                Domain::Database,
                format!("{}.{} cannot hold {}", self.table, column.name, value.describe()),
            )
            .detail("column", &column.name)
            .detail("value", value.describe())
            .hint("compare the target's schema with the source's")),
        }
    }

    /// The rows in the server's own bytes; whether all of them have such.
    fn in_bytes(&self, values: &[ValueRef<'_>], out: &mut Vec<u8>) -> Result<bool> {
        let width = self.columns.len().max(1);
        for row in values.chunks_exact(width) {
            begin_row(width, out);
            for (column, value) in self.columns.iter().zip(row) {
                let converted = self.converted(column, *value)?;
                if !append_bytes(&column.1, converted.as_ref().map_or(*value, Value::borrow), out) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn in_text(&self, values: &[ValueRef<'_>], out: &mut Vec<u8>) -> Result<()> {
        let width = self.columns.len().max(1);
        for row in values.chunks_exact(width) {
            for (at, (column, value)) in self.columns.iter().zip(row).enumerate() {
                let converted = self.converted(column, *value)?;
                append_text(&column.1, converted.as_ref().map_or(*value, Value::borrow), at + 1 == width, out);
            }
        }
        Ok(())
    }

    fn load(&self, values: &[ValueRef<'_>], data: &mut Vec<u8>) -> Result<()> {
        let rows = values.len() / self.columns.len().max(1);
        let load = |sql, header, data: &[u8]| {
            let loaded = self.connection.channel.load(sql, self.table, header, data, rows);
            loaded.map_err(|failure| self.connection.ours(failure))
        };
        if let Some(sql) = &self.binary
            && self.in_bytes(values, data)?
        {
            return load(sql, HEADER, data);
        }
        data.clear();
        self.in_text(values, data)?;
        load(&self.text, &[], data)
    }
}

impl Inserter for PostgresInserter<'_> {
    fn insert(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        let loaded = self.load(values, &mut data);
        // One huge value must not keep its memory.
        data.shrink_to(MOST_KEPT);
        self.data = data;
        // Rows of another table may have been loaded only now.
        let named = |error: &Error| error.details().iter().any(|detail| detail.key == "table");
        loaded.map_err(|error| if named(&error) { error } else { error.detail("table", self.table) })
    }
}
