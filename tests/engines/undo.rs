//! Transforming with an undo log, and undoing: byte for byte, or not at all.

use expmig::transformation::Outcome;
use expmig::{
    JobOptions, Manager, MetricSelection, RestoreOptions, SnapshotOptions, Status, TransformOptions,
    TransformationResult, UndoOptions, UndoResult, ValidateOptions, Value,
};

use super::support::{Folder, at, details, failed};
use super::{Engine, FILE, Place, digest};

const DOUBLE: &str = r#"{"factor": 2, "target": "total"}"#;
/// Experiment 1 also links metric 36 of experiment 2, from an epoch and from a batch.
const SHARED: &str = "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36);\nINSERT INTO BATCH_METRIC VALUES (1, 0, 21, 36);\n\
    ALTER TABLE METRIC ADD COLUMN unit VARCHAR(20);\nUPDATE METRIC SET unit = 'm' WHERE id > 31";
/// Cells that must come back to the bit.
const ODD: &str = r#"INSERT INTO METRIC VALUES (41, 'odd', 5e-324, '{"a":  1.0 , "b":1e-3,"c":0.10}'), (42, 'odd', -1.7976931348623157e308, ''),
    (43, 'odd', 0.1, 'tab	newline
quote '' backslash \ emoji 😀 ß'), (44, 'odd', 123456789.12345678, NULL), (45, 'odd', 0, '{}'), (46, 'odd', 3, ' 5 ')"#;

type Content = Vec<(String, Vec<Vec<String>>)>;

fn all() -> MetricSelection {
    MetricSelection::default()
}

fn of(experiments: &[i64]) -> MetricSelection {
    MetricSelection { experiments: Some(experiments.to_vec()), metrics: None }
}

fn only(metrics: &[i64]) -> MetricSelection {
    MetricSelection { experiments: None, metrics: Some(metrics.to_vec()) }
}

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn by(place: &Place, selection: &MetricSelection, transformation: &str, params: &str) -> TransformationResult {
    ok(place.open().transform_metrics_by(selection, transformation, Some(params), TransformOptions::default()))
}

/// Doubles the totals; the id by which that is undone.
fn double(place: &Place, selection: &MetricSelection) -> i64 {
    by(place, selection, "scale", DOUBLE).transform_id.expect("something was changed")
}

fn undo(place: &Place, id: i64) -> expmig::Result<UndoResult> {
    place.open().undo_transform(id, UndoOptions::default())
}

fn undo_what_is_left(place: &Place, id: i64) -> UndoResult {
    ok(place.open().undo_transform(id, UndoOptions { skip_changed: true, ..UndoOptions::default() }))
}

/// Everything but the counters and the tables of the undo log.
fn without_log(place: &Place) -> Content {
    let counts = |table: &str| table == "sqlite_sequence" || table == "sqlite_schema";
    place.dump().into_iter().filter(|(table, _)| !table.starts_with("EXPMIG_") && !counts(table)).collect()
}

/// As [`without_log`]; the undo log must be empty.
fn content(place: &Place) -> Content {
    for (table, rows) in place.dump() {
        let is_log = table.starts_with("EXPMIG_") && !table.ends_with("declaration");
        assert!(!is_log || rows.is_empty(), "{table}: {rows:?}");
    }
    without_log(place)
}

fn untouched<T>(place: &Place, act: impl FnOnce() -> T) -> T {
    let before = place.dump();
    let result = act();
    assert_eq!(place.dump(), before);
    result
}

/// The total of a metric, by its bits.
fn total(place: &Place, metric: i64) -> String {
    place.cell(&format!("SELECT total_val FROM METRIC WHERE id = {metric}"))
}

fn real(number: f64) -> String {
    format!("real {:016x}", number.to_bits())
}

/// A manager with a transformation that changes either cell, or both.
fn changing(place: &Place) -> Manager {
    let manager = place.open();
    let change = |metric: &expmig::transformation::Metric, _: &str| {
        Ok(match metric.id % 3 {
            0 => Outcome::Changed { total_val: Some(Value::Real(-0.5)), per_label_val: None },
            1 => Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(b"{\"new\": 1}".into())) },
            _ => Outcome::Changed { total_val: Some(Value::Real(-0.5)), per_label_val: Some(Value::Null) },
        })
    };
    manager.register_transformation("change", Box::new(change)).expect("a new name");
    manager
}

const CHANGE: &str = r#"{"metric_transformations": [{"metric_type": "odd", "transformation": "change"}, {"metric_type": "accuracy", "transformation": "change"},
    {"metric_type": "loss", "transformation": "change"}], "global_settings": {"validate_after_transform": false}}"#;

