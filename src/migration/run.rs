//! One migration from beginning to end: prepares, refuses what the strategy refuses, writes, proves, commits.

use std::sync::Arc;

use super::copy::{Copier, NewIds};
use super::duplicates::Duplicates;
use super::endpoints::Endpoints;
use super::named::migrate_named;
use super::options::{ManagerServices, MigrateOptions, Strategy};
use super::preflight::Preflight;
use super::prepare::{Prepared, Validated};
use super::prove::{all_copied, look_for_dangling, of_copy, prove};
use super::result::{IdMap, MigrationResult, TableCount};
use crate::database::{
    Connection, Database, Filled, Kinds, MissingColumn, Planned, Reading, State, Transaction, Watches, Write,
    cannot_add,
};
use crate::digest::{ALGORITHM, Digester, ExperimentDigest, Hash, OnDuplicate, TableTotals, grown_by};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::{Counts, OutsideReference, RowidRanges, UnsoundRows, left_out_message};
use crate::progress::Job;
use crate::schema::{Entity, Place};
use crate::transformation::TransformationResult;
use crate::validation::Report;
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
    if let Some(skipped) = judge(&ends, (&prepared, &duplicates), &options, &job)? {
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

/// Begins the transaction that writes. For its lock, and for all that comes after, nobody else is kept waiting.
pub fn begin<'c>(job: &Job, (reader, writer): (&dyn Connection, &'c dyn Connection)) -> Result<Transaction<'c>> {
    job.begin("waiting for the target")?;
    reader.let_go()?;
    Transaction::write(writer)
}

/// Refuses what the strategy refuses. A result if the experiment is there and shall be skipped.
pub fn judge(
    ends: &Endpoints<'_>,
    (prepared, duplicates): (&Prepared, &Duplicates),
    options: &MigrateOptions,
    job: &Job,
) -> Result<Option<MigrationResult>> {
    let experiment = ends.experiment;
    let problems = &prepared.selection.problems;
    if problems.count > 0 && options.strategy != Strategy::Aggressive {
        let error = Error::new(
            Status::Validation,
            Domain::Validation,
            format!("{} rows of experiment {experiment} are unsound; nothing was changed", problems.count),
        )
        .detail("experiment_id", experiment)
        .hint("repair the rows that the details name, or use the AGGRESSIVE strategy, which leaves them out and lists them");
        return Err(problems.name_in(error));
    }
    if options.strategy == Strategy::Conservative {
        ends.refuse_unsteady()?;
    }
    if let Some(validated) = &prepared.validated {
        judge_validated(validated, experiment)?;
        refuse_behind(prepared, experiment)?;
    }
    ends.refuse_failed()?;
    // First: what does not fit is not there either, whatever an earlier lossy copy has.
    judge_fit(ends, prepared, options)?;
    if let Some(duplicate) = duplicates.found.first() {
        match options.on_duplicate {
            OnDuplicate::Copy => {}
            OnDuplicate::Error => {
                return Err(Error::new(
                    Status::AlreadyExists,
                    Domain::Migration,
                    format!("the target has experiment {experiment} already, as experiment {}", duplicate.experiment),
                )
                .detail("experiment_id", experiment)
                .detail("duplicate_experiment_id", duplicate.experiment)
                .hint("on_duplicate = skip returns its id instead"));
            }
            OnDuplicate::Skip => return Ok(Some(skipped(prepared, options, job, experiment, duplicate.experiment))),
        }
    }
    Ok(None)
}

/// CONSERVATIVE: any error in the source stops it, and any warning about the experiment.
fn judge_validated(validated: &Validated, experiment: i64) -> Result<()> {
    let (errors, warnings) = validated.stopping_count();
    if errors + warnings == 0 {
        return Ok(());
    }
    let message =
        format!("the source has {errors} errors, and experiment {experiment} {warnings} warnings; nothing was changed");
    let mut error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .detail("count", errors + warnings)
        .hint("validate and repair the source, or use the BALANCED strategy, which looks at the experiment only and warns");
    for issue in validated.stopping().take(NAMED) {
        error = error.detail("table", &issue.table).detail("row", &issue.row);
        if let Some(column) = &issue.column {
            error = error.detail("column", column);
        }
        error = error.detail("kind", issue.kind.name()).detail("problem", &issue.message);
    }
    Err(error)
}

