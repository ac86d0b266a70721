//! The row of a job that writes in several transactions: what it does, how far it is, and whose turn it is.
//!
//! Every transaction of a job begins by counting `turn` on from what the job itself left there. So of two calls that work on one job, on
//! whatever servers of a cluster, only one can commit, and the other finds out before it writes.

use chrono::{NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::options::{MigrateOptions, Strategy};
use crate::database::{Connection, Layout, Next, TableLayout, Write};
use crate::digest::OnDuplicate;
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{JOB, quote};
use crate::values::{Value, ValueRef};

/// Published jobs are remembered until so many others were begun: whoever does not know whether the last commit was made can still ask.
const REMEMBERED: i64 = 100;
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6f";

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its rows are being copied.
    Copying,
    /// It is being removed.
    Removing,
    /// The copy is whole and can be seen as any other experiment.
    Published,
}

impl JobState {
    /// The name in the database and in documents.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Copying => "copying",
            JobState::Removing => "removing",
            JobState::Published => "published",
        }
    }

    fn from_name(name: &str) -> Option<JobState> {
        [JobState::Copying, JobState::Removing, JobState::Published].into_iter().find(|state| state.name() == name)
    }
}

/// What a job does, as it was when it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDocument {
    /// Where the source is, for people.
    pub source: String,
    pub source_experiment: i64,
    /// The experiment that the copy is.
    pub experiment: i64,
    pub title: String,
    /// For each entity of the family the first id of the copy's rows, and how many there are.
    pub ids: Vec<(i64, u64)>,
    /// The rows of each table.
    pub rows: Vec<(String, u64)>,
    /// The digest that the copy must have.
    pub digest: String,
    pub options: StoredOptions,
}

/// The options of a migration that decide what the copy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOptions {
    conservative: bool,
    on_duplicate: String,
    allow_lossy: bool,
    batch_size: usize,
    title_prefix: Option<String>,
    transformation_rules: Option<String>,
    pub stage_rows: Option<u64>,
}

const ON_DUPLICATE: [(OnDuplicate, &str); 3] =
    [(OnDuplicate::Copy, "copy"), (OnDuplicate::Skip, "skip"), (OnDuplicate::Error, "error")];

impl StoredOptions {
    pub fn of(options: &MigrateOptions) -> StoredOptions {
        let named = ON_DUPLICATE.iter().find(|(way, _)| *way == options.on_duplicate);
        StoredOptions {
            conservative: options.strategy == Strategy::Conservative,
            on_duplicate: named.map_or("copy", |(_, name)| name).to_owned(),
            allow_lossy: options.allow_lossy,
            batch_size: options.batch_size,
            title_prefix: options.title_prefix.clone(),
            transformation_rules: options.transformation_rules.clone(),
            stage_rows: options.stage_rows,
        }
    }

    /// Those of the call that goes on: the others are the job's.
    pub fn restore(self, options: &mut MigrateOptions) {
        options.strategy = if self.conservative { Strategy::Conservative } else { Strategy::Balanced };
        options.on_duplicate = ON_DUPLICATE
            .iter()
            .find(|(_, name)| *name == self.on_duplicate)
            .map_or(OnDuplicate::Error, |(way, _)| *way);
        options.allow_lossy = self.allow_lossy;
        options.batch_size = self.batch_size;
        options.title_prefix = self.title_prefix;
        options.transformation_rules = self.transformation_rules;
        options.stage_rows = self.stage_rows;
        options.staged = true;
    }
}

/// A job that writes in several transactions, as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedJob {
    pub id: i64,
    pub state: JobState,
    pub created_at: String,
    pub touched_at: String,
    pub document: JobDocument,
    /// How many rows of each table are there.
    pub place: Vec<(String, u64)>,
    turn: i64,
}

fn now() -> String {
    Utc::now().naive_utc().format(TIME).to_string()
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into().into_bytes())
}

/// The error of a row that is none of ours.
fn unreadable(id: i64, problem: impl ToString) -> Error {
    Error::new(Status::Schema, Domain::Migration, format!("the row of job {id} cannot be read"))
        .detail("table", JOB.name)
        .detail("job_id", id)
        .detail("problem", problem)
        .hint("something else changed the table; a newer version of expmig may be able to read it")
}

