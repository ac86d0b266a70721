//! The rows that are left out of a copy, and how a query recognises them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::foreign_referrers::append;
use crate::database::Row;
use crate::error::Result;
use crate::schema::{ByEntity, Entity, Family, Place, Table};
use crate::values::ValueRef;

/// The key of a row below a run, or of a junction table, as bytes.
pub(super) type Key = Vec<u8>;

/// Which rows are left out, each for a link of its own; with each goes what hangs on it. Some hundred bytes for each.
#[derive(Clone, Debug, Default)]
pub struct LeftOutRows {
    /// Rows with a key of their own, by their ids.
    pub ids: ByEntity<HashSet<i64>>,
    pub rows: HashMap<&'static str, HashSet<Key>>,
}

/// Where the cells of a query have the keys of a row, of those below the run that it hangs on, and of what it links.
pub(super) struct Keys {
    pub of: Vec<(&'static str, Vec<usize>)>,
    leaf: Option<(usize, Entity)>,
}

impl Keys {
    pub fn new(family: &Family, schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<Keys> {
        let mut keys = Keys { of: Vec::new(), leaf: None };
        keys.add(family, schema, at)?;
        if let Place::Link { leaf, .. } = schema.place {
            keys.leaf = Some((at(schema.parent_column(leaf)?.name)?, leaf));
        }
        Some(keys)
    }

    fn add(&mut self, family: &Family, schema: &'static Table, at: &dyn Fn(&str) -> Option<usize>) -> Option<()> {
        let own: Option<Vec<usize>> = schema.primary_key.iter().map(|name| at(name)).collect();
        self.of.push((schema.name, own?));
        for reference in schema.references {
            let Some(parent) = family.outer(reference) else { continue };
            self.add(family, parent, &|name| {
                let position = reference.parent_columns.iter().position(|column| *column == name)?;
                at(reference.columns.get(position)?)
            })?;
        }
        Some(())
    }
}

pub(super) fn key(positions: &[usize], row: &dyn Row) -> Result<Key> {
    let mut key = Key::new();
    for at in positions {
        let value = row.value(*at)?;
        append(value.as_integer().map_or(value, ValueRef::Integer), &mut key);
    }
    Ok(key)
}

/// Says of the rows of a query which are left out.
pub struct Barring {
    without: Arc<LeftOutRows>,
    keys: Keys,
}

impl Barring {
    /// Of a query that has the columns of the table `at` these places; `None` if it has not all that are needed.
    pub fn new(
        without: &Arc<LeftOutRows>,
        (family, schema): (&Family, &'static Table),
        at: &dyn Fn(&str) -> Option<usize>,
    ) -> Option<Barring> {
        Some(Barring { without: Arc::clone(without), keys: Keys::new(family, schema, at)? })
    }

    /// Whether the row is left out, or what it hangs on or links.
    pub fn bars(&self, row: &dyn Row) -> Result<bool> {
        if let Some((at, entity)) = self.keys.leaf
            && let Some(id) = row.value(at)?.as_integer()
            && self.without.ids.get(entity).contains(&id)
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
