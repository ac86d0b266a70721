//! Snapshots while other processes use the database and the folder.

use crate::support;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::child::{self, Outcome, Parent, Talker};
use crate::support::database::{Journal, assert_same, bulky, dump, open, small};
use crate::support::snapshot::*;
use expmig::database::Transaction;
use expmig::progress::Job;
use expmig::snapshot::{Counting, Folder, Request};
use expmig::{Database, Domain, Flow, JobOptions, OpenOptions, SnapshotOptions, Status};
use rusqlite::Connection;
use serde_json::{Value, json};

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((role, input)) = child::role() else { return };
    let path = || Path::new(input["path"].as_str().unwrap());
    match role.as_str() {
        "snapshot" => run_child(&input),
        "transfer" => transfer(path()),
        "number" => number(path()),
        "read" => read_states(path()),
        "stall" => stall(path(), Path::new(input["folder"].as_str().unwrap())),
        other => panic!("no role {other}"),
    }
}

/// Commits all the time: moves amounts between accounts, whose sum stays, and adds a run to a new trial.
fn transfer(path: &Path) {
    let (connection, parent) = (open(path), Parent::listen());
    for round in 0.. {
        if !parent.waits() {
            return;
        }
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 UPDATE account SET amount = amount - {round} WHERE id = {};
                 UPDATE account SET amount = amount + {round} WHERE id = {};
                 INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('t', 1, '2024-01-01T00:00:00', '2024-01-01T00:00:00');
                 INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) SELECT max(id), 's', '2024-01-01T00:00:00', '2024-01-01T00:00:00' FROM TRIAL;
                 COMMIT",
                round * 7 % 2000,
                round * 13 % 2000
            ))
            .unwrap();
        child::say(&json!({"committed": round}));
    }
}

fn add_accounts(path: &Path) {
    open(path)
        .execute_batch(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, amount, pad);
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
             INSERT INTO account SELECT i, 1000, printf('%.*c', 900, 'x') FROM n",
        )
        .unwrap();
}

#[test]
fn a_snapshot_is_one_state_although_a_writer_commits_all_the_time() {
    for journal in JOURNALS {
        let place = Place::new(bulky, journal);
        add_accounts(&place.database());
        let manager = place.manager();
        let writer = Arc::new(Talker::start("transfer", &json!({"path": place.database()})));
        writer.wait_for("committed", 3);
        for _ in 0..2 {
            // The first steps of the copy wait until the writer has committed again: it is not kept from it. Later ones may hold
            // the lock.
            let (watched, waits) = (Arc::clone(&writer), AtomicUsize::new(0));
            let sink = move |progress: &expmig::Progress| {
                if progress.operation == "copying the database" && waits.fetch_add(1, Ordering::Relaxed) < 2 {
                    watched.wait_for("committed", watched.count("committed") + 1);
                }
                // Longer than the least time between two calls, so that the first step has one.
                if waits.load(Ordering::Relaxed) < 2 {
                    std::thread::sleep(Duration::from_millis(105));
                }
                Flow::Continue
            };
            let job = JobOptions { progress: Some(Box::new(sink)), cancel: None };
            let id = manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).unwrap();
            verify(&manager, &id).unwrap();
            let copy = open(&place.file(&id));
            let one = |sql: &str| -> i64 { copy.query_row(sql, [], |row| row.get(0)).unwrap() };
            assert_eq!(one("SELECT sum(amount) FROM account"), 2_000_000, "{journal:?}");
            assert_eq!(one("SELECT count(*) FROM pragma_foreign_key_check"), 0, "{journal:?}");
            let rounds = one("SELECT count(*) FROM TRIAL WHERE name = 't'");
            assert!(rounds >= 3, "{rounds}");
            assert_eq!(one("SELECT count(*) FROM TRIAL_RUN WHERE status = 's'"), rounds);
        }
        // It can go on afterwards.
        writer.wait_for("committed", writer.count("committed") + 3);
        Arc::into_inner(writer).expect("the sinks are gone").stop();
    }
}

