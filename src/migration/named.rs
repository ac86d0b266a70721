//! A migration of a family whose keys are texts that the tracker chose: they stay what they are in the target, and so does all that names them. Only the
//! experiment's own id is another one there.

use std::sync::Arc;

use super::endpoints::{begin, refuse_other_family};
use super::named_copy::{Done, check_digest, copy, read_back};
use super::named_ends::{Ends, looking};
use super::named_known::{Known, check_options, judge_fit, refuse_triggers};
use super::named_map::Changes;
use super::named_place::{Decided, There, decided, look, own_row};
use super::named_plan::planned;
use super::named_target::{check_versions, next_id};
use super::options::{ManagerServices, MigrateOptions};
use super::refusals::already_there;
use super::result::{IdMap, MigrationResult, TableCount};
use crate::database::{Database, Planned, Reading, State, Transaction, Unsteady, Watches};
use crate::digest::{Hash, NamedDigest, OnDuplicate, whole};
use crate::error::{Domain, Error, NAMED, Result, Status};
use crate::hierarchy::UnsoundRows;
use crate::progress::Job;
use crate::schema::Call;

/// Copies an experiment into another database of the family.
pub fn migrate_named(
    source: &Database,
    target: Option<&Database>,
    experiment: i64,
    mut options: MigrateOptions,
    helpers: ManagerServices<'_>,
) -> Result<MigrationResult> {
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    migrate_in((source, target), experiment, &options, helpers, &job)
}

/// As `migrate_named`, as a part of a job.
pub fn migrate_in(
    (source, target): (&Database, Option<&Database>),
    experiment: i64,
    options: &MigrateOptions,
    helpers: ManagerServices<'_>,
    job: &Arc<Job>,
) -> Result<MigrationResult> {
    options.check()?;
    let target_database = target.unwrap_or(source);
    job.begin("opening")?;
    let from = source.layout()?;
    from.require(Call::Migrate, Domain::Migration)?;
    check_options(options, from.family.tracker)?;
    let same = source.is_same_as(target_database);
    let writer = target_database.writer(job)?;
    source.refuse_replaced()?;
    // Within one database, one connection reads and writes: two would wait for each other.
    let reading = if same { None } else { Some(source.state(Reading::Beside, job)?) };
    let reader = reading.as_ref().map_or(writer, State::connection);
    let watches = Watches::new(job, [reader, writer]);
    let mut begun = None;
    if same {
        job.begin("waiting for the target")?;
        begun = Some(Transaction::write(writer)?);
    }
    let from = source.checked(reader.layout()?)?;
    let to = target_database.checked(writer.layout()?)?;
    refuse_other_family((source, &from), (target_database, &to))?;
    looking(writer, same, || refuse_triggers(writer, &to))?;
    let ends = Ends { source: reader, from: &from, target: writer, to: &to, held: same };
    let known = Known::read(&ends, experiment, options, &mut *helpers.checks, job)?;
    judge_fit(&known.fit, experiment)?;
    let writing = match begun {
        Some(begun) => begun,
        None => begin(job, (reader, writer))?,
    };
    // Tables of expmig's own may have been made.
    if target_database.checked(writer.layout()?)?.tables != to.tables {
        return Err(Error::new(
            Status::Busy,
            Domain::Migration,
            "the target's tables were changed meanwhile; nothing was changed",
        )
        .hint("migrate again when its upgrade is done"));
    }
    check_versions((reader, &from), (writer, &to))?;
    let mut digest = None;
    let there = look(&ends, &known, (&mut digest, same), (experiment, options), job)?;
    match (there.duplicate, options.on_duplicate) {
        (Some(existing), OnDuplicate::Skip) => {
            drop(writing);
            job.finish();
            return Ok(result(&known, digest.as_ref(), (experiment, existing), None, options, job));
        }
        (Some(existing), OnDuplicate::Error) => {
            return Err(already_there(experiment, existing));
        }
        _ => {}
    }
    let mut decided = decided(&ends, &known, &there, (same, options), job)?;
    if there.into.is_none() {
        decided.to.id = next_id(ends.target, ends.to)?;
    }
    let snapshot_id = if options.takes_snapshot() { Some((helpers.snapshot)(job)?) } else { None };
    let kept = |error: Error| match &snapshot_id {
        Some(id) => error.detail("snapshot_id", id),
        None => error,
    };
    let mut done = write(&ends, (known, decided), (digest, there), (experiment, options), job).map_err(kept)?;
    job.begin_commit().map_err(kept)?;
    source.refuse_replaced().map_err(kept)?;
    writing.commit().map_err(kept)?;
    drop(watches);
    drop(reading);
    job.finish();
    let (processed, failed, total) = job.counts();
    (done.items_processed, done.items_failed, done.items_total) = (processed, failed, total);
    done.snapshot_id = snapshot_id;
    done.duration = job.elapsed();
    Ok(done)
}

