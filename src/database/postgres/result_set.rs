//! The rows of a statement: fetched some at a time, and put aside when another statement needs the connection.

use std::sync::Arc;

use super::cell::Columns;
use crate::error::Error;
use crate::spill::Spool;

/// What a row's cells keep of their memory.
pub const MOST_BYTES: usize = 1 << 16;
/// Rows that are fetched first, and at most; each time some more.
const FIRST_FETCH: i32 = 64;
const MOST_FETCHED: i32 = 1 << 16;
/// As few rows as this are fetched where they are large.
const FEWEST: i32 = 4;
/// About so many bytes are fetched at once.
const BYTES_AT_ONCE: u64 = 1 << 21;

/// A result set that is being read.
pub struct Reading {
    pub id: u64,
    pub columns: Arc<Columns>,
}

/// What came next of a result set.
pub enum Step {
    Row,
    End,
}

/// Where a result set is.
pub struct Cursor {
    /// The name of the server's portal.
    pub portal: String,
    pub columns: Arc<Columns>,
    /// Rows that were put aside.
    pub aside: Spool,
    /// The server has more.
    pub suspended: bool,
    /// Why there are no more.
    pub failure: Option<Error>,
    /// How many rows are fetched next; 0 for all, where no transaction keeps a portal.
    fetch: i32,
    /// What has come since.
    rows: u64,
    bytes: u64,
}

impl Cursor {
    /// `all` for one that is read at once.
    pub fn new(portal: String, columns: Arc<Columns>, all: bool) -> Cursor {
        let fetch = if all { 0 } else { FIRST_FETCH };
        Cursor { portal, columns, aside: Spool::default(), suspended: false, failure: None, fetch, rows: 0, bytes: 0 }
    }

    /// A row of so many bytes has come.
    pub fn count(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes as u64;
    }

    /// How many rows are fetched now.
    pub fn next_fetch(&mut self) -> i32 {
        if self.rows > 0 && self.fetch > 0 {
            let each = (self.bytes / self.rows).max(1);
            let fitting = i32::try_from(BYTES_AT_ONCE / each).unwrap_or(MOST_FETCHED);
            self.fetch = fitting.clamp(FEWEST, MOST_FETCHED).min(self.fetch.saturating_mul(4));
        }
        (self.rows, self.bytes) = (0, 0);
        self.fetch
    }

    /// Whether all rows are fetched at once.
    pub fn is_whole(&self) -> bool {
        self.fetch == 0
    }
}
