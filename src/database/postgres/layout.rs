//! Reads which tables and columns a schema has, from the system's catalog, which shows everything whatever the account may read.

use std::collections::HashMap;
use std::sync::Arc;

use postgres_protocol::Oid;

use super::cell::Known;
use super::column_type::{ColumnType, Declared, Numeric};
use super::connection::PostgresConnection;
use super::foreign_key;
use crate::database::column::{ColumnLayout, Storage};
use crate::database::connection::Reads;
use crate::database::layout::{Layout, TableLayout, ids_are_no_key, is_relied_on, no_ids, not_a_table};
use crate::database::rows::{Next, Row};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Family, Kind, Table, own_table, recognise};
use crate::values::{Value, ValueRef};

/// What can be read as a table, and sequences, whose names are in the way of tables.
const TABLES: &str = "SELECT c.oid, c.relname, c.relkind::text, \
    pg_catalog.row_security_active(c.oid), \
    EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid), \
    c.relpersistence = 't', c.relkind = 'p' AND EXISTS (SELECT 1 FROM pg_catalog.pg_partition_tree(c.oid) AS t \
        JOIN pg_catalog.pg_class AS part ON part.oid = t.relid WHERE part.relkind = 'f') \
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    WHERE n.nspname = ?1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY c.relname";
/// Of a domain, which may be one of another, the type below is what matters; rows that break its rules are refused when they come.
/// What refuses NULL from now on alone (NOT VALID, since 18) may hold it.
const COLUMNS: &str = "SELECT a.attrelid, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
    b.oid, b.modifier, b.required OR a.attnotnull AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k \
        WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.convalidated), a.attidentity::text, a.attgenerated::text, \
    coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), a.atthasdef, \
    pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'), \
    (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_catalog.pg_enum AS e \
        WHERE e.enumtypid = b.oid) \
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid \
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    CROSS JOIN LATERAL (WITH RECURSIVE below (oid, modifier, required, depth) AS ( \
            SELECT a.atttypid, a.atttypmod, false, 0 \
            UNION ALL SELECT t.typbasetype, t.typtypmod, below.required OR t.typnotnull, below.depth + 1 \
                FROM below JOIN pg_catalog.pg_type AS t ON t.oid = below.oid WHERE t.typtype = 'd') \
        SELECT below.oid, below.modifier, below.required FROM below ORDER BY below.depth DESC LIMIT 1) AS b \
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE n.nspname = ?1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";
/// Unique indexes of one column, by table.
const UNIQUE: &str = "SELECT i.indrelid, a.attname FROM pg_catalog.pg_index AS i \
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
    WHERE n.nspname = ?1 AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL";

fn text(row: &dyn Row, at: usize) -> Result<String> {
    Ok(row.value(at)?.readable().unwrap_or_default())
}

fn number<T: TryFrom<i64>>(row: &dyn Row, at: usize) -> Result<T> {
    let missing = || Error::internal(Domain::Database, "the catalog has no number where there should be one");
    row.value(at)?.as_integer().and_then(|number| T::try_from(number).ok()).ok_or_else(missing)
}

fn is_true(row: &dyn Row, at: usize) -> Result<bool> {
    Ok(row.value(at)? == ValueRef::Integer(1))
}

/// What is there under a name.
struct Found {
    oid: Oid,
    name: String,
    /// What it is if not a table with all its rows.
    what_else: Option<&'static str>,
    is_sequence: bool,
}

/// A column of any table.
struct Column {
    place: i16,
    name: String,
    declared: Declared,
    not_null: bool,
    generated: bool,
    counter: bool,
    has_default: bool,
    readable: bool,
}

