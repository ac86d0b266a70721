//! The metrics of experiments, one row for each link to one.

use std::collections::HashSet;

use super::batches::Batches;
use super::below_runs::metrics_below;
use super::builder::{Builder, Subject};
use super::field::{Field, Kind};
use super::shelf::Shelf;
use super::source::{Levels, MetricsOptions, Misfit, Source, only};
use crate::database::{Connection, Layout, Next, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::experiment_exists;
use crate::progress::Job;
use crate::schema::experiment_manager::{METRIC, RUN, TRIAL};
use crate::schema::{Call, Entity, Kind as Meaning, Place, Role, quote};
use crate::values::ValueRef;

/// More than any source has.
const MOST_COLUMNS: usize = 16;

/// Rows of a batch: fewer than there may be, for what is being made is in memory beside what is read.
const ROWS: usize = 32_768;

/// The place of the metric's id among the columns.
const METRIC_ID: usize = 5;
/// The place of the type.
const TYPE: usize = 6;

/// The columns, and whether a database can hold something else there than what the column is for.
const COLUMNS: [(&str, Kind, bool); 10] = [
    ("experiment_id", Kind::Integer, false),
    ("trial_id", Kind::Integer, false),
    ("trial_run_id", Kind::Integer, false),
    ("epoch_idx", Kind::Integer, true),
    ("batch_idx", Kind::Integer, true),
    ("metric_id", Kind::Integer, false),
    ("type", Kind::Text, true),
    ("total_val", Kind::Real, true),
    ("per_label_val", Kind::Labels, true),
    ("time", Kind::Time, true),
];

/// Reads them.
pub fn metrics(connection: &dyn Connection, layout: &Layout, options: &MetricsOptions, job: &Job) -> Result<Batches> {
    layout.require(Call::Metrics, Domain::Database)?;
    for experiment in options.experiments.iter().flatten() {
        experiment_exists(connection, layout, *experiment)?;
    }
    let source = match layout.family.metrics {
        Some(table) => metrics_below(layout, table, options)?,
        None => linked(layout, options)?,
    };
    let misfit = options.misfit == Misfit::Column;
    let columns = source.columns.iter().map(|(field, loose)| (field.clone(), misfit && *loose)).collect();
    let mut builder = Builder::new(columns, source.subject.clone());
    let (batches, failure) = read(connection, &source, options, &mut builder, job)?;
    Ok(Batches::of_batches(builder.fields().to_vec(), batches, failure))
}

/// Makes batches of the rows that are wanted, up to the first that does not fit, whose error comes after them.
fn read(
    connection: &dyn Connection,
    source: &Source,
    options: &MetricsOptions,
    builder: &mut Builder,
    job: &Job,
) -> Result<(Shelf, Option<Error>)> {
    let (mut batches, mut failure) = (Shelf::default(), None);
    if job.is_watched() {
        job.begin("counting")?;
        let count = |table: &TableLayout| {
            let counted = connection.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[]);
            counted.map(|rows| rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
        };
        let counts: Vec<u64> = source.statements.iter().map(|(table, _)| count(table)).collect::<Result<_>>()?;
        job.set_total(counts.iter().sum());
    }
    job.begin("reading metrics")?;
    let experiments: Option<HashSet<i64>> = options.experiments.as_ref().map(|ids| ids.iter().copied().collect());
    let types: Option<HashSet<&[u8]>> =
        options.types.as_ref().map(|types| types.iter().map(String::as_bytes).collect());
    let nothing = [experiments.as_ref().map(HashSet::is_empty), types.as_ref().map(HashSet::is_empty)];
    let read = source.columns.len() + usize::from(source.nan.is_some());
    for (_, sql) in &source.statements {
        if nothing.contains(&Some(true)) || failure.is_some() {
            break;
        }
        connection.query(sql, &[], &mut |row| {
            job.advance()?;
            let mut room = [ValueRef::Null; MOST_COLUMNS];
            let cells = room.get_mut(..read).unwrap_or_default();
            row.values(cells)?;
            let is_wanted = {
                let cell = |at: usize| cells.get(at).copied().unwrap_or(ValueRef::Null);
                let of_experiment = |ids: &HashSet<i64>| cell(0).as_integer().is_some_and(|id| ids.contains(&id));
                let of_type =
                    |types: &HashSet<&[u8]>| matches!(cell(source.kind), ValueRef::Text(text) if types.contains(text));
                experiments.as_ref().is_none_or(of_experiment) && types.as_ref().is_none_or(of_type)
            };
            if !is_wanted {
                return Ok(Next::Row);
            }
            if let Some((value, says)) = source.nan
                && cells.get(says) == Some(&ValueRef::Integer(1))
                && let Some(value) = cells.get_mut(value)
            {
                *value = ValueRef::Real(f64::NAN);
            }
            if let Err(error) = builder.push(|at| cells.get(at).copied().unwrap_or(ValueRef::Null)) {
                failure = Some(error);
                return Ok(Next::Stop);
            }
            if builder.is_full(ROWS) {
                builder.take().into_iter().try_for_each(|batch| batches.push(batch))?;
            }
            Ok(Next::Row)
        })?;
    }
    if failure.is_none() {
        builder.take().into_iter().try_for_each(|batch| batches.push(batch))?;
    }
    Ok((batches, failure))
}

/// Metrics that links lead to: a row for each link.
fn linked<'a>(layout: &'a Layout, options: &MetricsOptions) -> Result<Source<'a>> {
    let statement = |table: &'a TableLayout| Ok((table, select(layout, table, options)?));
    Ok(Source {
        statements: links(layout, options.levels).into_iter().map(statement).collect::<Result<_>>()?,
        columns: COLUMNS.iter().map(|(name, kind, loose)| (Field::new(*name, *kind), *loose)).collect(),
        kind: TYPE,
        nan: None,
        subject: Subject::Metric { table: layout.family.table_name(METRIC), keys: vec![(METRIC_ID, "id")] },
    })
}

