//! Snapshots: what is made, listed, verified, restored and deleted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::database::{Journal, assert_same, count, dump, journal_files, open, small, whole};
use crate::support::snapshot::*;
use expmig::{
    CancelToken, Flow, JobOptions, Manager, OpenOptions, Progress, RestoreOptions, Severity, SnapshotOptions, Status,
    ValidateOptions,
};

#[test]
fn a_snapshot_has_every_table_and_comes_back_whole() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let before = place.dump();
        let manager = place.manager();
        let id = create(&manager, "the beginning");
        assert_eq!(place.names(), files_of(&[&id]));
        assert_same(&dump(&place.file(&id)), &before, "the snapshot");
        verify(&manager, &id).unwrap();
        change(&place.database());
        let changed = place.dump();
        let result = restore(&manager, &id).unwrap();
        assert_same(&place.dump(), &restored(&before, &changed), &format!("restored, {journal:?}"));
        let safety = result.safety_snapshot_id.unwrap();
        assert_same(&dump(&place.file(&safety)), &changed, "the safety snapshot");
        assert_eq!(place.names(), files_of(&[&id, &safety]));
        assert_eq!(restore(&manager, &safety).unwrap().database, expmig::snapshot::Ownership::File);
        assert_same(&place.dump(), &changed, "back again");
        drop(manager);
        // Whoever only reads leaves the log behind, but there is nothing in it.
        for file in journal_files(&place.database()) {
            let name = file.to_str().unwrap();
            assert!(journal == Journal::Wal && !name.ends_with("-journal"), "{name}");
            assert!(!name.ends_with("-wal") || file.metadata().unwrap().len() == 0);
        }
        let mode: String = open(&place.database()).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, if journal == Journal::Wal { "wal" } else { "delete" });
    }
}

#[test]
fn a_snapshot_is_a_plain_file_also_of_a_database_in_wal_mode() {
    let place = Place::new(small, Journal::Wal);
    let manager = place.manager();
    let id = create(&manager, "");
    let mode: String = open(&place.file(&id)).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    assert_eq!(place.names(), files_of(&[&id]));
    verify(&manager, &id).unwrap();
}

#[test]
fn what_is_in_the_log_and_not_yet_in_the_file_is_in_the_snapshot() {
    let place = Place::new(small, Journal::Wal);
    let writer = open(&place.database());
    writer.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE EXPERIMENT SET title = 'in the log'").unwrap();
    let manager = place.manager();
    let id = create(&manager, "");
    let title: String =
        open(&place.file(&id)).query_row("SELECT title FROM EXPERIMENT LIMIT 1", [], |row| row.get(0)).unwrap();
    assert_eq!(title, "in the log");
}

#[test]
fn databases_of_any_shape_come_back_as_they_were() {
    let shapes = [
        "PRAGMA page_size = 512",
        "PRAGMA page_size = 8192",
        "PRAGMA page_size = 65536",
        "PRAGMA auto_vacuum = FULL",
        "PRAGMA auto_vacuum = INCREMENTAL",
        "CREATE TABLE strangers (id TEXT PRIMARY KEY, x) WITHOUT ROWID; INSERT INTO strangers VALUES ('é', x'00ff')",
        "CREATE VIEW seen AS SELECT * FROM METRIC; CREATE TRIGGER noted AFTER INSERT ON TRIAL BEGIN SELECT 1; END",
        "DROP TABLE BATCH_METRIC; DROP TABLE BATCH_ARTIFACT; DROP TABLE BATCH",
        "PRAGMA user_version = 42; PRAGMA application_id = 7",
        "CREATE TABLE holes AS SELECT printf('%.*c', 9000, 'x') AS x FROM METRIC; DROP TABLE holes",
    ];
    for shape in shapes {
        let place = Place::new(small, Journal::Rollback);
        let vacuum = if shape.contains("holes") { "" } else { "VACUUM" };
        open(&place.database()).execute_batch(&format!("{shape}; {vacuum}")).unwrap();
        let before = place.dump();
        let pragma = |name: &str| -> i64 {
            open(&place.database()).query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
        };
        let settings = || ["page_size", "auto_vacuum", "user_version", "application_id"].map(pragma);
        let then = settings();
        let manager = place.manager();
        let id = create(&manager, "");
        verify(&manager, &id).unwrap_or_else(|error| panic!("{shape}: {}", error.to_json()));
        change(&place.database());
        let changed = place.dump();
        restore(&manager, &id).unwrap_or_else(|error| panic!("{shape}: {}", error.to_json()));
        assert_same(&place.dump(), &restored(&before, &changed), shape);
        assert_eq!(settings(), then, "{shape}");
    }
}

