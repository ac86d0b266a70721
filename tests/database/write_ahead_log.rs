//! Databases in WAL mode where SQLite's files beside them are missing and cannot, or must not, be made; and that reading leaves none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::rights::prepared;
use crate::support::*;
use expmig::{
    Database, ExportOptions, JobOptions, MigrateOptions, OpenOptions, SnapshotOptions, Status, Strategy,
    ValidateOptions,
};

const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
/// What is in the log alone.
const LOGGED: &str = "UPDATE METRIC SET total_val = 77.0 WHERE id = 31";

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The small database in WAL mode, closed.
fn at_rest(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.small(name, "");
    execute(&path, "PRAGMA journal_mode = wal");
    assert_eq!(integer(&path, "SELECT count(*) FROM EXPERIMENT"), 2);
    path
}

/// Three files as a writer that is gone leaves them, or somebody who copies them: `last` is how many of the names above are there.
fn left(folder: &Folder, into: &Path, name: &str, last: usize) {
    let path = at_rest(folder, &format!("{name}.made"));
    let writer = sql(&path);
    writer.execute_batch(&format!("PRAGMA wal_autocheckpoint = 0; {LOGGED}")).expect("a log");
    for suffix in SUFFIXES.iter().take(last) {
        fs::copy(beside(&path, suffix), beside(&into.join(name), suffix)).expect("a copy");
    }
}

/// A file that can only be read, in a folder where everybody may make files.
fn for_all(folder: &Folder, place: &Path) {
    let all = place.join("all");
    fs::create_dir(&all).expect("a folder");
    left(folder, &all, "run.db", 1);
    permit(&all.join("run.db"), 0o444);
    permit(&all, 0o777);
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("permissions");
}

fn total(manager: &expmig::Manager) -> f64 {
    let mut total = 0.0;
    let each = &mut |row: &expmig::QueryRow<'_>| {
        if let expmig::ValueRef::Real(value) = row.values[0] {
            total = value;
        }
        Ok(expmig::Next::Row)
    };
    manager.database().query("SELECT total_val FROM METRIC WHERE id = 31", &[], each).expect("a query");
    total
}

