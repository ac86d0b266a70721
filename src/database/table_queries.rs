//! Parts of queries that every room writes: the rows of a table in which a column lies between two numbers, and whether a table has a row.

use super::layout::TableLayout;
use crate::schema::quote;
use crate::values::Value;

/// Selects the rows in which a column, quoted, lies between the two parameters. `from` names the table as `t`. More conditions, and an order,
/// can follow.
pub fn select_between(select: &str, from: &str, column: &str) -> String {
    format!("SELECT {select} FROM {from} WHERE t.{column} BETWEEN ?1 AND ?2")
}

/// The parameters of [`select_between`].
pub fn between((low, high): (i64, i64)) -> [Value; 2] {
    [Value::Integer(low), Value::Integer(high)]
}

impl TableLayout {
    /// [`select_between`] of this table alone.
    pub fn select_between(&self, select: &str, column: &str) -> String {
        select_between(select, &format!("{} AS t", quote(&self.name)), column)
    }

    /// Whether the table has a row, named `alias`, for which all of these conditions hold.
    pub fn exists(&self, alias: &str, conditions: &[String]) -> String {
        format!("EXISTS (SELECT 1 FROM {} AS {alias} WHERE {})", quote(&self.name), conditions.join(" AND "))
    }
}
