//! Export: the document has everything of the experiment, byte for byte what docs/export-format.md says, whatever the data; and it is
//! there as a whole or not at all.

use crate::support;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::child::full_name;
use crate::support::reports::{SLOW, check, goes_on, recorder, taken};
use crate::support::*;
use expmig::{
    CancelToken, Database, ExportOptions, FileOptions, Flow, JobOptions, Manager, MigrateOptions, OpenOptions, Status,
};
use serde_json::{Value as Json, json};

/// All ways of including things.
const INCLUDED: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

fn including((include_metrics, include_artifacts): (bool, bool)) -> ExportOptions {
    ExportOptions { include_metrics, include_artifacts, ..ExportOptions::default() }
}

fn skipping() -> ExportOptions {
    ExportOptions { skip_unsound: true, ..ExportOptions::default() }
}

#[track_caller]
fn document(path: &Path, experiment: i64, options: ExportOptions) -> String {
    let document = leaves_alone(path, || open_read_only(path).export_to_string(experiment, options));
    document.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn parsed(document: &str) -> Json {
    serde_json::from_str(document).unwrap_or_else(|error| panic!("{error}: {document}"))
}

/// Runs a checker of tests/python on documents, one per line of what it is given.
#[track_caller]
fn python_says_ok(script: &str, arguments: &[&OsStr]) {
    let output = python().arg(crate_path("tests/python").join(script)).args(arguments).output().expect("python");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.starts_with("OK"), "{script}: {said}");
}

fn schema_path() -> PathBuf {
    crate_path("docs/export.schema.json")
}

/// The second implementation of the document agrees, and the schema, in all ways of including things; the digest is the experiment's.
#[track_caller]
fn exports_exactly(folder: &Folder, source: &Path, experiment: i64) -> String {
    let (mut files, mut whole) = (Vec::new(), String::new());
    for included in INCLUDED {
        let text = document(source, experiment, including(included));
        let file = folder.path(&format!("document-{}.json", files.len()));
        std::fs::write(&file, &text).expect("the document");
        let id = experiment.to_string();
        let mut arguments = vec![source.as_os_str(), id.as_ref(), file.as_os_str()];
        if !included.0 {
            arguments.push("--no-metrics".as_ref());
        }
        if !included.1 {
            arguments.push("--no-artifacts".as_ref());
        }
        python_says_ok("expected_document.py", &arguments);
        files.push(file);
        let value = at(&parsed(&text), "/metadata/digest/value").clone();
        if included == (true, true) {
            assert_eq!(value, json!(digest(source, experiment)));
            whole = text;
        } else {
            assert_eq!(value, Json::Null);
        }
    }
    let schema = schema_path();
    let arguments: Vec<&OsStr> = std::iter::once(&schema).chain(&files).map(|path| path.as_os_str()).collect();
    python_says_ok("check_document.py", &arguments);
    files.iter().for_each(|file| std::fs::remove_file(file).expect("the document"));
    whole
}

#[test]
fn the_schema_refuses_whatever_cannot_stand_in_a_document() {
    let folder = Folder::new();
    let columns =
        "ALTER TABLE METRIC ADD COLUMN a; ALTER TABLE EPOCH_ARTIFACT ADD COLUMN b; UPDATE METRIC SET a = x'00';
                   UPDATE EPOCH_ARTIFACT SET b = 1.5; UPDATE METRIC SET per_label_val = x'ff' WHERE id = 32;";
    let source = folder.small("source.db", columns);
    let file = folder.path("document.json");
    std::fs::write(&file, document(&source, 1, ExportOptions::default())).expect("the document");
    let schema = schema_path();
    python_says_ok("check_document.py", &[schema.as_ref(), "--change".as_ref(), file.as_ref()]);
}

// ---- What is in the document

#[test]
fn real_data_of_both_generations_are_exported_exactly() {
    let folder = Folder::new();
    let digits = folder.digits("digits.db");
    for experiment in [1, 2, 3] {
        exports_exactly(&folder, &digits, experiment);
    }
    let first = folder.database("first.db", 1, SMALL);
    let text = exports_exactly(&folder, &first, 1);
    assert!(!text.contains("batches"), "{text}");
    assert_eq!(*at(&parsed(&text), "/metadata/generation"), json!(1));
    if let Some(original) = original_database() {
        let original = folder.copy_of(&original, "original.db");
        for experiment in open_read_only(&original).list_experiments().expect("a list") {
            exports_exactly(&folder, &original, experiment.id);
        }
    }
}

