//! Which rows belong to an experiment: one pass over each table, reading keys only.

use std::ops::RangeInclusive;

use super::ids::{IdSet, Ids};
use super::leaves::scan_leaves;
use super::problem::{Problem, ProblemKind, Problems};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::schema::{Column, Entity, Kind, LinkOwner, Place, Role, Table, Value, quote, table};

/// Which part of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only trials with ids in this range.
    pub trials: Option<RangeInclusive<i64>>,
    /// Of the experiment's own links, only those to artifacts with ids in this range.
    pub artifacts: Option<RangeInclusive<i64>>,
    /// Leave out metrics and artifacts that only links reach which cannot stand themselves.
    pub sound_only: bool,
}

/// The rows of one table below the experiment.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub table: &'static Table,
    /// Rows that can stand.
    pub rows: u64,
    /// Rows that cannot: see [`Selection::problems`].
    pub unsound: u64,
}

/// The rows below one experiment.
#[derive(Debug)]
pub struct Selection {
    pub experiment: i64,
    pub scope: Scope,
    pub trials: Ids,
    pub runs: Ids,
    /// For each run, the position of its trial.
    pub run_trial: Vec<u32>,
    /// The METRIC and ARTIFACT rows that links reach and that exist; frozen.
    pub metrics: IdSet,
    pub artifacts: IdSet,
    /// Every table of the layout that takes part, in its order.
    pub counts: Vec<Counts>,
    pub problems: Problems,
}

impl Selection {
    /// Finds the rows. The experiment's own row is not looked at.
    pub fn read(
        connection: &dyn Connection,
        layout: &Layout,
        experiment: i64,
        scope: Scope,
        job: &Job,
    ) -> Result<Selection> {
        let mut selection = Selection {
            experiment,
            scope,
            trials: Ids::default(),
            runs: Ids::default(),
            run_trial: Vec::new(),
            metrics: IdSet::default(),
            artifacts: IdSet::default(),
            counts: Vec::new(),
            problems: Problems::default(),
        };
        selection.read_trials(connection, layout, job)?;
        selection.read_runs(connection, layout, job)?;
        for table in &layout.tables {
            match table.schema.place {
                Place::Aside | Place::Leaf(_) => {}
                Place::Node(entity) => {
                    let rows = match entity {
                        Entity::Trial => selection.trials.len() as u64,
                        Entity::Run => selection.runs.len() as u64,
                        _ => 1,
                    };
                    selection.counts.push(Counts { table: table.schema, rows, unsound: 0 });
                }
                Place::BelowRun | Place::Link { .. } => selection.read_keys(connection, layout, table, job)?,
            }
        }
        for entity in [Entity::Metric, Entity::Artifact] {
            selection.check_leaves(connection, layout, entity, job)?;
        }
        Ok(selection)
    }

