//! Experiments of one store copied into another: everything arrives, nothing else changes, and what cannot be done is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::store;
use crate::support::{Folder, digest, dump, execute, integer, leaves_alone, open, rows, schema, sql, text};
use expmig::{CancelToken, Flow, JobOptions, MigrateOptions, MigrationResult, OnDuplicate, Result, Status, Strategy};
use serde_json::json;

/// A store of MLflow's without runs, at the newest head: what `mlflow db upgrade` makes of nothing.
pub fn empty(folder: &Folder) -> PathBuf {
    let path = folder.copy_of(&store(folder, "3.17.2"), "empty.db");
    let connection = sql(&path);
    let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<std::result::Result<_, _>>().unwrap();
    let script: String = tables
        .iter()
        .filter(|table| !["alembic_version", "experiments", "workspaces"].contains(&table.as_str()))
        .map(|table| format!("DELETE FROM \"{table}\";"))
        .collect();
    execute(&path, &format!("PRAGMA foreign_keys = OFF; {script} DELETE FROM experiments WHERE experiment_id > 0"));
    path
}

fn migrate(source: &Path, experiment: i64, target: &Path, options: MigrateOptions) -> Result<MigrationResult> {
    open(source).migrate_experiment(experiment, Some(&open(target)), options)
}

/// Every row of an experiment without the experiment's id and name, table by table: by SQL of its own, whatever the library knows.
pub fn content(path: &Path, experiment: i64) -> BTreeMap<&'static str, Vec<Vec<String>>> {
    let runs = format!("(SELECT run_uuid FROM runs WHERE experiment_id = {experiment})");
    let traces = format!("(SELECT request_id FROM trace_info WHERE experiment_id = {experiment})");
    let models = format!("(SELECT model_id FROM logged_models WHERE experiment_id = {experiment})");
    let inputs = format!("(SELECT input_uuid FROM inputs WHERE destination_id IN {runs} OR source_id IN {runs})");
    let mut found = BTreeMap::new();
    for (table, condition) in [
        ("experiments", format!("experiment_id = {experiment}")),
        ("experiment_tags", format!("experiment_id = {experiment}")),
        ("runs", format!("experiment_id = {experiment}")),
        ("metrics", format!("run_uuid IN {runs}")),
        ("latest_metrics", format!("run_uuid IN {runs}")),
        ("params", format!("run_uuid IN {runs}")),
        ("tags", format!("run_uuid IN {runs}")),
        ("datasets", format!("experiment_id = {experiment}")),
        ("logged_models", format!("experiment_id = {experiment}")),
        ("logged_model_metrics", format!("model_id IN {models}")),
        ("logged_model_params", format!("model_id IN {models}")),
        ("logged_model_tags", format!("model_id IN {models}")),
        ("trace_info", format!("experiment_id = {experiment}")),
        ("trace_tags", format!("request_id IN {traces}")),
        ("trace_request_metadata", format!("request_id IN {traces}")),
        ("trace_metrics", format!("request_id IN {traces}")),
        ("spans", format!("trace_id IN {traces}")),
        ("span_metrics", format!("trace_id IN {traces}")),
        ("assessments", format!("trace_id IN {traces}")),
        ("inputs", format!("input_uuid IN {inputs}")),
        ("input_tags", format!("input_uuid IN {inputs}")),
        ("entity_associations", format!("source_id IN {traces}")),
    ] {
        let connection = sql(path);
        let statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let skipped = |name: &str| name == "experiment_id" || (table == "experiments" && name == "name");
        let columns: Vec<String> = statement
            .column_names()
            .filter(|name| !skipped(name))
            .map(|name| format!("typeof(\"{name}\"), quote(\"{name}\")"))
            .collect();
        let query = format!("SELECT {} FROM {table} WHERE {condition}", columns.join(", "));
        let mut all = rows(path, &query);
        all.sort();
        found.insert(table, all);
    }
    found
}

