//! Databases to work on, and what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// Every row of every table as text, row ids and storage classes included, and the schema. Tables without rows are left out.
pub type Dump = BTreeMap<String, Vec<String>>;

/// How SQLite keeps a transaction undoable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    Rollback,
    Wal,
}

/// Opens a file that exists, for reading and writing, as any other program would.
pub fn open(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    connection
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// What is in the file, after recovering it if need be; fails if it is damaged. Nothing if the file does not exist.
pub fn dump(path: &Path) -> Dump {
    if !path.exists() {
        return Dump::new();
    }
    let connection = open(path);
    assert_eq!(texts(&connection, "PRAGMA integrity_check"), ["ok"], "{}", path.display());
    dump_of(&connection)
}

/// What a connection sees, in one transaction.
pub fn dump_of(connection: &Connection) -> Dump {
    let transaction = connection.unchecked_transaction().unwrap();
    let mut dump = Dump::new();
    for table in texts(&transaction, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let columns = texts(&transaction, &format!("SELECT name FROM pragma_table_xinfo('{table}')"));
        let cells: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let rowid = texts(&transaction, &format!("SELECT name FROM pragma_table_list('{table}') WHERE NOT wr"));
        let key = if rowid.is_empty() { &cells[0] } else { "rowid" };
        let sql = format!("SELECT concat_ws(', ', {key}, {}) FROM \"{table}\" ORDER BY {key}", cells.join(", "));
        dump.insert(table, texts(&transaction, &sql));
    }
    dump.insert("sqlite_schema".to_owned(), texts(&transaction, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"));
    dump.retain(|_, rows| !rows.is_empty());
    dump
}

/// Fails, naming the first few differences, unless both are the same.
pub fn assert_same(found: &Dump, wanted: &Dump, what: &str) {
    for table in found.keys().chain(wanted.keys()) {
        let (found, wanted) = (found.get(table), wanted.get(table));
        if found == wanted {
            continue;
        }
        let first = |here: Option<&Vec<String>>, there: Option<&Vec<String>>| -> Vec<String> {
            let missing = |row: &&String| there.is_none_or(|there| !there.contains(row));
            here.into_iter().flatten().filter(missing).take(3).cloned().collect()
        };
        panic!("{what}: {table} differs: has {:?}, lacks {:?}", first(found, wanted), first(wanted, found));
    }
}

/// How many rows of a table there are.
pub fn count(path: &Path, table: &str) -> i64 {
    open(path).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// The files beside a database that a transaction leaves behind when it is cut off.
pub fn journal_files(path: &Path) -> Vec<PathBuf> {
    ["-journal", "-wal", "-shm"]
        .iter()
        .map(|suffix| PathBuf::from(format!("{}{suffix}", path.display())))
        .filter(|file| file.exists())
        .collect()
}

fn digits() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/digits.db")
}

fn finish(connection: Connection, journal: Journal) {
    let mode = match journal {
        Journal::Rollback => "delete",
        Journal::Wal => "wal",
    };
    let set: String = connection.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |row| row.get(0)).unwrap();
    assert_eq!(set, mode);
    connection.close().unwrap();
}

/// The whole test database: three experiments, 1,700 metrics each.
pub fn whole(path: &Path, journal: Journal) {
    std::fs::copy(digits(), path).unwrap();
    finish(open(path), journal);
}

/// Two experiments of one trial each, two epochs per run, rows in every table; METRIC has a column of its own.
pub fn small(path: &Path, journal: Journal) {
    reduced(path, journal, 1, 2);
}

/// As `small`, with five trials and four epochs.
pub fn medium(path: &Path, journal: Journal) {
    reduced(path, journal, 5, 4);
}

fn reduced(path: &Path, journal: Journal, trials: u32, epochs: u32) {
    std::fs::copy(digits(), path).unwrap();
    let connection = open(path);
    connection
        .execute_batch(&format!(
            "BEGIN;
             DELETE FROM EXPERIMENT WHERE id > 2;
             DELETE FROM TRIAL WHERE experiment_id > 2 OR id - experiment_id * 5 + 5 > {trials};
             DELETE FROM TRIAL_RUN WHERE trial_id NOT IN (SELECT id FROM TRIAL);
             DELETE FROM RESULTS WHERE trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             DELETE FROM EPOCH WHERE idx >= {epochs} OR trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             DELETE FROM BATCH WHERE epoch_idx >= {epochs} OR trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             DELETE FROM EXPERIMENT_ARTIFACT WHERE experiment_id > 2;
             DELETE FROM TRIAL_ARTIFACT WHERE trial_id NOT IN (SELECT id FROM TRIAL);
             DELETE FROM TRIAL_RUN_ARTIFACT WHERE trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             DELETE FROM RESULTS_METRIC WHERE results_id NOT IN (SELECT trial_run_id FROM RESULTS);
             DELETE FROM RESULTS_ARTIFACT WHERE results_id NOT IN (SELECT trial_run_id FROM RESULTS);
             DELETE FROM EPOCH_METRIC WHERE (epoch_idx, epoch_trial_run_id) NOT IN (SELECT idx, trial_run_id FROM EPOCH);
             DELETE FROM EPOCH_ARTIFACT WHERE (epoch_idx, epoch_trial_run_id) NOT IN (SELECT idx, trial_run_id FROM EPOCH);
             DELETE FROM BATCH_METRIC WHERE epoch_idx >= {epochs} OR trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             DELETE FROM BATCH_ARTIFACT WHERE epoch_idx >= {epochs} OR trial_run_id NOT IN (SELECT id FROM TRIAL_RUN);
             INSERT INTO EPOCH_ARTIFACT SELECT 0, min(r.id), min(a.id) FROM TRIAL_RUN r, ARTIFACT a;
             DELETE FROM METRIC WHERE id NOT IN (SELECT metric_id FROM RESULTS_METRIC UNION SELECT metric_id FROM EPOCH_METRIC
                                                 UNION SELECT metric_id FROM BATCH_METRIC);
             DELETE FROM ARTIFACT WHERE id NOT IN (
               SELECT artifact_id FROM EXPERIMENT_ARTIFACT UNION SELECT artifact_id FROM TRIAL_ARTIFACT
               UNION SELECT artifact_id FROM TRIAL_RUN_ARTIFACT UNION SELECT artifact_id FROM RESULTS_ARTIFACT
               UNION SELECT artifact_id FROM EPOCH_ARTIFACT UNION SELECT artifact_id FROM BATCH_ARTIFACT);
             ALTER TABLE METRIC ADD COLUMN unit TEXT;
             UPDATE METRIC SET unit = 'u' || id WHERE id % 3 = 0;
             COMMIT; VACUUM",
        ))
        .unwrap();
    finish(connection, journal);
}

/// As `small`, with 32 artifacts of a megabyte: more than the page cache holds, so that pages are written before the commit.
pub fn bulky(path: &Path, journal: Journal) {
    small(path, journal);
    let connection = open(path);
    connection
        .execute_batch(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 32)
             INSERT INTO ARTIFACT (id, type, loc) SELECT 900000 + i, 'bulk', printf('%.*c', 1000000, char(64 + i)) FROM n;
             INSERT INTO TRIAL_ARTIFACT SELECT (SELECT min(id) FROM TRIAL), id FROM ARTIFACT WHERE type = 'bulk';
             COMMIT",
        )
        .unwrap();
    finish(connection, journal);
}
