//! The options and the result of making a page.

use std::fmt;

use serde_json::{Value as Json, json};

use super::limits::{ISSUES, MOST_ISSUES};
use crate::database::Database;
use crate::error::{Domain, Error, Result};
use crate::progress::{CancelToken, ProgressSink};
use crate::validation::RunChecks;

/// One experiment of a page.
pub(crate) struct Subject<'s> {
    pub database: &'s Database,
    pub experiment: i64,
    /// Runs the registered checks.
    pub checks: RunChecks<'s>,
}

/// What a caller can ask of a page.
pub struct ReportOptions {
    /// What stands above it; `None` for the titles of the experiments.
    pub title: Option<String>,
    /// How many issues of the validation are listed at most, of all experiments together. All are counted.
    pub issue_limit: usize,
    pub progress: Option<ProgressSink>,
    pub cancel: Option<CancelToken>,
}

impl Default for ReportOptions {
    fn default() -> ReportOptions {
        ReportOptions { title: None, issue_limit: ISSUES, progress: None, cancel: None }
    }
}

impl fmt::Debug for ReportOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ReportOptions")
            .field("title", &self.title)
            .field("issue_limit", &self.issue_limit)
            .finish_non_exhaustive()
    }
}

impl ReportOptions {
    /// Fails on what cannot be.
    pub(super) fn check(&self) -> Result<()> {
        if self.issue_limit <= MOST_ISSUES {
            return Ok(());
        }
        let message = format!("a page can list at most {MOST_ISSUES} issues");
        Err(Error::argument(Domain::ImportExport, "issue_limit", message).hint("a validation lists more of them"))
    }
}

/// What a page has of one experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedExperiment {
    /// Where its database is, without the way to it.
    pub database: String,
    pub experiment_id: i64,
    pub runs: u64,
    /// Runs that are listed and drawn.
    pub listed_runs: u64,
    /// Values that are in a curve: as a point of it, or between its points, none of which is higher or lower in its place.
    pub values: u64,
    /// Sentences about what the page does not show.
    pub notes: Vec<String>,
    /// Whether the validation found no error.
    pub passed: bool,
}

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportResult {
    /// Its size.
    pub bytes: u64,
    /// In the order in which they were given.
    pub experiments: Vec<ReportedExperiment>,
    /// Of two experiments whether they have the same content.
    pub equal: Option<bool>,
}

impl ReportResult {
    /// Schema `expmig.page_result/1`.
    pub fn to_json(&self) -> Json {
        let experiments: Vec<Json> = self.experiments.iter().map(|one| {
            json!({
                "database": one.database, "experiment_id": one.experiment_id, "runs": one.runs, "listed_runs": one.listed_runs,
                "values": one.values, "notes": one.notes, "passed": one.passed,
            })
        }).collect();
        json!({"schema": "expmig.page_result/1", "bytes": self.bytes, "experiments": experiments, "equal": self.equal})
    }
}
