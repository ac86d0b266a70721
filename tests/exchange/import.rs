//! Import of documents that are as they should be, written by tests/python/write_document.py, into all kinds of targets.

use std::io::Read;
use std::path::Path;

use crate::support::reports::{SLOW, check, goes_on, recorder, taken};
use crate::support::*;
use expmig::{Domain, ExportOptions, Flow, ImportOptions, ImportResult, Manager, OnDuplicate, Status};

/// The document of an experiment, written by the second implementation of the format.
fn document(path: &Path, experiment: i64, arguments: &[&str]) -> Vec<u8> {
    let mut command = python();
    command.arg(crate_path("tests/python/write_document.py")).arg(path).arg(experiment.to_string()).args(arguments);
    let output = command.output().expect("the writer runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// With its digest.
fn whole(path: &Path, experiment: i64, arguments: &[&str]) -> Vec<u8> {
    document(path, experiment, &[&["--digest", &digest(path, experiment)], arguments].concat())
}

fn import(manager: &Manager, document: &[u8], options: ImportOptions) -> ImportResult {
    let result = manager.import_from_string(document, options);
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn unchecked() -> ImportOptions {
    ImportOptions { validate_before_import: false, ..ImportOptions::default() }
}

fn preserving() -> ImportOptions {
    ImportOptions { preserve_ids: true, ..ImportOptions::default() }
}

/// Imports into a new file and into an existing one, with and without ids of its own; every checker agrees.
fn arrives_exactly(folder: &Folder, source: &Path, experiment: i64, arguments: &[&str]) {
    let expected = digest(source, experiment);
    let text = document(source, experiment, &[&["--digest", &expected], arguments].concat());
    for (name, options) in [("new", unchecked()), ("same ids", ImportOptions { preserve_ids: true, ..unchecked() })] {
        // Ids that are to be preserved have to be known where rows hang on them.
        if name == "same ids" && arguments.contains(&"--bare") && arguments.contains(&"--order") {
            continue;
        }
        let target = folder.path("new.db");
        let _gone = std::fs::remove_file(&target);
        let preserves = options.preserve_ids;
        let result = import(&create(&target), &text, options);
        assert_eq!(digest(&target, result.experiment_id), expected, "{name} {arguments:?}");
        assert!(result.document_digest.is_none_or(|claimed| claimed == result.digest), "{name}");
        assert!(!preserves || result.experiment_id == experiment, "{name}");
        Check::new((source, experiment), (&target, result.experiment_id)).ok();
    }
}

// ---- What arrives

#[test]
fn real_experiments_arrive_whatever_the_order_of_keys_and_lists() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for (experiment, arguments) in [
        (1, &[][..]),
        (2, &["--order", "sorted"]),
        (3, &["--order", "reversed", "--indent"]),
        (1, &["--order", "1"]),
        (2, &["--order", "2", "--bare"]),
        (3, &["--bare"]),
    ] {
        arrives_exactly(&folder, &source, experiment, arguments);
    }
}

#[test]
fn a_document_into_a_database_with_other_experiments_leaves_those_alone() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    for generation in [1, 2] {
        let target = folder.database(&format!("target{generation}.db"), generation, SMALL);
        let before = folder.copy_of(&target, &format!("before{generation}.db"));
        let small = folder.database(&format!("source{generation}.db"), 1, SMALL);
        let result = import(&open(&target), &whole(&small, 1, &[]), ImportOptions::default());
        assert_eq!(result.experiment_id, 3);
        Check::new((&small, 1), (&target, 3)).target_before(&before).ok();
        if generation == 2 {
            let result = import(&open(&target), &whole(&source, 2, &["--order", "7"]), ImportOptions::default());
            Check::new((&source, 2), (&target, result.experiment_id)).ok();
            assert_eq!(python_digests(&target)[&result.experiment_id], digest(&source, 2));
        }
    }
}

#[test]
fn the_id_map_and_the_counts_say_what_was_written() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.small("target.db", "");
    let result = import(&open(&target), &whole(&source, 1, &[]), ImportOptions::default());
    assert_eq!(result.id_map, Some([vec![(14, 2)], vec![(25, 3)], vec![(39, 7)], vec![(59, 6)]]));
    assert_eq!((result.items_processed, result.skipped, result.experiment_id), (SMALL_ROWS, false, 3));
    let json = result.to_json();
    assert_eq!(at(&json, "/schema"), "expmig.import/1");
    assert_eq!(at(&json, "/id_map/metric/first"), 39);
    assert_eq!(at(&json, "/digest/document"), &serde_json::json!(digest(&source, 1)));
    assert_eq!(at(&json, "/digest/target"), at(&json, "/digest/document"));
    assert_eq!(at(&json, "/source_database"), "written by hand");
    let rows: u64 = result.tables.iter().map(|(_, rows)| rows).sum();
    assert_eq!(rows, SMALL_ROWS);
}

