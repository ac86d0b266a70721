//! Experiments between stores on SQLite, MariaDB, MySQL and PostgreSQL, in every direction.

use std::path::Path;

use crate::places::{Engine, Place, cells};
use crate::store::store;
use crate::support::server::Kind;
use crate::support::{Folder, details, execute, leaves_alone};
use expmig::{JobOptions, MigrateOptions, OnDuplicate, Result, Status, Strategy, ValidateOptions};
use serde_json::json;

/// A committed store without the points whose step or time is a fraction, which only SQLite keeps.
pub fn whole_numbers(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = store(folder, name);
    execute(
        &path,
        "DELETE FROM metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real';
         DELETE FROM latest_metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'",
    );
    path
}

fn refused<T>(result: Result<T>, status: Status, words: &str) -> expmig::Error {
    let Err(error) = result else { panic!("{words} was expected") };
    assert_eq!(error.status(), status, "{error:?}");
    let said = |text: &str| text.contains(words);
    assert!(said(error.message()) || error.details().iter().any(|detail| said(&detail.value)), "{words}: {error:?}");
    error
}

fn digest(place: &Place, experiment: i64) -> String {
    expmig::digest::hex(&place.open().experiment_digest(experiment, JobOptions::default()).unwrap())
}

/// Copies every experiment of a store along a chain of stores, and compares the last with the first, cell by cell.
fn chain(name: &str, stations: &[Engine]) {
    let folder = Folder::new();
    let path = whole_numbers(&folder, name);
    let source = Place::File(path.clone());
    leaves_alone(&path, || {
        let places: Vec<(Folder, Place)> = stations
            .iter()
            .map(|engine| {
                let folder = Folder::new();
                let place = engine.empty(&folder);
                (folder, place)
            })
            .collect();
        for experiment in 0..4 {
            let wanted = digest(&source, experiment);
            let content = cells(&source, &path, experiment);
            let (mut from, mut id) = (&source, experiment);
            for (station, (_, to)) in stations.iter().zip(&places) {
                let done = from.migrate(id, to, MigrateOptions::default());
                let done = done.unwrap_or_else(|error| panic!("{name} {experiment} to {station:?}: {error:?}"));
                (from, id) = (to, done.new_experiment_id);
                assert!(id > 0, "{station:?}");
                assert_eq!(cells(to, &path, id), content, "{name} {experiment} on {station:?}");
                // Its name may be taken, and is part of the digest.
                to.execute(&format!(
                    "UPDATE experiments SET name = 'aside' WHERE experiment_id = 0 AND {experiment} = 0"
                ));
                if experiment > 0 {
                    assert_eq!(digest(to, id), wanted, "{name} {experiment} on {station:?}");
                }
            }
        }
        for (station, (_, place)) in stations.iter().zip(&places) {
            let manager = place.open();
            let report = manager.validate(ValidateOptions::default()).unwrap();
            assert!(report.passed(), "{station:?}: {:?}", report.issues());
            let list = manager.list_experiments().unwrap();
            assert_eq!(list.iter().map(|one| one.runs).collect::<Vec<_>>(), [0, 1, 9, 3, 1], "{station:?}");
            assert_eq!(list[0].id, 0, "experiment 0 stays what it is");
            assert_eq!(manager.database_info().unwrap()["family"], json!("mlflow"));
        }
    });
}

#[test]
fn experiments_come_back_from_mariadb_as_they_were() {
    chain("3.17.2", &[Engine::MariaDb, Engine::Sqlite]);
}

#[test]
fn experiments_come_back_from_mysql_as_they_were() {
    if Kind::Mysql.shared().is_some() {
        chain("3.5.1-upgraded", &[Engine::Mysql, Engine::Sqlite]);
    }
}

#[cfg(feature = "postgres")]
#[test]
fn experiments_come_back_from_postgresql_and_mariadb_as_they_were() {
    chain("3.17.2", &[Engine::Postgres, Engine::MariaDb, Engine::Sqlite]);
}

#[test]
#[ignore = "for `make large`: dozens of stores, whose tables take servers seconds"]
fn experiments_of_several_versions_come_back_from_every_server() {
    for name in ["3.17.2", "3.5.1-upgraded", "3.0.1-upgraded", "2.22.5-upgraded", "1.30.1-upgraded"] {
        for engine in Engine::servers() {
            chain(name, &[engine, Engine::Sqlite]);
        }
        if cfg!(feature = "postgres") {
            chain(name, &[Engine::Postgres, Engine::MariaDb, Engine::Postgres, Engine::Sqlite]);
        }
    }
}

