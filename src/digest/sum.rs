//! Multisets of digests, added up so that the order does not matter.

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

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that stand for it in a parent's digest.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        for word in self.words {
            out.extend_from_slice(&word.to_le_bytes());
        }
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
    }
}
