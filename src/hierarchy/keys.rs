//! Reads the keys of one table, and the condition under which its rows are sound.

use smallvec::SmallVec;

use super::non_integer_keys::is_disguised;
use super::order::row_order;
use super::rowid_ranges::{RowidRange, RowidRanges};
use super::unsound_rows::{UnsoundKind, UnsoundRow};
use crate::database::{Layout, Row, TableLayout};
use crate::error::{Domain, Error, Result};
use crate::schema::{Column, Entity, Place, Role, Table, family_of, quote};
use crate::values::ValueRef;

/// A query for the key columns of a table, with a last column that is 1 for rows that can stand if there is a condition for that.
pub struct KeyQuery {
    pub table: &'static Table,
    pub sql: String,
    /// The same for all rows, whatever they hang on.
    pub whole: String,
    pub owner: Entity,
    pub owner_at: usize,
    pub leaf: Option<(usize, Entity)>,
    sound_at: Option<usize>,
    /// Where the rowid is, of tables that are read in its order.
    rowid_at: Option<usize>,
    pub keys: Vec<&'static Column>,
    /// Where the indices that lead from the run to the row are, outermost first; `None` where the rows are not read in the order in
    /// which they were written.
    path: Option<SmallVec<[usize; 2]>>,
}

/// What orders the rows of a table: the owner's position, the indices, what is linked.
pub type Rank = (usize, SmallVec<[i64; 2]>, i64);

impl KeyQuery {
    /// Of rows in these ranges.
    pub fn new(found: &TableLayout, sound: Option<String>, rowid_ranges: &RowidRanges) -> Result<KeyQuery> {
        let schema = found.schema;
        let leaf_entity = match schema.place {
            Place::Link { leaf, .. } => Some(leaf),
            _ => None,
        };
        let keys: Vec<&'static Column> = schema.columns.iter().filter(|column| column.role != Role::Content).collect();
        let at = |entity: Entity| keys.iter().position(|column| column.role == Role::Parent(entity));
        let Some((owner, owner_at)) = schema.owner().and_then(|owner| Some((owner, at(owner)?))) else {
            return Err(Error::internal(Domain::Database, format!("{} has no owner", schema.name)));
        };
        let mut select: Vec<String> = keys.iter().map(|column| format!("t.{}", found.quoted(column.name))).collect();
        let sound_at = sound.as_ref().map(|_| select.len());
        select.extend(sound);
        let Some(owner_name) = keys.get(owner_at).map(|column| found.quoted(column.name)) else {
            return Err(Error::internal(Domain::Database, format!("{} has no owner", schema.name)));
        };
        let order = row_order(found);
        let rowid = found.rowid.filter(|_| !order.is_empty());
        let rowid_at = rowid.map(|_| select.len());
        select.extend(rowid.map(|rowid| format!("t.{rowid}")));
        let path = || {
            family_of(schema).index_path(schema).iter().map(|index| keys.iter().position(|key| key == index)).collect()
        };
        let path = if order.is_empty() { None } else { path() };
        let select = select.join(", ");
        let conditions = rowid_ranges.condition(found);
        Ok(KeyQuery {
            table: schema,
            whole: format!("SELECT {select} FROM {} AS t", quote(&found.name)),
            sql: format!("{}{conditions}{order}", found.select_between(&select, &owner_name)),
            owner,
            owner_at,
            leaf: leaf_entity.and_then(|entity| at(entity).map(|position| (position, entity))),
            sound_at,
            rowid_at,
            keys,
            path,
        })
    }

