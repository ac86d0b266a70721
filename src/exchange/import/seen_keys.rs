//! Remembers which ids or indices of a list have been read. Ascending ones without gaps take no memory, others little.

use smallvec::SmallVec;

use crate::error::Result;
use crate::hierarchy::IdSet;

/// Above this many ranges the ids move to a set, which moves to disk when it is large.
const MOST_RANGES: usize = 1024;

/// The integers that were seen.
#[derive(Default)]
pub struct SeenKeys {
    /// First and last of each range, ascending.
    ranges: SmallVec<[(i64, i64); 4]>,
    set: Option<Box<IdSet>>,
}

impl SeenKeys {
    /// Adds an integer; whether it is new.
    pub fn insert(&mut self, value: i64) -> Result<bool> {
        if let Some(set) = &mut self.set {
            return set.insert(value);
        }
        if let Some((_, last)) = self.ranges.last_mut()
            && last.checked_add(1) == Some(value)
        {
            *last = value;
            return Ok(true);
        }
        let at = self.ranges.partition_point(|(first, _)| *first <= value);
        if at.checked_sub(1).and_then(|before| self.ranges.get(before)).is_some_and(|(_, last)| value <= *last) {
            return Ok(false);
        }
        self.ranges.insert(at, (value, value));
        if self.ranges.len() > MOST_RANGES {
            let mut set = IdSet::default();
            for (first, last) in self.ranges.drain(..) {
                (first..=last).try_for_each(|value| set.insert(value).map(|_| ()))?;
            }
            self.set = Some(Box::new(set));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::SeenKeys;

    #[test]
    fn every_integer_is_new_once_in_any_order() {
        for step in [1, 2, 3, 7, 5003] {
            let mut once = SeenKeys::default();
            let count = 10_007;
            for n in 0..count {
                assert!(once.insert((n * step) % count).unwrap(), "{n} times {step}");
            }
            for n in 0..count {
                assert!(!once.insert(n).unwrap(), "{n} again, step {step}");
            }
            assert_eq!(once.set.is_some(), step > 1);
        }
        let mut ends = SeenKeys::default();
        for value in [i64::MAX, i64::MIN, 0, -1, 1] {
            assert!(ends.insert(value).unwrap());
        }
        for value in [i64::MIN, i64::MAX, 1, 0, -1] {
            assert!(!ends.insert(value).unwrap());
        }
    }
}
