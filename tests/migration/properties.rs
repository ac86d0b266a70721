//! What holds for every experiment, tried on random ones: a copy, and an import of an export, has the same digest; any change of
//! a cell or a link changes the digest; ids and the order of rows do not.

use std::path::Path;

use crate::support::*;
use expmig::{ExportOptions, FileOptions, ImportOptions, MigrateOptions, Strategy as MigrationStrategy};
use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::types::Value;
use serde_json::Value as Json;

/// Random cells. Text is bytes, so that it need not be UTF-8.
#[derive(Clone, Debug)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(match self {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Integer(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Cell::Real(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Cell::Text(bytes) => ToSqlOutput::Borrowed(ValueRef::Text(bytes)),
            Cell::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

#[derive(Clone, Debug)]
struct Epoch {
    idx: i64,
    time: Cell,
    batches: Vec<(Cell, Vec<Index>, Vec<Index>)>,
    metrics: Vec<Index>,
    artifacts: Vec<Index>,
}

#[derive(Clone, Debug)]
struct Run {
    status: Cell,
    times: (Cell, Cell),
    results: Option<(Cell, Vec<Index>, Vec<Index>)>,
    epochs: Vec<Epoch>,
    artifacts: Vec<Index>,
}

#[derive(Clone, Debug)]
struct Trial {
    name: Cell,
    times: (Cell, Cell),
    runs: Vec<Run>,
    artifacts: Vec<Index>,
}

#[derive(Clone, Debug)]
struct Experiment {
    title: Cell,
    description: Cell,
    times: (Cell, Cell),
    trials: Vec<Trial>,
    artifacts: Vec<Index>,
    /// All rows that can be linked, also from several places, also from none.
    metric_rows: Vec<(Cell, Cell, Cell, Cell)>,
    artifact_rows: Vec<(Cell, Cell)>,
}

/// Ids: the n-th row of a table gets `first + n * step`, around the end of the range if need be.
#[derive(Clone, Copy, Debug)]
struct Numbering {
    first: i64,
    step: i64,
}

impl Numbering {
    fn id(self, n: usize) -> i64 {
        self.first.wrapping_add(self.step.wrapping_mul(n as i64))
    }
}

/// Text of the kinds that matter, never the text that [`CHANGED`] writes.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,12}".prop_map(String::into_bytes),
        "\\PC{0,6}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..8),
        Just(b"a\0b".to_vec()),
    ]
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        4 => text().prop_map(Cell::Text),
        1 => any::<i64>().prop_map(Cell::Integer),
        1 => any::<f64>().prop_filter("NaN is NULL in SQLite", |value| !value.is_nan()).prop_map(Cell::Real),
        1 => proptest::collection::vec(any::<u8>(), 0..8).prop_map(Cell::Blob),
    ]
}

fn nullable() -> impl Strategy<Value = Cell> {
    prop_oneof![1 => Just(Cell::Null), 2 => cell()]
}

fn time() -> impl Strategy<Value = Cell> {
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,6}"];
    let good = (1u32..=9999, 1u32..=12, 1u32..=31, 0u32..=23, 0u32..=59, any::<bool>(), fraction).prop_map(
        |(year, month, day, hour, minute, space, fraction)| {
            let separator = if space { ' ' } else { 'T' };
            format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:07{fraction}")
        },
    );
    prop_oneof![5 => good.prop_map(|text| Cell::Text(text.into_bytes())), 1 => cell()]
}

fn times() -> impl Strategy<Value = (Cell, Cell)> {
    (time(), time())
}