/// The tables that link metrics, of the levels that are wanted.
fn links(layout: &Layout, levels: Levels) -> Vec<&TableLayout> {
    const _: () = assert!(matches!(COLUMNS[METRIC_ID].1, Kind::Integer) && matches!(COLUMNS[TYPE].1, Kind::Text));
    let is_link = |table: &&TableLayout| matches!(table.schema.place, Place::Link { owner: RUN, leaf: METRIC });
    let wanted = |table: &&TableLayout| levels.wants(layout.family.index_path(table.schema).len());
    layout.tables.iter().filter(is_link).filter(wanted).collect()
}

/// The statement that reads the links of one table, in the order of [`COLUMNS`]. Whatever a link's owner lacks, the link and its metric are
/// there: a row of it is never left out for that.
fn select(layout: &Layout, table: &TableLayout, options: &MetricsOptions) -> Result<String> {
    let family = layout.family;
    let missing = |what: &str| Error::internal(Domain::Database, format!("{} has no {what}", table.schema.name));
    let (metrics, runs, trials) = (layout.entity(METRIC)?, layout.entity(RUN)?, layout.entity(TRIAL)?);
    // What the time is of: the row below the run to which the link's foreign key leads.
    let leads = |reference: &&crate::schema::Reference| family.outer(reference).is_some();
    let to_owner = table.schema.references.iter().find(leads).ok_or_else(|| missing("owner"))?;
    let owner = layout.table(to_owner.table).ok_or_else(|| missing(to_owner.table))?;
    let time =
        owner.schema.columns.iter().find(|column| column.kind == Meaning::Time).ok_or_else(|| missing("time"))?;
    let on: Vec<String> = to_owner
        .columns
        .iter()
        .zip(to_owner.parent_columns)
        .map(|(here, there)| format!("o.{} = l.{}", owner.quoted(there), table.quoted(here)))
        .collect();
    let indices: Vec<String> =
        family.index_path(table.schema).iter().map(|column| format!("l.{}", table.quoted(column.name))).collect();
    let index = |at: usize| indices.get(at).map_or("NULL", String::as_str);
    let content = |kind: Meaning| {
        let mut columns = metrics.schema.columns.iter().filter(|column| column.role == Role::Content);
        let found = columns.find(|column| column.kind == kind).ok_or_else(|| missing("column of a metric"))?;
        Ok::<String, Error>(format!("m.{}", metrics.quoted(found.name)))
    };
    let (run, metric) = (table.parent(RUN)?, table.parent(METRIC)?);
    let experiment = trials.parent(Entity::ROOT)?;
    let which = only(&format!("t.{experiment}"), options);
    Ok(format!(
        "SELECT t.{experiment}, r.{}, l.{run}, {}, {}, m.{}, {}, {}, {}, o.{} FROM {} AS l
         JOIN {} AS m ON m.{} = l.{metric}
         LEFT JOIN {} AS o ON {}
         LEFT JOIN {} AS r ON r.{} = l.{run}
         LEFT JOIN {} AS t ON t.{} = r.{}{which}",
        runs.parent(TRIAL)?,
        index(0),
        index(1),
        metrics.id(),
        content(Meaning::Text)?,
        content(Meaning::Real)?,
        content(Meaning::Json)?,
        owner.quoted(time.name),
        quote(&table.name),
        quote(&metrics.name),
        metrics.id(),
        quote(&owner.name),
        on.join(" AND "),
        quote(&runs.name),
        runs.id(),
        quote(&trials.name),
        trials.id(),
        runs.parent(TRIAL)?,
    ))
}
