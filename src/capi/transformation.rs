//! Transforming metrics.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{clear, opened, optional_text, required, store, text};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::object::owned;
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{expmig_progress_fn, sink, token};
use super::status::expmig_status;
use super::transformation_result::expmig_transformation;
use crate::error::{Domain, Error, Result};
use crate::transformation::{MetricSelection, TransformOptions};

/// Only report what would be done, with examples, and write nothing.
pub const EXPMIG_TRANSFORM_DRY_RUN: u32 = 0x1;

/// The metrics to which a transformation is applied. Fill with expmig_transform_selection_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_transform_selection {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// None are defined yet: 0.
    pub flags: u32,
    /// Only metrics that are linked from results, epochs and batches of these experiments. NULL (the default): all metrics, whatever they
    /// are linked from. A pointer that is not NULL with a count of 0: none.
    pub experiment_ids: *const i64,
    /// How many `experiment_ids` there are.
    pub experiment_id_count: usize,
    /// Of those, only the metrics with these ids. NULL (the default): no such limit. A pointer that is not NULL with a count of 0: none.
    pub metric_ids: *const i64,
    /// How many `metric_ids` there are.
    pub metric_id_count: usize,
}

// SAFETY: repr(C), size first, integers and pointers.
unsafe impl SizedOptions for expmig_transform_selection {
    const FIRST_SIZE: usize = size_of::<expmig_transform_selection>();

    fn defaults() -> expmig_transform_selection {
        expmig_transform_selection {
            struct_size: size_of::<expmig_transform_selection>() as u32,
            flags: 0,
            experiment_ids: std::ptr::null(),
            experiment_id_count: 0,
            metric_ids: std::ptr::null(),
            metric_id_count: 0,
        }
    }
}

/// # Safety
/// `selection` is NULL or initialised; its pointers have as many ids as it says.
unsafe fn metric_selection(selection: *const expmig_transform_selection) -> Result<MetricSelection> {
    let domain = Domain::Transformation;
    let ids = |ids: *const i64, count: usize, parameter: &'static str| {
        if ids.is_null() && count > 0 {
            return Err(Error::argument(domain, parameter, format!("{parameter} is NULL, but their count is not 0")));
        }
        // SAFETY: not NULL, and as many as the caller says.
        Ok((!ids.is_null())
            .then(|| if count == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(ids, count) }.to_vec() }))
    };
    // SAFETY: as the caller promises.
    let selection = unsafe { read(selection, domain) }?;
    known_flags(selection.flags, 0, domain)?;
    Ok(MetricSelection {
        experiments: ids(selection.experiment_ids, selection.experiment_id_count, "experiment_ids")?,
        metrics: ids(selection.metric_ids, selection.metric_id_count, "metric_ids")?,
    })
}