/// CONSERVATIVE: nothing of the experiment stays behind.
fn refuse_behind(prepared: &Prepared, experiment: i64) -> Result<()> {
    let counted: Vec<_> = prepared.behind.iter().filter(|behind| behind.rows.is_some()).collect();
    if counted.is_empty() && prepared.computed.is_empty() {
        return Ok(());
    }
    let message = format!("something of experiment {experiment} would not be copied; nothing was changed");
    let error = Error::new(Status::Validation, Domain::Validation, message)
        .detail("experiment_id", experiment)
        .detail("count", counted.len() + prepared.computed.len())
        .hint("use the BALANCED strategy, which warns instead, and copy the rest by other means");
    let error = counted
        .iter()
        .take(NAMED)
        .fold(error, |error, behind| error.detail("table", &behind.table).detail("problem", behind.message()));
    Err(prepared.computed.iter().take(NAMED).fold(error, |error, (table, column, rows)| {
        error.detail("table", table).detail("column", column).detail("problem", computed(table, column, *rows))
    }))
}

/// For a person.
fn computed(table: &str, column: &str, rows: u64) -> String {
    format!("{table}.{column} is computed in the source and not in the target, where it has no value in {rows} rows")
}

fn judge_fit(ends: &Endpoints<'_>, prepared: &Prepared, options: &MigrateOptions) -> Result<()> {
    let (fit, experiment) = (&prepared.fit, ends.experiment);
    let (status, message, hint) = if fit.refused > 0 {
        let message =
            format!("the target refuses {} values of experiment {experiment}; nothing was changed", fit.refused);
        (Status::Constraint, message, "change what the target refuses, or copy into a new database".to_owned())
    } else if fit.count > 0 && !options.lossy_allowed() {
        let message = format!(
            "{} rows or values of experiment {experiment} do not fit the target; nothing was changed",
            fit.count
        );
        if fit.leaving == fit.count {
            let message = format!(
                "{} links of experiment {experiment} lead to rows that are not copied; nothing was changed",
                fit.count
            );
            let hint = "set them to NULL, or have that done in the copy with EXPMIG_MIGRATE_ALLOW_LOSSY, where rows are left out that \
                        cannot be NULL there";
            (Status::Lossy, message, hint.to_owned())
        } else {
            let widen = ends.target.capabilities().how_to_widen.unwrap_or("change the target's schema");
            let hint = format!(
                "{widen} (EXPMIG_MIGRATE_ADD_COLUMNS adds missing columns), or allow the loss with EXPMIG_MIGRATE_ALLOW_LOSSY"
            );
            (Status::Lossy, message, hint)
        }
    } else {
        return Ok(());
    };
    let mut error = Error::new(status, Domain::Migration, message)
        .detail("experiment_id", experiment)
        .detail("count", fit.count)
        .hint(hint);
    for loss in fit.first.iter().take(NAMED) {
        error = error.detail("table", loss.table);
        for (key, value) in
            [("row", &loss.row), ("column", &loss.column), ("value", &loss.value), ("stored_as", &loss.stored_as)]
        {
            if let Some(value) = value {
                error = error.detail(key, value);
            }
        }
        error = error.detail("problem", loss.reason);
    }
    Err(error)
}

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
    let whole = prepared.selection.problems.count == 0 && prepared.fit.count == 0;
    let mut trimmed = if whole { None } else { Some(prepared.copied_selection(ends, job)?) };
    let left_out = trimmed.as_ref().map_or_else(Vec::new, |kept| prepared.selection.left_out(kept));
    let problems = std::mem::take(&mut prepared.selection.problems);
    let source_counts = prepared.selection.counts.clone();
    let behind = left_behind(ends, &prepared);
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
    let mut warnings = warnings(&duplicates, (prepared.quality.as_ref(), &prepared.fit), options, problems.count);
    warnings.extend(ends.warnings());
    warnings.extend(behind);
    let written =
        |filled: &&Filled| source_counts.iter().any(|counts| counts.table.name == filled.table.name && counts.rows > 0);
    warnings.extend(ends.target_layout.filled.iter().filter(written).map(Filled::warning));
    ends.refuse_failed()?;
    let transformation = ends.rewriter.as_ref().map(|rewriter| rewriter.borrow().result());
    if let Some(into) = options.target_experiment {
        touch(ends, into)?;
    }
    if may_dangle {
        let refuses = enforced || !options.lossy_allowed();
        let appended = options.target_experiment.is_some();
        warnings.extend(look_for_dangling(ends, selection, (&ids, appended), refuses, job)?);
    }
    let target_digest = prove(ends, selection, &copied, (&prepared.expected, &ids, new_rows), options, job)?;
    census.check(Domain::Migration, job, |table| grown_by(&copied, table))?;
    warnings.extend(transformation.iter().flat_map(|done| done.warnings.iter().cloned()));
    if ids.reused {
        warnings.push("the highest id was in use, so free ids below it were taken".to_owned());
    }
    let counts = (source_counts, copied, left_out);
    let (new, rest) = ((ids.experiment, ids.map(selection)), (problems, warnings, transformation));
    Ok(of_written((ends, &prepared, options, job), new, counts, target_digest, rest))
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

