//! Foreign keys: what a validation finds is what SQLite's own check finds, row for row, by the sqlite3 shell and by the SQLite that
//! the tests link.

use crate::ledger;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::ledger::defects::Ledger;
use crate::ledger::fixture::{Fixture, Shape};
use crate::ledger::tables::{TABLES, Table, key_text, quoted_list};
use crate::ledger::{Found, Random, assert_equal, found, seed_or, seeds, validate_with};
use crate::support::*;
use expmig::ValidateOptions;
use expmig::validation::Scope;
use rusqlite::types::Value;

/// Rows of `PRAGMA foreign_key_check`: table, rowid (none without one), parent, number of the foreign key.
type Violation = (String, Option<i64>, String, i64);

const CHECK: &str = "SELECT \"table\", rowid, parent, fkid FROM pragma_foreign_key_check";

fn by_shell(path: &Path) -> Vec<Violation> {
    let mut command = Command::new("sqlite3");
    // Integers as text: JSON readers round them.
    let query = CHECK.replace("rowid", "CAST(rowid AS TEXT) AS rowid");
    command.arg("-readonly").arg("-json").arg(path).arg(query);
    let output = command.output().expect("the sqlite3 shell; make test installs it");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    if text.trim().is_empty() {
        return Vec::new();
    }
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let violation = |row: &serde_json::Value| {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let rowid = text("rowid").map(|rowid| rowid.parse().expect("an integer"));
        (
            text("table").expect("a table"),
            rowid,
            text("parent").expect("a parent"),
            row["fkid"].as_i64().expect("a number"),
        )
    };
    json.as_array().expect("a list").iter().map(violation).collect()
}

fn by_library(path: &Path) -> Vec<Violation> {
    let connection = sql(path);
    let mut statement = connection.prepare(CHECK).expect("the check");
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).expect("the check");
    rows.map(|row| row.expect("a row")).collect()
}

fn schema_table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

/// The columns of a declared foreign key, in its order.
fn columns(connection: &rusqlite::Connection, table: &str, fkid: i64) -> Vec<String> {
    let query = "SELECT lower(\"from\") FROM pragma_foreign_key_list(?1) WHERE id = ?2 ORDER BY seq";
    let mut statement = connection.prepare(query).expect("a query");
    let rows = statement.query_map((table, fkid), |row| row.get(0)).expect("the query");
    rows.map(|row| row.expect("a column")).collect()
}

/// What SQLite says, as a validation would: table, key of the row, columns. Rows without a rowid have no key here.
fn as_issues(path: &Path, violations: &[Violation]) -> (Vec<Found>, BTreeMap<(String, String), u64>) {
    let connection = sql(path);
    let (mut keyed, mut counted) = (Vec::new(), BTreeMap::new());
    for (table, rowid, parent, fkid) in violations {
        let Some(schema) = schema_table(table) else { continue };
        let columns = columns(&connection, table, *fkid);
        // A foreign key that somebody added is a link if it leads to a table of ours.
        let ours = schema.references.iter().find(|(ours, ..)| *ours == columns);
        match ours {
            Some((_, to, _)) => assert!(parent.eq_ignore_ascii_case(to), "{parent}"),
            None if schema_table(parent).is_some() => {}
            None => continue,
        }
        let column = columns.join(", ");
        *counted.entry((schema.name.to_owned(), column.clone())).or_default() += 1;
        if let Some(rowid) = rowid {
            let query = format!("SELECT {} FROM \"{table}\" WHERE rowid = ?1", quoted_list(schema.key));
            let row = connection.query_row(&query, [rowid], |row| Ok(key_text(schema.key, row))).expect("the row");
            keyed.push(Found::new("dangling_reference", schema.name, row, Some(&column)));
        }
    }
    (keyed, counted)
}

/// Fails unless the validation, the shell and the library find the same; how much that is.
#[track_caller]
fn agree(path: &Path, what: &str) -> usize {
    let (by_library, _) = as_issues(path, &by_library(path));
    let (by_shell, _) = as_issues(path, &by_shell(path));
    // Versions of SQLite differ on whether the real number that is the least integer names a row.
    let settled = |all: Vec<Found>| -> Vec<Found> {
        all.into_iter().filter(|issue| !issue.row.contains("-9.223372036854776e18")).collect()
    };
    assert_equal(settled(by_shell), settled(by_library), &format!("the shell and the library, {what}"));
    agree_with_library(path, what)
}

