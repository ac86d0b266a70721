//! Transforming metrics in a database: what is reached, what is written, what fails, and that the size of a chunk is never seen.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use expmig::transformation::Outcome;
use expmig::{
    CancelToken, Flow, Manager, MetricSelection, MigrateOptions, Progress, Status, TransformOptions,
    TransformationResult, UndoOptions, Value,
};
use serde_json::Value as Json;

/// A rule for one type, in a document without a backup.
fn rules(kind: &str, transformation: &str, params: &str) -> String {
    document(&[(kind, transformation, params)], r#"{"backup_original": false}"#)
}

fn document(rules: &[(&str, &str, &str)], settings: &str) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|(kind, transformation, params)| {
            format!(r#"{{"metric_type": "{kind}", "transformation": "{transformation}", "params": {params}}}"#)
        })
        .collect();
    format!(r#"{{"metric_transformations": [{}], "global_settings": {settings}}}"#, rules.join(", "))
}

const DOUBLE: &str = r#"{"factor": 2, "target": "total"}"#;

fn all() -> MetricSelection {
    MetricSelection::default()
}

fn of(experiments: &[i64]) -> MetricSelection {
    MetricSelection { experiments: Some(experiments.to_vec()), metrics: None }
}

fn only(metrics: &[i64]) -> MetricSelection {
    MetricSelection { experiments: None, metrics: Some(metrics.to_vec()) }
}

fn transform(path: &Path, selection: &MetricSelection, rules: &str) -> expmig::Result<TransformationResult> {
    open(path).transform_metrics(selection, rules, TransformOptions::default())
}

/// The totals of the metrics with these ids.
fn totals(path: &Path, ids: &[i64]) -> Vec<f64> {
    let connection = sql(path);
    ids.iter()
        .map(|id| connection.query_row("SELECT total_val FROM METRIC WHERE id = ?1", [id], |row| row.get(0)).unwrap())
        .collect()
}

/// Whether a call changed nothing at all.
fn untouched<T>(path: &Path, act: impl FnOnce() -> T) -> T {
    let before = dump(path);
    let result = act();
    assert_eq!(dump(path), before);
    result
}

/// A manager with a transformation `custom` that does this.
fn custom(
    path: &Path,
    transform: impl Fn(&expmig::transformation::Metric, &str) -> expmig::Result<Outcome> + Send + Sync + 'static,
) -> Manager {
    let manager = open(path);
    manager.register_transformation("custom", Box::new(transform)).expect("a new name");
    manager
}

const CUSTOM: &str = "{}";

// ---- What is reached

#[test]
fn metrics_of_results_epochs_and_batches_are_reached_and_no_others() {
    let folder = Folder::new();
    let path = folder.small("a.db", "INSERT INTO METRIC VALUES (39, 'loss', 100.0, NULL);");
    let result = open(&path)
        .transform_metrics_by(&of(&[1]), "scale", Some(DOUBLE), TransformOptions::default())
        .expect("a transformation");
    // Results 31 and 35, epochs 32 to 34, batches 37 and 38; not 36 of the other experiment, not 39 of nobody.
    assert_eq!((result.examined, result.matched, result.updated, result.copied), (7, 7, 7, 0));
    assert_eq!(totals(&path, &[31, 32, 33, 34, 35, 36, 37, 38, 39]), [1.0, 3.0, 1.5, 5.0, 0.25, 9.0, 7.0, 6.5, 100.0]);
}

#[test]
fn no_selection_is_everything_and_an_empty_one_nothing() {
    let folder = Folder::new();
    let path = folder.small("a.db", "INSERT INTO METRIC VALUES (39, 'loss', 100.0, NULL);");
    let loss = rules("loss", "scale", DOUBLE);
    for nothing in [of(&[]), only(&[]), MetricSelection { experiments: Some(vec![]), metrics: Some(vec![]) }] {
        let result = untouched(&path, || transform(&path, &nothing, &loss).expect("nothing to do"));
        assert_eq!((result.examined, result.matched, result.updated), (0, 0, 0));
        assert_eq!(result.success_rate(), 100.0);
        assert!(result.warnings.iter().any(|warning| warning.contains("matched")), "{:?}", result.warnings);
    }
    let result = transform(&path, &all(), &loss).expect("a transformation");
    assert_eq!((result.examined, result.matched, result.updated), (9, 5, 5));
    assert_eq!(totals(&path, &[31, 32, 36, 39]), [0.5, 3.0, 18.0, 200.0]);
}

#[test]
fn metrics_can_be_named_and_count_once() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let result = transform(&path, &only(&[33, 32, 33, 32, 31]), &rules("loss", "scale", DOUBLE)).expect("done");
    assert_eq!((result.examined, result.matched, result.updated), (3, 2, 2));
    let both = MetricSelection { experiments: Some(vec![1, 1, 2]), metrics: Some(vec![34, 36]) };
    let result = transform(&path, &both, &rules("loss", "scale", DOUBLE)).expect("done");
    assert_eq!((result.examined, result.updated, result.copied), (2, 2, 0));
    assert_eq!(totals(&path, &[31, 32, 33, 34, 36]), [0.5, 3.0, 1.5, 5.0, 18.0]);
}

