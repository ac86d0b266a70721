//! The statements that create tables.

use crate::database::server::ddl::{Types, body, is_required};
use crate::schema::{Role, Table, foreign_keys, quote};

/// What holds every text, and compares it by its code points.
pub const CHARSET: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// `FLOAT` has 32 bits here, `DATETIME` no fraction, `INT` 32 bits, and `JSON` changes what it is given.
pub const TYPES: Types = Types { real: "DOUBLE", time: "DATETIME(6)", text: "LONGTEXT", bytes: "LONGBLOB" };

/// The `CREATE TABLE` statement of a table, for MySQL and MariaDB with `ANSI_QUOTES`: as the tracking application declares it, with types
/// that lose nothing.
pub fn create_statement(table: &Table) -> String {
    let body = body(
        table,
        |column| {
            let required = if is_required(table, column) { " NOT NULL" } else { "" };
            let counted = if column.role == Role::Id { " AUTO_INCREMENT" } else { "" };
            format!("{}{required}{counted}", TYPES.of(column))
        },
        foreign_keys(table).collect(),
    );
    format!("CREATE TABLE IF NOT EXISTS {} (\n  {body}\n) ENGINE = InnoDB {CHARSET}", quote(table.name))
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
