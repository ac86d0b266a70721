//! Statements that change something, prepared once and run often.

use super::cell::Cell;
use super::connection::SqliteConnection;
use super::insert::is_huge;
use crate::database::connection::Change;
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

/// Such a statement.
pub struct SqliteChange<'c> {
    pub connection: &'c SqliteConnection,
    pub statement: rusqlite::Statement<'c>,
}

impl SqliteChange<'_> {
    /// Runs the statement with what is bound to it, which it then forgets if that is huge.
    fn run_bound(&mut self, bound: rusqlite::Result<bool>) -> Result<u64> {
        let run = || -> rusqlite::Result<usize> {
            let forgets = bound?;
            let changed = self.statement.raw_execute()?;
            if forgets {
                self.statement.clear_bindings();
            }
            Ok(changed)
        };
        let error = match run() {
            Ok(changed) => return Ok(changed as u64),
            Err(error) => self.connection.wrap(error),
        };
        // After an error of the device SQLite itself undoes everything.
        if error.status() == Status::Constraint && self.connection.inner.is_autocommit() {
            // Whoever goes on after it would write for good.
            let message = "a trigger, or a rule of a table, has undone the whole transaction; nothing was changed";
            return Err(Error::new(Status::Mismatch, Domain::Database, message)
                .hint("RAISE(ROLLBACK) or OR ROLLBACK in a trigger does that; remove the trigger")
                .caused_by(error));
        }
        Err(error)
    }
}

impl Change for SqliteChange<'_> {
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64> {
        let mut bind = || -> rusqlite::Result<bool> {
            for (index, value) in params.iter().enumerate() {
                self.statement.raw_bind_parameter(index + 1, Cell(*value))?;
            }
            Ok(params.iter().any(is_huge))
        };
        let bound = bind();
        self.run_bound(bound)
    }

    fn run_owned(&mut self, params: Vec<Value>) -> Result<u64> {
        let bind = || -> rusqlite::Result<bool> {
            let mut forgets = false;
            for (index, value) in params.into_iter().enumerate() {
                self.statement.raw_bind_parameter(index + 1, Cell(value.borrow()))?;
                forgets |= is_huge(&value.borrow());
            }
            Ok(forgets)
        };
        let bound = bind();
        self.run_bound(bound)
    }
}
