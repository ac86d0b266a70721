//! What only servers do: conversions by column types, accounts and rights, limits, cut connections. On a private MariaDB server, and on
//! MySQL where EXPMIG_TEST_MYSQLD names its binary.

use crate::support;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::Folder;
use crate::support::certificates::certificates;
use crate::support::server::{Kind, PASSWORD, Server, USER, dump, each, each_own, escaped, rows};
use expmig::database::{Connection, Next, Password, Secret, Transaction};
use expmig::progress::Job;
use expmig::{
    Database, Domain, Error, ExportOptions, Flow, ImportOptions, JobOptions, Manager, ManagerOptions, MigrateOptions,
    MigrationResult, OpenOptions, RestoreOptions, SnapshotOptions, Status, Strategy, Value, ValueRef,
};
use mysql::prelude::Queryable;

fn try_open(url: &str, options: OpenOptions) -> Result<Manager, Error> {
    Database::open(url, options).map(Manager::from)
}

fn open(url: &str) -> Manager {
    try_open(url, OpenOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn create(url: &str) -> Manager {
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    try_open(url, options).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// An error that has a status, and no password anywhere.
fn failed<T>(result: Result<T, Error>, status: Status) -> Error {
    let error = result.err().expect("an error");
    let shown = format!("{} {error:?} {error}", error.to_json());
    assert_eq!(error.status(), status, "{shown}");
    assert!(!shown.contains(PASSWORD) && !shown.contains(&escaped(PASSWORD)), "{shown}");
    error
}

fn migrate(source: &Manager, target: &Manager, options: MigrateOptions) -> Result<MigrationResult, Error> {
    source.migrate_experiment(1, Some(target), options)
}

/// A schema with the tables, and rows of [`support::SMALL`] where it is wanted.
fn schema(server: &Server, filled: bool) -> String {
    let name = server.schema();
    drop(create(&server.url(&name)));
    if filled {
        let mut client = server.connect(&name);
        for statement in [support::SMALL, support::SMALL_BATCHES].concat().split(";\n").map(str::trim) {
            if !statement.is_empty() {
                client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            }
        }
    }
    name
}

const TYPES: [&str; 46] = [
    "TINYINT",
    "SMALLINT UNSIGNED",
    "INT",
    "INT UNSIGNED",
    "BIGINT",
    "BIGINT UNSIGNED",
    "FLOAT",
    "DOUBLE",
    "DECIMAL(5,0)",
    "DECIMAL(20,0)",
    "DECIMAL(10,3)",
    "DATETIME",
    "DATETIME(3)",
    "DATETIME(6)",
    "DATE",
    "CHAR(5)",
    "VARCHAR(5)",
    "VARCHAR(50) CHARACTER SET latin1",
    "VARCHAR(50) CHARACTER SET utf8mb3",
    "VARCHAR(50) COLLATE utf8mb4_general_ci",
    "TINYTEXT",
    "TEXT",
    "LONGTEXT",
    "BINARY(4)",
    "VARBINARY(300)",
    "BLOB",
    "JSON",
    "BIT(8)",
    "YEAR",
    "TIME(6)",
    "ENUM('a','b')",
    "FLOAT(7,2)",
    "DOUBLE UNSIGNED",
    "TIMESTAMP(6) NULL",
    "TIMESTAMP NULL",
    "TIME",
    "TIME(2)",
    "SET('a','b','12')",
    "ENUM('12','é','')",
    "BIT(64)",
    "DECIMAL(10,3) UNSIGNED",
    "DECIMAL(12,4) ZEROFILL",
    "FLOAT(7,2) UNSIGNED",
    "DOUBLE(12,3)",
    "POINT",
    "VARCHAR(50) CHARACTER SET ucs2",
];

fn values() -> Vec<Value> {
    let mut values = vec![Value::Null];
    let integers = [
        0,
        1,
        -1,
        127,
        128,
        32768,
        65535,
        99999,
        100_000,
        i64::from(i32::MAX),
        1 << 31,
        1 << 32,
        1 << 53,
        (1 << 53) + 1,
    ];
    values.extend(integers.into_iter().chain([i64::MAX, i64::MIN]).map(Value::Integer));
    let reals = [
        0.0,
        -0.0,
        0.5,
        1.5,
        2.5,
        -0.1,
        0.1,
        1.0 / 3.0,
        123_456_789.123_456_78,
        5e-324,
        1e-45,
        1e39,
        f64::MAX,
        f64::MIN,
        1e18,
    ];
    values.extend(reals.into_iter().chain([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).map(Value::Real));
    let texts = [
        "",
        " ",
        "a",
        "a ",
        "abcde",
        "abcdef",
        "äöüß",
        "€",
        "日本語",
        "😀",
        "nul\0in",
        "q'u\"o\\te%_",
        "tab\tline\n",
        "12",
        "1.50",
        "-7",
        "soon",
        "2023-12-01",
        "2023-12-01T10:00:00",
        "2023-12-01 10:00:00.5",
        "2023-12-01T10:00:00.123456",
        "2023-12-31T23:59:59.999999",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59.999999",
        "2024-02-29T00:00:00",
        "2023-02-29T00:00:00",
        "0000-00-00T00:00:00",
        "0000-00-00",
        "0000-01-01",
        "2023-00-00",
        "2023-02-31T10:00:00",
        "2023-02-31T10:00:00.125000",
        "2023-13-01T10:00:00",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:01",
        "2040-01-01T00:00:00",
        "10:00:00",
        "-00:00:01.125000",
        "-00:00:00",
        "838:59:59",
        "839:00:00",
        "012:00:00",
        "a,b",
        "b,a",
        "18446744073709551615",
        "18446744073709551616",
        "null",
        "{\"b\": 1, \"a\": 0.10}",
        "[1,2]",
        "{\"a\": NaN}",
        "{'a': 1}",
        "{\"a\": 1, \"a\": 2}",
        "123456789012345678901",
    ];
    values.extend(texts.into_iter().map(|text| Value::Text(text.into())));
    values.push(Value::Text("é".repeat(200).into()));
    values.push(Value::Text(vec![b'x'; 70_000]));
    values.push(Value::Text(vec![b'['; 40].into_iter().chain([b']'; 40]).collect()));
    values.push(Value::Text(vec![0xff, 0xfe, b'a']));
    // A point.
    values
        .push(Value::Blob([&[0, 0, 0, 0, 1, 1, 0, 0, 0][..], &1.0_f64.to_le_bytes(), &2.0_f64.to_le_bytes()].concat()));
    values.extend([&b""[..], b"abc", b"\0\xff\x80\n", b"\xc3\xa4", &[7; 300]].map(|blob| Value::Blob(blob.to_vec())));
    values
}

/// Equal bit by bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

#[test]
fn what_is_said_to_be_stored_is_what_the_server_stores() {
    each(|server| {
        let name = schema(server, false);
        let mut client = server.connect(&name);
        for (at, declared) in TYPES.iter().enumerate() {
            client.query_drop(format!("ALTER TABLE METRIC ADD COLUMN c{at} {declared}")).expect("a column");
        }
        let database = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
        let writer = database.writer(&Job::unwatched(Domain::Database)).expect("a connection");
        let transaction = Transaction::write(writer).expect("a transaction");
        let layout = writer.layout().expect("the layout");
        let metrics = layout.table("METRIC").expect("its table");
        let (mut id, mut kept, mut changed, mut refused) = (0, 0, 0, 0);
        for (at, declared) in TYPES.iter().enumerate() {
            let name = format!("c{at}");
            let column = metrics.columns.iter().find(|column| column.name == name).expect("the column");
            let mut inserter = writer.inserter(metrics, &["id", "type", "total_val", &name]).expect("an inserter");
            for value in values() {
                let case = format!("{:?}: {} in {declared}", server.kind, value.borrow().describe());
                let stored = writer
                    .stored_as(column, value.borrow())
                    .unwrap_or_else(|error| panic!("{case}: {}", error.to_json()));
                id += 1;
                let row = [Value::Integer(id), Value::Text(b"t".to_vec()), Value::Real(0.5), value.clone()];
                let written = inserter.insert(&row.iter().map(Value::borrow).collect::<Vec<_>>());
                let Some(stored) = stored else {
                    let error = failed(written, Status::Constraint);
                    // Ours, or the server's where only that knows.
                    assert!(error.details()[0].value == name || error.message().contains(&name), "{case}");
                    assert!(!column.certainly_keeps(value.borrow()), "{case}");
                    refused += 1;
                    continue;
                };
                written.unwrap_or_else(|error| panic!("{case}: {}", error.to_json()));
                let mut read = None;
                let sql = format!("SELECT \"{name}\" FROM METRIC WHERE id = {id}");
                let look = writer.query(&sql, &[], &mut |row| {
                    read = Some(row.value(0)?.to_owned());
                    Ok(Next::Row)
                });
                look.unwrap_or_else(|error| panic!("{case}: {}", error.to_json()));
                let read = read.expect("a row");
                assert!(
                    same(&read, &stored),
                    "{case}: {:?}, not {:?}",
                    read.borrow().describe(),
                    stored.borrow().describe()
                );
                if column.certainly_keeps(value.borrow()) {
                    assert!(same(&value, &stored), "{case}");
                    kept += 1;
                } else {
                    changed += 1;
                }
            }
        }
        drop(transaction);
        assert!(kept > 300 && changed > 150 && refused > 500, "{kept} kept, {changed} changed, {refused} refused");
    });
}

#[test]
fn values_that_an_existing_schema_would_change_are_listed_before_the_first_write() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&folder.small("a.db", "UPDATE METRIC SET total_val = 0.1 WHERE id = 32"));
        let name = server.original();
        let target = open(&server.url(&name));
        let before = dump(&mut server.connect(&name));
        for strategy in [Strategy::Conservative, Strategy::Balanced] {
            let error = failed(migrate(&source, &target, support::with(strategy)), Status::Lossy);
            let text = error.to_json()["details"].to_string();
            // Two fractions of a second, the second one twice, and one number that has no 32 bits.
            let count = error.details().iter().find(|detail| detail.key == "count").expect("a count");
            assert_eq!(count.value, "4", "{text}");
            for wanted in [
                "update_time",
                "2023-12-01T11:00:00.5",
                "2023-12-01T10:20:00.000001",
                "total_val",
                "0.10000000149011612",
            ] {
                assert!(text.contains(wanted), "{wanted} in {text}");
            }
            assert_eq!(dump(&mut server.connect(&name)), before);
        }
        let options = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
        let done = migrate(&source, &target, options).unwrap_or_else(|error| panic!("{}", error.to_json()));
        let json = done.to_json();
        assert_eq!(json["lossy"]["count"], 4, "{json}");
        assert!(done.source_digest != done.target_digest && done.target_digest == done.expected_digest);
        let found = rows(&mut server.connect(&name), "SELECT CAST(update_time AS CHAR) FROM EXPERIMENT");
        assert_eq!(found[0][0], "text \"2023-12-01 11:00:00\"");
        let value =
            rows(&mut server.connect(&name), "SELECT total_val FROM METRIC WHERE type = 'loss' ORDER BY id LIMIT 1");
        assert_eq!(value[0][0], format!("single {:08x}", 0.1_f32.to_bits()));
    });
}

