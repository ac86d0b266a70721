//! The result of a query as columns.

use super::batches::Batches;
use super::builder::{Builder, Subject};
use super::field::{Field, Kind};
use super::labels::exact;
use crate::database::{Connection, Database, Next};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::spill::Spool;
use crate::values::{Value, ValueRef};

/// What was seen in a column.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    kind: Option<Kind>,
    /// An integer that no double is, with the number of its row.
    inexact: Option<u64>,
}

impl Seen {
    /// Takes a value in; the type of the others if it cannot stand with them.
    fn add(&mut self, value: ValueRef<'_>, row: u64) -> std::result::Result<(), (Kind, Kind, u64)> {
        let kind = match value {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(_) => Kind::Integer,
            ValueRef::Real(_) => Kind::Real,
            ValueRef::Text(_) => Kind::Text,
            ValueRef::Blob(_) => Kind::Bytes,
        };
        if let ValueRef::Integer(integer) = value
            && exact(integer).is_none()
        {
            self.inexact.get_or_insert(row);
        }
        let before = *self.kind.get_or_insert(kind);
        let together = match (before, kind) {
            (Kind::Integer | Kind::Real, Kind::Integer | Kind::Real) if before != kind => Kind::Real,
            (before, kind) if before == kind => kind,
            _ => return Err((before, kind, row)),
        };
        self.kind = Some(together);
        match self.inexact.filter(|_| together == Kind::Real) {
            Some(row) => Err((Kind::Real, Kind::Integer, row)),
            None => Ok(()),
        }
    }
}

/// The error of a column whose values are of several types.
fn mixed(column: &str, (before, kind, row): (Kind, Kind, u64)) -> Error {
    let message = format!(
        "the column {column:?} has values of several types: that of row {row} is {}, others are {}",
        kind.name(),
        before.name()
    );
    Error::new(Status::Lossy, Domain::Database, message)
        .detail("column", column)
        .detail("row", format!("row {row}"))
        .hint("give the column one type in the SQL: CAST(column AS TEXT), for instance")
}

/// The rows of one SELECT with bound parameters, put aside. The type of a column is that of its values.
fn collect(connection: &dyn Connection, sql: &str, params: &[Value]) -> Result<Batches> {
    let mut rows = Spool::default();
    let mut statement = connection.prepare_read(sql)?;
    let names = statement.columns()?;
    let mut seen = vec![Seen::default(); names.len()];
    let mut count = 0;
    statement.run(params, &mut |row| {
        for ((seen, value), name) in seen.iter_mut().zip(row.values).zip(row.columns) {
            seen.add(*value, count).map_err(|found| mixed(name, found))?;
        }
        rows.push_values(row.values)?;
        count += 1;
        Ok(Next::Row)
    })?;
    let field = |(name, seen): (String, Seen)| (Field::new(name, seen.kind.unwrap_or(Kind::Null)), false);
    let columns = names.into_iter().zip(seen).map(field).collect();
    Ok(Batches::of_rows(Builder::new(columns, Subject::Row), rows))
}

/// Runs one SELECT with bound parameters, on one state of the database. Whatever the SQL, it can only read: anything else is MISUSE.
pub fn query(database: &Database, sql: &str, params: &[Value]) -> Result<Batches> {
    let job = Job::unwatched(Domain::Database);
    database.read_briefly(&job, |connection| collect(connection, sql, params))
}
