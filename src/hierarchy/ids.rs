//! Sets of ids that take little memory and can tell how many of their ids are smaller than a given one.

use std::collections::HashMap;

use crate::error::Result;
use crate::spill::IdTable;

/// Sorted ids of trials or runs. As far as they follow each other without a gap they take no memory; the others are found by binary
/// search, at once where they have no gaps.
#[derive(Debug, Default)]
pub struct Ids {
    /// The first id, and how many follow each other from there on, the first included.
    first: i64,
    solid: usize,
    rest: Vec<i64>,
}

impl Ids {
    /// This id alone.
    pub fn one(id: i64) -> Ids {
        Ids { first: id, solid: 1, rest: Vec::new() }
    }

    /// Appends an id that is greater than all before.
    pub fn push(&mut self, id: i64) {
        debug_assert!(self.bounds().is_none_or(|(_, last)| last < id));
        if self.solid == 0 {
            self.first = id;
        }
        if self.rest.is_empty() && self.nth_solid(self.solid) == id {
            self.solid += 1;
        } else {
            self.rest.push(id);
        }
    }

    fn nth_solid(&self, at: usize) -> i64 {
        self.first.wrapping_add_unsigned(at as u64)
    }

    /// The position of an id in the order of ids.
    #[inline]
    pub fn position(&self, id: i64) -> Option<usize> {
        let guess = |first: i64| id.checked_sub(first).and_then(|guess| usize::try_from(guess).ok());
        let solid = guess(self.first);
        if solid.is_some_and(|guess| guess < self.solid) {
            return solid;
        }
        let place = guess(*self.rest.first()?).filter(|guess| self.rest.get(*guess) == Some(&id));
        let place = place.or_else(|| self.rest.binary_search(&id).ok())?;
        Some(self.solid + place)
    }

    /// The id at this position.
    pub fn get(&self, position: usize) -> Option<i64> {
        match position.checked_sub(self.solid) {
            None => Some(self.nth_solid(position)),
            Some(place) => self.rest.get(place).copied(),
        }
    }

    /// The smallest and the greatest id.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let last = self.solid.checked_sub(1)?;
        Some((self.first, self.rest.last().copied().unwrap_or(self.nth_solid(last))))
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.solid + self.rest.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.solid == 0
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.solid).map(|at| self.nth_solid(at)).chain(self.rest.iter().copied())
    }
}

/// Ids per chunk, and words of 64 bits in one.
const CHUNK: i64 = 4096;
const WORDS: usize = 64;
/// Above this many chunks (about 10 MiB) a set moves to a temporary table on disk. Enough for 67 million ids without gaps.
const MAX_CHUNKS: usize = 16_384;

struct Chunk {
    key: i64,
    bits: [u64; WORDS],
    /// How many ids of the set come before each word.
    before: [u16; WORDS],
    /// How many ids of the set come before the chunk.
    base: u64,
}

/// A set of any 64-bit ids.
#[derive(Default)]
pub struct IdSet {
    chunks: Vec<Chunk>,
    index: HashMap<i64, usize>,
    /// The chunk used last: ids mostly come in runs.
    last: usize,
    count: u64,
    bounds: Option<(i64, i64)>,
    spilled: Option<IdTable>,
    /// Frozen, and every id between the bounds is in the set: they are all there is.
    solid: bool,
}

impl std::fmt::Debug for IdSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("IdSet").field("count", &self.count).finish_non_exhaustive()
    }
}

#[inline]
fn place(id: i64) -> (i64, usize, u64) {
    let within = id.rem_euclid(CHUNK) as usize;
    (id.div_euclid(CHUNK), within / 64, 1u64 << (within % 64))
}

impl IdSet {
    /// The frozen set of ids that follow each other without a gap.
    pub fn block(first: i64, count: u64) -> IdSet {
        let bounds = count.checked_sub(1).map(|more| (first, first.wrapping_add_unsigned(more)));
        IdSet { count, bounds, solid: true, ..IdSet::default() }
    }

