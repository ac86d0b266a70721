//! Every affinity of SQLite's, and the types of STRICT tables: every value comes back as it was, storage class and all, and what a column
//! of a STRICT table refuses is known before the first write.

use crate::support;
use std::path::Path;

use crate::support::{Folder, STRATEGIES, open, rows, with};
use expmig::{
    ExportOptions, ImportOptions, ManagerOptions, MetricSelection, MigrateOptions, RestoreOptions, SnapshotOptions,
    Status, TransformOptions,
};

/// METRIC as a STRICT table with a column of every type, and ARTIFACT with a column of every affinity.
const COLUMNS: &str = "
    DROP TABLE METRIC;
    CREATE TABLE METRIC (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, total_val REAL NOT NULL, per_label_val TEXT,
        i INT, n INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT;
    ALTER TABLE ARTIFACT ADD COLUMN i BIGINT; ALTER TABLE ARTIFACT ADD COLUMN t VARCHAR(5);
    ALTER TABLE ARTIFACT ADD COLUMN b BLOB; ALTER TABLE ARTIFACT ADD COLUMN r DOUBLE;
    ALTER TABLE ARTIFACT ADD COLUMN n DECIMAL(10,2); ALTER TABLE ARTIFACT ADD COLUMN d date;
    ALTER TABLE ARTIFACT ADD COLUMN j JSON; ALTER TABLE ARTIFACT ADD COLUMN a ANY; ALTER TABLE ARTIFACT ADD COLUMN u;";

const VALUES: [&str; 14] = [
    "NULL",
    "0",
    "-9223372036854775808",
    "0.5",
    "-0.0",
    "9e999",
    "'00123'",
    "'1.50'",
    "'1e5'",
    "''",
    "'abc'",
    "x'00ff'",
    "x''",
    "'2023-12-01'",
];

/// Experiment 1 with every value in every column that takes it.
fn filled(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = folder.empty(name, COLUMNS);
    support::execute(
        &path,
        support::SMALL
            .replace("INSERT INTO METRIC", "INSERT INTO METRIC (id, type, total_val, per_label_val)")
            .replace("INSERT INTO ARTIFACT VALUES", "INSERT INTO ARTIFACT (id, type, loc) VALUES")
            .as_str(),
    );
    for (at, value) in VALUES.iter().enumerate() {
        let id = 100 + at;
        let mut script = format!(
            "INSERT INTO METRIC (id, type, total_val) VALUES ({id}, 'all', {at}); INSERT INTO EPOCH_METRIC VALUES (0, 21, {id});
             INSERT INTO ARTIFACT (id, type, loc) VALUES ({id}, 'all', '{at}'); INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, {id});"
        );
        for column in ["i", "n", "r", "t", "b", "a"] {
            // What a STRICT column refuses is left out.
            script.push_str(&format!("UPDATE OR IGNORE METRIC SET {column} = {value} WHERE id = {id};"));
        }
        for column in ["i", "t", "b", "r", "n", "d", "j", "a", "u"] {
            script.push_str(&format!("UPDATE ARTIFACT SET {column} = {value} WHERE id = {id};"));
        }
        let connection = support::sql(&path);
        for statement in script.split_inclusive(';') {
            match connection.execute_batch(statement) {
                Err(error) if statement.contains("OR IGNORE") => assert!(error.to_string().contains("cannot store")),
                done => done.unwrap_or_else(|error| panic!("{error}: {statement}")),
            }
        }
    }
    path
}

/// The values and what they are.
fn values(path: &Path) -> Vec<Vec<String>> {
    let cells = |columns: &[&str]| -> String {
        columns.iter().map(|column| format!(", typeof({column}), quote({column})")).collect()
    };
    let metrics = cells(&["i", "n", "r", "t", "b", "a"]);
    let artifacts = cells(&["i", "t", "b", "r", "n", "d", "j", "a", "u"]);
    let mut found = rows(path, &format!("SELECT total_val{metrics} FROM METRIC WHERE type = 'all' ORDER BY 1"));
    found.extend(rows(path, &format!("SELECT loc{artifacts} FROM ARTIFACT WHERE type = 'all' ORDER BY 1")));
    found
}

