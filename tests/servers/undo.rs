//! The undo log on servers: what their column types, rights, other clients and crashes do to it. On a private MariaDB server, and on
//! MySQL where EXPMIG_TEST_MYSQLD names its binary.

use crate::support;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::server::{Kind, SKIPPED, Server, dump, each, rows};
use crate::support::{Folder, assert_detail, details, failed};
use expmig::database::Transaction;
use expmig::progress::Job;
use expmig::transformation::{Metric, Outcome};
use expmig::{
    Database, Domain, Flow, JobOptions, Manager, ManagerOptions, MetricSelection, MigrateOptions, OpenOptions,
    RestoreOptions, SnapshotOptions, Status, TransformOptions, UndoOptions, Value,
};
use mysql::prelude::Queryable;

type Content = Vec<(String, Vec<Vec<String>>)>;

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn open(url: &str) -> Manager {
    Manager::from(ok(Database::open(url, OpenOptions::default())))
}

/// A schema with the rows of [`support::SMALL`], after these statements.
fn small(server: &Server, statements: &[&str]) -> String {
    let name = server.schema();
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    drop(ok(Database::open(&server.url(&name), options)));
    let filled = [support::SMALL, support::SMALL_BATCHES].concat();
    run(server, &name, filled.split(";\n").chain(statements.iter().copied()));
    name
}

fn run<'s>(server: &Server, schema: &str, statements: impl IntoIterator<Item = &'s str>) {
    let mut client = server.connect(schema);
    for statement in statements.into_iter().map(str::trim).filter(|statement| !statement.is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

/// Everything but the tables of the undo log, whose rows are counted.
fn content(server: &Server, schema: &str) -> (Content, usize) {
    let (log, content): (Content, Content) =
        dump(&mut server.connect(schema)).into_iter().partition(|(table, _)| table.starts_with("EXPMIG_"));
    let rows = log.iter().filter(|(table, _)| !table.ends_with("declaration")).map(|(_, rows)| rows.len()).sum();
    (content, rows)
}

fn all() -> MetricSelection {
    MetricSelection::default()
}

fn double(manager: &Manager, options: TransformOptions) -> expmig::Result<expmig::TransformationResult> {
    manager.transform_metrics_by(&all(), "scale", Some(r#"{"factor": 2, "target": "total"}"#), options)
}

fn undo(manager: &Manager, id: i64) -> expmig::Result<expmig::UndoResult> {
    manager.undo_transform(id, UndoOptions::default())
}

/// Registers a transformation of this name and applies it to every metric of the type `odd`.
fn change(
    manager: &Manager,
    settings: &str,
    apply: impl Fn(&Metric) -> Outcome + Send + Sync + 'static,
) -> expmig::Result<expmig::TransformationResult> {
    manager.register_transformation("change", Box::new(move |metric, _| Ok(apply(metric)))).expect("a new name");
    let rules = format!(
        r#"{{"metric_transformations": [{{"metric_type": "odd", "transformation": "change"}}],
             "global_settings": {{"validate_after_transform": false{settings}}}}}"#
    );
    manager.transform_metrics(&all(), &rules, TransformOptions::default())
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.as_bytes().to_vec()))
}

