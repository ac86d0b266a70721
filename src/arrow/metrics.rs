//! The metrics of experiments, one row for each link to one.

use std::collections::HashSet;
use std::ops::Range;

use super::batches::Batches;
use super::below_runs::metrics_below;
use super::builder::{Builder, Subject};
use super::field::{Field, Kind};
use super::owners::{Owners, Wanted};
use super::shelf::Shelf;
use super::source::{Levels, MetricsOptions, Misfit, Source, Statement, only};
use crate::database::{Connection, Layout, Next, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::experiment_exists;
use crate::progress::Job;
use crate::schema::experiment_manager::{METRIC, RUN, TRIAL};
use crate::schema::{Call, Entity, Kind as Meaning, Place, Reference, Role, quote};
use crate::values::ValueRef;

/// More than any source has.
const MOST_COLUMNS: usize = 16;

/// Rows of a batch: fewer than there may be, for what is being made is in memory beside what is read.
const ROWS: usize = 32_768;

/// The places of columns.
const EXPERIMENT: usize = 0;
const TRIAL_ID: usize = 1;
const RUN_ID: usize = 2;
const FIRST_INDEX: usize = 3;
const METRIC_ID: usize = 5;
const TYPE: usize = 6;
const TIME: usize = 9;

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
        None => linked(connection, layout, options)?,
    };
    let misfit = options.misfit == Misfit::Column;
    let columns = source.columns.iter().map(|(field, loose)| (field.clone(), misfit && *loose)).collect();
    let mut builder = Builder::new(columns, source.subject.clone());
    let (batches, failure) = read(connection, &source, options, &mut builder, job)?;
    // Who takes the batches keeps them all, as a rule, and a cache beside them would serve nobody.
    connection.release_memory();
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
        let counts: Vec<u64> =
            source.statements.iter().map(|one| count(connection, one.table)).collect::<Result<_>>()?;
        job.set_total(counts.iter().sum());
    }
    job.begin("reading metrics")?;
    let experiments: Option<HashSet<i64>> = options.experiments.as_ref().map(|ids| ids.iter().copied().collect());
    let types: Option<HashSet<&[u8]>> =
        options.types.as_ref().map(|types| types.iter().map(String::as_bytes).collect());
    let nothing = [experiments.as_ref().map(HashSet::is_empty), types.as_ref().map(HashSet::is_empty)];
    let all = source.columns.len() + usize::from(source.nan.is_some());
    for Statement { sql, reads, owners, .. } in &source.statements {
        if nothing.contains(&Some(true)) || failure.is_some() {
            break;
        }
        connection.query(sql, &[], &mut |row| {
            job.advance()?;
            let mut room = [ValueRef::Null; MOST_COLUMNS];
            row.values(room.get_mut(reads.clone()).unwrap_or_default())?;
            let cells = room.get_mut(..all).unwrap_or_default();
            for known in [owners, &source.runs].into_iter().flatten() {
                known.fill(cells);
            }
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

/// How many rows a table has.
fn count(connection: &dyn Connection, table: &TableLayout) -> Result<u64> {
    let counted = connection.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[])?;
    Ok(counted.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
}

/// Metrics that links lead to: a row for each link.
fn linked<'a>(connection: &dyn Connection, layout: &'a Layout, options: &MetricsOptions) -> Result<Source<'a>> {
    // Of some experiments only those rows are read that are theirs, which takes the join.
    let runs = if options.experiments.is_none() { runs(connection, layout)? } else { None };
    let statement = |table: &'a TableLayout| {
        let owners = owners(connection, layout, table)?;
        // What is known is at both ends: to read NULLs there would take as long as to read values.
        let reads =
            if runs.is_some() { RUN_ID } else { EXPERIMENT }..if owners.is_some() { TIME } else { COLUMNS.len() };
        let sql = select(layout, table, &reads, options)?;
        Ok(Statement { table, sql, reads, owners })
    };
    let mut statements: Vec<Statement<'_>> =
        links(layout, options.levels).into_iter().map(statement).collect::<Result<_>>()?;
    if connection.capabilities().locks_for_readers {
        // The longest begins last, so that no private copy is made for the short ones after it.
        let counts: Vec<u64> = statements.iter().map(|one| count(connection, one.table)).collect::<Result<_>>()?;
        let mut counted: Vec<(u64, Statement<'_>)> = counts.into_iter().zip(statements).collect();
        counted.sort_by_key(|(rows, _)| *rows);
        statements = counted.into_iter().map(|(_, statement)| statement).collect();
    }
    Ok(Source {
        statements,
        runs,
        columns: COLUMNS.iter().map(|(name, kind, loose)| (Field::new(*name, *kind), *loose)).collect(),
        kind: TYPE,
        nan: None,
        subject: Subject::Metric { table: layout.family.table_name(METRIC), keys: vec![(METRIC_ID, "id")] },
    })
}

/// The trial and the experiment of each run, if there are few.
fn runs(connection: &dyn Connection, layout: &Layout) -> Result<Option<Owners>> {
    let (runs, trials) = (layout.entity(RUN)?, layout.entity(TRIAL)?);
    let keys = [(runs, runs.id()), (runs, runs.parent(TRIAL)?), (trials, trials.id())];
    if links(layout, Levels::ALL).iter().any(|table| !compares_integers(table, &table.parent(RUN).unwrap_or_default()))
        || keys.iter().any(|(table, key)| !compares_integers(table, key))
    {
        return Ok(None);
    }
    let from = format!(
        "{} AS r LEFT JOIN {} AS t ON t.{} = r.{}",
        quote(&runs.name),
        quote(&trials.name),
        trials.id(),
        runs.parent(TRIAL)?
    );
    let values = [format!("t.{}", trials.parent(Entity::ROOT)?), format!("r.{}", runs.parent(TRIAL)?)];
    let wanted = Wanted { keys: &[format!("r.{}", runs.id())], values: &values, from: &from };
    Owners::read(connection, &wanted, vec![RUN_ID], vec![EXPERIMENT, TRIAL_ID])
}

/// The time of each row that links of a table hang on, if there are few.
fn owners(connection: &dyn Connection, layout: &Layout, table: &TableLayout) -> Result<Option<Owners>> {
    let owner = Owner::of(layout, table)?;
    let (run, indices) = (table.parent(RUN)?, layout.family.index_path(table.schema));
    let (mut keys, mut places) = (Vec::new(), Vec::new());
    for (here, there) in owner.keys() {
        let (here, there) = (table.quoted(here), owner.table.quoted(there));
        if !compares_integers(table, &here) || !compares_integers(owner.table, &there) {
            return Ok(None);
        }
        let index = indices.iter().position(|column| table.quoted(column.name) == here);
        match index {
            Some(at) => places.push(FIRST_INDEX + at),
            None if here == run => places.push(RUN_ID),
            None => return Ok(None),
        }
        keys.push(there);
    }
    let wanted = Wanted { keys: &keys, values: &[owner.time], from: &quote(&owner.table.name) };
    Owners::read(connection, &wanted, places, vec![TIME])
}

/// Whether a column, whose name is quoted, can be compared as the integers that are read from it.
fn compares_integers(table: &TableLayout, column: &str) -> bool {
    table.columns.iter().any(|there| quote(&there.name) == column && there.holds_integers())
}

/// What the time of a link's metric is of: the row below the run to which the link's foreign key leads.
struct Owner<'a> {
    table: &'a TableLayout,
    reference: &'static Reference,
    time: String,
}

