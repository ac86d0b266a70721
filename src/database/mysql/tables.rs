//! What a connection knows of its tables: whether they can undo, the ids that are free, what their columns make of a value.

use super::column_type::ColumnType;
use super::connection::MysqlConnection;
use crate::database::connection::Connection;
use crate::database::layout::{Layout, Storage, TableLayout};
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

fn knows_transactions(engine: &str) -> bool {
    ["InnoDB", "RocksDB"].iter().any(|known| engine.eq_ignore_ascii_case(known))
}

impl MysqlConnection {
    fn engine_of(&self, table: &TableLayout) -> Result<String> {
        let sql = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let engine = self.first(sql, &[Value::Text(table.name.clone().into_bytes())])?;
        Ok(engine.borrow().readable().unwrap_or_default())
    }

    /// The known tables, with their engines, that know no transactions.
    pub fn without_transactions(&self, layout: &Layout) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for table in &layout.tables {
            let engine = self.engine_of(table)?;
            if !knows_transactions(&engine) {
                found.push((table.name.clone(), engine));
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

    /// The highest id that the table has or had.
    pub(super) fn high_water(&self, table: &TableLayout) -> Result<i64> {
        let connection: &dyn Connection = self;
        let name = quote(&table.name);
        let highest =
            connection.query_integer(&format!("SELECT MAX({}) FROM {name}", table.quoted("id")), &[])?.unwrap_or(0);
        let sql =
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?1";
        let next = connection.query_integer(sql, &[Value::Text(table.name.clone().into_bytes())])?.unwrap_or(1);
        Ok(highest.max(next.saturating_sub(1)).max(0))
    }
}