#[test]
fn every_type_of_column_gets_its_cells_back() {
    each(|server| {
        for (total, labels, rows) in [
            ("FLOAT", "JSON", "(41, 'odd', 0.1, '{\"b\": 1.0, \"a\": 0.10, \"c\": 1e3}'), (42, 'odd', 16777217, NULL)"),
            ("DOUBLE NULL", "LONGTEXT", "(41, 'odd', 0.1, ' {\"b\" :1.0} '), (42, 'odd', NULL, '')"),
            ("DECIMAL(20,5)", "VARCHAR(200)", "(41, 'odd', 123456789012345.10000, 'x'), (42, 'odd', -7, '[]')"),
            ("DECIMAL(30,0)", "MEDIUMBLOB", "(41, 'odd', 12345678901234567890123, X'00FF80'), (42, 'odd', 5, X'')"),
            ("BIGINT", "TEXT CHARACTER SET utf8mb3", "(41, 'odd', 9007199254740993, 'é'), (42, 'odd', -1, 'b')"),
            ("INT UNSIGNED", "BINARY(4)", "(41, 'odd', 4294967295, X'61000000'), (42, 'odd', 0, X'00000000')"),
            ("VARCHAR(50)", "CHAR(30)", "(41, 'odd', '0.50', 'b '), (42, 'odd', '', 'a')"),
        ] {
            let types = [
                "DELETE FROM BATCH_METRIC",
                "DELETE FROM EPOCH_METRIC",
                "DELETE FROM RESULTS_METRIC",
                "DELETE FROM METRIC",
                &format!("ALTER TABLE METRIC MODIFY total_val {total}"),
                &format!("ALTER TABLE METRIC MODIFY per_label_val {labels}"),
                &format!("INSERT INTO METRIC VALUES {rows}"),
            ];
            let name = small(server, &types);
            let before = content(server, &name);
            let manager = open(&server.url(&name));
            let binary = labels == "MEDIUMBLOB" || labels.starts_with("BINARY");
            let result = ok(change(&manager, "", move |_| Outcome::Changed {
                total_val: Some(if total.starts_with("VARCHAR") {
                    Value::Text(b"9".into())
                } else {
                    Value::Integer(9)
                }),
                per_label_val: if binary { Some(Value::Blob(b"abcd".into())) } else { text("{\"new\": 0.50}") },
            }));
            assert_eq!((result.updated, result.failed.count), (2, 0), "{total}, {labels}");
            let undone = ok(undo(&manager, result.transform_id.expect("an id")));
            assert_eq!((undone.restored, undone.skipped), (2, 0), "{total}, {labels}");
            assert_eq!(content(server, &name), before, "{total}, {labels}");
        }
    });
}

#[test]
fn cells_that_a_column_would_not_take_back_are_not_changed() {
    let Some(server) = Kind::Mysql.shared() else {
        return eprintln!("{SKIPPED} MySQL");
    };
    // A decimal within JSON, which no text leads to.
    let name = small(
        server,
        &[
            "ALTER TABLE METRIC MODIFY per_label_val JSON",
            "INSERT INTO METRIC VALUES (41, 'odd', 1, JSON_OBJECT('a', CAST(1.10 AS DECIMAL(5,2)))), (42, 'odd', 1, '{\"a\": 1.10}')",
        ],
    );
    let (before, _) = content(server, &name);
    let set = |_: &Metric| Outcome::Changed { total_val: None, per_label_val: text("{\"a\": 2}") };
    let error = failed(change(&open(&server.url(&name)), "", set), Status::Validation);
    assert!(error.to_json().to_string().contains("could not be restored"), "{}", error.to_json());
    assert_eq!(content(server, &name).0, before);
    let manager = open(&server.url(&name));
    let result = ok(change(&manager, ", \"rollback_on_error\": false", set));
    assert_eq!((result.updated, result.failed.count, result.failed.first[0].metric_id), (1, 1, 41));
    ok(undo(&manager, result.transform_id.expect("an id")));
    assert_eq!(content(server, &name), (before, 0));
    let result = ok(change(&open(&server.url(&name)), ", \"backup_original\": false", set));
    assert_eq!((result.updated, result.failed.count), (2, 0));
}

