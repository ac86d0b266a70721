//! The whole import: reads and writes, checks values, proves the result, commits.

use std::io::Read;
use std::sync::Arc;

use super::dangling_links::cut_links;
use super::options::ImportOptions;
use super::prove::{doubts, prove};
use super::reader::Reader;
use super::result::ImportResult;
use super::target::{May, Target};
use super::value_checks::{refuse_errors, warnings};
use super::walk::{Walk, Walked};
use crate::database::{Database, Filled, Losses, Transaction, Watches};
use crate::digest::{
    ALGORITHM, Hash, OnDuplicate, TableTotals, digest, equal_experiment, experiments_with_row, grown_by,
};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{Scope, Selection, left_out_message};
use crate::progress::Job;
use crate::schema::Call;
use crate::schema::experiment_manager::{ARTIFACT, METRIC, RUN, TRIAL};

use crate::validation::{Issue, IssueKind, Report, Severity};

/// Imports the experiment of a document.
pub fn import(database: &Database, document: &mut dyn Read, mut options: ImportOptions) -> Result<ImportResult> {
    options.check()?;
    options.text_keys.refuse(database.family().tracker, Domain::ImportExport)?;
    options.refuse_target(database.family().tracker)?;
    database.refuse_read_only(Domain::ImportExport)?;
    let job = Job::new(Domain::ImportExport, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let connection = database.writer(&job)?;
    let _watches = Watches::new(&job, [connection, connection]);
    let writing = Transaction::write(connection)?;
    let layout = database.checked(connection.layout()?)?;
    layout.require(Call::Import, Domain::ImportExport)?;
    let census = TableTotals::take(connection, &layout, None, &job)?;
    job.begin("importing")?;
    let may = May { add_columns: options.add_columns || database.was_created(), lose: options.allow_lossy };
    let mut target = Target::new(connection, layout, may, &job)?;
    let reader = Reader::new(document, options.max_value_bytes, &job);
    // Rows are written as the document has them, some before those that they belong to.
    let checks = connection.suspend_foreign_keys()?;
    let mut walked = Walk::new(reader, &mut target, &options, &job)?.read()?;
    if may.lose && !walked.apart && walked.taken.as_ref().is_none_or(|taken| taken.count == 0) {
        walked.check_counts()?;
        cut_links(&mut target, &mut walked, &job)?;
    }
    let result = judge((&target, checks), walked, &options, &job)?;
    if result.skipped {
        drop(writing);
    } else {
        census.check(Domain::ImportExport, &job, |table| grown_by(&result.tables, table))?;
        job.begin_commit()?;
        writing.commit()?;
    }
    let (processed, ..) = job.counts();
    job.set_total(processed);
    job.finish();
    Ok(ImportResult { duration: job.elapsed(), ..result })
}

/// Refuses what has to be refused. The caller commits, unless the result says that it was skipped.
fn judge(
    (target, checks): (&Target<'_>, bool),
    mut walked: Walked,
    options: &ImportOptions,
    job: &Arc<Job>,
) -> Result<ImportResult> {
    let (connection, layout, added) = (target.connection, &target.layout, &target.added);
    if let Some(existing) = refuse_taken(target, &walked, options, job)? {
        return Ok(existing);
    }
    if walked.left_out.is_empty() {
        walked.check_counts()?;
    }
    let mut notes = Vec::new();
    doubts(&walked.metadata, &mut notes);
    if let Some(judge) = walked.judge.take() {
        let (report, offsets) = judge.report();
        refuse_errors(&report, &offsets)?;
        warnings(&report, |_| true, report.count(Severity::Warning), &mut notes);
    }
    job.begin("verifying the import")?;
    walked.check_unlinked(connection, layout)?;
    let (found, times) = prove((target, checks), &walked, options.validate_before_import, job)?;
    if let Some(times) = times {
        warnings(&times, is_about_times, count_about_times(&times), &mut notes);
    }
    job.begin("looking for the same experiment")?;
    let alike = experiments_with_row(connection, layout, &found.row, Some(walked.experiment), job)?;
    if let Some(existing) = equal_experiment(connection, layout, alike, &found, job)? {
        match options.on_duplicate {
            OnDuplicate::Copy => notes.push(format!("the database has the same experiment already: {existing}")),
            OnDuplicate::Skip => {
                return Ok(ImportResult {
                    digest_algorithm: found.algorithm(),
                    ..skipped(&walked, options, (existing, found.experiment))
                });
            }
            OnDuplicate::Error => return Err(exists(existing)),
        }
    }
    if walked.unlinked() > 0 {
        let rows = walked.unlinked();
        notes.push(format!("{rows} metrics are linked to nothing: the document does not say what they belong to"));
    }
    notes.extend(left_out_message(&walked.left_out));
    if target.losses.count > 0 {
        let count = target.losses.count;
        notes.push(format!("{count} values were left out or changed, because the target cannot hold them"));
    }
    if target.is_unproven() {
        notes
            .push("the digest of the document covers more than the target holds, so only rows were counted".to_owned());
    }
    let written = |filled: &&Filled| walked.rows.iter().any(|(table, rows)| *table == filled.table.name && *rows > 0);
    notes.extend(layout.filled.iter().filter(written).map(Filled::warning));
    notes.extend(added.iter().map(|(table, column)| format!("the column {table}.{column} was added")));
    notes.extend(target.undeclared.iter().map(|(table, column)| {
        format!("the database does not declare {table}.{column} as a foreign key, as the document does")
    }));
    if walked.ids.iter().flatten().any(|ids| ids.reused) {
        notes.push("the highest id was in use, so free ids below it were taken".to_owned());
    }
    let blocks = [TRIAL, RUN, METRIC, ARTIFACT].map(|entity| walked.blocks(entity));
    Ok(ImportResult {
        document_experiment_id: walked.document_id,
        experiment_id: walked.experiment,
        skipped: false,
        preserved_ids: options.preserve_ids,
        unlinked_metrics: walked.unlinked(),
        items_processed: walked.rows.iter().map(|(_, rows)| rows).sum(),
        tables: walked.rows,
        id_map: (!options.preserve_ids).then_some(blocks),
        keys: Vec::new(),
        locations: None,
        source_database: walked.metadata.source_database,
        document_digest: walked.metadata.digest,
        digest: found.experiment,
        digest_algorithm: found.algorithm(),
        added_columns: added.clone(),
        lossy: target.losses.clone(),
        warnings: notes,
        duration: job.elapsed(),
    })
}

/// The times of rows that contradict each other: a document is not read in an order in which they could be compared.
fn is_about_times(issue: &Issue) -> bool {
    is_time_kind(issue.kind)
}

fn is_time_kind(kind: IssueKind) -> bool {
    matches!(kind, IssueKind::TimestampsBackwards | IssueKind::ChildOutsideParent)
}

fn count_about_times(report: &Report) -> u64 {
    report.counts().iter().filter(|count| is_time_kind(count.kind)).map(|count| count.count).sum()
}

fn exists(existing: i64) -> Error {
    let message = format!("the database has the same experiment already: {existing}; nothing was changed");
    Error::new(Status::AlreadyExists, Domain::ImportExport, message)
        .detail("duplicate_experiment_id", existing)
        .hint("on_duplicate = skip returns its id instead")
}

/// Fails if ids that shall be preserved are taken. The result if the experiment is there and shall be skipped.
fn refuse_taken(
    target: &Target<'_>,
    walked: &Walked,
    options: &ImportOptions,
    job: &Arc<Job>,
) -> Result<Option<ImportResult>> {
    let (connection, layout) = (target.connection, &target.layout);
    let Some(taken) = walked.taken.as_ref().filter(|taken| taken.count > 0) else { return Ok(None) };
    // A call that is repeated finds the ids taken by what it imported before.
    if walked.apart {
        walked.check_counts()?;
        job.begin("verifying the import")?;
        walked.check_unlinked(connection, layout)?;
        let (found, _) = prove((target, false), walked, false, job)?;
        job.begin("looking for the same experiment")?;
        let mut there = Selection::read(connection, layout, walked.document_id, Scope::default(), job)?;
        if digest(connection, layout, &mut there, None, job, None)?.experiment == found.experiment {
            return match options.on_duplicate {
                OnDuplicate::Skip => Ok(Some(skipped(walked, options, (walked.document_id, found.experiment)))),
                _ => Err(exists(walked.document_id)),
            };
        }
    }
    let message = format!("{} ids of the document are taken; nothing was changed", taken.count);
    let error = Error::new(Status::AlreadyExists, Domain::ImportExport, message)
        .detail("count", taken.count)
        .hint("import without preserving ids, or into an empty database");
    Err(taken
        .first
        .iter()
        .fold(error, |error, (table, id)| error.detail("table", table).detail("row", format!("id={id}"))))
}

fn skipped(walked: &Walked, options: &ImportOptions, (existing, digest): (i64, Hash)) -> ImportResult {
    let note = format!("the database has the same experiment already: {existing}; nothing was written");
    ImportResult {
        document_experiment_id: walked.document_id,
        experiment_id: existing,
        skipped: true,
        preserved_ids: options.preserve_ids,
        items_processed: 0,
        tables: Vec::new(),
        unlinked_metrics: 0,
        id_map: None,
        keys: Vec::new(),
        locations: None,
        source_database: walked.metadata.source_database.clone(),
        document_digest: walked.metadata.digest,
        digest,
        digest_algorithm: walked.metadata.algorithm.unwrap_or(ALGORITHM),
        added_columns: Vec::new(),
        lossy: Losses::default(),
        warnings: vec![note],
        duration: std::time::Duration::ZERO,
    }
}
