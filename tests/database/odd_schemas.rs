//! Schemas that the tracking application did not make so: keys without types, rows that mention ids of nobody, indexes and triggers that
//! only their application can serve. Everything works, or the refusal names the thing and the way out.

use crate::support;
use std::path::Path;

use crate::support::columns::{Cell, rows};
use crate::support::{Folder, STRATEGIES, create, dump, execute, integer, open, sql, with};
use expmig::arrow::{MetricsOptions, Misfit};
use expmig::{
    Error, ExportOptions, ImportOptions, JobOptions, MetricSelection, MigrateOptions, SnapshotOptions, Status,
    Strategy, TransformOptions, ValidateOptions,
};

fn job() -> JobOptions {
    JobOptions::default()
}

/// Neither our fault, nor blamed on a trigger.
fn named(error: &Error, status: Status) {
    assert_eq!(error.status(), status, "{}", error.to_json());
    assert!(!error.message().contains("bug") && error.hint_text().is_some(), "{}", error.to_json());
}

fn details<'e>(error: &'e Error, key: &str) -> Vec<&'e str> {
    error.details().iter().filter(|detail| detail.key == key).map(|detail| detail.value.as_str()).collect()
}

/// [`support::SMALL`] in tables whose columns have no types.
fn untyped(folder: &Folder, name: &str, changes: &str) -> std::path::PathBuf {
    let typed = folder.small(&format!("typed {name}"), "");
    let path = folder.path(name);
    let copy = sql(&path);
    copy.execute("ATTACH ?1 AS typed", [typed.to_str()]).expect("the other");
    let mut script = String::new();
    for (table, key) in [
        ("EXPERIMENT", "id"),
        ("TRIAL", "id"),
        ("TRIAL_RUN", "id"),
        ("RESULTS", "trial_run_id"),
        ("EPOCH", "idx, trial_run_id"),
        ("BATCH", "idx, epoch_idx, trial_run_id"),
        ("METRIC", "id"),
        ("ARTIFACT", "id"),
        ("EXPERIMENT_ARTIFACT", "experiment_id, artifact_id"),
        ("TRIAL_ARTIFACT", "trial_id, artifact_id"),
        ("TRIAL_RUN_ARTIFACT", "trial_run_id, artifact_id"),
        ("RESULTS_METRIC", "results_id, metric_id"),
        ("RESULTS_ARTIFACT", "results_id, artifact_id"),
        ("EPOCH_METRIC", "epoch_idx, epoch_trial_run_id, metric_id"),
        ("EPOCH_ARTIFACT", "epoch_idx, epoch_trial_run_id, artifact_id"),
        ("BATCH_METRIC", "batch_idx, epoch_idx, trial_run_id, metric_id"),
        ("BATCH_ARTIFACT", "batch_idx, epoch_idx, trial_run_id, artifact_id"),
    ] {
        let sql = "SELECT group_concat('\"' || name || '\"', ', ') FROM pragma_table_info(?1, 'typed')";
        let columns: String = copy.query_row(sql, [table], |row| row.get(0)).expect("the columns");
        script.push_str(&format!("CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}));"));
        script.push_str(&format!("INSERT INTO {table} SELECT * FROM typed.{table};"));
    }
    copy.execute_batch(&script).expect("the tables");
    copy.execute_batch("DETACH typed").expect("alone");
    copy.execute_batch(changes).expect("the changes");
    path
}

/// A change, the table of the row that cannot be found, and how many rows of the experiment are left out for it.
const ODD_KEYS: [(&str, &str, i64); 8] = [
    ("UPDATE TRIAL SET experiment_id = '1' WHERE id = 12", "TRIAL", 3),
    (
        "UPDATE TRIAL SET id = 1.5 WHERE id = 12; UPDATE TRIAL_RUN SET trial_id = 1.5 WHERE trial_id = 12;
      UPDATE TRIAL_ARTIFACT SET trial_id = 1.5 WHERE trial_id = 12",
        "TRIAL",
        3,
    ),
    ("UPDATE TRIAL SET id = NULL WHERE id = 12", "TRIAL", 1),
    ("UPDATE TRIAL_RUN SET id = 'abc' WHERE id = 23", "TRIAL_RUN", 1),
    ("UPDATE TRIAL_RUN SET trial_id = '12' WHERE id = 23", "TRIAL_RUN", 1),
    ("UPDATE RESULTS SET trial_run_id = '22' WHERE trial_run_id = 22", "RESULTS", 2),
    ("UPDATE EPOCH_ARTIFACT SET epoch_trial_run_id = '21' WHERE epoch_trial_run_id = 21", "EPOCH_ARTIFACT", 1),
    ("UPDATE TRIAL_ARTIFACT SET trial_id = '12' WHERE trial_id = 12", "TRIAL_ARTIFACT", 1),
];

