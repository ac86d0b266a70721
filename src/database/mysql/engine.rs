//! The one implementation of the interface of a connection, from the parts in this folder.

use std::sync::Arc;

use super::capabilities::CAPABILITIES;
use super::change::MysqlChange;
use super::column_type::ColumnType;
use super::connection::MysqlConnection;
use super::failure::Failure;
use super::insert::{MysqlInserter, sent};
use super::placeholders::{arrange, plain};
use super::tables::most;
use super::{add_column, layout, read, references, triggers};
use crate::database::capabilities::Capabilities;
use crate::database::column::ColumnLayout;
use crate::database::connection::{Catalog, Change, Dialect, Inserter, Reads, Write, Writes};
use crate::database::layout::{Layout, TableLayout};
use crate::database::missing_column::MissingColumn;
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::rows::{Next, Query, Row, WithCursors};
use crate::database::server::connection::{ServerConnection, opening, undecided};
use crate::database::server::lock::{begin_alone, unlock};
use crate::database::server::result_sets::read_together;
use crate::database::server::written::stored_as;
use crate::database::transaction_size::{Planned, TransactionSize};
use crate::database::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Table, quote};
use crate::values::{Value, ValueRef};

/// Rows that one statement deletes, so that the job is asked in between.
const DELETED_AT_ONCE: u64 = 20_000;

impl Reads for MysqlConnection {
    fn watch(&self, job: Option<Arc<Job>>) {
        self.channel.watched.set(job);
    }

