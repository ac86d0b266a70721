//! What a connection has found out about its tables: whether they are durable, and how their columns convert values where only the server knows.

use super::column_type::ColumnType;
use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::rows::Next;
use crate::database::server::any_cell;
use crate::database::server::connection::first;
use crate::database::server::decimals::{plain, read_decimal};
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

/// How a value is sent that the server would not understand as it is read; `None` for as it is.
pub fn sent(kind: &ColumnType, value: ValueRef<'_>) -> Option<Value> {
    match (kind, value) {
        // The server would make decimal digits of fewer than the number has.
        (ColumnType::Numeric(_), ValueRef::Real(number)) => Some(Value::Text(plain(number).into_bytes())),
        _ => None,
    }
}

/// The same for a parameter of a statement, which has a type of its own.
pub fn as_parameter(kind: &ColumnType, value: ValueRef<'_>) -> Option<Value> {
    match (kind, value) {
        (ColumnType::Cell, value) => any_cell::encode(value).map(Value::Blob),
        (ColumnType::Bool, ValueRef::Integer(number)) => Some(Value::Text(vec![if number == 0 { b'f' } else { b't' }])),
        (kind, value) => sent(kind, value),
    }
}

impl PostgresConnection {
    /// Fails if what is written into the table would be gone after a crash of the server.
    pub fn refuse_unlogged(&self, table: &TableLayout) -> Result<()> {
        let names = [self.schema(), &table.name].map(|name| Value::Text(name.as_bytes().to_vec()));
        // Rows of a partitioned table are in its parts.
        let sql = "SELECT part.relname, pg_catalog.format('ALTER TABLE %s SET LOGGED', part.oid::pg_catalog.regclass) FROM pg_catalog.pg_class AS c \
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
            JOIN pg_catalog.pg_class AS part ON part.oid = c.oid \
                OR c.relkind = 'p' AND part.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t) \
            WHERE n.nspname = ?1 AND c.relname = ?2 AND part.relkind = 'r' AND part.relpersistence = 'u' LIMIT 1";
        let mut unlogged = None;
        self.query(sql, &names, &mut |row| {
            unlogged = row.value(0)?.readable().zip(row.value(1)?.readable());
            Ok(Next::Stop)
        })?;
        let Some((name, mend)) = unlogged else { return Ok(()) };
        let message = format!("the table {name} is UNLOGGED: after a crash the server would empty it");
        Err(Error::new(Status::Unsupported, Domain::Database, message)
            .detail("table", &table.name)
            .detail("unlogged", &name)
            .detail("database", self.place())
            .detail("statement", &mend)
            .hint(format!("run this, and call again: {mend}")))
    }

    /// What the server itself makes of a value; `None` if it refuses it.
    pub(super) fn ask(&self, kind: &ColumnType, declared: &str, value: ValueRef<'_>) -> Result<Option<Value>> {
        let text = match value {
            ValueRef::Real(number) => plain(number).into_bytes(),
            ValueRef::Integer(number) => number.to_string().into_bytes(),
            ValueRef::Text(bytes) => bytes.to_vec(),
            _ => return Ok(None),
        };
        // The name of the type is the server's own, as SQL.
        let sql = format!("SELECT CAST(CAST(?1 AS text) AS {declared})");
        let asked = self.apart(|| first(self, &sql, &[Value::Text(text)]));
        let number = |digits: &[u8]| match kind {
            ColumnType::Numeric(numeric) => read_decimal(numeric.number, digits).to_owned(),
            _ => Value::Text(digits.to_vec()),
        };
        match asked {
            Ok(Value::Null) => Ok(None),
            Ok(Value::Text(digits)) => Ok(Some(number(&digits))),
            Ok(Value::Integer(whole)) if matches!(kind, ColumnType::Numeric(_)) => {
                Ok(Some(number(whole.to_string().as_bytes())))
            }
            Ok(stored) => Ok(Some(stored)),
            // What it refuses to convert.
            Err(error) if matches!(error.status(), Status::Constraint | Status::Unsupported | Status::Internal) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
