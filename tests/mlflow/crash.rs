//! Copies of an experiment that are killed, or that the device fails: the target has the whole copy, or is as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::migrate::{content, empty};
use crate::store::store;
use crate::support::child::{self, Job, Outcome, outcome};
use crate::support::fault::{Fault, KILL, Shim, mixed, points};
use crate::support::{Folder, dump, execute, integer, open, rows, text};
use expmig::{
    ExportOptions, FileOptions, ImportOptions, MigrateOptions, OnConflict, OnName, TextKeyOptions, ValidateOptions,
};
use serde_json::{Value, json};

#[test]
fn child_process() {
    match child::role() {
        Some((role, input)) if role == "migrate" => child::migrate(input),
        Some((role, input)) => other_way(&role, &input),
        None => {}
    }
}

/// A job of a child that is more than a copy of an experiment into a store that has nothing of it.
fn other_way(role: &str, input: &Value) {
    let path = |name: &str| PathBuf::from(input[name].as_str().unwrap());
    let target = open(&path("target"));
    let migrate = |experiment, options| {
        let done = open(&path("source")).migrate_experiment(experiment, Some(&target), options);
        done.map(|done| done.new_experiment_id)
    };
    let done = match role {
        "new" => {
            let text_keys = TextKeyOptions { on_conflict: OnConflict::New, ..TextKeyOptions::default() };
            migrate(1, MigrateOptions { text_keys, ..MigrateOptions::default() })
        }
        "append" => migrate(2, MigrateOptions { target_experiment: Some(1), ..MigrateOptions::default() }),
        "skip" => {
            let text_keys =
                TextKeyOptions { on_conflict: OnConflict::Skip, on_name: OnName::Append, ..TextKeyOptions::default() };
            migrate(1, MigrateOptions { text_keys, ..MigrateOptions::default() })
        }
        "import" => {
            let done = target.import_from_file(&path("document"), ImportOptions::default());
            done.map(|done| done.experiment_id)
        }
        other => panic!("{other}"),
    };
    child::say(&match done {
        Ok(id) => json!({"id": id, "skipped": false}),
        Err(error) => json!({"error": error.to_json()}),
    });
}

/// About so many faults of each job: each is a process of its own.
const AT_MOST: usize = 6;

/// How many rows each table has.
fn counts(path: &Path) -> BTreeMap<String, usize> {
    dump(path).into_iter().map(|(table, rows)| (table, rows.len())).collect()
}

/// Does such a job into copies of a store, with a fault at some of the changes of files: it is as before, or has everything.
fn ways(role: &str, pristine: &Path, files: &Value, fault_at: impl Fn(usize) -> Fault) {
    let before = dump(pristine);
    let shim = Shim::new();
    let run = |at: usize, fault: Fault| {
        let place = Folder::new();
        let target = place.copy_of(pristine, "target.db");
        let mut input = files.clone();
        input["target"] = json!(target);
        let (outcome, noted) = shim.run(child::command(role, &input), target.parent().unwrap(), at, fault, outcome);
        (outcome, noted, target, place)
    };
    let (undisturbed, noted, done, _place) = run(0, KILL);
    assert!(matches!(undisturbed, Outcome::Done { .. }), "{role}: {undisturbed:?}");
    let (changes, wanted): (usize, _) = (noted.parse().unwrap(), counts(&done));
    assert_ne!(wanted, counts(pristine), "{role}");
    let (mut as_before, mut whole) = (0, 0);
    let all: Vec<usize> = points(changes).collect();
    for at in all.iter().step_by((all.len() / AT_MOST).max(1)) {
        let fault = fault_at(*at);
        let (outcome, noted, target, _place) = run(*at, fault);
        let what = format!("{role}: {fault:?} at {at} of {changes} ({noted}): {outcome:?}");
        let happened = counts(&target) == wanted;
        if happened {
            assert!(open(&target).validate(ValidateOptions::default()).unwrap().passed(), "{what}");
            whole += 1;
        } else {
            assert_eq!(dump(&target), before, "{what}");
            assert!(!matches!(outcome, Outcome::Done { .. }), "{what}");
            as_before += 1;
        }
        assert_eq!(text(&target, "PRAGMA integrity_check"), "ok", "{what}");
        assert_eq!(rows(&target, "PRAGMA foreign_key_check").len(), 0, "{what}");
    }
    println!("{role}, {changes} changes: {as_before} as before, {whole} whole");
    assert!(as_before > 0, "{role}");
}

/// A store that has experiment 1 of another, as its experiment 1.
fn with_the_first(folder: &Folder, source: &Path) -> PathBuf {
    let target = empty(folder);
    let done = open(source).migrate_experiment(1, Some(&open(&target)), MigrateOptions::default()).unwrap();
    assert_eq!(done.new_experiment_id, 1);
    target
}

fn every_way(fault_at: impl Fn(usize) -> Fault + Copy) {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let has_it = with_the_first(&folder, &source);
    let files = json!({"source": source});
    ways("new", &has_it, &files, fault_at);
    ways("append", &has_it, &files, fault_at);
    // A run without children, models, inputs or traces is not there yet.
    let run = "(SELECT run_uuid FROM runs WHERE name = 'long texts')";
    let lacking = folder.copy_of(&has_it, "lacking.db");
    let script: String = ["metrics", "latest_metrics", "params", "tags", "runs"]
        .iter()
        .map(|table| format!("DELETE FROM {table} WHERE run_uuid IN {run};"))
        .collect();
    execute(&lacking, &format!("PRAGMA foreign_keys = OFF; {script}"));
    ways("skip", &lacking, &files, fault_at);
    let document = folder.path("document.json");
    open(&source).export_to_file(1, &document, FileOptions::default(), ExportOptions::default()).unwrap();
    let elsewhere = Folder::new();
    ways("import", &empty(&elsewhere), &json!({"document": document}), fault_at);
}