/// Writes the copy and proves it. The caller commits.
fn write(
    ends: &Ends<'_>,
    (known, decided): (Known, Decided),
    (before, there): (Option<NamedDigest>, There),
    (experiment, options): (i64, &MigrateOptions),
    job: &Arc<Job>,
) -> Result<MigrationResult> {
    let planned: Vec<Planned<'_>> =
        known.rows.counts.iter().filter_map(|counts| planned(ends.to, counts.table, (counts.rows, 0))).collect();
    if let Some(size) = ends.target.transaction_size(&planned)? {
        size.check(Domain::Migration)?;
    }
    let Decided { to, keys, appended } = decided;
    job.set_total(known.rows.total() + known.rows.derived(ends.source, ends.from)?);
    job.begin("copying")?;
    let changes = Changes { rows: &known.rows, keys: &keys, artifacts: options.text_keys.artifacts.as_ref() };
    let done = copy(ends, &changes, &to, options.batch_size, job)?;
    if before.is_some_and(|before| before.experiment != done.digest.experiment) {
        return Err(Unsteady::changed(Domain::Migration));
    }
    job.begin("verifying the copy")?;
    let found = read_back(ends, to.id, (&done.written, appended.as_ref().map(|appended| &appended.cells)), job)?;
    let expected = match there.into {
        // It has other rows beside these: what was written is there, cell by cell, and so is what was there.
        Some(_) => None,
        None => Some(whole(ends.from.family, &own_row(ends, experiment, &there.name, options)?, &done.expected_body)),
    };
    if let Some(expected) = &expected {
        check_digest(expected, &found.experiment)?;
    }
    let proven = Proven { done: &done, expected, found: found.experiment };
    let mut result = result(&known, Some(&done.digest), (experiment, to.id), Some(proven), options, job);
    result.id_map.keys = keys.list(&known.rows);
    let say = &mut result.warnings;
    if let Some(existing) = there.duplicate {
        say.push(format!("the target had the same experiment already, as experiment {existing}"));
    }
    if there.into.is_none() && there.name != known.name {
        say.push(format!("the copy is called {}", there.name.borrow().describe()));
    }
    for entity in known.rows.family.all() {
        let (count, nouns) = (keys.count_there(entity), known.rows.family.of(entity).nouns);
        if count > 0 {
            say.push(format!("{count} {nouns} were there already with the same content, and were left as they are"));
        }
    }
    if !done.differing.is_empty() {
        let (count, first) = (done.differing.len(), done.differing.iter().take(NAMED).cloned().collect::<Vec<_>>());
        say.push(format!(
            "{count} rows of the experiment itself were left as the target has them: {}",
            first.join(", ")
        ));
    }
    result.locations = done.locations;
    Ok(result)
}

/// What was written, and what it is as it was read back.
struct Proven<'d> {
    done: &'d Done,
    expected: Option<Hash>,
    found: Hash,
}

fn result(
    known: &Known,
    digest: Option<&NamedDigest>,
    (experiment, new_id): (i64, i64),
    proven: Option<Proven<'_>>,
    options: &MigrateOptions,
    job: &Job,
) -> MigrationResult {
    let mut warnings = known.warnings.clone();
    if proven.is_none() {
        warnings
            .insert(0, format!("the target had the experiment already, as experiment {new_id}; nothing was written"));
    }
    let written = proven.as_ref().map_or(&[][..], |proven| &proven.done.written);
    let counts = written.iter();
    let counts = counts.map(|one| TableCount { table: one.table, source: one.rows, copied: one.cells.rows, failed: 0 });
    MigrationResult {
        source_experiment_id: experiment,
        new_experiment_id: new_id,
        strategy: options.strategy,
        skipped: proven.is_none(),
        items_processed: 0,
        items_failed: 0,
        items_total: 0,
        tables: counts.collect(),
        id_map: IdMap::default(),
        source_digest: digest.map(|digest| digest.experiment),
        target_digest: proven.as_ref().map(|proven| proven.found),
        expected_digest: proven.as_ref().and_then(|proven| proven.expected),
        digest_algorithm: known.rows.family.digest.unwrap_or_default(),
        fit: known.fit.clone(),
        problems: UnsoundRows::default(),
        locations: None,
        warnings,
        transformation: None,
        snapshot_id: None,
        job_id: None,
        duration: job.elapsed(),
    }
}
