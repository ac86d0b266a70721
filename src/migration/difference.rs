//! The first row below one node that another node does not have.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::database::{Connection, Layout, Row};
use crate::digest::{encode_value, row_digest};
use crate::error::Result;
use crate::hierarchy::{Owner, Selection, Shape, Visitor, walk};
use crate::progress::Job;
use crate::schema::{Entity, Place};

/// The cells of a row: column, as the digest sees it, and as a person reads it.
pub type Cells = Vec<(String, Vec<u8>, String)>;

/// The cells of a row's content.
pub fn cells(shape: &Shape<'_>, row: &dyn Row) -> Result<Cells> {
    let mut cells = Cells::new();
    for (at, column) in shape.columns.iter().enumerate() {
        let value = row.value(shape.first + at)?;
        let mut form = Vec::new();
        encode_value(value, column.schema.map(|known| known.kind), &mut form);
        cells.push((column.name.to_ascii_lowercase(), form, value.describe()));
    }
    Ok(cells)
}

/// The first column in which two rows differ.
pub fn cell_difference(a: &Cells, b: &Cells) -> Option<Json> {
    let value = |cells: &Cells, column: &str| -> Option<(Vec<u8>, String)> {
        cells.iter().find(|(name, ..)| name == column).map(|(_, form, shown)| (form.clone(), shown.clone()))
    };
    let null = || (vec![0], "NULL".to_owned());
    let columns =
        a.iter().map(|cell| &cell.0).chain(b.iter().map(|cell| &cell.0).filter(|name| value(a, name).is_none()));
    for column in columns {
        let (of_a, of_b) = (value(a, column).unwrap_or_else(null), value(b, column).unwrap_or_else(null));
        if of_a.0 != of_b.0 {
            return Some(json!({"column": column, "a": of_a.1, "b": of_b.1}));
        }
    }
    None
}

/// The rows that hang on one node of one side.
pub struct NodeRows<'a> {
    pub connection: &'a dyn Connection,
    pub layout: &'a Layout,
    pub selection: &'a mut Selection,
    pub owner: Owner,
}

/// Where a row stands: table (by its place in the layout), and its key below the run.
type RowPlace = (&'static str, String);

/// A row, for a link with what it links.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    form: Vec<u8>,
    cells: Cells,
    shown: String,
}

/// The rows of one node by their place; several links can stand at one.
#[derive(Default)]
struct Collector {
    owner: Option<Owner>,
    rows: BTreeMap<RowPlace, Vec<Found>>,
}

impl Collector {
    fn keep(&mut self, owner: Owner, shape: &Shape<'_>, row: &dyn Row, leaf: Option<&Shape<'_>>) -> Result<()> {
        if self.owner != Some(owner) {
            return Ok(());
        }
        let mut found = Found {
            form: row_digest(shape, row, None)?.to_vec(),
            cells: cells(shape, row)?,
            shown: shape.describe(row)?,
        };
        if let Some(leaf) = leaf {
            found.form.extend_from_slice(&row_digest(leaf, row, None)?);
            found.cells.extend(cells(leaf, row)?);
            let (table, content) = (leaf.table.schema.name, leaf.describe(row)?);
            found.shown = format!("{} {table} {content}", found.shown).trim().to_owned();
        }
        self.rows.entry((shape.table.schema.name, shape.index_key(row)?)).or_default().push(found);
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
        self.keep(owner, shape, row, leaf.map(|_| other.1))
    }
}

fn collect(side: NodeRows<'_>, job: &Job) -> Result<BTreeMap<RowPlace, Vec<Found>>> {
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
    let (mine, theirs) = (of_a.get(place), of_b.get(place));
    let report = match (surplus(mine, theirs), surplus(theirs, mine)) {
        (Some(a), Some(b)) => match cell_difference(&a.cells, &b.cells) {
            Some(difference) => json!({"how": "another value", "difference": difference}),
            // A link to a row that does not exist has no cells.
            None => json!({"how": "another value", "difference": {"a": a.shown, "b": b.shown}}),
        },
        (Some(a), None) => json!({"how": "only in a", "difference": {"a": a.shown, "b": null}}),
        (None, b) => json!({"how": "only in b", "difference": {"a": null, "b": b.map(|b| &b.shown)}}),
    };
    let mut named = json!({"node": place.0, "row": place.1});
    if let (Some(object), Json::Object(members)) = (named.as_object_mut(), report) {
        object.extend(members);
    }
    Ok(named)
}

/// The first of the sorted rows that occurs more often here than there.
fn surplus<'r>(here: Option<&'r Vec<Found>>, there: Option<&Vec<Found>>) -> Option<&'r Found> {
    let rows = here?;
    let count = |rows: &[Found], wanted: &Found| rows.iter().filter(|row| row.form == wanted.form).count();
    rows.iter().find(|row| count(rows, row) > there.map_or(0, |others| count(others, row)))
}
