//! Validating databases and experiments.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use serde_json::json;

use super::args::{clear, opened, required, store};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::object::owned;
use super::options::{SizedOptions, init, known_bits, read};
use super::progress::{expmig_progress_fn, sink, token};
use super::report::expmig_report;
use super::status::expmig_status;
use super::text::give;
use crate::error::{Domain, Error, Result};
use crate::validation::{Scope, ValidateOptions, validate_metric_json};

/// Every foreign key, composite ones included, names a row that exists.
pub const EXPMIG_VALIDATE_FOREIGN_KEYS: u32 = 0x1;
/// Per-label values are JSON objects of numbers, totals are numbers.
pub const EXPMIG_VALIDATE_METRIC_JSON: u32 = 0x2;
/// Experiments, trials, runs and what is below them are whole: keys, times, numbering, links.
pub const EXPMIG_VALIDATE_HIERARCHY: u32 = 0x4;
/// The registered checks report no error.
pub const EXPMIG_VALIDATE_REGISTERED_CHECKS: u32 = 0x8;
/// All sections that this header knows. Later versions may have more.
pub const EXPMIG_VALIDATE_ALL: u32 = 0xf;

/// What a caller can ask of a validation. Fill with expmig_validate_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_validate_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_VALIDATE_FOREIGN_KEYS and so on, or'ed, at least one; default EXPMIG_VALIDATE_ALL.
    pub scope: u32,
    /// Points to the id of the experiment to validate; NULL (the default) for the whole database.
    pub experiment_id: *const i64,
    /// How many issues are listed at most; default 1000. All are counted, also with 0.
    pub issue_limit: i64,
    /// Receives progress; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_validate_options {
    const FIRST_SIZE: usize = size_of::<expmig_validate_options>();

    fn defaults() -> expmig_validate_options {
        expmig_validate_options {
            struct_size: size_of::<expmig_validate_options>() as u32,
            scope: EXPMIG_VALIDATE_ALL,
            experiment_id: std::ptr::null(),
            issue_limit: i64::try_from(ValidateOptions::default().issue_limit).unwrap_or(i64::MAX),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn validate_options(options: *const expmig_validate_options) -> Result<ValidateOptions> {
    let domain = Domain::Validation;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_bits("scope", options.scope, EXPMIG_VALIDATE_ALL, domain)?;
    if options.scope == 0 {
        return Err(Error::argument(domain, "scope", "scope is 0: there is nothing to validate")
            .hint("or EXPMIG_VALIDATE_FOREIGN_KEYS and the like, or pass EXPMIG_VALIDATE_ALL"));
    }
    let Ok(issue_limit) = usize::try_from(options.issue_limit) else {
        return Err(Error::argument(domain, "issue_limit", "issue_limit is negative"));
    };
    let has = |flag: u32| options.scope & flag != 0;
    Ok(ValidateOptions {
        scope: Scope {
            foreign_keys: has(EXPMIG_VALIDATE_FOREIGN_KEYS),
            metric_json: has(EXPMIG_VALIDATE_METRIC_JSON),
            hierarchy: has(EXPMIG_VALIDATE_HIERARCHY),
            registered_checks: has(EXPMIG_VALIDATE_REGISTERED_CHECKS),
        },
        experiment: unsafe { options.experiment_id.as_ref() }.copied(),
        issue_limit,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// Fills in the defaults. `size` is sizeof(expmig_validate_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_validate_options_init(
    options: *mut expmig_validate_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Validation, || init(options, size, Domain::Validation)) }
}

/// Checks the data of a database, or of one experiment (docs/validation.md). Reads only, one consistent state. Defects of the data are
/// not an error of the call: they are in the report. In the report's JSON (expmig_report_to_json, docs/json-documents.md), `warnings` are
/// about the report itself: they name tables without transactions, which can change while they are read.
///
/// `options`: NULL for the defaults: everything, the whole database.
/// `report`: receives what was found; the caller frees it with expmig_report_free.
///
/// Returns EXPMIG_NOT_FOUND (the experiment does not exist; the hint names the nearest ids), EXPMIG_CANCELLED, EXPMIG_CALLBACK (the progress
/// callback or a registered check failed), EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_validate(
    manager: *const expmig_manager,
    options: *const expmig_validate_options,
    report: *mut *mut expmig_report,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(report, std::ptr::null_mut());
        guard(error, Domain::Validation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Validation)?.0);
            required(report, "report", Domain::Validation)?;
            let options = validate_options(options)?;
            let entered = shared.database.enter(Domain::Validation)?;
            let found = shared.manager(&entered).validate(options)?;
            store(report, owned(expmig_report::new(found)));
            Ok(())
        })
    }
}

/// Checks the hierarchy of one experiment. The result is short; that of expmig_validate has more details. Reads only.
///
/// `valid`: receives 1 if there is no error, else 0.
/// `issues_json`: receives a JSON object, schema "expmig.hierarchy/1": "experiment_id", "valid", and "issues", the errors and warnings,
/// one line each. The caller frees it with expmig_string_free.
///
/// An experiment that does not exist is not valid, and the only issue says so. Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO,
/// EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_hierarchy_validate(
    manager: *const expmig_manager,
    experiment_id: i64,
    valid: *mut i32,
    issues_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(valid, 0);
        clear(issues_json, std::ptr::null_mut());
        guard(error, Domain::Validation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Validation)?.0);
            required(valid, "valid", Domain::Validation)?;
            required(issues_json, "issues_json", Domain::Validation)?;
            let entered = shared.database.enter(Domain::Validation)?;
            let (passed, issues) = shared.manager(&entered).validate_hierarchy(experiment_id)?;
            let found = json!({
                "schema": "expmig.hierarchy/1", "experiment_id": experiment_id, "valid": passed, "issues": issues,
            });
            store(valid, i32::from(passed));
            store(issues_json, give(&found.to_string()));
            Ok(())
        })
    }
}

/// Checks a text of per-label values before you store it, by the rules that expmig_validate applies to METRIC.per_label_val. Opens
/// nothing.
///
/// `json`, `length`: the bytes of the text. It need not end with a NUL; if it does, do not count the NUL.
/// `valid`: receives 1 if nothing is wrong with it, else 0.
/// `issues_json`: receives a JSON object, schema "expmig.metric-json/1": "valid", and "issues", one for each kind of defect
/// (docs/validation.md) that the text has, with "kind" and "message". The caller frees it with expmig_string_free.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_metric_json_validate(
    json: *const c_char,
    length: usize,
    valid: *mut i32,
    issues_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(valid, 0);
        clear(issues_json, std::ptr::null_mut());
        guard(error, Domain::Validation, || {
            let text: &[u8] = if length == 0 {
                &[]
            } else {
                required(json, "json", Domain::Validation)?;
                std::slice::from_raw_parts(json.cast(), length)
            };
            required(valid, "valid", Domain::Validation)?;
            required(issues_json, "issues_json", Domain::Validation)?;
            let issues: Vec<_> = validate_metric_json(text)
                .into_iter()
                .map(|(kind, message)| json!({"kind": kind.name(), "message": message}))
                .collect();
            let passed = issues.is_empty();
            store(valid, i32::from(passed));
            store(
                issues_json,
                give(&json!({"schema": "expmig.metric-json/1", "valid": passed, "issues": issues}).to_string()),
            );
            Ok(())
        })
    }
}
