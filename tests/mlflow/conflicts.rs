//! Copies within one store, keys and names that the target has, appending, workspaces, and rules for where artifacts are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::migrate::{content, empty};
use crate::places::{Engine, Place};
use crate::store::store;
use crate::support::{Folder, details, digest, dump, execute, integer, leaves_alone, open, rows, text};
use expmig::{
    Domain, Error, MigrateOptions, MigrationResult, OnConflict, OnDuplicate, OnName, Result, Status, TextKeyOptions,
    ValidateOptions,
};
use serde_json::json;

fn options(on_conflict: OnConflict, on_name: OnName) -> MigrateOptions {
    let text_keys = TextKeyOptions { on_conflict, on_name, ..TextKeyOptions::default() };
    MigrateOptions { text_keys, ..MigrateOptions::default() }
}

fn migrate(source: &Path, experiment: i64, target: &Path, options: MigrateOptions) -> Result<MigrationResult> {
    open(source).migrate_experiment(experiment, Some(&open(target)), options)
}

fn refused<T>(result: Result<T>, status: Status, words: &str) -> Error {
    let Err(error) = result else { panic!("{words} was expected") };
    assert_eq!(error.status(), status, "{error:?}");
    assert!(error.message().contains(words), "{words}: {error:?}");
    error
}

/// Whether an experiment is sound in a store, and MLflow would see nothing odd.
fn is_sound(path: &Path) {
    let report = open(path).validate(ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{:?}", report.issues());
    assert_eq!(rows(path, "PRAGMA foreign_key_check").len(), 0);
}

/// The rows of an experiment with each key of the source replaced by the copy's, by plain text replacement of the test's own.
fn renamed(
    content: &BTreeMap<&'static str, Vec<Vec<String>>>,
    done: &MigrationResult,
) -> BTreeMap<&'static str, Vec<Vec<String>>> {
    let json = done.to_json();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (_, of_table) in json["id_map"]["keys"].as_object().into_iter().flatten() {
        for pair in of_table.as_array().unwrap() {
            let [old, new] = [0, 1].map(|at| pair[at].as_str().unwrap().to_owned());
            if let (Some(old), Some(new)) = (base64(&old), base64(&new)) {
                pairs.push((old, new));
            }
            pairs.push((old, new));
        }
    }
    assert!(!pairs.is_empty());
    let mut changed = content.clone();
    for (table, rows) in &mut changed {
        for row in rows.iter_mut() {
            let is_place = |cell: &str| cell.contains("mlflow-artifacts:/");
            for cell in row.iter_mut() {
                // Where artifacts are stays.
                if is_place(cell) && PLACES.contains(table) {
                    continue;
                }
                for (old, new) in &pairs {
                    *cell = cell.replace(old.as_str(), new);
                }
            }
        }
        rows.sort();
    }
    changed
}

/// The tables that say where artifacts are.
const PLACES: [&str; 4] = ["experiments", "runs", "logged_models", "trace_tags"];

/// The base64 text of the 16 bytes that the digits of a trace's id say, made by hand.
fn base64(key: &str) -> Option<String> {
    let hex = key.strip_prefix("tr-")?;
    let bits: String =
        hex.chars().map(|digit| format!("{:04b}", digit.to_digit(16).unwrap())).collect::<String>() + "0000";
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |at: usize| char::from(LETTERS[usize::from_str_radix(&bits[at * 6..at * 6 + 6], 2).unwrap()]);
    Some((0..22).map(letter).collect::<String>() + "==")
}

#[test]
fn a_copy_within_a_store_has_new_ids_everywhere_and_the_digest_of_its_source() {
    for name in ["3.17.2", "2.22.5", "1.30.1"] {
        let folder = Folder::new();
        let path = store(&folder, name);
        let pristine = folder.copy_of(&path, "pristine.db");
        let before: Vec<_> = (0..4).map(|one| digest(&path, one)).collect();
        let plan = leaves_alone(&path, || open(&path).plan_migration(1, None, MigrateOptions::default()).unwrap());
        let done = open(&path).migrate_experiment(1, None, MigrateOptions::default()).unwrap();
        let copy = done.new_experiment_id;
        assert_eq!(plan["digest"]["as_stored"], json!(expmig::digest::hex(&done.target_digest.unwrap())), "{name}");
        assert_eq!(text(&path, &format!("SELECT name FROM experiments WHERE experiment_id = {copy}")), "vision (2)");
        assert_eq!((0..4).map(|one| digest(&path, one)).collect::<Vec<_>>(), before, "{name}: the others stay");
        if name == "3.17.2" {
            assert_eq!(content(&path, 1), content(&pristine, 1));
            assert_eq!(content(&path, copy), renamed(&content(&pristine, 1), &done), "every id is another one");
            // Nothing of the copy names anything of the source but where the artifacts are.
            let runs = rows(&pristine, "SELECT run_uuid FROM runs WHERE experiment_id = 1");
            for (table, rows) in content(&path, copy).iter().filter(|(table, _)| !PLACES.contains(table)) {
                for run in &runs {
                    let run = run[0].trim_start_matches("text ").trim_matches('"');
                    assert!(!format!("{rows:?}").contains(run), "{table} {run}");
                }
            }
        }
        execute(
            &path,
            &format!(
                "UPDATE experiments SET name = 'elsewhere' WHERE experiment_id = 1;
                 UPDATE experiments SET name = 'vision' WHERE experiment_id = {copy}"
            ),
        );
        assert_eq!(digest(&path, copy), before[1], "{name}");
        is_sound(&path);
        // It is there now, whatever its keys.
        let skip = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
        let again = open(&path).migrate_experiment(1, None, skip()).unwrap();
        assert!(again.skipped && again.new_experiment_id == copy);
        let error = MigrateOptions { on_duplicate: OnDuplicate::Error, ..MigrateOptions::default() };
        refused(open(&path).migrate_experiment(1, None, error), Status::AlreadyExists, "already, as experiment");
    }
}

