//! Offline runs of neptune-scale, as the package wrote them (tests/data/readers/make_neptune.py), brought into a store. The package reads them nowhere: what it was given is
//! said here once more.

use std::path::PathBuf;

use crate::migrate::empty;
use crate::mlruns::{bring, copy_folder, found, leaving_out};
use crate::support::{Folder, crate_path, dump, execute, integer, leaves_alone, open, text};
use expmig::{BringInOptions, Status};
use serde_json::{Value as Json, json};

/// 2024-01-02T03:04:00 UTC.
const MINUTE: i64 = 1_704_164_640_000;

fn runs(folder: &Folder) -> PathBuf {
    let to = folder.path("neptune");
    copy_folder(&crate_path("tests/data/readers/neptune"), &to);
    to
}

#[test]
fn what_neptune_scale_was_given_arrives_point_by_point() {
    let folder = Folder::new();
    let (source, target) = (runs(&folder), empty(&folder));
    let beside = folder.path("beside.jsonl");
    let options = BringInOptions { sidecar: Some(beside.clone()), ..BringInOptions::default() };
    let done = bring(&source, &target, options).unwrap();
    assert_eq!((done.kind, done.runs(), done.experiments[0].name.as_str()), ("neptune", (2, 2), "team/vision"));
    let of = |run: &str, what: &str| {
        format!(
            "SELECT {what} JOIN tags AS t ON t.run_uuid = m.run_uuid AND t.key = 'neptune.run_id' WHERE t.value = '{run}'"
        )
    };
    let mut points: Vec<Vec<String>> = Vec::new();
    let mut point = |key: &str, step: i64, time: i64, value: f64, is_nan: i64| {
        points.push(vec![
            key.to_owned(),
            step.to_string(),
            (MINUTE + time).to_string(),
            format!("{value:?}"),
            is_nan.to_string(),
        ]);
    };
    for step in 0..20 {
        point("loss", step, step * 1000, 1.0 / (step + 1) as f64, 0);
        point("val/acc_1", step, step * 1000, step as f64, 0);
    }
    point("odd", 0, 1000, 0.0, 1);
    point("odd", 1, 1001, -f64::MAX, 0);
    point("half", 1, 1000, 3.5, 0);
    point("loss", 20, 30_000, 0.001, 0);
    points.sort();
    assert_eq!(found(&target, &of("first", "m.key, m.step, m.timestamp, m.value, m.is_nan FROM metrics AS m")), points);
    assert_eq!(found(&target, &of("second", "m.key, m.step, m.value FROM metrics AS m")), [["loss", "4", "0.5"]]);
    let mut params = found(&target, &of("first", "m.key, m.value FROM params AS m"));
    params.retain(|param| param[0] != "sys/name");
    assert_eq!(
        params,
        [
            ["big", "4611686018427387904"],
            ["flag", "True"],
            ["layers", "4"],
            ["lr", "1e-05"],
            ["name", "net"],
            ["odd", "inf"],
            ["when", "2024-01-02T03:04:05.123456+00:00"],
        ]
    );
    let tag = |run: &str, key: &str| {
        text(&target, &of(run, "m.value FROM tags AS m").replace("WHERE", &format!("WHERE m.key = '{key}' AND")))
    };
    assert_eq!(
        (tag("first", "mlflow.runName"), tag("first", "neptune.set/sys/tags")),
        ("größe".to_owned(), "[\"b\",\"c\"]".to_owned())
    );
    assert_eq!(
        (tag("second", "neptune.fork_parent"), tag("second", "neptune.fork_step")),
        ("first".to_owned(), "3.0".to_owned())
    );
    assert_eq!(tag("first", "expmig.key.val/acc_1"), "val/acc@1");
    assert_eq!(found(&target, "SELECT DISTINCT status, end_time FROM runs"), [["RUNNING", "NULL"]]);
    // What has no place stands beside.
    let lines: Vec<Json> =
        std::fs::read_to_string(&beside).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<(&str, &Json)> = lines.iter().map(|line| (line["kind"].as_str().unwrap(), &line["value"])).collect();
    let one = |kind: &str| kinds.iter().find(|(found, _)| *found == kind).unwrap().1;
    assert_eq!(
        *one("fractional_step"),
        json!({"attribute": "half", "step": "0.5", "time": "2024-01-02T03:04:01+00:00", "value": "2.5"})
    );
    assert_eq!((&one("text")["attribute"], &one("text")["value"]), (&json!("said"), &json!("hello")));
    assert!(one("histogram")["bytes"].is_string());
    let total = done.account.total();
    assert_eq!((total.points.sidecar["fractional_step"], total.values.refused["machine"]), (1, 2));
    assert_eq!(
        (total.values.folded["config_replaced"], total.adjusted["time_in_milliseconds"], total.torn),
        (1, 1, None)
    );
    assert!(done.account.sources.iter().all(|source| source.unfinished && source.torn.is_none()));
    let report = open(&target).validate(expmig::ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
    let before = dump(&target);
    let again = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((again.rows_new(), again.rows_changed(), dump(&target)), (0, 0, before));
}

#[test]
fn what_has_no_place_or_was_sent_is_said() {
    let folder = Folder::new();
    let (source, target) = (runs(&folder), empty(&folder));
    let error = leaves_alone(&target, || bring(&source, &target, BringInOptions::default())).unwrap_err();
    assert_eq!(error.status(), Status::Lossy);
    for kind in ["fractional_step", "histogram", "text"] {
        assert!(error.details().iter().any(|detail| detail.key == kind && detail.value == "1"), "{kind}: {error:?}");
    }
    let file = source.join("team_vision_first_0/run_operations.sqlite3");
    execute(
        &file,
        "DELETE FROM run_operations WHERE sequence_id BETWEEN 10 AND 12; UPDATE run_operations SET operation = x'0aff' WHERE sequence_id = 8",
    );
    let machine = BringInOptions {
        with_machine: true,
        ended: true,
        sidecar: Some(folder.path("beside.jsonl")),
        ..BringInOptions::default()
    };
    let done = bring(&source, &target, machine).unwrap();
    let first = done.account.sources.iter().find(|source| source.name == "team/vision/first").unwrap();
    assert!(first.torn.as_deref().unwrap().contains("operations 10 to 12"), "{first:?}");
    assert_eq!((first.values.refused["malformed_operation"], first.values.sidecar["machine"]), (1, 2));
    assert_eq!(integer(&target, "SELECT count(*) FROM runs WHERE status = 'FINISHED' AND end_time >= start_time"), 2);
    execute(&file, "UPDATE metadata SET version = 'v9'");
    let newer = bring(&source, &target, leaving_out()).unwrap_err();
    assert_eq!(newer.status(), Status::Unsupported);
    assert!(newer.message().contains("v9"), "{newer:?}");
}

#[test]
fn a_run_whose_writer_was_killed_is_read_with_its_write_ahead_log() {
    let folder = Folder::new();
    let (source, target) = (runs(&folder), empty(&folder));
    let file = source.join("team_vision_first_1/run_operations.sqlite3");
    let writer = crate::support::sql(&file);
    writer.query_row("PRAGMA journal_mode = wal", [], |_| Ok(())).unwrap();
    writer.execute_batch("PRAGMA wal_autocheckpoint = 0; INSERT INTO run_operations (timestamp, operation_type, operation, operation_size_bytes)
        SELECT timestamp, operation_type, operation, operation_size_bytes FROM run_operations WHERE operation_type = 0").unwrap();
    let done = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!(done.account.total().points.folded["equal_point"], 1);
    drop(writer);
}