    /// The frozen set of ids in blocks: a first one, and how many follow without a gap.
    pub fn blocks(blocks: &[(i64, u64)]) -> Result<IdSet> {
        match blocks {
            [] => Ok(IdSet::block(0, 0)),
            [(first, count)] => Ok(IdSet::block(*first, *count)),
            _ => {
                let mut set = IdSet::default();
                for (first, count) in blocks {
                    for at in 0..*count {
                        set.insert(first.wrapping_add_unsigned(at))?;
                    }
                }
                set.freeze()?;
                Ok(set)
            }
        }
    }

    /// Adds an id; whether it is new. Not for frozen sets.
    pub fn insert(&mut self, id: i64) -> Result<bool> {
        debug_assert!(!self.solid);
        let new = self.insert_bit(id)?;
        if new {
            self.count += 1;
            let (low, high) = self.bounds.unwrap_or((id, id));
            self.bounds = Some((low.min(id), high.max(id)));
        }
        Ok(new)
    }

    fn insert_bit(&mut self, id: i64) -> Result<bool> {
        if let Some(table) = &mut self.spilled {
            return table.insert(id);
        }
        let (key, word, bit) = place(id);
        let at = match self.find(key) {
            Some(at) => at,
            None if self.chunks.len() >= MAX_CHUNKS => {
                self.spill()?;
                return self.insert_bit(id);
            }
            None => {
                self.index.insert(key, self.chunks.len());
                self.chunks.push(Chunk { key, bits: [0; WORDS], before: [0; WORDS], base: 0 });
                self.chunks.len() - 1
            }
        };
        self.last = at;
        let Some(word) = self.chunks.get_mut(at).and_then(|chunk| chunk.bits.get_mut(word)) else {
            return Ok(false);
        };
        let new = *word & bit == 0;
        *word |= bit;
        Ok(new)
    }

    #[inline]
    fn find(&self, key: i64) -> Option<usize> {
        match self.chunks.get(self.last) {
            Some(chunk) if chunk.key == key => Some(self.last),
            _ => self.index.get(&key).copied(),
        }
    }

    fn spill(&mut self) -> Result<()> {
        let mut table = IdTable::new()?;
        for id in self.iter_chunks() {
            table.insert(id)?;
        }
        self.chunks = Vec::new();
        self.index = HashMap::new();
        self.spilled = Some(table);
        Ok(())
    }

