//! The tables that are made here.

use crate::schema::{Column, Kind, Role, Table, foreign_keys, quote, quote_all};

/// What holds every text, and compares it by its code points.
pub const CHARSET: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// The `CREATE TABLE` statement of a table, for MySQL and MariaDB with `ANSI_QUOTES`: as the tracking application declares it, with types
/// that lose nothing. `FLOAT` has 32 bits there, `DATETIME` no fraction, `INT` 32 bits, and `JSON` changes what it is given.
pub fn create_statement(table: &Table) -> String {
    let mut lines: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", quote(column.name), declaration(table, column))).collect();
    lines.push(format!("PRIMARY KEY ({})", quote_all(table.primary_key)));
    lines.extend(foreign_keys(table));
    let name = quote(table.name);
    format!("CREATE TABLE IF NOT EXISTS {name} (\n  {}\n) ENGINE = InnoDB {CHARSET}", lines.join(",\n  "))
}

/// The type of a column on a server.
pub fn column_type(column: &Column) -> String {
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
fn declaration(table: &Table, column: &Column) -> String {
    let kind = column_type(column);
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
    use super::create_statement;
    use crate::schema::{EXPERIMENT_MANAGER, UNDO, UNDO_LINK};

    #[test]
    fn columns_of_a_server_lose_nothing() {
        let metric = create_statement(EXPERIMENT_MANAGER.table("METRIC").unwrap());
        let wanted = "\"id\" BIGINT NOT NULL AUTO_INCREMENT,\n  \"type\" VARCHAR(50) NOT NULL,\n  \"total_val\" DOUBLE NOT NULL,\n  \
                      \"per_label_val\" LONGTEXT,\n  PRIMARY KEY (\"id\")";
        assert!(metric.contains(wanted), "{metric}");
        let version = create_statement(EXPERIMENT_MANAGER.table("SCHEMA_VERSION").unwrap());
        assert!(version.contains("\"version\" VARCHAR(20) NOT NULL UNIQUE"), "{version}");
        let batch = create_statement(EXPERIMENT_MANAGER.table("BATCH").unwrap());
        assert!(
            batch.contains("\"epoch_idx\" BIGINT NOT NULL") && batch.contains("\"time\" DATETIME(6) NOT NULL"),
            "{batch}"
        );
        assert!(batch.contains("FOREIGN KEY (\"epoch_idx\", \"trial_run_id\") REFERENCES \"EPOCH\""), "{batch}");
        let undo = create_statement(&UNDO);
        assert!(undo.contains("\"total_val\" LONGBLOB,\n") && undo.contains("\"written\" LONGBLOB NOT NULL"), "{undo}");
        let links = create_statement(&UNDO_LINK);
        assert!(links.contains("\"link_table\" LONGTEXT NOT NULL,\n  \"key_1\" BIGINT,\n"), "{links}");
    }
}
