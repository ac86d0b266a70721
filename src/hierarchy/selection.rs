//! Which rows belong to an experiment: one pass over each table, reading keys only.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::barring::{Barring, LeftOutRows};
use super::cut_links::{CutLinks, Cutting};
use super::existing_parents::{Needs, Presence};
use super::ids::{IdSet, Ids};
use super::keys::{KeyQuery, soundness};
use super::leaves::scan_leaves;
use super::non_integer_keys::{self, Loose, NonIntegerKeys, may_be_loose, mend_keys};
use super::order::row_order;
use super::rowid_ranges::{RowidRange, RowidRanges};
use super::shape::{Owner, Shape};
use super::unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
use crate::database::{Cells, Connection, Layout, Next, Row, TableLayout, Whereabouts};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family, Place, Table, quote};
use crate::values::{Value, ValueRef};

/// Some ids.
#[derive(Clone, Debug)]
pub enum Members {
    Range(RangeInclusive<i64>),
    /// Ascending.
    Listed(Vec<i64>),
}

impl Members {
    fn contains(&self, id: i64) -> bool {
        match self {
            Members::Range(range) => range.contains(&id),
            Members::Listed(ids) => ids.binary_search(&id).is_ok(),
        }
    }
}

/// Which part of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// If there are any: of the rows of these entities that hang on the experiment itself only these, and of its own links only those to
    /// these of what they link.
    pub only: Vec<(Entity, Members)>,
    /// Leave out linked rows that only links reach which cannot stand themselves.
    pub sound_only: bool,
    /// Leave these rows out, and what hangs on them.
    pub without: Option<Arc<LeftOutRows>>,
    /// Read these links as NULL.
    pub cut: Option<Arc<CutLinks>>,
}

impl Scope {
    /// Which rows of an entity, if not all.
    pub fn only(&self, entity: Entity) -> Option<&Members> {
        self.only.iter().find(|(of, _)| *of == entity).map(|(_, members)| members)
    }
}

/// The rows of one table below the experiment.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub table: &'static Table,
    /// Rows that can stand.
    pub rows: u64,
    /// Rows that cannot: see [`Selection::problems`].
    pub unsound: u64,
    /// Whether [`super::row_order`] is certainly also the order of the owners, the indices below the run, and what is linked, and no
    /// two rows are equal in all of these.
    pub in_order: bool,
}

/// The rows of one entity of the hierarchy.
#[derive(Debug, Default)]
struct Nodes {
    ids: Ids,
    /// For each the position of what it hangs on; none for the root.
    parents: Vec<u32>,
}

/// The parameters of a range of ids.
pub(super) fn range((low, high): (i64, i64)) -> [Value; 2] {
    [Value::Integer(low), Value::Integer(high)]
}

