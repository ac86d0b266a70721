//! Known names that no plain table has, and creating tables where others are.

use expmig::{
    Database, ExportOptions, ImportOptions, JobOptions, MigrateOptions, OpenOptions, RestoreOptions, SnapshotOptions,
    Status, ValidateOptions,
};

use super::support::Folder;
use super::{Engine, FILE, Place, digest, migrated};

fn tables(error: &expmig::Error) -> Vec<&str> {
    error.details().iter().filter(|detail| detail.key == "table").map(|detail| detail.value.as_str()).collect()
}

fn refused(place: &Place, options: OpenOptions, status: Status) -> expmig::Error {
    let error = Database::open(&place.url, options).expect_err("a refusal");
    assert_eq!(error.status(), status, "{}", error.to_json());
    error
}

pub fn what_has_a_known_name_and_is_no_table_stops_every_call(engine: Engine) {
    let folder = Folder::new();
    for (at, (kind, statement)) in engine.impostors.iter().enumerate() {
        let place = engine.small(&folder, &format!("a{at}"));
        let (manager, target) = (place.open(), engine.place(&folder, &format!("b{at}")));
        place.execute("ALTER TABLE BATCH_METRIC RENAME TO moved");
        place.execute(statement);
        let before = place.dump();
        let error = refused(&place, OpenOptions::default(), Status::Schema);
        assert!(error.message().contains(kind), "{}", error.to_json());
        assert_eq!(tables(&error)[0].to_ascii_uppercase(), "BATCH_METRIC");
        // Also of a handle that was opened before.
        let target = target.create();
        let job = JobOptions::default;
        for error in [
            manager.migrate_experiment(1, Some(&target), MigrateOptions::default()).err(),
            manager.migrate_experiment(1, None, MigrateOptions::default()).err(),
            manager.validate(ValidateOptions::default()).err(),
            manager.experiment_digest(1, job()).err(),
            manager.export_to_string(1, ExportOptions::default()).err(),
            manager.create_snapshot("", SnapshotOptions::default()).err(),
        ] {
            let error = error.expect("a refusal");
            assert_eq!(error.status(), Status::Schema, "{}", error.to_json());
            assert!(error.message().contains(kind), "{}", error.to_json());
        }
        assert_eq!(place.dump(), before);
        assert!(target.list_experiments().expect("a list").is_empty());
    }
}

pub fn a_view_in_the_place_of_the_version_is_nobodys(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let wanted = digest(&place.open(), 1);
    place.execute("DROP TABLE SCHEMA_VERSION;\nCREATE VIEW SCHEMA_VERSION AS SELECT 1 AS version");
    let manager = place.open();
    assert_eq!(digest(&manager, 1), wanted);
    assert_eq!(digest(&manager, migrated(&manager, None, 1, MigrateOptions::default())), wanted);
}

pub fn tables_are_created_where_nothing_else_is(engine: Engine) {
    let folder = Folder::new();
    let create = || OpenOptions { create: true, ..OpenOptions::default() };
    let beside = || OpenOptions { create_beside: true, ..OpenOptions::default() };
    // Names as other trackers have them.
    for (at, (script, named)) in [
        (
            "CREATE TABLE experiments (experiment_id INT, name INT);\nCREATE TABLE runs (run_uuid INT, x INT)",
            "experiments",
        ),
        ("CREATE VIEW only_a_view AS SELECT 1 AS x, 2 AS y", "only_a_view"),
    ]
    .into_iter()
    .enumerate()
    {
        let place = engine.place(&folder, &format!("a{at}"));
        place.execute(script);
        let before = place.dump();
        let error = refused(&place, create(), Status::Schema);
        assert!(tables(&error).contains(&named), "{}", error.to_json());
        assert!(error.hint_text().is_some_and(|hint| hint.contains("EXPMIG_OPEN_CREATE_BESIDE")));
        assert_eq!(place.dump(), before);
        assert!(place.open_with(beside()).list_experiments().expect("a list").is_empty());
        // Now there is nothing to create.
        let made = place.dump();
        drop(place.open_with(create()));
        assert!(place.dump() == made && before.iter().all(|table| made.contains(table) || table.0 == "sqlite_schema"));
    }
    // What a call that was cut off has left is completed, and tables of our own are ours.
    let place = engine.place(&folder, "cut");
    drop(place.create());
    let whole = place.dump();
    let cut = engine.place(&folder, "cut off");
    drop(cut.create());
    if engine.ddl_commits {
        for table in ["BATCH_ARTIFACT", "BATCH_METRIC", "EPOCH_ARTIFACT"] {
            cut.execute(&format!("DROP TABLE {table}"));
        }
        cut.execute("CREATE TABLE EXPMIG_UNDO (id INT PRIMARY KEY)");
        drop(cut.create());
        cut.execute("DROP TABLE EXPMIG_UNDO");
    }
    assert_eq!(cut.dump(), whole);
}