pub fn an_undo_gives_back_every_byte(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(ODD);
    let before = content(&place);
    let manager = changing(&place);
    let dry = TransformOptions { dry_run: true, ..TransformOptions::default() };
    let preview = untouched(&place, || ok(manager.transform_metrics(&all(), CHANGE, dry)));
    let options = TransformOptions { batch_size: 5, ..TransformOptions::default() };
    let result = ok(manager.transform_metrics(&all(), CHANGE, options));
    assert_eq!((result.updated, preview.updated, result.failed.count), (12, 12, 0));
    assert_ne!(without_log(&place), before);
    let undone = ok(manager.undo_transform(result.transform_id.expect("an id"), UndoOptions::default()));
    assert_eq!((undone.restored, undone.skipped, undone.copies), (12, 0, 0));
    assert_eq!(content(&place), before);
}

pub fn shared_metrics_are_copied_and_undone(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(SHARED);
    let (before, other) = (content(&place), digest(&place.open(), 2));
    let result = by(&place, &of(&[1]), "scale", DOUBLE);
    assert_eq!((result.updated, result.copied), (8, 1));
    assert_eq!((total(&place, 36), total(&place, 39)), (real(9.0), real(18.0)));
    assert_eq!(digest(&place.open(), 2), other);
    let undone = ok(undo(&place, result.transform_id.expect("an id")));
    assert_eq!((undone.restored, undone.copies, undone.copies_kept), (8, 1, 0));
    assert_eq!(content(&place), before);
}

/// More than a mebibyte of labels, of which the fourth is three.
fn huge_labels() -> String {
    let labels: Vec<String> = (0..80_000).map(|at| format!("\"k{at:06}\": {at}")).collect();
    format!("{{{}}}", labels.join(", "))
}

