//! The canonical bytes of a row, of which there are never many in memory: those of a huge value are hashed as they come.

use super::sum::Hash;

/// So many bytes wait to be hashed, and a buffer keeps so much memory: one huge value must not keep its own for the rest of the experiment.
const KEPT: usize = 1 << 16;

/// What will be hashed as one piece.
#[derive(Default)]
pub struct RowBytes {
    pub bytes: Vec<u8>,
    /// What came before them, where that was much.
    hashed: Option<Box<blake3::Hasher>>,
}

impl RowBytes {
    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.hashed = None;
    }

    /// Adds a piece of a huge value.
    pub fn add_piece(&mut self, piece: &[u8]) {
        if self.bytes.len() + piece.len() <= KEPT {
            return self.bytes.extend_from_slice(piece);
        }
        let hasher = self.hashed.get_or_insert_default();
        hasher.update(&self.bytes);
        self.bytes.clear();
        if piece.len() < KEPT {
            self.bytes.extend_from_slice(piece);
        } else {
            hasher.update(piece);
        }
    }

    /// The digest of what was added, which is done with.
    #[inline]
    pub fn hash(&mut self) -> Hash {
        let hash = match self.hashed.take() {
            None => *blake3::hash(&self.bytes).as_bytes(),
            Some(mut hasher) => *hasher.update(&self.bytes).finalize().as_bytes(),
        };
        if self.bytes.capacity() > KEPT {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, RowBytes};

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let all: Vec<u8> = (0..5 * KEPT).map(|at| (at % 251) as u8).collect();
        for size in [1000, KEPT - 1, KEPT, KEPT + 1, 3 * KEPT] {
            let mut row = RowBytes::default();
            for _ in 0..2 {
                row.clear();
                row.bytes.extend_from_slice(b"before");
                all.chunks(size).for_each(|piece| row.add_piece(piece));
                row.bytes.extend_from_slice(b"after");
                let whole = [b"before".as_slice(), &all, b"after"].concat();
                assert_eq!(row.hash(), *blake3::hash(&whole).as_bytes(), "{size}");
            }
            assert!(row.bytes.capacity() <= 2 * KEPT);
        }
    }
}
