//! Optuna's tables, in a SQLite file or a schema of a server.

use std::path::Path;
use std::sync::Arc;

use super::study::Study;
use super::times::Times;
use super::trial::{Param, State, Trial};
use crate::database::{Connection, Cursor, Foreign, Next, Query, Watches};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::sink::Sink;
use crate::values::{Value, ValueRef};

/// The version of the schema that is read: that of Optuna 3.2 to 5.0.
const VERSION: &str = "v3.2.0.a";
/// Since then it writes UTC.
const WRITES_UTC: u32 = 5;
/// Tables that no other tracker has together.
const TELLING: [&str; 3] = ["studies", "trials", "version_info"];

/// The rows that hang on trials, in the order of the trials: what they are, by position below.
const BELOW: [&str; 6] = [
    "SELECT b.trial_id, b.param_name, b.param_value, b.distribution_json FROM trial_params AS b",
    "SELECT b.trial_id, b.objective, b.value, b.value_type FROM trial_values AS b",
    "SELECT b.trial_id, b.step, b.intermediate_value, b.intermediate_value_type FROM trial_intermediate_values AS b",
    "SELECT b.trial_id, b.\"key\", b.value_json FROM trial_user_attributes AS b",
    "SELECT b.trial_id, b.\"key\", b.value_json FROM trial_system_attributes AS b",
    "SELECT b.trial_id, b.heartbeat FROM trial_heartbeats AS b",
];

/// Whether a SQLite file has Optuna's tables.
pub fn are_there(path: &Path) -> Result<bool> {
    let job = Job::unwatched(Domain::ImportExport);
    let database = Foreign::open(&path.to_string_lossy(), &job)?;
    let state = database.state(&job)?;
    let layout = state.connection().layout()?;
    Ok(TELLING.iter().all(|name| layout.extra_tables.iter().any(|table| table == name)))
}

/// The only text of a query, if it has a row.
fn text(connection: &dyn Connection, sql: &str) -> Result<Option<String>> {
    let mut found = None;
    connection.query(sql, &[], &mut |row| {
        found = row.value(0)?.readable();
        Ok(Next::Stop)
    })?;
    Ok(found)
}

/// Reads all studies of a storage.
pub fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let database = Foreign::open(&path.to_string_lossy(), job)?;
    let state = database.state(job)?;
    let connection = state.connection();
    let _watches = Watches::new(job, [connection, connection]);
    let found = text(connection, "SELECT version_num FROM alembic_version")?;
    if found.as_deref() != Some(VERSION) {
        let message = format!("Optuna's tables are of version {:?}, and {VERSION} is read", found.unwrap_or_default());
        return Err(Error::new(Status::Unsupported, Domain::ImportExport, message)
            .detail("source", database.place())
            .hint("bring a copy of them to that version: optuna storage upgrade --storage URL"));
    }
    let library = text(connection, "SELECT library_version FROM version_info")?;
    let major = library.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    let mut times = Times::new(sink.options().offset(), major.is_some_and(|major| major >= WRITES_UTC));
    for (id, name) in studies(connection)? {
        let study = Study { name, library: library.clone(), ..known_of(connection, id)? };
        match read_trials(connection, (id, &study), &mut times, (sink, job))? {
            Some(experiment) => study.write(experiment, sink)?,
            None => study.is_empty(sink)?,
        }
    }
    sink.account.clock = times.clock();
    Ok(())
}

fn studies(connection: &dyn Connection) -> Result<Vec<(i64, String)>> {
    let mut found = Vec::new();
    connection.query("SELECT study_id, study_name FROM studies ORDER BY study_id", &[], &mut |row| {
        if let Some(id) = row.value(0)?.as_integer() {
            found.push((id, row.value(1)?.readable().unwrap_or_default()));
        }
        Ok(Next::Row)
    })?;
    Ok(found)
}

/// The directions and attributes of a study.
fn known_of(connection: &dyn Connection, id: i64) -> Result<Study> {
    let mut study = Study::default();
    let of = [Value::Integer(id)];
    let sql = "SELECT direction FROM study_directions WHERE study_id = ?1 ORDER BY objective";
    connection.query(sql, &of, &mut |row| {
        study.directions.push(row.value(0)?.readable().unwrap_or_default());
        Ok(Next::Row)
    })?;
    for (table, into) in [("user", &mut study.user), ("system", &mut study.system)] {
        let sql = format!("SELECT \"key\", value_json FROM study_{table}_attributes WHERE study_id = ?1");
        connection.query(&sql, &of, &mut |row| {
            if let Some(key) = row.value(0)?.readable() {
                into.insert(key, row.value(1)?.readable().unwrap_or_default());
            }
            Ok(Next::Row)
        })?;
    }
    Ok(study)
}

/// A cursor that stands on a row, or at the end.
struct Stream<'c> {
    cursor: Box<dyn Cursor + 'c>,
    /// The trial of the row.
    of: Option<i64>,
}

