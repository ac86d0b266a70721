//! The query that reads the rows of one table with their contents, and links together with the rows that they link.

use super::barring::Barring;
use super::selection::Selection;
use super::shape::Shape;
use crate::database::{Layout, TableLayout, select_between};
use crate::error::{Domain, Error, Result};
use crate::schema::{Entity, Place, Role, quote};

/// Reads the rows whose owners have ids in a range, the two parameters. The owner of a row of the hierarchy is the row itself.
pub struct RowQuery<'l> {
    pub table: &'l TableLayout,
    pub owner: Entity,
    pub shape: Shape<'l>,
    /// What a link links. Its id is column 1.
    pub leaf: Option<(Entity, Shape<'l>)>,
    /// The quoted column with the id of the owner, which is column 0.
    pub owner_column: String,
    /// What is selected, and from where. The table is `t`.
    pub select: Vec<String>,
    pub from: String,
    /// What else rows have to be: ` AND t.x IS NOT NULL`.
    pub conditions: String,
}

impl<'l> RowQuery<'l> {
    /// For the tables of the hierarchy, those of rows that hang on theirs, and the junction tables.
    pub fn new(layout: &'l Layout, table: &'l TableLayout) -> Result<RowQuery<'l>> {
        RowQuery::build(layout, table, true)
    }

    /// As [`RowQuery::new`], but without the contents of what a link links.
    pub fn apart(layout: &'l Layout, table: &'l TableLayout) -> Result<RowQuery<'l>> {
        RowQuery::build(layout, table, false)
    }

    fn build(layout: &'l Layout, table: &'l TableLayout, joined: bool) -> Result<RowQuery<'l>> {
        let column = |role: Role| match table.schema.columns.iter().find(|column| column.role == role) {
            Some(column) => Ok(table.quoted(column.name)),
            None => Err(Error::internal(Domain::Database, format!("{} has no {role:?}", table.schema.name))),
        };
        let Some(owner) = table.schema.owner() else {
            return Err(Error::internal(Domain::Database, format!("{} has no owner", table.schema.name)));
        };
        let owner_column = match table.schema.place {
            Place::Node(_) => column(Role::Id)?,
            _ => column(Role::Parent(owner))?,
        };
        let mut select = vec![format!("t.{owner_column}")];
        let mut from = format!("{} AS t", quote(&table.name));
        let (shape, leaf) = match table.schema.place {
            Place::Link { leaf, .. } => {
                let linked = layout.entity(leaf)?;
                let leaf_column = column(Role::Parent(leaf))?;
                let shape = Shape::new(table, 2);
                let leaf_shape = Shape::new(linked, 2 + shape.columns.len());
                select.push(format!("t.{leaf_column}"));
                if joined {
                    from.push_str(&format!(
                        " LEFT JOIN {} AS l ON l.{} = t.{leaf_column}",
                        quote(&linked.name),
                        linked.id()
                    ));
                }
                (shape, Some((leaf, leaf_shape)))
            }
            _ => (Shape::new(table, 1), None),
        };
        select.extend(shape.select("t"));
        if joined {
            select.extend(leaf.iter().flat_map(|(_, shape)| shape.select("l")));
        }
        Ok(RowQuery { table, owner, shape, leaf, owner_column, select, from, conditions: String::new() })
    }

    /// For any table with rows of experiments, each by itself.
    pub fn alone(layout: &'l Layout, table: &'l TableLayout) -> Result<Option<RowQuery<'l>>> {
        Ok(match table.schema.place {
            Place::Aside | Place::Derived(_) => None,
            Place::Leaf(_) => Some(RowQuery::of_leaves(table)),
            Place::Node(_) | Place::Below(_) | Place::Link { .. } => Some(RowQuery::apart(layout, table)?),
        })
    }

    /// The leaves of a table by themselves, whose ids are in the range.
    fn of_leaves(table: &'l TableLayout) -> RowQuery<'l> {
        let (shape, id) = (Shape::leaf(table), table.id());
        // Twice, as `Shape::row_key` looks for it.
        let mut select = vec![format!("t.{id}"), format!("t.{id}")];
        select.extend(shape.select("t"));
        let from = format!("{} AS t", quote(&table.name));
        let (owner, conditions) = (Entity::ROOT, String::new());
        RowQuery { table, owner, shape, leaf: None, owner_column: id, select, from, conditions }
    }

    /// The statement, without an order.
    pub fn sql(&self) -> String {
        let rows = select_between(&self.select.join(", "), &self.from, &self.owner_column);
        format!("{rows}{}", self.conditions)
    }

    /// As [`Selection::barring`].
    pub fn barring(&self, selection: &Selection) -> Option<Barring> {
        selection.barring(self.table.schema, &|name| self.shape.position(name))
    }
}
