//! Writes the copy: every row below the experiment, with new ids and otherwise unchanged.

use smallvec::SmallVec;

use super::endpoints::{Endpoints, prefixed_title};
use super::options::MigrateOptions;
use super::result::IdMap;
use super::staged_copy::Stage;
use crate::database::{Chunk, ColumnLayout, Connection, Layout, Mentioned, Next, Row, TableLayout, Unsteady, between};
use crate::digest::Digester;
use crate::error::{Domain, Error, Result};
use crate::hierarchy::{
    Blocks, Owner, Rewrite, Selection, SeparateVisitor, Shape, Target, Visitor, link_order, scan_leaf_range,
    scan_leaves, soundness, without_cut,
};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Place, Role, quote};
use crate::values::{Value, ValueRef};

/// Most tables have fewer columns than this; more only cost an allocation per row.
const INLINE_COLUMNS: usize = 8;

/// The first new id of each entity, and whether ids had to be reused.
#[derive(Clone, Debug)]
pub struct NewIds {
    pub experiment: i64,
    first: ByEntity<i64>,
    pub reused: bool,
}

/// How many rows of an entity a selection has.
fn count(selection: &Selection, entity: Entity) -> u64 {
    match selection.family.is_leaf(entity) {
        true => selection.leaf_count(entity),
        false => selection.ids(entity).len() as u64,
    }
}

impl NewIds {
    /// Reserves ids in the target for as long as its transaction lasts.
    pub fn allocate(ends: &Endpoints<'_>, selection: &Selection, into: Option<i64>) -> Result<NewIds> {
        let mut ids = NewIds { experiment: 0, first: ByEntity::new(selection.family), reused: false };
        let mentioned = Mentioned::read(ends.target, &ends.target_layout, |_| true)?;
        for entity in selection.family.all() {
            if let (Entity::ROOT, Some(id)) = (entity, into) {
                *ids.first.get_mut(entity) = id;
                continue;
            }
            let (table, count) = (ends.target_layout.entity(entity)?, count(selection, entity));
            let (id, low) = ends.target.allocate_ids(table, count, mentioned.of(table.schema.name))?;
            ids.reused |= low && count > 0;
            *ids.first.get_mut(entity) = id;
        }
        ids.experiment = *ids.first.get(Entity::ROOT);
        Ok(ids)
    }

    /// The ids of the copy's rows; with `appended`, in an experiment that has others too.
    pub fn blocks(&self, selection: &Selection, appended: bool) -> Blocks {
        let block = |entity| (*self.first.get(entity), count(selection, entity));
        let below = selection.family.all().filter(|entity| *entity != Entity::ROOT);
        Blocks {
            leaves: ByEntity::of(selection.family, |entity| vec![block(entity)]),
            appended: appended.then(|| below.map(|entity| (entity, block(entity))).collect()),
        }
    }

    /// As [`NewIds::allocate`] gave them before, in the order of the entities.
    pub fn known(selection: &Selection, first: &[(i64, u64)]) -> NewIds {
        let mut ids = NewIds { experiment: 0, first: ByEntity::new(selection.family), reused: false };
        for (entity, (id, _)) in selection.family.all().zip(first) {
            *ids.first.get_mut(entity) = *id;
        }
        ids.experiment = *ids.first.get(Entity::ROOT);
        ids
    }

    /// For each entity the first id, and how many there are.
    pub fn listed(&self, selection: &Selection) -> Vec<(i64, u64)> {
        selection.family.all().map(|entity| (*self.first.get(entity), count(selection, entity))).collect()
    }

    /// The new id of the row of the hierarchy with this id in the source.
    pub fn of_node(&self, selection: &Selection, entity: Entity, id: i64) -> Option<i64> {
        let at = selection.ids(entity).position(id)?;
        Some(self.nth((entity, at as u64)))
    }

    /// The id map of the result.
    pub fn map(&self, selection: &Selection) -> IdMap {
        IdMap::new(selection, &self.first)
    }

    /// The new id of the row at this position, or of this rank.
    #[inline]
    fn nth(&self, (entity, at): Target) -> i64 {
        nth(*self.first.get(entity), at)
    }
}

