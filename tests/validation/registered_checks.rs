//! Rules of the user's own: SQL whose rows are the offenders, and callbacks that look for themselves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::*;
use expmig::progress::Flow;
use expmig::validation::{Report, Scope};
use expmig::{
    CancelToken, Check, Error, Finding, Issue, IssueKind, Manager, Next, Section, Severity, Status, Strategy,
    ValidateOptions, Value, ValueRef,
};
use serde_json::json;

/// Nothing but the registered checks.
fn checks_only() -> ValidateOptions {
    ValidateOptions { scope: Scope { registered_checks: true, ..Scope::NONE }, ..ValidateOptions::default() }
}

fn validated(manager: &Manager, options: ValidateOptions) -> Report {
    manager.validate(options).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn found(manager: &Manager) -> Vec<Issue> {
    validated(manager, checks_only()).issues().to_vec()
}

#[track_caller]
fn register(manager: &Manager, name: &str, check: Check) {
    manager.register_check(name, check).unwrap_or_else(|error| panic!("{}", error.to_json()));
}

#[track_caller]
fn names(error: &Error, check: &str) {
    assert_detail(error, "check", check);
}

fn finding(message: &str) -> Finding {
    Finding { message: Some(message.to_owned()), ..Finding::default() }
}

// ---- SQL

#[test]
fn every_row_that_a_select_answers_is_an_issue_told_by_its_columns() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    register(
        &manager,
        "losses are below 2",
        Check::sql(
            "SELECT 'METRIC' AS \"table\", 'id=' || id AS \"row\", 'total_val' AS \"column\", total_val AS value,
                    'the loss of metric ' || id || ' is high' AS message,
                    CASE WHEN total_val > 5 THEN 'error' ELSE 'Warning' END AS severity
             FROM METRIC WHERE type = 'loss' AND total_val >= 2 ORDER BY id",
        ),
    );
    let report = validated(&manager, ValidateOptions { issue_limit: 10, ..checks_only() });
    let issue = |severity, row: &str, message: &str, value: &str| Issue {
        kind: IssueKind::RegisteredCheck,
        severity,
        table: "METRIC".into(),
        row: row.into(),
        column: Some("total_val".into()),
        message: message.into(),
        value: Some(value.into()),
        check: Some("losses are below 2".into()),
    };
    let expected = [
        issue(Severity::Error, "id=36", "the loss of metric 36 is high", "9.0"),
        issue(Severity::Warning, "id=34", "the loss of metric 34 is high", "2.5"),
    ];
    assert_eq!(report.issues(), expected);
    assert!(!report.passed());
    assert_eq!((report.count(Severity::Error), report.count(Severity::Warning), report.total()), (1, 1, 2));
    let json = report.to_json();
    assert_eq!(at(&json, "/summary/overall_status"), "FAIL");
    assert_eq!(at(&json, "/summary/total_registered_check_issues"), 2);
    assert_eq!(at(&json, "/scope"), &json!(["registered_checks"]));
    assert_eq!(at(&json, "/registered_check_issues/0/check"), "losses are below 2");
    assert_eq!(
        at(&json, "/counts/0"),
        &json!({"kind": "registered_check", "severity": "error", "table": "METRIC", "check": "losses are below 2", "count": 1})
    );
}

