//! Migrations while other processes read and write the same files.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::check::Checker;
use crate::support::child::{self, Job, Talker};
use crate::support::database::{Dump, Journal, assert_same, dump, dump_of, journal_files, open, small};
use expmig::progress::ProgressSink;
use expmig::{CancelToken, Database, Error, Flow, Manager, MigrateOptions, OnDuplicate, OpenOptions, Status};
use rusqlite::{Connection, ErrorCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((role, input)) = child::role() else { return };
    let path = Path::new(input["path"].as_str().unwrap_or_default());
    match role.as_str() {
        "write" => write_batches(path),
        "read" => read_states(path),
        "hold" => hold_lock(path, input["lock"].as_str().unwrap()),
        "spill" => spill(path),
        "fork" => fork_beside(path),
        "race" => {
            child::say(&json!({"ready": true}));
            child::wait_for_go();
            child::migrate(input);
        }
        other => panic!("no role {other}"),
    }
}

fn manager(path: &Path, busy_timeout: Duration) -> Manager {
    let options = OpenOptions { busy_timeout, ..OpenOptions::default() };
    Database::open(path.to_str().unwrap(), options).map(Manager::from).unwrap()
}

const PATIENT: Duration = Duration::from_secs(30);

/// Two small databases, `source.db` and `target.db`, whose experiments differ.
struct Pair(TempDir);

impl Pair {
    fn new(journal: Journal) -> Pair {
        let pair = Pair(tempfile::tempdir().unwrap());
        small(&pair.source(), journal);
        small(&pair.target(), journal);
        open(&pair.target()).execute_batch("UPDATE EXPERIMENT SET title = 'Another ' || title").unwrap();
        pair
    }

    fn source(&self) -> std::path::PathBuf {
        self.0.path().join("source.db")
    }

    fn target(&self) -> std::path::PathBuf {
        self.0.path().join("target.db")
    }
}

/// A sink that does `act` once when the job has begun to write; whether it did.
fn in_the_middle(act: impl Fn() + Send + 'static) -> (ProgressSink, Arc<AtomicBool>) {
    let paused = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&paused);
    let sink: ProgressSink = Box::new(move |progress| {
        if !done.load(Ordering::Relaxed) {
            // Longer than the least time between two calls, so that the next phase has one too.
            std::thread::sleep(Duration::from_millis(110));
            // The total is known once the job begins to write.
            if progress.total_items > 0 && !progress.finished {
                act();
                done.store(true, Ordering::Relaxed);
            }
        }
        Flow::Continue
    });
    (sink, paused)
}

fn busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

// ---- a writer of the source ------------------------------------------------------------------------------------------------

/// How many batches the writer adds each time that it is told to go.
const BATCHES: usize = 12;