impl<'c> Stream<'c> {
    fn new(cursor: Box<dyn Cursor + 'c>) -> Result<Stream<'c>> {
        let mut stream = Stream { cursor, of: None };
        stream.advance()?;
        Ok(stream)
    }

    fn advance(&mut self) -> Result<()> {
        self.of = None;
        if self.cursor.advance()? {
            self.of = Some(self.cursor.value(0)?.as_integer().unwrap_or(i64::MAX));
        }
        Ok(())
    }

    /// Hands over the rows of a trial, which stand here now.
    fn rows_of(&mut self, trial: i64, each: &mut dyn FnMut(&dyn Cursor) -> Result<()>) -> Result<()> {
        while self.of == Some(trial) {
            each(self.cursor.as_ref())?;
            self.advance()?;
        }
        Ok(())
    }
}

/// Stores the trials of a study; answers its experiment, if one has begun.
fn read_trials(
    connection: &dyn Connection,
    (id, study): (i64, &Study),
    times: &mut Times,
    (sink, job): (&mut Sink<'_>, &Job),
) -> Result<Option<i64>> {
    let trials = "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials WHERE study_id = ?1 ORDER BY trial_id";
    let below = BELOW.iter().map(|rows| {
        let of = "WHERE b.trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?1)";
        format!("{rows} {of} ORDER BY b.trial_id")
    });
    let query = |sql: String| Query { sql, params: vec![Value::Integer(id)], sorts: true };
    let queries: Vec<Query> = std::iter::once(trials.to_owned()).chain(below).map(query).collect();
    let mut experiment = None;
    connection.read_together(&queries, &mut |cursors| {
        let mut cursors = cursors.into_iter();
        let Some(mut trials) = cursors.next() else { return Ok(()) };
        let mut below: Vec<Stream<'_>> = cursors.map(Stream::new).collect::<Result<_>>()?;
        let mut position = 0;
        while trials.advance()? {
            job.pulse()?;
            let (trial_id, mut trial) = trial_of(trials.as_ref(), position)?;
            position += 1;
            for (at, stream) in below.iter_mut().enumerate() {
                stream.rows_of(trial_id, &mut |row| add(at, row, &mut trial))?;
            }
            if !trial.has_begun() {
                trial.waits(&study.name, sink)?;
                continue;
            }
            let of = match experiment {
                Some(experiment) => experiment,
                None => *experiment.insert(study.begin(sink)?),
            };
            trial.write((&study.name, of), times, sink)?;
        }
        Ok(())
    })?;
    Ok(experiment)
}

/// The trial of a row, and its id.
fn trial_of(row: &dyn Cursor, position: i64) -> Result<(i64, Trial)> {
    let id = row.value(0)?.as_integer().unwrap_or_default();
    let state = row.value(2)?.readable().unwrap_or_default();
    let Some(state) = State::named(&state) else {
        let message = format!("trial {id} has the state {state:?}, which Optuna does not have");
        return Err(Error::new(Status::Corrupt, Domain::ImportExport, message).detail("table", "trials"));
    };
    let number = row.value(1)?.as_integer().unwrap_or(position);
    let (start, complete) = (row.value(3)?.readable(), row.value(4)?.readable());
    Ok((id, Trial { number, state, start, complete, ..Trial::default() }))
}

/// A number of a column, with those that its type says beside it.
fn number(value: ValueRef<'_>, kind: Option<&str>) -> Option<f64> {
    match kind {
        Some("INF_POS") => Some(f64::INFINITY),
        Some("INF_NEG") => Some(f64::NEG_INFINITY),
        Some("NAN") => Some(f64::NAN),
        _ => match value {
            ValueRef::Real(value) => Some(value),
            ValueRef::Integer(value) => Some(value as f64),
            _ => None,
        },
    }
}

/// Adds a row that hangs on a trial.
fn add(what: usize, row: &dyn Cursor, trial: &mut Trial) -> Result<()> {
    let text = |at: usize| -> Result<String> { Ok(row.value(at)?.readable().unwrap_or_default()) };
    match what {
        0 => match number(row.value(2)?, None) {
            Some(value) => {
                trial.params.insert(text(1)?, Param { value, distribution: text(3)? });
            }
            None => trial.malformed += 1,
        },
        1 | 2 => match (row.value(1)?.as_integer(), number(row.value(2)?, Some(&text(3)?))) {
            (Some(at), Some(value)) => {
                let into = if what == 1 { &mut trial.values } else { &mut trial.intermediate };
                into.insert(at, value);
            }
            _ => trial.malformed += 1,
        },
        3 | 4 => {
            let into = if what == 3 { &mut trial.user } else { &mut trial.system };
            into.insert(text(1)?, text(2)?);
        }
        _ => trial.heartbeat = row.value(1)?.readable(),
    }
    Ok(())
}
