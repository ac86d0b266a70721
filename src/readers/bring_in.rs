//! Brings runs in: reads them into a scratch database, finds out what of it the target has, writes the rest in one transaction, and proves it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::account::Account;
use super::fits::Fits;
use super::folded::{among_new, with_those_there};
use super::formats::find;
use super::only_new::{Found, compare, load};
use super::options::BringInOptions;
use super::placing::Placing;
use super::reader::Reader;
use super::result::{BringInResult, BroughtExperiment, BroughtTable};
use super::sidecar::Sidecar;
use super::sink::{POINTS, Sink};
use super::writing::{Cells, find_losses, judge, prove, read_cells, refuse_too_large, write};
use crate::database::{Connection, Database, Layout, Losses, Reading, Scratch, Transaction, Version, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::of_experiments;
use crate::migration::Preflight;
use crate::progress::Job;
use crate::schema::{Call, quote};

/// The names of the sections in which rows of points can be.
const POINT_TABLES: [&str; 2] = [POINTS, "logged_model_metrics"];

/// What was read.
struct Read {
    account: Account,
    sidecar: Option<Sidecar>,
    without_place: u64,
    /// Rows of each table.
    rows: BTreeMap<&'static str, u64>,
}

/// Brings the runs at a path into a database.
pub fn bring_in(target: &Database, path: &Path, options: BringInOptions) -> Result<BringInResult> {
    run(target, path, options, false)
}

/// Says what [`bring_in`] would do. Writes nothing.
pub fn bring_in_plan(target: &Database, path: &Path, options: BringInOptions) -> Result<BringInResult> {
    run(target, path, options, true)
}

fn run(target: &Database, path: &Path, mut options: BringInOptions, planned: bool) -> Result<BringInResult> {
    let job = Job::new(Domain::ImportExport, options.progress.take(), options.cancel.take());
    job.begin("opening")?;
    options.check()?;
    if !planned {
        target.refuse_read_only(Domain::ImportExport)?;
    }
    target.refuse_replaced()?;
    let reader = find(path, options.kind.as_deref())?;
    let layout = target.layout()?;
    layout.require(Call::BringIn, Domain::ImportExport)?;
    let version = {
        let connection = target.reader()?;
        let _watches = Watches::new(&job, [connection, connection]);
        let _state = Transaction::read(connection)?;
        Version::read(connection, &layout)?
    };
    version.refuse_unknown(layout.family, Domain::ImportExport)?;
    let scratch = Scratch::create(&layout, version.found.as_deref(), &[POINTS], options.temp_dir.as_deref())?;
    let staging = scratch.database()?.writer(&job)?;
    let staged = scratch.database()?.layout()?;
    let read = read_all((reader, path), (staging, &staged), (target, &layout), (&options, planned), &job)?;
    if read.without_place > 0 && !options.leave_out && !planned {
        return Err(no_place(&read));
    }
    let result = match planned {
        true => plan(target, (staging, &staged), (reader, read), &options, &job)?,
        false => into_target(target, &layout, (staging, &staged), (reader, read), &options, &job)?,
    };
    job.finish();
    Ok(BringInResult { duration: job.elapsed(), ..result })
}

/// Reads everything into the scratch database; fails unless all of it is accounted for there.
fn read_all(
    (reader, path): (&'static Reader, &Path),
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&Database, &Layout),
    (options, planned): (&BringInOptions, bool),
    job: &Arc<Job>,
) -> Result<Read> {
    job.begin("reading the source")?;
    // A plan makes no file.
    let sidecar = options.sidecar.as_deref().filter(|_| !planned).map(Sidecar::create).transpose()?;
    let asked = target.reader()?;
    let watches = Watches::new(job, [staging, asked]);
    let writing = Transaction::write(staging)?;
    let account = Account::new(reader.never_written, reader.clock);
    let fits = Fits::new(asked, layout);
    let mut sink = Sink::new((staging, staged), (options, sidecar), (fits, account), job)?;
    (reader.read)(path, &mut sink, job)?;
    let (account, sidecar, without_place) = sink.finish()?;
    writing.commit()?;
    drop(watches);
    let mut rows = BTreeMap::new();
    for table in of_experiments(staged) {
        let count = staging.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[])?;
        rows.insert(table.schema.name, count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0));
    }
    let points: u64 = POINT_TABLES.iter().filter_map(|table| rows.get(table)).sum();
    let stored = account.total().points.stored;
    if points != stored {
        let message = format!("{stored} points are accounted for as stored, and {points} are there");
        return Err(Error::internal(Domain::ImportExport, message));
    }
    Ok(Read { account, sidecar, without_place, rows })
}

