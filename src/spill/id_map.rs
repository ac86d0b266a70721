//! Maps each id to its new id and a fingerprint of the row. Recent ids are in memory, older ones in a private temporary
//! database.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params_from_iter, types};

use super::temporary::{failed, with_table};
use crate::error::Result;

/// Tells a row from another that claims to be the same one: a hash under a key that nobody knows.
pub type Fingerprint = [u8; 8];

/// What is kept in memory at most.
const MOST_BYTES: usize = 8 << 20;
/// What a run takes beside its fingerprints, with its place in the index.
const RUN_BYTES: usize = size_of::<Run>() + 32;
/// Ids of one run at most: one that is looked up is read whole.
const MOST_IDS: usize = 256;
/// Rows of the temporary table that one statement writes.
const ROWS: usize = 50;

/// Ids that follow each other, and whose new ids do.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: i64,
    new: i64,
    /// Where in the fingerprints its own begin, and how many it has.
    at: usize,
    count: usize,
}

/// From ids to new ids and fingerprints. Adding is cheap, looking up less so: few rows are shared.
#[derive(Default)]
pub struct IdMap {
    recent: Vec<Run>,
    fingerprints: Vec<Fingerprint>,
    /// Where in `recent` the run is that begins with an id. Has the first `indexed` of them.
    index: BTreeMap<i64, usize>,
    indexed: usize,
    older: Option<Connection>,
}

impl IdMap {
    /// Adds an id that is not in the map yet.
    pub fn insert(&mut self, id: i64, new: i64, fingerprint: Fingerprint) -> Result<()> {
        if self.recent.len() * RUN_BYTES + self.fingerprints.len() * size_of::<Fingerprint>() >= MOST_BYTES {
            self.spill()?;
        }
        let follows = |first: i64, count: usize, next: i64| first.checked_add_unsigned(count as u64) == Some(next);
        match self.recent.last_mut() {
            Some(run)
                if run.count < MOST_IDS && follows(run.first, run.count, id) && follows(run.new, run.count, new) =>
            {
                run.count += 1;
            }
            _ => self.recent.push(Run { first: id, new, at: self.fingerprints.len(), count: 1 }),
        }
        self.fingerprints.push(fingerprint);
        Ok(())
    }

    /// What was added with an id.
    pub fn get(&mut self, id: i64) -> Result<Option<(i64, Fingerprint)>> {
        let recent = self.recent.iter().enumerate().skip(self.indexed);
        self.index.extend(recent.map(|(at, run)| (run.first, at)));
        self.indexed = self.recent.len();
        // No two runs have an id in common: the last that does not begin after it is the only one that can have it.
        let run = self.index.range(..=id).next_back().and_then(|(_, at)| self.recent.get(*at));
        if let Some(run) = run
            && let Some(fingerprints) = self.fingerprints.get(run.at..run.at + run.count)
            && let Some(found) = within((run.first, run.new), id, fingerprints)
        {
            return Ok(Some(found));
        }
        let Some(older) = &self.older else { return Ok(None) };
        let look_up = || {
            let sql = "SELECT first, new, fingerprints FROM runs WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
            let mut statement = older.prepare_cached(sql)?;
            let found = |row: &rusqlite::Row<'_>| {
                let (fingerprints, _) = row.get_ref(2)?.as_blob()?.as_chunks();
                Ok(within((row.get(0)?, row.get(1)?), id, fingerprints))
            };
            statement.query_row([id], found).optional()
        };
        Ok(look_up().map_err(failed)?.flatten())
    }

    /// Moves what is in memory to the table, in the order of ids: others would touch its pages more than once.
    fn spill(&mut self) -> Result<()> {
        let older = match &self.older {
            Some(open) => open,
            None => self.older.insert(with_table("runs (first INTEGER PRIMARY KEY, new INTEGER, fingerprints BLOB)")?),
        };
        self.recent.sort_unstable_by_key(|run| run.first);
        let (recent, fingerprints) = (&self.recent, &self.fingerprints);
        let write = || -> rusqlite::Result<()> {
            for chunk in recent.chunks(ROWS) {
                let places = vec!["(?, ?, ?)"; chunk.len()].join(", ");
                let values = chunk.iter().flat_map(|run| {
                    let own = fingerprints.get(run.at..run.at + run.count).unwrap_or_default();
                    let numbers = [run.first, run.new].map(types::ValueRef::Integer);
                    numbers
                        .into_iter()
                        .chain([types::ValueRef::Blob(own.as_flattened())])
                        .map(types::ToSqlOutput::Borrowed)
                });
                older
                    .prepare_cached(&format!("INSERT INTO runs VALUES {places}"))?
                    .execute(params_from_iter(values))?;
            }
            Ok(())
        };
        write().map_err(failed)?;
        self.recent.clear();
        self.fingerprints.clear();
        self.index.clear();
        self.indexed = 0;
        Ok(())
    }
}

/// The new id and the fingerprint of an id, if it is one of a run with this first id, its new id, and these fingerprints.
fn within((first, new): (i64, i64), id: i64, fingerprints: &[Fingerprint]) -> Option<(i64, Fingerprint)> {
    let place = id.abs_diff(first);
    let fingerprint = fingerprints.get(usize::try_from(place).ok()?)?;
    Some((new.checked_add_unsigned(place)?, *fingerprint))
}

#[cfg(test)]
mod tests {
    use super::{IdMap, MOST_BYTES, RUN_BYTES};

    /// Adds ids and looks at some; says whether some went to disk.
    fn check(ids: &[i64], new: impl Fn(usize) -> i64, every: usize) -> bool {
        let mut map = IdMap::default();
        for (at, id) in ids.iter().enumerate() {
            map.insert(*id, new(at), id.to_le_bytes()).unwrap();
            if at % (every * 50) == 0 {
                assert_eq!(map.get(*id).unwrap(), Some((new(at), id.to_le_bytes())), "{id}, just added");
            }
        }
        for (at, id) in ids.iter().enumerate().step_by(every) {
            assert_eq!(map.get(*id).unwrap(), Some((new(at), id.to_le_bytes())), "{id}");
        }
        let known: std::collections::HashSet<i64> = ids.iter().copied().collect();
        for id in ids.iter().step_by(every).flat_map(|id| [id.wrapping_sub(1), id.wrapping_add(1)]) {
            assert_eq!(map.get(id).unwrap().is_some(), known.contains(&id), "{id}");
        }
        map.older.is_some()
    }

    #[test]
    fn ids_are_found_in_memory_and_on_disk() {
        let count = (MOST_BYTES / RUN_BYTES * 2 + 777) as i64;
        // Every id but the multiples of 1000, in an order that jumps.
        let jumping: Vec<i64> = (0..count).map(|n| (n * 7919) % count - 5000).filter(|id| id % 1000 != 0).collect();
        assert!(check(&jumping, |at| at as i64, 17));
        // In runs of seven, whose new ids follow each other or not.
        let runs: Vec<i64> = (0..count * 2).map(|n| n / 7 * 10 + n % 7).collect();
        assert!(check(&runs, |at| at as i64 + 5, 13));
        assert!(check(&runs, |at| at as i64 * 3, 13));
    }

    #[test]
    fn ids_at_both_ends_are_found() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        assert!(!check(&ends, |at| at as i64, 1));
        assert!(!check(&ends, |at| i64::MAX - 6 + at as i64, 1));
        assert_eq!(IdMap::default().get(0).unwrap(), None);
    }
}