/// What a caller can ask of a transformation. Fill with expmig_transform_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_transform_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_TRANSFORM_DRY_RUN; default 0.
    pub flags: u32,
    /// Rows per chunk written, at least 1; default 1000. A chunk is never committed by itself, and does not change the result.
    pub batch_size: i64,
    /// Receives progress, in which one item is one metric that is examined; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_transform_options {
    const FIRST_SIZE: usize = size_of::<expmig_transform_options>();

    fn defaults() -> expmig_transform_options {
        expmig_transform_options {
            struct_size: size_of::<expmig_transform_options>() as u32,
            flags: 0,
            batch_size: i64::try_from(TransformOptions::default().batch_size).unwrap_or(1),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn transform_options(options: *const expmig_transform_options) -> Result<TransformOptions> {
    let domain = Domain::Transformation;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, EXPMIG_TRANSFORM_DRY_RUN, domain)?;
    let Ok(batch_size) = usize::try_from(options.batch_size) else {
        return Err(Error::argument(domain, "batch_size", "batch_size must be at least 1"));
    };
    Ok(TransformOptions {
        dry_run: options.flags & EXPMIG_TRANSFORM_DRY_RUN != 0,
        batch_size,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// Fills in the defaults: all metrics. `size` is sizeof(expmig_transform_selection). Returns EXPMIG_INVALID_ARGUMENT for NULL or an
/// impossible size. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_selection_init(
    selection: *mut expmig_transform_selection,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes; so below.
    unsafe { guard(none, Domain::Transformation, || init(selection, size, Domain::Transformation)) }
}

/// Fills in the defaults. `size` is sizeof(expmig_transform_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_options_init(
    options: *mut expmig_transform_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    unsafe { guard(none, Domain::Transformation, || init(options, size, Domain::Transformation)) }
}

/// Changes metrics by the rules of a document (docs/transformations.md), in one transaction: a failure, a cancel or a crash leaves the
/// database as it was. Rows that do not change are not written. If `experiment_ids` are given, a metric that is also linked from
/// elsewhere is copied first, and only the links of these experiments move to the copy.
///
/// `selection`: which metrics; NULL for all.
/// `rules_json`: {"metric_transformations": [{"metric_type", "transformation", "rules"}, ...], "global_settings": {"backup_original",
/// "validate_after_transform", "rollback_on_error"}}, or the list alone; "params" means the same as "rules", and the settings are
/// true unless they say otherwise.
/// `options`: NULL for the defaults.
/// `result`: receives what was done; the caller frees it with expmig_transformation_free.
///
/// Returns EXPMIG_INVALID_ARGUMENT (something is wrong with the rules; the detail "path" says where), EXPMIG_LIMIT (too many rules),
/// EXPMIG_NOT_FOUND (an experiment or a metric does not exist), EXPMIG_VALIDATION (metrics that cannot be transformed, unless
/// rollback_on_error is false; the details name them), EXPMIG_MISMATCH (a trigger interfered), EXPMIG_CANCELLED, EXPMIG_CALLBACK,
/// EXPMIG_BUSY (also if another connection to a server changed one of the metrics meanwhile), EXPMIG_SHARED_PROCESS (the first write opens
/// the file once more), EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE; on a server also EXPMIG_AUTH (a right is missing, such as
/// CREATE for the tables of the undo log), EXPMIG_UNSUPPORTED (METRIC is of an engine without transactions), EXPMIG_CONSTRAINT (a value
/// does not fit its column), EXPMIG_CONNECTION, EXPMIG_TIMEOUT. After each of them nothing was changed, except that on a server the empty
/// tables of the undo log may have been created (docs/servers.md). Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_metrics(
    manager: *const expmig_manager,
    selection: *const expmig_transform_selection,
    rules_json: *const c_char,
    options: *const expmig_transform_options,
    result: *mut *mut expmig_transformation,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(result, "result", Domain::Transformation)?;
            let selection = metric_selection(selection)?;
            let rules = text(rules_json, "rules_json", Domain::Transformation)?;
            let options = transform_options(options)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            let done = shared.manager(&entered).transform_metrics(&selection, rules, options)?;
            store(result, owned(expmig_transformation::new(done)));
            Ok(())
        })
    }
}

/// Like expmig_transform_metrics, with one rule for the metrics of every type, and the default settings.
///
/// `transformation`: the name of a transformation, built in or registered.
/// `params_json`: its parameters, a JSON object; NULL for an empty one.
///
/// Returns as expmig_transform_metrics. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transform_metrics_by(
    manager: *const expmig_manager,
    selection: *const expmig_transform_selection,
    transformation: *const c_char,
    params_json: *const c_char,
    options: *const expmig_transform_options,
    result: *mut *mut expmig_transformation,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(result, "result", Domain::Transformation)?;
            let selection = metric_selection(selection)?;
            let transformation = text(transformation, "transformation", Domain::Transformation)?;
            let params = optional_text(params_json, "params_json", Domain::Transformation)?;
            let options = transform_options(options)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            let done = shared.manager(&entered).transform_metrics_by(&selection, transformation, params, options)?;
            store(result, owned(expmig_transformation::new(done)));
            Ok(())
        })
    }
}