/// Every call that reads works, sees what is in the log, and leaves nothing; every call that writes is refused with words about WAL.
fn is_read(path: &Path, expected: f64) {
    let folder = path.parent().expect("a folder");
    let before: Vec<_> = names(folder).iter().map(|name| (name.clone(), fs::read(folder.join(name)).ok())).collect();
    for options in [OpenOptions::default(), OpenOptions { read_only: true, ..OpenOptions::default() }] {
        let place = Folder::new();
        let temporary = place.path("temporary");
        fs::create_dir(&temporary).expect("a folder");
        let reading = manager(path, OpenOptions { temp_dir: Some(temporary.clone()), ..options.clone() });
        assert_eq!(total(&reading), expected, "{}", path.display());
        let to = place.empty("target.db", "");
        for strategy in [Strategy::Balanced, Strategy::Conservative] {
            reading.migrate_experiment(1, Some(&open(&to)), with(strategy)).expect("a copy");
        }
        reading.export_to_string(1, ExportOptions::default()).expect("an export");
        assert!(reading.validate(ValidateOptions::default()).expect("a validation").passed());
        reading.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
        reading.plan_migration(1, Some(&open(&to)), MigrateOptions::default()).expect("a plan");
        let result = reading.migrate_experiment(1, None, MigrateOptions::default());
        if options.read_only {
            failed(result, Status::Misuse);
        } else {
            let error = failed(result, Status::Io);
            assert!(error.message().contains("WAL"), "{error}");
        }
        assert_eq!(names(folder), before.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        drop(reading);
        assert_eq!(names(&temporary), [""; 0], "what is copied leaves nothing");
    }
    for (name, bytes) in before {
        assert_eq!(fs::read(folder.join(&name)).ok(), bytes, "{name}");
    }
}

#[test]
fn a_database_in_somebody_elses_folder_is_read_with_what_its_log_has() {
    let folder = Folder::new();
    let test = "a_database_in_somebody_elses_folder_is_read_with_what_its_log_has";
    let Some(place) = prepared(&folder, test, |place| {
        for (kind, last) in [("rest", 1), ("log", 2)] {
            let own = place.join(kind);
            fs::create_dir(&own).expect("a folder");
            left(&folder, &own, "run.db", last);
            fs::remove_file(folder.path("run.db.made")).expect("gone");
            for suffix in SUFFIXES.iter().take(last) {
                permit(&beside(&own.join("run.db"), suffix), 0o444);
            }
            permit(&own, 0o555);
        }
    }) else {
        return;
    };
    is_read(&place.join("rest/run.db"), 0.5);
    is_read(&place.join("log/run.db"), 77.0);
}

#[test]
fn a_log_and_its_index_that_can_only_be_read_are_read() {
    let folder = Folder::new();
    let Some(place) = prepared(&folder, "a_log_and_its_index_that_can_only_be_read_are_read", |place| {
        left(&folder, place, "run.db", 3);
        for suffix in SUFFIXES {
            permit(&beside(&place.join("run.db"), suffix), 0o444);
        }
    }) else {
        return;
    };
    let reading = open(&place.join("run.db"));
    assert_eq!(total(&reading), 77.0);
    reading.experiment_digest(1, JobOptions::default()).expect("a digest");
    assert_eq!(names(&place), ["run.db", "run.db-shm", "run.db-wal"]);
}

#[test]
fn nothing_is_made_beside_a_file_that_can_only_be_read_in_a_folder_for_all() {
    let folder = Folder::new();
    let test = "nothing_is_made_beside_a_file_that_can_only_be_read_in_a_folder_for_all";
    let Some(place) = prepared(&folder, test, |place| {
        for_all(&folder, place);
    }) else {
        return;
    };
    let place = place.join("all");
    let path = place.join("run.db");
    let reading = open(&path);
    assert_eq!(total(&reading), 0.5);
    assert_eq!(names(&place), ["run.db"], "its owner could not write to files of ours");
    is_read(&path, 0.5);
}

#[test]
fn a_log_that_cannot_be_read_is_named_with_the_ways_out() {
    let folder = Folder::new();
    let Some(place) = prepared(&folder, "a_log_that_cannot_be_read_is_named_with_the_ways_out", |place| {
        left(&folder, place, "run.db", 2);
        permit(&place.join("run.db"), 0o444);
        permit(&place.join("run.db-wal"), 0o000);
    }) else {
        return;
    };
    let path = place.join("run.db");
    let error = failed(Database::open(url(&path), OpenOptions::default()), Status::Io);
    assert_detail(&error, "path", url(&path));
    assert!(error.message().contains("WAL"), "{error}");
    let hint = error.hint_text().expect("a hint");
    assert!(hint.contains("-wal") && hint.contains("PRAGMA journal_mode=DELETE"), "{hint}");
}

#[test]
fn what_was_read_from_a_copy_is_opened_again_once_its_owner_writes() {
    let folder = Folder::new();
    let test = "what_was_read_from_a_copy_is_opened_again_once_its_owner_writes";
    let Some(place) = prepared(&folder, test, |place| {
        for_all(&folder, place);
    }) else {
        return;
    };
    let place = place.join("all");
    let path = place.join("run.db");
    let reading = open(&path);
    assert_eq!(total(&reading), 0.5);
    // What a writer does first.
    fs::write(beside(&path, "-wal"), "a log").expect("the folder is for all");
    let error = failed(reading.experiment_digest(1, JobOptions::default()), Status::Mismatch);
    assert_detail(&error, "path", url(&path));
    fs::remove_file(beside(&path, "-wal")).expect("gone");
    reading.experiment_digest(1, JobOptions::default()).expect("a digest");
}

/// A file system of its own, gone when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn run(program: &str, arguments: &[&str]) -> bool {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    }

    fn new(at: PathBuf) -> Option<Mounted> {
        fs::create_dir(&at).expect("a folder");
        Mounted::run("mount", &["-t", "tmpfs", "tmpfs", url(&at)]).then_some(Mounted(at))
    }

    fn make_read_only(&self) -> bool {
        Mounted::run("mount", &["-o", "remount,ro", url(&self.0)])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Mounted::run("umount", &[url(&self.0)]);
    }
}

#[test]
fn a_database_on_a_medium_that_can_only_be_read_is_read() {
    let folder = Folder::new();
    let Some(medium) = Mounted::new(folder.path("medium")) else {
        eprintln!("skipped: this user may mount nothing");
        return;
    };
    for (kind, last) in [("rest", 1), ("log", 2), ("all", 3)] {
        fs::create_dir(medium.0.join(kind)).expect("a folder");
        left(&folder, &medium.0.join(kind), "run.db", last);
        fs::remove_file(folder.path("run.db.made")).expect("gone");
    }
    assert!(medium.make_read_only(), "mounted anew");
    is_read(&medium.0.join("rest/run.db"), 0.5);
    is_read(&medium.0.join("log/run.db"), 77.0);
    let reading = open(&medium.0.join("all/run.db"));
    assert_eq!(total(&reading), 77.0);
    reading.experiment_digest(1, JobOptions::default()).expect("a digest");
}

