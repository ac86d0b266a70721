//! Whether an account can see the whole schema. A server hides a table or column from an account that may not read it. If such a table were
//! taken as absent, every copy would lack its rows.

use super::connection::MysqlConnection;
use super::names::backticked;
use super::session::Kind;
use crate::database::layout::is_relied_on;
use crate::database::server::connection::first;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Family, quote};
use crate::values::Value;

/// A table that no schema has. Who is told that it does not exist may read the whole schema.
const NO_TABLE: &str = "expmig_no_such_table";
/// There is no such table.
const NO_SUCH_TABLE: i32 = 1146;
/// There may be, but the account has no right to know.
const DENIED: [i32; 2] = [1142, 1143];

/// What a statement says of a table.
#[derive(PartialEq, Eq)]
enum Answer {
    There,
    Absent,
    Denied,
}

fn ask(connection: &MysqlConnection, sql: &str) -> Result<Answer> {
    match first(connection, sql, &[]) {
        Ok(_) => Ok(Answer::There),
        Err(error) => match error.vendor_code() {
            Some(NO_SUCH_TABLE) => Ok(Answer::Absent),
            Some(code) if DENIED.contains(&code) => Ok(Answer::Denied),
            _ => Err(error),
        },
    }
}

/// Fails unless the account may read every known table that there is, wholly. `there` are the names of those that it sees.
pub fn check(connection: &MysqlConnection, family: &Family, there: &[String]) -> Result<()> {
    let select = |name: &str| format!("SELECT 1 FROM {} LIMIT 0", quote(name));
    if ask(connection, &select(NO_TABLE))? != Answer::Denied {
        return Ok(());
    }
    for name in there {
        // Who has a right to the whole table sees all its columns. Reading one column asks for no more than the right to that one.
        let whole = ask(connection, &format!("SHOW CREATE TABLE {}", quote(name)))?;
        if whole == Answer::Denied || ask(connection, &select(name))? == Answer::Denied {
            let message = format!(
                "the account may not read the whole table {name}, so columns that it cannot see would be left out"
            );
            return Err(denied(connection, name, message, None)?);
        }
    }
    let seen = |name: &str| there.iter().any(|seen| seen.eq_ignore_ascii_case(name));
    for table in family.tables.iter().filter(|table| is_relied_on(family, table.name) && !seen(table.name)) {
        if ask(connection, &select(table.name))? == Answer::Denied {
            let message = format!(
                "the account may not read the table {0}, so it cannot be proven whether the table exists",
                table.name
            );
            return Err(denied(connection, table.name, message, None)?);
        }
    }
    Ok(())
}

/// The error of a table that the account sees, and a column of it that it may not read.
pub fn hidden_column(connection: &MysqlConnection, table: &str, column: &str) -> Result<Error> {
    denied(connection, table, format!("the account may not read the column {table}.{column}"), Some(column))
}

fn denied(connection: &MysqlConnection, table: &str, message: String, column: Option<&str>) -> Result<Error> {
    let texts =
        |sql: &str| -> Result<String> { Ok(first(connection, sql, &[])?.borrow().readable().unwrap_or_default()) };
    let (account, schema) = (texts("SELECT CURRENT_USER()")?, texts("SELECT DATABASE()")?);
    let (user, host) = account.rsplit_once('@').unwrap_or((&account, "%"));
    let to = format!("TO {}@{}", backticked(user), backticked(host));
    let statement = format!("GRANT SELECT ON {}.{} {to}", backticked(&schema), backticked(table));
    let hint = format!(
        "let somebody who may run {statement}; if there is no such table, the account needs SELECT on the whole schema to see that: \
         GRANT SELECT ON {}.* {to}",
        backticked(&schema.replace('_', "\\_").replace('%', "\\%"))
    );
    let error = Error::new(Status::Auth, Domain::Database, message)
        .detail("table", table)
        .detail("right", "SELECT")
        .detail("statement", statement)
        .detail("database", connection.place())
        .hint(hint);
    Ok(match column {
        Some(column) => error.detail("column", column),
        None => error,
    })
}

/// What there is beside plain tables, and what of these has its rows elsewhere; `None` for a plain one.
pub fn what_is(kind: &str, engine: Option<&str>) -> Option<String> {
    /// Engines whose tables are a way to rows that are kept somewhere else.
    const ELSEWHERE: [&str; 9] =
        ["FEDERATED", "CONNECT", "SPIDER", "MRG_MYISAM", "SEQUENCE", "SPHINX", "OQGRAPH", "PERFORMANCE_SCHEMA", "S3"];
    match (kind, engine) {
        ("BASE TABLE" | "SYSTEM VERSIONED", Some(engine)) => {
            let elsewhere = ELSEWHERE.iter().any(|known| known.eq_ignore_ascii_case(engine));
            elsewhere.then(|| format!("a table of the engine {engine}, whose rows are somewhere else"))
        }
        ("BASE TABLE" | "SYSTEM VERSIONED", None) => Some("a table that the server cannot open".to_owned()),
        ("VIEW" | "SYSTEM VIEW", _) => Some("a view".to_owned()),
        ("SEQUENCE", _) => Some("a sequence".to_owned()),
        (other, _) => Some(format!("a {}", other.to_ascii_lowercase())),
    }
}

/// The column of a system-versioned table that says when its rows end, which the server adds to every unique key.
pub fn row_end(connection: &MysqlConnection, table: &str) -> Result<Option<String>> {
    if connection.server().kind != Kind::MariaDb {
        return Ok(None);
    }
    let sql = "SELECT COLUMN_NAME FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1 AND GENERATION_EXPRESSION = 'ROW END'";
    Ok(first(connection, sql, &[Value::Text(table.as_bytes().to_vec())])?.borrow().readable())
}

/// Whether the server keeps the history of a table.
pub fn is_versioned(connection: &MysqlConnection, table: &str) -> Result<bool> {
    let sql = "SELECT TABLE_TYPE = 'SYSTEM VERSIONED' FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
    let versioned = first(connection, sql, &[Value::Text(table.as_bytes().to_vec())])?;
    Ok(versioned == Value::Integer(1))
}
