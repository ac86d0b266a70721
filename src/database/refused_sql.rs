//! The errors of SQL from callers, and of its parameters.

use crate::error::{Domain, Error, Result, Status};
use crate::values::ValueRef;

/// The error of SQL that cannot be run.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::argument(Domain::Database, "sql", message)
}

/// The error of SQL that `who` does not understand, for the reason that it gives.
pub fn not_accepted(who: &str, reason: &str, sql: &str) -> Error {
    invalid(format!("{who} does not accept the SQL: {}", reason.replace(['\n', '\r'], " ")))
        .detail("sql", quoted(sql))
        .hint("correct the statement")
}

/// The error of SQL that would do more than read.
pub fn misuse(tried: &str, sql: &str) -> Error {
    Error::new(Status::Misuse, Domain::Database, format!("a query may only read, but this one asks for {tried}"))
        .detail("parameter", "sql")
        .detail("action", tried)
        .detail("sql", quoted(sql))
        .hint("pass one SELECT; to change data, use a connection of your own")
}

/// The statement for an error, shortened if it is long.
pub fn quoted(sql: &str) -> String {
    ValueRef::Text(sql.as_bytes()).describe()
}

/// Fails unless there is one value for each parameter.
pub fn check_count(wanted: usize, given: usize) -> Result<()> {
    if wanted == given {
        return Ok(());
    }
    let message = format!("the statement has {wanted} parameters, but {given} values were given");
    Err(Error::argument(Domain::Database, "params", message).hint("pass one value for each parameter, in their order"))
}
