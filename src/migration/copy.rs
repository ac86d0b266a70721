//! Writing the copy: every row below the experiment, ids replaced, everything else as it is.

use smallvec::SmallVec;

use super::options::MigrateOptions;
use super::result::IdMap;
use super::sides::{Sides, prefixed_title};
use crate::database::{Chunk, ColumnLayout, Layout, Row, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{Blocks, Rewrite, Selection, row_order, scan_leaves, soundness};
use crate::progress::Job;
use crate::schema::{Column, Entity, LinkOwner, Place, Role, Value, ValueRef, quote};

/// Most tables have fewer columns than this; more only cost an allocation per row.
const INLINE_COLUMNS: usize = 8;

/// The first new id of each entity, and whether ids had to be reused.
#[derive(Clone, Copy, Debug)]
pub struct NewIds {
    pub experiment: i64,
    pub trials: i64,
    pub runs: i64,
    pub metrics: i64,
    pub artifacts: i64,
    pub reused: bool,
}

impl NewIds {
    /// Reserves ids in the target for as long as its transaction lasts.
    pub fn allocate(sides: &Sides<'_>, selection: &Selection, into: Option<i64>) -> Result<NewIds> {
        let mut reused = false;
        let mut first = |entity: Entity, count: u64| -> Result<i64> {
            let (id, low) = sides.target.allocate_ids(sides.target_layout.entity(entity)?, count)?;
            reused |= low && count > 0;
            Ok(id)
        };
        let experiment = match into {
            Some(id) => id,
            None => first(Entity::Experiment, 1)?,
        };
        Ok(NewIds {
            experiment,
            trials: first(Entity::Trial, selection.trials.len() as u64)?,
            runs: first(Entity::Run, selection.runs.len() as u64)?,
            metrics: first(Entity::Metric, selection.metrics.len())?,
            artifacts: first(Entity::Artifact, selection.artifacts.len())?,
            reused,
        })
    }

    /// The ids of the copy's rows.
    pub fn blocks(&self, selection: &Selection) -> Blocks {
        Blocks {
            trials: (self.trials, selection.trials.len() as u64),
            runs: (self.runs, selection.runs.len() as u64),
            metrics: (self.metrics, selection.metrics.len()),
            artifacts: (self.artifacts, selection.artifacts.len()),
        }
    }

    /// The id map of the result.
    pub fn map(&self, selection: &Selection) -> IdMap {
        let pairs = |first: i64, ids: &crate::hierarchy::Ids| ids.iter().zip(first..).collect();
        let block = |first: i64, count: u64| (count > 0).then_some((first, count));
        IdMap {
            trials: pairs(self.trials, &selection.trials),
            runs: pairs(self.runs, &selection.runs),
            metrics: block(self.metrics, selection.metrics.len()),
            artifacts: block(self.artifacts, selection.artifacts.len()),
        }
    }
}

/// The new id: the n-th of the block that begins at `first`. Blocks never pass the end of the id range.
#[inline]
fn nth(first: i64, n: u64) -> i64 {
    first.wrapping_add_unsigned(n)
}

/// Copies one table after the other.
pub struct Copier<'a, 's> {
    pub sides: &'a Sides<'s>,
    /// What of the source is copied.
    pub layout: &'a Layout,
    pub options: &'a MigrateOptions,
    pub ids: NewIds,
    pub job: &'a Job,
}

impl Copier<'_, '_> {
    /// Copies every row of the selection; returns how many, by table in the layout's order.
    pub fn copy(&self, selection: &mut Selection) -> Result<Vec<(&'static str, u64)>> {
        let mut copied = Vec::new();
        for table in &self.layout.tables {
            let rows = match table.schema.place {
                Place::Aside => continue,
                Place::Node(Entity::Experiment) if self.options.target_experiment.is_some() => 0,
                Place::Node(entity) => self.copy_by_owner(table, Some(entity), LinkOwner::Trial, selection)?,
                Place::BelowRun => self.copy_by_owner(table, None, LinkOwner::Run, selection)?,
                Place::Link { owner, .. } => self.copy_by_owner(table, None, owner, selection)?,
                Place::Leaf(entity) => self.copy_leaves(table, entity, selection)?,
            };
            copied.push((table.schema.name, rows));
        }
        Ok(copied)
    }

    fn writer<'w>(&'w self, table: &TableLayout) -> Result<Chunk<'w>> {
        let Some(there) = self.sides.target_layout.table(table.schema.name) else {
            return Err(Error::internal(Domain::Migration, format!("no target table {}", table.schema.name)));
        };
        // The target's spelling of each name.
        let mut names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| {
                there
                    .columns
                    .iter()
                    .find(|other| other.name.eq_ignore_ascii_case(&column.name))
                    .map_or(column.name.as_str(), |other| other.name.as_str())
            })
            .collect();
        // Columns that the source lacks are NULL in the copy, whatever their default.
        let unknown = |other: &&ColumnLayout| !other.not_null && table.position(&other.name).is_none();
        names.extend(there.extra_columns().filter(unknown).map(|other| other.name.as_str()));
        let inserter = self.sides.target.inserter(there, &names)?;
        Ok(Chunk::new(inserter, names.len(), self.options.batch_size, self.job))
    }

    /// Copies the rows of a table that carry an id of what they hang on, or, for `node`, their own.
    fn copy_by_owner(
        &self,
        table: &TableLayout,
        node: Option<Entity>,
        owner: LinkOwner,
        selection: &mut Selection,
    ) -> Result<u64> {
        let (bounds, key) = match node {
            Some(Entity::Experiment) => (Some((selection.experiment, selection.experiment)), Role::Id),
            Some(Entity::Trial) => (selection.trials.bounds(), Role::Id),
            Some(_) => (selection.runs.bounds(), Role::Id),
            None => (selection.owner_bounds(owner), Role::Parent(owner.entity())),
        };
        let (Some((low, high)), Some(key)) =
            (bounds, table.columns.iter().find(|column| column.schema.is_some_and(|known| known.role == key)))
        else {
            return Ok(0);
        };
        let columns: Vec<String> = table.columns.iter().map(|column| format!("t.{}", quote(&column.name))).collect();
        let mut condition = format!("t.{} BETWEEN ?1 AND ?2", quote(&key.name));
        if selection.has_unsound(table.schema)
            && let Some(sound) = soundness(self.layout, table, "t", &|parent| selection.has_unsound(parent))
        {
            condition = format!("{condition} AND {sound}");
        }
        let sql = format!(
            "SELECT {} FROM {} AS t WHERE {condition}{}",
            columns.join(", "),
            quote(&table.name),
            row_order(table)
        );
        let mut chunk = self.writer(table)?;
        self.sides.source.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            let mut values = SmallVec::<[ValueRef<'_>; INLINE_COLUMNS]>::new();
            for (at, column) in table.columns.iter().enumerate() {
                let value = row.value(at)?;
                let Some(value) = self.mapped(table, column.schema, value, selection)? else {
                    return Ok(crate::database::Next::Row);
                };
                values.push(value);
            }
            if node == Some(Entity::Experiment) {
                self.push_experiment(table, &values, &mut chunk)?;
            } else {
                chunk.push(&values)?;
            }
            chunk.flush_if_full()?;
            Ok(crate::database::Next::Row)
        })?;
        chunk.finish()
    }

    fn push_experiment(&self, table: &TableLayout, values: &[ValueRef<'_>], chunk: &mut Chunk<'_>) -> Result<()> {
        let titled: Vec<Option<Value>> = table
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| prefixed_title(self.options, table, column, *value))
            .collect();
        let values: Vec<ValueRef<'_>> =
            titled.iter().zip(values).map(|(titled, value)| titled.as_ref().map_or(*value, Value::borrow)).collect();
        chunk.push(&values)
    }

    /// The value in the copy; `None` for a row that does not belong to it.
    #[inline]
    fn mapped<'v>(
        &self,
        table: &TableLayout,
        column: Option<&Column>,
        value: ValueRef<'v>,
        selection: &mut Selection,
    ) -> Result<Option<ValueRef<'v>>> {
        let entity = match column.map(|column| column.role) {
            None | Some(Role::Content | Role::Index) => return Ok(Some(value)),
            Some(Role::Parent(entity)) => entity,
            Some(Role::Id) => match table.schema.place {
                Place::Node(entity) | Place::Leaf(entity) => entity,
                _ => return Ok(Some(value)),
            },
        };
        let Some(id) = value.as_integer() else { return Ok(None) };
        let new = match entity {
            Entity::Experiment => (id == selection.experiment).then_some(self.ids.experiment),
            Entity::Trial => selection.trials.position(id).map(|at| nth(self.ids.trials, at as u64)),
            Entity::Run => selection.runs.position(id).map(|at| nth(self.ids.runs, at as u64)),
            Entity::Metric => selection.metrics.rank(id)?.map(|at| nth(self.ids.metrics, at)),
            Entity::Artifact => selection.artifacts.rank(id)?.map(|at| nth(self.ids.artifacts, at)),
        };
        Ok(new.map(ValueRef::Integer))
    }

    fn copy_leaves(&self, table: &TableLayout, entity: Entity, selection: &mut Selection) -> Result<u64> {
        let mut chunk = self.writer(table)?;
        let select: String = table.columns.iter().map(|column| format!(", {}", quote(&column.name))).collect();
        let first = if entity == Entity::Metric { self.ids.metrics } else { self.ids.artifacts };
        let own_id = |column: Option<&Column>| column.is_some_and(|known| known.role == Role::Id);
        let columns: Vec<&ColumnLayout> = table.columns.iter().collect();
        let mut read = |mut rewrite: Option<&mut dyn Rewrite>| {
            let mut each = |rank: u64, row: &dyn Row| {
                let mut write = |row: &dyn Row| {
                    let mut values = SmallVec::<[ValueRef<'_>; INLINE_COLUMNS]>::new();
                    for (at, column) in columns.iter().enumerate() {
                        // The id, once more, is column 0.
                        let value = if own_id(column.schema) {
                            ValueRef::Integer(nth(first, rank))
                        } else {
                            row.value(at + 1)?
                        };
                        values.push(value);
                    }
                    chunk.push(&values)?;
                    chunk.flush_if_full()
                };
                match (&mut rewrite, row.value(0)?.as_integer()) {
                    (Some(rewrite), Some(id)) => rewrite.leaf((entity, id), &columns, 1, row, &mut write),
                    _ => write(row),
                }
            };
            scan_leaves(self.sides.source, table, selection.leaves(entity), &select, self.job, &mut each)
        };
        if entity == Entity::Metric {
            self.sides.rewriting(read)?
        } else {
            read(None)?
        };
        chunk.finish()
    }
}