#[test]
fn ids_that_the_target_has_are_replaced_where_that_is_asked_for() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    // One run is there, in another experiment.
    execute(
        &target,
        &format!(
            "ATTACH '{}' AS s; INSERT INTO runs SELECT * FROM s.runs WHERE name = 'sweep-1'; UPDATE runs SET experiment_id = 0",
            source.display()
        ),
    );
    let run = text(&target, "SELECT run_uuid FROM runs");
    refused(migrate(&source, 1, &target, MigrateOptions::default()), Status::AlreadyExists, "1 keys");
    let done = migrate(&source, 1, &target, options(OnConflict::New, OnName::Suffix)).unwrap();
    let map = done.to_json();
    assert_eq!(map["id_map"]["keys"]["runs"][0][0], json!(run));
    assert_eq!(map["id_map"]["keys"].as_object().unwrap().len(), 1, "all others keep theirs: {map}");
    assert_eq!(done.target_digest, done.source_digest);
    assert_eq!(content(&target, done.new_experiment_id), renamed(&content(&source, 1), &done));
    is_sound(&target);
    // All of them, the second time.
    let second = migrate(&source, 1, &target, options(OnConflict::New, OnName::Suffix)).unwrap();
    assert_eq!(second.to_json()["id_map"]["keys"]["runs"].as_array().unwrap().len(), 9);
    assert!(second.warnings.iter().any(|warning| warning.contains("vision (2)")), "{:?}", second.warnings);
    is_sound(&target);
}

/// The target has two of nine runs, as an earlier copy left them.
fn grown(folder: &Folder) -> (PathBuf, PathBuf) {
    let (source, target) = (store(folder, "3.17.2"), empty(folder));
    let half = folder.copy_of(&source, "half.db");
    execute(
        &half,
        "PRAGMA foreign_keys = OFF; CREATE TEMP TABLE gone AS SELECT run_uuid FROM runs WHERE experiment_id = 1 AND name NOT IN ('sweep', 'sweep-0');
         DELETE FROM runs WHERE run_uuid IN gone; DELETE FROM metrics WHERE run_uuid IN gone; DELETE FROM latest_metrics WHERE run_uuid IN gone;
         DELETE FROM params WHERE run_uuid IN gone; DELETE FROM tags WHERE run_uuid IN gone; DELETE FROM logged_model_metrics;
         DELETE FROM inputs WHERE source_id IN gone OR destination_id IN gone",
    );
    migrate(&half, 1, &target, MigrateOptions::default()).unwrap();
    (source, target)
}

