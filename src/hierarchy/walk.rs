//! Reading every row below an experiment with its contents, links together with what they link.

use super::ids::Ids;
use super::row_query::RowQuery;
use super::selection::Selection;
use crate::database::{ColumnLayout, Connection, Layout, Next, Row, TableLayout};
use crate::error::Result;
use crate::progress::Job;
use crate::schema::{Entity, Place, Role, quote};
use crate::values::Value;

impl Selection {
    /// What of it hangs on one node, whose position there comes second: not what is below it.
    pub fn of_node(self, owner: Owner) -> (Selection, Owner) {
        let one = |ids: &Ids, at: usize| ids.get(at).map_or_else(Ids::default, Ids::one);
        let (trials, runs, owner) = match owner {
            Owner::Experiment => (Ids::default(), Ids::default(), owner),
            Owner::Trial(at) => (one(&self.trials, at), Ids::default(), Owner::Trial(0)),
            Owner::Run(at) => (Ids::default(), one(&self.runs, at), Owner::Run(0)),
        };
        (Selection { trials, runs, run_trial: Vec::new(), counts: Vec::new(), ..self }, owner)
    }
}

/// What a row hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The experiment itself.
    Experiment,
    /// The trial at this position.
    Trial(usize),
    /// The run at this position.
    Run(usize),
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
    /// The shape of rows that [`scan_nodes`] reads.
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

    pub(super) fn select(&self, alias: &str) -> Vec<String> {
        self.columns.iter().map(|column| format!("{alias}.{}", quote(&column.name))).collect()
    }
}

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

    /// The row of the experiment, of a trial or of a run.
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

    /// A row of RESULTS, EPOCH or BATCH.
    fn below_run(&mut self, run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()>;

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

    fn below_run(&mut self, _: usize, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        self.0.advance()
    }

    fn link(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row, _: Option<u64>, _: (Entity, &Shape<'_>)) -> Result<()> {
        self.0.advance()
    }
}

/// Gives rows of metrics and artifacts other values while they are read for something else.
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
pub struct Through<'v> {
    pub rewrite: &'v mut dyn Rewrite,
    pub visitor: &'v mut dyn Visitor,
}

impl Visitor for Through<'_> {
    fn node(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.visitor.node(owner, shape, row)
    }

    fn below_run(&mut self, run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.visitor.below_run(run, shape, row)
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        (entity, leaf_shape): (Entity, &Shape<'_>),
    ) -> Result<()> {
        let Through { rewrite, visitor } = self;
        let mut see = |row: &dyn Row| visitor.link(owner, shape, row, leaf, (entity, leaf_shape));
        // The walk selects the leaf's id second.
        match (leaf, row.value(1)?.as_integer()) {
            (Some(_), Some(id)) => rewrite.leaf((entity, id), &leaf_shape.columns, leaf_shape.first, row, &mut see),
            _ => see(row),
        }
    }
}

/// Reads every row of the selection: first the nodes, then what is below the runs, then the links.
pub fn walk(
    connection: &dyn Connection,
    layout: &Layout,
    selection: &mut Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    for table in &layout.tables {
        match table.schema.place {
            Place::Node(entity) => walk_nodes(connection, table, entity, selection, job, visitor)?,
            Place::BelowRun | Place::Link { .. } => {
                let query = RowQuery::new(layout, table)?;
                match &query.leaf {
                    None => walk_below_run(connection, &query, selection, job, visitor)?,
                    Some((leaf, shape)) => {
                        walk_links(connection, &query, (*leaf, shape), selection, job, visitor)?;
                    }
                }
            }
            Place::Aside | Place::Leaf(_) => {}
        }
    }
    Ok(())
}

pub(super) fn range((low, high): (i64, i64)) -> [Value; 2] {
    [Value::Integer(low), Value::Integer(high)]
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
    let bounds = match entity {
        Entity::Experiment => Some((selection.experiment, selection.experiment)),
        Entity::Trial => selection.trials.bounds(),
        _ => selection.runs.bounds(),
    };
    scan_nodes(connection, &shape, bounds, job, &mut |id, row| {
        let owner = match entity {
            Entity::Experiment => Some(Owner::Experiment),
            Entity::Trial => selection.trials.position(id).map(Owner::Trial),
            _ => selection.runs.position(id).map(Owner::Run),
        };
        match owner {
            Some(owner) => visitor.node(owner, &shape, row),
            None => Ok(()),
        }
    })
}

/// Reads the rows of EXPERIMENT, TRIAL or TRIAL_RUN with ids between these two.
pub fn scan_nodes(
    connection: &dyn Connection,
    shape: &Shape<'_>,
    bounds: Option<(i64, i64)>,
    job: &Job,
    each: &mut dyn FnMut(i64, &dyn Row) -> Result<()>,
) -> Result<()> {
    let Some(bounds) = bounds else { return Ok(()) };
    let table = shape.table;
    let id = table.quoted("id");
    let mut select = vec![format!("t.{id}")];
    select.extend(shape.select("t"));
    let sql = format!(
        "SELECT {} FROM {} AS t WHERE t.{id} BETWEEN ?1 AND ?2 ORDER BY t.{id}",
        select.join(", "),
        quote(&table.name)
    );
    connection.query(&sql, &range(bounds), &mut |row| {
        job.pulse()?;
        if let Some(id) = row.value(0)?.as_integer() {
            each(id, row)?;
        }
        Ok(Next::Row)
    })
}

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

pub(super) fn walk_below_run(
    connection: &dyn Connection,
    query: &RowQuery<'_>,
    selection: &Selection,
    job: &Job,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let Some(bounds) = selection.runs.bounds() else { return Ok(()) };
    let sql = format!("{}{}{}", query.sql, selection.stretches.condition(query.table), row_order(query.table));
    let barring = query.barring(selection);
    connection.query(&sql, &range(bounds), &mut |row| {
        job.pulse()?;
        if let Some(barring) = &barring
            && barring.bars(row)?
        {
            return Ok(Next::Row);
        }
        if let Some(run) = row.value(0)?.as_integer().and_then(|id| selection.runs.position(id)) {
            visitor.below_run(run, &query.shape, row)?;
        }
        Ok(Next::Row)
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
    let Some(bounds) = selection.owner_bounds(query.owner) else { return Ok(()) };
    let sql = format!("{}{}{}", query.sql, selection.stretches.condition(query.table), row_order(query.table));
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
        let owner = Owner::of_link(query.owner, position);
        let rank = match leaf_id {
            Some(id) => selection.leaves(leaf).rank(id)?,
            None => None,
        };
        visitor.link(owner, &query.shape, row, rank, (leaf, leaf_shape))?;
        Ok(Next::Row)
    })
}
