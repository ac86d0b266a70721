//! The connection to a schema.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::Value as Wire;

use super::capabilities::CAPABILITIES;
use super::coercion::store;
use super::column_type::ColumnType;
use super::insert::{MysqlInserter, sent};
use super::link::{Failure, Link};
use super::placeholders::plain;
use super::reserve::Beside;
use super::rows::{Buffered, MysqlCursor, Open};
use super::session::{Door, Kind, Server};
use super::stored::Stored;
use super::tables::most;
use super::{added_column, layout, read, references, triggers};
use crate::database::capabilities::Capabilities;
use crate::database::column::ColumnLayout;
use crate::database::connection::{
    Change, Connection, Copied, Cursor, Depth, Inserter, Next, Query, Row, RowCounts, WithCursors, Write,
};
use crate::database::layout::{Layout, TableLayout};
use crate::database::missing_column::MissingColumn;
use crate::database::read::ReadStatement;
use crate::database::reference::References;
use crate::database::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::process;
use crate::progress::Job;
use crate::schema::{Table, quote};
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

const BEGIN_WRITE: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE";
/// Rows that one statement deletes, so that the job is asked in between.
const DELETED_AT_ONCE: u64 = 20_000;

/// One connection to a schema.
pub struct MysqlConnection {
    pub(super) link: Link,
    pub(super) busy_timeout: Duration,
    /// A transaction was begun.
    open: Cell<bool>,
    /// Whether this connection holds the lock of this name.
    pub(super) locked: Cell<bool>,
    pub(super) lock_name: String,
    pub(super) beside: Beside,
    /// Foreign keys are off.
    suspended: Cell<bool>,
    /// So are CHECK constraints, where they can be.
    pub(super) unchecked: Cell<bool>,
    /// The account is shown every trigger.
    sees_triggers: Cell<Option<bool>>,
}