#[test]
fn a_database_whose_pages_have_another_size_by_now_is_restored_in_rollback_mode_and_refused_in_wal_mode() {
    for journal in JOURNALS {
        let place = Place::new(small, Journal::Rollback);
        let before = place.dump();
        let id = create(&place.manager(), "");
        let mode = if journal == Journal::Wal { "wal" } else { "delete" };
        for size in [1024, 16384] {
            let script = format!(
                "PRAGMA journal_mode = delete; PRAGMA page_size = {size}; VACUUM; PRAGMA journal_mode = {mode}"
            );
            open(&place.database()).execute_batch(&script).unwrap();
            change(&place.database());
            let changed = place.dump();
            let manager = place.manager();
            match restore(&manager, &id) {
                Ok(_) => {
                    assert_eq!(journal, Journal::Rollback);
                    assert_same(&place.dump(), &restored(&before, &changed), "restored");
                    assert_eq!(manager.list_experiments().unwrap().len(), 2);
                }
                Err(error) => {
                    assert_eq!((error.status(), journal), (Status::Unsupported, Journal::Wal));
                    assert!(error.hint_text().unwrap().contains("journal_mode = DELETE"));
                    assert_same(&place.dump(), &changed, "refused");
                    open(&place.database()).execute_batch("DROP TABLE later").unwrap();
                }
            }
        }
    }
}

#[test]
fn ids_of_one_second_differ_and_nothing_is_overwritten() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    // A busy machine may need a second for one.
    let mut made: Vec<String> = Vec::new();
    while made.len() < 8 || !made.iter().any(|id| id.ends_with("_2")) {
        assert!(made.len() < 100, "none of these within the second of another: {made:?}");
        made.push(create(&manager, &made.len().to_string()));
    }
    let mut distinct = made.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), made.len());
    for (number, id) in made.iter().enumerate() {
        let (second, nth) = id.split_at(15);
        assert!(second.bytes().enumerate().all(|(at, byte)| if at == 8 {
            byte == b'_'
        } else {
            byte.is_ascii_digit()
        }));
        assert!(nth.is_empty() || nth.strip_prefix('_').unwrap().parse::<u32>().unwrap() > 1, "{id}");
        assert_eq!(manager.snapshot_details(id).unwrap().description, number.to_string());
        verify(&manager, id).unwrap();
    }
}

#[test]
fn the_list_is_newest_first_and_filters_by_time_and_glob() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let descriptions = ["nightly 1", "before the move", "nightly 2"];
    let made = descriptions.map(|description| create(&manager, description));
    let list = |since, pattern: Option<&str>| -> Vec<String> {
        let found = manager.list_snapshots(since, pattern).unwrap();
        assert!(found.broken.is_empty());
        found.snapshots.into_iter().map(|snapshot| snapshot.description).collect()
    };
    assert_eq!(list(None, None), ["nightly 2", "before the move", "nightly 1"]);
    let second = manager.snapshot_details(&made[1]).unwrap().created_us().unwrap();
    assert_eq!(list(Some(second), None), ["nightly 2", "before the move"], "since is inclusive");
    assert_eq!(list(Some(second + 1), None), ["nightly 2"]);
    assert_eq!(list(Some(i64::MIN), None).len(), 3);
    assert_eq!(list(Some(i64::MAX), None).len(), 0);
    assert_eq!(list(None, Some("nightly*")), ["nightly 2", "nightly 1"]);
    assert_eq!(list(None, Some("nightly [13-9]")), ["nightly 1"]);
    assert_eq!(list(None, Some("NIGHTLY*")), [""; 0]);
    assert_eq!(list(None, Some(&made[1])), ["before the move"], "an id");
    assert_eq!(list(None, Some("20*")).len(), 3, "ids");
    assert_eq!(list(Some(second), Some("nightly ?")), ["nightly 2"]);
    let long = "x".repeat(50_001);
    assert_eq!(manager.list_snapshots(None, Some(&long)).unwrap_err().status(), Status::InvalidArgument);
}

