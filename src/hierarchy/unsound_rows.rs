//! Unsound rows: a row that they belong to or link to is missing, or one of their keys is NULL or not an integer.

use serde::Serialize;

use crate::error::{Error, NAMED, Result};
use crate::progress::Job;

/// How many problems are kept in full; all are counted.
const KEPT: usize = 100;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "&str")]
pub enum UnsoundKind {
    /// The row it refers to does not exist.
    DanglingReference,
    /// A part of its key is NULL.
    NullKey,
    /// A key, or that of what it hangs on, is no integer.
    KeyNotInteger,
}

impl UnsoundKind {
    /// The stable name, in errors and documents.
    pub fn name(self) -> &'static str {
        match self {
            UnsoundKind::DanglingReference => "dangling_reference",
            UnsoundKind::NullKey => "null_key",
            UnsoundKind::KeyNotInteger => "key_not_integer",
        }
    }
}

impl From<UnsoundKind> for &'static str {
    fn from(kind: UnsoundKind) -> &'static str {
        kind.name()
    }
}

/// One such row.
#[derive(Clone, Debug, Serialize)]
pub struct UnsoundRow {
    pub kind: UnsoundKind,
    pub table: &'static str,
    /// The row's key: `epoch_idx=3, trial_run_id=7`.
    pub row: String,
    pub message: String,
}

/// All of them: an exact count, and the first hundred.
#[derive(Clone, Debug, Default)]
pub struct UnsoundRows {
    pub count: u64,
    pub first: Vec<UnsoundRow>,
}

impl UnsoundRows {
    /// Adds one; the text is only made while there is room for it.
    pub fn add(&mut self, make: impl FnOnce() -> UnsoundRow) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(make());
        }
    }

    /// Names the first of them in an error, with their count.
    pub fn name_in(&self, error: Error) -> Error {
        let error = error.detail("count", self.count);
        self.first.iter().take(NAMED).fold(error, |error, problem| {
            let error = error.detail("table", problem.table).detail("row", &problem.row);
            error.detail("kind", problem.kind.name()).detail("problem", &problem.message)
        })
    }

    /// Counts as many rows as failed; the first are named.
    pub fn fail_rows(&self, job: &Job, count: u64) -> Result<()> {
        for at in 0..count {
            let known = usize::try_from(at).ok().and_then(|at| self.first.get(at));
            let unknown = || "a row has no place in the copy".to_owned();
            job.fail_row(known.map_or_else(unknown, |problem| problem.message.clone()))?;
        }
        Ok(())
    }
}
