//! Experiments as JSON documents: out of every store, into every other, and documents that are cut, changed or made up.

use std::path::{Path, PathBuf};

use crate::migrate::{content, empty};
use crate::places::{Engine, Place, cells};
use crate::store::store;
use crate::support::{Folder, crate_path, dump, execute, integer, leaves_alone, open, rows};
use expmig::{
    CancelToken, Error, ExportOptions, ImportOptions, ImportResult, JobOptions, OnConflict, OnDuplicate, OnName,
    Result, Status, TextKeyOptions, ValidateOptions,
};
use serde_json::{Value as Json, json};

fn export(path: &Path, experiment: i64) -> String {
    leaves_alone(path, || open(path).export_to_string(experiment, ExportOptions::default())).unwrap()
}

fn import(path: &Path, document: &str, options: ImportOptions) -> Result<ImportResult> {
    open(path).import_from_string(document.as_bytes(), options)
}

fn digest(place: &Place, experiment: i64) -> String {
    expmig::digest::hex(&place.open().experiment_digest(experiment, JobOptions::default()).unwrap())
}

fn refused(path: &Path, document: &str, options: ImportOptions, status: Status, words: &str) -> Error {
    let before = dump(path);
    let Err(error) = import(path, document, options) else { panic!("{words} was expected") };
    assert_eq!(error.status(), status, "{words}: {error:?}");
    assert!(error.message().contains(words), "{words}: {error:?}");
    assert_eq!(dump(path), before, "{words}");
    error
}

#[test]
fn every_experiment_comes_back_from_its_document_cell_by_cell() {
    for name in ["3.17.2", "3.5.1-upgraded", "3.0.1-upgraded", "2.22.5-upgraded", "1.30.1-upgraded"] {
        let folder = Folder::new();
        let (source, target) = (store(&folder, name), empty(&folder));
        for experiment in 0..4 {
            let document = export(&source, experiment);
            let told: Json = serde_json::from_str(&document).unwrap();
            assert_eq!(told["format"], json!("expmig.mlflow/1"));
            assert_eq!(told["version"], json!("dc11669786a5"));
            let wanted = digest(&Place::File(source.clone()), experiment);
            assert_eq!(told["metadata"]["digest"]["value"], json!(wanted), "{name} {experiment}");
            for (table, count) in told["metadata"]["counts"].as_object().unwrap() {
                assert_eq!(json!(told["tables"][table]["rows"].as_array().unwrap().len()), *count, "{table}");
            }
            let done = import(&target, &document, ImportOptions::default()).unwrap();
            let id = done.experiment_id;
            assert_eq!(content(&target, id), content(&source, experiment), "{name} {experiment}");
            assert_eq!((done.document_experiment_id, done.skipped), (experiment, false));
            assert_eq!(done.document_digest.map(|digest| expmig::digest::hex(&digest)), Some(wanted.clone()));
            if experiment > 0 {
                assert_eq!(digest(&Place::File(target.clone()), id), wanted, "{name} {experiment}");
            }
            let indented = ExportOptions { indent: 2, ..ExportOptions::default() };
            let again: Json =
                serde_json::from_str(&open(&source).export_to_string(experiment, indented).unwrap()).unwrap();
            assert_eq!(again["tables"], told["tables"]);
        }
        assert!(open(&target).validate(ValidateOptions::default()).unwrap().passed());
        assert_eq!(rows(&target, "PRAGMA foreign_key_check").len(), 0);
    }
}

#[test]
fn documents_go_between_files_and_servers() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    // Fractions of steps and times only SQLite keeps.
    execute(
        &source,
        "DELETE FROM metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real';
         DELETE FROM latest_metrics WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'",
    );
    let (document, wanted) = (export(&source, 1), digest(&Place::File(source.clone()), 1));
    for engine in Engine::servers() {
        let (server, files) = (engine.empty(&folder), Folder::new());
        let id = server.open().import_from_string(document.as_bytes(), ImportOptions::default()).unwrap().experiment_id;
        assert_eq!(digest(&server, id), wanted, "{engine:?}");
        let back = server.open().export_to_string(id, ExportOptions::default()).unwrap();
        let target = Engine::Sqlite.empty(&files);
        let last = target.open().import_from_string(back.as_bytes(), ImportOptions::default()).unwrap().experiment_id;
        assert_eq!(digest(&target, last), wanted, "{engine:?}");
        assert_eq!(cells(&target, &source, last), cells(&Place::File(source.clone()), &source, 1), "{engine:?}");
    }
}

