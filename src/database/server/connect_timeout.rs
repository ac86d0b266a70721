//! Connects within a time limit. The driver has only a timeout for each byte, and cannot be cancelled. So it connects on a thread of its own,
//! which is abandoned when the time is over.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::threads;

/// So often the job is asked.
const LOOK: Duration = Duration::from_millis(50);

/// What the work makes, unless that takes longer than `limit` (the error is `late` then) or the job is asked to stop. What it still makes
/// afterwards is dropped.
pub fn in_time<T: Send + 'static>(
    limit: Duration,
    job: Option<&Arc<Job>>,
    late: impl FnOnce() -> Error,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let until = Instant::now() + limit;
    let check = || job.map_or(Ok(()), |job| job.check());
    check()?;
    let (give, take) = channel();
    let thread = threads::spawn("expmig connect", move || drop(give.send(work()))).map_err(|error| {
        Error::new(Status::Limit, Domain::Database, format!("there is no thread to connect on ({error})"))
            .hint("let the process have more threads or more memory")
    })?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match take.recv_timeout(left.min(LOOK)) {
            Ok(done) => {
                let _nothing_is_left_to_do = thread.join();
                return done;
            }
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(late()),
            Err(RecvTimeoutError::Timeout) => check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::internal(Domain::Database, "connecting broke off"));
            }
        }
    }
}
