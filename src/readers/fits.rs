//! Whether the target takes a value as it is: its columns can be shorter than what a file holds, and refuse some letters.

use crate::database::{Connection, Layout};
use crate::digest::Conversion;
use crate::error::Result;
use crate::values::ValueRef;

/// The columns of the target.
pub struct Fits<'t> {
    target: &'t dyn Connection,
    layout: &'t Layout,
}

impl<'t> Fits<'t> {
    pub fn new(target: &'t dyn Connection, layout: &'t Layout) -> Fits<'t> {
        Fits { target, layout }
    }

    /// Whether a column keeps a value as it is. What the target has no column for is not its to refuse.
    pub fn takes(&self, table: &str, column: &str, value: ValueRef<'_>) -> Result<bool> {
        let Some(table) = self.layout.table(table) else { return Ok(true) };
        let Some(column) = table.position(column).and_then(|at| table.columns.get(at)) else { return Ok(true) };
        let kind = column.schema.map(|known| known.kind);
        Ok(Conversion::of(self.target, column, value, kind)? == Conversion::Same)
    }
}
