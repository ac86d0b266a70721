//! Small hostile schemas, in calls that go other ways than a migration.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, MetricSelection, MigrateOptions, RestoreOptions, SnapshotOptions, Status,
    Strategy, TransformOptions, UndoOptions, ValidateOptions,
};

use super::support::Folder;
use super::{Engine, FILE, digest, migrated};

fn ok<T>(result: expmig::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

const DOUBLE: &str = r#"{"factor": 2, "target": "total"}"#;

/// The options of a restore without a safety snapshot.
fn alone() -> RestoreOptions {
    RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() }
}

pub fn a_view_in_the_place_of_a_table_stops_every_other_call_too(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let id = ok(manager.create_snapshot("", SnapshotOptions::default()));
    let done = ok(manager.transform_metrics_by(
        &MetricSelection::default(),
        "scale",
        Some(DOUBLE),
        TransformOptions::default(),
    ));
    for table in ["BATCH_METRIC", "EXPMIG_UNDO"] {
        place.execute(&format!("ALTER TABLE {table} RENAME TO moved"));
        place.execute(&format!("CREATE VIEW {table} AS SELECT * FROM moved"));
        let before = place.dump();
        let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let refusals = [
            (
                "transform",
                manager.transform_metrics_by(&selection, "scale", Some(DOUBLE), TransformOptions::default()).err(),
            ),
            ("undo", manager.undo_transform(done.transform_id.unwrap(), UndoOptions::default()).err()),
            ("import", manager.import_from_string(document.as_bytes(), ImportOptions::default()).err()),
            ("compare", manager.compare_experiments(1, None, 2, JobOptions::default()).err()),
            ("plan", manager.plan_migration(1, None, MigrateOptions::default()).err()),
            ("list", manager.list_experiments().err()),
            ("hierarchy", manager.validate_hierarchy(1).err()),
            ("info", manager.database_info().err()),
            ("restore", manager.restore_snapshot(&id, alone()).err()),
        ];
        for (call, error) in refusals {
            // What is a log's only concerns who uses the log.
            if table == "EXPMIG_UNDO" && !matches!(call, "transform" | "undo" | "restore") {
                continue;
            }
            if call == "restore" && engine.restores_whole {
                continue;
            }
            let error = error.unwrap_or_else(|| panic!("{call}: nothing stopped it at a view named {table}"));
            assert_eq!(error.status(), Status::Schema, "{call}, {table}: {}", error.to_json());
        }
        if engine.restores_whole {
            // It brings the table back.
            ok(manager.restore_snapshot(&id, alone()));
            return;
        }
        assert_eq!(place.dump(), before, "{table}");
        place.execute(&format!("DROP VIEW {table}"));
        place.execute(&format!("ALTER TABLE moved RENAME TO {table}"));
    }
}

pub fn columns_that_a_star_does_not_show_are_copied(engine: Engine) {
    if !engine.hides_columns {
        return;
    }
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    for table in ["EXPERIMENT", "TRIAL", "EPOCH", "METRIC", "EPOCH_METRIC"] {
        place.execute(&format!("ALTER TABLE {table} ADD COLUMN hidden VARCHAR(20) INVISIBLE DEFAULT 'not this'"));
        place.execute(&format!("UPDATE {table} SET hidden = 'kept'"));
    }
    let manager = place.open();
    let was = digest(&manager, 1);
    let (snapshot, before) = (ok(manager.create_snapshot("", SnapshotOptions::default())), place.dump());
    let kept = "SELECT count(*) FROM METRIC WHERE hidden <> 'kept'";
    let new = migrated(&manager, None, 1, MigrateOptions::default());
    assert_eq!((digest(&manager, new), place.cell(kept).as_str()), (was, "Integer(0)"));
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let imported = ok(manager.import_from_string(document.as_bytes(), ImportOptions::default())).experiment_id;
    assert_eq!((digest(&manager, imported), place.cell(kept).as_str()), (was, "Integer(0)"));
    place.execute("UPDATE METRIC SET hidden = 'changed'");
    ok(manager.restore_snapshot(&snapshot, alone()));
    assert_eq!(place.cell(kept), "Integer(0)");
    assert_eq!(place.dump(), before);
}

