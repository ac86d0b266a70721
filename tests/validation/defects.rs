//! Every kind of defect, at random places and several at once: each is found once, under the right kind, row and column, and
//! nothing else is.

use crate::ledger;
use std::collections::BTreeSet;
use std::path::Path;

use crate::ledger::defects::{DEFECTS, Ledger};
use crate::ledger::fixture::{Fixture, Shape};
use crate::ledger::tables::TABLES;
use crate::ledger::{
    Found, assert_equal, chaos, experiments, found, oracle, seed_or, seeds, validate_file, validate_with,
};
use crate::support::*;
use expmig::validation::Scope;
use expmig::{IssueKind, Section, Severity, ValidateOptions};

/// A damaged database, closed: what it is, its file, its ledger.
fn damaged(folder: &Folder, seed: u64, how: impl FnOnce(&mut Ledger)) -> (String, std::path::PathBuf, Vec<Found>) {
    let mut ledger = Ledger::new(Fixture::new(folder, seed));
    how(&mut ledger);
    let what = format!("seed {seed}, {:?}, damaged by {:?}", ledger.fixture.shape, ledger.made);
    let path = ledger.fixture.finish();
    (what, path, ledger.expected)
}

fn all_of(path: &Path) -> Vec<Found> {
    oracle::issues(path).into_iter().map(|issue| issue.found).collect()
}

fn of_experiment(path: &Path, experiment: i64) -> Vec<Found> {
    oracle::of_experiment(&oracle::issues(path), experiment)
}

// ---- The tests' own parts agree

#[test]
fn the_ledger_and_the_brute_force_oracle_agree() {
    let folder = Folder::new();
    for seed in seeds(60) {
        let path = Fixture::new(&folder, seed).finish();
        assert_equal(all_of(&path), Vec::new(), &format!("clean, seed {seed}"));
        std::fs::remove_file(path).expect("a file");
        let (what, path, expected) = damaged(&folder, seed, |ledger| ledger.damage(seed as usize % 40));
        assert_equal(all_of(&path), expected, &what);
        std::fs::remove_file(path).expect("a file");
    }
}

// ---- The engine

/// Makes a defect in the first of some random databases that has a place for it.
fn one_defect(
    folder: &Folder,
    seed: u64,
    what: &str,
    shape: impl Fn(Shape) -> Shape,
    make: impl Fn(&mut Ledger) -> bool,
) {
    for seed in (0..50).map(|more| seed + 10_000 * more) {
        let shape = shape(Shape::random(&mut ledger::Random::new(seed)));
        let mut ledger = Ledger::new(Fixture::with(folder, seed, shape));
        let made = make(&mut ledger);
        let path = ledger.fixture.finish();
        let report = made.then(|| validate_file(&path, None));
        std::fs::remove_file(path).expect("a file");
        if let Some(report) = report {
            assert_equal(found(&report), ledger.expected, &format!("{what}, seed {seed}, {shape:?}"));
            return;
        }
    }
    panic!("no database has a place for {what}");
}

#[test]
fn a_clean_database_has_no_issue_of_any_kind() {
    let folder = Folder::new();
    for seed in seeds(60) {
        let fixture = Fixture::new(&folder, seed);
        let what = format!("seed {seed}, {:?}", fixture.shape);
        let path = fixture.finish();
        let report = validate_file(&path, None);
        assert_equal(found(&report), Vec::new(), &what);
        assert!(report.passed() && report.total() == 0, "{what}");
        for experiment in experiments(&path) {
            assert_equal(found(&validate_file(&path, Some(experiment))), Vec::new(), &what);
        }
        std::fs::remove_file(path).expect("a file");
    }
}

