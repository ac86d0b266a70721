//! Transforming and undoing with a kill, a failing device or a full disk at any moment: the database is as before or as after, and
//! the same call works next time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::child::{self, Outcome, outcome_of};
use crate::support::database::{Dump, Journal, assert_same, dump, journal_files, medium, open, small};
use crate::support::fault::*;
use expmig::{Database, Error, Manager, MetricSelection, OpenOptions, TransformOptions, UndoOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// All metrics of experiment 1 change, and some have to be copied first.
const RULES: &str = r#"{"metric_transformations": [
    {"metric_type": "train_loss", "transformation": "scale", "rules": {"factor": 2}},
    {"metric_type": "val_loss", "transformation": "legacy_to_per_label", "rules": {"default_classes": ["a", "b"]}},
    {"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"class_0": "cls_0"}}}]}"#;

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((role, input)) = child::role() else { return };
    let path = PathBuf::from(input["path"].as_str().unwrap());
    match act(&role, &path) {
        Ok(()) => child::say(&json!({"id": 0})),
        Err(error) => child::say(&json!({"error": error.to_json()})),
    }
}

fn manager(path: &Path) -> Result<Manager, Error> {
    let options = OpenOptions { busy_timeout: Duration::from_secs(30), ..OpenOptions::default() };
    Database::open(path.to_str().unwrap(), options).map(Manager::from)
}

/// What a child does to a database, and what is done again after a disturbance.
fn act(role: &str, path: &Path) -> Result<(), Error> {
    match role {
        "transform" => {
            let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
            manager(path)?.transform_metrics(&selection, RULES, TransformOptions::default()).map(|_| ())
        }
        "undo" => manager(path)?.undo_transform(1, UndoOptions::default()).map(|_| ()),
        other => panic!("{other}"),
    }
}

/// Gives experiment 2 some of the metrics of experiment 1.
fn share(path: &Path, journal: Journal, build: fn(&Path, Journal)) {
    build(path, journal);
    let connection = open(path);
    connection
        .execute_batch(
            "INSERT OR IGNORE INTO EPOCH_METRIC
               SELECT 0, (SELECT max(trial_run_id) FROM EPOCH WHERE idx = 0), metric_id FROM EPOCH_METRIC WHERE metric_id % 3 = 0",
        )
        .unwrap();
    connection.close().unwrap();
}

/// As `small`, with 32 metrics of a megabyte: more than the page cache holds, so that pages are written before the commit.
fn bulky(path: &Path, journal: Journal) {
    small(path, journal);
    let connection = open(path);
    connection
        .execute_batch(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 32)
             INSERT INTO METRIC (id, type, total_val, per_label_val)
               SELECT 900000 + i, 'accuracy', 0.5, printf('{\"class_0\": 1, \"%.*c\": 2}', 1000000, char(64 + i)) FROM n;
             INSERT INTO EPOCH_METRIC SELECT 0, (SELECT min(trial_run_id) FROM EPOCH), id FROM METRIC WHERE id > 900000;
             COMMIT",
        )
        .unwrap();
    connection.close().unwrap();
}

/// Everything but the time of the transformation.
fn state(path: &Path) -> Dump {
    let mut state = dump(path);
    if state.contains_key("EXPMIG_UNDO_TRANSFORM") {
        open(path).execute_batch("UPDATE EXPMIG_UNDO_TRANSFORM SET created_at = ''").unwrap();
        state = dump(path);
    }
    state
}

/// A database with a known beginning and a known end.
struct Scenario {
    role: &'static str,
    masters: TempDir,
    before: Dump,
    after: Dump,
}

impl Scenario {
    fn new(role: &'static str, journal: Journal, build: fn(&Path, Journal)) -> Scenario {
        let masters = tempfile::tempdir().unwrap();
        let master = masters.path().join("work.db");
        share(&master, journal, build);
        if role == "undo" {
            act("transform", &master).unwrap();
        }
        let mut scenario = Scenario { role, masters, before: Dump::new(), after: Dump::new() };
        let place = scenario.place();
        scenario.before = state(&scenario.path(&place));
        act(role, &scenario.path(&place)).unwrap();
        scenario.after = state(&scenario.path(&place));
        assert_ne!(scenario.before.get("METRIC"), scenario.after.get("METRIC"));
        // Some metrics were copied.
        let metrics = |dump: &Dump| dump["METRIC"].len();
        assert_ne!(metrics(&scenario.before), metrics(&scenario.after));
        scenario
    }

    fn path(&self, place: &TempDir) -> PathBuf {
        place.path().join("work.db")
    }

    /// A copy of the database as it was before.
    fn place(&self) -> TempDir {
        let place = tempfile::tempdir().unwrap();
        std::fs::copy(self.masters.path().join("work.db"), self.path(&place)).unwrap();
        place
    }

    fn command(&self, place: &TempDir) -> Command {
        child::command(self.role, &json!({"path": self.path(place)}))
    }

    /// As before or as after, and the same call leads to the end; whether it was there already.
    fn recover(&self, place: &TempDir, what: &str) -> bool {
        let path = self.path(place);
        let found = state(&path);
        let done = found == self.after;
        if !done {
            assert_same(&found, &self.before, what);
            act(self.role, &path).unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
            assert_same(&state(&path), &self.after, &format!("{what}: the next call"));
        }
        assert_eq!(journal_files(&path), Vec::<PathBuf>::new(), "{what}: left behind");
        done
    }
}

fn says_why(error: &Value, fault: Fault, noted: &str, done: bool, what: &str) {
    assert_eq!(error["status"], "IO", "{what}: {error}");
    let undecided = error.to_string().contains("\"undecided\"") && noted.contains("fsync");
    assert!(!done || undecided, "{what}: {error}");
    let text = format!("{} {}", error["message"], error["hint"]);
    assert!(fault.errno != Some(ENOSPC) || text.contains("space"), "{what}: {error}");
}