#[test]
fn every_experiment_arrives_whole_and_the_source_stays_as_it_is() {
    for name in ["3.17.2", "3.5.1-upgraded", "3.0.1-upgraded", "2.22.5-upgraded", "1.30.1-upgraded"] {
        let folder = Folder::new();
        let (source, target) = (store(&folder, name), empty(&folder));
        for experiment in 0..4 {
            let done =
                leaves_alone(&source, || migrate(&source, experiment, &target, MigrateOptions::default())).unwrap();
            let new = done.new_experiment_id;
            assert_eq!(content(&source, experiment), content(&target, new), "{name} {experiment}");
            let copy = digest(&target, new);
            assert_eq!(expmig::digest::hex(&done.target_digest.unwrap()), copy);
            assert_eq!(done.target_digest, done.expected_digest);
            let title =
                |path: &Path, id: i64| text(path, &format!("SELECT name FROM experiments WHERE experiment_id = {id}"));
            if experiment == 0 {
                // Every store has it.
                assert_eq!(title(&target, new), "Default (2)");
                assert!(done.warnings.iter().any(|warning| warning.contains("Default (2)")), "{:?}", done.warnings);
            } else {
                assert_eq!(title(&target, new), title(&source, experiment));
                assert_eq!(copy, digest(&source, experiment), "{name} {experiment}");
                assert_eq!(done.source_digest, done.target_digest);
            }
            assert_eq!((done.items_processed, done.items_failed), (done.items_total, 0));
            assert!(done.tables.iter().all(|table| table.copied == table.source && table.failed == 0));
            assert_eq!(done.to_json()["digest"]["algorithm"], "expmig.digest.mlflow/1");
        }
        // Nothing is missing, and nothing is there twice.
        for table in ["metrics", "latest_metrics", "params", "tags", "spans", "inputs", "input_tags", "assessments"] {
            let count = format!("SELECT count(*) FROM {table}");
            assert_eq!(integer(&source, &count), integer(&target, &count), "{name}: {table}");
        }
        assert_eq!(text(&target, "PRAGMA integrity_check"), "ok");
        assert_eq!(rows(&target, "PRAGMA foreign_key_check").len(), 0);
        let report = open(&target).validate(expmig::ValidateOptions::default()).unwrap();
        assert!(report.passed(), "{:?}", report.issues());
    }
}

/// MLflow 3.5.1 writes experiment 0 into logged_model_metrics, whatever experiment the model is of.
#[test]
fn metrics_of_a_model_go_with_it_and_name_its_experiment_in_the_copy() {
    let wrong = "SELECT count(*) FROM logged_model_metrics AS m JOIN logged_models AS l ON l.model_id = m.model_id
                 WHERE m.experiment_id <> l.experiment_id";
    let all = "SELECT count(*) FROM logged_model_metrics";
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.5.1-upgraded"), empty(&folder));
    assert_eq!((integer(&source, wrong), integer(&source, all)), (2, 2));
    // The experiment that the rows name has none of them.
    migrate(&source, 0, &target, MigrateOptions::default()).unwrap();
    assert_eq!(integer(&target, all), 0);
    let done = migrate(&source, 1, &target, MigrateOptions::default()).unwrap();
    assert_eq!((integer(&target, wrong), integer(&target, all)), (0, 2));
    assert_eq!(digest(&target, done.new_experiment_id), digest(&source, 1));
}

#[test]
fn stores_of_several_people_are_merged_and_a_second_time_nothing_is_written() {
    let folder = Folder::new();
    let target = empty(&folder);
    let sources = ["3.17.2", "3.5.1-upgraded", "2.22.5-upgraded"].map(|name| store(&folder, name));
    let skip = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    let mut ids = Vec::new();
    for source in &sources {
        for experiment in 0..4 {
            ids.push(migrate(source, experiment, &target, skip()).unwrap().new_experiment_id);
        }
    }
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
    let names = rows(&target, "SELECT name FROM experiments ORDER BY experiment_id");
    let names: Vec<&str> = names.iter().map(|row| row[0].as_str()).collect();
    assert!(
        names[5].contains("Default (3)") && names[6].contains("vision (2)") && names[10].contains("vision (3)"),
        "{names:?}"
    );
    let before = dump(&target);
    let mut again = Vec::new();
    for source in &sources {
        for experiment in 0..4 {
            let done = migrate(source, experiment, &target, skip()).unwrap();
            assert!(done.skipped && done.warnings[0].contains("nothing was written"), "{:?}", done.warnings);
            again.push(done.new_experiment_id);
        }
    }
    assert_eq!((again, dump(&target)), (ids, before));
}

fn refused(result: Result<MigrationResult>, status: Status, words: &str) -> expmig::Error {
    let error = result.map(|done| done.to_json()).unwrap_err();
    assert_eq!(error.status(), status, "{error:?}");
    assert!(error.message().contains(words), "{words}: {error:?}");
    assert!(error.hint_text().is_some(), "{error:?}");
    error
}

