//! Loads rows on a separate thread: while the server stores them, the next rows are prepared.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{SendError, channel};
use std::thread::JoinHandle;

use mysql::prelude::Queryable;
use mysql::{Error as Cause, LocalInfile, LocalInfileHandler, PooledConn};

use super::read_timeout::Patience;
use crate::error::{Domain, Error, Status};
use crate::threads;

/// So much text is worth a statement. There are never more than two of these at a time, and what is added to one at once.
const FULL: usize = 1 << 20;

/// Rows for one `LOAD DATA LOCAL`.
pub struct Load {
    sql: Arc<str>,
    /// For messages.
    pub table: &'static str,
    text: Arc<Vec<u8>>,
    rows: usize,
}

/// Why rows did not come in.
pub enum Refusal {
    Server(Cause),
    Ours(Error),
}

impl From<Cause> for Refusal {
    fn from(error: Cause) -> Refusal {
        Refusal::Server(error)
    }
}

impl Load {
    /// Takes the text itself if that is enough for a statement, else a copy.
    pub fn new(sql: &Arc<str>, table: &'static str, text: &mut Vec<u8>, rows: usize) -> Load {
        let all = match text.len() >= FULL {
            true => std::mem::take(text),
            false => {
                let mut all = Vec::with_capacity(FULL);
                all.extend_from_slice(text);
                all
            }
        };
        Load { sql: Arc::clone(sql), table, text: Arc::new(all), rows }
    }

    /// Whether rows of this statement can be added.
    pub fn takes(&self, sql: &Arc<str>, text: &[u8]) -> bool {
        Arc::ptr_eq(&self.sql, sql) && !self.is_full() && text.len() < FULL
    }

    pub fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// Adds rows. Nobody else has the text before it is sent.
    pub fn add(&mut self, text: &[u8], rows: usize) {
        Arc::make_mut(&mut self.text).extend_from_slice(text);
        self.rows += rows;
    }

    /// Sends the text, whatever file the server asks for; fails unless all rows came in as they are. As with `LOCAL` the server only
    /// warns of rows and values that it does not like, a warning is an error here.
    pub fn run(&self, connection: &mut PooledConn, patience: &Patience) -> Result<(), Refusal> {
        let _used = patience.begin();
        self.send(connection).map_err(|refusal| match refusal {
            Refusal::Server(error) => Refusal::Server(patience.reason(error)),
            ours @ Refusal::Ours(_) => ours,
        })
    }

    fn send(&self, connection: &mut PooledConn) -> Result<(), Refusal> {
        let text = Arc::clone(&self.text);
        let send = move |_: &[u8], writer: &mut LocalInfile<'_>| writer.write_all(&text);
        connection.set_local_infile_handler(Some(LocalInfileHandler::new(send)));
        let loaded = connection.query_iter(&*self.sql).map(|done| (done.affected_rows(), done.warnings()));
        connection.set_local_infile_handler(None);
        let (rows, warnings) = loaded?;
        if warnings > 0 {
            let first: Option<(String, u16, String)> =
                connection.query_first_opt("SHOW WARNINGS LIMIT 1")?.transpose().map_err(Cause::from)?;
            // A server may be set to keep none.
            let (_, code, message) = first.unwrap_or_default();
            let state = "HY000".to_owned(); // The SQLSTATE is not told.
            if code > 0 {
                return Err(Cause::MySqlError(mysql::MySqlError { state, message, code }).into());
            }
            return Err(self.refused(format!("the server gave {warnings} warnings about rows; nothing was changed")));
        }
        if rows == self.rows as u64 {
            return Ok(());
        }
        Err(self.refused(format!("the server stored {rows} of {} rows; nothing was changed", self.rows)))
    }

    fn refused(&self, message: String) -> Refusal {
        Refusal::Ours(
            Error::new(Status::Constraint, Domain::Database, message)
                .detail("table", self.table)
                .hint("compare the target's schema with the source's"),
        )
    }
}

/// The connection, the rows, and what became of them.
type Loaded = (PooledConn, Load, Result<(), Refusal>);

fn run((mut connection, load): (PooledConn, Load), patience: &Patience) -> Loaded {
    let loaded = load.run(&mut connection, patience);
    (connection, load, loaded)
}

/// Rows that are being loaded.
pub enum Loading {
    Thread(JoinHandle<Option<Loaded>>),
    /// There was no thread to be had, so it is done already.
    Done(Box<Loaded>),
}

impl Loading {
    /// Begins to load. The thread has the connection for itself, and ends with the load.
    pub fn begin(connection: PooledConn, load: Load, patience: &Patience) -> Loading {
        // What is moved into a thread that cannot be had is lost: it gets its work afterwards.
        let (give, take) = channel();
        let its = patience.clone();
        match threads::spawn("expmig load", move || take.recv().ok().map(|work| run(work, &its))) {
            Ok(thread) => match give.send((connection, load)) {
                Ok(()) => Loading::Thread(thread),
                Err(SendError(work)) => Loading::Done(Box::new(run(work, patience))),
            },
            Err(_) => Loading::Done(Box::new(run((connection, load), patience))),
        }
    }

    /// Waits for the end; `None` if the thread broke off, and the connection with it.
    pub fn wait(self) -> Option<Loaded> {
        match self {
            Loading::Thread(thread) => thread.join().ok().flatten(),
            Loading::Done(loaded) => Some(*loaded),
        }
    }
}
