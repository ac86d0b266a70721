//! SQL from callers, restricted to reading.

use crate::error::Result;
use crate::values::{Value, ValueRef};

use super::rows::Next;

/// One row of such a statement.
#[derive(Clone, Copy, Debug)]
pub struct QueryRow<'r> {
    /// The names of the columns, as the statement gives them.
    pub columns: &'r [String],
    /// The cells, in the same order.
    pub values: &'r [ValueRef<'r>],
}

impl<'r> QueryRow<'r> {
    /// The cell of the first column with this name, in any letter case.
    pub fn get(&self, name: &str) -> Option<ValueRef<'r>> {
        let at = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        self.values.get(at).copied()
    }
}

/// Receives rows, and says whether it wants another one.
pub type EachRow<'e> = &'e mut dyn FnMut(&QueryRow<'_>) -> Result<Next>;

/// A statement that was found to do nothing but read, on one consistent state.
pub trait ReadStatement {
    /// The names of its parameters, with their sign (`:name`), by position; `None` for those that have none.
    fn parameters(&self) -> Vec<Option<String>>;

    /// The names of its columns.
    fn columns(&self) -> Result<Vec<String>>;

    /// Runs it, with as many values as it has parameters.
    fn run(&mut self, params: &[Value], each: EachRow<'_>) -> Result<()>;
}
