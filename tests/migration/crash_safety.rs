//! A migration that fails, is cancelled, is killed or runs out of space leaves the target as it was, and can be run again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::support::child::{self, Outcome};
use crate::support::database::{Journal, bulky, medium, small, whole};
use crate::support::fault::*;
use crate::support::scenario::{Layout, Place, Scenario, State};
use expmig::progress::ProgressSink;
use expmig::{CancelToken, Error, Flow, MigrateOptions, MigrationResult, Status};

/// The body of every child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    if let Some((_, input)) = child::role() {
        child::migrate(input);
    }
}

// ---- faults between the library and the file system ------------------------------------------------------------------------

fn run(shim: &Shim, scenario: &Scenario, place: &Place, at: usize, fault: Fault) -> (Outcome, String) {
    shim.run(scenario.job(place).command(), place.folder(), at, fault, child::outcome)
}

/// How many points ended how.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    failed: usize,
    killed: usize,
}

/// Lets the job fail at every point. A job that says it is done is done, one that fails says IO and changed nothing; and
/// whatever happened, the next run repairs it.
fn sweep(scenario: &Scenario, fault_at: impl Fn(usize) -> Fault) {
    let shim = Shim::new();
    let place = scenario.place();
    let (outcome, noted) = run(&shim, scenario, &place, 0, KILL);
    assert!(matches!(outcome, Outcome::Done { skipped: false, .. }), "{outcome:?}");
    assert_eq!(scenario.recover(&place, "undisturbed"), State::After);
    let changes: usize = noted.parse().unwrap();
    let mut tally = Tally::default();
    for at in points(changes) {
        let fault = fault_at(at);
        let place = scenario.place();
        let (outcome, noted) = run(&shim, scenario, &place, at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted})");
        let state = scenario.recover(&place, &format!("{what}, {outcome:?}"));
        match outcome {
            Outcome::Done { skipped, .. } => {
                tally.done += 1;
                assert_eq!((skipped, state), (false, State::After), "{what}");
            }
            Outcome::Failed(error) => {
                tally.failed += 1;
                assert_eq!(error["status"], "IO", "{what}: {error}");
                // A commit that is complete in the log, but could not be flushed, is found by the next open or is not.
                let undecided = error.to_string().contains("\"undecided\"") && noted.contains("fsync");
                assert!(state == State::Before || undecided, "{what}: {error}");
                let says_why = format!("{} {}", error["message"], error["hint"]);
                assert!(fault.errno != Some(ENOSPC) || says_why.contains("space"), "{what}: {error}");
            }
            Outcome::Killed => {
                tally.killed += 1;
                assert_eq!(fault, KILL, "{what}");
            }
        }
    }
    println!("{changes} changes: {tally:?}");
    assert!(tally.failed + tally.killed > changes.min(100) / 2, "{tally:?}");
}

macro_rules! sweeps {
    ($($name:ident: $layout:ident, $journal:ident, $build:ident, $fault_at:expr;)+) => {$(
        #[test]
        fn $name() {
            sweep(&Scenario::new(Layout::$layout, Journal::$journal, $build), $fault_at);
        }
    )+};
}

sweeps! {
    a_kill_at_any_change_of_one_rollback_file_loses_nothing: SameFile, Rollback, small, |_| KILL;
    a_kill_at_any_change_of_one_wal_file_loses_nothing: SameFile, Wal, small, |_| KILL;
    a_kill_at_any_change_of_two_rollback_files_loses_nothing: TwoFiles, Rollback, small, |_| KILL;
    a_kill_at_any_change_of_two_wal_files_loses_nothing: TwoFiles, Wal, small, |_| KILL;
    a_kill_at_any_change_of_a_new_file_loses_nothing: Created, Rollback, small, |_| KILL;
    a_device_that_dies_at_any_change_of_one_rollback_file_loses_nothing: SameFile, Rollback, small, |_| IO_FOREVER;
    a_device_that_dies_at_any_change_of_one_wal_file_loses_nothing: SameFile, Wal, small, |_| IO_FOREVER;
    an_error_at_any_change_of_one_rollback_file_loses_nothing: SameFile, Rollback, small, mixed;
    an_error_at_any_change_of_one_wal_file_loses_nothing: SameFile, Wal, small, mixed;
    an_error_at_any_change_of_two_rollback_files_loses_nothing: TwoFiles, Rollback, small, mixed;
    an_error_at_any_change_of_two_wal_files_loses_nothing: TwoFiles, Wal, small, mixed;
    an_error_at_any_change_of_a_new_file_loses_nothing: Created, Rollback, small, mixed;
}

// ---- a page cache that overflows before the commit -------------------------------------------------------------------------

