//! What is somebody else's: tables that refer to ours, triggers, and what a schema does beside what it is told.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, Manager, MetricSelection, MigrateOptions, RestoreOptions,
    SnapshotOptions, Status, Strategy, TransformOptions, TransformationResult, UndoOptions,
};

use super::support::{Folder, SMALL, SMALL_BATCHES, details};
use super::{Engine, FILE, Place, digest};

/// The options of a restore without a safety snapshot.
fn alone() -> RestoreOptions {
    RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() }
}

fn snapshot(place: &Place) -> String {
    place.open().create_snapshot("", SnapshotOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// Tables of others, which refer to experiments in every way that a server knows.
const NOTES: &str = "CREATE TABLE NOTE_CASCADE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE NOTE_NULL (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id) ON DELETE SET NULL);
    CREATE TABLE NOTE_RESTRICT (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES EXPERIMENT(id));
    INSERT INTO NOTE_CASCADE VALUES (1, 1), (2, 2);
    INSERT INTO NOTE_NULL VALUES (1, 1), (2, NULL);
    INSERT INTO NOTE_RESTRICT VALUES (7, 2)";

pub fn a_restore_leaves_the_tables_of_others_as_they_are(engine: Engine) {
    // A snapshot of a whole file has them, too.
    let (Some(elsewhere), false) = (engine.client.neighbour(), engine.restores_whole) else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(NOTES);
    // From another schema, too.
    place.execute(&format!(
        "CREATE TABLE {elsewhere}.NOTE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES {}.EXPERIMENT(id) ON DELETE CASCADE);
         INSERT INTO {elsewhere}.NOTE VALUES (1, 1)",
        place.schema()
    ));
    let before = place.dump();
    let id = snapshot(&place);
    place.execute("UPDATE EXPERIMENT SET title = 'changed';\nDELETE FROM RESULTS_METRIC");
    let done = place.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(place.dump(), before);
    assert_eq!(place.cell(&format!("SELECT count(*) FROM {elsewhere}.NOTE")), "Integer(1)");
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);

    // A row that the snapshot does not have, and that somebody refers to.
    place.execute("INSERT INTO EXPERIMENT VALUES (9, 'later', NULL, '2023-12-03T10:00:00', '2023-12-03T10:00:00')");
    for (table, named) in [
        ("NOTE_CASCADE", "NOTE_CASCADE".to_owned()),
        ("NOTE_NULL", "NOTE_NULL".to_owned()),
        ("NOTE_RESTRICT", "NOTE_RESTRICT".to_owned()),
        (&format!("{elsewhere}.NOTE"), format!("{elsewhere}.NOTE")),
    ] {
        place.execute(&format!("INSERT INTO {table} VALUES (90, 9)"));
        let before = place.dump();
        let error = place.open().restore_snapshot(&id, alone()).unwrap_err();
        assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
        assert_eq!(details(&error, "table"), [named.as_str()], "{}", error.to_json());
        assert_eq!(details(&error, "row"), ["id=90"], "{}", error.to_json());
        assert_eq!(details(&error, "refers_to"), ["EXPERIMENT (id=9)"], "{}", error.to_json());
        assert_eq!(place.dump(), before);
        place.execute(&format!("DELETE FROM {table} WHERE id = 90"));
    }
    // What led nowhere before may go on to.
    place.execute(&format!("{};\nINSERT INTO NOTE_CASCADE VALUES (91, 77)", engine.unchecked));
    let manager = place.open();
    if !engine.leaves_dangling {
        let before = place.dump();
        let error = manager.restore_snapshot(&id, alone()).unwrap_err();
        assert_eq!((error.status(), place.dump() == before), (Status::Constraint, true), "{}", error.to_json());
        return;
    }
    manager.restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(place.cell("SELECT count(*) FROM NOTE_CASCADE WHERE e = 77"), "Integer(1)");
    // The handle's next call has its foreign keys again.
    digest(&manager, 1);
    let error = manager.restore_snapshot("nothing", alone()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
}

pub fn a_restore_is_read_back_whatever_triggers_do(engine: Engine) {
    if engine.restores_whole {
        return;
    }
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("CREATE TABLE SEEN (id BIGINT, x INT)");
    let id = snapshot(&place);
    for trigger in [
        "BEFORE INSERT ON METRIC FOR EACH ROW SET NEW.total_val = NEW.total_val + 1",
        "AFTER INSERT ON BATCH_METRIC FOR EACH ROW DELETE FROM RESULTS_METRIC WHERE results_id >= 0",
        "AFTER INSERT ON BATCH_METRIC FOR EACH ROW INSERT INTO ARTIFACT (type, loc) VALUES ('x', 'y')",
        "AFTER INSERT ON RESULTS FOR EACH ROW UPDATE EXPERIMENT SET update_time = '2024-01-01T00:00:00' WHERE id = 1",
    ] {
        place.execute(&format!("CREATE TRIGGER meddles {trigger}"));
        let before = place.dump();
        let error = place.open().restore_snapshot(&id, alone()).map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Mismatch, "{trigger}: {}", error.to_json());
        assert_eq!(place.dump(), before, "{trigger}");
        place.execute("DROP TRIGGER meddles");
    }
    // One that leaves our tables alone is somebody's own affair.
    place.execute("CREATE TRIGGER looks AFTER INSERT ON TRIAL FOR EACH ROW INSERT INTO SEEN VALUES (NEW.id, 1)");
    place.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    place.open().verify_snapshot(&id, JobOptions::default()).unwrap();
}

pub fn a_restore_without_the_right_to_see_who_refers_says_so(engine: Engine) {
    let (Some(elsewhere), true) = (engine.client.neighbour(), engine.hides_referrers) else { return };
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let (ours, user) = (place.schema(), format!("u{}", place.schema()));
    place.execute(&format!(
        "CREATE USER {user} IDENTIFIED BY 'p';\nGRANT ALL ON {ours}.* TO {user};
         CREATE TABLE {elsewhere}.NOTE (id INT PRIMARY KEY, e BIGINT, FOREIGN KEY (e) REFERENCES {ours}.EXPERIMENT(id) ON DELETE CASCADE);
         INSERT INTO {elsewhere}.NOTE VALUES (1, 1)"
    ));
    let limited = place.as_account(&user, "p").expect("accounts");
    let id = snapshot(&limited);
    let done = limited.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(done.warnings.iter().any(|warning| warning.contains("PROCESS")), "{:?}", done.warnings);
    assert_eq!(place.cell(&format!("SELECT count(*) FROM {elsewhere}.NOTE")), "Integer(1)");
    // Who may ask is told that there is a table that it may not read.
    place.execute(&format!("GRANT PROCESS ON *.* TO {user}"));
    let error = limited.open().restore_snapshot(&id, alone()).map(|done| done.to_json()).unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{}", error.to_json());
    assert_eq!(details(&error, "table"), [format!("{elsewhere}.NOTE")]);
    place.execute(&format!("GRANT SELECT ON {elsewhere}.NOTE TO {user}"));
    let done = limited.open().restore_snapshot(&id, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(done.warnings.is_empty(), "{:?}", done.warnings);
}

/// What a call answered that must have changed nothing.
#[track_caller]
fn refused<T>(place: &Place, what: &str, act: impl FnOnce(&Manager) -> expmig::Result<T>) -> expmig::Error {
    let before = place.dump();
    let Err(error) = act(&place.open()) else { panic!("{what}: it was done") };
    assert!(place.dump() == before, "{what}: something was changed, {}", error.to_json());
    error
}

fn all() -> MetricSelection {
    MetricSelection::default()
}

fn scale(manager: &Manager, selection: &MetricSelection, factor: &str) -> expmig::Result<TransformationResult> {
    let params = format!("{{\"factor\": {factor}, \"target\": \"total\"}}");
    manager.transform_metrics_by(selection, "scale", Some(&params), TransformOptions::default())
}

/// Rows in a file where METRIC has another rule for rows that are in each other's way.
fn with_rule(folder: &Folder, name: &str, rule: &str, rows: &[&str]) -> Place {
    let place = FILE.place(folder, name);
    let schema = super::support::schema(2);
    let metric = schema.find("TABLE METRIC (").expect("the table");
    let end = metric + schema[metric..].find(");\n").expect("its end");
    let script = format!("{}, {rule}{}", &schema[..end], &schema[end..]);
    place.execute(&(script + &rows.concat()));
    place
}

pub fn rules_for_rows_in_each_others_way_delete_nothing(engine: Engine) {
    if !engine.conflict_rules {
        return;
    }
    let folder = Folder::new();
    let document = engine.small(&folder, "whole").open().export_to_string(1, ExportOptions::default()).unwrap();
    for (nth, (clause, trigger)) in ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"]
        .into_iter()
        .flat_map(|clause| [(clause, false), (clause, true)])
        .enumerate()
    {
        let what = format!("{clause}, trigger {trigger}");
        let place = with_rule(
            &folder,
            &format!("a{nth}"),
            &format!("UNIQUE (type, total_val) ON CONFLICT {clause}"),
            &[SMALL, SMALL_BATCHES],
        );
        if trigger {
            place.execute("CREATE TABLE seen (x, y); CREATE TRIGGER t AFTER INSERT ON METRIC BEGIN INSERT INTO seen VALUES (new.id, 1); END;
                CREATE TRIGGER u AFTER UPDATE ON METRIC BEGIN INSERT INTO seen VALUES (new.id, 2); END");
        }
        for strategy in super::support::STRATEGIES {
            let options = MigrateOptions { strategy, ..MigrateOptions::default() };
            let error = refused(&place, &what, |manager| manager.migrate_experiment(1, None, options));
            // CONSERVATIVE stops at an artifact that is linked to nothing.
            assert!(matches!(error.status(), Status::Constraint | Status::Validation), "{what}: {}", error.to_json());
        }
        let error =
            refused(&place, &what, |manager| manager.import_from_string(document.as_bytes(), ImportOptions::default()));
        assert_eq!(error.status(), Status::Constraint, "{what}: {}", error.to_json());
        // 33 becomes what 32 is.
        let only = |id| MetricSelection { experiments: None, metrics: Some(vec![id]) };
        refused(&place, &what, |manager| scale(manager, &only(33), "2"));
        let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}],
            "global_settings": {"rollback_on_error": false, "backup_original": false}}"#;
        let done = place.open().transform_metrics(&only(33), rules, TransformOptions::default()).unwrap();
        assert_eq!((done.updated, done.failed.count), (0, 1), "{what}");
        assert_eq!(place.cell("SELECT count(*) FROM METRIC"), "Integer(8)", "{what}");
        // A copy becomes what a stranger is.
        place
            .execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36); INSERT INTO METRIC VALUES (40, 'loss', 36.0, NULL)");
        let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
        refused(&place, &what, |manager| scale(manager, &first, "4"));
        // By now a stranger is what undoing would bring back.
        let id = scale(&place.open(), &all(), "3").unwrap().transform_id.expect("an id");
        place.execute("INSERT INTO METRIC VALUES (41, 'loss', 1.5, NULL)");
        let error = refused(&place, &what, |manager| manager.undo_transform(id, UndoOptions::default()));
        assert_eq!(error.status(), Status::Constraint, "{what}: {}", error.to_json());
        place.execute("DELETE FROM METRIC WHERE id = 41");
        place.open().undo_transform(id, UndoOptions::default()).unwrap();
    }
    // A missing value is no reason to write another one.
    let place = with_rule(&folder, "null", "note TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'made up'", &[]);
    let source = engine.small(&folder, "source");
    source.execute("ALTER TABLE METRIC ADD COLUMN note TEXT");
    for strategy in super::support::STRATEGIES {
        let (source, options) = (source.open(), MigrateOptions { strategy, ..MigrateOptions::default() });
        refused(&place, "NOT NULL", |manager| source.migrate_experiment(1, Some(manager), options));
    }
}