/// The new id: the n-th of the block that begins at `first`. Blocks never pass the end of the id range.
#[inline]
fn nth(first: i64, n: u64) -> i64 {
    first.wrapping_add_unsigned(n)
}

/// Copies one table after the other.
pub struct Copier<'a, 's, 't> {
    pub ends: &'a Endpoints<'s>,
    /// What of the source is copied.
    pub layout: &'a Layout,
    pub options: &'a MigrateOptions,
    pub ids: &'a NewIds,
    /// Where it is written in several transactions.
    pub stage: Option<&'a Stage<'t>>,
    pub job: &'a Job,
}

impl Copier<'_, '_, '_> {
    /// Copies every row of the selection; returns how many, by table in the layout's order. The digester sees what is read.
    pub fn copy(
        &self,
        selection: &mut Selection,
        mut digester: Option<&mut Digester<'_>>,
    ) -> Result<Vec<(&'static str, u64)>> {
        let mut copied = Vec::new();
        for table in &self.layout.tables {
            let rows = match table.schema.place {
                Place::Aside | Place::Derived(_) => continue,
                Place::Node(Entity::ROOT) if self.options.target_experiment.is_some() => 0,
                Place::Leaf(entity) => self.copy_leaves(table, entity, selection, digester.as_deref_mut())?,
                _ => self.copy_by_owner(table, selection, digester.as_deref_mut())?,
            };
            copied.push((table.schema.name, rows));
        }
        Ok(copied)
    }

    fn writer<'w>(&'w self, table: &TableLayout) -> Result<Chunk<'w>> {
        let Some(there) = self.ends.target_layout.table(table.schema.name) else {
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
        let inserter = self.ends.target.inserter(there, &names)?;
        let chunk = Chunk::new(inserter, names.len(), self.options.batch_size, self.job);
        let name = table.schema.name;
        Ok(match self.stage {
            Some(stage) => chunk.in_stages(name, stage.there(name), stage),
            None => chunk,
        })
    }

    /// Copies the rows of a table that carry an id of what they hang on, or, in the hierarchy, their own.
    fn copy_by_owner(
        &self,
        table: &TableLayout,
        selection: &mut Selection,
        mut digester: Option<&mut Digester<'_>>,
    ) -> Result<u64> {
        let place = table.schema.place;
        let bounds = table.schema.owner().and_then(|owner| selection.owner_bounds(owner));
        let source = Source::new(table);
        let (Some(bounds), Some(key)) = (bounds, source.names.first()) else { return Ok(0) };
        let mut conditions = selection.rowid_ranges.condition(table);
        if selection.has_unsound(table.schema)
            && let Some(sound) = soundness(self.layout, table, "t", &|parent| selection.has_unsound(parent))
        {
            conditions.push_str(&format!(" AND {sound}"));
        }
        let columns: Vec<String> = source.names.iter().map(|name| format!("t.{name}")).collect();
        let order = match self.stage {
            Some(_) => key_order(table),
            None => link_order(self.ends.source, table),
        };
        let sql = format!("{}{conditions}{order}", table.select_between(&columns.join(", "), key));
        let mut chunk = self.writer(table)?;
        let at = |name: &str| {
            let found = table.columns.iter().position(|column| column.schema.is_some_and(|known| known.name == name));
            source.positions.get(found?).copied()
        };
        let barring = selection.barring(table.schema, &at);
        let cutting = selection.cutting(&source.shape, 0);
        self.ends.source.query(&sql, &between(bounds), &mut |row| {
            if let Some(barring) = &barring
                && barring.bars(row)?
            {
                return Ok(Next::Row);
            }
            without_cut(cutting.as_ref(), row, &mut |row| {
                let mut values = SmallVec::<[ValueRef<'_>; INLINE_COLUMNS]>::new();
                for (column, at) in table.columns.iter().zip(&source.positions) {
                    let Some(value) = self.mapped(table, column, row.value(*at)?, selection)? else {
                        return Ok(());
                    };
                    values.push(value);
                }
                if let Some(digester) = digester.as_deref_mut() {
                    source.digest(row, selection, digester)?;
                }
                if place == Place::Node(Entity::ROOT) || self.stage.is_some_and(|stage| stage.hides(table)) {
                    self.push_changed(table, &values, &mut chunk)?;
                } else {
                    chunk.push(&values)?;
                }
                chunk.flush_if_full()
            })?;
            Ok(Next::Row)
        })?;
        chunk.finish()
    }

    /// Pushes a row of which some columns say something else than in the source.
    fn push_changed(&self, table: &TableLayout, values: &[ValueRef<'_>], chunk: &mut Chunk<'_>) -> Result<()> {
        let changed = |(column, value): (&ColumnLayout, &ValueRef<'_>)| {
            let meanwhile = self.stage.and_then(|stage| stage.meanwhile(table, column, *value));
            meanwhile.or_else(|| prefixed_title(self.options, table, column, *value))
        };
        let changed: Vec<Option<Value>> = table.columns.iter().zip(values).map(changed).collect();
        let values: Vec<ValueRef<'_>> =
            changed.iter().zip(values).map(|(changed, value)| changed.as_ref().map_or(*value, Value::borrow)).collect();
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
        let at = match selection.family.is_leaf(entity) {
            true => selection.leaves(entity).rank(id)?,
            false => selection.ids(entity).position(id).map(|at| at as u64),
        };
        Ok(at.map(|at| ValueRef::Integer(self.ids.nth((entity, at)))))
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
        Ok(target.map_or(ValueRef::Null, |target| ValueRef::Integer(self.ids.nth(target))))
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
        let first = *self.ids.first.get(entity);
        let own_id = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role == Role::Id);
        // The id, once more, and the content: what follows the first column.
        let columns: Vec<&ColumnLayout> =
            table.columns.iter().filter(|column| own_id(column)).chain(source.shape.columns.iter().copied()).collect();
        let cutting = selection.cutting(&source.shape, 0);
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
                without_cut(cutting.as_ref(), row, &mut |row| match (&mut rewrite, row.value(0)?.as_integer()) {
                    (Some(rewrite), Some(id)) => rewrite.leaf((entity, id), &columns, 1, row, &mut write),
                    _ => write(row),
                })
            };
            if table.has_links() {
                return scan_linking_leaves((self.ends.source, table), entity, &select, selection, self.job, &mut each);
            }
            let mut each = |rank: u64, row: &dyn Row| each(rank, row, None);
            scan_leaves(self.ends.source, table, selection.leaves(entity), &select, self.job, &mut each)
        };
        if self.ends.rewrites(entity) {
            self.ends.rewriting(read)?
        } else {
            read(None)?
        };
        chunk.finish()
    }
}