/// Fails unless the validation and the library find the same; how much that is.
#[track_caller]
fn agree_with_library(path: &Path, what: &str) -> usize {
    let scope = Scope { foreign_keys: true, ..Scope::NONE };
    let report = validate_with(path, ValidateOptions { scope, ..ValidateOptions::default() });
    let issues = found(&report.unwrap_or_else(|error| panic!("{what}: {}", error.to_json())));
    let (keyed, counted) = as_issues(path, &by_library(path));
    let mut ours: BTreeMap<(String, String), u64> = BTreeMap::new();
    for issue in &issues {
        *ours.entry((issue.table.clone(), issue.column.clone().unwrap_or_default())).or_default() += 1;
    }
    assert_eq!(ours, counted, "{what}");
    if keyed.len() as u64 == counted.values().sum::<u64>() {
        assert_equal(issues.clone(), keyed, what);
    }
    issues.len()
}

#[test]
fn on_databases_with_many_defects() {
    let folder = Folder::new();
    let mut all = 0;
    for seed in seeds(40) {
        let mut ledger = Ledger::new(Fixture::new(&folder, seed));
        ledger.damage_every_way();
        let what = format!("seed {seed}, {:?}", ledger.fixture.shape);
        let path = ledger.fixture.finish();
        all += agree(&path, &what);
    }
    assert!(all > 400, "{all}");
}

#[test]
fn on_real_data() {
    let folder = Folder::new();
    assert_eq!(agree(&folder.digits("digits.db"), "digits.db"), 0);
    if let Some(original) = original_database() {
        agree(&folder.copy_of(&original, "original.db"), "original_api.db");
    }
}

#[test]
fn on_tables_without_rowid_by_key() {
    let folder = Folder::new();
    for seed in (seed_or(100)..).take(20) {
        let shape = Shape { without_rowid: true, ..Shape::random(&mut Random::new(seed)) };
        let mut ledger = Ledger::new(Fixture::with(&folder, seed, shape));
        ledger.damage(30);
        let path = ledger.fixture.finish();
        let what = format!("seed {seed}, {shape:?}");
        agree(&path, &what);
        // The check says no more than the table; the keys come from a join by hand.
        let scope = Scope { foreign_keys: true, ..Scope::NONE };
        let report = validate_with(&path, ValidateOptions { scope, ..ValidateOptions::default() }).expect("a report");
        assert_equal(found(&report), by_join(&path), &what);
    }
}

/// Dangling references by an anti-join of each table with each of its parents.
fn by_join(path: &Path) -> Vec<Found> {
    let connection = sql(path);
    let mut all = Vec::new();
    for table in &TABLES {
        for (columns, parent, parents) in table.references {
            let on: Vec<String> =
                parents.iter().zip(*columns).map(|(theirs, ours)| format!("p.\"{theirs}\" = c.\"{ours}\"")).collect();
            let set: Vec<String> = columns.iter().map(|column| format!("c.\"{column}\" IS NOT NULL")).collect();
            let query = format!(
                "SELECT {} FROM {} AS c WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {})",
                table.key.iter().map(|name| format!("c.\"{name}\"")).collect::<Vec<_>>().join(", "),
                table.name,
                set.join(" AND "),
                on.join(" AND ")
            );
            // Generation 1 has no batches.
            let Ok(mut statement) = connection.prepare(&query) else { continue };
            let rows = statement.query_map([], |row| Ok(key_text(table.key, row))).expect("the query");
            let issue = |row: rusqlite::Result<String>| {
                Found::new("dangling_reference", table.name, row.expect("a row"), Some(&columns.join(", ")))
            };
            all.extend(rows.map(issue));
        }
    }
    all
}

// ---- Keys of every type

/// Values that look alike to some comparisons and not to others.
const ODD: &[&str] = &[
    "NULL",
    "0",
    "-0.0",
    "1",
    "1.0",
    "'1'",
    "'01'",
    "' 1'",
    "'1 '",
    "'1.0'",
    "'1e0'",
    "'+1'",
    "x'31'",
    "x'01'",
    "2",
    "2.5",
    "'2.5'",
    "-1",
    "'-1'",
    "'x'",
    "'X'",
    "''",
    "x''",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "9.223372036854775807e18",
    "'9223372036854775807'",
    "'9223372036854775808'",
    "-9.223372036854775808e18",
    "'-9223372036854775808'",
    "9007199254740993",
    "9007199254740992.0",
    "'9007199254740993'",
    "1e300",
    "9e999",
    "-9e999",
    "'inf'",
    "33554432",
    "4294967296",
];

/// Ids that rows of EXPERIMENT, TRIAL, TRIAL_RUN, METRIC and ARTIFACT have.
const IDS: &[&str] =
    &["0", "1", "2", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "4294967296"];

