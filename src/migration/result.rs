//! The result of a migration.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::named_map::Locations;
use super::options::Strategy;
use super::preflight::Preflight;
use crate::digest::{Hash, hex};
use crate::hierarchy::{Selection, UnsoundRows};
use crate::schema::ByEntity;
use crate::schema::experiment_manager::{ARTIFACT, METRIC, RUN, TRIAL};
use crate::transformation::TransformationResult;

/// The rows of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableCount {
    pub table: &'static str,
    /// Rows below the source experiment.
    pub source: u64,
    pub copied: u64,
    /// Rows left out.
    pub failed: u64,
}

/// Old ids and their new ids. Trials and runs are listed in full. For metrics and artifacts, the n-th old id (in ascending order, from 0)
/// became the first new id plus n.
#[derive(Clone, Debug, Default)]
pub struct IdMap {
    pub trials: Vec<(i64, i64)>,
    pub runs: Vec<(i64, i64)>,
    /// First new id and how many.
    pub metrics: Option<(i64, u64)>,
    pub artifacts: Option<(i64, u64)>,
    /// Of a family whose keys are texts: old and new keys by table, of those rows that got a new one. All others kept theirs.
    pub keys: Vec<(&'static str, Vec<(String, String)>)>,
}

impl IdMap {
    /// Of a copy whose rows have the ids from these on.
    pub(super) fn new(selection: &Selection, first: &ByEntity<i64>) -> IdMap {
        let pairs = |entity| selection.ids(entity).iter().zip(*first.get(entity)..).collect();
        let block = |entity| {
            let count = selection.leaf_count(entity);
            (count > 0).then_some((*first.get(entity), count))
        };
        IdMap {
            trials: pairs(TRIAL),
            runs: pairs(RUN),
            metrics: block(METRIC),
            artifacts: block(ARTIFACT),
            keys: Vec::new(),
        }
    }
}

/// The result of a migration.
#[derive(Clone, Debug)]
pub struct MigrationResult {
    pub source_experiment_id: i64,
    pub new_experiment_id: i64,
    pub strategy: Strategy,
    /// The target had the experiment already and nothing was written.
    pub skipped: bool,
    pub items_processed: u64,
    pub items_failed: u64,
    pub items_total: u64,
    pub tables: Vec<TableCount>,
    pub id_map: IdMap,
    /// The `exact` digest of the source; `None` if the strategy computes none.
    pub source_digest: Option<Hash>,
    /// Digest of the target as it was read back.
    pub target_digest: Option<Hash>,
    /// The digest that the target had to have. It differs from `source_digest` if losses were allowed, a title prefix or rules were given,
    /// or trials were appended.
    pub expected_digest: Option<Hash>,
    /// The definition that the digests follow.
    pub digest_algorithm: &'static str,
    pub(crate) fit: Preflight,
    pub(crate) problems: UnsoundRows,
    /// What became of where artifacts are, if there was a rule for that.
    pub locations: Option<Locations>,
    pub warnings: Vec<String>,
    /// What the transformation rules did to the copy's metrics; `None` if there were none, or nothing was written.
    pub transformation: Option<TransformationResult>,
    /// The snapshot of the target that was taken before the first write.
    pub snapshot_id: Option<String>,
    /// The job of a copy in stages.
    pub job_id: Option<i64>,
    pub duration: Duration,
}

impl MigrationResult {
    /// 0 to 100: the share of the rows that were copied.
    pub fn success_rate(&self) -> f64 {
        if self.items_processed == 0 {
            return 100.0;
        }
        (self.items_processed.saturating_sub(self.items_failed) as f64 / self.items_processed as f64) * 100.0
    }

    /// The whole result, schema `expmig.migration/1`.
    pub fn to_json(&self) -> Json {
        // Every key is text.
        serde_json::to_value(self.document()).unwrap_or_default()
    }

    /// Like [`MigrationResult::to_json`], but returns text, which takes far less memory if there are many trials and runs.
    pub fn to_json_text(&self) -> String {
        serde_json::to_string(&self.document()).unwrap_or_default()
    }

    fn document(&self) -> Document<'_> {
        let digest = |hash: &Option<Hash>| hash.as_ref().map(hex);
        let block = |block: Option<(i64, u64)>| block.map(|(first, count)| json!({"first": first, "count": count}));
        Document {
            schema: "expmig.migration/1",
            source_experiment_id: self.source_experiment_id,
            new_experiment_id: self.new_experiment_id,
            strategy: self.strategy.name(),
            skipped: self.skipped,
            items_processed: self.items_processed,
            items_failed: self.items_failed,
            items_total: self.items_total,
            success_rate: self.success_rate(),
            tables: self
                .tables
                .iter()
                .map(|t| json!({"table": t.table, "source": t.source, "copied": t.copied, "failed": t.failed}))
                .collect(),
            id_map: IdMapDocument {
                experiment: [(self.source_experiment_id, self.new_experiment_id)],
                trial: &self.id_map.trials,
                trial_run: &self.id_map.runs,
                metric: block(self.id_map.metrics),
                artifact: block(self.id_map.artifacts),
                keys: self.id_map.keys.iter().map(|(table, pairs)| ((*table).to_owned(), json!(pairs))).collect(),
            },
            digest: json!({
                "algorithm": self.digest_algorithm,
                "source": digest(&self.source_digest),
                "target": digest(&self.target_digest),
                "as_stored": digest(&self.expected_digest),
            }),
            lossy: self.fit.to_json(),
            left_out: json!({"count": self.problems.count, "rows": self.problems.first}),
            locations: self.locations.as_ref().map(Locations::to_json),
            transformation: self.transformation.as_ref().map(TransformationResult::to_json),
            warnings: &self.warnings,
            snapshot_id: self.snapshot_id.as_deref(),
            job_id: self.job_id,
            duration_ns: u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// The result as a document. The long lists are written from where they are.
#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    source_experiment_id: i64,
    new_experiment_id: i64,
    strategy: &'static str,
    skipped: bool,
    items_processed: u64,
    items_failed: u64,
    items_total: u64,
    success_rate: f64,
    tables: Json,
    id_map: IdMapDocument<'r>,
    digest: Json,
    lossy: Json,
    left_out: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    locations: Option<Json>,
    transformation: Option<Json>,
    warnings: &'r [String],
    snapshot_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<i64>,
    duration_ns: u64,
}

#[derive(Serialize)]
struct IdMapDocument<'r> {
    experiment: [(i64, i64); 1],
    trial: &'r [(i64, i64)],
    trial_run: &'r [(i64, i64)],
    metric: Option<Json>,
    artifact: Option<Json>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    keys: serde_json::Map<String, Json>,
}
