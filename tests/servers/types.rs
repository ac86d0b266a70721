//! One column of every type that a server has: every value comes back from a snapshot, an export, a migration within an equal schema, and
//! from a file; or the refusal comes at the start and names the column. On a private MariaDB server, and on MySQL where
//! EXPMIG_TEST_MYSQLD names its binary.

use crate::support;
use crate::support::Folder;
use crate::support::server::{Kind, Server, dump, each, rows};
use expmig::{
    Database, Error, ExportOptions, ImportOptions, Manager, ManagerOptions, MigrateOptions, MigrationResult,
    OpenOptions, RestoreOptions, SnapshotOptions, Status, Strategy,
};
use mysql::Conn;
use mysql::prelude::Queryable;
use serde_json::{Value as Json, json};

/// A type, and values of it as the server writes them in SQL.
type Sample = (&'static str, &'static [&'static str]);

const TYPES: &[Sample] = &[
    ("BOOLEAN", &["TRUE", "FALSE"]),
    ("TINYINT", &["-128", "127"]),
    ("TINYINT UNSIGNED", &["0", "255"]),
    ("SMALLINT", &["-32768"]),
    ("SMALLINT UNSIGNED", &["65535"]),
    ("MEDIUMINT", &["-8388608"]),
    ("MEDIUMINT UNSIGNED", &["16777215"]),
    ("INT", &["-2147483648"]),
    ("INT(8) ZEROFILL", &["7", "4294967295"]),
    ("BIGINT", &["-9223372036854775808", "9223372036854775807"]),
    ("BIGINT UNSIGNED", &["18446744073709551615", "9223372036854775807", "5"]),
    ("DECIMAL(20,2)", &["123456789012345678.25", "1.50", "-0.05", "2.00"]),
    ("DECIMAL(10,3) UNSIGNED", &["1.500", "0"]),
    ("DECIMAL(10,3) ZEROFILL", &["1.5"]),
    ("DECIMAL(10,0) ZEROFILL", &["1"]),
    ("DECIMAL(65,0)", &["12345678901234567890123456789012345678901234567890123456789012345", "-7"]),
    ("DECIMAL(30,30)", &["0.123456789012345678901234567891"]),
    ("NUMERIC(5)", &["99999"]),
    ("FLOAT", &["0.1", "-3.4e38", "1e-40"]),
    ("FLOAT UNSIGNED", &["0.1"]),
    ("FLOAT(7,2)", &["12345.67", "-0.1"]),
    ("FLOAT(7,2) ZEROFILL", &["12345.67"]),
    ("DOUBLE", &["0.1", "1e308", "5e-324", "-0e0", "3"]),
    ("DOUBLE PRECISION UNSIGNED", &["0.1"]),
    ("DOUBLE(20,5)", &["123456789.12345", "-0.1"]),
    ("DOUBLE(30,20)", &["0.1234567890123456", "0.7"]),
    ("REAL", &["2.5"]),
    ("BIT(1)", &["b'1'", "b'0'"]),
    ("BIT(13)", &["b'1000000000001'", "48"]),
    ("BIT(64)", &["18446744073709551615", "1"]),
    ("DATE", &["'2023-12-01'", "'0000-00-00'", "'2023-00-00'", "'2023-02-31'", "'0000-01-01'", "'9999-12-31'"]),
    ("DATETIME", &["'2023-12-01 10:00:00'", "'0000-00-00 00:00:00'", "'2023-02-31 01:02:03'"]),
    ("DATETIME(3)", &["'2023-12-01 10:00:00.123'", "'2023-12-01 10:00:00'"]),
    ("DATETIME(6)", &["'2023-12-01 10:00:00.123456'", "'0000-00-00 00:00:00'", "'2023-00-01 00:00:00.5'"]),
    ("TIMESTAMP NULL", &["'2023-03-26 02:30:00'", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'"]),
    ("TIMESTAMP(6) NULL", &["'2023-10-29 02:30:00.123456'", "'2038-01-19 03:14:07.999999'"]),
    ("TIME", &["'10:00:00'", "'-00:00:01'", "'838:59:59'", "'-838:59:59'", "'100:00:00'"]),
    ("TIME(2)", &["'10:00:00.25'", "'00:00:00'"]),
    ("TIME(6)", &["'-00:00:00.5'", "'838:59:58.999999'"]),
    ("YEAR", &["1901", "2155", "'0000'"]),
    ("CHAR(5)", &["'ab'", "''", "'äöüß€'"]),
    ("NCHAR(3)", &["'é'"]),
    ("VARCHAR(10)", &["'a '", "''", "'😀'", "'007'"]),
    ("VARCHAR(10) CHARACTER SET latin1", &["'é€äöüßàçñø'", "'a'"]),
    ("VARCHAR(10) CHARACTER SET ucs2", &["'é€'", "'abcdefghij'"]),
    ("VARCHAR(10) CHARACTER SET utf8mb3", &["'é€'"]),
    ("TEXT CHARACTER SET cp1251", &["'Привет'"]),
    ("CHAR(4) CHARACTER SET ascii", &["'abc'"]),
    ("TINYTEXT", &["'1.50'"]),
    ("TEXT", &["'{\"a\": 1}'", "'1e5'"]),
    ("MEDIUMTEXT", &["'x'"]),
    ("LONGTEXT", &["'a\nb'"]),
    ("BINARY(4)", &["x'00ff'", "'ab'"]),
    ("VARBINARY(10)", &["x'ff00'", "''"]),
    ("TINYBLOB", &["x'ff'"]),
    ("BLOB", &["x'c3a4'"]),
    ("MEDIUMBLOB", &["'text'"]),
    ("LONGBLOB", &["x'00'"]),
    ("ENUM('007','a''b','c\\\\d','x,y','é','')", &["'007'", "'a''b'", "'c\\\\d'", "'x,y'", "'é'", "''"]),
    ("ENUM('1','2') CHARACTER SET latin1", &["'2'"]),
    ("SET('a','1.50','c')", &["'c,a'", "''", "'1.50'"]),
    (
        "JSON",
        &[
            "'{\"b\": 1, \"a\": [0.5, \"x\"]}'",
            "'1.5'",
            "'\"007\"'",
            "'null'",
            "'{\"b\": [18446744073709551615, -9223372036854775808], \"a\": 1, \"a\": 2, \"é😀\": \"\\u00e9\"}'",
            "'[-0.0, 1e16, 3.0, 123456789012345678901234567890, 1.5e-7, {}]'",
        ],
    ),
    ("GEOMETRY", &["ST_GeomFromText('POINT(1 2)')"]),
    ("POINT", &["ST_GeomFromText('POINT(-1.5 2)')"]),
    ("LINESTRING", &["ST_GeomFromText('LINESTRING(0 0,1 1)')"]),
    ("POLYGON", &["ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')"]),
    ("MULTIPOINT", &["ST_GeomFromText('MULTIPOINT(0 0,1 1)')"]),
    ("MULTILINESTRING", &["ST_GeomFromText('MULTILINESTRING((0 0,1 1))')"]),
    ("MULTIPOLYGON", &["ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')"]),
    ("GEOMETRYCOLLECTION", &["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"]),
];

const OF_MARIADB: &[Sample] = &[
    ("UUID", &["'123e4567-e89b-12d3-a456-426655440000'"]),
    ("INET4", &["'1.2.3.4'"]),
    ("INET6", &["'::1'", "'2001:db8::ff00:42:8329'"]),
    ("YEAR(2)", &["69", "'00'"]),
    ("VARCHAR(10) COMPRESSED", &["'abc'"]),
    ("BLOB COMPRESSED", &["x'ff'"]),
];

const OF_MYSQL: &[Sample] = &[
    ("VECTOR(3)", &["STRING_TO_VECTOR('[1,2,3]')", "STRING_TO_VECTOR('[0.5]')"]),
    ("POINT SRID 4326", &["ST_GeomFromText('POINT(1 2)', 4326)"]),
];

/// What a server has beside, since some version.
const OF_NEWER: &[(Kind, (u32, u32), Sample)] =
    &[(Kind::MariaDb, (11, 7), ("VECTOR(3)", &["VEC_FromText('[1,2,3]')", "VEC_FromText('[0.5,-1,0]')"]))];

/// How many rows take all values of each type.
const ROWS: usize = 6;

fn samples(server: &Server) -> impl Iterator<Item = &'static Sample> {
    let (kind, version) = (server.kind, server.version());
    let newer =
        OF_NEWER.iter().filter(move |(of, since, _)| *of == kind && version >= *since).map(|(.., sample)| sample);
    TYPES.iter().chain(if kind == Kind::MariaDb { OF_MARIADB } else { OF_MYSQL }).chain(newer)
}

fn client(server: &Server, schema: &str) -> Conn {
    let mut client = server.connect(schema);
    client.query_drop("SET sql_mode = 'ANSI_QUOTES,ALLOW_INVALID_DATES', time_zone = '+00:00'").expect("a mode");
    client
}

fn run(client: &mut Conn, script: &str) {
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

/// A schema with a column of every type.
fn schema(server: &Server) -> String {
    let name = server.schema();
    drop(create(&server.url(&name)));
    add_columns(server, &name);
    name
}

fn add_columns(server: &Server, name: &str) {
    let mut client = client(server, name);
    let columns: Vec<String> =
        samples(server).enumerate().map(|(at, (declared, _))| format!("ADD COLUMN c{at} {declared}")).collect();
    run(&mut client, &format!("ALTER TABLE ARTIFACT {}", columns.join(", ")));
}

/// The same with rows, all of experiment 1's.
fn filled(server: &Server) -> String {
    let name = server.schema();
    drop(create(&server.url(&name)));
    let mut client = client(server, &name);
    run(&mut client, support::SMALL);
    run(&mut client, support::SMALL_BATCHES);
    add_columns(server, &name);
    for row in 0..ROWS {
        let values: Vec<&str> = samples(server).map(|(_, literals)| literals[row % literals.len()]).collect();
        let columns: Vec<String> = (0..values.len()).map(|at| format!("c{at}")).collect();
        let id = 100 + row;
        let (columns, values) = (columns.join(", "), values.join(", "));
        run(
            &mut client,
            &format!("INSERT INTO ARTIFACT (id, type, loc, {columns}) VALUES ({id}, 'all', 'row {row}', {values})"),
        );
        run(&mut client, &format!("INSERT INTO EXPERIMENT_ARTIFACT VALUES (1, {id})"));
    }
    name
}

/// The rows with a value of every type, without their ids.
fn all_values(server: &Server, schema: &str) -> Vec<Vec<String>> {
    let columns: Vec<String> = (0..samples(server).count()).map(|at| format!("c{at}")).collect();
    let sql = format!("SELECT loc, {} FROM ARTIFACT WHERE type = 'all' ORDER BY loc", columns.join(", "));
    rows(&mut client(server, schema), &sql)
}

fn assert_same(server: &Server, found: &[Vec<String>], wanted: &[Vec<String>], how: &str) {
    assert_eq!(found.len(), wanted.len(), "{how}");
    for (found, wanted) in found.iter().zip(wanted) {
        for ((found, wanted), (declared, _)) in found.iter().zip(wanted).skip(1).zip(samples(server)) {
            assert_eq!(found, wanted, "{:?}, {how}: {declared}", server.kind);
        }
    }
}

fn manager(url: &str, options: OpenOptions, folder: Option<&Folder>) -> Manager {
    let database = Database::open(url, options).unwrap_or_else(|error| panic!("{}", error.to_json()));
    let snapshots = folder.map_or_else(support::snapshot_folder, |folder| folder.path("snapshots"));
    Manager::new(database, ManagerOptions { snapshot_dir: Some(snapshots), ..ManagerOptions::default() })
}

fn open(url: &str) -> Manager {
    manager(url, OpenOptions::default(), None)
}

fn create(url: &str) -> Manager {
    manager(url, OpenOptions { create: true, ..OpenOptions::default() }, None)
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn failed<T>(result: Result<T, Error>, status: Status) -> Error {
    let error = result.err().expect("an error");
    assert_eq!(error.status(), status, "{}", error.to_json());
    error
}

fn exported(manager: &Manager) -> Vec<u8> {
    let mut document = Vec::new();
    done(manager.export_experiment(1, &mut document, ExportOptions::default()));
    document
}

fn migrate(source: &Manager, target: &Manager, id: i64, strategy: Strategy) -> MigrationResult {
    let options = MigrateOptions { strategy, ..MigrateOptions::default() };
    let result = done(source.migrate_experiment(id, Some(target), options));
    assert_eq!(result.to_json()["lossy"]["count"], 0, "{strategy:?}: {}", result.to_json());
    result
}

#[test]
fn every_type_comes_back_from_a_snapshot() {
    each(|server| {
        let folder = Folder::new();
        let name = filled(server);
        let before = dump(&mut client(server, &name));
        let manager = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
        let snapshot = done(manager.create_snapshot("all types", SnapshotOptions::default()));
        done(manager.verify_snapshot(&snapshot, Default::default()));
        run(&mut client(server, &name), "DELETE FROM EXPERIMENT_ARTIFACT;\nDELETE FROM ARTIFACT WHERE type = 'all'");
        assert_ne!(dump(&mut client(server, &name)), before);
        done(manager.restore_snapshot(&snapshot, RestoreOptions::default()));
        let after = dump(&mut client(server, &name));
        for (found, wanted) in after.iter().zip(&before) {
            assert_eq!(found, wanted, "{:?}", server.kind);
        }
    });
}

#[test]
fn every_type_migrates_within_an_equal_schema() {
    each(|server| {
        let name = filled(server);
        let wanted = all_values(server, &name);
        for strategy in support::STRATEGIES {
            let target = schema(server);
            migrate(&open(&server.url(&name)), &open(&server.url(&target)), 1, strategy);
            assert_same(server, &all_values(server, &target), &wanted, &format!("{strategy:?}"));
        }
    });
}

#[test]
fn every_type_comes_back_from_an_export() {
    each(|server| {
        let name = filled(server);
        let wanted = all_values(server, &name);
        let document = exported(&open(&server.url(&name)));
        let target = schema(server);
        done(open(&server.url(&target)).import_experiment(&mut document.as_slice(), ImportOptions::default()));
        assert_same(server, &all_values(server, &target), &wanted, "import");
    });
}

#[test]
fn every_type_comes_back_from_a_new_file() {
    each(|server| {
        let name = filled(server);
        let wanted = all_values(server, &name);
        for strategy in support::STRATEGIES {
            let folder = Folder::new();
            let file = create(folder.path("a.db").to_str().expect("a path"));
            let there = migrate(&open(&server.url(&name)), &file, 1, strategy).new_experiment_id;
            let target = schema(server);
            migrate(&file, &open(&server.url(&target)), there, strategy);
            assert_same(server, &all_values(server, &target), &wanted, &format!("{strategy:?}"));
        }
        // By way of a document, which has the names of the types only.
        let folder = Folder::new();
        let document = exported(&open(&server.url(&name)));
        let file = create(folder.path("b.db").to_str().expect("a path"));
        let options = ImportOptions { add_columns: true, ..ImportOptions::default() };
        let there = done(file.import_experiment(&mut document.as_slice(), options)).experiment_id;
        let target = schema(server);
        migrate(&file, &open(&server.url(&target)), there, Strategy::Balanced);
        assert_same(server, &all_values(server, &target), &wanted, "a document");
    });
}

/// A schema with the small database, changed by a script.
fn small(server: &Server, changes: &str) -> String {
    let name = server.schema();
    drop(create(&server.url(&name)));
    let mut client = client(server, &name);
    run(&mut client, &[support::SMALL, support::SMALL_BATCHES, changes].concat());
    name
}

#[test]
fn what_could_not_be_restored_is_refused_by_name_when_the_snapshot_is_made() {
    each(|server| {
        let invalid = "ALTER TABLE TRIAL ADD COLUMN mood ENUM('good','bad') NOT NULL DEFAULT 'good';\n\
             UPDATE TRIAL SET mood = 'strange' WHERE id = 12";
        let json = |value: &str| {
            format!(
                "ALTER TABLE TRIAL ADD COLUMN mood JSON;\nUPDATE TRIAL SET mood = JSON_OBJECT('a', {value}) WHERE id = 12"
            )
        };
        let mut cases = vec![invalid.to_owned()];
        // MariaDB's JSON is the text that it was given.
        if server.kind == Kind::Mysql {
            cases.extend(ONLY_IN_JSON.iter().map(|(value, _)| json(value)));
        }
        for changes in &cases {
            let folder = Folder::new();
            let name = small(server, changes);
            let manager = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
            let error = failed(manager.create_snapshot("odd", SnapshotOptions::default()), Status::Lossy);
            let named = |key: &str, value: &str| {
                error.details().iter().any(|detail| detail.key == key && detail.value.eq_ignore_ascii_case(value))
            };
            assert!(named("table", "TRIAL") && named("column", "mood"), "{}", error.to_json());
            run(&mut client(server, &name), "ALTER TABLE TRIAL DROP COLUMN mood");
            done(manager.create_snapshot("not odd", SnapshotOptions::default()));
        }
    });
}

/// What MySQL's JSON holds and no text makes: as SQL, and what a text makes of it if that is other text.
const ONLY_IN_JSON: &[(&str, Option<&str>)] = &[
    ("CAST(1.50 AS DECIMAL(4,2))", Some(r#"{"a": 1.5}"#)),
    ("CAST('0.12345678901234567890' AS DECIMAL(30,20))", Some("0.12345678901234568")),
    ("CAST('18446744073709551616' AS DECIMAL(30,0))", Some("1.8446744073709552e19")),
    ("CAST('2023-12-01' AS DATE)", None),
    ("CAST('10:00:00' AS TIME)", None),
    ("CAST('2023-12-01 10:00:00.5' AS DATETIME(6))", None),
    ("x'00ff'", None),
    ("b'101'", None),
];

#[test]
fn what_only_a_server_has_within_json_is_listed_before_anything_is_written() {
    each(|server| {
        for (value, stored) in ONLY_IN_JSON.iter().filter(|_| server.kind == Kind::Mysql) {
            let with = format!(
                "ALTER TABLE TRIAL ADD COLUMN mood JSON;\nUPDATE TRIAL SET mood = JSON_OBJECT('a', 1.5e0, 'b', '2023-12-01');\n\
                 UPDATE TRIAL SET mood = JSON_OBJECT('a', {value}) WHERE id = 12"
            );
            let name = small(server, &with);
            let source = open(&server.url(&name));
            let there = small(server, "ALTER TABLE TRIAL ADD COLUMN mood JSON");
            let target = open(&server.url(&there));
            let before = dump(&mut client(server, &there));
            for to in [Some(&target), None] {
                let error = failed(source.migrate_experiment(1, to, MigrateOptions::default()), Status::Lossy);
                let said = error.to_json().to_string();
                assert!(said.contains("mood") && said.contains("TRIAL") && said.contains("12"), "{said}");
                let stored_as = support::details(&error, "stored_as").join(" ").replace('\\', "");
                assert!(stored.is_none_or(|stored| stored_as.contains(stored)), "{said}");
            }
            assert_eq!(dump(&mut client(server, &there)), before);
            let plan = done(source.plan_migration(1, Some(&target), MigrateOptions::default()));
            assert_eq!(plan["lossy"]["count"], 1, "{plan}");
            let options = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
            let result = done(source.migrate_experiment(1, Some(&target), options)).to_json();
            assert_eq!(result["lossy"]["count"], 1, "{result}");
            assert_eq!(said_of(&source, 1), (json!(false), json!({"TRIAL.mood": 1})));
            // Of the other experiment nothing is lost.
            done(source.migrate_experiment(2, Some(&target), MigrateOptions::default()));
            // A file keeps the text.
            let folder = Folder::new();
            migrate(&source, &create(folder.path("a.db").to_str().expect("a path")), 1, Strategy::Balanced);
        }
        // MariaDB's JSON is text, which goes as it is.
        if server.kind == Kind::MariaDb {
            let with = "ALTER TABLE TRIAL ADD COLUMN mood JSON;\n\
                 UPDATE TRIAL SET mood = '{ \"b\": 1.50, \"a\": 0.12345678901234567890, \"b\": 18446744073709551616 }'";
            let name = small(server, with);
            let there = small(server, "ALTER TABLE TRIAL ADD COLUMN mood JSON");
            migrate(&open(&server.url(&name)), &open(&server.url(&there)), 1, Strategy::Conservative);
            let found = rows(&mut client(server, &there), "SELECT DISTINCT mood FROM TRIAL WHERE mood IS NOT NULL");
            let wanted = rows(&mut client(server, &name), "SELECT DISTINCT mood FROM TRIAL");
            assert_eq!(found, wanted);
        }
    });
}

/// What the document of an experiment says of what it does not have: `complete` and `left_out`.
fn said_of(source: &Manager, experiment: i64) -> (Json, Json) {
    let text = done(source.export_to_string(experiment, ExportOptions::default()));
    let document: Json = serde_json::from_str(&text).expect("a document");
    let metadata = &document["metadata"];
    (metadata["complete"].clone(), metadata["left_out"].clone())
}

#[test]
fn characters_that_only_a_servers_character_set_has_are_listed_wherever_they_go() {
    each(|server| {
        let declared = "ALTER TABLE TRIAL ADD COLUMN mood VARCHAR(9) CHARACTER SET cp1251";
        // Nobody knows what this is; read it is a question mark.
        let name = small(
            server,
            &format!("{declared};\nUPDATE TRIAL SET mood = 'Привет?';\nUPDATE TRIAL SET mood = x'98' WHERE id = 12"),
        );
        let folder = Folder::new();
        let source = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
        let same = small(server, declared);
        let wide = small(server, &declared.replace("cp1251", "utf8mb4"));
        let path = folder.path("a.db");
        let file = create(path.to_str().expect("a path"));
        support::execute(&path, "ALTER TABLE TRIAL ADD COLUMN mood TEXT");
        let new = create(folder.path("b.db").to_str().expect("a path"));
        for (at, target) in [open(&server.url(&same)), open(&server.url(&wide)), file, new].iter().enumerate() {
            let error = failed(source.migrate_experiment(1, Some(target), MigrateOptions::default()), Status::Lossy);
            assert_eq!(support::details(&error, "column"), ["mood"], "{at}: {}", error.to_json());
            assert_eq!(support::details(&error, "row"), ["id=12"], "{at}: {}", error.to_json());
            let options = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
            let result = done(source.migrate_experiment(1, Some(target), options)).to_json();
            assert_eq!(result["lossy"]["count"], 1, "{at}: {result}");
            migrate(&source, target, 2, Strategy::Balanced);
        }
        let error = failed(source.create_snapshot("odd", SnapshotOptions::default()), Status::Lossy);
        assert_eq!(support::details(&error, "column"), ["mood"], "{}", error.to_json());
        assert_eq!(said_of(&source, 1), (json!(false), json!({"TRIAL.mood": 1})));
        assert_eq!(said_of(&source, 2), (json!(true), json!({})));
        // Every byte of this one is a character.
        let latin = "ALTER TABLE TRIAL ADD COLUMN mood VARCHAR(9) CHARACTER SET latin1";
        let name = small(server, &format!("{latin};\nUPDATE TRIAL SET mood = x'7f80818d8f909dff'"));
        migrate(&open(&server.url(&name)), &open(&server.url(&small(server, latin))), 1, Strategy::Balanced);
    });
}

#[test]
fn digits_that_only_a_server_has_within_a_metrics_values_are_listed() {
    each(|server| {
        let json = "ALTER TABLE METRIC MODIFY per_label_val JSON";
        let with = "UPDATE METRIC SET per_label_val = JSON_OBJECT('a', CAST('0.12345678901234567890' AS DECIMAL(30,20)), 'b', \
             CAST(1.50 AS DECIMAL(4,2))) WHERE id = 31";
        let name = small(server, &format!("{json};\n{with}"));
        let there = small(server, json);
        let (source, target) = (open(&server.url(&name)), open(&server.url(&there)));
        if server.kind == Kind::MariaDb {
            migrate(&source, &target, 1, Strategy::Balanced);
            return;
        }
        let error = failed(source.migrate_experiment(1, Some(&target), MigrateOptions::default()), Status::Lossy);
        assert!(error.to_json().to_string().contains("per_label_val"), "{}", error.to_json());
        let options = MigrateOptions { allow_lossy: true, ..MigrateOptions::default() };
        let result = done(source.migrate_experiment(1, Some(&target), options)).to_json();
        assert_eq!(result["lossy"]["count"], 1, "{result}");
        // 1.50 is 1.5 there: what counts is the number.
        run(&mut client(server, &name), &with.replace("0.12345678901234567890", "0.250"));
        migrate(&source, &open(&server.url(&small(server, json))), 1, Strategy::Conservative);
    });
}

#[test]
fn a_decimal_total_val_is_a_number_as_long_as_one_has_its_digits() {
    each(|server| {
        let folder = Folder::new();
        let name = small(
            server,
            "ALTER TABLE METRIC MODIFY total_val DECIMAL(20,2) NOT NULL;\nUPDATE METRIC SET total_val = 1.25 WHERE id = 31;\n\
             UPDATE METRIC SET total_val = 2.00 WHERE id = 32;\nUPDATE METRIC SET total_val = 0.10 WHERE id = 33",
        );
        let before = dump(&mut client(server, &name));
        let source = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
        for strategy in support::STRATEGIES {
            let path = folder.path(&format!("{strategy:?}.db"));
            migrate(&source, &create(path.to_str().expect("a path")), 1, strategy);
            let found =
                support::rows(&path, "SELECT total_val FROM METRIC WHERE total_val IN (1.25, 2.0, 0.1) ORDER BY 1");
            assert_eq!(found.len(), 3, "{found:?}");
            migrate(&source, &create(&server.url(&server.schema())), 1, strategy);
        }
        let snapshot = done(source.create_snapshot("decimal", SnapshotOptions::default()));
        run(&mut client(server, &name), "UPDATE METRIC SET total_val = 7");
        done(source.restore_snapshot(&snapshot, RestoreOptions::default()));
        assert_eq!(dump(&mut client(server, &name)), before);
        // Digits that no real number has: listed, and kept where they can be.
        run(&mut client(server, &name), "UPDATE METRIC SET total_val = 123456789012345678.25 WHERE id = 31");
        let before = dump(&mut client(server, &name));
        let file = create(folder.path("b.db").to_str().expect("a path"));
        let error = failed(source.migrate_experiment(1, Some(&file), MigrateOptions::default()), Status::Lossy);
        assert!(error.to_json().to_string().contains("123456789012345678.25"), "{}", error.to_json());
        let snapshot = done(source.create_snapshot("large", SnapshotOptions::default()));
        run(&mut client(server, &name), "UPDATE METRIC SET total_val = 7");
        done(source.restore_snapshot(&snapshot, RestoreOptions::default()));
        assert_eq!(dump(&mut client(server, &name)), before);
    });
}

#[test]
fn rows_that_the_schema_would_refuse_today_come_back_from_a_snapshot() {
    each(|server| {
        let folder = Folder::new();
        let name = small(
            server,
            "ALTER TABLE TRIAL ADD COLUMN parent_id BIGINT, ADD FOREIGN KEY (parent_id) REFERENCES TRIAL (id);\n\
             ALTER TABLE EXPERIMENT ADD COLUMN best_trial BIGINT, ADD FOREIGN KEY (best_trial) REFERENCES TRIAL (id);\n\
             UPDATE TRIAL SET parent_id = 12 WHERE id = 11;\nUPDATE TRIAL SET parent_id = 11 WHERE id = 12;\n\
             UPDATE TRIAL SET parent_id = 13 WHERE id = 13;\nUPDATE EXPERIMENT SET best_trial = 11 WHERE id = 1;\n\
             SET foreign_key_checks = 0;\nALTER TABLE TRIAL MODIFY update_time DATETIME NULL;\n\
             UPDATE TRIAL SET update_time = NULL WHERE id = 12;\n\
             INSERT INTO TRIAL VALUES (19, 'orphan', 777, '2023-12-01 10:00:00', '0000-00-00 00:00:00', 778)",
        );
        let mut before = client(server, &name);
        run(
            &mut before,
            "ALTER TABLE RESULTS_ARTIFACT DROP PRIMARY KEY, ADD INDEX (results_id);\nINSERT INTO RESULTS_ARTIFACT VALUES (21, 54)",
        );
        if server.kind == Kind::MariaDb {
            run(
                &mut before,
                "ALTER TABLE METRIC ADD COLUMN more JSON, ADD CONSTRAINT positive CHECK (total_val > 0);\n\
                 SET check_constraint_checks = 0;\nUPDATE METRIC SET total_val = -1, more = '{broken' WHERE id = 31",
            );
        }
        let before = dump(&mut before);
        let manager = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
        let snapshot = done(manager.create_snapshot("odd rows", SnapshotOptions::default()));
        done(manager.verify_snapshot(&snapshot, Default::default()));
        run(
            &mut client(server, &name),
            "SET foreign_key_checks = 0;\nDELETE FROM TRIAL WHERE id > 11;\nDELETE FROM METRIC WHERE id = 31",
        );
        done(manager.restore_snapshot(&snapshot, RestoreOptions::default()));
        assert_eq!(dump(&mut client(server, &name)), before, "{:?}", server.kind);
        // The next writer is checked as before.
        let next = done(manager.migrate_experiment(2, None, MigrateOptions::default())).new_experiment_id;
        let orphan = format!("INSERT INTO TRIAL VALUES (99, 'x', {}, NOW(), NOW(), NULL)", next + 1000);
        assert!(client(server, &name).query_drop(orphan).is_err());
    });
}

#[test]
fn columns_of_the_schema_can_have_any_type_that_holds_them() {
    each(|server| {
        let changes = "ALTER TABLE EXPERIMENT MODIFY start_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
                 MODIFY update_time TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6);\n\
             ALTER TABLE TRIAL_RUN MODIFY status ENUM('completed','failed','started') NOT NULL;\n\
             ALTER TABLE ARTIFACT MODIFY type SET('config','params','log','model','plot','gradient') NOT NULL, \
                 MODIFY loc VARCHAR(99) CHARACTER SET latin1 NOT NULL;\n\
             ALTER TABLE METRIC MODIFY total_val DOUBLE(10,4) UNSIGNED NOT NULL, MODIFY type CHAR(20) NOT NULL;\n\
             ALTER TABLE BATCH MODIFY time TIME(3) NOT NULL;\nUPDATE BATCH SET time = '-12:00:00.5'";
        let folder = Folder::new();
        let name = small(server, &format!("{changes};\nUPDATE ARTIFACT SET loc = 'é€.yaml' WHERE id = 51"));
        let before = dump(&mut client(server, &name));
        let source = manager(&server.url(&name), OpenOptions::default(), Some(&folder));
        let snapshot = done(source.create_snapshot("types", SnapshotOptions::default()));
        run(&mut client(server, &name), "UPDATE EXPERIMENT SET title = 'x';\nDELETE FROM BATCH_METRIC");
        done(source.restore_snapshot(&snapshot, RestoreOptions::default()));
        assert_eq!(dump(&mut client(server, &name)), before);
        let wanted = done(source.experiment_digest(1, Default::default()));
        for strategy in [Strategy::Balanced, Strategy::Aggressive] {
            let empty = || {
                let target = server.schema();
                drop(create(&server.url(&target)));
                run(&mut client(server, &target), changes);
                open(&server.url(&target))
            };
            let (target, other) = (empty(), empty());
            let there = migrate(&source, &target, 1, strategy).new_experiment_id;
            assert_eq!(done(target.experiment_digest(there, Default::default())), wanted, "{strategy:?}");
            let file = create(folder.path(&format!("{strategy:?}.db")).to_str().expect("a path"));
            let middle = migrate(&source, &file, 1, strategy).new_experiment_id;
            let there = migrate(&file, &other, middle, strategy).new_experiment_id;
            assert_eq!(done(other.experiment_digest(there, Default::default())), wanted, "{strategy:?}");
            let document = exported(&source);
            // A time of day is no timestamp.
            let options = ImportOptions { validate_before_import: false, ..ImportOptions::default() };
            let there = done(empty().import_experiment(&mut document.as_slice(), options));
            let json = there.to_json();
            assert_eq!(json["digest"]["target"], json["digest"]["document"], "{json}");
        }
    });
}
