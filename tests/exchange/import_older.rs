//! Import of documents that the older command-line tool wrote: refused, or imported with metrics that are linked to nothing.

use std::path::Path;

use crate::support::*;
use expmig::{ExportOptions, ImportOptions, ImportResult, OnDuplicate, Status};

/// What the older tool writes of an experiment.
fn older(path: &Path, experiment: i64, arguments: &[&str]) -> String {
    let mut command = python();
    command.arg(crate_path("tests/python/older_export.py")).arg(path).arg(experiment.to_string()).args(arguments);
    let output = command.output().expect("the writer runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn unlinked() -> ImportOptions {
    ImportOptions { allow_unlinked: true, ..ImportOptions::default() }
}

fn import(target: &Path, document: &str, options: ImportOptions) -> ImportResult {
    let result = open(target).import_from_string(document.as_bytes(), options);
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// What such a document does not have of the small experiment.
const NOT_IN_IT: &str =
    "DELETE FROM BATCH; DELETE FROM BATCH_METRIC; DELETE FROM BATCH_ARTIFACT; DELETE FROM EPOCH_METRIC;
    DELETE FROM EPOCH_ARTIFACT; DELETE FROM RESULTS_METRIC; DELETE FROM RESULTS_ARTIFACT; DELETE FROM TRIAL_ARTIFACT;
    DELETE FROM TRIAL_RUN_ARTIFACT;";

#[test]
fn it_is_refused_where_it_shows_what_it_is_unless_that_is_allowed() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.small("target.db", "");
    for arguments in [&[][..], &["--no-metrics"], &["--no-metrics", "--no-artifacts"], &["--sorted"]] {
        let text = older(&source, 1, arguments);
        let error = leaves_alone(&target, || {
            failed(open(&target).import_from_string(text.as_bytes(), ImportOptions::default()), Status::Unsupported)
        });
        assert!(error.message().contains("older command-line tool"), "{}", error.message());
        assert_detail(&error, "json_path", "$.experiment");
        let offset: usize = details(&error, "offset")[0].parse().expect("a number");
        assert!(text[offset..].starts_with('{') && text[..offset].ends_with("\"experiment\": "), "{offset}");
        assert!(error.hint_text().expect("a hint").contains("EXPMIG_IMPORT_ALLOW_UNLINKED"));
    }
}

#[test]
fn what_it_has_arrives_as_it_was_and_its_metrics_hang_on_nothing() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let rest = folder.small("rest.db", NOT_IN_IT);
    for (arguments, preserve_ids) in [(&[][..], false), (&[], true), (&["--sorted"], false)] {
        let target = folder.empty("target.db", "INSERT INTO METRIC VALUES (900, 'other', 1, NULL);");
        let text = older(&source, 1, arguments);
        let result = import(&target, &text, ImportOptions { preserve_ids, ..unlinked() });
        assert_eq!(digest(&target, result.experiment_id), digest(&rest, 1), "{arguments:?}");
        Check::new((&rest, 1), (&target, result.experiment_id)).ok();
        // Those of its epochs and results; not those of batches.
        assert_eq!(result.unlinked_metrics, 5);
        // The tool writes per-label values anew, with white space.
        let found = |path: &Path, condition: &str| {
            rows(
                path,
                &format!("SELECT type, total_val, json(per_label_val) FROM METRIC WHERE {condition} ORDER BY 1, 2, 3"),
            )
        };
        let of_experiment = "id IN (SELECT metric_id FROM EPOCH_METRIC WHERE epoch_trial_run_id IN (21, 22, 23)
            UNION SELECT metric_id FROM RESULTS_METRIC WHERE results_id IN (21, 22, 23))";
        let expected = found(&source, of_experiment);
        assert_eq!(expected.len(), 5);
        assert_eq!(found(&target, "id <> 900"), expected);
        if preserve_ids {
            assert_eq!(rows(&target, "SELECT min(id) FROM METRIC"), rows(&source, "SELECT min(id) FROM METRIC"));
            assert_eq!(result.id_map, None);
        } else {
            assert_eq!(result.id_map.as_ref().expect("ids")[2], [(901, 5)]);
        }
        let says = |part: &str| {
            assert!(result.warnings.iter().any(|line| line.contains(part)), "{part}: {:?}", result.warnings)
        };
        says("5 metrics are linked to nothing");
        says("does not have everything");
        assert_eq!(at(&result.to_json(), "/unlinked_metrics"), 5);
        let report = open(&target).validate(Default::default()).expect("a report");
        assert!(report.passed(), "{}", report.to_json());
        std::fs::remove_file(&target).expect("the target");
    }
}

