//! A stream of batches, as the Arrow C stream interface has it.

use std::ffi::{CString, c_char, c_int};

use super::arrow_layout::{ArrowArray, ArrowArrayStream, ArrowSchema, array_of, no_array, no_schema, schema_of};
use super::panics::{caught, shielded};
use super::text::c_string;
use crate::arrow::Batches;
use crate::error::{Domain, Error, Result, Status};

/// What is behind a stream.
struct Behind {
    batches: Batches,
    /// Why the last call failed.
    failure: Option<CString>,
}

/// A stream for the caller, who calls its release.
pub fn stream_of(batches: Batches) -> ArrowArrayStream {
    let behind = Box::new(Behind { batches, failure: None });
    ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(behind).cast(),
    }
}

/// A stream that was released.
pub fn no_stream() -> ArrowArrayStream {
    ArrowArrayStream {
        get_schema: None,
        get_next: None,
        get_last_error: None,
        release: None,
        private_data: std::ptr::null_mut(),
    }
}

/// What is behind a stream of ours; `None` after its release.
///
/// # Safety
/// `stream` is NULL, or a stream of ours that nobody else uses meanwhile.
unsafe fn behind<'s>(stream: *mut ArrowArrayStream) -> Option<&'s mut Behind> {
    // SAFETY: as the caller promises.
    unsafe { stream.as_ref()?.private_data.cast::<Behind>().as_mut() }
}

/// The number of the system's that says about the same.
fn errno(status: Status) -> c_int {
    match status {
        Status::Io => libc::EIO,
        Status::Limit => libc::ENOMEM,
        Status::Unsupported => libc::ENOSYS,
        _ => libc::EINVAL,
    }
}

/// Does something for a call of the interface; keeps why it failed.
fn answer(behind: &mut Behind, act: impl FnOnce(&mut Batches) -> Result<()>) -> c_int {
    let done = caught(Domain::Database, || act(&mut behind.batches));
    let text = |error: &Error| match error.hint_text() {
        Some(hint) => format!("{}: {} (hint: {hint})", error.status().name(), error.message()),
        None => format!("{}: {}", error.status().name(), error.message()),
    };
    behind.failure = done.as_ref().err().map(|error| c_string(&text(error)));
    done.map_or_else(|error| errno(error.status()), |()| 0)
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the interface passes a live stream and a place for a schema.
    let (Some(behind), false) = (unsafe { behind(stream) }, out.is_null()) else { return libc::EINVAL };
    // SAFETY: as above.
    unsafe { out.write(no_schema()) };
    answer(behind, |batches| {
        // SAFETY: as above.
        unsafe { out.write(schema_of(batches.fields())) };
        Ok(())
    })
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the interface passes a live stream and a place for an array.
    let (Some(behind), false) = (unsafe { behind(stream) }, out.is_null()) else { return libc::EINVAL };
    // SAFETY: as above.
    unsafe { out.write(no_array()) };
    answer(behind, |batches| {
        if let Some(batch) = batches.next_batch()? {
            // SAFETY: as above.
            unsafe { out.write(array_of(batch)) };
        }
        Ok(())
    })
}

unsafe extern "C" fn get_last_error(stream: *mut ArrowArrayStream) -> *const c_char {
    // SAFETY: the interface passes a live stream.
    let failure = unsafe { behind(stream) }.and_then(|behind| behind.failure.as_ref());
    failure.map_or(std::ptr::null(), |failure| failure.as_ptr())
}

unsafe extern "C" fn release(stream: *mut ArrowArrayStream) {
    // SAFETY: the interface passes a live stream, once.
    let Some(stream) = (unsafe { stream.as_mut() }) else { return };
    stream.release = None;
    let behind = std::mem::replace(&mut stream.private_data, std::ptr::null_mut()).cast::<Behind>();
    if !behind.is_null() {
        // SAFETY: it is from Box::into_raw in `stream_of`.
        shielded((), || drop(unsafe { Box::from_raw(behind) }));
    }
}
