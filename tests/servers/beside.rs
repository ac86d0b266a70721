//! Beside others on a server: ids that another client cannot get, and those that a schema has left. On a private MariaDB server, and on
//! MySQL where EXPMIG_TEST_MYSQLD names its binary.

use crate::support;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::Folder;
use crate::support::server::{PASSWORD, Server, USER, dump, each, each_own};
use expmig::{
    Database, Error, ExportOptions, ImportOptions, JobOptions, Manager, MetricSelection, MigrateOptions, OnDuplicate,
    OpenOptions, Status, TransformOptions,
};
use mysql::prelude::Queryable;

fn open(url: &str) -> Manager {
    let database = Database::open(url, OpenOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    Manager::from(database)
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// A file with one experiment whose metrics fit into single precision, and whose times have no fraction.
fn with_metrics(folder: &Folder, name: &str, metrics: u32) -> PathBuf {
    let epochs = metrics.div_ceil(100);
    folder.empty(
        name,
        &format!(
            "INSERT INTO EXPERIMENT VALUES (1, 'many', NULL, '2023-12-01T10:00:00', '2023-12-01T11:00:00');
             INSERT INTO TRIAL VALUES (1, 't', 1, '2023-12-01T10:00:00', '2023-12-01T11:00:00');
             INSERT INTO TRIAL_RUN VALUES (1, 1, 'completed', '2023-12-01T10:00:00', '2023-12-01T11:00:00');
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {epochs} - 1)
                 INSERT INTO EPOCH SELECT i, 1, '2023-12-01T10:00:00' FROM n;
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {metrics} - 1)
                 INSERT INTO METRIC SELECT i + 1, 'loss', i * 0.5, NULL FROM n;
             INSERT INTO EPOCH_METRIC SELECT (id - 1) / 100, 1, id FROM METRIC"
        ),
    )
}

fn exported(path: &std::path::Path) -> String {
    done(support::open(path).export_to_string(1, ExportOptions::default()))
}

/// The tracking application at work: it inserts metrics and runs, each committed by itself, and remembers their ids.
struct Tracker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, f64)>>,
}

impl Tracker {
    fn start(server: &Server, schema: &str, pause: Duration) -> Tracker {
        let mut client = server.connect_as(USER, PASSWORD, Some(schema));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        client
            .query_drop("INSERT INTO EXPERIMENT (title, start_time, update_time) VALUES ('live', now(), now())")
            .expect("an experiment");
        let experiment = client.last_insert_id();
        client.query_drop(format!("INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('live', {experiment}, now(), now())")).expect("a trial");
        let trial = client.last_insert_id();
        let thread = std::thread::spawn(move || {
            let mut written = Vec::new();
            let run = format!(
                "INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) VALUES ({trial}, 'started', now(), now())"
            );
            while !stopped.load(Ordering::Relaxed) {
                let value = 0.25 + (written.len() % 1000) as f64; // six digits, as a text shows it
                client
                    .query_drop(format!("INSERT INTO METRIC (type, total_val) VALUES ('live', {value})"))
                    .expect("a metric of the tracker");
                written.push((client.last_insert_id(), value));
                if written.len() % 50 == 0 {
                    client.query_drop(&run).expect("a run of the tracker");
                }
                std::thread::sleep(pause);
            }
            written
        });
        Tracker { stop, thread }
    }

    /// Every row that it wrote is there.
    fn end(self, server: &Server, schema: &str) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let written = self.thread.join().expect("no insert of the tracker failed");
        let mut client = server.connect(schema);
        let rows: Vec<(u64, f64)> =
            client.query("SELECT id, total_val FROM METRIC WHERE type = 'live' ORDER BY id").expect("its rows");
        assert!(rows == written, "the tracker wrote {} rows, and {} are there", written.len(), rows.len());
        written.len()
    }
}

const STEADY: Duration = Duration::from_millis(50);
const FAST: Duration = Duration::ZERO;

