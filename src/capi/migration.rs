//! Migrating experiments.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::args::{clear, handle, opened, optional_text, required, store};
use super::cancel::expmig_cancel;
use super::error::expmig_error;
use super::experiment::{clear_digest, store_digest};
use super::guard::guard;
use super::manager::{Shared, expmig_manager, with_both};
use super::object::{Document, NO_JSON, all_texts, lent, owned, read_of, release, some_text, text_at};
use super::options::{SizedOptions, init, known_flags, read};
use super::progress::{expmig_progress_fn, sink, token};
use super::status::expmig_status;
use super::text::give;
use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result, Status};
use crate::hierarchy::{OnConflict, OnName, TextKeyOptions};
use crate::migration::{MigrateOptions, MigrationResult, Strategy};

/// Source and copy must have the same digest; unsound rows (docs/validation.md) stop the migration; odd values are copied with a
/// warning. The default.
pub const EXPMIG_STRATEGY_BALANCED: i32 = 0;
/// Like BALANCED, but the whole source is validated first, also by registered checks: an error anywhere, or a warning about the
/// experiment, stops the migration. A snapshot of the target is taken before the first write.
pub const EXPMIG_STRATEGY_CONSERVATIVE: i32 = 1;
/// Only what the insert needs is checked. What cannot be copied is left out, counted and listed; row counts must agree afterwards.
pub const EXPMIG_STRATEGY_AGGRESSIVE: i32 = 2;

/// If the target already has the same experiment: copy it again, with a warning. The default.
pub const EXPMIG_DUPLICATE_COPY: i32 = 0;
/// If the target already has the same experiment: write nothing, and give its id. Makes a migration safe to repeat.
pub const EXPMIG_DUPLICATE_SKIP: i32 = 1;
/// If the target already has the same experiment: fail with EXPMIG_ALREADY_EXISTS.
pub const EXPMIG_DUPLICATE_ERROR: i32 = 2;

/// If the target has the id of a run, model, trace, ... already: fail with EXPMIG_ALREADY_EXISTS. The default.
pub const EXPMIG_CONFLICT_ERROR: i32 = 0;
/// If the target has the id already: leave the row as it is there, if it has the same content and is in the experiment that is appended to;
/// else fail with EXPMIG_ALREADY_EXISTS.
pub const EXPMIG_CONFLICT_SKIP: i32 = 1;
/// If the target has the id already: give the copy a new one, which the result lists.
pub const EXPMIG_CONFLICT_NEW: i32 = 2;

/// If the target has an experiment of the name already: put " (2)", " (3)" ... behind that of the copy. The default.
pub const EXPMIG_NAME_SUFFIX: i32 = 0;
/// If the target has an experiment of the name already: fail with EXPMIG_ALREADY_EXISTS.
pub const EXPMIG_NAME_ERROR: i32 = 1;
/// If the target has an experiment of the name already: add the rows to that one.
pub const EXPMIG_NAME_APPEND: i32 = 2;

/// Allow values to be changed, and rows and columns to be left out, where the target cannot hold them; the result lists them.
pub const EXPMIG_MIGRATE_ALLOW_LOSSY: u32 = 0x1;
/// Add the extra columns that the target's tables do not have. A server would end the transaction for that; there the call returns
/// EXPMIG_UNSUPPORTED, and its hint has the ALTER statements.
pub const EXPMIG_MIGRATE_ADD_COLUMNS: u32 = 0x2;
/// Take a snapshot of the target, in its manager's snapshot folder, before the first write. EXPMIG_STRATEGY_CONSERVATIVE always does.
pub const EXPMIG_MIGRATE_SNAPSHOT: u32 = 0x4;
/// Write in several transactions, none of which is larger than a cluster takes (docs/clusters.md); only on servers, EXPMIG_UNSUPPORTED for files.
/// Until the last of them the copy says in its title that it is being copied. If the call fails after the first, the error's detail `job_id` is
/// the job for expmig_job_resume and expmig_job_abandon.
pub const EXPMIG_MIGRATE_STAGED: u32 = 0x8;

/// The exact digest of the source.
pub const EXPMIG_DIGEST_SOURCE: i32 = 0;
/// The digest of the target as it was read back. If trials were appended to an experiment: the digest of what was appended.
pub const EXPMIG_DIGEST_TARGET: i32 = 1;
/// The digest that the target had to have: that of the source, after the declared losses, the transformation rules, the title prefix or
/// the appending.
pub const EXPMIG_DIGEST_AS_STORED: i32 = 2;