#[test]
fn who_cannot_connect_is_told_why() {
    each(|server| {
        let name = schema(server, false);
        let url = |user: &str, password: &str, schema: &str| server.url_as(user, password, schema);
        let opened = |url: &str| try_open(url, OpenOptions::default());
        let error = failed(opened(&url(USER, &format!("{PASSWORD}x"), &name)), Status::Auth);
        assert_eq!((error.vendor_code(), error.sqlstate(), error.retryable()), (Some(1045), Some("28000"), false));
        let error = failed(opened(&url(USER, PASSWORD, "no_such_schema")), Status::NotFound);
        assert_eq!(error.vendor_code(), Some(1049));
        let port = format!("mysql://{USER}:{}@127.0.0.1:1/{name}", escaped(PASSWORD));
        assert!(failed(opened(&port), Status::Connection).retryable());
        let host = format!("mysql://{USER}:{}@host.invalid/{name}", escaped(PASSWORD));
        failed(opened(&host), Status::Connection);
        let socket = format!("mysql://{USER}:{}@localhost/{name}?socket=/no/such.sock", escaped(PASSWORD));
        failed(opened(&socket), Status::Connection);
        // A schema that is nobody's.
        let other = server.schema();
        failed(opened(&server.url(&other)), Status::Schema);
        // Somebody who listens and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = silent.local_addr().expect("its address").port();
        let url = format!("mysql://{USER}@127.0.0.1:{port}/{name}?read-timeout-ms=200");
        failed(opened(&url), Status::Timeout);
    });
}

#[test]
fn a_password_can_be_given_beside_the_url_and_a_socket_works() {
    each(|server| {
        let name = schema(server, true);
        let url = format!("mysql://{USER}@127.0.0.1:{}/{name}", server.port);
        failed(try_open(&url, OpenOptions::default()), Status::Auth);
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let ask = Password::Ask(Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(PASSWORD.to_owned())
        }));
        for password in [Password::Is(Secret::new(PASSWORD)), ask] {
            let options = OpenOptions { password: Some(password), ..OpenOptions::default() };
            assert!(!format!("{options:?}").contains(PASSWORD));
            let manager = try_open(&url, options).unwrap_or_else(|error| panic!("{}", error.to_json()));
            assert!(manager.list_experiments().expect("a list").len() >= 2);
            assert!(!format!("{manager:?}").contains(PASSWORD));
            manager.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1, "asked once");
        let socket = escaped(&server.socket().display().to_string());
        let url = format!("mysql://{USER}:{}@localhost/{name}?socket={socket}", escaped(PASSWORD));
        assert_eq!(open(&url).list_experiments().expect("a list").len(), 4);
        // The same database, by another way.
        let (a, b) = (open(&url), open(&server.url(&name)));
        let error = a.migrate_experiment(
            1,
            Some(&b),
            MigrateOptions { target_experiment: Some(1), ..MigrateOptions::default() },
        );
        failed(error, Status::InvalidArgument);
    });
}

