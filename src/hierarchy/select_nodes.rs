//! Finds the rows of the hierarchy that belong to an experiment, from the top down.

use super::non_integer_keys::{self, Loose, may_be_loose};
use super::selection::Selection;
use crate::database::{Connection, Layout, Next, TableLayout, between};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::schema::{Entity, Family, quote};
use crate::values::{Value, ValueRef};

impl Selection {
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
    pub(super) fn read_deeper(
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
        let sql = format!("{} ORDER BY {id}", table.select_between(&format!("{id}, {parent}"), &parent));
        connection.query(&sql, &between(bounds), &mut |row| {
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
}

fn too_many(family: &Family, of: Entity) -> Error {
    let (root, nouns) = (family.of(Entity::ROOT).noun, family.of(of).nouns);
    let message = format!("an {root} can have at most {} {nouns}", u32::MAX);
    Error::new(Status::Limit, Domain::Database, message)
}
