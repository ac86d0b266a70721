//! Waiting for the locks of others, and the lock that keeps two writers of expmig apart.

use std::time::{Duration, Instant};

use super::cell::wire;
use super::connection::MysqlConnection;
use super::failure::Failure;
use super::failure::{LOCK_WAIT_TIMEOUT, is_lock_wait};
use super::session::LOCK_PAUSE;
use crate::database::connection::Reads;
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

impl MysqlConnection {
    /// Sleeps a little because of a lock. Fails with its error if the busy timeout has passed since `since`.
    pub(super) fn pause(&self, since: Instant, sleep: Duration, error: impl FnOnce() -> Error) -> Result<()> {
        if since.elapsed() >= self.busy_timeout {
            return Err(error().detail("busy_timeout_ms", self.busy_timeout.as_millis()));
        }
        if let Some(job) = self.channel.watched.job() {
            job.check()?;
        }
        std::thread::sleep(sleep);
        Ok(())
    }

    /// Whether the statement failed because of another's lock, and can be tried again within the transaction.
    pub(super) fn can_wait_for(&self, error: &Error) -> bool {
        error.vendor_code() == Some(i32::from(LOCK_WAIT_TIMEOUT)) && !self.channel.server().lock_wait_undoes_all
    }

    /// Runs what may meet a lock, again and again until the busy timeout passes.
    pub(super) fn waiting<T>(&self, mut act: impl FnMut() -> std::result::Result<T, Failure>) -> Result<T> {
        let since = Instant::now();
        loop {
            match act() {
                Ok(value) => return Ok(value),
                Err(Failure::Ours(error)) => return Err(error),
                // The server waited a second already.
                Err(Failure::Server(error)) if is_lock_wait(&error) && !self.channel.server().lock_wait_undoes_all => {
                    self.pause(since, Duration::ZERO, || self.channel.wrap(error))?;
                }
                Err(Failure::Server(error)) => return Err(self.channel.wrap(error)),
            }
        }
    }

    /// Waits until no other writer of ours is at work on the schema. The server lets go of the lock when the connection ends.
    pub(super) fn lock(&self) -> Result<()> {
        let since = Instant::now();
        let name = [Value::Text(self.lock_name.clone().into_bytes())];
        loop {
            if self.query_integer("SELECT GET_LOCK(?1, 0)", &name)? == Some(1) {
                self.locked.set(true);
                return Ok(());
            }
            self.pause(since, LOCK_PAUSE, || {
                Error::new(
                    Status::Busy,
                    Domain::Database,
                    "another writer that uses expmig holds the lock of the schema",
                )
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

    pub(super) fn unlock(&self) {
        self.beside.close();
        if self.locked.replace(false) {
            // If this fails the lock ends with the connection.
            let _ends_later =
                self.channel.execute("SELECT RELEASE_LOCK(?)", vec![wire(ValueRef::Text(self.lock_name.as_bytes()))]);
        }
    }
}