/// Values that a column is not for, in every column, and all that JSON has no form for.
const ODD: &str = r#"
    UPDATE EXPERIMENT SET title = x'00ff', desc = CAST(x'61ff00' AS TEXT), start_time = 'soon', update_time = '' WHERE id = 1;
    UPDATE TRIAL SET name = CAST(x'410042' AS TEXT) WHERE id = 11;
    UPDATE TRIAL SET name = '{"$text": "x"}' WHERE id = 12;
    UPDATE TRIAL_RUN SET status = 'größer "\' || char(9, 10, 0x1f600, 0xfffe, 0x7f) WHERE id = 21;
    UPDATE TRIAL_RUN SET start_time = x'', update_time = '2023-12-01T10:00:00Z' WHERE id = 22;
    UPDATE RESULTS SET time = '9999-12-31T23:59:59.999999' WHERE trial_run_id = 21;
    UPDATE METRIC SET total_val = 9e999, per_label_val = '{"a": 1, "a": 2}' WHERE id = 31;
    UPDATE METRIC SET total_val = -9e999, per_label_val = 'NaN' WHERE id = 32;
    UPDATE METRIC SET total_val = 'text', per_label_val = '' WHERE id = 33;
    UPDATE METRIC SET total_val = x'01', per_label_val = x'7b7d' WHERE id = 34;
    UPDATE METRIC SET total_val = 5e-324, per_label_val = CAST(x'7b22ff223a317d' AS TEXT) WHERE id = 35;
    UPDATE METRIC SET total_val = -0.0, per_label_val = '{"$bytes": "AA=="}' WHERE id = 37;
    UPDATE METRIC SET total_val = 0.1, per_label_val = '{"a": 1e400, "b": [[]]}' WHERE id = 38;
    UPDATE ARTIFACT SET type = '', loc = '"\u0000"' WHERE id = 52;
    INSERT INTO METRIC VALUES (40, 'null', 1, 'null'), (41, 'five', 1.5, '5'), (42, 'string', 2.25, '"x"'), (43, 'true', 3, 'true'),
        (44, 'spaces', 4, ' {} '), (45, 'deep', 5, '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'),
        (46, 'keys', 17.0, '{ "b" : 1.50 ,"a":[true,null,"\ud83d\ude00"]}'), (47, 'lone', 1e300, '"\ud800"'), (48, 'later', 1, '{"a": 1, "$text": 2}');
    INSERT INTO RESULTS_METRIC SELECT 21, id FROM METRIC WHERE id >= 40;
"#;

#[test]
fn every_value_that_a_column_can_hold_arrives_as_it_is() {
    let folder = Folder::new();
    let source = folder.small("source.db", ODD);
    for arguments in [&[][..], &["--order", "sorted"], &["--order", "3", "--indent"], &["--bare"]] {
        arrives_exactly(&folder, &source, 1, arguments);
    }
    assert_eq!(rows(&folder.path("new.db"), "SELECT count(*) FROM METRIC")[0], ["Integer(16)"]);
}

#[test]
fn ids_of_any_size_are_preserved_or_replaced() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for (table, old, new) in [
        ("EXPERIMENT", 1, i64::MIN),
        ("TRIAL", 11, i64::MAX),
        ("TRIAL_RUN", 21, 0),
        ("METRIC", 31, i64::MAX),
        ("METRIC", 32, i64::MIN),
        ("ARTIFACT", 51, -1),
    ] {
        renumber(&source, table, old, new);
    }
    arrives_exactly(&folder, &source, i64::MIN, &[]);
    arrives_exactly(&folder, &source, i64::MIN, &["--order", "sorted"]);
}

