//! Finds the files, and which run each is a session of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::run;
use crate::database::{Foreign, Next};
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::readers::account::Clock;
use crate::readers::new_rows::NewExperiment;
use crate::readers::reader::{Reader, Recognised};
use crate::readers::sink::Sink;

const NAME: &str = "run_operations.sqlite3";
/// A file is at most so many folders below the one that is given: in a run's, in that of the client, in a project's.
const DEEPEST: usize = 3;
/// The version of the file's tables.
const VERSION: &str = "v5";

/// Reads what neptune-scale kept.
pub static READER: Reader = Reader {
    name: "neptune",
    title: "offline runs of neptune-scale",
    recognises,
    read,
    never_written: &[
        "digits of a step beyond the sixth",
        "operations that were sent to the service, which are taken out of the file",
        "whether and how a run ended",
    ],
    clock: Clock::Known,
};

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let cannot =
        |error: &std::io::Error| Error::from_io(Domain::ImportExport, "the folder cannot be read", folder, error);
    for entry in std::fs::read_dir(folder).map_err(|error| cannot(&error))? {
        let entry = entry.map_err(|error| cannot(&error))?;
        // Links are not followed.
        let kind = entry.file_type().map_err(|error| cannot(&error))?;
        if kind.is_dir() && depth < DEEPEST {
            collect(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() && entry.file_name() == NAME {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if path.is_dir() {
        collect(path, 0, &mut found)?;
    } else if path.is_file() && path.extension().is_some_and(|extension| extension == "sqlite3") {
        found.push(path.to_owned());
    }
    found.sort();
    Ok(found)
}

fn recognises(path: &Path) -> Result<Recognised> {
    let job = Job::unwatched(Domain::ImportExport);
    for file in files(path)? {
        let database = Foreign::open(&file.to_string_lossy(), &job)?;
        let state = database.state(&job)?;
        if state.connection().layout()?.extra_tables.iter().any(|table| table == "run_operations") {
            return Ok(Recognised::Yes);
        }
    }
    Ok(Recognised::No)
}

/// Which run a file is of: its project and its id.
fn run_of(file: &Path, job: &Arc<Job>) -> Result<(String, String)> {
    let database = Foreign::open(&file.to_string_lossy(), job)?;
    let state = database.state(job)?;
    let mut found = None;
    state.connection().query("SELECT version, project, run_id FROM metadata", &[], &mut |row| {
        let text = |at: usize| -> Result<String> { Ok(row.value(at)?.readable().unwrap_or_default()) };
        found = Some((text(0)?, text(1)?, text(2)?));
        Ok(Next::Stop)
    })?;
    match found {
        Some((version, project, run)) if version == VERSION => Ok((project, run)),
        Some((version, ..)) => {
            let message = format!("the file is of version {version:?}, and {VERSION} is read");
            Err(Error::new(Status::Unsupported, Domain::ImportExport, message).at(file))
        }
        None => {
            Err(Error::new(Status::Corrupt, Domain::ImportExport, "the file does not say which run it is of").at(file))
        }
    }
}

fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    let files = files(path)?;
    if files.is_empty() {
        let message = "there is no offline run of neptune-scale";
        return Err(Error::new(Status::NotFound, Domain::ImportExport, message)
            .at(path)
            .hint(format!("give a file {NAME}, or the folder of the client, with a folder for each run")));
    }
    // A run that was gone on with has a file for each session.
    let mut runs: BTreeMap<(String, String), Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        runs.entry(run_of(&file, job)?).or_default().push(file);
    }
    let mut projects: BTreeMap<String, i64> = BTreeMap::new();
    for ((project, id), sessions) in &runs {
        let title = sink.options().experiment.clone().unwrap_or_else(|| project.clone());
        let experiment = match projects.get(&title) {
            Some(known) => *known,
            None => {
                let made = sink.experiment(&NewExperiment {
                    name: &title,
                    artifact_location: None,
                    deleted: false,
                    creation_time: None,
                    last_update_time: None,
                })?;
                projects.insert(title, made);
                made
            }
        };
        run::read((project, id), sessions, experiment, sink, job)?;
    }
    Ok(())
}