#[test]
fn each_defect_by_itself_is_found_once_and_nothing_else_is() {
    let folder = Folder::new();
    let mut made = BTreeSet::new();
    for seed in seeds(120) {
        let (name, defect) = DEFECTS[seed as usize % DEFECTS.len()];
        let (what, path, expected) = damaged(&folder, seed, |ledger| {
            if ledger.make(name, defect) {
                made.insert(name);
            }
        });
        assert_equal(found(&validate_file(&path, None)), expected, &what);
        std::fs::remove_file(path).expect("a file");
    }
    let never: Vec<_> = DEFECTS.iter().filter(|(name, _)| !made.contains(name)).collect();
    assert!(never.is_empty(), "never made: {never:?}");
}

#[test]
fn many_defects_at_once_are_each_found_once_and_nothing_else_is() {
    let folder = Folder::new();
    let mut kinds = BTreeSet::new();
    for seed in seeds(80) {
        let (what, path, expected) = damaged(&folder, seed, |ledger| {
            if seed % 2 == 0 { ledger.damage_every_way() } else { ledger.damage(3 + seed as usize % 40) }
        });
        kinds.extend(expected.iter().map(|issue| issue.kind.clone()));
        assert_equal(found(&validate_file(&path, None)), expected, &what);
        std::fs::remove_file(path).expect("a file");
    }
    let never: Vec<&str> = IssueKind::ALL
        .iter()
        .filter(|kind| kind.section() != Section::RegisteredChecks)
        .filter(|kind| !IssueKind::OF_MLFLOW.contains(kind))
        // It takes tables without types, which tests/database/odd_schemas.rs has.
        .filter(|kind| **kind != IssueKind::KeyNotInteger)
        .map(|kind| kind.name())
        .filter(|name| !kinds.contains(*name))
        .collect();
    assert!(never.is_empty(), "kinds that no defect led to: {never:?}");
}

#[test]
fn every_reference_of_every_table_dangles_once() {
    let folder = Folder::new();
    for (seed, table) in (seed_or(1000)..).zip(&TABLES) {
        for reference in 0..table.references.len() {
            let what = format!("{} {:?}", table.name, table.references[reference]);
            let shape = |shape| Shape { generation: 2, ..shape };
            one_defect(&folder, seed, &what, shape, |ledger| ledger.dangling_in(table, reference));
        }
    }
}

#[test]
fn null_in_every_part_of_every_key_is_found_once() {
    let folder = Folder::new();
    for (seed, table) in (seed_or(2000)..).zip(&TABLES) {
        for parts in 1..1usize << table.links.len() {
            let null: Vec<&str> =
                table.links.iter().enumerate().filter(|(at, _)| parts >> at & 1 == 1).map(|(_, name)| *name).collect();
            let what = format!("{} {null:?}", table.name);
            let shape = |shape| Shape { generation: 2, loose: true, without_rowid: false, ..shape };
            one_defect(&folder, seed, &what, shape, |ledger| ledger.null_key_in(table, &null));
        }
    }
}

#[test]
fn whatever_is_changed_the_engine_agrees_with_the_oracle() {
    let folder = Folder::new();
    let mut all = 0;
    for seed in seeds(60) {
        let mut fixture = Fixture::new(&folder, seed);
        chaos::damage(&mut fixture, 1 + seed as usize % 60);
        let what = format!("seed {seed}, {:?}", fixture.shape);
        let path = fixture.finish();
        let issues = oracle::issues(&path);
        all += issues.len();
        let expected = issues.iter().map(|issue| issue.found.clone()).collect();
        assert_equal(found(&validate_file(&path, None)), expected, &what);
        for experiment in experiments(&path) {
            let expected = oracle::of_experiment(&issues, experiment);
            let what = format!("experiment {experiment}, {what}");
            assert_equal(found(&validate_file(&path, Some(experiment))), expected, &what);
        }
        std::fs::remove_file(path).expect("a file");
    }
    assert!(all > 1000, "{all}");
}

