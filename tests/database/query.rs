//! Queries of the caller's own: typed values, bound parameters, and nothing but reading, whatever the SQL.

use std::io::{Seek, Write};
use std::path::Path;

use crate::support::*;
use expmig::database::Transaction;
use expmig::progress::Job;
use expmig::{Database, Error, Next, OpenOptions, Status, Value, ValueRef};

fn database(path: &Path) -> Database {
    Database::open(url(path), OpenOptions::default()).expect("the database opens")
}

/// The rows of a query, owned.
fn query(database: &Database, sql: &str, params: &[Value]) -> expmig::Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    database.query(sql, params, &mut |row| {
        rows.push(row.values.iter().map(|value| ValueRef::to_owned(*value)).collect());
        Ok(Next::Row)
    })?;
    Ok(rows)
}

#[track_caller]
fn refused(database: &Database, sql: &str) -> Error {
    let error = failed(query(database, sql, &[]), Status::Misuse);
    assert_detail(&error, "parameter", "sql");
    error
}

#[track_caller]
fn invalid(database: &Database, sql: &str, params: &[Value], parameter: &str) -> Error {
    let error = failed(query(database, sql, params), Status::InvalidArgument);
    assert_detail(&error, "parameter", parameter);
    error
}

// ---- Values

#[test]
fn every_type_comes_out_as_it_is_stored() {
    let folder = Folder::new();
    let path = folder.small(
        "q.db",
        "CREATE TABLE odd (v);
         INSERT INTO odd VALUES (NULL), (9223372036854775807), (-0.0), (9e999), ('é' || char(0) || 'x'), (CAST(x'ff00fe' AS TEXT)),
                                (x''), (x'00ff'), ('');",
    );
    let database = database(&path);
    let values: Vec<Value> = query(&database, "SELECT v FROM odd ORDER BY rowid", &[])
        .expect("the rows")
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect();
    let expected = [
        Value::Null,
        Value::Integer(i64::MAX),
        Value::Real(-0.0),
        Value::Real(f64::INFINITY),
        Value::Text("é\0x".as_bytes().to_vec()),
        Value::Text(vec![0xff, 0, 0xfe]),
        Value::Blob(vec![]),
        Value::Blob(vec![0, 0xff]),
        Value::Text(vec![]),
    ];
    assert_eq!(values, expected);
    assert!(matches!(values[2], Value::Real(zero) if zero.is_sign_negative()));
}

#[test]
fn parameters_go_in_with_their_types_and_come_back_unchanged() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    let given = [
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Real(0.1),
        Value::Text(b"'; DROP TABLE TRIAL; --\0\xff".to_vec()),
        Value::Blob(vec![0; 70_000]),
    ];
    let rows = query(&database, "SELECT ?1, ?2, ?3, ?4, ?5, typeof(?4), typeof(?5)", &given).expect("a row");
    assert_eq!(rows[0][..5], given);
    assert_eq!(rows[0][5..], [Value::Text(b"text".to_vec()), Value::Text(b"blob".to_vec())]);
    let found = query(&database, "SELECT name FROM TRIAL WHERE id = :id", &[Value::Integer(12)]).expect("a row");
    assert_eq!(found, [[Value::Text(b"second".to_vec())]]);
}

#[test]
fn columns_have_names_and_are_found_by_them_in_any_letter_case() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    let mut seen = 0;
    let sql = "SELECT id, title AS \"the Title\", 1 AS id FROM EXPERIMENT WHERE id = 1";
    database
        .query(sql, &[], &mut |row| {
            seen += 1;
            assert_eq!(row.columns, ["id", "the Title", "id"]);
            assert_eq!(row.get("THE TITLE"), Some(ValueRef::Text(b"Digits")));
            assert_eq!(row.get("ID"), Some(ValueRef::Integer(1)));
            assert_eq!(row.get("title"), None);
            Ok(Next::Row)
        })
        .expect("a row");
    assert_eq!(seen, 1);
}

