//! Checking data before it is trusted.
//!
//! [`validate`] checks a whole database or one experiment and returns a [`Report`]; docs/validation.md explains each kind of
//! issue. [`Quality`] checks the values of one experiment while it is read for another purpose, [`Values`] checks one value; migration
//! and import use them. Nothing here writes. The manager, migration and import call this room.
//!
//! `run` puts a validation together: `nodes`, `below_run` and `links` each read a part of the tables once, in this order. `seen_rows`
//! remembers the rows to which later ones refer, and `parents` looks them up. `extra_foreign_keys` checks the keys that only the database
//! declares. `value_checks` and `metric_json` check single values, `issue` has the kinds, `report` collects the issues. `checks` runs the
//! registered checks. `mlflow` has the checks of MLflow's stores, each a query.

mod below_run;
mod check_context;
mod check_sql;
mod checks;
mod experiment_manager;
mod extra_foreign_keys;
mod issue;
mod links;
mod metric_json;
mod mlflow;
mod nodes;
mod options;
mod parents;
mod quality;
mod report;
mod run;
mod seen_rows;
mod shared_rows;
mod table_scan;
mod time_order;
mod value_checks;

pub use check_context::{CheckContext, Finding};
pub use checks::{Check, CheckFn, Checks};
pub use issue::{Issue, IssueKind, Section, Severity};
pub use metric_json::validate_metric_json;
pub use mlflow::derived_problems;
pub use options::{Scope, ValidateOptions};
pub use quality::Quality;
pub use report::{Collector, Count, Report};
pub use run::{RunChecks, validate, validate_state};
pub use value_checks::Values;
