//! The digest of a store's experiments: the same before and after MLflow's own upgrade, and of nothing else.

use std::collections::HashSet;
use std::path::Path;

use crate::store::store;
use crate::support::{Folder, digest, execute, leaves_alone, open, sql};
use expmig::{JobOptions, Status};

fn digests(path: &Path) -> Vec<String> {
    (0..4).map(|experiment| digest(path, experiment)).collect()
}

/// As the calls answered when the definition was written (docs/digest.md).
const GOLDEN: [(&str, &str); 3] = [
    ("1.30.1", "4821f4694831358039c234c212f137a18589b2b35559d71b4dc95bf340d6e417"),
    ("2.22.5", "a85ff83764f49b5614f6a0b7e29c05a02fabf8a07d670e0e0651a23f4bc02fe2"),
    ("3.17.2", "0465d06996b193f35a9c502118742a493cb15b1c02e1b72ad8d2644c856c3996"),
];

#[test]
fn the_digest_is_what_it_was() {
    let folder = Folder::new();
    for (name, wanted) in GOLDEN {
        let path = store(&folder, name);
        let found = leaves_alone(&path, || digests(&path));
        assert_eq!(found[1], wanted, "{name}");
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 4, "{name}");
    }
}

#[test]
fn an_upgrade_by_mlflow_changes_no_digest() {
    let folder = Folder::new();
    for name in ["1.30.1", "2.22.5", "3.0.1", "3.5.1"] {
        let (before, after) = (store(&folder, name), store(&folder, &format!("{name}-upgraded")));
        assert_eq!(digests(&before), digests(&after), "{name}");
        for experiment in 0..4 {
            let compared = open(&before)
                .compare_experiments(experiment, Some(&open(&after)), experiment, JobOptions::default())
                .unwrap();
            assert_eq!(compared["equal"], true, "{compared}");
            assert_eq!(compared["first_difference"], serde_json::Value::Null);
        }
    }
}

/// Gives every row another key, as a copy with new ones would have.
fn renamed(path: &Path) {
    let new = |old: &str, prefix: &str| format!("{prefix}{}", old[prefix.len()..].chars().rev().collect::<String>());
    execute(path, "PRAGMA foreign_keys = OFF; UPDATE experiments SET experiment_id = 41 WHERE experiment_id = 1");
    let columns = |names: &[(&str, &str)], old: &str, new: &str| {
        let script: String = names
            .iter()
            .map(|(table, column)| format!("UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}';"))
            .collect();
        execute(path, &format!("PRAGMA foreign_keys = OFF; {script}"));
    };
    for table in ["runs", "experiment_tags", "datasets", "logged_models", "logged_model_metrics", "logged_model_params"]
        .iter()
        .chain(&["logged_model_tags", "trace_info", "spans", "assessments"])
    {
        execute(
            path,
            &format!("PRAGMA foreign_keys = OFF; UPDATE {table} SET experiment_id = 41 WHERE experiment_id = 1"),
        );
    }
    let of = |query: &str| {
        let connection = sql(path);
        let mut statement = connection.prepare(query).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.collect::<Result<Vec<_>, _>>().unwrap()
    };
    for run in of("SELECT run_uuid FROM runs") {
        let names = [
            ("runs", "run_uuid"),
            ("metrics", "run_uuid"),
            ("latest_metrics", "run_uuid"),
            ("params", "run_uuid"),
            ("tags", "run_uuid"),
            ("tags", "value"),
            ("logged_models", "source_run_id"),
            ("logged_model_metrics", "run_id"),
            ("inputs", "source_id"),
            ("inputs", "destination_id"),
            ("entity_associations", "destination_id"),
            ("trace_request_metadata", "value"),
            ("assessments", "run_id"),
        ];
        columns(&names, &run, &new(&run, ""));
    }
    for model in of("SELECT model_id FROM logged_models") {
        let names = [
            ("logged_models", "model_id"),
            ("logged_model_metrics", "model_id"),
            ("logged_model_params", "model_id"),
            ("logged_model_tags", "model_id"),
            ("inputs", "destination_id"),
            ("trace_request_metadata", "value"),
        ];
        columns(&names, &model, &new(&model, "m-"));
    }
    for dataset in of("SELECT dataset_uuid FROM datasets") {
        columns(&[("datasets", "dataset_uuid"), ("inputs", "source_id")], &dataset, &new(&dataset, ""));
    }
    for input in of("SELECT input_uuid FROM inputs") {
        columns(&[("inputs", "input_uuid"), ("input_tags", "input_uuid")], &input, &new(&input, ""));
    }
    for trace in of("SELECT request_id FROM trace_info") {
        let names = [
            ("trace_info", "request_id"),
            ("trace_tags", "request_id"),
            ("trace_request_metadata", "request_id"),
            ("spans", "trace_id"),
            ("assessments", "trace_id"),
            ("entity_associations", "source_id"),
        ];
        let to = new(&trace, "tr-");
        let [old64, new64] = [&trace, &to].map(|key| expmig::digest::in_base64(key.as_bytes()).unwrap());
        columns(&names, &trace, &to);
        execute(
            path,
            &format!("UPDATE spans SET content = replace(replace(content, '{trace}', '{to}'), '{old64}', '{new64}')"),
        );
    }
    for one in of("SELECT assessment_id FROM assessments") {
        columns(&[("assessments", "assessment_id"), ("assessments", "overrides")], &one, &new(&one, "a-"));
    }
}