#[test]
fn keys_that_the_target_has_are_named_and_nothing_is_written() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    migrate(&source, 1, &target, MigrateOptions::default()).unwrap();
    leaves_alone(&target, || {
        let error = refused(migrate(&source, 1, &target, MigrateOptions::default()), Status::AlreadyExists, "keys");
        assert!(error.hint_text().unwrap().contains("experiment 1 of the target has the same content"), "{error:?}");
        let details: Vec<&str> = error.details().iter().map(|detail| detail.key.as_ref()).collect();
        assert!(details.contains(&"table") && details.contains(&"row"), "{details:?}");
    });
    execute(&target, "UPDATE params SET value = '0.2' WHERE key = 'lr'");
    let skip = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    let error = refused(migrate(&source, 1, &target, skip), Status::AlreadyExists, "keys");
    assert!(!error.hint_text().unwrap().contains("same content"), "{error:?}");
    // One of each kind is enough.
    for (table, columns) in [
        ("runs", "INSERT INTO runs (run_uuid, experiment_id) SELECT run_uuid, 0 FROM s.runs WHERE name = 'sweep'"),
        (
            "logged_models",
            "INSERT INTO logged_models SELECT model_id, 0, name, artifact_location, 0, 0, 2, NULL, NULL, NULL, NULL FROM s.logged_models WHERE name = 'net'",
        ),
        (
            "datasets",
            "INSERT INTO datasets SELECT dataset_uuid, 0, name, digest, 'code', 'x', NULL, NULL FROM s.datasets WHERE name = 'train'",
        ),
    ] {
        let elsewhere = Folder::new();
        let other = folder.copy_of(&empty(&elsewhere), &format!("with-{table}.db"));
        execute(&other, &format!("PRAGMA foreign_keys = OFF; ATTACH '{}' AS s; {columns}", source.display()));
        let error = refused(migrate(&source, 1, &other, MigrateOptions::default()), Status::AlreadyExists, "1 keys");
        assert!(error.details().iter().any(|detail| detail.value == table), "{error:?}");
    }
}

#[test]
fn what_cannot_be_copied_as_it_is_is_refused_and_nothing_is_changed() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let target = empty(&folder);
    let older = store(&folder, "2.22.5");
    let other = folder.database("other.db", 2, "");
    let pristine = dump(&target);
    let options = MigrateOptions::default;
    refused(migrate(&older, 1, &target, options()), Status::Unsupported, "dc11669786a5");
    refused(migrate(&source, 1, &older, options()), Status::Unsupported, "0584bdc529eb");
    refused(migrate(&source, 1, &other, options()), Status::Unsupported, "Experiment Manager");
    refused(migrate(&source, 77, &target, options()), Status::NotFound, "77");
    for (given, words) in [
        (MigrateOptions { allow_lossy: true, ..options() }, "losses"),
        (MigrateOptions { transformation_rules: Some("{}".to_owned()), ..options() }, "transforming"),
    ] {
        refused(migrate(&source, 1, &target, given), Status::Unsupported, words);
    }
    for (change, status, words) in [
        ("UPDATE alembic_version SET version_num = 'f4a9b2c7d1e6'", Status::Unsupported, "f4a9b2c7d1e6"),
        ("UPDATE latest_metrics SET value = 7.5 WHERE key = 'loss'", Status::Validation, "latest_metrics"),
        ("DELETE FROM latest_metrics WHERE key = 'loss'", Status::Validation, "metrics"),
        ("UPDATE experiments SET workspace = 'team'", Status::NotFound, "workspace"),
        ("UPDATE datasets SET dataset_uuid = 'twice'", Status::Validation, "twice"),
        ("ALTER TABLE runs ADD COLUMN more TEXT; UPDATE runs SET more = 'x'", Status::Lossy, "do not fit"),
    ] {
        let changed = folder.copy_of(&source, "changed.db");
        execute(&changed, change);
        refused(migrate(&changed, 1, &target, options()), status, words);
        std::fs::remove_file(&changed).unwrap();
    }
    assert_eq!(dump(&target), pristine);
    execute(&target, "CREATE TRIGGER meddling AFTER INSERT ON runs BEGIN UPDATE runs SET user_id = 'me'; END");
    refused(migrate(&source, 1, &target, options()), Status::Unsupported, "triggers");
    assert!(schema(2).contains("EXPERIMENT"));
}

#[test]
fn a_row_that_hung_on_nothing_in_the_target_does_not_become_the_copys() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let run = text(&source, "SELECT run_uuid FROM runs WHERE name = 'sweep'");
    execute(
        &target,
        &format!("PRAGMA foreign_keys = OFF; INSERT INTO tags VALUES ('stray', 'x', '{}')", run.trim_matches('\'')),
    );
    leaves_alone(&target, || {
        refused(migrate(&source, 1, &target, MigrateOptions::default()), Status::Mismatch, "read back");
    });
    // An id that something mentions is given to nobody.
    execute(
        &target,
        "PRAGMA foreign_keys = OFF; DELETE FROM tags; INSERT INTO experiment_tags VALUES ('stray', 'x', 9)",
    );
    assert_eq!(migrate(&source, 1, &target, MigrateOptions::default()).unwrap().new_experiment_id, 10);
}

