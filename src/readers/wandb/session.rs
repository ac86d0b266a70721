//! One file: a session of a run, put together from its records.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::blocks::{Blocks, Next};
use super::item::{Content, Item, flattened};
use super::records::{History, RunRecord, Start, exit_code, record, run_record, shown_as, stats};
use super::summary::{Summary, is_internal, shown};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::readers::account::note;
use crate::readers::identity::run_id_of;
use crate::readers::new_rows::{NewRun, RunStatus};
use crate::readers::sink::Sink;
use crate::readers::wire::{Fields, Malformed};
use crate::values::Value;

/// Names of files are kept in one tag, up to so many bytes.
const MOST_NAMES: usize = 7000;

fn open(path: &Path) -> Result<Blocks<BufReader<File>>> {
    let file = File::open(path).map_err(|error| cannot(path, &error))?;
    Ok(Blocks::new(BufReader::with_capacity(1 << 16, file)))
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::from_io(Domain::ImportExport, "the file cannot be read", path, error)
}

/// Finds the record of the run; `None` if the file has none.
pub fn begin(path: &Path, job: &Job) -> Result<Option<Start>> {
    let mut blocks = open(path)?;
    loop {
        job.pulse()?;
        match blocks.next().map_err(|error| cannot(path, &error))? {
            Next::Record => {
                if let Ok((_, 17, content)) = record(&blocks.bytes)
                    && let Ok(run) = run_record(content)
                    && !run.start.run_id.is_empty()
                {
                    return Ok(Some(run.start));
                }
            }
            Next::Damaged | Next::TooLong => {}
            Next::End | Next::Torn | Next::Foreign => return Ok(None),
        }
    }
}

fn refuse(reason: &'static str, sink: &mut Sink<'_>) {
    sink.source.values.read += 1;
    sink.source.values.refuse(reason);
}

fn fold(rule: &'static str, count: u64, sink: &mut Sink<'_>) {
    sink.source.values.read += count;
    sink.source.values.fold(rule, count);
}

/// Accounts for a file in which no run begins.
pub fn empty(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let found = std::fs::metadata(path).map_err(|error| cannot(path, &error))?;
    sink.source.bytes = found.len();
    sink.source.unfinished = true;
    sink.source.torn = Some("no run begins in the file".to_owned());
    refuse("no_run", sink);
    Ok(())
}

/// What is put together while the file is read.
#[derive(Default)]
struct Session {
    keys: HashMap<Vec<String>, String>,
    system_keys: HashMap<String, String>,
    /// The last number of each key, as it stood in the file.
    last: HashMap<String, String>,
    summary: Summary,
    config: BTreeMap<String, String>,
    run: Option<RunRecord>,
    next_record: i64,
    missing: i64,
    stats: i64,
    last_time: Option<i64>,
    exit: Option<i64>,
    names: String,
}

/// Reads a file whose run begins so.
pub fn read(path: &Path, start: &Start, experiment: i64, sink: &mut Sink<'_>, job: &Job) -> Result<()> {
    let project = start.project.as_deref().unwrap_or_default();
    let id = run_id_of(&["wandb", project, &start.run_id, &start.start_time.to_string()]);
    sink.begin_run(&NewRun::begun(&id, experiment, &start.run_id, start.start_time))?;
    let mut session = Session::default();
    let mut blocks = open(path)?;
    loop {
        job.pulse()?;
        match blocks.next().map_err(|error| cannot(path, &error))? {
            Next::Record => match record(&blocks.bytes) {
                Ok((number, kind, content)) => {
                    // They are counted without a gap: what is missing was written once.
                    if number > 0 {
                        session.missing += (number - session.next_record.max(1)).max(0);
                        session.next_record = number.saturating_add(1);
                    }
                    if session.take(kind, content, sink)?.is_err() {
                        refuse("malformed_record", sink);
                    }
                }
                Err(Malformed) => refuse("malformed_record", sink),
            },
            Next::Damaged => {
                sink.source.torn = Some(format!("damaged before byte {}", blocks.position()));
                refuse("damaged_record", sink);
            }
            Next::TooLong => refuse("record_too_long", sink),
            Next::Torn => {
                sink.source.torn = Some(format!("ends in a record, at byte {}", blocks.position()));
                break;
            }
            Next::End | Next::Foreign => break,
        }
    }
    sink.source.bytes = blocks.position();
    session.finish(start, sink)?;
    sink.end_run()
}

/// Whether a record could be understood; the outer result is of what was done with it.
type Taken = Result<std::result::Result<(), Malformed>>;

