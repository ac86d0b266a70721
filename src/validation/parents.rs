//! Whether the row that a foreign key names exists. What was read is kept in a few bits per row; only keys that are not plain
//! integers are looked up in the database.

use super::seen_rows::SeenRows;
use super::table_scan::{Cells, Pass, TableScan, cell};
use crate::error::{Domain, Error, Result};
use crate::schema::{Column, Entity, Place, Reference};
use crate::values::{Value, ValueRef};

/// What became of a foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A part of it is NULL: it refers to nothing.
    Null,
    Found,
    Missing,
    /// It names a metric or an artifact by this id; those are read later.
    Later(i64),
}

enum Parent {
    /// The table does not exist.
    Absent,
    Node(Entity),
    /// A place in [`SeenRows::below`], what its rows hang on, and where the key of that and the indices are.
    Below(usize, Entity, usize, [Option<usize>; 2]),
    Leaf,
}

/// A foreign key of a table that is being read.
pub struct ParentRef {
    pub reference: &'static Reference,
    parent: Parent,
    /// Where its columns are in the rows that are read.
    pub places: Vec<usize>,
    /// Asks the database.
    sql: String,
}

impl ParentRef {
    /// All foreign keys of a table.
    pub fn all(pass: Pass<'_>, known: &SeenRows, scan: &TableScan<'_>) -> Result<Vec<ParentRef>> {
        scan.table.schema.references.iter().map(|reference| ParentRef::new(pass, known, scan, reference)).collect()
    }

    fn new(pass: Pass<'_>, known: &SeenRows, scan: &TableScan<'_>, reference: &'static Reference) -> Result<ParentRef> {
        let unknown = || Error::internal(Domain::Validation, format!("{} is no key", reference.columns.join(", ")));
        let place = |name: &str| scan.at(|column| column.name == name).ok_or_else(unknown);
        let places = reference.columns.iter().map(|name| place(name)).collect::<Result<Vec<usize>>>()?;
        let Some(found) = pass.layout.table(reference.table) else {
            return Ok(ParentRef { reference, parent: Parent::Absent, places, sql: String::new() });
        };
        // Where the child has what a column of the parent holds.
        let child = |column: &Column| -> Result<usize> {
            let at = reference.parent_columns.iter().position(|name| *name == column.name);
            at.and_then(|at| places.get(at)).copied().ok_or_else(unknown)
        };
        let schema = found.schema;
        let parent = match schema.place {
            Place::Node(entity) => Parent::Node(entity),
            Place::Leaf(_) => Parent::Leaf,
            Place::Below(owner) => {
                let at = known.below.iter().position(|(name, _)| *name == schema.name).ok_or_else(unknown)?;
                let key = child(schema.parent_column(owner).ok_or_else(unknown)?)?;
                let mut index_places = [None, None];
                for (place, column) in index_places.iter_mut().zip(schema.indices()) {
                    *place = Some(child(column)?);
                }
                Parent::Below(at, owner, key, index_places)
            }
            Place::Aside | Place::Derived(_) | Place::Link { .. } => return Err(unknown()),
        };
        let conditions: Vec<String> = reference
            .parent_columns
            .iter()
            .enumerate()
            .map(|(at, name)| format!("p.{} = ?{}", found.quoted(name), at + 1))
            .collect();
        let sql = format!("SELECT {}", found.exists("p", &conditions));
        Ok(ParentRef { reference, parent, places, sql })
    }

    /// The columns of the key, for an issue.
    pub fn columns(&self) -> String {
        self.reference.columns.join(", ")
    }

    /// Whether the row that this key names exists.
    pub fn look_up(&self, pass: Pass<'_>, known: &SeenRows, cells: &Cells<'_>) -> Result<Lookup> {
        for at in &self.places {
            if cell(cells, *at) == ValueRef::Null {
                return Ok(Lookup::Null);
            }
        }
        let found = match &self.parent {
            Parent::Absent => Some(false),
            Parent::Leaf => match self.only(cells) {
                Some(id) => return Ok(Lookup::Later(id)),
                None => None,
            },
            Parent::Node(entity) => self.only(cells).map(|id| known.nodes.get(*entity).ids.position(id).is_some()),
            Parent::Below(at, owner, owner_at, index_places) => {
                let keys = known.below.get(*at).map(|(_, keys)| keys);
                match (keys, integers(cells, *owner_at, index_places)) {
                    (Some(keys), Some((id, key))) => {
                        let at = known.nodes.get(*owner).ids.position(id);
                        match at.is_some_and(|at| keys.contains(key, at)) {
                            true => Some(true),
                            false => keys.is_complete().then_some(false),
                        }
                    }
                    _ => None,
                }
            }
        };
        let found = match found {
            Some(found) => found,
            None => self.ask(pass, cells)?,
        };
        Ok(if found { Lookup::Found } else { Lookup::Missing })
    }

    /// The integer in a key of one column.
    fn only(&self, cells: &Cells<'_>) -> Option<i64> {
        cell(cells, *self.places.first()?).as_integer()
    }

    /// Looks the parent up. The parent column's affinity decides what is equal, as in SQLite's own check.
    fn ask(&self, pass: Pass<'_>, cells: &Cells<'_>) -> Result<bool> {
        let params: Vec<Value> = self.places.iter().map(|at| cell(cells, *at).to_owned()).collect();
        Ok(pass.connection.query_integer(&self.sql, &params)? == Some(1))
    }
}

/// The key of what a row hangs on and the indices of the row, if all are integers.
pub fn integers(cells: &Cells<'_>, owner: usize, index_places: &[Option<usize>; 2]) -> Option<(i64, (i64, i64))> {
    let mut key = [0, 0];
    for (integer, at) in key.iter_mut().zip(index_places) {
        let Some(at) = at else { continue };
        *integer = cell(cells, *at).as_integer()?;
    }
    let [index, outer] = key;
    cell(cells, owner).as_integer().map(|owner| (owner, (index, outer)))
}
