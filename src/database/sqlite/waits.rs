//! Waiting for the locks of others, and the job that is ticked meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::translate;
use super::one_file::OneFile;
use crate::database::watched::Watched;
use crate::error::{Domain, Error, Result, Status};
use crate::process::Process;
use crate::progress::Job;

/// How long to sleep between two tries to get a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How long a connection waits for the locks of others, and who wants to know meanwhile.
#[derive(Clone)]
pub struct Waits {
    pub path: PathBuf,
    pub busy_timeout: Duration,
    pub watched: Arc<Watched>,
    /// Who opened it.
    pub process: Process,
    /// What the path has to name; `None` for a file that nobody else knows of.
    pub file: Option<OneFile>,
    /// How long reading may keep writers of a database in rollback-journal mode waiting; `None` for as long as it takes.
    pub read_limit: Option<Duration>,
}

impl Waits {
    /// Sleeps a little because of a lock. Fails with its error if the busy timeout has passed since `since`.
    pub fn pause(&self, since: Instant, error: rusqlite::Error) -> Result<()> {
        if since.elapsed() >= self.busy_timeout {
            return Err(self.wrap(error).detail("busy_timeout_ms", self.busy_timeout.as_millis()));
        }
        if let Some(job) = self.watched.job() {
            job.check()?;
        }
        std::thread::sleep(LOCK_PAUSE);
        Ok(())
    }

    /// Adds where the database is to an error.
    pub fn name_in(&self, error: Error) -> Error {
        error.detail("path", self.path.display())
    }

    /// The job that wants to know.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.watched.job()
    }

    /// Fails if the path names another file than the one that is open, or none, and in a child of the process that opened it.
    pub fn check_file(&self) -> Result<()> {
        self.process.check(Domain::Database)?;
        self.file.as_ref().map_or(Ok(()), OneFile::check)
    }

    /// An error of SQLite as ours; an interrupted statement as what interrupted it, and what a file meets that was replaced as that.
    pub fn wrap(&self, error: rusqlite::Error) -> Error {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
            && let Some(stop) = self.watched.job().and_then(|job| job.stop_error())
        {
            return stop;
        }
        let error = translate(error, &self.path);
        match self.check_file() {
            Err(moved) if matches!(error.status(), Status::Io | Status::Corrupt | Status::Mismatch) => {
                moved.caused_by(error)
            }
            _ => error,
        }
    }
}
