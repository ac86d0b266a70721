//! Reads which tables and columns a schema has.

use std::collections::HashSet;
use std::sync::Arc;

use super::column_type::{ColumnType, Decimal, Declared, Zero};
use super::connection::MysqlConnection;
use super::{foreign_key, privileges};
use crate::database::column::{ColumnLayout, Storage};
use crate::database::connection::Reads;
use crate::database::layout::{Layout, TableLayout, ids_are_no_key, is_relied_on, no_ids, not_a_table};
use crate::database::rows::{Next, Row};
use crate::error::{Error, Result};
use crate::schema::{Column, Family, Kind, Table, own_table, recognise};
use crate::values::{Value, ValueRef};

const TABLES: &str = "SELECT TABLE_NAME, UPPER(TABLE_TYPE), ENGINE FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
const COLUMNS: &str =
    "SELECT COLUMN_NAME, LOWER(DATA_TYPE), COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_MAXIMUM_LENGTH, \
    CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, LOWER(PRIVILEGES), \
    COLUMN_DEFAULT
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1 ORDER BY ORDINAL_POSITION";
/// Unique indexes of one column, beside a second parameter that does not count.
const UNIQUE: &str = "SELECT MAX(COLUMN_NAME) FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1 AND NON_UNIQUE = 0 AND COLUMN_NAME <> ?2 GROUP BY INDEX_NAME HAVING COUNT(*) = 1";
/// MariaDB's `JSON` is text with such a check.
const CHECKS: &str = "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
    WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ?1";

fn text(row: &dyn Row, at: usize) -> Result<String> {
    Ok(row.value(at)?.readable().unwrap_or_default())
}

