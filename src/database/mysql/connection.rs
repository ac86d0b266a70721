//! The connection to a schema.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::Value as Wire;

use super::column_type::ColumnType;
use super::failure::{LOCK_WAIT_TIMEOUT, is_lock_wait};
use super::insert::MysqlInserter;
use super::link::{Failure, Link, Reading};
use super::placeholders::plain;
use super::session::{Door, Kind, LOCK_PAUSE, Server};
use super::store::{Stored, store};
use super::{added_column, layout, read};
use crate::database::cell_buffer::CellBuffer;
use crate::database::connection::{
    Change, Connection, Copied, Cursor, Depth, Engine, Inserter, Next, Query, Row, RowCounts, WithCursors, sqlite_only,
};
use crate::database::layout::{ColumnLayout, Layout, Storage, TableLayout};
use crate::database::missing_column::MissingColumn;
use crate::database::read::ReadStatement;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Table, Value, ValueRef, create_statement_mysql, quote};

const BEGIN_WRITE: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE";
/// Rows that one statement deletes, so that the job is asked in between.
const DELETED_AT_ONCE: u64 = 20_000;

/// One connection to a schema.
pub struct MysqlConnection {
    link: Link,
    busy_timeout: Duration,
    /// A transaction was begun.
    open: Cell<bool>,
    /// The name of the lock that this connection holds.
    locked: Cell<bool>,
    lock_name: String,
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

/// A row that was read.
struct Buffered<'b>(&'b CellBuffer);

impl Row for Buffered<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if index < self.0.len() {
            return Ok(self.0.get(index));
        }
        Err(Error::internal(Domain::Database, "MySQL: a cell that was not selected"))
    }
}

/// Ends reading when it is dropped.
struct Open<'c> {
    link: &'c Link,
    reading: Reading,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.link.close(&self.reading);
    }
}

struct MysqlCursor<'c> {
    open: Open<'c>,
    cells: CellBuffer,
}

impl Row for MysqlCursor<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if index < self.cells.len() {
            return Ok(self.cells.get(index));
        }
        Err(Error::internal(Domain::Database, "MySQL: a cell of no row"))
    }
}

