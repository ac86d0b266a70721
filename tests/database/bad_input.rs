//! Files, schemas, locks and arguments that are not what they should be: each has its status, says where and what to do, and
//! leaves everything as it was.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::rights::{AS_NOBODY, prepared};
use crate::support::*;
use expmig::{Database, Error, JobOptions, Manager, MigrateOptions, OpenOptions, Status};

fn open_failing(path: &Path, status: Status) -> Error {
    let error = failed(Database::open(url(path), OpenOptions::default()), status);
    assert_detail(&error, "path", url(path));
    assert!(error.message().contains(url(path)), "a person sees which file: {error}");
    error
}

// ---- Files

#[test]
fn a_missing_file_is_not_found_and_stays_missing() {
    let folder = Folder::new();
    open_failing(&folder.path("typo.db"), Status::NotFound);
    open_failing(&folder.path("no/such/folder/typo.db"), Status::NotFound);
    let read_only = OpenOptions { read_only: true, ..OpenOptions::default() };
    failed(Database::open(url(&folder.path("typo.db")), read_only), Status::NotFound);
    let create = OpenOptions { create: true, ..OpenOptions::default() };
    let error = failed(Database::open(url(&folder.path("none/new.db")), create), Status::NotFound);
    assert_detail(&error, "path", url(&folder.path("none/new.db")));
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn a_file_below_a_file_is_not_found() {
    let folder = Folder::new();
    let file = folder.small("a.db", "");
    open_failing(&file.join("b.db"), Status::NotFound);
}

#[test]
fn a_folder_is_no_database() {
    let folder = Folder::new();
    let path = folder.path("folder.db");
    std::fs::create_dir(&path).expect("a folder");
    open_failing(&path, Status::InvalidArgument);
}

#[test]
fn text_is_no_database_and_stays_as_it_is() {
    let folder = Folder::new();
    for (name, content) in [("short.db", "xy".to_owned()), ("notes.db", "not a database\n".repeat(1000))] {
        let path = folder.path(name);
        std::fs::write(&path, content).expect("a text file");
        leaves_alone(&path, || {
            open_failing(&path, Status::Corrupt);
            let create = OpenOptions { create: true, ..OpenOptions::default() };
            failed(Database::open(url(&path), create), Status::Corrupt);
        });
    }
}

#[test]
fn an_empty_file_lacks_its_tables_unless_they_may_be_created() {
    let folder = Folder::new();
    let path = folder.path("empty.db");
    std::fs::write(&path, "").expect("an empty file");
    let error = leaves_alone(&path, || open_failing(&path, Status::Schema));
    assert_detail(&error, "table", "EXPERIMENT");
    assert_eq!(create(&path).list_experiments().expect("a list").len(), 0);
}

#[test]
fn a_truncated_database_is_corrupt_wherever_it_was_cut() {
    let folder = Folder::new();
    let whole = bytes(&crate_path("tests/data/digits.db"));
    let target = folder.empty("target.db", "");
    for length in [2, 50, 100, 512, 4095, 4096, 5000, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        let path = folder.path("cut.db");
        std::fs::write(&path, &whole[..length]).expect("a truncated file");
        // Found when it is opened, or at the latest when what is missing is read.
        let error = leaves_alone(&target, || {
            leaves_alone(&path, || {
                let manager = Manager::from(Database::open(url(&path), OpenOptions::default())?);
                (1..=3).try_for_each(|experiment| {
                    manager.migrate_experiment(experiment, Some(&open(&target)), MigrateOptions::default()).map(drop)
                })
            })
        });
        let error = failed(error, Status::Corrupt);
        assert_detail(&error, "path", url(&path));
    }
}

#[test]
fn a_damaged_page_is_corrupt_and_the_target_stays_as_it_was() {
    let folder = Folder::new();
    for table in ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "EPOCH", "METRIC", "EPOCH_METRIC", "BATCH_ARTIFACT"] {
        let (source, target) = (folder.digits("damaged.db"), folder.path("target.db"));
        let _gone = std::fs::remove_file(&target);
        folder.empty("target.db", "");
        let page = integer(&source, &format!("SELECT rootpage FROM sqlite_master WHERE name = '{table}'")) as usize;
        let size = integer(&source, "PRAGMA page_size") as usize;
        let mut content = bytes(&source);
        content[(page - 1) * size..page * size].fill(0xff);
        std::fs::write(&source, content).expect("a damaged file");
        let (from, to) = (open(&source), open(&target));
        leaves_alone(&target, || {
            let error = failed(from.migrate_experiment(2, Some(&to), MigrateOptions::default()), Status::Corrupt);
            assert_detail(&error, "path", url(&source));
            failed(from.plan_migration(2, Some(&to), MigrateOptions::default()), Status::Corrupt);
            failed(from.experiment_digest(2, JobOptions::default()), Status::Corrupt);
        });
    }
}