/// The texts in the first column.
fn texts(connection: &MysqlConnection, sql: &str, params: &[Value]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    connection.query(sql, params, &mut |row| {
        found.push(text(row, 0)?);
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The tables and columns that exist.
pub fn read(connection: &MysqlConnection) -> Result<Layout> {
    let mut tables = Vec::new();
    let mut own_tables = Vec::new();
    let mut extra_tables = Vec::new();
    let Names { family, tables: names, mut beside } = names(connection)?;
    let is_known = |name: &&String| family.table(name).is_some() && is_relied_on(family, name);
    let known: Vec<String> = names.iter().filter(is_known).cloned().collect();
    privileges::check(connection, family, &known)?;
    for name in names {
        if let Some(schema) = family.table(&name) {
            let found = columns(connection, (family, schema), &name)?;
            if let Some(id) = schema.key_id()
                && !unique_id(connection, &name, id)?
            {
                let there = found.position(id).is_some();
                return Err(if there { no_key(connection, &name, id) } else { no_ids(&name, id) });
            }
            tables.push(found);
        } else if let Some(schema) = own_table(&name) {
            own_tables.push(columns(connection, (family, schema), &name)?);
        } else {
            extra_tables.push(name);
        }
    }
    beside.splice(..0, extra_tables.iter().cloned());
    Ok(Layout { beside, ..Layout::new(family, tables, own_tables, extra_tables, foreign_key::declared(connection)?)? })
}

struct Names {
    family: &'static Family,
    tables: Vec<String>,
    /// What can be read as a table and is none.
    beside: Vec<String>,
}

/// What can be read as a table; fails if something else has the name of one that is relied on.
fn names(connection: &MysqlConnection) -> Result<Names> {
    let mut found = Vec::new();
    connection.query(TABLES, &[], &mut |row| {
        let kind = text(row, 1)?;
        let what_else = privileges::what_is(&kind, row.value(2)?.readable().as_deref());
        found.push((text(row, 0)?, what_else, kind == "BASE TABLE"));
        Ok(Next::Row)
    })?;
    let family = recognise(found.iter().map(|(name, ..)| name.as_str()));
    let mut names = Names { family, tables: Vec::new(), beside: Vec::new() };
    for (name, what_else, is_base) in found {
        match what_else {
            None => names.tables.push(name),
            // Rows that are somewhere else are rows of somebody.
            Some(_) if family.table(&name).is_none() && is_base => names.tables.push(name),
            Some(kind) if is_relied_on(family, &name) => {
                return Err(not_a_table(&name, &kind).detail("database", connection.place()));
            }
            Some(_) => names.beside.push(name),
        }
    }
    Ok(names)
}

fn no_key(connection: &MysqlConnection, name: &str, id: &str) -> Error {
    ids_are_no_key(name, id).detail("database", connection.place())
}

fn unique_id(connection: &MysqlConnection, name: &str, id: &str) -> Result<bool> {
    // The server puts the end of a row's time into the keys of a system-versioned table; of the current rows it is the same.
    let aside = privileges::row_end(connection, name)?.unwrap_or_default();
    let unique = texts(connection, UNIQUE, &[name, &aside].map(|name| Value::Text(name.as_bytes().to_vec())))?;
    Ok(unique.iter().any(|column| column.eq_ignore_ascii_case(id)))
}

/// The columns that only let JSON in.
fn json_columns(connection: &MysqlConnection, name: &str) -> Result<HashSet<String>> {
    if !connection.is_mariadb() {
        return Ok(HashSet::new());
    }
    let checks = texts(connection, CHECKS, &[Value::Text(name.as_bytes().to_vec())])?;
    let column = |clause: &String| -> Option<String> {
        let inside = clause.trim().strip_prefix("json_valid(")?.strip_suffix(')')?;
        Some(inside.trim_matches(['`', '"']).to_ascii_lowercase())
    };
    Ok(checks.iter().filter_map(column).collect())
}

/// The type of a column; that of one for cells of any type only if it holds them all.
fn column_type(known: Option<&Column>, declared: &Declared) -> ColumnType {
    match (known.map(|column| column.kind), ColumnType::of(declared)) {
        (Some(Kind::Cell), ColumnType::Binary { padded: false, .. }) => ColumnType::Cell,
        (Some(Kind::Cell), _) => ColumnType::Other,
        (Some(Kind::Real), ColumnType::Decimal(decimal)) => ColumnType::Decimal(Decimal { number: true, ..decimal }),
        (_, declared) => declared,
    }
}

/// The columns of a table.
fn columns(
    connection: &MysqlConnection,
    (family, schema): (&Family, &'static Table),
    table: &str,
) -> Result<TableLayout> {
    let json = json_columns(connection, table)?;
    let (mut columns, mut generated, mut hidden) = (Vec::new(), Vec::new(), None);
    connection.query(COLUMNS, &[Value::Text(table.as_bytes().to_vec())], &mut |row| {
        if !text(row, 11)?.split(',').any(|right| right == "select") && is_relied_on(family, table) {
            hidden = Some(text(row, 0)?);
            return Ok(Next::Stop);
        }
        let extra = text(row, 4)?.to_ascii_lowercase();
        if extra.contains("generated") && !extra.contains("default_generated") {
            generated.push(text(row, 0)?);
            return Ok(Next::Row);
        }
        let number = |at: usize| -> Result<Option<u64>> {
            Ok(row.value(at)?.as_integer().and_then(|number| u64::try_from(number).ok()))
        };
        let name = text(row, 0)?;
        let declared = Declared {
            data_type: text(row, 1)?,
            column_type: text(row, 2)?,
            characters: number(5)?,
            bytes: number(6)?,
            precision: number(7)?,
            scale: number(8)?,
            fraction: number(9)?,
            charset: row.value(10)?.readable(),
            json: json.contains(&name.to_ascii_lowercase()),
            zero: if connection.is_mariadb() { Zero::Plain } else { Zero::Signed },
        };
        let known = schema.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name));
        let storage = Storage::Own(Arc::new(column_type(known, &declared)));
        columns.push(ColumnLayout {
            not_null: row.value(3)? == ValueRef::Text(b"NO"),
            counter: extra.contains("auto_increment"),
            // MariaDB writes the default that is NULL as a text, but none of a column that refuses it.
            has_default: row.value(12)? != ValueRef::Null,
            is_stamped: extra.contains("on update"),
            ..ColumnLayout::new(name, known, declared.column_type, storage)
        });
        Ok(Next::Row)
    })?;
    match hidden {
        Some(column) => Err(privileges::hidden_column(connection, table, &column)?),
        None => Ok(TableLayout { schema, name: table.to_owned(), columns, generated, rowid: None }),
    }
}