/// A database whose keys have these values, in columns of declared types that `declare` gives them.
fn odd_database(
    folder: &Folder,
    name: &str,
    random: &mut Random,
    types: impl Fn(&mut Random, &str) -> String,
) -> std::path::PathBuf {
    let mut script = String::new();
    for statement in schema(2).split_inclusive(";\n") {
        let mut declared = String::new();
        for line in statement.lines() {
            let trimmed = line.trim_start();
            // `  epoch_idx INT,` and `  trial_run_id INT PRIMARY KEY,`
            if let Some((column, rest)) = trimmed.split_once(" INT")
                && !column.contains(' ')
                && !rest.starts_with("EGER")
            {
                let rest = rest.replace(" NOT NULL", "");
                declared.push_str(&format!("{column} {}{rest}\n", types(random, column)));
            } else {
                declared.push_str(&format!("{line}\n"));
            }
        }
        script.push_str(&declared);
    }
    let path = folder.script(name, &script);
    let connection = sql(&path);
    connection.execute_batch("BEGIN").expect("a transaction");
    let insert = |statement: String| {
        // Some keys are there already.
        let statement = statement.replacen("INSERT", "INSERT OR IGNORE", 1);
        match connection.execute_batch(&statement) {
            // An INTEGER PRIMARY KEY holds integers only.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::TypeMismatch) => {}
            result => result.unwrap_or_else(|error| panic!("{error}: {statement}")),
        }
    };
    let time = "'2024-01-01T00:00:00'";
    // The least integer, which a report's row would not show here.
    let owners: Vec<&str> =
        ODD.iter().copied().filter(|value| !value.contains("-922") && !value.contains("-9.22")).collect();
    for id in IDS {
        if random.percent(70) {
            insert(format!("INSERT INTO EXPERIMENT VALUES ({id}, 'E', NULL, {time}, {time})"));
        }
        if random.percent(70) {
            insert(format!("INSERT INTO METRIC VALUES ({id}, 'loss', 1, NULL)"));
        }
        if random.percent(70) {
            insert(format!("INSERT INTO ARTIFACT VALUES ({id}, 'log', 'x')"));
        }
        let owner = *random.pick(&owners);
        if random.percent(70) {
            insert(format!("INSERT INTO TRIAL VALUES ({id}, 't', {owner}, {time}, {time})"));
        }
        let owner = *random.pick(&owners);
        if random.percent(70) {
            insert(format!("INSERT INTO TRIAL_RUN VALUES ({id}, {owner}, 's', {time}, {time})"));
        }
    }
    let mut rows = |table: &Table, count: usize, times: &str| {
        for _ in 0..count {
            let values: Vec<&str> = table.key.iter().map(|_| *random.pick(ODD)).collect();
            insert(format!("INSERT INTO {} VALUES ({}{times})", table.name, values.join(", ")));
        }
    };
    for (name, count) in [("RESULTS", 20), ("EPOCH", 60), ("BATCH", 80)] {
        rows(ledger::tables::table(name), count, &format!(", {time}"));
    }
    for table in TABLES.iter().filter(|table| table.leaf().is_some()) {
        rows(table, 60, "");
    }
    connection.execute_batch("COMMIT").expect("a commit");
    path
}

#[test]
fn on_keys_of_every_type_in_integer_columns() {
    let folder = Folder::new();
    for seed in seeds(25) {
        let path = odd_database(&folder, &format!("{seed}.db"), &mut Random::new(seed), |_, _| "INT".to_owned());
        assert!(agree(&path, &format!("seed {seed}")) > 20);
    }
}

#[test]
fn on_keys_of_every_type_in_columns_of_other_types() {
    let folder = Folder::new();
    for seed in seeds(40) {
        let mut random = Random::new(1000 + seed);
        let types = |random: &mut Random, column: &str| {
            let all = ["", "BLOB", "INTEGER", "NUMERIC", "REAL", "BIGINT", "DECIMAL(20)", "TEXT", "VARCHAR(20)"];
            // Text cannot name rows by their ids: opening refuses it.
            let most = if column.contains("idx") { all.len() } else { all.len() - 2 };
            (*random.pick(&all[..most])).to_owned()
        };
        let path = odd_database(&folder, &format!("{seed}.db"), &mut random, types);
        // Not the shell: versions of SQLite differ on how they spell real numbers that they compare with text.
        assert!(agree_with_library(&path, &format!("seed {seed}: {}", declared(&path))) > 20);
    }
}

