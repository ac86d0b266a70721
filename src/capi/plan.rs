//! Plans of migrations as objects.

use std::borrow::Cow;
use std::ffi::{CString, c_char};

use super::args::{clear, handle, required, store};
use super::error::expmig_error;
use super::experiment::{clear_digest, store_digest};
use super::guard::guard;
use super::manager::{expmig_manager, with_both};
use super::migration::{
    EXPMIG_DIGEST_AS_STORED, EXPMIG_DIGEST_SOURCE, EXPMIG_STRATEGY_AGGRESSIVE, EXPMIG_STRATEGY_BALANCED,
    EXPMIG_STRATEGY_CONSERVATIVE, both, expmig_migrate_options, migrate_options,
};
use super::object::{Document, NO_JSON, all_texts, lent, owned, read_of, release, some_text, text_at};
use super::status::expmig_status;
use super::text::c_string;
use super::transformation_result::expmig_transformation;
use crate::database::Loss;
use crate::error::{Domain, Error, Status};
use crate::hierarchy::UnsoundRow;
use crate::migration::{MigrationPlan, Strategy};
use crate::validation::Issue;

/// Rows that hang on nothing, or have no key (docs/validation.md).
pub const EXPMIG_PLAN_UNSOUND: i32 = 1;
/// Values and times that the validator would name.
pub const EXPMIG_PLAN_ODD_VALUES: i32 = 2;
/// With EXPMIG_STRATEGY_CONSERVATIVE: what the validation found that would stop the migration.
pub const EXPMIG_PLAN_VALIDATION: i32 = 3;
/// What the target cannot hold.
pub const EXPMIG_PLAN_LOSSY: i32 = 4;

/// One thing that is wrong.
struct Problem {
    table: CString,
    row: Option<CString>,
    column: Option<CString>,
    message: CString,
}

impl Problem {
    fn unsound(row: &UnsoundRow) -> Problem {
        Problem {
            table: c_string(row.table),
            row: Some(c_string(&row.row)),
            column: None,
            message: c_string(&row.message),
        }
    }

    fn issue(issue: &Issue) -> Problem {
        Problem {
            table: c_string(&issue.table),
            row: Some(c_string(&issue.row)),
            column: issue.column.as_deref().map(c_string),
            message: c_string(&issue.message),
        }
    }

    fn loss(loss: &Loss) -> Problem {
        let shown = |text: &Option<String>| Cow::from(text.clone().unwrap_or_default());
        let message = match (&loss.value, &loss.stored_as) {
            (Some(_), Some(_)) => {
                format!("{}: {} would become {}", loss.reason, shown(&loss.value), shown(&loss.stored_as))
            }
            (Some(value), None) => format!("{}: {value}", loss.reason),
            _ => loss.reason.to_owned(),
        };
        Problem {
            table: c_string(loss.table),
            row: some_text(&loss.row),
            column: some_text(&loss.column),
            message: c_string(&message),
        }
    }
}

/// How many there are, and those that are listed.
#[derive(Default)]
struct Problems {
    count: u64,
    listed: Vec<Problem>,
}

impl Problems {
    fn of<T>(count: u64, found: &[T], each: impl Fn(&T) -> Problem) -> Problems {
        Problems { count, listed: found.iter().map(each).collect() }
    }
}

/// An extra column.
struct Column {
    table: CString,
    name: CString,
    fate: CString,
}

/// What a migration would do. Immutable; may be read from any thread. Free it with expmig_plan_free. Texts are UTF-8 and live as long as
/// the plan.
pub struct expmig_plan {
    plan: MigrationPlan,
    tables: Vec<CString>,
    columns: Vec<Column>,
    extra_tables: Vec<CString>,
    /// By EXPMIG_PLAN_UNSOUND and so on, less one.
    problems: [Problems; 4],
    warnings: Vec<CString>,
    transformation: Option<expmig_transformation>,
    json: Document,
}

impl expmig_plan {
    fn new(plan: MigrationPlan) -> expmig_plan {
        let column = |found: &crate::migration::ExtraColumn| Column {
            table: c_string(found.table),
            name: c_string(&found.column),
            fate: c_string(found.fate),
        };
        let odd = plan.odd_values.as_ref().map(|odd| Problems::of(odd.count, &odd.first, Problem::issue));
        let stopping = plan.validation.as_ref();
        let stopping = stopping.map(|all| Problems::of(all.errors + all.warnings, &all.issues, Problem::issue));
        expmig_plan {
            tables: all_texts(plan.tables.iter().map(|table| table.table)),
            columns: plan.extra_columns.iter().map(column).collect(),
            extra_tables: all_texts(&plan.extra_tables),
            problems: [
                Problems::of(plan.unsound.count, &plan.unsound.first, Problem::unsound),
                odd.unwrap_or_default(),
                stopping.unwrap_or_default(),
                Problems::of(plan.fit.count, &plan.fit.first, Problem::loss),
            ],
            warnings: all_texts(&plan.warnings),
            transformation: plan.transformation.clone().map(expmig_transformation::new),
            plan,
            json: Document::default(),
        }
    }

