//! Copies of an experiment that are killed, or that the device fails: the target has the whole copy, or is as it was.

use std::time::Duration;

use crate::migrate::{content, empty};
use crate::store::store;
use crate::support::child::{self, Job, Outcome, outcome};
use crate::support::fault::{Fault, KILL, Shim, mixed, points};
use crate::support::{Folder, dump, integer, open, rows, text};
use expmig::ValidateOptions;

#[test]
fn child_process() {
    if let Some((_, input)) = child::role() {
        child::migrate(input);
    }
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
