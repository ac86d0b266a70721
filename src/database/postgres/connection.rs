//! The connection to a schema: opening it, and running statements on it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Known;
use super::channel::Channel;
use super::dropped_key::Key;
use super::failure::Failure;
use super::placeholders::numbered;
use super::session::{Endpoint, Server, through_pooler};
use super::settings;
use crate::database::connection::Reads;
use crate::database::server::connection::ServerConnection;
use crate::database::server::result_sets::Open;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::process;
use crate::progress::Job;
use crate::values::Value;

/// The first of the two numbers of the lock that keeps two writers of expmig apart: nobody else's, with any luck.
const LOCK: i64 = 0x45_58_4d_47;
/// Ask for a lock once, and let go of it.
pub const TRY_LOCK: &str = "SELECT pg_catalog.pg_try_advisory_lock(?1::int, ?2::int)";
pub const UNLOCK: &str = "SELECT pg_catalog.pg_advisory_unlock(?1::int, ?2::int)";

/// A number for a name.
fn hashed(name: &str) -> Value {
    let number = blake3::hash(name.as_bytes()).as_bytes().first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
    Value::Integer(i64::from(number))
}

/// One connection to a schema.
pub struct PostgresConnection {
    pub(super) channel: Channel,
    /// A transaction was begun.
    pub(super) open: Cell<bool>,
    /// This connection holds the lock of our own.
    pub(super) locked: Cell<bool>,
    /// The tables into which rows with ids were written: what numbers them has to go on behind.
    pub(super) numbered: RefCell<Vec<(String, String)>>,
    /// Tables that were made here and not filled yet.
    pub(super) made: RefCell<Vec<&'static str>>,
    /// Foreign keys that have to be added again.
    pub(super) dropped: RefCell<Vec<Key>>,
    /// How many rows the tables have that nobody else changes until the transaction ends, by their names as SQL.
    pub(super) held: RefCell<HashMap<String, u64>>,
    /// Another connection, for what the transaction must not hold or does not see.
    beside: RefCell<Option<Box<PostgresConnection>>>,
}

