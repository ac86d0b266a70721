//! One validation: a consistent state is read, and every section that was asked for looks at it.

use std::sync::Arc;

use super::options::ValidateOptions;
use super::report::{Collector, Report};
use crate::database::{Connection, Database, Transaction};
use crate::error::{Domain, Result};
use crate::hierarchy::experiment_exists;
use crate::progress::Job;

/// Runs the registered checks on the state that is being validated.
pub type RunChecks<'c> = &'c mut dyn FnMut(&dyn Connection, &Arc<Job>, &mut Collector) -> Result<()>;

/// Validates a database, or one experiment of it. Reads only.
pub fn validate(database: &Database, mut options: ValidateOptions, checks: RunChecks<'_>) -> Result<Report> {
    let job = Job::new(Domain::Validation, options.progress.take(), options.cancel.take());
    let connection = database.reader()?;
    connection.watch(Some(Arc::clone(&job)));
    let report = read(database, connection, &options, checks, &job);
    connection.watch(None);
    let report = report?;
    job.finish();
    Ok(report)
}

fn read(
    database: &Database,
    connection: &dyn Connection,
    options: &ValidateOptions,
    checks: RunChecks<'_>,
    job: &Arc<Job>,
) -> Result<Report> {
    job.begin("opening")?;
    let _state = Transaction::read(connection)?;
    let layout = database.layout()?;
    if let Some(experiment) = options.experiment {
        experiment_exists(connection, &layout, experiment)?;
    }
    let mut collector = Collector::new(options.issue_limit);
    if options.scope.registered_checks {
        job.begin("running registered checks")?;
        checks(connection, job, &mut collector)?;
    }
    Ok(collector.report(options.scope, options.experiment))
}
