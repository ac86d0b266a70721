//! The query that lists the experiments of Experiment Manager's databases.

use crate::database::Layout;
use crate::error::Result;
use crate::schema::experiment_manager::{RUN, TRIAL};
use crate::schema::quote;

/// The query for its experiments, as `experiments` wants it.
pub fn list(layout: &Layout) -> Result<(String, Vec<&'static str>)> {
    let (experiments, trials, runs) = (layout.root()?, layout.entity(TRIAL)?, layout.entity(RUN)?);
    let columns: Vec<String> = ["id", "title", "desc", "start_time", "update_time"]
        .iter()
        .map(|column| format!("e.{}", experiments.quoted(column)))
        .collect();
    let (trial_table, run_table) = (quote(&trials.name), quote(&runs.name));
    let (trial_id, owner, trial_of_run) =
        (trials.quoted("id"), trials.quoted("experiment_id"), runs.quoted("trial_id"));
    // Grouped before joining: each table is read once.
    let sql = format!(
        "SELECT {}, c.trials, c.runs, NULL FROM {} AS e LEFT JOIN (
           SELECT t.{owner} AS experiment, count(*) AS trials, sum(coalesce(r.n, 0)) AS runs
           FROM {trial_table} AS t
           LEFT JOIN (SELECT {trial_of_run} AS trial, count(*) AS n FROM {run_table} GROUP BY {trial_of_run}) AS r
             ON r.trial = t.{trial_id}
           GROUP BY t.{owner}
         ) AS c ON c.experiment = e.{} ORDER BY 1",
        columns.join(", "),
        quote(&experiments.name),
        experiments.quoted("id"),
    );
    Ok((sql, Vec::new()))
}
