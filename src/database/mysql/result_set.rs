//! The rows of a statement, as the server sends them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::{Binary, QueryResult, Row, Value};

use super::cell::Columns;
use super::read_timeout::{Patience, Used};

/// Rows that are read at once where each alone would be dear, unless they take longer to come.
const ROWS_AHEAD: usize = 32;
const TIME_AHEAD: Duration = Duration::from_millis(1);
/// What a row's cells keep of their memory.
pub const MOST_BYTES: usize = 1 << 16;

pub type Rows = QueryResult<'static, 'static, 'static, Binary>;

/// A result set that is being read.
pub struct Reading {
    pub id: u64,
    pub columns: Arc<Columns>,
}

impl Reading {
    /// The names of its columns.
    pub fn names(&self) -> Vec<String> {
        self.columns.names().map(str::to_owned).collect()
    }
}

/// A result set whose rows are still to come.
pub struct Live {
    pub id: u64,
    pub rows: Rows,
    pub columns: Arc<Columns>,
    /// Reading can make TLS write. What is read at once then, and the end.
    pub encrypted: bool,
    pub ahead: VecDeque<Option<mysql::Result<Row>>>,
    pub patience: Patience,
    /// Dropped last: dropping the others uses the connection.
    pub used: Option<Used>,
}

impl Live {
    /// The next row.
    pub fn next(&mut self) -> Option<mysql::Result<Row>> {
        if let Some(next) = self.ahead.pop_front() {
            return next;
        }
        let next = match self.encrypted {
            false => self.patience.during(|| self.rows.next()),
            true => self.several(),
        };
        next.map(|row| row.map_err(|error| self.patience.reason(error)))
    }

    /// Reads rows that nobody wants, at most so many; whether these were all. Each is a use of its own: where no bytes are counted it shows
    /// that the server is not silent.
    pub fn skip(&mut self, most: usize) -> mysql::Result<bool> {
        for _ in 0..most {
            match self.next() {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The next row, and those after it that are here already.
    fn several(&mut self) -> Option<mysql::Result<Row>> {
        let _used = self.patience.begin();
        let (since, mut bytes) = (Instant::now(), 0);
        let first = self.rows.next();
        if !matches!(first, Some(Ok(_))) {
            return first;
        }
        while self.ahead.len() < ROWS_AHEAD && bytes < MOST_BYTES && since.elapsed() < TIME_AHEAD {
            let next = self.rows.next();
            bytes += match &next {
                Some(Ok(row)) => (0..row.len()).map(|at| row.as_ref(at).map_or(0, size)).sum(),
                _ => MOST_BYTES,
            };
            self.ahead.push_back(next);
        }
        first
    }
}

/// The bytes that a value has besides itself.
fn size(value: &Value) -> usize {
    if let Value::Bytes(bytes) = value { bytes.len() } else { 0 }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.used = Some(self.patience.begin());
    }
}
