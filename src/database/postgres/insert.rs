//! Writing rows into a table by `COPY`.

use std::sync::Arc;

use super::column_type::ColumnType;
use super::connection::PostgresConnection;
use super::copy_data::{HEADER, append_bytes, append_text, begin_row, has_bytes};
use crate::database::column::ColumnLayout;
use crate::database::connection::Inserter;
use crate::database::layout::TableLayout;
use crate::database::server::written::Written;
use crate::error::Result;
use crate::schema::{Role, quote};
use crate::values::{Value, ValueRef};

/// What the rows keep of their memory.
const MOST_KEPT: usize = 1 << 18;

/// Writes rows into some columns of one table.
pub struct PostgresInserter<'c> {
    connection: &'c PostgresConnection,
    written: Written<ColumnType>,
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
        connection.put_keys_aside()?;
        let written = Written::<ColumnType>::new(table, columns)?;
        let is_id = |layout: &ColumnLayout| layout.schema.is_some_and(|known| known.role == Role::Id);
        if let Some(id) = written.columns.iter().find(|column| is_id(&column.layout)) {
            connection.numbered.borrow_mut().push((table.name.clone(), id.layout.name.clone()));
        }
        let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let sql = format!("COPY {} ({}) FROM STDIN", quote(&table.name), names.join(", "));
        let binary = written.columns.iter().all(|column| has_bytes(&column.kind));
        Ok(PostgresInserter {
            connection,
            binary: binary.then(|| format!("{sql} WITH (FORMAT binary)").into()),
            text: sql.into(),
            written,
            data: Vec::new(),
        })
    }

    /// The rows in the server's own bytes; whether all of them have such.
    fn in_bytes(&self, values: &[ValueRef<'_>], out: &mut Vec<u8>) -> Result<bool> {
        let width = self.written.width();
        for row in values.chunks_exact(width) {
            begin_row(width, out);
            for (column, value) in self.written.columns.iter().zip(row) {
                let converted = self.written.converted(self.connection, column, *value)?;
                if !append_bytes(&column.kind, converted.as_ref().map_or(*value, Value::borrow), out) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn in_text(&self, values: &[ValueRef<'_>], out: &mut Vec<u8>) -> Result<()> {
        let width = self.written.width();
        for row in values.chunks_exact(width) {
            for (at, (column, value)) in self.written.columns.iter().zip(row).enumerate() {
                let converted = self.written.converted(self.connection, column, *value)?;
                append_text(&column.kind, converted.as_ref().map_or(*value, Value::borrow), at + 1 == width, out);
            }
        }
        Ok(())
    }

    fn load(&self, values: &[ValueRef<'_>], data: &mut Vec<u8>) -> Result<()> {
        let rows = values.len() / self.written.width();
        let load = |sql, header, data: &[u8]| {
            let loaded = self.connection.channel.load(sql, self.written.table, header, data, rows);
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
        loaded.map_err(|error| self.written.named(error))
    }
}
