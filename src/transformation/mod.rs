//! Changing metrics by named rules, atomically, with a preview and an undo.
//!
//! The manager calls this room, and migration for its copies.
//!
//! The pure half knows no database: `rules` reads the rules document, `built_in` has the transformations, `metric` says what one is
//! asked and answers; `document` and `decimal` change JSON and numbers without touching what is not meant, `near_miss` guesses what a
//! misspelt name was.

mod built_in;
mod decimal;
mod document;
mod metric;
mod near_miss;
mod rules;

pub use built_in::{BuiltIn, NAMES as BUILT_IN_NAMES};
pub use metric::{Metric, Outcome, Transform};
pub use rules::{MAX_RULES_SIZE, Rule, RuleKind, Rules, Settings};
