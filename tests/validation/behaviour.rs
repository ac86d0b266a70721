//! How a validation behaves: it writes nothing, sees one state, counts exactly, and fails where the database cannot be read.

use crate::support;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::texts::cases;
use crate::ledger::{Found, assert_equal, damaged, experiments, found, validate_file, validate_with};
use crate::support::child::{self, Talker};
use crate::support::reports::{SLOW, recorder, taken};
use crate::support::*;
use expmig::validation::{Report, validate};
use expmig::{Database, Domain, Flow, OpenOptions, Severity, Status, ValidateOptions};
use serde_json::json;

/// The body of the child process that writes; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some((_, input)) = child::role() else { return };
    let parent = child::Parent::listen();
    let connection = support::database::open(Path::new(input["path"].as_str().expect("a path")));
    for batch in 1.. {
        if !parent.waits() {
            return;
        }
        // In every state that was committed, there are as many orphans as metrics without a link.
        let script = "BEGIN IMMEDIATE; INSERT INTO TRIAL (name, experiment_id, start_time, update_time)
                        SELECT 'new', 777, '2024-01-01T00:00:00', '2024-01-01T00:00:00';
                      INSERT INTO METRIC (type, total_val) VALUES ('loss', 1); COMMIT";
        connection.execute_batch(script).expect("a commit");
        child::say(&json!({"batch": batch}));
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn limited(path: &Path, issue_limit: usize) -> Report {
    validate_with(path, ValidateOptions { issue_limit, ..ValidateOptions::default() }).expect("a report")
}

fn counts(report: &Report) -> Vec<(&'static str, String, u64)> {
    report.counts().iter().map(|count| (count.kind.name(), count.table.clone(), count.count)).collect()
}

// ---- Counts and lists

#[test]
fn counts_are_exact_whatever_is_listed() {
    let folder = Folder::new();
    let path = damaged(&folder);
    let whole = limited(&path, 1 << 20);
    let all = found(&whole);
    assert!(all.len() > 100, "{}", all.len());
    for limit in [0, 1, 2, 3, 10, 37, 50, 100, all.len() - 1, all.len(), all.len() + 1] {
        let report = limited(&path, limit);
        assert_eq!(counts(&report), counts(&whole), "limit {limit}");
        assert_eq!((report.total(), report.passed()), (all.len() as u64, false), "limit {limit}");
        assert!(report.issues().len() <= limit, "limit {limit}: {}", report.issues().len());
        if limit >= all.len() {
            assert_equal(found(&report), all.clone(), "an ample limit");
        }
        // What is listed is of the report, and every group has a place while there are enough.
        let listed: BTreeSet<(&str, &str)> =
            report.issues().iter().map(|issue| (issue.kind.name(), &*issue.table)).collect();
        assert!(report.issues().iter().all(|issue| whole.issues().contains(issue)), "limit {limit}");
        if limit >= report.counts().len() {
            assert_eq!(listed.len(), report.counts().len(), "limit {limit}");
        }
    }
}

#[test]
fn a_limit_of_0_counts_and_lists_nothing() {
    let folder = Folder::new();
    let report = limited(&damaged(&folder), 0);
    assert!(report.issues().is_empty() && report.total() > 0 && !report.passed());
    let json = report.to_json();
    for list in ["/issues", "/json_metric_issues", "/hierarchy_issues", "/registered_check_issues"] {
        assert_eq!(at(&json, list), &json!([]));
    }
    assert_eq!(at(&json, "/foreign_key_violations"), &json!({}));
    assert_eq!(at(&json, "/summary/total_issues"), report.total());
    assert_eq!(at(&json, "/summary/listed_issues"), 0);
    assert_eq!(at(&json, "/counts").as_array().map(Vec::len), Some(report.counts().len()));
}

#[test]
fn one_bad_row_never_hides_the_next() {
    let folder = Folder::new();
    let path = folder.empty("bad.db", "");
    let connection = sql(&path);
    connection.execute_batch("BEGIN").expect("a transaction");
    let bad: Vec<_> = cases().into_iter().filter(|case| !case.kinds.is_empty()).collect();
    let mut expected = Vec::new();
    let mut id = 0;
    for round in 0..5 {
        for case in &bad {
            id += 1;
            // What made other validators stop: a long blob, megabytes of text, an index that is none, all of it in a row.
            let cell = if round == 3 { "zeroblob(200000)" } else { &case.cell };
            connection.execute(&format!("INSERT INTO METRIC VALUES ({id}, x'ff', 'high', {cell})"), []).expect("a row");
            let row = format!("id={id}");
            expected.push(Found::new("unlinked_metric", "METRIC", &*row, None));
            expected.push(Found::new("text_not_text", "METRIC", &*row, Some("type")));
            expected.push(Found::new("total_val_not_number", "METRIC", &*row, Some("total_val")));
            let kinds = if round == 3 { &["json_not_text"][..] } else { &case.kinds };
            expected.extend(kinds.iter().map(|kind| Found::new(kind, "METRIC", &*row, Some("per_label_val"))));
        }
    }
    connection.execute_batch("COMMIT").expect("a commit");
    assert_equal(found(&validate_file(&path, None)), expected, "bad rows only");
}

#[test]
fn two_validations_of_one_state_say_the_same() {
    let folder = Folder::new();
    let path = damaged(&folder);
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    let report = |limit| {
        let options = ValidateOptions { issue_limit: limit, ..ValidateOptions::default() };
        validate(&database, options, &mut |_, _, _, _| Ok(())).expect("a report")
    };
    for limit in [50, 1000] {
        let (first, second) = (report(limit), report(limit));
        assert_eq!(first.issues(), second.issues());
        assert_eq!(counts(&first), counts(&second));
    }
}

// ---- What the database becomes of it

#[test]
fn nothing_is_written() {
    let folder = Folder::new();
    for path in [folder.digits("digits.db"), damaged(&folder)] {
        leaves_alone(&path, || {
            for experiment in [None, experiments(&path).first().copied()] {
                validate_file(&path, experiment);
            }
        });
    }
}

#[test]
fn a_read_only_file_in_a_read_only_folder_can_be_validated() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = damaged(&folder);
    let expected = found(&validate_file(&path, None));
    let holder = path.parent().expect("a folder");
    let allow = |file: u32, folder: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file)).expect("the file's mode");
        std::fs::set_permissions(holder, std::fs::Permissions::from_mode(folder)).expect("the folder's mode");
    };
    allow(0o444, 0o555);
    let both = [false, true].map(|read_only| {
        let options = OpenOptions { read_only, ..OpenOptions::default() };
        let options = (options, ValidateOptions { issue_limit: 1 << 20, ..ValidateOptions::default() });
        Database::open(url(&path), options.0)
            .and_then(|database| validate(&database, options.1, &mut |_, _, _, _| Ok(())))
    });
    allow(0o644, 0o755);
    for report in both {
        assert_equal(found(&report.expect("a report")), expected.clone(), "read-only");
    }
}

