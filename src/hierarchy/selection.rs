//! Which rows belong to an experiment: one pass over each table, reading keys only.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::ids::{IdSet, Ids};
use super::keys::{KeyQuery, soundness};
use super::leaves::scan_leaves;
use super::odd::{self, Loose, Odd, may_be_loose, mend_keys};
use super::presence::{Needs, Presence};
use super::problem::{Problem, ProblemKind, Problems};
use super::stretches::{Stretch, Stretches};
use super::walk::row_order;
use super::without::Without;
use crate::database::{Cells, Connection, Layout, Next, Row, TableLayout, Whereabouts};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Entity, LinkOwner, Place, Table, quote};
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
    /// Only these trials.
    pub trials: Option<Members>,
    /// Of the experiment's own links, only those to these artifacts.
    pub artifacts: Option<Members>,
    /// Leave out metrics and artifacts that only links reach which cannot stand themselves.
    pub sound_only: bool,
    /// Leave these rows out, and what hangs on them.
    pub without: Option<Arc<Without>>,
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
    pub(super) odd: Odd,
    /// Where its rows are, as long as the database is as it was when they were found.
    pub stretches: Stretches,
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
        let mut selection = Selection::nothing(experiment, scope);
        selection.read_nodes(connection, layout, job)?;
        selection.read_rest(connection, layout, job)?;
        Ok(selection)
    }

    /// Finds what is below the trials of several experiments, and the place of each trial's own among these, whose ids ascend. Of what
    /// hangs on experiments themselves only that of the first.
    pub fn read_several(
        connection: &dyn Connection,
        layout: &Layout,
        experiments: &[i64],
        job: &Job,
    ) -> Result<(Selection, Vec<usize>)> {
        let (Some(low), Some(high)) = (experiments.first(), experiments.last()) else {
            return Err(Error::internal(Domain::Database, "no experiments"));
        };
        let mut selection = Selection::nothing(*low, Scope::default());
        let mut owners = Vec::new();
        let table = layout.entity(Entity::Trial)?;
        let (id, parent) = (table.quoted("id"), table.quoted("experiment_id"));
        let sql =
            format!("SELECT {id}, {parent} FROM {} WHERE {parent} BETWEEN ?1 AND ?2 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(*low), Value::Integer(*high)], &mut |row| {
            job.pulse()?;
            let owner = row.value(1)?.as_integer().and_then(|owner| experiments.binary_search(&owner).ok());
            if let (Some(id), Some(owner)) = (row.value(0)?.as_integer(), owner) {
                selection.trials.push(id);
                owners.push(owner);
            }
            Ok(Next::Row)
        })?;
        selection.read_runs(connection, layout, job)?;
        selection.read_rest(connection, layout, job)?;
        Ok((selection, owners))
    }

    /// Nothing yet.
    pub(super) fn nothing(experiment: i64, scope: Scope) -> Selection {
        Selection {
            experiment,
            scope,
            trials: Ids::default(),
            runs: Ids::default(),
            run_trial: Vec::new(),
            metrics: IdSet::default(),
            artifacts: IdSet::default(),
            counts: Vec::new(),
            problems: Problems::default(),
            odd: Odd::default(),
            stretches: Stretches::default(),
        }
    }

    /// Finds the rows that hang on the trials and runs, and on the experiment.
    fn read_rest(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let mut presence = Presence::new(layout, self.runs.len());
        for table in &layout.tables {
            match table.schema.place {
                Place::Aside | Place::Leaf(_) => {}
                Place::Node(entity) => {
                    let (rows, unsound) = match entity {
                        Entity::Trial => (self.trials.len() as u64, self.odd.trial_count),
                        Entity::Run => (self.runs.len() as u64, self.odd.run_count),
                        _ => (1, 0),
                    };
                    self.counts.push(Counts { table: table.schema, rows, unsound, in_order: false });
                }
                Place::BelowRun | Place::Link { .. } => {
                    self.read_keys(connection, layout, table, &mut presence, job)?;
                    self.read_odd_keys(connection, table, job)?;
                }
            }
        }
        drop(presence);
        for entity in [Entity::Metric, Entity::Artifact] {
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

    /// The set of a leaf's ids.
    pub fn leaves(&mut self, entity: Entity) -> &mut IdSet {
        match entity {
            Entity::Metric => &mut self.metrics,
            _ => &mut self.artifacts,
        }
    }

    /// Finds the trials and runs.
    pub(super) fn read_nodes(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        self.read_trials(connection, layout, job)?;
        self.read_runs(connection, layout, job)
    }

    fn read_trials(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let table = layout.entity(Entity::Trial)?;
        let (id, parent, experiment) = (table.quoted("id"), table.quoted("experiment_id"), self.experiment);
        let sql = format!("SELECT {id} FROM {} WHERE {parent} = ?1 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(self.experiment)], &mut |row| {
            job.pulse()?;
            match row.value(0)?.as_integer() {
                Some(id) if self.leaves_out(Entity::Trial, id) => {}
                Some(id) if self.scope.trials.as_ref().is_none_or(|wanted| wanted.contains(id)) => self.trials.push(id),
                Some(_) => {}
                None => {
                    self.odd_node(table, Entity::Trial, (row.value(0)?, "experiment_id", ValueRef::Integer(experiment)))
                }
            }
            Ok(Next::Row)
        })?;
        if !may_be_loose(table, "experiment_id") {
            return Ok(());
        }
        odd::scan(connection, table, "experiment_id", job, &mut |id, above| {
            if above.as_integer().is_none() && Loose::of(above) == Some(Loose::Integer(experiment)) {
                self.odd_node(table, Entity::Trial, (id, "experiment_id", above));
            }
        })
    }

    /// Notes a trial or a run that has no place in a copy. Of a part of an experiment nothing is known of its rest.
    fn odd_node(&mut self, table: &TableLayout, entity: Entity, row: (ValueRef<'_>, &'static str, ValueRef<'_>)) {
        if self.scope.trials.is_some() {
            return;
        }
        let (count, ids) = match entity {
            Entity::Trial => (&mut self.odd.trial_count, &mut self.odd.trials),
            _ => (&mut self.odd.run_count, &mut self.odd.runs),
        };
        *count += 1;
        ids.extend(Loose::of(row.0));
        self.odd.rows += 1;
        self.problems.add(|| odd::problem(table, row));
        let parents = if entity == Entity::Trial { None } else { Some(&self.trials) };
        let found = row.2.as_integer().is_some_and(|id| parents.is_none_or(|parents| parents.position(id).is_some()));
        if !found {
            self.odd.hidden.add(|| odd::problem(table, row));
        }
    }

    fn read_runs(&mut self, connection: &dyn Connection, layout: &Layout, job: &Job) -> Result<()> {
        let table = layout.entity(Entity::Run)?;
        if may_be_loose(table, "trial_id") || !self.odd.trials.is_empty() {
            odd::scan(connection, table, "trial_id", job, &mut |id, above| {
                let mine = match Loose::of(above) {
                    Some(Loose::Integer(trial)) if above.as_integer().is_none() => {
                        self.trials.position(trial).is_some()
                    }
                    _ => false,
                };
                if mine || Loose::of(above).is_some_and(|above| self.odd.trials.contains(&above)) {
                    self.odd_node(table, Entity::Run, (id, "trial_id", above));
                }
            })?;
        }
        let Some((low, high)) = self.trials.bounds() else {
            return Ok(());
        };
        let (id, parent) = (table.quoted("id"), table.quoted("trial_id"));
        let sql =
            format!("SELECT {id}, {parent} FROM {} WHERE {parent} BETWEEN ?1 AND ?2 ORDER BY {id}", quote(&table.name));
        connection.query(&sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            job.pulse()?;
            let trial = row.value(1)?.as_integer().and_then(|trial| self.trials.position(trial));
            match (row.value(0)?.as_integer(), trial) {
                (Some(id), Some(_)) if self.leaves_out(Entity::Run, id) => {}
                (Some(id), Some(trial)) => {
                    self.runs.push(id);
                    self.run_trial.push(u32::try_from(trial).map_err(|_| too_many_trials())?);
                }
                (None, Some(_)) => self.odd_node(table, Entity::Run, (row.value(0)?, "trial_id", row.value(1)?)),
                (_, None) => {}
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
                    (Some(wanted), Some(leaf)) => wanted.contains(leaf),
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

    /// Finds out where the rows of a table are that would be read from end to end, where the database knows that sooner.
    fn look_for(&mut self, connection: &dyn Connection, table: &TableLayout) -> Result<()> {
        let owner = match table.schema.place {
            Place::Link { owner, .. } => owner,
            _ => LinkOwner::Run,
        };
        let Some((low, high)) = self.owner_bounds(owner).filter(|_| !row_order(table).is_empty()) else {
            return Ok(());
        };
        let Some(column) = table.schema.parent_column(owner.entity()) else { return Ok(()) };
        match connection.whereabouts(table, column.name, (low, Some(high)))? {
            Whereabouts::Unknown => {}
            Whereabouts::Nowhere => self.stretches.know(table.schema.name, Stretch::EMPTY),
            Whereabouts::Between(least, greatest) => {
                self.stretches.know(table.schema.name, Stretch::between(least, greatest));
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
        let query = KeyQuery::new(table, None, &self.stretches)?;
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
        let counts = self.scan_keys(connection, &KeyQuery::new(table, sound, &self.stretches)?, None, job)?;
        self.counts.extend(counts);
        Ok(())
    }

    /// Finds the rows of a table below the run, or of a junction table, that hang on a key that is no integer, or on what has one.
    fn read_odd_keys(&mut self, connection: &dyn Connection, table: &TableLayout, job: &Job) -> Result<()> {
        let query = KeyQuery::new(table, None, &self.stretches)?;
        let owner = query.keys.get(query.owner_at).map_or("", |column| column.name);
        let above = match query.owner {
            LinkOwner::Run => !self.odd.runs.is_empty(),
            LinkOwner::Trial => !self.odd.trials.is_empty(),
            LinkOwner::Experiment => false,
        };
        if self.scope.trials.is_some() || !(above || may_be_loose(table, owner)) {
            return Ok(());
        }
        let mut found = 0;
        connection.query(&query.whole, &[], &mut |row| {
            job.pulse()?;
            let value = row.value(query.owner_at)?;
            let Some(key) = Loose::of(value) else { return Ok(Next::Row) };
            let below = match query.owner {
                LinkOwner::Run => self.odd.runs.contains(&key),
                LinkOwner::Trial => self.odd.trials.contains(&key),
                LinkOwner::Experiment => false,
            };
            let mine = match (value.as_integer(), key) {
                (None, Loose::Integer(id)) => self.owner(query.owner, Some(id), None).is_some(),
                _ => false,
            };
            if below || mine {
                found += 1;
                let mut problem = Problem { kind: ProblemKind::KeyNotInteger, ..query.problem(row)? };
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
    pub fn hidden(&self) -> &Problems {
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
        let (mut known, mut stretch) = (true, keys.stretch());
        let barring = self.barring(keys.table, &|name| keys.position(name));
        connection.query(&keys.sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
            job.pulse()?;
            let row = &Cells::of(row, keys.width())?;
            let leaf_id = keys.leaf_id(row)?;
            let Some(owner) = self.owner(keys.owner, row.value(keys.owner_at)?.as_integer(), leaf_id) else {
                return Ok(Next::Row);
            };
            if let (Some(stretch), Some(rowid)) = (&mut stretch, keys.rowid(row)?) {
                stretch.take_in(rowid);
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
            let problem = keys.problem(row)?;
            self.problems.add(|| problem);
            Ok(Next::Row)
        })?;
        if let (true, Some(stretch)) = (known, stretch) {
            self.stretches.know(keys.table.name, stretch);
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
            let keys = KeyQuery::new(table, sound, &self.stretches)?;
            let Some((low, high)) = self.owner_bounds(keys.owner) else { continue };
            let mut missing = 0;
            let barring = self.barring(table.schema, &|name| keys.position(name));
            connection.query(&keys.sql, &[Value::Integer(low), Value::Integer(high)], &mut |row| {
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
                if let Some(id) = leaf_id
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

fn too_many_trials() -> Error {
    Error::new(crate::error::Status::Limit, Domain::Database, "an experiment can have at most 4294967295 trials")
}
