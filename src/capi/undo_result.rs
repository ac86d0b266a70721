//! The transformations that can be undone, and what an undo did, as objects.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::args::{clear, opened, required, store};
use super::error::expmig_error;
use super::guard::guard;
use super::manager::expmig_manager;
use super::object::{Document, NO_JSON, all_texts, owned, read_of, release, text_at};
use super::status::expmig_status;
use super::text::c_string;
use super::undo::{expmig_undo_options, undo_options};
use crate::error::Domain;
use crate::transformation::{TransformEntry, UndoResult, list_json};

/// The transformations that can be undone, the newest first. Immutable; may be read from any thread. Free it with
/// expmig_transforms_free. Texts are UTF-8 and live as long as the list.
pub struct expmig_transforms {
    list: Vec<TransformEntry>,
    /// When, and by which rules.
    texts: Vec<(CString, CString)>,
    json: Document,
}

impl expmig_transforms {
    fn new(list: Vec<TransformEntry>) -> expmig_transforms {
        let texts = list.iter().map(|one| (c_string(&one.created_at), c_string(&one.rules))).collect();
        expmig_transforms { list, texts, json: Document::default() }
    }
}

/// What an undo did. Immutable; may be read from any thread. Free it with expmig_undo_free. Texts are UTF-8 and live as long as the
/// result.
pub struct expmig_undo {
    result: UndoResult,
    problems: Vec<CString>,
    json: Document,
}

impl expmig_undo {
    fn new(result: UndoResult) -> expmig_undo {
        let problems = all_texts(result.skipped_first.iter().map(|one| one.problem));
        expmig_undo { result, problems, json: Document::default() }
    }
}

/// Lists the transformations that can be undone, like expmig_transform_list, as an object.
///
/// `transforms`: receives the list; the caller frees it with expmig_transforms_free.
///
/// Returns as expmig_transform_list. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_read(
    manager: *const expmig_manager,
    transforms: *mut *mut expmig_transforms,
    error: *mut *mut expmig_error,
) -> expmig_status {
    // SAFETY: the caller passes what the header says; so in the next function.
    unsafe {
        clear(transforms, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(transforms, "transforms", Domain::Transformation)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            store(transforms, owned(expmig_transforms::new(shared.manager(&entered).list_transforms()?)));
            Ok(())
        })
    }
}

/// Undoes a transformation, like expmig_transform_undo, and answers an object.
///
/// `transform_id`, `options`: as for expmig_transform_undo.
/// `undo`: receives what was done; the caller frees it with expmig_undo_free.
///
/// Returns as expmig_transform_undo. Since 0.1.0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_run(
    manager: *const expmig_manager,
    transform_id: i64,
    options: *const expmig_undo_options,
    undo: *mut *mut expmig_undo,
    error: *mut *mut expmig_error,
) -> expmig_status {
    unsafe {
        clear(undo, std::ptr::null_mut());
        guard(error, Domain::Transformation, || {
            let shared = Arc::clone(&opened(manager, "manager", Domain::Transformation)?.0);
            required(undo, "undo", Domain::Transformation)?;
            let options = undo_options(options)?;
            let entered = shared.database.enter(Domain::Transformation)?;
            store(undo, owned(expmig_undo::new(shared.manager(&entered).undo_transform(transform_id, options)?)));
            Ok(())
        })
    }
}

/// How many transformations can be undone. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_count(transforms: *const expmig_transforms) -> usize {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(transforms, 0, |transforms| transforms.list.len()) }
}

/// The id to give to expmig_transform_undo. `index` counts from 0. 0 if there is no such transformation. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_id(transforms: *const expmig_transforms, index: usize) -> i64 {
    unsafe { read_of(transforms, 0, |transforms| transforms.list.get(index).map_or(0, |one| one.id)) }
}

/// When a transformation was done: ISO 8601, UTC. Borrowed from the list; NULL if there is no such transformation. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_created_at(
    transforms: *const expmig_transforms,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(transforms, std::ptr::null(), |transforms| {
            transforms.texts.get(index).map_or(std::ptr::null(), |(time, _)| time.as_ptr())
        })
    }
}

