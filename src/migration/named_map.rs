//! Computes the value of each cell in the target: new keys, cells that name such keys, and locations of artifacts.

use serde_json::{Value as Json, json};

use super::named_ids::NewKeys;
use crate::database::{KEPT, Row, TableLayout};
use crate::digest::{in_base64, replace};
use crate::error::Result;
use crate::hierarchy::{Named, NamedRows, named_entity};
use crate::schema::{Column, Entity, Meaning, Role};
use crate::values::{Value, ValueRef};

/// One place of artifacts that is another one in the copy.
#[derive(Clone, Debug)]
struct Location {
    table: &'static str,
    column: &'static str,
    row: String,
    before: String,
    after: String,
}

/// What became of where artifacts are: an exact count, and the first hundred.
#[derive(Clone, Debug, Default)]
pub struct Locations {
    pub count: u64,
    first: Vec<Location>,
}

impl Locations {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        let one = |location: &Location| {
            let Location { table, column, row, before, after } = location;
            json!({"table": table, "column": column, "row": row, "before": before, "after": after})
        };
        json!({"count": self.count, "values": self.first.iter().map(one).collect::<Vec<_>>()})
    }
}

/// What changes on the way.
pub struct Changes<'a> {
    pub rows: &'a NamedRows,
    pub keys: &'a NewKeys,
    /// What begins with the first begins with the second.
    pub artifacts: Option<&'a (String, String)>,
}

/// What becomes of the cells of one column.
enum Way {
    Kept,
    Given(Value),
    Key(Entity),
    Names,
    Mentions,
    Location(&'static str),
}

/// What becomes of the cells of one table.
pub struct RowMap<'a> {
    changes: &'a Changes<'a>,
    table: &'a TableLayout,
    /// For each column of the table.
    ways: Vec<Way>,
}

