//! Reads the rows below an experiment in separate scans, first the leaves, then the links. A database needs longer to look up each linked row
//! than to read all of them one after the other.

use super::leaves::scan_leaves;
use super::order::link_order;
use super::row_query::RowQuery;
use super::selection::Selection;
use super::shape::{Owner, Shape};
use super::walk::{Visitor, scan_owned, walk_below, walk_nodes};
use crate::database::{Connection, Layout, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// Receives the rows: [`Visitor`], but for the links.
pub trait SeparateVisitor: Visitor {
    /// A linked row and its rank in the selection, before the links to it. Its id is column 1.
    fn leaf(&mut self, leaf: (Entity, u64), shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

    /// A link, and the rank of the row that it links; `None` if there is none.
    fn bare_link(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row, leaf: (Entity, Option<u64>)) -> Result<()>;
}

/// Reads every row of the selection: the nodes, what is linked, then what hangs on the nodes, and the links.
pub fn walk_separately(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn SeparateVisitor,
) -> Result<()> {
    for table in &layout.tables {
        match table.schema.place {
            Place::Node(entity) => walk_nodes(connection, table, entity, selection, job, visitor)?,
            Place::Leaf(entity) => walk_leaves(connection, table, entity, selection, job, visitor)?,
            _ => {}
        }
    }
    for table in &layout.tables {
        match table.schema.place {
            Place::Below(_) => walk_below(connection, &RowQuery::new(layout, table)?, selection, job, visitor)?,
            Place::Link { leaf, .. } => {
                let query = RowQuery::apart(layout, table)?;
                walk_bare_links(connection, &query, leaf, selection, job, visitor)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn walk_leaves(
    connection: &dyn Connection,
    table: &TableLayout,
    entity: Entity,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn SeparateVisitor,
) -> Result<()> {
    let shape = Shape::leaf(table);
    scan_leaves(connection, table, selection.leaves(entity), &shape.select_leaf(), job, &mut |rank, row| {
        visitor.leaf((entity, rank), &shape, row)
    })
}

fn walk_bare_links(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    leaf: Entity,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn SeparateVisitor,
) -> Result<()> {
    let order = link_order(connection, query.table);
    scan_owned(connection, query, (Some(leaf), &order), selection, job, |_, owner, rank, row| {
        visitor.bare_link(owner, &query.shape, row, (leaf, rank))
    })
}