#[test]
fn what_only_a_servers_json_has_is_neither_made_text_by_a_transformation_nor_by_an_undo() {
    let Some(server) = Kind::Mysql.shared() else {
        return eprintln!("skipped: EXPMIG_TEST_MYSQLD names no mysqld");
    };
    let kinds = |name: &str| -> Vec<(i64, Option<String>)> {
        server
            .connect(name)
            .query("SELECT id, JSON_TYPE(per_label_val -> '$.a') FROM METRIC WHERE id > 40 ORDER BY id")
            .expect("types")
    };
    let values = [
        "CAST('2023-12-01' AS DATE)",
        "CAST('10:00:00' AS TIME)",
        "CAST('2023-12-01 10:00:00.5' AS DATETIME(6))",
        "x'00ff'",
    ];
    for value in values {
        let name = small(
            server,
            &[
                "ALTER TABLE METRIC MODIFY per_label_val JSON",
                &format!(
                    "INSERT INTO METRIC VALUES (41, 'odd', 1, JSON_OBJECT('a', {value})), (42, 'odd', 1, '{{\"a\": \"x\"}}')"
                ),
            ],
        );
        let (before, manager) = (kinds(&name), open(&server.url(&name)));
        let rename = |metric: &Metric| {
            let Value::Text(text) = &metric.per_label_val else { return Outcome::Unchanged };
            let text = String::from_utf8_lossy(text).replace("{", "{\"b\": 1, ");
            Outcome::Changed { total_val: None, per_label_val: Some(Value::Text(text.into_bytes())) }
        };
        let error = failed(change(&manager, "", rename), Status::Validation);
        assert!(
            error.to_json().to_string().contains("per_label_val has a value of a type"),
            "{value}: {}",
            error.to_json()
        );
        assert_eq!(kinds(&name), before, "{value}");
        // Nor would a snapshot bring it back.
        let folder = Folder::new();
        let with_snapshots = ManagerOptions { snapshot_dir: Some(folder.path("s")), ..ManagerOptions::default() };
        let keeper = Manager::new(ok(Database::open(&server.url(&name), OpenOptions::default())), with_snapshots);
        let error = failed(keeper.create_snapshot("odd", SnapshotOptions::default()), Status::Lossy);
        assert_eq!(details(&error, "column"), ["per_label_val"], "{value}: {}", error.to_json());
        // The other cell can be changed, and comes back.
        let other = open(&server.url(&name));
        let result =
            ok(change(&other, "", |_| Outcome::Changed { total_val: Some(Value::Real(7.0)), per_label_val: None }));
        assert_eq!(result.updated, 2, "{value}");
        ok(undo(&other, result.transform_id.expect("an id")));
        assert_eq!(kinds(&name), before, "{value}");
        // A copy with the metrics transformed on their way stops, too.
        let target =
            small(server, &["ALTER TABLE METRIC MODIFY per_label_val JSON", "DELETE FROM METRIC WHERE id > 40"]);
        run(server, &name, ["INSERT INTO RESULTS_METRIC SELECT min(trial_run_id), 41 FROM RESULTS"]);
        let there = open(&server.url(&target));
        let rules = r#"{"metric_transformations": [{"metric_type": "odd", "transformation": "normalize_json_keys", "params": {"key_mapping": {"a": "c"}}}]}"#;
        let owner: i64 = server.connect(&name).query_first("SELECT t.experiment_id FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN RESULTS_METRIC m ON m.results_id = r.id WHERE m.metric_id = 41").expect("a row").expect("an experiment");
        let options = MigrateOptions { transformation_rules: Some(rules.to_owned()), ..MigrateOptions::default() };
        let error =
            failed(open(&server.url(&name)).migrate_experiment(owner, Some(&there), options), Status::Validation);
        assert!(
            error.to_json().to_string().contains("per_label_val has a value of a type"),
            "{value}: {}",
            error.to_json()
        );
        // What somebody puts where a transformation left text is no longer what it left.
        let undone = open(&server.url(&name));
        run(
            server,
            &name,
            [
                "DELETE FROM RESULTS_METRIC WHERE metric_id = 41",
                "UPDATE METRIC SET per_label_val = '{\"a\": \"y\"}' WHERE id = 41",
            ],
        );
        let set = |_: &Metric| Outcome::Changed { total_val: None, per_label_val: text("{\"a\": \"2023-12-01\"}") };
        let result = ok(change(&undone, "", set));
        run(
            server,
            &name,
            ["UPDATE METRIC SET per_label_val = JSON_OBJECT('a', CAST('2023-12-01' AS DATE)) WHERE id = 41"],
        );
        failed(undo(&undone, result.transform_id.expect("an id")), Status::Mismatch);
    }
}

