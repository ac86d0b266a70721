//! Folders `mlruns`, as MLflow wrote them (tests/data/readers), brought into stores: everything that MLflow's own API reads of them arrives, once.

use std::path::{Path, PathBuf};

use crate::migrate::empty;
use crate::store::store;
use crate::support::{Folder, crate_path, dump, execute, integer, leaves_alone, open, rows, sql, text};
use expmig::{BringInOptions, BringInResult, CancelToken, Flow, OnConflict, OnName, Result, Status};
use rusqlite::types::ValueRef;
use serde_json::{Value as Json, json};

/// A copy of a folder that MLflow wrote.
pub fn mlruns(folder: &Folder, version: &str) -> PathBuf {
    let to = folder.path(&format!("mlruns-{version}"));
    copy_folder(&crate_path(&format!("tests/data/readers/mlruns/{version}")), &to);
    to
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

/// What brings everything in that has no place too.
pub fn leaving_out() -> BringInOptions {
    BringInOptions { leave_out: true, ..BringInOptions::default() }
}

pub fn bring(path: &Path, target: &Path, options: BringInOptions) -> Result<BringInResult> {
    open(target).bring_in(path, options)
}

/// A number as the store has it, and whether it is none.
fn stored(value: &str) -> (f64, i64) {
    match value.parse::<f64>().unwrap() {
        value if value.is_nan() => (0.0, 1),
        value if value.is_infinite() => (f64::MAX.copysign(value), 0),
        value => (value + 0.0, 0),
    }
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

/// Every row of a query: texts as they are, numbers as Rust writes them.
pub fn found(path: &Path, query: &str) -> Vec<Vec<String>> {
    let connection = sql(path);
    let mut statement = connection.prepare(query).unwrap();
    let width = statement.column_count();
    let cell = |row: &rusqlite::Row<'_>, at: usize| match row.get_ref(at).unwrap() {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => format!("{value:?}"),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        ValueRef::Blob(_) => panic!("a blob"),
    };
    let rows = statement.query_map([], |row| Ok((0..width).map(|at| cell(row, at)).collect())).unwrap();
    sorted(rows.map(|row| row.unwrap()).collect())
}

fn name(value: &Json) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::from("NULL") } else { value.to_string() }, str::to_owned)
}

fn pairs(of: &Json) -> Vec<Vec<String>> {
    sorted(of.as_object().unwrap().iter().map(|(key, value)| vec![key.clone(), name(value)]).collect())
}

fn expected(version: &str) -> Vec<Json> {
    let text = std::fs::read(crate_path(&format!("tests/data/readers/mlruns/{version}.json"))).unwrap();
    let experiments: Vec<Json> = serde_json::from_slice(&text).unwrap();
    // Of an empty experiment that every store has, nothing is brought in.
    experiments.into_iter().filter(|experiment| experiment["info"][0] != "Default").collect()
}

