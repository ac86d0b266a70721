//! Every type that the server's manual lists, and what each makes of a value that it does not hold.

use expmig::{
    ExportOptions, ImportOptions, JobOptions, Manager, MigrateOptions, OnDuplicate, RestoreOptions, SnapshotOptions,
    Status,
};

use super::{created, done};
use crate::support::postgres::Postgres;
use crate::support::{self, Folder};

/// The types (<https://www.postgresql.org/docs/15/datatype.html>), and values as SQL.
const TYPES: &[(&str, &[&str])] = &[
    ("smallint", &["-32768", "32767"]),
    ("integer", &["-2147483648"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("numeric", &["'NaN'", "'Infinity'", "0.00", "1e40", "123456789012345678901234567890.000000000000000000001"]),
    ("numeric(20,2)", &["123456789012345678.25", "0.10", "'NaN'"]),
    ("real", &["'0.1'", "'-0'", "'NaN'", "'-Infinity'", "'1e-45'"]),
    ("double precision", &["0.1", "'-0'", "'NaN'", "'Infinity'", "'4.9e-324'", "'1.7976931348623157e308'"]),
    ("money", &["'-1234.50'"]),
    ("character varying(20)", &["'a  '", "''"]),
    ("character(5)", &["'ab'", "'ab   '"]),
    ("text", &["E'\\t\\\\ \\n''\"\\u00e9😀'", "''"]),
    ("\"char\"", &["'x'"]),
    ("name", &["'name'"]),
    ("bytea", &["'\\x00ff27'", "''"]),
    ("timestamp(3)", &["'2023-12-01 10:00:00.123'"]),
    (
        "timestamp",
        &["'0044-03-15 12:00:00.000001 BC'", "'infinity'", "'294276-12-31 23:59:59.999999'", "'2023-12-01 10:00:00'"],
    ),
    ("timestamptz", &["'2023-12-01 10:00:00.5+07'", "'-infinity'"]),
    ("date", &["'2023-12-01'", "'infinity'", "'4713-01-01 BC'", "'5874897-12-31'"]),
    ("time(6)", &["'24:00:00'", "'12:30:00.000001'"]),
    ("timetz", &["'12:30:00+07:30'"]),
    ("interval", &["'1 year 2 mons -3 days 04:05:06.000007'", "'0'"]),
    ("boolean", &["true", "false"]),
    ("point", &["'(0.1,-2)'"]),
    ("line", &["'{1,2,3}'"]),
    ("lseg", &["'[(0,0),(1,1.5)]'"]),
    ("box", &["'(2,2),(0,0)'"]),
    ("path", &["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"]),
    ("polygon", &["'((0,0),(1,1),(1,0))'"]),
    ("circle", &["'<(1,2),3>'"]),
    ("inet", &["'192.168.0.1/24'", "'::1'"]),
    ("cidr", &["'10.0.0.0/8'"]),
    ("macaddr", &["'08:00:2b:01:02:03'"]),
    ("macaddr8", &["'08:00:2b:01:02:03:04:05'"]),
    ("bit(3)", &["B'101'"]),
    ("bit varying(5)", &["B'10'", "B''"]),
    ("tsvector", &["'a:1A fat:2B cat:3'"]),
    ("tsquery", &["'fat & !rat:ab'"]),
    ("uuid", &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]),
    ("xml", &["'<a b=\"1\">x</a>'"]),
    ("json", &["'{\"a\":  1e0, \"a\": 2}'", "'null'"]),
    ("jsonb", &["'{\"b\": 1.50, \"a\": [null, \"\\u00e9\"]}'", "'null'"]),
    ("jsonpath", &["'$.a[*] ? (@ > 1)'"]),
    ("integer[]", &["'{1,NULL,3}'", "'{}'", "'[2:3]={1,2}'"]),
    ("text[]", &["ARRAY['a,b', 'NULL', NULL, '\"', '']", "'{{a,b},{c,d}}'"]),
    ("mood", &["'sad'"]),
    ("mood[]", &["'{sad,\"so so\"}'"]),
    ("pair", &["ROW(1, 'a,b')"]),
    ("positive", &["7"]),
    ("few", &["7"]),
    ("named", &["'a  '"]),
    ("int4range", &["'[1,5)'", "'empty'"]),
    ("tstzrange", &["'[2023-12-01 10:00:00+00,)'"]),
    ("int4multirange", &["'{[1,3),[5,7)}'"]),
    ("oid", &["4294967295"]),
    ("regclass", &["'pg_catalog.pg_class'"]),
    ("pg_lsn", &["'16/B374D848'"]),
    ("xid8", &["'18446744073709551615'"]),
    ("pg_snapshot", &["'10:20:10,14,15'"]),
    ("txid_snapshot", &["'10:20:10,14,15'"]),
];

/// What servers do not know that are older than this version: types, and values of older ones.
const SINCE: &[(&str, u32)] = &[("xid8", 13), ("pg_snapshot", 13), ("int4multirange", 14), ("numeric 'Infinity'", 14)];

fn knows(server: &Postgres, what: &str) -> bool {
    SINCE.iter().all(|(newer, since)| *newer != what || server.version() >= *since)
}

/// The types that the server knows, and which of them each is.
fn types(server: &Postgres) -> Vec<(usize, &'static str, &'static [&'static str])> {
    let types = TYPES.iter().enumerate().map(|(at, (declared, values))| (at, *declared, *values));
    types.filter(|(_, declared, _)| knows(server, declared)).collect()
}

/// A schema whose METRIC has a column of every type, empty.
fn with_every_type(server: &Postgres) -> (String, Manager) {
    let (schema, manager) = created(server);
    let columns: Vec<String> =
        types(server).iter().map(|(at, declared, _)| format!("ADD COLUMN c{at} {declared}")).collect();
    server.execute(
        &schema,
        &format!(
            "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN positive AS integer CHECK (value > 0); \
             CREATE DOMAIN few AS positive CHECK (value < 10); CREATE DOMAIN short AS varchar(5); CREATE DOMAIN named AS short; \
             ALTER TABLE METRIC {}",
            columns.join(", ")
        ),
    );
    (schema, manager)
}

/// The cells of these columns, as the server itself writes them.
fn cells(server: &Postgres, schema: &str, experiment: &str) -> Vec<Vec<String>> {
    let columns: Vec<String> = types(server).iter().map(|(at, ..)| format!("m.c{at}::text")).collect();
    let of = "JOIN EPOCH_METRIC l ON l.metric_id = m.id JOIN TRIAL_RUN r ON r.id = l.epoch_trial_run_id JOIN TRIAL t ON t.id = r.trial_id";
    let sql = format!(
        "SELECT {} FROM METRIC m {of} WHERE t.experiment_id = ({experiment}) ORDER BY m.id",
        columns.join(", ")
    );
    server.rows(schema, &sql)
}

#[test]
fn a_column_of_every_type_goes_everywhere_and_comes_back() {
    let server = Postgres::start(&[]);
    let (schema, manager) = with_every_type(&server);
    let folder = Folder::new();
    let file = support::open(&folder.digits("digits.db"));
    done(file.migrate_experiment(1, Some(&manager), MigrateOptions::default()));
    for (at, declared, values) in types(&server) {
        for (row, value) in values.iter().enumerate() {
            if !knows(&server, &format!("{declared} {value}")) {
                continue;
            }
            server.execute(
                &schema,
                &format!(
                    "UPDATE METRIC SET c{at} = {value} WHERE id = (SELECT min(metric_id) + {row} FROM EPOCH_METRIC)"
                ),
            );
        }
        assert!(values.len() < 7, "{declared}");
    }
    let first = "SELECT min(id) FROM EXPERIMENT";
    let last = "SELECT max(id) FROM EXPERIMENT";
    let wanted = cells(&server, &schema, first);
    assert!(wanted.len() > 7 && wanted[0].iter().all(|cell| cell != "Null"), "{wanted:?}");
    let digest = done(manager.experiment_digest(1, JobOptions::default()));
    // Within the schema, into a like one, by a document, and over a file that gets the columns.
    let copy = MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    let copied = done(manager.migrate_experiment(1, None, copy));
    assert_eq!((copied.source_digest, copied.target_digest), (Some(digest), Some(digest)));
    assert_eq!(cells(&server, &schema, last), wanted);
    let (like, other) = with_every_type(&server);
    let copied = done(manager.migrate_experiment(1, Some(&other), MigrateOptions::default()));
    assert_eq!(copied.target_digest, Some(digest));
    assert_eq!(cells(&server, &like, last), wanted);
    let document = done(manager.export_to_string(1, ExportOptions::default()));
    let (imported, importer) = with_every_type(&server);
    done(importer.import_from_string(document.as_bytes(), ImportOptions::default()));
    assert_eq!(cells(&server, &imported, last), wanted);
    // A snapshot, and back. A file has no place for NaN: that is refused by name.
    let database = done(expmig::Database::open(&server.url(&schema), expmig::OpenOptions::default()));
    let options = expmig::ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..Default::default() };
    let keeper = Manager::new(database, options);
    let error = keeper.create_snapshot("", SnapshotOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Lossy, "{}", error.to_json());
    assert!(error.to_json().to_string().contains("c5"), "{}", error.to_json());
    server
        .execute(&schema, "UPDATE METRIC SET c5 = NULL WHERE c5 = 'NaN'; UPDATE METRIC SET c6 = NULL WHERE c6 = 'NaN'");
    let before = server.dump(&schema);
    let taken = done(keeper.create_snapshot("", SnapshotOptions::default()));
    let nothing: Vec<String> = types(&server).iter().map(|(at, ..)| format!("c{at} = NULL")).collect();
    server.execute(&schema, &format!("UPDATE METRIC SET {}", nothing.join(", ")));
    done(keeper.restore_snapshot(&taken, RestoreOptions { no_safety_snapshot: true, ..RestoreOptions::default() }));
    assert!(server.dump(&schema) == before);
    // Over a file that gets the columns.
    let wanted = cells(&server, &schema, first);
    let digest = done(manager.experiment_digest(1, JobOptions::default()));
    let lite = support::open(&folder.empty("lite.db", ""));
    done(manager.migrate_experiment(1, Some(&lite), MigrateOptions { add_columns: true, ..MigrateOptions::default() }));
    let (back, target) = with_every_type(&server);
    let copied = done(lite.migrate_experiment(1, Some(&target), MigrateOptions::default()));
    assert_eq!(cells(&server, &back, last), wanted);
    assert_eq!(copied.target_digest, Some(digest));
}

/// What becomes of a value of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Listed,
    Refused,
}
use Fate::{Kept, Listed, Refused};

