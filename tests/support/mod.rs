//! What the integration tests share: folders with fixtures, the independent checkers in tests/python, and exact dumps.
//!
//! Fixtures are made with rusqlite and with DDL taken from tests/data/digits.db, never with the crate under test.
#![allow(dead_code, unused_imports, reason = "each room of the tests is a crate of its own and uses a part of this")]

pub mod certificates;
pub mod check;
pub mod child;
pub mod cluster;
pub mod columns;
pub mod database;
pub mod fault;
pub mod postgres;
pub mod proxy;
pub mod random;
pub mod reports;
pub mod rights;
pub mod scenario;
pub mod server;
pub mod snapshot;

pub use random::cases;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expmig::{
    Database, Error, JobOptions, Manager, ManagerOptions, MigrateOptions, MigrationResult, OpenOptions, Status,
    Strategy,
};
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

pub const STRATEGIES: [Strategy; 3] = [Strategy::Conservative, Strategy::Balanced, Strategy::Aggressive];

/// A temporary folder, gone when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A private copy of the real data.
    pub fn digits(&self, name: &str) -> PathBuf {
        self.copy_of(&crate_path("tests/data/digits.db"), name)
    }

    pub fn copy_of(&self, file: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, std::fs::read(file).expect("the file to copy")).expect("the copy");
        path
    }

    /// A new database, made by a script.
    pub fn script(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        assert!(!path.exists(), "{name} exists");
        execute(&path, &format!("BEGIN; {script}; COMMIT"));
        path
    }

    /// A database with the tables of a generation, filled by a script.
    pub fn database(&self, name: &str, generation: u8, script: &str) -> PathBuf {
        self.script(name, &format!("{}{script}", schema(generation)))
    }

    /// [`SMALL`] in a database of generation 2, changed by a script.
    pub fn small(&self, name: &str, changes: &str) -> PathBuf {
        self.database(name, 2, &format!("{SMALL}{SMALL_BATCHES}{changes}"))
    }

    /// An empty database of generation 2, changed by a script.
    pub fn empty(&self, name: &str, changes: &str) -> PathBuf {
        self.database(name, 2, changes)
    }

    /// The names of the files in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

pub fn crate_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A database that the original Python application wrote, where there is one.
pub fn original_database() -> Option<PathBuf> {
    let path = std::env::var_os("EXPMIG_ORIGINAL_DB")
        .map_or_else(|| crate_path("../shared/data/original_api.db"), PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no database of the original application at {} (EXPMIG_ORIGINAL_DB)", path.display());
    None
}

/// The `CREATE TABLE` statements of digits.db; generation 1 is without the BATCH tables.
pub fn schema(generation: u8) -> String {
    let path = crate_path("tests/data/digits.db");
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(uri, flags).expect("digits.db");
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .expect("its schema");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("its schema");
    let tables: Vec<(String, String)> = rows.map(|row| row.expect("a table")).collect();
    tables
        .iter()
        .filter(|(name, _)| generation > 1 || !name.starts_with("BATCH"))
        .map(|(_, statement)| format!("{statement};\n"))
        .collect()
}

/// Two experiments, 1 and 2, that share artifact 54. Ids of different tables never coincide.
pub const SMALL: &str = r#"
    INSERT INTO EXPERIMENT VALUES (1, 'Digits', 'a test', '2023-12-01T10:00:00', '2023-12-01T11:00:00.5'),
                                  (2, 'Other', NULL, '2023-12-02T10:00:00', '2023-12-02T11:00:00');
    INSERT INTO TRIAL VALUES (11, 'first', 1, '2023-12-01T10:00:01', '2023-12-01T10:30:00'),
                             (12, 'second', 1, '2023-12-01T10:30:00', '2023-12-01T11:00:00'),
                             (13, 'other', 2, '2023-12-02T10:00:00', '2023-12-02T11:00:00');
    INSERT INTO TRIAL_RUN VALUES (21, 11, 'completed', '2023-12-01T10:00:02', '2023-12-01T10:10:00'),
                                 (22, 11, 'failed', '2023-12-01T10:10:00', '2023-12-01T10:20:00.000001'),
                                 (23, 12, 'started', '2023-12-01T10:30:00', '2023-12-01T10:30:00'),
                                 (24, 13, 'completed', '2023-12-02T10:00:00', '2023-12-02T11:00:00');
    INSERT INTO RESULTS VALUES (21, '2023-12-01T10:10:00'), (22, '2023-12-01T10:20:00.000001'), (24, '2023-12-02T11:00:00');
    INSERT INTO EPOCH VALUES (0, 21, '2023-12-01T10:01:00'), (1, 21, '2023-12-01T10:02:00'), (0, 22, '2023-12-01T10:11:00'),
                             (0, 24, '2023-12-02T10:01:00');
    INSERT INTO METRIC VALUES (31, 'accuracy', 0.5, '{"a": 0.25, "b": 0.75}'), (32, 'loss', 1.5, NULL), (33, 'loss', 0.75, NULL),
                              (34, 'loss', 2.5, NULL), (35, 'accuracy', 0.125, '{"a": 0.125}'), (36, 'loss', 9.0, NULL);
    INSERT INTO ARTIFACT VALUES (51, 'config', 'e.yaml'), (52, 'params', 't.json'), (53, 'log', 'r.log'), (54, 'model', 'shared.bin'),
                                (55, 'plot', 'epoch.png'), (56, 'config', 'other.yaml'), (57, 'params', 'linked to nothing');
    INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, 51), (2, 56), (2, 54);
    INSERT INTO TRIAL_ARTIFACT VALUES (11, 52), (12, 52), (13, 56);
    INSERT INTO TRIAL_RUN_ARTIFACT VALUES (21, 53), (22, 53);
    INSERT INTO RESULTS_METRIC VALUES (21, 31), (22, 35), (24, 36);
    INSERT INTO RESULTS_ARTIFACT VALUES (21, 54);
    INSERT INTO EPOCH_METRIC VALUES (0, 21, 32), (1, 21, 33), (0, 22, 34), (0, 24, 36);
    INSERT INTO EPOCH_ARTIFACT VALUES (1, 21, 55), (0, 22, 54);
