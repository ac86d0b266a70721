//! Writing the copy: every row below the experiment, ids replaced, everything else as it is.

use smallvec::SmallVec;

use super::options::MigrateOptions;
use super::result::IdMap;
use super::sides::{Sides, prefixed_title};
use crate::database::{Chunk, ColumnLayout, Connection, Layout, Mentioned, Next, Row, TableLayout, Unsteady};
use crate::digest::Digester;
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{
    Apart, Blocks, Owner, Rewrite, Selection, Shape, Target, Visitor, link_order, scan_leaves, soundness,
};
use crate::progress::Job;
use crate::schema::{Entity, LinkOwner, Place, Role, quote};
use crate::values::{Value, ValueRef};

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
        let mentioned = Mentioned::read(sides.target, &sides.target_layout, |_| true)?;
        let mut first = |entity: Entity, count: u64| -> Result<i64> {
            let table = sides.target_layout.entity(entity)?;
            let (id, low) = sides.target.allocate_ids(table, count, mentioned.of(table.schema.name))?;
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

    /// The ids of the copy's rows; with `appended`, in an experiment that has others too.
    pub fn blocks(&self, selection: &Selection, appended: bool) -> Blocks {
        let artifacts = (self.artifacts, selection.artifacts.len());
        Blocks {
            metrics: vec![(self.metrics, selection.metrics.len())],
            artifacts: vec![artifacts],
            appended: appended.then(|| ((self.trials, selection.trials.len() as u64), artifacts)),
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
    /// Copies every row of the selection; returns how many, by table in the layout's order. The digester sees what is read.
    pub fn copy(
        &self,
        selection: &mut Selection,
        mut digester: Option<&mut Digester<'_>>,
    ) -> Result<Vec<(&'static str, u64)>> {
        let mut copied = Vec::new();
        for table in &self.layout.tables {
            let rows = match table.schema.place {
                Place::Aside => continue,
                Place::Node(Entity::Experiment) if self.options.target_experiment.is_some() => 0,
                Place::Leaf(entity) => self.copy_leaves(table, entity, selection, digester.as_deref_mut())?,
                _ => self.copy_by_owner(table, selection, digester.as_deref_mut())?,
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

    /// Copies the rows of a table that carry an id of what they hang on, or, of EXPERIMENT, TRIAL and TRIAL_RUN, their own.
    fn copy_by_owner(
        &self,
        table: &TableLayout,
        selection: &mut Selection,
        mut digester: Option<&mut Digester<'_>>,
    ) -> Result<u64> {
        let place = table.schema.place;
        let bounds = match place {
            Place::Node(Entity::Experiment) => selection.owner_bounds(LinkOwner::Experiment),
            Place::Node(Entity::Trial) => selection.owner_bounds(LinkOwner::Trial),
            Place::Link { owner, .. } => selection.owner_bounds(owner),
            _ => selection.owner_bounds(LinkOwner::Run),
        };
        let source = Source::new(table);
        let (Some((low, high)), Some(key)) = (bounds, source.names.first()) else { return Ok(0) };
        let mut condition = format!("t.{key} BETWEEN ?1 AND ?2{}", selection.stretches.condition(table));
        if selection.has_unsound(table.schema)
            && let Some(sound) = soundness(self.layout, table, "t", &|parent| selection.has_unsound(parent))
        {
            condition = format!("{condition} AND {sound}");
        }
        let columns: Vec<String> = source.names.iter().map(|name| format!("t.{name}")).collect();
        let sql = format!(
            "SELECT {} FROM {} AS t WHERE {condition}{}",
            columns.join(", "),
            quote(&table.name),
            link_order(self.sides.source, table)
        );
        let mut chunk = self.writer(table)?;
        let at = |name: &str| {
            let found = table.columns.iter().position(|column| column.schema.is_some_and(|known| known.name == name));
            source.positions.get(found?).copied()
        };
        let barring = selection.barring(table.schema, &at);
        self.sides.source.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            if let Some(barring) = &barring
                && barring.bars(row)?
            {
                return Ok(Next::Row);
            }
            let mut values = SmallVec::<[ValueRef<'_>; INLINE_COLUMNS]>::new();
            for (column, at) in table.columns.iter().zip(&source.positions) {
                let Some(value) = self.mapped(table, column, row.value(*at)?, selection)? else {
                    return Ok(Next::Row);
                };
                values.push(value);
            }
            if let Some(digester) = digester.as_deref_mut() {
                source.digest(row, selection, digester)?;
            }
            if place == Place::Node(Entity::Experiment) {
                self.push_experiment(table, &values, &mut chunk)?;
            } else {
                chunk.push(&values)?;
            }
            chunk.flush_if_full()?;
            Ok(Next::Row)
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
        column: &ColumnLayout,
        value: ValueRef<'v>,
        selection: &mut Selection,
    ) -> Result<Option<ValueRef<'v>>> {
        let entity = match column.schema.map(|column| column.role) {
            None if column.refers.is_some() => return self.linked(column, value, selection).map(Some),
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

    /// The new id of the row that a link leads to; NULL if it is not copied.
    fn linked(
        &self,
        column: &ColumnLayout,
        value: ValueRef<'_>,
        selection: &mut Selection,
    ) -> Result<ValueRef<'static>> {
        let target = match column.refers {
            Some(entity) => selection.target(entity, value)?,
            None => None,
        };
        let new = target.map(|target| match target {
            Target::Experiment => self.ids.experiment,
            Target::Trial(at) => nth(self.ids.trials, at as u64),
            Target::Run(at) => nth(self.ids.runs, at as u64),
            Target::Leaf(Entity::Metric, rank) => nth(self.ids.metrics, rank),
            Target::Leaf(_, rank) => nth(self.ids.artifacts, rank),
        });
        Ok(new.map_or(ValueRef::Null, ValueRef::Integer))
    }

    fn copy_leaves(
        &self,
        table: &TableLayout,
        entity: Entity,
        selection: &mut Selection,
        mut digester: Option<&mut Digester<'_>>,
    ) -> Result<u64> {
        let mut chunk = self.writer(table)?;
        let source = Source::new(table);
        let select: String = source.names.iter().skip(1).map(|name| format!(", {name}")).collect();
        let first = if entity == Entity::Metric { self.ids.metrics } else { self.ids.artifacts };
        let own_id = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role == Role::Id);
        // The id, once more, and the content: what follows the first column.
        let columns: Vec<&ColumnLayout> =
            table.columns.iter().filter(|column| own_id(column)).chain(source.shape.columns.iter().copied()).collect();
        let mut read = |mut rewrite: Option<&mut dyn Rewrite>| {
            let mut each = |rank: u64, row: &dyn Row, mut selection: Option<&mut Selection>| {
                if let Some(digester) = digester.as_deref_mut() {
                    digester.leaf((entity, rank), &source.shape, row)?;
                }
                let mut write = |row: &dyn Row| {
                    let mut values = SmallVec::<[ValueRef<'_>; INLINE_COLUMNS]>::new();
                    for (column, at) in table.columns.iter().zip(&source.positions) {
                        values.push(match &mut selection {
                            _ if own_id(column) => ValueRef::Integer(nth(first, rank)),
                            Some(selection) if column.refers.is_some() => {
                                self.linked(column, row.value(*at)?, selection)?
                            }
                            _ => row.value(*at)?,
                        });
                    }
                    chunk.push(&values)?;
                    chunk.flush_if_full()
                };
                match (&mut rewrite, row.value(0)?.as_integer()) {
                    (Some(rewrite), Some(id)) => rewrite.leaf((entity, id), &columns, 1, row, &mut write),
                    _ => write(row),
                }
            };
            if table.has_links() {
                return scan_linking_leaves(
                    (self.sides.source, table),
                    entity,
                    &select,
                    selection,
                    self.job,
                    &mut each,
                );
            }
            let mut each = |rank: u64, row: &dyn Row| each(rank, row, None);
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

/// Receives a metric or an artifact by its rank, and the selection where the row may refer to others of it.
type EachLeaf<'e> = &'e mut dyn FnMut(u64, &dyn Row, Option<&mut Selection>) -> Result<()>;

/// As [`scan_leaves`], with the selection at hand: the rows may refer to others of it.
fn scan_linking_leaves(
    (connection, table): (&dyn Connection, &TableLayout),
    entity: Entity,
    columns: &str,
    selection: &mut Selection,
    job: &Job,
    each: EachLeaf<'_>,
) -> Result<()> {
    let Some((low, high)) = selection.leaves(entity).bounds() else { return Ok(()) };
    let (id, name) = (table.quoted("id"), quote(&table.name));
    let sql = format!("SELECT {id}{columns} FROM {name} WHERE {id} BETWEEN ?1 AND ?2 ORDER BY {id}");
    connection.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
        job.pulse()?;
        let rank = match row.value(0)?.as_integer() {
            Some(found) => selection.leaves(entity).rank(found)?,
            None => None,
        };
        if let Some(rank) = rank {
            each(rank, row, Some(selection))?;
        }
        Ok(Next::Row)
    })
}

/// What is read of one table: first the ids of what a row hangs on and of what it links, or its own, then its content, then the rest.
struct Source<'l> {
    shape: Shape<'l>,
    /// The names of all that is selected, quoted.
    names: Vec<String>,
    /// For each column of the table where it is among these.
    positions: Vec<usize>,
}

impl<'l> Source<'l> {
    fn new(table: &'l TableLayout) -> Source<'l> {
        let roles: &[Role] = match table.schema.place {
            Place::Link { owner, leaf } => &[Role::Parent(owner.entity()), Role::Parent(leaf)],
            Place::BelowRun => &[Role::Parent(Entity::Run)],
            // Twice, as the digest wants it.
            Place::Leaf(_) => &[Role::Id, Role::Id],
            Place::Node(_) | Place::Aside => &[Role::Id],
        };
        let of_role =
            |role: &Role| table.columns.iter().find(|column| column.schema.is_some_and(|known| known.role == *role));
        let mut columns: Vec<&ColumnLayout> = roles.iter().filter_map(of_role).collect();
        let shape = Shape::new(table, columns.len());
        columns.extend(&shape.columns);
        for column in &table.columns {
            if !columns.iter().any(|there| there.name == column.name) {
                columns.push(column);
            }
        }
        let position = |column: &ColumnLayout| columns.iter().position(|there| there.name == column.name).unwrap_or(0);
        Source {
            positions: table.columns.iter().map(position).collect(),
            names: columns.iter().map(|column| quote(&column.name)).collect(),
            shape,
        }
    }

    /// Hands a row over that belongs to the copy.
    fn digest(&self, row: &dyn Row, selection: &mut Selection, digester: &mut Digester<'_>) -> Result<()> {
        let id = row.value(0)?.as_integer();
        let owner = |owner: LinkOwner, leaf| selection.owner(owner, id, leaf).map(|at| Owner::of_link(owner, at));
        let place = self.shape.table.schema.place;
        let hangs_on = match place {
            Place::Node(Entity::Experiment) => Some(Owner::Experiment),
            Place::Node(Entity::Trial) => owner(LinkOwner::Trial, None),
            Place::Link { owner: kind, .. } => owner(kind, row.value(1)?.as_integer()),
            _ => owner(LinkOwner::Run, None),
        };
        match (place, hangs_on) {
            (Place::Node(_), Some(owner)) => digester.node(owner, &self.shape, row),
            (Place::BelowRun, Some(Owner::Run(at))) => digester.below_run(at, &self.shape, row),
            (Place::Link { leaf, .. }, Some(owner)) => {
                let rank = match row.value(1)?.as_integer() {
                    Some(id) => selection.leaves(leaf).rank(id)?,
                    None => None,
                };
                digester.bare_link(owner, &self.shape, row, (leaf, rank))
            }
            // Within one state there is no such row.
            _ => Err(Unsteady::changed(Domain::Migration)),
        }
    }
}