#[test]
fn what_the_columns_do_not_tell_is_made_of_the_rest() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let told = |sql: &str| {
        register(&manager, "c", Check::sql(sql));
        let issues = found(&manager);
        manager.unregister_check("c").expect("it was there");
        assert_eq!(issues.len(), 1, "{sql}");
        let issue = issues[0].clone();
        assert_eq!((issue.severity, issue.check.as_deref()), (Severity::Error, Some("c")), "{sql}");
        let [table, row, message] = [issue.table.into_owned(), issue.row, issue.message];
        (table, row, issue.column.map(|column| column.into_owned()), message, issue.value)
    };
    let text = |text: &str| text.to_owned();
    // The row is told by the other columns, the message by the name, the table and the row.
    assert_eq!(
        told("SELECT id, name FROM TRIAL WHERE id = 11"),
        (text(""), text("id=11, name=\"first\""), None, text("c: id=11, name=\"first\""), None)
    );
    assert_eq!(
        told("SELECT id, 'TRIAL' AS table_name FROM TRIAL WHERE id = 11"),
        (text("TRIAL"), text("id=11"), None, text("c: TRIAL (id=11)"), None)
    );
    // Without any other column by all.
    assert_eq!(
        told("SELECT x'00ff' AS value, NULL AS \"column\", NULL AS severity"),
        (
            text(""),
            text("value=a blob of 2 bytes, column=NULL, severity=NULL"),
            None,
            text("c: value=a blob of 2 bytes, column=NULL, severity=NULL"),
            Some(text("a blob of 2 bytes"))
        )
    );
    // Each name in each letter case; the first of two counts.
    assert_eq!(
        told(
            "SELECT 'trial' AS TABLE_NAME, 5 AS Row_Key, 'a' AS COLUMN_NAME, 'm' AS Message, 'v' AS VALUE, 1 AS SEVERITY, 6 AS key"
        ),
        (text("TRIAL"), text("5"), Some(text("a")), text("m"), Some(text("\"v\"")))
    );
    assert_eq!(told("SELECT 7 AS \"key\", 8 AS value").1, "7");
    // Text that is not UTF-8, and NUL and newlines in it.
    let (_, row, _, message, _) =
        told("SELECT CAST(x'61ff62' AS TEXT) AS \"row\", 'a' || char(10) || char(0) || 'b' AS message");
    assert_eq!((row.as_str(), message.as_str()), ("a\u{fffd}b", "a  b"));
}

#[test]
fn a_severity_is_a_name_or_a_number_and_nothing_else() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    for (sql, expected) in [
        ("'error'", Severity::Error),
        ("'WARNING'", Severity::Warning),
        ("'info'", Severity::Info),
        ("1", Severity::Error),
        ("2.0", Severity::Warning),
        ("3", Severity::Info),
        ("NULL", Severity::Error),
    ] {
        register(&manager, "c", Check::sql(format!("SELECT {sql} AS severity")));
        let report = validated(&manager, checks_only());
        assert_eq!(report.issues()[0].severity, expected, "{sql}");
        assert_eq!(report.passed(), expected != Severity::Error, "{sql}");
        manager.unregister_check("c").expect("it was there");
    }
    for sql in ["'fatal'", "0", "4", "''", "x'01'", "1.5", "9223372036854775807"] {
        register(&manager, "c", Check::sql(format!("SELECT {sql} AS severity")));
        let error = failed(manager.validate(checks_only()), Status::InvalidArgument);
        names(&error, "c");
        manager.unregister_check("c").expect("it was there");
    }
}

#[test]
fn sql_is_looked_at_when_it_is_registered() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let manager = open(&path);
    leaves_alone(&path, || {
        for (sql, status) in [
            ("DELETE FROM TRIAL RETURNING id", Status::Misuse),
            ("PRAGMA query_only = OFF", Status::Misuse),
            ("COMMIT", Status::Misuse),
            ("SELECT load_extension('x')", Status::Misuse),
            ("VACUUM", Status::Misuse),
            ("SELECT nothing FROM TRIAL WHERE", Status::InvalidArgument),
            ("SELECT * FROM absent", Status::InvalidArgument),
            ("SELECT 1; SELECT 2", Status::InvalidArgument),
            ("", Status::InvalidArgument),
            ("SELECT id FROM TRIAL WHERE id = ?", Status::InvalidArgument),
            ("SELECT id FROM TRIAL WHERE id = ?1", Status::InvalidArgument),
            ("SELECT id FROM TRIAL WHERE id = :experiment", Status::InvalidArgument),
            ("SELECT :experiment_id, ?", Status::InvalidArgument),
        ] {
            let error = failed(manager.register_check("c", Check::sql(sql)), status);
            names(&error, "c");
            assert_detail(&error, "parameter", "sql");
        }
    });
    // None of them was registered.
    failed(manager.unregister_check("c"), Status::NotFound);
    assert_eq!(found(&manager), []);
}

