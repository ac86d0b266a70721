//! Finds the rows that hang on the selected rows of the hierarchy, and what links reach from them: one pass over each table, reading keys only.

use super::existing_parents::{Needs, Presence};
use super::ids::IdSet;
use super::keys::{KeyQuery, soundness};
use super::leaves::scan_leaves;
use super::non_integer_keys::{Loose, may_be_loose};
use super::order::row_order;
use super::rowid_ranges::RowidRange;
use super::selection::{Counts, Selection};
use super::unsound_rows::{UnsoundKind, UnsoundRow};
use crate::database::{Cells, Connection, Layout, Next, Row, TableLayout, Whereabouts, between};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, Place};

impl Selection {
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
    pub(super) fn read_keys(
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
    pub(super) fn read_odd_keys(&mut self, connection: &dyn Connection, table: &TableLayout, job: &Job) -> Result<()> {
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
        connection.query(&keys.sql, &between((low, high)), &mut |row| {
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
    pub(super) fn check_leaves(
        &mut self,
        connection: &dyn Connection,
        layout: &Layout,
        entity: Entity,
        job: &Job,
    ) -> Result<()> {
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
            connection.query(&keys.sql, &between((low, high)), &mut |row| {
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
