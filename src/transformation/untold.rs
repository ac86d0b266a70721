//! Cells of METRIC whose text is not their whole value: a date or a decimal that only a server's JSON has would change if its text were
//! written back.

use std::collections::HashSet;

use super::metric::CELLS;
use crate::database::{Connection, Next, TableLayout};
use crate::error::Result;
use crate::hierarchy::mark;
use crate::values::ValueRef;

/// What tells such cells, for each column.
#[derive(Default)]
pub struct Untold([HashSet<u64>; 2]);

impl Untold {
    /// Looks for them in the whole table.
    pub fn find(connection: &dyn Connection, table: &TableLayout) -> Result<Untold> {
        let mut untold = Untold::default();
        for (marks, (name, _)) in untold.0.iter_mut().zip(CELLS) {
            let Some(column) = table.position(name).and_then(|at| table.columns.get(at)) else { continue };
            connection.each_not_taken_back(table, column, &mut |value| {
                marks.insert(mark(value));
                Ok(Next::Row)
            })?;
        }
        Ok(untold)
    }

    /// The column of the first of these cells that is one, of those that change.
    pub fn first_of(&self, cells: [ValueRef<'_>; 2], changed: u8) -> Option<&'static str> {
        let cells = cells.into_iter().zip(&self.0).zip(CELLS);
        let mut untold = cells.filter(|((cell, marks), (_, bit))| {
            changed & bit != 0 && !marks.is_empty() && marks.contains(&mark(*cell))
        });
        untold.next().map(|(_, (name, _))| name)
    }
}
