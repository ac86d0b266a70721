//! Reading the result sets of a server, row by row, one or several together.

use crate::database::rows::{Cursor, Next, Query, Row, WithCursors};
use crate::error::{Domain, Error, Result};
use crate::spill::CellBuffer;
use crate::values::{Value, ValueRef};

/// What result sets are read from, several of which can be open.
pub trait ResultSets {
    /// A result set that is being read.
    type Reading;

    /// Reads the next row; whether there is one.
    fn next(&self, reading: &Self::Reading, cells: &mut CellBuffer) -> Result<bool>;

    /// Ends reading.
    fn close(&self, reading: &Self::Reading);
}

/// An open result set. Dropping it ends reading.
pub struct Open<'c, C: ResultSets> {
    pub channel: &'c C,
    pub reading: C::Reading,
}

impl<C: ResultSets> Drop for Open<'_, C> {
    fn drop(&mut self) {
        self.channel.close(&self.reading);
    }
}

impl<C: ResultSets> Open<'_, C> {
    /// Reads the rows until `each` wants no more.
    pub fn each(&self, each: &mut dyn FnMut(&CellBuffer) -> Result<Next>) -> Result<()> {
        let mut cells = CellBuffer::default();
        while self.channel.next(&self.reading, &mut cells)? {
            if each(&cells)? == Next::Stop {
                break;
            }
        }
        Ok(())
    }

    /// The cells of the first row, of which there is no other copy.
    pub fn first_row(&self) -> Result<Option<Vec<Value>>> {
        let mut cells = CellBuffer::default();
        Ok(self.channel.next(&self.reading, &mut cells)?.then(|| cells.into_values()))
    }

    /// The same as [`Row`]s.
    pub fn each_row(&self, each: &mut dyn FnMut(&dyn Row) -> Result<Next>) -> Result<()> {
        self.each(&mut |cells| each(&Buffered(cells)))
    }
}

/// Opens a result set for each query, and reads them together.
pub fn read_together<'c, C: ResultSets + 'c>(
    queries: &[Query],
    open: impl Fn(&Query) -> Result<Open<'c, C>>,
    body: WithCursors<'_>,
) -> Result<()> {
    let mut cursors: Vec<Box<dyn Cursor + 'c>> = Vec::new();
    for query in queries {
        cursors.push(Box::new(ServerCursor { open: open(query)?, cells: CellBuffer::default() }));
    }
    body(cursors)
}

/// A row that was read.
struct Buffered<'b>(&'b CellBuffer);

impl Row for Buffered<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        cell(self.0, index)
    }
}

/// The rows of one of several result sets that are read together.
struct ServerCursor<'c, C: ResultSets> {
    open: Open<'c, C>,
    cells: CellBuffer,
}

impl<C: ResultSets> Row for ServerCursor<'_, C> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        cell(&self.cells, index)
    }
}

impl<C: ResultSets> Cursor for ServerCursor<'_, C> {
    fn advance(&mut self) -> Result<bool> {
        self.open.channel.next(&self.open.reading, &mut self.cells)
    }
}

fn cell(cells: &CellBuffer, index: usize) -> Result<ValueRef<'_>> {
    if index < cells.len() {
        return Ok(cells.get(index));
    }
    Err(Error::internal(Domain::Database, "a cell that was not selected, or of no row"))
}
