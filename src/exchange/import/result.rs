//! The result of an import.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::database::Losses;
use crate::digest::{Hash, hex};

/// The result of an import.
#[derive(Clone, Debug)]
pub struct ImportResult {
    /// The id that the experiment has in the document.
    pub document_experiment_id: i64,
    /// The id of the imported experiment, or of the one that was there already.
    pub experiment_id: i64,
    /// The target had the experiment already and nothing was written.
    pub skipped: bool,
    /// Rows were given the ids that they have in the document.
    pub preserved_ids: bool,
    pub items_processed: u64,
    /// Rows written, by table.
    pub tables: Vec<(&'static str, u64)>,
    /// Of these, metrics that are linked to nothing, because a document of the older tool does not say what they belong to.
    pub unlinked_metrics: u64,
    /// The new ids of trials, runs, metrics and artifacts, as blocks of a first id and a count, in the order in which the rows first appear
    /// in the document. There is more than one block only if another client of a server took ids in between. `None` if ids were preserved
    /// or nothing was written.
    pub id_map: Option<[Vec<(i64, u64)>; 4]>,
    /// Where the tracker chooses the keys: old and new keys by table, of the rows that got a new one.
    pub keys: Vec<(&'static str, Vec<(String, String)>)>,
    /// Where artifacts are that begin otherwise than in the document, if that was asked for: as in a migration's result.
    pub locations: Option<Json>,
    /// The file that the document says it was exported from.
    pub source_database: Option<String>,
    /// The digest in the document.
    pub document_digest: Option<Hash>,
    /// The digest of the target as it was read back.
    pub digest: Hash,
    /// The definition that the digest follows.
    pub digest_algorithm: &'static str,
    /// Columns that were added to the target: table and name.
    pub added_columns: Vec<(&'static str, String)>,
    /// Values that the target could not hold unchanged.
    pub lossy: Losses,
    pub warnings: Vec<String>,
    pub duration: Duration,
}

impl ImportResult {
    /// The whole result, schema `expmig.import/1`.
    pub fn to_json(&self) -> Json {
        let tables: Json = self.tables.iter().map(|(table, rows)| json!({"table": table, "rows": rows})).collect();
        let block = |(first, count): &(i64, u64)| json!({"first": first, "count": count});
        let ids = |blocks: &[(i64, u64)]| match blocks {
            [] => Json::Null,
            [only] => block(only),
            [(first, _), ..] => json!({
                "first": first,
                "count": blocks.iter().map(|(_, count)| count).sum::<u64>(),
                "blocks": blocks.iter().map(block).collect::<Json>(),
            }),
        };
        let added: Json =
            self.added_columns.iter().map(|(table, column)| json!({"table": table, "column": column})).collect();
        let keys: serde_json::Map<String, Json> =
            self.keys.iter().map(|(table, pairs)| ((*table).to_owned(), json!(pairs))).collect();
        let mut result = json!({
            "schema": "expmig.import/1",
            "document_experiment_id": self.document_experiment_id,
            "experiment_id": self.experiment_id,
            "skipped": self.skipped,
            "preserved_ids": self.preserved_ids,
            "items_processed": self.items_processed,
            "tables": tables,
            "unlinked_metrics": self.unlinked_metrics,
            "id_map": self.id_map.as_ref().map(|[trials, runs, metrics, artifacts]| json!({
                "trial": ids(trials),
                "trial_run": ids(runs),
                "metric": ids(metrics),
                "artifact": ids(artifacts),
            })),
            "source_database": self.source_database,
            "digest": {
                "algorithm": self.digest_algorithm,
                "document": self.document_digest.as_ref().map(hex),
                "target": hex(&self.digest),
            },
            "added_columns": added,
            "lossy": self.lossy.to_json(),
            "warnings": self.warnings,
            "duration_ns": u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX),
        });
        if let Some(result) = result.as_object_mut() {
            if !keys.is_empty() {
                result.insert("keys".to_owned(), Json::Object(keys));
            }
            if let Some(locations) = &self.locations {
                result.insert("locations".to_owned(), locations.clone());
            }
        }
        result
    }
}