/// The error of a job that is not there.
fn unknown(id: i64) -> Error {
    Error::new(Status::NotFound, Domain::Migration, format!("there is no job {id}"))
        .detail("job_id", id)
        .hint("list the jobs of the database: one that was removed, or published long ago, is not among them")
}

/// The error of a job that another call works on.
pub fn at_work(id: i64) -> Error {
    Error::new(Status::Busy, Domain::Migration, format!("another call works on job {id}"))
        .detail("job_id", id)
        .hint("let that call go on; when it has stopped, the job can be resumed or abandoned")
}

/// All jobs of a database, in the order in which they were begun.
pub fn staged_jobs(connection: &dyn Connection, layout: &Layout) -> Result<Vec<StagedJob>> {
    read_jobs(connection, layout, None)
}

/// The job with this id.
pub fn staged_job(connection: &dyn Connection, layout: &Layout, id: i64) -> Result<StagedJob> {
    read_jobs(connection, layout, Some(id))?.pop().ok_or_else(|| unknown(id))
}

/// All jobs, or the one with this id.
fn read_jobs(connection: &dyn Connection, layout: &Layout, only: Option<i64>) -> Result<Vec<StagedJob>> {
    let Some(table) = layout.own_table(&JOB)? else { return Ok(Vec::new()) };
    let columns = ["id", "state", "turn", "created_at", "touched_at", "document", "place"];
    let columns: Vec<String> = columns.iter().map(|name| table.quoted(name)).collect();
    let (id, name) = (table.id(), quote(&table.name));
    let which = if only.is_some() { format!(" WHERE {id} = ?1") } else { String::new() };
    let sql = format!("SELECT {} FROM {name}{which} ORDER BY {id}", columns.join(", "));
    let params: Vec<Value> = only.into_iter().map(Value::Integer).collect();
    let mut jobs = Vec::new();
    connection.query(&sql, &params, &mut |row| {
        let id = row.value(0)?.as_integer().unwrap_or(0);
        let word = |at: usize| -> Result<String> { Ok(row.value(at)?.readable().unwrap_or_default()) };
        let state = word(1)?;
        jobs.push(StagedJob {
            id,
            state: JobState::from_name(&state).ok_or_else(|| unreadable(id, format!("its state is {state:?}")))?,
            turn: row.value(2)?.as_integer().unwrap_or(0),
            created_at: word(3)?,
            touched_at: word(4)?,
            document: serde_json::from_str(&word(5)?).map_err(|error| unreadable(id, error))?,
            place: serde_json::from_str(&word(6)?).map_err(|error| unreadable(id, error))?,
        });
        Ok(Next::Row)
    })?;
    Ok(jobs)
}

/// Jobs as a document, schema `expmig.jobs/1`.
pub fn jobs_json(jobs: &[StagedJob]) -> Json {
    json!({"schema": "expmig.jobs/1", "jobs": jobs.iter().map(StagedJob::to_json).collect::<Vec<_>>()})
}

impl StagedJob {
    /// Writes the row of a new job, in the transaction that is running, and forgets what was published long ago.
    pub fn begin(connection: &dyn Connection, layout: &Layout, document: JobDocument) -> Result<StagedJob> {
        let table = own(layout)?;
        let (id, _) = connection.allocate_ids(table, 1, 0)?;
        let now = now();
        let job = StagedJob {
            id,
            state: JobState::Copying,
            created_at: now.clone(),
            touched_at: now,
            place: Vec::new(),
            document,
            turn: 0,
        };
        let as_json = |error: serde_json::Error| Error::internal(Domain::Migration, error.to_string());
        let document = serde_json::to_string(&job.document).map_err(as_json)?;
        let names: Vec<&str> = JOB.columns.iter().map(|column| column.name).collect();
        connection.inserter(table, &names)?.insert(&[
            ValueRef::Integer(id),
            ValueRef::Text(b"migrate"),
            ValueRef::Text(job.state.name().as_bytes()),
            ValueRef::Integer(job.turn),
            ValueRef::Text(job.created_at.as_bytes()),
            ValueRef::Text(job.touched_at.as_bytes()),
            ValueRef::Text(document.as_bytes()),
            ValueRef::Text(b"[]"),
        ])?;
        let forget =
            format!("DELETE FROM {} WHERE {} = ?1 AND {} < ?2", quote(&table.name), table.quoted("state"), table.id());
        connection.execute(&forget, &[text(JobState::Published.name()), Value::Integer(id - REMEMBERED)])?;
        Ok(job)
    }