pub fn somebody_elses_table_of_a_known_name_is_not_completed(engine: Engine) {
    let folder = Folder::new();
    let place = engine.place(&folder, "a");
    place.execute("CREATE TABLE SCHEMA_VERSION (id INT PRIMARY KEY, rank_of_it INT)");
    let before = place.dump();
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    let error = refused(&place, options, Status::Schema);
    assert_eq!(tables(&error), ["SCHEMA_VERSION"], "{}", error.to_json());
    assert_eq!(place.dump(), before);
}

/// Foreign keys are not looked at, as in a schema that was filled from a dump.
fn without_foreign_keys(engine: Engine, script: &str) -> String {
    format!("{};\n{script}", engine.unchecked)
}

pub fn new_ids_are_above_every_id_that_is_mentioned(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let wanted = digest(&manager, 1);
    // The next ids of a metric, of a run, of a trial and of an experiment.
    place.execute(&without_foreign_keys(
        engine,
        "INSERT INTO EPOCH_METRIC VALUES (0, 24, 39), (0, 24, 41);\n\
         INSERT INTO EPOCH VALUES (0, 25, '2023-12-01T10:01:00');\n\
         INSERT INTO TRIAL_RUN VALUES (30, 14, 'orphan', '2023-12-01T10:00:01', '2023-12-01T10:30:00');\n\
         INSERT INTO TRIAL VALUES (20, 'orphan', 3, '2023-12-01T10:00:01', '2023-12-01T10:30:00')",
    ));
    let orphans = "SELECT (SELECT COUNT(*) FROM EPOCH_METRIC AS l LEFT JOIN METRIC AS m ON m.id = l.metric_id WHERE m.id IS NULL) +
        (SELECT COUNT(*) FROM EPOCH AS e LEFT JOIN TRIAL_RUN AS r ON r.id = e.trial_run_id WHERE r.id IS NULL) +
        (SELECT COUNT(*) FROM TRIAL_RUN AS r LEFT JOIN TRIAL AS t ON t.id = r.trial_id WHERE t.id IS NULL) +
        (SELECT COUNT(*) FROM TRIAL AS t LEFT JOIN EXPERIMENT AS e ON e.id = t.experiment_id WHERE e.id IS NULL)";
    let before = place.cell(orphans);
    let copy = migrated(&manager, None, 1, MigrateOptions::default());
    assert_eq!(digest(&manager, copy), wanted);
    let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
    let imported = manager.import_from_string(document.as_bytes(), ImportOptions::default());
    let imported = imported.unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(digest(&manager, imported.experiment_id), wanted);
    // What dangled dangles still: no new row is in its place.
    assert_eq!(place.cell(orphans), before);
}

pub fn a_trial_without_an_id_is_not_left_out_silently(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let unkeyed = "CREATE TABLE t2 (id BIGINT UNIQUE, name VARCHAR(255), experiment_id BIGINT, start_time VARCHAR(40), update_time VARCHAR(40));\n\
        INSERT INTO t2 SELECT * FROM TRIAL;\nDROP TABLE TRIAL;\nALTER TABLE t2 RENAME TO TRIAL;\n\
        INSERT INTO TRIAL VALUES (NULL, 'nobody', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00')";
    place.execute(&without_foreign_keys(engine, unkeyed));
    let (manager, before) = (place.open(), place.dump());
    for error in [
        manager.migrate_experiment(1, None, MigrateOptions::default()).err(),
        manager.experiment_digest(1, JobOptions::default()).err(),
        manager.export_to_string(1, ExportOptions::default()).err(),
    ] {
        let error = error.expect("a row without an id");
        assert_eq!(error.status(), Status::Validation, "{}", error.to_json());
        assert_eq!(tables(&error), ["TRIAL"]);
    }
    assert!(!manager.validate(ValidateOptions::default()).expect("a report").passed());
    assert_eq!(place.dump(), before);
}

pub fn columns_with_the_names_of_a_rowid_are_kept(engine: Engine) {
    // SQLite's own tables have them in tests/database/odd_schemas.rs.
    if !engine.rowid_is_a_name {
        return;
    }
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    for table in ["METRIC", "EPOCH_METRIC", "TRIAL"] {
        place.execute(&format!(
            "ALTER TABLE {table} ADD COLUMN rowid INT, ADD COLUMN oid INT, ADD COLUMN _rowid_ INT;\n\
             UPDATE {table} SET rowid = 7, oid = 8, _rowid_ = 9"
        ));
    }
    let (manager, before) = (place.open(), place.dump());
    let wanted = digest(&manager, 1);
    let target = FILE.place(&folder, "b").create();
    assert_eq!(digest(&target, migrated(&manager, Some(&target), 1, MigrateOptions::default())), wanted);
    let id = manager.create_snapshot("", SnapshotOptions::default());
    let id = id.unwrap_or_else(|error| panic!("{}", error.to_json()));
    manager.verify_snapshot(&id, JobOptions::default()).expect("as it was made");
    place.execute("UPDATE METRIC SET rowid = 1");
    manager.restore_snapshot(&id, RestoreOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(place.dump(), before);
}
