//! Stopping a job while the server is busy with one statement of it: the server is asked to end that, and everything goes on.

use std::time::{Duration, Instant};

use expmig::{CancelToken, JobOptions, Manager, MigrateOptions, OpenOptions, Status};

use super::{created, done};
use crate::support::postgres::Postgres;
use crate::support::{self, Folder};

/// Far longer than any test: what is not stopped shows.
const LONG: Duration = Duration::from_secs(600);

/// Triggers the token when a connection of expmig waits like this on the server; how long the job took to end after that.
fn stopped(
    server: &Postgres,
    schema: &str,
    wait: &str,
    job: impl FnOnce(CancelToken) -> expmig::Result<()>,
) -> (expmig::Error, Duration) {
    let token = CancelToken::new();
    let waiting =
        format!("SELECT 1 FROM pg_stat_activity WHERE application_name = 'expmig' AND wait_event_type = '{wait}'");
    let (error, triggered) = std::thread::scope(|scope| {
        let trigger = token.clone();
        let watching = scope.spawn(move || {
            let since = Instant::now();
            while server.rows(schema, &waiting).is_empty() {
                assert!(since.elapsed() < LONG / 4, "the server was never busy");
                std::thread::sleep(Duration::from_millis(20));
            }
            let now = Instant::now();
            trigger.trigger();
            now
        });
        let error = job(token.clone()).unwrap_err();
        (error, watching.join().expect("a thread"))
    });
    let took = triggered.elapsed();
    eprintln!("{wait}: ended {took:?} after it was asked to");
    assert_eq!(error.status(), Status::Cancelled, "{}", error.to_json());
    // Not by the connection's end alone: the server does nothing any more.
    assert!(
        server
            .rows(
                schema,
                &format!(
                    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'expmig' AND wait_event_type = '{wait}'"
                )
            )
            .is_empty()
    );
    assert!(took < LONG / 4, "it was not stopped");
    (error, took)
}

#[test]
fn a_statement_that_writes_is_ended_and_the_target_is_as_before() {
    let server = Postgres::start(&[]);
    let (schema, target) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    server.execute(
        &schema,
        "CREATE TABLE slow (yes bool); CREATE TRIGGER sleeps BEFORE INSERT ON METRIC FOR EACH ROW DO IF EXISTS (SELECT 1 FROM slow) THEN PERFORM pg_sleep(600); END IF END DO; \
         INSERT INTO slow VALUES (true)",
    );
    let before = server.dump(&schema);
    stopped(&server, &schema, "Timeout", |cancel| {
        let options = MigrateOptions { cancel: Some(cancel), ..MigrateOptions::default() };
        source.migrate_experiment(2, Some(&target), options).map(drop)
    });
    assert!(server.dump(&schema) == before);
    // The handle goes on, and holds no lock.
    server.execute(&schema, "DROP TRIGGER sleeps;\nDROP TABLE slow");
    let copied = done(source.migrate_experiment(2, Some(&target), MigrateOptions::default()));
    assert_eq!(copied.source_digest, copied.target_digest);
}

#[test]
fn a_wait_for_a_lock_is_ended_in_reading_and_in_writing() {
    let server = Postgres::start(&[]);
    let (schema, target) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    let digest = done(target.experiment_digest(1, JobOptions::default()));
    let patient = OpenOptions { busy_timeout: LONG, ..OpenOptions::default() };
    let patient = Manager::from(done(expmig::Database::open(&server.url(&schema), patient)));
    done(patient.experiment_digest(1, JobOptions::default()));
    let before = server.dump(&schema);
    for write in [false, true] {
        let mode = if write { "SHARE" } else { "ACCESS EXCLUSIVE" };
        let mut holding = server.holding(&schema, &format!("LOCK TABLE METRIC IN {mode} MODE"));
        stopped(&server, &schema, "Lock", |cancel| {
            if write {
                let options = MigrateOptions { cancel: Some(cancel), ..MigrateOptions::default() };
                return source.migrate_experiment(2, Some(&patient), options).map(drop);
            }
            patient.experiment_digest(1, JobOptions { cancel: Some(cancel), ..JobOptions::default() }).map(drop)
        });
        holding.end();
        assert!(server.dump(&schema) == before);
        assert_eq!(done(patient.experiment_digest(1, JobOptions::default())), digest);
    }
}