#[test]
fn whatever_reads_is_allowed() {
    let folder = Folder::new();
    let path = folder.small(
        "q.db",
        "CREATE VIEW runs AS SELECT count(*) AS n FROM TRIAL_RUN;
         CREATE VIRTUAL TABLE words USING fts4(body); INSERT INTO words VALUES ('one two'), ('two three');",
    );
    let database = database(&path);
    for (sql, rows) in [
        ("VALUES (1), (2)", 2),
        ("WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n", 5),
        ("SELECT n FROM runs", 1),
        ("SELECT body FROM words WHERE words MATCH 'two'", 2),
        ("SELECT key, value FROM METRIC, json_each(per_label_val) WHERE METRIC.id = 31", 2),
        ("SELECT name FROM pragma_table_info('TRIAL') WHERE pk = 1", 1),
        ("SELECT * FROM pragma_foreign_key_check", 0),
        ("SELECT integrity_check FROM pragma_integrity_check", 1),
        ("PRAGMA table_info(TRIAL)", 5),
        ("PRAGMA user_version", 1),
        ("SELECT name FROM sqlite_master WHERE name = 'TRIAL'", 1),
        ("EXPLAIN QUERY PLAN SELECT id FROM TRIAL WHERE id = 1", 1),
        ("SELECT sum(total_val) OVER (ORDER BY id) FROM METRIC WHERE id < 33 LIMIT 1", 1),
        ("/* a comment */ SELECT 1 -- and another\n;;; /* one more */ ; -- ", 1),
        ("SELECT id FROM EXPERIMENT WHERE 0", 0),
    ] {
        let found = query(&database, sql, &[]).unwrap_or_else(|error| panic!("{sql}: {}", error.to_json()));
        assert_eq!(found.len(), rows, "{sql}");
    }
}

// ---- Nothing but reading

/// Statements that do something beside reading, and how the error calls that.
const HOSTILE: &[(&str, &str)] = &[
    ("INSERT INTO TRIAL VALUES (99, 'x', 1, 'a', 'b')", "INSERT INTO TRIAL"),
    ("INSERT INTO TRIAL SELECT id + 100, name, 1, 'a', 'b' FROM TRIAL RETURNING id", "INSERT INTO TRIAL"),
    ("REPLACE INTO METRIC VALUES (31, 'x', 0, NULL)", "INSERT INTO METRIC"),
    ("UPDATE METRIC SET total_val = 0 RETURNING id", "UPDATE METRIC"),
    ("DELETE FROM EXPERIMENT", "DELETE FROM EXPERIMENT"),
    ("WITH doomed AS (SELECT id FROM TRIAL) DELETE FROM TRIAL WHERE id IN doomed RETURNING id", "DELETE FROM TRIAL"),
    ("EXPLAIN DELETE FROM TRIAL", "DELETE FROM TRIAL"),
    ("EXPLAIN QUERY PLAN UPDATE TRIAL SET name = ''", "UPDATE TRIAL"),
    ("DELETE FROM sqlite_sequence", "DELETE FROM sqlite_sequence"),
    ("CREATE TABLE x (y)", "a change of the schema"),
    ("CREATE TABLE x AS SELECT * FROM TRIAL", "a change of the schema"),
    ("CREATE TEMP TABLE x (y)", "a change of the schema"),
    ("CREATE TEMP VIEW x AS SELECT 1", "a change of the schema"),
    ("CREATE VIRTUAL TABLE x USING fts5(y)", "a change of the schema"),
    ("CREATE INDEX x ON TRIAL (name)", "a change of the schema"),
    ("CREATE TRIGGER x AFTER INSERT ON TRIAL BEGIN SELECT 1; END", "a change of the schema"),
    ("CREATE TABLE IF NOT EXISTS TRIAL (id)", "a change of the schema"),
    ("ALTER TABLE TRIAL ADD COLUMN x", "a change of the schema"),
    ("ALTER TABLE TRIAL RENAME TO x", "a change of the schema"),
    ("DROP TABLE TRIAL", "a change of the schema"),
    ("DROP TABLE IF EXISTS nothing_of_that_name", "a statement that is no query"),
    ("REINDEX", "REINDEX"),
    ("ANALYZE", "a change of the schema"),
    ("VACUUM", "a statement that is no query"),
    ("VACUUM INTO 'elsewhere.db'", "a statement that is no query"),
    ("ATTACH 'elsewhere.db' AS x", "ATTACH"),
    ("ATTACH ':memory:' AS x", "ATTACH"),
    ("ATTACH 'else' || 'where.db' AS x", "ATTACH"),
    ("DETACH main", "DETACH"),
    ("BEGIN", "BEGIN, COMMIT or ROLLBACK"),
    ("BEGIN IMMEDIATE", "BEGIN, COMMIT or ROLLBACK"),
    ("COMMIT", "BEGIN, COMMIT or ROLLBACK"),
    ("END", "BEGIN, COMMIT or ROLLBACK"),
    ("ROLLBACK", "BEGIN, COMMIT or ROLLBACK"),
    ("EXPLAIN ROLLBACK", "BEGIN, COMMIT or ROLLBACK"),
    ("SAVEPOINT x", "a savepoint"),
    ("RELEASE x", "a savepoint"),
    ("ROLLBACK TO x", "a savepoint"),
    ("PRAGMA query_only = OFF", "PRAGMA query_only"),
    ("PRAGMA query_only", "PRAGMA query_only"),
    ("PRAGMA QUERY_ONLY(0)", "PRAGMA QUERY_ONLY"),
    ("PRAGMA main.writable_schema = ON", "PRAGMA writable_schema"),
    ("PRAGMA journal_mode = DELETE", "PRAGMA journal_mode"),
    ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode"),
    ("PRAGMA user_version = 7", "PRAGMA user_version"),
    ("PRAGMA page_size = 8192", "PRAGMA page_size"),
    ("PRAGMA encoding = 'UTF-16'", "PRAGMA encoding"),
    ("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint"),
    ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA locking_mode"),
    ("PRAGMA schema_version = 1", "PRAGMA schema_version"),
    ("PRAGMA incremental_vacuum", "PRAGMA incremental_vacuum"),
    ("PRAGMA optimize", "PRAGMA optimize"),
    ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys"),
    ("PRAGMA case_sensitive_like = ON", "PRAGMA case_sensitive_like"),
    ("PRAGMA hard_heap_limit = 1", "PRAGMA hard_heap_limit"),
    ("PRAGMA temp_store_directory = '/'", "PRAGMA temp_store_directory"),
    ("PRAGMA nothing_of_that_name", "PRAGMA nothing_of_that_name"),
    ("SELECT * FROM pragma_optimize", "PRAGMA optimize"),
    ("SELECT * FROM pragma_query_only", "PRAGMA query_only"),
    ("SELECT load_extension('libm.so.6')", "the function load_extension"),
    ("SELECT LOAD_EXTENSION('libm.so.6', 'init') FROM TRIAL", "the function load_extension"),
    ("SELECT fts3_tokenizer('simple', x'00')", "the function fts3_tokenizer"),
    ("SELECT 1 WHERE EXISTS (SELECT load_extension('x'))", "the function load_extension"),
    // A function that writes, from inside a SELECT.
    ("SELECT optimize(words) FROM words LIMIT 1", "a savepoint"),
    ("INSERT INTO words (words) VALUES ('optimize')", "INSERT INTO words"),
    ("SELECT 1; PRAGMA query_only = OFF", "PRAGMA query_only"),
    ("SELECT 1; COMMIT", "BEGIN, COMMIT or ROLLBACK"),
];

