//! Stores on servers whose lines break, whose answers get lost, that are killed, and jobs that are cancelled, at any moment: whatever was going on, the
//! store is as it was before or complete, no lock is left, and what the call answers is true. The moments are random, from a seed; `EXPMIG_FAULTS`
//! says how many there are for each job on each server (3) and `EXPMIG_TEST_SEED` which (1).

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use crate::hosts::Host;
use crate::mlruns::{leaving_out, mlruns};
use crate::places::{Dump, Engine};
use crate::servers::whole_numbers;
use crate::support::proxy::{Fault, Moment, Proxy, Way};
use crate::support::random::{Random, seed_or};
use crate::support::{self, Folder};
use expmig::{
    BringInOptions, CancelToken, Database, Error, ExportOptions, ImportOptions, JobOptions, Manager, MigrateOptions,
    OnDuplicate, OpenOptions, Status, ValidateOptions,
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Migrate,
    Import,
    BringIn,
    /// A copy of an experiment on the server into a file.
    Fetch,
}

const JOBS: [Job; 4] = [Job::Migrate, Job::Import, Job::BringIn, Job::Fetch];

/// How it is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// The line breaks.
    Cut,
    /// The server ends its connections.
    End,
    /// The server is killed.
    Kill,
    Cancel,
}

const BLOWS: [Blow; 6] = [Blow::Cut, Blow::Cut, Blow::End, Blow::End, Blow::Kill, Blow::Cancel];

/// What the jobs work with.
struct Source {
    folder: Folder,
    file: PathBuf,
    bytes: Vec<u8>,
    document: String,
    mlruns: PathBuf,
    empty: PathBuf,
    _files: Folder,
}

impl Source {
    fn new() -> Source {
        let folder = Folder::new();
        let file = whole_numbers(&folder, "3.17.2");
        let document = support::open(&file).export_to_string(1, ExportOptions::default()).expect("a document");
        let (mlruns, files) = (mlruns(&folder, "3.5.1"), Folder::new());
        let empty = crate::migrate::empty(&files);
        Source { bytes: support::bytes(&file), folder, file, document, mlruns, empty, _files: files }
    }

    fn unchanged(&self) {
        assert!(support::bytes(&self.file) == self.bytes, "the source was written to");
    }
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Before,
    Complete,
}

/// What happened in the rounds.
#[derive(Default)]
struct Counts {
    rounds: usize,
    struck: usize,
    finished: usize,
    undone: usize,
    cancelled: usize,
    undecided: [usize; 2],
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { rounds, struck, finished, undone, cancelled, undecided: [before, complete] } = self;
        write!(
            out,
            "{rounds} rounds, {struck} struck: {finished} finished, {undone} failed and undone, {cancelled} cancelled and undone, undecided {before} \
             undone and {complete} complete"
        )
    }
}

/// A store on which a job is done, through a forwarder, again and again.
struct Bench<'s> {
    source: &'s Source,
    host: &'s mut Host,
    job: Job,
    proxy: Proxy,
    /// The experiment on the server that is fetched.
    experiment: i64,
    /// Bytes that pass when nothing happens.
    passes: [u64; 2],
    before: Dump,
    complete: Dump,
    counts: Counts,
}

