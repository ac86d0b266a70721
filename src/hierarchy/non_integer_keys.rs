//! Rows whose own key, or the key of the row that they belong to, is not an integer. In a column without a declared type, a text stays a text: a
//! lookup of 1 does not find `'1'`, but a foreign key and a join treat the two as equal. Such rows cannot be copied, and must not be taken
//! for absent.

use std::collections::HashSet;

use super::unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::{Error, Result};
use crate::progress::Job;
use crate::schema::{ByEntity, Entity, Family, Role, quote};
use crate::values::ValueRef;

/// What a key is, if texts are the numbers that they look like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Loose {
    Integer(i64),
    /// By its bits.
    Real(u64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Loose {
    /// Of a cell; `None` for NULL.
    pub fn of(value: ValueRef<'_>) -> Option<Loose> {
        if let Some(integer) = value.as_integer() {
            return Some(Loose::Integer(integer));
        }
        Some(match value {
            ValueRef::Null => return None,
            ValueRef::Integer(integer) => Loose::Integer(integer),
            ValueRef::Real(real) => Loose::Real(real.to_bits()),
            ValueRef::Blob(bytes) => Loose::Blob(bytes.to_vec()),
            ValueRef::Text(bytes) => {
                let text = std::str::from_utf8(bytes).unwrap_or_default().trim_matches([' ', '\t', '\n', '\r']);
                match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(integer), _) => Loose::Integer(integer),
                    (_, Ok(real)) if real.is_finite() => match ValueRef::Real(real).as_integer() {
                        Some(integer) => Loose::Integer(integer),
                        None => Loose::Real(real.to_bits()),
                    },
                    _ => Loose::Text(bytes.to_vec()),
                }
            }
        })
    }
}

/// Whether a cell is a text that looks like an integer.
pub fn is_disguised(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(_)) && matches!(Loose::of(value), Some(Loose::Integer(_)))
}

/// The rows of one entity of the hierarchy that have no place in a copy.
#[derive(Debug, Default)]
pub(super) struct OddNodes {
    /// Their ids.
    pub ids: HashSet<Loose>,
    pub count: u64,
}

/// The rows of an experiment that have no place in a copy.
#[derive(Debug)]
pub(super) struct NonIntegerKeys {
    nodes: ByEntity<OddNodes>,
    /// How many these are, of all tables together.
    pub rows: u64,
    /// Those of them that nobody finds by the id of what they hang on.
    pub hidden: UnsoundRows,
}

impl NonIntegerKeys {
    /// None yet.
    pub fn new(family: &Family) -> NonIntegerKeys {
        NonIntegerKeys { nodes: ByEntity::new(family), rows: 0, hidden: UnsoundRows::default() }
    }

    /// Those of an entity.
    pub fn of(&self, entity: Entity) -> &OddNodes {
        self.nodes.get(entity)
    }

    /// The same, to add to.
    pub fn of_mut(&mut self, entity: Entity) -> &mut OddNodes {
        self.nodes.get_mut(entity)
    }
}

/// Whether a key of this table can be a text that looks like a number.
pub(super) fn may_be_loose(table: &TableLayout, column: &str) -> bool {
    table.columns.iter().any(|there| there.name.eq_ignore_ascii_case(column) && !there.holds_integers())
}

/// Whether keys of the layout can be.
pub fn has_loose_keys(layout: &Layout) -> bool {
    let is_key = |role: Role| matches!(role, Role::Id | Role::Parent(_));
    layout
        .tables
        .iter()
        .flat_map(|table| &table.columns)
        .any(|column| column.schema.is_some_and(|known| is_key(known.role)) && !column.holds_integers())
}

/// Hands over the id, and the key of what they hang on, of the rows of a table of the hierarchy for which nothing says beforehand that these are
/// integers.
pub(super) fn scan(
    connection: &dyn Connection,
    table: &TableLayout,
    parent: &str,
    job: &Job,
    each: &mut dyn FnMut(ValueRef<'_>, ValueRef<'_>),
) -> Result<()> {
    let sql = format!("SELECT {}, {} FROM {}", table.id(), table.quoted(parent), quote(&table.name));
    connection.query(&sql, &[], &mut |row: &dyn Row| {
        job.pulse()?;
        each(row.value(0)?, row.value(1)?);
        Ok(Next::Row)
    })
}

/// What is wrong with a row of the hierarchy.
pub(super) fn problem(
    table: &TableLayout,
    (id, parent, above): (ValueRef<'_>, &'static str, ValueRef<'_>),
) -> UnsoundRow {
    let name = table.schema.name;
    let row = format!("id={}, {parent}={}", id.describe(), above.describe());
    let (kind, what) = match (id, id.as_integer(), above.as_integer()) {
        (ValueRef::Null, ..) => (UnsoundKind::NullKey, "id is NULL".to_owned()),
        (_, None, _) => (UnsoundKind::KeyNotInteger, "id is no integer".to_owned()),
        (_, _, None) => (UnsoundKind::KeyNotInteger, format!("{parent} is no integer")),
        _ => (UnsoundKind::KeyNotInteger, "what it belongs to has a key that is no integer".to_owned()),
    };
    UnsoundRow { kind, table: name, row: row.clone(), message: format!("{name} ({row}): {what}") }
}

/// Adds what to do about such rows to an error.
pub fn mend_keys(error: Error) -> Error {
    error.hint("give these rows integers as keys; CAST makes one of a text such as '1'")
}
