//! Settings that an account is given and that would change what is read, or end a session: every session of expmig has values of its own.

use std::time::Duration;

use expmig::{Database, JobOptions, Manager, ManagerOptions, MigrateOptions, OnDuplicate, OpenOptions, Status};

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::USER;
use crate::support::{self, Folder};

fn copy() -> MigrateOptions {
    MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() }
}

/// A server whose account is given a setting.
fn told(setting: &str) -> Postgres {
    let server = Postgres::start(&[]);
    server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET {setting}"));
    server
}

/// The default of a serial column says that, in quotes or not: a copy gets numbers of its own.
#[test]
fn a_column_that_numbers_rows_is_known_whether_names_are_quoted_or_not() {
    let server = told("quote_all_identifiers = on");
    let (schema, target) = created(&server);
    server.execute(&schema, "ALTER TABLE TRIAL ADD COLUMN nr serial UNIQUE");
    let folder = Folder::new();
    let source = support::open(&folder.small("small.db", ""));
    done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    let copied = done(target.migrate_experiment(1, None, copy()));
    assert_eq!(copied.expected_digest, copied.target_digest);
    assert_eq!(server.rows(&schema, "SELECT count(DISTINCT nr) = count(*) FROM TRIAL"), [["Integer(1)"]]);
}

/// An index may be told to find some rows of many alone, whichever it likes.
#[test]
fn an_index_finds_every_row() {
    let server = told("gin_fuzzy_search_limit = 2");
    if server.rows("public", "SELECT 1 FROM pg_available_extensions WHERE name = 'btree_gin'").is_empty() {
        // A build of the server alone.
        return;
    }
    let (schema, target) = created(&server);
    let folder = Folder::new();
    let copied = done(support::open(&folder.digits("digits.db")).migrate_experiment(
        1,
        Some(&target),
        MigrateOptions::default(),
    ));
    server.execute(
        &schema,
        "CREATE EXTENSION btree_gin SCHEMA public; CREATE INDEX ON EPOCH_METRIC USING gin (epoch_trial_run_id); \
         CREATE INDEX ON METRIC USING gin (id); ANALYZE",
    );
    for way in ["enable_seqscan", "enable_indexscan"] {
        server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET {way} = off"));
    }
    let there = done(open(&server.url(&schema), None, false));
    assert_eq!(Some(done(there.experiment_digest(1, JobOptions::default()))), copied.source_digest);
}

/// A job takes longer than an account may, and waits for longer.
#[test]
fn a_job_outlasts_the_limits_that_the_account_is_given() {
    let server = Postgres::start(&[]);
    let (schema, _) = created(&server);
    let folder = Folder::new();
    let source = support::open(&folder.small("small.db", ""));
    let target = done(open(&server.url(&schema), None, false));
    let digest = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())).target_digest;
    let mut holding = server.holding(&schema, "LOCK TABLE METRIC IN ACCESS EXCLUSIVE MODE");
    for (since, limit) in [
        (12, "statement_timeout"),
        (12, "idle_in_transaction_session_timeout"),
        (14, "idle_session_timeout"),
        (17, "transaction_timeout"),
    ] {
        if server.version() >= since {
            server.psql("postgres", DATABASE, &format!("ALTER ROLE {USER} SET {limit} = '3s'"));
        }
    }
    let options = OpenOptions { busy_timeout: Duration::from_secs(120), ..OpenOptions::default() };
    let database = done(Database::open(&server.url(&schema), options));
    let there = Manager::new(database, ManagerOptions::default());
    let waits = std::thread::spawn(move || {
        let found = there.experiment_digest(1, JobOptions::default());
        std::thread::sleep(Duration::from_secs(4));
        found.and_then(|found| Ok((found, there.experiment_digest(1, JobOptions::default())?)))
    });
    std::thread::sleep(Duration::from_secs(5));
    holding.end();
    let (first, second) = done(waits.join().expect("a thread"));
    assert_eq!((Some(first), Some(second)), (digest, digest));
}

/// What a column makes of a value is asked of the server, whose refusal is an answer and not the end.
#[test]
fn a_value_that_the_server_refuses_does_not_end_the_session() {
    let server = told("exit_on_error = on");
    let (schema, target) = created(&server);
    server.execute(&schema, "ALTER TABLE METRIC ADD COLUMN x integer[]");
    let folder = Folder::new();
    let path = folder.small("small.db", "ALTER TABLE METRIC ADD COLUMN x; UPDATE METRIC SET x = '1, 2' WHERE id = 31");
    let error = support::open(&path).migrate_experiment(1, Some(&target), MigrateOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
}

/// Amounts of money are written as the account's country does, unless it has none.
#[test]
fn an_amount_of_money_is_the_same_for_accounts_of_all_countries() {
    let server = Postgres::start(&[]);
    let (schema, target) = created(&server);
    let folder = Folder::new();
    done(support::open(&folder.small("small.db", "")).migrate_experiment(1, Some(&target), MigrateOptions::default()));
    server.execute(&schema, "ALTER TABLE METRIC ADD COLUMN price money; UPDATE METRIC SET price = 1234.5");
    let digest = done(target.experiment_digest(1, JobOptions::default()));
    for locale in ["en_US.utf8", "de_DE.utf8", "en_GB.utf8", "fr_FR.utf8"] {
        // Where the machine does not have it, the account is told nothing.
        let tell =
            format!("BEGIN ALTER ROLE {USER} SET lc_monetary = '{locale}'; EXCEPTION WHEN OTHERS THEN NULL; END");
        server.psql("postgres", DATABASE, &format!("DO $$ {tell} $$"));
        let there = done(open(&server.url(&schema), None, false));
        assert_eq!(done(there.experiment_digest(1, JobOptions::default())), digest, "{locale}");
    }
}
