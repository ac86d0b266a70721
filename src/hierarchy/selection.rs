//! Which rows belong to an experiment, as ids and counts: `select_nodes` finds those of the hierarchy, `select_owned` what hangs on them.

use super::barring::Barring;
use super::cut_links::Cutting;
use super::existing_parents::Presence;
use super::ids::{IdSet, Ids};
use super::non_integer_keys::{NonIntegerKeys, mend_keys};
use super::rowid_ranges::RowidRanges;
use super::scope::Scope;
use super::shape::{Owner, Shape};
use super::unsound_rows::UnsoundRows;
use crate::database::{Connection, Layout, Next, between};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family, Place, Table};

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
pub(super) struct Nodes {
    ids: Ids,
    /// For each the position of what it hangs on; none for the root.
    parents: Vec<u32>,
}

/// The rows below one experiment.
#[derive(Debug)]
pub struct Selection {
    pub family: &'static Family,
    pub experiment: i64,
    pub scope: Scope,
    pub(super) nodes: ByEntity<Nodes>,
    /// The linked rows that links reach and that exist; frozen.
    pub(super) leaves: ByEntity<IdSet>,
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
            let sql = format!("{} ORDER BY {id}", table.select_between(&format!("{id}, {parent}"), &parent));
            let nodes = selection.nodes.get_mut(entity);
            connection.query(&sql, &between((*low, *high)), &mut |row| {
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
    pub(super) fn leaves_out(&self, entity: Entity, id: i64) -> bool {
        self.scope.without.as_ref().is_some_and(|without| without.ids.get(entity).contains(&id))
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
}

impl Nodes {
    pub(super) fn push(&mut self, id: i64, parent: u32) {
        self.ids.push(id);
        self.parents.push(parent);
    }
}
