//! Statements of somebody else's on a SQLite connection: nothing but reading gets through.
//!
//! A connection that cannot write is not enough: `PRAGMA query_only = OFF`, `ATTACH`, `COMMIT` and `load_extension` are no writes.
//! SQLite asks its authorizer about each thing that a statement does, while it is prepared and, for what virtual tables prepare
//! themselves, while it runs. Between those the library's own statements must pass, also on the same connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Batch, ErrorCode, Statement};
use smallvec::SmallVec;

use super::cell::from_sqlite;
use super::connection::SqliteConnection;
use crate::database::connection::{Next, Transaction};
use crate::database::read::{EachRow, QueryRow, ReadStatement};
use crate::error::{Domain, Error, Result, Status};
use crate::values::{Value, ValueRef};

/// Functions that do more than compute a value.
const REFUSED_FUNCTIONS: [&str; 2] = ["load_extension", "fts3_tokenizer"];
/// Pragmas that only tell something, whatever their argument.
const TELLING_PRAGMAS: [&str; 13] = [
    "collation_list",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];
/// Pragmas that only tell something as long as they have no argument.
const PRAGMAS_TO_ASK: [&str; 9] = [
    "application_id",
    "compile_options",
    "data_version",
    "encoding",
    "freelist_count",
    "journal_mode",
    "page_count",
    "page_size",
    "user_version",
];

/// What SQLite's authorizer asks. Shared with the handler inside SQLite.
#[derive(Default)]
pub struct ReadGuard {
    /// Whether somebody else's statement is being prepared or run at this moment.
    active: AtomicBool,
    /// The first thing that was refused.
    refused: Mutex<Option<String>>,
}

impl ReadGuard {
    /// The authorizer's answer.
    pub fn authorize(&self, context: AuthContext<'_>) -> Authorization {
        if !self.active.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        let Some(refused) = refusal(context.action) else { return Authorization::Allow };
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(refused);
        Authorization::Deny
    }

    /// From now on only reading gets through, until what it returns is dropped.
    fn enter(&self) -> Active<'_> {
        // What an earlier statement was refused may have come to nothing.
        self.take_refused();
        Active { guard: self, before: self.active.swap(true, Ordering::Relaxed) }
    }

    fn take_refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// While it lives only reading gets through. Statements can be nested.
struct Active<'g> {
    guard: &'g ReadGuard,
    before: bool,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.guard.active.store(self.before, Ordering::Relaxed);
    }
}

/// What an action would do beside reading; `None` if nothing.
fn refusal(action: AuthAction<'_>) -> Option<String> {
    let known = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let data = |verb: &str, table: &str| match table {
        "sqlite_master" | "sqlite_temp_master" => "a change of the schema".to_owned(),
        table => format!("{verb} {table}"),
    };
    Some(match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => return None,
        AuthAction::Function { function_name } if !known(&REFUSED_FUNCTIONS, function_name) => return None,
        AuthAction::Function { function_name } => format!("the function {function_name}"),
        AuthAction::Pragma { pragma_name, .. } if known(&TELLING_PRAGMAS, pragma_name) => return None,
        AuthAction::Pragma { pragma_name, pragma_value: None } if known(&PRAGMAS_TO_ASK, pragma_name) => return None,
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Insert { table_name } => data("INSERT INTO", table_name),
        AuthAction::Update { table_name, .. } => data("UPDATE", table_name),
        AuthAction::Delete { table_name } => data("DELETE FROM", table_name),
        AuthAction::Transaction { .. } => "BEGIN, COMMIT or ROLLBACK".to_owned(),
        AuthAction::Savepoint { .. } => "a savepoint".to_owned(),
        AuthAction::Detach { .. } => "DETACH".to_owned(),
        AuthAction::Analyze { .. } => "ANALYZE".to_owned(),
        AuthAction::Reindex { .. } => "REINDEX".to_owned(),
        // Without a literal as its file name it has no name of its own here.
        AuthAction::Attach { .. } | AuthAction::Unknown { code: rusqlite::ffi::SQLITE_ATTACH, .. } => {
            "ATTACH".to_owned()
        }
        AuthAction::Unknown { code, .. } => format!("action {code}"),
        _ => "a change of the schema".to_owned(),
    })
}

/// A statement that only reads.
struct SqliteRead<'c> {
    // Dropped first: the transaction ends after it.
    statement: Statement<'c>,
    columns: Vec<String>,
    connection: &'c SqliteConnection,
    guard: &'c ReadGuard,
    sql: String,
    _state: Option<Transaction<'c>>,
}