impl<'a> Owner<'a> {
    fn of(layout: &'a Layout, link: &TableLayout) -> Result<Owner<'a>> {
        let missing = |what: &str| Error::internal(Domain::Database, format!("{} has no {what}", link.schema.name));
        let leads = |reference: &&Reference| layout.family.outer(reference).is_some();
        let reference = link.schema.references.iter().find(leads).ok_or_else(|| missing("owner"))?;
        let table = layout.table(reference.table).ok_or_else(|| missing(reference.table))?;
        let time = table.schema.columns.iter().find(|column| column.kind == Meaning::Time);
        let time = table.quoted(time.ok_or_else(|| missing("time"))?.name);
        Ok(Owner { table, reference, time })
    }

    /// The columns of the link, each with that of the owner to which it leads, as the schema names them.
    fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.reference.columns.iter().copied().zip(self.reference.parent_columns.iter().copied())
    }
}

/// The tables that link metrics, of the levels that are wanted.
fn links(layout: &Layout, levels: Levels) -> Vec<&TableLayout> {
    const _: () = assert!(matches!(COLUMNS[METRIC_ID].1, Kind::Integer) && matches!(COLUMNS[TYPE].1, Kind::Text));
    let is_link = |table: &&TableLayout| matches!(table.schema.place, Place::Link { owner: RUN, leaf: METRIC });
    let wanted = |table: &&TableLayout| levels.wants(layout.family.index_path(table.schema).len());
    layout.tables.iter().filter(is_link).filter(wanted).collect()
}

