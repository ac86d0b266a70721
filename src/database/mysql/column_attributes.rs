//! The attributes of a column besides its type, and how a statement that changes the type repeats them.

use std::collections::HashMap;

use super::connection::MysqlConnection;
use crate::database::connection::Reads;
use crate::database::rows::Next;
use crate::error::Result;
use crate::values::Value;

const COLUMNS: &str =
    "SELECT COLUMN_NAME, EXTRA, COLUMN_COMMENT, COLUMN_DEFAULT, COLLATION_NAME FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
/// Checks that stand in the declaration of a column, which MariaDB forgets when the column is changed.
const CHECKS: &str = "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
    WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ?1 AND LEVEL = 'Column'";

/// What stands after the type and whether NULL is allowed; the reason if it cannot be said again.
pub type Attributes = std::result::Result<String, &'static str>;

/// What a column has.
pub struct Found {
    pub attributes: Attributes,
    /// How its texts are compared.
    pub collation: Option<String>,
}

/// What a table's columns have, by their names.
pub fn read(connection: &MysqlConnection, table: &str) -> Result<HashMap<String, Found>> {
    let name = [Value::Text(table.as_bytes().to_vec())];
    let mut found = HashMap::new();
    connection.query(COLUMNS, &name, &mut |row| {
        let text = |at: usize| Ok::<_, crate::error::Error>(row.value(at)?.readable());
        let (column, extra) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
        let (comment, default) = (text(2)?.unwrap_or_default(), text(3)?);
        let attributes = said_again(&extra, &comment, default.as_deref(), connection.is_mariadb());
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        found.insert(column, Found { attributes, collation: text(4)?.filter(is_name) });
        Ok(Next::Row)
    })?;
    if connection.is_mariadb() {
        connection.query(CHECKS, &name, &mut |row| {
            let (column, check) =
                (row.value(0)?.readable().unwrap_or_default(), row.value(1)?.readable().unwrap_or_default());
            // What makes a text JSON there, and has to go.
            if let Some(found) = found.get_mut(&column)
                && !check.trim_start().starts_with("json_valid(")
            {
                found.attributes = Err("its declaration has a check that would be lost");
            }
            Ok(Next::Row)
        })?;
    }
    Ok(found)
}

fn said_again(extra: &str, comment: &str, default: Option<&str>, mariadb: bool) -> Attributes {
    let counter = match extra.to_ascii_lowercase().as_str() {
        "" => "",
        "auto_increment" => " AUTO_INCREMENT",
        _ => return Err("it has a default that is computed, or another attribute that would be lost"),
    };
    // How it is written depends on the session.
    if comment.contains('\\') || default.is_some_and(|default| default.contains('\\')) {
        return Err("its default or its comment has a backslash");
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let default = match default {
        None => String::new(),
        // MariaDB gives an expression, MySQL the value.
        Some("NULL") if mariadb => String::new(),
        Some(literal) if !mariadb => format!(" DEFAULT {}", quoted(literal)),
        Some(literal) if literal.starts_with('\'') || literal.parse::<f64>().is_ok() => format!(" DEFAULT {literal}"),
        Some(_) => return Err("it has a default that is computed, or another attribute that would be lost"),
    };
    let comment = if comment.is_empty() { String::new() } else { format!(" COMMENT {}", quoted(comment)) };
    Ok(format!("{counter}{default}{comment}"))
}

#[cfg(test)]
mod tests {
    use super::said_again;

    #[test]
    fn literals_and_comments_are_said_again_and_the_rest_is_not() {
        let said = |default, mariadb| said_again("", "it's", default, mariadb).unwrap();
        assert_eq!(said(None, true), " COMMENT 'it''s'");
        assert_eq!(said(Some("NULL"), true), " COMMENT 'it''s'");
        assert_eq!(said(Some("NULL"), false), " DEFAULT 'NULL' COMMENT 'it''s'");
        assert_eq!(said(Some("'a''b'"), true), " DEFAULT 'a''b' COMMENT 'it''s'");
        assert_eq!(said(Some("a'b"), false), " DEFAULT 'a''b' COMMENT 'it''s'");
        assert_eq!(said(Some("0.5"), true), " DEFAULT 0.5 COMMENT 'it''s'");
        assert_eq!(said_again("auto_increment", "", None, true).unwrap(), " AUTO_INCREMENT");
        assert!(said_again("", "", Some("current_timestamp()"), true).is_err());
        assert!(said_again("DEFAULT_GENERATED", "", Some("CURRENT_TIMESTAMP"), false).is_err());
        assert!(said_again("", "back\\slash", None, true).is_err());
    }
}