    fn begin_read(&self) -> Result<()> {
        self.begin("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    }

    fn rollback(&self) {
        if !self.open.replace(false) {
            return;
        }
        let job = self.channel.watched.set(None);
        self.channel.abandon();
        // If this fails the transaction ends with the connection.
        let _ended_later = self.channel.command("ROLLBACK");
        let _before_the_next = self.resume_foreign_keys();
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

impl Writes for MysqlConnection {
    fn begin_write(&self) -> Result<()> {
        begin_alone(self, || self.begin_writing())
    }

    fn commit(&self) -> Result<()> {
        self.settle()?;
        let done = self.channel.command("COMMIT");
        if let Err(failure) = done {
            let error = match failure {
                Failure::Ours(error) => error,
                Failure::Server(error) => self.channel.wrap(error),
            };
            if !self.channel.is_lost() {
                return Err(error);
            }
            self.open.set(false);
            self.locked.set(false);
            return Err(undecided(error, self.place()));
        }
        self.open.set(false);
        let _before_the_next = self.resume_foreign_keys();
        unlock(self);
        Ok(())
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.lock_and_read(&format!("{sql} FOR UPDATE"), params, each)
    }

    fn first_row_locked(&self, sql: &str, params: &[Value], width: usize) -> Result<Option<Vec<Value>>> {
        let sql = format!("{sql} FOR UPDATE");
        self.lock_rows(&sql, params)?;
        self.first_row(&sql, params, width)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.lock_and_read(&format!("{sql} LOCK IN SHARE MODE"), params, each)
    }

    fn hold_job(&self, id: i64) -> Result<bool> {
        Ok(self.query_integer("SELECT GET_LOCK(?1, 0)", &[self.job_lock(id)])? == Some(1))
    }

    fn let_go_of_job(&self, id: i64) {
        // If this fails the lock ends with the connection.
        let _ends_later = self.query_integer("SELECT RELEASE_LOCK(?1)", &[self.job_lock(id)]);
    }

    fn is_one_of_several_writers(&self) -> bool {
        self.shares_writing()
    }

    fn suspend_foreign_keys(&self) -> Result<bool> {
        self.suspended.set(true);
        self.waiting(|| self.channel.command("SET SESSION foreign_key_checks = 0")).map(|()| true)
    }

    fn suspend_checks(&self) -> Result<()> {
        // MySQL checks always, so its tables have no row that breaks one.
        if self.is_mariadb() {
            self.unchecked.set(true);
            self.waiting(|| self.channel.command("SET SESSION check_constraint_checks = 0"))?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let (sql, order) = plain(sql);
        let values: Vec<ValueRef<'_>> = params.iter().map(Value::borrow).collect();
        self.change(&sql, arrange(&order, &values)?)
    }

    fn prepare_change<'c>(&'c self, sql: &str) -> Result<Box<dyn Change + 'c>> {
        let (sql, order) = plain(sql);
        Ok(Box::new(MysqlChange { connection: self, sql, order }))
    }

    fn opening(&self, write: Write, table: &TableLayout) -> Result<String> {
        Ok(opening(write, table))
    }

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(MysqlInserter::new(self, table, columns)?))
    }

    fn delete_all(&self, table: &TableLayout) -> Result<()> {
        self.refuse_without_transactions(table)?;
        let sql = format!("DELETE FROM {} LIMIT {DELETED_AT_ONCE}", quote(&table.name));
        loop {
            // The last, which finds none, locks the end of the table.
            if self.change(&sql, Vec::new())? == 0 {
                return Ok(());
            }
            if let Some(job) = self.channel.watched.job() {
                job.check()?;
            }
        }
    }

    fn allocate_ids(&self, table: &TableLayout, count: u64, above: i64) -> Result<(i64, bool)> {
        let used = self.high_water(table)?.max(above);
        if count <= most(table).abs_diff(used.min(most(table))) {
            let above = self.highest(table)?.max(above);
            let first = self.reserve(table, count, above)?.unwrap_or(used.saturating_add(1));
            return Ok((first, false));
        }
        Err(Error::new(
            Status::Limit,
            Domain::Database,
            format!("{} has no {count} free ids above the highest that was used", table.schema.name),
        )
        .detail("table", table.schema.name)
        .hint("widen the column id to BIGINT, or migrate into another database"))
    }

    fn check_undoes(&self, table: &TableLayout) -> Result<()> {
        self.refuse_without_transactions(table)
    }

    fn as_sent(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Option<Value> {
        match (column.own_type()?, value) {
            // MySQL would take the digits of the next row for a number of that kind.
            (ColumnType::Decimal(_), ValueRef::Integer(number)) => Some(Value::Text(number.to_string().into_bytes())),
            (kind, value) => sent(kind, value),
        }
    }
}

impl Catalog for MysqlConnection {
    fn layout(&self) -> Result<Layout> {
        layout::read(self)
    }

    fn references(&self, layout: &Layout) -> Result<References> {
        references::read(self, layout)
    }

    fn has_triggers(&self, table: &TableLayout) -> Result<bool> {
        triggers::any(self, Some(&table.name))
    }

    fn can_be_meddled_with(&self) -> Result<bool> {
        triggers::any(self, None)
    }

    fn unsteady_tables(&self, layout: &Layout) -> Result<Vec<Unsteady>> {
        self.without_transactions(layout)
    }

    fn transaction_size(&self, rows: &[Planned<'_>]) -> Result<Option<TransactionSize>> {
        self.size_of(rows)
    }

    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool> {
        let missing = self.layout()?.missing(tables)?;
        if missing.is_empty() {
            return Ok(false);
        }
        // The lock stays, so no other writer of ours comes in between. Another connection would not have it.
        self.mark("ROLLBACK")?;
        self.open.set(false);
        let made = missing.iter().try_for_each(|table| self.make_table(table)).and_then(|()| self.begin_writing());
        if made.is_err() {
            unlock(self);
        }
        made.map(|()| true)
    }

    fn add_column(&self, _: &TableLayout, _: &ColumnLayout) -> Result<()> {
        Err(Error::internal(Domain::Database, "adding a column would end the transaction"))
    }

    fn statement_to_add(&self, table: &TableLayout, columns: &[MissingColumn<'_>]) -> Option<String> {
        Some(add_column::statement(table, columns))
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        stored_as(column, value, |kind| self.ask(kind, value))
    }

    fn each_not_taken_back(
        &self,
        table: &TableLayout,
        column: &ColumnLayout,
        found: &mut dyn FnMut(ValueRef<'_>) -> Result<Next>,
    ) -> Result<()> {
        self.one_way(table, column, found)
    }
}

impl Dialect for MysqlConnection {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn same(&self, left: &str, right: &str) -> String {
        format!("{left} <=> {right}")
    }

    fn exactly(&self, expression: &str) -> String {
        format!("CAST({expression} AS BINARY)")
    }

    fn identical(&self, left: &str, right: &str) -> String {
        // Bytes alone do not tell all numbers of 32 bits apart, nor values alone all texts.
        let bytes = self.same(&self.exactly(left), &self.exactly(right));
        format!("({} AND {bytes})", self.same(left, right))
    }

    fn byte_length(&self, expression: &str) -> String {
        format!("octet_length({expression})")
    }
}
