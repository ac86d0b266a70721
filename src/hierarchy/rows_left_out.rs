//! Rows that a copy leaves out because a required foreign key of theirs refers to a row that is not copied; and the rows that depend on those.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::barring::{Keys, LeftOutRows, key};
use super::extra_links::{EachLinking, Linking, scan_links};
use super::scope::Scope;
use super::selection::Selection;
use crate::database::{ColumnLayout, Connection, Layout, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Place, family_of};
use crate::values::Value;

impl Linking<'_> {
    /// The row itself, if it has a key of its own and can go.
    fn node(&self) -> Option<Node> {
        match (self.shape.table.schema.place, self.owner, self.leaf) {
            (Place::Node(Entity::ROOT), ..) => None,
            (Place::Node(entity), owner, _) => Some((entity, owner.at as u64)),
            (Place::Leaf(entity), _, Some((_, rank))) => Some((entity, rank)),
            _ => None,
        }
    }

    /// The columns of the row's key, and what they have.
    pub fn key(&self) -> Result<Vec<(&'static str, Value)>> {
        match self.shape.table.schema.place {
            Place::Node(_) | Place::Leaf(_) => {
                Ok(vec![(self.shape.table.schema.id_column().map_or("", |id| id.name), self.row.value(0)?.to_owned())])
            }
            _ => self.shape.key(self.row),
        }
    }

    /// Where the key is of a row that has none of its own.
    fn own_key(&self) -> Option<Vec<usize>> {
        let schema = self.shape.table.schema;
        if !matches!(schema.place, Place::Below(_) | Place::Link { .. }) {
            return None;
        }
        Keys::new(family_of(schema), schema, &|name| self.shape.position(name))?
            .of
            .into_iter()
            .next()
            .map(|(_, positions)| positions)
    }
}

/// What is said of a link that must not be NULL in the target.
pub const LEFT_OUT: &str =
    "no row: the target refuses NULL there, so the row is left out with everything that belongs to it";