    fn problems(&self, which: i32) -> Option<&Problems> {
        self.problems.get(usize::try_from(which).ok()?.checked_sub(1)?)
    }

    fn problem(&self, which: i32, index: usize) -> Option<&Problem> {
        self.problems(which)?.listed.get(index)
    }
}

/// Reports what expmig_migrate_experiment would do with the same arguments, like expmig_migrate_plan, as an object. Writes nothing.
///
/// `source`, `experiment_id`, `target`, `options`: as for expmig_migrate_plan.
/// `plan`: receives the plan; the caller frees it with expmig_plan_free.
///
/// Returns as expmig_migrate_plan. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_make(
    source: *const expmig_manager,
    experiment_id: i64,
    target: *const expmig_manager,
    options: *const expmig_migrate_options,
    plan: *mut *mut expmig_plan,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear(plan, std::ptr::null_mut());
        guard(error, Domain::Migration, || {
            let (source, target) = both(source, target)?;
            required(plan, "plan", Domain::Migration)?;
            let options = migrate_options(options)?;
            let made = with_both((&source, &target), Domain::Migration, |source, target| {
                source.plan(experiment_id, target, options)
            })?;
            store(plan, owned(expmig_plan::new(made)));
            Ok(())
        })
    }
}

/// A digest of the plan.
///
/// `which`: EXPMIG_DIGEST_SOURCE, or EXPMIG_DIGEST_AS_STORED: what the copy would have.
/// `digest`: receives 32 bytes (EXPMIG_DIGEST_SIZE).
///
/// Returns EXPMIG_NOT_FOUND if the plan has no such digest, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_digest(
    plan: *const expmig_plan,
    which: i32,
    digest: *mut u8,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear_digest(digest);
        guard(error, Domain::Migration, || {
            let plan = &handle(plan, "plan", Domain::Migration)?.plan;
            required(digest, "digest", Domain::Migration)?;
            let found = match which {
                EXPMIG_DIGEST_SOURCE => plan.source_digest,
                EXPMIG_DIGEST_AS_STORED => plan.expected_digest,
                other => {
                    return Err(Error::argument(Domain::Migration, "which", format!("{other} is no digest of a plan")));
                }
            };
            let missing = || Error::new(Status::NotFound, Domain::Migration, "this plan has no such digest");
            store_digest(digest, &found.ok_or_else(missing)?);
            Ok(())
        })
    }
}

/// The id of the experiment that would be copied. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_source_experiment_id(plan: *const expmig_plan) -> i64 {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(plan, 0, |plan| plan.plan.source_experiment_id) }
}

/// The id of the experiment to which trials would be appended; 0 if a new one would be made. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_target_experiment_id(plan: *const expmig_plan) -> i64 {
    unsafe { read_of(plan, 0, |plan| plan.plan.target_experiment_id.unwrap_or(0)) }
}

/// EXPMIG_STRATEGY_BALANCED and so on. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_strategy(plan: *const expmig_plan) -> i32 {
    unsafe {
        read_of(plan, EXPMIG_STRATEGY_BALANCED, |plan| match plan.plan.strategy {
            Strategy::Balanced => EXPMIG_STRATEGY_BALANCED,
            Strategy::Conservative => EXPMIG_STRATEGY_CONSERVATIVE,
            Strategy::Aggressive => EXPMIG_STRATEGY_AGGRESSIVE,
        })
    }
}

/// 1 if source and target are one database, else 0. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_same_database(plan: *const expmig_plan) -> i32 {
    unsafe { read_of(plan, 0, |plan| i32::from(plan.plan.same_database)) }
}

/// Rows that would be copied. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_items_total(plan: *const expmig_plan) -> u64 {
    unsafe { read_of(plan, 0, |plan| plan.plan.items_total) }
}

/// How many tables have rows to copy. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_table_count(plan: *const expmig_plan) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.tables.len()) }
}

/// The name of a table. `index` counts from 0. Borrowed from the plan; NULL if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_table_name(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe { read_of(plan, std::ptr::null(), |plan| text_at(&plan.tables, index)) }
}

/// How many rows of a table can be copied. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_table_rows(plan: *const expmig_plan, index: usize) -> u64 {
    unsafe { read_of(plan, 0, |plan| plan.plan.tables.get(index).map_or(0, |table| table.rows)) }
}

/// How many rows of a table cannot be copied, because they hang on nothing or have no key. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_table_unsound(plan: *const expmig_plan, index: usize) -> u64 {
    unsafe { read_of(plan, 0, |plan| plan.plan.tables.get(index).map_or(0, |table| table.unsound)) }
}

/// How many columns the source has that the schema does not know. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_column_count(plan: *const expmig_plan) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.columns.len()) }
}

/// The table of an extra column. `index` counts from 0. Borrowed from the plan; NULL if there is no such column. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_column_table(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.columns.get(index).map_or(std::ptr::null(), |column| column.table.as_ptr())
        })
    }
}

