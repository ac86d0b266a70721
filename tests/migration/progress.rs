//! Progress and cancelling, as a caller sees them.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::reports::{SLOW, check, goes_on, recorder, taken};
use crate::support::*;
use expmig::{CancelToken, Flow, JobOptions, MigrateOptions, OnDuplicate, Progress, Status, Strategy};

/// An experiment of enough rows for several calls within each phase.
fn thousand_epochs(folder: &Folder) -> std::path::PathBuf {
    let epochs = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1009)
                  INSERT INTO EPOCH SELECT i, 22, '2023-12-01T10:20:00' FROM n;";
    folder.small("source.db", epochs)
}

#[test]
fn a_migration_reports_from_0_to_exactly_100_percent() {
    let folder = Folder::new();
    let (source, target) = (thousand_epochs(&folder), folder.path("target.db"));
    for strategy in STRATEGIES {
        let (calls, sink) = recorder(SLOW, goes_on);
        let options = MigrateOptions { progress: Some(sink), batch_size: 100, ..with(strategy) };
        let result = open(&source).migrate_experiment(1, Some(&create(&target)), options).expect("a copy");
        let calls = taken(&calls);
        check(&calls);
        assert_eq!(calls.last().map(|call| call.total_items), Some(result.items_total));
        assert_eq!(result.items_total, SMALL_ROWS + 1000);
        let between: Vec<f64> = calls.iter().map(Progress::completion_percentage).collect();
        assert!(between.iter().any(|percent| (1.0..99.0).contains(percent)), "{between:?}");
        assert!(calls.iter().any(|call| !call.finished && call.remaining.is_some_and(|left| left > Duration::ZERO)));
    }
}

#[test]
fn a_small_migration_has_a_first_and_a_last_call() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let (calls, sink) = recorder(Duration::ZERO, goes_on);
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    open(&source).migrate_experiment(1, None, options).expect("a copy");
    let calls = taken(&calls);
    check(&calls);
    assert!(calls.len() >= 2);
}

#[test]
fn a_skipped_migration_ends_at_100_percent() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    open(&source).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    let (calls, sink) = recorder(SLOW, goes_on);
    let skip = MigrateOptions { progress: Some(sink), on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    assert!(open(&source).migrate_experiment(1, None, skip).expect("a skip").skipped);
    check(&taken(&calls));
}

#[test]
fn plans_digests_and_comparisons_report_too() {
    let folder = Folder::new();
    let source = thousand_epochs(&folder);
    let manager = open_read_only(&source);
    let job = || {
        let (calls, sink) = recorder(SLOW, goes_on);
        (calls, JobOptions { progress: Some(sink), cancel: None })
    };
    let (calls, options) = job();
    manager.experiment_digest(1, options).expect("a digest");
    let calls = taken(&calls);
    check(&calls);
    assert_eq!(calls.last().map(|call| call.processed_items), Some(SMALL_ROWS + 1000));
    let (calls, options) = job();
    manager.compare_experiments(1, None, 2, options).expect("a comparison");
    check(&taken(&calls));
    let (calls, sink) = recorder(SLOW, goes_on);
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    manager.plan_migration(1, None, options).expect("a plan");
    check(&taken(&calls));
}

#[test]
fn reports_are_snapshots_of_their_moment() {
    let folder = Folder::new();
    let source = thousand_epochs(&folder);
    let (calls, sink) = recorder(SLOW, goes_on);
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    open(&source).migrate_experiment(1, None, options).expect("a copy");
    let calls = taken(&calls);
    let mut operations: Vec<_> = calls.iter().map(|call| call.operation).collect();
    operations.dedup();
    for expected in
        ["opening", "counting the source", "digesting the source", "copying", "verifying the copy", "finished"]
    {
        assert!(operations.contains(&expected), "{operations:?}");
    }
    // Kept while the job went on, the first still tells of the beginning.
    assert_eq!((calls[0].operation, calls[0].total_items), ("opening", 0));
}

#[test]
fn reports_between_the_first_and_the_last_keep_their_distance() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let times = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&times);
    let sink = move |progress: &Progress| {
        // By the clock of the job: the sink may be kept waiting by the machine.
        kept.lock().expect("the times").push((progress.elapsed, progress.finished));
        Flow::Continue
    };
    let options = MigrateOptions { progress: Some(Box::new(sink)), batch_size: 1, ..MigrateOptions::default() };
    open(&source).migrate_experiment(1, None, options).expect("a copy");
    for pair in times.lock().expect("the times").windows(2) {
        let distance = pair[1].0 - pair[0].0;
        assert!(pair[1].1 || distance > Duration::from_millis(90), "{distance:?}");
    }
}

