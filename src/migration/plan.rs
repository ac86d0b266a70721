//! The plan of a migration: what it would do. Reads only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::duplicates::Duplicates;
use super::endpoints::Endpoints;
use super::migration_plan::{
    ExtraColumn, FilledColumn, MigrationPlan, OddValues, PlannedDuplicate, PlannedTable, Stopping,
};
use super::named_plan::plan_named;
use super::options::{MigrateOptions, Strategy};
use super::outcome::algorithm;
use super::prepare::Prepared;
use super::warnings::{known_before, left_behind};
use crate::database::{Connection, Database, Next, Planned, Reading, State, TableLayout, Watches};
use crate::error::{Domain, Result};
use crate::progress::Job;
use crate::schema::{Entity, Place, quote};
use crate::transformation::Transformations;
use crate::validation::RunChecks;

/// Rows that are looked at for the average size of a table's rows.
const SAMPLE: u64 = 1000;
/// What a row costs beside its cells in SQLite: record header, row id, cell pointer, page slack.
const ROW_OVERHEAD: u64 = 16;
/// How long a migration holds the write lock, in percent of the time that it takes to read for its plan: within one database, which it reads
/// under the lock, and into another file. Measured, at 20,000 to 500,000 metrics.
fn percent_locked(strategy: Strategy, same: bool) -> u64 {
    match (strategy, same) {
        (Strategy::Aggressive, true) => 170,
        (Strategy::Aggressive, false) => 110,
        (Strategy::Balanced, true) => 240,
        (Strategy::Balanced, false) => 200,
        // Validating is the most of its plan.
        (Strategy::Conservative, true) => 170,
        (Strategy::Conservative, false) => 75,
    }
}