impl Cursor for MysqlCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        self.open.link.next(&self.open.reading, &mut self.cells)
    }
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
        let session = door.connect(true)?;
        let link = Link::new(door.clone(), session);
        link.watched.set(job);
        // The lock is one of the whole server's; its name may have 64 characters.
        let name = blake3::hash(door.address.schema.as_bytes()).to_hex();
        let lock_name = format!("expmig.{}", name.get(..32).unwrap_or_default());
        Ok(MysqlConnection { link, busy_timeout, open: Cell::new(false), locked: Cell::new(false), lock_name })
    }

    /// Runs DDL that creates a schema, on a connection to none.
    pub fn create_schema(door: &Door, sql: &str) -> Result<()> {
        let link = Link::new(door.clone(), door.connect(false)?);
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

    /// Sleeps a little because of a lock. Fails with its error if the busy timeout has passed since `since`.
    fn pause(&self, since: Instant, sleep: Duration, error: impl FnOnce() -> Error) -> Result<()> {
        if since.elapsed() >= self.busy_timeout {
            return Err(error().detail("busy_timeout_ms", self.busy_timeout.as_millis()));
        }
        if let Some(job) = self.link.watched.job() {
            job.check()?;
        }
        std::thread::sleep(sleep);
        Ok(())
    }

    /// Runs what may meet a lock, again and again until the busy timeout passes.
    fn waiting<T>(&self, mut act: impl FnMut() -> std::result::Result<T, Failure>) -> Result<T> {
        let since = Instant::now();
        loop {
            match act() {
                Ok(value) => return Ok(value),
                Err(Failure::Ours(error)) => return Err(error),
                // The server waited a second already.
                Err(Failure::Server(error)) if is_lock_wait(&error) && !self.link.server().lock_wait_undoes_all => {
                    self.pause(since, Duration::ZERO, || self.link.wrap(error))?;
                }
                Err(Failure::Server(error)) => return Err(self.link.wrap(error)),
            }
        }
    }

    /// Runs a statement with plain parameters that changes something.
    pub fn change(&self, sql: &str, params: Vec<Wire>) -> Result<u64> {
        self.waiting(|| self.link.execute(sql, params.clone()))
    }

    /// Loads rows as text; fails unless all of them came in as they are.
    pub fn load(&self, sql: &str, text: Vec<u8>, rows: usize) -> Result<()> {
        let text = Arc::new(text);
        let loaded = self.waiting(|| self.link.load(sql, Arc::clone(&text)))?;
        if loaded == rows as u64 {
            return Ok(());
        }
        let message = format!("of {rows} rows the server took {loaded}; nothing was changed");
        Err(Error::new(Status::Constraint, Domain::Database, message)
            .hint("compare the target's schema with the source's"))
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

    /// Begins a transaction; on another connection if this one was lost since the last.
    fn begin(&self, sql: &str) -> Result<()> {
        if self.link.is_lost() {
            self.link.renew()?;
        }
        match self.waiting(|| self.link.command(sql)) {
            Err(_) if self.link.is_lost() => {
                self.link.renew()?;
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
        self.link.look_at(sql)
    }

    /// Runs a query with plain parameters; `each` gets the names of the columns, and the cells of a row.
    pub fn read_plain(
        &self,
        sql: &str,
        params: Vec<Wire>,
        each: &mut dyn FnMut(&[String], &CellBuffer) -> Result<Next>,
    ) -> std::result::Result<(), Failure> {
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

    /// Waits until no other writer of ours is at work on the schema. The server lets go of the lock when the connection ends.
    fn lock(&self) -> Result<()> {
        let since = Instant::now();
        let name = [Value::Text(self.lock_name.clone().into_bytes())];
        loop {
            if (self as &dyn Connection).query_integer("SELECT GET_LOCK(?1, 0)", &name)? == Some(1) {
                self.locked.set(true);
                return Ok(());
            }
            self.pause(since, LOCK_PAUSE, || {
                Error::new(Status::Busy, Domain::Database, "another writer of expmig is at work on the schema")
                    .detail("database", self.place())
                    .hint("try again, or raise busy_timeout_ms")
            })?;
        }
    }

    /// Does something that no other writer of ours may do at the same time.
    pub fn while_locked(&self, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.lock()?;
        let done = act();
        self.unlock();
        done
    }

    fn unlock(&self) {
        if self.locked.replace(false) {
            // If this fails the lock ends with the connection.
            let _ends_later =
                self.link.execute("SELECT RELEASE_LOCK(?)", vec![wire(ValueRef::Text(self.lock_name.as_bytes()))]);
        }
    }

    /// Runs DDL, which ends any transaction.
    pub fn define(&self, sql: &str) -> Result<()> {
        if self.open.get() {
            return Err(Error::internal(Domain::Database, "DDL inside of a transaction"));
        }
        self.waiting(|| self.link.command(sql))
    }

    fn make_table(&self, table: &Table) -> Result<()> {
        self.define(&create_statement_mysql(table)).map_err(|error| match error.status() {
            Status::Auth => error.detail("right", "CREATE").detail("table", table.name),
            _ => error,
        })
    }

    /// Whether the statement failed because of another's lock, and can be tried again within the transaction.
    fn can_wait_for(&self, error: &Error) -> bool {
        error.vendor_code() == Some(i32::from(LOCK_WAIT_TIMEOUT)) && !self.link.server().lock_wait_undoes_all
    }

    /// Fails if what is written into the table could not be undone.
    pub fn refuse_without_transactions(&self, table: &TableLayout) -> Result<()> {
        let sql = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let engine = self.first(sql, &[Value::Text(table.name.clone().into_bytes())])?;
        let engine = engine.borrow().readable().unwrap_or_default();
        if engine.eq_ignore_ascii_case("InnoDB") || engine.eq_ignore_ascii_case("RocksDB") {
            return Ok(());
        }
        Err(Error::new(
            Status::Unsupported,
            Domain::Database,
            format!("the table {} is of the engine {engine}, which cannot undo what is written", table.name),
        )
        .detail("table", &table.name)
        .detail("database", self.place())
        .hint(format!("ALTER TABLE {} ENGINE = InnoDB", quote(&table.name))))
    }

    /// What the server itself makes of a value.
    fn ask(&self, column: &ColumnType, value: ValueRef<'_>) -> Result<Option<Value>> {
        let stored = match column {
            ColumnType::Json => self.first("SELECT CAST(CAST(?1 AS JSON) AS CHAR)", &[value.to_owned()]),
            ColumnType::Decimal { digits, scale } => {
                let cast = format!("SELECT CAST(?1 AS DECIMAL({digits}, {scale}))");
                self.first(&cast, &[value.to_owned()])
            }
            // MariaDB's JSON; other character sets stay refused but for ASCII.
            ColumnType::Text { json: true, .. } => {
                let valid = self.first("SELECT JSON_VALID(?1)", &[value.to_owned()])?;
                return Ok((valid == Value::Integer(1)).then(|| value.to_owned()));
            }
            _ => return Ok(None),
        };
        match stored {
            Ok(stored) => Ok(Some(stored).filter(|stored| *stored != Value::Null)),
            // What it refuses to convert.
            Err(error) if matches!(error.status(), Status::Constraint) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The highest id that the table has or had.
    fn high_water(&self, table: &TableLayout) -> Result<i64> {
        let connection: &dyn Connection = self;
        let name = quote(&table.name);
        let highest =
            connection.query_integer(&format!("SELECT MAX({}) FROM {name}", table.quoted("id")), &[])?.unwrap_or(0);
        let sql =
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let next = connection.query_integer(sql, &[Value::Text(table.name.clone().into_bytes())])?.unwrap_or(1);
        Ok(highest.max(next.saturating_sub(1)).max(0))
    }
}

/// The highest id that a column holds.
fn most(table: &TableLayout) -> i64 {
    let id = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case("id"));
    match id.map(|column| &column.storage) {
        Some(Storage::Mysql(ColumnType::Integer { most, .. })) => i64::try_from(*most).unwrap_or(i64::MAX),
        _ => i64::MAX,
    }
}

impl Connection for MysqlConnection {
    fn engine(&self) -> Engine {
        Engine::Mysql
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
            self.link.renew()?;
        }
        if let Err(error) = self.lock() {
            // The server may have ended the connection while nobody used it.
            if !self.link.is_lost() {
                return Err(error);
            }
            self.link.renew()?;
            self.lock()?;
        }
        let begun = self.begin(BEGIN_WRITE);
        if begun.is_err() {
            self.unlock();
        }
        begun
    }

    fn commit(&self) -> Result<()> {
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
            let message = "the connection was lost during the commit: whether it was made is not known; its changes are there wholly or not at all";
            return Err(Error::undecided(Status::Connection, Domain::Database, message)
                .detail("database", self.place())
                .caused_by(error));
        }
        self.open.set(false);
        self.unlock();
        Ok(())
    }

    fn rollback(&self) {
        if !self.open.replace(false) {
            return;
        }
        let job = self.link.watched.set(None);
        // If this fails the transaction ends with the connection.
        let _ended_later = self.link.command("ROLLBACK");
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
        let sql = format!("{sql} FOR UPDATE");
        let since = Instant::now();
        // Another's lock can turn up at any row; the locks on those before it stay. So the rows are locked first, and then read.
        loop {
            match self.query(&sql, params, &mut |_| Ok(Next::Row)) {
                Err(error) if self.can_wait_for(&error) => self.pause(since, Duration::ZERO, || error)?,
                Err(error) => return Err(error),
                Ok(()) => return self.query(&sql, params, each),
            }
        }
    }

    fn has_other_writers(&self) -> bool {
        true
    }

    fn read_together(&self, queries: &[Query], body: WithCursors<'_>) -> Result<()> {
        let mut cursors: Vec<Box<dyn Cursor + '_>> = Vec::new();
        for query in queries {
            let open = self.read(&query.sql, &query.params)?;
            cursors.push(Box::new(MysqlCursor { open, cells: CellBuffer::default() }));
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

    fn inserter<'c>(&'c self, table: &TableLayout, columns: &[&str]) -> Result<Box<dyn Inserter + 'c>> {
        Ok(Box::new(MysqlInserter::new(self, table, columns)?))
    }

    fn check_undoes(&self, table: &TableLayout) -> Result<()> {
        self.refuse_without_transactions(table)
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

    fn allocate_ids(&self, table: &TableLayout, count: u64) -> Result<(i64, bool)> {
        let used = self.high_water(table)?;
        if count <= most(table).abs_diff(used.min(most(table))) {
            return Ok((used.saturating_add(1), false));
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
        let sql = "SELECT COUNT(*) FROM information_schema.TRIGGERS
            WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ?1";
        let count = (self as &dyn Connection).query_integer(sql, &[Value::Text(table.name.clone().into_bytes())])?;
        Ok(count.unwrap_or(0) > 0)
    }

    fn stored_as(&self, column: &ColumnLayout, value: ValueRef<'_>) -> Result<Option<Value>> {
        let Storage::Mysql(kind) = &column.storage else {
            return Err(Error::internal(Domain::Database, "a column of another engine"));
        };
        match store(kind, value) {
            Stored::Same => Ok(Some(value.to_owned())),
            Stored::As(value) => Ok(Some(value)),
            Stored::Refused => Ok(None),
            Stored::Ask => self.ask(kind, value),
        }
    }

    fn add_column(&self, _: &TableLayout, _: &str, _: &str) -> Result<bool> {
        Ok(false)
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
        Err(sqlite_only("copies of whole files"))
    }

    fn check_integrity(&self, _: Depth) -> Result<RowCounts> {
        Err(sqlite_only("checks of whole files"))
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}
