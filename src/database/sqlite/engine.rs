//! The one implementation of the interface of a connection, from the parts in this folder.

use std::path::Path;
use std::sync::Arc;

use super::capabilities::CAPABILITIES;
use super::cell::SqliteRow;
use super::change::SqliteChange;
use super::connection::{Access, SqliteConnection};
use super::failure::{needs_recovery, of_commit};
use super::insert::SqliteInserter;
use super::{add_column, coercion, copy, cursors, ids, insert, integrity, layout, read, references, seek, triggers};
use crate::database::capabilities::Capabilities;
use crate::database::column::ColumnLayout;
use crate::database::connection::{
    Catalog, Change, Copied, Depth, Dialect, Inserter, Reads, RowCounts, Whereabouts, Write, Writes,
};
use crate::database::layout::{Layout, TableLayout};
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::rows::{Next, Query, Row, WithCursors};
use crate::database::transaction::Transaction;
use crate::database::unsteady::Unsteady;
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Table, create_statement, quote};
use crate::values::{Value, ValueRef};

impl Reads for SqliteConnection {
    fn watch(&self, job: Option<Arc<Job>>) {
        self.waits.watched.set(job);
    }

    fn begin_read(&self) -> Result<()> {
        let begin = |inner: &rusqlite::Connection| {
            inner.execute_batch("BEGIN")?;
            // BEGIN alone reads nothing; the first read fixes the state.
            let first = inner.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
            if first.is_err() {
                inner.execute_batch("ROLLBACK")?;
            }
            first
        };
        self.begin(|| match self.waiting(begin) {
            Err(error) if self.recovers && needs_recovery(&error) => {
                // A writer was cut off since this connection was opened. Opening for writing undoes what it left.
                let (access, job) = (Access::ReadAfterRecovery, self.waits.watched.job());
                drop(SqliteConnection::open(&self.waits.path, access, self.waits.busy_timeout, false, job)?);
                self.waiting(begin)
            }
            begun => begun,
        })
    }

    fn rollback(&self) {
        // In a child it is the parent's transaction.
        if self.inner.is_autocommit() || !self.waits.process.is_current() {
            return;
        }
        // Rolling back must not be interrupted by the request that caused it.
        let job = self.waits.watched.set(None);
        // If this fails the transaction ends with the connection or with the process: SQLite's journal undoes it.
        let _ended_later = self.inner.execute_batch("ROLLBACK");
        self.waits.watched.set(job);
    }

    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        let mut statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        SqliteConnection::bind(&mut statement, params).map_err(|error| self.wrap(error))?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.wrap(error))? {
            if each(&SqliteRow(row))? == Next::Stop {
                break;
            }
        }
        Ok(())
    }

    fn whereabouts(&self, table: &TableLayout, column: &str, bounds: (i64, Option<i64>)) -> Result<Whereabouts> {
        seek::whereabouts(self, table, column, bounds)
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        cursors::read_together(self, queries, body)
    }

    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
        read::prepare(self, sql)
    }

    fn copy_into(&self, into: &Path, copied: Copied<'_>) -> Result<()> {
        copy::copy_out(self, into, copied)
    }

    fn check_integrity(&self, depth: Depth) -> Result<RowCounts> {
        integrity::check(self, depth)
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.waits.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl Writes for SqliteConnection {
    fn begin_write(&self) -> Result<()> {
        self.begin(|| self.waiting(|inner| inner.execute_batch("BEGIN IMMEDIATE")))
    }

    fn commit(&self) -> Result<()> {
        self.waits.check_file()?;
        // A commit that meets a reader leaves the transaction open and can be tried again.
        self.waiting(|inner| inner.execute_batch("COMMIT")).map_err(of_commit)
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.query(sql, params, each)
    }

    fn suspend_foreign_keys(&self) -> Result<bool> {
        // Our connections never enforce them.
        Ok(false)
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        SqliteConnection::bind(&mut statement, params).map_err(|error| self.wrap(error))?;
        let changed = statement.raw_execute().map_err(|error| self.wrap(error))?;
        Ok(changed as u64)
    }

    fn prepare_change<'c>(&'c self, sql: &str) -> Result<Box<dyn Change + 'c>> {
        let statement = self.inner.prepare(sql).map_err(|error| self.wrap(error))?;
        Ok(Box::new(SqliteChange { connection: self, statement }))
    }

    fn opening(&self, write: Write, table: &TableLayout) -> Result<String> {
        insert::opening(self, write, table)
    }

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(SqliteInserter::new(self, table, columns)?))
    }

    fn delete_all(&self, table: &TableLayout) -> Result<()> {
        self.execute(&format!("DELETE FROM {}", quote(&table.name)), &[]).map(drop)
    }

    fn allocate_ids(&self, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)> {
        ids::allocate(self, table, count, above)
    }

    fn check_undoes(&self, _: &TableLayout) -> Result<()> {
        Ok(())
    }
}

impl Catalog for SqliteConnection {
    fn layout(&self) -> Result<Layout> {
        // Outside of a transaction: wait for a lock, and read one state.
        let _state = if self.inner.is_autocommit() { Some(Transaction::read(self)?) } else { None };
        layout::read(&self.inner, &|error| self.wrap(error)).map_err(|error| {
            let named = error.details().iter().any(|detail| detail.key == "path");
            if named { error } else { error.at(&self.waits.path) }
        })
    }

    fn references(&self, layout: &Layout) -> Result<References> {
        references::read(&self.inner, layout).map_err(|error| self.wrap(error))
    }

    fn has_triggers(&self, table: &TableLayout) -> Result<bool> {
        triggers::has(self, table)
    }

    fn can_be_meddled_with(&self) -> Result<bool> {
        // Every statement of ours says what becomes of rows that are in each other's way, but those of triggers.
        triggers::has_any(self)
    }

    fn unsteady_tables(&self, _: &Layout) -> Result<Vec<Unsteady>> {
        Ok(Vec::new())
    }

    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool> {
        for table in self.layout()?.missing(tables)? {
            self.execute(&create_statement(table), &[])?;
        }
        Ok(false)
    }

    fn add_column(&self, table: &TableLayout, column: &ColumnLayout) -> Result<()> {
        add_column::add_column(self, table, column)
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        coercion::stored_as(self, column, value)
    }
}

impl Dialect for SqliteConnection {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn same(&self, left: &str, right: &str) -> String {
        format!("{left} IS {right}")
    }

    fn exactly(&self, expression: &str) -> String {
        format!("{expression} COLLATE BINARY")
    }

    fn identical(&self, left: &str, right: &str) -> String {
        format!("({} AND typeof({left}) = typeof({right}))", self.same(left, &self.exactly(right)))
    }

    fn byte_length(&self, expression: &str) -> String {
        format!("length(CAST({expression} AS BLOB))")
    }
}