    /// Counts the turn on: the first thing that each transaction of the job does. Fails if another call did.
    pub fn claim(&mut self, connection: &dyn Connection, layout: &Layout) -> Result<()> {
        let table = own(layout)?;
        let (turn, id) = (table.quoted("turn"), table.id());
        let opening = connection.opening(Write::Update, table)?;
        let sql = format!(
            "{opening} SET {turn} = {turn} + 1, {} = ?1 WHERE {id} = ?2 AND {turn} = ?3",
            table.quoted("touched_at")
        );
        self.touched_at = now();
        let params = [text(&*self.touched_at), Value::Integer(self.id), Value::Integer(self.turn)];
        if connection.execute(&sql, &params)? == 1 {
            self.turn += 1;
            return Ok(());
        }
        let there = staged_job(connection, layout, self.id)?;
        Err(at_work(self.id).detail("state", there.state.name()))
    }

    /// Writes down how far it is, in the transaction that is running and has the turn.
    pub fn record(&self, connection: &dyn Connection, layout: &Layout) -> Result<()> {
        let table = own(layout)?;
        let opening = connection.opening(Write::Update, table)?;
        let (state, place) = (table.quoted("state"), table.quoted("place"));
        let sql = format!("{opening} SET {state} = ?1, {place} = ?2 WHERE {} = ?3", table.id());
        let json = serde_json::to_string(&self.place).unwrap_or_default();
        connection.execute(&sql, &[text(self.state.name()), text(json), Value::Integer(self.id)]).map(drop)
    }

    /// Removes the row.
    pub fn forget(&self, connection: &dyn Connection, layout: &Layout) -> Result<()> {
        let table = own(layout)?;
        let sql = format!("DELETE FROM {} WHERE {} = ?1", quote(&table.name), table.id());
        connection.execute(&sql, &[Value::Integer(self.id)]).map(drop)
    }

    /// The same job in another state.
    pub fn turned(&self, state: JobState) -> StagedJob {
        StagedJob { state, ..self.clone() }
    }

    /// How many rows of a table are there.
    pub fn there(&self, table: &str) -> u64 {
        self.place.iter().find(|(name, _)| name == table).map_or(0, |(_, rows)| *rows)
    }

    /// Notes how many are there.
    pub fn set_there(&mut self, table: &str, rows: u64) {
        match self.place.iter_mut().find(|(name, _)| name == table) {
            Some((_, there)) => *there = rows,
            None => self.place.push((table.to_owned(), rows)),
        }
    }

    /// How long ago a transaction of the job began, by this machine's clock; `None` if that lies ahead or cannot be read.
    pub fn seconds_idle(&self) -> Option<u64> {
        let spelled = self.touched_at.replace(' ', "T");
        let then = NaiveDateTime::parse_from_str(&spelled, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        u64::try_from((Utc::now().naive_utc() - then).num_seconds()).ok()
    }

    /// For documents.
    pub fn to_json(&self) -> Json {
        let tables: Map<String, Json> = self
            .document
            .rows
            .iter()
            .map(|(table, rows)| (table.clone(), json!({"rows": rows, "there": self.there(table)})))
            .collect();
        json!({
            "job_id": self.id,
            "kind": "migrate",
            "state": self.state.name(),
            "source": self.document.source,
            "source_experiment_id": self.document.source_experiment,
            "experiment_id": self.document.experiment,
            "title": self.document.title,
            "created_at": self.created_at,
            "touched_at": self.touched_at,
            "tables": tables,
        })
    }
}

/// The table of the jobs, which is there.
fn own(layout: &Layout) -> Result<&TableLayout> {
    layout.own_table(&JOB)?.ok_or_else(|| {
        Error::new(Status::Schema, Domain::Migration, format!("the table {} is gone", JOB.name))
            .detail("table", JOB.name)
            .hint("somebody removed it while a job needed it; restore it before the job can be resumed or abandoned")
    })
}
