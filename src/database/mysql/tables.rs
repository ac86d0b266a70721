//! What a connection has found out about its tables: whether they have transactions, their free ids, how their columns convert values.

use std::collections::HashMap;

use super::column_type::{Charset, ColumnType, Decimal};
use super::connection::MysqlConnection;
use super::ddl::create_statement;
use super::names::backticked;
use super::numbers::filled;
use super::times::date_time;
use crate::database::column::{ColumnLayout, EngineType};
use crate::database::connection::{Connection, Reads};
use crate::database::layout::{Layout, TableLayout};
use crate::database::rows::Next;
use crate::database::server::connection::first;
use crate::database::server::decimals::read_decimal;
use crate::database::server::stored::Stored;
use crate::database::unsteady::Unsteady;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Kind, Table, quote};
use crate::values::{Value, ValueRef, json};

/// The highest id that a column holds.
pub fn most(table: &TableLayout) -> i64 {
    let id = table.id_layout();
    match id.and_then(ColumnLayout::own_type) {
        Some(ColumnType::Integer { most, .. }) => i64::try_from(*most).unwrap_or(i64::MAX),
        _ => i64::MAX,
    }
}

fn knows_transactions(engine: &str) -> bool {
    ["InnoDB", "RocksDB"].iter().any(|known| engine.eq_ignore_ascii_case(known))
}

/// The statement that makes a table one that does.
fn with_transactions(table: &TableLayout) -> String {
    format!("ALTER TABLE {} ENGINE = InnoDB", backticked(&table.name))
}

/// What JSON means, whatever its form.
fn canonical(value: ValueRef<'_>) -> Option<Vec<u8>> {
    let ValueRef::Text(text) = value else { return None };
    let mut canonical = Vec::new();
    json::canonicalize(text, &mut canonical).ok().map(|_| canonical)
}

impl MysqlConnection {
    fn engine_of(&self, table: &TableLayout) -> Result<String> {
        let sql = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let engine = first(self, sql, &[Value::Text(table.name.clone().into_bytes())])?;
        Ok(engine.borrow().readable().unwrap_or_default())
    }

    /// The known tables that know no transactions.
    pub fn without_transactions(&self, layout: &Layout) -> Result<Vec<Unsteady>> {
        let mut engines = HashMap::new();
        let sql = "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
        self.query(sql, &[], &mut |row| {
            let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
            engines.insert(text(0)?, text(1)?);
            Ok(Next::Row)
        })?;
        let mut found = Vec::new();
        for table in &layout.tables {
            let engine = engines.remove(&table.name).unwrap_or_default();
            if !knows_transactions(&engine) {
                found.push(Unsteady { table: table.name.clone(), engine, mend: with_transactions(table) });
            }
        }
        Ok(found)
    }

    /// Fails if what is written into the table could not be undone.
    pub fn refuse_without_transactions(&self, table: &TableLayout) -> Result<()> {
        let engine = self.engine_of(table)?;
        if knows_transactions(&engine) {
            return Ok(());
        }
        Err(Error::new(
            Status::Unsupported,
            Domain::Database,
            format!("the table {} is of the engine {engine}, which cannot undo what is written", table.name),
        )
        .detail("table", &table.name)
        .detail("database", self.place())
        .detail("statement", with_transactions(table))
        .hint(format!("run this, and call again: {}", with_transactions(table))))
    }

    /// Makes a table of expmig's own.
    pub(super) fn make_table(&self, table: &Table) -> Result<()> {
        self.define(&create_statement(table)).map_err(|error| match error.status() {
            Status::Auth => error.detail("right", "CREATE").detail("table", table.name),
            _ => error,
        })
    }