#[test]
fn rows_whose_keys_are_no_integers_are_never_left_out_silently() {
    let folder = Folder::new();
    for (at, (change, table, rows)) in ODD_KEYS.into_iter().enumerate() {
        let path = untyped(&folder, &format!("a{at}.db"), change);
        let (source, before) = (open(&path), dump(&path));
        let found = source.validate(ValidateOptions::default()).expect("a report");
        assert!(!found.passed(), "{change}");
        assert!(found.issues().iter().any(|issue| issue.table == table), "{change}: {}", found.to_json());
        let found = source.validate(ValidateOptions { experiment: Some(1), ..ValidateOptions::default() });
        let found = found.expect("a report");
        assert!(found.issues().iter().any(|issue| issue.table == table), "{change}: {}", found.to_json());
        for strategy in [Strategy::Conservative, Strategy::Balanced] {
            let error = source.migrate_experiment(1, None, with(strategy)).expect_err(change);
            named(&error, Status::Validation);
            assert!(details(&error, "table").contains(&table), "{change}: {}", error.to_json());
        }
        let whole = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        for error in [
            source.experiment_digest(1, job()).expect_err(change),
            source.export_to_string(1, ExportOptions::default()).expect_err(change),
            source.compare_experiments(1, Some(&source), 2, job()).expect_err(change),
            source.transform_metrics(&whole, rules, TransformOptions::default()).expect_err(change),
        ] {
            named(&error, Status::Validation);
            assert!(details(&error, "table").contains(&table), "{change}: {}", error.to_json());
        }
        assert_eq!(dump(&path), before, "{change}");
        let target = folder.path(&format!("b{at}.db"));
        let result = source.migrate_experiment(1, Some(&create(&target)), with(Strategy::Aggressive));
        let result = result.unwrap_or_else(|error| panic!("{change}: {}", error.to_json()));
        let json = result.to_json();
        assert_eq!(json["left_out"]["count"], rows, "{change}: {json}");
        // A metric that nothing else is linked to is left out with the row.
        assert!(result.items_failed as i64 >= rows, "{change}: {json}");
        // Of another experiment nothing is wrong.
        for strategy in STRATEGIES.into_iter().filter(|strategy| *strategy != Strategy::Conservative) {
            source.migrate_experiment(2, Some(&open(&target)), with(strategy)).expect("experiment 2");
        }
    }
}

#[test]
fn without_odd_rows_tables_without_types_are_as_all_others() {
    let folder = Folder::new();
    let path = untyped(&folder, "a.db", "");
    let wanted = support::digest(&folder.small("b.db", ""), 1);
    let source = open(&path);
    assert_eq!(support::digest(&path, 1), wanted);
    let copy = source.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy").new_experiment_id;
    assert_eq!(support::digest(&path, copy), wanted);
}

