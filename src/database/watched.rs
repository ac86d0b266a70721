//! The job that the long statements of a connection tick.

use std::sync::{Arc, Mutex, PoisonError};

use crate::progress::Job;

/// The job, if there is one.
#[derive(Default)]
pub struct Watched(Mutex<Option<Arc<Job>>>);

impl Watched {
    /// With a job from the beginning.
    pub fn new(job: Option<Arc<Job>>) -> Watched {
        Watched(Mutex::new(job))
    }

    /// The job.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another job, or none; returns the one before.
    pub fn set(&self, job: Option<Arc<Job>>) -> Option<Arc<Job>> {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), job)
    }
}
