//! Undoing transformations: byte for byte, or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::*;
use expmig::transformation::Outcome;
use expmig::{
    JobOptions, MetricSelection, Status, TransformOptions, TransformationResult, UndoOptions, UndoResult, Value,
};
use proptest::prelude::*;

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

fn by(path: &Path, selection: &MetricSelection, transformation: &str, params: &str) -> TransformationResult {
    open(path)
        .transform_metrics_by(selection, transformation, Some(params), TransformOptions::default())
        .unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Doubles the totals; the id by which that is undone.
fn double(path: &Path, selection: &MetricSelection) -> i64 {
    by(path, selection, "scale", DOUBLE).transform_id.expect("something was changed")
}

fn undo(path: &Path, id: i64) -> expmig::Result<UndoResult> {
    open(path).undo_transform(id, UndoOptions::default())
}

fn undo_what_is_left(path: &Path, id: i64) -> UndoResult {
    let options = UndoOptions { skip_changed: true, ..UndoOptions::default() };
    open(path).undo_transform(id, options).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Everything but the counters of SQLite and our own tables, which must be empty.
fn content(path: &Path) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut content = dump(path);
    for own in ["EXPMIG_UNDO", "EXPMIG_UNDO_LINK", "EXPMIG_UNDO_TRANSFORM"] {
        assert_eq!(content.remove(own).unwrap_or_default(), Vec::<Vec<String>>::new(), "{own}");
    }
    for table in ["sqlite_sequence", "sqlite_schema"] {
        content.remove(table);
    }
    content
}

fn untouched<T>(path: &Path, act: impl FnOnce() -> T) -> T {
    let before = dump(path);
    let result = act();
    assert_eq!(dump(path), before);
    result
}

#[test]
fn an_undo_gives_back_every_byte() {
    let folder = Folder::new();
    // Odd cells too: every type of value in both columns, text that is no UTF-8.
    let path = folder.small(
        "a.db",
        "INSERT INTO METRIC VALUES (41, 'odd', 'text', x'7b7d'), (42, 'odd', x'00ff', 'x'), (43, 'odd', 9007199254740993, CAST(x'7b22ff22' AS TEXT)),
           (44, 'odd', 1e999, '{\"a\":  1.0 , \"b\":1e-3,\"c\":0.10}'), (45, 'odd', -1e999, ''), (46, 'odd', 0.1, NULL);",
    );
    let before = content(&path);
    let manager = open(&path);
    let change = |metric: &expmig::transformation::Metric, _: &str| {
        Ok(match metric.id % 3 {
            0 => Outcome::Changed { total_val: Some(Value::Real(-0.5)), per_label_val: None },
            1 => Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(b"{\"new\": 1}".into())) },
            _ => Outcome::Changed { total_val: Some(Value::Real(-0.5)), per_label_val: Some(Value::Null) },
        })
    };
    manager.register_transformation("change", Box::new(change)).expect("a new name");
    let rules = r#"{"metric_transformations": [{"metric_type": "odd", "transformation": "change"}, {"metric_type": "accuracy", "transformation": "change"}],
                    "global_settings": {"validate_after_transform": false}}"#;
    let result = manager.transform_metrics(&all(), rules, TransformOptions::default()).expect("done");
    assert_eq!(result.updated, 8);
    let undone = manager.undo_transform(result.transform_id.expect("an id"), UndoOptions::default()).expect("undone");
    assert_eq!((undone.restored, undone.skipped, undone.copies), (8, 0, 0));
    drop(manager);
    assert_eq!(content(&path), before);
}