#[test]
fn a_check_that_writes_cannot() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    leaves_alone(&path, || {
        let result = validate(&database, ValidateOptions::default(), &mut |connection, _, _, _| {
            connection.execute("DELETE FROM METRIC", &[]).map(drop)
        });
        result.expect_err("a connection that cannot write");
    });
    // The handle is as good as before.
    assert!(validate(&database, ValidateOptions::default(), &mut |_, _, _, _| Ok(())).expect("a report").passed());
}

#[test]
fn while_another_process_writes_one_state_is_seen() {
    let folder = Folder::new();
    let path = folder.small("live.db", "");
    execute(&path, "PRAGMA journal_mode = WAL");
    let writer = Arc::new(Talker::start("write", &json!({"path": path})));
    writer.wait_for("batch", 3);
    let database = Database::open(url(&path), OpenOptions::default()).expect("the database");
    let mut states = BTreeSet::new();
    for _ in 0..3 {
        let watched = Arc::clone(&writer);
        // From the second call on the state is fixed; the writer goes on in the middle of it.
        let (calls, sink) = recorder(SLOW, move |number, progress| {
            if number > 0 && !progress.finished {
                watched.wait_for("batch", watched.count("batch") + 3);
            }
            Flow::Continue
        });
        let options = ValidateOptions { progress: Some(sink), ..ValidateOptions::default() };
        let report = validate(&database, options, &mut |_, _, _, _| Ok(())).expect("a report");
        assert!(taken(&calls).len() >= 3, "the writer did not write meanwhile");
        let count = |kind: &str| counts(&report).iter().find(|(found, ..)| *found == kind).map(|(.., count)| *count);
        let trials = count("dangling_reference").expect("trials");
        assert_eq!((count("orphan"), count("unlinked_metric")), (Some(trials), Some(trials)));
        assert_eq!(count("duplicate_trial_name"), Some(trials - 1));
        states.insert(trials);
    }
    assert_eq!(states.len(), 3, "{states:?}");
    Arc::into_inner(writer).expect("the writer").stop();
}

// ---- What is an error, and never an issue

#[test]
fn an_experiment_that_does_not_exist_is_not_found() {
    let folder = Folder::new();
    for path in [folder.digits("digits.db"), damaged(&folder), folder.empty("empty.db", "")] {
        for experiment in [999_999, -5_000_000, i64::MAX - 777, i64::MIN + 777] {
            let options = ValidateOptions { experiment: Some(experiment), ..ValidateOptions::default() };
            let error = failed(validate_with(&path, options), Status::NotFound);
            assert_detail(&error, "experiment_id", &experiment.to_string());
            assert_eq!(error.domain(), Domain::Validation);
        }
    }
}

#[test]
fn a_damaged_page_of_any_table_is_an_error() {
    let folder = Folder::new();
    for table in [
        "EXPERIMENT",
        "TRIAL",
        "TRIAL_RUN",
        "RESULTS",
        "EPOCH",
        "BATCH",
        "METRIC",
        "ARTIFACT",
        "EPOCH_METRIC",
        "TRIAL_ARTIFACT",
    ] {
        let path = folder.digits("damaged.db");
        let page = integer(&path, &format!("SELECT rootpage FROM sqlite_master WHERE name = '{table}'")) as usize;
        let size = integer(&path, "PRAGMA page_size") as usize;
        let mut content = bytes(&path);
        content[(page - 1) * size..page * size].fill(0xff);
        std::fs::write(&path, content).expect("a damaged file");
        let error = failed(validate_with(&path, ValidateOptions::default()), Status::Corrupt);
        assert_detail(&error, "path", url(&path));
    }
}

