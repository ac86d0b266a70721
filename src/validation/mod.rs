//! Checking data before it is trusted.
//!
//! [`validate`] looks at a whole database or at one experiment and answers a [`Report`]; docs/validation.md explains each kind of
//! issue. [`Quality`] looks at the values of one experiment while it is read for something else; migration uses it. Nothing here
//! writes. The manager and migration call it.
//!
//! `issue` has the kinds, `report` collects what is found, `run` puts a validation together. `checks` has the registered checks.

mod check_sql;
mod checks;
mod issue;
mod options;
mod quality;
mod report;
mod run;

pub use checks::{Check, CheckContext, CheckFn, Checks, Finding};
pub use issue::{Issue, IssueKind, Section, Severity};
pub use options::{Scope, ValidateOptions};
pub use quality::Quality;
pub use report::{Collector, Count, Report};
pub use run::validate;
