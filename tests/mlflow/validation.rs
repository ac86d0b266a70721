//! Validation of a store: every defect that is injected is found, once, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;

use crate::store::{STORES, store};
use crate::support::{Folder, execute, leaves_alone, open};
use expmig::validation::Scope;
use expmig::{IssueKind, Report, ValidateOptions};

fn validate(path: &Path, experiment: Option<i64>) -> Report {
    open(path).validate(ValidateOptions { experiment, ..ValidateOptions::default() }).unwrap()
}

/// How many issues there are of each kind in each table.
fn counts(report: &Report) -> BTreeMap<(String, &'static str), i64> {
    report.counts().iter().map(|count| ((count.table.clone(), count.kind.name()), count.count as i64)).collect()
}

/// A run, a trace and so on by what everybody calls them.
const RUN: &str = "(SELECT run_uuid FROM runs WHERE name = 'sweep')";
const CHILD: &str = "(SELECT run_uuid FROM runs WHERE name = 'sweep-0')";
const ODD: &str = "(SELECT run_uuid FROM runs WHERE name = 'odd numbers')";
const TRACE: &str = "(SELECT request_id FROM trace_info WHERE trace_name = 'first')";

/// What is done to a store, and what validation has to say of it beyond what it said before: kind, table, and how often.
type Defect = (&'static str, &'static [(&'static str, &'static str, i64)]);

