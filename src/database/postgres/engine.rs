//! The one implementation of the interface of a connection, from the parts in this folder.

use std::sync::Arc;

use super::capabilities::CAPABILITIES;
use super::change::PostgresChange;
use super::connection::{PostgresConnection, TRY_LOCK, UNLOCK};
use super::insert::PostgresInserter;
use super::placeholders::numbered;
use super::tables::as_parameter;
use super::{add_column, ddl, foreign_key, layout, read, triggers};
use crate::database::capabilities::Capabilities;
use crate::database::column::ColumnLayout;
use crate::database::connection::{Catalog, Change, Dialect, Inserter, Reads, Write, Writes};
use crate::database::layout::{Layout, TableLayout};
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::rows::{Next, Query, Row, WithCursors};
use crate::database::server::connection::{ServerConnection, opening, undecided};
use crate::database::server::lock::{begin_alone, unlock};
use crate::database::server::result_sets::read_together;
use crate::database::server::written::stored_as;
use crate::database::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::Table;
use crate::values::{Value, ValueRef};

/// The first statement of a transaction is what fixes the state that it reads.
const BEGIN_READ: &str = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT";
const BEGIN_WRITE: &str = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE; SELECT";

impl Reads for PostgresConnection {
    fn watch(&self, job: Option<Arc<Job>>) {
        self.channel.watched.set(job);
    }

    fn begin_read(&self) -> Result<()> {
        self.begin(BEGIN_READ)
    }

    fn rollback(&self) {
        if !self.open.get() {
            return;
        }
        let job = self.channel.watched.set(None);
        self.channel.abandon();
        self.ended();
        self.channel.undo();
        unlock(self);
        self.channel.watched.set(job);
    }

    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.open_rows(sql, params)?.each_row(each)
    }

    fn first_row(&self, sql: &str, params: &[Value], _width: usize) -> Result<Option<Vec<Value>>> {
        self.open_rows(sql, params)?.first_row()
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        read_together(queries, |query| self.open_rows(&query.sql, &query.params), body)
    }

    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
        read::prepare(self, sql)
    }
}

impl Writes for PostgresConnection {
    fn begin_write(&self) -> Result<()> {
        begin_alone(self, || self.begin(BEGIN_WRITE))
    }

    fn commit(&self) -> Result<()> {
        self.channel.settle().map_err(|failure| self.ours(failure))?;
        self.move_sequences()?;
        self.resume_keys()?;
        let done = self.channel.commit();
        if self.channel.is_lost()
            && let Err(failure) = done
        {
            self.ended();
            self.locked.set(false);
            let error = self.ours(failure);
            return Err(undecided(error, self.place()));
        }
        let answer = done.map_err(|failure| self.ours(failure))?;
        self.ended();
        unlock(self);
        // Of a transaction in which something failed the server says that it was undone, and no more.
        if answer == "COMMIT" {
            return Ok(());
        }
        let message = "the server undid the transaction instead of committing it; nothing was changed";
        Err(Error::new(Status::Internal, Domain::Database, message).detail("database", self.place()))
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        // Who writes a row that somebody else has changed since the transaction began is refused: nothing is written on what it was.
        self.query(sql, params, each)
    }

    fn first_row_locked(&self, sql: &str, params: &[Value], width: usize) -> Result<Option<Vec<Value>>> {
        self.first_row(sql, params, width)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        // What others add meanwhile the foreign keys look at, which are never off: at the latest with the commit.
        self.query(sql, params, each)
    }

    fn hold_job(&self, id: i64) -> Result<bool> {
        Ok(self.query_integer(TRY_LOCK, &self.job_lock_numbers(id))? == Some(1))
    }

    fn let_go_of_job(&self, id: i64) {
        // If this fails the lock ends with the connection.
        let _ends_later = self.query_integer(UNLOCK, &self.job_lock_numbers(id));
    }

    fn hold_tables(&self, tables: &[&TableLayout]) -> Result<bool> {
        self.hold_all(tables).map(|()| true)
    }

    fn suspend_foreign_keys(&self) -> Result<bool> {
        self.defer_keys().map(|()| true)
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.change(&numbered(sql).sql, params)
    }

    fn prepare_change<'c>(&'c self, sql: &str) -> Result<Box<dyn Change + 'c>> {
        Ok(Box::new(PostgresChange { connection: self, sql: numbered(sql).sql }))
    }

    fn opening(&self, write: Write, table: &TableLayout) -> Result<String> {
        Ok(opening(write, table))
    }

    fn with_ids_given(&self) -> &'static str {
        "OVERRIDING SYSTEM VALUE "
    }

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(PostgresInserter::new(self, table, columns)?))
    }

    fn delete_all(&self, table: &TableLayout) -> Result<()> {
        self.delete_every_row(table)
    }

    fn allocate_ids(&self, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)> {
        self.reserve(table, count, above).map(|first| (first, false))
    }

    fn check_undoes(&self, table: &TableLayout) -> Result<()> {
        self.refuse_unlogged(table)
    }

    fn as_sent(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Option<Value> {
        as_parameter(column.own_type()?, value)
    }
}

impl Catalog for PostgresConnection {
    fn layout(&self) -> Result<Layout> {
        layout::read(self)
    }

    fn references(&self, layout: &Layout) -> Result<References> {
        foreign_key::references(self, layout)
    }

    fn has_triggers(&self, table: &TableLayout) -> Result<bool> {
        triggers::any(self, Some(&table.name))
    }

    fn can_be_meddled_with(&self) -> Result<bool> {
        triggers::any(self, None)
    }

    fn unsteady_tables(&self, _: &Layout) -> Result<Vec<Unsteady>> {
        Ok(Vec::new())
    }

    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool> {
        let missing = self.layout()?.missing(tables)?;
        for table in &missing {
            self.command(&ddl::create_statement(table)).map_err(|error| match error.status() {
                Status::Auth => error.detail("right", "CREATE").detail("table", table.name),
                _ => error,
            })?;
        }
        Ok(!missing.is_empty())
    }

    fn add_column(&self, table: &TableLayout, column: &ColumnLayout) -> Result<()> {
        add_column::add_column(self, table, column)
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        stored_as(column, value, |kind| self.ask(kind, &column.declared, value))
    }
}

impl Dialect for PostgresConnection {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn same(&self, left: &str, right: &str) -> String {
        format!("{left} IS NOT DISTINCT FROM {right}")
    }

    fn exactly(&self, expression: &str) -> String {
        format!("CAST({expression} AS text) COLLATE \"C\"")
    }

    fn identical(&self, left: &str, right: &str) -> String {
        format!("({} IS NOT DISTINCT FROM {})", self.exactly(left), self.exactly(right))
    }

    fn byte_length(&self, expression: &str) -> String {
        // What is stored may be compressed. Of what is large all the same nothing is unpacked for this, and no text is made.
        format!(
            "(CASE WHEN pg_catalog.pg_column_size({expression}) < 16777216 THEN pg_catalog.octet_length(CAST({expression} AS text)) \
             ELSE pg_catalog.pg_column_size({expression}) END)"
        )
    }

    fn as_integer(&self, expression: &str) -> String {
        format!("CAST({expression} AS bigint)")
    }

    fn is_odd_real(&self, expression: &str) -> String {
        format!("({expression} = 'NaN' OR {expression} = 0 AND CAST({expression} AS text) LIKE '-%')")
    }
}
