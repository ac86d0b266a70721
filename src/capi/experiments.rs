//! The list of experiments, typed.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::args::{clear, opened, required, store};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::object::{Document, NO_JSON, lent, owned, read_of, release, some_text, text_at};
use super::status::expmig_status;
use super::text::c_string;
use crate::error::Domain;
use crate::hierarchy::{ExperimentList, ExperimentSummary};

/// The texts of an experiment.
struct Texts {
    title: Option<CString>,
    description: Option<CString>,
    start_time: Option<CString>,
    update_time: Option<CString>,
}

impl Texts {
    fn of(experiment: &ExperimentSummary) -> Texts {
        Texts {
            title: some_text(&experiment.title),
            description: some_text(&experiment.description),
            start_time: some_text(&experiment.start_time),
            update_time: some_text(&experiment.update_time),
        }
    }
}

/// The experiments of a database, ordered by id. Immutable; may be read from any thread. Free it with expmig_experiments_free. Texts are
/// UTF-8 and live as long as the list.
pub struct expmig_experiments {
    list: ExperimentList,
    texts: Vec<Texts>,
    unlisted: Vec<CString>,
    json: Document,
}

impl expmig_experiments {
    fn new(list: ExperimentList) -> expmig_experiments {
        let texts = list.experiments.iter().map(Texts::of).collect();
        let unlisted = list.unlisted.first.iter().map(|row| c_string(&row.message)).collect();
        expmig_experiments { list, texts, unlisted, json: Document::default() }
    }

    fn text(&self, index: usize, which: impl FnOnce(&Texts) -> &Option<CString>) -> *const c_char {
        lent(self.texts.get(index).and_then(|texts| which(texts).as_ref()))
    }

    fn number<T: Default>(&self, index: usize, which: impl FnOnce(&ExperimentSummary) -> T) -> T {
        self.list.experiments.get(index).map_or_else(T::default, which)
    }
}

/// Lists the experiments, like expmig_experiment_list, as an object.
///
/// `experiments`: receives the list; the caller frees it with expmig_experiments_free.
///
/// Returns EXPMIG_BUSY, EXPMIG_CORRUPT, EXPMIG_IO, EXPMIG_SCHEMA, EXPMIG_MISUSE, EXPMIG_INVALID_ARGUMENT. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_read(
    manager: *const expmig_manager,
    experiments: *mut *mut expmig_experiments,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says.
    unsafe {
        clear(experiments, std::ptr::null_mut());
        guard(error, Domain::Database, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Database)?.0);
            required(experiments, "experiments", Domain::Database)?;
            let entered = shared.database.enter(Domain::Database)?;
            store(experiments, owned(expmig_experiments::new(shared.manager(&entered).experiments()?)));
            Ok(())
        })
    }
}

/// How many experiments there are. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_count(experiments: *const expmig_experiments) -> usize {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(experiments, 0, |experiments| experiments.list.experiments.len()) }
}

/// The id of an experiment. `index` counts from 0. 0 if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_id(experiments: *const expmig_experiments, index: usize) -> i64 {
    unsafe { read_of(experiments, 0, |experiments| experiments.number(index, |one| one.id)) }
}

/// The title of an experiment. Borrowed from the list; NULL if it is NULL, or if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_title(
    experiments: *const expmig_experiments,
    index: usize,
) -> *const c_char {
    unsafe { read_of(experiments, std::ptr::null(), |experiments| experiments.text(index, |one| &one.title)) }
}

/// The description of an experiment. Borrowed from the list; NULL if it is NULL, or if there is no such experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_description(
    experiments: *const expmig_experiments,
    index: usize,
) -> *const c_char {
    unsafe { read_of(experiments, std::ptr::null(), |experiments| experiments.text(index, |one| &one.description)) }
}

/// When an experiment began, as the database has it. Borrowed from the list; NULL if it is NULL, or if there is no such experiment.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_start_time(
    experiments: *const expmig_experiments,
    index: usize,
) -> *const c_char {
    unsafe { read_of(experiments, std::ptr::null(), |experiments| experiments.text(index, |one| &one.start_time)) }
}

/// When an experiment was changed last, as the database has it. Borrowed from the list; NULL if it is NULL, or if there is no such
/// experiment. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_update_time(
    experiments: *const expmig_experiments,
    index: usize,
) -> *const c_char {
    unsafe { read_of(experiments, std::ptr::null(), |experiments| experiments.text(index, |one| &one.update_time)) }
}

/// How many trials an experiment has. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_trial_count(experiments: *const expmig_experiments, index: usize) -> u64 {
    unsafe { read_of(experiments, 0, |experiments| experiments.number(index, |one| one.trials)) }
}

/// How many runs the trials of an experiment have. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_run_count(experiments: *const expmig_experiments, index: usize) -> u64 {
    unsafe { read_of(experiments, 0, |experiments| experiments.number(index, |one| one.runs)) }
}

/// How many experiments are not in the list because their id is not an integer, so that no call can name them. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_unlisted_count(experiments: *const expmig_experiments) -> u64 {
    unsafe { read_of(experiments, 0, |experiments| experiments.list.unlisted.count) }
}

/// An experiment that is not in the list: one line that names it and says why. `index` counts from 0. Borrowed from the list; NULL if
/// there is no such experiment, or after the first hundred. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_unlisted_at(
    experiments: *const expmig_experiments,
    index: usize,
) -> *const c_char {
    unsafe { read_of(experiments, std::ptr::null(), |experiments| text_at(&experiments.unlisted, index)) }
}

/// The whole list as a JSON object, schema "expmig.experiments/1". Borrowed from the list. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_to_json(experiments: *const expmig_experiments) -> *const c_char {
    unsafe {
        read_of(experiments, NO_JSON, |experiments| {
            experiments.json.text(|| experiments.list.to_json_text().unwrap_or_default())
        })
    }
}

/// Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_experiments_free(experiments: *mut expmig_experiments) {
    unsafe { release(experiments) };
}
