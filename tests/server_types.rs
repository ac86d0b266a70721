//! One column of every type that a server has: every value comes back from a snapshot, an export, a migration within an equal schema, and
//! from a file; or the refusal comes at the start and names the column. On a private MariaDB server, and on MySQL where
//! EXPMIG_TEST_MYSQLD names its binary.

#[path = "support/server.rs"]
mod server;
mod support;

use expmig::{
    Database, Error, ExportOptions, ImportOptions, Manager, ManagerOptions, MigrateOptions, MigrationResult,
    OpenOptions, RestoreOptions, SnapshotOptions, Status, Strategy,
};
use mysql::Conn;
use mysql::prelude::Queryable;
use server::{Kind, Server, dump, rows};
use support::Folder;

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
    ("JSON", &["'{\"b\": 1, \"a\": [0.5, \"x\"]}'", "'1.5'", "'\"007\"'", "'null'"]),
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

/// How many rows take all values of each type.
const ROWS: usize = 6;

fn each(test: impl Fn(&'static Server)) {
    for kind in [Kind::MariaDb, Kind::Mysql] {
        match kind.shared() {
            Some(server) => test(server),
            None => eprintln!("skipped on {kind:?}: EXPMIG_TEST_MYSQLD names no mysqld"),
        }
    }
}

fn samples(server: &Server) -> impl Iterator<Item = &'static Sample> {
    TYPES.iter().chain(if server.kind == Kind::MariaDb { OF_MARIADB } else { OF_MYSQL })
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
    let snapshot_dir = folder.map(|folder| folder.path("snapshots"));
    Manager::new(database, ManagerOptions { snapshot_dir, ..ManagerOptions::default() })
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
