//! A migration in several transactions: begins a job, goes on with one that stopped, and publishes the copy at the end.
//!
//! The first transaction reserves the ids and writes the row of the job. The next ones copy the rows, table after table, in an order that is the
//! same each time, so that the number of rows that are there says where to go on. The last, which changes two rows, gives the copy its title,
//! and is committed if the whole copy, as it is then, has the digest that it must have.

use std::sync::Arc;

use super::copy::{Copier, NewIds};
use super::duplicates::Duplicates;
use super::endpoints::{Endpoints, begin, prefixed_title};
use super::options::{ManagerServices, MigrateOptions, Strategy};
use super::outcome::{of_written, skipped};
use super::prepare::Prepared;
use super::prove::{of_copy, prove};
use super::refusals::refuse_or_skip;
use super::result::MigrationResult;
use super::staged_copy::{Stage, is_finished};
use super::staged_hold::{refuse_at_work, while_held};
use super::staged_row::{JobDocument, JobState, StagedJob, StoredOptions, staged_job, staged_jobs};
use super::warnings::{Written, left_behind};
use crate::database::{Change, ColumnLayout, Connection, Database, Next, Reading, Watches, Write, between};
use crate::digest::{ExperimentDigest, hex};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{RowidRanges, Selection};
use crate::progress::Job;
use crate::schema::{Call, JOB, Place, quote};
use crate::values::{Value, ValueRef};

/// Copies an experiment in several transactions; `None` as the target is the source's own database.
pub fn migrate_staged(
    source: &Database,
    target: Option<&Database>,
    experiment: i64,
    options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    options.check()?;
    refuse_options(&options)?;
    run((source, target.unwrap_or(source)), Start::Experiment(experiment), options, helpers)
}

/// Goes on with a job that stopped. Of the options only those count that watch a call; the others are the job's.
pub fn resume_staged(
    source: &Database,
    target: Option<&Database>,
    job: i64,
    options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    run((source, target.unwrap_or(source)), Start::Job(job), options, helpers)
}

/// Where a call begins.
#[derive(Clone, Copy)]
enum Start {
    Experiment(i64),
    Job(i64),
}

fn refuse_options(options: &MigrateOptions) -> Result<()> {
    let refused = [
        (
            options.target_experiment.is_some(),
            "target_experiment_id",
            "what is appended could be seen before it is whole",
        ),
        (
            options.strategy == Strategy::Aggressive,
            "strategy",
            "AGGRESSIVE has no digest that could prove the whole copy",
        ),
        (options.add_columns, "add_columns", "columns cannot be added while others see the copy grow"),
    ];
    let Some((_, option, reason)) = refused.iter().find(|(refused, ..)| *refused) else { return Ok(()) };
    let message = format!("a migration in stages does not take {option}: {reason}");
    Err(Error::new(Status::Unsupported, Domain::Migration, message)
        .detail("parameter", option)
        .hint("leave it out, or copy without stages, in one transaction"))
}

/// Fails where the rows of a copy could not be written one after the other, or do more than that.
fn refuse_tables(ends: &Endpoints<'_>, prepared: &Prepared) -> Result<()> {
    let refuse = |message: String, hint: &str| {
        let error = Error::new(Status::Unsupported, Domain::Migration, format!("{message}; nothing was changed"));
        Err(error.detail("experiment_id", ends.experiment).hint(format!("{hint}, or copy without stages")))
    };
    if ends.target.can_be_meddled_with()? {
        return refuse(
            "triggers of the target could change rows of others, which nobody could undo after a stage".to_owned(),
            "remove them (an account without the right TRIGGER cannot see whether there are any)",
        );
    }
    if ends.source_layout.has_links() || ends.target_layout.extra_keys().next().is_some() {
        return refuse(
            "foreign keys of extra columns can lead to rows that are not there yet".to_owned(),
            "remove those keys from the target",
        );
    }
    if let Some((table, column)) = prepared.fit.added_columns.first() {
        return refuse(format!("the target has no column {table}.{}", column.name), "add it to the target beforehand");
    }
    Ok(())
}

