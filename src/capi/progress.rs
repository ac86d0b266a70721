//! Progress callbacks, and the options that every longer call shares.

use std::ffi::{CString, c_char, c_void};

use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::options::{SizedOptions, init, known_flags, read};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::{Domain, Result};
use crate::manager::JobOptions;
use crate::progress::{CancelToken, Flow, Progress, ProgressSink};

/// What a callback returns to go on.
pub const EXPMIG_CALLBACK_CONTINUE: i32 = 0;
/// What a callback returns to cancel: the call rolls back and returns EXPMIG_CANCELLED. Any value other than this one and 0 is a failure
/// of the callback: the call rolls back and returns EXPMIG_CALLBACK, with the value in the detail "callback_result".
pub const EXPMIG_CALLBACK_CANCEL: i32 = 1;

/// The progress of a call. Valid only during the callback; copy what you want to keep.
#[repr(C)]
pub struct expmig_progress {
    /// Size of this struct in bytes; fields are only added at its end.
    pub struct_size: u32,
    /// 1 in the last callback of a call that succeeded, else 0.
    pub finished: i32,
    /// What is being done, for a person, UTF-8.
    pub operation: *const c_char,
    /// Rows done, failed ones included.
    pub processed_items: u64,
    /// Rows in all; 0 until they were counted.
    pub total_items: u64,
    /// Rows that could not be processed.
    pub failed_items: u64,
    /// 0 to 100; 0 until the total is known, exactly 100 at the end.
    pub completion_percentage: f64,
    /// 0 to 100; 100 before the first row.
    pub success_rate: f64,
    /// When the call began: microseconds since 1970-01-01, UTC.
    pub start_time_us: i64,
    /// Seconds since the call began.
    pub elapsed_seconds: f64,
    /// Seconds still needed; negative until that can be estimated, 0 at the end.
    pub remaining_seconds: f64,
    /// When the call will probably be done: microseconds since 1970-01-01, UTC; EXPMIG_TIME_UNKNOWN until that can be estimated.
    pub estimated_completion_us: i64,
    /// How many errors there were so far.
    pub error_count: u64,
    /// The latest errors, oldest first, UTF-8: `recent_error_count` strings.
    pub recent_errors: *const *const c_char,
    /// How many `recent_errors` there are.
    pub recent_error_count: usize,
}

/// A time that is not known yet. The header has it by hand: C has no literal for it.
pub const EXPMIG_TIME_UNKNOWN: i64 = i64::MIN;

/// Receives progress, on the thread that made the call: when the call begins, at most every 100 ms, at least once a second, and when the
/// call has succeeded. Returns EXPMIG_CALLBACK_CONTINUE, EXPMIG_CALLBACK_CANCEL, or another value for a failure; after anything but
/// EXPMIG_CALLBACK_CONTINUE it is not called again. The result of the last report changes nothing, because everything is done by then.
/// The callback must not unwind or longjmp, and must not use the handles of the running call.
pub type expmig_progress_fn =
    Option<unsafe extern "C" fn(progress: *const expmig_progress, user_data: *mut c_void) -> i32>;

/// Options of calls that take a while and need nothing else. Fill with expmig_job_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_job_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// None are defined yet: 0.
    pub flags: u32,
    /// Receives progress; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. It must live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_job_options {
    const FIRST_SIZE: usize = size_of::<expmig_job_options>();

    fn defaults() -> expmig_job_options {
        expmig_job_options {
            struct_size: size_of::<expmig_job_options>() as u32,
            flags: 0,
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// Fills in the defaults. `size` is sizeof(expmig_job_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_job_options_init(options: *mut expmig_job_options, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Database, || init(options, size, Domain::Database)) }
}

/// Reads job options.
///
/// # Safety
/// `options` is NULL or initialised; its pointers are live.
pub unsafe fn job_options(options: *const expmig_job_options, domain: Domain) -> Result<JobOptions> {
    // SAFETY: as the caller promises.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, 0, domain)?;
    // SAFETY: as the caller promises.
    Ok(JobOptions {
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// The token behind a pointer.
///
/// # Safety
/// `cancel` is NULL or live.
pub unsafe fn token(cancel: *const expmig_cancel) -> Option<CancelToken> {
    // SAFETY: as the caller promises.
    unsafe { cancel.as_ref() }.map(|cancel| cancel.0.clone())
}

/// A caller's pointer, on its way back to the caller's function on the caller's thread.
pub struct UserData(pub *mut c_void);

// SAFETY: the pointer is never read here, only handed back: on the thread that made the call, or, for callbacks that outlive
// calls, on threads that the caller calls from.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    /// The pointer. A method, so that closures capture the whole and stay Send.
    pub fn get(&self) -> *mut c_void {
        self.0
    }
}

/// The engine's sink that calls a C callback.
pub fn sink(progress_fn: expmig_progress_fn, user_data: *mut c_void) -> Option<ProgressSink> {
    let progress_fn = progress_fn?;
    let user_data = UserData(user_data);
    Some(Box::new(move |progress| {
        let answer = with_c_progress(progress, |c_progress| {
            // SAFETY: the caller gave a function of this type; the struct lives for the call.
            unsafe { progress_fn(c_progress, user_data.get()) }
        });
        flow(answer)
    }))
}

/// What a callback answered.
pub fn flow(answer: i32) -> Flow {
    match answer {
        EXPMIG_CALLBACK_CONTINUE => Flow::Continue,
        EXPMIG_CALLBACK_CANCEL => Flow::Cancel,
        other => Flow::Fail(other),
    }
}

fn with_c_progress(progress: &Progress, call: impl FnOnce(*const expmig_progress) -> i32) -> i32 {
    let operation = c_string(progress.operation);
    let errors: Vec<CString> = progress.recent_errors.iter().map(|error| c_string(error)).collect();
    let pointers: Vec<*const c_char> = errors.iter().map(|error| error.as_ptr()).collect();
    let c_progress = expmig_progress {
        struct_size: size_of::<expmig_progress>() as u32,
        finished: i32::from(progress.finished),
        operation: operation.as_ptr(),
        processed_items: progress.processed_items,
        total_items: progress.total_items,
        failed_items: progress.failed_items,
        completion_percentage: progress.completion_percentage(),
        success_rate: progress.success_rate(),
        start_time_us: progress.start_time_us,
        elapsed_seconds: progress.elapsed.as_secs_f64(),
        remaining_seconds: progress.remaining.map_or(-1.0, |left| left.as_secs_f64()),
        estimated_completion_us: progress.estimated_completion_us().unwrap_or(EXPMIG_TIME_UNKNOWN),
        error_count: progress.error_count,
        recent_errors: pointers.as_ptr(),
        recent_error_count: pointers.len(),
    };
    call(&raw const c_progress)
}
