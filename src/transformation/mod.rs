//! Changing metrics by named rules, atomically, with a preview and an undo.
//!
//! The manager calls this room, and migration for its copies.
//!
//! One half of the room uses no database: `rules` reads the rules document, `built_in` has the transformations, `metric` defines their
//! input and result; `document` changes JSON and keeps all other bytes, `near_miss` guesses what a misspelt name stands for.
//!
//! The other half: `selection` finds the metrics, and those among them that are also linked from elsewhere; `plan` makes `steps` of the
//! rules, `examine` applies them to one metric; `write` and `links` write the changes, `undo_log` the old values; `apply` puts it together.
//! `rewrite` transforms rows while they are copied.
//! `undo` undoes a transformation, `undo_list` lists those that can be undone.

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
