//! TensorBoard's event files and W&B's offline runs (tests/data/readers), brought into a store: point by point what their own packages wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::migrate::empty;
use crate::mlruns::{bring, copy_folder, found, leaving_out};
use crate::support::{Folder, crate_path, dump, integer, leaves_alone, open, text};
use expmig::readers::View;
use expmig::{BringInOptions, Status};
use serde_json::Value as Json;

fn copy(folder: &Folder, what: &str) -> PathBuf {
    let to = folder.path("source").join(what.rsplit('/').next().unwrap());
    copy_folder(&crate_path(&format!("tests/data/readers/{what}")), &to);
    to
}

fn is_sound(target: &Path) {
    let report = open(target).validate(expmig::ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
    assert_eq!(text(target, "PRAGMA integrity_check"), "ok");
}

/// What TensorBoard's own reader makes of each folder, as the store has it.
fn expected() -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let bytes = std::fs::read(crate_path("tests/data/readers/tensorboard/log.json")).unwrap();
    let folders: BTreeMap<String, Vec<(String, i64, f64, String)>> = serde_json::from_slice(&bytes).unwrap();
    let mut runs = BTreeMap::new();
    for (folder, points) in folders.into_iter().filter(|(_, points)| !points.is_empty()) {
        let point = |(tag, step, time, value): (String, i64, f64, String)| {
            let value: f64 = value.parse().unwrap();
            let (value, is_nan) = match value {
                value if value.is_nan() => (0.0, 1),
                value if value.is_infinite() => (f64::MAX.copysign(value), 0),
                value => (value + 0.0, 0),
            };
            vec![
                tag,
                step.to_string(),
                ((time * 1000.0).round() as i64).to_string(),
                format!("{value:?}"),
                is_nan.to_string(),
            ]
        };
        runs.insert(folder, points.into_iter().map(point).collect());
    }
    runs
}

#[test]
fn what_tensorboard_reads_of_a_log_arrives_point_by_point() {
    let folder = Folder::new();
    let (source, target) = (copy(&folder, "tensorboard/log"), empty(&folder));
    let done = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!(done.kind, "tensorboard");
    assert_eq!((done.experiments[0].name.as_str(), done.runs()), ("log", (6, 6)));
    for (name, points) in expected() {
        let sql = format!(
            "SELECT key, step, timestamp, value, is_nan FROM metrics JOIN runs USING (run_uuid) WHERE name = '{name}'"
        );
        assert_eq!(found(&target, &sql).into_iter().collect::<BTreeSet<_>>(), points, "{name}");
    }
    let total = done.account.total();
    // The exponent of a 64-bit number is kept.
    assert_eq!(integer(&target, "SELECT count(*) FROM metrics WHERE value = 1e300"), 1);
    assert_eq!((total.adjusted["rounded_integer"], total.adjusted["written_again"]), (1, 6));
    assert_eq!((total.values.refused["histogram"], total.values.refused["text"]), (1, 1));
    let params = |run: &str| {
        found(&target, &format!("SELECT key, value FROM params JOIN runs USING (run_uuid) WHERE name = '{run}'"))
    };
    assert_eq!(params("plain/trial"), [["bias", "True"], ["layers", "3.0"], ["lr", "0.001"], ["name", "net"]]);
    assert_eq!(params("tensors"), [["rate", "1e-05"], ["units", "16.0"]]);
    // A folder in a run's folder hangs on it.
    let nested = "SELECT count(*) FROM tags AS t JOIN runs AS r ON r.run_uuid = t.value WHERE t.key = 'mlflow.parentRunId' AND r.name = 'plain'";
    assert_eq!(integer(&target, nested), 3);
    assert_eq!(found(&target, "SELECT DISTINCT status, end_time FROM runs"), [["RUNNING", "NULL"]]);
    // MLflow's client begins no run in an experiment without a place for artifacts.
    let places = "SELECT artifact_location, artifact_uri = artifact_location || '/' || run_uuid || '/artifacts' FROM experiments JOIN runs USING (experiment_id)";
    assert!(found(&target, places).iter().all(|row| row[0].starts_with("mlflow-artifacts:/") && row[1] == "1"));
    is_sound(&target);
    let before = dump(&target);
    let again = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((again.rows_new(), again.rows_changed(), dump(&target)), (0, 0, before));
    // What was written again is left out where TensorBoard's server leaves it out.
    let shown = Folder::new();
    let target = empty(&shown);
    let options = BringInOptions { view: View::Server, ended: true, ..leaving_out() };
    let server = bring(&source, &target, options).unwrap();
    let steps = "SELECT step, value FROM metrics JOIN runs USING (run_uuid) WHERE name = 'again' AND key = 'loss'";
    let values: Vec<String> = found(&target, steps).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(values, ["0", "1", "2", "3", "4"]);
    assert_eq!(server.account.total().points.folded["written_again"], 6);
    assert_eq!(found(&target, "SELECT DISTINCT status FROM runs"), [["FINISHED"]]);
    is_sound(&target);
}