#[test]
fn a_missing_right_is_named_and_nothing_is_changed() {
    each(|server| {
        let name = schema(server, true);
        let folder = Folder::new();
        let file = support::open(&folder.small("a.db", ""));
        let mut root = server.connect(&name);
        let user = format!("reader_{name}");
        root.query_drop(format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw'")).expect("an account");
        root.query_drop(format!("GRANT SELECT ON {name}.* TO '{user}'@'%'")).expect("a right");
        let url = server.url_as(&user, "pw", &name);
        let before = dump(&mut server.connect(&name));
        let reader = open(&url);
        assert_eq!(reader.list_experiments().expect("a list").len(), 2);
        migrate(&reader, &support::create(&folder.path("b.db")), MigrateOptions::default()).expect("reading is enough");
        let error = failed(migrate(&file, &reader, MigrateOptions::default()), Status::Auth);
        assert!(error.vendor_code() == Some(1142) && error.message().contains("INSERT"), "{}", error.to_json());
        assert_eq!(dump(&mut server.connect(&name)), before);
        // Nothing but a part of the tables can be seen: whether the others are missing cannot be known.
        root.query_drop(format!("REVOKE SELECT ON {name}.* FROM '{user}'@'%'")).expect("no right");
        root.query_drop(format!("GRANT SELECT ON {name}.EXPERIMENT TO '{user}'@'%'")).expect("a right");
        failed(try_open(&url, OpenOptions::default()), Status::Auth);
        // Creating a schema without the right to.
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        failed(try_open(&server.url_as(&user, "pw", "not_there"), options), Status::Auth);
    });
}

/// The tables that are read, in generation 2.
const READ: [&str; 17] = [
    "EXPERIMENT",
    "TRIAL",
    "TRIAL_RUN",
    "RESULTS",
    "EPOCH",
    "BATCH",
    "METRIC",
    "ARTIFACT",
    "EXPERIMENT_ARTIFACT",
    "TRIAL_ARTIFACT",
    "TRIAL_RUN_ARTIFACT",
    "RESULTS_METRIC",
    "RESULTS_ARTIFACT",
    "EPOCH_METRIC",
    "EPOCH_ARTIFACT",
    "BATCH_METRIC",
    "BATCH_ARTIFACT",
];

/// An account with this right to each of these tables, and its URL.
fn account(server: &Server, schema: &str, tables: &[&str], right: &str) -> (String, String) {
    let user = server.unused_name();
    let mut root = server.connect_as("root", "", None);
    root.query_drop(format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'pw'")).expect("an account");
    for table in tables {
        root.query_drop(format!("GRANT {right} ON {schema}.{table} TO '{user}'@'%'")).expect("a right");
    }
    let url = server.url_as(&user, "pw", schema);
    (user, url)
}

/// The value of an error's first detail of this name.
fn detail<'e>(error: &'e Error, key: &str) -> Option<&'e str> {
    error.details().iter().find(|detail| detail.key == key).map(|detail| detail.value.as_str())
}

#[test]
fn what_an_account_may_not_read_is_not_taken_for_absent() {
    each(|server| {
        let name = schema(server, true);
        let whole = open(&server.url(&name)).experiment_digest(1, JobOptions::default()).expect("a digest");
        let mut root = server.connect_as("root", "", None);
        let (user, url) = account(server, &name, &READ, "SELECT");
        let digest = |url: &str| open(url).experiment_digest(1, JobOptions::default()).expect("a digest");
        // The version is read by nothing.
        assert_eq!(digest(&url), whole);
        for table in ["BATCH_METRIC", "METRIC"] {
            root.query_drop(format!("REVOKE SELECT ON {name}.{table} FROM '{user}'@'%'")).expect("no right");
            let error = failed(try_open(&url, OpenOptions::default()), Status::Auth);
            assert_eq!(detail(&error, "table"), Some(table));
            // Run as it stands, in an ordinary client.
            let grant = detail(&error, "statement").expect("a statement");
            root.query_drop(grant).unwrap_or_else(|error| panic!("{error}: {grant}"));
            assert_eq!(digest(&url), whole);
        }
        // Rights to other things than reading show the columns, and not what is in them.
        let others: Vec<&str> = READ.into_iter().filter(|table| *table != "EPOCH_METRIC").collect();
        let (user, url) = account(server, &name, &others, "SELECT");
        root.query_drop(format!("GRANT INSERT ON {name}.EPOCH_METRIC TO '{user}'@'%'")).expect("a right");
        assert_eq!(
            detail(&failed(try_open(&url, OpenOptions::default()), Status::Auth), "table"),
            Some("EPOCH_METRIC")
        );
        let (user, url) = account(server, &name, &others, "SELECT");
        root.query_drop(format!("GRANT INSERT, SELECT (epoch_idx) ON {name}.EPOCH_METRIC TO '{user}'@'%'"))
            .expect("a right");
        assert_eq!(
            detail(&failed(try_open(&url, OpenOptions::default()), Status::Auth), "table"),
            Some("EPOCH_METRIC")
        );
    });
}

#[test]
fn columns_that_an_account_may_not_read_are_not_left_out() {
    each(|server| {
        for declared in ["VARCHAR(20)", "VARCHAR(20) INVISIBLE"] {
            let name = schema(server, true);
            let mut client = server.connect(&name);
            client.query_drop(format!("ALTER TABLE METRIC ADD COLUMN note {declared}")).expect("a column");
            client.query_drop("UPDATE METRIC SET note = 'kept'").expect("a value");
            let others: Vec<&str> = READ.into_iter().filter(|table| *table != "METRIC").collect();
            let (user, url) = account(server, &name, &others, "SELECT");
            let grant = format!("GRANT SELECT (id, type, total_val, per_label_val) ON {name}.METRIC TO '{user}'@'%'");
            server.connect_as("root", "", None).query_drop(grant).expect("a right");
            let error = failed(try_open(&url, OpenOptions::default()), Status::Auth);
            assert_eq!(detail(&error, "table"), Some("METRIC"), "{}", error.to_json());
            // Who may read it has it in every copy.
            let folder = Folder::new();
            let target = support::create(&folder.path("b.db"));
            migrate(&open(&server.url(&name)), &target, MigrateOptions::default()).expect("a copy");
            let sql = "SELECT count(*) FROM METRIC WHERE note = 'kept'";
            assert_eq!(support::integer(&folder.path("b.db"), sql), 7, "{declared}");
        }
    });
}

