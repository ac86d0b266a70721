//! A value of a column of one server in a column of the other: the tables of docs/fidelity.md.

use expmig::{JobOptions, Manager, MigrateOptions, OnDuplicate, OpenOptions, Status};
use mysql::prelude::Queryable;

use super::{created, done};
use crate::support::postgres::Postgres;
use crate::support::server::{Server, each};
use crate::support::{self, Folder};

/// A type of one server, a value as its SQL, and the type of the other.
type Pair = (&'static str, &'static str, &'static str);

/// What of MySQL's and MariaDB's goes into PostgreSQL as it is, and back.
const TO_POSTGRES: &[Pair] = &[
    ("TINYINT", "-128", "smallint"),
    ("SMALLINT UNSIGNED", "65535", "integer"),
    ("MEDIUMINT", "-8388608", "integer"),
    ("INT UNSIGNED", "4294967295", "bigint"),
    ("BIGINT", "-9223372036854775808", "bigint"),
    ("BIGINT UNSIGNED", "18446744073709551615", "numeric(20,0)"),
    ("DOUBLE", "0.1", "double precision"),
    ("FLOAT", "0.1", "real"),
    ("DECIMAL(20,2)", "123456789012345678.25", "numeric(20,2)"),
    ("DECIMAL(10,0)", "12345", "numeric(10,0)"),
    ("DATETIME(6)", "'2023-12-01 10:00:00.000001'", "timestamp(6)"),
    ("TIMESTAMP(6) NULL", "'2023-12-01 10:00:00.5'", "timestamptz(6)"),
    ("DATE", "'2023-12-01'", "date"),
    ("TIME(6)", "'12:30:00.000001'", "time(6)"),
    ("YEAR", "2023", "smallint"),
    ("BIT(8)", "b'101'", "integer"),
    ("VARCHAR(20)", "'a  '", "varchar(20)"),
    ("CHAR(5)", "'abcde'", "char(5)"),
    ("LONGTEXT CHARACTER SET utf8mb4", "'é😀'", "text"),
    ("ENUM('sad', 'so so')", "'so so'", "mood"),
    ("SET('a', 'b')", "'a,b'", "text"),
    ("JSON", "'{\"a\": 1}'", "json"),
    ("VARBINARY(10)", "x'00ff'", "bytea"),
    ("LONGBLOB", "x'00ff'", "bytea"),
    ("BINARY(3)", "x'000102'", "bytea"),
    ("POINT", "ST_GeomFromText('POINT(1 2)')", "bytea"),
];

/// What of it is listed as a loss.
const TO_POSTGRES_LISTED: &[Pair] = &[
    ("DOUBLE", "0.1", "real"),
    ("DOUBLE", "0.125", "numeric(10,2)"),
    ("VARCHAR(20)", "'ab'", "char(5)"),
    ("DATETIME(6)", "'2023-12-01 10:00:00.123456'", "timestamp(3)"),
    ("LONGTEXT", "'{\"b\":  1, \"a\": 2}'", "jsonb"),
    ("VARCHAR(20)", "'text'", "bytea"),
    ("LONGTEXT", "'{1, 2}'", "integer[]"),
];

/// And what is refused.
const TO_POSTGRES_REFUSED: &[Pair] = &[
    ("BIGINT", "3000000000", "integer"),
    ("INT", "2", "boolean"),
    ("TIME", "'100:00:00'", "time"),
    ("VARCHAR(20)", "'glad'", "mood"),
    ("VARCHAR(20)", "'abcd'", "varchar(3)"),
    ("LONGTEXT", "'{'", "json"),
    ("VARBINARY(10)", "x'ff'", "text"),
    ("VARCHAR(20)", "'x'", "double precision"),
    ("DOUBLE", "1e300", "real"),
    ("DATETIME", "'0000-00-00 00:00:00'", "timestamp"),
];

/// What of PostgreSQL's goes into MySQL and MariaDB as it is, and back.
const FROM_POSTGRES: &[Pair] = &[
    ("smallint", "-32768", "SMALLINT"),
    ("bigint", "9223372036854775807", "BIGINT"),
    ("boolean", "true", "TINYINT"),
    ("oid", "4294967295", "INT UNSIGNED"),
    ("numeric(20,2)", "0.10", "DECIMAL(20,2)"),
    ("numeric", "123456789012345678901234567890.5", "LONGTEXT"),
    ("real", "0.1", "FLOAT"),
    ("double precision", "'1.7976931348623157e308'", "DOUBLE"),
    ("money", "'-1234.50'", "VARCHAR(30)"),
    ("text", "'é😀'", "LONGTEXT CHARACTER SET utf8mb4"),
    ("varchar(5)", "'a  '", "VARCHAR(5)"),
    ("bytea", "'\\x00ff'", "LONGBLOB"),
    ("timestamp", "'2023-12-01 10:00:00.000001'", "DATETIME(6)"),
    ("timestamptz", "'2023-12-01 10:00:00+07'", "DATETIME(6)"),
    ("date", "'2023-12-01'", "DATE"),
    ("time(6)", "'12:30:00.000001'", "TIME(6)"),
    ("interval", "'1 year -3 days 04:05:06'", "VARCHAR(50)"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "VARCHAR(36)"),
    ("inet", "'192.168.0.1/24'", "VARCHAR(50)"),
    ("bit(3)", "B'101'", "VARCHAR(3)"),
    ("json", "'{\"a\":  1e0}'", "LONGTEXT"),
    ("jsonb", "'{\"a\": 1.50}'", "LONGTEXT"),
    ("integer[]", "'{1,NULL,3}'", "LONGTEXT"),
    ("mood", "'so so'", "ENUM('sad', 'so so')"),
    ("int4range", "'[1,5)'", "VARCHAR(20)"),
    ("point", "'(0.1,-2)'", "VARCHAR(20)"),
    ("xml", "'<a>x</a>'", "LONGTEXT"),
    ("few", "7", "INT"),
];

const FROM_POSTGRES_LISTED: &[Pair] = &[
    ("double precision", "'Infinity'", "DOUBLE"),
    ("double precision", "0.1", "FLOAT"),
    ("numeric", "0.125", "DECIMAL(10,2)"),
    ("timestamp", "'2023-12-01 10:00:00.123456'", "DATETIME(3)"),
    ("char(5)", "'ab'", "CHAR(5)"),
    ("text", "'ab'", "LONGBLOB"),
];

const FROM_POSTGRES_REFUSED: &[Pair] = &[
    ("double precision", "'NaN'", "DOUBLE"),
    ("timestamp", "'infinity'", "DATETIME(6)"),
    ("timestamp", "'0044-03-15 12:00:00 BC'", "DATETIME(6)"),
    ("date", "'5874897-12-31'", "DATE"),
    ("bigint", "3000000000", "INT"),
    ("bigint", "-1", "BIGINT UNSIGNED"),
    ("text", "'abcd'", "VARCHAR(3)"),
    ("mood", "'sad'", "ENUM('glad')"),
    ("interval", "'1 day'", "TIME"),
];

/// Both servers with a metric that has these values, and the columns for them.
struct Ends {
    postgres: Manager,
    other: Manager,
}

fn ends(postgres: &Postgres, maria: &Server, pairs: &[Pair], from_postgres: bool) -> Ends {
    let (schema, there) = created(postgres);
    let name = maria.unused_name();
    let options = OpenOptions { create: true, ..OpenOptions::default() };
    let other = Manager::from(done(expmig::Database::open(&maria.url(&name), options)));
    let folder = Folder::new();
    let source = support::open(&folder.small("small.db", ""));
    let from = if from_postgres { &there } else { &other };
    done(source.migrate_experiment(1, Some(from), MigrateOptions::default()));
    let columns = |own: bool| -> Vec<String> {
        let of = pairs.iter().enumerate();
        of.map(|(at, pair)| format!("ADD COLUMN c{at} {}", if own == from_postgres { pair.0 } else { pair.2 }))
            .collect()
    };
    let set: Vec<String> = pairs.iter().enumerate().map(|(at, pair)| format!("c{at} = {}", pair.1)).collect();
    let set = format!("UPDATE METRIC SET {} WHERE type = 'loss'", set.join(", "));
    postgres.execute(
        &schema,
        &format!(
            "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE DOMAIN few AS integer CHECK (value < 10); ALTER TABLE METRIC {}",
            columns(true).join(", ")
        ),
    );
    let mut client = maria.connect(&name);
    client.query_drop("SET sql_mode = ''").expect("a setting");
    client.query_drop(format!("ALTER TABLE METRIC {}", columns(false).join(", "))).expect("columns");
    match from_postgres {
        true => postgres.execute(&schema, &set),
        false => client.query_drop(&set).expect("values"),
    }
    Ends { postgres: there, other }
}

fn kept(postgres: &Postgres, maria: &Server, pairs: &[Pair], from_postgres: bool) {
    let Ends { postgres, other } = ends(postgres, maria, pairs, from_postgres);
    let (from, to) = if from_postgres { (&postgres, &other) } else { (&other, &postgres) };
    let digest = done(from.experiment_digest(1, JobOptions::default()));
    let copied = done(from.migrate_experiment(1, Some(to), MigrateOptions::default()));
    assert_eq!(copied.target_digest, Some(digest));
    let back = MigrateOptions { on_duplicate: OnDuplicate::Copy, ..MigrateOptions::default() };
    assert_eq!(done(to.migrate_experiment(copied.new_experiment_id, Some(from), back)).target_digest, Some(digest));
}

/// Every one of them is named, and how it is lost.
fn lost(postgres: &Postgres, maria: &Server, pairs: &[Pair], from_postgres: bool, refused: bool) {
    let Ends { postgres, other } = ends(postgres, maria, pairs, from_postgres);
    let (from, to) = if from_postgres { (&postgres, &other) } else { (&other, &postgres) };
    let plan = done(from.plan_migration(1, Some(to), MigrateOptions::default()));
    let named = plan["lossy"]["values"].as_array().expect("a list");
    for (at, pair) in pairs.iter().enumerate() {
        let of = |loss: &&serde_json::Value| loss["column"] == format!("c{at}");
        let loss = named.iter().find(of).unwrap_or_else(|| panic!("{pair:?} is not named: {plan}"));
        assert_eq!(loss["stored_as"].is_null(), refused, "{pair:?}: {loss}");
    }
    let error = from.migrate_experiment(1, Some(to), MigrateOptions::default()).map(drop).unwrap_err();
    let wanted = if refused { Status::Constraint } else { Status::Lossy };
    assert_eq!(error.status(), wanted, "{}", error.to_json());
    assert!(done(to.list_experiments()).is_empty());
}

#[test]
fn a_value_of_one_server_is_kept_listed_or_refused_by_a_column_of_the_other() {
    let postgres = Postgres::shared();
    each(|maria| {
        for (pairs, from_postgres) in [(TO_POSTGRES, false), (FROM_POSTGRES, true)] {
            kept(postgres, maria, pairs, from_postgres);
        }
        for (pairs, from_postgres, refused) in [
            (TO_POSTGRES_LISTED, false, false),
            (TO_POSTGRES_REFUSED, false, true),
            (FROM_POSTGRES_LISTED, true, false),
            (FROM_POSTGRES_REFUSED, true, true),
        ] {
            lost(postgres, maria, pairs, from_postgres, refused);
        }
    });
}

/// What the page says of them is what these tables have.
#[test]
fn the_page_has_every_pair() {
    let page = std::fs::read_to_string(support::crate_path("docs/fidelity.md")).expect("the page");
    let page =
        page.split_once("## Between PostgreSQL and").expect("a section").1.split("\n## ").next().expect("its text");
    let line = |(from, value, to): &Pair| format!("| `{from}` | `{value}` | `{to}` |");
    for (pairs, fate) in [
        (TO_POSTGRES, "kept"),
        (TO_POSTGRES_LISTED, "listed"),
        (TO_POSTGRES_REFUSED, "refused"),
        (FROM_POSTGRES, "kept"),
        (FROM_POSTGRES_LISTED, "listed"),
        (FROM_POSTGRES_REFUSED, "refused"),
    ] {
        for pair in pairs {
            let wanted = format!("{} {fate} |", line(pair));
            assert!(page.contains(&wanted), "{wanted}");
        }
    }
}
