//! Bringing runs in from the files that other trackers leave behind (docs/bring-in.md).
//!
//! A `reader` turns a file or folder into experiments, runs, params, tags and points, in constant memory, and hands them to the
//! `sink`. That puts them into a scratch database with the tables of the target, and what the target has no place for into the `sidecar`; all of it is
//! counted in the `account`. [`bring_in`] then finds out where everything goes (`placing`) and what of it the target has already (`only_new`), and
//! writes the rest in one transaction, which it proves before it commits (`writing`). The manager calls it.
//!
//! A reader is a file or folder here, and a line in `formats`. It knows its format and the sink, and nothing of databases. `new_rows` has what a run and an experiment are there,
//! `loose_json`, `python_float` and `zone` read and write what Python writes, `keys` is the rule for names
//! that the target refuses, `identity` makes keys for what has none, `wire` reads protocol buffers.

mod account;
#[cfg(any(test, fuzzing))]
pub(crate) mod any_input;
mod bring_in;
mod fits;
mod folded;
mod formats;
mod identity;
mod keys;
mod loose_json;
mod mlflow_files;
mod neptune;
mod new_rows;
mod only_new;
mod options;
mod optuna;
mod placing;
mod python_float;
mod reader;
mod result;
mod sidecar;
mod sink;
mod tensorboard;
mod wandb;
mod wire;
mod writing;
mod zone;

pub use account::{Account, Clock, Rules, Source, Tally};
pub use bring_in::{bring_in, bring_in_plan};
pub use only_new::Found;
pub use options::{BringInOptions, View};
pub use result::{BringInResult, BroughtExperiment, BroughtTable};
