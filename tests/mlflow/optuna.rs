//! Optuna's storages, as its own package wrote them (tests/data/readers/make_optuna.py), brought into a store: trial by trial what its own API reads.

use std::path::{Path, PathBuf};

use crate::migrate::empty;
use crate::mlruns::{bring, found, leaving_out};
use crate::places::Engine;
use crate::support::{Folder, crate_path, dump, execute, integer, leaves_alone, open, text};
use expmig::readers::Clock;
use expmig::{BringInOptions, Status};
use serde_json::Value as Json;

const VERSIONS: [&str; 2] = ["4.9.0", "5.0.0"];
/// Studies of which something is brought in.
const STUDIES: [&str; 2] = ["many objectives", "one objective"];

pub fn storage(folder: &Folder, name: &str) -> PathBuf {
    let to = folder.path(name);
    std::fs::copy(crate_path(&format!("tests/data/readers/optuna/{name}")), &to).unwrap();
    to
}

fn expected(version: &str, what: &str) -> Vec<Json> {
    let text = std::fs::read(crate_path(&format!("tests/data/readers/optuna/{version}.json"))).unwrap();
    let all: Json = serde_json::from_slice(&text).unwrap();
    all[what].as_array().unwrap().iter().filter(|study| study["name"] != "empty").cloned().collect()
}

fn in_tokyo() -> BringInOptions {
    BringInOptions { zone: Some("+09:00".to_owned()), ..leaving_out() }
}

/// A number as the store has it, and whether it is none.
fn stored(value: &str) -> (f64, i64) {
    match value.parse::<f64>().unwrap() {
        value if value.is_nan() => (0.0, 1),
        value if value.is_infinite() => (f64::MAX.copysign(value), 0),
        value => (value + 0.0, 0),
    }
}

/// Both are the same: the same text, or the same JSON with the same words that JSON does not have.
fn same(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| -> Option<Json> {
        let words = text.replace("-Infinity", "\"-inf\"").replace("Infinity", "\"inf\"").replace("NaN", "\"nan\"");
        serde_json::from_str(&words).ok()
    };
    found == wanted || plain(found).zip(plain(wanted)).is_some_and(|(found, wanted)| found == wanted)
}

