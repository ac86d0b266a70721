//! The keys of the rows of one table below the hierarchy, as one bit for each possible key.

/// A table with more possible keys than this (4 MiB) is looked up in the database after all.
const MOST_BITS: usize = 1 << 25;

/// The keys of one table's rows: run, index, and for batches the epoch's index.
#[derive(Debug)]
pub struct RunKeys {
    /// How many runs there are, and how many values the outer index can have: 1 if there is none.
    runs: usize,
    outer: usize,
    /// One more than the greatest index.
    span: usize,
    bits: Vec<u64>,
    /// Every row has its bit.
    complete: bool,
}

impl RunKeys {
    /// No keys yet.
    pub fn new(runs: usize, outer: usize) -> RunKeys {
        RunKeys { runs, outer, span: 0, bits: Vec::new(), complete: true }
    }

    fn place(&self, (index, outer): (i64, i64), run: usize) -> Option<usize> {
        let (index, outer) = (usize::try_from(index).ok()?, usize::try_from(outer).ok()?);
        if outer >= self.outer || run >= self.runs {
            return None;
        }
        let at = index.checked_mul(self.outer)?.checked_add(outer)?.checked_mul(self.runs)?.checked_add(run)?;
        (at < MOST_BITS).then_some(at)
    }

    /// Adds a key: index, outer index (0 if there is none), and the run's position.
    pub fn insert(&mut self, key: (i64, i64), run: usize) {
        let Some(at) = self.place(key, run) else {
            self.complete = false;
            return;
        };
        let (word, bit) = (at / 64, 1u64 << (at % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
        self.span = self.span.max(usize::try_from(key.0).map_or(0, |index| index + 1));
    }

    /// Whether the key was added and has its bit.
    pub fn contains(&self, key: (i64, i64), run: usize) -> bool {
        let word = |at: usize| self.bits.get(at / 64).copied().unwrap_or(0);
        self.place(key, run).is_some_and(|at| word(at) >> (at % 64) & 1 == 1)
    }

    /// One more than the greatest index that was added.
    pub fn span(&self) -> usize {
        self.span
    }

    /// Whether a key that is not contained is certainly not there.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// There is a row without a bit.
    pub fn give_up(&mut self) {
        self.complete = false;
    }
}
