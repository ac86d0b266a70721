//! The connection to a schema: opening it, and running statements on it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::Value as Wire;

use super::cell::wire;
use super::channel::Channel;
use super::failure::Failure;
use super::placeholders::{arrange, plain};
use super::second_connection::SecondConnection;
use super::session::{Endpoint, Kind, Server};
use crate::database::connection::Reads;
use crate::database::rows::{Next, Row};
use crate::database::server::connection::ServerConnection;
use crate::database::server::lock::pause;
use crate::database::server::result_sets::Open;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result};
use crate::process;
use crate::progress::Job;
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

/// One connection to a schema.
pub struct MysqlConnection {
    pub(super) channel: Channel,
    busy_timeout: Duration,
    /// A transaction was begun.
    pub(super) open: Cell<bool>,
    /// Whether this connection holds the lock of this name.
    pub(super) locked: Cell<bool>,
    lock_name: String,
    pub(super) beside: SecondConnection,
    /// Foreign keys are off.
    pub(super) suspended: Cell<bool>,
    /// So are CHECK constraints, where they can be.
    pub(super) unchecked: Cell<bool>,
    /// Other servers write into the same tables.
    pub(super) shared: Cell<bool>,
    /// The account is shown every trigger.
    pub(super) shows_triggers: Cell<Option<bool>>,
}

impl MysqlConnection {
    /// Connects.
    pub fn open(endpoint: &Endpoint, busy_timeout: Duration, job: Option<Arc<Job>>) -> Result<MysqlConnection> {
        let session = endpoint.connect(true, job.as_ref())?;
        let channel = Channel::new(endpoint.clone(), session);
        channel.watched.set(job);
        // The lock is one of the whole server's; its name may have 64 characters.
        let name = blake3::hash(endpoint.address.schema.as_bytes()).to_hex();
        let lock_name = format!("expmig.{}", name.get(..32).unwrap_or_default());
        Ok(MysqlConnection {
            channel,
            busy_timeout,
            open: Cell::new(false),
            locked: Cell::new(false),
            lock_name,
            beside: SecondConnection::default(),
            suspended: Cell::new(false),
            unchecked: Cell::new(false),
            shared: Cell::new(false),
            shows_triggers: Cell::new(None),
        })
    }

    /// Runs DDL that creates a schema, on a connection to none.
    pub fn create_schema(endpoint: &Endpoint, sql: &str, job: &Arc<Job>) -> Result<()> {
        let channel = Channel::new(endpoint.clone(), endpoint.connect(false, Some(job))?);
        channel.command(sql).map_err(|failure| match failure {
            Failure::Ours(error) => error,
            Failure::Server(error) => channel.wrap(error),
        })
    }

    /// The URL without the password, for messages.
    pub fn place(&self) -> String {
        self.channel.place()
    }

    /// The server at the other end.
    pub fn server(&self) -> Server {
        self.channel.server()
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
        self.waiting(|| self.channel.execute(sql, params.clone()))
    }

    /// As [`MysqlConnection::change`], of a statement with huge values: they are not kept to be sent again, so the lock of somebody else is not
    /// waited for longer than the server does.
    pub fn change_at_once(&self, sql: &str, params: Vec<Wire>) -> Result<u64> {
        self.channel.execute(sql, params).map_err(|failure| match failure {
            Failure::Ours(error) => error,
            Failure::Server(error) => self.wrap(error),
        })
    }

    /// Loads rows as text, some time before the next other statement: what is wrong with them may be said by that one.
    pub fn load(&self, sql: &Arc<str>, table: &'static str, text: &mut Vec<u8>, rows: usize) -> Result<()> {
        if self.channel.gather(sql, table, text, rows) {
            return self.waiting(|| self.channel.start());
        }
        Ok(())
    }

    /// Waits until all rows are loaded.
    pub fn settle(&self) -> Result<()> {
        self.waiting(|| self.channel.settle())
    }

    /// The name of the lock of a job that writes in several transactions.
    pub(super) fn job_lock(&self, id: i64) -> Value {
        Value::Text(format!("{}.{id}", self.lock_name).into_bytes())
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        self.channel.schema()
    }

    /// Foreign keys as they are for every new connection. If this fails it is done before the next transaction.
    pub(super) fn resume_foreign_keys(&self) -> Result<()> {
        if self.suspended.get() {
            self.waiting(|| self.channel.command("SET SESSION foreign_key_checks = 1"))?;
            self.suspended.set(false);
        }
        if self.unchecked.get() {
            self.waiting(|| self.channel.command("SET SESSION check_constraint_checks = 1"))?;
            self.unchecked.set(false);
        }
        Ok(())
    }

