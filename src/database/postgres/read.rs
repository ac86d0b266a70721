//! SQL from callers, restricted to reading.
//!
//! A transaction that only reads refuses most of what writes. What it lets pass is refused by its words, and within a transaction that
//! writes everything that a query did, through a function for instance, is undone after it.

use super::connection::PostgresConnection;
use super::failure::{Failure, READ_ONLY, Said, of_server};
use super::placeholders::{numbered, words};
use crate::database::connection::Reads;
use crate::database::read::{EachRow, QueryRow, ReadStatement};
use crate::database::refused_sql::{check_count, invalid, misuse, not_accepted, quoted};
use crate::database::rows::Next;
use crate::database::server::result_sets::{Open, ResultSets};
use crate::database::server::select_only::{Words, check};
use crate::database::transaction::Transaction;
use crate::error::{Error, Result};
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

/// The words by which a statement is refused.
const WORDS: Words = Words {
    reading: &["SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN"],
    writing: &["INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "ANALYZE", "ANALYSE"],
    functions: &[
        "NEXTVAL",
        "SETVAL",
        "SET_CONFIG",
        "DBLINK",
        "DBLINK_EXEC",
        "LO_IMPORT",
        "LO_EXPORT",
        "PG_READ_FILE",
        "PG_READ_BINARY_FILE",
        "PG_TERMINATE_BACKEND",
        "PG_CANCEL_BACKEND",
        "PG_RELOAD_CONF",
        "PG_NOTIFY",
        "PG_SWITCH_WAL",
    ],
    beginnings: &["PG_ADVISORY_", "PG_TRY_ADVISORY_", "PG_FILE_"],
};

struct PostgresRead<'c> {
    connection: &'c PostgresConnection,
    names: Vec<Option<String>>,
    columns: Vec<String>,
    numbered: String,
    sql: String,
    /// Of its own, if none was running.
    state: Option<Transaction<'c>>,
}

/// Prepares one statement, inside the transaction that is running or in one of its own.
pub fn prepare<'c>(connection: &'c PostgresConnection, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
    check(sql, || refusal(sql))?;
    let state = if connection.in_transaction() { None } else { Some(Transaction::read(connection)?) };
    let plain = numbered(sql);
    let looked = connection.apart(|| {
        let looked = connection.channel.look_at(&plain.sql, Vec::new());
        looked.map_err(|failure| failed(connection, sql, failure))
    });
    let (wanted, columns) = looked?;
    if wanted > plain.names.len() {
        return Err(invalid("the parameters of the SQL are not understood")
            .detail("sql", quoted(sql))
            .hint("write parameters as ?, ?NUMBER, $NUMBER or :NAME"));
    }
    let (names, numbered) = (plain.names, plain.sql);
    Ok(Box::new(PostgresRead { connection, names, columns, numbered, sql: sql.to_owned(), state }))
}

/// What a statement would do beside reading; `None` if nothing.
fn refusal(sql: &str) -> Result<Option<String>> {
    let words = words(sql);
    // FOR UPDATE is among those that write; these lock as well.
    let locks = words
        .windows(2)
        .any(|two| matches!(two, [(a, _), (b, _)] if a == "FOR" && matches!(b.as_str(), "SHARE" | "KEY" | "NO")));
    Ok(WORDS.refused(&words)?.or(locks.then(|| "FOR SHARE".to_owned())))
}

impl ReadStatement for PostgresRead<'_> {
    fn parameters(&self) -> Vec<Option<String>> {
        self.names.clone()
    }

    fn columns(&self) -> Result<Vec<String>> {
        Ok(self.columns.clone())
    }

    fn run(&mut self, params: &[Value], each: EachRow<'_>) -> Result<()> {
        check_count(self.names.len(), params.len())?;
        let within = self.state.is_none();
        if within {
            self.connection.command("SAVEPOINT expmig_read")?;
        }
        let read = self.read(params, each);
        if within && !self.connection.channel.is_lost() {
            self.connection.command("ROLLBACK TO SAVEPOINT expmig_read; RELEASE SAVEPOINT expmig_read")?;
        } else if read.is_err() && !self.connection.channel.is_lost() {
            // A statement that failed leaves a transaction in which nothing works; the next run has one of its own.
            self.connection.rollback();
            self.connection.begin_read()?;
        }
        read
    }
}

impl PostgresRead<'_> {
    fn read(&self, params: &[Value], each: EachRow<'_>) -> Result<()> {
        let channel = &self.connection.channel;
        let reading = channel.open(&self.numbered, params);
        let reading = reading.map_err(|failure| failed(self.connection, &self.sql, failure))?;
        let names = reading.columns.names();
        let open = Open { channel, reading };
        let mut cells = CellBuffer::default();
        while channel.next(&open.reading, &mut cells).map_err(|error| said_of(error, &self.sql))? {
            let values: Vec<ValueRef<'_>> = cells.iter().collect();
            if each(&QueryRow { columns: &names, values: &values })? == Next::Stop {
                break;
            }
        }
        Ok(())
    }
}

fn failed(connection: &PostgresConnection, sql: &str, failure: Failure) -> Error {
    match failure {
        Failure::Ours(error) => error,
        Failure::Server(said) if said.state == READ_ONLY => misuse("a change", sql),
        Failure::Server(said) if is_not_understood(&said) => {
            not_accepted("the server", &said.message, sql).with_sqlstate(&said.state)
        }
        Failure::Server(said) => of_server(&said, &connection.place()),
    }
}

/// The same for a failure that came with the rows.
fn said_of(error: Error, sql: &str) -> Error {
    match error.sqlstate() {
        Some(READ_ONLY) => misuse("a change", sql),
        _ => error,
    }
}

/// The server does not understand the statement, or does not know what it names.
fn is_not_understood(said: &Said) -> bool {
    let rights = said.state == "42501";
    (said.state.starts_with("42") && !rights) || matches!(said.state.as_str(), "0A000" | "3F000" | "22P02")
}
