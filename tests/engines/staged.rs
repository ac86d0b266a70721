//! Migrations in several transactions: where they are done, what others see meanwhile, going on, and removing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use expmig::progress::ProgressSink;
use expmig::{
    Flow, JobOptions, JobState, Manager, MigrateOptions, MigrationResult, OnDuplicate, RestoreOptions, SnapshotOptions,
    Status, Strategy,
};

use super::support::random::{Random, seed_or};
use super::support::{Folder, details, failed};
use super::{Engine, FILE, Place, digest};

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// In transactions of so many rows.
fn staged(rows: u64) -> MigrateOptions {
    MigrateOptions { staged: true, stage_rows: Some(rows), batch_size: 20, ..MigrateOptions::default() }
}

/// Longer than the time between two reports: after it the next time that a job could report, it does.
const UNTIL_THE_NEXT: Duration = Duration::from_millis(110);

/// Stops the call at the n-th of the times that it could report.
fn stopping(at: usize) -> ProgressSink {
    let reports = AtomicUsize::new(0);
    Box::new(move |_| {
        std::thread::sleep(UNTIL_THE_NEXT);
        if reports.fetch_add(1, Ordering::Relaxed) + 1 < at { Flow::Continue } else { Flow::Fail(7) }
    })
}

/// Rows enough for several transactions, and few enough for a quick test.
fn rows() -> String {
    let metric = |n: i64| {
        format!("INSERT INTO METRIC VALUES ({n}, 'loss', {n}.5, NULL); INSERT INTO EPOCH_METRIC VALUES (1, 21, {n});")
    };
    (1000..1300).map(metric).collect()
}

/// A source in a file, and a target with something in it.
struct Pair {
    folder: Folder,
    from: Place,
    source: Manager,
    place: Place,
    target: Manager,
}

impl Pair {
    fn new(engine: Engine) -> Pair {
        let folder = Folder::new();
        let from = FILE.small(&folder, "source");
        from.execute(&rows());
        let place = engine.small(&folder, "target");
        let (source, target) = (from.open(), place.open());
        Pair { folder, from, source, place, target }
    }

    fn migrate(&self, options: MigrateOptions) -> expmig::Result<MigrationResult> {
        self.source.migrate_experiment(1, Some(&self.target), options)
    }

    /// Begins a job that stops at its n-th report, if it comes so far: its id.
    fn stopped(&self, at: usize) -> Option<i64> {
        match self.migrate(MigrateOptions { progress: Some(stopping(at)), ..staged(60) }) {
            Ok(_) => None,
            Err(error) => {
                assert_eq!(error.status(), Status::Callback, "{}", error.to_json());
                let id = details(&error, "job_id").first().map(|id| id.parse().unwrap());
                assert_eq!(id.is_none(), self.open_jobs().is_empty(), "{}", error.to_json());
                id
            }
        }
    }

    /// A job that stopped when runs and some of their rows were there.
    fn stopped_among_rows(&self) -> i64 {
        for at in 10..60 {
            let Some(job) = self.stopped(at) else { continue };
            if self.missing(job) < 500 {
                return job;
            }
            ok(self.target.abandon_job(job, JobOptions::default()));
        }
        panic!("no job stopped among its rows")
    }

    /// The ids of the jobs that are not published.
    fn open_jobs(&self) -> Vec<i64> {
        let open = ok(self.target.jobs()).into_iter().filter(|job| job.state != JobState::Published);
        open.map(|job| job.id).collect()
    }

    fn resume(&self, job: i64, options: JobOptions) -> expmig::Result<MigrationResult> {
        self.source.resume_job(job, Some(&self.target), options)
    }

    /// What everybody sees of a copy that is not whole.
    fn looks_unfinished(&self, job: i64) {
        let copy = ok(self.target.jobs()).into_iter().find(|found| found.id == job).unwrap().document.experiment;
        let shown: Vec<_> = ok(self.target.list_experiments()).iter().map(|e| (e.id, e.title.clone())).collect();
        for (id, title) in &shown {
            let says_so = title.as_ref().unwrap().starts_with(&format!("[being copied by job {job}]"));
            assert_eq!(says_so, *id == copy, "{shown:?}");
        }
        let finished = format!(
            "SELECT count(*) FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {copy} AND r.status = 'completed'"
        );
        let (finished, missing) = (self.number(&finished), self.missing(job));
        assert!(finished == 0 || missing == 0, "{finished} runs are finished, and {missing} rows are missing");
    }

