//! Rows on their way: read a chunk, then write it. Changing between reading and writing for every row would make SQLite look up
//! the reading position again each time when both are in one table.

use crate::database::Inserter;
use crate::error::Result;
use crate::progress::Job;
use crate::schema::ValueRef;

/// A chunk is also written when it has this many bytes of text and blobs, or this many values.
const FULL_BYTES: usize = 1 << 20;
const FULL_CELLS: usize = 1 << 14;

#[derive(Clone, Copy)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(usize, usize),
    Blob(usize, usize),
}

/// Rows that were read and not yet written.
pub struct Chunk<'a> {
    inserter: Box<dyn Inserter + 'a>,
    width: usize,
    most_cells: usize,
    cells: Vec<Cell>,
    bytes: Vec<u8>,
    written: u64,
    job: &'a Job,
}

impl<'a> Chunk<'a> {
    pub fn new(inserter: Box<dyn Inserter + 'a>, width: usize, most_rows: usize, job: &'a Job) -> Chunk<'a> {
        let width = width.max(1);
        let most_cells = most_rows.saturating_mul(width).min(FULL_CELLS);
        Chunk { inserter, width, most_cells, cells: Vec::new(), bytes: Vec::new(), written: 0, job }
    }

    /// Keeps one row; the columns at its end that got no value are NULL.
    pub fn push(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        for value in values {
            let cell = match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(*value),
                ValueRef::Real(value) => Cell::Real(*value),
                ValueRef::Text(text) => Cell::Text(self.keep(text), text.len()),
                ValueRef::Blob(blob) => Cell::Blob(self.keep(blob), blob.len()),
            };
            self.cells.push(cell);
        }
        self.cells.extend((values.len()..self.width).map(|_| Cell::Null));
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> usize {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Writes the rows if there are enough of them.
    pub fn flush_if_full(&mut self) -> Result<()> {
        if self.cells.len() >= self.most_cells || self.bytes.len() >= FULL_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let values: Vec<ValueRef<'_>> = self
            .cells
            .iter()
            .map(|cell| match cell {
                Cell::Null => ValueRef::Null,
                Cell::Integer(value) => ValueRef::Integer(*value),
                Cell::Real(value) => ValueRef::Real(*value),
                Cell::Text(at, len) => ValueRef::Text(self.bytes.get(*at..at + len).unwrap_or_default()),
                Cell::Blob(at, len) => ValueRef::Blob(self.bytes.get(*at..at + len).unwrap_or_default()),
            })
            .collect();
        self.inserter.insert(&values)?;
        let rows = (values.len() / self.width) as u64;
        self.written += rows;
        self.job.advance_by(rows)?;
        self.cells.clear();
        self.bytes.clear();
        // One huge value must not keep its memory for the rest of the table.
        self.bytes.shrink_to(FULL_BYTES * 2);
        Ok(())
    }

    /// Writes what is left; returns how many rows were written in all.
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}
