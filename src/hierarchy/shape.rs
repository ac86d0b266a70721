//! The row that a row belongs to, and which cells of a query's row are its content.

use crate::database::{ColumnLayout, Row, TableLayout};
use crate::error::Result;
use crate::schema::{Entity, Place, Role, quote};
use crate::values::Value;

/// What a row hangs on, or a row of the hierarchy itself: the entity, and the position among the selection's of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub entity: Entity,
    pub at: usize,
}

impl Owner {
    /// The experiment itself.
    pub const ROOT: Owner = Owner { entity: Entity::ROOT, at: 0 };
}

/// Which cells of a query's row are the content of one table's row.
pub struct Shape<'l> {
    pub table: &'l TableLayout,
    /// The content columns in the schema's order, then the extra columns by name in ASCII lower case.
    pub columns: Vec<&'l ColumnLayout>,
    /// How many of `columns` are the schema's.
    pub known: usize,
    /// The position of the first in the query.
    pub first: usize,
}

impl<'l> Shape<'l> {
    /// The shape of rows that `scan_nodes` reads.
    pub fn node(table: &'l TableLayout) -> Shape<'l> {
        Shape::new(table, 1)
    }

    /// The shape of rows in which the content begins at a position.
    pub fn new(table: &'l TableLayout, first: usize) -> Shape<'l> {
        let mut columns: Vec<&ColumnLayout> = Vec::new();
        for column in table.schema.columns.iter().filter(|column| column.is_content()) {
            columns.extend(table.columns.iter().filter(|found| found.schema == Some(column)));
        }
        let known = columns.len();
        let mut extra: Vec<&ColumnLayout> = table.extra_columns().collect();
        extra.sort_by_key(|column| column.name.to_ascii_lowercase());
        columns.extend(extra);
        Shape { table, columns, known, first }
    }

    fn describe_where(&self, row: &dyn Row, wanted: impl Fn(&ColumnLayout) -> bool) -> Result<Vec<String>> {
        let mut parts = Vec::new();
        for (at, column) in self.columns.iter().enumerate().filter(|(_, column)| wanted(column)) {
            parts.push(format!("{}={}", column.name, row.value(self.first + at)?.describe()));
        }
        Ok(parts)
    }

    /// The part of a row's key that is not an id: `epoch_idx=3`.
    pub fn index_key(&self, row: &dyn Row) -> Result<String> {
        let index = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role == Role::Index);
        Ok(self.describe_where(row, index)?.join(", "))
    }

    /// The content of a row, for a person.
    pub fn describe(&self, row: &dyn Row) -> Result<String> {
        let content = |column: &ColumnLayout| column.schema.is_none_or(|known| known.role == Role::Content);
        Ok(self.describe_where(row, content)?.join(", "))
    }

    /// The key of a row that the walk hands over, for messages.
    pub fn row_key(&self, row: &dyn Row) -> Result<String> {
        let index = |column: &ColumnLayout| column.schema.is_some_and(|known| known.role == Role::Index);
        let mut parts = self.describe_where(row, index)?;
        // The walk selects the row's own id or its owner's first, then a link's leaf.
        let ids: &[usize] = match self.table.schema.place {
            Place::Link { .. } => &[0, 1],
            Place::Leaf(_) => &[1],
            _ => &[0],
        };
        let names = self.table.schema.columns.iter().filter(|c| matches!(c.role, Role::Id | Role::Parent(_)));
        let own_id = self.table.schema.has_own_id();
        for (at, column) in ids.iter().zip(names.filter(|c| !own_id || c.role == Role::Id)) {
            parts.push(format!("{}={}", column.name, row.value(*at)?.describe()));
        }
        Ok(parts.join(", "))
    }

    pub fn select(&self, alias: &str) -> Vec<String> {
        self.columns.iter().map(|column| format!("{alias}.{}", quote(&column.name))).collect()
    }

    /// The shape of rows that are selected by [`Shape::select_leaf`] in `scan_leaves`.
    pub fn leaf(table: &'l TableLayout) -> Shape<'l> {
        Shape::new(table, 2)
    }

    /// The columns after the id: the id once more, where [`Shape::row_key`] looks for it, and the content.
    pub fn select_leaf(&self) -> String {
        let content = self.columns.iter().map(|column| format!(", {}", quote(&column.name)));
        std::iter::once(format!(", {}", self.table.id())).chain(content).collect()
    }

    /// The columns of the key of a row that `RowQuery` selects of a table of rows without a key of their own alone, and what they have.
    pub fn key(&self, row: &dyn Row) -> Result<Vec<(&'static str, Value)>> {
        let key = self.table.schema.primary_key.iter().filter_map(|name| Some((*name, self.position(name)?)));
        key.map(|(name, at)| Ok((name, row.value(at)?.to_owned()))).collect()
    }

    /// Where a column is among the cells that `RowQuery` selects.
    pub fn position(&self, name: &str) -> Option<usize> {
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
