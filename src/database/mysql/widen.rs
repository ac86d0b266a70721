//! Widens the tables of a schema: which column types are too narrow, and the statements that change them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::column_attributes;
use super::column_type::{Charset, ColumnType};
use super::connection::MysqlConnection;
use super::ddl::{CHARSET, TYPES};
use super::foreign_key::{self, ForeignKey, Index, Place, place};
use super::names::backticked;
use super::privileges::is_versioned;
use super::settings::SQL_MODE;
use super::widening_log::{self, Remembered};
use crate::database::column::ColumnLayout;
use crate::database::connection::Catalog;
use crate::database::layout::TableLayout;
use crate::database::widening::{AddedAgain, Change, Left, Widening};
use crate::error::{Domain, Error, Result};
use crate::schema::{Column, Kind};

/// Why the columns of a table are left alone that keeps its history.
const VERSIONED: &str = "the table is system-versioned: changing it changes its history, which the server allows with \
    system_versioning_alter_history = KEEP alone";

/// A column that should have another type.
struct Narrow {
    /// The table, as the schema names it.
    table: String,
    change: Change,
    /// What changes it, or why nothing does.
    clause: std::result::Result<String, String>,
}

impl Narrow {
    fn place(&self) -> Place {
        place(&self.table, &self.change.column)
    }
}

/// What has to be done, for every table that is there.
pub fn plan(connection: &MysqlConnection) -> Result<Widening> {
    Ok(Plan::read(connection)?.widening)
}

/// Plans, and runs the statements. Each of them ends a transaction of its own; what was cut off is gone on with by the next call.
pub fn apply(connection: &MysqlConnection) -> Result<Widening> {
    let mut done = Widening::default();
    connection.while_locked(&mut || {
        let plan = Plan::read(connection)?;
        widening_log::add(connection, &plan.keys)?;
        let mut statements = plan.widening.statements.iter();
        statements
            .try_for_each(|statement| connection.define(statement))
            .map_err(|error| cut_off(connection, &plan.keys, error))?;
        widening_log::forget(connection)?;
        done = plan.widening;
        Ok(())
    })?;
    Ok(done)
}

/// The error of a widening that ended in the middle names the foreign keys that are missing, or may be.
fn cut_off(connection: &MysqlConnection, keys: &[Remembered], error: Error) -> Error {
    let found = foreign_key::read(connection);
    let missing = |key: &&Remembered| found.as_ref().map_or(true, |found| key.is_missing(found));
    let missing: Vec<&Remembered> = keys.iter().filter(missing).collect();
    if missing.is_empty() {
        return error;
    }
    let certain = if found.is_ok() { "are missing" } else { "may be missing" };
    let message =
        format!("the widening was cut off: {} foreign keys {certain} until it is done again ({error})", missing.len());
    let mut told = Error::new(error.status(), Domain::Database, message)
        .hint("call expmig_schema_widen again; it knows them, also after a restart");
    for key in missing {
        told = told.detail("table", &key.table).detail("foreign_key", &key.name);
    }
    told.caused_by(error)
}

struct Plan {
    widening: Widening,
    /// The foreign keys that have to be there in the end.
    keys: Vec<Remembered>,
}

impl Plan {
    fn read(connection: &MysqlConnection) -> Result<Plan> {
        let mut narrow = Vec::new();
        for table in connection.layout()?.tables {
            read_narrow(connection, &table, &mut narrow)?;
        }
        let there = foreign_key::read(connection)?;
        leave_what_is_tied(&mut narrow, &there);
        let changed: HashSet<Place> = narrow.iter().filter(|column| column.clause.is_ok()).map(Narrow::place).collect();
        let touched = |key: &&ForeignKey| key.ties().any(|(a, b)| changed.contains(&a) || changed.contains(&b));
        let dropped: Vec<&ForeignKey> = there.iter().filter(touched).collect();
        let indexes = if dropped.is_empty() { Vec::new() } else { foreign_key::indexes(connection)? };
        let missing = widening_log::read(connection)?.into_iter().filter(|key| key.is_missing(&there));
        let keys: Vec<Remembered> = missing.chain(dropped.iter().map(|key| Remembered::of(key))).collect();
        Ok(Plan { widening: widening(narrow, &dropped, &indexes, &keys)?, keys })
    }
}

