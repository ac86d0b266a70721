//! What the original Python implementation got wrong about snapshots, item by item: expmig does not. The numbers are those of the
//! list of its bugs.

use std::fs;
use std::path::Path;

use crate::support::child::{self, Talker};
use crate::support::database::{Journal, assert_same, count, dump, open, small, whole};
use crate::support::snapshot::*;
use expmig::{OpenOptions, SnapshotOptions, Status};
use serde_json::json;

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let (database, folder) = (input["database"].as_str().unwrap(), input["cwd"].as_str().unwrap());
    std::env::set_current_dir(folder).unwrap();
    let manager = manager(Path::new(database), Path::new("snapshots"), OpenOptions::default());
    let id = create(&manager, "");
    fs::create_dir("deeper").unwrap();
    std::env::set_current_dir("deeper").unwrap();
    let listed = ids(&manager);
    verify(&manager, &id).unwrap();
    restore(&manager, &id).unwrap();
    child::say(&json!({"listed": listed == [id], "here": fs::exists("snapshots").unwrap()}));
}

#[test]
fn prior_art_item_15_a_truncated_snapshot_never_touches_the_live_database() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let id = create(&manager, "");
    let before = place.dump();
    for size in [0, 4096, place.file(&id).metadata().unwrap().len() - 1] {
        fs::OpenOptions::new().write(true).open(place.file(&id)).unwrap().set_len(size).unwrap();
        assert_eq!(restore_alone(&manager, &id).unwrap_err().status(), Status::Corrupt);
        assert_same(&place.dump(), &before, "after a truncated snapshot");
    }
}

#[test]
fn prior_art_item_16_a_snapshot_knows_its_database() {
    let place = Place::new(small, Journal::Rollback);
    let id = create(&place.manager(), "");
    let other = place.path("d.db");
    whole(&other, Journal::Rollback);
    let before = dump(&other);
    let error = restore(&manager(&other, &place.folder(), OpenOptions::default()), &id).unwrap_err();
    assert_eq!(error.status(), Status::Mismatch);
    assert_same(&dump(&other), &before, "after another database's snapshot");
}

#[test]
fn prior_art_item_17_snapshots_of_one_second_share_nothing_and_a_failing_one_deletes_nothing() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let first = create(&manager, "first");
    open(&place.database()).execute_batch("DELETE FROM METRIC").unwrap();
    let second = create(&manager, "second");
    assert_ne!(first, second);
    assert!(count(&place.file(&first), "METRIC") > 0);
    assert_eq!(count(&place.file(&second), "METRIC"), 0);
    let names = place.names();
    open(&place.database())
        .execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'TRIAL'")
        .unwrap();
    let damaged = place.manager();
    assert_eq!(damaged.create_snapshot("third", SnapshotOptions::default()).unwrap_err().status(), Status::Corrupt);
    assert_eq!(place.names(), names);
    verify(&manager, &first).unwrap();
    verify(&manager, &second).unwrap();
}

#[test]
fn prior_art_item_18_the_log_of_a_live_database_is_neither_forgotten_nor_left_stale() {
    let place = Place::new(small, Journal::Wal);
    let live = open(&place.database());
    live.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE TRIAL SET name = 'in the log'").unwrap();
    let manager = place.manager();
    let id = create(&manager, "");
    let named = |path: &Path, name: &str| -> bool {
        open(path).query_row("SELECT min(name = ?1) FROM TRIAL", [name], |row| row.get(0)).unwrap()
    };
    assert!(named(&place.file(&id), "in the log"));
    live.execute_batch("UPDATE TRIAL SET name = 'later in the log'").unwrap();
    restore(&manager, &id).unwrap();
    assert!(named(&place.database(), "in the log"));
    drop((live, manager));
    assert!(named(&place.database(), "in the log"), "when everybody has closed it");
}

#[test]
fn prior_art_item_21_the_id_that_creating_returns_is_the_one_that_everything_takes() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let id: String = create(&manager, "");
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits(&id[..8]) && &id[8..9] == "_" && digits(&id[9..15]), "{id}");
    for asked in [id.clone(), format!("snapshot_{id}")] {
        assert_eq!(manager.snapshot_details(&asked).unwrap().id, id);
        verify(&manager, &asked).unwrap();
        restore(&manager, &asked).unwrap();
    }
}