fn run(
    (source, target): (&Database, &Database),
    from: Start,
    mut options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    let writer = target.writer(&job)?;
    if !writer.capabilities().other_writers {
        return Err(Error::new(Status::Unsupported, Domain::Migration, "a database in a file takes no copy in stages")
            .detail("parameter", "staged")
            .hint("leave it out: in a file one transaction may be of any size"));
    }
    source.refuse_replaced()?;
    let reading = source.state(Reading::Beside, &job)?;
    let reader = reading.connection();
    let watches = Watches::new(&job, [reader, writer]);
    let writing = begin(&job, (reader, writer))?;
    writer.layout()?.require(Call::Stage, Domain::Migration)?;
    let known = match from {
        Start::Experiment(_) => {
            writer.make_tables(&[&JOB])?;
            None
        }
        Start::Job(id) => {
            let known = staged_job(writer, &writer.layout()?, id)?;
            known.document.options.clone().restore(&mut options);
            Some(known)
        }
    };
    let experiment = match (&known, from) {
        (Some(known), _) => known.document.source_experiment,
        (None, Start::Experiment(experiment)) => experiment,
        (None, Start::Job(id)) => return Err(Error::internal(Domain::Migration, format!("job {id} was not read"))),
    };
    let rules = options.transformation(helpers.transformations)?;
    let ends = Endpoints::new((source, reader), (target, writer), experiment, &options, (rules, false))?;
    if let Some(known) = &known {
        refuse_at_work(writer, known)?;
        if known.state == JobState::Removing {
            return Err(Error::new(Status::Misuse, Domain::Migration, format!("job {} is being removed", known.id))
                .detail("job_id", known.id)
                .hint("abandon it again, which goes on removing it"));
        }
    }
    let mut prepared = Prepared::new(&ends, &options, (&mut *helpers.checks, false), &job)?;
    let duplicates = Duplicates::find(&ends, &options, &mut prepared, &job)?;
    if let Some(known) = known.as_ref().filter(|known| known.state == JobState::Published) {
        drop(writing);
        job.finish();
        return published(&ends, &prepared, &options, (known, &job));
    }
    if let Some(done) = refuse_or_skip(&ends, (&prepared, &duplicates), &options, &job)? {
        if let Some(known) = &known {
            return Err(came_meanwhile(known, done.new_experiment_id));
        }
        drop(writing);
        job.finish();
        return Ok(done);
    }
    refuse_tables(&ends, &prepared)?;
    let Some(expected) = prepared.expected else {
        return Err(Error::internal(Domain::Migration, "the source was not digested"));
    };
    let mut snapshot_id = None;
    let staged = match known {
        Some(known) => {
            refuse_other_source(&known, &expected, &options)?;
            drop(writing);
            known
        }
        None => {
            refuse_second(&ends, source)?;
            if options.takes_snapshot() {
                snapshot_id = Some((helpers.snapshot)(&job)?);
            }
            let document = document(source, &ends, &prepared, (&options, &expected), &job)?;
            let staged = StagedJob::begin(writer, &ends.target_layout, document)?;
            job.check()?;
            writing.commit().map_err(|error| error.detail("job_id", staged.id))?;
            staged
        }
    };
    let id = staged.id;
    let done = while_held(writer, id, || write(&ends, (prepared, duplicates), (&options, source), staged, &job));
    drop(watches);
    let (processed, failed, total) = job.counts();
    let result = done.map_err(|error| {
        let error = stopped(error, id);
        match &snapshot_id {
            Some(snapshot) => error.detail("snapshot_id", snapshot),
            None => error,
        }
    })?;
    job.finish();
    Ok(MigrationResult {
        items_processed: processed,
        items_failed: failed,
        items_total: total,
        snapshot_id,
        job_id: Some(id),
        duration: job.elapsed(),
        ..result
    })
}

/// The error of a job that stopped, whose rows are still there.
fn stopped(error: Error, id: i64) -> Error {
    let (message, status) = (error.message(), error.status());
    let outer = if error.is_undecided() {
        let message =
            format!("job {id} stopped, and whether its last transaction was committed is not known: {message}");
        Error::undecided(status, Domain::Migration, message)
            .hint("resume the job, which looks; or abandon it, which removes what it copied unless it was published")
    } else {
        let message =
            format!("job {id} stopped before its copy was whole; what it copied is there, and its title says so");
        Error::new(status, Domain::Migration, message)
            .hint("resume the job, or abandon it, which removes what it copied")
    };
    outer.detail("job_id", id).caused_by(error)
}

/// Fails if the source is not what it was when the job began.
fn refuse_other_source(job: &StagedJob, expected: &ExperimentDigest, options: &MigrateOptions) -> Result<()> {
    let now = hex(&of_copy(expected, options));
    if now == job.document.digest {
        return Ok(());
    }
    let message = format!(
        "experiment {} of the source is not what it was when job {} began; nothing was changed",
        job.document.source_experiment, job.id
    );
    Err(Error::new(Status::Mismatch, Domain::Migration, message)
        .detail("job_id", job.id)
        .detail("source", &job.document.source)
        .detail("expected_digest", &job.document.digest)
        .detail("source_digest", now)
        .hint("resume from the database that it began with, or abandon the job and copy anew"))
}