    /// The number that another client finds.
    fn number(&self, query: &str) -> u64 {
        let cell = self.place.cell(query);
        cell.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
    }

    /// How many rows of a job are not there.
    fn missing(&self, job: i64) -> u64 {
        let job = ok(self.target.jobs()).into_iter().find(|found| found.id == job).unwrap();
        let rows: u64 = job.document.rows.iter().map(|(_, rows)| rows).sum();
        rows - job.place.iter().map(|(_, rows)| rows).sum::<u64>()
    }
}

fn without_jobs(tables: super::Tables) -> super::Tables {
    tables.into_iter().filter(|(name, _)| !name.to_ascii_uppercase().starts_with("EXPMIG_JOB")).collect()
}

pub fn a_copy_in_stages_is_the_copy_that_one_transaction_makes(engine: Engine) {
    let pair = Pair::new(engine);
    if engine.server.is_none() {
        let error = failed(pair.migrate(staged(60)), Status::Unsupported);
        assert_eq!(details(&error, "parameter"), ["staged"]);
        assert!(ok(pair.target.jobs()).is_empty());
        return;
    }
    let done = ok(pair.migrate(staged(60)));
    let copy = done.new_experiment_id;
    assert_eq!(done.target_digest, Some(digest(&pair.source, 1)));
    assert_eq!(digest(&pair.target, copy), digest(&pair.source, 1));
    let jobs = ok(pair.target.jobs());
    let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!((Some(job.id), job.state, job.document.experiment), (done.job_id, JobState::Published, copy));
    let plain = ok(pair.migrate(MigrateOptions::default()));
    assert_eq!(done.tables, plain.tables);
    assert_eq!((done.items_processed, done.items_total), (plain.items_processed, plain.items_total));
    assert_eq!(plain.job_id, None);
    // In the tables that the tracker reads, the two are the same but for their ids.
    let rows = |query: &str, id: i64| pair.place.cell(&query.replace('?', &id.to_string()));
    for query in [
        "SELECT title FROM EXPERIMENT WHERE id = ?",
        "SELECT count(*) FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = ? AND r.status = 'completed'",
    ] {
        assert_eq!(rows(query, copy), rows(query, plain.new_experiment_id));
    }
    // Again, if it is not there.
    let skip = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..staged(60) };
    let skipped = ok(pair.migrate(skip));
    assert!(skipped.skipped && skipped.new_experiment_id == copy, "{}", skipped.to_json());
}

pub fn a_job_that_stopped_anywhere_goes_on_to_one_whole_copy(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let wanted = digest(&pair.source, 1);
    let before = pair.place.dump();
    let seed = seed_or(1);
    let mut random = Random::new(seed);
    let (mut resumed, mut copies) = (0, 0);
    // Which report is the n-th depends on the clock: a call may end before it comes.
    for round in 0..20 {
        if round >= 2 && resumed > 0 {
            break;
        }
        let Some(job) = pair.stopped(8 + random.below(20)) else {
            copies += u64::from(pair.open_jobs().is_empty());
            continue;
        };
        pair.looks_unfinished(job);
        let second = failed(pair.migrate(staged(60)), Status::AlreadyExists);
        assert_eq!(details(&second, "job_id"), [job.to_string()]);
        let done = loop {
            let progress = Some(stopping(1 + random.below(28)));
            match pair.resume(job, JobOptions { progress, ..JobOptions::default() }) {
                Ok(done) => break done,
                Err(error) => assert_eq!(error.status(), Status::Callback, "seed {seed}: {}", error.to_json()),
            }
            resumed += 1;
            if !pair.open_jobs().is_empty() {
                pair.looks_unfinished(job);
            }
        };
        (copies, resumed) = (copies + 1, resumed + 1);
        assert_eq!(done.job_id, Some(job));
        assert_eq!(digest(&pair.target, done.new_experiment_id), wanted, "seed {seed}");
        let again = ok(pair.resume(job, JobOptions::default()));
        assert!(again.skipped && again.new_experiment_id == done.new_experiment_id, "{}", again.to_json());
    }
    assert!(resumed > 0, "seed {seed}: nothing was resumed");
    let equal = ok(pair.target.list_experiments()).iter().filter(|e| digest(&pair.target, e.id) == wanted).count();
    assert!(equal as u64 <= copies.max(3), "seed {seed}: {equal} copies");
    // What was there before is as it was.
    for (table, rows) in before {
        let after = pair.place.dump();
        let now = after.into_iter().find(|(name, _)| *name == table).unwrap().1;
        assert!(rows.iter().all(|row| now.contains(row)), "{table}");
    }
}

