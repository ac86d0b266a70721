//! The text keys of one entity's rows, sorted: where each is among them.

/// Keys one after the other in one buffer, in the order of their bytes once they are frozen.
#[derive(Debug, Default)]
pub struct TextIds {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    places: Vec<(usize, usize)>,
}

impl TextIds {
    /// Appends a key. Not for frozen ones.
    pub fn push(&mut self, key: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.places.push((from, self.bytes.len()));
    }

    /// Ends adding, and sorts; answers at which place before sorting each key was, and a key that occurs twice.
    pub fn freeze(&mut self) -> (Vec<usize>, Option<Vec<u8>>) {
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by(|a, b| self.get(*a).cmp(&self.get(*b)));
        self.places = order.iter().filter_map(|at| self.places.get(*at).copied()).collect();
        let twice = (1..self.len()).find(|at| self.get(*at) == self.get(at - 1));
        let twice = twice.and_then(|at| self.get(at)).map(<[u8]>::to_vec);
        (order, twice)
    }

    /// The position of a key in the order of keys.
    #[inline]
    pub fn position(&self, key: &[u8]) -> Option<usize> {
        self.places.binary_search_by(|(from, to)| self.bytes.get(*from..*to).unwrap_or_default().cmp(key)).ok()
    }

    /// The key at this position.
    pub fn get(&self, position: usize) -> Option<&[u8]> {
        let (from, to) = self.places.get(position)?;
        self.bytes.get(*from..*to)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The keys, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::TextIds;

    #[test]
    fn keys_are_found_where_they_are_and_told_when_they_occur_twice() {
        let mut ids = TextIds::default();
        for key in ["b", "", "a", "ab", "ü"] {
            ids.push(key.as_bytes());
        }
        let (order, twice) = ids.freeze();
        assert_eq!((order, twice), (vec![1, 2, 3, 0, 4], None));
        assert_eq!(ids.iter().collect::<Vec<_>>(), [&b""[..], b"a", b"ab", b"b", "ü".as_bytes()]);
        for (at, key) in ["", "a", "ab", "b", "ü"].iter().enumerate() {
            assert_eq!(ids.position(key.as_bytes()), Some(at));
        }
        assert_eq!((ids.position(b"A"), ids.get(5), ids.len(), ids.is_empty()), (None, None, 5, false));
        let mut double = TextIds::default();
        ["x", "y", "x"].iter().for_each(|key| double.push(key.as_bytes()));
        assert_eq!(double.freeze().1, Some(b"x".to_vec()));
    }
}
