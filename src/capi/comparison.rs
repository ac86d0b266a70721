//! Comparisons of experiments as objects.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::args::{clear, handle, opened, required, store};
use super::error::expmig_error;
use super::experiment::{clear_digest, store_digest};
use super::guard::guard;
use super::manager::{expmig_manager, with_both};
use super::object::{Document, NO_JSON, all_texts, lent, owned, read_of, release, some_text, text_at};
use super::progress::{expmig_job_options, job_options};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::{Domain, Error};
use crate::migration::{Compared, Comparison, Difference, RowKey, RowKeys};

/// The first of two experiments.
pub const EXPMIG_SIDE_A: i32 = 0;
/// The second.
pub const EXPMIG_SIDE_B: i32 = 1;

/// The texts of the first difference.
struct Texts {
    table: CString,
    how: CString,
    column: Option<CString>,
    values: [Option<CString>; 2],
    rows: [Option<CString>; 2],
    keys: [Option<CString>; 2],
    within: Option<CString>,
}

fn shown_key(key: &RowKey) -> CString {
    match key {
        RowKey::Integer(id) => c_string(&id.to_string()),
        RowKey::Text(key) => c_string(key),
    }
}

impl Texts {
    fn of(found: &Difference) -> Texts {
        let both = |pair: &[Option<String>; 2]| pair.each_ref().map(some_text);
        let row = || [some_text(&found.row), some_text(&found.row)];
        Texts {
            table: c_string(&found.node),
            how: c_string(found.how),
            column: found.shown.as_ref().and_then(|shown| some_text(&shown.column)),
            values: found.shown.as_ref().map_or([None, None], |shown| both(&shown.values)),
            rows: found.rows.as_ref().map_or_else(row, both),
            keys: found
                .ids
                .as_ref()
                .map_or([None, None], |keys| keys.each_ref().map(|key| key.as_ref().map(shown_key))),
            within: found.within.as_ref().map(|(table, _)| c_string(table)),
        }
    }
}

/// What a comparison found. Immutable; may be read from any thread. Free it with expmig_comparison_free. Texts are UTF-8 and live as long
/// as the comparison.
pub struct expmig_comparison {
    found: Comparison,
    tables: [Vec<CString>; 2],
    texts: Option<Texts>,
    warnings: Vec<CString>,
    json: Document,
}

/// Which of two things.
fn of_side<T>(pair: &[T; 2], side: i32) -> Option<&T> {
    pair.get(usize::try_from(side).ok()?)
}

impl expmig_comparison {
    fn new(found: Comparison) -> expmig_comparison {
        let names = |side: &Compared| all_texts(side.tables.iter().map(|(name, _)| name));
        expmig_comparison {
            tables: [names(&found.a), names(&found.b)],
            texts: found.first_difference.as_ref().map(Texts::of),
            warnings: all_texts(&found.warnings),
            found,
            json: Document::default(),
        }
    }

    fn side(&self, side: i32) -> Option<&Compared> {
        of_side(&[&self.found.a, &self.found.b], side).copied()
    }

    fn text(&self, which: impl FnOnce(&Texts) -> Option<&CString>) -> *const c_char {
        lent(self.texts.as_ref().and_then(which))
    }

    fn id(&self, side: i32, which: impl FnOnce(&Difference) -> Option<&RowKeys>) -> i64 {
        let keys = self.found.first_difference.as_ref().and_then(which);
        match keys.and_then(|keys| of_side(keys, side)?.as_ref()) {
            Some(RowKey::Integer(id)) => *id,
            Some(RowKey::Text(_)) | None => 0,
        }
    }
}

/// Compares two experiments by content, like expmig_experiment_compare, and answers an object. Reads only.
///
/// `manager_a`, `experiment_a`, `manager_b`, `experiment_b`, `options`: as for expmig_experiment_compare.
/// `comparison`: receives what was found; the caller frees it with expmig_comparison_free.
///
/// If the experiments differ, that is not an error. Returns as expmig_experiment_digest. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_make(
    manager_a: *const expmig_manager,
    experiment_a: i64,
    manager_b: *const expmig_manager,
    experiment_b: i64,
    options: *const expmig_job_options,
    comparison: *mut *mut expmig_comparison,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear(comparison, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let a = Arc::clone(&opened(manager_a, "manager_a", Domain::Migration)?.0);
            let b = Arc::clone(&opened(manager_b, "manager_b", Domain::Migration)?.0);
            required(comparison, "comparison", Domain::Migration)?;
            let options = job_options(options, Domain::Migration)?;
            let found =
                with_both((&a, &b), Domain::Migration, |a, b| a.compare(experiment_a, b, experiment_b, options))?;
            store(comparison, owned(expmig_comparison::new(found)));
            Ok(())
        })
    }
}

/// The digest of one of the experiments.
///
/// `side`: EXPMIG_SIDE_A or EXPMIG_SIDE_B.
/// `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
///
/// Returns EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_digest(
    comparison: *const expmig_comparison,
    side: i32,
    digest: *mut u8,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear_digest(digest);
        guard(error, Domain::Migration, || {
            let comparison = handle(comparison, "comparison", Domain::Migration)?;
            required(digest, "digest", Domain::Migration)?;
            let unknown = || Error::argument(Domain::Migration, "side", format!("{side} is no side"));
            store_digest(digest, &comparison.side(side).ok_or_else(unknown)?.digest);
            Ok(())
        })
    }
}