/// The rules of a transformation, as JSON. Borrowed from the list; NULL if there is no such transformation. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_rules_json(
    transforms: *const expmig_transforms,
    index: usize,
) -> *const c_char {
    unsafe {
        read_of(transforms, std::ptr::null(), |transforms| {
            transforms.texts.get(index).map_or(std::ptr::null(), |(_, rules)| rules.as_ptr())
        })
    }
}

/// How many metrics a transformation changed. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_metric_count(transforms: *const expmig_transforms, index: usize) -> u64 {
    unsafe { read_of(transforms, 0, |transforms| transforms.list.get(index).map_or(0, |one| one.metrics)) }
}

/// How many of these it copied first. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_copied_count(transforms: *const expmig_transforms, index: usize) -> u64 {
    unsafe { read_of(transforms, 0, |transforms| transforms.list.get(index).map_or(0, |one| one.copied)) }
}

/// The whole list as a JSON object, schema "expmig.transforms/1". Borrowed from the list. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_to_json(transforms: *const expmig_transforms) -> *const c_char {
    unsafe {
        read_of(transforms, NO_JSON, |transforms| transforms.json.text(|| list_json(&transforms.list).to_string()))
    }
}

/// Frees a list and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_transforms_free(transforms: *mut expmig_transforms) {
    unsafe { release(transforms) };
}

/// The transformation that was undone. 0 for NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_transform_id(undo: *const expmig_undo) -> i64 {
    // SAFETY: the caller passes what the header says; so in every function below.
    unsafe { read_of(undo, 0, |undo| undo.result.transform_id) }
}

/// Metrics that have again what they had. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_restored(undo: *const expmig_undo) -> u64 {
    unsafe { read_of(undo, 0, |undo| undo.result.restored) }
}

/// Of these, the metrics that the transformation had copied: their links lead to the originals again. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_copies_undone(undo: *const expmig_undo) -> u64 {
    unsafe { read_of(undo, 0, |undo| undo.result.copies) }
}

/// Copies that stay, because something else is linked to them now. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_copies_kept(undo: *const expmig_undo) -> u64 {
    unsafe { read_of(undo, 0, |undo| undo.result.copies_kept) }
}

/// Metrics that were left as they are (EXPMIG_UNDO_SKIP_CHANGED). Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_skipped(undo: *const expmig_undo) -> u64 {
    unsafe { read_of(undo, 0, |undo| undo.result.skipped) }
}

/// How many of these are listed: all, or the first hundred. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_skip_count(undo: *const expmig_undo) -> usize {
    unsafe { read_of(undo, 0, |undo| undo.result.skipped_first.len()) }
}

/// The id of a metric that was left as it is. `index` counts from 0. 0 if there is no such metric. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_skip_metric_id(undo: *const expmig_undo, index: usize) -> i64 {
    unsafe { read_of(undo, 0, |undo| undo.result.skipped_first.get(index).map_or(0, |one| one.metric_id)) }
}

/// Why a metric was left as it is. Borrowed from the result; NULL if there is no such metric. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_skip_problem(undo: *const expmig_undo, index: usize) -> *const c_char {
    unsafe { read_of(undo, std::ptr::null(), |undo| text_at(&undo.problems, index)) }
}

/// How long the undo took, in nanoseconds. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_duration_ns(undo: *const expmig_undo) -> u64 {
    unsafe { read_of(undo, 0, |undo| u64::try_from(undo.result.duration.as_nanos()).unwrap_or(u64::MAX)) }
}

/// The whole result as a JSON object, schema "expmig.undo/1". Borrowed from the result. Never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_to_json(undo: *const expmig_undo) -> *const c_char {
    unsafe { read_of(undo, NO_JSON, |undo| undo.json.text(|| undo.result.to_json().to_string())) }
}

/// Frees a result and all that was borrowed from it. NULL is fine. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn expmig_undo_free(undo: *mut expmig_undo) {
    unsafe { release(undo) };
}
