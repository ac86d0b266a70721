//! The functions that read the result of a transformation.

use std::ffi::{CString, c_char};

use super::args::{handle, required};
use super::error::expmig_error;
use super::guard::guard;
use super::object::{Document, NO_JSON, all_texts, read_of, release, text_at};
use super::options::{SizedOptions, init, write};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::{Domain, Error};
use crate::transformation::{Noted, NotedList, TransformationResult};

/// A metric that was not transformed. Fill with expmig_transform_note_init; expmig_transformation_failure_at and _skip_at then store one
/// in it. All text is UTF-8 and lives as long as the result.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_transform_note {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The metric.
    pub metric_id: i64,
    /// Its type.
    pub metric_type: *const c_char,
    /// The name of the transformation that skipped or failed the metric; "validate_after_transform" if the metric was not valid
    /// afterwards, "backup_original" if an undo could not restore the old values, "database" if the database refused the row.
    pub transformation: *const c_char,
    /// Why, one line.
    pub reason: *const c_char,
}

// SAFETY: repr(C), size first, integers and pointers.
unsafe impl SizedOptions for expmig_transform_note {
    const FIRST_SIZE: usize = size_of::<expmig_transform_note>();

    fn defaults() -> expmig_transform_note {
        expmig_transform_note {
            struct_size: size_of::<expmig_transform_note>() as u32,
            reserved: 0,
            metric_id: 0,
            metric_type: std::ptr::null(),
            transformation: std::ptr::null(),
            reason: std::ptr::null(),
        }
    }
}

/// The text of a note.
struct Note {
    metric_id: i64,
    metric_type: CString,
    transformation: CString,
    reason: CString,
}

impl Note {
    fn all(list: &NotedList) -> Vec<Note> {
        let note = |noted: &Noted| Note {
            metric_id: noted.metric_id,
            metric_type: c_string(&noted.metric_type),
            transformation: c_string(&noted.transformation),
            reason: c_string(&noted.reason),
        };
        list.first.iter().map(note).collect()
    }

    /// The struct that borrows it.
    fn borrow(&self) -> expmig_transform_note {
        expmig_transform_note {
            metric_id: self.metric_id,
            metric_type: self.metric_type.as_ptr(),
            transformation: self.transformation.as_ptr(),
            reason: self.reason.as_ptr(),
            ..expmig_transform_note::defaults()
        }
    }
}

/// What a transformation did. Immutable; may be read from any thread. Free it with expmig_transformation_free.
pub struct expmig_transformation {
    result: TransformationResult,
    warnings: Vec<CString>,
    failures: Vec<Note>,
    skips: Vec<Note>,
    /// Made when it is first asked for.
    json: Document,
}

impl expmig_transformation {
    /// Takes a result over.
    pub(super) fn new(result: TransformationResult) -> expmig_transformation {
        let warnings = all_texts(&result.warnings);
        let (failures, skips) = (Note::all(&result.failed), Note::all(&result.skipped));
        expmig_transformation { result, warnings, failures, skips, json: Document::default() }
    }
}

/// Fills in a note without any text. `size` is sizeof(expmig_transform_note). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible
/// size. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_note_init(note: *mut expmig_transform_note, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Transformation, || init(note, size, Domain::Transformation)) }
}

/// The id to give to expmig_transform_undo. 0 if nothing was changed, if backup_original was false, or if it was a dry run; 0 for NULL.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_transform_id(result: *const expmig_transformation) -> i64 {
    unsafe { read_of(result, 0, |result| result.result.transform_id.unwrap_or(0)) }
}

/// 1 if nothing was written because the call was only a preview, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_dry_run(result: *const expmig_transformation) -> i32 {
    unsafe { read_of(result, 0, |result| i32::from(result.result.dry_run)) }
}

/// Metrics of the selection. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_examined(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.examined) }
}

/// Of the examined metrics, those that some rule is for. Each was updated, unchanged, skipped or failed. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_matched(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.matched) }
}

/// Metrics that were changed, including those that were copied first. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_updated(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.updated) }
}

/// Metrics that already were as they should be. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_unchanged(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.unchanged) }
}

/// Metrics to which the transformation does not apply. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_skipped(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.skipped.count) }
}

/// Metrics that could not be transformed. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_failed(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.failed.count) }
}

/// Changed metrics that were copied first, because they are also linked from elsewhere. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_copied(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.copied) }
}

/// 0 to 100: the share of the matched metrics that did not fail; 100, with a warning, if none matched. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_success_rate(result: *const expmig_transformation) -> f64 {
    unsafe { read_of(result, 0.0, |result| result.result.success_rate()) }
}

/// How long the transformation took, in nanoseconds. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_duration_ns(result: *const expmig_transformation) -> u64 {
    unsafe { read_of(result, 0, |r| u64::try_from(r.result.duration.as_nanos()).unwrap_or(u64::MAX)) }
}

/// How many warnings there are. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_warning_count(result: *const expmig_transformation) -> usize {
    unsafe { read_of(result, 0, |result| result.warnings.len()) }
}

/// A warning, one line, UTF-8. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_warning_at(
    result: *const expmig_transformation,
    index: usize,
) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.warnings, index)) }
}

/// How many of the failed metrics are listed: all, or the first hundred. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_failure_count(result: *const expmig_transformation) -> usize {
    unsafe { read_of(result, 0, |result| result.failures.len()) }
}

/// Stores a note, whichever list it is of.
///
/// # Safety
/// `result` is NULL or live, `note` NULL or initialised, `error` NULL or writable.
unsafe fn note_at(
    result: *const expmig_transformation,
    list: impl FnOnce(&expmig_transformation) -> &[Note],
    index: usize,
    note: *mut expmig_transform_note,
    error: *mut *mut expmig_error,
) -> expmig_status {
    let domain = Domain::Transformation;
    // SAFETY: as the caller promises.
    unsafe {
        guard(error, domain, || {
            let notes = list(handle(result, "result", domain)?);
            required(note, "note", domain)?;
            let Some(found) = notes.get(index) else {
                let message = format!("there is no metric {index}; {} are listed", notes.len());
                return Err(Error::argument(domain, "index", message));
            };
            write(note, &found.borrow(), domain)
        })
    }
}

/// A failed metric that is listed.
///
/// `index`: from 0 to expmig_transformation_failure_count, exclusive.
/// `note`: was filled by expmig_transform_note_init; receives the metric. Its text is borrowed from the result.
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_failure_at(
    result: *const expmig_transformation,
    index: usize,
    note: *mut expmig_transform_note,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe { note_at(result, |result| &result.failures, index, note, error) }
}

/// How many of the skipped metrics are listed: all, or the first hundred. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_skip_count(result: *const expmig_transformation) -> usize {
    unsafe { read_of(result, 0, |result| result.skips.len()) }
}

/// A skipped metric that is listed; otherwise like expmig_transformation_failure_at. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_skip_at(
    result: *const expmig_transformation,
    index: usize,
    note: *mut expmig_transform_note,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe { note_at(result, |result| &result.skips, index, note, error) }
}

/// The whole result as a JSON object, schema "expmig.transformation/1": the numbers, what each rule did, failed and skipped metrics,
/// warnings, and the examples of a dry run. Borrowed from the result. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_to_json(result: *const expmig_transformation) -> *const c_char {
    unsafe { read_of(result, NO_JSON, |result| result.json.text(|| result.result.to_json().to_string())) }
}

/// Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transformation_free(result: *mut expmig_transformation) {
    unsafe { release(result) };
}
