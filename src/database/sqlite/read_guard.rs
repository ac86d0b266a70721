//! SQLite's authorizer, which lets a caller's statement only read.
//!
//! A read-only connection is not enough, because `PRAGMA query_only = OFF`, `ATTACH`, `COMMIT` and `load_extension` are not writes.
//! SQLite asks its authorizer about each action of a statement when the statement is prepared, and again while it runs, for statements that virtual
//! tables prepare. The library's own statements, which can run in between on the same connection, must be allowed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::cell::from_sqlite;
use crate::values::ValueRef;

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
    pub fn enter(&self) -> Active<'_> {
        // What an earlier statement was refused may have come to nothing.
        self.take_refused();
        Active { guard: self, before: self.active.swap(true, Ordering::Relaxed) }
    }

    pub fn take_refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// While it lives only reading gets through. Statements can be nested.
pub struct Active<'g> {
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
