//! One migration from beginning to end: prepares, refuses what the strategy refuses, writes, proves, commits.

use std::sync::Arc;

use super::copy::{Copier, NewIds};
use super::duplicates::Duplicates;
use super::endpoints::{Endpoints, begin};
use super::named::migrate_named;
use super::options::{ManagerServices, MigrateOptions};
use super::outcome::of_written;
use super::prepare::Prepared;
use super::prove::{all_copied, look_for_dangling, prove};
use super::refusals::refuse_or_skip;
use super::result::MigrationResult;
use super::warnings::{Written, left_behind};
use crate::database::{Database, Kinds, MissingColumn, Planned, Reading, State, Watches, Write, cannot_add};
use crate::digest::{Digester, TableTotals, grown_by};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::RowidRanges;
use crate::progress::Job;
use crate::schema::{Entity, Place};
use crate::values::Value;

/// Copies an experiment; `None` as the target is the source's own database.
pub fn migrate(
    source: &Database,
    target: Option<&Database>,
    experiment: i64,
    mut options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    if source.family().has_text_keys() {
        return migrate_named(source, target, experiment, options, helpers);
    }
    options.check()?;
    options.text_keys.refuse(source.family().tracker, Domain::Migration)?;
    let transformation = options.transformation(helpers.transformations)?;
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    let target_database = target.unwrap_or(source);
    job.begin("opening")?;
    let writer = target_database.writer(&job)?;
    source.refuse_replaced()?;
    // Within one database, one connection reads and writes: two would wait for each other.
    let reading = if source.is_same_as(target_database) { None } else { Some(source.state(Reading::Beside, &job)?) };
    let reader = reading.as_ref().map_or(writer, State::connection);
    let watches = Watches::new(&job, [reader, writer]);
    // Where a transaction that writes keeps all other writers out, it begins when the source was judged.
    let late = reading.is_some() && !writer.capabilities().other_writers;
    let mut writing = if late { None } else { Some(begin(&job, (reader, writer))?) };
    let mut ends =
        Endpoints::new((source, reader), (target_database, writer), experiment, &options, (transformation, false))?;
    let mut prepared = Prepared::new(&ends, &options, (&mut *helpers.checks, true), &job)?;
    let writing = match writing.take() {
        Some(writing) => writing,
        None => {
            let writing = begin(&job, (reader, writer))?;
            if !ends.look_again(target_database, &options)? {
                prepared = Prepared::new(&ends, &options, (&mut *helpers.checks, true), &job)?;
            }
            writing
        }
    };
    let duplicates = Duplicates::find(&ends, &options, &mut prepared, &job)?;
    if let Some(skipped) = refuse_or_skip(&ends, (&prepared, &duplicates), &options, &job)? {
        drop(writing);
        job.finish();
        return Ok(skipped);
    }
    let snapshot_id = if options.takes_snapshot() { Some((helpers.snapshot)(&job)?) } else { None };
    // The snapshot stays, and somebody may want to know of it.
    let kept = |error: Error| match &snapshot_id {
        Some(id) => error.detail("snapshot_id", id),
        None => error,
    };
    let result = write(&mut ends, (prepared, duplicates), &options, &job).map_err(kept)?;
    job.begin_commit().map_err(kept)?;
    source.refuse_replaced().map_err(kept)?;
    writing.commit().map_err(kept)?;
    drop(ends);
    drop(watches);
    drop(reading);
    job.finish();
    let (processed, failed, total) = job.counts();
    Ok(MigrationResult {
        items_processed: processed,
        items_failed: failed,
        items_total: total,
        snapshot_id,
        duration: job.elapsed(),
        ..result
    })
}

/// Fails where a cluster surely does not take the copy as one transaction.
fn check_size(ends: &Endpoints<'_>, prepared: &Prepared, options: &MigrateOptions) -> Result<()> {
    let appends = options.target_experiment.is_some();
    let counts = prepared.selection.counts.iter();
    let rows = counts.filter(|counts| !appends || counts.table.place != Place::Node(Entity::ROOT));
    let planned: Vec<Planned<'_>> = rows
        .filter_map(|counts| {
            let table = ends.target_layout.table(counts.table.name)?;
            Some(Planned { table, rows: counts.rows, bytes: 0 })
        })
        .collect();
    match ends.target.transaction_size(&planned)? {
        Some(size) => size.check(Domain::Migration),
        None => Ok(()),
    }
}