/// What a caller can ask of a migration. Fill with expmig_migrate_options_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct expmig_migrate_options {
    /// Size of this struct in bytes.
    pub struct_size: u32,
    /// EXPMIG_MIGRATE_ALLOW_LOSSY and so on, or'ed; default 0.
    pub flags: u32,
    /// EXPMIG_STRATEGY_BALANCED and so on.
    pub strategy: i32,
    /// EXPMIG_DUPLICATE_COPY and so on.
    pub on_duplicate: i32,
    /// Points to the id of an experiment of the target, to which the trials are appended; NULL (the default) creates a new experiment.
    pub target_experiment_id: *const i64,
    /// Rows per chunk read and written, at least 1; default 1000. A chunk is never committed by itself, and does not change the result.
    pub batch_size: i64,
    /// Text to put before the title of the copy, UTF-8; NULL for nothing.
    pub title_prefix: *const c_char,
    /// Receives progress; NULL for none.
    pub progress_fn: expmig_progress_fn,
    /// Passed to `progress_fn`.
    pub progress_user_data: *mut c_void,
    /// Stops the call when triggered; NULL for none. Needs to live until the call has begun.
    pub cancel: *const expmig_cancel,
    /// A rules document for the metrics of the copy, as for expmig_transform_metrics, UTF-8; NULL for none. The source stays as it is,
    /// and digests are those of the transformed metrics. "backup_original" has no effect here. The registered transformations of the
    /// source's manager are used; they are called more than once for each metric, and must give the same result each time.
    pub transformation_rules: *const c_char,
    /// Of MLflow's stores: what becomes of a run, model, trace, ... whose id the target has already. EXPMIG_CONFLICT_ERROR (the default) and so on.
    pub on_conflict: i32,
    /// Of MLflow's stores: what becomes of a name that an experiment of the target has already. EXPMIG_NAME_SUFFIX (the default) and so on.
    pub on_name: i32,
    /// Of MLflow's stores: the workspace of the copy, which the target has to have, UTF-8; NULL for that of the source.
    pub workspace: *const c_char,
    /// Of MLflow's stores: locations of artifacts that begin with `artifacts_from` begin with `artifacts_to` in the copy, UTF-8; both NULL for as
    /// they are. The files are not moved. The result lists what was changed.
    pub artifacts_from: *const c_char,
    /// See `artifacts_from`.
    pub artifacts_to: *const c_char,
    /// With EXPMIG_MIGRATE_STAGED, the most rows of one transaction; 0 (the default) for what a cluster surely takes, 100,000 at the most.
    pub stage_rows: u64,
}

// SAFETY: repr(C), size first, integers, pointers and an optional function pointer.
unsafe impl SizedOptions for expmig_migrate_options {
    const FIRST_SIZE: usize = std::mem::offset_of!(expmig_migrate_options, transformation_rules);

    fn defaults() -> expmig_migrate_options {
        expmig_migrate_options {
            struct_size: size_of::<expmig_migrate_options>() as u32,
            flags: 0,
            strategy: EXPMIG_STRATEGY_BALANCED,
            on_duplicate: EXPMIG_DUPLICATE_COPY,
            target_experiment_id: std::ptr::null(),
            batch_size: i64::try_from(MigrateOptions::default().batch_size).unwrap_or(1),
            title_prefix: std::ptr::null(),
            progress_fn: None,
            progress_user_data: std::ptr::null_mut(),
            cancel: std::ptr::null(),
            transformation_rules: std::ptr::null(),
            on_conflict: EXPMIG_CONFLICT_ERROR,
            on_name: EXPMIG_NAME_SUFFIX,
            workspace: std::ptr::null(),
            artifacts_from: std::ptr::null(),
            artifacts_to: std::ptr::null(),
            stage_rows: 0,
        }
    }
}

/// What to do with a duplicate.
pub fn on_duplicate(code: i32, domain: Domain) -> Result<OnDuplicate> {
    match code {
        EXPMIG_DUPLICATE_COPY => Ok(OnDuplicate::Copy),
        EXPMIG_DUPLICATE_SKIP => Ok(OnDuplicate::Skip),
        EXPMIG_DUPLICATE_ERROR => Ok(OnDuplicate::Error),
        other => Err(Error::argument(domain, "on_duplicate", format!("{other} is not a way to treat duplicates"))),
    }
}

/// What to do with a key that is taken.
pub fn on_conflict(code: i32, domain: Domain) -> Result<OnConflict> {
    match code {
        EXPMIG_CONFLICT_ERROR => Ok(OnConflict::Error),
        EXPMIG_CONFLICT_SKIP => Ok(OnConflict::Skip),
        EXPMIG_CONFLICT_NEW => Ok(OnConflict::New),
        other => Err(Error::argument(domain, "on_conflict", format!("{other} is not a way to treat conflicts"))),
    }
}