fn is_as_mlflow_reads(target: &Path, version: &str) {
    let mut runs_seen = 0;
    for experiment in expected(version) {
        let title = experiment["info"][0].as_str().unwrap();
        let columns = "name, lifecycle_stage, artifact_location, creation_time, last_update_time";
        let sql = format!("SELECT experiment_id, {columns} FROM experiments WHERE name = '{title}'");
        let row = found(target, &sql).remove(0);
        let wanted: Vec<String> = experiment["info"].as_array().unwrap().iter().map(name).collect();
        assert_eq!(row[1..], wanted);
        let id = &row[0];
        assert_eq!(
            found(target, &format!("SELECT key, value FROM experiment_tags WHERE experiment_id = {id}")),
            pairs(&experiment["tags"])
        );
        for run in experiment["runs"].as_array().unwrap() {
            runs_seen += 1;
            let uuid = run["info"][0].as_str().unwrap();
            let columns = "run_uuid, name, status, start_time, end_time, user_id, lifecycle_stage, artifact_uri";
            let row = found(
                target,
                &format!("SELECT {columns} FROM runs WHERE run_uuid = '{uuid}' AND experiment_id = {id}"),
            );
            assert_eq!(row, [run["info"].as_array().unwrap().iter().map(name).collect::<Vec<_>>()]);
            for table in ["params", "tags"] {
                let sql = format!("SELECT key, value FROM {table} WHERE run_uuid = '{uuid}'");
                assert_eq!(found(target, &sql), pairs(&run[table]), "{uuid} {table}");
            }
            let mut points = Vec::new();
            for (key, history) in run["points"].as_object().unwrap() {
                for point in history.as_array().unwrap() {
                    let (value, is_nan) = stored(point[1].as_str().unwrap());
                    // MLflow's API forgets the step of a point with a dataset, which stands in the file.
                    let is_it = key == "acc" && point[0] == 1_700_000_000_002_i64;
                    let step = if is_it { json!(2) } else { point[2].clone() };
                    points.push(vec![
                        key.clone(),
                        name(&point[0]),
                        name(&step),
                        format!("{value:?}"),
                        is_nan.to_string(),
                    ]);
                }
            }
            points.sort();
            points.dedup();
            let sql = format!("SELECT key, timestamp, step, value, is_nan FROM metrics WHERE run_uuid = '{uuid}'");
            assert_eq!(found(target, &sql), points, "{uuid}");
            for (key, value) in run["latest"].as_object().unwrap() {
                let sql =
                    format!("SELECT value, is_nan FROM latest_metrics WHERE run_uuid = '{uuid}' AND key = '{key}'");
                let row = found(target, &sql).remove(0);
                // Of a NaN and a number at one place each of MLflow's stores has its own idea.
                if key != "nan" && key != "acc" {
                    let (value, is_nan) = stored(value.as_str().unwrap());
                    assert_eq!(
                        (row[0].parse::<f64>().unwrap().to_bits(), row[1].clone()),
                        (value.to_bits(), is_nan.to_string()),
                        "{key}"
                    );
                }
            }
            let sql = format!(
                "SELECT d.name, d.digest, d.dataset_source, d.dataset_schema, d.dataset_profile, t.name, t.value
                   FROM inputs AS i JOIN datasets AS d ON d.dataset_uuid = i.source_id JOIN input_tags AS t USING (input_uuid)
                   WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = '{uuid}'"
            );
            let datasets = run["datasets"].as_array().unwrap().iter().map(|dataset| {
                let fields = dataset.as_array().unwrap().iter();
                fields
                    .flat_map(|field| {
                        field.as_array().map_or_else(|| vec![name(field)], |tag| tag.iter().map(name).collect())
                    })
                    .collect()
            });
            assert_eq!(found(target, &sql), sorted(datasets.collect()));
        }
        for model in experiment["models"].as_array().unwrap() {
            let uuid = model[0].as_str().unwrap();
            let sql = format!(
                "SELECT model_id, name, source_run_id, status, model_type FROM logged_models WHERE model_id = '{uuid}'"
            );
            assert_eq!(found(target, &sql), [model.as_array().unwrap()[..5].iter().map(name).collect::<Vec<_>>()]);
            for (at, table, columns) in
                [(5, "logged_model_params", "param_key, param_value"), (6, "logged_model_tags", "tag_key, tag_value")]
            {
                let sql = format!("SELECT {columns} FROM {table} WHERE model_id = '{uuid}'");
                assert_eq!(found(target, &sql), pairs(&model[at]));
            }
        }
    }
    assert_eq!(integer(target, "SELECT count(*) FROM runs"), runs_seen);
}

