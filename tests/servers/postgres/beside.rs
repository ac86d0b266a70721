//! Beside others: ids that another client cannot get, however fast it takes them, and rows that it adds while a job is at work.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use expmig::{ImportOptions, JobOptions, Manager, MigrateOptions, RestoreOptions, SnapshotOptions, Status};

use super::{created, done};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::USER;
use crate::support::{self, Folder};

/// A file with one experiment that has so many metrics.
fn with_metrics(folder: &Folder, metrics: u32) -> PathBuf {
    let epochs = metrics.div_ceil(100);
    folder.empty(
        "source.db",
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

/// The tracking application at work, as fast as the server goes: it inserts metrics and runs, each committed by itself, and writes down the ids.
struct Tracker {
    client: Child,
    stop: PathBuf,
}

impl Tracker {
    fn start(server: &Postgres, schema: &str) -> Tracker {
        let stop = server.folder.join(format!("{schema}.stop"));
        server.execute(
            schema,
            r#"CREATE TABLE written (id bigint, value float8);
               INSERT INTO "EXPERIMENT" (id, title, start_time, update_time) VALUES (1000, 'live', now(), now());
               INSERT INTO "TRIAL" (id, name, experiment_id, start_time, update_time) VALUES (1000, 'live', 1000, now(), now())"#,
        );
        // A program that begins with one character: whether the file is there is looked at in every round.
        let round = format!(
            "DO $$ DECLARE n bigint; i bigint := 0; BEGIN \
             WHILE pg_stat_file('{}', true) IS NULL LOOP \
               i := i + 1; INSERT INTO \"METRIC\" (type, total_val) VALUES ('live', i) RETURNING id INTO n; \
               INSERT INTO written VALUES (n, i); COMMIT; \
               IF i % 50 = 0 THEN INSERT INTO \"TRIAL_RUN\" (trial_id, status, start_time, update_time) VALUES (1000, 'started', now(), now()); COMMIT; END IF; \
             END LOOP; END $$",
            stop.display()
        );
        let client = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                USER,
                "-d",
                DATABASE,
                "-p",
                &server.port.to_string(),
                "-h",
            ])
            .arg(&server.folder)
            .env("PGOPTIONS", format!("-c search_path={schema}"))
            .args(["-c", &round])
            .spawn()
            .expect("psql: run `sh tests/install-tools.sh test`");
        let since = Instant::now();
        while server.rows(schema, "SELECT id FROM written LIMIT 1").is_empty() {
            assert!(since.elapsed() < Duration::from_secs(60), "the tracker does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        Tracker { client, stop }
    }

    /// Every row that it wrote is there, and no insert failed.
    fn end(mut self, server: &Postgres, schema: &str) -> String {
        std::fs::write(&self.stop, "").expect("a file");
        assert!(self.client.wait().expect("psql ends").success(), "an insert of the tracker failed");
        let counted = "SELECT count(*), count(m.id), count(*) FILTER (WHERE m.total_val = w.value) FROM written w LEFT JOIN METRIC m ON m.id = w.id AND m.type = 'live'";
        let counts = server.rows(schema, counted).remove(0);
        assert!(counts.iter().all(|count| *count == counts[0]), "written, there, the same: {counts:?}");
        counts[0].clone()
    }
}

fn twenty(metrics: u32, times: usize, sequence: &str) {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let path = with_metrics(&folder, metrics);
    let source = support::open(&path);
    let document = done(source.export_to_string(1, Default::default()));
    let (schema, target) = created(&server);
    for table in ["METRIC", "TRIAL_RUN"] {
        if !sequence.is_empty() {
            server.execute(&schema, &format!("ALTER TABLE {table} ALTER COLUMN id SET {sequence}"));
        }
    }
    let tracker = Tracker::start(&server, &schema);
    for at in 0..times {
        match at % 3 {
            2 => drop(done(target.import_from_string(document.as_bytes(), ImportOptions::default()))),
            _ => drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()))),
        }
    }
    let written = tracker.end(&server, &schema);
    eprintln!("{times} jobs of {metrics} metrics beside {written} of a tracker, {sequence:?}");
    let copies = server.rows(
        &schema,
        "SELECT count(*), count(DISTINCT metric_id) FROM EPOCH_METRIC l JOIN METRIC m ON m.id = l.metric_id WHERE m.type = 'loss'",
    );
    let all = format!("Integer({})", metrics as usize * times);
    assert_eq!(copies, [[all.clone(), all]]);
    // Every copy is whole.
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    for one in done(target.list_experiments()).iter().filter(|one| one.id != 1000) {
        assert_eq!(done(target.experiment_digest(one.id, JobOptions::default())), digest);
    }
}

