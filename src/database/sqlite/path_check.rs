//! Whether a path can be that of a database.

use std::fs::Metadata;
use std::path::Path;

use crate::error::{Domain, Error, Result, Status};

/// The file, if it exists; fails if it cannot be a database file.
pub fn check_path(path: &Path, create: bool) -> Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            Err(Error::argument(Domain::Database, "url", "the path is a directory, not a database file")
                .at(path)
                .hint("give the path of the file in it"))
        }
        // Opening a pipe would wait for somebody to write into it.
        Ok(meta) if !meta.is_file() => Err(Error::argument(
            Domain::Database,
            "url",
            "the path is a pipe, a socket or a device, not a database file",
        )
        .at(path)
        .hint("pass the path of the SQLite file")),
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
            let folder_exists = path.parent().is_some_and(Path::is_dir);
            if folder_exists {
                return Ok(None);
            }
            Err(Error::new(Status::NotFound, Domain::Database, "the folder for the new database does not exist")
                .at(path)
                .hint("create the folder first"))
        }
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Err(Error::new(Status::NotFound, Domain::Database, "there is no database at this path")
                .at(path)
                .hint("check the path; EXPMIG_OPEN_CREATE creates a new database"))
        }
        Err(error) => Err(Error::new(Status::Io, Domain::Database, format!("the path cannot be looked at: {error}"))
            .at(path)
            .hint("check the permissions of the folders above it")),
    }
}
