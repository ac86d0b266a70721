//! Reports of validations.

use std::ffi::{CStr, CString, c_char};

use super::args::{handle, required};
use super::error::expmig_error;
use super::guard::guard;
use super::object::{Document, NO_JSON, read_of, release, some_text};
use super::options::{SizedOptions, init, write};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::{Domain, Error};
use crate::validation::{Issue, Report, Severity};

/// The data contradicts its schema: something will be lost, or was lost already. Makes a report fail.
pub const EXPMIG_SEVERITY_ERROR: i32 = 1;
/// Somebody should look at it.
pub const EXPMIG_SEVERITY_WARNING: i32 = 2;
/// Unusual, and allowed.
pub const EXPMIG_SEVERITY_INFO: i32 = 3;

const _: () = assert!(EXPMIG_SEVERITY_ERROR == Severity::Error as i32);
const _: () = assert!(EXPMIG_SEVERITY_WARNING == Severity::Warning as i32);
const _: () = assert!(EXPMIG_SEVERITY_INFO == Severity::Info as i32);

/// One thing that is wrong. Fill with expmig_issue_init; expmig_report_issue_at then stores an issue in it. All text is UTF-8, one
/// line, and lives as long as the report.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_issue {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_SEVERITY_ERROR and so on.
    pub severity: i32,
    /// What is wrong: "dangling_reference" and so on (docs/validation.md). Stable.
    pub kind: *const c_char,
    /// The part of the validation that found it: "foreign_keys", "metric_json", "hierarchy" or "registered_checks".
    pub section: *const c_char,
    /// The table, as the schema names it; "" if a registered check names none.
    pub table: *const c_char,
    /// The row's key: "epoch_idx=3, trial_run_id=7".
    pub row_key: *const c_char,
    /// The column, or the columns of a composite key, separated by commas; NULL if it is about the row.
    pub column: *const c_char,
    /// One line that names the row and says what is wrong.
    pub message: *const c_char,
    /// The offending value, cut to some 80 characters; NULL if there is none.
    pub value: *const c_char,
    /// The name of the registered check that found it; NULL for all others.
    pub check: *const c_char,
}

// SAFETY: repr(C), size first, integers and pointers.
unsafe impl SizedOptions for expmig_issue {
    const FIRST_SIZE: usize = size_of::<expmig_issue>();

    fn defaults() -> expmig_issue {
        let none = std::ptr::null();
        expmig_issue {
            struct_size: size_of::<expmig_issue>() as u32,
            severity: EXPMIG_SEVERITY_ERROR,
            kind: none,
            section: none,
            table: none,
            row_key: none,
            column: none,
            message: none,
            value: none,
            check: none,
        }
    }
}

/// The text of an issue.
struct Texts {
    severity: Severity,
    kind: CString,
    section: CString,
    table: CString,
    row: CString,
    column: Option<CString>,
    message: CString,
    value: Option<CString>,
    check: Option<CString>,
}

impl Texts {
    fn new(issue: &Issue) -> Texts {
        Texts {
            severity: issue.severity,
            kind: c_string(issue.kind.name()),
            section: c_string(issue.kind.section().name()),
            table: c_string(&issue.table),
            row: c_string(&issue.row),
            column: issue.column.as_deref().map(c_string),
            message: c_string(&issue.message),
            value: some_text(&issue.value),
            check: some_text(&issue.check),
        }
    }

    /// The struct that borrows it.
    fn issue(&self) -> expmig_issue {
        let optional = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        expmig_issue {
            severity: self.severity as i32,
            kind: self.kind.as_ptr(),
            section: self.section.as_ptr(),
            table: self.table.as_ptr(),
            row_key: self.row.as_ptr(),
            column: optional(&self.column),
            message: self.message.as_ptr(),
            value: optional(&self.value),
            check: optional(&self.check),
            ..expmig_issue::defaults()
        }
    }
}

/// What a validation found. Immutable; may be read from any thread. Free it with expmig_report_free.
pub struct expmig_report {
    report: Report,
    issues: Vec<Texts>,
    /// Made when it is first asked for.
    json: Document,
}

impl expmig_report {
    pub(crate) fn new(report: Report) -> expmig_report {
        let issues = report.issues().iter().map(Texts::new).collect();
        expmig_report { report, issues, json: Document::default() }
    }
}

/// Fills in an issue of severity EXPMIG_SEVERITY_ERROR without any text. `size` is sizeof(expmig_issue). Returns
/// EXPMIG_INVALID_ARGUMENT for NULL or an impossible size. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_issue_init(issue: *mut expmig_issue, size: usize) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Validation, || init(issue, size, Domain::Validation)) }
}

/// 1 if the report has no issue of severity error, else 0. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_passed(report: *const expmig_report) -> i32 {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(report, 0, |report| i32::from(report.report.passed())) }
}

/// How many issues are listed: all, or at most `issue_limit`, with some of every kind in every table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_issue_count(report: *const expmig_report) -> usize {
    unsafe { read_of(report, 0, |report| report.issues.len()) }
}

/// An issue that is listed.
///
/// `index`: from 0 to expmig_report_issue_count, exclusive.
/// `issue`: was filled by expmig_issue_init; receives the issue. Its text is borrowed from the report.
///
/// Returns EXPMIG_INVALID_ARGUMENT; `issue` then is as expmig_issue_init left it. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_issue_at(
    report: *const expmig_report,
    index: usize,
    issue: *mut expmig_issue,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Validation, || {
            required(issue, "issue", Domain::Validation)?;
            write(issue, &expmig_issue::defaults(), Domain::Validation)?;
            let issues = &handle(report, "report", Domain::Validation)?.issues;
            let found = issues.get(index).ok_or_else(|| {
                let message = format!("there is no issue {index}: the report lists {}", issues.len());
                Error::argument(Domain::Validation, "index", message)
            })?;
            write(issue, &found.issue(), Domain::Validation)
        })
    }
}

/// How many errors there are, listed or not. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_error_count(report: *const expmig_report) -> u64 {
    unsafe { read_of(report, 0, |report| report.report.count(Severity::Error)) }
}

/// How many warnings there are, listed or not. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_warning_count(report: *const expmig_report) -> u64 {
    unsafe { read_of(report, 0, |report| report.report.count(Severity::Warning)) }
}

/// How many infos there are, listed or not. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_info_count(report: *const expmig_report) -> u64 {
    unsafe { read_of(report, 0, |report| report.report.count(Severity::Info)) }
}

/// How many issues there are, listed or not. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_total_count(report: *const expmig_report) -> u64 {
    unsafe { read_of(report, 0, |report| report.report.total()) }
}

/// How many issues of a kind there are, listed or not. `kind`: "dangling_reference" and so on. 0 for NULL and for a kind that does
/// not exist. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_count_of(report: *const expmig_report, kind: *const c_char) -> u64 {
    if kind.is_null() {
        return 0;
    }
    unsafe {
        // SAFETY: not NULL, hence NUL-terminated, as the caller promises.
        let kind = CStr::from_ptr(kind).to_bytes();
        read_of(report, 0, |report| {
            let counts = report.report.counts().iter();
            counts.filter(|count| count.kind.name().as_bytes() == kind).map(|count| count.count).sum()
        })
    }
}

/// The whole report as a JSON object, schema "expmig.validation/1" (docs/json-documents.md). Borrowed from the report. Never NULL.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_to_json(report: *const expmig_report) -> *const c_char {
    unsafe { read_of(report, NO_JSON, |report| report.json.text(|| report.report.to_json().to_string())) }
}

/// Frees a report and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_free(report: *mut expmig_report) {
    unsafe { release(report) };
}
