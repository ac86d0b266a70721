//! The rows below an experiment: which they are, and reading them.
//!
//! [`Selection`] finds them (one pass over each table) and says which cannot stand because what they hang on is missing.
//! [`walk`] reads them with their contents, in any row order, and so does [`walk_apart`], links apart from what they link. The digest, migration and validation are built on the two.
//! Memory: a few dozen bytes per run and a bit per metric or artifact, whatever the number of rows.

mod apart;
mod barring;
mod behind;
mod copied;
mod experiments;
mod ids;
mod keys;
mod leaves;
mod links;
mod odd;
mod order;
mod presence;
mod problem;
mod row_query;
mod rows_once;
mod run_keys;
mod selection;
mod shape;
mod strangers;
mod stretches;
mod untold;
mod walk;
mod without;

pub use apart::{Apart, walk_apart};
pub use barring::{Barring, Without};
pub use behind::{Behind, computed, computed_only_here};
pub use copied::{Block, Blocks};
pub use experiments::{ExperimentSummary, experiment_exists, list_experiments, unknown_experiment};
pub use ids::{IdSet, Ids};
pub use keys::soundness;
pub use leaves::scan_leaves;
pub use links::{
    Dangling, Leaving, Linking, Target, dangling_rows, describe as describe_dangling, find_dangling, id_in, scan_links,
};
pub use odd::{has_loose_keys, is_disguised, mend_keys};
pub use order::{link_order, row_order};
pub use problem::{Problem, ProblemKind, Problems};
pub use row_query::RowQuery;
pub use rows_once::{Look, RowsOnce};
pub use run_keys::RunKeys;
pub use selection::{Counts, Members, Scope, Selection};
pub use shape::{Owner, Shape};
pub use strangers::{Strangers, append as append_value};
pub use stretches::Stretches;
pub use untold::{mark, untold};
pub use walk::{CountRows, Rewrite, Through, Visitor, scan_nodes, walk};
pub use without::{Fate, LEFT_OUT, left_out_message};
