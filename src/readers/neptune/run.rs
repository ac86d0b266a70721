//! A run, put together from the operations of its sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::operation::{Change, Content, Created, Nanos, Update};
use crate::database::{Connection, Foreign, Next, Watches};
use crate::error::Result;
use crate::progress::Job;
use crate::readers::account::note;
use crate::readers::identity::run_id_of;
use crate::readers::new_rows::{NewRun, RunStatus};
use crate::readers::python_float::python_float;
use crate::readers::sink::Sink;
use crate::readers::wire::Malformed;
use crate::values::{Value, ValueRef, format_timestamp};

/// Millionths of a step.
const WHOLE: i64 = 1_000_000;
const MILLISECOND: Nanos = 1_000_000;
const MICROSECOND: Nanos = 1_000;
/// A run's own creation, and an update.
const CREATED: i64 = 1;
const UPDATED: i64 = 0;
/// Where the client puts the program, its repository and author, and what was printed.
const MACHINE: [&str; 2] = ["source_code/", "runtime/"];
/// Where the client puts the name that a run is shown by.
const NAME: &str = "sys/name";

fn milliseconds(time: Nanos) -> i64 {
    i64::try_from(time.div_euclid(MILLISECOND)).unwrap_or(i64::MAX)
}

/// A moment as text, with its microseconds.
fn shown_moment(time: Nanos) -> String {
    let micros = i64::try_from(time.div_euclid(MICROSECOND)).ok();
    micros.and_then(format_timestamp).map_or_else(|| format!("{time} ns"), |text| format!("{text}+00:00"))
}

/// A step as text.
fn shown_step(millionths: i64) -> String {
    python_float(millionths as f64 / WHOLE as f64)
}

/// What is put together while the sessions are read.
#[derive(Default)]
struct Run {
    created: Option<Created>,
    keys: HashMap<String, String>,
    assigned: BTreeMap<String, String>,
    sets: BTreeMap<String, BTreeSet<String>>,
    last: Option<i64>,
}

/// Reads the sessions of a run.
pub fn read(
    (project, id): (&str, &str),
    sessions: &[PathBuf],
    experiment: i64,
    sink: &mut Sink<'_>,
    job: &Arc<Job>,
) -> Result<()> {
    sink.begin_source(&format!("{project}/{id}"));
    // When it began is known when all of it was read.
    let begun = first_moment(sessions, job)?.map_or(0, milliseconds);
    let run_id = run_id_of(&["neptune", project, id]);
    sink.begin_run(&NewRun::begun(&run_id, experiment, id, begun))?;
    let mut run = Run::default();
    for file in sessions {
        let database = Foreign::open(&file.to_string_lossy(), job)?;
        let state = database.state(job)?;
        let connection = state.connection();
        let _watches = Watches::new(job, [connection, connection]);
        run.session(connection, sink, job)?;
        sink.source.bytes += std::fs::metadata(file).map_or(0, |found| found.len());
    }
    run.finish(id, begun, sink)?;
    sink.end_run()?;
    sink.end_source()
}

/// The moment at which the run was created, or else that of its first operation.
fn first_moment(sessions: &[PathBuf], job: &Arc<Job>) -> Result<Option<Nanos>> {
    let (mut created, mut written): (Option<Nanos>, Option<Nanos>) = (None, None);
    for file in sessions {
        let database = Foreign::open(&file.to_string_lossy(), job)?;
        let state = database.state(job)?;
        let sql = "SELECT timestamp, operation_type, operation FROM run_operations ORDER BY sequence_id LIMIT 1";
        state.connection().query(sql, &[], &mut |row| {
            let at = row.value(0)?.as_integer().map(|ms| Nanos::from(ms) * MILLISECOND);
            written = [written, at].into_iter().flatten().min();
            if row.value(1)?.as_integer() == Some(CREATED)
                && let Ok(found) = Created::parse(bytes(row.value(2)?))
            {
                created = [created, found.created].into_iter().flatten().min();
            }
            Ok(Next::Stop)
        })?;
    }
    Ok(created.or(written))
}

fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        _ => &[],
    }
}

fn is_of_machine(key: &str) -> bool {
    MACHINE.iter().any(|prefix| key.starts_with(prefix))
}

fn refuse(reason: &'static str, sink: &mut Sink<'_>) {
    sink.source.values.read += 1;
    sink.source.values.refuse(reason);
}

impl Run {
    fn session(&mut self, connection: &dyn Connection, sink: &mut Sink<'_>, job: &Job) -> Result<()> {
        let mut expected = 1;
        let sql = "SELECT sequence_id, operation_type, operation FROM run_operations ORDER BY sequence_id";
        connection.query(sql, &[], &mut |row| {
            job.pulse()?;
            let number = row.value(0)?.as_integer().unwrap_or(expected);
            if number > expected && sink.source.torn.is_none() {
                sink.source.torn =
                    Some(format!("operations {expected} to {} are not there: they were sent, or deleted", number - 1));
            }
            expected = number.saturating_add(1);
            let operation = bytes(row.value(2)?);
            let done = match row.value(1)?.as_integer() {
                Some(CREATED) => self.create(operation, sink),
                Some(UPDATED) => self.update(operation, sink)?,
                _ => {
                    refuse("unknown_operation", sink);
                    return Ok(Next::Row);
                }
            };
            if done.is_err() {
                refuse("malformed_operation", sink);
            }
            Ok(Next::Row)
        })?;
        let files = "SELECT source_path, destination, mime_type, size_bytes FROM file_upload_requests ORDER BY id";
        connection.query(files, &[], &mut |row| {
            sink.source.values.read += 1;
            if sink.may_keep_machine() {
                let text = |at: usize| -> Result<Json> { Ok(Json::from(row.value(at)?.readable())) };
                let file = json!({"path": text(0)?, "attribute": text(1)?, "type": text(2)?, "bytes": text(3)?});
                sink.beside("file_upload", &file)?;
            }
            Ok(Next::Row)
        })
    }

    fn create(&mut self, message: &[u8], sink: &mut Sink<'_>) -> std::result::Result<(), Malformed> {
        let created = Created::parse(message)?;
        sink.source.values.read += 1;
        sink.source.values.fold("control_record", 1);
        // A session that goes on with a run repeats it.
        self.created.get_or_insert(created);
        Ok(())
    }