#[test]
fn prior_art_item_22_another_working_directory_hides_nothing_and_neither_does_a_broken_neighbour() {
    let place = Place::new(small, Journal::Rollback);
    let cwd = place.path("cwd");
    fs::create_dir(&cwd).unwrap();
    let said = Talker::start("chdir", &json!({"database": place.database(), "cwd": cwd})).stop();
    assert_eq!(said, [json!({"listed": true, "here": false})]);

    let manager = place.manager();
    let (good, bad) = (create(&manager, ""), create(&manager, ""));
    fs::write(place.manifest(&bad), "{").unwrap();
    assert_eq!(ids(&manager), [good]);
    assert_eq!(broken(&manager), [(bad, "CORRUPT")]);
}

#[test]
fn prior_art_item_23_statistics_count_every_table_and_junction() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let statistics = manager.snapshot_details(&create(&manager, "")).unwrap().statistics;
    let tables = ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT"];
    let junctions = [
        "EXPERIMENT_ARTIFACT",
        "TRIAL_ARTIFACT",
        "TRIAL_RUN_ARTIFACT",
        "RESULTS_METRIC",
        "RESULTS_ARTIFACT",
        "EPOCH_METRIC",
        "EPOCH_ARTIFACT",
        "BATCH_METRIC",
        "BATCH_ARTIFACT",
    ];
    for table in tables.iter().chain(&junctions) {
        let rows = i64::try_from(statistics.tables[*table]).unwrap();
        assert_eq!(rows, count(&place.database(), table), "{table}");
        assert!(rows > 0, "{table}");
    }
    // A table that cannot be counted is an error, not 0.
    open(&place.database())
        .execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'METRIC'")
        .unwrap();
    let error = place.manager().create_snapshot("", SnapshotOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
}

#[test]
fn prior_art_item_24_statistics_are_those_of_the_file_and_nothing_is_half_written() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let id = create(&manager, "");
    open(&place.database()).execute_batch("DELETE FROM METRIC; DELETE FROM ARTIFACT").unwrap();
    let statistics = manager.snapshot_details(&id).unwrap().statistics;
    for (table, rows) in &statistics.tables {
        assert_eq!(i64::try_from(*rows).unwrap(), count(&place.file(&id), table), "{table}");
    }
    assert_eq!(statistics.rows, statistics.tables.values().sum::<u64>());
    assert_eq!(place.names(), files_of(&[&id]));
}

#[test]
fn prior_art_item_25_everything_that_the_specification_names_is_there() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let options = SnapshotOptions { metadata: Some(r#"{"experiment_count": 10}"#), ..SnapshotOptions::default() };
    let id = manager.create_snapshot("pre-migration", options).unwrap();
    let since = manager.snapshot_details(&id).unwrap().created_us();
    let list = manager.list_snapshots(since, Some("pre-*")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&list.to_json().unwrap()).unwrap();
    let snapshot = &json["snapshots"][0];
    assert_eq!(snapshot["id"], json!(id));
    assert!(snapshot["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(snapshot["description"], "pre-migration");
    assert_eq!(snapshot["metadata"], json!({"experiment_count": 10}));
    assert_eq!(snapshot["statistics"]["tables"]["EXPERIMENT"], 2);
    assert_eq!(restore(&manager, &id).unwrap().snapshot_id, id);
    assert_eq!(manager.cleanup_snapshots(1).unwrap(), 1);
    manager.delete_snapshot(&ids(&manager)[0]).unwrap();
    assert_eq!(ids(&manager), [""; 0]);
}

#[test]
fn prior_art_item_26_what_a_restore_overwrites_is_kept() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let id = create(&manager, "");
    change(&place.database());
    let overwritten = place.dump();
    let safety = restore(&manager, &id).unwrap().safety_snapshot_id.unwrap();
    restore(&manager, &safety).unwrap();
    assert_same(&place.dump(), &overwritten, "what was overwritten");
}