/// The error of values that have no place.
fn no_place(read: &Read) -> Error {
    let total = read.account.total();
    let message = format!(
        "{} values have no place in the target, and no sidecar is given; nothing was changed",
        read.without_place
    );
    let error = Error::new(Status::Lossy, Domain::ImportExport, message)
        .detail("count", read.without_place)
        .hint("give a file for them (sidecar), or leave them out (leave_out); a plan counts them by kind");
    let refused = total.values.refused.iter().chain(&total.points.refused);
    refused.fold(error, |error, (kind, count)| error.detail(*kind, count))
}

fn plan(
    target: &Database,
    (staging, staged): (&dyn Connection, &Layout),
    (reader, read): (&'static Reader, Read),
    options: &BringInOptions,
    job: &Arc<Job>,
) -> Result<BringInResult> {
    job.begin("looking at the target")?;
    let state = target.state(Reading::Beside, job)?;
    let connection = state.connection();
    let watches = Watches::new(job, [staging, connection]);
    let layout = target.checked(connection.layout()?)?;
    let prepared = prepare((staging, staged), (connection, &layout), options, job)?;
    let mut new = Vec::new();
    for table in of_experiments(staged) {
        let count = staging.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[])?;
        new.push((table.schema.name, count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)));
    }
    drop(watches);
    let result = result(reader, read, prepared, (new, &BTreeMap::new()), true);
    Ok(result)
}