#[test]
fn a_system_versioned_table_is_read_copied_and_restored_as_it_is_now() {
    let server = Kind::MariaDb.shared().expect("a server");
    let period = "ADD COLUMN valid_from TIMESTAMP(6) GENERATED ALWAYS AS ROW START, \
                  ADD COLUMN valid_to TIMESTAMP(6) GENERATED ALWAYS AS ROW END, ADD PERIOD FOR SYSTEM_TIME(valid_from, valid_to), \
                  ADD SYSTEM VERSIONING";
    let name = schema(server, true);
    let mut client = server.connect(&name);
    client.query_drop("SET foreign_key_checks = 0").expect("a setting");
    for table in ["METRIC", "BATCH_METRIC", "TRIAL"] {
        client.query_drop(format!("ALTER TABLE {table} ADD SYSTEM VERSIONING")).expect("versions");
    }
    client.query_drop(format!("ALTER TABLE ARTIFACT {period}")).expect("versions");
    client.query_drop("UPDATE METRIC SET total_val = total_val + 1").expect("a history");
    client.query_drop("UPDATE ARTIFACT SET loc = 'elsewhere'").expect("a history");
    let content = |client: &mut mysql::Conn| {
        ["METRIC", "BATCH_METRIC", "TRIAL"]
            .map(|table| rows(client, &format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4")))
    };
    let (before, folder) = (content(&mut client), Folder::new());
    let options = ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..ManagerOptions::default() };
    let manager =
        Manager::new(Database::open(&server.url(&name), OpenOptions::default()).expect("the schema"), options);
    let digest = |manager: &Manager, id| manager.experiment_digest(id, JobOptions::default()).expect("a digest");
    let wanted = digest(&manager, 1);
    let target = support::create(&folder.path("b.db"));
    migrate(&manager, &target, MigrateOptions::default()).expect("a copy");
    assert_eq!(digest(&target, 1), wanted);
    let snapshot = manager.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
    let copy = manager.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy").new_experiment_id;
    assert_eq!(digest(&manager, copy), wanted);
    client.query_drop("DELETE FROM BATCH_METRIC").expect("a change");
    manager
        .restore_snapshot(&snapshot, RestoreOptions::default())
        .unwrap_or_else(|error| panic!("{}", error.to_json()));
    assert!(content(&mut client) == before && digest(&manager, 1) == wanted);
}

#[test]
fn tables_are_never_created_in_a_schema_of_the_servers_own() {
    each(|server| {
        for name in ["mysql", "SYS", "information_schema", "Performance_Schema"] {
            for create_beside in [false, true] {
                let options = OpenOptions { create: true, create_beside, ..OpenOptions::default() };
                let error = failed(try_open(&server.url(name), options), Status::Schema);
                assert!(error.message().contains("server's own"), "{}", error.to_json());
            }
        }
        let mut root = server.connect_as("root", "", None);
        let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'TRIAL_RUN' AND \
                   LOWER(TABLE_SCHEMA) IN ('mysql', 'sys')";
        assert_eq!(root.query_first::<u64, _>(sql).expect("a count"), Some(0));
    });
}

#[test]
fn two_writers_wait_for_each_other_and_a_lock_ends_with_its_connection() {
    each(|server| {
        let name = schema(server, true);
        let manager = |busy_timeout| {
            try_open(&server.url(&name), OpenOptions { busy_timeout, ..OpenOptions::default() }).expect("the schema")
        };
        let holder = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
        let writer = holder.writer(&Job::unwatched(Domain::Database)).expect("a connection");
        let held = Transaction::write(writer).expect("the lock");
        let error =
            failed(manager(Duration::ZERO).migrate_experiment(1, None, MigrateOptions::default()), Status::Busy);
        assert!(error.retryable());
        // Cancelled while it waits.
        let progress = Box::new(|_: &expmig::Progress| Flow::Cancel);
        let options = MigrateOptions { progress: Some(progress), ..MigrateOptions::default() };
        failed(manager(Duration::from_secs(60)).migrate_experiment(1, None, options), Status::Cancelled);
        drop(held);
        manager(Duration::ZERO).migrate_experiment(1, None, MigrateOptions::default()).expect("nobody is in the way");
        let _held = Transaction::write(writer).expect("the lock");
        let mut root = server.connect(&name);
        let id: u32 = root
            .query_first("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID() ORDER BY ID LIMIT 1")
            .expect("the processes")
            .expect("a process");
        // The reader came first, the writer after it.
        root.query_drop(format!("KILL {}", id + 1)).or_else(|_| root.query_drop(format!("KILL {id}"))).expect("killed");
        drop(_held);
        manager(Duration::from_secs(10))
            .migrate_experiment(1, None, MigrateOptions::default())
            .expect("the lock is gone");
    });
}

/// What can be done to a schema from a file, with progress: a migration, an import, a restore.
type Work<'j> = &'j dyn Fn(&Manager, Box<dyn FnMut(&expmig::Progress) -> Flow + Send>) -> Result<(), Error>;

#[test]
fn a_server_that_dies_in_the_middle_leaves_everything_as_it_was() {
    each_own(&["--innodb-flush-log-at-trx-commit=1"], |server| {
        let folder = Folder::new();
        let source = support::open(&folder.digits("digits.db"));
        let document = source.export_to_string(1, ExportOptions::default()).expect("a document");
        let snapshot = source.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
        let snapshot_dir = support::snapshot_folder();
        let name = schema(server, true);
        let before = dump(&mut server.connect(&name));
        let migrating: Work<'_> = &|target, progress| {
            let options = MigrateOptions { batch_size: 50, progress: Some(progress), ..MigrateOptions::default() };
            migrate(&source, target, options).map(drop)
        };
        let importing: Work<'_> = &|target, progress| {
            let options = ImportOptions { progress: Some(progress), ..ImportOptions::default() };
            target.import_from_string(document.as_bytes(), options).map(drop)
        };
        let restoring: Work<'_> = &|target, progress| {
            let job = JobOptions { progress: Some(progress), ..JobOptions::default() };
            let options = RestoreOptions { force: true, no_safety_snapshot: true, job };
            target.restore_snapshot(&snapshot, options).map(drop)
        };
        let moments = [
            (migrating, "opening"),
            (migrating, "copying"),
            (migrating, "verifying the copy"),
            (migrating, "committing"),
            (importing, "importing"),
            (importing, "committing"),
            (restoring, "restoring"),
        ];
        for (job, moment) in moments {
            let database = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
            let options = ManagerOptions { snapshot_dir: Some(snapshot_dir.clone()), ..ManagerOptions::default() };
            let target = Manager::new(database, options);
            let pid = server.folder.join("server.pid");
            let dead = Arc::new(AtomicU32::new(0));
            let died = Arc::clone(&dead);
            let progress = Box::new(move |progress: &expmig::Progress| {
                if progress.operation == moment && died.fetch_add(1, Ordering::Relaxed) == 0 {
                    kill(&pid);
                }
                // Two calls are never closer: every operation is reported.
                std::thread::sleep(Duration::from_millis(110));
                Flow::Continue
            });
            let error = failed(job(&target, progress), Status::Connection);
            assert!(dead.load(Ordering::Relaxed) > 0, "{moment}: nobody killed it");
            let undecided = error.details().iter().any(|detail| detail.key == "outcome" && detail.value == "undecided");
            assert_eq!(undecided, moment == "committing", "{moment}: {}", error.to_json());
            server.restart(&["--innodb-flush-log-at-trx-commit=1"]);
            assert_eq!(dump(&mut server.connect(&name)), before, "{moment}");
            // Nobody holds the lock.
            let again = open(&server.url(&name));
            let writer = again.database().writer(&Job::unwatched(Domain::Database)).expect("a connection");
            drop(Transaction::write(writer).expect("the lock"));
        }
    });
}

fn kill(pid: &Path) {
    let pid = std::fs::read_to_string(pid).expect("the pid");
    let done = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
    assert!(done.success());
}