#[test]
fn ten_processes_make_ten_different_snapshots_at_once() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let children: Vec<_> = (0..10).map(|_| command(&place, "create", "").spawn().unwrap()).collect();
        let mut made: Vec<String> = children.into_iter().map(said).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 10);
        let made: Vec<&str> = made.iter().map(String::as_str).collect();
        assert_eq!(place.names(), files_of(&made));
        let manager = place.manager();
        made.iter().for_each(|id| verify(&manager, id).unwrap());
        assert_eq!(ids(&manager).len(), 10);
    }
}

/// The id that a child says.
fn said(child: std::process::Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(child::heard).unwrap_or_else(|| panic!("the child said {text}"));
    said["id"].as_str().unwrap_or_else(|| panic!("the child said {said}")).to_owned()
}

/// Inserts numbers, and says each after it was committed.
fn number(path: &Path) {
    let (connection, parent) = (open(path), Parent::listen());
    for number in 0.. {
        if !parent.waits() {
            return;
        }
        connection.execute("INSERT INTO numbered VALUES (?1)", [number]).unwrap();
        child::say(&json!({"number": number}));
    }
}

fn numbers(path: &Path) -> BTreeSet<i64> {
    let connection = open(path);
    let mut statement = connection.prepare("SELECT n FROM numbered").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_a_restore_removes_is_in_its_safety_snapshot_whoever_commits_meanwhile() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        open(&place.database()).execute_batch("CREATE TABLE numbered (n INTEGER PRIMARY KEY)").unwrap();
        let manager = place.manager();
        let id = create(&manager, "");
        let writer = Talker::start("number", &json!({"path": place.database()}));
        let mut kept = BTreeSet::new();
        for _ in 0..6 {
            writer.wait_for("number", writer.count("number") + 5);
            let result = loop {
                match restore(&manager, &id) {
                    Ok(result) => break result,
                    Err(error) => assert_eq!(error.status(), Status::Busy, "{}", error.to_json()),
                }
            };
            kept.extend(numbers(&place.file(&result.safety_snapshot_id.unwrap())));
        }
        let confirmed: BTreeSet<i64> = writer.stop().iter().filter_map(|said| said["number"].as_i64()).collect();
        kept.extend(numbers(&place.database()));
        let lost: Vec<&i64> = confirmed.difference(&kept).collect();
        assert!(lost.is_empty() && confirmed.len() >= 30, "{journal:?}: lost {lost:?} of {}", confirmed.len());
    }
}

