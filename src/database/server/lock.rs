//! Waiting for locks: those of others, and the one that keeps two writers of expmig apart.

use std::time::{Duration, Instant};

use super::connection::ServerConnection;
use crate::error::{Domain, Error, Result, Status};

/// The time between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(50);

/// Sleeps a little because of a lock. Fails with its error if the busy timeout has passed since `since`.
pub fn pause(
    connection: &impl ServerConnection,
    since: Instant,
    sleep: Duration,
    error: impl FnOnce() -> Error,
) -> Result<()> {
    let timeout = connection.busy_timeout();
    if since.elapsed() >= timeout {
        return Err(error().detail("busy_timeout_ms", timeout.as_millis()));
    }
    if let Some(job) = connection.watched().job() {
        job.check()?;
    }
    std::thread::sleep(sleep);
    Ok(())
}

/// Waits until no other writer of expmig is at work on the schema. The server lets go of the lock when the connection ends.
pub fn lock(connection: &impl ServerConnection) -> Result<()> {
    let since = Instant::now();
    while !connection.try_lock()? {
        pause(connection, since, PAUSE, || {
            let message = "another writer that uses expmig holds the lock of the schema";
            Error::new(Status::Busy, Domain::Database, message)
                .detail("database", connection.place())
                .hint("try again, or raise busy_timeout_ms")
        })?;
    }
    connection.holds_lock().set(true);
    Ok(())
}

/// Lets go of the lock, after a transaction.
pub fn unlock(connection: &impl ServerConnection) {
    connection.close_beside();
    if connection.holds_lock().replace(false) {
        connection.release_lock();
    }
}

/// Begins a transaction as the only writer of expmig; on another connection if this one was lost since the last.
pub fn begin_alone<C: ServerConnection>(connection: &C, begin: impl Fn() -> Result<()>) -> Result<()> {
    if connection.is_lost() {
        connection.renew()?;
    }
    if let Err(error) = lock(connection) {
        // The server may have ended the connection while nobody used it.
        if !connection.is_lost() {
            return Err(error);
        }
        connection.renew()?;
        lock(connection)?;
    }
    let mut begun = begin();
    if begun.is_ok() && !connection.holds_lock().get() {
        // Another connection has taken the place of the one with the lock.
        connection.rollback();
        lock(connection)?;
        begun = begin();
    }
    if begun.is_err() {
        unlock(connection);
    }
    begun
}