#[test]
fn real_data_and_data_of_generation_1_arrive() {
    let folder = Folder::new();
    let digits = folder.digits("digits.db");
    let first = folder.database("first.db", 1, SMALL);
    for (source, experiment) in [(&digits, 2), (&first, 1)] {
        let target = folder.path("target.db");
        let text = older(source, experiment, &[]);
        let result = create(&target).import_from_string(text.as_bytes(), unlinked()).expect("an import");
        assert_eq!(
            integer(&target, "SELECT count(*) FROM EPOCH"),
            integer(
                source,
                &format!(
                    "SELECT count(*) FROM EPOCH WHERE trial_run_id IN (SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = trial_id WHERE experiment_id = {experiment})"
                )
            )
        );
        assert!(result.unlinked_metrics > 0);
        assert_eq!(
            integer(&target, "SELECT count(*) FROM METRIC"),
            i64::try_from(result.unlinked_metrics).expect("a count")
        );
        std::fs::remove_file(&target).expect("the target");
    }
}

#[test]
fn columns_that_the_schema_does_not_have_are_extra_columns() {
    let folder = Folder::new();
    let extra = "ALTER TABLE TRIAL ADD COLUMN note TEXT; UPDATE TRIAL SET note = 'n' || id; ALTER TABLE EPOCH ADD COLUMN lr REAL;
        UPDATE EPOCH SET lr = idx + 0.5; ALTER TABLE ARTIFACT ADD COLUMN size INTEGER; UPDATE ARTIFACT SET size = id;";
    let source = folder.small("source.db", extra);
    let rest = folder.small("rest.db", &format!("{extra}{NOT_IN_IT}"));
    let text = older(&source, 1, &[]);
    let target = folder.small("target.db", "");
    let error =
        leaves_alone(&target, || failed(open(&target).import_from_string(text.as_bytes(), unlinked()), Status::Lossy));
    assert_detail(&error, "json_path", "$.trials[0].trial.note");
    let result = import(&target, &text, ImportOptions { add_columns: true, ..unlinked() });
    assert_eq!(digest(&target, result.experiment_id), digest(&rest, 1));
}

#[test]
fn it_can_be_repeated_and_a_document_of_this_library_is_what_it_is_with_the_option() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.path("target.db");
    let again = || ImportOptions { on_duplicate: OnDuplicate::Skip, ..unlinked() };
    let text = older(&source, 1, &[]);
    let first = create(&target).import_from_string(text.as_bytes(), again()).expect("an import");
    let second = leaves_alone(&target, || import(&target, &text, again()));
    assert_eq!((first.skipped, second.skipped, second.experiment_id), (false, true, first.experiment_id));

    let own = open(&source).export_to_string(2, ExportOptions::default()).expect("a document");
    let result = import(&target, &own, again());
    assert_eq!((digest(&target, result.experiment_id), result.unlinked_metrics), (digest(&source, 2), 0));
}