#[test]
fn extra_columns_arrive_where_they_are_there_or_may_be_added() {
    let folder = Folder::new();
    let extras = "ALTER TABLE METRIC ADD COLUMN \"Note it\" TEXT; ALTER TABLE METRIC ADD COLUMN weight REAL;
                  ALTER TABLE EPOCH ADD COLUMN lr; ALTER TABLE TRIAL ADD COLUMN unused INTEGER; ALTER TABLE EPOCH_METRIC ADD COLUMN rank INT;
                  ALTER TABLE EXPERIMENT ADD COLUMN owner VARCHAR(20); ALTER TABLE EXPERIMENT_ARTIFACT ADD COLUMN why TEXT;
                  UPDATE METRIC SET \"Note it\" = 'a ' || id, weight = id / 4.0 WHERE id < 35; UPDATE EPOCH SET lr = x'00' WHERE idx = 1;
                  UPDATE EPOCH SET lr = 0.5 WHERE idx = 0; UPDATE EPOCH_METRIC SET rank = metric_id; UPDATE EXPERIMENT SET owner = 'me';
                  UPDATE EXPERIMENT_ARTIFACT SET why = 'config';";
    let source = folder.small("source.db", extras);
    for arguments in [&[][..], &["--order", "reversed"], &["--order", "sorted"]] {
        let target = folder.path("new.db");
        let _gone = std::fs::remove_file(&target);
        let result = import(&create(&target), &whole(&source, 1, arguments), ImportOptions::default());
        assert_eq!(result.added_columns.len(), 7, "{:?}", result.added_columns);
        Check::new((&source, 1), (&target, 1)).ok();
    }
    let declared = "SELECT type FROM pragma_table_info('METRIC') WHERE name = 'weight'";
    let target = folder.path("typed.db");
    import(&create(&target), &whole(&source, 1, &[]), ImportOptions::default());
    assert_eq!(text(&target, declared), "REAL");

    let plain = folder.small("plain.db", "");
    let error = leaves_alone(&plain, || {
        failed(open(&plain).import_from_string(&whole(&source, 1, &[]), unchecked()), Status::Lossy)
    });
    assert_detail(&error, "json_path", "$.experiment.extra_columns.owner");
    assert_detail(&error, "column", "owner");
    let options = ImportOptions { add_columns: true, ..ImportOptions::default() };
    let result = import(&open(&plain), &whole(&source, 1, &[]), options);
    assert!(result.warnings.iter().any(|line| line == "the column METRIC.Note it was added"), "{:?}", result.warnings);
    Check::new((&source, 1), (&plain, result.experiment_id)).ok();

    let there = folder.small("there.db", &extras.to_uppercase().replace("\"NOTE IT\"", "\"note IT\""));
    let result = import(&open(&there), &whole(&source, 1, &[]), ImportOptions::default());
    assert_eq!(result.added_columns, []);
    assert_eq!(digest(&there, result.experiment_id), digest(&source, 1));
}

#[test]
fn tables_in_another_letter_case_and_order_of_columns_are_filled() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.empty(
        "target.db",
        "ALTER TABLE METRIC RENAME TO m; ALTER TABLE m RENAME TO metric; DROP TABLE EPOCH; CREATE TABLE epoch (Time TEXT, trial_run_id INT, IDX INT);
         ALTER TABLE TRIAL_RUN RENAME COLUMN status TO Status;",
    );
    let result = import(&open(&target), &whole(&source, 1, &[]), ImportOptions::default());
    assert_eq!(digest(&target, result.experiment_id), digest(&source, 1));
}

#[test]
fn a_document_in_pieces_of_any_size_from_a_reader_or_a_file_is_the_same() {
    /// Gives so many bytes at a time, and now and then reports an interruption.
    struct Dripping<'d>(&'d [u8], usize, usize);
    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.2 += 1;
            if self.2.is_multiple_of(7) {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let count = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }
    let folder = Folder::new();
    let source = folder.small("source.db", ODD);
    let text = whole(&source, 1, &["--order", "4"]);
    for piece in [1, 2, 3, 5, 64, 1000] {
        let target = folder.path(&format!("{piece}.db"));
        let mut reader = Dripping(&text, piece, 0);
        let result = create(&target).import_experiment(&mut reader, unchecked()).unwrap();
        assert_eq!(digest(&target, result.experiment_id), digest(&source, 1), "{piece}");
    }
    let file = folder.path("document.json");
    std::fs::write(&file, &text).unwrap();
    let target = folder.path("file.db");
    let result = create(&target).import_from_file(&file, unchecked()).unwrap();
    assert_eq!(digest(&target, result.experiment_id), digest(&source, 1));
}

