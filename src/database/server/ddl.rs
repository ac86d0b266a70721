//! What the CREATE TABLE statements of all servers have in common.

use crate::schema::{Column, Kind, Table, quote, quote_all};

/// The types of a server that lose nothing. Integers and short texts are BIGINT and VARCHAR everywhere.
pub struct Types {
    pub real: &'static str,
    pub time: &'static str,
    /// JSON is kept as text, so that every byte of it stays.
    pub text: &'static str,
    pub bytes: &'static str,
}

impl Types {
    /// The type of a column of ours.
    pub fn of(&self, column: &Column) -> String {
        let limited = || column.sqlite.split_once(')').map(|(varchar, _)| format!("{varchar})"));
        match column.kind {
            Kind::Integer => "BIGINT".to_owned(),
            Kind::Real => self.real.to_owned(),
            Kind::Time => self.time.to_owned(),
            Kind::Json => self.text.to_owned(),
            Kind::Text => limited().unwrap_or_else(|| self.text.to_owned()),
            Kind::Bytes | Kind::Cell => self.bytes.to_owned(),
        }
    }
}

/// Whether a column of a table is NOT NULL.
pub fn is_required(table: &Table, column: &Column) -> bool {
    column.is_required() || table.primary_key.contains(&column.name)
}

/// What stands between the parentheses: columns, which `declaration` declares behind their names, the primary key, and the foreign keys.
pub fn body(table: &Table, declaration: impl Fn(&Column) -> String, foreign_keys: Vec<String>) -> String {
    let column = |column: &Column| {
        let unique = if column.sqlite.contains("UNIQUE") { " UNIQUE" } else { "" };
        format!("{} {}{unique}", quote(column.name), declaration(column))
    };
    let mut lines: Vec<String> = table.columns.iter().map(column).collect();
    lines.push(format!("PRIMARY KEY ({})", quote_all(table.primary_key)));
    lines.extend(foreign_keys);
    lines.join(",\n  ")
}