impl<'s> Bench<'s> {
    fn new(source: &'s Source, host: &'s mut Host, job: Job) -> Bench<'s> {
        let proxy = Proxy::start(&host.socket());
        let (counts, before, complete) = (Counts::default(), Vec::new(), Vec::new());
        let mut bench = Bench { source, host, job, proxy, experiment: 0, passes: [0; 2], before, complete, counts };
        if job == Job::Fetch {
            let target = Manager::from(open(&bench.host.url()).expect("the store"));
            let done = support::open(&source.file).migrate_experiment(1, Some(&target), MigrateOptions::default());
            bench.experiment = done.expect("a copy").new_experiment_id;
        }
        bench.renew();
        bench.before = bench.state();
        bench.proxy.count();
        let (_, done) = bench.attempt(None);
        done.unwrap_or_else(|error| panic!("{job:?}: {}", error.to_json()));
        bench.passes = [Way::ToServer, Way::ToClient].map(|way| bench.proxy.passed(way));
        bench.complete = bench.state();
        assert!(bench.before != bench.complete, "{job:?} does nothing");
        bench.renew();
        bench
    }

    /// The file that is written to.
    fn file(&self) -> PathBuf {
        self.source.folder.path("fetched.db")
    }

    /// As before the job, with the same ids to come.
    fn renew(&mut self) {
        match self.job {
            Job::Fetch => drop(std::fs::copy(&self.source.empty, self.file()).expect("a copy")),
            _ => self.host.empty(),
        }
    }

    /// What the store holds that is written to; the other one stays as it is.
    fn state(&self) -> Dump {
        match self.job {
            Job::Fetch => {
                // In which order a server has its rows is its own business.
                let rows = |table: String| {
                    let mut rows = support::rows(&self.file(), &format!("SELECT * FROM \"{table}\""));
                    rows.sort();
                    (table, rows)
                };
                support::dump(&self.file()).into_keys().map(rows).collect()
            }
            _ => self.host.dump(),
        }
    }

    fn attempt(&self, cancel: Option<CancelToken>) -> (Option<Manager>, Result<(), Error>) {
        let there = match open(&self.host.url_at(self.proxy.port)) {
            Ok(database) => Manager::from(database),
            Err(error) => return (None, Err(error)),
        };
        let source = self.source;
        let done = match self.job {
            Job::Migrate => {
                let options = MigrateOptions { cancel, ..MigrateOptions::default() };
                support::open(&source.file).migrate_experiment(1, Some(&there), options).map(drop)
            }
            Job::Import => {
                let options = ImportOptions { cancel, ..ImportOptions::default() };
                there.import_from_string(source.document.as_bytes(), options).map(drop)
            }
            Job::BringIn => there.bring_in(&source.mlruns, BringInOptions { cancel, ..leaving_out() }).map(drop),
            Job::Fetch => {
                let options = MigrateOptions { cancel, ..MigrateOptions::default() };
                there.migrate_experiment(self.experiment, Some(&support::open(&self.file())), options).map(drop)
            }
        };
        (Some(there), done)
    }

    /// What the store holds, as soon as nobody works on it any more.
    fn found(&self) -> Outcome {
        self.host.wait_for_nobody();
        let after = self.state();
        if after == self.before {
            return Outcome::Before;
        }
        let differ = |(here, there): &(&(String, Vec<_>), &(String, Vec<_>))| here != there;
        let different = self.complete.iter().zip(&after).find(differ);
        assert!(after == self.complete, "{:?}: neither as before nor complete: {different:?}", self.job);
        Outcome::Complete
    }

    /// Whether what the call answered is true.
    fn judge(&mut self, what: &str, (manager, done): (Option<Manager>, Result<(), Error>), struck: bool) {
        let what = format!("{:?} on {:?}, {what}", self.job, self.host.engine());
        // The handle finds another connection.
        if let Some(manager) = manager {
            manager.list_experiments().unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
        }
        let found = self.found();
        self.counts.rounds += 1;
        self.counts.struck += usize::from(struck);
        match done {
            Ok(()) => {
                assert_eq!(found, Outcome::Complete, "{what}: it was said to be done");
                self.counts.finished += 1;
            }
            Err(error) => {
                let shown = format!("{what}: {}", error.to_json());
                assert!(struck, "{shown}");
                let (cancelled, status) = (error.status() == Status::Cancelled, error.status());
                assert!(cancelled || matches!(status, Status::Connection | Status::Timeout), "{shown}");
                if error.is_undecided() {
                    assert!(!error.retryable() && self.job != Job::Fetch, "{shown}");
                    self.counts.undecided[usize::from(found == Outcome::Complete)] += 1;
                } else {
                    assert_eq!(found, Outcome::Before, "{shown}");
                    match cancelled {
                        true => self.counts.cancelled += 1,
                        false => self.counts.undone += 1,
                    }
                }
            }
        }
        self.source.unchanged();
        // What was undone has taken numbers all the same.
        self.renew();
    }

    fn strike(&mut self, moment: Moment, blow: Blow) {
        let (token, promised) = (CancelToken::new(), Arc::new(OnceLock::new()));
        let act: Box<dyn FnOnce() + Send> = match blow {
            Blow::Cut => Box::new(|| {}),
            Blow::End => self.host.ends_connections(),
            Blow::Kill => self.host.kills(),
            Blow::Cancel => {
                let (theirs, promise) = (token.clone(), Arc::clone(&promised));
                Box::new(move || promise.set(theirs.trigger()).expect("it is asked once"))
            }
        };
        let (tells, told) = mpsc::channel();
        let act = move || {
            act();
            tells.send(()).expect("somebody waits");
        };
        self.proxy.plan(moment, if blow == Blow::Cut { Fault::Cut } else { Fault::Do(Box::new(act)) });
        let attempt = self.attempt(Some(token));
        let struck = self.proxy.heal();
        if struck && blow != Blow::Cut {
            told.recv_timeout(Duration::from_secs(60)).expect("it was done");
        }
        if let Some(stops) = promised.get() {
            assert_eq!(attempt.1.is_err(), *stops, "{:?}, cancelled at {moment:?}: {:?}", self.job, attempt.1);
        }
        // The handle knows the server by the forwarder's port.
        let handle = (if struck && blow == Blow::Kill { None } else { attempt.0 }, attempt.1);
        if struck && blow == Blow::Kill {
            self.host.restart();
            self.proxy = Proxy::start(&self.host.socket());
        }
        self.judge(&format!("{blow:?} at {moment:?}"), handle, struck);
    }

    /// Every answer of a commit, and so many random moments.
    fn rounds(&mut self, rounds: usize, random: &mut Random) {
        if self.job != Job::Fetch {
            for moment in [Moment::BeforeCommit, Moment::AfterCommit, Moment::Committed] {
                self.strike(moment, Blow::Cut);
            }
            assert!(self.counts.undecided.iter().sum::<usize>() >= 2, "{}", self.counts);
        }
        for at in 0..rounds {
            let way = *random.pick(&[Way::ToServer, Way::ToClient]);
            let moment = Moment::Bytes(way, random.bits() % self.passes[way as usize]);
            // A few rounds of each job try everything, too.
            self.strike(moment, BLOWS[(at + self.job as usize * rounds) % BLOWS.len()]);
        }
        eprintln!("{:?}, {:?}: {}", self.host.engine(), self.job, self.counts);
        assert!(self.counts.struck * 2 > self.counts.rounds, "nothing happened: {}", self.counts);
    }

    /// In the end the job is done once, as a hint says: the same again, skipping what is there.
    fn finish(self) {
        let (_, done) = self.attempt(None);
        done.unwrap_or_else(|error| panic!("{:?}: {}", self.job, error.to_json()));
        let there = Manager::from(open(&self.host.url()).expect("the store"));
        if self.job == Job::Migrate {
            let options = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
            let source = support::open(&self.source.file);
            let again = source.migrate_experiment(1, Some(&there), options).expect("it is there");
            let digest = source.experiment_digest(1, JobOptions::default()).expect("a digest");
            assert!(again.skipped && again.source_digest == Some(digest));
        }
        assert!(there.validate(ValidateOptions::default()).expect("a report").passed(), "{:?}", self.job);
        drop(there);
        assert_eq!(self.found(), Outcome::Complete);
    }
}

fn open(url: &str) -> Result<Database, Error> {
    Database::open(url, OpenOptions { busy_timeout: Duration::from_secs(30), ..OpenOptions::default() })
}

fn on(engine: Engine) {
    if !engine.is_there() {
        return;
    }
    let (source, mut random) = (Source::new(), Random::new(seed_or(1).wrapping_mul(1000) + engine as u64));
    let rounds = std::env::var("EXPMIG_FAULTS").map_or(3, |text| text.parse().expect("EXPMIG_FAULTS: a number"));
    let (mut host, began) = (Host::start(engine), Instant::now());
    for job in JOBS {
        host.empty();
        let mut bench = Bench::new(&source, &mut host, job);
        bench.rounds(rounds, &mut random);
        bench.finish();
    }
    eprintln!("{engine:?}: {:?}", began.elapsed());
}

#[test]
fn every_answer_is_true_whatever_happens_to_mariadb() {
    on(Engine::MariaDb);
}

#[test]
fn every_answer_is_true_whatever_happens_to_mysql() {
    on(Engine::Mysql);
}

#[test]
fn every_answer_is_true_whatever_happens_to_postgresql() {
    on(Engine::Postgres);
}
