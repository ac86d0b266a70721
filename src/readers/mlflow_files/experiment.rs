//! The folder, and the experiments in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::folder::folders;
use super::meta::Meta;
use super::run::{self, Datasets};
use super::{model, values};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::account::Clock;
use crate::readers::identity::uuid_of;
use crate::readers::new_rows::NewExperiment;
use crate::readers::reader::{Reader, Recognised};
use crate::readers::sink::Sink;
use crate::values::ValueRef;

/// Folders of an experiment that are no runs.
const RESERVED: &[&str] = &["tags", "datasets", "traces", "models", ".trash"];
/// What a description of an experiment can have.
const KNOWN: &[&str] = &[
    "artifact_location",
    "creation_time",
    "experiment_id",
    "last_update_time",
    "lifecycle_stage",
    "name",
    "tags",
    "workspace",
];
const TRASH: &str = ".trash";

/// Reads MLflow's file store.
pub static READER: Reader = Reader {
    name: "mlflow-files",
    title: "MLflow's file store",
    recognises,
    read,
    never_written: &[],
    clock: Clock::Known,
};

/// The folder with the experiments: the one that is given, or `mlruns` in it.
fn root(path: &Path) -> PathBuf {
    let inner = path.join("mlruns");
    if experiments(path).is_ok_and(|found| found.is_empty()) && inner.is_dir() { inner } else { path.to_owned() }
}

/// The folders of experiments in a folder.
fn experiments(path: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = folders(path)?;
    found.retain(|(name, path)| name.parse::<i64>().is_ok() && path.join("meta.yaml").is_file());
    Ok(found)
}

fn recognises(path: &Path) -> Result<Recognised> {
    if !path.is_dir() {
        return Ok(Recognised::No);
    }
    let root = root(path);
    let any = !experiments(&root)?.is_empty() || !experiments(&root.join(TRASH))?.is_empty();
    Ok(if any { Recognised::Yes } else { Recognised::No })
}

fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let root = root(path);
    let mut any = false;
    for (below, prefix) in [(root.clone(), ""), (root.join(TRASH), ".trash/")] {
        for (name, folder) in experiments(&below)? {
            any = true;
            read_experiment((&format!("{prefix}{name}"), &folder), sink, job)?;
        }
    }
    if any {
        return Ok(());
    }
    Err(Error::new(Status::NotFound, Domain::ImportExport, "there is no experiment of MLflow's file store")
        .at(path)
        .hint("give the folder mlruns, which has a folder with a meta.yaml for each experiment"))
}

/// Whether there is nothing of an experiment but what every store has.
fn is_empty_default(meta: &Meta, folder: &Path) -> Result<bool> {
    let is_default = meta.text("experiment_id") == Some("0") && meta.text("name") == Some("Default");
    Ok(is_default && folders(folder)?.is_empty())
}

fn read_experiment((name, folder): (&str, &Path), sink: &mut Sink<'_>, job: &Job) -> Result<()> {
    let meta_path = folder.join("meta.yaml");
    let Some(meta) = Meta::read(&meta_path)? else { return Ok(()) };
    sink.begin_source(name);
    sink.source.values.read += 1;
    if is_empty_default(&meta, folder)? {
        sink.source.values.fold("empty_default_experiment", 1);
        return sink.end_source();
    }
    let experiment = sink.experiment(&NewExperiment {
        name: meta.text("name").ok_or_else(|| meta.lacks("name"))?,
        artifact_location: meta.text("artifact_location"),
        deleted: meta.text("lifecycle_stage") == Some("deleted"),
        creation_time: meta.number("creation_time")?,
        last_update_time: meta.number("last_update_time")?,
    })?;
    sink.source.values.stored += 1;
    for other in meta.others(KNOWN) {
        sink.source.values.read += 1;
        sink.beside("experiment_description", &json!({"name": other, "value": meta.text(other)}))?;
    }
    values::read(&folder.join("tags"), sink, &mut |sink, key, value| {
        let columns = [
            ("key", ValueRef::Text(key.as_bytes())),
            ("value", ValueRef::Text(value.as_bytes())),
            ("experiment_id", ValueRef::Integer(experiment)),
        ];
        sink.row("experiment_tags", &columns)
    })?;
    let datasets = read_datasets(folder, experiment, &meta, sink)?;
    // What the files have of a trace is not what the target's tables want of one.
    values::read(&folder.join("traces"), sink, &mut |sink, path, content| {
        sink.beside("trace_file", &json!({"path": path, "content": content}))
    })?;
    sink.end_source()?;
    for (run_name, path) in folders(folder)? {
        if RESERVED.contains(&run_name.as_str()) {
            continue;
        }
        let source = format!("{name}/{run_name}");
        match Meta::read(&path.join("meta.yaml"))? {
            Some(meta) => run::read((&source, &path), &meta, (experiment, &datasets), sink, job)?,
            None => no_description(&source, sink)?,
        }
    }
    for (model_name, path) in folders(&folder.join("models"))? {
        let source = format!("{name}/models/{model_name}");
        match Meta::read(&path.join("meta.yaml"))? {
            Some(meta) => model::read((&source, &path), &meta, experiment, sink, job)?,
            None => no_description(&source, sink)?,
        }
    }
    Ok(())
}

/// A folder that is no run to MLflow either.
fn no_description(source: &str, sink: &mut Sink<'_>) -> Result<()> {
    sink.begin_source(source);
    sink.source.values.read += 1;
    sink.source.values.refuse("no_description");
    sink.end_source()
}

fn read_datasets(folder: &Path, experiment: i64, of: &Meta, sink: &mut Sink<'_>) -> Result<Datasets> {
    let mut datasets = Datasets::new();
    let owner = of.text("experiment_id").unwrap_or_default();
    for (name, path) in folders(&folder.join("datasets"))? {
        let Some(meta) = Meta::read(&path.join("meta.yaml"))? else { continue };
        // The files have no key for it: one that is the same every time.
        let uuid = uuid_of(&["dataset", owner, of.text("creation_time").unwrap_or_default(), &name]);
        let text = |key: &str| meta.text(key).map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()));
        let needed = |key: &str| match meta.text(key) {
            Some(text) => ValueRef::Text(text.as_bytes()),
            None => ValueRef::Text(b""),
        };
        sink.source.values.read += 1;
        sink.row(
            "datasets",
            &[
                ("dataset_uuid", ValueRef::Text(uuid.as_bytes())),
                ("experiment_id", ValueRef::Integer(experiment)),
                ("name", needed("name")),
                ("digest", needed("digest")),
                ("dataset_source_type", needed("source_type")),
                ("dataset_source", needed("source")),
                ("dataset_schema", text("schema")),
                ("dataset_profile", text("profile")),
            ],
        )?;
        datasets.insert(name, uuid);
    }
    Ok(datasets)
}