pub fn huge_cells_are_changed_and_given_back(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(SHARED);
    place.execute(&format!("UPDATE METRIC SET per_label_val = '{}' WHERE id IN (31, 36)", huge_labels()));
    let (before, own, other) = (content(&place), digest(&place.open(), 1), digest(&place.open(), 2));
    let scale = |options| {
        let both = Some(r#"{"factor": 2}"#);
        ok(place.open().transform_metrics_by(&of(&[1]), "scale", both, options))
    };
    let dry = untouched(&place, || scale(TransformOptions { dry_run: true, ..TransformOptions::default() }));
    assert_eq!((dry.examined, dry.updated, dry.copied), (8, 8, 1));
    let result = scale(TransformOptions::default());
    assert_eq!((result.examined, result.updated, result.copied), (8, 8, 1));
    assert_ne!(digest(&place.open(), 1), own);
    assert_eq!((total(&place, 36), total(&place, 39)), (real(9.0), real(18.0)));
    assert_eq!(digest(&place.open(), 2), other);
    let undone = ok(undo(&place, result.transform_id.expect("an id")));
    assert_eq!((undone.restored, undone.copies, undone.copies_kept, undone.skipped), (8, 1, 0, 0));
    assert_eq!(content(&place), before);
    // What was changed since is seen there too, in the cell itself and beside it.
    let id = scale(TransformOptions::default()).transform_id.expect("an id");
    // The id of the first copy is used up.
    let copy: String = place.cell("SELECT max(id) FROM METRIC").chars().filter(char::is_ascii_digit).collect();
    place.execute(&format!(
        "UPDATE METRIC SET per_label_val = '{{}}' WHERE id = 31;\nUPDATE METRIC SET total_val = 1 WHERE id = {copy}",
    ));
    let error = untouched(&place, || failed(undo(&place, id), Status::Mismatch));
    let mut rows = details(&error, "row");
    rows.sort_unstable();
    assert_eq!(rows, ["id=31".to_owned(), format!("id={copy}")]);
    let result = undo_what_is_left(&place, id);
    assert_eq!((result.restored, result.copies, result.skipped), (6, 0, 2));
}

pub fn a_copy_that_something_else_is_linked_to_stays(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(SHARED);
    let id = double(&place, &of(&[1]));
    place.execute("INSERT INTO RESULTS_METRIC VALUES (22, 39)");
    let undone = ok(undo(&place, id));
    assert_eq!((undone.copies, undone.copies_kept), (1, 1));
    assert_eq!(place.cell("SELECT count(*) FROM EPOCH_METRIC WHERE metric_id = 36"), "Integer(2)");
    assert_eq!(total(&place, 39), real(18.0));
}

pub fn a_copy_is_not_undone_when_it_its_original_or_its_links_were_changed(engine: Engine) {
    let folder = Folder::new();
    for (nth, (change, problem)) in [
        ("UPDATE METRIC SET total_val = 1 WHERE id = 39", "changed since"),
        ("UPDATE METRIC SET unit = 'M' WHERE id = 39", "changed since"),
        ("UPDATE METRIC SET unit = NULL WHERE id = 36", "changed since"),
        ("UPDATE METRIC SET total_val = 1 WHERE id = 36", "changed since"),
        ("UPDATE METRIC SET type = 'LOSS' WHERE id = 36", "changed since"),
        ("DELETE FROM EPOCH_METRIC WHERE metric_id = 39", "links"),
        ("UPDATE BATCH_METRIC SET batch_idx = 0 WHERE metric_id = 39", "links"),
        ("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)", "links"),
        ("DROP TABLE BATCH_METRIC", "links"),
    ]
    .into_iter()
    .enumerate()
    {
        let place = engine.small(&folder, &nth.to_string());
        place.execute(SHARED);
        let id = double(&place, &of(&[1]));
        place.execute(change);
        let error = untouched(&place, || failed(undo(&place, id), Status::Mismatch));
        assert_eq!(details(&error, "row"), ["id=39"], "{change}");
        assert!(details(&error, "problem")[0].contains(problem), "{change}: {}", error.to_json());
        let links = "SELECT count(*) FROM EPOCH_METRIC WHERE metric_id = 39";
        let before = place.cell(links);
        let result = undo_what_is_left(&place, id);
        assert_eq!((result.restored, result.copies, result.skipped), (7, 0, 1), "{change}");
        assert_eq!(place.cell(links), before, "{change}");
    }
}

pub fn changed_metrics_stop_an_undo_or_are_left_alone(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let id = double(&place, &all());
    place.execute(
        "UPDATE METRIC SET total_val = 100.0 WHERE id = 32;\nUPDATE METRIC SET per_label_val = '{}' WHERE id = 33;\n\
         DELETE FROM EPOCH_METRIC WHERE metric_id = 34;\nDELETE FROM METRIC WHERE id = 34",
    );
    let error = untouched(&place, || failed(undo(&place, id), Status::Mismatch));
    assert_eq!(details(&error, "row"), ["id=32", "id=33", "id=34"]);
    assert_eq!(details(&error, "problem"), ["it was changed since", "it was changed since", "it is gone"]);
    let result = undo_what_is_left(&place, id);
    assert_eq!((result.restored, result.skipped), (5, 3));
    assert_eq!(at(&result.to_json(), "/skipped/2/metric_id"), 34);
    assert_eq!([31, 32, 33].map(|metric| total(&place, metric)), [0.5, 100.0, 1.5].map(real));
    untouched(&place, || failed(undo(&place, id), Status::NotFound));
}

pub fn older_transformations_wait_for_the_newer_ones_of_the_same_metrics(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let before = content(&place);
    let first = double(&place, &only(&[31, 32]));
    let second = double(&place, &only(&[32, 33]));
    let third = double(&place, &only(&[34]));
    // The newer one leaves what the older one left: it still comes first.
    let back = by(&place, &only(&[32]), "scale", r#"{"factor": 0.5, "target": "total"}"#).transform_id.expect("an id");
    let error = untouched(&place, || failed(undo(&place, first), Status::Mismatch));
    assert_eq!(details(&error, "newer_transform_id"), [back.to_string(), second.to_string()]);
    assert_eq!(details(&error, "row"), ["id=32"]);
    ok(undo(&place, third));
    untouched(&place, || failed(undo(&place, second), Status::Mismatch));
    for id in [back, second, first] {
        ok(undo(&place, id));
    }
    assert_eq!(content(&place), before);
}

pub fn the_log_is_listed_and_forgotten(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(SHARED);
    let manager = place.open();
    assert!(ok(manager.list_transforms()).is_empty());
    failed(undo(&place, 1), Status::NotFound);
    assert_eq!(untouched(&place, || ok(manager.forget_transforms(0, JobOptions::default()))), 0);
    let ids: Vec<i64> = (0..4).map(|_| double(&place, &of(&[1]))).collect();
    let json = expmig::transformation::list_json(&ok(manager.list_transforms()));
    for (nth, id) in ids.iter().rev().enumerate() {
        let entry = &json["transforms"][nth];
        assert_eq!((&entry["id"], &entry["metrics"]), (&(*id).into(), &8.into()));
        assert_eq!(entry["rules"][0]["params"], serde_json::from_str::<serde_json::Value>(DOUBLE).unwrap());
        assert_eq!(entry["copied"], if nth == 3 { 1 } else { 0 });
        assert!(expmig::values::parse_timestamp(entry["created_at"].as_str().unwrap().as_bytes()).is_some());
    }
    assert_eq!(ok(manager.forget_transforms(1, JobOptions::default())), 3);
    assert_eq!(place.cell("SELECT count(*) FROM EXPMIG_UNDO"), "Integer(8)");
    assert_eq!(place.cell("SELECT count(*) FROM EXPMIG_UNDO_LINK"), "Integer(0)");
    failed(undo(&place, ids[0]), Status::NotFound);
    ok(undo(&place, ids[3]));
    // Ids are not used again.
    assert!(double(&place, &of(&[1])) > ids[3]);
    assert_eq!(ok(manager.forget_transforms(0, JobOptions::default())), 1);
    content(&place);
}

pub fn the_log_is_nobodys_content(engine: Engine) {
    let folder = Folder::new();
    let (place, copy) = (engine.small(&folder, "a"), engine.place(&folder, "b"));
    let id = double(&place, &all());
    let manager = place.open();
    let info = ok(manager.database_info());
    assert_eq!((&info["extra_tables"], info["tables"].as_array().unwrap().len()), (&serde_json::json!([]), 18));
    assert!(ok(manager.validate(ValidateOptions::default())).passed());
    let target = copy.create();
    let new = super::migrated(&manager, Some(&target), 1, expmig::MigrateOptions::default());
    assert_eq!(digest(&target, new), digest(&manager, 1));
    assert!(copy.dump().iter().all(|(table, _)| !table.starts_with("EXPMIG_")));
    let with_log = digest(&manager, 1);
    assert_eq!(ok(manager.forget_transforms(0, JobOptions::default())), 1);
    assert_eq!(digest(&manager, 1), with_log);
    failed(undo(&place, id), Status::NotFound);
}

pub fn a_transformation_that_fails_keeps_nothing(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let before = content(&place);
    // 36 has no labels to round, 31 would have the key twice.
    let rules = r#"[{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}},
                    {"metric_type": "accuracy", "transformation": "normalize_json_keys", "params": {"key_mapping": {"a": "b"}}}]"#;
    let act = |rules: &str| place.open().transform_metrics(&all(), rules, TransformOptions::default());
    let error = failed(act(rules), Status::Validation);
    assert!(error.to_json().to_string().contains("31"), "{}", error.to_json());
    assert_eq!(content(&place), before);
    let unchanged = r#"[{"metric_type": "nothing", "transformation": "scale", "params": {"factor": 2}}]"#;
    assert_eq!(ok(act(unchanged)).transform_id, None);
    failed(place.open().transform_metrics(&of(&[7]), rules, TransformOptions::default()), Status::NotFound);
    assert_eq!(content(&place), before);
    assert!(ok(place.open().list_transforms()).is_empty());
}

pub fn snapshots_keep_the_log_with_the_data(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(SHARED);
    let before = content(&place);
    let manager = place.open();
    let empty = ok(manager.create_snapshot("", SnapshotOptions::default()));
    let id = double(&place, &of(&[1]));
    let full = ok(manager.create_snapshot("", SnapshotOptions::default()));
    ok(undo(&place, id));
    let restore = |id: &str| {
        let options = RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() };
        ok(manager.restore_snapshot(id, options))
    };
    restore(&full);
    assert_eq!(ok(manager.list_transforms()).len(), 1);
    ok(undo(&place, id));
    assert_eq!(content(&place), before);
    // A snapshot without a log takes away the one that is there.
    double(&place, &of(&[1]));
    restore(&empty);
    assert_eq!(content(&place), before);
    assert!(ok(manager.list_transforms()).is_empty());
}

