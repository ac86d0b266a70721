//! Reads every row below an experiment with its contents, and links together with the rows that they link.

use std::sync::Arc;

use super::cut_links::{CutLinks, Cutting, without_cut};
use super::order::row_order;
use super::row_query::RowQuery;
use super::selection::Selection;
use super::shape::{Owner, Shape};
use crate::database::{ColumnLayout, Connection, Layout, Next, Row, TableLayout, between};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// Receives the rows.
pub trait Visitor {
    /// Whether links are of no interest where all values of both rows are what their columns are for. Who knows may leave them out.
    fn wants_odd_links_only(&self) -> bool {
        false
    }

    /// Instead of the links to it, for who wants odd ones only, where links are read apart from what they link: a linked row, once,
    /// whose values are not all what their columns are for. Its id is column 1.
    fn odd_leaf(&mut self, _leaf: (Entity, u64), _shape: &Shape<'_>, _row: &dyn Row) -> Result<()> {
        Ok(())
    }

    /// A row of the hierarchy.
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

    /// A row without a key of its own alone, which hangs on one of the hierarchy.
    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

    /// A link and the row that it links. `leaf` is that row's rank in the selection; `None` if the row does not exist.
    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        leaf_shape: (Entity, &Shape<'_>),
    ) -> Result<()>;
}

/// Counts the rows that are read.
pub struct CountRows<'j>(pub &'j Job);

impl Visitor for CountRows<'_> {
    fn node(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        self.0.advance()
    }

    fn below(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        self.0.advance()
    }

    fn link(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row, _: Option<u64>, _: (Entity, &Shape<'_>)) -> Result<()> {
        self.0.advance()
    }
}

/// Gives linked rows other values while they are read for something else.
pub trait Rewrite {
    /// Hands the row of this table and id over as it shall be. Its columns stand in `row` from `first` on.
    fn leaf(
        &mut self,
        leaf: (Entity, i64),
        columns: &[&ColumnLayout],
        first: usize,
        row: &dyn Row,
        see: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()>;
}

/// A visitor that sees linked rows rewritten.
pub struct RewritingVisitor<'v> {
    pub rewrite: &'v mut dyn Rewrite,
    pub visitor: &'v mut dyn Visitor,
}

impl Visitor for RewritingVisitor<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.visitor.node(owner, shape, row)
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.visitor.below(owner, shape, row)
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (entity, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        let RewritingVisitor { rewrite, visitor } = self;
        let mut see = |row: &dyn Row| visitor.link(owner, shape, row, leaf, (entity, leaf_shape));
        // The walk selects the leaf's id second.
        match (leaf, row.value(1)?.as_integer()) {
            (Some(_), Some(id)) => rewrite.leaf((entity, id), &leaf_shape.columns, leaf_shape.first, row, &mut see),
            _ => see(row),
        }
    }
}

/// A visitor that sees rows without the links that are cut.
struct CuttingVisitor<'v> {
    links: Arc<CutLinks>,
    visitor: &'v mut dyn Visitor,
}

impl Visitor for CuttingVisitor<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let cutting = Cutting::new(&self.links, shape, 0);
        without_cut(cutting.as_ref(), row, &mut |row| self.visitor.node(owner, shape, row))
    }

    fn below(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        let cutting = Cutting::new(&self.links, shape, 0);
        without_cut(cutting.as_ref(), row, &mut |row| self.visitor.below(owner, shape, row))
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        leaf_shape: (Entity, &Shape<'_>),
    ) -> Result<()> {
        let link = Cutting::new(&self.links, shape, 0);
        // The walk selects the leaf's id second.
        let linked = Cutting::new(&self.links, leaf_shape.1, 1);
        without_cut(link.as_ref(), row, &mut |row| {
            without_cut(linked.as_ref(), row, &mut |row| self.visitor.link(owner, shape, row, leaf, leaf_shape))
        })
    }
}