const DEFECTS: &[Defect] = &[
    // Rows that hang on nothing.
    ("UPDATE metrics SET run_uuid = 'gone' WHERE rowid = 1", &[("dangling_reference", "metrics", 1)]),
    (
        "INSERT INTO latest_metrics VALUES ('a', 1.0, 1700000000000, 0, 0, 'gone'); INSERT INTO metrics VALUES ('a', 1.0, 1700000000000, 'gone', 0, 0)",
        &[("dangling_reference", "latest_metrics", 1), ("dangling_reference", "metrics", 1)],
    ),
    ("UPDATE params SET run_uuid = 'gone' WHERE rowid = 1", &[("dangling_reference", "params", 1)]),
    ("INSERT INTO tags VALUES ('a', 'b', 'gone')", &[("dangling_reference", "tags", 1)]),
    ("INSERT INTO experiment_tags VALUES ('a', 'b', 99)", &[("dangling_reference", "experiment_tags", 1)]),
    ("UPDATE runs SET experiment_id = 99 WHERE name = 'by default'", &[("dangling_reference", "runs", 1)]),
    ("UPDATE runs SET experiment_id = NULL WHERE name = 'by default'", &[("null_key", "runs", 1)]),
    ("UPDATE datasets SET experiment_id = 99 WHERE name = 'train'", &[("dangling_reference", "datasets", 1)]),
    (
        "UPDATE logged_models SET experiment_id = 99 WHERE name = 'orphan'",
        &[("dangling_reference", "logged_models", 1)],
    ),
    ("UPDATE logged_model_params SET model_id = 'm-gone'", &[("dangling_reference", "logged_model_params", 1)]),
    ("UPDATE logged_model_tags SET experiment_id = 99", &[("dangling_reference", "logged_model_tags", 1)]),
    (
        "INSERT INTO logged_model_metrics SELECT 'm-gone', 'acc', metric_timestamp_ms, metric_step, 0.5, 1, run_id, NULL, NULL, NULL \
      FROM logged_model_metrics LIMIT 1",
        &[("dangling_reference", "logged_model_metrics", 1)],
    ),
    ("UPDATE trace_tags SET request_id = 'tr-gone' WHERE rowid = 1", &[("dangling_reference", "trace_tags", 1)]),
    (
        "INSERT INTO trace_request_metadata VALUES ('a', 'b', 'tr-gone')",
        &[("dangling_reference", "trace_request_metadata", 1)],
    ),
    ("UPDATE spans SET trace_id = 'tr-gone' WHERE rowid = 1", &[("dangling_reference", "spans", 1)]),
    ("UPDATE assessments SET trace_id = 'tr-gone' WHERE name = 'quality'", &[("dangling_reference", "assessments", 1)]),
    (
        "UPDATE trace_info SET experiment_id = 99 WHERE trace_name = 'second'",
        &[("dangling_reference", "trace_info", 1)],
    ),
    ("INSERT INTO input_tags VALUES ('gone', 'a', 'b')", &[("dangling_reference", "input_tags", 1)]),
    ("INSERT INTO trace_metrics VALUES ('tr-gone', 'a', 1.0)", &[("dangling_reference", "trace_metrics", 1)]),
    ("INSERT INTO span_metrics VALUES ('tr-gone', 's', 'a', 1.0)", &[("dangling_reference", "span_metrics", 1)]),
    // Values that name nothing.
    (
        "UPDATE tags SET value = 'gone' WHERE key = 'mlflow.parentRunId' AND run_uuid = CHILD",
        &[("dangling_link", "tags", 1)],
    ),
    ("UPDATE logged_models SET source_run_id = 'gone' WHERE name = 'net'", &[("dangling_link", "logged_models", 1)]),
    ("UPDATE inputs SET source_id = 'gone' WHERE source_type = 'RUN_OUTPUT'", &[("dangling_link", "inputs", 1)]),
    (
        "UPDATE inputs SET destination_id = 'gone' WHERE destination_type = 'MODEL_INPUT'",
        &[("dangling_link", "inputs", 1)],
    ),
    ("UPDATE inputs SET source_id = 'gone' WHERE rowid = 1", &[("dangling_link", "inputs", 1)]),
    (
        "UPDATE entity_associations SET destination_id = 'gone' WHERE rowid = 1",
        &[("dangling_link", "entity_associations", 1)],
    ),
    (
        "UPDATE entity_associations SET source_id = 'tr-gone' WHERE rowid = 1",
        &[("dangling_link", "entity_associations", 1)],
    ),
    ("UPDATE assessments SET overrides = 'a-gone' WHERE overrides IS NOT NULL", &[("dangling_link", "assessments", 1)]),
    ("UPDATE assessments SET run_id = 'gone' WHERE name = 'quality'", &[("dangling_link", "assessments", 1)]),
    (
        "UPDATE trace_request_metadata SET value = 'gone' WHERE key = 'mlflow.sourceRun'",
        &[("dangling_link", "trace_request_metadata", 1)],
    ),
    (
        "UPDATE logged_model_metrics SET run_id = 'gone' WHERE metric_value = 0.5",
        &[("dangling_link", "logged_model_metrics", 1), ("model_metric_unfounded", "logged_model_metrics", 1)],
    ),
    (
        "UPDATE logged_model_metrics SET dataset_uuid = 'gone' WHERE metric_value = 0.5",
        &[("dangling_link", "logged_model_metrics", 1)],
    ),
    // latest_metrics.
    ("DELETE FROM latest_metrics WHERE key = 'loss' AND run_uuid = RUN", &[("latest_metric_missing", "metrics", 1)]),
    (
        "UPDATE latest_metrics SET value = 0.75 WHERE key = 'loss' AND run_uuid = RUN",
        &[("latest_metric_unfounded", "latest_metrics", 1)],
    ),
    (
        "UPDATE latest_metrics SET step = 3, value = 0.25, timestamp = 1700000000003 WHERE key = 'loss' AND run_uuid = RUN",
        &[("latest_metric_outdated", "latest_metrics", 1)],
    ),
    (
        "INSERT INTO latest_metrics SELECT 'never', 1.0, 1700000000000, 0, 0, run_uuid FROM runs WHERE name = 'sweep'",
        &[("latest_metric_unfounded", "latest_metrics", 1)],
    ),
    (
        "INSERT INTO metrics VALUES ('loss', 0.5, 1700000009999, RUN, 7, 0)",
        &[("latest_metric_outdated", "latest_metrics", 1)],
    ),
    // What the client fails on.
    ("UPDATE runs SET user_id = NULL WHERE name = 'sweep'", &[("null_for_client", "runs", 1)]),
    ("UPDATE runs SET status = NULL WHERE name = 'sweep'", &[("null_for_client", "runs", 1)]),
    ("UPDATE runs SET start_time = NULL WHERE name = 'sweep'", &[("null_for_client", "runs", 1)]),
    (
        "PRAGMA ignore_check_constraints = ON; UPDATE runs SET status = 'DONE' WHERE name = 'sweep'",
        &[("unknown_word", "runs", 1)],
    ),
    (
        "PRAGMA ignore_check_constraints = ON; UPDATE experiments SET lifecycle_stage = 'gone' WHERE experiment_id = 2",
        &[("unknown_word", "experiments", 1)],
    ),
    // What contradicts itself, or is not what it seems.
    ("UPDATE runs SET name = 'swept' WHERE name = 'sweep'", &[("run_name_differs", "runs", 1)]),
    ("UPDATE runs SET end_time = start_time - 1 WHERE name = 'sweep'", &[("timestamps_backwards", "runs", 1)]),
    (
        "UPDATE runs SET start_time = 1700000000, end_time = 1700000001 WHERE name = 'sweep'",
        &[("time_in_seconds", "runs", 2)],
    ),
    (
        "UPDATE experiments SET creation_time = 1700000000 WHERE experiment_id = 2",
        &[("time_in_seconds", "experiments", 1)],
    ),
    ("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'sweep-0'", &[("active_below_deleted", "runs", 1)]),
    ("UPDATE runs SET lifecycle_stage = 'active' WHERE name = 'last try'", &[("active_below_deleted", "runs", 1)]),
    (
        "UPDATE tags SET value = CHILD WHERE key = 'mlflow.parentRunId' AND run_uuid = CHILD",
        &[("parent_of_itself", "tags", 1)],
    ),
    (
        "UPDATE tags SET value = (SELECT run_uuid FROM runs WHERE name = 'by default') WHERE key = 'mlflow.parentRunId' AND run_uuid = CHILD",
        &[("parent_elsewhere", "tags", 1)],
    ),
    (
        "UPDATE datasets SET dataset_uuid = (SELECT dataset_uuid FROM datasets WHERE name = 'train') WHERE name = 'held-out'",
        &[("key_twice", "datasets", 2), ("dangling_link", "inputs", 1)],
    ),
    ("INSERT INTO params VALUES ('LR', '1', RUN)", &[("keys_fold", "params", 1)]),
    ("INSERT INTO tags VALUES ('Notes ', '1', RUN), ('notes', '1', RUN)", &[("keys_fold", "tags", 1)]),
    (
        "INSERT INTO metrics VALUES ('Loss', 1.0, 1700000000000, RUN, 0, 0); INSERT INTO latest_metrics VALUES ('Loss', 1.0, 1700000000000, 0, 0, RUN)",
        &[("keys_fold", "metrics", 1)],
    ),
    (
        "UPDATE metrics SET is_nan = 1 WHERE key = 'val/acc' AND step = -3 AND run_uuid = RUN",
        &[("nan_with_value", "metrics", 1)],
    ),
    (
        "UPDATE metrics SET step = 2.5 WHERE key = 'loss' AND step = 2 AND run_uuid = RUN",
        &[("number_not_integer", "metrics", 1)],
    ),
    (
        "UPDATE metrics SET timestamp = timestamp + 0.5 WHERE key = 'loss' AND step = 2 AND run_uuid = RUN",
        &[("number_not_integer", "metrics", 1)],
    ),
    (
        "UPDATE metrics SET value = -1.7976931348623157e308 WHERE key = 'loss' AND step = 2 AND run_uuid = RUN",
        &[("maybe_infinite", "metrics", 1)],
    ),
    (
        "UPDATE params SET value = printf('%.*c', 8001, 'x') WHERE key = 'lr' AND run_uuid = RUN",
        &[("text_too_long", "params", 1)],
    ),
    ("UPDATE runs SET artifact_uri = printf('%.*c', 201, 'x') WHERE name = 'sweep'", &[("text_too_long", "runs", 1)]),
    (
        "INSERT INTO experiments (experiment_id, name, lifecycle_stage, workspace) VALUES (123456789012345678, 'from files', 'active', 'default')",
        &[("id_too_large", "experiments", 1)],
    ),
];