#[test]
fn what_is_not_there_yet_is_appended_and_what_is_equal_is_left() {
    let folder = Folder::new();
    let (source, target) = grown(&folder);
    execute(&source, "UPDATE experiment_tags SET value = 'red' WHERE key = 'team'");
    // The model lost a metric link in the half.
    execute(
        &target,
        "PRAGMA foreign_keys = OFF; DELETE FROM logged_model_params; DELETE FROM logged_model_tags; DELETE FROM logged_models; DELETE FROM inputs WHERE source_type LIKE 'RUN%'",
    );
    let skip = || options(OnConflict::Skip, OnName::Append);
    let plan = leaves_alone(&target, || open(&source).plan_migration(1, Some(&open(&target)), skip()).unwrap());
    assert_eq!(plan["target_experiment_id"], json!(1), "{plan}");
    let done = migrate(&source, 1, &target, skip()).unwrap();
    assert_eq!(done.new_experiment_id, 1);
    let said = |words: &str| done.warnings.iter().any(|warning| warning.contains(words));
    assert!(said("2 runs were there already") && said("rows of the experiment itself"), "{:?}", done.warnings);
    assert_eq!(text(&target, "SELECT value FROM experiment_tags WHERE key = 'team'"), "blue");
    let (mut here, mut there) = (content(&source, 1), content(&target, 1));
    for one in [&mut here, &mut there] {
        one.remove("experiment_tags");
    }
    assert_eq!(here, there);
    assert_eq!(integer(&target, "SELECT count(*) FROM experiments"), 2);
    is_sound(&target);
    // Again: everything is there.
    let before = dump(&target);
    migrate(&source, 1, &target, skip()).unwrap();
    assert_eq!(dump(&target), before);
    // What differs stops it, and nothing is changed.
    execute(
        &source,
        "UPDATE params SET value = '0.5' WHERE key = 'lr' AND run_uuid IN (SELECT run_uuid FROM runs WHERE name = 'odd numbers')",
    );
    let error = refused(migrate(&source, 1, &target, skip()), Status::AlreadyExists, "1 rows of experiment 1");
    assert_eq!(details(&error, "table"), ["runs"]);
    assert_eq!(dump(&target), before);
}

#[test]
fn appending_with_new_ids_shares_the_datasets_that_are_equal() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(&path, "INSERT INTO experiments (name, lifecycle_stage, workspace) VALUES ('all', 'active', 'default')");
    let all = integer(&path, "SELECT max(experiment_id) FROM experiments");
    let into = || MigrateOptions { target_experiment: Some(all), ..MigrateOptions::default() };
    for times in 1..=2 {
        let done = open(&path).migrate_experiment(1, None, into()).unwrap();
        assert_eq!(done.new_experiment_id, all);
        let count = |table: &str| integer(&path, &format!("SELECT count(*) FROM {table} WHERE experiment_id = {all}"));
        assert_eq!(
            (count("runs"), count("logged_models"), count("trace_info"), count("datasets")),
            (9 * times, 2 * times, 3 * times, 2)
        );
        is_sound(&path);
    }
    refused(
        open(&path).migrate_experiment(1, None, options(OnConflict::Error, OnName::Append)),
        Status::InvalidArgument,
        "into itself",
    );
    // Another dataset of the same name and digest is in the way.
    execute(&path, &format!("UPDATE datasets SET dataset_source = 'other' WHERE experiment_id = {all}"));
    leaves_alone(&path, || {
        let error = refused(open(&path).migrate_experiment(1, None, into()), Status::AlreadyExists, "another content");
        assert!(details(&error, "table").contains(&"datasets"), "{error:?}");
    });
}

/// The target has the experiment itself, with the same keys: runs get new ones, datasets are shared under theirs.
#[test]
fn what_is_there_with_the_same_keys_is_appended_once_more_with_new_ones() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), folder.copy_of(&store(&folder, "3.17.2"), "other.db"));
    let count = |table: &str| integer(&target, &format!("SELECT count(*) FROM {table} WHERE experiment_id = 1"));
    let before = (count("runs"), count("datasets"));
    let done = migrate(&source, 1, &target, options(OnConflict::New, OnName::Append)).unwrap();
    assert_eq!(done.new_experiment_id, 1);
    assert_eq!((count("runs"), count("datasets")), (2 * before.0, before.1));
    let keys = done.to_json()["id_map"]["keys"].clone();
    assert_eq!((keys["runs"].as_array().unwrap().len(), keys["datasets"].is_null()), (9, true), "{keys}");
    is_sound(&target);
}