/// A column's type, a value as SQLite has it, and what becomes of it.
const FATES: &[(&str, &str, Fate)] = &[
    ("text", "'a' || char(0) || 'b'", Refused),
    ("text", "'ä😀'", Kept),
    ("varchar(3)", "'abcd'", Refused),
    ("varchar(3)", "'abc  '", Refused),
    ("char(5)", "'ab'", Listed),
    ("char(5)", "'abcde'", Kept),
    ("numeric", "-0.0", Listed),
    ("numeric", "9e999", Refused),
    ("numeric(10,2)", "0.125", Listed),
    ("numeric(4,2)", "123.5", Refused),
    ("real", "0.1", Listed),
    ("real", "0.5", Kept),
    ("real", "1e300", Refused),
    ("real", "1e-300", Refused),
    ("double precision", "-0.0", Kept),
    ("double precision", "9e999", Kept),
    ("double precision", "'NaN?'", Refused),
    ("smallint", "40000", Refused),
    ("integer", "3000000000", Refused),
    ("boolean", "2", Refused),
    ("boolean", "1", Kept),
    ("timestamp(0)", "'2023-12-01T10:00:00.500000'", Listed),
    ("timestamp", "'2023-02-30T10:00:00'", Refused),
    ("timestamp", "'300000-01-01 00:00:00'", Refused),
    ("timestamp", "'0001-01-01T00:00:00'", Kept),
    ("timestamp", "'4714-11-24 00:00:00 BC'", Kept),
    ("timestamp", "'4714-11-23 00:00:00 BC'", Refused),
    ("timestamptz", "'294277-01-01 00:00:00'", Refused),
    ("timestamp", "'infinity'", Kept),
    ("date", "'5874898-01-01'", Refused),
    ("numeric", "'NaN'", Kept),
    ("json", "'{\"b\":  1, \"b\": 2}'", Kept),
    ("json", "'{'", Refused),
    ("jsonb", "'{\"b\":  1, \"a\": 2}'", Listed),
    ("jsonb", "'{\"a\": 2}'", Kept),
    ("jsonb", "'\"\\u0000\"'", Refused),
    ("mood", "'sad'", Kept),
    ("mood", "'glad'", Refused),
    ("integer[]", "'{1,2}'", Kept),
    ("integer[]", "'{1, 2}'", Listed),
    ("integer[]", "'1, 2'", Refused),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", Listed),
    ("positive", "7", Kept),
    ("positive", "-7", Refused),
    ("few", "7", Kept),
    ("few", "-7", Refused),
    ("few", "11", Refused),
    ("short", "'abcde'", Kept),
    ("short", "'abcdef'", Refused),
    ("integer CHECK (x < 10)", "7", Kept),
    ("integer CHECK (x < 10)", "11", Refused),
    ("text COLLATE folds UNIQUE", "CASE id % 2 WHEN 0 THEN 'a' ELSE 'A' END", Refused),
    ("text COLLATE folds", "CASE id % 2 WHEN 0 THEN 'a' ELSE 'A' END", Kept),
    ("public.citext", "CASE id % 2 WHEN 0 THEN 'a' ELSE 'A' END", Kept),
    ("public.citext UNIQUE", "CASE id % 2 WHEN 0 THEN 'a' ELSE 'A' END", Refused),
    ("bytea", "x'00ff'", Kept),
    ("bytea", "'text'", Listed),
    ("text", "x'ff'", Refused),
];

