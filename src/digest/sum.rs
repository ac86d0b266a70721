//! Sums of digests, which do not depend on the order (multisets).

/// 32 bytes.
pub type Hash = [u8; 32];

/// A digest in hexadecimal.
pub fn hex(hash: &Hash) -> String {
    use std::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _always_ok = write!(text, "{byte:02x}");
        text
    })
}

/// The digest that stands for itself in hexadecimal.
pub fn parse_hex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

/// How many digests, and their sum modulo 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    count: u64,
    /// Little endian words.
    words: [u64; 4],
}

impl Sum {
    /// The size of what stands for it.
    pub const BYTES: usize = 40;

    /// Adds one digest.
    #[inline]
    pub fn add(&mut self, hash: &Hash) {
        self.count += 1;
        let mut carry = false;
        for (word, bytes) in self.words.iter_mut().zip(hash.as_chunks::<8>().0) {
            let (partial, over) = word.overflowing_add(u64::from_le_bytes(*bytes));
            let (total, again) = partial.overflowing_add(u64::from(carry));
            *word = total;
            carry = over || again;
        }
    }

    /// Takes one digest out, which was added.
    pub fn remove(&mut self, hash: &Hash) {
        self.count = self.count.wrapping_sub(1);
        let mut borrow = false;
        for (word, bytes) in self.words.iter_mut().zip(hash.as_chunks::<8>().0) {
            let (partial, under) = word.overflowing_sub(u64::from_le_bytes(*bytes));
            let (total, again) = partial.overflowing_sub(u64::from(borrow));
            *word = total;
            borrow = under || again;
        }
    }

    /// Adds every member of another multiset.
    pub fn add_all(&mut self, other: &Sum) {
        let count = self.count.wrapping_add(other.count);
        let mut hash = Hash::default();
        for (bytes, word) in hash.as_chunks_mut::<8>().0.iter_mut().zip(other.words) {
            *bytes = word.to_le_bytes();
        }
        self.add(&hash);
        self.count = count;
    }

    /// How many members there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The multiset whose bytes these are.
    pub fn decode(bytes: &[u8; Sum::BYTES]) -> Sum {
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or(0);
        Sum { count: next(), words: [next(), next(), next(), next()] }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that stand for it in a parent's digest.
    pub fn encoded(&self) -> [u8; Sum::BYTES] {
        let mut bytes = [0; Sum::BYTES];
        let words = std::iter::once(self.count).chain(self.words);
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        bytes
    }

    /// As [`Sum::encoded`], behind others.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.encoded());
    }
}

#[cfg(test)]
mod tests {
    use super::{Sum, hex, parse_hex};

    #[test]
    fn hexadecimal_reads_back() {
        let hash = std::array::from_fn(|at| at as u8 * 7 + 3);
        assert_eq!(parse_hex(&hex(&hash)), Some(hash));
        assert_eq!(parse_hex(&hex(&hash).to_uppercase()), Some(hash));
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(parse_hex(text), None, "{text}");
        }
    }

    #[test]
    fn carries_run_through_all_words_and_wrap() {
        let mut sum = Sum::default();
        sum.add(&[0xff; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        sum.add(&one);
        let mut bytes = Vec::new();
        sum.encode(&mut bytes);
        assert_eq!(bytes[..8], 2u64.to_le_bytes());
        assert_eq!(bytes[8..], [0; 32]);
        assert_eq!(Sum::decode(&sum.encoded()), sum);
    }

    #[test]
    fn multisets_are_added_as_their_members_are() {
        let (mut one, mut other, mut both) = (Sum::default(), Sum::default(), Sum::default());
        for at in 0..7u8 {
            let hash = [at.wrapping_mul(0x9d) | 0x80; 32];
            both.add(&hash);
            if at % 2 == 0 { one.add(&hash) } else { other.add(&hash) }
        }
        one.add_all(&other);
        assert_eq!((one, one.count()), (both, 7));
    }
}
