//! Results as columns, cell by cell.

use expmig::arrow::{Batches, Column, Kind, Values};

/// A cell, so that NaN equals itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(u64),
    Text(String),
}

fn cell(column: &Column, row: usize) -> Cell {
    if !column.validity.is_empty() && column.validity[row / 8] >> (row % 8) & 1 == 0 {
        return Cell::Null;
    }
    if column.kind == Kind::Labels {
        let (from, to) = (column.offsets[row] as usize, column.offsets[row + 1] as usize);
        let entries = &column.children[0].children;
        return Cell::Text(format!(
            "{:?}",
            (from..to).map(|at| (cell(&entries[0], at), cell(&entries[1], at))).collect::<Vec<_>>()
        ));
    }
    match &column.values {
        Values::Integers(values) => Cell::Integer(values[row]),
        Values::Reals(values) => Cell::Real(values[row].to_bits()),
        Values::Bytes(values) => {
            let (from, to) = (column.offsets[row] as usize, column.offsets[row + 1] as usize);
            Cell::Text(String::from_utf8(values[from..to].to_vec()).unwrap())
        }
        Values::None => Cell::Null,
    }
}

/// All rows, in an order that hangs on them alone.
pub fn rows(mut batches: Batches) -> Vec<Vec<Cell>> {
    let mut all = Vec::new();
    while let Some(batch) = batches.next_batch().unwrap() {
        all.extend((0..batch.rows).map(|row| batch.columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>()));
    }
    all.sort_by_key(|row| format!("{row:?}"));
    all
}