    /// Where a column is among the cells.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|column| column.name == name)
    }

    /// How many cells a row has.
    pub fn width(&self) -> usize {
        self.keys.len() + usize::from(self.sound_at.is_some()) + usize::from(self.rowid_at.is_some())
    }

    /// The range of no row, of tables that are read in the order of their rowids.
    pub fn rowid_range(&self) -> Option<RowidRange> {
        self.rowid_at.map(|_| RowidRange::EMPTY)
    }

    /// The rowid, of such tables.
    pub fn rowid(&self, row: &dyn Row) -> Result<Option<i64>> {
        match self.rowid_at {
            Some(at) => Ok(row.value(at)?.as_integer()),
            None => Ok(None),
        }
    }

    /// The id of what a link links.
    pub fn leaf_id(&self, row: &dyn Row) -> Result<Option<(Entity, i64)>> {
        match self.leaf {
            Some((at, entity)) => Ok(row.value(at)?.as_integer().map(|id| (entity, id))),
            None => Ok(None),
        }
    }

    /// What orders the row; `None` if it is not known.
    pub fn rank(&self, row: &dyn Row, owner: usize, leaf: Option<(Entity, i64)>) -> Result<Option<Rank>> {
        let Some(path) = &self.path else { return Ok(None) };
        let mut indices = SmallVec::new();
        for at in path {
            match row.value(*at)? {
                ValueRef::Integer(index) => indices.push(index),
                _ => return Ok(None),
            }
        }
        Ok(Some((owner, indices, leaf.map_or(0, |(_, id)| id))))
    }

    /// Whether the condition holds.
    pub fn stands(&self, row: &dyn Row) -> Result<bool> {
        match self.sound_at {
            Some(at) => Ok(row.value(at)?.as_integer() == Some(1)),
            None => Ok(true),
        }
    }

    /// Describes a row that cannot stand.
    pub fn problem(&self, row: &dyn Row) -> Result<UnsoundRow> {
        let table = self.table;
        let mut parts = Vec::new();
        let (mut null, mut odd) = (None, None);
        for (at, column) in self.keys.iter().enumerate() {
            let value = row.value(at)?;
            if value == ValueRef::Null {
                null = null.or(Some(column.name));
            } else if matches!(column.role, Role::Parent(_)) && is_disguised(value) {
                odd = odd.or(Some(column.name));
            }
            parts.push(format!("{}={}", column.name, value.describe()));
        }
        let row = parts.join(", ");
        let (kind, message) = match (null, odd) {
            (Some(column), _) => (UnsoundKind::NullKey, format!("{} ({row}): {column} is NULL", table.name)),
            (None, Some(column)) => {
                (UnsoundKind::KeyNotInteger, format!("{} ({row}): {column} is no integer", table.name))
            }
            (None, None) => {
                let parents: Vec<&str> = table.references.iter().map(|reference| reference.table).collect();
                let message =
                    format!("{} ({row}): the {} row it belongs to does not exist", table.name, parents.join(" or "));
                (UnsoundKind::DanglingReference, message)
            }
        };
        Ok(UnsoundRow { kind, table: table.name, row, message })
    }
}

/// A condition that holds for the rows of a table that can stand: no part of the key is NULL, and the row below the run that
/// they refer to exists (and can stand itself, where `doubted` says that some cannot). References to trials, runs, metrics and
/// artifacts are not looked at. `None` if nothing needs to be checked.
pub fn soundness(
    layout: &Layout,
    found: &TableLayout,
    alias: &str,
    doubted: &dyn Fn(&Table) -> bool,
) -> Option<String> {
    let mut conditions = Vec::new();
    for reference in found.schema.references {
        if layout.family.outer(reference).is_none() {
            continue;
        }
        let Some(parent) = layout.table(reference.table) else {
            conditions.push("0".to_owned());
            continue;
        };
        let inner = format!("{alias}p");
        let mut joined: Vec<String> = reference
            .columns
            .iter()
            .zip(reference.parent_columns)
            .map(|(child, key)| format!("{inner}.{} = {alias}.{}", parent.quoted(key), found.quoted(child)))
            .collect();
        if doubted(parent.schema) {
            joined.extend(soundness(layout, parent, &inner, doubted));
        }
        conditions.push(parent.exists(&inner, &joined));
    }
    let needed = layout.family.needed_indices(found.schema);
    conditions.extend(needed.map(|column| format!("{alias}.{} IS NOT NULL", found.quoted(column.name))));
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}