#[test]
fn a_cut_connection_leaves_everything_as_it_was_and_the_handle_goes_on() {
    each(|server| {
        let folder = Folder::new();
        let source = support::open(&folder.digits("digits.db"));
        let name = schema(server, true);
        let target = open(&server.url(&name));
        let before = dump(&mut server.connect(&name));
        let client = Mutex::new(server.connect(&name));
        let progress = Box::new(move |progress: &expmig::Progress| {
            if progress.processed_items > 0 {
                let mut client = client.lock().expect("a client");
                let sql =
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
                let ids: Vec<u32> = client.query(sql).expect("the processes");
                for id in ids {
                    let _already_gone = client.query_drop(format!("KILL {id}"));
                }
            }
            Flow::Continue
        });
        let options = MigrateOptions { batch_size: 10, progress: Some(progress), ..MigrateOptions::default() };
        failed(migrate(&source, &target, options), Status::Connection);
        assert_eq!(dump(&mut server.connect(&name)), before);
        let done =
            migrate(&source, &target, MigrateOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!(done.source_digest, done.target_digest);
        // Ended while nobody used them: both connections are made again, and nobody hears of it.
        let mut root = server.connect(&name);
        let sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
        for id in root.query::<u32, _>(sql).expect("the processes") {
            root.query_drop(format!("KILL {id}")).expect("killed");
        }
        assert_eq!(target.list_experiments().expect("a list").len(), 3);
        target.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    });
}

#[test]
fn small_packets_and_odd_settings_of_the_server_change_nothing() {
    let mut options = vec!["--max-allowed-packet=1M", "--sql-mode=", "--character-set-server=latin1"];
    options.push("--default-time-zone=+05:00");
    let odd = |server: &mut Server| {
        let folder = Folder::new();
        let script = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO ARTIFACT SELECT 1000 + i, 't', 'l' || i FROM n;
            INSERT INTO TRIAL_ARTIFACT SELECT 11, id FROM ARTIFACT WHERE id > 1000;
            UPDATE METRIC SET per_label_val = '{\"a\": \"' || replace(hex(zeroblob(200000)), '0', 'ü') || '\"}' WHERE id IN (31, 32, 33)";
        let source = support::open(&folder.small("a.db", script));
        let name = server.unused_name();
        let target = create(&server.url(&name));
        let done =
            migrate(&source, &target, MigrateOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
        assert_eq!(done.source_digest, done.target_digest);
        let tables: Vec<String> = server.connect(&name).query("SHOW TABLES").expect("the tables");
        let experiments = if server.kind == Kind::MariaDb { "experiment" } else { "EXPERIMENT" };
        assert!(tables.contains(&experiments.to_owned()), "{tables:?}");
        // More than a packet.
        let source =
            support::open(&folder.small(
                "b.db",
                "UPDATE METRIC SET per_label_val = '\"' || hex(zeroblob(1000000)) || '\"' WHERE id = 31",
            ));
        let before = dump(&mut server.connect(&name));
        let error = failed(migrate(&source, &target, MigrateOptions::default()), Status::Limit);
        assert!(error.hint_text().expect("a hint").contains("max_allowed_packet"), "{}", error.to_json());
        assert_eq!(dump(&mut server.connect(&name)), before);
    };
    if let Some(mut server) = Server::start(Kind::Mysql, &options) {
        odd(&mut server);
    }
    // MySQL has to be initialised with it.
    options.push("--lower-case-table-names=1");
    odd(&mut Server::start(Kind::MariaDb, &options).expect("MariaDB is always there"));
}

#[test]
fn a_transaction_that_is_too_large_for_the_server_is_a_limit_and_leaves_nothing() {
    each_own(&["--log-bin=log", "--server-id=1", "--binlog-format=ROW", "--max-binlog-cache-size=65536"], |server| {
        let folder = Folder::new();
        let source = support::open(&folder.digits("digits.db"));
        let document = source.export_to_string(1, ExportOptions::default()).expect("a document");
        let snapshot = source.create_snapshot("", SnapshotOptions::default()).expect("a snapshot");
        let name = schema(server, true);
        let database = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
        let options = ManagerOptions { snapshot_dir: Some(support::snapshot_folder()), ..ManagerOptions::default() };
        let target = Manager::new(database, options);
        let before = dump(&mut server.connect(&name));
        let restore = RestoreOptions { force: true, no_safety_snapshot: true, ..RestoreOptions::default() };
        let results = [
            migrate(&source, &target, MigrateOptions::default()).map(drop),
            target.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop),
            target.restore_snapshot(&snapshot, restore).map(drop),
        ];
        for result in results {
            let error = failed(result, Status::Limit);
            assert_eq!((error.vendor_code(), error.retryable()), (Some(1197), false), "{}", error.to_json());
            assert!(error.hint_text().expect("a hint").contains("limit"), "{}", error.to_json());
        }
        assert_eq!(dump(&mut server.connect(&name)), before);
        // The handle goes on, and what is smaller fits.
        let small = support::open(&folder.small("small.db", ""));
        let done = migrate(&small, &target, MigrateOptions::default()).unwrap_or_else(|e| panic!("{}", e.to_json()));
        assert_eq!(done.source_digest, done.target_digest);
    });
}

#[test]
fn a_read_only_server_is_read() {
    each_own(&[], |server| {
        let name = schema(server, true);
        let mut root = server.connect(&name);
        root.query_drop("CREATE USER plain IDENTIFIED BY 'pw'").expect("an account");
        root.query_drop("GRANT ALL ON *.* TO plain").expect("its rights");
        let revoke = match server.kind {
            Kind::MariaDb => "REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM plain",
            Kind::Mysql => "REVOKE SUPER, CONNECTION_ADMIN ON *.* FROM plain",
        };
        root.query_drop(revoke).expect("fewer rights");
        root.query_drop("SET GLOBAL read_only = 1").expect("read-only");
        let manager = open(&server.url_as("plain", "pw", &name));
        assert_eq!(manager.experiment_digest(1, JobOptions::default()).expect("a digest").len(), 32);
        let before = dump(&mut server.connect(&name));
        let error = failed(manager.migrate_experiment(1, None, MigrateOptions::default()), Status::Io);
        assert!(error.message().contains("no writes"), "{}", error.to_json());
        assert_eq!(dump(&mut server.connect(&name)), before);
    });
}

#[test]
fn tables_without_transactions_are_not_written_and_read_with_a_warning() {
    each(|server| {
        let name = schema(server, true);
        let mut client = server.connect(&name);
        client.query_drop("SET foreign_key_checks = 0").expect("no checks");
        client.query_drop("DROP TABLE BATCH_ARTIFACT").expect("dropped");
        client
            .query_drop("CREATE TABLE BATCH_ARTIFACT (batch_idx BIGINT, epoch_idx BIGINT, trial_run_id BIGINT, artifact_id BIGINT) ENGINE = MyISAM")
            .expect("a table");
        let before = dump(&mut client);
        let error = failed(
            open(&server.url(&name)).migrate_experiment(1, None, MigrateOptions::default()),
            Status::Unsupported,
        );
        assert!(
            error.message().contains("MyISAM") && error.hint_text().expect("a hint").contains("InnoDB"),
            "{}",
            error.to_json()
        );
        assert_eq!(dump(&mut client), before);

        // As a source there is no one state of them.
        let folder = Folder::new();
        let (source, target) = (open(&server.url(&name)), support::create(&folder.path("target.db")));
        let said =
            |warnings: &serde_json::Value| warnings.to_string().contains("BATCH_ARTIFACT is of the engine MyISAM");
        let plan = source.plan_migration(1, Some(&target), MigrateOptions::default()).expect("a plan").to_string();
        assert!(said(&serde_json::from_str::<serde_json::Value>(&plan).expect("JSON")["warnings"]), "{plan}");
        let error = failed(
            source.migrate_experiment(1, Some(&target), support::with(expmig::Strategy::Conservative)),
            Status::Validation,
        );
        assert!(error.to_json().to_string().contains("MyISAM"), "{}", error.to_json());
        let snapshot_dir = Some(support::snapshot_folder());
        let database = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
        let keeping = Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() });
        let error = failed(keeping.create_snapshot("", expmig::SnapshotOptions::default()), Status::Unsupported);
        assert!(error.to_json().to_string().contains("MyISAM"), "{}", error.to_json());
        let exported =
            source.export_experiment(1, &mut Vec::new(), expmig::ExportOptions::default()).expect("a document");
        let unsteady: Vec<_> = exported.unsteady.iter().map(|table| (&*table.table, &*table.engine)).collect();
        assert_eq!(unsteady, [("BATCH_ARTIFACT", "MyISAM")]);
        let done = source.migrate_experiment(1, Some(&target), MigrateOptions::default()).expect("a migration");
        assert!(done.warnings.iter().any(|warning| said(&warning.as_str().into())), "{:?}", done.warnings);
        let compared = source.compare_experiments(1, Some(&target), done.new_experiment_id, JobOptions::default());
        let compared: serde_json::Value =
            serde_json::from_str(&compared.expect("a comparison").to_string()).expect("JSON");
        assert!(said(&compared["warnings"]) && compared["equal"] == true, "{compared}");
        let report = source.validate(expmig::ValidateOptions::default()).expect("a report");
        assert!(said(&report.to_json()["warnings"]), "{}", report.to_json());
        let said_there = target.validate(expmig::ValidateOptions::default()).expect("a report").to_json();
        assert_eq!(said_there["warnings"], serde_json::json!([]));
        // A digest is no document: the log says it.
        let logged: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&logged);
        let log = move |level: expmig::LogLevel, line: &str| {
            if level == expmig::LogLevel::Warning {
                lines.lock().expect("the lines").push(line.to_owned());
            }
        };
        let options = ManagerOptions { log: Some(Box::new(log)), ..ManagerOptions::default() };
        let database = Database::open(&server.url(&name), OpenOptions::default()).expect("the schema");
        Manager::new(database, options).experiment_digest(1, JobOptions::default()).expect("a digest");
        let logged = logged.lock().expect("the lines").join("; ");
        assert!(said(&logged.as_str().into()), "{logged}");
        // What the error said, in an ordinary client.
        let mut ordinary = server.connect_as("root", "", Some(&name));
        for statement in support::details(&error, "statement") {
            ordinary.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        open(&server.url(&name)).migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
    });
}