/// Every so many changes only: there are thousands, nearly all of them alike.
fn sweep_thinly(scenario: &Scenario, fault_at: impl Fn(usize) -> Fault) {
    let shim = Shim::new();
    let (_, noted) = run(&shim, scenario, &scenario.place(), 0, KILL);
    let changes: usize = noted.parse().unwrap();
    assert!(changes > 2000, "{changes} changes: the page cache held everything");
    for at in (1..=4).map(|part| changes * part / 5) {
        let place = scenario.place();
        let fault = fault_at(at);
        let (outcome, noted) = run(&shim, scenario, &place, at, fault);
        let what = format!("{fault:?} at {at} of {changes} ({noted}), {outcome:?}");
        let state = scenario.recover(&place, &what);
        assert!(!matches!(outcome, Outcome::Done { .. }) || state == State::After, "{what}");
        assert!(!matches!(outcome, Outcome::Failed(_)) || state == State::Before, "{what}");
    }
}

#[test]
fn pages_written_before_the_commit_are_undone_in_a_rollback_file() {
    sweep_thinly(&Scenario::new(Layout::SameFile, Journal::Rollback, bulky), |at| {
        if at % 2 == 0 { KILL } else { mixed(at / 2) }
    });
}

#[test]
fn pages_written_before_the_commit_are_undone_in_a_wal_file() {
    sweep_thinly(
        &Scenario::new(Layout::SameFile, Journal::Wal, bulky),
        |at| if at % 2 == 0 { KILL } else { mixed(at / 2) },
    );
}

// ---- kill -9 at any moment -------------------------------------------------------------------------------------------------

/// Kills the job at so many moments between its start and somewhat after its end.
fn kill_at_random_moments(scenario: &Scenario, moments: u32) {
    let duration = (0..3)
        .map(|_| {
            let place = scenario.place();
            let since = Instant::now();
            let outcome = child::outcome(scenario.job(&place).command().spawn().unwrap());
            assert!(matches!(outcome, Outcome::Done { skipped: false, .. }), "{outcome:?}");
            since.elapsed()
        })
        .max()
        .unwrap();
    let (mut before, mut after) = (0, 0);
    for moment in 0..moments {
        let delay = moment_of(duration, moment);
        let place = scenario.place();
        let mut child = scenario.job(&place).command().spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let outcome = child::outcome(child);
        let what = format!("killed after {delay:?} of {duration:?}, {outcome:?}");
        let state = scenario.recover(&place, &what);
        assert!(!matches!(outcome, Outcome::Failed(_)), "{what}");
        assert!(!matches!(outcome, Outcome::Done { .. }) || state == State::After, "{what}");
        match state {
            State::Before => before += 1,
            State::After => after += 1,
        }
    }
    println!("of {moments} moments {before} were before the commit, {after} after it");
}

#[test]
fn a_kill_at_50_moments_loses_nothing_in_one_rollback_file() {
    kill_at_random_moments(&Scenario::new(Layout::SameFile, Journal::Rollback, medium), 50);
}

#[test]
fn a_kill_at_50_moments_loses_nothing_in_one_wal_file() {
    kill_at_random_moments(&Scenario::new(Layout::SameFile, Journal::Wal, medium), 50);
}

#[test]
fn a_kill_at_35_moments_loses_nothing_in_two_rollback_files() {
    kill_at_random_moments(&Scenario::new(Layout::TwoFiles, Journal::Rollback, medium), 35);
}

#[test]
fn a_kill_at_35_moments_loses_nothing_in_two_wal_files() {
    kill_at_random_moments(&Scenario::new(Layout::TwoFiles, Journal::Wal, medium), 35);
}

#[test]
fn a_kill_at_30_moments_loses_nothing_in_a_new_file() {
    kill_at_random_moments(&Scenario::new(Layout::Created, Journal::Rollback, medium), 30);
}

// ---- cancelling ------------------------------------------------------------------------------------------------------------

/// Longer than the least time between two calls of a sink: each chance to call it is then taken.
const SLOW: Duration = Duration::from_millis(110);

/// Runs the job with a slow sink that does `act` in its `at`-th call. Returns how often the sink was called as well.
fn run_with(
    scenario: &Scenario,
    place: &Place,
    at: usize,
    cancel: Option<CancelToken>,
    mut act: impl FnMut() -> Flow + Send + 'static,
) -> (Result<MigrationResult, Error>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let sink: ProgressSink = Box::new(move |_| {
        std::thread::sleep(SLOW);
        if counted.fetch_add(1, Ordering::Relaxed) + 1 == at { act() } else { Flow::Continue }
    });
    let result = scenario.job(place).run(MigrateOptions { progress: Some(sink), cancel, ..MigrateOptions::default() });
    (result, calls.load(Ordering::Relaxed))
}

/// Stops the job in call 1, 2, 3, ... of its sink until it is done before it can be stopped.
fn stop_at_every_call(scenario: &Scenario, flow: Flow, check: impl Fn(&Error)) {
    for at in 1.. {
        let place = scenario.place();
        let (result, calls) = run_with(scenario, &place, at, None, move || flow);
        let what = format!("{flow:?} in call {at}");
        let state = scenario.recover(&place, &what);
        match result {
            Err(error) => {
                assert_eq!((state, calls), (State::Before, at), "{what}: {error:?}");
                check(&error);
            }
            // The last call only says that it is done.
            Ok(_) => {
                assert_eq!(state, State::After, "{what}");
                assert!(calls <= at && at > 5, "{what}: stopped in less than 5 calls");
                return;
            }
        }
    }
}