/// Lets the call fail, or kills it, at each of its changes to a file.
fn sweep(scenario: &Scenario, thin: bool, fault_at: impl Fn(usize) -> Fault) {
    let shim = Shim::new();
    let run = |place: &TempDir, at, fault| shim.run(scenario.command(place), place.path(), at, fault, outcome_of);
    let place = scenario.place();
    let (outcome, noted) = run(&place, 0, KILL);
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert!(scenario.recover(&place, "undisturbed"));
    let changes: usize = noted.parse().unwrap();
    assert!(!thin || changes > 2000, "{changes} changes: the page cache held everything");
    let at: Vec<usize> =
        if thin { (1..=6).map(|part| changes * part / 7).collect() } else { points(changes).collect() };
    let (mut before, mut after) = (0, 0);
    for at in at {
        let fault = fault_at(at);
        let place = scenario.place();
        let (outcome, noted) = run(&place, at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted}), {outcome:?}");
        let done = scenario.recover(&place, &what);
        match outcome {
            Outcome::Done { .. } => assert!(done, "{what}"),
            Outcome::Failed(error) => says_why(&error, fault, &noted, done, &what),
            Outcome::Killed => assert_eq!(fault, KILL, "{what}"),
        }
        *(if done { &mut after } else { &mut before }) += 1;
    }
    println!("{changes} changes: {before} before, {after} after");
    assert!(before > 0);
}

macro_rules! sweeps {
    ($($name:ident: $role:literal, $journal:ident, $build:ident, $thin:literal, $fault_at:expr;)+) => {$(
        #[test]
        fn $name() {
            sweep(&Scenario::new($role, Journal::$journal, $build), $thin, $fault_at);
        }
    )+};
}

sweeps! {
    a_kill_at_any_change_of_a_transformation_loses_nothing: "transform", Rollback, small, false, |_| KILL;
    a_kill_at_any_change_of_a_transformation_in_wal_mode_loses_nothing: "transform", Wal, small, false, |_| KILL;
    an_error_at_any_change_of_a_transformation_loses_nothing: "transform", Rollback, small, false, mixed;
    an_error_at_any_change_of_a_transformation_in_wal_mode_loses_nothing: "transform", Wal, small, false, mixed;
    a_kill_at_any_change_of_an_undo_loses_nothing: "undo", Rollback, small, false, |_| KILL;
    an_error_at_any_change_of_an_undo_loses_nothing: "undo", Rollback, small, false, mixed;
    an_error_at_any_change_of_an_undo_in_wal_mode_loses_nothing: "undo", Wal, small, false, mixed;
    pages_that_a_transformation_wrote_before_its_commit_are_undone: "transform", Rollback, bulky, true,
        |at| if at % 2 == 0 { KILL } else { mixed(at / 2) };
    pages_that_an_undo_wrote_before_its_commit_are_undone: "undo", Rollback, bulky, true,
        |at| if at % 2 == 0 { KILL } else { mixed(at / 2) };
}

/// Kills the call at so many moments between its start and somewhat after its end.
fn kill_at_random_moments(scenario: &Scenario, moments: u32) {
    let mut duration = Duration::ZERO;
    for _ in 0..3 {
        let place = scenario.place();
        let since = Instant::now();
        let outcome = outcome_of(scenario.command(&place).spawn().unwrap());
        duration = duration.max(since.elapsed());
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
    let (mut before, mut after) = (0, 0);
    for moment in 0..moments {
        let delay = moment_of(duration, moment);
        let place = scenario.place();
        let mut child = scenario.command(&place).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let outcome = outcome_of(child);
        let what = format!("killed after {delay:?} of {duration:?}, {outcome:?}");
        assert!(!matches!(outcome, Outcome::Failed(_)), "{what}");
        let done = scenario.recover(&place, &what);
        assert!(done || !matches!(outcome, Outcome::Done { .. }), "{what}");
        *(if done { &mut after } else { &mut before }) += 1;
    }
    println!("of {moments} moments {before} were before the commit, {after} after it");
}

#[test]
fn a_kill_at_50_moments_of_a_transformation_loses_nothing() {
    kill_at_random_moments(&Scenario::new("transform", Journal::Rollback, medium), 50);
}

#[test]
fn a_kill_at_50_moments_of_a_transformation_in_wal_mode_loses_nothing() {
    kill_at_random_moments(&Scenario::new("transform", Journal::Wal, medium), 50);
}

#[test]
fn a_kill_at_50_moments_of_an_undo_loses_nothing() {
    kill_at_random_moments(&Scenario::new("undo", Journal::Rollback, medium), 50);
}

#[test]
fn a_disk_that_is_full_changes_nothing() {
    for role in ["transform", "undo"] {
        let scenario = Scenario::new(role, Journal::Rollback, small);
        let size = std::fs::metadata(scenario.masters.path().join("work.db")).unwrap().len();
        let mut failed = 0;
        for blocks in (0..(size as usize / 512 * 2)).step_by(16) {
            let place = scenario.place();
            let outcome = outcome_of(with_file_size_limit(&scenario.command(&place), blocks).spawn().unwrap());
            let what = format!("{role} with {blocks} blocks, {outcome:?}");
            let done = scenario.recover(&place, &what);
            match outcome {
                Outcome::Failed(error) => {
                    assert!(!done, "{what}");
                    assert_eq!(error["status"], "IO", "{what}");
                    failed += 1;
                }
                _ => assert!(done, "{what}"),
            }
        }
        assert!(failed > 0);
    }
}