#[test]
fn a_check_can_look_at_one_experiment() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    for sign in [":", "@", "$"] {
        let sql = format!(
            "SELECT id FROM TRIAL WHERE experiment_id = {sign}experiment_id OR {sign}experiment_id IS NULL ORDER BY id"
        );
        register(&manager, sign, Check::sql(sql));
    }
    register(&manager, "all", Check::sql("SELECT id FROM TRIAL"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    register(
        &manager,
        "callback",
        Check::callback(move |context| {
            told.lock().unwrap().push(context.experiment());
            Ok(Flow::Continue)
        }),
    );
    let counts = |experiment| {
        let report = validated(&manager, ValidateOptions { experiment, ..checks_only() });
        let of = |name: &str| report.issues().iter().filter(|issue| issue.check.as_deref() == Some(name)).count();
        [of(":"), of("@"), of("$"), of("all")]
    };
    assert_eq!(counts(Some(1)), [2, 2, 2, 3]);
    assert_eq!(counts(Some(2)), [1, 1, 1, 3]);
    assert_eq!(counts(None), [3, 3, 3, 3]);
    assert_eq!(*seen.lock().unwrap(), [Some(1), Some(2), None]);
    let absent = ValidateOptions { experiment: Some(9), ..checks_only() };
    failed(manager.validate(absent), Status::NotFound);
    assert_eq!(seen.lock().unwrap().len(), 3, "no check runs on an experiment that does not exist");
}

#[test]
fn what_fails_in_the_database_is_an_error_that_names_the_check_and_no_issue() {
    let folder = Folder::new();
    let path = folder.small("q.db", "CREATE TABLE extra (x); UPDATE METRIC SET per_label_val = '{' WHERE id = 32;");
    let manager = open(&path);
    register(&manager, "first", Check::sql("SELECT id FROM TRIAL"));
    register(&manager, "labels", Check::sql("SELECT METRIC.id FROM METRIC, json_each(per_label_val) WHERE value > 5"));
    let error = failed(manager.validate(checks_only()), Status::InvalidArgument);
    names(&error, "labels");
    assert!(error.message().contains("malformed JSON"), "{}", error.message());
    manager.unregister_check("labels").expect("it was there");
    register(&manager, "extra", Check::sql("SELECT x FROM extra"));
    execute(&path, "DROP TABLE extra");
    let error = failed(manager.validate(checks_only()), Status::InvalidArgument);
    names(&error, "extra");
    assert!(error.message().contains("no such table"), "{}", error.message());
    manager.unregister_check("extra").expect("it was there");
    assert_eq!(found(&manager).len(), 3);
}

#[test]
fn the_sql_of_the_page_about_checks_finds_what_it_says() {
    let page = std::fs::read_to_string(crate_path("docs/registered-checks.md")).expect("the page");
    let blocks: Vec<&str> =
        page.split("```sql\n").skip(1).map(|after| after.split_once("```").expect("the end of a block").0).collect();
    assert_eq!(blocks.len(), 2);
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", "DELETE FROM RESULTS WHERE trial_run_id = 22;"));
    register(&manager, "no results", Check::sql(blocks[0]));
    register(&manager, "high losses", Check::sql(blocks[1]));
    let messages: Vec<String> = found(&manager).into_iter().map(|issue| issue.message).collect();
    let expected = [
        "high losses: id=34, total_val=2.5",
        "high losses: id=36, total_val=9.0",
        "run 22 is failed but has no results",
        "run 23 is started but has no results",
    ];
    assert_eq!(messages, expected);
    let other = validated(&manager, ValidateOptions { experiment: Some(2), ..checks_only() });
    assert_eq!(other.count(Severity::Warning), 0);
}

// ---- Callbacks

#[test]
fn a_callback_queries_the_state_that_is_validated_and_reports_what_it_likes() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    sql(&path).pragma_update(None, "journal_mode", "wal").expect("WAL mode");
    let manager = open(&path);
    let other = Mutex::new(sql(&path));
    register(
        &manager,
        "runs have epochs",
        Check::callback(move |context| {
            assert_eq!(context.name(), "runs have epochs");
            // What others commit meanwhile is not seen.
            other.lock().unwrap().execute_batch("DELETE FROM EPOCH").expect("a change");
            context.query("SELECT id FROM TRIAL_RUN WHERE id > ?1 ORDER BY id", &[Value::Integer(21)], &mut |row| {
                let Some(ValueRef::Integer(run)) = row.get("id") else { panic!("{row:?}") };
                let mut epochs = 0;
                let sql = "SELECT idx FROM EPOCH WHERE trial_run_id = :run";
                context.query(sql, &[Value::Integer(run)], &mut |_| {
                    epochs += 1;
                    Ok(Next::Row)
                })?;
                if epochs == 0 {
                    context.report(Finding {
                        severity: Severity::Warning,
                        table: "trial_run".into(),
                        row: format!("id={run}"),
                        column: Some("id".into()),
                        message: None,
                        value: Some(run.to_string()),
                    })?;
                }
                Ok(Next::Row)
            })?;
            Ok(Flow::Continue)
        }),
    );
    let report = validated(&manager, checks_only());
    let expected = Issue {
        kind: IssueKind::RegisteredCheck,
        severity: Severity::Warning,
        table: "TRIAL_RUN".into(),
        row: "id=23".into(),
        column: Some("id".into()),
        message: "runs have epochs: TRIAL_RUN (id=23)".into(),
        value: Some("23".into()),
        check: Some("runs have epochs".into()),
    };
    assert_eq!(report.issues(), [expected]);
    assert!(report.passed(), "a warning is no failure");
    // Now it is seen.
    assert_eq!(found(&manager).len(), 3);
}