#[test]
fn a_kill_while_appending_renaming_or_importing_leaves_all_or_nothing() {
    every_way(|_| KILL);
}

#[test]
#[ignore = "for `make large`: some thirty processes"]
fn an_error_while_appending_renaming_or_importing_leaves_all_or_nothing() {
    every_way(mixed);
}

/// Copies experiment 1 with a fault at each change of a file.
fn sweep(fault_at: impl Fn(usize) -> Fault) {
    let folder = Folder::new();
    let (source, pristine) = (store(&folder, "3.17.2"), empty(&folder));
    let (wanted, before) = (content(&source, 1), dump(&pristine));
    let bytes = std::fs::read(&source).unwrap();
    let shim = Shim::new();
    let run = |at: usize, fault: Fault| {
        let place = Folder::new();
        let target = place.copy_of(&pristine, "target.db");
        let job = Job {
            source: source.clone(),
            experiment: 1,
            target: Some(target.clone()),
            skip: false,
            busy_timeout: Duration::from_secs(30),
        };
        let (outcome, noted) = shim.run(job.command(), target.parent().unwrap(), at, fault, outcome);
        (outcome, noted, target, place)
    };
    let (undisturbed, noted, ..) = run(0, KILL);
    assert!(matches!(undisturbed, Outcome::Done { .. }), "{undisturbed:?}");
    let changes: usize = noted.parse().unwrap();
    assert!(changes > 3, "{changes} changes");
    let (mut as_before, mut whole) = (0, 0);
    // A fifth of them: each is a process of its own, and there are hundreds.
    for at in points(changes).step_by(5) {
        let fault = fault_at(at);
        let (outcome, noted, target, _place) = run(at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted}): {outcome:?}");
        let copies = integer(&target, "SELECT count(*) FROM runs");
        let happened = copies > 0;
        match &outcome {
            Outcome::Done { id, .. } => assert!(happened && *id > 0, "{what}"),
            Outcome::Killed => assert_eq!(fault, KILL, "{what}"),
            Outcome::Failed(error) => {
                let undecided = error["details"].to_string().contains(r#"{"key":"outcome","value":"undecided"}"#);
                assert!(undecided || !happened, "{what}: it happened, but the error says that nothing did");
            }
        }
        if happened {
            let id = integer(&target, "SELECT max(experiment_id) FROM experiments");
            assert_eq!(content(&target, id), wanted, "{what}");
            assert!(open(&target).validate(ValidateOptions::default()).unwrap().passed(), "{what}");
            whole += 1;
        } else {
            assert_eq!(dump(&target), before, "{what}");
            as_before += 1;
        }
        assert_eq!(text(&target, "PRAGMA integrity_check"), "ok", "{what}");
        assert_eq!(rows(&target, "PRAGMA foreign_key_check").len(), 0, "{what}");
    }
    println!("{changes} changes: {as_before} as before, {whole} whole");
    assert!(as_before > 0);
    assert_eq!(std::fs::read(&source).unwrap(), bytes, "the source stays as it is");
}

#[test]
fn a_kill_at_a_change_leaves_the_target_as_it_was_or_with_the_whole_copy() {
    sweep(|_| KILL);
}

#[test]
fn an_error_at_a_change_leaves_the_target_as_it_was_or_with_the_whole_copy() {
    sweep(mixed);
}

/// The same within one store, where the copy has new ids and stands beside its source.
#[test]
fn a_kill_within_a_store_leaves_it_as_it_was_or_with_the_whole_copy() {
    let folder = Folder::new();
    let pristine = store(&folder, "3.17.2");
    let before = dump(&pristine);
    let rows_of = |path: &std::path::Path, id: i64| {
        content(path, id).into_iter().map(|(table, rows)| (table, rows.len())).collect::<Vec<_>>()
    };
    let wanted = rows_of(&pristine, 1);
    let shim = Shim::new();
    let run = |at: usize| {
        let place = Folder::new();
        let path = place.copy_of(&pristine, "store.db");
        let job = Job {
            source: path.clone(),
            experiment: 1,
            target: None,
            skip: false,
            busy_timeout: Duration::from_secs(30),
        };
        let (outcome, noted) = shim.run(job.command(), path.parent().unwrap(), at, KILL, outcome);
        (outcome, noted, path, place)
    };
    let (undisturbed, noted, ..) = run(0);
    assert!(matches!(undisturbed, Outcome::Done { .. }), "{undisturbed:?}");
    let changes: usize = noted.parse().unwrap();
    let (mut as_before, mut whole) = (0, 0);
    for at in points(changes).step_by(12) {
        let (outcome, noted, path, _place) = run(at);
        let what = format!("kill at {at} of {changes} ({noted}): {outcome:?}");
        assert!(matches!(outcome, Outcome::Killed | Outcome::Done { .. }), "{what}");
        let copies = integer(&path, "SELECT count(*) FROM experiments WHERE name = 'vision (2)'");
        if copies == 1 {
            let id = integer(&path, "SELECT max(experiment_id) FROM experiments");
            assert_eq!((rows_of(&path, id), rows_of(&path, 1)), (wanted.clone(), wanted.clone()), "{what}");
            assert!(open(&path).validate(ValidateOptions::default()).unwrap().passed(), "{what}");
            whole += 1;
        } else {
            assert_eq!(dump(&path), before, "{what}");
            as_before += 1;
        }
        assert_eq!(text(&path, "PRAGMA integrity_check"), "ok", "{what}");
    }
    println!("{changes} changes: {as_before} as before, {whole} whole");
    assert!(as_before > 0);
}
