//! Transactions, and attaching a job to a connection, each for the duration of a scope.

use std::sync::Arc;

use super::connection::Connection;
use crate::error::Result;
use crate::progress::Job;

/// A transaction that is rolled back unless it is committed.
pub struct Transaction<'c> {
    connection: &'c dyn Connection,
    open: bool,
}

impl<'c> Transaction<'c> {
    /// Begins a transaction that reads one consistent state.
    pub fn read(connection: &'c dyn Connection) -> Result<Transaction<'c>> {
        connection.begin_read()?;
        Ok(Transaction { connection, open: true })
    }

    /// Begins a transaction that may write.
    pub fn write(connection: &'c dyn Connection) -> Result<Transaction<'c>> {
        connection.begin_write()?;
        Ok(Transaction { connection, open: true })
    }

    /// Makes the changes durable. A failure rolls back.
    pub fn commit(mut self) -> Result<()> {
        self.connection.commit()?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            self.connection.rollback();
        }
    }
}

/// Keeps the connections ticking the job, and stops when it is dropped.
pub struct Watches<'c>([&'c dyn Connection; 2]);

impl<'c> Watches<'c> {
    pub fn new(job: &Arc<Job>, connections: [&'c dyn Connection; 2]) -> Watches<'c> {
        connections.iter().for_each(|connection| connection.watch(Some(Arc::clone(job))));
        Watches(connections)
    }
}

impl Drop for Watches<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|connection| connection.watch(None));
    }
}
