//! A training writes into a database with a rollback journal while we read it: no commit of its fails, and none waits for long.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::child::{self, Talker};
use crate::support::database::{Journal, assert_same, dump, medium, open, small};
use crate::support::fault::with_file_size_limit;
use expmig::progress::ProgressSink;
use expmig::transformation::Outcome;
use expmig::{
    Check, Database, ExportOptions, FileOptions, Flow, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, MigrationResult, Next, OnDuplicate, OpenOptions, SnapshotOptions, Status, TransformOptions,
    ValidateOptions,
};
use serde_json::json;
use tempfile::TempDir;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A training beside us.
struct Training(Talker);

impl Training {
    fn start(database: &Path) -> Training {
        let mut command = Command::new("python3");
        command.arg(root("tests/python/train.py")).arg(database).stdin(Stdio::piped()).stdout(Stdio::piped());
        let training = Training(Talker::of(&mut command));
        training.0.wait_for("epoch", 1);
        training
    }

    /// Waits until it has committed twice: at least one of the two commits began and ended meanwhile.
    fn goes_on(&self) {
        self.0.wait_for("epoch", self.0.count("epoch") + 2);
    }

    /// Ends it. The longest that a commit took.
    fn end(self) -> Duration {
        let said = self.0.stop();
        let waited = said.iter().filter_map(|value| value["waited"].as_f64());
        Duration::from_secs_f64(waited.fold(0.0, f64::max))
    }
}

/// A small database in a folder, and what is asked of it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        small(&place.path("source.db"), Journal::Rollback);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn manager(&self, name: &str, options: OpenOptions) -> Manager {
        let database = Database::open(self.path(name).to_str().unwrap(), options).unwrap();
        let snapshot_dir = Some(self.path("snapshots"));
        Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() })
    }
}

/// How often a callback of one job stalls.
const STALLS: usize = 4;

/// Runs a job beside a training; `job` gets a stall, which a callback calls to wait until the training has gone on.
fn beside_a_training(what: &str, job: impl Fn(&Place, &Manager, Arc<dyn Fn() + Send + Sync>)) {
    let place = Place::new();
    let manager = place.manager("source.db", OpenOptions::default());
    let training = Arc::new(Training::start(&place.path("source.db")));
    let (watched, stalls) = (Arc::clone(&training), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&stalls);
    job(
        &place,
        &manager,
        Arc::new(move || {
            if counted.fetch_add(1, Ordering::Relaxed) < STALLS {
                watched.goes_on();
            }
        }),
    );
    assert!(stalls.load(Ordering::Relaxed) > 0, "{what}: no callback was called");
    let training = Arc::into_inner(training).expect("the job is over");
    training.end();
}

fn stalling(stall: &Arc<dyn Fn() + Send + Sync>) -> Option<ProgressSink> {
    let stall = Arc::clone(stall);
    Some(Box::new(move |_| {
        stall();
        Flow::Continue
    }))
}

#[test]
fn a_slow_progress_callback_of_whatever_reads_keeps_no_training_waiting() {
    beside_a_training("export", |place, manager, stall| {
        let options = ExportOptions { progress: stalling(&stall), ..ExportOptions::default() };
        manager.export_to_file(1, &place.path("e.json"), FileOptions::default(), options).unwrap();
    });
    beside_a_training("digest", |_, manager, stall| {
        manager.experiment_digest(1, JobOptions { progress: stalling(&stall), ..JobOptions::default() }).unwrap();
    });
    beside_a_training("validation", |_, manager, stall| {
        let options = ValidateOptions { progress: stalling(&stall), ..ValidateOptions::default() };
        assert!(manager.validate(options).unwrap().passed());
    });
    beside_a_training("comparison", |_, manager, stall| {
        let options = JobOptions { progress: stalling(&stall), ..JobOptions::default() };
        manager.compare_experiments(1, None, 2, options).unwrap();
    });
    beside_a_training("plan", |place, manager, stall| {
        let target = place.manager("target.db", OpenOptions { create: true, ..OpenOptions::default() });
        let options = MigrateOptions { progress: stalling(&stall), ..MigrateOptions::default() };
        manager.plan_migration(1, Some(&target), options).unwrap();
    });
    beside_a_training("migration into another file", |place, manager, stall| {
        let target = place.manager("target.db", OpenOptions { create: true, ..OpenOptions::default() });
        let options = MigrateOptions { progress: stalling(&stall), ..MigrateOptions::default() };
        let copied = manager.migrate_experiment(1, Some(&target), options).unwrap();
        assert_eq!(copied.source_digest, copied.target_digest);
    });
    beside_a_training("dry run", |_, manager, stall| {
        let options = TransformOptions { dry_run: true, progress: stalling(&stall), ..TransformOptions::default() };
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        manager.transform_metrics(&MetricSelection::default(), rules, options).unwrap();
    });
    beside_a_training("snapshot", |_, manager, stall| {
        let job = JobOptions { progress: stalling(&stall), ..JobOptions::default() };
        manager.create_snapshot("", SnapshotOptions { job, ..SnapshotOptions::default() }).unwrap();
    });
}

