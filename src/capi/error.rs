//! Error objects, which are immutable, and the functions that read them.

use std::ffi::{CString, c_char};

use super::panics::shielded;
use super::status::{EXPMIG_OK, expmig_domain, expmig_status};
use super::text::c_string;
use crate::error::Error;

/// Why a call failed. Immutable; may be read from any thread. Free it with expmig_error_free. All text is UTF-8 and lives as
/// long as the object.
pub struct expmig_error {
    status: expmig_status,
    domain: expmig_domain,
    retryable: bool,
    vendor_code: i32,
    message: CString,
    hint: CString,
    sqlstate: CString,
    details: Vec<(CString, CString)>,
    cause: Option<Box<expmig_error>>,
    json: CString,
}

impl expmig_error {
    pub(crate) fn new(error: &Error) -> expmig_error {
        expmig_error {
            status: error.status().code(),
            domain: error.domain().code(),
            retryable: error.retryable(),
            vendor_code: error.vendor_code().unwrap_or(0),
            message: c_string(error.message()),
            hint: c_string(error.hint_text().unwrap_or("")),
            sqlstate: c_string(error.sqlstate().unwrap_or("")),
            details: error.details().iter().map(|d| (c_string(&d.key), c_string(&d.value))).collect(),
            cause: error.cause().map(|cause| Box::new(expmig_error::new(cause))),
            json: c_string(&error.to_json().to_string()),
        }
    }
}

/// Reads something of an error; `fallback` for NULL.
///
/// # Safety
/// `error` is NULL or a live error.
unsafe fn of<T>(error: *const expmig_error, fallback: T, read: impl FnOnce(&expmig_error) -> T) -> T {
    // SAFETY: as the caller promises.
    match unsafe { error.as_ref() } {
        Some(error) => read(error),
        None => fallback,
    }
}

/// What went wrong: one of EXPMIG_INVALID_ARGUMENT and so on. EXPMIG_OK for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_status(error: *const expmig_error) -> expmig_status {
    // SAFETY: the caller passes NULL or a live error; so below.
    unsafe { of(error, EXPMIG_OK, |error| error.status) }
}

/// Which part of the library raised the error: one of EXPMIG_DOMAIN_DATABASE and so on. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_domain(error: *const expmig_error) -> expmig_domain {
    unsafe { of(error, 0, |error| error.domain) }
}

/// One line for a person. Borrowed from the error. Never NULL; empty for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_message(error: *const expmig_error) -> *const c_char {
    unsafe { of(error, c"".as_ptr(), |error| error.message.as_ptr()) }
}

/// What to do about the error. Borrowed from the error. Never NULL; empty if there is no hint. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_hint(error: *const expmig_error) -> *const c_char {
    unsafe { of(error, c"".as_ptr(), |error| error.hint.as_ptr()) }
}

/// 1 if the same call can succeed later without any change, and without doing anything twice, else 0.
///
/// Where a function says that nothing was changed after an error, there is one exception: the connection to a server was lost, or the
/// device failed, during the commit itself. Then nobody can tell whether the commit happened; either everything was changed, or nothing.
/// The error is EXPMIG_CONNECTION, EXPMIG_TIMEOUT or EXPMIG_IO, has the detail "outcome" = "undecided" and is not retryable;
/// docs/error-handling.md says how to find out. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_retryable(error: *const expmig_error) -> i32 {
    unsafe { of(error, 0, |error| i32::from(error.retryable)) }
}

/// The code of the database engine: SQLite's extended result code. 0 if the engine did not raise the error. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_vendor_code(error: *const expmig_error) -> i32 {
    unsafe { of(error, 0, |error| error.vendor_code) }
}

/// The SQLSTATE. Borrowed from the error. Never NULL; empty if the engine has none (SQLite). Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_sqlstate(error: *const expmig_error) -> *const c_char {
    unsafe { of(error, c"".as_ptr(), |error| error.sqlstate.as_ptr()) }
}

/// How many details the error has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_detail_count(error: *const expmig_error) -> usize {
    unsafe { of(error, 0, |error| error.details.len()) }
}

/// The key of a detail: "table", "row", "column", "path", "parameter", "experiment_id", ... The same key can occur more than once.
/// `index` counts from 0. Borrowed from the error; NULL if there is no such detail. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_detail_key(error: *const expmig_error, index: usize) -> *const c_char {
    unsafe { of(error, std::ptr::null(), |e| e.details.get(index).map_or(std::ptr::null(), |(key, _)| key.as_ptr())) }
}

/// The value of a detail, as text. Borrowed from the error; NULL if there is no such detail. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_detail_value(error: *const expmig_error, index: usize) -> *const c_char {
    unsafe {
        of(error, std::ptr::null(), |e| e.details.get(index).map_or(std::ptr::null(), |(_, value)| value.as_ptr()))
    }
}

/// The error that led to this one, borrowed from it; do not free it. NULL if there is none. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_cause(error: *const expmig_error) -> *const expmig_error {
    unsafe { of(error, std::ptr::null(), |e| e.cause.as_deref().map_or(std::ptr::null(), std::ptr::from_ref)) }
}

/// The whole error as a JSON object, schema "expmig.error/1". Borrowed from the error. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_to_json(error: *const expmig_error) -> *const c_char {
    unsafe { of(error, c"null".as_ptr(), |error| error.json.as_ptr()) }
}

/// Frees an error and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_error_free(error: *mut expmig_error) {
    if !error.is_null() {
        // SAFETY: it came from Box::into_raw in `guard`, and the caller passes it once.
        shielded((), || drop(unsafe { Box::from_raw(error) }));
    }
}