#[test]
fn without_the_right_to_make_tables_the_way_out_is_named_and_nothing_is_changed() {
    each(|server| {
        let name = small(server, &[]);
        let user = format!("writer_{name}");
        run(
            server,
            &name,
            [
                format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw'").as_str(),
                &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO '{user}'@'%'"),
            ],
        );
        let before = dump(&mut server.connect(&name));
        let writer = open(&server.url_as(&user, "pw", &name));
        let error = failed(double(&writer, TransformOptions::default()), Status::Auth);
        assert!(error.message().contains("CREATE"), "{}", error.to_json());
        assert_detail(&error, "right", "CREATE");
        assert!(error.hint_text().expect("a hint").contains("backup_original"), "{}", error.to_json());
        assert_eq!(dump(&mut server.connect(&name)), before);
        // Nobody holds the lock, and nothing else needs the tables.
        assert!(ok(writer.list_transforms()).is_empty());
        assert_eq!(ok(writer.forget_transforms(0, JobOptions::default())), 0);
        failed(undo(&writer, 1), Status::NotFound);
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}],
                        "global_settings": {"backup_original": false}}"#;
        assert_eq!(ok(writer.transform_metrics(&all(), rules, TransformOptions::default())).updated, 4);
        // Once somebody else made the tables, the right is not needed any more.
        let id = ok(double(&open(&server.url(&name)), TransformOptions::default())).transform_id.expect("an id");
        let second = ok(double(&writer, TransformOptions::default())).transform_id.expect("an id");
        ok(undo(&writer, second));
        ok(undo(&writer, id));
        assert_eq!(content(server, &name).1, 0);
    });
}