#[test]
fn only_what_changed_is_kept_and_a_transformation_without_a_backup_keeps_nothing() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let id = double(&path, &only(&[31, 32]));
    assert_eq!(
        rows(&path, "SELECT metric_id, original_id, cells, total_val, per_label_val, length(written) FROM EXPMIG_UNDO"),
        [
            ["Integer(31)", "Null", "Integer(1)", "real 3fe0000000000000", "Null", "Integer(16)"],
            ["Integer(32)", "Null", "Integer(1)", "real 3ff8000000000000", "Null", "Integer(16)"]
        ]
    );
    let rules = format!(
        r#"{{"metric_transformations": [{{"metric_type": "loss", "transformation": "scale", "rules": {DOUBLE}}}],
             "global_settings": {{"backup_original": false}}}}"#
    );
    let result = open(&path).transform_metrics(&only(&[33]), &rules, TransformOptions::default()).expect("done");
    assert_eq!((result.updated, result.transform_id), (1, None));
    let entries = open(&path).list_transforms().expect("a list");
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id]);
}

#[test]
fn an_undo_happens_once() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    failed(undo(&path, 1), Status::NotFound);
    let id = double(&path, &all());
    let error = failed(undo(&path, id + 1), Status::NotFound);
    assert_detail(&error, "transform_id", &(id + 1).to_string());
    assert!(error.hint_text().expect("a hint").contains(&id.to_string()));
    undo(&path, id).expect("undone");
    untouched(&path, || failed(undo(&path, id), Status::NotFound));
    // Ids are not used again.
    assert_eq!(double(&path, &all()), id + 1);
}

#[test]
fn metrics_that_were_changed_since_or_are_gone_stop_an_undo_or_are_left_alone() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let id = double(&path, &all());
    execute(
        &path,
        "UPDATE METRIC SET total_val = 100.0 WHERE id = 32;
         UPDATE METRIC SET per_label_val = '{}' WHERE id = 33;
         DELETE FROM METRIC WHERE id = 34;",
    );
    let error = untouched(&path, || failed(undo(&path, id), Status::Mismatch));
    assert_eq!(error.domain(), expmig::Domain::Transformation);
    assert_eq!(details(&error, "count"), ["3"]);
    assert_eq!(details(&error, "row"), ["id=32", "id=33", "id=34"]);
    assert_eq!(details(&error, "problem"), ["it was changed since", "it was changed since", "it is gone"]);
    let result = undo_what_is_left(&path, id);
    assert_eq!((result.restored, result.skipped), (5, 3));
    assert_eq!(at(&result.to_json(), "/skipped/2/metric_id"), 34);
    assert_eq!(
        rows(&path, "SELECT id, total_val FROM METRIC WHERE id IN (31, 32, 33, 34)"),
        [
            ["Integer(31)", "real 3fe0000000000000"],
            ["Integer(32)", "real 4059000000000000"],
            ["Integer(33)", "real 3ff8000000000000"]
        ]
    );
    failed(undo(&path, id), Status::NotFound);
}

#[test]
fn other_columns_may_change_meanwhile() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let before = content(&path);
    let id = double(&path, &all());
    execute(
        &path,
        "ALTER TABLE METRIC ADD COLUMN unit TEXT DEFAULT 'm'; UPDATE METRIC SET unit = 's', type = 'x' WHERE id = 31",
    );
    assert_eq!(undo(&path, id).expect("undone").restored, 8);
    execute(&path, "UPDATE METRIC SET type = 'accuracy' WHERE id = 31; ALTER TABLE METRIC DROP COLUMN unit");
    assert_eq!(content(&path), before);
}

#[test]
fn an_older_transformation_waits_for_the_newer_ones_of_the_same_metrics() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let before = content(&path);
    let first = double(&path, &only(&[31, 32]));
    let second = double(&path, &only(&[32, 33]));
    let third = double(&path, &only(&[34]));
    // The newer one leaves what the older one left: it still comes first.
    let back = by(&path, &only(&[32]), "scale", r#"{"factor": 0.5, "target": "total"}"#).transform_id.expect("an id");
    let error = untouched(&path, || failed(undo(&path, first), Status::Mismatch));
    assert_eq!(details(&error, "newer_transform_id"), [back.to_string(), second.to_string()]);
    assert_eq!(details(&error, "row"), ["id=32"]);
    undo(&path, third).expect("nobody else changed it");
    untouched(&path, || failed(undo(&path, second), Status::Mismatch));
    for id in [back, second, first] {
        undo(&path, id).expect("the newest first");
    }
    assert_eq!(content(&path), before);
}

