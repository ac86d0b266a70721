//! One consistent state of a database, which can be read for as long as a job needs it.

use super::connection::Connection;
use super::transaction::Transaction;
use crate::error::Result;

/// What is behind it.
enum Source<'d> {
    /// What reads this state alone.
    Own(Box<dyn Connection + 'd>),
    /// A connection of the handle's, and the transaction that it is in.
    Shared(&'d dyn Connection, #[expect(dead_code, reason = "ends when it is dropped")] Transaction<'d>),
}

/// One consistent state. It is let go when this is dropped.
pub struct State<'d>(Source<'d>);

impl<'d> State<'d> {
    /// What `connection` reads, for as long as it lives.
    pub(super) fn of(connection: impl Connection + 'd) -> State<'d> {
        State(Source::Own(Box::new(connection)))
    }

    /// What `reader` reads in a transaction that begins now.
    pub(super) fn in_transaction(reader: &'d dyn Connection) -> Result<State<'d>> {
        Ok(State(Source::Shared(reader, Transaction::read(reader)?)))
    }

    /// What reads it.
    pub fn connection(&self) -> &dyn Connection {
        match &self.0 {
            Source::Own(connection) => connection.as_ref(),
            Source::Shared(reader, _) => *reader,
        }
    }
}