pub fn triggers_that_add_or_remove_rows_of_ours_stop_every_call_that_writes(engine: Engine) {
    let folder = Folder::new();
    let source = engine.small(&folder, "source");
    // CONSERVATIVE takes no warnings, and this one is linked to nothing.
    source.execute("DELETE FROM ARTIFACT WHERE id = 57");
    let document = source.open().export_to_string(1, ExportOptions::default()).unwrap();
    let body = engine.for_each_row;
    for statement in [
        "DELETE FROM EPOCH_ARTIFACT WHERE epoch_trial_run_id = 22",
        "INSERT INTO ARTIFACT VALUES (-1000 - NEW.id, 'x', 'y')",
    ] {
        let place = engine.small(&folder, &format!("a{}", statement.len()));
        place.execute("DELETE FROM ARTIFACT WHERE id = 57");
        place.execute(&format!("CREATE TRIGGER meddles AFTER INSERT ON TRIAL_RUN {}", body(statement)));
        for strategy in super::support::STRATEGIES {
            let options = || MigrateOptions { strategy, ..MigrateOptions::default() };
            let from = source.open();
            let error = refused(&place, statement, |to| from.migrate_experiment(1, Some(to), options()));
            assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
            let error = refused(&place, statement, |manager| manager.migrate_experiment(1, None, options()));
            assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        }
        let error = refused(&place, statement, |manager| {
            manager.import_from_string(document.as_bytes(), ImportOptions::default())
        });
        assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        place.execute("DROP TRIGGER meddles");
        let id = scale(&place.open(), &all(), "2").unwrap().transform_id.expect("an id");
        place.execute(&format!("CREATE TRIGGER meddles AFTER UPDATE ON METRIC {}", body(statement)));
        let error = refused(&place, statement, |manager| scale(manager, &all(), "2"));
        assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        let error = refused(&place, statement, |manager| manager.undo_transform(id, UndoOptions::default()));
        assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        place.execute("DROP TRIGGER meddles");
        place.open().undo_transform(id, UndoOptions::default()).unwrap();
    }
}