/// What to do with a name that is taken.
pub fn on_name(code: i32, domain: Domain) -> Result<OnName> {
    match code {
        EXPMIG_NAME_SUFFIX => Ok(OnName::Suffix),
        EXPMIG_NAME_ERROR => Ok(OnName::Error),
        EXPMIG_NAME_APPEND => Ok(OnName::Append),
        other => Err(Error::argument(domain, "on_name", format!("{other} is not a way to treat names"))),
    }
}

/// What a caller asks of stores whose trackers choose the keys: `on_conflict` and `on_name`; `workspace`, `artifacts_from`, `artifacts_to`.
///
/// # Safety
/// The texts are NULL or end with a NUL.
pub(super) unsafe fn text_key_options(
    (conflict, name): (i32, i32),
    (workspace, from, to): (*const c_char, *const c_char, *const c_char),
    domain: Domain,
) -> Result<TextKeyOptions> {
    let text = |pointer: *const c_char, name: &'static str| -> Result<Option<String>> {
        // SAFETY: as the caller promises.
        Ok(unsafe { optional_text(pointer, name, domain) }?.map(str::to_owned))
    };
    let artifacts = match (text(from, "artifacts_from")?, text(to, "artifacts_to")?) {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        _ => {
            return Err(Error::argument(
                domain,
                "artifacts_to",
                "artifacts_from and artifacts_to are given together, or neither",
            ));
        }
    };
    Ok(TextKeyOptions {
        on_conflict: on_conflict(conflict, domain)?,
        on_name: on_name(name, domain)?,
        workspace: text(workspace, "workspace")?,
        artifacts,
    })
}

/// # Safety
/// `options` is NULL or initialised; its pointers are live.
pub(super) unsafe fn migrate_options(options: *const expmig_migrate_options) -> Result<MigrateOptions> {
    const KNOWN: u32 =
        EXPMIG_MIGRATE_ALLOW_LOSSY | EXPMIG_MIGRATE_ADD_COLUMNS | EXPMIG_MIGRATE_SNAPSHOT | EXPMIG_MIGRATE_STAGED;
    let domain = Domain::Migration;
    // SAFETY: as the caller promises; so below.
    let options = unsafe { read(options, domain) }?;
    known_flags(options.flags, KNOWN, domain)?;
    let strategy = match options.strategy {
        EXPMIG_STRATEGY_BALANCED => Strategy::Balanced,
        EXPMIG_STRATEGY_CONSERVATIVE => Strategy::Conservative,
        EXPMIG_STRATEGY_AGGRESSIVE => Strategy::Aggressive,
        other => return Err(Error::argument(domain, "strategy", format!("{other} is not a strategy"))),
    };
    let on_duplicate = on_duplicate(options.on_duplicate, domain)?;
    let Ok(batch_size) = usize::try_from(options.batch_size) else {
        return Err(Error::argument(domain, "batch_size", "batch_size must be at least 1"));
    };
    let ways = (options.on_conflict, options.on_name);
    let texts = (options.workspace, options.artifacts_from, options.artifacts_to);
    let text_keys = unsafe { text_key_options(ways, texts, domain) }?;
    Ok(MigrateOptions {
        strategy,
        target_experiment: unsafe { options.target_experiment_id.as_ref() }.copied(),
        on_duplicate,
        allow_lossy: options.flags & EXPMIG_MIGRATE_ALLOW_LOSSY != 0,
        add_columns: options.flags & EXPMIG_MIGRATE_ADD_COLUMNS != 0,
        batch_size,
        create_snapshot: options.flags & EXPMIG_MIGRATE_SNAPSHOT != 0,
        staged: options.flags & EXPMIG_MIGRATE_STAGED != 0,
        stage_rows: Some(options.stage_rows).filter(|rows| *rows > 0),
        title_prefix: unsafe { optional_text(options.title_prefix, "title_prefix", domain) }?.map(str::to_owned),
        transformation_rules: unsafe { optional_text(options.transformation_rules, "transformation_rules", domain) }?
            .map(str::to_owned),
        text_keys,
        progress: sink(options.progress_fn, options.progress_user_data),
        cancel: unsafe { token(options.cancel) },
    })
}

/// What a migration did. Immutable; may be read from any thread. Free it with expmig_migration_free.
pub struct expmig_migration {
    result: MigrationResult,
    warnings: Vec<CString>,
    snapshot_id: Option<CString>,
    /// Made when it is first asked for: the id map can be large.
    json: Document,
}