#[test]
fn a_receiver_that_stalls_keeps_no_training_waiting() {
    beside_a_training("export", |_, manager, stall| {
        let mut take = |_: &[u8]| {
            stall();
            Flow::Continue
        };
        manager.export_pieces(1, &mut take, ExportOptions::default()).unwrap();
    });
    beside_a_training("query", |_, manager, stall| {
        let mut rows = 0;
        manager
            .query("SELECT id, type FROM METRIC ORDER BY id LIMIT ?1", &[expmig::Value::Integer(3)], &mut |row| {
                assert!(row.get("TYPE").is_some());
                rows += 1;
                stall();
                Ok(Next::Row)
            })
            .unwrap();
        assert_eq!(rows, 3);
    });
    beside_a_training("registered check", |_, manager, stall| {
        let check = Check::callback(move |context| {
            context.query("SELECT 1 FROM METRIC LIMIT 2", &[], &mut |_| {
                stall();
                Ok(Next::Row)
            })?;
            Ok(Flow::Continue)
        });
        manager.register_check("slow", check).unwrap();
        manager.validate(ValidateOptions::default()).unwrap();
        manager.unregister_check("slow").unwrap();
    });
    beside_a_training("registered transformation, as a dry run", |_, manager, stall| {
        let slow = move |_: &expmig::transformation::Metric, _: &str| {
            stall();
            Ok(Outcome::Unchanged)
        };
        manager.register_transformation("slow", Box::new(slow)).unwrap();
        let options = TransformOptions { dry_run: true, ..TransformOptions::default() };
        manager.transform_metrics_by(&MetricSelection::default(), "slow", None, options).unwrap();
        manager.unregister_transformation("slow").unwrap();
    });
}

#[test]
fn what_is_read_from_a_copy_is_what_the_database_has() {
    let place = Place::new();
    let [copied, in_place] = [OpenOptions::default().max_read_lock, None]
        .map(|max_read_lock| place.manager("source.db", OpenOptions { max_read_lock, ..OpenOptions::default() }));
    let export = |manager: &Manager| manager.export_to_string(1, ExportOptions::default()).unwrap();
    let without_time = |text: String| {
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document["metadata"].take();
        document
    };
    assert_eq!(without_time(export(&copied)), without_time(export(&in_place)));
    let digest = |manager: &Manager| manager.experiment_digest(1, JobOptions::default()).unwrap();
    assert_eq!(digest(&copied), digest(&in_place));
}

/// Larger than what fits into some caches.
fn larger(path: &Path) {
    medium(path, Journal::Rollback);
    open(path)
        .execute_batch(
            "CREATE TABLE ballast (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
             INSERT INTO ballast SELECT randomblob(1024) FROM n",
        )
        .unwrap();
    assert!(std::fs::metadata(path).unwrap().len() > 5 << 20);
}