pub fn triggers_that_exchange_or_change_rows_stop_every_call_that_writes(engine: Engine) {
    let folder = Folder::new();
    let source = engine.small(&folder, "source");
    source.execute("DELETE FROM ARTIFACT WHERE id = 57");
    let document = source.open().export_to_string(1, ExportOptions::default()).unwrap();
    let from = source.open();
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    // Of none the number of rows tells. One of them cannot be set off by a change of metrics everywhere.
    for (nth, (statement, by_update)) in [
        (
            "DELETE FROM EPOCH_ARTIFACT WHERE epoch_trial_run_id = 22; INSERT INTO EPOCH_ARTIFACT VALUES (0, 22, 56)",
            true,
        ),
        ("UPDATE TRIAL SET name = 'taken' WHERE id = 13", true),
        ("UPDATE EXPERIMENT SET update_time = '2024-01-01T00:00:00' WHERE id = 1", true),
        ("UPDATE METRIC SET total_val = 5 WHERE id = 36", engine.triggers_change_their_table),
        ("UPDATE EPOCH_METRIC SET metric_id = 34 WHERE epoch_trial_run_id = 24", true),
    ]
    .into_iter()
    .enumerate()
    {
        let body = (engine.for_each_row)(statement);
        let place = engine.small(&folder, &format!("a{nth}"));
        place.execute("DELETE FROM ARTIFACT WHERE id = 57");
        place.execute(&format!("CREATE TRIGGER meddles AFTER INSERT ON TRIAL_RUN {body}"));
        let migrated = |into: Option<i64>, strategy, within: bool| {
            let options = MigrateOptions { strategy, target_experiment: into, ..MigrateOptions::default() };
            let error = refused(&place, statement, |to| match within {
                true => to.migrate_experiment(1, None, options),
                false => from.migrate_experiment(1, Some(to), options),
            });
            assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        };
        for strategy in super::support::STRATEGIES {
            migrated(None, strategy, true);
            migrated(None, strategy, false);
        }
        migrated(Some(2), Strategy::Balanced, false);
        let error = refused(&place, statement, |manager| {
            manager.import_from_string(document.as_bytes(), ImportOptions::default())
        });
        assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        place.execute("DROP TRIGGER meddles");
        if !by_update {
            continue;
        }
        // Metric 36 belongs to both experiments, so it is copied.
        place.execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)");
        let id = scale(&place.open(), &first, "2").unwrap().transform_id.expect("an id");
        place.execute(&format!("CREATE TRIGGER meddles AFTER UPDATE ON METRIC {body}"));
        for selection in [&first, &all()] {
            let error = refused(&place, statement, |manager| scale(manager, selection, "2"));
            assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        }
        let error = refused(&place, statement, |manager| manager.undo_transform(id, UndoOptions::default()));
        assert_eq!(error.status(), Status::Mismatch, "{statement}: {}", error.to_json());
        place.execute("DROP TRIGGER meddles");
        place.open().undo_transform(id, UndoOptions::default()).unwrap();
    }
}