#[test]
fn keys_count_for_nothing_and_what_they_tie_for_all() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    let before = digest(&path, 1);
    renamed(&path);
    let after = digest(&path, 41);
    assert_eq!(before, after);
}

/// What changes one experiment, and so has to change its digest.
const CHANGES: &[&str] = &[
    "UPDATE experiments SET name = 'visions' WHERE experiment_id = 1",
    "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = 1",
    "UPDATE experiments SET creation_time = creation_time + 1 WHERE experiment_id = 1",
    "UPDATE experiments SET artifact_location = NULL WHERE experiment_id = 1",
    "UPDATE experiment_tags SET value = 'red' WHERE key = 'team'",
    "DELETE FROM experiment_tags WHERE key = 'team'",
    "UPDATE runs SET status = 'FAILED' WHERE name = 'sweep'",
    "UPDATE runs SET end_time = end_time + 1 WHERE name = 'sweep'",
    "UPDATE runs SET deleted_time = NULL WHERE name = 'deleted'",
    "UPDATE runs SET artifact_uri = artifact_uri || 'x' WHERE name = 'sweep'",
    "DELETE FROM metrics WHERE rowid = (SELECT min(rowid) FROM metrics)",
    "UPDATE metrics SET value = value * 1.0000000000000002 WHERE rowid = (SELECT min(rowid) FROM metrics)",
    "UPDATE metrics SET step = step + 100 WHERE rowid = (SELECT min(rowid) FROM metrics)",
    "UPDATE metrics SET timestamp = timestamp + 1 WHERE rowid = (SELECT min(rowid) FROM metrics)",
    "UPDATE metrics SET step = 1.25 WHERE typeof(step) = 'real'",
    "UPDATE metrics SET is_nan = 0 WHERE is_nan = 1 AND step = 1",
    "UPDATE metrics SET value = -value WHERE abs(value) > 1e300 AND step = 2",
    "UPDATE params SET value = value || ' ' WHERE rowid = (SELECT min(rowid) FROM params)",
    "UPDATE tags SET value = value || '1' WHERE length(value) = 8000",
    "DELETE FROM tags WHERE key = 'mlflow.parentRunId' AND rowid = (SELECT max(rowid) FROM tags WHERE key = 'mlflow.parentRunId')",
    // The run hangs on another of the experiment: of the same content but for its name.
    "UPDATE tags SET value = (SELECT run_uuid FROM runs WHERE name = 'sweep-1') WHERE key = 'mlflow.parentRunId' \
     AND run_uuid = (SELECT run_uuid FROM runs WHERE name = 'deepest')",
    "UPDATE datasets SET dataset_profile = NULL WHERE name = 'train'",
    "UPDATE input_tags SET value = 'test' WHERE value = 'eval'",
    "UPDATE inputs SET step = 8 WHERE step = 7",
    "UPDATE inputs SET destination_id = (SELECT run_uuid FROM runs WHERE name = 'sweep-2') WHERE source_type = 'DATASET' AND \
     destination_id = (SELECT run_uuid FROM runs WHERE name = 'sweep')",
    "UPDATE inputs SET destination_id = (SELECT model_id FROM logged_models WHERE name = 'orphan') WHERE source_type = 'RUN_OUTPUT'",
    "UPDATE logged_models SET source_run_id = NULL WHERE name = 'net'",
    "UPDATE logged_models SET source_run_id = (SELECT run_uuid FROM runs WHERE name = 'sweep-2') WHERE name = 'net'",
    "UPDATE logged_models SET status = 1 WHERE name = 'net'",
    "UPDATE logged_model_params SET param_value = '4'",
    "UPDATE logged_model_tags SET tag_key = 'sort'",
    "UPDATE logged_model_metrics SET metric_value = 0.25 WHERE metric_value = 0.5",
    "UPDATE logged_model_metrics SET run_id = (SELECT run_uuid FROM runs WHERE name = 'sweep-2') WHERE metric_value = 0.5",
    "UPDATE trace_info SET request_preview = 'x' WHERE trace_name = 'first'",
    "UPDATE trace_tags SET value = 'other' WHERE key = 'kind' AND value = 'first'",
    "DELETE FROM trace_request_metadata WHERE key = 'mlflow.sourceRun'",
    "UPDATE spans SET content = replace(content, 'What is', 'Who is')",
    "UPDATE spans SET parent_span_id = NULL",
    "UPDATE assessments SET value = '0.25' WHERE value = '0.5'",
    "UPDATE assessments SET overrides = NULL",
    "UPDATE assessments SET trace_id = (SELECT request_id FROM trace_info WHERE trace_name = 'second') WHERE name = 'quality'",
    "DELETE FROM entity_associations WHERE rowid = 1",
    "UPDATE entity_associations SET destination_id = (SELECT run_uuid FROM runs WHERE name = 'sweep-2') WHERE rowid = 1",
];

