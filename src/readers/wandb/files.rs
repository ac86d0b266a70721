//! Finds the files, and the experiments that their runs are of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::session;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::account::Clock;
use crate::readers::new_rows::NewExperiment;
use crate::readers::reader::{Reader, Recognised};
use crate::readers::sink::Sink;

const EXTENSION: &str = "wandb";
/// A file is at most so many folders below the one that is given: in a run's, in the folder `wandb` of a project.
const DEEPEST: usize = 3;
/// Where a run says no project.
const NO_PROJECT: &str = "uncategorized";

/// Reads offline runs of W&B.
pub static READER: Reader = Reader {
    name: "wandb",
    title: "offline runs of W&B",
    recognises,
    read,
    never_written: &[
        "rows with a step below the one that was open",
        "earlier values of a key within one step",
        "empty maps and the empty key",
        "the difference of NaN and None in a configuration and a summary",
        "what was not yet flushed when the process was killed",
    ],
    clock: Clock::Known,
};

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let cannot =
        |error: &std::io::Error| Error::from_io(Domain::ImportExport, "the folder cannot be read", folder, error);
    for entry in std::fs::read_dir(folder).map_err(|error| cannot(&error))? {
        let entry = entry.map_err(|error| cannot(&error))?;
        // Links are not followed: `latest-run` is one, to a run that is there too.
        let kind = entry.file_type().map_err(|error| cannot(&error))?;
        let path = entry.path();
        if kind.is_dir() && depth < DEEPEST {
            collect(&path, depth + 1, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if path.is_dir() {
        collect(path, 0, &mut found)?;
    } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
        found.push(path.to_owned());
    }
    found.sort();
    Ok(found)
}

fn recognises(path: &Path) -> Result<Recognised> {
    Ok(if files(path)?.is_empty() { Recognised::No } else { Recognised::Yes })
}

fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let files = files(path)?;
    if files.is_empty() {
        return Err(Error::new(Status::NotFound, Domain::ImportExport, "there is no offline run of W&B")
            .at(path)
            .hint("give a file run-….wandb, the folder of a run, or the folder wandb"));
    }
    let mut projects: BTreeMap<String, i64> = BTreeMap::new();
    for file in &files {
        let name = file.strip_prefix(path).ok().filter(|name| !name.as_os_str().is_empty());
        let name = name.unwrap_or_else(|| Path::new(file.file_name().unwrap_or_default())).to_string_lossy();
        sink.begin_source(&name);
        match session::begin(file, job)? {
            Some(start) => {
                let project = start.project.clone().unwrap_or_else(|| NO_PROJECT.to_owned());
                let project = sink.options().experiment.clone().unwrap_or(project);
                let experiment = match projects.get(&project) {
                    Some(known) => *known,
                    None => {
                        let made = sink.experiment(&NewExperiment {
                            name: &project,
                            artifact_location: None,
                            deleted: false,
                            creation_time: None,
                            last_update_time: None,
                        })?;
                        projects.insert(project, made);
                        made
                    }
                };
                session::read(file, &start, experiment, sink, job)?;
            }
            None => session::empty(file, sink)?,
        }
        sink.end_source()?;
    }
    Ok(())
}