/// The tables and columns that exist.
pub fn read(connection: &PostgresConnection) -> Result<Layout> {
    let schema = [Value::Text(connection.schema().as_bytes().to_vec())];
    let found = tables(connection, &schema)?;
    let family = recognise(found.iter().map(|found| found.name.as_str()));
    let mut columns = columns(connection, &schema)?;
    let mut unique: HashMap<Oid, Vec<String>> = HashMap::new();
    connection.query(UNIQUE, &schema, &mut |row| {
        unique.entry(number(row, 0)?).or_default().push(text(row, 1)?);
        Ok(Next::Row)
    })?;
    let (mut tables, mut own_tables, mut extra_tables) = (Vec::new(), Vec::new(), Vec::new());
    let (mut others, mut known) = (Vec::new(), Known::new());
    for found in found {
        let relied_on = is_relied_on(family, &found.name);
        if let Some(what) = found.what_else {
            if relied_on {
                return Err(not_a_table(&found.name, what).detail("database", connection.place()));
            }
            if !found.is_sequence {
                others.push(found.name);
            }
            continue;
        }
        let Some(schema) = family.table(&found.name).or_else(|| own_table(&found.name)) else {
            extra_tables.push(found.name);
            continue;
        };
        let of_table = columns.remove(&found.oid).unwrap_or_default();
        if let Some(hidden) = of_table.iter().find(|column| !column.readable).filter(|_| relied_on) {
            return Err(hidden_column(connection, &found.name, &hidden.name));
        }
        for column in &of_table {
            known.extend(schema.column(&column.name).map(|at| ((found.oid, column.place), (schema.name, at))));
        }
        let table = table((family, schema), &found.name, of_table);
        if family.table(&found.name).is_none() {
            own_tables.push(table);
            continue;
        }
        let unique = unique.get(&found.oid).map_or(&[][..], Vec::as_slice);
        if let Some(id) = schema.key_id()
            && !unique.iter().any(|column| column.eq_ignore_ascii_case(id))
        {
            return Err(match table.position(id) {
                Some(_) => ids_are_no_key(&found.name, id).detail("database", connection.place()),
                None => no_ids(&found.name, id),
            });
        }
        tables.push(table);
    }
    connection.know(known);
    let beside = extra_tables.iter().cloned().chain(others).collect();
    let foreign_keys = foreign_key::declared(connection)?;
    Ok(Layout { beside, ..Layout::new(family, tables, own_tables, extra_tables, foreign_keys)? })
}

fn tables(connection: &PostgresConnection, schema: &[Value]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    connection.query(TABLES, schema, &mut |row| {
        let kind = text(row, 2)?;
        let what_else = match kind.as_str() {
            "v" => Some("a view"),
            "m" => Some("a materialized view"),
            "f" => Some("a table of another server"),
            "S" => Some("a sequence"),
            _ if is_true(row, 5)? => Some("a temporary table"),
            "p" if is_true(row, 6)? => Some("a table with a part that is of another server"),
            _ if is_true(row, 3)? => Some("a table with a policy that hides rows from this account"),
            // Its rows would be read along, and not all of them have a place there.
            "r" if is_true(row, 4)? => Some("a table that others inherit from"),
            _ => None,
        };
        found.push(Found { oid: number(row, 0)?, name: text(row, 1)?, what_else, is_sequence: kind == "S" });
        Ok(Next::Row)
    })?;
    Ok(found)
}

fn columns(connection: &PostgresConnection, schema: &[Value]) -> Result<HashMap<Oid, Vec<Column>>> {
    let mut found: HashMap<Oid, Vec<Column>> = HashMap::new();
    connection.query(COLUMNS, schema, &mut |row| {
        let members = row.value(12)?.readable().and_then(|labels| serde_json::from_str(&labels).ok());
        let identity = matches!(text(row, 7)?.as_str(), "a" | "d");
        let default = text(row, 9)?;
        found.entry(number(row, 0)?).or_default().push(Column {
            place: number(row, 1)?,
            name: text(row, 2)?,
            declared: Declared { oid: number(row, 4)?, modifier: number(row, 5)?, name: text(row, 3)?, members },
            not_null: is_true(row, 6)?,
            generated: !text(row, 8)?.is_empty(),
            counter: identity || default.starts_with("nextval("),
            has_default: identity || is_true(row, 10)?,
            readable: is_true(row, 11)?,
        });
        Ok(Next::Row)
    })?;
    Ok(found)
}

fn table((_, schema): (&Family, &'static Table), name: &str, found: Vec<Column>) -> TableLayout {
    let (mut columns, mut generated) = (Vec::new(), Vec::new());
    for column in found {
        if column.generated {
            generated.push(column.name);
            continue;
        }
        let known = schema.column(&column.name);
        let kind = match (known.map(|known| known.kind), ColumnType::of(&column.declared)) {
            (Some(Kind::Cell), ColumnType::Bytes) => ColumnType::Cell,
            (Some(Kind::Real), ColumnType::Numeric(numeric)) => {
                ColumnType::Numeric(Numeric { number: true, ..numeric })
            }
            (_, kind) => kind,
        };
        columns.push(ColumnLayout {
            not_null: column.not_null,
            counter: column.counter,
            has_default: column.has_default,
            ..ColumnLayout::new(column.name, known, column.declared.name, Storage::Own(Arc::new(kind)))
        });
    }
    TableLayout { schema, name: name.to_owned(), columns, generated, rowid: None }
}

/// What the account may not read would be left out of every copy.
fn hidden_column(connection: &PostgresConnection, table: &str, column: &str) -> Error {
    let message = format!("the account may not read the column {table}.{column}, which would be left out");
    Error::new(Status::Auth, Domain::Database, message)
        .detail("table", table)
        .detail("column", column)
        .detail("right", "SELECT")
        .detail("database", connection.place())
        .hint("grant SELECT on the whole table, or use another account")
}
