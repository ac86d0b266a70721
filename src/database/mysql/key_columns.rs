//! The columns of foreign keys, including those of tables that cannot be opened.

use super::connection::MysqlConnection;
use crate::database::connection::Reads;
use crate::database::rows::{Next, Row};
use crate::error::Result;
use crate::values::Value;

/// The tables that foreign keys begin in.
const TABLES: &str = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE ENGINE = 'InnoDB'";

/// Which keys are meant.
#[derive(Clone, Copy)]
pub enum Keys {
    /// Those that begin in the schema.
    FromHere,
    /// Those that lead into the schema, from wherever.
    ToHere,
}

impl Keys {
    fn condition(self) -> &'static str {
        match self {
            Keys::FromHere => "TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL",
            Keys::ToHere => "REFERENCED_TABLE_SCHEMA = DATABASE()",
        }
    }

    fn tables(self) -> String {
        match self {
            Keys::FromHere => format!("{TABLES} AND TABLE_SCHEMA = DATABASE()"),
            Keys::ToHere => TABLES.to_owned(),
        }
    }
}

/// Shows these columns of information_schema.KEY_COLUMN_USAGE, key by key. Who may only read is shown the keys there, but not their rules.
pub fn each(
    connection: &MysqlConnection,
    keys: Keys,
    columns: &str,
    found: &mut dyn FnMut(&dyn Row) -> Result<Next>,
) -> Result<()> {
    let select = |of: &str| {
        format!(
            "SELECT {columns} FROM information_schema.KEY_COLUMN_USAGE WHERE {}{of}
            ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
            keys.condition()
        )
    };
    match connection.query(&select(""), &[], found) {
        // MariaDB opens every table to answer, and fails where one leads to another server whose table is gone. That one has no foreign
        // keys, and is somebody else's affair.
        Err(error) if connection.is_mariadb() && error.vendor_code().is_some() => {
            let mut tables: Vec<[Value; 2]> = Vec::new();
            connection.query(&keys.tables(), &[], &mut |row| {
                tables.push([row.value(0)?.to_owned(), row.value(1)?.to_owned()]);
                Ok(Next::Row)
            })?;
            let one = select(" AND TABLE_SCHEMA = ?1 AND TABLE_NAME = ?2");
            tables.iter().try_for_each(|table| connection.query(&one, table, found))
        }
        answered => answered,
    }
}
