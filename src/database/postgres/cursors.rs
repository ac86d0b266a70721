//! The rows of result sets, as those see them who read them.

use super::channel::Channel;
use super::result_set::Reading;
use crate::database::rows::{Cursor, Row};
use crate::error::{Domain, Error, Result};
use crate::spill::CellBuffer;
use crate::values::ValueRef;

/// A row that was read.
pub struct Buffered<'b>(pub &'b CellBuffer);

impl Row for Buffered<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if index < self.0.len() {
            return Ok(self.0.get(index));
        }
        Err(Error::internal(Domain::Database, "PostgreSQL: a cell that was not selected"))
    }
}

/// Ends reading when it is dropped.
pub struct Open<'c> {
    pub channel: &'c Channel,
    pub reading: Reading,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.channel.close(&self.reading);
    }
}

/// The rows of one of several result sets that are read together.
pub struct PostgresCursor<'c> {
    open: Open<'c>,
    cells: CellBuffer,
}

impl<'c> PostgresCursor<'c> {
    pub fn new(open: Open<'c>) -> PostgresCursor<'c> {
        PostgresCursor { open, cells: CellBuffer::default() }
    }
}

impl Row for PostgresCursor<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if index < self.cells.len() {
            return Ok(self.cells.get(index));
        }
        Err(Error::internal(Domain::Database, "PostgreSQL: a cell of no row"))
    }
}

impl Cursor for PostgresCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        self.open.channel.next(&self.open.reading, &mut self.cells)
    }
}
