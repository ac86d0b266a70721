//! The folders of a log: each with event files in it is a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::run;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::account::Clock;
use crate::readers::identity::run_id_of;
use crate::readers::new_rows::NewExperiment;
use crate::readers::reader::{Reader, Recognised};
use crate::readers::sink::Sink;

/// Part of the name of every event file.
const MARK: &str = "tfevents";
/// Folders are not nested deeper.
const DEEPEST: usize = 64;

/// Reads TensorBoard's event files.
pub static READER: Reader = Reader {
    name: "tensorboard",
    title: "TensorBoard's event files",
    recognises,
    read,
    never_written: &[
        "digits beyond 32 bits, by most writers",
        "integers above 2^24, which are rounded, and numbers above 3.4e38, which are infinite",
        "whether and how a run ended",
    ],
    clock: Clock::Known,
};

/// The event files of each folder, by the folder's path from the log's.
type Runs = BTreeMap<String, Vec<PathBuf>>;

fn is_event_file(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains(MARK))
}

/// Finds the files. Links to folders are not followed.
fn collect(folder: &Path, below: &str, depth: usize, runs: &mut Runs) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::new(Status::Limit, Domain::ImportExport, "the folders are nested too deep").at(folder));
    }
    let cannot =
        |error: &std::io::Error| Error::from_io(Domain::ImportExport, "the folder cannot be read", folder, error);
    for entry in std::fs::read_dir(folder).map_err(|error| cannot(&error))? {
        let entry = entry.map_err(|error| cannot(&error))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().map_err(|error| cannot(&error))?;
        if kind.is_dir() {
            let below = if below.is_empty() { name } else { format!("{below}/{name}") };
            collect(&path, &below, depth + 1, runs)?;
        } else if is_event_file(&path) && path.is_file() {
            runs.entry(below.to_owned()).or_default().push(path);
        }
    }
    Ok(())
}

fn runs_of(path: &Path) -> Result<Runs> {
    let mut runs = Runs::new();
    if path.is_dir() {
        collect(path, "", 0, &mut runs)?;
    } else if is_event_file(path) {
        runs.insert(String::new(), vec![path.to_owned()]);
    }
    // A writer that begins anew makes a file whose name comes later.
    runs.values_mut().for_each(|files| files.sort());
    Ok(runs)
}

fn recognises(path: &Path) -> Result<Recognised> {
    Ok(if runs_of(path)?.is_empty() { Recognised::No } else { Recognised::Yes })
}

/// The name of the log: of its folder.
fn log_name(path: &Path) -> String {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let whole = folder.and_then(|folder| std::fs::canonicalize(folder).ok());
    let name = whole.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "tensorboard".to_owned())
}

/// The nearest folder above that is a run too.
fn parent<'r>(name: &str, ids: &'r BTreeMap<String, String>) -> Option<&'r String> {
    let mut above = name;
    while let Some((folder, _)) = above.rsplit_once('/') {
        if let Some(id) = ids.get(folder) {
            return Some(id);
        }
        above = folder;
    }
    if name.is_empty() { None } else { ids.get("") }
}

fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let runs = runs_of(path)?;
    if runs.is_empty() {
        return Err(Error::new(Status::NotFound, Domain::ImportExport, "there is no event file of TensorBoard")
            .at(path)
            .hint("give the folder in which the files events.out.tfevents.… are, or one above it"));
    }
    let log = log_name(path);
    let experiment = sink.experiment(&NewExperiment {
        name: &log,
        artifact_location: None,
        deleted: false,
        creation_time: None,
        last_update_time: None,
    })?;
    let title = sink.options().experiment.clone().unwrap_or_else(|| log.clone());
    let mut ids = BTreeMap::new();
    for (name, files) in &runs {
        // What is written first stays what it was while the log grows.
        let first = run::first_time(files)?.to_bits().to_string();
        let id = run_id_of(&["tensorboard", &title, name, &first]);
        let shown = if name.is_empty() { &log } else { name };
        run::read((&id, shown, name), (files, parent(name, &ids)), experiment, sink, job)?;
        ids.insert(name.clone(), id);
    }
    Ok(())
}