// ---- Ids and duplicates

#[test]
fn preserved_ids_are_those_of_the_document_and_taken_ones_are_listed() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let text = whole(&source, 1, &[]);
    let target = folder.path("new.db");
    let result = import(&create(&target), &text, preserving());
    assert_eq!((result.experiment_id, result.id_map, result.preserved_ids), (1, None, true));
    let ids = |path: &Path| {
        rows(
            path,
            "SELECT id FROM METRIC WHERE id IN (SELECT metric_id FROM EPOCH_METRIC WHERE epoch_trial_run_id = 21)",
        )
    };
    assert_eq!(ids(&target), ids(&source));

    let busy = folder.small("busy.db", "");
    let error =
        leaves_alone(&busy, || failed(open(&busy).import_from_string(&text, preserving()), Status::AlreadyExists));
    assert_eq!(error.domain(), Domain::ImportExport);
    // The experiment, 2 trials, 3 runs, 7 metrics and 6 artifacts.
    assert_detail(&error, "count", "19");
    assert_eq!(details(&error, "table").len(), 19);
    assert_detail(&error, "row", "id=58");

    // Only some are taken: between the highest and the lowest are free ones.
    let partly = folder
        .empty("partly.db", "INSERT INTO METRIC VALUES (30, 'x', 1, NULL), (37, 'x', 1, NULL), (99, 'x', 1, NULL);");
    let error = failed(open(&partly).import_from_string(&text, preserving()), Status::AlreadyExists);
    assert_eq!((details(&error, "table"), details(&error, "row")), (vec!["METRIC"], vec!["id=37"]));
    execute(&partly, "DELETE FROM METRIC WHERE id = 37");
    import(&open(&partly), &text, preserving());
    Check::new((&source, 1), (&partly, 1)).ok();
}

fn to_end(object: &mut serde_json::Value, key: &str) {
    let object = object.as_object_mut().expect("an object");
    let value = object.shift_remove(key).expect("the key");
    object.insert(key.to_owned(), value);
}

/// With the ids of trials and runs after what stands below them.
fn ids_last(document: &[u8], keep_parents: bool) -> Vec<u8> {
    let mut json: serde_json::Value = serde_json::from_slice(document).expect("JSON");
    for trial in json["trials"].as_array_mut().expect("trials") {
        to_end(trial, "id");
        for run in trial["trial_runs"].as_array_mut().expect("runs") {
            to_end(run, "id");
            if !keep_parents {
                run.as_object_mut().expect("a run").remove("trial_id");
            }
        }
    }
    json.to_string().into_bytes()
}

#[test]
fn ids_that_come_last_are_preserved_if_rows_below_say_them() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let text = whole(&source, 1, &[]);
    let (target, other) = (folder.path("new.db"), folder.path("other.db"));
    import(&create(&target), &ids_last(&text, true), preserving());
    // But for the white space in per-label values.
    assert_eq!(digest(&target, 1), digest(&source, 1));
    assert_eq!(rows(&target, "SELECT id FROM TRIAL_RUN ORDER BY id").len(), 3);
    let orphans = ids_last(&text, false);
    let error = failed(create(&other).import_from_string(&orphans, preserving()), Status::Validation);
    assert!(error.message().contains("trial_id is needed"), "{}", error.message());
    assert!(error.hint_text().is_some_and(|hint| hint.contains("do not preserve ids")));
    assert_eq!(integer(&other, "SELECT count(*) FROM TRIAL_RUN"), 0);
    // With new ids there is nothing to wait for.
    let result = import(&open(&other), &orphans, ImportOptions::default());
    assert_eq!(digest(&other, result.experiment_id), digest(&source, 1));
}

