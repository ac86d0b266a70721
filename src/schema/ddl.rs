//! Generates DDL from the schema data.

use super::table::{Column, Kind, Role, Table};

/// An identifier in double quotes, as both SQLite and MySQL's ANSI_QUOTES mode read it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[&str]) -> String {
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
        lines.push(format!("PRIMARY KEY ({})", list(table.primary_key)));
    }
    lines.extend(foreign_keys(table));
    format!("CREATE TABLE {} (\n  {}\n)", quote(table.name), lines.join(",\n  "))
}

fn foreign_keys(table: &Table) -> impl Iterator<Item = String> {
    table.references.iter().map(|reference| {
        format!(
            "FOREIGN KEY ({}) REFERENCES {}({})",
            list(reference.columns),
            quote(reference.table),
            list(reference.parent_columns)
        )
    })
}

/// What holds every text, and compares it by its code points.
pub const MYSQL_CHARSET: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// The `CREATE TABLE` statement of a table, for MySQL and MariaDB with `ANSI_QUOTES`: as the tracking application declares it, with types
/// that lose nothing. `FLOAT` has 32 bits there, `DATETIME` no fraction, `INT` 32 bits, and `JSON` changes what it is given.
pub fn create_statement_mysql(table: &Table) -> String {
    let mut lines: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", quote(column.name), mysql_column(table, column))).collect();
    lines.push(format!("PRIMARY KEY ({})", list(table.primary_key)));
    lines.extend(foreign_keys(table));
    let name = quote(table.name);
    format!("CREATE TABLE IF NOT EXISTS {name} (\n  {}\n) ENGINE = InnoDB {MYSQL_CHARSET}", lines.join(",\n  "))
}

/// The type of a column on a server.
pub fn mysql_type(column: &Column) -> String {
    let limited = || column.sqlite.split_once(')').map(|(varchar, _)| format!("{varchar})"));
    match column.kind {
        Kind::Integer => "BIGINT".to_owned(),
        Kind::Real => "DOUBLE".to_owned(),
        Kind::Time => "DATETIME(6)".to_owned(),
        Kind::Json => "LONGTEXT".to_owned(),
        Kind::Text => limited().unwrap_or_else(|| "LONGTEXT".to_owned()),
        Kind::Bytes | Kind::Cell => "LONGBLOB".to_owned(),
    }
}

/// The declaration of a column without its name.
fn mysql_column(table: &Table, column: &Column) -> String {
    let kind = mysql_type(column);
    let required = column.is_required() || table.primary_key.contains(&column.name);
    let mut declared = format!("{kind}{}", if required { " NOT NULL" } else { "" });
    if column.role == Role::Id {
        declared.push_str(" AUTO_INCREMENT");
    }
    if column.sqlite.contains("UNIQUE") {
        declared.push_str(" UNIQUE");
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::create_statement_mysql;
    use crate::schema::{EXPERIMENT_MANAGER, UNDO, UNDO_LINK};

    #[test]
    fn columns_of_a_server_lose_nothing() {
        let metric = create_statement_mysql(EXPERIMENT_MANAGER.table("METRIC").unwrap());
        let wanted = "\"id\" BIGINT NOT NULL AUTO_INCREMENT,\n  \"type\" VARCHAR(50) NOT NULL,\n  \"total_val\" DOUBLE NOT NULL,\n  \
                      \"per_label_val\" LONGTEXT,\n  PRIMARY KEY (\"id\")";
        assert!(metric.contains(wanted), "{metric}");
        let version = create_statement_mysql(EXPERIMENT_MANAGER.table("SCHEMA_VERSION").unwrap());
        assert!(version.contains("\"version\" VARCHAR(20) NOT NULL UNIQUE"), "{version}");
        let batch = create_statement_mysql(EXPERIMENT_MANAGER.table("BATCH").unwrap());
        assert!(
            batch.contains("\"epoch_idx\" BIGINT NOT NULL") && batch.contains("\"time\" DATETIME(6) NOT NULL"),
            "{batch}"
        );
        assert!(batch.contains("FOREIGN KEY (\"epoch_idx\", \"trial_run_id\") REFERENCES \"EPOCH\""), "{batch}");
        let undo = create_statement_mysql(&UNDO);
        assert!(undo.contains("\"total_val\" LONGBLOB,\n") && undo.contains("\"written\" LONGBLOB NOT NULL"), "{undo}");
        let links = create_statement_mysql(&UNDO_LINK);
        assert!(links.contains("\"link_table\" LONGTEXT NOT NULL,\n  \"key_1\" BIGINT,\n"), "{links}");
    }
}
