//! The statements that add missing extra columns. A user has to run them, because DDL would end the transaction.

use super::ddl::CHARSET;
use super::names::backticked;
use crate::database::layout::TableLayout;
use crate::database::missing_column::{Kinds, MissingColumn};

/// The statement that adds columns to a table.
pub fn statement(table: &TableLayout, columns: &[MissingColumn<'_>]) -> String {
    let added: Vec<String> = columns
        .iter()
        .flat_map(|column| {
            let name = backticked(&column.name);
            match column.refers {
                None => vec![format!("ADD COLUMN {name} {}", type_for(column.kinds))],
                Some(parent) => {
                    // Both ends of a foreign key have one type.
                    let id = parent.columns.iter().find(|column| column.name.eq_ignore_ascii_case("id"));
                    let declared = id.map_or("BIGINT", |id| id.declared.as_str());
                    let key = format!("ADD FOREIGN KEY ({name}) REFERENCES {} (`id`)", backticked(&parent.name));
                    vec![format!("ADD COLUMN {name} {declared}"), key]
                }
            }
        })
        .collect();
    format!("ALTER TABLE {} {}", backticked(&table.name), added.join(", "))
}

/// The type that holds values of these kinds as they are, or most of them if they are of several.
fn type_for(kinds: Kinds) -> String {
    match kinds {
        Kinds { text: true, .. } => format!("LONGTEXT {CHARSET}"),
        Kinds { blob: true, .. } => "LONGBLOB".to_owned(),
        Kinds { real: true, .. } => "DOUBLE".to_owned(),
        Kinds { integer: true, .. } => "BIGINT".to_owned(),
        _ => format!("LONGTEXT {CHARSET}"),
    }
}
