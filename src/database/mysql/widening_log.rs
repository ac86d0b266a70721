//! A table that records the foreign keys that a widening has dropped and not yet added again. DDL cannot be undone, so a widening that was cut off
//! continues from this record.

use super::connection::MysqlConnection;
use super::ddl::create_statement;
use super::foreign_key::{Definition, ForeignKey};
use crate::database::connection::{Catalog, Reads, Writes};
use crate::database::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{WIDENING, quote};
use crate::values::Value;

/// A foreign key that has to be there in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub table: String,
    pub name: String,
    definition: Definition,
}

impl Remembered {
    pub fn of(key: &ForeignKey) -> Remembered {
        Remembered { table: key.table.clone(), name: key.name.clone(), definition: key.definition().clone() }
    }

    /// Whether it is not there.
    pub fn is_missing(&self, keys: &[ForeignKey]) -> bool {
        !keys.iter().any(|key| key.is(&self.table, &self.name))
    }

    /// What adds it, after `ALTER TABLE` and the name. Only what a foreign key can be is ever run, whoever wrote the table.
    pub fn added(&self) -> Result<String> {
        self.definition.added(&self.name).ok_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Error {
        unreadable(&self.table, &self.name)
    }
}

/// The error for a row that this library did not write.
fn unreadable(table: &str, name: &str) -> Error {
    let message = format!("{} has no definition of the foreign key {name} of {table} that can be read", WIDENING.name);
    Error::new(Status::Corrupt, Domain::Database, message)
        .detail("table", WIDENING.name)
        .detail("foreign_key", name)
        .hint("somebody changed the table: add the foreign key yourself, delete its row there, and call again")
}

/// What an earlier call has remembered, of each key the last.
pub fn read(connection: &MysqlConnection) -> Result<Vec<Remembered>> {
    let layout = connection.layout()?;
    let Some(own) = layout.own_table(&WIDENING)? else { return Ok(Vec::new()) };
    let mut found: Vec<Remembered> = Vec::new();
    let sql = format!("SELECT in_table, name, definition FROM {} ORDER BY id", quote(&own.name));
    connection.query(&sql, &[], &mut |row| {
        let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
        let (table, name) = (text(0)?, text(1)?);
        let definition = serde_json::from_str(&text(2)?).map_err(|_| unreadable(&table, &name))?;
        found.retain(|key| (&key.table, &key.name) != (&table, &name));
        found.push(Remembered { table, name, definition });
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
    connection.define(&create_statement(&WIDENING))?;
    let rows: Vec<String> =
        (0..new.len()).map(|at| format!("(?{}, ?{}, ?{})", 3 * at + 1, 3 * at + 2, 3 * at + 3)).collect();
    let mut values = Vec::with_capacity(3 * new.len());
    for key in new {
        let definition = serde_json::to_string(&key.definition).map_err(|_| key.unknown())?;
        values.extend([&key.table, &key.name, &definition].map(|text| Value::Text(text.clone().into_bytes())));
    }
    let sql = format!("INSERT INTO {} (in_table, name, definition) VALUES {}", quote(WIDENING.name), rows.join(", "));
    connection.execute(&sql, &values).map(drop)
}

/// All of them are there.
pub fn forget(connection: &MysqlConnection) -> Result<()> {
    connection.define(&format!("DROP TABLE IF EXISTS {}", quote(WIDENING.name)))
}
