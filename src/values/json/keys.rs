//! The keys of one object, or of several that stand in each other.

use super::{Lexer, Result};

/// Decoded keys, one after another in one buffer, which is kept from object to object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Lets go of the memory that one huge object took.
    pub fn shrink(&mut self) {
        const KEPT: usize = 1 << 16;
        if self.bytes.capacity() > KEPT || self.ends.capacity() > KEPT {
            self.clear();
            self.bytes.shrink_to(KEPT);
            self.ends.shrink_to(KEPT);
        }
    }

    /// Reads a key and its colon.
    pub fn read(&mut self, lexer: &mut Lexer<'_>) -> Result<()> {
        lexer.key(&mut self.bytes)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    pub fn get(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.bytes.get(from..*end)).unwrap_or_default()
    }

    pub fn last(&self) -> &[u8] {
        self.get(self.ends.len().saturating_sub(1))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets all but the first ones.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// A key that occurs more than once.
    pub fn duplicate(&self) -> Option<&[u8]> {
        self.duplicate_from(0)
    }

    /// A key that occurs more than once among those from this one on.
    pub fn duplicate_from(&self, first: usize) -> Option<&[u8]> {
        /// Up to this many keys are compared one by one.
        const FEW: usize = 8;
        let count = self.ends.len();
        if count.saturating_sub(first) <= FEW {
            let twice = (first..count).find(|at| (first..*at).any(|before| self.get(before) == self.get(*at)));
            return twice.map(|at| self.get(at));
        }
        /// More are sorted by their numbers, which takes a quarter of the memory.
        const MANY: usize = 1 << 16;
        if let (Ok(from), Ok(to), true) = (u32::try_from(first), u32::try_from(count), count > MANY) {
            let get = |at: &u32| self.get(*at as usize);
            let mut sorted: Vec<u32> = (from..to).collect();
            sorted.sort_unstable_by(|a, b| get(a).cmp(get(b)));
            return sorted.windows(2).find_map(|pair| match pair {
                [a, b] if get(a) == get(b) => Some(get(a)),
                _ => None,
            });
        }
        let mut sorted: Vec<&[u8]> = (first..count).map(|at| self.get(at)).collect();
        sorted.sort_unstable();
        sorted.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn a_key_that_occurs_twice_is_found_among_few_and_many() {
        for count in [2, 9, 1000, 70_000] {
            let mut keys = Keys::default();
            (0..count).for_each(|at| keys.push(format!("key {}", at * 7919 % count).as_bytes()));
            assert_eq!(keys.duplicate(), None, "{count}");
            keys.push(b"key 1");
            assert_eq!(keys.duplicate(), Some(b"key 1".as_slice()), "{count}");
            assert_eq!(keys.duplicate_from(count - 1).is_some(), (count - 1) * 7919 % count == 1, "{count}");
        }
    }
}