#[test]
fn a_store_of_an_older_version_on_a_server_is_read_and_copied() {
    let folder = Folder::new();
    let path = whole_numbers(&folder, "2.22.5");
    let (source, target) = (Place::File(path.clone()), Engine::on(Kind::MariaDb, "2.22.5-mariadb"));
    assert_eq!(target.open().database_info().unwrap()["version"], json!("0584bdc529eb"));
    let done = source.migrate(1, &target, MigrateOptions::default()).unwrap();
    assert_eq!(digest(&target, done.new_experiment_id), digest(&source, 1));
    let newer = Engine::MariaDb.empty(&folder);
    refused(source.migrate(1, &newer, MigrateOptions::default()), Status::Unsupported, "0584bdc529eb");
}

/// What the pre-flight says of a change of the source.
fn found(source: &Path, change: &str, target: &Place, status: Status, words: &str) -> expmig::Error {
    let folder = Folder::new();
    let changed = folder.copy_of(source, "changed.db");
    execute(&changed, &format!("PRAGMA foreign_keys = OFF; {change}"));
    let before = target.dump();
    let from = Place::File(changed);
    let error = refused(from.migrate(1, target, MigrateOptions::default()), status, words);
    assert_eq!(target.dump(), before, "{change}");
    error
}

#[test]
fn what_a_server_would_change_is_found_before_anything_is_written() {
    let folder = Folder::new();
    let source = whole_numbers(&folder, "3.17.2");
    let run = "(SELECT run_uuid FROM runs WHERE name = 'odd numbers')";
    for engine in Engine::servers() {
        let target = engine.empty(&Folder::new());
        let fraction = format!(
            "UPDATE metrics SET step = 1.5 WHERE key = 'far' AND step > 0 AND run_uuid = {run}; UPDATE latest_metrics SET step = 1.5 WHERE key = 'far' AND run_uuid = {run}"
        );
        let error = found(&source, &fraction, &target, Status::Lossy, "step");
        // A row is named by what tells it from all others.
        let rows = details(&error, "row");
        assert!(rows.iter().all(|row| row.contains("key=\"far\"") && row.contains("run_uuid=\"")), "{rows:?}");
        assert!(rows.iter().any(|row| row.contains("step=1.5")), "{rows:?}");
        found(
            &source,
            "UPDATE params SET value = printf('%8001d', 1) WHERE key = 'lr'",
            &target,
            Status::Constraint,
            "params",
        );
        found(
            &source,
            "UPDATE runs SET artifact_uri = printf('%201d', 1) WHERE name = 'sweep'",
            &target,
            Status::Constraint,
            "artifact_uri",
        );
        let infinite = "UPDATE logged_model_metrics SET metric_value = 9e999";
        if engine != Engine::Postgres {
            found(&source, infinite, &target, Status::Lossy, "metric_value");
            // It has both keys as one.
            let folding = format!("INSERT INTO params VALUES ('LR', '1', {run})");
            found(&source, &folding, &target, Status::Constraint, "same key");
            let folding = format!(
                "INSERT INTO tags VALUES ('n\u{f6}tes', '1', {run}); INSERT INTO tags VALUES ('notes', '1', {run})"
            );
            found(&source, &folding, &target, Status::Constraint, "same key");
        }
        if engine == Engine::MariaDb {
            let blank = format!("INSERT INTO params VALUES ('lr ', '1', {run})");
            found(&source, &blank, &target, Status::Constraint, "same key");
        }
    }
}

#[test]
fn what_sqlite_would_change_is_found_before_anything_is_written() {
    let folder = Folder::new();
    let source = Place::File(whole_numbers(&folder, "3.17.2"));
    for engine in Engine::servers() {
        let server = engine.empty(&folder);
        let id = source.migrate(1, &server, MigrateOptions::default()).unwrap().new_experiment_id;
        let double = if engine == Engine::Postgres { "double precision" } else { "DOUBLE" };
        for table in ["metrics", "latest_metrics"] {
            server.execute(&format!(
                "INSERT INTO {table} (\"key\", value, \"timestamp\", run_uuid, step, is_nan) SELECT 'minus', CAST('-0' AS {double}), 1700000000000, \
                 run_uuid, 0, is_nan FROM latest_metrics WHERE \"key\" = 'far'"
            ));
        }
        let negative = |row: &Vec<String>| row[0] == "real 8000000000000000";
        let there = server.rows("SELECT value FROM latest_metrics").iter().any(negative);
        // MariaDB makes a plain zero of it.
        assert!(there || engine == Engine::MariaDb, "{engine:?}");
        if !there {
            continue;
        }
        let files = Folder::new();
        let target = Engine::Sqlite.empty(&files);
        let error = refused(server.migrate(id, &target, MigrateOptions::default()), Status::Lossy, "latest_metrics");
        assert!(error.details().iter().any(|detail| detail.key == "value"), "{error:?}");
    }
}

