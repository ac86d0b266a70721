//! The digests of linked rows, each of which counts once, however many links lead to it.

use super::sum::{Hash, Sum};
use crate::spill::HashList;

/// One bit per row.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn new(count: u64) -> Seen {
        Seen(vec![0; (count / 64) as usize + 1])
    }

    /// Whether this is the first time.
    #[inline]
    fn first(&mut self, rank: u64) -> bool {
        let bit = 1u64 << (rank % 64);
        match self.0.get_mut((rank / 64) as usize) {
            Some(word) => {
                let first = *word & bit == 0;
                *word |= bit;
                first
            }
            None => false,
        }
    }
}

/// The linked rows of one entity.
#[derive(Default)]
pub struct Leaves {
    seen: Seen,
    pub sum: Sum,
    /// By rank, where links are read apart.
    pub hashes: HashList,
}

impl Leaves {
    pub fn new(count: u64) -> Leaves {
        Leaves { seen: Seen::new(count), sum: Sum::default(), hashes: HashList::default() }
    }

    /// Adds a row when the first link to it is read.
    #[inline]
    pub fn link(&mut self, rank: u64, linked: &Hash) {
        if self.seen.first(rank) {
            self.sum.add(linked);
        }
    }
}
