//! The file that a document is read from.

use std::fs::File;
use std::path::Path;

use crate::database::Database;
use crate::error::{Domain, Error, Result, Status};

/// Opens a document. The target's own files are refused: closing them would drop SQLite's locks.
pub fn read_file(path: &Path, target: &Database) -> Result<File> {
    let refused = |what: &str, hint: &str| Err(Error::argument(Domain::ImportExport, "path", what).at(path).hint(hint));
    if target.has_file(path) {
        return refused("the path is that of the database itself", "pass the path of an exported document");
    }
    if path.is_dir() {
        return refused("the path is a directory, not a document", "give the path of the file in it");
    }
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Error::new(Status::NotFound, Domain::ImportExport, "there is no document at this path")
                .at(path)
                .hint("check the path")
        }
        _ => Error::from_io(Domain::ImportExport, "the document cannot be opened", path, &error),
    })
}