#[test]
fn leaving_out_what_a_newer_transformation_changed_keeps_that_one_undoable() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let first = double(&path, &only(&[31, 32]));
    let second = double(&path, &only(&[32, 33]));
    let result = undo_what_is_left(&path, first);
    assert_eq!((result.restored, result.skipped), (1, 1));
    assert_eq!(undo(&path, second).expect("undone").restored, 2);
    assert_eq!(
        rows(&path, "SELECT total_val FROM METRIC WHERE id BETWEEN 31 AND 33 ORDER BY id"),
        [["real 3fe0000000000000"], ["real 4008000000000000"], ["real 3fe8000000000000"]]
    );
}

// ---- Copies

/// Experiment 1 also links metric 36 of experiment 2, from an epoch and from a batch.
const SHARED: &str = "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36); INSERT INTO BATCH_METRIC VALUES (1, 0, 21, 36);
    ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = 'm' || id;";
/// The first id that is free there.
const COPY: i64 = 39;

/// A database in which 36 was copied as 39 and changed for experiment 1, and the id of that.
fn copied(folder: &Folder, name: &str) -> (std::path::PathBuf, BTreeMap<String, Vec<Vec<String>>>, i64) {
    let path = folder.small(name, SHARED);
    let before = content(&path);
    let result = by(&path, &of(&[1]), "scale", DOUBLE);
    assert_eq!((result.copied, integer(&path, "SELECT max(id) FROM METRIC")), (1, COPY));
    (path, before, result.transform_id.expect("an id"))
}

#[test]
fn undoing_a_copy_moves_the_links_back_and_removes_it() {
    let folder = Folder::new();
    let (path, before, id) = copied(&folder, "a.db");
    let undone = undo(&path, id).expect("undone");
    assert_eq!((undone.restored, undone.copies, undone.copies_kept), (8, 1, 0));
    assert_eq!(content(&path), before);
}

#[test]
fn a_copy_that_something_else_is_linked_to_stays() {
    let folder = Folder::new();
    let (path, mut before, id) = copied(&folder, "a.db");
    execute(&path, "INSERT INTO RESULTS_METRIC VALUES (22, 39)");
    let undone = undo(&path, id).expect("undone");
    assert_eq!((undone.copies, undone.copies_kept), (1, 1));
    execute(&path, "DELETE FROM RESULTS_METRIC WHERE metric_id = 39; DELETE FROM METRIC WHERE id = 39");
    let mut after = content(&path);
    // The link that was added and removed again counts in the row ids of its table only.
    for content in [&mut before, &mut after] {
        content.remove("RESULTS_METRIC");
    }
    assert_eq!(after, before);
}

#[test]
fn a_copy_is_not_undone_when_it_its_original_or_its_links_were_changed() {
    let folder = Folder::new();
    for (at, (change, problem)) in [
        ("UPDATE METRIC SET total_val = 1 WHERE id = 39", "changed since"),
        ("UPDATE METRIC SET unit = 'x' WHERE id = 39", "changed since"),
        ("UPDATE METRIC SET unit = NULL WHERE id = 36", "changed since"),
        ("UPDATE METRIC SET total_val = 1 WHERE id = 36", "changed since"),
        ("UPDATE METRIC SET type = 'LOSS' WHERE id = 36", "changed since"),
        ("DELETE FROM METRIC WHERE id = 36", "copied from is gone"),
        ("DELETE FROM METRIC WHERE id = 39", "gone"),
        ("DELETE FROM EPOCH_METRIC WHERE metric_id = 39", "links"),
        ("UPDATE BATCH_METRIC SET batch_idx = 5 WHERE metric_id = 39", "links"),
        ("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)", "links"),
        ("DROP TABLE BATCH_METRIC", "links"),
    ]
    .into_iter()
    .enumerate()
    {
        let (path, _, id) = copied(&folder, &format!("{at}.db"));
        execute(&path, change);
        let error = untouched(&path, || failed(undo(&path, id), Status::Mismatch));
        assert_eq!(details(&error, "row"), ["id=39"], "{change}");
        assert!(details(&error, "problem")[0].contains(problem), "{change}: {}", error.to_json());
        let links = "SELECT 'e', * FROM EPOCH_METRIC WHERE metric_id IN (36, 39)";
        let before = rows(&path, links);
        let result = undo_what_is_left(&path, id);
        assert_eq!((result.restored, result.copies, result.skipped), (7, 0, 1), "{change}");
        assert_eq!(rows(&path, links), before, "{change}");
    }
}

