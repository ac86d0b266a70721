//! The lock of our own that keeps two writers apart. For the locks of others the server waits, up to its `lock_timeout`.

use std::time::{Duration, Instant};

use super::connection::PostgresConnection;
use crate::database::connection::Reads;
use crate::error::{Domain, Error, Result, Status};
use crate::values::Value;

/// So long between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// The first of the two numbers of the lock: nobody else's, with any luck.
const OURS: i64 = 0x45_58_4d_47;

impl PostgresConnection {
    fn lock_numbers(&self) -> [Value; 2] {
        let hash = blake3::hash(self.schema().as_bytes());
        let number = hash.as_bytes().first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
        [Value::Integer(OURS), Value::Integer(i64::from(number))]
    }

    /// Waits until no other writer of ours is at work on the schema. The server lets go of the lock when the connection ends.
    pub(super) fn lock(&self) -> Result<()> {
        let (since, numbers) = (Instant::now(), self.lock_numbers());
        let sql = "SELECT pg_catalog.pg_try_advisory_lock(?1::int, ?2::int)";
        while self.query_integer(sql, &numbers)? != Some(1) {
            if since.elapsed() >= self.busy_timeout() {
                return Err(Error::new(
                    Status::Busy,
                    Domain::Database,
                    "another writer of expmig is at work on the schema",
                )
                .detail("busy_timeout_ms", self.busy_timeout().as_millis())
                .detail("database", self.place())
                .hint("try again, or raise busy_timeout_ms"));
            }
            if let Some(job) = self.channel.watched.job() {
                job.check()?;
            }
            std::thread::sleep(PAUSE);
        }
        self.locked.set(true);
        Ok(())
    }

    /// Begins a transaction, by this statement, as the only writer of ours; on another connection if this one was lost since the last.
    pub(super) fn begin_alone(&self, sql: &str) -> Result<()> {
        if self.channel.is_lost() {
            self.renew()?;
        }
        if let Err(error) = self.lock() {
            // The server may have ended the connection while nobody used it.
            if !self.channel.is_lost() {
                return Err(error);
            }
            self.renew()?;
            self.lock()?;
        }
        let mut begun = self.begin(sql);
        if begun.is_ok() && !self.locked.get() {
            // Another connection has taken the place of the one with the lock.
            self.rollback();
            self.lock()?;
            begun = self.begin(sql);
        }
        if begun.is_err() {
            self.unlock();
        }
        begun
    }

    pub(super) fn unlock(&self) {
        if self.locked.replace(false) {
            // If this fails the lock ends with the connection.
            let _ends_later =
                self.query_integer("SELECT pg_catalog.pg_advisory_unlock(?1::int, ?2::int)", &self.lock_numbers());
        }
    }
}
