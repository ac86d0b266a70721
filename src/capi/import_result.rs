//! Imports whose result is an object.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use super::args::{clear, handle, opened, required, store, text};
use super::error::expmig_error;
use super::experiment::{clear_digest, store_digest};
use super::guard::guard;
use super::import::{bytes, expmig_import_options, expmig_read_fn, import_options, reader};
use super::manager::expmig_manager;
use super::migration::{EXPMIG_DIGEST_SOURCE, EXPMIG_DIGEST_TARGET};
use super::object::{Document, NO_JSON, all_texts, lent, owned, read_of, release, some_text, text_at};
use super::status::expmig_status;
use super::text::c_string;
use crate::database::{Database, Loss};
use crate::error::{Domain, Error, Result, Status};
use crate::exchange::{ImportOptions, ImportResult};
use crate::manager::Manager;

/// The texts of a loss.
struct Lost {
    table: CString,
    row: Option<CString>,
    column: Option<CString>,
    reason: CString,
}

impl Lost {
    fn of(loss: &Loss) -> Lost {
        Lost {
            table: c_string(loss.table),
            row: some_text(&loss.row),
            column: some_text(&loss.column),
            reason: c_string(loss.reason),
        }
    }
}

/// What an import did. Immutable; may be read from any thread. Free it with expmig_import_free. Texts are UTF-8 and live as long as the
/// result.
pub struct expmig_import {
    result: ImportResult,
    tables: Vec<CString>,
    source_database: Option<CString>,
    columns: Vec<(CString, CString)>,
    losses: Vec<Lost>,
    warnings: Vec<CString>,
    json: Document,
}

impl expmig_import {
    fn new(result: ImportResult) -> expmig_import {
        expmig_import {
            tables: all_texts(result.tables.iter().map(|(name, _)| name)),
            source_database: some_text(&result.source_database),
            columns: result.added_columns.iter().map(|(table, name)| (c_string(table), c_string(name))).collect(),
            losses: result.lossy.first.iter().map(Lost::of).collect(),
            warnings: all_texts(&result.warnings),
            result,
            json: Document::default(),
        }
    }
}

/// Imports, whatever the document comes from.
///
/// # Safety
/// The pointers are as the header says.
unsafe fn run(
    manager: *const expmig_manager,
    options: *const expmig_import_options,
    result: *mut *mut expmig_import,
    error: *mut *mut expmig_error,
    import: impl FnOnce(&Manager<&Database>, ImportOptions) -> Result<ImportResult>,
) -> expmig_status {
    // SAFETY: as the caller promises.
    unsafe {
        clear(result, std::ptr::null_mut());
        guard(error, Domain::ImportExport, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::ImportExport)?.0);
            required(result, "result", Domain::ImportExport)?;
            let options = import_options(options)?;
            let entered = shared.database.enter(Domain::ImportExport)?;
            store(result, owned(expmig_import::new(import(&shared.manager(&entered), options)?)));
            Ok(())
        })
    }
}

/// Imports the experiment of a document, like expmig_import_experiment, and answers an object.
///
/// `read_fn`, `user_data`, `options`: as for expmig_import_experiment.
/// `result`: receives what was done; the caller frees it with expmig_import_free.
///
/// Returns as expmig_import_experiment. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_run(
    manager: *const expmig_manager,
    read_fn: expmig_read_fn,
    user_data: *mut c_void,
    options: *const expmig_import_options,
    result: *mut *mut expmig_import,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe {
        run(manager, options, result, error, |manager, options| {
            manager.import_experiment(&mut reader(read_fn, user_data)?, options)
        })
    }
}

/// Like expmig_import_run, but from a file.
///
/// `path`: of the document, UTF-8.
///
/// Returns as expmig_import_experiment_from_file. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_run_from_file(
    manager: *const expmig_manager,
    path: *const c_char,
    options: *const expmig_import_options,
    result: *mut *mut expmig_import,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        run(manager, options, result, error, |manager, options| {
            manager.import_from_file(Path::new(text(path, "path", Domain::ImportExport)?), options)
        })
    }
}

/// Like expmig_import_run, but from memory.
///
/// `document`, `length`: its bytes, UTF-8. It need not end with a NUL; if it does, do not count the NUL.
///
/// Returns as expmig_import_experiment. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_run_from_string(
    manager: *const expmig_manager,
    document: *const c_char,
    length: usize,
    options: *const expmig_import_options,
    result: *mut *mut expmig_import,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        run(manager, options, result, error, |manager, options| {
            manager.import_from_string(bytes(document, length)?, options)
        })
    }
}

/// A digest of an import.
///
/// `which`: EXPMIG_DIGEST_SOURCE, which is in the document, or EXPMIG_DIGEST_TARGET, of what was written, as it was read back.
/// `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
///
/// Returns EXPMIG_NOT_FOUND if the document has none, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_digest(
    result: *const expmig_import,
    which: i32,
    digest: *mut u8,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear_digest(digest);
        guard(error, Domain::ImportExport, || {
            let result = &handle(result, "result", Domain::ImportExport)?.result;
            required(digest, "digest", Domain::ImportExport)?;
            let found = match which {
                EXPMIG_DIGEST_SOURCE => result.document_digest,
                EXPMIG_DIGEST_TARGET => Some(result.digest),
                other => {
                    let message = format!("{other} is no digest of an import");
                    return Err(Error::argument(Domain::ImportExport, "which", message));
                }
            };
            let missing = || Error::new(Status::NotFound, Domain::ImportExport, "the document has no digest");
            store_digest(digest, &found.ok_or_else(missing)?);
            Ok(())
        })
    }
}