#[test]
fn no_job_fails_and_nothing_is_lost_beside_a_tracker_that_writes_as_fast_as_it_can() {
    twenty(1500, 4, "");
    twenty(700, 2, "INCREMENT BY 3 SET CACHE 20");
}

#[test]
#[ignore = "takes minutes: make large"]
fn twenty_of_twenty_jobs_of_150000_metrics_succeed_beside_a_tracker() {
    twenty(150_000, 20, "");
    twenty(150_000, 20, "INCREMENT BY 10 SET CACHE 5");
}

#[test]
fn a_sequence_that_belongs_to_no_column_numbers_the_copies_too() {
    let server = Postgres::shared();
    let (schema, target) = created(server);
    server.execute(
        &schema,
        "ALTER TABLE METRIC ALTER COLUMN id DROP IDENTITY;
         CREATE SEQUENCE apart START 500;
         ALTER TABLE METRIC ALTER COLUMN id SET DEFAULT nextval('apart')",
    );
    let folder = Folder::new();
    let source = support::open(&with_metrics(&folder, 30));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('live', 1)");
    assert_eq!(server.rows(&schema, "SELECT min(id), max(id) FROM METRIC"), [["Integer(500)", "Integer(530)"]]);
}

/// What hangs on a row that a job deletes, and is added by somebody else while the job is at work, is never left leading nowhere.
#[test]
fn a_row_that_somebody_adds_meanwhile_keeps_what_it_refers_to() {
    for deferrable in ["", " DEFERRABLE"] {
        let server = Postgres::start(&[]);
        let (schema, target) = created(&server);
        let folder = Folder::new();
        let source = support::open(&folder.digits("digits.db"));
        done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
        let other = server.schema();
        server.execute(&schema, &format!("CREATE TABLE {other}.mine (trial bigint REFERENCES TRIAL (id){deferrable})"));
        let snapshots = folder.path("snapshots");
        let manager = with_snapshots(&server.url(&schema), &snapshots);
        let taken = done(manager.create_snapshot("", SnapshotOptions::default()));
        done(source.migrate_experiment(2, Some(&target), MigrateOptions::default()));
        let before = server.dump(&schema);
        // The trial goes with the restore.
        let mut holding = server.holding(&schema, &format!("INSERT INTO {other}.mine SELECT max(id) FROM TRIAL"));
        let (sent, answer) = mpsc::channel();
        let url = server.url(&schema);
        let restoring = std::thread::spawn(move || {
            let manager = with_snapshots(&url, &snapshots);
            let restored = manager
                .restore_snapshot(&taken, RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() })
                .map(drop);
            sent.send(()).expect("somebody waits");
            restored
        });
        // It waits for the other, or has failed by now; both are sound.
        let _either = answer.recv_timeout(Duration::from_secs(2));
        holding.end();
        let error = restoring.join().expect("a thread").unwrap_err();
        assert!(matches!(error.status(), Status::Constraint | Status::Busy), "{deferrable}: {}", error.to_json());
        assert!(server.dump(&schema) == before, "{deferrable}");
        let leads = format!("SELECT count(*) FROM {other}.mine JOIN TRIAL ON id = trial");
        assert_eq!(server.rows(&schema, &leads), [["Integer(1)"]]);
    }
}