/// A value on its way to the server.
pub fn wire(value: ValueRef<'_>) -> Wire {
    match value {
        ValueRef::Null => Wire::NULL,
        ValueRef::Integer(number) => Wire::Int(number),
        ValueRef::Real(number) => Wire::Double(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Wire::Bytes(bytes.to_vec()),
    }
}

/// The values of a statement whose parameters were rewritten.
fn arrange(order: &[usize], params: &[ValueRef<'_>]) -> Result<Vec<Wire>> {
    let missing = || Error::internal(Domain::Database, "a statement has more parameters than values");
    order.iter().map(|at| params.get(*at).map(|value| wire(*value)).ok_or_else(missing)).collect()
}

struct MysqlChange<'c> {
    connection: &'c MysqlConnection,
    sql: String,
    order: Vec<usize>,
}

impl Change for MysqlChange<'_> {
    fn run(&mut self, params: &[ValueRef<'_>]) -> Result<u64> {
        self.connection.change(&self.sql, arrange(&self.order, params)?)
    }
}

impl MysqlConnection {
    /// Connects.
    pub fn open(door: &Door, busy_timeout: Duration, job: Option<Arc<Job>>) -> Result<MysqlConnection> {
        let session = door.connect(true, job.as_ref())?;
        let link = Link::new(door.clone(), session);
        link.watched.set(job);
        // The lock is one of the whole server's; its name may have 64 characters.
        let name = blake3::hash(door.address.schema.as_bytes()).to_hex();
        let lock_name = format!("expmig.{}", name.get(..32).unwrap_or_default());
        Ok(MysqlConnection {
            link,
            busy_timeout,
            open: Cell::new(false),
            locked: Cell::new(false),
            lock_name,
            beside: Beside::default(),
            suspended: Cell::new(false),
            unchecked: Cell::new(false),
            sees_triggers: Cell::new(None),
        })
    }

    /// Lets it go in a child after a fork: the descriptor is closed, and nothing is sent.
    pub fn leave(self) {
        self.link.let_go();
        process::keep(self);
    }

    /// Runs DDL that creates a schema, on a connection to none.
    pub fn create_schema(door: &Door, sql: &str, job: &Arc<Job>) -> Result<()> {
        let link = Link::new(door.clone(), door.connect(false, Some(job))?);
        link.command(sql).map_err(|failure| match failure {
            Failure::Ours(error) => error,
            Failure::Server(error) => link.wrap(error),
        })
    }

    /// For messages.
    pub fn place(&self) -> String {
        self.link.place()
    }

    /// The server at the other end.
    pub fn server(&self) -> Server {
        self.link.server()
    }

    pub fn is_mariadb(&self) -> bool {
        self.server().kind == Kind::MariaDb
    }

    /// The largest packet that the server takes.
    pub fn max_packet(&self) -> usize {
        self.server().max_packet
    }

    /// Runs a statement with plain parameters that changes something.
    pub fn change(&self, sql: &str, params: Vec<Wire>) -> Result<u64> {
        self.waiting(|| self.link.execute(sql, params.clone()))
    }

    /// Loads rows as text, some time before the next other statement: what is wrong with them may be said by that one.
    pub fn load(&self, sql: &Arc<str>, table: &'static str, text: &[u8], rows: usize) -> Result<()> {
        if self.link.gather(sql, table, text, rows) {
            return self.waiting(|| self.link.start());
        }
        Ok(())
    }

    /// Waits until all rows are loaded.
    pub fn settle(&self) -> Result<()> {
        self.waiting(|| self.link.settle())
    }

    fn read(&self, sql: &str, params: &[Value]) -> Result<Open<'_>> {
        let (sql, order) = plain(sql);
        let values: Vec<ValueRef<'_>> = params.iter().map(Value::borrow).collect();
        let params = arrange(&order, &values)?;
        let reading = self.waiting(|| self.link.open(&sql, params.clone()))?;
        Ok(Open { link: &self.link, reading })
    }

    /// The first cell of the first row.
    pub fn first(&self, sql: &str, params: &[Value]) -> Result<Value> {
        let mut found = Value::Null;
        self.query(sql, params, &mut |row| {
            found = row.value(0)?.to_owned();
            Ok(Next::Stop)
        })?;
        Ok(found)
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        self.link.schema()
    }

    /// Whether the account is shown every trigger.
    pub fn sees_triggers(&self) -> Result<bool> {
        if let Some(known) = self.sees_triggers.get() {
            return Ok(known);
        }
        let shown = triggers::are_shown(self)?;
        self.sees_triggers.set(Some(shown));
        Ok(shown)
    }

    /// Foreign keys as they are for every new connection. If this fails it is done before the next transaction.
    fn resume_foreign_keys(&self) -> Result<()> {
        if self.suspended.get() {
            self.waiting(|| self.link.command("SET SESSION foreign_key_checks = 1"))?;
            self.suspended.set(false);
        }
        if self.unchecked.get() {
            self.waiting(|| self.link.command("SET SESSION check_constraint_checks = 1"))?;
            self.unchecked.set(false);
        }
        Ok(())
    }

    /// Another connection in the place of this one, which was lost.
    fn renew(&self) -> Result<()> {
        self.link.renew()?;
        self.suspended.set(false);
        self.unchecked.set(false);
        Ok(())
    }

    /// Begins a transaction; on another connection if this one was lost since the last.
    fn begin(&self, sql: &str) -> Result<()> {
        if self.link.is_lost() {
            self.renew()?;
        }
        self.resume_foreign_keys()?;
        match self.waiting(|| self.link.command(sql)) {
            Err(_) if self.link.is_lost() => {
                self.renew()?;
                self.waiting(|| self.link.command(sql))?;
            }
            begun => begun?,
        }
        self.open.set(true);
        Ok(())
    }

    /// Whether a transaction was begun.
    pub fn in_transaction(&self) -> bool {
        self.open.get()
    }

    /// A statement that only marks something in the transaction.
    pub fn mark(&self, sql: &str) -> Result<()> {
        self.waiting(|| self.link.command(sql))
    }

    /// Has the server look at a statement without running it; how many parameters it has.
    pub fn look_at(&self, sql: &str) -> std::result::Result<usize, Failure> {
        self.settle()?;
        self.link.look_at(sql)
    }

    /// Runs a query with plain parameters; `each` gets the names of the columns, and the cells of a row.
    pub fn read_plain(
        &self,
        sql: &str,
        params: Vec<Wire>,
        each: &mut dyn FnMut(&[String], &CellBuffer) -> Result<Next>,
    ) -> std::result::Result<(), Failure> {
        self.settle()?;
        let reading = self.link.open(sql, params)?;
        let names = reading.names();
        let open = Open { link: &self.link, reading };
        let mut cells = CellBuffer::default();
        while self.link.next(&open.reading, &mut cells)? {
            if each(&names, &cells)? == Next::Stop {
                break;
            }
        }
        Ok(())
    }

    /// An error of the server as ours.
    pub fn wrap(&self, error: mysql::Error) -> Error {
        self.link.wrap(error)
    }

    /// Locks the rows of a query, and reads them.
    fn lock_and_read(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        let since = Instant::now();
        // Another's lock can turn up at any row; the locks on those before it stay. So the rows are locked first, and then read.
        loop {
            match self.query(sql, params, &mut |_| Ok(Next::Row)) {
                Err(error) if self.can_wait_for(&error) => self.pause(since, Duration::ZERO, || error)?,
                Err(error) => return Err(error),
                Ok(()) => return self.query(sql, params, each),
            }
        }
    }

    /// Runs DDL, which ends any transaction.
    pub fn define(&self, sql: &str) -> Result<()> {
        if self.open.get() {
            return Err(Error::internal(Domain::Database, "DDL inside of a transaction"));
        }
        self.waiting(|| self.link.command(sql)).map_err(|error| match self.link.is_lost() {
            true => error.hint(GOES_ON),
            false => error,
        })
    }
}