#[test]
fn a_call_that_fails_leaves_at_most_empty_tables() {
    each(|server| {
        let name = small(server, &[]);
        let before = dump(&mut server.connect(&name));
        let manager = open(&server.url(&name));
        let unknown = MetricSelection { experiments: Some(vec![9]), metrics: None };
        let params = Some(r#"{"factor": 2}"#);
        failed(manager.transform_metrics_by(&unknown, "scale", params, TransformOptions::default()), Status::NotFound);
        assert_eq!(dump(&mut server.connect(&name)), before);
        let cancel = Box::new(|progress: &expmig::Progress| {
            soon();
            if progress.operation == "committing" { Flow::Cancel } else { Flow::Continue }
        });
        let options = TransformOptions { progress: Some(cancel), ..TransformOptions::default() };
        let cancelled = double(&manager, options).expect_err("it was cancelled");
        assert_eq!(cancelled.status(), Status::Cancelled, "{}", cancelled.to_json());
        assert_eq!(content(server, &name), (content_of(&before), 0));
        assert!(ok(manager.list_transforms()).is_empty());
        ok(double(&manager, TransformOptions::default()));
    });
}

fn content_of(dump: &Content) -> Content {
    dump.iter().filter(|(table, _)| !table.starts_with("EXPMIG_")).cloned().collect()
}

#[test]
fn a_metric_that_somebody_else_changes_meanwhile_is_not_overwritten() {
    each(|server| {
        for backup in ["", ", \"backup_original\": false"] {
            let name = small(server, &["INSERT INTO METRIC VALUES (41, 'odd', 1, NULL), (42, 'odd', 1, NULL)"]);
            let manager = open(&server.url(&name));
            let client = std::sync::Mutex::new(server.connect(&name));
            let mut wanted = content(server, &name).0;
            let error = change(&manager, backup, move |metric| {
                if metric.id == 42 {
                    let mut client = client.lock().expect("one at a time");
                    client.query_drop("UPDATE METRIC SET total_val = 7 WHERE id = 41").expect("nobody holds it yet");
                }
                Outcome::Changed { total_val: Some(Value::Real(5.0)), per_label_val: None }
            });
            let error = failed(error, Status::Busy);
            assert_detail(&error, "row", "id=41");
            let seven = format!("real {:016x}", 7.0_f64.to_bits());
            let metrics = wanted.iter_mut().find(|(table, _)| table == "METRIC").expect("a table");
            metrics.1.iter_mut().find(|row| row[0] == "Integer(41)").expect("a row")[2] = seven;
            assert_eq!(content(server, &name), (wanted, 0));
        }
    });
}

#[test]
fn an_undo_sees_what_somebody_else_changes_meanwhile() {
    each(|server| {
        let name = small(server, &[]);
        let manager = open(&server.url(&name));
        let id = ok(double(&manager, TransformOptions::default())).transform_id.expect("an id");
        let mut client = server.connect(&name);
        let progress = Box::new(move |progress: &expmig::Progress| {
            if progress.operation == "restoring metrics" {
                // After the state that the transaction began with.
                client.query_drop("UPDATE METRIC SET total_val = 100 WHERE id = 32").expect("nobody holds it yet");
            }
            soon();
            Flow::Continue
        });
        let options = UndoOptions { progress: Some(progress), ..UndoOptions::default() };
        let error = failed(manager.undo_transform(id, options), Status::Mismatch);
        assert_eq!(details(&error, "row"), ["id=32"]);
        assert_eq!(
            rows(&mut server.connect(&name), "SELECT total_val FROM METRIC WHERE id IN (31, 32) ORDER BY id"),
            [["real 3ff0000000000000"], ["real 4059000000000000"]]
        );
    });
}

/// Newer versions of MariaDB would refuse to lock a row that was changed since the transaction began, without naming it.
#[test]
fn a_server_that_isolates_snapshots_says_as_any_other_which_metric_somebody_else_changed() {
    let server = Server::start(Kind::MariaDb, &["--innodb-snapshot-isolation=ON"]).expect("a server");
    let name = small(&server, &[]);
    let manager = open(&server.url(&name));
    let id = ok(double(&manager, TransformOptions::default())).transform_id.expect("an id");
    let interfering = |moment: &'static str| -> Box<dyn FnMut(&expmig::Progress) -> Flow + Send> {
        let mut client = server.connect(&name);
        Box::new(move |progress| {
            if progress.operation == moment {
                client
                    .query_drop("UPDATE METRIC SET total_val = total_val + 1 WHERE id = 32")
                    .expect("nobody holds it yet");
            }
            soon();
            Flow::Continue
        })
    };
    let options = UndoOptions { progress: Some(interfering("restoring metrics")), ..UndoOptions::default() };
    let of_undo = failed(manager.undo_transform(id, options), Status::Mismatch);
    let options =
        TransformOptions { progress: Some(interfering("transforming metrics")), ..TransformOptions::default() };
    let of_transformation = failed(double(&manager, options), Status::Busy);
    assert!(of_transformation.retryable(), "{}", of_transformation.to_json());
    for error in [of_undo, of_transformation] {
        assert_eq!(details(&error, "row"), ["id=32"], "{}", error.to_json());
    }
    assert_eq!(ok(manager.list_transforms()).len(), 1);
}

