//! One consistent state of a database, to be read for as long as that takes.

use super::connection::Connection;
#[cfg(feature = "mysql")]
use super::connection::Transaction;
use super::sqlite::SqliteState;

/// What is behind it.
enum Source<'d> {
    Sqlite(Box<SqliteState<'d>>),
    #[cfg(feature = "mysql")]
    Server(&'d dyn Connection, #[expect(dead_code, reason = "ends when it is dropped")] Transaction<'d>),
}

/// One consistent state. It is let go when this is dropped.
pub struct State<'d>(Source<'d>);

impl<'d> State<'d> {
    pub(super) fn of_file(state: SqliteState<'d>) -> State<'d> {
        State(Source::Sqlite(Box::new(state)))
    }

    #[cfg(feature = "mysql")]
    pub(super) fn of_server(reader: &'d dyn Connection, transaction: Transaction<'d>) -> State<'d> {
        State(Source::Server(reader, transaction))
    }

    /// What reads it.
    pub fn connection(&self) -> &dyn Connection {
        match &self.0 {
            Source::Sqlite(state) => state.as_ref(),
            #[cfg(feature = "mysql")]
            Source::Server(reader, _) => *reader,
        }
    }
}