pub fn triggers_that_look_on_stop_no_transformation(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("CREATE TABLE SEEN (id BIGINT, x INT)");
    let body = (engine.for_each_row)("INSERT INTO SEEN VALUES (NEW.metric_id, 1)");
    let of_metric = body.replace("metric_id", "id");
    place.execute(&format!("CREATE TRIGGER u AFTER UPDATE ON METRIC {of_metric}"));
    place.execute(&format!("CREATE TRIGGER i AFTER INSERT ON METRIC {of_metric}"));
    place.execute(&format!("CREATE TRIGGER l AFTER UPDATE ON EPOCH_METRIC {body}"));
    place.execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)");
    let before: Vec<_> = without_log(&place).into_iter().filter(|(table, _)| table != "SEEN").collect();
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let done = scale(&place.open(), &first, "2").unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!((done.copied, done.updated), (1, 8));
    let undone = place.open().undo_transform(done.transform_id.unwrap(), UndoOptions::default());
    assert_eq!(undone.unwrap_or_else(|error| panic!("{}", error.to_json())).copies, 1);
    let after: Vec<_> = without_log(&place).into_iter().filter(|(table, _)| table != "SEEN").collect();
    assert_eq!(after, before);
    assert_ne!(place.cell("SELECT count(*) FROM SEEN"), "Integer(0)");
    // Whose row the job names may be changed.
    let touches = "UPDATE EXPERIMENT SET update_time = '2099-01-01T00:00:00' WHERE id = 2";
    place.execute(&format!("CREATE TRIGGER t AFTER INSERT ON TRIAL {}", (engine.for_each_row)(touches)));
    let into = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    place.open().migrate_experiment(1, None, into).unwrap_or_else(|error| panic!("{}", error.to_json()));
}