/// Writes the copy and proves it. The caller commits.
fn write(
    ends: &mut Endpoints<'_>,
    (mut prepared, mut duplicates): (Prepared, Duplicates),
    options: &MigrateOptions,
    job: &Arc<Job>,
) -> Result<MigrationResult> {
    check_size(ends, &prepared, options)?;
    add_columns(ends, &prepared)?;
    let census = TableTotals::take(ends.target, &ends.target_layout, options.target_experiment, job)?;
    let ends = &*ends;
    let mut trimmed = prepared.trimmed_selection(ends, job)?;
    let left_out = trimmed.as_ref().map_or_else(Vec::new, |kept| prepared.selection.left_out(kept));
    let problems = std::mem::take(&mut prepared.selection.problems);
    let source_counts = prepared.selection.counts.clone();
    let left_behind = left_behind(ends, &prepared);
    let selection = trimmed.as_mut().unwrap_or(&mut prepared.selection);

    let own_row = u64::from(options.target_experiment.is_some());
    job.set_total((selection.total() - own_row) + left_out.iter().map(|(_, count)| count).sum::<u64>());
    job.begin("copying")?;
    problems.fail_rows(job, left_out.iter().map(|(_, count)| count).sum())?;
    let ids = NewIds::allocate(ends, selection, options.target_experiment)?;
    // A link can lead to a row that comes later.
    let may_dangle = ends.target_layout.extra_keys().next().is_some();
    let enforced = may_dangle && ends.target.suspend_foreign_keys()?;
    let copier = Copier { ends, layout: &prepared.effective.layout, options, ids: &ids, stage: None, job };
    let mut quality = prepared.deferred.take();
    let mut digester =
        quality.as_mut().map(|quality| Digester::new(selection, &ends.source_layout, None, Some(quality)));
    // Rows of somebody else's can mention ids that were free below others.
    let new_rows = match ids.reused {
        true => RowidRanges::default(),
        false => RowidRanges::of_new_rows(ends.target, &ends.target_layout)?,
    };
    let copied = copier.copy(selection, digester.as_mut())?;
    if let Some(digester) = digester {
        // What is left of it: the rows were read on the way.
        job.begin("digesting the source")?;
        all_copied(ends, &source_counts, &copied)?;
        let found = digester.end()?.finish((ends.source, &ends.source_layout), selection, None, job)?;
        prepared.expected.get_or_insert(found);
        prepared.source_digest.get_or_insert(found);
    }
    if let Some(quality) = quality {
        prepared.quality = Some(quality.report(ends.experiment));
    }
    duplicates.compare(ends, prepared.expected.as_ref(), job)?;
    ends.refuse_failed()?;
    let transformation = ends.rewriter.as_ref().map(|rewriter| rewriter.borrow().result());
    if let Some(into) = options.target_experiment {
        touch(ends, into)?;
    }
    let dangling = if may_dangle {
        let refuses = enforced || !options.lossy_allowed();
        let appended = options.target_experiment.is_some();
        look_for_dangling(ends, selection, (&ids, appended), refuses, job)?
    } else {
        Vec::new()
    };
    let target_digest = prove(ends, selection, &copied, (&prepared.expected, &ids, new_rows), options, job)?;
    census.check(Domain::Migration, job, |table| grown_by(&copied, table))?;
    let written = Written {
        duplicates: &duplicates,
        quality: prepared.quality.as_ref(),
        fit: &prepared.fit,
        source_counts: &source_counts,
        unsound: problems.count,
        left_behind,
        dangling,
        transformation: transformation.as_ref(),
    };
    let mut warnings = written.warnings(ends, options);
    if ids.reused {
        warnings.push("the highest id was in use, so free ids below it were taken".to_owned());
    }
    let counts = (source_counts, copied, left_out);
    let (new, rest) = ((ids.experiment, ids.map(selection)), (problems, warnings, transformation));
    Ok(of_written((ends, &prepared, options, job), new, counts, target_digest, rest))
}

/// Adds the extra columns that the target lacks.
fn add_columns(ends: &mut Endpoints<'_>, prepared: &Prepared) -> Result<()> {
    for (table, column) in &prepared.fit.added_columns {
        let Some(there) = ends.target_layout.table(table) else { continue };
        if ends.target.capabilities().ddl_commits {
            return Err(cannot_add(Domain::Migration, ends.target, &missing(ends, prepared)?));
        }
        ends.target.add_column(there, column)?;
    }
    if !prepared.fit.added_columns.is_empty() {
        ends.read_target_again()?;
    }
    Ok(())
}

/// The extra columns that the target lacks, and what they have to hold.
fn missing<'s>(ends: &'s Endpoints<'_>, prepared: &Prepared) -> Result<Vec<MissingColumn<'s>>> {
    let mut missing = Vec::new();
    for (table, column) in &prepared.fit.added_columns {
        let (Some(there), Some(here)) = (ends.target_layout.table(table), ends.source_layout.table(table)) else {
            continue;
        };
        let seen = Kinds::of(ends.source, here, &column.name)?;
        let kinds = if seen == Kinds::default() { Kinds::declared(&column.declared) } else { seen };
        let refers = column.refers.map(|entity| ends.target_layout.entity(entity)).transpose()?;
        missing.push(MissingColumn { table: there, name: column.name.clone(), kinds, refers });
    }
    Ok(missing)
}

/// Notes in an existing experiment that it was changed: its update_time becomes now, or stays if it is later.
fn touch(ends: &Endpoints<'_>, experiment: i64) -> Result<()> {
    let table = ends.target_layout.root()?;
    let column = table.quoted("update_time");
    let now = chrono::Utc::now().naive_utc().format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let (update, others) = (ends.target.opening(Write::Update, table)?, table.unstamped(&["update_time"]));
    let sql = format!("{update} SET {column} = ?1{others} WHERE {} = ?2 AND {column} < ?1", table.quoted("id"));
    ends.target.execute(&sql, &[Value::Text(now.into_bytes()), Value::Integer(experiment)])?;
    Ok(())
}
