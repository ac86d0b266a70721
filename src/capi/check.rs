//! Registered checks.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{handle, opened, optional_text, required, text};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::{Destroy, expmig_destroy_fn, expmig_manager};
use super::options::read;
use super::panics::shielded;
use super::progress::{UserData, flow};
use super::query::{Query, expmig_row_fn, expmig_value};
use super::report::expmig_issue;
use super::status::expmig_status;
use crate::error::{Domain, Error, Result};
use crate::validation::{Check, CheckContext, Finding, Severity};

/// What a running check uses: the state that is validated, and the report to which it adds issues. Valid only during the callback, on the
/// thread of the callback.
pub struct expmig_check_context {
    /// The engine's context, whose life is the callback's.
    context: *const CheckContext<'static>,
    experiment: Option<i64>,
}

/// A check: reads the data with expmig_check_query, and reports each defect with expmig_check_report, as often as needed, on the thread
/// that validates. Returns EXPMIG_CALLBACK_CONTINUE when it has checked everything. EXPMIG_CALLBACK_CANCEL, or another value for a
/// failure, ends the validation with EXPMIG_CANCELLED or EXPMIG_CALLBACK. It must not unwind or longjmp, and must not use the handles of
/// the running call.
pub type expmig_check_fn =
    Option<unsafe extern "C" fn(context: *const expmig_check_context, user_data: *mut c_void) -> i32>;

/// Registers a check that is a function. From now on it runs, in the order of registration, in:
/// - every expmig_validate on this manager with EXPMIG_VALIDATE_REGISTERED_CHECKS; what it reports is part of the report and its verdict;
/// - every migration and plan from this manager with EXPMIG_STRATEGY_CONSERVATIVE, once for the whole source and once for the experiment.
///
/// `name`: 1 to 128 bytes of UTF-8 without control characters, unique among the checks of the manager.
/// `check_fn`: the check.
/// `user_data`: passed to `check_fn`.
/// `destroy`: called with `user_data` when the manager no longer needs it: after expmig_check_unregister or expmig_manager_free, or if this
/// call fails; NULL for none.
///
/// Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_register(
    manager: *const expmig_manager,
    name: *const c_char,
    check_fn: expmig_check_fn,
    user_data: *mut c_void,
    destroy: expmig_destroy_fn,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        guard(error, Domain::Validation, || {
            // From here on the user data is destroyed whatever happens.
            let destroy = Destroy(destroy, UserData(user_data));
            let shared = Arc::clone(&opened(manager, "manager", Domain::Validation)?.0);
            let name = text(name, "name", Domain::Validation)?;
            let Some(check_fn) = check_fn else {
                return Err(Error::argument(Domain::Validation, "check_fn", "check_fn is NULL"));
            };
            let check = Check::callback(move |context| {
                let seen = expmig_check_context {
                    context: std::ptr::from_ref(context).cast::<CheckContext<'static>>(),
                    experiment: context.experiment(),
                };
                // SAFETY: the caller gave a function of this type; the context lives for the call.
                Ok(flow(check_fn(&raw const seen, destroy.1.get())))
            });
            let entered = shared.database.enter(Domain::Validation)?;
            shared.manager(&entered).register_check(name, check)
        })
    }
}

/// Registers a check that is a SELECT: each row of its result is an issue. The statement is prepared at once, to find errors in it.
///
/// `name`: as for expmig_check_register.
/// `sql`: one SELECT, which can only read. Copied. Columns with these names describe the issue: "table" (or "table_name"), "row"
/// ("row_key", "key"), "column" ("column_name"), "message", "value" and "severity" ("error", "warning", "info" or their numbers). All may
/// be missing: then the issue is an error, and the other columns name its row. The parameter :experiment_id is the experiment that is
/// validated, NULL for the whole database.
///
/// Returns EXPMIG_ALREADY_EXISTS, EXPMIG_MISUSE (the statement would do more than read), EXPMIG_INVALID_ARGUMENT (not a statement that SQLite
/// accepts, or another parameter), EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_UNSUPPORTED (as expmig_database_query). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_register_sql(
    manager: *const expmig_manager,
    name: *const c_char,
    sql: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Validation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Validation)?.0);
            let name = text(name, "name", Domain::Validation)?;
            let check = Check::sql(text(sql, "sql", Domain::Validation)?);
            let entered = shared.database.enter(Domain::Validation)?;
            shared.manager(&entered).register_check(name, check)
        })
    }
}

/// Unregisters a check.
///
/// Returns EXPMIG_NOT_FOUND (the hint names the checks that there are), EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_unregister(
    manager: *const expmig_manager,
    name: *const c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Validation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Validation)?.0);
            let name = text(name, "name", Domain::Validation)?;
            let entered = shared.database.enter(Domain::Validation)?;
            shared.manager(&entered).unregister_check(name)
        })
    }
}

/// The engine's context.
///
/// # Safety
/// `context` is NULL or that of the callback that is running.
unsafe fn engine<'c>(context: *const expmig_check_context) -> Result<&'c CheckContext<'static>> {
    // SAFETY: as the caller promises; the engine's context lives as long.
    unsafe { Ok(&*handle(context, "context", Domain::Validation)?.context) }
}

/// The id of the experiment that is validated, borrowed from the context; NULL for the whole database. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_experiment_id(context: *const expmig_check_context) -> *const i64 {
    let none = std::ptr::null();
    shielded(none, || {
        unsafe { context.as_ref() }.and_then(|seen| seen.experiment.as_ref()).map_or(none, std::ptr::from_ref)
    })
}

/// Runs one SELECT on exactly the state that is validated; otherwise like expmig_database_query. `row_fn` may run more queries and report
/// issues. Returns as expmig_database_query. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_query(
    context: *const expmig_check_context,
    sql: *const c_char,
    params: *const expmig_value,
    param_count: usize,
    row_fn: expmig_row_fn,
    user_data: *mut c_void,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Validation, || {
            let context = engine(context)?;
            let query = Query { sql, params, param_count, row_fn, user_data };
            query.run(&|sql, params, each| context.query(sql, params, each))
        })
    }
}

/// Adds an issue to the report.
///
/// `issue`: was filled by expmig_issue_init. Its `severity`, `table`, `row_key`, `column`, `message` and `value` are copied, and cut if
/// they are very long. Each text can be NULL; a missing message is made from the check's name, the table and the row. The other fields
/// are ignored.
///
/// Returns EXPMIG_CANCELLED and EXPMIG_CALLBACK (the validation must end), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_check_report(
    context: *const expmig_check_context,
    issue: *const expmig_issue,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Validation, || {
            let context = engine(context)?;
            required(issue, "issue", Domain::Validation)?;
            context.report(finding(&read(issue, Domain::Validation)?)?)
        })
    }
}

/// # Safety
/// The texts are NULL or NUL-terminated.
unsafe fn finding(issue: &expmig_issue) -> Result<Finding> {
    let domain = Domain::Validation;
    let Some(severity) = Severity::from_code(issue.severity) else {
        let message = format!("{} is not a severity", issue.severity);
        return Err(Error::argument(domain, "severity", message));
    };
    let text = |pointer: *const c_char, parameter: &'static str| {
        // SAFETY: as the caller promises.
        unsafe { optional_text(pointer, parameter, domain) }.map(|text| text.map(str::to_owned))
    };
    Ok(Finding {
        severity,
        table: text(issue.table, "table")?.unwrap_or_default(),
        row: text(issue.row_key, "row_key")?.unwrap_or_default(),
        column: text(issue.column, "column")?,
        message: text(issue.message, "message")?,
        value: text(issue.value, "value")?,
    })
}