pub fn triggers_that_leave_our_rows_alone_are_somebodys_own_affair(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let body = (engine.for_each_row)(&format!("{} INTO SEEN VALUES (NEW.trial_id, 1)", engine.insert_or_ignore));
    place.execute("CREATE TABLE SEEN (id BIGINT PRIMARY KEY, x INT)");
    place.execute(&format!("CREATE TRIGGER looks AFTER INSERT ON TRIAL_RUN {body}"));
    let manager = place.open();
    let done =
        manager.migrate_experiment(1, None, MigrateOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(done.source_digest, done.target_digest);
    assert_eq!(place.cell("SELECT count(*) FROM SEEN"), "Integer(2)");
}

pub fn a_trigger_that_undoes_the_transaction_ends_the_call(engine: Engine) {
    if !engine.triggers_undo_transactions {
        return;
    }
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute(
        "CREATE TRIGGER refuses BEFORE UPDATE ON METRIC WHEN new.id = 33 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    );
    let rules = r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}],
        "global_settings": {"rollback_on_error": false, "backup_original": false}}"#;
    let error = refused(&place, "RAISE(ROLLBACK)", |manager| {
        manager.transform_metrics(&all(), rules, TransformOptions::default())
    });
    assert_eq!(error.status(), Status::Mismatch, "{}", error.to_json());
    // One that undoes a statement alone refuses a metric alone.
    place.execute("DROP TRIGGER refuses; CREATE TRIGGER refuses BEFORE UPDATE ON METRIC WHEN new.id = 33 BEGIN SELECT RAISE(ABORT, 'no'); END");
    let done = place.open().transform_metrics(&all(), rules, TransformOptions::default()).unwrap();
    assert_eq!((done.updated, done.failed.count), (3, 1));
}

pub fn an_account_that_is_not_shown_triggers_is_not_fooled_by_them(engine: Engine) {
    // Files have no accounts.
    if engine.server.is_none() {
        return;
    }
    let folder = Folder::new();
    let (source, place) = (engine.small(&folder, "source"), engine.small(&folder, "a"));
    let (ours, user) = (place.schema(), format!("u{}", place.schema()));
    let limited = place.as_account(&user, "p").expect("accounts");
    place.execute(&format!(
        "CREATE USER {user} IDENTIFIED BY 'p';\nGRANT SELECT, INSERT, UPDATE, DELETE ON {ours}.* TO {user}"
    ));
    let from = source.open();
    let aggressive = || MigrateOptions { strategy: Strategy::Aggressive, ..MigrateOptions::default() };
    from.migrate_experiment(1, Some(&limited.open()), aggressive()).unwrap_or_else(|e| panic!("{}", e.to_json()));
    let deletes = (engine.for_each_row)("DELETE FROM EPOCH_ARTIFACT WHERE epoch_trial_run_id = 22");
    place.execute(&format!("CREATE TRIGGER meddles AFTER INSERT ON TRIAL_RUN {deletes}"));
    let error = refused(&limited, "hidden", |to| from.migrate_experiment(1, Some(to), aggressive()));
    assert_eq!(error.status(), Status::Mismatch, "{}", error.to_json());
}

