//! The order in which the rows of a table are read.

use crate::database::{Connection, TableLayout};
use crate::schema::{Place, Role};

/// In the order in which the rows were written, which is mostly the order of what they link. Where the primary key begins with
/// the owner's id its index finds the rows, in as good an order: sorting them would take memory and time.
pub fn row_order(table: &TableLayout) -> String {
    let first = table.schema.primary_key.first().and_then(|name| table.schema.column(name));
    let indexed = first.is_some_and(|column| matches!(column.role, Role::Id | Role::Parent(_)));
    match table.rowid.filter(|_| !indexed) {
        Some(rowid) => format!(" ORDER BY t.{rowid}"),
        None => String::new(),
    }
}

/// The order in which to read the rows of a table, so that what its links link comes in some order too: where rows have no rowid the
/// primary key says nothing of that, but some engines have an index for the foreign key.
pub fn link_order(connection: &dyn Connection, table: &TableLayout) -> String {
    match table.schema.place {
        Place::Link { leaf, .. } if connection.capabilities().indexes_foreign_keys => {
            let column = table.schema.parent_column(leaf);
            column.map_or_else(String::new, |column| format!(" ORDER BY t.{}", table.quoted(column.name)))
        }
        _ => row_order(table),
    }
}