    /// All rows that can stand, of every table.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|counts| counts.rows).sum()
    }

    /// Whether a table has rows that cannot stand.
    pub fn has_unsound(&self, table: &Table) -> bool {
        self.counts.iter().any(|counts| counts.table.name == table.name && counts.unsound > 0)
    }

    /// The set of a leaf's ids.
    pub fn leaves(&mut self, entity: Entity) -> &mut IdSet {
        match entity {
            Entity::Metric => &mut self.metrics,
            _ => &mut self.artifacts,
        }
    }

    fn read_trials(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let table = layout.entity(Entity::Trial)?;
        let (id, parent) = (table.quoted("id"), table.quoted("experiment_id"));
        let sql = format!("SELECT {id} FROM {} WHERE {parent} = ?1 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            job.pulse()?;
            if let Some(id) = row.value(0)?.as_integer()
                && self.scope.trials.as_ref().is_none_or(|range| range.contains(&id))
            {
                self.trials.push(id);
            }
            Ok(Next::Row)
        })
    }

    fn read_runs(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let table = layout.entity(Entity::Run)?;
        let Some((low, high)) = self.trials.bounds() else {
            return Ok(());
        };
        let (id, parent) = (table.quoted("id"), table.quoted("trial_id"));
        let sql =
            format!("SELECT {id}, {parent} FROM {} WHERE {parent} BETWEEN ?1 AND ?2 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            job.pulse()?;
            let trial = row.value(1)?.as_integer().and_then(|trial| self.trials.position(trial));
            if let (Some(id), Some(trial)) = (row.value(0)?.as_integer(), trial) {
                self.runs.push(id);
                self.run_trial.push(u32::try_from(trial).map_err(|_| too_many_trials())?);
            }
            Ok(Next::Row)
        })
    }

    /// The position of the trial or run that a row hangs on; 0 for the experiment itself.
    pub fn owner(&self, owner: LinkOwner, id: Option<i64>, leaf: Option<i64>) -> Option<usize> {
        match owner {
            LinkOwner::Run => self.runs.position(id?),
            LinkOwner::Trial => self.trials.position(id?),
            LinkOwner::Experiment => {
                let wanted = match (&self.scope.artifacts, leaf) {
                    (None, _) => true,
                    (Some(range), Some(leaf)) => range.contains(&leaf),
                    (Some(_), None) => false,
                };
                (id? == self.experiment && wanted).then_some(0)
            }
        }
    }

    /// The smallest and greatest id of what the rows of a table can hang on.
    pub fn owner_bounds(&self, owner: LinkOwner) -> Option<(i64, i64)> {
        match owner {
            LinkOwner::Run => self.runs.bounds(),
            LinkOwner::Trial => self.trials.bounds(),
            LinkOwner::Experiment => Some((self.experiment, self.experiment)),
        }
    }

    /// Reads the keys of a table below the run or of a junction table.
    fn read_keys(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        table: &TableLayout,
        job: &Job,
    ) -> Result<()> {
        let mut counts = Counts { table: table.schema, rows: 0, unsound: 0 };
        let keys = KeyQuery::new(self, layout, table)?;
        if let Some((low, high)) = self.owner_bounds(keys.owner) {
            connection.query(&keys.sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
                job.pulse()?;
                let leaf = keys.leaf.map(|(at, _)| row.value(at)).transpose()?;
                let leaf_id = leaf.and_then(|value| value.as_integer());
                let owner_id = row.value(keys.owner_at)?.as_integer();
                if self.owner(keys.owner, owner_id, leaf_id).is_none() {
                    return Ok(Next::Row);
                }
                let sound = keys.sound_at.map(|at| row.value(at)).transpose()?;
                let stands = sound.is_none_or(|value| value.as_integer() == Some(1));
                if let (Some((_, entity)), Some(id)) = (keys.leaf, leaf_id)
                    && (stands || !self.scope.sound_only)
                {
                    self.leaves(entity).insert(id)?;
                }
                if stands && (keys.leaf.is_none() || leaf_id.is_some()) {
                    counts.rows += 1;
                    return Ok(Next::Row);
                }
                counts.unsound += 1;
                let problem = keys.problem(table.schema, row)?;
                self.problems.add(|| problem);
                Ok(Next::Row)
            })?;
        }
        self.counts.push(counts);
        Ok(())
    }

    /// Takes ids out of the set that no row has, and the links to them out of the counts; counts the rest.
    fn check_leaves(&mut self, connection: &dyn Connection, layout: &Layout, entity: Entity, job: &Job) -> Result<()> {
        let leaf = layout.entity(entity)?;
        let mut wanted = std::mem::take(self.leaves(entity));
        wanted.freeze()?;
        let mut found = 0;
        scan_leaves(connection, leaf, &mut wanted, "", job, &mut |_, _| {
            found += 1;
            Ok(())
        })?;
        if found < wanted.len() {
            let mut present = IdSet::default();
            scan_leaves(connection, leaf, &mut wanted, "", job, &mut |_, row| {
                if let Some(id) = row.value(0)?.as_integer() {
                    present.insert(id)?;
                }
                Ok(())
            })?;
            present.freeze()?;
            self.discount_links(connection, layout, entity, &mut present, job)?;
            wanted = present;
        }
        self.counts.push(Counts { table: leaf.schema, rows: wanted.len(), unsound: 0 });
        *self.leaves(entity) = wanted;
        Ok(())
    }

    /// Moves the links to rows that do not exist from the sound ones to the unsound ones.
    fn discount_links(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        entity: Entity,
        present: &mut IdSet,
        job: &Job,
    ) -> Result<()> {
        for table in &layout.tables {
            let Place::Link { leaf, .. } = table.schema.place else { continue };
            if leaf != entity {
                continue;
            }
            let keys = KeyQuery::new(self, layout, table)?;
            let Some((low, high)) = self.owner_bounds(keys.owner) else { continue };
            let mut missing = 0;
            connection.query(&keys.sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
                job.pulse()?;
                let leaf_id = keys.leaf.map(|(at, _)| row.value(at)).transpose()?.and_then(|value| value.as_integer());
                let owner_id = row.value(keys.owner_at)?.as_integer();
                let sound = keys.sound_at.map(|at| row.value(at)).transpose()?;
                let stands = sound.is_none_or(|value| value.as_integer() == Some(1));
                if self.owner(keys.owner, owner_id, leaf_id).is_none() || !stands {
                    return Ok(Next::Row);
                }
                if let Some(id) = leaf_id
                    && present.rank(id)?.is_none()
                {
                    missing += 1;
                    let problem = keys.problem(table.schema, row)?;
                    self.problems.add(|| problem);
                }
                Ok(Next::Row)
            })?;
            for counts in self.counts.iter_mut().filter(|counts| counts.table.name == table.schema.name) {
                counts.rows = counts.rows.saturating_sub(missing);
                counts.unsound += missing;
            }
        }
        Ok(())
    }
}