    /// Takes an update; the inner result says whether it could be understood.
    fn update(&mut self, message: &[u8], sink: &mut Sink<'_>) -> Result<std::result::Result<(), Malformed>> {
        let update = match Update::parse(message) {
            Ok(update) => update,
            Err(Malformed) => return Ok(Err(Malformed)),
        };
        if let Some(time) = update.time.map(milliseconds) {
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        for (key, content) in &update.assigned {
            sink.source.values.read += 1;
            if is_of_machine(key) {
                if sink.may_keep_machine() {
                    sink.beside("machine", &as_json(key, &update, content))?;
                }
                continue;
            }
            match shown(content) {
                Some(shown) => {
                    if self.assigned.insert((*key).to_owned(), shown).is_some() {
                        sink.source.values.fold("config_replaced", 1);
                    }
                }
                None => sink.beside(kind_of(content), &as_json(key, &update, content))?,
            }
        }
        for (key, content) in &update.appended {
            self.append(key, content, &update, sink)?;
        }
        for (key, member, change) in &update.sets {
            sink.source.values.read += 1;
            let set = self.sets.entry((*key).to_owned()).or_default();
            let is_new = match change {
                Change::Add => set.insert((*member).to_owned()),
                Change::Remove => {
                    if set.remove(*member) {
                        // What was added is not stored for itself.
                        sink.source.values.fold("set_member_removed", 1);
                    }
                    false
                }
                Change::None => false,
            };
            if !is_new {
                sink.source.values.fold("set_change", 1);
            }
        }
        Ok(Ok(()))
    }

    /// A value of a series.
    fn append(&mut self, key: &str, content: &Content<'_>, update: &Update<'_>, sink: &mut Sink<'_>) -> Result<()> {
        if is_of_machine(key) && !matches!(content, Content::Float(_)) {
            sink.source.values.read += 1;
            if sink.may_keep_machine() {
                sink.beside("machine", &as_json(key, update, content))?;
            }
            return Ok(());
        }
        let (Content::Float(value), Some(step)) = (content, update.step) else {
            sink.source.values.read += 1;
            return sink.beside(kind_of(content), &as_json(key, update, content));
        };
        sink.source.points.read += 1;
        if update.is_preview {
            return sink.point_beside("preview_point", &as_json(key, update, content));
        }
        if step % WHOLE != 0 {
            return sink.point_beside("fractional_step", &as_json(key, update, content));
        }
        let name = match self.keys.get(key) {
            Some(name) => name.clone(),
            None => {
                let name = sink.key(key)?;
                self.keys.insert(key.to_owned(), name.clone());
                name
            }
        };
        let time = update.time.unwrap_or(0);
        if time % MILLISECOND != 0 {
            note(&mut sink.source.adjusted, "time_in_milliseconds", 1);
        }
        sink.point(&name, step / WHOLE, milliseconds(time), *value)
    }

    /// What is known only at the end.
    fn finish(self, id: &str, begun: i64, sink: &mut Sink<'_>) -> Result<()> {
        let created = self.created.unwrap_or_default();
        let name = self.assigned.get(NAME).or(created.experiment.as_ref()).map_or(id, String::as_str);
        sink.set_run("name", Value::Text(name.as_bytes().to_vec()))?;
        sink.own_tag("mlflow.runName", name)?;
        sink.own_tag("expmig.source", "neptune")?;
        sink.own_tag("neptune.run_id", id)?;
        if let Some((parent, at)) = &created.parent {
            sink.own_tag("neptune.fork_parent", parent)?;
            if let Some(at) = at {
                sink.own_tag("neptune.fork_step", &shown_step(*at))?;
            }
        }
        for (key, value) in &self.assigned {
            let key = sink.key(key)?;
            sink.param(&key, value)?;
        }
        for (name, members) in self.sets.iter().filter(|(_, members)| !members.is_empty()) {
            let key = sink.key(&format!("neptune.set/{name}"))?;
            sink.source.values.stored += members.len() as u64;
            sink.own_tag(&key, &json!(members).to_string())?;
        }
        sink.source.unfinished = true;
        // Times of points are the caller's.
        let end = self.last.map_or(begun, |last| last.max(begun));
        sink.end_unknown((Some(begun), Some(end)), RunStatus::Finished)
    }
}

/// A value as a param has it; `None` for what is none.
fn shown(content: &Content<'_>) -> Option<String> {
    match content {
        Content::Float(value) => Some(python_float(*value)),
        Content::Int(value) => Some(value.to_string()),
        Content::Bool(value) => Some(if *value { "True" } else { "False" }.to_owned()),
        Content::Text(text) => Some((*text).to_owned()),
        Content::Moment(time) => Some(shown_moment(*time)),
        Content::Texts(texts) => Some(json!(texts).to_string()),
        Content::Other(..) => None,
    }
}

/// What a value is that has no place.
fn kind_of(content: &Content<'_>) -> &'static str {
    match content {
        Content::Other(13, _) => "file",
        Content::Other(14, _) => "histogram",
        Content::Text(_) => "text",
        Content::Other(..) => "unknown_value",
        _ => "value_without_step",
    }
}

/// A value for the sidecar.
fn as_json(key: &str, update: &Update<'_>, content: &Content<'_>) -> Json {
    let (step, time) = (update.step.map(shown_step), update.time.map(shown_moment));
    match content {
        Content::Other(field, bytes) => {
            json!({"attribute": key, "step": step, "time": time, "field": field, "bytes": STANDARD.encode(bytes)})
        }
        _ => json!({"attribute": key, "step": step, "time": time, "value": shown(content)}),
    }
}
