//! Generates DDL from the schema data.

use super::table::{Column, Role, Table};

/// An identifier in double quotes, as both SQLite and MySQL's ANSI_QUOTES mode read it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same of several, with commas.
pub fn quote_all(names: &[&str]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// The `CREATE TABLE` statement of a table, for SQLite, as the tracking application declares it.
pub fn create_statement(table: &Table) -> String {
    create(table, true, &|_| None, &[])
}

/// The same with more columns: names and types.
pub fn create_statement_with(table: &Table, extra: &[(&str, String)]) -> String {
    create(table, true, &|_| None, extra)
}

/// As [`create_statement`], with another declaration for the columns for which there is one; unless `keyed` without a key of several
/// columns.
pub fn create_statement_as(table: &Table, keyed: bool, declaration: &dyn Fn(&Column) -> Option<String>) -> String {
    create(table, keyed, declaration, &[])
}

fn create(
    table: &Table,
    keyed: bool,
    declaration: &dyn Fn(&Column) -> Option<String>,
    extra: &[(&str, String)],
) -> String {
    let declared = |column: &Column| declaration(column).unwrap_or_else(|| column.sqlite.to_owned());
    let mut lines: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", quote(column.name), declared(column))).collect();
    lines.extend(extra.iter().map(|(name, declared)| format!("{} {declared}", quote(name))));
    let key_is_declared = table.columns.iter().any(|column| column.role == Role::Id);
    if keyed && !key_is_declared {
        lines.push(format!("PRIMARY KEY ({})", quote_all(table.primary_key)));
    }
    lines.extend(foreign_keys(table));
    format!("CREATE TABLE {} (\n  {}\n)", quote(table.name), lines.join(",\n  "))
}

/// The foreign keys that a table declares.
pub fn foreign_keys(table: &Table) -> impl Iterator<Item = String> {
    table.references.iter().map(|reference| {
        format!(
            "FOREIGN KEY ({}) REFERENCES {}({})",
            quote_all(reference.columns),
            quote(reference.table),
            quote_all(reference.parent_columns)
        )
    })
}