/// What is worth knowing of the copy.
pub fn warnings(
    duplicates: &Duplicates,
    (quality, fit): (Option<&Report>, &Preflight),
    options: &MigrateOptions,
    left_out: u64,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for duplicate in &duplicates.found {
        warnings.push(match (duplicate.proven, options.target_experiment) {
            (true, None) => {
                format!("the target had the same experiment already, as experiment {}", duplicate.experiment)
            }
            (true, Some(_)) => format!("experiment {} had all of the same content already", duplicate.experiment),
            (false, _) => format!(
                "experiment {} of the target has the same title, description and times; its contents were not compared",
                duplicate.experiment
            ),
        });
    }
    if duplicates.others > 0 {
        let others = duplicates.others;
        warnings.push(format!("{others} more experiments of the target have the same title, description and times"));
    }
    warnings.extend(quality.iter().flat_map(|quality| quality_warnings(quality)));
    if left_out > 0 {
        warnings.push(format!("{left_out} rows are unsound and were left out"));
    }
    warnings.extend(losses(fit));
    warnings.extend(left_out_message(&fit.left_out));
    for (table, column) in &fit.added_columns {
        warnings.push(format!("the column {table}.{} was added to the target", column.name));
    }
    warnings
}

/// What stays behind, and what the target does not say.
pub fn left_behind(ends: &Endpoints<'_>, prepared: &Prepared) -> Vec<String> {
    let mut warnings: Vec<String> = prepared.behind.iter().map(OutsideReference::message).collect();
    warnings.extend(prepared.computed.iter().map(|(table, column, rows)| computed(table, column, *rows)));
    for (table, column) in &ends.undeclared {
        warnings.push(format!("the target does not declare {table}.{column} as a foreign key, as the source does"));
    }
    warnings
}

/// What is wrong with the values.
fn quality_warnings(quality: &Report) -> Vec<String> {
    let mut warnings: Vec<String> = quality.issues().iter().map(|issue| issue.message.clone()).collect();
    let unnamed = quality.total().saturating_sub(quality.issues().len() as u64);
    if unnamed > 0 {
        warnings.push(format!("{unnamed} more issues; a validation of the experiment lists them"));
    }
    warnings
}

/// What the digests follow.
pub fn algorithm(prepared: &Prepared) -> &'static str {
    prepared.source_digest.as_ref().map_or(ALGORITHM, ExperimentDigest::algorithm)
}

/// Says how much was lost.
fn losses(fit: &Preflight) -> Option<String> {
    let count = fit.count;
    (count > 0).then(|| format!("{count} rows or values were left out or changed, because the target cannot hold them"))
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
