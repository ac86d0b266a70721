//! Private databases and files in SQLite's folder for temporary files. They have no name, and disappear when they are closed. Also the errors
//! about that folder.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ffi};

use crate::error::{Domain, Error, Result, Status};
use crate::files::out_of_descriptors;

/// Where SQLite puts temporary files: the first of what these variables name and of these folders that it may write to.
const VARIABLES: [&str; 2] = ["SQLITE_TMPDIR", "TMPDIR"];
const FOLDERS: [&str; 4] = ["/var/tmp", "/usr/tmp", "/tmp", "."];

const MEND: &str = "free some space there, or set TMPDIR to another folder before the program starts";
const MEND_NONE: &str = "make one of them writable, or set TMPDIR to a writable folder before the program starts";

fn candidates() -> impl Iterator<Item = PathBuf> {
    // SQLite reads them when it starts; here they are read to name what it chose from.
    let named = VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    named.chain(FOLDERS.iter().map(PathBuf::from))
}

fn is_writable(folder: &Path) -> bool {
    use rustix::fs::Access;
    folder.is_dir() && rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The folder for files of our own that live as long as a call: the one that was asked for, else where SQLite puts its own.
pub fn folder(named: Option<&Path>) -> PathBuf {
    let chosen = || candidates().find(|folder| is_writable(folder)).unwrap_or_else(|| PathBuf::from("."));
    named.map_or_else(chosen, Path::to_owned)
}

/// The error of a temporary file: it names the folder, and no database.
pub fn failed(error: rusqlite::Error) -> Error {
    let code = error.sqlite_error().map(|failure| failure.extended_code);
    let needs_one = error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen);
    let has_no_folder = code == Some(ffi::SQLITE_IOERR_GETTEMPPATH);
    code.into_iter().fold(named(&error, needs_one, has_no_folder), Error::vendor)
}

/// The same of a file that is no database.
fn file_failed(error: &std::io::Error, needs_one: bool) -> Error {
    named(error, needs_one, false)
}

fn named(error: &dyn std::fmt::Display, needs_one: bool, has_no_folder: bool) -> Error {
    if let Some(cause) = out_of_descriptors().filter(|_| needs_one)
        && let Some(named) = Error::of_descriptors(Domain::Database, "a temporary file cannot be opened", &cause)
    {
        return named;
    }
    let chosen = candidates().find(|folder| is_writable(folder)).filter(|_| !has_no_folder);
    let (message, hint) = match &chosen {
        Some(folder) => (format!("a temporary file in {} failed ({error})", folder.display()), MEND),
        None => {
            let tried: Vec<String> = candidates().map(|folder| folder.display().to_string()).collect();
            (format!("no folder for temporary files can be written to: {}", tried.join(", ")), MEND_NONE)
        }
    };
    let built = Error::new(Status::Io, Domain::Database, message).hint(hint);
    chosen.iter().fold(built, |error, folder| error.detail("temporary_folder", folder.display()))
}

/// Bytes that are put aside one piece after another, and come back in that order, in a file without a name.
pub struct Pieces {
    file: File,
    /// What is there and was not taken back, by its size; and where it begins and ends.
    sizes: VecDeque<usize>,
    begin: u64,
    end: u64,
}

impl Pieces {
    /// None yet.
    pub fn new() -> Result<Pieces> {
        let file = tempfile::tempfile_in(folder(None)).map_err(|error| file_failed(&error, true))?;
        Ok(Pieces { file, sizes: VecDeque::new(), begin: 0, end: 0 })
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.file.write_all_at(piece, self.end).map_err(|error| file_failed(&error, false))?;
        self.end += piece.len() as u64;
        self.sizes.push_back(piece.len());
        Ok(())
    }

    /// Takes the next piece; `None` if there is none.
    pub fn pop(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        Ok(if self.take(&mut piece)? { Some(piece) } else { None })
    }

    /// Takes the next piece into this memory; whether there is one.
    pub fn take(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let Some(size) = self.sizes.pop_front() else { return Ok(false) };
        piece.resize(size, 0);
        self.file.read_exact_at(piece, self.begin).map_err(|error| file_failed(&error, false))?;
        self.begin += size as u64;
        Ok(true)
    }
}

/// An empty database.
pub fn empty() -> Result<Connection> {
    Connection::open("").map_err(failed)
}

/// A database with this table in it, in a transaction that never ends.
pub fn with_table(table: &str) -> Result<Connection> {
    let connection = empty()?;
    connection
        .execute_batch(&format!(
            "PRAGMA cache_size = -4096; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; CREATE TABLE {table}; BEGIN",
        ))
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(4);
    Ok(connection)
}