fn declared(path: &Path) -> String {
    let query = "SELECT group_concat(t.name || '.' || c.name || ' ' || c.type, ', ') FROM sqlite_master AS t, pragma_table_info(t.name) AS c
                 WHERE t.type = 'table' AND c.name NOT IN ('id', 'time', 'name') AND (c.name LIKE '%id' OR c.name LIKE '%idx')";
    text(path, query)
}

// ---- Tables that are missing, and those of others

#[test]
fn on_a_database_whose_batches_are_gone() {
    let folder = Folder::new();
    let path = folder.small("small.db", "INSERT INTO BATCH_METRIC VALUES (NULL, 0, 21, 37); DROP TABLE BATCH;");
    // Every link whose key has no NULL dangles.
    assert_eq!(agree(&path, "no BATCH"), 5);
    let only_batches = folder.small("batches.db", "DROP TABLE BATCH_METRIC; DROP TABLE BATCH_ARTIFACT;");
    assert_eq!(agree(&only_batches, "no links of batches"), 0);
    let first = folder.database("first.db", 1, SMALL);
    assert_eq!(agree(&first, "generation 1"), 0);
}

#[test]
fn keys_of_other_tables_are_not_looked_at_and_those_of_extra_columns_to_ours_are() {
    let folder = Folder::new();
    let path = folder.small(
        "small.db",
        "CREATE TABLE NOTES (trial_id INT REFERENCES TRIAL(id), text TEXT); INSERT INTO NOTES VALUES (99, 'x');
         CREATE TABLE TRIALS (experiment_id INT REFERENCES EXPERIMENT(id)); INSERT INTO TRIALS VALUES (99);
         ALTER TABLE METRIC ADD COLUMN made_by INT REFERENCES TRIAL_RUN(id); UPDATE METRIC SET made_by = 99 WHERE id = 31;
         INSERT INTO TRIAL_ARTIFACT VALUES (99, 51);",
    );
    assert_eq!(by_shell(&path).len(), 4);
    assert_eq!(agree(&path, "foreign tables"), 2);
}

#[test]
fn on_tables_in_lower_case_and_in_another_order() {
    let folder = Folder::new();
    let mut statements: Vec<String> = schema(2).to_lowercase().split_inclusive(";\n").map(str::to_owned).collect();
    statements.reverse();
    let path = folder.script("lower.db", &format!("{}{SMALL}{SMALL_BATCHES}", statements.concat()));
    execute(&path, "INSERT INTO EPOCH_METRIC VALUES (7, 21, 31), (0, 99, 99); DELETE FROM TRIAL WHERE id = 12;");
    assert_eq!(agree(&path, "lower case"), 5);
}

#[test]
fn whichever_way_ids_at_the_ends_of_64_bits_are_stored() {
    let folder = Folder::new();
    let path = folder.small("small.db", "");
    for (table, old, new) in [
        ("EXPERIMENT", 1, i64::MAX),
        ("TRIAL", 11, i64::MIN),
        ("TRIAL_RUN", 21, i64::MAX),
        ("TRIAL_RUN", 22, i64::MIN),
        ("METRIC", 31, i64::MAX),
        ("ARTIFACT", 51, i64::MIN),
    ] {
        renumber(&path, table, old, new);
    }
    assert_eq!(agree(&path, "renumbered"), 0);
    let near: Vec<String> = [i64::MAX - 1, i64::MIN + 1]
        .iter()
        .map(|id| format!("INSERT INTO RESULTS_METRIC VALUES ({id}, 32), (22, {id}); INSERT INTO EPOCH_METRIC VALUES ({id}, {id}, {id});"))
        .collect();
    execute(&path, &near.concat());
    assert_eq!(agree(&path, "and near them"), 2 * (1 + 2 + 2));
}

/// The values that integer columns turn the odd ones into, for who reads a failure.
#[test]
fn odd_values_are_as_odd_as_the_tests_believe() {
    let connection = rusqlite::Connection::open_in_memory().expect("a database");
    connection.execute_batch("CREATE TABLE t (x INT)").expect("a table");
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for value in ODD {
        connection.execute(&format!("INSERT INTO t VALUES ({value})"), []).expect("a row");
    }
    let mut statement = connection.prepare("SELECT x FROM t").expect("a query");
    for value in statement.query_map([], |row| row.get::<_, Value>(0)).expect("the query") {
        *kinds.entry(value.expect("a value").data_type().to_string()).or_default() += 1;
    }
    assert!(["Null", "Integer", "Real", "Text", "Blob"].iter().all(|kind| kinds.contains_key(*kind)), "{kinds:?}");
}
