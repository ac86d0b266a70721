//! Migrations in several transactions on clusters: beyond what one transaction may be, beside clients of other nodes, and with nodes and programs
//! that die.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use expmig::{Database, Error, JobOptions, JobState, Manager, MigrateOptions, OpenOptions, Status};
use mysql::prelude::Queryable;
use serde_json::json;

use crate::clusters::Other;
use crate::support::cluster::Cluster;
use crate::support::random::{Random, seed_or};
use crate::support::server::Server;
use crate::support::{Folder, child};

/// More than this a node does not take in one transaction.
const LIMIT: u64 = 250_000;

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn open(url: &str) -> Result<Manager, Error> {
    Database::open(url, OpenOptions::default()).map(Manager::from)
}

fn staged() -> MigrateOptions {
    MigrateOptions { staged: true, ..MigrateOptions::default() }
}

fn schema(node: &Server) -> String {
    let name = node.schema();
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    drop(done(Database::open(&node.url(&name), options)));
    name
}

/// The metrics of the other client that are there.
fn of_the_other(node: &Server, schema: &str) -> Vec<u64> {
    let mut client = node.connect(schema);
    client.query_drop("SET SESSION wsrep_sync_wait = 7").expect("a setting");
    client.query("SELECT id FROM METRIC WHERE type = 'other'").expect("the metrics")
}

#[test]
fn what_one_transaction_cannot_hold_goes_in_several_beside_clients_of_other_nodes() {
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let wanted = done(source.experiment_digest(1, JobOptions::default()));
    let galera = Cluster::galera(2, &[]).map(|cluster| (cluster, "wsrep_max_ws_size"));
    let group = Cluster::group(2, &[]).map(|cluster| (cluster, "group_replication_transaction_size_limit"));
    for (cluster, limit) in [galera, group].into_iter().flatten() {
        let nodes = &cluster.nodes;
        let schema = schema(&nodes[0]);
        let target = done(open(&nodes[0].url(&schema)));
        done(source.migrate_experiment(2, Some(&target), MigrateOptions::default()));
        drop(target);
        cluster.set(&format!("{limit} = {LIMIT}"));
        let target = done(open(&nodes[0].url(&schema)));
        let refused = source.migrate_experiment(1, Some(&target), MigrateOptions::default()).unwrap_err();
        assert_eq!(refused.status(), Status::Limit, "{}", refused.to_json());
        let writes_elsewhere = limit.starts_with("wsrep");
        let other = Other::start(&nodes[usize::from(writes_elsewhere)], &schema);
        let copy = done(source.migrate_experiment(1, Some(&target), staged()));
        let written = other.stop();
        let reader = done(open(&nodes[1].url(&schema)));
        assert_eq!(done(reader.experiment_digest(copy.new_experiment_id, JobOptions::default())), wanted);
        assert_eq!(done(reader.jobs())[0].state, JobState::Published);
        if writes_elsewhere {
            let found = of_the_other(&nodes[0], &schema);
            assert!(written.iter().all(|id| found.contains(id)) && found.len() == written.len());
        }
    }
}

#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let text = |name: &str| input[name].as_str().expect("a text").to_owned();
    let source = done(open(&text("source")));
    let result = match open(&text("target")) {
        Ok(target) => match input["job"].as_i64() {
            Some(job) => source.resume_job(job, Some(&target), JobOptions::default()).map(drop),
            None => source.migrate_experiment(1, Some(&target), staged()).map(drop),
        },
        Err(error) => Err(error),
    };
    child::say(&json!({"error": result.err().map(|error| error.to_json())}));
}

/// A program that copies, or goes on with a job.
fn copying(source: &str, target: &str, job: Option<i64>) -> Child {
    let mut command = child::command("copy", &json!({"source": source, "target": target, "job": job}));
    command.stdout(Stdio::null()).spawn().expect("a program")
}

/// What dies, and how.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The program that copies.
    Program,
    /// The node that it writes to.
    Node,
    /// The lines between that node and the others.
    Line,
}

