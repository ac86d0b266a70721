//! What a connection knows of its tables: whether they can undo, the ids that are free, what their columns make of a value.

use super::column_type::ColumnType;
use super::connection::MysqlConnection;
use crate::database::connection::Connection;
use crate::database::layout::{Storage, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{Table, Value, ValueRef, create_statement_mysql, quote};

/// The highest id that a column holds.
pub fn most(table: &TableLayout) -> i64 {
    let id = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case("id"));
    match id.map(|column| &column.storage) {
        Some(Storage::Mysql(ColumnType::Integer { most, .. })) => i64::try_from(*most).unwrap_or(i64::MAX),
        _ => i64::MAX,
    }
}

impl MysqlConnection {
    /// Fails if what is written into the table could not be undone.
    pub fn refuse_without_transactions(&self, table: &TableLayout) -> Result<()> {
        let sql = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let engine = self.first(sql, &[Value::Text(table.name.clone().into_bytes())])?;
        let engine = engine.borrow().readable().unwrap_or_default();
        if engine.eq_ignore_ascii_case("InnoDB") || engine.eq_ignore_ascii_case("RocksDB") {
            return Ok(());
        }
        Err(Error::new(
            Status::Unsupported,
            Domain::Database,
            format!("the table {} is of the engine {engine}, which cannot undo what is written", table.name),
        )
        .detail("table", &table.name)
        .detail("database", self.place())
        .hint(format!("ALTER TABLE {} ENGINE = InnoDB", quote(&table.name))))
    }

    /// Makes a table of expmig's own.
    pub(super) fn make_table(&self, table: &Table) -> Result<()> {
        self.define(&create_statement_mysql(table)).map_err(|error| match error.status() {
            Status::Auth => error.detail("right", "CREATE").detail("table", table.name),
            _ => error,
        })
    }

    /// What the server itself makes of a value.
    pub(super) fn ask(&self, column: &ColumnType, value: ValueRef<'_>) -> Result<Option<Value>> {
        let stored = match column {
            ColumnType::Json => self.first("SELECT CAST(CAST(?1 AS JSON) AS CHAR)", &[value.to_owned()]),
            ColumnType::Decimal { digits, scale } => {
                let cast = format!("SELECT CAST(?1 AS DECIMAL({digits}, {scale}))");
                self.first(&cast, &[value.to_owned()])
            }
            // MariaDB's JSON; other character sets stay refused but for ASCII.
            ColumnType::Text { json: true, .. } => {
                let valid = self.first("SELECT JSON_VALID(?1)", &[value.to_owned()])?;
                return Ok((valid == Value::Integer(1)).then(|| value.to_owned()));
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
        let sql = format!("SELECT MAX({}) FROM {}", table.quoted("id"), quote(&table.name));
        Ok((self as &dyn Connection).query_integer(&sql, &[])?.unwrap_or(0))
    }

    /// Whether inserting into this table makes the server do more than that.
    pub(super) fn has_triggers_on_insert(&self, table: &TableLayout) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM information_schema.TRIGGERS
            WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ?1 AND EVENT_MANIPULATION = 'INSERT'";
        let name = Value::Text(table.name.clone().into_bytes());
        Ok((self as &dyn Connection).query_integer(sql, &[name])?.unwrap_or(0) > 0)
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
