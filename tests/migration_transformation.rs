//! Transforming the copies of metrics while an experiment is migrated.

mod support;

use expmig::transformation::MetricSelection;
use expmig::{Domain, MigrateOptions, Status, Strategy, TransformOptions};
use support::*;

const SCALE: &str = r#"{"metric_transformations": [
    {"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"a": "class_a"}}},
    {"metric_type": "loss", "transformation": "scale", "params": {"factor": 100, "target": "total"}}]}"#;

fn rules(text: &str, strategy: Strategy) -> MigrateOptions {
    MigrateOptions { transformation_rules: Some(text.to_owned()), ..with(strategy) }
}

#[test]
fn only_the_copies_are_transformed_and_as_a_transformation_afterwards_would() {
    for strategy in STRATEGIES {
        let folder = Folder::new();
        let (source, target, plain) = (folder.small("a.db", ""), folder.empty("b.db", ""), folder.empty("c.db", ""));
        let before = dump(&source);
        let result = migrate_files(&source, 1, &target, rules(SCALE, strategy)).expect("a copy");
        assert!(dump(&source) == before, "the source is as it was");
        let done = result.transformation.as_ref().expect("a transformation");
        assert_eq!((done.updated, done.failed.count, done.transform_id), (5, 0, None), "{strategy:?}");
        assert_eq!(result.to_json()["transformation"]["metrics_updated"], 5);
        // The same in two steps.
        let copy = migrate_files(&source, 1, &plain, with(strategy)).expect("a copy").new_experiment_id;
        let selection = MetricSelection { experiments: Some(vec![copy]), metrics: None };
        open(&plain).transform_metrics(&selection, SCALE, TransformOptions::default()).expect("transformed");
        assert_eq!(digest(&target, result.new_experiment_id), digest(&plain, copy));
        assert_ne!(digest(&target, result.new_experiment_id), digest(&source, 1));
        if strategy == Strategy::Aggressive {
            continue;
        }
        let found = expmig::digest::hex(&result.target_digest.expect("a digest"));
        assert_eq!(found, digest(&target, result.new_experiment_id));
        assert_eq!(expmig::digest::hex(&result.expected_digest.expect("a digest")), digest(&source, 1));
    }
}

#[test]
fn within_one_database_and_appended_to_an_experiment_nothing_else_is_touched() {
    let folder = Folder::new();
    let path = folder.small("work.db", "");
    let others = "SELECT * FROM METRIC WHERE id < 39 ORDER BY id";
    let before = rows(&path, others);
    let options = MigrateOptions { target_experiment: Some(2), ..rules(SCALE, Strategy::Balanced) };
    let result = open(&path).migrate_experiment(1, None, options).expect("appended");
    assert_eq!(result.transformation.expect("a transformation").updated, 5);
    assert_eq!(rows(&path, others), before);
    assert_eq!(integer(&path, "SELECT count(*) FROM METRIC WHERE per_label_val LIKE '%class_a%'"), 2);
}

#[test]
fn rules_that_are_wrong_stop_before_anything_is_written() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for text in
        ["{", "{\"metric_transformation\": []}", r#"[{"metric_type": "loss", "transformation": "no such thing"}]"#]
    {
        let refused =
            leaves_alone(&source, || open(&source).migrate_experiment(1, None, rules(text, Strategy::Balanced)));
        let error = failed(refused, Status::InvalidArgument);
        assert_eq!(error.domain(), Domain::Transformation, "{text}: {}", error.to_json());
    }
}

#[test]
fn a_metric_that_cannot_be_transformed_undoes_the_whole_migration() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    // Both keys become one.
    let collides = r#"[{"metric_type": "accuracy", "transformation": "normalize_json_keys", "rules": {"key_mapping": {"a": "b"}}}]"#;
    let before = dump(&target);
    let error = migrate_files(&source, 1, &target, rules(collides, Strategy::Balanced)).expect_err("a collision");
    assert_eq!(error.domain(), Domain::Transformation, "{}", error.to_json());
    assert!(dump(&target) == before);
}