/// Dies `moments` times at random, in one of these ways.
fn survive(moments: usize, faults: &[Fault]) {
    let Some(mut cluster) = Cluster::galera(3, &[]) else { return };
    let seed = seed_or(1);
    let mut random = Random::new(seed);
    let folder = Folder::new();
    let path = folder.digits("a.db");
    let source = crate::support::open(&path);
    let wanted = done(source.experiment_digest(1, JobOptions::default()));
    let schema = schema(&cluster.nodes[0]);
    cluster.set(&format!("wsrep_max_ws_size = {LIMIT}"));
    let other = Other::start(&cluster.nodes[2], &schema);
    let usual = {
        let target = done(open(&cluster.nodes[1].url(&schema)));
        let since = Instant::now();
        done(source.migrate_experiment(1, Some(&target), staged()));
        since.elapsed()
    };
    let (mut copies, mut went_on, mut removed) = (1, 0, 0);
    for moment in 0..moments {
        let fault = *random.pick(faults);
        let said = format!("seed {seed}, moment {moment}, {fault:?}");
        let mut program = copying(path.to_str().expect("a path"), &cluster.nodes[0].url(&schema), None);
        std::thread::sleep(usual.mul_f64(random.below(1200) as f64 / 1000.0));
        match fault {
            Fault::Program => program.kill().expect("a program"),
            Fault::Node => cluster.kill(0),
            Fault::Line => cluster.cut(0),
        }
        program.wait().expect("a program");
        match fault {
            Fault::Program => {}
            Fault::Node => cluster.rejoin(0),
            Fault::Line => cluster.join_again(0),
        }
        // From another node than the one that was written to.
        let target = patiently(&said, || open(&cluster.nodes[1].url(&schema)));
        let open_jobs: Vec<_> =
            patiently(&said, || target.jobs()).into_iter().filter(|job| job.state != JobState::Published).collect();
        looks_right(&target, &wanted, &open_jobs, &said);
        for job in open_jobs {
            if random.percent(70) {
                let result = patiently(&said, || source.resume_job(job.id, Some(&target), JobOptions::default()));
                assert_eq!(result.new_experiment_id, job.document.experiment, "{said}");
                went_on += 1;
            } else {
                patiently(&said, || target.abandon_job(job.id, JobOptions::default()));
                removed += 1;
            }
        }
        let published = patiently(&said, || target.jobs()).len();
        assert!(published == copies || published == copies + 1, "{said}: {published} jobs, {copies} before");
        copies = published;
        looks_right(&target, &wanted, &[], &said);
        assert_eq!(done(target.list_experiments()).len(), copies, "{said}");
    }
    let written = other.stop();
    let found = of_the_other(&cluster.nodes[1], &schema);
    assert!(written.iter().all(|id| found.contains(id)), "seed {seed}");
    println!("{moments} moments: {copies} copies, {went_on} jobs resumed, {removed} abandoned");
}

/// As often as the cluster says that it may pass.
fn patiently<T>(said: &str, mut act: impl FnMut() -> Result<T, Error>) -> T {
    let since = Instant::now();
    loop {
        match act() {
            Ok(value) => return value,
            Err(error) => {
                assert!(error.retryable() && since.elapsed() < Duration::from_secs(120), "{said}: {}", error.to_json());
                std::thread::sleep(Duration::from_millis(300));
            }
        }
    }
}

/// Every experiment is whole, or says that it is not.
fn looks_right(target: &Manager, wanted: &[u8; 32], unfinished: &[expmig::StagedJob], said: &str) {
    for experiment in patiently(said, || target.list_experiments()) {
        let title = experiment.title.unwrap_or_default();
        let is_unfinished = unfinished.iter().any(|job| job.document.experiment == experiment.id);
        assert_eq!(title.starts_with("[being copied by job "), is_unfinished, "{said}: {title}");
        if !is_unfinished {
            let digest = patiently(said, || target.experiment_digest(experiment.id, JobOptions::default()));
            assert_eq!(digest, *wanted, "{said}: experiment {}", experiment.id);
        }
    }
}

#[test]
fn a_program_that_dies_leaves_a_job_that_another_goes_on_with() {
    survive(4, &[Fault::Program]);
}

#[test]
#[ignore = "takes minutes: programs and nodes that die at 60 moments (EXPMIG_MOMENTS)"]
fn nodes_and_programs_that_die_at_sixty_moments_leave_no_half_and_no_second_copy() {
    let moments = std::env::var("EXPMIG_MOMENTS").ok().and_then(|moments| moments.parse().ok()).unwrap_or(60);
    survive(moments, &[Fault::Program, Fault::Node, Fault::Line]);
}
