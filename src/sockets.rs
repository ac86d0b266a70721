//! Writes to a socket whose other end is closed. The system then raises SIGPIPE, which ends a host that does not handle it.
//!
//! The TLS of the driver cannot write without that signal, and the library must not change the settings of the process. So the signal is blocked in the
//! thread that uses a connection, and taken away if it was raised. That needs unsafe code, which only the C ABI has, and lends:
//! a Rust program ignores SIGPIPE from its start, unless it asks for another behaviour.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

/// How it was in this thread.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The signal was held back already.
    pub blocked: bool,
    /// And one was waiting, which is the host's.
    pub pending: bool,
}

/// How the signal is held back in this thread, and how that ends; and what can be done with a socket of this number: how long it waits,
/// which is told whether it worked, another descriptor of it, and how many bytes have come and arrived so far, where the system counts them.
#[derive(Clone, Copy)]
pub struct Means {
    pub begin: fn() -> Before,
    pub end: fn(Before),
    pub set_timeouts: fn(i32, Option<Duration>) -> bool,
    pub copy: fn(i32) -> std::io::Result<OwnedFd>,
    pub moved: fn(i32) -> Option<u64>,
}

static LENT: OnceLock<Means> = OnceLock::new();

/// Gives the means, once for the process.
pub fn lend(means: Means) {
    LENT.get_or_init(|| means);
}

/// This thread gets no SIGPIPE of its own writes until it is dropped, in the same thread. No callback of the host's may run meanwhile.
pub struct Quiet(Option<(Means, Before)>);

impl Quiet {
    pub fn begin() -> Quiet {
        Quiet(LENT.get().map(|means| (*means, (means.begin)())))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some((means, before)) = self.0.take() {
            (means.end)(before);
        }
    }
}

/// Whether [`set_timeouts`] works.
pub fn has_timeouts() -> bool {
    LENT.get().is_some()
}

/// How long reading and writing wait for the other end; whether that could be set.
pub fn set_timeouts(number: i32, time: Option<Duration>) -> bool {
    LENT.get().is_some_and(|means| (means.set_timeouts)(number, time))
}

/// Another descriptor of the socket of this number; `None` where there are no means.
pub fn copy(number: i32) -> Option<std::io::Result<OwnedFd>> {
    LENT.get().map(|means| (means.copy)(number))
}

/// How many bytes have come and arrived at the other end, if that is counted.
pub fn moved(socket: &OwnedFd) -> Option<u64> {
    LENT.get().and_then(|means| (means.moved)(socket.as_raw_fd()))
}