/// Prepares one statement, inside the transaction that is running or in one of its own.
pub fn prepare<'c>(connection: &'c SqliteConnection, sql: &str) -> Result<Box<dyn ReadStatement + 'c>> {
    if sql.contains('\0') {
        return Err(invalid("the SQL has a NUL in it, and would end there").hint("pass values as parameters"));
    }
    let Some(guard) = connection.reads.as_deref() else {
        return Err(Error::new(
            Status::Unsupported,
            Domain::Database,
            "the schema has names that are not UTF-8: nothing can watch over what a query does there",
        )
        .hint("rename the views, triggers or indexes in question"));
    };
    let state = if connection.inner.is_autocommit() { Some(Transaction::read(connection)?) } else { None };
    let active = guard.enter();
    let wrap = |error| failed(connection, guard, sql, error);
    // One statement and the next, never more: a long list of statements costs no more than two.
    let mut batch = Batch::new(&connection.inner, sql);
    let first = batch.next().map_err(wrap)?;
    let Some(statement) = first else {
        return Err(invalid("the SQL has no statement").hint("pass one SELECT"));
    };
    if batch.next().map_err(wrap)?.is_some() {
        return Err(invalid("the SQL has more than one statement").hint("pass one SELECT"));
    }
    drop(active);
    // VACUUM and the like ask the authorizer nothing; a query has columns.
    if statement.column_count() == 0 || !statement.readonly() {
        return Err(misuse("a statement that is no query", sql));
    }
    let columns = statement.column_names().map(str::to_owned).collect();
    Ok(Box::new(SqliteRead { statement, columns, connection, guard, sql: sql.to_owned(), _state: state }))
}

impl ReadStatement for SqliteRead<'_> {
    fn parameters(&self) -> Vec<Option<String>> {
        let names = 1..=self.statement.parameter_count();
        names.map(|at| self.statement.parameter_name(at).map(str::to_owned)).collect()
    }

    fn run(&mut self, params: &[Value], each: EachRow<'_>) -> Result<()> {
        let wanted = self.statement.parameter_count();
        if params.len() != wanted {
            let message = format!("the statement has {wanted} parameters, but {} values were given", params.len());
            return Err(Error::argument(Domain::Database, "params", message)
                .hint("pass one value for each parameter, in their order"));
        }
        let (connection, guard, sql) = (self.connection, self.guard, &self.sql);
        let wrap = |error| failed(connection, guard, sql, error);
        SqliteConnection::bind(&mut self.statement, params).map_err(wrap)?;
        let mut rows = self.statement.raw_query();
        loop {
            let active = guard.enter();
            let next = rows.next().map_err(wrap)?;
            drop(active);
            let Some(row) = next else { return Ok(()) };
            let mut values: SmallVec<[ValueRef<'_>; 16]> = SmallVec::with_capacity(self.columns.len());
            for at in 0..self.columns.len() {
                values.push(from_sqlite(row.get_ref(at).map_err(wrap)?));
            }
            if each(&QueryRow { columns: &self.columns, values: &values })? == Next::Stop {
                return Ok(());
            }
        }
    }
}

/// The error of a statement: what it was refused, what is wrong with its text, or what the database says.
fn failed(connection: &SqliteConnection, guard: &ReadGuard, sql: &str, error: rusqlite::Error) -> Error {
    if let Some(refused) = guard.take_refused() {
        return misuse(&refused, sql);
    }
    let text = |message: &str| {
        invalid(format!("SQLite does not accept the SQL: {}", message.replace(['\n', '\r'], " ")))
            .detail("sql", ValueRef::Text(sql.as_bytes()).describe())
            .hint("correct the statement")
    };
    match error {
        rusqlite::Error::SqlInputError { error, msg, sql: rest, offset } => {
            // Counted from the statement that it was preparing.
            let at = usize::try_from(offset).unwrap_or(0) + sql.len().saturating_sub(rest.len());
            text(&msg).detail("offset", at).vendor(error.extended_code)
        }
        rusqlite::Error::SqliteFailure(failure, Some(message))
            if matches!(failure.code, ErrorCode::Unknown | ErrorCode::TypeMismatch) =>
        {
            text(&message).vendor(failure.extended_code)
        }
        other => connection.wrap(other),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::argument(Domain::Database, "sql", message)
}

fn misuse(tried: &str, sql: &str) -> Error {
    Error::new(Status::Misuse, Domain::Database, format!("a query may only read, but this one asks for {tried}"))
        .detail("parameter", "sql")
        .detail("action", tried)
        .detail("sql", ValueRef::Text(sql.as_bytes()).describe())
        .hint("pass one SELECT; to change data, use a connection of your own")
}

/// Whether everything in the schema has a name in UTF-8: rusqlite panics inside the authorizer on any other name, also in statements
/// of our own. The first look at the file.
pub fn can_guard(inner: &rusqlite::Connection) -> rusqlite::Result<bool> {
    let mut statement = inner.prepare("SELECT sql FROM sqlite_schema")?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if let ValueRef::Text(sql) = from_sqlite(row.get_ref(0)?)
            && std::str::from_utf8(sql).is_err()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the authorizer ask a guard.
pub fn install(inner: &mut rusqlite::Connection) -> rusqlite::Result<Arc<ReadGuard>> {
    let guard = Arc::new(ReadGuard::default());
    let asked = Arc::clone(&guard);
    inner.authorizer(Some(move |context: AuthContext<'_>| asked.authorize(context)))?;
    Ok(guard)
}