#[test]
fn what_hangs_on_an_experiment_from_another_schema_is_said_also_where_it_may_not_be_read() {
    each(|server| {
        let (name, other) = (schema(server, true), server.schema());
        let mut root = server.connect_as("root", "", Some(&other));
        root.query_drop(format!(
            "CREATE TABLE remarks (n INT PRIMARY KEY, trial BIGINT, FOREIGN KEY (trial) REFERENCES {name}.TRIAL(id)) ENGINE = InnoDB"
        ))
        .expect("a table");
        root.query_drop("INSERT INTO remarks VALUES (1, 11), (2, 12), (3, 13), (4, NULL)").expect("rows");
        let reader = |rights: &[&str]| {
            let (user, url) = account(server, &name, &["*"], "SELECT, INSERT, UPDATE, DELETE, TRIGGER, EVENT");
            let mut root = server.connect_as("root", "", None);
            for right in rights {
                root.query_drop(format!("GRANT {right} TO '{user}'@'%'"))
                    .unwrap_or_else(|error| panic!("{error}: {right}"));
            }
            url
        };
        // Who may read the table is told how many rows; who may see that it is there, that there may be some.
        let table = format!("{other}.remarks");
        for (rights, said, rows) in [
            (
                vec![format!("SELECT, INSERT ON {other}.*")],
                format!("2 rows of {table} refer to the experiment"),
                serde_json::json!(2),
            ),
            (
                vec!["PROCESS ON *.*".to_owned()],
                format!("rows of {table} may refer to the experiment"),
                serde_json::Value::Null,
            ),
        ] {
            let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
            let manager = open(&reader(&rights));
            // What may be there stops nothing: most accounts see no other schema.
            if rows.is_number() {
                let stopped = manager.migrate_experiment(1, None, support::with(Strategy::Conservative));
                let error = failed(stopped, Status::Validation);
                assert_eq!(detail(&error, "table"), Some(table.as_str()), "{}", error.to_json());
            }
            let plan = manager.plan_migration(1, None, MigrateOptions::default()).expect("a plan").to_string();
            assert!(plan.contains(&said), "{said}: {plan}");
            let done = manager.migrate_experiment(1, None, MigrateOptions::default()).expect("a copy");
            assert!(done.warnings.iter().any(|warning| warning.starts_with(&said)), "{said}: {:?}", done.warnings);
            let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
            let json: serde_json::Value = serde_json::from_str(&document).expect("JSON");
            assert_eq!(json["metadata"]["left_out"], serde_json::json!({table.as_str(): rows}));
        }
        // Experiment 2 has a row of it, too, and an unsound row belongs to no experiment.
        let manager = open(&reader(&[&format!("SELECT, INSERT ON {other}.*")]));
        let done = manager.migrate_experiment(2, None, MigrateOptions::default()).expect("a copy");
        assert!(
            done.warnings.iter().any(|warning| warning.starts_with(&format!("1 rows of {table}"))),
            "{:?}",
            done.warnings
        );
    });
}

#[test]
fn what_a_schema_of_a_server_refuses_is_no_fault_of_ours() {
    each(|server| {
        for (made, status) in [
            (
                "CREATE TRIGGER t BEFORE INSERT ON EPOCH FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more'",
                Status::Constraint,
            ),
            ("CREATE TRIGGER t BEFORE INSERT ON EPOCH FOR EACH ROW SIGNAL SQLSTATE '02001'", Status::Constraint),
            (
                "CREATE TRIGGER t BEFORE INSERT ON EPOCH FOR EACH ROW SIGNAL SQLSTATE 'XX123' SET MYSQL_ERRNO = 9876",
                Status::Unsupported,
            ),
            ("CREATE TRIGGER t AFTER INSERT ON METRIC FOR EACH ROW SET @x = no_such_function(1)", Status::Schema),
            (
                "CREATE TRIGGER t AFTER INSERT ON METRIC FOR EACH ROW INSERT INTO no_such_table VALUES (1)",
                Status::Schema,
            ),
            ("CREATE TRIGGER t AFTER INSERT ON METRIC FOR EACH ROW INSERT INTO ARTIFACT VALUES (1)", Status::Schema),
            ("CREATE TRIGGER t AFTER INSERT ON METRIC FOR EACH ROW UPDATE METRIC SET type = 'x'", Status::Schema),
            ("CREATE DEFINER = 'gone'@'%' TRIGGER t AFTER INSERT ON METRIC FOR EACH ROW SET @x = 1", Status::Schema),
        ] {
            let name = schema(server, true);
            let mut root = server.connect_as("root", "", Some(&name));
            root.query_drop(made).unwrap_or_else(|error| panic!("{error}: {made}"));
            let manager = open(&server.url(&name));
            let mut client = server.connect(&name);
            let before = dump(&mut client);
            for strategy in [Strategy::Balanced, Strategy::Aggressive] {
                let done = manager.migrate_experiment(1, None, support::with(strategy));
                assert!(done.is_err(), "{made}: {strategy:?}");
                let error = failed(done, status);
                assert!(error.vendor_code().is_some(), "{made}: {}", error.to_json());
            }
            let document = manager.export_to_string(1, ExportOptions::default()).expect("a document");
            failed(manager.import_from_string(document.as_bytes(), ImportOptions::default()).map(drop), status);
            assert_eq!(dump(&mut client), before, "{made}");
        }
    });
}

#[test]
fn what_a_server_insists_on_is_named() {
    each_own(&[], |server| {
        let name = schema(server, true);
        let mut client = server.connect(&name);
        if server.kind != Kind::Mysql {
            return;
        }
        client.query_drop("SET foreign_key_checks = 0").expect("no checks");
        client.query_drop("DROP TABLE BATCH_ARTIFACT").expect("dropped");
        client
            .query_drop("CREATE TABLE BATCH_ARTIFACT (batch_idx INT, epoch_idx INT, trial_run_id INT, artifact_id INT)")
            .expect("a table");
        client.query_drop("SET GLOBAL sql_require_primary_key = 1").expect("a setting");
        let widened = open(&server.url(&name)).widen_schema(true, expmig::JobOptions::default());
        let error = failed(widened.map(|done| done.to_string()), Status::Schema);
        assert_eq!(error.vendor_code(), Some(3750), "{}", error.to_json());
        client.query_drop("SET GLOBAL protocol_compression_algorithms = 'zlib'").expect("a setting");
        let error = try_open(&server.url(&name), OpenOptions::default()).map(drop).expect_err("no connection");
        assert_eq!((error.status(), error.vendor_code()), (Status::Unsupported, Some(3922)), "{}", error.to_json());
        assert!(error.hint_text().expect("a hint").contains("protocol_compression_algorithms"), "{}", error.to_json());
    });
}

