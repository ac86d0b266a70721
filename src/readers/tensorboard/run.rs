//! One folder: a run, with all its files in the order of their names.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::event::{Event, Value, What, values};
use super::hparams;
use super::records::{Next, Records};
use super::scalar::{Number, of_tensor};
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::readers::account::note;
use crate::readers::new_rows::{NewRun, RunStatus};
use crate::readers::sink::Sink;

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::from_io(Domain::ImportExport, "the event file cannot be read", path, error)
}

fn records(path: &Path) -> Result<Records<BufReader<File>>> {
    let file = File::open(path).map_err(|error| cannot(path, &error))?;
    Ok(Records::new(BufReader::with_capacity(1 << 17, file)))
}

/// The time of the first event; 0 if there is none.
pub fn first_time(files: &[PathBuf]) -> Result<f64> {
    for path in files {
        let mut records = records(path)?;
        loop {
            match records.next().map_err(|error| cannot(path, &error))? {
                Next::Record => {
                    if let Ok(event) = Event::parse(&records.bytes) {
                        return Ok(event.wall_time);
                    }
                }
                Next::Damaged | Next::TooLong(_) => {}
                Next::End | Next::Torn(_) | Next::Lost => break,
            }
        }
    }
    Ok(0.0)
}

/// When the events of a run began and ended.
#[derive(Default)]
struct Times {
    first: Option<i64>,
    last: Option<i64>,
}

impl Times {
    fn see(&mut self, time: i64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// What the values of one tag are: the name of its key.
type Tags = HashMap<Vec<u8>, String>;

/// Reads the files of a run: its id, the name to show, and the folder's path in the log.
pub fn read(
    (id, shown, folder): (&str, &str, &str),
    (files, parent): (&[PathBuf], Option<&String>),
    experiment: i64,
    sink: &mut Sink<'_>,
    job: &Job,
) -> Result<()> {
    sink.begin_run(&NewRun::begun(id, experiment, shown, 0))?;
    let (mut tags, mut times) = (Tags::new(), Times::default());
    // The name of a file has the host and the process in it.
    sink.begin_source(if folder.is_empty() { "." } else { folder });
    sink.source.unfinished = true;
    for path in files {
        read_file(path, (&mut tags, &mut times), sink, job)?;
    }
    sink.end_unknown((times.first, times.last), RunStatus::Finished)?;
    sink.own_tag("mlflow.runName", shown)?;
    sink.own_tag("expmig.source", "tensorboard")?;
    if let Some(parent) = parent {
        sink.own_tag("mlflow.parentRunId", parent)?;
    }
    sink.written_again()?;
    sink.end_run()?;
    sink.end_source()
}

fn read_file(path: &Path, (tags, times): (&mut Tags, &mut Times), sink: &mut Sink<'_>, job: &Job) -> Result<()> {
    let mut records = records(path)?;
    loop {
        job.pulse()?;
        let at = records.at;
        match records.next().map_err(|error| cannot(path, &error))? {
            Next::Record => match Event::parse(&records.bytes) {
                Ok(event) => read_event(&event, (tags, times), sink)?,
                Err(_) => refuse("malformed_record", sink),
            },
            Next::Damaged => refuse("damaged_record", sink),
            Next::TooLong(_) => refuse("record_too_long", sink),
            Next::End => break,
            Next::Torn(bytes) => {
                sink.source.torn = Some(format!("ends after {bytes} bytes of the record at byte {at}"));
                break;
            }
            Next::Lost => {
                let whole = std::fs::metadata(path).map_or(at, |found| found.len());
                let lost = whole.saturating_sub(at);
                sink.source.torn =
                    Some(format!("the length of the record at byte {at} is damaged: {lost} bytes cannot be read"));
                refuse("unreadable_rest", sink);
                break;
            }
        }
    }
    sink.source.bytes += records.at;
    Ok(())
}

fn refuse(reason: &'static str, sink: &mut Sink<'_>) {
    sink.source.values.read += 1;
    sink.source.values.refuse(reason);
}

fn read_event(event: &Event<'_>, (tags, times): (&mut Tags, &mut Times), sink: &mut Sink<'_>) -> Result<()> {
    match event.what {
        What::Summary(summary) => {
            times.see(event.milliseconds());
            for value in values(summary) {
                match value.and_then(Value::parse) {
                    Ok(parsed) => read_value(event, &parsed, value.unwrap_or_default(), tags, sink)?,
                    Err(_) => refuse("malformed_value", sink),
                }
            }
        }
        What::FileVersion | What::Session | What::Nothing => {
            sink.source.values.read += 1;
            sink.source.values.fold("control_event", 1);
        }
        What::Other(kind, bytes) => {
            times.see(event.milliseconds());
            sink.source.values.read += 1;
            let value = json!({"step": event.step, "wall_time": event.wall_time, "bytes": STANDARD.encode(bytes)});
            sink.beside(kind, &value)?;
        }
    }
    Ok(())
}

fn read_value(event: &Event<'_>, value: &Value<'_>, bytes: &[u8], tags: &mut Tags, sink: &mut Sink<'_>) -> Result<()> {
    if value.plugin == b"hparams"
        && let Ok(Some(params)) = hparams::session(value.plugin_content)
    {
        for (name, value) in params {
            sink.source.values.read += 1;
            let key = sink.key(&name)?;
            sink.param(&key, &value)?;
        }
        return Ok(());
    }
    let number = match (value.simple, value.tensor) {
        (Some(simple), _) => Some(Number::of_float(simple)),
        (None, Some(tensor)) if value.plugin.is_empty() || value.plugin == b"scalars" => match of_tensor(tensor) {
            Ok(number) => number,
            Err(_) => {
                refuse("malformed_value", sink);
                return Ok(());
            }
        },
        _ => None,
    };
    let Some(number) = number else { return beside(event, value, bytes, sink) };
    sink.source.points.read += 1;
    for rule in [number.narrow, number.rounded.then_some("rounded_integer")].into_iter().flatten() {
        note(&mut sink.source.adjusted, rule, 1);
    }
    if let Some(key) = tags.get(value.tag) {
        return sink.point(key, event.step, event.milliseconds(), number.value);
    }
    let Ok(tag) = std::str::from_utf8(value.tag) else {
        sink.source.points.refuse("tag_not_utf8");
        return Ok(());
    };
    let key = sink.key(tag)?;
    if value.has_description {
        sink.source.values.read += 1;
        sink.beside("description", &json!({"tag": tag, "bytes": STANDARD.encode(bytes)}))?;
    }
    sink.point(&key, event.step, event.milliseconds(), number.value)?;
    tags.insert(value.tag.to_vec(), key);
    Ok(())
}

/// Keeps what is no number.
fn beside(event: &Event<'_>, value: &Value<'_>, bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
    sink.source.values.read += 1;
    let kind = match (value.kind, value.plugin) {
        (Some(kind), _) => kind,
        (None, b"text") => "text",
        (None, b"histograms") => "histogram",
        (None, b"images") => "image",
        (None, b"audio") => "audio",
        (None, b"pr_curves") => "pr_curve",
        (None, b"hparams") => "hparams",
        (None, _) if value.tensor.is_some() => "tensor",
        (None, _) => "unknown_value",
    };
    let value = json!({
        "tag": String::from_utf8_lossy(value.tag),
        "plugin": String::from_utf8_lossy(value.plugin),
        "step": event.step,
        "wall_time": event.wall_time,
        "bytes": STANDARD.encode(bytes),
    });
    sink.beside(kind, &value)
}