#[test]
fn what_mlflow_reads_of_its_folders_arrives_point_by_point() {
    for version in ["3.5.1", "1.30.1"] {
        let folder = Folder::new();
        let (source, target) = (mlruns(&folder, version), empty(&folder));
        let planned =
            leaves_alone(&target, || open(&target).bring_in_plan(&source, BringInOptions::default())).unwrap();
        let done = bring(&source, &target, leaving_out()).unwrap();
        assert_eq!(done.kind, "mlflow-files");
        is_as_mlflow_reads(&target, version);
        let total = done.account.total();
        let points = u64::try_from(integer(
            &target,
            "SELECT (SELECT count(*) FROM metrics) + (SELECT count(*) FROM logged_model_metrics)",
        ))
        .unwrap();
        assert_eq!(total.points.stored, points);
        assert_eq!(total.points.folded["equal_point"], 2);
        assert_eq!((planned.account.total(), planned.tables.clone()), (total.clone(), done.tables.clone()));
        assert!(
            planned.planned
                && planned.experiments.iter().zip(&done.experiments).all(|(plan, done)| plan.name == done.name)
        );
        for brought in &done.experiments {
            assert_eq!(
                brought.digest.as_deref(),
                Some(crate::support::digest(&target, brought.experiment_id).as_str())
            );
        }
        if version == "3.5.1" {
            assert_eq!((total.points.folded["later_line"], total.values.refused["dataset_of_point"]), (1, 1));
            let model = "SELECT CAST(metric_value AS TEXT) FROM logged_model_metrics WHERE metric_step = 7";
            assert_eq!(text(&target, model), "0.875");
            assert_eq!(integer(&target, "SELECT step FROM inputs WHERE source_type = 'RUN_OUTPUT'"), 7);
            assert_eq!(
                integer(
                    &target,
                    "SELECT count(*) FROM inputs WHERE source_type = 'RUN_INPUT' AND destination_type = 'MODEL_INPUT'"
                ),
                1
            );
        }
        assert_eq!(text(&target, "PRAGMA integrity_check"), "ok");
        assert_eq!(rows(&target, "PRAGMA foreign_key_check").len(), 0);
        let report = open(&target).validate(expmig::ValidateOptions::default()).unwrap();
        assert!(report.passed(), "{:?}", report.issues());
    }
}

