//! The foreign keys that a database declares in addition to those of the schema: from extra columns to tables of the schema, and from other tables
//! to tables of the schema.

use crate::schema::{Entity, Family, Place, Role, Table, quote};

/// A table, and the schema that has it if that is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    pub schema: Option<String>,
    pub name: String,
}

impl TableName {
    /// In the database itself.
    pub fn here(name: impl Into<String>) -> TableName {
        TableName { schema: None, name: name.into() }
    }

    /// For a statement.
    pub fn quoted(&self) -> String {
        let schema = self.schema.as_ref().map_or_else(String::new, |schema| format!("{}.", quote(schema)));
        format!("{schema}{}", quote(&self.name))
    }

    /// The table of ours.
    pub fn known(&self, family: &Family) -> Option<&'static Table> {
        if self.schema.is_some() { None } else { family.table(&self.name) }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(out, "{schema}.{}", self.name),
            None => out.write_str(&self.name),
        }
    }
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub table: TableName,
    pub parent: TableName,
    /// Each column, and what it refers to.
    pub columns: Vec<(String, String)>,
    /// Whether no statement can name the table, or its columns: they are not UTF-8.
    pub unnamed: bool,
}

impl ForeignKey {
    /// The SQL for whether the row `child` names a row at all: none of its columns is NULL.
    pub fn names_something(&self, child: &str) -> String {
        let parts: Vec<String> =
            self.columns.iter().map(|(column, _)| format!("{child}.{} IS NOT NULL", quote(column))).collect();
        parts.join(" AND ")
    }

    /// The SQL for whether the row `child` names the row `parent`.
    pub fn joins(&self, child: &str, parent: &str) -> String {
        let parts: Vec<String> = self
            .columns
            .iter()
            .map(|(column, above)| format!("{parent}.{} = {child}.{}", quote(above), quote(column)))
            .collect();
        parts.join(" AND ")
    }

    /// The names of its columns.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(column, _)| column.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Whose id a column of a table of ours has.
pub(super) fn has_id_of(table: &Table, column: &str) -> Option<Entity> {
    match (table.column(column)?.role, table.place) {
        (Role::Id, Place::Node(entity) | Place::Leaf(entity)) | (Role::Parent(entity), _) => Some(entity),
        _ => None,
    }
}
