//! What is recognised, listed and refused, and keeping a store before an upgrade.

use std::path::PathBuf;

use crate::support::{Folder, crate_path, dump, execute, integer, leaves_alone, open, schema, url, with};
use expmig::snapshot::Ownership;
use expmig::{
    Database, Domain, Error, JobOptions, Manager, ManagerOptions, MetricSelection, OpenOptions, RestoreOptions,
    SnapshotOptions, Status, Strategy, TransformOptions,
};
use rusqlite::MAIN_DB;

/// The stores, and the heads that they are at.
pub const STORES: [(&str, &str); 9] = [
    ("1.30.1", "97727af70f4d"),
    ("1.30.1-upgraded", "dc11669786a5"),
    ("2.22.5", "0584bdc529eb"),
    ("2.22.5-upgraded", "dc11669786a5"),
    ("3.0.1", "bda7b8c39065"),
    ("3.0.1-upgraded", "dc11669786a5"),
    ("3.5.1", "bf29a5ff90ea"),
    ("3.5.1-upgraded", "dc11669786a5"),
    ("3.17.2", "dc11669786a5"),
];

/// A committed store.
pub fn committed(name: &str) -> PathBuf {
    crate_path(&format!("tests/data/mlflow/{name}.db"))
}

/// A copy of one.
pub fn store(folder: &Folder, name: &str) -> PathBuf {
    folder.copy_of(&committed(name), &format!("{name}.db"))
}

fn refused<T>(result: Result<T, Error>, status: Status, message: &str) -> Error {
    let Err(error) = result else { panic!("{message} was expected") };
    assert_eq!(error.status(), status, "{error:?}");
    assert!(error.message().contains(message), "{error:?}");
    error
}

#[test]
fn stores_of_every_version_are_recognised_and_listed_and_stay_as_they_are() {
    let folder = Folder::new();
    for (name, head) in STORES {
        let path = store(&folder, name);
        leaves_alone(&path, || {
            let manager = open(&path);
            let info = manager.database_info().unwrap();
            assert_eq!((info["family"].as_str(), info["version"].as_str()), (Some("mlflow"), Some(head)), "{name}");
            assert_eq!(info["warnings"].as_array().unwrap().len(), 0, "{name}");
            let list = manager.list_experiments().unwrap();
            let titles: Vec<_> = list.iter().map(|one| (one.id, one.title.as_deref().unwrap())).collect();
            assert_eq!(titles, [(0, "Default"), (1, "vision"), (2, "text"), (3, "abandoned")], "{name}");
            let stages: Vec<_> = list.iter().map(|one| one.lifecycle_stage.as_deref().unwrap()).collect();
            assert_eq!(stages, ["active", "active", "active", "deleted"], "{name}");
            assert_eq!(
                list.iter().map(|one| (one.trials, one.runs)).collect::<Vec<_>>(),
                [(1, 1), (4, 9), (3, 3), (1, 1)]
            );
            let kinds: Vec<u64> = list[1].also.iter().map(|(_, count)| *count).collect();
            let wanted = match &name[..1] {
                "1" => [0, 0, 0],
                "2" => [0, 2, 2],
                _ => [2, 2, 3],
            };
            assert_eq!(kinds, wanted, "{name}");
            let started = list[1].start_time.as_deref().unwrap();
            assert!(started.starts_with("20") && started.ends_with('Z') && started.len() == 24, "{started}");
            let mut found = 0;
            let sql = "SELECT count(*) FROM metrics WHERE typeof(step) = 'real'";
            manager
                .query(sql, &[], &mut |row| {
                    found = row.values[0].as_integer().unwrap();
                    Ok(expmig::Next::Row)
                })
                .unwrap();
            assert_eq!(found, 1, "{name}");
        });
    }
}

#[test]
fn a_store_is_kept_before_an_upgrade_and_comes_back_as_it_was() {
    for (name, upgraded) in [
        ("1.30.1", "1.30.1-upgraded"),
        ("2.22.5", "2.22.5-upgraded"),
        ("3.0.1", "3.0.1-upgraded"),
        ("3.5.1", "3.5.1-upgraded"),
        ("3.17.2", "3.17.2"),
    ] {
        let folder = Folder::new();
        let path = store(&folder, name);
        let before = dump(&path);
        let options = ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..ManagerOptions::default() };
        let database = Database::open(url(&path), OpenOptions::default()).unwrap();
        let manager = Manager::new(database, options);
        let id = manager.create_snapshot("before the upgrade", SnapshotOptions::default()).unwrap();
        manager.verify_snapshot(&id, JobOptions::default()).unwrap();
        assert_eq!(manager.list_snapshots(None, Some("before*")).unwrap().snapshots.len(), 1);
        // As MLflow's upgrade does, in place.
        let mut there = rusqlite::Connection::open(&path).unwrap();
        there.restore(MAIN_DB, committed(upgraded), None::<fn(_)>).unwrap();
        there
            .execute_batch(
                "PRAGMA foreign_keys = OFF; DELETE FROM metrics; DELETE FROM experiments WHERE experiment_id = 2",
            )
            .unwrap();
        drop(there);
        let changed = dump(&path);
        let done = manager.restore_snapshot(&id, RestoreOptions::default()).unwrap();
        assert_eq!(done.database, Ownership::File);
        assert_eq!(dump(&path), before, "{name}");
        // What was overwritten is kept, too.
        manager.restore_snapshot(&done.safety_snapshot_id.unwrap(), RestoreOptions::default()).unwrap();
        assert_eq!(dump(&path), changed, "{name}");
        manager.delete_snapshot(&id).unwrap();
        assert_eq!(manager.list_snapshots(None, None).unwrap().snapshots.len(), 2);
    }
}

