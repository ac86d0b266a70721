//! SIGPIPE of our own writes is kept from the host: held back in the thread that writes, and taken away if it came.

use std::mem::MaybeUninit;

use libc::{SIG_BLOCK, SIG_UNBLOCK, SIGPIPE, sigset_t, timespec};

use crate::sockets::{self, Before, Holding};

/// The bytes of a set of signals, for the system.
const SIGNALS_SIZE: usize = 8;

/// Lends the engine the means.
pub fn lend() {
    sockets::lend(Holding { begin, end });
}

/// SIGPIPE alone.
fn pipe() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset fills the set in; SIGPIPE is a signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), SIGPIPE);
        set.assume_init()
    }
}

fn has_pipe(set: &sigset_t) -> bool {
    // SAFETY: the set is filled in.
    unsafe { libc::sigismember(set, SIGPIPE) == 1 }
}

fn is_pending() -> bool {
    let mut set = pipe();
    // SAFETY: the set may be written.
    unsafe { libc::sigpending(&raw mut set) == 0 && has_pipe(&set) }
}

fn begin() -> Before {
    let mut old = MaybeUninit::uninit();
    // SAFETY: both sets live for the call.
    let asked = unsafe { libc::pthread_sigmask(SIG_BLOCK, &pipe(), old.as_mut_ptr()) };
    // SAFETY: the call succeeded, so the set is filled in. It fails for arguments only that it does not get here.
    let blocked = asked == 0 && has_pipe(unsafe { old.assume_init_ref() });
    // Where it was not held back none can wait.
    Before { blocked, pending: blocked && is_pending() }
}

/// Takes a SIGPIPE that waits: this thread's before the process's.
fn take() -> Option<libc::siginfo_t> {
    let now = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    let set = pipe();
    loop {
        // glibc's function hides who it was sent to.
        // SAFETY: all three live for the call, and the system reads and writes no more than they have.
        let taken = unsafe {
            libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, info.as_mut_ptr(), &raw const now, SIGNALS_SIZE)
        };
        if taken == libc::c_long::from(SIGPIPE) {
            // SAFETY: a signal was taken, so it is filled in.
            return Some(unsafe { info.assume_init() });
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Puts back what was taken, to where it was.
fn put_back(info: &libc::siginfo_t) {
    // SAFETY: this process may send itself any signal with any contents, which live for the call.
    unsafe {
        let process = libc::getpid();
        if info.si_code == libc::SI_TKILL {
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, libc::gettid(), SIGPIPE, std::ptr::from_ref(info));
        } else {
            libc::syscall(libc::SYS_rt_sigqueueinfo, process, SIGPIPE, std::ptr::from_ref(info));
        }
    }
}

fn end(before: Before) {
    if !before.pending {
        let _ours = take();
    } else if let Some(taken) = take()
        && !is_pending()
    {
        // There was but one, so it is the host's: one of this thread's swallows ours. Of two the first is ours.
        put_back(&taken);
    }
    if !before.blocked {
        // SAFETY: as in `begin`.
        unsafe { libc::pthread_sigmask(SIG_UNBLOCK, &pipe(), std::ptr::null_mut()) };
    }
}
