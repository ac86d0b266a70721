//! SQL from callers, restricted to reading.
//!
//! A read-only transaction refuses most statements that write. The words of the SQL are checked for the rest. In a transaction that writes,
//! everything that a query did, for example through a function, is undone after the query.

use mysql::Error as Cause;

use super::cell::wire;
use super::connection::MysqlConnection;
use super::failure::Failure;
use super::placeholders::{Plain, rewrite, words};
use crate::database::read::{EachRow, QueryRow, ReadStatement};
use crate::database::refused_sql::{check_count, invalid, misuse, not_accepted, quoted};
use crate::database::server::select_only::{Words, check};
use crate::database::transaction::Transaction;
use crate::error::{Error, Result};
use crate::values::{Value, ValueRef};

/// The words by which a statement is refused.
const WORDS: Words = Words {
    reading: &["SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"],
    writing: &["INSERT", "UPDATE", "DELETE", "REPLACE", "INTO", "LOCK", "ANALYZE", "CALL", "LOAD", "PROCEDURE"],
    functions: &[
        "GET_LOCK",
        "RELEASE_LOCK",
        "RELEASE_ALL_LOCKS",
        "LOAD_FILE",
        "NEXTVAL",
        "SETVAL",
        "LASTVAL",
        "MASTER_POS_WAIT",
        "SOURCE_POS_WAIT",
        "SYS_EXEC",
    ],
    beginnings: &[],
};
/// The server does not understand the statement, or does not know what it names.
const NOT_UNDERSTOOD: [u16; 12] = [1046, 1051, 1052, 1054, 1055, 1064, 1109, 1111, 1140, 1146, 1248, 1305];
/// It would write in a transaction that reads.
const READ_ONLY: u16 = 1792;

struct MysqlRead<'c> {
    connection: &'c MysqlConnection,
    plain: Plain,
    columns: Vec<String>,
    sql: String,
    /// Of its own, if none was running.
    state: Option<Transaction<'c>>,
}

/// Prepares one statement, inside the transaction that is running or in one of its own.
pub fn prepare<'c>(connection: &'c MysqlConnection, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
    check(sql, || refusal(sql))?;
    let state = if connection.in_transaction() { None } else { Some(Transaction::read(connection)?) };
    let plain = rewrite(sql);
    let (wanted, columns) = connection.look_at(&plain.sql).map_err(|failure| failed(connection, sql, failure))?;
    if wanted != plain.order.len() {
        return Err(invalid("the parameters of the SQL are not understood")
            .detail("sql", quoted(sql))
            .hint("write parameters as ?, ?NUMBER or :NAME"));
    }
    Ok(Box::new(MysqlRead { connection, plain, columns, sql: sql.to_owned(), state }))
}

/// What a statement would do beside reading; `None` if nothing.
fn refusal(sql: &str) -> Result<Option<String>> {
    let Some(words) = words(sql) else { return Ok(Some("a comment that is run".to_owned())) };
    // MariaDB's other way to a sequence: NEXT VALUE FOR.
    let sequence = words
        .windows(3)
        .any(|three| matches!(three, [(a, _), (b, _), (c, _)] if a == "NEXT" && b == "VALUE" && c == "FOR"));
    Ok(WORDS.refused(&words)?.or(sequence.then(|| "NEXT VALUE FOR".to_owned())))
}

impl ReadStatement for MysqlRead<'_> {
    fn parameters(&self) -> Vec<Option<String>> {
        self.plain.names.clone()
    }

    fn columns(&self) -> Result<Vec<String>> {
        Ok(self.columns.clone())
    }

    fn run(&mut self, params: &[Value], each: EachRow<'_>) -> Result<()> {
        check_count(self.plain.names.len(), params.len())?;
        let values =
            self.plain.order.iter().filter_map(|at| params.get(*at)).map(|value| wire(value.borrow())).collect();
        let within = self.state.is_none();
        if within {
            self.connection.mark("SAVEPOINT expmig_read")?;
        }
        let read = self.connection.read_plain(&self.plain.sql, values, &mut |columns, cells| {
            let values: Vec<ValueRef<'_>> = cells.iter().collect();
            each(&QueryRow { columns, values: &values })
        });
        if within {
            self.connection.mark("ROLLBACK TO SAVEPOINT expmig_read")?;
        }
        read.map_err(|failure| failed(self.connection, &self.sql, failure))
    }
}

fn failed(connection: &MysqlConnection, sql: &str, failure: Failure) -> Error {
    match failure {
        Failure::Ours(error) => error,
        Failure::Server(Cause::MySqlError(error)) if error.code == READ_ONLY => misuse("a change", sql),
        Failure::Server(Cause::MySqlError(error)) if NOT_UNDERSTOOD.contains(&error.code) => {
            not_accepted("the server", &error.message, sql).vendor(i32::from(error.code)).with_sqlstate(&error.state)
        }
        Failure::Server(error) => connection.wrap(error),
    }
}