#[test]
fn copies_are_compared_with_their_originals_in_columns_of_every_type() {
    each(|server| {
        let types = [
            ("a FLOAT", "0.1", "0.10000001"),
            ("a DOUBLE", "0.1", "0.10000000000000002"),
            ("a DECIMAL(10,3)", "1.5", "1.501"),
            ("a JSON", "'{\"a\": 1}'", "'{\"a\": 2}'"),
            ("a DATETIME(3)", "'2023-12-01 10:00:00.001'", "'2023-12-01 10:00:00.002'"),
            ("a TIMESTAMP NULL", "'2023-12-01 10:00:00'", "'2023-12-01 10:00:01'"),
            ("a TIME(6)", "'10:00:00.000001'", "'10:00:00.000002'"),
            ("a BIT(8)", "b'101'", "b'100'"),
            ("a ENUM('a','b')", "'a'", "'b'"),
            ("a VARCHAR(9) COLLATE utf8mb4_general_ci", "'a'", "'A'"),
            ("a CHAR(9) CHARACTER SET latin1", "'a'", "'\u{e4}'"),
            ("a BLOB", "X'00'", "X'0000'"),
        ];
        for (column, value, other) in types {
            let name = small(
                server,
                &[
                    "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)",
                    &format!("ALTER TABLE METRIC ADD COLUMN {column}"),
                    &format!("UPDATE METRIC SET a = {value} WHERE id = 36"),
                ],
            );
            let before = content(server, &name);
            let manager = open(&server.url(&name));
            let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
            let twice = || {
                let params = Some(r#"{"factor": 2, "target": "total"}"#);
                let done = manager.transform_metrics_by(&selection, "scale", params, TransformOptions::default());
                ok(done).transform_id.expect("an id")
            };
            assert_eq!(ok(undo(&manager, twice())).copies, 1, "{column}");
            assert_eq!(content(server, &name), before, "{column}");
            let id = twice();
            run(server, &name, [format!("UPDATE METRIC SET a = {other} WHERE id = 36").as_str()]);
            let error = failed(undo(&manager, id), Status::Mismatch);
            assert!(
                details(&error, "problem")[0].contains("copied from, was changed"),
                "{column}: {}",
                error.to_json()
            );
        }
    });
}

#[test]
fn an_undo_waits_for_the_locks_of_others() {
    each(|server| {
        let name = small(server, &[]);
        let id = ok(double(&open(&server.url(&name)), TransformOptions::default())).transform_id.expect("an id");
        let mut other = server.connect(&name);
        other.query_drop("START TRANSACTION").expect("a transaction");
        other.query_drop("UPDATE METRIC SET total_val = 0 WHERE id = 34").expect("a lock");
        let manager = |busy_timeout| {
            let options = OpenOptions { busy_timeout, ..OpenOptions::default() };
            Manager::from(ok(Database::open(&server.url(&name), options)))
        };
        failed(undo(&manager(Duration::ZERO), id), Status::Busy);
        let holding = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(1500));
            other.query_drop("ROLLBACK").expect("rolled back");
        });
        let undone = undo(&manager(Duration::from_secs(60)), id);
        holding.join().expect("no panic");
        assert_eq!(ok(undone).restored, 8);
    });
}

#[test]
fn many_metrics_are_kept_and_restored() {
    each(|server| {
        let digits = "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
        let many = format!(
            "INSERT INTO METRIC (id, type, total_val, per_label_val)
             SELECT 1000 + n, 'many', (n + 1) / 7, CONCAT('{{\"a\": ', n, '.50, \"b\": \"', REPEAT('x', n % 700), '\"}}')
             FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM {digits} AS a, {digits} AS b, {digits} AS c, {digits} AS e) AS numbers WHERE n < 6000"
        );
        let name = small(
            server,
            &[
                &many,
                "INSERT INTO EPOCH_METRIC SELECT 0, 24, id FROM METRIC WHERE id >= 1000",
                "INSERT INTO EPOCH_METRIC SELECT 0, 21, id FROM METRIC WHERE id >= 1000",
            ],
        );
        let before = content(server, &name);
        let manager = open(&server.url(&name));
        let rules = r#"{"metric_transformations": [{"metric_type": "many", "transformation": "normalize_json_keys", "params": {"key_mapping": {"a": "c"}}},
                        {"metric_type": "many", "transformation": "scale", "params": {"factor": 2, "target": "total"}}],
                        "global_settings": {"validate_after_transform": false}}"#;
        // All of them have to be copied, and their links moved.
        let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let result = ok(manager.transform_metrics(&selection, rules, TransformOptions::default()));
        assert_eq!((result.updated, result.copied), (6000, 6000));
        let whole = ok(manager.transform_metrics(&all(), rules, TransformOptions::default()));
        assert_eq!(whole.updated, 12_000);
        assert_eq!(ok(undo(&manager, whole.transform_id.expect("an id"))).restored, 12_000);
        assert_eq!(ok(undo(&manager, result.transform_id.expect("an id"))).copies, 6000);
        assert_eq!(content(server, &name), before);
    });
}