pub fn rows_that_hang_on_nothing_are_nobodys_in_every_call_that_gives_ids(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let wanted = digest(&manager, 1);
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    // The next ids, and ones far off.
    place.execute(&format!(
        "{};\nINSERT INTO EPOCH_METRIC VALUES (0, 24, 39), (0, 24, 5000);\nINSERT INTO EPOCH_ARTIFACT VALUES (0, 24, 59);\n\
         INSERT INTO EPOCH VALUES (0, 25, '2023-12-01T10:01:00');\nINSERT INTO TRIAL_ARTIFACT VALUES (14, 51), (700, 51);\n\
         INSERT INTO EXPERIMENT_ARTIFACT VALUES (3, 51);\nINSERT INTO RESULTS VALUES (26, '2023-12-01T10:01:00');\n\
         INSERT INTO TRIAL_RUN VALUES (30, 14, 'orphan', '2023-12-01T10:00:01', '2023-12-01T10:30:00');\n\
         INSERT INTO TRIAL VALUES (20, 'orphan', 3, '2023-12-01T10:00:01', '2023-12-01T10:30:00')",
        engine.unchecked
    ));
    for preserve_ids in [false, true] {
        let options = ImportOptions { preserve_ids, ..ImportOptions::default() };
        match manager.import_from_string(document.as_bytes(), options) {
            Ok(done) => assert_eq!(digest(&manager, done.experiment_id), wanted),
            Err(error) => assert!(preserve_ids && error.status() == Status::AlreadyExists, "{}", error.to_json()),
        }
    }
    let appended = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    let result = ok(manager.migrate_experiment(1, None, appended));
    assert_eq!(result.target_digest, result.expected_digest);
    // A metric that is copied because both have it.
    place.execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)");
    let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let done = ok(manager.transform_metrics_by(&selection, "scale", Some(DOUBLE), TransformOptions::default()));
    assert_eq!(done.copied, 1);
    let taken = "SELECT count(*) FROM METRIC m JOIN EPOCH_METRIC l ON l.metric_id = m.id WHERE m.id IN (39, 5000)";
    assert!(place.cell(taken).contains('0'), "{}", place.cell(taken));
}

pub fn a_snapshot_of_links_of_every_kind_comes_back(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(engine.links_with_actions);
    place.execute(
        "UPDATE TRIAL SET parent_id = 12 WHERE id = 11;\nUPDATE EXPERIMENT SET best = 12;\nUPDATE METRIC SET run = 24",
    );
    let manager = place.open();
    let (id, before, was) =
        (ok(manager.create_snapshot("", SnapshotOptions::default())), place.dump(), digest(&manager, 1));
    place.execute("UPDATE TRIAL SET parent_id = id;\nUPDATE METRIC SET run = NULL, total_val = 1");
    ok(manager.restore_snapshot(&id, alone()));
    assert_eq!(place.dump(), before);
    assert_eq!(digest(&manager, 1), was);
    ok(manager.verify_snapshot(&id, JobOptions::default()));
    // And what a transformation changes is undone.
    let done = ok(manager.transform_metrics_by(
        &MetricSelection::default(),
        "scale",
        Some(DOUBLE),
        TransformOptions::default(),
    ));
    ok(manager.undo_transform(done.transform_id.unwrap(), UndoOptions::default()));
    assert_eq!(digest(&manager, 1), was);
}

