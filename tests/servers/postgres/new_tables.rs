//! Tables that were just made are filled without their foreign keys, which come back with the commit: nobody sees them without, whatever happens,
//! and nobody who is at work there already is waited for. `EXPMIG_FAULTS` says how many random moments there are (6), `EXPMIG_TEST_SEED` which (1).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expmig::{JobOptions, MigrateOptions, Status};

use super::{created, done, open};
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::random::{Random, seed_or};
use crate::support::server::USER;
use crate::support::{self, Folder};

/// The foreign keys of a schema, or the numbers that the server has for them.
fn keys(server: &Postgres, schema: &str, columns: &str) -> Vec<Vec<String>> {
    let keys = "FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY";
    server.rows(schema, &format!("SELECT {columns} {keys} {columns}"))
}

const DECLARED: &str = "conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), convalidated";
const NUMBERS: &str = "oid::text";

/// Copies digits' first experiment; whether the keys were gone meanwhile. They are there again, and hold.
fn keys_were_gone(server: &Postgres, schema: &str, copy: impl FnOnce()) -> bool {
    let (declared, numbers) = (keys(server, schema, DECLARED), keys(server, schema, NUMBERS));
    assert!(declared.len() > 10, "{declared:?}");
    copy();
    assert_eq!(keys(server, schema, DECLARED), declared);
    let leads_nowhere =
        "INSERT INTO \"TRIAL\" (name, experiment_id, start_time, update_time) VALUES ('x', 999, now(), now())";
    server.execute(
        schema,
        &format!("DO $$ BEGIN {leads_nowhere}; RAISE 'taken'; EXCEPTION WHEN foreign_key_violation THEN NULL; END $$"),
    );
    let now = keys(server, schema, NUMBERS);
    let same = numbers.iter().filter(|number| now.contains(number)).count();
    assert!(same == 0 || same == numbers.len(), "{same} of {}", numbers.len());
    same == 0
}

#[test]
fn keys_of_tables_that_were_just_made_come_back_with_the_commit_and_stay_afterwards() {
    let server = Postgres::shared();
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    let (schema, target) = created(server);
    let copy = || {
        let copied = done(source.migrate_experiment(1, Some(&target), MigrateOptions::default()));
        assert_eq!(copied.target_digest, Some(digest));
    };
    assert!(keys_were_gone(server, &schema, copy), "the first copy");
    assert!(!keys_were_gone(server, &schema, copy), "a later copy");
    // Whoever finds the tables does not know who reads them.
    let (schema, made) = created(server);
    drop(made);
    let target = done(open(&server.url(&schema), None, true));
    let copy = || drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())));
    assert!(!keys_were_gone(server, &schema, copy), "tables of another handle");
}

#[test]
fn whoever_has_one_of_the_tables_open_or_has_written_keeps_the_keys() {
    let server = Postgres::shared();
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let (schema, target) = created(server);
    let mut reader = server.holding(&schema, "SELECT count(*) FROM METRIC");
    let copy = || drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())));
    assert!(!keys_were_gone(server, &schema, copy), "beside a reader");
    reader.end();

    let (schema, target) = created(server);
    server.execute(&schema, "INSERT INTO METRIC (type, total_val) VALUES ('live', 1)");
    let copy = || drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())));
    assert!(!keys_were_gone(server, &schema, copy), "beside a row");
    assert_eq!(server.rows(&schema, "SELECT count(*) FROM METRIC WHERE type = 'live'"), [["Integer(1)"]]);
}

/// Ends the server as a power cut would.
fn end(folder: &Path) {
    let pid = std::fs::read_to_string(folder.join("server.pid")).expect("the pid of the server");
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().expect("kill").success());
    while Path::new(&format!("/proc/{}/fd/0", pid.trim())).exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn whenever_the_line_breaks_the_keys_are_there() {
    let server = Postgres::start(&[]);
    let proxy = Proxy::start(&server.folder.join(format!(".s.PGSQL.{}", server.port)));
    let url = |schema: &str| {
        format!("postgresql://{USER}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable", proxy.port)
    };
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let digest = done(source.experiment_digest(1, JobOptions::default()));
    let schema = server.schema();
    let target = done(open(&url(&schema), None, true));
    proxy.count();
    drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())));
    let passes = [Way::ToServer, Way::ToClient].map(|way| proxy.passed(way));
    let mut random = Random::new(seed_or(1));
    let faults = std::env::var("EXPMIG_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let mut moments = vec![Moment::BeforeCommit, Moment::AfterCommit, Moment::Committed];
    for at in 0..faults {
        let way = if at % 2 == 0 { Way::ToServer } else { Way::ToClient };
        moments.push(Moment::Bytes(way, random.below(usize::try_from(passes[way as usize]).expect("a length")) as u64));
    }
    for moment in moments {
        let schema = server.schema();
        let target = done(open(&url(&schema), None, true));
        let before = server.dump(&schema);
        let declared = keys(&server, &schema, DECLARED);
        proxy.plan(moment, Fault::Cut);
        let copied = source.migrate_experiment(1, Some(&target), MigrateOptions::default());
        proxy.heal();
        assert_eq!(keys(&server, &schema, DECLARED), declared, "{moment:?}");
        let there = server.dump(&schema);
        match copied {
            Ok(copied) => assert_eq!(copied.target_digest, Some(digest), "{moment:?}"),
            Err(error) => {
                let line = matches!(error.status(), Status::Connection | Status::Timeout);
                assert!(line, "{moment:?}: {}", error.to_json());
                assert!(there == before || error.is_undecided(), "{moment:?}: {}", error.to_json());
            }
        }
        if there != before {
            assert_eq!(done(target.experiment_digest(1, JobOptions::default())), digest, "{moment:?}");
        }
    }
}

#[test]
fn a_server_that_dies_before_the_commit_has_the_keys_when_it_is_back() {
    let mut server = Postgres::start(&[]);
    let proxy = Proxy::start(&server.folder.join(format!(".s.PGSQL.{}", server.port)));
    let schema = server.schema();
    let url = format!("postgresql://{USER}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable", proxy.port);
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let target = done(open(&url, None, true));
    let before = server.dump(&schema);
    let at = server.folder.clone();
    proxy.plan(Moment::BeforeCommit, Fault::Do(Box::new(move || end(&at))));
    let error = source.migrate_experiment(1, Some(&target), MigrateOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{}", error.to_json());
    server.restart(&[]);
    assert!(server.dump(&schema) == before);
    let target = done(open(&server.url(&schema), None, false));
    drop(done(source.migrate_experiment(1, Some(&target), MigrateOptions::default())));
}
