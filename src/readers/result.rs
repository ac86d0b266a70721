//! The result of bringing runs in.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::account::Account;
use super::only_new::Found;
use crate::database::Losses;
use crate::schema::MLFLOW;

/// One experiment of the source, and the one of the target that its runs are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroughtExperiment {
    /// The name that the source has for it.
    pub source_name: String,
    /// The name and the id of the target's.
    pub name: String,
    pub experiment_id: i64,
    /// It was there already, from an earlier import or by its name.
    pub was_there: bool,
    /// Runs that the source has of it.
    pub runs: u64,
    /// The digest of the target's experiment afterwards; `None` of a plan.
    pub digest: Option<String>,
}

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroughtTable {
    pub table: &'static str,
    /// Rows that the source comes to.
    pub read: u64,
    /// Of these: new in the target, the same there, put in place of what was there, not put in place of what is there, of runs that are left out.
    pub new: u64,
    pub found: Found,
    pub left_out: u64,
}

/// What became of an import, or what would.
#[derive(Clone, Debug)]
pub struct BringInResult {
    /// The name of the reader, and what it reads.
    pub kind: &'static str,
    pub title: &'static str,
    /// Whether nothing was written, because it was only asked what would be.
    pub planned: bool,
    pub experiments: Vec<BroughtExperiment>,
    pub tables: Vec<BroughtTable>,
    pub account: Account,
    /// Values that have no place in the target, where no sidecar was given.
    pub without_place: u64,
    /// Values that the target would store as something else.
    pub lossy: Losses,
    pub warnings: Vec<String>,
    pub duration: Duration,
}

impl BringInResult {
    /// Rows that are new in the target.
    pub fn rows_new(&self) -> u64 {
        self.tables.iter().map(|table| table.new).sum()
    }

    /// Rows that replaced what the target had.
    pub fn rows_changed(&self) -> u64 {
        self.tables.iter().map(|table| table.found.changed).sum()
    }

    /// Runs that the source has, and runs that were new to the target.
    pub fn runs(&self) -> (u64, u64) {
        let runs = self.tables.iter().find(|table| table.table == "runs");
        runs.map_or((0, 0), |runs| (runs.read, runs.new))
    }

    /// The whole result, schema `expmig.bring_in/1`.
    pub fn to_json(&self) -> Json {
        let experiment = |brought: &BroughtExperiment| {
            json!({
                "source_name": brought.source_name,
                "name": brought.name,
                "experiment_id": brought.experiment_id,
                "was_there": brought.was_there,
                "runs": brought.runs,
                "digest": brought.digest,
            })
        };
        let table = |table: &BroughtTable| {
            json!({
                "table": table.table,
                "read": table.read,
                "new": table.new,
                "equal": table.found.equal,
                "changed": table.found.changed,
                "kept": table.found.kept,
                "left_out": table.left_out,
            })
        };
        json!({
            "schema": "expmig.bring_in/1",
            "kind": self.kind,
            "title": self.title,
            "planned": self.planned,
            "experiments": self.experiments.iter().map(experiment).collect::<Vec<_>>(),
            "tables": self.tables.iter().filter(|table| table.read > 0).map(table).collect::<Vec<_>>(),
            "account": self.account.to_json(),
            "without_place": self.without_place,
            "lossy": self.lossy.to_json(),
            "digest_algorithm": MLFLOW.digest,
            "warnings": self.warnings,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}