#[test]
fn tables_without_transactions_are_not_transformed() {
    each(|server| {
        let name = small(
            server,
            &[
                "SET foreign_key_checks = 0",
                "DROP TABLE EPOCH_METRIC",
                "DROP TABLE RESULTS_METRIC",
                "DROP TABLE BATCH_METRIC",
                "CREATE TABLE EPOCH_METRIC (epoch_idx BIGINT, epoch_trial_run_id BIGINT, metric_id BIGINT)",
                "CREATE TABLE RESULTS_METRIC (results_id BIGINT, metric_id BIGINT)",
                "ALTER TABLE METRIC ENGINE = MyISAM",
            ],
        );
        let before = dump(&mut server.connect(&name));
        let error = failed(double(&open(&server.url(&name)), TransformOptions::default()), Status::Unsupported);
        assert!(error.message().contains("METRIC") && error.message().contains("MyISAM"), "{}", error.to_json());
        assert_eq!(dump(&mut server.connect(&name)), before);
    });
}

#[test]
fn a_log_that_somebody_changed_is_refused() {
    each(|server| {
        let name = small(server, &[]);
        let manager = open(&server.url(&name));
        let id = ok(double(&manager, TransformOptions::default())).transform_id.expect("an id");
        for (change, status) in [
            ("UPDATE EXPMIG_UNDO SET total_val = '0.5' WHERE metric_id = 33", Status::Corrupt),
            ("DELETE FROM EXPMIG_UNDO WHERE metric_id = 33", Status::Mismatch),
            ("ALTER TABLE EXPMIG_UNDO DROP COLUMN written", Status::Schema),
        ] {
            run(server, &name, [change]);
            let before = dump(&mut server.connect(&name));
            failed(undo(&manager, id), status);
            assert_eq!(dump(&mut server.connect(&name)), before, "{change}");
        }
        failed(double(&manager, TransformOptions::default()), Status::Schema);
    });
}

/// SQLite lets anything into a metric. A server keeps it in the log, and refuses it in the metric.
#[test]
fn cells_of_sqlite_stay_in_the_log_of_a_server() {
    each(|server| {
        let folder = Folder::new();
        let file = folder.small(
            "a.db",
            "INSERT INTO METRIC VALUES (41, 'odd', 'text', x'7b7d'), (42, 'odd', 9e999, CAST(x'ff22' AS TEXT))",
        );
        let source = support::open(&file);
        let fixed = |_: &Metric| Outcome::Changed { total_val: Some(Value::Real(0.5)), per_label_val: text("{}") };
        let id = ok(change(&source, "", fixed)).transform_id.expect("an id");
        let snapshot = ok(source.create_snapshot("", SnapshotOptions::default()));
        let name = small(server, &[]);
        let database = ok(Database::open(&server.url(&name), OpenOptions::default()));
        let options = ManagerOptions { snapshot_dir: Some(support::snapshot_folder()), ..ManagerOptions::default() };
        let target = Manager::new(database, options);
        let force = || RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
        ok(target.restore_snapshot(&snapshot, force()));
        let logged = "SELECT total_val, per_label_val FROM EXPMIG_UNDO ORDER BY metric_id";
        let mut found = Vec::new();
        ok(target.query(logged, &[], &mut |row| {
            found.extend(row.values.iter().map(|value| (*value).to_owned()));
            Ok(expmig::Next::Row)
        }));
        let odd = [
            Value::Text(b"text".into()),
            Value::Blob(b"{}".into()),
            Value::Real(f64::INFINITY),
            Value::Text(b"\xff\"".into()),
        ];
        assert_eq!(found, odd);
        let before = dump(&mut server.connect(&name));
        failed(undo(&target, id), Status::Constraint);
        assert_eq!(dump(&mut server.connect(&name)), before);
        // And back again.
        let again = ok(target.create_snapshot("", SnapshotOptions::default()));
        ok(source.restore_snapshot(&again, force()));
        ok(undo(&source, id));
        assert_eq!(
            support::rows(&file, "SELECT total_val, per_label_val FROM METRIC WHERE id > 40 ORDER BY id"),
            support::rows(
                &folder.small("b.db", ""),
                "SELECT 'text', x'7b7d' UNION ALL SELECT 9e999, CAST(x'ff22' AS TEXT)"
            )
        );
    });
}