/// Keys that cannot wait are dropped, which keeps readers away: what is kept of the old content was read before.
#[test]
fn a_schema_whose_keys_cannot_wait_is_restored_and_what_it_had_is_kept_first() {
    let server = Postgres::start(&[]);
    let (schema, target) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.small("small.db", ""));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    server.execute(
        &schema,
        "DO $$ DECLARE k record; BEGIN
           FOR k IN SELECT conrelid::regclass AS child, conname, pg_get_constraintdef(oid) AS def FROM pg_constraint
               WHERE contype = 'f' AND connamespace = current_schema()::regnamespace LOOP
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', k.child, k.conname, k.conname, replace(k.def, ' DEFERRABLE', ''));
           END LOOP; END $$",
    );
    let deferrable =
        "SELECT count(*) FROM pg_constraint WHERE condeferrable AND connamespace = current_schema()::regnamespace";
    assert_eq!(server.rows(&schema, deferrable), [["Integer(0)"]]);
    let manager = with_snapshots(&server.url(&schema), &folder.path("snapshots"));
    let (first, taken) = (server.dump(&schema), done(manager.create_snapshot("", SnapshotOptions::default())));
    done(source.migrate_experiment(2, Some(&target), MigrateOptions::default()));
    let second = server.dump(&schema);
    let restored = done(manager.restore_snapshot(&taken, RestoreOptions::default()));
    assert!(server.dump(&schema) == first);
    let kept = restored.safety_snapshot_id.expect("a snapshot of what was there");
    // Whoever changes a row meanwhile has the restore fail, or waits for it.
    let mut holding = server.holding(&schema, "UPDATE METRIC SET total_val = 7");
    let error = manager.restore_snapshot(&kept, RestoreOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Busy, "{}", error.to_json());
    holding.end();
    done(manager.restore_snapshot(&kept, RestoreOptions::default()));
    assert!(server.dump(&schema) == second);
}

fn with_snapshots(url: &str, folder: &std::path::Path) -> Manager {
    let database = done(expmig::Database::open(url, expmig::OpenOptions::default()));
    let options = expmig::ManagerOptions { snapshot_dir: Some(folder.to_owned()), ..Default::default() };
    Manager::new(database, options)
}

/// What the sequence of the metrics gives, one after another, in a client of its own: it ends with the first that is not above all before it.
fn counter(server: &Postgres, schema: &str, at_once: u32) -> Child {
    let round = format!(
        "DO $$ DECLARE last bigint := 0; low bigint; high bigint; BEGIN \
         WHILE pg_stat_file('{}', true) IS NULL LOOP \
           SELECT min(n), max(n) INTO low, high FROM (SELECT nextval(pg_get_serial_sequence('{schema}.\"METRIC\"', 'id')) AS n FROM generate_series(1, {at_once})) AS t; \
           COMMIT; \
           IF low <= last THEN RAISE 'given twice: % after %', low, last; END IF; last := high; \
         END LOOP; END $$",
        server.folder.join("stop").display()
    );
    Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", DATABASE, "-p", &server.port.to_string(), "-h"])
        .arg(&server.folder)
        .args(["-c", &round])
        .spawn()
        .expect("psql: run `sh tests/install-tools.sh test`")
}

