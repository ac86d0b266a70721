//! What became of runs that were brought in.

use std::ffi::{CString, c_char};

use super::object::{Document, NO_JSON, all_texts, read_of, release, text_at};
use super::text::c_string;
use crate::readers::{BringInResult, Tally};

/// Of an account: what was read, which is the sum of the others.
pub const EXPMIG_ACCOUNT_READ: i32 = 0;
/// Of an account: what was stored.
pub const EXPMIG_ACCOUNT_STORED: i32 = 1;
/// Of an account: what was folded into something else by a rule.
pub const EXPMIG_ACCOUNT_FOLDED: i32 = 2;
/// Of an account: what was kept in the sidecar.
pub const EXPMIG_ACCOUNT_SIDECAR: i32 = 3;
/// Of an account: what was refused, or left out.
pub const EXPMIG_ACCOUNT_REFUSED: i32 = 4;

/// What became of runs that were brought in, or what would. Immutable; may be read from any thread. Free it with expmig_brought_free. Texts are UTF-8 and
/// live as long as the result.
pub struct expmig_brought {
    result: BringInResult,
    kind: CString,
    names: Vec<CString>,
    source_names: Vec<CString>,
    warnings: Vec<CString>,
    json: Document,
}

impl expmig_brought {
    pub(super) fn new(result: BringInResult) -> expmig_brought {
        expmig_brought {
            kind: c_string(result.kind),
            names: all_texts(result.experiments.iter().map(|brought| &brought.name)),
            source_names: all_texts(result.experiments.iter().map(|brought| &brought.source_name)),
            warnings: all_texts(&result.warnings),
            result,
            json: Document::default(),
        }
    }
}

fn of_tally(tally: &Tally, which: i32) -> u64 {
    match which {
        EXPMIG_ACCOUNT_READ => tally.read,
        EXPMIG_ACCOUNT_STORED => tally.stored,
        EXPMIG_ACCOUNT_FOLDED => tally.folded.values().sum(),
        EXPMIG_ACCOUNT_SIDECAR => tally.sidecar.values().sum(),
        EXPMIG_ACCOUNT_REFUSED => tally.refused.values().sum(),
        _ => 0,
    }
}

/// The reader that read the source: "mlflow-files", "tensorboard", "wandb", "neptune", "optuna". Borrowed from the result; NULL for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_kind(result: *const expmig_brought) -> *const c_char {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(result, std::ptr::null(), |result| result.kind.as_ptr()) }
}

/// 1 if nothing was written, because the result is of expmig_bring_in_plan, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_planned(result: *const expmig_brought) -> i32 {
    unsafe { read_of(result, 0, |result| i32::from(result.result.planned)) }
}

/// How many experiments the source has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_count(result: *const expmig_brought) -> usize {
    unsafe { read_of(result, 0, |result| result.result.experiments.len()) }
}

/// The id that an experiment has in the database. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_id(result: *const expmig_brought, index: usize) -> i64 {
    unsafe {
        read_of(result, 0, |result| result.result.experiments.get(index).map_or(0, |brought| brought.experiment_id))
    }
}

/// The name that an experiment has in the database. Borrowed from the result; NULL if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_name(result: *const expmig_brought, index: usize) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.names, index)) }
}

/// The name that an experiment has in the source. Borrowed from the result; NULL if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_source_name(
    result: *const expmig_brought,
    index: usize,
) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.source_names, index)) }
}

/// 1 if the database had the experiment already, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_was_there(result: *const expmig_brought, index: usize) -> i32 {
    unsafe {
        read_of(result, 0, |result| {
            result.result.experiments.get(index).map_or(0, |brought| i32::from(brought.was_there))
        })
    }
}

/// How many runs of an experiment the source has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_experiment_run_count(result: *const expmig_brought, index: usize) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.experiments.get(index).map_or(0, |brought| brought.runs)) }
}

/// How many runs the source has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_run_count(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.runs().0) }
}

/// How many of them the database did not have. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_new_run_count(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.runs().1) }
}

/// How many rows, of all tables, are new in the database. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_rows_new(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.rows_new()) }
}

/// How many rows took the place of what an earlier call had brought in of a run that went on. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_rows_changed(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.rows_changed()) }
}

/// A number of the account of the points of metrics: `which` is EXPMIG_ACCOUNT_READ and so on. What was read is the sum of the others. 0 for another
/// `which`. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_points(result: *const expmig_brought, which: i32) -> u64 {
    unsafe { read_of(result, 0, |result| of_tally(&result.result.account.total().points, which)) }
}

/// A number of the account of everything else that has a value, as expmig_brought_points. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_values(result: *const expmig_brought, which: i32) -> u64 {
    unsafe { read_of(result, 0, |result| of_tally(&result.result.account.total().values, which)) }
}

/// How many values the database has no place for, and no sidecar was given. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_without_place(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| result.result.without_place) }
}

/// How many sources (files, or folders of runs) break off in the middle of a record. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_torn_count(result: *const expmig_brought) -> usize {
    unsafe { read_of(result, 0, |result| result.result.account.torn_and_unfinished().0) }
}

/// How many sources do not say that they are complete. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_unfinished_count(result: *const expmig_brought) -> usize {
    unsafe { read_of(result, 0, |result| result.result.account.torn_and_unfinished().1) }
}

/// How many warnings there are. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_warning_count(result: *const expmig_brought) -> usize {
    unsafe { read_of(result, 0, |result| result.warnings.len()) }
}

/// A warning, one line. `index` counts from 0. Borrowed from the result; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_warning_at(result: *const expmig_brought, index: usize) -> *const c_char {
    unsafe { read_of(result, std::ptr::null(), |result| text_at(&result.warnings, index)) }
}

/// How long the call took, in nanoseconds. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_duration_ns(result: *const expmig_brought) -> u64 {
    unsafe { read_of(result, 0, |result| u64::try_from(result.result.duration.as_nanos()).unwrap_or(u64::MAX)) }
}

/// The whole result as a JSON object, schema "expmig.bring_in/1": with the account of each source, by rule, and what became of the rows of each table.
/// Borrowed from the result. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_to_json(result: *const expmig_brought) -> *const c_char {
    unsafe { read_of(result, NO_JSON, |result| result.json.text(|| result.result.to_json().to_string())) }
}

/// Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_brought_free(result: *mut expmig_brought) {
    unsafe { release(result) };
}