#[test]
fn a_snapshot_with_a_log_needs_the_right_to_make_its_tables() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&folder.small("a.db", ""));
        let (without, id) = (
            ok(source.create_snapshot("", SnapshotOptions::default())),
            ok(double(&source, TransformOptions::default())).transform_id.expect("an id"),
        );
        let with = ok(source.create_snapshot("", SnapshotOptions::default()));
        ok(undo(&source, id));
        let emptied = ok(source.create_snapshot("", SnapshotOptions::default()));
        let name = small(server, &[]);
        let user = format!("restorer_{name}");
        run(
            server,
            &name,
            [
                format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw'").as_str(),
                &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO '{user}'@'%'"),
            ],
        );
        let database = ok(Database::open(&server.url_as(&user, "pw", &name), OpenOptions::default()));
        let options = ManagerOptions { snapshot_dir: Some(support::snapshot_folder()), ..ManagerOptions::default() };
        let target = Manager::new(database, options);
        let restore = |id: &str| {
            let options = RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
            target.restore_snapshot(id, options)
        };
        let before = dump(&mut server.connect(&name));
        let error = failed(restore(&with), Status::Auth);
        assert_detail(&error, "right", "CREATE");
        assert_eq!(dump(&mut server.connect(&name)), before);
        ok(restore(&without));
        ok(restore(&emptied));
    });
}

#[test]
fn a_server_that_dies_in_the_middle_leaves_metrics_and_log_as_they_were() {
    let options = ["--innodb-flush-log-at-trx-commit=1"];
    for kind in Kind::ALL {
        let Some(mut server) = Server::start(kind, &options) else {
            eprintln!("{SKIPPED} {kind:?}");
            continue;
        };
        let name = small(&server, &["INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)"]);
        let url = |server: &Server| server.url(&name);
        let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let params = Some(r#"{"factor": 2, "target": "total"}"#);
        let mut undoable = Vec::new();
        // The tables are not there, are there, and have an entry.
        for (moment, undoes) in [
            ("transforming metrics", false),
            ("moving links to the copies", false),
            ("committing", false),
            ("restoring metrics", true),
            ("moving links back", true),
            ("committing", true),
        ] {
            if undoes && undoable.is_empty() {
                let done = ok(open(&url(&server)).transform_metrics_by(
                    &selection,
                    "scale",
                    params,
                    TransformOptions::default(),
                ));
                assert_eq!(done.copied, 1);
                undoable.extend(done.transform_id);
            }
            let before = content(&server, &name);
            let manager = open(&url(&server));
            let pid = server.folder.join("server.pid");
            let dead = Arc::new(AtomicU32::new(0));
            let died = Arc::clone(&dead);
            let progress = Box::new(move |progress: &expmig::Progress| {
                if progress.operation == moment && died.fetch_add(1, Ordering::Relaxed) == 0 {
                    kill(&pid);
                }
                soon();
                Flow::Continue
            });
            let result = match undoable.first() {
                Some(id) => {
                    let options = UndoOptions { progress: Some(progress), ..UndoOptions::default() };
                    manager.undo_transform(*id, options).map(drop)
                }
                None => {
                    let options =
                        TransformOptions { progress: Some(progress), batch_size: 2, ..TransformOptions::default() };
                    manager.transform_metrics_by(&selection, "scale", params, options).map(drop)
                }
            };
            failed(result, Status::Connection);
            assert!(dead.load(Ordering::Relaxed) > 0, "{moment}: nobody killed it");
            server.restart(&options);
            assert_eq!(content(&server, &name), before, "{moment}");
            let again = open(&url(&server));
            assert_eq!(
                ok(again.list_transforms()).iter().map(|entry| entry.id).collect::<Vec<_>>(),
                undoable,
                "{moment}"
            );
            // Nobody holds the lock.
            let writer = again.database().writer(&Job::unwatched(Domain::Database)).expect("a connection");
            drop(Transaction::write(writer).expect("the lock"));
        }
        ok(undo(&open(&url(&server)), undoable[0]));
    }
}

/// Progress is told at most every 100 ms: so every operation is.
fn soon() {
    std::thread::sleep(Duration::from_millis(110));
}

fn kill(pid: &Path) {
    let pid = std::fs::read_to_string(pid).expect("the pid");
    let done = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
    assert!(done.success());
}
