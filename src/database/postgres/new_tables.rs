//! Filling tables that this connection has just made. Their foreign keys are dropped, and come back with the commit, which looks at all rows at
//! once: the server takes several times as long to look at each row as it comes.
//!
//! That keeps everybody else away from the tables until the transaction ends, readers too. So it is done only where nobody can be at work: this
//! connection made the tables, nobody has one of them open, and none ever had a row. Nobody is waited for. Otherwise the server looks at each row.

use super::connection::PostgresConnection;
use super::dropped_key::Key;
use super::settings::literal;
use crate::database::connection::Reads;
use crate::database::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::values::Value;

/// The tables of a schema, as they are called and as SQL.
const TABLES: &str = "SELECT c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c \
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ?1 AND c.relkind = 'r' ORDER BY c.relname";

impl PostgresConnection {
    /// These tables were made here, and that was committed.
    pub(super) fn has_made(&self, tables: Vec<&'static str>) {
        self.made.replace(tables);
    }

    /// Before rows are written: puts the keys between the tables aside that were just made. It is tried once.
    pub(super) fn put_keys_aside(&self) -> Result<()> {
        let made = self.made.take();
        if made.is_empty() || !self.in_transaction() || !self.held.borrow().is_empty() {
            return Ok(());
        }
        match self.apart(|| self.take_alone(&made)) {
            Ok((tables, keys)) => {
                // Nobody adds rows to them meanwhile, and nobody else can count them.
                self.held.borrow_mut().extend(tables.into_iter().map(|table| (table, 0)));
                self.dropped.borrow_mut().extend(keys);
                Ok(())
            }
            Err(error) if self.channel.is_lost() => Err(error),
            // Somebody is at work there: everything is as it was, and the server looks at each row.
            Err(_) => self.channel.watched.job().map_or(Ok(()), |job| job.check()),
        }
    }

    /// Takes the tables, as SQL, and drops the keys between them. Fails if one of them ever had a row.
    fn take_alone(&self, made: &[&'static str]) -> Result<(Vec<String>, Vec<Key>)> {
        let mut tables = Vec::new();
        self.query(TABLES, &[Value::Text(self.schema().as_bytes().to_vec())], &mut |row| {
            let name = row.value(0)?.readable().unwrap_or_default();
            if made.contains(&name.as_str()) {
                tables.extend(row.value(1)?.readable());
            }
            Ok(Next::Row)
        })?;
        if tables.len() != made.len() {
            return Err(Error::new(Status::Busy, Domain::Database, "others have changed tables that were just made"));
        }
        self.command(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT", tables.join(", ")))?;
        // Rows of others that this transaction does not see take room, too.
        let sizes: Vec<String> =
            tables.iter().map(|table| format!("pg_catalog.pg_relation_size({}::regclass)", literal(table))).collect();
        if self.query_integer(&format!("SELECT {}", sizes.join(" + ")), &[])? != Some(0) {
            return Err(Error::new(
                Status::Busy,
                Domain::Database,
                "others have written into tables that were just made",
            ));
        }
        let mut keys: Vec<Key> = self.keys()?.into_iter().map(|(key, ..)| key).collect();
        keys.retain(|key| tables.contains(&key.table) && tables.contains(&key.parent));
        keys.iter().try_for_each(|key| self.command(&key.drop_statement()))?;
        Ok((tables, keys))
    }
}
