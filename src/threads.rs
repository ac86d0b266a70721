//! Threads of our own. Signals of the host's are for threads of its own: a handler of a JVM, of Go or of Python finds nothing on ours that it
//! could use, and a signal would cut short what they wait for. Holding signals back takes unsafe code, which the C ABI has and lends.

use std::sync::OnceLock;
use std::thread::{Builder, JoinHandle};

/// Holds all signals back in this thread; what it answers ends that.
pub type Hold = fn() -> Box<dyn FnOnce()>;

static LENT: OnceLock<Hold> = OnceLock::new();

/// Gives the means, once for the process.
#[cfg(feature = "mysql")]
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
