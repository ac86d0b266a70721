//! The wrapper of every fallible function: it turns errors into statuses and error objects, and catches panics.

use super::error::expmig_error;
use super::panics::caught;
use super::status::{EXPMIG_OK, expmig_status};
use crate::error::{Domain, Result};
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
    let Err(failure) = caught(domain, guarded) else { return EXPMIG_OK };
    let status = failure.status().code();
    if !error.is_null() {
        let object = Box::into_raw(Box::new(expmig_error::new(&failure)));
        // SAFETY: as above.
        unsafe { error.write(object) };
    }
    status
}
