//! Migrations in several transactions (docs/clusters.md): listing them, going on with one that stopped, and removing what it copied.

use std::borrow::Borrow;

use super::{JobOptions, LogLevel, Manager};
use crate::database::Database;
use crate::error::{Domain, Result};
use crate::migration::{self, MigrateOptions, MigrationResult, StagedJob};

impl<D: Borrow<Database>> Manager<D> {
    /// The jobs of this database that write in several transactions, in the order in which they began: those that go on, those that stopped, and
    /// those that were published lately.
    pub fn jobs(&self) -> Result<Vec<StagedJob>> {
        let job = JobOptions::default().job(Domain::Migration);
        let listed = self.reading(&job, |connection| {
            let layout = self.database().checked(connection.layout()?)?;
            migration::staged_jobs(connection, &layout)
        });
        self.logged("list jobs", listed)
    }

    /// Goes on with a job of `target`, which began with this database as its source and stopped. The source must be as it was then. A job that was
    /// published already is `skipped` in the result.
    pub fn resume_job(&self, job: i64, target: Option<&Manager<D>>, options: JobOptions) -> Result<MigrationResult> {
        self.log(LogLevel::Info, &|| format!("resuming job {job}"));
        let watching =
            MigrateOptions { progress: options.progress, cancel: options.cancel, ..MigrateOptions::default() };
        let result = self.with_services(target, "", |target, services| {
            migration::resume_staged(self.database(), target, job, watching, services)
        });
        self.logged("resume job", self.noted(result))
    }

    /// Removes a job of this database that was not published, and the rows that it copied; nothing else. Returns what it was.
    pub fn abandon_job(&self, job: i64, options: JobOptions) -> Result<StagedJob> {
        self.log(LogLevel::Info, &|| format!("removing job {job}"));
        let removed = migration::abandon_staged(self.database(), job, (options.progress, options.cancel));
        self.logged("abandon job", removed)
    }
}