#[test]
fn every_type_keeps_its_values_in_a_copy() {
    let folder = Folder::new();
    let source = filled(&folder, "a.db");
    let wanted = values(&source);
    assert_eq!(wanted.len(), 2 * VALUES.len(), "{wanted:?}");
    let mut document = Vec::new();
    open(&source).export_experiment(1, &mut document, ExportOptions::default()).unwrap();
    for strategy in STRATEGIES {
        // An equal schema, one that lacks the columns, and one that lacks them in a STRICT table.
        let lacking = "DROP TABLE ARTIFACT; CREATE TABLE ARTIFACT (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, loc TEXT NOT NULL) STRICT";
        let targets = [("equal", COLUMNS), ("new", ""), ("strict", lacking)];
        for (name, script) in targets {
            let path = folder.empty(&format!("{name} {strategy:?}.db"), script);
            let options = MigrateOptions { add_columns: true, ..with(strategy) };
            // An infinity is somebody's business.
            match open(&source).migrate_experiment(1, Some(&open(&path)), options) {
                Ok(done) => assert_eq!(done.to_json()["lossy"]["count"], 0, "{name} {strategy:?}"),
                Err(error) => panic!("{name} {strategy:?}: {}", error.to_json()),
            }
            assert_eq!(values(&path), wanted, "{name} {strategy:?}");
        }
    }
    for (name, script) in [("imported equal", COLUMNS), ("imported", "")] {
        let path = folder.empty(&format!("{name}.db"), script);
        let options = ImportOptions { add_columns: true, ..ImportOptions::default() };
        open(&path)
            .import_experiment(&mut document.as_slice(), options)
            .unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!(values(&path), wanted, "{name}");
    }
}

#[test]
fn every_type_comes_back_from_a_snapshot() {
    let folder = Folder::new();
    let source = filled(&folder, "a.db");
    let wanted = support::dump(&source);
    let database = expmig::Database::open(source.to_str().unwrap(), expmig::OpenOptions::default()).unwrap();
    let options = ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..ManagerOptions::default() };
    let manager = expmig::Manager::new(database, options);
    let snapshot = manager.create_snapshot("all", SnapshotOptions::default()).unwrap();
    support::execute(&source, "DELETE FROM METRIC; UPDATE ARTIFACT SET a = 1");
    manager.restore_snapshot(&snapshot, RestoreOptions::default()).unwrap();
    assert_eq!(support::dump(&source), wanted);
}

#[test]
fn what_a_strict_column_refuses_is_known_before_the_first_write() {
    let folder = Folder::new();
    let strict = "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL,
        total_val REAL NOT NULL, per_label_val TEXT, note REAL) STRICT";
    let source = folder.small(
        "a.db",
        "ALTER TABLE METRIC ADD COLUMN note; UPDATE METRIC SET note = 'about 5' WHERE id = 31;
        UPDATE METRIC SET note = '12' WHERE id = 32; UPDATE METRIC SET note = 0.5 WHERE id = 33",
    );
    let target = folder.empty("b.db", strict);
    let before = support::dump(&target);
    let plan = open(&source).plan_migration(1, Some(&open(&target)), MigrateOptions::default()).unwrap();
    // Text that is no number, and text that would become one.
    assert_eq!(plan["lossy"]["count"], 2, "{plan}");
    for strategy in STRATEGIES {
        let result = open(&source).migrate_experiment(1, Some(&open(&target)), with(strategy));
        let error = support::failed(result, Status::Constraint);
        let text = error.to_json().to_string();
        assert!(text.contains("about 5") && text.contains("note"), "{text}");
        assert_eq!(support::dump(&target), before);
    }
    let mut document = Vec::new();
    open(&source).export_experiment(1, &mut document, ExportOptions::default()).unwrap();
    let result = open(&target).import_experiment(&mut document.as_slice(), ImportOptions::default());
    let status = result.err().map(|error| error.status());
    assert!(matches!(status, Some(Status::Constraint | Status::Lossy)), "{status:?}");
    assert_eq!(support::dump(&target), before);
}

#[test]
fn a_transformation_that_a_strict_column_refuses_changes_nothing() {
    let folder = Folder::new();
    let strict = "CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, total_val INTEGER NOT NULL, per_label_val TEXT) STRICT;
        INSERT INTO n SELECT id, type, CAST(total_val * 8 AS INTEGER), per_label_val FROM METRIC; DROP TABLE METRIC; ALTER TABLE n RENAME TO METRIC";
    let path = folder.small("a.db", strict);
    let before = support::dump(&path);
    let rules = |factor: &str| {
        format!(
            r#"{{"metric_transformations": [{{"metric_type": "loss", "transformation": "scale", "params": {{"factor": {factor}}}}}]}}"#
        )
    };
    let transform = |factor: &str| {
        open(&path).transform_metrics(&MetricSelection::default(), &rules(factor), TransformOptions::default())
    };
    support::failed(transform("0.3"), Status::Constraint);
    assert_eq!(support::dump(&path), before);
    transform("2").unwrap();
    assert_eq!(rows(&path, "SELECT typeof(total_val), total_val FROM METRIC WHERE id = 32")[0][1], "Integer(24)");
}