#[test]
fn what_a_column_does_not_hold_is_listed_or_refused_and_nothing_is_written() {
    let server = Postgres::start(&[]);
    let (schema, manager) = created(&server);
    server.execute(
        &schema,
        "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE DOMAIN positive AS integer CHECK (value > 0); \
         CREATE DOMAIN few AS positive CHECK (value < 10); CREATE DOMAIN short AS varchar(5); \
         CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    );
    // Builds of the server alone have no extensions.
    let extension = "SELECT 1 FROM pg_available_extensions WHERE name = 'citext'";
    let has_citext = !server.rows(&schema, extension).is_empty();
    if has_citext {
        server.execute(&schema, "CREATE EXTENSION citext SCHEMA public");
    }
    let folder = Folder::new();
    let there = |declared: &str| has_citext || !declared.starts_with("public.citext");
    for (at, (declared, value, fate)) in FATES.iter().enumerate().filter(|(_, (declared, ..))| there(declared)) {
        let path = folder.small(
            &format!("{at}.db"),
            &format!("ALTER TABLE METRIC ADD COLUMN x; UPDATE METRIC SET x = {value} WHERE id IN (31, 32)"),
        );
        let source = support::open(&path);
        server.execute(
            &schema,
            &format!("ALTER TABLE METRIC DROP COLUMN IF EXISTS x; ALTER TABLE METRIC ADD COLUMN x {declared}"),
        );
        let before = server.dump(&schema);
        let done = source.migrate_experiment(
            1,
            Some(&manager),
            MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() },
        );
        let found = match &done {
            Ok(done) => {
                assert_eq!(done.source_digest, done.target_digest, "{declared} {value}");
                Kept
            }
            Err(error) if error.status() == Status::Lossy => Listed,
            Err(error) => {
                assert_eq!(error.status(), Status::Constraint, "{declared} {value}: {}", error.to_json());
                assert!(error.to_json().to_string().contains("METRIC"), "{}", error.to_json());
                Refused
            }
        };
        assert_eq!(found, *fate, "{declared} {value}: {:?}", done.err().map(|error| error.to_json()));
        assert!(*fate == Kept || server.dump(&schema) == before, "{declared} {value}");
    }
}

