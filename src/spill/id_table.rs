//! A set of ids on disk, for sets that would take too much memory: a private temporary database that SQLite deletes itself.

use rusqlite::{Connection, OptionalExtension};

use super::temporary::{failed, with_table};
use crate::error::Result;

/// A set of ids in a temporary table.
pub struct IdTable(Connection);

impl IdTable {
    /// An empty set.
    pub fn new() -> Result<IdTable> {
        with_table("ids (id INTEGER PRIMARY KEY)").map(IdTable)
    }

    /// Adds an id; whether it is new.
    pub fn insert(&mut self, id: i64) -> Result<bool> {
        let insert = || self.0.prepare_cached("INSERT OR IGNORE INTO ids VALUES (?1)")?.execute([id]);
        insert().map(|changed| changed == 1).map_err(failed)
    }

    /// Numbers the ids.
    pub fn freeze(&mut self) -> Result<()> {
        self.0
            .execute_batch(
                "CREATE TABLE ranked (id INTEGER PRIMARY KEY, rank INTEGER);
                 INSERT INTO ranked SELECT id, row_number() OVER (ORDER BY id) - 1 FROM ids;
                 DROP TABLE ids",
            )
            .map_err(failed)
    }

    /// How many ids are smaller than this one; `None` if it is not in the set.
    pub fn rank(&mut self, id: i64) -> Result<Option<u64>> {
        let look_up = || {
            let mut statement = self.0.prepare_cached("SELECT rank FROM ranked WHERE id = ?1")?;
            statement.query_row([id], |row| row.get::<_, i64>(0)).optional()
        };
        let rank = look_up().map_err(failed)?;
        Ok(rank.and_then(|rank| u64::try_from(rank).ok()))
    }

    /// Hands over every id, ascending.
    pub fn for_each(&self, each: &mut dyn FnMut(i64) -> Result<()>) -> Result<()> {
        let mut statement = self.0.prepare("SELECT id FROM ranked ORDER BY id").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(row.get(0).map_err(failed)?)?;
        }
        Ok(())
    }
}