#[test]
fn a_log_that_grows_is_followed_and_a_torn_end_is_said() {
    let folder = Folder::new();
    let (source, target) = (copy(&folder, "tensorboard/log"), empty(&folder));
    let run = source.join("tensors");
    let file = std::fs::read_dir(&run).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let torn = bring(&source, &target, leaving_out()).unwrap();
    assert!(torn.account.sources.iter().any(|source| source.name == "tensors" && source.torn.is_some()));
    std::fs::write(&file, &whole).unwrap();
    let grown = bring(&source, &target, leaving_out()).unwrap();
    assert!(
        grown.rows_new() > 0 && grown.runs().1 == 0 && grown.account.sources.iter().all(|source| source.torn.is_none())
    );
    let fresh = Folder::new();
    let once = empty(&fresh);
    bring(&source, &once, leaving_out()).unwrap();
    let points = "SELECT * FROM metrics ORDER BY 1, 2, 3, 4, 5";
    assert_eq!(found(&target, points), found(&once, points));
    assert_eq!(found(&target, "SELECT * FROM latest_metrics"), found(&once, "SELECT * FROM latest_metrics"));
}

#[test]
fn an_offline_run_of_wandb_arrives_with_its_rows_config_and_summary() {
    let folder = Folder::new();
    let (source, target) = (copy(&folder, "wandb"), empty(&folder));
    let done = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((done.kind, done.experiments.len(), done.runs()), ("wandb", 1, (2, 2)));
    assert_eq!(done.experiments[0].name, "vision");
    let runs = found(&target, "SELECT name, status FROM runs");
    assert_eq!((runs[0][1].as_str(), runs[1].clone()), ("FAILED", vec!["renamed".to_owned(), "FINISHED".to_owned()]));
    let of = |what: &str| format!("SELECT {what} FROM metrics JOIN runs USING (run_uuid) WHERE name = 'renamed'");
    let steps = |key: &str| found(&target, &format!("{} AND key = '{key}'", of("step, value, is_nan")));
    let losses: Vec<Vec<String>> =
        (0..6).map(|step| vec![step.to_string(), format!("{:?}", 1.0 / f64::from(step + 1)), "0".to_owned()]).collect();
    assert_eq!(steps("loss"), losses);
    assert_eq!(steps("nested/a").len(), 6);
    assert_eq!(steps("flag")[0], ["0", "1.0", "0"]);
    assert_eq!(steps("val/acc").len(), 3);
    assert_eq!(
        (steps("odd")[0].clone(), steps("wide")[0].clone()),
        (vec!["3".into(), "0.0".into(), "1".into()], vec!["3".into(), format!("{:?}", f64::MAX), "0".into()])
    );
    assert_eq!(steps("big")[0][1], format!("{:?}", 2f64.powi(60)));
    assert_eq!(steps("at_ten"), [["10", "1.5", "0"]]);
    let tags: BTreeMap<String, String> =
        found(&target, "SELECT t.key, t.value FROM tags AS t JOIN runs USING (run_uuid) WHERE name = 'renamed'")
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
    assert_eq!(tags["expmig.key.at_ten"], "at@ten");
    assert_eq!(
        (tags["wandb.group"].as_str(), tags["wandb.job_type"].as_str(), tags["mlflow.note.content"].as_str()),
        ("sweep", "train", "A note.")
    );
    assert_eq!((tags["wandb.tags"].as_str(), tags["wandb.summary/best"].as_str()), (r#"["blue","small"]"#, "0.75"));
    let params = found(&target, "SELECT key, value FROM params JOIN runs USING (run_uuid) WHERE name = 'renamed'");
    let wanted = [
        ["late", "5"],
        ["layers", "[64,32]"],
        ["lr", "0.1"],
        ["none", "null"],
        ["opt/name", "sgd"],
        ["opt/nesterov", "true"],
    ];
    assert_eq!(params, wanted);
    let total = done.account.total();
    assert_eq!(total.adjusted["rounded_integer"], 1);
    // Texts, a list and None of the rows; what W&B knows of the machine is left out.
    assert_eq!((total.values.refused["history_value"], total.values.refused.contains_key("machine")), (8, true));
    is_sound(&target);
    let again = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!((again.rows_new(), again.rows_changed()), (0, 0));
    // Cut off: a run that is not known to have ended, and nothing of it is taken for whole.
    let file = source.join("offline-run-20231114_221320-abcd1234/run-abcd1234.wandb");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 60]).unwrap();
    let fresh = Folder::new();
    let other = empty(&fresh);
    let cut = bring(&source, &other, leaving_out()).unwrap();
    let torn = cut.account.sources.iter().find(|source| source.torn.is_some()).unwrap();
    assert!(torn.unfinished && torn.points.stored > 20);
    assert_eq!(integer(&other, "SELECT count(*) FROM runs WHERE status = 'RUNNING'"), 1);
}

#[test]
fn what_is_no_number_is_kept_beside_as_it_was() {
    let folder = Folder::new();
    let (source, target) = (copy(&folder, "wandb"), empty(&folder));
    let error = leaves_alone(&target, || bring(&source, &target, BringInOptions::default())).unwrap_err();
    assert_eq!(error.status(), Status::Lossy);
    let sidecar = folder.path("beside.jsonl");
    let options = BringInOptions { sidecar: Some(sidecar.clone()), with_machine: true, ..BringInOptions::default() };
    let done = bring(&source, &target, options).unwrap();
    let text = std::fs::read_to_string(sidecar).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = done.account.total();
    assert_eq!(lines.len() as u64, total.values.sidecar.values().sum::<u64>());
    let list = lines.iter().find(|line| line["value"]["key"] == serde_json::json!(["list"])).unwrap();
    assert_eq!((&list["value"]["value_json"], &list["value"]["step"]), (&Json::from("[1,NaN]"), &Json::from(3)));
    assert!(lines.iter().any(|line| line["kind"] == "machine"));
}