/// Says every state that it sees.
fn read_states(path: &Path) {
    let (connection, parent) = (open(path), Parent::listen());
    let state = || -> rusqlite::Result<(String, i64, i64)> {
        let transaction = connection.unchecked_transaction()?;
        transaction.query_row(
            "SELECT (SELECT group_concat(coalesce(desc, '')) FROM EXPERIMENT), (SELECT count(*) FROM METRIC),
                    (SELECT count(*) FROM sqlite_schema WHERE name = 'later')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
    };
    while parent.waits() {
        let (description, metrics, later) = state().unwrap();
        child::say(&json!({"changed": description.contains("changed"), "metrics": metrics, "later": later}));
    }
}

#[test]
fn others_see_the_old_state_or_the_new_one_and_never_half_of_it() {
    for journal in JOURNALS {
        let place = Place::new(bulky, journal);
        let manager = place.manager();
        let count = || support::database::count(&place.database(), "METRIC");
        let (old, metrics) = (create(&manager, "old"), count());
        change(&place.database());
        let (new, fewer) = (create(&manager, "new"), count());
        let states = [
            json!({"changed": false, "metrics": metrics, "later": 0}),
            json!({"changed": true, "metrics": fewer, "later": 1}),
        ];
        let reader = Talker::start("read", &json!({"path": place.database()}));
        for _ in 0..3 {
            for id in [&old, &new] {
                reader.wait_for("metrics", reader.count("metrics") + 3);
                while let Err(error) = restore_alone(&manager, id) {
                    assert_eq!(error.status(), Status::Busy, "{}", error.to_json());
                }
            }
        }
        let seen = reader.stop();
        for state in &states {
            assert!(seen.contains(state), "{journal:?}: {state} was never seen");
        }
        if let Some(half) = seen.iter().find(|seen| !states.contains(seen)) {
            panic!("{journal:?}: {half} was seen");
        }
    }
}

#[test]
fn a_database_that_others_hold_is_busy_and_stays_as_it_is() {
    for (journal, lock, hinders_create, hinders_restore) in [
        (Journal::Rollback, "BEGIN; SELECT count(*) FROM METRIC", false, true),
        (Journal::Rollback, "BEGIN IMMEDIATE", false, true),
        (Journal::Rollback, "BEGIN EXCLUSIVE", true, true),
        (Journal::Wal, "BEGIN; SELECT count(*) FROM METRIC", false, false),
        (Journal::Wal, "BEGIN IMMEDIATE", false, true),
    ] {
        let place = Place::new(small, journal);
        let options = OpenOptions { busy_timeout: Duration::from_millis(150), ..OpenOptions::default() };
        let manager = manager(&place.database(), &place.folder(), options);
        let id = create(&manager, "");
        let before = place.dump();
        let what = format!("{journal:?}, {lock}");
        for safety in [true, false] {
            change(&place.database());
            let changed = place.dump();
            let other = open(&place.database());
            other.execute_batch(lock).unwrap();
            let names = place.names();
            let made = manager.create_snapshot("", SnapshotOptions::default());
            assert_eq!(
                made.as_ref().err().map(|error| error.status()),
                hinders_create.then_some(Status::Busy),
                "{what}"
            );
            assert!(made.is_ok() || place.names() == names, "{what}: {:?}", place.names());
            let result = if safety { restore(&manager, &id) } else { restore_alone(&manager, &id) };
            other.execute_batch("ROLLBACK").unwrap();
            if hinders_restore {
                let error = result.unwrap_err();
                assert_eq!((error.status(), error.retryable()), (Status::Busy, true), "{what}: {}", error.to_json());
                assert_same(&place.dump(), &changed, &what);
                restore(&manager, &id).unwrap();
            } else {
                result.unwrap();
            }
            assert_same(&place.dump(), &restored(&before, &changed), &what);
        }
    }
}

#[test]
fn a_snapshot_can_be_made_before_the_first_write_of_a_transaction_on_the_same_handle() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let before = place.dump();
        let database = Database::open(place.database().to_str().unwrap(), OpenOptions::default()).unwrap();
        let folder = Folder::at(Some(&place.folder())).unwrap();
        let job = Job::unwatched(Domain::Migration);
        let writer = database.writer(&job).unwrap();
        let transaction = Transaction::write(writer).unwrap();
        let request = Request::new("before migrating", None).unwrap();
        let made = expmig::snapshot::create(&database, &folder, &request, &job, Counting::Nothing).unwrap();
        assert_eq!(job.counts(), (0, 0, 0), "the job counts something else");
        writer.execute("DELETE FROM METRIC", &[]).unwrap();
        transaction.commit().unwrap();
        assert_same(&dump(&place.file(&made.id)), &before, "the snapshot");
        assert_eq!(support::database::count(&place.database(), "METRIC"), 0);
    }
}

/// Makes a snapshot, and stops in the middle until it is told to go on.
fn stall(database: &Path, folder: &Path) {
    let sink = |progress: &expmig::Progress| {
        if progress.operation == "checking the copy" {
            child::say(&json!({"stalled": true}));
            child::wait_for_go();
        }
        std::thread::sleep(Duration::from_millis(105));
        Flow::Continue
    };
    let job = JobOptions { progress: Some(Box::new(sink)), cancel: None };
    let manager = manager(database, folder, OpenOptions::default());
    let id = manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).unwrap();
    child::say(&json!({"id": id}));
}

fn hidden(place: &Place) -> Vec<String> {
    place.names().into_iter().filter(|name| name.starts_with('.')).collect()
}

