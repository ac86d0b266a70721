//! What the shared code needs of a connection to a server, and what it does with it.

use std::cell::Cell;
use std::time::Duration;

use super::result_sets::{Open, ResultSets};
use crate::database::connection::{Connection, Write};
use crate::database::layout::TableLayout;
use crate::database::rows::Next;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::quote;
use crate::values::Value;

/// A connection to a schema of a server.
pub trait ServerConnection: Connection {
    /// What its result sets are read from.
    type Channel: ResultSets;

    /// Runs a query with numbered parameters.
    fn open_rows(&self, sql: &str, params: &[Value]) -> Result<Open<'_, Self::Channel>>;

    /// The URL without the password, for messages.
    fn place(&self) -> String;

    /// Whether the connection was lost.
    fn is_lost(&self) -> bool;

    /// Makes another connection in the place of this one, which was lost. What the lost one had locked is free.
    fn renew(&self) -> Result<()>;

    /// How long to wait for the locks of others.
    fn busy_timeout(&self) -> Duration;

    /// The job that waits tick.
    fn watched(&self) -> &Watched;

    /// Whether this connection holds the lock that keeps two writers of expmig apart.
    fn holds_lock(&self) -> &Cell<bool>;

    /// Asks for that lock once; whether it was free.
    fn try_lock(&self) -> Result<bool>;

    /// Lets go of the lock. If this fails the lock ends with the connection.
    fn release_lock(&self);

    /// Closes what this connection has opened beside itself for a transaction.
    fn close_beside(&self) {}

    /// Lets it go in a child after a fork: the descriptor is closed, and nothing is sent.
    fn leave(self);
}

/// Runs a query, and returns the first cell of its first row; NULL without a row.
pub fn first(connection: &impl ServerConnection, sql: &str, params: &[Value]) -> Result<Value> {
    let mut found = Value::Null;
    connection.query(sql, params, &mut |row| {
        found = row.value(0)?.to_owned();
        Ok(Next::Stop)
    })?;
    Ok(found)
}

/// How a statement begins that changes a table. A server writes all of its rows or none.
pub fn opening(write: Write, table: &TableLayout) -> String {
    let name = quote(&table.name);
    match write {
        Write::Insert => format!("INSERT INTO {name}"),
        Write::Update => format!("UPDATE {name}"),
    }
}

/// The error of a commit during which the connection was lost.
pub fn undecided(error: Error, place: String) -> Error {
    let (status, what) = match error.status() {
        Status::Timeout => (Status::Timeout, "the server did not answer the commit in time (read-timeout-ms)"),
        _ => (Status::Connection, "the connection was lost during the commit"),
    };
    let message = format!("{what}: whether it was made is not known; its changes are there wholly or not at all");
    Error::undecided(status, Domain::Database, message).detail("database", place).caused_by(error)
}
