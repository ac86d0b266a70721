//! Deleting every row of a table, those too that others have added since the transaction began.

use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::server::connection::first;
use crate::error::{Domain, Error, Result, Status};
use crate::values::Value;

/// Of no such table.
const NO_SUCH_TABLE: &str = "42P01";

impl PostgresConnection {
    /// Nobody else changes the table until the transaction ends, which is named as SQL; how many rows it has then, those too that others have
    /// added since the transaction began.
    pub(super) fn hold(&self, table: &str) -> Result<u64> {
        if let Some(rows) = self.held.borrow().get(table) {
            return Ok(*rows);
        }
        self.command(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))?;
        let count = format!("SELECT count(*) FROM {table}");
        let rows = match self.beside(|beside| beside.query_integer(&count, &[])) {
            // It was made in this transaction.
            Err(error) if error.sqlstate() == Some(NO_SUCH_TABLE) => self.query_integer(&count, &[]),
            counted => counted,
        };
        let rows = rows?.unwrap_or(0).unsigned_abs();
        self.held.borrow_mut().insert(table.to_owned(), rows);
        Ok(rows)
    }

    /// The table's name in the form in which the catalog's queries give it.
    pub(super) fn as_sql(&self, table: &TableLayout) -> Result<String> {
        let names = [self.schema(), &table.name].map(|name| Value::Text(name.as_bytes().to_vec()));
        let name = first(self, "SELECT pg_catalog.format('%I.%I', ?1::text, ?2::text)", &names)?;
        Ok(name.borrow().readable().unwrap_or_default())
    }

    /// Rows that were changed since the transaction began are refused by the server; rows that were added since are not seen here, but by
    /// another connection, which counts them.
    pub(super) fn delete_every_row(&self, table: &TableLayout) -> Result<()> {
        self.refuse_unlogged(table)?;
        let name = self.as_sql(table)?;
        let there = self.hold(&name)?;
        let deleted = self.change(&format!("DELETE FROM {name}"), &[])?;
        if there == deleted {
            return Ok(());
        }
        Err(Error::new(
            Status::Busy,
            Domain::Database,
            format!("another client added rows to {} meanwhile; nothing was changed", table.name),
        )
        .detail("table", &table.name)
        .hint("try again while nobody writes"))
    }
}