#[test]
fn a_copy_that_is_made_aside_has_the_state_that_was_read_in_place() {
    let place = Place::new();
    larger(&place.path("larger.db"));
    // As long as a machine that is busy may need.
    let options = OpenOptions { max_read_lock: Some(Duration::from_secs(4)), ..OpenOptions::default() };
    let manager = place.manager("larger.db", options);
    let target = place.manager("target.db", OpenOptions { create: true, ..OpenOptions::default() });
    let training = Training::start(&place.path("larger.db"));
    for _ in 0..10 {
        assert!(manager.validate(ValidateOptions::default()).unwrap().passed());
        let copy = manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).unwrap();
        assert_eq!(copy.source_digest, copy.target_digest);
        manager.export_to_string(1, ExportOptions::default()).unwrap();
        manager.compare_experiments(1, Some(&target), copy.new_experiment_id, JobOptions::default()).unwrap();
        training.goes_on();
    }
    training.end();
}

#[test]
fn what_takes_longer_than_a_quarter_of_the_limit_goes_on_with_a_copy() {
    let place = Place::new();
    larger(&place.path("larger.db"));
    let folder = place.path("temporary");
    std::fs::create_dir(&folder).unwrap();
    let wanted = place.manager("larger.db", OpenOptions::default()).validate(ValidateOptions::default()).unwrap();
    // So short that every job takes longer: it copies the file after its first statement, of the state that this one read.
    let limit = Some(Duration::from_millis(20));
    let options = OpenOptions { max_read_lock: limit, temp_dir: Some(folder.clone()), ..OpenOptions::default() };
    let manager = place.manager("larger.db", options);
    assert_eq!(manager.validate(ValidateOptions::default()).unwrap().to_json()["counts"], wanted.to_json()["counts"]);
    std::fs::remove_dir(&folder).unwrap();
    let error = manager.validate(ValidateOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Io, "{error:?}");
    assert!(error.to_json().to_string().contains("temp_dir"), "{error:?}");
}

#[test]
fn nothing_is_left_of_a_copy_and_where_it_goes_can_be_chosen() {
    let place = Place::new();
    let folder = place.path("temporary");
    std::fs::create_dir(&folder).unwrap();
    let options = OpenOptions { temp_dir: Some(folder.clone()), ..OpenOptions::default() };
    let before = dump(&place.path("source.db"));
    let manager = place.manager("source.db", options);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (during, watched) = (Arc::clone(&seen), folder.clone());
    let sink: ProgressSink = Box::new(move |_| {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        during.lock().unwrap().extend(targets.filter(|target| target.starts_with(&watched)));
        assert_eq!(std::fs::read_dir(&watched).unwrap().count(), 0, "a copy has no name");
        std::thread::sleep(Duration::from_millis(110));
        Flow::Continue
    });
    manager.validate(ValidateOptions { progress: Some(sink), ..ValidateOptions::default() }).unwrap();
    assert!(!seen.lock().unwrap().is_empty(), "the copy is in the folder");
    assert_same(&dump(&place.path("source.db")), &before, "after reading");

    std::fs::remove_dir(&folder).unwrap();
    // Quickly done, and nobody looks on.
    assert!(manager.validate(ValidateOptions::default()).unwrap().passed());
    let error = manager.export_to_string(1, ExportOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Io, "{error:?}");
    assert!(error.details().iter().any(|detail| detail.value == folder.display().to_string()), "{error:?}");
    assert!(error.to_json().to_string().contains("temp_dir"), "{error:?}");
}

#[test]
fn a_database_in_wal_mode_is_read_in_place() {
    let place = Place::new();
    small(&place.path("wal.db"), Journal::Wal);
    let nowhere = Some(place.path("nowhere"));
    let manager = place.manager("wal.db", OpenOptions { temp_dir: nowhere, ..OpenOptions::default() });
    manager.validate(ValidateOptions::default()).unwrap();
    manager.query("SELECT 1", &[], &mut |_| Ok(Next::Row)).unwrap();
}

/// The body of a child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let options = OpenOptions { temp_dir: Some(input["folder"].as_str().unwrap().into()), ..OpenOptions::default() };
    let manager = Manager::from(Database::open(input["path"].as_str().unwrap(), options).unwrap());
    let error = manager.export_to_string(1, ExportOptions::default()).unwrap_err();
    child::say(&error.to_json());
}

