//! Progress, cancelling and the heartbeat of one job.
//!
//! A [`Job`] is shared by the engine, which counts rows, and by the database connection, which ticks it from inside long
//! SQL statements. Both lead to the caller's sink, on the caller's thread, never twice at once.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::{Domain, Error, Result, Status};

/// The least time between two calls of the sink.
const INTERVAL: Duration = Duration::from_millis(100);
/// The longest time without a call of the sink.
const HEARTBEAT: Duration = Duration::from_millis(900);
/// How many rows may pass between two looks at the clock and at the cancel token.
const ROWS_PER_LOOK: u64 = 256;
/// How many of the latest errors a progress report holds.
const RECENT_ERRORS: usize = 8;

/// Of a token that was triggered; above it, how many jobs that watch it are committing.
const TRIGGERED: usize = 1;
const COMMITTING: usize = 2;

/// Asks a running job to stop. Clones share the request. Triggering is safe from any thread and from a signal handler.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicUsize>);

impl CancelToken {
    /// Makes a token, which is not triggered.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Asks every job that watches the token to stop. A token cannot be reset. Returns whether all of these jobs will stop: `false` means
    /// that one of them has begun to commit, and will complete; after `true`, none of them begins to commit.
    pub fn trigger(&self) -> bool {
        self.0.fetch_or(TRIGGERED, Ordering::SeqCst) < COMMITTING
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TRIGGERED != 0
    }

    /// Whether a job may commit: nobody has triggered the token.
    fn lets_commit(&self) -> bool {
        let begun = |now: usize| (now & TRIGGERED == 0).then(|| now + COMMITTING);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, begun).is_ok()
    }

    fn committed(&self) {
        self.0.fetch_sub(COMMITTING, Ordering::SeqCst);
    }
}

/// The progress of a job at one moment.
#[derive(Clone, Debug)]
pub struct Progress {
    /// What is being done, for a person.
    pub operation: &'static str,
    /// Rows done, failed ones included.
    pub processed_items: u64,
    /// Rows in all; 0 until they were counted.
    pub total_items: u64,
    /// Rows that could not be processed.
    pub failed_items: u64,
    /// When the job began, microseconds since 1970, UTC.
    pub start_time_us: i64,
    /// Time since the job began.
    pub elapsed: Duration,
    /// Time still needed, once it can be estimated; zero when done.
    pub remaining: Option<Duration>,
    /// How many errors there were so far.
    pub error_count: u64,
    /// The latest errors, oldest first.
    pub recent_errors: Vec<String>,
    /// Whether this is the last report of a job that succeeded.
    pub finished: bool,
}

impl Progress {
    /// 0 to 100. 0 until the total is known, exactly 100 when the job has finished.
    pub fn completion_percentage(&self) -> f64 {
        if self.finished {
            return 100.0;
        }
        if self.total_items == 0 {
            return 0.0;
        }
        (self.processed_items.min(self.total_items) as f64 / self.total_items as f64) * 100.0
    }

    /// 0 to 100: the share of processed rows that did not fail; 100 before the first.
    pub fn success_rate(&self) -> f64 {
        if self.processed_items == 0 {
            return 100.0;
        }
        let good = self.processed_items.saturating_sub(self.failed_items);
        (good as f64 / self.processed_items as f64) * 100.0
    }

    /// When the job will probably be done, microseconds since 1970, UTC; `None` until it can be estimated.
    pub fn estimated_completion_us(&self) -> Option<i64> {
        let whole = self.elapsed + self.remaining?;
        Some(self.start_time_us.saturating_add(i64::try_from(whole.as_micros()).ok()?))
    }
}

/// What a callback of the caller returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop and roll back: status CANCELLED.
    Cancel,
    /// The sink itself failed: stop and roll back with status CALLBACK and this value as a detail.
    Fail(i32),
}

impl Flow {
    /// The error of a call whose callback returned this; `None` if the call goes on.
    pub fn stop(self, domain: Domain, callback: &'static str) -> Option<Error> {
        match self {
            Flow::Continue => None,
            Flow::Cancel => Some(Error::new(Status::Cancelled, domain, "the job was cancelled; nothing was changed")),
            Flow::Fail(code) => Some(
                Error::new(Status::Callback, domain, format!("the {callback} callback failed; nothing was changed"))
                    .detail("callback", callback)
                    .detail("callback_result", code),
            ),
        }
    }
}

