//! Changing metrics by named rules, atomically, with a preview and an undo.
//!
//! The manager calls this room, and migration for its copies.

mod metric;

pub use metric::{Metric, Outcome, Transform};
