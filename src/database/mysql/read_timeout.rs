//! How long a server may be silent, measured by the clock.
//!
//! The system's own timeout of a socket starts again with every signal, whether its handler has SA_RESTART or not, and whenever a stopped process
//! continues. Under a profiler it never expires. So a thread watches the connection while it is used, and closes it when no byte has been received by
//! either side for the given time. Each use costs two atomic additions. The thread looks about eight times in that time, and sleeps while the
//! connection is not used. Without a timeout there is no such thread.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mysql::{Error as Cause, PooledConn};
use rustix::io::ioctl_fionread;
use rustix::net::{Shutdown, shutdown};

use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::sockets::{self, Quiet};
use crate::threads;

/// So many looks in the time of a limit, and the least and the longest time between two.
const LOOKS: u32 = 8;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(1);

struct Shared {
    /// A descriptor of our own: its number is nobody else's, whatever the driver closes.
    socket: OwnedFd,
    limit: Duration,
    /// See [`is_used`].
    uses: AtomicU64,
    /// The thread waits to be woken by the next use.
    asleep: AtomicBool,
    /// The thread is not needed any more.
    over: AtomicBool,
    /// It hung up.
    late: AtomicBool,
}

/// What the beginning and the end of a use add: a change, in the upper half; and one more use, or less, in the lower, as uses can lie in each
/// other.
const BEGIN: u64 = CHANGE + 1;
const END: u64 = CHANGE - 1;
const CHANGE: u64 = 1 << 32;

/// Whether something uses the connection, by the sum of these.
fn is_used(uses: u64) -> bool {
    !uses.is_multiple_of(CHANGE)
}

impl Shared {
    fn look_on(&self) {
        let step = (self.limit / LOOKS).clamp(SHORTEST, LONGEST);
        let (mut seen, mut since) = (None, Instant::now());
        while !self.over.load(Ordering::SeqCst) {
            let sign = (self.uses.load(Ordering::SeqCst), sockets::moved(&self.socket));
            // Where something came that nobody has read yet, it is not the server that is slow.
            let unread = ioctl_fionread(&self.socket).is_ok_and(|bytes| bytes > 0);
            if seen != Some(sign) || unread && is_used(sign.0) {
                (seen, since) = (Some(sign), Instant::now());
            } else if !is_used(sign.0) {
                self.sleep(sign.0);
                continue;
            }
            let left = self.limit.saturating_sub(since.elapsed());
            if left.is_zero() && is_used(sign.0) {
                self.late.store(true, Ordering::SeqCst);
                // Who waits for it is told at once that there is no more to come. If it is closed already, nobody waits.
                let _closed_already = shutdown(&self.socket, Shutdown::Both);
                return;
            }
            std::thread::park_timeout(if left.is_zero() { step } else { step.min(left) });
        }
    }