    /// What the server itself makes of a value.
    pub(super) fn ask(&self, column: &ColumnType, value: ValueRef<'_>) -> Result<Option<Value>> {
        let stored = match column {
            ColumnType::Json => first(self, "SELECT CAST(CAST(?1 AS JSON) AS CHAR)", &[value.to_owned()]),
            ColumnType::Decimal(decimal) => {
                let Decimal { digits, scale, number, .. } = decimal;
                let cast = format!("SELECT CAST(?1 AS DECIMAL({digits}, {scale}))");
                first(self, &cast, &[value.to_owned()]).map(|stored| match stored {
                    Value::Text(digits) => read_decimal(*number, &filled(decimal, digits)).to_owned(),
                    Value::Integer(whole) if *number => read_decimal(true, whole.to_string().as_bytes()).to_owned(),
                    other => other,
                })
            }
            // Only newer versions know moments beyond 2038.
            ColumnType::Timestamp { fraction } if self.is_mariadb() => {
                let known = first(self, "SELECT UNIX_TIMESTAMP(?1) > 0", &[value.to_owned()])?;
                let ValueRef::Text(text) = value else { return Ok(None) };
                return Ok(match date_time(*fraction, text) {
                    _ if known != Value::Integer(1) => None,
                    Stored::Same => Some(value.to_owned()),
                    Stored::As(cut) => Some(cut),
                    Stored::Refused | Stored::Ask => None,
                });
            }
            ColumnType::Formed(name) => {
                first(self, &format!("SELECT CAST(CAST(?1 AS {name}) AS CHAR)"), &[value.to_owned()])
            }
            ColumnType::Text { charset, trimmed, json, most_bytes, .. } => {
                let ValueRef::Text(text) = value else { return Ok(None) };
                let spaces = text.iter().rev().take_while(|byte| *trimmed && **byte == b' ').count();
                let kept = Value::Text(text.get(..text.len() - spaces).unwrap_or_default().to_vec());
                let held = !*json
                    || self.unchecked.get()
                    || first(self, "SELECT JSON_VALID(?1)", std::slice::from_ref(&kept))? == Value::Integer(1);
                let held = held && self.is_in_charset(charset, *most_bytes, &kept)?;
                return Ok(held.then_some(kept));
            }
            _ => return Ok(None),
        };
        match stored {
            Ok(stored) => Ok(Some(stored).filter(|stored| *stored != Value::Null)),
            // What it refuses to convert.
            Err(error) if matches!(error.status(), Status::Constraint) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The highest id that the table has.
    pub(super) fn highest(&self, table: &TableLayout) -> Result<i64> {
        let sql = format!("SELECT MAX({}) FROM {}", table.id(), quote(&table.name));
        Ok(self.query_integer(&sql, &[])?.unwrap_or(0))
    }

    /// Whether inserting into this table makes the server do more than that.
    pub(super) fn has_triggers_on_insert(&self, table: &TableLayout) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM information_schema.TRIGGERS
            WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ?1 AND EVENT_MANIPULATION = 'INSERT'";
        let name = Value::Text(table.name.clone().into_bytes());
        Ok(self.query_integer(sql, &[name])?.unwrap_or(0) > 0)
    }

    /// Shows the values of a column that come out as something that does not make them when it goes in again: text of a character set
    /// that has no code points for it, and in MySQL's JSON decimal numbers, of which a text makes binary ones, and dates, times and
    /// bytes, of which it makes strings.
    pub(super) fn one_way(
        &self,
        table: &TableLayout,
        column: &ColumnLayout,
        found: &mut dyn FnMut(ValueRef<'_>) -> Result<Next>,
    ) -> Result<()> {
        let name = quote(&column.name);
        let differs = |back: &str, out: &str| format!("NOT CAST({back} AS BINARY) <=> CAST({out} AS BINARY)");
        let (back, other, different) = match column.own_type() {
            Some(ColumnType::Json) => {
                let text = format!("CAST({name} AS CHAR)");
                let again = format!("CAST({text} AS JSON)");
                let back = format!("CAST({again} AS CHAR)");
                // Its text does not tell a date from a string, its value does not tell 1.50 from 1.5.
                let other = format!("NOT {again} <=> {name}");
                let different = format!("({} OR {other})", differs(&back, &text));
                (back, other, different)
            }
            Some(kind @ ColumnType::Text { charset: Charset::Other(charset), .. }) if !kind.is_read_whole() => {
                let back = format!("CONVERT(CONVERT({name} USING utf8mb4) USING {charset})");
                let different = differs(&back, &name);
                (back, "1".to_owned(), different)
            }
            _ => return Ok(()),
        };
        let is_json = column.schema.is_some_and(|known| known.kind == Kind::Json);
        let sql = format!("SELECT {name}, {back}, {other} FROM {} WHERE {different}", quote(&table.name));
        self.query(&sql, &[], &mut |row| {
            // Of numbers only the number counts, whatever the type.
            if is_json
                && row.value(2)?.as_integer() == Some(0)
                && canonical(row.value(0)?).is_some_and(|json| Some(json) == row.value(1).ok().and_then(canonical))
            {
                return Ok(Next::Row);
            }
            found(row.value(0)?)
        })
    }

    /// Whether a text comes back from a character set, in which it has so many bytes at most.
    fn is_in_charset(&self, charset: &Charset, most_bytes: u64, text: &Value) -> Result<bool> {
        let Charset::Other(name) = charset else { return Ok(true) };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(false);
        }
        let there = format!("CONVERT(CAST(?1 AS CHAR CHARACTER SET utf8mb4) USING {name})");
        let sql = format!("SELECT CONVERT({there} USING utf8mb4), OCTET_LENGTH({there})");
        let mut held = false;
        self.query(&sql, std::slice::from_ref(text), &mut |row| {
            let short = row.value(1)?.as_integer().is_some_and(|length| length.unsigned_abs() <= most_bytes);
            held = short && row.value(0)? == text.borrow();
            Ok(Next::Stop)
        })?;
        Ok(held)
    }

    /// The highest id that the table has or had.
    pub(super) fn high_water(&self, table: &TableLayout) -> Result<i64> {
        let connection: &dyn Connection = self;
        let highest = self.highest(table)?;
        let sql =
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let next = connection.query_integer(sql, &[Value::Text(table.name.clone().into_bytes())])?.unwrap_or(1);
        Ok(highest.max(next.saturating_sub(1)).max(0))
    }
}