/// What is said of the rows that are left out, by table.
pub fn left_out_message(left_out: &[(&'static str, u64)]) -> Option<String> {
    let tables: Vec<String> = left_out.iter().map(|(table, rows)| format!("{rows} of {table}")).collect();
    (!tables.is_empty()).then(|| {
        let rows = left_out.iter().map(|(_, rows)| rows).sum::<u64>();
        format!(
            "{rows} rows were left out ({}), because their links, or links of rows that they belong to, lead to rows that are not copied, \
             and the target refuses NULL there",
            tables.join(", ")
        )
    })
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stays,
    /// It is left out for a link of its own.
    Goes,
    /// What it hangs on is left out.
    GoesWithAnother,
}

/// Which links must lead somewhere.
pub type Required<'r> = &'r dyn Fn(&TableLayout, &ColumnLayout) -> bool;

/// Hands over further rows of a selection that cannot stay in it.
pub type FurtherRows<'f> = &'f mut dyn FnMut(&mut Selection, EachLinking<'_>) -> Result<()>;

/// A row with a key of its own, by its place in a selection.
type Node = (Entity, u64);

impl LeftOutRows {
    /// The rows of the selection that cannot stay: a link of theirs that is `required` leads to no row that does, or they are among the
    /// `further` ones. The experiment itself stays. `None` if all do.
    pub fn find(
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        required: Required<'_>,
        mut further: Option<FurtherRows<'_>>,
        job: &Job,
    ) -> Result<Option<Arc<LeftOutRows>>> {
        let mut named = HashSet::new();
        for table in &layout.tables {
            let links = table.columns.iter().filter(|column| column.refers.is_some() && required(table, column));
            named.extend(links.filter_map(|column| column.refers));
        }
        if named.is_empty() && further.is_none() {
            return Ok(None);
        }
        let mut without = LeftOutRows { ids: ByEntity::new(layout.family), rows: HashMap::new() };
        let mut kept: Option<Selection> = None;
        loop {
            let rows = kept.as_mut().unwrap_or(&mut *selection);
            if !without.add((connection, layout), rows, (required, &named), &mut further, job)? {
                break;
            }
            let scope = Scope { sound_only: true, without: Some(Arc::new(without.clone())), ..selection.scope.clone() };
            kept = Some(Selection::read(connection, layout, selection.experiment, scope, job)?);
        }
        Ok(kept.and_then(|kept| kept.scope.without))
    }

    /// Adds the rows that cannot stay in this selection; whether there were any.
    fn add(
        &mut self,
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        (required, named): (Required<'_>, &HashSet<Entity>),
        further: &mut Option<FurtherRows<'_>>,
        job: &Job,
    ) -> Result<bool> {
        let mut any = false;
        let mut going: Vec<Node> = Vec::new();
        scan_links(connection, layout, selection, job, &mut |selection, linking| {
            for (column, entity, value) in linking.links()? {
                if required(linking.shape.table, column) && selection.target(entity, value)?.is_none() {
                    match linking.node() {
                        Some(node) => going.push(node),
                        None => any |= self.add_row(linking)?,
                    }
                }
            }
            Ok(())
        })?;
        if let Some(further) = further {
            further(selection, &mut |_, linking| {
                match linking.node() {
                    Some(node) => going.push(node),
                    None => any |= self.add_row(linking)?,
                }
                Ok(())
            })?;
        }
        if going.is_empty() {
            return Ok(any);
        }
        // Who needs one of those that go goes, too. Chains of them are followed here: each look at the links would find the next only.
        let mut needs: Vec<(Node, Node)> = Vec::new();
        scan_links(connection, layout, selection, job, &mut |selection, linking| {
            let Some(node) = linking.node().filter(|(entity, _)| named.contains(entity)) else { return Ok(()) };
            for (column, entity, value) in linking.links()? {
                if required(linking.shape.table, column)
                    && let Some(target) = selection.target(entity, value)?
                    && target.0 != Entity::ROOT
                {
                    needs.push((target, node));
                }
            }
            Ok(())
        })?;
        for (entity, above) in
            layout.family.below_root().filter(|(entity, above)| *above != Entity::ROOT && named.contains(entity))
        {
            let parents = selection.parents(entity).iter().enumerate();
            needs.extend(parents.map(|(at, parent)| ((above, u64::from(*parent)), (entity, at as u64))));
        }
        needs.sort_unstable();
        let mut seen: HashSet<Node> = going.iter().copied().collect();
        while let Some(node) = going.pop() {
            job.pulse()?;
            let first = needs.partition_point(|(needed, _)| *needed < node);
            for (_, next) in needs.iter().skip(first).take_while(|(needed, _)| *needed == node) {
                if seen.insert(*next) {
                    going.push(*next);
                }
            }
        }
        self.add_nodes(&seen, selection)?;
        Ok(true)
    }

    fn add_nodes(&mut self, nodes: &HashSet<Node>, selection: &mut Selection) -> Result<()> {
        let has = |entity: Entity, at: u64| nodes.contains(&(entity, at));
        for (entity, above) in selection.family.below_root() {
            let rows = selection.ids(entity).iter().zip(selection.parents(entity)).enumerate();
            // Of what hangs on a row that goes, nothing has a part of its own in it.
            let alone = rows.filter(|(at, (_, parent))| has(entity, *at as u64) && !has(above, u64::from(**parent)));
            self.ids.get_mut(entity).extend(alone.map(|(_, (id, _))| id));
        }
        for entity in selection.family.leaves() {
            let (ids, mut rank) = (self.ids.get_mut(entity), 0);
            if !nodes.iter().any(|(kind, _)| *kind == entity) {
                continue;
            }
            selection.leaves(entity).for_each(&mut |id| {
                if has(entity, rank) {
                    ids.insert(id);
                }
                rank += 1;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Adds a row that nothing but its key tells from others; `false` for the experiment's own.
    fn add_row(&mut self, linking: &Linking<'_>) -> Result<bool> {
        let Some(positions) = linking.own_key() else { return Ok(false) };
        let rows = self.rows.entry(linking.shape.table.schema.name).or_default();
        rows.insert(key(&positions, linking.row)?);
        Ok(true)
    }

    /// What becomes of a row of the selection from which these rows are left out; `kept` is what stays.
    pub fn fate(&self, linking: &Linking<'_>, (selection, kept): (&Selection, &mut Selection)) -> Result<Fate> {
        let place = linking.shape.table.schema.place;
        let (goes, owner_stays) = match (place, linking.owner) {
            (Place::Node(Entity::ROOT), _) => (false, true),
            (Place::Node(entity), owner) => {
                let id = selection.ids(entity).get(owner.at);
                let deeper = selection.family.parent(entity) != Some(Entity::ROOT);
                let stays = !deeper || id.is_some_and(|id| kept.ids(entity).position(id).is_some());
                (id.is_some_and(|id| self.ids.get(entity).contains(&id)), stays)
            }
            (Place::Leaf(entity), _) => {
                let Some(id) = linking.row.value(0)?.as_integer() else { return Ok(Fate::GoesWithAnother) };
                let goes = self.ids.get(entity).contains(&id);
                (goes, kept.leaves(entity).rank(id)?.is_some())
            }
            (_, owner) => {
                let id = selection.ids(owner.entity).get(owner.at);
                let stays = id.is_some_and(|id| kept.ids(owner.entity).position(id).is_some());
                let rows = self.rows.get(linking.shape.table.schema.name);
                let goes = match (rows, linking.own_key()) {
                    (Some(rows), Some(positions)) => rows.contains(&key(&positions, linking.row)?),
                    _ => false,
                };
                let at = |name: &str| linking.shape.position(name);
                let barred = match kept.barring(linking.shape.table.schema, &at).filter(|_| !goes) {
                    Some(barring) => barring.bars(linking.row)?,
                    None => false,
                };
                (goes, stays && !barred)
            }
        };
        Ok(match (goes, owner_stays) {
            (true, _) => Fate::Goes,
            (false, true) => Fate::Stays,
            (false, false) => Fate::GoesWithAnother,
        })
    }
}