/// A writer that is gone has left its rollback journal. Nobody can roll back there, and what is in the file is not what was committed.
#[test]
fn a_database_that_needs_rolling_back_where_it_can_only_be_read_says_what_to_copy() {
    let folder = Folder::new();
    let Some(medium) = Mounted::new(folder.path("medium")) else {
        eprintln!("skipped: this user may mount nothing");
        return;
    };
    let (made, path) = (folder.small("run.db", ""), medium.0.join("run.db"));
    let writer = sql(&made);
    let script = "PRAGMA cache_size = 1; BEGIN; UPDATE METRIC SET type = hex(zeroblob(2000)), total_val = 77.0";
    writer.execute_batch(script).expect("more than the cache holds");
    for suffix in ["", "-journal"] {
        fs::copy(beside(&made, suffix), beside(&path, suffix)).expect("a copy");
    }
    assert!(medium.make_read_only(), "mounted anew");
    for read_only in [false, true] {
        let options = OpenOptions { read_only, ..OpenOptions::default() };
        let error = Database::open(url(&path), options)
            .and_then(|database| database.query("SELECT total_val FROM METRIC", &[], &mut |_| Ok(expmig::Next::Row)));
        let error = failed(error, Status::Io);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("-journal")), "{}", error.to_json());
    }
    let (copied, all) = (folder.path("copied.db"), "SELECT count(*) FROM METRIC WHERE total_val = 77.0");
    for suffix in ["", "-journal"] {
        fs::copy(beside(&path, suffix), beside(&copied, suffix)).expect("a copy");
    }
    open(&copied).experiment_digest(1, JobOptions::default()).expect("a digest");
    assert_eq!(integer(&copied, all), 0, "it was rolled back");
}

#[test]
fn reading_leaves_no_files_beside_a_database_at_rest() {
    let folder = Folder::new();
    let path = at_rest(&folder, "run.db");
    let written = |path: &Path| fs::metadata(path).expect("the file").modified().expect("a time");
    let (bytes, time) = (fs::read(&path).expect("the file"), written(&path));
    for read_only in [false, true] {
        let reading = manager(&path, OpenOptions { read_only, ..OpenOptions::default() });
        reading.experiment_digest(1, JobOptions::default()).expect("a digest");
        let other = manager(&path, OpenOptions { read_only, ..OpenOptions::default() });
        assert_eq!(folder.names(), ["run.db", "run.db-shm", "run.db-wal"]);
        drop(reading);
        other.experiment_digest(1, JobOptions::default()).expect("the other handle goes on");
        drop(other);
        assert_eq!(folder.names(), ["run.db"]);
    }
    assert_eq!((fs::read(&path).expect("the file"), written(&path)), (bytes, time));
}

#[test]
fn files_beside_a_database_that_others_use_stay() {
    let folder = Folder::new();
    let path = at_rest(&folder, "run.db");
    let reading = open_read_only(&path);
    let writer = sql(&path);
    writer.execute_batch(&format!("PRAGMA wal_autocheckpoint = 0; {LOGGED}")).expect("a commit");
    drop(reading);
    assert_eq!(folder.names(), ["run.db", "run.db-shm", "run.db-wal"]);
    // Left by a writer that is gone, with something in it: not ours to take into the database.
    let copy = Folder::new();
    for suffix in SUFFIXES.iter().take(2) {
        fs::copy(beside(&path, suffix), copy.path(&format!("run.db{suffix}"))).expect("a copy");
    }
    let bytes = fs::read(copy.path("run.db")).expect("the file");
    assert_eq!(total(&open(&copy.path("run.db"))), 77.0);
    assert_eq!(fs::read(copy.path("run.db")).expect("the file"), bytes);
    assert!(copy.path("run.db-wal").exists());
}

#[test]
fn refusing_somebody_elses_database_leaves_no_files_beside_it() {
    let folder = Folder::new();
    let path = folder.path("other.db");
    execute(
        &path,
        "PRAGMA journal_mode = wal; CREATE TABLE runs (id INTEGER PRIMARY KEY); INSERT INTO runs VALUES (1)",
    );
    let options = OpenOptions::default();
    for options in [
        options.clone(),
        OpenOptions { read_only: true, ..options.clone() },
        OpenOptions { create: true, ..options.clone() },
    ] {
        leaves_alone(&path, || failed(Database::open(url(&path), options), Status::Schema));
        assert_eq!(folder.names(), ["other.db"]);
    }
}