// ---- Schemas

#[test]
fn each_missing_table_is_named() {
    let folder = Folder::new();
    for table in rows(&crate_path_copy(&folder), "SELECT name FROM sqlite_master WHERE type = 'table'") {
        let table = table[0].trim_start_matches("text ").trim_matches('"').to_owned();
        if table.starts_with("sqlite") || table.starts_with("BATCH") || table == "SCHEMA_VERSION" {
            continue;
        }
        let path = folder.small(&format!("{table}.db"), &format!("DROP TABLE {table};"));
        let error = leaves_alone(&path, || open_failing(&path, Status::Schema));
        assert_detail(&error, "table", &table);
    }
}

fn crate_path_copy(folder: &Folder) -> PathBuf {
    folder.digits("digits.db")
}

#[test]
fn a_database_of_another_application_is_a_schema_error() {
    let folder = Folder::new();
    let path = folder.script("runs.db", "CREATE TABLE runs (id INTEGER PRIMARY KEY);");
    assert_detail(&open_failing(&path, Status::Schema), "table", "EXPERIMENT");
    let view = folder.small("view.db", "ALTER TABLE TRIAL RENAME TO T; CREATE VIEW TRIAL AS SELECT * FROM T;");
    assert_detail(&open_failing(&view, Status::Schema), "table", "TRIAL");
}

#[test]
fn each_missing_column_is_named() {
    let folder = Folder::new();
    for (table, column) in [("METRIC", "per_label_val"), ("EXPERIMENT", "desc"), ("EPOCH", "time"), ("BATCH", "time")] {
        let path = folder.small(&format!("{table}.db"), &format!("ALTER TABLE {table} DROP COLUMN \"{column}\";"));
        let error = leaves_alone(&path, || open_failing(&path, Status::Schema));
        assert_detail(&error, "table", table);
        assert_detail(&error, "column", column);
    }
}

#[test]
fn ids_that_could_occur_twice_are_a_schema_error() {
    let folder = Folder::new();
    let script = schema(2).replace(
        "CREATE TABLE METRIC (\n  id INTEGER PRIMARY KEY AUTOINCREMENT",
        "CREATE TABLE METRIC (\n  id INTEGER",
    );
    let path = folder.script("a.db", &script);
    let error = failed(Database::open(url(&path), OpenOptions::default()), Status::Schema);
    assert_detail(&error, "table", "METRIC");
    assert_detail(&error, "column", "id");
    let unique = format!("{script} CREATE UNIQUE INDEX i ON METRIC(id); {SMALL}{SMALL_BATCHES}");
    let source = folder.script("b.db", &unique);
    let result = open(&source).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    Check::new((&source, 1), (&source, result.new_experiment_id)).ok();
}

