//! The experiments of a database.

use serde::Serialize;

use super::unsound_rows::{UnsoundKind, UnsoundRow, UnsoundRows};
use crate::database::{Connection, Layout, Next, TableLayout};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::experiment_manager::{RUN, TRIAL};
use crate::schema::{Entity, quote};
use crate::values::{Value, ValueRef};

/// How many of the nearest ids a message names.
const NEAREST: usize = 3;

/// One experiment, for a list.
#[derive(Clone, Debug, Serialize)]
pub struct ExperimentSummary {
    pub id: i64,
    pub title: Option<String>,
    pub description: Option<String>,
    pub start_time: Option<String>,
    pub update_time: Option<String>,
    pub trials: u64,
    pub runs: u64,
}

fn count(value: ValueRef<'_>) -> u64 {
    value.as_integer().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// Hands over every experiment, by id. The problems are those that cannot be listed: their id is no integer.
pub fn list_experiments(
    connection: &dyn Connection,
    layout: &Layout,
    each: &mut dyn FnMut(ExperimentSummary) -> Result<()>,
) -> Result<UnsoundRows> {
    let mut unlisted = UnsoundRows::default();
    let (experiments, trials, runs) = (layout.entity(Entity::ROOT)?, layout.entity(TRIAL)?, layout.entity(RUN)?);
    let columns: Vec<String> = ["id", "title", "desc", "start_time", "update_time"]
        .iter()
        .map(|column| format!("e.{}", experiments.quoted(column)))
        .collect();
    let (trial_table, run_table) = (quote(&trials.name), quote(&runs.name));
    let (trial_id, owner, trial_of_run) =
        (trials.quoted("id"), trials.quoted("experiment_id"), runs.quoted("trial_id"));
    // Grouped before joining: each table is read once.
    let sql = format!(
        "SELECT {}, c.trials, c.runs FROM {} AS e LEFT JOIN (
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
    connection.query(&sql, &[], &mut |row| {
        let Some(id) = row.value(0)?.as_integer() else {
            let problem = problem(experiments, row.value(0)?, row.value(1)?);
            unlisted.add(|| problem);
            return Ok(Next::Row);
        };
        each(ExperimentSummary {
            id,
            title: row.value(1)?.readable(),
            description: row.value(2)?.readable(),
            start_time: row.value(3)?.readable(),
            update_time: row.value(4)?.readable(),
            trials: count(row.value(5)?),
            runs: count(row.value(6)?),
        })?;
        Ok(Next::Row)
    })?;
    Ok(unlisted)
}

/// What is wrong with an experiment that has no id which anybody could name.
fn problem(table: &TableLayout, id: ValueRef<'_>, title: ValueRef<'_>) -> UnsoundRow {
    let (name, row) = (table.schema.name, format!("id={}", id.describe()));
    let (kind, what) = match id {
        ValueRef::Null => (UnsoundKind::NullKey, "is NULL"),
        _ => (UnsoundKind::KeyNotInteger, "is no integer"),
    };
    let message = format!("{name} ({row}): id {what} (title={})", title.describe());
    UnsoundRow { kind, table: name, row, message }
}

/// Fails with the nearest ids unless the experiment exists.
pub fn experiment_exists(connection: &dyn Connection, layout: &Layout, id: i64) -> Result<()> {
    let table = layout.entity(Entity::ROOT)?;
    let (name, column) = (quote(&table.name), table.quoted("id"));
    let found =
        connection.query_integer(&format!("SELECT count(*) FROM {name} WHERE {column} = ?1"), &[Value::Integer(id)])?;
    if found == Some(1) {
        return Ok(());
    }
    let mut nearest = Vec::new();
    for (comparison, order) in [("<", "DESC"), (">", "ASC")] {
        let sql = format!(
            "SELECT {column} FROM {name} WHERE {column} {comparison} ?1 ORDER BY {column} {order} LIMIT {NEAREST}"
        );
        connection.query(&sql, &[Value::Integer(id)], &mut |row| {
            nearest.extend(row.value(0)?.as_integer());
            Ok(Next::Row)
        })?;
    }
    nearest.sort_by_key(|other| other.abs_diff(id));
    nearest.truncate(NEAREST);
    nearest.sort_unstable();
    Err(unknown_experiment(id, &nearest))
}

/// The error for an experiment that does not exist.
pub fn unknown_experiment(id: i64, nearest: &[i64]) -> Error {
    let hint = if nearest.is_empty() {
        "the database has no experiments".to_owned()
    } else {
        let list: Vec<String> = nearest.iter().map(i64::to_string).collect();
        format!("the nearest experiments are {}", list.join(", "))
    };
    Error::new(Status::NotFound, Domain::Migration, format!("experiment {id} does not exist"))
        .detail("experiment_id", id)
        .hint(hint)
}