/// Fails if a job copies the same experiment already.
fn refuse_second(ends: &Endpoints<'_>, source: &Database) -> Result<()> {
    let jobs = staged_jobs(ends.target, &ends.target_layout)?;
    let same = |job: &&StagedJob| {
        job.state != JobState::Published
            && job.document.source_experiment == ends.experiment
            && job.document.source == source.place()
    };
    let Some(job) = jobs.iter().find(same) else { return Ok(()) };
    let message = format!("job {} copies experiment {} already; nothing was changed", job.id, ends.experiment);
    Err(Error::new(Status::AlreadyExists, Domain::Migration, message)
        .detail("job_id", job.id)
        .detail("experiment_id", ends.experiment)
        .hint("resume that job, or abandon it"))
}

fn came_meanwhile(job: &StagedJob, there: i64) -> Error {
    let message =
        format!("the target has the experiment already, as experiment {there}, which came after job {} began", job.id);
    Error::new(Status::AlreadyExists, Domain::Migration, message)
        .detail("job_id", job.id)
        .detail("duplicate_experiment_id", there)
        .hint("abandon the job, which removes what it copied")
}

/// The result of a job that was published before.
fn published(
    ends: &Endpoints<'_>,
    prepared: &Prepared,
    options: &MigrateOptions,
    (known, job): (&StagedJob, &Job),
) -> Result<MigrationResult> {
    let mut result = skipped(prepared, options, job, ends.experiment, known.document.experiment);
    result.warnings =
        vec![format!("job {} was published before, as experiment {}", known.id, known.document.experiment)];
    result.job_id = Some(known.id);
    Ok(result)
}

/// What the job does. Reserves the ids.
fn document(
    source: &Database,
    ends: &Endpoints<'_>,
    prepared: &Prepared,
    (options, expected): (&MigrateOptions, &ExperimentDigest),
    job: &Job,
) -> Result<JobDocument> {
    let trimmed = prepared.trimmed_selection(ends, job)?;
    let selection = trimmed.as_ref().unwrap_or(&prepared.selection);
    let ids = NewIds::allocate(ends, selection, None)?;
    if ids.reused {
        return Err(Error::new(
            Status::Limit,
            Domain::Migration,
            "the highest id is in use, so no ids can be reserved",
        )
        .hint("copy without stages, or widen the column id"));
    }
    Ok(JobDocument {
        source: source.place(),
        source_experiment: ends.experiment,
        experiment: ids.experiment,
        title: title(ends, options)?.1.borrow().readable().unwrap_or_default(),
        ids: ids.listed(selection),
        rows: selection.counts.iter().map(|counts| (counts.table.name.to_owned(), counts.rows)).collect(),
        digest: hex(&of_copy(expected, options)),
        options: StoredOptions::of(options),
    })
}

/// The column of the title, and the title that the copy is to have.
fn title(ends: &Endpoints<'_>, options: &MigrateOptions) -> Result<(String, Value)> {
    let (from, name) = (ends.source_layout.root()?, ends.source_layout.family.listing.title);
    let column = from.columns.iter().find(|column| column.schema.is_some_and(|known| known.name == name));
    let Some(column) = column else {
        return Err(Error::internal(Domain::Migration, format!("{} has no {name}", from.name)));
    };
    let sql = format!("SELECT {} FROM {} WHERE {} = ?1", quote(&column.name), quote(&from.name), from.id());
    let mut found = Value::Null;
    ends.source.query(&sql, &[Value::Integer(ends.experiment)], &mut |row| {
        let value = row.value(0)?;
        found = prefixed_title(options, from, column, value).unwrap_or_else(|| value.to_owned());
        Ok(Next::Stop)
    })?;
    let there = ends.target_layout.root()?;
    Ok((there.quoted(name), found))
}