/// Receives progress reports, on the thread that made the call.
pub type ProgressSink = Box<dyn FnMut(&Progress) -> Flow + Send>;

/// One call's progress and cancelling.
pub struct Job {
    domain: Domain,
    cancel: Option<CancelToken>,
    processed: AtomicU64,
    unseen: AtomicU64,
    stopped: AtomicBool,
    committing: AtomicBool,
    state: Mutex<State>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.end_commit();
    }
}

struct State {
    sink: Option<ProgressSink>,
    operation: &'static str,
    total: u64,
    failed: u64,
    error_count: u64,
    recent_errors: Vec<String>,
    started: Instant,
    start_time_us: i64,
    last_call: Option<Instant>,
    stop: Option<Flow>,
    finished: bool,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Job").field("processed", &self.processed).finish_non_exhaustive()
    }
}

/// Adds to a counter and returns what it was. Only the thread that made the call counts; others may read: this spares the
/// processor a locked instruction for every row.
#[inline]
fn add(counter: &AtomicU64, more: u64) -> u64 {
    let before = counter.load(Ordering::Relaxed);
    counter.store(before.wrapping_add(more), Ordering::Relaxed);
    before
}

impl Job {
    /// A job that reports to `sink` and watches `cancel`.
    pub fn new(domain: Domain, sink: Option<ProgressSink>, cancel: Option<CancelToken>) -> Arc<Job> {
        Arc::new(Job {
            domain,
            cancel,
            processed: AtomicU64::new(0),
            unseen: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            committing: AtomicBool::new(false),
            state: Mutex::new(State {
                sink,
                operation: "starting",
                total: 0,
                failed: 0,
                error_count: 0,
                recent_errors: Vec::new(),
                started: Instant::now(),
                start_time_us: chrono::Utc::now().timestamp_micros(),
                last_call: None,
                stop: None,
                finished: false,
            }),
        })
    }