#[test]
fn a_callback_can_only_read() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let manager = open(&path);
    register(
        &manager,
        "writes",
        Check::callback(|context| {
            for sql in ["DELETE FROM TRIAL", "COMMIT", "ROLLBACK", "PRAGMA query_only = 0", "ATTACH ':memory:' AS x"] {
                failed(context.query(sql, &[], &mut |_| Ok(Next::Row)), Status::Misuse);
            }
            context.query("DELETE FROM TRIAL", &[], &mut |_| Ok(Next::Row))?;
            Ok(Flow::Continue)
        }),
    );
    let error = leaves_alone(&path, || failed(manager.validate(checks_only()), Status::Misuse));
    names(&error, "writes");
}

#[test]
fn a_callback_that_fails_ends_the_validation_and_is_named() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let later = Arc::new(AtomicUsize::new(0));
    for (answer, status) in
        [(Flow::Fail(42), Status::Callback), (Flow::Fail(-1), Status::Callback), (Flow::Cancel, Status::Cancelled)]
    {
        register(
            &manager,
            "failing",
            Check::callback(move |context| {
                context.report(finding("found before"))?;
                Ok(answer)
            }),
        );
        let count = Arc::clone(&later);
        register(
            &manager,
            "later",
            Check::callback(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(Flow::Continue)
            }),
        );
        let error = manager.validate(checks_only()).expect_err("it fails");
        assert_eq!((error.status(), error.domain()), (status, expmig::Domain::Validation));
        names(&error, "failing");
        if let Flow::Fail(code) = answer {
            assert_detail(&error, "callback", "check");
            assert_detail(&error, "callback_result", &code.to_string());
        }
        manager.unregister_check("failing").expect("it was there");
        manager.unregister_check("later").expect("it was there");
    }
    assert_eq!(later.load(Ordering::Relaxed), 0);
    // An error of its own comes out as it is.
    register(&manager, "own", Check::callback(|_| Err(Error::argument(expmig::Domain::Migration, "mine", "my own"))));
    let error = manager.validate(checks_only()).expect_err("it fails");
    assert_eq!((error.status(), error.message()), (Status::InvalidArgument, "my own"));
    names(&error, "own");
}

#[test]
fn whoever_cancels_is_the_reason_whatever_a_callback_makes_of_it() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    for answer in [Flow::Continue, Flow::Fail(7)] {
        let token = CancelToken::new();
        let trigger = token.clone();
        register(
            &manager,
            "endless",
            Check::callback(move |context| {
                trigger.trigger();
                let endless = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
                let error = context.query(endless, &[], &mut |_| Ok(Next::Row)).expect_err("it is interrupted");
                assert_eq!(error.status(), Status::Cancelled);
                Ok(answer)
            }),
        );
        let options = ValidateOptions { cancel: Some(token), ..checks_only() };
        let error = manager.validate(options).expect_err("it was cancelled");
        assert_eq!(error.status(), Status::Cancelled);
        manager.unregister_check("endless").expect("it was there");
    }
    // The same for SQL.
    let token = CancelToken::new();
    let trigger = token.clone();
    register(
        &manager,
        "trigger",
        Check::callback(move |_| {
            trigger.trigger();
            Ok(Flow::Continue)
        }),
    );
    register(&manager, "endless", Check::sql("WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"));
    let options = ValidateOptions { cancel: Some(token), ..checks_only() };
    assert_eq!(manager.validate(options).expect_err("it was cancelled").status(), Status::Cancelled);
}

// ---- The list of checks

