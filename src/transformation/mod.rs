//! Changing metrics by named rules, atomically, with a preview and an undo.
//!
//! The manager calls this room, and migration for its copies.
//!
//! The pure half knows no database: `rules` reads the rules document, `built_in` has the transformations, `metric` says what one is
//! asked and answers; `document` changes JSON and numbers without touching what is not meant, `near_miss` guesses what a
//! misspelt name was.
//!
//! The other half: `selection` finds the metrics and which of them others are linked to as well; `plan` makes `steps` of the rules,
//! `examine` applies them to one metric; `write` and `links` write what changed, and `undo_log` what it was; `apply` puts it together.
//! `rewrite` does it to rows on their way into a copy.
//! `undo` goes back, `undo_list` says where to.

mod apply;
mod built_in;
mod document;
mod examine;
mod links;
mod metric;
mod near_miss;
mod options;
mod plan;
mod registered;
mod result;
mod rewrite;
mod rules;
mod selection;
mod steps;
mod undo;
mod undo_list;
mod undo_log;
mod untold;
mod write;

pub use apply::transform;
pub use built_in::{BuiltIn, NAMES as BUILT_IN_NAMES};
pub use metric::{Metric, Outcome, Transform};
pub use options::{TransformOptions, UndoOptions};
pub use plan::Plan;
pub use registered::{TransformFn, Transformations};
pub use result::{Noted, NotedList, RuleCount, Sample, TransformationResult};
pub use rewrite::Rewriter;
pub use rules::{MAX_RULES_SIZE, Rule, RuleKind, Rules, Settings};
pub use selection::MetricSelection;
pub use undo::{ChangedSince, UndoResult, undo};
pub use undo_list::{TransformEntry, forget, list, list_json};