/// However long the server stops in the middle of anything, and however many numbers others take meanwhile, nobody is given one twice.
#[test]
fn a_sequence_only_ever_goes_on_however_long_a_session_of_the_server_stands_still() {
    let server = Postgres::start(&[]);
    let folder = Folder::new();
    let source = support::open(&with_metrics(&folder, 3000));
    let (schema, target) = created(&server);
    let counting: Vec<Child> = [1, 20_000].into_iter().map(|at_once| counter(&server, &schema, at_once)).collect();
    let stop = server.folder.join("stop");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            let mut random = crate::support::random::Random::new(crate::support::random::seed_or(1));
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'expmig'";
                for row in server.rows(&schema, pids) {
                    let pid = row[0].trim_start_matches("Integer(").trim_end_matches(')').to_owned();
                    let signal = |name: &str| {
                        // It may be gone.
                        let _sent =
                            Command::new("kill").args([name, &pid]).stderr(std::process::Stdio::null()).status();
                    };
                    signal("-STOP");
                    std::thread::sleep(Duration::from_millis(random.below(20) as u64));
                    signal("-CONT");
                }
            }
        });
        for _ in 0..6 {
            // Others are so fast that there may be none in a row: then nothing is done, and that is said.
            match source.migrate_experiment(1, Some(&target), MigrateOptions::default()) {
                Ok(copied) => assert_eq!(copied.source_digest, copied.target_digest),
                Err(error) => assert_eq!(error.status(), Status::Busy, "{}", error.to_json()),
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        stopping.join().expect("a thread");
    });
    std::fs::write(&stop, "").expect("a file");
    for mut client in counting {
        assert!(client.wait().expect("psql ends").success(), "a number was given twice");
    }
}

#[test]
fn whoever_has_used_a_sequence_in_an_open_transaction_keeps_nobody_waiting() {
    let server = Postgres::shared();
    let folder = Folder::new();
    let source = support::open(&with_metrics(&folder, 1500));
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    for step in ["", "INCREMENT BY 7"] {
        let (schema, target) = created(server);
        if !step.is_empty() {
            server.execute(&schema, &format!("ALTER TABLE METRIC ALTER COLUMN id SET {step}"));
        }
        let mut holding = server.holding(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('open', 1)");
        let copied = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
        assert_eq!(copied.target_digest, Some(digest));
        holding.end();
        server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('next', 1)");
        assert_eq!(server.rows(&schema, "SELECT count(*) FROM METRIC"), [["Integer(1502)"]]);
    }
}

/// More than are taken one by one: the sequence is held for a moment, by who owns it.
#[test]
fn many_ids_are_reserved_at_once_by_the_owner_and_one_by_one_by_others() {
    let server = Postgres::shared();
    let (schema, _) = created(server);
    let user = format!("{schema}_limited");
    server.psql(
        "postgres",
        DATABASE,
        &format!(
            "CREATE ROLE {user} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA {schema} TO {user}; \
             GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"
        ),
    );
    let folder = Folder::new();
    let path = folder.small("few.db", "");
    // Rows whose ids are far beyond what the sequence has given.
    let source = support::open(&path);
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    let mut highest = 0;
    for (url, far) in [
        (server.url(&schema), 20_000_000_i64),
        (server.url_as(&user, "p", &schema), 20_100_000),
        (server.url(&schema), 9_000_000_000_000_000),
    ] {
        server.execute(&schema, &format!("INSERT INTO METRIC (id, type, total_val) VALUES ({far}, 'far', 1)"));
        let target = done(super::open(&url, None, false));
        let copied = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
        assert_eq!(copied.target_digest, Some(digest));
        server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('next', 1)");
        let now = server.rows(&schema, "SELECT max(id), count(*) FROM METRIC WHERE type = 'next'").remove(0);
        let id: i64 = now[0].trim_start_matches("Integer(").trim_end_matches(')').parse().expect("a number");
        assert!(id > far && id > highest && id < far + 100, "{now:?} beyond {far}");
        highest = id;
    }
    // Who does not own it cannot go that far.
    server.execute(&schema, "INSERT INTO METRIC (id, type, total_val) VALUES (9100000000000000, 'far', 1)");
    let before = server.dump(&schema);
    let target = done(super::open(&server.url_as(&user, "p", &schema), None, false));
    let error = source.migrate_experiment(1, Some(&target), MigrateOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Busy, "{}", error.to_json());
    assert!(error.to_json().to_string().contains("owner of the sequence"), "{}", error.to_json());
    assert!(server.dump(&schema) == before);
}