/// What is known before the first write.
struct Prepared {
    placing: Placing,
    found: Vec<(&'static str, Found)>,
    /// What the target does not hold.
    fit: Preflight,
    left_out: Vec<(&'static str, u64)>,
}

/// Finds out where everything goes, and takes out what is there.
fn prepare(
    (staging, staged): (&dyn Connection, &Layout),
    (target, layout): (&dyn Connection, &Layout),
    options: &BringInOptions,
    job: &Arc<Job>,
) -> Result<Prepared> {
    let placing = Placing::find((staging, staged), (target, layout), options, job)?;
    let changing = Transaction::write(staging)?;
    let left_out = placing.apply(staging, staged)?;
    placing.give_places(staging, (target, layout))?;
    let mut fit = Preflight::default();
    among_new((staging, staged), (target, layout), &placing.experiments, &mut fit, job)?;
    let mut found = Vec::new();
    if placing.meets_others() {
        load((staging, staged), (target, layout), &placing.experiments, job)?;
        found = compare(staging, staged)?;
        with_those_there((staging, staged), (target, layout), &mut fit, job)?;
    }
    find_losses((staging, staged), (target, layout), &mut fit, job)?;
    changing.commit()?;
    Ok(Prepared { placing, found, fit, left_out })
}

fn into_target(
    target: &Database,
    known: &Layout,
    (staging, staged): (&dyn Connection, &Layout),
    (reader, read): (&'static Reader, Read),
    options: &BringInOptions,
    job: &Arc<Job>,
) -> Result<BringInResult> {
    job.begin("waiting for the target")?;
    let writer = target.writer(job)?;
    let watches = Watches::new(job, [staging, writer]);
    let writing = Transaction::write(writer)?;
    let layout = target.checked(writer.layout()?)?;
    if layout != *known {
        return Err(Error::new(
            Status::Busy,
            Domain::ImportExport,
            "the target's tables were changed meanwhile; nothing was changed",
        )
        .hint("repeat the call when its upgrade is done"));
    }
    for table in of_experiments(&layout) {
        if writer.has_triggers(table)? {
            let message = format!("{} of the target has triggers; nothing was changed", table.name);
            return Err(Error::new(Status::Unsupported, Domain::ImportExport, message)
                .detail("table", &table.name)
                .hint("MLflow makes none there: remove them"));
        }
    }
    job.begin("looking at the target")?;
    let prepared = prepare((staging, staged), (writer, &layout), options, job)?;
    judge(&prepared.fit)?;
    refuse_too_large((staging, staged), (writer, &layout))?;
    let experiments = &prepared.placing.experiments;
    let there: Vec<_> = experiments.iter().filter(|placed| placed.is_there).cloned().collect();
    let mut cells = match there.is_empty() {
        true => Cells::new(),
        false => read_cells((writer, &layout), (staged, &there), None, job)?,
    };
    job.begin("writing")?;
    let new = write((staging, staged), (writer, &layout), &mut cells, job)?;
    job.begin("verifying")?;
    let mut digests = BTreeMap::new();
    let found = read_cells((writer, &layout), (staged, experiments), Some(&mut digests), job)?;
    prove(&cells, &found)?;
    job.begin_commit()?;
    target.refuse_replaced()?;
    writing.commit()?;
    drop(watches);
    let (read, sidecar) = take_sidecar(read);
    let mut result = result(reader, read, prepared, (new, &digests), false);
    if let Some(sidecar) = sidecar
        && let Err(error) = sidecar.publish()
    {
        // The runs are there: the call did what it is for.
        result.warnings.push(format!("the sidecar could not be given its name: {}", error.message()));
    }
    Ok(result)
}

fn take_sidecar(mut read: Read) -> (Read, Option<Sidecar>) {
    let sidecar = read.sidecar.take();
    (read, sidecar)
}

fn result(
    reader: &'static Reader,
    read: Read,
    prepared: Prepared,
    (new, digests): (Vec<(&'static str, u64)>, &BTreeMap<i64, String>),
    planned: bool,
) -> BringInResult {
    let Prepared { placing, found, fit, left_out } = prepared;
    let tables = new.into_iter().map(|(table, new)| BroughtTable {
        table,
        read: read.rows.get(table).copied().unwrap_or(0),
        new,
        found: found.iter().find(|(name, _)| *name == table).map(|(_, found)| *found).unwrap_or_default(),
        left_out: left_out.iter().filter(|(name, _)| *name == table).map(|(_, rows)| rows).sum(),
    });
    let tables: Vec<BroughtTable> = tables.collect();
    let experiments = placing.experiments.iter().map(|placed| BroughtExperiment {
        source_name: placed.source_name.clone(),
        name: placed.name.clone(),
        experiment_id: placed.id,
        was_there: placed.is_there,
        runs: placed.runs,
        digest: digests.get(&placed.id).cloned(),
    });
    let experiments: Vec<BroughtExperiment> = experiments.collect();
    let warnings = warnings(&read, &experiments, &tables, &placing.left_out);
    BringInResult {
        kind: reader.name,
        title: reader.title,
        planned,
        experiments,
        tables,
        account: read.account,
        without_place: read.without_place,
        lossy: Losses { count: fit.count, first: fit.first },
        warnings,
        duration: std::time::Duration::ZERO,
    }
}

/// What a person should know.
fn warnings(
    read: &Read,
    experiments: &[BroughtExperiment],
    tables: &[BroughtTable],
    left_out: &[String],
) -> Vec<String> {
    let mut warnings = Vec::new();
    for brought in experiments.iter().filter(|brought| !brought.was_there && brought.name != brought.source_name) {
        warnings.push(format!(
            "the target has an experiment {:?}: this one is called {:?}",
            brought.source_name, brought.name
        ));
    }
    if !left_out.is_empty() {
        warnings.push(format!("{} runs are left out, whose ids are those of other runs in the target", left_out.len()));
    }
    for table in tables.iter().filter(|table| table.found.kept > 0) {
        let (kept, table) = (table.found.kept, table.table);
        warnings.push(format!("{kept} rows of {table} are something else in the target, and stay as they are there"));
    }
    let total = read.account.total();
    for (what, tally) in [("points", &total.points), ("values", &total.values)] {
        for (reason, count) in &tally.refused {
            warnings.push(format!("{count} {what} were not brought in: {reason}"));
        }
    }
    let (torn, unfinished) = read.account.torn_and_unfinished();
    if torn > 0 {
        warnings.push(format!("{torn} sources end in the middle of a record"));
    }
    if unfinished > 0 {
        warnings.push(format!("{unfinished} sources do not say that they are complete"));
    }
    warnings
}
