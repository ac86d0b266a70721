//! Decides when a copy of a database in rollback-journal mode holds one read lock to its end, and when that would block writers for too long.

use std::time::{Duration, Instant};

use crate::error::{Domain, Error, Result, Status};

/// How often writers may make the copy begin again before it keeps them from committing.
const MOST_RESTARTS: u32 = 3;
/// How often they may where keeping them for so long is not allowed, and for how long at least it is tried all the same: a machine
/// that is busy now need not be so in a moment.
const MOST_TRIES: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be done where others commit too often for a copy.
pub const WAYS_OUT: &str = "try again when there is less to do; or raise max_read_lock_ms, if those who write wait for longer; or put \
                            the database into WAL mode, where nobody waits and no copy is made";

/// What the copy does before its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Keeps writers from committing until it is done.
    Begin,
    /// Lets them commit.
    End,
    AsItIs,
}

/// How a copy is getting on.
#[derive(Debug)]
pub struct Pace {
    /// The longest hold.
    limit: Option<Duration>,
    held: Option<Instant>,
    /// A hold took longer than it was expected to.
    overran: bool,
    restarts: u32,
    done: u64,
    total: u64,
    /// Pages copied since it began again, and the time that took.
    copied: u64,
    spent: Duration,
    since: Instant,
    patience: Duration,
}

impl Pace {
    pub fn new(limit: Option<Duration>) -> Pace {
        let (restarts, done, total, copied) = (0, 0, 0, 0);
        let (spent, since, patience) = (Duration::ZERO, Instant::now(), PATIENCE);
        Pace { limit, held: None, overran: false, restarts, done, total, copied, spent, since, patience }
    }

    /// A step has come so far. It copied this many pages, in this time.
    pub fn step(&mut self, done: u64, total: u64, (pages, took): (u64, Duration)) {
        // Somebody committed: SQLite has begun again.
        if self.total > 0 && (done <= self.done || total != self.total) {
            self.restarts += 1;
            (self.copied, self.spent) = (0, Duration::ZERO);
        }
        (self.done, self.total) = (done, total);
        self.copied += pages;
        self.spent += took;
    }

    /// How often it began again.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// How long the whole copy would take without interruption.
    fn expected(&self) -> Duration {
        let nanoseconds = self.spent.as_nanos() * u128::from(self.total) / u128::from(self.copied.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// What to do before the next step. Fails where others commit too often.
    pub fn next(&mut self) -> Result<Hold> {
        match (self.held, self.limit) {
            (Some(since), Some(limit)) if since.elapsed() >= limit => {
                (self.held, self.overran) = (None, true);
                return Ok(Hold::End);
            }
            (Some(_), _) => return Ok(Hold::AsItIs),
            _ if self.restarts <= MOST_RESTARTS => return Ok(Hold::AsItIs),
            _ => {}
        }
        let expected = self.expected();
        let Some(limit) = self.limit.filter(|limit| self.overran || expected > *limit) else {
            self.held = Some(Instant::now());
            return Ok(Hold::Begin);
        };
        if self.restarts <= MOST_TRIES || self.since.elapsed() < self.patience {
            return Ok(Hold::AsItIs);
        }
        let message = format!(
            "others committed {} times while the database was copied, and a copy without interruption would keep them waiting for \
             longer than they may",
            self.restarts
        );
        Err(Error::new(Status::Busy, Domain::Database, message)
            .detail("copy_ms", expected.as_millis())
            .detail("max_read_lock_ms", limit.as_millis())
            .hint(WAYS_OUT))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Hold, MOST_RESTARTS, MOST_TRIES, Pace};
    use crate::error::Status;

    const TOTAL: u64 = 10_000;

    /// A copy of 100 pages in `took`, and somebody commits each time.
    fn disturbed(limit: Option<Duration>, took: Duration, times: u32) -> Pace {
        let mut pace = Pace { patience: Duration::ZERO, ..Pace::new(limit) };
        for _ in 0..=times {
            pace.step(100, TOTAL, (100, took));
        }
        assert_eq!(pace.restarts(), times);
        pace
    }

    const LIMIT: Option<Duration> = Some(Duration::from_secs(1));
    const FAST: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_millis(11);

    #[test]
    fn writers_have_their_turn_first_and_then_wait_for_a_short_copy() {
        assert_eq!(disturbed(LIMIT, FAST, MOST_RESTARTS).next().unwrap(), Hold::AsItIs);
        let mut pace = disturbed(LIMIT, FAST, MOST_RESTARTS + 1);
        assert_eq!((pace.next().unwrap(), pace.next().unwrap()), (Hold::Begin, Hold::AsItIs));
    }

    #[test]
    fn a_copy_that_takes_longer_than_the_limit_is_never_made_in_one_hold() {
        assert_eq!(disturbed(LIMIT, SLOW, MOST_TRIES).next().unwrap(), Hold::AsItIs);
        let error = disturbed(LIMIT, SLOW, MOST_TRIES + 1).next().unwrap_err();
        assert_eq!((error.status(), error.retryable()), (Status::Busy, true));
        let details: Vec<(&str, &str)> = error.details().iter().map(|d| (d.key.as_ref(), d.value.as_str())).collect();
        assert_eq!(details, [("copy_ms", "1100"), ("max_read_lock_ms", "1000")]);
        assert_eq!(disturbed(None, SLOW, MOST_RESTARTS + 1).next().unwrap(), Hold::Begin);
    }

    #[test]
    fn a_machine_that_is_busy_for_a_moment_is_waited_for() {
        let mut pace = Pace { patience: Duration::from_secs(60), ..disturbed(LIMIT, SLOW, MOST_TRIES + 1) };
        assert_eq!(pace.next().unwrap(), Hold::AsItIs);
        // Again somebody has committed, and by now a copy is fast.
        pace.step(100, TOTAL, (100, FAST));
        assert_eq!(pace.next().unwrap(), Hold::Begin);
    }

    #[test]
    fn a_hold_that_was_expected_to_be_short_ends_at_the_limit() {
        let mut pace = disturbed(Some(Duration::from_millis(200)), FAST, MOST_RESTARTS + 1);
        assert_eq!(pace.next().unwrap(), Hold::Begin);
        std::thread::sleep(Duration::from_millis(210));
        assert_eq!((pace.next().unwrap(), pace.next().unwrap()), (Hold::End, Hold::AsItIs));
    }

    #[test]
    fn a_copy_that_nobody_disturbs_has_no_restarts() {
        let mut pace = Pace::new(LIMIT);
        for done in 1..=4 {
            pace.step(done * 1024, 4097, (1024, FAST));
            assert_eq!(pace.next().unwrap(), Hold::AsItIs);
        }
        pace.step(4097, 4097, (0, Duration::ZERO));
        assert_eq!(pace.restarts(), 0);
    }
}
