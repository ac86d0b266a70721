//! Servers that die and lines that break at any moment: whatever was going on, the schema is as it was before or complete, no lock is
//! left, and what the call answers is true. The moments are random, from a seed; `EXPMIG_FAULTS` says how many there are for each job
//! (6) and `EXPMIG_TEST_SEED` which (1).

use crate::support;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::Folder;
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::random::{Random, seed_or};
use crate::support::server::{Kind, PASSWORD, SKIPPED, Server, USER, dump, escaped};
use expmig::database::Transaction;
use expmig::progress::Job as Progress;
use expmig::{
    Database, Domain, Error, ExportOptions, ImportOptions, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, OnDuplicate, OpenOptions, RestoreOptions, SnapshotOptions, Status, TransformOptions,
};
use mysql::Conn;
use mysql::prelude::Queryable;

type Dump = Vec<(String, Vec<Vec<String>>)>;

/// What is done to a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Migrate,
    Import,
    Restore,
    Transform,
}

const JOBS: [Job; 4] = [Job::Migrate, Job::Import, Job::Restore, Job::Transform];
const RULES: &str = r#"{"metric_transformations": [{"metric_type": "accuracy", "transformation": "scale", "params": {"factor": 2}}],
    "global_settings": {"backup_original": false}}"#;

/// What the jobs work with.
struct Source {
    _folder: Folder,
    manager: Manager,
    digest: [u8; 32],
    document: String,
    snapshot: String,
}

impl Source {
    fn new() -> Source {
        let folder = Folder::new();
        let manager = support::open(&folder.digits("digits.db"));
        let digest = manager.experiment_digest(1, JobOptions::default()).expect("a digest");
        let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
        let snapshot = manager.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
        Source { _folder: folder, manager, digest, document, snapshot }
    }

    fn run(&self, job: Job, target: &Manager, on_duplicate: OnDuplicate) -> Result<(), Error> {
        match job {
            Job::Migrate => {
                let options = MigrateOptions { on_duplicate, ..MigrateOptions::default() };
                self.manager.migrate_experiment(1, Some(target), options).map(drop)
            }
            Job::Import => {
                let options = ImportOptions { on_duplicate, ..ImportOptions::default() };
                target.import_from_string(self.document.as_bytes(), options).map(drop)
            }
            Job::Restore => {
                let options = RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
                target.restore_snapshot(&self.snapshot, options).map(drop)
            }
            Job::Transform => target
                .transform_metrics(&MetricSelection::default(), RULES, TransformOptions::default())
                .map(|done| assert!(done.updated > 50, "{}", done.to_json())),
        }
    }

    /// A schema with something in it: a small experiment, and for a transformation many metrics.
    fn schema(&self, server: &Server, job: Job) -> String {
        let name = server.schema();
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let manager = try_open(&server.url(&name), options).expect("the tables");
        let mut client = server.connect(&name);
        for statement in support::SMALL.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        if job == Job::Transform {
            self.run(Job::Migrate, &manager, OnDuplicate::Copy).expect("more metrics");
        }
        name
    }
}

fn try_open(url: &str, options: OpenOptions) -> Result<Manager, Error> {
    let options_of_manager = ManagerOptions { snapshot_dir: Some(support::snapshot_folder()), ..Default::default() };
    Database::open(url, options).map(|database| Manager::new(database, options_of_manager))
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Before,
    Complete,
}

/// A schema on which a job is done, through a forwarder, again and again.
struct Bench<'s> {
    source: &'s Source,
    job: Job,
    proxy: Proxy,
    /// Bytes that pass when nothing happens.
    passes: [u64; 2],
    /// What the schema holds when the job was done, where that does not depend on the ids that were free.
    complete: Dump,
    name: String,
    before: Dump,
    counts: Counts,
}

/// What happened in the rounds.
#[derive(Default)]
struct Counts {
    rounds: usize,
    struck: usize,
    finished: usize,
    undone: usize,
    undecided: [usize; 2],
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { rounds, struck, finished, undone, undecided: [before, complete] } = self;
        write!(
            out,
            "{rounds} rounds, {struck} struck: {finished} finished, {undone} failed and undone, undecided {before} undone \
             and {complete} complete"
        )
    }
}