#[test]
fn a_copy_of_a_store_is_known_by_its_experiments() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    let snapshots = || ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..ManagerOptions::default() };
    let of = |path: &PathBuf| Manager::new(Database::open(url(path), OpenOptions::default()).unwrap(), snapshots());
    let id = of(&path).create_snapshot("", SnapshotOptions::default()).unwrap();
    let elsewhere = Folder::new();
    let moved = elsewhere.copy_of(&path, "3.17.2.db");
    let error = refused(of(&moved).restore_snapshot(&id, RestoreOptions::default()), Status::Mismatch, "resembles");
    assert!(error.details().iter().any(|detail| detail.key == "known" && detail.value == "same_content"), "{error:?}");
    execute(&moved, "UPDATE experiments SET creation_time = 1");
    refused(of(&moved).restore_snapshot(&id, RestoreOptions::default()), Status::Mismatch, "another database");
}

#[test]
fn opening_a_store_to_create_makes_nothing_in_it() {
    let folder = Folder::new();
    for (name, _) in STORES {
        let path = store(&folder, name);
        leaves_alone(&path, || {
            let options = OpenOptions { create: true, create_beside: true, ..OpenOptions::default() };
            drop(Database::open(url(&path), options).unwrap());
        });
    }
}

#[test]
fn an_unknown_head_is_said_and_the_store_can_be_read() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(&path, "UPDATE alembic_version SET version_num = 'f4a9b2c7d1e6'");
    let manager = open(&path);
    let info = manager.database_info().unwrap();
    assert!(info["warnings"][0].as_str().unwrap().contains("f4a9b2c7d1e6"), "{info}");
    assert_eq!(manager.list_experiments().unwrap().len(), 4);
}

#[test]
fn a_store_that_lacks_what_every_version_has_is_refused() {
    let folder = Folder::new();
    for (change, column) in [
        ("ALTER TABLE runs DROP COLUMN artifact_uri", Some("artifact_uri")),
        ("ALTER TABLE metrics RENAME COLUMN is_nan TO is_a_nan", Some("is_nan")),
        ("DROP TABLE experiment_tags", None),
    ] {
        let path = folder.copy_of(&committed("3.17.2"), "lacking.db");
        execute(&path, &format!("PRAGMA foreign_keys = OFF; {change}"));
        let error = refused(Database::open(url(&path), OpenOptions::default()), Status::Schema, "is missing");
        let named =
            |key: &str| error.details().iter().find(|detail| detail.key == key).map(|detail| detail.value.clone());
        assert_eq!(named("column").as_deref(), column, "{error:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_cannot_be_done_with_a_store_is_refused_and_says_so() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    let other = folder.database("other.db", 2, "");
    leaves_alone(&path, || {
        let manager = open(&path);
        let target = open(&other);
        let unsupported = |error: Error, domain: Domain| {
            assert_eq!((error.status(), error.domain()), (Status::Unsupported, domain), "{error:?}");
            assert!(error.message().contains("MLflow") && error.hint_text().is_some(), "{error:?}");
        };
        let rules =
            r#"{"metric_transformations": [{"metric_type": "a", "transformation": "round", "params": {"digits": 1}}]}"#;
        let selection = MetricSelection::default();
        let transformed = manager.transform_metrics(&selection, rules, TransformOptions::default());
        unsupported(transformed.unwrap_err(), Domain::Transformation);
        unsupported(manager.widen_schema(false, JobOptions::default()).unwrap_err(), Domain::Database);
        // Of another family: the message says which command makes a store.
        let migrated = manager.migrate_experiment(1, Some(&target), with(Strategy::Balanced)).unwrap_err();
        assert!(migrated.hint_text().unwrap().contains("mlflow db upgrade"), "{migrated:?}");
        unsupported(migrated, Domain::Migration);
        unsupported(
            target.migrate_experiment(1, Some(&manager), with(Strategy::Balanced)).unwrap_err(),
            Domain::Migration,
        );
    });
    assert_eq!(integer(&other, "SELECT count(*) FROM EXPERIMENT"), 0);
    assert!(schema(2).contains("EXPERIMENT"));
}
