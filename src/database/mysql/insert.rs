//! Writing rows into a table, many with each statement.

use std::sync::Arc;

use mysql::Value as Wire;

use super::cell::{wire, wire_owned};
use super::column_type::ColumnType;
use super::connection::MysqlConnection;
use super::load_data;
use super::numbers::large;
use crate::database::connection::Inserter;
use crate::database::layout::TableLayout;
use crate::database::server::decimals::plain;
use crate::database::server::written::Written;
use crate::error::Result;
use crate::schema::quote;
use crate::values::{Value, ValueRef};

/// Rows per statement, at most.
const ROWS: usize = 500;
/// So many rows are worth `LOAD DATA`.
const ROWS_TO_LOAD: usize = 20;
/// The errors of `LOAD DATA LOCAL` where it is not allowed, or not known.
const NOT_LOADED: [i32; 5] = [1064, 1148, 1235, 3948, 3950];
/// The number of parameters that a statement takes.
const MOST_PARAMETERS: usize = 65_535;
/// What a value costs beside its bytes, at most.
const OVERHEAD: usize = 16;
/// What the text of rows keeps of its memory.
const MOST_KEPT: usize = 1 << 18;

/// Writes rows into some columns of one table.
pub struct MysqlInserter<'c> {
    connection: &'c MysqlConnection,
    written: Written<ColumnType>,
    /// The statement as far as its rows, and one row of it.
    head: String,
    row: String,
    rows: usize,
    /// Bytes of values that fit into one statement.
    most_bytes: usize,
    many: String,
    one: String,
    /// `LOAD DATA`, where the server and the types of the columns allow it.
    load: Option<Arc<str>>,
    /// It was done once.
    loaded: bool,
    /// Its text, empty, kept for its memory.
    text: Vec<u8>,
}

impl<'c> MysqlInserter<'c> {
    pub fn new(connection: &'c MysqlConnection, table: &TableLayout, columns: &[&str]) -> Result<MysqlInserter<'c>> {
        connection.refuse_without_transactions(table)?;
        let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let written = Written::<ColumnType>::new(table, columns)?;
        let width = written.width();
        let head = format!("INSERT INTO {} ({}) VALUES ", quote(&table.name), names.join(", "));
        let row = format!(
            "({})",
            written.columns.iter().map(|column| placeholder(&column.kind)).collect::<Vec<_>>().join(", ")
        );
        let rows = ROWS.min(MOST_PARAMETERS / width).max(1);
        let loads = connection.server().local_infile
            && written.columns.iter().all(|column| load_data::takes_text(&column.kind));
        Ok(MysqlInserter {
            connection,
            many: format!("{head}{}", vec![row.as_str(); rows].join(", ")),
            one: format!("{head}{row}"),
            load: loads.then(|| load_data::statement(&table.name, &names).into()),
            loaded: false,
            text: Vec::new(),
            written,
            head,
            row,
            rows,
            most_bytes: connection.max_packet() / 2,
        })
    }

    fn write(&self, values: &[ValueRef<'_>]) -> Result<()> {
        let width = self.written.width();
        let mut pending: Vec<Wire> = Vec::with_capacity(self.rows * width);
        let mut bytes = 0;
        for row in values.chunks_exact(width) {
            let size: usize = row.iter().map(|value| size_of(*value) + OVERHEAD).sum();
            if !pending.is_empty() && (bytes + size > self.most_bytes || pending.len() >= self.rows * width) {
                self.send(std::mem::take(&mut pending), width)?;
                bytes = 0;
            }
            bytes += size;
            for (column, value) in self.written.columns.iter().zip(row) {
                let converted = self.written.converted(self.connection, column, *value)?;
                pending.push(converted.map_or_else(|| wire(*value), wire_owned));
            }
        }
        if pending.is_empty() { Ok(()) } else { self.send(pending, width) }
    }

    fn load(&mut self, sql: &Arc<str>, values: &[ValueRef<'_>]) -> Result<()> {
        if !self.loaded {
            // What is wrong with rows of other tables is not to be taken for a server that loads nothing.
            self.connection.settle()?;
        }
        let width = self.written.width();
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        for row in values.chunks_exact(width) {
            for (at, (column, value)) in self.written.columns.iter().zip(row).enumerate() {
                let converted = self.written.converted(self.connection, column, *value)?;
                load_data::append(converted.as_ref().map_or(*value, Value::borrow), at + 1 == width, &mut text);
            }
        }
        self.connection.load(sql, self.written.table, &mut text, values.len() / width)?;
        // One huge value must not keep its memory.
        text.shrink_to(MOST_KEPT);
        self.text = text;
        if !self.loaded {
            // Whether the server takes it at all has to be known while the values are here.
            self.connection.settle()?;
            self.loaded = true;
        }
        Ok(())
    }

    fn send(&self, values: Vec<Wire>, width: usize) -> Result<()> {
        let rows = values.len() / width;
        // The others go before it, so that a row with a huge value mostly stands alone.
        if rows == 1 && values.iter().any(is_huge) {
            return self.connection.change_at_once(&self.one, values).map(drop);
        }
        if rows == self.rows {
            return self.connection.change(&self.many, values).map(drop);
        }
        if rows == 1 {
            return self.connection.change(&self.one, values).map(drop);
        }
        let sql = format!("{}{}", self.head, vec![self.row.as_str(); rows].join(", "));
        self.connection.change(&sql, values).map(drop)
    }
}

/// How a value is sent that the server would not understand as it is read.
pub fn sent(kind: &ColumnType, value: ValueRef<'_>) -> Option<Value> {
    match (kind, value) {
        (ColumnType::Decimal(_), ValueRef::Real(number)) => Some(Value::Text(plain(number).into_bytes())),
        (ColumnType::Bits { .. }, ValueRef::Text(digits)) => {
            large(digits).map(|number| Value::Blob(number.to_be_bytes().to_vec()))
        }
        _ => None,
    }
}

/// What stands for a value in a statement. A parameter is text, of which MariaDB makes no vector.
fn placeholder(kind: &ColumnType) -> &'static str {
    match kind {
        ColumnType::Vector { .. } => "CAST(? AS BINARY)",
        _ => "?",
    }
}

fn is_huge(value: &Wire) -> bool {
    matches!(value, Wire::Bytes(bytes) if ValueRef::Blob(bytes).is_huge())
}

fn size_of(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}

impl Inserter for MysqlInserter<'_> {
    fn insert(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        let mut written = match self.load.clone() {
            // A statement with parameters takes two more copies of a huge value.
            Some(sql)
                if self.loaded
                    || values.len() >= ROWS_TO_LOAD * self.written.columns.len()
                    || values.iter().any(ValueRef::is_huge) =>
            {
                self.load(&sql, values)
            }
            _ => self.write(values),
        };
        // A proxy may not know it, whatever the server says.
        if !self.loaded
            && matches!(&written, Err(error) if error.vendor_code().is_some_and(|code| NOT_LOADED.contains(&code)))
        {
            self.load = None;
            written = self.write(values);
        }
        written.map_err(|error| self.written.named(error))
    }
}