#[test]
fn an_experiment_that_is_there_is_copied_again_skipped_or_refused() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    for arguments in [&[][..], &["--order", "reversed"]] {
        let text = whole(&source, 1, arguments);
        let target = folder.small("target.db", "");
        let duplicates = |on_duplicate| ImportOptions { on_duplicate, ..ImportOptions::default() };
        let skipped = leaves_alone(&target, || import(&open(&target), &text, duplicates(OnDuplicate::Skip)));
        assert_eq!((skipped.skipped, skipped.experiment_id, skipped.items_processed), (true, 1, 0));
        assert!(skipped.tables.is_empty() && skipped.id_map.is_none());
        let error = leaves_alone(&target, || {
            failed(open(&target).import_from_string(&text, duplicates(OnDuplicate::Error)), Status::AlreadyExists)
        });
        assert_detail(&error, "duplicate_experiment_id", "1");
        let copied = import(&open(&target), &text, duplicates(OnDuplicate::Copy));
        assert_eq!((copied.skipped, copied.experiment_id), (false, 3));
        assert!(copied.warnings.iter().any(|line| line.contains("already: 1")), "{:?}", copied.warnings);
        Check::new((&source, 1), (&target, 3)).ok();
        std::fs::remove_file(&target).unwrap();
    }
}

#[test]
fn an_import_with_its_ids_can_be_repeated() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let text = whole(&source, 1, &[]);
    let target = folder.path("new.db");
    let again = |on_duplicate| ImportOptions { on_duplicate, ..preserving() };
    let first = import(&create(&target), &text, again(OnDuplicate::Skip));
    let second = leaves_alone(&target, || import(&open(&target), &text, again(OnDuplicate::Skip)));
    assert_eq!((first.skipped, second.skipped, second.experiment_id), (false, true, 1));
    let error = failed(open(&target).import_from_string(&text, again(OnDuplicate::Error)), Status::AlreadyExists);
    assert_detail(&error, "duplicate_experiment_id", "1");
    execute(&target, "UPDATE METRIC SET total_val = 7 WHERE id = 31");
    let error = failed(open(&target).import_from_string(&text, again(OnDuplicate::Skip)), Status::AlreadyExists);
    assert_detail(&error, "count", "19");
}

// ---- What is proven