#[test]
fn details_have_the_callers_metadata_as_written_and_the_rows_of_every_table() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let metadata = r#"{ "experiment_count": 10, "exact": 0.1000000000000000055511151231257827, "big": 18446744073709551616, "é": [null, {}] }"#;
    let options = SnapshotOptions { metadata: Some(metadata), ..SnapshotOptions::default() };
    let id = manager.create_snapshot("line one\nline \"two\" é", options).unwrap();
    let snapshot = manager.snapshot_details(&id).unwrap();
    assert_eq!(snapshot.metadata.get(), metadata);
    assert_eq!(snapshot.description, "line one\nline \"two\" é");
    let tables: Vec<String> = {
        let connection = open(&place.file(&id));
        let mut statement = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            .unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(snapshot.statistics.tables.len(), tables.len());
    let mut rows = 0;
    for table in tables {
        let there = u64::try_from(count(&place.file(&id), &table)).unwrap();
        assert_eq!(snapshot.statistics.tables[&table], there, "{table}");
        rows += there;
    }
    assert_eq!(snapshot.statistics.rows, rows);
    assert!(rows > 50 && snapshot.statistics.tables["EPOCH_METRIC"] > 0);
    let json: serde_json::Value = serde_json::from_str(&snapshot.to_json().unwrap()).unwrap();
    assert_eq!((&json["id"], &json["snapshot_id"]), (&id.clone().into(), &id.clone().into()));
    assert_eq!(json["statistics"]["tables"]["EXPERIMENT"], 2);
    assert_eq!(json["metadata"]["experiment_count"], 10);
    assert_eq!(json["size"], place.file(&id).metadata().unwrap().len());
}

#[test]
fn what_does_not_fit_a_manifest_is_refused_before_anything_is_written() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024));
    for metadata in ["", "[]", "1", "null", "{", "{\"a\":NaN}", "{} {}", "{'a':1}", &deep, &large] {
        let options = SnapshotOptions { metadata: Some(metadata), ..SnapshotOptions::default() };
        let error = manager.create_snapshot("", options).unwrap_err();
        assert_eq!((error.status(), detail(&error, "parameter")), (Status::InvalidArgument, "metadata_json"));
    }
    let error = manager.create_snapshot(&"x".repeat(64 * 1024 + 1), SnapshotOptions::default()).unwrap_err();
    assert_eq!((error.status(), detail(&error, "parameter")), (Status::InvalidArgument, "description"));
    assert!(!place.folder().exists(), "no folder before the first snapshot");
    let most = format!("{{\"a\":\"{}\"}}", "é".repeat(524_000));
    let options = SnapshotOptions { metadata: Some(&most), ..SnapshotOptions::default() };
    let id = manager.create_snapshot(&"\u{1}".repeat(64 * 1024), options).unwrap();
    assert_eq!(manager.snapshot_details(&id).unwrap().metadata.get(), most);
}

#[test]
fn a_moved_database_and_a_moved_folder_still_work() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let before = place.dump();
        let id = create(&place.manager(), "");
        let text = std::fs::read_to_string(place.manifest(&id)).unwrap();
        assert!(!text.contains(place.0.path().to_str().unwrap()), "{text}");
        // Renamed: the same file. Copied elsewhere under its name: the same content, which is not certain to be the same database.
        // The folder goes elsewhere as well.
        let (renamed, folder) = (place.path("renamed.db"), place.path("moved/far/away"));
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        std::fs::rename(place.folder(), &folder).unwrap();
        let copied = place.path("moved/experiments.db");
        std::fs::copy(place.database(), &copied).unwrap();
        std::fs::rename(place.database(), &renamed).unwrap();
        for (path, how) in [(&renamed, "same_file"), (&copied, "same_content")] {
            change(path);
            let changed = dump(path);
            let manager = manager(path, &folder, OpenOptions::default());
            if how == "same_content" {
                let error = restore_alone(&manager, &id).unwrap_err();
                assert_eq!((error.status(), detail(&error, "known")), (Status::Mismatch, how));
            }
            let force = how == "same_content";
            let options = RestoreOptions { force, no_safety_snapshot: true, ..RestoreOptions::default() };
            let result = manager.restore_snapshot(&id, options).unwrap();
            assert_eq!(result.to_json()["database"], how);
            assert_same(&dump(path), &restored(&before, &changed), how);
        }
    }
}