#[test]
fn a_copy_that_a_newer_transformation_changed_waits_for_it() {
    let folder = Folder::new();
    let (path, before, first) = copied(&folder, "a.db");
    let second = double(&path, &only(&[COPY]));
    let error = untouched(&path, || failed(undo(&path, first), Status::Mismatch));
    assert_eq!(details(&error, "newer_transform_id"), [second.to_string()]);
    undo(&path, second).expect("undone");
    undo(&path, first).expect("undone");
    assert_eq!(content(&path), before);
}

// ---- The list

#[test]
fn the_list_says_what_can_be_undone_and_the_oldest_can_be_forgotten() {
    let folder = Folder::new();
    let path = folder.small("a.db", SHARED);
    let manager = open(&path);
    assert_eq!(
        expmig::transformation::list_json(&manager.list_transforms().expect("a list"))["transforms"],
        serde_json::json!([])
    );
    assert_eq!(untouched(&path, || manager.forget_transforms(0, JobOptions::default()).expect("nothing to do")), 0);
    let ids: Vec<i64> = (0..4).map(|_| double(&path, &of(&[1]))).collect();
    let json = expmig::transformation::list_json(&manager.list_transforms().expect("a list"));
    assert_eq!(at(&json, "/schema"), "expmig.transforms/1");
    for (place, id) in ids.iter().rev().enumerate() {
        let entry = &json["transforms"][place];
        assert_eq!((&entry["id"], &entry["metrics"]), (&(*id).into(), &8.into()));
        assert_eq!(entry["rules"][0]["transformation"], "scale");
        assert_eq!(entry["rules"][0]["params"], serde_json::from_str::<serde_json::Value>(DOUBLE).unwrap());
        assert_eq!(entry["copied"], if place == 3 { 1 } else { 0 });
        assert!(expmig::values::parse_timestamp(entry["created_at"].as_str().unwrap().as_bytes()).is_some());
    }
    failed(manager.forget_transforms(-1, JobOptions::default()), Status::InvalidArgument);
    assert_eq!(manager.forget_transforms(9, JobOptions::default()).expect("nothing to do"), 0);
    assert_eq!(manager.forget_transforms(1, JobOptions::default()).expect("forgotten"), 3);
    assert_eq!(integer(&path, "SELECT count(*) FROM EXPMIG_UNDO"), 8);
    assert_eq!(integer(&path, "SELECT count(*) FROM EXPMIG_UNDO_LINK"), 0);
    for id in &ids[..3] {
        failed(undo(&path, *id), Status::NotFound);
    }
    undo(&path, ids[3]).expect("undone");
    double(&path, &of(&[1]));
    assert_eq!(manager.forget_transforms(0, JobOptions::default()).expect("forgotten"), 1);
    assert!(manager.list_transforms().expect("a list").is_empty());
    content(&path);
}

#[test]
fn tables_of_another_version_are_not_touched() {
    let folder = Folder::new();
    let path = folder.small("a.db", "CREATE TABLE expmig_undo (id INTEGER PRIMARY KEY, something);");
    let act = || open(&path).transform_metrics_by(&all(), "scale", Some(DOUBLE), TransformOptions::default());
    let error = untouched(&path, || failed(act(), Status::Schema));
    assert_detail(&error, "table", "EXPMIG_UNDO");
    // They are not in the way of anything else.
    assert!(open(&path).validate(expmig::ValidateOptions::default()).expect("a report").passed());
}

