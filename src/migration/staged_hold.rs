//! Lets only one call at a time work on a job.

use super::staged_row::{JobState, StagedJob, at_work};
use crate::database::Connection;
use crate::error::{Domain, Error, Result, Status};

/// Where other servers write too, a job that was heard of so lately may still be worked on elsewhere.
const LIVELY_SECONDS: u64 = 10;

/// Works on a job while no other call of this server does. Fails if one does already.
pub fn while_held<T>(connection: &dyn Connection, id: i64, act: impl FnOnce() -> Result<T>) -> Result<T> {
    if !connection.hold_job(id)? {
        return Err(at_work(id));
    }
    let done = act();
    connection.let_go_of_job(id);
    done
}

/// Fails if another call seems to work on the job, on this server or on another of its cluster.
pub fn refuse_at_work(connection: &dyn Connection, job: &StagedJob) -> Result<()> {
    while_held(connection, job.id, || Ok(()))?;
    let lively = job.seconds_idle().is_some_and(|seconds| seconds < LIVELY_SECONDS);
    if lively && job.state != JobState::Published && connection.is_one_of_several_writers() {
        let message =
            format!("job {} went on less than {LIVELY_SECONDS} seconds ago, perhaps on another server", job.id);
        return Err(Error::new(Status::Busy, Domain::Migration, message)
            .detail("job_id", job.id)
            .hint("try again when it has been silent for that long"));
    }
    Ok(())
}
