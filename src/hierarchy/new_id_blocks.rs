//! The rows of a copy that was just written. They are known by the blocks of new ids that the copy was given, so their keys need not be read.

use super::ids::IdSet;
use super::scope::{Members, Scope};
use super::selection::Selection;
use crate::database::{Connection, Layout, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Place, Role, Table, quote};
use crate::values::Value;

/// A first id, and how many follow without a gap, the first included.
pub type Block = (i64, u64);

/// The ids that only a copy's rows have.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Of what links reach.
    pub leaves: ByEntity<Vec<Block>>,
    /// What is the copy's, of an experiment that has others too: rows that hang on it, and rows that it links.
    pub appended: Option<Vec<(Entity, Block)>>,
}

impl Selection {
    /// The rows of a copy. Reads those of the hierarchy; whether all the others are there, [`Selection::miscounted`] says.
    pub fn of_copy(
        connection: &dyn Connection,
        layout: &Layout,
        experiment: i64,
        blocks: &Blocks,
        job: &Job,
    ) -> Result<Selection> {
        let range = |(first, count): Block| first..=first.wrapping_add_unsigned(count).wrapping_sub(1);
        let appended = blocks.appended.iter().flatten();
        let only = appended.map(|(entity, block)| (*entity, Members::Range(range(*block)))).collect();
        let mut selection = Selection::nothing(layout.family, experiment, Scope { only, ..Scope::default() });
        for entity in layout.family.leaves() {
            *selection.leaves(entity) = IdSet::blocks(blocks.leaves.get(entity))?;
        }
        selection.read_nodes(connection, layout, job)?;
        Ok(selection)
    }

    /// The tables that have another number of rows of the copy than were written, as (table, written, found), or rows that cannot
    /// stand. Looks at the tables that are `wanted`.
    pub fn miscounted(
        &self,
        connection: &dyn Connection,
        layout: &Layout,
        written: &[(&'static str, u64)],
        wanted: impl Fn(&Table) -> bool,
    ) -> Result<Vec<(&'static str, u64, u64)>> {
        let mut wrong = Vec::new();
        for (name, rows) in written {
            let Some(table) = layout.table(name).filter(|table| wanted(table.schema)) else { continue };
            let (found, unsound) = match self.counts.iter().find(|counts| counts.table.name == *name) {
                Some(read) => (read.rows + read.unsound, read.unsound),
                None => (self.count_copied(connection, table)?, 0),
            };
            if found != *rows || unsound > 0 {
                wrong.push((*name, *rows, found));
            }
        }
        Ok(wrong)
    }

    /// How many rows of a table carry the ids of the copy.
    fn count_copied(&self, connection: &dyn Connection, table: &TableLayout) -> Result<u64> {
        let own = self.experiment;
        let mut conditions = Vec::new();
        let mut between = |role: Role, bounds: Option<(i64, i64)>| -> Result<()> {
            let Some(column) = table.schema.columns.iter().find(|column| column.role == role) else {
                return Err(Error::internal(Domain::Database, format!("{} has no {role:?}", table.schema.name)));
            };
            conditions.push((table.quoted(column.name), bounds));
            Ok(())
        };
        match table.schema.place {
            Place::Aside | Place::Derived(_) => return Ok(0),
            Place::Node(Entity::ROOT) => between(Role::Id, Some((own, own)))?,
            Place::Node(entity) => return Ok(self.ids(entity).len() as u64),
            Place::Leaf(entity) => between(Role::Id, self.leaf(entity).bounds())?,
            Place::Below(owner) => between(Role::Parent(owner), self.owner_bounds(owner))?,
            Place::Link { owner, leaf } => {
                between(Role::Parent(owner), self.owner_bounds(owner))?;
                if let (Entity::ROOT, Some(Members::Range(range))) = (owner, self.scope.only(leaf)) {
                    between(Role::Parent(leaf), Some((*range.start(), *range.end())))?;
                }
            }
        }
        let mut texts = Vec::new();
        let mut params = Vec::new();
        for (column, bounds) in conditions {
            let Some((low, high)) = bounds else { return Ok(0) };
            texts.push(format!("{column} BETWEEN ?{} AND ?{}", params.len() + 1, params.len() + 2));
            params.extend([Value::Integer(low), Value::Integer(high)]);
        }
        let rowid_range = self.rowid_ranges.condition(table);
        let sql =
            format!("SELECT count(*) FROM {} AS t WHERE {}{rowid_range}", quote(&table.name), texts.join(" AND "));
        let count = connection.query_integer(&sql, &params)?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }
}