/// The id of the imported experiment, or of the one that was there already. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_experiment_id(result: *const expmig_import) -> i64 {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(result, 0, |result| result.result.experiment_id) }
}

/// The id that the experiment has in the document. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_document_experiment_id(result: *const expmig_import) -> i64 {
    unsafe { read_of(result, 0, |result| result.result.document_experiment_id) }
}

/// 1 if nothing was written because the database already had the same experiment, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_skipped(result: *const expmig_import) -> i32 {
    unsafe { read_of(result, 0, |result| i32::from(result.result.skipped)) }
}

/// 1 if rows kept the ids of the document, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_preserved_ids(result: *const expmig_import) -> i32 {
    unsafe { read_of(result, 0, |result| i32::from(result.result.preserved_ids)) }
}

/// Rows that were written. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_items_processed(result: *const expmig_import) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.items_processed) }
}

/// Of these, metrics that are linked to nothing, because a document of the older command-line tool does not say what they belong to.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_unlinked_metrics(result: *const expmig_import) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.unlinked_metrics) }
}

/// How many tables got rows. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_table_count(result: *const expmig_import) -> usize {
    unsafe { read_of(result, 0, |result| result.tables.len()) }
}

/// The name of a table. `index` counts from 0. Borrowed from the result; NULL if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_table_name(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.tables, index)) }
}

/// How many rows a table got. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_table_rows(result: *const expmig_import, index: usize) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.tables.get(index).map_or(0, |(_, rows)| *rows)) }
}

/// What the document says it was exported from. Borrowed from the result; NULL if it does not say. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_source_database(result: *const expmig_import) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| lent(result.source_database.as_ref())) }
}

/// How many columns were added to the database. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_added_column_count(result: *const expmig_import) -> usize {
    unsafe { read_of(result, 0, |result| result.columns.len()) }
}

/// The table of a column that was added. `index` counts from 0. Borrowed from the result; NULL if there is no such column. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_added_column_table(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| {
            result.columns.get(index).map_or(std::ptr::null(), |(table, _)| table.as_ptr())
        })
    }
}

/// The name of a column that was added. Borrowed from the result; NULL if there is no such column. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_added_column_name(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| {
            result.columns.get(index).map_or(std::ptr::null(), |(_, name)| name.as_ptr())
        })
    }
}

/// How many values were changed or left out (EXPMIG_IMPORT_ALLOW_LOSSY), listed or not. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_lossy_count(result: *const expmig_import) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.lossy.count) }
}

/// How many of these are listed: all, or the first hundred. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_loss_count(result: *const expmig_import) -> usize {
    unsafe { read_of(result, 0, |result| result.losses.len()) }
}

/// The table of a value that was changed or left out. `index` counts from 0. Borrowed from the result; NULL if there is no such loss.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_loss_table(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| {
            result.losses.get(index).map_or(std::ptr::null(), |lost| lost.table.as_ptr())
        })
    }
}

/// The place of the value: the JSON path of its row in the document, or the key of the row. Borrowed from the result; NULL if there is no
/// such loss, or if it is about the whole table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_loss_row(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| lent(result.losses.get(index).and_then(|lost| lost.row.as_ref())))
    }
}

/// The column of the value. Borrowed from the result; NULL if there is no such loss, or if it is about the row. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_loss_column(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| lent(result.losses.get(index).and_then(|lost| lost.column.as_ref())))
    }
}

/// Why the value was changed or left out. Borrowed from the result; NULL if there is no such loss. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_loss_reason(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe {
        read_of(result, std::ptr::null(), |result| {
            result.losses.get(index).map_or(std::ptr::null(), |lost| lost.reason.as_ptr())
        })
    }
}

/// How many warnings there are. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_warning_count(result: *const expmig_import) -> usize {
    unsafe { read_of(result, 0, |result| result.warnings.len()) }
}

/// A warning, one line. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_warning_at(result: *const expmig_import, index: usize) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.warnings, index)) }
}

/// How long the import took, in nanoseconds. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_duration_ns(result: *const expmig_import) -> u64 {
    unsafe { read_of(result, 0, |result| u64::try_from(result.result.duration.as_nanos()).unwrap_or(u64::MAX)) }
}

/// The whole result as a JSON object, schema "expmig.import/1". It also has the new ids. Borrowed from the result. Never NULL.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_to_json(result: *const expmig_import) -> *const c_char {
    unsafe { read_of(result, NO_JSON, |result| result.json.text(|| result.result.to_json().to_string())) }
}

/// Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_import_free(result: *mut expmig_import) {
    unsafe { release(result) };
}
