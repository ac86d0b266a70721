//! Which of Optuna's storages a path is.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::{journal, tables};
use crate::database::Database;
use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::readers::account::Clock;
use crate::readers::loose_json::{member, members};
use crate::readers::reader::{Reader, Recognised};
use crate::readers::sink::Sink;

/// The first line of a journal is not longer.
const LONGEST: u64 = 1 << 16;
/// How a SQLite file begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Reads Optuna's studies.
pub static READER: Reader = Reader {
    name: "optuna",
    title: "Optuna's studies",
    recognises,
    read,
    never_written: &[
        "values of an objective that is NaN: the trial is FAIL",
        "the time of an intermediate value",
        "a second intermediate value of a step",
        "why a trial failed",
    ],
    clock: Clock::Known,
};

fn is_journal(path: &Path) -> Result<bool> {
    let file = std::fs::File::open(path)
        .map_err(|error| Error::from_io(Domain::ImportExport, "the file cannot be read", path, &error))?;
    let mut line = Vec::new();
    let read = BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut line);
    read.map_err(|error| Error::from_io(Domain::ImportExport, "the file cannot be read", path, &error))?;
    let text = String::from_utf8_lossy(&line);
    let found = members(text.trim_end());
    Ok(found.is_some_and(|found| member(&found, "op_code").is_some() && member(&found, "worker_id").is_some()))
}

fn is_sqlite(path: &Path) -> Result<bool> {
    let mut beginning = [0; SQLITE.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    match read {
        Ok(()) => Ok(beginning == SQLITE),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::from_io(Domain::ImportExport, "the file cannot be read", path, &error)),
    }
}

fn recognises(path: &Path) -> Result<Recognised> {
    let is_it = match path.is_file() {
        false => Database::is_on_a_server(&path.to_string_lossy()),
        true if is_sqlite(path)? => tables::are_there(path)?,
        true => is_journal(path)?,
    };
    Ok(if is_it { Recognised::Yes } else { Recognised::No })
}

fn read(path: &Path, sink: &mut Sink<'_>, job: &Arc<Job>) -> Result<()> {
    if path.is_file() && !is_sqlite(path)? { journal::read(path, sink, job) } else { tables::read(path, sink, job) }
}