#[test]
fn a_log_that_somebody_changed_is_refused() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let id = double(&path, &all());
    execute(&path, "DELETE FROM EXPMIG_UNDO WHERE metric_id = 33");
    untouched(&path, || failed(undo(&path, id), Status::Mismatch));
}

#[test]
fn snapshots_keep_the_log_with_the_data() {
    let folder = Folder::new();
    let path = folder.small("a.db", "");
    let before = content(&path);
    let id = double(&path, &all());
    let manager = open(&path);
    let snapshot = manager.create_snapshot("", expmig::SnapshotOptions::default()).expect("a snapshot");
    undo(&path, id).expect("undone");
    let options = expmig::RestoreOptions { no_safety_snapshot: true, ..expmig::RestoreOptions::default() };
    manager.restore_snapshot(&snapshot, options).expect("restored");
    undo(&path, id).expect("undone once more");
    assert_eq!(content(&path), before);
}

// ---- Any sequence

/// A transformation that may or may not fit what is there.
fn any_step() -> impl Strategy<Value = (Option<Vec<i64>>, &'static str, &'static str)> {
    let selection = prop_oneof![Just(None), Just(Some(vec![1])), Just(Some(vec![2])), Just(Some(vec![1, 2])),];
    let step = prop_oneof![
        Just(("scale", r#"{"factor": 1.5, "offset": -0.25}"#)),
        Just(("scale", r#"{"factor": 3, "target": "labels"}"#)),
        Just(("round", r#"{"digits": 1}"#)),
        Just(("normalize_json_keys", r#"{"key_mapping": {"a": "b", "b": "a", "class_0": "c0"}}"#)),
        Just(("legacy_to_per_label", r#"{"default_classes": ["class_0", "class_1"]}"#)),
        Just(("legacy_to_per_label", r#"{"split_by": "class_"}"#)),
        Just(("add_metadata", r#"{"metadata": {"unit": "m", "n": 1.50}}"#)),
        Just(("aggregate", r#"{"function": "mean"}"#)),
    ];
    (selection, step).prop_map(|(selection, (name, params))| (selection, name, params))
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn undoing_any_sequence_backwards_gives_back_the_exact_bytes(
        steps in prop::collection::vec(any_step(), 1..6),
        labels in prop::collection::vec(r#"(\{("[abc]": ?-?[0-9]{1,3}(\.[0-9]{1,17})?)?\}|)"#, 8),
    ) {
        let folder = Folder::new();
        let path = folder.small("a.db", SHARED);
        for (id, text) in (31..).zip(&labels) {
            sql(&path).execute("UPDATE METRIC SET per_label_val = ?1 WHERE id = ?2", (text, id)).unwrap();
        }
        let mut states = vec![content(&path)];
        let mut undoable = Vec::new();
        for (experiments, name, params) in &steps {
            let selection = MetricSelection { experiments: experiments.clone(), metrics: None };
            let rules = format!(
                r#"{{"metric_transformations": [{{"metric_type": "loss", "transformation": "{name}", "params": {params}}},
                                               {{"metric_type": "accuracy", "transformation": "{name}", "params": {params}}}],
                     "global_settings": {{"rollback_on_error": false}}}}"#
            );
            let result = open(&path).transform_metrics(&selection, &rules, TransformOptions::default()).unwrap();
            if let Some(id) = result.transform_id {
                undoable.push(id);
                let mut state = dump(&path);
                state.retain(|table, _| !table.starts_with("EXPMIG") && !table.starts_with("sqlite"));
                states.push(state);
            } else {
                prop_assert_eq!(result.updated, 0);
            }
        }
        while let Some(id) = undoable.pop() {
            undo(&path, id).unwrap_or_else(|error| panic!("{}", error.to_json()));
            states.pop();
            let mut state = dump(&path);
            state.retain(|table, _| !table.starts_with("EXPMIG") && !table.starts_with("sqlite"));
            prop_assert_eq!(Some(&state), states.last());
        }
        content(&path);
    }
}
