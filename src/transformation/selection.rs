//! Which metrics a transformation examines, and which of them are also linked from elsewhere.

use crate::database::{Connection, Layout, Next, TableLayout, between};
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{IdSet, Ids, Scope, Selection, experiment_exists, has_loose_keys, mend_keys, scan_leaves};
use crate::progress::Job;
use crate::schema::experiment_manager::METRIC;
use crate::schema::{ByEntity, Column, Entity, Place, quote};
use crate::values::ValueRef;

/// How many unknown ids an error names.
const NAMED: usize = 20;

/// What a caller selects. `None` is everything, an empty list is nothing; an id that occurs twice counts once.
#[derive(Clone, Debug, Default)]
pub struct MetricSelection {
    /// Metrics that are linked from results, epochs and batches of these experiments.
    pub experiments: Option<Vec<i64>>,
    /// Of those, only these.
    pub metrics: Option<Vec<i64>>,
}

/// What a selection comes to.
pub struct Chosen {
    /// The METRIC rows, frozen; `None` for all of them.
    pub metrics: Option<IdSet>,
    /// Those that are linked from elsewhere, too; frozen.
    pub shared: IdSet,
    /// What the links of the selection belong to.
    pub owners: Owners,
}

/// The experiments that were selected, and what is below them; nothing if whole rows were selected.
#[derive(Default)]
pub struct Owners(ByEntity<Ids>);

impl Owners {
    /// The ids that a junction table of this kind refers to.
    pub fn of(&self, owner: Entity) -> &Ids {
        self.0.get(owner)
    }
}

/// A junction table of metrics: what its rows belong to, and the columns that say so.
pub struct MetricLinks<'l> {
    pub table: &'l TableLayout,
    pub owner: Entity,
    pub owner_column: &'static Column,
    pub metric_column: &'static Column,
}

impl<'l> MetricLinks<'l> {
    /// All of them.
    pub fn all(layout: &'l Layout) -> Result<Vec<MetricLinks<'l>>> {
        let mut all = Vec::new();
        for table in &layout.tables {
            let Place::Link { owner, leaf: METRIC } = table.schema.place else { continue };
            let column = |entity: Entity| {
                let missing = || Error::internal(Domain::Database, format!("{} has no {entity:?}", table.schema.name));
                table.schema.parent_column(entity).ok_or_else(missing)
            };
            let (owner_column, metric_column) = (column(owner)?, column(METRIC)?);
            all.push(MetricLinks { table, owner, owner_column, metric_column });
        }
        Ok(all)
    }
}

impl Chosen {
    /// Finds the rows. Fails on ids that do not exist.
    pub fn read(connection: &dyn Connection, layout: &Layout, wanted: &MetricSelection, job: &Job) -> Result<Chosen> {
        let mut chosen = Chosen { metrics: None, shared: IdSet::default(), owners: Owners::default() };
        let named = match &wanted.metrics {
            Some(ids) => Some(existing(connection, layout, ids, job)?),
            None => None,
        };
        chosen.metrics = match (&wanted.experiments, named) {
            (None, None) => None,
            (None, Some(named)) => Some(named),
            (Some(experiments), named) => {
                chosen.owners = owners(connection, layout, experiments, job)?;
                Some(chosen.read_links(connection, layout, named, job)?)
            }
        };
        Ok(chosen)
    }