/// In the child: adds to experiment 1, one consistent batch per commit, as many as the parent wants. Batch `n` is a trial `batch-n` of 2 runs of 2 epochs, 6 metrics of the value `n`, and the number `n` in rows at the beginning and at the end.
fn write_batches(path: &Path) {
    let parent = child::Parent::listen();
    let connection = open(path);
    connection.busy_timeout(Duration::ZERO).unwrap();
    let patiently = |sql: &str| {
        loop {
            match connection.execute_batch(sql) {
                Ok(()) => return,
                Err(error) if busy(&error) => {
                    child::say(&json!({"busy": sql}));
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{sql}: {error}"),
            }
        }
    };
    for batch in 1.. {
        while parent.goes() * BATCHES < batch {
            if !parent.waits() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        patiently("BEGIN IMMEDIATE");
        connection.execute_batch(&batch_sql(batch)).unwrap();
        patiently("COMMIT");
        child::say(&json!({"batch": batch}));
        std::thread::sleep(Duration::from_millis(15));
    }
}

fn batch_sql(batch: usize) -> String {
    let time = "'2024-01-01T00:00:00'";
    let mut sql = format!(
        "UPDATE EXPERIMENT SET \"desc\" = '{batch}' WHERE id = 1;
         UPDATE METRIC SET total_val = {batch} WHERE id = (SELECT min(metric_id) FROM EPOCH_METRIC WHERE epoch_trial_run_id = 1);
         INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('batch-{batch}', 1, {time}, {time});"
    );
    let (trial, run, metric) =
        ("(SELECT max(id) FROM TRIAL)", "(SELECT max(id) FROM TRIAL_RUN)", "(SELECT max(id) FROM METRIC)");
    for _ in 0..2 {
        let new_metric = format!("INSERT INTO METRIC (type, total_val) VALUES ('batch', {batch});");
        sql.push_str(&format!(
            "INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) VALUES ({trial}, 'done', {time}, {time});
             INSERT INTO RESULTS VALUES ({run}, {time});
             {new_metric} INSERT INTO RESULTS_METRIC VALUES ({run}, {metric});"
        ));
        for epoch in 0..2 {
            sql.push_str(&format!(
                "INSERT INTO EPOCH VALUES ({epoch}, {run}, {time});
                 {new_metric} INSERT INTO EPOCH_METRIC VALUES ({epoch}, {run}, {metric});"
            ));
        }
    }
    sql
}

/// Fails unless the experiment is one state of the source: every batch up to some `n` as a whole. Returns `n`.
fn assert_whole_batches(path: &Path, experiment: i64) -> u32 {
    let connection = open(path);
    let last: String =
        connection.query_row("SELECT \"desc\" FROM EXPERIMENT WHERE id = ?1", [experiment], |row| row.get(0)).unwrap();
    let last: u32 = last.parse().unwrap_or(0);
    let mut statement = connection
        .prepare(
            "SELECT t.name, count(DISTINCT r.id), count(DISTINCT s.trial_run_id), count(DISTINCT e.trial_run_id || '/' || e.idx),
               count(DISTINCT m.id), min(m.total_val), max(m.total_val)
             FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id LEFT JOIN RESULTS s ON s.trial_run_id = r.id
               LEFT JOIN EPOCH e ON e.trial_run_id = r.id
               LEFT JOIN EPOCH_METRIC em ON em.epoch_trial_run_id = r.id AND em.epoch_idx = e.idx
               LEFT JOIN RESULTS_METRIC rm ON rm.results_id = r.id
               LEFT JOIN METRIC m ON m.id IN (em.metric_id, rm.metric_id)
             WHERE t.experiment_id = ?1 AND t.name LIKE 'batch-%' GROUP BY t.id ORDER BY t.id",
        )
        .unwrap();
    let rows = statement
        .query_map([experiment], |row| {
            let counts = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((row.get::<_, String>(0)?, counts, [row.get::<_, f64>(5)?, row.get(6)?]))
        })
        .unwrap();
    let found: Vec<(String, [u32; 4], [f64; 2])> = rows.collect::<Result<_, _>>().unwrap();
    let wanted: Vec<_> = (1..=last).map(|n| (format!("batch-{n}"), [2, 2, 4, 6], [f64::from(n); 2])).collect();
    assert_eq!(found, wanted, "experiment {experiment}");
    if last > 0 {
        let sql = "SELECT total_val FROM METRIC WHERE id = (SELECT min(metric_id) FROM EPOCH_METRIC WHERE epoch_trial_run_id =
                   (SELECT min(r.id) FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = ?1))";
        let first: f64 = connection.query_row(sql, [experiment], |row| row.get(0)).unwrap();
        assert_eq!(first, f64::from(last), "experiment {experiment}");
    }
    let dangling: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(dangling, 0);
    last
}

/// Migrates again and again while the writer adds to the source. Each migration lasts until the writer did `what` in the
/// middle of it.
fn migrate_under_a_writer(journal: Journal, same_file: bool, what: &'static str) {
    let pair = Pair::new(journal);
    let writer = Arc::new(Talker::start("write", &json!({"path": pair.source()})));
    let source = manager(&pair.source(), PATIENT);
    let target = (!same_file).then(|| manager(&pair.target(), PATIENT));
    let mut states = Vec::new();
    for round in 1..=3 {
        // Some batches come while the job reads or before, some when it writes.
        writer.go();
        let watched = Arc::clone(&writer);
        let (sink, paused) = in_the_middle(move || {
            let before = watched.count(what);
            watched.go();
            watched.wait_for(what, before + 2);
        });
        let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
        let result = source.migrate_experiment(1, target.as_ref(), options).unwrap();
        assert!(paused.load(Ordering::Relaxed), "the writer did nothing in between");
        let copied_into = if same_file { pair.source() } else { pair.target() };
        states.push(assert_whole_batches(&copied_into, result.new_experiment_id));
        writer.wait_for("batch", round * 2 * BATCHES);
    }
    // What a copy has not got is what the writer did later.
    assert!(states.is_sorted_by(|earlier, later| earlier < later), "{states:?}");
    let said = Arc::into_inner(writer).unwrap().stop();
    println!("copies had {states:?} of {} batches", said.iter().filter(|value| value.get("batch").is_some()).count());
}

#[test]
fn a_copy_is_one_state_of_a_wal_source_that_grows_meanwhile() {
    migrate_under_a_writer(Journal::Wal, false, "batch");
}

#[test]
fn a_copy_is_one_state_of_a_rollback_source_that_grows_meanwhile() {
    migrate_under_a_writer(Journal::Rollback, false, "batch");
}

#[test]
fn a_copy_within_a_wal_file_is_one_state_while_another_writer_waits() {
    migrate_under_a_writer(Journal::Wal, true, "busy");
}

#[test]
fn a_copy_within_a_rollback_file_is_one_state_while_another_writer_waits() {
    migrate_under_a_writer(Journal::Rollback, true, "busy");
}

// ---- a locked file ---------------------------------------------------------------------------------------------------------

/// In the child: holds a lock until the parent has enough.
fn hold_lock(path: &Path, lock: &str) {
    let connection = open(path);
    connection.execute_batch(&format!("BEGIN {lock}")).unwrap();
    child::say(&json!({"held": true}));
    child::wait_for_go();
    connection.execute_batch("ROLLBACK").unwrap();
    child::say(&json!({"released": true}));
}

fn hold(path: &Path, lock: &str) -> Talker {
    let holder = Talker::start("hold", &json!({"path": path, "lock": lock}));
    holder.wait_for("held", 1);
    holder
}

/// Migrates from `source.db` into a `target.db` that a child has locked after both were opened. Counts the sink's calls.
fn migrate_into_locked(
    (journal, lock): (Journal, &str),
    busy_timeout: Duration,
    cancel: Option<CancelToken>,
    act: impl Fn(usize) -> Flow + Send + 'static,
) -> (Error, usize) {
    let pair = Pair::new(journal);
    let before = dump(&pair.target());
    let (source, target) = (manager(&pair.source(), busy_timeout), manager(&pair.target(), busy_timeout));
    let holder = hold(&pair.target(), lock);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let sink: ProgressSink = Box::new(move |_| act(counted.fetch_add(1, Ordering::Relaxed) + 1));
    let options = MigrateOptions { progress: Some(sink), cancel, ..MigrateOptions::default() };
    let error = source.migrate_experiment(1, Some(&target), options).unwrap_err();
    holder.stop();
    assert_same(&dump(&pair.target()), &before, "after waiting in vain");
    let again = source.migrate_experiment(1, Some(&target), MigrateOptions::default());
    assert!(again.is_ok(), "the same handles work once the lock is gone: {again:?}");
    (error, calls.load(Ordering::Relaxed))
}

fn assert_busy_with_heartbeat(journal: Journal, lock: &str) {
    let (error, calls) = migrate_into_locked((journal, lock), Duration::from_secs(4), None, |_| Flow::Continue);
    assert_eq!((error.status(), error.retryable()), (Status::Busy, true), "{error:?}");
    // The first call, and one per second of the wait.
    assert!(calls >= 4, "{calls} calls in 4 seconds");
}

#[test]
fn a_target_that_another_writer_holds_is_busy_after_the_timeout() {
    assert_busy_with_heartbeat(Journal::Rollback, "IMMEDIATE");
}

#[test]
fn a_wal_target_that_another_writer_holds_is_busy_after_the_timeout() {
    assert_busy_with_heartbeat(Journal::Wal, "IMMEDIATE");
}

#[test]
fn a_target_that_is_locked_even_for_reading_is_busy_after_the_timeout() {
    assert_busy_with_heartbeat(Journal::Rollback, "EXCLUSIVE");
}

#[test]
fn waiting_for_a_lock_can_be_cancelled_by_the_sink() {
    for lock in ["IMMEDIATE", "EXCLUSIVE"] {
        let act = |call| if call == 2 { Flow::Cancel } else { Flow::Continue };
        let (error, calls) = migrate_into_locked((Journal::Rollback, lock), Duration::from_secs(60), None, act);
        assert_eq!((error.status(), calls), (Status::Cancelled, 2), "{lock}: {error:?}");
    }
}

#[test]
fn waiting_for_a_lock_can_be_cancelled_by_another_thread() {
    for lock in ["IMMEDIATE", "EXCLUSIVE"] {
        let token = CancelToken::new();
        let trigger = token.clone();
        let act = move |call| {
            let trigger = trigger.clone();
            if call == 1 {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(50));
                    trigger.trigger();
                });
            }
            Flow::Continue
        };
        let (error, _) = migrate_into_locked((Journal::Rollback, lock), Duration::from_secs(60), Some(token), act);
        assert_eq!(error.status(), Status::Cancelled, "{lock}: {error:?}");
    }
}