    /// Sleeps until the connection is used again.
    fn sleep(&self, uses: u64) {
        self.asleep.store(true, Ordering::SeqCst);
        // A use that began before it was said is seen here; one that begins later wakes the thread.
        if self.uses.load(Ordering::SeqCst) == uses && !self.over.load(Ordering::SeqCst) {
            std::thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

/// The thread, and what it shares with those who use the connection.
struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    process: Process,
}

impl Watch {
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    fn begin(&self) {
        self.shared.uses.fetch_add(BEGIN, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    fn end(&self) {
        self.shared.uses.fetch_add(END, Ordering::SeqCst);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.wake();
        // In a child after a fork there is no such thread.
        if let Some(thread) = self.thread.take().filter(|_| self.process.is_current()) {
            let _it_only_looked_on = thread.join();
        }
    }
}

/// The limit of one connection; clones are of the same.
#[derive(Clone, Default)]
pub struct Patience(Option<Arc<Watch>>);

/// Something uses the connection until it is dropped, without a SIGPIPE.
pub struct Used {
    watch: Option<Arc<Watch>>,
    _quiet: Quiet,
}

impl Drop for Used {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.end();
        }
    }
}

impl Patience {
    /// For a connection; without a limit, or without the means, it has none but the system's.
    pub fn with(connection: &PooledConn, limit: Option<Duration>) -> Result<Patience> {
        let Some(limit) = limit else { return Ok(Patience::default()) };
        let Some(copied) = sockets::copy(connection.as_ref().as_raw_fd()) else { return Ok(Patience::default()) };
        let socket = copied.map_err(|error| {
            let what = "the server cannot be connected to";
            Error::of_descriptors(Domain::Database, what, &error).unwrap_or_else(|| {
                Error::new(Status::Io, Domain::Database, format!("{what}: {error}"))
                    .hint("raise the limit on open files, and try again")
            })
        })?;
        let shared = Arc::new(Shared {
            socket,
            limit,
            uses: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
            late: AtomicBool::new(false),
        });
        let its = Arc::clone(&shared);
        let thread = threads::spawn("expmig patience", move || its.look_on()).map_err(|error| {
            Error::new(Status::Limit, Domain::Database, format!("there is no thread to time the server ({error})"))
                .hint("let the process have more threads or more memory, or give no read-timeout-ms")
        })?;
        Ok(Patience(Some(Arc::new(Watch { shared, thread: Some(thread), process: Process::current() }))))
    }

    /// Uses the connection.
    #[inline]
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(watch) = &self.0 else { return work() };
        watch.begin();
        let done = work();
        watch.end();
        done
    }

    /// Uses the connection until what it answers is dropped. No callback of the host's may run meanwhile.
    pub fn begin(&self) -> Used {
        if let Some(watch) = &self.0 {
            watch.begin();
        }
        Used { watch: self.0.clone(), _quiet: Quiet::begin() }
    }

    /// Uses the connection for something that can fail.
    pub fn quietly<T>(&self, work: impl FnOnce() -> mysql::Result<T>) -> mysql::Result<T> {
        let used = self.begin();
        let done = work();
        drop(used);
        done.map_err(|error| self.reason(error))
    }

    /// Whether the server was silent for too long, so that the connection is lost.
    pub fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|watch| watch.shared.late.load(Ordering::SeqCst))
    }

    /// Why something failed: the driver only sees that the connection ended.
    pub fn reason(&self, error: Cause) -> Cause {
        match error {
            Cause::MySqlError(_) => error,
            _ if self.is_over() => Cause::IoError(std::io::ErrorKind::TimedOut.into()),
            error => error,
        }
    }

    /// The number of its own descriptor of the connection.
    pub fn number(&self) -> Option<RawFd> {
        self.0.as_ref().map(|watch| watch.shared.socket.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{AtomicBool, AtomicU64, Ordering, Patience, Process, Shared, Watch};

    /// Longer than a busy machine keeps a thread from running.
    const LIMIT: Duration = Duration::from_millis(500);

    fn patience() -> (Patience, UnixStream, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        let shared = Arc::new(Shared {
            socket: OwnedFd::from(here.try_clone().unwrap()),
            limit: LIMIT,
            uses: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
            late: AtomicBool::new(false),
        });
        let its = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || its.look_on()));
        (Patience(Some(Arc::new(Watch { shared, thread, process: Process::current() }))), here, there)
    }

    fn sleeps(patience: &Patience) -> bool {
        patience.0.as_ref().unwrap().shared.asleep.load(Ordering::SeqCst)
    }

    #[test]
    fn whoever_waits_for_too_long_is_told_that_nothing_comes() {
        use std::io::Read;
        let (patience, mut here, _there) = patience();
        let read = patience.during(|| here.read(&mut [0]));
        assert_eq!((read.unwrap(), patience.is_over()), (0, true));
    }

    #[test]
    fn a_use_within_another_is_a_use() {
        use std::io::Read;
        let (patience, mut here, _there) = patience();
        let _outer = patience.begin();
        let read = patience.during(|| here.read(&mut [0]));
        assert_eq!((read.unwrap(), patience.is_over()), (0, true));
    }

    #[test]
    fn uses_that_ended_leave_nothing_in_use() {
        let mut uses = 0u64;
        for (change, used) in [(super::BEGIN, true), (super::BEGIN, true), (super::END, true), (super::END, false)] {
            let before = uses;
            uses = uses.wrapping_add(change);
            assert!(super::is_used(uses) == used && uses != before, "{uses}");
        }
    }

    #[test]
    fn a_connection_that_nobody_uses_or_that_is_used_again_and_again_stays() {
        let (patience, _here, _there) = patience();
        while !sleeps(&patience) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(2 * LIMIT);
        assert!(sleeps(&patience), "it looks at a connection that nobody uses");
        let since = std::time::Instant::now();
        while since.elapsed() < 3 * LIMIT {
            patience.during(std::thread::yield_now);
        }
        assert!(!patience.is_over());
    }
}