/// Many migrations, imports and copies beside a tracker; none fails, and nothing of the tracker's is lost.
fn work_beside_a_tracker(server: &Server, metrics: u32, times: usize, pause: Duration) {
    let folder = Folder::new();
    let path = with_metrics(&folder, "source.db", metrics);
    let source = support::open(&path);
    let document = exported(&path);
    let schema = server.original();
    let target = open(&server.url(&schema));
    let tracker = Tracker::start(server, &schema, pause);
    let first = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())).new_experiment_id;
    for at in 1..times {
        match at % 4 {
            0 => drop(done(target.migrate_experiment(first, None, MigrateOptions::default()))),
            1 => {
                let options = MigrateOptions { target_experiment: Some(first), ..MigrateOptions::default() };
                drop(done(source.migrate_experiment(1, Some(&target), options)));
            }
            2 => drop(done(target.import_from_string(document.as_bytes(), ImportOptions::default()))),
            _ => drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()))),
        }
    }
    let written = tracker.end(server, &schema);
    assert!(written > 0, "the tracker wrote nothing");
    eprintln!("{:?}: {times} jobs of {metrics} metrics beside {written} of a tracker", server.kind);
}

#[test]
fn nothing_fails_and_nothing_is_lost_beside_a_tracker_that_writes_all_the_time() {
    each(|server| {
        work_beside_a_tracker(server, 1500, 8, FAST);
        work_beside_a_tracker(server, 700, 4, STEADY);
    });
}

#[test]
fn ids_are_kept_from_others_however_the_server_counts() {
    let modes: [&[&str]; 3] = [
        &["--innodb-autoinc-lock-mode=0", "--auto-increment-increment=3", "--auto-increment-offset=2"],
        &["--innodb-autoinc-lock-mode=1", "--auto-increment-increment=10"],
        &["--innodb-autoinc-lock-mode=2", "--auto-increment-increment=2", "--skip-local-infile"],
    ];
    for mode in modes {
        each_own(mode, |server| work_beside_a_tracker(server, 1100, 4, FAST));
    }
}

#[test]
#[ignore = "takes minutes: make large"]
fn twenty_of_twenty_migrations_of_50000_metrics_succeed_beside_a_tracker() {
    each(|server| {
        for pause in [FAST, STEADY] {
            twenty(server, pause);
        }
    });
    each_own(&["--auto-increment-increment=10", "--auto-increment-offset=3"], |server| twenty(server, FAST));
}

fn twenty(server: &Server, pause: Duration) {
    let folder = Folder::new();
    let source = support::open(&with_metrics(&folder, "source.db", 50_000));
    let schema = server.original();
    let target = open(&server.url(&schema));
    let tracker = Tracker::start(server, &schema, pause);
    for _ in 0..20 {
        let options = MigrateOptions { title_prefix: Some("copy of ".to_owned()), ..MigrateOptions::default() };
        done(source.migrate_experiment(1, Some(&target), options));
    }
    let written = tracker.end(server, &schema);
    eprintln!("{:?}, pause {pause:?}: {written} rows of the tracker", server.kind);
    let copies: Option<(u32, u32)> = server
        .connect(&schema)
        .query_first("SELECT COUNT(*), COUNT(DISTINCT metric_id) FROM EPOCH_METRIC l JOIN METRIC m ON m.id = l.metric_id WHERE m.type = 'loss'")
        .expect("a count");
    assert_eq!(copies, Some((1_000_000, 1_000_000)));
}

#[test]
fn metrics_are_copied_on_write_beside_a_tracker() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&with_metrics(&folder, "source.db", 600));
        let schema = server.original();
        let target = open(&server.url(&schema));
        let first = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())).new_experiment_id;
        // A second experiment is linked to the same metrics.
        let mut client = server.connect(&schema);
        for statement in [
            "INSERT INTO EXPERIMENT VALUES (900, 'stranger', NULL, '2023-12-01', '2023-12-01')",
            "INSERT INTO TRIAL VALUES (900, 't', 900, '2023-12-01', '2023-12-01')",
            "INSERT INTO TRIAL_RUN VALUES (900, 900, 's', '2023-12-01', '2023-12-01')",
            "INSERT INTO RESULTS VALUES (900, '2023-12-01')",
            "INSERT INTO RESULTS_METRIC SELECT 900, id FROM METRIC",
        ] {
            client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        let tracker = Tracker::start(server, &schema, FAST);
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        let selection = MetricSelection { experiments: Some(vec![first]), ..MetricSelection::default() };
        let changed = done(target.transform_metrics(&selection, rules, TransformOptions::default()));
        assert_eq!((changed.updated, changed.copied), (599, 599), "0 times 2 is 0");
        tracker.end(server, &schema);
        let same: i64 = client
            .query_first("SELECT COUNT(*) FROM RESULTS_METRIC r JOIN METRIC m ON m.id = r.metric_id WHERE r.results_id = 900 AND m.type = 'loss' AND m.total_val = 0.5 * (m.id - (SELECT MIN(metric_id) FROM RESULTS_METRIC WHERE results_id = 900))")
            .expect("a count")
            .expect("a count");
        assert_eq!(same, 600, "the stranger's metrics are as they were");
    });
}