pub fn columns_that_the_server_stamps_keep_their_value(engine: Engine) {
    if !engine.stamps {
        return;
    }
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    for table in ["METRIC", "EPOCH_METRIC", "BATCH_METRIC", "EXPERIMENT"] {
        place.execute(&format!(
            "ALTER TABLE {table} ADD COLUMN stamp DATETIME NOT NULL DEFAULT '2001-01-01' ON UPDATE CURRENT_TIMESTAMP"
        ));
    }
    place.execute("INSERT INTO EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id) VALUES (1, 21, 36);\nINSERT INTO BATCH_METRIC (batch_idx, epoch_idx, trial_run_id, metric_id) VALUES (1, 0, 21, 36)");
    let stamped = || {
        ["METRIC", "EPOCH_METRIC", "BATCH_METRIC", "EXPERIMENT"]
            .map(|table| place.cell(&format!("SELECT count(*) FROM {table} WHERE stamp <> '2001-01-01'")))
    };
    let before = without_log(&place);
    let manager = place.open();
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    let done = scale(&manager, &first, "2").unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(done.copied, 1);
    assert_eq!(stamped(), ["Integer(0)"; 4]);
    manager
        .undo_transform(done.transform_id.unwrap(), UndoOptions::default())
        .unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(without_log(&place), before);
    // The experiment that trials are appended to is changed on purpose, but this is not a part of it.
    let into = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    manager.migrate_experiment(1, None, into).unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(stamped()[3], "Integer(0)");
}

/// Experiment 1 also links metric 36 of experiment 2, so that a transformation copies it, as metric 39.
const SHARED: &str = "INSERT INTO EPOCH_METRIC VALUES (1, 21, 36)";

pub fn a_copy_that_somebody_elses_table_refers_to_stays(engine: Engine) {
    let folder = Folder::new();
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    for (nth, action) in ["ON DELETE CASCADE", "ON DELETE SET NULL", ""].into_iter().enumerate() {
        let place = engine.small(&folder, &format!("a{nth}"));
        place.execute(SHARED);
        place.execute(&format!(
            "CREATE TABLE NOTE (id INT PRIMARY KEY, m BIGINT, FOREIGN KEY (m) REFERENCES METRIC(id) {action})"
        ));
        let manager = place.open();
        let transformed = || scale(&manager, &first, "2").unwrap_or_else(|e| panic!("{}", e.to_json()));
        let undone = |id| {
            let done = manager.undo_transform(id, UndoOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
            (done.copies, done.copies_kept)
        };
        // Of others that refer to something else it is no affair.
        place.execute("INSERT INTO NOTE VALUES (1, 36)");
        let done = transformed();
        assert_eq!((done.copied, undone(done.transform_id.unwrap())), (1, (1, 0)), "{action}");
        let done = transformed();
        place.execute("INSERT INTO NOTE SELECT 2, max(id) FROM METRIC");
        assert_eq!(undone(done.transform_id.unwrap()), (1, 1), "{action}");
        assert_eq!(
            place.cell("SELECT count(*) FROM NOTE AS n JOIN METRIC AS m ON m.id = n.m"),
            "Integer(2)",
            "{action}"
        );
        assert_eq!(place.cell("SELECT count(*) FROM EPOCH_METRIC WHERE metric_id = 36"), "Integer(2)", "{action}");
    }
}

pub fn a_link_that_somebody_elses_table_refers_to_is_not_moved(engine: Engine) {
    let folder = Folder::new();
    let first = MetricSelection { experiments: Some(vec![1]), metrics: None };
    for (nth, action) in ["ON UPDATE CASCADE", "ON UPDATE SET NULL", ""].into_iter().enumerate() {
        let place = engine.small(&folder, &format!("a{nth}"));
        place.execute(SHARED);
        place.execute(&format!(
            "CREATE TABLE NOTE (id INT PRIMARY KEY, e BIGINT, r BIGINT, m BIGINT,
                FOREIGN KEY (e, r, m) REFERENCES EPOCH_METRIC(epoch_idx, epoch_trial_run_id, metric_id) {action})"
        ));
        place.execute("INSERT INTO NOTE VALUES (5, 1, 21, 36)");
        // The tables of the undo log stay, empty, on a server.
        let before = without_log(&place);
        let error = scale(&place.open(), &first, "2").map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Constraint, "{action}: {}", error.to_json());
        assert_eq!(
            (details(&error, "table"), details(&error, "row")),
            (vec!["NOTE"], vec!["id=5"]),
            "{}",
            error.to_json()
        );
        assert_eq!(without_log(&place), before, "{action}");
        place.execute("DELETE FROM NOTE");
        let done = scale(&place.open(), &first, "2").unwrap();
        // And not moved back.
        place.execute("INSERT INTO NOTE SELECT 6, epoch_idx, epoch_trial_run_id, metric_id FROM EPOCH_METRIC WHERE metric_id = (SELECT max(id) FROM METRIC)");
        let error = refused(&place, action, |manager| {
            manager.undo_transform(done.transform_id.unwrap(), UndoOptions::default())
        });
        assert_eq!(error.status(), Status::Constraint, "{action}: {}", error.to_json());
        assert_eq!(details(&error, "row"), ["id=6"], "{}", error.to_json());
    }
}