#[test]
fn looking_at_the_tables_waits_for_a_lock() {
    let pair = Pair::new(Journal::Rollback);
    let manager = manager(&pair.source(), PATIENT);
    let holder = hold(&pair.source(), "EXCLUSIVE");
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        holder.go();
        holder.stop();
    });
    let info = manager.database_info();
    release.join().unwrap();
    assert!(info.is_ok(), "{info:?}");
}

// ---- two migrations at once ------------------------------------------------------------------------------------------------

/// Starts both jobs at once, in two processes. Returns the experiments they made or found, and whether they skipped.
fn race(jobs: [&Job; 2]) -> [Option<(i64, bool)>; 2] {
    let racers = jobs.map(|job| Talker::start("race", &serde_json::to_value(job).unwrap()));
    racers.iter().for_each(|racer| racer.wait_for("ready", 1));
    racers.iter().for_each(Talker::go);
    racers.map(|racer| {
        let said: Value = racer.stop().pop().unwrap();
        match said.get("error") {
            Some(error) => {
                assert_eq!((&error["status"], &error["retryable"]), (&json!("BUSY"), &json!(true)), "{error}");
                None
            }
            None => Some((said["id"].as_i64().unwrap(), said["skipped"].as_bool().unwrap())),
        }
    })
}

/// Two processes copy experiments 1 and 2 of one source into one target: both copies are whole, or one was refused.
fn race_two_experiments(journal: Option<Journal>, busy_timeout: Duration) {
    let checker = Checker::start();
    for _ in 0..5 {
        let pair = Pair::new(journal.unwrap_or(Journal::Rollback));
        if journal.is_none() {
            std::fs::remove_file(pair.target()).unwrap();
        }
        let pristine = pair.0.path().join("pristine.db");
        std::fs::copy(pair.source(), &pristine).unwrap();
        let job = |experiment| Job {
            source: pair.source(),
            experiment,
            target: Some(pair.target()),
            skip: false,
            busy_timeout,
        };
        let outcomes = race([&job(1), &job(2)]);
        // Without patience each can be in the other's way: one asks for the file as the other reads it.
        assert!(busy_timeout < PATIENT || outcomes.iter().all(Option::is_some), "with patience both are let in");
        for (experiment, outcome) in (1..).zip(outcomes) {
            let Some((copy, skipped)) = outcome else { continue };
            assert!(!skipped);
            checker.assert_copy((&pair.source(), experiment), (&pair.target(), copy), (&pristine, None));
        }
        let there: i64 =
            open(&pair.target()).query_row("SELECT count(*) FROM EXPERIMENT", [], |row| row.get(0)).unwrap();
        let before = if journal.is_none() { 0 } else { 2 };
        assert_eq!(there, before + outcomes.iter().flatten().count() as i64);
        dump(&pair.target());
        assert!(journal_files(&pair.target()).is_empty());
    }
}