#[test]
fn unknown_experiments_and_metrics_are_named_before_anything_is_written() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let loss = rules("loss", "scale", DOUBLE);
    let refused =
        |selection: &MetricSelection| untouched(&path, || failed(transform(&path, selection, &loss), Status::NotFound));
    assert_detail(&refused(&of(&[1, 7])), "experiment_id", "7");
    let error = refused(&only(&[31, 99, 32, -1]));
    assert_eq!(details(&error, "metric_id"), ["-1", "99"]);
    assert_eq!(error.domain(), expmig::Domain::Transformation);
    // It exists, but belongs to somebody else.
    let both = MetricSelection { experiments: Some(vec![1]), metrics: Some(vec![31, 36]) };
    assert_eq!(details(&refused(&both), "metric_id"), ["36"]);
}

#[test]
fn types_match_to_the_letter_and_a_near_miss_is_named() {
    let folder = Folder::new();
    let path = folder.small("a.db", "INSERT INTO METRIC VALUES (39, 'Loss', 1.0, NULL), (40, x'6c6f7373', 1.0, NULL);");
    let result = transform(&path, &all(), &rules("loss", "scale", DOUBLE)).expect("done");
    assert_eq!(result.matched, 4);
    assert_eq!(totals(&path, &[39, 40]), [1.0, 1.0]);
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    let result = untouched(&path, || transform(&path, &all(), &rules("LOSS", "scale", DOUBLE)).expect("done"));
    let warning = result.warnings.first().expect("a warning");
    assert!(warning.contains("\"LOSS\"") && warning.contains("\"loss\"") && warning.contains("\"Loss\""), "{warning}");
    // Also where another rule has something to do.
    let two = document(&[("loss", "scale", DOUBLE), ("acuracy", "scale", DOUBLE)], r#"{"backup_original": false}"#);
    let result = transform(&path, &all(), &two).expect("done");
    assert_eq!(result.warnings.len(), 1);
    assert!(result.warnings[0].contains("\"accuracy\""), "{:?}", result.warnings);
}

// ---- What is written

#[test]
fn several_rules_work_in_order_each_on_the_result_of_the_one_before() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let steps = document(
        &[
            ("loss", "scale", r#"{"factor": 10, "target": "total"}"#),
            ("accuracy", "normalize_json_keys", r#"{"key_mapping": {"a": "b", "b": "c"}}"#),
            ("loss", "scale", r#"{"offset": 1, "target": "total"}"#),
            ("accuracy", "normalize_json_keys", r#"{"key_mapping": {"c": "a"}}"#),
        ],
        "{}",
    );
    let result = transform(&path, &all(), &steps).expect("done");
    assert_eq!(totals(&path, &[32, 33, 34, 36]), [16.0, 8.5, 26.0, 91.0]);
    let labels = |id| text(&path, &format!("SELECT per_label_val FROM METRIC WHERE id = {id}"));
    assert_eq!(labels(31), r#"{"b": 0.25, "a": 0.75}"#);
    assert_eq!(labels(35), r#"{"b": 0.125}"#);
    let changed: Vec<u64> = result.rules.iter().map(|rule| rule.changed).collect();
    assert_eq!(changed, [4, 2, 4, 1]);
    assert_eq!(result.updated, 6);
}

#[test]
fn rows_that_do_not_change_are_not_written_and_of_the_others_only_what_changes() {
    let folder = Folder::new();
    let path = folder.small(
        "a.db",
        "CREATE TABLE seen (id, cell);
         CREATE TRIGGER t1 AFTER UPDATE OF total_val ON METRIC BEGIN INSERT INTO seen VALUES (new.id, 'total'); END;
         CREATE TRIGGER t2 AFTER UPDATE OF per_label_val ON METRIC BEGIN INSERT INTO seen VALUES (new.id, 'labels'); END;
         CREATE TRIGGER t3 AFTER UPDATE OF id, type ON METRIC BEGIN INSERT INTO seen VALUES (new.id, 'other'); END;",
    );
    let seen = || rows(&path, "SELECT * FROM seen ORDER BY id, cell");
    let rename = rules("accuracy", "normalize_json_keys", r#"{"key_mapping": {"b": "x"}}"#);
    let result = transform(&path, &all(), &rename).expect("done");
    assert_eq!((result.updated, result.unchanged), (1, 1));
    assert_eq!(seen(), [["Integer(31)", "text \"labels\""]]);
    // Once more there is nothing left to do, so nothing at all is written.
    let again = untouched(&path, || transform(&path, &all(), &rename).expect("done"));
    assert_eq!((again.updated, again.unchanged), (0, 2));
    execute(&path, "DELETE FROM seen");
    transform(&path, &only(&[31]), &rules("accuracy", "scale", r#"{"factor": 2}"#)).expect("done");
    assert_eq!(seen(), [["Integer(31)", "text \"labels\""], ["Integer(31)", "text \"total\""]]);
}

#[test]
fn a_database_where_nothing_changes_stays_as_it_is_even_with_a_backup() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let rename = document(&[("accuracy", "normalize_json_keys", r#"{"key_mapping": {"z": "x"}}"#)], "{}");
    let result = untouched(&path, || transform(&path, &all(), &rename).expect("done"));
    assert_eq!((result.updated, result.transform_id), (0, None));
    assert!(open(&path).list_transforms().expect("a list").is_empty());
}

/// Experiment 1 also links metric 36 of experiment 2, from an epoch and from a batch.
const SHARED: &str = "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36); INSERT INTO BATCH_METRIC VALUES (1, 0, 21, 36);";

#[test]
fn a_metric_that_a_stranger_shares_is_copied_and_only_our_links_move() {
    let folder = Folder::new();
    let path = folder.small(
        "a.db",
        &format!("{SHARED} ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = 'm' || id;"),
    );
    let other = digest(&path, 2);
    let links = "SELECT * FROM RESULTS_METRIC WHERE results_id = 24";
    let before = rows(&path, links);
    let result = transform(&path, &of(&[1]), &rules("loss", "scale", DOUBLE)).expect("done");
    assert_eq!((result.updated, result.copied), (4, 1));
    assert_eq!(digest(&path, 2), other);
    assert_eq!(rows(&path, links), before);
    let new = integer(&path, "SELECT max(id) FROM METRIC");
    assert_eq!(new, 39);
    assert_eq!(
        rows(&path, "SELECT type, total_val, per_label_val, unit FROM METRIC WHERE id = 39"),
        [["text \"loss\"", "real 4032000000000000", "Null", "text \"m36\""]]
    );
    let ours = |id: i64| {
        let count = |table: &str| integer(&path, &format!("SELECT count(*) FROM {table} WHERE metric_id = {id}"));
        ["RESULTS_METRIC", "EPOCH_METRIC", "BATCH_METRIC"].map(count)
    };
    assert_eq!(ours(39), [0, 1, 1]);
    assert_eq!(ours(36), [1, 1, 1]);
    assert_eq!(totals(&path, &[36]), [9.0]);
}

#[test]
fn a_shared_metric_that_does_not_change_is_not_copied_and_one_of_selected_experiments_alone_neither() {
    let folder = Folder::new();
    let path = folder.small("a.db", SHARED);
    let rename = rules("loss", "normalize_json_keys", r#"{"key_mapping": {"z": "x"}}"#);
    let result = untouched(&path, || transform(&path, &of(&[1]), &rename).expect("done"));
    assert_eq!((result.copied, result.skipped.count), (0, 4));
    for everybody in [of(&[1, 2]), only(&[36]), all()] {
        let result = transform(&path, &everybody, &rules("loss", "scale", DOUBLE)).expect("done");
        assert_eq!(result.copied, 0);
    }
    assert_eq!(totals(&path, &[36]), [72.0]);
}

#[test]
fn the_size_of_a_chunk_is_never_seen() {
    let folder = Folder::new();
    let build = |name: &str| {
        let path = folder.digits(name);
        // Some metrics are shared with another experiment.
        execute(
            &path,
            "INSERT OR IGNORE INTO EPOCH_METRIC SELECT e.epoch_idx, (SELECT max(trial_run_id) FROM EPOCH), e.metric_id
             FROM EPOCH_METRIC e WHERE e.metric_id % 13 = 0 AND EXISTS
               (SELECT 1 FROM EPOCH WHERE idx = e.epoch_idx AND trial_run_id = (SELECT max(trial_run_id) FROM EPOCH))",
        );
        path
    };
    let kinds = rows(&build("kinds.db"), "SELECT DISTINCT type FROM METRIC ORDER BY 1");
    let kinds: Vec<String> = kinds.iter().map(|row| row[0][6..row[0].len() - 1].to_owned()).collect();
    let steps: Vec<(&str, &str, &str)> =
        kinds.iter().map(|kind| (kind.as_str(), "scale", r#"{"factor": 3, "offset": 1}"#)).collect();
    let mut dumps = Vec::new();
    for batch_size in [1, 7, 1000, 1_000_000] {
        let path = build(&format!("{batch_size}.db"));
        let options = TransformOptions { batch_size, ..TransformOptions::default() };
        let result = open(&path).transform_metrics(&of(&[1]), &document(&steps, "{}"), options).expect("done");
        assert!(result.updated > 1000 && result.copied > 10, "{}", result.to_json());
        // The time of the entry is the one thing that may differ.
        execute(&path, "UPDATE EXPMIG_UNDO_TRANSFORM SET created_at = ''");
        dumps.push((result.updated, result.copied, dump(&path)));
    }
    for other in &dumps[1..] {
        assert!(*other == dumps[0], "another chunk, another database");
    }
    let zero = TransformOptions { batch_size: 0, ..TransformOptions::default() };
    let path = folder.path("1.db");
    let error = failed(open(&path).transform_metrics(&all(), &document(&steps, "{}"), zero), Status::InvalidArgument);
    assert_detail(&error, "parameter", "batch_size");
}

// ---- What fails

#[test]
fn one_bad_metric_rolls_everything_back_and_is_named() {
    let folder = Folder::new();
    let path = folder.small("a.db", "UPDATE METRIC SET per_label_val = '{\"a\": 1, \"b\": 2}' WHERE id IN (31, 35);");
    let collide = |settings: &str| {
        document(
            &[("accuracy", "normalize_json_keys", r#"{"key_mapping": {"a": "b"}}"#), ("loss", "scale", DOUBLE)],
            settings,
        )
    };
    let error = untouched(&path, || failed(transform(&path, &all(), &collide("{}")), Status::Validation));
    assert_eq!(error.domain(), expmig::Domain::Transformation);
    assert_eq!(details(&error, "count"), ["2"]);
    assert_eq!(details(&error, "row"), ["id=31", "id=35"]);
    assert_eq!(details(&error, "transformation"), ["normalize_json_keys"; 2]);
    let result = transform(&path, &all(), &collide(r#"{"rollback_on_error": false}"#)).expect("the good ones");
    assert_eq!((result.matched, result.updated, result.failed.count), (6, 4, 2));
    assert_eq!(result.failed.first.iter().map(|failed| failed.metric_id).collect::<Vec<_>>(), [31, 35]);
    assert!((result.success_rate() - 100.0 * 4.0 / 6.0).abs() < 1e-9);
    assert_eq!(totals(&path, &[31, 32, 36]), [0.5, 3.0, 18.0]);
}

#[test]
fn failures_are_counted_exactly_and_some_are_listed() {
    let folder = Folder::new();
    let path = folder.small(
        "a.db",
        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1499)
         INSERT INTO METRIC SELECT i, 'bad', 1.0, '{\"a\": 1, \"b\": 2}' FROM n;",
    );
    let bad = |settings: &str| document(&[("bad", "normalize_json_keys", r#"{"key_mapping": {"a": "b"}}"#)], settings);
    let error = untouched(&path, || failed(transform(&path, &all(), &bad("{}")), Status::Validation));
    assert_eq!(details(&error, "count"), ["500"]);
    assert_eq!(details(&error, "row").len(), 20);
    let result = untouched(&path, || transform(&path, &all(), &bad(r#"{"rollback_on_error": false}"#)).expect("done"));
    assert_eq!((result.failed.count, result.failed.first.len()), (500, 100));
    assert_eq!(at(&result.to_json(), "/failed/count"), 500);
    assert_eq!(result.success_rate(), 0.0);
}

#[test]
fn only_touched_rows_are_validated() {
    let folder = Folder::new();
    // 33 is bad and stays untouched: its type is another one. 34 is bad, and touched.
    let path = folder.small(
        "a.db",
        "UPDATE METRIC SET per_label_val = '[1]', type = 'other' WHERE id = 33;
         UPDATE METRIC SET per_label_val = '[1]' WHERE id = 34;",
    );
    let scale = |validate: bool| {
        document(&[("loss", "scale", DOUBLE)], &format!(r#"{{"validate_after_transform": {validate}}}"#))
    };
    let error = untouched(&path, || failed(transform(&path, &all(), &scale(true)), Status::Validation));
    assert_eq!(details(&error, "row"), ["id=34"]);
    assert_eq!(details(&error, "transformation"), ["validate_after_transform"]);
    assert!(details(&error, "problem")[0].contains("per_label_val"), "{}", error.to_json());
    let result = transform(&path, &all(), &scale(false)).expect("done");
    assert_eq!((result.updated, result.failed.count), (3, 0));
}

#[test]
fn a_row_that_the_database_refuses_fails_alone() {
    let folder = Folder::new();
    let path = folder.small(
        "a.db",
        "CREATE TRIGGER t BEFORE UPDATE ON METRIC WHEN new.total_val > 4 BEGIN SELECT RAISE(ABORT, 'too large'); END;",
    );
    let scale =
        |rollback: bool| document(&[("loss", "scale", DOUBLE)], &format!(r#"{{"rollback_on_error": {rollback}}}"#));
    let error = untouched(&path, || failed(transform(&path, &all(), &scale(true)), Status::Validation));
    assert_eq!(details(&error, "row"), ["id=34", "id=36"]);
    let result = transform(&path, &all(), &scale(false)).expect("done");
    assert_eq!((result.updated, result.failed.count), (2, 2));
    assert_eq!(totals(&path, &[32, 33, 34, 36]), [3.0, 1.5, 2.5, 9.0]);
    let undone =
        open(&path).undo_transform(result.transform_id.expect("an id"), UndoOptions::default()).expect("undone");
    assert_eq!(undone.restored, 2);
}

#[test]
fn a_trigger_that_changes_what_is_written_is_noticed() {
    let folder = Folder::new();
    for trigger in [
        "AFTER UPDATE ON METRIC WHEN new.id = 33 BEGIN UPDATE METRIC SET total_val = 7.5 WHERE id = 33; END",
        "BEFORE UPDATE ON METRIC WHEN new.id = 33 BEGIN SELECT RAISE(IGNORE); END",
    ] {
        let path = folder.small(&format!("{}.db", trigger.len()), &format!("CREATE TRIGGER t {trigger};"));
        let error =
            untouched(&path, || failed(transform(&path, &all(), &rules("loss", "scale", DOUBLE)), Status::Mismatch));
        assert_detail(&error, "row", "id=33");
    }
}

#[test]
fn wrong_rules_are_refused_before_the_database_is_touched() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    for wrong in [
        "",
        "[",
        "[]",
        r#"{"metric_transformations": []}"#,
        r#"{"metric_transformations": []"#,
        &rules("loss", "normalise_json_keys", "{}"),
        &rules("loss", "normalize_json_keys", "{}"),
        &rules("loss", "scale", r#"{"factor": "2"}"#),
        r#"{"metric_transformations": [], "settings": {}}"#,
    ] {
        let act = || failed(transform(&path, &all(), wrong), Status::InvalidArgument);
        let error = leaves_alone(&path, act);
        assert_eq!(error.domain(), expmig::Domain::Transformation);
    }
    let huge = format!("[{}]", " ".repeat(50 << 20));
    leaves_alone(&path, || failed(transform(&path, &all(), &huge), Status::Limit));
}

// ---- Preview

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let folder = Folder::new();
    let changes = format!("{SHARED} UPDATE METRIC SET per_label_val = '{{\"a\": 1, \"b\": 2}}' WHERE id = 35;");
    let steps = document(
        &[("loss", "scale", DOUBLE), ("accuracy", "normalize_json_keys", r#"{"key_mapping": {"a": "b"}}"#)],
        r#"{"rollback_on_error": false}"#,
    );
    let path = folder.small("a.db", &changes);
    execute(&path, "UPDATE METRIC SET per_label_val = '{\"a\": 0.5, \"c\": 0.25}' WHERE id = 31");
    let dry = || TransformOptions { dry_run: true, ..TransformOptions::default() };
    for selection in [all(), of(&[1]), only(&[31, 36])] {
        let copy = folder.copy_of(&path, "copy.db");
        let preview = leaves_alone(&path, || {
            open_read_only(&path).transform_metrics(&selection, &steps, dry()).expect("a preview on a read-only handle")
        });
        let done = transform(&copy, &selection, &steps).expect("done");
        let numbers = |result: &TransformationResult| {
            let json = result.to_json();
            ["examined", "matched", "updated", "unchanged", "skipped", "failed", "copied"]
                .map(|key| json[format!("metrics_{key}")].clone())
        };
        assert_eq!(numbers(&preview), numbers(&done));
        assert_eq!((preview.transform_id, preview.dry_run), (None, true));
        assert!(done.samples.is_empty());
        assert_eq!(preview.samples.len() as u64, preview.updated);
        let first = &preview.samples[0];
        assert_eq!((first.metric_id, first.metric_type.as_str()), (31, "accuracy"));
        assert_eq!(first.before[1], Value::Text(br#"{"a": 0.5, "c": 0.25}"#.to_vec()));
        assert_eq!(first.after[1], Value::Text(br#"{"b": 0.5, "c": 0.25}"#.to_vec()));
        let json = preview.to_json();
        assert_eq!(at(&json, "/samples/0/after/per_label_val"), r#"{"b": 0.5, "c": 0.25}"#);
        assert_eq!(at(&json, "/samples/0/before/total_val"), 0.5);
    }
    // How long it would keep others from writing, in the words of a plan.
    let plan = open(&path).plan_migration(1, None, MigrateOptions::default()).expect("a plan");
    let preview = open(&path).transform_metrics(&all(), &steps, dry()).expect("a preview").to_json();
    let members =
        |json: &Json| json["locks"]["target"].as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&preview), members(&plan));
    for said in [&preview, &plan] {
        let target = &said["locks"]["target"];
        assert_eq!((&said["locks"]["source"], &target["way"]), (&Json::Null, &Json::from("write_lock")), "{target}");
        assert!(target["basis"].as_str().expect("a text").contains(" times the "), "{target}");
        assert!(target["write_lock_ms"].is_u64(), "{target}");
    }
    assert_eq!(transform(&folder.copy_of(&path, "done.db"), &of(&[1]), &steps).expect("done").locks, None);
    // What would fail the whole call is a finding of a preview, not an error.
    let strict = steps.replace("false", "true");
    let preview = leaves_alone(&path, || open(&path).transform_metrics(&all(), &strict, dry()).expect("a preview"));
    assert_eq!(preview.failed.count, 1);
    assert!(preview.warnings.iter().any(|warning| warning.contains("rollback_on_error")), "{:?}", preview.warnings);
}

#[test]
fn a_preview_of_many_metrics_has_a_few_examples() {
    let folder = Folder::new();
    let path = folder.digits("a.db");
    let options = TransformOptions { dry_run: true, ..TransformOptions::default() };
    let result = open(&path).transform_metrics_by(&all(), "scale", Some(DOUBLE), options).expect("a preview");
    assert!(result.updated > 1000);
    assert_eq!(result.samples.len(), 20);
}

#[test]
fn a_read_only_handle_is_not_written_to() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let manager = open_read_only(&path);
    let loss = rules("loss", "scale", DOUBLE);
    failed(manager.transform_metrics(&all(), &loss, TransformOptions::default()), Status::Misuse);
    failed(manager.undo_transform(1, UndoOptions::default()), Status::Misuse);
    failed(manager.forget_transforms(0, expmig::JobOptions::default()), Status::Misuse);
    assert!(manager.list_transforms().expect("a list").is_empty());
}

// ---- Registered transformations

#[test]
fn a_registered_transformation_sees_the_metric_and_its_parameters_and_can_answer_anything() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let manager = custom(&path, move |metric, params| {
        kept.lock().unwrap().push((metric.clone(), params.to_owned()));
        Ok(match metric.id {
            32 => Outcome::Changed {
                total_val: Some(Value::Real(-1.0)),
                per_label_val: Some(Value::Text(b"{\"x\":1}".into())),
            },
            33 => Outcome::Skipped("not today".to_owned()),
            34 => Outcome::Failed("never".to_owned()),
            _ => Outcome::Unchanged,
        })
    });
    let steps = document(&[("loss", "custom", r#"{"why": [1.50]}"#)], r#"{"rollback_on_error": false}"#);
    let result = manager.transform_metrics(&all(), &steps, TransformOptions::default()).expect("done");
    assert_eq!((result.matched, result.updated, result.unchanged), (4, 1, 1));
    let noted = |list: &expmig::transformation::NotedList| {
        list.first.iter().map(|n| (n.metric_id, n.transformation.clone(), n.reason.clone())).collect::<Vec<_>>()
    };
    assert_eq!(noted(&result.skipped), [(33, "custom".to_owned(), "not today".to_owned())]);
    assert_eq!(noted(&result.failed), [(34, "custom".to_owned(), "never".to_owned())]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().map(|(metric, _)| metric.id).collect::<Vec<_>>(), [32, 33, 34, 36]);
    assert_eq!(seen[0].0.kind, b"loss");
    assert_eq!((&seen[0].0.total_val, &seen[0].0.per_label_val), (&Value::Real(1.5), &Value::Null));
    assert_eq!(seen[0].1, r#"{"why": [1.50]}"#);
    assert_eq!(totals(&path, &[32]), [-1.0]);
    assert_eq!(text(&path, "SELECT per_label_val FROM METRIC WHERE id = 32"), "{\"x\":1}");
}

#[test]
fn an_error_of_a_registered_transformation_ends_everything() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let manager = custom(&path, |metric, _| match metric.id {
        34 => Err(Flow::Cancel.stop(expmig::Domain::Transformation, "transformation").unwrap().hint("x")),
        _ => Ok(Outcome::Changed { total_val: Some(Value::Real(0.0)), per_label_val: None }),
    });
    let loose = document(&[("loss", "custom", CUSTOM)], r#"{"rollback_on_error": false}"#);
    let act = || failed(manager.transform_metrics(&all(), &loose, TransformOptions::default()), Status::Cancelled);
    untouched(&path, act);
}

#[test]
fn names_of_transformations_are_taken_once_and_only_known_ones_can_be_used() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let manager = custom(&path, |_, _| Ok(Outcome::Unchanged));
    let register = |name: &str| manager.register_transformation(name, Box::new(|_, _| Ok(Outcome::Unchanged)));
    failed(register("custom"), Status::AlreadyExists);
    failed(register("scale"), Status::AlreadyExists);
    for name in ["", "a\nb", &"n".repeat(129)] {
        failed(register(name), Status::InvalidArgument);
    }
    failed(manager.unregister_transformation("other"), Status::NotFound);
    let use_it = || manager.transform_metrics_by(&all(), "custom", None, TransformOptions::default());
    use_it().expect("it is registered");
    manager.unregister_transformation("custom").expect("it was registered");
    failed(use_it(), Status::InvalidArgument);
}

// ---- Progress and cancelling

#[test]
fn progress_counts_metrics_and_ends_at_exactly_one_hundred() {
    let folder = Folder::new();
    let path = folder.small(
        "a.db",
        "UPDATE METRIC SET per_label_val = '{\"a\": 1, \"b\": 2}' WHERE id = 35; INSERT INTO EPOCH_METRIC VALUES (0, 21, 777);",
    );
    let steps = document(
        &[("loss", "scale", DOUBLE), ("accuracy", "normalize_json_keys", r#"{"key_mapping": {"a": "b"}}"#)],
        r#"{"rollback_on_error": false}"#,
    );
    for (selection, items) in [(all(), 8), (of(&[1]), 7), (only(&[31, 32]), 2), (of(&[]), 0)] {
        let path = folder.copy_of(&path, "copy.db");
        let reports: Arc<Mutex<Vec<Progress>>> = Arc::default();
        let kept = Arc::clone(&reports);
        let sink = move |progress: &Progress| {
            kept.lock().unwrap().push(progress.clone());
            std::thread::sleep(Duration::from_millis(105));
            Flow::Continue
        };
        let options = TransformOptions { progress: Some(Box::new(sink)), ..TransformOptions::default() };
        let result = open(&path).transform_metrics(&selection, &steps, options).expect("done");
        assert_eq!(result.examined, items);
        let reports = reports.lock().unwrap();
        let last = reports.last().expect("reports");
        assert!(last.finished);
        assert_eq!((last.processed_items, last.total_items), (items, items));
        assert_eq!(last.completion_percentage(), 100.0);
        assert_eq!(last.failed_items, result.failed.count);
        assert!(reports.iter().all(|report| (0.0..=100.0).contains(&report.success_rate())));
        assert!(reports[0].operation == "opening" && reports.len() >= 4, "{reports:?}");
    }
}

#[test]
fn a_cancelled_transformation_changes_nothing() {
    let folder = Folder::new();
    let path = folder.digits("a.db");
    let steps = document(&[("accuracy", "scale", DOUBLE)], "{}");
    let cancel = CancelToken::new();
    cancel.trigger();
    let options = TransformOptions { cancel: Some(cancel), ..TransformOptions::default() };
    untouched(&path, || failed_without_hint(open(&path).transform_metrics(&all(), &steps, options), Status::Cancelled));
    // At each stage.
    for stage in ["opening", "counting", "transforming metrics", "moving links to the copies", "committing"] {
        for (flow, status) in [(Flow::Cancel, Status::Cancelled), (Flow::Fail(7), Status::Callback)] {
            let path = folder.small("stage.db", SHARED);
            let sink = move |progress: &Progress| {
                std::thread::sleep(Duration::from_millis(105));
                if progress.operation == stage { flow } else { Flow::Continue }
            };
            let options = TransformOptions { progress: Some(Box::new(sink)), ..TransformOptions::default() };
            let loss = document(&[("loss", "scale", DOUBLE)], "{}");
            let error = untouched(&path, || {
                failed_without_hint(open(&path).transform_metrics(&of(&[1]), &loss, options), status)
            });
            assert_eq!(error.domain(), expmig::Domain::Transformation, "{stage}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[track_caller]
fn failed_without_hint<T: std::fmt::Debug>(result: expmig::Result<T>, status: Status) -> expmig::Error {
    let error = result.expect_err("an error");
    assert_eq!(error.status(), status, "{}", error.to_json());
    error
}

// ---- Databases in the wild

#[test]
fn generation_1_extra_columns_and_odd_types_are_transformed_as_they_are() {
    let folder = Folder::new();
    let path = folder.database("one.db", 1, SMALL);
    let result = transform(&path, &of(&[1]), &rules("loss", "scale", DOUBLE)).expect("done");
    assert_eq!(result.updated, 3);
    // Columns of other types: what is stored is what counts.
    let odd = folder.small(
        "odd.db",
        "ALTER TABLE METRIC RENAME TO old;
         CREATE TABLE METRIC (per_label_val JSON, extra, id INTEGER PRIMARY KEY AUTOINCREMENT, total_val INT, type TEXT);
         INSERT INTO METRIC (id, type, total_val, per_label_val) SELECT id, type, total_val, per_label_val FROM old;
         DROP TABLE old;",
    );
    let result =
        transform(&odd, &all(), &rules("loss", "scale", r#"{"factor": 2.0, "target": "total"}"#)).expect("done");
    assert_eq!(result.updated, 4);
    let id = "SELECT typeof(total_val) || total_val FROM METRIC WHERE id = ";
    assert_eq!(text(&odd, &format!("{id} 32")), "integer3");
    assert_eq!(text(&odd, &format!("{id} 33")), "real1.5");
}

#[test]
fn the_undo_log_is_part_of_no_experiment_and_no_extra_table() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let result = transform(&path, &all(), &document(&[("loss", "scale", DOUBLE)], "{}")).expect("done");
    assert_eq!(result.transform_id, Some(1));
    assert_eq!(integer(&path, "SELECT count(*) FROM EXPMIG_UNDO"), 4);
    let manager = open(&path);
    assert_eq!(at(&manager.database_info().expect("info"), "/extra_tables"), &serde_json::json!([]));
    let report = manager.validate(expmig::ValidateOptions::default()).expect("a report");
    assert!(report.passed(), "{}", report.to_json());
    let target = folder.empty("target.db", "");
    let copied = migrate_files(&path, 1, &target, expmig::MigrateOptions::default()).expect("a copy");
    assert_eq!(copied.source_digest, copied.target_digest);
    assert_eq!(integer(&target, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'EXPMIG%'"), 0);
    assert_eq!(python_digests(&path)[&1], digest(&path, 1));
}