/// A small document, changed.
fn changed(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    assert!(text.contains(from), "no {from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_document_that_was_changed_is_refused_unless_it_claims_nothing() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let text = whole(&source, 1, &[]);
    let target = folder.small("target.db", "");
    let refuse = |text: &[u8], path: &str| {
        let error = leaves_alone(&target, || {
            failed(open(&target).import_from_string(text, ImportOptions::default()), Status::Mismatch)
        });
        assert_detail(&error, "json_path", path);
        assert_eq!(error.domain(), Domain::ImportExport);
        error
    };
    let error = refuse(&changed(&text, "\"total_val\": 1.5", "\"total_val\": 1.25"), "$.metadata.digest.value");
    assert_detail(&error, "expected_digest", &digest(&source, 1));
    let fewer = changed(&text, "\"METRIC\": 7", "\"METRIC\": 8");
    let error = refuse(&fewer, "$.metadata.counts.METRIC");
    assert_detail(&error, "problem", "8 rows of METRIC are announced, and 7 are there");

    let result = import(&open(&target), &document(&source, 1, &[]), ImportOptions::default());
    assert_eq!((result.document_digest, result.warnings.len()), (None, 2), "{:?}", result.warnings);
    assert!(result.warnings[0].contains("no digest"), "{:?}", result.warnings);
    let incomplete = changed(&document(&source, 1, &[]), "\"complete\": true", "\"complete\": false");
    let result = import(&create(&folder.path("new.db")), &incomplete, ImportOptions::default());
    assert!(result.warnings[0].contains("does not have everything"), "{:?}", result.warnings);
}

#[test]
fn values_that_are_not_what_their_columns_are_for_are_named_by_their_path() {
    let folder = Folder::new();
    let source = folder.small("source.db", ODD);
    let text = whole(&source, 1, &[]);
    let target = folder.small("target.db", "");
    let error = leaves_alone(&target, || {
        failed(open(&target).import_from_string(&text, ImportOptions::default()), Status::Validation)
    });
    assert_eq!(error.domain(), Domain::Validation);
    assert_detail(&error, "json_path", "$.experiment.start_time");
    let (paths, offsets) = (details(&error, "json_path"), details(&error, "offset"));
    assert_eq!(paths.len(), offsets.len());
    let nth = paths.iter().position(|path| *path == "$.experiment.start_time").expect("it is named");
    let offset: usize = offsets[nth].parse().expect("a number");
    assert!(text[..offset].ends_with(b"\"start_time\": \"soon\""), "{offset}");
    assert_detail(&error, "json_path", "$.trials[0].trial_runs[0].results.metrics[0].total_val");
    assert_detail(&error, "kind", "timestamp_invalid");
    assert_detail(&error, "kind", "json_duplicate_key");
    import(&open(&target), &text, unchecked());
}

#[test]
fn doubtful_values_are_warnings() {
    let folder = Folder::new();
    let source = folder.small(
        "source.db",
        "UPDATE TRIAL_RUN SET status = CAST(x'ff' AS TEXT) WHERE id = 23; UPDATE TRIAL SET start_time = '2024-12-01T10:00:00' WHERE id = 12;",
    );
    let result = import(&create(&folder.path("new.db")), &whole(&source, 1, &[]), ImportOptions::default());
    let has =
        |part: &str| assert!(result.warnings.iter().any(|line| line.contains(part)), "{part}: {:?}", result.warnings);
    has("$.trials[1].trial_runs[0].status: is not UTF-8");
    has("is before the start");
}

#[test]
fn what_the_target_cannot_hold_is_refused_where_it_stands() {
    let folder = Folder::new();
    let source = folder.small("source.db", ODD);
    let text = whole(&source, 1, &[]);
    let cases = [
        // Another type of the column makes another value of it.
        (
            "DROP TABLE RESULTS; CREATE TABLE RESULTS (trial_run_id INT PRIMARY KEY, time INTEGER);
             DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT, total_val TEXT, per_label_val TEXT);",
            Status::Lossy,
            ".metrics[0].total_val",
            "total_val",
        ),
        (
            "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT, total_val FLOAT, per_label_val NUMERIC);",
            Status::Lossy,
            ".per_label_val",
            "per_label_val",
        ),
        (
            "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT, total_val FLOAT, per_label_val TEXT NOT NULL);
             DROP TABLE TRIAL; CREATE TABLE TRIAL (id INTEGER PRIMARY KEY, name TEXT, experiment_id INT, start_time TEXT, update_time TEXT,
               must TEXT NOT NULL);",
            Status::Constraint,
            "$.trials[0]",
            "must",
        ),
        (
            "DROP TABLE METRIC; CREATE TABLE METRIC (id INTEGER PRIMARY KEY, type TEXT, total_val FLOAT CHECK (total_val < 1e299), per_label_val TEXT);",
            Status::Constraint,
            "",
            "",
        ),
    ];
    for (script, status, path, column) in cases {
        let target = folder.empty("target.db", script);
        let error = leaves_alone(&target, || failed(open(&target).import_from_string(&text, unchecked()), status));
        if column.is_empty() {
            assert!(!details(&error, "before_offset").is_empty(), "{}", error.to_json());
        } else {
            assert_detail(&error, "column", column);
            assert!(details(&error, "json_path")[0].ends_with(path), "{}", error.to_json());
        }
        std::fs::remove_file(&target).unwrap();
    }
}

#[test]
fn batches_do_not_go_into_generation_1_and_a_document_without_any_does() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.database("target.db", 1, "");
    let error = leaves_alone(&target, || {
        failed(open(&target).import_from_string(&whole(&source, 1, &[]), ImportOptions::default()), Status::Lossy)
    });
    assert_detail(&error, "table", "BATCH");
    assert_detail(&error, "json_path", "$.trials[0].trial_runs[0].epochs[0].batches[0]");
    let without =
        folder.small("without.db", "DELETE FROM BATCH; DELETE FROM BATCH_METRIC; DELETE FROM BATCH_ARTIFACT;");
    let result = import(&open(&target), &whole(&without, 1, &[]), ImportOptions::default());
    assert_eq!(digest(&target, result.experiment_id), digest(&without, 1));
}