#[test]
fn a_copy_on_a_server_is_not_made_twice_and_its_ids_are_not_taken() {
    let folder = Folder::new();
    let source = Place::File(whole_numbers(&folder, "3.17.2"));
    for engine in Engine::servers() {
        let target = engine.empty(&Folder::new());
        let first = source.migrate(1, &target, MigrateOptions::default()).unwrap();
        let skipping = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
        let again = source.migrate(1, &target, skipping()).unwrap();
        assert!(again.skipped && again.new_experiment_id == first.new_experiment_id, "{engine:?}");
        target.execute("UPDATE params SET value = 'other' WHERE \"key\" = 'lr'");
        let before = target.dump();
        refused(source.migrate(1, &target, skipping()), Status::AlreadyExists, "keys of experiment 1");
        assert_eq!(target.dump(), before);
        // MLflow's next experiment gets an id of its own.
        target
            .execute("INSERT INTO experiments (name, lifecycle_stage, workspace) VALUES ('next', 'active', 'default')");
        assert_eq!(target.rows("SELECT experiment_id FROM experiments").len(), 3, "{engine:?}");
        let conservative = MigrateOptions { strategy: Strategy::Conservative, ..MigrateOptions::default() };
        refused(source.migrate(2, &target, conservative), Status::Unsupported, "snapshot");
    }
}

#[test]
fn two_servers_exchange_experiments_and_compare_them() {
    let folder = Folder::new();
    let source = Place::File(whole_numbers(&folder, "3.17.2"));
    let places: Vec<Place> = Engine::servers().into_iter().map(|engine| engine.empty(&folder)).collect();
    let Some(first) = places.first() else { return };
    let mut id = source.migrate(2, first, MigrateOptions::default()).unwrap().new_experiment_id;
    // From each to the next, and from the last to a second store beside the first.
    let again = Engine::MariaDb.empty(&folder);
    for (here, there) in places.iter().zip(places.iter().skip(1).chain([&again])) {
        let plan = here.open().plan_migration(id, Some(&there.open()), MigrateOptions::default()).unwrap();
        let done = here.migrate(id, there, MigrateOptions::default()).unwrap();
        assert_eq!(plan["digest"]["as_stored"], json!(expmig::digest::hex(&done.target_digest.unwrap())));
        let second = done.new_experiment_id;
        let compare =
            || here.open().compare_experiments(id, Some(&there.open()), second, JobOptions::default()).unwrap();
        assert_eq!(compare()["equal"], json!(true), "{} {}", here.url(), there.url());
        there.execute("UPDATE params SET value = 'other' WHERE \"key\" = 'lr'");
        assert_eq!(compare()["equal"], json!(false), "{} {}", here.url(), there.url());
        there.execute("UPDATE params SET value = '0.1' WHERE \"key\" = 'lr'");
        id = second;
    }
    assert_eq!(digest(&again, id), digest(&source, 2));
}

/// A schema of PostgreSQL whose texts are equal to others: what is there is read as it is, and what would be one with something else is found.
#[cfg(feature = "postgres")]
#[test]
fn a_store_whose_order_of_text_folds_gives_everything_back_and_refuses_what_is_the_same_there() {
    let folder = Folder::new();
    let source = whole_numbers(&folder, "3.17.2");
    let target = Engine::Postgres.empty(&folder);
    target.execute(
        "CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
         DO $$ DECLARE c record; BEGIN
           FOR c IN SELECT a.attrelid::regclass AS t, a.attname AS n, format_type(a.atttypid, a.atttypmod) AS d FROM pg_attribute a
               JOIN pg_class r ON r.oid = a.attrelid WHERE r.relnamespace = current_schema()::regnamespace AND r.relkind = 'r'
               AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation <> 0 LOOP
             EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s COLLATE folds', c.t, c.n, c.d);
           END LOOP; END $$",
    );
    let from = Place::File(source.clone());
    for experiment in 1..=3 {
        let wanted = digest(&from, experiment);
        let there = from.migrate(experiment, &target, MigrateOptions::default()).unwrap().new_experiment_id;
        assert_eq!(digest(&target, there), wanted);
        let elsewhere = Folder::new();
        let back = Engine::Sqlite.empty(&elsewhere);
        let copied = target.migrate(there, &back, MigrateOptions::default()).unwrap().new_experiment_id;
        assert_eq!(digest(&back, copied), wanted);
    }
    let run = "(SELECT run_uuid FROM runs WHERE name = 'odd numbers')";
    let target = Engine::Postgres.empty(&folder);
    target.execute(
        "CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
         ALTER TABLE params ALTER COLUMN key TYPE varchar(250) COLLATE folds; ALTER TABLE tags ALTER COLUMN key TYPE varchar(250) COLLATE folds",
    );
    for folding in [
        format!("INSERT INTO params VALUES ('LR', '1', {run})"),
        format!("INSERT INTO tags VALUES ('n\u{f6}tes', '1', {run}); INSERT INTO tags VALUES ('notes', '1', {run})"),
    ] {
        found(&source, &folding, &target, Status::Constraint, "same key");
    }
}
