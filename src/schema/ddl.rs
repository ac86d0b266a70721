//! DDL from the schema data.

use super::tables::{Role, Table};

/// An identifier in double quotes, as both SQLite and MySQL's ANSI_QUOTES mode read it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// The `CREATE TABLE` statement of a table, for SQLite, as the tracking application declares it.
pub fn create_statement(table: &Table) -> String {
    let mut lines: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", quote(column.name), column.sqlite)).collect();
    let key_is_declared = table.columns.iter().any(|column| column.role == Role::Id);
    if !key_is_declared {
        lines.push(format!("PRIMARY KEY ({})", list(table.primary_key)));
    }
    for reference in table.references {
        lines.push(format!(
            "FOREIGN KEY ({}) REFERENCES {}({})",
            list(reference.columns),
            quote(reference.table),
            list(reference.parent_columns)
        ));
    }
    format!("CREATE TABLE {} (\n  {}\n)", quote(table.name), lines.join(",\n  "))
}
