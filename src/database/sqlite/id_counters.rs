//! The counters of AUTOINCREMENT, which a restore must not lower. A running tracker goes on writing to the id of its run. If a later run got the same
//! id, it would have the rows of both.

use rusqlite::backup::{Backup, StepResult};
use rusqlite::params;

use super::backup_pages::{PAGES_PER_STEP, pages};
use super::connection::SqliteConnection;
use crate::database::connection::{Copied, Reads};
use crate::database::rows::Next;
use crate::error::Result;
use crate::spill::temporary::{self, failed};
use crate::values::ValueRef;

const EXIST: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sqlite_sequence'";
/// What is no number counts as SQLite counts it.
const COUNTERS: &str = "SELECT name, max(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE typeof(name) = 'text'
    GROUP BY name COLLATE NOCASE";
const RAISE: &str = "UPDATE sqlite_sequence SET seq = max(CAST(seq AS INTEGER), ?2) WHERE name = ?1 COLLATE NOCASE";
/// Of a table that has none yet, or that is not there and may come back.
const ADD: &str = "INSERT INTO sqlite_sequence (name, seq)
    SELECT coalesce((SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE), ?1), ?2
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE)";

/// The highest ids that tables ever had, by the tables' names.
pub struct Counters(Vec<(String, i64)>);

impl Counters {
    /// The counters of a database; `None` if it has no table that counts.
    pub fn of(connection: &SqliteConnection) -> Result<Option<Counters>> {
        if connection.query_integer(EXIST, &[])? != Some(1) {
            return Ok(None);
        }
        let mut found = Vec::new();
        connection.query(COUNTERS, &[], &mut |row| {
            if let (ValueRef::Text(name), Some(highest)) = (row.value(0)?, row.value(1)?.as_integer())
                && let Ok(name) = std::str::from_utf8(name)
            {
                found.push((name.to_owned(), highest));
            }
            Ok(Next::Row)
        })?;
        Ok(Some(Counters(found)))
    }

    /// Whether one of these is above what the other says.
    fn exceed(&self, other: &Counters) -> bool {
        self.0.iter().any(|(name, highest)| {
            let there = other.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            there.map_or(0, |(_, highest)| *highest) < *highest
        })
    }
}

/// What a restore writes: the file of a snapshot, or, if its counters are too low, a copy of it.
pub struct Content<'s> {
    snapshot: &'s SqliteConnection,
    counters: Option<Counters>,
    copy: Option<rusqlite::Connection>,
}

impl<'s> Content<'s> {
    pub fn new(snapshot: &'s SqliteConnection) -> Result<Content<'s>> {
        Ok(Content { snapshot, counters: Counters::of(snapshot)?, copy: None })
    }

    /// Where it is read from.
    pub fn source(&self) -> &rusqlite::Connection {
        self.copy.as_ref().unwrap_or(&self.snapshot.inner)
    }

    /// Makes sure that its counters are no lower than these.
    pub fn raise(&mut self, counters: Option<Counters>, copied: Copied<'_>) -> Result<()> {
        let (Some(wanted), Some(own)) = (counters, &self.counters) else { return Ok(()) };
        if !wanted.exceed(own) {
            return Ok(());
        }
        let copy = match self.copy.take() {
            Some(copy) => copy,
            None => self.copy_out(copied)?,
        };
        let raise = || -> rusqlite::Result<()> {
            copy.execute_batch("BEGIN")?;
            for (name, highest) in wanted.0.iter().filter(|(_, highest)| *highest > 0) {
                copy.execute(RAISE, params![name, highest])?;
                copy.execute(ADD, params![name, highest])?;
            }
            copy.execute_batch("COMMIT")
        };
        raise().map_err(failed)?;
        self.counters = Some(wanted);
        self.copy = Some(copy);
        Ok(())
    }

    /// A copy in a temporary file of SQLite's, which has no name and goes with the connection.
    fn copy_out(&self, copied: Copied<'_>) -> Result<rusqlite::Connection> {
        let mut copy = temporary::empty()?;
        copy.execute_batch("PRAGMA cache_size = -2048; PRAGMA journal_mode = OFF").map_err(failed)?;
        let backup = Backup::new(&self.snapshot.inner, &mut copy).map_err(failed)?;
        while backup.step(PAGES_PER_STEP).map_err(failed)? != StepResult::Done {
            let (_, total) = pages(&backup);
            // None of them is where it belongs yet.
            copied(0, total)?;
        }
        drop(backup);
        copy.execute_batch("PRAGMA journal_mode = MEMORY").map_err(failed)?;
        Ok(copy)
    }
}