#[test]
fn a_file_that_was_vacuumed_restored_or_moved_with_its_folder_is_the_same() {
    let place = Place::new(small, Journal::Rollback);
    let id = create(&place.manager(), "");
    open(&place.database()).execute_batch("VACUUM").unwrap();
    for _ in 0..2 {
        assert_eq!(restore_alone(&place.manager(), &id).unwrap().to_json()["database"], "same_file");
    }
    let moved = place.path("moved");
    std::fs::create_dir(&moved).unwrap();
    let (database, folder) = (moved.join("experiments.db"), moved.join("snapshots"));
    std::fs::rename(place.database(), &database).unwrap();
    std::fs::rename(place.folder(), &folder).unwrap();
    let manager = manager(&database, &folder, OpenOptions::default());
    assert_eq!(restore_alone(&manager, &id).unwrap().to_json()["database"], "same_file");
    let done = manager.cleanup_snapshots_with(0, false).unwrap();
    assert_eq!((done.deleted, done.left), (1, 0));
}

#[test]
fn another_databases_snapshot_is_refused_unless_forced() {
    let place = Place::new(small, Journal::Rollback);
    let id = create(&place.manager(), "");
    let ours = place.dump();
    // Another name; and the same name with other experiments.
    let (stranger, namesake) = (place.path("stranger.db"), place.path("other/experiments.db"));
    std::fs::create_dir(place.path("other")).unwrap();
    whole(&stranger, Journal::Rollback);
    whole(&namesake, Journal::Rollback);
    open(&namesake).execute_batch("UPDATE EXPERIMENT SET title = 'not ' || title").unwrap();
    for path in [stranger, namesake] {
        let before = dump(&path);
        let manager = manager(&path, &place.folder(), OpenOptions::default());
        let error = restore(&manager, &id).unwrap_err();
        assert_eq!(error.status(), Status::Mismatch);
        assert_eq!(
            (detail(&error, "snapshot_id"), detail(&error, "snapshot_database")),
            (id.as_str(), "experiments.db")
        );
        assert!(error.hint_text().unwrap().contains("FORCE"));
        assert_same(&dump(&path), &before, "refused");
        let options = RestoreOptions { force: true, ..RestoreOptions::default() };
        let result = manager.restore_snapshot(&id, options).unwrap();
        assert_eq!(result.to_json()["database"], "another");
        assert_same(&dump(&path), &restored(&ours, &before), "forced");
        assert_same(&dump(&place.file(&result.safety_snapshot_id.unwrap())), &before, "the safety snapshot");
    }
}

#[test]
fn cleaning_up_keeps_the_newest_of_this_database_and_touches_no_others() {
    let place = Place::new(small, Journal::Rollback);
    let ours = place.manager();
    let other_path = place.path("other.db");
    whole(&other_path, Journal::Rollback);
    let other = manager(&other_path, &place.folder(), OpenOptions::default());
    let mut made = Vec::new();
    let mut others = Vec::new();
    for number in 0..4 {
        made.push(create(&ours, &number.to_string()));
        others.push(create(&other, &number.to_string()));
    }
    std::fs::write(place.folder().join("notes.json"), "not a manifest").unwrap();
    assert_eq!(ours.cleanup_snapshots(-1).unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(ours.cleanup_snapshots(i64::MIN).unwrap_err().status(), Status::InvalidArgument);
    assert_eq!(ours.cleanup_snapshots(i64::MAX).unwrap(), 0);
    assert_eq!(ours.cleanup_snapshots(4).unwrap(), 0);
    assert_eq!(ours.cleanup_snapshots(2).unwrap(), 2);
    let left: Vec<String> = ids(&ours);
    for (number, id) in made.iter().enumerate() {
        assert_eq!(left.contains(id), number >= 2, "{number}");
    }
    assert!(others.iter().all(|id| left.contains(id)));
    assert_eq!(ours.cleanup_snapshots(0).unwrap(), 2);
    assert_eq!(ours.cleanup_snapshots(0).unwrap(), 0);
    let mut others: Vec<&str> = others.iter().map(String::as_str).collect();
    others.sort_unstable();
    let names: Vec<String> = place.names().into_iter().filter(|name| name != "notes.json").collect();
    assert_eq!(names, files_of(&others));
    let nowhere = manager(&place.database(), &place.path("nowhere"), OpenOptions::default());
    assert_eq!(nowhere.cleanup_snapshots(0).unwrap(), 0);
}

#[test]
fn deleting_takes_both_files_and_the_prefix_is_accepted_everywhere() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let (one, two) = (create(&manager, "one"), create(&manager, "two"));
    let prefixed = format!("snapshot_{one}");
    assert_eq!(manager.snapshot_details(&prefixed).unwrap().id, one);
    verify(&manager, &prefixed).unwrap();
    assert_eq!(restore_alone(&manager, &prefixed).unwrap().snapshot_id, one);
    manager.delete_snapshot(&prefixed).unwrap();
    assert_eq!(place.names(), files_of(&[&two]));
    let error = manager.delete_snapshot(&prefixed).unwrap_err();
    assert_eq!((error.status(), detail(&error, "snapshot_id")), (Status::NotFound, prefixed.as_str()));
    for missing in [&one, "snapshot_", "nothing"] {
        assert_eq!(manager.snapshot_details(missing).unwrap_err().status(), Status::NotFound);
        assert_eq!(restore(&manager, missing).unwrap_err().status(), Status::NotFound);
    }
}