fn injected(folder: &Folder, at: usize, change: &str) -> std::path::PathBuf {
    let path = folder.copy_of(&store(folder, "3.17.2"), &format!("defect{at}.db"));
    let names = [("CHILD", CHILD), ("RUN", RUN), ("ODD", ODD), ("TRACE", TRACE)];
    // Whole words: RUN stands in RUN_OUTPUT, too.
    let change = change.split_inclusive(|c: char| !c.is_ascii_uppercase() && c != '_').map(|word| {
        let (bare, end) = word.split_at(word.trim_end_matches(|c: char| !c.is_ascii_uppercase() && c != '_').len());
        let named = names.iter().find(|(name, _)| *name == bare && !end.starts_with('\''));
        named.map_or(word.to_owned(), |(_, sql)| format!("{sql}{end}"))
    });
    execute(&path, &format!("PRAGMA foreign_keys = OFF; {}", change.collect::<String>()));
    path
}

#[test]
fn every_injected_defect_is_found_as_often_as_it_is_there_and_nothing_else() {
    assert!(DEFECTS.len() >= 40);
    let folder = Folder::new();
    let clean = counts(&validate(&store(&folder, "3.17.2"), None));
    let mut kinds: Vec<&str> = Vec::new();
    for (at, (change, expected)) in DEFECTS.iter().enumerate() {
        let path = injected(&folder, at, change);
        let mut found = counts(&leaves_alone(&path, || validate(&path, None)));
        for (key, count) in &clean {
            *found.entry(key.clone()).or_default() -= count;
        }
        // A row that is gone from a run takes what was said of it along.
        found.retain(|_, count| *count > 0);
        let wanted: BTreeMap<_, _> =
            expected.iter().map(|(kind, table, count)| (((*table).to_owned(), *kind), *count)).collect();
        let extra: Vec<_> = found.iter().filter(|(key, _)| !wanted.contains_key(*key)).collect();
        let of_metric = |key: &(String, &str)| key.1.starts_with("latest_metric_");
        assert!(extra.iter().all(|(key, _)| of_metric(key)), "{change}: {found:?}");
        for (key, count) in &wanted {
            assert_eq!(found.get(key), Some(count), "{change}: {found:?}");
        }
        kinds.extend(expected.iter().map(|(kind, ..)| *kind));
        std::fs::remove_file(path).unwrap();
    }
    let never: Vec<&str> =
        IssueKind::OF_MLFLOW.iter().map(|kind| kind.name()).filter(|kind| !kinds.contains(kind)).collect();
    assert!(never.is_empty(), "kinds that no defect led to: {never:?}");
}