pub fn a_job_that_is_abandoned_leaves_everything_as_it_was(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let before = pair.place.dump();
    let seed = seed_or(1);
    let mut random = Random::new(seed);
    let mut removed = 0;
    for _ in 0..2 {
        let Some(job) = pair.stopped(12 + random.below(12)).filter(|_| !pair.open_jobs().is_empty()) else {
            continue;
        };
        let stopped =
            pair.target.abandon_job(job, JobOptions { progress: Some(stopping(4 + removed)), ..JobOptions::default() });
        if let Err(error) = stopped {
            assert_eq!(error.status(), Status::Callback, "{}", error.to_json());
            if ok(pair.target.jobs()).iter().any(|found| found.id == job && found.state == JobState::Removing) {
                let refused = failed(pair.resume(job, JobOptions::default()), Status::Misuse);
                assert!(refused.message().contains("being removed"), "{}", refused.to_json());
            }
            ok(pair.target.abandon_job(job, JobOptions::default()));
        }
        removed += 1;
        assert!(pair.open_jobs().is_empty());
        failed(pair.target.abandon_job(job, JobOptions::default()), Status::NotFound);
        failed(pair.resume(job, JobOptions::default()), Status::NotFound);
    }
    assert!(removed > 0, "seed {seed}: nothing was removed");
    if ok(pair.target.jobs()).is_empty() {
        assert_eq!(without_jobs(pair.place.dump()), before, "seed {seed}");
    }
    // What was published is nobody's to remove.
    let done = ok(pair.migrate(staged(60)));
    failed(pair.target.abandon_job(done.job_id.unwrap(), JobOptions::default()), Status::Misuse);
    assert_eq!(digest(&pair.target, done.new_experiment_id), digest(&pair.source, 1));
}

pub fn rows_of_others_under_what_a_job_copied_are_not_removed(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let job = pair.stopped_among_rows();
    let copy = ok(pair.target.jobs()).into_iter().find(|found| found.id == job).unwrap().document.experiment;
    let time = "'2026-01-02 03:04:05'";
    let run = pair.number(&format!(
        "SELECT min(r.id) FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {copy}"
    ));
    let strangers = [
        (
            "TRIAL",
            format!(
                "INSERT INTO TRIAL (id, name, experiment_id, start_time, update_time) VALUES (990001, 'x', {copy}, {time}, {time})"
            ),
            "DELETE FROM TRIAL WHERE id = 990001".to_owned(),
        ),
        (
            "RESULTS_METRIC",
            format!("INSERT INTO RESULTS_METRIC (results_id, metric_id) VALUES ({run}, 31)"),
            format!("DELETE FROM RESULTS_METRIC WHERE results_id = {run} AND metric_id = 31"),
        ),
    ];
    for (table, add, remove) in strangers {
        pair.place.execute(&add);
        let before = pair.place.dump();
        let error = failed(pair.target.abandon_job(job, JobOptions::default()), Status::Constraint);
        assert!(details(&error, "table")[0].eq_ignore_ascii_case(table), "{}", error.to_json());
        assert_eq!(pair.place.dump(), before);
        pair.place.execute(&remove);
    }
    // Nor what has an id that was kept for the job, which had not come so far.
    let found = ok(pair.target.jobs()).into_iter().find(|found| found.id == job).unwrap();
    let (first, count) = found.document.ids[3];
    let last = first + i64::try_from(count).unwrap() - 1;
    assert!(found.there("METRIC") < count);
    pair.place.execute(&format!("INSERT INTO METRIC (id, type, total_val) VALUES ({last}, 'theirs', 0.5)"));
    ok(pair.target.abandon_job(job, JobOptions::default()));
    assert_eq!(pair.number("SELECT count(*) FROM EXPERIMENT"), 2);
    assert_eq!(pair.number("SELECT count(*) FROM METRIC WHERE type = 'theirs'"), 1);
}