/// Everything but the undo log.
fn without_log(place: &Place) -> Vec<(String, Vec<Vec<String>>)> {
    let counts = |table: &str| table == "sqlite_sequence" || table == "sqlite_schema";
    place.dump().into_iter().filter(|(table, _)| !table.starts_with("EXPMIG_") && !counts(table)).collect()
}

pub fn what_resembles_a_database_is_not_the_database(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let (twin, _server) = engine.client.twin(engine, &folder, &place);
    let (original, copy) = (place.open(), twin.open());
    let (of_original, of_copy) = (snapshot(&place), snapshot(&twin));
    let cleanup = |manager: &Manager, claim| {
        let done = manager.cleanup_snapshots_with(0, claim).unwrap_or_else(|error| panic!("{}", error.to_json()));
        (done.deleted, done.left)
    };
    for (manager, id, name) in [(&original, &of_copy, "original"), (&copy, &of_original, "copy")] {
        let error = manager.restore_snapshot(id, alone()).map(|done| done.to_json()).unwrap_err();
        assert_eq!(error.status(), Status::Mismatch, "{name}: {}", error.to_json());
        assert_eq!(details(&error, "known"), ["same_content"], "{name}: {}", error.to_json());
        assert!(error.hint_text().unwrap().contains("EXPMIG_RESTORE_FORCE"), "{}", error.to_json());
        let forced = manager.restore_snapshot(id, RestoreOptions { force: true, ..alone() });
        assert_eq!(forced.unwrap_or_else(|error| panic!("{}", error.to_json())).to_json()["database"], "same_content");
    }
    let own = original.restore_snapshot(&of_original, alone()).unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(own.to_json()["database"], "same_file");
    assert_eq!(cleanup(&copy, false), (1, 1));
    assert_eq!(cleanup(&copy, false), (0, 1));
    assert_eq!(original.list_snapshots(None, None).unwrap().snapshots[0].id, of_original);
    assert_eq!(cleanup(&copy, true), (1, 0));
    // A manifest of an earlier version.
    let id = snapshot(&place);
    let path = place.snapshots.join(format!("{id}.json"));
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let database = manifest["database"].as_object_mut().unwrap();
    database.retain(|key, _| !matches!(key.as_str(), "device" | "path" | "server"));
    std::fs::write(&path, manifest.to_string()).unwrap();
    // A file says by its inode that it is the same.
    let (other, known) = if place.file().is_some() { (&copy, "same_file") } else { (&original, "same_content") };
    let error = other.restore_snapshot(&id, alone()).map(|done| done.to_json()).unwrap_err();
    assert_eq!(error.status(), Status::Mismatch, "{}", error.to_json());
    assert!(place.file().is_some() || details(&error, "known") == [known], "{}", error.to_json());
    let forced = original.restore_snapshot(&id, RestoreOptions { force: true, ..alone() }).unwrap();
    assert_eq!(forced.to_json()["database"], known);
}