#[test]
fn a_table_that_disappears_after_opening_is_a_schema_error() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (from, to) = (open(&source), open(&target));
    execute(&source, "DROP TABLE RESULTS_METRIC");
    let error = leaves_alone(&target, || {
        failed(from.migrate_experiment(1, Some(&to), MigrateOptions::default()), Status::Schema)
    });
    assert_detail(&error, "table", "RESULTS_METRIC");
    assert_detail(&error, "path", url(&source));
}

// ---- Locks

fn hasty(path: &Path) -> expmig::Result<Manager> {
    let options = OpenOptions { busy_timeout: Duration::from_millis(150), ..OpenOptions::default() };
    Database::open(url(path), options).map(Manager::from)
}

fn check_busy(error: &Error, path: &Path) {
    assert!(error.retryable());
    assert_detail(error, "busy_timeout_ms", "150");
    assert_detail(error, "path", url(path));
}

#[test]
fn a_lock_that_stays_is_busy_after_the_timeout_and_worth_another_try() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let other = sql(&target);
    let migrate = |from: &Manager, to: &Manager| from.migrate_experiment(1, Some(to), MigrateOptions::default());
    let (from, to) = (hasty(&source).expect("opens"), hasty(&target).expect("opens"));
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        other.execute_batch(lock).expect("a lock");
        let since = std::time::Instant::now();
        check_busy(&failed(migrate(&from, &to), Status::Busy), &target);
        assert!(since.elapsed() >= Duration::from_millis(150), "it waits before it gives up");
        if lock == "BEGIN EXCLUSIVE" {
            check_busy(&failed(hasty(&target), Status::Busy), &target);
            check_busy(&failed(to.list_experiments(), Status::Busy), &target);
        }
        other.execute_batch("ROLLBACK").expect("no lock");
    }
    assert_eq!(integer(&target, "SELECT count(*) FROM EXPERIMENT"), 0);
    migrate(&from, &to).expect("the same call succeeds later");
}

#[test]
fn a_locked_source_is_busy_and_nothing_is_written() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (from, to) = (hasty(&source).expect("opens"), hasty(&target).expect("opens"));
    let other = sql(&source);
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let error = leaves_alone(&target, || {
        failed(from.migrate_experiment(1, Some(&to), MigrateOptions::default()), Status::Busy)
    });
    check_busy(&error, &source);
}

#[test]
fn a_lock_that_goes_is_waited_for() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let other = sql(&target);
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        other.execute_batch("ROLLBACK").expect("no lock");
    });
    let patient = OpenOptions { busy_timeout: Duration::from_secs(600), ..OpenOptions::default() };
    let to = Manager::from(Database::open(url(&target), patient).expect("opens"));
    open(&source).migrate_experiment(1, Some(&to), MigrateOptions::default()).expect("a copy");
    release.join().expect("the other thread");
}

#[test]
fn a_reader_of_the_target_does_not_stop_the_writing_but_delays_the_commit() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let reader = sql(&target);
    reader.execute_batch("BEGIN; SELECT count(*) FROM METRIC;").expect("a read transaction");
    let (from, to) = (hasty(&source).expect("opens"), hasty(&target).expect("opens"));
    let error = failed(from.migrate_experiment(1, Some(&to), MigrateOptions::default()), Status::Busy);
    check_busy(&error, &target);
    reader.execute_batch("ROLLBACK").expect("the end");
    assert_eq!(integer(&target, "SELECT count(*) FROM METRIC"), 0);
    from.migrate_experiment(1, Some(&to), MigrateOptions::default()).expect("a copy");
}

// ---- Rights

#[test]
fn a_read_only_handle_is_no_target() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.small("target.db", ""));
    let (from, to) = (open_read_only(&source), open_read_only(&target));
    leaves_alone(&target, || {
        let error = failed(from.migrate_experiment(1, Some(&to), MigrateOptions::default()), Status::Misuse);
        assert_detail(&error, "path", url(&target));
    });
    leaves_alone(&source, || {
        let error = failed(from.migrate_experiment(1, None, MigrateOptions::default()), Status::Misuse);
        assert_detail(&error, "path", url(&source));
    });
    let both = OpenOptions { read_only: true, create: true, ..OpenOptions::default() };
    failed(Database::open(url(&source), both), Status::InvalidArgument);
}