/// What is done, in the order in which nothing is in the way of anything.
fn widening(narrow: Vec<Narrow>, dropped: &[&ForeignKey], indexes: &[Index], keys: &[Remembered]) -> Result<Widening> {
    let is_dropped = |key: &Remembered| dropped.iter().any(|dropped| dropped.is(&key.table, &key.name));
    let added_again = keys.iter().map(|key| AddedAgain {
        table: key.table.clone(),
        name: key.name.clone(),
        missing: !is_dropped(key),
    });
    let mut widening = Widening { foreign_keys: added_again.collect(), ..Widening::default() };
    let mut statements = Statements::default();
    for key in dropped {
        key.dropped(indexes).into_iter().for_each(|clause| statements.add(&key.table, clause));
    }
    statements.finish(&mut widening.statements);
    for column in narrow {
        match column.clause {
            Ok(clause) => {
                statements.add(&column.table, clause);
                widening.changes.push(column.change);
            }
            Err(reason) => widening.left.push(Left {
                table: column.change.table,
                column: column.change.column,
                declared: column.change.from,
                reason,
            }),
        }
    }
    statements.finish(&mut widening.statements);
    for key in keys {
        statements.add(&key.table, key.added()?);
    }
    statements.finish(&mut widening.statements);
    if !widening.statements.is_empty() {
        widening.statements.insert(0, SQL_MODE.statement());
    }
    Ok(widening)
}

/// One `ALTER TABLE` for each table, as every one of them may copy the table.
#[derive(Default)]
struct Statements(BTreeMap<String, Vec<String>>);

impl Statements {
    fn add(&mut self, table: &str, clause: String) {
        let clauses = self.0.entry(table.to_owned()).or_default();
        // Two keys may share an index.
        if !clauses.contains(&clause) {
            clauses.push(clause);
        }
    }

    fn finish(&mut self, statements: &mut Vec<String>) {
        let tables = std::mem::take(&mut self.0).into_iter();
        statements.extend(
            tables.map(|(table, clauses)| format!("ALTER TABLE {} {}", backticked(&table), clauses.join(", "))),
        );
    }
}

/// The columns of a table that are too narrow.
fn read_narrow(connection: &MysqlConnection, table: &TableLayout, narrow: &mut Vec<Narrow>) -> Result<()> {
    let attributes = column_attributes::read(connection, &table.name)?;
    let versioned = is_versioned(connection, &table.name)?;
    for column in &table.columns {
        let (Some(schema), Some(kind)) = (column.schema, column.own_type()) else { continue };
        let (to, clause) = match wanted(schema, kind) {
            Wanted::Nothing => continue,
            Wanted::Unknown => (String::new(), Err("the values of its type are not known".to_owned())),
            Wanted::Type(to) if versioned => (to, Err(VERSIONED.to_owned())),
            Wanted::Type(to) => {
                let clause = clause(schema, column, &to, attributes.get(&column.name), connection.is_mariadb());
                (to, clause.map_err(str::to_owned))
            }
        };
        let (from, name) = (column.declared.clone(), column.name.clone());
        let change = Change { table: table.schema.name, column: name, from, to };
        narrow.push(Narrow { table: table.name.clone(), change, clause });
    }
    Ok(())
}