/// Full-text search with several segments, which `optimize` would merge.
const WORDS: &str =
    "CREATE VIRTUAL TABLE words USING fts4(body); INSERT INTO words VALUES ('one'); INSERT INTO words VALUES ('two');";

#[test]
fn whatever_would_do_more_than_read_is_misuse_and_leaves_the_file_as_it_is() {
    for wal in [false, true] {
        let folder = Folder::new();
        let path = folder.small("q.db", WORDS);
        if wal {
            sql(&path).pragma_update(None, "journal_mode", "wal").expect("WAL mode");
        }
        let database = database(&path);
        query(&database, "SELECT count(*) FROM TRIAL", &[]).expect("a row");
        leaves_alone(&path, || {
            for (sql, action) in HOSTILE {
                let error = refused(&database, sql);
                assert_eq!(details(&error, "action"), [*action], "{sql}: {}", error.message());
                assert!(error.message().contains(action), "{sql}: {}", error.message());
                let trials = query(&database, "SELECT count(*) FROM TRIAL", &[]).expect("a row");
                assert_eq!(trials, [[Value::Integer(3)]], "after {sql}");
            }
        });
        assert!(!Path::new("elsewhere.db").exists());
    }
}

#[test]
fn a_manager_that_writes_works_as_ever_after_hostile_queries() {
    let folder = Folder::new();
    let path = folder.small("q.db", WORDS);
    let manager = open(&path);
    for (sql, _) in HOSTILE {
        failed(manager.query(sql, &[], &mut |_| Ok(Next::Row)), Status::Misuse);
    }
    let result = manager.migrate_experiment(1, None, expmig::MigrateOptions::default()).expect("a copy");
    assert_eq!(result.source_digest, result.target_digest);
    for (sql, _) in HOSTILE {
        failed(manager.query(sql, &[], &mut |_| Ok(Next::Row)), Status::Misuse);
    }
    assert_eq!(manager.list_experiments().expect("a list").len(), 3);
}

