//! The commands `job list`, `resume` and `abandon`: migrations in several transactions.

use serde_json::json;

use crate::arguments::Job as Command;
use crate::failure::Outcome;
use crate::output::{after_change, count};
use crate::session::{Session, Use};

pub fn run(session: &Session, command: Command) -> Outcome<()> {
    match command {
        Command::List(on) => list(session, &on.database),
        Command::Resume { source, id, to } => {
            let target = to.as_ref().map(|to| session.open(to, Use::Write)).transpose()?;
            let from = session.open(&source, if target.is_some() { Use::Read } else { Use::Write })?;
            let done = from.resume_job(id, target.as_ref(), session.job())?;
            if session.common.json {
                return after_change(session.document(&done.to_json()));
            }
            let experiment = done.new_experiment_id;
            after_change(match done.skipped {
                true => session.line(format_args!("job {id} was published before, as experiment {experiment}")),
                false => session.line(format_args!(
                    "job {id} is published: {source}#{} is experiment {experiment} ({})",
                    done.source_experiment_id,
                    count(done.items_processed, "row")
                )),
            })
        }
        Command::Abandon { on, id } => {
            let manager = session.open(&on.database, Use::Write)?;
            session.confirm(&format!("What job {id} copied into {} is removed for good.", on.database))?;
            let removed = manager.abandon_job(id, session.job())?;
            after_change(match session.common.json {
                true => session.document(&json!({"schema": "expmig.job_removal/1", "removed": removed.to_json()})),
                false => session.line(format_args!("removed job {id} and what it copied")),
            })
        }
    }
}

fn list(session: &Session, database: &str) -> Outcome<()> {
    let jobs = session.open(database, Use::Read)?.jobs()?;
    if session.common.json {
        return session.document(&expmig::jobs_json(&jobs));
    }
    if jobs.is_empty() {
        return session.line("there are no jobs");
    }
    let rows: Vec<Vec<String>> = jobs
        .into_iter()
        .map(|job| {
            let all: u64 = job.document.rows.iter().map(|(_, rows)| rows).sum();
            let there: u64 = job.place.iter().map(|(_, rows)| rows).sum();
            vec![
                job.id.to_string(),
                job.state.name().to_owned(),
                format!("{there} of {all}"),
                job.document.experiment.to_string(),
                job.touched_at,
                job.document.source,
            ]
        })
        .collect();
    session.table(&["ID", "STATE", "ROWS", "EXPERIMENT", "LAST", "SOURCE"], &[0, 3], &rows)
}
