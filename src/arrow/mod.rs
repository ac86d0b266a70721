//! Rows as columns, in the layout of Apache Arrow: for whoever takes a whole result without a loop over it. docs/arrow.md is the contract.
//!
//! [`query`] and [`metrics`] read all rows and put them aside, so that nothing of the database is kept waiting by who takes them, and so that
//! what takes them can outlive every handle. [`Batches`] gives columns of them, a bounded number of rows at a time. The manager calls the
//! first two; the C API hands the columns out, which is the one part that needs unsafe code.
//!
//! `field` says what a column is, `column` and `labels` build its buffers, `builder` fills them with rows. Where the types are known before, rows
//! become batches as they are read, which `shelf` puts aside; else `batches` makes these of rows that were put aside. `source` says which metrics are wanted, `metrics` what is read where they are linked, `owners` what they hang on,
//! `below_runs` what is read where they are rows of a run.

mod batches;
mod below_runs;
mod builder;
mod column;
mod field;
mod labels;
mod metrics;
mod owners;
mod query;
mod shelf;
mod source;

pub use batches::{Batches, MOST_ROWS};
pub use builder::Batch;
pub use column::{Column, Values};
pub use field::{Field, Kind};
pub use metrics::metrics;
pub use query::query;
pub use source::{Levels, MetricsOptions, Misfit};
