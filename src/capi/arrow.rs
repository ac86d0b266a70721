//! Results as columns: streams of Apache Arrow's.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{clear, opened, required, store, text};
use super::arrow_layout::ArrowArrayStream;
use super::arrow_stream::{no_stream, stream_of};
use super::cancel::expmig_cancel;
use super::database::expmig_database;
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::options::{SizedOptions, init, known_bits, read};
use super::progress::{expmig_progress_fn, sink, token};
use super::query::{expmig_value, parameters};
use super::status::expmig_status;
use crate::arrow::{Levels, MetricsOptions, Misfit};
use crate::error::{Domain, Error, Result};
use crate::manager::{JobOptions, Manager};

/// A value that does not fit its type is an error of the stream's get_next. The default.
pub const EXPMIG_MISFIT_ERROR: i32 = 0;
/// A value that does not fit its type is NULL, and its text stands in a second column.
pub const EXPMIG_MISFIT_COLUMN: i32 = 1;

/// Metrics of results.
pub const EXPMIG_LEVEL_RESULTS: u32 = 0x1;
/// Metrics of epochs.
pub const EXPMIG_LEVEL_EPOCHS: u32 = 0x2;
/// Metrics of batches.
pub const EXPMIG_LEVEL_BATCHES: u32 = 0x4;
/// All of them.
pub const EXPMIG_LEVEL_ALL: u32 = 0x7;

/// Which metrics are wanted, and how. Fill with expmig_metrics_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_metrics_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_LEVEL_RESULTS and so on, or'ed; default EXPMIG_LEVEL_ALL.
    pub levels: u32,
    /// EXPMIG_MISFIT_ERROR or EXPMIG_MISFIT_COLUMN.
    pub misfit: i32,
    /// 0.
    pub reserved: u32,
    /// Only metrics of these experiments. NULL (the default): all. A pointer that is not NULL with a count of 0: none.
    pub experiment_ids: *const i64,
    /// How many `experiment_ids` there are.
    pub experiment_id_count: usize,
    /// Only metrics of just these types, UTF-8. NULL (the default): all. A pointer that is not NULL with a count of 0: none.
    pub metric_types: *const *const c_char,
    /// How many `metric_types` there are.
    pub metric_type_count: usize,
    /// Receives progress, in which one item is one link to a metric; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_metrics_options {
    const FIRST_SIZE: usize = size_of::<expmig_metrics_options>();

    fn defaults() -> expmig_metrics_options {
        expmig_metrics_options {
            struct_size: size_of::<expmig_metrics_options>() as u32,
            levels: EXPMIG_LEVEL_ALL,
            misfit: EXPMIG_MISFIT_ERROR,
            reserved: 0,
            experiment_ids: std::ptr::null(),
            experiment_id_count: 0,
            metric_types: std::ptr::null(),
            metric_type_count: 0,
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// As many items as the caller says; `None` for NULL.
///
/// # Safety
/// `items` is NULL or points to `count` readable items that outlive the call.
unsafe fn list<'a, T>(items: *const T, count: usize, parameter: &'static str) -> Result<Option<&'a [T]>> {
    match (items.is_null(), count) {
        (true, 0) => Ok(None),
        (true, _) => {
            let message = format!("{parameter} is NULL, but their count is not 0");
            Err(Error::argument(Domain::Database, parameter, message))
        }
        (false, 0) => Ok(Some(&[])),
        // SAFETY: not NULL, and as many as the caller says.
        (false, count) => Ok(Some(unsafe { std::slice::from_raw_parts(items, count) })),
    }
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
unsafe fn metrics_options(options: *const expmig_metrics_options) -> Result<(MetricsOptions, JobOptions)> {
    let domain = Domain::Database;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_bits("levels", options.levels, EXPMIG_LEVEL_ALL, domain)?;
    if options.reserved != 0 {
        return Err(Error::argument(domain, "reserved", "reserved must be 0")
            .hint("fill the options with expmig_metrics_options_init"));
    }
    let misfit = match options.misfit {
        EXPMIG_MISFIT_ERROR => Misfit::Error,
        EXPMIG_MISFIT_COLUMN => Misfit::Column,
        other => {
            return Err(Error::argument(domain, "misfit", format!("{other} is no way to treat what does not fit")));
        }
    };
    let ids = unsafe { list(options.experiment_ids, options.experiment_id_count, "experiment_ids") }?;
    let types = unsafe { list(options.metric_types, options.metric_type_count, "metric_types") }?;
    let owned = |kind: &*const c_char| unsafe { text(*kind, "metric_types", domain) }.map(str::to_owned);
    let has = |level: u32| options.levels & level != 0;
    let wanted = MetricsOptions {
        experiments: ids.map(<[i64]>::to_vec),
        types: types.map(|types| types.iter().map(owned).collect::<Result<_>>()).transpose()?,
        levels: Levels {
            results: has(EXPMIG_LEVEL_RESULTS),
            epochs: has(EXPMIG_LEVEL_EPOCHS),
            batches: has(EXPMIG_LEVEL_BATCHES),
        },
        misfit,
    };
    let job = JobOptions {
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    };
    Ok((wanted, job))
}

/// Fills in the defaults: all metrics. `size` is sizeof(expmig_metrics_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an
/// impossible size. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_metrics_options_init(
    options: *mut expmig_metrics_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Database, || init(options, size, Domain::Database)) }
}