#[test]
fn shared_rows_appear_wherever_they_are_linked_with_the_same_id() {
    let folder = Folder::new();
    let source = folder.small(
        "source.db",
        "INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, 54); INSERT INTO RESULTS_METRIC VALUES (21, 32);",
    );
    let text = exports_exactly(&folder, &source, 1);
    let model = r#"{"id":54,"type":"model","loc":"shared.bin"}"#;
    assert_eq!(text.matches(model).count(), 3);
    assert_eq!(text.matches(r#"{"id":32,"type":"loss","total_val":1.5,"per_label_val":null}"#).count(), 2);
    let document = parsed(&text);
    assert_eq!(*at(&document, "/metadata/counts/ARTIFACT"), json!(6));
    assert_eq!(*at(&document, "/metadata/counts/METRIC"), json!(7));
    assert_eq!(*at(&document, "/trials/0/trial_runs/0/epochs/0/batches/1/artifacts/0/loc"), json!("batch.npy"));
    assert_eq!(*at(&document, "/trials/1/trial_runs/0/results"), Json::Null);
}

#[test]
fn every_value_that_a_cell_can_hold_is_exported_exactly() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let values = [
        "NULL",
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "0.1",
        "-0.0",
        "1e300",
        "5e-324",
        "9e999",
        "-9e999",
        "1e15",
        "1e16",
        "123456789.123456789",
        "''",
        "'x'",
        "'NaN'",
        "'null'",
        "'{}'",
        "' {}'",
        "'{\"a\": 1, \"a\": 2}'",
        "'{\"a\": 1e999}'",
        "'{\"$text\": 1}'",
        "'{\"a\": 1, \"$b\": 2}'",
        "'{\"b\":[1, 2.50,{\"$c\":null}]}'",
        "'\"\\ud800\"'",
        "'{''a'': 1}'",
        "char(0)",
        "'a' || char(0) || 'b'",
        "char(1, 8, 9, 10, 12, 13, 31, 34, 92, 127, 233, 8364, 128512)",
        "CAST(x'ff' AS TEXT)",
        "CAST(x'eda080' AS TEXT)",
        "x''",
        "x'00ff'",
        "'2023-12-01 10:00:00'",
        "CAST(x'efbbbf7b7d' AS TEXT)",
    ];
    // Columns without a type hold whatever is given to them.
    execute(&source, "
        CREATE TABLE M (id INTEGER PRIMARY KEY AUTOINCREMENT, type, total_val, per_label_val);
        CREATE TABLE A (id INTEGER PRIMARY KEY AUTOINCREMENT, type, loc);
        DROP TABLE METRIC; DROP TABLE ARTIFACT; ALTER TABLE M RENAME TO METRIC; ALTER TABLE A RENAME TO ARTIFACT;
        DELETE FROM RESULTS_METRIC; DELETE FROM EPOCH_METRIC; DELETE FROM BATCH_METRIC;
        DELETE FROM EXPERIMENT_ARTIFACT; DELETE FROM TRIAL_ARTIFACT; DELETE FROM TRIAL_RUN_ARTIFACT; DELETE FROM RESULTS_ARTIFACT;
        DELETE FROM EPOCH_ARTIFACT; DELETE FROM BATCH_ARTIFACT;");
    for (n, value) in values.iter().enumerate() {
        let (status, next) = (values[(n + 1) % values.len()], values[(n + 2) % values.len()]);
        execute(
            &source,
            &format!(
            "INSERT INTO METRIC VALUES ({n}, {status}, {next}, {value}); INSERT INTO RESULTS_METRIC VALUES (21, {n});
             INSERT INTO ARTIFACT VALUES ({n}, {value}, {next}); INSERT INTO EPOCH_ARTIFACT VALUES (1, 21, {n});"),
        );
    }
    let text = exports_exactly(&folder, &source, 1);
    assert!(text.contains(r#""per_label_val":{"b":[1, 2.50,{"$c":null}]}"#));
    assert!(text.contains(r#""per_label_val":{"$text":" {}"}"#));
}

#[test]
fn null_and_odd_values_in_every_column_of_the_hierarchy_are_exported_exactly() {
    let folder = Folder::new();
    let source = folder.small("source.db", "
        CREATE TABLE E (id INTEGER PRIMARY KEY, title, \"desc\", start_time, update_time);
        INSERT INTO E VALUES (1, NULL, x'00', 5, 2.5); DROP TABLE EXPERIMENT; ALTER TABLE E RENAME TO EXPERIMENT;
        CREATE TABLE T (id INTEGER PRIMARY KEY, name, experiment_id, start_time, update_time);
        INSERT INTO T SELECT id, NULL, experiment_id, CAST(x'80' AS TEXT), 9e999 FROM TRIAL; DROP TABLE TRIAL; ALTER TABLE T RENAME TO TRIAL;
        CREATE TABLE P (idx, trial_run_id INT, time, PRIMARY KEY (idx, trial_run_id));
        INSERT INTO P SELECT idx, trial_run_id, NULL FROM EPOCH; DROP TABLE EPOCH; ALTER TABLE P RENAME TO EPOCH;
        UPDATE TRIAL_RUN SET status = '', start_time = x'';");
    exports_exactly(&folder, &source, 1);
}

#[test]
fn extra_columns_of_rows_and_of_links_are_exported() {
    let folder = Folder::new();
    let source = folder.small("source.db", "
        ALTER TABLE METRIC ADD COLUMN \"Unit \"\"é\" TEXT; ALTER TABLE METRIC ADD COLUMN b; ALTER TABLE METRIC ADD COLUMN A INT;
        ALTER TABLE EPOCH_METRIC ADD COLUMN weight REAL; ALTER TABLE EPOCH ADD COLUMN note; ALTER TABLE EXPERIMENT ADD COLUMN tags TEXT;
        ALTER TABLE TRIAL_RUN_ARTIFACT ADD COLUMN n INT; ALTER TABLE RESULTS ADD COLUMN r; ALTER TABLE BATCH ADD COLUMN s;
        UPDATE METRIC SET \"Unit \"\"é\" = 'm' || char(0), A = 5 WHERE id = 32; UPDATE METRIC SET b = x'00ff' WHERE id = 37;
        UPDATE EPOCH_METRIC SET weight = 0.1 + 0.2; UPDATE EPOCH SET note = 9e999; UPDATE EXPERIMENT SET tags = '[1, 2]';
        UPDATE TRIAL_RUN_ARTIFACT SET n = artifact_id; UPDATE RESULTS SET r = 1.0; UPDATE BATCH SET s = 'x' WHERE idx = 1;");
    let text = exports_exactly(&folder, &source, 1);
    assert!(text.contains(r#""link_extra_columns":{"weight":0.30000000000000004}"#), "{text}");
    assert!(text.contains(r#""extra_columns":{"A":5,"Unit \"é":"m\u0000"}"#), "{text}");
    assert!(text.contains(r#"{"table":"METRIC","column":"A","type":"INT"}"#), "{text}");
}

#[test]
fn tables_in_lower_case_without_a_rowid_or_in_a_file_in_utf_16_are_exported_alike() {
    let folder = Folder::new();
    let expected = digest(&folder.small("plain.db", ""), 1);
    let script = format!("{}{SMALL}{SMALL_BATCHES}", schema(2));
    let lower = folder
        .script("lower.db", &script.replace("EPOCH", "epoch").replace("METRIC", "metric").replace("TRIAL", "trial"));
    let without = schema(2).replace(
        "FOREIGN KEY (metric_id) REFERENCES METRIC(id)\n)",
        "FOREIGN KEY (metric_id) REFERENCES METRIC(id)\n) WITHOUT ROWID",
    );
    assert!(without.contains("WITHOUT ROWID"));
    let without = folder.script("without.db", &format!("{without}{SMALL}{SMALL_BATCHES}"));
    for source in [lower, without] {
        let text = exports_exactly(&folder, &source, 1);
        assert_eq!(*at(&parsed(&text), "/metadata/digest/value"), json!(expected));
    }
    let wide = folder.path("wide.db");
    sql(&wide).execute_batch(&format!("PRAGMA encoding = 'UTF-16le'; {script}")).expect("a database");
    let text = exports_exactly(&folder, &wide, 1);
    assert_eq!(*at(&parsed(&text), "/metadata/digest/value"), json!(expected));
}

// ---- Order

/// Trials 1 and 2 of experiment 1 and trial 3 of experiment 2, four runs each; `run` makes an id of a trial and a number from 0 to 3.
fn with_runs(run: impl Fn(usize, usize) -> usize, order: &str) -> String {
    let mut script = "INSERT INTO EXPERIMENT VALUES (1, 'a', NULL, 't', 't'), (2, 'b', NULL, 't', 't');
        INSERT INTO TRIAL VALUES (1, 'x', 1, 't', 't'), (2, 'y', 1, 't', 't'), (3, 'z', 2, 't', 't');"
        .to_owned();
    let mut metric = 0;
    for trial in 1..=3 {
        for nth in 0..4 {
            let run = run(trial, nth);
            script.push_str(&format!(
                "INSERT INTO TRIAL_RUN VALUES ({run}, {trial}, 's', 't', 't'); INSERT INTO RESULTS VALUES ({run}, 't');"
            ));
            for epoch in 0..3 {
                metric += 3;
                script.push_str(&format!(
                    "INSERT INTO E VALUES ({epoch}, {run}, 't'); INSERT INTO B VALUES (0, {epoch}, {run}, 't'), (1, {epoch}, {run}, 't');
                     INSERT INTO METRIC VALUES ({metric}, 'm', 1.5, NULL), ({}, 'm', 2.5, '{{}}'), ({}, 'n', 0.0, NULL);
                     INSERT INTO ARTIFACT VALUES ({metric}, 'a', 'b');
                     INSERT INTO EM VALUES ({epoch}, {run}, {metric}), ({epoch}, {run}, {}); INSERT INTO EA VALUES ({epoch}, {run}, {metric});
                     INSERT INTO BM VALUES (1, {epoch}, {run}, {metric}); INSERT INTO BA VALUES (0, {epoch}, {run}, {metric});",
                    metric + 1, metric + 2, metric + 1));
            }
        }
    }
    let mut tables = String::new();
    for (short, long) in [
        ("E", "EPOCH"),
        ("B", "BATCH"),
        ("EM", "EPOCH_METRIC"),
        ("EA", "EPOCH_ARTIFACT"),
        ("BM", "BATCH_METRIC"),
        ("BA", "BATCH_ARTIFACT"),
    ] {
        tables.push_str(&format!("CREATE TABLE {short} AS SELECT * FROM {long};"));
        script.push_str(&format!("INSERT INTO {long} SELECT * FROM {short} ORDER BY {order}; DROP TABLE {short};"));
    }
    format!("{tables}{script}")
}

#[test]
fn rows_are_in_the_order_of_the_document_whatever_the_order_in_which_they_were_written() {
    let folder = Folder::new();
    let by_trial = |trial: usize, nth: usize| trial * 10 + nth;
    let across = |trial: usize, nth: usize| nth * 10 + trial;
    let mut digests = Vec::new();
    let shuffled = format!("(rowid + {}) * 2654435761 % 4294967291", support::random::seed());
    for (name, script) in [
        ("written.db", with_runs(by_trial, "rowid")),
        ("backwards.db", with_runs(by_trial, "rowid DESC")),
        ("shuffled.db", with_runs(by_trial, &shuffled)),
        ("across.db", with_runs(across, "rowid")),
        ("across-shuffled.db", with_runs(across, &shuffled)),
    ] {
        let source = folder.empty(name, &script);
        let text = exports_exactly(&folder, &source, 1);
        exports_exactly(&folder, &source, 2);
        digests.push(at(&parsed(&text), "/metadata/digest/value").clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn indices_of_any_kind_and_ids_of_any_size_are_ordered_as_the_database_orders_them() {
    let folder = Folder::new();
    let odd = [
        "-5",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "-1.5",
        "9e999",
        "-9e999",
        "1e19",
        "'x'",
        "'X'",
        "''",
        "x'00'",
        "x''",
    ];
    let mut script = String::new();
    for value in odd {
        script.push_str(&format!(
            "INSERT INTO EPOCH VALUES ({value}, 21, 't'); INSERT INTO EPOCH_METRIC VALUES ({value}, 21, 33);
             INSERT INTO BATCH VALUES ({value}, 0, 21, 't'), (0, {value}, 21, 't'); INSERT INTO BATCH_METRIC VALUES (0, {value}, 21, 37);"));
    }
    let source = folder.small("source.db", &script);
    exports_exactly(&folder, &source, 1);
    for (table, old, new) in [
        ("EXPERIMENT", 1, -7),
        ("TRIAL", 11, i64::MAX),
        ("TRIAL", 12, 0),
        ("TRIAL_RUN", 21, i64::MIN),
        ("TRIAL_RUN", 22, i64::MAX),
        ("METRIC", 31, i64::MIN),
        ("METRIC", 37, i64::MAX),
        ("ARTIFACT", 54, 0),
        ("ARTIFACT", 51, -1),
    ] {
        renumber(&source, table, old, new);
    }
    exports_exactly(&folder, &source, -7);
}

#[test]
fn an_experiment_without_anything_below_it_and_empty_nodes_are_exported() {
    let folder = Folder::new();
    let bare = "INSERT INTO EXPERIMENT VALUES (7, 't', NULL, 'a', 'b');";
    let text = exports_exactly(&folder, &folder.empty("bare.db", bare), 7);
    assert!(text.contains(r#""trials":[],"artifacts":[],"metadata""#), "{text}");
    let nodes = format!(
        "{bare} INSERT INTO TRIAL VALUES (1, 't', 7, 'a', 'b'), (2, 't', 7, 'a', 'b'); INSERT INTO TRIAL_RUN VALUES (1, 2, 's', 'a', 'b');"
    );
    exports_exactly(&folder, &folder.empty("nodes.db", &nodes), 7);
}

#[test]
fn artifacts_without_metrics_bring_only_the_rows_on_which_they_hang() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let document = parsed(&document(&source, 1, including((false, true))));
    assert_eq!(
        *at(&document, "/trials/0/trial_runs/0/epochs"),
        json!([
        {"idx": 0, "time": "2023-12-01T10:01:00", "artifacts": [], "batches": [
            {"idx": 1, "time": "2023-12-01T10:01:20", "artifacts": [{"id": 58, "type": "gradient", "loc": "batch.npy"}]}]},
        {"idx": 1, "time": "2023-12-01T10:02:00", "artifacts": [{"id": 55, "type": "plot", "loc": "epoch.png"}], "batches": []}])
    );
    assert_eq!(*at(&document, "/trials/0/trial_runs/1/results"), Json::Null, "it has metrics only");
    assert_eq!(*at(&document, "/metadata/complete"), json!(false));
    assert_eq!(*at(&document, "/metadata/counts/BATCH"), json!(1));
}

// ---- What cannot be exported

const UNSOUND: &str = "
    INSERT INTO EPOCH_METRIC VALUES (42, 21, 31), (0, 21, 999), (NULL, 21, 31); INSERT INTO BATCH VALUES (0, 7, 21, 't');
    INSERT INTO BATCH_METRIC VALUES (0, 7, 21, 31), (9, 0, 21, 31); INSERT INTO RESULTS_ARTIFACT VALUES (23, 54);
    INSERT INTO ARTIFACT VALUES (77, 'only', 'lost'); INSERT INTO EPOCH_ARTIFACT VALUES (5, 22, 77);
    INSERT INTO TRIAL_ARTIFACT VALUES (11, 888), (12, NULL); INSERT INTO EPOCH VALUES (NULL, 21, 't');";

#[test]
fn rows_that_hang_on_nothing_are_refused_by_name_or_left_out_and_counted() {
    let folder = Folder::new();
    let source = folder.small("source.db", UNSOUND);
    let error = failed(open_read_only(&source).export_to_string(1, ExportOptions::default()), Status::Validation);
    assert_eq!(error.domain(), expmig::Domain::ImportExport);
    assert_eq!(details(&error, "count"), ["11"]);
    assert_eq!(details(&error, "table").len(), 11);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("EXPMIG_EXPORT_SKIP_UNSOUND")));

    let text = document(&source, 1, skipping());
    let left = parsed(&text);
    assert_eq!(
        *at(&left, "/metadata/left_out"),
        json!({"EPOCH": 1, "BATCH": 1, "TRIAL_ARTIFACT": 2, "RESULTS_ARTIFACT": 1, "EPOCH_METRIC": 3, "EPOCH_ARTIFACT": 1, "BATCH_METRIC": 2, "ARTIFACT": 1})
    );
    assert_eq!((at(&left, "/metadata/complete"), at(&left, "/metadata/digest/value")), (&json!(false), &Json::Null));
    let sound = parsed(&document(&folder.small("sound.db", ""), 1, ExportOptions::default()));
    for part in ["experiment", "trials", "artifacts"] {
        assert_eq!(left[part], sound[part], "{part}");
    }
    assert_eq!(left["metadata"]["counts"], sound["metadata"]["counts"]);
    // Nothing was left out of this one.
    assert_eq!(*at(&parsed(&document(&source, 2, skipping())), "/metadata/complete"), json!(true));
}

#[test]
fn rows_with_the_same_key_are_refused() {
    let folder = Folder::new();
    for (table, columns, row) in [
        ("EPOCH", "idx INT, trial_run_id INT, time TEXT", "(0, 21, 'again')"),
        ("RESULTS", "trial_run_id INT, time TEXT", "(21, 'again')"),
        ("EPOCH_METRIC", "epoch_idx INT, epoch_trial_run_id INT, metric_id INT", "(0, 21, 32)"),
        ("TRIAL_ARTIFACT", "trial_id INT, artifact_id INT", "(11, 52)"),
    ] {
        let script = format!(
            "CREATE TABLE N ({columns}); INSERT INTO N SELECT * FROM {table}; INSERT INTO N VALUES {row};
                              DROP TABLE {table}; ALTER TABLE N RENAME TO {table};"
        );
        let source = folder.small(&format!("{table}.db"), &script);
        let error = failed(open_read_only(&source).export_to_string(1, ExportOptions::default()), Status::Validation);
        assert_detail(&error, "table", table);
        assert!(error.message().contains("two rows have the same key"), "{}", error.message());
        assert!(!details(&error, "row").is_empty());
        // Neither of them is the one to leave out; a migration copies both.
        failed(open_read_only(&source).export_to_string(1, skipping()), Status::Validation);
        let copied = open(&source).migrate_experiment(1, None, MigrateOptions::default());
        copied.unwrap_or_else(|error| panic!("{table}: {}", error.to_json()));
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let manager = open_read_only(&source);
    let error = failed(manager.export_to_string(3, ExportOptions::default()), Status::NotFound);
    assert_eq!(error.domain(), expmig::Domain::ImportExport);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("1, 2")));
    for format in ["jsonl", "parquet", "JSON", ""] {
        let options = ExportOptions { format: Some(format.to_owned()), ..ExportOptions::default() };
        let error = failed(manager.export_to_string(1, options), Status::Unsupported);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("\"json\"")));
    }
    let error =
        manager.export_to_string(1, ExportOptions { indent: 17, ..ExportOptions::default() }).expect_err("an error");
    assert_detail(&error, "parameter", "indent");
    let named = ExportOptions { format: Some("json".to_owned()), ..ExportOptions::default() };
    assert!(manager.export_to_string(1, named).is_ok());
}

// ---- Ways out

#[test]
fn all_ways_out_give_the_same_document_and_an_indent_only_white_space() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let manager = open_read_only(&source);
    let without_time = |text: &str| {
        let at = text.find("\"export_timestamp\":\"").expect("a time") + 20;
        format!("{}{}", &text[..at], &text[at + 27..])
    };
    let expected = without_time(&document(&source, 2, ExportOptions::default()));

    let mut written = Vec::new();
    let result = manager.export_experiment(2, &mut written, ExportOptions::default()).expect("a document");
    assert_eq!(result.bytes, written.len() as u64);
    assert_eq!(result.digest.map(|hash| expmig::digest::hex(&hash)), Some(digest(&source, 2)));
    assert_eq!(without_time(&String::from_utf8(written).expect("text")), expected);

    let (mut pieces, mut together) = (0, Vec::new());
    let mut take = |bytes: &[u8]| {
        assert!(!bytes.is_empty() && bytes.len() < 128 * 1024);
        pieces += 1;
        together.extend_from_slice(bytes);
        Flow::Continue
    };
    manager.export_pieces(2, &mut take, ExportOptions::default()).expect("a document");
    assert!(pieces > 3, "{pieces}");
    assert_eq!(without_time(&String::from_utf8(together).expect("text")), expected);

    let file = folder.path("document.json");
    manager.export_to_file(2, &file, FileOptions::default(), ExportOptions::default()).expect("a document");
    assert_eq!(without_time(&String::from_utf8(bytes(&file)).expect("text")), expected);
    std::fs::remove_file(&file).expect("the document");

    for indent in [1, 2, 16] {
        let text = document(&source, 2, ExportOptions { indent, ..ExportOptions::default() });
        std::fs::write(&file, text).expect("the document");
        let spaces = indent.to_string();
        let arguments: [&OsStr; 5] =
            [source.as_ref(), "2".as_ref(), file.as_ref(), "--indent".as_ref(), spaces.as_ref()];
        python_says_ok("expected_document.py", &arguments);
    }
}

fn to_file(source: &Path, path: &Path, file: FileOptions) -> expmig::Result<expmig::ExportResult> {
    open_read_only(source).export_to_file(1, path, file, ExportOptions::default())
}

#[test]
fn files_are_private_and_never_replaced_unless_that_is_asked_for() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let path = folder.path("document.json");
    to_file(&source, &path, FileOptions::default()).expect("a document");
    let mode = |path: &Path| std::fs::metadata(path).expect("the file").permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o600);
    let first = bytes(&path);
    let error = failed(to_file(&source, &path, FileOptions::default()), Status::AlreadyExists);
    assert_detail(&error, "path", url(&path));
    assert!(bytes(&path) == first);
    to_file(&source, &path, FileOptions { replace: true, mode: 0o644 }).expect("a document");
    assert_eq!(mode(&path), 0o644);
    assert!(bytes(&path) != first, "it has another time");
    assert_eq!(folder.names(), ["document.json", "source.db"]);
}

#[test]
fn files_that_must_not_be_replaced_are_refused_whatever_was_asked_for() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let before = bytes(&source);
    let link = folder.path("link.db");
    std::fs::hard_link(&source, &link).expect("a link");
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let dangling = folder.path("dangling");
    std::os::unix::fs::symlink("/nowhere", &dangling).expect("a link");
    for name in ["source.db", "source.db-wal", "source.db-shm", "source.db-journal", "link.db", "pipe", "dangling", "."]
    {
        let replace = FileOptions { replace: true, ..FileOptions::default() };
        let error = to_file(&source, &folder.path(name), replace).expect_err(name);
        assert_eq!(error.status(), Status::InvalidArgument, "{name}: {}", error.to_json());
        assert!(error.hint_text().is_some(), "{name}");
        assert_detail(&error, "parameter", "path");
    }
    assert!(bytes(&source) == before);
    assert_eq!(folder.names(), ["dangling", "link.db", "pipe", "source.db"]);
    failed(to_file(&source, &folder.path("no/such.json"), FileOptions::default()), Status::NotFound);
    failed(to_file(&source, &folder.path("source.db/x.json"), FileOptions::default()), Status::NotFound);
    let error =
        to_file(&source, &folder.path("x.json"), FileOptions { replace: false, mode: 0o4755 }).expect_err("an error");
    assert_detail(&error, "parameter", "file_mode");
}

#[test]
fn a_path_is_that_of_the_working_directory_and_needs_a_name() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let error = to_file(&source, Path::new(""), FileOptions::default()).expect_err("an error");
    assert!(matches!(error.status(), Status::InvalidArgument | Status::Io), "{}", error.to_json());
    let error = to_file(&source, Path::new("/"), FileOptions::default()).expect_err("an error");
    assert!(matches!(error.status(), Status::InvalidArgument | Status::AlreadyExists), "{}", error.to_json());
}

// ---- Stopping

#[test]
fn a_write_callback_can_cancel_or_fail_at_any_piece_and_is_not_called_again() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let manager = open_read_only(&source);
    for (answer, status) in [(Flow::Cancel, Status::Cancelled), (Flow::Fail(42), Status::Callback)] {
        for last in [1, 2, 5] {
            let mut calls = 0;
            let mut take = |_: &[u8]| {
                calls += 1;
                if calls == last { answer } else { Flow::Continue }
            };
            let error = manager.export_pieces(1, &mut take, ExportOptions::default()).expect_err("an error");
            assert_eq!((error.status(), calls), (status, last));
            if status == Status::Callback {
                assert_detail(&error, "callback", "write");
                assert_detail(&error, "callback_result", "42");
            }
        }
    }
    // The handle is as good as before.
    manager.export_to_string(1, ExportOptions::default()).expect("a document");
}

#[test]
fn a_writer_that_fails_ends_the_export() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    failed(open_read_only(&source).export_experiment(1, &mut Full, ExportOptions::default()), Status::Io);
    let mut device = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    failed(open_read_only(&source).export_experiment(1, &mut device, ExportOptions::default()), Status::Io);
}

#[test]
fn cancelling_leaves_no_file_and_the_old_one_as_it_was() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    let path = folder.path("document.json");
    std::fs::write(&path, "old").expect("a file");
    let token = CancelToken::new();
    token.trigger();
    for (name, replace) in [("document.json", true), ("new.json", false)] {
        let options = ExportOptions { cancel: Some(token.clone()), ..ExportOptions::default() };
        let file = FileOptions { replace, ..FileOptions::default() };
        let error = open_read_only(&source).export_to_file(1, &folder.path(name), file, options).expect_err("an error");
        assert_eq!(error.status(), Status::Cancelled);
    }
    // At each report but the last.
    let mut at = 0;
    loop {
        let mut calls = 0;
        let sink = move |progress: &expmig::Progress| {
            calls += 1;
            if calls > at && !progress.finished { Flow::Fail(7) } else { Flow::Continue }
        };
        let options = ExportOptions { progress: Some(Box::new(sink)), ..ExportOptions::default() };
        let exported =
            open_read_only(&source).export_to_file(1, &folder.path("new.json"), FileOptions::default(), options);
        match exported {
            Ok(_) => break,
            Err(error) => assert_detail(&error, "callback", "progress"),
        }
        assert_eq!(folder.names(), ["document.json", "source.db"]);
        at += 1;
    }
    assert!(at >= 1);
    assert_eq!(bytes(&path), b"old");
}

#[test]
fn progress_counts_every_row_once_and_ends_at_100_percent() {
    let folder = Folder::new();
    let source = folder.small("source.db", "");
    let unsound = folder.small("unsound.db", UNSOUND);
    let rows = |path: &Path, options: ExportOptions| {
        let (calls, sink) = recorder(SLOW, goes_on);
        open_read_only(path)
            .export_to_string(1, ExportOptions { progress: Some(sink), ..options })
            .expect("a document");
        let calls = taken(&calls);
        check(&calls);
        let last = calls.last().expect("a report");
        (last.processed_items, last.failed_items)
    };
    assert_eq!(rows(&source, ExportOptions::default()), (SMALL_ROWS, 0));
    assert_eq!(rows(&unsound, skipping()), (SMALL_ROWS + 12, 12));
    assert_eq!(rows(&source, including((false, false))), (1 + 2 + 3, 0));
    for included in INCLUDED {
        rows(&source, including(included));
    }
}

// ---- One state

#[test]
fn the_document_is_of_one_state_whatever_others_write_meanwhile() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    sql(&source).pragma_update(None, "journal_mode", "wal").expect("WAL");
    let before = digest(&source, 1);
    let writer = RefCell::new(sql(&source));
    let mut text = Vec::new();
    let mut take = |bytes: &[u8]| {
        let script = "DELETE FROM EPOCH_METRIC; UPDATE METRIC SET total_val = total_val + 1; DELETE FROM TRIAL_RUN WHERE id > 5;";
        writer.borrow_mut().execute_batch(script).expect("a change");
        text.extend_from_slice(bytes);
        Flow::Continue
    };
    open(&source).export_pieces(1, &mut take, ExportOptions::default()).expect("a document");
    let document: Json = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(*at(&document, "/metadata/digest/value"), json!(before));
    assert_eq!(document["trials"].as_array().map(Vec::len), Some(5));
    let after = open(&source).experiment_digest(1, JobOptions::default()).expect("a digest");
    assert_ne!(expmig::digest::hex(&after), before);
}

// ---- Files that end early

/// The body of a child process; as a test of its own it does nothing.
#[test]
fn child_process() {
    let Some(input) = std::env::var_os("EXPMIG_TEST_EXPORT") else { return };
    let input = PathBuf::from(input);
    let file = FileOptions { replace: true, ..FileOptions::default() };
    let kill_at = std::env::var("EXPMIG_TEST_KILL").ok().and_then(|at| at.parse::<u64>().ok());
    let sink = move |progress: &expmig::Progress| {
        if kill_at.is_some_and(|at| !progress.finished && progress.processed_items >= at) {
            let me = std::process::id().to_string();
            let _killed = std::process::Command::new("kill").args(["-9", &me]).status();
        }
        Flow::Continue
    };
    let options = ExportOptions { progress: Some(Box::new(sink)), ..ExportOptions::default() };
    // It is the document that has no room, not a copy of the database.
    let in_place = OpenOptions { read_only: true, max_read_lock: None, ..OpenOptions::default() };
    let database = Database::open(input.to_str().expect("a path"), in_place).expect("a database");
    match Manager::from(database).export_to_file(1, &input.with_file_name("document.json"), file, options) {
        Ok(_) => println!("@@done"),
        Err(error) => println!("@@{}", error.to_json()),
    }
}

fn child(source: &Path, shell: &str, kill_at: Option<u64>) -> (bool, String) {
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(format!("{shell} exec \"$@\"")).arg("sh").arg(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", &full_name("child_process"), "--nocapture", "--test-threads=1"])
        .env("EXPMIG_TEST_EXPORT", source);
    if let Some(at) = kill_at {
        command.env("EXPMIG_TEST_KILL", at.to_string());
    }
    let output = command.output().expect("a child");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_full_disk_leaves_no_file_and_the_old_one_as_it_was() {
    let folder = Folder::new();
    let source = folder.digits("source.db");
    std::fs::write(folder.path("document.json"), "old").expect("a file");
    // As a full disk: files end at 64 blocks, and the signal for that is ignored.
    let (ended, said) = child(&source, "ulimit -f 64; trap '' XFSZ;", None);
    assert!(ended && said.contains("\"status\":\"IO\"") && said.contains("document.json"), "{said}");
    assert_eq!(folder.names(), ["document.json", "source.db"]);
    assert_eq!(bytes(&folder.path("document.json")), b"old");
    assert!(child(&source, "", None).1.contains("@@done"));
    assert!(bytes(&folder.path("document.json")).len() > 300_000);
}

#[test]
fn a_killed_export_leaves_no_file_and_the_old_one_as_it_was() {
    let folder = Folder::new();
    // Enough rows for reports in between.
    let source = folder.small(
        "source.db",
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 200009)
        INSERT INTO EPOCH SELECT i, 22, '2023-12-01T10:20:00' FROM n;",
    );
    std::fs::write(folder.path("document.json"), "old").expect("a file");
    for at in [0, 1, 50_000] {
        let (ended, said) = child(&source, "", Some(at));
        assert!(!ended && !said.contains("@@"), "{at}: {said}");
        assert_eq!(bytes(&folder.path("document.json")), b"old");
        assert_eq!(folder.names(), ["document.json", "source.db"]);
    }
}

// ---- Memory

/// The most memory that this process ever had resident.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

/// The body of a child process; as a test of its own it does nothing.
#[test]
fn child_process_for_memory() {
    let Some(source) = std::env::var_os("EXPMIG_TEST_MEMORY") else { return };
    let manager = open_read_only(Path::new(&source));
    let opened = peak();
    let result = manager.export_experiment(1, &mut std::io::sink(), ExportOptions::default()).expect("a document");
    println!("@@{} {}", result.bytes, peak() - opened);
}

#[test]
fn a_document_of_200_000_metrics_takes_less_than_64_mib_in_whatever_order_they_were_written() {
    let folder = Folder::new();
    for (name, order) in [("written.db", "i"), ("shuffled.db", "i * 7919 % 200000")] {
        let source = folder.empty(name, &format!("
            INSERT INTO EXPERIMENT VALUES (1, 't', NULL, 'a', 'b'); INSERT INTO TRIAL VALUES (1, 't', 1, 'a', 'b');
            CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999) SELECT i FROM n;
            INSERT INTO TRIAL_RUN SELECT i, 1, 's', 'a', 'b' FROM n WHERE i < 100;
            INSERT INTO METRIC SELECT i, 'accuracy', i / 7.0, '{{\"class_0\": ' || i / 3.0 || ', \"class_1\": ' || i / 9.0 || '}}' FROM n;
            INSERT INTO ARTIFACT SELECT i, 'image', 'outputs/some/folder/that/has/a/long/name/' || i FROM n WHERE i < 1000;
            INSERT INTO EPOCH SELECT i % 1000, i / 1000, '2023-12-01T10:00:00' FROM n WHERE i < 100000 ORDER BY {order};
            INSERT INTO BATCH SELECT i % 2, i / 2 % 1000, i / 2000, '2023-12-01T10:00:00' FROM n ORDER BY {order};
            INSERT INTO EPOCH_METRIC SELECT i / 2 % 1000, i / 2000, i FROM n ORDER BY {order};
            INSERT INTO BATCH_METRIC SELECT i % 2, i / 2 % 1000, i / 2000, i FROM n ORDER BY {order};
            INSERT INTO EPOCH_ARTIFACT SELECT i / 2 % 1000, i / 2000, i % 1000 FROM n ORDER BY {order};
            INSERT INTO BATCH_ARTIFACT SELECT i % 2, i / 2 % 1000, i / 2000, i % 1000 FROM n ORDER BY {order};
            DROP TABLE n;"));
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", &full_name("child_process_for_memory"), "--nocapture", "--test-threads=1"])
            .env("EXPMIG_TEST_MEMORY", &source)
            .output()
            .expect("a child");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers = said.lines().find_map(|line| line.split_once("@@")).unwrap_or_else(|| panic!("{said}")).1;
        let (size, grown) = numbers.split_once(' ').expect("two numbers");
        println!("{name}: {grown} bytes above the opened library");
        assert!(size.parse::<u64>().expect("a number") > 80_000_000, "{said}");
        assert!(grown.parse::<u64>().expect("a number") < 64 << 20, "{said}");
    }
}
