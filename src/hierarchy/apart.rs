//! Reading every row below an experiment, links apart from what they link: looking each linked row up takes a database longer than
//! reading all of them one after the other.

use super::leaves::scan_leaves;
use super::row_query::RowQuery;
use super::selection::Selection;
use super::walk::{Owner, Shape, Visitor, range, row_order, walk_below_run, walk_nodes};
use crate::database::{Connection, Layout, Next, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, LinkOwner, Place, quote};

/// Receives the rows: [`Visitor`], but for the links.
pub trait Apart: Visitor {
    /// A row of METRIC or ARTIFACT and its rank in the selection, before the links to it. Its id is column 1.
    fn leaf(&mut self, leaf: (Entity, u64), shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

    /// A link, and the rank of the row that it links; `None` if there is none.
    fn bare_link(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row, leaf: (Entity, Option<u64>)) -> Result<()>;
}

/// Reads every row of the selection: the nodes, what is linked, then what is below the runs, and the links.
pub fn walk_apart(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Apart,
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
            Place::BelowRun => walk_below_run(connection, &RowQuery::new(layout, table)?, selection, job, visitor)?,
            Place::Link { leaf, .. } => {
                let query = RowQuery::apart(layout, table)?;
                walk_bare_links(connection, &query, leaf, selection, job, visitor)?;
            }
            _ => {}
        }
    }
    Ok(())
}

impl<'l> Shape<'l> {
    /// The shape of rows that are selected by [`Shape::select_leaf`] in [`scan_leaves`].
    pub fn leaf(table: &'l TableLayout) -> Shape<'l> {
        Shape::new(table, 2)
    }

    /// The columns after the id: the id once more, where [`Shape::row_key`] looks for it, and the content.
    pub fn select_leaf(&self) -> String {
        let content = self.columns.iter().map(|column| format!(", {}", quote(&column.name)));
        std::iter::once(format!(", {}", self.table.quoted("id"))).chain(content).collect()
    }
}

fn walk_leaves(
    connection: &dyn Connection,
    table: &TableLayout,
    entity: Entity,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Apart,
) -> Result<()> {
    let shape = Shape::leaf(table);
    scan_leaves(connection, table, selection.leaves(entity), &shape.select_leaf(), job, &mut |rank, row| {
        visitor.leaf((entity, rank), &shape, row)
    })
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

fn walk_bare_links(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    leaf: Entity,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Apart,
) -> Result<()> {
    let Some(bounds) = selection.owner_bounds(query.owner) else { return Ok(()) };
    let stretch = selection.stretches.condition(query.table);
    let sql = format!("{}{stretch}{}", query.sql, link_order(connection, query.table));
    let barring = query.barring(selection);
    connection.query(&sql, &range(bounds), &mut |row| {
        job.pulse()?;
        if let Some(barring) = &barring
            && barring.bars(row)?
        {
            return Ok(Next::Row);
        }
        let leaf_id = row.value(1)?.as_integer();
        let Some(position) = selection.owner(query.owner, row.value(0)?.as_integer(), leaf_id) else {
            return Ok(Next::Row);
        };
        let rank = match leaf_id {
            Some(id) => selection.leaves(leaf).rank(id)?,
            None => None,
        };
        visitor.bare_link(Owner::of_link(query.owner, position), &query.shape, row, (leaf, rank))?;
        Ok(Next::Row)
    })
}

impl Owner {
    /// What a link at this position of such an owner hangs on.
    pub fn of_link(owner: LinkOwner, position: usize) -> Owner {
        match owner {
            LinkOwner::Experiment => Owner::Experiment,
            LinkOwner::Trial => Owner::Trial(position),
            LinkOwner::Run => Owner::Run(position),
        }
    }
}