/// No file has a place for NaN, whatever a column of it is declared as.
#[test]
fn nan_that_comes_into_a_file_is_named_before_anything_is_written() {
    let server = Postgres::shared();
    let folder = Folder::new();
    let first = support::open(&folder.small("first.db", ""));
    for (at, declared) in ["double precision", "real"].into_iter().enumerate() {
        let (schema, source) = created(server);
        done(first.migrate_experiment(1, Some(&source), MigrateOptions::default()));
        server.execute(
            &schema,
            &format!("ALTER TABLE METRIC ADD COLUMN extra {declared}; UPDATE METRIC SET extra = CASE WHEN type = 'loss' THEN 'NaN' ELSE 0.5 END"),
        );
        // Added, added to a STRICT table, and there already, as real numbers and as whatever comes.
        for (kind, there) in [
            ("added", ""),
            ("real", "ALTER TABLE METRIC ADD COLUMN extra REAL"),
            ("any", "ALTER TABLE METRIC ADD COLUMN extra"),
        ] {
            let name = format!("{at}-{kind}.db");
            let path = folder.empty(&name, there);
            let (target, before) = (support::open(&path), support::database::dump(&path));
            let options = || MigrateOptions { add_columns: true, ..MigrateOptions::default() };
            let error = source.migrate_experiment(1, Some(&target), options()).map(drop).unwrap_err();
            let told = error.to_json().to_string();
            assert!(matches!(error.status(), Status::Lossy | Status::Constraint), "{kind}: {told}");
            assert!(told.contains("METRIC") && told.contains("extra") && told.contains("NaN"), "{kind}: {told}");
            assert!(support::database::dump(&path) == before, "{kind}");
            let document = done(source.export_to_string(1, ExportOptions::default()));
            let imported = target.import_from_string(
                document.as_bytes(),
                ImportOptions { add_columns: true, ..ImportOptions::default() },
            );
            let error = imported.map(drop).unwrap_err();
            let told = error.to_json().to_string();
            assert!(
                matches!(error.status(), Status::Lossy | Status::Constraint | Status::Validation),
                "{kind}: {told}"
            );
            assert!(support::database::dump(&path) == before, "{kind}");
            if error.status() == Status::Lossy {
                let copied = done(source.migrate_experiment(
                    1,
                    Some(&target),
                    MigrateOptions { allow_lossy: true, ..options() },
                ));
                assert_eq!(
                    (copied.to_json()["lossy"]["count"].as_u64(), copied.target_digest),
                    (Some(3), copied.expected_digest)
                );
            }
        }
        // Without any, all is well.
        server.execute(&schema, "UPDATE METRIC SET extra = '-0' WHERE extra = 'NaN'");
        let target = support::open(&folder.empty(&format!("{at}-fine.db"), ""));
        let copied = done(source.migrate_experiment(
            1,
            Some(&target),
            MigrateOptions { add_columns: true, ..MigrateOptions::default() },
        ));
        assert_eq!(
            (copied.to_json()["lossy"]["count"].as_u64(), copied.target_digest),
            (Some(0), copied.source_digest)
        );
    }
}