fn as_optuna_reads(target: &Path, studies: &[Json], offset: i64) {
    let mut runs = 0;
    for study in studies {
        let name = study["name"].as_str().unwrap();
        let of = format!("SELECT experiment_id FROM experiments WHERE name = '{name}'");
        let id = integer(target, &of);
        let tag = |key: &str| {
            text(target, &format!("SELECT value FROM experiment_tags WHERE experiment_id = {id} AND key = '{key}'"))
        };
        let directions: Vec<&str> = study["directions"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        assert_eq!(tag("optuna.directions"), directions.join(","));
        for (key, value) in study["user"].as_object().unwrap() {
            assert!(same(&tag(key), value.as_str().unwrap()), "{key}");
        }
        for trial in study["trials"].as_array().unwrap().iter().filter(|trial| trial["state"] != "WAITING") {
            runs += 1;
            let number = &trial["number"];
            let what = format!("{name}/{number}");
            let of_run = format!("SELECT run_uuid FROM runs WHERE experiment_id = {id} AND name = 'trial {number}'");
            let run = text(target, &of_run);
            let state = trial["state"].as_str().unwrap();
            let status = match state {
                "COMPLETE" | "PRUNED" => "FINISHED",
                "FAIL" => "FAILED",
                _ => "RUNNING",
            };
            assert_eq!(text(target, &format!("SELECT status FROM runs WHERE run_uuid = '{run}'")), status, "{what}");
            let pairs =
                |table: &str| found(target, &format!("SELECT key, value FROM {table} WHERE run_uuid = '{run}'"));
            let tags = pairs("tags");
            let tag = |key: &str| tags.iter().find(|tag| tag[0] == key).map(|tag| tag[1].clone());
            assert_eq!(tag("optuna.state").as_deref(), Some(state), "{what}");
            for (column, key) in [("start_time", "start"), ("end_time", "complete")] {
                let time = text(
                    target,
                    &format!("SELECT coalesce(CAST({column} AS TEXT), 'none') FROM runs WHERE run_uuid = '{run}'"),
                );
                let Some(wanted) = trial[key].as_str() else {
                    assert_eq!(time, if column == "start_time" { "0" } else { "none" }, "{what}");
                    continue;
                };
                let fraction = wanted.get(20..23).unwrap_or("000");
                let milliseconds = format!(
                    "SELECT CAST(round((julianday('{}') - 2440587.5) * 86400.0) AS INTEGER) * 1000 + {fraction}",
                    &wanted[..19]
                );
                let wanted_time = integer(target, &milliseconds) - offset * 3_600_000;
                assert_eq!(time, wanted_time.to_string(), "{what} {column}: {wanted}");
                // All of its digits are kept.
                let text = tag(&format!("optuna.datetime_{key}")).unwrap();
                assert_eq!(text[17..].get(..9), wanted[17..].get(..9), "{what}: {text} of {wanted}");
            }
            let mut params: Vec<Vec<String>> = trial["params"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| vec![key.replace('@', "_"), value.as_str().unwrap().to_owned()])
                .collect();
            params.sort();
            assert_eq!(pairs("params"), params, "{what}");
            for (key, value) in trial["user"].as_object().unwrap() {
                let key = if key.starts_with("mlflow.") { format!("optuna.user/{key}") } else { key.clone() };
                assert!(same(&tag(&key).unwrap_or_default(), value.as_str().unwrap()), "{what} {key}: {:?}", tag(&key));
            }
            for (key, value) in trial["system"].as_object().unwrap() {
                let name = format!("optuna.system/{key}");
                let there = tag(&name).or_else(|| {
                    let original = tags.iter().find(|tag| tag[0].starts_with("expmig.key.") && tag[1] == name)?;
                    tag(original[0].strip_prefix("expmig.key.")?)
                });
                assert!(same(&there.clone().unwrap_or_default(), value.as_str().unwrap()), "{what} {key}: {there:?}");
            }
            let mut points = Vec::new();
            for (step, value) in trial["intermediate"].as_object().unwrap() {
                let (value, is_nan) = stored(value.as_str().unwrap());
                points.push(vec!["intermediate".to_owned(), step.clone(), format!("{value:?}"), is_nan.to_string()]);
            }
            for (at, value) in trial["values"].as_array().into_iter().flatten().enumerate() {
                let (value, is_nan) = stored(value.as_str().unwrap());
                points.push(vec![format!("objective_{at}"), "0".to_owned(), format!("{value:?}"), is_nan.to_string()]);
            }
            points.sort();
            let sql = format!("SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = '{run}'");
            assert_eq!(found(target, &sql), points, "{what}");
        }
    }
    assert_eq!(integer(target, "SELECT count(*) FROM runs"), runs);
}

fn is_sound(target: &Path) {
    let report = open(target).validate(expmig::ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
}

#[test]
fn what_optuna_reads_of_its_storages_arrives_trial_by_trial() {
    for version in VERSIONS {
        for (file, what) in [("db", "tables"), ("log", "journal")] {
            let folder = Folder::new();
            let (source, target) = (storage(&folder, &format!("{version}.{file}")), empty(&folder));
            let done = leaves_alone(&source, || bring(&source, &target, in_tokyo())).unwrap();
            assert_eq!(done.kind, "optuna");
            let names: Vec<&str> = done.experiments.iter().map(|brought| brought.name.as_str()).collect();
            assert_eq!(names, STUDIES, "{version} {what}");
            // The API shows what the writer's clock showed: in Tokyo.
            as_optuna_reads(&target, &expected(version, what), 9);
            let total = done.account.total();
            let certain = version == "5.0.0";
            assert_eq!(done.account.clock, if certain { Clock::Known } else { Clock::Assumed }, "{version} {what}");
            assert_eq!(total.values.refused["waiting_trial"], 1);
            assert_eq!(total.values.refused["study_without_trials"], 1);
            assert_eq!(total.points.stored, integer(&target, "SELECT count(*) FROM metrics") as u64);
            assert_eq!(total.torn, None);
            is_sound(&target);
            let before = dump(&target);
            let again = bring(&source, &target, in_tokyo()).unwrap();
            assert_eq!((again.rows_new(), again.rows_changed(), dump(&target)), (0, 0, before));
        }
    }
}

#[test]
fn a_zone_that_nobody_gives_is_utc_and_said_and_one_that_is_none_is_refused() {
    let folder = Folder::new();
    let (source, target) = (storage(&folder, "4.9.0.db"), empty(&folder));
    let nowhere = BringInOptions { zone: Some("Tokyo".to_owned()), ..leaving_out() };
    let error = leaves_alone(&target, || bring(&source, &target, nowhere)).unwrap_err();
    assert_eq!((error.status(), error.details()[0].value.as_str()), (Status::InvalidArgument, "zone"));
    let done = bring(&source, &target, leaving_out()).unwrap();
    as_optuna_reads(&target, &expected("4.9.0", "tables"), 0);
    let runs = integer(&target, "SELECT count(*) FROM runs");
    let marked = "SELECT count(*) FROM tags WHERE key = 'expmig.assumed_zone' AND value = '+00:00'";
    assert_eq!(integer(&target, marked), runs);
    assert_eq!(done.account.total().adjusted["assumed_zone"], runs as u64);
    // The zone is nothing that tells runs apart, but the time is another.
    let other = bring(&source, &target, in_tokyo()).unwrap_err();
    assert_eq!(other.status(), Status::AlreadyExists);
}

#[test]
fn a_study_that_goes_on_is_followed() {
    let folder = Folder::new();
    let (source, target) = (storage(&folder, "4.9.0.db"), empty(&folder));
    bring(&source, &target, in_tokyo()).unwrap();
    execute(
        &source,
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
           SELECT trial_id, 9, 0.25, 'FINITE' FROM trials WHERE state = 'RUNNING';
         UPDATE trials SET state = 'COMPLETE', datetime_complete = '2026-12-01 23:00:00.000001' WHERE state = 'RUNNING';
         INSERT INTO trial_values (trial_id, objective, value, value_type)
           SELECT trial_id, 0, 0.25, 'FINITE' FROM trials WHERE datetime_complete = '2026-12-01 23:00:00.000001';
         UPDATE trials SET state = 'RUNNING', datetime_start = '2026-12-01 23:00:01.5' WHERE state = 'WAITING'",
    );
    let done = bring(&source, &target, in_tokyo()).unwrap();
    assert_eq!((done.runs().1, done.account.total().values.refused.get("waiting_trial")), (1, None));
    let ended = "SELECT count(*) FROM runs WHERE status = 'FINISHED' AND end_time = 1796133600000";
    assert_eq!(integer(&target, ended), 1);
    assert_eq!(integer(&target, "SELECT count(*) FROM metrics WHERE value = 0.25 AND step IN (0, 9)"), 2);
    is_sound(&target);
    assert_eq!(bring(&source, &target, in_tokyo()).unwrap().rows_new(), 0);
}

#[test]
fn a_journal_that_breaks_off_anywhere_is_accounted_for_and_then_followed() {
    let folder = Folder::new();
    let source = storage(&folder, "5.0.0.log");
    let whole = std::fs::read(&source).unwrap();
    let once = folder.path("once");
    std::fs::create_dir(&once).unwrap();
    let target = empty(&folder);
    for at in (200..whole.len()).step_by(whole.len() / 12) {
        std::fs::write(&source, &whole[..at]).unwrap();
        let done = bring(&source, &target, leaving_out()).unwrap();
        let torn = whole[at - 1] != b'\n';
        assert_eq!(done.account.sources.iter().any(|source| source.torn.is_some()), torn, "{at}");
    }
    std::fs::write(&source, &whole).unwrap();
    let done = bring(&source, &target, leaving_out()).unwrap();
    assert_eq!(done.account.total().values.refused.get("malformed_line"), None);
    // Of a study that is deleted later an earlier call has brought trials in, which stay.
    execute(
        &target,
        "CREATE TEMP TABLE gone AS SELECT run_uuid FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = 'gone';
         DELETE FROM metrics WHERE run_uuid IN gone; DELETE FROM latest_metrics WHERE run_uuid IN gone;
         DELETE FROM params WHERE run_uuid IN gone; DELETE FROM tags WHERE run_uuid IN gone; DELETE FROM runs WHERE run_uuid IN gone",
    );
    as_optuna_reads(&target, &expected("5.0.0", "journal"), 9);
}

#[test]
fn what_is_no_storage_of_optuna_is_said_and_nothing_is_written() {
    let folder = Folder::new();
    let (source, target) = (storage(&folder, "4.9.0.db"), empty(&folder));
    let fails = |options: BringInOptions| leaves_alone(&target, || bring(&source, &target, options)).unwrap_err();
    execute(&source, "UPDATE alembic_version SET version_num = 'v3.0.0.d'");
    let old = fails(leaving_out());
    assert_eq!(old.status(), Status::Unsupported);
    assert!(old.hint_text().unwrap().contains("optuna storage upgrade"), "{}", old.to_json());
    execute(
        &source,
        "UPDATE alembic_version SET version_num = 'v3.2.0.a'; UPDATE trials SET state = 'LOST' WHERE trial_id = 1",
    );
    assert_eq!(fails(leaving_out()).status(), Status::Corrupt);
    execute(&source, "UPDATE trials SET state = 'COMPLETE' WHERE trial_id = 1; DROP TABLE trial_params");
    assert_eq!(fails(leaving_out()).status(), Status::Schema);
    execute(&source, "DROP TABLE version_info");
    let none = fails(leaving_out());
    assert_eq!(none.status(), Status::Unsupported);
    assert!(none.hint_text().unwrap().contains("optuna"));
    for (url, kind) in
        [("mysql://me:secret@127.0.0.1:1/optuna", None), ("mysql://me:secret@127.0.0.1:1/optuna", Some("wandb"))]
    {
        let options = BringInOptions { kind: kind.map(str::to_owned), ..leaving_out() };
        let error = leaves_alone(&target, || bring(Path::new(url), &target, options)).unwrap_err();
        let status = if kind.is_none() { Status::Connection } else { Status::InvalidArgument };
        assert_eq!(error.status(), status, "{}", error.to_json());
        assert!(!error.to_json().to_string().contains("secret"), "{}", error.to_json());
    }
}

#[test]
fn tables_on_a_server_arrive_trial_by_trial() {
    for (engine, what) in [(Engine::MariaDb, "mysql"), (Engine::Mysql, "mysql"), (Engine::Postgres, "postgresql")] {
        if !Engine::servers().contains(&engine) {
            continue;
        }
        let source = engine.schema(
            &std::fs::read_to_string(crate_path(&format!("tests/data/readers/optuna/5.0.0-{what}.sql"))).unwrap(),
        );
        let before = source.dump();
        let folder = Folder::new();
        let target = empty(&folder);
        let url = source.url();
        let done = bring(Path::new(&url), &target, leaving_out()).unwrap();
        assert_eq!((done.kind, done.account.clock), ("optuna", Clock::Known), "{engine:?}");
        as_optuna_reads(&target, &expected("5.0.0", what), 9);
        is_sound(&target);
        assert_eq!(bring(Path::new(&url), &target, leaving_out()).unwrap().rows_new(), 0, "{engine:?}");
        // From server to server, too.
        let there = engine.empty(&folder);
        let served = there.open().bring_in(Path::new(&url), leaving_out()).unwrap();
        assert_eq!((served.runs(), &served.tables), (done.runs(), &done.tables), "{engine:?}");
        assert_eq!(source.dump(), before, "{engine:?}");
        assert!(!done.to_json().to_string().contains("secret") || !url.contains("secret"), "{engine:?}");
    }
}
