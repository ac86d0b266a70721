//! The first row below one node that another node does not have.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::database::{Connection, Layout, Row};
use crate::digest::row_digest;
use crate::error::Result;
use crate::hierarchy::{Owner, Selection, Shape, Visitor, walk};
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// The rows that hang on one node of one side.
pub struct NodeRows<'a> {
    pub connection: &'a dyn Connection,
    pub layout: &'a Layout,
    pub selection: &'a mut Selection,
    pub owner: Owner,
}

/// Where a row stands: table (by its place in the layout), and its key below the run.
type RowPlace = (&'static str, String);

/// The rows at one place, as the digest sees them and as a person reads them.
type RowsAt = Vec<(Vec<u8>, String)>;

/// The rows of one node by their place; several links can stand at one.
#[derive(Default)]
struct Collector {
    owner: Option<Owner>,
    rows: BTreeMap<RowPlace, RowsAt>,
}

impl Collector {
    fn keep(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row, leaf: Option<(u64, &Shape<'_>)>) -> Result<()> {
        if self.owner != Some(owner) {
            return Ok(());
        }
        let mut form = row_digest(shape, row, None)?.to_vec();
        let mut shown = shape.describe(row)?;
        if let Some((_, leaf_shape)) = leaf {
            form.extend_from_slice(&row_digest(leaf_shape, row, None)?);
            shown = format!("{shown} {} {}", leaf_shape.table.schema.name, leaf_shape.describe(row)?).trim().to_owned();
        }
        self.rows.entry((shape.table.schema.name, shape.index_key(row)?)).or_default().push((form, shown));
        Ok(())
    }
}

impl Visitor for Collector {
    fn node(&mut self, _: Owner, _: &Shape<'_>, _: &dyn Row) -> Result<()> {
        Ok(())
    }

    fn below_run(&mut self, run: usize, shape: &Shape<'_>, row: &dyn Row) -> Result<()> {
        self.keep(Owner::Run(run), shape, row, None)
    }

    fn link(
        &mut self,
        owner: Owner,
        shape: &Shape<'_>,
        row: &dyn Row,
        leaf: Option<u64>,
        other: (Entity, &Shape<'_>),
    ) -> Result<()> {
        self.keep(owner, shape, row, leaf.map(|rank| (rank, other.1)))
    }
}

fn collect(side: NodeRows<'_>, job: &Job) -> Result<BTreeMap<RowPlace, RowsAt>> {
    let mut collector = Collector { owner: Some(side.owner), rows: BTreeMap::new() };
    walk(side.connection, side.layout, side.selection, job, &mut collector)?;
    for rows in collector.rows.values_mut() {
        rows.sort();
    }
    Ok(collector.rows)
}

/// The first row, in the order of tables and keys, that only one of the nodes has or that differs.
pub fn first_row_difference(a: NodeRows<'_>, b: NodeRows<'_>, job: &Job) -> Result<Json> {
    job.begin("looking for the first difference")?;
    let order: Vec<&str> = a
        .layout
        .tables
        .iter()
        .chain(&b.layout.tables)
        .filter(|table| table.schema.place != Place::Aside)
        .map(|table| table.schema.name)
        .collect();
    let (of_a, of_b) = (collect(a, job)?, collect(b, job)?);
    let rank = |place: &RowPlace| order.iter().position(|name| *name == place.0);
    let first = of_a
        .keys()
        .chain(of_b.keys())
        .filter(|place| of_a.get(*place) != of_b.get(*place))
        .min_by_key(|place| (rank(place), (*place).clone()));
    let Some(place) = first else {
        return Ok(json!({
            "node": "METRIC or ARTIFACT",
            "how": "the same rows are linked, but not shared in the same way",
        }));
    };
    let only = |mine: Option<&RowsAt>, theirs: Option<&RowsAt>| {
        let rows = mine?.iter().find(|row| !theirs.is_some_and(|others| others.contains(row)))?;
        Some(rows.1.clone())
    };
    let (mine, theirs) = (of_a.get(place), of_b.get(place));
    let (shown_a, shown_b) = (only(mine, theirs), only(theirs, mine));
    let how = match (&shown_a, &shown_b) {
        (Some(_), Some(_)) => "another value",
        (Some(_), None) => "only in a",
        _ => "only in b",
    };
    Ok(json!({"node": place.0, "row": place.1, "how": how, "difference": {"a": shown_a, "b": shown_b}}))
}
