//! The plan of a migration as data, and as a document.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::options::Strategy;
use super::preflight::Preflight;
use crate::database::TransactionSize;
use crate::digest::{Hash, hex};
use crate::hierarchy::UnsoundRows;
use crate::transformation::TransformationResult;
use crate::validation::Issue;

/// The rows of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTable {
    pub table: &'static str,
    /// Rows that can be copied.
    pub rows: u64,
    /// Rows that cannot.
    pub unsound: u64,
}

/// A column of the source that the schema does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExtraColumn {
    pub table: &'static str,
    pub column: String,
    #[serde(rename = "type")]
    pub declared: String,
    /// What becomes of it.
    pub fate: &'static str,
}

/// A column that the target fills itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilledColumn {
    pub table: &'static str,
    pub column: String,
    /// It counts.
    pub counter: bool,
}

/// An experiment of the target that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedDuplicate {
    pub experiment_id: i64,
    /// The contents were compared.
    pub proven: bool,
}

/// What is wrong with the experiment's values: an exact count, and the first.
#[derive(Clone, Debug)]
pub struct OddValues {
    pub count: u64,
    pub first: Vec<Issue>,
}

/// What a validation found that would stop the migration: exact counts, and the first.
#[derive(Clone, Debug, Serialize)]
pub struct Stopping {
    pub errors: u64,
    pub warnings: u64,
    pub issues: Vec<Issue>,
}

/// What a migration would do.
#[derive(Clone, Debug)]
pub struct MigrationPlan {
    pub source_experiment_id: i64,
    /// The experiment to which trials would be appended.
    pub target_experiment_id: Option<i64>,
    pub strategy: Strategy,
    pub same_database: bool,
    /// Rows that would be copied.
    pub items_total: u64,
    pub tables: Vec<PlannedTable>,
    pub extra_columns: Vec<ExtraColumn>,
    pub filled_columns: Vec<FilledColumn>,
    /// Tables of the source that are not copied.
    pub extra_tables: Vec<String>,
    /// Rows that hang on nothing.
    pub unsound: UnsoundRows,
    /// `None` where the strategy does not look.
    pub odd_values: Option<OddValues>,
    /// With CONSERVATIVE.
    pub validation: Option<Stopping>,
    /// What the target cannot hold.
    pub(crate) fit: Preflight,
    /// What the transformation rules would do; `None` if there are none.
    pub transformation: Option<TransformationResult>,
    /// Experiments of the target that are the same.
    pub duplicates: Vec<PlannedDuplicate>,
    pub warnings: Vec<String>,
    /// The definition that the digests follow.
    pub digest_algorithm: &'static str,
    pub source_digest: Option<Hash>,
    /// What the copy would have.
    pub expected_digest: Option<Hash>,
    /// How source and target would be locked: docs/json-documents.md.
    pub locks: Json,
    /// How large a transaction it would be, where a cluster limits that.
    pub(crate) transaction_size: Option<TransactionSize>,
    /// About what the copy takes.
    pub needed_bytes: u64,
    /// What there is; `None` where that is not known.
    pub free_bytes: Option<u64>,
}

impl MigrationPlan {
    /// Whether there is room for the copy; `None` where that is not known.
    pub fn has_room(&self) -> Option<bool> {
        self.free_bytes.map(|free| free > self.needed_bytes)
    }

    /// The whole plan, schema `expmig.plan/1`.
    pub fn to_json(&self) -> Json {
        json!({
            "schema": "expmig.plan/1",
            "source_experiment_id": self.source_experiment_id,
            "target_experiment_id": self.target_experiment_id,
            "strategy": self.strategy.name(),
            "same_database": self.same_database,
            "items_total": self.items_total,
            "tables": self.tables,
            "extra_columns": self.extra_columns,
            "filled_columns": self.filled_columns,
            "extra_tables": self.extra_tables,
            "unsound": {"count": self.unsound.count, "rows": self.unsound.first},
            "odd_values": self.odd_values.as_ref().map(|odd| json!({"count": odd.count, "values": odd.first})),
            "validation": self.validation,
            "lossy": self.fit.to_json(),
            "transformation": self.transformation.as_ref().map(TransformationResult::to_json),
            "duplicates": self.duplicates,
            "warnings": self.warnings,
            "digest": {
                "algorithm": self.digest_algorithm,
                "source": self.source_digest.as_ref().map(hex),
                "as_stored": self.expected_digest.as_ref().map(hex),
            },
            "locks": self.locks,
            "transaction": self.transaction_size.as_ref().map(TransactionSize::to_json),
            "space": {
                "needed_bytes": self.needed_bytes,
                "free_bytes": self.free_bytes,
                "enough": self.has_room(),
            },
        })
    }
}