#[test]
fn triggers_that_change_what_is_written_are_found_out() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let target = folder.empty(
        "target.db",
        "CREATE TRIGGER t AFTER INSERT ON METRIC BEGIN UPDATE METRIC SET total_val = total_val + 1 WHERE id = new.id; END;",
    );
    let fail = |text: &[u8]| {
        leaves_alone(&target, || {
            failed(open(&target).import_from_string(text, ImportOptions::default()), Status::Mismatch)
        })
    };
    fail(&whole(&source, 1, &[]));
    execute(
        &target,
        "DROP TRIGGER t; CREATE TRIGGER t AFTER INSERT ON EPOCH BEGIN DELETE FROM EPOCH WHERE idx = 1; END;",
    );
    // Without a digest, the rows are counted.
    let error = fail(&document(&source, 1, &["--bare"]));
    assert_detail(&error, "table", "EPOCH");
    execute(&target, "DROP TRIGGER t");
    // No new run adopts an unsound row: no id that it names is given.
    execute(&target, "INSERT INTO EPOCH VALUES (77, 2, '2024-01-01T00:00:00')");
    import(&open(&target), &whole(&source, 1, &[]), ImportOptions::default());
    let database = rusqlite::Connection::open(&target).unwrap();
    let count: i64 = database.query_row("SELECT count(*) FROM TRIAL_RUN WHERE id <= 2", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

// ---- The call

#[test]
fn progress_ends_at_100_percent_and_counts_rows() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let (send, reports) = std::sync::mpsc::channel();
    let options = ImportOptions {
        progress: Some(Box::new(move |progress| {
            send.send((progress.processed_items, progress.total_items, progress.finished)).unwrap();
            Flow::Continue
        })),
        ..ImportOptions::default()
    };
    import(&create(&folder.path("new.db")), &whole(&source, 1, &[]), options);
    let reports: Vec<_> = reports.iter().collect();
    assert_eq!(reports.first(), Some(&(0, 0, false)));
    assert_eq!(reports.last(), Some(&(SMALL_ROWS, SMALL_ROWS, true)));
}

#[test]
fn progress_has_a_total_from_the_beginning_where_the_document_announces_it() {
    let folder = Folder::new();
    // Enough rows for reports in between.
    let source = folder.digits("source.db");
    let exported = open(&source).export_to_string(1, ExportOptions::default()).expect("a document");
    let total: u64 = serde_json::from_str::<serde_json::Value>(&exported).expect("JSON")["metadata"]["counts"]
        .as_object()
        .map(|counts| counts.values().filter_map(serde_json::Value::as_u64).sum())
        .expect("counts");
    let announced = format!("\"rows\":{total},");
    assert!(exported.contains(&announced), "{:.200}", exported);
    let silent = exported.replace(&announced, "");
    let wrong = exported.replace(&announced, "\"rows\":2,");
    for (name, document, expected) in [("announced", &exported, total), ("silent", &silent, 0), ("wrong", &wrong, 2)] {
        let (calls, sink) = recorder(SLOW, goes_on);
        let options = ImportOptions { progress: Some(sink), ..ImportOptions::default() };
        import(&create(&folder.path(&format!("{name}.db"))), document.as_bytes(), options);
        let calls = taken(&calls);
        check(&calls);
        assert_eq!(calls.last().map(|call| call.processed_items), Some(total), "{name}");
        // While the rows are read: the metadata come last.
        let reading: Vec<_> =
            calls.iter().filter(|call| call.operation == "importing").map(|call| call.total_items).collect();
        assert!(reading.len() > 3 && reading[1] == expected, "{name}: {reading:?}");
    }
}

#[test]
fn files_that_are_no_documents_are_refused_and_the_database_is_never_opened_as_one() {
    let folder = Folder::new();
    let target = folder.small("target.db", "PRAGMA user_version = 1;");
    execute(&target, "PRAGMA journal_mode = WAL; CREATE TABLE kept_open (x);");
    let keeps_wal = sql(&target);
    keeps_wal.query_row("SELECT count(*) FROM METRIC", [], |_| Ok(())).unwrap();
    let manager = open(&target);
    let link = folder.path("link.json");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for path in [&target, &link, &folder.path("target.db-wal"), &folder.path(".")] {
        let error = failed(manager.import_from_file(path, ImportOptions::default()), Status::InvalidArgument);
        assert_detail(&error, "parameter", "path");
    }
    let missing = folder.path("missing.json");
    failed(manager.import_from_file(&missing, ImportOptions::default()), Status::NotFound);
    let garbage = folder.path("garbage.json");
    std::fs::write(&garbage, "SQLite format 3\0").unwrap();
    let error = failed(manager.import_from_file(&garbage, ImportOptions::default()), Status::Corrupt);
    assert_detail(&error, "document", garbage.to_str().unwrap());
    failed(open_read_only(&target).import_from_string(b"{}", ImportOptions::default()), Status::Misuse);
    let options = ImportOptions { max_value_bytes: 0, ..ImportOptions::default() };
    failed(manager.import_from_string(b"{}", options), Status::InvalidArgument);
    drop(keeps_wal);
}