#[test]
fn a_handle_that_only_reads_makes_snapshots_and_restores_none() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let options = OpenOptions { read_only: true, ..OpenOptions::default() };
        let manager = manager(&place.database(), &place.folder(), options);
        let id = create(&manager, "");
        verify(&manager, &id).unwrap();
        let error = restore(&manager, &id).unwrap_err();
        assert_eq!((error.status(), error.domain()), (Status::Misuse, expmig::Domain::Snapshot));
        assert_eq!(place.names(), files_of(&[&id]));
    }
}

/// A sink that keeps every report, slow enough to be called at every opportunity, and stops in its `at`-th call.
fn recorder(at: usize, flow: Flow) -> (Arc<Mutex<Vec<Progress>>>, JobOptions) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    let sink = move |progress: &Progress| {
        std::thread::sleep(Duration::from_millis(105));
        let mut calls = kept.lock().unwrap();
        calls.push(progress.clone());
        if calls.len() == at { flow } else { Flow::Continue }
    };
    (calls, JobOptions { progress: Some(Box::new(sink)), cancel: None })
}

fn check_reports(calls: &Arc<Mutex<Vec<Progress>>>) {
    let calls = calls.lock().unwrap();
    let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
    assert_eq!((first.processed_items, first.completion_percentage()), (0, 0.0));
    assert!(last.finished && last.processed_items == last.total_items && last.completion_percentage() == 100.0);
    assert!(last.total_items > 10 && calls.len() > 2, "{calls:?}");
    for pair in calls.windows(2) {
        assert!(pair[0].processed_items <= pair[1].processed_items);
        assert!(pair[1].processed_items <= pair[1].total_items || pair[1].total_items == 0);
    }
}

#[test]
fn progress_rises_to_its_total() {
    for journal in JOURNALS {
        let place = Place::new(whole, journal);
        let manager = place.manager();
        let (calls, job) = recorder(0, Flow::Continue);
        let id = manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).unwrap();
        check_reports(&calls);
        let (calls, job) = recorder(0, Flow::Continue);
        manager.verify_snapshot(&id, job).unwrap();
        check_reports(&calls);
        let (calls, job) = recorder(0, Flow::Continue);
        manager.restore_snapshot(&id, RestoreOptions { job, ..RestoreOptions::default() }).unwrap();
        check_reports(&calls);
    }
}

/// Stops a call at every report that it makes before it is done.
fn stop_at_every_report(place: &Place, act: &dyn Fn(&Manager, JobOptions) -> Result<(), expmig::Error>) {
    let manager = place.manager();
    let before = place.dump();
    for at in 1.. {
        let (calls, job) = recorder(at, Flow::Cancel);
        let names = place.names();
        match act(&manager, job) {
            Err(error) => {
                assert_eq!(error.status(), Status::Cancelled, "{}", error.to_json());
                assert_eq!(calls.lock().unwrap().len(), at, "no call after the one that stopped it");
                assert!(place.names().iter().all(|name| !name.starts_with('.')), "{:?}", place.names());
                assert!(names.iter().all(|name| place.names().contains(name)));
                assert_same(&place.dump(), &before, "stopped");
            }
            Ok(()) => {
                assert!(at > 3, "stopped in less than three reports");
                return;
            }
        }
    }
}