    fn iter_chunks(&self) -> impl Iterator<Item = i64> + '_ {
        self.chunks.iter().flat_map(|chunk| {
            chunk.bits.iter().enumerate().flat_map(move |(word, bits)| {
                (0..64)
                    .filter(move |bit| bits >> bit & 1 == 1)
                    .map(move |bit| chunk.key * CHUNK + word as i64 * 64 + bit)
            })
        })
    }

    /// Ends adding: from now on [`IdSet::rank`] answers.
    pub fn freeze(&mut self) -> Result<()> {
        if let Some((low, high)) = self.bounds
            && high.abs_diff(low) == self.count - 1
        {
            *self = IdSet::block(low, self.count);
            return Ok(());
        }
        if let Some(table) = &mut self.spilled {
            return table.freeze();
        }
        self.chunks.sort_unstable_by_key(|chunk| chunk.key);
        self.index.clear();
        self.last = 0;
        let mut base = 0;
        for (at, chunk) in self.chunks.iter_mut().enumerate() {
            self.index.insert(chunk.key, at);
            chunk.base = base;
            let mut before = 0;
            for (word, count) in chunk.bits.iter().zip(chunk.before.iter_mut()) {
                *count = before;
                before += word.count_ones() as u16;
            }
            base += u64::from(before);
        }
        Ok(())
    }

    /// How many ids of the frozen set are smaller than `id`; `None` if `id` is not in the set.
    #[inline]
    pub fn rank(&mut self, id: i64) -> Result<Option<u64>> {
        if self.solid {
            return Ok(self.bounds.and_then(|(low, high)| (low..=high).contains(&id).then(|| id.abs_diff(low))));
        }
        if let Some(table) = &mut self.spilled {
            return table.rank(id);
        }
        let (key, word, bit) = place(id);
        let Some(at) = self.find(key) else {
            return Ok(None);
        };
        self.last = at;
        let Some(chunk) = self.chunks.get(at) else {
            return Ok(None);
        };
        let (Some(bits), Some(before)) = (chunk.bits.get(word), chunk.before.get(word)) else {
            return Ok(None);
        };
        if bits & bit == 0 {
            return Ok(None);
        }
        Ok(Some(chunk.base + u64::from(*before) + u64::from((bits & (bit - 1)).count_ones())))
    }

    /// How many ids there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The smallest and the greatest id.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        self.bounds
    }

    /// Hands over every id of the frozen set, ascending.
    pub fn for_each(&self, each: &mut dyn FnMut(i64) -> Result<()>) -> Result<()> {
        match (&self.spilled, self.bounds) {
            (Some(table), _) => table.for_each(each),
            (None, Some((low, high))) if self.solid => (low..=high).try_for_each(each),
            (None, _) => self.iter_chunks().try_for_each(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IdSet, Ids, MAX_CHUNKS};

    fn check(ids: &[i64]) {
        let mut set = IdSet::default();
        for id in ids {
            assert!(set.insert(*id).unwrap(), "{id}");
            assert!(!set.insert(*id).unwrap(), "{id}");
        }
        set.freeze().unwrap();
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        for (rank, id) in sorted.iter().enumerate() {
            assert_eq!(set.rank(*id).unwrap(), Some(rank as u64), "{id}");
            if let Some(next) = id.checked_add(1).filter(|next| sorted.binary_search(next).is_err()) {
                assert_eq!(set.rank(next).unwrap(), None);
            }
        }
        let mut read = Vec::new();
        set.for_each(&mut |id| {
            read.push(id);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, sorted);
        assert_eq!(set.bounds(), sorted.first().copied().zip(sorted.last().copied()));
        assert_eq!(set.len(), ids.len() as u64);
    }

    #[test]
    fn ranks_ids_of_any_sign_size_and_order() {
        check(&[]);
        check(&[5]);
        check(&[i64::MIN, -4097, -4096, -1, 0, 1, 63, 64, 4095, 4096, i64::MAX]);
        check(&(0..10_000).rev().map(|id| id * 3 - 7000).collect::<Vec<_>>());
    }

    #[test]
    fn ids_without_gaps_are_answered_the_same() {
        check(&(-5000..5000).rev().collect::<Vec<_>>());
        check(&[i64::MAX, i64::MAX - 1]);
        check(&[i64::MIN]);
        let mut block = IdSet::block(7, 3);
        assert_eq!((block.len(), block.bounds()), (3, Some((7, 9))));
        assert_eq!((block.rank(6).unwrap(), block.rank(9).unwrap(), block.rank(10).unwrap()), (None, Some(2), None));
        let mut empty = IdSet::block(7, 0);
        assert_eq!((empty.len(), empty.bounds(), empty.rank(7).unwrap()), (0, None, None));
    }

    #[test]
    fn a_set_of_scattered_ids_moves_to_disk_and_answers_the_same() {
        check(&(0..MAX_CHUNKS as i64 + 500).map(|id| (id * 7919 % 100_003) * 1_000_000_007 - 50).collect::<Vec<_>>());
    }

    #[test]
    fn positions_are_found_with_and_without_gaps() {
        for list in
            [&[][..], &[3], &[-5, -4, 7, i64::MAX], &[i64::MIN, 0, 1, 2, 9], &[i64::MAX - 1, i64::MAX], &[1, 2, 3]]
        {
            let mut ids = Ids::default();
            list.iter().for_each(|id| ids.push(*id));
            assert_eq!(ids.iter().collect::<Vec<_>>(), list);
            assert_eq!((ids.len(), ids.is_empty()), (list.len(), list.is_empty()));
            assert_eq!(ids.bounds(), list.first().copied().zip(list.last().copied()));
            for id in [i64::MIN, -6, -5, -4, 0, 1, 2, 3, 4, 7, 9, i64::MAX - 1, i64::MAX] {
                assert_eq!(ids.position(id), list.iter().position(|other| *other == id), "{id} in {list:?}");
            }
            for at in 0..=list.len() {
                assert_eq!(ids.get(at), list.get(at).copied());
            }
        }
    }
}
