//! Migrating with transformation rules: the copy's metrics are transformed, the source's are not, and the proof is of the former.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;
use expmig::transformation::Outcome;
use expmig::{
    MetricSelection, MigrateOptions, MigrationResult, OnDuplicate, Status, Strategy, TransformOptions, Value,
};

const RULES: &str = r#"{"metric_transformations": [
    {"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"a": "cat", "b": "dog"}}},
    {"metric_type": "loss", "transformation": "scale", "rules": {"factor": 0.5, "target": "total"}}],
    "global_settings": {"backup_original": false}}"#;

fn with_rules(strategy: Strategy, rules: &str) -> MigrateOptions {
    MigrateOptions { transformation_rules: Some(rules.to_owned()), ..with(strategy) }
}

/// What the rules make of the whole experiment, in a copy of the database.
fn transformed(folder: &Folder, path: &Path) -> String {
    let other = folder.copy_of(path, "transformed.db");
    let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
    open(&other).transform_metrics(&selection, RULES, TransformOptions::default()).expect("done");
    digest(&other, 1)
}

fn check(folder: &Folder, path: &Path, target: &Path, result: &MigrationResult) {
    let expected = transformed(folder, path);
    assert_eq!(digest(target, result.new_experiment_id), expected);
    assert_eq!(python_digests(target)[&result.new_experiment_id], expected);
    if result.strategy != Strategy::Aggressive {
        assert_eq!(result.source_digest.map(|hash| expmig::digest::hex(&hash)), Some(digest(path, 1)));
        assert_eq!(result.target_digest.map(|hash| expmig::digest::hex(&hash)), Some(expected));
        assert_eq!(result.target_digest, result.expected_digest);
    }
    let done = result.transformation.as_ref().expect("what the rules did");
    assert_eq!((done.examined, done.matched, done.updated, done.failed.count), (7, 5, 5, 0));
    assert_eq!(at(&result.to_json(), "/transformation/metrics_updated"), 5);
}

#[test]
fn the_copy_is_transformed_and_the_source_is_not() {
    for strategy in STRATEGIES {
        let folder = Folder::new();
        // A metric that is linked twice is one metric, and shared with nobody.
        let path = folder.small(
            "a.db",
            "INSERT INTO BATCH_METRIC VALUES (0, 1, 21, 32); INSERT INTO EPOCH_METRIC VALUES (1, 21, 32);",
        );
        let pristine = folder.copy_of(&path, "pristine.db");
        let source = digest(&path, 1);
        let other = folder.empty("b.db", "");
        let result = migrate_files(&path, 1, &other, with_rules(strategy, RULES)).expect("a copy");
        check(&folder, &pristine, &other, &result);
        let result = migrate_files(&path, 1, &path, with_rules(strategy, RULES)).expect("a copy");
        check(&folder, &pristine, &path, &result);
        assert_eq!(digest(&path, 1), source);
        assert_eq!(integer(&path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'EXPMIG%'"), 0);
    }
}

#[test]
fn columns_of_other_types_get_what_the_rules_make_of_a_value() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let other = folder.empty(
        "b.db",
        "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT, total_val TEXT, per_label_val JSON);",
    );
    // No total can be kept as a number there.
    let error = failed(migrate_files(&path, 1, &other, with_rules(Strategy::Balanced, RULES)), Status::Lossy);
    assert_detail(&error, "value", "0.75");
    assert_detail(&error, "stored_as", "\"0.75\"");
    let options = MigrateOptions { allow_lossy: true, ..with_rules(Strategy::Balanced, RULES) };
    let result = migrate_files(&path, 1, &other, options).expect("a copy");
    assert_eq!(result.target_digest, result.expected_digest);
    assert_eq!(text(&other, "SELECT total_val FROM METRIC WHERE type = 'loss' ORDER BY id LIMIT 1"), "0.75");
}

#[test]
fn running_again_finds_the_transformed_copy() {
    let folder = Folder::new();
    let (path, other) = (folder.small("a.db", ""), folder.empty("b.db", ""));
    let skip = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..with_rules(Strategy::Balanced, RULES) };
    let first = migrate_files(&path, 1, &other, skip()).expect("a copy");
    let second = migrate_files(&path, 1, &other, skip()).expect("nothing to do");
    assert_eq!((second.skipped, second.new_experiment_id), (true, first.new_experiment_id));
    // Without the rules it is another experiment.
    let plain = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..with(Strategy::Balanced) };
    assert!(!migrate_files(&path, 1, &other, plain).expect("a copy").skipped);
}

#[test]
fn trials_that_are_appended_are_transformed_and_the_others_are_not() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let options = MigrateOptions { target_experiment: Some(2), ..with_rules(Strategy::Balanced, RULES) };
    let result = migrate_files(&path, 1, &path, options).expect("appended");
    assert_eq!(result.target_digest, result.expected_digest);
    assert_eq!(
        rows(&path, "SELECT total_val FROM METRIC WHERE type = 'loss' ORDER BY id"),
        [1.5f64, 0.75, 2.5, 9.0, 0.75, 0.375, 1.25].map(|total| vec![format!("real {:016x}", total.to_bits())])
    );
}

