//! What is true when the line breaks or the server dies. The moments are random, from a seed; `EXPMIG_FAULTS` says how many there are (6) and
//! `EXPMIG_TEST_SEED` which (1).

use expmig::{JobOptions, Manager, MigrateOptions, OnDuplicate, Status};

use super::open;
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::random::{Random, seed_or};
use crate::support::server::USER;
use crate::support::{self, Folder};

#[test]
fn every_answer_is_true_whenever_the_line_breaks() {
    let server = Postgres::start(&[]);
    let proxy = Proxy::start(&server.folder.join(format!(".s.PGSQL.{}", server.port)));
    let schema = server.schema();
    let url = format!("postgresql://{USER}@127.0.0.1:{}/{DATABASE}?schema={schema}&sslmode=disable", proxy.port);
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let digest = source.experiment_digest(1, JobOptions::default()).expect("a digest");
    let migrate = |target: &Manager, on_duplicate| {
        let options = MigrateOptions { on_duplicate, ..MigrateOptions::default() };
        source.migrate_experiment(1, Some(target), options)
    };
    let target = open(&url, None, true).expect("a schema");
    proxy.count();
    let first = migrate(&target, OnDuplicate::Copy).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(target.experiment_digest(first.new_experiment_id, JobOptions::default()).expect("a digest"), digest);
    let passes = [Way::ToServer, Way::ToClient].map(|way| proxy.passed(way));
    let mut random = Random::new(seed_or(1));
    let faults = std::env::var("EXPMIG_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    let mut moments = vec![Moment::BeforeCommit, Moment::AfterCommit, Moment::Committed];
    for at in 0..faults {
        let way = if at % 2 == 0 { Way::ToServer } else { Way::ToClient };
        moments.push(Moment::Bytes(way, random.below(usize::try_from(passes[way as usize]).expect("a length")) as u64));
    }
    for moment in moments {
        let before = server.dump(&schema);
        let target = open(&url, None, false).expect("the schema");
        proxy.plan(moment, Fault::Cut);
        let done = migrate(&target, OnDuplicate::Copy);
        proxy.heal();
        let there = server.dump(&schema);
        match done {
            Ok(done) => {
                let new = target.experiment_digest(done.new_experiment_id, JobOptions::default()).expect("a digest");
                assert_eq!(new, digest, "{moment:?}");
            }
            Err(error) => {
                assert!(
                    matches!(error.status(), Status::Connection | Status::Timeout),
                    "{moment:?}: {}",
                    error.to_json()
                );
                if !error.is_undecided() {
                    assert!(there == before, "{moment:?}: {}", error.to_json());
                } else if there != before {
                    let ids: Vec<i64> = target.list_experiments().expect("a list").iter().map(|one| one.id).collect();
                    let last = ids.iter().max().copied().expect("an experiment");
                    assert_eq!(target.experiment_digest(last, JobOptions::default()).expect("a digest"), digest);
                }
            }
        }
        // No lock is left, and the handle goes on.
        let again =
            migrate(&target, OnDuplicate::Skip).unwrap_or_else(|error| panic!("{moment:?}: {}", error.to_json()));
        assert!(again.skipped, "{moment:?}");
    }
}

#[test]
fn a_server_that_dies_loses_nothing_that_was_said_to_be_done() {
    let mut server = Postgres::start(&[]);
    let schema = server.schema();
    let folder = Folder::new();
    let source = support::open(&folder.digits("digits.db"));
    let target = open(&server.url(&schema), None, true).expect("a schema");
    source.migrate_experiment(1, Some(&target), MigrateOptions::default()).expect("a copy");
    let before = server.dump(&schema);
    server.kill();
    let error = source.migrate_experiment(2, Some(&target), MigrateOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{}", error.to_json());
    server.restart(&[]);
    assert!(server.dump(&schema) == before);
    let target = open(&server.url(&schema), None, false).expect("the schema");
    source.migrate_experiment(2, Some(&target), MigrateOptions::default()).expect("a copy");
}