#[test]
fn what_stays_behind_is_named() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    execute(
        &source,
        "INSERT INTO scorers (experiment_id, scorer_name, scorer_id) VALUES (1, 'exact', 's1'); \
         UPDATE inputs SET destination_id = (SELECT run_uuid FROM runs WHERE name = 'by default') WHERE rowid = 1",
    );
    let done = migrate(&source, 1, &target, MigrateOptions::default()).unwrap();
    let said = |words: &str| done.warnings.iter().any(|warning| warning.contains(words));
    assert!(said("1 rows of scorers hang on the experiment") && said("1 rows of inputs tie"), "{:?}", done.warnings);
    assert_eq!(integer(&target, "SELECT count(*) FROM inputs"), integer(&source, "SELECT count(*) FROM inputs") - 1);
    let conservative = MigrateOptions { strategy: Strategy::Conservative, ..MigrateOptions::default() };
    refused(migrate(&source, 1, &empty(&Folder::new()), conservative), Status::Validation, "certainty");
}

#[test]
fn the_strictest_strategy_takes_a_snapshot_and_lets_no_warning_pass() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let conservative = || MigrateOptions { strategy: Strategy::Conservative, ..MigrateOptions::default() };
    // It has a step that is a fraction.
    let error = refused(migrate(&source, 1, &target, conservative()), Status::Validation, "warnings");
    assert!(error.details().iter().any(|detail| detail.value.contains("is no integer")), "{error:?}");
    let prefixed = MigrateOptions { title_prefix: Some("team: ".to_owned()), ..conservative() };
    let done = migrate(&source, 2, &target, prefixed).unwrap();
    assert!(done.snapshot_id.is_some());
    assert_eq!(text(&target, "SELECT name FROM experiments WHERE experiment_id = 1").trim_matches('\''), "team: text");
}

#[test]
fn a_plan_says_what_would_be_done_and_writes_nothing() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let plan = leaves_alone(&source, || {
        leaves_alone(&target, || {
            open(&source).plan_migration(1, Some(&open(&target)), MigrateOptions::default()).unwrap()
        })
    });
    let done = migrate(&source, 1, &target, MigrateOptions::default()).unwrap();
    assert_eq!(plan["digest"]["as_stored"], json!(expmig::digest::hex(&done.target_digest.unwrap())));
    for table in plan["tables"].as_array().unwrap() {
        let counted = done.tables.iter().find(|counted| table["table"] == counted.table).unwrap();
        assert_eq!(table["rows"], counted.copied);
    }
    assert_eq!(plan["warnings"], json!([]));
    assert!(plan["space"]["needed_bytes"].as_u64().unwrap() > 0);
    let again = open(&source).plan_migration(1, Some(&open(&target)), MigrateOptions::default()).unwrap();
    assert_eq!(again["duplicates"][0]["experiment_id"], json!(1));
    let said =
        |words: &str| again["warnings"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains(words));
    assert!(said("keys of experiment 1 already") && said("vision (2)"), "{again}");
    let compared = open(&source).compare_experiments(1, Some(&open(&target)), 1, JobOptions::default()).unwrap();
    assert_eq!(compared["equal"], true);
}

#[test]
fn a_cancelled_copy_leaves_no_trace() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let token = CancelToken::default();
    token.trigger();
    let options = MigrateOptions { cancel: Some(token), ..MigrateOptions::default() };
    leaves_alone(&target, || {
        let error = migrate(&source, 1, &target, options).map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled, "{error:?}");
    });
    for step in ["opening", "counting the source", "looking at the target", "copying", "verifying the copy"] {
        let target = folder.copy_of(&target, &format!("{}.db", step.replace(' ', "-")));
        let sink = move |progress: &expmig::Progress| {
            if progress.operation == step {
                return Flow::Cancel;
            }
            // Longer than between two reports, so that the next step is reported in any case.
            std::thread::sleep(Duration::from_millis(150));
            Flow::Continue
        };
        let options = MigrateOptions { progress: Some(Box::new(sink)), ..MigrateOptions::default() };
        let before = dump(&target);
        let error = migrate(&source, 1, &target, options).map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled, "{step}: {error:?}");
        assert_eq!(dump(&target), before, "{step}");
    }
}
