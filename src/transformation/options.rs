//! The options of a transformation and of an undo.

use crate::error::{Domain, Error, Result};
use crate::progress::{CancelToken, ProgressSink};

/// Options of a transformation.
pub struct TransformOptions {
    /// Only report what would be done, with examples, and write nothing.
    pub dry_run: bool,
    /// Rows per chunk written, more than 0. A chunk is never committed by itself, and does not change the result.
    pub batch_size: usize,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for TransformOptions {
    fn default() -> TransformOptions {
        TransformOptions { dry_run: false, batch_size: 1000, progress: None, cancel: None }
    }
}

impl std::fmt::Debug for TransformOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TransformOptions")
            .field("dry_run", &self.dry_run)
            .field("batch_size", &self.batch_size)
            .finish_non_exhaustive()
    }
}

impl TransformOptions {
    /// Fails on what can be refused without looking at a database.
    pub fn check(&self) -> Result<()> {
        if self.batch_size > 0 {
            return Ok(());
        }
        Err(Error::argument(Domain::Transformation, "batch_size", "batch_size must be at least 1")
            .hint("leave batch_size out; it is the number of rows per chunk and never changes the result"))
    }
}

/// Options of an undo.
#[derive(Default)]
pub struct UndoOptions {
    /// Skip metrics that were changed since the transformation, or no longer exist, and restore the others.
    pub skip_changed: bool,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl std::fmt::Debug for UndoOptions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("UndoOptions").field("skip_changed", &self.skip_changed).finish_non_exhaustive()
    }
}
