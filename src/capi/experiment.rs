//! Listing, digesting and comparing experiments.

use std::ffi::c_char;
use std::sync::Arc;

use super::args::{clear, opened, required, store};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::{expmig_manager, with_both};
use super::progress::{expmig_job_options, job_options};
use super::status::expmig_status;
use super::text::{give, give_owned};
use crate::error::Domain;

/// The size of a digest in bytes.
pub const EXPMIG_DIGEST_SIZE: usize = 32;

/// Stores a digest.
///
/// # Safety
/// `out` has 32 writable bytes.
pub unsafe fn store_digest(out: *mut u8, digest: &[u8; EXPMIG_DIGEST_SIZE]) {
    // SAFETY: as the caller promises.
    unsafe { out.copy_from_nonoverlapping(digest.as_ptr(), EXPMIG_DIGEST_SIZE) };
}

/// Sets a digest to zero, if it is there.
///
/// # Safety
/// `out` is NULL or has 32 writable bytes.
pub unsafe fn clear_digest(out: *mut u8) {
    if !out.is_null() {
        // SAFETY: as the caller promises.
        unsafe { out.write_bytes(0, EXPMIG_DIGEST_SIZE) };
    }
}

/// Lists the experiments, ordered by id, as a JSON object, schema "expmig.experiments/1": {"experiments": [{"id", "title", "description",
/// "start_time", "update_time", "trials", "runs"}, ...], "unlisted": {"count", "rows"}}. "unlisted" has the experiments whose id is not
/// an integer, so that no call can name them. Of a store of MLflow's (docs/mlflow.md) "title" is the name, the times are in UTC, "trials" counts
/// the runs that hang on no other, and there are "lifecycle_stage", and "also": {"logged_models", "datasets", "traces"}.
///
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiment_list(
    manager: *const expmig_manager,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Database)?.0);
            required(json, "json", Domain::Database)?;
            let entered = shared.database.enter(Domain::Database)?;
            store(json, give_owned(shared.manager(&entered).list_experiments_json()?));
            Ok(())
        })
    }
}

/// Computes the content digest of an experiment (docs/digest.md). Equal experiments have equal digests, whatever their ids and the order
/// of their rows. Reads only.
///
/// `options`: progress and cancel; NULL for none.
/// `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
///
/// Returns EXPMIG_NOT_FOUND (the hint names the nearest ids), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO,
/// EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiment_digest(
    manager: *const expmig_manager,
    experiment_id: i64,
    options: *const expmig_job_options,
    digest: *mut u8,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear_digest(digest);
        guard(error, Domain::Migration, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Migration)?.0);
            required(digest, "digest", Domain::Migration)?;
            let options = job_options(options, Domain::Migration)?;
            let entered = shared.database.enter(Domain::Migration)?;
            store_digest(digest, &shared.manager(&entered).experiment_digest(experiment_id, options)?);
            Ok(())
        })
    }
}

/// Compares two experiments by content, and says which node differs first and how. Reads only.
///
/// `manager_a`, `manager_b`: the databases; both may be the same.
/// `options`: progress and cancel; NULL for none.
/// `json`: receives a JSON object, schema "expmig.comparison/1": "equal", both digests and row counts; "first_difference" (null if equal)
/// with "node" (a table), ids or "row", "how", "difference"; and "warnings" about tables that others could change while they were read.
/// The caller frees it with expmig_string_free.
///
/// If the experiments differ, that is not an error. Returns as expmig_experiment_digest. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiment_compare(
    manager_a: *const expmig_manager,
    experiment_a: i64,
    manager_b: *const expmig_manager,
    experiment_b: i64,
    options: *const expmig_job_options,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let a = Arc::clone(&opened(manager_a, "manager_a", Domain::Migration)?.0);
            let b = Arc::clone(&opened(manager_b, "manager_b", Domain::Migration)?.0);
            required(json, "json", Domain::Migration)?;
            let options = job_options(options, Domain::Migration)?;
            let report = with_both((&a, &b), Domain::Migration, |a, b| {
                a.compare_experiments(experiment_a, b, experiment_b, options)
            })?;
            store(json, give(&report.to_string()));
            Ok(())
        })
    }
}