/// A definition commits itself, and the server goes on with it when nobody waits any more.
const GOES_ON: &str = "the statement may have been made, or still be made; do the same again when the server answers, it goes on from there";

/// The refusal of what is for files only; `what` is a plural.
fn files_only(what: &str) -> Error {
    Error::new(Status::Unsupported, Domain::Database, format!("{what} work on SQLite databases only, in this version"))
        .hint("migrate the experiments into a SQLite database first, and work there")
}

impl Connection for MysqlConnection {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn layout(&self) -> Result<Layout> {
        layout::read(self)
    }

    fn watch(&self, job: Option<Arc<Job>>) {
        self.link.watched.set(job);
    }

    fn begin_read(&self) -> Result<()> {
        self.begin("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    }

    fn begin_write(&self) -> Result<()> {
        if self.link.is_lost() {
            self.renew()?;
        }
        if let Err(error) = self.lock() {
            // The server may have ended the connection while nobody used it.
            if !self.link.is_lost() {
                return Err(error);
            }
            self.renew()?;
            self.lock()?;
        }
        let begun = self.begin(BEGIN_WRITE);
        if begun.is_err() {
            self.unlock();
        }
        begun
    }

    fn commit(&self) -> Result<()> {
        self.settle()?;
        let done = self.link.command("COMMIT");
        if let Err(failure) = done {
            let error = match failure {
                Failure::Ours(error) => error,
                Failure::Server(error) => self.link.wrap(error),
            };
            if !self.link.is_lost() {
                return Err(error);
            }
            self.open.set(false);
            self.locked.set(false);
            let (status, what) = match error.status() {
                Status::Timeout => (Status::Timeout, "the server did not answer the commit in time (read-timeout-ms)"),
                _ => (Status::Connection, "the connection was lost during the commit"),
            };
            let message =
                format!("{what}: whether it was made is not known; its changes are there wholly or not at all");
            return Err(Error::undecided(status, Domain::Database, message)
                .detail("database", self.place())
                .caused_by(error));
        }
        self.open.set(false);
        let _before_the_next = self.resume_foreign_keys();
        self.unlock();
        Ok(())
    }

    fn rollback(&self) {
        if !self.open.replace(false) {
            return;
        }
        let job = self.link.watched.set(None);
        self.link.abandon();
        // If this fails the transaction ends with the connection.
        let _ended_later = self.link.command("ROLLBACK");
        let _before_the_next = self.resume_foreign_keys();
        self.unlock();
        self.link.watched.set(job);
    }

    fn query(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        let open = self.read(sql, params)?;
        let mut cells = CellBuffer::default();
        while self.link.next(&open.reading, &mut cells)? {
            if each(&Buffered(&cells))? == Next::Stop {
                break;
            }
        }
        Ok(())
    }

    fn query_locked(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.lock_and_read(&format!("{sql} FOR UPDATE"), params, each)
    }

    fn query_held(&self, sql: &str, params: &[Value], each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.lock_and_read(&format!("{sql} LOCK IN SHARE MODE"), params, each)
    }

    fn references(&self, layout: &Layout) -> Result<References> {
        references::read(self, layout)
    }

    fn suspend_foreign_keys(&self) -> Result<bool> {
        self.suspended.set(true);
        self.waiting(|| self.link.command("SET SESSION foreign_key_checks = 0")).map(|()| true)
    }

    fn suspend_checks(&self) -> Result<()> {
        // MySQL checks always, so its tables have no row that breaks one.
        if self.is_mariadb() {
            self.unchecked.set(true);
            self.waiting(|| self.link.command("SET SESSION check_constraint_checks = 0"))?;
        }
        Ok(())
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        let mut cursors: Vec<Box<dyn Cursor + '_>> = Vec::new();
        for query in queries {
            let open = self.read(&query.sql, &query.params)?;
            cursors.push(Box::new(MysqlCursor::new(open)));
        }
        body(cursors)
    }

    fn prepare_read<'c>(&'c self, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
        read::prepare(self, sql)
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
        let name = quote(&table.name);
        Ok(match write {
            Write::Insert => format!("INSERT INTO {name}"),
            Write::Update => format!("UPDATE {name}"),
        })
    }

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(MysqlInserter::new(self, table, columns)?))
    }

    fn check_undoes(&self, table: &TableLayout) -> Result<()> {
        self.refuse_without_transactions(table)
    }

    fn unsteady_tables(&self, layout: &Layout) -> Result<Vec<Unsteady>> {
        self.without_transactions(layout)
    }

    fn make_tables(&self, tables: &[&'static Table]) -> Result<bool> {
        let missing = self.layout()?.missing(tables)?;
        if missing.is_empty() {
            return Ok(false);
        }
        // The lock stays, so no other writer of ours comes in between. Another connection would not have it.
        self.mark("ROLLBACK")?;
        self.open.set(false);
        let made = missing.iter().try_for_each(|table| self.make_table(table)).and_then(|()| self.mark(BEGIN_WRITE));
        match made {
            Ok(()) => self.open.set(true),
            Err(_) => self.unlock(),
        }
        made.map(|()| true)
    }

    fn delete_all(&self, table: &TableLayout) -> Result<()> {
        self.refuse_without_transactions(table)?;
        let sql = format!("DELETE FROM {} LIMIT {DELETED_AT_ONCE}", quote(&table.name));
        loop {
            // The last, which finds none, locks the end of the table.
            if self.change(&sql, Vec::new())? == 0 {
                return Ok(());
            }
            if let Some(job) = self.link.watched.job() {
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

    fn has_triggers(&self, table: &TableLayout) -> Result<bool> {
        triggers::any(self, Some(&table.name))
    }

    fn can_be_meddled_with(&self) -> Result<bool> {
        triggers::any(self, None)
    }

    fn as_sent(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Option<Value> {
        match (column.own_type()?, value) {
            // MySQL would take the digits of the next row for a number of that kind.
            (ColumnType::Decimal(_), ValueRef::Integer(number)) => Some(Value::Text(number.to_string().into_bytes())),
            (kind, value) => sent(kind, value),
        }
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        let Some(kind) = column.own_type::<ColumnType>() else {
            return Err(Error::internal(Domain::Database, "a column of another engine"));
        };
        match store(kind, value) {
            Stored::Same => Ok(Some(value.to_owned())),
            Stored::As(value) => Ok(Some(value)),
            Stored::Refused => Ok(None),
            Stored::Ask => self.ask(kind, value),
        }
    }

    fn each_not_taken_back(
        &self,
        table: &TableLayout,
        column: &ColumnLayout,
        found: &mut dyn FnMut(ValueRef<'_>) -> Result<Next>,
    ) -> Result<()> {
        self.one_way(table, column, found)
    }

    fn add_column(&self, _: &TableLayout, _: &ColumnLayout) -> Result<()> {
        Err(Error::internal(Domain::Database, "adding a column would end the transaction"))
    }

    fn statement_to_add(&self, table: &TableLayout, columns: &[MissingColumn<'_>]) -> Option<String> {
        Some(added_column::statement(table, columns))
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

    fn copy_into(&self, _: &Path, _: Copied<'_>) -> Result<()> {
        Err(files_only("copies of whole files"))
    }

    fn check_integrity(&self, _: Depth) -> Result<RowCounts> {
        Err(files_only("checks of whole files"))
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}
