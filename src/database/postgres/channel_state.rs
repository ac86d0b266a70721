//! What a connection is in the middle of: what the server knows, what is being read and loaded.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;

use postgres_protocol::Oid;
use postgres_protocol::message::frontend;

use super::cell::Columns;
use super::result_set::Cursor;
use super::session::{Key, Server, Session};
use super::wire::Wire;

/// A statement that the server knows.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) parameters: Vec<Oid>,
    pub(super) columns: Arc<Columns>,
}

/// Rows that are being loaded.
pub(super) struct Load {
    pub(super) sql: Arc<str>,
    /// For messages.
    pub(super) table: &'static str,
    pub(super) rows: u64,
}

pub(super) struct State {
    pub(super) wire: Wire,
    pub(super) key: Key,
    pub(super) server: Server,
    /// By the text and the types of the parameters.
    pub(super) statements: HashMap<(String, Vec<Oid>), Prepared>,
    pub(super) cursors: HashMap<u64, Cursor>,
    /// The one whose rows are on their way.
    pub(super) live: Option<u64>,
    pub(super) load: Option<Load>,
    pub(super) next: u64,
    /// What the server may forget, statements (S) and portals (P): it is told before the next statement, as nothing else may come between rows
    /// that are loaded.
    pub(super) forgotten: Vec<(u8, String)>,
    /// In a transaction: portals stay.
    pub(super) open: bool,
    /// The connection is lost: nothing works on it any more.
    pub(super) lost: bool,
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.lost {
            frontend::terminate(self.wire.output());
            // Who does not take the farewell finds out.
            let _said = self.wire.flush(&mut || Err(ErrorKind::TimedOut.into()));
        }
    }
}

impl State {
    pub(super) fn new(session: Session) -> State {
        State {
            wire: session.wire,
            key: session.key,
            server: session.server,
            statements: HashMap::new(),
            cursors: HashMap::new(),
            live: None,
            load: None,
            next: 0,
            forgotten: Vec::new(),
            open: false,
            lost: false,
        }
    }
}