#[test]
fn a_database_that_is_locked_is_busy() {
    let folder = Folder::new();
    let path = folder.digits("digits.db");
    let options = OpenOptions { busy_timeout: Duration::ZERO, ..OpenOptions::default() };
    let database = Database::open(url(&path), options).expect("the database");
    let other = sql(&path);
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let error = failed(validate(&database, ValidateOptions::default(), &mut |_, _, _, _| Ok(())), Status::Busy);
    assert!(error.retryable());
    other.execute_batch("ROLLBACK").expect("the end of the lock");
    assert!(validate(&database, ValidateOptions::default(), &mut |_, _, _, _| Ok(())).expect("a report").passed());
}

// ---- Generations, and the report as JSON

#[test]
fn both_generations_are_validated() {
    let folder = Folder::new();
    let both = [
        Found::new("unlinked_artifact", "ARTIFACT", "id=57", None),
        Found::new("shared_row", "ARTIFACT", "id=54", None),
    ];
    let batches = "INSERT INTO BATCH_METRIC VALUES (9, 9, 21, 37);";
    let first = folder.database("first.db", 1, SMALL);
    assert_equal(found(&validate_file(&first, None)), both.to_vec(), "generation 1");
    let second = folder.small("second.db", "");
    assert_equal(found(&validate_file(&second, None)), both.to_vec(), "generation 2");
    execute(&second, batches);
    let more = Found::new(
        "dangling_reference",
        "BATCH_METRIC",
        "batch_idx=9, epoch_idx=9, trial_run_id=21, metric_id=37",
        Some("batch_idx, epoch_idx, trial_run_id"),
    );
    assert_equal(found(&validate_file(&second, None)), [&both[..], &[more]].concat(), "a batch that is not there");
    assert_equal(found(&validate_file(&folder.empty("empty.db", ""), None)), Vec::new(), "no rows");
}

#[test]
fn the_document_has_the_keys_of_the_specification_and_agrees_with_the_report() {
    let folder = Folder::new();
    let path = damaged(&folder);
    let report = validate_file(&path, None);
    let json = report.to_json();
    assert_eq!(at(&json, "/schema"), "expmig.validation/1");
    assert_eq!(at(&json, "/experiment_id"), &json!(null));
    assert_eq!(at(&json, "/scope"), &json!(["foreign_keys", "metric_json", "hierarchy", "registered_checks"]));
    let stamp = at(&json, "/timestamp").as_str().expect("a time");
    assert!(stamp.ends_with('Z') && stamp.len() == 27, "{stamp}");
    assert_eq!(at(&json, "/summary/overall_status"), "FAIL");
    let total = |name: &str| at(&json, &format!("/summary/{name}")).as_u64().expect("a number");
    let of = |severity| report.count(severity);
    assert_eq!(
        (total("total_errors"), total("total_warnings"), total("total_infos")),
        (of(Severity::Error), of(Severity::Warning), of(Severity::Info))
    );
    assert_eq!(total("total_issues"), report.total());
    // Infos are no findings of the specification's lists.
    let length = |name: &str| at(&json, name).as_array().expect("a list").len() as u64;
    let violations = at(&json, "/foreign_key_violations").as_object().expect("an object");
    let named: u64 = violations.values().map(|list| list.as_array().expect("a list").len() as u64).sum();
    assert!(
        violations.values().all(|list| !list.as_array().expect("a list").is_empty()),
        "only tables with violations"
    );
    assert_eq!(total("total_foreign_key_violations"), named);
    assert_eq!(total("total_json_issues"), length("/json_metric_issues"));
    assert_eq!(total("total_hierarchy_issues"), length("/hierarchy_issues"));
    assert_eq!(total("total_registered_check_issues"), 0);
    assert_eq!(
        named + total("total_json_issues") + total("total_hierarchy_issues") + total("total_infos"),
        report.total()
    );
    assert_eq!(report.hierarchy_messages().len() as u64, length("/hierarchy_issues"));
    for (issue, listed) in report.issues().iter().zip(at(&json, "/issues").as_array().expect("a list")) {
        assert_eq!(listed["kind"], issue.kind.name());
        assert_eq!(listed["severity"], issue.severity.name());
        assert_eq!(listed["row"], *issue.row);
        assert_eq!(listed["column"].as_str(), issue.column.as_deref());
        for key in ["table", "message", "value", "check"] {
            assert!(listed.get(key).is_some(), "{key} in {listed}");
        }
    }
    let passed = validate_file(&folder.digits("digits.db"), Some(1)).to_json();
    assert_eq!((at(&passed, "/summary/overall_status"), at(&passed, "/experiment_id")), (&json!("PASS"), &json!(1)));
}