/// Columns that a foreign key ties together change together, or not at all.
fn leave_what_is_tied(narrow: &mut [Narrow], keys: &[ForeignKey]) {
    let at: HashMap<Place, usize> = narrow.iter().enumerate().map(|(at, column)| (column.place(), at)).collect();
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for key in keys {
            for (here, there) in key.ties() {
                for (one, other) in [(&here, &there), (&there, &here)] {
                    let changes = |place: &Place| {
                        at.get(place).and_then(|at| narrow.get(*at)).is_some_and(|column| column.clause.is_ok())
                    };
                    if !changes(one) || key.inside && changes(other) {
                        continue;
                    }
                    if let Some(column) = at.get(one).and_then(|at| narrow.get_mut(*at)) {
                        let (table, name) = other;
                        column.clause = Err(format!(
                            "the foreign key {} ties it to {table}.{name}, which is not changed",
                            key.name
                        ));
                        changed = true;
                    }
                }
            }
        }
    }
}

/// What changes a column, and keeps everything but its type.
fn clause(
    schema: &Column,
    column: &ColumnLayout,
    wanted: &str,
    found: Option<&column_attributes::Found>,
    mariadb: bool,
) -> std::result::Result<String, &'static str> {
    let kept = match found.map(|found| &found.attributes) {
        Some(Ok(kept)) => kept.as_str(),
        Some(Err(reason)) => return Err(reason),
        None => "",
    };
    if wanted == LONGEST_TEXT && kept.contains(" DEFAULT ") && !mariadb {
        return Err("its default would be lost, because LONGTEXT cannot have one on this server");
    }
    let charset = match column.own_type() {
        // Where only the length or the type is too narrow, texts go on to be equal, and sorted, as they were.
        Some(ColumnType::Text { charset: Charset::Utf8, .. }) => found
            .and_then(|found| found.collation.as_ref())
            .map(|name| format!(" CHARACTER SET utf8mb4 COLLATE {name}")),
        _ => None,
    };
    let charset = charset.unwrap_or_else(|| match schema.kind {
        Kind::Text | Kind::Json => format!(" {CHARSET}"),
        _ => String::new(),
    });
    let null = if column.not_null { " NOT NULL" } else { " NULL" };
    Ok(format!("MODIFY COLUMN {} {wanted}{charset}{null}{kept}", backticked(&column.name)))
}

/// More characters than this of four bytes do not fit into a row.
const LONGEST_VARCHAR: u64 = 16_000;
const LONGEST_TEXT: &str = "LONGTEXT";

enum Wanted {
    /// The column is wide enough.
    Nothing,
    Type(String),
    Unknown,
}

/// The type that a column should have.
fn wanted(schema: &Column, kind: &ColumnType) -> Wanted {
    let ours = TYPES.of(schema);
    let wide = match (schema.kind, kind) {
        (Kind::Integer, ColumnType::Integer { least, most }) => {
            // Numbers without a sign that need all bits have no wider type.
            *most == u64::MAX || (*least == i64::MIN && *most >= i64::MAX.unsigned_abs())
        }
        (Kind::Real, ColumnType::Double(_)) => true,
        (Kind::Real, ColumnType::Float(_)) => false,
        (Kind::Time, ColumnType::DateTime { fraction }) => *fraction >= 6,
        (Kind::Json, ColumnType::Json) => false,
        (Kind::Text | Kind::Json, ColumnType::Text { most_characters, charset, trimmed, json, .. }) => {
            let least = limit(&ours);
            let wide = *charset == Charset::Utf8 && !trimmed && !json && *most_characters >= least;
            if !wide && (least..=LONGEST_VARCHAR).contains(most_characters) {
                // Never shorter than it is.
                return Wanted::Type(format!("VARCHAR({most_characters})"));
            }
            if !wide && *most_characters > LONGEST_VARCHAR {
                return Wanted::Type(LONGEST_TEXT.to_owned());
            }
            wide
        }
        _ => return Wanted::Unknown,
    };
    if wide { Wanted::Nothing } else { Wanted::Type(ours) }
}

/// How many characters a type of ours has.
fn limit(declared: &str) -> u64 {
    let number = declared.strip_prefix("VARCHAR(").and_then(|rest| rest.strip_suffix(')'));
    number.and_then(|number| number.parse().ok()).unwrap_or(u64::from(u32::MAX) / 4)
}