#[test]
fn what_the_target_has_already_is_treated_as_a_migration_does() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let (document, target) = (export(&source, 1), empty(&folder));
    let keys = |on_conflict, on_name| TextKeyOptions { on_conflict, on_name, ..TextKeyOptions::default() };
    let with = |text_keys| ImportOptions { text_keys, ..ImportOptions::default() };
    let first = import(&target, &document, ImportOptions::default()).unwrap();
    let error = refused(&target, &document, ImportOptions::default(), Status::AlreadyExists, "keys of experiment 1");
    assert_eq!(error.domain(), expmig::Domain::ImportExport);
    let skipping = ImportOptions { on_duplicate: OnDuplicate::Skip, ..ImportOptions::default() };
    let again = import(&target, &document, skipping).unwrap();
    assert!(again.skipped && again.experiment_id == first.experiment_id);
    let failing = ImportOptions { on_duplicate: OnDuplicate::Error, ..ImportOptions::default() };
    refused(&target, &document, failing, Status::AlreadyExists, "has experiment 1 already");
    let second = import(&target, &document, with(keys(OnConflict::New, OnName::Suffix))).unwrap();
    assert!(second.experiment_id != first.experiment_id && !second.keys.is_empty());
    assert_eq!(second.to_json()["keys"]["runs"].as_array().unwrap().len(), 9);
    assert!(second.warnings.iter().any(|warning| warning.contains("vision (2)")), "{:?}", second.warnings);
    // What is missing in the experiment of that name is added.
    execute(&target, "DELETE FROM params WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE name = 'odd numbers')");
    let before = content(&target, first.experiment_id);
    refused(
        &target,
        &document,
        with(keys(OnConflict::Skip, OnName::Append)),
        Status::AlreadyExists,
        "in the target with another content",
    );
    assert_eq!(content(&target, first.experiment_id), before);
    let other = export(&source, 2);
    let appending = ImportOptions { target_experiment: Some(first.experiment_id), ..ImportOptions::default() };
    let appended = import(&target, &other, appending).unwrap();
    assert_eq!(appended.experiment_id, first.experiment_id);
    assert_eq!(
        integer(&target, &format!("SELECT count(*) FROM runs WHERE experiment_id = {}", first.experiment_id)),
        12
    );
    let elsewhere = TextKeyOptions { workspace: Some("nowhere".to_owned()), ..TextKeyOptions::default() };
    refused(&target, &export(&source, 3), with(elsewhere), Status::NotFound, "workspace");
}

/// A document with something changed.
fn changed(document: &str, change: impl FnOnce(&mut Json)) -> String {
    let mut told: Json = serde_json::from_str(document).unwrap();
    change(&mut told);
    told.to_string()
}