#[test]
fn two_migrations_into_one_rollback_file_do_not_mix() {
    race_two_experiments(Some(Journal::Rollback), PATIENT);
}

#[test]
fn two_migrations_into_one_wal_file_do_not_mix() {
    race_two_experiments(Some(Journal::Wal), PATIENT);
}

#[test]
fn two_migrations_that_create_one_file_do_not_mix() {
    race_two_experiments(None, PATIENT);
}

#[test]
fn of_two_impatient_migrations_one_may_be_refused_but_none_is_half() {
    race_two_experiments(Some(Journal::Rollback), Duration::ZERO);
}

#[test]
fn two_migrations_of_one_experiment_that_skip_duplicates_leave_one_copy() {
    for _ in 0..5 {
        let pair = Pair::new(Journal::Rollback);
        let job = Job {
            source: pair.source(),
            experiment: 1,
            target: Some(pair.target()),
            skip: true,
            busy_timeout: PATIENT,
        };
        let [first, second] = race([&job, &job]).map(Option::unwrap);
        assert_eq!(first.0, second.0, "both have the same copy");
        assert_ne!(first.1, second.1, "one made it, one found it");
        let there: i64 =
            open(&pair.target()).query_row("SELECT count(*) FROM EXPERIMENT", [], |row| row.get(0)).unwrap();
        assert_eq!(there, 3);
    }
}