"#;

/// Its rows in the tables of generation 2.
pub const SMALL_BATCHES: &str = r#"
    INSERT INTO BATCH VALUES (0, 0, 21, '2023-12-01T10:01:10'), (1, 0, 21, '2023-12-01T10:01:20'), (0, 1, 21, '2023-12-01T10:02:10'),
                             (0, 0, 24, '2023-12-02T10:01:10');
    INSERT INTO METRIC VALUES (37, 'batch_loss', 3.5, NULL), (38, 'batch_loss', 3.25, NULL);
    INSERT INTO ARTIFACT VALUES (58, 'gradient', 'batch.npy');
    INSERT INTO BATCH_METRIC VALUES (0, 0, 21, 37), (1, 0, 21, 38), (0, 1, 21, 37), (0, 0, 24, 36);
    INSERT INTO BATCH_ARTIFACT VALUES (1, 0, 21, 58);
"#;

/// Experiment 1 of [`SMALL`] has this many rows in generation 2.
pub const SMALL_ROWS: u64 = 1 + 2 + 3 + 2 + 3 + 3 + 7 + 6 + 1 + 2 + 2 + 2 + 1 + 3 + 2 + 3 + 1;

/// The columns that refer to the ids of each table.
const REFERENCES: [(&str, &[(&str, &str)]); 5] = [
    ("EXPERIMENT", &[("TRIAL", "experiment_id"), ("EXPERIMENT_ARTIFACT", "experiment_id")]),
    ("TRIAL", &[("TRIAL_RUN", "trial_id"), ("TRIAL_ARTIFACT", "trial_id")]),
    (
        "TRIAL_RUN",
        &[
            ("RESULTS", "trial_run_id"),
            ("EPOCH", "trial_run_id"),
            ("BATCH", "trial_run_id"),
            ("TRIAL_RUN_ARTIFACT", "trial_run_id"),
            ("RESULTS_METRIC", "results_id"),
            ("RESULTS_ARTIFACT", "results_id"),
            ("EPOCH_METRIC", "epoch_trial_run_id"),
            ("EPOCH_ARTIFACT", "epoch_trial_run_id"),
            ("BATCH_METRIC", "trial_run_id"),
            ("BATCH_ARTIFACT", "trial_run_id"),
        ],
    ),
    ("METRIC", &[("RESULTS_METRIC", "metric_id"), ("EPOCH_METRIC", "metric_id"), ("BATCH_METRIC", "metric_id")]),
    (
        "ARTIFACT",
        &[
            ("EXPERIMENT_ARTIFACT", "artifact_id"),
            ("TRIAL_ARTIFACT", "artifact_id"),
            ("TRIAL_RUN_ARTIFACT", "artifact_id"),
            ("RESULTS_ARTIFACT", "artifact_id"),
            ("EPOCH_ARTIFACT", "artifact_id"),
            ("BATCH_ARTIFACT", "artifact_id"),
        ],
    ),
];