pub fn a_strict_table_takes_a_document_as_it_is(engine: Engine) {
    if !engine.strict_tables {
        return;
    }
    let folder = Folder::new();
    let strict = super::support::schema(2)
        .replace(" DATETIME", " TEXT")
        .replace("total_val FLOAT", "total_val REAL")
        .replace("per_label_val TEXT", "per_label_val TEXT, tag ANY, num REAL, whole INT")
        .replace("VARCHAR(255)", "TEXT")
        .replace("VARCHAR(50)", "TEXT")
        .replace("VARCHAR(20)", "TEXT")
        .replace("TIMESTAMP DEFAULT", "TEXT DEFAULT")
        .replace(");\n", ") STRICT;\n")
        .replace("sqlite_sequence(name,seq) STRICT", "sqlite_sequence(name,seq)");
    let there = engine.place(&folder, "strict");
    there.execute(&strict);
    assert_eq!(there.cell("SELECT strict FROM pragma_table_list WHERE name = 'METRIC'"), "Integer(1)");
    let place = engine.small(&folder, "a");
    place.execute("ALTER TABLE METRIC ADD COLUMN tag; ALTER TABLE METRIC ADD COLUMN num; ALTER TABLE METRIC ADD COLUMN whole;
        UPDATE METRIC SET tag = '00123', num = 7, whole = 3.0 WHERE id = 31; UPDATE METRIC SET tag = x'00', num = 1e300 WHERE id = 32;
        UPDATE METRIC SET tag = 12, num = -0.5, whole = 9223372036854775807 WHERE id = 33");
    let (source, target) = (place.open(), there.open());
    let document = ok(source.export_to_string(1, ExportOptions::default()));
    let wanted = digest(&source, 1);
    let imported = target.import_from_string(document.as_bytes(), ImportOptions::default());
    match imported {
        Ok(done) => {
            assert_eq!(
                there.cell("SELECT count(*) FROM METRIC WHERE typeof(tag) = 'text' AND tag = '00123'"),
                "Integer(1)"
            );
            assert!(digest(&target, done.experiment_id) == wanted || done.lossy.count > 0);
        }
        Err(error) => assert_eq!(error.status(), Status::Lossy, "{}", error.to_json()),
    }
    // What does not fit is known before.
    place.execute("UPDATE METRIC SET num = 'text' WHERE id = 34");
    let plan = ok(source.plan_migration(1, Some(&target), MigrateOptions::default()));
    assert!(plan["lossy"]["count"].as_i64() > Some(0), "{plan}");
    let document = ok(source.export_to_string(1, ExportOptions::default()));
    let before = there.dump();
    let error = target
        .import_from_string(document.as_bytes(), ImportOptions::default())
        .map(|done| done.to_json())
        .unwrap_err();
    assert!(matches!(error.status(), Status::Constraint | Status::Lossy), "{}", error.to_json());
    assert_eq!(there.dump(), before);
    for strategy in super::support::STRATEGIES {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        source
            .migrate_experiment(1, Some(&target), options)
            .map(|done| done.to_json())
            .expect_err("text in a REAL column");
        assert_eq!(there.dump(), before);
    }
    assert!(ok(target.validate(ValidateOptions::default())).passed());
}

pub fn partitions_and_computed_columns_change_nothing(engine: Engine) {
    let Some(stored) = engine.computed else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(&format!(
        "ALTER TABLE METRIC ADD COLUMN twice DOUBLE GENERATED ALWAYS AS (total_val * 2) {stored};\n\
         ALTER TABLE TRIAL ADD COLUMN upper_name VARCHAR(255) GENERATED ALWAYS AS (upper(name)) VIRTUAL"
    ));
    let manager = place.open();
    let was = digest(&manager, 1);
    let (snapshot, before) = (ok(manager.create_snapshot("", SnapshotOptions::default())), place.dump());
    for strategy in super::support::STRATEGIES {
        let options = MigrateOptions { strategy, ..MigrateOptions::default() };
        match manager.migrate_experiment(1, None, options) {
            Ok(done) => assert_eq!(digest(&manager, done.new_experiment_id), was, "{strategy:?}"),
            Err(error) => assert_eq!(
                (error.status(), strategy),
                (Status::Validation, Strategy::Conservative),
                "{}",
                error.to_json()
            ),
        }
    }
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let imported = ok(manager.import_from_string(document.as_bytes(), ImportOptions::default()));
    assert_eq!(digest(&manager, imported.experiment_id), was);
    ok(manager.restore_snapshot(&snapshot, alone()));
    assert_eq!(place.dump(), before);
}

pub fn what_hangs_on_an_experiment_from_elsewhere_is_said(engine: Engine) {
    let Some(elsewhere) = engine.client.neighbour() else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let ours = place.schema();
    let user = format!("u{ours}");
    place.execute(&format!(
        "CREATE TABLE {elsewhere}.NOTE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES {ours}.EXPERIMENT(id));\n\
         INSERT INTO {elsewhere}.NOTE VALUES (1, 1), (2, 1), (3, 2);\nCREATE USER {user} IDENTIFIED BY 'p';\nGRANT ALL ON {ours}.* TO {user}"
    ));
    let manager = place.open();
    let said = format!("2 rows of {elsewhere}.NOTE");
    let result = ok(manager.migrate_experiment(1, None, MigrateOptions::default()));
    assert!(result.warnings.iter().any(|warning| warning.contains(&said)), "{:?}", result.warnings);
    let options = MigrateOptions { strategy: Strategy::Conservative, ..MigrateOptions::default() };
    let error = manager.migrate_experiment(1, None, options).unwrap_err();
    assert_eq!(error.status(), Status::Validation, "{}", error.to_json());
    let document: serde_json::Value =
        serde_json::from_str(&ok(manager.export_to_string(1, ExportOptions::default()))).unwrap();
    assert_eq!(document["metadata"]["left_out"][format!("{elsewhere}.NOTE")], 2, "{}", document["metadata"]);
    // Who may see that there is one, and not what it has, says so.
    place.execute(&format!("GRANT PROCESS ON *.* TO {user};\nGRANT REFERENCES ON {elsewhere}.NOTE TO {user}"));
    let limited = place.as_account(&user, "p").expect("accounts");
    let result = ok(limited.open().migrate_experiment(1, None, MigrateOptions::default()));
    assert!(
        result.warnings.iter().any(|warning| warning.contains(&format!("{elsewhere}.NOTE"))),
        "{:?}",
        result.warnings
    );
}

pub fn exact_values_go_through_a_document_into_a_new_file(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    for (name, kind, value, _) in engine.exact_types {
        place.execute(&format!("ALTER TABLE TRIAL ADD COLUMN {name} {kind};\nUPDATE TRIAL SET {name} = {value}"));
    }
    let manager = place.open();
    let document = ok(manager.export_to_string(1, ExportOptions::default()));
    let file = FILE.place(&folder, "file");
    let target = file.create();
    let imported = ok(target.import_from_string(document.as_bytes(), ImportOptions::default()));
    assert_eq!((imported.lossy.count, digest(&target, imported.experiment_id)), (0, digest(&manager, 1)));
    for (name, .., wanted) in engine.exact_types {
        let cell = file.cell(&format!("SELECT {name} FROM TRIAL LIMIT 1"));
        assert!(
            cell.contains(wanted) || wanted.trim_end_matches('0').ends_with("1.5") && cell.contains("1.5"),
            "{name}: {cell}"
        );
    }
    // And back into the schema that it came from.
    let text = ok(target.export_to_string(imported.experiment_id, ExportOptions::default()));
    let back = ok(manager.import_from_string(text.as_bytes(), ImportOptions::default()));
    assert_eq!(digest(&manager, back.experiment_id), digest(&manager, 1));
    let new = migrated(&target, Some(&manager), imported.experiment_id, MigrateOptions::default());
    assert_eq!(digest(&manager, new), digest(&manager, 1));
}