/// Goes on with what a record has; a record that has not is refused by the caller.
macro_rules! understood {
    ($read:expr) => {
        match $read {
            Ok(read) => read,
            Err(Malformed) => return Ok(Err(Malformed)),
        }
    };
}

impl Session {
    fn take(&mut self, kind: u32, content: &[u8], sink: &mut Sink<'_>) -> Taken {
        match kind {
            2 => return self.row(content, sink),
            3 => {
                let seen = understood!(self.summary.update(content));
                sink.source.values.read += seen.read;
                sink.source.values.fold("summary_replaced", seen.replaced);
            }
            5 => {
                for field in Fields::of(content) {
                    let (number, wire) = understood!(field);
                    let (Some(bytes), 1 | 2) = (wire.bytes(), number) else { continue };
                    let item = understood!(Item::parse(bytes));
                    self.configure(&item, number == 2, sink)?;
                }
            }
            6 => return self.file_names(content, sink),
            7 => return self.system(content, sink),
            12 => return Ok(definition(content, sink)),
            17 => {
                let mut run = understood!(run_record(content));
                fold("control_record", 1, sink);
                for item in std::mem::take(&mut run.config) {
                    self.configure(&item, false, sink)?;
                }
                self.run = Some(run);
            }
            18 => {
                let code = understood!(exit_code(content));
                self.exit = Some(code);
                fold("control_record", 1, sink);
            }
            // What is printed, the machine, and what W&B wants to know of it.
            4 | 11 | 13 | 26 | 27 => {
                sink.source.values.read += 1;
                if sink.may_keep_machine() {
                    sink.beside("machine", &json!({"field": kind, "bytes": STANDARD.encode(content)}))?;
                }
            }
            0 | 20..=25 | 100 => fold("control_record", 1, sink),
            other => {
                let kind = match other {
                    8 => "artifact",
                    9 => "tensorboard_link",
                    10 => "alert",
                    _ => "unknown_record",
                };
                sink.source.values.read += 1;
                sink.beside(kind, &json!({"field": other, "bytes": STANDARD.encode(content)}))?;
            }
        }
        Ok(Ok(()))
    }

    /// A row of the history: its step, its time, and the values of its keys.
    fn row(&mut self, content: &[u8], sink: &mut Sink<'_>) -> Taken {
        let History { step, items } = understood!(History::parse(content));
        let mut time = None;
        let media: HashSet<String> = items
            .iter()
            .filter(|item| item.path.len() > 1 && item.path.last().is_some_and(|last| last == "_type"))
            .filter_map(|item| item.path.first().cloned())
            .collect();
        for item in items.iter().filter(|item| item.path == ["_timestamp"]) {
            if let Content::Number(seconds, _) = item.content {
                time = Some((seconds * 1000.0).round() as i64);
            }
        }
        // Without a time of its own a row came after the one before it.
        let time = time.or(self.last_time).unwrap_or(0);
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
        for item in &items {
            if is_internal(item) {
                fold("row_clock", 1, sink);
                continue;
            }
            let is_media = item.path.len() > 1 && item.path.first().is_some_and(|first| media.contains(first));
            match item.content {
                Content::Number(value, rounded) if !is_media => {
                    sink.source.points.read += 1;
                    if rounded {
                        note(&mut sink.source.adjusted, "rounded_integer", 1);
                    }
                    let key = match self.keys.get(&item.path) {
                        Some(key) => key.clone(),
                        None => {
                            let key = sink.key(&item.name())?;
                            self.keys.insert(item.path.clone(), key.clone());
                            key
                        }
                    };
                    sink.point(&key, step, time, value)?;
                    self.last.insert(item.name(), item.raw.clone());
                }
                _ => {
                    sink.source.values.read += 1;
                    let kind = if is_media { "media" } else { "history_value" };
                    let value = json!({"key": item.path, "step": step, "timestamp": time, "value_json": item.raw});
                    sink.beside(kind, &value)?;
                }
            }
        }
        Ok(Ok(()))
    }

    /// What the machine was doing: numbers with a counter of their own.
    fn system(&mut self, content: &[u8], sink: &mut Sink<'_>) -> Taken {
        let (time, items) = understood!(stats(content));
        for item in items {
            let name = format!("system/{}", item.name());
            match item.content {
                Content::Number(value, _) => {
                    sink.source.points.read += 1;
                    let key = match self.system_keys.get(&name) {
                        Some(key) => key.clone(),
                        None => {
                            let key = sink.key(&name)?;
                            self.system_keys.insert(name, key.clone());
                            key
                        }
                    };
                    sink.point(&key, self.stats, time, value)?;
                }
                _ => {
                    sink.source.values.read += 1;
                    sink.beside("system_value", &json!({"key": name, "timestamp": time, "value_json": item.raw}))?;
                }
            }
        }
        self.stats += 1;
        Ok(Ok(()))
    }

