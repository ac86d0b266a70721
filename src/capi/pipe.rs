//! Keeps the host from a SIGPIPE that the library's own writes raise: the writing thread blocks the signal, and takes it away if it was raised.
//! Also the timeouts of sockets, the bytes that went through them, and threads of the library without signals.

use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use libc::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGPIPE, sigset_t, timespec};

use crate::sockets::{self, Before, Means};
use crate::threads;

/// The bytes of a set of signals, for the system.
const SIGNALS_SIZE: usize = 8;

/// Lends the engine the means.
pub fn lend() {
    sockets::lend(Means { begin, end, set_timeouts, copy, moved });
    threads::lend(hold);
}

/// Where a descriptor of ours may be: below are the standard streams.
const LEAST_NUMBER: libc::c_int = 3;

/// What `struct tcp_info` has of the bytes that arrived at the other end, and, right after it, of those that came: where that is.
const MOVED_AT: usize = 120;
const INFO_SIZE: usize = 256;

/// What a thread raises itself, by a fault: holding it back would end the process.
const FAULTS: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Holds back every signal that comes from elsewhere.
fn hold() -> Box<dyn FnOnce()> {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset fills the set in; these are signals; both sets live for the call.
    let before = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for fault in FAULTS {
            libc::sigdelset(all.as_mut_ptr(), fault);
        }
        // It fails for arguments only that it does not get here.
        (libc::pthread_sigmask(SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0).then(|| before.assume_init())
    };
    Box::new(move || {
        if let Some(before) = before {
            // SAFETY: the set is filled in, and lives for the call.
            unsafe { libc::pthread_sigmask(SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
        }
    })
}

fn copy(number: i32) -> std::io::Result<OwnedFd> {
    // SAFETY: the system looks at the number, which is of a socket of the caller's.
    let copied = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, LEAST_NUMBER) };
    if copied < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: it is new, so nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(copied) })
}

fn moved(number: i32) -> Option<u64> {
    let mut info = [0_u8; INFO_SIZE];
    let mut size = libc::socklen_t::try_from(INFO_SIZE).ok()?;
    // SAFETY: the system writes no more than the size that it is told, and then how much it was.
    let told =
        unsafe { libc::getsockopt(number, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut size) };
    let known = info.get(..usize::try_from(size).ok()?)?;
    let mut counts =
        known.get(MOVED_AT..)?.chunks_exact(size_of::<u64>()).map(|bytes| bytes.try_into().map(u64::from_ne_bytes));
    let (arrived, came) = (counts.next()?.ok()?, counts.next()?.ok()?);
    (told == 0).then(|| arrived.wrapping_add(came))
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

fn set_timeouts(number: i32, time: Option<Duration>) -> bool {
    let time = time.unwrap_or_default();
    let Ok(tv_sec) = time.as_secs().try_into() else { return false };
    let time = libc::timeval { tv_sec, tv_usec: time.subsec_micros().into() };
    let Ok(size) = libc::socklen_t::try_from(size_of_val(&time)) else { return false };
    [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO].into_iter().all(|option| {
        // SAFETY: the value lives for the call, and has this size. The number is that of a socket of the caller's.
        unsafe { libc::setsockopt(number, libc::SOL_SOCKET, option, (&raw const time).cast(), size) == 0 }
    })
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