/// `a` becomes `b` where there is a `b`.
const COLLIDES: &str =
    r#"{"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"a": "b"}}}"#;

#[test]
fn a_metric_that_cannot_be_transformed_stops_it_before_the_first_write_or_is_copied_as_it_is() {
    for strategy in STRATEGIES {
        let folder = Folder::new();
        let (path, other) = (folder.small("a.db", ""), folder.empty("b.db", ""));
        let before = dump(&other);
        let strict = format!(r#"{{"metric_transformations": [{COLLIDES}]}}"#);
        let error = failed(migrate_files(&path, 1, &other, with_rules(strategy, &strict)), Status::Validation);
        assert_eq!(error.domain(), expmig::Domain::Transformation);
        assert_eq!((details(&error, "row"), details(&error, "count")), (vec!["id=31"], vec!["1"]));
        assert_eq!(dump(&other), before);
        let loose =
            format!(r#"{{"metric_transformations": [{COLLIDES}], "global_settings": {{"rollback_on_error": false}}}}"#);
        let result = migrate_files(&path, 1, &other, with_rules(strategy, &loose)).expect("a copy");
        let done = result.transformation.as_ref().expect("what the rules did");
        assert_eq!((done.updated, done.failed.count), (1, 1));
        assert!(result.warnings.iter().any(|warning| warning.contains("as they are")), "{:?}", result.warnings);
        assert_eq!(
            rows(&other, "SELECT per_label_val FROM METRIC WHERE type = 'accuracy' ORDER BY id"),
            [[r#"text "{\\\"a\\\": 0.25, \\\"b\\\": 0.75}""#], [r#"text "{\\\"b\\\": 0.125}""#]]
        );
    }
}

#[test]
fn a_plan_says_what_the_rules_would_do() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let plan = leaves_alone(&path, || {
        let options = with_rules(Strategy::Balanced, RULES);
        open(&path).plan_migration(1, None, options).expect("a plan")
    });
    assert_eq!(at(&plan, "/transformation/metrics_updated"), 5);
    assert_eq!(at(&plan, "/transformation/samples/0/metric_id"), 31);
    assert_eq!(at(&plan, "/digest/as_stored"), transformed(&folder, &path).as_str());
    // What would fail is a finding.
    let strict = format!(r#"{{"metric_transformations": [{COLLIDES}]}}"#);
    let plan = open(&path).plan_migration(1, None, with_rules(Strategy::Balanced, &strict)).expect("a plan");
    assert_eq!(at(&plan, "/transformation/failed/metrics/0/metric_id"), 31);
    let plan = open(&path).plan_migration(1, None, MigrateOptions::default()).expect("a plan");
    assert!(plan["transformation"].is_null());
}

#[test]
fn wrong_rules_are_refused_before_anything_is_opened() {
    let folder = Folder::new();
    let (path, other) = (folder.small("a.db", ""), folder.empty("b.db", ""));
    for wrong in ["", r#"{"rules": []}"#, r#"[{"metric_type": "loss", "transformation": "skale"}]"#] {
        let act =
            || failed(migrate_files(&path, 1, &other, with_rules(Strategy::Balanced, wrong)), Status::InvalidArgument);
        let error = leaves_alone(&other, || leaves_alone(&path, act));
        assert_eq!(error.domain(), expmig::Domain::Transformation);
    }
}

#[test]
fn registered_transformations_work_and_one_that_changes_its_mind_is_noticed() {
    let folder = Folder::new();
    let (path, other) = (folder.small("a.db", ""), folder.empty("b.db", ""));
    let manager = open(&path);
    let fickle = Arc::new(AtomicBool::new(false));
    let (changes, count) = (Arc::clone(&fickle), std::sync::atomic::AtomicU64::new(0));
    let transform = move |metric: &expmig::transformation::Metric, _: &str| {
        let more = if changes.load(Ordering::Relaxed) { count.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let Value::Real(total) = metric.total_val else { return Ok(Outcome::Unchanged) };
        Ok(Outcome::Changed { total_val: Some(Value::Real(total + 1.0 + more as f64)), per_label_val: None })
    };
    manager.register_transformation("own", Box::new(transform)).expect("a new name");
    let rules = r#"[{"metric_type": "loss", "transformation": "own"}]"#;
    let target = open(&other);
    let migrate = || manager.migrate_experiment(1, Some(&target), with_rules(Strategy::Balanced, rules));
    let result = migrate().expect("a copy");
    assert_eq!(result.target_digest, result.expected_digest);
    assert_eq!(integer(&other, "SELECT CAST(sum(total_val) * 100 AS INT) FROM METRIC WHERE type = 'loss'"), 775);
    fickle.store(true, Ordering::Relaxed);
    let before = dump(&other);
    failed(migrate(), Status::Mismatch);
    assert_eq!(dump(&other), before);
}