/// Gives a row another id, everywhere.
pub fn renumber(path: &Path, table: &str, old: i64, new: i64) {
    let (_, references) = REFERENCES.iter().find(|(name, _)| *name == table).expect("a table with ids");
    let mut script = format!("UPDATE {table} SET id = {new} WHERE id = {old};");
    for (child, column) in *references {
        script.push_str(&format!("UPDATE {child} SET {column} = {new} WHERE {column} = {old};"));
    }
    execute(path, &script);
}

/// A connection for making and reading fixtures.
pub fn sql(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("a connection");
    // As the tracking application, which enforces no foreign keys; rusqlite's SQLite does by default.
    connection.pragma_update(None, "foreign_keys", false).expect("no foreign keys");
    connection
}

pub fn execute(path: &Path, script: &str) {
    let last = script.lines().last().unwrap_or_default();
    sql(path).execute_batch(script).unwrap_or_else(|error| panic!("{error} in a script that ends with {last}"));
}

pub fn integer(path: &Path, query: &str) -> i64 {
    sql(path).query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{error}: {query}"))
}

pub fn text(path: &Path, query: &str) -> String {
    sql(path).query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{error}: {query}"))
}

/// The rows of a query; reals by their bits, text by its bytes.
pub fn rows(path: &Path, query: &str) -> Vec<Vec<String>> {
    let connection = sql(path);
    let mut statement = connection.prepare(query).unwrap_or_else(|error| panic!("{error}: {query}"));
    let width = statement.column_count();
    let mut found = Vec::new();
    let mut rows = statement.query([]).expect("the query");
    while let Some(row) = rows.next().expect("a row") {
        let cell = |at: usize| match row.get_ref(at).expect("a cell") {
            ValueRef::Null => "Null".to_owned(),
            ValueRef::Integer(value) => format!("Integer({value})"),
            ValueRef::Real(value) => format!("real {:016x}", value.to_bits()),
            ValueRef::Text(bytes) => format!("text {:?}", bytes.escape_ascii().to_string()),
            ValueRef::Blob(bytes) => format!("blob {:?}", bytes.escape_ascii().to_string()),
        };
        found.push((0..width).map(cell).collect());
    }
    found
}

/// Every row of every table with its row id, the schema, and SQLite's own counters.
pub fn dump(path: &Path) -> BTreeMap<String, Vec<Vec<String>>> {
    let tables = rows(path, "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'");
    let mut dump = BTreeMap::new();
    for table in tables {
        let name = table[0].trim_start_matches("text ").trim_matches('"').to_owned();
        let row_id = if table[1] == "Integer(0)" && name != "sqlite_schema" { "rowid, " } else { "" };
        dump.insert(name.clone(), rows(path, &format!("SELECT {row_id}* FROM \"{name}\" ORDER BY 1, 2")));
    }
    dump
}

/// The bytes of a file. Only while no connection of this process is in a transaction.
pub fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file")
}