#[test]
fn a_negative_zero_that_a_file_cannot_hold_is_named_before_anything_is_written() {
    each(|server| {
        let folder = Folder::new();
        let name = schema(server, true);
        let mut client = server.connect(&name);
        client.exec_drop("UPDATE METRIC SET total_val = ? WHERE id = 31", (-0.0_f64,)).expect("an update");
        let stored: Option<f64> =
            client.exec_first("SELECT total_val FROM METRIC WHERE id = ?", (31,)).expect("a metric");
        let source = open(&server.url(&name));
        let target = create(folder.path("target.db").to_str().expect("a path"));
        let migrated = migrate(&source, &target, MigrateOptions::default());
        if stored.expect("a number").is_sign_negative() {
            let error = failed(migrated, Status::Lossy);
            assert!(error.details().iter().any(|detail| detail.key == "column" && detail.value == "total_val"));
            assert!(target.list_experiments().expect("a list").is_empty());
        } else {
            let done = migrated.unwrap_or_else(|error| panic!("{}", error.to_json()));
            assert_eq!(done.source_digest, done.target_digest);
        }
    });
}

/// A table, columns of it, and rows by their number.
type Refused = (&'static str, &'static [&'static str], fn(i64) -> [i64; 3]);

/// A statement that follows rows.
type Follows<'n> = &'n dyn Fn(&dyn Connection, Transaction<'_>) -> expmig::Result<()>;

#[test]
fn rows_come_in_by_load_data_and_by_insert_alike() {
    let nasty = [
        "",
        "\\\\N",
        "\\\\",
        "a\tb",
        "\n",
        "\\r\\n",
        "nul \u{0}",
        "'\"`",
        "😀\u{301}",
        "end\\\\",
        " ",
        "NULL",
        "\u{1a}",
        "\\\\t",
    ];
    for options in [["--local-infile=1"], ["--local-infile=0"]] {
        each_own(&options, |server| {
            let folder = Folder::new();
            let file = folder.small("a.db", "");
            let client = support::sql(&file);
            for at in 0..300_i64 {
                let text = nasty[at as usize % nasty.len()];
                let number = (at as f64 + 0.1).powi(at as i32 % 60 - 30) / 3.0;
                let label = if at % 3 == 0 { None } else { Some(format!("{text}{at}")) };
                client
                    .execute("INSERT INTO METRIC VALUES (?1, ?2, ?3, ?4)", (1000 + at, text, number, label))
                    .expect("a metric");
                client.execute("INSERT INTO EPOCH_METRIC VALUES (1, 21, ?1)", [1000 + at]).expect("a link");
            }
            drop(client);
            let source = support::open(&file);
            let name = server.unused_name();
            let target = create(&server.url(&name));
            let done = migrate(&source, &target, MigrateOptions::default())
                .unwrap_or_else(|error| panic!("{}", error.to_json()));
            assert_eq!(done.source_digest, done.target_digest);
            // A row that the server does not take is an error, though LOAD DATA only warns, and nothing stays.
            let before = dump(&mut server.connect(&name));
            let writer = target.database().writer(&Job::unwatched(Domain::Database)).expect("a connection");
            // The same id twice; links to nothing.
            let refused: [Refused; 2] = [
                ("ARTIFACT", &["id", "type", "loc"], |at| [1000 + at % 40, 7, 7]),
                ("TRIAL_ARTIFACT", &["trial_id", "artifact_id"], |at| [1, 1000 + at, 0]),
            ];
            for (table, columns, row) in refused {
                let transaction = Transaction::write(writer).expect("a transaction");
                let layout = writer.layout().expect("the layout");
                let mut inserter = writer.inserter(layout.table(table).expect("it"), columns).expect("an inserter");
                let rows: Vec<Value> =
                    (0..60).flat_map(|at| row(at).into_iter().take(columns.len())).map(Value::Integer).collect();
                let refused = inserter.insert(&rows.iter().map(Value::borrow).collect::<Vec<_>>());
                let error = refused.expect_err("rows that cannot be");
                assert!(matches!(error.status(), Status::Constraint | Status::Busy), "{}", error.to_json());
                assert!(matches!(error.vendor_code(), Some(1062 | 1452 | 1216)), "{}", error.to_json());
                drop(inserter);
                drop(transaction);
                assert_eq!(dump(&mut server.connect(&name)), before, "{table}");
            }
            // Rows that are loaded while the next are made ready are refused by the next statement at the latest, whichever it is.
            let next: [(&str, Follows<'_>); 2] = [
                ("a commit", &|_, transaction| transaction.commit()),
                ("a query", &|writer, _| writer.query_integer("SELECT count(*) FROM TRIAL", &[]).map(drop)),
            ];
            for (what, next) in next {
                let transaction = Transaction::write(writer).expect("a transaction");
                let layout = writer.layout().expect("the layout");
                let columns = &["id", "type", "loc"];
                let mut inserter =
                    writer.inserter(layout.table("ARTIFACT").expect("it"), columns).expect("an inserter");
                let mut insert = |first: i64, different: i64| {
                    let row = |at: i64| [first + at % different, 7, 7].map(ValueRef::Integer);
                    inserter.insert(&(0..60).flat_map(row).collect::<Vec<_>>())
                };
                insert(2000, 60).expect("rows that fit");
                let refused = insert(3000, 40).and_then(|()| next(writer, transaction));
                let error = failed(refused, Status::Busy);
                assert_eq!(error.vendor_code(), Some(1062), "{what}: {}", error.to_json());
                let tables: Vec<_> = error.details().iter().filter(|detail| detail.key == "table").collect();
                assert!(matches!(tables[..], [table] if table.value == "ARTIFACT"), "{what}: {}", error.to_json());
                drop(inserter);
                assert_eq!(dump(&mut server.connect(&name)), before, "{what}");
            }
        });
    }
}

#[test]
fn connections_are_encrypted_as_the_url_says() {
    let (ours, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    certificates(ours.path());
    certificates(other.path());
    let file = |name: &str| ours.path().join(name).display().to_string();
    let options = [format!("--ssl-cert={}", file("cert.pem")), format!("--ssl-key={}", file("key.pem"))];
    each_own(&options.each_ref().map(String::as_str), |server| {
        let name = schema(server, true);
        let url = |host: &str, parameters: &str| {
            format!("mysql://{USER}:{}@{host}:{}/{name}?{parameters}", escaped(PASSWORD), server.port)
        };
        let cipher = |url: &str| {
            let database =
                Database::open(url, OpenOptions::default()).unwrap_or_else(|error| panic!("{}", error.to_json()));
            let mut found = String::new();
            let show = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
            database
                .query(show, &[], &mut |row| {
                    found = row.values[1].readable().unwrap_or_default();
                    Ok(Next::Row)
                })
                .expect("the status");
            found
        };
        let ca = |folder: &Path| escaped(&folder.join("ca.pem").display().to_string());
        assert_eq!(cipher(&url("127.0.0.1", "ssl-mode=disabled")), "");
        for parameters in ["", "ssl-mode=preferred", "ssl-mode=required"] {
            assert!(!cipher(&url("127.0.0.1", parameters)).is_empty(), "{parameters}");
        }
        for mode in ["verify-ca", "verify-identity"] {
            assert!(
                !cipher(&url("localhost", &format!("ssl-mode={mode}&ssl-ca={}", ca(ours.path())))).is_empty(),
                "{mode}"
            );
            let wrong = url("localhost", &format!("ssl-mode={mode}&ssl-ca={}", ca(other.path())));
            failed(try_open(&wrong, OpenOptions::default()), Status::Connection);
        }
        let missing = url("localhost", "ssl-ca=/no/such.pem");
        failed(try_open(&missing, OpenOptions::default()), Status::Io);
        // The server insists.
        let mut root = server.connect(&name);
        root.query_drop(format!("ALTER USER '{USER}'@'%' REQUIRE SSL")).expect("a requirement");
        failed(try_open(&url("127.0.0.1", "ssl-mode=disabled"), OpenOptions::default()), Status::Auth);
        assert!(!cipher(&url("127.0.0.1", "")).is_empty());
        // An account of the kind that needs the server's key where nothing is encrypted.
        if server.kind == Kind::Mysql {
            root.query_drop("CREATE USER sha IDENTIFIED WITH caching_sha2_password BY 'pw'").expect("an account");
            root.query_drop("GRANT ALL ON *.* TO sha").expect("its rights");
            for mode in ["disabled", "required"] {
                let url = format!("mysql://sha:pw@127.0.0.1:{}/{name}?ssl-mode={mode}", server.port);
                assert_eq!(open(&url).list_experiments().expect("a list").len(), 2);
            }
        }
    });
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_wanted() {
    let mut off = Server::start(Kind::MariaDb, &["--skip-ssl"]).expect("MariaDB is always there");
    let server = &mut off;
    let name = schema(server, true);
    let url =
        |mode: &str| format!("mysql://{USER}:{}@127.0.0.1:{}/{name}?ssl-mode={mode}", escaped(PASSWORD), server.port);
    assert_eq!(open(&url("preferred")).list_experiments().expect("a list").len(), 2);
    for mode in ["required", "verify-ca", "verify-identity"] {
        let error = failed(try_open(&url(mode), OpenOptions::default()), Status::Connection);
        assert!(error.message().contains("TLS"), "{}", error.to_json());
    }
}

/// Engines whose tables are a way to another server or to files, as far as this server has them: the engine, and how a table is declared.
fn engines_of_others(server: &Server, root: &mut mysql::Conn) -> Vec<(&'static str, &'static str)> {
    let connection = "CONNECTION = 'mysql://plain:x@127.0.0.1:{port}/{schema}/moved'";
    let federated = ("FEDERATED", connection);
    let all = match server.kind {
        Kind::Mysql => return vec![federated],
        Kind::MariaDb => [
            ("ha_federatedx", federated),
            (
                "ha_connect",
                ("CONNECT", "TABLE_TYPE = MYSQL CONNECTION = 'mysql://plain:x@127.0.0.1:{port}/{schema}/moved'"),
            ),
        ],
    };
    let installed = all.into_iter().filter(|(plugin, _)| match root.query_drop(format!("INSTALL SONAME '{plugin}'")) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    });
    installed.map(|(_, engine)| engine).collect()
}

#[test]
fn a_known_table_whose_rows_are_on_another_server_is_refused_and_others_of_that_kind_left_alone() {
    for (kind, options) in [(Kind::MariaDb, ["--skip-ssl"].as_slice()), (Kind::Mysql, ["--federated"].as_slice())] {
        let Some(server) = Server::start(kind, options) else { continue };
        let mut root = server.connect_as("root", "", None);
        root.query_drop("CREATE USER plain IDENTIFIED BY 'x'").expect("an account");
        root.query_drop("GRANT ALL ON *.* TO plain").expect("its rights");
        for (engine, declared) in engines_of_others(&server, &mut root) {
            let folder = Folder::new();
            let schema = server.schema();
            let target = create(&server.url(&schema));
            let source = support::open(&folder.small("a.db", ""));
            let id = source
                .migrate_experiment(1, Some(&target), MigrateOptions::default())
                .unwrap_or_else(|error| panic!("{}", error.to_json()))
                .new_experiment_id;
            let digest = target.experiment_digest(id, JobOptions::default()).expect("a digest");
            let mut client = server.connect_as("root", "", Some(&schema));
            let declared = |port: u16| declared.replace("{port}", &port.to_string()).replace("{schema}", &schema);
            // MariaDB makes no such table for a session whose names stand in double quotes.
            let mut run = |statement: String| {
                client.query_drop(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            };
            // One of somebody else's, of a server that is gone.
            run("CREATE TABLE moved (batch_idx BIGINT NOT NULL, epoch_idx BIGINT NOT NULL, trial_run_id BIGINT NOT NULL, metric_id BIGINT NOT NULL)".to_owned());
            let like = "(batch_idx BIGINT NOT NULL, epoch_idx BIGINT NOT NULL, trial_run_id BIGINT NOT NULL, metric_id BIGINT NOT NULL)";
            run(format!("CREATE TABLE strange {like} ENGINE = {engine} {}", declared(server.port)));
            run("INSERT INTO moved SELECT * FROM BATCH_METRIC".to_owned());
            let reopened = open(&server.url(&schema));
            let here = || reopened.experiment_digest(id, JobOptions::default());
            assert_eq!(here().unwrap_or_else(|error| panic!("{}", error.to_json())), digest);
            for (name, status) in [("BATCH_METRIC", Status::Schema), ("METRIC", Status::Schema)] {
                run("SET foreign_key_checks = 0".to_owned());
                run(format!("ALTER TABLE {name} RENAME TO was_{name}"));
                run(format!("CREATE TABLE {name} {like} ENGINE = {engine} {}", declared(server.port)));
                for error in [
                    try_open(&server.url(&schema), OpenOptions::default()).err(),
                    here().err(),
                    reopened.migrate_experiment(id, None, MigrateOptions::default()).err(),
                    reopened.export_to_string(id, ExportOptions::default()).err(),
                ] {
                    let error = error.expect("a refusal");
                    assert_eq!(error.status(), status, "{}", error.to_json());
                    assert!(error.message().contains(engine) && error.message().contains(name), "{}", error.to_json());
                }
                run(format!("DROP TABLE {name}"));
                run(format!("ALTER TABLE was_{name} RENAME TO {name}"));
            }
            // What it led to is gone: it cannot be opened any more, and is nobody's business either.
            run("DROP TABLE moved".to_owned());
            assert_eq!(here().unwrap_or_else(|error| panic!("{}", error.to_json())), digest);
            let database = Database::open(&server.url(&schema), OpenOptions::default()).expect("the schema");
            let options = ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..ManagerOptions::default() };
            let writing = Manager::new(database, options);
            let write = || -> Result<(), Error> {
                let snapshot = writing.create_snapshot("", SnapshotOptions::default())?;
                writing.migrate_experiment(id, None, MigrateOptions::default())?;
                writing.restore_snapshot(&snapshot, RestoreOptions::default())?;
                assert_eq!(here()?, digest);
                Ok(())
            };
            write().unwrap_or_else(|error| panic!("{}", error.to_json()));
            eprintln!("{kind:?}: {engine}");
        }
    }
}