/// Runs one SELECT like expmig_database_query, and gives its result as a stream of Apache Arrow's C stream interface: a struct of the
/// statement's columns, in batches of at most 131,072 rows (docs/arrow.md). The type of a column is that of its values: int64, float64,
/// utf8 or binary, or null if it has none.
///
/// `sql`, `params`, `param_count`: as for expmig_database_query.
/// `stream`: a place for the stream, whose content does not matter. The caller calls its `release`, or gives it to a library that does. It
/// is read once: after the end, get_next is an error. It needs neither the database nor the handle any more.
///
/// Returns as expmig_database_query, and EXPMIG_LOSSY (a column has values of several types; the details name the column and the row, which
/// counts from 0). After each of them the stream's `release` is NULL. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_query_arrow(
    database: *const expmig_database,
    sql: *const c_char,
    params: *const expmig_value,
    param_count: usize,
    stream: *mut ArrowArrayStream,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in the next function.
    unsafe {
        clear(stream, no_stream());
        guard(error, Domain::Database, || {
            let gate = Arc::clone(&opened(database, "database", Domain::Database)?.0);
            let sql = text(sql, "sql", Domain::Database)?;
            let params = parameters(params, param_count)?;
            required(stream, "stream", Domain::Database)?;
            let entered = gate.enter(Domain::Database)?;
            store(stream, stream_of(Manager::from(&*entered).query_columns(sql, &params)?));
            Ok(())
        })
    }
}

/// Gives metrics as a stream of Apache Arrow's C stream interface: one row for each link to a metric, with experiment_id, trial_id,
/// trial_run_id, epoch_idx, batch_idx, metric_id, type, total_val, per_label_val (a map of utf8 to float64) and time, which is that of the
/// row that the metric hangs on; in batches of at most 131,072 rows, from one state of the database (docs/arrow.md). Metrics to which
/// nothing links are in none of them. Of a store of MLflow's: a row for each of its table metrics, with experiment_id, run_uuid, key,
/// timestamp (microseconds), step and value, which is NaN where is_nan says so.
///
/// `options`: NULL for the defaults: all metrics.
/// `stream`: as for expmig_query_arrow. A value that does not fit its type is an error of get_next, which names the metric, unless `misfit`
/// is EXPMIG_MISFIT_COLUMN.
///
/// Returns EXPMIG_NOT_FOUND (an experiment does not exist; the hint names the nearest ids), EXPMIG_UNSUPPORTED (`levels` of a
/// store of MLflow's, whose metrics have none), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_LIMIT,
/// EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. After each of them the stream's `release` is NULL. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_metrics_arrow(
    manager: *const expmig_manager,
    options: *const expmig_metrics_options,
    stream: *mut ArrowArrayStream,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(stream, no_stream());
        guard(error, Domain::Database, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Database)?.0);
            required(stream, "stream", Domain::Database)?;
            let (options, job) = metrics_options(options)?;
            let entered = shared.database.enter(Domain::Database)?;
            store(stream, stream_of(shared.manager(&entered).metrics(&options, job)?));
            Ok(())
        })
    }
}
