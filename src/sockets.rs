//! Writing to a socket whose other end is gone: the system raises SIGPIPE then, which ends a host that does nothing about it.
//!
//! The driver's TLS writes in a way that cannot do without, and nothing of the process may be changed for it. So the signal is held back in
//! the one thread, while it uses a connection, and what came of it is taken away. That takes unsafe code, which only the C ABI has and lends:
//! a Rust program ignores SIGPIPE from its start, unless it asks for another way.

use std::sync::OnceLock;

/// How it was in this thread.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The signal was held back already.
    pub blocked: bool,
    /// And one was waiting, which is the host's.
    pub pending: bool,
}

/// How the signal is held back in this thread, and how that ends.
#[derive(Clone, Copy)]
pub struct Holding {
    pub begin: fn() -> Before,
    pub end: fn(Before),
}

static LENT: OnceLock<Holding> = OnceLock::new();

/// Gives the means, once for the process.
pub fn lend(holding: Holding) {
    LENT.get_or_init(|| holding);
}

/// This thread gets no SIGPIPE of its own writes until it is dropped, in the same thread. No callback of the host's may run meanwhile.
pub struct Quiet(Option<(Holding, Before)>);

impl Quiet {
    pub fn begin() -> Quiet {
        Quiet(LENT.get().map(|holding| (*holding, (holding.begin)())))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some((holding, before)) = self.0.take() {
            (holding.end)(before);
        }
    }
}

/// Uses a connection without a SIGPIPE.
pub fn quietly<T>(body: impl FnOnce() -> T) -> T {
    let _quiet = Quiet::begin();
    body()
}
