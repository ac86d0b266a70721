//! The same behaviour on every engine: each scenario is a function that gets the engine, and runs on SQLite, on private servers of MariaDB
//! and PostgreSQL, and on MySQL where EXPMIG_TEST_MYSQLD names its binary.

mod client;
mod columns;
mod growth;
mod hostile;
mod links;
mod names;
mod others;
mod page;
mod quirks;
mod required;
mod staged;
#[path = "../support/mod.rs"]
mod support;
mod undo;
mod value_links;

use expmig::{
    Check, Database, ExportOptions, ImportOptions, JobOptions, Manager, ManagerOptions, MetricSelection,
    MigrateOptions, Next, OnDuplicate, OpenOptions, RestoreOptions, Severity, SnapshotOptions, Status,
    TransformOptions, UndoOptions, ValidateOptions, Value,
};
use std::path::{Path, PathBuf};

use client::{Tables, schema};
use columns::*;
use growth::*;
use hostile::*;
use links::*;
use names::*;
use others::*;
use page::*;
use quirks::{Engine, Quirks};
use required::*;
use staged::*;
use support::server;
use support::{Folder, SMALL_ROWS};
use undo::*;
use value_links::*;

/// One place for a database, empty at first.
struct Place {
    engine: Engine,
    url: String,
    snapshots: PathBuf,
}

/// The engine of files, with which the others are compared.
const FILE: Engine = &quirks::SQLITE;

impl Quirks {
    /// A place where nothing is.
    fn place(&'static self, folder: &Folder, name: &str) -> Place {
        let url = self.client.nowhere(folder, name);
        Place { engine: self, url, snapshots: folder.path("snapshots") }
    }

    /// A database of generation 2 that an independent client filled with the rows of [`support::SMALL`].
    fn small(&'static self, folder: &Folder, name: &str) -> Place {
        let place = self.place(folder, name);
        drop(place.create());
        place.execute(support::SMALL);
        place.execute(support::SMALL_BATCHES);
        place
    }
}

impl Place {
    fn create(&self) -> Manager {
        self.open_with(OpenOptions { create: true, ..OpenOptions::default() })
    }

    fn open(&self) -> Manager {
        self.open_with(OpenOptions::default())
    }

    fn open_with(&self, options: OpenOptions) -> Manager {
        let database = Database::open(&self.url, options).unwrap_or_else(|error| panic!("{}", error.to_json()));
        let snapshot_dir = Some(self.snapshots.clone());
        Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() })
    }

    /// The file, where it is one.
    fn file(&self) -> Option<&Path> {
        (self.engine.server.is_none()).then(|| Path::new(&self.url))
    }

    /// The name of the schema.
    fn schema(&self) -> &str {
        schema(&self.url)
    }

    /// The same, seen by another account; `None` where there are none.
    fn as_account(&self, user: &str, password: &str) -> Option<Place> {
        let url = self.engine.client.as_account(&self.url, user, password)?;
        Some(Place { engine: self.engine, url, snapshots: self.snapshots.clone() })
    }

    /// Runs a script with a client that is not expmig.
    fn execute(&self, script: &str) {
        self.engine.client.execute(&self.url, script);
    }

    /// Everything that is there, read with a client that is not expmig.
    fn dump(&self) -> Tables {
        self.engine.client.dump(&self.url)
    }

    /// The first cell of a query's first row, as text.
    fn cell(&self, query: &str) -> String {
        self.engine.client.rows(&self.url, query)[0][0].clone()
    }
}