/// Runs something that must leave a database file as it is, byte for byte, and no other file behind.
pub fn leaves_alone<T>(path: &Path, act: impl FnOnce() -> T) -> T {
    let files = || {
        let parent = path.parent().expect("a folder");
        let mut names: Vec<_> =
            std::fs::read_dir(parent).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let (before, names) = (bytes(path), files());
    let result = act();
    assert!(bytes(path) == before, "{} was written to", path.display());
    assert_eq!(files(), names, "files came or went");
    result
}

pub fn url(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

thread_local! {
    /// Where the managers of a test keep their snapshots; gone when the test's thread ends.
    static SNAPSHOTS: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// That folder, of this thread.
pub fn snapshot_folder() -> PathBuf {
    SNAPSHOTS.with(|folder| folder.path().to_owned())
}

pub fn manager(path: &Path, options: OpenOptions) -> Manager {
    let database = Database::open(url(path), options).expect("the database opens");
    Manager::new(database, ManagerOptions { snapshot_dir: Some(snapshot_folder()), ..ManagerOptions::default() })
}

pub fn open(path: &Path) -> Manager {
    manager(path, OpenOptions::default())
}

pub fn open_read_only(path: &Path) -> Manager {
    manager(path, OpenOptions { read_only: true, ..OpenOptions::default() })
}

pub fn create(path: &Path) -> Manager {
    manager(path, OpenOptions { create: true, ..OpenOptions::default() })
}

pub fn with(strategy: Strategy) -> MigrateOptions {
    MigrateOptions { strategy, ..MigrateOptions::default() }
}

/// Copies an experiment from file to file; both may be the same.
pub fn migrate_files(
    source: &Path,
    experiment: i64,
    target: &Path,
    options: MigrateOptions,
) -> expmig::Result<MigrationResult> {
    let (from, to) = (open(source), open(target));
    from.migrate_experiment(experiment, Some(&to), options)
}

pub fn digest(path: &Path, experiment: i64) -> String {
    let hash = open_read_only(path).experiment_digest(experiment, JobOptions::default());
    expmig::digest::hex(&hash.unwrap_or_else(|error| panic!("{}: {}", path.display(), error.to_json())))
}

/// The interpreter with the package that the checkers need.
pub fn python() -> Command {
    let path = std::env::var_os("EXPMIG_PYTHON").map_or_else(|| crate_path("target/venv/bin/python"), PathBuf::from);
    assert!(
        path.exists(),
        "no Python with blake3 at {}: run make test, which makes it, or set EXPMIG_PYTHON",
        path.display()
    );
    Command::new(path)
}

fn run(mut command: Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The digests of all experiments by the second implementation.
pub fn python_digests(path: &Path) -> BTreeMap<i64, String> {
    let mut command = python();
    command.arg(crate_path("tests/python/digest.py")).arg(path).arg("--all");
    let output = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .map(|line| line.split_once(' ').expect("id and digest"))
        .map(|(id, digest)| (id.parse().expect("an id"), digest.to_owned()))
        .collect()
}

/// One call of tests/python/check_copy.py.
pub struct Check<'a> {
    pub source: (&'a Path, i64),
    pub target: (&'a Path, i64),
    /// The source as it was before.
    pub pristine: Option<&'a Path>,
    /// The target as it was before.
    pub target_before: Option<&'a Path>,
    /// How many trials the target experiment had before.
    pub into_existing: Option<usize>,
    pub generation1_target: bool,
}

impl<'a> Check<'a> {
    pub fn new(source: (&'a Path, i64), target: (&'a Path, i64)) -> Check<'a> {
        Check { source, target, pristine: None, target_before: None, into_existing: None, generation1_target: false }
    }

    pub fn pristine(mut self, path: &'a Path) -> Check<'a> {
        self.pristine = Some(path);
        self
    }

    pub fn target_before(mut self, path: &'a Path) -> Check<'a> {
        self.target_before = Some(path);
        self
    }

    pub fn into_existing(mut self, trials: usize) -> Check<'a> {
        self.into_existing = Some(trials);
        self
    }

    pub fn generation1_target(mut self) -> Check<'a> {
        self.generation1_target = true;
        self
    }

    /// The differences that the checker found; empty if it says OK.
    pub fn differences(&self) -> String {
        let mut command = python();
        command.arg(crate_path("tests/python/check_copy.py"));
        command.arg(self.source.0).arg(self.source.1.to_string());
        command.arg(self.target.0).arg(self.target.1.to_string());
        for (flag, path) in [("--pristine", self.pristine), ("--target-before", self.target_before)] {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        if let Some(trials) = self.into_existing {
            command.arg("--into-existing").arg(trials.to_string());
        }
        if self.generation1_target {
            command.arg("--generation1-target");
        }
        let output = run(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            assert!(said.starts_with("OK "), "{said}");
            return String::new();
        }
        format!("{said}{}", String::from_utf8_lossy(&output.stderr))
    }

    #[track_caller]
    pub fn ok(&self) {
        let differences = self.differences();
        assert!(differences.is_empty(), "{differences}");
    }
}

/// The values of all details with this key.
pub fn details<'e>(error: &'e Error, key: &str) -> Vec<&'e str> {
    error.details().iter().filter(|detail| detail.key == key).map(|detail| detail.value.as_str()).collect()
}

/// An error of this status, with a hint, whose message is one line.
#[track_caller]
pub fn failed<T: std::fmt::Debug>(result: expmig::Result<T>, status: Status) -> Error {
    let error = result.expect_err("an error");
    assert_eq!(error.status(), status, "{}", error.to_json());
    assert!(error.hint_text().is_some_and(|hint| !hint.is_empty()), "no hint: {}", error.to_json());
    assert!(!error.message().contains('\n'), "{}", error.message());
    error
}

#[track_caller]
pub fn assert_detail(error: &Error, key: &str, value: &str) {
    let found = details(error, key);
    assert!(found.contains(&value), "no {key} = {value}: {}", error.to_json());
}

/// A member of a JSON object, by a path of keys and positions.
#[track_caller]
pub fn at<'j>(json: &'j Json, pointer: &str) -> &'j Json {
    json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {json}"))
}
