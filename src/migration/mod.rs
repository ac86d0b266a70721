//! Copying an experiment, and proving that the copy is the same.
//!
//! [`migrate`] does the whole job in one transaction of the target; [`plan`] says what it would do and writes nothing;
//! [`compare`] finds where two experiments first differ. The manager calls them.
//!
//! In order: `endpoints` is source and target; `prepare` finds and checks the rows to copy, `preflight` finds what the target cannot hold
//! (`leaving_links` the links that would lead nowhere there),
//! `duplicates` finds equal experiments in the target; `refusals` stops what the strategy refuses; `copy` writes; `prove` reads the copy back;
//! `warnings` and `outcome` make the result; `run` puts it together.
//!
//! A migration in several transactions is `staged`: `staged_row` is the row of its job, `staged_hold` keeps other calls away from it, `staged_copy`
//! divides the copy into transactions, `staged_removal` removes what will not be published.
//!
//! Of families whose keys are texts that the tracker chose the same in the files `named_*`: `ends`, `known` (what is refused before anything is written),
//! `place` (where the copy goes), `conflicts`, `ids`, `keys` and `map` (what becomes of keys), `copy`, `cells` (the proof), `plan`; `named` puts it together.

mod compare;
mod compare_named;
mod comparison;
mod copy;
mod difference;
mod duplicates;
mod endpoints;
mod leaving_links;
mod migration_plan;
mod named;
mod named_cells;
mod named_conflicts;
mod named_copy;
mod named_ends;
mod named_ids;
mod named_keys;
mod named_known;
mod named_map;
mod named_place;
mod named_plan;
mod named_target;
mod options;
mod outcome;
mod plan;
mod preflight;
mod prepare;
mod prove;
mod refusals;
mod result;
mod run;
mod staged;
mod staged_copy;
mod staged_hold;
mod staged_removal;
mod staged_row;
mod warnings;

pub use compare::{compare, compare_states};
pub use compare_named::compare_named;
pub use comparison::{Compared, Comparison, Difference, RowKey, RowKeys, Shown};
pub use migration_plan::{
    ExtraColumn, FilledColumn, MigrationPlan, OddValues, PlannedDuplicate, PlannedTable, Stopping,
};
pub use named::migrate_in;
pub use named_copy::mismatch;
pub use named_ends::Ends;
pub use named_keys::{Folding, find_folded, folds_any, note_folded, telling};
pub use named_target::next_id;
pub use options::{ManagerServices, MigrateOptions, Strategy};

pub use plan::plan;
pub use preflight::Preflight;
pub use result::{MigrationResult, TableCount};
pub use run::migrate;
pub use staged::{migrate_staged, resume_staged};
pub use staged_removal::abandon_staged;
pub use staged_row::{JobState, StagedJob, jobs_json, staged_jobs};