// ---- a reader of the target ------------------------------------------------------------------------------------------------

fn hash(dump: &Dump) -> u64 {
    let mut hasher = DefaultHasher::new();
    dump.hash(&mut hasher);
    hasher.finish()
}

/// In the child: reads everything in one transaction, again and again, and says what it saw.
fn read_states(path: &Path) {
    let parent = child::Parent::listen();
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(PATIENT).unwrap();
    while parent.waits() {
        child::say(&json!({"saw": hash(&dump_of(&connection)).to_string()}));
    }
}

/// Migrates three times while a reader looks; it sees the states between the migrations, in their order, and nothing else.
fn migrate_under_a_reader(journal: Journal) {
    let pair = Pair::new(journal);
    let mut states = vec![hash(&dump(&pair.target())).to_string()];
    let reader = Arc::new(Talker::start("read", &json!({"path": pair.target()})));
    reader.wait_for("saw", 1);
    let (source, target) = (manager(&pair.source(), PATIENT), manager(&pair.target(), PATIENT));
    for _ in 0..3 {
        let watched = Arc::clone(&reader);
        // The second read began in the middle of the job and ended there.
        let (sink, paused) = in_the_middle(move || watched.wait_for("saw", watched.count("saw") + 2));
        let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
        source.migrate_experiment(1, Some(&target), options).unwrap();
        assert!(paused.load(Ordering::Relaxed), "the reader saw nothing in between");
        states.push(hash(&dump(&pair.target())).to_string());
        reader.wait_for("saw", reader.count("saw") + 2);
    }
    let said = Arc::into_inner(reader).unwrap().stop();
    let seen: Vec<usize> = said
        .iter()
        .map(|value| states.iter().position(|state| value["saw"] == json!(state)).expect("an old or a new state"))
        .collect();
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(*seen.last().unwrap(), 3);
}

#[test]
fn a_reader_of_a_rollback_target_sees_the_old_or_the_new_state() {
    migrate_under_a_reader(Journal::Rollback);
}

#[test]
fn a_reader_of_a_wal_target_sees_the_old_or_the_new_state() {
    migrate_under_a_reader(Journal::Wal);
}

// ---- what a killed writer leaves -------------------------------------------------------------------------------------------

/// In the child: changes every metric with a page cache too small for that, so that the file itself is half changed.
fn spill(path: &Path) {
    let connection = open(path);
    let sql = "PRAGMA cache_size = 4; BEGIN IMMEDIATE; UPDATE METRIC SET total_val = total_val + 1, type = type || '-changed'";
    connection.execute_batch(sql).unwrap();
    child::say(&json!({"spilled": true}));
    child::wait_for_go();
}

/// Leaves the file as a killed writer does. Returns what was in it before.
fn kill_a_writer(path: &Path) {
    let writer = Talker::start("spill", &json!({"path": path}));
    writer.wait_for("spilled", 1);
    writer.kill();
    assert!(!journal_files(path).is_empty(), "the killed writer left its journal");
}