#[test]
fn names_workspaces_and_places_of_artifacts_are_what_is_asked_for() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    execute(&target, "INSERT INTO workspaces (name) VALUES ('blue')");
    let with = |text_keys: TextKeyOptions| MigrateOptions { text_keys, ..MigrateOptions::default() };
    let nowhere = TextKeyOptions { workspace: Some("red".to_owned()), ..TextKeyOptions::default() };
    refused(migrate(&source, 1, &target, with(nowhere)), Status::NotFound, "workspace");
    let text_keys = TextKeyOptions {
        workspace: Some("blue".to_owned()),
        artifacts: Some(("mlflow-artifacts:/".to_owned(), "s3://bucket/".to_owned())),
        ..TextKeyOptions::default()
    };
    let plan = open(&source).plan_migration(1, Some(&open(&target)), with(text_keys.clone())).unwrap();
    let done = migrate(&source, 1, &target, with(text_keys)).unwrap();
    let (id, result) = (done.new_experiment_id, done.to_json());
    assert_eq!(plan["digest"]["as_stored"], result["digest"]["target"]);
    assert_ne!(done.source_digest, done.target_digest);
    assert_eq!(text(&target, &format!("SELECT workspace FROM experiments WHERE experiment_id = {id}")), "blue");
    let (mut wanted, mut found) = (content(&source, 1), content(&target, id));
    let [_, own] = [&mut wanted, &mut found].map(|all| all.remove("experiments"));
    assert!(format!("{own:?}").contains("s3://bucket/vision"));
    let mut count = 1;
    for (_, rows) in wanted.iter_mut().filter(|(table, _)| PLACES.contains(table)) {
        for cell in rows.iter_mut().flatten().filter(|cell| cell.contains("mlflow-artifacts:/")) {
            *cell = cell.replace("mlflow-artifacts:/", "s3://bucket/");
            count += 1;
        }
        rows.sort();
    }
    assert_eq!(found, wanted);
    assert_eq!(result["locations"]["count"], json!(count), "{}", result["locations"]);
    assert!(result["locations"]["values"][0]["after"].as_str().unwrap().starts_with("s3://bucket/"));
    // Names are unique in a workspace only.
    let error = options(OnConflict::New, OnName::Error);
    migrate(&source, 1, &target, error).unwrap();
    refused(migrate(&source, 1, &target, options(OnConflict::New, OnName::Error)), Status::AlreadyExists, "vision");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let skip = || options(OnConflict::Skip, OnName::Suffix);
    leaves_alone(&target, || {
        let error = refused(migrate(&source, 1, &target, skip()), Status::InvalidArgument, "append");
        assert_eq!((error.domain(), details(&error, "parameter")), (Domain::Migration, vec!["on_conflict"]));
    });
    let other = folder.small("other.db", "");
    for given in [options(OnConflict::New, OnName::Suffix), options(OnConflict::Error, OnName::Append)] {
        refused(open(&other).migrate_experiment(1, None, given), Status::Unsupported, "no meaning");
    }
    refused(open(&other).plan_migration(1, None, skip()), Status::Unsupported, "on_conflict");
}

#[test]
fn servers_copy_within_a_store_and_append() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(
        &path,
        "DELETE FROM metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'; DELETE FROM latest_metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'",
    );
    let source = Place::File(path);
    for engine in Engine::servers() {
        let target = engine.empty(&folder);
        let first = source.migrate(1, &target, MigrateOptions::default()).unwrap();
        let before = target.rows("SELECT run_uuid, name FROM runs ORDER BY run_uuid");
        let copy = target.open().migrate_experiment(first.new_experiment_id, None, MigrateOptions::default()).unwrap();
        let compared = target.open().experiment_digest(copy.new_experiment_id, expmig::JobOptions::default()).unwrap();
        assert_eq!(Some(compared), copy.target_digest, "{engine:?}");
        assert_eq!(target.rows("SELECT run_uuid FROM runs").len(), 2 * before.len(), "{engine:?}");
        let appended = source.migrate(1, &target, options(OnConflict::Skip, OnName::Append)).unwrap();
        assert_eq!(appended.new_experiment_id, first.new_experiment_id, "{engine:?}");
        assert_eq!(target.rows("SELECT run_uuid FROM runs").len(), 2 * before.len(), "{engine:?}");
        let report = target.open().validate(ValidateOptions::default()).unwrap();
        assert!(report.passed(), "{engine:?}: {:?}", report.issues());
    }
}

#[test]
fn a_target_that_others_write_into_is_waited_for() {
    let folder = Folder::new();
    let (source, target) = (store(&folder, "3.17.2"), empty(&folder));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let client = crate::support::sql(&target);
            client.busy_timeout(std::time::Duration::from_secs(120)).unwrap();
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // A commit keeps everybody out, for as long as the device takes.
                client.execute_batch("BEGIN EXCLUSIVE").unwrap();
                client.execute("INSERT INTO experiment_tags VALUES (?1, 'x', 0)", [written]).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                client.execute_batch("COMMIT").unwrap();
                written += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            written
        });
        let database = |path: &Path| {
            let options = expmig::OpenOptions {
                busy_timeout: std::time::Duration::from_secs(120),
                ..expmig::OpenOptions::default()
            };
            expmig::Manager::from(expmig::Database::open(path.to_str().unwrap(), options).unwrap())
        };
        let into = database(&target);
        let copied = (0..4).try_for_each(|_| {
            database(&source).migrate_experiment(2, Some(&into), options(OnConflict::New, OnName::Suffix)).map(drop)
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let written: i64 = writer.join().unwrap();
        copied.unwrap();
        assert_eq!(integer(&target, "SELECT count(*) FROM experiment_tags WHERE experiment_id = 0"), written);
    });
    assert_eq!(integer(&target, "SELECT count(*) FROM experiments WHERE name LIKE 'text%'"), 4);
}