    /// How many rows that are, at most: links can lead to rows that do not exist. Counting all takes a while, and is only done if
    /// somebody watches.
    pub fn count(&self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<u64> {
        if let Some(metrics) = &self.metrics {
            return Ok(metrics.len());
        }
        if !job.is_watched() {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM {}", quote(&layout.entity(METRIC)?.name));
        Ok(connection.query_integer(&sql, &[])?.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// The metrics of the experiments, or of them those that are named; finds out which are shared.
    fn read_links(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        named: Option<IdSet>,
        job: &Job,
    ) -> Result<IdSet> {
        let (mut inside, mut outside) = (IdSet::default(), IdSet::default());
        for links in MetricLinks::all(layout)? {
            let owners = self.owners.of(links.owner);
            let sql = format!(
                "SELECT {}, {} FROM {}",
                links.table.quoted(links.owner_column.name),
                links.table.quoted(links.metric_column.name),
                quote(&links.table.name)
            );
            connection.query(&sql, &[], &mut |row| {
                job.pulse()?;
                let owner = row.value(0)?.as_integer();
                let selected = owner.is_some_and(|owner| owners.position(owner).is_some());
                let metric = row.value(1)?;
                if selected && metric != ValueRef::Null && metric.as_integer().is_none() {
                    return Err(odd_metric(links.table, links.metric_column.name, metric));
                }
                if let Some(metric) = metric.as_integer() {
                    if selected {
                        inside.insert(metric)?
                    } else {
                        outside.insert(metric)?
                    };
                }
                Ok(Next::Row)
            })?;
        }
        inside.freeze()?;
        outside.freeze()?;
        let chosen = match named {
            None => inside,
            Some(named) => {
                let mut strange = Vec::new();
                named.for_each(&mut |id| {
                    if inside.rank(id)?.is_none() && strange.len() < NAMED {
                        strange.push(id);
                    }
                    Ok(())
                })?;
                if !strange.is_empty() {
                    return Err(unknown(&strange, "not linked from the selected experiments"));
                }
                named
            }
        };
        // Both are read in ascending order, so looking up is cheap.
        let mut all = chosen;
        outside.for_each(&mut |id| {
            if all.rank(id)?.is_some() {
                self.shared.insert(id)?;
            }
            Ok(())
        })?;
        self.shared.freeze()?;
        Ok(all)
    }
}

/// The error for metrics that are not there.
fn unknown(ids: &[i64], what: &str) -> Error {
    let list: Vec<String> = ids.iter().map(i64::to_string).collect();
    let (noun, verb) = if ids.len() == 1 { ("metric", "is") } else { ("metrics", "are") };
    let message = match what {
        "" if ids.len() == 1 => format!("metric {} does not exist", list.concat()),
        "" => format!("metrics {} do not exist", list.join(", ")),
        what => format!("{noun} {} {verb} {what}", list.join(", ")),
    };
    let error =
        Error::new(Status::NotFound, Domain::Transformation, message).hint("leave these ids out; nothing was changed");
    list.into_iter().fold(error, |error, id| error.detail("metric_id", id))
}

/// The set of these metrics, frozen; fails if one does not exist.
fn existing(connection: &dyn Connection, layout: &Layout, ids: &[i64], job: &Job) -> Result<IdSet> {
    let table = layout.entity(METRIC)?;
    let mut wanted = IdSet::default();
    for id in ids {
        wanted.insert(*id)?;
    }
    wanted.freeze()?;
    let mut present = IdSet::default();
    scan_leaves(connection, table, &mut wanted, "", job, &mut |_, row| {
        if let Some(id) = row.value(0)?.as_integer() {
            present.insert(id)?;
        }
        Ok(())
    })?;
    present.freeze()?;
    if present.len() == wanted.len() {
        return Ok(wanted);
    }
    let mut missing = Vec::new();
    wanted.for_each(&mut |id| {
        if missing.len() < NAMED && present.rank(id)?.is_none() {
            missing.push(id);
        }
        Ok(())
    })?;
    Err(unknown(&missing, ""))
}

/// The experiments, which must exist, and all rows of the hierarchy below them.
fn owners(connection: &dyn Connection, layout: &Layout, experiments: &[i64], job: &Job) -> Result<Owners> {
    let mut sorted = experiments.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut owners = Owners(ByEntity::new(layout.family));
    for id in sorted {
        experiment_exists(connection, layout, id).map_err(|error| error.in_domain(Domain::Transformation))?;
        owners.0.get_mut(Entity::ROOT).push(id);
    }
    for (entity, above) in layout.family.below_root() {
        *owners.0.get_mut(entity) = below(connection, layout.entity(entity)?, above, owners.of(above), job)?;
    }
    if has_loose_keys(layout) {
        for experiment in owners.of(Entity::ROOT).iter() {
            let scope = Scope::default();
            Selection::read(connection, layout, experiment, scope, job)?.refuse_odd_keys(Domain::Transformation)?;
        }
    }
    Ok(owners)
}

/// The error of a row of the hierarchy that nothing finds by its id.
fn no_integer(table: &TableLayout, id: ValueRef<'_>) -> Error {
    let (name, id) = (table.schema.name, id.describe());
    let message = format!("{name} (id={id}): the id is no integer, so nothing below it can be found");
    let error = Error::new(Status::Validation, Domain::Transformation, message).detail("table", name);
    mend_keys(error.detail("row", format!("id={id}")))
}

/// The error of a metric that has no id which could be named.
pub fn odd_metric(table: &TableLayout, column: &str, id: ValueRef<'_>) -> Error {
    let (name, row) = (table.schema.name, format!("{column}={}", id.describe()));
    let message =
        format!("{name} ({row}): the id of a metric is no integer, so it cannot be transformed; nothing was changed");
    let error = Error::new(Status::Validation, Domain::Transformation, message).detail("table", name);
    mend_keys(error.detail("row", row).detail("column", column))
}

/// The rows of a table that hang on these.
fn below(connection: &dyn Connection, table: &TableLayout, parent: Entity, parents: &Ids, job: &Job) -> Result<Ids> {
    let mut found = Ids::default();
    let (Some(bounds), Some(column)) = (parents.bounds(), table.schema.parent_column(parent)) else {
        return Ok(found);
    };
    let (id, column) = (table.id(), table.quoted(column.name));
    let sql = format!("{} ORDER BY {id}", table.select_between(&format!("{id}, {column}"), &column));
    connection.query(&sql, &between(bounds), &mut |row| {
        job.pulse()?;
        let hangs = row.value(1)?.as_integer().is_some_and(|parent| parents.position(parent).is_some());
        match row.value(0)?.as_integer() {
            Some(id) if hangs => found.push(id),
            None if hangs => return Err(no_integer(table, row.value(0)?)),
            _ => {}
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}