/// Writes what is missing of the copy, proves all of it, and publishes it.
fn write(
    ends: &Endpoints<'_>,
    (mut prepared, duplicates): (Prepared, Duplicates),
    (options, source): (&MigrateOptions, &Database),
    staged: StagedJob,
    job: &Arc<Job>,
) -> Result<MigrationResult> {
    let left_behind = left_behind(ends, &prepared);
    let source_counts = prepared.selection.counts.clone();
    let mut trimmed = prepared.trimmed_selection(ends, job)?;
    let left_out = trimmed.as_ref().map_or_else(Vec::new, |kept| prepared.selection.left_out(kept));
    let problems = std::mem::take(&mut prepared.selection.problems);
    let selection = trimmed.as_mut().unwrap_or(&mut prepared.selection);

    job.set_total(selection.total() + left_out.iter().map(|(_, count)| count).sum::<u64>());
    job.begin("copying")?;
    problems.fail_rows(job, left_out.iter().map(|(_, count)| count).sum())?;
    let ids = NewIds::known(selection, &staged.document.ids);
    let stage = Stage::new(ends.target, &ends.target_layout, staged, (job.as_ref(), "copying"), 1)?;
    let copier = Copier { ends, layout: &prepared.effective.layout, options, ids: &ids, stage: Some(&stage), job };
    let copied = copier.copy(selection, None)?;
    finish_rows(ends, selection, (&ids, &stage), job)?;
    stage.next()?;
    let (mut staged, writing) = stage.into_last();
    let transaction = writing.ok_or_else(|| Error::internal(Domain::Migration, "no transaction is running"))?;
    publish(ends, options, &mut staged)?;
    let proven = prove(ends, selection, &copied, (&prepared.expected, &ids, RowidRanges::default()), options, job)?;
    job.begin_commit()?;
    source.refuse_replaced()?;
    transaction.commit()?;

    let transformation = ends.rewriter.as_ref().map(|rewriter| rewriter.borrow().result());
    let written = Written {
        duplicates: &duplicates,
        quality: prepared.quality.as_ref(),
        fit: &prepared.fit,
        source_counts: &source_counts,
        unsound: problems.count,
        left_behind,
        dangling: Vec::new(),
        transformation: transformation.as_ref(),
    };
    let warnings = written.warnings(ends, options);
    let counts = (source_counts, copied, left_out);
    let (new, rest) = ((ids.experiment, ids.map(selection)), (problems, warnings, transformation));
    Ok(of_written((ends, &prepared, options, job), new, counts, proven, rest))
}

/// Lets the runs that are finished in the source say so in the copy, where all of their rows are by now.
fn finish_rows(
    ends: &Endpoints<'_>,
    selection: &Selection,
    (ids, stage): (&NewIds, &Stage<'_>),
    job: &Job,
) -> Result<()> {
    let Some(finished) = &ends.target_layout.family.finished else { return Ok(()) };
    let (Some(from), Some(to)) = (ends.source_layout.table(finished.table), ends.target_layout.table(finished.table))
    else {
        return Ok(());
    };
    let Place::Node(entity) = from.schema.place else { return Ok(()) };
    let Some(bounds) = selection.owner_bounds(entity) else { return Ok(()) };
    let column = to.columns.iter().find(|column| column.schema.is_some_and(|known| known.name == finished.column));
    let Some(column) = column else { return Ok(()) };
    let update = ends.target.opening(Write::Update, to)?;
    let sql =
        format!("{update} SET {} = ?1{} WHERE {} = ?2", quote(&column.name), to.unstamped(&[&column.name]), to.id());
    let mut change = ends.target.prepare_change(&sql)?;
    let (id, status) = (from.id(), from.quoted(finished.column));
    let sql = format!("{} ORDER BY {id}", from.select_between(&format!("{id}, {status}"), &id));
    ends.source.query(&sql, &between(bounds), &mut |row| {
        job.pulse()?;
        let value = row.value(1)?;
        let new = row.value(0)?.as_integer().and_then(|id| ids.of_node(selection, entity, id));
        if let Some(new) = new.filter(|_| is_finished(finished, value)) {
            set(ends.target, &mut *change, (column, value), new)?;
            stage.changed(finished.table, size_of::<i64>())?;
        }
        Ok(Next::Row)
    })
}

fn set(
    target: &dyn Connection,
    change: &mut dyn Change,
    (column, value): (&ColumnLayout, ValueRef<'_>),
    id: i64,
) -> Result<()> {
    let sent = target.as_sent(column, value);
    change.run(&[sent.as_ref().map_or(value, Value::borrow), ValueRef::Integer(id)]).map(drop)
}

/// Gives the copy its title, in the transaction that is running.
fn publish(ends: &Endpoints<'_>, options: &MigrateOptions, staged: &mut StagedJob) -> Result<()> {
    let (column, title) = title(ends, options)?;
    let table = ends.target_layout.root()?;
    let (update, name) = (ends.target.opening(Write::Update, table)?, ends.target_layout.family.listing.title);
    let sql = format!("{update} SET {column} = ?1{} WHERE {} = ?2", table.unstamped(&[name]), table.id());
    ends.target.execute(&sql, &[title, Value::Integer(staged.document.experiment)])?;
    staged.state = JobState::Published;
    staged.record(ends.target, &ends.target_layout)
}
