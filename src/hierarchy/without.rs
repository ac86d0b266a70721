//! Rows that are left out because a link of theirs, which must not be NULL, leads to no row that stays, and what hangs on them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::links::{Linking, Target, scan_links};
use super::row_query::RowQuery;
use super::selection::{Scope, Selection};
use super::strangers::append;
use super::walk::{Owner, Shape};
use crate::database::{ColumnLayout, Connection, Layout, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, Place, Role, Table, table};
use crate::values::{Value, ValueRef};

/// The key of a row below a run, or of a junction table, as bytes.
type Key = Vec<u8>;

/// Which rows are left out, each for a link of its own; with each goes what hangs on it. Some hundred bytes for each.
#[derive(Clone, Debug, Default)]
pub struct Without {
    trials: HashSet<i64>,
    runs: HashSet<i64>,
    metrics: HashSet<i64>,
    artifacts: HashSet<i64>,
    rows: HashMap<&'static str, HashSet<Key>>,
}

/// Where the cells of a query have the keys of a row, of those below the run that it hangs on, and of what it links.
struct Keys {
    of: Vec<(&'static str, Vec<usize>)>,
    leaf: Option<(usize, Entity)>,
}

impl Keys {
    fn new(schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<Keys> {
        let mut keys = Keys { of: Vec::new(), leaf: None };
        keys.add(schema, at)?;
        if let Place::Link { leaf, .. } = schema.place {
            keys.leaf = Some((at(schema.parent_column(leaf)?.name)?, leaf));
        }
        Some(keys)
    }

    fn add(&mut self, schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<()> {
        let own: Option<Vec<usize>> = schema.primary_key.iter().map(|name| at(name)).collect();
        self.of.push((schema.name, own?));
        for reference in schema.references {
            let Some(parent) = table(reference.table).filter(|parent| parent.place == Place::BelowRun) else {
                continue;
            };
            self.add(parent, &|name| {
                let position = reference.parent_columns.iter().position(|column| *column == name)?;
                at(reference.columns.get(position)?)
            })?;
        }
        Some(())
    }
}

fn key(positions: &[usize], row: &dyn Row) -> Result<Key> {
    let mut key = Key::new();
    for at in positions {
        let value = row.value(*at)?;
        append(value.as_integer().map_or(value, ValueRef::Integer), &mut key);
    }
    Ok(key)
}

/// Says of the rows of a query which are left out.
pub struct Barring {
    without: Arc<Without>,
    keys: Keys,
}

impl Barring {
    /// Whether the row is left out, or what it hangs on or links.
    pub fn bars(&self, row: &dyn Row) -> Result<bool> {
        if let Some((at, entity)) = self.keys.leaf
            && let Some(id) = row.value(at)?.as_integer()
            && self.without.ids(entity).is_some_and(|ids| ids.contains(&id))
        {
            return Ok(true);
        }
        for (name, positions) in &self.keys.of {
            if let Some(rows) = self.without.rows.get(name)
                && rows.contains(&key(positions, row)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Selection {
    /// What says which rows of a query are left out; `at` is where it has a column. `None` if none is.
    pub fn barring(&self, schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<Barring> {
        let without = self.scope.without.as_ref()?;
        Some(Barring { without: Arc::clone(without), keys: Keys::new(schema, at)? })
    }

    /// Whether the trial, run, metric or artifact is left out for a link of its own.
    pub(super) fn leaves_out(&self, entity: Entity, id: i64) -> bool {
        let ids = self.scope.without.as_ref().and_then(|without| without.ids(entity));
        ids.is_some_and(|ids| ids.contains(&id))
    }
}

impl RowQuery<'_> {
    /// As [`Selection::barring`].
    pub fn barring(&self, selection: &Selection) -> Option<Barring> {
        self.shape.barring(selection)
    }
}

impl Shape<'_> {
    /// As [`Selection::barring`], of rows of a table below the runs, or of a junction table.
    fn barring(&self, selection: &Selection) -> Option<Barring> {
        selection.barring(self.table.schema, &|name| self.position(name))
    }

    /// The columns of the key of a row that [`RowQuery`] selects of a table below the runs, or of a junction table, and what they have.
    pub fn key(&self, row: &dyn Row) -> Result<Vec<(&'static str, Value)>> {
        let key = self.table.schema.primary_key.iter().filter_map(|name| Some((*name, self.position(name)?)));
        key.map(|(name, at)| Ok((name, row.value(at)?.to_owned()))).collect()
    }

    /// Where a column is among the cells that [`RowQuery`] selects.
    fn position(&self, name: &str) -> Option<usize> {
        let schema = self.table.schema;
        match (schema.column(name)?.role, schema.place) {
            (Role::Parent(entity), Place::Link { leaf, .. }) if entity == leaf => Some(1),
            (Role::Parent(_), _) => Some(0),
            _ => {
                let is_it = |column: &&ColumnLayout| column.schema.is_some_and(|known| known.name == name);
                Some(self.first + self.columns.iter().position(is_it)?)
            }
        }
    }
}

impl Linking<'_> {
    /// The trial, run, metric or artifact that the row is.
    fn node(&self) -> Option<Node> {
        match (self.shape.table.schema.place, self.owner, self.leaf) {
            (Place::Node(Entity::Trial), Owner::Trial(at), _) => Some((number(Entity::Trial), at as u64)),
            (Place::Node(Entity::Run), Owner::Run(at), _) => Some((number(Entity::Run), at as u64)),
            (Place::Leaf(entity), _, Some((_, rank))) => Some((number(entity), rank)),
            _ => None,
        }
    }

    /// The columns of the row's key, and what they have.
    pub fn key(&self) -> Result<Vec<(&'static str, Value)>> {
        match self.shape.table.schema.place {
            Place::Node(_) | Place::Leaf(_) => Ok(vec![("id", self.row.value(0)?.to_owned())]),
            _ => self.shape.key(self.row),
        }
    }

    /// Where the key is of a row that has none of its own.
    fn own_key(&self) -> Option<Vec<usize>> {
        let schema = self.shape.table.schema;
        if !matches!(schema.place, Place::BelowRun | Place::Link { .. }) {
            return None;
        }
        Keys::new(schema, &|name| self.shape.position(name))?.of.into_iter().next().map(|(_, positions)| positions)
    }
}

fn number(entity: Entity) -> u8 {
    entity as u8
}

/// What a link leads to, if that can go.
fn target(target: Target) -> Option<Node> {
    match target {
        Target::Experiment => None,
        Target::Trial(at) => Some((number(Entity::Trial), at as u64)),
        Target::Run(at) => Some((number(Entity::Run), at as u64)),
        Target::Leaf(entity, rank) => Some((number(entity), rank)),
    }
}

/// What is said of a link that must not be NULL in the target.
pub const LEFT_OUT: &str = "no row: the target refuses NULL there, so the row is left out with all that hangs on it";

/// What is said of the rows that are left out, by table.
pub fn left_out_message(left_out: &[(&'static str, u64)]) -> Option<String> {
    let tables: Vec<String> = left_out.iter().map(|(table, rows)| format!("{rows} of {table}")).collect();
    (!tables.is_empty()).then(|| {
        let rows = left_out.iter().map(|(_, rows)| rows).sum::<u64>();
        format!(
            "{rows} rows were left out ({}), because links of theirs, or of what they hang on, lead to rows that are not copied, \
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

/// A trial, run, metric or artifact by its place in a selection.
type Node = (u8, u64);

impl Without {
    fn ids(&self, entity: Entity) -> Option<&HashSet<i64>> {
        match entity {
            Entity::Experiment => None,
            Entity::Trial => Some(&self.trials),
            Entity::Run => Some(&self.runs),
            Entity::Metric => Some(&self.metrics),
            Entity::Artifact => Some(&self.artifacts),
        }
    }

    /// The rows of the selection that cannot stay: a link of theirs that is `required` leads to no row that does. The experiment itself
    /// stays. `None` if all do.
    pub fn find(
        (connection, layout): (&dyn Connection, &Layout),
        selection: &mut Selection,
        required: Required<'_>,
        job: &Job,
    ) -> Result<Option<Arc<Without>>> {
        let mut named = HashSet::new();
        for table in &layout.tables {
            let links = table.columns.iter().filter(|column| column.refers.is_some() && required(table, column));
            named.extend(links.filter_map(|column| column.refers).map(number));
        }
        if named.is_empty() {
            return Ok(None);
        }
        let mut without = Without::default();
        let mut kept: Option<Selection> = None;
        loop {
            let rows = kept.as_mut().unwrap_or(&mut *selection);
            if !without.add((connection, layout), rows, (required, &named), job)? {
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
        (required, named): (Required<'_>, &HashSet<u8>),
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
        if going.is_empty() {
            return Ok(any);
        }
        // Who needs one of those that go goes, too. Chains of them are followed here: each look at the links would find the next only.
        let mut needs: Vec<(Node, Node)> = Vec::new();
        scan_links(connection, layout, selection, job, &mut |selection, linking| {
            let Some(node) = linking.node().filter(|(entity, _)| named.contains(entity)) else { return Ok(()) };
            for (column, entity, value) in linking.links()? {
                if required(linking.shape.table, column)
                    && let Some(target) = selection.target(entity, value)?.and_then(target)
                {
                    needs.push((target, node));
                }
            }
            Ok(())
        })?;
        if named.contains(&number(Entity::Run)) {
            let trials = selection.run_trial.iter().enumerate();
            needs.extend(
                trials.map(|(run, trial)| {
                    ((number(Entity::Trial), u64::from(*trial)), (number(Entity::Run), run as u64))
                }),
            );
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
        let has = |entity: Entity, at: u64| nodes.contains(&(number(entity), at));
        let trials = selection.trials.iter().enumerate().filter(|(at, _)| has(Entity::Trial, *at as u64));
        self.trials.extend(trials.map(|(_, id)| id));
        let runs = selection.runs.iter().zip(&selection.run_trial).enumerate();
        // A run of a trial that goes has no part of its own in it.
        let alone =
            runs.filter(|(at, (_, trial))| has(Entity::Run, *at as u64) && !has(Entity::Trial, u64::from(**trial)));
        self.runs.extend(alone.map(|(_, (id, _))| id));
        for (entity, ids) in [(Entity::Metric, &mut self.metrics), (Entity::Artifact, &mut self.artifacts)] {
            let mut rank = 0;
            if !nodes.iter().any(|(kind, _)| *kind == number(entity)) {
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
            (Place::Node(Entity::Experiment), _) => (false, true),
            (Place::Node(_), Owner::Trial(at)) => {
                (selection.trials.get(at).is_some_and(|id| self.trials.contains(&id)), true)
            }
            (Place::Node(_), Owner::Run(at)) => {
                let id = selection.runs.get(at);
                let stays = id.is_some_and(|id| kept.runs.position(id).is_some());
                let goes = id.is_some_and(|id| self.runs.contains(&id));
                (goes, stays)
            }
            (Place::Leaf(entity), _) => {
                let Some(id) = linking.row.value(0)?.as_integer() else { return Ok(Fate::GoesWithAnother) };
                let goes = self.ids(entity).is_some_and(|ids| ids.contains(&id));
                (goes, kept.leaves(entity).rank(id)?.is_some())
            }
            (_, owner) => {
                let stays = match owner {
                    Owner::Experiment => true,
                    Owner::Trial(at) => selection.trials.get(at).is_some_and(|id| kept.trials.position(id).is_some()),
                    Owner::Run(at) => selection.runs.get(at).is_some_and(|id| kept.runs.position(id).is_some()),
                };
                let rows = self.rows.get(linking.shape.table.schema.name);
                let goes = match (rows, linking.own_key()) {
                    (Some(rows), Some(positions)) => rows.contains(&key(&positions, linking.row)?),
                    _ => false,
                };
                let barred = match linking.shape.barring(kept).filter(|_| !goes) {
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