#[test]
fn one_experiment_has_the_issues_of_its_rows_and_no_others() {
    let folder = Folder::new();
    let mut of_experiments = 0;
    for seed in seeds(60) {
        let (what, path, _) = damaged(&folder, seed, |ledger| ledger.damage(5 + seed as usize % 40));
        let (whole, members) = (found(&validate_file(&path, None)), oracle::membership(&path));
        for experiment in experiments(&path) {
            let its =
                whole.iter().filter(|issue| members[&(issue.table.clone(), issue.row.clone())].contains(&experiment));
            let its: Vec<Found> = its.cloned().collect();
            of_experiments += its.len();
            let what = format!("experiment {experiment} of {what}");
            assert_equal(found(&validate_file(&path, Some(experiment))), its, &what);
        }
        std::fs::remove_file(path).expect("a file");
    }
    assert!(of_experiments > 100, "{of_experiments}");
}

#[test]
fn a_scope_has_the_issues_of_its_sections_and_no_others() {
    let folder = Folder::new();
    for seed in seeds(20) {
        let (what, path, expected) = damaged(&folder, seed, Ledger::damage_every_way);
        for scope in 0..8 {
            let scope = Scope {
                foreign_keys: scope & 1 != 0,
                metric_json: scope & 2 != 0,
                hierarchy: scope & 4 != 0,
                registered_checks: scope & 1 != 0,
            };
            let report = |experiment| {
                let options = ValidateOptions { scope, experiment, ..ValidateOptions::default() };
                validate_with(&path, options).unwrap_or_else(|error| panic!("{scope:?} of {what}: {}", error.to_json()))
            };
            let wanted = |issue: &&Found| {
                let kind = IssueKind::ALL.iter().find(|kind| kind.name() == issue.kind).expect("a kind");
                scope.has(kind.section())
            };
            let expected = expected.iter().filter(wanted).cloned().collect();
            assert_equal(found(&report(None)), expected, &format!("{scope:?} of {what}"));
            let experiment = experiments(&path)[0];
            let expected = of_experiment(&path, experiment);
            let expected = expected.iter().filter(wanted).cloned().collect();
            assert_equal(found(&report(Some(experiment))), expected, &format!("{scope:?} of {experiment} of {what}"));
        }
        std::fs::remove_file(path).expect("a file");
    }
}

// ---- Real data

#[test]
fn the_real_data_have_no_issue_at_all() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let report = leaves_alone(&path, || validate_file(&path, None));
    assert!(report.passed());
    assert_eq!(report.count(Severity::Error), 0);
    assert_equal(found(&report), Vec::new(), "digits.db");
    for experiment in [1, 2, 3] {
        assert_equal(found(&validate_file(&path, Some(experiment))), Vec::new(), "an experiment of digits.db");
    }
}

#[test]
fn what_the_original_application_wrote_passes_with_its_known_warnings() {
    let Some(original) = original_database() else { return };
    let folder = Folder::new();
    let path = folder.copy_of(&original, "original.db");
    let report = leaves_alone(&path, || validate_file(&path, None));
    assert!(report.passed(), "{}", report.to_json());
    // The application records the artifacts of parameters that it never links.
    let connection = sql(&path);
    let unlinked = "SELECT id FROM ARTIFACT WHERE id NOT IN (
        SELECT artifact_id FROM EXPERIMENT_ARTIFACT UNION SELECT artifact_id FROM TRIAL_ARTIFACT UNION SELECT artifact_id FROM TRIAL_RUN_ARTIFACT
        UNION SELECT artifact_id FROM RESULTS_ARTIFACT UNION SELECT artifact_id FROM EPOCH_ARTIFACT)";
    let mut statement = connection.prepare(unlinked).expect("a query");
    let rows = statement.query_map([], |row| row.get::<_, i64>(0)).expect("the query");
    let expected =
        rows.map(|id| Found::new("unlinked_artifact", "ARTIFACT", format!("id={}", id.expect("an id")), None));
    assert_equal(found(&report), expected.collect(), "the original application's database");
}
