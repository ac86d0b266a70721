//! The metrics of experiments, one row for each link to one.

use std::collections::HashSet;

use super::batches::{Batches, Subject};
use super::field::{Field, Kind};
use crate::database::{Connection, Layout, Next, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::experiment_exists;
use crate::progress::Job;
use crate::schema::experiment_manager::{METRIC, RUN, TRIAL};
use crate::schema::{Call, Entity, Kind as Meaning, Place, Role, quote};
use crate::spill::Spool;
use crate::values::ValueRef;

/// So many experiments are named in a statement; more are looked for among its rows.
const NAMED_IN_SQL: usize = 500;

/// On what metrics hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub results: bool,
    pub epochs: bool,
    pub batches: bool,
}

impl Levels {
    pub const ALL: Levels = Levels { results: true, epochs: true, batches: true };

    /// Whether links with so many indices are wanted.
    fn wants(self, indices: usize) -> bool {
        match indices {
            0 => self.results,
            1 => self.epochs,
            _ => self.batches,
        }
    }
}

/// What becomes of a value that does not fit the type of its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfit {
    /// An error.
    #[default]
    Error,
    /// NULL, and its text in a second column.
    Column,
}

/// Which metrics are wanted, and how.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// Of these experiments; `None` for all.
    pub experiments: Option<Vec<i64>>,
    /// Of these types, byte for byte; `None` for all.
    pub types: Option<Vec<String>>,
    pub levels: Levels,
    pub misfit: Misfit,
}

impl Default for MetricsOptions {
    fn default() -> MetricsOptions {
        MetricsOptions { experiments: None, types: None, levels: Levels::ALL, misfit: Misfit::Error }
    }
}

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
    let mut rows = Spool::default();
    let links = links(layout, options.levels);
    if job.is_watched() {
        job.begin("counting")?;
        let count = |table: &TableLayout| {
            let counted = connection.query_integer(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[]);
            counted.map(|rows| rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
        };
        let counts: Vec<u64> = links.iter().map(|table| count(table)).collect::<Result<_>>()?;
        job.set_total(counts.iter().sum());
    }
    job.begin("reading metrics")?;
    let experiments: Option<HashSet<i64>> = options.experiments.as_ref().map(|ids| ids.iter().copied().collect());
    let types: Option<HashSet<&[u8]>> =
        options.types.as_ref().map(|types| types.iter().map(String::as_bytes).collect());
    let nothing = [experiments.as_ref().map(HashSet::is_empty), types.as_ref().map(HashSet::is_empty)];
    for table in links {
        if nothing.contains(&Some(true)) {
            break;
        }
        let sql = select(layout, table, options)?;
        connection.query(&sql, &[], &mut |row| {
            job.advance()?;
            let mut cells = [ValueRef::Null; COLUMNS.len()];
            row.values(&mut cells)?;
            let [experiment, _, _, _, _, _, kind, ..] = cells;
            let of_experiment = |ids: &HashSet<i64>| experiment.as_integer().is_some_and(|id| ids.contains(&id));
            let of_type = |types: &HashSet<&[u8]>| matches!(kind, ValueRef::Text(text) if types.contains(text));
            if experiments.as_ref().is_none_or(of_experiment) && types.as_ref().is_none_or(of_type) {
                rows.push_values(&cells)?;
            }
            Ok(Next::Row)
        })?;
    }
    let misfit = options.misfit == Misfit::Column;
    let columns = COLUMNS.iter().map(|(name, kind, loose)| (Field::new(*name, *kind), misfit && *loose)).collect();
    Ok(Batches::new(columns, Subject::Metric(METRIC_ID), rows))
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
    let which = match &options.experiments {
        Some(ids) if ids.len() <= NAMED_IN_SQL && !ids.is_empty() => {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!(" WHERE t.{experiment} IN ({})", ids.join(", "))
        }
        _ => String::new(),
    };
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