    /// Another connection in the place of this one, which was lost.
    pub(super) fn renew(&self) -> Result<()> {
        self.channel.renew()?;
        self.locked.set(false);
        self.suspended.set(false);
        self.unchecked.set(false);
        Ok(())
    }

    /// Begins a transaction; on another connection if this one was lost since the last.
    pub(super) fn begin(&self, sql: &str) -> Result<()> {
        if self.channel.is_lost() {
            self.renew()?;
        }
        self.resume_foreign_keys()?;
        match self.waiting(|| self.channel.command(sql)) {
            Err(_) if self.channel.is_lost() => {
                self.renew()?;
                self.waiting(|| self.channel.command(sql))?;
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
        self.waiting(|| self.channel.command(sql))
    }

    /// Has the server look at a statement without running it; how many parameters it has.
    pub fn look_at(&self, sql: &str) -> std::result::Result<(usize, Vec<String>), Failure> {
        self.settle()?;
        self.channel.look_at(sql)
    }

    /// Runs a query with plain parameters; `each` gets the names of the columns, and the cells of a row.
    pub fn read_plain(
        &self,
        sql: &str,
        params: Vec<Wire>,
        each: &mut dyn FnMut(&[String], &CellBuffer) -> Result<Next>,
    ) -> std::result::Result<(), Failure> {
        self.settle()?;
        let reading = self.channel.open(sql, params)?;
        let names = reading.names();
        let open = Open { channel: &self.channel, reading };
        Ok(open.each(&mut |cells| each(&names, cells))?)
    }

    /// An error of the server as ours.
    pub fn wrap(&self, error: mysql::Error) -> Error {
        self.channel.wrap(error)
    }

    /// Locks the rows of a query, and reads them.
    pub(super) fn lock_and_read(
        &self,
        sql: &str,
        params: &[Value],
        each: &mut dyn FnMut(&dyn Row) -> Result<Next>,
    ) -> Result<()> {
        // Another's lock can turn up at any row; the locks on those before it stay. So the rows are locked first, and then read.
        self.lock_rows(sql, params)?;
        self.query(sql, params, each)
    }

    /// Runs a query that locks its rows.
    pub(super) fn lock_rows(&self, sql: &str, params: &[Value]) -> Result<()> {
        let since = Instant::now();
        loop {
            match self.query(sql, params, &mut |_| Ok(Next::Row)) {
                Err(error) if self.can_wait_for(&error) => pause(self, since, Duration::ZERO, || error)?,
                locked => return locked,
            }
        }
    }

    /// Runs DDL, which ends any transaction.
    pub fn define(&self, sql: &str) -> Result<()> {
        if self.open.get() {
            return Err(Error::internal(Domain::Database, "DDL inside of a transaction"));
        }
        self.waiting(|| self.channel.command(sql)).map_err(|error| match self.channel.is_lost() {
            true => error.hint(GOES_ON),
            false => error,
        })
    }
}

impl ServerConnection for MysqlConnection {
    type Channel = Channel;

    fn open_rows(&self, sql: &str, params: &[Value]) -> Result<Open<'_, Channel>> {
        let (sql, order) = plain(sql);
        let values: Vec<ValueRef<'_>> = params.iter().map(Value::borrow).collect();
        let params = arrange(&order, &values)?;
        let reading = self.waiting(|| self.channel.open(&sql, params.clone()))?;
        Ok(Open { channel: &self.channel, reading })
    }

    fn place(&self) -> String {
        self.place()
    }

    fn is_lost(&self) -> bool {
        self.channel.is_lost()
    }

    fn renew(&self) -> Result<()> {
        self.renew()
    }

    fn busy_timeout(&self) -> Duration {
        self.busy_timeout
    }

    fn watched(&self) -> &Watched {
        &self.channel.watched
    }

    fn holds_lock(&self) -> &Cell<bool> {
        &self.locked
    }

    fn try_lock(&self) -> Result<bool> {
        let name = [Value::Text(self.lock_name.clone().into_bytes())];
        Ok(self.query_integer("SELECT GET_LOCK(?1, 0)", &name)? == Some(1))
    }

    fn release_lock(&self) {
        let name = wire(ValueRef::Text(self.lock_name.as_bytes()));
        let _ends_later = self.channel.execute("SELECT RELEASE_LOCK(?)", vec![name]);
    }

    fn close_beside(&self) {
        self.beside.close();
    }

    fn leave(self) {
        self.channel.let_go();
        process::keep(self);
    }
}

/// A definition commits itself, and the server goes on with it when nobody waits any more.
const GOES_ON: &str = "the statement may have been made, or still be made; do the same again when the server answers, it goes on from there";