impl<'a> RowMap<'a> {
    /// `given` is what a column gets in every row.
    pub fn new(
        changes: &'a Changes<'a>,
        table: &'a TableLayout,
        given: impl Fn(&'static Column) -> Option<Value>,
    ) -> RowMap<'a> {
        let family = changes.rows.family;
        let way = |known: &'static Column| {
            if let Some(value) = given(known) {
                return Way::Given(value);
            }
            match (known.role, table.schema.entity()) {
                (Role::Id, Some(entity)) if changes.keys.changes(entity) => return Way::Key(entity),
                (Role::Parent(entity), _) if changes.keys.changes(entity) => return Way::Key(entity),
                _ => {}
            }
            for meaning in family.rules_of(table.schema.name, known.name) {
                match meaning {
                    Meaning::Names(_) | Meaning::NamesWhere(..) | Meaning::NamesBy(..) if changes.keys.any() => {
                        return Way::Names;
                    }
                    Meaning::MentionsOwner if changes.keys.any() => return Way::Mentions,
                    Meaning::Location | Meaning::LocationWhere(..) if changes.artifacts.is_some() => {
                        return Way::Location(known.name);
                    }
                    _ => {}
                }
            }
            Way::Kept
        };
        let ways = table.columns.iter().map(|column| column.schema.map_or(Way::Kept, way)).collect();
        RowMap { changes, table, ways }
    }

    /// Whether a cell is what was read, or what its column gets in every row.
    pub fn is_fixed(&self) -> bool {
        self.ways.iter().all(|way| matches!(way, Way::Kept | Way::Given(_)))
    }

    /// What a column gets in every row, but where it is NULL.
    #[inline]
    pub fn given(&self, at: usize) -> Option<&Value> {
        match self.ways.get(at) {
            Some(Way::Given(value)) => Some(value),
            _ => None,
        }
    }

    /// The value that a cell has in the target, where it is another one than the one that was read; the columns of the table begin at
    /// `first` in the row.
    pub fn cell(&self, at: usize, (named, row, first): (Named, &dyn Row, usize)) -> Result<Option<Value>> {
        let Changes { rows, keys, .. } = self.changes;
        let value = row.value(first + at)?;
        let renamed = |to: Option<Named>| to.and_then(|to| keys.of(to)).map(|key| Value::Text(key.to_vec()));
        Ok(match self.ways.get(at) {
            None | Some(Way::Kept) => None,
            // Assessments of earlier versions do not say which experiment they are of.
            Some(Way::Given(_)) if value == ValueRef::Null => None,
            Some(Way::Given(value)) => Some(value.clone()),
            Some(Way::Key(entity)) => renamed(rows.find(*entity, value)),
            Some(Way::Names) => {
                let Some(known) = self.table.columns.get(at).and_then(|column| column.schema) else { return Ok(None) };
                let mut find = |name: &str| self.other(name, row, first);
                let entity = named_entity(rows.family, (self.table.schema, known.name), &mut find)?;
                renamed(entity.and_then(|entity| rows.find(entity, value)))
            }
            Some(Way::Mentions) => match (value, rows.ids(named.entity).get(named.at), keys.of(named)) {
                (ValueRef::Text(text), Some(old), Some(new)) => Some(Value::Text(mentioning(text, old, new))),
                _ => None,
            },
            Some(Way::Location(column)) => {
                self.moved(column, value, row, first)?.map(|text| Value::Text(text.into_bytes()))
            }
        })
    }

    fn other<'r>(&self, name: &str, row: &'r dyn Row, first: usize) -> Result<ValueRef<'r>> {
        self.table.position(name).map_or(Ok(ValueRef::Null), |at| row.value(first + at))
    }

    fn moved(&self, column: &str, value: ValueRef<'_>, row: &dyn Row, first: usize) -> Result<Option<String>> {
        let (Some((from, to)), ValueRef::Text(text)) = (self.changes.artifacts, value) else { return Ok(None) };
        let Some(rest) = text.strip_prefix(from.as_bytes()).and_then(|rest| std::str::from_utf8(rest).ok()) else {
            return Ok(None);
        };
        for meaning in self.changes.rows.family.rules_of(self.table.schema.name, column) {
            let is_one = match meaning {
                Meaning::Location => true,
                Meaning::LocationWhere(other, wanted) => {
                    matches!(self.other(other, row, first)?, ValueRef::Text(text) if text == wanted.as_bytes())
                }
                _ => false,
            };
            if is_one {
                return Ok(Some(format!("{to}{rest}")));
            }
        }
        Ok(None)
    }

    /// The places of artifacts in a row that are others in the target, for the digest; counted, if they are to be.
    pub fn locations(
        &self,
        (named, row, first): (Named, &dyn Row, usize),
        count: Option<&mut Locations>,
    ) -> Result<Vec<(&'static str, Value)>> {
        let mut moved = Vec::new();
        if self.changes.artifacts.is_none() {
            return Ok(moved);
        }
        let mut found = Vec::new();
        for (at, way) in self.ways.iter().enumerate() {
            let Way::Location(column) = way else { continue };
            let value = row.value(first + at)?;
            if let Some(after) = self.moved(column, value, row, first)? {
                found.push((*column, value.readable().unwrap_or_default(), after.clone()));
                moved.push((*column, Value::Text(after.into_bytes())));
            }
        }
        if let Some(locations) = count {
            for (column, before, after) in found {
                locations.count += 1;
                if locations.first.len() < KEPT {
                    let key = self.changes.rows.ids(named.entity).get(named.at);
                    let row = key.map_or_else(String::new, |key| String::from_utf8_lossy(key).into_owned());
                    locations.first.push(Location { table: self.table.schema.name, column, row, before, after });
                }
            }
        }
        Ok(moved)
    }
}

/// A text with a key, as it is or in base64, with another one in its place.
fn mentioning(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let text = replace(text, old, new);
    match (in_base64(old), in_base64(new)) {
        (Some(old), Some(new)) => replace(&text, old.as_bytes(), new.as_bytes()),
        _ => text,
    }
}