#[test]
fn a_snapshot_that_is_stopped_leaves_nothing() {
    let place = Place::new(small, Journal::Wal);
    stop_at_every_report(&place, &|manager, job| {
        let made = manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() });
        if made.is_err() {
            assert_eq!(place.names(), [""; 0]);
        }
        made.map(|_| ())
    });
    assert_eq!(place.names().len(), 2);
}

#[test]
fn a_restore_that_is_stopped_changes_nothing() {
    for (journal, no_safety_snapshot) in [(Journal::Rollback, true), (Journal::Wal, true), (Journal::Rollback, false)] {
        let place = Place::new(small, journal);
        let id = create(&place.manager(), "");
        change(&place.database());
        stop_at_every_report(&place, &|manager, job| {
            let options = RestoreOptions { job, no_safety_snapshot, ..RestoreOptions::default() };
            manager.restore_snapshot(&id, options).map(|_| ())
        });
    }
}

#[test]
fn a_token_triggered_before_the_call_stops_it() {
    let place = Place::new(small, Journal::Rollback);
    let token = CancelToken::new();
    token.trigger();
    let job = JobOptions { progress: None, cancel: Some(token) };
    let error = place.manager().create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).unwrap_err();
    assert_eq!((error.status(), error.domain()), (Status::Cancelled, expmig::Domain::Snapshot));
    assert!(!place.folder().exists());
}

#[test]
fn manifests_fit_their_schema() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let metadata = Some("{\"a\": [1, 2.5, null], \"b\": {\"c\": \"é\"}}");
    let plain = create(&manager, "");
    let full = manager.create_snapshot("é\n", SnapshotOptions { metadata, ..SnapshotOptions::default() }).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("EXPMIG_PYTHON").map_or_else(|| root.join("target/venv/bin/python"), PathBuf::from);
    let mut command = std::process::Command::new(&python);
    command.arg(root.join("tests/python/check_manifest.py")).arg(root.join("docs/snapshot-manifest.schema.json"));
    let output = command.args([place.manifest(&plain), place.manifest(&full)]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; run make test, which makes it", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2 manifests, 2 files");
}

// ---- the counters of AUTOINCREMENT -----------------------------------------------------------------------------------------

