//! What every fallible function is wrapped in: errors become statuses and error objects, panics are caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::expmig_error;
use super::status::{EXPMIG_OK, expmig_status};
use crate::error::{Domain, Error, Result, Status};
use crate::files::occupy_low_descriptors;

/// Runs the body of a fallible function. `error`, if not NULL, is set to NULL first and to a new object on failure.
///
/// # Safety
/// `error` is NULL or points to a pointer that may be written.
pub unsafe fn guard(error: *mut *mut expmig_error, domain: Domain, body: impl FnOnce() -> Result<()>) -> expmig_status {
    if !error.is_null() {
        // SAFETY: the caller passes a writable pointer.
        unsafe { error.write(std::ptr::null_mut()) };
    }
    let guarded = || {
        occupy_low_descriptors();
        body()
    };
    let outcome = match catch_unwind(AssertUnwindSafe(guarded)) {
        Ok(outcome) => outcome,
        Err(payload) => Err(panicked(payload, domain)),
    };
    let Err(failure) = outcome else { return EXPMIG_OK };
    let status = failure.status().code();
    if !error.is_null() {
        let object = Box::into_raw(Box::new(expmig_error::new(&failure)));
        // SAFETY: as above.
        unsafe { error.write(object) };
    }
    status
}

/// For functions that cannot fail: a panic gives `fallback`.
pub fn shielded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // Dropping an odd payload could panic again.
            std::mem::forget(payload);
            fallback
        }
    }
}

fn panicked(payload: Box<dyn Any + Send>, domain: Domain) -> Error {
    let text = match payload.downcast::<&'static str>().map(|text| (*text).to_owned()) {
        Ok(text) => text,
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => {
                // As in `shielded`.
                std::mem::forget(payload);
                "no message".to_owned()
            }
        },
    };
    Error::new(Status::Panic, domain, format!("a bug in expmig was caught: {}", text.replace(['\n', '\r'], " ")))
        .hint("nothing was committed; free the handle, and please report the message")
}