#[test]
fn a_copy_that_has_no_room_says_where_how_large_it_is_and_what_to_do() {
    let place = Place::new();
    let (path, folder) = (place.path("source.db"), place.path("small folder"));
    std::fs::create_dir(&folder).unwrap();
    // As a full disk: files end at some blocks, and the signal for that is ignored.
    let command = child::command("validate", &json!({"path": path, "folder": folder}));
    let output = with_file_size_limit(&command, 8).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap().lines().find_map(child::heard).expect("an error");
    assert_eq!(said["status"], "IO", "{said}");
    let detail = |key: &str| {
        let details = said["details"].as_array().unwrap().iter();
        details.clone().find(|detail| detail["key"] == key).map(|detail| detail["value"].clone())
    };
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!(detail("needed_bytes"), Some(json!(bytes.to_string())), "{said}");
    assert_eq!((detail("path"), detail("database")), (Some(json!(folder)), Some(json!(path))), "{said}");
    assert!(
        ["temp_dir", "WAL", "max_read_lock_ms"].iter().all(|way| said["hint"].as_str().unwrap().contains(way)),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_plan_says_how_the_source_is_read_and_for_how_long_the_target_is_locked() {
    let place = Place::new();
    let plan = |name: &str, options: OpenOptions| {
        let target = place.manager("target.db", OpenOptions { create: true, ..OpenOptions::default() });
        let plan = place.manager(name, options).plan_migration(1, Some(&target), MigrateOptions::default()).unwrap();
        plan["locks"].clone()
    };
    let folder = place.0.path().to_owned();
    let copied = plan("source.db", OpenOptions { temp_dir: Some(folder.clone()), ..OpenOptions::default() });
    let source = &copied["source"];
    assert_eq!((&source["way"], &source["max_read_lock_ms"]), (&json!("private_copy"), &json!(2000)));
    assert_eq!(source["copy_bytes"], std::fs::metadata(place.path("source.db")).unwrap().len());
    assert_eq!((&source["copy_folder"], &source["enough"]), (&json!(folder), &json!(true)));
    assert!(source["free_bytes"].as_u64() > source["copy_bytes"].as_u64());
    let target = &copied["target"];
    assert_eq!((&target["way"], &target["readers_wait"]), (&json!("write_lock"), &json!(true)));
    assert!(target["write_lock_ms"].is_u64() && target["basis"].as_str().unwrap().contains("times the"), "{target}");

    let in_place = plan("source.db", OpenOptions { max_read_lock: None, ..OpenOptions::default() });
    assert_eq!(in_place["source"], json!({"way": "in_place"}));
    small(&place.path("wal.db"), Journal::Wal);
    assert_eq!(plan("wal.db", OpenOptions::default())["source"], json!({"way": "write_ahead_log"}));
    let within = place.manager("wal.db", OpenOptions::default()).plan_migration(1, None, MigrateOptions::default());
    let locks = &within.unwrap()["locks"];
    assert_eq!((&locks["source"], &locks["target"]["readers_wait"]), (&json!(null), &json!(false)));
}

/// Migrates experiment 1 into another file, and does this to the target while the source is judged.
fn while_the_source_is_judged(
    place: &Place,
    options: MigrateOptions,
    act: &'static str,
) -> Result<MigrationResult, expmig::Error> {
    small(&place.path("target.db"), Journal::Rollback);
    let target = place.manager("target.db", OpenOptions::default());
    let (path, acted) = (place.path("target.db"), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&acted);
    let sink: ProgressSink = Box::new(move |progress| {
        // So that the next phase is reported too.
        std::thread::sleep(Duration::from_millis(110));
        if progress.operation == "counting the source" && counted.fetch_add(1, Ordering::Relaxed) == 0 {
            let other = open(&path);
            other.busy_timeout(Duration::ZERO).unwrap();
            other.execute_batch(act).expect("nobody holds a lock");
        }
        Flow::Continue
    });
    let options = MigrateOptions { progress: Some(sink), ..options };
    let result = place.manager("source.db", OpenOptions::default()).migrate_experiment(1, Some(&target), options);
    assert!(acted.load(Ordering::Relaxed) > 0);
    result
}

#[test]
fn others_write_into_the_target_while_the_source_is_judged() {
    let place = Place::new();
    let act = "UPDATE EXPERIMENT SET title = 'changed meanwhile' WHERE id = 1";
    let copy = while_the_source_is_judged(&place, MigrateOptions::default(), act).unwrap();
    assert_eq!(copy.source_digest, copy.target_digest);
    let target = open(&place.path("target.db"));
    let title: String = target.query_row("SELECT title FROM EXPERIMENT WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(title, "changed meanwhile");
}

#[test]
fn a_target_that_changed_while_the_source_was_judged_is_judged_anew() {
    let place = Place::new();
    open(&place.path("source.db"))
        .execute_batch("ALTER TABLE METRIC ADD COLUMN grade; UPDATE METRIC SET grade = 'mm'")
        .unwrap();
    let act = "ALTER TABLE METRIC ADD COLUMN grade";
    let copy = while_the_source_is_judged(&place, MigrateOptions::default(), act).unwrap();
    assert_eq!(copy.source_digest, copy.target_digest);
    let sql = "SELECT count(*) > 0 FROM METRIC WHERE grade = 'mm'";
    assert!(open(&place.path("target.db")).query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());

    let place = Place::new();
    let into = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    let error = while_the_source_is_judged(&place, into, "DELETE FROM EXPERIMENT WHERE id = 2").unwrap_err();
    assert_eq!(error.status(), Status::NotFound, "{error:?}");

    let place = Place::new();
    let skip = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    let changed = "UPDATE EXPERIMENT SET title = 'another' WHERE id = 1";
    assert!(!while_the_source_is_judged(&place, skip, changed).unwrap().skipped);
}

/// Minutes and a gigabyte: part of `make large`.
#[test]
#[ignore = "2,000,000 metrics"]
fn a_training_goes_on_beside_jobs_on_two_million_metrics() {
    let place = Place(tempfile::tempdir().unwrap());
    let path = place.path("large.db");
    let made =
        Command::new("python3").arg(root("benches/generate.py")).args(["--metrics", "2000000"]).arg(&path).status();
    assert!(made.unwrap().success());
    let manager = place.manager("large.db", OpenOptions::default());
    let target = place.manager("target.db", OpenOptions { create: true, ..OpenOptions::default() });
    let training = Training::start(&path);
    // A machine that is too busy to copy the file in time says so, and that it can be tried again.
    let timed = |what: &str, job: &dyn Fn() -> Result<(), expmig::Error>| {
        let (since, before) = (Instant::now(), training.0.count("epoch"));
        for tries in 1.. {
            match job() {
                Ok(()) => break,
                Err(error) if error.retryable() && tries < 10 => println!("{what}: {error:?}"),
                Err(error) => panic!("{what}: {error:?}"),
            }
        }
        let waits = training.0.heard().into_iter().skip(before).filter_map(|value| value["waited"].as_f64());
        let (count, longest) = waits.fold((0, 0.0), |(count, most), waited| (count + 1, f64::max(most, waited)));
        println!(
            "{what}: {:.1} s, beside {count} commits, of which the longest took {longest:.2} s",
            since.elapsed().as_secs_f64()
        );
    };
    timed("export", &|| {
        let file = FileOptions { replace: true, ..FileOptions::default() };
        manager.export_to_file(1, &place.path("e.json"), file, ExportOptions::default()).map(drop)
    });
    timed("migration into another file", &|| {
        manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).map(drop)
    });
    timed("digest", &|| manager.experiment_digest(1, JobOptions::default()).map(drop));
    timed("validation", &|| manager.validate(ValidateOptions::default()).map(drop));
    timed("snapshot", &|| manager.create_snapshot("", SnapshotOptions::default()).map(drop));
    let longest = training.end();
    let bound = OpenOptions::default().max_read_lock.unwrap() + Duration::from_secs(1);
    assert!(longest < bound, "a commit waited for {longest:?}");
}
