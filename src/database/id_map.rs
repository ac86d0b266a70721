//! What became of each id: the new id, and a fingerprint of the row. Recent ids are in memory, older ones in a private temporary
//! database.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params_from_iter, types};

use super::id_table::{failed, temporary};
use crate::error::Result;

/// Enough of a digest that no two rows have the same.
pub type Fingerprint = [u8; 16];

/// This many ids are kept in memory: some 5 MiB.
const MOST_RECENT: usize = 100_000;
/// Rows of the temporary table that one statement writes.
const ROWS: usize = 50;

/// From ids to new ids and fingerprints. Adding is cheap, looking up less so: few rows are shared.
#[derive(Default)]
pub struct IdMap {
    recent: Vec<(i64, i64, Fingerprint)>,
    /// Where in `recent` an id is. Has the first `indexed` of them.
    index: HashMap<i64, usize>,
    indexed: usize,
    older: Option<Connection>,
}

impl IdMap {
    /// Adds an id that is not in the map yet.
    pub fn insert(&mut self, id: i64, new: i64, fingerprint: Fingerprint) -> Result<()> {
        if self.recent.len() >= MOST_RECENT {
            self.spill()?;
        }
        self.recent.push((id, new, fingerprint));
        Ok(())
    }

    /// What was added with an id.
    pub fn get(&mut self, id: i64) -> Result<Option<(i64, Fingerprint)>> {
        let recent = self.recent.iter().enumerate().skip(self.indexed);
        self.index.extend(recent.map(|(at, (id, _, _))| (*id, at)));
        self.indexed = self.recent.len();
        if let Some((_, new, fingerprint)) = self.index.get(&id).and_then(|at| self.recent.get(*at)) {
            return Ok(Some((*new, *fingerprint)));
        }
        let Some(older) = &self.older else { return Ok(None) };
        let look_up = || {
            let mut statement = older.prepare_cached("SELECT new, fingerprint FROM ids WHERE id = ?1")?;
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        };
        look_up().map_err(failed)
    }

    /// Moves what is in memory to the table, in the order of ids: others would touch its pages more than once.
    fn spill(&mut self) -> Result<()> {
        let older = match &self.older {
            Some(open) => open,
            None => self.older.insert(temporary("ids (id INTEGER PRIMARY KEY, new INTEGER, fingerprint BLOB)")?),
        };
        self.recent.sort_unstable_by_key(|(id, _, _)| *id);
        let recent = &self.recent;
        let write = || -> rusqlite::Result<()> {
            for chunk in recent.chunks(ROWS) {
                let places = vec!["(?, ?, ?)"; chunk.len()].join(", ");
                let values = chunk.iter().flat_map(|(id, new, fingerprint)| {
                    let numbers = [*id, *new].map(types::ValueRef::Integer);
                    numbers.into_iter().chain([types::ValueRef::Blob(fingerprint)]).map(types::ToSqlOutput::Borrowed)
                });
                older.prepare_cached(&format!("INSERT INTO ids VALUES {places}"))?.execute(params_from_iter(values))?;
            }
            Ok(())
        };
        write().map_err(failed)?;
        self.recent.clear();
        self.index.clear();
        self.indexed = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{IdMap, MOST_RECENT};

    #[test]
    fn ids_are_found_in_memory_and_on_disk() {
        let mut map = IdMap::default();
        let count = MOST_RECENT as i64 * 2 + 777;
        // Every id but the multiples of 1000, in an order that jumps.
        let ids = || (0..count).map(move |n| (n * 7919) % count - 5000).filter(|id| id % 1000 != 0);
        for id in ids() {
            map.insert(id, id + 1, id.to_le_bytes().repeat(2).try_into().unwrap()).unwrap();
        }
        assert!(map.older.is_some() && !map.recent.is_empty());
        for id in ids().step_by(17) {
            assert_eq!(map.get(id).unwrap(), Some((id + 1, id.to_le_bytes().repeat(2).try_into().unwrap())));
        }
        assert_eq!(map.get(1000).unwrap(), None);
        assert_eq!(IdMap::default().get(0).unwrap(), None);
    }
}