fn reads_like_before(journal: Journal, open_before_the_kill: bool) {
    let pair = Pair::new(journal);
    let digest = |manager: &Manager| manager.experiment_digest(1, expmig::JobOptions::default());
    let early = open_before_the_kill.then(|| manager(&pair.source(), PATIENT));
    let before = digest(&manager(&pair.source(), PATIENT)).unwrap();
    kill_a_writer(&pair.source());
    let manager = early.unwrap_or_else(|| manager(&pair.source(), PATIENT));
    let experiments = manager.list_experiments();
    assert_eq!(experiments.as_ref().map(Vec::len).ok(), Some(2), "{experiments:?}");
    assert_eq!(digest(&manager).unwrap(), before);
    let options = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    let copy = manager.migrate_experiment(1, None, options).unwrap();
    assert_eq!(copy.target_digest, Some(before));
}

#[test]
fn a_journal_of_a_killed_writer_is_rolled_back_by_opening_for_reading() {
    reads_like_before(Journal::Rollback, false);
}

#[test]
fn a_log_of_a_killed_writer_does_not_disturb_opening_for_reading() {
    reads_like_before(Journal::Wal, false);
}

#[test]
fn a_journal_of_a_killed_writer_is_rolled_back_by_a_handle_that_was_open() {
    reads_like_before(Journal::Rollback, true);
}

#[test]
fn a_log_of_a_killed_writer_does_not_disturb_a_handle_that_was_open() {
    reads_like_before(Journal::Wal, true);
}

#[test]
fn a_journal_of_a_killed_writer_is_named_when_the_handle_may_not_write() {
    let pair = Pair::new(Journal::Rollback);
    kill_a_writer(&pair.source());
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let error = Database::open(pair.source().to_str().unwrap(), options).unwrap_err();
    assert_eq!(error.status(), Status::Io, "{error:?}");
    assert!(error.message().contains("recovery"), "{error:?}");
    assert!(!journal_files(&pair.source()).is_empty(), "nothing was changed");
}

/// What a child says by how it ends.
fn in_a_child(body: impl FnOnce() -> i32) -> i32 {
    let mut status = 0;
    // SAFETY: the child calls nothing that could wait for a thread of the parent, and ends without running what runs at an end.
    unsafe {
        let child = fork();
        assert!(child >= 0, "fork");
        if child == 0 {
            _exit(body());
        }
        assert_eq!(waitpid(child, &raw mut status, 0), child);
    }
    status
}

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(child: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(code: i32) -> !;
}

#[test]
fn a_child_is_refused_what_its_parent_has_open_and_may_drop_it() {
    let pair = Pair::new(Journal::Wal);
    let link = pair.0.path().join("link.db");
    std::fs::hard_link(pair.source(), link).unwrap();
    // It forks in a process where no other test holds a lock just then.
    let said = Talker::start("fork", &json!({"path": pair.source()})).stop();
    assert_eq!(said, [json!({"forked": true})]);
}

/// Uses a database and its link in a child that is a fork, and goes on.
fn fork_beside(path: &Path) {
    let parent = manager(path, PATIENT);
    let names = [path, &path.with_file_name("link.db")].map(|path| path.to_str().unwrap().to_owned());
    let mut kept = Some(parent);
    let status = in_a_child(|| {
        let of_fork = |error: Error| error.status() == Status::Misuse && error.message().contains("fork");
        let opened =
            names.each_ref().map(|name| Database::open(name, OpenOptions::default()).err().is_some_and(of_fork));
        let used = kept.as_ref().is_some_and(|parent| parent.list_experiments().err().is_some_and(of_fork));
        drop(kept.take());
        i32::from(!(used && opened == [true, true]))
    });
    assert_eq!(status, 0);
    let parent = kept.unwrap();
    let before = parent.list_experiments().unwrap().len();
    parent.migrate_experiment(1, None, MigrateOptions::default()).unwrap();
    assert!(path.with_file_name("source.db-wal").exists());
    drop(parent);
    let count: i64 = open(path).query_row("SELECT count(*) FROM EXPERIMENT", [], |row| row.get(0)).unwrap();
    assert_eq!(count, before as i64 + 1);
    child::say(&json!({"forked": true}));
}
