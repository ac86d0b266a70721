//! Converts and checks the arguments of C functions.

use std::ffi::{CStr, c_char};

use crate::error::{Domain, Error, Result};

/// Sets an output to zero, if it is there.
///
/// # Safety
/// `out` is NULL or may be written.
pub unsafe fn clear<T>(out: *mut T, zero: T) {
    if !out.is_null() {
        // SAFETY: the caller passes a writable pointer.
        unsafe { out.write(zero) };
    }
}

/// Stores an output.
///
/// # Safety
/// `out` is NULL or may be written.
pub unsafe fn store<T>(out: *mut T, value: T) {
    // SAFETY: as `clear`.
    unsafe { clear(out, value) };
}

/// A handle that must not be NULL.
///
/// # Safety
/// `pointer` is NULL or a live handle of this library.
pub unsafe fn handle<'a, T>(pointer: *const T, parameter: &'static str, domain: Domain) -> Result<&'a T> {
    // SAFETY: not NULL, hence live, as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(parameter, domain))
}

/// What is of the process that opened it.
pub trait Opened {
    /// Fails with MISUSE in a child of that process.
    fn check_process(&self, domain: Domain) -> Result<()>;
}

/// As [`handle`], for what a child may not use after a fork.
///
/// # Safety
/// As [`handle`].
pub unsafe fn opened<'a, T: Opened>(pointer: *const T, parameter: &'static str, domain: Domain) -> Result<&'a T> {
    // SAFETY: as the caller promises.
    let found = unsafe { handle(pointer, parameter, domain) }?;
    found.check_process(domain)?;
    Ok(found)
}

/// Fails if a required output is missing.
pub fn required<T>(pointer: *const T, parameter: &'static str, domain: Domain) -> Result<()> {
    if pointer.is_null() { Err(null(parameter, domain)) } else { Ok(()) }
}

fn null(parameter: &'static str, domain: Domain) -> Error {
    Error::argument(domain, parameter, format!("{parameter} is NULL"))
}

/// A NUL-terminated UTF-8 string that must not be NULL.
///
/// # Safety
/// `pointer` is NULL or a NUL-terminated string that outlives the call.
pub unsafe fn text<'a>(pointer: *const c_char, parameter: &'static str, domain: Domain) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    unsafe { optional_text(pointer, parameter, domain) }?.ok_or_else(|| null(parameter, domain))
}

/// As [`text`], NULL being `None`.
///
/// # Safety
/// As [`text`].
pub unsafe fn optional_text<'a>(
    pointer: *const c_char,
    parameter: &'static str,
    domain: Domain,
) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, hence NUL-terminated, as the caller promises.
    let string = unsafe { CStr::from_ptr(pointer) };
    match string.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(Error::argument(
            domain,
            parameter,
            format!("{parameter} is not UTF-8: byte {} is wrong", error.valid_up_to()),
        )),
    }
}
