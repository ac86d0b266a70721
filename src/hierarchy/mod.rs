//! The rows below an experiment: finding and reading them.
//!
//! [`Selection`] finds the rows (one pass over each table), and those among them that are unsound.
//! [`walk`] reads the rows with their contents, in any order. [`walk_separately`] does the same, but reads links separately from the rows that they
//! link. The digest, migration and validation use these two.
//! [`NamedRows`] finds and reads the rows of a family whose keys are texts.
//! Memory: a few dozen bytes per run and a bit per metric or artifact, whatever the number of rows.

mod barring;
mod cut_links;
mod existing_parents;
mod experiment_manager;
mod experiments;
mod extra_links;
mod foreign_referrers;
mod ids;
mod keys;
mod leaves;
mod mlflow;
mod named_rows;
mod new_id_blocks;
mod non_integer_keys;
mod order;
mod outside_references;
mod row_query;
mod rowid_ranges;
mod rows_left_out;
mod rows_once;
mod run_keys;
mod scope;
mod select_nodes;
mod select_owned;
mod selection;
mod separate_scans;
mod shape;
mod text_ids;
mod text_key_options;
mod unreadable_values;
mod unsound_rows;
mod value_links;
mod walk;

pub use barring::{Barring, LeftOutRows};
pub use cut_links::{CutLinks, Cutting, without_cut};
pub use experiments::{
    ExperimentList, ExperimentSummary, ExperimentsDocument, experiment_exists, list_experiments, unknown_experiment,
    written_time,
};
pub use extra_links::{
    Dangling, EachLinking, Leaving, Linking, Target, dangling_rows, describe as describe_dangling, find_dangling,
    id_in, scan_links,
};
pub use foreign_referrers::{ForeignReferrers, append as append_value};
pub use ids::{IdSet, Ids};
pub use keys::soundness;
pub use leaves::{scan_leaf_range, scan_leaves};
pub use named_rows::{Astray, Named, NamedRows, named_entity, of_experiments};
pub use new_id_blocks::{Block, Blocks};
pub use non_integer_keys::{has_loose_keys, is_disguised, mend_keys};
pub use order::{link_order, row_order};
pub use outside_references::{OutsideReference, computed, computed_only_here};
pub use row_query::RowQuery;
pub use rowid_ranges::RowidRanges;
pub use rows_left_out::{Fate, FurtherRows, LEFT_OUT, left_out_message};
pub use rows_once::{Look, RowsOnce};
pub use run_keys::RunKeys;
pub use scope::{Members, Scope};
pub use selection::{Counts, Selection};
pub use separate_scans::{SeparateVisitor, walk_separately};
pub use shape::{Owner, Shape};
pub use text_ids::TextIds;
pub use text_key_options::{OnConflict, OnName, TextKeyOptions};
pub use unreadable_values::{mark, untold};
pub use unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
pub use value_links::{Elsewhere, LEADS_NOWHERE, ValueKey};
pub use walk::{CountRows, Rewrite, RewritingVisitor, Visitor, scan_nodes, walk};
