//! Making the tables of a schema hold everything: which types are too narrow, and the statements that widen them.

use super::column_type::{Charset, ColumnType};
use super::connection::MysqlConnection;
use crate::database::connection::{Connection, Next, Row};
use crate::database::layout::{ColumnLayout, Storage, TableLayout};
use crate::database::widening::{Change, Left, Widening};
use crate::error::Result;
use crate::schema::{Column, Kind, MYSQL_CHARSET, Value, mysql_type, quote};

/// What a statement that changes a column has to repeat, and cannot always.
const DETAILS: &str = "SELECT COLUMN_NAME, EXTRA, COLUMN_COMMENT, COLUMN_DEFAULT FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";

/// Columns at either end of a foreign key: their types cannot change while there is one.
const KEYS: &str = "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1 AND REFERENCED_TABLE_NAME IS NOT NULL
    UNION SELECT REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
    WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?1";

/// What has to be done, for every table that is there.
pub fn plan(connection: &MysqlConnection) -> Result<Widening> {
    let mut widening = Widening::default();
    for table in connection.layout()?.tables {
        let (hand_made, keys) = (hand_made(connection, &table)?, keys(connection, &table)?);
        let mut parts = Vec::new();
        for column in &table.columns {
            let (Some(schema), Storage::Mysql(kind)) = (column.schema, &column.storage) else { continue };
            let left = |reason| Left {
                table: table.schema.name,
                column: column.name.clone(),
                declared: column.declared.clone(),
                reason,
            };
            let wanted = match wanted(schema, kind) {
                Wanted::Nothing => continue,
                Wanted::Unknown => {
                    widening.left.push(left("what it holds cannot be told"));
                    continue;
                }
                Wanted::Type(wanted) => wanted,
            };
            if hand_made.contains(&column.name) {
                widening.left.push(left("it has a default, a comment or another attribute that would be lost"));
                continue;
            }
            if keys.contains(&column.name) {
                widening
                    .left
                    .push(left("it is part of a foreign key, which has to be dropped first and made again after"));
                continue;
            }
            parts.push(format!("MODIFY COLUMN {} {}", quote(&column.name), declaration(schema, column, &wanted)));
            widening.changes.push(Change {
                table: table.schema.name,
                column: column.name.clone(),
                from: column.declared.clone(),
                to: wanted,
            });
        }
        if !parts.is_empty() {
            widening.statements.push(format!("ALTER TABLE {} {}", quote(&table.name), parts.join(", ")));
        }
    }
    Ok(widening)
}

/// Runs the statements, each of which ends a transaction of its own.
pub fn apply(connection: &MysqlConnection, widening: &Widening) -> Result<()> {
    connection.while_locked(&mut || widening.statements.iter().try_for_each(|statement| connection.define(statement)))
}

/// The columns that have more than a type.
fn hand_made(connection: &MysqlConnection, table: &TableLayout) -> Result<Vec<String>> {
    let mut found = Vec::new();
    connection.query(DETAILS, &[Value::Text(table.name.clone().into_bytes())], &mut |row: &dyn Row| {
        let text = |at: usize| Ok::<_, crate::error::Error>(row.value(at)?.readable().unwrap_or_default());
        let plain = matches!(text(1)?.to_ascii_lowercase().as_str(), "" | "auto_increment");
        // MariaDB writes the default NULL as a word.
        let default = text(3)?;
        if !plain || !text(2)?.is_empty() || !(default.is_empty() || default == "NULL") {
            found.push(text(0)?);
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// More characters than this of four bytes do not fit into a row.
const LONGEST_VARCHAR: u64 = 16_000;

/// The columns that are part of foreign keys.
fn keys(connection: &MysqlConnection, table: &TableLayout) -> Result<Vec<String>> {
    let mut found = Vec::new();
    connection.query(KEYS, &[Value::Text(table.name.clone().into_bytes())], &mut |row: &dyn Row| {
        found.extend(row.value(0)?.readable());
        Ok(Next::Row)
    })?;
    Ok(found)
}

enum Wanted {
    /// The column is wide enough.
    Nothing,
    Type(String),
    Unknown,
}

/// The type that a column should have.
fn wanted(schema: &Column, kind: &ColumnType) -> Wanted {
    let ours = mysql_type(schema);
    let wide = match (schema.kind, kind) {
        (Kind::Integer, ColumnType::Integer { least, most }) => {
            // Numbers without a sign that need all bits have no wider type.
            *most == u64::MAX || (*least == i64::MIN && *most >= i64::MAX.unsigned_abs())
        }
        (Kind::Real, ColumnType::Double) => true,
        (Kind::Real, ColumnType::Float) => false,
        (Kind::Time, ColumnType::DateTime { fraction }) => *fraction >= 6,
        (Kind::Json, ColumnType::Json) => false,
        (Kind::Text | Kind::Json, ColumnType::Text { most_characters, charset, trimmed, json, .. }) => {
            let least = limit(&ours);
            let wide = *charset == Charset::Utf8 && !trimmed && !json && *most_characters >= least;
            if !wide && (least..=LONGEST_VARCHAR).contains(most_characters) {
                // Never shorter than it is.
                return Wanted::Type(format!("VARCHAR({most_characters})"));
            }
            if !wide && *most_characters > LONGEST_VARCHAR {
                return Wanted::Type("LONGTEXT".to_owned());
            }
            wide
        }
        _ => return Wanted::Unknown,
    };
    if wide { Wanted::Nothing } else { Wanted::Type(ours) }
}

/// How many characters a type of ours has.
fn limit(declared: &str) -> u64 {
    let number = declared.strip_prefix("VARCHAR(").and_then(|rest| rest.strip_suffix(')'));
    number.and_then(|number| number.parse().ok()).unwrap_or(u64::from(u32::MAX) / 4)
}

fn declaration(schema: &Column, column: &ColumnLayout, wanted: &str) -> String {
    let charset =
        if matches!(schema.kind, Kind::Text | Kind::Json) { format!(" {MYSQL_CHARSET}") } else { String::new() };
    let null = if column.not_null { " NOT NULL" } else { " NULL" };
    let counter = if schema.role == crate::schema::Role::Id { " AUTO_INCREMENT" } else { "" };
    format!("{wanted}{charset}{null}{counter}")
}