/// The rows below one experiment.
#[derive(Debug)]
pub struct Selection {
    pub family: &'static Family,
    pub experiment: i64,
    pub scope: Scope,
    nodes: ByEntity<Nodes>,
    /// The linked rows that links reach and that exist; frozen.
    leaves: ByEntity<IdSet>,
    /// Every table of the layout that takes part, in its order.
    pub counts: Vec<Counts>,
    pub problems: UnsoundRows,
    pub(super) odd: NonIntegerKeys,
    /// Where its rows are, as long as the database is as it was when they were found.
    pub rowid_ranges: RowidRanges,
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
        let mut selection = Selection::nothing(layout.family, experiment, scope);
        selection.read_nodes(connection, layout, job)?;
        selection.read_rest(connection, layout, job)?;
        Ok(selection)
    }

    /// Finds what is below several experiments, whose ids ascend, and for each row that hangs on one of them its place among these. Of what
    /// else hangs on experiments themselves only that of the first.
    pub fn read_several(
        connection: &dyn Connection,
        layout: &Layout,
        experiments: &[i64],
        job: &Job,
    ) -> Result<(Selection, ByEntity<Vec<usize>>)> {
        let (Some(low), Some(high)) = (experiments.first(), experiments.last()) else {
            return Err(Error::internal(Domain::Database, "no experiments"));
        };
        let mut selection = Selection::nothing(layout.family, *low, Scope::default());
        let mut owners: ByEntity<Vec<usize>> = ByEntity::new(layout.family);
        for (entity, above) in layout.family.below_root() {
            if above != Entity::ROOT {
                selection.read_deeper(connection, layout, (entity, above), job)?;
                continue;
            }
            let table = layout.entity(entity)?;
            let (id, parent, owners) = (table.id(), table.parent(above)?, owners.get_mut(entity));
            let sql = format!(
                "SELECT {id}, {parent} FROM {} WHERE {parent} BETWEEN ?1 AND ?2 ORDER BY {id}",
                quote(&table.name)
            );
            let nodes = selection.nodes.get_mut(entity);
            connection.query(&sql, &range((*low, *high)), &mut |row| {
                job.pulse()?;
                let owner = row.value(1)?.as_integer().and_then(|owner| experiments.binary_search(&owner).ok());
                if let (Some(id), Some(owner)) = (row.value(0)?.as_integer(), owner) {
                    nodes.push(id, 0);
                    owners.push(owner);
                }
                Ok(Next::Row)
            })?;
        }
        selection.read_rest(connection, layout, job)?;
        Ok((selection, owners))
    }

    /// Nothing yet.
    pub(super) fn nothing(family: &'static Family, experiment: i64, scope: Scope) -> Selection {
        let mut nodes: ByEntity<Nodes> = ByEntity::new(family);
        nodes.get_mut(Entity::ROOT).ids = Ids::one(experiment);
        Selection {
            family,
            experiment,
            scope,
            nodes,
            leaves: ByEntity::new(family),
            counts: Vec::new(),
            problems: UnsoundRows::default(),
            odd: NonIntegerKeys::new(family),
            rowid_ranges: RowidRanges::default(),
        }
    }

    /// The ids of an entity's rows.
    #[inline]
    pub fn ids(&self, entity: Entity) -> &Ids {
        &self.nodes.get(entity).ids
    }

    /// For each row of an entity below the root the position of what it hangs on.
    pub fn parents(&self, entity: Entity) -> &[u32] {
        &self.nodes.get(entity).parents
    }

    /// How many rows of the hierarchy there are below the root.
    pub fn nodes_below_root(&self) -> u64 {
        self.family.below_root().map(|(entity, _)| self.ids(entity).len() as u64).sum()
    }

    /// What of it hangs on one row of the hierarchy, whose position there comes second: not what is below it.
    pub fn of_node(self, owner: Owner) -> (Selection, Owner) {
        let mut nodes: ByEntity<Nodes> = ByEntity::new(self.family);
        nodes.get_mut(Entity::ROOT).ids = Ids::one(self.experiment);
        nodes.get_mut(owner.entity).ids = self.ids(owner.entity).get(owner.at).map_or_else(Ids::default, Ids::one);
        (Selection { nodes, counts: Vec::new(), ..self }, Owner { at: 0, ..owner })
    }

    /// Finds the rows that hang on those of the hierarchy.
    fn read_rest(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let mut presence = Presence::new(layout, ByEntity::of(self.family, |entity| self.ids(entity).len()));
        for table in &layout.tables {
            match table.schema.place {
                Place::Aside | Place::Derived(_) | Place::Leaf(_) => {}
                Place::Node(entity) => {
                    let (rows, unsound) = (self.ids(entity).len() as u64, self.odd.of(entity).count);
                    self.counts.push(Counts { table: table.schema, rows, unsound, in_order: false });
                }
                Place::Below(_) | Place::Link { .. } => {
                    self.read_keys(connection, layout, table, &mut presence, job)?;
                    self.read_odd_keys(connection, table, job)?;
                }
            }
        }
        drop(presence);
        for entity in self.family.leaves() {
            self.check_leaves(connection, layout, entity, job)?;
        }
        Ok(())
    }

    /// All rows that can stand, of every table.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|counts| counts.rows).sum()
    }

    /// How many rows of each table are here, but not in `kept`, a part of the same experiment.
    pub fn left_out(&self, kept: &Selection) -> Vec<(&'static str, u64)> {
        let mut left = Vec::new();
        for counts in &self.counts {
            let kept =
                kept.counts.iter().find(|other| other.table.name == counts.table.name).map_or(0, |other| other.rows);
            let lost = (counts.rows + counts.unsound).saturating_sub(kept);
            if lost > 0 {
                left.push((counts.table.name, lost));
            }
        }
        left
    }

    /// Whether a table has rows that cannot stand.
    pub fn has_unsound(&self, table: &Table) -> bool {
        self.counts.iter().any(|counts| counts.table.name == table.name && counts.unsound > 0)
    }

    /// The set of the ids of what links reach.
    #[inline]
    pub fn leaves(&mut self, entity: Entity) -> &mut IdSet {
        self.leaves.get_mut(entity)
    }

    /// The same, to look at.
    pub fn leaf(&self, entity: Entity) -> &IdSet {
        self.leaves.get(entity)
    }

    /// How many rows links reach.
    pub fn leaf_count(&self, entity: Entity) -> u64 {
        self.leaf(entity).len()
    }

    /// How many that are of all entities.
    pub fn linked(&self) -> u64 {
        self.family.leaves().map(|entity| self.leaf_count(entity)).sum()
    }

    /// What says which rows of a query are left out; `at` is where it has a column. `None` if none is.
    pub fn barring(&self, schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<Barring> {
        Barring::new(self.scope.without.as_ref()?, (self.family, schema), at)
    }

    /// What is cut in the rows of a table, in a query that has their ids at this place; `None` if nothing is.
    pub fn cutting(&self, shape: &Shape<'_>, id_at: usize) -> Option<Cutting> {
        Cutting::new(self.scope.cut.as_ref()?, shape, id_at)
    }

    /// Whether the row with this key is left out for a link of its own.
    fn leaves_out(&self, entity: Entity, id: i64) -> bool {
        self.scope.without.as_ref().is_some_and(|without| without.ids.get(entity).contains(&id))
    }

    /// Finds the rows of the hierarchy, from the top down.
    pub(super) fn read_nodes(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        for (entity, above) in self.family.below_root() {
            match above {
                Entity::ROOT => self.read_top(connection, layout, entity, job)?,
                _ => self.read_deeper(connection, layout, (entity, above), job)?,
            }
        }
        Ok(())
    }

    /// Finds the rows of an entity that hang on the experiment itself.
    fn read_top(&mut self, connection: &dyn Connection, layout: &Layout, entity: Entity, job: &Job) -> Result<()> {
        let (table, experiment) = (layout.entity(entity)?, self.experiment);
        let Some(above) = table.schema.parent_column(Entity::ROOT).map(|column| column.name) else {
            return table.parent(Entity::ROOT).map(drop);
        };
        let (id, parent) = (table.id(), table.quoted(above));
        let sql = format!("SELECT {id} FROM {} WHERE {parent} = ?1 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            job.pulse()?;
            match row.value(0)?.as_integer() {
                Some(id) if self.leaves_out(entity, id) => {}
                Some(id) if self.scope.only(entity).is_none_or(|wanted| wanted.contains(id)) => {
                    self.nodes.get_mut(entity).push(id, 0);
                }
                Some(_) => {}
                None => self.odd_node(table, entity, (row.value(0)?, above, ValueRef::Integer(experiment))),
            }
            Ok(Next::Row)
        })?;
        if !may_be_loose(table, above) {
            return Ok(());
        }
        non_integer_keys::scan(connection, table, above, job, &mut |id, value| {
            if value.as_integer().is_none() && Loose::of(value) == Some(Loose::Integer(experiment)) {
                self.odd_node(table, entity, (id, above, value));
            }
        })
    }

    /// Notes a row of the hierarchy that has no place in a copy. Of a part of an experiment nothing is known of its rest.
    fn odd_node(&mut self, table: &TableLayout, entity: Entity, row: (ValueRef<'_>, &'static str, ValueRef<'_>)) {
        if !self.scope.only.is_empty() {
            return;
        }
        let odd = self.odd.of_mut(entity);
        odd.count += 1;
        odd.ids.extend(Loose::of(row.0));
        self.odd.rows += 1;
        self.problems.add(|| non_integer_keys::problem(table, row));
        let above = self.family.parent(entity).filter(|above| *above != Entity::ROOT);
        let is_found = |id: i64| above.is_none_or(|above| self.ids(above).position(id).is_some());
        if !row.2.as_integer().is_some_and(is_found) {
            self.odd.hidden.add(|| non_integer_keys::problem(table, row));
        }
    }

    /// Finds the rows of an entity that hang on those of another one, which are known.
    fn read_deeper(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        (entity, above): (Entity, Entity),
        job: &Job,
    ) -> Result<()> {
        let table = layout.entity(entity)?;
        let Some(column) = table.schema.parent_column(above).map(|column| column.name) else {
            return table.parent(above).map(drop);
        };
        if may_be_loose(table, column) || !self.odd.of(above).ids.is_empty() {
            non_integer_keys::scan(connection, table, column, job, &mut |id, value| {
                let mine = match Loose::of(value) {
                    Some(Loose::Integer(parent)) if value.as_integer().is_none() => {
                        self.ids(above).position(parent).is_some()
                    }
                    _ => false,
                };
                if mine || Loose::of(value).is_some_and(|value| self.odd.of(above).ids.contains(&value)) {
                    self.odd_node(table, entity, (id, column, value));
                }
            })?;
        }
        let Some(bounds) = self.ids(above).bounds() else {
            return Ok(());
        };
        let (id, parent) = (table.id(), table.quoted(column));
        let sql =
            format!("SELECT {id}, {parent} FROM {} WHERE {parent} BETWEEN ?1 AND ?2 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &range(bounds), &mut |row| {
            job.pulse()?;
            let parent = row.value(1)?.as_integer().and_then(|parent| self.ids(above).position(parent));
            match (row.value(0)?.as_integer(), parent) {
                (Some(id), Some(_)) if self.leaves_out(entity, id) => {}
                (Some(id), Some(parent)) => {
                    let parent = u32::try_from(parent).map_err(|_| too_many(self.family, above))?;
                    self.nodes.get_mut(entity).push(id, parent);
                }
                (None, Some(_)) => self.odd_node(table, entity, (row.value(0)?, column, row.value(1)?)),
                (_, None) => {}
            }
            Ok(Next::Row)
        })
    }

    /// The position of what a row hangs on by this id, which may link a row.
    #[inline]
    pub fn owner(&self, owner: Entity, id: Option<i64>, leaf: Option<(Entity, i64)>) -> Option<usize> {
        let at = self.ids(owner).position(id?)?;
        if owner != Entity::ROOT || self.scope.only.is_empty() {
            return Some(at);
        }
        let (entity, leaf) = leaf?;
        self.scope.only(entity).is_none_or(|wanted| wanted.contains(leaf)).then_some(at)
    }

    /// The smallest and greatest id of what the rows of a table can hang on.
    pub fn owner_bounds(&self, owner: Entity) -> Option<(i64, i64)> {
        self.ids(owner).bounds()
    }

    /// Finds out where the rows of a table are that would be read from end to end, where the database knows that sooner.
    fn look_for(&mut self, connection: &dyn Connection, table: &TableLayout) -> Result<()> {
        let Some(owner) = table.schema.owner() else { return Ok(()) };
        let Some((low, high)) = self.owner_bounds(owner).filter(|_| !row_order(table).is_empty()) else {
            return Ok(());
        };
        let Some(column) = table.schema.parent_column(owner) else { return Ok(()) };
        match connection.whereabouts(table, column.name, (low, Some(high)))? {
            Whereabouts::Unknown => {}
            Whereabouts::Nowhere => self.rowid_ranges.know(table.schema.name, RowidRange::EMPTY),
            Whereabouts::Between(least, greatest) => {
                self.rowid_ranges.know(table.schema.name, RowidRange::between(least, greatest));
            }
        }
        Ok(())
    }

    /// Reads the keys of a table below the run or of a junction table.
    fn read_keys(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        table: &TableLayout,
        presence: &mut Presence,
        job: &Job,
    ) -> Result<()> {
        self.look_for(connection, table)?;
        let query = KeyQuery::new(table, None, &self.rowid_ranges)?;
        let sound = match presence.needs(layout, table.schema, &query.keys) {
            None => soundness(layout, table, "t", &|parent| self.has_unsound(parent)),
            Some(needs) => {
                let (count, kept) = (self.problems.count, self.problems.first.len());
                if let Some(counts) = self.scan_keys(connection, &query, Some((&mut *presence, &needs)), job)? {
                    self.counts.push(counts);
                    return Ok(());
                }
                self.problems.count = count;
                self.problems.first.truncate(kept);
                presence.give_up(table.schema);
                soundness(layout, table, "t", &|parent| self.has_unsound(parent))
            }
        };
        let counts = self.scan_keys(connection, &KeyQuery::new(table, sound, &self.rowid_ranges)?, None, job)?;
        self.counts.extend(counts);
        Ok(())
    }

    /// Finds the rows of a table below the run, or of a junction table, that hang on a key that is no integer, or on what has one.
    fn read_odd_keys(&mut self, connection: &dyn Connection, table: &TableLayout, job: &Job) -> Result<()> {
        let query = KeyQuery::new(table, None, &self.rowid_ranges)?;
        let owner = query.keys.get(query.owner_at).map_or("", |column| column.name);
        let above = !self.odd.of(query.owner).ids.is_empty();
        if !self.scope.only.is_empty() || !(above || may_be_loose(table, owner)) {
            return Ok(());
        }
        let mut found = 0;
        connection.query(&query.whole, &[], &mut |row| {
            job.pulse()?;
            let value = row.value(query.owner_at)?;
            let Some(key) = Loose::of(value) else { return Ok(Next::Row) };
            let below = self.odd.of(query.owner).ids.contains(&key);
            let mine = match (value.as_integer(), key) {
                (None, Loose::Integer(id)) => self.owner(query.owner, Some(id), None).is_some(),
                _ => false,
            };
            if below || mine {
                found += 1;
                let mut problem = UnsoundRow { kind: UnsoundKind::KeyNotInteger, ..query.problem(row)? };
                if !mine {
                    let what = "what it belongs to has a key that is no integer";
                    problem.message = format!("{} ({}): {what}", problem.table, problem.row);
                }
                self.odd.hidden.add(|| problem.clone());
                self.problems.add(|| problem);
            }
            Ok(Next::Row)
        })?;
        self.odd.rows += found;
        for counts in self.counts.iter_mut().filter(|counts| counts.table.name == table.schema.name) {
            counts.unsound += found;
        }
        Ok(())
    }

    /// Of the rows whose keys, or those of what they hang on, are no integers: those that cannot be found by the id of what they hang on.
    pub fn hidden(&self) -> &UnsoundRows {
        &self.odd.hidden
    }

    /// Fails if rows of the experiment have keys that are no integers: whoever looks for them by their keys does not find them.
    pub fn refuse_odd_keys(&self, domain: Domain) -> Result<()> {
        if self.odd.rows == 0 {
            return Ok(());
        }
        let message =
            format!("{} rows of experiment {} have keys that are no integers", self.odd.rows, self.experiment);
        let error = Error::new(Status::Validation, domain, message).detail("experiment_id", self.experiment);
        Err(mend_keys(self.problems.name_in(error)))
    }

    /// Reads the keys and sorts the rows into those that can stand and those that cannot; `None` if that needs the database to
    /// look their parents up.
    fn scan_keys(
        &mut self,
        connection: &dyn Connection,
        keys: &KeyQuery,
        mut presence: Option<(&mut Presence, &Needs)>,
        job: &Job,
    ) -> Result<Option<Counts>> {
        let mut counts = Counts { table: keys.table, rows: 0, unsound: 0, in_order: true };
        let mut last = None;
        let Some((low, high)) = self.owner_bounds(keys.owner) else { return Ok(Some(counts)) };
        let (mut known, mut rowid_range) = (true, keys.rowid_range());
        let barring = self.barring(keys.table, &|name| keys.position(name));
        connection.query(&keys.sql, &range((low, high)), &mut |row| {
            job.pulse()?;
            let row = &Cells::of(row, keys.width())?;
            let leaf_id = keys.leaf_id(row)?;
            let Some(owner) = self.owner(keys.owner, row.value(keys.owner_at)?.as_integer(), leaf_id) else {
                return Ok(Next::Row);
            };
            if let (Some(rowid_range), Some(rowid)) = (&mut rowid_range, keys.rowid(row)?) {
                rowid_range.take_in(rowid);
            }
            if let Some(barring) = &barring
                && barring.bars(row)?
            {
                return Ok(Next::Row);
            }
            if counts.in_order {
                let rank = keys.rank(row, owner, leaf_id)?;
                counts.in_order = rank.is_some() && rank > last;
                last = rank;
            }
            let stands = match &mut presence {
                Some((presence, needs)) => presence.stands(needs, row, owner)?,
                None => Some(keys.stands(row)?),
            };
            let Some(stands) = stands else {
                known = false;
                return Ok(Next::Stop);
            };
            if let Some((entity, id)) = leaf_id
                && (stands || !self.scope.sound_only)
            {
                self.leaves(entity).insert(id)?;
            }
            if stands && (keys.leaf.is_none() || leaf_id.is_some()) {
                counts.rows += 1;
                return Ok(Next::Row);
            }
            counts.unsound += 1;
            let problem = keys.problem(row)?;
            self.problems.add(|| problem);
            Ok(Next::Row)
        })?;
        if let (true, Some(rowid_range)) = (known, rowid_range) {
            self.rowid_ranges.know(keys.table.name, rowid_range);
        }
        Ok(known.then_some(counts))
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
        self.counts.push(Counts { table: leaf.schema, rows: wanted.len(), unsound: 0, in_order: false });
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
            let sound = soundness(layout, table, "t", &|parent| self.has_unsound(parent));
            let keys = KeyQuery::new(table, sound, &self.rowid_ranges)?;
            let Some((low, high)) = self.owner_bounds(keys.owner) else { continue };
            let mut missing = 0;
            let barring = self.barring(table.schema, &|name| keys.position(name));
            connection.query(&keys.sql, &range((low, high)), &mut |row| {
                job.pulse()?;
                let leaf_id = keys.leaf_id(row)?;
                let owner_id = row.value(keys.owner_at)?.as_integer();
                if self.owner(keys.owner, owner_id, leaf_id).is_none() || !keys.stands(row)? {
                    return Ok(Next::Row);
                }
                if let Some(barring) = &barring
                    && barring.bars(row)?
                {
                    return Ok(Next::Row);
                }
                if let Some((_, id)) = leaf_id
                    && present.rank(id)?.is_none()
                {
                    missing += 1;
                    let problem = keys.problem(row)?;
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

impl Nodes {
    fn push(&mut self, id: i64, parent: u32) {
        self.ids.push(id);
        self.parents.push(parent);
    }
}

fn too_many(family: &Family, of: Entity) -> Error {
    let (root, nouns) = (family.of(Entity::ROOT).noun, family.of(of).nouns);
    let message = format!("an {root} can have at most {} {nouns}", u32::MAX);
    Error::new(Status::Limit, Domain::Database, message)
}
