//! Rows on their way: collect a chunk, then write it. Changing between reading and writing for every row would make SQLite look up
//! the reading position again each time when both are in one table.

use smallvec::SmallVec;

use super::cell_buffer::CellBuffer;
use super::connection::Inserter;
use crate::error::Result;
use crate::progress::Job;
use crate::schema::ValueRef;

/// A chunk is also written when it has this many bytes of text and blobs, or this many values.
const FULL_BYTES: usize = 1 << 20;
const FULL_CELLS: usize = 1 << 14;

/// No table's primary key has more columns.
const KEY_COLUMNS: usize = 4;

/// Rows that were read and not yet written.
pub struct Chunk<'a> {
    inserter: Box<dyn Inserter + 'a>,
    width: usize,
    most_cells: usize,
    cells: CellBuffer,
    written: u64,
    job: &'a Job,
    /// The columns, by position, in whose order the rows of a chunk are written; none for the order in which they came.
    order: SmallVec<[usize; KEY_COLUMNS]>,
}

impl<'a> Chunk<'a> {
    pub fn new(inserter: Box<dyn Inserter + 'a>, width: usize, most_rows: usize, job: &'a Job) -> Chunk<'a> {
        let width = width.max(1);
        let most_cells = most_rows.saturating_mul(width).min(FULL_CELLS);
        Chunk { inserter, width, most_cells, cells: CellBuffer::default(), written: 0, job, order: SmallVec::new() }
    }

    /// As [`Chunk::new`], for rows that come in another order than that of the table's primary key, whose columns are `key`: each
    /// chunk is sorted, so that the pages of the key's index are used one after the other.
    pub fn sorted(inserter: Box<dyn Inserter + 'a>, width: usize, key: &[usize], job: &'a Job) -> Chunk<'a> {
        Chunk { order: SmallVec::from_slice(key), ..Chunk::new(inserter, width, usize::MAX, job) }
    }

    /// Keeps one row; the columns at its end that got no value are NULL.
    pub fn push(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        values.iter().for_each(|value| self.cells.push(*value));
        (values.len()..self.width).for_each(|_| self.cells.push(ValueRef::Null));
        Ok(())
    }

    /// Writes the rows if there are enough of them.
    pub fn flush_if_full(&mut self) -> Result<()> {
        if self.cells.len() >= self.most_cells || self.cells.byte_len() >= FULL_BYTES {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut values: Vec<ValueRef<'_>> = self.cells.iter().collect();
        if !self.order.is_empty() {
            values = sorted(&values, self.width, &self.order);
        }
        self.inserter.insert(&values)?;
        let rows = (values.len() / self.width) as u64;
        self.written += rows;
        self.job.advance_by(rows)?;
        // One huge value must not keep its memory for the rest of the table.
        self.cells.clear(FULL_BYTES * 2);
        Ok(())
    }

    /// Writes what is left; returns how many rows were written in all.
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}

/// The rows in the order of these columns.
fn sorted<'v>(values: &[ValueRef<'v>], width: usize, order: &[usize]) -> Vec<ValueRef<'v>> {
    let key = |row: &[ValueRef<'v>]| -> [i64; KEY_COLUMNS] {
        let mut key = [0; KEY_COLUMNS];
        for (place, at) in key.iter_mut().zip(order) {
            // What is no integer stands somewhere: the order is only for speed.
            *place = row.get(*at).and_then(|value| value.as_integer()).unwrap_or(i64::MIN);
        }
        key
    };
    let mut rows: Vec<_> = values.chunks_exact(width).map(|row| (key(row), row)).collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    let mut sorted = Vec::with_capacity(values.len());
    rows.into_iter().for_each(|(_, row)| sorted.extend_from_slice(row));
    sorted
}