#[test]
fn a_second_time_nothing_is_new_and_later_only_what_came() {
    let folder = Folder::new();
    let (source, target) = (mlruns(&folder, "3.5.1"), empty(&folder));
    bring(&source, &target, leaving_out()).unwrap();
    let before = dump(&target);
    let again = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((again.rows_new(), again.rows_changed(), dump(&target)), (0, 0, before.clone()));
    assert!(again.experiments.iter().all(|brought| brought.was_there));
    // A run goes on, ends, and another one begins.
    let running = text(&target, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'");
    let vision = std::fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join(&running).is_dir())
        .unwrap();
    let run = vision.join(&running);
    let losses = std::fs::read_to_string(run.join("metrics/loss")).unwrap();
    std::fs::write(run.join("metrics/loss"), format!("{losses}1700000000008 0.0625 8\n1700000000009 0.03")).unwrap();
    std::fs::write(run.join("metrics/new"), "1700000000009 2.5 1\n").unwrap();
    std::fs::write(run.join("tags/stage"), "late").unwrap();
    let torn = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((torn.rows_new(), torn.rows_changed()), (4, 1), "2 points, a latest one, a tag; the other latest one");
    assert_eq!(torn.account.total().points.refused["torn_line"], 1);
    assert!(torn.warnings.iter().any(|warning| warning.contains("in the middle of a record")), "{:?}", torn.warnings);
    let meta = std::fs::read_to_string(run.join("meta.yaml")).unwrap();
    std::fs::write(
        run.join("meta.yaml"),
        meta.replace("status: 1", "status: 3").replace("end_time: null", "end_time: 1700000200000"),
    )
    .unwrap();
    std::fs::write(run.join("metrics/loss"), format!("{losses}1700000000008 0.0625 8\n1700000000009 0.03125 9\n"))
        .unwrap();
    copy_folder(&run, &vision.join("0123456789abcdef0123456789abcdef"));
    let id = format!("run_id: {running}");
    let meta = std::fs::read_to_string(run.join("meta.yaml"))
        .unwrap()
        .replace(&id, "run_id: 0123456789abcdef0123456789abcdef");
    std::fs::write(vision.join("0123456789abcdef0123456789abcdef/meta.yaml"), meta).unwrap();
    let done = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!(done.runs(), (9, 1));
    let of_run = |what: &str| format!("SELECT {what} FROM runs WHERE run_uuid = '{running}'");
    assert_eq!(
        (text(&target, &of_run("status")), integer(&target, &of_run("end_time"))),
        ("FINISHED".to_owned(), 1_700_000_200_000)
    );
    let latest = |what: &str| {
        integer(
            &target,
            &format!(
                "SELECT CAST({what} AS INTEGER) FROM latest_metrics WHERE key = 'loss' AND run_uuid = '{running}'"
            ),
        )
    };
    assert_eq!((latest("step"), latest("value * 100000")), (9, 3125));
    // What has ended in the target is nobody's to change.
    execute(&target, &format!("UPDATE runs SET name = 'mine' WHERE run_uuid = '{running}'"));
    execute(&target, &format!("UPDATE tags SET value = 'mine' WHERE key = 'stage' AND run_uuid = '{running}'"));
    let before = dump(&target);
    let kept = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((kept.rows_new(), kept.rows_changed(), dump(&target)), (0, 0, before));
    assert!(
        kept.warnings.iter().any(|warning| warning.contains("1 rows of runs are something else")),
        "{:?}",
        kept.warnings
    );
    let report = open(&target).validate(expmig::ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
}

#[test]
fn a_store_that_is_not_empty_keeps_what_it_has() {
    let folder = Folder::new();
    let (source, target) = (mlruns(&folder, "1.30.1"), store(&folder, "3.17.2"));
    let before = rows(&target, "SELECT * FROM runs ORDER BY run_uuid");
    // The store has "vision" and "abandoned", of others.
    let refusing = BringInOptions { on_name: OnName::Error, ..leaving_out() };
    let error = leaves_alone(&target, || bring(&source, &target, refusing)).unwrap_err();
    assert_eq!(error.status(), Status::AlreadyExists);
    assert!(error.hint_text().unwrap().contains("on_name"), "{}", error.to_json());
    let done = bring(&source, &target, leaving_out()).unwrap();
    let names: Vec<&str> = done.experiments.iter().map(|brought| brought.name.as_str()).collect();
    assert!(names.contains(&"vision (2)") && names.contains(&"abandoned (2)"), "{names:?}");
    assert!(done.warnings.iter().any(|warning| warning.contains("vision (2)")), "{:?}", done.warnings);
    let there: Vec<String> = done.experiments.iter().map(|brought| brought.experiment_id.to_string()).collect();
    let others = format!("SELECT * FROM runs WHERE experiment_id NOT IN ({}) ORDER BY run_uuid", there.join(", "));
    assert_eq!(rows(&target, &others), before);
    let again = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!(again.rows_new(), 0);
    // Into the experiments of the same names.
    let other = store(&folder, "2.22.5-upgraded");
    let count = "SELECT count(*) FROM experiments";
    let experiments = integer(&other, count);
    let options = || BringInOptions { on_name: OnName::Append, ..leaving_out() };
    let appended = bring(&source, &other, options()).unwrap();
    assert!(appended.experiments.iter().all(|brought| brought.was_there && brought.name == brought.source_name));
    assert_eq!((integer(&other, count), appended.runs()), (experiments, (8, 8)));
    assert_eq!(bring(&source, &other, options()).unwrap().rows_new(), 0);
    let report = open(&other).validate(expmig::ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
}

#[test]
fn another_run_with_the_id_is_in_the_way_or_stays() {
    let folder = Folder::new();
    let (source, target) = (mlruns(&folder, "3.5.1"), empty(&folder));
    bring(&source, &target, leaving_out()).unwrap();
    execute(&target, "UPDATE runs SET start_time = 1 WHERE name = 'odd numbers'");
    let error = leaves_alone(&target, || bring(&source, &target, leaving_out())).unwrap_err();
    assert_eq!(error.status(), Status::AlreadyExists);
    assert!(error.details().iter().any(|detail| detail.key == "run_id"));
    let new = BringInOptions { on_conflict: OnConflict::New, ..leaving_out() };
    let refused = leaves_alone(&target, || bring(&source, &target, new)).unwrap_err();
    assert_eq!((refused.status(), refused.details()[0].value.as_str()), (Status::InvalidArgument, "on_conflict"));
    let before = dump(&target);
    let skipped = bring(&source, &target, BringInOptions { on_conflict: OnConflict::Skip, ..leaving_out() }).unwrap();
    assert_eq!((skipped.rows_new(), dump(&target)), (0, before));
    let runs = skipped.tables.iter().find(|table| table.table == "runs").unwrap();
    assert_eq!((runs.left_out, runs.found.equal, runs.read), (1, 7, 8));
}

#[test]
fn what_has_no_place_is_an_error_or_kept_beside() {
    let folder = Folder::new();
    let (source, target) = (mlruns(&folder, "3.5.1"), empty(&folder));
    let error = leaves_alone(&target, || bring(&source, &target, BringInOptions::default())).unwrap_err();
    assert_eq!(error.status(), Status::Lossy);
    assert!(error.hint_text().unwrap().contains("sidecar"));
    let sidecar = folder.path("beside.jsonl");
    let options = || BringInOptions { sidecar: Some(sidecar.clone()), ..BringInOptions::default() };
    let done = bring(&source, &target, options()).unwrap();
    let total = done.account.total();
    assert_eq!((total.values.sidecar["dataset_of_point"], done.without_place), (1, 0));
    let text = std::fs::read_to_string(&sidecar).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, total.values.sidecar.values().sum::<u64>());
    let point = lines.iter().find(|line| line["kind"] == "dataset_of_point").unwrap();
    assert_eq!((&point["value"]["dataset"], &point["value"]["point"]["step"]), (&json!("train"), &json!(2)));
    assert_eq!(bring(&source, &target, options()).unwrap_err().status(), Status::AlreadyExists, "the file is there");
}

#[test]
fn errors_name_what_is_wrong_and_nothing_is_written() {
    let folder = Folder::new();
    let (source, target) = (mlruns(&folder, "3.5.1"), empty(&folder));
    let fails =
        |path: &Path, options: BringInOptions| leaves_alone(&target, || bring(path, &target, options)).unwrap_err();
    assert_eq!(fails(&folder.path("nowhere"), leaving_out()).status(), Status::NotFound);
    std::fs::create_dir(folder.path("empty")).unwrap();
    let none = fails(&folder.path("empty"), leaving_out());
    assert_eq!(none.status(), Status::Unsupported);
    assert!(none.hint_text().unwrap().contains("mlflow-files"));
    let kind = |kind: &str| BringInOptions { kind: Some(kind.to_owned()), ..leaving_out() };
    assert_eq!(fails(&source, kind("sacred")).status(), Status::InvalidArgument);
    assert_eq!(fails(&folder.path("empty"), kind("mlflow-files")).status(), Status::NotFound);
    let digits = folder.digits("digits.db");
    let other = leaves_alone(&digits, || bring(&source, &digits, leaving_out())).unwrap_err();
    assert_eq!(other.status(), Status::Unsupported);
    let token = CancelToken::new();
    token.trigger();
    let cancelled = fails(&source, BringInOptions { cancel: Some(token), ..leaving_out() });
    assert_eq!(cancelled.status(), Status::Cancelled);
    for at in 0..20 {
        let mut ticks = 0;
        let progress: expmig::progress::ProgressSink = Box::new(move |_| {
            ticks += 1;
            if ticks > at { Flow::Cancel } else { Flow::Continue }
        });
        match leaves_alone_if_failed(&target, || {
            bring(&source, &target, BringInOptions { progress: Some(progress), ..leaving_out() })
        }) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.status(), Status::Cancelled),
        }
    }
    execute(&target, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM tags; END");
    assert_eq!(fails(&source, leaving_out()).status(), Status::Unsupported);
}

fn leaves_alone_if_failed<T>(target: &Path, call: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = dump(target);
    let result = call();
    if result.is_err() {
        assert_eq!(dump(target), before);
    }
    result
}