#[test]
fn what_is_wrong_with_it_is_named_and_nothing_is_imported() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.small("target.db", "");
    let text = older(&source, 1, &[]);
    let refuses = |document: &str, options: ImportOptions, status: Status, path: &str| {
        let error =
            leaves_alone(&target, || failed(open(&target).import_from_string(document.as_bytes(), options), status));
        assert_detail(&error, "json_path", path);
        assert!(!details(&error, "offset").is_empty());
        error
    };
    let run = "$.trials[0].runs[0]";
    for (from, to, status, path) in [
        (
            "\"experiment_id\": 1,",
            "\"experiment_id\": 2,",
            Status::Validation,
            "$.trials[0].trial.experiment_id".to_owned(),
        ),
        ("\"trial_id\": 11,", "\"trial_id\": 12,", Status::Validation, format!("{run}.run.trial_id")),
        ("\"trial_run_id\": 21,", "\"trial_run_id\": 22,", Status::Validation, format!("{run}.epochs[0].trial_run_id")),
        (
            "\"status\": \"completed\"",
            "\"status\": \"completed\", \"status\": \"x\"",
            Status::Validation,
            format!("{run}.run.status"),
        ),
        ("\"status\": \"completed\"", "\"status\": [1]", Status::Validation, format!("{run}.run.status")),
        ("\"idx\": 1", "\"idx\": 0", Status::Validation, format!("{run}.epochs[1].idx")),
        ("\"idx\": 0,", "", Status::Validation, format!("{run}.epochs[0]")),
        ("\"id\": 11,", "", Status::Validation, "$.trials[0].trial".to_owned()),
        ("\"epochs\"", "\"epoch\"", Status::Validation, format!("{run}.epoch")),
        ("\"trial\": {", "\"trial\": {}, \"trial\": {", Status::Validation, "$.trials[0].trial".to_owned()),
        ("\"total_val\": 1.5", "\"total_val\": NaN", Status::Corrupt, "$.metrics[1].total_val".to_owned()),
        ("\"total_val\": 1.5", "\"total_val\": \"x\"", Status::Validation, "$.metrics[1].total_val".to_owned()),
        (
            "\"metrics\": [",
            "\"metrics\": [{\"id\": 31, \"type\": \"x\", \"total_val\": 1}, ",
            Status::Validation,
            "$.metrics[1]".to_owned(),
        ),
        ("\"metrics\"", "\"format\"", Status::Validation, "$.format".to_owned()),
        ("\"exported_at\"", "\"exported\"", Status::Validation, "$.export_metadata.exported".to_owned()),
    ] {
        assert!(text.contains(from), "no {from} in {text}");
        refuses(&text.replacen(from, to, 1), unlinked(), status, &path);
    }
    let at = text.rfind("\"experiment_id\": 1").expect("the metadata");
    let other = format!("{}\"experiment_id\": 9{}", &text[..at], &text[at + 18..]);
    refuses(&other, unlinked(), Status::Validation, "$.export_metadata.experiment_id");
    // It began like one of this library.
    let late = text.replacen('{', "{\"format\": {\"version\": 1},", 1);
    let error = refuses(&late, unlinked(), Status::Validation, "$.experiment.desc");
    assert!(error.message().contains("description"), "{}", error.message());
    let sorted = older(&source, 1, &["--sorted"]);
    let preserving = ImportOptions { preserve_ids: true, ..unlinked() };
    let error =
        failed(create(&folder.path("new.db")).import_from_string(sorted.as_bytes(), preserving), Status::Validation);
    assert!(error.message().contains("has to stand before"), "{}", error.message());

    for part in 1..50 {
        let cut = &text[..text.len() * part / 50];
        let error = leaves_alone(&target, || {
            failed(open(&target).import_from_string(cut.as_bytes(), unlinked()), Status::Corrupt)
        });
        assert_detail(&error, "offset", &cut.len().to_string());
    }
}

#[test]
fn metrics_that_something_removes_are_missed_though_nothing_leads_to_them() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let trigger = "CREATE TRIGGER t AFTER INSERT ON METRIC BEGIN DELETE FROM METRIC WHERE type = 'loss'; END;";
    let target = folder.empty("target.db", trigger);
    let text = older(&source, 1, &[]);
    let error = leaves_alone(&target, || {
        failed(open(&target).import_from_string(text.as_bytes(), unlinked()), Status::Mismatch)
    });
    assert!(details(&error, "problem")[0].contains("5 metrics were written"), "{}", error.to_json());
}
