//! The interface of a reader.

use std::path::Path;
use std::sync::Arc;

use super::account::Clock;
use super::sink::Sink;
use crate::error::Result;
use crate::progress::Job;

/// Whether a path is of a reader's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    No,
    Yes,
}

/// Reads one format.
pub struct Reader {
    /// By which it is asked for.
    pub name: &'static str,
    /// For messages.
    pub title: &'static str,
    pub recognises: fn(&Path) -> Result<Recognised>,
    /// Reads everything at a path into the sink. After an error nothing of it is used.
    pub read: fn(&Path, &mut Sink<'_>, &Arc<Job>) -> Result<()>,
    /// What the tool leaves out or replaces before it writes.
    pub never_written: &'static [&'static str],
    pub clock: Clock,
}
