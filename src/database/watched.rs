//! The job that a connection ticks during long statements, and the time limit of these statements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::progress::Job;

/// The job, if there is one.
#[derive(Default)]
pub struct Watched {
    job: Mutex<Option<Arc<Job>>>,
    until: Mutex<Option<Instant>>,
}

impl Watched {
    /// With a job from the beginning.
    pub fn new(job: Option<Arc<Job>>) -> Watched {
        Watched { job: Mutex::new(job), until: Mutex::default() }
    }

    /// The job.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another job, or none; returns the one before.
    pub fn set(&self, job: Option<Arc<Job>>) -> Option<Arc<Job>> {
        std::mem::replace(&mut self.job.lock().unwrap_or_else(PoisonError::into_inner), job)
    }

    /// From now on statements are stopped at this time; or not.
    pub fn stop_at(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether that time has come.
    pub fn is_late(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() >= until)
    }

    /// Whether a statement that is running has to stop.
    pub fn tick(&self) -> bool {
        self.is_late() || self.job().is_some_and(|job| job.tick())
    }
}
