//! The page of experiments of stores: what its data says is what the store says, on every engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::places::{Engine, Place};
use crate::store::{STORES, store};
use crate::support::{Folder, execute, leaves_alone, sql};
use expmig::{Manager, MigrateOptions, ReportOptions, ReportResult};
use serde_json::{Value as Json, json};

/// The data of the page of these experiments.
fn page(experiments: &[(&Manager, i64)]) -> (Json, ReportResult) {
    let mut page = Vec::new();
    let done = Manager::report(experiments, &mut page, ReportOptions::default());
    let done = done.unwrap_or_else(|error| panic!("{}", error.to_json()));
    let page = String::from_utf8(page).unwrap();
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (text, _) = rest.split_once("</script").unwrap();
    (serde_json::from_str(text).unwrap(), done)
}

fn list(value: &Json) -> &[Json] {
    value.as_array().unwrap()
}

fn runs(data: &Json) -> &[Json] {
    list(&data["experiments"][0]["nodes"][1]["rows"])
}

fn run_of<'d>(data: &'d Json, at: &Json) -> &'d str {
    runs(data)[at.as_u64().unwrap() as usize][0].as_str().unwrap()
}

/// The curves by run and metric, whatever the order in which they were found.
fn curves<'d>(data: &'d Json, which: &str) -> BTreeMap<(&'d str, &'d str), Json> {
    let named = |one: &'d Json| {
        let metric = data["metrics"][one["m"].as_u64().unwrap() as usize].as_str().unwrap();
        let mut content = one.clone();
        content.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "r" | "m"));
        ((run_of(data, &one["r"]), metric), content)
    };
    list(&data[which]).iter().map(named).collect()
}

/// The texts: of which table, of which run, the key, and the text.
fn texts(data: &Json) -> BTreeSet<(String, String, String, Option<String>)> {
    let mut all = BTreeSet::new();
    for one in list(&data["experiments"][0]["texts"]) {
        for row in list(&one["rows"]) {
            let owner = if one["noun"] == "run" { run_of(data, &row[0]) } else { "" };
            let key = one["keys"][row[1].as_u64().unwrap() as usize].as_str().unwrap();
            let text = |value: &Json| value.as_str().map(str::to_owned);
            all.insert((text(&one["table"]).unwrap(), owner.to_owned(), key.to_owned(), text(&row[2])));
        }
    }
    all
}

/// The rows of a query, as plain texts.
fn rows(path: &Path, query: &str) -> Vec<Vec<String>> {
    let connection = sql(path);
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let shown = |value: rusqlite::types::Value| match value {
        rusqlite::types::Value::Null => "NULL".to_owned(),
        rusqlite::types::Value::Integer(value) => value.to_string(),
        rusqlite::types::Value::Real(value) => format!("{value:?}"),
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Blob(bytes) => format!("{bytes:?}"),
    };
    let found = statement.query_map([], |row| (0..columns).map(|at| Ok(shown(row.get(at)?))).collect()).unwrap();
    found.map(Result::unwrap).collect()
}

fn file(path: &Path) -> Manager {
    Place::File(path.to_owned()).open()
}

#[test]
fn every_value_of_stores_of_every_version_is_in_its_curve() {
    let folder = Folder::new();
    for (name, _) in STORES {
        let path = store(&folder, name);
        leaves_alone(&path, || {
            let (data, done) = page(&[(&file(&path), 1)]);
            let experiment = &data["experiments"][0];
            assert_eq!((&experiment["title"], runs(&data).len()), (&json!("vision"), 9), "{name}");
            let (steps, times) = (curves(&data, "curves"), curves(&data, "time_curves"));
            let query = "SELECT m.run_uuid, m.key, m.step, m.timestamp, CASE WHEN m.is_nan THEN 'NaN' WHEN m.value > 1e308 THEN '+∞'
                       WHEN m.value < -1e308 THEN '−∞' ELSE m.value END, typeof(step) = 'integer' AND typeof(timestamp) = 'integer'
                       FROM metrics m JOIN runs r ON r.run_uuid = m.run_uuid WHERE r.experiment_id = 1";
            let (mut placed, mut other) = (0, 0);
            for row in rows(&path, query) {
                let [run, metric, step, time, value, whole] = &row[..] else { panic!("{row:?}") };
                if whole != "1" {
                    other += 1;
                    continue;
                }
                placed += 1;
                let key = (run.as_str(), metric.as_str());
                for (all, at) in [(&steps, step), (&times, time)] {
                    let curve = &all[&key];
                    let at = at.parse::<i64>().unwrap() - curve["from"].as_i64().unwrap_or(0);
                    let there = list(&curve["x"]).iter().zip(list(&curve["y"])).any(|(x, y)| {
                        *x == at
                            && match value.parse::<f64>() {
                                Ok(value) if value.is_finite() => {
                                    y.as_f64().is_some_and(|y| (y - value).abs() < 1e-12 * value.abs().max(1e-300))
                                }
                                _ => y.is_null(),
                            }
                    });
                    assert!(there, "{name}: {row:?} is not in {curve}");
                }
            }
            let counted: u64 = steps.values().map(|curve| curve["n"].as_u64().unwrap()).sum();
            assert_eq!((placed, done.experiments[0].values), (counted, counted), "{name}");
            assert!(placed > 100, "{name}: {placed}");
            let notes = list(&experiment["notes"]);
            let wanted = format!("{other} values have no step and time that are integers, and are in no curve.");
            assert!(other > 0 && notes.contains(&json!(wanted)), "{name}: {notes:?}");
        });
    }
}