#[test]
fn names_are_short_text_and_occur_once() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let long = "ü".repeat(65);
    for name in ["", "a\nb", "a\0b", "\u{7f}", long.as_str()] {
        let error = failed(manager.register_check(name, Check::sql("SELECT 1")), Status::InvalidArgument);
        assert_detail(&error, "parameter", "name");
    }
    let longest = "ü".repeat(64);
    register(&manager, &longest, Check::sql("SELECT 1 WHERE 0"));
    register(&manager, "a", Check::sql("SELECT 1 WHERE 0"));
    register(&manager, "A", Check::sql("SELECT 1 WHERE 0"));
    let error = failed(manager.register_check("a", Check::callback(|_| Ok(Flow::Continue))), Status::AlreadyExists);
    names(&error, "a");
    let error = failed(manager.unregister_check("b"), Status::NotFound);
    names(&error, "b");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("\"a\", \"A\"")), "{:?}", error.hint_text());
    manager.unregister_check("a").expect("it was there");
    failed(manager.unregister_check("a"), Status::NotFound);
    register(&manager, "a", Check::sql("SELECT 1 WHERE 0"));
}

#[test]
fn checks_run_in_the_order_in_which_they_were_registered_and_only_when_asked_for() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["z", "a", "m"] {
        let order = Arc::clone(&order);
        register(
            &manager,
            name,
            Check::callback(move |context| {
                order.lock().unwrap().push(context.name().to_owned());
                context.report(finding("always"))?;
                Ok(Flow::Continue)
            }),
        );
    }
    let scope = Scope { registered_checks: false, ..Scope::default() };
    let report = validated(&manager, ValidateOptions { scope, ..ValidateOptions::default() });
    assert!(report.issues().iter().all(|issue| issue.kind.section() != Section::RegisteredChecks));
    assert_eq!(*order.lock().unwrap(), Vec::<String>::new());
    let report = validated(&manager, ValidateOptions::default());
    assert_eq!(*order.lock().unwrap(), ["z", "a", "m"]);
    assert_eq!(report.count(Severity::Error), 3);
    assert_eq!(
        open(manager.database().path().expect("a file")).validate(checks_only()).expect("a report").total(),
        0,
        "others have none"
    );
}

#[test]
fn a_check_can_change_the_list_while_it_runs() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let manager = open(&path);
    let owned = Arc::new(());
    let (settings, kept) = (Arc::downgrade(manager.settings()), Arc::clone(&owned));
    register(
        &manager,
        "once",
        Check::callback(move |context| {
            let _kept = &kept;
            settings.upgrade().expect("the manager's").checks().unregister("once")?;
            context.report(finding("once"))?;
            Ok(Flow::Continue)
        }),
    );
    assert_eq!(found(&manager).len(), 1);
    assert_eq!(Arc::strong_count(&owned), 1, "what it owned is gone");
    assert_eq!(found(&manager).len(), 0);
}

