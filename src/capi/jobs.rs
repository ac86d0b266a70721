//! Migrations in several transactions (EXPMIG_MIGRATE_STAGED): listing them, going on with one that stopped, and removing what it copied.

use std::ffi::c_char;
use std::sync::Arc;

use super::args::{clear, opened, required, store};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::{expmig_manager, with_both};
use super::migration::{both, expmig_migration};
use super::object::owned;
use super::progress::{expmig_job_options, job_options};
use super::status::expmig_status;
use super::text::give;
use crate::error::Domain;
use crate::migration::jobs_json;

/// Lists the jobs of a database that write in several transactions, in the order in which they began, as a JSON object, schema "expmig.jobs/1":
/// {"jobs": [{"job_id", "kind", "state", "source", "source_experiment_id", "experiment_id", "title", "created_at", "touched_at", "tables"},
/// ...]}. "state" is "copying", whether a call works on it or it stopped, "removing", or "published", which is remembered for a hundred jobs; times
/// are UTC.
///
/// `manager`: of the database that is copied into.
/// `json`: receives a string that the caller frees with expmig_string_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
/// EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_job_list(
    manager: *const expmig_manager,
    json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(json, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Migration)?.0);
            required(json, "json", Domain::Migration)?;
            let entered = shared.database.enter(Domain::Migration)?;
            let jobs = jobs_json(&shared.manager(&entered).jobs()?);
            store(json, give(&jobs.to_string()));
            Ok(())
        })
    }
}

/// Goes on with a job that stopped: copies what is missing, proves the whole copy, and publishes it. The options are those that it began with.
///
/// `source`: the manager of the database that it copies from, whose experiment must be as it was then.
/// `job_id`: from expmig_job_list, or the detail `job_id` of the error with which the migration stopped.
/// `target`: of the database that has the job; NULL for the source's own.
/// `options`: progress and cancel; NULL for none.
/// `result`: receives the result, as that of expmig_migrate_experiment; the caller frees it with expmig_migration_free. A job that was published
/// before is skipped: expmig_migration_skipped returns 1, and the id of the copy is there.
///
/// Returns EXPMIG_NOT_FOUND (there is no such job), EXPMIG_BUSY (another call works on it, or did on another server of a cluster less than ten
/// seconds ago), EXPMIG_MISMATCH (the source has changed, or the copy is not what it must be), EXPMIG_MISUSE (it is being removed),
/// EXPMIG_ALREADY_EXISTS (the same experiment came to the target meanwhile, and the job was not to copy it again), and what
/// expmig_migrate_experiment returns. After each of them the job is where it can be resumed or abandoned. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_job_resume(
    source: *const expmig_manager,
    job_id: i64,
    target: *const expmig_manager,
    options: *const expmig_job_options,
    result: *mut *mut expmig_migration,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let (source, target) = both(source, target)?;
            required(result, "result", Domain::Migration)?;
            let options = job_options(options, Domain::Migration)?;
            let done = with_both((&source, &target), Domain::Migration, |source, target| {
                source.resume_job(job_id, target, options)
            })?;
            store(result, owned(expmig_migration::new(done)));
            Ok(())
        })
    }
}

/// Removes a job that was not published, and the rows that it copied; nothing else. Called again, it goes on where it stopped.
///
/// `manager`: of the database that has the job.
/// `options`: progress and cancel; NULL for none.
///
/// Returns EXPMIG_NOT_FOUND (there is no such job), EXPMIG_MISUSE (it was published: its copy is an experiment like any other), EXPMIG_BUSY (another
/// call works on it, or did on another server of a cluster less than ten seconds ago), EXPMIG_CONSTRAINT (rows that are not the job's hang on its
/// rows; nothing was removed), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_SCHEMA, EXPMIG_INVALID_ARGUMENT; on a server also EXPMIG_AUTH,
/// EXPMIG_CONNECTION, EXPMIG_TIMEOUT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_job_abandon(
    manager: *const expmig_manager,
    job_id: i64,
    options: *const expmig_job_options,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        guard(error, Domain::Migration, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Migration)?.0);
            let options = job_options(options, Domain::Migration)?;
            let entered = shared.database.enter(Domain::Migration)?;
            shared.manager(&entered).abandon_job(job_id, options).map(drop)
        })
    }
}