#[test]
fn a_file_without_the_right_to_write_is_a_source_but_no_target() {
    let folder = Folder::new();
    let Some(path) = prepared(&folder, "a_file_without_the_right_to_write_is_a_source_but_no_target", |path| {
        let file = folder.small("file.db", "");
        std::fs::copy(file, path.join("file.db")).expect("a copy");
        std::fs::set_permissions(path.join("file.db"), PermissionsExt::from_mode(0o444)).expect("a read-only file");
    }) else {
        return;
    };
    let file = path.join("file.db");
    let manager = open(&file);
    manager.experiment_digest(1, JobOptions::default()).expect("reading is allowed");
    let error =
        leaves_alone(&file, || failed(manager.migrate_experiment(1, None, MigrateOptions::default()), Status::Io));
    assert_detail(&error, "path", url(&file));
}

#[test]
fn a_folder_without_the_right_to_write_takes_no_target() {
    let folder = Folder::new();
    let Some(path) = prepared(&folder, "a_folder_without_the_right_to_write_takes_no_target", |path| {
        let file = folder.small("file.db", "");
        std::fs::copy(file, path.join("file.db")).expect("a copy");
        std::fs::set_permissions(path.join("file.db"), PermissionsExt::from_mode(0o666)).expect("a writable file");
    }) else {
        return;
    };
    // Only where this user is not the folder's owner: then there is no room for SQLite's journal.
    if std::env::var_os(AS_NOBODY).is_none() {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o555)).expect("a read-only folder");
    }
    let file = path.join("file.db");
    let result = open(&file).migrate_experiment(1, None, MigrateOptions::default());
    assert_detail(&failed(result, Status::Io), "path", url(&file));
    let create = OpenOptions { create: true, ..OpenOptions::default() };
    let new = path.join("new.db");
    assert_detail(&failed(Database::open(url(&new), create), Status::Io), "path", url(&new));
    assert!(!new.exists());
}

#[test]
fn a_file_without_the_right_to_read_is_an_io_error() {
    let folder = Folder::new();
    let Some(path) = prepared(&folder, "a_file_without_the_right_to_read_is_an_io_error", |path| {
        let file = folder.small("file.db", "");
        std::fs::copy(file, path.join("file.db")).expect("a copy");
        std::fs::set_permissions(path.join("file.db"), PermissionsExt::from_mode(0o000)).expect("a closed file");
    }) else {
        return;
    };
    open_failing(&path.join("file.db"), Status::Io);
}

// ---- Arguments

#[test]
fn an_unknown_experiment_is_not_found_with_the_nearest_ones() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (from, to) = (open(&source), open(&target));
    leaves_alone(&target, || {
        for strategy in STRATEGIES {
            let error = failed(from.migrate_experiment(3, Some(&to), with(strategy)), Status::NotFound);
            assert_detail(&error, "experiment_id", "3");
            assert_eq!(error.hint_text(), Some("the nearest experiments are 1, 2"));
        }
    });
    leaves_alone(&source, || failed(from.migrate_experiment(-1, None, MigrateOptions::default()), Status::NotFound));
}

#[test]
fn a_batch_size_of_0_is_refused_before_anything_is_opened() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (from, to) = (open(&source), open_read_only(&target));
    let none = || MigrateOptions { batch_size: 0, ..MigrateOptions::default() };
    leaves_alone(&target, || {
        let error = failed(from.migrate_experiment(1, Some(&to), none()), Status::InvalidArgument);
        assert_detail(&error, "parameter", "batch_size");
        failed(from.plan_migration(1, Some(&to), none()), Status::InvalidArgument);
    });
}