#[test]
fn what_a_dead_creator_left_is_swept_and_what_a_living_one_works_on_is_not() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let input = json!({"path": place.database(), "folder": place.folder()});
    let living = Talker::start("stall", &input);
    living.wait_for("stalled", 1);
    let its_files = hidden(&place);
    assert_eq!(its_files.len(), 2, "{its_files:?}");
    let dead = Talker::start("stall", &input);
    dead.wait_for("stalled", 1);
    assert_eq!(hidden(&place).len(), 4);
    assert_eq!((ids(&manager).len(), broken(&manager).len()), (0, 0), "what is being made is not listed");
    dead.kill();
    assert_eq!(hidden(&place).len(), 4);
    let id = create(&manager, "");
    assert_eq!(hidden(&place), its_files);
    assert_eq!(ids(&manager), std::slice::from_ref(&id));
    living.go();
    let its_id = living.stop().iter().find_map(|said| said["id"].as_str().map(str::to_owned)).unwrap();
    assert_eq!(place.names(), files_of(&[&id, &its_id]));
    verify(&manager, &its_id).unwrap();
}

#[test]
fn leftovers_of_every_kind_are_swept_and_strangers_stay() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    let good = create(&manager, "");
    let write = |name: &str| std::fs::write(place.folder().join(name), "x").unwrap();
    // Cut off while copying; before the manifest; while deleting; after the manifest; and with the lock gone.
    for name in [".a.lock", ".a.db", ".a.db-journal", ".b.lock", "b.db", ".b.json", ".c.db", ".d.lock", ".e.json"] {
        write(name);
    }
    write(&format!(".{good}.lock"));
    let strangers = ["orphan.db", "notes.txt", ".hidden", "README", ".x.y.db", "a b.db"];
    strangers.iter().for_each(|name| write(name));
    let id = create(&manager, "");
    let mut expected = files_of(&[&good, &id]);
    expected.extend(strangers.iter().map(|name| (*name).to_owned()));
    expected.sort();
    assert_eq!(place.names(), expected);
    assert_eq!(broken(&manager), [("orphan".to_owned(), "CORRUPT")]);
    manager.delete_snapshot("orphan").unwrap();
    assert_eq!(broken(&manager), []);
}

#[test]
fn deleting_and_making_at_once_leaves_only_whole_snapshots() {
    let place = Place::new(small, Journal::Rollback);
    let manager = place.manager();
    for _ in 0..5 {
        let victims: Vec<String> = (0..3).map(|_| create(&manager, "")).collect();
        // An id of this second that is free again would be given again.
        std::thread::sleep(Duration::from_millis(1001));
        let mut children = Vec::new();
        for id in &victims {
            // Two processes delete the same one, another makes one.
            children.extend(["delete", "delete", "create"].map(|act| command(&place, act, id).spawn().unwrap()));
        }
        for child in children {
            match child::outcome_of(child) {
                Outcome::Failed(error) => {
                    assert!(["NOT_FOUND", "BUSY"].contains(&error["status"].as_str().unwrap()), "{error}")
                }
                Outcome::Killed => panic!("killed"),
                Outcome::Done { .. } => {}
            }
        }
        let left = ids(&manager);
        assert!(victims.iter().all(|id| !left.contains(id)));
        assert_eq!((left.len(), broken(&manager).len()), (3, 0));
        left.iter().for_each(|id| verify(&manager, id).unwrap());
        assert_eq!(manager.cleanup_snapshots(0).unwrap(), 3);
        assert_eq!(place.names(), [""; 0]);
    }
}

/// Connections of this process count as others, too.
#[test]
fn a_connection_of_the_same_program_sees_the_restored_state() {
    for journal in JOURNALS {
        let place = Place::new(small, journal);
        let other: Connection = open(&place.database());
        let count = || -> i64 { other.query_row("SELECT count(*) FROM METRIC", [], |row| row.get(0)).unwrap() };
        let manager = place.manager();
        let (id, before) = (create(&manager, ""), count());
        other.execute_batch("DELETE FROM METRIC").unwrap();
        restore(&manager, &id).unwrap();
        assert_eq!(count(), before);
        assert_eq!(manager.list_experiments().unwrap().len(), 2);
        let value: Value = manager.database_info().unwrap();
        assert_eq!(value["generation"], 2);
    }
}