/// The name of an extra column. Borrowed from the plan; NULL if there is no such column. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_column_name(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.columns.get(index).map_or(std::ptr::null(), |column| column.name.as_ptr())
        })
    }
}

/// What would become of an extra column: "copied", "added", "filled by the target" or "missing in the target". Borrowed from the plan;
/// NULL if there is no such column. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_column_fate(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.columns.get(index).map_or(std::ptr::null(), |column| column.fate.as_ptr())
        })
    }
}

/// How many tables the source has that are not copied. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_table_count(plan: *const expmig_plan) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.extra_tables.len()) }
}

/// A table of the source that is not copied. `index` counts from 0. Borrowed from the plan; NULL if there is no such table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_extra_table_at(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe { read_of(plan, std::ptr::null(), |plan| text_at(&plan.extra_tables, index)) }
}

/// How many problems of a kind there are, listed or not. `which`: EXPMIG_PLAN_UNSOUND and so on. 0 for NULL and for a kind that does not
/// exist. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_count(plan: *const expmig_plan, which: i32) -> u64 {
    unsafe { read_of(plan, 0, |plan| plan.problems(which).map_or(0, |found| found.count)) }
}

/// How many problems of a kind are listed: all, or the first hundred or two. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_listed(plan: *const expmig_plan, which: i32) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.problems(which).map_or(0, |found| found.listed.len())) }
}

/// The table of a problem. `index` counts from 0. Borrowed from the plan; NULL if there is no such problem. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_table(
    plan: *const expmig_plan,
    which: i32,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.problem(which, index).map_or(std::ptr::null(), |found| found.table.as_ptr())
        })
    }
}

/// The key of the row of a problem: "epoch_idx=3, trial_run_id=7". Borrowed from the plan; NULL if there is no such problem, or if it is
/// about the whole table. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_row(plan: *const expmig_plan, which: i32, index: usize) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| lent(plan.problem(which, index).and_then(|found| found.row.as_ref())))
    }
}

/// The column of a problem. Borrowed from the plan; NULL if there is no such problem, or if it is about the row. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_column(
    plan: *const expmig_plan,
    which: i32,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| lent(plan.problem(which, index).and_then(|found| found.column.as_ref())))
    }
}

/// One line that says what is wrong. Borrowed from the plan; NULL if there is no such problem. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_problem_message(
    plan: *const expmig_plan,
    which: i32,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.problem(which, index).map_or(std::ptr::null(), |found| found.message.as_ptr())
        })
    }
}

/// What the transformation rules would do. Borrowed from the plan; do not free it. NULL if there are no rules. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_transformation(plan: *const expmig_plan) -> *const expmig_transformation {
    unsafe {
        read_of(plan, std::ptr::null(), |plan| {
            plan.transformation.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)
        })
    }
}

/// How many experiments of the target are the same. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_duplicate_count(plan: *const expmig_plan) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.plan.duplicates.len()) }
}

/// The id of an experiment of the target that is the same. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_duplicate_id(plan: *const expmig_plan, index: usize) -> i64 {
    unsafe { read_of(plan, 0, |plan| plan.plan.duplicates.get(index).map_or(0, |one| one.experiment_id)) }
}

/// 1 if the contents of the two experiments were compared, 0 if only their own rows were. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_duplicate_proven(plan: *const expmig_plan, index: usize) -> i32 {
    unsafe { read_of(plan, 0, |plan| plan.plan.duplicates.get(index).map_or(0, |one| i32::from(one.proven))) }
}

/// About how many bytes the copy takes. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_needed_bytes(plan: *const expmig_plan) -> i64 {
    unsafe { read_of(plan, 0, |plan| i64::try_from(plan.plan.needed_bytes).unwrap_or(i64::MAX)) }
}

/// How many bytes are free where the copy would be; -1 where that is not known. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_free_bytes(plan: *const expmig_plan) -> i64 {
    unsafe { read_of(plan, -1, |plan| plan.plan.free_bytes.map_or(-1, |free| i64::try_from(free).unwrap_or(i64::MAX))) }
}

/// How many warnings there are. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_warning_count(plan: *const expmig_plan) -> usize {
    unsafe { read_of(plan, 0, |plan| plan.warnings.len()) }
}

/// A warning, one line. `index` counts from 0. Borrowed from the plan; NULL if there is no such warning. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_warning_at(plan: *const expmig_plan, index: usize) -> *const c_char {
    unsafe { read_of(plan, std::ptr::null(), |plan| text_at(&plan.warnings, index)) }
}

/// The whole plan as a JSON object, schema "expmig.plan/1"; it also says how source and target would be locked. Borrowed from the plan.
/// Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_to_json(plan: *const expmig_plan) -> *const c_char {
    unsafe { read_of(plan, NO_JSON, |plan| plan.json.text(|| plan.plan.to_json().to_string())) }
}

/// Frees a plan and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_plan_free(plan: *mut expmig_plan) {
    unsafe { release(plan) };
}