impl expmig_migration {
    pub(super) fn new(result: MigrationResult) -> expmig_migration {
        let (warnings, snapshot_id) = (all_texts(&result.warnings), some_text(&result.snapshot_id));
        expmig_migration { result, warnings, snapshot_id, json: Document::default() }
    }
}

/// Fills in the defaults. `size` is sizeof(expmig_migrate_options). Returns EXPMIG_INVALID_ARGUMENT for NULL or an impossible size.
/// Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migrate_options_init(
    options: *mut expmig_migrate_options,
    size: usize,
) -> expmig_status {
    let none: *mut *mut expmig_error = std::ptr::null_mut();
    // SAFETY: the caller passes NULL or `size` writable bytes.
    unsafe { guard(none, Domain::Migration, || init(options, size, Domain::Migration)) }
}

/// The source and the target of a call; NULL as the target is the source.
///
/// # Safety
/// The handles are NULL or live.
pub(super) unsafe fn both(
    source: *const expmig_manager,
    target: *const expmig_manager,
) -> Result<(Arc<Shared>, Arc<Shared>)> {
    // SAFETY: as the caller promises.
    let source = Arc::clone(unsafe { &opened(source, "source", Domain::Migration)?.0 });
    if target.is_null() {
        return Ok((Arc::clone(&source), source));
    }
    // SAFETY: as the caller promises.
    let target = Arc::clone(unsafe { &opened(target, "target", Domain::Migration)?.0 });
    Ok((source, target))
}

/// Reports what expmig_migrate_experiment would do with the same arguments. Writes nothing.
///
/// `source`, `experiment_id`: what to copy.
/// `target`: where to; NULL for the source's own database.
/// `options`: NULL for the defaults.
/// `plan_json`: receives a JSON object, schema "expmig.plan/1": rows per table, extra columns and tables, unsound rows,
/// odd values, with CONSERVATIVE the findings of the validation, rows and values that do not fit, what the transformation rules would do,
/// duplicates in the target, digests, how long others will have to wait, and bytes needed and free. The caller frees it with
/// expmig_string_free.
///
/// Data that would make the migration fail is not an error here: it is in the plan. Returns EXPMIG_NOT_FOUND (an experiment does not
/// exist), EXPMIG_CANCELLED, EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE,
/// EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migrate_plan(
    source: *const expmig_manager,
    experiment_id: i64,
    target: *const expmig_manager,
    options: *const expmig_migrate_options,
    plan_json: *mut *mut c_char,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        clear(plan_json, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let (source, target) = both(source, target)?;
            required(plan_json, "plan_json", Domain::Migration)?;
            let options = migrate_options(options)?;
            let plan = with_both((&source, &target), Domain::Migration, |source, target| {
                source.plan_migration(experiment_id, target, options)
            })?;
            store(plan_json, give(&plan.to_string()));
            Ok(())
        })
    }
}

/// Copies an experiment and everything below it: trials, runs, results, epochs, batches, metrics, artifacts, their links and extra
/// columns, every value unchanged. Metrics and artifacts that are shared within the experiment are shared in the copy; the copy shares
/// nothing with the source. The call is one transaction of the target: a failure, a cancel or a crash leaves the target as it was. With
/// EXPMIG_MIGRATE_STAGED it is several, and the copy is published by the last of them (docs/clusters.md).
///
/// An experiment of a store of MLflow's is copied into another store at the same version, with its runs, models, datasets and traces under the
/// ids that they have (docs/mlflow.md). Options that this does not support are refused with EXPMIG_UNSUPPORTED.
///
/// `source`, `experiment_id`: what to copy.
/// `target`: where to; NULL for the source's own database.
/// `options`: NULL for the defaults.
/// `result`: receives what was done; the caller frees it with expmig_migration_free.
///
/// Returns EXPMIG_NOT_FOUND (an experiment does not exist; the hint names the nearest ids), EXPMIG_VALIDATION (unsound rows,
/// findings of CONSERVATIVE's validation, or in EXPMIG_DOMAIN_TRANSFORMATION metrics that the rules cannot transform; the
/// details name them), EXPMIG_LOSSY (the target cannot hold something; the details name it), EXPMIG_ALREADY_EXISTS (a duplicate),
/// EXPMIG_CONSTRAINT, EXPMIG_MISMATCH (the copy that was read back is not the expected one), EXPMIG_LIMIT (no free ids), EXPMIG_CANCELLED,
/// EXPMIG_CALLBACK, EXPMIG_BUSY, EXPMIG_SHARED_PROCESS (the first write opens the file once more), EXPMIG_CORRUPT, EXPMIG_IO,
/// EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT (in EXPMIG_DOMAIN_TRANSFORMATION for the rules).
///
/// If a snapshot cannot be taken, the error is in EXPMIG_DOMAIN_SNAPSHOT. After each error nothing was changed; a snapshot that was taken
/// stays, and the detail "snapshot_id" names it. With EXPMIG_MIGRATE_STAGED, what was copied before the error stays, too, and the detail
/// "job_id" names the job. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migrate_experiment(
    source: *const expmig_manager,
    experiment_id: i64,
    target: *const expmig_manager,
    options: *const expmig_migrate_options,
    result: *mut *mut expmig_migration,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let (source, target) = both(source, target)?;
            required(result, "result", Domain::Migration)?;
            let options = migrate_options(options)?;
            let done = with_both((&source, &target), Domain::Migration, |source, target| {
                source.migrate_experiment(experiment_id, target, options)
            })?;
            store(result, owned(expmig_migration::new(done)));
            Ok(())
        })
    }
}