#[test]
fn the_last_value_is_that_which_mlflow_calls_the_latest_and_odd_ones_go_by_their_names() {
    let folder = Folder::new();
    for (name, _) in STORES {
        let path = store(&folder, name);
        let (data, _) = page(&[(&file(&path), 1)]);
        let curves = curves(&data, "curves");
        let query = "SELECT l.run_uuid, l.key, CASE WHEN l.is_nan THEN 'NaN' WHEN l.value > 1e308 THEN '+∞' WHEN l.value < -1e308 THEN '−∞' ELSE l.value END
                   FROM latest_metrics l JOIN runs r ON r.run_uuid = l.run_uuid WHERE r.experiment_id = 1 AND typeof(step) = 'integer' AND typeof(timestamp) = 'integer'";
        let mut odd = BTreeSet::new();
        for row in rows(&path, query) {
            let [run, metric, value] = &row[..] else { panic!("{row:?}") };
            let Some(curve) = curves.get(&(run.as_str(), metric.as_str())) else { panic!("{name}: {row:?}") };
            match value.parse::<f64>() {
                Ok(value) if value.is_finite() => {
                    assert_eq!((curve["last"].as_f64(), curve.get("end")), (Some(value), None), "{name}: {row:?}");
                }
                _ => {
                    assert_eq!(curve["end"], value.as_str(), "{name}: {row:?}");
                    odd.insert(value.clone());
                }
            }
        }
        assert!(odd.len() >= 2, "{name}: {odd:?}");
    }
}

#[test]
fn runs_are_nested_and_have_their_params_and_tags() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    // A circle, and a parent that is nowhere.
    execute(
        &path,
        "UPDATE tags SET value = (SELECT run_uuid FROM runs WHERE name = 'deepest') WHERE key = 'mlflow.parentRunId' AND run_uuid = (SELECT run_uuid FROM runs WHERE name = 'sweep-0');
         INSERT INTO tags VALUES ('mlflow.parentRunId', 'nobody', (SELECT run_uuid FROM runs WHERE name = 'odd numbers'))",
    );
    let (data, done) = page(&[(&file(&path), 1)]);
    let named: BTreeMap<&str, &Json> = runs(&data).iter().map(|row| (row[2].as_str().unwrap(), row)).collect();
    let parent = |name: &str| named[name][1].as_u64().map(|at| runs(&data)[at as usize][2].as_str().unwrap());
    let found = ["sweep", "sweep-0", "deepest", "sweep-1", "odd numbers"].map(parent);
    assert_eq!(found, [None, None, None, Some("sweep"), None]);
    assert!(done.experiments[0].notes.iter().any(|note| note.starts_with("2 runs are nested in a circle")));
    let of_runs = rows(
        &path,
        "SELECT 'params', p.run_uuid, key, value FROM params p JOIN runs USING (run_uuid) WHERE experiment_id = 1
         UNION ALL SELECT 'tags', t.run_uuid, key, value FROM tags t JOIN runs USING (run_uuid) WHERE experiment_id = 1
         UNION ALL SELECT 'experiment_tags', '', key, value FROM experiment_tags WHERE experiment_id = 1",
    );
    let wanted: BTreeSet<_> = of_runs
        .iter()
        .map(|row| {
            let [table, run, key, value] = [0, 1, 2, 3].map(|at| row[at].to_owned());
            (table, run, key, Some(value.chars().take(400).collect::<String>()))
        })
        .collect();
    let cut = |text: String| text.strip_suffix('…').map(str::to_owned).unwrap_or(text);
    let found: BTreeSet<_> =
        texts(&data).into_iter().map(|(table, run, key, text)| (table, run, key, text.map(cut))).collect();
    // Quotes are doubled in what the test reads.
    let plain = |set: BTreeSet<(String, String, String, Option<String>)>| -> BTreeSet<_> {
        set.into_iter()
            .filter(|(.., text)| text.as_ref().is_some_and(|text| !text.contains('\'') && !text.contains('\n')))
            .collect()
    };
    assert!(found.len() > 60);
    assert_eq!(plain(found), plain(wanted));
}