/// The plan.
pub fn plan(
    source: &Database,
    target: Option<&Database>,
    experiment: i64,
    mut options: MigrateOptions,
    (checks, transformations): (RunChecks<'_>, &Transformations),
) -> Result<MigrationPlan> {
    if source.family().has_text_keys() {
        return plan_named((source, target), experiment, options, checks, row_bytes);
    }
    options.check()?;
    options.text_keys.refuse(source.family().tracker, Domain::Migration)?;
    let transformation = options.transformation(transformations)?;
    let job = Job::new(Domain::Migration, options.progress.take(), options.cancel.take());
    let target_database = target.unwrap_or(source);
    target_database.refuse_replaced()?;
    job.begin("opening")?;
    let state = source.state(Reading::Beside, &job)?;
    let target_state =
        if source.is_same_as(target_database) { None } else { Some(target_database.state(Reading::Beside, &job)?) };
    let reader = state.connection();
    let target_reader = target_state.as_ref().map_or(reader, State::connection);
    let _watches = Watches::new(&job, [reader, target_reader]);
    // Nobody knows how long checks and transformations of the user's own take.
    reader.let_go()?;
    target_reader.let_go()?;
    let ends = Endpoints::new(
        (source, reader),
        (target_database, target_reader),
        experiment,
        &options,
        (transformation, true),
    )?;
    let since = Instant::now();
    let mut prepared = Prepared::new(&ends, &options, (checks, false), &job)?;
    let duplicates = Duplicates::find(&ends, &options, &mut prepared, &job)?;
    if prepared.source_digest.is_none() {
        prepared.digest_source(&ends, &options, &job, (None, None))?;
    }
    let locks = locks((source, target_database), &ends, &options, since.elapsed())?;
    let report = describe(&ends, (&prepared, &duplicates), (&options, locks), &job)?;
    job.finish();
    Ok(report)
}

/// How long others will be kept waiting, and the room that it takes to keep them waiting no longer. `read` is how long it took to read the
/// source, which is what the time of a migration can be told from.
fn locks(
    (source, target): (&Database, &Database),
    ends: &Endpoints<'_>,
    options: &MigrateOptions,
    read: Duration,
) -> Result<Json> {
    Ok(json!({
        "source": if ends.same { Json::Null } else { source.describe_reading()? },
        "target": target.describe_writing(ends.target, read, percent_locked(options.strategy, ends.same))?,
    }))
}

fn describe(
    ends: &Endpoints<'_>,
    (prepared, found): (&Prepared, &Duplicates),
    (options, locks): (&MigrateOptions, Json),
    job: &Arc<Job>,
) -> Result<MigrationPlan> {
    job.begin("estimating the size")?;
    let mut bytes = 0;
    let mut total = 0;
    let mut tables = Vec::new();
    let mut planned = Vec::new();
    for counts in &prepared.selection.counts {
        if options.target_experiment.is_some() && counts.table.place == Place::Node(Entity::ROOT) {
            continue;
        }
        total += counts.rows + counts.unsound;
        tables.push(PlannedTable { table: counts.table.name, rows: counts.rows, unsound: counts.unsound });
        if let Some(table) = prepared.effective.layout.table(counts.table.name) {
            let each = row_bytes(ends.source, table)?;
            bytes += counts.rows * each;
            if let Some(table) = ends.target_layout.table(counts.table.name) {
                planned.push(Planned { table, rows: counts.rows, bytes: each });
            }
        }
    }
    let transaction_size = ends.target.transaction_size(&planned)?;
    let extra_columns = ends
        .source_layout
        .tables
        .iter()
        .filter(|table| table.schema.place != Place::Aside)
        .flat_map(|table| {
            table.extra_columns().map(|column| {
                let there = ends.target_layout.table(table.schema.name).and_then(|t| t.position(&column.name));
                let added =
                    prepared.fit.added_columns.iter().any(|(t, c)| *t == table.schema.name && c.name == column.name);
                let fate = if there.is_some() {
                    "copied"
                } else if added {
                    "added"
                } else if ends.target_layout.filled(table.schema, &column.name).is_some() {
                    "filled by the target"
                } else {
                    "missing in the target"
                };
                let (column, declared) = (column.name.clone(), column.declared.clone());
                ExtraColumn { table: table.schema.name, column, declared, fate }
            })
        })
        .collect();
    let filled_columns = ends
        .target_layout
        .filled
        .iter()
        .map(|filled| FilledColumn {
            table: filled.table.name,
            column: filled.column.name.clone(),
            counter: filled.column.counter,
        })
        .collect();
    let duplicates = found
        .found
        .iter()
        .map(|duplicate| PlannedDuplicate { experiment_id: duplicate.experiment, proven: duplicate.proven })
        .collect();
    let problems = &prepared.selection.problems;
    let mut said = known_before(found, (prepared.quality.as_ref(), &prepared.fit), options, problems.count);
    said.extend(ends.warnings());
    said.extend(left_behind(ends, prepared));
    let quality = prepared.quality.as_ref();
    let free = ends.target.free_bytes();
    Ok(MigrationPlan {
        source_experiment_id: ends.experiment,
        target_experiment_id: options.target_experiment,
        strategy: options.strategy,
        same_database: ends.same,
        items_total: total,
        tables,
        extra_columns,
        filled_columns,
        extra_tables: ends.source_layout.extra_tables.clone(),
        unsound: problems.clone(),
        odd_values: quality.map(|quality| OddValues { count: quality.total(), first: quality.issues().to_vec() }),
        validation: prepared.validated.as_ref().map(|validated| {
            let (errors, warnings) = validated.stopping_count();
            Stopping { errors, warnings, issues: validated.stopping().cloned().collect() }
        }),
        fit: prepared.fit.clone(),
        transformation: ends.rewriter.as_ref().map(|rewriter| rewriter.borrow().result().clone()),
        duplicates,
        warnings: said,
        digest_algorithm: algorithm(prepared),
        source_digest: prepared.source_digest.as_ref().map(|digest| digest.experiment),
        expected_digest: prepared.expected.as_ref().map(|digest| digest.experiment),
        locks,
        transaction_size,
        needed_bytes: bytes,
        free_bytes: free,
    })
}

/// About how many bytes one row of a table takes, its primary key's index included.
fn row_bytes(connection: &dyn Connection, table: &TableLayout) -> Result<u64> {
    let lengths: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("coalesce({}, 0)", connection.byte_length(&quote(&column.name))))
        .collect();
    let sql = format!(
        "SELECT count(*), sum({}) FROM (SELECT * FROM {} LIMIT {SAMPLE}) AS sample",
        lengths.join(" + "),
        quote(&table.name)
    );
    let (mut rows, mut bytes) = (0, 0);
    connection.query(&sql, &[], &mut |row| {
        rows = row.value(0)?.as_integer().unwrap_or(0);
        bytes = row.value(1)?.as_integer().unwrap_or(0);
        Ok(Next::Stop)
    })?;
    let cells = u64::try_from(bytes.checked_div(rows).unwrap_or(0)).unwrap_or(0);
    let keys = if table.schema.has_own_id() { 0 } else { cells + ROW_OVERHEAD };
    Ok(cells + ROW_OVERHEAD + keys)
}