#[test]
fn what_a_check_owns_is_dropped_once_however_its_life_ends() {
    struct Owned(Arc<AtomicUsize>);
    impl Drop for Owned {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let dropped = Arc::new(AtomicUsize::new(0));
    let check = || {
        let owned = Owned(Arc::clone(&dropped));
        Check::callback(move |_| {
            let _owned = &owned;
            Ok(Flow::Continue)
        })
    };
    let manager = open(&path);
    failed(manager.register_check("", check()), Status::InvalidArgument);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    register(&manager, "a", check());
    failed(manager.register_check("a", check()), Status::AlreadyExists);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    found(&manager);
    manager.unregister_check("a").expect("it was there");
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    register(&manager, "b", check());
    drop(manager);
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
}

// ---- Migration

#[test]
fn a_conservative_migration_runs_the_checks_of_its_source_and_others_do_not() {
    let folder = Folder::new();
    // Nothing else is odd about it.
    let path = folder.small("q.db", "DELETE FROM ARTIFACT WHERE id = 57;");
    for target in [None, Some(folder.empty("target.db", ""))] {
        let manager = open(&path);
        let target = target.as_deref().map(open);
        register(
            &manager,
            "severe",
            Check::sql("SELECT 'TRIAL' AS \"table\", 'id=11' AS \"row\", 'a severe finding' AS message"),
        );
        let error =
            failed(manager.migrate_experiment(1, target.as_ref(), with(Strategy::Conservative)), Status::Validation);
        assert!(error.to_json().to_string().contains("a severe finding"), "{}", error.to_json());
        manager.unregister_check("severe").expect("it was there");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        register(
            &manager,
            "hostile",
            Check::callback(move |context| {
                told.lock().unwrap().push(context.experiment());
                for sql in ["COMMIT", "ROLLBACK", "DELETE FROM TRIAL", "PRAGMA query_only = 0"] {
                    failed(context.query(sql, &[], &mut |_| Ok(Next::Row)), Status::Misuse);
                }
                context.query("SELECT id FROM TRIAL", &[], &mut |_| Ok(Next::Row))?;
                Ok(Flow::Continue)
            }),
        );
        for strategy in [Strategy::Balanced, Strategy::Aggressive] {
            manager.migrate_experiment(1, target.as_ref(), with(strategy)).expect("a copy");
        }
        assert_eq!(*seen.lock().unwrap(), []);
        let copy = manager.migrate_experiment(1, target.as_ref(), with(Strategy::Conservative)).expect("a copy");
        assert_eq!(copy.source_digest, copy.target_digest);
        assert_eq!(*seen.lock().unwrap(), [None, Some(1)]);
    }
}

#[test]
fn a_check_that_fails_undoes_the_migration() {
    let folder = Folder::new();
    let path = folder.small("q.db", "DELETE FROM ARTIFACT WHERE id = 57;");
    let manager = open(&path);
    register(&manager, "failing", Check::callback(|_| Ok(Flow::Fail(5))));
    let error = leaves_alone(&path, || {
        let error = manager.migrate_experiment(1, None, with(Strategy::Conservative)).expect_err("it fails");
        drop(manager);
        error
    });
    assert_eq!(error.status(), Status::Callback);
    names(&error, "failing");
    assert_detail(&error, "callback_result", "5");
}

// ---- Bounds

#[test]
fn a_million_offenders_are_counted_and_a_few_listed() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let many = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000)
                SELECT 'no table ' || x AS \"table\", x AS \"row\" FROM n";
    register(&manager, "many", Check::sql(many));
    register(
        &manager,
        "few",
        Check::sql("SELECT 'METRIC' AS \"table\", id AS \"row\", 'few' AS message FROM METRIC WHERE id < 34"),
    );
    register(&manager, "also few", Check::sql("SELECT 'METRIC' AS \"table\", id AS \"row\" FROM METRIC WHERE id = 31"));
    let report = validated(&manager, ValidateOptions { issue_limit: 20, ..checks_only() });
    assert_eq!((report.total(), report.count(Severity::Error)), (1_000_004, 1_000_004));
    assert!(report.issues().len() <= 20);
    // One check that finds much hides no other, and names that are no table do not multiply the counts.
    for name in ["many", "few", "also few"] {
        assert!(report.issues().iter().any(|issue| issue.check.as_deref() == Some(name)), "{name}");
    }
    assert_eq!(
        report.issues().iter().find(|issue| issue.check.as_deref() == Some("many")).unwrap().table,
        "no table 1"
    );
    let counts: Vec<_> =
        report.counts().iter().map(|c| (c.check.as_deref().unwrap(), c.table.as_str(), c.count)).collect();
    assert_eq!(counts, [("many", "", 1_000_000), ("also few", "METRIC", 1), ("few", "METRIC", 3)]);
    let none = validated(&manager, ValidateOptions { issue_limit: 0, ..checks_only() });
    assert_eq!((none.issues().len(), none.total(), none.passed()), (0, 1_000_004, false));
}

#[test]
fn long_texts_are_cut_and_become_one_line() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let long = "ü\n".repeat(50_000);
    let given = long.clone();
    register(
        &manager,
        "long",
        Check::callback(move |context| {
            let text = || given.clone();
            context.report(Finding {
                table: text(),
                row: text(),
                column: Some(text()),
                message: Some(text()),
                value: Some(text()),
                ..Finding::default()
            })?;
            Ok(Flow::Continue)
        }),
    );
    register(
        &manager,
        "wide",
        Check::sql(format!("SELECT '{long}' AS a, zeroblob(1000000) AS b, '{long}' AS message, '{long}' AS value")),
    );
    for issue in found(&manager) {
        let texts = [Some(&issue.message), Some(&issue.row), issue.value.as_ref()];
        let column = issue.column.as_deref().map(str::to_owned);
        for text in texts.into_iter().flatten().chain(column.as_ref()).chain([&issue.table.to_string()]) {
            assert!(text.chars().count() <= 1001, "{}", text.len());
            assert!(!text.contains('\n'));
        }
        assert!(issue.message.ends_with('…'));
        assert!(issue.value.is_some_and(|value| value.chars().count() <= 101));
    }
}

#[test]
fn an_exact_fit_is_not_cut() {
    let folder = Folder::new();
    let manager = open(&folder.small("q.db", ""));
    let exact = "x".repeat(1000);
    register(&manager, "exact", Check::sql(format!("SELECT '{exact}' AS message")));
    assert_eq!(found(&manager)[0].message, exact);
}
