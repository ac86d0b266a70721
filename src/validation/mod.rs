//! Checking data before it is trusted.
//!
//! [`validate`] looks at a whole database or at one experiment and answers a [`Report`]; docs/validation.md explains each kind of
//! issue. [`Quality`] looks at the values of one experiment while it is read for something else, [`Values`] at one value; migration
//! and import use them. Nothing here writes. The manager, migration and import call it.
//!
//! `run` puts a validation together: `nodes`, `below_run` and `links` each read a part of the tables once, in this order, and `seen_rows`
//! remembers what the later ones refer to, which `parents` looks up; `extra_foreign_keys` looks at the keys that only the database declares. `value_checks` and `metric_json` judge single values, `issue` has the kinds, `report` collects
//! what is found. `checks` runs the registered checks.

mod below_run;
mod check_context;
mod check_sql;
mod checks;
mod experiment_manager;
mod extra_foreign_keys;
mod issue;
mod links;
mod metric_json;
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
pub use options::{Scope, ValidateOptions};
pub use quality::Quality;
pub use report::{Collector, Count, Report};
pub use run::{RunChecks, validate, validate_state};
pub use value_checks::Values;
