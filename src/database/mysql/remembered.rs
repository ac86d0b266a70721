//! The foreign keys that a widening has dropped and not yet added again, in a table of their own: DDL cannot be undone, and a
//! widening that is cut off goes on where it was.

use super::connection::MysqlConnection;
use super::foreign_key::ForeignKey;
use crate::database::connection::{Connection, Next};
use crate::error::{Error, Result};
use crate::schema::{Value, WIDENING, create_statement_mysql, quote};

/// A foreign key that has to be there in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub table: String,
    pub name: String,
    /// What adds it, after `ALTER TABLE` and the name.
    pub clause: String,
}

impl Remembered {
    pub fn of(key: &ForeignKey) -> Remembered {
        Remembered { table: key.table.clone(), name: key.name.clone(), clause: key.added() }
    }

    /// Whether it is not there.
    pub fn is_missing(&self, keys: &[ForeignKey]) -> bool {
        !keys.iter().any(|key| key.is(&self.table, &self.name))
    }
}

/// What an earlier call has remembered.
pub fn read(connection: &MysqlConnection) -> Result<Vec<Remembered>> {
    let layout = connection.layout()?;
    let Some(table) = layout.own_table(&WIDENING)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let sql = format!("SELECT in_table, name, clause FROM {} ORDER BY id", quote(&table.name));
    connection.query(&sql, &[], &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        found.push(Remembered { table: text(0)?, name: text(1)?, clause: text(2)? });
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// Writes down what is about to be dropped, beside what is there. It stands when this returns.
pub fn add(connection: &MysqlConnection, keys: &[Remembered]) -> Result<()> {
    let known = read(connection)?;
    let new: Vec<&Remembered> = keys.iter().filter(|key| !known.contains(key)).collect();
    if new.is_empty() {
        return Ok(());
    }
    connection.define(&create_statement_mysql(&WIDENING))?;
    let rows: Vec<String> =
        (0..new.len()).map(|at| format!("(?{}, ?{}, ?{})", 3 * at + 1, 3 * at + 2, 3 * at + 3)).collect();
    let values: Vec<Value> = new
        .iter()
        .flat_map(|key| [&key.table, &key.name, &key.clause])
        .map(|text| Value::Text(text.clone().into_bytes()))
        .collect();
    let sql = format!("INSERT INTO {} (in_table, name, clause) VALUES {}", quote(WIDENING.name), rows.join(", "));
    connection.execute(&sql, &values).map(drop)
}

/// All of them are there.
pub fn forget(connection: &MysqlConnection) -> Result<()> {
    connection.define(&format!("DROP TABLE IF EXISTS {}", quote(WIDENING.name)))
}
