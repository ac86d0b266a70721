//! Queries and their rows.

use smallvec::SmallVec;

use crate::error::{Domain, Error, Result};
use crate::values::{Value, ValueRef};

/// Whether a query goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Row,
    Stop,
}

/// The current row of a query.
pub trait Row {
    /// The cell of a column, by position.
    fn value(&self, index: usize) -> Result<ValueRef<'_>>;

    /// The first cells, as many as there are places for.
    fn values<'r>(&'r self, cells: &mut [ValueRef<'r>]) -> Result<()> {
        cells.iter_mut().enumerate().try_for_each(|(at, cell)| {
            *cell = self.value(at)?;
            Ok(())
        })
    }
}

/// The cells of a row, fetched once for who looks at them more than once.
pub struct Cells<'r>(SmallVec<[ValueRef<'r>; 12]>);

impl<'r> Cells<'r> {
    /// The first cells of a row.
    pub fn of(row: &'r dyn Row, width: usize) -> Result<Cells<'r>> {
        let mut cells = SmallVec::from_elem(ValueRef::Null, width);
        row.values(&mut cells)?;
        Ok(Cells(cells))
    }

    /// The first cells of a row, and before them once more the one at the place.
    pub fn repeating(row: &'r dyn Row, width: usize, place: usize) -> Result<Cells<'r>> {
        let mut cells: SmallVec<[ValueRef<'r>; 12]> = SmallVec::from_elem(ValueRef::Null, 1 + width);
        if let Some((first, others)) = cells.split_first_mut() {
            row.values(others)?;
            *first = others.get(place).copied().unwrap_or(ValueRef::Null);
        }
        Ok(Cells(cells))
    }
}

impl Row for Cells<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        let missing = || Error::internal(Domain::Database, "a cell that was not read");
        self.0.get(index).copied().ok_or_else(missing)
    }
}

/// A query and its parameters.
#[derive(Clone, Debug)]
pub struct Query {
    pub sql: String,
    pub params: Vec<Value>,
    /// Whether the engine may have to sort many rows, which takes memory for as long as they are read.
    pub sorts: bool,
}

/// The rows of a query, one at a time: the current row, after a step.
pub trait Cursor: Row {
    /// Goes to the next row, the first time to the first; whether there is one.
    fn advance(&mut self) -> Result<bool>;
}

/// Gets a cursor for each of several queries.
pub type WithCursors<'a> = &'a mut dyn FnMut(Vec<Box<dyn Cursor + '_>>) -> Result<()>;