impl PostgresConnection {
    /// Connects.
    pub fn open(endpoint: &Endpoint, job: Option<Arc<Job>>) -> Result<PostgresConnection> {
        let session = endpoint.connect(job.as_ref())?;
        let channel = Channel::new(endpoint.clone(), session);
        channel.watched.set(job);
        Ok(PostgresConnection {
            channel,
            open: Cell::new(false),
            locked: Cell::new(false),
            numbered: RefCell::default(),
            made: RefCell::default(),
            dropped: RefCell::default(),
            held: RefCell::default(),
            beside: RefCell::default(),
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

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        self.channel.schema()
    }

    /// Where the columns of known tables are.
    pub fn know(&self, known: Known) {
        if *self.channel.known.borrow() != known {
            // How their values are read is part of what is prepared.
            self.channel.forget_statements();
            self.channel.known.replace(known);
        }
    }

    pub(super) fn ours(&self, failure: Failure) -> Error {
        failure.into_error(&self.place())
    }

    /// Runs statements without parameters.
    pub fn command(&self, sql: &str) -> Result<()> {
        self.channel.command(sql).map(drop).map_err(|failure| self.ours(failure))
    }

    /// Runs a statement with numbered parameters that changes something.
    pub fn change(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.channel.execute(sql, params).map_err(|failure| self.ours(failure))
    }

    fn lock_numbers(&self) -> [Value; 2] {
        [Value::Integer(LOCK), hashed(self.schema())]
    }

    /// Those of the lock of a job that writes in several transactions.
    pub(super) fn job_lock_numbers(&self, id: i64) -> [Value; 2] {
        [Value::Integer(LOCK + 1), hashed(&format!("{} {id}", self.schema()))]
    }

    /// Another connection in the place of this one, which was lost.
    pub(super) fn renew(&self) -> Result<()> {
        self.channel.renew()?;
        self.locked.set(false);
        self.open.set(false);
        Ok(())
    }

    /// Begins a transaction; on another connection if this one was lost since the last.
    pub(super) fn begin(&self, sql: &str) -> Result<()> {
        if self.channel.is_lost() {
            self.renew()?;
        }
        self.channel.forget_statements();
        match self.command(sql) {
            Err(_) if self.channel.is_lost() => {
                self.renew()?;
                self.command(sql)?;
            }
            begun => begun.map_err(|error| self.named_standby(error))?,
        }
        self.channel.endpoint().address.pooled.then(|| self.check_session()).transpose().inspect_err(|_| {
            self.channel.undo();
        })?;
        self.open.set(true);
        self.channel.is_in_transaction(true);
        self.numbered.borrow_mut().clear();
        self.dropped.borrow_mut().clear();
        self.held.borrow_mut().clear();
        Ok(())
    }

    /// Fails unless the transaction that has begun is in the session that was made ready, and nobody else has changed that since: a pooler may
    /// have lent it to somebody.
    fn check_session(&self) -> Result<()> {
        let wrong = || through_pooler("the pooler has changed the session").detail("database", self.place());
        let process = self
            .query_integer("SELECT pg_catalog.pg_backend_pid()", &[])
            .map_err(|error| if self.channel.is_lost() { error } else { wrong().caused_by(error) })?;
        if process != Some(self.server().process) {
            return Err(wrong());
        }
        let endpoint = self.channel.endpoint();
        self.command(&settings::statement(&endpoint.address.schema, endpoint.busy_timeout))
    }

    /// The error of a transaction that writes, from a server that follows another: it says of that what it says of much else.
    fn named_standby(&self, error: Error) -> Error {
        let follows = "SELECT pg_catalog.pg_is_in_recovery()::int";
        if self.channel.is_lost() || !matches!(self.query_integer(follows, &[]), Ok(Some(1))) {
            return error;
        }
        Error::new(Status::Io, Domain::Database, "the server is a standby, which takes no writes; nothing was changed")
            .detail("database", self.place())
            .hint("use the server that it follows, or promote it")
            .caused_by(error)
    }

    /// Does something on another connection, which stays until the transaction ends.
    pub(super) fn beside<T>(&self, act: impl FnOnce(&PostgresConnection) -> Result<T>) -> Result<T> {
        let open = self.beside.take().filter(|beside| !beside.channel.is_lost());
        let beside = match open {
            Some(open) => open,
            None => Box::new(PostgresConnection::open(self.channel.endpoint(), self.channel.watched.job())?),
        };
        let done = act(&beside);
        self.beside.replace(Some(beside));
        done
    }

    /// The transaction is over.
    pub(super) fn ended(&self) {
        self.beside.take();
        self.open.set(false);
        self.channel.is_in_transaction(false);
    }

    /// Whether a transaction was begun.
    pub fn in_transaction(&self) -> bool {
        self.open.get()
    }

    /// Does what can fail without ending the transaction that is running.
    pub(super) fn apart<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if !self.in_transaction() {
            return act();
        }
        self.command("SAVEPOINT expmig_apart")?;
        let done = act();
        if self.channel.is_lost() {
            return done;
        }
        match &done {
            Ok(_) => self.command("RELEASE SAVEPOINT expmig_apart")?,
            Err(_) => self.command("ROLLBACK TO SAVEPOINT expmig_apart; RELEASE SAVEPOINT expmig_apart")?,
        }
        done
    }

    /// Fails unless the account may use the schema; not found if there is none.
    pub fn check_schema(&self) -> Result<()> {
        let name = [Value::Text(self.schema().as_bytes().to_vec())];
        let sql =
            "SELECT pg_catalog.has_schema_privilege(oid, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = ?1";
        match self.query_integer(sql, &name)? {
            Some(1) => Ok(()),
            Some(_) => Err(Error::new(Status::Auth, Domain::Database, "the account may not use the schema")
                .detail("right", "USAGE")
                .detail("database", self.place())
                .hint("grant USAGE on the schema, or use another account")),
            None => Err(Error::new(Status::NotFound, Domain::Database, "there is no such schema")
                .detail("database", self.place())
                .hint("check the URL; EXPMIG_OPEN_CREATE creates a new schema")),
        }
    }
}

impl ServerConnection for PostgresConnection {
    type Channel = Channel;

    fn open_rows(&self, sql: &str, params: &[Value]) -> Result<Open<'_, Channel>> {
        let sql = numbered(sql).sql;
        let reading = self.channel.open(&sql, params).map_err(|failure| self.ours(failure))?;
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
        self.channel.endpoint().busy_timeout
    }

    fn watched(&self) -> &Watched {
        &self.channel.watched
    }

    fn holds_lock(&self) -> &Cell<bool> {
        &self.locked
    }

    fn try_lock(&self) -> Result<bool> {
        Ok(self.query_integer(TRY_LOCK, &self.lock_numbers())? == Some(1))
    }

    fn release_lock(&self) {
        let _ends_later = self.query_integer(UNLOCK, &self.lock_numbers());
    }

    fn leave(self) {
        self.channel.let_go();
        if let Some(beside) = self.beside.take() {
            beside.leave();
        }
        process::keep(self);
    }
}