fn json() -> impl Strategy<Value = Cell> {
    let good = prop_oneof![
        Just(r#"{"a": 0.5, "b": 1e3}"#),
        Just(r#" {"b":1E+3 ,"a":0.50,"a":2} "#),
        Just(r#"{"\u00e9": [null, true, -0.0, 12345678901234567890]}"#),
        Just("{'a': 1}"),
        Just("{\"a\": NaN}"),
    ];
    prop_oneof![3 => good.prop_map(|text| Cell::Text(text.as_bytes().to_vec())), 1 => nullable()]
}

fn links() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..3)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    let batches = proptest::collection::vec((time(), links(), links()), 0..3);
    (any::<i64>(), time(), batches, links(), links()).prop_map(|(idx, time, batches, metrics, artifacts)| Epoch {
        idx,
        time,
        batches,
        metrics,
        artifacts,
    })
}

fn run() -> impl Strategy<Value = Run> {
    let results = proptest::option::of((time(), links(), links()));
    (cell(), times(), results, proptest::collection::vec(epoch(), 0..3), links())
        .prop_map(|(status, times, results, epochs, artifacts)| Run { status, times, results, epochs, artifacts })
}

fn trial() -> impl Strategy<Value = Trial> {
    (cell(), times(), proptest::collection::vec(run(), 0..3), links())
        .prop_map(|(name, times, runs, artifacts)| Trial { name, times, runs, artifacts })
}

fn experiment() -> impl Strategy<Value = Experiment> {
    let metrics = proptest::collection::vec((cell(), cell(), json(), nullable()), 1..5);
    let artifacts = proptest::collection::vec((cell(), cell()), 1..4);
    let trials = proptest::collection::vec(trial(), 0..3);
    (cell(), nullable(), times(), trials, links(), metrics, artifacts).prop_map(
        |(title, description, times, trials, artifacts, metric_rows, artifact_rows)| Experiment {
            title,
            description,
            times,
            trials,
            artifacts,
            metric_rows,
            artifact_rows,
        },
    )
}

fn numbering() -> impl Strategy<Value = Numbering> {
    let first = prop_oneof![Just(1), Just(0), Just(i64::MAX), Just(i64::MIN), any::<i64>()];
    let step = prop_oneof![Just(1), Just(-1), 2..100_000i64, Just(1 << 57)];
    (first, step).prop_map(|(first, step)| Numbering { first, step })
}

/// Statements with their cells, written in this order or in the opposite one.
struct Script(Vec<(&'static str, Vec<Cell>)>);

impl Script {
    fn add(&mut self, statement: &'static str, cells: Vec<Cell>) {
        self.0.push((statement, cells));
    }

    fn link(&mut self, statement: &'static str, owner: &[i64], leaf: i64) {
        let ids = owner.iter().chain([&leaf]);
        self.add(statement, ids.map(|id| Cell::Integer(*id)).collect());
    }
}

impl Experiment {
    /// The statements that write it, as the experiment of id `ids.id(3)`.
    fn script(&self, ids: Numbering) -> Script {
        let int = Cell::Integer;
        let mut script = Script(Vec::new());
        let id = ids.id(3);
        let leaf = |index: &Index, rows: usize| ids.id(index.index(rows));
        let (metrics, artifacts) = (self.metric_rows.len(), self.artifact_rows.len());
        for (at, (kind, total, labels, extra)) in self.metric_rows.iter().enumerate() {
            let cells = vec![int(ids.id(at)), kind.clone(), total.clone(), labels.clone(), extra.clone()];
            script.add("INSERT INTO METRIC VALUES (?, ?, ?, ?, ?)", cells);
        }
        for (at, (kind, place)) in self.artifact_rows.iter().enumerate() {
            script.add("INSERT INTO ARTIFACT VALUES (?, ?, ?)", vec![int(ids.id(at)), kind.clone(), place.clone()]);
        }
        let own = [self.title.clone(), self.description.clone(), self.times.0.clone(), self.times.1.clone()];
        script.add("INSERT INTO EXPERIMENT VALUES (?, ?, ?, ?, ?)", [int(id)].into_iter().chain(own).collect());
        for index in &self.artifacts {
            script.link("INSERT OR IGNORE INTO EXPERIMENT_ARTIFACT VALUES (?, ?)", &[id], leaf(index, artifacts));
        }
        let mut run_number = 0;
        for (at, trial) in self.trials.iter().enumerate() {
            let trial_id = ids.id(at);
            let cells = vec![int(trial_id), trial.name.clone(), int(id), trial.times.0.clone(), trial.times.1.clone()];
            script.add("INSERT INTO TRIAL VALUES (?, ?, ?, ?, ?)", cells);
            for index in &trial.artifacts {
                script.link("INSERT OR IGNORE INTO TRIAL_ARTIFACT VALUES (?, ?)", &[trial_id], leaf(index, artifacts));
            }
            for run in &trial.runs {
                let run_id = ids.id(run_number);
                run_number += 1;
                let cells =
                    vec![int(run_id), int(trial_id), run.status.clone(), run.times.0.clone(), run.times.1.clone()];
                script.add("INSERT INTO TRIAL_RUN VALUES (?, ?, ?, ?, ?)", cells);
                for index in &run.artifacts {
                    let statement = "INSERT OR IGNORE INTO TRIAL_RUN_ARTIFACT VALUES (?, ?)";
                    script.link(statement, &[run_id], leaf(index, artifacts));
                }
                if let Some((time, of_results, files)) = &run.results {
                    script.add("INSERT INTO RESULTS VALUES (?, ?)", vec![int(run_id), time.clone()]);
                    for index in of_results {
                        let statement = "INSERT OR IGNORE INTO RESULTS_METRIC VALUES (?, ?)";
                        script.link(statement, &[run_id], leaf(index, metrics));
                    }
                    for index in files {
                        let statement = "INSERT OR IGNORE INTO RESULTS_ARTIFACT VALUES (?, ?)";
                        script.link(statement, &[run_id], leaf(index, artifacts));
                    }
                }
                for (nth, epoch) in run.epochs.iter().enumerate() {
                    // Far apart, so that no two are equal.
                    let idx = (epoch.idx & !7) | nth as i64;
                    script.add("INSERT INTO EPOCH VALUES (?, ?, ?)", vec![int(idx), int(run_id), epoch.time.clone()]);
                    for index in &epoch.metrics {
                        let statement = "INSERT OR IGNORE INTO EPOCH_METRIC VALUES (?, ?, ?)";
                        script.link(statement, &[idx, run_id], leaf(index, metrics));
                    }
                    for index in &epoch.artifacts {
                        let statement = "INSERT OR IGNORE INTO EPOCH_ARTIFACT VALUES (?, ?, ?)";
                        script.link(statement, &[idx, run_id], leaf(index, artifacts));
                    }
                    for (batch, (time, of_batch, files)) in epoch.batches.iter().enumerate() {
                        let batch = batch as i64;
                        let cells = vec![int(batch), int(idx), int(run_id), time.clone()];
                        script.add("INSERT INTO BATCH VALUES (?, ?, ?, ?)", cells);
                        for index in of_batch {
                            let statement = "INSERT OR IGNORE INTO BATCH_METRIC VALUES (?, ?, ?, ?)";
                            script.link(statement, &[batch, idx, run_id], leaf(index, metrics));
                        }
                        for index in files {
                            let statement = "INSERT OR IGNORE INTO BATCH_ARTIFACT VALUES (?, ?, ?, ?)";
                            script.link(statement, &[batch, idx, run_id], leaf(index, artifacts));
                        }
                    }
                }
            }
        }
        script
    }

    fn write(&self, path: &Path, ids: Numbering, reversed: bool) {
        let connection = sql(path);
        let begin = format!("BEGIN; {} ALTER TABLE METRIC ADD COLUMN extra;", schema(2));
        connection.execute_batch(&begin).expect("the tables");
        let Script(mut statements) = self.script(ids);
        if reversed {
            statements.reverse();
        }
        for (statement, cells) in statements {
            connection.execute(statement, rusqlite::params_from_iter(cells)).expect(statement);
        }
        connection.execute_batch("COMMIT").expect("the commit");
    }
}

/// What no generated cell is.
const CHANGED: &str = "changed by the test";

/// Every cell of content, and every link, below the experiment: the statement that changes it.
fn changes(path: &Path) -> Vec<String> {
    let below = "SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id";
    let leaves = |leaf: &str, links: &[&str]| -> String {
        links.iter().map(|table| format!("SELECT {leaf} FROM {table}")).collect::<Vec<_>>().join(" UNION ")
    };
    let metrics = leaves("metric_id", &["RESULTS_METRIC", "EPOCH_METRIC", "BATCH_METRIC"]);
    let artifacts = leaves(
        "artifact_id",
        &[
            "EXPERIMENT_ARTIFACT",
            "TRIAL_ARTIFACT",
            "TRIAL_RUN_ARTIFACT",
            "RESULTS_ARTIFACT",
            "EPOCH_ARTIFACT",
            "BATCH_ARTIFACT",
        ],
    );
    let tables: [(&str, &[&str], String); 8] = [
        ("EXPERIMENT", &["title", "\"desc\"", "start_time", "update_time"], "1".to_owned()),
        ("TRIAL", &["name", "start_time", "update_time"], "1".to_owned()),
        ("TRIAL_RUN", &["status", "start_time", "update_time"], "1".to_owned()),
        ("RESULTS", &["time"], format!("trial_run_id IN ({below})")),
        ("EPOCH", &["time", "idx"], format!("trial_run_id IN ({below})")),
        ("BATCH", &["time", "idx", "epoch_idx"], format!("trial_run_id IN ({below})")),
        ("METRIC", &["type", "total_val", "per_label_val", "extra"], format!("id IN ({metrics})")),
        ("ARTIFACT", &["type", "loc"], format!("id IN ({artifacts})")),
    ];
    let mut found = Vec::new();
    for (table, columns, condition) in &tables {
        for row in rows(path, &format!("SELECT rowid FROM {table} WHERE {condition}")) {
            let row_id = row[0].trim_start_matches("Integer(").trim_end_matches(')');
            for column in *columns {
                found.push(format!("UPDATE {table} SET {column} = '{CHANGED}' WHERE rowid = {row_id}"));
            }
        }
    }
    for table in schema(2).lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")) {
        let table = table.trim_end_matches(" (");
        if table.ends_with("_METRIC") || table.ends_with("_ARTIFACT") {
            for row in rows(path, &format!("SELECT rowid FROM {table}")) {
                let row_id = row[0].trim_start_matches("Integer(").trim_end_matches(')');
                found.push(format!("DELETE FROM {table} WHERE rowid = {row_id}"));
            }
        }
    }
    found
}

/// Makes a database one of generation 1.
const NO_BATCHES: &str = "DROP TABLE BATCH_METRIC; DROP TABLE BATCH_ARTIFACT; DROP TABLE BATCH;";

/// A document without when and from what it was made; and, where ids are new, without them and the order that they give to lists.
fn essence(document: &str, with_ids: bool) -> Json {
    fn without_ids(json: &mut Json) {
        match json {
            Json::Object(members) => {
                members.retain(|key, _| !["id", "trial_id", "experiment_id"].contains(&key.as_str()));
                members.values_mut().for_each(without_ids);
            }
            Json::Array(items) => {
                items.iter_mut().for_each(without_ids);
                items.sort_by_key(Json::to_string);
            }
            _ => {}
        }
    }
    let mut json: Json = serde_json::from_str(document).expect("JSON");
    let metadata = json["metadata"].as_object_mut().expect("metadata");
    metadata.retain(|key, _| !["export_timestamp", "source_database"].contains(&key.as_str()));
    if !with_ids {
        without_ids(&mut json);
    }
    json
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_copy_of_any_experiment_is_exact(
        experiment in experiment(),
        ids in numbering(),
        batch_size in 1..6usize,
        strategy in prop_oneof![Just(MigrationStrategy::Balanced), Just(MigrationStrategy::Aggressive)],
    ) {
        let folder = Folder::new();
        let (source, target) = (folder.path("source.db"), folder.path("target.db"));
        experiment.write(&source, ids, false);
        let id = ids.id(3);
        let expected = digest(&source, id);
        prop_assert_eq!(&python_digests(&source)[&id], &expected);

        let options = || MigrateOptions { batch_size, ..with(strategy) };
        let result = open(&source).migrate_experiment(id, Some(&create(&target)), options());
        let result = result.map_err(|error| TestCaseError::fail(error.to_json().to_string()))?;
        prop_assert_eq!(&digest(&target, result.new_experiment_id), &expected);
        prop_assert_eq!(Check::new((&source, id), (&target, result.new_experiment_id)).differences(), "");

        let before = folder.copy_of(&source, "before.db");
        let within = open(&source).migrate_experiment(id, None, options());
        let within = within.map_err(|error| TestCaseError::fail(error.to_json().to_string()))?;
        prop_assert_eq!(&digest(&source, within.new_experiment_id), &expected);
        let check = Check::new((&source, id), (&source, within.new_experiment_id)).pristine(&before);
        prop_assert_eq!(check.differences(), "");
    }

    #[test]
    fn an_export_of_any_experiment_is_imported_exactly(
        experiment in experiment(),
        ids in numbering(),
        indent in 0..3u32,
        preserve_ids in any::<bool>(),
        generation in 1..=2,
    ) {
        let folder = Folder::new();
        let (source, target) = (folder.path("source.db"), folder.path("target.db"));
        experiment.write(&source, ids, false);
        if generation == 1 {
            execute(&source, NO_BATCHES);
        }
        let id = ids.id(3);
        let fails = |error: expmig::Error| TestCaseError::fail(error.to_json().to_string());
        let document = open(&source).export_to_string(id, ExportOptions { indent, ..ExportOptions::default() }).map_err(fails)?;
        let options = ImportOptions { preserve_ids, validate_before_import: false, ..ImportOptions::default() };
        let result = create(&target).import_from_string(document.as_bytes(), options).map_err(fails)?;
        prop_assert_eq!(&digest(&target, result.experiment_id), &digest(&source, id));
        prop_assert_eq!(Check::new((&source, id), (&target, result.experiment_id)).differences(), "");
        // And once more: but for ids and times it is the same document.
        if generation == 1 {
            execute(&target, NO_BATCHES);
        }
        let again = open(&target).export_to_string(result.experiment_id, ExportOptions { indent, ..ExportOptions::default() });
        prop_assert_eq!(essence(&again.map_err(fails)?, preserve_ids), essence(&document, preserve_ids));
    }

    #[test]
    fn an_export_of_any_experiment_is_what_the_second_implementation_makes_of_the_page(
        experiment in experiment(),
        ids in numbering(),
        reversed in any::<bool>(),
        generation in 1..=2,
        without in prop_oneof![2 => Just(""), 1 => Just("--no-metrics"), 1 => Just("--no-artifacts")],
    ) {
        let folder = Folder::new();
        let (source, document) = (folder.path("source.db"), folder.path("document.json"));
        experiment.write(&source, ids, reversed);
        if generation == 1 {
            execute(&source, NO_BATCHES);
        }
        let options = ExportOptions {
            include_metrics: without != "--no-metrics",
            include_artifacts: without != "--no-artifacts",
            ..ExportOptions::default()
        };
        let exported = open_read_only(&source).export_to_file(ids.id(3), &document, FileOptions::default(), options);
        let exported = exported.map_err(|error| TestCaseError::fail(error.to_json().to_string()))?;
        if without.is_empty() {
            prop_assert_eq!(exported.digest.map(|hash| expmig::digest::hex(&hash)), Some(digest(&source, ids.id(3))));
        }
        let mut command = python();
        command.arg(crate_path("tests/python/expected_document.py")).arg(&source);
        // An id may begin with a minus.
        command.args([without].iter().filter(|flag| !flag.is_empty())).arg("--").arg(ids.id(3).to_string()).arg(&document);
        let output = command.output().expect("python");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        prop_assert_eq!(said.trim(), "OK");
    }

    #[test]
    fn ids_and_the_order_of_rows_do_not_matter_to_the_digest(
        experiment in experiment(),
        ids in numbering(),
        others in numbering(),
    ) {
        let folder = Folder::new();
        let (one, two) = (folder.path("one.db"), folder.path("two.db"));
        experiment.write(&one, ids, false);
        experiment.write(&two, others, true);
        prop_assert_eq!(digest(&one, ids.id(3)), digest(&two, others.id(3)));
        let report = open(&one).compare_experiments(ids.id(3), Some(&open(&two)), others.id(3), Default::default());
        let report = report.map_err(|error| TestCaseError::fail(error.to_json().to_string()))?;
        prop_assert_eq!(at(&report, "/equal"), true);
    }

    #[test]
    fn any_change_of_a_cell_or_a_link_changes_the_digest_and_is_found(
        experiment in experiment(),
        ids in numbering(),
        which in proptest::collection::vec(any::<Index>(), 4),
    ) {
        let folder = Folder::new();
        let path = folder.path("one.db");
        experiment.write(&path, ids, false);
        let (id, all) = (ids.id(3), changes(&path));
        let expected = digest(&path, id);
        for (nth, index) in which.iter().enumerate() {
            let change = index.get(&all);
            let changed = folder.copy_of(&path, "changed.db");
            execute(&changed, change);
            let found = digest(&changed, id);
            prop_assert_ne!(&found, &expected, "{}", change);
            if nth == 0 {
                prop_assert_eq!(&python_digests(&changed)[&id], &found, "{}", change);
            }
            let report = open(&path).compare_experiments(id, Some(&open(&changed)), id, Default::default());
            let report = report.map_err(|error| TestCaseError::fail(error.to_json().to_string()))?;
            prop_assert_eq!(at(&report, "/equal"), false);
            prop_assert!(at(&report, "/first_difference/node").is_string(), "{}: {}", change, report);
        }
    }
}
