//! Reports progress in pages.

use std::sync::Arc;

use crate::error::Result;
use crate::progress::Job;

/// Whether the pages of a snapshot are items of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// The job is about the snapshot: one item is one page, copied or read.
    Pages,
    /// The job counts something else. It can stop the snapshot all the same.
    Nothing,
}

/// The pages of one job, which goes over them several times.
pub struct Pages<'j> {
    job: &'j Arc<Job>,
    counting: Counting,
    rounds: u64,
    /// What earlier rounds counted, and the most that this one has.
    before: u64,
    reached: u64,
}

impl<'j> Pages<'j> {
    pub fn new(job: &'j Arc<Job>, counting: Counting, rounds: u64) -> Pages<'j> {
        Pages { job, counting, rounds, before: 0, reached: 0 }
    }

    /// So many pages of this round are done. A round that begins again counts on when it has come as far as before.
    pub fn at(&mut self, done: u64, total: u64) -> Result<()> {
        if self.counting == Counting::Nothing {
            return self.job.check();
        }
        self.job.set_total((total * self.rounds).max(self.before + self.reached));
        let more = done.saturating_sub(self.reached);
        self.reached += more;
        if more == 0 { self.job.check() } else { self.job.advance_by(more) }
    }

    /// The next round.
    pub fn next(&mut self, operation: &'static str) -> Result<()> {
        self.before += self.reached;
        self.reached = 0;
        self.job.begin(operation)
    }

    /// The total was a guess as long as others could change the number of pages.
    pub fn finish(&self) {
        if self.counting == Counting::Pages {
            self.job.set_total(self.before + self.reached);
        }
    }
}
