//! Collects rows into chunks and writes a chunk at once. If reading and writing alternated for every row, SQLite would look up the
//! reading position again each time when both are in one table.

use smallvec::SmallVec;

use super::connection::Inserter;
use crate::error::Result;
use crate::progress::Job;
use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// So many bytes of text and blobs are written at once, whatever collects them.
pub const FULL_BYTES: usize = 1 << 20;
/// A chunk is also written when it has this many values.
const FULL_CELLS: usize = 1 << 14;
/// Rows of a chunk that are handed over at once: a multiple of what one statement takes.
const ROWS_AT_ONCE: usize = 100;

/// No table's primary key has more columns: 32 bits of each make a number to sort by.
const KEY_COLUMNS: usize = 4;

/// Hears what was written into one table, and may end the transaction and begin another.
pub trait Stages {
    /// The table has `all` rows now, those that were passed over included; the last `rows` of them have so many bytes of cells.
    fn written(&self, table: &'static str, all: u64, rows: u64, bytes: u64) -> Result<()>;
}

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
    /// So many of the next rows are there already.
    passed_over: u64,
    stages: Option<(&'a dyn Stages, &'static str)>,
}

/// Of the cell itself.
fn bytes_of(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => size_of::<i64>(),
    }
}

impl<'a> Chunk<'a> {
    pub fn new(inserter: Box<dyn Inserter + 'a>, width: usize, most_rows: usize, job: &'a Job) -> Chunk<'a> {
        let width = width.max(1);
        let most_cells = most_rows.saturating_mul(width).min(FULL_CELLS);
        Chunk {
            inserter,
            width,
            most_cells,
            cells: CellBuffer::default(),
            written: 0,
            job,
            order: SmallVec::new(),
            passed_over: 0,
            stages: None,
        }
    }

    /// In a table that has the first so many rows already; `stages` hears of each time that rows are written.
    pub fn in_stages(self, table: &'static str, there: u64, stages: &'a dyn Stages) -> Chunk<'a> {
        Chunk { passed_over: there, stages: Some((stages, table)), ..self }
    }

    /// As [`Chunk::new`], for rows that come in another order than that of the table's primary key, whose columns are `key`: each
    /// chunk is sorted, so that the pages of the key's index are used one after the other.
    pub fn sorted(inserter: Box<dyn Inserter + 'a>, width: usize, key: &[usize], job: &'a Job) -> Chunk<'a> {
        Chunk { order: SmallVec::from_slice(key), ..Chunk::new(inserter, width, usize::MAX, job) }
    }

    /// Keeps one row; the columns at its end that got no value are NULL.
    pub fn push(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        self.push_all(values.iter().copied())
    }

    /// As [`Chunk::push`].
    #[inline]
    pub fn push_all<'v>(&mut self, values: impl Iterator<Item = ValueRef<'v>> + Clone) -> Result<()> {
        if self.passed_over > 0 {
            self.passed_over -= 1;
            self.written += 1;
            return self.job.advance_by(1);
        }
        if values.clone().any(|value| value.is_huge()) {
            return self.write_through(values);
        }
        let end = self.cells.len() + self.width;
        values.for_each(|value| self.cells.push(value));
        (self.cells.len()..end).for_each(|_| self.cells.push(ValueRef::Null));
        Ok(())
    }

    /// Writes a row with a huge value at once, so that there is no copy of it.
    #[cold]
    fn write_through<'v>(&mut self, values: impl Iterator<Item = ValueRef<'v>>) -> Result<()> {
        self.flush()?;
        let mut row: Vec<ValueRef<'_>> = values.collect();
        row.resize(self.width, ValueRef::Null);
        self.inserter.insert(&row)?;
        let bytes = row.iter().map(bytes_of).sum::<usize>();
        self.note(1, bytes)
    }

    /// Counts rows that were written.
    fn note(&mut self, rows: u64, bytes: usize) -> Result<()> {
        self.written += rows;
        self.job.advance_by(rows)?;
        match self.stages {
            Some((stages, table)) if rows > 0 => stages.written(table, self.written, rows, bytes as u64),
            _ => Ok(()),
        }
    }

    /// Writes the rows if there are enough of them.
    pub fn flush_if_full(&mut self) -> Result<()> {
        if self.cells.len() >= self.most_cells || self.cells.byte_len() >= FULL_BYTES {
            return self.flush();
        }
        Ok(())
    }

    /// Writes the rows that are kept.
    pub fn flush(&mut self) -> Result<()> {
        let (cells, width) = (&self.cells, self.width);
        let order = self.row_order();
        let rows = cells.len() / width;
        // Not all at once: what is only looked at once should not leave the processor's cache.
        let mut values: Vec<ValueRef<'_>> = Vec::with_capacity(rows.min(ROWS_AT_ONCE) * width);
        for from in (0..rows).step_by(ROWS_AT_ONCE) {
            values.clear();
            for place in from..rows.min(from + ROWS_AT_ONCE) {
                let row = order.get(place).map_or(place, |(_, row)| *row);
                values.extend((row * width..(row + 1) * width).map(|at| cells.get(at)));
            }
            self.inserter.insert(&values)?;
        }
        let bytes = self.cells.byte_len() + self.cells.len() * size_of::<i64>();
        self.note(rows as u64, bytes)?;
        // One huge value must not keep its memory for the rest of the table.
        self.cells.clear(FULL_BYTES * 2);
        Ok(())
    }

    /// The rows in the order in which they are written; empty for the order in which they came.
    fn row_order(&self) -> Vec<(u128, usize)> {
        if self.order.is_empty() {
            return Vec::new();
        }
        // What is no integer, or a large one, stands somewhere: the order is only for speed.
        let part = |value: ValueRef<'_>| u32::try_from(value.as_integer().unwrap_or(0)).unwrap_or(u32::MAX);
        let key = |row: usize| {
            let parts = self.order.iter().map(|at| part(self.cells.get(row * self.width + at)));
            parts.fold(0u128, |key, part| key << 32 | u128::from(part))
        };
        let mut rows: Vec<_> = (0..self.cells.len() / self.width).map(|row| (key(row), row)).collect();
        rows.sort_unstable();
        rows
    }

    /// Writes what is left; returns how many rows were written in all.
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}