#[test]
fn experiments_that_nobody_can_name_are_not_missing_from_a_list_silently() {
    let folder = Folder::new();
    let path = untyped(
        &folder,
        "a.db",
        "INSERT INTO EXPERIMENT SELECT 'abc', 'text', \"desc\", start_time, update_time FROM EXPERIMENT WHERE id = 1;
         INSERT INTO EXPERIMENT SELECT 2.5, 'real', \"desc\", start_time, update_time FROM EXPERIMENT WHERE id = 1;
         INSERT INTO EXPERIMENT SELECT NULL, 'null', \"desc\", start_time, update_time FROM EXPERIMENT WHERE id = 1;
         INSERT INTO EXPERIMENT SELECT '7', 'digits', \"desc\", start_time, update_time FROM EXPERIMENT WHERE id = 1",
    );
    let text = open(&path).list_experiments_json().expect("a list");
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let ids: Vec<_> = list["experiments"].as_array().unwrap().iter().map(|one| one["id"].as_i64()).collect();
    assert_eq!(ids, [Some(1), Some(2)]);
    assert_eq!(list["unlisted"]["count"], 4, "{text}");
    for (row, kind) in [
        ("id=\"abc\"", "key_not_integer"),
        ("id=2.5", "key_not_integer"),
        ("id=NULL", "null_key"),
        ("id=\"7\"", "key_not_integer"),
    ] {
        let rows = list["unlisted"]["rows"].as_array().unwrap();
        assert!(rows.iter().any(|one| one["row"] == row && one["kind"] == kind), "{row}: {text}");
    }
    // Validation finds the same.
    let report = open(&path).validate(ValidateOptions::default()).expect("a report");
    let found = report.issues().iter().filter(|issue| issue.table == "EXPERIMENT").count();
    assert_eq!(found, 4, "{}", report.to_json());
    // Where ids are integers there is nothing to say.
    let plain = folder.small("plain.db", "");
    assert!(open(&plain).list_experiments_json().expect("a list").ends_with(r#""unlisted":{"count":0,"rows":[]}}"#));
}

#[test]
fn metrics_that_nobody_can_name_are_not_left_out_of_a_transformation() {
    let folder = Folder::new();
    let double = r#"{"factor": 2, "target": "total"}"#;
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    for (at, (change, by_experiment)) in [
        ("UPDATE METRIC SET id = 'abc' WHERE id = 32", false),
        (
            "UPDATE METRIC SET id = 1.5 WHERE id = 32; UPDATE EPOCH_METRIC SET metric_id = 1.5 WHERE metric_id = 32",
            true,
        ),
        ("UPDATE METRIC SET id = NULL WHERE id = 32", false),
        (
            "UPDATE METRIC SET id = '32' WHERE id = 32; UPDATE EPOCH_METRIC SET metric_id = '32' WHERE metric_id = 32",
            true,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = untyped(&folder, &format!("a{at}.db"), change);
        let before = dump(&path);
        let mut selections = vec![MetricSelection::default()];
        selections.extend(by_experiment.then(|| first.clone()));
        for selection in selections {
            let done = open(&path).transform_metrics_by(&selection, "scale", Some(double), TransformOptions::default());
            let error = done.map(|done| done.to_json()).expect_err(change);
            named(&error, Status::Validation);
            assert!(details(&error, "row").concat().contains("id="), "{}", error.to_json());
            assert_eq!(dump(&path), before, "{change}");
        }
    }
}

/// Rows that mention ids above the highest, which nobody has.
const ORPHANS: [&str; 5] = [
    "INSERT INTO TRIAL VALUES (99, 'orphan', 3, '2023-12-01T10:00:01', '2023-12-01T10:30:00')",
    "INSERT INTO TRIAL_RUN VALUES (99, 100, 'orphan', '2023-12-01T10:00:01', '2023-12-01T10:30:00')",
    "INSERT INTO EPOCH VALUES (0, 25, '2023-12-01T10:01:00'); INSERT INTO RESULTS VALUES (26, '2023-12-01T10:01:00')",
    "INSERT INTO EPOCH_METRIC VALUES (0, 24, 39), (0, 24, 40); INSERT INTO BATCH_METRIC VALUES (0, 0, 24, 41)",
    "CREATE TABLE mine (id INTEGER PRIMARY KEY, run INT REFERENCES TRIAL_RUN(id)); INSERT INTO mine VALUES (1, 25)",
];

#[test]
fn new_ids_are_above_every_id_that_is_mentioned() {
    let folder = Folder::new();
    for (at, orphans) in ORPHANS.into_iter().enumerate() {
        let path = folder.small(&format!("a{at}.db"), orphans);
        let (manager, wanted) = (open(&path), support::digest(&path, 1));
        let dangling = "SELECT count(*) FROM pragma_foreign_key_check";
        let before = integer(&path, dangling);
        for strategy in [Strategy::Balanced, Strategy::Aggressive] {
            let copy = manager.migrate_experiment(1, None, with(strategy));
            let copy = copy.unwrap_or_else(|error| panic!("{orphans}: {}", error.to_json())).new_experiment_id;
            assert_eq!(support::digest(&path, copy), wanted, "{orphans}");
        }
        let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
        let imported = manager.import_from_string(document.as_bytes(), ImportOptions::default());
        let imported = imported.unwrap_or_else(|error| panic!("{orphans}: {}", error.to_json()));
        assert_eq!(support::digest(&path, imported.experiment_id), wanted, "{orphans}");
        let appended = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
        manager.migrate_experiment(1, None, appended).unwrap_or_else(|error| panic!("{orphans}: {}", error.to_json()));
        // Whatever dangled dangles still: no new row is in its place.
        assert_eq!(integer(&path, dangling), before, "{orphans}");
    }
}

#[test]
fn a_copy_of_a_shared_metric_takes_no_id_that_a_link_mentions() {
    let folder = Folder::new();
    let links = "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36); INSERT INTO BATCH_METRIC VALUES (0, 0, 24, 39)";
    let path = folder.small("a.db", links);
    let (manager, other) = (open(&path), support::digest(&path, 2));
    let chosen = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let rules =
        r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
    let result = manager.transform_metrics(&chosen, rules, TransformOptions::default());
    assert_eq!(result.unwrap_or_else(|error| panic!("{}", error.to_json())).copied, 1);
    assert_eq!(support::digest(&path, 2), other);
}

#[test]
fn an_id_at_the_very_end_that_is_only_mentioned_leaves_the_free_ones_below() {
    let folder = Folder::new();
    let orphan = format!("INSERT INTO EPOCH_METRIC VALUES (0, 24, 40), (0, 24, {})", i64::MAX);
    let path = folder.small("a.db", &orphan);
    let wanted = support::digest(&path, 1);
    let result = open(&path).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    assert_eq!(support::digest(&path, result.new_experiment_id), wanted);
    let taken = format!("SELECT count(*) FROM METRIC WHERE id IN (40, {})", i64::MAX);
    assert_eq!(integer(&path, &taken), 0);
}

/// Makes something of the schema with `made`, and gives it the words that only the application's own connection would take.
fn disguise(path: &Path, made: &str, (word, own): (&str, &str)) {
    execute(path, made);
    let script =
        format!("UPDATE sqlite_schema SET sql = replace(sql, '{word}', '{own}') WHERE instr(sql, '{word}') > 0");
    execute(path, &format!("PRAGMA writable_schema = ON; {script}; PRAGMA writable_schema = OFF"));
}

#[test]
fn what_only_the_application_has_is_named_and_everything_that_can_be_done_is() {
    let folder = Folder::new();
    for (at, (made, words, object)) in [
        ("CREATE INDEX by_type ON METRIC(type COLLATE NOCASE)", ("NOCASE", "mine"), "index by_type"),
        ("CREATE INDEX by_function ON METRIC(length(type))", ("length(", "mine("), "index by_function"),
        ("CREATE INDEX of_some ON METRIC(type) WHERE length(type) > 0", ("length(", "mine("), "index of_some"),
        ("CREATE TRIGGER calls AFTER INSERT ON METRIC BEGIN SELECT mine(new.id); END", ("x", "x"), "trigger calls"),
        ("ALTER TABLE METRIC ADD COLUMN x CHECK (length(x) > 0)", ("length(", "mine("), "table METRIC"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.small(&format!("a{at}.db"), "");
        let change = made;
        disguise(&path, made, words);
        let (manager, before) = (open(&path), dump(&path));
        support::digest(&path, 1);
        // Whatever is accepted is verified, too.
        let id = manager.create_snapshot("", SnapshotOptions::default());
        let id = id.unwrap_or_else(|error| panic!("{change}: {}", error.to_json()));
        manager.verify_snapshot(&id, job()).unwrap_or_else(|error| panic!("{change}: {}", error.to_json()));
        manager.restore_snapshot(&id, expmig::RestoreOptions::default()).expect("a restore");
        let target = create(&folder.path(&format!("b{at}.db")));
        manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).expect("a source");
        let error = manager.migrate_experiment(1, None, MigrateOptions::default()).expect_err(change);
        named(&error, Status::Unsupported);
        assert!(details(&error, "object").contains(&object), "{change}: {}", error.to_json());
        assert_eq!(dump(&path), before, "{change}");
    }
}

#[test]
fn a_trigger_into_what_is_gone_is_named() {
    let folder = Folder::new();
    let change =
        "CREATE TABLE gone (x); CREATE TRIGGER logs AFTER INSERT ON TRIAL BEGIN INSERT INTO gone VALUES (new.id); END;
        DROP TABLE gone";
    let path = folder.small("a.db", change);
    let (manager, before) = (open(&path), dump(&path));
    let error = manager.migrate_experiment(1, None, MigrateOptions::default()).expect_err("a trigger");
    named(&error, Status::Schema);
    assert_eq!(details(&error, "object"), ["trigger logs"], "{}", error.to_json());
    assert_eq!(dump(&path), before);
}

#[test]
fn text_among_the_counters_is_no_number() {
    let folder = Folder::new();
    let path = folder.small("a.db", "UPDATE sqlite_sequence SET seq = 'many' WHERE name = 'METRIC'");
    let wanted = support::digest(&path, 1);
    let copy = open(&path).migrate_experiment(1, None, MigrateOptions::default());
    let copy = copy.unwrap_or_else(|error| panic!("{}", error.to_json())).new_experiment_id;
    assert_eq!(support::digest(&path, copy), wanted);
}

#[test]
fn a_generated_column_of_the_target_is_no_place_for_values() {
    let folder = Folder::new();
    let source = open(&folder.small("a.db", "ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = 'm'"));
    let generated = "ALTER TABLE METRIC ADD COLUMN unit TEXT AS (type || '!')";
    let path = folder.empty("b.db", generated);
    let (target, before) = (open(&path), dump(&path));
    let adding = |allow_lossy| MigrateOptions { add_columns: true, allow_lossy, ..MigrateOptions::default() };
    let error = source.migrate_experiment(1, Some(&target), adding(false)).expect_err("no place");
    named(&error, Status::Lossy);
    assert_eq!(details(&error, "column")[0], "unit", "{}", error.to_json());
    let document = source.export_to_string(1, ExportOptions::default()).expect("a document");
    let options = ImportOptions { add_columns: true, ..ImportOptions::default() };
    let error = target.import_from_string(document.as_bytes(), options).expect_err("no place");
    named(&error, Status::Schema);
    assert_eq!(dump(&path), before);
    source.migrate_experiment(1, Some(&target), adding(true)).expect("without these values");
}

#[test]
fn names_that_are_not_utf8_are_nobodys_or_named() {
    let folder = Folder::new();
    let rename = |path: &Path, table: &str| {
        let script = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = CAST(x'ff66' AS TEXT), tbl_name = CAST(x'ff66' AS TEXT),
            sql = CAST(replace(CAST(sql AS BLOB), CAST('other_name' AS BLOB), x'ff66') AS TEXT) WHERE name = ";
        execute(path, &format!("{script}'{table}'; PRAGMA writable_schema = OFF"));
    };
    let refers = "CREATE TABLE other_name (x REFERENCES EXPERIMENT(id)); INSERT INTO other_name VALUES (1)";
    let path = folder.small("a.db", refers);
    rename(&path, "other_name");
    let manager = open(&path);
    let copy = manager.migrate_experiment(1, None, MigrateOptions::default());
    let copy = copy.unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(copy.warnings.iter().any(|warning| warning.contains("may refer to")), "{:?}", copy.warnings);
    let id = manager.create_snapshot("", SnapshotOptions::default());
    let id = id.unwrap_or_else(|error| panic!("{}", error.to_json()));
    manager.verify_snapshot(&id, job()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    manager.validate(ValidateOptions::default()).expect("a report");
    // A column of a table that refers to ours, and of its key.
    for (at, made) in [
        "CREATE TABLE mine (id INTEGER PRIMARY KEY, other_name REFERENCES METRIC(id)); INSERT INTO mine VALUES (1, 36)",
        "CREATE TABLE mine (other_name PRIMARY KEY, metric REFERENCES METRIC(id)) WITHOUT ROWID; INSERT INTO mine VALUES (1, 36)",
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.small(&format!("key{at}.db"), &format!("{made}; INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)"));
        let script = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET
            sql = CAST(replace(CAST(sql AS BLOB), CAST('other_name' AS BLOB), x'ff66') AS TEXT) WHERE name = 'mine'";
        execute(&path, script);
        let manager = open(&path);
        let copy = manager.migrate_experiment(1, None, MigrateOptions::default());
        let copy = copy.unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert!(copy.warnings.iter().any(|warning| warning.contains("rows of mine may refer to")), "{:?}", copy.warnings);
        let chosen = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        let done = manager.transform_metrics(&chosen, rules, TransformOptions::default());
        let error = done.expect_err("links of a shared metric move, and a row could be left without its own");
        named(&error, Status::Unsupported);
        assert_eq!(details(&error, "table"), ["mine"], "{}", error.to_json());
    }
    // A column of ours.
    let path = folder.small("b.db", "ALTER TABLE METRIC ADD COLUMN other_name");
    let script = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET
        sql = CAST(replace(CAST(sql AS BLOB), CAST('other_name' AS BLOB), x'ff66') AS TEXT) WHERE name = 'METRIC'";
    execute(&path, script);
    let error = expmig::Database::open(support::url(&path), expmig::OpenOptions::default()).expect_err("a name");
    named(&error, Status::Schema);
    assert_eq!(details(&error, "table"), ["METRIC"]);
}

#[test]
fn extra_columns_may_have_the_names_of_a_rowid() {
    let folder = Folder::new();
    let columns = ["rowid", "oid", "_rowid_"];
    for count in 1..=3 {
        // SQLite adds no such column, but makes a table that has it.
        let mut script = String::new();
        for table in ["METRIC", "EPOCH_METRIC", "BATCH_METRIC", "EPOCH", "RESULTS_METRIC"] {
            let extra: String = columns[..count].iter().map(|column| format!("\"{column}\" INT, ")).collect();
            let made = support::text(
                &folder.small(&format!("{table}{count}.db"), ""),
                &format!("SELECT sql FROM sqlite_schema WHERE name = '{table}'"),
            );
            let at = made.find("PRIMARY KEY (").or_else(|| made.find("FOREIGN KEY")).unwrap_or(made.len() - 1);
            let (before, after) = made.split_at(at);
            let made = match after.len() {
                1 => format!("{}, {})", before.trim_end(), extra.trim_end_matches(", ")),
                _ => format!("{before}{extra}{after}"),
            };
            script.push_str(&format!("CREATE TABLE old_{table} AS SELECT * FROM {table}; DROP TABLE {table}; {made}; INSERT INTO {table} SELECT *, {} FROM old_{table}; DROP TABLE old_{table};", vec!["7"; count].join(", ")));
        }
        script.push_str("INSERT INTO EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id) VALUES (1, 21, 36);");
        let path = folder.small(&format!("a{count}.db"), &script);
        let (manager, wanted) = (open(&path), support::digest(&path, 1));
        let target = folder.path(&format!("b{count}.db"));
        let result = manager.migrate_experiment(1, Some(&create(&target)), MigrateOptions::default());
        result.unwrap_or_else(|error| panic!("{count}: {}", error.to_json()));
        assert_eq!(support::digest(&target, 1), wanted, "{count}");
        let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
        let imported = manager.import_from_string(document.as_bytes(), ImportOptions::default()).expect("an import");
        assert_eq!(support::digest(&path, imported.experiment_id), wanted, "{count}");
        let chosen = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        let other = support::digest(&path, 2);
        let result = manager.transform_metrics(&chosen, rules, TransformOptions::default());
        let result = result.unwrap_or_else(|error| panic!("{count}: {}", error.to_json()));
        assert_eq!((result.copied, support::digest(&path, 2)), (1, other), "{count}");
        let undone = manager.undo_transform(result.transform_id.expect("an id"), expmig::UndoOptions::default());
        undone.unwrap_or_else(|error| panic!("{count}: {}", error.to_json()));
        assert_eq!(support::digest(&path, 1), wanted, "{count}");
        let id = manager.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
        manager.verify_snapshot(&id, job()).expect("as it was made");
        manager.restore_snapshot(&id, expmig::RestoreOptions::default()).expect("restored");
    }
}

/// Brings experiment 1 into a database that a script has changed, in each way: every copy is found again, and whole.
fn comes_across(folder: &Folder, what: &str, source: &Path, changes: &str) {
    let (manager, wanted) = (open(source), support::digest(source, 1));
    for strategy in STRATEGIES {
        let target = folder.small(&format!("{what} {strategy:?}.db"), changes);
        let result = manager.migrate_experiment(1, Some(&open(&target)), with(strategy));
        let result = result.unwrap_or_else(|error| panic!("{what}, {strategy:?}: {}", error.to_json()));
        assert_eq!(support::digest(&target, result.new_experiment_id), wanted, "{what}, {strategy:?}");
    }
    let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
    let target = folder.small(&format!("{what}.db"), changes);
    let imported = open(&target).import_from_string(document.as_bytes(), ImportOptions::default());
    let imported = imported.unwrap_or_else(|error| panic!("{what}: {}", error.to_json()));
    assert_eq!(support::digest(&target, imported.experiment_id), wanted, "{what}");
}

#[test]
fn a_copy_is_found_again_where_no_rowid_is_above_the_last() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for last in [i64::MAX - 1, i64::MAX] {
        let row = format!("(rowid, epoch_idx, epoch_trial_run_id, metric_id) VALUES ({last}, 0, 24, 35)");
        comes_across(&folder, &format!("end {last}"), &source, &format!("INSERT INTO EPOCH_METRIC {row};"));
    }
}

#[test]
fn a_copy_is_found_again_where_an_index_is_the_rowid() {
    let folder = Folder::new();
    let few = "DELETE FROM BATCH; DELETE FROM BATCH_METRIC; DELETE FROM BATCH_ARTIFACT; DELETE FROM EPOCH_METRIC;
               DELETE FROM EPOCH_ARTIFACT; DELETE FROM EPOCH WHERE trial_run_id <> 21;";
    let source = folder.small("source.db", few);
    let by_index = "DROP TABLE EPOCH; CREATE TABLE EPOCH (idx INTEGER PRIMARY KEY, trial_run_id INT, time TEXT);
                    INSERT INTO EPOCH VALUES (1000, 24, '2023-12-02T10:01:00');";
    comes_across(&folder, "index", &source, &format!("{few}{by_index}"));
}

#[test]
fn a_table_of_ours_without_ids_is_named() {
    let folder = Folder::new();
    let path = folder.small("a.db", "DROP TABLE TRIAL; CREATE TABLE TRIAL (x)");
    let options = |create| expmig::OpenOptions { create, ..expmig::OpenOptions::default() };
    for create in [false, true] {
        let error = expmig::Database::open(support::url(&path), options(create)).expect_err("no ids");
        named(&error, Status::Schema);
        assert_eq!((details(&error, "table")[0], details(&error, "column")[0]), ("TRIAL", "id"));
    }
}

#[test]
fn an_index_of_a_known_name_is_in_the_way_of_a_table() {
    let folder = Folder::new();
    let path = folder.script("a.db", "CREATE TABLE mine (x); CREATE INDEX trial ON mine(x)");
    let options = expmig::OpenOptions { create_beside: true, ..expmig::OpenOptions::default() };
    let before = dump(&path);
    let error = expmig::Database::open(support::url(&path), options).expect_err("an index");
    named(&error, Status::Schema);
    assert_eq!(details(&error, "index"), ["TRIAL"]);
    assert_eq!(dump(&path), before);
}

/// What a schema can have that no call may take for a fault of its own.
const HOSTILE: &[&str] = &[
    // Rules that cannot be computed for a value.
    "UPDATE METRIC SET per_label_val = '{\"a\": NaN' WHERE id = 35; CREATE TABLE t AS SELECT 1; \
     CREATE TRIGGER reads AFTER INSERT ON METRIC BEGIN INSERT INTO t SELECT json_extract(new.per_label_val, '$.a'); END",
    "ALTER TABLE METRIC ADD COLUMN a AS (json_extract(per_label_val, '$.a')); \
     CREATE INDEX by_a ON METRIC(a)",
    "ALTER TABLE METRIC ADD COLUMN huge DEFAULT 123; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET \
     sql = replace(sql, '123', '(abs(-9223372036854775807 - 1))') WHERE name = 'METRIC'; PRAGMA writable_schema = RESET",
    "CREATE TABLE t (x CHECK (abs(x) > 0)); CREATE TRIGGER overflows AFTER INSERT ON METRIC BEGIN INSERT INTO t VALUES (-9223372036854775807 - 1); END",
    "CREATE TRIGGER fails AFTER INSERT ON EPOCH BEGIN SELECT RAISE(FAIL, 'no more epochs'); END",
    "CREATE TRIGGER aborts BEFORE INSERT ON TRIAL BEGIN SELECT RAISE(ABORT, 'no more trials'); END",
    "CREATE TRIGGER ignores BEFORE INSERT ON BATCH BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER ends BEFORE INSERT ON BATCH BEGIN SELECT RAISE(ROLLBACK, 'all gone'); END",
    "CREATE TABLE t (x INTEGER PRIMARY KEY); CREATE TRIGGER goes_on AFTER INSERT ON METRIC BEGIN INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); END",
    // What names what is gone, or what is not what it was.
    "CREATE TABLE gone (x); CREATE VIEW looks AS SELECT x FROM gone; DROP TABLE gone",
    "CREATE TABLE gone (x, y); CREATE TRIGGER logs AFTER UPDATE ON METRIC BEGIN INSERT INTO gone VALUES (new.id, 1); END; ALTER TABLE gone DROP COLUMN y",
    "CREATE TABLE mine (x REFERENCES gone(y), e REFERENCES EXPERIMENT(nowhere), f REFERENCES EXPERIMENT(title)); INSERT INTO mine VALUES (1, 1, 'Digits')",
    "CREATE TABLE mine (e REFERENCES TRIAL_RUN(id), t, PRIMARY KEY (e, t)) WITHOUT ROWID; INSERT INTO mine VALUES (21, 'a')",
    // Names.
    "ALTER TABLE METRIC ADD COLUMN \"\" INT; UPDATE METRIC SET \"\" = 4",
    "ALTER TABLE METRIC ADD COLUMN \"a\nb\" INT; UPDATE METRIC SET \"a\nb\" = 4",
    "ALTER TABLE METRIC ADD COLUMN \"it's `\"\"x\"\"`\" INT; UPDATE METRIC SET id = id",
    "ALTER TABLE METRIC ADD COLUMN \"ID \" INT; ALTER TABLE TRIAL ADD COLUMN \"metrics\" INT; UPDATE TRIAL SET metrics = 3",
    "CREATE TABLE \"\" (x REFERENCES EXPERIMENT(id)); INSERT INTO \"\" VALUES (1)",
    "CREATE TABLE \"a'b\"\"c\" (x PRIMARY KEY REFERENCES EXPERIMENT(id)); INSERT INTO \"a'b\"\"c\" VALUES (1)",
    // Tables and views of our own names.
    "CREATE TABLE EXPMIG_UNDO (x)",
    "CREATE TABLE EXPMIG_UNDO_TRANSFORM (id INTEGER PRIMARY KEY, x)",
    "CREATE VIEW EXPMIG_UNDO AS SELECT 1 AS x",
    "CREATE INDEX EXPMIG_UNDO_LINK ON METRIC(type)",
    // Counters and keys.
    "UPDATE sqlite_sequence SET seq = x'00' WHERE name = 'METRIC'; UPDATE sqlite_sequence SET seq = 1e300 WHERE name = 'TRIAL'",
    "UPDATE sqlite_sequence SET seq = NULL; INSERT INTO sqlite_sequence VALUES ('METRIC', 400), ('METRIC', 'x'), (NULL, NULL)",
    "CREATE UNIQUE INDEX one_title ON EXPERIMENT(title); CREATE UNIQUE INDEX one_name ON TRIAL(lower(name))",
    "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT NOT NULL, total_val REAL AS (1.5) NOT NULL, per_label_val TEXT)",
    "DROP TABLE METRIC; CREATE TABLE METRIC (type TEXT NOT NULL, total_val REAL, per_label_val TEXT, n INTEGER, id INTEGER AS (n) UNIQUE)",
    "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT NOT NULL, total_val REAL, per_label_val TEXT) STRICT, WITHOUT ROWID",
    "DROP TABLE ARTIFACT; CREATE TABLE ARTIFACT (id TEXT PRIMARY KEY COLLATE NOCASE, type, loc) WITHOUT ROWID; INSERT INTO ARTIFACT VALUES ('51', 'a', 'b'), ('x', 'c', 'd')",
    "ALTER TABLE TRIAL ADD COLUMN parent REFERENCES TRIAL(id); ALTER TABLE TRIAL ADD COLUMN other REFERENCES TRIAL(name); UPDATE TRIAL SET parent = '11', other = 'first'",
];

/// A source with a column that others lack, and a value that is no JSON.
const UNUSUAL: &str = "ALTER TABLE METRIC ADD COLUMN unit; UPDATE METRIC SET unit = 7;
    UPDATE METRIC SET per_label_val = '{\"a\": NaN' WHERE id = 35";

/// Every call, and what it answers.
fn all_calls(folder: &Folder, at: usize, path: &Path) -> Vec<(String, Result<(), Error>)> {
    let Ok(database) = expmig::Database::open(support::url(path), expmig::OpenOptions::default()) else {
        let refused = expmig::Database::open(support::url(path), expmig::OpenOptions::default());
        return vec![("open".to_owned(), refused.map(drop))];
    };
    drop(database);
    let manager = open(path);
    let mut answers: Vec<(String, Result<(), Error>)> = Vec::new();
    let mut said = |call: &str, answer: Result<(), Error>| answers.push((call.to_owned(), answer));
    let chosen = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let rules =
        r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
    let new = create(&folder.path(&format!("new{at}.db")));
    let adding = |strategy| MigrateOptions { add_columns: true, ..with(strategy) };
    said("digest", manager.experiment_digest(1, job()).map(drop));
    said("compare", manager.compare_experiments(1, None, 2, job()).map(drop));
    said("validate", manager.validate(ValidateOptions::default()).map(drop));
    said("plan", manager.plan_migration(1, None, MigrateOptions::default()).map(drop));
    said(
        "snapshot",
        manager.create_snapshot("", SnapshotOptions::default()).and_then(|id| {
            manager.verify_snapshot(&id, job())?;
            manager.restore_snapshot(&id, expmig::RestoreOptions::default()).map(drop)
        }),
    );
    let exported = manager.export_to_string(1, ExportOptions::default());
    let whole = open(&folder.small(&format!("whole{at}.db"), UNUSUAL));
    for strategy in [Strategy::Balanced, Strategy::Aggressive] {
        said(&format!("within, {strategy:?}"), manager.migrate_experiment(1, None, with(strategy)).map(drop));
        said(&format!("out, {strategy:?}"), manager.migrate_experiment(1, Some(&new), with(strategy)).map(drop));
        said(&format!("in, {strategy:?}"), whole.migrate_experiment(1, Some(&manager), adding(strategy)).map(drop));
    }
    match exported {
        Ok(document) => {
            let import =
                |to: &expmig::Manager| to.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop);
            said("import", import(&manager));
            said("import elsewhere", import(&create(&folder.path(&format!("other{at}.db")))));
        }
        Err(error) => said("export", Err(error)),
    }
    let done = manager.transform_metrics(&chosen, rules, TransformOptions::default());
    let id = done.as_ref().ok().and_then(|done| done.transform_id);
    said("transform", done.map(drop));
    if let Some(id) = id {
        said("undo", manager.undo_transform(id, expmig::UndoOptions::default()).map(drop));
    }
    said("list", manager.list_transforms().map(drop));
    said("forget", manager.forget_transforms(0, job()).map(drop));
    answers
}

#[test]
fn nothing_that_a_schema_has_is_a_fault_of_ours() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    for (at, change) in HOSTILE.iter().enumerate() {
        let path = folder.small(&format!("a{at}.db"), "");
        let made = sql(&path).execute_batch(change);
        if let Err(error) = made {
            wrong.push(format!("{change}\n    {error}"));
            continue;
        }
        for (call, answer) in all_calls(&folder, at, &path) {
            let Err(error) = answer else { continue };
            let blamed = error.status() == Status::Mismatch && !change.contains("TRIGGER");
            if error.status() == Status::Internal || blamed || error.hint_text().is_none() {
                wrong.push(format!("{change}\n    {call}: {}", error.to_json()));
            } else if std::env::var_os("EXPMIG_TEST_TELL").is_some() {
                eprintln!("{at} {call}: {}: {}", error.status().name(), error.message());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_undo_log_that_somebody_changed_is_named() {
    let folder = Folder::new();
    for (at, (change, table, status)) in [
        ("DROP TABLE EXPMIG_UNDO", "EXPMIG_UNDO", Status::Schema),
        ("DROP TABLE EXPMIG_UNDO_LINK", "EXPMIG_UNDO_LINK", Status::Schema),
        ("UPDATE EXPMIG_UNDO SET cells = 0", "EXPMIG_UNDO", Status::Corrupt),
        ("UPDATE EXPMIG_UNDO SET cells = 'x'", "EXPMIG_UNDO", Status::Corrupt),
        ("DELETE FROM EXPMIG_UNDO WHERE metric_id = 32", "EXPMIG_UNDO", Status::Mismatch),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.small(&format!("a{at}.db"), "");
        let manager = open(&path);
        let chosen = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;
        let done = manager.transform_metrics(&chosen, rules, TransformOptions::default()).expect("a transformation");
        execute(&path, change);
        let before = dump(&path);
        let undone = manager.undo_transform(done.transform_id.expect("an id"), expmig::UndoOptions::default());
        let error = undone.expect_err(change);
        named(&error, status);
        assert!(details(&error, "table").contains(&table), "{change}: {}", error.to_json());
        assert_eq!(dump(&path), before, "{change}");
    }
}

/// What links hang on is found as a join finds it, whatever the keys are: kept in memory or not.
#[test]
fn metrics_hang_on_what_a_join_finds() {
    let folder = Folder::new();
    let read = |path: &Path| {
        let columns = open(path).metrics(&MetricsOptions::default(), job());
        rows(columns.unwrap_or_else(|error| panic!("{}", error.to_json())))
    };
    let time = |rows: &[Vec<Cell>], metric: i64, run: Cell| -> Vec<[Cell; 2]> {
        let of = |row: &&Vec<Cell>| row[5] == Cell::Integer(metric) && row[2] == run;
        rows.iter().filter(of).map(|row| [row[0].clone(), row[9].clone()]).collect()
    };
    let (one, first) = (Cell::Integer(1), Cell::Integer(1_701_424_860_000_000));
    let typed = read(&folder.small("a.db", ""));
    assert_eq!(time(&typed, 32, Cell::Integer(21)), [[one.clone(), first.clone()]]);
    assert_eq!(read(&untyped(&folder, "b.db", "")), typed);
    // A join takes a text for the number that it is only where a column has a type.
    let text = "UPDATE EPOCH_METRIC SET epoch_idx = '0' WHERE metric_id = 32";
    let misfit = MetricsOptions { misfit: Misfit::Column, ..MetricsOptions::default() };
    let found = rows(open(&untyped(&folder, "c.db", text)).metrics(&misfit, job()).expect("the columns"));
    let odd: Vec<&Vec<Cell>> = found.iter().filter(|row| row[4] == Cell::Text("0".to_owned())).collect();
    assert!(odd.len() == 1 && (&odd[0][7], &odd[0][14]) == (&Cell::Integer(32), &Cell::Null), "{odd:?}");
    let real = "UPDATE EPOCH_METRIC SET epoch_idx = 0.0 WHERE metric_id = 32";
    assert_eq!(read(&untyped(&folder, "d.db", real)), typed);
    // Owners, runs and trials that are not there.
    let gone = "DELETE FROM EPOCH WHERE trial_run_id = 21; DELETE FROM TRIAL WHERE id = 13; DELETE FROM TRIAL_RUN WHERE id = 22";
    for path in [folder.small("e.db", gone), untyped(&folder, "f.db", gone)] {
        let found = read(&path);
        assert_eq!(found.len(), typed.len());
        assert_eq!(time(&found, 32, Cell::Integer(21)), [[one.clone(), Cell::Null]]);
        assert_eq!(time(&found, 34, Cell::Integer(22))[0][0], Cell::Null);
        let others: Vec<&Vec<Cell>> = found.iter().filter(|row| row[2] == Cell::Integer(24)).collect();
        assert!(others.len() == 3 && others.iter().all(|row| row[0] == Cell::Null && row[1] == Cell::Integer(13)));
    }
    // Two owners of one key are two rows.
    let twice = "ALTER TABLE EPOCH RENAME TO OLD; CREATE TABLE EPOCH (idx INT, trial_run_id INT, time TEXT);
                 INSERT INTO EPOCH SELECT * FROM OLD; DROP TABLE OLD;
                 INSERT INTO EPOCH VALUES (0, 21, '2023-12-01T10:01:00')";
    let found = read(&folder.small("g.db", twice));
    assert_eq!(time(&found, 32, Cell::Integer(21)), [[one.clone(), first.clone()], [one, first]]);
    assert_eq!(found.len(), typed.len() + 1);
}