fn digest(manager: &Manager, experiment: i64) -> [u8; 32] {
    manager.experiment_digest(experiment, JobOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn migrated(source: &Manager, target: Option<&Manager>, experiment: i64, options: MigrateOptions) -> i64 {
    let result = source.migrate_experiment(experiment, target, options);
    result.unwrap_or_else(|error| panic!("{}", error.to_json())).new_experiment_id
}

/// What experiment 1 of the small database has for a digest, by the SQLite engine, which its own tests prove.
fn wanted() -> [u8; 32] {
    let folder = Folder::new();
    digest(&FILE.small(&folder, "wanted").open(), 1)
}

fn lists_experiments(engine: Engine) {
    let folder = Folder::new();
    let manager = engine.small(&folder, "a").open();
    let list = manager.list_experiments().unwrap();
    let found: Vec<_> = list.iter().map(|e| (e.id, e.title.as_deref(), e.trials, e.runs)).collect();
    assert_eq!(found, [(1, Some("Digits"), 2, 3), (2, Some("Other"), 1, 1)]);
    assert_eq!(list[0].description.as_deref(), Some("a test"));
    let error = manager.experiment_digest(7, JobOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
    assert_eq!(error.hint_text(), Some("the nearest experiments are 1, 2"));
}

fn says_what_it_is(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("CREATE TABLE other (x INT);\nALTER TABLE METRIC ADD COLUMN note VARCHAR(20)");
    let info = place.open().database_info().unwrap();
    assert_eq!((&info["generation"], info["tables"].as_array().unwrap().len()), (&serde_json::json!(2), 18));
    assert_eq!(info["extra_tables"], serde_json::json!(["other"]));
    assert_eq!(info["extra_columns"][0]["column"], "note");
    assert_eq!(info["engine"], engine.name);
    if let Some(file) = place.file() {
        assert_eq!(info["path"], file.to_str().unwrap());
    }
    if let Some(server) = engine.server {
        assert_eq!(info["server"]["kind"], server);
        assert!(info["server"]["version"].as_str().unwrap().starts_with(|first: char| first.is_ascii_digit()));
        assert!(!info.to_string().contains(&server::escaped(server::PASSWORD)));
    }
}

fn content_has_the_same_digest_everywhere(engine: Engine) {
    let folder = Folder::new();
    assert_eq!(digest(&engine.small(&folder, "a").open(), 1), wanted());
}

fn migrates_from_and_to_a_file(engine: Engine) {
    let folder = Folder::new();
    let file = FILE.small(&folder, "file");
    let (there, back) = (engine.place(&folder, "there"), FILE.place(&folder, "back"));
    for strategy in support::STRATEGIES {
        let (source, target, last) = (file.open(), there.create(), back.create());
        let options = || MigrateOptions { strategy, ..MigrateOptions::default() };
        let new = migrated(&source, Some(&target), 1, options());
        assert_eq!(digest(&target, new), wanted(), "{strategy:?}");
        let newest = migrated(&target, Some(&last), new, options());
        assert_eq!(digest(&last, newest), digest(&source, 1), "{strategy:?}");
        let report = source.compare_experiments(1, Some(&target), new, JobOptions::default()).unwrap();
        assert_eq!(report["equal"], true, "{report}");
    }
}

fn metrics_far_apart_are_copied(engine: Engine) {
    let folder = Folder::new();
    let (place, file) = (engine.small(&folder, "a"), FILE.place(&folder, "file"));
    // So few in such a range are looked up by their ids, a hundred at a time.
    let ids = || (1..=230).map(|at| at * 5000);
    let metrics: String = ids().map(|id| format!("INSERT INTO METRIC VALUES ({id}, 'far', {id}.5, NULL);\n")).collect();
    let links: String = ids().map(|id| format!("INSERT INTO EPOCH_METRIC VALUES (1, 21, {id});\n")).collect();
    place.execute(&(metrics + &links));
    let (source, target) = (place.open(), file.create());
    let new = migrated(&source, Some(&target), 1, MigrateOptions::default());
    assert_eq!(file.cell("SELECT count(*) FROM METRIC WHERE type = 'far'"), "Integer(230)");
    assert_eq!(
        file.cell("SELECT cast(sum(2 * total_val) AS INTEGER) FROM METRIC WHERE type = 'far'"),
        "Integer(265650230)"
    );
    assert_eq!(digest(&target, new), digest(&source, 1));
    assert_ne!(digest(&source, 1), wanted());
}

fn migrates_within_and_between_two(engine: Engine) {
    let folder = Folder::new();
    let (a, b) = (engine.small(&folder, "a"), engine.place(&folder, "b"));
    let (source, target) = (a.open(), b.create());
    let result = source.migrate_experiment(1, None, MigrateOptions::default()).unwrap();
    assert_eq!((result.new_experiment_id, result.items_processed, result.items_failed), (3, SMALL_ROWS, 0));
    assert_eq!(digest(&source, 3), wanted());
    let between = migrated(&source, Some(&target), 3, MigrateOptions::default());
    assert_eq!((between, digest(&target, between)), (1, wanted()));
    let skip = || MigrateOptions { on_duplicate: OnDuplicate::Skip, ..MigrateOptions::default() };
    assert_eq!(migrated(&source, Some(&target), 1, skip()), 1);
    assert_eq!(target.list_experiments().unwrap().len(), 1);
    // Appended to an experiment that exists.
    let into = MigrateOptions { target_experiment: Some(2), ..MigrateOptions::default() };
    assert_eq!(migrated(&source, None, 1, into), 2);
    assert_eq!(source.list_experiments().unwrap()[1].trials, 3);
    let report = source.compare_experiments(1, None, 2, JobOptions::default()).unwrap();
    assert_eq!((&report["equal"], &report["first_difference"]["node"]), (&false.into(), &"EXPERIMENT".into()));
}

fn plans_without_writing(engine: Engine) {
    let folder = Folder::new();
    let (a, b) = (engine.small(&folder, "a"), engine.place(&folder, "b"));
    drop(b.create());
    let (before_a, before_b) = (a.dump(), b.dump());
    let plan = a.open().plan_migration(1, Some(&b.open()), MigrateOptions::default()).unwrap();
    assert_eq!((&plan["items_total"], &plan["lossy"]["count"]), (&SMALL_ROWS.into(), &0.into()));
    assert!(plan["space"]["needed_bytes"].as_u64().unwrap() > 500);
    assert!(a.dump() == before_a && b.dump() == before_b);
}

fn a_refused_migration_leaves_everything_as_it_was(engine: Engine) {
    let folder = Folder::new();
    let (file, there) = (
        folder.small("file.db", "UPDATE METRIC SET type = 'much too long' || hex(zeroblob(40)) WHERE id = 31"),
        engine.place(&folder, "there"),
    );
    drop(there.create());
    there.execute("INSERT INTO EXPERIMENT VALUES (7, 'mine', NULL, '2023-12-01T10:00:00', '2023-12-01T10:00:00')");
    let before = there.dump();
    let result = support::open(&file).migrate_experiment(1, Some(&there.open()), MigrateOptions::default());
    if !engine.checks_lengths {
        result.unwrap();
        return;
    }
    let error = result.unwrap_err();
    assert_eq!(error.status(), Status::Constraint, "{}", error.to_json());
    let details = error.to_json()["details"].to_string();
    assert!(details.contains("METRIC") && details.contains("much too long"), "{details}");
    assert_eq!(there.dump(), before);
}

fn created_schemas_hold_extreme_values(engine: Engine) {
    let folder = Folder::new();
    let script = r#"
        INSERT INTO EXPERIMENT VALUES (0, 'q''uo"te\ \n \0 😀 é', '', '0001-01-01T00:00:00', '9999-12-31T23:59:59.999999');
        INSERT INTO TRIAL VALUES (9223372036854775000, 'tab	and
newline', 0, '2023-12-01T10:00:00.000001', '2023-12-01 10:00:00');
        INSERT INTO TRIAL_RUN VALUES (-5, 9223372036854775000, '', '2023-12-01T10:00:00.1', '2023-12-01T10:00:00.123456');
        INSERT INTO RESULTS VALUES (-5, '2023-12-01T10:00:00');
        INSERT INTO EPOCH VALUES (9007199254740993, -5, '1969-12-31T23:59:59.999999');
        INSERT INTO METRIC VALUES (1, 'a', 0.1, '{"b": 1, "a": 0.30000000000000004}'), (2, 'b', 1.7976931348623157e308, ' [1, 2] '),
            (3, 'c', 5e-324, ''), (4, 'd', -0.5, NULL), (5, 'e', 123456789.12345678, 'nul ' || char(0) || ' inside'), (6, 'f', 7, '{''a'': NaN}');
        INSERT INTO ARTIFACT VALUES (1, 'x', ''), (2, ' y ', 'loc ');
        INSERT INTO RESULTS_METRIC VALUES (-5, 1), (-5, 2), (-5, 3), (-5, 4), (-5, 5);
        INSERT INTO EPOCH_METRIC VALUES (9007199254740993, -5, 6), (9007199254740993, -5, 1);
        INSERT INTO EXPERIMENT_ARTIFACT VALUES (0, 1), (0, 2);
    "#;
    let file = folder.database("file.db", 2, script);
    let there = engine.place(&folder, "there");
    let (source, target) = (support::open(&file), there.create());
    if !engine.holds_nul {
        let before = there.dump();
        let error = source.migrate_experiment(0, Some(&target), MigrateOptions::default()).unwrap_err();
        assert_eq!((error.status(), there.dump() == before), (Status::Constraint, true), "{}", error.to_json());
        assert_eq!(support::details(&error, "row"), ["id=5"], "{}", error.to_json());
        support::execute(&file, "UPDATE METRIC SET per_label_val = 'nul \\x00 inside' WHERE id = 5");
    }
    let new = migrated(&source, Some(&target), 0, MigrateOptions::default());
    assert_eq!(digest(&target, new), digest(&source, 0));
    let back = FILE.place(&folder, "back").create();
    let newest = migrated(&target, Some(&back), new, MigrateOptions::default());
    assert_eq!(digest(&back, newest), digest(&source, 0));
    assert_eq!(there.cell("SELECT total_val FROM METRIC WHERE type = 'c'"), "real 0000000000000001");
    let inside = if engine.holds_nul { r#"text "nul \\x00 inside""# } else { r#"text "nul \\\\x00 inside""# };
    assert_eq!(there.cell("SELECT per_label_val FROM METRIC WHERE type = 'e'"), inside);
    assert_eq!(
        there.cell("SELECT title FROM EXPERIMENT"),
        format!("text {:?}", "q'uo\"te\\ \\n \\0 😀 é".as_bytes().escape_ascii().to_string())
    );
}

/// Extra columns of every kind, without a declared type too, and a name that has to be quoted.
const EXTRA: &str = r#"
    ALTER TABLE METRIC ADD COLUMN metadata JSON; ALTER TABLE METRIC ADD COLUMN "a `b` ""c" TEXT; ALTER TABLE METRIC ADD COLUMN score REAL;
    ALTER TABLE METRIC ADD COLUMN rank INTEGER; ALTER TABLE TRIAL ADD COLUMN raw BLOB; ALTER TABLE TRIAL ADD COLUMN untyped;
    UPDATE METRIC SET metadata = '{"a": 1}', "a `b` ""c" = 'tab	 \ '' é', score = 0.1, rank = 5000000000 WHERE id IN (31, 32);
    UPDATE TRIAL SET raw = X'00ff5c0a', untyped = 'text' WHERE id = 11"#;

/// Does something that lacks columns until it works, running the statements that the refusal gives.
fn adding(place: &Place, act: &dyn Fn(&Manager) -> expmig::Result<i64>) -> i64 {
    let (manager, before) = (place.create(), place.dump());
    let refused = match act(&manager) {
        Ok(done) => {
            assert!(place.engine.adds_columns, "these columns are added by hand");
            return done;
        }
        Err(error) => error,
    };
    assert_eq!(refused.status(), Status::Unsupported, "{}", refused.to_json());
    assert_eq!(place.dump(), before);
    let statements: Vec<&str> = support::details(&refused, "statement");
    assert_eq!(statements.len(), 2, "one for each table: {}", refused.to_json());
    for statement in statements {
        assert!(refused.hint_text().expect("a hint").contains(statement), "{}", refused.to_json());
        place.execute(statement);
    }
    act(&manager).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn missing_columns_are_added_or_the_refusal_says_how(engine: Engine) {
    let folder = Folder::new();
    let source = support::open(&folder.small("source.db", EXTRA));
    let wanted = digest(&source, 1);
    let migrating = engine.small(&folder, "migrating");
    let new = adding(&migrating, &|target| {
        let options = MigrateOptions { add_columns: true, ..MigrateOptions::default() };
        source.migrate_experiment(1, Some(target), options).map(|done| done.new_experiment_id)
    });
    assert_eq!(digest(&migrating.open(), new), wanted);
    let document = source.export_to_string(1, ExportOptions::default()).unwrap();
    let importing = engine.small(&folder, "importing");
    let new = adding(&importing, &|target| {
        let options = ImportOptions { add_columns: true, ..ImportOptions::default() };
        target.import_from_string(document.as_bytes(), options).map(|done| done.experiment_id)
    });
    assert_eq!(digest(&importing.open(), new), wanted);
    // And from a server to the next.
    let next = engine.small(&folder, "next");
    let source = migrating.open();
    let experiment = source.list_experiments().unwrap().last().unwrap().id;
    let new = adding(&next, &|target| {
        let options = MigrateOptions { add_columns: true, ..MigrateOptions::default() };
        source.migrate_experiment(experiment, Some(target), options).map(|done| done.new_experiment_id)
    });
    assert_eq!(digest(&next.open(), new), wanted);
}

fn validates(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let report = place.open().validate(ValidateOptions::default()).unwrap();
    assert!(report.passed(), "{}", report.to_json());
    assert_eq!(report.count(Severity::Warning), 1, "{}", report.to_json());
    let (whole, messages) = place.open().validate_hierarchy(1).unwrap();
    assert!(whole && messages.is_empty(), "{messages:?}");
    place.execute("UPDATE METRIC SET per_label_val = '{\"a\": true}' WHERE id = 31");
    let report = place.open().validate(ValidateOptions::default()).unwrap();
    assert_eq!(report.count(Severity::Error), 1, "{}", report.to_json());
}

fn exports_the_same_document(engine: Engine) {
    let folder = Folder::new();
    let (place, file) = (engine.small(&folder, "a"), FILE.small(&folder, "file"));
    for place in [&place, &file] {
        // A server writes every fraction with six digits.
        place.execute("UPDATE EXPERIMENT SET update_time = '2023-12-01T11:00:00.500000' WHERE id = 1");
    }
    let (manager, file) = (place.open(), file.open());
    let document = |manager: &Manager| {
        let text = manager.export_to_string(1, ExportOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["metadata"] = serde_json::Value::Null;
        json
    };
    assert_eq!(document(&manager), document(&file));
}

fn imports_what_was_exported(engine: Engine) {
    let folder = Folder::new();
    let file = FILE.small(&folder, "file").open();
    let text = file.export_to_string(1, ExportOptions::default()).unwrap();
    let place = engine.place(&folder, "there");
    let manager = place.create();
    let done = manager
        .import_from_string(text.as_bytes(), ImportOptions::default())
        .unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(digest(&manager, done.experiment_id), wanted());
}

const RULES: &str =
    r#"{"metric_transformations": [{"metric_type": "loss", "transformation": "scale", "params": {"factor": 2}}]}"#;

fn transforms_and_undoes(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let manager = place.open();
    let done = manager
        .transform_metrics(&MetricSelection::default(), RULES, TransformOptions::default())
        .unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(done.updated, 4);
    assert_eq!(place.cell("SELECT total_val FROM METRIC WHERE id = 32"), format!("real {:016x}", 3.0_f64.to_bits()));
    manager
        .undo_transform(done.transform_id.unwrap(), UndoOptions::default())
        .unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(digest(&manager, 1), wanted());
}

fn transforms_without_an_undo_log(engine: Engine) {
    let folder = Folder::new();
    let rules = RULES.replace("}]}", "}], \"global_settings\": {\"backup_original\": false}}");
    let transformed = |engine: Engine, name: &str| {
        let place = engine.small(&folder, name);
        // A metric of both experiments, of which only one is transformed.
        place.execute("INSERT INTO RESULTS_METRIC VALUES (21, 36);\nINSERT INTO EPOCH_METRIC VALUES (1, 21, 36)");
        let selection = MetricSelection { experiments: Some(vec![1]), metrics: None };
        let manager = place.open();
        let before = place.dump();
        let dry = TransformOptions { dry_run: true, ..TransformOptions::default() };
        let preview = manager.transform_metrics(&selection, &rules, dry).unwrap_or_else(|e| panic!("{}", e.to_json()));
        assert_eq!(place.dump(), before);
        let options = TransformOptions { batch_size: 1, ..TransformOptions::default() };
        let done = manager.transform_metrics(&selection, &rules, options).unwrap_or_else(|e| panic!("{}", e.to_json()));
        assert_eq!((done.updated, done.copied, preview.updated), (4, 1, 4));
        (digest(&manager, 1), digest(&manager, 2), place.cell("SELECT count(*) FROM METRIC"))
    };
    assert_eq!(transformed(engine, "a"), transformed(FILE, "wanted"));
}

fn snapshots_bring_back_what_was_there(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    place.execute("ALTER TABLE METRIC ADD COLUMN note VARCHAR(20);\nUPDATE METRIC SET note = 'n' WHERE id = 31");
    let (manager, before) = (place.open(), place.dump());
    let id =
        manager.create_snapshot("before", SnapshotOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
    manager.verify_snapshot(&id, JobOptions::default()).unwrap();
    let details = manager.snapshot_details(&id).unwrap();
    assert_eq!((details.statistics.tables["METRIC"], details.statistics.tables["EXPERIMENT"]), (8, 2));
    // The file is a database with the same content.
    let portable = support::open_read_only(&folder.path("snapshots").join(format!("{id}.db")));
    assert_eq!(digest(&portable, 1), digest(&manager, 1));
    place.execute("DELETE FROM RESULTS_METRIC;\nUPDATE EXPERIMENT SET title = 'changed';\nINSERT INTO ARTIFACT VALUES (900, 'x', 'y')");
    let changed = place.dump();
    let done = manager.restore_snapshot(&id, RestoreOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
    // All but SQLite's counters of ids, which never go back.
    let (counters, rows): (Vec<_>, Vec<_>) =
        place.dump().into_iter().partition(|(table, _)| table == "sqlite_sequence");
    let of_changed = changed.iter().filter(|(table, _)| table == "sqlite_sequence").cloned();
    assert_eq!(counters, of_changed.collect::<Vec<_>>());
    assert_eq!(rows, before.into_iter().filter(|(table, _)| table != "sqlite_sequence").collect::<Vec<_>>());
    assert_eq!(manager.cleanup_snapshots(9).unwrap(), 0);
    // And what was overwritten can be had again.
    let safety = done.safety_snapshot_id.unwrap();
    manager
        .restore_snapshot(&safety, RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() })
        .unwrap();
    assert_eq!(place.dump(), changed);
}

fn snapshots_of_other_engines_are_restored_when_forced(engine: Engine) {
    let folder = Folder::new();
    let (file, place) = (FILE.small(&folder, "file"), engine.place(&folder, "there"));
    let (source, target) = (file.open(), place.create());
    let id = source.create_snapshot("", SnapshotOptions::default()).unwrap();
    let error = target.restore_snapshot(&id, RestoreOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Mismatch);
    target
        .restore_snapshot(&id, RestoreOptions { force: true, ..RestoreOptions::default() })
        .unwrap_or_else(|e| panic!("{}", e.to_json()));
    assert_eq!(digest(&target, 1), wanted());
    assert_eq!(target.list_experiments().unwrap().len(), 2);
}

fn rules_are_applied_on_the_way(engine: Engine) {
    let folder = Folder::new();
    let rules = || MigrateOptions { transformation_rules: Some(RULES.to_owned()), ..MigrateOptions::default() };
    let file = FILE.small(&folder, "file").open();
    let wanted = digest(&file, migrated(&file, None, 1, rules()));
    let (source, target) = (engine.small(&folder, "a").open(), engine.place(&folder, "b").create());
    assert_eq!(digest(&source, migrated(&source, None, 1, rules())), wanted);
    assert_eq!(digest(&target, migrated(&source, Some(&target), 1, rules())), wanted);
    assert_eq!(digest(&target, migrated(&file, Some(&target), 1, rules())), wanted);
}

fn queries_read_and_do_nothing_else(engine: Engine) {
    let folder = Folder::new();
    let place = engine.small(&folder, "a");
    let (manager, before) = (place.open(), place.dump());
    let ask = |sql: &str, params: &[Value]| {
        let mut found = Vec::new();
        manager.query(&(engine.sql)(sql), params, &mut |row| {
            assert_eq!(row.columns.len(), row.values.len());
            found.push(row.values.iter().map(|value| value.describe()).collect::<Vec<_>>().join("|"));
            // A query within a query.
            manager.query(&(engine.sql)("SELECT count(*) AS n FROM TRIAL"), &[], &mut |inner| {
                assert_eq!(inner.get("N").map(|value| value.describe()).as_deref(), Some("3"));
                Ok(Next::Row)
            })?;
            Ok(Next::Row)
        })?;
        Ok::<_, expmig::Error>(found)
    };
    let text = |text: &str| Value::Text(text.as_bytes().to_vec());
    let sql = "SELECT id, total_val FROM METRIC WHERE type = :type AND id > :low AND type = :type ORDER BY id";
    assert_eq!(ask(sql, &[text("accuracy"), Value::Integer(31)]).unwrap(), ["35|0.125"]);
    assert_eq!(
        ask("SELECT ?2, ?1, '?', \"desc\" FROM EXPERIMENT ORDER BY 4", &[text("a"), text("b")]).unwrap().len(),
        2
    );
    for (sql, status) in [
        ("DELETE FROM METRIC", Status::Misuse),
        ("UPDATE METRIC SET total_val = 1", Status::Misuse),
        ("DROP TABLE METRIC", Status::Misuse),
        ("COMMIT", Status::Misuse),
        ("SELECT * FROM METRIC WHERE", Status::InvalidArgument),
        ("SELECT nothing FROM METRIC", Status::InvalidArgument),
        ("SELECT * FROM nowhere", Status::InvalidArgument),
        ("SELECT 1; DELETE FROM METRIC", Status::Misuse),
        ("SELECT 1; SELECT 2", Status::InvalidArgument),
        (" -- nothing", Status::InvalidArgument),
        ("SELECT ?", Status::InvalidArgument),
    ] {
        let error = ask(sql, &[]).unwrap_err();
        assert_eq!(error.status(), status, "{sql}: {}", error.to_json());
    }
    for sql in engine.sly_queries {
        assert_eq!(ask(sql, &[]).unwrap_err().status(), Status::Misuse, "{sql}");
    }
    // What only the transaction refuses, or undoes.
    if let Some(function) = engine.writing_function {
        place.execute(function);
        assert_eq!(ask("SELECT writes()", &[]).unwrap_err().status(), Status::Misuse);
        place.execute("DROP FUNCTION writes");
    }
    assert_eq!(place.dump(), before);
}

fn registered_checks_run(engine: Engine) {
    let folder = Folder::new();
    let manager = engine.small(&folder, "a").open();
    let sql = "SELECT 'METRIC' AS \"table\", id AS \"row\", 'too large' AS message FROM METRIC WHERE total_val > 5";
    manager.register_check("large", Check::Sql((engine.sql)(sql))).unwrap_or_else(|e| panic!("{}", e.to_json()));
    let report = manager.validate(ValidateOptions::default()).unwrap();
    assert_eq!(report.count(Severity::Error), 1, "{}", report.to_json());
    let conservative = MigrateOptions { strategy: expmig::Strategy::Conservative, ..MigrateOptions::default() };
    assert_eq!(manager.migrate_experiment(1, None, conservative).unwrap_err().status(), Status::Validation);
}

/// An older file goes into a newer database, whose tables have columns of their own; and within that.
fn columns_that_the_target_fills_itself_stop_nothing(engine: Engine) {
    let folder = Folder::new();
    let older = support::open(&folder.small("older.db", ""));
    let newer = engine.small(&folder, "newer");
    // What ALTER TABLE lets one add everywhere, and a key of a junction table's own.
    newer.execute("ALTER TABLE METRIC ADD COLUMN unit VARCHAR(20) NOT NULL DEFAULT 'none';\nALTER TABLE TRIAL ADD COLUMN stars INTEGER NOT NULL DEFAULT 3;");
    newer.execute(engine.filled_columns);
    let target = newer.open();
    for strategy in support::STRATEGIES {
        let options = || MigrateOptions { strategy, ..MigrateOptions::default() };
        let plan =
            older.plan_migration(1, Some(&target), options()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        let filled = support::at(&plan, "/filled_columns").as_array().expect("a list").len();
        assert_eq!(filled, if engine.stamps { 4 } else { 3 }, "{plan}");
        let done =
            older.migrate_experiment(1, Some(&target), options()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        for column in ["METRIC.unit", "TRIAL.stars", "RESULTS_METRIC.nr"] {
            assert!(done.warnings.iter().any(|warning| warning.contains(column)), "{column}: {:?}", done.warnings);
        }
        let new = done.new_experiment_id;
        assert_eq!(
            newer.cell(&format!("SELECT MIN(stars) + MAX(stars) FROM TRIAL WHERE experiment_id = {new}")),
            "Integer(6)"
        );
        // What was there is found again by what was asked for.
        let again = MigrateOptions { on_duplicate: OnDuplicate::Skip, ..options() };
        let skipped =
            older.migrate_experiment(1, Some(&target), again).unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert!(skipped.skipped || strategy == expmig::Strategy::Aggressive, "{}", skipped.to_json());
        // Within one database the values are there, and are copied; the numbers are new. (A TIMESTAMP is another matter.)
        if !engine.stamps {
            let within =
                target.migrate_experiment(new, None, options()).unwrap_or_else(|error| panic!("{}", error.to_json()));
            assert!(
                within.warnings.iter().any(|warning| warning.contains("RESULTS_METRIC.nr")),
                "{:?}",
                within.warnings
            );
            assert!(!within.warnings.iter().any(|warning| warning.contains("METRIC.unit")), "{:?}", within.warnings);
        }
    }
    assert_eq!(newer.cell("SELECT COUNT(*) FROM METRIC WHERE unit <> 'none'"), "Integer(0)");
    assert_eq!(newer.cell("SELECT COUNT(*) - COUNT(DISTINCT nr) FROM RESULTS_METRIC"), "Integer(0)");
    let document = older.export_to_string(1, ExportOptions::default()).unwrap();
    let imported = target
        .import_from_string(document.as_bytes(), ImportOptions::default())
        .unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert_eq!(Some(imported.digest), imported.document_digest);
    assert!(imported.warnings.iter().any(|warning| warning.contains("METRIC.unit")), "{:?}", imported.warnings);
    // A document that has the values brings them along, but for the numbers.
    newer.execute(&format!("UPDATE TRIAL SET stars = 5 WHERE experiment_id = {};", imported.experiment_id));
    if !engine.stamps {
        let document = target.export_to_string(imported.experiment_id, ExportOptions::default()).unwrap();
        let again = target
            .import_from_string(document.as_bytes(), ImportOptions::default())
            .unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!(
            newer.cell(&format!("SELECT MIN(stars) FROM TRIAL WHERE experiment_id = {}", again.experiment_id)),
            "Integer(5)"
        );
        assert!(
            again.warnings.iter().any(|warning| warning.contains("only rows were counted")),
            "{:?}",
            again.warnings
        );
    }
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        scenarios!(@of sqlite SQLITE $($name)*);
        scenarios!(@of mariadb MARIADB $($name)*);
        scenarios!(@of mysql_server MYSQL $($name)*);
        scenarios!(@of postgres POSTGRES $($name)*);
    };
    (@of $module:ident $engine:ident $($name:ident)*) => {
        mod $module {
            $(#[test] fn $name() {
                match super::quirks::$engine.client.is_there() {
                    true => super::$name(&super::quirks::$engine),
                    false => eprintln!("{} {}", super::server::SKIPPED, stringify!($engine)),
                }
            })*
        }
    };
}

scenarios! {
    makes_the_page_that_a_file_makes,
    columns_that_the_target_fills_itself_stop_nothing,
    gives_metrics_as_the_columns_of_a_file,
    finds_what_metrics_hang_on_among_few_and_many,
    gives_a_query_as_columns_that_outlive_it,
    a_copy_in_stages_is_the_copy_that_one_transaction_makes,
    a_job_that_stopped_anywhere_goes_on_to_one_whole_copy,
    a_job_that_is_abandoned_leaves_everything_as_it_was,
    rows_of_others_under_what_a_job_copied_are_not_removed,
    a_second_call_for_one_job_is_refused,
    a_snapshot_of_a_job_that_stopped_brings_it_back,
    a_source_that_changed_is_not_mixed_with_what_was_copied,
    what_cannot_be_done_in_stages_is_refused_before_the_first_row,
    lists_experiments,
    says_what_it_is,
    content_has_the_same_digest_everywhere,
    migrates_from_and_to_a_file,
    metrics_far_apart_are_copied,
    migrates_within_and_between_two,
    plans_without_writing,
    a_refused_migration_leaves_everything_as_it_was,
    created_schemas_hold_extreme_values,
    missing_columns_are_added_or_the_refusal_says_how,
    validates,
    exports_the_same_document,
    imports_what_was_exported,
    transforms_and_undoes,
    transforms_without_an_undo_log,
    an_undo_gives_back_every_byte,
    shared_metrics_are_copied_and_undone,
    huge_cells_are_changed_and_given_back,
    a_copy_that_something_else_is_linked_to_stays,
    a_copy_is_not_undone_when_it_its_original_or_its_links_were_changed,
    changed_metrics_stop_an_undo_or_are_left_alone,
    older_transformations_wait_for_the_newer_ones_of_the_same_metrics,
    the_log_is_listed_and_forgotten,
    the_log_is_nobodys_content,
    a_transformation_that_fails_keeps_nothing,
    snapshots_keep_the_log_with_the_data,
    a_log_can_be_used_on_another_engine,
    snapshots_bring_back_what_was_there,
    snapshots_of_other_engines_are_restored_when_forced,
    rules_are_applied_on_the_way,
    queries_read_and_do_nothing_else,
    registered_checks_run,
    links_of_a_copy_lead_to_its_own_rows,
    the_digest_knows_where_links_lead,
    a_link_that_leads_out_stops_or_is_cut,
    a_document_carries_links,
    a_row_that_has_to_name_what_is_not_copied_stops_or_is_left_out,
    rows_that_name_each_other_go_together,
    links_of_a_document_to_rows_that_it_has_not_are_cut_if_that_is_allowed,
    a_comparison_names_the_link_that_differs,
    links_of_several_columns_lead_to_rows_of_the_copy,
    links_of_an_older_schema_are_carried,
    links_of_shared_metrics_lead_out_of_one_experiment_only,
    an_experiment_that_has_to_name_another_is_not_copied,
    links_to_nothing_are_dangling_references,
    imports_more_links_than_wait_in_memory,
    what_hangs_on_the_experiment_and_stays_is_said,
    what_is_computed_only_in_the_source_is_said,
    a_link_to_a_shared_metric_stops_a_transformation,
    an_append_is_skipped_only_if_all_of_it_is_there,
    what_a_document_claims_is_not_trusted,
    one_twin_of_many_is_named,
    look_alikes_are_told_apart,
    a_comparison_names_what_differs,
    what_has_a_known_name_and_is_no_table_stops_every_call,
    a_view_in_the_place_of_the_version_is_nobodys,
    tables_are_created_where_nothing_else_is,
    somebody_elses_table_of_a_known_name_is_not_completed,
    new_ids_are_above_every_id_that_is_mentioned,
    a_trial_without_an_id_is_not_left_out_silently,
    columns_with_the_names_of_a_rowid_are_kept,
    a_restore_leaves_the_tables_of_others_as_they_are,
    a_restore_is_read_back_whatever_triggers_do,
    a_restore_without_the_right_to_see_who_refers_says_so,
    rules_for_rows_in_each_others_way_delete_nothing,
    triggers_that_add_or_remove_rows_of_ours_stop_every_call_that_writes,
    triggers_that_leave_our_rows_alone_are_somebodys_own_affair,
    triggers_that_exchange_or_change_rows_stop_every_call_that_writes,
    triggers_that_look_on_stop_no_transformation,
    a_trigger_that_undoes_the_transaction_ends_the_call,
    an_account_that_is_not_shown_triggers_is_not_fooled_by_them,
    columns_that_the_server_stamps_keep_their_value,
    a_copy_that_somebody_elses_table_refers_to_stays,
    a_link_that_somebody_elses_table_refers_to_is_not_moved,
    what_resembles_a_database_is_not_the_database,
    a_view_in_the_place_of_a_table_stops_every_other_call_too,
    columns_that_a_star_does_not_show_are_copied,
    rows_that_hang_on_nothing_are_nobodys_in_every_call_that_gives_ids,
    a_snapshot_of_links_of_every_kind_comes_back,
    a_strict_table_takes_a_document_as_it_is,
    partitions_and_computed_columns_change_nothing,
    what_hangs_on_an_experiment_from_elsewhere_is_said,
    exact_values_go_through_a_document_into_a_new_file,
    links_to_what_is_unique_and_no_id_are_kept_or_named,
    links_to_what_is_unique_and_lead_out_are_cut_where_that_is_allowed,
    links_to_epochs_that_are_left_out_are_cut,
    rows_that_have_to_name_what_is_unique_are_left_out,
    links_to_tables_of_others_are_kept_where_these_have_the_row,
}