/// A snapshot of one engine brings its undo log to the other.
pub fn a_log_can_be_used_on_another_engine(engine: Engine) {
    let folder = Folder::new();
    for (nth, (from, to)) in [(FILE, engine), (engine, FILE)].into_iter().enumerate() {
        let (source, target) = (from.small(&folder, &format!("from{nth}")), to.place(&folder, &format!("to{nth}")));
        source.execute(ODD);
        // Times and numbers are written differently by the engines, so the digests are compared.
        let (before, metrics) = (digest(&source.open(), 1), cells(&source));
        let manager = changing(&source);
        let id = ok(manager.transform_metrics(&all(), CHANGE, TransformOptions::default())).transform_id.unwrap();
        let snapshot = ok(manager.create_snapshot("", SnapshotOptions::default()));
        let there = target.create();
        let options = || RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
        ok(there.restore_snapshot(&snapshot, options()));
        assert_eq!(digest(&there, 1), digest(&manager, 1));
        assert_eq!(ok(undo(&target, id)).restored, 12);
        assert_eq!((digest(&there, 1), cells(&target)), (before, metrics));
    }
}

/// What the metrics have, as the library reads it.
fn cells(place: &Place) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    let sql = "SELECT id, total_val, per_label_val FROM METRIC ORDER BY id";
    ok(place.open().query(&(place.engine.sql)(sql), &[], &mut |row| {
        found.push(row.values.iter().map(|value| (*value).to_owned()).collect());
        Ok(expmig::Next::Row)
    }));
    found
}