fn too_many_trials() -> Error {
    Error::new(crate::error::Status::Limit, Domain::Database, "an experiment can have at most 4294967295 trials")
}

/// A query for the key columns of a table, with a last column that is 1 for rows that can stand.
struct KeyQuery {
    sql: String,
    owner: LinkOwner,
    owner_at: usize,
    leaf: Option<(usize, Entity)>,
    sound_at: Option<usize>,
    keys: Vec<&'static Column>,
}

impl KeyQuery {
    fn new(selection: &Selection, layout: &Layout, found: &TableLayout) -> Result<KeyQuery> {
        let schema = found.schema;
        let (owner, leaf_entity) = match schema.place {
            Place::Link { owner, leaf } => (owner, Some(leaf)),
            _ => (LinkOwner::Run, None),
        };
        let keys: Vec<&'static Column> = schema.columns.iter().filter(|column| column.role != Role::Content).collect();
        let owner_entity = match owner {
            LinkOwner::Experiment => Entity::Experiment,
            LinkOwner::Trial => Entity::Trial,
            LinkOwner::Run => Entity::Run,
        };
        let at = |entity: Entity| keys.iter().position(|column| column.role == Role::Parent(entity));
        let Some(owner_at) = at(owner_entity) else {
            return Err(Error::internal(Domain::Database, format!("{} has no owner", schema.name)));
        };
        let mut select: Vec<String> = keys.iter().map(|column| format!("t.{}", found.quoted(column.name))).collect();
        let sound = soundness(layout, found, "t", &|parent| selection.has_unsound(parent));
        let sound_at = sound.as_ref().map(|_| select.len());
        select.extend(sound);
        let Some(owner_name) = keys.get(owner_at).map(|column| found.quoted(column.name)) else {
            return Err(Error::internal(Domain::Database, format!("{} has no owner", schema.name)));
        };
        Ok(KeyQuery {
            sql: format!(
                "SELECT {} FROM {} AS t WHERE t.{owner_name} BETWEEN ?1 AND ?2",
                select.join(", "),
                quote(&found.name)
            ),
            owner,
            owner_at,
            leaf: leaf_entity.and_then(|entity| at(entity).map(|position| (position, entity))),
            sound_at,
            keys,
        })
    }

    /// Describes a row that cannot stand.
    fn problem(&self, table: &'static Table, row: &dyn Row) -> Result<Problem> {
        let mut parts = Vec::new();
        let mut null = None;
        for (at, column) in self.keys.iter().enumerate() {
            let value = row.value(at)?;
            if value == crate::schema::ValueRef::Null {
                null = null.or(Some(column.name));
            }
            parts.push(format!("{}={}", column.name, value.describe()));
        }
        let row = parts.join(", ");
        let (kind, message) = match null {
            Some(column) => (ProblemKind::NullKey, format!("{} ({row}): {column} is NULL", table.name)),
            None => {
                let parents: Vec<&str> = table.references.iter().map(|reference| reference.table).collect();
                let message =
                    format!("{} ({row}): the {} row it belongs to does not exist", table.name, parents.join(" or "));
                (ProblemKind::DanglingReference, message)
            }
        };
        Ok(Problem { kind, table: table.name, row, message })
    }
}

/// A condition that holds for the rows of a table that can stand: no part of the key is NULL, and the row below the run that
/// they refer to exists (and can stand itself, where `doubted` says that some cannot). References to trials, runs, metrics and
/// artifacts are not looked at. `None` if nothing needs to be checked.
pub fn soundness(
    layout: &Layout,
    found: &TableLayout,
    alias: &str,
    doubted: &dyn Fn(&Table) -> bool,
) -> Option<String> {
    let mut conditions = Vec::new();
    let mut covered: Vec<&str> = Vec::new();
    for reference in found.schema.references {
        let Some(parent) = table(reference.table) else { continue };
        if parent.place != Place::BelowRun {
            continue;
        }
        covered.extend(reference.columns);
        let Some(parent) = layout.table(reference.table) else {
            conditions.push("0".to_owned());
            continue;
        };
        let inner = format!("{alias}p");
        let mut joined: Vec<String> = reference
            .columns
            .iter()
            .zip(reference.parent_columns)
            .map(|(child, key)| format!("{inner}.{} = {alias}.{}", parent.quoted(key), found.quoted(child)))
            .collect();
        if doubted(parent.schema) {
            joined.extend(soundness(layout, parent, &inner, doubted));
        }
        conditions.push(format!(
            "EXISTS (SELECT 1 FROM {} AS {inner} WHERE {})",
            quote(&parent.name),
            joined.join(" AND ")
        ));
    }
    for column in found.schema.columns {
        if column.role == Role::Index && column.kind == Kind::Integer && !covered.contains(&column.name) {
            conditions.push(format!("{alias}.{} IS NOT NULL", found.quoted(column.name)));
        }
    }
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}
