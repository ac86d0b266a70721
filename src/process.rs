//! The identity of this process. After a fork, what was opened before it belongs to the parent: the child has a copy of the memory, but not the locks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Domain, Error, Result, Status};

/// How often a fork led here, as far as anybody counts: the id of a process can be that of one that has ended.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// What to do instead.
pub const WAYS_OUT: &str = "open databases only after the fork, or start the process by spawn or exec; in Python, isolation=\"process\" works too";

/// A process, as what was opened remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u64);

impl Process {
    /// This one.
    pub fn current() -> Process {
        Process(FORKS.load(Ordering::Relaxed) << 32 | u64::from(std::process::id()))
    }

    /// Whether it is this one.
    pub fn is_current(self) -> bool {
        self == Process::current()
    }

    /// Fails in a child of the process. Takes no lock: whoever had one in the parent does not exist in the child.
    pub fn check(self, domain: Domain) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        Err(Error::new(
            Status::Misuse,
            domain,
            "the handle is of the parent of this process, which opened it before the fork; nothing was changed",
        )
        .hint(WAYS_OUT))
    }

    /// As a number that is never 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Called in the child after a fork.
pub fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Keeps something for the rest of the process's life: in a child, what would harm the parent if it were dropped. Whoever looks for lost
/// memory finds none.
pub fn keep(what: impl Send + 'static) {
    static KEPT: Mutex<Vec<Box<dyn Send>>> = Mutex::new(Vec::new());
    match KEPT.try_lock() {
        Ok(mut kept) => kept.push(Box::new(what)),
        Err(_) => std::mem::forget(what),
    }
}