#[test]
fn every_change_changes_the_digest_and_is_pointed_out() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    let before = digest(&path, 1);
    let mut seen = HashSet::from([before.clone()]);
    let others: Vec<String> = [0, 2, 3].map(|other| digest(&path, other)).to_vec();
    for (at, change) in CHANGES.iter().enumerate() {
        let changed = folder.copy_of(&path, &format!("changed{at}.db"));
        execute(&changed, &format!("PRAGMA foreign_keys = OFF; {change}"));
        let after = digest(&changed, 1);
        assert!(seen.insert(after), "{change}");
        let compared = open(&path).compare_experiments(1, Some(&open(&changed)), 1, JobOptions::default()).unwrap();
        assert_eq!(compared["equal"], false, "{change}");
        assert!(compared["first_difference"]["node"].is_string(), "{change}: {compared}");
        assert_eq!([0, 2, 3].map(|other| digest(&changed, other)).to_vec(), others, "{change}");
    }
}

#[test]
fn what_mlflow_computes_or_moves_is_no_part_of_it() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    let before = digest(&path, 1);
    for change in [
        "DELETE FROM latest_metrics",
        "UPDATE experiments SET workspace = 'team'",
        "UPDATE trace_info SET trace_name = NULL, session_id = NULL; \
         INSERT INTO trace_tags SELECT 'mlflow.traceName', 'first', request_id FROM trace_info",
        "UPDATE assessments SET aggregate_value = NULL",
        "INSERT INTO registered_models (name, workspace) VALUES ('net', 'default')",
    ] {
        execute(&path, change);
        assert_eq!(digest(&path, 1), before, "{change}");
    }
}

#[test]
fn rows_that_nobody_can_tell_apart_are_refused_by_name() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(&path, "UPDATE datasets SET dataset_uuid = 'twice'");
    let error = open(&path).experiment_digest(1, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Validation);
    assert!(error.message().contains("datasets") && error.message().contains("twice"), "{error:?}");
    let error = open(&path).experiment_digest(77, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
}