    /// A job that nobody watches.
    pub fn unwatched(domain: Domain) -> Arc<Job> {
        Job::new(domain, None, None)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Names what comes next and makes a call of the sink due if enough time has passed. The first of a job always calls.
    pub fn begin(&self, operation: &'static str) -> Result<()> {
        self.lock().operation = operation;
        self.look(INTERVAL)
    }

    /// Names the last step. From then on the job cannot be stopped any more.
    pub fn begin_commit(&self) -> Result<()> {
        self.begin("committing")?;
        if let Some(token) = &self.cancel {
            if !token.lets_commit() {
                return self.check();
            }
            self.committing.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    fn end_commit(&self) {
        if let Some(token) = self.cancel.as_ref().filter(|_| self.committing.swap(false, Ordering::SeqCst)) {
            token.committed();
        }
    }

    /// Whether somebody receives progress.
    pub fn is_watched(&self) -> bool {
        self.lock().sink.is_some()
    }

    /// Says how many rows there are in all.
    pub fn set_total(&self, total: u64) {
        self.lock().total = total;
    }

    /// Counts one processed row; now and then looks at the clock and at the cancel token.
    #[inline]
    pub fn advance(&self) -> Result<()> {
        self.advance_by(1)
    }

    /// Counts several processed rows.
    pub fn advance_by(&self, rows: u64) -> Result<()> {
        add(&self.processed, rows);
        self.pulse_by(rows)
    }

    /// As [`Job::advance`], for rows that are read but do not count.
    #[inline]
    pub fn pulse(&self) -> Result<()> {
        self.pulse_by(1)
    }

    #[inline]
    fn pulse_by(&self, rows: u64) -> Result<()> {
        let before = add(&self.unseen, rows);
        if before / ROWS_PER_LOOK != before.wrapping_add(rows) / ROWS_PER_LOOK {
            return self.look(INTERVAL);
        }
        Ok(())
    }

    /// Counts a row that could not be processed.
    pub fn fail_row(&self, message: String) -> Result<()> {
        {
            let mut state = self.lock();
            state.failed += 1;
            state.error_count += 1;
            if state.recent_errors.len() == RECENT_ERRORS {
                state.recent_errors.remove(0);
            }
            state.recent_errors.push(message);
        }
        self.advance()
    }

    /// For the database: called now and then from inside a long statement or a wait. True asks it to stop.
    pub fn tick(&self) -> bool {
        self.look(HEARTBEAT).is_err()
    }

    /// Fails if the job was asked to stop.
    pub fn check(&self) -> Result<()> {
        self.look(HEARTBEAT)
    }

    /// The last report of a job that succeeded. The sink can no longer stop it: everything is committed.
    pub fn finish(&self) {
        self.end_commit();
        let mut state = self.lock();
        state.finished = true;
        state.operation = "finished";
        let progress = self.report(&state);
        if let Some(mut sink) = state.sink.take() {
            sink(&progress);
        }
    }

    /// The error of a job that was asked to stop, `None` of any other.
    pub fn stop_error(&self) -> Option<Error> {
        if !self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let flow = self.lock().stop?;
        let error = flow.stop(self.domain, "progress")?;
        Some(match flow {
            Flow::Cancel => error.detail("processed_items", self.processed.load(Ordering::Relaxed)),
            _ => error,
        })
    }

    /// Rows processed and failed so far, and the total.
    pub fn counts(&self) -> (u64, u64, u64) {
        let state = self.lock();
        (self.processed.load(Ordering::Relaxed), state.failed, state.total)
    }

    /// How long the job has been running.
    pub fn elapsed(&self) -> Duration {
        self.lock().started.elapsed()
    }

    fn look(&self, due: Duration) -> Result<()> {
        if let Some(error) = self.stop_error() {
            return Err(error);
        }
        let flow =
            if self.cancel.as_ref().is_some_and(CancelToken::is_triggered) { Flow::Cancel } else { self.call(due) };
        if flow == Flow::Continue {
            return Ok(());
        }
        self.lock().stop = Some(flow);
        self.stopped.store(true, Ordering::Relaxed);
        match self.stop_error() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn call(&self, due: Duration) -> Flow {
        let mut state = self.lock();
        if state.sink.is_none() || state.last_call.is_some_and(|last| last.elapsed() < due) {
            return Flow::Continue;
        }
        let progress = self.report(&state);
        state.last_call = Some(Instant::now());
        match state.sink.as_mut() {
            Some(sink) => sink(&progress),
            None => Flow::Continue,
        }
    }

    fn report(&self, state: &State) -> Progress {
        let elapsed = state.started.elapsed();
        let processed = self.processed.load(Ordering::Relaxed);
        let remaining = if state.finished {
            Some(Duration::ZERO)
        } else if processed == 0 || state.total < processed {
            None
        } else {
            let left = (state.total - processed) as f64 / processed as f64;
            Duration::try_from_secs_f64(elapsed.as_secs_f64() * left).ok()
        };
        Progress {
            operation: state.operation,
            processed_items: processed,
            total_items: state.total,
            failed_items: state.failed,
            start_time_us: state.start_time_us,
            elapsed,
            remaining,
            error_count: state.error_count,
            recent_errors: state.recent_errors.clone(),
            finished: state.finished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CancelToken, Job};
    use crate::error::{Domain, Status};

    #[test]
    fn a_token_stops_a_job_before_its_commit_or_comes_too_late() {
        let token = CancelToken::new();
        let job = Job::new(Domain::Migration, None, Some(token.clone()));
        job.begin_commit().unwrap();
        assert!(!token.trigger(), "the commit has begun");
        drop(job);
        assert!(token.trigger() && token.is_triggered(), "and ended");
        let next = Job::new(Domain::Migration, None, Some(token.clone()));
        assert_eq!(next.begin_commit().unwrap_err().status(), Status::Cancelled);
        assert!(token.trigger(), "no other begins");
    }

    #[test]
    fn jobs_that_share_a_token_commit_each_for_itself() {
        let token = CancelToken::new();
        let jobs = [(); 2].map(|()| Job::new(Domain::Migration, None, Some(token.clone())));
        jobs.iter().for_each(|job| job.begin_commit().unwrap());
        jobs[0].finish();
        assert!(!token.trigger(), "the other has not ended");
        jobs[1].finish();
        assert!(token.trigger());
    }
}