/// The id of the experiment that was copied. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_source_experiment_id(result: *const expmig_migration) -> i64 {
    unsafe { read_of(result, 0, |result| result.result.source_experiment_id) }
}

/// The id of the copy; if the migration was skipped, the id of the experiment that the target already had; if trials were appended, the
/// id of the target experiment. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_new_experiment_id(result: *const expmig_migration) -> i64 {
    unsafe { read_of(result, 0, |result| result.result.new_experiment_id) }
}

/// 1 if nothing was written because the target already had the same experiment, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_skipped(result: *const expmig_migration) -> i32 {
    unsafe { read_of(result, 0, |result| i32::from(result.result.skipped)) }
}

/// Rows processed, failed ones included. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_items_processed(result: *const expmig_migration) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.items_processed) }
}

/// Rows that were left out. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_items_failed(result: *const expmig_migration) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.items_failed) }
}

/// Rows in all. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_items_total(result: *const expmig_migration) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.items_total) }
}

/// 0 to 100: the share of the rows that were copied. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_success_rate(result: *const expmig_migration) -> f64 {
    unsafe { read_of(result, 0.0, |result| result.result.success_rate()) }
}

/// How long the migration took, in nanoseconds. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_duration_ns(result: *const expmig_migration) -> u64 {
    unsafe { read_of(result, 0, |r| u64::try_from(r.result.duration.as_nanos()).unwrap_or(u64::MAX)) }
}

/// A digest of the migration.
///
/// `which`: EXPMIG_DIGEST_SOURCE, EXPMIG_DIGEST_TARGET or EXPMIG_DIGEST_AS_STORED.
/// `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
///
/// Returns EXPMIG_NOT_FOUND if the strategy computed no such digest (AGGRESSIVE computes none), EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_digest(
    result: *const expmig_migration,
    which: i32,
    digest: *mut u8,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear_digest(digest);
        guard(error, Domain::Migration, || {
            let result = &handle(result, "result", Domain::Migration)?.result;
            required(digest, "digest", Domain::Migration)?;
            let found = match which {
                EXPMIG_DIGEST_SOURCE => result.source_digest,
                EXPMIG_DIGEST_TARGET => result.target_digest,
                EXPMIG_DIGEST_AS_STORED => result.expected_digest,
                other => return Err(Error::argument(Domain::Migration, "which", format!("{other} is not a digest"))),
            };
            let missing = || Error::new(Status::NotFound, Domain::Migration, "this migration computed no such digest");
            store_digest(digest, &found.ok_or_else(missing)?);
            Ok(())
        })
    }
}

/// The id of the snapshot of the target that was taken before the first write (EXPMIG_MIGRATE_SNAPSHOT). Borrowed from the result;
/// NULL if none was taken. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_snapshot_id(result: *const expmig_migration) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| lent(result.snapshot_id.as_ref())) }
}

/// How many warnings there are. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_warning_count(result: *const expmig_migration) -> usize {
    unsafe { read_of(result, 0, |result| result.warnings.len()) }
}

/// A warning, one line, UTF-8. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_warning_at(result: *const expmig_migration, index: usize) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.warnings, index)) }
}

/// The whole result as a JSON object, schema "expmig.migration/1": counts per table, id map, digests, what was lost or left out,
/// warnings. Borrowed from the result. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_to_json(result: *const expmig_migration) -> *const c_char {
    unsafe { read_of(result, NO_JSON, |result| result.json.text(|| result.result.to_json_text())) }
}

/// Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_migration_free(result: *mut expmig_migration) {
    unsafe { release(result) };
}
