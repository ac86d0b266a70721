//! Facts about the host process that only unsafe code can find out: forks, and the descriptors behind given numbers.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::os::fd::BorrowedFd;
#[cfg(feature = "servers")]
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::panics::shielded;
use crate::database::{FileId, Held, Lent, hold, lend};
use crate::process;

unsafe extern "C" {
    /// Of POSIX. Runs functions before a fork, and after it in the parent and in the child.
    fn pthread_atfork(
        prepare: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> c_int;
}

/// SQLite's own locks, in the order in which it takes them. A thread that has one at a fork does not exist in the child, which would wait
/// for it at the first database that it opens.
const LOCKS: [c_int; 7] = [
    ffi::SQLITE_MUTEX_STATIC_MAIN,
    ffi::SQLITE_MUTEX_STATIC_OPEN,
    ffi::SQLITE_MUTEX_STATIC_VFS1,
    ffi::SQLITE_MUTEX_STATIC_LRU,
    ffi::SQLITE_MUTEX_STATIC_PMEM,
    ffi::SQLITE_MUTEX_STATIC_MEM,
    ffi::SQLITE_MUTEX_STATIC_PRNG,
];

/// How long a fork waits for a lock. A signal handler that forks may have interrupted the very thread that has it.
const PATIENCE: Duration = Duration::from_millis(500);
/// So often a lock is tried to get before the thread sleeps in between.
const BUSY_TRIES: u32 = 1000;

thread_local! {
    /// What this thread holds for a fork.
    static FILES: RefCell<Option<Held>> = const { RefCell::new(None) };
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

/// Makes the process ready for databases, once.
pub fn prepare() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    lend(Lent {
        file,
        #[cfg(feature = "servers")]
        close,
    });
    // Nobody waits for it: a child could do so for ever.
    if BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: the functions unwind through nothing, and the library is never unloaded. Without room for them there is the id of the
    // process by which forks are found.
    let _done = unsafe { pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
}

unsafe extern "C" fn before_fork() {
    shielded((), || {
        // A thread that is about to end has nowhere to keep it.
        let _kept = FILES.try_with(|files| files.replace(hold()));
        let since = Instant::now();
        let mut taken = 0;
        for (at, kind) in LOCKS.iter().enumerate() {
            if take(*kind, since) {
                taken |= 1 << at;
            }
        }
        TAKEN.set(taken);
    });
}

unsafe extern "C" fn in_parent() {
    shielded((), let_go);
}

unsafe extern "C" fn in_child() {
    shielded((), || {
        process::forked();
        let_go();
    });
}

fn take(kind: c_int, since: Instant) -> bool {
    for tries in 0_u32.. {
        // SAFETY: a static lock of SQLite's, which always is there.
        if unsafe { ffi::sqlite3_mutex_try(ffi::sqlite3_mutex_alloc(kind)) } == ffi::SQLITE_OK {
            return true;
        }
        if since.elapsed() > PATIENCE {
            break;
        }
        if tries < BUSY_TRIES { std::thread::yield_now() } else { std::thread::sleep(Duration::from_micros(50)) }
    }
    false
}

fn let_go() {
    let taken = TAKEN.replace(0);
    for (at, kind) in LOCKS.iter().enumerate().rev() {
        if taken & (1 << at) != 0 {
            // SAFETY: as in `take`; this thread has it.
            unsafe { ffi::sqlite3_mutex_leave(ffi::sqlite3_mutex_alloc(*kind)) };
        }
    }
    let _let_go = FILES.try_with(RefCell::take);
}

fn file(number: i32) -> Option<FileId> {
    // SAFETY: fstat answers EBADF for a number that is no descriptor, and does nothing to one that is.
    let found = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(number) }).ok()?;
    Some((found.st_dev, found.st_ino))
}

#[cfg(feature = "servers")]
fn close(number: i32) {
    // SAFETY: the caller has opened it, and nobody else here uses it: in a child after a fork, where what used it is left alone.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
}