#[test]
fn an_import_into_int_ids_gives_the_next_ones_and_ends_where_they_end() {
    each(|server| {
        let folder = Folder::new();
        let document = exported(&with_metrics(&folder, "source.db", 700));
        let schema = server.original();
        let target = open(&server.url(&schema));
        let result = done(target.import_from_string(document.as_bytes(), ImportOptions::default()));
        assert_eq!(result.experiment_id, 1);
        let again = ImportOptions { on_duplicate: OnDuplicate::Skip, ..ImportOptions::default() };
        assert!(done(target.import_from_string(document.as_bytes(), again)).skipped);
        let mut client = server.connect(&schema);
        let highest: i64 = client.query_first("SELECT MAX(id) FROM METRIC").expect("a number").expect("a number");
        assert!((700..3000).contains(&highest), "{highest}");
        // Just as many as are left.
        let limit = i64::from(i32::MAX);
        client.query_drop(format!("ALTER TABLE METRIC AUTO_INCREMENT = {}", limit - 700)).expect("the counter");
        let result = done(target.import_from_string(document.as_bytes(), ImportOptions::default()));
        assert_eq!(result.items_processed, 1 + 1 + 1 + 7 + 700 + 700);
        let before = dump(&mut client);
        let refused =
            target.import_from_string(document.as_bytes(), ImportOptions::default()).expect_err("no ids are left");
        assert_eq!(refused.status(), Status::Limit, "{}", refused.to_json());
        assert!(support::details(&refused, "table").contains(&"METRIC"), "{}", refused.to_json());
        assert_eq!(dump(&mut client), before);
        let refused = target.migrate_experiment(1, None, MigrateOptions::default()).expect_err("no ids are left");
        assert_eq!(refused.status(), Status::Limit, "{}", refused.to_json());
    });
}