pub fn a_second_call_for_one_job_is_refused(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let job = pair.stopped_among_rows();
    let tried = Arc::new(AtomicU64::new(0));
    let (counted, other) = (Arc::clone(&tried), pair.place.open());
    let source = pair.from.open();
    let progress: ProgressSink = Box::new(move |progress| {
        std::thread::sleep(UNTIL_THE_NEXT);
        if progress.operation == "copying" && counted.fetch_add(1, Ordering::Relaxed) == 0 {
            failed(source.resume_job(job, Some(&other), JobOptions::default()), Status::Busy);
            failed(other.abandon_job(job, JobOptions::default()), Status::Busy);
        }
        Flow::Continue
    });
    let done = ok(pair.resume(job, JobOptions { progress: Some(progress), ..JobOptions::default() }));
    assert!(tried.load(Ordering::Relaxed) > 0);
    assert_eq!(digest(&pair.target, done.new_experiment_id), digest(&pair.source, 1));
}

pub fn a_source_that_changed_is_not_mixed_with_what_was_copied(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let folder = Folder::new();
    let from = FILE.small(&folder, "source");
    let place = engine.place(&folder, "target");
    let (source, target) = (from.open(), place.create());
    let options = || MigrateOptions { staged: true, stage_rows: Some(3), batch_size: 1, ..MigrateOptions::default() };
    let stop = MigrateOptions { progress: Some(stopping(12)), ..options() };
    failed(source.migrate_experiment(1, Some(&target), stop), Status::Callback);
    let job = ok(target.jobs())[0].id;
    from.execute("UPDATE METRIC SET total_val = total_val + 1 WHERE id = 31");
    let error = failed(source.resume_job(job, Some(&target), JobOptions::default()), Status::Mismatch);
    assert_eq!(details(&error, "job_id"), [job.to_string()]);
    from.execute("UPDATE METRIC SET total_val = total_val - 1 WHERE id = 31");
    let done = ok(source.resume_job(job, Some(&target), JobOptions::default()));
    assert_eq!(digest(&target, done.new_experiment_id), digest(&source, 1));
}

pub fn what_cannot_be_done_in_stages_is_refused_before_the_first_row(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let before = pair.place.dump();
    let refused = [
        ("target_experiment_id", MigrateOptions { target_experiment: Some(2), ..staged(60) }),
        ("strategy", MigrateOptions { strategy: Strategy::Aggressive, ..staged(60) }),
        ("add_columns", MigrateOptions { add_columns: true, ..staged(60) }),
    ];
    for (option, options) in refused {
        let error = failed(pair.migrate(options), Status::Unsupported);
        assert_eq!(details(&error, "parameter"), [option]);
    }
    for options in [
        MigrateOptions { stage_rows: Some(0), ..staged(60) },
        MigrateOptions { stage_rows: Some(9), ..MigrateOptions::default() },
    ] {
        let error = failed(pair.migrate(options), Status::InvalidArgument);
        assert_eq!(details(&error, "parameter"), ["stage_rows"]);
    }
    failed(pair.resume(99, JobOptions::default()), Status::NotFound);
    failed(pair.target.abandon_job(99, JobOptions::default()), Status::NotFound);
    assert_eq!(without_jobs(pair.place.dump()), before);
}

pub fn a_snapshot_of_a_job_that_stopped_brings_it_back(engine: Engine) {
    if engine.server.is_none() {
        return;
    }
    let pair = Pair::new(engine);
    let job = pair.stopped_among_rows();
    let snapshot = ok(pair.target.create_snapshot("a job", SnapshotOptions::default()));
    // A schema that never had a job has no table for them.
    let other = engine.place(&pair.folder, "other").create();
    ok(other.restore_snapshot(&snapshot, RestoreOptions { force: true, ..RestoreOptions::default() }));
    assert_eq!(ok(other.jobs()), ok(pair.target.jobs()));
    for target in [&other, &pair.target] {
        let done = ok(pair.source.resume_job(job, Some(target), JobOptions::default()));
        assert_eq!(digest(target, done.new_experiment_id), digest(&pair.source, 1));
    }
}