impl<'s> Bench<'s> {
    fn new(source: &'s Source, server: &Server, job: Job) -> Bench<'s> {
        let proxy = Proxy::start(&server.socket());
        let name = source.schema(server, job);
        let mut bench = Bench {
            source,
            job,
            proxy,
            passes: [0; 2],
            complete: Vec::new(),
            name,
            before: Vec::new(),
            counts: Counts::default(),
        };
        bench.proxy.count();
        let (_, done) = bench.attempt();
        done.unwrap_or_else(|error| panic!("{job:?}: {}", error.to_json()));
        bench.passes = [Way::ToServer, Way::ToClient].map(|way| bench.proxy.passed(way));
        bench.complete = dump(&mut server.connect(&bench.name));
        bench.renew(server);
        bench
    }

    /// Another schema, on which the job was not done.
    fn renew(&mut self, server: &Server) {
        self.name = self.source.schema(server, self.job);
        self.before = dump(&mut server.connect(&self.name));
        assert_ne!(self.before, self.complete);
    }

    fn url(&self) -> String {
        format!("mysql://{USER}:{}@127.0.0.1:{}/{}?ssl-mode=disabled", escaped(PASSWORD), self.proxy.port, self.name)
    }

    /// Opens the schema through the forwarder, and does the job.
    fn attempt(&self) -> (Option<Manager>, Result<(), Error>) {
        self.attempt_at(&self.url())
    }

    fn attempt_at(&self, url: &str) -> (Option<Manager>, Result<(), Error>) {
        match try_open(url, OpenOptions::default()) {
            Ok(manager) => {
                let done = self.source.run(self.job, &manager, OnDuplicate::Copy);
                (Some(manager), done)
            }
            Err(error) => (None, Err(error)),
        }
    }

    /// What the schema holds, as soon as nobody works on it any more: the lock of a connection that was lost is gone.
    fn found(&self, server: &Server) -> Outcome {
        let options = OpenOptions { busy_timeout: Duration::from_secs(30), ..OpenOptions::default() };
        let manager = try_open(&server.url(&self.name), options).expect("the schema");
        let writer = manager.database().writer(&Progress::unwatched(Domain::Database)).expect("a connection");
        drop(Transaction::write(writer).unwrap_or_else(|error| panic!("a lock is left: {}", error.to_json())));
        let after = dump(&mut server.connect(&self.name));
        if after == self.before {
            return Outcome::Before;
        }
        if matches!(self.job, Job::Restore | Job::Transform) {
            assert!(after == self.complete, "{:?}: neither as before nor complete", self.job);
            return Outcome::Complete;
        }
        for ((table, rows), (_, now)) in self.before.iter().zip(&after) {
            assert!(rows.iter().all(|row| now.contains(row)), "{:?}: a row of {table} is gone or changed", self.job);
        }
        let experiments = manager.list_experiments().expect("a list");
        let new = experiments.last().expect("an experiment").id;
        assert_eq!(experiments.len(), 3, "{:?}", self.job);
        let digest = manager.experiment_digest(new, JobOptions::default()).expect("a digest");
        assert_eq!(digest, self.source.digest, "{:?}: the copy is not complete", self.job);
        Outcome::Complete
    }

    /// Whether what the call answered is true. `manager` is what it was called on.
    fn judge(&mut self, server: &Server, manager: Option<Manager>, done: Result<(), Error>, struck: bool) {
        let found = self.found(server);
        self.counts.rounds += 1;
        self.counts.struck += usize::from(struck);
        match done {
            Ok(()) => {
                assert_eq!(found, Outcome::Complete, "{:?}: it was said to be done", self.job);
                self.counts.finished += 1;
            }
            Err(error) => {
                let shown = format!("{:?}: {} {error:?}", self.job, error.to_json());
                assert!(!shown.contains(PASSWORD) && !shown.contains(&escaped(PASSWORD)), "{shown}");
                assert_eq!(error.status(), Status::Connection, "{shown}");
                if error.is_undecided() {
                    // Who repeats whatever can be repeated does not do it twice.
                    assert!(!error.retryable(), "{shown}");
                    self.counts.undecided[usize::from(found == Outcome::Complete)] += 1;
                } else {
                    assert!(error.retryable(), "{shown}");
                    assert_eq!(found, Outcome::Before, "{shown}");
                    self.counts.undone += 1;
                }
            }
        }
        // The handle finds another connection.
        if let Some(manager) = manager {
            let wanted = 2 + usize::from(found == Outcome::Complete && self.job != Job::Transform);
            let list = manager.list_experiments().unwrap_or_else(|error| panic!("{}", error.to_json()));
            assert_eq!(list.len(), if self.job == Job::Transform { 3 } else { wanted });
        }
        if found == Outcome::Complete {
            self.renew(server);
        }
    }

    fn finish(self, kind: Kind, what: &str) {
        eprintln!("{kind:?}, {:?}, {what}: {}", self.job, self.counts);
        assert!(self.counts.struck * 2 > self.counts.rounds, "nothing happened: {}", self.counts);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// How many rounds, and their random numbers.
fn rounds(salt: u64) -> (u64, Random) {
    (number("EXPMIG_FAULTS", 6), Random::new(seed_or(1).wrapping_mul(1000) + salt))
}

/// Runs a test for every job on every server there is: one that the tests share, or one of its own.
fn each(own: bool, test: impl Fn(&mut Bench<'_>, Place<'_>)) -> impl FnOnce(&str) {
    move |what| {
        let source = Source::new();
        for kind in Kind::ALL {
            let mut private = if own { Server::start(kind, &[]) } else { None };
            let there = own && private.is_some() || !own && kind.shared().is_some();
            if !there {
                eprintln!("{SKIPPED} {kind:?}");
                continue;
            }
            for job in JOBS {
                let place = match &mut private {
                    Some(server) => Place::Own(server),
                    None => Place::Shared(kind.shared().expect("it is there")),
                };
                let mut bench = Bench::new(&source, place.server(), job);
                test(&mut bench, place);
                bench.finish(kind, what);
            }
        }
    }
}

/// A server of one test, which may be killed, or of many.
enum Place<'s> {
    Own(&'s mut Server),
    Shared(&'static Server),
}

impl Place<'_> {
    fn server(&self) -> &Server {
        match self {
            Place::Own(server) => server,
            Place::Shared(server) => server,
        }
    }

    fn restart(&mut self) {
        match self {
            Place::Own(server) => server.restart(&[]),
            Place::Shared(_) => panic!("others need it"),
        }
    }
}

fn kill(pid: &PathBuf) {
    let pid = std::fs::read_to_string(pid).expect("the pid");
    let done = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
    assert!(done.success());
}

/// Kills the server so long after this moment.
fn kill_round(bench: &mut Bench<'_>, place: &mut Place<'_>, moment: Moment, delay: Duration) {
    let (pid, (told, killed)) = (place.server().folder.join("server.pid"), mpsc::channel());
    let strike = move || {
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            kill(&pid);
            told.send(()).expect("somebody waits");
        });
    };
    bench.proxy.plan(moment, Fault::Do(Box::new(strike)));
    let (manager, done) = bench.attempt();
    let struck = bench.proxy.heal();
    if struck {
        killed.recv_timeout(Duration::from_secs(60)).expect("it was killed");
        place.restart();
    }
    bench.judge(place.server(), manager, done, struck);
}

#[test]
fn a_server_that_is_killed_at_any_moment_has_all_or_nothing() {
    each(true, |bench, mut place| {
        let (rounds, mut random) = rounds(1);
        for _ in 0..rounds {
            let moment = Moment::Bytes(Way::ToServer, random.bits() % bench.passes[0]);
            let delay = Duration::from_micros(random.bits() % 20_000);
            kill_round(bench, &mut place, moment, delay);
        }
    })("SIGKILL");
}

#[test]
fn a_server_that_is_killed_while_it_commits_has_all_or_nothing() {
    each(true, |bench, mut place| {
        let (rounds, mut random) = rounds(2);
        for _ in 0..rounds.div_ceil(3) {
            kill_round(bench, &mut place, Moment::AfterCommit, Duration::from_micros(random.bits() % 2000));
        }
    })("SIGKILL after COMMIT");
}

#[test]
fn connections_that_the_server_ends_at_any_moment_leave_all_or_nothing() {
    each(false, |bench, place| {
        let (rounds, mut random) = rounds(3);
        for _ in 0..rounds {
            let mut client: Conn = place.server().connect(&bench.name);
            let strike = move || {
                let sql =
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
                for id in client.query::<u64, _>(sql).expect("the processes") {
                    let _already_gone = client.query_drop(format!("KILL {id}"));
                }
            };
            let way = *random.pick(&[Way::ToServer, Way::ToClient]);
            let moment = Moment::Bytes(way, random.bits() % bench.passes[way as usize]);
            bench.proxy.plan(moment, Fault::Do(Box::new(strike)));
            let (manager, done) = bench.attempt();
            let struck = bench.proxy.heal();
            bench.judge(place.server(), manager, done, struck);
        }
    })("KILL");
}

#[test]
fn lines_that_break_at_any_byte_leave_all_or_nothing() {
    each(false, |bench, place| {
        let (rounds, mut random) = rounds(4);
        for way in [Way::ToServer, Way::ToClient] {
            for _ in 0..rounds {
                let moment = Moment::Bytes(way, random.bits() % bench.passes[way as usize]);
                bench.proxy.plan(moment, Fault::Cut);
                let (manager, done) = bench.attempt();
                let struck = bench.proxy.heal();
                bench.judge(place.server(), manager, done, struck);
            }
        }
    })("cut lines");
}

#[test]
fn a_commit_whose_answer_is_lost_is_called_undecided_and_can_be_looked_up() {
    each(false, |bench, place| {
        for (moment, wanted) in [(Moment::Committed, Outcome::Complete), (Moment::BeforeCommit, Outcome::Before)] {
            bench.proxy.plan(moment, Fault::Cut);
            let (manager, done) = bench.attempt();
            assert!(bench.proxy.heal(), "{:?}: no commit", bench.job);
            let error = done.expect_err("nobody heard the answer");
            assert!(error.is_undecided(), "{}", error.to_json());
            assert!(error.message().contains("not known") && !error.message().contains("nothing was changed"));
            assert!(error.hint_text().expect("a hint").contains("on_duplicate = skip"), "{}", error.to_json());
            assert_eq!(bench.found(place.server()), wanted, "{:?} {moment:?}", bench.job);
            // What the hint says is so: the same again, skipping what is there, ends with the job done once.
            if bench.job != Job::Transform {
                let again = bench.source.run(bench.job, manager.as_ref().expect("a handle"), OnDuplicate::Skip);
                again.unwrap_or_else(|error| panic!("{}", error.to_json()));
                assert_eq!(bench.found(place.server()), Outcome::Complete, "{:?} {moment:?}", bench.job);
            }
            bench.counts.rounds += 1;
            bench.counts.struck += 1;
            bench.counts.undecided[usize::from(wanted == Outcome::Complete)] += 1;
            bench.renew(place.server());
        }
    })("lost answers");
}

#[test]
fn a_commit_whose_answer_takes_too_long_is_undecided_too() {
    let source = Source::new();
    for kind in Kind::ALL {
        let Some(server) = kind.shared() else {
            eprintln!("{SKIPPED} {kind:?}");
            continue;
        };
        let bench = Bench::new(&source, server, Job::Migrate);
        let (returned, answer) = mpsc::channel::<()>();
        // The answer is held back until nobody waits for it any more.
        let hold = move || {
            let _nobody_waits = answer.recv();
        };
        bench.proxy.plan(Moment::Committed, Fault::Do(Box::new(hold)));
        let (_, done) = bench.attempt_at(&format!("{}&read-timeout-ms=5000", bench.url()));
        drop(returned);
        assert!(bench.proxy.heal(), "no commit");
        let error = done.expect_err("nobody heard the answer");
        assert!(error.is_undecided() && !error.retryable(), "{}", error.to_json());
        assert_eq!(error.cause().map(Error::status), Some(Status::Timeout), "{}", error.to_json());
        assert_eq!(bench.found(server), Outcome::Complete);
    }
}
