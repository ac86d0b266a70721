//! SQL from callers, restricted to reading.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, ErrorCode, Statement};
use smallvec::SmallVec;

use super::cell::from_sqlite;
use super::connection::SqliteConnection;
use super::read_guard::ReadGuard;
use crate::database::read::{EachRow, QueryRow, ReadStatement};
use crate::database::refused_sql::{check_count, invalid, misuse, not_accepted};
use crate::database::rows::Next;
use crate::database::transaction::Transaction;
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

/// A statement that only reads.
struct SqliteRead<'c> {
    // Dropped first: the transaction ends after it.
    statement: Statement<'c>,
    columns: Vec<String>,
    connection: &'c SqliteConnection,
    guard: &'c ReadGuard,
    sql: String,
    _state: Option<Transaction<'c>>,
}

/// Prepares one statement, inside the transaction that is running or in one of its own.
pub fn prepare<'c>(connection: &'c SqliteConnection, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
    if sql.contains('\0') {
        return Err(invalid("the SQL has a NUL in it, and would end there").hint("pass values as parameters"));
    }
    let Some(guard) = connection.reads.as_deref() else {
        return Err(Error::new(
            Status::Unsupported,
            Domain::Database,
            "the schema has names that are not UTF-8: nothing can watch over what a query does there",
        )
        .hint("rename the views, triggers or indexes in question"));
    };
    let state = if connection.inner.is_autocommit() { Some(Transaction::read(connection)?) } else { None };
    let active = guard.enter();
    let wrap = |error| failed(connection, guard, sql, error);
    // One statement and the next, never more: a long list of statements costs no more than two.
    let mut batch = Batch::new(&connection.inner, sql);
    let first = batch.next().map_err(wrap)?;
    let Some(statement) = first else {
        return Err(invalid("the SQL has no statement").hint("pass one SELECT"));
    };
    if batch.next().map_err(wrap)?.is_some() {
        return Err(invalid("the SQL has more than one statement").hint("pass one SELECT"));
    }
    drop(active);
    // VACUUM and the like ask the authorizer nothing; a query has columns.
    if statement.column_count() == 0 || !statement.readonly() {
        return Err(misuse("a statement that is no query", sql));
    }
    let columns = statement.column_names().map(str::to_owned).collect();
    Ok(Box::new(SqliteRead { statement, columns, connection, guard, sql: sql.to_owned(), _state: state }))
}

impl ReadStatement for SqliteRead<'_> {
    fn parameters(&self) -> Vec<Option<String>> {
        let names = 1..=self.statement.parameter_count();
        names.map(|at| self.statement.parameter_name(at).map(str::to_owned)).collect()
    }

    fn columns(&self) -> Result<Vec<String>> {
        Ok(self.columns.clone())
    }

    fn run(&mut self, params: &[Value], each: EachRow<'_>) -> Result<()> {
        check_count(self.statement.parameter_count(), params.len())?;
        let (connection, guard, sql) = (self.connection, self.guard, &self.sql);
        let wrap = |error| failed(connection, guard, sql, error);
        SqliteConnection::bind(&mut self.statement, params).map_err(wrap)?;
        let mut rows = self.statement.raw_query();
        loop {
            let active = guard.enter();
            let next = rows.next().map_err(wrap)?;
            drop(active);
            let Some(row) = next else { return Ok(()) };
            let mut values: SmallVec<[ValueRef<'_>; 16]> = SmallVec::with_capacity(self.columns.len());
            for at in 0..self.columns.len() {
                values.push(from_sqlite(row.get_ref(at).map_err(wrap)?));
            }
            if each(&QueryRow { columns: &self.columns, values: &values })? == Next::Stop {
                return Ok(());
            }
        }
    }
}

/// The error of a statement: what it was refused, what is wrong with its text, or what the database says.
fn failed(connection: &SqliteConnection, guard: &ReadGuard, sql: &str, error: rusqlite::Error) -> Error {
    if let Some(refused) = guard.take_refused() {
        return misuse(&refused, sql);
    }
    let text = |message: &str| not_accepted("SQLite", message, sql);
    match error {
        rusqlite::Error::SqlInputError { error, msg, sql: rest, offset } => {
            // Counted from the statement that it was preparing.
            let at = usize::try_from(offset).unwrap_or(0) + sql.len().saturating_sub(rest.len());
            text(&msg).detail("offset", at).vendor(error.extended_code)
        }
        rusqlite::Error::SqliteFailure(failure, Some(message))
            if matches!(failure.code, ErrorCode::Unknown | ErrorCode::TypeMismatch) =>
        {
            text(&message).vendor(failure.extended_code)
        }
        other => connection.wrap(other),
    }
}