#[test]
fn stores_that_mlflow_wrote_have_no_error() {
    let folder = Folder::new();
    for (name, _) in STORES {
        let path = store(&folder, name);
        let report = leaves_alone(&path, || validate(&path, None));
        assert!(report.passed(), "{name}: {:?}", report.issues());
        let kinds: Vec<_> = report.counts().iter().map(|count| (count.kind.name(), count.table.as_str())).collect();
        // What the script that made them logged on purpose.
        let known = [
            ("number_not_integer", "metrics"),
            ("number_not_integer", "latest_metrics"),
            ("maybe_infinite", "metrics"),
            ("maybe_infinite", "latest_metrics"),
        ];
        assert!(kinds.iter().all(|kind| known.contains(kind)), "{name}: {:?}", report.issues());
    }
}

#[test]
fn one_experiment_is_validated_by_itself_and_issues_name_their_rows() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(&path, "UPDATE runs SET user_id = NULL WHERE name IN ('sweep', 'by default')");
    assert_eq!(counts(&validate(&path, Some(2))), BTreeMap::new());
    let report = validate(&path, Some(0));
    assert_eq!(report.counts().iter().map(|count| count.count).collect::<Vec<_>>(), [1]);
    let issue = &report.issues()[0];
    assert_eq!(
        (issue.kind.name(), issue.table.as_ref(), issue.column.as_deref()),
        ("null_for_client", "runs", Some("user_id"))
    );
    assert!(issue.row.starts_with("run_uuid=") && issue.message.contains("MLflow's client"), "{issue:?}");
    let whole = validate(&path, None);
    assert_eq!(counts(&whole)[&("runs".to_owned(), "null_for_client")], 2);
    let scope = Scope { foreign_keys: true, ..Scope::NONE };
    let of_keys = open(&path).validate(ValidateOptions { scope, ..ValidateOptions::default() }).unwrap();
    assert_eq!(of_keys.total(), 0);
}