    /// An entry of the configuration.
    fn configure(&mut self, item: &Item, removed: bool, sink: &mut Sink<'_>) -> Result<()> {
        if is_internal(item) {
            sink.source.values.read += 1;
            if sink.may_keep_machine() {
                sink.beside("wandb_config", &json!({"key": item.path, "value_json": item.raw}))?;
            }
            return Ok(());
        }
        let name = item.name();
        let below = format!("{name}/");
        let before = self.config.len() as u64;
        self.config.retain(|known, _| *known != name && !known.starts_with(&below));
        // What is set again, or taken out, is not stored for itself.
        sink.source.values.fold("config_replaced", before - self.config.len() as u64);
        if removed {
            fold("config_replaced", 1, sink);
            return Ok(());
        }
        for (name, value) in flattened(item) {
            sink.source.values.read += 1;
            if self.config.insert(name, value).is_some() {
                sink.source.values.fold("config_replaced", 1);
            }
        }
        Ok(())
    }

    /// The files beside the record file: their names, as artifacts that stay where they are.
    fn file_names(&mut self, content: &[u8], sink: &mut Sink<'_>) -> Taken {
        for field in Fields::of(content) {
            let (1, wire) = understood!(field) else { continue };
            for field in Fields::of(understood!(wire.bytes().ok_or(Malformed))) {
                let (1, path) = understood!(field) else { continue };
                let path = understood!(path.text().ok_or(Malformed));
                sink.source.values.read += 1;
                if self.names.len() + path.len() < MOST_NAMES {
                    sink.source.values.stored += 1;
                    self.names.push_str(path);
                    self.names.push('\n');
                } else {
                    sink.beside("file_name", &json!(path))?;
                }
            }
        }
        Ok(Ok(()))
    }

    /// What is known only at the end.
    fn finish(self, start: &Start, sink: &mut Sink<'_>) -> Result<()> {
        for (name, value) in &self.config {
            let key = sink.key(name)?;
            sink.param(&key, value)?;
        }
        for item in self.summary.into_items() {
            let name = item.name();
            if is_internal(&item) {
                sink.source.values.fold("row_clock", 1);
            } else if self.last.get(&name).is_some_and(|last| *last == item.raw) {
                sink.source.values.fold("same_as_history", 1);
            } else {
                let key = sink.key(&format!("wandb.summary/{name}"))?;
                sink.tag(&key, &shown(&item))?;
            }
        }
        let run = self.run.unwrap_or_default();
        let name = run.display_name.as_deref().unwrap_or(&start.run_id);
        sink.set_run("name", Value::Text(name.as_bytes().to_vec()))?;
        for (key, value) in &run.tags {
            sink.source.values.read += 1;
            sink.tag(key, value)?;
        }
        if !run.words.is_empty() {
            sink.source.values.read += 1;
            sink.tag("wandb.tags", &json!(run.words).to_string())?;
        }
        for _ in 0..run.internal {
            sink.source.values.read += 1;
            sink.source.values.refuse("machine");
        }
        if !self.names.is_empty() {
            sink.own_tag("wandb.files", self.names.trim_end())?;
        }
        sink.own_tag("mlflow.runName", name)?;
        sink.own_tag("expmig.source", "wandb")?;
        sink.own_tag("wandb.run_id", &start.run_id)?;
        if self.missing > 0 {
            sink.source.torn = Some(format!("{} records are missing between others", self.missing));
        }
        match self.exit {
            Some(code) => {
                let status = if code == 0 { RunStatus::Finished } else { RunStatus::Failed };
                sink.set_run("status", Value::Text(status.name().as_bytes().to_vec()))?;
                let end = self.last_time.unwrap_or(start.start_time).max(start.start_time);
                sink.set_run("end_time", Value::Integer(end))?;
                if code != 0 {
                    sink.own_tag("wandb.exit_code", &code.to_string())?;
                }
            }
            None => {
                sink.source.unfinished = true;
                sink.end_unknown((Some(start.start_time), self.last_time), RunStatus::Killed)?;
            }
        }
        Ok(())
    }
}

/// How a metric is to be shown: a tag of its name.
fn definition(content: &[u8], sink: &mut Sink<'_>) -> std::result::Result<(), Malformed> {
    let (name, said) = shown_as(content)?;
    sink.source.values.read += 1;
    let text = said.to_string();
    let stored = sink.key(&format!("wandb.metric/{name}")).and_then(|key| sink.tag(&key, &text));
    stored.map_err(|_| Malformed)
}