#[test]
fn rows_that_fail_are_processed_and_keep_the_rate_between_0_and_100() {
    let folder = Folder::new();
    let bad: String = (0..20).map(|n| format!("INSERT INTO EPOCH_METRIC VALUES ({}, 21, 31);", 100 + n)).collect();
    let (source, target) = (folder.small("source.db", &bad), folder.path("target.db"));
    let (calls, sink) = recorder(SLOW, goes_on);
    let options = MigrateOptions { progress: Some(sink), ..with(Strategy::Aggressive) };
    let result = open(&source).migrate_experiment(1, Some(&create(&target)), options).expect("a copy");
    let calls = taken(&calls);
    check(&calls);
    let last = calls.last().expect("a last call");
    assert_eq!((last.failed_items, last.error_count, result.items_failed), (20, 20, 20));
    assert_eq!(last.processed_items, SMALL_ROWS + 20);
    let expected = SMALL_ROWS as f64 / (SMALL_ROWS + 20) as f64 * 100.0;
    assert!((last.success_rate() - expected).abs() < 1e-9);
    assert!((result.success_rate() - expected).abs() < 1e-9);
    // The latest eight, each once, oldest first.
    assert_eq!(last.recent_errors.len(), 8);
    for (at, line) in last.recent_errors.iter().enumerate() {
        assert!(line.contains(&format!("epoch_idx={},", 112 + at)), "{line}");
    }
}

/// Runs a migration whose sink gives this answer at the n-th call. Whether it got that far.
fn stopped_at(folder: &Folder, source: &Path, n: usize, flow: Flow, status: Status) -> bool {
    let target = folder.path("target.db");
    let (calls, sink) = recorder(SLOW, move |number, _| if number == n { flow } else { Flow::Continue });
    let options = MigrateOptions { progress: Some(sink), batch_size: 100, ..MigrateOptions::default() };
    let result = leaves_alone(&target, || {
        let result = open(source).migrate_experiment(1, Some(&open(&target)), options);
        if result.is_ok() {
            return None;
        }
        Some(result)
    });
    let Some(result) = result else { return false };
    let error = result.expect_err("an error");
    assert_eq!(error.status(), status, "{}", error.to_json());
    assert_eq!(taken(&calls).len(), n + 1, "no call after the one that stopped it");
    true
}

#[test]
fn a_sink_can_cancel_at_every_call_and_nothing_is_written() {
    let folder = Folder::new();
    let (source, _) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let phases = {
        let (calls, sink) = recorder(SLOW, goes_on);
        let scratch = folder.copy_of(&source, "scratch.db");
        let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
        open(&scratch).migrate_experiment(1, None, options).expect("a copy");
        taken(&calls).len()
    };
    // All but the last call, which comes after the commit.
    for n in 0..phases - 1 {
        assert!(stopped_at(&folder, &source, n, Flow::Cancel, Status::Cancelled), "call {n} of {phases}");
    }
}

#[test]
fn a_sink_that_fails_stops_the_job_with_its_own_code() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (calls, sink) = recorder(SLOW, |number, _| if number == 2 { Flow::Fail(-7) } else { Flow::Continue });
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    let error = leaves_alone(&target, || {
        let result = open(&source).migrate_experiment(1, Some(&open(&target)), options);
        result.expect_err("the sink's failure")
    });
    assert_eq!(error.status(), Status::Callback);
    assert_detail(&error, "callback_result", "-7");
    assert_eq!(taken(&calls).len(), 3);
}

#[test]
fn the_answer_to_the_last_call_comes_too_late_to_stop_anything() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let (_, sink) =
        recorder(Duration::ZERO, |_, progress| if progress.finished { Flow::Cancel } else { Flow::Continue });
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    let result = open(&source).migrate_experiment(1, None, options).expect("a committed copy");
    Check::new((&source, 1), (&source, result.new_experiment_id)).ok();
}

#[test]
fn a_token_stops_every_kind_of_job_before_it_writes() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let (from, to) = (open(&source), open(&target));
    let token = CancelToken::new();
    token.trigger();
    let migrate = || MigrateOptions { cancel: Some(token.clone()), ..MigrateOptions::default() };
    let job = || JobOptions { progress: None, cancel: Some(token.clone()) };
    leaves_alone(&target, || {
        let stopped = [
            from.migrate_experiment(1, Some(&to), migrate()).map(drop),
            from.plan_migration(1, Some(&to), migrate()).map(drop),
            from.experiment_digest(1, job()).map(drop),
            from.compare_experiments(1, None, 2, job()).map(drop),
        ];
        for result in stopped {
            assert_eq!(result.expect_err("a cancel").status(), Status::Cancelled);
        }
    });
    // The handles are as good as before.
    from.migrate_experiment(1, Some(&to), MigrateOptions::default()).expect("a copy");
}

#[test]
fn waiting_for_a_lock_reports_and_can_be_cancelled() {
    let folder = Folder::new();
    let (source, target) = (folder.small("source.db", ""), folder.empty("target.db", ""));
    let other = sql(&target);
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let (calls, sink) = recorder(Duration::ZERO, |number, _| if number == 2 { Flow::Cancel } else { Flow::Continue });
    let options = MigrateOptions { progress: Some(sink), ..MigrateOptions::default() };
    let patient = expmig::OpenOptions { busy_timeout: Duration::from_secs(600), ..Default::default() };
    let to = expmig::Manager::from(expmig::Database::open(url(&target), patient).expect("opens"));
    let error = open(&source).migrate_experiment(1, Some(&to), options).expect_err("a cancel");
    assert_eq!(error.status(), Status::Cancelled);
    let calls = taken(&calls);
    assert_eq!(calls.len(), 3);
    for pair in calls.windows(2) {
        assert!(pair[1].elapsed - pair[0].elapsed < Duration::from_secs(30), "{calls:?}");
    }
}
