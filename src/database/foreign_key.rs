//! The foreign keys that a database declares beside those of the schema: extra columns that have ids of ours, and tables that are not
//! ours and hang on rows of ours.

use super::layout::{Layout, TableLayout};
use crate::error::{Domain, Error, Result, Status};
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
fn has_id_of(table: &Table, column: &str) -> Option<Entity> {
    match (table.column(column)?.role, table.place) {
        (Role::Id, Place::Node(entity) | Place::Leaf(entity)) | (Role::Parent(entity), _) => Some(entity),
        _ => None,
    }
}

/// Marks the extra columns that have ids of ours.
pub(super) fn mark(family: &Family, tables: &mut [TableLayout], keys: &[ForeignKey]) {
    for key in keys {
        let (Some(schema), Some(parent)) = (key.table.known(family), key.parent.known(family)) else { continue };
        let Some(found) = tables.iter_mut().find(|table| table.schema.name == schema.name) else { continue };
        for (name, above) in &key.columns {
            let column = found.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name));
            if let (Some(column), Some(entity)) = (column, has_id_of(parent, above))
                && column.schema.is_none()
            {
                column.torn |= column.refers.is_some_and(|other| other != entity);
                column.refers = Some(entity);
            }
        }
    }
}

impl Layout {
    /// Whether extra columns have ids of ours.
    pub fn has_links(&self) -> bool {
        self.tables.iter().any(TableLayout::has_links)
    }

    /// Fails if an extra column has ids of two kinds: whose new id it would have to get nobody can say.
    pub fn check_links(&self) -> Result<()> {
        for table in &self.tables {
            if let Some(torn) = table.columns.iter().find(|column| column.torn) {
                let name = table.schema.name;
                let message = format!("{name}.{} refers to rows of two tables by one id", torn.name);
                return Err(Error::new(Status::Unsupported, Domain::Database, message)
                    .detail("table", name)
                    .detail("column", &torn.name)
                    .hint("drop one of the foreign keys of the column"));
            }
        }
        Ok(())
    }

    /// The declared foreign keys of tables of ours that are not the schema's: they have an extra column.
    pub fn extra_keys(&self) -> impl Iterator<Item = (&TableLayout, &ForeignKey)> {
        self.foreign_keys.iter().filter_map(|key| {
            let table = self.table(key.table.known(self.family)?.name)?;
            let is_extra = |(name, _): &(String, String)| table.schema.column(name).is_none();
            key.columns.iter().any(is_extra).then_some((table, key))
        })
    }

    /// Takes extra columns for links that are some in `other`, where nothing is declared here. Which they are: table and column.
    pub fn take_links_of(&mut self, other: &Layout) -> Vec<(&'static str, String)> {
        let mut taken = Vec::new();
        for table in &mut self.tables {
            let Some(there) = other.table(table.schema.name) else { continue };
            for column in table.columns.iter_mut().filter(|column| column.schema.is_none() && column.refers.is_none()) {
                let twin = there.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
                if let Some(entity) = twin.and_then(|twin| twin.refers) {
                    column.refers = Some(entity);
                    taken.push((table.schema.name, column.name.clone()));
                }
            }
        }
        taken
    }
}

impl TableLayout {
    /// Whether extra columns have ids of ours.
    pub fn has_links(&self) -> bool {
        self.columns.iter().any(|column| column.refers.is_some())
    }
}
