//! Links that are cut in a copy: which columns of which rows are read as NULL.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::barring::{Key, key};
use super::shape::Shape;
use crate::database::Row;
use crate::error::Result;
use crate::schema::Place;
use crate::values::ValueRef;

/// The names of columns, and the rows in which they are NULL.
type Cuts = (Vec<String>, HashSet<Key>);

/// The columns that are cut, by table: some hundred bytes for each row.
#[derive(Clone, Debug, Default)]
pub struct CutLinks(HashMap<&'static str, Vec<Cuts>>);

impl CutLinks {
    /// These columns of the row are NULL.
    pub fn add(&mut self, shape: &Shape<'_>, row: &dyn Row, columns: &[&str]) -> Result<()> {
        let Some(at) = row_at(shape, 0) else { return Ok(()) };
        let row = key(&at, row)?;
        let of_table = self.0.entry(shape.table.schema.name).or_default();
        match of_table.iter_mut().find(|(names, _)| names == columns) {
            Some((_, rows)) => drop(rows.insert(row)),
            None => {
                let names = columns.iter().map(|name| (*name).to_owned()).collect();
                of_table.push((names, HashSet::from([row])));
            }
        }
        Ok(())
    }

    /// Whether nothing is cut.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a query has what tells a row of a table from others; the id of a row with one is at `id_at`.
fn row_at(shape: &Shape<'_>, id_at: usize) -> Option<Vec<usize>> {
    match shape.table.schema.place {
        Place::Node(_) | Place::Leaf(_) => Some(vec![id_at]),
        _ => shape.table.schema.primary_key.iter().map(|name| shape.position(name)).collect(),
    }
}

/// What is cut in the rows of one table, as a query reads them.
pub struct Cutting {
    links: Arc<CutLinks>,
    table: &'static str,
    row_at: Vec<usize>,
    /// For each of the table's which cells are NULL.
    cells: Vec<SmallVec<[usize; 4]>>,
}

impl Cutting {
    /// For a query that has the rows' ids at this place; `None` if nothing is cut.
    pub fn new(links: &Arc<CutLinks>, shape: &Shape<'_>, id_at: usize) -> Option<Cutting> {
        let table = shape.table.schema.name;
        let cells = |names: &Vec<String>| {
            let wanted = shape.columns.iter().enumerate().filter(|(_, column)| names.contains(&column.name));
            wanted.map(|(at, _)| shape.first + at).collect()
        };
        let cells = links.0.get(table)?.iter().map(|(names, _)| cells(names)).collect();
        Some(Cutting { links: Arc::clone(links), table, row_at: row_at(shape, id_at)?, cells })
    }

    fn nulls(&self, row: &dyn Row) -> Result<SmallVec<[usize; 4]>> {
        let mut nulls = SmallVec::new();
        let own = key(&self.row_at, row)?;
        for ((_, rows), cells) in self.links.0.get(self.table).into_iter().flatten().zip(&self.cells) {
            if rows.contains(&own) {
                nulls.extend_from_slice(cells);
            }
        }
        Ok(nulls)
    }
}

/// Hands over a row as it is without the links that are cut.
pub fn without_cut(
    cutting: Option<&Cutting>,
    row: &dyn Row,
    see: &mut dyn FnMut(&dyn Row) -> Result<()>,
) -> Result<()> {
    let Some(cutting) = cutting else { return see(row) };
    let nulls = cutting.nulls(row)?;
    if nulls.is_empty() { see(row) } else { see(&Cut { row, nulls }) }
}

/// A row with some cells that are NULL.
struct Cut<'r> {
    row: &'r dyn Row,
    nulls: SmallVec<[usize; 4]>,
}

impl Row for Cut<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if self.nulls.contains(&index) { Ok(ValueRef::Null) } else { self.row.value(index) }
    }
}