fn counters(path: &Path) -> Vec<(String, i64)> {
    let connection = open(path);
    let mut statement =
        connection.prepare("SELECT name, CAST(seq AS INTEGER) FROM sqlite_sequence ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

const NEW_RUN: &str = "INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time)
    SELECT min(id), 'started', '2023-12-01T10:00:00', '2023-12-01T10:00:00' FROM TRIAL";

#[test]
fn what_a_live_run_goes_on_writing_after_a_restore_is_never_the_next_runs() {
    for journal in JOURNALS {
        for (force, no_safety_snapshot) in [(false, false), (false, true), (true, true)] {
            let place = Place::new(small, journal);
            let manager = place.manager();
            let id = create(&manager, "before the run");
            if force {
                // It is another database now.
                open(&place.database()).execute_batch("UPDATE EXPERIMENT SET title = 'not ' || title").unwrap();
                std::fs::copy(place.database(), place.path("copied")).unwrap();
                std::fs::rename(place.path("copied"), place.database()).unwrap();
            }
            let manager = place.manager();
            // The run is in the database when it is restored, and its program does not know.
            let live = open(&place.database());
            live.execute(NEW_RUN, []).unwrap();
            let run = live.last_insert_rowid();
            let options = RestoreOptions { force, no_safety_snapshot, ..RestoreOptions::default() };
            manager.restore_snapshot(&id, options).unwrap();
            assert_eq!(manager.validate(ValidateOptions::default()).unwrap().count(Severity::Error), 0);
            for idx in 0..50 {
                live.execute("INSERT INTO EPOCH VALUES (?1, ?2, '2023-12-01T10:00:00')", (idx, run)).unwrap();
            }
            live.execute(NEW_RUN, []).unwrap();
            let next = live.last_insert_rowid();
            assert!(next > run, "{journal:?}, {force}: {next} after {run}");
            let epochs: i64 =
                live.query_row("SELECT count(*) FROM EPOCH WHERE trial_run_id = ?1", [next], |row| row.get(0)).unwrap();
            assert_eq!(epochs, 0);
            let report = manager.validate(ValidateOptions::default()).unwrap();
            assert!(!report.passed() && report.count(Severity::Error) >= 50, "the strays are told");
        }
    }
}

#[test]
fn every_counter_is_the_greater_of_both_whichever_side_has_it() {
    let cases = [
        ("higher in the database", "seq = 10", "seq = 20", 20),
        ("higher in the snapshot", "seq = 20", "seq = 10", 20),
        ("the highest", "seq = 10", "seq = 9223372036854775807", i64::MAX),
        ("below zero", "seq = 10", "seq = -5", 10),
        ("text that is a number", "seq = 10", "seq = '20'", 20),
        ("text that is none", "seq = 10", "seq = 'x'", 10),
        ("nothing", "seq = 10", "seq = NULL", 10),
        ("another case", "seq = 10", "name = 'metric', seq = 20", 20),
    ];
    for journal in JOURNALS {
        for (what, here, there, wanted) in cases {
            let place = Place::new(small, journal);
            let set = |how: &str| {
                open(&place.database())
                    .execute_batch(&format!("UPDATE sqlite_sequence SET {how} WHERE name = 'METRIC'"))
                    .unwrap()
            };
            set(here);
            let manager = place.manager();
            let id = create(&manager, "");
            set(there);
            restore(&manager, &id).unwrap();
            let found = counters(&place.database()).into_iter().find(|(name, _)| name == "METRIC");
            assert_eq!(found, Some(("METRIC".to_owned(), wanted)), "{what}, {journal:?}");
        }
        // Only one side has a counter, or a table.
        let place = Place::new(small, journal);
        let change = |sql: &str| open(&place.database()).execute_batch(sql).unwrap();
        change(
            "CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO gone VALUES (5);
             CREATE TABLE empty (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        );
        let manager = place.manager();
        let id = create(&manager, "");
        change(
            "DROP TABLE gone; INSERT INTO empty VALUES (7); CREATE TABLE later (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO later VALUES (9)",
        );
        restore(&manager, &id).unwrap();
        let found = counters(&place.database());
        for counter in [("gone", 5), ("empty", 7), ("later", 9)] {
            assert!(found.contains(&(counter.0.to_owned(), counter.1)), "{counter:?}: {found:?}");
        }
        // A table that comes back goes on where it was.
        change("CREATE TABLE later (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO later DEFAULT VALUES");
        assert_eq!(open(&place.database()).query_row("SELECT id FROM later", [], |row| row.get(0)), Ok(10));
    }
}

#[test]
fn a_restore_over_a_database_without_counters_or_with_damaged_ones_is_done() {
    let place = Place::new(small, Journal::Rollback);
    let before = place.dump();
    let id = create(&place.manager(), "");
    // The page of the counters is no page.
    let (page, size): (i64, i64) = open(&place.database())
        .query_row("SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'sqlite_sequence'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(place.database()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 100], ((page - 1) * size) as u64).unwrap();
    drop(file);
    restore_alone(&place.manager(), &id).unwrap();
    assert_same(&place.dump(), &before, "over damage");
    // No table counts.
    let rebuilt = place.path("other/experiments.db");
    std::fs::create_dir(place.path("other")).unwrap();
    whole(&rebuilt, Journal::Rollback);
    let schema: Vec<String> = {
        let connection = open(&rebuilt);
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|sql| sql.unwrap().replace("AUTOINCREMENT", "")).collect()
    };
    std::fs::remove_file(&rebuilt).unwrap();
    std::fs::File::create(&rebuilt).unwrap();
    open(&rebuilt).execute_batch(&schema.join(";")).unwrap();
    let plain = manager(&rebuilt, &place.folder(), OpenOptions::default());
    let options = || RestoreOptions { force: true, ..RestoreOptions::default() };
    let result = plain.restore_snapshot(&id, options()).unwrap();
    assert_same(&dump(&rebuilt), &before, "over a database without counters");
    plain.restore_snapshot(&result.safety_snapshot_id.unwrap(), options()).unwrap();
    assert!(!dump(&rebuilt).contains_key("sqlite_sequence"));
}
