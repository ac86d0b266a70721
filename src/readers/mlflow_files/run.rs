//! One run: its description, params, tags, points, and what ties it to datasets and models.

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;

use super::folder::{files, folders};
use super::meta::Meta;
use super::{points, values};
use crate::error::Result;
use crate::progress::Job;
use crate::readers::identity::uuid_of;
use crate::readers::new_rows::{NewRun, RunStatus};
use crate::readers::sink::Sink;
use crate::values::ValueRef;

/// What a description of a run can have.
const KNOWN: &[&str] = &[
    "artifact_uri",
    "deleted_time",
    "end_time",
    "entry_point_name",
    "experiment_id",
    "lifecycle_stage",
    "name",
    "run_id",
    "run_name",
    "run_uuid",
    "source_name",
    "source_type",
    "source_version",
    "start_time",
    "status",
    "tags",
    "user_id",
];

const SOURCE_TYPES: &[&str] = &["NOTEBOOK", "JOB", "PROJECT", "LOCAL", "UNKNOWN"];

fn status(meta: &Meta) -> Result<RunStatus> {
    Ok(match meta.text("status") {
        None | Some("1" | "RUNNING") => RunStatus::Running,
        Some("2" | "SCHEDULED") => RunStatus::Scheduled,
        Some("3" | "FINISHED") => RunStatus::Finished,
        Some("4" | "FAILED") => RunStatus::Failed,
        Some("5" | "KILLED") => RunStatus::Killed,
        Some(_) => return Err(meta.odd("status")),
    })
}

/// The type as MLflow numbers it, or says it.
fn source_type(meta: &Meta) -> Result<&'static str> {
    let Some(found) = meta.text("source_type") else { return Ok("LOCAL") };
    let numbered = found.parse::<usize>().ok().and_then(|number| match number {
        1000 => Some("UNKNOWN"),
        number => SOURCE_TYPES.get(number.checked_sub(1)?).copied(),
    });
    let named = SOURCE_TYPES.iter().copied().find(|name| *name == found);
    numbered.or(named).ok_or_else(|| meta.odd("source_type"))
}

/// The datasets of an experiment: the key in the target of each folder's.
pub type Datasets = HashMap<String, String>;

/// Reads the run in a folder, which has a description.
pub fn read(
    (name, folder): (&str, &Path),
    meta: &Meta,
    (experiment, datasets): (i64, &Datasets),
    sink: &mut Sink<'_>,
    job: &Job,
) -> Result<()> {
    let id = meta.first_text(&["run_id", "run_uuid"]).ok_or_else(|| meta.lacks("run_id"))?;
    let start_time = meta.number("start_time")?.ok_or_else(|| meta.lacks("start_time"))?;
    sink.begin_source(name);
    sink.begin_run(&NewRun {
        id,
        experiment,
        name: meta.first_text(&["run_name", "name"]).unwrap_or(""),
        user: meta.text("user_id"),
        status: status(meta)?,
        start_time,
        end_time: meta.number("end_time")?,
        deleted: meta.text("lifecycle_stage") == Some("deleted"),
        deleted_time: meta.number("deleted_time")?,
        artifact_uri: meta.text("artifact_uri"),
        source_type: source_type(meta)?,
        source_name: meta.text("source_name").unwrap_or(""),
        entry_point: meta.text("entry_point_name").unwrap_or(""),
        source_version: meta.text("source_version").unwrap_or(""),
    })?;
    sink.source.unfinished = matches!(status(meta)?, RunStatus::Running | RunStatus::Scheduled);
    for other in meta.others(KNOWN) {
        sink.source.values.read += 1;
        let value = json!({"name": other, "value": meta.text(other)});
        sink.beside("run_description", &value)?;
    }
    values::read(&folder.join("params"), sink, &mut |sink, key, value| sink.param(key, value))?;
    values::read(&folder.join("tags"), sink, &mut |sink, key, value| sink.tag(key, value))?;
    for (key, path) in files(&folder.join("metrics"))? {
        points::read(&path, sink, job, &mut |sink, line| {
            let [dataset, digest, more] = line.rest;
            if more.is_some() || dataset.is_some() != digest.is_some() {
                return Ok(false);
            }
            sink.point(&key, line.step, line.time, line.value)?;
            if let (Some(dataset), Some(digest)) = (dataset, digest) {
                // The table of points has no place for it.
                sink.source.values.read += 1;
                let point = json!({"key": key, "step": line.step, "timestamp": line.time});
                sink.beside("dataset_of_point", &json!({"point": point, "dataset": dataset, "digest": digest}))?;
            }
            Ok(true)
        })?;
    }
    inputs(folder, id, datasets, sink)?;
    outputs(folder, id, sink)?;
    sink.end_run()?;
    sink.end_source()
}

/// Writes a link and its tags.
fn link(
    (source_type, source): (&str, &str),
    (destination_type, destination): (&str, &str),
    step: i64,
    tags: &[(&str, &str)],
    sink: &mut Sink<'_>,
) -> Result<()> {
    // The files have no key for it: one that is the same every time.
    let uuid = uuid_of(&["input", source_type, source, destination_type, destination]);
    let text = |text: &str| ValueRef::Text(text.as_bytes()).to_owned();
    let (uuid, source_type, source) = (text(&uuid), text(source_type), text(source));
    let (destination_type, destination) = (text(destination_type), text(destination));
    sink.source.values.read += 1;
    sink.row(
        "inputs",
        &[
            ("input_uuid", uuid.borrow()),
            ("source_type", source_type.borrow()),
            ("source_id", source.borrow()),
            ("destination_type", destination_type.borrow()),
            ("destination_id", destination.borrow()),
            ("step", ValueRef::Integer(step)),
        ],
    )?;
    for (name, value) in tags {
        sink.source.values.read += 1;
        let columns = [
            ("input_uuid", uuid.borrow()),
            ("name", ValueRef::Text(name.as_bytes())),
            ("value", ValueRef::Text(value.as_bytes())),
        ];
        sink.row("input_tags", &columns)?;
    }
    Ok(())
}

fn inputs(folder: &Path, run: &str, datasets: &Datasets, sink: &mut Sink<'_>) -> Result<()> {
    for (_, path) in folders(&folder.join("inputs"))? {
        let Some(meta) = Meta::read(&path.join("meta.yaml"))? else { continue };
        let source = meta.text("source_id").ok_or_else(|| meta.lacks("source_id"))?;
        let tags = meta.pairs("tags");
        let step = meta.number("step")?.unwrap_or(0);
        match (meta.text("source_type"), datasets.get(source)) {
            (Some("DATASET"), Some(dataset)) => link(("DATASET", dataset), ("RUN", run), step, &tags, sink)?,
            (Some("MODEL"), _) => link(("RUN_INPUT", run), ("MODEL_INPUT", source), step, &tags, sink)?,
            (Some("DATASET"), None) => {
                sink.source.values.read += 1;
                sink.source.values.refuse("unknown_dataset");
            }
            _ => return Err(meta.odd("source_type")),
        }
    }
    Ok(())
}

fn outputs(folder: &Path, run: &str, sink: &mut Sink<'_>) -> Result<()> {
    for (model, path) in folders(&folder.join("outputs"))? {
        let Some(meta) = Meta::read(&path.join("meta.yaml"))? else { continue };
        let step = meta.number("step")?.unwrap_or(0);
        link(("RUN_OUTPUT", run), ("MODEL_OUTPUT", &model), step, &meta.pairs("tags"), sink)?;
    }
    Ok(())
}