/// An order that is the same each time, whatever else is in the database.
fn key_order(table: &TableLayout) -> String {
    let key: Vec<String> = table.schema.primary_key.iter().map(|name| format!("t.{}", table.quoted(name))).collect();
    format!(" ORDER BY {}", key.join(", "))
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
    let Some(bounds) = selection.leaves(entity).bounds() else { return Ok(()) };
    scan_leaf_range(connection, table, bounds, columns, job, &mut |found, row| match selection
        .leaves(entity)
        .rank(found)?
    {
        Some(rank) => each(rank, row, Some(selection)),
        None => Ok(()),
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
            Place::Link { owner, leaf } => &[Role::Parent(owner), Role::Parent(leaf)],
            Place::Below(owner) => &[Role::Parent(owner)],
            // Twice, as the digest wants it.
            Place::Leaf(_) => &[Role::Id, Role::Id],
            Place::Node(_) | Place::Aside | Place::Derived(_) => &[Role::Id],
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
        let schema = self.shape.table.schema;
        let place = schema.place;
        let leaf = match place {
            Place::Link { leaf, .. } => row.value(1)?.as_integer().map(|id| (leaf, id)),
            _ => None,
        };
        let hangs_on = schema.owner().and_then(|owner| {
            let at = selection.owner(owner, id, leaf)?;
            Some(Owner { entity: owner, at })
        });
        match (place, hangs_on) {
            (Place::Node(_), Some(owner)) => digester.node(owner, &self.shape, row),
            (Place::Below(_), Some(owner)) => digester.below(owner, &self.shape, row),
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
