//! Makes the result of a migration: of a copy that was written and proven, or of one that was not needed.

use super::endpoints::Endpoints;
use super::options::MigrateOptions;
use super::prepare::Prepared;
use super::prove::of_copy;
use super::result::{IdMap, MigrationResult, TableCount};
use super::warnings::losses;
use crate::digest::{ALGORITHM, ExperimentDigest, Hash};
use crate::hierarchy::{Counts, UnsoundRows};
use crate::progress::Job;
use crate::schema::{Entity, Place};
use crate::transformation::TransformationResult;

/// The result where the target has the experiment already, and nothing was written.
pub fn skipped(
    prepared: &Prepared,
    options: &MigrateOptions,
    job: &Job,
    experiment: i64,
    existing: i64,
) -> MigrationResult {
    let mut warnings =
        vec![format!("the target had the experiment already, as experiment {existing}; nothing was written")];
    warnings.extend(losses(&prepared.fit));
    let expected = prepared.expected.as_ref().map(|digest| of_copy(digest, options));
    MigrationResult {
        source_experiment_id: experiment,
        new_experiment_id: existing,
        strategy: options.strategy,
        skipped: true,
        items_processed: 0,
        items_failed: 0,
        items_total: 0,
        tables: Vec::new(),
        id_map: IdMap::default(),
        source_digest: prepared.source_digest.as_ref().map(|digest| digest.experiment),
        // An experiment that has other trials beside these has another digest.
        target_digest: expected.filter(|_| options.target_experiment.is_none()),
        expected_digest: expected,
        digest_algorithm: algorithm(prepared),
        fit: prepared.fit.clone(),
        problems: prepared.selection.problems.clone(),
        locations: None,
        warnings,
        transformation: None,
        snapshot_id: None,
        job_id: None,
        duration: job.elapsed(),
    }
}

/// Rows of the tables: those of the source, those that were copied, and those that were left out.
type Rows = (Vec<Counts>, Vec<(&'static str, u64)>, Vec<(&'static str, u64)>);

/// The result of a copy that was written and proven.
pub fn of_written(
    (ends, prepared, options, job): (&Endpoints<'_>, &Prepared, &MigrateOptions, &Job),
    (new_experiment_id, id_map): (i64, IdMap),
    (source, copied, mut left_out): Rows,
    target_digest: Option<Hash>,
    (problems, warnings, transformation): (UnsoundRows, Vec<String>, Option<TransformationResult>),
) -> MigrationResult {
    let appended = options.target_experiment.is_some();
    let tables = source
        .iter()
        .filter(|counts| !(appended && counts.table.place == Place::Node(Entity::ROOT)))
        .map(|counts| TableCount {
            table: counts.table.name,
            source: counts.rows + counts.unsound,
            copied: copied.iter().find(|(name, _)| *name == counts.table.name).map_or(0, |(_, rows)| *rows),
            failed: left_out.extract_if(.., |(name, _)| *name == counts.table.name).map(|(_, count)| count).sum(),
        })
        .collect();
    MigrationResult {
        source_experiment_id: ends.experiment,
        new_experiment_id,
        strategy: options.strategy,
        skipped: false,
        items_processed: 0,
        items_failed: 0,
        items_total: 0,
        tables,
        id_map,
        source_digest: prepared.source_digest.as_ref().map(|digest| digest.experiment),
        target_digest,
        expected_digest: prepared.expected.as_ref().map(|digest| of_copy(digest, options)),
        digest_algorithm: algorithm(prepared),
        fit: prepared.fit.clone(),
        problems,
        locations: None,
        warnings,
        transformation,
        snapshot_id: None,
        job_id: None,
        duration: job.elapsed(),
    }
}

/// The algorithm of the result's digests.
pub fn algorithm(prepared: &Prepared) -> &'static str {
    prepared.source_digest.as_ref().map_or(ALGORITHM, ExperimentDigest::algorithm)
}