/// The statement that reads these of [`COLUMNS`] of the links of one table. Whatever a link's owner lacks, the link and its metric are there: a
/// row of it is never left out for that.
fn select(layout: &Layout, table: &TableLayout, reads: &Range<usize>, options: &MetricsOptions) -> Result<String> {
    let family = layout.family;
    let missing = |what: &str| Error::internal(Domain::Database, format!("{} has no {what}", table.schema.name));
    let (metrics, runs, trials) = (layout.entity(METRIC)?, layout.entity(RUN)?, layout.entity(TRIAL)?);
    let indices: Vec<String> =
        family.index_path(table.schema).iter().map(|column| format!("l.{}", table.quoted(column.name))).collect();
    let index = |at: usize| indices.get(at).map_or("NULL", String::as_str);
    let content = |kind: Meaning| {
        let mut columns = metrics.schema.columns.iter().filter(|column| column.role == Role::Content);
        let found = columns.find(|column| column.kind == kind).ok_or_else(|| missing("column of a metric"))?;
        Ok::<String, Error>(format!("m.{}", metrics.quoted(found.name)))
    };
    let (run, metric) = (table.parent(RUN)?, table.parent(METRIC)?);
    let (mut experiment, mut trial, mut time) = Default::default();
    let mut joins = format!("JOIN {} AS m ON m.{} = l.{metric}", quote(&metrics.name), metrics.id());
    if reads.contains(&TIME) {
        let owner = Owner::of(layout, table)?;
        let on: Vec<String> = owner
            .keys()
            .map(|(here, there)| format!("o.{} = l.{}", owner.table.quoted(there), table.quoted(here)))
            .collect();
        joins.push_str(&format!(" LEFT JOIN {} AS o ON {}", quote(&owner.table.name), on.join(" AND ")));
        time = format!("o.{}", owner.time);
    }
    if reads.contains(&EXPERIMENT) {
        experiment = format!("t.{}", trials.parent(Entity::ROOT)?);
        trial = format!("r.{}", runs.parent(TRIAL)?);
        joins.push_str(&format!(
            " LEFT JOIN {} AS r ON r.{} = l.{run} LEFT JOIN {} AS t ON t.{} = {trial}",
            quote(&runs.name),
            runs.id(),
            quote(&trials.name),
            trials.id(),
        ));
        joins.push_str(&only(&experiment, options));
    }
    let cells = [
        experiment,
        trial,
        format!("l.{run}"),
        index(0).to_owned(),
        index(1).to_owned(),
        format!("m.{}", metrics.id()),
        content(Meaning::Text)?,
        content(Meaning::Real)?,
        content(Meaning::Json)?,
        time,
    ];
    let cells = cells.get(reads.clone()).unwrap_or_default().join(", ");
    Ok(format!("SELECT {cells} FROM {} AS l {joins}", quote(&table.name)))
}