#[test]
fn documents_that_were_changed_are_refused_and_say_where() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let (document, target) = (export(&source, 1), empty(&folder));
    let refuse = |change: &dyn Fn(&mut Json), status, words: &str| {
        refused(&target, &changed(&document, change), ImportOptions::default(), status, words)
    };
    let (invalid, mismatch) = (Status::Validation, Status::Mismatch);
    refuse(&|told| told["format"] = json!("expmig.mlflow/2"), Status::Unsupported, "expmig.mlflow/1");
    refuse(&|told| told["format"] = json!({"name": "expmig.export"}), Status::Unsupported, "one of MLflow");
    refuse(&|told| told["version"] = json!("bf29a5ff90ea"), Status::Unsupported, "bf29a5ff90ea");
    refuse(&|told| told["other"] = json!(1), invalid, "\"other\" is unknown");
    refuse(&|told| told["rows"] = json!(-1), invalid, "a number of rows");
    refuse(&|told| told["tables"]["users"] = json!({}), invalid, "is unknown");
    refuse(&|told| told["tables"]["runs"]["rows"] = json!({}), invalid, "a list is expected");
    refuse(&|told| told["tables"]["runs"]["rows"][0] = json!({}), invalid, "a list is expected");
    refuse(&|told| told["tables"]["params"]["rows"][3][1] = json!([1]), invalid, "not a list");
    refuse(&|told| told["tables"]["metrics"]["rows"][0][1] = json!("high"), invalid, "a number is expected");
    refuse(&|told| told["tables"]["metrics"]["rows"][0] = json!([1]), invalid, "has 1 values");
    refuse(&|told| told["tables"]["params"]["columns"][0] = json!("value"), invalid, "cannot be another column");
    refuse(
        &|told| told["tables"]["params"]["columns"][0] = json!("keys"),
        invalid,
        "the column key of params is missing",
    );
    refuse(
        &|told| {
            let first = told["tables"]["params"]["rows"][0].clone();
            told["tables"]["params"]["rows"].as_array_mut().unwrap().push(first);
        },
        invalid,
        "cannot stand together",
    );
    refuse(
        &|told| {
            let mut second = told["tables"]["experiments"]["rows"][0].clone();
            second[0] = json!(99);
            told["tables"]["experiments"]["rows"].as_array_mut().unwrap().push(second);
            told["metadata"] = json!({});
        },
        invalid,
        "has one experiment, and 2",
    );
    let stray = |told: &mut Json| {
        told["metadata"] = json!({});
        let at = told["tables"]["metrics"]["columns"].as_array().unwrap().iter().position(|name| name == "run_uuid");
        told["tables"]["metrics"]["rows"][0][at.unwrap()] = json!("nobody");
    };
    refuse(&stray, invalid, "1 rows of metrics hang on nothing");
    refuse(
        &|told| {
            told["tables"]["params"]["rows"].as_array_mut().unwrap().pop();
        },
        mismatch,
        "other rows than its metadata says",
    );
    refuse(
        &|told| told["tables"]["params"]["rows"][0][1] = json!("changed"),
        mismatch,
        "not the one that was exported",
    );
    // A row of latest_metrics that is wrong is no part of the digest, and refused all the same.
    refuse(
        &|told| {
            let at =
                told["tables"]["latest_metrics"]["columns"].as_array().unwrap().iter().position(|name| name == "value");
            told["tables"]["latest_metrics"]["rows"][0][at.unwrap()] = json!(0.123_456);
        },
        invalid,
        "latest_metrics",
    );
    for (option, options) in [
        ("preserve_ids", ImportOptions { preserve_ids: true, ..ImportOptions::default() }),
        ("allow_lossy", ImportOptions { allow_lossy: true, ..ImportOptions::default() }),
        ("add_columns", ImportOptions { add_columns: true, ..ImportOptions::default() }),
    ] {
        refused(&target, &document, options, Status::Unsupported, option);
    }
    // Without a digest it is imported, and that is said.
    let plain = changed(&document, |told| {
        told["tables"]["params"]["rows"][0][1] = json!("changed");
        told["metadata"]["digest"] = json!({});
    });
    let done = import(&target, &plain, ImportOptions::default()).unwrap();
    assert!(done.warnings.iter().any(|warning| warning.contains("no digest")), "{:?}", done.warnings);
}

#[test]
fn a_document_that_is_cut_off_anywhere_changes_nothing() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let (document, target) = (export(&source, 3), empty(&folder));
    let before = dump(&target);
    let end = document.trim_end().len();
    for at in (0..end).step_by(end / 60) {
        let Some(part) = document.get(..at) else { continue };
        let error = import(&target, part, ImportOptions::default()).unwrap_err();
        assert_eq!(error.status(), Status::Corrupt, "{at}: {error:?}");
    }
    assert_eq!(dump(&target), before);
    import(&target, &document, ImportOptions::default()).unwrap();
}

#[test]
fn a_cancelled_export_or_import_leaves_nothing() {
    let folder = Folder::new();
    let source = store(&folder, "3.17.2");
    let (document, target) = (export(&source, 1), empty(&folder));
    let before = dump(&target);
    let token = CancelToken::new();
    token.trigger();
    let options = ImportOptions { cancel: Some(token.clone()), ..ImportOptions::default() };
    assert_eq!(import(&target, &document, options).unwrap_err().status(), Status::Cancelled);
    assert_eq!(dump(&target), before);
    let path: PathBuf = folder.path("document.json");
    let options = ExportOptions { cancel: Some(token), ..ExportOptions::default() };
    let error = open(&source).export_to_file(1, &path, Default::default(), options).unwrap_err();
    assert_eq!(error.status(), Status::Cancelled);
    assert!(!path.exists());
    open(&source).export_to_file(1, &path, Default::default(), ExportOptions::default()).unwrap();
    let done = open(&target).import_from_file(&path, ImportOptions::default()).unwrap();
    assert_eq!(content(&target, done.experiment_id), content(&source, 1));
}

#[test]
fn parts_of_an_experiment_are_not_exported() {
    let folder = Folder::new();
    let source = open(&store(&folder, "3.17.2"));
    let without = ExportOptions { include_metrics: false, ..ExportOptions::default() };
    let error = source.export_to_string(1, without).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported, "{error:?}");
    let error = source.export_to_string(99, ExportOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound, "{error:?}");
    assert!(crate_path("docs/mlflow-export.schema.json").exists());
}
