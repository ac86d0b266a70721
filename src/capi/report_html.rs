//! Making HTML pages of experiments.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use super::args::{handle, opened, optional_text, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::export::expmig_write_fn;
use super::gate::enter_all;
use super::guard::guard;
use super::manager::{Shared, expmig_manager};
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{UserData, expmig_progress_fn, flow, sink, token};
use super::status::expmig_status;
use crate::database::Database;
use crate::error::{Domain, Error, Result};
use crate::manager::{FileOptions, Manager};
use crate::report::ReportOptions;

/// Replace an existing file of that name.
pub const EXPMIG_REPORT_HTML_REPLACE: u32 = 0x1;

const DOMAIN: Domain = Domain::ImportExport;

/// What a caller can ask of a page. Fill with expmig_report_html_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_report_html_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_REPORT_HTML_REPLACE, or 0, the default.
    pub flags: u32,
    /// How many issues of the validation are listed at most, of all experiments together; all are counted. At most 2000; default 500.
    pub issue_limit: u32,
    /// Permissions of the file, at most 0777 (octal); default 0600: only the owner can read and write it. For expmig_report_html_to_file.
    pub file_mode: u32,
    /// What stands above the page, UTF-8; NULL for the titles of the experiments.
    pub title: *const c_char,
    /// Receives progress; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_report_html_options {
    const FIRST_SIZE: usize = size_of::<expmig_report_html_options>();

    fn defaults() -> expmig_report_html_options {
        expmig_report_html_options {
            struct_size: size_of::<expmig_report_html_options>() as u32,
            flags: 0,
            issue_limit: ReportOptions::default().issue_limit as u32,
            file_mode: FileOptions::default().mode,
            title: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn report_options(options: *const expmig_report_html_options) -> Result<(ReportOptions, FileOptions)> {
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, DOMAIN) }?;
    known_flags(options.flags, EXPMIG_REPORT_HTML_REPLACE, DOMAIN)?;
    let report = ReportOptions {
        title: unsafe { optional_text(options.title, "title", DOMAIN) }?.map(str::to_owned),
        issue_limit: options.issue_limit as usize,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    };
    Ok((report, FileOptions { replace: options.flags & EXPMIG_REPORT_HTML_REPLACE != 0, mode: options.file_mode }))
}

/// The experiments that a caller names: their managers, and their ids.
///
/// # Safety
/// Both are NULL or have `count` readable elements, and the managers are NULL or live.
unsafe fn experiments(
    managers: *const *const expmig_manager,
    experiment_ids: *const i64,
    count: usize,
) -> Result<Vec<(Arc<Shared>, i64)>> {
    if count == 0 {
        return Err(Error::argument(DOMAIN, "count", "a page is of one experiment at least"));
    }
    // SAFETY: as the caller promises; so below.
    let (first, _) =
        unsafe { (handle(managers, "managers", DOMAIN)?, handle(experiment_ids, "experiment_ids", DOMAIN)?) };
    let (managers, ids) =
        unsafe { (std::slice::from_raw_parts(first, count), std::slice::from_raw_parts(experiment_ids, count)) };
    let each = managers.iter().zip(ids).map(|(manager, id)| {
        let shared = unsafe { opened(*manager, "managers", DOMAIN) }?;
        Ok((Arc::clone(&shared.0), *id))
    });
    each.collect()
}

/// Runs `make` with the managers of these experiments, while their databases are entered.
fn entered<T>(
    experiments: &[(Arc<Shared>, i64)],
    make: impl FnOnce(&[(&Manager<&Database>, i64)]) -> Result<T>,
) -> Result<T> {
    let gates: Vec<_> = experiments.iter().map(|(shared, _)| &*shared.database).collect();
    let (inside, places) = enter_all(&gates, DOMAIN)?;
    let managers = experiments
        .iter()
        .zip(places)
        .filter_map(|((shared, id), place)| Some((shared.manager(inside.get(place)?), *id)));
    let managers: Vec<_> = managers.collect();
    let lent: Vec<_> = managers.iter().map(|(manager, id)| (manager, *id)).collect();
    make(&lent)
}

/// Fills in the defaults. `size` is sizeof(expmig_report_html_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_html_options_init(
    options: *mut expmig_report_html_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, DOMAIN, || init(options, size, DOMAIN)) }
}

/// Writes a page of experiments (docs/report.md): one HTML file that needs nothing else, with their curves, values and tree, what validation
/// found, and of two experiments where they first differ. From one consistent state of each database, in constant memory. Reads only.
///
/// `managers`, `experiment_ids`: arrays of `count` elements, at most 100: the experiments, and for each the manager of its database. A
/// manager may stand there more than once.
/// `options`: NULL for the defaults.
/// `write_fn`: receives the page, UTF-8, in pieces of some 64 KiB. After a failure, the pieces that it received are not a complete page.
/// `user_data`: passed to `write_fn`.
///
/// What a page cannot hold (curves of more than 2000 runs, for example) is counted, and the page says so; the lowest and highest values
/// of a curve are never left out. Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_LIMIT (more than 100 experiments),
/// EXPMIG_UNSUPPORTED, EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
/// EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_html(
    managers: *const *const expmig_manager,
    experiment_ids: *const i64,
    count: usize,
    options: *const expmig_report_html_options,
    write_fn: expmig_write_fn,
    user_data: *mut c_void,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in the function below.
    unsafe {
        guard(error, DOMAIN, || {
            let experiments = experiments(managers, experiment_ids, count)?;
            let Some(write_fn) = write_fn else {
                return Err(Error::argument(DOMAIN, "write_fn", "write_fn is NULL"));
            };
            let (options, _) = report_options(options)?;
            let user_data = UserData(user_data);
            let mut take = |bytes: &[u8]| flow(write_fn(bytes.as_ptr().cast(), bytes.len(), user_data.get()));
            entered(&experiments, |list| Manager::report_pieces(list, &mut take, options))?;
            Ok(())
        })
    }
}

/// Like expmig_report_html, but into a file. The file gets its name only when it is complete and flushed to the device; before that, and
/// after a failure, there is no file.
///
/// `path`: UTF-8; the folder must exist. Names of the databases' own files are refused.
/// `options`: NULL for the defaults: an existing file is not replaced, and only the owner can read the new one.
///
/// Also returns EXPMIG_ALREADY_EXISTS (a file of this name). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_report_html_to_file(
    managers: *const *const expmig_manager,
    experiment_ids: *const i64,
    count: usize,
    path: *const c_char,
    options: *const expmig_report_html_options,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, DOMAIN, || {
            let experiments = experiments(managers, experiment_ids, count)?;
            let path = Path::new(text(path, "path", DOMAIN)?);
            let (options, file) = report_options(options)?;
            entered(&experiments, |list| Manager::report_to_file(list, path, file, options))?;
            Ok(())
        })
    }
}