#[test]
fn the_trackers_own_schema_takes_a_run_with_digits_and_infinities_when_that_is_allowed() {
    each(|server| {
        let folder = Folder::new();
        let path = folder.small(
            "source.db",
            "UPDATE METRIC SET total_val = 9e999 WHERE id = 32; UPDATE METRIC SET total_val = 0.1 WHERE id = 33",
        );
        let document = exported(&path);
        let schema = server.original();
        let target = open(&server.url(&schema));
        let mut client = server.connect(&schema);
        let before = dump(&mut client);
        let import = |options: ImportOptions| target.import_from_string(document.as_bytes(), options);
        // As the reference calls it.
        let refused = import(ImportOptions::default()).expect_err("times with fractions, and an infinity");
        assert_eq!(refused.status(), Status::Lossy, "{}", refused.to_json());
        for way in ["expmig_schema_widen", "EXPMIG_IMPORT_ALLOW_LOSSY"] {
            assert!(refused.hint_text().expect("a hint").contains(way), "{}", refused.to_json());
        }
        let refused = import(ImportOptions { allow_lossy: true, ..ImportOptions::default() }).expect_err("an infinity");
        assert_eq!(refused.status(), Status::Validation, "{}", refused.to_json());
        assert!(
            refused.hint_text().expect("a hint").contains("EXPMIG_IMPORT_SKIP_VALIDATION"),
            "{}",
            refused.to_json()
        );
        assert_eq!(dump(&mut client), before);
        let allowed = || ImportOptions { allow_lossy: true, validate_before_import: false, ..ImportOptions::default() };
        let result = done(import(allowed()));
        let lossy = |column: &str, stored: &str| {
            result.lossy.first.iter().any(|loss| {
                loss.column.as_deref() == Some(column)
                    && loss.stored_as.as_deref().is_some_and(|text| text.contains(stored))
            })
        };
        // Two times, an infinity and a tenth, and what MySQL's JSON writes anew.
        assert!(result.lossy.count >= 4, "{:?}", result.lossy);
        assert!(
            lossy("update_time", "2023-12-01T11:00:00") && lossy("total_val", "3.40282346638"),
            "{:?}",
            result.lossy
        );
        assert!(result.warnings.iter().any(|warning| warning.contains("cannot hold")), "{:?}", result.warnings);
        let json = result.to_json();
        assert_eq!(support::at(&json, "/lossy/count"), &serde_json::json!(result.lossy.count));
        let found: f32 = client
            .exec_first("SELECT total_val FROM METRIC ORDER BY total_val DESC LIMIT 1", ())
            .expect("a value")
            .expect("a value");
        assert_eq!(found, f32::MAX);
        let again = ImportOptions { on_duplicate: OnDuplicate::Skip, ..allowed() };
        assert_eq!(done(import(again)).experiment_id, result.experiment_id);
        // A migration says the same.
        let refused =
            support::open(&path).migrate_experiment(1, Some(&target), MigrateOptions::default()).expect_err("lossy");
        assert_eq!(refused.status(), Status::Lossy, "{}", refused.to_json());
        for way in ["expmig_schema_widen", "EXPMIG_MIGRATE_ALLOW_LOSSY"] {
            assert!(refused.hint_text().expect("a hint").contains(way), "{}", refused.to_json());
        }
        let options = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
        done(support::open(&path).migrate_experiment(1, Some(&target), options));
        // Widened, it takes everything but the infinity.
        done(target.widen_schema(true, JobOptions::default()));
        let exact = exported(&folder.small("exact.db", ""));
        let result = done(target.import_from_string(exact.as_bytes(), ImportOptions::default()));
        assert_eq!((result.lossy.count, Some(result.digest)), (0, result.document_digest));
    });
}

#[test]
fn a_key_that_another_client_took_is_named_and_can_be_tried_again() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&with_metrics(&folder, "source.db", 50));
        let schema = server.original();
        let mut client = server.connect(&schema);
        // Where the server does not choose the ids, nothing keeps others from choosing the same.
        client.query_drop("CREATE TRIGGER other AFTER INSERT ON EPOCH FOR EACH ROW INSERT IGNORE INTO METRIC VALUES ((SELECT 40 + COALESCE(MAX(id), 0) FROM TRIAL_RUN), 'other', 1, NULL)").expect("a trigger");
        client
            .query_drop("CREATE TRIGGER counts BEFORE INSERT ON METRIC FOR EACH ROW SET NEW.type = NEW.type")
            .expect("a trigger");
        let target = open(&server.url(&schema));
        let refused =
            source.migrate_experiment(1, Some(&target), MigrateOptions::default()).expect_err("a key is taken");
        assert_eq!((refused.status(), refused.vendor_code()), (Status::Busy, Some(1062)), "{}", refused.to_json());
        assert!(
            refused.retryable() && support::details(&refused, "table").contains(&"METRIC"),
            "{}",
            refused.to_json()
        );
        assert_eq!(client.query_first::<i64, _>("SELECT COUNT(*) FROM METRIC").expect("a count"), Some(0));
    });
}

#[test]
fn rows_of_which_there_are_many_come_in_before_what_they_hang_on() {
    each(|server| {
        let folder = Folder::new();
        let path = with_metrics(&folder, "source.db", 10);
        support::execute(
            &path,
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999)
                 INSERT INTO BATCH SELECT i, 0, 1, '2023-12-01T10:00:00' FROM n;
             INSERT INTO BATCH_METRIC SELECT idx, 0, 1, 1 + idx % 10 FROM BATCH",
        );
        let document = exported(&path);
        let schema = server.original();
        let target = open(&server.url(&schema));
        let result = done(target.import_from_string(document.as_bytes(), ImportOptions::default()));
        assert_eq!(Some(result.digest), result.document_digest);
    });
}
