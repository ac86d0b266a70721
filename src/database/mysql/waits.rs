//! Waiting for the locks of others.

use std::time::{Duration, Instant};

use super::connection::MysqlConnection;
use super::failure::Failure;
use super::failure::{LOCK_WAIT_TIMEOUT, is_lock_wait};
use crate::database::server::lock::{lock, pause, unlock};
use crate::error::{Error, Result};

impl MysqlConnection {
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
                    pause(self, since, Duration::ZERO, || self.channel.wrap(error))?;
                }
                Err(Failure::Server(error)) => return Err(self.channel.wrap(error)),
            }
        }
    }

    /// Does something that no other writer of ours may do at the same time.
    pub fn while_locked(&self, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        lock(self)?;
        let done = act();
        unlock(self);
        done
    }
}
