//! Progress, cancelling and the heartbeat of a validation.

use crate::ledger;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::ledger::{damaged, experiments, validate_with};
use crate::support::reports::{SLOW, check, goes_on, recorder, taken};
use crate::support::*;
use expmig::database::Next;
use expmig::validation::validate;
use expmig::{CancelToken, Database, Domain, Flow, OpenOptions, Status, ValidateOptions};

fn all_rows(path: &Path) -> i64 {
    let tables = ledger::tables::TABLES.iter().map(|table| format!("(SELECT count(*) FROM {})", table.name));
    integer(path, &format!("SELECT {}", tables.collect::<Vec<_>>().join(" + ")))
}

#[test]
fn reports_go_from_0_to_exactly_100_percent_of_the_rows() {
    let folder = Folder::new();
    let epochs = "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3009)
                  INSERT INTO EPOCH SELECT i, 22, '2023-12-01T10:20:00' FROM n;";
    let path = folder.small("small.db", epochs);
    for (experiment, rows) in [(None, all_rows(&path) as u64), (Some(1), SMALL_ROWS + 3000)] {
        let (calls, sink) = recorder(SLOW, goes_on);
        let options = ValidateOptions { progress: Some(sink), experiment, ..ValidateOptions::default() };
        validate_with(&path, options).expect("a report");
        let calls = taken(&calls);
        check(&calls);
        let last = calls.last().expect("a last call");
        assert_eq!((last.processed_items, last.total_items), (rows, rows), "{experiment:?}");
        // Once known, the total is right.
        let known: BTreeSet<u64> = calls.iter().map(|call| call.total_items).filter(|total| *total > 0).collect();
        assert_eq!(known, BTreeSet::from([rows]), "{experiment:?}");
        let between: Vec<f64> = calls.iter().map(expmig::Progress::completion_percentage).collect();
        assert!(between.iter().any(|percent| (1.0..99.0).contains(percent)), "{between:?}");
    }
}

#[test]
fn with_defects_of_all_kinds_the_end_is_100_percent_too() {
    let folder = Folder::new();
    let path = damaged(&folder);
    for experiment in experiments(&path).into_iter().map(Some).chain([None]) {
        let (calls, sink) = recorder(SLOW, goes_on);
        let options = ValidateOptions { progress: Some(sink), experiment, ..ValidateOptions::default() };
        validate_with(&path, options).expect("a report");
        let calls = taken(&calls);
        check(&calls);
        let totals: BTreeSet<u64> = calls.iter().map(|call| call.total_items).filter(|total| *total > 0).collect();
        assert_eq!(totals.len(), 1, "experiment {experiment:?}: the total changed, {totals:?}");
    }
}

#[test]
fn each_scope_counts_the_rows_that_it_reads() {
    let folder = Folder::new();
    let path = folder.small("small.db", "");
    for scope in 1..8 {
        let scope = expmig::validation::Scope {
            foreign_keys: scope & 1 != 0,
            metric_json: scope & 2 != 0,
            hierarchy: scope & 4 != 0,
            registered_checks: false,
        };
        for experiment in [None, Some(1)] {
            let (calls, sink) = recorder(SLOW, goes_on);
            let options = ValidateOptions { progress: Some(sink), experiment, scope, ..ValidateOptions::default() };
            validate_with(&path, options).expect("a report");
            let calls = taken(&calls);
            check(&calls);
            let totals: BTreeSet<u64> = calls.iter().map(|call| call.total_items).filter(|total| *total > 0).collect();
            assert_eq!(totals.len(), 1, "{scope:?} of {experiment:?}: {totals:?}");
        }
    }
}

#[test]
fn a_sink_can_stop_it_at_every_call() {
    let folder = Folder::new();
    let path = damaged(&folder);
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    let run = |stop: usize, flow: Flow| {
        let (calls, sink) = recorder(SLOW, move |number, _| if number == stop { flow } else { Flow::Continue });
        let options = ValidateOptions { progress: Some(sink), ..ValidateOptions::default() };
        let result = validate(&database, options, &mut |_, _, _, _| Ok(()));
        (result, taken(&calls).len())
    };
    let (whole, calls) = run(usize::MAX, Flow::Continue);
    let whole = whole.expect("a report");
    assert!(calls > 4, "{calls}");
    for stop in 0..calls - 1 {
        for (flow, status) in [(Flow::Cancel, Status::Cancelled), (Flow::Fail(-7), Status::Callback)] {
            let (result, made) = run(stop, flow);
            let error = result.expect_err("a stop");
            assert_eq!((error.status(), error.domain()), (status, Domain::Validation), "{}", error.to_json());
            assert_eq!(made, stop + 1, "no call after the one that stopped it");
            if status == Status::Callback {
                assert_detail(&error, "callback_result", "-7");
            }
        }
    }
    // The answer to the last call comes too late.
    run(calls - 1, Flow::Cancel).0.expect("a report");
    let (again, _) = run(usize::MAX, Flow::Continue);
    assert_eq!(again.expect("a report").issues(), whole.issues(), "the handle is as good as before");
}

#[test]
fn a_token_stops_it_before_it_begins_and_inside_a_long_statement() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    let token = CancelToken::new();
    token.trigger();
    let options = ValidateOptions { cancel: Some(token), ..ValidateOptions::default() };
    let error = validate(&database, options, &mut |_, _, _, _| Ok(())).expect_err("a cancel");
    assert_eq!((error.status(), error.domain()), (Status::Cancelled, Domain::Validation));

    let token = CancelToken::new();
    let (asked, begun) = (token.clone(), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&begun);
    let other = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        asked.trigger();
    });
    let options = ValidateOptions { cancel: Some(token), ..ValidateOptions::default() };
    let result = validate(&database, options, &mut |connection, _, _, _| {
        begun.store(true, Ordering::Relaxed);
        connection.query(ENDLESS, &[], &mut |_| Ok(Next::Row))
    });
    assert_eq!(result.expect_err("a cancel").status(), Status::Cancelled);
    other.join().expect("the other thread");
}

/// Takes longer than any test may.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

#[test]
fn inside_a_long_statement_the_sink_is_called_at_least_once_a_second() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    let (calls, sink) = recorder(Duration::ZERO, |number, progress| match progress.operation {
        "running registered checks" if number > 5 => Flow::Cancel,
        _ => Flow::Continue,
    });
    let options = ValidateOptions { progress: Some(sink), ..ValidateOptions::default() };
    let result =
        validate(&database, options, &mut |connection, _, _, _| connection.query(ENDLESS, &[], &mut |_| Ok(Next::Row)));
    assert_eq!(result.expect_err("a cancel").status(), Status::Cancelled);
    assert!(taken(&calls).len() > 5);
}

#[test]
fn waiting_for_a_lock_reports_and_can_be_cancelled() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let options = OpenOptions { busy_timeout: Duration::from_secs(600), ..OpenOptions::default() };
    let database = Database::open(url(&path), options).expect("the database");
    let other = sql(&path);
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let (calls, sink) = recorder(Duration::ZERO, |number, _| if number == 2 { Flow::Cancel } else { Flow::Continue });
    let options = ValidateOptions { progress: Some(sink), ..ValidateOptions::default() };
    let error = validate(&database, options, &mut |_, _, _, _| Ok(())).expect_err("a cancel");
    assert_eq!(error.status(), Status::Cancelled);
    assert_eq!(taken(&calls).len(), 3);
}
