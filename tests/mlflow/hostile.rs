//! What nobody should do to a store, and somebody does: odd names, long texts, cancels on the way, an upgrade of the target meanwhile.

use std::path::Path;
use std::time::Duration;

use crate::migrate::{content, empty};
use crate::places::{Engine, Place, cells};
use crate::store::store;
use crate::support::{Folder, dump, execute, integer, leaves_alone, open, sql};
use expmig::{
    Error, Flow, MigrateOptions, MigrationResult, OnConflict, OnName, Progress, Result, Status, TextKeyOptions,
    ValidateOptions,
};

/// Names that SQL, LOAD DATA, JSON and terminals have views of. None is another's to a server.
const NAMES: [&str; 14] = [
    "'; DROP TABLE runs; --",
    "\" OR \"\"=\"",
    "\\N",
    "back\\slash\\",
    "tab\tand\nline\r\n",
    "?1 :a $b %s {0}",
    "\u{202e}right to left",
    "\u{feff}mark",
    "e\u{301}\u{327}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{1}\u{1b}[31m",
    "mlflow.parentRunId ",
    "NULL",
    " ",
];

/// A store with a run whose params, tags and metrics have such names, and no numbers that are fractions where servers have integers.
fn with_names(folder: &Folder) -> std::path::PathBuf {
    let path = store(folder, "3.17.2");
    execute(
        &path,
        "DELETE FROM metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real';
         DELETE FROM latest_metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'",
    );
    let client = sql(&path);
    let run: String =
        client.query_row("SELECT run_uuid FROM runs WHERE name = 'baseline 0'", [], |row| row.get(0)).unwrap();
    for name in NAMES {
        client.execute("INSERT INTO params VALUES (?1, ?1, ?2)", [name, &run]).unwrap();
        client.execute("INSERT INTO tags VALUES (?1, ?1, ?2)", [name, &run]).unwrap();
        client.execute("INSERT INTO experiment_tags VALUES (?1, ?1, 2)", [name]).unwrap();
        client.execute("INSERT INTO metrics VALUES (?1, 0.5, 1700000000000, ?2, 0, 0)", [name, &run]).unwrap();
        client.execute("INSERT INTO latest_metrics VALUES (?1, 0.5, 1700000000000, 0, 0, ?2)", [name, &run]).unwrap();
    }
    // A tag of an experiment has no limit.
    execute(&path, "INSERT INTO experiment_tags VALUES ('long', printf('%.*c', 20000, 'x'), 2)");
    let title = NAMES[0];
    client.execute("UPDATE experiments SET name = ?1 WHERE experiment_id = 2", [title]).unwrap();
    path
}

#[test]
fn odd_names_and_long_texts_arrive_everywhere_as_they_are() {
    let folder = Folder::new();
    let path = with_names(&folder);
    let source = Place::File(path.clone());
    let wanted = cells(&source, &path, 2);
    let engines = std::iter::once(Engine::Sqlite).chain(Engine::servers());
    for engine in engines {
        let (there, back) = (Folder::new(), Folder::new());
        let (server, file) = (engine.empty(&there), Engine::Sqlite.empty(&back));
        let first =
            source.migrate(2, &server, MigrateOptions::default()).unwrap_or_else(|e| panic!("{engine:?}: {e:?}"));
        assert_eq!(cells(&server, &path, first.new_experiment_id), wanted, "{engine:?}");
        let second = server.migrate(first.new_experiment_id, &file, MigrateOptions::default()).unwrap();
        assert_eq!(cells(&file, &path, second.new_experiment_id), wanted, "{engine:?}");
        assert_eq!(first.source_digest, second.target_digest, "{engine:?}");
        assert!(server.open().validate(ValidateOptions::default()).unwrap().passed(), "{engine:?}");
    }
    // Within the store, and by a document.
    let copy = source.open().migrate_experiment(2, None, MigrateOptions::default()).unwrap();
    assert!(copy.target_digest.is_some() && copy.expected_digest == copy.target_digest);
    let document = source.open().export_to_string(2, expmig::ExportOptions::default()).unwrap();
    let there = Folder::new();
    let target = empty(&there);
    let imported = open(&target).import_from_string(document.as_bytes(), expmig::ImportOptions::default()).unwrap();
    assert_eq!(content(&target, imported.experiment_id), content(&path, 2));
}