/// Reads every row of the selection, table after table: nodes, what hangs on them, links.
pub fn walk(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let mut cutting;
    let visitor = match &selection.scope.cut {
        Some(links) => {
            cutting = CuttingVisitor { links: Arc::clone(links), visitor };
            &mut cutting as &mut dyn Visitor
        }
        None => visitor,
    };
    for table in &layout.tables {
        match table.schema.place {
            Place::Node(entity) => walk_nodes(connection, table, entity, selection, job, visitor)?,
            Place::Below(_) | Place::Link { .. } => {
                let query = RowQuery::new(layout, table)?;
                match &query.leaf {
                    None => walk_below(connection, &query, selection, job, visitor)?,
                    Some((leaf, shape)) => {
                        walk_links(connection, &query, (*leaf, shape), selection, job, visitor)?;
                    }
                }
            }
            Place::Aside | Place::Derived(_) | Place::Leaf(_) => {}
        }
    }
    Ok(())
}

pub(super) fn walk_nodes(
    connection: &dyn Connection,
    table: &TableLayout,
    entity: Entity,
    selection: &Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let shape = Shape::node(table);
    let ids = selection.ids(entity);
    scan_nodes(connection, &shape, ids.bounds(), job, &mut |id, row| match ids.position(id) {
        Some(at) => visitor.node(Owner { entity, at }, &shape, row),
        None => Ok(()),
    })
}

/// Reads the rows of a table of the hierarchy with ids between these two.
pub fn scan_nodes(
    connection: &dyn Connection,
    shape: &Shape<'_>,
    bounds: Option<(i64, i64)>,
    job: &Job,
    each: &mut dyn FnMut(i64, &dyn Row) -> Result<()>,
) -> Result<()> {
    let Some(bounds) = bounds else { return Ok(()) };
    let table = shape.table;
    let id = table.id();
    let mut select = vec![format!("t.{id}")];
    select.extend(shape.select("t"));
    let sql = format!("{} ORDER BY t.{id}", table.select_between(&select.join(", "), &id));
    connection.query(&sql, &between(bounds), &mut |row| {
        job.pulse()?;
        if let Some(id) = row.value(0)?.as_integer() {
            each(id, row)?;
        }
        Ok(Next::Row)
    })
}

/// Reads the rows of a table that hang on others, in this order, and hands over those of the selection: what a row hangs on, and of a link
/// to a row of `leaf` the rank of that row.
pub(super) fn scan_owned(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    (leaf, order): (Option<Entity>, &str),
    selection: &mut Selection,
    job: &Job,
    mut each: impl FnMut(&mut Selection, Owner, Option<u64>, &dyn Row) -> Result<()>,
) -> Result<()> {
    let entity = query.owner;
    let Some(bounds) = selection.owner_bounds(entity) else { return Ok(()) };
    let sql = format!("{}{}{order}", query.sql(), selection.rowid_ranges.condition(query.table));
    let barring = query.barring(selection);
    connection.query(&sql, &between(bounds), &mut |row| {
        job.pulse()?;
        if let Some(barring) = &barring
            && barring.bars(row)?
        {
            return Ok(Next::Row);
        }
        let linked = match leaf {
            Some(leaf) => row.value(1)?.as_integer().map(|id| (leaf, id)),
            None => None,
        };
        let Some(at) = selection.owner(entity, row.value(0)?.as_integer(), linked) else {
            return Ok(Next::Row);
        };
        let rank = match linked {
            Some((leaf, id)) => selection.leaves(leaf).rank(id)?,
            None => None,
        };
        each(selection, Owner { entity, at }, rank, row)?;
        Ok(Next::Row)
    })
}

pub(super) fn walk_below(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    scan_owned(connection, query, (None, &row_order(query.table)), selection, job, |_, owner, _, row| {
        visitor.below(owner, &query.shape, row)
    })
}

fn walk_links(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    (leaf, leaf_shape): (Entity, &Shape<'_>),
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    scan_owned(connection, query, (Some(leaf), &row_order(query.table)), selection, job, |_, owner, rank, row| {
        visitor.link(owner, &query.shape, row, rank, (leaf, leaf_shape))
    })
}
