//! Foreign keys that other tables declare to tables of the schema.

use crate::schema::{Table, quote};

/// A foreign key to one of our tables that the schema does not know: of somebody else's table, or of an extra column of ours.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The table that refers, for messages; with its schema where that is another one.
    pub table: String,
    /// The same for SQL.
    pub name: String,
    /// Its columns, and its primary key, by which a row is told from others.
    pub columns: Vec<String>,
    pub key: Vec<String>,
    /// Our table, its name for SQL, and the columns that are referred to, one for each of the others.
    pub to: &'static Table,
    pub to_name: String,
    pub to_columns: Vec<String>,
    /// Whether the table that refers is one of ours, too.
    pub is_ours: bool,
}

/// What refers to our tables.
#[derive(Clone, Debug, Default)]
pub struct References {
    pub found: Vec<Reference>,
    /// Whether there may be others, which the account is not told of.
    pub perhaps_more: bool,
    /// Tables that refer to ours, of which the account is told nothing but that they exist.
    pub hidden: Vec<String>,
    /// Tables that refer to ours, which no statement can name, or their columns.
    pub unnamed: Vec<String>,
}

impl Reference {
    fn set(&self, alias: &str, columns: &[String]) -> Vec<String> {
        columns.iter().map(|column| format!("{alias}.{}", quote(column))).collect()
    }

    /// Both tables, `x` the one that refers and `t` ours, and where a row of it leads.
    fn joined(&self, how: &str) -> String {
        let pairs = self.columns.iter().zip(&self.to_columns);
        let equal: Vec<String> = pairs.map(|(from, to)| format!("t.{} = x.{}", quote(to), quote(from))).collect();
        format!("{} AS x {how} {} AS t ON {}", self.name, self.to_name, equal.join(" AND "))
    }

    /// The rows that lead nowhere: first what they refer to, then their primary key.
    pub fn dangling(&self) -> String {
        let (from, key) = (self.set("x", &self.columns), self.set("x", &self.key));
        let refers: String = from.iter().map(|column| format!("{column} IS NOT NULL AND ")).collect();
        let gone =
            self.to_columns.first().map_or_else(|| "1 = 1".to_owned(), |column| format!("t.{} IS NULL", quote(column)));
        let select: Vec<String> = from.into_iter().chain(key).collect();
        format!("SELECT {} FROM {} WHERE {refers}{gone}", select.join(", "), self.joined("LEFT JOIN"))
    }

    /// This column of the rows of ours that are referred to.
    pub fn referred(&self, column: &str) -> String {
        format!("SELECT t.{} FROM {}", quote(column), self.joined("JOIN"))
    }
}