#[test]
fn a_tag_of_a_run_that_no_server_holds_goes_into_files_alone_and_is_never_cut() {
    let folder = Folder::new();
    let path = store(&folder, "3.17.2");
    execute(
        &path,
        "UPDATE tags SET value = printf('%.*c', 20000, 'x') WHERE key = 'mlflow.source.name' AND run_uuid = (SELECT run_uuid FROM runs WHERE name = 'baseline 0')",
    );
    let source = Place::File(path.clone());
    let there = Folder::new();
    let file = empty(&there);
    let done = source.migrate(2, &Place::File(file.clone()), MigrateOptions::default()).unwrap();
    assert_eq!(content(&file, done.new_experiment_id), content(&path, 2));
    for engine in Engine::servers() {
        let target = engine.empty(&Folder::new());
        let before = target.dump();
        for allow_lossy in [false, true] {
            let error =
                source.migrate(2, &target, MigrateOptions { allow_lossy, ..MigrateOptions::default() }).unwrap_err();
            let wanted = if allow_lossy { Status::Unsupported } else { Status::Constraint };
            assert_eq!(error.status(), wanted, "{engine:?}: {error:?}");
        }
        assert_eq!(target.dump(), before, "{engine:?}");
    }
}

fn appending(on_conflict: OnConflict) -> MigrateOptions {
    let text_keys = TextKeyOptions { on_conflict, on_name: OnName::Append, ..TextKeyOptions::default() };
    MigrateOptions { text_keys, ..MigrateOptions::default() }
}

fn cancelled(result: Result<MigrationResult>, step: &str) {
    let error: Error = result.map(|done| done.to_json()).unwrap_err();
    assert_eq!(error.status(), Status::Cancelled, "{step}: {error:?}");
}

/// Ends a call when it reports that it is at this step. Others take longer than the time between two reports.
fn ending_at(step: &'static str) -> Box<dyn FnMut(&Progress) -> Flow + Send> {
    Box::new(move |progress| {
        if progress.operation == step {
            return Flow::Cancel;
        }
        std::thread::sleep(Duration::from_millis(150));
        Flow::Continue
    })
}

#[test]
fn a_cancel_while_appending_leaves_no_trace() {
    const STEPS: [&str; 4] = ["looking at the target", "reading what is appended to", "copying", "verifying the copy"];
    let (here, there) = (Folder::new(), Folder::new());
    let (source, target) = (with_names(&here), empty(&there));
    open(&source).migrate_experiment(2, Some(&open(&target)), MigrateOptions::default()).unwrap();
    let before = dump(&target);
    for step in STEPS {
        let options = MigrateOptions { progress: Some(ending_at(step)), ..appending(OnConflict::New) };
        cancelled(open(&source).migrate_experiment(2, Some(&open(&target)), options), step);
        assert_eq!(dump(&target), before, "{step}");
    }
    let done = open(&source).migrate_experiment(2, Some(&open(&target)), appending(OnConflict::New)).unwrap();
    assert_eq!(integer(&target, "SELECT count(*) FROM runs"), 6);
    assert_eq!(done.new_experiment_id, 1);
    let source = Place::File(source);
    // One will do: what a cancel undoes is the engine's transaction, which tests/servers looks at.
    for engine in Engine::servers().into_iter().take(1) {
        let target = engine.empty(&Folder::new());
        source.migrate(2, &target, MigrateOptions::default()).unwrap();
        let before = target.dump();
        for step in ["copying", "verifying the copy"] {
            let options = MigrateOptions { progress: Some(ending_at(step)), ..appending(OnConflict::New) };
            cancelled(source.migrate(2, &target, options), step);
            assert_eq!(target.dump(), before, "{engine:?} {step}");
        }
        source.migrate(2, &target, appending(OnConflict::New)).unwrap();
        assert_eq!(target.rows("SELECT run_uuid FROM runs").len(), 6, "{engine:?}");
        assert!(target.open().validate(ValidateOptions::default()).unwrap().passed(), "{engine:?}");
    }
}

/// Copies, and does something to the target when the source has been read.
fn meanwhile(source: &Path, target: &Path, change: &'static str) -> Result<MigrationResult> {
    let path = target.to_owned();
    let mut done = false;
    let progress: Box<dyn FnMut(&Progress) -> Flow + Send> = Box::new(move |progress| {
        if !done && progress.operation == "looking for values that do not fit" {
            execute(&path, change);
            done = true;
        }
        std::thread::sleep(Duration::from_millis(150));
        Flow::Continue
    });
    let options = MigrateOptions { progress: Some(progress), ..MigrateOptions::default() };
    open(source).migrate_experiment(2, Some(&open(target)), options)
}

#[test]
fn a_target_that_is_upgraded_meanwhile_is_not_written() {
    for (change, status) in [
        ("ALTER TABLE runs ADD COLUMN archived INTEGER", Status::Busy),
        ("UPDATE alembic_version SET version_num = 'f4a9b2c7d1e6'", Status::Unsupported),
    ] {
        let (here, there) = (Folder::new(), Folder::new());
        let (source, target) = (with_names(&here), empty(&there));
        let error =
            leaves_alone(&source, || meanwhile(&source, &target, change).map(|done| done.to_json()).unwrap_err());
        assert_eq!(error.status(), status, "{change}: {error:?}");
        assert_eq!(integer(&target, "SELECT count(*) FROM runs") + integer(&target, "SELECT count(*) FROM params"), 0);
    }
}