#[test]
fn a_page_of_a_store_on_a_server_has_the_same_data() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(
        &path,
        "DELETE FROM metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real';
        DELETE FROM latest_metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'",
    );
    let source = Place::File(path.clone());
    let (here, _) = page(&[(&source.open(), 1)]);
    for engine in Engine::servers() {
        let place = engine.empty(&folder);
        let done = source.migrate(1, &place, MigrateOptions::default()).unwrap();
        let (there, _) = page(&[(&place.open(), done.new_experiment_id)]);
        for which in ["curves", "time_curves"] {
            assert_eq!(curves(&there, which), curves(&here, which), "{engine:?}");
        }
        assert_eq!(texts(&there), texts(&here), "{engine:?}");
        assert_eq!(runs(&there), runs(&here), "{engine:?}");
        assert_eq!(there["experiments"][0]["rows"], here["experiments"][0]["rows"], "{engine:?}");
        let (both, done) = page(&[(&source.open(), 1), (&place.open(), done.new_experiment_id)]);
        assert_eq!((done.equal, &both["comparison"]["equal"]), (Some(true), &json!(true)), "{engine:?}");
    }
}

#[test]
fn two_experiments_are_compared_and_issues_lead_to_runs() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(&path, "DELETE FROM latest_metrics WHERE run_uuid = (SELECT run_uuid FROM runs WHERE name = 'sweep-1')");
    let manager = file(&path);
    let (data, done) = page(&[(&manager, 1), (&manager, 2)]);
    assert_eq!(done.equal, Some(false));
    assert!(data["comparison"]["first_difference"].is_object());
    let run = &rows(&path, "SELECT run_uuid FROM runs WHERE name = 'sweep-1'")[0][0];
    let issues = list(&data["experiments"][0]["findings"]["issues"]);
    let missing: Vec<_> = issues.iter().filter(|issue| issue["kind"] == "latest_metric_missing").collect();
    assert!(!missing.is_empty());
    for issue in missing {
        assert_eq!(issue["target"], json!(["run", run]), "{issue}");
    }
    // Of another tracker's there is no comparison, and a page all the same.
    let other = file(&folder.digits("digits.db"));
    let (mixed, done) = page(&[(&manager, 1), (&other, 1)]);
    assert_eq!(done.equal, None);
    let refused = mixed["comparison"]["refused"].as_str().unwrap();
    assert!(refused.contains("MLflow") && refused.contains("Experiment Manager"), "{refused}");
    assert_eq!(done.experiments.iter().map(|one| one.runs).collect::<Vec<_>>(), [9, 15]);
}

#[test]
fn what_a_page_does_not_list_is_counted() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(
        &path,
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2499)
         INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) SELECT printf('%032d', i), 'run ' || i, 'FINISHED', 1800000000000 + i, 'active', 2 FROM n;
         INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT 'loss', 1.5, 1800000000000, run_uuid, 0, 0 FROM runs WHERE experiment_id = 2 AND start_time >= 1800000000000;
         INSERT INTO params (key, value, run_uuid) SELECT 'lr', '0.1', run_uuid FROM runs WHERE experiment_id = 2 AND start_time >= 1800000000000",
    );
    let (data, done) = page(&[(&file(&path), 2)]);
    let one = &done.experiments[0];
    assert_eq!((one.runs, one.listed_runs, runs(&data).len()), (2503, 2000, 2000));
    // Three runs that were there began before.
    assert_eq!(runs(&data)[1999][2], "run 1996");
    for (count, what) in [(503, "values are of runs that are not listed."), (503, "rows of params are not listed.")] {
        assert!(one.notes.contains(&format!("{count} {what}")), "{:?}", one.notes);
    }
}