#[test]
fn a_sink_that_cancels_at_any_call_stops_the_job_and_changes_nothing() {
    stop_at_every_call(&Scenario::new(Layout::SameFile, Journal::Wal, small), Flow::Cancel, |error| {
        assert_eq!(error.status(), Status::Cancelled, "{error:?}");
    });
}

#[test]
fn a_sink_that_fails_at_any_call_stops_the_job_and_is_quoted() {
    stop_at_every_call(&Scenario::new(Layout::TwoFiles, Journal::Rollback, small), Flow::Fail(7), |error| {
        assert_eq!(error.status(), Status::Callback, "{error:?}");
        assert!(
            error.details().iter().any(|detail| detail.key == "callback_result" && detail.value == "7"),
            "{error:?}"
        );
    });
}

#[test]
fn a_token_triggered_by_another_thread_stops_the_job_in_any_phase() {
    let scenario = Scenario::new(Layout::SameFile, Journal::Rollback, whole);
    for at in [1, 4, 12] {
        let place = scenario.place();
        let token = CancelToken::new();
        let (ask, asked) = mpsc::channel::<()>();
        let (answer, answered) = mpsc::channel::<()>();
        let trigger = token.clone();
        let other = std::thread::spawn(move || {
            asked.recv().unwrap();
            trigger.trigger();
            answer.send(()).unwrap();
        });
        let (result, calls) = run_with(&scenario, &place, at, Some(token), move || {
            ask.send(()).unwrap();
            answered.recv().unwrap();
            Flow::Continue
        });
        other.join().unwrap();
        assert_eq!(result.unwrap_err().status(), Status::Cancelled, "triggered in call {at}");
        assert_eq!(calls, at, "no call after the token was triggered");
        assert_eq!(scenario.recover(&place, &format!("triggered in call {at}")), State::Before);
    }
}

#[test]
fn a_token_triggered_at_any_moment_stops_the_job_or_comes_too_late() {
    let scenario = Scenario::new(Layout::TwoFiles, Journal::Wal, medium);
    for moment in 0..10 {
        let place = scenario.place();
        let token = CancelToken::new();
        let trigger = token.clone();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(25 * moment));
            trigger.trigger();
        });
        let result = scenario.job(&place).run(MigrateOptions { cancel: Some(token), ..MigrateOptions::default() });
        other.join().unwrap();
        let state = scenario.recover(&place, &format!("triggered at moment {moment}"));
        match result {
            Ok(_) => assert_eq!(state, State::After),
            Err(error) => assert_eq!((error.status(), state), (Status::Cancelled, State::Before)),
        }
    }
}

#[test]
fn a_token_triggered_before_the_call_stops_it_without_a_report() {
    let scenario = Scenario::new(Layout::TwoFiles, Journal::Rollback, small);
    let place = scenario.place();
    let token = CancelToken::new();
    token.trigger();
    let (result, calls) = run_with(&scenario, &place, 0, Some(token), || Flow::Continue);
    assert_eq!(result.unwrap_err().status(), Status::Cancelled);
    assert_eq!(calls, 0);
    assert_eq!(scenario.recover(&place, "triggered before the call"), State::Before);
}

// ---- a limit on the size of files ------------------------------------------------------------------------------------------

/// Runs the job with every limit on the size of files, from none to enough.
fn limit_the_file_size(scenario: &Scenario) {
    let mut failed = 0;
    for blocks in (0..).step_by(40) {
        let place = scenario.place();
        let child = with_file_size_limit(&scenario.job(&place).command(), blocks).spawn().unwrap();
        let outcome = child::outcome(child);
        let what = format!("{blocks} blocks, {outcome:?}");
        let state = scenario.recover(&place, &what);
        match outcome {
            Outcome::Failed(error) => {
                failed += 1;
                assert_eq!((&error["status"], state), (&"IO".into(), State::Before), "{what}");
                let says_why = format!("{} {}", error["message"], error["hint"]);
                assert!(says_why.contains("limit") || says_why.contains("space"), "{what}");
            }
            Outcome::Done { .. } => {
                assert_eq!(state, State::After, "{what}");
                assert!(failed > 3, "{what}: done after {failed} failures");
                return;
            }
            Outcome::Killed => panic!("{what}"),
        }
    }
}

#[test]
fn a_limit_on_the_file_size_is_reported_and_loses_nothing_in_a_rollback_file() {
    limit_the_file_size(&Scenario::new(Layout::SameFile, Journal::Rollback, small));
}

#[test]
fn a_limit_on_the_file_size_is_reported_and_loses_nothing_in_a_wal_file() {
    limit_the_file_size(&Scenario::new(Layout::TwoFiles, Journal::Wal, small));
}

#[test]
fn a_limit_on_the_file_size_is_reported_and_loses_nothing_in_a_new_file() {
    limit_the_file_size(&Scenario::new(Layout::Created, Journal::Rollback, small));
}