#[test]
fn hostile_queries_do_not_end_the_transaction_that_they_run_in() {
    let folder = Folder::new();
    let path = folder.small("q.db", WORDS);
    sql(&path).pragma_update(None, "journal_mode", "wal").expect("WAL mode");
    let database = database(&path);
    let other = sql(&path);
    let count = |what: &str| {
        let rows = query(&database, "SELECT count(*) FROM METRIC", &[]).unwrap_or_else(|e| panic!("{what}: {e}"));
        rows[0][0].clone()
    };
    let before = count("before");
    let mut calls = 0;
    database
        .query("SELECT id FROM EXPERIMENT ORDER BY id", &[], &mut |_| {
            if calls == 0 {
                // Another connection commits; this transaction goes on seeing what it saw.
                other.execute("INSERT INTO METRIC VALUES (900, 'late', 1, NULL)", []).expect("a row");
            }
            calls += 1;
            for (sql, _) in HOSTILE {
                refused(&database, sql);
                assert_eq!(count(sql), before, "inside, after {sql}");
            }
            Ok(Next::Row)
        })
        .expect("the rows");
    assert_eq!(calls, 2);
    assert_ne!(count("after"), before);
}

#[test]
fn a_connection_that_can_write_lets_nothing_through_either() {
    let folder = Folder::new();
    let path = folder.small("q.db", WORDS);
    let database = database(&path);
    let writer = database.writer(&Job::unwatched(expmig::Domain::Database)).expect("a connection that writes");
    let transaction = Transaction::write(writer).expect("a transaction");
    writer.execute("DELETE FROM TRIAL WHERE id = 13", &[]).expect("a change");
    for (sql, action) in HOSTILE {
        let error =
            failed(writer.prepare_read(sql).and_then(|mut read| read.run(&[], &mut |_| Ok(Next::Row))), Status::Misuse);
        assert_eq!(details(&error, "action"), [*action], "{sql}");
        assert_eq!(writer.query_integer("SELECT count(*) FROM TRIAL", &[]).expect("a row"), Some(2), "{sql}");
    }
    drop(transaction);
    assert_eq!(integer(&path, "SELECT count(*) FROM TRIAL"), 3);
}

#[test]
fn a_read_only_handle_and_a_file_that_cannot_be_written_are_queried_too() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let database = Database::open(url(&path), options).expect("the database opens");
    assert_eq!(query(&database, "SELECT count(*) FROM TRIAL", &[]).expect("a row"), [[Value::Integer(3)]]);
    refused(&database, "DELETE FROM TRIAL");
}

// ---- Statements that are not right

#[test]
fn a_syntax_error_is_an_argument_that_says_where() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    for (sql, offset, message) in [
        ("SELECT id FORM TRIAL", "15", "syntax error"),
        ("SELEKT 1", "0", "SELEKT"),
        ("SELECT absent FROM TRIAL", "7", "no such column: absent"),
        ("SELECT 1; SELEKT 2", "10", "SELEKT"),
        ("SELECT nope(1)", "7", "no such function: nope"),
    ] {
        let error = invalid(&database, sql, &[], "sql");
        assert!(error.message().contains(message), "{sql}: {}", error.message());
        assert_detail(&error, "offset", offset);
    }
    for (sql, message) in [
        ("SELECT * FROM absent", "no such table: absent"),
        ("SELECT (SELECT 1, 2)", "sub-select returns 2 columns"),
        ("SELECT", "incomplete input"),
        ("SELECT 'open", "unrecognized token"),
        ("SELECT 1 \u{201c}x\u{201d}, é FROM", ""),
    ] {
        let error = invalid(&database, sql, &[], "sql");
        assert!(error.message().contains(message), "{sql}: {}", error.message());
    }
}

#[test]
fn values_that_a_query_cannot_compute_with_are_its_own_fault() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", "UPDATE METRIC SET per_label_val = '{' WHERE id = 32;"));
    for (sql, message) in [
        ("SELECT key FROM METRIC, json_each(per_label_val)", "malformed JSON"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("SELECT 1 LIMIT 'x'", "datatype mismatch"),
    ] {
        let error = invalid(&database, sql, &[], "sql");
        assert!(error.message().contains(message), "{sql}: {}", error.message());
    }
    failed_with_status(query(&database, "SELECT zeroblob(2000000000)", &[]), Status::Limit);
    assert_eq!(query(&database, "SELECT 1", &[]).expect("a row").len(), 1);
}

fn failed_with_status<T: std::fmt::Debug>(result: expmig::Result<T>, status: Status) {
    assert_eq!(result.expect_err("an error").status(), status);
}

