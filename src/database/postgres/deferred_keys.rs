//! Foreign keys that wait for the end of a transaction. Those that can be deferred are; others, and those that act on rows of their own, are
//! dropped and added again before the commit, which looks at every row as it is by then: nobody sees the schema without them.

use super::connection::PostgresConnection;
use super::dropped_key::Key;
use crate::database::connection::Reads;
use crate::database::layout::TableLayout;
use crate::database::rows::Next;
use crate::error::{Domain, Error, Result, Status};
use crate::values::Value;

/// The keys of the schema's tables, and those that lead there. One that is not enforced (since 18) has nothing to wait with.
const KEYS: &str = "SELECT pg_catalog.format('%I.%I', rn.nspname, r.relname), pg_catalog.format('%I', k.conname), \
        pg_catalog.pg_get_constraintdef(k.oid), pg_catalog.format('%I.%I', fn.nspname, f.relname), \
        k.condeferrable AND k.confdeltype = 'a' AND k.confupdtype = 'a' \
            OR NOT coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true), pg_catalog.pg_has_role(r.relowner, 'USAGE') \
    FROM pg_catalog.pg_constraint AS k \
    JOIN pg_catalog.pg_class AS r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace \
    JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace \
    WHERE k.contype = 'f' AND k.conparentid = 0 AND ?1 IN (rn.nspname, fn.nspname) ORDER BY k.oid";

impl PostgresConnection {
    /// Nobody else changes these tables until the transaction ends. They are read until a key of theirs is dropped.
    pub(super) fn hold_all(&self, tables: &[&TableLayout]) -> Result<()> {
        tables.iter().try_for_each(|table| self.hold(&self.as_sql(table)?).map(drop))
    }

    /// Has all foreign keys wait.
    pub(super) fn defer_keys(&self) -> Result<()> {
        let (mut to_drop, mut not_ours) = (Vec::new(), Vec::new());
        for (key, waits, owned) in self.keys()? {
            match (waits, owned) {
                (true, _) => {}
                (false, true) => to_drop.push(key),
                (false, false) => not_ours.push(key),
            }
        }
        if !not_ours.is_empty() {
            return Err(refused(&not_ours).detail("database", self.place()));
        }
        self.command("SET CONSTRAINTS ALL DEFERRED")?;
        self.count_before(&to_drop)?;
        for key in to_drop {
            self.command(&key.drop_statement())?;
            self.dropped.borrow_mut().push(key);
        }
        Ok(())
    }

    /// The keys of the schema's tables, and those that lead there; of each whether it can wait as it is, and whether the account may drop it.
    pub(super) fn keys(&self) -> Result<Vec<(Key, bool, bool)>> {
        let mut keys = Vec::new();
        let schema = [Value::Text(self.schema().as_bytes().to_vec())];
        self.query(KEYS, &schema, &mut |row| {
            let text = |at: usize| Ok::<_, Error>(row.value(at)?.readable().unwrap_or_default());
            let key = Key { table: text(0)?, name: text(1)?, definition: text(2)?, parent: text(3)? };
            let is = |at: usize| Ok::<_, Error>(row.value(at)?.as_integer() == Some(1));
            keys.push((key, is(4)?, is(5)?));
            Ok(Next::Row)
        })?;
        Ok(keys)
    }

    /// Nobody else reads a table whose keys were dropped: its rows are counted before ([`super::delete_all`] says why), when nobody changes
    /// them any more.
    fn count_before(&self, keys: &[Key]) -> Result<()> {
        let mut tables: Vec<&String> = keys.iter().flat_map(|key| [&key.table, &key.parent]).collect();
        tables.sort();
        tables.dedup();
        tables.iter().try_for_each(|table| self.hold(table).map(drop))
    }

    /// The keys are there again, and hold.
    pub(super) fn resume_keys(&self) -> Result<()> {
        let keys = self.dropped.take();
        if keys.is_empty() {
            return Ok(());
        }
        // What waits for the end would keep a table from being changed.
        self.command("SET CONSTRAINTS ALL IMMEDIATE")?;
        keys.iter().try_for_each(|key| self.command(&key.add_statement()))
    }
}

fn refused(keys: &[Key]) -> Error {
    let message = "foreign keys cannot wait for the end of the transaction: they are not DEFERRABLE, or act on rows, and their tables \
                   are not the account's";
    let statement = |key: &Key| format!("ALTER TABLE {} ALTER CONSTRAINT {} DEFERRABLE", key.table, key.name);
    let error = Error::new(Status::Auth, Domain::Database, message)
        .hint("use the owner of the tables, or have the owner make the keys deferrable; nothing was changed");
    keys.iter().fold(error, |error, key| {
        error.detail("table", &key.table).detail("foreign_key", &key.name).detail("statement", statement(key))
    })
}
