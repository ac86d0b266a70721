//! Threads of the library, in which all signals are blocked. Signals of the host are for its own threads: a handler of a JVM, of Go or of Python
//! would not find the state that it needs in ours, and a signal would interrupt their waits. Blocking signals needs unsafe code, which the C ABI
//! has and lends.

use std::sync::OnceLock;
use std::thread::{Builder, JoinHandle};

/// Holds all signals back in this thread; what it answers ends that.
pub type Hold = fn() -> Box<dyn FnOnce()>;

static LENT: OnceLock<Hold> = OnceLock::new();

/// Gives the means, once for the process.
#[cfg(feature = "servers")]
pub fn lend(hold: Hold) {
    LENT.get_or_init(|| hold);
}

/// Begins a thread, which gets none of the process's signals if there are the means.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    // A thread begins with what is held back where it is made.
    let release = LENT.get().map(|hold| hold());
    let spawned = Builder::new().name(name.to_owned()).spawn(work);
    if let Some(release) = release {
        release();
    }
    spawned
}