#[test]
fn exactly_one_statement_is_run() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    for sql in ["", "  ", ";", ";;;;", "-- nothing", "/* nothing"] {
        let error = invalid(&database, sql, &[], "sql");
        assert!(error.message().contains("no statement"), "{sql}: {}", error.message());
    }
    for sql in ["SELECT 1; SELECT 2", "SELECT 1;;; VALUES (2)", "SELECT 1; EXPLAIN SELECT 1; SELECT"] {
        let error = invalid(&database, sql, &[], "sql");
        assert!(error.message().contains("more than one"), "{sql}: {}", error.message());
    }
    // As long as one likes: nothing recurses.
    let error = invalid(&database, &"SELECT 1;".repeat(200_000), &[], "sql");
    assert!(error.message().contains("more than one"), "{}", error.message());
    // What stands behind a NUL would not be looked at.
    let error = invalid(&database, "SELECT 1\0; DROP TABLE TRIAL", &[], "sql");
    assert!(error.message().contains("NUL"), "{}", error.message());
}

#[test]
fn every_parameter_needs_a_value_and_every_value_a_parameter() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    for (sql, given) in
        [("SELECT 1", 1), ("SELECT ?", 0), ("SELECT ?, ?", 1), ("SELECT ?3", 2), ("SELECT :a, :a, @b", 3)]
    {
        let error = invalid(&database, sql, &vec![Value::Null; given], "params");
        assert!(error.message().contains(&format!("{given} values")), "{}", error.message());
    }
    assert!(query(&database, "SELECT :a, :a, @b", &[Value::Null, Value::Null]).is_ok());
}

// ---- Rows on their way

#[test]
fn a_query_can_be_stopped_and_a_failing_receiver_ends_it() {
    let folder = Folder::new();
    let database = database(&folder.small("q.db", ""));
    let endless = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    let mut seen = 0;
    let stop_at = |last: i64, seen: &mut i64| {
        *seen += 1;
        if *seen == last { Next::Stop } else { Next::Row }
    };
    database.query(endless, &[], &mut |_| Ok(stop_at(1000, &mut seen))).expect("the first thousand");
    assert_eq!(seen, 1000);
    let own = || Error::argument(expmig::Domain::Validation, "mine", "the receiver's own failure");
    let error = database.query(endless, &[], &mut |_| Err(own())).expect_err("its failure");
    assert_eq!((error.status(), error.message()), (Status::InvalidArgument, "the receiver's own failure"));
    assert_eq!(query(&database, "SELECT 1", &[]).expect("a row").len(), 1);
}

#[test]
fn outside_of_a_query_no_lock_is_held() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let database = database(&path);
    query(&database, "SELECT * FROM METRIC", &[]).expect("the rows");
    refused(&database, "COMMIT");
    invalid(&database, "SELECT", &[], "sql");
    execute(&path, "BEGIN EXCLUSIVE; DELETE FROM METRIC WHERE id = 37; COMMIT");
    let rows = query(&database, "SELECT count(*) FROM METRIC WHERE id = 37", &[]).expect("a row");
    assert_eq!(rows, [[Value::Integer(0)]]);
}

#[test]
fn a_lock_is_waited_for_and_then_busy() {
    let folder = Folder::new();
    let path = folder.small("q.db", "");
    let options = OpenOptions { busy_timeout: std::time::Duration::from_millis(20), ..OpenOptions::default() };
    let database = Database::open(url(&path), options).expect("the database opens");
    let other = sql(&path);
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let error = failed(query(&database, "SELECT 1", &[]), Status::Busy);
    assert!(error.retryable());
    other.execute_batch("ROLLBACK").expect("no lock");
    assert!(query(&database, "SELECT 1", &[]).is_ok());
}

// ---- Names that are not UTF-8

/// Runs SQL text that is not UTF-8, so that its names are not either.
fn latin1(path: &Path, script: &[u8]) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(script).expect("the script");
    file.rewind().expect("the script");
    let status = std::process::Command::new("sqlite3").arg("-bail").arg(path).stdin(file).status();
    assert!(status.expect("sqlite3").success());
}

#[test]
fn a_schema_with_names_that_are_not_utf8_is_not_queried_but_migrated() {
    let folder = Folder::new();
    let path = folder.small("q.db", "CREATE TABLE log (x);");
    latin1(&path, b"CREATE VIEW odd AS SELECT 1 AS \"caf\xe9\";");
    latin1(&path, b"CREATE TRIGGER \"caf\xe9\" AFTER INSERT ON METRIC BEGIN INSERT INTO log VALUES (1); END;");
    let manager = open(&path);
    failed(manager.query("SELECT 1", &[], &mut |_| Ok(Next::Row)), Status::Unsupported);
    manager.migrate_experiment(1, None, expmig::MigrateOptions::default()).expect("a copy");
    assert!(integer(&path, "SELECT count(*) FROM log") > 0, "the trigger fired");
}