/// 1 if the experiments have the same content, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_equal(comparison: *const expmig_comparison) -> i32 {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(comparison, 0, |comparison| i32::from(comparison.found.equal)) }
}

/// The id of one of the experiments. `side`: EXPMIG_SIDE_A or EXPMIG_SIDE_B. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_experiment_id(comparison: *const expmig_comparison, side: i32) -> i64 {
    unsafe { read_of(comparison, 0, |comparison| comparison.side(side).map_or(0, |of| of.experiment_id)) }
}

/// How many tables one of the databases has for it. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_table_count(comparison: *const expmig_comparison, side: i32) -> usize {
    unsafe { read_of(comparison, 0, |comparison| comparison.side(side).map_or(0, |of| of.tables.len())) }
}

/// The name of a table. `index` counts from 0. Borrowed from the comparison; NULL if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_table_name(
    comparison: *const expmig_comparison,
    side: i32,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(comparison, std::ptr::null(), |comparison| {
            of_side(&comparison.tables, side).map_or(std::ptr::null(), |names| text_at(names, index))
        })
    }
}

/// How many rows a table has of one of the experiments. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_table_rows(
    comparison: *const expmig_comparison,
    side: i32,
    index: usize,
) -> u64 {
    unsafe {
        read_of(comparison, 0, |comparison| {
            comparison.side(side).and_then(|of| of.tables.get(index)).map_or(0, |(_, rows)| *rows)
        })
    }
}

/// The table in which the experiments first differ. Borrowed from the comparison; NULL if they are equal. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_table(comparison: *const expmig_comparison) -> *const c_char {
    unsafe { read_of(comparison, std::ptr::null(), |comparison| comparison.text(|texts| Some(&texts.table))) }
}

/// In which way they differ: "another value", "another link", "only in a", "only in b", or a sentence. Borrowed from the comparison; NULL
/// if they are equal. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_how(comparison: *const expmig_comparison) -> *const c_char {
    unsafe { read_of(comparison, std::ptr::null(), |comparison| comparison.text(|texts| Some(&texts.how))) }
}

/// The id of the row that differs, if it is one of the hierarchy; 0 if it is not, or if that side has no such row. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_id(comparison: *const expmig_comparison, side: i32) -> i64 {
    unsafe { read_of(comparison, 0, |comparison| comparison.id(side, |found| found.ids.as_ref())) }
}

/// The key of the row that differs, if it is one of the hierarchy, as text: of a family whose keys are texts, such as the runs of MLflow, the key
/// itself; else the id. Borrowed from the comparison; NULL if it is not one, or if that side has no such row. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_key(
    comparison: *const expmig_comparison,
    side: i32,
) -> *const c_char {
    unsafe {
        read_of(comparison, std::ptr::null(), |comparison| {
            comparison.text(|texts| of_side(&texts.keys, side)?.as_ref())
        })
    }
}

/// The key of the row that differs, if it hangs on one of the hierarchy. Borrowed from the comparison; NULL if it does not, or if that
/// side has no such row. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_row(
    comparison: *const expmig_comparison,
    side: i32,
) -> *const c_char {
    unsafe {
        read_of(comparison, std::ptr::null(), |comparison| {
            comparison.text(|texts| of_side(&texts.rows, side)?.as_ref())
        })
    }
}

/// The table of the row of the hierarchy on which that row hangs. Borrowed from the comparison; NULL if there is none. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_within_table(
    comparison: *const expmig_comparison,
) -> *const c_char {
    unsafe { read_of(comparison, std::ptr::null(), |comparison| comparison.text(|texts| texts.within.as_ref())) }
}

/// The id of the row of the hierarchy on which that row hangs; 0 if there is none. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_within_id(
    comparison: *const expmig_comparison,
    side: i32,
) -> i64 {
    unsafe {
        read_of(comparison, 0, |comparison| comparison.id(side, |found| found.within.as_ref().map(|(_, ids)| ids)))
    }
}

/// The column that differs. Borrowed from the comparison; NULL if whole rows do, or if they are equal. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_column(comparison: *const expmig_comparison) -> *const c_char {
    unsafe { read_of(comparison, std::ptr::null(), |comparison| comparison.text(|texts| texts.column.as_ref())) }
}

/// What differs, as a person reads it. Borrowed from the comparison; NULL if that side has no such row, or if they are equal.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_difference_value(
    comparison: *const expmig_comparison,
    side: i32,
) -> *const c_char {
    unsafe {
        read_of(comparison, std::ptr::null(), |comparison| {
            comparison.text(|texts| of_side(&texts.values, side)?.as_ref())
        })
    }
}

/// How many warnings there are: tables that others could change while they were read. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_warning_count(comparison: *const expmig_comparison) -> usize {
    unsafe { read_of(comparison, 0, |comparison| comparison.warnings.len()) }
}

/// A warning, one line. `index` counts from 0. Borrowed from the comparison; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_warning_at(
    comparison: *const expmig_comparison,
    index: usize,
) -> *const c_char {
    unsafe { read_of(comparison, std::ptr::null(), |comparison| text_at(&comparison.warnings, index)) }
}

/// The whole comparison as a JSON object, schema "expmig.comparison/1". Borrowed from the comparison. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_to_json(comparison: *const expmig_comparison) -> *const c_char {
    unsafe {
        read_of(comparison, NO_JSON, |comparison| comparison.json.text(|| comparison.found.to_json().to_string()))
    }
}

/// Frees a comparison and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_comparison_free(comparison: *mut expmig_comparison) {
    unsafe { release(comparison) };
}
